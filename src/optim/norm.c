/* The Euclidean norm of many numbers: blocks of fixed length are summed in 16 chains each, so that
 * it is vector code and has the same bits with any instructions, and the blocks one after the
 * other. Squares and sums are in double, which holds those of single precision without overflow. */
#include <math.h>

#include "op/kernels.h"
#include "optim/descent.h"

#define BLOCK 16384
#define WORTH_THREADS 262144 /* numbers; fewer are summed before a thread is awake */
#define LANES 16

#define DEFINE_SQUARES(name, attributes, type, value)                                              \
  attributes static double name(int64_t n, const type *a) {                                        \
    double lane[LANES] = {0};                                                                      \
    int64_t i = 0;                                                                                 \
    for (; i + LANES <= n; i += LANES)                                                             \
      for (int l = 0; l < LANES; l++) {                                                            \
        double x = value(a[i + l]);                                                                \
        lane[l] += x * x;                                                                          \
      }                                                                                            \
    for (int l = 0; i + l < n; l++) {                                                              \
      double x = value(a[i + l]);                                                                  \
      lane[l] += x * x;                                                                            \
    }                                                                                              \
    for (int half = LANES / 2; half; half /= 2)                                                    \
      for (int l = 0; l < half; l++) lane[l] += lane[l + half];                                    \
    return lane[0];                                                                                \
  }
#define AS_DOUBLE(a) ((double)(a))
#define HIGH_PART(a) ((a).hi)
#define DEFINE_TYPE(suffix, type, value)                                                           \
  DEFINE_SQUARES(squares_##suffix, , type, value)                                                  \
  DEFINE_SQUARES(squares_##suffix##_avx2, RG_AVX2, type, value)                                    \
  DEFINE_SQUARES(squares_##suffix##_avx512, RG_AVX512, type, value)                                \
  static double choose_##suffix(rung_isa isa, int64_t n, const type *a) {                          \
    if (isa >= RUNG_ISA_AVX512) return squares_##suffix##_avx512(n, a);                            \
    return isa >= RUNG_ISA_AVX2 ? squares_##suffix##_avx2(n, a) : squares_##suffix(n, a);          \
  }
DEFINE_TYPE(f32, float, AS_DOUBLE)
DEFINE_TYPE(f64, double, AS_DOUBLE)
DEFINE_TYPE(dd, rung_dd, HIGH_PART)

typedef struct job {
  rung_isa isa;
  rung_dtype dtype;
  int64_t n;
  const char *a;
  double *partial;
} job;

static void sum_block(void *arg, int64_t piece) {
  const job *j = arg;
  int64_t left = j->n - piece * BLOCK, n = left < BLOCK ? left : BLOCK;
  const void *at = j->a + (size_t)(piece * BLOCK) * rung_dtype_size(j->dtype);
  j->partial[piece] = j->dtype == RUNG_F32   ? choose_f32(j->isa, n, at)
                      : j->dtype == RUNG_F64 ? choose_f64(j->isa, n, at)
                                             : choose_dd(j->isa, n, at);
}

int64_t rg_norm_partials(int64_t n) {
  return (n + BLOCK - 1) / BLOCK;
}

double rg_norm(rung_context *ctx, rung_dtype dtype, int64_t n, const void *a, double *partial) {
  job j = {ctx->isa, dtype, n, a, partial};
  int64_t pieces = rg_norm_partials(n);
  double sum = 0;
  if (n < WORTH_THREADS)
    for (int64_t i = 0; i < pieces; i++) sum_block(&j, i);
  else
    rg_parallel(ctx, pieces, sum_block, &j);
  for (int64_t i = 0; i < pieces; i++) sum += partial[i];
  return sqrt(sum);
}
