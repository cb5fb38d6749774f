/* MPFR as the oracle of number functions: random arguments, errors in units of the last place. */
#ifndef RG_ORACLE_H
#define RG_ORACLE_H

#include "test.h"

#include <math.h>
#include <mpfr.h>
#include <stdio.h>

#include "num/dd.h"
#include "num/f32.h"
#include "num/f64.h"

/* RUNG_TEST_EFFORT=10 takes ten times the samples. */
static inline int effort(int samples) {
  const char *text = getenv("RUNG_TEST_EFFORT");
  int times = text ? atoi(text) : 1;
  return samples * (times > 0 ? times : 1);
}

static uint64_t oracle_count;

static inline double random01(void) {
  return rg_uniform(7, 1, oracle_count++);
}

/* Half of them uniform in size, half in exponent, up to 2^hi; both signs. */
static inline double random_real(double lo, double hi) {
  double size = random01() < 0.5 ? exp2(lo + (hi - lo) * random01()) : random01() * exp2(hi);
  return random01() < 0.5 ? size : -size;
}

static inline rung_dd random_dd(double lo, double hi) {
  double a = random_real(lo, hi);
  double b = (2.0 * random01() - 1.0) * fabs(a) * 0x1p-54;
  rg_pair_f64 s = rg_fast_sum_f64(a, b);
  return rg_make_dd(s.hi, s.lo);
}

typedef int (*oracle_fn)(mpfr_t, const mpfr_t, mpfr_rnd_t);

static inline int oracle_sech2(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  mpfr_sech(to, x, rounding);
  return mpfr_sqr(to, to, rounding);
}

static inline int oracle_sqrt(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  return mpfr_sqrt(to, x, rounding);
}

static inline int oracle_normal_cdf(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  mpfr_t half;
  mpfr_init2(half, mpfr_get_prec(to));
  mpfr_set_d(half, 0.5, MPFR_RNDN);
  mpfr_sqrt(half, half, MPFR_RNDN);
  mpfr_mul(half, half, x, MPFR_RNDN);
  mpfr_neg(half, half, MPFR_RNDN);
  mpfr_erfc(to, half, MPFR_RNDN);
  mpfr_clear(half);
  return mpfr_div_2ui(to, to, 1, rounding);
}

static inline int oracle_normal_pdf(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  mpfr_t root;
  mpfr_init2(root, mpfr_get_prec(to));
  mpfr_const_pi(root, MPFR_RNDN);
  mpfr_mul_2ui(root, root, 1, MPFR_RNDN);
  mpfr_sqrt(root, root, MPFR_RNDN);
  mpfr_sqr(to, x, MPFR_RNDN);
  mpfr_div_si(to, to, -2, MPFR_RNDN);
  mpfr_exp(to, to, MPFR_RNDN);
  int inexact = mpfr_div(to, to, root, rounding);
  mpfr_clear(root);
  return inexact;
}

static inline int oracle_sigmoid(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  mpfr_neg(to, x, MPFR_RNDN);
  mpfr_exp(to, to, MPFR_RNDN);
  mpfr_add_ui(to, to, 1, MPFR_RNDN);
  return mpfr_ui_div(to, 1, to, rounding);
}

static inline int oracle_softplus(mpfr_t to, const mpfr_t x, mpfr_rnd_t rounding) {
  mpfr_exp(to, x, MPFR_RNDN);
  return mpfr_log1p(to, to, rounding);
}

/* |value - exact| in units of the last place of `exact` in a format of `digits` bits whose least
 * positive number is 2^least. Results that round to 0 or infinity must be just that. */
static inline double error_ulp(mpfr_t exact, double value, int digits, int least) {
  static mpfr_t gap;
  static int ready;
  if (!ready++) mpfr_init2(gap, 320);
  if (isnan(value) || mpfr_nan_p(exact)) return isnan(value) && mpfr_nan_p(exact) ? 0.0 : INFINITY;
  if (mpfr_zero_p(exact)) return value == 0.0 ? 0.0 : INFINITY;
  double rounded =
      digits == 24 ? (double)mpfr_get_flt(exact, MPFR_RNDN) : mpfr_get_d(exact, MPFR_RNDN);
  if (isinf(value) || isinf(rounded)) return value == rounded ? 0.0 : INFINITY;
  long last = (long)mpfr_get_exp(exact) - digits;
  if (last < least) last = least;
  mpfr_sub_d(gap, exact, value, MPFR_RNDN);
  mpfr_mul_2si(gap, gap, -last, MPFR_RNDN);
  return fabs(mpfr_get_d(gap, MPFR_RNDN));
}

static inline void set_dd(mpfr_t to, rung_dd a) {
  mpfr_set_d(to, a.hi, MPFR_RNDN);
  mpfr_add_d(to, to, a.lo, MPFR_RNDN);
}

/* |value - exact| / |exact| in units of 2^-104. */
static inline double error_dd(mpfr_t exact, rung_dd value) {
  static mpfr_t gap;
  static int ready;
  if (!ready++) mpfr_init2(gap, 600);
  if (!isfinite(value.hi) || value.hi + value.lo != value.hi) return INFINITY;
  if (mpfr_zero_p(exact)) return value.hi == 0.0 ? 0.0 : INFINITY;
  mpfr_sub_d(gap, exact, value.hi, MPFR_RNDN);
  mpfr_sub_d(gap, gap, value.lo, MPFR_RNDN);
  mpfr_div(gap, gap, exact, MPFR_RNDN);
  return fabs(mpfr_get_d(gap, MPFR_RNDN)) * 0x1p104;
}

#endif
