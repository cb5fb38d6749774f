/* Whole files: read with a limit, written so that a crash leaves the old or the new. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/base.h"

#define MOST_READ ((size_t)1 << 30) /* of one call to the system */

double rg_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static rung_status read_all(rung_context *ctx, gzFile file, const char *path, size_t limit,
                            char **out, size_t *length) {
  size_t used = 0, capacity = 1 << 16;
  char *data = rg_alloc(ctx, capacity, 1);
  if (!data) return RUNG_E_MEMORY;
  for (;;) {
    if (used + 1 == capacity) {
      capacity *= 2;
      char *grown = rg_realloc(ctx, data, capacity, 1);
      if (!grown) break;
      data = grown;
    }
    size_t room = capacity - used - 1;
    int got = gzread(file, data + used, (unsigned)(room < (1u << 30) ? room : (1u << 30)));
    if (got < 0) {
      int code;
      const char *why = gzerror(file, &code);
      rg_fail(ctx, code == Z_MEM_ERROR ? RUNG_E_MEMORY : RUNG_E_IO, "%s: cannot be read: %s", path,
              code == Z_ERRNO ? strerror(errno) : why);
      break;
    }
    if (got == 0) {
      int code;
      gzerror(file, &code);
      if (code == Z_BUF_ERROR) {
        rg_fail(ctx, RUNG_E_FORMAT, "%s: the compressed data end too early", path);
        break;
      }
      data[used] = 0;
      *out = data;
      *length = used;
      return RUNG_OK;
    }
    used += (size_t)got;
    if (used > limit) {
      rg_fail(ctx, RUNG_E_BUDGET, "%s: more than %zu bytes, the limit here", path, limit);
      break;
    }
  }
  rg_free(ctx, data);
  return ctx->status;
}

rung_status rg_read_file(rung_context *ctx, const char *path, size_t limit, char **out,
                         size_t *length) {
  *out = NULL;
  *length = 0;
  struct stat info;
  if (stat(path, &info) != 0)
    return rg_fail(ctx, RUNG_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
  if (S_ISDIR(info.st_mode))
    return rg_fail(ctx, RUNG_E_IO, "%s: expected a file, found a folder", path);
  errno = 0;
  gzFile file = gzopen(path, "rb"); /* reads plain files as they are */
  if (!file)
    return rg_fail(ctx, errno && errno != ENOMEM ? RUNG_E_IO : RUNG_E_MEMORY,
                   "%s: cannot be opened: %s", path, errno ? strerror(errno) : "out of memory");
  rung_status status = read_all(ctx, file, path, limit, out, length);
  gzclose(file);
  return status;
}

rung_status rg_read_at(rung_context *ctx, const char *path, int file, uint64_t offset, void *out,
                       size_t length) {
  char *at = out;
  while (length) {
    ssize_t got = pread(file, at, length < MOST_READ ? length : MOST_READ, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return rg_fail(ctx, RUNG_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (got == 0)
      return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected %zu bytes more at byte %llu, found the end",
                     path, length, (unsigned long long)offset);
    at += got;
    offset += (uint64_t)got;
    length -= (size_t)got;
  }
  return RUNG_OK;
}

static rung_status write_part(rung_context *ctx, int fd, const char *path, const rg_bytes *part) {
  const char *data = part->data;
  for (size_t left = part->length; left;) {
    ssize_t put = write(fd, data, left);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return rg_fail(ctx, RUNG_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    data += put;
    left -= (size_t)put;
  }
  return RUNG_OK;
}

static rung_status write_and_sync(rung_context *ctx, int fd, const char *path, int count,
                                  const rg_bytes *part) {
  for (int i = 0; i < count; i++) RG_TRY(write_part(ctx, fd, path, &part[i]));
  if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
    return rg_fail(ctx, RUNG_E_IO, "%s: cannot be flushed to the disk: %s", path, strerror(errno));
  return RUNG_OK;
}

/* Makes the rename itself survive a power cut. */
static void sync_folder_of(rung_context *ctx, const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? rg_strndup(ctx, path, (size_t)(slash - path) + 1) : rg_strdup(ctx, ".");
  if (!folder) return;
  int fd = open(folder, O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  rg_free(ctx, folder);
}

rung_status rg_write_file(rung_context *ctx, const char *path, const void *data, size_t length) {
  return rg_write_parts(ctx, path, 1, &(rg_bytes){data, length});
}

rung_status rg_write_parts(rung_context *ctx, const char *path, int count, const rg_bytes *part) {
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    int fd = open(path, O_WRONLY); /* a pipe or a device: nothing to rename */
    if (fd < 0) return rg_fail(ctx, RUNG_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    rung_status status = write_and_sync(ctx, fd, path, count, part);
    close(fd);
    return status;
  }
  rg_text name;
  rg_text_init(&name, ctx);
  rg_text_printf(&name, "%s.tmp-%ld", path, (long)getpid());
  if (rg_text_status(&name) != RUNG_OK) return RUNG_E_MEMORY;
  int fd = open(name.data, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  rung_status status = RUNG_OK;
  if (fd < 0) {
    status = rg_fail(ctx, RUNG_E_IO, "%s: cannot be created: %s", path, strerror(errno));
  } else {
    status = write_and_sync(ctx, fd, path, count, part);
    if (close(fd) != 0 && status == RUNG_OK)
      status = rg_fail(ctx, RUNG_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (status == RUNG_OK && rename(name.data, path) != 0)
      status = rg_fail(ctx, RUNG_E_IO, "%s: cannot be replaced: %s", path, strerror(errno));
    if (status == RUNG_OK)
      sync_folder_of(ctx, path);
    else
      unlink(name.data);
  }
  rg_text_free(&name);
  return status;
}
