/* NPY and NPZ files, written here byte by byte after the published forms. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "fail_alloc.h"
#include "rung/table.h"
#include "test.h"

typedef struct bytes {
  size_t length;
  unsigned char data[8192];
} bytes;

static void put(bytes *b, const void *data, size_t length) {
  assert_true(b->length + length <= sizeof b->data);
  memcpy(b->data + b->length, data, length);
  b->length += length;
}

/* Little-endian unless `big`. */
static void put_number(bytes *b, uint64_t value, int size, bool big) {
  for (int i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)(value >> 8 * (big ? size - 1 - i : i));
    put(b, &byte, 1);
  }
}

static void put_header(bytes *b, int version, const char *text) {
  size_t length = strlen(text);
  put(b, "\x93NUMPY", 6);
  put_number(b, (uint64_t)version, 1, false);
  put_number(b, 0, 1, false);
  put_number(b, length, version == 1 ? 2 : 4, false);
  put(b, text, length);
}

static void put_element(bytes *b, const char *type, double value) {
  int size = type[2] - '0';
  bool big = type[0] == '>';
  uint64_t bits = 0;
  if (type[1] == 'f' && size == 4) {
    float single = (float)value;
    memcpy(&bits, &single, 4);
  } else if (type[1] == 'f') {
    memcpy(&bits, &value, 8);
  } else if (type[1] == 'b') {
    bits = value != 0;
  } else {
    bits = (uint64_t)(int64_t)value;
  }
  put_number(b, bits, size, big);
}

static rung_status read_bytes(rung_context *ctx, const char *name, const bytes *b,
                              rung_table **out) {
  unsigned char *exact = calloc(b->length + !b->length, 1); /* so that reading past it shows */
  assert_non_null(exact);
  memcpy(exact, b->data, b->length);
  rung_status status = rung_table_read_memory(ctx, name, exact, b->length, NULL, out);
  free(exact);
  return status;
}

static void test_types_and_orders(void **state) {
  static const char *const types[] = {"<f4", ">f4", "<f8", ">f8", "|i1", "<i1", "<i2",
                                      ">i2", "<i4", ">i4", "<i8", ">i8", "|u1", "<u2",
                                      ">u2", "<u4", ">u4", "<u8", ">u8", "|b1"};
  enum { ROWS = 3, COLUMNS = 2 };
  for (int version = 1; version <= 3; version++)
    for (int fortran = 0; fortran < 2; fortran++)
      for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        bytes b = {0};
        char header[200];
        double expected[ROWS * COLUMNS], found[ROWS * COLUMNS];
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': %s, 'shape': (3, 2), }   \n", types[t],
                 fortran ? "True" : "False");
        put_header(&b, version, header);
        for (int i = 0; i < ROWS * COLUMNS; i++) {
          char kind = types[t][1];
          double value = kind == 'b' ? i % 2 : kind == 'u' ? 20 * i + 100 : 20 * i - 50;
          int row = fortran ? i % ROWS : i / COLUMNS, column = fortran ? i / ROWS : i % COLUMNS;
          expected[row * COLUMNS + column] = value;
          put_element(&b, types[t], value);
        }
        rung_table *table;
        assert_ok(*state, read_bytes(*state, "a.npy", &b, &table));
        assert_int_equal(rung_table_rows(table), ROWS);
        assert_int_equal(rung_table_columns(table), COLUMNS);
        assert_string_equal(rung_table_name(table, 1), "c2");
        assert_int_equal(rung_table_line(table, 0), 0);
        rung_table_get(table, 2, (int[]){0, 1}, RUNG_F64, found);
        assert_memory_equal(found, expected, sizeof found);
        rung_table_destroy(table);
      }
}

static void test_whole_numbers_keep_all_bits(void **state) {
  static const uint64_t values[] = {0,
                                    1,
                                    (uint64_t)1 << 53,
                                    ((uint64_t)1 << 53) + 1,
                                    UINT64_MAX,
                                    (uint64_t)1 << 63,
                                    ((uint64_t)1 << 63) - 1,
                                    0x123456789abcdef1u,
                                    0xfedcba9876543211u};
  enum { COUNT = sizeof values / sizeof *values };
  for (int is_signed = 0; is_signed < 2; is_signed++) {
    bytes b = {0};
    rung_table *table;
    rung_dd found[COUNT];
    put_header(&b, 1,
               is_signed ? "{'descr': '<i8', 'fortran_order': False, 'shape': (9,), }"
                         : "{'descr': '<u8', 'fortran_order': False, 'shape': (9,), }");
    for (int i = 0; i < COUNT; i++) put_number(&b, values[i], 8, false);
    assert_ok(*state, read_bytes(*state, "a.npy", &b, &table));
    rung_table_get(table, 1, (int[]){0}, RUNG_DD, found);
    for (int i = 0; i < COUNT; i++) {
      __int128 exact = is_signed ? (__int128)(int64_t)values[i] : (__int128)values[i];
      assert_true((__int128)found[i].hi + (__int128)found[i].lo == exact);
      assert_true(found[i].hi == (is_signed ? (double)(int64_t)values[i] : (double)values[i]));
    }
    rung_table_destroy(table);
  }
}

static void test_headers(void **state) {
  static const struct {
    const char *header, *message; /* NULL: is read */
  } cases[] = {
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", NULL},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n", NULL},
      {"{\"shape\":(1,1),\"fortran_order\":True,\"descr\":\"<f8\"}", NULL},
      {"", "header, character 1: expected '{', found its end"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), ",
       "header, character 57: expected the key 'descr', 'fortran_order' or 'shape', each once, "
       "found its end"},
      {"{'descr': '<f8', 'fortran_order': False, }",
       "header: expected the keys 'descr', 'fortran_order' and 'shape', found only some of them"},
      {"{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
       "header, character 18: expected the key 'descr', 'fortran_order' or 'shape', each once, "
       "found \"'descr': '<f8', 'fortran_order':...\""},
      {"{'descr': '<f8', 'order': 1}",
       "header, character 18: expected the key 'descr', 'fortran_order' or 'shape', each once, "
       "found \"'order': 1}\""},
      {"{'descr' '<f8'}", "header, character 10: expected ':', found \"'<f8'}\""},
      {"{'descr': <f8}", "header, character 11: expected a type such as '<f8', found \"<f8}\""},
      {"{'descr': '<f8}", "header, character 11: expected a type such as '<f8', found \"'<f8}\""},
      {"{'descr': '<f8', 'fortran_order': 1, 'shape': (1,)}",
       "header, character 35: expected True or False, found \"1, 'shape': (1,)}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
       "header, character 53: expected ',', found \")}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
       "header, character 52: expected a dimension, found \"-1,)}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': 1}",
       "header, character 51: expected '(', found \"1}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
       "header, character 57: expected nothing more, found \"x\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,) 'x': 1}",
       "header, character 56: expected ',' or '}', found \"'x': 1}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       "header, character 52: expected a smaller dimension, found \"99999999999999999999,)}\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (72057594037927935, 72057594037927935)}",
       "more than 65536 columns"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (72057594037927935, 65536)}",
       "expected 72057594037927935 x 65536 elements of 8 bytes behind the header, found 8 bytes"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
       "expected 2 x 1 elements of 8 bytes behind the header, found 8 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
       "expected 1 x 1 elements of 4 bytes behind the header, found 8 bytes"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': ()}",
       "expected an array of one or two dimensions, found a single number"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1)}",
       "expected an array of one or two dimensions, found more"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}",
       "expected rows of numbers, found an array without elements"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 0)}",
       "expected rows of numbers, found an array without elements"},
      {"{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,)}",
       "expected an array of numbers, found records with fields"},
      {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}",
       "expected numbers of type f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1, found \"<c16\""},
      {"{'descr': '<f2', 'fortran_order': False, 'shape': (4,)}",
       "expected numbers of type f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1, found \"<f2\""},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
       "expected numbers of type f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1, found \"|O\""},
      {"{'descr': '|f8', 'fortran_order': False, 'shape': (1,)}",
       "expected numbers of type f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1, found \"|f8\""},
  };
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bytes b = {0};
    rung_table *table;
    char message[400];
    put_header(&b, 1, cases[i].header);
    put_element(&b, "<f8", 0.5);
    rung_status status = read_bytes(ctx, "a.npy", &b, &table);
    if (!cases[i].message) {
      assert_ok(ctx, status);
      rung_table_destroy(table);
      continue;
    }
    snprintf(message, sizeof message, "a.npy: %s", cases[i].message);
    assert_true(status < 0);
    assert_string_equal(rung_error(ctx), message);
  }
}

static void test_other_damage(void **state) {
  rung_context *ctx = *state;
  rung_table *table;
  bytes b = {0};
  assert_error(ctx, read_bytes(ctx, "a.npy", &b, &table), RUNG_E_FORMAT,
               "a.npy: expected a NumPy array, found other data");
  put_header(&b, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)}");
  put_element(&b, "<f8", 1);
  put_element(&b, "<f8", -INFINITY);
  assert_error(ctx, read_bytes(ctx, "a.npy", &b, &table), RUNG_E_DATA,
               "a.npy: row 1, column 2 (\"c2\"): expected a finite number, found -inf");
  for (size_t length = b.length; length-- > 0;) { /* every shorter file is refused */
    bytes cut = b;
    cut.length = length;
    assert_int_equal(read_bytes(ctx, "a.npy", &cut, &table), RUNG_E_FORMAT);
  }
  b.data[6] = 4;
  assert_error(ctx, read_bytes(ctx, "a.npy", &b, &table), RUNG_E_UNSUPPORTED,
               "a.npy: expected NPY version 1.0, 2.0 or 3.0, found 4.0");
  b.data[6] = 2;
  b.data[11] = 0xff;
  assert_error(ctx, read_bytes(ctx, "a.npy", &b, &table), RUNG_E_FORMAT,
               "a.npy: expected a header of at most 65535 bytes, found");
  b.data[6] = 1;
  b.data[9] = 0xff;
  assert_error(ctx, read_bytes(ctx, "a.npy", &b, &table), RUNG_E_FORMAT,
               "a.npy: expected a header of 65");
}

/* A file for an archive, and the archive's directory so far. */
typedef struct zip_writer {
  bytes *out;
  bytes directory;
  int entries;
} zip_writer;

static void put_entry_fields(bytes *b, const bytes *content, size_t packed, int method) {
  put_number(b, (uint64_t)method, 2, false);
  put_number(b, 0, 4, false); /* time and date */
  put_number(b, crc32(0, content->data, (uInt)content->length), 4, false);
  put_number(b, packed, 4, false);
  put_number(b, content->length, 4, false);
}

static void zip_add(zip_writer *z, const char *name, const bytes *content, int method) {
  unsigned char packed[8192];
  z_stream stream = {0};
  size_t length = content->length, start = z->out->length;
  memcpy(packed, content->data, length);
  if (method == 8) {
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = (z_const Bytef *)content->data;
    stream.avail_in = (uInt)content->length;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    length = stream.total_out;
    deflateEnd(&stream);
  }
  put(z->out, "PK\3\4\x14\0\0\0", 8);
  put_entry_fields(z->out, content, length, method);
  put_number(z->out, strlen(name), 2, false);
  put_number(z->out, 5, 2, false); /* numpy writes 64-bit sizes here, which nobody needs */
  put(z->out, name, strlen(name));
  put(z->out, "extra", 5);
  put(z->out, packed, length);
  put(&z->directory, "PK\1\2\x14\0\x14\0\0\0", 10);
  put_entry_fields(&z->directory, content, length, method);
  put_number(&z->directory, strlen(name), 2, false);
  put(&z->directory, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
  put_number(&z->directory, start, 4, false);
  put(&z->directory, name, strlen(name));
  z->entries++;
}

static void zip_end(zip_writer *z, const char *comment) {
  size_t start = z->out->length;
  put(z->out, z->directory.data, z->directory.length);
  put(z->out, "PK\5\6\0\0\0\0", 8);
  put_number(z->out, (uint64_t)z->entries, 2, false);
  put_number(z->out, (uint64_t)z->entries, 2, false);
  put_number(z->out, z->directory.length, 4, false);
  put_number(z->out, start, 4, false);
  put_number(z->out, strlen(comment), 2, false);
  put(z->out, comment, strlen(comment));
}

static bytes array_of(const char *type, int rows, int columns, double first) {
  bytes b = {0};
  char header[200];
  snprintf(header, sizeof header,
           columns ? "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }\n"
                   : "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }\n",
           type, rows, columns);
  put_header(&b, 1, header);
  for (int i = 0; i < rows * (columns ? columns : 1); i++) put_element(&b, type, first + i);
  return b;
}

static void make_archive(bytes *out, int method, const char *comment) {
  zip_writer z = {.out = out};
  bytes x = array_of("<f8", 3, 0, 1), y = array_of(">i4", 3, 2, 10);
  zip_add(&z, "x.npy", &x, method);
  zip_add(&z, "y.npy", &y, method);
  zip_end(&z, comment);
}

static void test_archives(void **state) {
  static const double expected[] = {1, 10, 11, 2, 12, 13, 3, 14, 15};
  for (int i = 0; i < 4; i++) {
    bytes b = {0};
    rung_table *table;
    double found[9];
    make_archive(&b, i % 2 ? 8 : 0, i / 2 ? "a comment PK\5\6 that confuses" : "");
    assert_ok(*state, read_bytes(*state, "a.npz", &b, &table));
    assert_int_equal(rung_table_columns(table), 3);
    assert_string_equal(rung_table_name(table, 0), "x");
    assert_string_equal(rung_table_name(table, 1), "y1");
    assert_string_equal(rung_table_name(table, 2), "y2");
    rung_table_get(table, 3, (int[]){0, 1, 2}, RUNG_F64, found);
    assert_memory_equal(found, expected, sizeof found);
    rung_table_destroy(table);
  }
}

static void test_archives_of_other_things(void **state) {
  rung_context *ctx = *state;
  bytes b = {0}, x = array_of("<f8", 3, 0, 1), long_one = array_of("<f8", 4, 0, 1),
        complex = array_of("<f8", 3, 2, 5), text = {.length = 5, .data = "hello"};
  zip_writer z = {.out = &b};
  rung_table *table;
  memcpy(strstr((char *)complex.data + 10, "<f8"), "<c8", 3);
  zip_add(&z, "x.npy", &x, 8);
  zip_add(&z, "z.npy", &complex, 8);
  zip_add(&z, "long.npy", &long_one, 8);
  zip_add(&z, "readme.txt", &text, 0);
  zip_end(&z, "");
  assert_error(ctx, read_bytes(ctx, "a.npz", &b, &table), RUNG_E_UNSUPPORTED,
               "a.npz: array \"z\": expected numbers of type f4");
  rung_table_options options = rung_table_options_default();
  options.columns = "x";
  assert_ok(ctx, rung_table_read_memory(ctx, "a.npz", b.data, b.length, &options, &table));
  assert_int_equal(rung_table_columns(table), 1);
  rung_table_destroy(table);
  options.columns = "x,long";
  assert_error(ctx, rung_table_read_memory(ctx, "a.npz", b.data, b.length, &options, &table),
               RUNG_E_DATA,
               "a.npz: array \"long\": expected 3 rows as in the first array, found 4");
  options.columns = "z";
  assert_error(ctx, rung_table_read_memory(ctx, "a.npz", b.data, b.length, &options, &table),
               RUNG_E_DATA,
               "a.npz: no column is named \"z\"; the nearest is \"x\", of \"x\", \"long\"");

  b.length = 0;
  z = (zip_writer){.out = &b};
  zip_add(&z, "x.npy", &x, 8);
  zip_add(&z, "readme.txt", &text, 0);
  zip_end(&z, "");
  assert_error(ctx, read_bytes(ctx, "a.npz", &b, &table), RUNG_E_FORMAT,
               "a.npz: expected arrays (NAME.npy) only, found \"readme.txt\"");
  b.length = 0;
  z = (zip_writer){.out = &b};
  zip_add(&z, "x.npy", &x, 8);
  zip_add(&z, "x.npy", &x, 8);
  zip_end(&z, "");
  assert_error(ctx, read_bytes(ctx, "a.npz", &b, &table), RUNG_E_DATA,
               "a.npz: columns 1 and 2 are both named \"x\"");
  b.length = 0;
  z = (zip_writer){.out = &b};
  zip_end(&z, "");
  assert_error(ctx, read_bytes(ctx, "a.npz", &b, &table), RUNG_E_DATA,
               "a.npz: expected arrays, found none that can be read");
}

/* Where a byte of the archive is changed, either its numbers are the same or it is refused. */
static void test_damaged_archives(void **state) {
  rung_context *ctx = *state;
  static const double expected[] = {1, 10, 11, 2, 12, 13, 3, 14, 15};
  for (int method = 0; method <= 8; method += 8) {
    bytes good = {0};
    make_archive(&good, method, "");
    int read = 0;
    for (size_t i = 0; i < 2 * good.length; i++) {
      bytes b = good;
      rung_table *table;
      b.data[i / 2] = i % 2 ? 0xff : b.data[i / 2] ^ 1;
      if (read_bytes(ctx, "a.npz", &b, &table) != RUNG_OK) continue;
      double found[9];
      assert_int_equal(rung_table_rows(table), 3);
      rung_table_get(table, 3, (int[]){0, 1, 2}, RUNG_F64, found);
      assert_memory_equal(found, expected, sizeof found);
      rung_table_destroy(table);
      read++;
    }
    assert_true(read > 10); /* times, versions and names say nothing about numbers */
    for (size_t length = good.length; length-- > 0;) {
      bytes cut = good;
      rung_table *table;
      cut.length = length;
      assert_true(read_bytes(ctx, "a.npz", &cut, &table) < 0);
    }
  }
}

static void test_archive_messages(void **state) {
  static const struct {
    int from_end, size; /* place in the archive, from its end; what is written there */
    uint64_t value;
    const char *message;
  } cases[] = {
      {12, 2, 0xffff, "expected a plain zip archive, found one with 64-bit sizes (zip64)"},
      {6, 4, 0xffffffff, "expected a plain zip archive, found one with 64-bit sizes (zip64)"},
      {18, 2, 1, "expected a plain zip archive, found one in several parts"},
      {6, 4, 0xfffffff0, "damaged zip archive: the directory reaches beyond the file"},
      {10, 4, 60, "damaged zip archive: the directory has fewer entries than stated"},
      {10, 4, 50, "damaged zip archive: an entry reaches beyond the directory"},
      {22 + 51 - 8, 2, 1, "expected a plain zip archive, found encrypted files"},
      {22 + 51 - 10, 2, 9,
       "expected a plain zip archive, found a file packed in another way than by deflate"},
      {22 + 51 - 16, 4, 7, "damaged zip archive: \"y.npy\" does not unpack to its stated bytes"},
      {22 + 51 - 20, 4, 0xffff, "damaged zip archive: a file reaches into the directory"},
      {22 + 51 - 24, 4, 0x7fffffff,
       "damaged zip archive: a file states more bytes than its packed form can hold"},
      {22 + 51 - 24, 4, 0xffffffff,
       "expected a plain zip archive, found one with 64-bit sizes (zip64)"},
      {22 + 51 - 42, 4, 3, "damaged zip archive: an entry points to no file"},
      {22 + 51 - 42, 4, 0xffffffff, "damaged zip archive: an entry points to no file"},
  };
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bytes b = {0}, number = {0};
    char message[200];
    rung_table *table;
    make_archive(&b, 8, "");
    put_number(&number, cases[i].value, cases[i].size, false);
    memcpy(b.data + b.length - cases[i].from_end, number.data, number.length);
    snprintf(message, sizeof message, "a.npz: %s", cases[i].message);
    assert_true(read_bytes(ctx, "a.npz", &b, &table) < 0);
    assert_string_equal(rung_error(ctx), message);
  }
}

static rung_status read_archive(rung_context *ctx, void *arg) {
  const bytes *b = arg;
  rung_table *table;
  rung_table_options options = rung_table_options_default();
  options.columns = "y2,x";
  RG_TRY(rung_table_read_memory(ctx, "a.npz", b->data, b->length, &options, &table));
  rung_table_destroy(table);
  return RUNG_OK;
}

static rung_status read_array(rung_context *ctx, void *arg) {
  const bytes *b = arg;
  rung_table *table;
  RG_TRY(rung_table_read_memory(ctx, "a.npy", b->data, b->length, NULL, &table));
  rung_table_destroy(table);
  return RUNG_OK;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  bytes archive = {0}, array = array_of("<f4", 3, 2, 1);
  make_archive(&archive, 8, "");
  fail_each_allocation(read_archive, &archive, (fail_options){0});
  fail_each_allocation(read_array, &array, (fail_options){0});
}

/* Where NumPy is installed, its own files. */
static void test_numpy(void **state) {
  rung_context *ctx = *state;
  if (system("python3 -c 'import numpy' >/dev/null 2>&1") != 0) skip();
  char folder[] = "/tmp/rung-npy-XXXXXX", command[600], path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(command, sizeof command,
           "cd %s && python3 -c \"import numpy as n; a = n.arange(6.0).reshape(3, 2); "
           "n.save('a', n.asfortranarray(a)); n.savez('b', x=a[:, 0], y=a.astype('>i2')); "
           "n.savez_compressed('c', x=a[:, 0], y=a.astype('>i2'))\"",
           folder);
  assert_int_equal(system(command), 0);
  static const char *const names[] = {"a.npy", "b.npz", "c.npz"};
  for (int i = 0; i < 3; i++) {
    rung_table *table;
    double found[6];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    assert_ok(ctx, rung_table_read(ctx, path, NULL, &table));
    rung_table_get(table, 2, i ? (int[]){1, 2} : (int[]){0, 1}, RUNG_F64, found);
    for (int j = 0; j < 6; j++) assert_true(found[j] == j);
    rung_table_destroy(table);
    unlink(path);
  }
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_types_and_orders),
      TEST(test_whole_numbers_keep_all_bits),
      TEST(test_headers),
      TEST(test_other_damage),
      TEST(test_archives),
      TEST(test_archives_of_other_things),
      TEST(test_damaged_archives),
      TEST(test_archive_messages),
      cmocka_unit_test(test_memory_runs_out),
      TEST(test_numpy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
