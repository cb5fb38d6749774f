/* Functions as text: values against MPFR and plain C, and every message with its caret. */
#include <math.h>
#include <mpfr.h>
#include <stdio.h>

#include "fail_alloc.h"
#include "rung/expression.h"
#include "test.h"

/* The value of `text` at x and y in an arithmetic. */
static rung_dd value_in(rung_context *ctx, rung_dtype dtype, const char *text, double x, double y) {
  rung_expression *expression;
  rung_graph *g;
  rung_program *program;
  rung_compile_options options = rung_compile_options_default();
  static const char *const names[] = {"x", "y"};
  rung_dd in[2] = {{x, 0}, {y, 0}}, out = {0};
  float single[2] = {(float)x, (float)y}, single_out;
  double twice[2] = {x, y}, twice_out;
  void *workspace;
  assert_ok(ctx, rung_expression_parse(ctx, text, &expression));
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node input[] = {rung_input(g, "x", 0, NULL), rung_input(g, "y", 0, NULL)};
  rung_node node = rung_expression_build(expression, g, 2, names, input);
  if (node == RUNG_NONE) fail_msg("%s: %s", text, rung_error(ctx));
  options.dtype = dtype;
  assert_ok(ctx, rung_compile(g, &options, 2, input, 1, &node, &program));
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  const void *const inputs[3][2] = {
      {&single[0], &single[1]}, {&twice[0], &twice[1]}, {&in[0], &in[1]}};
  void *const outputs[3] = {&single_out, &twice_out, &out};
  assert_ok(ctx, rung_program_run(program, ctx, workspace, inputs[dtype], &outputs[dtype]));
  if (dtype != RUNG_DD) out = (rung_dd){dtype == RUNG_F32 ? (double)single_out : twice_out, 0};
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  rung_graph_destroy(g);
  rung_expression_destroy(expression);
  return out;
}

static double value_of(rung_context *ctx, const char *text, double x, double y) {
  return value_in(ctx, RUNG_F64, text, x, y).hi;
}

/* Whole-number arithmetic shows the order of operations without rounding. */
static void test_order_of_operations(void **state) {
  const double x = 3, y = 5;
  static const struct {
    const char *text;
    double value;
  } cases[] = {
      {"1+2*3", 7},
      {"(1+2)*3", 9},
      {"7-2-1", 4},
      {"48/4/2", 6},
      {"48/4*2", 24},
      {"2^3^2", 512},
      {"(2^3)^2", 64},
      {"-x^2", -9},
      {"(-x)^2", 9},
      {"2^-1", 0.5},
      {"2^-1*4", 2},
      {"2^-x^0", 0.5},
      {"2*-x", -6},
      {"2--x", 5},
      {"2-+x", -1},
      {"---x", -3},
      {"-(x+y)^2", -64},
      {"x^(3-1)", 9},
      {"x^(4/2)", 9},
      {"(-x)^3", -27},
      {"(-x)^-1", -1.0 / 3},
      {"(-x)^(2*2-1)", -27},
      {"4^0.5", 2},
      {"4^1.5", 8},
      {"x^0", 1},
      {"1^1000000+1^-1000001", 2},
      {"sqrt(16)+abs(-2)", 6},
      {" \tsqrt ( 16 )\n + abs(-2) ", 6},
      {"((((((((((x))))))))))", 3},
      {"1e2+.5+2.+1E-1*10", 103.5},
      {"x*y-y*x+x", 3},
      {"exp(0)+log(1)+sin(0)+cos(0)+tan(0)+tanh(0)+atan(0)", 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double found = value_of(*state, cases[i].text, x, y);
    if (found != cases[i].value)
      fail_msg("%s: expected %.17g, found %.17g", cases[i].text, cases[i].value, found);
  }
}

static double example(double x, double y) {
  return sin(2 * x + 1) + 0.2 * exp(1.3 * x) / (1 + pow(y, 2)) -
         log(x + 2) * cos(2 * x + x * x * x) + pow(y, 0.3) * atan(x * y) - tanh(x) * sqrt(y) +
         tan(x / 4) - fabs(x - y);
}

static void test_values(void **state) {
  static const char text[] = "sin(2*x+1)+0.2*exp(1.3*x)/(1+y^2)-log(x+2)*cos(2*x+x^3)"
                             "+y^0.3*atan(x*y)-tanh(x)*sqrt(y)+tan(x/4)-abs(x-y)";
  for (uint64_t i = 0; i < 50; i++) {
    double x = 2 * rg_uniform(1, 1, i) - 1, y = rg_uniform(1, 2, i);
    double expected = example(x, y);
    assert_true(fabs(value_of(*state, text, x, y) - expected) < 1e-14 * (1 + fabs(expected)));
    float single = (float)value_in(*state, RUNG_F32, text, x, y).hi;
    assert_true(fabs((double)single - expected) < 1e-5 * (1 + fabs(expected)));
  }
}

/* Constants and decimal numbers carry all digits of double-double. */
static void check_constant(rung_context *ctx, const char *text, mpfr_t exact) {
  rung_dd found = value_in(ctx, RUNG_DD, text, 0, 0);
  mpfr_sub_d(exact, exact, found.hi, MPFR_RNDN);
  mpfr_sub_d(exact, exact, found.lo, MPFR_RNDN);
  assert_true(fabs(mpfr_get_d(exact, MPFR_RNDN)) <= ldexp(fabs(found.hi), -105));
}

static void test_constants(void **state) {
  static const char *const numbers[] = {"0.1", "1.3", "3.14159265358979323846264338327950",
                                        "2.5e-17", "123456789012345678901234567890"};
  mpfr_t exact;
  mpfr_init2(exact, 300);
  mpfr_const_pi(exact, MPFR_RNDN);
  check_constant(*state, "pi", exact);
  mpfr_set_ui(exact, 1, MPFR_RNDN);
  mpfr_exp(exact, exact, MPFR_RNDN);
  check_constant(*state, "e", exact);
  for (int i = 0; i < 5; i++) {
    mpfr_set_str(exact, numbers[i], 10, MPFR_RNDN);
    check_constant(*state, numbers[i], exact);
  }
  mpfr_clear(exact);
}

/* A whole exponent is a product, whose derivatives hold at 0 and below too. */
static void test_whole_exponents_are_products(void **state) {
  rung_context *ctx = *state;
  static const char *const texts[] = {"x^3", "x^3.0", "x^(4-1)", "x^+3"};
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", 0, NULL), product = rung_powi(g, x, 3);
  for (int i = 0; i < 4; i++) {
    rung_expression *expression;
    assert_ok(ctx, rung_expression_parse(ctx, texts[i], &expression));
    assert_int_equal(rung_expression_build(expression, g, 1, (const char *const[]){"x"}, &x),
                     product); /* equal nodes are one */
    rung_expression_destroy(expression);
  }
  rung_graph_destroy(g);
}

static void test_variables(void **state) {
  rung_context *ctx = *state;
  rung_expression *expression;
  assert_ok(ctx, rung_expression_parse(ctx, "b_1*sin(a)+B_1*pi*a/e+_c", &expression));
  static const char *const names[] = {"b_1", "a", "B_1", "_c"};
  assert_int_equal(rung_expression_variables(expression), 4);
  for (int i = 0; i < 4; i++)
    assert_string_equal(rung_expression_variable(expression, i), names[i]);
  assert_null(rung_expression_variable(expression, 4));
  assert_null(rung_expression_variable(expression, -1));
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node a = rung_input(g, "a", 1, (int64_t[]){7});
  rung_node nodes[] = {a, a, a, a};
  rung_node built = rung_expression_build(expression, g, 4, names, nodes);
  assert_int_equal(rung_node_shape(g, built).dim[0], 7);
  assert_int_equal(rung_expression_build(expression, g, 2, names, nodes), RUNG_NONE);
  assert_string_equal(rung_error(ctx), "function: the variable 'B_1' has no value here\n"
                                       "  b_1*sin(a)+B_1*pi*a/e+_c\n"
                                       "             ^");
  rung_graph_destroy(g);
  rung_expression_destroy(expression);
}

static void test_messages(void **state) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "expected a number, a name or '(', found the end\n  \n  ^"},
      {"  ", "expected a number, a name or '(', found the end\n    \n    ^"},
      {"sin(2**x)", "expected a number, a name or '(', found '*' (a power is written with ^)\n"
                    "  sin(2**x)\n"
                    "        ^"},
      {"2*/x", "expected a number, a name or '(', found '/'\n  2*/x\n    ^"},
      {"x+", "expected a number, a name or '(', found the end\n  x+\n    ^"},
      {"x^", "expected a number, a name or '(', found the end\n  x^\n    ^"},
      {"(x", "expected an operator or ')', found the end\n  (x\n    ^"},
      {"(2x)", "expected an operator or ')', found 'x' (a product is written with *)\n"
               "  (2x)\n"
               "    ^"},
      {"x)", "expected an operator or the end, found ')'\n  x)\n   ^"},
      {"2x", "expected an operator or the end, found 'x' (a product is written with *)\n"
             "  2x\n"
             "   ^"},
      {"2e", "expected an operator or the end, found 'e' (a product is written with *)\n"
             "  2e\n"
             "   ^"},
      {"1.2.3", "expected an operator or the end, found '.'\n  1.2.3\n     ^"},
      {"(x)(y)", "expected an operator or the end, found '(' (a product is written with *)\n"
                 "  (x)(y)\n"
                 "     ^"},
      {"()", "expected a number, a name or '(', found ')'\n  ()\n   ^"},
      {".", "expected a number, a name or '(', found '.'\n  .\n  ^"},
      {"x = 1", "expected an operator or the end, found '='\n  x = 1\n    ^"},
      {"atan(y,x)", "expected an operator or ')', found ','\n  atan(y,x)\n        ^"},
      {"1e999", "expected a number within 1.8e308, found a larger one\n  1e999\n  ^"},
      {"2*sin+1", "expected '(' behind 'sin', which is a function and names no variable\n"
                  "  2*sin+1\n"
                  "    ^"},
      {"sine(x)", "there is no function \"sine\"; the nearest is 'sin'\n  sine(x)\n  ^"},
      {"1+ln(x)", "there is no function \"ln\"; the nearest is 'log'\n  1+ln(x)\n    ^"},
      {"sqr(x)", "there is no function \"sqr\"; the nearest is 'sqrt'\n  sqr(x)\n  ^"},
      {"erf(x)", "there is no function \"erf\"; there are exp, log, sin, cos, tan, tanh, sqrt, "
                 "abs, atan\n  erf(x)\n  ^"},
      {"x(1)", "there is no function \"x\"; there are exp, log, sin, cos, tan, tanh, sqrt, abs, "
               "atan\n  x(1)\n  ^"},
      {"pi(1)", "expected an operator or the end, found '(' (a product is written with *)\n"
                "  pi(1)\n"
                "    ^"},
      {"\xcf\x80*x", "expected a number, a name or '(', found '\xcf\x80'\n  \xcf\x80*x\n  ^"},
      {"x*\xcf\x80*\xe2\x88\x9a", "expected a number, a name or '(', found '\xcf\x80'\n"
                                  "  x*\xcf\x80*\xe2\x88\x9a\n"
                                  "    ^"},
      {"x\t*\n\x01", "expected a number, a name or '(', found byte \\x01\n  x * ?\n      ^"},
      {"x\xff", "expected an operator or the end, found byte \\xff\n  x?\n   ^"},
  };
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_expression *expression;
    char message[600];
    snprintf(message, sizeof message, "function: %s", cases[i].message);
    assert_int_equal(rung_expression_parse(ctx, cases[i].text, &expression), RUNG_E_FORMAT);
    assert_null(expression);
    assert_string_equal(rung_error(ctx), message);
  }
}

/* The caret stays below its character where only a part of a long text is shown. */
static void test_caret_in_long_texts(void **state) {
  rung_context *ctx = *state;
  for (int places = 0; places < 2000; places += 37) {
    char text[8100] = "";
    rung_expression *expression;
    for (int i = 0; i < places; i++) strcat(text, "x+\t");
    strcat(text, "?");
    for (int i = 0; i < 2000 - places; i++) strcat(text, "+x");
    assert_int_equal(rung_expression_parse(ctx, text, &expression), RUNG_E_FORMAT);
    const char *line = strstr(rung_error(ctx), "\n  ") + 1, *caret_line = strchr(line, '\n') + 1;
    const char *caret = strchr(caret_line, '^');
    assert_int_equal(line[caret - caret_line], '?');
    assert_true(caret_line - line < 140);
  }
}

static void test_limits(void **state) {
  rung_context *ctx = *state;
  rung_expression *expression;
  static char text[20001];
  static const char *const openings[] = {"(", "-", "sin(", "2^", "x+("};
  for (int i = 0; i < 5; i++) {
    text[0] = 0;
    for (int j = 0; j < 1500; j++) strcat(text, openings[i]);
    assert_error(ctx, rung_expression_parse(ctx, text, &expression), RUNG_E_FORMAT,
                 "function: more than 200 parentheses, signs and powers inside one another\n  ...");
  }
  memset(text, '1', 20000);
  assert_error(ctx, rung_expression_parse(ctx, text, &expression), RUNG_E_FORMAT,
               "function: expected a text of at most 10000 bytes, found 20000");
  text[5000] = 0;
  assert_error(ctx, rung_expression_parse(ctx, text, &expression), RUNG_E_FORMAT,
               "function: expected a shorter number");
  text[300] = 0;
  assert_ok(ctx, rung_expression_parse(ctx, text, &expression));
  rung_expression_destroy(expression);
  text[0] = 0;
  for (int i = 0; i < 4999; i++) strcat(text, "x+"); /* long, but not deep */
  strcat(text, "1");
  assert_ok(ctx, rung_expression_parse(ctx, text, &expression));
  assert_int_equal(rung_expression_variables(expression), 1);
  rung_expression_destroy(expression);
}

static rung_status parse_and_build(rung_context *ctx, void *arg) {
  rung_expression *expression;
  rung_graph *g;
  RG_TRY(rung_expression_parse(ctx, arg, &expression));
  rung_status status = rung_graph_create(ctx, &g);
  if (status == RUNG_OK) {
    rung_node x = rung_input(g, "x", 0, NULL), y = rung_input(g, "y", 0, NULL);
    rung_node both[] = {x, y};
    if (rung_expression_build(expression, g, 2, (const char *const[]){"x", "y"}, both) == RUNG_NONE)
      status = rung_error_status(ctx);
    rung_graph_destroy(g);
  }
  rung_expression_destroy(expression);
  return status;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  fail_each_allocation(parse_and_build, "sin(2*x+1)+0.2*exp(-1.3*y)^2", (fail_options){0});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_order_of_operations),
      TEST(test_values),
      TEST(test_constants),
      TEST(test_whole_exponents_are_products),
      TEST(test_variables),
      TEST(test_messages),
      TEST(test_caret_in_long_texts),
      TEST(test_limits),
      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
