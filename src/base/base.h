/* Inside the library: memory, errors, threads, random numbers, text and files. */
#ifndef RG_BASE_H
#define RG_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rung/base.h"

#define RG_ALIGN 64 /* bytes; one AVX-512 register, one cache line */
/* What stands in front of memory from rg_alloc() and is counted with it: see memory.c. */
#define RG_ALLOCATION_BYTES (RG_ALIGN + 24)

struct rung_context {
  rung_allocator allocator;
  rung_status status;
  char message[1024];
  int threads; /* as set: 0 means all processors */
  rung_isa isa;
  rung_log_fn log;
  void *log_user;
  size_t bytes_now, bytes_peak;
};

/* Records the error and returns `status`, so that `return rg_fail(...)` is the idiom. The first
 * error of a call stays: callers add no second message on the way out. A macro, so that compilers
 * and checkers see that what comes back is the status, not success. */
#define rg_fail(ctx, status, ...) (rg_record_error(ctx, status, __VA_ARGS__), rg_status_of(status))
void rg_record_error(rung_context *ctx, rung_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline rung_status rg_status_of(rung_status status) {
  return status;
}

/* RUNG_E_MEMORY with the size in the message. */
rung_status rg_fail_memory(rung_context *ctx, size_t bytes);

/* Returns from the calling function where `call` fails. */
#define RG_TRY(call)                                                                               \
  do {                                                                                             \
    rung_status rg_try_status = (call);                                                            \
    if (rg_try_status != RUNG_OK) return rg_try_status;                                            \
  } while (0)

/* Memory aligned to RG_ALIGN from the context's allocator, counted in it. `count * size` is checked
 * for overflow. NULL, with the error recorded, where there is none. A count of 0 gives a valid
 * pointer. rg_alloc leaves the bytes undefined, rg_calloc sets them to 0. Not for several threads
 * of one context at once. */
void *rg_alloc(rung_context *ctx, size_t count, size_t size);
void *rg_calloc(rung_context *ctx, size_t count, size_t size);
/* Keeps the first min(old, new) bytes. On failure the old block stays valid. */
void *rg_realloc(rung_context *ctx, void *memory, size_t count, size_t size);
void rg_free(rung_context *ctx, void *memory); /* NULL is allowed */
char *rg_strdup(rung_context *ctx, const char *text);
char *rg_strndup(rung_context *ctx, const char *text, size_t length);

/* Text that grows. After a failed append the text stays as it was and `failed` is set, so that a
 * writer may append many pieces and look once, with rg_text_status(). */
typedef struct rg_text {
  rung_context *ctx;
  char *data; /* ends with a 0 character; NULL while empty */
  size_t length, capacity;
  bool failed;
} rg_text;

void rg_text_init(rg_text *text, rung_context *ctx);
void rg_text_free(rg_text *text);
void rg_text_add(rg_text *text, const char *piece);
void rg_text_add_n(rg_text *text, const char *piece, size_t length);
void rg_text_printf(rg_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; control characters and quotes escaped. */
void rg_text_json(rg_text *text, const char *string);
/* A JSON number in the shortest form that reads back to the same double; null if not finite. */
void rg_text_json_number(rg_text *text, double value);
rung_status rg_text_status(const rg_text *text);

/* A whole file in memory, with a 0 byte behind its end. A name that ends in .gz is unpacked. Fails
 * past `limit` bytes. The caller frees *out with rg_free. */
rung_status rg_read_file(rung_context *ctx, const char *path, size_t limit, char **out,
                         size_t *length);

/* All of `length` bytes at an offset of a file. `path` for messages. */
rung_status rg_read_at(rung_context *ctx, const char *path, int file, uint64_t offset, void *out,
                       size_t length);

/* Writes to a temporary file beside `path`, flushes it to the disk and renames it, so that `path`
 * holds the old bytes or the new, never a part. */
rung_status rg_write_file(rung_context *ctx, const char *path, const void *data, size_t length);
/* The same of bytes that lie in several places, one after the other. */
typedef struct rg_bytes {
  const void *data;
  size_t length;
} rg_bytes;
rung_status rg_write_parts(rung_context *ctx, const char *path, int count, const rg_bytes *part);

/* Seconds of a clock that never goes back. For progress and limits of time, never for results. */
double rg_seconds(void);

/* Bytes of this process's resident memory now, or at their peak; 0 where the system does not say.
 */
size_t rg_resident(bool peak);
/* Gives pages of memory that was freed back to the system, where the C library can. */
void rg_trim_memory(void);

/* Sends a line to the context's log, if it has one. */
void rg_log(rung_context *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls fn(arg, piece) for piece = 0..pieces-1, on the context's threads, in any order. The pieces
 * are the caller's fixed cut of the work, so that results do not depend on the threads. */
void rg_parallel(rung_context *ctx, int64_t pieces, void (*fn)(void *arg, int64_t piece),
                 void *arg);

/* The same on at most `slots` threads; `slot` < slots tells fn which scratch memory is its own. */
void rg_parallel_slots(rung_context *ctx, int slots, int64_t pieces,
                       void (*fn)(void *arg, int64_t piece, int slot), void *arg);

/* Random numbers: Philox4x64-10 (Salmon et al., SC 2011) keyed by (seed, purpose), counted by
 * index: the value of an index does not depend on the order in which it is asked for. */
double rg_uniform(uint64_t seed, uint64_t purpose, uint64_t index); /* in (0, 1), 53 bits */
double rg_normal(uint64_t seed, uint64_t purpose, uint64_t index);  /* mean 0, variance 1 */
uint64_t rg_bits(uint64_t seed, uint64_t purpose, uint64_t index);
/* Four words at once, for an index with parts: those of part 0 begin with rg_bits(). */
void rg_bits4(uint64_t seed, uint64_t purpose, uint64_t index, uint64_t part, uint64_t out[4]);
/* A permutation of 0..n-1 that depends on (seed, purpose) alone. */
void rg_shuffle(uint64_t seed, uint64_t purpose, int64_t n, int64_t *out);

/* Hash of bytes (FNV-1a, 64 bits), to tell whether data changed. */
uint64_t rg_hash(uint64_t start, const void *data, size_t bytes);
#define RG_HASH_START 14695981039346656037u

#endif
