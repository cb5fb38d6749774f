/* Tables from NPZ files: zip archives of NPY arrays, each array one or more columns. */
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "data/zip.h"

#define HEADER_BYTES 65547 /* the longest header that npy.c reads, with what stands before it */

/* One array of the archive. */
typedef struct member {
  rg_zip_entry entry;
  rg_npy array;
  char *what; /* "FILE: array "NAME"" for messages */
  int first;  /* its first column among all columns of the file */
  bool kept;  /* some of its columns are wanted */
} member;

typedef struct archive {
  rung_context *ctx;
  const rg_source *source;
  rg_zip zip;
  int members;
  member *member; /* [members] */
  int columns;    /* of all arrays */
  char **name;    /* [columns] */
  int *slot;      /* [columns] */
} archive;

/* numpy adds ".npy" to the name of every array. */
static size_t array_name_length(const rg_zip_entry *entry) {
  size_t n = entry->name_length;
  return n > 4 && memcmp(entry->name + n - 4, ".npy", 4) == 0 ? n - 4 : 0;
}

static rung_status read_member_header(archive *a, member *m) {
  unsigned char *head;
  RG_TRY(rg_zip_unpack(&a->zip, &m->entry, HEADER_BYTES, &head));
  size_t have = m->entry.length < HEADER_BYTES ? m->entry.length : HEADER_BYTES;
  rung_status status = rg_npy_header(a->ctx, m->what, head, have, m->entry.length, &m->array);
  rg_free(a->ctx, head);
  return status;
}

static rung_status describe_member(archive *a, member *m, size_t name_length) {
  char quoted[RG_QUOTED];
  rg_text what;
  rg_text_init(&what, a->ctx);
  rg_text_printf(&what, "%s: array %s", a->source->file,
                 rg_quoted(quoted, m->entry.name, name_length));
  m->what = what.data;
  return rg_text_status(&what);
}

/* A column named as the array, or several named as the array with numbers behind. */
static rung_status name_columns(archive *a, const member *m) {
  size_t length = array_name_length(&m->entry);
  char **names = a->name + m->first;
  char *prefix = rg_strndup(a->ctx, m->entry.name, length);
  if (!prefix) return RUNG_E_MEMORY;
  if (m->array.rank == 1) {
    names[0] = prefix;
    return RUNG_OK;
  }
  rung_status status = rg_number_names(a->ctx, prefix, (int)m->array.columns, names);
  rg_free(a->ctx, prefix);
  return status;
}

/* Arrays that cannot be read are passed over where columns are chosen, for they may be others. */
static rung_status read_member(archive *a) {
  member *m = &a->member[a->members];
  char quoted[RG_QUOTED];
  RG_TRY(rg_zip_next(&a->zip, &m->entry));
  size_t name_length = array_name_length(&m->entry);
  bool choosy = a->source->options->columns != NULL;
  if (name_length == 0 || memchr(m->entry.name, 0, name_length)) {
    if (choosy) return RUNG_OK;
    return rg_fail(a->ctx, RUNG_E_FORMAT, "%s: expected arrays (NAME.npy) only, found %s",
                   a->source->file, rg_quoted(quoted, m->entry.name, m->entry.name_length));
  }
  a->members++;
  RG_TRY(describe_member(a, m, name_length));
  m->first = a->columns;
  rung_status status = read_member_header(a, m);
  if (status != RUNG_OK) {
    if (!choosy || status == RUNG_E_MEMORY) return status;
    rung_clear_error(a->ctx);
    m->array = (rg_npy){0};
    return RUNG_OK;
  }
  if (m->array.columns > RG_COLUMNS_MAX - a->columns)
    return rg_fail(a->ctx, RUNG_E_DATA, "%s: more than %d columns", a->source->file,
                   RG_COLUMNS_MAX);
  a->columns += (int)m->array.columns;
  return RUNG_OK;
}

static rung_status read_members(archive *a) {
  RG_TRY(rg_zip_open(a->ctx, a->source->file, a->source->data, a->source->length, &a->zip));
  a->member = rg_calloc(a->ctx, (size_t)a->zip.left, sizeof *a->member);
  if (!a->member) return RUNG_E_MEMORY;
  while (a->zip.left > 0) RG_TRY(read_member(a));
  if (a->columns == 0)
    return rg_fail(a->ctx, RUNG_E_DATA, "%s: expected arrays, found none that can be read",
                   a->source->file);
  a->name = rg_calloc(a->ctx, (size_t)a->columns, sizeof *a->name);
  if (!a->name) return RUNG_E_MEMORY;
  for (int i = 0; i < a->members; i++)
    if (a->member[i].array.columns > 0) RG_TRY(name_columns(a, &a->member[i]));
  return RUNG_OK;
}

/* All wanted arrays must have the same number of rows, and must fit the limit together. */
static rung_status check_members(archive *a, int64_t *rows) {
  *rows = 0;
  size_t left = a->source->options->limit;
  for (int i = 0; i < a->members; i++) {
    member *m = &a->member[i];
    for (int j = 0; j < m->array.columns; j++) m->kept |= a->slot[m->first + j] >= 0;
    if (!m->kept) continue;
    if (m->entry.length > left)
      return rg_fail(a->ctx, RUNG_E_BUDGET, "%s: more than %zu bytes, the limit here",
                     a->source->file, a->source->options->limit);
    left -= m->entry.length;
    if (*rows == 0) *rows = m->array.rows;
    if (m->array.rows != *rows)
      return rg_fail(a->ctx, RUNG_E_DATA,
                     "%s: expected %lld rows as in the first array, found %lld", m->what,
                     (long long)*rows, (long long)m->array.rows);
  }
  return RUNG_OK;
}

static rung_status fill_members(archive *a, rung_table *table) {
  for (int i = 0; i < a->members; i++) {
    const member *m = &a->member[i];
    unsigned char *bytes;
    if (!m->kept) continue;
    RG_TRY(rg_zip_unpack(&a->zip, &m->entry, m->entry.length, &bytes));
    rung_status status = rg_npy_fill(a->ctx, m->what, &m->array, bytes, a->slot + m->first, table);
    rg_free(a->ctx, bytes);
    RG_TRY(status);
  }
  return RUNG_OK;
}

static rung_status read_archive(archive *a, rung_table *table) {
  int64_t rows;
  int kept;
  RG_TRY(read_members(a));
  a->slot = rg_alloc(a->ctx, (size_t)a->columns, sizeof *a->slot);
  if (!a->slot) return RUNG_E_MEMORY;
  RG_TRY(rg_choose_columns(a->ctx, a->source->file, 0, a->source->options->columns, a->columns,
                           a->name, a->slot, &kept));
  RG_TRY(check_members(a, &rows));
  RG_TRY(rg_table_name_columns(table, a->columns, a->name, a->slot, kept));
  RG_TRY(rg_table_reserve(table, rows));
  return fill_members(a, table);
}

rung_status rg_npz_read(const rg_source *source, rung_table *table) {
  archive a = {.ctx = table->ctx, .source = source};
  rung_status status = read_archive(&a, table);
  for (int i = 0; i < a.members; i++) rg_free(a.ctx, a.member[i].what);
  rg_free(a.ctx, a.member);
  rg_free_names(a.ctx, a.columns, a.name);
  rg_free(a.ctx, a.slot);
  return status;
}
