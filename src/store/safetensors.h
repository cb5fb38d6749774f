/* Named tensors and text in one block of memory or file, in the safetensors format: 8 bytes of
 * little-endian header length, a JSON header, the numbers. Models and training states are such
 * files; Python's safetensors package reads them. */
#ifndef RG_SAFETENSORS_H
#define RG_SAFETENSORS_H

#include "base/base.h"
#include "rung/graph.h"

typedef enum rg_tensor_type {
  RG_TENSOR_F64 = 0,
  RG_TENSOR_F32 = 1,
  RG_TENSOR_I64 = 2,
  RG_TENSOR_U8 = 3
} rg_tensor_type;

typedef struct rg_tensor {
  char *name;
  rg_tensor_type type;
  rung_shape shape; /* dimensions of 0 are allowed here */
  int64_t count;    /* elements */
  size_t bytes;
  void *data;    /* aligned to 64 where it is owned; NULL: still in the file, ... */
  uint64_t at;   /* ... from this byte on */
  bool borrowed; /* data belong to the caller */
} rg_tensor;

typedef struct rg_tensors {
  rung_context *ctx;
  int file;         /* from which tensors are fetched; -1: none */
  const char *name; /* stands for the file in messages; not owned; may be NULL */
  rg_tensor *tensor;
  int count, capacity;
  char **meta; /* key, value, key, value ... */
  int meta_count, meta_capacity;
} rg_tensors;

#define RG_TENSORS_MAX 20000 /* tensors in a set */

void rg_tensors_init(rg_tensors *set, rung_context *ctx);
void rg_tensors_free(rg_tensors *set);

/* Adds a tensor; its data are copied. Names must differ. */
rung_status rg_tensors_add(rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                           const int64_t *dims, const void *data);
/* The same without a copy: `data` must stay until the set is written. */
rung_status rg_tensors_add_view(rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                                const int64_t *dims, const void *data);
/* A scalar: rank 0. */
rung_status rg_tensors_add_f64(rg_tensors *set, const char *name, double value);
rung_status rg_tensors_add_i64(rg_tensors *set, const char *name, int64_t value);
/* Text in the header. Keys must differ. */
rung_status rg_tensors_add_text(rg_tensors *set, const char *key, const char *value);

/* NULL where there is none. */
const rg_tensor *rg_tensors_find(const rg_tensors *set, const char *name);
const char *rg_tensors_text(const rg_tensors *set, const char *key);

/* A tensor that must be there with this type and these dimensions; -1 stands for any. */
rung_status rg_tensors_get(const rg_tensors *set, const char *name, rg_tensor_type type, int rank,
                           const int64_t *dims, const rg_tensor **out);
rung_status rg_tensors_get_f64(const rg_tensors *set, const char *name, double *out);
rung_status rg_tensors_get_i64(const rg_tensors *set, const char *name, int64_t *out);
/* Text that must be there. */
rung_status rg_tensors_get_text(const rg_tensors *set, const char *key, const char **out);

/* The set's bytes, which depend on nothing but its content and the order in which it was added
 * (types of larger elements come first, so that every tensor is aligned). rg_free(*out). */
rung_status rg_tensors_write_memory(const rg_tensors *set, void **out, size_t *length);
rung_status rg_tensors_write(const rg_tensors *set, const char *path);

/* Reads what rg_tensors_write wrote, or another program: any bytes are either a valid file of
 * these four types or an error. `name` must outlive the set. Inits the set, and leaves it empty
 * where this fails. */
rung_status rg_tensors_read_memory(rg_tensors *set, rung_context *ctx, const char *name,
                                   const void *data, size_t length);
rung_status rg_tensors_read(rg_tensors *set, rung_context *ctx, const char *path);
/* The same, but tensors of more than 4096 bytes stay in the file. */
rung_status rg_tensors_open(rg_tensors *set, rung_context *ctx, const char *path);
/* A tensor's data to `out`, from memory or file. */
rung_status rg_tensors_fetch(const rg_tensors *set, const rg_tensor *tensor, void *out);

/* "F64" ... */
const char *rg_tensor_type_name(rg_tensor_type type);
size_t rg_tensor_type_size(rg_tensor_type type);

#endif
