/* Functions of binary32 numbers. See docs/numbers.md: error bounds, ranges, and why
 * these are our own: every instruction set and every exported model computes the same bits. Each
 * function stands between marks, with the functions that it needs, for the writer of exported C. */
#ifndef RG_F32_H
#define RG_F32_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "num/f64.h"

/* gcc stops inlining in large files, and a loop with a call in it does not become vector code.
 * Below this word stands for itself again. */
#if defined(__GNUC__) && !defined(__clang__)
#define inline inline __attribute__((always_inline))
#endif

/* begin rg_pair_f32: */
typedef struct rg_pair_f32 {
  float hi, lo; /* the unevaluated sum hi + lo */
} rg_pair_f32;
/* end rg_pair_f32 */

/* begin rg_add_f32: */
static inline float rg_add_f32(float a, float b) {
  return a + b;
}
/* end rg_add_f32 */

/* begin rg_sub_f32: */
static inline float rg_sub_f32(float a, float b) {
  return a - b;
}
/* end rg_sub_f32 */

/* begin rg_mul_f32: */
static inline float rg_mul_f32(float a, float b) {
  return a * b;
}
/* end rg_mul_f32 */

/* begin rg_div_f32: */
static inline float rg_div_f32(float a, float b) {
  return a / b;
}
/* end rg_div_f32 */

/* begin rg_neg_f32: */
static inline float rg_neg_f32(float a) {
  return -a;
}
/* end rg_neg_f32 */

/* begin rg_abs_f32: */
static inline float rg_abs_f32(float a) {
  return fabsf(a);
}
/* end rg_abs_f32 */

/* begin rg_min_f32: */
/* NaN where either is NaN, so that a broken number is not lost. */
static inline float rg_min_f32(float a, float b) {
  float least = a < b ? a : b;
  return a != a ? a : least;
}
/* end rg_min_f32 */

/* begin rg_max_f32: */
static inline float rg_max_f32(float a, float b) {
  float most = a > b ? a : b;
  return a != a ? a : most;
}
/* end rg_max_f32 */

/* begin rg_sqrt_f32: */
static inline float rg_sqrt_f32(float a) {
  return sqrtf(a);
}
/* end rg_sqrt_f32 */

/* begin rg_reciprocal_f32: */
static inline float rg_reciprocal_f32(float a) {
  return 1.0f / a;
}
/* end rg_reciprocal_f32 */

/* begin rg_muladd_f32: */
/* a * b + c with one rounding. */
static inline float rg_muladd_f32(float a, float b, float c) {
  return fmaf(a, b, c);
}
/* end rg_muladd_f32 */

/* begin rg_from_double_f32: */
static inline float rg_from_double_f32(double a) {
  return (float)a;
}
/* end rg_from_double_f32 */

/* begin rg_to_double_f32: */
static inline double rg_to_double_f32(float a) {
  return (double)a;
}
/* end rg_to_double_f32 */

/* begin rg_less_f32: */
static inline float rg_less_f32(float a, float b) {
  return a < b ? 1.0f : 0.0f;
}
/* end rg_less_f32 */

/* begin rg_less_equal_f32: */
static inline float rg_less_equal_f32(float a, float b) {
  return a <= b ? 1.0f : 0.0f;
}
/* end rg_less_equal_f32 */

/* begin rg_equal_f32: */
static inline float rg_equal_f32(float a, float b) {
  return a == b ? 1.0f : 0.0f;
}
/* end rg_equal_f32 */

/* begin rg_select_f32: */
/* a where c is not 0, else b. */
static inline float rg_select_f32(float c, float a, float b) {
  return c != 0.0f ? a : b;
}
/* end rg_select_f32 */

/* begin rg_sign_f32: */
/* -1, 1, or a itself where it is 0 or NaN. */
static inline float rg_sign_f32(float a) {
  float negative = a < 0.0f ? -1.0f : a;
  return a > 0.0f ? 1.0f : negative;
}
/* end rg_sign_f32 */

/* begin rg_two_sum_f32: rg_pair_f32 */
/* a + b = hi + lo exactly (Knuth). */
static inline rg_pair_f32 rg_two_sum_f32(float a, float b) {
  rg_pair_f32 r;
  r.hi = a + b;
  float t = r.hi - a;
  r.lo = (a - (r.hi - t)) + (b - t);
  return r;
}
/* end rg_two_sum_f32 */

/* begin rg_fast_sum_f32: rg_pair_f32 */
/* As rg_two_sum_f32 where |a| >= |b| or a = 0 (Dekker). */
static inline rg_pair_f32 rg_fast_sum_f32(float a, float b) {
  rg_pair_f32 r;
  r.hi = a + b;
  r.lo = b - (r.hi - a);
  return r;
}
/* end rg_fast_sum_f32 */

/* begin rg_two_prod_f32: rg_pair_f32 */
/* a * b = hi + lo exactly, but for underflow. */
static inline rg_pair_f32 rg_two_prod_f32(float a, float b) {
  rg_pair_f32 r;
  r.hi = a * b;
  r.lo = fmaf(a, b, -r.hi);
  return r;
}
/* end rg_two_prod_f32 */

/* begin rg_quotient_f32: */
/* (nh + nl) / (dh + dl) to little more than half an ulp, for operands far from overflow: the
 * remainder of the first quotient is exact. */
static inline float rg_quotient_f32(float nh, float nl, float dh, float dl) {
  float y = 1.0f / dh;
  float q = nh * y;
  float rest = fmaf(-q, dh, nh) + fmaf(-q, dl, nl);
  return fmaf(rest, y, q);
}
/* end rg_quotient_f32 */

/* begin rg_exp_small_f32: */
/* (e^r - 1 - r) / r^2 for |r| <= ln(2)/2. */
static inline float rg_exp_small_f32(float r) {
  float p = 0x1.a1267ep-13f;
  p = fmaf(p, r, 0x1.6d44e4p-10f);
  p = fmaf(p, r, 0x1.1110ep-7f);
  p = fmaf(p, r, 0x1.5554e8p-5f);
  p = fmaf(p, r, 0x1.555556p-3f);
  p = fmaf(p, r, 0x1p-1f);
  return p;
}
/* end rg_exp_small_f32 */

/* begin rg_exp_sum_f32: rg_exp_small_f32 */
/* e^(x + xl), |xl| <= ulp(x): e^(k ln 2 + r) = 2^k (1 + r + r^2 q). 2^k is multiplied in two
 * halves, so that results below the normal range are rounded once. NaN stays NaN, since no
 * comparison with it holds. */
static inline float rg_exp_sum_f32(float x, float xl) {
  xl = fabsf(x) < 90.0f ? xl : 0.0f;
  x = x > 89.0f ? 89.0f : x;
  x = x < -105.0f ? -105.0f : x;
  float t = fmaf(x, 0x1.715476p0f, 0x1.8p23f); /* rounds to a whole number, held in the low bits */
  float k = t - 0x1.8p23f;
  float rh = fmaf(-k, 0x1.62e4p-1f, x); /* exact */
  float rl = fmaf(-k, 0x1.7f7d1cp-20f, xl);
  float r = rh + rl;
  float rest = rl - (r - rh);
  float value = 1.0f + (r + fmaf(r * r, rg_exp_small_f32(r), rest));
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  uint32_t whole = bits - 0x4b400000u + 254u; /* k + 2 * bias */
  uint32_t half = whole >> 1;
  uint32_t bits1 = half << 23;
  uint32_t bits2 = (whole - half) << 23;
  float scale1, scale2;
  memcpy(&scale1, &bits1, sizeof scale1);
  memcpy(&scale2, &bits2, sizeof scale2);
  return value * scale1 * scale2;
}
/* end rg_exp_sum_f32 */

/* begin rg_exp_f32: rg_exp_sum_f32 */
static inline float rg_exp_f32(float x) {
  return rg_exp_sum_f32(x, 0.0f);
}
/* end rg_exp_f32 */

/* begin rg_log_f32: */
/* x = 2^k (1 + f), s = f / (2 + f): log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + R(s^2))). */
static inline float rg_log_f32(float x) {
  float tiny = x < 0x1p-126f ? 1.0f : 0.0f;
  float y = tiny != 0.0f ? x * 0x1p25f : x;
  uint32_t bits;
  memcpy(&bits, &y, sizeof bits);
  bits += 0x3f800000u - 0x3f3504f3u; /* so that 1 + f lies between sqrtf(1/2) and sqrtf(2) */
  uint32_t kbits = (bits >> 23) | 0x4b000000u;
  bits = (bits & 0x7fffffu) + 0x3f3504f3u;
  float k, m;
  memcpy(&k, &kbits, sizeof k);
  memcpy(&m, &bits, sizeof m);
  k = (k - (0x1p23f + 127.0f)) - tiny * 25.0f;
  float f = m - 1.0f;
  float s = f / (2.0f + f);
  float z = s * s;
  float p = 0x1.de0b02p-3f;
  p = fmaf(p, z, 0x1.245b28p-2f);
  p = fmaf(p, z, 0x1.9999eep-2f);
  p = fmaf(p, z, 0x1.555556p-1f);
  float half = 0.5f * f * f;
  float rest = fmaf(s, fmaf(z, p, half), -half);
  float sh = k * 0x1.62e4p-1f; /* exact */
  float hi = sh + f;           /* |k ln 2| > |f| or k = 0 */
  float lo = f - (hi - sh);
  float value = hi + (lo + fmaf(k, 0x1.7f7d1cp-20f, rest));
  value = x < INFINITY ? value : x; /* infinity, NaN */
  value = x < 0.0f ? x - x + NAN : value;
  return x == 0.0f ? -INFINITY : value;
}
/* end rg_log_f32 */

/* begin rg_angle_f32: */
/* A number less the nearest multiple of pi/2. */
typedef struct rg_angle_f32 {
  float hi, lo;      /* the rest, |hi| <= about pi/4 */
  uint32_t quadrant; /* the multiple in its two lowest bits */
} rg_angle_f32;
/* end rg_angle_f32 */

/* begin rg_reduce_f32: rg_angle_f32 */
/* In binary64, where pi/2 = p1 + p2 has digits to spare. Beyond 2^45 the rest is NaN. */
static inline rg_angle_f32 rg_reduce_f32(float x) {
  double inside = fabsf(x) <= 0x1p45f ? (double)x : (double)NAN;
  double t = fma(inside, 0x1.45f306dc9c883p-1, 0x1.8p52);
  double k = t - 0x1.8p52;
  double rest = fma(-k, 0x1.1a62633145c07p-54, fma(-k, 0x1.921fb54442d18p0, inside));
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  rg_angle_f32 a;
  a.hi = (float)rest;
  a.lo = (float)(rest - (double)a.hi);
  a.quadrant = (uint32_t)(bits & 3u);
  return a;
}
/* end rg_reduce_f32 */

/* begin rg_sin_part_f32: */
/* sin(hi + lo) - hi. */
static inline float rg_sin_part_f32(float hi, float lo) {
  float z = hi * hi;
  float p = 0x1.6d939ap-19f;
  p = fmaf(p, z, -0x1.a01322p-13f);
  p = fmaf(p, z, 0x1.11110ep-7f);
  p = fmaf(p, z, -0x1.555556p-3f);
  float cosine = fmaf(-0.5f, z, 1.0f); /* lo times the derivative, to first order */
  return fmaf(z * hi, p, lo * cosine);
}
/* end rg_sin_part_f32 */

/* begin rg_cos_pair_f32: rg_pair_f32 */
/* cos(hi + lo) = 1 - z/2 + z^2 p - hi lo. */
static inline rg_pair_f32 rg_cos_pair_f32(float hi, float lo) {
  float z = hi * hi;
  float zl = fmaf(hi, hi, -z);
  float p = 0x1.9bacd6p-16f;
  p = fmaf(p, z, -0x1.6c128p-10f);
  p = fmaf(p, z, 0x1.555554p-5f);
  float head = fmaf(-0.5f, z, 1.0f);
  float rest = fmaf(-0.5f, z, 1.0f - head); /* exact */
  rg_pair_f32 r;
  r.hi = head;
  r.lo = fmaf(z * z, p, rest) - fmaf(hi, lo, 0.5f * zl);
  return r;
}
/* end rg_cos_pair_f32 */

/* begin rg_turn_f32: rg_angle_f32 rg_cos_pair_f32 rg_pair_f32 rg_reduce_f32 rg_sin_part_f32 */
/* sin(x) for turn = 0, cos(x) = sin(x + pi/2) for turn = 1. */
static inline float rg_turn_f32(float x, uint32_t turn) {
  rg_angle_f32 a = rg_reduce_f32(x);
  uint32_t quadrant = a.quadrant + turn;
  float sine = a.hi + rg_sin_part_f32(a.hi, a.lo);
  rg_pair_f32 c = rg_cos_pair_f32(a.hi, a.lo);
  float cosine = c.hi + c.lo;
  float value = (quadrant & 1u) != 0 ? cosine : sine;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits ^= (quadrant & 2u) << 30; /* the sign */
  memcpy(&value, &bits, sizeof value);
  return value;
}
/* end rg_turn_f32 */

/* begin rg_sin_f32: rg_turn_f32 */
static inline float rg_sin_f32(float x) {
  float value = rg_turn_f32(x, 0);
  return x == 0.0f ? x : value;
}
/* end rg_sin_f32 */

/* begin rg_cos_f32: rg_turn_f32 */
static inline float rg_cos_f32(float x) {
  return rg_turn_f32(x, 1);
}
/* end rg_cos_f32 */

/* begin rg_tan_f32: rg_angle_f32 rg_cos_pair_f32 rg_fast_sum_f32 rg_pair_f32 rg_quotient_f32
 * rg_reduce_f32 rg_sin_part_f32 */
static inline float rg_tan_f32(float x) {
  rg_angle_f32 a = rg_reduce_f32(x);
  rg_pair_f32 s = rg_fast_sum_f32(a.hi, rg_sin_part_f32(a.hi, a.lo));
  rg_pair_f32 c = rg_cos_pair_f32(a.hi, a.lo);
  c = rg_fast_sum_f32(c.hi, c.lo);
  int odd = (a.quadrant & 1u) != 0;
  float value =
      rg_quotient_f32(odd ? -c.hi : s.hi, odd ? -c.lo : s.lo, odd ? s.hi : c.hi, odd ? s.lo : c.lo);
  return x == 0.0f ? x : value;
}
/* end rg_tan_f32 */

/* begin rg_atan_f32: rg_fast_sum_f32 rg_pair_f32 rg_two_sum_f32 */
/* atan(a) = base + atan(t), |t| <= tan(pi/8): t = a, (a - 1)/(a + 1) or -1/a. */
static inline float rg_atan_f32(float x) {
  float a = fabsf(x);
  a = a > 0x1p40f ? 0x1p40f : a; /* pi/2 to all digits */
  int middle = a > 0x1.a8279ap-2f;
  int large = a > 0x1.3504f4p1f;
  rg_pair_f32 n = rg_two_sum_f32(a, -1.0f);
  rg_pair_f32 d = rg_two_sum_f32(a, 1.0f);
  float nh = large ? -1.0f : (middle ? n.hi : a);
  float nl = middle && !large ? n.lo : 0.0f;
  float dh = large ? a : (middle ? d.hi : 1.0f);
  float dl = middle && !large ? d.lo : 0.0f;
  float base = large ? 0x1.921fb6p0f : (middle ? 0x1.921fb6p-1f : 0.0f);
  float baselo = large ? -0x1.777a5cp-25f : (middle ? -0x1.777a5cp-26f : 0.0f);
  float y = 1.0f / dh;
  float t = nh * y;
  float tl = (fmaf(-t, dh, nh) + fmaf(-t, dl, nl)) * y;
  float z = t * t;
  float p = 0x1.9be67ep-5f;
  p = fmaf(p, z, -0x1.60f25ep-4f);
  p = fmaf(p, z, 0x1.c570a2p-4f);
  p = fmaf(p, z, -0x1.2489cap-3f);
  p = fmaf(p, z, 0x1.99997ap-3f);
  p = fmaf(p, z, -0x1.555556p-2f);
  rg_pair_f32 sum = rg_fast_sum_f32(base, t);
  float value = sum.hi + (sum.lo + fmaf(z * t, p, tl + baselo));
  return copysignf(value, x);
}
/* end rg_atan_f32 */

/* begin rg_expm1_pair_f32: rg_exp_small_f32 rg_fast_sum_f32 rg_pair_f32 */
/* e^u - 1 for u <= 0, to about twice the digits of a difference of rounded numbers. */
static inline rg_pair_f32 rg_expm1_pair_f32(float u) {
  float t = fmaf(u, 0x1.715476p0f, 0x1.8p23f);
  float k = t - 0x1.8p23f;
  float rh = fmaf(-k, 0x1.62e4p-1f, u);
  float rl = -k * 0x1.7f7d1cp-20f;
  float r = rh + rl;
  float rest = fmaf(r * r, rg_exp_small_f32(r), rl - (r - rh));
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits + 127u) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  rg_pair_f32 base = rg_fast_sum_f32(-1.0f, scale);
  rg_pair_f32 e = rg_fast_sum_f32(base.hi, scale * r);
  return rg_fast_sum_f32(e.hi, fmaf(scale, rest, e.lo + base.lo));
}
/* end rg_expm1_pair_f32 */

/* begin rg_tanh_f32: rg_expm1_pair_f32 rg_fast_sum_f32 rg_pair_f32 rg_quotient_f32 */
/* With e = exp(-2|x|) - 1: tanh|x| = -e / (2 + e). */
static inline float rg_tanh_f32(float x) {
  float a = fabsf(x);
  a = a > 10.0f ? 10.0f : a; /* 1 to all digits */
  rg_pair_f32 e = rg_expm1_pair_f32(-2.0f * a);
  rg_pair_f32 d = rg_fast_sum_f32(2.0f, e.hi);
  float value = rg_quotient_f32(-e.hi, -e.lo, d.hi, d.lo + e.lo);
  return copysignf(value, x);
}
/* end rg_tanh_f32 */

/* begin rg_sech2_f32: rg_exp_small_f32 rg_fast_sum_f32 rg_pair_f32 rg_quotient_f32 rg_two_sum_f32
 * */
/* 1 / cosh(x)^2 = 4 e / (1 + e)^2 with e = exp(-2|x|) = 2^k m; 2^k as in rg_exp_sum_f32. */
static inline float rg_sech2_f32(float x) {
  float u = -2.0f * fabsf(x);
  u = u < -107.0f ? -107.0f : u;
  float t = fmaf(u, 0x1.715476p0f, 0x1.8p23f);
  float k = t - 0x1.8p23f;
  float rh = fmaf(-k, 0x1.62e4p-1f, u);
  float rl = -k * 0x1.7f7d1cp-20f;
  float r = rh + rl;
  rg_pair_f32 m = rg_fast_sum_f32(1.0f, r);
  m = rg_fast_sum_f32(m.hi, m.lo + fmaf(r * r, rg_exp_small_f32(r), rl - (r - rh)));
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  uint32_t whole = bits - 0x4b400000u + 254u;
  uint32_t half = whole >> 1;
  uint32_t bits1 = half << 23;
  uint32_t bits2 = (whole - half) << 23;
  float scale1, scale2;
  memcpy(&scale1, &bits1, sizeof scale1);
  memcpy(&scale2, &bits2, sizeof scale2);
  float scale = scale1 * scale2;
  rg_pair_f32 d = rg_two_sum_f32(1.0f, scale * m.hi);
  d.lo = fmaf(scale, m.lo, d.lo);
  float square = d.hi * d.hi;
  float squarelo = fmaf(d.hi, d.hi, -square) + 2.0f * d.hi * d.lo;
  return rg_quotient_f32(4.0f * m.hi, 4.0f * m.lo, square, squarelo) * scale1 * scale2;
}
/* end rg_sech2_f32 */

/* begin rg_pow_f32: rg_exp_f64 rg_log_f64 rg_pow_special_f64 */
/* Through binary64, whose logarithm has digits to spare for the product. */
static inline float rg_pow_f32(float a, float b) {
  double l = rg_log_f64(fabs((double)a));
  return (float)rg_pow_special_f64((double)a, (double)b, rg_exp_f64((double)b * l));
}
/* end rg_pow_f32 */

/* begin rg_powi_f32: */
/* a^n by products, from the lowest bit of n up; a^-n = 1 / a^n. The same order for every n, so the
 * error is at most about 2 log2|n| + |n| / 2 units of 2^-24 and most often far less. */
static inline float rg_powi_f32(float a, int n) {
  unsigned left = n < 0 ? 0u - (unsigned)n : (unsigned)n;
  float value = 1.0f;
  for (; left != 0; left >>= 1) {
    value = (left & 1u) != 0 ? value * a : value;
    a *= a;
  }
  return n < 0 ? 1.0f / value : value;
}
/* end rg_powi_f32 */

/* begin rg_normal_tail_f32: rg_exp_sum_f32 rg_pair_f32 rg_two_prod_f32 */
/* The normal distribution from a to infinity, a >= 0: e^(-a^2/2) P(t) / (a + 2), where P is
 * smooth on the whole half-line in t = (a - 4) / (a + 4) (as Shepherd and Laframboise, Math. Comp.
 * 36, 1981, do for erfc). Relative accuracy far out, where 1 - the rest would have none. */
static inline float rg_normal_tail_f32(float a) {
  a = a > 15.0f ? 15.0f : a; /* 0 from there on */
  float t = (a - 4.0f) / (a + 4.0f);
  float p = -0x1.185588p-14f;
  p = fmaf(p, t, -0x1.ffcb26p-14f);
  p = fmaf(p, t, 0x1.0f335ep-11f);
  p = fmaf(p, t, 0x1.6d5c02p-12f);
  p = fmaf(p, t, -0x1.26c2fcp-8f);
  p = fmaf(p, t, 0x1.357b2p-7f);
  p = fmaf(p, t, -0x1.5d5d6p-10f);
  p = fmaf(p, t, -0x1.61221cp-5f);
  p = fmaf(p, t, 0x1.1b6664p-3f);
  p = fmaf(p, t, -0x1.1182fap-2f);
  p = fmaf(p, t, 0x1.22078cp-1f);
  rg_pair_f32 square = rg_two_prod_f32(a, a);
  float e = rg_exp_sum_f32(-0.5f * square.hi, -0.5f * square.lo);
  return e * p / (a + 2.0f);
}
/* end rg_normal_tail_f32 */

/* begin rg_normal_cdf_f32: rg_normal_tail_f32 */
/* The normal distribution up to x. */
static inline float rg_normal_cdf_f32(float x) {
  float tail = rg_normal_tail_f32(fabsf(x));
  return x > 0.0f ? 1.0f - tail : tail;
}
/* end rg_normal_cdf_f32 */

/* begin rg_normal_pdf_f32: rg_exp_sum_f32 rg_pair_f32 rg_two_prod_f32 */
/* Its density e^(-x^2/2) / sqrt(2 pi). */
static inline float rg_normal_pdf_f32(float x) {
  float a = fabsf(x);
  a = a > 15.0f ? 15.0f : a; /* 0 from there on */
  rg_pair_f32 square = rg_two_prod_f32(a, a);
  return 0x1.988454p-2f * rg_exp_sum_f32(-0.5f * square.hi, -0.5f * square.lo);
}
/* end rg_normal_pdf_f32 */

/* begin rg_erf_f32: rg_normal_tail_f32 */
/* (2 / sqrt(pi)) times the integral of e^(-s^2) from 0 to x: x (1 + Q(x^2)) up to 1, beyond it
 * 1 - 2 tail(sqrt(2) x). */
static inline float rg_erf_f32(float x) {
  float a = fabsf(x);
  float z = a > 1.0f ? 1.0f : a * a;
  float p = -0x1.445f48p-17f;
  p = fmaf(p, z, 0x1.d8875p-14f);
  p = fmaf(p, z, -0x1.bccf66p-11f);
  p = fmaf(p, z, 0x1.562a6p-8f);
  p = fmaf(p, z, -0x1.b829c8p-6f);
  p = fmaf(p, z, 0x1.ce2f08p-4f);
  p = fmaf(p, z, -0x1.812746p-2f);
  p = fmaf(p, z, 0x1.06eba8p-3f);
  float tail = rg_normal_tail_f32(0x1.6a09e6p0f * a);
  float value = a > 1.0f ? fmaf(-2.0f, tail, 1.0f) : fmaf(a, p, a);
  return copysignf(value, x);
}
/* end rg_erf_f32 */

/* begin rg_log1p_f32: rg_log_f32 rg_pair_f32 rg_two_sum_f32 */
/* log(1 + x): the logarithm of the rounded sum u and what rounding left, over u. */
static inline float rg_log1p_f32(float x) {
  rg_pair_f32 u = rg_two_sum_f32(1.0f, x);
  float rest = u.lo / u.hi;
  float value = rg_log_f32(u.hi);
  value += rest - rest == 0.0f ? rest : 0.0f; /* no NaN from 1 + x = 0, infinity */
  return x == 0.0f ? x : value;
}
/* end rg_log1p_f32 */

/* begin rg_sigmoid_f32: rg_exp_f32 */
/* 1 / (1 + e^-x), from e^-|x| so that neither end cancels or overflows. */
static inline float rg_sigmoid_f32(float x) {
  float e = rg_exp_f32(-fabsf(x));
  float above = x < 0.0f ? e : 1.0f;
  return above / (1.0f + e);
}
/* end rg_sigmoid_f32 */

/* begin rg_softplus_f32: rg_exp_f32 rg_log1p_f32 rg_max_f32 */
/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
static inline float rg_softplus_f32(float x) {
  return rg_max_f32(x, 0.0f) + rg_log1p_f32(rg_exp_f32(-fabsf(x)));
}
/* end rg_softplus_f32 */

#if defined(__GNUC__) && !defined(__clang__)
#undef inline
#endif
#endif
