/* CSV in and out: what is read, what is refused and with which words, and round trips. */
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "fail_alloc.h"
#include "rung/table.h"
#include "test.h"

static rung_table *read_with(rung_context *ctx, const char *text,
                             const rung_table_options *options) {
  rung_table *table;
  assert_ok(ctx, rung_table_read_memory(ctx, "t.csv", text, strlen(text), options, &table));
  return table;
}

static rung_table *read_text(rung_context *ctx, const char *text) {
  return read_with(ctx, text, NULL);
}

/* Compares a table with names in one string and numbers in row-major order. */
static void check_table(const rung_table *table, const char *names, int64_t rows, int columns,
                        const double *expected) {
  char found[200] = "";
  assert_int_equal(rung_table_rows(table), rows);
  assert_int_equal(rung_table_columns(table), columns);
  for (int i = 0; i < columns; i++) {
    if (i) strcat(found, "|");
    strcat(found, rung_table_name(table, i));
  }
  assert_string_equal(found, names);
  int column[16];
  double values[64];
  for (int i = 0; i < columns; i++) column[i] = i;
  rung_table_get(table, columns, column, RUNG_F64, values);
  for (int i = 0; i < rows * columns; i++) assert_true(values[i] == expected[i]);
}

static void test_forms(void **state) {
  static const double four[] = {1, 2, 3, 4};
  static const struct {
    const char *text, *names;
  } cases[] = {
      {"a,b\n1,2\n3,4\n", "a|b"},
      {"a,b\n1,2\n3,4", "a|b"},
      {"a,b\r\n1,2\r\n3,4\r\n", "a|b"},
      {"a,b\r1,2\r3,4\r", "a|b"},
      {"\xef\xbb\xbf"
       "a,b\n1,2\n3,4\n",
       "a|b"},
      {"a;b\n1;2\n3;4\n", "a|b"},
      {"a\tb\n1\t2\n3\t4\n", "a|b"},
      {"a|b\n1|2\n3|4\n", "a|b"},
      {"a b\n1 2\n3 4\n", "a|b"},
      {"   a   b\n 1.0   2 \n\t3\t4\n", "a|b"},
      {"\n\na , b\n\n 1 ,\t2\n  \n3, 4 \n\n", "a|b"},
      {"1,2\n3,4\n", "c1|c2"},
      {"+1,2.\n.3e1,0.4E+1\n", "c1|c2"},
      {"\"a\",\"b\"\n\"1\",\" 2\"\n3,4\n", "a|b"},
      {"\"a \"\"x\"\"\",\"b,\nc\"\n1,2\n3,4\n", "a \"x\"|b,\nc"},
      {"first name,x y z\n1,2\n3,4\n", "first name|x y z"},
      {",b\n1,2\n3,4\n", "c1|b"},
      {"length [m],time; s\n1,2\n3,4\n", "length [m]|time; s"},
      {"a, b\n1, 2\n3, 4\n", "a|b"},
      {"a,b\n0001,2e0\n30e-1,400000000000000000000e-20\n", "a|b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_table *table = read_text(*state, cases[i].text);
    check_table(table, cases[i].names, 2, 2, four);
    rung_table_destroy(table);
  }
}

static void test_one_column(void **state) {
  static const double two[] = {1, 2};
  static const char *const cases[] = {"value\n1\n2\n", "my value\n1\n2\n", "\"value\"\n\n1\n2"};
  static const char *const names[] = {"value", "my value", "value"};
  for (int i = 0; i < 3; i++) {
    rung_table *table = read_text(*state, cases[i]);
    check_table(table, names[i], 2, 1, two);
    rung_table_destroy(table);
  }
}

static void test_options(void **state) {
  rung_table_options options = rung_table_options_default();
  options.header = 1;
  rung_table *table = read_with(*state, "1990,2000\n1,2\n3,4\n", &options);
  check_table(table, "1990|2000", 2, 2, (double[]){1, 2, 3, 4});
  assert_int_equal(rung_table_find(table, "2000"), 1);
  assert_int_equal(rung_table_find(table, "2"), 1); /* by number */
  assert_int_equal(rung_table_find(table, "3"), -1);
  assert_int_equal(rung_table_find(table, "0"), -1);
  assert_int_equal(rung_table_find(table, "99999999999999999999"), -1);
  assert_int_equal(rung_table_find(table, ""), -1);
  assert_null(rung_table_name(table, 2));
  assert_null(rung_table_name(table, -1));
  rung_table_destroy(table);

  options = rung_table_options_default();
  options.separator = ':';
  table = read_with(*state, "a:b\n1:2\n", &options);
  check_table(table, "a|b", 1, 2, (double[]){1, 2});
  rung_table_destroy(table);

  options = rung_table_options_default();
  options.columns = " y , x,4";
  table = read_with(*state, "who,x,y,z,q\nanna,1,2,3,\nbo,4,5,6,NA\n", &options);
  check_table(table, "y|x|z", 2, 3, (double[]){2, 1, 3, 5, 4, 6});
  rung_table_destroy(table);

  options.columns = "x"; /* others may have the same name */
  table = read_with(*state, "x,y,y\n1,2,3\n", &options);
  check_table(table, "x", 1, 1, (double[]){1});
  rung_table_destroy(table);
}

static void test_line_numbers(void **state) {
  rung_table *table = read_text(*state, "a,\"b\nc\"\n\n1,2\r\n3,4\n\n5,6\n");
  assert_int_equal(rung_table_line(table, 0), 4);
  assert_int_equal(rung_table_line(table, 1), 5);
  assert_int_equal(rung_table_line(table, 2), 7);
  assert_int_equal(rung_table_line(table, 3), 0);
  assert_int_equal(rung_table_line(table, -1), 0);
  rung_table_destroy(table);
}

#define HASH "; lines that begin with # are not taken for comments"

static void test_messages(void **state) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "expected a table, found an empty file"},
      {"\n \r\n\t\n", "expected a table, found an empty file"},
      {"a,b\n", "expected rows of numbers below the names in line 1, found none"},
      {"\na,b\n\n", "expected rows of numbers below the names in line 2, found none"},
      {"a,b\n1,\n", "line 2, column 2 (\"b\"): expected a number, found an empty cell"},
      {"a,b\n1,\"\"\n", "line 2, column 2 (\"b\"): expected a number, found an empty cell"},
      {"a,b\n1,2\n3,x4\n", "line 3, column 2 (\"b\"): expected a number, found \"x4\""},
      {"1,2\n3,x4\n", "line 2, column 2 (\"c2\"): expected a number, found \"x4\""},
      {"a,b\n1,2\n3,1e\n", "line 3, column 2 (\"b\"): expected a number, found \"1e\""},
      {"a,b\n1,2\n3,0x10\n", "line 3, column 2 (\"b\"): expected a number, found \"0x10\""},
      {"a,b\n1,2\n3,4 5\n", "line 3, column 2 (\"b\"): expected a number, found \"4 5\""},
      {"a,b\n1,2\n3,.\n", "line 3, column 2 (\"b\"): expected a number, found \".\""},
      {"a,b\n1,2\n3,--4\n", "line 3, column 2 (\"b\"): expected a number, found \"--4\""},
      {"a,b\n1,nan\n", "line 2, column 2 (\"b\"): expected a finite number, found \"nan\""},
      {"a,b\n1,-INF\n", "line 2, column 2 (\"b\"): expected a finite number, found \"-INF\""},
      {"a,b\n1,1e999\n",
       "line 2, column 2 (\"b\"): expected a number, found \"1e999\", which is beyond 1.8e308"},
      {"a,b\n1,NA\n", "line 2, column 2 (\"b\"): expected a number, found \"NA\", a missing value"},
      {"a,b\n1,2\n3\n", "line 3, column 2 (\"b\"): expected 2 cells as in line 1, found 1"},
      {"a,b\n1,2\n3,4,5\n",
       "line 3, column 3: expected 2 cells as in line 1, found one more: \"5\""},
      {"a,b,a\n1,2,3\n", "line 1, columns 1 and 3 are both named \"a\""},
      {"a;b\n1,5;2,5\n3,25;4,5\n",
       "line 2, column 1 (\"a\"): expected a number, found \"1,5\"; write numbers with a point and "
       "without commas, as 1.5"},
      {"a\tb\n1,5\t2,5\n3,25\t4,5\n",
       "line 2, column 1 (\"a\"): expected a number, found \"1,5\"; write numbers with a point and "
       "without commas, as 1.5"},
      {"1,5 2,5\n3,25 4,5\n",
       "line 1, column 1 (\"c1\"): expected a number, found \"1,5\"; write numbers with a point "
       "and without commas, as 1.5"},
      {"a,b\n1,\"1,000\"\n",
       "line 2, column 2 (\"b\"): expected a number, found \"1,000\"; write numbers with a point "
       "and without commas, as 1.5"},
      {"a,b\n1,\"2\n", "line 2, column 2: expected a closing quote for the one that opens here, "
                       "found the end of the file"},
      {"a,\"b\n1,2\n", "line 1, column 2: expected a closing quote for the one that opens here, "
                       "found the end of the file"},
      {"a,b\n1,\"2\"3\n",
       "line 2, column 2: expected a separator after the closing quote, found \"3\""},
      {"a,b\n1,\"2\" 3\n",
       "line 2, column 2: expected a separator after the closing quote, found \"3\""},
      {"a,b\n1,\"x\ny\"\n3,4", "line 2, column 2 (\"b\"): expected a number, found \"x\\x0ay\""},
      {"a,b\n1,\"x\n\ny\"\n3,z", "line 2, column 2 (\"b\"): expected a number, found "
                                 "\"x\\x0a\\x0ay\""},
      {"a,\"b\"\"\n\"\n1,2\n3,z",
       "line 4, column 2 (\"b\"\\x0a\"): expected a number, found \"z\""},
      {"# a b\n1 2\n", "line 2, column 3 (\"b\"): expected 3 cells as in line 1, found 2" HASH},
      {"a,b\n1,gr\xc3\xb6\xc3\x9f"
       "e\n",
       "line 2, column 2 (\"b\"): expected a number, found \"gr\xc3\xb6\xc3\x9f"
       "e\""},
      {"a,b\n1,\xff\x01\xc3(\n",
       "line 2, column 2 (\"b\"): expected a number, found \"\\xff\\x01\\xc3(\""},
      {"a,b\n1,the quick brown fox jumps over the lazy dog\n",
       "line 2, column 2 (\"b\"): expected a number, found \"the quick brown fox jumps over "
       "t...\""},
      {"\xff\xfe"
       "a",
       "expected text in UTF-8, found UTF-16; save the table as \"CSV UTF-8\""},
      {"PK\3\4xyz", "expected text, found a zip archive or spreadsheet; save the table as CSV"},
      {"\x1f\x8b\x08", "expected text, found gzip data in memory; unpack first"},
  };
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_table *table;
    char message[400];
    snprintf(message, sizeof message, "t.csv: %s", cases[i].message);
    assert_true(rung_table_read_memory(ctx, "t.csv", cases[i].text, strlen(cases[i].text), NULL,
                                       &table) < 0);
    assert_null(table);
    assert_string_equal(rung_error(ctx), message);
  }
  rung_table *table;
  assert_error(ctx, rung_table_read_memory(ctx, "t.csv", "a,b\n1,\0\n", 8, NULL, &table),
               RUNG_E_FORMAT, "t.csv: expected text, found a zero byte at byte 7");
  assert_error(ctx, rung_table_read(ctx, "/nowhere/t.csv", NULL, &table), RUNG_E_IO,
               "/nowhere/t.csv: cannot be opened: No such file or directory");
}

static void test_wrong_options(void **state) {
  static const char text[] = "alpha,beta,beta\n1,2,3\n";
  static const struct {
    rung_status status;
    char separator;
    const char *columns, *message;
  } cases[] = {
      {RUNG_E_DATA, 0, "alhpa",
       "t.csv: no column is named \"alhpa\"; the nearest is \"alpha\", of \"alpha\", \"beta\", "
       "\"beta\""},
      {RUNG_E_DATA, 0, "weight",
       "t.csv: no column is named \"weight\"; there are \"alpha\", \"beta\", \"beta\""},
      {RUNG_E_DATA, 0, "4",
       "t.csv: no column is named \"4\"; there are \"alpha\", \"beta\", \"beta\""},
      {RUNG_E_DATA, 0, "beta", "t.csv: line 1, columns 2 and 3 are both named \"beta\""},
      {RUNG_E_ARGUMENT, 0, "alpha,1", "columns: column 1 is asked for twice"},
      {RUNG_E_ARGUMENT, 0, "alpha,,2",
       "columns: expected names with commas between them, found an empty name"},
      {RUNG_E_ARGUMENT, 'x', NULL,
       "separator: expected a character that numbers, names and quotes do not hold, found \"x\""},
      {RUNG_E_ARGUMENT, '.', NULL,
       "separator: expected a character that numbers, names and quotes do not hold, found \".\""},
  };
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_table *table;
    rung_table_options options = rung_table_options_default();
    options.separator = cases[i].separator;
    options.columns = cases[i].columns;
    assert_int_equal(rung_table_read_memory(ctx, "t.csv", text, strlen(text), &options, &table),
                     cases[i].status);
    assert_string_equal(rung_error(ctx), cases[i].message);
  }
  rung_table *table;
  rung_table_options options = rung_table_options_default();
  options.limit = 10;
  assert_error(ctx, rung_table_read_memory(ctx, "t.csv", text, strlen(text), &options, &table),
               RUNG_E_BUDGET, "t.csv: more than 10 bytes, the limit here");
}

static void test_many_columns_are_listed_in_part(void **state) {
  rung_context *ctx = *state;
  char text[1000] = "";
  for (int i = 1; i <= 40; i++) sprintf(text + strlen(text), "name%d%s", i, i < 40 ? "," : "\n");
  rung_table_options options = rung_table_options_default();
  options.columns = "zzz";
  rung_table *table;
  assert_int_equal(rung_table_read_memory(ctx, "t.csv", text, strlen(text), &options, &table),
                   RUNG_E_DATA);
  assert_string_equal(rung_error(ctx),
                      "t.csv: no column is named \"zzz\"; there are \"name1\", \"name2\", "
                      "\"name3\", \"name4\", \"name5\", \"name6\", \"name7\", \"name8\", "
                      "\"name9\", \"name10\", \"name11\", \"name12\" and 28 more");
}

/* |x - text| / |text| in units of 2^-106, by MPFR. */
static double units_off(rung_dd x, const char *text) {
  mpfr_t exact, found;
  mpfr_inits2(500, exact, found, (mpfr_ptr)0);
  mpfr_set_str(exact, text, 10, MPFR_RNDN);
  mpfr_set_d(found, x.hi, MPFR_RNDN);
  mpfr_add_d(found, found, x.lo, MPFR_RNDN);
  mpfr_sub(found, found, exact, MPFR_RNDN);
  mpfr_div(found, found, exact, MPFR_RNDN);
  mpfr_mul_2si(found, found, 106, MPFR_RNDN);
  double off = fabs(mpfr_get_d(found, MPFR_RNDN));
  mpfr_clears(exact, found, (mpfr_ptr)0);
  return off;
}

/* Numbers of 1 to 33 digits with small exponents, which take the short way or the general one. */
static void test_digits(void **state) {
  for (uint64_t i = 0; i < 4000; i++) {
    char digits[40], number[80], text[100];
    int count = 1 + (int)(i % 33), point = (int)(rg_bits(1, 1, i) % (uint64_t)(count + 1));
    for (int j = 0; j < count; j++) digits[j] = (char)('0' + rg_bits(2, i, (uint64_t)j) % 10);
    digits[0] = (char)('1' + rg_bits(3, 3, i) % 9);
    digits[count] = 0;
    snprintf(number, sizeof number, "%s%.*s.%se%d", i % 2 ? "-" : "", point, digits, digits + point,
             (int)(rg_bits(4, 4, i) % 37) - 18);
    snprintf(text, sizeof text, "x\n%s\n", number);
    rung_table *table = read_text(*state, text);
    rung_dd x;
    rung_table_get(table, 1, (int[]){0}, RUNG_DD, &x);
    rung_table_destroy(table);
    assert_true(fabs(x.lo) <= ldexp(fabs(x.hi), -53));
    assert_true(x.hi == strtod(number, NULL));
    if (units_off(x, number) > 2)
      fail_msg("%s is off by %g units of 2^-106", number, units_off(x, number));
  }
}

/* Random numbers of all sizes must come back: single and double from the digits that identify
 * them, pairs from 40 digits, and from 33 to half a unit of the last and of a pair. */
static void round_trip(rung_context *ctx, rung_dtype dtype, int digits) {
  enum { COUNT = 1000 };
  static rung_dd pairs[COUNT], back[COUNT];
  static float single[COUNT];
  static double twice[COUNT];
  const void *data = dtype == RUNG_F32 ? (void *)single : dtype == RUNG_F64 ? (void *)twice : pairs;
  for (uint64_t i = 0; i < COUNT; i++) {
    int range = dtype == RUNG_F32 ? 30 : dtype == RUNG_F64 ? 290 : 250;
    double x = rg_normal(1, 1, i) * pow(10, range * (2 * rg_uniform(1, 2, i) - 1));
    double lo = x * 0x1p-54 * (2 * rg_uniform(1, 3, i) - 1), sum = x + lo;
    single[i] = (float)x;
    twice[i] = x;
    pairs[i] = (rung_dd){sum, lo - (sum - x)};
  }
  char *text;
  size_t length;
  rung_table *table;
  assert_ok(ctx, rung_table_write(ctx, NULL, 2, (const char *const[]){"a,\"b\"", " c"}, COUNT / 2,
                                  dtype, data, digits, &text, &length));
  assert_int_equal(strlen(text), length);
  assert_ok(ctx, rung_table_read_memory(ctx, "t.csv", text, length, NULL, &table));
  assert_string_equal(rung_table_name(table, 0), "a,\"b\"");
  assert_int_equal(rung_table_rows(table), COUNT / 2);
  rung_table_get(table, 2, (int[]){0, 1}, dtype, back);
  for (int i = 0; dtype == RUNG_DD && i < COUNT; i++)
    assert_true(fabs((back[i].hi - pairs[i].hi) + (back[i].lo - pairs[i].lo)) <=
                (0.5e-32 + 0x1p-106) * fabs(pairs[i].hi));
  if (dtype != RUNG_DD || digits) assert_memory_equal(back, data, COUNT * rung_dtype_size(dtype));
  rung_table_destroy(table);
  rung_free(ctx, text);
}

static void test_round_trip(void **state) {
  round_trip(*state, RUNG_F32, 0);
  round_trip(*state, RUNG_F64, 0);
  round_trip(*state, RUNG_DD, 0);
  round_trip(*state, RUNG_DD, 40);
}

static void test_written_text(void **state) {
  rung_context *ctx = *state;
  static const char *const names[] = {"x", "two words", "a,b", "say \"hi\"", ""};
  static const double data[] = {1, 0.1, -2.5e-300, 1e22, 0, 3, 0.25, 1e100, -0.0, 123456789};
  char *text;
  size_t length;
  assert_ok(ctx, rung_table_write(ctx, NULL, 5, names, 2, RUNG_F64, data, 3, &text, &length));
  assert_string_equal(text, "x,two words,\"a,b\",\"say \"\"hi\"\"\",\"\"\n"
                            "1,0.1,-2.5e-300,1e+22,0\n3,0.25,1e+100,-0,1.23e+08\n");
  rung_free(ctx, text);
  assert_error(ctx, rung_table_write(ctx, NULL, 5, names, 2, RUNG_F64, data, 41, &text, &length),
               RUNG_E_ARGUMENT, "digits: expected 0..40, found 41");
  assert_error(ctx, rung_table_write(ctx, NULL, 0, names, 2, RUNG_F64, data, 0, &text, &length),
               RUNG_E_ARGUMENT, "at least one column");
  assert_error(ctx, rung_table_write(ctx, NULL, 1, names, 2, RUNG_F64, data, 0, NULL, &length),
               RUNG_E_ARGUMENT, "expected a path or text and length");
}

static void test_files(void **state) {
  rung_context *ctx = *state;
  char folder[] = "/tmp/rung-csv-XXXXXX", plain[64], packed[64];
  assert_non_null(mkdtemp(folder));
  snprintf(plain, sizeof plain, "%s/t.csv", folder);
  snprintf(packed, sizeof packed, "%s/t.csv.gz", folder);
  static const double data[] = {1, 2, 3, 4};
  assert_ok(ctx, rung_table_write(ctx, plain, 2, (const char *const[]){"a", "b"}, 2, RUNG_F64, data,
                                  0, NULL, NULL));
  gzFile file = gzopen(packed, "wb");
  assert_true(gzputs(file, "a,b\n1,2\n3,4\n") > 0);
  gzclose(file);
  const char *const paths[] = {plain, packed};
  for (int i = 0; i < 2; i++) {
    rung_table *table;
    assert_ok(ctx, rung_table_read(ctx, paths[i], NULL, &table));
    check_table(table, "a|b", 2, 2, data);
    rung_table_destroy(table);
    unlink(paths[i]);
  }
  rmdir(folder);
}

static rung_status read_and_write(rung_context *ctx, void *arg) {
  const char *text = arg;
  rung_table *table;
  rung_table_options options = rung_table_options_default();
  char *csv;
  size_t length;
  double values[4];
  options.columns = "b,a";
  RG_TRY(rung_table_read_memory(ctx, "t.csv", text, strlen(text), &options, &table));
  rung_table_get(table, 2, (int[]){0, 1}, RUNG_F64, values);
  rung_table_destroy(table);
  RG_TRY(rung_table_write(ctx, NULL, 2, (const char *const[]){"a", "b"}, 2, RUNG_F64, values, 0,
                          &csv, &length));
  rung_free(ctx, csv);
  return RUNG_OK;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  fail_each_allocation(read_and_write, "a,\"b\"\n1,2\n3,4\n", (fail_options){0});
  fail_each_allocation(read_and_write, "a,\"b\"\r1,2\r3,4\r", (fail_options){0});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_forms),      TEST(test_one_column),
      TEST(test_options),    TEST(test_line_numbers),
      TEST(test_messages),   TEST(test_wrong_options),
      TEST(test_digits),     TEST(test_many_columns_are_listed_in_part),
      TEST(test_round_trip), TEST(test_written_text),
      TEST(test_files),      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
