/* Copies of parts of A and B in the order in which the tiles read them. */
#include "kernel/gemm_kernel.h"

#include <string.h>

typedef float four __attribute__((vector_size(16)));
typedef double two __attribute__((vector_size(16)));

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

static void transpose_4x4(float *to, int64_t to_step, const float *from, int64_t from_step) {
  four x[4], y[4];
  for (int i = 0; i < 4; i++) memcpy(&x[i], from + i * from_step, sizeof(four));
  y[0] = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
  y[1] = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  y[2] = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  y[3] = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(y[0], y[2], 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(y[0], y[2], 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(y[1], y[3], 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(y[1], y[3], 2, 3, 6, 7);
  for (int i = 0; i < 4; i++) memcpy(to + i * to_step, &x[i], sizeof(four));
}

static void transpose_2x2(double *to, int64_t to_step, const double *from, int64_t from_step) {
  two x[2], y[2];
  for (int i = 0; i < 2; i++) memcpy(&x[i], from + i * from_step, sizeof(two));
  y[0] = __builtin_shufflevector(x[0], x[1], 0, 2);
  y[1] = __builtin_shufflevector(x[0], x[1], 1, 3);
  for (int i = 0; i < 2; i++) memcpy(to + i * to_step, &y[i], sizeof(two));
}

static void transpose_f32(float *to, int64_t to_step, const float *from, int64_t from_step,
                          int64_t k, int64_t n) {
  int64_t n4 = n - n % 4, k4 = k - k % 4;
  for (int64_t p = 0; p < k4; p += 4)
    for (int64_t i = 0; i < n4; i += 4)
      transpose_4x4(to + p * to_step + i, to_step, from + i * from_step + p, from_step);
  transpose_any(4, (char *)(to + k4 * to_step), to_step, (const char *)(from + k4), from_step,
                k - k4, n4);
  transpose_any(4, (char *)(to + n4), to_step, (const char *)(from + n4 * from_step), from_step, k,
                n - n4);
}

static void transpose_f64(double *to, int64_t to_step, const double *from, int64_t from_step,
                          int64_t k, int64_t n) {
  int64_t n2 = n - n % 2, k2 = k - k % 2;
  for (int64_t p = 0; p < k2; p += 2)
    for (int64_t i = 0; i < n2; i += 2)
      transpose_2x2(to + p * to_step + i, to_step, from + i * from_step + p, from_step);
  transpose_any(8, (char *)(to + k2 * to_step), to_step, (const char *)(from + k2), from_step,
                k - k2, n2);
  transpose_any(8, (char *)(to + n2), to_step, (const char *)(from + n2 * from_step), from_step, k,
                n - n2);
}

void rg_pack_transposed(size_t size, void *to, int64_t to_step, const void *from, int64_t from_step,
                        int64_t k, int64_t n) {
  if (size == sizeof(float)) transpose_f32(to, to_step, from, from_step, k, n);
  if (size == sizeof(double)) transpose_f64(to, to_step, from, from_step, k, n);
  if (size == sizeof(rung_dd)) transpose_any(sizeof(rung_dd), to, to_step, from, from_step, k, n);
}
