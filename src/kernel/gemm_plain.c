/* Matrix products by their definition, one element after the other. */
#include "kernel/gemm_kernel.h"

#include <math.h>

#include "num/dd.h"

/* Where element (row, column) of op(X) lies. */
typedef struct view {
  int64_t row, column;
} view;

static view view_of(bool transposed, int64_t ld) {
  return transposed ? (view){1, ld} : (view){ld, 1};
}

#define DEFINE_PLAIN(name, real, fma_of)                                                           \
  static real chain_##name(int64_t k, const real *a, int64_t a_step, const real *b,                \
                           int64_t b_step) {                                                       \
    real c = 0;                                                                                    \
    for (int64_t p = 0; p < k; p++) c = fma_of(a[p * a_step], b[p * b_step], c);                   \
    return c;                                                                                      \
  }                                                                                                \
  static real dot2_##name(int64_t k, const real *a, int64_t a_step, const real *b,                 \
                          int64_t b_step) {                                                        \
    real s = 0, e = 0;                                                                             \
    for (int64_t p = 0; p < k; p++) {                                                              \
      real x = a[p * a_step], y = b[p * b_step], h = x * y, r = fma_of(x, y, -h);                  \
      real t = s + h, z = t - s, q = (s - (t - z)) + (h - z);                                      \
      s = t;                                                                                       \
      e += q + r;                                                                                  \
    }                                                                                              \
    return s + e;                                                                                  \
  }                                                                                                \
  static void plain_##name(const rg_gemm_args *g, view va, view vb) {                              \
    const real *a = g->a, *b = g->b;                                                               \
    real *c = g->c;                                                                                \
    for (int64_t i = 0; i < g->m; i++)                                                             \
      for (int64_t j = 0; j < g->n; j++) {                                                         \
        const real *x = a + i * va.row, *y = b + j * vb.column;                                    \
        c[i * g->ldc + j] = g->how == RUNG_COMPENSATED                                             \
                                ? dot2_##name(g->k, x, va.column, y, vb.row)                       \
                                : chain_##name(g->k, x, va.column, y, vb.row);                     \
      }                                                                                            \
  }

DEFINE_PLAIN(f32, float, fmaf)
DEFINE_PLAIN(f64, double, fma)

static rung_dd chain_dd(int64_t k, const rung_dd *a, int64_t a_step, const rung_dd *b,
                        int64_t b_step) {
  rung_dd c = {0, 0};
  for (int64_t p = 0; p < k; p++) c = rg_add_dd(c, rg_mul_dd(a[p * a_step], b[p * b_step]));
  return c;
}

static void plain_dd(const rg_gemm_args *g, view va, view vb) {
  const rung_dd *a = g->a, *b = g->b;
  rung_dd *c = g->c;
  for (int64_t i = 0; i < g->m; i++)
    for (int64_t j = 0; j < g->n; j++)
      c[i * g->ldc + j] = chain_dd(g->k, a + i * va.row, va.column, b + j * vb.column, vb.row);
}

void rg_gemm_plain(const rg_gemm_args *g) {
  view va = view_of(g->transpose_a, g->lda), vb = view_of(g->transpose_b, g->ldb);
  if (g->dtype == RUNG_F32) plain_f32(g, va, vb);
  if (g->dtype == RUNG_F64) plain_f64(g, va, vb);
  if (g->dtype == RUNG_DD) plain_dd(g, va, vb);
}
