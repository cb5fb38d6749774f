/* CIFAR-10 binary batches: records of a label and 32 x 32 pixels, first all red, then green, then
 * blue (Krizhevsky 2009). */
#include <stdio.h>
#include <string.h>

#include "data/files.h"

#define SIDE 32
#define PLANE (SIDE * SIDE)
#define RECORD (1 + 3 * PLANE)
#define CLASSES 10

/* Planes to pixels. */
static void interleave(const unsigned char *record, unsigned char *out) {
  for (int i = 0; i < PLANE; i++)
    for (int c = 0; c < 3; c++) out[3 * i + c] = record[1 + PLANE * c + i];
}

typedef struct reader {
  rung_dataset *set;
  uint64_t records; /* at most, of all files */
  unsigned char record[RECORD], pixels[3 * PLANE];
} reader;

static rung_status bad_label(const rg_stream *stream, uint64_t record, int label) {
  return rg_fail(stream->ctx, RUNG_E_DATA, "%s: record %llu: expected a label 0..%d, found %d",
                 stream->path, (unsigned long long)record, CLASSES - 1, label);
}

static rung_status take_record(reader *r, const rg_stream *stream, uint64_t record) {
  rung_dataset *set = r->set;
  int label = r->record[0];
  if (label >= CLASSES) {
    if (!set->options.skip_bad) return bad_label(stream, record, label);
    set->skipped++;
    return RUNG_OK;
  }
  interleave(r->record, r->pixels);
  RG_TRY(rg_store_append(set->ctx, &set->pixels, r->pixels, sizeof r->pixels));
  set->label[set->count++] = label;
  return RUNG_OK;
}

static rung_status read_records(reader *r, rg_stream *stream) {
  for (uint64_t i = 0;; i++) {
    size_t got;
    bool cut;
    RG_TRY(rg_stream_read(stream, r->record, RECORD, &got, &cut));
    if (got == 0 && !cut) return RUNG_OK;
    if (got < RECORD) {
      r->set->skipped++;
      if (r->set->options.skip_bad) return RUNG_OK;
      return rg_fail(stream->ctx, RUNG_E_FORMAT,
                     "%s: expected records of %d bytes (CIFAR-10), found %zu bytes behind %llu "
                     "of them",
                     stream->path, RECORD, got, (unsigned long long)i);
    }
    RG_TRY(take_record(r, stream, i));
  }
}

/* Room for all files, whose sizes on the disk bound their records. */
static rung_status reserve(reader *r, const rg_list *files) {
  rung_dataset *set = r->set;
  for (int64_t i = 0; i < files->count; i++) {
    rg_stream stream;
    rung_status status = rg_stream_open(set->ctx, files->entry[i].name.text, &stream);
    if (status == RUNG_OK) r->records += stream.most / RECORD;
    rg_stream_close(&stream);
    RG_TRY(status);
  }
  uint64_t left = rg_memory_left(set), labels = 16 * r->records;
  RG_TRY(rg_store_open(set->ctx, r->records * 3 * PLANE, left > labels ? left - labels : 0,
                       &set->pixels));
  set->label = rg_alloc(set->ctx, (size_t)r->records, sizeof *set->label);
  return set->label ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status read_files(rung_dataset *set, const rg_list *files) {
  reader *r = rg_calloc(set->ctx, 1, sizeof *r);
  if (!r) return RUNG_E_MEMORY;
  r->set = set;
  rung_status status = reserve(r, files);
  for (int64_t i = 0; status == RUNG_OK && i < files->count; i++) {
    rg_stream stream;
    status = rg_stream_open(set->ctx, files->entry[i].name.text, &stream);
    if (status == RUNG_OK) status = read_records(r, &stream);
    rg_stream_close(&stream);
  }
  rg_free(set->ctx, r);
  return status;
}

/* Cuts text into its lines that are not empty, at most `most`; returns how many. */
static int cut_lines(char *text, int most, const char **line) {
  int count = 0;
  for (char *at = text; at && count < most;) {
    at += strspn(at, "\r\n");
    if (!*at) break;
    line[count++] = at;
    at = strpbrk(at, "\r\n");
    if (at) *at++ = 0;
  }
  return count;
}

/* batches.meta.txt lies beside the batches: a name in each line. */
static rung_status read_names(rung_dataset *set, const char *file) {
  const char *slash = strrchr(file, '/'), *name[CLASSES];
  rg_text path;
  char *data = NULL;
  size_t length = 0;
  rg_text_init(&path, set->ctx);
  if (slash) rg_text_add_n(&path, file, (size_t)(slash - file) + 1);
  rg_text_add(&path, "batches.meta.txt");
  rung_status status = rg_text_status(&path);
  if (status == RUNG_OK && rg_file_exists(path.data))
    status = rg_read_file(set->ctx, path.data, 65536, &data, &length);
  rg_text_free(&path);
  RG_TRY(status);
  if (cut_lines(data, CLASSES, name) == CLASSES && !set->options.class_count)
    status = rg_name_classes(set, CLASSES, name);
  else
    status = rg_number_classes(set, CLASSES);
  rg_free(set->ctx, data);
  return status;
}

/* A set with other classes is none of CIFAR-10. */
static rung_status check_classes(const rung_dataset *set) {
  if (set->classes == CLASSES) return RUNG_OK;
  return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected %d classes (CIFAR-10), found %d asked for",
                 set->path, CLASSES, set->classes);
}

static bool is_batch(const char *name) {
  size_t length = strlen(name);
  return strncmp(name, "data_batch_", 11) == 0 && strcmp(name + length - 4, ".bin") == 0;
}

rung_status rg_cifar_find(rung_context *ctx, const char *path, rg_list *out) {
  rg_list all;
  rung_status status = rg_list_folder(ctx, path, "", &all);
  rg_list_init(out, ctx);
  for (int64_t i = 0; status == RUNG_OK && i < all.count; i++) {
    const char *name = all.entry[i].name.text;
    if (!is_batch(name)) continue;
    status = rg_list_add(out, (rg_entry){.kind = 'f'}, "%s/%s", path, name);
  }
  rg_list_free(&all);
  if (status == RUNG_OK) rg_list_finish(out);
  return status;
}

rung_status rg_cifar_open(rung_dataset *set, const rg_list *files) {
  set->kind = RUNG_IMAGES;
  set->shape[0] = set->shape[1] = SIDE;
  set->shape[2] = 3;
  RG_TRY(read_files(set, files));
  RG_TRY(read_names(set, files->entry[0].name.text));
  return check_classes(set);
}
