/* Sets of samples: opened by their kind, looked at, read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

#include "data/data.h"
#include "data/files.h"
#include "data/image.h"
#include "data/labelled.h"

rung_dataset_options rung_dataset_options_default(void) {
  return (rung_dataset_options){.header = -1};
}

bool rg_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

uint64_t rg_memory_left(const rung_dataset *set) {
  if (set->options.memory == 0) return UINT64_MAX;
  size_t held = set->ctx->bytes_now - set->bytes; /* `bytes`: those before opening */
  return held < set->options.memory ? set->options.memory - held : 0;
}

rung_status rg_name_classes(rung_dataset *set, int count, const char *const *name) {
  set->class_name = rg_calloc(set->ctx, (size_t)count, sizeof *set->class_name);
  if (!set->class_name) return RUNG_E_MEMORY;
  set->classes = count;
  for (int i = 0; i < count; i++) {
    set->class_name[i] = rg_strdup(set->ctx, name[i]);
    if (!set->class_name[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

rung_status rg_number_classes(rung_dataset *set, int count) {
  if (set->options.class_count)
    return rg_name_classes(set, set->options.class_count, set->options.class_names);
  set->class_name = rg_calloc(set->ctx, (size_t)count, sizeof *set->class_name);
  if (!set->class_name) return RUNG_E_MEMORY;
  set->classes = count;
  for (int i = 0; i < count; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    set->class_name[i] = rg_strdup(set->ctx, text);
    if (!set->class_name[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* What training cannot do with. A set with given classes need not have them all. */
static rung_status check_classes(const rung_dataset *set) {
  if (!set->label || set->options.unlabelled || set->options.class_count) return RUNG_OK;
  for (int64_t i = 1; i < set->count; i++)
    if (set->label[i] != set->label[0]) return RUNG_OK;
  const char *name = set->class_name[set->label[0]];
  char quoted[RG_QUOTED];
  return rg_fail(set->ctx, RUNG_E_DATA,
                 "%s: expected samples of two classes at least, found one class only: %s, %lld of "
                 "them",
                 set->path, rg_quoted(quoted, name, strlen(name)), (long long)set->count);
}

static bool begins_with(const char *path, const void *bytes, size_t n) {
  unsigned char found[8];
  gzFile file = gzopen(path, "rb");
  bool same = file && gzread(file, found, (unsigned)n) == (int)n && memcmp(found, bytes, n) == 0;
  if (file) gzclose(file);
  return same;
}

static bool ends_with(const char *path, const char *ending) {
  size_t length = strlen(path), n = strlen(ending);
  return length > n && strcasecmp(path + length - n, ending) == 0;
}

static rung_status open_folder(rung_dataset *set) {
  rg_list batches;
  rung_status status = rg_cifar_find(set->ctx, set->path, &batches);
  if (status == RUNG_OK)
    status = batches.count ? rg_cifar_open(set, &batches) : rg_files_open_folder(set);
  rg_list_free(&batches);
  return status;
}

static rung_status open_batch(rung_dataset *set) {
  rg_list batch;
  rg_list_init(&batch, set->ctx);
  rung_status status = rg_list_add(&batch, (rg_entry){.kind = 'f'}, "%s", set->path);
  if (status == RUNG_OK) {
    rg_list_finish(&batch);
    status = rg_cifar_open(set, &batch);
  }
  rg_list_free(&batch);
  return status;
}

/* No table begins with a zero byte, and every IDX file does. */
static rung_status open_file(rung_dataset *set, rg_form *form) {
  const char *path = set->path;
  if (ends_with(path, ".bin")) return open_batch(set);
  if (ends_with(path, ".png") || ends_with(path, ".jpg") || ends_with(path, ".jpeg"))
    return rg_files_open_image(set);
  if (begins_with(path, "\0", 1) || strstr(path, "-idx3-")) return rg_idx_open(set);
  return rg_labelled_open(set, form->columns ? form : NULL);
}

static rung_status open_by_kind(rung_dataset *set, rg_form *form) {
  struct stat info;
  char *archive = NULL;
  const char *below = "";
  RG_TRY(rg_archive_of(set->ctx, set->path, &archive, &below));
  if (archive) {
    rung_status status = rg_files_open_archive(set, archive, below);
    rg_free(set->ctx, archive);
    return status;
  }
  if (stat(set->path, &info) != 0)
    return rg_fail(set->ctx, RUNG_E_IO, "%s: cannot be opened: %s", set->path, strerror(errno));
  return S_ISDIR(info.st_mode) ? open_folder(set) : open_file(set, form);
}

/* What the form says stands for what the options leave open. */
static rung_status apply_form(rung_dataset *set, rg_form *form) {
  rung_dataset_options *o = &set->options;
  if (!o->form) return RUNG_OK;
  RG_TRY(rg_form_read(set->ctx, o->form, form));
  o->regression = form->targets > 0 && form->classes == 0;
  if (o->class_count == 0 && form->classes) {
    o->class_count = form->classes;
    o->class_names = (const char *const *)form->class_name;
  }
  if (form->kind == RUNG_FEATURES) return RUNG_OK;
  if (form->scaled && o->height == 0) {
    o->height = (int)form->shape[0];
    o->width = (int)form->shape[1];
  }
  if (o->channels == 0 && (form->shape[2] == 1 || form->shape[2] == 3))
    o->channels = (int)form->shape[2];
  return RUNG_OK;
}

static rung_status check_form(const rung_dataset *set, const rg_form *form) {
  const int64_t *a = form->shape, *b = set->shape;
  if (!set->options.form) return RUNG_OK;
  if (form->kind != set->kind)
    return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected %s as in training, found %s", set->path,
                   form->kind == RUNG_IMAGES ? "images" : "a table",
                   set->kind == RUNG_IMAGES ? "images" : "a table");
  if (set->kind == RUNG_IMAGES && (a[0] != b[0] || a[1] != b[1] || a[2] != b[2]))
    return rg_fail(set->ctx, RUNG_E_SHAPE,
                   "%s: expected images of %lld x %lld x %lld as in training, found %lld x %lld x "
                   "%lld",
                   set->path, (long long)a[0], (long long)a[1], (long long)a[2], (long long)b[0],
                   (long long)b[1], (long long)b[2]);
  return RUNG_OK;
}

static rung_status open_samples(rung_dataset *set, rg_form *form) {
  rg_form kept = {.kind = form->kind};
  memcpy(kept.shape, form->shape, sizeof kept.shape);
  RG_TRY(open_by_kind(set, form));
  RG_TRY(check_form(set, &kept));
  if (set->count == 0)
    return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected samples, found none that can be used",
                   set->path);
  RG_TRY(check_classes(set));
  kept.scaled = set->files && set->files->scaled;
  return set->form ? RUNG_OK : rg_form_write(set, &kept);
}

static rung_status open_set(rung_dataset *set, const char *path) {
  rg_form form = {.ctx = set->ctx};
  set->path = rg_strdup(set->ctx, path);
  if (!set->path) return RUNG_E_MEMORY;
  rung_status status = apply_form(set, &form);
  if (status == RUNG_OK) status = open_samples(set, &form);
  rg_form_free(&form);
  set->options.class_names = NULL;
  return status;
}

rung_status rung_dataset_open(rung_context *ctx, const char *path,
                              const rung_dataset_options *options, rung_dataset **out) {
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!path || !out)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_dataset_open: expected a path and out");
  *out = NULL;
  size_t before = ctx->bytes_now;
  rung_dataset *set = rg_calloc(ctx, 1, sizeof *set);
  if (!set) return RUNG_E_MEMORY;
  set->ctx = ctx;
  set->bytes = before;
  set->pixels.file = -1;
  set->options = options ? *options : rung_dataset_options_default();
  set->shape[0] = set->shape[1] = set->shape[2] = 1;
  rung_status status = open_set(set, path);
  if (status != RUNG_OK) {
    rung_dataset_destroy(set);
    return status;
  }
  set->bytes = ctx->bytes_now - before;
  *out = set;
  return RUNG_OK;
}

void rung_dataset_destroy(rung_dataset *set) {
  if (!set) return;
  rung_context *ctx = set->ctx;
  rg_free_names(ctx, set->classes, set->class_name);
  rg_free_names(ctx, (int)set->shape[0], set->feature_name);
  rg_free_names(ctx, set->targets, set->target_name);
  rg_store_close(ctx, &set->pixels);
  rg_files_free(set);
  rg_free(ctx, set->label);
  rg_free(ctx, set->value);
  rg_free(ctx, set->wide);
  rg_free(ctx, set->narrow);
  rg_free(ctx, set->line);
  rg_free(ctx, set->form);
  rg_free(ctx, set->path);
  rg_free(ctx, set);
}

int64_t rung_dataset_count(const rung_dataset *set) {
  return set->count;
}

rung_sample_kind rung_dataset_kind(const rung_dataset *set) {
  return set->kind;
}

int rung_dataset_shape(const rung_dataset *set, int64_t shape[3]) {
  int rank = set->kind == RUNG_IMAGES ? 3 : 1;
  for (int i = 0; i < rank; i++) shape[i] = set->shape[i];
  return rank;
}

int64_t rung_dataset_size(const rung_dataset *set) {
  return set->shape[0] * set->shape[1] * set->shape[2];
}

int rung_dataset_channels(const rung_dataset *set) {
  return (int)(set->kind == RUNG_IMAGES ? set->shape[2] : set->shape[0]);
}

const char *rung_dataset_feature(const rung_dataset *set, int feature) {
  bool there = set->feature_name && feature >= 0 && feature < set->shape[0];
  return there ? set->feature_name[feature] : NULL;
}

int rung_dataset_classes(const rung_dataset *set) {
  return set->classes;
}

const char *rung_dataset_class(const rung_dataset *set, int label) {
  return label >= 0 && label < set->classes ? set->class_name[label] : NULL;
}

int rung_dataset_targets(const rung_dataset *set) {
  return set->targets;
}

const char *rung_dataset_target(const rung_dataset *set, int target) {
  return target >= 0 && target < set->targets ? set->target_name[target] : NULL;
}

int rung_dataset_label(const rung_dataset *set, int64_t sample) {
  return set->label && sample >= 0 && sample < set->count ? set->label[sample] : -1;
}

const double *rung_dataset_values(const rung_dataset *set, int64_t sample) {
  bool there = set->value && sample >= 0 && sample < set->count;
  return there ? set->value + sample * set->targets : NULL;
}

int64_t rung_dataset_skipped(const rung_dataset *set) {
  return set->skipped;
}

size_t rung_dataset_bytes(const rung_dataset *set) {
  return set->bytes;
}

const char *rung_dataset_form(const rung_dataset *set) {
  return set->form;
}

const char *rung_dataset_name(const rung_dataset *set, int64_t sample, char *out, size_t size) {
  if (size == 0) return out;
  if (set->files)
    snprintf(out, size, "%s%s%s", set->files->root, set->files->root[0] ? "/" : "",
             set->files->list.entry[sample].name.text);
  else if (set->kind == RUNG_FEATURES && set->line)
    snprintf(out, size, "%s: line %lld", set->path, (long long)set->line[sample]);
  else
    snprintf(out, size, "%s: %s %lld", set->path, set->kind == RUNG_IMAGES ? "image" : "row",
             (long long)sample);
  return out;
}

rung_status rg_reader_open(const rung_dataset *set, rung_context *ctx, rg_reader *out) {
  *out = (rg_reader){.set = set};
  if (set->kind == RUNG_FEATURES || set->pixels.memory) return RUNG_OK;
  out->pixels = rg_alloc(ctx, (size_t)rung_dataset_size(set), 1);
  if (!out->pixels) return RUNG_E_MEMORY;
  if (!set->files) return RUNG_OK;
  out->file = rg_alloc(ctx, (size_t)set->files->largest, 1);
  out->whole = rg_alloc(ctx, (size_t)set->files->whole, 1);
  return out->file && out->whole ? rg_jpeg_open(ctx, &out->jpeg) : RUNG_E_MEMORY;
}

void rg_reader_close(rung_context *ctx, rg_reader *reader) {
  rg_free(ctx, reader->pixels);
  rg_free(ctx, reader->file);
  rg_free(ctx, reader->whole);
  rg_jpeg_close(reader->jpeg);
}

rung_status rg_reader_pixels(rg_reader *reader, rung_context *ctx, int64_t sample,
                             const unsigned char **out) {
  const rung_dataset *set = reader->set;
  size_t size = (size_t)rung_dataset_size(set);
  uint64_t offset = (uint64_t)sample * size;
  *out = reader->pixels;
  if (set->files) return rg_files_read(reader, ctx, sample);
  if (set->pixels.memory) {
    *out = set->pixels.memory + offset;
    return RUNG_OK;
  }
  return rg_store_read(ctx, &set->pixels, offset, reader->pixels, size);
}

void rg_row(const rung_dataset *set, int64_t sample, double *out) {
  int64_t n = set->shape[0];
  for (int64_t i = 0; i < n; i++)
    out[i] = set->wide ? set->wide[sample * n + i] : (double)set->narrow[sample * n + i];
}

void rg_put(rung_dtype dtype, void *out, int64_t at, double value) {
  if (dtype == RUNG_F32)
    ((float *)out)[at] = (float)value;
  else if (dtype == RUNG_F64)
    ((double *)out)[at] = value;
  else
    ((rung_dd *)out)[at] = (rung_dd){value, 0};
}

static rung_status read_image(const rung_dataset *set, rung_context *ctx, int64_t sample,
                              rung_dtype dtype, void *out) {
  rg_reader reader;
  const unsigned char *pixel = NULL;
  rung_status status = rg_reader_open(set, ctx, &reader);
  if (status == RUNG_OK) status = rg_reader_pixels(&reader, ctx, sample, &pixel);
  for (int64_t i = 0; status == RUNG_OK && pixel && i < rung_dataset_size(set); i++)
    rg_put(dtype, out, i, pixel[i] / 255.0);
  rg_reader_close(ctx, &reader);
  return status;
}

rung_status rung_dataset_read(const rung_dataset *set, rung_context *ctx, int64_t sample,
                              rung_dtype dtype, void *out) {
  if (sample < 0 || sample >= set->count)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "sample: expected 0..%lld, found %lld",
                   (long long)set->count - 1, (long long)sample);
  if (set->kind == RUNG_IMAGES) return read_image(set, ctx, sample, dtype, out);
  for (int64_t i = 0; i < set->shape[0]; i++) {
    int64_t at = sample * set->shape[0] + i;
    rg_put(dtype, out, i, set->wide ? set->wide[at] : (double)set->narrow[at]);
  }
  return RUNG_OK;
}
