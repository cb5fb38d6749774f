/* Images and labels in IDX form (the MNIST files): a magic number that tells type and dimensions,
 * the dimensions as big-endian 32-bit numbers, then bytes. */
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"

#define PIECE 65536

static uint32_t get32(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Reads the header: 1 dimension for labels, 3 or 4 for images. */
static rung_status read_header(rg_stream *stream, bool images, int *rank, uint32_t dimension[4]) {
  unsigned char head[20];
  size_t got;
  bool cut;
  const char *expected = images ? "00000803 (images of bytes)" : "00000801 (labels of bytes)";
  RG_TRY(rg_stream_read(stream, head, 4, &got, &cut));
  if (got < 4)
    return rg_fail(stream->ctx, RUNG_E_FORMAT,
                   "%s: expected an IDX file that begins with %s, found %zu bytes", stream->path,
                   expected, got);
  uint32_t magic = get32(head);
  *rank = (int)(magic & 0xff);
  bool fits = images ? *rank == 3 || *rank == 4 : *rank == 1;
  if (magic >> 8 != 8 || !fits)
    return rg_fail(stream->ctx, RUNG_E_FORMAT,
                   "%s: expected an IDX file that begins with %s, found %08x", stream->path,
                   expected, magic);
  RG_TRY(rg_stream_read(stream, head, 4 * (size_t)*rank, &got, &cut));
  if (got < 4 * (size_t)*rank)
    return rg_fail(stream->ctx, RUNG_E_FORMAT,
                   "%s: expected %d dimensions behind the magic number, found the end",
                   stream->path, *rank);
  for (int i = 0; i < *rank; i++) dimension[i] = get32(head + 4 * i);
  return RUNG_OK;
}

static rung_status read_shape(rung_dataset *set, rg_stream *stream, uint32_t *count) {
  int rank;
  uint32_t d[4] = {0, 0, 0, 1};
  RG_TRY(read_header(stream, true, &rank, d));
  if (rank == 3) d[3] = 1;
  if (d[0] == 0)
    return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected images, found none", set->path);
  uint64_t size = (uint64_t)d[1] * d[2];
  if (d[1] == 0 || d[2] == 0 || d[3] == 0 || d[1] > RG_SIDE_MAX || d[2] > RG_SIDE_MAX ||
      d[3] > 1024 || size * d[3] > RG_SAMPLE_MAX)
    return rg_fail(set->ctx, RUNG_E_FORMAT,
                   "%s: expected a usual size of images, found %u x %u x %u", set->path, d[1], d[2],
                   d[3]);
  for (int i = 0; i < 3; i++) set->shape[i] = d[i + 1];
  *count = d[0];
  return RUNG_OK;
}

static rung_status fail_truncated(const rung_dataset *set, const char *path, const char *what,
                                  uint32_t expected, uint64_t found) {
  return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: expected %u %s, found the end after %llu", path,
                 expected, what, (unsigned long long)found);
}

/* More than this behind the last sample shows that the header is wrong. */
static rung_status check_end(rg_stream *stream, const char *what, uint32_t count) {
  unsigned char surplus;
  size_t got;
  bool cut;
  RG_TRY(rg_stream_read(stream, &surplus, 1, &got, &cut));
  if (got == 0) return RUNG_OK;
  return rg_fail(stream->ctx, RUNG_E_FORMAT, "%s: expected the end after %u %s, found more bytes",
                 stream->path, count, what);
}

/* Copies whole images until the file ends; *whole is their number. */
static rung_status copy_images(rung_dataset *set, rg_stream *stream, uint32_t count,
                               unsigned char *piece, uint64_t *whole) {
  uint64_t size = (uint64_t)rung_dataset_size(set), left = size * count;
  bool cut = false;
  while (left && !cut) {
    size_t want = left < PIECE ? (size_t)left : PIECE, got;
    RG_TRY(rg_stream_read(stream, piece, want, &got, &cut));
    RG_TRY(rg_store_append(set->ctx, &set->pixels, piece, got));
    left -= got;
    if (got < want) break;
  }
  *whole = set->pixels.length / size;
  return RUNG_OK;
}

static rung_status read_images(rung_dataset *set, rg_stream *stream, uint32_t count,
                               uint64_t *whole) {
  uint64_t bytes = (uint64_t)rung_dataset_size(set) * count;
  uint64_t most = stream->most / (uint64_t)rung_dataset_size(set);
  if (bytes > stream->most && !set->options.skip_bad)
    return fail_truncated(set, set->path, "images", count, most);
  if (bytes > stream->most) bytes = stream->most;
  uint64_t left = rg_memory_left(set), labels = 16 * (uint64_t)count;
  RG_TRY(rg_store_open(set->ctx, bytes, left > labels ? left - labels : 0, &set->pixels));
  if (count > most) count = (uint32_t)most;
  unsigned char *piece = rg_alloc(set->ctx, PIECE, 1);
  if (!piece) return RUNG_E_MEMORY;
  rung_status status = copy_images(set, stream, count, piece, whole);
  rg_free(set->ctx, piece);
  return status;
}

static rung_status open_images(rung_dataset *set, uint64_t *stated) {
  rg_stream stream;
  uint32_t count = 0;
  uint64_t whole = 0;
  rung_status status = rg_stream_open(set->ctx, set->path, &stream);
  if (status == RUNG_OK) status = read_shape(set, &stream, &count);
  if (status == RUNG_OK) status = read_images(set, &stream, count, &whole);
  if (status == RUNG_OK && whole == count) status = check_end(&stream, "images", count);
  rg_stream_close(&stream);
  RG_TRY(status);
  if (whole < count && (!set->options.skip_bad || whole == 0))
    return fail_truncated(set, set->path, "images", count, whole);
  *stated = count;
  set->count = (int64_t)whole;
  return RUNG_OK;
}

/* .../train-images-idx3-ubyte.gz -> .../train-labels-idx1-ubyte.gz, as text to be freed; *out NULL
 * where the name is another. */
static rung_status labels_beside(rung_context *ctx, const char *path, char **out) {
  static const char images[] = "images-idx3", labels[] = "labels-idx1";
  char *copy = rg_strdup(ctx, path), *found = NULL;
  *out = NULL;
  if (!copy) return RUNG_E_MEMORY;
  for (char *at = copy; (at = strstr(at, images)); at++) found = at;
  if (!found) {
    rg_free(ctx, copy);
    return RUNG_OK;
  }
  memcpy(found, labels, sizeof labels - 1);
  *out = copy;
  return RUNG_OK;
}

static rung_status read_labels(rung_dataset *set, rg_stream *stream, uint64_t stated,
                               unsigned char *out) {
  int rank;
  uint32_t count[4];
  size_t got;
  bool cut;
  RG_TRY(read_header(stream, false, &rank, count));
  bool skip = set->options.skip_bad;
  if (count[0] != stated && !skip)
    return rg_fail(set->ctx, RUNG_E_DATA,
                   "%s: expected %llu labels, one for each image of %s, "
                   "found %u",
                   stream->path, (unsigned long long)stated, set->path, count[0]);
  size_t want = (size_t)set->count < count[0] ? (size_t)set->count : count[0];
  RG_TRY(rg_stream_read(stream, out, want, &got, &cut));
  if (got < want && !skip) return fail_truncated(set, stream->path, "labels", count[0], got);
  if (got == 0)
    return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected labels, found none", stream->path);
  if (!skip) RG_TRY(check_end(stream, "labels", count[0]));
  set->count = (int64_t)got;
  return RUNG_OK;
}

/* Moves the samples with good labels together. Only for stores in memory is that possible without
 * another file, so that labels are checked against it. */
static rung_status keep_good_labels(rung_dataset *set, const char *path,
                                    const unsigned char *label) {
  int64_t kept = 0;
  size_t size = (size_t)rung_dataset_size(set);
  for (int64_t i = 0; i < set->count; i++) {
    if (label[i] >= set->classes) {
      if (!set->options.skip_bad)
        return rg_fail(set->ctx, RUNG_E_DATA, "%s: label %lld: expected 0..%d, found %d", path,
                       (long long)i, set->classes - 1, label[i]);
      continue;
    }
    if (kept < i && !set->pixels.memory)
      return rg_fail(set->ctx, RUNG_E_UNSUPPORTED,
                     "%s: label %lld: expected 0..%d, found %d; it "
                     "can be left out only where the images fit into memory",
                     path, (long long)i, set->classes - 1, label[i]);
    if (kept < i)
      memcpy(set->pixels.memory + (size_t)kept * size, set->pixels.memory + (size_t)i * size, size);
    set->label[kept++] = label[i];
  }
  set->count = kept;
  return RUNG_OK;
}

static rung_status take_labels(rung_dataset *set, const char *path, const unsigned char *label) {
  int most = 0;
  for (int64_t i = 0; i < set->count; i++)
    if (label[i] > most) most = label[i];
  RG_TRY(rg_number_classes(set, most + 1));
  return keep_good_labels(set, path, label);
}

static rung_status open_labels(rung_dataset *set, const char *path, uint64_t stated) {
  rg_stream stream;
  unsigned char *label = rg_alloc(set->ctx, (size_t)set->count, 1);
  rung_status status = label ? rg_stream_open(set->ctx, path, &stream) : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    status = read_labels(set, &stream, stated, label);
    rg_stream_close(&stream);
  }
  if (status == RUNG_OK) status = take_labels(set, path, label);
  rg_free(set->ctx, label);
  return status;
}

static rung_status find_labels(rung_dataset *set, char **out) {
  if (set->options.labels) {
    *out = rg_strdup(set->ctx, set->options.labels);
    return *out ? RUNG_OK : RUNG_E_MEMORY;
  }
  RG_TRY(labels_beside(set->ctx, set->path, out));
  if (*out || set->options.unlabelled) return RUNG_OK;
  return rg_fail(set->ctx, RUNG_E_DATA,
                 "%s: expected a name with images-idx3, beside which labels-idx1 lies; name the "
                 "file of labels otherwise",
                 set->path);
}

static rung_status without_labels(rung_dataset *set) {
  for (int64_t i = 0; i < set->count; i++) set->label[i] = -1;
  return rg_number_classes(set, 0);
}

rung_status rg_idx_open(rung_dataset *set) {
  char *path = NULL;
  uint64_t stated = 0;
  set->kind = RUNG_IMAGES;
  RG_TRY(open_images(set, &stated));
  set->label = rg_alloc(set->ctx, (size_t)set->count, sizeof *set->label);
  if (!set->label) return RUNG_E_MEMORY;
  RG_TRY(find_labels(set, &path));
  rung_status status;
  if (set->options.unlabelled && (!path || !rg_file_exists(path)))
    status = without_labels(set);
  else
    status = open_labels(set, path, stated);
  rg_free(set->ctx, path);
  RG_TRY(status);
  set->skipped = (int64_t)stated - set->count;
  return RUNG_OK;
}
