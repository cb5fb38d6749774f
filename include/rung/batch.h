/**
 * @file batch.h
 * Batches of samples in the order and arithmetic of training: normalised, augmented or corrupted,
 * made ahead on another thread where that pays. What a batch holds is a function of the seed, the
 * epoch and its number alone.
 */
#ifndef RUNG_BATCH_H
#define RUNG_BATCH_H

#include "rung/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Random changes of training samples; 0 for none. Each sample's are drawn anew in every epoch from
 * (seed, epoch, sample) alone. All but noise are for images; they are done in this order. */
typedef struct rung_augment {
  int flip;      /**< 1: mirrored left to right, with probability 1/2. */
  double rotate; /**< Turned by up to so many degrees to either side; bilinear, zeros move in. */
  int shift;     /**< Moved by 0..shift pixels to either side in both directions; zeros move in. */
  int crop;      /**< The same, but what moves in mirrors what is inside, edge included: a random
                      crop of the image with a border of `crop` pixels. */
  double noise;  /**< Gaussian noise of this standard deviation: images in units of 0..1 (not
                      clipped), features in units of their scale. */
} rung_augment;

/** How samples are spoiled, to see how well a model bears it. */
typedef enum rung_corruption {
  RUNG_CLEAN = 0, /**< Not at all. */
  RUNG_NOISE = 1, /**< Gaussian noise of standard deviation `level`. Also for features, in units
                       of their scale. */
  RUNG_SALT_PEPPER = 2, /**< Each pixel becomes black or white with probability `level`. */
  RUNG_BLUR = 3,        /**< Gaussian blur of standard deviation 10 `level` pixels. */
  RUNG_CONTRAST = 4,    /**< x -> m + (1 - level) (x - m), m the image's mean. */
  RUNG_BRIGHTNESS = 5,  /**< x -> x + level. */
  RUNG_OCCLUSION = 6,   /**< A black square whose area is the share `level` of the image's. */
  RUNG_DROPOUT = 7      /**< Each number becomes 0 with probability `level`; for features, their
                             mean. */
} rung_corruption;

/** "noise", "salt-pepper", "blur", ...; NULL outside the range. */
RUNG_API const char *rung_corruption_name(rung_corruption corruption);

/** The inverse. @return RUNG_E_ARGUMENT (no message) for another name. */
RUNG_API rung_status rung_corruption_parse(const char *name, rung_corruption *out);

/**
 * Spoils one image of numbers from 0 to 1, in place; the result is clipped to 0..1. A function of
 * its arguments alone.
 * @param level 0 leaves it as it is; meaningful up to 1
 * @return RUNG_E_ARGUMENT for a level that is negative or not finite
 */
RUNG_API rung_status rung_corrupt_image(rung_context *ctx, rung_corruption corruption, double level,
                                        uint64_t seed, int64_t sample, int64_t height,
                                        int64_t width, int64_t channels, double *image);

/** Options of rung_batches_open(); rung_batch_options_default() fills them. */
typedef struct rung_batch_options {
  int64_t batch;             /**< Samples in a batch; at most as many as there are. Default 64. */
  int training;              /**< 1: the order is drawn anew in each epoch, and samples that fill no
                                  batch are left out. 0 (default): in ascending order, all of them;
                                  the last batch is filled up with its last sample at weight 0. */
  uint64_t seed;             /**< Of the order, of augmentation and of corruption. */
  const double *mean;        /**< [channels]: x becomes (x - mean) / scale. NULL: x stays. */
  const double *scale;       /**< As mean. */
  const double *target_mean; /**< [targets]: the same of values. NULL: they stay. */
  const double *target_scale; /**< As target_mean. */
  const double *class_weight; /**< [classes]: the weight of each sample. NULL: 1. */
  rung_augment augment;       /**< Training only. */
  rung_corruption corruption; /**< After what is augmented, before normalisation. */
  double level;               /**< Of corruption. */
  int prefetch;               /**< Batches made ahead on another thread, at most 8; 0: none; -1
                                   (default): 2 where samples are decoded or augmented, or batches
                                   are large. Changes no result. */
} rung_batch_options;

/** The defaults. */
RUNG_API rung_batch_options rung_batch_options_default(void);

/** Goes through a part of a set batch by batch, epoch after epoch. */
typedef struct rung_batches rung_batches;

/** A batch; it stays valid until the next call with its rung_batches. */
typedef struct rung_batch {
  int64_t epoch;         /**< From 0. */
  int64_t number;        /**< Within the epoch, from 0. */
  int64_t count;         /**< Samples without what fills up. */
  const void *x;         /**< [batch][shape of a sample] */
  const void *y;         /**< Labels [batch], or values [batch][targets]; -1 for no label. */
  const void *weight;    /**< [batch]; 0 for what fills up and for samples without label. */
  const int64_t *sample; /**< [batch]: which samples these are. */
} rung_batch;

/**
 * Makes ready for batches; release it with rung_batches_destroy() before the set. Everything is
 * allocated here; rung_batches_next() allocates nothing from the context.
 * @param of the samples; NULL for all; copied
 * @param options NULL for the defaults; copied with what they point to
 * @param dtype arithmetic of x, y and weight; numbers are computed in double
 * @return RUNG_E_ARGUMENT for options that cannot be
 */
RUNG_API rung_status rung_batches_open(const rung_dataset *set, rung_context *ctx,
                                       const rung_part *of, const rung_batch_options *options,
                                       rung_dtype dtype, rung_batches **out);
/** Releases it, ending its thread. NULL is allowed. */
RUNG_API void rung_batches_destroy(rung_batches *batches);
/** Samples in a batch. */
RUNG_API int64_t rung_batches_size(const rung_batches *batches);
/** Batches in an epoch. */
RUNG_API int64_t rung_batches_per_epoch(const rung_batches *batches);
/** Bytes of memory that it holds. */
RUNG_API size_t rung_batches_bytes(const rung_batches *batches);
/** Goes to a batch, for example where a run is resumed: it comes next. Begins at (0, 0). */
RUNG_API rung_status rung_batches_seek(rung_batches *batches, int64_t epoch, int64_t number);
/** The next batch; after the last of an epoch comes the first of the next.
 * @return as rung_dataset_read(); the batch that failed comes again with the next call */
RUNG_API rung_status rung_batches_next(rung_batches *batches, rung_batch *out);

#ifdef __cplusplus
}
#endif
#endif
