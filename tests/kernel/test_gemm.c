/* Every instruction set gives the bits of the definition, for every shape, layout and value. */
#include "test.h"

#include <float.h>
#include <math.h>
#include <mpfr.h>
#include <stdio.h>

#include "kernel/gemm.h"
#include "num/dd.h"

typedef struct shape {
  int64_t m, n, k;
} shape;

/* How the numbers are drawn. */
typedef enum values { ORDINARY, WIDE, SPECIAL } values;

static uint64_t counter;

static double draw(values how) {
  static const double special[] = {0.0,     -0.0,    INFINITY, -INFINITY, NAN,     1e-310,
                                   -3e-320, 1.5e-45, -1.4e-44, FLT_MAX,   DBL_MAX, -1e300,
                                   1e-38,   1e38,    -1.0,     1.0,       3e-39,   -1e-160};
  double x = rg_normal(7, 1, counter++);
  if (how == WIDE) return ldexp(x, (int)(rg_bits(7, 2, counter) % 60) - 30);
  if (how == SPECIAL && rg_bits(7, 3, counter) % 8 == 0)
    return special[rg_bits(7, 4, counter) % (sizeof special / sizeof *special)];
  return x;
}

/* In normal form; the lo of an infinity or NaN is 0. */
static rung_dd draw_dd(values how) {
  rung_dd x = {draw(how), 0};
  double lo = x.hi * ldexp(rg_uniform(7, 6, counter) - 0.5, -53);
  if (isfinite(x.hi) && isfinite(lo)) x.lo = lo;
  return x;
}

static void fill(rung_dtype dtype, void *to, int64_t count, values how) {
  for (int64_t i = 0; i < count; i++) {
    if (dtype == RUNG_F32) ((float *)to)[i] = (float)draw(how);
    if (dtype == RUNG_F64) ((double *)to)[i] = draw(how);
    if (dtype == RUNG_DD) ((rung_dd *)to)[i] = draw_dd(how);
  }
}

/* The definition in gemm.h, written once more. */
static float chain_f32(int64_t k, const float *x, int64_t dx, const float *y, int64_t dy) {
  float c = 0;
  for (int64_t p = 0; p < k; p++) c = fmaf(x[p * dx], y[p * dy], c);
  return c;
}

static double chain_f64(int64_t k, const double *x, int64_t dx, const double *y, int64_t dy) {
  double c = 0;
  for (int64_t p = 0; p < k; p++) c = fma(x[p * dx], y[p * dy], c);
  return c;
}

static float dot2_f32(int64_t k, const float *x, int64_t dx, const float *y, int64_t dy) {
  float s = 0, e = 0;
  for (int64_t p = 0; p < k; p++) {
    float h = x[p * dx] * y[p * dy], r = fmaf(x[p * dx], y[p * dy], -h);
    float t = s + h, z = t - s;
    float q = (s - (t - z)) + (h - z);
    s = t;
    e = e + (q + r);
  }
  return s + e;
}

static double dot2_f64(int64_t k, const double *x, int64_t dx, const double *y, int64_t dy) {
  double s = 0, e = 0;
  for (int64_t p = 0; p < k; p++) {
    double h = x[p * dx] * y[p * dy], r = fma(x[p * dx], y[p * dy], -h);
    double t = s + h, z = t - s;
    double q = (s - (t - z)) + (h - z);
    s = t;
    e = e + (q + r);
  }
  return s + e;
}

static rung_dd chain_dd(int64_t k, const rung_dd *x, int64_t dx, const rung_dd *y, int64_t dy) {
  rung_dd c = {0, 0};
  for (int64_t p = 0; p < k; p++) c = rg_add_dd(c, rg_mul_dd(x[p * dx], y[p * dy]));
  return c;
}

static void element(const rg_gemm_args *g, int64_t i, int64_t j, void *out) {
  int64_t ai = g->transpose_a ? 1 : g->lda, ap = g->transpose_a ? g->lda : 1;
  int64_t bp = g->transpose_b ? 1 : g->ldb, bj = g->transpose_b ? g->ldb : 1;
  bool dot2 = g->how == RUNG_COMPENSATED;
  if (g->dtype == RUNG_F32) {
    const float *x = (const float *)g->a + i * ai, *y = (const float *)g->b + j * bj;
    *(float *)out = (dot2 ? dot2_f32 : chain_f32)(g->k, x, ap, y, bp);
  } else if (g->dtype == RUNG_F64) {
    const double *x = (const double *)g->a + i * ai, *y = (const double *)g->b + j * bj;
    *(double *)out = (dot2 ? dot2_f64 : chain_f64)(g->k, x, ap, y, bp);
  } else {
    const rung_dd *x = (const rung_dd *)g->a + i * ai, *y = (const rung_dd *)g->b + j * bj;
    *(rung_dd *)out = chain_dd(g->k, x, ap, y, bp);
  }
}

/* The same bits; which NaN comes of several is not told apart. */
static bool same(rung_dtype dtype, const void *x, const void *y) {
  if (memcmp(x, y, rung_dtype_size(dtype)) == 0) return true;
  if (dtype == RUNG_F32) return isnan(*(const float *)x) && isnan(*(const float *)y);
  const double *a = x, *b = y;
  if (dtype == RUNG_F64) return isnan(*a) && isnan(*b);
  return isnan(a[0]) && isnan(b[0]) && memcmp(a + 1, b + 1, sizeof *a) == 0;
}

/* A malloc of exactly what op(X) spans, so that the address sanitizer sees a read beyond it. */
static void *array(rung_dtype dtype, int64_t rows, int64_t columns, int64_t ld, values how) {
  int64_t count = rows > 0 && columns > 0 ? (rows - 1) * ld + columns : 0;
  void *data = malloc((size_t)count * rung_dtype_size(dtype) + (count == 0));
  assert_non_null(data);
  fill(dtype, data, count, how);
  return data;
}

static const char *isa_name[] = {"portable", "avx2", "avx512"};

static void compare(const rg_gemm_args *g, const char *expected, const char *found) {
  size_t size = rung_dtype_size(g->dtype);
  for (int64_t i = 0; i < g->m; i++)
    for (int64_t j = 0; j < (i + 1 < g->m ? g->ldc : g->n); j++) {
      size_t at = (size_t)(i * g->ldc + j) * size;
      if (!same(g->dtype, expected + at, found + at))
        fail_msg("%s %s %s %c%c m=%ld n=%ld k=%ld ldc=%ld: element (%ld, %ld) differs",
                 isa_name[g->isa], rung_dtype_name(g->dtype),
                 g->how == RUNG_COMPENSATED ? "Dot2" : "chain", g->transpose_a ? 'T' : 'N',
                 g->transpose_b ? 'T' : 'N', (long)g->m, (long)g->n, (long)g->k, (long)g->ldc,
                 (long)i, (long)j);
    }
}

static void run(const rg_gemm_args *args, const char *before, const char *expected, size_t bytes) {
  rg_gemm_args g = *args;
  for (int isa = 0; isa <= (int)rung_isa_best(); isa++) {
    size_t scratch = rg_gemm_scratch(args);
    char *c = malloc(bytes + 1);
    memcpy(c, before, bytes);
    g.c = c;
    g.isa = (rung_isa)isa;
    assert_int_equal(rg_gemm_scratch(&g), scratch);
    assert_int_equal(scratch % RG_ALIGN, 0);
    g.scratch = scratch ? aligned_alloc(RG_ALIGN, scratch) : NULL;
    if (scratch) memset(g.scratch, 0xff, scratch);
    rg_gemm(&g);
    compare(&g, expected, c);
    free(g.scratch);
    free(c);
  }
}

/* `pad` elements lie between the rows of every array and must stay as they are in C. */
static void check(rung_dtype dtype, rung_accumulate how, int layout, shape s, int pad, values v) {
  bool ta = layout & 1, tb = layout & 2;
  int64_t ar = ta ? s.k : s.m, ac = ta ? s.m : s.k, br = tb ? s.n : s.k, bc = tb ? s.k : s.n;
  size_t size = rung_dtype_size(dtype);
  rg_gemm_args g = {.dtype = dtype, .how = how, .transpose_a = ta, .transpose_b = tb};
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.lda = ac + pad, g.ldb = bc + 2 * pad, g.ldc = s.n + 3 * pad;
  void *a = array(dtype, ar, ac, g.lda, v), *b = array(dtype, br, bc, g.ldb, v);
  size_t bytes = (size_t)((s.m - 1) * g.ldc + s.n) * size;
  char *before = array(dtype, s.m, s.n, g.ldc, ORDINARY), *expected = malloc(bytes);
  memcpy(expected, before, bytes);
  g.a = a, g.b = b;
  for (int64_t i = 0; i < s.m; i++)
    for (int64_t j = 0; j < s.n; j++) element(&g, i, j, expected + (size_t)(i * g.ldc + j) * size);
  run(&g, before, expected, bytes);
  free(a);
  free(b);
  free(before);
  free(expected);
}

static void check_all_kinds(shape s, int pad, values v) {
  for (int layout = 0; layout < 4; layout++) {
    check(RUNG_F32, RUNG_WORKING, layout, s, pad, v);
    check(RUNG_F32, RUNG_COMPENSATED, layout, s, pad, v);
    check(RUNG_F64, RUNG_WORKING, layout, s, pad, v);
    check(RUNG_F64, RUNG_COMPENSATED, layout, s, pad, v);
    check(RUNG_DD, (rung_accumulate)(layout % 2), layout, s, pad, v);
  }
}

static void small_shapes(void **state) {
  (void)state;
  static const int64_t m[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25};
  static const int64_t n[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 130};
  static const int64_t k[] = {0, 1, 2, 5, 9};
  for (size_t x = 0; x < sizeof m / sizeof *m; x++)
    for (size_t y = 0; y < sizeof n / sizeof *n; y++)
      for (size_t z = 0; z < sizeof k / sizeof *k; z++)
        check_all_kinds((shape){m[x], n[y], k[z]}, (int)((x + y + z) % 3), ORDINARY);
}

/* Every width up to two of the widest tiles, for each number of rows that has its own tiles. */
static void every_width(void **state) {
  (void)state;
  for (int64_t m = 1; m <= 12; m++)
    for (int64_t n = 1; n <= 260; n += m < 4 ? 3 : 7)
      check_all_kinds((shape){m, n, 3}, 0, ORDINARY);
}

/* More than a block of rows, columns or k, so that sums are put away and taken up again. */
static void many_blocks(void **state) {
  (void)state;
  static const shape shapes[] = {{1, 1000, 80}, {1, 80, 1100}, {700, 1, 90},   {600, 2, 300},
                                 {1100, 4, 40}, {61, 530, 20}, {70, 200, 530}, {130, 40, 1030},
                                 {64, 64, 64},  {3, 1, 1300},  {1, 3, 700},    {200, 530, 1},
                                 {530, 200, 2}, {97, 193, 37}, {2, 300, 270},  {50, 520, 129}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    check_all_kinds(shapes[i], i % 2 ? 5 : 0, ORDINARY);
}

static void special_values(void **state) {
  (void)state;
  static const shape shapes[] = {{1, 40, 3},    {5, 17, 2},   {13, 37, 4},   {40, 3, 3},
                                 {60, 250, 40}, {1, 1, 2000}, {30, 40, 600}, {70, 1, 1}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    check_all_kinds(shapes[i], 1, SPECIAL);
    check_all_kinds(shapes[i], 0, WIDE);
  }
}

/* The exact scalar product and the sum of the absolute products. */
static void exact(mpfr_t sum, mpfr_t size, int64_t k, const double *x, const double *y) {
  mpfr_t product;
  mpfr_init2(product, 1200);
  mpfr_set_zero(sum, 1);
  mpfr_set_zero(size, 1);
  for (int64_t p = 0; p < k; p++) {
    mpfr_set_d(product, x[p], MPFR_RNDN);
    mpfr_mul_d(product, product, y[p], MPFR_RNDN);
    mpfr_add(sum, sum, product, MPFR_RNDN);
    mpfr_abs(product, product, MPFR_RNDN);
    mpfr_add(size, size, product, MPFR_RNDN);
  }
  mpfr_clear(product);
}

/* Pairs whose products nearly cancel: the condition number is about 2^spread. */
static void cancelling(int64_t k, double *x, double *y, int spread, int digits) {
  for (int64_t p = 0; p < k; p += 2) {
    double scale = ldexp(1, (int)(rg_bits(7, 5, counter) % (uint64_t)spread));
    x[p] = (double)(float)(draw(ORDINARY) * scale);
    y[p] = (double)(float)draw(ORDINARY);
    x[p + 1] = -x[p];
    y[p + 1] = (double)(float)(y[p] * (1 + ldexp(draw(ORDINARY), -digits)));
  }
}

static double gemm_row(rung_dtype dtype, int64_t k, const double *x, const double *y) {
  float xf[400], yf[400], cf;
  double cd;
  for (int64_t p = 0; p < k; p++) xf[p] = (float)x[p], yf[p] = (float)y[p];
  bool single = dtype == RUNG_F32;
  rg_gemm_args g = {.dtype = dtype, .how = RUNG_COMPENSATED, .isa = rung_isa_best()};
  g.m = g.n = 1;
  g.k = k;
  g.a = single ? (const void *)xf : x;
  g.b = single ? (const void *)yf : y;
  g.c = single ? (void *)&cf : &cd;
  g.lda = k, g.ldb = 1, g.ldc = 1;
  size_t scratch = rg_gemm_scratch(&g);
  g.scratch = scratch ? aligned_alloc(RG_ALIGN, scratch) : NULL;
  rg_gemm(&g);
  free(g.scratch);
  return single ? (double)cf : cd;
}

/* Ogita, Rump, Oishi 2005, proposition 5.5: error <= u |x'y| + gamma_k^2 |x|'|y|, where
 * gamma_k = k u / (1 - k u). */
static void dot2_meets_its_bound(void **state) {
  (void)state;
  double x[400], y[400];
  mpfr_t sum, size;
  mpfr_inits2(1200, sum, size, (mpfr_ptr)0);
  for (int trial = 0; trial < 200; trial++) {
    rung_dtype dtype = trial % 2 ? RUNG_F32 : RUNG_F64;
    double u = dtype == RUNG_F32 ? ldexp(1, -24) : ldexp(1, -53);
    int64_t k = 2 + 2 * (trial % 199);
    cancelling(k, x, y, 1 + trial / 4, 20);
    exact(sum, size, k, x, y);
    double gamma = (double)k * u / (1 - (double)k * u), found = gemm_row(dtype, k, x, y);
    double bound =
        u * fabs(mpfr_get_d(sum, MPFR_RNDN)) + gamma * gamma * mpfr_get_d(size, MPFR_RNDN);
    mpfr_sub_d(sum, sum, found, MPFR_RNDN);
    assert_true(fabs(mpfr_get_d(sum, MPFR_RNDN)) <= bound * (1 + 1e-9));
  }
  mpfr_clears(sum, size, (mpfr_ptr)0);
  mpfr_free_cache();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_shapes),         cmocka_unit_test(every_width),
      cmocka_unit_test(many_blocks),          cmocka_unit_test(special_values),
      cmocka_unit_test(dot2_meets_its_bound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
