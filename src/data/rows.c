/* Rows of tables whose cells may hold words: CSV text, or arrays of numbers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/rows.h"

static bool is_array(const char *path) {
  size_t length = strlen(path);
  if (length > 3 && strcasecmp(path + length - 3, ".gz") == 0) length -= 3;
  return length > 4 && (strncasecmp(path + length - 4, ".npy", 4) == 0 ||
                        strncasecmp(path + length - 4, ".npz", 4) == 0);
}

static rung_status alloc_columns(rg_rows *rows) {
  rows->name = rg_calloc(rows->ctx, (size_t)rows->columns, sizeof *rows->name);
  rows->cell = rg_calloc(rows->ctx, (size_t)rows->columns, sizeof *rows->cell);
  return rows->name && rows->cell ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status number_column(rg_rows *rows, int i) {
  char number[16];
  snprintf(number, sizeof number, "%d", i);
  rows->name[i] = rg_strdup(rows->ctx, number);
  return rows->name[i] ? RUNG_OK : RUNG_E_MEMORY;
}

/* The columns of one array have no names of their own. */
static rung_status open_array(rg_rows *rows, size_t limit) {
  rung_table_options options = rung_table_options_default();
  size_t length = strlen(rows->file);
  options.limit = limit < options.limit ? limit : options.limit;
  RG_TRY(rung_table_read(rows->ctx, rows->file, &options, &rows->table));
  rows->columns = rung_table_columns(rows->table);
  RG_TRY(alloc_columns(rows));
  bool nameless = strncasecmp(rows->file + length - 4, ".npz", 4) != 0;
  for (int i = 0; i < rows->columns; i++) {
    if (nameless) {
      RG_TRY(number_column(rows, i));
      continue;
    }
    rows->name[i] = rg_strdup(rows->ctx, rung_table_name(rows->table, i));
    if (!rows->name[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* Counts the first row's cells and tells whether it is a header: a row without a number. */
static rung_status look_at_first_row(rg_rows *rows, int header, bool *is_header) {
  rg_scan scan = rows->scan;
  rg_scan_cell cell;
  *is_header = header != 0;
  rows->first_line = scan.line;
  do {
    if (rows->columns == RG_COLUMNS_MAX)
      return rg_fail(rows->ctx, RUNG_E_DATA, "%s: line %lld: more than %d columns", rows->file,
                     (long long)rows->first_line, RG_COLUMNS_MAX);
    rows->columns++;
    rung_dd ignored;
    if (rg_scan_next(&scan, &cell) != RG_SCAN_OK)
      return rg_fail(rows->ctx, RUNG_E_FORMAT, "%s: line %lld, column %d: a quote is misplaced",
                     rows->file, (long long)cell.line, rows->columns);
    if (header < 0 && rg_cell_number(cell.text, cell.length, &ignored) == RG_CELL_NUMBER)
      *is_header = false;
  } while (!cell.last);
  return RUNG_OK;
}

static rung_status read_names(rg_rows *rows, bool header) {
  rg_text word;
  rg_text_init(&word, rows->ctx);
  rung_status status = RUNG_OK;
  for (int i = 0; i < rows->columns && status == RUNG_OK; i++) {
    rg_scan_cell cell = {0};
    if (header) rg_scan_next(&rows->scan, &cell); /* look_at_first_row() found no fault */
    if (cell.length == 0) {
      status = number_column(rows, i);
      continue;
    }
    rg_row_cell named = {.text = cell.text, .length = cell.length, .quoted = cell.quoted};
    const char *name = rg_cell_word(&word, &named);
    rows->name[i] = name ? rg_strdup(rows->ctx, name) : NULL;
    if (!rows->name[i]) status = RUNG_E_MEMORY;
  }
  rg_text_free(&word);
  return status;
}

static rung_status open_text(rg_rows *rows, int header, size_t limit) {
  size_t length = 0;
  const char *text = NULL;
  bool is_header = false;
  RG_TRY(rg_read_file(rows->ctx, rows->file, limit, &rows->text, &length));
  RG_TRY(rg_check_text(rows->ctx, rows->file, rows->text, length, &text, &length));
  rg_scan_start(&rows->scan, text, length, rg_find_separator(text, length));
  if (!rg_scan_row(&rows->scan))
    return rg_fail(rows->ctx, RUNG_E_DATA, "%s: expected a table, found an empty file", rows->file);
  RG_TRY(look_at_first_row(rows, header, &is_header));
  RG_TRY(alloc_columns(rows));
  RG_TRY(read_names(rows, is_header));
  rows->start = rows->scan;
  return RUNG_OK;
}

rung_status rg_rows_open(rung_context *ctx, const char *path, int header, size_t limit,
                         rg_rows *out) {
  *out = (rg_rows){.ctx = ctx, .file = path};
  return is_array(path) ? open_array(out, limit) : open_text(out, header, limit);
}

void rg_rows_close(rg_rows *rows) {
  rg_free_names(rows->ctx, rows->columns, rows->name);
  rg_free(rows->ctx, rows->cell);
  rg_free(rows->ctx, rows->text);
  rung_table_destroy(rows->table);
}

void rg_rows_restart(rg_rows *rows) {
  rows->scan = rows->start;
  rows->row = 0;
}

static void take_cell(rg_rows *rows, int i, const rg_scan_cell *cell) {
  rung_dd number = {0, 0};
  rg_row_cell *out = &rows->cell[i];
  *out = (rg_row_cell){.text = cell->text, .length = cell->length, .quoted = cell->quoted};
  out->kind = rg_cell_number(cell->text, cell->length, &number);
  out->number = number.hi;
}

/* Goes behind the row in spite of what is wrong with it. */
static rung_status fail_row(rg_rows *rows, rg_scan_fault fault, int column) {
  while (rows->scan.at < rows->scan.end && *rows->scan.at != '\n' && *rows->scan.at != '\r')
    rows->scan.at++;
  return rg_fail(rows->ctx, RUNG_E_FORMAT, "%s: line %lld, column %d: %s", rows->file,
                 (long long)rows->line, column,
                 fault == RG_SCAN_UNCLOSED ? "expected a closing quote, found the end of the file"
                                           : "expected a separator after the closing quote");
}

static rung_status next_line(rg_rows *rows) {
  rg_scan_cell cell;
  int found = 0;
  rows->line = rows->scan.line;
  do {
    rg_scan_fault fault = rg_scan_next(&rows->scan, &cell);
    if (fault != RG_SCAN_OK) return fail_row(rows, fault, found + 1);
    if (found < rows->columns) take_cell(rows, found, &cell);
    found++;
  } while (!cell.last);
  if (found == rows->columns) return RUNG_OK;
  return rg_fail(rows->ctx, RUNG_E_DATA,
                 "%s: line %lld: expected %d cells as in line %lld, found %d", rows->file,
                 (long long)rows->line, rows->columns, (long long)rows->first_line, found);
}

rung_status rg_rows_next(rg_rows *rows, bool *more) {
  if (rows->table) {
    *more = rows->row < rows->table->rows;
    if (!*more) return RUNG_OK;
    const rung_dd *cell = rows->table->cell + rows->row++ * rows->columns;
    for (int i = 0; i < rows->columns; i++)
      rows->cell[i] = (rg_row_cell){.kind = RG_CELL_NUMBER, .number = cell[i].hi};
    return RUNG_OK;
  }
  *more = rg_scan_row(&rows->scan);
  return *more ? next_line(rows) : RUNG_OK;
}

rung_status rg_rows_fail(const rg_rows *rows, int column, const char *complaint) {
  char quoted[RG_QUOTED];
  const char *name = rows->name[column];
  return rg_fail(rows->ctx, RUNG_E_DATA, "%s: %s %lld, column %d (%s): %s", rows->file,
                 rows->table ? "row" : "line", (long long)(rows->table ? rows->row : rows->line),
                 column + 1, rg_quoted(quoted, name, strlen(name)), complaint);
}

/* -1, ... -columns from the end, 0..columns-1 from the beginning; false for other text. */
static bool number_of_column(const char *text, int columns, int *out) {
  char *end;
  long n = strtol(text, &end, 10);
  if (end == text || *end || n >= columns || n < -(long)columns) return false;
  *out = (int)(n < 0 ? n + columns : n);
  return true;
}

rung_status rg_rows_find(const rg_rows *rows, const char *wanted, int *out) {
  char quoted[RG_QUOTED], near_quoted[RG_QUOTED];
  int found = -1;
  for (int i = 0; i < rows->columns; i++) {
    if (strcmp(rows->name[i], wanted) != 0) continue;
    if (found >= 0)
      return rg_fail(rows->ctx, RUNG_E_DATA, "%s: columns %d and %d are both named %s", rows->file,
                     found + 1, i + 1, rg_quoted(quoted, wanted, strlen(wanted)));
    found = i;
  }
  if (found < 0 && !number_of_column(wanted, rows->columns, &found)) {
    const char *near = rg_nearest(wanted, rows->columns, (const char *const *)rows->name);
    rg_quoted(quoted, wanted, strlen(wanted));
    return rg_fail(rows->ctx, RUNG_E_DATA,
                   "%s: no column is named %s or has that number, of 0..%d%s%s", rows->file, quoted,
                   rows->columns - 1, near ? "; the nearest is " : "",
                   near ? rg_quoted(near_quoted, near, strlen(near)) : "");
  }
  *out = found;
  return RUNG_OK;
}
