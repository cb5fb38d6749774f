/* ZIP archives in memory. */
#include <string.h>
#include <zlib.h>

#include "data/data.h"
#include "data/zip.h"

#define END_BYTES 22   /* end of central directory, without its comment */
#define ENTRY_BYTES 46 /* entry of the central directory, without names */
#define LOCAL_BYTES 30 /* header before the packed bytes, without names */
#define COMMENT_MAX 65535
#define DEFLATE_RATIO 1032 /* the most that deflate can shrink: 258 bytes to 2 bits */

static uint32_t get16(const unsigned char *at) {
  return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const unsigned char *at) {
  return get16(at) | get16(at + 2) << 16;
}

static rung_status fail(const rg_zip *zip, const char *problem) {
  return rg_fail(zip->ctx, RUNG_E_FORMAT, "%s: damaged zip archive: %s", zip->file, problem);
}

static rung_status refuse(const rg_zip *zip, const char *what) {
  return rg_fail(zip->ctx, RUNG_E_UNSUPPORTED, "%s: expected a plain zip archive, found %s",
                 zip->file, what);
}

/* The end record stands before a comment that reaches to the end of the file. */
static const unsigned char *find_end(const unsigned char *data, size_t length) {
  for (size_t comment = 0; comment <= COMMENT_MAX && comment + END_BYTES <= length; comment++) {
    const unsigned char *at = data + length - comment - END_BYTES;
    if (memcmp(at, "PK\5\6", 4) == 0 && get16(at + 20) == comment) return at;
  }
  return NULL;
}

rung_status rg_zip_open(rung_context *ctx, const char *file, const unsigned char *data,
                        size_t length, rg_zip *out) {
  *out = (rg_zip){.ctx = ctx, .file = file, .data = data};
  const unsigned char *end = find_end(data, length);
  if (!end)
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected a zip archive, found no end record", file);
  uint32_t entries = get16(end + 10), size = get32(end + 12), start = get32(end + 16);
  if (entries == 0xffff || size == 0xffffffff || start == 0xffffffff)
    return refuse(out, "one with 64-bit sizes (zip64)");
  if (get16(end + 4) || get16(end + 6) || get16(end + 8) != entries)
    return refuse(out, "one in several parts");
  size_t end_offset = (size_t)(end - data);
  if (start > end_offset || size > end_offset - start)
    return fail(out, "the directory reaches beyond the file");
  out->directory = out->at = start;
  out->end = start + size;
  out->left = (int)entries;
  return RUNG_OK;
}

/* The packed bytes stand behind a second header, whose names may differ in length. */
static rung_status find_packed(const rg_zip *zip, size_t offset, rg_zip_entry *out) {
  if (zip->directory < LOCAL_BYTES || offset > zip->directory - LOCAL_BYTES ||
      memcmp(zip->data + offset, "PK\3\4", 4) != 0)
    return fail(zip, "an entry points to no file");
  const unsigned char *local = zip->data + offset;
  size_t start = offset + LOCAL_BYTES + get16(local + 26) + get16(local + 28);
  if (start > zip->directory || out->packed_length > zip->directory - start)
    return fail(zip, "a file reaches into the directory");
  out->packed = zip->data + start;
  return RUNG_OK;
}

static rung_status check_entry(const rg_zip *zip, uint32_t flags, uint32_t method,
                               const rg_zip_entry *entry) {
  if (flags & 1) return refuse(zip, "encrypted files");
  if (method != 0 && method != 8)
    return refuse(zip, "a file packed in another way than by deflate");
  if (entry->packed_length == 0xffffffff || entry->length == 0xffffffff)
    return refuse(zip, "one with 64-bit sizes (zip64)");
  if (method == 0 && entry->length != entry->packed_length)
    return fail(zip, "a stored file has two lengths");
  if (entry->length / DEFLATE_RATIO > entry->packed_length)
    return fail(zip, "a file states more bytes than its packed form can hold");
  return RUNG_OK;
}

rung_status rg_zip_next(rg_zip *zip, rg_zip_entry *out) {
  const unsigned char *at = zip->data + zip->at;
  if (zip->end - zip->at < ENTRY_BYTES || memcmp(at, "PK\1\2", 4) != 0)
    return fail(zip, "the directory has fewer entries than stated");
  size_t name = get16(at + 28), bytes = ENTRY_BYTES + name + get16(at + 30) + get16(at + 32);
  if (zip->end - zip->at < bytes) return fail(zip, "an entry reaches beyond the directory");
  uint32_t method = get16(at + 10);
  *out = (rg_zip_entry){.name = (const char *)at + ENTRY_BYTES,
                        .name_length = name,
                        .crc = get32(at + 16),
                        .packed_length = get32(at + 20),
                        .length = get32(at + 24),
                        .deflated = method == 8};
  RG_TRY(check_entry(zip, get16(at + 8), method, out));
  RG_TRY(find_packed(zip, get32(at + 42), out));
  zip->at += bytes;
  zip->left--;
  return RUNG_OK;
}

/* zlib takes its memory from malloc: about 40 KB, which the context does not count. *good tells
 * whether the data are sound. */
static rung_status inflate_to(rung_context *ctx, const rg_zip_entry *entry, unsigned char *out,
                              size_t want, bool *good) {
  z_stream stream = {0};
  unsigned char surplus = 0;
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return rg_fail_memory(ctx, 0);
  stream.next_in = (z_const Bytef *)entry->packed;
  stream.avail_in = (uInt)entry->packed_length;
  stream.next_out = want ? out : &surplus;
  stream.avail_out = (uInt)want;
  int code = inflate(&stream, Z_SYNC_FLUSH);
  bool lacking = code == Z_MEM_ERROR, done = stream.avail_out == 0;
  if (done && want == entry->length && code != Z_STREAM_END) {
    stream.next_out = &surplus;
    stream.avail_out = 1;
    code = inflate(&stream, Z_SYNC_FLUSH);
    lacking = lacking || code == Z_MEM_ERROR;
    done = code == Z_STREAM_END && stream.avail_out == 1;
  }
  inflateEnd(&stream);
  *good = done;
  return lacking ? rg_fail_memory(ctx, 0) : RUNG_OK;
}

rung_status rg_zip_unpack(const rg_zip *zip, const rg_zip_entry *entry, size_t want,
                          unsigned char **out) {
  if (want > entry->length) want = entry->length;
  unsigned char *bytes = rg_alloc(zip->ctx, want, 1);
  if (!bytes) return RUNG_E_MEMORY;
  char quoted[RG_QUOTED];
  bool good = true;
  rung_status status = RUNG_OK;
  if (entry->deflated)
    status = inflate_to(zip->ctx, entry, bytes, want, &good);
  else
    memcpy(bytes, entry->packed, want);
  if (status != RUNG_OK) {
    rg_free(zip->ctx, bytes);
    return status;
  }
  if (good && want == entry->length) good = crc32(0, bytes, (uInt)want) == entry->crc;
  if (!good) {
    rg_free(zip->ctx, bytes);
    return rg_fail(zip->ctx, RUNG_E_FORMAT,
                   "%s: damaged zip archive: %s does not unpack to its "
                   "stated bytes",
                   zip->file, rg_quoted(quoted, entry->name, entry->name_length));
  }
  *out = bytes;
  return RUNG_OK;
}
