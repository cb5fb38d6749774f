/**
 * @file dataset.h
 * Labelled samples: images from IDX and CIFAR-10 files, folders and tars of PNG and JPEG files;
 * rows of CSV, NPY and NPZ tables. Parts of a set (splits, folds), class weights, normalisation.
 * docs/data.md tells what each kind of file looks like; batch.h makes batches.
 */
#ifndef RUNG_DATASET_H
#define RUNG_DATASET_H

#include "rung/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Samples with their labels. It never changes; several threads may read it at once. */
typedef struct rung_dataset rung_dataset;

/** What the samples of a set are. */
typedef enum rung_sample_kind {
  RUNG_FEATURES = 0, /**< Rows of a table: shape (features). */
  RUNG_IMAGES = 1    /**< Images, channel last: shape (height, width, channels). */
} rung_sample_kind;

/** Options of rung_dataset_open(); rung_dataset_options_default() fills them. */
typedef struct rung_dataset_options {
  const char *labels; /**< IDX: the file of labels. NULL (default): the name of the images with
                           "images-idx3" replaced by "labels-idx1". */
  const char *target; /**< Tables: the column of labels, or with `regression` the columns of values
                           with commas between them: names, or where no name fits numbers from 0
                           (negative: from the end). NULL (default): the last column. */
  const char *ignore; /**< Tables: columns to leave out, written likewise. NULL (default): none. */
  int header;         /**< Tables: 1: the first row holds names; 0: none (columns are named by their
                           number from 0); -1 (default): found out: a header is a row without a
                           number. */
  int regression;     /**< Tables: 1: the targets are numbers to be met, not classes. Default 0. */
  int unlabelled;     /**< 1: labels may be absent and are then -1; image files may stand without
                           class folders, or alone. Default 0: labels must be there. */
  int skip_bad;       /**< 1: samples that cannot be used are left out and counted; images are then
                           all decoded once while opening. Default 0: they are errors. */
  int class_count;    /**< How many class names follow. 0 (default): the classes are those found. */
  const char *const *class_names; /**< The names that labels may have, in the order of their
                                       numbers; a label that is none of them is bad. */
  const char *form; /**< What rung_dataset_form() of the training set told: these samples must have
                         its shape, columns, categories and classes. NULL (default): none. */
  int height;       /**< Image files: scaled to this size by area averages. 0 (default): all images
                                must have the same size. */
  int width;        /**< As height. */
  int channels;     /**< Image files: 1 grey or 3 colours. 0 (default): 3 where any has colours. */
  size_t memory;    /**< Most bytes for the samples. IDX and CIFAR-10 files that do not fit are
                         read from the disk sample by sample (unpacked to a temporary file first);
                         tables, with what reading them takes, must fit. Labels and names come on
                         top: rung_dataset_bytes() tells all. 0 (default): no limit. */
} rung_dataset_options;

/** The defaults. */
RUNG_API rung_dataset_options rung_dataset_options_default(void);

/**
 * Opens a set of samples. The kind is told by what is there: a folder or tar (perhaps .tar.gz) of
 * CLASS/IMAGE.png|jpg|jpeg, or a folder in it (photos.tar/train); a CIFAR-10 binary batch (.bin) or
 * the folder of data_batch_*.bin; IDX images by their first bytes (perhaps .gz); a single image;
 * otherwise a table: .npy, .npz, else CSV (perhaps .gz). Release it with rung_dataset_destroy().
 * @param options NULL for the defaults; copied
 * @return RUNG_E_IO, RUNG_E_FORMAT, RUNG_E_DATA, RUNG_E_BUDGET with a message that names the file,
 * what was expected and what was found
 */
RUNG_API rung_status rung_dataset_open(rung_context *ctx, const char *path,
                                       const rung_dataset_options *options, rung_dataset **out);
/**
 * A set of rows from arrays, which are copied; features, classes and targets are named by their
 * numbers from 0.
 * @param x [count][features], finite
 * @param label [count], 0..classes-1 or -1 for none; NULL with `classes` 0
 * @param value [count][targets]; NULL with `targets` 0
 * @return RUNG_E_ARGUMENT with both classes and targets or neither; RUNG_E_DATA for a number that
 * is not finite or a label outside
 */
RUNG_API rung_status rung_dataset_from_arrays(rung_context *ctx, int64_t count, int features,
                                              const double *x, int classes, const int *label,
                                              int targets, const double *value, rung_dataset **out);
/** Releases a set. NULL is allowed. */
RUNG_API void rung_dataset_destroy(rung_dataset *set);

/** The number of samples. */
RUNG_API int64_t rung_dataset_count(const rung_dataset *set);
/** Features or images. */
RUNG_API rung_sample_kind rung_dataset_kind(const rung_dataset *set);
/** A sample's shape: (features), or (height, width, channels). @return the number of dimensions */
RUNG_API int rung_dataset_shape(const rung_dataset *set, int64_t shape[3]);
/** Numbers in a sample: the product of the shape. */
RUNG_API int64_t rung_dataset_size(const rung_dataset *set);
/** Features, or channels of images: what is normalised as one. */
RUNG_API int rung_dataset_channels(const rung_dataset *set);
/** A feature's name, "colour=red" for a category of a column "colour"; NULL outside the range and
 * for images. */
RUNG_API const char *rung_dataset_feature(const rung_dataset *set, int feature);
/** The number of classes; 0 for regression. */
RUNG_API int rung_dataset_classes(const rung_dataset *set);
/** A class's name; NULL outside the range. */
RUNG_API const char *rung_dataset_class(const rung_dataset *set, int label);
/** The number of values to be met by regression; 0 where there are classes. */
RUNG_API int rung_dataset_targets(const rung_dataset *set);
/** The name of such a value; NULL outside the range. */
RUNG_API const char *rung_dataset_target(const rung_dataset *set, int target);
/** The label of a sample, 0..classes-1; -1 where there is none. */
RUNG_API int rung_dataset_label(const rung_dataset *set, int64_t sample);
/** The values that regression is to meet for a sample, rung_dataset_targets() of them; NULL where
 * there are none. */
RUNG_API const double *rung_dataset_values(const rung_dataset *set, int64_t sample);
/** How many bad samples were left out (`skip_bad`). */
RUNG_API int64_t rung_dataset_skipped(const rung_dataset *set);
/** Bytes of memory that the set holds. */
RUNG_API size_t rung_dataset_bytes(const rung_dataset *set);
/** What a model must know of its data, as JSON: shape, columns with their categories, classes. It
 * belongs to the set. */
RUNG_API const char *rung_dataset_form(const rung_dataset *set);
/** Where a sample comes from, for people: "train/cat/0001.jpg", "digits.csv: line 17". Written to
 * `out` as far as `size` bytes go, with a final 0. @return `out` */
RUNG_API const char *rung_dataset_name(const rung_dataset *set, int64_t sample, char *out,
                                       size_t size);

/**
 * One sample as it is, without normalisation: pixels from 0 to 1 (byte/255), features as in the
 * file.
 * @param ctx for errors and the memory of decoding: the set's own, or another thread's
 * @param out rung_dataset_size() numbers of `dtype`
 * @return RUNG_E_IO, RUNG_E_FORMAT or RUNG_E_DATA for an image that cannot be decoded
 */
RUNG_API rung_status rung_dataset_read(const rung_dataset *set, rung_context *ctx, int64_t sample,
                                       rung_dtype dtype, void *out);

/** Some samples of a set. `index` is released with rung_free(). */
typedef struct rung_part {
  int64_t count;  /**< How many. */
  int64_t *index; /**< [count] sample numbers, ascending. */
} rung_part;

/** Every sample. */
RUNG_API rung_status rung_part_all(const rung_dataset *set, rung_context *ctx, rung_part *out);

/**
 * Two disjoint parts, chosen by the seed alone, with each class in proportion (to within one
 * sample).
 * @param of the samples to be shared out; NULL for all of the set
 * @param held_out below 1: the share that goes to *held; from 1 on: how many samples do
 * @return RUNG_E_ARGUMENT where one of them would be empty
 */
RUNG_API rung_status rung_part_split(const rung_dataset *set, rung_context *ctx,
                                     const rung_part *of, double held_out, uint64_t seed,
                                     rung_part *train, rung_part *held);

/** Fold `fold` (0..folds-1) of a cross-validation: each sample is held out in one fold, each class
 * in proportion (to within one sample). `of` as in rung_part_split(). */
RUNG_API rung_status rung_part_fold(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                                    int folds, int fold, uint64_t seed, rung_part *train,
                                    rung_part *held);

/** `count` samples with the classes as equal in number as can be, chosen by the seed alone; a
 * smaller choice is part of a larger one. All where there are no more. `of` as in
 * rung_part_split(). */
RUNG_API rung_status rung_part_limit(const rung_dataset *set, rung_context *ctx,
                                     const rung_part *of, int64_t count, uint64_t seed,
                                     rung_part *out);

/** How many samples of the part have each label: `count` gets rung_dataset_classes() numbers. `of`
 * as in rung_part_split(). */
RUNG_API void rung_part_classes(const rung_dataset *set, const rung_part *of, int64_t *count);

/** Weights that make every class count the same: n / (k n_c) for n samples, k classes with samples
 * and n_c samples of class c; 0 for a class without. `weight` gets rung_dataset_classes() numbers;
 * their mean over the samples is 1. `of` as in rung_part_split(). */
RUNG_API void rung_part_weights(const rung_dataset *set, const rung_part *of, double *weight);

/**
 * Mean and standard deviation of each channel or feature over a part: (x - mean) / scale has mean 0
 * and variance 1. A constant has scale 1. Pixels count from 0 to 1.
 * @param mean, scale get rung_dataset_channels() numbers each
 * @return as rung_dataset_read()
 */
RUNG_API rung_status rung_normalisation(const rung_dataset *set, rung_context *ctx,
                                        const rung_part *of, double *mean, double *scale);
/** The same of the values of regression; rung_dataset_targets() numbers each. */
RUNG_API void rung_target_normalisation(const rung_dataset *set, const rung_part *of, double *mean,
                                        double *scale);

#ifdef __cplusplus
}
#endif
#endif
