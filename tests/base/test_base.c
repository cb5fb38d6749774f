/* Memory is counted and released; files are whole; random numbers do not depend on the order. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

static void memory_is_aligned_and_counted(void **state) {
  rung_context *ctx = *state;
  for (size_t size = 0; size < 300; size += 37) {
    char *a = rg_alloc(ctx, size, 1);
    assert_non_null(a);
    assert_int_equal((uintptr_t)a % RG_ALIGN, 0);
    assert_true(rung_memory_now(ctx) >= size);
    memset(a, 1, size);
    a = rg_realloc(ctx, a, size + 1000, 1);
    for (size_t i = 0; i < size; i++) assert_int_equal(a[i], 1);
    rg_free(ctx, a);
  }
  assert_int_equal(rung_memory_now(ctx), 0);
  assert_true(rung_memory_peak(ctx) > 1000);
}

static void impossible_sizes_are_refused(void **state) {
  rung_context *ctx = *state;
  assert_null(rg_alloc(ctx, SIZE_MAX / 2, 4));
  assert_int_equal(rung_error_status(ctx), RUNG_E_MEMORY);
  assert_non_null(strstr(rung_error(ctx), "too many"));
}

static void files_come_back_whole(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  close(mkstemp(path));
  const char data[] = "one\0two";
  assert_int_equal(rg_write_file(ctx, path, data, sizeof data), RUNG_OK);
  char *back;
  size_t length;
  assert_int_equal(rg_read_file(ctx, path, 1000, &back, &length), RUNG_OK);
  assert_int_equal(length, sizeof data);
  assert_memory_equal(back, data, length);
  rg_free(ctx, back);
  assert_int_equal(rg_read_file(ctx, path, 3, &back, &length), RUNG_E_BUDGET);
  unlink(path);
  assert_int_equal(rg_read_file(ctx, path, 1000, &back, &length), RUNG_E_IO);
  assert_non_null(strstr(rung_error(ctx), path));
  assert_int_equal(rg_write_file(ctx, "/no/such/folder/x", data, 1), RUNG_E_IO);
}

static void text_grows_and_escapes(void **state) {
  rg_text text;
  rg_text_init(&text, *state);
  rg_text_json(&text, "a\"b\\\n");
  rg_text_add(&text, " ");
  static const double numbers[] = {0.1, 20, -3, 1e300};
  for (int i = 0; i < 4; i++) {
    rg_text_json_number(&text, numbers[i]);
    rg_text_add(&text, " ");
  }
  assert_string_equal(text.data, "\"a\\\"b\\\\\\u000a\" 0.1 20 -3 1e+300 ");
  for (int i = 0; i < 1000; i++) rg_text_printf(&text, "%d,", i);
  assert_int_equal(rg_text_status(&text), RUNG_OK);
  assert_int_equal(text.length, strlen(text.data));
  rg_text_free(&text);
}

static void random_numbers_are_counted(void **state) {
  (void)state;
  double sum = 0, squares = 0;
  const int n = 20000;
  for (int i = 0; i < n; i++) {
    double u = rg_uniform(1, 2, (uint64_t)i), z = rg_normal(1, 3, (uint64_t)i);
    assert_true(u > 0 && u < 1);
    sum += u;
    squares += z * z;
  }
  assert_true(sum / n > 0.49 && sum / n < 0.51);
  assert_true(squares / n > 0.96 && squares / n < 1.04);
  assert_true(rg_uniform(1, 2, 7) == rg_uniform(1, 2, 7));
  assert_true(rg_uniform(1, 2, 7) != rg_uniform(2, 2, 7));
  int64_t order[50];
  int seen[50] = {0};
  rg_shuffle(5, 1, 50, order);
  for (int i = 0; i < 50; i++) seen[order[i]]++;
  for (int i = 0; i < 50; i++) assert_int_equal(seen[i], 1);
}

static void add_one(void *arg, int64_t piece) {
  ((int *)arg)[piece]++;
}

static void every_piece_is_done_once(void **state) {
  rung_context *ctx = *state;
  static const int threads[] = {1, 2, 3, 7, 16};
  for (size_t t = 0; t < 5; t++) {
    int done[100] = {0};
    assert_int_equal(rung_set_threads(ctx, threads[t]), RUNG_OK);
    rg_parallel(ctx, 100, add_one, done);
    for (int i = 0; i < 100; i++) assert_int_equal(done[i], 1);
  }
  assert_int_equal(rung_set_threads(ctx, -1), RUNG_E_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(memory_is_aligned_and_counted),
      TEST(impossible_sizes_are_refused),
      TEST(files_come_back_whole),
      TEST(text_grows_and_escapes),
      cmocka_unit_test(random_numbers_are_counted),
      TEST(every_piece_is_done_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
