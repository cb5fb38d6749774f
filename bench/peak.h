/* What benchmarks share: seconds of one thread, and the arithmetic peak of one core. */
#ifndef RG_BENCH_PEAK_H
#define RG_BENCH_PEAK_H

#include <time.h>

#include "base/base.h"

enum { CHAINS = 20 };

/* Seconds that this thread has computed: what else runs on the machine does not count. */
static inline double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define DEFINE_PEAK(name, vector, target_text, fma_of)                                             \
  __attribute__((target(target_text))) static inline void name(int64_t steps, vector *sink) {      \
    vector s[CHAINS];                                                                              \
    for (int i = 0; i < CHAINS; i++) s[i] = sink[i];                                               \
    vector x = sink[CHAINS], y = sink[CHAINS + 1];                                                 \
    for (int64_t t = 0; t < steps; t++) {                                                          \
      _Pragma("GCC unroll 20") for (int i = 0; i < CHAINS; i++) s[i] = fma_of(x, y, s[i]);         \
      __asm__ volatile("" : "+v"(x));                                                              \
    }                                                                                              \
    for (int i = 0; i < CHAINS; i++) sink[i] = s[i];                                               \
  }

DEFINE_PEAK(peak_512, __m512, "avx512f", _mm512_fmadd_ps)
DEFINE_PEAK(peak_256, __m256, "avx2,fma", _mm256_fmadd_ps)
#endif

/* Single-precision flops of one call of the fastest loop of independent fused multiply-adds in
 * registers. */
static inline double peak_call(int64_t steps) {
  static _Alignas(64) char sink[64 * (CHAINS + 2)];
  rung_isa isa = rung_isa_best();
#if defined(__x86_64__)
  if (isa == RUNG_ISA_AVX512) peak_512(steps, (__m512 *)(void *)sink);
  if (isa == RUNG_ISA_AVX2) peak_256(steps, (__m256 *)(void *)sink);
#endif
  return 2.0 * CHAINS * (double)steps * (isa == RUNG_ISA_AVX512 ? 16 : 8);
}

#endif
