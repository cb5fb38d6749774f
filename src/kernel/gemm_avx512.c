/* Tiles for AVX-512: 32 registers of 64 bytes. */
#include "kernel/gemm_simd.h"

#ifdef RG_GEMM_X86
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))

#define FORMAT f32
#define ELEMENT float
#define LANES 16
typedef __m512 vector_f32;
typedef __mmask16 mask_f32;

INLINE vector_f32 zeros_f32(void) {
  return _mm512_setzero_ps();
}

INLINE mask_f32 mask_of_f32(int64_t count) {
  return (mask_f32)(count >= LANES ? 0xffffu : count > 0 ? (1u << count) - 1 : 0);
}

INLINE vector_f32 load_f32(const float *from) {
  return _mm512_loadu_ps(from);
}

INLINE vector_f32 load_part_f32(const float *from, mask_f32 mask) {
  return _mm512_maskz_loadu_ps(mask, from);
}

INLINE vector_f32 splat_f32(const float *from) {
  return _mm512_set1_ps(*from);
}

INLINE vector_f32 get_f32(const float *from, int64_t count) {
  return _mm512_maskz_loadu_ps(mask_of_f32(count), from);
}

INLINE void put_f32(float *to, int64_t count, vector_f32 x) {
  _mm512_mask_storeu_ps(to, mask_of_f32(count), x);
}

INLINE vector_f32 fma_f32(vector_f32 x, vector_f32 y, vector_f32 z) {
  return _mm512_fmadd_ps(x, y, z);
}

INLINE vector_f32 fms_f32(vector_f32 x, vector_f32 y, vector_f32 z) {
  return _mm512_fmsub_ps(x, y, z);
}

/* 24 sums, 2 vectors of B and one of A: 27 registers; 8 chains would hide the latency. Of one
 * vector the more rows the better: each step loads one number a row and one vector besides. */
#define ACCUMULATE working
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1)                                                                                   \
  WIDTHS_8(X, 2)                                                                                   \
  WIDTHS_8(X, 3)                                                                                   \
  WIDTHS_4(X, 4)                                                                                   \
  WIDTHS_4(X, 5)                                                                                   \
  WIDTHS_4(X, 6)                                                                                   \
  WIDTHS_3(X, 7)                                                                                   \
  WIDTHS_3(X, 8)                                                                                   \
  WIDTHS_2(X, 9)                                                                                   \
  WIDTHS_2(X, 10)                                                                                  \
  WIDTHS_2(X, 11) WIDTHS_2(X, 12) WIDTHS_1(X, 13) WIDTHS_1(X, 14) WIDTHS_1(X, 15) WIDTHS_1(X, 16)
#define ROWS 12
#define LONE 16
#define WIDTHS 8, 8, 8, 4, 4, 4, 3, 3, 2, 2, 2, 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define ACCUMULATE dot2
#define TILES(X) WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4)
#define ROWS 4
#define LONE ROWS
#define WIDTHS 8, 4, 3, 2
#include "kernel/gemm_dot2.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS
#undef FORMAT
#undef ELEMENT
#undef LANES

#define FORMAT f64
#define ELEMENT double
#define LANES 8
typedef __m512d vector_f64;
typedef __mmask8 mask_f64;

INLINE vector_f64 zeros_f64(void) {
  return _mm512_setzero_pd();
}

INLINE mask_f64 mask_of_f64(int64_t count) {
  return (mask_f64)(count >= LANES ? 0xffu : count > 0 ? (1u << count) - 1 : 0);
}

INLINE vector_f64 load_f64(const double *from) {
  return _mm512_loadu_pd(from);
}

INLINE vector_f64 load_part_f64(const double *from, mask_f64 mask) {
  return _mm512_maskz_loadu_pd(mask, from);
}

INLINE vector_f64 splat_f64(const double *from) {
  return _mm512_set1_pd(*from);
}

INLINE vector_f64 get_f64(const double *from, int64_t count) {
  return _mm512_maskz_loadu_pd(mask_of_f64(count), from);
}

INLINE void put_f64(double *to, int64_t count, vector_f64 x) {
  _mm512_mask_storeu_pd(to, mask_of_f64(count), x);
}

INLINE vector_f64 fma_f64(vector_f64 x, vector_f64 y, vector_f64 z) {
  return _mm512_fmadd_pd(x, y, z);
}

INLINE vector_f64 fms_f64(vector_f64 x, vector_f64 y, vector_f64 z) {
  return _mm512_fmsub_pd(x, y, z);
}

/* 24 sums, 2 vectors of B and one of A: 27 registers; 8 chains would hide the latency. Of one
 * vector the more rows the better: each step loads one number a row and one vector besides. */
#define ACCUMULATE working
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1)                                                                                   \
  WIDTHS_8(X, 2)                                                                                   \
  WIDTHS_8(X, 3)                                                                                   \
  WIDTHS_4(X, 4)                                                                                   \
  WIDTHS_4(X, 5)                                                                                   \
  WIDTHS_4(X, 6)                                                                                   \
  WIDTHS_3(X, 7)                                                                                   \
  WIDTHS_3(X, 8)                                                                                   \
  WIDTHS_2(X, 9)                                                                                   \
  WIDTHS_2(X, 10)                                                                                  \
  WIDTHS_2(X, 11) WIDTHS_2(X, 12) WIDTHS_1(X, 13) WIDTHS_1(X, 14) WIDTHS_1(X, 15) WIDTHS_1(X, 16)
#define ROWS 12
#define LONE 16
#define WIDTHS 8, 8, 8, 4, 4, 4, 3, 3, 2, 2, 2, 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define ACCUMULATE dot2
#define TILES(X) WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4)
#define ROWS 4
#define LONE ROWS
#define WIDTHS 8, 4, 3, 2
#include "kernel/gemm_dot2.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS
#undef FORMAT
#undef ELEMENT

#define FORMAT dd
#define ELEMENT rung_dd
typedef struct vector_dd {
  vector_f64 hi, lo;
} vector_dd;
typedef struct mask_dd {
  mask_f64 first, second;
} mask_dd;

INLINE vector_dd settle_f64(vector_f64 sum, vector_f64 rest, vector_f64 rough) {
  __mmask8 infinite = _mm512_fpclass_pd_mask(sum, 0x99); /* either infinity, either NaN */
  return (vector_dd){_mm512_mask_mov_pd(sum, infinite, rough),
                     _mm512_maskz_mov_pd((__mmask8)~infinite, rest)};
}

/* Neighbouring pairs hi lo to hi and lo, and the way back. */
INLINE vector_dd apart_dd(vector_f64 first, vector_f64 second) {
  return (vector_dd){_mm512_unpacklo_pd(first, second), _mm512_unpackhi_pd(first, second)};
}

INLINE vector_dd together_dd(vector_dd x) {
  return apart_dd(x.hi, x.lo);
}

#include "kernel/gemm_dd.inc"

/* A sum and a factor are 2 registers each, a step takes 8 more. */
#define ACCUMULATE working
#define TILES(X) WIDTHS_4(X, 1) WIDTHS_2(X, 2) WIDTHS_2(X, 3) WIDTHS_2(X, 4)
#define ROWS 4
#define LONE ROWS
#define WIDTHS 4, 2, 2, 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

#define FLIPPED
#define ACCUMULATE flipped
#define TILES(X) WIDTHS_4(X, 1)
#define ROWS 1
#define LONE ROWS
#define WIDTHS 4
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

const rg_tiles *rg_tiles_avx512(rung_dtype dtype, rung_accumulate how, bool flipped) {
  bool dot2 = how == RUNG_COMPENSATED;
  if (dtype == RUNG_F32) return dot2 ? &tiles_dot2_f32 : &tiles_working_f32;
  if (dtype == RUNG_F64) return dot2 ? &tiles_dot2_f64 : &tiles_working_f64;
  return flipped ? &tiles_flipped_dd : &tiles_working_dd;
}

#else
const rg_tiles *rg_tiles_avx512(rung_dtype dtype, rung_accumulate how, bool flipped) {
  (void)dtype;
  (void)how;
  (void)flipped;
  return NULL;
}
#endif
