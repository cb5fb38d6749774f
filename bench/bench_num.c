/* Nanoseconds for one element of a number function, for each instruction set, beside the C
 * library's function in the same run. Each figure is the least of several rounds. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "num/dd.h"
#include "num/f32.h"
#include "num/f64.h"

#define COUNT 4096
#define ROUNDS 15

#define AVX2 __attribute__((noinline, target("avx2,fma")))
#ifdef __clang__ /* knows no width here */
#define AVX512_TARGET "avx512f,avx512dq,avx512vl,avx512bw,fma"
#else
#define AVX512_TARGET "avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512"
#endif
#define AVX512 __attribute__((noinline, target(AVX512_TARGET)))
#define PLAIN __attribute__((noinline))

#define LOOP(isa, target, type, format, name)                                                      \
  target static void isa##_##name##_##format(const void *from, void *to) {                         \
    const type *a = from;                                                                          \
    type *restrict y = to;                                                                         \
    for (int i = 0; i < COUNT; i++) y[i] = rg_##name##_##format(a[i]);                             \
  }
#define LOOPS(name, type, format)                                                                  \
  LOOP(plain, PLAIN, type, format, name)                                                           \
  LOOP(avx2, AVX2, type, format, name)                                                             \
  LOOP(avx512, AVX512, type, format, name)
#define NAME(name)                                                                                 \
  LOOPS(name, float, f32)                                                                          \
  LOOPS(name, double, f64)                                                                         \
  LOOPS(name, rung_dd, dd)
NAME(exp)
NAME(log)
NAME(sin)
NAME(cos)
NAME(tan)
NAME(atan)
NAME(tanh)
NAME(sech2)

#define LIBC(name)                                                                                 \
  PLAIN static void libc_##name##_f32(const void *from, void *to) {                                \
    const float *a = from;                                                                         \
    float *restrict y = to;                                                                        \
    for (int i = 0; i < COUNT; i++) y[i] = name##f(a[i]);                                          \
  }                                                                                                \
  PLAIN static void libc_##name##_f64(const void *from, void *to) {                                \
    const double *a = from;                                                                        \
    double *restrict y = to;                                                                       \
    for (int i = 0; i < COUNT; i++) y[i] = name(a[i]);                                             \
  }
LIBC(exp)
LIBC(log)
LIBC(sin)
LIBC(cos)
LIBC(tan)
LIBC(atan)
LIBC(tanh)

typedef void (*loop_fn)(const void *from, void *to);

static rung_dd from[3][COUNT], to[COUNT];

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double nanoseconds(loop_fn loop, const void *a) {
  double least = 1e30;
  for (int i = 0; i < ROUNDS; i++) {
    double start = seconds();
    loop(a, to);
    double taken = 1e9 * (seconds() - start) / COUNT;
    if (taken < least) least = taken;
  }
  return least;
}

static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

static void show(const char *name, const char *format, const void *a, loop_fn plain, loop_fn avx2,
                 loop_fn avx512, loop_fn libc) {
  double best = nanoseconds(plain, a);
  printf("%-6s %-4s %9.2f", name, format, best);
  if (has_avx2()) printf(" %9.3f", best = nanoseconds(avx2, a));
  if (has_avx512()) printf(" %9.3f", best = nanoseconds(avx512, a));
  if (libc) {
    double other = nanoseconds(libc, a);
    printf(" %9.3f %8.1f", other, other / best);
  }
  printf("\n");
}

static void fill(void) {
  float *single = (float *)(void *)from[0];
  double *real = (double *)(void *)from[1];
  for (int i = 0; i < COUNT; i++) {
    double x = 0.001 * (i + 0.5);
    single[i] = (float)x;
    real[i] = x;
    from[2][i] = rg_make_dd(x, x * 0x1p-56);
  }
}

#define SHOW(name, libc32, libc64)                                                                 \
  show(#name, "f32", from[0], plain_##name##_f32, avx2_##name##_f32, avx512_##name##_f32, libc32); \
  show(#name, "f64", from[1], plain_##name##_f64, avx2_##name##_f64, avx512_##name##_f64, libc64); \
  show(#name, "dd", from[2], plain_##name##_dd, avx2_##name##_dd, avx512_##name##_dd, NULL);
#define SHOW_BESIDE(name) SHOW(name, libc_##name##_f32, libc_##name##_f64)

int main(void) {
  fill();
  printf("arguments 0 to 4, ns for one element\n");
  printf("%-6s %-4s %9s%s%s %9s %8s\n", "", "", "plain", has_avx2() ? "      avx2" : "",
         has_avx512() ? "    avx512" : "", "libm", "ratio");
  SHOW_BESIDE(exp)
  SHOW_BESIDE(log)
  SHOW_BESIDE(sin)
  SHOW_BESIDE(cos)
  SHOW_BESIDE(tan)
  SHOW_BESIDE(atan)
  SHOW_BESIDE(tanh)
  SHOW(sech2, NULL, NULL)
  return 0;
}
