/* Shallow first: levels of a recipe against full depth from the start, with the same epochs. */
#include <stdio.h>
#include <string.h>

#include "stable.h"

static const char levels_recipe[] =
    "data: {train: digits, target: 64, header: no, validation: 0.2}\n"
    "model: {architecture: dense, block: hamiltonian, width: 128, layers: 64, time: 4}\n"
    "training: {optimiser: {name: adamw, rate: 0.002, weight_decay: 0.02}, epochs: 40, batch: 32,\n"
    "           schedule: {name: cosine, warmup: 0.05}}\n";

typedef struct way {
  const char *name, *levels, *epochs;
} way;

enum { WAYS = 3 };

/* The last: is all that full depth needs the time that levels take? */
static const way ways[WAYS] = {
    {"8, 16, 32, 64 layers", "4", "40"},
    {"64 from the start", "1", "40"},
    {"64, half the epochs", "1", "20"},
};

typedef struct outcome {
  double accuracy[MOST_SEEDS], seconds[MOST_SEEDS];
} outcome;

static void train_by(const way *w, int seed, outcome *out) {
  rung_context *ctx = context_of(1);
  rung_recipe *recipe;
  rung_train_result r;
  char number[16];
  snprintf(number, sizeof number, "%d", seed);
  must(ctx, rung_recipe_load_memory(ctx, RUNG_RECIPE_TRAIN, "recipe", levels_recipe,
                                    strlen(levels_recipe), &recipe));
  must(ctx, rung_recipe_set(recipe, ctx, "data.train", BENCH_DIGITS));
  must(ctx, rung_recipe_set(recipe, ctx, "model.levels", w->levels));
  must(ctx, rung_recipe_set(recipe, ctx, "training.epochs", w->epochs));
  must(ctx, rung_recipe_set(recipe, ctx, "run.seed", number));
  must(ctx, rung_recipe_set(recipe, ctx, "run.threads", "1"));
  double start = cpu_seconds();
  must(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, &r));
  out->seconds[seed - 1] = cpu_seconds() - start;
  out->accuracy[seed - 1] = 100 * r.validation_accuracy;
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
}

void run_levels(void) {
  int seeds = seeds_of(5);
  outcome o[WAYS];
  double difference[MOST_SEEDS], half, seconds[WAYS];
  printf("%s", levels_recipe);
  for (int seed = 1; seed <= seeds; seed++)
    for (int i = 0; i < WAYS; i++) {
      train_by(&ways[i], seed, &o[i]);
      printf("    seed %d: %-21s %.2f%% in %.1f s\n", seed, ways[i].name, o[i].accuracy[seed - 1],
             o[i].seconds[seed - 1]);
      fflush(stdout);
    }
  for (int i = 0; i < WAYS; i++) {
    double accuracy = mean_of(o[i].accuracy, seeds, &half);
    seconds[i] = mean_of(o[i].seconds, seeds, &half);
    for (int j = 0; j < seeds; j++) difference[j] = o[i].accuracy[j] - o[0].accuracy[j];
    printf("    %-21s %.2f%% of those held out in %.1f s", ways[i].name, accuracy, seconds[i]);
    double mean = mean_of(difference, seeds, &half);
    if (i) printf("; %+.2f points (95%% interval %+.2f to %+.2f)", mean, mean - half, mean + half);
    printf("\n");
  }
  printf("    means of %d seeds; levels save %.0f%% of the time (to reach: 40%%)\n", seeds,
         100 * (1 - seconds[0] / seconds[1]));
}
