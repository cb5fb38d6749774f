/* What the tests of module-wise training have in common: a small network with exits, and trainers
 * that take steps on random batches. */
#ifndef RG_MODULES_H
#define RG_MODULES_H

#include "jobs.h"

#include "nn/chain.h"
#include "train/modular.h"

enum { BATCH = 8, FEATURES = 5, CLASSES = 3 };

static inline rung_network *network_with(rung_context *ctx, int modules, const char *block,
                                         const char *head) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  const rung_shape sample = {.rank = 1, .dim = {FEATURES}};
  s.architecture = "dense";
  s.block = block;
  s.stages = 1;
  s.channels[0] = 8;
  s.layers[0] = 6;
  s.time = 3;
  s.exits = modules - 1;
  for (int i = 0; i < modules - 1; i++) {
    s.exit_at[i] = 1 + 2 * (i + 1);
    s.exit_head[i] = head;
  }
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, CLASSES, RUNG_F64, 5, &n));
  return n;
}

static inline rung_network *network_of(rung_context *ctx, int modules, const char *block) {
  return network_with(ctx, modules, block, NULL);
}

static inline rung_training training_by(const char *procedure, double tau) {
  rung_training t = rung_training_default();
  t.modulewise = 1;
  t.procedure = procedure;
  t.tau = tau;
  t.batch = BATCH;
  t.rate = 0.01;
  return t;
}

static inline void fill_batch(int step, double *x, double *y) {
  for (int i = 0; i < BATCH * FEATURES; i++) x[i] = rg_normal(11, (uint64_t)step, (uint64_t)i);
  for (int i = 0; i < BATCH; i++)
    y[i] = (double)(rg_bits(12, (uint64_t)step, (uint64_t)i) % CLASSES);
}

static inline double step(rung_context *ctx, rung_trainer *t, int number) {
  double x[BATCH * FEATURES], y[BATCH], loss;
  fill_batch(number, x, y);
  assert_ok(ctx, rung_trainer_step(t, x, y, NULL, &loss));
  return loss;
}

static inline rung_trainer *trainer_of(rung_context *ctx, rung_network *n, const rung_training *t,
                                       int steps, int per_epoch) {
  rung_trainer *trainer;
  assert_ok(ctx, rung_trainer_create(n, ctx, t, steps, per_epoch, &trainer));
  return trainer;
}

static inline void assert_same_numbers(const rung_network *a, const rung_network *b) {
  assert_int_equal(a->parameters, b->parameters);
  assert_memory_equal(a->theta, b->theta, (size_t)a->parameters * sizeof(double));
}

#endif
