/* Tar archives: what is in them and where (POSIX.1-1988 "ustar", POSIX.1-2001 "pax", and GNU tar's
 * long names and sizes). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/files.h"

#define BLOCK 512
#define NAME_MAX_BYTES 4095

typedef struct reader {
  rung_context *ctx;
  const char *path, *prefix;
  int file;
  uint64_t at, length;
  char name[NAME_MAX_BYTES + 1]; /* of the next file, where a header of its own gave it; "" else */
  bool has_size;                 /* the same of its size */
  uint64_t size;
} reader;

static rung_status damage(const reader *r, const char *what) {
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: damaged tar archive: %s at byte %llu", r->path, what,
                 (unsigned long long)r->at);
}

/* Octal digits with blanks or a 0 byte behind; where the first bit is set, a binary number
 * (GNU). */
static bool number(const unsigned char *at, int size, uint64_t *out) {
  *out = 0;
  if (at[0] & 0x80) {
    for (int i = 1; i < size; i++) {
      if (*out >> 55) return false;
      *out = *out << 8 | at[i];
    }
    return (at[0] & 0x7f) == 0;
  }
  int i = 0, digits = 0;
  while (i < size && at[i] == ' ') i++;
  for (; i < size && at[i] >= '0' && at[i] <= '7'; i++, digits++) *out = *out << 3 | (at[i] - '0');
  return digits > 0 && digits <= 20 && (i == size || at[i] == ' ' || at[i] == 0);
}

/* The sum of all bytes with those of the sum itself as blanks. */
static bool sum_is_right(const unsigned char *block) {
  uint64_t stated, sum = 0;
  if (!number(block + 148, 8, &stated)) return false;
  for (int i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : block[i];
  return sum == stated;
}

static bool is_empty(const unsigned char *block) {
  for (int i = 0; i < BLOCK; i++)
    if (block[i]) return false;
  return true;
}

/* The bytes behind a header, as text. */
static rung_status read_text(reader *r, uint64_t size, char *out) {
  if (size > NAME_MAX_BYTES) return damage(r, "a name is too long");
  RG_TRY(rg_read_at(r->ctx, r->path, r->file, r->at, out, (size_t)size));
  out[size] = 0;
  return RUNG_OK;
}

/* Records "LENGTH KEY=VALUE\n" of a pax header; path and size are looked at. */
static rung_status read_pax(reader *r, uint64_t size) {
  char text[NAME_MAX_BYTES + 1];
  RG_TRY(read_text(r, size, text));
  for (char *at = text, *end = text + size; at < end;) {
    size_t length = 0;
    char *record = at;
    for (; at < end && *at >= '0' && *at <= '9' && length < 100000; at++)
      length = 10 * length + (size_t)(*at - '0');
    if (at == end || *at != ' ' || length > (size_t)(end - record) || record + length < at + 2 ||
        record[length - 1] != '\n')
      return damage(r, "a pax header cannot be read");
    record[length - 1] = 0;
    if (strncmp(at + 1, "path=", 5) == 0) snprintf(r->name, sizeof r->name, "%s", at + 6);
    if (strncmp(at + 1, "size=", 5) == 0) {
      r->has_size = true;
      r->size = 0;
      for (const char *c = at + 6; *c >= '0' && *c <= '9' && r->size < UINT64_MAX / 100; c++)
        r->size = 10 * r->size + (uint64_t)(*c - '0');
    }
    at = record + length;
  }
  return RUNG_OK;
}

/* The name in the header, where none came before it: prefix "/" name. */
static void name_of(reader *r, const unsigned char *block) {
  const char *field = (const char *)block;
  int prefix = 0, name = 0;
  if (r->name[0]) return;
  if (memcmp(block + 257, "ustar", 6) == 0)
    while (prefix < 155 && field[345 + prefix]) prefix++;
  while (name < 100 && field[name]) name++;
  snprintf(r->name, sizeof r->name, "%.*s%s%.*s", prefix, field + 345, prefix ? "/" : "", name,
           field);
}

static rung_status add(reader *r, char kind, uint64_t size, rg_list *out) {
  const char *name = r->name;
  while (strncmp(name, "./", 2) == 0) name += 2;
  size_t prefix = strlen(r->prefix), length = strlen(name);
  if (length && name[length - 1] == '/') length--;
  if (strncmp(name, r->prefix, prefix) != 0 || length <= prefix) return RUNG_OK;
  rg_entry entry = {.offset = r->at, .size = size, .kind = kind};
  return rg_list_add(out, entry, "%.*s", (int)(length - prefix), name + prefix);
}

static rung_status use_header(reader *r, const unsigned char *block, uint64_t size, rg_list *out) {
  char type = (char)block[156];
  if (type == 'L') return read_text(r, size, r->name);
  if (type == 'x') return read_pax(r, size);
  if (type == 'g' || type == 'K') return RUNG_OK; /* says nothing of names that are looked at */
  name_of(r, block);
  size_t length = strlen(r->name);
  bool folder = type == '5' || (length && r->name[length - 1] == '/');
  bool file = type == '0' || type == 0 || type == '7';
  rung_status status = add(r, folder ? 'd' : file ? 'f' : 'o', size, out);
  r->name[0] = 0;
  r->has_size = false;
  return status;
}

/* *more is false at the end: a block of zeros, or the end of the file. */
static rung_status next(reader *r, rg_list *out, bool *more) {
  unsigned char block[BLOCK];
  uint64_t size = 0;
  *more = r->at < r->length;
  if (!*more) return RUNG_OK;
  if (r->length - r->at < BLOCK) return damage(r, "the file ends within a header");
  RG_TRY(rg_read_at(r->ctx, r->path, r->file, r->at, block, BLOCK));
  *more = !is_empty(block);
  if (!*more) return RUNG_OK;
  if (!sum_is_right(block) || !number(block + 124, 12, &size))
    return damage(r, r->at ? "no header" : "no header (is it a tar?)");
  bool own = block[156] == 'L' || block[156] == 'x' || block[156] == 'g' || block[156] == 'K';
  if (r->has_size && !own) size = r->size;
  r->at += BLOCK;
  if (size > r->length - r->at) return damage(r, "the file ends within an entry");
  RG_TRY(use_header(r, block, size, out));
  r->at += size;
  uint64_t rest = size % BLOCK;
  if (rest) r->at += BLOCK - rest < r->length - r->at ? BLOCK - rest : r->length - r->at;
  return RUNG_OK;
}

rung_status rg_tar_list(rung_context *ctx, const char *path, int file, const char *prefix,
                        bool skip, rg_list *out, bool *damaged) {
  reader r = {.ctx = ctx, .path = path, .prefix = prefix, .file = file};
  struct stat info;
  rung_status status = RUNG_OK;
  bool more = true;
  rg_list_init(out, ctx);
  *damaged = false;
  if (fstat(file, &info) != 0) return rg_fail(ctx, RUNG_E_IO, "%s: cannot be looked at", path);
  r.length = (uint64_t)info.st_size;
  while (status == RUNG_OK && more) status = next(&r, out, &more);
  if (status == RUNG_E_FORMAT && skip && r.at) {
    rung_clear_error(ctx);
    *damaged = true;
    status = RUNG_OK;
  }
  if (status == RUNG_OK)
    rg_list_finish(out);
  else
    rg_list_free(out);
  return status;
}
