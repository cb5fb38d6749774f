/* Arnoldi's method against LAPACK's eigenvalues of the whole matrix. */
#include "num/krylov.h"

#include <lapacke.h>
#include <math.h>

#include "fail_alloc.h"
#include "test.h"

enum { N = 14, BATCH = 3 };

typedef struct matrices {
  double a[BATCH][N][N];
} matrices;

static rung_status multiply(void *arg, const double *v, double *out) {
  const matrices *m = arg;
  for (int s = 0; s < BATCH; s++)
    for (int i = 0; i < N; i++) {
      double sum = 0;
      for (int j = 0; j < N; j++) sum += m->a[s][i][j] * v[s * N + j];
      out[s * N + i] = sum;
    }
  return RUNG_OK;
}

static matrices random_matrices(void) {
  matrices m;
  for (int s = 0; s < BATCH; s++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) m.a[s][i][j] = rg_normal(1, (uint64_t)s, (uint64_t)(i * N + j));
  return m;
}

static void eigenvalues(const matrices *m, int sample, double *re, double *im) {
  double a[N * N];
  memcpy(a, m->a[sample], sizeof a);
  assert_int_equal(LAPACKE_dgeev(LAPACK_ROW_MAJOR, 'N', 'N', N, a, N, re, im, NULL, 1, NULL, 1), 0);
}

/* Distance from (re, im) to the nearest of the list. */
static double nearest(double re, double im, int count, const double *r, const double *i) {
  double least = INFINITY;
  for (int k = 0; k < count; k++) least = fmin(least, hypot(re - r[k], im - i[k]));
  return least;
}

static void all_steps_give_the_whole_spectrum(void **state) {
  matrices m = random_matrices();
  double re[BATCH * N], im[BATCH * N], r[N], i[N];
  int found[BATCH];
  assert_ok(*state, rg_krylov(*state, multiply, &m, BATCH, N, N, re, im, found));
  for (int s = 0; s < BATCH; s++) {
    assert_int_equal(found[s], N);
    eigenvalues(&m, s, r, i);
    for (int k = 0; k < N; k++) assert_true(nearest(r[k], i[k], N, re + s * N, im + s * N) < 1e-10);
  }
}

/* A spectrum with a far edge: few steps find it. */
static void few_steps_give_the_edge(void **state) {
  matrices m = random_matrices();
  for (int s = 0; s < BATCH; s++) m.a[s][3][3] += 40;
  enum { STEPS = 8 };
  double re[BATCH * STEPS], im[BATCH * STEPS], r[N], i[N];
  int found[BATCH];
  assert_ok(*state, rg_krylov(*state, multiply, &m, BATCH, N, STEPS, re, im, found));
  for (int s = 0; s < BATCH; s++) {
    eigenvalues(&m, s, r, i);
    int far = 0;
    for (int k = 1; k < N; k++)
      if (hypot(r[k], i[k]) > hypot(r[far], i[far])) far = k;
    assert_true(nearest(r[far], i[far], STEPS, re + s * STEPS, im + s * STEPS) < 1e-4);
  }
}

/* A space that is soon exhausted, and numbers that are none. */
static void what_is_special_is_found(void **state) {
  matrices m = {0};
  double re[BATCH * N], im[BATCH * N];
  int found[BATCH];
  for (int i = 0; i < N; i++) {
    m.a[0][i][i] = i < 5 ? 2 : 3;
    m.a[1][i][i] = i;
    m.a[2][i][i] = NAN;
  }
  assert_ok(*state, rg_krylov(*state, multiply, &m, BATCH, N, N, re, im, found));
  assert_int_equal(found[0], 2);
  assert_true(nearest(2, 0, 2, re, im) < 1e-10 && nearest(3, 0, 2, re, im) < 1e-10);
  assert_int_equal(found[1], N);
  for (int k = 0; k < N; k++) assert_true(nearest(k, 0, N, re + N, im + N) < 1e-7);
  assert_int_equal(found[2], 0);
  assert_error(*state, rg_krylov(*state, multiply, &m, BATCH, N, 0, re, im, found), RUNG_E_ARGUMENT,
               "1 to 256 steps");
}

static rung_status find(rung_context *ctx, void *arg) {
  double re[BATCH * N], im[BATCH * N];
  int found[BATCH];
  return rg_krylov(ctx, multiply, arg, BATCH, N, N, re, im, found);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  matrices m = random_matrices();
  fail_each_allocation(find, &m, (fail_options){0});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(all_steps_give_the_whole_spectrum),
      TEST(few_steps_give_the_edge),
      TEST(what_is_special_is_found),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
