/* Matrix products with a fixed meaning: the same bits for any instructions, blocking or threads. */
#ifndef RG_GEMM_H
#define RG_GEMM_H

#include "base/base.h"
#include "rung/graph.h"

/* C[m][n] = sum over k of opA(A)[m][k] * opB(B)[k][n], opX = transpose where asked. Arrays are
 * row-major with leading dimensions lda, ldb, ldc in elements. Element types by dtype.
 *
 * RUNG_WORKING: c = 0; for p = 0..k-1: c = fma(a[p], b[p], c). In double-double:
 * c = rg_add_dd(c, rg_mul_dd(a, b)), in order.
 * RUNG_COMPENSATED (f32, f64): Dot2 of Ogita, Rump, Oishi (SIAM J. Sci. Comput. 26, 2005), in order
 * p = 0..k-1: the sum s and the correction e by two_prod (fma) and two_sum, result s + e. */
typedef struct rg_gemm_args {
  rung_dtype dtype;
  rung_accumulate how;
  rung_isa isa;
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const void *a, *b;
  void *c;
  int64_t lda, ldb, ldc;
  void *scratch; /* rg_gemm_scratch() bytes, aligned to 64; may be NULL where that is 0 */
} rg_gemm_args;

/* Bytes that rg_gemm needs for packed panels: depends on the arguments' dtype, how, transposes and
 * sizes alone, not on isa. */
size_t rg_gemm_scratch(const rg_gemm_args *args);

/* Single-threaded: callers cut C into pieces of rows and columns. */
void rg_gemm(const rg_gemm_args *args);

#endif
