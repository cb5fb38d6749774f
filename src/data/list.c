/* Lists of files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/files.h"

void rg_list_init(rg_list *list, rung_context *ctx) {
  *list = (rg_list){.ctx = ctx};
  rg_text_init(&list->names, ctx);
}

void rg_list_free(rg_list *list) {
  if (!list->ctx) return;
  rg_text_free(&list->names);
  rg_free(list->ctx, list->entry);
  list->entry = NULL;
  list->count = list->capacity = 0;
}

rung_status rg_list_add(rg_list *list, rg_entry entry, const char *format, ...) {
  char name[4096];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(name, sizeof name, format, args);
  va_end(args);
  if (length < 0 || (size_t)length >= sizeof name)
    return rg_fail(list->ctx, RUNG_E_DATA, "%.200s...: the path is too long", name);
  if (list->count == list->capacity) {
    int64_t more = list->capacity + list->capacity / 2 + 64;
    rg_entry *grown = rg_realloc(list->ctx, list->entry, (size_t)more, sizeof *grown);
    if (!grown) return RUNG_E_MEMORY;
    list->entry = grown;
    list->capacity = more;
  }
  entry.name.at = list->names.length;
  rg_text_add_n(&list->names, name, (size_t)length + 1); /* with its end */
  RG_TRY(rg_text_status(&list->names));
  list->entry[list->count++] = entry;
  return RUNG_OK;
}

static int by_name(const void *a, const void *b) {
  const rg_entry *x = a, *y = b;
  return strcmp(x->name.text, y->name.text);
}

void rg_list_finish(rg_list *list) {
  for (int64_t i = 0; i < list->count; i++)
    list->entry[i].name.text = list->names.data + list->entry[i].name.at;
  if (list->count) qsort(list->entry, (size_t)list->count, sizeof *list->entry, by_name);
}

static char kind_of(const char *path, const char *below, const char *name, uint64_t *size) {
  char full[8192];
  struct stat info;
  int length = snprintf(full, sizeof full, "%s/%s%s%s", path, below, below[0] ? "/" : "", name);
  *size = 0;
  if (length < 0 || (size_t)length >= sizeof full || stat(full, &info) != 0) return 'o';
  *size = (uint64_t)info.st_size;
  return S_ISDIR(info.st_mode) ? 'd' : S_ISREG(info.st_mode) ? 'f' : 'o';
}

rung_status rg_list_folder(rung_context *ctx, const char *path, const char *below, rg_list *out) {
  char full[8192];
  rg_list_init(out, ctx);
  int length = snprintf(full, sizeof full, "%s/%s", path, below);
  if (length < 0 || (size_t)length >= sizeof full)
    return rg_fail(ctx, RUNG_E_IO, "%.200s...: the path is too long", path);
  DIR *folder = opendir(full);
  if (!folder) return rg_fail(ctx, RUNG_E_IO, "%s: cannot be opened: %s", full, strerror(errno));
  rung_status status = RUNG_OK;
  for (struct dirent *item; status == RUNG_OK && (item = readdir(folder));) {
    uint64_t size;
    if (item->d_name[0] == '.') continue;
    char kind = kind_of(path, below, item->d_name, &size);
    status = rg_list_add(out, (rg_entry){.kind = kind, .size = size}, "%s", item->d_name);
  }
  closedir(folder);
  if (status == RUNG_OK)
    rg_list_finish(out);
  else
    rg_list_free(out);
  return status;
}
