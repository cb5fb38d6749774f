/* The same functions compiled for plain C, AVX2 and AVX-512 give the same bits. */
#include "oracle.h"

#define COUNT 4096

#define AVX2 __attribute__((noinline, target("avx2,fma")))
#ifdef __clang__ /* knows no width here */
#define AVX512_TARGET "avx512f,avx512dq,avx512vl,avx512bw,fma"
#else
#define AVX512_TARGET "avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512"
#endif
#define AVX512 __attribute__((noinline, target(AVX512_TARGET)))
#define PLAIN __attribute__((noinline))

#define LOOP(isa, target, type, format, name)                                                      \
  target static void isa##_##name##_##format(const type *restrict a, const type *restrict b,       \
                                             type *restrict y) {                                   \
    (void)b;                                                                                       \
    for (int i = 0; i < COUNT; i++) y[i] = CALL_##name(format, a[i], b[i]);                        \
  }
#define CALL(name, format, a) rg_##name##_##format(a)
#define CALL2(name, format, a, b) rg_##name##_##format(a, b)
#define CALL_exp(format, a, b) CALL(exp, format, a)
#define CALL_log(format, a, b) CALL(log, format, a)
#define CALL_sin(format, a, b) CALL(sin, format, a)
#define CALL_cos(format, a, b) CALL(cos, format, a)
#define CALL_tan(format, a, b) CALL(tan, format, a)
#define CALL_atan(format, a, b) CALL(atan, format, a)
#define CALL_tanh(format, a, b) CALL(tanh, format, a)
#define CALL_sech2(format, a, b) CALL(sech2, format, a)
#define CALL_erf(format, a, b) CALL(erf, format, a)
#define CALL_normal_cdf(format, a, b) CALL(normal_cdf, format, a)
#define CALL_normal_pdf(format, a, b) CALL(normal_pdf, format, a)
#define CALL_log1p(format, a, b) CALL(log1p, format, a)
#define CALL_sigmoid(format, a, b) CALL(sigmoid, format, a)
#define CALL_softplus(format, a, b) CALL(softplus, format, a)
#define CALL_sqrt(format, a, b) CALL(sqrt, format, a)
#define CALL_sign(format, a, b) CALL(sign, format, a)
#define CALL_add(format, a, b) CALL2(add, format, a, b)
#define CALL_mul(format, a, b) CALL2(mul, format, a, b)
#define CALL_div(format, a, b) CALL2(div, format, a, b)
#define CALL_min(format, a, b) CALL2(min, format, a, b)
#define CALL_less(format, a, b) CALL2(less, format, a, b)
#define CALL_pow(format, a, b) CALL2(pow, format, a, b)
#define CALL_muladd(format, a, b) rg_muladd_##format(a, b, a)
#define CALL_powi(format, a, b) rg_powi_##format(a, 5)

#define NAMES(X, type, format)                                                                     \
  X(type, format, exp)                                                                             \
  X(type, format, log)                                                                             \
  X(type, format, sin)                                                                             \
  X(type, format, cos)                                                                             \
  X(type, format, tan)                                                                             \
  X(type, format, atan)                                                                            \
  X(type, format, tanh)                                                                            \
  X(type, format, sech2)                                                                           \
  X(type, format, erf)                                                                             \
  X(type, format, normal_cdf)                                                                      \
  X(type, format, normal_pdf)                                                                      \
  X(type, format, log1p)                                                                           \
  X(type, format, sigmoid)                                                                         \
  X(type, format, softplus)                                                                        \
  X(type, format, sqrt)                                                                            \
  X(type, format, sign)                                                                            \
  X(type, format, add)                                                                             \
  X(type, format, mul)                                                                             \
  X(type, format, div)                                                                             \
  X(type, format, min)                                                                             \
  X(type, format, less)                                                                            \
  X(type, format, pow)                                                                             \
  X(type, format, muladd)                                                                          \
  X(type, format, powi)

#define THREE(type, format, name)                                                                  \
  LOOP(plain, PLAIN, type, format, name)                                                           \
  LOOP(avx2, AVX2, type, format, name)                                                             \
  LOOP(avx512, AVX512, type, format, name)
NAMES(THREE, float, f32)
NAMES(THREE, double, f64)
NAMES(THREE, rung_dd, dd)

static rung_dd in1[COUNT], in2[COUNT];

static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

/* Any NaN is as good as another: which one arises is up to the processor. */
static int same_f64(double a, double b) {
  return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static int same_f32(float a, float b) {
  return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static int same_dd(rung_dd a, rung_dd b) {
  return same_f64(a.hi, b.hi) && same_f64(a.lo, b.lo);
}

#define COMPARE(type, format, name)                                                                \
  plain_##name##_##format(a, b, y);                                                                \
  if (has_avx2()) {                                                                                \
    avx2_##name##_##format(a, b, z);                                                               \
    for (int i = 0; i < COUNT; i++)                                                                \
      if (!same_##format(y[i], z[i])) fail_msg("avx2 " #name " at %a", in1[i].hi);                 \
  }                                                                                                \
  if (has_avx512()) {                                                                              \
    avx512_##name##_##format(a, b, z);                                                             \
    for (int i = 0; i < COUNT; i++)                                                                \
      if (!same_##format(y[i], z[i])) fail_msg("avx512 " #name " at %a", in1[i].hi);               \
  }

/* Three kinds of arguments: any bits at all, any size, and usual sizes. */
static void fill(int kind) {
  for (int i = 0; i < COUNT; i++) {
    in1[i] = kind == 1 ? random_dd(-1000.0, 1000.0) : random_dd(-20.0, 6.0);
    in2[i] = kind == 1 ? random_dd(-10.0, 10.0) : random_dd(-5.0, 3.0);
    if (kind != 0) continue;
    uint64_t bits1 = rg_bits(3, 1, (uint64_t)i), bits2 = rg_bits(3, 2, (uint64_t)i);
    memcpy(&in1[i].hi, &bits1, sizeof bits1);
    memcpy(&in2[i].hi, &bits2, sizeof bits2);
    in1[i].lo = isfinite(in1[i].hi) ? in1[i].hi * 0x1p-60 : 0.0;
    in2[i].lo = 0.0;
  }
}

static void single_numbers_have_the_same_bits(void **state) {
  (void)state;
  static float a[COUNT], b[COUNT], y[COUNT], z[COUNT];
  for (int kind = 0; kind < 3; kind++) {
    fill(kind);
    for (int i = 0; i < COUNT; i++) {
      uint64_t bits = rg_bits(3, 3, (uint64_t)i);
      a[i] = (float)in1[i].hi;
      b[i] = (float)in2[i].hi;
      if (kind == 0) memcpy(&a[i], &bits, sizeof a[i]);
    }
    NAMES(COMPARE, float, f32)
  }
}

static void double_numbers_have_the_same_bits(void **state) {
  (void)state;
  static double a[COUNT], b[COUNT], y[COUNT], z[COUNT];
  for (int kind = 0; kind < 3; kind++) {
    fill(kind);
    for (int i = 0; i < COUNT; i++) {
      a[i] = in1[i].hi;
      b[i] = in2[i].hi;
    }
    NAMES(COMPARE, double, f64)
  }
}

static void double_doubles_have_the_same_bits(void **state) {
  (void)state;
  static rung_dd y[COUNT], z[COUNT];
  const rung_dd *a = in1, *b = in2;
  for (int kind = 0; kind < 3; kind++) {
    fill(kind);
    NAMES(COMPARE, rung_dd, dd)
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(single_numbers_have_the_same_bits),
      cmocka_unit_test(double_numbers_have_the_same_bits),
      cmocka_unit_test(double_doubles_have_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
