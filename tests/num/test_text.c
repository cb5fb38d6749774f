/* Decimal text and double-double: correct rounding both ways, and nothing lost between. */
#include "oracle.h"

static rung_dd parse(const char *text) {
  rung_dd x = {0.0, 0.0};
  const char *end = NULL;
  assert_int_equal(rung_dd_parse(text, &end, &x), RUNG_OK);
  if (*end != '\0') fail_msg("\"%s\" stops at \"%s\"", text, end);
  return x;
}

/* hi is the nearest double, lo the double nearest to the rest. */
static void check_parse(const char *text, mpfr_t exact) {
  mpfr_set_str(exact, text, 10, MPFR_RNDN);
  rung_dd x = parse(text);
  double hi = mpfr_get_d(exact, MPFR_RNDN);
  if (isfinite(hi)) mpfr_sub_d(exact, exact, hi, MPFR_RNDN);
  double lo = isfinite(hi) ? mpfr_get_d(exact, MPFR_RNDN) : 0.0;
  if (x.hi != hi || x.lo != lo) fail_msg("%s: %a + %a, expected %a + %a", text, x.hi, x.lo, hi, lo);
}

static void random_digits(char *to, int count) {
  for (int i = 0; i < count; i++) to[i] = (char)('0' + (int)(10.0 * random01()));
  if (to[0] == '0') to[0] = '7';
  to[count] = '\0';
}

static void text_is_read_to_the_nearest(void **state) {
  (void)state;
  mpfr_t exact;
  mpfr_init2(exact, 6000);
  char digits[80], text[120];
  for (int i = 0; i < effort(20000); i++) {
    random_digits(digits, 1 + (int)(60.0 * random01()));
    int exponent = (int)((2.0 * random01() - 1.0) * (i % 2 ? 380.0 : 40.0));
    snprintf(text, sizeof text, "%s%.1s.%se%d", i % 3 ? "" : "-", digits, digits + 1, exponent);
    check_parse(text, exact);
  }
  mpfr_clear(exact);
}

/* Halfway between neighbours, and a trifle beside it, to hundreds of digits. */
static void ties_are_broken_by_the_last_digit(void **state) {
  (void)state;
  mpfr_t exact, middle;
  mpfr_inits2(6000, exact, middle, (mpfr_ptr)NULL);
  static char text[2000];
  for (int i = 0; i < 300; i++) {
    double a = random_real(i % 2 ? -1000.0 : -60.0, i % 2 ? 1000.0 : 60.0);
    mpfr_set_d(middle, a, MPFR_RNDN);
    mpfr_add_d(middle, middle, ldexp(0.5, ilogb(a) - 52), MPFR_RNDN);
    if (i % 3 == 0) mpfr_add_d(middle, middle, ldexp(0.5, ilogb(a) - 106), MPFR_RNDN);
    int length = mpfr_snprintf(text, 1500, "%.1350Re", middle);
    assert_true(length > 0 && length < 1500);
    check_parse(text, exact);
    char *e = strchr(text, 'e');
    int exponent = atoi(e + 1);
    snprintf(e, 100, "0000000000000000000000001e%d", exponent);
    check_parse(text, exact);
  }
  mpfr_clears(exact, middle, (mpfr_ptr)NULL);
}

/* A million digits are read in linear time, and the last still breaks a tie. */
static void endless_digits_are_no_trouble(void **state) {
  rung_context *ctx = *state;
  size_t size = 1000000;
  char *text = rg_alloc(ctx, size, 1);
  assert_non_null(text);
  memset(text, '0', size);
  memcpy(text, "1.", 2);
  text[size - 1] = '\0';
  rung_dd x = parse(text);
  assert_true(x.hi == 1.0 && x.lo == 0.0);
  memcpy(text, "9007199254740993.", 17); /* 2^53 + 1: between two doubles */
  x = parse(text);
  assert_true(x.hi == 9007199254740992.0 && x.lo == 1.0);
  text[size - 2] = '1';
  x = parse(text);
  assert_true(x.hi == 9007199254740994.0 && x.lo == -1.0);
  memset(text, '0', size - 1);
  text[1] = '.';
  text[size - 2] = '1';
  x = parse(text);
  assert_true(x.hi == 0.0 && x.lo == 0.0);
  rg_free(ctx, text);
}

static void digits_survive(void **state) {
  (void)state;
  char digits[64], text[96], back[64];
  for (int i = 0; i < effort(10000); i++) {
    int count = 31;
    random_digits(digits, count);
    if (digits[count - 1] == '0') digits[count - 1] = '3';
    int exponent = (int)((2.0 * random01() - 1.0) * 250.0);
    if (exponent > -5 && exponent < count) exponent = 40;
    snprintf(text, sizeof text, "%.1s.%se%s%02d", digits, digits + 1, exponent < 0 ? "-" : "+",
             abs(exponent));
    assert_int_equal(rung_dd_format(parse(text), count, back, sizeof back), RUNG_OK);
    assert_string_equal(back, text);
  }
}

/* 34 digits give back the bits of every pair whose second part is at least a quarter of an ulp of
 * the first: 10^-33 of the number is less than the gap between such pairs, 2^-107. */
static void pairs_survive(void **state) {
  (void)state;
  char text[64];
  for (int i = 0; i < effort(10000); i++) {
    double hi = random_real(-800.0, 1000.0);
    double lo = ldexp(0.25 + 0.2499 * random01(), ilogb(hi) - 52);
    rung_dd x = rg_make_dd(hi, random01() < 0.5 ? lo : -lo);
    if (x.hi + x.lo != x.hi) continue; /* below a power of two */
    assert_int_equal(rung_dd_format(x, 34, text, sizeof text), RUNG_OK);
    rung_dd y = parse(text);
    assert_true(x.hi == y.hi && x.lo == y.lo);
  }
}

static void text_is_written_to_the_nearest(void **state) {
  (void)state;
  mpfr_t exact;
  mpfr_init2(exact, 2400);
  char text[64], want[128];
  for (int i = 0; i < effort(20000); i++) {
    rung_dd x = i % 4 ? random_dd(-40.0, 40.0) : random_dd(-1070.0, 1020.0);
    if (i % 7 == 0) x.lo = 0.0;
    if (i % 11 == 0) x = rg_make_dd(rint(x.hi), 0.0);
    if (x.hi == 0.0) x.hi = 0.0; /* MPFR's sum loses the sign */
    int digits = 1 + (int)(40.0 * random01());
    set_dd(exact, x);
    assert_int_equal(rung_dd_format(x, digits, text, sizeof text), RUNG_OK);
    mpfr_snprintf(want, sizeof want, "%.*Rg", digits, exact);
    assert_string_equal(text, want);
  }
  mpfr_clear(exact);
}

static void forms_are_understood(void **state) {
  (void)state;
  const char *end;
  rung_dd x;
  assert_true(parse("+1.").hi == 1.0 && parse(".5").hi == 0.5 && parse("-1.25E+1").hi == -12.5);
  assert_true(parse("1e400").hi == INFINITY && parse("1e400").lo == 0.0);
  assert_true(parse("-Infinity").hi == -INFINITY && parse("INF").hi == INFINITY);
  assert_true(isnan(parse("NaN").hi) && parse("nan").lo == 0.0);
  assert_true(signbit(parse("-0").hi) && parse("0e99999999999999999999").hi == 0.0);
  assert_true(parse("1e-99999999999999999999").hi == 0.0);
  assert_true(parse("5e-324").hi == 0x1p-1074);
  assert_int_equal(rung_dd_parse("2e", &end, &x), RUNG_OK);
  assert_string_equal(end, "e");
  assert_int_equal(rung_dd_parse("2.5.1", &end, &x), RUNG_OK);
  assert_string_equal(end, ".1");
  const char *wrong[] = {"", ".", "-", "e5", "x", "+-1", " 1", "-.e1"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(rung_dd_parse(wrong[i], &end, &x), RUNG_E_FORMAT);
  assert_int_equal(rung_dd_parse(NULL, &end, &x), RUNG_E_ARGUMENT);
}

static void special_numbers_are_written(void **state) {
  (void)state;
  char text[64];
  const struct {
    rung_dd x;
    int digits;
    const char *text;
  } table[] = {
      {{0.0, 0.0}, 5, "0"},
      {{-0.0, 0.0}, 5, "-0"},
      {{INFINITY, 0.0}, 5, "inf"},
      {{-INFINITY, 0.0}, 5, "-inf"},
      {{NAN, 0.0}, 5, "nan"},
      {{9.5, 0.0}, 1, "1e+01"},
      {{8.5, 0.0}, 1, "8"},
      {{99999.5, 0.0}, 5, "1e+05"},
      {{0.0001, 0.0}, 3, "0.0001"},
      {{0.00001, 0.0}, 3, "1e-05"},
      {{1.0, -0x1p-60}, 20, "0.99999999999999999913"},
      {{-100.0, 0.0}, 3, "-100"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    assert_int_equal(rung_dd_format(table[i].x, table[i].digits, text, sizeof text), RUNG_OK);
    assert_string_equal(text, table[i].text);
  }
  assert_int_equal(rung_dd_format(rg_make_dd(1.5, 0.0), 3, text, 3), RUNG_E_ARGUMENT);
  assert_int_equal(rung_dd_format(rg_make_dd(1.5, 0.0), 3, text, 4), RUNG_OK);
  assert_int_equal(rung_dd_format(rg_make_dd(1.5, 0.0), 0, text, 64), RUNG_E_ARGUMENT);
  assert_int_equal(rung_dd_format(rg_make_dd(1.5, 0.0), 41, text, 64), RUNG_E_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_read_to_the_nearest),
      cmocka_unit_test(ties_are_broken_by_the_last_digit),
      TEST(endless_digits_are_no_trouble),
      cmocka_unit_test(digits_survive),
      cmocka_unit_test(pairs_survive),
      cmocka_unit_test(text_is_written_to_the_nearest),
      cmocka_unit_test(forms_are_understood),
      cmocka_unit_test(special_numbers_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
