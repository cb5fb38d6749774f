/* Bytes of files: read in order, unpacked on the way; kept in memory or, past a limit, in a
 * temporary file. */
#ifndef RG_BYTES_H
#define RG_BYTES_H

#include "base/base.h"

#define RG_PACKED_MOST 1032 /* deflate shrinks no more: 258 bytes to 2 bits */

/* A file, perhaps gzipped, read from its beginning. */
typedef struct rg_stream {
  rung_context *ctx;
  const char *path; /* the caller's */
  void *file;       /* zlib's */
  uint64_t most;    /* bytes that it can hold at most, unpacked */
  uint64_t at;      /* bytes read so far */
} rg_stream;

rung_status rg_stream_open(rung_context *ctx, const char *path, rg_stream *out);
void rg_stream_close(rg_stream *stream); /* one that failed to open as well */
bool rg_stream_is_plain(const rg_stream *stream);
/* Reads `want` bytes or, where the file ends, fewer. A packed file that is cut short ends there,
 * with *cut set; damage is an error. */
rung_status rg_stream_read(rg_stream *stream, void *out, size_t want, size_t *got, bool *cut);

/* Bytes that were appended and can be read anywhere. */
typedef struct rg_store {
  unsigned char *memory; /* NULL: in the file */
  int file;              /* -1: in memory */
  uint64_t length, capacity;
} rg_store;

/* Room for `capacity` bytes: in memory where they are no more than `limit`, else in a file without
 * a name. */
rung_status rg_store_open(rung_context *ctx, uint64_t capacity, uint64_t limit, rg_store *out);
void rg_store_close(rung_context *ctx, rg_store *store); /* one that failed to open as well */
/* Up to the capacity. */
rung_status rg_store_append(rung_context *ctx, rg_store *store, const void *data, size_t length);
rung_status rg_store_read(rung_context *ctx, const rg_store *store, uint64_t offset, void *out,
                          size_t length);

/* A new file without a name, in $TMPDIR, /var/tmp or /tmp. */
rung_status rg_temporary_file(rung_context *ctx, int *out);

#endif
