/* R of tall matrices: R'R = A'A against sums in long double, structure, bits over threads. */
#include <math.h>

#include "num/qr.h"
#include "test.h"

static double *random_matrix(rung_context *ctx, int64_t rows, int64_t columns, int64_t ld,
                             uint64_t purpose) {
  double *a = rg_alloc(ctx, (size_t)(ld * columns), sizeof *a);
  assert_non_null(a);
  for (int64_t i = 0; i < ld * columns; i++)
    a[i] = i % ld < rows ? rg_normal(7, purpose, (uint64_t)i) : NAN;
  return a;
}

static double *reduce(rung_context *ctx, int64_t rows, int64_t columns, const double *a,
                      int64_t lda) {
  double *copy = rg_alloc(ctx, (size_t)(lda * columns), sizeof *copy);
  double *r = rg_alloc(ctx, (size_t)(columns * columns), sizeof *r);
  void *workspace = rg_alloc(ctx, rg_qr_bytes(ctx, rows, columns), 1);
  assert_true(copy && r && workspace);
  memcpy(copy, a, (size_t)(lda * columns) * sizeof *a);
  assert_ok(ctx, rg_qr_reduce(ctx, rows, columns, copy, lda, r, columns, workspace));
  rg_free(ctx, workspace);
  rg_free(ctx, copy);
  return r;
}

static long double dot(const double *x, const double *y, int64_t n) {
  long double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (long double)x[i] * y[i];
  return sum;
}

/* |R'R - A'A| of each pair of columns against their norms. */
static void check_gram(int64_t rows, int64_t columns, const double *a, int64_t lda, const double *r,
                       double tolerance) {
  for (int64_t j = 0; j < columns; j++)
    for (int64_t k = 0; k <= j; k++) {
      long double want = dot(a + j * lda, a + k * lda, rows);
      long double found = dot(r + j * columns, r + k * columns, k + 1);
      long double norms =
          sqrtl(dot(a + j * lda, a + j * lda, rows)) * sqrtl(dot(a + k * lda, a + k * lda, rows));
      if (!(fabsl(found - want) <= tolerance * norms))
        fail_msg("%d x %d: element %d, %d of R'R is off by %g", (int)rows, (int)columns, (int)j,
                 (int)k, (double)((found - want) / norms));
    }
}

static void test_gram(void **state) {
  rung_context *ctx = *state;
  static const int64_t sizes[][2] = {{1, 1},      {5, 5},   {3, 7},    {33, 32},
                                     {511, 3},    {512, 3}, {513, 40}, {2000, 70},
                                     {1300, 300}, {40, 41}, {5000, 1}, {70, 70}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int64_t rows = sizes[i][0], columns = sizes[i][1], ld = rows + 3;
    double *a = random_matrix(ctx, rows, columns, ld, i), *r = reduce(ctx, rows, columns, a, ld);
    check_gram(rows, columns, a, ld, r, 1e-14);
    for (int64_t j = 0; j < columns; j++)
      for (int64_t k = j + 1; k < columns; k++) assert_true(r[j * columns + k] == 0);
    rg_free(ctx, r);
    rg_free(ctx, a);
  }
}

/* The last column of R of [A | A x + e] holds Q'b: back substitution gives x where e is 0. */
static void test_least_squares(void **state) {
  rung_context *ctx = *state;
  enum { ROWS = 900, COLUMNS = 21 };
  double *a = random_matrix(ctx, ROWS, COLUMNS, ROWS, 3);
  for (int i = 0; i < ROWS; i++) {
    double sum = 0;
    for (int j = 0; j + 1 < COLUMNS; j++) sum += a[j * ROWS + i] * (j - 7);
    a[(COLUMNS - 1) * ROWS + i] = sum;
  }
  double *r = reduce(ctx, ROWS, COLUMNS, a, ROWS), x[COLUMNS] = {0};
  for (int j = COLUMNS - 2; j >= 0; j--) {
    double sum = r[(COLUMNS - 1) * COLUMNS + j];
    for (int k = j + 1; k + 1 < COLUMNS; k++) sum -= r[k * COLUMNS + j] * x[k];
    x[j] = sum / r[j * COLUMNS + j];
    assert_true(fabs(x[j] - (j - 7)) <= 1e-12);
  }
  assert_true(fabs(r[COLUMNS * COLUMNS - 1] - (0)) <= 1e-10);
  rg_free(ctx, r);
  rg_free(ctx, a);
}

/* Rows added below, whole or trapezoidal, give the R of all rows. */
static void test_update(void **state) {
  rung_context *ctx = *state;
  enum { UPPER = 60, LOWER = 33, COLUMNS = 41, ALL = UPPER + LOWER };
  static const int triangles[] = {0, 33, 12};
  void *workspace = rg_alloc(ctx, rg_qr_bytes(ctx, ALL, COLUMNS), 1);
  for (int t = 0; t < 3; t++) {
    double *a = random_matrix(ctx, ALL, COLUMNS, ALL, 5),
           *b = random_matrix(ctx, ALL, COLUMNS, ALL, 5);
    for (int i = 0; i < triangles[t]; i++)
      for (int j = 0; j < i; j++) {
        a[j * ALL + ALL - triangles[t] + i] = 0;
        b[j * ALL + ALL - triangles[t] + i] = NAN; /* not read */
      }
    double *r = reduce(ctx, UPPER, COLUMNS, a, ALL);
    assert_ok(ctx, rg_qr_update(ctx, COLUMNS, r, COLUMNS, LOWER, triangles[t], b + UPPER, ALL,
                                workspace));
    check_gram(ALL, COLUMNS, a, ALL, r, 1e-14);
    rg_free(ctx, r);
    rg_free(ctx, b);
    rg_free(ctx, a);
  }
  rg_free(ctx, workspace);
}

static void test_bits_over_threads(void **state) {
  rung_context *ctx = *state;
  enum { ROWS = 3001, COLUMNS = 90 };
  static const int threads[] = {1, 2, 3, 7, 16};
  double *a = random_matrix(ctx, ROWS, COLUMNS, ROWS, 11), *first = NULL;
  for (int i = 0; i < 5; i++) {
    assert_ok(ctx, rung_set_threads(ctx, threads[i]));
    double *r = reduce(ctx, ROWS, COLUMNS, a, ROWS);
    if (first) assert_memory_equal(first, r, COLUMNS * COLUMNS * sizeof *r);
    if (first)
      rg_free(ctx, r);
    else
      first = r;
  }
  rg_free(ctx, first);
  rg_free(ctx, a);
}

/* Fewer of rows and columns are orthonormal; all signs of the first element come up. */
static void test_orthogonal(void **state) {
  rung_context *ctx = *state;
  static const int64_t sizes[][2] = {{1, 1}, {1, 5}, {5, 1}, {40, 40}, {27, 8}, {8, 27}, {3, 300}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    int64_t rows = sizes[s][0], columns = sizes[s][1], plus = 0;
    int64_t count = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    int64_t apart = rows < columns ? columns : 1, step = rows < columns ? 1 : columns;
    for (uint64_t draw = 0; draw < 20; draw++) {
      double *a = random_matrix(ctx, rows, columns, rows, 100 + draw);
      assert_ok(ctx, rg_orthogonal(ctx, rows, columns, a));
      plus += a[0] > 0;
      for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j <= i; j++) {
          long double sum = 0;
          for (int64_t k = 0; k < length; k++)
            sum += (long double)a[i * apart + k * step] * a[j * apart + k * step];
          assert_true(fabsl(sum - (i == j)) <= 1e-14L);
        }
      rg_free(ctx, a);
    }
    assert_in_range(plus, 2, 18);
  }
}

static void test_errors(void **state) {
  rung_context *ctx = *state;
  double a[4] = {1, 2, 3, 4}, r[4], workspace[4];
  assert_error(ctx, rg_qr_reduce(ctx, 0, 2, a, 2, r, 2, workspace), RUNG_E_UNSUPPORTED, "0");
  rung_clear_error(ctx);
  assert_error(ctx, rg_qr_reduce(ctx, 3, 2, a, 2, r, 2, workspace), RUNG_E_UNSUPPORTED,
               "3 (2 apart)");
  rung_clear_error(ctx);
  assert_error(ctx, rg_qr_update(ctx, 2, r, 2, 1, 2, a, 2, workspace), RUNG_E_ARGUMENT,
               "trapezoidal rows, found 2");
  rung_clear_error(ctx);
  assert_error(ctx, rg_orthogonal(ctx, 2, 0, a), RUNG_E_ARGUMENT, "found 2 x 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_gram),       TEST(test_least_squares),
                                     TEST(test_update),     TEST(test_bits_over_threads),
                                     TEST(test_orthogonal), TEST(test_errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
