/* Training on a device, tried out on a host: digits.c, which `rung export --train` wrote, stands
 * for the device's program and has all its memory in `block`; what is around it here stands for the
 * device's sensor (rows of a table from the standard input) and its flash memory (`saved`).
 *
 * After each epoch the state is sealed and saved, in two places in turn, so that power may fail at
 * any time: here it does, while the third state is being written. See run.sh. */
#include <stdio.h>
#include <string.h>

#define DIGITS_DECLARE
#include "digits.c"

enum { MOST = 2000, EPOCHS = 5, HELD_OUT = 5 /* every so many */ };

static union {
  float align;
  unsigned char byte[DIGITS_BLOCK_BYTES];
} block, saved[2];

static float sample[MOST][DIGITS_INPUTS], label[MOST];
static int samples;

static int read_table(void) {
  char line[1024];
  while (samples < MOST && fgets(line, sizeof line, stdin)) {
    int at = 0, length, column;
    for (column = 0; column <= DIGITS_INPUTS; column++, at += length + 1) {
      float *to = column < DIGITS_INPUTS ? &sample[samples][column] : &label[samples];
      if (sscanf(line + at, "%f%n", to, &length) != 1) return 0;
    }
    samples++;
  }
  return samples > DIGITS_BATCH;
}

static unsigned next(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* The batches of an epoch, in an order that the epoch alone decides. */
static int train(int epoch) {
  static int order[MOST];
  static float x[DIGITS_BATCH][DIGITS_INPUTS], target[DIGITS_BATCH];
  unsigned state = (unsigned)epoch;
  double rate = 0.006 * (EPOCHS - epoch) / EPOCHS;
  float loss, sum = 0;
  int count = 0, i, steps = 0;
  for (i = 0; i < samples; i++)
    if (i % HELD_OUT) order[count++] = i;
  for (i = 0; i < count; i++) {
    int k = i + (int)(next(&state) % (unsigned)(count - i)), other = order[k], n = i % DIGITS_BATCH;
    order[k] = order[i];
    memcpy(x[n], sample[other], sizeof x[n]);
    target[n] = label[other];
    if (n < DIGITS_BATCH - 1) continue;
    if (digits_step(&block, x[0], target, rate, &loss) != 0) return 0;
    sum += loss;
    steps++;
  }
  printf("epoch %d: loss %.4f\n", epoch + 1, (double)sum / steps);
  return 1;
}

static double accuracy(void) {
  float y[DIGITS_OUTPUTS];
  int right = 0, all = 0, i;
  for (i = 0; i < samples; i += HELD_OUT, all++) {
    digits_predict(&block, sample[i], y);
    right += digits_largest(y) == (int)label[i];
  }
  return (double)right / all;
}

/* Writes the state to flash; with `fails` the power goes half way. */
static void save(int epoch, int fails) {
  digits_seal(&block);
  memcpy(&saved[epoch % 2], &block, fails ? DIGITS_STATE_BYTES / 2 : DIGITS_STATE_BYTES);
}

/* The power is back: memory holds anything. The state that is whole goes on. */
static int restore(int epoch) {
  memset(&block, 0xa5, sizeof block);
  if (digits_intact(&saved[epoch % 2])) return -1; /* it was written half */
  if (!digits_intact(&saved[(epoch + 1) % 2])) return -1;
  memcpy(&block, &saved[(epoch + 1) % 2], DIGITS_STATE_BYTES);
  return epoch;
}

int main(void) {
  int epoch, failed = 0;
  if (!read_table()) {
    fprintf(stderr, "expected rows of %d numbers and a digit\n", DIGITS_INPUTS);
    return 1;
  }
  digits_begin(&block);
  printf("before: %.1f%% of held-out digits\n", 100 * accuracy());
  for (epoch = 0; epoch < EPOCHS; epoch++) {
    int fails = epoch == 2 && !failed;
    if (!train(epoch)) return 1;
    save(epoch, fails);
    if (!fails) continue;
    printf("power lost while saving\n");
    failed = 1;
    epoch = restore(epoch) - 1;
    if (epoch < 0) return 1;
  }
  printf("after: %.1f%% of held-out digits\n", 100 * accuracy());
  return !(accuracy() >= 0.95);
}
