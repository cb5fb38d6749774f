/* Any text under several options. What is read as a table is written and must be read again to the
 * same names and, to 30 digits, numbers. */
#include <math.h>

#include "fuzz.h"
#include "rung/table.h"

static void compare(const rung_table *a, const rung_table *b) {
  int64_t rows = rung_table_rows(a);
  int columns = rung_table_columns(a);
  REQUIRE(rung_table_rows(b) == rows && rung_table_columns(b) == columns);
  rung_dd *x = malloc((size_t)rows * sizeof *x), *y = malloc((size_t)rows * sizeof *y);
  REQUIRE(x && y);
  for (int j = 0; j < columns; j++) {
    REQUIRE(strcmp(rung_table_name(a, j), rung_table_name(b, j)) == 0);
    REQUIRE(rung_table_find(a, rung_table_name(a, j)) == j);
    rung_table_get(a, 1, &j, RUNG_DD, x);
    rung_table_get(b, 1, &j, RUNG_DD, y);
    for (int64_t i = 0; i < rows; i++)
      REQUIRE(isfinite(x[i].hi) &&
              fabs((x[i].hi - y[i].hi) + (x[i].lo - y[i].lo)) <= 1e-30 * fabs(x[i].hi) + 0x1p-1074);
  }
  free(x);
  free(y);
}

static void write_and_read(rung_context *ctx, const rung_table *table) {
  int columns = rung_table_columns(table);
  size_t cells = (size_t)rung_table_rows(table) * (size_t)columns, length;
  const char **name = calloc((size_t)columns, sizeof *name);
  int *column = calloc((size_t)columns, sizeof *column);
  rung_dd *data = calloc(cells, sizeof *data);
  char *text;
  REQUIRE(name && column && data);
  for (int i = 0; i < columns; i++) {
    name[i] = rung_table_name(table, i);
    column[i] = i;
  }
  rung_table_get(table, columns, column, RUNG_DD, data);
  REQUIRE(rung_table_write(ctx, NULL, columns, name, rung_table_rows(table), RUNG_DD, data, 40,
                           &text, &length) == RUNG_OK);
  rung_table_options options = rung_table_options_default();
  options.header = 1;
  options.separator = ',';
  rung_table *again;
  rung_status status = rung_table_read_memory(ctx, "again.csv", text, length, &options, &again);
  if (status != RUNG_OK) fprintf(stderr, "%s\n%s", rung_error(ctx), text);
  REQUIRE(status == RUNG_OK);
  compare(table, again);
  rung_table_destroy(again);
  rung_free(ctx, text);
  free(name);
  free(column);
  free(data);
}

static void read_under(rung_context *ctx, const uint8_t *data, size_t size,
                       const rung_table_options *options) {
  rung_table *table;
  rung_status status = rung_table_read_memory(ctx, "fuzz.csv", data, size, options, &table);
  if (status != RUNG_OK) {
    check_failure(ctx, status);
    return;
  }
  for (int64_t i = 0; i < rung_table_rows(table); i++) REQUIRE(rung_table_line(table, i) > 0);
  if (rung_table_rows(table) * rung_table_columns(table) < 5000) write_and_read(ctx, table);
  rung_table_destroy(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char separators[] = {0, ';', ' ', '\t'};
  rung_context *ctx = start();
  rung_table_options options = rung_table_options_default();
  read_under(ctx, data, size, &options);
  for (int i = 0; i < 4; i++) {
    options.separator = separators[i];
    options.header = i % 2;
    options.columns = i == 3 ? "b,1" : NULL;
    read_under(ctx, data, size, &options);
  }
  finish(ctx);
  return 0;
}
