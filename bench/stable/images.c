/* Trainings by recipe on images: a network of 1,202 layers, and few images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stable.h"

typedef struct seen {
  double first, last; /* loss of the first and the last epoch */
  int restored;
  char plan[4][200];
  int lines;
} seen;

static int look(void *user, const rung_train_progress *p) {
  seen *s = user;
  if (p->plan && s->lines < 4) snprintf(s->plan[s->lines++], sizeof s->plan[0], "%s", p->plan);
  if (p->note) printf("    %s\n", p->note);
  if (p->finished) {
    s->last = p->finished->train_loss;
    if (p->finished->epoch == 1) s->first = s->last;
    if (getenv("EPOCHS_TOO"))
      printf("    epoch %lld: loss %.4f, accuracy %.4f; %.0f s, peak %.0f MB\n",
             (long long)p->finished->epoch, p->finished->train_loss, p->finished->train_accuracy,
             p->finished->seconds, (double)p->finished->peak_bytes / 1e6);
  }
  fflush(stdout);
  return 0;
}

static rung_train_result train(const char *text, int seed, seen *s) {
  rung_context *ctx = context_of(setting("THREADS", 2));
  rung_recipe *recipe;
  rung_train_result result;
  char number[16];
  memset(s, 0, sizeof *s);
  snprintf(number, sizeof number, "%d", seed);
  must(ctx, rung_recipe_load_memory(ctx, RUNG_RECIPE_TRAIN, "recipe", text, strlen(text), &recipe));
  must(ctx, rung_recipe_set(recipe, ctx, "run.seed", number));
  snprintf(number, sizeof number, "%d", setting("THREADS", 2));
  must(ctx, rung_recipe_set(recipe, ctx, "run.threads", number));
  must(ctx, rung_train(ctx, recipe, NULL, look, s, NULL, &result));
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
  return result;
}

/* ---- deep ---- */

/* 1,200 layers between the opening convolution and the classifier. */
static const char deep_recipe[] =
    "data: {train: mnist/train-images-idx3-ubyte.gz, test: mnist/t10k-images-idx3-ubyte.gz,\n"
    "       validation: 0, limit: 4000}\n"
    "model: {architecture: conv, block: hamiltonian, channels: [8, 16, 32],\n"
    "        layers: [400, 400, 400], time: 4, opening_stride: 2}\n"
    "training: {optimiser: {name: adamw, rate: 0.003}, schedule: {name: cosine, warmup: 0.1},\n"
    "           epochs: 4, batch: 64, clip: 1, activations: reverse, memory: 384MB}\n";

void run_deep(void) {
  seen s;
  int seeds = seeds_of(3);
  if (!go_to_data("mnist")) return;
  printf("%s", deep_recipe);
  for (int seed = 1; seed <= seeds; seed++) {
    double cpu = cpu_seconds();
    rung_train_result r = train(deep_recipe, seed, &s);
    for (int i = 0; seed == 1 && i < s.lines; i++) printf("    %s\n", s.plan[i]);
    printf(
        "    seed %d: loss %.4f in the first epoch, %.4f in the last; restored %d times (to "
        "reach: 0); test accuracy %.4f; %lld weights; peak resident memory %.0f MB (below: 512), "
        "of it above the program %.0f (planned: %.0f); %.0f s, processor %.0f\n",
        seed, s.first, s.last, r.restored, r.test_accuracy, (long long)r.parameters,
        (double)rg_resident(true) / 1e6, (double)r.peak_bytes / 1e6, (double)r.planned_bytes / 1e6,
        r.seconds, cpu_seconds() - cpu);
    fflush(stdout);
  }
}

/* ---- few images ---- */

#define CIFAR_DATA                                                                                 \
  "data: {train: cifar10/cifar10-jpg.tar/train, test: cifar10/cifar10-jpg.tar/test, limit: "       \
  "1000,\n"                                                                                        \
  "       validation: 0, augment: {flip: yes, crop: 4}}\n"
#define CIFAR_TRAINING                                                                             \
  "training: {optimiser: {name: adamw, rate: 0.005, weight_decay: 0.05}, epochs: 60, batch: 50,\n" \
  "           schedule: {name: cosine, warmup: 0.1}}\n"

static const char resnet_recipe[] = CIFAR_DATA
    "model: {architecture: conv, block: resnet, channels: [16, 32, 64], layers: [1, 1, 1],\n"
    "        opening_stride: 2}\n" CIFAR_TRAINING;
static const char hamiltonian_recipe[] = CIFAR_DATA
    "model: {architecture: conv, block: hamiltonian, channels: [32, 64, 128], layers: [2, 1, 2],\n"
    "        opening_stride: 2}\n" CIFAR_TRAINING;

void run_cifar(void) {
  seen s;
  int seeds = seeds_of(5);
  double difference[MOST_SEEDS], half;
  if (!go_to_data("cifar10")) return;
  printf("%s%s", hamiltonian_recipe, strstr(resnet_recipe, "model"));
  for (int seed = 1; seed <= seeds; seed++) {
    rung_train_result h = train(hamiltonian_recipe, seed, &s), r = train(resnet_recipe, seed, &s);
    difference[seed - 1] = 100 * (h.test_accuracy - r.test_accuracy);
    printf("    seed %d: hamiltonian %.4f (%lld weights, %.0f s), resnet %.4f (%lld weights, %.0f "
           "s), difference %+.2f points\n",
           seed, h.test_accuracy, (long long)h.parameters, h.seconds, r.test_accuracy,
           (long long)r.parameters, r.seconds, difference[seed - 1]);
    fflush(stdout);
  }
  double mean = mean_of(difference, seeds, &half);
  printf("    hamiltonian - resnet: %+.2f points, 95%% interval %+.2f to %+.2f\n", mean,
         mean - half, mean + half);
}
