/* Predictors: values to the bit, derivatives against differences, any number of points, any number
 * of threads, and what is refused. */
#include "test.h"

#include <math.h>
#include <pthread.h>

#include "nn/model.h"
#include "num/dd.h"
#include "num/f32.h"
#include "num/f64.h"
#include "rung/rung.h"
#include "store/models.h"

#define REAL float
#define PAIR rg_pair_f32
#define F(name) rg_##name##_f32
#define NAME(name) name##_f32
#include "store/evaluate.h"
#define REAL double
#define PAIR rg_pair_f64
#define F(name) rg_##name##_f64
#define NAME(name) name##_f64
#include "store/evaluate.h"
#define REAL rung_dd
#define F(name) rg_##name##_dd
#define NAME(name) name##_dd
#include "store/evaluate.h"

enum { MOST_POINTS = 2100, INPUTS = 2, OUTPUTS = 2 };

static rung_model *some_model(rung_context *ctx, rung_dtype dtype, uint64_t seed) {
  return random_model(ctx, &(model_kind){dtype, INPUTS, OUTPUTS, 3, 2, RG_SIN, true}, seed);
}

/* Points in and around the model's box. */
static void *make_points(rung_context *ctx, rung_dtype dtype) {
  char *x = rg_alloc(ctx, MOST_POINTS * INPUTS, rung_dtype_size(dtype));
  assert_non_null(x);
  for (int64_t i = 0; i < MOST_POINTS * INPUTS; i++) {
    double v = 4 * rg_uniform(8, 0, (uint64_t)i) - 2;
    if (dtype == RUNG_F32) ((float *)(void *)x)[i] = (float)v;
    if (dtype == RUNG_F64) ((double *)(void *)x)[i] = v;
    if (dtype == RUNG_DD) ((rung_dd *)(void *)x)[i] = (rung_dd){v, v * 0x1p-60};
  }
  return x;
}

static void evaluate_plainly(const rung_model *m, const void *x, void *y) {
  for (int64_t i = 0; i < MOST_POINTS; i++) {
    if (m->dtype == RUNG_F32)
      evaluate_f32(m, (const float *)x + i * INPUTS, (float *)y + i * OUTPUTS);
    else if (m->dtype == RUNG_F64)
      evaluate_f64(m, (const double *)x + i * INPUTS, (double *)y + i * OUTPUTS);
    else
      evaluate_dd(m, (const rung_dd *)x + i * INPUTS, (rung_dd *)y + i * OUTPUTS);
  }
}

/* Around the edges of vectors and chunks; nothing is written behind the last point. */
static void check_counts(rung_context *ctx, rung_predictor *p, rung_dtype dtype, const void *x,
                         const char *expected, char *y) {
  static const int64_t counts[] = {0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 2047, 2049, MOST_POINTS};
  const size_t row = OUTPUTS * rung_dtype_size(dtype);
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    size_t bytes = (size_t)counts[c] * row, all = MOST_POINTS * row;
    memset(y, 0x5a, all);
    assert_ok(ctx, rung_predict(p, ctx, counts[c], x, y));
    if (bytes) assert_memory_equal(y, expected, bytes);
    for (size_t i = bytes; i < all; i++) assert_int_equal(y[i], 0x5a);
  }
}

static void values_have_the_bits_of_a_plain_evaluation(void **state) {
  rung_context *ctx = *state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    size_t bytes = MOST_POINTS * OUTPUTS * rung_dtype_size(dtype);
    rung_model *m = some_model(ctx, dtype, 3);
    void *x = make_points(ctx, dtype);
    char *expected = rg_alloc(ctx, bytes, 1), *y = rg_alloc(ctx, bytes, 1);
    assert_true(expected && y);
    evaluate_plainly(m, x, expected);
    for (int threads = 1; threads <= 5; threads += 2) {
      rung_predictor *p;
      assert_ok(ctx, rung_set_threads(ctx, threads));
      assert_ok(ctx, rung_predictor_create(m, ctx, 0, NULL, &p));
      assert_true(rung_predictor_bytes(p) > 0);
      check_counts(ctx, p, dtype, x, expected, y);
      rung_predictor_destroy(p);
    }
    rg_free(ctx, x);
    rg_free(ctx, expected);
    rg_free(ctx, y);
    rung_model_destroy(m);
  }
}

/* A model without stages is 0 everywhere. */
static void no_stages_give_zero(void **state) {
  rung_context *ctx = *state;
  rung_model *m;
  rung_predictor *p;
  const rung_quantity quantity[] = {{0, -1}, {0, 1, -1}};
  double x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {1, 1, 1, 1, 1, 1};
  assert_ok(ctx, rg_model_create(ctx, RUNG_F64, 2, 1, NULL, NULL, &m));
  assert_ok(ctx, rung_predictor_create(m, ctx, 2, quantity, &p));
  assert_ok(ctx, rung_predict(p, ctx, 3, x, y));
  for (int i = 0; i < 6; i++) assert_true(y[i] == 0);
  rung_predictor_destroy(p);
  rung_model_destroy(m);
}

/* Each derivative is followed by those one order up. */
static const rung_quantity paths[] = {{0, -1},
                                      {1, -1},
                                      {0, 0, -1},
                                      {0, 1, -1},
                                      {1, 0, -1},
                                      {1, 1, -1},
                                      {0, 0, 0, -1},
                                      {0, 0, 1, -1},
                                      {1, 1, 1, -1},
                                      {0, 0, 0, 0, -1},
                                      {0, 0, 1, 1, -1},
                                      {1, 1, 1, 0, -1},
                                      {0, 0, 1, 1, 0, -1},
                                      {1, 1, 1, 0, 0, -1},
                                      {0, 0, 0, 0, 0, -1}};
enum { PATHS = sizeof paths / sizeof *paths, PLACES = 20 };

static int order_of(const int *quantity) {
  int order = 0;
  while (quantity[1 + order] != -1) order++;
  return order;
}

/* The path that this one goes on from by one derivative. */
static int parent_of(int path) {
  int order = order_of(paths[path]);
  for (int i = 0; i < PATHS; i++)
    if (order_of(paths[i]) == order - 1 &&
        memcmp(paths[i], paths[path], (size_t)order * sizeof(int)) == 0)
      return i;
  fail_msg("path %d has no parent", path);
  return -1;
}

static void shift(rung_dd (*x)[INPUTS], int input, double h) {
  for (int i = 0; i < PLACES; i++) x[i][input] = rg_add_dd(x[i][input], (rung_dd){h, 0});
}

/* D f against (f(x + h) - f(x - h)) / 2h in double-double: the formula's error is h^2/6 D^3 f, with
 * h = 2^-30 about 1e-19 times what two more derivatives grow by; that of rounding is smaller. */
static void derivatives_agree_with_differences(void **state) {
  rung_context *ctx = *state;
  const double h = 0x1p-30;
  rung_model *m = some_model(ctx, RUNG_DD, 5);
  rung_predictor *p;
  static rung_dd x[PLACES][INPUTS], y[PLACES][PATHS], plus[INPUTS][PLACES][PATHS],
      minus[INPUTS][PLACES][PATHS];
  for (int i = 0; i < PLACES; i++)
    for (int j = 0; j < INPUTS; j++)
      x[i][j] = (rung_dd){2 * rg_uniform(8, 1, (uint64_t)(i * INPUTS + j)) - 1, 0};
  assert_ok(ctx, rung_predictor_create(m, ctx, PATHS, paths, &p));
  assert_ok(ctx, rung_predict(p, ctx, PLACES, x, y));
  for (int j = 0; j < INPUTS; j++) {
    shift(x, j, h);
    assert_ok(ctx, rung_predict(p, ctx, PLACES, x, plus[j]));
    shift(x, j, -2 * h);
    assert_ok(ctx, rung_predict(p, ctx, PLACES, x, minus[j]));
    shift(x, j, h);
  }
  for (int path = 0; path < PATHS; path++) {
    int order = order_of(paths[path]);
    if (order == 0) continue;
    int parent = parent_of(path), input = paths[path][order];
    double largest = 0;
    for (int i = 0; i < PLACES; i++) largest = fmax(largest, fabs(y[i][path].hi));
    assert_true(largest > 0.01);
    for (int i = 0; i < PLACES; i++) {
      rung_dd change = rg_sub_dd(plus[input][i][parent], minus[input][i][parent]);
      rung_dd error = rg_sub_dd((rung_dd){change.hi / (2 * h), change.lo / (2 * h)}, y[i][path]);
      if (!(fabs(error.hi) <= 1e-14 * largest))
        fail_msg("path %d, point %d: %.17g, by differences off by %g", path, i, y[i][path].hi,
                 error.hi);
    }
  }
  rung_predictor_destroy(p);
  rung_model_destroy(m);
}

/* The order of differentiation does not matter beyond rounding; neither do other quantities. */
static void mixed_derivatives_commute(void **state) {
  rung_context *ctx = *state;
  rung_model *m = some_model(ctx, RUNG_F64, 5);
  const rung_quantity pair[] = {{1, 0, 1, 1, -1}, {1, 1, 0, 1, -1}, {1, 1, 1, 0, -1}};
  double x[PLACES * INPUTS], y[PLACES][3], alone[PLACES];
  for (int i = 0; i < PLACES * INPUTS; i++) x[i] = 2 * rg_uniform(8, 2, (uint64_t)i) - 1;
  rung_predictor *p, *single;
  assert_ok(ctx, rung_predictor_create(m, ctx, 3, pair, &p));
  assert_ok(ctx, rung_predictor_create(m, ctx, 1, pair, &single));
  assert_ok(ctx, rung_predict(p, ctx, PLACES, x, y));
  assert_ok(ctx, rung_predict(single, ctx, PLACES, x, alone));
  double largest = 0;
  for (int i = 0; i < PLACES; i++) largest = fmax(largest, fabs(y[i][0]));
  for (int i = 0; i < PLACES; i++) {
    assert_true(alone[i] == y[i][0]);
    assert_true(fabs(y[i][1] - y[i][0]) <= 1e-12 * largest);
    assert_true(fabs(y[i][2] - y[i][0]) <= 1e-12 * largest);
  }
  rung_predictor_destroy(single);
  rung_predictor_destroy(p);
  rung_model_destroy(m);
}

static void wrong_quantities_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_model *m = some_model(ctx, RUNG_F64, 5);
  rung_predictor *p;
  static const struct {
    rung_quantity quantity;
    const char *message;
  } cases[] = {
      {{2, -1}, "output 2, but the model has 2"},
      {{-1, -1}, "output -1, but the model has 2"},
      {{0, 2, -1}, "derivative in input 2, but there are 2"},
      {{0, 0, -2, -1}, "derivative in input -2, but there are 2"},
      {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "derivatives go to order 8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_error(ctx, rung_predictor_create(m, ctx, 1, &cases[i].quantity, &p), RUNG_E_ARGUMENT,
                 cases[i].message);
    assert_null(p);
  }
  assert_error(ctx, rung_predictor_create(m, ctx, -1, NULL, &p), RUNG_E_ARGUMENT, "-1 quantities");
  assert_null(p);
  assert_ok(ctx, rung_predictor_create(m, ctx, 0, NULL, &p));
  assert_error(ctx, rung_predict(p, ctx, -1, NULL, NULL), RUNG_E_ARGUMENT, "-1 points");
  rung_predictor_destroy(p);
  rung_model_destroy(m);
}

typedef struct job {
  const rung_model *model;
  const void *x;
  int threads;
  rung_status status;
  double y[MOST_POINTS][3];
} job;

static rung_status evaluate_often(rung_context *ctx, job *j) {
  const rung_quantity quantity[] = {{0, -1}, {1, 0, -1}, {0, 1, 1, -1}};
  RG_TRY(rung_set_threads(ctx, j->threads));
  for (int again = 0; again < 3; again++) {
    rung_predictor *p;
    RG_TRY(rung_predictor_create(j->model, ctx, 3, quantity, &p));
    rung_status status = rung_predict(p, ctx, MOST_POINTS, j->x, j->y);
    rung_predictor_destroy(p);
    RG_TRY(status);
  }
  return RUNG_OK;
}

static void *work(void *arg) {
  job *j = arg;
  rung_context *ctx;
  j->status = rung_context_create(NULL, &ctx);
  if (j->status != RUNG_OK) return NULL;
  j->status = evaluate_often(ctx, j);
  if (rung_memory_now(ctx) != 0) j->status = RUNG_E_INTERNAL;
  rung_context_destroy(ctx);
  return NULL;
}

/* One model, eight threads at once, each with its own context and predictor. */
static void threads_share_a_model(void **state) {
  enum { THREADS = 8 };
  rung_context *ctx = *state;
  rung_model *m = some_model(ctx, RUNG_F64, 5);
  void *x = make_points(ctx, RUNG_F64);
  job *jobs = rg_calloc(ctx, THREADS, sizeof *jobs);
  pthread_t thread[THREADS];
  assert_non_null(jobs);
  for (int t = 0; t < THREADS; t++) {
    jobs[t].model = m;
    jobs[t].x = x;
    jobs[t].threads = 1 + t % 2;
    assert_int_equal(pthread_create(&thread[t], NULL, work, &jobs[t]), 0);
  }
  for (int t = 0; t < THREADS; t++) assert_int_equal(pthread_join(thread[t], NULL), 0);
  for (int t = 0; t < THREADS; t++) {
    assert_int_equal(jobs[t].status, RUNG_OK);
    assert_memory_equal(jobs[t].y, jobs[0].y, sizeof jobs[t].y);
  }
  assert_true(jobs[0].y[0][0] != jobs[0].y[1][0]);
  rg_free(ctx, jobs);
  rg_free(ctx, x);
  rung_model_destroy(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(values_have_the_bits_of_a_plain_evaluation),
      TEST(no_stages_give_zero),
      TEST(derivatives_agree_with_differences),
      TEST(mixed_derivatives_commute),
      TEST(wrong_quantities_are_refused),
      TEST(threads_share_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
