/* Sums over vectors. A sum has 16 chains over every 16th element and a fixed tree over them, so
 * that it is vector code and has the same bits with any instructions: products are rounded before
 * they are added. */
#include "op/kernels.h"
#include "optim/optim.h"

#define LANES 16

static inline double dot_body(int64_t n, const double *a, const double *b) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lane[l] += a[i + l] * b[i + l];
  for (int l = 0; i + l < n; l++) lane[l] += a[i + l] * b[i + l];
  for (int half = LANES / 2; half; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

static double dot_portable(int64_t n, const double *a, const double *b) {
  return dot_body(n, a, b);
}
RG_AVX2 static double dot_avx2(int64_t n, const double *a, const double *b) {
  return dot_body(n, a, b);
}
RG_AVX512 static double dot_avx512(int64_t n, const double *a, const double *b) {
  return dot_body(n, a, b);
}

double rg_dot(rung_isa isa, int64_t n, const double *a, const double *b) {
  if (isa >= RUNG_ISA_AVX512) return dot_avx512(n, a, b);
  return isa >= RUNG_ISA_AVX2 ? dot_avx2(n, a, b) : dot_portable(n, a, b);
}

static inline void axpy_body(int64_t n, double a, const double *restrict x, double *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void axpy_portable(int64_t n, double a, const double *x, double *y) {
  axpy_body(n, a, x, y);
}
RG_AVX2 static void axpy_avx2(int64_t n, double a, const double *x, double *y) {
  axpy_body(n, a, x, y);
}

void rg_axpy(rung_isa isa, int64_t n, double a, const double *x, double *y) {
  if (isa >= RUNG_ISA_AVX2)
    axpy_avx2(n, a, x, y);
  else
    axpy_portable(n, a, x, y);
}
