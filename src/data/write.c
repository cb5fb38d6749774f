/* Tables as CSV. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "rung/table.h"

/* Names that would not come back as they are without quotes. A first byte beyond ASCII could begin
 * a byte order mark. */
static bool needs_quotes(const char *name) {
  size_t length = strlen(name);
  if (length == 0 || name[0] == ' ' || name[length - 1] == ' ' || (unsigned char)name[0] > 0x7e)
    return true;
  for (const char *c = name; *c; c++)
    if ((unsigned char)*c < ' ' || strchr(",;|\"", *c)) return true;
  return false;
}

static void add_name(rg_text *text, const char *name) {
  bool plain = !needs_quotes(name);
  if (plain) {
    rg_text_add(text, name);
    return;
  }
  rg_text_add(text, "\"");
  for (const char *c = name; *c; c++)
    rg_text_add_n(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
  rg_text_add(text, "\"");
}

/* printf is the fastest way, but its point is the locale's. */
static void add_number(rg_text *text, rung_dtype dtype, const void *data, int64_t i, int digits,
                       bool locale) {
  char number[64];
  rung_dd x = {0};
  if (dtype == RUNG_F32)
    x.hi = ((const float *)data)[i];
  else if (dtype == RUNG_F64)
    x.hi = ((const double *)data)[i];
  else
    x = ((const rung_dd *)data)[i];
  if (dtype != RUNG_DD && !locale)
    snprintf(number, sizeof number, "%.*g", digits, x.hi);
  else
    rung_dd_format(x, digits, number, sizeof number);
  rg_text_add(text, number);
}

static rung_status check(rung_context *ctx, const char *path, int columns, const char *const *names,
                         int64_t rows, const void *data, int digits, char **text, size_t *length) {
  if (columns < 1 || rows < 0 || !names || (!data && rows))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "rung_table_write: expected at least one column with names and data");
  if (digits < 0 || digits > 40)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "digits: expected 0..40, found %d", digits);
  if (!path && (!text || !length))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_table_write: expected a path or text and length");
  return RUNG_OK;
}

rung_status rung_table_write(rung_context *ctx, const char *path, int columns,
                             const char *const *names, int64_t rows, rung_dtype dtype,
                             const void *data, int digits, char **text, size_t *length) {
  static const int enough[] = {9, 17, 33};
  if (!ctx) return RUNG_E_ARGUMENT;
  RG_TRY(check(ctx, path, columns, names, rows, data, digits, text, length));
  if (digits == 0) digits = enough[dtype];
  bool locale = strcmp(localeconv()->decimal_point, ".") != 0;
  rg_text csv;
  rg_text_init(&csv, ctx);
  for (int i = 0; i < columns; i++) {
    if (i) rg_text_add(&csv, ",");
    add_name(&csv, names[i]);
  }
  rg_text_add(&csv, "\n");
  for (int64_t i = 0; i < rows * columns; i++) {
    add_number(&csv, dtype, data, i, digits, locale);
    rg_text_add(&csv, (i + 1) % columns ? "," : "\n");
  }
  rung_status status = rg_text_status(&csv);
  if (status == RUNG_OK && !path) {
    *text = csv.data;
    *length = csv.length;
    return RUNG_OK;
  }
  if (status == RUNG_OK) status = rg_write_file(ctx, path, csv.data, csv.length);
  rg_text_free(&csv);
  return status;
}
