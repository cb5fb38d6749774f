/* What the files of one instruction set share. They define TARGET, and are ordinary C: the
 * attribute, not a flag of the compiler, switches the instructions on. */
#ifndef RG_GEMM_SIMD_H
#define RG_GEMM_SIMD_H

#include "kernel/gemm_kernel.h"

#if defined(__x86_64__)
#define RG_GEMM_X86 1
#include <immintrin.h>
#endif

#define GLUE_NOW(x, y) x##_##y
#define GLUE(x, y) GLUE_NOW(x, y)
#define OF(x) GLUE(x, FORMAT)
#define KIND(x) GLUE(GLUE(x, ACCUMULATE), FORMAT)

#define INLINE static inline __attribute__((always_inline)) TARGET
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* X(rows, vectors) for 1 up to so many vectors. */
#define WIDTHS_1(X, R) X(R, 1)
#define WIDTHS_2(X, R) X(R, 1) X(R, 2)
#define WIDTHS_3(X, R) WIDTHS_2(X, R) X(R, 3)
#define WIDTHS_4(X, R) WIDTHS_3(X, R) X(R, 4)
#define WIDTHS_8(X, R) WIDTHS_4(X, R) X(R, 5) X(R, 6) X(R, 7) X(R, 8)

#endif
