/* Any bytes as an array or an archive of arrays: refused, or a table of finite numbers. */
#include <math.h>

#include "fuzz.h"
#include "rung/table.h"

static void read_as(const char *name, const char *columns, const uint8_t *data, size_t size) {
  rung_context *ctx = start();
  rung_table *table;
  rung_table_options options = rung_table_options_default();
  options.limit = 1 << 20;
  options.columns = columns;
  rung_status status = rung_table_read_memory(ctx, name, data, size, &options, &table);
  if (status != RUNG_OK) {
    check_failure(ctx, status);
  } else {
    int64_t rows = rung_table_rows(table);
    rung_dd *x = malloc((size_t)rows * sizeof *x);
    REQUIRE(x && rows > 0 && rung_table_columns(table) > 0);
    for (int j = 0; j < rung_table_columns(table); j++) {
      rung_table_get(table, 1, &j, RUNG_DD, x);
      for (int64_t i = 0; i < rows; i++) REQUIRE(isfinite(x[i].hi) && x[i].hi + x[i].lo == x[i].hi);
    }
    free(x);
    rung_table_destroy(table);
  }
  finish(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 && data[0] == 'P') {
    read_as("fuzz.npz", NULL, data, size);
    read_as("fuzz.npz", "x,y1", data, size);
  } else {
    read_as("fuzz.npy", NULL, data, size);
    read_as("fuzz.npy", "c1", data, size);
  }
  return 0;
}
