/* Multi-level training on the swiss roll of Haber and Ruthotto (arXiv 1705.03341): two spirals, 513
 * points to train on and 513 between them to validate, T = 20, width 4, from 32 layers to 128. */
#include <math.h>

#include "rung/stability.h"
#include "rung/train.h"
#include "test.h"

enum { POINTS = 513, LEVELS = 3, STEPS = 400 };

typedef struct points {
  double x[2 * POINTS], label[POINTS];
} points;

/* Radius 0 to 1 and 0.2 to 1.2, two turns; every second point of each class is trained on. */
static void spirals(points *train, points *other) {
  int filled[2] = {0, 0};
  for (int c = 0; c < 2; c++)
    for (int i = 0; i < POINTS; i++) {
      int which = (i + c) % 2, at = filled[which]++;
      points *p = which ? other : train;
      double t = (double)i / (POINTS - 1), angle = 4 * 3.14159265358979323846 * t;
      p->x[2 * at] = (t + 0.2 * c) * cos(angle);
      p->x[2 * at + 1] = (t + 0.2 * c) * sin(angle);
      p->label[at] = c;
    }
}

static double accuracy(rung_context *ctx, const rung_network *n, const points *p) {
  double y[2 * POINTS];
  int right = 0;
  assert_ok(ctx, rung_network_apply(n, ctx, POINTS, p->x, y));
  for (int i = 0; i < POINTS; i++) right += (y[2 * i + 1] > y[2 * i]) == (p->label[i] > 0.5);
  return (double)right / POINTS;
}

static void train_level(rung_context *ctx, rung_network *n, const points *p) {
  rung_training settings = rung_training_default();
  rung_trainer *trainer;
  double loss, first = 0;
  settings.optimiser = "lbfgs";
  settings.smoothness = 1e-2;
  settings.batch = POINTS;
  assert_ok(ctx, rung_trainer_create(n, ctx, &settings, STEPS, 1, &trainer));
  for (int i = 0; i < STEPS; i++) {
    assert_ok(ctx, rung_trainer_step(trainer, p->x, p->label, NULL, &loss));
    if (i == 0) first = loss;
  }
  assert_true(loss < first);
  rung_trainer_destroy(trainer);
}

static void check_block(rung_context *ctx, const char *block, uint64_t seed, double stretch) {
  static points train, other;
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 1, .dim = {2}};
  rung_network *n, *twice;
  double mean, largest;
  spirals(&train, &other);
  s.architecture = "dense";
  s.block = block;
  s.stages = 1;
  s.channels[0] = 4;
  s.layers[0] = 32;
  s.time = 20;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 2, RUNG_F64, seed, &n));
  for (int level = 0; level < LEVELS; level++) {
    if (level > 0) {
      assert_ok(ctx, rung_network_prolong(n, ctx, &twice));
      rung_network_destroy(n);
      n = twice;
    }
    train_level(ctx, n, &train);
  }
  double right = accuracy(ctx, n, &other);
  assert_ok(ctx, rung_stability_stretch(n, ctx, POINTS, train.x, 1, &mean, &largest));
  if (!(right >= 0.99 && mean < stretch))
    fail_msg("%s: %.2f%% right, stretch %.1f (at most %.1f)", block, 100 * right, mean, largest);
  rung_network_destroy(n);
}

static void swiss_rolls_are_unrolled(void **state) {
  assert_ok(*state, rung_set_threads(*state, 1)); /* steps are too small to share */
  check_block(*state, "antisymmetric", 2, 25);
  check_block(*state, "hamiltonian", 3, 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(swiss_rolls_are_unrolled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
