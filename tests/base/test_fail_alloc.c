/* Running out of memory in the base room: an error, no crash, no leak. Also the harness itself. */
#include "fail_alloc.h"

#include <unistd.h>

static void make_file(char *path, size_t bytes) {
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  for (size_t i = 0; i < bytes; i++) assert_int_equal(write(fd, "x", 1), 1);
  close(fd);
}

static rung_status read_and_drop(rung_context *ctx, void *arg) {
  char *data;
  size_t length;
  RG_TRY(rg_read_file(ctx, arg, 1 << 20, &data, &length));
  assert_int_equal(length, 200000);
  rg_free(ctx, data);
  return RUNG_OK;
}

static void reading_a_file(void **state) {
  (void)state;
  char path[] = "/tmp/rung-test-XXXXXX";
  make_file(path, 200000);
  long calls = fail_each_allocation(read_and_drop, path, (fail_options){0});
  assert_true(calls >= 4); /* the context, a first block and its growth to 256 KiB */
  unlink(path);
}

static rung_status grow_text(rung_context *ctx, void *arg) {
  rg_text text;
  rg_text_init(&text, ctx);
  for (int i = 0; i < *(int *)arg; i++) {
    rg_text_printf(&text, "%d ", i);
    rg_text_json(&text, "a \"word\"\n");
    rg_text_json_number(&text, i / 7.0);
  }
  rung_status status = rg_text_status(&text);
  rg_text_free(&text);
  return status;
}

static void growing_a_text(void **state) {
  (void)state;
  int pieces = 300;
  assert_true(fail_each_allocation(grow_text, &pieces, (fail_options){0}) >= 5);
}

static rung_status write_and_copy(rung_context *ctx, void *arg) {
  char *copy = rg_strdup(ctx, "some bytes");
  if (!copy) return RUNG_E_MEMORY;
  rung_status status = rg_write_file(ctx, arg, copy, strlen(copy));
  rg_free(ctx, copy);
  return status;
}

static void writing_a_file(void **state) {
  (void)state;
  char path[] = "/tmp/rung-test-XXXXXX";
  make_file(path, 1);
  /* Flushing the folder is done as well as can be, and its memory may lack. */
  fail_each_allocation(write_and_copy, path, (fail_options){.may_recover = true});
  unlink(path);
}

/* The harness spreads few places over a long use. */
static void places_are_spread(void **state) {
  (void)state;
  int pieces = 300;
  long calls = fail_each_allocation(grow_text, &pieces, (fail_options){.most = 2});
  assert_true(calls >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reading_a_file),
      cmocka_unit_test(growing_a_text),
      cmocka_unit_test(writing_a_file),
      cmocka_unit_test(places_are_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
