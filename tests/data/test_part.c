/* Splits, folds and choices: disjoint, complete, in proportion, functions of the seed; weights and
 * normalisation against plain formulas. */
#include <math.h>

#include "data/made.h"
#include "fail_alloc.h"
#include "rung/dataset.h"

#define COUNT 400
#define CLASSES 7

/* Class c has about c + 1 shares; label 6 is rare. */
static int label_of(int i) {
  static const int share[] = {0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5};
  return i % 57 == 3 ? 6 : share[(i * 7) % 20];
}

static rung_dataset *open_set(rung_context *ctx, const folder *f) {
  static char text[COUNT * 64];
  size_t at = (size_t)sprintf(text, "a,b,c\n");
  for (int i = 0; i < COUNT; i++)
    at += (size_t)sprintf(text + at, "%.17g,0.1,%d\n", 1e6 + sin(i), label_of(i));
  write_bytes(f, "t.csv", text, at);
  rung_dataset *set;
  assert_ok(ctx, rung_dataset_open(ctx, path_in(f, "t.csv"), NULL, &set));
  assert_int_equal(rung_dataset_count(set), COUNT);
  assert_int_equal(rung_dataset_classes(set), CLASSES);
  return set;
}

/* Ascending, without repetition, within the set; marks them. */
static void mark(const rung_part *part, char *seen) {
  for (int64_t i = 0; i < part->count; i++) {
    assert_in_range(part->index[i], 0, COUNT - 1);
    assert_true(i == 0 || part->index[i - 1] < part->index[i]);
    assert_int_equal(seen[part->index[i]]++, 0);
  }
}

static void check_proportion(const rung_dataset *set, const rung_part *part, double share) {
  int64_t all[CLASSES], some[CLASSES];
  rung_part_classes(set, NULL, all);
  rung_part_classes(set, part, some);
  for (int c = 0; c < CLASSES; c++) assert_true(fabs((double)some[c] - share * (double)all[c]) < 1);
}

static void test_splits(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_set(ctx, &f);
  static const double held_out[] = {0.1, 0.5, 0.333, 1, 77, 399};
  for (int i = 0; i < 6; i++) {
    char seen[COUNT] = {0};
    rung_part a, b, c, d;
    double count = held_out[i] < 1 ? floor(held_out[i] * COUNT + 0.5) : held_out[i];
    assert_ok(ctx, rung_part_split(set, ctx, NULL, held_out[i], 5, &a, &b));
    assert_int_equal(b.count, (int64_t)count);
    assert_int_equal(a.count + b.count, COUNT);
    mark(&a, seen);
    mark(&b, seen);
    check_proportion(set, &b, count / COUNT);
    assert_ok(ctx, rung_part_split(set, ctx, NULL, held_out[i], 5, &c, &d));
    assert_memory_equal(b.index, d.index, (size_t)b.count * sizeof *b.index);
    rung_free(ctx, c.index);
    rung_free(ctx, d.index);
    assert_ok(ctx, rung_part_split(set, ctx, NULL, held_out[i], 6, &c, &d));
    if (b.count > 1 && a.count > 1)
      assert_memory_not_equal(b.index, d.index, (size_t)b.count * sizeof *b.index);
    rung_free(ctx, c.index);
    rung_free(ctx, d.index);
    rung_free(ctx, a.index);
    rung_free(ctx, b.index);
  }
  static const double bad[] = {0, -1, 400, 0.0001, 0.9999, NAN, INFINITY};
  for (int i = 0; i < 7; i++) {
    rung_part a, b;
    assert_error(ctx, rung_part_split(set, ctx, NULL, bad[i], 5, &a, &b), RUNG_E_ARGUMENT,
                 "held-out samples: expected a share or a number that leaves both parts samples");
    assert_null(a.index);
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_folds(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_set(ctx, &f);
  char held[COUNT] = {0};
  rung_part a, b;
  for (int fold = 0; fold < 10; fold++) {
    char seen[COUNT] = {0};
    assert_ok(ctx, rung_part_fold(set, ctx, NULL, 10, fold, 1, &a, &b));
    assert_int_equal(b.count, 40);
    mark(&a, seen);
    mark(&b, seen);
    mark(&b, held); /* no sample is held out twice */
    check_proportion(set, &b, 0.1);
    rung_free(ctx, a.index);
    rung_free(ctx, b.index);
  }
  assert_error(ctx, rung_part_fold(set, ctx, NULL, 1, 0, 1, &a, &b), RUNG_E_ARGUMENT,
               "folds: expected 2..400 and a fold below that, found 1 and 0");
  assert_error(ctx, rung_part_fold(set, ctx, NULL, 10, 10, 1, &a, &b), RUNG_E_ARGUMENT,
               "found 10 and 10");
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_limits(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_set(ctx, &f);
  char before[COUNT] = {0};
  for (int n = 1; n <= 500; n += n < 60 ? 1 : 55) {
    char seen[COUNT] = {0};
    int64_t all[CLASSES], some[CLASSES], most = 0;
    rung_part part;
    assert_ok(ctx, rung_part_limit(set, ctx, NULL, n, 3, &part));
    assert_int_equal(part.count, n < COUNT ? n : COUNT);
    mark(&part, seen);
    for (int i = 0; i < COUNT; i++) assert_true(seen[i] >= before[i]); /* nested */
    memcpy(before, seen, COUNT);
    rung_part_classes(set, NULL, all);
    rung_part_classes(set, &part, some);
    for (int c = 0; c < CLASSES; c++) most = some[c] > most ? some[c] : most;
    for (int c = 0; c < CLASSES; c++) assert_true(some[c] >= most - 1 || some[c] == all[c]);
    rung_free(ctx, part.index);
  }
  rung_part some, train, held; /* a part of a part */
  assert_ok(ctx, rung_part_limit(set, ctx, NULL, 70, 3, &some));
  assert_ok(ctx, rung_part_split(set, ctx, &some, 0.2, 3, &train, &held));
  assert_int_equal(held.count, 14);
  char inside[COUNT] = {0};
  for (int i = 0; i < 70; i++) inside[some.index[i]] = 1;
  for (int i = 0; i < 14; i++) assert_true(inside[held.index[i]]);
  rung_free(ctx, train.index);
  rung_free(ctx, held.index);
  assert_error(ctx, rung_part_limit(set, ctx, NULL, 0, 3, &train), RUNG_E_ARGUMENT,
               "limit: expected 1 sample or more, found 0");
  rung_free(ctx, some.index);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_weights(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_set(ctx, &f);
  double weight[CLASSES], sum = 0;
  int64_t count[CLASSES];
  rung_part_weights(set, NULL, weight);
  rung_part_classes(set, NULL, count);
  for (int c = 0; c < CLASSES; c++) {
    assert_true(fabs(weight[c] * (double)count[c] - COUNT / (double)CLASSES) < 1e-10);
    sum += weight[c] * (double)count[c];
  }
  assert_true(fabs(sum - COUNT) < 1e-9);
  int64_t only[] = {label_of(0) == 6 ? 1 : 0, 3};
  rung_part two = {2, only}; /* classes that are not there weigh nothing */
  rung_part_weights(set, &two, weight);
  for (int c = 0; c < CLASSES; c++) {
    bool there = c == label_of((int)only[0]) || c == label_of(3);
    assert_true(weight[c] == (there ? 1 : 0));
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

/* Columns around a million whose spread is about 1, and a constant one. */
static void test_normalisation_of_features(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_set(ctx, &f);
  rung_part train, held;
  double mean[2], scale[2], sum = 0, squares = 0;
  assert_ok(ctx, rung_part_split(set, ctx, NULL, 0.3, 9, &train, &held));
  assert_ok(ctx, rung_normalisation(set, ctx, &train, mean, scale));
  for (int64_t i = 0; i < train.count; i++) sum += (1e6 + sin((double)train.index[i])) - 1e6;
  for (int64_t i = 0; i < train.count; i++) {
    double d = (1e6 + sin((double)train.index[i])) - 1e6 - sum / (double)train.count;
    squares += d * d;
  }
  assert_true(fabs(mean[0] - 1e6 - sum / (double)train.count) < 1e-9);
  assert_true(fabs(scale[0] - sqrt(squares / (double)train.count)) < 1e-9);
  assert_true(mean[1] == 0.1 && scale[1] == 1);
  rung_part none = {0, NULL};
  assert_error(ctx, rung_normalisation(set, ctx, &none, mean, scale), RUNG_E_ARGUMENT,
               "expected samples, found an empty part");
  rung_free(ctx, train.index);
  rung_free(ctx, held.index);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_normalisation_of_images(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  unsigned char data[4096];
  rung_dataset *set;
  double mean, scale, x[20], sum = 0, squares = 0;
  write_bytes(&f, "x-images-idx3", data, make_idx_images(data, 30, 4, 5));
  write_bytes(&f, "x-labels-idx1", data, make_idx_labels(data, 30, 3));
  for (int on_disk = 0; on_disk < 2; on_disk++) {
    rung_dataset_options options = rung_dataset_options_default();
    options.memory = on_disk ? 600 : 0;
    assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "x-images-idx3"), &options, &set));
    int64_t index[] = {2, 5, 11, 29};
    rung_part part = {4, index};
    assert_ok(ctx, rung_normalisation(set, ctx, &part, &mean, &scale));
    sum = squares = 0;
    for (int i = 0; i < 4; i++) {
      assert_ok(ctx, rung_dataset_read(set, ctx, index[i], RUNG_F64, x));
      for (int j = 0; j < 20; j++) sum += x[j], squares += x[j] * x[j];
    }
    assert_true(fabs(mean - sum / 80) < 1e-14);
    assert_true(fabs(scale - sqrt(squares / 80 - sum / 80 * (sum / 80))) < 1e-13);
    rung_dataset_destroy(set);
  }
  remove_folder(&f);
}

static rung_status use_parts(rung_context *ctx, void *arg) {
  rung_dataset *set;
  rung_part all = {0}, some = {0}, a = {0}, b = {0};
  double mean[2], scale[2];
  RG_TRY(rung_dataset_open(ctx, arg, NULL, &set));
  rung_status status = rung_part_all(set, ctx, &all);
  if (status == RUNG_OK) status = rung_part_limit(set, ctx, &all, 50, 1, &some);
  if (status == RUNG_OK) status = rung_part_split(set, ctx, &some, 0.2, 1, &a, &b);
  if (status == RUNG_OK) status = rung_normalisation(set, ctx, &a, mean, scale);
  rung_free(ctx, all.index);
  rung_free(ctx, some.index);
  rung_free(ctx, a.index);
  rung_free(ctx, b.index);
  rung_dataset_destroy(set);
  return status;
}

static void test_memory_runs_out(void **state) {
  folder f = make_folder();
  rung_dataset_destroy(open_set(*state, &f));
  fail_each_allocation(use_parts, (char *)path_in(&f, "t.csv"), (fail_options){0});
  remove_folder(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_splits),
      TEST(test_folds),
      TEST(test_limits),
      TEST(test_weights),
      TEST(test_normalisation_of_features),
      TEST(test_normalisation_of_images),
      TEST(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
