/* Random changes of samples: augmentation for training, corruption for evaluation. */
#ifndef RG_CHANGE_H
#define RG_CHANGE_H

#include "data/dataset.h"
#include "rung/batch.h"

/* Whether any pixel is moved. */
bool rg_augment_moves(const rung_augment *a);
/* Moves an image's pixels from `in` to where the result points: `in`, or one of the two buffers,
 * each as large as the image. */
const unsigned char *rg_augment_move(const rung_augment *a, const int64_t shape[3], uint64_t seed,
                                     int64_t epoch, int64_t sample, const unsigned char *in,
                                     unsigned char *const buffer[2]);

/* Standard normal number i of 0..3 from four random words (Box and Muller 1958). */
void rg_normals(const uint64_t word[4], double out[4]);
/* x[j] += deviation times a standard normal number. */
void rg_add_noise(uint64_t seed, uint64_t purpose, int64_t sample, double deviation, int64_t n,
                  double *x);

/* `line`: as many numbers as the longer side has pixels. */
void rg_corrupt(rung_corruption corruption, double level, uint64_t seed, int64_t sample,
                const int64_t shape[3], double *image, double *line);
/* The same for numbers that are not pixels: noise and dropout to 0, elsewise nothing. */
void rg_corrupt_features(rung_corruption corruption, double level, uint64_t seed, int64_t sample,
                         int64_t n, double *x);

#endif
