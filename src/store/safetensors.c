/* Sets of named tensors, and their bytes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/safetensors.h"

static const struct {
  const char *name;
  size_t size;
} types[] = {{"F64", 8}, {"F32", 4}, {"I64", 8}, {"U8", 1}};

const char *rg_tensor_type_name(rg_tensor_type type) {
  return types[type].name;
}

size_t rg_tensor_type_size(rg_tensor_type type) {
  return types[type].size;
}

/* ---- the set ---- */

void rg_tensors_init(rg_tensors *set, rung_context *ctx) {
  *set = (rg_tensors){.ctx = ctx, .file = -1};
}

void rg_tensors_free(rg_tensors *set) {
  for (int i = 0; i < set->count; i++) {
    rg_free(set->ctx, set->tensor[i].name);
    if (!set->tensor[i].borrowed) rg_free(set->ctx, set->tensor[i].data);
  }
  for (int i = 0; i < 2 * set->meta_count; i++) rg_free(set->ctx, set->meta[i]);
  rg_free(set->ctx, set->tensor);
  rg_free(set->ctx, set->meta);
  if (set->file >= 0) close(set->file);
  rg_tensors_init(set, set->ctx);
}

static const char *file_name(const rg_tensors *set) {
  return set->name ? set->name : "tensors";
}

const rg_tensor *rg_tensors_find(const rg_tensors *set, const char *name) {
  for (int i = 0; i < set->count; i++)
    if (strcmp(set->tensor[i].name, name) == 0) return &set->tensor[i];
  return NULL;
}

const char *rg_tensors_text(const rg_tensors *set, const char *key) {
  for (int i = 0; i < set->meta_count; i++)
    if (strcmp(set->meta[2 * i], key) == 0) return set->meta[2 * i + 1];
  return NULL;
}

static rung_status refuse(const rg_tensors *set, const char *name, const char *why) {
  return rg_fail(set->ctx, RUNG_E_ARGUMENT, "%s: tensor \"%s\": %s", file_name(set), name, why);
}

static rung_status make_shape(const rg_tensors *set, const char *name, rg_tensor_type type,
                              int rank, const int64_t *dims, rg_tensor *out) {
  if (rank < 0 || rank > RUNG_MAX_RANK) return refuse(set, name, "expected rank 0 to 6");
  int64_t count = 1;
  out->shape.rank = rank;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count))
      return refuse(set, name, "a dimension is negative, or their product too large");
    out->shape.dim[i] = dims[i];
  }
  out->type = type;
  out->count = count;
  if (__builtin_mul_overflow((size_t)count, types[type].size, &out->bytes))
    return refuse(set, name, "too many bytes");
  return RUNG_OK;
}

static rung_status reserve_tensor(rg_tensors *set) {
  if (set->count < set->capacity) return RUNG_OK;
  int capacity = set->capacity ? 2 * set->capacity : 16;
  rg_tensor *grown = rg_realloc(set->ctx, set->tensor, (size_t)capacity, sizeof *grown);
  if (!grown) return RUNG_E_MEMORY;
  set->tensor = grown;
  set->capacity = capacity;
  return RUNG_OK;
}

rung_status rg_tensors_add_view(rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                                const int64_t *dims, const void *data) {
  if (set->count == RG_TENSORS_MAX) return refuse(set, name, "more than 20000 tensors");
  if (rg_tensors_find(set, name)) return refuse(set, name, "the name occurs twice");
  rg_tensor tensor = {.borrowed = true};
  RG_TRY(make_shape(set, name, type, rank, dims, &tensor));
  RG_TRY(reserve_tensor(set));
  tensor.data = (void *)(uintptr_t)data; /* never written through while borrowed */
  if (!(tensor.name = rg_strdup(set->ctx, name))) return RUNG_E_MEMORY;
  set->tensor[set->count++] = tensor;
  return RUNG_OK;
}

rung_status rg_tensors_add(rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                           const int64_t *dims, const void *data) {
  RG_TRY(rg_tensors_add_view(set, name, type, rank, dims, data));
  rg_tensor *tensor = &set->tensor[set->count - 1];
  void *copy = rg_alloc(set->ctx, tensor->bytes, 1);
  if (!copy) {
    rg_free(set->ctx, tensor->name);
    set->count--;
    return RUNG_E_MEMORY;
  }
  if (tensor->bytes) memcpy(copy, data, tensor->bytes);
  tensor->data = copy;
  tensor->borrowed = false;
  return RUNG_OK;
}

rung_status rg_tensors_add_f64(rg_tensors *set, const char *name, double value) {
  return rg_tensors_add(set, name, RG_TENSOR_F64, 0, NULL, &value);
}

rung_status rg_tensors_add_i64(rg_tensors *set, const char *name, int64_t value) {
  return rg_tensors_add(set, name, RG_TENSOR_I64, 0, NULL, &value);
}

static rung_status reserve_text(rg_tensors *set) {
  if (set->meta_count < set->meta_capacity) return RUNG_OK;
  int capacity = set->meta_capacity ? 2 * set->meta_capacity : 8;
  char **grown = rg_realloc(set->ctx, set->meta, 2 * (size_t)capacity, sizeof *grown);
  if (!grown) return RUNG_E_MEMORY;
  set->meta = grown;
  set->meta_capacity = capacity;
  return RUNG_OK;
}

rung_status rg_tensors_add_text(rg_tensors *set, const char *key, const char *value) {
  if (set->meta_count == RG_TENSORS_MAX || rg_tensors_text(set, key))
    return rg_fail(set->ctx, RUNG_E_ARGUMENT, "%s: metadata \"%s\" occurs twice, or is too much",
                   file_name(set), key);
  RG_TRY(reserve_text(set));
  char *key_copy = rg_strdup(set->ctx, key);
  char *value_copy = key_copy ? rg_strdup(set->ctx, value) : NULL;
  if (!value_copy) {
    rg_free(set->ctx, key_copy);
    return RUNG_E_MEMORY;
  }
  set->meta[2 * set->meta_count] = key_copy;
  set->meta[2 * set->meta_count + 1] = value_copy;
  set->meta_count++;
  return RUNG_OK;
}

/* ---- what must be there ---- */

static void print_shape(char *out, size_t size, int rank, const int64_t *dims) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int i = 0; i < rank && used < size; i++) {
    const char *comma = i ? ", " : "";
    if (dims[i] < 0)
      used += (size_t)snprintf(out + used, size - used, "%sany", comma);
    else
      used += (size_t)snprintf(out + used, size - used, "%s%lld", comma, (long long)dims[i]);
  }
  if (used < size) snprintf(out + used, size - used, "]");
}

rung_status rg_tensors_get(const rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                           const int64_t *dims, const rg_tensor **out) {
  const rg_tensor *t = rg_tensors_find(set, name);
  if (!t)
    return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: there is no tensor \"%s\"", file_name(set), name);
  bool fits = t->type == type && t->shape.rank == rank;
  for (int i = 0; fits && i < rank; i++) fits = dims[i] < 0 || dims[i] == t->shape.dim[i];
  if (!fits) {
    char expected[160], found[160];
    print_shape(expected, sizeof expected, rank, dims);
    print_shape(found, sizeof found, t->shape.rank, t->shape.dim);
    return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: tensor \"%s\": expected %s %s, found %s %s",
                   file_name(set), name, types[type].name, expected, types[t->type].name, found);
  }
  *out = t;
  return RUNG_OK;
}

rung_status rg_tensors_get_f64(const rg_tensors *set, const char *name, double *out) {
  const rg_tensor *t;
  RG_TRY(rg_tensors_get(set, name, RG_TENSOR_F64, 0, NULL, &t));
  memcpy(out, t->data, sizeof *out);
  return RUNG_OK;
}

rung_status rg_tensors_get_i64(const rg_tensors *set, const char *name, int64_t *out) {
  const rg_tensor *t;
  RG_TRY(rg_tensors_get(set, name, RG_TENSOR_I64, 0, NULL, &t));
  memcpy(out, t->data, sizeof *out);
  return RUNG_OK;
}

rung_status rg_tensors_get_text(const rg_tensors *set, const char *key, const char **out) {
  *out = rg_tensors_text(set, key);
  if (*out) return RUNG_OK;
  return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: there is no metadata \"%s\"", file_name(set), key);
}

/* ---- writing ---- */

/* Larger elements first, so that each tensor starts at a multiple of its element's size; otherwise
 * as added. */
static const size_t write_order[] = {8, 4, 1};
#define ORDERS (sizeof write_order / sizeof write_order[0])

static void write_tensor_header(rg_text *header, const rg_tensor *t, size_t offset) {
  rg_text_add(header, ",");
  rg_text_json(header, t->name);
  rg_text_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", types[t->type].name);
  for (int i = 0; i < t->shape.rank; i++)
    rg_text_printf(header, "%s%lld", i ? "," : "", (long long)t->shape.dim[i]);
  rg_text_printf(header, "],\"data_offsets\":[%zu,%zu]}", offset, offset + t->bytes);
}

static void write_header(rg_text *header, const rg_tensors *set, size_t *data_bytes) {
  rg_text_add(header, "{\"__metadata__\":{");
  for (int i = 0; i < set->meta_count; i++) {
    if (i) rg_text_add(header, ",");
    rg_text_json(header, set->meta[2 * i]);
    rg_text_add(header, ":");
    rg_text_json(header, set->meta[2 * i + 1]);
  }
  rg_text_add(header, "}");
  size_t offset = 0;
  for (size_t order = 0; order < ORDERS; order++)
    for (int i = 0; i < set->count; i++) {
      if (types[set->tensor[i].type].size != write_order[order]) continue;
      write_tensor_header(header, &set->tensor[i], offset);
      offset += set->tensor[i].bytes;
    }
  rg_text_add(header, "}");
  while (!header->failed && header->length % 8) rg_text_add(header, " ");
  *data_bytes = offset;
}

/* The header's length, the header and the data, as they lie: [2 + count] parts. */
static rung_status list_parts(const rg_tensors *set, rg_text *header, unsigned char length[8],
                              rg_bytes **out, size_t *total) {
  rg_bytes *part = rg_alloc(set->ctx, 2 + (size_t)set->count, sizeof *part);
  int parts = 2;
  *out = part;
  if (!part) return RUNG_E_MEMORY;
  write_header(header, set, total);
  RG_TRY(rg_text_status(header));
  for (int i = 0; i < 8; i++)
    length[i] = (unsigned char)((uint64_t)header->length >> (8 * i) & 255);
  part[0] = (rg_bytes){length, 8};
  part[1] = (rg_bytes){header->data, header->length};
  for (size_t order = 0; order < ORDERS; order++)
    for (int i = 0; i < set->count; i++)
      if (types[set->tensor[i].type].size == write_order[order])
        part[parts++] = (rg_bytes){set->tensor[i].data, set->tensor[i].bytes};
  *total += 8 + header->length;
  return RUNG_OK;
}

static rung_status join(const rg_tensors *set, const rg_bytes *part, size_t total, void **out) {
  char *at = *out = rg_alloc(set->ctx, total, 1);
  if (!at) return RUNG_E_MEMORY;
  for (int i = 0; i < 2 + set->count; i++) {
    if (part[i].length) memcpy(at, part[i].data, part[i].length);
    at += part[i].length;
  }
  return RUNG_OK;
}

/* Into memory, or (`path` not NULL) into a file without a copy. */
static rung_status write_set(const rg_tensors *set, const char *path, void **out, size_t *length) {
  rg_text header;
  rg_bytes *part;
  unsigned char bytes[8];
  rg_text_init(&header, set->ctx);
  rung_status status = list_parts(set, &header, bytes, &part, length);
  if (status == RUNG_OK)
    status =
        path ? rg_write_parts(set->ctx, path, 2 + set->count, part) : join(set, part, *length, out);
  rg_free(set->ctx, part);
  rg_text_free(&header);
  return status;
}

rung_status rg_tensors_write_memory(const rg_tensors *set, void **out, size_t *length) {
  *out = NULL;
  rung_status status = write_set(set, NULL, out, length);
  if (status != RUNG_OK) *length = 0;
  return status;
}

rung_status rg_tensors_write(const rg_tensors *set, const char *path) {
  size_t length;
  void *none;
  return write_set(set, path, &none, &length);
}
