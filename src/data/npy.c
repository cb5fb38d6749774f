/* Arrays in NumPy's NPY form, versions 1.0 to 3.0 (NEP 1 and numpy.lib.format). The header is a
 * Python dictionary of three entries; it is parsed as exactly that. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"

#define HEADER_MAX 65535 /* a longer one describes nothing that is read here */

/* The header's text. */
typedef struct parser {
  rung_context *ctx;
  const char *what;
  const char *start, *at, *end;
} parser;

static rung_status fail_at(const parser *p, const char *expected) {
  char quoted[RG_QUOTED];
  if (p->at == p->end)
    return rg_fail(p->ctx, RUNG_E_FORMAT, "%s: header, character %zu: expected %s, found its end",
                   p->what, (size_t)(p->at - p->start) + 1, expected);
  return rg_fail(p->ctx, RUNG_E_FORMAT, "%s: header, character %zu: expected %s, found %s", p->what,
                 (size_t)(p->at - p->start) + 1, expected,
                 rg_quoted(quoted, p->at, (size_t)(p->end - p->at)));
}

static void pass_blanks(parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t')) p->at++;
}

static bool take(parser *p, const char *word) {
  size_t n = strlen(word);
  pass_blanks(p);
  if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) return false;
  p->at += n;
  return true;
}

/* A string in single or double quotes, without escapes. */
static rung_status read_string(parser *p, const char *expected, const char **text, size_t *length) {
  pass_blanks(p);
  if (p->at == p->end || (*p->at != '\'' && *p->at != '"')) return fail_at(p, expected);
  const char *close = memchr(p->at + 1, *p->at, (size_t)(p->end - p->at) - 1);
  if (!close) return fail_at(p, expected);
  *text = p->at + 1;
  *length = (size_t)(close - *text);
  p->at = close + 1;
  return RUNG_OK;
}

static rung_status read_descr(parser *p, rg_npy *out) {
  static const char types[] = "f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 ";
  const char *text = NULL;
  size_t length = 0;
  char quoted[RG_QUOTED], type[4];
  pass_blanks(p);
  if (p->at < p->end && *p->at == '[')
    return rg_fail(p->ctx, RUNG_E_UNSUPPORTED,
                   "%s: expected an array of numbers, found records with fields", p->what);
  RG_TRY(read_string(p, "a type such as '<f8'", &text, &length));
  bool known = length == 3 && !memchr(text, 0, length) && strchr("<>|", text[0]);
  if (known) {
    snprintf(type, sizeof type, "%c%c ", text[1], text[2]);
    known = strstr(types, type) && (text[0] != '|' || text[2] == '1');
  }
  if (!known)
    return rg_fail(p->ctx, RUNG_E_UNSUPPORTED,
                   "%s: expected numbers of type f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1, "
                   "found %s",
                   p->what, rg_quoted(quoted, text, length));
  out->big_endian = text[0] == '>';
  out->kind = text[1];
  out->size = text[2] - '0';
  return RUNG_OK;
}

static rung_status read_order(parser *p, rg_npy *out) {
  out->fortran = take(p, "True");
  return out->fortran || take(p, "False") ? RUNG_OK : fail_at(p, "True or False");
}

/* A whole number below 2^56, so that products with small factors stay within 64 bits. */
static rung_status read_dimension(parser *p, int64_t *out) {
  pass_blanks(p);
  const char *start = p->at;
  *out = 0;
  for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
    *out = 10 * *out + (*p->at - '0');
    if (*out >> 56) {
      p->at = start;
      return fail_at(p, "a smaller dimension");
    }
  }
  return p->at > start ? RUNG_OK : fail_at(p, "a dimension");
}

static rung_status read_shape(parser *p, rg_npy *out) {
  int64_t dimension[2] = {1, 1};
  int rank = 0;
  if (!take(p, "(")) return fail_at(p, "'('");
  while (!take(p, ")")) {
    if (rank == 2)
      return rg_fail(p->ctx, RUNG_E_UNSUPPORTED,
                     "%s: expected an array of one or two dimensions, found more", p->what);
    RG_TRY(read_dimension(p, &dimension[rank++]));
    bool comma = take(p, ",");
    pass_blanks(p);
    if (!comma && (rank < 2 || p->at == p->end || *p->at != ')')) return fail_at(p, "','");
  }
  if (rank == 0)
    return rg_fail(p->ctx, RUNG_E_UNSUPPORTED,
                   "%s: expected an array of one or two dimensions, found a single number",
                   p->what);
  out->rank = rank;
  out->rows = dimension[0];
  out->columns = dimension[1];
  return RUNG_OK;
}

static rung_status read_entry(parser *p, rg_npy *out, unsigned *seen) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  static const char expected[] = "the key 'descr', 'fortran_order' or 'shape', each once";
  static rung_status (*const read[])(parser *, rg_npy *) = {read_descr, read_order, read_shape};
  const char *text = NULL;
  size_t length = 0;
  pass_blanks(p);
  parser before = *p;
  RG_TRY(read_string(p, expected, &text, &length));
  for (unsigned i = 0; i < 3; i++) {
    if (strlen(keys[i]) != length || memcmp(keys[i], text, length) != 0) continue;
    if (*seen & 1u << i) break;
    *seen |= 1u << i;
    if (!take(p, ":")) return fail_at(p, "':'");
    return read[i](p, out);
  }
  return fail_at(&before, expected);
}

static rung_status read_dictionary(parser *p, rg_npy *out) {
  unsigned seen = 0;
  if (!take(p, "{")) return fail_at(p, "'{'");
  while (!take(p, "}")) {
    RG_TRY(read_entry(p, out, &seen));
    if (take(p, ",")) continue;
    pass_blanks(p);
    if (p->at == p->end || *p->at != '}') return fail_at(p, "',' or '}'");
  }
  pass_blanks(p);
  if (p->at < p->end) return fail_at(p, "nothing more");
  if (seen != 7)
    return rg_fail(p->ctx, RUNG_E_FORMAT,
                   "%s: header: expected the keys 'descr', 'fortran_order' and 'shape', found only "
                   "some of them",
                   p->what);
  return RUNG_OK;
}

/* The elements must fill the rest of the file. */
static rung_status check_size(rung_context *ctx, const char *what, const rg_npy *array,
                              size_t length) {
  size_t found = length - array->start, size = (size_t)array->size;
  size_t rows = (size_t)array->rows, columns = (size_t)array->columns;
  if (rows == 0 || columns == 0)
    return rg_fail(ctx, RUNG_E_DATA,
                   "%s: expected rows of numbers, found an array without elements", what);
  if (columns > RG_COLUMNS_MAX)
    return rg_fail(ctx, RUNG_E_DATA, "%s: more than %d columns", what, RG_COLUMNS_MAX);
  if (rows > found / size / columns || rows * columns * size != found)
    return rg_fail(
        ctx, RUNG_E_FORMAT,
        "%s: expected %zu x %zu elements of %zu bytes behind the header, found %zu bytes", what,
        rows, columns, size, found);
  return RUNG_OK;
}

static rung_status header_extent(rung_context *ctx, const char *what, const unsigned char *data,
                                 size_t have, size_t *first, size_t *length) {
  if (have < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected a NumPy array, found other data", what);
  if (data[6] < 1 || data[6] > 3 || data[7] != 0)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "%s: expected NPY version 1.0, 2.0 or 3.0, found %d.%d",
                   what, data[6], data[7]);
  *first = data[6] == 1 ? 10 : 12;
  *length = data[8] + 256u * data[9];
  if (data[6] > 1 && have >= 12) *length += 65536u * data[10] + 16777216u * (size_t)data[11];
  if (*length > HEADER_MAX)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected a header of at most %d bytes, found %zu", what,
                   HEADER_MAX, *length);
  if (have < *first || have - *first < *length)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected a header of %zu bytes, found %zu", what,
                   *length, have < *first ? 0 : have - *first);
  return RUNG_OK;
}

rung_status rg_npy_header(rung_context *ctx, const char *what, const unsigned char *data,
                          size_t have, size_t length, rg_npy *out) {
  size_t first = 0, extent = 0;
  *out = (rg_npy){0};
  RG_TRY(header_extent(ctx, what, data, have, &first, &extent));
  const char *text = (const char *)data + first;
  parser p = {ctx, what, text, text, text + extent};
  RG_TRY(read_dictionary(&p, out));
  out->start = first + extent;
  return check_size(ctx, what, out, length);
}

/* An integer of up to 64 bits as the exact sum of its halves. */
static rung_dd from_halves(double high, double low) {
  double sum = high + low;
  return (rung_dd){sum, low - (sum - high)};
}

static rung_dd element(const rg_npy *array, const unsigned char *at) {
  uint64_t bits = 0;
  for (int i = 0; i < array->size; i++)
    bits = bits << 8 | at[array->big_endian ? i : array->size - 1 - i];
  if (array->kind == 'f' && array->size == 8) {
    double value;
    memcpy(&value, &bits, 8);
    return (rung_dd){value, 0};
  }
  if (array->kind == 'f') {
    uint32_t half = (uint32_t)bits;
    float value;
    memcpy(&value, &half, 4);
    return (rung_dd){(double)value, 0};
  }
  if (array->kind == 'b') return (rung_dd){bits != 0, 0};
  double low = (double)(bits & 0xffffffffu);
  if (array->kind == 'u') return from_halves((double)(bits >> 32) * 4294967296.0, low);
  int unused = 64 - 8 * array->size;
  int64_t value = (int64_t)(bits << unused) >> unused;
  return from_halves((double)(value >> 32) * 4294967296.0, (double)(value & 0xffffffff));
}

rung_status rg_npy_fill(rung_context *ctx, const char *what, const rg_npy *array,
                        const unsigned char *data, const int *slot, rung_table *table) {
  data += array->start;
  int64_t row_step = array->fortran ? 1 : array->columns;
  int64_t column_step = array->fortran ? array->rows : 1;
  for (int64_t i = 0; i < array->rows; i++)
    for (int64_t j = 0; j < array->columns; j++) {
      if (slot[j] < 0) continue;
      rung_dd value = element(array, data + (i * row_step + j * column_step) * array->size);
      if (!isfinite(value.hi))
        return rg_fail(ctx, RUNG_E_DATA,
                       "%s: row %lld, column %lld (\"%s\"): expected a finite number, found %s",
                       what, (long long)i + 1, (long long)j + 1, table->name[slot[j]],
                       isnan(value.hi) ? "nan"
                       : value.hi > 0  ? "inf"
                                       : "-inf");
      table->cell[i * table->columns + slot[j]] = value;
    }
  return RUNG_OK;
}

static rung_status read_array(const rg_source *source, const rg_npy *array, char **name, int *slot,
                              rung_table *table) {
  int count = (int)array->columns, kept;
  RG_TRY(rg_number_names(table->ctx, "c", count, name));
  RG_TRY(rg_choose_columns(table->ctx, source->file, 0, source->options->columns, count, name, slot,
                           &kept));
  RG_TRY(rg_table_name_columns(table, count, name, slot, kept));
  RG_TRY(rg_table_reserve(table, array->rows));
  return rg_npy_fill(table->ctx, source->file, array, source->data, slot, table);
}

rung_status rg_npy_read(const rg_source *source, rung_table *table) {
  rung_context *ctx = table->ctx;
  rg_npy array;
  RG_TRY(rg_npy_header(ctx, source->file, source->data, source->length, source->length, &array));
  int count = (int)array.columns;
  char **name = rg_calloc(ctx, (size_t)count, sizeof *name);
  int *slot = name ? rg_alloc(ctx, (size_t)count, sizeof *slot) : NULL;
  rung_status status = slot ? read_array(source, &array, name, slot, table) : RUNG_E_MEMORY;
  rg_free_names(ctx, count, name);
  rg_free(ctx, slot);
  return status;
}
