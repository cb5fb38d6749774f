/* Tables: made from files by their kind, looked at, copied out. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "data/data.h"

rung_table_options rung_table_options_default(void) {
  return (rung_table_options){.separator = 0, .header = -1, .limit = (size_t)4 << 30};
}

static bool ends_with(const char *text, size_t length, const char *ending) {
  size_t n = strlen(ending);
  return length >= n && strncasecmp(text + length - n, ending, n) == 0;
}

static rung_status read_by_kind(const rg_source *source, rung_table *table) {
  size_t length = strlen(source->file);
  if (ends_with(source->file, length, ".gz")) length -= 3;
  if (ends_with(source->file, length, ".npy")) return rg_npy_read(source, table);
  if (ends_with(source->file, length, ".npz")) return rg_npz_read(source, table);
  return rg_csv_read(source, table);
}

rung_status rung_table_read_memory(rung_context *ctx, const char *name, const void *data,
                                   size_t length, const rung_table_options *options,
                                   rung_table **out) {
  rung_table_options standard = rung_table_options_default();
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!name || (!data && length) || !out)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_table_read_memory: expected name, data and out");
  *out = NULL;
  if (!options) options = &standard;
  if (length > options->limit)
    return rg_fail(ctx, RUNG_E_BUDGET, "%s: more than %zu bytes, the limit here", name,
                   options->limit);
  rung_table *table = rg_calloc(ctx, 1, sizeof *table);
  if (!table) return RUNG_E_MEMORY;
  table->ctx = ctx;
  rg_source source = {name, data, length, options};
  rung_status status = read_by_kind(&source, table);
  if (status == RUNG_OK)
    *out = table;
  else
    rung_table_destroy(table);
  return status;
}

rung_status rung_table_read(rung_context *ctx, const char *path, const rung_table_options *options,
                            rung_table **out) {
  rung_table_options standard = rung_table_options_default();
  char *data;
  size_t length;
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!path || !out)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_table_read: expected a path and out");
  *out = NULL;
  if (!options) options = &standard;
  RG_TRY(rg_read_file(ctx, path, options->limit, &data, &length));
  rung_status status = rung_table_read_memory(ctx, path, data, length, options, out);
  rg_free(ctx, data);
  return status;
}

void rung_table_destroy(rung_table *table) {
  if (!table) return;
  rung_context *ctx = table->ctx;
  rg_free_names(ctx, table->columns, table->name);
  rg_free(ctx, table->cell);
  rg_free(ctx, table->line);
  rg_free(ctx, table);
}

rung_status rg_table_name_columns(rung_table *table, int count, char *const *name, const int *slot,
                                  int kept) {
  table->name = rg_calloc(table->ctx, (size_t)kept, sizeof *table->name);
  if (!table->name) return RUNG_E_MEMORY;
  table->columns = kept;
  for (int i = 0; i < count; i++) {
    if (slot[i] < 0) continue;
    table->name[slot[i]] = rg_strdup(table->ctx, name[i]);
    if (!table->name[slot[i]]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

rung_status rg_table_reserve(rung_table *table, int64_t rows) {
  size_t row = (size_t)table->columns * sizeof *table->cell;
  table->cell = rg_alloc(table->ctx, (size_t)rows, row);
  if (!table->cell) return RUNG_E_MEMORY;
  table->rows = rows;
  return RUNG_OK;
}

int64_t rung_table_rows(const rung_table *table) {
  return table->rows;
}

int rung_table_columns(const rung_table *table) {
  return table->columns;
}

const char *rung_table_name(const rung_table *table, int column) {
  return column >= 0 && column < table->columns ? table->name[column] : NULL;
}

int rung_table_find(const rung_table *table, const char *name) {
  for (int i = 0; i < table->columns; i++)
    if (strcmp(table->name[i], name) == 0) return i;
  return rg_column_number(name, table->columns) - 1;
}

int64_t rung_table_line(const rung_table *table, int64_t row) {
  return table->line && row >= 0 && row < table->rows ? table->line[row] : 0;
}

void rung_table_get(const rung_table *table, int count, const int *column, rung_dtype dtype,
                    void *out) {
  float *single = out;
  double *twice = out;
  rung_dd *quad = out;
  for (int64_t row = 0; row < table->rows; row++) {
    const rung_dd *cell = table->cell + row * table->columns;
    for (int i = 0; i < count; i++) {
      bool known = column[i] >= 0 && column[i] < table->columns;
      rung_dd value = known ? cell[column[i]] : (rung_dd){NAN, 0};
      if (dtype == RUNG_F32)
        *single++ = (float)value.hi;
      else if (dtype == RUNG_F64)
        *twice++ = value.hi;
      else
        *quad++ = value;
    }
  }
}
