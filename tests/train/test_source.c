/* What a recipe names: tables by column names, functions by text and box, with their messages; and
 * the errors of a model on them. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "nn/model.h"
#include "num/dd.h"
#include "rung/run.h"
#include "test.h"

static const char table_path[] = "test_source.csv";

static void write_table(const char *text) {
  FILE *file = fopen(table_path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* Keys and values, ended by NULL. */
static rung_recipe *recipe_of(rung_context *ctx, const char *const *pairs) {
  rung_recipe *recipe;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &recipe));
  for (int i = 0; pairs[i]; i += 2)
    assert_ok(ctx, rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]));
  return recipe;
}

static rung_source *open_source(rung_context *ctx, const char *const *pairs) {
  rung_recipe *recipe = recipe_of(ctx, pairs);
  rung_source *source = NULL;
  assert_ok(ctx, rung_source_open(ctx, recipe, &source));
  rung_recipe_destroy(recipe);
  return source;
}

static void must_fail(rung_context *ctx, const char *const *pairs, rung_status status,
                      const char *message) {
  rung_recipe *recipe = recipe_of(ctx, pairs);
  rung_source *source;
  assert_int_equal(rung_source_open(ctx, recipe, &source), status);
  assert_string_equal(rung_error(ctx), message);
  assert_null(source);
  rung_recipe_destroy(recipe);
}

#define SOURCE(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_table_defaults_to_all_other_columns(void **state) {
  rung_context *ctx = *state;
  write_table("a,y,b,z\n1,2,3,4\n5,6,7,8\n");
  rung_source *source = open_source(ctx, SOURCE("table", table_path, "target", "z,y"));
  const rung_problem *p = rung_source_problem(source);
  assert_int_equal(p->inputs, 2);
  assert_int_equal(p->outputs, 2);
  assert_int_equal(p->points, 2);
  assert_string_equal(p->input_names[0], "a");
  assert_string_equal(p->input_names[1], "b");
  assert_string_equal(p->output_names[0], "z");
  assert_string_equal(p->output_names[1], "y");
  assert_memory_equal(p->x, ((double[]){1, 3, 5, 7}), 4 * sizeof(double));
  assert_memory_equal(p->y, ((double[]){4, 2, 8, 6}), 4 * sizeof(double));
  rung_source_close(source);
}

static void test_table_with_named_inputs_ignores_the_rest(void **state) {
  rung_context *ctx = *state;
  write_table("name,b,a,y\nfirst,3,1,0.1\nsecond,4,2,0.2\n");
  rung_source *source = open_source(
      ctx, SOURCE("table", table_path, "target", "y", "inputs", "a, b", "precision", "quad"));
  const rung_problem *p = rung_source_problem(source);
  const rung_dd *x = p->x, *y = p->y;
  assert_true(x[0].hi == 1 && x[1].hi == 3 && x[2].hi == 2 && x[3].hi == 4);
  assert_true(y[0].hi == 0.1 && y[0].lo != 0 && fabs(y[0].lo) < 0x1p-56);
  rung_source_close(source);
}

static void test_table_messages(void **state) {
  rung_context *ctx = *state;
  write_table("a,b,y\n1,2,3\n4,x,6\n");
  must_fail(ctx, SOURCE("table", table_path, "target", "y", "inputs", "a,y"), RUNG_E_ARGUMENT,
            "inputs: \"y\" is also a target; a column is one or the other");
  must_fail(ctx, SOURCE("table", table_path), RUNG_E_ARGUMENT,
            "recipe: target is not set: which columns of the table are to be predicted?");
  must_fail(ctx, SOURCE("table", "no-such.csv", "target", "y"), RUNG_E_IO,
            "no-such.csv: cannot be opened: No such file or directory");
  write_table("a,bee,y\n1,2,3\n4,5,6\n");
  must_fail(ctx, SOURCE("table", table_path, "target", "speed"), RUNG_E_DATA,
            "test_source.csv: no column is named \"speed\"; there are \"a\", \"bee\", \"y\"");
  must_fail(ctx, SOURCE("table", table_path, "target", "y", "inputs", "bea"), RUNG_E_DATA,
            "test_source.csv: no column is named \"bea\"; the nearest is \"bee\", of \"a\", "
            "\"bee\", \"y\"");
  must_fail(ctx, SOURCE("table", table_path, "target", "a,bee,y"), RUNG_E_DATA,
            "test_source.csv: all 3 columns are targets: none is left as input");
}

static void test_function_in_every_arithmetic(void **state) {
  rung_context *ctx = *state;
  rung_source *source =
      open_source(ctx, SOURCE("function", "v*v + w/3", "domain", " w = -1 : 1 , v=0:2.5"));
  const rung_problem *p = rung_source_problem(source);
  assert_int_equal(p->inputs, 2);
  assert_string_equal(p->input_names[0], "w");
  assert_string_equal(p->input_names[1], "v");
  assert_string_equal(p->output_names[0], "y");
  assert_true(p->low[0] == -1 && p->high[0] == 1 && p->low[1] == 0 && p->high[1] == 2.5);
  enum { N = 700 }; /* two chunks and a part */
  static rung_dd x[2 * N], y[N];
  static double xd[2 * N], yd[N];
  for (int i = 0; i < 2 * N; i++) x[i].hi = xd[i] = rg_uniform(1, 9, (uint64_t)i);
  assert_ok(ctx, p->function(p->function_user, ctx, RUNG_DD, N, x, y));
  assert_ok(ctx, p->function(p->function_user, ctx, RUNG_F64, N, xd, yd));
  for (int i = 0; i < N; i++) {
    rung_dd third = rg_div_dd(x[2 * i], (rung_dd){3, 0});
    rung_dd truth = rg_add_dd(rg_mul_dd(x[2 * i + 1], x[2 * i + 1]), third);
    assert_true(fabs(rg_sub_dd(truth, y[i]).hi) < 1e-31);
    assert_true(yd[i] == xd[2 * i + 1] * xd[2 * i + 1] + xd[2 * i] / 3);
  }
  rung_source_close(source);
  source = open_source(ctx, SOURCE("function", "0*y+2", "domain", "y=0:1"));
  p = rung_source_problem(source);
  assert_string_equal(p->output_names[0], "f"); /* y is taken */
  assert_ok(ctx, p->function(p->function_user, ctx, RUNG_F64, 3, xd, yd));
  assert_true(yd[0] == 2 && yd[2] == 2);
  rung_source_close(source);
}

static void test_function_messages(void **state) {
  rung_context *ctx = *state;
  must_fail(ctx, SOURCE("function", "sin(x", "domain", "x=0:1"), RUNG_E_FORMAT,
            "function: expected an operator or ')', found the end\n  sin(x\n       ^");
  must_fail(ctx, SOURCE("function", "x+y", "domain", "x=0:1"), RUNG_E_ARGUMENT,
            "function: the variable 'y' has no range in the domain x=0:1\n  x+y\n    ^");
  must_fail(ctx, SOURCE("function", "x+y", "domain", "x=0:1,z=0:1"), RUNG_E_ARGUMENT,
            "domain: the function has no variable 'z'\n  x=0:1,z=0:1\n        ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:1,x=2:3"), RUNG_E_ARGUMENT,
            "domain: 'x' has a range already\n  x=0:1,x=2:3\n        ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:1,"), RUNG_E_ARGUMENT,
            "domain: expected a variable's name\n  x=0:1,\n        ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:one"), RUNG_E_ARGUMENT,
            "domain: expected a finite number\n  x=0:one\n      ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:inf"), RUNG_E_ARGUMENT,
            "domain: expected a finite number\n  x=0:inf\n      ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0;1"), RUNG_E_ARGUMENT,
            "domain: expected ':' between the ends of the range\n  x=0;1\n     ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x:0:1"), RUNG_E_ARGUMENT,
            "domain: expected '=' between the variable and its range\n  x:0:1\n   ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=1:1"), RUNG_E_ARGUMENT,
            "domain: expected a range that rises, found 1:1\n  x=1:1\n    ^");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:1 2"), RUNG_E_ARGUMENT,
            "domain: expected ',' or the end behind a range\n  x=0:1 2\n        ^");
  must_fail(ctx, SOURCE("function", "pi+1", "domain", "x=0:1"), RUNG_E_ARGUMENT,
            "function: expected at least one variable\n  pi+1\n  ^");
  must_fail(ctx, SOURCE("function", "x"), RUNG_E_ARGUMENT,
            "recipe: domain is not set: where is the function to be fitted? Such as x=-1:1");
  must_fail(ctx, SOURCE("function", "x", "domain", "x=0:1", "target", "a,b"), RUNG_E_ARGUMENT,
            "target: a function has one output, found 2 names");
}

static void test_values_that_are_not_finite_are_named(void **state) {
  rung_context *ctx = *state;
  rung_source *source = open_source(ctx, SOURCE("function", "log(x)*y", "domain", "x=-1:1,y=0:1"));
  const rung_problem *p = rung_source_problem(source);
  double x[] = {0.5, 1, -0.25, 0.75}, y[2];
  assert_error(ctx, p->function(p->function_user, ctx, RUNG_F64, 2, x, y), RUNG_E_DATA,
               "function: the value at x = -0.25, y = 0.75 is not a finite number");
  rung_source_close(source);
}

/* A model of one stage: y = 2 * tanh(x) + bias. */
static rung_model *model_of(rung_context *ctx, rung_dtype dtype, double bias) {
  rung_model *model;
  rg_stage *stage;
  assert_ok(ctx, rg_model_create(ctx, dtype, 1, 1, NULL, NULL, &model));
  assert_ok(ctx, rg_stage_create(ctx, 1, 1, 1, (int64_t[]){1}, (rg_activation[]){RG_TANH}, false,
                                 &stage));
  stage->layer[0].weight[0] = 1;
  stage->head[0] = 2;
  stage->bias[0] = bias;
  assert_ok(ctx, rg_model_append_stage(model, ctx, stage));
  return model;
}

static void test_evaluation_on_a_table(void **state) {
  rung_context *ctx = *state;
  rung_model *model = model_of(ctx, RUNG_F64, 0);
  double x[] = {0, 0, 0, 0}, y[] = {1, -3, 2, 4};
  rung_problem p = {.inputs = 1, .outputs = 1, .points = 4, .x = x, .y = y};
  rung_evaluation e;
  assert_ok(ctx, rung_evaluate(ctx, model, &p, 0, 1, &e));
  assert_int_equal(e.points, 4);
  assert_true(e.relative_l2 == 1 && e.max_error == 4 && e.max_relative == 1);
  assert_true(fabs(e.rms - sqrt(30.0 / 4)) < 1e-15);
  assert_true(fabs(e.r2 - (1 - 30.0 / 26)) < 1e-15);
  y[2] = NAN;
  assert_error(ctx, rung_evaluate(ctx, model, &p, 0, 1, &e), RUNG_E_DATA,
               "row 3, output 1: expected a finite number");
  p.inputs = 2;
  assert_error(ctx, rung_evaluate(ctx, model, &p, 0, 1, &e), RUNG_E_ARGUMENT,
               "the model has 1 inputs and 1 outputs, the data have 2 and 1");
  rung_model_destroy(model);
}

/* The errors of a quad model are told in double-double, also where they are far below one ulp of
 * double. */
static void test_evaluation_on_a_function(void **state) {
  rung_context *ctx = *state;
  const double bias = 0x1p-80;
  rung_source *source = open_source(ctx, SOURCE("function", "2*tanh(x)", "domain", "x=-1:1"));
  const rung_problem *p = rung_source_problem(source);
  rung_evaluation e, again, other;
  rung_model *model = model_of(ctx, RUNG_DD, bias);
  assert_ok(ctx, rung_evaluate(ctx, model, p, 5000, 1, &e));
  assert_true(fabs(e.rms / bias - 1) < 1e-6 && fabs(e.max_error / bias - 1) < 1e-5);
  assert_true(e.relative_l2 > 0 && e.max_relative < 2 * bias && e.r2 == 1 && e.points == 5000);
  rung_model_destroy(model);
  model = model_of(ctx, RUNG_F64, 0);
  assert_ok(ctx, rung_evaluate(ctx, model, p, 5000, 1, &e));
  assert_ok(ctx, rung_evaluate(ctx, model, p, 5000, 1, &again));
  assert_ok(ctx, rung_evaluate(ctx, model, p, 5000, 2, &other));
  assert_memory_equal(&e, &again, sizeof e);
  assert_true(e.rms != other.rms);
  assert_true(e.rms > 1e-18 && e.rms < 2e-16); /* the rounding of a double, not of the truth */
  assert_error(ctx, rung_evaluate(ctx, model, p, 0, 1, &e), RUNG_E_ARGUMENT,
               "expected at least 1 point to compare at, found 0");
  rung_model_destroy(model);
  rung_source_close(source);
}

int main(void) {
  char folder[] = "test-source-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
  const struct CMUnitTest tests[] = {
      TEST(test_table_defaults_to_all_other_columns),
      TEST(test_table_with_named_inputs_ignores_the_rest),
      TEST(test_table_messages),
      TEST(test_function_in_every_arithmetic),
      TEST(test_function_messages),
      TEST(test_values_that_are_not_finite_are_named),
      TEST(test_evaluation_on_a_table),
      TEST(test_evaluation_on_a_function),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(table_path);
  if (chdir("..") == 0) rmdir(folder);
  return failed;
}
