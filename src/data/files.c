/* Sets of images in folders and tars: which files are samples, of which class, of which size. They
 * are decoded when they are asked for, so that memory holds an index of names alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/data.h"
#include "data/files.h"
#include "data/image.h"
#include "data/rows.h"

#define PATH_MOST 8192

/* What is found out while a set is opened. */
typedef struct opening {
  rung_dataset *set;
  rung_context *ctx;
  struct rg_files *files;
  rg_words classes;
  int64_t *members;      /* [classes]: images of each */
  unsigned char *head;   /* the beginning of an image */
  int64_t height, width; /* of the first image, or of most */
  int64_t first;         /* the place in the list of the first with them */
  bool colours;          /* any has them */
} opening;

static rung_status open_file(rung_context *ctx, const char *path, int *out) {
  *out = open(path, O_RDONLY | O_CLOEXEC);
  return *out >= 0 ? RUNG_OK
                   : rg_fail(ctx, RUNG_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
}

/* "ROOT/NAME", cut where it is too long for any file. */
static void path_of(const struct rg_files *files, const rg_entry *entry, char out[PATH_MOST]) {
  if (files->root[0])
    snprintf(out, PATH_MOST, "%s/%s", files->root, entry->name.text);
  else
    snprintf(out, PATH_MOST, "%s", entry->name.text);
}

/* The first `length` bytes of an entry. */
static rung_status read_entry(const struct rg_files *files, rung_context *ctx,
                              const rg_entry *entry, size_t length, unsigned char *out) {
  char path[PATH_MOST];
  int file = files->archive;
  path_of(files, entry, path);
  if (file >= 0) return rg_read_at(ctx, path, file, entry->offset, out, length);
  RG_TRY(open_file(ctx, path, &file));
  rung_status status = rg_read_at(ctx, path, file, 0, out, length);
  close(file);
  return status;
}

static rung_status look(const struct rg_files *files, rung_context *ctx, const rg_entry *entry,
                        const unsigned char *data, size_t have, rg_image *out, bool *more) {
  char path[PATH_MOST];
  path_of(files, entry, path);
  return rg_image_look(ctx, path, data, have, entry->size, out, more);
}

/* Reads as much as tells the size; seldom all. */
static rung_status look_at_entry(opening *r, const rg_entry *entry, rg_image *out) {
  size_t have = entry->size < RG_IMAGE_HEAD ? (size_t)entry->size : RG_IMAGE_HEAD;
  bool more;
  RG_TRY(read_entry(r->files, r->ctx, entry, have, r->head));
  rung_status status = look(r->files, r->ctx, entry, r->head, have, out, &more);
  if (status == RUNG_OK || !more) return status;
  unsigned char *all = rg_alloc(r->ctx, (size_t)entry->size, 1);
  if (!all) return RUNG_E_MEMORY;
  status = read_entry(r->files, r->ctx, entry, (size_t)entry->size, all);
  if (status == RUNG_OK)
    status = look(r->files, r->ctx, entry, all, (size_t)entry->size, out, &more);
  rg_free(r->ctx, all);
  return status;
}

/* By its ending; other files are passed over. */
static bool is_image(const char *name) {
  const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
  return dot && (slash ? slash[1] : name[0]) != '.' &&
         (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 ||
          strcasecmp(dot, ".jpeg") == 0);
}

/* Files of a Mac's archive and others that begin with a point, and what lies in such folders. */
static bool is_hidden(const char *name) {
  return name[0] == '.' || strstr(name, "/.") || strncmp(name, "__MACOSX", 8) == 0;
}

static bool is_bad_sample(rung_status status) {
  return status == RUNG_E_FORMAT || status == RUNG_E_DATA || status == RUNG_E_UNSUPPORTED ||
         status == RUNG_E_IO || status == RUNG_E_SHAPE;
}

/* The class of CLASS/IMAGE as text to be used at once; "" for an image outside. */
static rung_status class_name_of(const opening *r, const rg_entry *entry, char out[PATH_MOST]) {
  const char *slash = strchr(entry->name.text, '/');
  char path[PATH_MOST];
  out[0] = 0;
  if (!slash) return RUNG_OK;
  if (!strchr(slash + 1, '/')) {
    snprintf(out, PATH_MOST, "%.*s", (int)(slash - entry->name.text), entry->name.text);
    return RUNG_OK;
  }
  path_of(r->files, entry, path);
  return rg_fail(r->ctx, RUNG_E_DATA,
                 "%s: expected CLASS/IMAGE in %s, found folders in folders; name one of them, such "
                 "as %s/%.*s",
                 path, r->set->path, r->set->path, (int)(slash - entry->name.text),
                 entry->name.text);
}

/* Folders and the folders of images are classes. */
static rung_status find_classes(opening *r) {
  const rg_list *list = &r->files->list;
  char name[PATH_MOST];
  for (int64_t i = 0; i < list->count; i++) {
    const rg_entry *e = &list->entry[i];
    if (is_hidden(e->name.text)) continue;
    bool folder = e->kind == 'd' && !strchr(e->name.text, '/');
    if (!folder && !is_image(e->name.text)) continue;
    if (folder)
      snprintf(name, sizeof name, "%s", e->name.text);
    else
      RG_TRY(class_name_of(r, e, name));
    if (name[0]) RG_TRY(rg_words_add(&r->classes, name));
    if (r->classes.count > RG_CLASSES_MAX)
      return rg_fail(r->ctx, RUNG_E_DATA, "%s: expected at most %d classes, found more",
                     r->set->path, RG_CLASSES_MAX);
  }
  return RUNG_OK;
}

static rung_status name_classes(opening *r) {
  rung_dataset *set = r->set;
  const rung_dataset_options *o = &set->options;
  if (o->class_count)
    RG_TRY(rg_name_classes(set, o->class_count, o->class_names));
  else
    RG_TRY(rg_name_classes(set, r->classes.count, (const char *const *)r->classes.word));
  r->members = rg_calloc(r->ctx, (size_t)set->classes, sizeof *r->members);
  return r->members ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status label_of(const opening *r, const rg_entry *entry, int32_t *out) {
  const rung_dataset *set = r->set;
  char name[PATH_MOST], path[PATH_MOST];
  *out = -1;
  RG_TRY(class_name_of(r, entry, name));
  for (int i = 0; name[0] && i < set->classes; i++)
    if (strcmp(set->class_name[i], name) == 0) *out = i;
  if (*out >= 0 || set->options.unlabelled) return RUNG_OK;
  path_of(r->files, entry, path);
  if (name[0])
    return rg_fail(r->ctx, RUNG_E_DATA,
                   "%s: expected a folder named as one of the %d classes from \"%s\" to \"%s\"",
                   path, set->classes, set->class_name[0], set->class_name[set->classes - 1]);
  return rg_fail(r->ctx, RUNG_E_DATA,
                 "%s: expected images in folders named as their class, found one outside", path);
}

static rung_status check_kind(const opening *r, const rg_entry *entry) {
  char path[PATH_MOST];
  if (entry->kind == 'f' && entry->size <= RG_IMAGE_MOST) return RUNG_OK;
  path_of(r->files, entry, path);
  if (entry->kind == 'f')
    return rg_fail(r->ctx, RUNG_E_UNSUPPORTED, "%s: expected an image of at most %llu bytes", path,
                   (unsigned long long)RG_IMAGE_MOST);
  return rg_fail(r->ctx, RUNG_E_DATA, "%s: expected an image, found %s", path,
                 entry->kind == 'd' ? "a folder" : "something that is no file");
}

static rung_status check_size(opening *r, int64_t place, const rg_image *image) {
  const rg_entry *entry = &r->files->list.entry[place];
  char path[PATH_MOST], first[PATH_MOST];
  if (r->first < 0) {
    r->first = place;
    r->height = image->height;
    r->width = image->width;
  }
  if (r->files->scaled || (image->height == r->height && image->width == r->width)) return RUNG_OK;
  path_of(r->files, entry, path);
  path_of(r->files, &r->files->list.entry[r->first], first);
  return rg_fail(
      r->ctx, RUNG_E_SHAPE,
      "%s: expected %lld x %lld pixels as in %s, found %lld x %lld; name a size to scale "
      "all to",
      path, (long long)r->height, (long long)r->width, first, (long long)image->height,
      (long long)image->width);
}

static rung_status decode_all(const rung_dataset *set, rung_context *ctx, const rg_entry *entry,
                              const rg_image *image, unsigned char *file, unsigned char *work,
                              void *jpeg, unsigned char *out) {
  char path[PATH_MOST];
  path_of(set->files, entry, path);
  RG_TRY(read_entry(set->files, ctx, entry, (size_t)entry->size, file));
  return rg_image_decode(ctx, path, file, (size_t)entry->size, image, (int)set->shape[2], jpeg,
                         work, out);
}

/* Decodes an image once to see whether it can be. */
static rung_status try_decoding(opening *r, const rg_entry *entry, const rg_image *image) {
  unsigned char *file = rg_alloc(r->ctx, (size_t)entry->size, 1);
  unsigned char *work = file ? rg_alloc(r->ctx, (size_t)rg_image_work(image), 1) : NULL;
  void *jpeg = NULL;
  rung_status status = work ? rg_jpeg_open(r->ctx, &jpeg) : RUNG_E_MEMORY;
  r->set->shape[2] = 3;
  if (status == RUNG_OK) status = decode_all(r->set, r->ctx, entry, image, file, work, jpeg, work);
  rg_jpeg_close(jpeg);
  rg_free(r->ctx, work);
  rg_free(r->ctx, file);
  return status;
}

static rung_status check_image(opening *r, int64_t place, int32_t *label, rg_image *image) {
  const rg_entry *entry = &r->files->list.entry[place];
  RG_TRY(check_kind(r, entry));
  RG_TRY(label_of(r, entry, label));
  RG_TRY(look_at_entry(r, entry, image));
  if (r->set->options.skip_bad) RG_TRY(try_decoding(r, entry, image));
  return check_size(r, place, image);
}

/* Where images of another size are left out: the size that most have, of the first 64 that there
 * are, and the first of two that are equally frequent. */
static rung_status find_usual_size(opening *r) {
  enum { SIZES = 64 };
  struct {
    int64_t height, width, first, count;
  } size[SIZES];
  int sizes = 0, most = 0;
  const rg_list *list = &r->files->list;
  for (int64_t i = 0; i < list->count; i++) {
    rg_image image;
    const rg_entry *entry = &list->entry[i];
    if (is_hidden(entry->name.text) || !is_image(entry->name.text)) continue;
    rung_status status = check_kind(r, entry);
    if (status == RUNG_OK) status = look_at_entry(r, entry, &image);
    if (status != RUNG_OK && !is_bad_sample(status)) return status;
    rung_clear_error(r->ctx);
    if (status != RUNG_OK) continue;
    int k = 0;
    while (k < sizes && (size[k].height != image.height || size[k].width != image.width)) k++;
    if (k == SIZES) continue;
    if (k == sizes) {
      size[k].height = image.height;
      size[k].width = image.width;
      size[k].first = i;
      size[k].count = 0;
      sizes++;
    }
    if (++size[k].count > size[most].count) most = k;
  }
  if (!sizes) return RUNG_OK;
  for (int k = sizes - 1; k >= 0; k--)
    if (size[k].count == size[most].count) most = k;
  r->first = size[most].first;
  r->height = size[most].height;
  r->width = size[most].width;
  return RUNG_OK;
}

/* Keeps the entries that are samples, in place. */
static rung_status keep_images(opening *r) {
  rung_dataset *set = r->set;
  rg_list *list = &r->files->list;
  if (set->options.skip_bad && !r->files->scaled) RG_TRY(find_usual_size(r));
  for (int64_t i = 0; i < list->count; i++) {
    int32_t label;
    rg_image image;
    if (is_hidden(list->entry[i].name.text) || !is_image(list->entry[i].name.text)) continue;
    rung_status status = check_image(r, i, &label, &image);
    if (status != RUNG_OK && is_bad_sample(status) && set->options.skip_bad) {
      rung_clear_error(r->ctx);
      set->skipped++;
      continue;
    }
    RG_TRY(status);
    if (r->first == i) r->first = set->count; /* it moves there */
    uint64_t work = rg_image_work(&image);
    r->colours = r->colours || image.colours;
    if (list->entry[i].size > r->files->largest) r->files->largest = list->entry[i].size;
    if (work > r->files->whole) r->files->whole = work;
    if (label >= 0) r->members[label]++;
    set->label[set->count] = label;
    list->entry[set->count++] = list->entry[i];
  }
  list->count = set->count;
  return RUNG_OK;
}

static rung_status check_members(const opening *r) {
  const rung_dataset *set = r->set;
  for (int i = 0; !set->options.class_count && !set->options.unlabelled && i < set->classes; i++)
    if (r->members[i] == 0)
      return rg_fail(r->ctx, RUNG_E_DATA,
                     "%s/%s: expected images (.png, .jpg, .jpeg)%s, found none", r->files->root,
                     set->class_name[i], set->skipped ? " that can be decoded" : "");
  return RUNG_OK;
}

static void set_shape(opening *r) {
  rung_dataset *set = r->set;
  const rung_dataset_options *o = &set->options;
  set->shape[0] = r->files->scaled ? o->height : r->height;
  set->shape[1] = r->files->scaled ? o->width : r->width;
  set->shape[2] = o->channels ? o->channels : r->colours ? 3 : 1;
}

static rung_status scan(opening *r) {
  rung_dataset *set = r->set;
  RG_TRY(find_classes(r));
  if (r->classes.count == 0 && !set->options.unlabelled)
    return rg_fail(r->ctx, RUNG_E_DATA,
                   "%s: expected folders named as classes with images in them, "
                   "found none",
                   set->path);
  RG_TRY(name_classes(r));
  set->label = rg_alloc(r->ctx, (size_t)r->files->list.count, sizeof *set->label);
  r->head = rg_alloc(r->ctx, RG_IMAGE_HEAD, 1);
  if (!set->label || !r->head) return RUNG_E_MEMORY;
  RG_TRY(keep_images(r));
  RG_TRY(check_members(r));
  if (set->count) set_shape(r);
  return RUNG_OK;
}

static rung_status check_options(const rung_dataset *set) {
  const rung_dataset_options *o = &set->options;
  if (o->height < 0 || o->width < 0 || !o->height != !o->width || o->height > RG_SIDE_MAX ||
      o->width > RG_SIDE_MAX || (int64_t)o->height * o->width > RG_SAMPLE_MAX / 4)
    return rg_fail(set->ctx, RUNG_E_ARGUMENT,
                   "image size: expected height and width, found %d x %d", o->height, o->width);
  if (o->channels == 0 || o->channels == 1 || o->channels == 3) return RUNG_OK;
  return rg_fail(set->ctx, RUNG_E_ARGUMENT, "channels: expected 1 or 3, found %d", o->channels);
}

static rung_status begin(rung_dataset *set, const char *root) {
  set->kind = RUNG_IMAGES;
  RG_TRY(check_options(set));
  struct rg_files *files = rg_calloc(set->ctx, 1, sizeof *files);
  if (!files) return RUNG_E_MEMORY;
  files->archive = -1;
  files->scaled = set->options.height > 0;
  rg_list_init(&files->list, set->ctx);
  set->files = files;
  files->root = rg_strdup(set->ctx, root);
  return files->root ? RUNG_OK : RUNG_E_MEMORY;
}

/* What was listed becomes the samples. */
static rung_status finish(rung_dataset *set) {
  opening r = {.set = set, .ctx = set->ctx, .files = set->files, .first = -1};
  r.classes.ctx = set->ctx;
  rung_status status = scan(&r);
  rg_free(set->ctx, r.head);
  rg_free(set->ctx, r.members);
  rg_words_free(&r.classes);
  return status;
}

/* Adds what is in a folder of the root. */
static rung_status add_folder(rung_dataset *set, const char *root, const char *name) {
  rg_list inside;
  RG_TRY(rg_list_folder(set->ctx, root, name, &inside));
  rung_status status = RUNG_OK;
  for (int64_t i = 0; status == RUNG_OK && i < inside.count; i++) {
    const rg_entry *e = &inside.entry[i];
    if (e->kind == 'd')
      status = rg_fail(set->ctx, RUNG_E_DATA,
                       "%s/%s/%s: expected images, found a folder in a folder of images; is "
                       "%s/%s meant?",
                       root, name, e->name.text, root, name);
    else
      status = rg_list_add(&set->files->list, *e, "%s/%s", name, e->name.text);
  }
  rg_list_free(&inside);
  return status;
}

rung_status rg_files_open_folder(rung_dataset *set) {
  rg_list top;
  RG_TRY(begin(set, set->path));
  RG_TRY(rg_list_folder(set->ctx, set->path, "", &top));
  rung_status status = RUNG_OK;
  for (int64_t i = 0; status == RUNG_OK && i < top.count; i++) {
    const rg_entry *e = &top.entry[i];
    status = rg_list_add(&set->files->list, *e, "%s", e->name.text);
    if (status == RUNG_OK && e->kind == 'd' && !is_hidden(e->name.text))
      status = add_folder(set, set->path, e->name.text);
  }
  rg_list_free(&top);
  RG_TRY(status);
  rg_list_finish(&set->files->list);
  return finish(set);
}

rung_status rg_files_open_image(rung_dataset *set) {
  struct stat info;
  RG_TRY(begin(set, ""));
  rg_list *list = &set->files->list;
  if (stat(set->path, &info) != 0)
    return rg_fail(set->ctx, RUNG_E_IO, "%s: cannot be opened: %s", set->path, strerror(errno));
  if (!set->options.unlabelled)
    return rg_fail(set->ctx, RUNG_E_DATA, "%s: expected samples with labels, found a single image",
                   set->path);
  const char *slash = strrchr(set->path, '/');
  if (slash) {
    rg_free(set->ctx, set->files->root);
    set->files->root = rg_strndup(set->ctx, set->path, (size_t)(slash - set->path));
    if (!set->files->root) return RUNG_E_MEMORY;
  }
  rg_entry entry = {.kind = 'f', .size = (uint64_t)info.st_size};
  RG_TRY(rg_list_add(list, entry, "%s", slash ? slash + 1 : set->path));
  rg_list_finish(list);
  return finish(set);
}

rung_status rg_files_read(rg_reader *reader, rung_context *ctx, int64_t sample) {
  const rung_dataset *set = reader->set;
  const rg_entry *entry = &set->files->list.entry[sample];
  rg_image image;
  bool more;
  char path[PATH_MOST];
  path_of(set->files, entry, path);
  RG_TRY(read_entry(set->files, ctx, entry, (size_t)entry->size, reader->file));
  RG_TRY(rg_image_look(ctx, path, reader->file, (size_t)entry->size, entry->size, &image, &more));
  bool same = image.height == set->shape[0] && image.width == set->shape[1];
  if (rg_image_work(&image) > set->files->whole || (!set->files->scaled && !same))
    return rg_fail(ctx, RUNG_E_DATA, "%s: the image is another than when the set was opened", path);
  unsigned char *out = same ? reader->pixels : reader->whole;
  RG_TRY(rg_image_decode(ctx, path, reader->file, (size_t)entry->size, &image, (int)set->shape[2],
                         reader->jpeg, reader->whole, out));
  if (!same)
    rg_image_scale(image.height, image.width, (int)set->shape[2], reader->whole, set->shape[0],
                   set->shape[1], reader->pixels);
  return RUNG_OK;
}

void rg_files_free(rung_dataset *set) {
  if (!set->files) return;
  if (set->files->archive >= 0) close(set->files->archive);
  rg_list_free(&set->files->list);
  rg_free(set->ctx, set->files->root);
  rg_free(set->ctx, set->files);
  set->files = NULL;
}

static bool ends_archive(const char *path, size_t length) {
  static const char *const endings[] = {".tar", ".tar.gz", ".tgz"};
  for (int i = 0; i < 3; i++) {
    size_t n = strlen(endings[i]);
    if (length > n && strncasecmp(path + length - n, endings[i], n) == 0) return true;
  }
  return false;
}

rung_status rg_archive_of(rung_context *ctx, const char *path, char **out, const char **below) {
  struct stat info;
  *out = NULL;
  for (const char *at = path;; at++) {
    at += strcspn(at, "/");
    if (ends_archive(path, (size_t)(at - path))) {
      char *part = rg_strndup(ctx, path, (size_t)(at - path));
      if (!part) return RUNG_E_MEMORY;
      *out = part;
      *below = at + strspn(at, "/");
      if (stat(part, &info) == 0 && S_ISREG(info.st_mode)) return RUNG_OK;
      rg_free(ctx, part);
      *out = NULL;
    }
    if (!*at) return RUNG_OK;
  }
}

/* Unpacks to a temporary file. */
static rung_status unpack(rung_context *ctx, rg_stream *stream, int *out) {
  rg_store store;
  size_t got = 1;
  bool cut = false;
  unsigned char *piece = rg_alloc(ctx, 65536, 1);
  rung_status status = piece ? rg_store_open(ctx, UINT64_MAX, 0, &store) : RUNG_E_MEMORY;
  if (status != RUNG_OK) {
    rg_free(ctx, piece);
    return status;
  }
  while (status == RUNG_OK && got) {
    status = rg_stream_read(stream, piece, 65536, &got, &cut);
    if (status == RUNG_OK) status = rg_store_append(ctx, &store, piece, got);
  }
  rg_free(ctx, piece);
  if (status == RUNG_OK)
    *out = store.file;
  else
    rg_store_close(ctx, &store);
  return status;
}

/* A packed tar cannot be read at any place. */
static rung_status open_archive(rung_dataset *set, const char *archive) {
  rg_stream stream;
  bool plain = false;
  rung_status status = rg_stream_open(set->ctx, archive, &stream);
  if (status == RUNG_OK) plain = rg_stream_is_plain(&stream);
  if (status == RUNG_OK && !plain) status = unpack(set->ctx, &stream, &set->files->archive);
  rg_stream_close(&stream);
  if (status == RUNG_OK && plain) status = open_file(set->ctx, archive, &set->files->archive);
  return status;
}

rung_status rg_files_open_archive(rung_dataset *set, const char *archive, const char *below) {
  rg_text prefix;
  bool damaged = false;
  RG_TRY(begin(set, set->path));
  RG_TRY(open_archive(set, archive));
  rg_text_init(&prefix, set->ctx);
  rg_text_add(&prefix, below);
  while (prefix.length && prefix.data[prefix.length - 1] == '/') prefix.data[--prefix.length] = 0;
  if (prefix.length) rg_text_add(&prefix, "/");
  rung_status status = rg_text_status(&prefix);
  if (status == RUNG_OK)
    status = rg_tar_list(set->ctx, archive, set->files->archive, prefix.data, set->options.skip_bad,
                         &set->files->list, &damaged);
  rg_text_free(&prefix);
  RG_TRY(status);
  set->skipped += damaged;
  if (set->files->list.count == 0)
    return rg_fail(set->ctx, RUNG_E_DATA,
                   "%s: expected files in that folder of the archive, found "
                   "none",
                   set->path);
  return finish(set);
}
