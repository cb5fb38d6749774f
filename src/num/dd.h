/* Functions of double-double (pairs of binary64) numbers. See docs/numbers.md: error bounds,
 * ranges, and why these are our own: every instruction set and every exported model computes the
 * same bits. Each function stands between marks, with the functions that it needs, for the writer
 * of exported C. */
#ifndef RG_DD_H
#define RG_DD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "num/f64.h"
#ifdef RG_DD_ALONE
/* begin rung_dd: */
typedef struct rung_dd {
  double hi, lo; /* the unevaluated sum hi + lo, |lo| <= ulp(hi) / 2 */
} rung_dd;
/* end rung_dd */
#else
#include "rung/base.h"
#endif

/* gcc stops inlining in large files, and a loop with a call in it does not become vector code.
 * Below this word stands for itself again. */
#if defined(__GNUC__) && !defined(__clang__)
#define inline inline __attribute__((always_inline))
#endif

/* begin rg_make_dd: rung_dd */
static inline rung_dd rg_make_dd(double hi, double lo) {
  rung_dd r;
  r.hi = hi;
  r.lo = lo;
  return r;
}
/* end rg_make_dd */

/* begin rg_finish_dd: rg_make_dd rung_dd */
/* hi + lo in normal form, |hi| >= |lo|; where that is not finite, `rough`, the result in plain
 * double arithmetic, which says which infinity or NaN it is. */
static inline rung_dd rg_finish_dd(double hi, double lo, double rough) {
  double sum = hi + lo;
  double rest = lo - (sum - hi);
  int finite = fabs(sum) < (double)INFINITY;
  return rg_make_dd(finite ? sum : rough, finite ? rest : 0.0);
}
/* end rg_finish_dd */

/* begin rg_from_double_dd: rg_make_dd rung_dd */
static inline rung_dd rg_from_double_dd(double a) {
  return rg_make_dd(a, 0.0);
}
/* end rg_from_double_dd */

/* begin rg_to_double_dd: rung_dd */
static inline double rg_to_double_dd(rung_dd a) {
  return a.hi;
}
/* end rg_to_double_dd */

/* begin rg_from_dd_f64: rung_dd */
static inline double rg_from_dd_f64(rung_dd a) {
  return a.hi;
}
/* end rg_from_dd_f64 */

/* begin rg_from_dd_f32: rung_dd */
/* Rounded once: where lo is not 0, hi is first rounded to odd, so that it is no halfway case. */
static inline float rg_from_dd_f32(rung_dd a) {
  uint64_t bits;
  memcpy(&bits, &a.hi, sizeof bits);
  uint64_t towards = copysign(a.lo, a.hi) == a.lo ? 1u : UINT64_MAX;
  double low = a.hi == 0.0 ? 0.0 : a.lo;
  bits += low != 0.0 ? towards * (~bits & 1u) : 0u;
  double odd;
  memcpy(&odd, &bits, sizeof odd);
  return (float)odd;
}
/* end rg_from_dd_f32 */

/* begin rg_neg_dd: rg_make_dd rung_dd */
static inline rung_dd rg_neg_dd(rung_dd a) {
  return rg_make_dd(-a.hi, -a.lo);
}
/* end rg_neg_dd */

/* begin rg_abs_dd: rg_make_dd rung_dd */
static inline rung_dd rg_abs_dd(rung_dd a) {
  double lo = a.hi < 0.0 ? -a.lo : a.lo;
  return rg_make_dd(fabs(a.hi), lo);
}
/* end rg_abs_dd */

/* begin rg_add_dd: rg_fast_sum_f64 rg_finish_dd rg_pair_f64 rg_two_sum_f64 rung_dd */
/* Error at most 3 u^2 + 13 u^3 of the result, u = 2^-53 (AccurateDWPlusDW of Joldes, Muller,
 * Popescu, ACM Trans. Math. Softw. 44, 2017). */
static inline rung_dd rg_add_dd(rung_dd a, rung_dd b) {
  rg_pair_f64 s = rg_two_sum_f64(a.hi, b.hi);
  rg_pair_f64 t = rg_two_sum_f64(a.lo, b.lo);
  rg_pair_f64 v = rg_fast_sum_f64(s.hi, s.lo + t.hi);
  return rg_finish_dd(v.hi, t.lo + v.lo, s.hi);
}
/* end rg_add_dd */

/* begin rg_sub_dd: rg_add_dd rg_neg_dd rung_dd */
static inline rung_dd rg_sub_dd(rung_dd a, rung_dd b) {
  return rg_add_dd(a, rg_neg_dd(b));
}
/* end rg_sub_dd */

/* begin rg_mul_dd: rg_finish_dd rg_pair_f64 rg_two_prod_f64 rung_dd */
/* Error at most 4 u^2 of the result (DWTimesDW3; the bound is of Muller and Rideau, ACM Trans.
 * Math. Softw. 48, 2022). */
static inline rung_dd rg_mul_dd(rung_dd a, rung_dd b) {
  rg_pair_f64 p = rg_two_prod_f64(a.hi, b.hi);
  double rest = fma(a.lo, b.hi, fma(a.hi, b.lo, a.lo * b.lo));
  return rg_finish_dd(p.hi, p.lo + rest, p.hi);
}
/* end rg_mul_dd */

/* begin rg_div_dd: rg_fast_sum_f64 rg_finish_dd rg_pair_f64 rg_two_sum_f64 rung_dd */
/* The quotient of the leading parts and two corrections; the remainder of the first is exact. */
static inline rung_dd rg_div_dd(rung_dd a, rung_dd b) {
  double q = a.hi / b.hi;
  double y = 1.0 / b.hi;
  rg_pair_f64 rest = rg_two_sum_f64(fma(-q, b.hi, a.hi), fma(-q, b.lo, a.lo));
  double q2 = rest.hi * y;
  double rest2 = fma(-q2, b.lo, fma(-q2, b.hi, rest.hi) + rest.lo);
  rg_pair_f64 sum = rg_fast_sum_f64(q, q2);
  return rg_finish_dd(sum.hi, fma(rest2, y, sum.lo), q);
}
/* end rg_div_dd */

/* begin rg_reciprocal_dd: rg_div_dd rg_make_dd rung_dd */
static inline rung_dd rg_reciprocal_dd(rung_dd a) {
  return rg_div_dd(rg_make_dd(1.0, 0.0), a);
}
/* end rg_reciprocal_dd */

/* begin rg_sqrt_dd: rg_finish_dd rung_dd */
/* Error at most 25/8 u^2 (SQRTDWtoDW; Lefevre, Louvet, Muller, Picot, Rideau, ACM Trans. Math.
 * Softw. 49, 2023). */
static inline rung_dd rg_sqrt_dd(rung_dd a) {
  double root = sqrt(a.hi);
  double rest = fma(-root, root, a.hi) + a.lo;
  return rg_finish_dd(root, rest / (2.0 * root), root);
}
/* end rg_sqrt_dd */

/* begin rg_muladd_dd: rg_add_dd rg_mul_dd rung_dd */
static inline rung_dd rg_muladd_dd(rung_dd a, rung_dd b, rung_dd c) {
  return rg_add_dd(rg_mul_dd(a, b), c);
}
/* end rg_muladd_dd */

/* begin rg_less_dd: rg_make_dd rung_dd */
static inline rung_dd rg_less_dd(rung_dd a, rung_dd b) {
  int below = (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo < b.lo));
  return rg_make_dd(below ? 1.0 : 0.0, 0.0);
}
/* end rg_less_dd */

/* begin rg_less_equal_dd: rg_make_dd rung_dd */
static inline rung_dd rg_less_equal_dd(rung_dd a, rung_dd b) {
  int below = (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo <= b.lo));
  return rg_make_dd(below ? 1.0 : 0.0, 0.0);
}
/* end rg_less_equal_dd */

/* begin rg_equal_dd: rg_make_dd rung_dd */
static inline rung_dd rg_equal_dd(rung_dd a, rung_dd b) {
  int same = (a.hi == b.hi) & (a.lo == b.lo);
  return rg_make_dd(same ? 1.0 : 0.0, 0.0);
}
/* end rg_equal_dd */

/* begin rg_select_dd: rg_make_dd rung_dd */
/* a where c is not 0, else b. */
static inline rung_dd rg_select_dd(rung_dd c, rung_dd a, rung_dd b) {
  return rg_make_dd(c.hi != 0.0 ? a.hi : b.hi, c.hi != 0.0 ? a.lo : b.lo);
}
/* end rg_select_dd */

/* begin rg_min_dd: rg_make_dd rung_dd */
/* NaN where either is NaN. */
static inline rung_dd rg_min_dd(rung_dd a, rung_dd b) {
  int first = (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo < b.lo)) | (a.hi != a.hi);
  return rg_make_dd(first ? a.hi : b.hi, first ? a.lo : b.lo);
}
/* end rg_min_dd */

/* begin rg_max_dd: rg_make_dd rung_dd */
static inline rung_dd rg_max_dd(rung_dd a, rung_dd b) {
  int first = (a.hi > b.hi) | ((a.hi == b.hi) & (a.lo > b.lo)) | (a.hi != a.hi);
  return rg_make_dd(first ? a.hi : b.hi, first ? a.lo : b.lo);
}
/* end rg_max_dd */

/* begin rg_sign_dd: rg_make_dd rg_sign_f64 rung_dd */
static inline rung_dd rg_sign_dd(rung_dd a) {
  return rg_make_dd(rg_sign_f64(a.hi), 0.0);
}
/* end rg_sign_dd */

/* begin rg_times_dd: rg_make_dd rung_dd */
/* A product inside a series: not quite in normal form, error about 4 u^2, no care for infinity. */
static inline rung_dd rg_times_dd(rung_dd a, rung_dd b) {
  double p = a.hi * b.hi;
  double rest = fma(a.lo, b.hi, fma(a.hi, b.lo, fma(a.hi, b.hi, -p)));
  return rg_make_dd(p, rest);
}
/* end rg_times_dd */

/* begin rg_plus_dd: rg_fast_sum_f64 rg_make_dd rg_pair_f64 rung_dd */
/* A sum inside a series, |a| >= |b| or a = 0: not quite in normal form. */
static inline rung_dd rg_plus_dd(rung_dd a, rung_dd b) {
  rg_pair_f64 s = rg_fast_sum_f64(a.hi, b.hi);
  return rg_make_dd(s.hi, s.lo + (a.lo + b.lo));
}
/* end rg_plus_dd */

/* begin rg_step_dd: rg_make_dd rg_plus_dd rg_times_dd rung_dd */
/* A step of Horner's scheme: c + x p with |c| >= |x p|. */
static inline rung_dd rg_step_dd(rung_dd p, rung_dd x, double chi, double clo) {
  return rg_plus_dd(rg_make_dd(chi, clo), rg_times_dd(x, p));
}
/* end rg_step_dd */

/* begin rg_power_dd: */
/* 2^k = first * second, each within the range of double; whole = k + 2046. */
typedef struct rg_power_dd {
  double first, second;
} rg_power_dd;
/* end rg_power_dd */

/* begin rg_make_power_dd: rg_power_dd */
static inline rg_power_dd rg_make_power_dd(uint64_t whole) {
  uint64_t half = whole >> 1;
  uint64_t bits1 = half << 52;
  uint64_t bits2 = (whole - half) << 52;
  rg_power_dd s;
  memcpy(&s.first, &bits1, sizeof s.first);
  memcpy(&s.second, &bits2, sizeof s.second);
  return s;
}
/* end rg_make_power_dd */

/* begin rg_expm1_part_dd: rg_fast_sum_f64 rg_make_dd rg_pair_f64 rg_plus_dd rg_step_dd
 * rg_times_dd rg_two_sum_f64 rung_dd */
/* x = k ln 2 + r, |r| <= ln(2)/2: returns e^r - 1 in normal form and k + 2046; |x| below 2000.
 * ln 2 has three parts, of which k times the first two are exact. The series starts with doubles,
 * where these suffice. */
static inline rung_dd rg_expm1_part_dd(rung_dd x, uint64_t *whole) {
  double t = fma(x.hi, 0x1.71547652b82fep0, 0x1.8p52);
  double k = t - 0x1.8p52;
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  *whole = bits - UINT64_C(0x4338000000000000) + 2046u;
  rg_pair_f64 a = rg_two_sum_f64(fma(-k, 0x1.62e42fefa4p-1, x.hi), -k * -0x1.8432a1b0e2p-43);
  rg_pair_f64 b = rg_two_sum_f64(a.hi, x.lo);
  rg_pair_f64 f = rg_fast_sum_f64(b.hi, b.lo + fma(-k, -0x1.8cff81a12a17ep-85, a.lo));
  rung_dd r = rg_make_dd(f.hi, f.lo);
  double q = 0x1.e5dd275a79fa5p-62;
  q = fma(q, r.hi, 0x1.2fb3e0e70918ap-57);
  q = fma(q, r.hi, 0x1.68277391a9979p-53);
  q = fma(q, r.hi, 0x1.952c5d58e8d8cp-49);
  q = fma(q, r.hi, 0x1.ae7f3e75b3093p-45);
  q = fma(q, r.hi, 0x1.ae7f3e769fee1p-41);
  q = fma(q, r.hi, 0x1.93974a8c07983p-37);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_step_dd(p, r, 0x1.6124613a868c6p-33, 0x1.6523e7fb3438fp-89);
  p = rg_step_dd(p, r, 0x1.1eed8eff8d898p-29, -0x1.286ce4f8cfbc6p-84);
  p = rg_step_dd(p, r, 0x1.ae64567f544e4p-26, -0x1.0f23a8513e9bbp-83);
  p = rg_step_dd(p, r, 0x1.27e4fb7789f5cp-22, 0x1.cbb39dee5c227p-76);
  p = rg_step_dd(p, r, 0x1.71de3a556c734p-19, -0x1.c16c16cb6723bp-73);
  p = rg_step_dd(p, r, 0x1.a01a01a01a01ap-16, 0x1.a01a22208a9cbp-76);
  p = rg_step_dd(p, r, 0x1.a01a01a01a01ap-13, 0x1.a01a5b0372bd8p-73);
  p = rg_step_dd(p, r, 0x1.6c16c16c16c17p-10, -0x1.f49f49f4a66ep-65);
  p = rg_step_dd(p, r, 0x1.1111111111111p-7, 0x1.11111110e9cap-63);
  p = rg_step_dd(p, r, 0x1.5555555555555p-5, 0x1.5555555555556p-59);
  p = rg_step_dd(p, r, 0x1.5555555555555p-3, 0x1.555555555555ap-57);
  p = rg_step_dd(p, r, 0x1p-1, -0x1.1p-506);
  rung_dd value = rg_plus_dd(r, rg_times_dd(rg_times_dd(p, r), r));
  f = rg_fast_sum_f64(value.hi, value.lo);
  return rg_make_dd(f.hi, f.lo);
}
/* end rg_expm1_part_dd */

/* begin rg_exp_dd: rg_expm1_part_dd rg_fast_sum_f64 rg_finish_dd rg_make_dd rg_make_power_dd
 * rg_pair_f64 rg_plus_dd rg_power_dd rung_dd */
static inline rung_dd rg_exp_dd(rung_dd x) {
  int inside = fabs(x.hi) < 800.0;
  double hi = x.hi > 800.0 ? 800.0 : x.hi;
  hi = hi < -800.0 ? -800.0 : hi;
  uint64_t whole;
  rung_dd m = rg_expm1_part_dd(rg_make_dd(hi, inside ? x.lo : 0.0), &whole);
  rg_power_dd s = rg_make_power_dd(whole);
  rung_dd one = rg_make_dd(1.0, 0.0);
  m = rg_plus_dd(one, m);
  rg_pair_f64 n = rg_fast_sum_f64(m.hi, m.lo);
  double value = n.hi * s.first * s.second;
  return rg_finish_dd(value, n.lo * s.first * s.second, value);
}
/* end rg_exp_dd */

/* begin rg_log_dd: rg_add_dd rg_div_dd rg_fast_sum_f64 rg_make_dd rg_make_power_dd rg_pair_f64
 * rg_plus_dd rg_power_dd rg_step_dd rg_times_dd rg_two_sum_f64 rung_dd */
/* x = 2^k m, s = (m - 1)/(m + 1): log(m) = 2 s + s^3 L(s^2), |s| < 0.172; k ln 2 in three parts. */
static inline rung_dd rg_log_dd(rung_dd x) {
  double tiny = x.hi < 0x1p-900 ? 1.0 : 0.0;
  double up = tiny != 0.0 ? 0x1p200 : 1.0;
  double yhi = x.hi * up;
  double ylo = x.lo * up;
  uint64_t bits;
  memcpy(&bits, &yhi, sizeof bits);
  bits += UINT64_C(0x3ff0000000000000) - UINT64_C(0x3fe6a09e667f3bcd);
  uint64_t exponent = bits >> 52;
  uint64_t kbits = exponent | UINT64_C(0x4330000000000000);
  bits = (bits & UINT64_C(0xfffffffffffff)) + UINT64_C(0x3fe6a09e667f3bcd);
  double k, m;
  memcpy(&k, &kbits, sizeof k);
  memcpy(&m, &bits, sizeof m);
  k = (k - (0x1p52 + 1023.0)) - tiny * 200.0;
  rg_power_dd down = rg_make_power_dd(2046u + 1023u - exponent); /* 2^-k */
  double ml = ylo * down.first * down.second;
  rg_pair_f64 f = rg_two_sum_f64(m - 1.0, ml); /* m - 1 is exact */
  rg_pair_f64 g = rg_fast_sum_f64(1.0, m);
  g = rg_fast_sum_f64(g.hi, g.lo + ml);
  rung_dd s = rg_div_dd(rg_make_dd(f.hi, f.lo), rg_make_dd(g.hi, g.lo));
  rung_dd z = rg_times_dd(s, s);
  double q = 0x1.4698379d26a95p-4;
  q = fma(q, z.hi, 0x1.13fc33374745bp-4);
  q = fma(q, z.hi, 0x1.2fcd654ac1583p-4);
  q = fma(q, z.hi, 0x1.47aa0bf1d0ac5p-4);
  q = fma(q, z.hi, 0x1.642ca223e0b0ap-4);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_step_dd(p, z, 0x1.861860f5df0efp-4, 0x1.2caf59a1c6c33p-59);
  p = rg_step_dd(p, z, 0x1.af286bcc267f6p-4, -0x1.28c20b2b542cbp-58);
  p = rg_step_dd(p, z, 0x1.e1e1e1e1dc8f9p-4, 0x1.9472119658aa9p-58);
  p = rg_step_dd(p, z, 0x1.111111111115fp-3, 0x1.e84c315d930bap-58);
  p = rg_step_dd(p, z, 0x1.3b13b13b13b13p-3, 0x1.3b99769b38d3ep-57);
  p = rg_step_dd(p, z, 0x1.745d1745d1746p-3, -0x1.71d7bd43686dcp-58);
  p = rg_step_dd(p, z, 0x1.c71c71c71c71cp-3, 0x1.c71bd274b69acp-57);
  p = rg_step_dd(p, z, 0x1.2492492492492p-2, 0x1.2492493928ecap-56);
  p = rg_step_dd(p, z, 0x1.999999999999ap-2, -0x1.999999999bb31p-56);
  p = rg_step_dd(p, z, 0x1.5555555555555p-1, 0x1.5555555555556p-55);
  rung_dd u = rg_plus_dd(rg_make_dd(2.0 * s.hi, 2.0 * s.lo), rg_times_dd(rg_times_dd(p, z), s));
  rg_pair_f64 h = rg_fast_sum_f64(k * 0x1.62e42fefa4p-1, k * -0x1.8432a1b0e2p-43); /* exact */
  h = rg_fast_sum_f64(h.hi, fma(k, -0x1.8cff81a12a17ep-85, h.lo));
  rg_pair_f64 n = rg_fast_sum_f64(u.hi, u.lo);
  rung_dd value = rg_add_dd(rg_make_dd(h.hi, h.lo), rg_make_dd(n.hi, n.lo));
  double rough = x.hi < 0.0 ? (double)NAN : x.hi; /* NaN, infinity */
  rough = x.hi == 0.0 ? -(double)INFINITY : rough;
  int usual = (x.hi > 0.0) & (x.hi < (double)INFINITY);
  return rg_make_dd(usual ? value.hi : rough, usual ? value.lo : 0.0);
}
/* end rg_log_dd */

/* begin rg_angle_dd: rung_dd */
typedef struct rg_angle_dd {
  rung_dd rest;      /* the number less the nearest multiple of pi/2 */
  uint64_t quadrant; /* the multiple in its two lowest bits */
} rg_angle_dd;
/* end rg_angle_dd */

/* begin rg_reduce_dd: rg_angle_dd rg_make_dd rg_pair_f64 rg_two_prod_f64 rg_two_sum_f64 rung_dd */
/* Cody and Waite with pi/2 = p1 + ... + p5, exact to 2^-267. The terms of x - k pi/2 are added with
 * their errors, three times over (VecSum of Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26, 2005),
 * since nearly all of them can cancel. Beyond 2^45 the rest is NaN. */
static inline rg_angle_dd rg_reduce_dd(rung_dd x) {
  double inside = fabs(x.hi) <= 0x1p45 ? x.hi : (double)NAN;
  double t = fma(inside, 0x1.45f306dc9c883p-1, 0x1.8p52);
  double k = t - 0x1.8p52;
  rg_pair_f64 p2 = rg_two_prod_f64(-k, 0x1.1a62633145c07p-54);
  rg_pair_f64 p3 = rg_two_prod_f64(-k, -0x1.f1976b7ed8fbcp-110);
  rg_pair_f64 p4 = rg_two_prod_f64(-k, 0x1.4cf98e804177dp-164);
  rg_pair_f64 a =
      rg_two_sum_f64(fma(-k, 0x1.921fb54442d18p0, inside), p2.hi); /* the first term is exact */
  rg_pair_f64 b = rg_two_sum_f64(a.hi, x.lo);
  rg_pair_f64 c = rg_two_sum_f64(p2.lo, p3.hi);
  rg_pair_f64 d = rg_two_sum_f64(p3.lo, p4.hi);
  double end = fma(-k, 0x1.31d89cd9128a5p-218, p4.lo);
  rg_pair_f64 e = rg_two_sum_f64(a.lo, b.lo);
  rg_pair_f64 f = rg_two_sum_f64(e.hi, c.hi);
  rg_pair_f64 g = rg_two_sum_f64(c.lo, d.hi);
  rg_pair_f64 h = rg_two_sum_f64(e.lo, f.lo);
  rg_pair_f64 i = rg_two_sum_f64(h.hi, g.hi);
  double low = ((d.lo + end) + (g.lo + h.lo)) + i.lo;
  rg_pair_f64 top = rg_two_sum_f64(b.hi, f.hi);
  rg_pair_f64 mid = rg_two_sum_f64(top.lo, i.hi);
  top = rg_two_sum_f64(top.hi, mid.hi);
  mid = rg_two_sum_f64(mid.lo, low);
  rg_pair_f64 m2 = rg_two_sum_f64(top.lo, mid.hi);
  top = rg_two_sum_f64(top.hi, m2.hi);
  rg_angle_dd r;
  rg_pair_f64 n = rg_two_sum_f64(top.hi, top.lo + (m2.lo + mid.lo));
  r.rest = rg_make_dd(n.hi, n.lo);
  memcpy(&r.quadrant, &t, sizeof r.quadrant);
  return r;
}
/* end rg_reduce_dd */

/* begin rg_sin_series_dd: rg_fast_sum_f64 rg_make_dd rg_pair_f64 rg_plus_dd rg_step_dd
 * rg_times_dd rung_dd */
/* sin(r) = r (1 + z p(z)), z = r^2. */
static inline rung_dd rg_sin_series_dd(rung_dd r) {
  rung_dd z = rg_times_dd(r, r);
  double q = -0x1.73f4612dc02fcp-75;
  q = fma(q, z.hi, 0x1.71b7542d90ac4p-66);
  q = fma(q, z.hi, -0x1.2f49b3ba80d17p-57);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_step_dd(p, z, 0x1.952c7702afd63p-49, -0x1.838fa07c9ddb8p-104);
  p = rg_step_dd(p, z, -0x1.ae7f3e733b635p-41, 0x1.f20c034d2f48fp-96);
  p = rg_step_dd(p, z, 0x1.6124613a86d09p-33, 0x1.2981fa5ab9fa3p-89);
  p = rg_step_dd(p, z, -0x1.ae64567f544e4p-26, 0x1.c0d5424f216ffp-80);
  p = rg_step_dd(p, z, 0x1.71de3a556c734p-19, -0x1.c1550adbec62dp-73);
  p = rg_step_dd(p, z, -0x1.a01a01a01a01ap-13, -0x1.a01a00e64ff85p-73);
  p = rg_step_dd(p, z, 0x1.1111111111111p-7, 0x1.111111111056p-63);
  p = rg_step_dd(p, z, -0x1.5555555555555p-3, -0x1.5555555555555p-57);
  rung_dd value = rg_plus_dd(r, rg_times_dd(rg_times_dd(p, z), r));
  rg_pair_f64 n = rg_fast_sum_f64(value.hi, value.lo);
  return rg_make_dd(n.hi, n.lo);
}
/* end rg_sin_series_dd */

/* begin rg_cos_series_dd: rg_fast_sum_f64 rg_make_dd rg_pair_f64 rg_plus_dd rg_step_dd
 * rg_times_dd rung_dd */
/* cos(r) = 1 + z p(z), z = r^2. */
static inline rung_dd rg_cos_series_dd(rung_dd r) {
  rung_dd z = rg_times_dd(r, r);
  double q = 0x1.efeb602dfdf32p-80;
  q = fma(q, z.hi, -0x1.0ce265b70849fp-70);
  q = fma(q, z.hi, 0x1.e542b91eb8034p-62);
  q = fma(q, z.hi, -0x1.6827863b40cd6p-53);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_step_dd(p, z, 0x1.ae7f3e733b5f6p-45, -0x1.5f53936e9d0a8p-99);
  p = rg_step_dd(p, z, -0x1.93974a8c07c9dp-37, 0x1.c7d96974dd211p-91);
  p = rg_step_dd(p, z, 0x1.1eed8eff8d898p-29, -0x1.2b52f73165d79p-83);
  p = rg_step_dd(p, z, -0x1.27e4fb7789f5cp-22, -0x1.cbbbef0f3c5cfp-76);
  p = rg_step_dd(p, z, 0x1.a01a01a01a01ap-16, 0x1.a01a0025c8768p-76);
  p = rg_step_dd(p, z, -0x1.6c16c16c16c17p-10, 0x1.f49f49f4a0e21p-65);
  p = rg_step_dd(p, z, 0x1.5555555555555p-5, 0x1.5555555555554p-59);
  p = rg_step_dd(p, z, -0x1p-1, 0x1.81af1b6ba20a2p-120);
  rung_dd value = rg_plus_dd(rg_make_dd(1.0, 0.0), rg_times_dd(p, z));
  rg_pair_f64 n = rg_fast_sum_f64(value.hi, value.lo);
  return rg_make_dd(n.hi, n.lo);
}
/* end rg_cos_series_dd */

/* begin rg_turn_dd: rg_angle_dd rg_cos_series_dd rg_make_dd rg_reduce_dd rg_sin_series_dd rung_dd
 * */
/* sin(x + turn pi/2). */
static inline rung_dd rg_turn_dd(rung_dd x, uint64_t turn) {
  rg_angle_dd a = rg_reduce_dd(x);
  uint64_t quadrant = a.quadrant + turn;
  rung_dd s = rg_sin_series_dd(a.rest);
  rung_dd c = rg_cos_series_dd(a.rest);
  int odd = (quadrant & 1u) != 0;
  double sign = (quadrant & 2u) != 0 ? -1.0 : 1.0;
  double hi = sign * (odd ? c.hi : s.hi);
  double lo = sign * (odd ? c.lo : s.lo);
  return rg_make_dd(hi, hi == hi ? lo : 0.0);
}
/* end rg_turn_dd */

/* begin rg_sin_dd: rg_make_dd rg_turn_dd rung_dd */
static inline rung_dd rg_sin_dd(rung_dd x) {
  rung_dd value = rg_turn_dd(x, 0);
  return rg_make_dd(x.hi == 0.0 ? x.hi : value.hi, value.lo);
}
/* end rg_sin_dd */

/* begin rg_cos_dd: rg_turn_dd rung_dd */
static inline rung_dd rg_cos_dd(rung_dd x) {
  return rg_turn_dd(x, 1);
}
/* end rg_cos_dd */

/* begin rg_tan_dd: rg_angle_dd rg_cos_series_dd rg_div_dd rg_make_dd rg_reduce_dd
 * rg_sin_series_dd rung_dd */
static inline rung_dd rg_tan_dd(rung_dd x) {
  rg_angle_dd a = rg_reduce_dd(x);
  rung_dd s = rg_sin_series_dd(a.rest);
  rung_dd c = rg_cos_series_dd(a.rest);
  int odd = (a.quadrant & 1u) != 0;
  rung_dd n = rg_make_dd(odd ? -c.hi : s.hi, odd ? -c.lo : s.lo);
  rung_dd d = rg_make_dd(odd ? s.hi : c.hi, odd ? s.lo : c.lo);
  rung_dd value = rg_div_dd(n, d);
  return rg_make_dd(x.hi == 0.0 ? x.hi : value.hi, value.lo);
}
/* end rg_tan_dd */

/* begin rg_atan_dd: rg_angle_dd rg_atan_f64 rg_cos_series_dd rg_finish_dd rg_make_dd rg_mul_dd
 * rg_reduce_dd rg_sin_series_dd rg_sub_dd rung_dd */
/* y = atan(x.hi) in double, then atan(x) = y + atan((x - tan y) / (1 + x tan y)), whose argument is
 * so small that it is its own arctangent. */
static inline rung_dd rg_atan_dd(rung_dd x) {
  double limit = 0x1p120; /* pi/2 to all digits */
  int inside = fabs(x.hi) < limit;
  double huge = x.hi > 0.0 ? limit : -limit;
  huge = x.hi == x.hi ? huge : x.hi;
  rung_dd a = rg_make_dd(inside ? x.hi : huge, inside ? x.lo : 0.0);
  double y = rg_atan_f64(a.hi);
  rg_angle_dd angle = rg_reduce_dd(rg_make_dd(y, 0.0));
  rung_dd p = rg_sin_series_dd(angle.rest);
  rung_dd q = rg_cos_series_dd(angle.rest);
  int turned = fabs(y) > 0x1.921fb54442d18p-1;
  double sign = y > 0.0 ? 1.0 : -1.0;
  rung_dd s = rg_make_dd(turned ? sign * q.hi : p.hi, turned ? sign * q.lo : p.lo);
  rung_dd c = rg_make_dd(turned ? -sign * p.hi : q.hi, turned ? -sign * p.lo : q.lo);
  rung_dd n = rg_sub_dd(rg_mul_dd(a, c), s);
  double d = c.hi + a.hi * s.hi;
  rung_dd value = rg_finish_dd(y, n.hi / d, y);
  return rg_make_dd(x.hi == 0.0 ? x.hi : value.hi, value.lo);
}
/* end rg_atan_dd */

/* begin rg_expm1_dd: rg_expm1_part_dd rg_fast_sum_f64 rg_make_dd rg_make_power_dd rg_pair_f64
 * rg_power_dd rung_dd */
/* e^u - 1 for u <= 0. */
static inline rung_dd rg_expm1_dd(rung_dd u) {
  uint64_t whole;
  rung_dd m = rg_expm1_part_dd(u, &whole);
  rg_power_dd s = rg_make_power_dd(whole);
  double scale = s.first * s.second;
  rg_pair_f64 base = rg_fast_sum_f64(-1.0, scale); /* 2^k - 1 */
  rg_pair_f64 sum = rg_fast_sum_f64(base.hi, scale * m.hi);
  rg_pair_f64 e = rg_fast_sum_f64(sum.hi, sum.lo + fma(scale, m.lo, base.lo));
  return rg_make_dd(e.hi, e.lo);
}
/* end rg_expm1_dd */

/* begin rg_tanh_dd: rg_abs_dd rg_add_dd rg_div_dd rg_expm1_dd rg_make_dd rg_neg_dd rung_dd */
/* With e = exp(-2|x|) - 1: tanh|x| = -e / (2 + e). */
static inline rung_dd rg_tanh_dd(rung_dd x) {
  rung_dd a = rg_abs_dd(x);
  int large = a.hi >= 40.0; /* 1 to all digits */
  rung_dd u = rg_make_dd(large ? -80.0 : -2.0 * a.hi, large ? 0.0 : -2.0 * a.lo);
  rung_dd e = rg_expm1_dd(u);
  rung_dd value = rg_div_dd(rg_neg_dd(e), rg_add_dd(rg_make_dd(2.0, 0.0), e));
  double sign = copysign(1.0, x.hi);
  double hi = copysign(large ? 1.0 : value.hi, x.hi);
  return rg_make_dd(hi, large ? 0.0 : sign * value.lo);
}
/* end rg_tanh_dd */

/* begin rg_sech2_dd: rg_abs_dd rg_add_dd rg_div_dd rg_expm1_part_dd rg_fast_sum_f64 rg_finish_dd
 * rg_make_dd rg_make_power_dd rg_mul_dd rg_pair_f64 rg_plus_dd rg_power_dd rung_dd */
/* 4 e / (1 + e)^2 with e = exp(-2|x|) = 2^k m. */
static inline rung_dd rg_sech2_dd(rung_dd x) {
  rung_dd a = rg_abs_dd(x);
  int large = a.hi > 400.0;
  rung_dd u = rg_make_dd(large ? -800.0 : -2.0 * a.hi, large ? 0.0 : -2.0 * a.lo);
  uint64_t whole;
  rung_dd m = rg_plus_dd(rg_make_dd(1.0, 0.0), rg_expm1_part_dd(u, &whole));
  rg_pair_f64 n = rg_fast_sum_f64(m.hi, m.lo);
  rg_power_dd s = rg_make_power_dd(whole);
  double scale = s.first * s.second;
  rung_dd d = rg_add_dd(rg_make_dd(1.0, 0.0), rg_make_dd(scale * n.hi, scale * n.lo));
  rung_dd q = rg_div_dd(rg_make_dd(4.0 * n.hi, 4.0 * n.lo), rg_mul_dd(d, d));
  double value = q.hi * s.first * s.second;
  return rg_finish_dd(value, q.lo * s.first * s.second, value);
}
/* end rg_sech2_dd */

/* begin rg_pow_dd: rg_abs_dd rg_exp_dd rg_log_dd rg_make_dd rg_mul_dd rg_pow_special_f64
 * rg_whole_f64 rung_dd */
/* exp(b log|a|): the relative error grows as |b log|a||, see docs/numbers.md. */
static inline rung_dd rg_pow_dd(rung_dd a, rung_dd b) {
  rung_dd value = rg_exp_dd(rg_mul_dd(b, rg_log_dd(rg_abs_dd(a))));
  double twist = a.lo * a.hi > 0.0 ? 1.5 : 0.5;
  twist = a.lo == 0.0 ? 1.0 : twist;
  double ahi = fabs(a.hi) == 1.0 ? a.hi * twist : a.hi; /* beside 1, whatever hi says */
  double size = fabs(b.hi);
  double low = fabs(b.lo);
  double whole = rg_whole_f64(size) * rg_whole_f64(low);
  double even = rg_whole_f64(0.5 * size) - rg_whole_f64(0.5 * low); /* 0: both or none */
  double like = even == 0.0 ? 2.0 : 3.0;                            /* the same for the sign as b */
  like = whole == 0.0 ? 2.5 : like;
  like = copysign(like, b.hi);
  like = size > 0.0 ? like : b.hi; /* 0, NaN */
  like = size == (double)INFINITY ? b.hi : like;
  double hi = rg_pow_special_f64(ahi, like, value.hi);
  double lo = hi == value.hi ? value.lo : 0.0;
  return rg_make_dd(hi, hi == -value.hi ? -value.lo : lo);
}
/* end rg_pow_dd */

/* begin rg_powi_dd: rg_make_dd rg_mul_dd rg_reciprocal_dd rung_dd */
static inline rung_dd rg_powi_dd(rung_dd a, int n) {
  unsigned left = n < 0 ? 0u - (unsigned)n : (unsigned)n;
  rung_dd value = rg_make_dd(1.0, 0.0);
  for (; left != 0; left >>= 1) {
    rung_dd product = rg_mul_dd(value, a);
    value = (left & 1u) != 0 ? product : value;
    a = rg_mul_dd(a, a);
  }
  return n < 0 ? rg_reciprocal_dd(value) : value;
}
/* end rg_powi_dd */

/* begin rg_any_step_dd: rg_make_dd rg_pair_f64 rg_times_dd rg_two_sum_f64 rung_dd */
/* As rg_step_dd, whichever of c and x p is larger. */
static inline rung_dd rg_any_step_dd(rung_dd p, rung_dd x, double chi, double clo) {
  rung_dd q = rg_times_dd(x, p);
  rg_pair_f64 s = rg_two_sum_f64(chi, q.hi);
  return rg_make_dd(s.hi, s.lo + (clo + q.lo));
}
/* end rg_any_step_dd */

/* begin rg_normal_tail_dd: rg_add_dd rg_any_step_dd rg_div_dd rg_exp_dd rg_make_dd rg_mul_dd
 * rung_dd
 * */
/* As rg_normal_tail_f64. */
static inline rung_dd rg_normal_tail_dd(rung_dd a) {
  int inside = a.hi <= 40.0; /* 0 from there on */
  double hi = a.hi > 40.0 ? 40.0 : a.hi;
  a = rg_make_dd(hi, inside ? a.lo : 0.0);
  rung_dd t = rg_div_dd(rg_add_dd(a, rg_make_dd(-5.5, 0.0)), rg_add_dd(a, rg_make_dd(5.5, 0.0)));
  double q = -0x1.e06c79ab22d4ep-59;
  q = fma(q, t.hi, -0x1.ee3f93061f3abp-58);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_any_step_dd(p, t, 0x1.495cb816cc977p-54, 0x1.dcfdc1787a8d5p-115);
  p = rg_any_step_dd(p, t, 0x1.46ea293d0ee2bp-52, 0x1.07f21d9a19b08p-107);
  p = rg_any_step_dd(p, t, -0x1.b2a076109f2b6p-54, -0x1.5e23094eaf602p-108);
  p = rg_any_step_dd(p, t, -0x1.37a72fd990308p-49, 0x1.01f9b6745a5dcp-103);
  p = rg_any_step_dd(p, t, -0x1.5d9f2b3608daep-49, 0x1.eb32537b59c3cp-105);
  p = rg_any_step_dd(p, t, 0x1.3522b12b02e88p-47, 0x1.3889bb7a3a7a6p-101);
  p = rg_any_step_dd(p, t, 0x1.8e0a0f9d01518p-46, -0x1.dbf73dc84f5c9p-101);
  p = rg_any_step_dd(p, t, -0x1.330863d4c9ebp-46, 0x1.7b34ce0e703efp-100);
  p = rg_any_step_dd(p, t, -0x1.13288d8a82f2dp-43, -0x1.ad41bf050ad61p-97);
  p = rg_any_step_dd(p, t, -0x1.76dd46c8b4ffp-45, 0x1.30dbcc4769caep-99);
  p = rg_any_step_dd(p, t, 0x1.2f87625881d01p-41, 0x1.058fc07ac4775p-97);
  p = rg_any_step_dd(p, t, 0x1.7fe53627ae831p-41, 0x1.aac24095852bfp-95);
  p = rg_any_step_dd(p, t, -0x1.20375a06390cbp-39, 0x1.ccbf62bf57934p-93);
  p = rg_any_step_dd(p, t, -0x1.5c9c04e7b2971p-38, 0x1.40c2b8abfb2ecp-92);
  p = rg_any_step_dd(p, t, 0x1.dd0c1ec84c86ap-38, -0x1.5a30071a9ae65p-92);
  p = rg_any_step_dd(p, t, 0x1.04c4a41a6dad4p-35, 0x1.6492b8668ebf5p-91);
  p = rg_any_step_dd(p, t, -0x1.4bb2d0c883039p-36, -0x1.ff94586fa55a6p-91);
  p = rg_any_step_dd(p, t, -0x1.6e5ca66ad9f92p-33, -0x1.9143c1efd1865p-88);
  p = rg_any_step_dd(p, t, 0x1.59e65490054d8p-35, -0x1.92d7275676d1fp-89);
  p = rg_any_step_dd(p, t, 0x1.016554920d821p-30, -0x1.08e72301de3bdp-85);
  p = rg_any_step_dd(p, t, -0x1.213a059339ab5p-34, 0x1.eaf131e12ad03p-88);
  p = rg_any_step_dd(p, t, -0x1.772a7c180d0f4p-28, -0x1.064a4c189a928p-83);
  p = rg_any_step_dd(p, t, 0x1.d56ec1de1a9e5p-31, -0x1.5ea60ea2e5d29p-86);
  p = rg_any_step_dd(p, t, 0x1.1e7f7d8e050e4p-25, 0x1.8734b69bf1524p-79);
  p = rg_any_step_dd(p, t, -0x1.3e878e3b7e504p-26, 0x1.101d53d69f38ep-81);
  p = rg_any_step_dd(p, t, -0x1.bc4fd5180f5c5p-23, -0x1.821f659659a8cp-77);
  p = rg_any_step_dd(p, t, 0x1.33b4d01f6c836p-22, -0x1.d57ce5a56bb0ep-77);
  p = rg_any_step_dd(p, t, 0x1.35aa9c075e2acp-20, 0x1.db9ecea2e5a72p-75);
  p = rg_any_step_dd(p, t, -0x1.dc7f0555ec913p-19, -0x1.44ead0641c9e5p-73);
  p = rg_any_step_dd(p, t, -0x1.9c09ff6611d4cp-19, -0x1.214a48db2ef6dp-73);
  p = rg_any_step_dd(p, t, 0x1.1bf39de1f76fap-15, 0x1.2ad908be0a81ap-69);
  p = rg_any_step_dd(p, t, -0x1.c9ba3a0b328ap-15, -0x1.8d1fff9f3c04fp-69);
  p = rg_any_step_dd(p, t, -0x1.1c207a46265p-13, -0x1.8a837418f9622p-67);
  p = rg_any_step_dd(p, t, 0x1.f7e92b14ddbdep-11, -0x1.d4344382048ccp-65);
  p = rg_any_step_dd(p, t, -0x1.6a5a7fe0b9765p-9, 0x1.05aeef9fbafbdp-63);
  p = rg_any_step_dd(p, t, 0x1.3e3cf239b0519p-8, -0x1.b1b6ebef04006p-71);
  p = rg_any_step_dd(p, t, -0x1.1071dfd6cf4d7p-8, 0x1.5d6af9e8a99f9p-63);
  p = rg_any_step_dd(p, t, -0x1.66c71ccfb8212p-8, 0x1.322818684db37p-63);
  p = rg_any_step_dd(p, t, 0x1.042fbe502e5b4p-5, -0x1.de341cef40aa9p-60);
  p = rg_any_step_dd(p, t, -0x1.470a25b83be21p-4, -0x1.c08764aad4315p-58);
  p = rg_any_step_dd(p, t, 0x1.2d65a3a8a2007p-3, 0x1.a84885bcf3e79p-62);
  p = rg_any_step_dd(p, t, -0x1.c48c7cf96e8ep-3, 0x1.df5b90827221bp-57);
  p = rg_any_step_dd(p, t, 0x1.0e1dae9341c32p-1, -0x1.ca9fa9ba50f57p-55);
  rung_dd square = rg_mul_dd(a, a);
  rung_dd e = rg_exp_dd(rg_make_dd(-0.5 * square.hi, -0.5 * square.lo));
  return rg_mul_dd(e, rg_div_dd(p, rg_add_dd(a, rg_make_dd(2.0, 0.0))));
}
/* end rg_normal_tail_dd */

/* begin rg_normal_cdf_dd: rg_abs_dd rg_make_dd rg_normal_tail_dd rg_sub_dd rung_dd */
static inline rung_dd rg_normal_cdf_dd(rung_dd x) {
  rung_dd tail = rg_normal_tail_dd(rg_abs_dd(x));
  rung_dd rest = rg_sub_dd(rg_make_dd(1.0, 0.0), tail);
  return rg_make_dd(x.hi > 0.0 ? rest.hi : tail.hi, x.hi > 0.0 ? rest.lo : tail.lo);
}
/* end rg_normal_cdf_dd */

/* begin rg_normal_pdf_dd: rg_exp_dd rg_make_dd rg_mul_dd rung_dd */
static inline rung_dd rg_normal_pdf_dd(rung_dd x) {
  double limit = x.hi > 0.0 ? 40.0 : -40.0;
  int outside = fabs(x.hi) > 40.0;
  rung_dd a = rg_make_dd(outside ? limit : x.hi, outside ? 0.0 : x.lo);
  rung_dd square = rg_mul_dd(a, a);
  return rg_mul_dd(rg_make_dd(0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56),
                   rg_exp_dd(rg_make_dd(-0.5 * square.hi, -0.5 * square.lo)));
}
/* end rg_normal_pdf_dd */

/* begin rg_erf_dd: rg_abs_dd rg_add_dd rg_any_step_dd rg_make_dd rg_mul_dd rg_normal_tail_dd
 * rung_dd
 * */
/* As rg_erf_f64. */
static inline rung_dd rg_erf_dd(rung_dd x) {
  rung_dd a = rg_abs_dd(x);
  int large = a.hi > 1.0;
  rung_dd s = rg_make_dd(large ? 1.0 : a.hi, large ? 0.0 : a.lo);
  rung_dd z = rg_mul_dd(s, s);
  double q = 0x1.c7cf2537b44efp-86;
  q = fma(q, z.hi, -0x1.07d7cf778adacp-80);
  q = fma(q, z.hi, 0x1.aa55914155b3dp-76);
  q = fma(q, z.hi, -0x1.360f2145897d3p-71);
  q = fma(q, z.hi, 0x1.ab508ce0cfd94p-67);
  q = fma(q, z.hi, -0x1.18cbfb6a1546p-62);
  q = fma(q, z.hi, 0x1.5f790f6b4afc1p-58);
  rung_dd p = rg_make_dd(q, 0.0);
  p = rg_any_step_dd(p, z, -0x1.a2007a598fda6p-54, 0x1.6763d2755bd2dp-110);
  p = rg_any_step_dd(p, z, 0x1.d70b3530b0fa8p-50, -0x1.9a85fb2f6ce56p-104);
  p = rg_any_step_dd(p, z, -0x1.f56f071a409e1p-46, 0x1.6594f6c3365c2p-101);
  p = rg_any_step_dd(p, z, 0x1.f683ae4a94bc8p-42, -0x1.d99843399198dp-96);
  p = rg_any_step_dd(p, z, -0x1.d8453cb0c45fap-38, -0x1.8f721a322abedp-93);
  p = rg_any_step_dd(p, z, 0x1.9e6ad5e55a72bp-34, -0x1.114b8a39c3d12p-88);
  p = rg_any_step_dd(p, z, -0x1.51d7181c5d36cp-30, -0x1.b9b803f9ae0c7p-84);
  p = rg_any_step_dd(p, z, 0x1.fcc5720624c1cp-27, -0x1.97c125e9867d4p-82);
  p = rg_any_step_dd(p, z, -0x1.5f742ec43e71ap-23, 0x1.d2c51d87e8c19p-80);
  p = rg_any_step_dd(p, z, 0x1.b9e6c9dc651a3p-20, -0x1.fe08f2150a1adp-74);
  p = rg_any_step_dd(p, z, -0x1.f4d25c3e0c2ebp-17, -0x1.79b1b953a0644p-71);
  p = rg_any_step_dd(p, z, 0x1.f9a326f9b89b7p-14, 0x1.e9a2341b7edcap-68);
  p = rg_any_step_dd(p, z, -0x1.c02db40040b86p-11, 0x1.d9a497a0fa5b4p-65);
  p = rg_any_step_dd(p, z, 0x1.565bcd0e6a53fp-8, -0x1.a73e0832f7eb7p-64);
  p = rg_any_step_dd(p, z, -0x1.b82ce31288b51p-6, 0x1.1015978e7ac93p-61);
  p = rg_any_step_dd(p, z, 0x1.ce2f21a042be2p-4, -0x1.2871bc5e00766p-58);
  p = rg_any_step_dd(p, z, -0x1.812746b0379e7p-2, 0x1.ee12e49cab7p-57);
  p = rg_any_step_dd(p, z, 0x1.20dd750429b6dp0, 0x1.1ae3a914fed8p-56);
  rung_dd near = rg_mul_dd(s, p);
  rung_dd tail =
      rg_normal_tail_dd(rg_mul_dd(rg_make_dd(0x1.6a09e667f3bcdp0, -0x1.bdd3413b26456p-54), a));
  rung_dd far = rg_add_dd(rg_make_dd(1.0, 0.0), rg_make_dd(-2.0 * tail.hi, -2.0 * tail.lo));
  double sign = copysign(1.0, x.hi);
  return rg_make_dd(copysign(large ? far.hi : near.hi, x.hi), sign * (large ? far.lo : near.lo));
}
/* end rg_erf_dd */

/* begin rg_log1p_dd: rg_add_dd rg_div_dd rg_log_dd rg_make_dd rg_sub_dd rung_dd */
/* As rg_log1p_f64. */
static inline rung_dd rg_log1p_dd(rung_dd x) {
  rung_dd one = rg_make_dd(1.0, 0.0);
  rung_dd u = rg_add_dd(one, x);
  rung_dd rest = rg_div_dd(rg_sub_dd(x, rg_sub_dd(u, one)), u);
  int usual = rest.hi - rest.hi == 0.0;
  rung_dd value = rg_add_dd(rg_log_dd(u), rg_make_dd(usual ? rest.hi : 0.0, usual ? rest.lo : 0.0));
  return rg_make_dd(x.hi == 0.0 ? x.hi : value.hi, value.lo);
}
/* end rg_log1p_dd */

/* begin rg_sigmoid_dd: rg_abs_dd rg_add_dd rg_div_dd rg_exp_dd rg_make_dd rg_neg_dd rung_dd */
static inline rung_dd rg_sigmoid_dd(rung_dd x) {
  rung_dd e = rg_exp_dd(rg_neg_dd(rg_abs_dd(x)));
  rung_dd above = rg_make_dd(x.hi < 0.0 ? e.hi : 1.0, x.hi < 0.0 ? e.lo : 0.0);
  return rg_div_dd(above, rg_add_dd(rg_make_dd(1.0, 0.0), e));
}
/* end rg_sigmoid_dd */

/* begin rg_softplus_dd: rg_abs_dd rg_add_dd rg_exp_dd rg_log1p_dd rg_make_dd rg_max_dd rg_neg_dd
 * rung_dd */
static inline rung_dd rg_softplus_dd(rung_dd x) {
  return rg_add_dd(rg_max_dd(x, rg_make_dd(0.0, 0.0)),
                   rg_log1p_dd(rg_exp_dd(rg_neg_dd(rg_abs_dd(x)))));
}
/* end rg_softplus_dd */

#if defined(__GNUC__) && !defined(__clang__)
#undef inline
#endif
#endif
