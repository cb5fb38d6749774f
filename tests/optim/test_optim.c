/* Optimisers: they end where the minimum is, their steps satisfy what they promise, their state is
 * all they go by. */
#include "test.h"

#include <math.h>

#include "optim/optim.h"

/* sum of w_i (theta_i - i)^2 / 2 with w_i = 10^(i mod 4), turned so that variables are coupled. */
static rung_status quadratic(void *user, const double *theta, double *value, double *gradient) {
  int64_t n = *(const int64_t *)user;
  double mean = 0;
  for (int64_t i = 0; i < n; i++) mean += theta[i] / (double)n;
  *value = 0;
  double back = 0;
  for (int64_t i = 0; i < n; i++) {
    double w = pow(10, (double)(i % 4)), r = theta[i] + mean - (double)i;
    *value += w * r * r / 2;
    gradient[i] = w * r;
    back += w * r / (double)n;
  }
  for (int64_t i = 0; i < n; i++) gradient[i] += back;
  return RUNG_OK;
}

/* Rosenbrock's valley in n variables: least value 0 at (1, ..., 1). */
static rung_status rosenbrock(void *user, const double *theta, double *value, double *gradient) {
  int64_t n = *(const int64_t *)user;
  memset(gradient, 0, (size_t)n * sizeof *gradient);
  *value = 0;
  for (int64_t i = 0; i + 1 < n; i++) {
    double a = theta[i + 1] - theta[i] * theta[i], b = 1 - theta[i];
    *value += 100 * a * a + b * b;
    gradient[i] += -400 * a * theta[i] - 2 * b;
    gradient[i + 1] += 200 * a;
  }
  return RUNG_OK;
}

static rg_minimiser *begin(rung_context *ctx, const rg_optimiser *optimiser,
                           rung_status (*evaluate)(void *, const double *, double *, double *),
                           int64_t *n, double at) {
  rg_objective objective = {*n, evaluate, n};
  rg_minimiser *m;
  assert_ok(ctx, rg_minimiser_create(ctx, optimiser, NULL, &objective, &m));
  double *theta = rg_alloc(ctx, (size_t)*n, sizeof *theta);
  assert_non_null(theta);
  for (int64_t i = 0; i < *n; i++) theta[i] = i % 2 ? 1 : at;
  assert_ok(ctx, rg_minimiser_start(m, theta));
  rg_free(ctx, theta);
  return m;
}

static int run(rung_context *ctx, rg_minimiser *m, int most) {
  bool moved = true;
  int steps = 0;
  for (; moved && steps < most; steps++) assert_ok(ctx, rg_minimiser_step(m, &moved));
  return steps;
}

#define ENTRY(name) &rg_##name,
static const rg_optimiser *const all[] = {RG_OPTIMISERS(ENTRY)};
enum { ALL = sizeof all / sizeof all[0] };

static const rg_optimiser *const quasi_newton[] = {&rg_lbfgs, &rg_ssbroyden};

static void quadratics_are_solved(void **state) {
  rung_context *ctx = *state;
  for (int k = 0; k < 2; k++)
    for (int64_t n = 1; n <= 200; n = 3 * n + 1) {
      rg_minimiser *m = begin(ctx, quasi_newton[k], quadratic, &n, -1.2);
      double scale = rg_minimiser_value(m);
      int steps = run(ctx, m, 1000);
      if (steps >= 1000 || rg_minimiser_value(m) > 1e-18 * scale)
        fail_msg("%s, n = %d: %g of %g after %d steps", quasi_newton[k]->name, (int)n,
                 rg_minimiser_value(m), scale, steps);
      rg_minimiser_destroy(m);
    }
}

static void the_valley_is_followed(void **state) {
  rung_context *ctx = *state;
  for (int k = 0; k < 2; k++)
    for (int64_t n = 2; n <= 50; n += 24) {
      rg_minimiser *m = begin(ctx, quasi_newton[k], rosenbrock, &n, -1.2);
      int steps = run(ctx, m, 2000);
      bool there = steps < 2000 && rg_minimiser_value(m) < 1e-20;
      for (int64_t i = 0; i < n; i++) there = there && fabs(rg_minimiser_theta(m)[i] - 1) < 1e-10;
      if (!there)
        fail_msg("%s, n = %d: %g after %d steps", quasi_newton[k]->name, (int)n,
                 rg_minimiser_value(m), steps);
      rg_minimiser_destroy(m);
    }
}

static double product(int64_t n, const double *a, const double *b, const double *c) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * (b[i] - c[i]);
  return sum;
}

/* With d = theta+ - theta, a step's length is in d already. */
static void steps_satisfy_the_wolfe_conditions(void **state) {
  rung_context *ctx = *state;
  enum { N = 12 };
  int64_t n = N;
  for (int k = 0; k < 2; k++) {
    rg_minimiser *m = begin(ctx, quasi_newton[k], rosenbrock, &n, -1.2);
    bool moved = true;
    int wolfe = 0;
    while (moved && rg_minimiser_value(m) > 1e-16) {
      double theta[N], gradient[N], value = rg_minimiser_value(m);
      memcpy(theta, m->array[RG_THETA].value, sizeof theta);
      memcpy(gradient, m->array[RG_GRADIENT].value, sizeof gradient);
      assert_ok(ctx, rg_minimiser_step(m, &moved));
      assert_int_equal((int)m->array[RG_COUNTERS].value[RG_FOUND], RG_LINE_WOLFE);
      double before = product(N, gradient, m->array[RG_THETA].value, theta);
      double after = product(N, m->array[RG_GRADIENT].value, m->array[RG_THETA].value, theta);
      assert_true(before < 0);
      assert_true(rg_minimiser_value(m) <= value + 1e-4 * before * (1 - 1e-9));
      assert_true(fabs(after) <= 0.9 * fabs(before) * (1 + 1e-9));
      wolfe++;
    }
    assert_true(wolfe > 10);
    rg_minimiser_destroy(m);
  }
}

/* theta - 2 log(1 + theta): least at 1, not a number left of -1. */
static rung_status with_an_edge(void *user, const double *theta, double *value, double *gradient) {
  (void)user;
  *value = theta[0] - 2 * log(1 + theta[0]);
  gradient[0] = 1 - 2 / (1 + theta[0]);
  return RUNG_OK;
}

static void edges_of_the_domain_are_stepped_back_from(void **state) {
  rung_context *ctx = *state;
  for (int k = 0; k < 2; k++) {
    int64_t n = 1;
    rg_minimiser *m = begin(ctx, quasi_newton[k], with_an_edge, &n, 300);
    assert_true(run(ctx, m, 100) < 100);
    assert_true(fabs(rg_minimiser_theta(m)[0] - 1) < 1e-7);
    rg_minimiser_destroy(m);
    double outside = -2;
    rg_objective objective = {1, with_an_edge, NULL};
    assert_ok(ctx, rg_minimiser_create(ctx, quasi_newton[k], NULL, &objective, &m));
    assert_error(ctx, rg_minimiser_start(m, &outside), RUNG_E_NUMERIC, "not finite");
    rg_minimiser_destroy(m);
  }
}

/* f = theta^2 from 1: g = 2. m = 0.2, v = 0.004, so the first step is rate * 2 / (2 + epsilon). */
static rung_status square(void *user, const double *theta, double *value, double *gradient) {
  (void)user;
  *value = theta[0] * theta[0];
  gradient[0] = 2 * theta[0];
  return RUNG_OK;
}

static void adam_follows_its_formulas(void **state) {
  rung_context *ctx = *state;
  int64_t n = 1;
  rg_minimiser *m = begin(ctx, &rg_adam, square, &n, 1);
  double theta = 1, mean = 0, mean_square = 0;
  for (int t = 1; t <= 20; t++) {
    bool moved;
    assert_ok(ctx, rg_minimiser_step(m, &moved));
    assert_true(moved);
    double g = 2 * theta;
    mean = 0.9 * mean + 0.1 * g;
    mean_square = 0.999 * mean_square + 0.001 * g * g;
    theta -= 1e-3 * (mean / (1 - pow(0.9, t))) / (sqrt(mean_square / (1 - pow(0.999, t))) + 1e-8);
    assert_true(fabs(rg_minimiser_theta(m)[0] - theta) < 1e-15);
    if (t == 1) assert_true(fabs(theta - (1 - 1e-3 * 2 / (2 + 1e-8))) < 1e-15);
  }
  rg_minimiser_destroy(m);
}

/* The whole state as one hash. */
static uint64_t hash_of(const rg_minimiser *m) {
  uint64_t hash = RG_HASH_START;
  for (int i = 0; i < m->arrays; i++)
    if (m->array[i].name)
      hash = rg_hash(hash, m->array[i].value, (size_t)m->array[i].count * sizeof(double));
  return hash;
}

static void bits_do_not_depend_on_threads_or_instructions(void **state) {
  rung_context *ctx = *state;
  int64_t n = 407;
  static const int threads[] = {1, 2, 3, 7};
  for (int k = 0; k < ALL; k++) {
    uint64_t expected = 0;
    for (int isa = 0; isa <= (int)rung_isa_best(); isa++)
      for (int t = 0; t < 4; t++) {
        assert_ok(ctx, rung_set_isa(ctx, (rung_isa)isa));
        assert_ok(ctx, rung_set_threads(ctx, threads[t]));
        rg_minimiser *m = begin(ctx, all[k], rosenbrock, &n, -1.2);
        run(ctx, m, 40);
        if (!expected) expected = hash_of(m);
        assert_true(hash_of(m) == expected);
        rg_minimiser_destroy(m);
      }
  }
}

/* A state written down and read back goes on to the same bits. */
static void states_go_on(void **state) {
  rung_context *ctx = *state;
  int64_t n = 30;
  for (int k = 0; k < ALL; k++) {
    assert_ptr_equal(rg_optimiser_find(all[k]->name), all[k]);
    rg_minimiser *a = begin(ctx, all[k], rosenbrock, &n, -1.2), *b;
    run(ctx, a, 25);
    assert_ok(ctx, rg_minimiser_create(ctx, all[k], NULL, &a->objective, &b));
    assert_int_equal(a->arrays, b->arrays);
    for (int i = 0; i < a->arrays; i++)
      if (a->array[i].name)
        memcpy(b->array[i].value, a->array[i].value, (size_t)a->array[i].count * sizeof(double));
    run(ctx, a, 20);
    run(ctx, b, 20);
    assert_true(hash_of(a) == hash_of(b));
    rg_minimiser_destroy(a);
    rg_minimiser_destroy(b);
  }
  assert_null(rg_optimiser_find("newton"));
}

static void bad_settings_are_refused(void **state) {
  rung_context *ctx = *state;
  int64_t n = 2;
  rg_objective objective = {n, rosenbrock, &n};
  rg_settings settings = rg_settings_default();
  rg_minimiser *m;
  settings.curvature = 1e-5;
  assert_error(ctx, rg_minimiser_create(ctx, &rg_lbfgs, &settings, &objective, &m), RUNG_E_ARGUMENT,
               "decrease < curvature");
  objective.n = INT64_MAX;
  assert_error(ctx, rg_minimiser_create(ctx, &rg_adam, NULL, &objective, &m), RUNG_E_ARGUMENT,
               "variables");
  objective.n = 0;
  assert_error(ctx, rg_minimiser_create(ctx, &rg_adam, NULL, &objective, &m), RUNG_E_ARGUMENT,
               "found 0");
  objective.n = INT64_C(1) << 31; /* a triangle of 2^61 numbers */
  assert_error(ctx, rg_minimiser_create(ctx, &rg_ssbroyden, NULL, &objective, &m), RUNG_E_MEMORY,
               "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(quadratics_are_solved),
      TEST(the_valley_is_followed),
      TEST(steps_satisfy_the_wolfe_conditions),
      TEST(edges_of_the_domain_are_stepped_back_from),
      TEST(adam_follows_its_formulas),
      TEST(bits_do_not_depend_on_threads_or_instructions),
      TEST(states_go_on),
      TEST(bad_settings_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
