/* What the tests of trainings have in common: small tables, recipes, runs. */
#ifndef RG_JOBS_H
#define RG_JOBS_H

#include <math.h>

#include "rung/train.h"
#include "runs.h"
#include "train/job.h"

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

/* Changes a digit of a table's first row. */
static inline void spoil_table(const char *path) {
  size_t length;
  char *text = read_file(path, &length), *row = strchr(text, '\n');
  char *digit = strchr(row, '.') + 1;
  *digit = *digit == '9' ? '8' : (char)(*digit + 1);
  write_file(path, text, length);
  free(text);
}

static inline bool same_number(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static inline void assert_same_training(const char *a, const char *b) {
  assert_same_file(path_in(a, RUNG_RUN_MODEL), path_in(b, RUNG_RUN_MODEL));
  assert_same_file(path_in(a, RUNG_RUN_LAST), path_in(b, RUNG_RUN_LAST));
  assert_same_log(path_in(a, RUNG_RUN_LOG), path_in(b, RUNG_RUN_LOG));
}

typedef struct stopper {
  int64_t at; /* call that stops it */
  int64_t calls;
  bool within; /* it stopped between two steps of an epoch */
} stopper;

static inline int stop_at(void *user, const rung_train_progress *p) {
  stopper *s = user;
  s->within = p->step > 0 && p->step < p->steps;
  return ++s->calls >= s->at;
}

/* A training that is stopped at a call of its progress function, one a step, and two calls later
 * once more, goes on to the bytes of one that is not, which is left in folder `calm`; `times` such
 * calls, spread over the run. Returns what it comes to. */
static inline rung_train_result assert_stops_change_nothing(rung_context *ctx,
                                                            const char *const *pairs, int times) {
  const double usual = rg_job_tell_seconds;
  rg_job_tell_seconds = 0;
  stopper count = {.at = INT64_MAX};
  rung_train_result calm = train_in(ctx, pairs, "calm", stop_at, &count);
  assert_true(count.calls > calm.epochs * 3);
  int within = 0;
  for (int i = 0; i < times; i++) {
    double share = (i + rg_uniform(79, 0, (uint64_t)i)) / times;
    stopper first = {.at = 1 + (int64_t)(share * (double)(count.calls - 1))}, second = {.at = 2};
    assert_true(train_in(ctx, pairs, "cut", stop_at, &first).cancelled);
    within += first.within;
    rung_train_result r;
    assert_ok(ctx, rung_train_resume(ctx, "cut", stop_at, &second, NULL, &r));
    r = go_on_in(ctx, "cut");
    assert_same_training("cut", "calm");
    assert_true(same_number(r.validation_loss, calm.validation_loss));
    assert_true(same_number(r.test_loss, calm.test_loss));
  }
  assert_true(within > times / 2);
  rg_job_tell_seconds = usual;
  return calm;
}

#endif
