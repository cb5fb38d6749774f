/* Double-double arithmetic and functions: errors against MPFR, special values. */
#include "oracle.h"

#define UNIT_U2 0.25 /* u^2 = 2^-106 in units of 2^-104 */

typedef struct dd_case {
  const char *name;
  rung_dd (*f)(rung_dd);
  oracle_fn exact;
  double bound;  /* units of 2^-104 */
  double lo, hi; /* binary logarithms of the arguments */
  int positive;
} dd_case;

#define DD(name, exact, bound, lo, hi, positive)                                                   \
  { #name, rg_##name##_dd, exact, bound, lo, hi, positive }

static const dd_case cases[] = {
    DD(sqrt, oracle_sqrt, 25.0 / 8.0 * UNIT_U2, -900, 1023, 1),
    DD(exp, mpfr_exp, 4, -900, 9.2, 0),
    DD(exp, mpfr_exp, 4, -3, 1, 0),
    DD(log, mpfr_log, 4, -1000, 1023.9, 1),
    DD(log, mpfr_log, 4, -1, 1, 1),
    DD(log, mpfr_log, 4, -0.001, 0.001, 1),
    DD(sin, mpfr_sin, 4, -900, 20, 0),
    DD(sin, mpfr_sin, 4, -3, 3, 0),
    DD(sin, mpfr_sin, 4, 10, 44.9, 0),
    DD(cos, mpfr_cos, 4, -900, 20, 0),
    DD(cos, mpfr_cos, 4, -3, 3, 0),
    DD(cos, mpfr_cos, 4, 10, 44.9, 0),
    DD(tan, mpfr_tan, 4, -900, 20, 0),
    DD(tan, mpfr_tan, 4, -3, 3, 0),
    DD(atan, mpfr_atan, 4, -900, 1000, 0),
    DD(atan, mpfr_atan, 4, -3, 3, 0),
    DD(tanh, mpfr_tanh, 4, -900, 200, 0),
    DD(tanh, mpfr_tanh, 4, -4, 5.4, 0),
    DD(sech2, oracle_sech2, 4, -60, 8.2, 0),
    DD(sech2, oracle_sech2, 4, -4, 3, 0),
    DD(erf, mpfr_erf, 8, -900, 5, 0),
    DD(erf, mpfr_erf, 8, -2, 2, 0),
    DD(log1p, mpfr_log1p, 4, -900, 1023, 1),
    DD(log1p, mpfr_log1p, 4, -4, -0.0001, 0),
    DD(sigmoid, oracle_sigmoid, 8, -60, 9.2, 0),
    DD(sigmoid, oracle_sigmoid, 8, -3, 3, 0),
    DD(softplus, oracle_softplus, 8, -60, 9.2, 0),
    DD(softplus, oracle_softplus, 8, -3, 3, 0),
};

static void errors_stay_below_their_bounds(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(500, x, y, (mpfr_ptr)NULL);
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    double worst = 0.0;
    for (int i = 0; i < effort(5000); i++) {
      rung_dd a = random_dd(cases[k].lo, cases[k].hi);
      if (cases[k].positive) a = rg_abs_dd(a);
      set_dd(x, a);
      cases[k].exact(y, x, MPFR_RNDN);
      double error = error_dd(y, cases[k].f(a));
      if (error > worst) worst = error;
      if (error > cases[k].bound) fail_msg("%s(%a + %a): %g", cases[k].name, a.hi, a.lo, error);
    }
    print_message("dd %-6s 2^%g .. 2^%g: %.3f units of 2^-104\n", cases[k].name, cases[k].lo,
                  cases[k].hi, worst);
  }
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

/* The square in the exponent is rounded: the error grows as x^2. */
static void normal_distribution_stays_below_its_bound(void **state) {
  (void)state;
  mpfr_t x, cdf, pdf;
  mpfr_inits2(500, x, cdf, pdf, (mpfr_ptr)NULL);
  for (int i = 0; i < effort(10000); i++) {
    rung_dd a = random_dd(-60.0, i % 2 ? 2.0 : 5.1);
    set_dd(x, a);
    oracle_normal_cdf(cdf, x, MPFR_RNDN);
    oracle_normal_pdf(pdf, x, MPFR_RNDN);
    double bound = 8.0 * (1.0 + a.hi * a.hi);
    if (error_dd(cdf, rg_normal_cdf_dd(a)) > bound || error_dd(pdf, rg_normal_pdf_dd(a)) > bound)
      fail_msg("%a + %a: more than %g", a.hi, a.lo, bound);
  }
  mpfr_clears(x, cdf, pdf, (mpfr_ptr)NULL);
}

static void arithmetic_stays_below_its_bounds(void **state) {
  (void)state;
  const struct {
    const char *name;
    rung_dd (*f)(rung_dd, rung_dd);
    int (*exact)(mpfr_t, const mpfr_t, const mpfr_t, mpfr_rnd_t);
    double bound; /* u^2 */
  } table[] = {{"add", rg_add_dd, mpfr_add, 3.0},
               {"sub", rg_sub_dd, mpfr_sub, 3.0},
               {"mul", rg_mul_dd, mpfr_mul, 4.0},
               {"div", rg_div_dd, mpfr_div, 6.0}};
  mpfr_t x, y, z;
  mpfr_inits2(1000, x, y, z, (mpfr_ptr)NULL);
  for (int k = 0; k < 4; k++) {
    double worst = 0.0;
    for (int i = 0; i < effort(20000); i++) {
      double range = i % 2 ? 2.0 : 200.0;
      rung_dd a = random_dd(-range, range), b = random_dd(-range, range);
      if (i % 5 == 0) b = rg_make_dd(-a.hi, a.lo * random01()); /* cancels in a sum */
      set_dd(x, a);
      set_dd(y, b);
      table[k].exact(z, x, y, MPFR_RNDN);
      double error = error_dd(z, table[k].f(a, b)) / UNIT_U2;
      if (error > worst) worst = error;
      if (error > table[k].bound * (1.0 + 0x1p-40))
        fail_msg("%s(%a + %a, %a + %a): %g", table[k].name, a.hi, a.lo, b.hi, b.lo, error);
    }
    print_message("dd %s: %.3f u^2\n", table[k].name, worst);
  }
  mpfr_clears(x, y, z, (mpfr_ptr)NULL);
}

/* The double-doubles next to k pi/2, and of some other sizes: all leading digits cancel. */
static void sines_are_exact_near_their_zeros(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(700, x, y, (mpfr_ptr)NULL);
  double worst = 0.0;
  for (int i = 0; i < effort(5000); i++) {
    long k = 1 + (long)(random01() * (i % 2 ? 0x1p20 : 0x1p44));
    mpfr_const_pi(x, MPFR_RNDN);
    mpfr_mul_si(x, x, i % 3 ? k : -k, MPFR_RNDN);
    mpfr_div_2ui(x, x, 1, MPFR_RNDN);
    rung_dd a;
    a.hi = mpfr_get_d(x, MPFR_RNDN);
    mpfr_sub_d(x, x, a.hi, MPFR_RNDN);
    a.lo = i % 5 ? mpfr_get_d(x, MPFR_RNDN) : (double)mpfr_get_flt(x, MPFR_RNDN);
    set_dd(x, a);
    (k % 2 ? mpfr_cos : mpfr_sin)(y, x, MPFR_RNDN);
    double error = error_dd(y, k % 2 ? rg_cos_dd(a) : rg_sin_dd(a));
    if (error > worst) worst = error;
    mpfr_tan(y, x, MPFR_RNDN);
    error = error_dd(y, rg_tan_dd(a));
    if (error > worst) worst = error;
  }
  print_message("dd sin, cos, tan beside multiples of pi/2: %.3f units of 2^-104\n", worst);
  assert_true(worst <= 4.0);
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

/* (1 + |b log|a||) times 4 units. */
static void powers_stay_below_their_bound(void **state) {
  (void)state;
  mpfr_t x, y, z;
  mpfr_inits2(500, x, y, z, (mpfr_ptr)NULL);
  for (int i = 0; i < effort(5000); i++) {
    rung_dd a = rg_abs_dd(i % 2 ? random_dd(-300.0, 300.0) : random_dd(-0.01, 0.01));
    rung_dd b = random_dd(-3.0, 1.5);
    double size = fabs(b.hi * log(a.hi));
    if (size > 600.0) continue;
    set_dd(x, a);
    set_dd(y, b);
    mpfr_pow(z, x, y, MPFR_RNDN);
    assert_true(error_dd(z, rg_pow_dd(a, b)) <= 4.0 * (1.0 + size));
    mpfr_pow_si(z, x, i % 9 - 4, MPFR_RNDN);
    if (i % 2 == 0) assert_true(error_dd(z, rg_powi_dd(a, i % 9 - 4)) <= 5.0);
  }
  mpfr_clears(x, y, z, (mpfr_ptr)NULL);
}

static int same(double a, double b) {
  return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static const double ends[] = {0.0,
                              -0.0,
                              1.0,
                              -1.0,
                              2.0,
                              -2.0,
                              0.5,
                              -0.5,
                              3.0,
                              -3.0,
                              2.5,
                              -2.5,
                              1e300,
                              -1e300,
                              1e-300,
                              (double)INFINITY,
                              -(double)INFINITY,
                              (double)NAN};
#define ENDS (int)(sizeof ends / sizeof ends[0])

/* Where double arithmetic gives 0, infinity or NaN, so does double-double, with lo = 0. */
static void special_values_follow_double(void **state) {
  (void)state;
  for (int i = 0; i < ENDS; i++) {
    for (int j = 0; j < ENDS; j++) {
      rung_dd a = rg_from_double_dd(ends[i]), b = rg_from_double_dd(ends[j]);
      rung_dd got[] = {rg_add_dd(a, b), rg_sub_dd(a, b), rg_mul_dd(a, b), rg_div_dd(a, b),
                       rg_min_dd(a, b), rg_max_dd(a, b), rg_pow_dd(a, b)};
      double want[] = {ends[i] + ends[j],
                       ends[i] - ends[j],
                       ends[i] * ends[j],
                       ends[i] / ends[j],
                       rg_min_f64(ends[i], ends[j]),
                       rg_max_f64(ends[i], ends[j]),
                       pow(ends[i], ends[j])};
      for (int k = 0; k < 7; k++) {
        int fits = k == 6 ? same(got[k].hi, want[k]) : got[k].hi == want[k] || isnan(want[k]);
        if (!fits && isfinite(want[k])) fits = fabs(got[k].hi - want[k]) <= 0x1p-52 * fabs(want[k]);
        if (!fits || isnan(want[k]) != isnan(got[k].hi))
          fail_msg("operation %d of %g, %g: %g", k, ends[i], ends[j], got[k].hi);
        if (!isfinite(want[k]) || want[k] == 0.0) assert_true(got[k].lo == 0.0);
      }
    }
  }
}

static void functions_have_right_special_values(void **state) {
  (void)state;
  double inf = (double)INFINITY, nan = (double)NAN;
  const struct {
    rung_dd (*f)(rung_dd);
    double x, y;
  } table[] = {
#define AT(name, x, y) {rg_##name##_dd, x, y}
      AT(exp, inf, inf),        AT(exp, -inf, 0.0),    AT(exp, nan, nan),
      AT(exp, 1e9, inf),        AT(exp, -1e9, 0.0),    AT(exp, 0.0, 1.0),
      AT(exp, 710.0, inf),      AT(log, 0.0, -inf),    AT(log, -0.0, -inf),
      AT(log, -1.0, nan),       AT(log, inf, inf),     AT(log, nan, nan),
      AT(log, 1.0, 0.0),        AT(sin, -0.0, -0.0),   AT(sin, inf, nan),
      AT(sin, nan, nan),        AT(cos, 0.0, 1.0),     AT(cos, inf, nan),
      AT(cos, nan, nan),        AT(tan, -0.0, -0.0),   AT(tan, inf, nan),
      AT(tan, nan, nan),        AT(atan, -0.0, -0.0),  AT(atan, nan, nan),
      AT(tanh, inf, 1.0),       AT(tanh, -inf, -1.0),  AT(tanh, -0.0, -0.0),
      AT(tanh, nan, nan),       AT(tanh, -99.0, -1.0), AT(sech2, inf, 0.0),
      AT(sech2, 0.0, 1.0),      AT(sech2, nan, nan),   AT(sqrt, -0.0, -0.0),
      AT(sqrt, -1.0, nan),      AT(sqrt, inf, inf),    AT(sqrt, nan, nan),
      AT(sign, -0.0, -0.0),     AT(sign, -7.0, -1.0),  AT(reciprocal, inf, 0.0),
      AT(reciprocal, 0.0, inf), AT(neg, 0.0, -0.0),    AT(abs, -inf, inf),
#undef AT
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    rung_dd y = table[i].f(rg_from_double_dd(table[i].x));
    if (!same(y.hi, table[i].y) || y.lo != 0.0)
      fail_msg("row %zu: f(%g) = %g + %g; expected %g", i, table[i].x, y.hi, y.lo, table[i].y);
  }
  rung_dd y = rg_atan_dd(rg_from_double_dd(-inf));
  assert_true(y.hi == -0x1.921fb54442d18p0 && y.lo == -0x1.1a62633145c07p-54);
}

/* Below the normal numbers hi loses digits one by one, by a second rounding, and lo is gone. */
static void exponentials_fade_out(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(300, x, y, (mpfr_ptr)NULL);
  for (int i = 0; i < 2000; i++) {
    rung_dd a = rg_make_dd(-670.0 - 0.04 * i, 0.0);
    rung_dd value = rg_exp_dd(a);
    set_dd(x, a);
    mpfr_exp(y, x, MPFR_RNDN);
    assert_true(value.hi + value.lo == value.hi);
    assert_true(error_ulp(y, value.hi, 53, -1074) <= 0.751);
  }
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

static void comparisons_see_both_parts(void **state) {
  (void)state;
  rung_dd one = {1.0, 0.0}, above = {1.0, 0x1p-80}, below = {1.0, -0x1p-80}, nan = {NAN, 0.0};
  assert_true(rg_less_dd(one, above).hi == 1.0 && rg_less_dd(one, below).hi == 0.0);
  assert_true(rg_less_equal_dd(below, one).hi == 1.0 && rg_less_equal_dd(one, one).hi == 1.0);
  assert_true(rg_equal_dd(one, above).hi == 0.0 && rg_equal_dd(above, above).hi == 1.0);
  assert_true(rg_less_dd(nan, one).hi == 0.0 && rg_equal_dd(nan, nan).hi == 0.0);
  assert_true(rg_max_dd(above, one).lo == 0x1p-80 && rg_min_dd(above, below).lo == -0x1p-80);
  assert_true(rg_select_dd(above, one, below).lo == 0.0);
  assert_true(rg_abs_dd(rg_neg_dd(above)).lo == 0x1p-80);
  assert_true(rg_to_double_dd(above) == 1.0 && rg_from_dd_f64(above) == 1.0);
}

static void conversion_to_single_rounds_once(void **state) {
  (void)state;
  mpfr_t x;
  mpfr_init2(x, 300);
  for (int i = 0; i < effort(20000); i++) {
    rung_dd a = random_dd(-148.0, 120.0);
    if (i % 2) { /* the first part halfway between two floats */
      double f = (double)(float)a.hi;
      a.hi = f + ldexp(0.5, ilogb(f) < -126 ? -149 : ilogb(f) - 23);
      a.lo = i % 4 == 1 ? 0.0 : fabs(a.hi) * (random01() - 0.5) * 0x1p-53;
    }
    set_dd(x, a);
    assert_true(rg_from_dd_f32(a) == mpfr_get_flt(x, MPFR_RNDN));
  }
  assert_true(isnan(rg_from_dd_f32(rg_make_dd(NAN, 0.0))));
  assert_true(rg_from_dd_f32(rg_make_dd(-INFINITY, 0.0)) == -INFINITY);
  mpfr_clear(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arithmetic_stays_below_its_bounds),
      cmocka_unit_test(errors_stay_below_their_bounds),
      cmocka_unit_test(normal_distribution_stays_below_its_bound),
      cmocka_unit_test(sines_are_exact_near_their_zeros),
      cmocka_unit_test(powers_stay_below_their_bound),
      cmocka_unit_test(special_values_follow_double),
      cmocka_unit_test(functions_have_right_special_values),
      cmocka_unit_test(exponentials_fade_out),
      cmocka_unit_test(comparisons_see_both_parts),
      cmocka_unit_test(conversion_to_single_rounds_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
