/* Tiles for AVX-512: 32 registers of 64 bytes. */
#include "kernel/gemm_simd.h"

#ifdef RG_GEMM_X86
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))

#define FORMAT f32
#define ELEMENT float
#define LANES 16
typedef __m512 vector_f32;
typedef __mmask16 mask_f32;

INLINE mask_f32 mask_of_f32(int64_t count) {
  return (mask_f32)(count >= LANES ? 0xffffu : (1u << count) - 1);
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

/* 24 sums, 2 vectors of B and one of A: 27 registers; 8 chains would hide the latency. */
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1)                                                                                   \
  WIDTHS_8(X, 2)                                                                                   \
  WIDTHS_8(X, 3)                                                                                   \
  WIDTHS_4(X, 4)                                                                                   \
  WIDTHS_4(X, 5)                                                                                   \
  WIDTHS_4(X, 6)                                                                                   \
  WIDTHS_3(X, 7) WIDTHS_3(X, 8) WIDTHS_2(X, 9) WIDTHS_2(X, 10) WIDTHS_2(X, 11) WIDTHS_2(X, 12)
#define ROWS 12
#define WIDTHS                                                                                     \
  { 8, 8, 8, 4, 4, 4, 3, 3, 2, 2, 2, 2 }
#include "kernel/gemm_working.inc"
#undef TILES
#undef ROWS
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define TILES(X) WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4)
#define ROWS 4
#define WIDTHS                                                                                     \
  { 8, 4, 3, 2 }
#include "kernel/gemm_dot2.inc"
#undef TILES
#undef ROWS
#undef WIDTHS
#undef FORMAT
#undef ELEMENT
#undef LANES

#define FORMAT f64
#define ELEMENT double
#define LANES 8
typedef __m512d vector_f64;
typedef __mmask8 mask_f64;

INLINE mask_f64 mask_of_f64(int64_t count) {
  return (mask_f64)(count >= LANES ? 0xffu : (1u << count) - 1);
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

/* 24 sums, 2 vectors of B and one of A: 27 registers; 8 chains would hide the latency. */
#define TILES(X)                                                                                   \
  WIDTHS_8(X, 1)                                                                                   \
  WIDTHS_8(X, 2)                                                                                   \
  WIDTHS_8(X, 3)                                                                                   \
  WIDTHS_4(X, 4)                                                                                   \
  WIDTHS_4(X, 5)                                                                                   \
  WIDTHS_4(X, 6)                                                                                   \
  WIDTHS_3(X, 7) WIDTHS_3(X, 8) WIDTHS_2(X, 9) WIDTHS_2(X, 10) WIDTHS_2(X, 11) WIDTHS_2(X, 12)
#define ROWS 12
#define WIDTHS                                                                                     \
  { 8, 8, 8, 4, 4, 4, 3, 3, 2, 2, 2, 2 }
#include "kernel/gemm_working.inc"
#undef TILES
#undef ROWS
#undef WIDTHS

/* A sum is 2 registers, a step takes 6 more. */
#define TILES(X) WIDTHS_8(X, 1) WIDTHS_4(X, 2) WIDTHS_3(X, 3) WIDTHS_2(X, 4)
#define ROWS 4
#define WIDTHS                                                                                     \
  { 8, 4, 3, 2 }
#include "kernel/gemm_dot2.inc"
#undef TILES
#undef ROWS
#undef WIDTHS
#undef FORMAT
#undef ELEMENT
#undef LANES

const rg_tiles *rg_tiles_avx512(rung_dtype dtype, rung_accumulate how) {
  bool dot2 = how == RUNG_COMPENSATED;
  if (dtype == RUNG_F32) return dot2 ? &tiles_dot2_f32 : &tiles_working_f32;
  if (dtype == RUNG_F64) return dot2 ? &tiles_dot2_f64 : &tiles_working_f64;
  return NULL;
}

#else
const rg_tiles *rg_tiles_avx512(rung_dtype dtype, rung_accumulate how) {
  (void)dtype;
  (void)how;
  return NULL;
}
#endif
