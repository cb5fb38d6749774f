/* Rows of tables whose cells may hold words: CSV text, or arrays of numbers. */
#ifndef RG_ROWS_H
#define RG_ROWS_H

#include "data/data.h"

typedef struct rg_row_cell {
  const char *text; /* as rg_scan_cell; NULL: an array's number */
  size_t length;
  bool quoted;
  rg_cell_kind kind;
  double number;
} rg_row_cell;

typedef struct rg_rows {
  rung_context *ctx;
  const char *file; /* the caller's */
  int columns;
  char **name;       /* [columns] */
  rg_row_cell *cell; /* [columns]: of the row last given */
  int64_t line;      /* where that row stands; 0: not known */
  char *text;        /* CSV, or: */
  rung_table *table; /* arrays */
  rg_scan start, scan;
  int64_t first_line, row;
} rg_rows;

/* Opens a table at its first row. `header` as in rung_table_options. */
rung_status rg_rows_open(rung_context *ctx, const char *path, int header, size_t limit,
                         rg_rows *out);
void rg_rows_close(rg_rows *rows); /* one that failed to open as well */
void rg_rows_restart(rg_rows *rows);
/* Goes to the next row; *more is false behind the last. After RUNG_E_DATA or RUNG_E_FORMAT, for a
 * row that is no row of this table, the next call goes on behind it. */
rung_status rg_rows_next(rg_rows *rows, bool *more);
/* RUNG_E_DATA for a cell of the row last given: "FILE: line 3, column 2 ("name"): COMPLAINT". */
rung_status rg_rows_fail(const rg_rows *rows, int column, const char *complaint);
/* A column by name, or where no name fits by number from 0 (negative: from the end). */
rung_status rg_rows_find(const rg_rows *rows, const char *wanted, int *out);

/* Different words in order: numbers by size, then text by its bytes. Numbers that are equal are the
 * same word. */
typedef struct rg_words {
  rung_context *ctx;
  int count, capacity;
  char **word;
} rg_words;

int rg_words_find(const rg_words *words, const char *word); /* -1: not there */
rung_status rg_words_add(rg_words *words, const char *word);
void rg_words_free(rg_words *words);

/* The word that a cell holds, with "" in quotes made one and numbers of arrays written out. It
 * stays until the next call with this text; NULL where memory lacks. */
const char *rg_cell_word(rg_text *text, const rg_row_cell *cell);

#endif
