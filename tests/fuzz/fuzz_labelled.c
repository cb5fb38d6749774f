/* Any text as a table with labels or values. What opens also opens by its form, to the same
 * samples. */
#include "samples.h"

static void compare(rung_context *ctx, const rung_dataset *a, const rung_dataset *b) {
  size_t bytes = (size_t)rung_dataset_size(a) * sizeof(double);
  double *x = malloc(bytes), *y = malloc(bytes);
  REQUIRE(x && y);
  REQUIRE(rung_dataset_size(a) == rung_dataset_size(b));
  REQUIRE(rung_dataset_count(a) == rung_dataset_count(b));
  REQUIRE(rung_dataset_classes(a) == rung_dataset_classes(b));
  int64_t step = 1 + rung_dataset_count(a) / 100;
  for (int64_t i = 0; i < rung_dataset_count(a); i += step) {
    REQUIRE(rung_dataset_label(a, i) == rung_dataset_label(b, i));
    REQUIRE(rung_dataset_read(a, ctx, i, RUNG_F64, x) == RUNG_OK);
    REQUIRE(rung_dataset_read(b, ctx, i, RUNG_F64, y) == RUNG_OK);
    REQUIRE(memcmp(x, y, bytes) == 0);
  }
  free(x);
  free(y);
}

/* Names that stand twice, or look like the number of another column, cannot be found again. */
static void open_again(rung_context *ctx, const char *path, const rung_dataset *set,
                       rung_dataset_options options) {
  rung_dataset *again;
  options.form = rung_dataset_form(set);
  rung_status status = rung_dataset_open(ctx, path, &options, &again);
  if (status == RUNG_OK) {
    compare(ctx, set, again);
    rung_dataset_destroy(again);
    return;
  }
  check_failure(ctx, status);
  REQUIRE(strstr(rung_error(ctx), "are both named") || strstr(rung_error(ctx), "no column is"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = put_file(0, "table.csv", data, size);
  rung_context *ctx = start();
  for (int i = 0; i < 6; i++) {
    rung_dataset *set;
    rung_dataset_options options = rung_dataset_options_default();
    options.skip_bad = i % 2;
    options.regression = i / 2 == 1;
    options.target = i / 2 == 2 ? "0" : NULL;
    options.header = i / 2 == 2 ? 0 : -1;
    rung_status status = rung_dataset_open(ctx, path, &options, &set);
    if (status != RUNG_OK) {
      check_failure(ctx, status);
      continue;
    }
    check_samples(ctx, set);
    open_again(ctx, path, set, options);
    rung_dataset_destroy(set);
  }
  finish(ctx);
  return 0;
}
