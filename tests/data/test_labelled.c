/* Tables with labels: columns and words, numbers as they stand, every complaint. */
#include <math.h>

#include "data/made.h"
#include "fail_alloc.h"
#include "rung/dataset.h"

static rung_dataset_options defaults(void) {
  return rung_dataset_options_default();
}

static rung_status open_text(rung_context *ctx, const folder *f, const char *text,
                             const rung_dataset_options *options, rung_dataset **out) {
  write_bytes(f, "t.csv", text, strlen(text));
  return rung_dataset_open(ctx, path_in(f, "t.csv"), options, out);
}

static void check_numbers(rung_context *ctx, const rung_dataset *set, int64_t row, size_t n,
                          const double *expected) {
  double x[16] = {0};
  assert_true(n <= 16);
  assert_int_equal(rung_dataset_size(set), n);
  assert_ok(ctx, rung_dataset_read(set, ctx, row, RUNG_F64, x));
  assert_memory_equal(x, expected, n * sizeof *x);
}

#define check_row(ctx, set, row, ...)                                                              \
  check_numbers(ctx, set, row, sizeof((double[]){__VA_ARGS__}) / sizeof(double),                   \
                (double[]){__VA_ARGS__})

static const char flowers[] = "height,colour,kind,id\n"
                              "1.5,red,rose,17\n"
                              "2,\"sky \"\"blue\"\"\",iris,18\n"
                              "0.1,red,iris,19\n";

static void test_words_and_numbers(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  rung_dataset_options options = defaults();
  char name[100];
  int64_t shape[3];
  options.target = "kind";
  options.ignore = "id";
  assert_ok(ctx, open_text(ctx, &f, flowers, &options, &set));
  assert_int_equal(rung_dataset_count(set), 3);
  assert_int_equal(rung_dataset_kind(set), RUNG_FEATURES);
  assert_int_equal(rung_dataset_shape(set, shape), 1);
  assert_int_equal(shape[0], 3);
  assert_string_equal(rung_dataset_feature(set, 0), "height");
  assert_string_equal(rung_dataset_feature(set, 1), "colour=red");
  assert_string_equal(rung_dataset_feature(set, 2), "colour=sky \"blue\"");
  assert_null(rung_dataset_feature(set, 3));
  assert_int_equal(rung_dataset_classes(set), 2);
  assert_string_equal(rung_dataset_class(set, 0), "iris");
  assert_int_equal(rung_dataset_label(set, 0), 1);
  assert_int_equal(rung_dataset_label(set, 1), 0);
  assert_int_equal(rung_dataset_targets(set), 0);
  check_row(ctx, set, 0, 1.5, 1, 0);
  check_row(ctx, set, 1, 2, 0, 1);
  check_row(ctx, set, 2, 0.1, 1, 0); /* 0.1 is no float: kept in double */
  assert_non_null(strstr(rung_dataset_name(set, 1, name, sizeof name), "t.csv: line 3"));
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_columns_by_number(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  rung_dataset_options options = defaults();
  static const char *const same[] = {NULL, "2", "-1"};
  for (int i = 0; i < 3; i++) { /* without a header the names are the numbers */
    options.target = same[i];
    assert_ok(ctx, open_text(ctx, &f, "1 2 10\n3 4 9\n5 6 -1\n", &options, &set));
    assert_int_equal(rung_dataset_classes(set), 3);
    assert_string_equal(rung_dataset_class(set, 0), "-1"); /* by size, not by text */
    assert_string_equal(rung_dataset_class(set, 2), "10");
    assert_int_equal(rung_dataset_label(set, 0), 2);
    assert_string_equal(rung_dataset_feature(set, 1), "1");
    check_row(ctx, set, 1, 3, 4);
    rung_dataset_destroy(set);
  }
  options.target = "0";
  options.ignore = "1";
  assert_ok(ctx, open_text(ctx, &f, "1 2 10\n3 4 9\n5 6 -1\n", &options, &set));
  check_row(ctx, set, 1, 9);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_regression(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  double mean[2], scale[2];
  rung_dataset_options options = defaults();
  options.regression = 1;
  options.target = "b, c";
  assert_ok(ctx, open_text(ctx, &f, "a,b,c\n1,0.5,7\n2,1.5,7\n", &options, &set));
  assert_int_equal(rung_dataset_classes(set), 0);
  assert_int_equal(rung_dataset_targets(set), 2);
  assert_string_equal(rung_dataset_target(set, 1), "c");
  assert_int_equal(rung_dataset_label(set, 0), -1);
  assert_true(rung_dataset_values(set, 1)[0] == 1.5 && rung_dataset_values(set, 1)[1] == 7);
  assert_null(rung_dataset_values(set, 2));
  rung_target_normalisation(set, NULL, mean, scale);
  assert_true(mean[0] == 1 && scale[0] == 0.5 && mean[1] == 7 && scale[1] == 1);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

/* Other files are read as the training set was. */
static void test_form(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *train, *set;
  rung_dataset_options options = defaults();
  options.target = "kind";
  options.ignore = "id";
  assert_ok(ctx, open_text(ctx, &f, flowers, &options, &train));
  options = defaults();
  options.form = rung_dataset_form(train);
  assert_ok(ctx, open_text(ctx, &f, "kind,extra,colour,height\nrose,x,red,3\nrose,x,red,5\n",
                           &options, &set));
  assert_int_equal(rung_dataset_classes(set), 2);
  assert_int_equal(rung_dataset_label(set, 0), 1);
  check_row(ctx, set, 0, 3, 1, 0);
  assert_string_equal(rung_dataset_form(set), rung_dataset_form(train));
  rung_dataset_destroy(set);
  assert_error(ctx, open_text(ctx, &f, "kind,colour,height\nrose,green,3\n", &options, &set),
               RUNG_E_DATA,
               "t.csv: line 2, column 2 (\"colour\"): expected a category of the 2 from \"red\" to "
               "\"sky \"blue\"\", found \"green\"");
  assert_error(ctx, open_text(ctx, &f, "kind,colour,height\ntulip,red,3\n", &options, &set),
               RUNG_E_DATA, "expected a label of the 2 from \"iris\" to \"rose\", found \"tulip\"");
  assert_error(ctx, open_text(ctx, &f, "kind,color,height\nrose,red,3\n", &options, &set),
               RUNG_E_DATA,
               "no column is named \"colour\" or has that number, of 0..2; the nearest is "
               "\"color\"");
  assert_error(ctx, open_text(ctx, &f, "colour,height\nred,3\n", &options, &set), RUNG_E_DATA,
               "no column is named \"kind\"");
  options.target = "sort"; /* the labels stand elsewhere in this file */
  assert_ok(ctx, open_text(ctx, &f, "kind,colour,height,sort\n?,red,3,rose\n", &options, &set));
  assert_int_equal(rung_dataset_label(set, 0), 1);
  assert_string_equal(rung_dataset_form(set), rung_dataset_form(train));
  rung_dataset_destroy(set);
  options.target = "height";
  assert_error(ctx, open_text(ctx, &f, "colour,height\nred,3\n", &options, &set), RUNG_E_DATA,
               "t.csv: expected 2 columns of features as in training, found 1: one serves twice");
  options.target = "colour,height";
  assert_error(ctx, open_text(ctx, &f, "colour,height\nred,3\n", &options, &set), RUNG_E_ARGUMENT,
               "target: expected 1 columns as in training, found 2");
  options.target = NULL;
  options.unlabelled = 1;
  assert_ok(ctx, open_text(ctx, &f, "colour,height\nred,3\n", &options, &set));
  assert_int_equal(rung_dataset_label(set, 0), -1);
  assert_int_equal(rung_dataset_classes(set), 2);
  rung_dataset_destroy(set);
  rung_dataset_destroy(train);
  for (int i = 0; i < 3; i++) {
    static const char *const bad[] = {"", "{\"kind\":\"table\"}",
                                      "{\"kind\":\"images\",\"shape\":[1,2]}"};
    options.form = bad[i];
    assert_error(ctx, open_text(ctx, &f, flowers, &options, &set), RUNG_E_FORMAT,
                 "form of the data: expected ");
  }
  options.form = "{\"kind\":\"images\",\"shape\":[1,2,3],\"classes\":[\"a\"]}";
  assert_error(ctx, open_text(ctx, &f, "1,a\n", &options, &set), RUNG_E_DATA,
               "t.csv: expected images as in training, found a table");
  remove_folder(&f);
}

static void test_messages(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  static const struct {
    const char *text, *target;
    rung_status status;
    const char *message;
  } cases[] = {
      {"", NULL, RUNG_E_DATA, "expected a table, found an empty file"},
      {"a,b\n", NULL, RUNG_E_DATA, "expected samples, found none that can be used"},
      {"a,b\n1,x\n2,x\n", NULL, RUNG_E_DATA,
       "expected samples of two classes at least, found one class only: \"x\", 2 of them"},
      {"a,b\n1,x\n,y\n", NULL, RUNG_E_DATA,
       "t.csv: line 3, column 1 (\"a\"): expected a number, found an empty cell"},
      {"a,b\n1,x\nNA,y\n", NULL, RUNG_E_DATA, "line 3, column 1 (\"a\"): expected a number"},
      {"a,b\n1,x\nnan,y\n", NULL, RUNG_E_DATA, "expected a finite number, found \"nan\""},
      {"a,b\n1,x\n2,\n", NULL, RUNG_E_DATA,
       "t.csv: line 3, column 2 (\"b\"): expected a label, found an empty cell"},
      {"a,b\n1,x\n2,?\n", NULL, RUNG_E_DATA,
       "t.csv: line 3, column 2 (\"b\"): expected a label, found a missing value"},
      {"a,b\nr,x\n,y\ng,x\n", NULL, RUNG_E_DATA,
       "t.csv: line 3, column 1 (\"a\"): expected a category, found an empty cell"},
      {"a,b\n1,x\n2,y\nz,x\n", NULL, RUNG_E_DATA,
       "t.csv: line 4, column 1 (\"a\"): expected a number, found \"z\""},
      {"a,b\n1,x\n2\n", NULL, RUNG_E_DATA, "t.csv: line 3: expected 2 cells as in line 1, found 1"},
      {"a,b\n1,x\n2,y,z\n", NULL, RUNG_E_DATA,
       "t.csv: line 3: expected 2 cells as in line 1, found 3"},
      {"a,b\n1,x\n2,\"y\n", NULL, RUNG_E_FORMAT, "expected a closing quote"},
      {"a,b\n1,x\n2,\"y\"z\n", NULL, RUNG_E_FORMAT, "expected a separator after the closing"},
      {"a,b\n1,x\n2,y\n", "c", RUNG_E_DATA, "no column is named \"c\""},
      {"a,b\n1,x\n2,y\n", "2", RUNG_E_DATA, "no column is named \"2\" or has that number, of 0..1"},
      {"a,b\n1,x\n2,y\n", "a,b", RUNG_E_ARGUMENT, "expected one column of labels, found 2"},
      {"a,a\n1,x\n2,y\n", "a", RUNG_E_DATA, "columns 1 and 2 are both named \"a\""},
      {"b\nx\ny\n", NULL, RUNG_E_DATA, "expected columns besides the target, found none"},
      {"PK\3\4", NULL, RUNG_E_FORMAT, "found a zip archive or spreadsheet"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_dataset_options options = defaults();
    options.target = cases[i].target;
    assert_error(ctx, open_text(ctx, &f, cases[i].text, &options, &set), cases[i].status,
                 cases[i].message);
    assert_null(set);
  }
  rung_dataset_options options = defaults();
  options.memory = 200;
  assert_true(open_text(ctx, &f, flowers, &options, &set) < 0);
  options.memory = 300000; /* enough to read, not to hold 20,000 rows */
  char *text = calloc(20000, 4);
  for (int i = 0; i < 20000; i++) memcpy(text + 4 * i, i % 2 ? "1,a\n" : "2,b\n", 4);
  write_bytes(&f, "t.csv", text, 80000);
  free(text);
  options.memory = 500000;
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "t.csv"), &options, &set), RUNG_E_BUDGET,
               "t.csv: expected a memory limit of at least ");
  remove_folder(&f);
}

static void test_many_categories(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  char text[8192] = "name,label\n";
  for (int i = 0; i < 300; i++) snprintf(text + strlen(text), 32, "w%d,%s\n", i, i % 2 ? "a" : "b");
  assert_error(ctx, open_text(ctx, &f, text, NULL, &set), RUNG_E_UNSUPPORTED,
               "column 1 (\"name\"): expected at most 256 different categories, found more; if the "
               "column tells rows apart, ignore it");
  memcpy(text, "x,label   ", 10);
  strcpy(text, "x,y\n");
  for (int i = 0; i < 40; i++) snprintf(text + strlen(text), 32, "%d,%g\n", i, i * 0.25);
  assert_error(ctx, open_text(ctx, &f, text, NULL, &set), RUNG_E_DATA,
               "expected labels, found 40 different numbers such as 0.25; for numbers to be met, "
               "ask for regression");
  remove_folder(&f);
}

/* Bad rows leave no trace but their number: neither categories nor classes. */
static void test_skipped_rows(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  rung_dataset_options options = defaults();
  options.skip_bad = 1;
  assert_ok(ctx, open_text(ctx, &f,
                           "a,c,b\n1,red,x\n,green,y\n2,red,z\n3,red\n4,red,\n5,,x\n6,blue,z\n"
                           "7,\"a\"b,x\n8,red,x\n",
                           &options, &set));
  assert_int_equal(rung_dataset_count(set), 4);
  assert_int_equal(rung_dataset_skipped(set), 5);
  assert_int_equal(rung_dataset_classes(set), 2);
  assert_int_equal(rung_dataset_size(set), 3);
  check_row(ctx, set, 2, 6, 1, 0);
  rung_dataset_destroy(set);
  assert_error(ctx, open_text(ctx, &f, "a,b\n,x\n,y\n1,\n", &options, &set), RUNG_E_DATA,
               "expected samples, found none that can be used");
  remove_folder(&f);
}

/* Columns of a NumPy array are named by their numbers from 0. */
static void test_numpy(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  static const double cells[] = {1, 2, 0, 3, 4, 1.5};
  unsigned char data[256] = "\x93NUMPY\1";
  snprintf((char *)data + 10, 119, "%-117s\n",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }");
  data[8] = 118;
  memcpy(data + 128, cells, sizeof cells);
  write_bytes(&f, "a.npy", data, 128 + sizeof cells);
  write_bytes(&f, "a.npy.gz", data, 128 + sizeof cells);
  for (int i = 0; i < 2; i++) {
    assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, i ? "a.npy.gz" : "a.npy"), NULL, &set));
    check_row(ctx, set, 1, 3, 4);
    assert_string_equal(rung_dataset_feature(set, 1), "1");
    assert_string_equal(rung_dataset_class(set, 0), "0");
    assert_string_equal(rung_dataset_class(set, 1), "1.5");
    assert_int_equal(rung_dataset_label(set, 1), 1);
    rung_dataset_destroy(set);
  }
  remove_folder(&f);
}

static void test_arrays(void **state) {
  rung_context *ctx = *state;
  rung_dataset *set;
  static const double x[] = {1, 2.5, 3, 0.1, 5, 6}, y[] = {7, 8, 9}, bad[] = {1, NAN};
  static const int label[] = {0, 2, -1}, outside[] = {0, 3, 1};
  assert_ok(ctx, rung_dataset_from_arrays(ctx, 3, 2, x, 3, label, 0, NULL, &set));
  for (int i = 0; i < 3; i++) {
    check_numbers(ctx, set, i, 2, x + 2 * i);
    assert_int_equal(rung_dataset_label(set, i), label[i]);
  }
  assert_string_equal(rung_dataset_class(set, 2), "2");
  assert_int_equal(rung_dataset_bytes(set), rung_memory_now(ctx));
  rung_dataset_destroy(set);
  assert_ok(ctx, rung_dataset_from_arrays(ctx, 3, 2, x, 0, NULL, 1, y, &set));
  assert_true(rung_dataset_values(set, 2)[0] == 9);
  assert_string_equal(rung_dataset_form(set),
                      "{\"kind\":\"table\",\"columns\":[{\"name\":\"0\"},{\"name\":\"1\"}],"
                      "\"targets\":[\"0\"]}");
  rung_dataset_destroy(set);
  assert_error(ctx, rung_dataset_from_arrays(ctx, 3, 2, x, 3, outside, 0, NULL, &set), RUNG_E_DATA,
               "expected labels -1..2, found 3 of sample 1");
  assert_error(ctx, rung_dataset_from_arrays(ctx, 1, 2, bad, 3, label, 0, NULL, &set), RUNG_E_DATA,
               "expected finite numbers, found nan as feature 1 of sample 0");
  assert_error(ctx, rung_dataset_from_arrays(ctx, 1, 2, x, 3, label, 1, y, &set), RUNG_E_ARGUMENT,
               "expected either classes or targets, found 3 and 1");
  assert_error(ctx, rung_dataset_from_arrays(ctx, 0, 2, x, 3, label, 0, NULL, &set),
               RUNG_E_ARGUMENT, "expected samples with features, found 0 of 2");
}

static rung_status make_from_arrays(rung_context *ctx, void *arg) {
  static const double x[] = {1, 2.5, 3, 4, 5, 6};
  static const int label[] = {0, 2, -1};
  rung_dataset *set;
  (void)arg;
  RG_TRY(rung_dataset_from_arrays(ctx, 3, 2, x, 3, label, 0, NULL, &set));
  rung_dataset_destroy(set);
  RG_TRY(rung_dataset_from_arrays(ctx, 3, 1, x, 0, NULL, 1, x, &set));
  rung_dataset_destroy(set);
  return RUNG_OK;
}

static rung_status open_and_close(rung_context *ctx, void *arg) {
  rung_dataset *set, *other;
  rung_dataset_options options = defaults();
  options.target = "kind";
  options.skip_bad = 1;
  RG_TRY(rung_dataset_open(ctx, arg, &options, &set));
  options = defaults();
  options.form = rung_dataset_form(set);
  rung_status status = rung_dataset_open(ctx, arg, &options, &other);
  if (status == RUNG_OK) rung_dataset_destroy(other);
  rung_dataset_destroy(set);
  return status;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  folder f = make_folder();
  write_bytes(&f, "t.csv", flowers, strlen(flowers));
  fail_each_allocation(open_and_close, (char *)path_in(&f, "t.csv"), (fail_options){0});
  fail_each_allocation(make_from_arrays, NULL, (fail_options){0});
  remove_folder(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_words_and_numbers),
      TEST(test_columns_by_number),
      TEST(test_regression),
      TEST(test_form),
      TEST(test_messages),
      TEST(test_many_categories),
      TEST(test_skipped_rows),
      TEST(test_numpy),
      TEST(test_arrays),
      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
