/* Reading a safetensors file: nothing in it is believed before it is checked against the length. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "store/safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are little-endian");

#define HEADER_LIMIT 100000000u /* the format's own limit */
#define SMALL 4096              /* bytes of a tensor that never stays in the file */
#define FILE_LIMIT ((size_t)1 << 40)
#define EXACT_INTEGER 9007199254740992.0 /* 2^53: JSON numbers are doubles here */

typedef struct reader {
  rung_context *ctx;
  const char *name;
  const unsigned char *data; /* behind the header; NULL: in the set's file */
  uint64_t at;               /* there */
  size_t length;             /* of the data */
} reader;

static rung_status bad(const reader *r, const char *tensor, const char *what) {
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: tensor \"%.100s\": %s", r->name, tensor, what);
}

static bool whole_number(const cJSON *item, int64_t *out) {
  if (!cJSON_IsNumber(item)) return false;
  double value = item->valuedouble;
  if (!(value >= 0 && value <= EXACT_INTEGER)) return false;
  *out = (int64_t)value;
  return (double)*out == value;
}

static rung_status read_type(const reader *r, const cJSON *entry, rg_tensor_type *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
  if (!cJSON_IsString(item)) return bad(r, entry->string, "\"dtype\" is missing or not text");
  for (int t = RG_TENSOR_F64; t <= RG_TENSOR_U8; t++) {
    *out = (rg_tensor_type)t;
    if (strcmp(item->valuestring, rg_tensor_type_name(*out)) == 0) return RUNG_OK;
  }
  return rg_fail(r->ctx, RUNG_E_UNSUPPORTED,
                 "%s: tensor \"%.100s\": expected dtype F64, F32, I64 or U8, found %.20s", r->name,
                 entry->string, item->valuestring);
}

static rung_status read_shape(const reader *r, const cJSON *entry, rung_shape *out,
                              int64_t *count) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "shape"), *dim;
  if (!cJSON_IsArray(item)) return bad(r, entry->string, "\"shape\" is missing or not a list");
  *out = (rung_shape){0};
  *count = 1;
  cJSON_ArrayForEach(dim, item) {
    int64_t value;
    if (out->rank == RUNG_MAX_RANK) return bad(r, entry->string, "more than 6 dimensions");
    if (!whole_number(dim, &value))
      return bad(r, entry->string, "a dimension is not a whole number >= 0");
    if (__builtin_mul_overflow(*count, value, count))
      return bad(r, entry->string, "the product of the dimensions is too large");
    out->dim[out->rank++] = value;
  }
  return RUNG_OK;
}

/* Begin and end: inside the data, and of the size that shape and type ask for. */
static rung_status read_offsets(const reader *r, const cJSON *entry, rg_tensor_type type,
                                int64_t count, size_t *begin, size_t *end) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
  int64_t from, to, bytes;
  if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2 ||
      !whole_number(cJSON_GetArrayItem(item, 0), &from) ||
      !whole_number(cJSON_GetArrayItem(item, 1), &to))
    return bad(r, entry->string, "\"data_offsets\" is missing or not two whole numbers");
  if (from > to || (uint64_t)to > r->length)
    return rg_fail(r->ctx, RUNG_E_FORMAT,
                   "%s: tensor \"%.100s\": its data should be bytes %lld to %lld, but the file "
                   "holds %zu bytes of data; it may be cut short",
                   r->name, entry->string, (long long)from, (long long)to, r->length);
  if (__builtin_mul_overflow(count, (int64_t)rg_tensor_type_size(type), &bytes) ||
      bytes != to - from)
    return rg_fail(r->ctx, RUNG_E_FORMAT,
                   "%s: tensor \"%.100s\": %lld bytes do not hold its %lld elements of %s", r->name,
                   entry->string, (long long)(to - from), (long long)count,
                   rg_tensor_type_name(type));
  *begin = (size_t)from;
  *end = (size_t)to;
  return RUNG_OK;
}

typedef struct extent {
  size_t begin, end;
  const char *name;
} extent;

static int by_begin(const void *a, const void *b) {
  const extent *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors cover the data without gap or overlap, as the format demands. */
static rung_status check_cover(const reader *r, extent *all, size_t count) {
  qsort(all, count, sizeof *all, by_begin);
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    if (all[i].begin < at) return bad(r, all[i].name, "its data overlap another tensor's");
    if (all[i].begin > at) return bad(r, all[i].name, "there is a gap in the data before it");
    at = all[i].end;
  }
  if (at == r->length) return RUNG_OK;
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: the tensors hold %zu bytes, but there are %zu",
                 r->name, at, r->length);
}

static rung_status own_data(rg_tensors *set, rg_tensor *t) {
  t->data = rg_alloc(set->ctx, t->bytes, 1);
  if (!t->data) return RUNG_E_MEMORY;
  t->borrowed = false;
  return rg_read_at(set->ctx, set->name, set->file, t->at, t->data, t->bytes);
}

/* Small ones are taken at once. */
static rung_status add_waiting(const reader *r, rg_tensors *set, const char *name,
                               rg_tensor_type type, const rung_shape *shape, size_t begin) {
  RG_TRY(rg_tensors_add_view(set, name, type, shape->rank, shape->dim, NULL));
  rg_tensor *t = &set->tensor[set->count - 1];
  t->at = r->at + begin;
  return t->bytes <= SMALL ? own_data(set, t) : RUNG_OK;
}

static rung_status read_entry(const reader *r, const cJSON *entry, rg_tensors *set, extent *out) {
  rg_tensor_type type = RG_TENSOR_F64;
  rung_shape shape;
  int64_t count = 0;
  if (!cJSON_IsObject(entry)) return bad(r, entry->string, "expected an object in the header");
  RG_TRY(read_type(r, entry, &type));
  RG_TRY(read_shape(r, entry, &shape, &count));
  RG_TRY(read_offsets(r, entry, type, count, &out->begin, &out->end));
  out->name = entry->string;
  if (rg_tensors_find(set, entry->string)) return bad(r, entry->string, "the name occurs twice");
  if (!r->data) return add_waiting(r, set, entry->string, type, &shape, out->begin);
  return rg_tensors_add(set, entry->string, type, shape.rank, shape.dim, r->data + out->begin);
}

static rung_status read_metadata(const reader *r, const cJSON *object, rg_tensors *set) {
  const cJSON *item;
  if (!cJSON_IsObject(object))
    return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: __metadata__ is not an object", r->name);
  cJSON_ArrayForEach(item, object) {
    if (!cJSON_IsString(item) || rg_tensors_text(set, item->string))
      return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: metadata \"%.100s\": expected text, once", r->name,
                     item->string);
    RG_TRY(rg_tensors_add_text(set, item->string, item->valuestring));
  }
  return RUNG_OK;
}

static rung_status read_entries(const reader *r, const cJSON *root, rg_tensors *set) {
  size_t members = (size_t)cJSON_GetArraySize(root), tensors = 0;
  if (members > RG_TENSORS_MAX)
    return rg_fail(r->ctx, RUNG_E_UNSUPPORTED, "%s: expected at most %d tensors, found %zu",
                   r->name, RG_TENSORS_MAX, members);
  extent *all = rg_calloc(r->ctx, members, sizeof *all);
  if (!all) return RUNG_E_MEMORY;
  rung_status status = RUNG_OK;
  const cJSON *entry;
  cJSON_ArrayForEach(entry, root) {
    status = strcmp(entry->string, "__metadata__") == 0
                 ? read_metadata(r, entry, set)
                 : read_entry(r, entry, set, &all[tensors++]);
    if (status != RUNG_OK) break;
  }
  if (status == RUNG_OK) status = check_cover(r, all, tensors);
  rg_free(r->ctx, all);
  return status;
}

static rung_status parse_header(const reader *r, const char *text, size_t length, cJSON **out) {
  const char *end = text;
  errno = 0; /* the only way to tell lack of memory, which cJSON takes from malloc */
  cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
  *out = NULL;
  if (!root && errno == ENOMEM) return rg_fail_memory(r->ctx, length);
  if (!root)
    return rg_fail(r->ctx, RUNG_E_FORMAT,
                   "%s: the header is not valid JSON at byte %zu of the file", r->name,
                   8 + (size_t)(end - text));
  bool only_spaces = true;
  for (; end < text + length; end++) only_spaces = only_spaces && *end == ' ';
  if (cJSON_IsObject(root) && only_spaces) {
    *out = root;
    return RUNG_OK;
  }
  cJSON_Delete(root);
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: the header is not one JSON object", r->name);
}

enum { BEGINNING = 9 }; /* the header's length and its first byte */

/* From the file's first bytes. */
static rung_status header_length(rung_context *ctx, const char *name, const unsigned char *bytes,
                                 size_t length, size_t *out) {
  if (length < BEGINNING + 1) /* an empty object has two bytes */
    return rg_fail(ctx, RUNG_E_FORMAT,
                   "%s: expected a safetensors file, found only %zu bytes; it may be cut short",
                   name, length);
  uint64_t header = 0;
  for (int i = 0; i < 8; i++) header |= (uint64_t)bytes[i] << (8 * i);
  if (header > HEADER_LIMIT || bytes[8] != '{')
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: not a safetensors file", name);
  if (header > length - 8)
    return rg_fail(ctx, RUNG_E_FORMAT,
                   "%s: the header should be %llu bytes, but the file ends after %zu; it may be "
                   "cut short",
                   name, (unsigned long long)header, length - 8);
  *out = (size_t)header;
  return RUNG_OK;
}

static rung_status read_set(const reader *r, const char *text, size_t header, rg_tensors *set) {
  cJSON *root;
  RG_TRY(parse_header(r, text, header, &root));
  rung_status status = read_entries(r, root, set);
  cJSON_Delete(root);
  return status;
}

static rung_status read_bytes(rg_tensors *set, const char *name, const unsigned char *bytes,
                              size_t length) {
  size_t header;
  RG_TRY(header_length(set->ctx, name, bytes, length, &header));
  reader r = {set->ctx, name, bytes + 8 + header, 0, length - 8 - header};
  return read_set(&r, (const char *)bytes + 8, header, set);
}

rung_status rg_tensors_read_memory(rg_tensors *set, rung_context *ctx, const char *name,
                                   const void *data, size_t length) {
  rg_tensors_init(set, ctx);
  set->name = name;
  rung_status status = read_bytes(set, name, data, length);
  if (status != RUNG_OK) rg_tensors_free(set);
  return status;
}

/* ---- files ---- */

/* What is no plain file, or packed: all of it. */
static rung_status read_whole(rg_tensors *set, rung_context *ctx, const char *path) {
  char *bytes;
  size_t length;
  RG_TRY(rg_read_file(ctx, path, FILE_LIMIT, &bytes, &length));
  rung_status status = rg_tensors_read_memory(set, ctx, path, bytes, length);
  rg_free(ctx, bytes);
  return status;
}

static rung_status read_file(rg_tensors *set, size_t length) {
  unsigned char beginning[BEGINNING] = {0};
  size_t header;
  if (length > BEGINNING)
    RG_TRY(rg_read_at(set->ctx, set->name, set->file, 0, beginning, sizeof beginning));
  RG_TRY(header_length(set->ctx, set->name, beginning, length, &header));
  char *text = rg_alloc(set->ctx, header + 1, 1);
  if (!text) return RUNG_E_MEMORY;
  text[header] = 0;
  reader r = {set->ctx, set->name, NULL, 8 + header, length - 8 - header};
  rung_status status = rg_read_at(set->ctx, set->name, set->file, 8, text, header);
  if (status == RUNG_OK) status = read_set(&r, text, header, set);
  rg_free(set->ctx, text);
  return status;
}

static bool is_packed(int file) {
  unsigned char magic[2] = {0};
  return pread(file, magic, sizeof magic, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

rung_status rg_tensors_open(rg_tensors *set, rung_context *ctx, const char *path) {
  struct stat info;
  rg_tensors_init(set, ctx);
  set->file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? open(path, O_RDONLY) : -1;
  if (set->file >= 0 && is_packed(set->file)) {
    close(set->file);
    set->file = -1;
  }
  if (set->file < 0) return read_whole(set, ctx, path); /* also tells why it cannot be opened */
  set->name = path;
  rung_status status = read_file(set, (size_t)info.st_size);
  if (status != RUNG_OK) rg_tensors_free(set);
  return status;
}

rung_status rg_tensors_read(rg_tensors *set, rung_context *ctx, const char *path) {
  RG_TRY(rg_tensors_open(set, ctx, path));
  rung_status status = RUNG_OK;
  for (int i = 0; i < set->count && status == RUNG_OK; i++)
    if (!set->tensor[i].data) status = own_data(set, &set->tensor[i]);
  if (status != RUNG_OK) rg_tensors_free(set);
  return status;
}

rung_status rg_tensors_fetch(const rg_tensors *set, const rg_tensor *t, void *out) {
  if (!t->data) return rg_read_at(set->ctx, set->name, set->file, t->at, out, t->bytes);
  if (t->bytes) memcpy(out, t->data, t->bytes);
  return RUNG_OK;
}
