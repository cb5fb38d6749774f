/* The small part of the ZIP form that NPZ files use: files stored or deflated, no encryption, no
 * second disk, no 64-bit sizes (PKWARE's APPNOTE.TXT 6.3). Nothing that the archive states is
 * believed before it is checked against its length. */
#ifndef RG_ZIP_H
#define RG_ZIP_H

#include "base/base.h"

typedef struct rg_zip {
  rung_context *ctx;
  const char *file; /* for messages */
  const unsigned char *data;
  size_t directory; /* where the central directory begins */
  size_t at, end;   /* its next entry, its end */
  int left;         /* entries to come */
} rg_zip;

typedef struct rg_zip_entry {
  const char *name; /* not ended by a 0 character */
  size_t name_length;
  const unsigned char *packed;
  size_t packed_length, length;
  uint32_t crc;
  bool deflated;
} rg_zip_entry;

/* Finds the central directory. */
rung_status rg_zip_open(rung_context *ctx, const char *file, const unsigned char *data,
                        size_t length, rg_zip *out);
/* The next entry; zip->left tells whether there is one. */
rung_status rg_zip_next(rg_zip *zip, rg_zip_entry *out);
/* The first `want` bytes of an entry; its checksum is compared where that is all of it. The caller
 * frees *out with rg_free. */
rung_status rg_zip_unpack(const rg_zip *zip, const rg_zip_entry *entry, size_t want,
                          unsigned char **out);

#endif
