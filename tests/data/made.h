/* Files that the tests of samples make: a folder of their own, removed with all in it. */
#ifndef RG_TEST_MADE_H
#define RG_TEST_MADE_H

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "test.h"

typedef struct folder {
  char path[64];
} folder;

static inline folder make_folder(void) {
  folder f = {"/tmp/rung-data-XXXXXX"};
  assert_non_null(mkdtemp(f.path));
  return f;
}

static inline void remove_folder(const folder *f) {
  char command[96];
  snprintf(command, sizeof command, "rm -r %s", f->path);
  assert_int_equal(system(command), 0);
}

/* The path of a file in the folder; one of eight that stay valid at once. */
static inline const char *path_in(const folder *f, const char *name) {
  static char paths[8][512];
  static int turn;
  char *path = paths[turn = (turn + 1) % 8];
  snprintf(path, 512, "%s/%s", f->path, name);
  return path;
}

/* Names that end in .gz are packed; folders on the way are made. */
static inline void write_bytes(const folder *f, const char *name, const void *data, size_t n) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", f->path, name);
  for (char *at = path + strlen(f->path) + 1; (at = strchr(at, '/')); at++) {
    *at = 0;
    mkdir(path, 0777);
    *at = '/';
  }
  size_t length = strlen(path);
  if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_true(n == 0 || gzwrite(file, data, (unsigned)n) == (int)n);
    gzclose(file);
    return;
  }
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, n, file), n);
  fclose(file);
}

static inline size_t put_big(unsigned char *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (unsigned char)(value >> (24 - 8 * i));
  return 4;
}

/* Images whose byte j of image i is (7 i + 3 j) mod 256, in IDX form. */
static inline size_t make_idx_images(unsigned char *out, int count, int height, int width) {
  size_t at = put_big(out, 0x803);
  at += put_big(out + at, (uint32_t)count);
  at += put_big(out + at, (uint32_t)height);
  at += put_big(out + at, (uint32_t)width);
  for (int i = 0; i < count; i++)
    for (int j = 0; j < height * width; j++) out[at++] = (unsigned char)(7 * i + 3 * j);
  return at;
}

/* Labels i mod classes. */
static inline size_t make_idx_labels(unsigned char *out, int count, int classes) {
  size_t at = put_big(out, 0x801);
  at += put_big(out + at, (uint32_t)count);
  for (int i = 0; i < count; i++) out[at++] = (unsigned char)(i % classes);
  return at;
}

#endif
