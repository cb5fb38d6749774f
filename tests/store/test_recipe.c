/* Recipes are strict: what is not understood is an error that says where and what is right. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "store/recipe.h"

static void defaults_are_those_of_the_options(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &r));
  assert_string_equal(rung_recipe_get(r, "precision"), "double");
  assert_string_equal(rung_recipe_get(r, "seed"), "1");
  assert_null(rung_recipe_get(r, "table"));
  assert_null(rung_recipe_get(r, "no such key"));
  rung_fit_options o;
  assert_ok(ctx, rg_recipe_options(r, ctx, &o));
  assert_int_equal(o.precision, RUNG_F64);
  assert_int_equal(o.method, RUNG_SEPARABLE);
  assert_int_equal(o.minimiser, RUNG_LBFGS);
  assert_int_equal(o.stages, 0);
  assert_int_equal(o.seed, 1);
  assert_int_equal(o.replace, -1);
  assert_true(o.heldout == 0.1 && o.time == 0 && o.memory == 0 && o.target_error == 0);
  rung_recipe_destroy(r);
}

static void values_become_options(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &r));
  static const char *pairs[][2] = {
      {"precision", "quad"}, {"method", "gradient"},   {"minimiser", "ssbroyden"},
      {"stages", "7"},       {"target-error", "1e-9"}, {"time", "1.5min"},
      {"memory", "200MB"},   {"heldout", "0.25"},      {"seed", "18446744073709551615"},
      {"points", "5000"},    {"replace", "0"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
    assert_ok(ctx, rung_recipe_set(r, ctx, pairs[i][0], pairs[i][1]));
  rung_fit_options o;
  assert_ok(ctx, rg_recipe_options(r, ctx, &o));
  assert_int_equal(o.precision, RUNG_DD);
  assert_int_equal(o.method, RUNG_GRADIENT);
  assert_int_equal(o.minimiser, RUNG_SSBROYDEN);
  assert_int_equal(o.stages, 7);
  assert_true(o.target_error == 1e-9 && o.time == 90 && o.heldout == 0.25);
  assert_int_equal(o.memory, 200000000);
  assert_true(o.seed == UINT64_MAX);
  assert_int_equal(o.points, 5000);
  assert_int_equal(o.replace, 0);
  assert_ok(ctx, rung_recipe_set(r, ctx, "replace", NULL));
  assert_ok(ctx, rung_recipe_set(r, ctx, "stages", ""));
  assert_ok(ctx, rg_recipe_options(r, ctx, &o));
  assert_int_equal(o.replace, -1);
  assert_int_equal(o.stages, 0);
  rung_recipe_destroy(r);
}

static void wrong_values_are_explained(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &r));
  static const char *cases[][3] = {
      {"tagret", "y", "unknown key \"tagret\"; did you mean \"target\"?"},
      {"target_error", "1", "did you mean \"target-error\"?"},
      {"colour", "red", "the keys are: table, target, inputs, "},
      {"precision", "half", "precision: expected one of: single double quad; found \"half\""},
      {"precision", "double quad", "expected one of"},
      {"stages", "-1", "stages: expected a whole number from 0 to 1000, found \"-1\""},
      {"stages", "2.5", "whole number"},
      {"seed", "18446744073709551616", "seed: expected a whole number from 0 to"},
      {"time", "60 minutes", "time: expected seconds, or a time such as 90s, 5min or 2h,"},
      {"memory", "200Mb", "memory: expected bytes, or a size such as 200MB or 1GiB,"},
      {"memory", "0x10", "memory: expected bytes"},
      {"heldout", "0.9", "heldout: expected a number from 0.02"},
      {"heldout", "nan", "heldout: expected a number"},
      {"target-error", "1e999", "target-error: expected a number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_clear_error(ctx);
    assert_error(ctx, rung_recipe_set(r, ctx, cases[i][0], cases[i][1]), RUNG_E_ARGUMENT,
                 cases[i][2]);
  }
  assert_string_equal(rung_recipe_get(r, "precision"), "double");
  rung_recipe_destroy(r);
}

static rung_status load(rung_context *ctx, const char *text, rung_recipe **out) {
  rung_clear_error(ctx);
  return rung_recipe_load_memory(ctx, RUNG_RECIPE_FIT, "r.yaml", text, strlen(text), out);
}

static void yaml_is_read(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, load(ctx,
                      "# a fit\ntable: \"da ta.csv\"\ntarget: [y, z one]\ninputs: a, b\n"
                      "stages: 3\nmemory: 64MiB\ntime:\nmodel: ~\n",
                      &r));
  assert_string_equal(rung_recipe_get(r, "table"), "da ta.csv");
  assert_string_equal(rung_recipe_get(r, "target"), "y,z one");
  assert_string_equal(rung_recipe_get(r, "time"), "0");
  assert_null(rung_recipe_get(r, "model"));
  char **list;
  int count;
  assert_ok(ctx, rg_recipe_list(r, ctx, "target", &list, &count));
  assert_int_equal(count, 2);
  assert_string_equal(list[1], "z one");
  assert_null(list[2]);
  rg_free(ctx, list);
  assert_ok(ctx, rg_recipe_list(r, ctx, "inputs", &list, &count));
  assert_int_equal(count, 2);
  assert_string_equal(list[0], "a");
  assert_string_equal(list[1], "b");
  rg_free(ctx, list);
  assert_ok(ctx, rg_recipe_list(r, ctx, "domain", &list, &count));
  assert_int_equal(count, 0);
  rg_free(ctx, list);
  assert_ok(ctx, rung_recipe_set(r, ctx, "inputs", "a,,b"));
  assert_error(ctx, rg_recipe_list(r, ctx, "inputs", &list, &count), RUNG_E_ARGUMENT,
               "inputs: expected names with commas between, found \"a,,b\"");
  rung_recipe_destroy(r);
  assert_ok(ctx, load(ctx, "", &r));
  rung_recipe_destroy(r);
  assert_ok(ctx, load(ctx, "---\n# nothing\n", &r));
  rung_recipe_destroy(r);
}

static void wrong_yaml_is_explained_with_its_line(void **state) {
  rung_context *ctx = *state;
  static const struct {
    const char *text;
    rung_status status;
    const char *message;
  } cases[] = {
      {"table: a\ntargets: y\n", RUNG_E_ARGUMENT,
       "r.yaml:2: unknown key \"targets\"; did you mean \"target\"?"},
      {"table: a\n\nstages: many\n", RUNG_E_ARGUMENT, "r.yaml:3: stages: expected a whole number"},
      {"stages: 1\nstages: 2\n", RUNG_E_FORMAT, "r.yaml:2: stages is set a second time"},
      {"stages: [1]\n", RUNG_E_FORMAT, "r.yaml:1: expected one value, found a list"},
      {"table: {a: b}\n", RUNG_E_FORMAT, "r.yaml:1: expected one value, found a mapping"},
      {"target: [[y]]\n", RUNG_E_FORMAT, "expected a name in the list, found a list"},
      {"target: []\n", RUNG_E_FORMAT, "expected a name in the list, found none"},
      {"target: ['a,b']\n", RUNG_E_FORMAT, "without comma"},
      {"- table\n", RUNG_E_FORMAT, "r.yaml:1: expected keys with values"},
      {"text\n", RUNG_E_FORMAT,
       "expected keys with values, such as \"table: data.csv\", found text"},
      {"table: &a x\n", RUNG_E_FORMAT, "found an anchor"},
      {"table: *a\n", RUNG_E_FORMAT, "found an alias"},
      {"table: !!str x\n", RUNG_E_FORMAT, "found a tag"},
      {"[a]: x\n", RUNG_E_FORMAT, "expected a key, found a list"},
      {"table: \"a\\0b\"\n", RUNG_E_FORMAT, "0 character"},
      {"table: a\n---\ntable: b\n", RUNG_E_FORMAT, "r.yaml:2: expected the end of the recipe"},
      {"table: 'a\n", RUNG_E_FORMAT, "r.yaml:2:1: not valid YAML: "},
      {"table: \xff\n", RUNG_E_FORMAT, "r.yaml: not text in UTF-8 at byte 7"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    assert_error(ctx, load(ctx, cases[i].text, &r), cases[i].status, cases[i].message);
    assert_null(r);
  }
}

static void printed_recipes_read_back(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r, *back;
  char *text, *again, path[] = "/tmp/rung-test-XXXXXX";
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &r));
  assert_ok(ctx, rung_recipe_set(r, ctx, "table", "a \"b\" # c\\d:\te"));
  assert_ok(ctx, rung_recipe_set(r, ctx, "target", "null"));
  assert_ok(ctx, rung_recipe_set(r, ctx, "memory", "1.5 GiB"));
  assert_ok(ctx, rung_recipe_set(r, ctx, "seed", "18446744073709551615"));
  assert_ok(ctx, rung_recipe_text(r, ctx, &text));
  close(mkstemp(path));
  assert_ok(ctx, rg_write_file(ctx, path, text, strlen(text)));
  assert_ok(ctx, rung_recipe_load(ctx, RUNG_RECIPE_FIT, path, &back));
  unlink(path);
  for (int i = 0; i < rg_recipe_fit_table.count; i++) {
    const char *a = rung_recipe_get(r, rg_recipe_fit_table.keys[i].key);
    const char *b = rung_recipe_get(back, rg_recipe_fit_table.keys[i].key);
    assert_int_equal(a == NULL, b == NULL);
    if (a) assert_string_equal(a, b);
  }
  assert_ok(ctx, rung_recipe_text(back, ctx, &again));
  assert_string_equal(text, again);
  rg_free(ctx, text);
  rg_free(ctx, again);
  rung_recipe_destroy(back);
  rung_recipe_destroy(r);
}

static void keys_must_go_together(void **state) {
  rung_context *ctx = *state;
  static const char *cases[][2] = {
      {"", "r.yaml: neither a table nor a function"},
      {"table: a\nfunction: x\n", "both a table and a function"},
      {"table: a\n", "target is not set"},
      {"table: a\ntarget: y\ndomain: x=0:1\n", "r.yaml:3: domain belongs to a function"},
      {"table: a\ntarget: y\npoints: 9\n", "points belongs to a function"},
      {"function: x\n", "domain is not set"},
      {"function: x\ndomain: x=0:1\nreplace: 1\n", "r.yaml:3: replace is set, but no model"},
      {"table: a\ntarget: y\n", NULL},
      {"table: a\nmodel: m\n", NULL},
      {"function: x\ndomain: x=0:1\npoints: 100\n", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    assert_ok(ctx, load(ctx, cases[i][0], &r));
    if (cases[i][1])
      assert_error(ctx, rg_recipe_check(r, ctx), RUNG_E_ARGUMENT, cases[i][1]);
    else
      assert_ok(ctx, rg_recipe_check(r, ctx));
    rung_recipe_destroy(r);
  }
}

static void damaged_recipes_do_not_crash(void **state) {
  rung_context *ctx = *state;
  char text[] = "table: \"d.csv\"\ntarget: [y, z]\nstages: 3 # few\nmemory: 64MB\n";
  for (size_t at = 0; at + 1 < sizeof text; at++) {
    rung_recipe *r;
    char kept = text[at];
    for (int c = 0; c < 256; c++) {
      text[at] = (char)c;
      rung_clear_error(ctx);
      rung_status status =
          rung_recipe_load_memory(ctx, RUNG_RECIPE_FIT, "r", text, sizeof text - 1, &r);
      assert_true(status == RUNG_OK || rung_error(ctx)[0]);
      rung_recipe_destroy(r);
    }
    text[at] = kept;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(defaults_are_those_of_the_options),
      TEST(values_become_options),
      TEST(wrong_values_are_explained),
      TEST(yaml_is_read),
      TEST(wrong_yaml_is_explained_with_its_line),
      TEST(printed_recipes_read_back),
      TEST(keys_must_go_together),
      TEST(damaged_recipes_do_not_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
