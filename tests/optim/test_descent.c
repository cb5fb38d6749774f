/* Descents against their formulas in double-double; schedules against theirs; norms. */
#include "test.h"

#include <math.h>

#include "num/dd.h"
#include "optim/descent.h"
#include "optim/schedule.h"

#define RATE 0.03125
#define DECAY 0.25
#define SCALE 0.5
enum { STEPS = 7 };

static rung_dd number(uint64_t purpose, int64_t index) {
  return (rung_dd){rg_normal(5, purpose, (uint64_t)index), 0};
}

static rung_dd of(double value) {
  return (rung_dd){value, 0};
}

static rung_dd power(rung_dd base, int exponent) {
  rung_dd value = of(1);
  for (int i = 0; i < exponent; i++) value = rg_mul_dd(value, base);
  return value;
}

static rung_dd mean(double decay, rung_dd old, rung_dd new) {
  return rg_add_dd(rg_mul_dd(of(decay), old), rg_mul_dd(of(1 - decay), new));
}

/* One parameter by the formulas, as they stand in docs/training.md. */
static rung_dd follow(const char *name, const rung_training *t, double decay, rung_dd theta,
                      int64_t index) {
  rung_dd m = of(0), v = of(0);
  for (int step = 1; step <= STEPS; step++) {
    rung_dd g = rg_mul_dd(of(SCALE), number((uint64_t)(10 + step), index)), change;
    if (strcmp(name, "sgd") == 0) {
      change = g;
    } else if (strcmp(name, "momentum") == 0) {
      m = rg_add_dd(rg_mul_dd(of(t->momentum), m), g);
      change = m;
    } else if (strcmp(name, "nesterov") == 0) {
      m = rg_add_dd(rg_mul_dd(of(t->momentum), m), g);
      change = rg_add_dd(g, rg_mul_dd(of(t->momentum), m));
    } else {
      m = mean(t->decay1, m, g);
      v = mean(t->decay2, v, rg_mul_dd(g, g));
      rung_dd first = rg_sub_dd(of(1), power(of(t->decay1), step));
      rung_dd second = rg_sub_dd(of(1), power(of(t->decay2), step));
      rung_dd root = rg_sqrt_dd(rg_div_dd(v, second));
      change = rg_div_dd(rg_div_dd(m, first), rg_add_dd(root, of(t->epsilon)));
    }
    rung_dd shrunk = rg_mul_dd(of(RATE * decay), theta);
    theta = rg_sub_dd(rg_sub_dd(theta, shrunk), rg_mul_dd(of(RATE), change));
  }
  return theta;
}

static void put(rung_dtype dtype, void *array, int64_t i, rung_dd value) {
  if (dtype == RUNG_F32)
    ((float *)array)[i] = (float)value.hi;
  else if (dtype == RUNG_F64)
    ((double *)array)[i] = value.hi;
  else
    ((rung_dd *)array)[i] = value;
}

static rung_dd get(rung_dtype dtype, const void *array, int64_t i) {
  if (dtype == RUNG_F32) return of(((const float *)array)[i]);
  return dtype == RUNG_F64 ? of(((const double *)array)[i]) : ((const rung_dd *)array)[i];
}

static void fill(rung_dtype dtype, void *array, int64_t count, uint64_t purpose) {
  for (int64_t i = 0; i < count; i++) put(dtype, array, i, number(purpose, i));
}

/* Steps of a descent; returns the parameters, to be freed. */
static void *descend(rung_context *ctx, const rg_descent *descent, const rung_training *t,
                     rung_dtype dtype, int64_t count, int64_t decaying) {
  rg_stepper *stepper;
  void *theta, *gradient;
  assert_ok(ctx, rg_stepper_create(ctx, descent, t, dtype, count, decaying, &stepper));
  assert_ok(ctx, rung_alloc(ctx, (size_t)count * rung_dtype_size(dtype), &theta));
  assert_ok(ctx, rung_alloc(ctx, (size_t)count * rung_dtype_size(dtype), &gradient));
  fill(dtype, theta, count, 1);
  for (int step = 1; step <= STEPS; step++) {
    fill(dtype, gradient, count, (uint64_t)(10 + step));
    size_t held = rung_memory_now(ctx);
    assert_ok(ctx, rg_stepper_step(stepper, RATE, SCALE, theta, gradient));
    assert_int_equal(rung_memory_now(ctx), held);
  }
  assert_int_equal(stepper->steps, STEPS);
  rung_free(ctx, gradient);
  rg_stepper_destroy(stepper);
  return theta;
}

static const rg_descent *const all[] = {&rg_descent_sgd, &rg_descent_momentum, &rg_descent_nesterov,
                                        &rg_descent_adamw};

/* In single precision the inputs are rounded as well: the error is some of its units. */
static const double tolerance[] = {1e-6, 1e-14, 1e-28};

static void check_formulas(rung_context *ctx, const rg_descent *descent, rung_dtype dtype,
                           int64_t count, int64_t decaying) {
  rung_training t = rung_training_default();
  t.weight_decay = DECAY;
  t.epsilon = 0x1p-20;
  t.decay1 = 0.875; /* exact in every arithmetic */
  t.decay2 = 0.9375;
  t.momentum = 0.75;
  void *theta = descend(ctx, descent, &t, dtype, count, decaying);
  for (int64_t i = 0; i < count; i += i + 40 < count ? 37 : 1) {
    double decay = i < decaying ? DECAY : 0;
    rung_dd expected = follow(descent->name, &t, decay, number(1, i), i);
    rung_dd off = rg_sub_dd(get(dtype, theta, i), expected);
    double size = fabs(expected.hi) + 1;
    if (!(fabs(off.hi) <= tolerance[dtype] * size))
      fail_msg("%s in %s: parameter %lld is off by %g", descent->name, rung_dtype_name(dtype),
               (long long)i, off.hi);
  }
  rung_free(ctx, theta);
}

static void descents_follow_their_formulas(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < 4; k++) {
    assert_ptr_equal(rg_descent_find(all[k]->name), all[k]);
    for (int dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
      check_formulas(ctx, all[k], (rung_dtype)dtype, 20000, 9000); /* blocks and rests */
      check_formulas(ctx, all[k], (rung_dtype)dtype, 8192, 8192);
      check_formulas(ctx, all[k], (rung_dtype)dtype, 300, 0);
      check_formulas(ctx, all[k], (rung_dtype)dtype, 2, 1);
    }
  }
  assert_null(rg_descent_find("average"));
}

static void averages_move_by_the_share(void **state) {
  rung_context *ctx = *state;
  rung_training t = rung_training_default();
  double average[5] = {1, 2, 3, 4, 5}, now[5] = {3, 2, -1, 0, 5};
  rg_stepper *stepper;
  assert_ok(ctx, rg_stepper_create(ctx, &rg_descent_average, &t, RUNG_F64, 5, 5, &stepper));
  assert_ok(ctx, rg_stepper_step(stepper, 0.25, 1, average, now));
  static const double expected[5] = {1.5, 2, 2, 3, 5};
  for (int i = 0; i < 5; i++) assert_true(average[i] == expected[i]);
  rg_stepper_destroy(stepper);
  assert_ok(ctx, rg_stepper_create(ctx, &rg_descent_average, &t, RUNG_F64, 0, 0, &stepper));
  assert_ok(ctx, rg_stepper_step(stepper, 0.25, 1, average, now)); /* a network without any */
  rg_stepper_destroy(stepper);
}

static void bits_do_not_depend_on_threads_or_instructions(void **state) {
  rung_context *ctx = *state;
  enum { COUNT = 300000 };
  static const int threads[] = {1, 2, 5};
  rung_training t = rung_training_default();
  uint64_t expected = 0;
  double norm = 0;
  for (int isa = 0; isa <= (int)rung_isa_best(); isa++)
    for (int k = 0; k < 3; k++) {
      assert_ok(ctx, rung_set_isa(ctx, (rung_isa)isa));
      assert_ok(ctx, rung_set_threads(ctx, threads[k]));
      void *theta = descend(ctx, &rg_descent_adamw, &t, RUNG_F32, COUNT, 123456);
      uint64_t hash = rg_hash(RG_HASH_START, theta, (size_t)COUNT * sizeof(float));
      double partial[COUNT / 16384 + 1];
      assert_int_equal(rg_norm_partials(COUNT), COUNT / 16384 + 1);
      double found = rg_norm(ctx, RUNG_F32, COUNT, theta, partial);
      if (!expected) expected = hash, norm = found;
      assert_true(hash == expected && found == norm);
      rung_free(ctx, theta);
    }
}

static void norms_are_right(void **state) {
  rung_context *ctx = *state;
  double partial[4], x[3] = {3e-200, 2e-200, 6e-200};
  rung_dd two = {-2, 1e-20};
  float huge[40];
  for (int i = 0; i < 40; i++) huge[i] = i % 2 ? 3e38f : -3e38f;
  assert_true(fabs(rg_norm(ctx, RUNG_F32, 40, huge, partial) / (3e38 * sqrt(40)) - 1) < 1e-6);
  huge[39] = INFINITY;
  assert_true(!isfinite(rg_norm(ctx, RUNG_F32, 40, huge, partial)));
  huge[39] = NAN;
  assert_true(isnan(rg_norm(ctx, RUNG_F32, 40, huge, partial)) != 0);
  for (int i = 0; i < 3; i++) x[i] *= 1e200;
  assert_true(fabs(rg_norm(ctx, RUNG_F64, 3, x, partial) - 7) < 1e-14);
  assert_true(fabs(rg_norm(ctx, RUNG_DD, 1, &two, partial) - 2) < 1e-15);
  assert_true(rg_norm(ctx, RUNG_F64, 0, x, partial) == 0);
}

static void schedules_follow_their_formulas(void **state) {
  rung_context *ctx = *state;
  rung_training t = rung_training_default();
  assert_true(rg_schedule_rate(&t, 0.5, 77, 100, 10) == 0.5);
  t.schedule = "cosine";
  assert_true(rg_schedule_rate(&t, 0.5, 0, 100, 10) == 0.5);
  for (int s = 0; s < 100; s++) {
    double expected = 0.25 * (1 + cos(3.14159265358979323846 * s / 100));
    assert_true(fabs(rg_schedule_rate(&t, 0.5, s, 100, 10) - expected) < 1e-15);
  }
  t.schedule = "linear";
  t.warmup = 0.2;
  for (int s = 0; s < 100; s++) {
    double expected = s < 20 ? 0.5 * (s + 1) / 21 : 0.5 * (1 - (s - 20) / 80.0);
    assert_true(fabs(rg_schedule_rate(&t, 0.5, s, 100, 10) - expected) < 1e-15);
  }
  assert_true(rg_schedule_rate(&t, 0.5, 100, 100, 10) == 0);
  t.schedule = "step";
  t.warmup = 0;
  t.step_every = 2;
  t.step_factor = 0.5;
  assert_true(rg_schedule_rate(&t, 1, 19, 100, 10) == 1);
  assert_true(rg_schedule_rate(&t, 1, 20, 100, 10) == 0.5);
  assert_true(rg_schedule_rate(&t, 1, 99, 100, 10) == 0.0625);
  assert_ok(ctx, rg_schedule_check(ctx, &t));
  t.schedule = "cosin";
  assert_error(ctx, rg_schedule_check(ctx, &t), RUNG_E_ARGUMENT, "cosine or linear, found \"cosin");
  t.schedule = "cosine";
  t.warmup = 1.5;
  assert_error(ctx, rg_schedule_check(ctx, &t), RUNG_E_ARGUMENT, "found 1.5");
}

static void bad_settings_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_training t = rung_training_default();
  rg_stepper *stepper;
  t.decay2 = 1;
  assert_error(ctx, rg_stepper_create(ctx, &rg_descent_adamw, &t, RUNG_F32, 10, 10, &stepper),
               RUNG_E_ARGUMENT, "decays 0.9 and 1");
  assert_null(stepper);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(descents_follow_their_formulas),
      TEST(averages_move_by_the_share),
      TEST(bits_do_not_depend_on_threads_or_instructions),
      TEST(norms_are_right),
      TEST(schedules_follow_their_formulas),
      TEST(bad_settings_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
