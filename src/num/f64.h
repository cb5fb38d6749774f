/* Functions of binary64 numbers. See docs/numbers.md: error bounds, ranges, and why
 * these are our own: every instruction set and every exported model computes the same bits. Each
 * function stands between marks, with the functions that it needs, for the writer of exported C. */
#ifndef RG_F64_H
#define RG_F64_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* gcc stops inlining in large files, and a loop with a call in it does not become vector code.
 * Below this word stands for itself again. */
#if defined(__GNUC__) && !defined(__clang__)
#define inline inline __attribute__((always_inline))
#endif

/* begin rg_pair_f64: */
typedef struct rg_pair_f64 {
  double hi, lo; /* the unevaluated sum hi + lo */
} rg_pair_f64;
/* end rg_pair_f64 */

/* begin rg_add_f64: */
static inline double rg_add_f64(double a, double b) {
  return a + b;
}
/* end rg_add_f64 */

/* begin rg_sub_f64: */
static inline double rg_sub_f64(double a, double b) {
  return a - b;
}
/* end rg_sub_f64 */

/* begin rg_mul_f64: */
static inline double rg_mul_f64(double a, double b) {
  return a * b;
}
/* end rg_mul_f64 */

/* begin rg_div_f64: */
static inline double rg_div_f64(double a, double b) {
  return a / b;
}
/* end rg_div_f64 */

/* begin rg_neg_f64: */
static inline double rg_neg_f64(double a) {
  return -a;
}
/* end rg_neg_f64 */

/* begin rg_abs_f64: */
static inline double rg_abs_f64(double a) {
  return fabs(a);
}
/* end rg_abs_f64 */

/* begin rg_min_f64: */
/* NaN where either is NaN, so that a broken number is not lost. */
static inline double rg_min_f64(double a, double b) {
  double least = a < b ? a : b;
  return a != a ? a : least;
}
/* end rg_min_f64 */

/* begin rg_max_f64: */
static inline double rg_max_f64(double a, double b) {
  double most = a > b ? a : b;
  return a != a ? a : most;
}
/* end rg_max_f64 */

/* begin rg_sqrt_f64: */
static inline double rg_sqrt_f64(double a) {
  return sqrt(a);
}
/* end rg_sqrt_f64 */

/* begin rg_reciprocal_f64: */
static inline double rg_reciprocal_f64(double a) {
  return 1.0 / a;
}
/* end rg_reciprocal_f64 */

/* begin rg_muladd_f64: */
/* a * b + c with one rounding. */
static inline double rg_muladd_f64(double a, double b, double c) {
  return fma(a, b, c);
}
/* end rg_muladd_f64 */

/* begin rg_from_double_f64: */
static inline double rg_from_double_f64(double a) {
  return a;
}
/* end rg_from_double_f64 */

/* begin rg_to_double_f64: */
static inline double rg_to_double_f64(double a) {
  return a;
}
/* end rg_to_double_f64 */

/* begin rg_less_f64: */
static inline double rg_less_f64(double a, double b) {
  return a < b ? 1.0 : 0.0;
}
/* end rg_less_f64 */

/* begin rg_less_equal_f64: */
static inline double rg_less_equal_f64(double a, double b) {
  return a <= b ? 1.0 : 0.0;
}
/* end rg_less_equal_f64 */

/* begin rg_equal_f64: */
static inline double rg_equal_f64(double a, double b) {
  return a == b ? 1.0 : 0.0;
}
/* end rg_equal_f64 */

/* begin rg_select_f64: */
/* a where c is not 0, else b. */
static inline double rg_select_f64(double c, double a, double b) {
  return c != 0.0 ? a : b;
}
/* end rg_select_f64 */

/* begin rg_sign_f64: */
/* -1, 1, or a itself where it is 0 or NaN. */
static inline double rg_sign_f64(double a) {
  double negative = a < 0.0 ? -1.0 : a;
  return a > 0.0 ? 1.0 : negative;
}
/* end rg_sign_f64 */

/* begin rg_two_sum_f64: rg_pair_f64 */
/* a + b = hi + lo exactly (Knuth). */
static inline rg_pair_f64 rg_two_sum_f64(double a, double b) {
  rg_pair_f64 r;
  r.hi = a + b;
  double t = r.hi - a;
  r.lo = (a - (r.hi - t)) + (b - t);
  return r;
}
/* end rg_two_sum_f64 */

/* begin rg_fast_sum_f64: rg_pair_f64 */
/* As rg_two_sum_f64 where |a| >= |b| or a = 0 (Dekker). */
static inline rg_pair_f64 rg_fast_sum_f64(double a, double b) {
  rg_pair_f64 r;
  r.hi = a + b;
  r.lo = b - (r.hi - a);
  return r;
}
/* end rg_fast_sum_f64 */

/* begin rg_two_prod_f64: rg_pair_f64 */
/* a * b = hi + lo exactly, but for underflow. */
static inline rg_pair_f64 rg_two_prod_f64(double a, double b) {
  rg_pair_f64 r;
  r.hi = a * b;
  r.lo = fma(a, b, -r.hi);
  return r;
}
/* end rg_two_prod_f64 */

/* begin rg_quotient_f64: */
/* (nh + nl) / (dh + dl) to little more than half an ulp, for operands far from overflow: the
 * remainder of the first quotient is exact. */
static inline double rg_quotient_f64(double nh, double nl, double dh, double dl) {
  double y = 1.0 / dh;
  double q = nh * y;
  double rest = fma(-q, dh, nh) + fma(-q, dl, nl);
  return fma(rest, y, q);
}
/* end rg_quotient_f64 */

/* begin rg_exp_small_f64: */
/* (e^r - 1 - r) / r^2 for |r| <= ln(2)/2. */
static inline double rg_exp_small_f64(double r) {
  double p = 0x1.1f73c9e1e5555p-29;
  p = fma(p, r, 0x1.af4f451d9ec2bp-26);
  p = fma(p, r, 0x1.27e4db04b53c8p-22);
  p = fma(p, r, 0x1.71de018a0d245p-19);
  p = fma(p, r, 0x1.a01a01a6f6cefp-16);
  p = fma(p, r, 0x1.a01a01ac1cfa8p-13);
  p = fma(p, r, 0x1.6c16c16c1629dp-10);
  p = fma(p, r, 0x1.111111111007ap-7);
  p = fma(p, r, 0x1.5555555555556p-5);
  p = fma(p, r, 0x1.5555555555557p-3);
  p = fma(p, r, 0x1p-1);
  return p;
}
/* end rg_exp_small_f64 */

/* begin rg_exp_sum_f64: rg_exp_small_f64 */
/* e^(x + xl), |xl| <= ulp(x): e^(k ln 2 + r) = 2^k (1 + r + r^2 q). 2^k is multiplied in two
 * halves, so that results below the normal range are rounded once. NaN stays NaN, since no
 * comparison with it holds. */
static inline double rg_exp_sum_f64(double x, double xl) {
  xl = fabs(x) < 800.0 ? xl : 0.0;
  x = x > 710.0 ? 710.0 : x;
  x = x < -746.0 ? -746.0 : x;
  double t =
      fma(x, 0x1.71547652b82fep0, 0x1.8p52); /* rounds to a whole number, held in the low bits */
  double k = t - 0x1.8p52;
  double rh = fma(-k, 0x1.62e42fefa4p-1, x); /* exact */
  double rl = fma(-k, -0x1.8432a1b0e2634p-43, xl);
  double r = rh + rl;
  double rest = rl - (r - rh);
  double value = 1.0 + (r + fma(r * r, rg_exp_small_f64(r), rest));
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  uint64_t whole = bits - UINT64_C(0x4338000000000000) + 2046u; /* k + 2 * bias */
  uint64_t half = whole >> 1;
  uint64_t bits1 = half << 52;
  uint64_t bits2 = (whole - half) << 52;
  double scale1, scale2;
  memcpy(&scale1, &bits1, sizeof scale1);
  memcpy(&scale2, &bits2, sizeof scale2);
  return value * scale1 * scale2;
}
/* end rg_exp_sum_f64 */

/* begin rg_exp_f64: rg_exp_sum_f64 */
static inline double rg_exp_f64(double x) {
  return rg_exp_sum_f64(x, 0.0);
}
/* end rg_exp_f64 */

/* begin rg_log_f64: */
/* x = 2^k (1 + f), s = f / (2 + f): log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + R(s^2))). */
static inline double rg_log_f64(double x) {
  double tiny = x < 0x1p-1022 ? 1.0 : 0.0;
  double y = tiny != 0.0 ? x * 0x1p54 : x;
  uint64_t bits;
  memcpy(&bits, &y, sizeof bits);
  bits += UINT64_C(0x3ff0000000000000) -
          UINT64_C(0x3fe6a09e667f3bcd); /* so that 1 + f lies between sqrt(1/2) and sqrt(2) */
  uint64_t kbits = (bits >> 52) | UINT64_C(0x4330000000000000);
  bits = (bits & UINT64_C(0xfffffffffffff)) + UINT64_C(0x3fe6a09e667f3bcd);
  double k, m;
  memcpy(&k, &kbits, sizeof k);
  memcpy(&m, &bits, sizeof m);
  k = (k - (0x1p52 + 1023.0)) - tiny * 54.0;
  double f = m - 1.0;
  double s = f / (2.0 + f);
  double z = s * s;
  double p = 0x1.0c4d8297b1431p-3;
  p = fma(p, z, 0x1.0fb77bcdefa76p-3);
  p = fma(p, z, 0x1.3b1c79943fca2p-3);
  p = fma(p, z, 0x1.745cf7c1d5dafp-3);
  p = fma(p, z, 0x1.c71c7204621fep-3);
  p = fma(p, z, 0x1.249249247513dp-2);
  p = fma(p, z, 0x1.9999999999a43p-2);
  p = fma(p, z, 0x1.5555555555555p-1);
  double half = 0.5 * f * f;
  double rest = fma(s, fma(z, p, half), -half);
  double sh = k * 0x1.62e42fefa4p-1; /* exact */
  double hi = sh + f;                /* |k ln 2| > |f| or k = 0 */
  double lo = f - (hi - sh);
  double value = hi + (lo + fma(k, -0x1.8432a1b0e2634p-43, rest));
  value = x < (double)INFINITY ? value : x; /* infinity, NaN */
  value = x < 0.0 ? x - x + (double)NAN : value;
  return x == 0.0 ? -(double)INFINITY : value;
}
/* end rg_log_f64 */

/* begin rg_angle_f64: */
/* A number less the nearest multiple of pi/2. */
typedef struct rg_angle_f64 {
  double hi, lo;     /* the rest, |hi| <= about pi/4 */
  uint64_t quadrant; /* the multiple in its two lowest bits */
} rg_angle_f64;
/* end rg_angle_f64 */

/* begin rg_reduce_f64: rg_angle_f64 rg_fast_sum_f64 rg_pair_f64 rg_two_sum_f64 */
/* Cody and Waite: pi/2 = p1 + p2 + p3. x - k p1 is exact, since it is a multiple of ulp(p1)/2 and
 * less than 1; k p2 is split. Beyond 2^45 the rest is NaN. */
static inline rg_angle_f64 rg_reduce_f64(double x) {
  double inside = fabs(x) <= 0x1p45 ? x : (double)NAN;
  double t = fma(inside, 0x1.45f306dc9c883p-1, 0x1.8p52);
  double k = t - 0x1.8p52;
  double first = fma(-k, 0x1.921fb54442d18p0, inside);
  double part = k * 0x1.1a62633145c07p-54;
  double partlo = fma(k, 0x1.1a62633145c07p-54, -part);
  rg_pair_f64 r = rg_two_sum_f64(first, -part);
  r = rg_fast_sum_f64(r.hi, r.lo - fma(k, -0x1.f1976b7ed8fbcp-110, partlo));
  rg_angle_f64 a;
  a.hi = r.hi;
  a.lo = r.lo;
  memcpy(&a.quadrant, &t, sizeof a.quadrant);
  return a;
}
/* end rg_reduce_f64 */

/* begin rg_sin_part_f64: */
/* sin(hi + lo) - hi. */
static inline double rg_sin_part_f64(double hi, double lo) {
  double z = hi * hi;
  double p = -0x1.ab066192d3e8fp-41;
  p = fma(p, z, 0x1.612161267019ep-33);
  p = fma(p, z, -0x1.ae6453ecab5c4p-26);
  p = fma(p, z, 0x1.71de3a544a6cep-19);
  p = fma(p, z, -0x1.a01a01a01988p-13);
  p = fma(p, z, 0x1.111111111111p-7);
  p = fma(p, z, -0x1.5555555555555p-3);
  double cosine = fma(-0.5, z, 1.0); /* lo times the derivative, to first order */
  return fma(z * hi, p, lo * cosine);
}
/* end rg_sin_part_f64 */

/* begin rg_cos_pair_f64: rg_pair_f64 */
/* cos(hi + lo) = 1 - z/2 + z^2 p - hi lo. */
static inline rg_pair_f64 rg_cos_pair_f64(double hi, double lo) {
  double z = hi * hi;
  double zl = fma(hi, hi, -z);
  double p = -0x1.906dbf4fda044p-37;
  p = fma(p, z, 0x1.1eeb52a201da3p-29);
  p = fma(p, z, -0x1.27e4fa0241f7cp-22);
  p = fma(p, z, 0x1.a01a019f3dde1p-16);
  p = fma(p, z, -0x1.6c16c16c1691fp-10);
  p = fma(p, z, 0x1.5555555555555p-5);
  double head = fma(-0.5, z, 1.0);
  double rest = fma(-0.5, z, 1.0 - head); /* exact */
  rg_pair_f64 r;
  r.hi = head;
  r.lo = fma(z * z, p, rest) - fma(hi, lo, 0.5 * zl);
  return r;
}
/* end rg_cos_pair_f64 */

/* begin rg_turn_f64: rg_angle_f64 rg_cos_pair_f64 rg_pair_f64 rg_reduce_f64 rg_sin_part_f64 */
/* sin(x) for turn = 0, cos(x) = sin(x + pi/2) for turn = 1. */
static inline double rg_turn_f64(double x, uint64_t turn) {
  rg_angle_f64 a = rg_reduce_f64(x);
  uint64_t quadrant = a.quadrant + turn;
  double sine = a.hi + rg_sin_part_f64(a.hi, a.lo);
  rg_pair_f64 c = rg_cos_pair_f64(a.hi, a.lo);
  double cosine = c.hi + c.lo;
  double value = (quadrant & 1u) != 0 ? cosine : sine;
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits ^= (quadrant & 2u) << 62; /* the sign */
  memcpy(&value, &bits, sizeof value);
  return value;
}
/* end rg_turn_f64 */

/* begin rg_sin_f64: rg_turn_f64 */
static inline double rg_sin_f64(double x) {
  double value = rg_turn_f64(x, 0);
  return x == 0.0 ? x : value;
}
/* end rg_sin_f64 */

/* begin rg_cos_f64: rg_turn_f64 */
static inline double rg_cos_f64(double x) {
  return rg_turn_f64(x, 1);
}
/* end rg_cos_f64 */

/* begin rg_tan_f64: rg_angle_f64 rg_cos_pair_f64 rg_fast_sum_f64 rg_pair_f64 rg_quotient_f64
 * rg_reduce_f64 rg_sin_part_f64 */
static inline double rg_tan_f64(double x) {
  rg_angle_f64 a = rg_reduce_f64(x);
  rg_pair_f64 s = rg_fast_sum_f64(a.hi, rg_sin_part_f64(a.hi, a.lo));
  rg_pair_f64 c = rg_cos_pair_f64(a.hi, a.lo);
  c = rg_fast_sum_f64(c.hi, c.lo);
  int odd = (a.quadrant & 1u) != 0;
  double value =
      rg_quotient_f64(odd ? -c.hi : s.hi, odd ? -c.lo : s.lo, odd ? s.hi : c.hi, odd ? s.lo : c.lo);
  return x == 0.0 ? x : value;
}
/* end rg_tan_f64 */

/* begin rg_atan_f64: rg_fast_sum_f64 rg_pair_f64 rg_two_sum_f64 */
/* atan(a) = base + atan(t), |t| <= tan(pi/8): t = a, (a - 1)/(a + 1) or -1/a. */
static inline double rg_atan_f64(double x) {
  double a = fabs(x);
  a = a > 0x1p80 ? 0x1p80 : a; /* pi/2 to all digits */
  int middle = a > 0x1.a827999fcef32p-2;
  int large = a > 0x1.3504f333f9de6p1;
  rg_pair_f64 n = rg_two_sum_f64(a, -1.0);
  rg_pair_f64 d = rg_two_sum_f64(a, 1.0);
  double nh = large ? -1.0 : (middle ? n.hi : a);
  double nl = middle && !large ? n.lo : 0.0;
  double dh = large ? a : (middle ? d.hi : 1.0);
  double dl = middle && !large ? d.lo : 0.0;
  double base = large ? 0x1.921fb54442d18p0 : (middle ? 0x1.921fb54442d18p-1 : 0.0);
  double baselo = large ? 0x1.1a62633145c07p-54 : (middle ? 0x1.1a62633145c07p-55 : 0.0);
  double y = 1.0 / dh;
  double t = nh * y;
  double tl = (fma(-t, dh, nh) + fma(-t, dl, nl)) * y;
  double z = t * t;
  double p = 0x1.0892945fca3d9p-6;
  p = fma(p, z, -0x1.1a2e2be9092a6p-5);
  p = fma(p, z, 0x1.74779e7f3d684p-5);
  p = fma(p, z, -0x1.ac640ea43c20ep-5);
  p = fma(p, z, 0x1.e197010ee6326p-5);
  p = fma(p, z, -0x1.110e65a8e0d93p-4);
  p = fma(p, z, 0x1.3b1390ed6392fp-4);
  p = fma(p, z, -0x1.745d164cd528bp-4);
  p = fma(p, z, 0x1.c71c71c2ac30cp-4);
  p = fma(p, z, -0x1.249249248d0ap-3);
  p = fma(p, z, 0x1.999999999994cp-3);
  p = fma(p, z, -0x1.5555555555555p-2);
  rg_pair_f64 sum = rg_fast_sum_f64(base, t);
  double value = sum.hi + (sum.lo + fma(z * t, p, tl + baselo));
  return copysign(value, x);
}
/* end rg_atan_f64 */

/* begin rg_expm1_pair_f64: rg_exp_small_f64 rg_fast_sum_f64 rg_pair_f64 */
/* e^u - 1 for u <= 0, to about twice the digits of a difference of rounded numbers. */
static inline rg_pair_f64 rg_expm1_pair_f64(double u) {
  double t = fma(u, 0x1.71547652b82fep0, 0x1.8p52);
  double k = t - 0x1.8p52;
  double rh = fma(-k, 0x1.62e42fefa4p-1, u);
  double rl = -k * -0x1.8432a1b0e2634p-43;
  double r = rh + rl;
  double rest = fma(r * r, rg_exp_small_f64(r), rl - (r - rh));
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits + 1023u) << 52;
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  rg_pair_f64 base = rg_fast_sum_f64(-1.0, scale);
  rg_pair_f64 e = rg_fast_sum_f64(base.hi, scale * r);
  return rg_fast_sum_f64(e.hi, fma(scale, rest, e.lo + base.lo));
}
/* end rg_expm1_pair_f64 */

/* begin rg_tanh_f64: rg_expm1_pair_f64 rg_fast_sum_f64 rg_pair_f64 rg_quotient_f64 */
/* With e = exp(-2|x|) - 1: tanh|x| = -e / (2 + e). */
static inline double rg_tanh_f64(double x) {
  double a = fabs(x);
  a = a > 20.0 ? 20.0 : a; /* 1 to all digits */
  rg_pair_f64 e = rg_expm1_pair_f64(-2.0 * a);
  rg_pair_f64 d = rg_fast_sum_f64(2.0, e.hi);
  double value = rg_quotient_f64(-e.hi, -e.lo, d.hi, d.lo + e.lo);
  return copysign(value, x);
}
/* end rg_tanh_f64 */

/* begin rg_sech2_f64: rg_exp_small_f64 rg_fast_sum_f64 rg_pair_f64 rg_quotient_f64 rg_two_sum_f64
 * */
/* 1 / cosh(x)^2 = 4 e / (1 + e)^2 with e = exp(-2|x|) = 2^k m; 2^k as in rg_exp_sum_f64. */
static inline double rg_sech2_f64(double x) {
  double u = -2.0 * fabs(x);
  u = u < -749.0 ? -749.0 : u;
  double t = fma(u, 0x1.71547652b82fep0, 0x1.8p52);
  double k = t - 0x1.8p52;
  double rh = fma(-k, 0x1.62e42fefa4p-1, u);
  double rl = -k * -0x1.8432a1b0e2634p-43;
  double r = rh + rl;
  rg_pair_f64 m = rg_fast_sum_f64(1.0, r);
  m = rg_fast_sum_f64(m.hi, m.lo + fma(r * r, rg_exp_small_f64(r), rl - (r - rh)));
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  uint64_t whole = bits - UINT64_C(0x4338000000000000) + 2046u;
  uint64_t half = whole >> 1;
  uint64_t bits1 = half << 52;
  uint64_t bits2 = (whole - half) << 52;
  double scale1, scale2;
  memcpy(&scale1, &bits1, sizeof scale1);
  memcpy(&scale2, &bits2, sizeof scale2);
  double scale = scale1 * scale2;
  rg_pair_f64 d = rg_two_sum_f64(1.0, scale * m.hi);
  d.lo = fma(scale, m.lo, d.lo);
  double square = d.hi * d.hi;
  double squarelo = fma(d.hi, d.hi, -square) + 2.0 * d.hi * d.lo;
  return rg_quotient_f64(4.0 * m.hi, 4.0 * m.lo, square, squarelo) * scale1 * scale2;
}
/* end rg_sech2_f64 */

/* begin rg_log_pair_f64: rg_fast_sum_f64 rg_pair_f64 rg_two_prod_f64 rg_two_sum_f64 */
/* log(x) to about 2^-66 of its size, for finite x > 0; s and the first terms have two parts. */
static inline rg_pair_f64 rg_log_pair_f64(double x) {
  double tiny = x < 0x1p-1022 ? 1.0 : 0.0;
  double y = tiny != 0.0 ? x * 0x1p54 : x;
  uint64_t bits;
  memcpy(&bits, &y, sizeof bits);
  bits += UINT64_C(0x3ff0000000000000) - UINT64_C(0x3fe6a09e667f3bcd);
  uint64_t kbits = (bits >> 52) | UINT64_C(0x4330000000000000);
  bits = (bits & UINT64_C(0xfffffffffffff)) + UINT64_C(0x3fe6a09e667f3bcd);
  double k, m;
  memcpy(&k, &kbits, sizeof k);
  memcpy(&m, &bits, sizeof m);
  k = (k - (0x1p52 + 1023.0)) - tiny * 54.0;
  double f = m - 1.0;
  rg_pair_f64 d = rg_fast_sum_f64(2.0, f);
  double inverse = 1.0 / d.hi;
  double s = f * inverse;
  double sl = (fma(-s, d.hi, f) - s * d.lo) * inverse;
  rg_pair_f64 z = rg_two_prod_f64(s, s);
  z.lo = fma(2.0 * s, sl, z.lo);
  double p = 0x1.e748753dcdfb1p-4;
  p = fma(p, z.hi, 0x1.deaded80aecd1p-4);
  p = fma(p, z.hi, 0x1.111d886e523efp-3);
  p = fma(p, z.hi, 0x1.3b1378f276767p-3);
  p = fma(p, z.hi, 0x1.745d17dab81fbp-3);
  p = fma(p, z.hi, 0x1.c71c71c63f7e4p-3);
  p = fma(p, z.hi, 0x1.24924924929b3p-2);
  p = fma(p, z.hi, 0x1.9999999999998p-2);
  rg_pair_f64 c = rg_fast_sum_f64(0x1.5555555555555p-1,
                                  z.hi * p); /* the series, its first term with two parts */
  c.lo += 0x1.557892a11639ap-55;
  rg_pair_f64 w = rg_two_prod_f64(z.hi, c.hi);
  w.lo += fma(z.hi, c.lo, z.lo * c.hi);
  rg_pair_f64 v = rg_two_prod_f64(s, w.hi);
  v.lo += fma(s, w.lo, sl * w.hi);
  rg_pair_f64 u = rg_fast_sum_f64(2.0 * s, v.hi);
  u.lo += fma(2.0, sl, v.lo);
  rg_pair_f64 a = rg_fast_sum_f64(k * 0x1.62e42fefa4p-1, u.hi);
  rg_pair_f64 b = rg_two_prod_f64(k, -0x1.8432a1b0e2634p-43);
  rg_pair_f64 h = rg_two_sum_f64(a.hi, b.hi);
  return rg_fast_sum_f64(h.hi, h.lo + (a.lo + (u.lo + fma(k, 0x1.f97b57a079a19p-103, b.lo))));
}
/* end rg_log_pair_f64 */

/* begin rg_whole_f64: */
/* 1 where the size a >= 0 is a whole number (infinity too), else 0. */
static inline double rg_whole_f64(double a) {
  double near = (a + 0x1p52) - 0x1p52;
  near = a >= 0x1p52 ? a : near;
  return near == a ? 1.0 : 0.0;
}
/* end rg_whole_f64 */

/* begin rg_pow_special_f64: rg_whole_f64 */
/* What C's pow says of signs, 0, infinity and NaN, given |a|^b. Truth values are real numbers, and
 * each condition is one comparison: so it becomes vector code. */
static inline double rg_pow_special_f64(double a, double b, double value) {
  double size = fabs(b);
  double base = fabs(a);
  double whole = rg_whole_f64(size);
  double odd = whole - whole * rg_whole_f64(0.5 * size);
  double end = b > 0.0 ? base : 1.0 / base; /* for a = 0, infinity */
  value = base == 0.0 ? end : value;
  value = base == (double)INFINITY ? end : value;
  double above = b > 0.0 ? (double)INFINITY : 0.0; /* for b = infinity */
  double below = b > 0.0 ? 0.0 : (double)INFINITY;
  double bend = base > 1.0 ? above : below;
  bend = base == 1.0 ? 1.0 : bend;
  value = size == (double)INFINITY ? bend : value;
  double root = whole == 0.0 ? (double)NAN : value; /* of a negative number */
  root = base < (double)INFINITY ? root : value;
  value = a < 0.0 ? root : value;
  value = odd != 0.0 ? copysign(value, a) : value;
  value = a != a ? a : value;
  value = b != b ? b : value;
  value = a == 1.0 ? 1.0 : value;
  return b == 0.0 ? 1.0 : value;
}
/* end rg_pow_special_f64 */

/* begin rg_pow_f64: rg_exp_sum_f64 rg_log_pair_f64 rg_pair_f64 rg_pow_special_f64 rg_two_prod_f64
 * */
static inline double rg_pow_f64(double a, double b) {
  rg_pair_f64 l = rg_log_pair_f64(fabs(a));
  rg_pair_f64 e = rg_two_prod_f64(b, l.hi);
  return rg_pow_special_f64(a, b, rg_exp_sum_f64(e.hi, fma(b, l.lo, e.lo)));
}
/* end rg_pow_f64 */

/* begin rg_powi_f64: */
/* a^n by products, from the lowest bit of n up; a^-n = 1 / a^n. The same order for every n, so the
 * error is at most about 2 log2|n| + |n| / 2 units of 2^-53 and most often far less. */
static inline double rg_powi_f64(double a, int n) {
  unsigned left = n < 0 ? 0u - (unsigned)n : (unsigned)n;
  double value = 1.0;
  for (; left != 0; left >>= 1) {
    value = (left & 1u) != 0 ? value * a : value;
    a *= a;
  }
  return n < 0 ? 1.0 / value : value;
}
/* end rg_powi_f64 */

/* begin rg_normal_tail_f64: rg_exp_sum_f64 rg_pair_f64 rg_two_prod_f64 */
/* The normal distribution from a to infinity, a >= 0: e^(-a^2/2) P(t) / (a + 2), where P is
 * smooth on the whole half-line in t = (a - 5) / (a + 5) (as Shepherd and Laframboise, Math. Comp.
 * 36, 1981, do for erfc). Relative accuracy far out, where 1 - the rest would have none. */
static inline double rg_normal_tail_f64(double a) {
  a = a > 40.0 ? 40.0 : a; /* 0 from there on */
  double t = (a - 5.0) / (a + 5.0);
  double p = 0x1.2d118441c3698p-31;
  p = fma(p, t, 0x1.dfe6b42eb1095p-29);
  p = fma(p, t, 0x1.2bce1aafbce3ap-29);
  p = fma(p, t, -0x1.c686acbd1bf9cp-26);
  p = fma(p, t, -0x1.1b6e5a83c2955p-25);
  p = fma(p, t, 0x1.5749e19d74806p-23);
  p = fma(p, t, 0x1.b18c34ccbcd58p-23);
  p = fma(p, t, -0x1.1e56a9c8bba56p-20);
  p = fma(p, t, -0x1.8f79fea31c082p-21);
  p = fma(p, t, 0x1.056d5d4bee15fp-17);
  p = fma(p, t, -0x1.b47ad030b8379p-19);
  p = fma(p, t, -0x1.b9a1ff1fd3a96p-15);
  p = fma(p, t, 0x1.ff505687a2116p-14);
  p = fma(p, t, 0x1.29f076a881bd8p-13);
  p = fma(p, t, -0x1.7dd182bb0dfd9p-10);
  p = fma(p, t, 0x1.0f86a0cf28f16p-8);
  p = fma(p, t, -0x1.94f32b8f49c96p-8);
  p = fma(p, t, 0x1.2667773f1cd51p-10);
  p = fma(p, t, 0x1.5f81e5383a40ap-6);
  p = fma(p, t, -0x1.2254aa73ede5ap-4);
  p = fma(p, t, 0x1.2d4255c5aa9adp-3);
  p = fma(p, t, -0x1.e14cd6649823bp-3);
  p = fma(p, t, 0x1.13adc51e2e8c7p-1);
  rg_pair_f64 square = rg_two_prod_f64(a, a);
  double e = rg_exp_sum_f64(-0.5 * square.hi, -0.5 * square.lo);
  return e * p / (a + 2.0);
}
/* end rg_normal_tail_f64 */

/* begin rg_normal_cdf_f64: rg_normal_tail_f64 */
/* The normal distribution up to x. */
static inline double rg_normal_cdf_f64(double x) {
  double tail = rg_normal_tail_f64(fabs(x));
  return x > 0.0 ? 1.0 - tail : tail;
}
/* end rg_normal_cdf_f64 */

/* begin rg_normal_pdf_f64: rg_exp_sum_f64 rg_pair_f64 rg_two_prod_f64 */
/* Its density e^(-x^2/2) / sqrt(2 pi). */
static inline double rg_normal_pdf_f64(double x) {
  double a = fabs(x);
  a = a > 40.0 ? 40.0 : a; /* 0 from there on */
  rg_pair_f64 square = rg_two_prod_f64(a, a);
  return 0x1.9884533d43651p-2 * rg_exp_sum_f64(-0.5 * square.hi, -0.5 * square.lo);
}
/* end rg_normal_pdf_f64 */

/* begin rg_erf_f64: rg_normal_tail_f64 */
/* (2 / sqrt(pi)) times the integral of e^(-s^2) from 0 to x: x (1 + Q(x^2)) up to 1, beyond it
 * 1 - 2 tail(sqrt(2) x). */
static inline double rg_erf_f64(double x) {
  double a = fabs(x);
  double z = a > 1.0 ? 1.0 : a * a;
  double p = -0x1.29b9f1b3df556p-38;
  p = fma(p, z, 0x1.7f072188e194dp-34);
  p = fma(p, z, -0x1.4e607b41a6416p-30);
  p = fma(p, z, 0x1.fc4356498c2d9p-27);
  p = fma(p, z, -0x1.5f6d925a0bc7ap-23);
  p = fma(p, z, 0x1.b9e6509b9867dp-20);
  p = fma(p, z, -0x1.f4d2561aeafd4p-17);
  p = fma(p, z, 0x1.f9a326c233146p-14);
  p = fma(p, z, -0x1.c02db3feeb579p-11);
  p = fma(p, z, 0x1.565bcd0e6502dp-8);
  p = fma(p, z, -0x1.b82ce312889bap-6);
  p = fma(p, z, 0x1.ce2f21a042bdep-4);
  p = fma(p, z, -0x1.812746b0379e7p-2);
  p = fma(p, z, 0x1.06eba8214db69p-3);
  double tail = rg_normal_tail_f64(0x1.6a09e667f3bcdp0 * a);
  double value = a > 1.0 ? fma(-2.0, tail, 1.0) : fma(a, p, a);
  return copysign(value, x);
}
/* end rg_erf_f64 */

/* begin rg_log1p_f64: rg_log_f64 rg_pair_f64 rg_two_sum_f64 */
/* log(1 + x): the logarithm of the rounded sum u and what rounding left, over u. */
static inline double rg_log1p_f64(double x) {
  rg_pair_f64 u = rg_two_sum_f64(1.0, x);
  double rest = u.lo / u.hi;
  double value = rg_log_f64(u.hi);
  value += rest - rest == 0.0 ? rest : 0.0; /* no NaN from 1 + x = 0, infinity */
  return x == 0.0 ? x : value;
}
/* end rg_log1p_f64 */

/* begin rg_sigmoid_f64: rg_exp_f64 */
/* 1 / (1 + e^-x), from e^-|x| so that neither end cancels or overflows. */
static inline double rg_sigmoid_f64(double x) {
  double e = rg_exp_f64(-fabs(x));
  double above = x < 0.0 ? e : 1.0;
  return above / (1.0 + e);
}
/* end rg_sigmoid_f64 */

/* begin rg_softplus_f64: rg_exp_f64 rg_log1p_f64 rg_max_f64 */
/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
static inline double rg_softplus_f64(double x) {
  return rg_max_f64(x, 0.0) + rg_log1p_f64(rg_exp_f64(-fabs(x)));
}
/* end rg_softplus_f64 */

#if defined(__GNUC__) && !defined(__clang__)
#undef inline
#endif
#endif
