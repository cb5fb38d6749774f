/* Images in folders and tars: lists of files, and samples that are decoded when they are asked
 * for. */
#ifndef RG_FILES_H
#define RG_FILES_H

#include "data/dataset.h"

typedef struct rg_entry {
  union {
    uint64_t at;      /* in the list's names, until it is finished */
    const char *text; /* afterwards */
  } name;
  uint64_t offset, size; /* of a file in a tar */
  char kind;             /* f: file, d: folder, o: other */
} rg_entry;

/* Names, and what has them. */
typedef struct rg_list {
  rung_context *ctx;
  int64_t count, capacity;
  rg_entry *entry;
  rg_text names;
} rg_list;

void rg_list_init(rg_list *list, rung_context *ctx);
void rg_list_free(rg_list *list);
rung_status rg_list_add(rg_list *list, rg_entry entry, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sorts by name, by bytes; no more can be added. */
void rg_list_finish(rg_list *list);
/* What is in the folder `path`/`below`, finished; names without the folder's. Names that begin with
 * a point are left out. */
rung_status rg_list_folder(rung_context *ctx, const char *path, const char *below, rg_list *out);

/* Files and folders of a tar below `prefix` ("" or "train/"), names without it. `path` for
 * messages. A damaged tar is an error; with `skip` it ends where the damage is, and *damaged is
 * set. */
rung_status rg_tar_list(rung_context *ctx, const char *path, int file, const char *prefix,
                        bool skip, rg_list *out, bool *damaged);

/* Images of a set: sample i is entry i of the list. */
struct rg_files {
  rg_list list;
  char *root;       /* the folder, or the tar with the folder in it, for names */
  int archive;      /* the tar; -1: files lie in the folder */
  uint64_t largest; /* bytes of the largest file */
  uint64_t whole;   /* bytes of work for the largest image */
  bool scaled;
};

/* Splits "photos.tar/train" where a part of the path is a tar: *out is that part, to be freed, and
 * *below what follows. *out is NULL where there is none. */
rung_status rg_archive_of(rung_context *ctx, const char *path, char **out, const char **below);
/* Fills an empty set from a folder, a tar (with the path in it) or a single image. */
rung_status rg_files_open_folder(rung_dataset *set);
rung_status rg_files_open_archive(rung_dataset *set, const char *archive, const char *below);
rung_status rg_files_open_image(rung_dataset *set);
void rg_files_free(rung_dataset *set);
/* Decodes a sample. Takes no memory from ctx. */
rung_status rg_files_read(rg_reader *reader, rung_context *ctx, int64_t sample);

/* Batches of a folder, finished; none where it is no folder of CIFAR-10. */
rung_status rg_cifar_find(rung_context *ctx, const char *path, rg_list *out);
rung_status rg_cifar_open(rung_dataset *set, const rg_list *files);

#endif
