/* Tables from separated text. */
#include <stdio.h>
#include <string.h>

#include "data/data.h"

typedef struct reader {
  rung_context *ctx;
  const char *file;
  rg_scan scan;
  int count;          /* columns in the file */
  char **name;        /* [count] */
  int *slot;          /* [count]: the column's place in the table, or -1 */
  int64_t first_line; /* of the first row, to which all others must fit */
  bool hash;          /* the first row begins with #, which is no comment here */
} reader;

static rung_status fail_scan(const reader *r, rg_scan_fault fault, int64_t line, int column) {
  char quoted[RG_QUOTED];
  if (fault == RG_SCAN_UNCLOSED)
    return rg_fail(r->ctx, RUNG_E_FORMAT,
                   "%s: line %lld, column %d: expected a closing quote for the one that opens here,"
                   " found the end of the file",
                   r->file, (long long)line, column);
  return rg_fail(r->ctx, RUNG_E_FORMAT,
                 "%s: line %lld, column %d: expected a separator after the closing quote, found %s",
                 r->file, (long long)r->scan.line, column, rg_quoted(quoted, r->scan.at, 1));
}

static rung_status fail_cell(const reader *r, int column, const rg_scan_cell *cell,
                             rg_cell_kind kind) {
  char complaint[2 * RG_QUOTED], quoted[RG_QUOTED];
  const char *name = r->name[column];
  rg_cell_complaint(complaint, kind, cell->text, cell->length);
  return rg_fail(r->ctx, RUNG_E_DATA, "%s: line %lld, column %d (%s): %s%s", r->file,
                 (long long)cell->line, column + 1, rg_quoted(quoted, name, strlen(name)),
                 complaint, r->hash ? "; lines that begin with # are not taken for comments" : "");
}

static rung_status fail_short(const reader *r, int found, int64_t line) {
  char quoted[RG_QUOTED];
  return rg_fail(r->ctx, RUNG_E_DATA,
                 "%s: line %lld, column %d (%s): expected %d cells as in line %lld, found %d%s",
                 r->file, (long long)line, found + 1,
                 rg_quoted(quoted, r->name[found], strlen(r->name[found])), r->count,
                 (long long)r->first_line, found,
                 r->hash ? "; lines that begin with # are not taken for comments" : "");
}

static rung_status fail_long(const reader *r, const rg_scan_cell *cell) {
  char quoted[RG_QUOTED];
  return rg_fail(
      r->ctx, RUNG_E_DATA,
      "%s: line %lld, column %d: expected %d cells as in line %lld, found one more: %s%s", r->file,
      (long long)cell->line, r->count + 1, r->count, (long long)r->first_line,
      rg_quoted(quoted, cell->text, cell->length),
      r->hash ? "; lines that begin with # are not taken for comments" : "");
}

rung_status rg_check_text(rung_context *ctx, const char *file, const void *bytes, size_t n,
                          const char **text, size_t *length) {
  const unsigned char *data = bytes, *start = bytes;
  if (n >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff)))
    return rg_fail(ctx, RUNG_E_FORMAT,
                   "%s: expected text in UTF-8, found UTF-16; save the table as \"CSV UTF-8\"",
                   file);
  if (n >= 4 && memcmp(data, "PK\3\4", 4) == 0)
    return rg_fail(ctx, RUNG_E_FORMAT,
                   "%s: expected text, found a zip archive or spreadsheet; save the table as CSV",
                   file);
  if (n >= 2 && data[0] == 0x1f && data[1] == 0x8b)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected text, found gzip data in memory; unpack first",
                   file);
  if (n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) data += 3, n -= 3;
  const unsigned char *zero = n ? memchr(data, 0, n) : NULL;
  if (zero)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected text, found a zero byte at byte %zu", file,
                   (size_t)(zero - start) + 1);
  *text = (const char *)data;
  *length = n;
  return RUNG_OK;
}

static rung_status check_separator(rung_context *ctx, char separator) {
  char quoted[RG_QUOTED];
  if (separator == '\t' || (separator >= ' ' && separator < 0x7f && separator != '"' &&
                            !strchr("+-.0123456789", separator) &&
                            !((separator | 32) >= 'a' && (separator | 32) <= 'z')))
    return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT,
                 "separator: expected a character that numbers, names and quotes do not hold,"
                 " found %s",
                 rg_quoted(quoted, &separator, 1));
}

/* What a row without names may not be and a header must be: without a number. */
static bool is_number(const rg_scan_cell *cell) {
  rung_dd ignored;
  rg_cell_kind kind = rg_cell_number(cell->text, cell->length, &ignored);
  return kind == RG_CELL_NUMBER || kind == RG_CELL_NOT_FINITE || kind == RG_CELL_TOO_LARGE ||
         kind == RG_CELL_DECIMAL_COMMA;
}

/* Counts the first row's cells and tells whether it is a header. */
static rung_status look_at_first_row(reader *r, int header, bool *is_header) {
  rg_scan scan = r->scan;
  rg_scan_cell cell;
  *is_header = header != 0;
  r->first_line = scan.line;
  r->hash = *scan.at == '#';
  do {
    if (r->count == RG_COLUMNS_MAX)
      return rg_fail(r->ctx, RUNG_E_DATA, "%s: line %lld: more than %d columns", r->file,
                     (long long)r->first_line, RG_COLUMNS_MAX);
    r->count++;
    rg_scan_fault fault = rg_scan_next(&scan, &cell);
    if (fault != RG_SCAN_OK) {
      r->scan = scan;
      return fail_scan(r, fault, cell.line, r->count);
    }
    if (header < 0 && is_number(&cell)) *is_header = false;
  } while (!cell.last);
  return RUNG_OK;
}

/* A cell's text, "" in quotes made one. Empty names become c1, c2, ... */
static char *name_of_cell(rung_context *ctx, const rg_scan_cell *cell, int column) {
  char *name = rg_alloc(ctx, cell->length + 16, 1);
  if (!name) return NULL;
  size_t used = 0;
  for (size_t i = 0; i < cell->length; i++) {
    name[used++] = cell->text[i];
    if (cell->quoted && cell->text[i] == '"') i++; /* the second of two */
  }
  name[used] = 0;
  if (used == 0) snprintf(name, 16, "c%d", column + 1);
  return name;
}

static rung_status read_names(reader *r, bool header) {
  r->name = rg_calloc(r->ctx, (size_t)r->count, sizeof *r->name);
  if (!r->name) return RUNG_E_MEMORY;
  if (!header) return rg_number_names(r->ctx, "c", r->count, r->name);
  for (int i = 0; i < r->count; i++) {
    rg_scan_cell cell;
    rg_scan_next(&r->scan, &cell); /* look_at_first_row() found no fault */
    r->name[i] = name_of_cell(r->ctx, &cell, i);
    if (!r->name[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

static rung_status read_row(reader *r, rung_dd *out) {
  rg_scan_cell cell;
  int64_t line = r->scan.line;
  for (int i = 0;; i++) {
    rg_scan_fault fault = rg_scan_next(&r->scan, &cell);
    if (fault != RG_SCAN_OK) return fail_scan(r, fault, cell.line, i + 1);
    if (i == r->count) return fail_long(r, &cell);
    if (r->slot[i] >= 0) {
      rg_cell_kind kind = rg_cell_number(cell.text, cell.length, &out[r->slot[i]]);
      if (kind != RG_CELL_NUMBER) return fail_cell(r, i, &cell, kind);
    }
    if (!cell.last) continue;
    return i + 1 == r->count ? RUNG_OK : fail_short(r, i + 1, line);
  }
}

/* An upper bound of the rows that are left, from the line ends, so that the table is allocated
 * once; the number of bytes, of which a row needs one for each cell, bounds it where a file holds
 * little but line ends. */
static int64_t guess_rows(const rg_scan *scan, int count) {
  size_t ends = 0;
  const char *at = scan->at;
  while (at < scan->end && (at = memchr(at, '\n', (size_t)(scan->end - at)))) ends++, at++;
  size_t bytes = (size_t)(scan->end - scan->at), most = bytes / ((size_t)count + 1);
  return (int64_t)(ends < most ? ends : most) + 1;
}

static rung_status grow(rung_table *table, int64_t *capacity) {
  int64_t more = *capacity + *capacity / 2 + 16;
  rung_dd *cell =
      rg_realloc(table->ctx, table->cell, (size_t)more * (size_t)table->columns, sizeof *cell);
  if (!cell) return RUNG_E_MEMORY;
  table->cell = cell;
  int64_t *line = rg_realloc(table->ctx, table->line, (size_t)more, sizeof *line);
  if (!line) return RUNG_E_MEMORY;
  table->line = line;
  *capacity = more;
  return RUNG_OK;
}

static rung_status read_rows(reader *r, rung_table *table) {
  int64_t capacity = guess_rows(&r->scan, r->count);
  RG_TRY(rg_table_reserve(table, capacity));
  table->rows = 0;
  table->line = rg_alloc(r->ctx, (size_t)capacity, sizeof *table->line);
  if (!table->line) return RUNG_E_MEMORY;
  while (rg_scan_row(&r->scan)) {
    if (table->rows == capacity) RG_TRY(grow(table, &capacity));
    table->line[table->rows] = r->scan.line;
    RG_TRY(read_row(r, table->cell + table->rows * table->columns));
    table->rows++;
  }
  return RUNG_OK;
}

static rung_status read_table(reader *r, const rg_source *source, rung_table *table) {
  bool header;
  int kept;
  if (!rg_scan_row(&r->scan))
    return rg_fail(r->ctx, RUNG_E_DATA, "%s: expected a table, found an empty file", r->file);
  RG_TRY(look_at_first_row(r, source->options->header, &header));
  RG_TRY(read_names(r, header));
  r->slot = rg_alloc(r->ctx, (size_t)r->count, sizeof *r->slot);
  if (!r->slot) return RUNG_E_MEMORY;
  RG_TRY(rg_choose_columns(r->ctx, r->file, header ? r->first_line : 0, source->options->columns,
                           r->count, r->name, r->slot, &kept));
  RG_TRY(rg_table_name_columns(table, r->count, r->name, r->slot, kept));
  RG_TRY(read_rows(r, table));
  if (table->rows == 0)
    return rg_fail(r->ctx, RUNG_E_DATA,
                   "%s: expected rows of numbers below the names in line %lld, found none", r->file,
                   (long long)r->first_line);
  return RUNG_OK;
}

rung_status rg_csv_read(const rg_source *source, rung_table *table) {
  const char *text = NULL;
  size_t length = 0;
  reader r = {.ctx = table->ctx, .file = source->file};
  char separator = source->options->separator;
  if (separator) RG_TRY(check_separator(r.ctx, separator));
  RG_TRY(rg_check_text(r.ctx, source->file, source->data, source->length, &text, &length));
  if (!separator) separator = rg_find_separator(text, length);
  rg_scan_start(&r.scan, text, length, separator);
  rung_status status = read_table(&r, source, table);
  rg_free_names(r.ctx, r.count, r.name);
  rg_free(r.ctx, r.slot);
  return status;
}
