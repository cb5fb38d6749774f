/* Inside the data room: sets of samples, the readers that fill them, and what draws at random. */
#ifndef RG_DATASET_H
#define RG_DATASET_H

#include "data/bytes.h"
#include "rung/dataset.h"

#define RG_CLASSES_MAX 65536    /* more in one set is taken for a mistake */
#define RG_SIDE_MAX 65535       /* pixels of an image's height or width */
#define RG_SAMPLE_MAX (1 << 26) /* numbers in a sample */

struct rg_files; /* images in a folder or tar, see files.h */

struct rung_dataset {
  rung_context *ctx;
  rung_dataset_options options; /* as given: its pointers are valid only while opening */
  char *path;
  rung_sample_kind kind;
  int64_t count, skipped;
  int64_t shape[3]; /* height, width, channels; features, 1, 1 */
  int classes, targets;
  char **class_name;   /* [classes] */
  char **feature_name; /* [features]; NULL for images */
  char **target_name;  /* [targets] */
  int32_t *label;      /* [count]; NULL for regression */
  double *value;       /* [count][targets]; NULL without targets */
  char *form;
  size_t bytes;
  /* One of these holds the samples. */
  rg_store pixels;        /* images [count][height][width][channels] */
  double *wide;           /* features [count][features] */
  float *narrow;          /* the same where every one of them is a float */
  struct rg_files *files; /* images that are decoded when they are asked for */
  /* For names of samples. */
  int64_t *line; /* [count]: where rows stood in the file; NULL: not known */
  bool rows;     /* samples are rows, not images */
};

/* Each fills an empty set; after an error the caller destroys it. */
rung_status rg_idx_open(rung_dataset *set);

/* Half the memory of the features where no number loses a bit. */
rung_status rg_narrow(rung_dataset *set);

/* Bytes that may still be allocated under the limit of the options. */
uint64_t rg_memory_left(const rung_dataset *set);
/* Sets the classes: those asked for, or "0".."count-1". */
rung_status rg_number_classes(rung_dataset *set, int count);
/* Copies class names. */
rung_status rg_name_classes(rung_dataset *set, int count, const char *const *name);
bool rg_file_exists(const char *path);
/* The number and the numbers of a part's samples; NULL is all of them. */
int64_t rg_samples(const rung_dataset *set, const rung_part *of);
int64_t rg_sample(const rung_part *of, int64_t i);

/* What one thread needs to read samples: memory for a file and what its decoder needs. */
typedef struct rg_reader {
  const rung_dataset *set;
  unsigned char *pixels; /* [size] for images that are not in memory */
  unsigned char *file;   /* the largest image file */
  unsigned char *whole;  /* the largest image before it is scaled */
  void *jpeg;            /* libjpeg-turbo's */
} rg_reader;

rung_status rg_reader_open(const rung_dataset *set, rung_context *ctx, rg_reader *out);
void rg_reader_close(rung_context *ctx, rg_reader *reader); /* one that failed to open as well */
/* An image's bytes, valid until the next call. Takes no memory from ctx, so that another thread's
 * context serves for the message. */
rung_status rg_reader_pixels(rg_reader *reader, rung_context *ctx, int64_t sample,
                             const unsigned char **out);
/* A row's numbers. */
void rg_row(const rung_dataset *set, int64_t sample, double *out);

/* Rounds or widens. */
void rg_put(rung_dtype dtype, void *out, int64_t at, double value);

/* What random numbers are for: the second half of their key. */
enum rg_purpose {
  RG_FOR_SPLIT = 0x64617400,
  RG_FOR_LIMIT,
  RG_FOR_ORDER,
  RG_FOR_AUGMENT,
  RG_FOR_NOISE,
  RG_FOR_CORRUPTION
};
/* The purpose of one of many uses: an epoch's, a class's. */
uint64_t rg_purpose_of(enum rg_purpose purpose, uint64_t use);

#endif
