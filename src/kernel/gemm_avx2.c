/* Tiles for AVX2 and FMA: 16 registers of 32 bytes. */
#include "kernel/gemm_simd.h"

#ifdef RG_GEMM_X86
#include <math.h>

#define TARGET __attribute__((target("avx2,fma")))

#define FORMAT f32
#define ELEMENT float
#define LANES 8
typedef __m256 vector_f32;
typedef __m256i mask_f32;

INLINE vector_f32 zeros_f32(void) {
  return _mm256_setzero_ps();
}

INLINE mask_f32 mask_of_f32(int64_t count) {
  static const int32_t lanes[3 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
  int64_t skip = count >= LANES ? 0 : count > 0 ? LANES - count : LANES;
  return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + skip));
}

INLINE vector_f32 load_f32(const float *from) {
  return _mm256_loadu_ps(from);
}

INLINE vector_f32 load_part_f32(const float *from, mask_f32 mask) {
  return _mm256_maskload_ps(from, mask);
}

INLINE vector_f32 splat_f32(const float *from) {
  return _mm256_set1_ps(*from);
}

INLINE vector_f32 get_f32(const float *from, int64_t count) {
  if (count >= LANES) return _mm256_loadu_ps(from);
  return _mm256_maskload_ps(from, mask_of_f32(count));
}

INLINE void put_f32(float *to, int64_t count, vector_f32 x) {
  if (count >= LANES)
    _mm256_storeu_ps(to, x);
  else
    _mm256_maskstore_ps(to, mask_of_f32(count), x);
}

INLINE vector_f32 fma_f32(vector_f32 x, vector_f32 y, vector_f32 z) {
  return _mm256_fmadd_ps(x, y, z);
}

INLINE vector_f32 fms_f32(vector_f32 x, vector_f32 y, vector_f32 z) {
  return _mm256_fmsub_ps(x, y, z);
}

/* 12 sums, 2 vectors of B and one of A: 15 registers. */
#define ACCUMULATE working
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4) WIDTHS_2(X, 5) WIDTHS_2(X, 6)
#define ROWS 6
#define LONE ROWS
#define WIDTHS 8, 4, 3, 2, 2, 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define ACCUMULATE dot2
#define TILES(X) WIDTHS_4(X, 1) WIDTHS_2(X, 2)
#define ROWS 2
#define LONE ROWS
#define WIDTHS 4, 2
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
#define LANES 4
typedef __m256d vector_f64;
typedef __m256i mask_f64;

INLINE vector_f64 zeros_f64(void) {
  return _mm256_setzero_pd();
}

INLINE mask_f64 mask_of_f64(int64_t count) {
  static const int64_t lanes[3 * LANES] = {-1, -1, -1, -1};
  int64_t skip = count >= LANES ? 0 : count > 0 ? LANES - count : LANES;
  return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + skip));
}

INLINE vector_f64 load_f64(const double *from) {
  return _mm256_loadu_pd(from);
}

INLINE vector_f64 load_part_f64(const double *from, mask_f64 mask) {
  return _mm256_maskload_pd(from, mask);
}

INLINE vector_f64 splat_f64(const double *from) {
  return _mm256_set1_pd(*from);
}

INLINE vector_f64 get_f64(const double *from, int64_t count) {
  if (count >= LANES) return _mm256_loadu_pd(from);
  return _mm256_maskload_pd(from, mask_of_f64(count));
}

INLINE void put_f64(double *to, int64_t count, vector_f64 x) {
  if (count >= LANES)
    _mm256_storeu_pd(to, x);
  else
    _mm256_maskstore_pd(to, mask_of_f64(count), x);
}

INLINE vector_f64 fma_f64(vector_f64 x, vector_f64 y, vector_f64 z) {
  return _mm256_fmadd_pd(x, y, z);
}

INLINE vector_f64 fms_f64(vector_f64 x, vector_f64 y, vector_f64 z) {
  return _mm256_fmsub_pd(x, y, z);
}

/* 12 sums, 2 vectors of B and one of A: 15 registers. */
#define ACCUMULATE working
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4) WIDTHS_2(X, 5) WIDTHS_2(X, 6)
#define ROWS 6
#define LONE ROWS
#define WIDTHS 8, 4, 3, 2, 2, 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define ACCUMULATE dot2
#define TILES(X) WIDTHS_4(X, 1) WIDTHS_2(X, 2)
#define ROWS 2
#define LONE ROWS
#define WIDTHS 4, 2
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
  __m256d size = _mm256_andnot_pd(_mm256_set1_pd(-0.0), sum);
  __m256d finite = _mm256_cmp_pd(size, _mm256_set1_pd((double)INFINITY), _CMP_LT_OQ);
  return (vector_dd){_mm256_blendv_pd(rough, sum, finite), _mm256_and_pd(rest, finite)};
}

/* Neighbouring pairs hi lo to hi and lo, and the way back. */
INLINE vector_dd apart_dd(vector_f64 first, vector_f64 second) {
  return (vector_dd){_mm256_unpacklo_pd(first, second), _mm256_unpackhi_pd(first, second)};
}

INLINE vector_dd together_dd(vector_dd x) {
  return apart_dd(x.hi, x.lo);
}

#include "kernel/gemm_dd.inc"

/* Some of these registers go through memory. */
#define ACCUMULATE working
#define TILES(X) WIDTHS_2(X, 1) WIDTHS_1(X, 2)
#define ROWS 2
#define LONE ROWS
#define WIDTHS 2, 1
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

#define FLIPPED
#define ACCUMULATE flipped
#define TILES(X) WIDTHS_2(X, 1)
#define ROWS 1
#define LONE ROWS
#define WIDTHS 2
#include "kernel/gemm_working.inc"
#undef ACCUMULATE
#undef TILES
#undef ROWS
#undef LONE
#undef WIDTHS

const rg_tiles *rg_tiles_avx2(rung_dtype dtype, rung_accumulate how, bool flipped) {
  bool dot2 = how == RUNG_COMPENSATED;
  if (dtype == RUNG_F32) return dot2 ? &tiles_dot2_f32 : &tiles_working_f32;
  if (dtype == RUNG_F64) return dot2 ? &tiles_dot2_f64 : &tiles_working_f64;
  return flipped ? &tiles_flipped_dd : &tiles_working_dd;
}

#else
const rg_tiles *rg_tiles_avx2(rung_dtype dtype, rung_accumulate how, bool flipped) {
  (void)dtype;
  (void)how;
  (void)flipped;
  return NULL;
}
#endif
