/* Functions of single and double numbers: errors against MPFR, special values. */
#include "oracle.h"

typedef struct real_case {
  const char *name;
  double (*f64)(double);
  float (*f32)(float);
  oracle_fn exact;
  double bound;                  /* ulp */
  double lo64, hi64, lo32, hi32; /* binary logarithms of the arguments */
  int positive;
} real_case;

#define REAL(name, exact, bound, lo64, hi64, lo32, hi32, positive)                                 \
  { #name, rg_##name##_f64, rg_##name##_f32, exact, bound, lo64, hi64, lo32, hi32, positive }

static const real_case cases[] = {
    REAL(exp, mpfr_exp, 1.0, -60, 9.6, -30, 6.8, 0),
    REAL(exp, mpfr_exp, 1.0, -3, 1, -3, 1, 0),
    REAL(log, mpfr_log, 1.0, -1074, 1023.9, -149, 127.9, 1),
    REAL(log, mpfr_log, 1.0, -1, 1, -1, 1, 1),
    REAL(sin, mpfr_sin, 1.0, -1074, 20, -149, 20, 0),
    REAL(sin, mpfr_sin, 1.0, -3, 3, -3, 3, 0),
    REAL(sin, mpfr_sin, 1.0, 10, 44.9, 10, 44.9, 0),
    REAL(cos, mpfr_cos, 1.0, -1074, 20, -149, 20, 0),
    REAL(cos, mpfr_cos, 1.0, -3, 3, -3, 3, 0),
    REAL(cos, mpfr_cos, 1.0, 10, 44.9, 10, 44.9, 0),
    REAL(tan, mpfr_tan, 1.5, -1074, 20, -149, 20, 0),
    REAL(tan, mpfr_tan, 1.5, -3, 3, -3, 3, 0),
    REAL(atan, mpfr_atan, 1.5, -1074, 1023.9, -149, 127.9, 0),
    REAL(atan, mpfr_atan, 1.5, -3, 3, -3, 3, 0),
    REAL(tanh, mpfr_tanh, 1.5, -1074, 1000, -149, 100, 0),
    REAL(tanh, mpfr_tanh, 1.5, -4, 4.5, -4, 3.5, 0),
    REAL(sech2, oracle_sech2, 1.5, -60, 8.6, -30, 5.8, 0),
    REAL(erf, mpfr_erf, 1.5, -1022, 5, -126, 3, 0),
    REAL(erf, mpfr_erf, 1.5, -2, 2, -2, 2, 0),
    REAL(normal_cdf, oracle_normal_cdf, 6, -60, 5.4, -30, 3.9, 0),
    REAL(normal_cdf, oracle_normal_cdf, 6, -2, 2, -2, 2, 0),
    REAL(normal_pdf, oracle_normal_pdf, 2, -60, 5.4, -30, 3.9, 0),
    REAL(log1p, mpfr_log1p, 1.5, -1074, 1023.9, -149, 127.9, 1),
    REAL(log1p, mpfr_log1p, 1.5, -4, -0.0001, -4, -0.0001, 0),
    REAL(sigmoid, oracle_sigmoid, 2.5, -60, 9.6, -30, 6.8, 0),
    REAL(sigmoid, oracle_sigmoid, 2.5, -3, 3, -3, 3, 0),
    REAL(softplus, oracle_softplus, 2.5, -60, 9.6, -30, 6.8, 0),
    REAL(softplus, oracle_softplus, 2.5, -3, 3, -3, 3, 0),
    REAL(sqrt, oracle_sqrt, 0.5, -1074, 1023.9, -149, 127.9, 1),
};

/* log and sqrt of these have no result. */
static double argument(const real_case *c, double lo, double hi) {
  double x = random_real(lo, hi);
  return c->positive ? fabs(x) : x;
}

static void double_errors_stay_below_their_bounds(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(300, x, y, (mpfr_ptr)NULL);
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    double worst = 0.0;
    for (int i = 0; i < effort(20000); i++) {
      double a = argument(&cases[k], cases[k].lo64, cases[k].hi64);
      mpfr_set_d(x, a, MPFR_RNDN);
      cases[k].exact(y, x, MPFR_RNDN);
      double error = error_ulp(y, cases[k].f64(a), 53, -1074);
      if (error > worst) worst = error;
      if (error > cases[k].bound) fail_msg("%s(%a): %g ulp", cases[k].name, a, error);
    }
    print_message("f64 %-6s 2^%g .. 2^%g: %.3f ulp\n", cases[k].name, cases[k].lo64, cases[k].hi64,
                  worst);
  }
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

static void single_errors_stay_below_their_bounds(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(120, x, y, (mpfr_ptr)NULL);
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    double worst = 0.0;
    for (int i = 0; i < effort(50000); i++) {
      float a = (float)argument(&cases[k], cases[k].lo32, cases[k].hi32);
      mpfr_set_d(x, (double)a, MPFR_RNDN);
      cases[k].exact(y, x, MPFR_RNDN);
      double error = error_ulp(y, (double)cases[k].f32(a), 24, -149);
      if (error > worst) worst = error;
      if (error > cases[k].bound) fail_msg("%s(%a): %g ulp", cases[k].name, (double)a, error);
    }
    print_message("f32 %-6s 2^%g .. 2^%g: %.3f ulp\n", cases[k].name, cases[k].lo32, cases[k].hi32,
                  worst);
  }
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

/* The doubles and floats next to k pi/2: where leading digits cancel. */
static void sines_are_exact_near_their_zeros(void **state) {
  (void)state;
  mpfr_t x, y;
  mpfr_inits2(300, x, y, (mpfr_ptr)NULL);
  for (int i = 0; i < effort(20000); i++) {
    long k = 1 + (long)(random01() * (i % 2 ? 0x1p20 : 0x1p44));
    mpfr_const_pi(x, MPFR_RNDN);
    mpfr_mul_si(x, x, k, MPFR_RNDN);
    mpfr_div_2ui(x, x, 1, MPFR_RNDN);
    double a = mpfr_get_d(x, MPFR_RNDN);
    float b = mpfr_get_flt(x, MPFR_RNDN);
    oracle_fn f = k % 2 != 0 ? mpfr_cos : mpfr_sin;
    mpfr_set_d(x, a, MPFR_RNDN);
    f(y, x, MPFR_RNDN);
    assert_true(error_ulp(y, k % 2 != 0 ? rg_cos_f64(a) : rg_sin_f64(a), 53, -1074) <= 1.0);
    mpfr_tan(y, x, MPFR_RNDN);
    assert_true(error_ulp(y, rg_tan_f64(a), 53, -1074) <= 1.5);
    mpfr_set_flt(x, b, MPFR_RNDN);
    f(y, x, MPFR_RNDN);
    assert_true(error_ulp(y, (double)(k % 2 != 0 ? rg_cos_f32(b) : rg_sin_f32(b)), 24, -149) <=
                1.0);
    mpfr_tan(y, x, MPFR_RNDN);
    assert_true(error_ulp(y, (double)rg_tan_f32(b), 24, -149) <= 1.5);
  }
  mpfr_clears(x, y, (mpfr_ptr)NULL);
}

/* Bases over the whole range with exponents that keep the result within it, half of them near 1;
 * whole exponents with negative bases. */
static void powers_stay_below_their_bound(void **state) {
  (void)state;
  double worst64 = 0.0, worst32 = 0.0;
  mpfr_t x, y, z;
  mpfr_inits2(300, x, y, z, (mpfr_ptr)NULL);
  for (int i = 0; i < effort(40000); i++) {
    int single = i % 2;
    double range = single ? 126.0 : 1022.0;
    double a = exp2((2.0 * random01() - 1.0) * (i % 3 ? range : 0.01));
    if (single) a = (double)(float)a;
    double b = (2.0 * random01() - 1.0) * 1.05 * range / fabs(log2(a) + 1e-9);
    if (i % 5 == 0) b = rint(b);
    if (single) b = (double)(float)b;
    if (b == rint(b) && i % 10 == 0) a = -a;
    mpfr_set_d(x, a, MPFR_RNDN);
    mpfr_set_d(y, b, MPFR_RNDN);
    mpfr_pow(z, x, y, MPFR_RNDN);
    double value = single ? (double)rg_pow_f32((float)a, (float)b) : rg_pow_f64(a, b);
    double error = single ? error_ulp(z, value, 24, -149) : error_ulp(z, value, 53, -1074);
    double *worst = single ? &worst32 : &worst64;
    if (error > *worst) *worst = error;
    if (error > 2.0) fail_msg("%a ^ %a = %a: %g ulp", a, b, value, error);
  }
  print_message("pow: f64 %.3f ulp, f32 %.3f ulp\n", worst64, worst32);
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
                              1e30,
                              -1e30,
                              4.0,
                              -4.0,
                              1e-30,
                              -1e-30,
                              0x1p60,
                              -0x1p60,
                              (double)INFINITY,
                              -(double)INFINITY,
                              (double)NAN};
#define ENDS (int)(sizeof ends / sizeof ends[0])

/* The C library knows the special cases; ordinary results may differ in the last bit. */
static void powers_treat_special_values_as_c_does(void **state) {
  (void)state;
  for (int i = 0; i < ENDS; i++) {
    for (int j = 0; j < ENDS; j++) {
      double want = pow(ends[i], ends[j]), got = rg_pow_f64(ends[i], ends[j]);
      assert_true(same(got, want) || fabs(got - want) <= 0x1p-52 * fabs(want));
      float want32 = powf((float)ends[i], (float)ends[j]);
      float got32 = rg_pow_f32((float)ends[i], (float)ends[j]);
      if (!same((double)got32, (double)want32) &&
          !(fabsf(got32 - want32) <= 0x1p-23f * fabsf(want32)))
        assert_true(fabsf(got32 - want32) <= 0x1p-149f);
    }
  }
}

static void special_values_are_right(void **state) {
  (void)state;
  double inf = (double)INFINITY, nan = (double)NAN;
  const struct {
    double (*f64)(double);
    float (*f32)(float);
    double x, y;
  } table[] = {
#define AT(name, x, y) {rg_##name##_f64, rg_##name##_f32, x, y}
      AT(exp, inf, inf),          AT(exp, -inf, 0.0),        AT(exp, nan, nan),
      AT(exp, -0.0, 1.0),         AT(exp, 1e9, inf),         AT(exp, -1e9, 0.0),
      AT(log, 0.0, -inf),         AT(log, -0.0, -inf),       AT(log, -1.0, nan),
      AT(log, -inf, nan),         AT(log, inf, inf),         AT(log, nan, nan),
      AT(log, 1.0, 0.0),          AT(sin, 0.0, 0.0),         AT(sin, -0.0, -0.0),
      AT(sin, inf, nan),          AT(sin, nan, nan),         AT(cos, -0.0, 1.0),
      AT(cos, inf, nan),          AT(cos, nan, nan),         AT(tan, 0.0, 0.0),
      AT(tan, -0.0, -0.0),        AT(tan, -inf, nan),        AT(tan, nan, nan),
      AT(atan, 0.0, 0.0),         AT(atan, -0.0, -0.0),      AT(atan, nan, nan),
      AT(tanh, inf, 1.0),         AT(tanh, -inf, -1.0),      AT(tanh, -0.0, -0.0),
      AT(tanh, 0.0, 0.0),         AT(tanh, nan, nan),        AT(tanh, -100.0, -1.0),
      AT(sech2, inf, 0.0),        AT(sech2, -inf, 0.0),      AT(sech2, nan, nan),
      AT(sech2, -0.0, 1.0),       AT(sqrt, -0.0, -0.0),      AT(sqrt, -1.0, nan),
      AT(sqrt, inf, inf),         AT(sign, -3.0, -1.0),      AT(sign, 5.0, 1.0),
      AT(sign, -0.0, -0.0),       AT(sign, nan, nan),        AT(erf, inf, 1.0),
      AT(erf, -inf, -1.0),        AT(erf, -0.0, -0.0),       AT(erf, nan, nan),
      AT(log1p, -0.0, -0.0),      AT(log1p, -1.0, -inf),     AT(log1p, inf, inf),
      AT(log1p, -2.0, nan),       AT(log1p, nan, nan),       AT(sigmoid, inf, 1.0),
      AT(sigmoid, -inf, 0.0),     AT(sigmoid, -0.0, 0.5),    AT(sigmoid, nan, nan),
      AT(softplus, inf, inf),     AT(softplus, -inf, 0.0),   AT(softplus, nan, nan),
      AT(normal_cdf, inf, 1.0),   AT(normal_cdf, -inf, 0.0), AT(normal_cdf, -0.0, 0.5),
      AT(normal_cdf, nan, nan),   AT(normal_pdf, inf, 0.0),  AT(normal_pdf, -inf, 0.0),
      AT(normal_pdf, nan, nan),   AT(abs, -0.0, 0.0),        AT(neg, 0.0, -0.0),
      AT(reciprocal, -0.0, -inf),
#undef AT
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    double y64 = table[i].f64(table[i].x), y32 = (double)table[i].f32((float)table[i].x);
    if (!same(y64, table[i].y) || !same(y32, table[i].y))
      fail_msg("row %zu: f(%g) = %g, %g; expected %g", i, table[i].x, y64, y32, table[i].y);
  }
  assert_true(rg_atan_f64(inf) == 0x1.921fb54442d18p0 && rg_atan_f32(-INFINITY) == -0x1.921fb6p0f);
  assert_true(isnan(rg_min_f64(nan, 1.0)) && isnan(rg_min_f64(1.0, nan)));
  assert_true(isnan(rg_max_f32(NAN, 1.0f)) && isnan(rg_max_f32(1.0f, NAN)));
  assert_true(rg_min_f64(2.0, -inf) == -inf && rg_max_f64(2.0, 3.0) == 3.0);
  assert_true(rg_less_f64(1.0, 2.0) == 1.0 && rg_less_f64(nan, 2.0) == 0.0);
  assert_true(rg_less_equal_f32(2.0f, 2.0f) == 1.0f && rg_equal_f64(0.0, -0.0) == 1.0);
  assert_true(rg_select_f64(nan, 1.0, 2.0) == 1.0 && rg_select_f64(-0.0, 1.0, 2.0) == 2.0);
  assert_true(rg_powi_f64(-2.0, 3) == -8.0 && rg_powi_f64(2.0, -2) == 0.25);
  assert_true(rg_powi_f64(nan, 0) == 1.0 && rg_powi_f64(1.0, INT32_MIN) == 1.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(double_errors_stay_below_their_bounds),
      cmocka_unit_test(single_errors_stay_below_their_bounds),
      cmocka_unit_test(sines_are_exact_near_their_zeros),
      cmocka_unit_test(powers_stay_below_their_bound),
      cmocka_unit_test(powers_treat_special_values_as_c_does),
      cmocka_unit_test(special_values_are_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
