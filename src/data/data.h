/* Inside the data room: the table, the readers that fill it, and what their messages share. */
#ifndef RG_DATA_H
#define RG_DATA_H

#include "base/base.h"
#include "rung/table.h"

#define RG_COLUMNS_MAX 65536 /* more in one file is taken for a mistake */

struct rung_table {
  rung_context *ctx;
  int64_t rows;
  int columns;
  char **name;   /* [columns]; entries may be NULL while the table is being filled */
  rung_dd *cell; /* [rows][columns] */
  int64_t *line; /* [rows]; NULL for files that are not text */
};

/* A file in memory, and what is asked of it. */
typedef struct rg_source {
  const char *file; /* for messages */
  const unsigned char *data;
  size_t length;
  const rung_table_options *options;
} rg_source;

/* Each fills an empty table; after an error the caller destroys it. */
rung_status rg_csv_read(const rg_source *source, rung_table *table);
rung_status rg_npy_read(const rg_source *source, rung_table *table);
rung_status rg_npz_read(const rg_source *source, rung_table *table);

/* Text without its byte order mark; refuses what is not text at all. */
rung_status rg_check_text(rung_context *ctx, const char *file, const void *bytes, size_t n,
                          const char **text, size_t *length);

/* The bytes of the UTF-8 character at `text`, of which `left` are there; 0 where it is none or not
 * printable. */
size_t rg_utf8_length(const unsigned char *text, size_t left);

/* Text as it stands in messages: in quotes, shortened to about 32 bytes at a whole UTF-8
 * character, with everything that is not printable as \xNN. Returns `out`. */
#define RG_QUOTED 160
const char *rg_quoted(char out[RG_QUOTED], const char *text, size_t length);

/* The name among `count` that takes the fewest edits (insert, delete, replace, swap) to become
 * `name`, if they are at most a third of its length, at least 1; else NULL. */
const char *rg_nearest(const char *name, int count, const char *const *names);

/* What a cell holds. */
typedef enum rg_cell_kind {
  RG_CELL_NUMBER,
  RG_CELL_EMPTY,
  RG_CELL_NOT_FINITE,    /* inf and nan */
  RG_CELL_TOO_LARGE,     /* a number beyond double's range */
  RG_CELL_MISSING,       /* NA, null and the like */
  RG_CELL_DECIMAL_COMMA, /* a number but for the comma */
  RG_CELL_TEXT
} rg_cell_kind;

/* Reads a whole cell (blanks around it already removed) to double-double. */
rg_cell_kind rg_cell_number(const char *text, size_t length, rung_dd *out);

/* The meaning of a kind other than RG_CELL_NUMBER: "expected a number, found ...". */
const char *rg_cell_complaint(char out[2 * RG_QUOTED], rg_cell_kind kind, const char *text,
                              size_t length);

/* Walks over the cells of separated text. */
typedef struct rg_scan {
  const char *at, *end;
  int64_t line; /* of `at`, from 1 */
  char separator;
  bool blanks;             /* the separator is any run of blanks */
  unsigned char stop[256]; /* characters that end a cell without quotes */
} rg_scan;

typedef struct rg_scan_cell {
  const char *text; /* without quotes and blanks around; "" inside stands for one " */
  size_t length;
  int64_t line; /* where it begins */
  bool quoted;
  bool last; /* of its row */
} rg_scan_cell;

typedef enum rg_scan_fault {
  RG_SCAN_OK,
  RG_SCAN_UNCLOSED,   /* a quote is not closed */
  RG_SCAN_AFTER_QUOTE /* something other than a separator behind a closing quote, at scan->at */
} rg_scan_fault;

/* `separator` ' ' means runs of blanks and tabs. */
void rg_scan_start(rg_scan *scan, const char *text, size_t length, char separator);
/* Goes past empty lines to the next row; false at the end of the text. */
bool rg_scan_row(rg_scan *scan);
rg_scan_fault rg_scan_next(rg_scan *scan, rg_scan_cell *cell);

/* The separator under which the first rows look most like a table of numbers. */
char rg_find_separator(const char *text, size_t length);

/* Decides which of a file's columns are read. slot[i] becomes the place of column i in the table,
 * or -1; *kept their number. Refuses unknown and duplicate names. `line`: that of the header, for
 * messages; 0 where there is none. */
rung_status rg_choose_columns(rung_context *ctx, const char *file, int64_t line, const char *wanted,
                              int count, char *const *name, int *slot, int *kept);

/* A column's number, 1..count, from plain digits; 0 for any other text. */
int rg_column_number(const char *text, int count);

/* Gives the table its `kept` names (copied from those with a slot). */
rung_status rg_table_name_columns(rung_table *table, int count, char *const *name, const int *slot,
                                  int kept);

/* Names for a file without any: c1, c2, ... or PREFIX1, PREFIX2, ... */
rung_status rg_number_names(rung_context *ctx, const char *prefix, int count, char **name);
void rg_free_names(rung_context *ctx, int count, char **name);

/* An array in NPY form, described by its header. */
typedef struct rg_npy {
  int64_t rows, columns; /* 1-D: one column */
  int rank;
  bool fortran, big_endian;
  char kind;    /* f, i, u or b */
  int size;     /* bytes of an element */
  size_t start; /* where the elements begin */
} rg_npy;

/* Reads the header of an array of `length` bytes, of which the first `have` are at `data`. `what`
 * names it in messages. All sizes are checked against `length`. */
rung_status rg_npy_header(rung_context *ctx, const char *what, const unsigned char *data,
                          size_t have, size_t length, rg_npy *out);
/* Copies the array's columns that have a slot into the table. */
rung_status rg_npy_fill(rung_context *ctx, const char *what, const rg_npy *array,
                        const unsigned char *data, const int *slot, rung_table *table);

/* Memory for the cells of `rows` rows, which becomes the table's number of rows. */
rung_status rg_table_reserve(rung_table *table, int64_t rows);

#endif
