/* Bytes of files: read in order, unpacked on the way; kept in memory or in a temporary file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/bytes.h"

#define PIECE ((size_t)1 << 30) /* of one call to zlib or the system */

rung_status rg_stream_open(rung_context *ctx, const char *path, rg_stream *out) {
  *out = (rg_stream){.ctx = ctx, .path = path};
  struct stat info;
  if (stat(path, &info) != 0)
    return rg_fail(ctx, RUNG_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
  if (S_ISDIR(info.st_mode))
    return rg_fail(ctx, RUNG_E_IO, "%s: expected a file, found a folder", path);
  out->most = (uint64_t)info.st_size * RG_PACKED_MOST;
  errno = 0;
  out->file = gzopen(path, "rb"); /* reads plain files as they are */
  if (!out->file)
    return rg_fail(ctx, errno && errno != ENOMEM ? RUNG_E_IO : RUNG_E_MEMORY,
                   "%s: cannot be opened: %s", path, errno ? strerror(errno) : "out of memory");
  if (gzdirect(out->file)) out->most = (uint64_t)info.st_size;
  return RUNG_OK;
}

void rg_stream_close(rg_stream *stream) {
  if (stream->file) gzclose(stream->file);
  stream->file = NULL;
}

bool rg_stream_is_plain(const rg_stream *stream) {
  return gzdirect(stream->file);
}

static rung_status fail_stream(const rg_stream *stream) {
  int code;
  const char *why = gzerror(stream->file, &code);
  if (code == Z_MEM_ERROR) return rg_fail_memory(stream->ctx, 0);
  if (code == Z_ERRNO)
    return rg_fail(stream->ctx, RUNG_E_IO, "%s: cannot be read: %s", stream->path, strerror(errno));
  return rg_fail(stream->ctx, RUNG_E_FORMAT,
                 "%s: expected sound gzip data, found damage behind byte %llu: %s", stream->path,
                 (unsigned long long)stream->at, why);
}

rung_status rg_stream_read(rg_stream *stream, void *out, size_t want, size_t *got, bool *cut) {
  *got = 0;
  *cut = false;
  while (*got < want) {
    size_t piece = want - *got < PIECE ? want - *got : PIECE;
    int n = gzread(stream->file, (char *)out + *got, (unsigned)piece);
    if (n < 0) return fail_stream(stream);
    *got += (size_t)n;
    stream->at += (uint64_t)n;
    if ((size_t)n == piece) continue;
    int code;
    gzerror(stream->file, &code);
    if (code == Z_BUF_ERROR) *cut = true;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return fail_stream(stream);
    return RUNG_OK;
  }
  return RUNG_OK;
}

static int unnamed_file_in(const char *folder) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/rung-XXXXXX", folder);
  if (length < 0 || (size_t)length >= sizeof path) return -1;
  int file = mkstemp(path);
  if (file < 0) return -1;
  unlink(path);
  fcntl(file, F_SETFD, FD_CLOEXEC);
  return file;
}

rung_status rg_temporary_file(rung_context *ctx, int *out) {
  const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
  *out = -1;
  for (int i = 0; i < 3 && *out < 0; i++)
    if (folders[i] && folders[i][0]) *out = unnamed_file_in(folders[i]);
  if (*out >= 0) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_IO, "/tmp: a temporary file cannot be created: %s", strerror(errno));
}

rung_status rg_store_open(rung_context *ctx, uint64_t capacity, uint64_t limit, rg_store *out) {
  *out = (rg_store){.file = -1, .capacity = capacity};
  if (capacity > limit) return rg_temporary_file(ctx, &out->file);
  out->memory = rg_alloc(ctx, (size_t)capacity, 1);
  return out->memory ? RUNG_OK : RUNG_E_MEMORY;
}

void rg_store_close(rung_context *ctx, rg_store *store) {
  rg_free(ctx, store->memory);
  if (!store->memory && store->file >= 0) close(store->file);
  *store = (rg_store){.file = -1};
}

static rung_status append_to_file(rung_context *ctx, int file, const char *data, size_t length) {
  while (length) {
    ssize_t put = write(file, data, length < PIECE ? length : PIECE);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return rg_fail(ctx, RUNG_E_IO, "a temporary file cannot be written: %s", strerror(errno));
    data += put;
    length -= (size_t)put;
  }
  return RUNG_OK;
}

rung_status rg_store_append(rung_context *ctx, rg_store *store, const void *data, size_t length) {
  if (length > store->capacity - store->length)
    return rg_fail(ctx, RUNG_E_INTERNAL, "a store of samples is too small");
  if (store->memory)
    memcpy(store->memory + store->length, data, length);
  else
    RG_TRY(append_to_file(ctx, store->file, data, length));
  store->length += length;
  return RUNG_OK;
}

rung_status rg_store_read(rung_context *ctx, const rg_store *store, uint64_t offset, void *out,
                          size_t length) {
  if (!store->memory) return rg_read_at(ctx, "a temporary file", store->file, offset, out, length);
  memcpy(out, store->memory + offset, length);
  return RUNG_OK;
}
