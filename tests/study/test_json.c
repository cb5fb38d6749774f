/* JSON read where it lies: the grammar is checked, and values come out. */
#include "study/json.h"
#include "test.h"

static bool check(const char *text) {
  rg_json value;
  return rg_json_check(text, strlen(text), &value);
}

static rg_json parse(const char *text) {
  rg_json value;
  assert_true(rg_json_check(text, strlen(text), &value));
  return value;
}

static void takes_what_the_grammar_allows(void **state) {
  (void)state;
  static const char *const good[] = {
      "0",  "-0.5e+10",      "\"\"", "\"a\\u00e9\\n\"", "[]",
      "{}", " [1 , 2,[3]] ", "true", "null\n",          "{\"a\":{\"b\":[false]},\"c\":1E5}"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!check(good[i])) fail_msg("refused: %s", good[i]);
}

static void refuses_everything_else(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",         " ",    "01",  "1.",      ".5",       "+1",        "1e",         "nan",
      "inf",      "0x10", "tru", "\"",      "\"\\x\"",  "\"\\u12\"", "\"\n\"",     "[1,]",
      "[1 2]",    "[,]",  "[",   "{\"a\"}", "{\"a\":}", "{a:1}",     "{\"a\":1,}", "1 2",
      "{\"a\":1", "[1]]", "'a'", "-",       "\"\\",     "[1,2"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (check(bad[i])) fail_msg("taken: %s", bad[i]);
}

/* Every beginning of a value is no value: what a killed writer leaves is noticed. */
static void a_cut_object_is_noticed(void **state) {
  (void)state;
  const char *whole = "{\"event\":\"stage\",\"x\":[1.5,-2e3],\"s\":\"\\u0041\\\"\",\"t\":true}";
  rg_json value;
  for (size_t n = 0; n < strlen(whole); n++) {
    char *cut = malloc(n + 1); /* exact size, so that a sanitizer sees reads past the end */
    memcpy(cut, whole, n);
    cut[n] = 0;
    assert_false(rg_json_check(cut, n, &value));
    free(cut);
  }
  assert_true(check(whole));
}

static void depth_is_limited(void **state) {
  (void)state;
  char text[400] = {0};
  memset(text, '[', 60);
  memset(text + 60, ']', 60);
  assert_true(check(text));
  memset(text, '[', 200);
  memset(text + 200, ']', 199);
  assert_false(check(text));
}

static void members_and_items_are_found(void **state) {
  (void)state;
  rg_json object = parse("{ \"a\" : [1, -2.5 ,\"x\"], \"ab\":{\"a\":7}, \"n\":null }");
  rg_json list = rg_json_member(object, "a"), item = {0};
  double number = 0;
  assert_true(rg_json_next(list, &item) && rg_json_number(item, &number));
  assert_true(number > 0.99 && number < 1.01);
  assert_true(rg_json_next(list, &item) && rg_json_number(item, &number));
  assert_true(number < -2.49 && number > -2.51);
  assert_true(rg_json_next(list, &item) && rg_json_is(item, "x") && !rg_json_number(item, &number));
  assert_false(rg_json_next(list, &item));
  assert_true(rg_json_number(rg_json_member(rg_json_member(object, "ab"), "a"), &number));
  assert_true(number > 6.9 && number < 7.1);
  assert_int_equal(rg_json_member(object, "missing").length, 0);
  assert_int_equal(rg_json_member(list, "a").length, 0);
  assert_false(rg_json_number(rg_json_member(object, "n"), &number));
  rg_json none = {0};
  assert_false(rg_json_next(parse("[]"), &none));
  assert_false(rg_json_number(parse("1e999"), &number));
}

static void escapes_are_undone(void **state) {
  rg_text text;
  rg_text_init(&text, *state);
  assert_true(rg_json_string(
      parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\ud800\\u0000\""),
      &text));
  assert_string_equal(text.data, "a\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                                 "\xEF\xBF\xBD\xEF\xBF\xBD");
  assert_false(rg_json_string(parse("12"), &text));
  rg_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(takes_what_the_grammar_allows), TEST(refuses_everything_else),
      TEST(a_cut_object_is_noticed),       TEST(depth_is_limited),
      TEST(members_and_items_are_found),   TEST(escapes_are_undone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
