/* The digits of examples/data, taken as images of 8 by 8 counts of ink: ten-fold cross-validation.
 */
#include <stdio.h>

#include "rung/batch.h"
#include "stable.h"

enum { FOLDS = 10, EDGE = 8, PIXELS = EDGE * EDGE, CLASSES = 10, MOST_HELD = 200, EPOCHS = 30 };

typedef struct digits {
  rung_context *ctx;
  rung_dataset *set;
  rung_network *network;
  double mean[PIXELS], scale[PIXELS]; /* the same for all pixels: ink from 0 to 1 */
} digits;

static rung_batches *batches_of(digits *d, const rung_part *part, int64_t batch, bool training,
                                int seed) {
  rung_batch_options o = rung_batch_options_default();
  rung_batches *batches;
  o.batch = batch;
  o.training = training;
  o.seed = (uint64_t)seed;
  o.mean = d->mean;
  o.scale = d->scale;
  must(d->ctx, rung_batches_open(d->set, d->ctx, part, &o, RUNG_F32, &batches));
  return batches;
}

static void make_network(digits *d, int seed) {
  const rung_shape sample = {.rank = 3, .dim = {EDGE, EDGE, 1}};
  rung_network_settings s = rung_network_settings_default();
  s.architecture = "conv";
  s.block = "hamiltonian-two";
  s.stages = 2;
  s.channels[0] = 16;
  s.channels[1] = 32;
  s.layers[0] = s.layers[1] = 2;
  must(d->ctx,
       rung_network_create(d->ctx, &s, &sample, CLASSES, RUNG_F32, (uint64_t)seed, &d->network));
}

static void train(digits *d, const rung_part *part, int seed) {
  rung_batches *batches = batches_of(d, part, 32, true, seed);
  rung_training t = rung_training_default();
  rung_trainer *trainer;
  rung_batch b;
  int64_t per_epoch = rung_batches_per_epoch(batches), steps = EPOCHS * per_epoch;
  t.rate = 5e-3;
  t.weight_decay = 0.01;
  t.schedule = "cosine";
  t.warmup = 0.05;
  t.batch = 32;
  must(d->ctx, rung_trainer_create(d->network, d->ctx, &t, steps, per_epoch, &trainer));
  for (int64_t i = 0; i < steps; i++) {
    must(d->ctx, rung_batches_next(batches, &b));
    must(d->ctx, rung_trainer_step(trainer, b.x, b.y, b.weight, NULL));
  }
  rung_trainer_destroy(trainer);
  rung_batches_destroy(batches);
}

static int count_wrong(digits *d, const rung_part *held) {
  float score[MOST_HELD * CLASSES];
  rung_batches *batches = batches_of(d, held, held->count, false, 1);
  rung_batch b;
  int wrong = 0;
  must(d->ctx, rung_batches_next(batches, &b));
  must(d->ctx, rung_network_apply(d->network, d->ctx, b.count, b.x, score));
  for (int64_t i = 0; i < b.count; i++)
    wrong += highest(score, RUNG_F32, i, CLASSES) != rung_dataset_label(d->set, b.sample[i]);
  rung_batches_destroy(batches);
  return wrong;
}

static int run_fold(digits *d, int fold, int seed) {
  rung_part part, held;
  must(d->ctx, rung_part_fold(d->set, d->ctx, NULL, FOLDS, fold, (uint64_t)seed, &part, &held));
  if (held.count > MOST_HELD) return 0;
  make_network(d, seed);
  train(d, &part, seed);
  int wrong = count_wrong(d, &held);
  rung_network_destroy(d->network);
  rung_free(d->ctx, part.index);
  rung_free(d->ctx, held.index);
  return wrong;
}

void run_digits(void) {
  rung_dataset_options o = rung_dataset_options_default();
  digits d = {.ctx = context_of(setting("THREADS", 2))};
  o.target = "64";
  o.header = 0;
  for (int i = 0; i < PIXELS; i++) d.scale[i] = 16;
  must(d.ctx, rung_dataset_open(d.ctx, BENCH_DIGITS, &o, &d.set));
  int count = (int)rung_dataset_count(d.set);
  printf("  conv, hamiltonian-two, channels 16, 32, layers 2, 2, AdamW 5e-3, decay 0.01, batch 32, "
         "%d epochs\n",
         EPOCHS);
  for (int seed = 1; seed <= seeds_of(1); seed++) {
    double start = rg_seconds(), cpu = cpu_seconds();
    int wrong = 0;
    for (int fold = 0; fold < FOLDS; fold++) {
      wrong += run_fold(&d, fold, seed);
      printf("    %d of %d folds: %d wrong\n", fold + 1, FOLDS, wrong);
      fflush(stdout);
    }
    printf(
        "    seed %d: accuracy %.4f (to reach: 0.9850), %d of %d wrong; %.0f s, processor %.0f\n",
        seed, 1 - (double)wrong / count, wrong, count, rg_seconds() - start, cpu_seconds() - cpu);
    fflush(stdout);
  }
  rung_dataset_destroy(d.set);
  rung_context_destroy(d.ctx);
}
