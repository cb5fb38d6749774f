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

/* One row of C, many columns at a time so that B is read along its rows. */
enum { PLAIN_LANES = 8, PLAIN_COLUMNS = PLAIN_LANES * RG_TILE_VECTORS };

static rung_dd step_dd(rung_dd x, rung_dd y, rung_dd c) {
  return rg_add_dd(c, rg_mul_dd(x, y));
}

#define DEFINE_PLAIN_TILE(name, real, zero, fma_of)                                                \
  static void plain_tile_##name(const rg_tile *t) {                                                \
    real c[PLAIN_COLUMNS];                                                                         \
    for (int64_t j = 0; j < t->columns; j++) c[j] = t->first ? zero : ((const real *)t->c)[j];     \
    for (int64_t segment = 0; segment < t->segments; segment++) {                                  \
      const real *a = (const real *)t->a + t->a_start[segment];                                    \
      const real *b = (const real *)t->b + t->b_start[segment];                                    \
      for (int64_t p = 0; p < t->k; p++, a += t->a_step, b += t->b_step)                           \
        for (int64_t j = 0; j < t->columns; j++) c[j] = fma_of(*a, b[j], c[j]);                    \
    }                                                                                              \
    for (int64_t j = 0; j < t->columns; j++) ((real *)t->c)[j] = c[j];                             \
  }                                                                                                \
  static const rg_tile_fn plain_table_##name[1][RG_TILE_VECTORS] = {                               \
      {plain_tile_##name, plain_tile_##name, plain_tile_##name, plain_tile_##name,                 \
       plain_tile_##name, plain_tile_##name, plain_tile_##name, plain_tile_##name}};               \
  static const rg_tiles plain_tiles_##name = {PLAIN_LANES, 1, 1, plain_widths, plain_table_##name};

static const int plain_widths[] = {RG_TILE_VECTORS};
DEFINE_PLAIN_TILE(f32, float, 0, fmaf)
DEFINE_PLAIN_TILE(f64, double, 0, fma)
DEFINE_PLAIN_TILE(dd, rung_dd, ((rung_dd){0, 0}), step_dd)

const rg_tiles *rg_tiles_plain(rung_dtype dtype) {
  if (dtype == RUNG_F32) return &plain_tiles_f32;
  return dtype == RUNG_F64 ? &plain_tiles_f64 : &plain_tiles_dd;
}
