/* What the tests of trainings have in common: small tables, recipes, runs. */
#ifndef RG_JOBS_H
#define RG_JOBS_H

#include <math.h>

#include "rung/train.h"
#include "runs.h"

/* Two spirals that wind around each other: x, y and the class, which of a share is the wrong one.
 */
static inline void write_spirals(const char *path, int rows, double wrong) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("x,y,side\n", file);
  for (int i = 0; i < rows; i++) {
    double angle = 6 * rg_uniform(3, 1, (uint64_t)i), side = i % 2 ? 1 : -1;
    double r = side * (0.3 + angle / 3);
    fprintf(file, "%.6f,%.6f,%s\n", r * cos(angle) + 0.05 * rg_normal(3, 2, (uint64_t)i),
            r * sin(angle) + 0.05 * rg_normal(3, 3, (uint64_t)i),
            (i % 2) ^ (rg_uniform(3, 4, (uint64_t)i) < wrong) ? "left" : "right");
  }
  assert_int_equal(fclose(file), 0);
}

/* One thread: waking others costs more than such small steps where tests run side by side. */
#define SPIRALS                                                                                    \
  "data.train", "spirals.csv", "model.width", "16,16", "training.batch", "16", "training.epochs",  \
      "8", "training.optimiser.rate", "0.01", "run.threads", "1"

static inline rung_recipe *training_of(rung_context *ctx, const char *const *pairs) {
  rung_recipe *recipe;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &recipe));
  for (int i = 0; pairs[i]; i += 2)
    assert_ok(ctx, rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]));
  return recipe;
}

/* A training that must succeed, in a folder that is emptied first; NULL: none. */
static inline rung_train_result train_in(rung_context *ctx, const char *const *pairs,
                                         const char *folder, rung_train_progress_fn progress,
                                         void *user) {
  rung_recipe *recipe = training_of(ctx, pairs);
  rung_train_result result;
  if (folder) remove_folder(folder);
  assert_ok(ctx, rung_train(ctx, recipe, folder, progress, user, NULL, &result));
  rung_recipe_destroy(recipe);
  return result;
}

static inline rung_train_result go_on_in(rung_context *ctx, const char *folder) {
  rung_network *network = NULL;
  rung_train_result result;
  assert_ok(ctx, rung_train_resume(ctx, folder, NULL, NULL, &network, &result));
  assert_non_null(network);
  rung_network_destroy(network);
  return result;
}

static inline void assert_same_training(const char *a, const char *b) {
  assert_same_file(path_in(a, RUNG_RUN_MODEL), path_in(b, RUNG_RUN_MODEL));
  assert_same_file(path_in(a, RUNG_RUN_LAST), path_in(b, RUNG_RUN_LAST));
  assert_same_log(path_in(a, RUNG_RUN_LOG), path_in(b, RUNG_RUN_LOG));
}

#endif
