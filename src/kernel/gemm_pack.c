/* Copies of parts of A and B in the order in which the tiles read them. */
#include "kernel/gemm_kernel.h"

#include <string.h>

/* Called for the tiles of AVX2 and above only. */
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2")))
#else
#define TARGET
#endif
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef float eight __attribute__((vector_size(32)));
typedef double four __attribute__((vector_size(32)));
/* The same where they lie in an array. */
typedef float eight_there __attribute__((vector_size(32), aligned(4), may_alias));
typedef double four_there __attribute__((vector_size(32), aligned(8), may_alias));

void rg_pack_rows(size_t size, void *to, int64_t to_step, const void *from, int64_t from_step,
                  int64_t k, int64_t n) {
  char *out = to;
  const char *in = from;
  for (int64_t p = 0; p < k; p++)
    memcpy(out + (size_t)(p * to_step) * size, in + (size_t)(p * from_step) * size,
           (size_t)n * size);
}

/* One by one; `size` is a constant at each call, so that memcpy becomes a move. */
static inline void transpose_any(size_t size, char *to, int64_t to_step, const char *from,
                                 int64_t from_step, int64_t k, int64_t n) {
  for (int64_t p = 0; p < k; p++)
    for (int64_t i = 0; i < n; i++)
      memcpy(to + (size_t)(p * to_step + i) * size, from + (size_t)(i * from_step + p) * size,
             size);
}

/* Stages exchange neighbours, then pairs, then halves of 16 bytes. */
TARGET static void transpose_8x8(float *to, int64_t to_step, const float *from, int64_t from_step) {
  eight x[8], y[8];
  UNROLL for (int i = 0; i < 8; i++) x[i] = *(const eight_there *)(from + i * from_step);
  UNROLL for (int i = 0; i < 8; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  UNROLL for (int i = 0; i < 8; i += 4) UNROLL for (int j = 0; j < 2; j++) {
    eight u = y[i + j], v = y[i + j + 2];
    x[i + 2 * j] = __builtin_shufflevector(u, v, 0, 1, 8, 9, 4, 5, 12, 13);
    x[i + 2 * j + 1] = __builtin_shufflevector(u, v, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    y[i + 4] = __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  UNROLL for (int i = 0; i < 8; i++) * (eight_there *)(to + i * to_step) = y[i];
}

TARGET static void transpose_4x4(double *to, int64_t to_step, const double *from,
                                 int64_t from_step) {
  four x[4], y[4];
  UNROLL for (int i = 0; i < 4; i++) x[i] = *(const four_there *)(from + i * from_step);
  UNROLL for (int i = 0; i < 4; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 4, 2, 6);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 1, 5, 3, 7);
  }
  UNROLL for (int i = 0; i < 2; i++) {
    x[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 4, 5);
    x[i + 2] = __builtin_shufflevector(y[i], y[i + 2], 2, 3, 6, 7);
  }
  UNROLL for (int i = 0; i < 4; i++) * (four_there *)(to + i * to_step) = x[i];
}

static int64_t min64(int64_t x, int64_t y) {
  return x < y ? x : y;
}

/* The last squares are moved back to end where the array ends: some elements are copied twice. */
TARGET static void transpose_f32(float *to, int64_t to_step, const float *from, int64_t from_step,
                                 int64_t k, int64_t n) {
  if (k < 8 || n < 8) {
    transpose_any(sizeof(float), (char *)to, to_step, (const char *)from, from_step, k, n);
    return;
  }
  for (int64_t next_p = 0; next_p < k; next_p += 8)
    for (int64_t next_i = 0; next_i < n; next_i += 8) {
      int64_t p = min64(next_p, k - 8), i = min64(next_i, n - 8);
      transpose_8x8(to + p * to_step + i, to_step, from + i * from_step + p, from_step);
    }
}

TARGET static void transpose_f64(double *to, int64_t to_step, const double *from, int64_t from_step,
                                 int64_t k, int64_t n) {
  if (k < 4 || n < 4) {
    transpose_any(sizeof(double), (char *)to, to_step, (const char *)from, from_step, k, n);
    return;
  }
  for (int64_t next_p = 0; next_p < k; next_p += 4)
    for (int64_t next_i = 0; next_i < n; next_i += 4) {
      int64_t p = min64(next_p, k - 4), i = min64(next_i, n - 4);
      transpose_4x4(to + p * to_step + i, to_step, from + i * from_step + p, from_step);
    }
}

void rg_pack_transposed(size_t size, void *to, int64_t to_step, const void *from, int64_t from_step,
                        int64_t k, int64_t n) {
  if (size == sizeof(float)) transpose_f32(to, to_step, from, from_step, k, n);
  if (size == sizeof(double)) transpose_f64(to, to_step, from, from_step, k, n);
  if (size == sizeof(rung_dd)) transpose_any(sizeof(rung_dd), to, to_step, from, from_step, k, n);
}
