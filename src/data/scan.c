/* Separated text taken apart into rows and cells, and the separator found out. */
#include <string.h>

#include "data/data.h"

void rg_scan_start(rg_scan *scan, const char *text, size_t length, char separator) {
  *scan = (rg_scan){.at = text, .end = text + length, .line = 1, .separator = separator};
  scan->blanks = separator == ' ';
  scan->stop[(unsigned char)separator] = 1;
  scan->stop['\n'] = scan->stop['\r'] = 1;
  if (scan->blanks) scan->stop['\t'] = 1;
}

static bool at_line_end(const rg_scan *scan) {
  return scan->at == scan->end || *scan->at == '\n' || *scan->at == '\r';
}

/* Steps over \n, \r\n or \r. */
static void pass_line_end(rg_scan *scan) {
  if (scan->at == scan->end) return;
  if (*scan->at++ == '\r' && scan->at < scan->end && *scan->at == '\n') scan->at++;
  scan->line++;
}

/* Blanks that do not separate cells: all of them where runs of blanks do, since a run counts
 * once. */
static bool is_blank(const rg_scan *scan, char c) {
  return c == ' ' || (c == '\t' && scan->separator != '\t');
}

static void pass_blanks(rg_scan *scan) {
  while (scan->at < scan->end && is_blank(scan, *scan->at)) scan->at++;
}

bool rg_scan_row(rg_scan *scan) {
  for (;;) {
    const char *start = scan->at;
    pass_blanks(scan);
    if (scan->at == scan->end) return false;
    if (!at_line_end(scan)) {
      scan->at = start;
      return true;
    }
    pass_line_end(scan);
  }
}

/* Moves past the closing quote; the cell becomes what stands between the quotes. */
static rg_scan_fault pass_quoted(rg_scan *scan, rg_scan_cell *cell) {
  cell->text = ++scan->at;
  for (;;) {
    if (scan->at == scan->end) return RG_SCAN_UNCLOSED;
    char c = *scan->at;
    if (c == '\n' || c == '\r') {
      pass_line_end(scan);
    } else if (c != '"') {
      scan->at++;
    } else if (scan->at + 1 < scan->end && scan->at[1] == '"') {
      scan->at += 2;
    } else {
      break;
    }
  }
  cell->length = (size_t)(scan->at++ - cell->text);
  return RG_SCAN_OK;
}

static void trim(rg_scan_cell *cell) {
  while (cell->length && (cell->text[0] == ' ' || cell->text[0] == '\t'))
    cell->text++, cell->length--;
  while (cell->length &&
         (cell->text[cell->length - 1] == ' ' || cell->text[cell->length - 1] == '\t'))
    cell->length--;
}

rg_scan_fault rg_scan_next(rg_scan *scan, rg_scan_cell *cell) {
  pass_blanks(scan);
  cell->line = scan->line;
  cell->text = scan->at;
  cell->length = 0;
  cell->quoted = scan->at < scan->end && *scan->at == '"';
  if (cell->quoted) {
    rg_scan_fault fault = pass_quoted(scan, cell);
    if (fault != RG_SCAN_OK) return fault;
    if (!at_line_end(scan) && !scan->stop[(unsigned char)*scan->at] && !is_blank(scan, *scan->at))
      return RG_SCAN_AFTER_QUOTE;
  } else {
    while (scan->at < scan->end && !scan->stop[(unsigned char)*scan->at]) scan->at++;
    cell->length = (size_t)(scan->at - cell->text);
  }
  trim(cell);
  pass_blanks(scan);
  cell->last = at_line_end(scan);
  if (cell->last) {
    pass_line_end(scan);
  } else if (!scan->blanks) {
    if (*scan->at != scan->separator) return RG_SCAN_AFTER_QUOTE;
    scan->at++;
  }
  return RG_SCAN_OK;
}

#define SAMPLE_ROWS 50
#define SAMPLE_BYTES 65536

/* The first rows under one separator. */
typedef struct sample {
  int rows;
  int cells[SAMPLE_ROWS], numbers[SAMPLE_ROWS];
} sample;

/* Decimal commas count as numbers where the comma separates nothing, so that such a file is told
 * apart rightly and its reader gets to complain about the commas. */
static bool looks_numeric(const rg_scan_cell *cell, char separator) {
  rung_dd ignored;
  if (cell->length > 64) return false;
  rg_cell_kind kind = rg_cell_number(cell->text, cell->length, &ignored);
  return kind == RG_CELL_NUMBER || kind == RG_CELL_NOT_FINITE || kind == RG_CELL_TOO_LARGE ||
         (kind == RG_CELL_DECIMAL_COMMA && separator != ',');
}

static void take_sample(const char *text, size_t length, char separator, sample *out) {
  bool cut = length > SAMPLE_BYTES;
  rg_scan scan;
  rg_scan_cell cell;
  rg_scan_start(&scan, text, cut ? SAMPLE_BYTES : length, separator);
  *out = (sample){0};
  while (out->rows < SAMPLE_ROWS && rg_scan_row(&scan)) {
    int row = out->rows, filled = 0;
    out->cells[row] = out->numbers[row] = 0;
    do {
      if (rg_scan_next(&scan, &cell) != RG_SCAN_OK) return;
      out->cells[row]++;
      out->numbers[row] += looks_numeric(&cell, separator);
      filled += cell.length > 0;
    } while (!cell.last);
    if (!filled) continue;
    if (cut && scan.at == scan.end && row > 0) return; /* perhaps not a whole row */
    out->rows++;
  }
}

/* The number of cells that most rows have. Among equals blanks take the fewest, since names may
 * hold blanks, the others the most. */
static int usual_cells(const sample *s, bool fewest, int *rows_with) {
  int best = 0;
  *rows_with = 0;
  for (int i = 0; i < s->rows; i++) {
    int same = 0;
    for (int j = 0; j < s->rows; j++) same += s->cells[j] == s->cells[i];
    bool wins = fewest ? s->cells[i] < best : s->cells[i] > best;
    if (same < *rows_with || (same == *rows_with && !wins)) continue;
    *rows_with = same;
    best = s->cells[i];
  }
  return best;
}

/* The share of rows with the usual number of cells plus the share of cells, below what may be a
 * header, that are numbers. */
static double score_of(const sample *s, bool blanks) {
  int rows_with;
  if (s->rows == 0 || usual_cells(s, blanks, &rows_with) < 2) return 0;
  double cells = 0, numbers = 0;
  for (int i = s->rows > 1; i < s->rows; i++) {
    cells += s->cells[i];
    numbers += s->numbers[i];
  }
  return (double)rows_with / s->rows + numbers / cells;
}

char rg_find_separator(const char *text, size_t length) {
  static const char candidates[] = {',', ';', '\t', '|', ' '};
  char best = ',';
  double best_score = 0;
  for (size_t i = 0; i < sizeof candidates; i++) {
    sample s;
    take_sample(text, length, candidates[i], &s);
    double score = score_of(&s, candidates[i] == ' ');
    if (score <= best_score) continue;
    best_score = score;
    best = candidates[i];
  }
  return best;
}
