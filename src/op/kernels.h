/* Kernels of elementwise ops: a loop over a number function of src/num, compiled for each
 * arithmetic and instruction set from the same text. The functions are free of branches and written
 * with explicit fma, so every variant gives the same bits. */
#ifndef RG_KERNELS_H
#define RG_KERNELS_H

#include "graph/graph.h"
#include "num/dd.h"
#include "num/f32.h"
#include "num/f64.h"

#if defined(__x86_64__) && defined(__clang__)
#define RG_AVX2 __attribute__((target("avx2,fma"), flatten))
#define RG_AVX512                                                                                  \
  __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512), flatten))
#elif defined(__x86_64__)
#define RG_AVX2 __attribute__((target("avx2,fma"), flatten))
#define RG_AVX512                                                                                  \
  __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512"), flatten))
#else
#define RG_AVX2
#define RG_AVX512
#endif

/* The iterations of the loop that follows may be done in any order: `out` may be an operand's own
 * array, never a shifted one. (A restrict pointer would say that it is none.) */
#if defined(__clang__)
#define RG_ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
#pragma clang diagnostic ignored "-Wpass-failed"
#else
#define RG_ELEMENTWISE _Pragma("GCC ivdep")
#endif

/* One kernel function; `value` is an expression in a[i], b[i], c[i] and the attributes `attr`. */
#define RG_KERNEL(name, attributes, type, value)                                                   \
  attributes static rung_status name(const rung_call *call) {                                      \
    const rung_attributes *attr = call->attr;                                                      \
    const type *a = call->in[0];                                                                   \
    const type *b = call->operands > 1 ? call->in[1] : a;                                          \
    const type *c = call->operands > 2 ? call->in[2] : a;                                          \
    type *out = call->out;                                                                         \
    (void)attr, (void)b, (void)c;                                                                  \
    RG_ELEMENTWISE                                                                                 \
    for (int64_t i = 0; i < call->count; i++) out[i] = value;                                      \
    return RUNG_OK;                                                                                \
  }

#define RG_KERNELS_OF_TYPE(name, suffix, type, value)                                              \
  RG_KERNEL(name##_##suffix##_portable, , type, value)                                             \
  RG_KERNEL(name##_##suffix##_avx2, RG_AVX2, type, value)                                          \
  RG_KERNEL(name##_##suffix##_avx512, RG_AVX512, type, value)

/* All nine kernels of an op whose value is the number function `function` of its operands. */
#define RG_UNARY(name, function)                                                                   \
  RG_KERNELS_OF_TYPE(name, f32, float, function##_f32(a[i]))                                       \
  RG_KERNELS_OF_TYPE(name, f64, double, function##_f64(a[i]))                                      \
  RG_KERNELS_OF_TYPE(name, dd, rung_dd, function##_dd(a[i]))
#define RG_BINARY(name, function)                                                                  \
  RG_KERNELS_OF_TYPE(name, f32, float, function##_f32(a[i], b[i]))                                 \
  RG_KERNELS_OF_TYPE(name, f64, double, function##_f64(a[i], b[i]))                                \
  RG_KERNELS_OF_TYPE(name, dd, rung_dd, function##_dd(a[i], b[i]))

/* All nine kernels of `outer`, an expression in the type, the function `inner` of a[i] and b[i],
 * and c[i]. */
#define RG_PAIR(name, inner, outer)                                                                \
  RG_KERNELS_OF_TYPE(name, f32, float, outer(f32, inner##_f32(a[i], b[i]), c[i]))                  \
  RG_KERNELS_OF_TYPE(name, f64, double, outer(f64, inner##_f64(a[i], b[i]), c[i]))                 \
  RG_KERNELS_OF_TYPE(name, dd, rung_dd, outer(dd, inner##_dd(a[i], b[i]), c[i]))

/* What op may follow a binary one whose result it alone reads, as its operand `which`, in one pass
 * over a tile: kernels of three operands, the first op's and the second's other one. Each op rounds
 * as it does alone, so the bits are the same; what is saved is the way through a tile register. A
 * list ends with a NULL name. */
typedef struct rg_follow {
  const char *op;
  int which;
  rung_kernels kernel[3];
} rg_follow;

#define RG_TABLE_OF_TYPE(name, suffix)                                                             \
  { name##_##suffix##_portable, name##_##suffix##_avx2, name##_##suffix##_avx512 }
/* The `kernel` member of such an op. */
#define RG_TABLE(name)                                                                             \
  { RG_TABLE_OF_TYPE(name, f32), RG_TABLE_OF_TYPE(name, f64), RG_TABLE_OF_TYPE(name, dd) }

/* The `kernel` member of an op that has one portable function for every arithmetic. */
#define RG_ONE_KERNEL(function)                                                                    \
  {                                                                                                \
    {.portable = function}, {.portable = function}, {                                              \
      .portable = function                                                                         \
    }                                                                                              \
  }

#endif
