/* Mean and standard deviation of channels, features and targets over a part of a set. */
#include <math.h>
#include <string.h>

#include "data/dataset.h"

/* Bytes have exact sums: with s = sum x and q = sum x^2 of n bytes, n q - s^2 is n^2 times the
 * variance, an integer below 2^(16 + 2 log2 n), taken in 128 bits. */
static double variance_of_bytes(uint64_t n, uint64_t s, uint64_t q) {
  __extension__ unsigned __int128 top = (unsigned __int128)n * q - (unsigned __int128)s * s;
  return (double)top / ((double)n * (double)n);
}

static rung_status sum_bytes(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                             uint64_t *s, uint64_t *q) {
  rg_reader reader;
  int64_t channels = set->shape[2], size = rung_dataset_size(set);
  rung_status status = rg_reader_open(set, ctx, &reader);
  for (int64_t i = 0; status == RUNG_OK && i < rg_samples(set, of); i++) {
    const unsigned char *pixel = NULL;
    status = rg_reader_pixels(&reader, ctx, rg_sample(of, i), &pixel);
    if (status != RUNG_OK) break;
    for (int64_t j = 0; j < size; j += channels)
      for (int64_t c = 0; c < channels; c++) {
        s[c] += pixel[j + c];
        q[c] += (uint64_t)pixel[j + c] * pixel[j + c];
      }
  }
  rg_reader_close(ctx, &reader);
  return status;
}

static rung_status normalise_images(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                                    double *mean, double *scale) {
  size_t channels = (size_t)set->shape[2];
  uint64_t n = (uint64_t)(rg_samples(set, of) * set->shape[0] * set->shape[1]);
  uint64_t *sums = rg_calloc(ctx, 2 * channels, sizeof *sums);
  if (!sums) return RUNG_E_MEMORY;
  rung_status status = sum_bytes(set, ctx, of, sums, sums + channels);
  for (size_t c = 0; c < channels; c++) {
    double variance = variance_of_bytes(n, sums[c], sums[channels + c]);
    mean[c] = (double)sums[c] / (255 * (double)n);
    scale[c] = variance > 0 ? sqrt(variance) / 255 : 1;
  }
  rg_free(ctx, sums);
  return status;
}

/* Where numbers come from that are normalised: row i, column j. */
typedef double (*number_of)(const rung_dataset *set, int64_t i, int64_t j);

static double feature_of(const rung_dataset *set, int64_t i, int64_t j) {
  int64_t at = i * set->shape[0] + j;
  return set->wide ? set->wide[at] : (double)set->narrow[at];
}

static double target_of(const rung_dataset *set, int64_t i, int64_t j) {
  return set->value[i * set->targets + j];
}

/* Two passes, first the mean, then the squares around it with what rounding left in the mean taken
 * out again (Chan, Golub, LeVeque 1983, the corrected two-pass algorithm); sums in order, with
 * the rounding errors of each step kept (Neumaier 1974). A column is taken for constant where all
 * its numbers are the same. */
static void normalise_column(const rung_dataset *set, const rung_part *of, number_of number,
                             int64_t column, double *mean, double *scale) {
  int64_t n = rg_samples(set, of);
  double first = number(set, rg_sample(of, 0), column), sum = 0, lost = 0;
  bool constant = true;
  for (int64_t i = 0; i < n; i++) {
    double x = number(set, rg_sample(of, i), column), next = sum + x;
    lost += fabs(sum) >= fabs(x) ? (sum - next) + x : (x - next) + sum;
    sum = next;
    constant = constant && x == first;
  }
  *mean = constant ? first : (sum + lost) / (double)n;
  *scale = 1;
  if (constant) return;
  double squares = 0, rest = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = number(set, rg_sample(of, i), column) - *mean;
    squares += d * d;
    rest += d;
  }
  double variance = (squares - rest * rest / (double)n) / (double)n;
  if (variance > 0 && isfinite(variance)) *scale = sqrt(variance);
}

rung_status rung_normalisation(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                               double *mean, double *scale) {
  if (rg_samples(set, of) < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "normalisation: expected samples, found an empty part");
  if (set->kind == RUNG_IMAGES) return normalise_images(set, ctx, of, mean, scale);
  for (int64_t j = 0; j < set->shape[0]; j++)
    normalise_column(set, of, feature_of, j, &mean[j], &scale[j]);
  return RUNG_OK;
}

void rung_target_normalisation(const rung_dataset *set, const rung_part *of, double *mean,
                               double *scale) {
  for (int64_t j = 0; j < set->targets; j++) {
    mean[j] = 0;
    scale[j] = 1;
    if (rg_samples(set, of) > 0) normalise_column(set, of, target_of, j, &mean[j], &scale[j]);
  }
}
