/**
 * @file table.h
 * Tables of numbers from CSV, NPY and NPZ files, and CSV out.
 */
#ifndef RUNG_TABLE_H
#define RUNG_TABLE_H

#include "rung/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A table of named columns of double-double numbers. */
typedef struct rung_table rung_table;

/** Options of rung_table_read(); rung_table_options_default() fills them. */
typedef struct rung_table_options {
  char separator;      /**< 0 (default): found out among , ; tab | and blanks. */
  int header;          /**< 1: first row holds names; 0: none (columns are named c1, c2, ...);
                            -1 (default): found out: a header is a row without a number. */
  size_t limit;        /**< Most bytes of unpacked file. Default 4 GiB. */
  const char *columns; /**< NULL (default): all columns must be numeric; else a comma-separated
                            list: only these are read, others may hold anything. */
} rung_table_options;

/** The defaults. */
RUNG_API rung_table_options rung_table_options_default(void);

/**
 * Reads a table: CSV (also .gz; quoted fields; decimal numbers read to all their digits), NPY (1-D
 * or 2-D, little- or big-endian f4, f8, i1..i8, u1..u8, bool; C or Fortran order) or NPZ (each 1-D
 * array a column named as the array, a 2-D array columns NAME1, NAME2, ...). Release the table with
 * rung_table_destroy(). @param options NULL for the defaults
 * @return RUNG_E_IO; RUNG_E_FORMAT or RUNG_E_DATA with file, line and column for missing,
 * non-numeric or non-finite cells, ragged rows, empty files, duplicate or unknown column names
 */
RUNG_API rung_status rung_table_read(rung_context *ctx, const char *path,
                                     const rung_table_options *options, rung_table **out);
/** The same from memory; `name` stands for the file in messages and tells the kind by its ending.
 */
RUNG_API rung_status rung_table_read_memory(rung_context *ctx, const char *name, const void *data,
                                            size_t length, const rung_table_options *options,
                                            rung_table **out);
/** Releases a table. NULL is allowed. */
RUNG_API void rung_table_destroy(rung_table *table);
/** The number of rows. */
RUNG_API int64_t rung_table_rows(const rung_table *table);
/** The number of columns. */
RUNG_API int rung_table_columns(const rung_table *table);
/** A column's name; NULL outside the range. */
RUNG_API const char *rung_table_name(const rung_table *table, int column);
/** A column by name, or by number from 1 as text where no name fits; -1 where there is none. */
RUNG_API int rung_table_find(const rung_table *table, const char *name);
/** Row numbers of the file, for messages: the line (from 1) on which row `row` begins; 0 for
 * tables that are not text. */
RUNG_API int64_t rung_table_line(const rung_table *table, int64_t row);
/** Copies columns to `out` [rows][count] in an arithmetic, rounded where it is narrower; NaN where
 * there is no such column. */
RUNG_API void rung_table_get(const rung_table *table, int count, const int *column,
                             rung_dtype dtype, void *out);
/**
 * Writes rows of numbers as CSV with a header, whole or not at all. @param path NULL: the text goes
 * to *text instead, which the caller releases with rung_free()
 * @param digits significant digits; 0 for as many as identify the number (9, 17, 33)
 */
RUNG_API rung_status rung_table_write(rung_context *ctx, const char *path, int columns,
                                      const char *const *names, int64_t rows, rung_dtype dtype,
                                      const void *data, int digits, char **text, size_t *length);

#ifdef __cplusplus
}
#endif
#endif
