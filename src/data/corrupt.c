/* Corruption: samples spoiled for evaluation, as a function of seed and sample. */
#include <math.h>
#include <string.h>

#include "data/change.h"
#include "num/f64.h"

static const char *const names[] = {"none",     "noise",      "salt-pepper", "blur",
                                    "contrast", "brightness", "occlusion",   "dropout"};
#define KINDS ((int)(sizeof names / sizeof *names))

const char *rung_corruption_name(rung_corruption corruption) {
  int i = (int)corruption;
  return i >= 0 && i < KINDS ? names[i] : NULL;
}

rung_status rung_corruption_parse(const char *name, rung_corruption *out) {
  for (int i = 0; i < KINDS; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (rung_corruption)i;
    return RUNG_OK;
  }
  return RUNG_E_ARGUMENT;
}

/* A kind's own stream of random numbers. */
static uint64_t purpose_of(rung_corruption corruption) {
  return rg_purpose_of(RG_FOR_CORRUPTION, (uint64_t)corruption);
}

/* word below the share `level` of all words */
static bool happens(uint64_t word, double level) {
  return ((double)(word >> 11) + 0.5) * 0x1p-53 < level;
}

/* One word decides for a pixel: below level/2 black, below level white. */
static void salt_pepper(double level, uint64_t seed, int64_t sample, const int64_t shape[3],
                        double *image) {
  uint64_t word[4] = {0};
  for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
    if (i % 4 == 0)
      rg_bits4(seed, purpose_of(RUNG_SALT_PEPPER), (uint64_t)sample, (uint64_t)(i / 4), word);
    if (!happens(word[i % 4], level)) continue;
    double value = happens(word[i % 4], level / 2) ? 0 : 1;
    for (int64_t c = 0; c < shape[2]; c++) image[i * shape[2] + c] = value;
  }
}

static void dropout(double level, uint64_t seed, int64_t sample, int64_t n, double *x) {
  uint64_t word[4] = {0};
  for (int64_t i = 0; i < n; i++) {
    if (i % 4 == 0)
      rg_bits4(seed, purpose_of(RUNG_DROPOUT), (uint64_t)sample, (uint64_t)(i / 4), word);
    if (happens(word[i % 4], level)) x[i] = 0;
  }
}

/* n numbers, `step` apart; the edge is continued. */
static void blur_line(int64_t n, int64_t step, double sigma, double *at, double *line) {
  int64_t reach = (int64_t)ceil(3 * sigma);
  for (int64_t i = 0; i < n; i++) line[i] = at[i * step];
  for (int64_t i = 0; i < n; i++) {
    double sum = 0, weights = 0;
    for (int64_t k = -reach; k <= reach; k++) {
      int64_t j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
      double w = rg_exp_f64(-(double)(k * k) / (2 * sigma * sigma));
      sum += w * line[j];
      weights += w;
    }
    at[i * step] = sum / weights;
  }
}

static void blur(double level, const int64_t shape[3], double *image, double *line) {
  int64_t row = shape[1] * shape[2];
  double sigma = 10 * level;
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t c = 0; c < shape[2]; c++)
      blur_line(shape[1], shape[2], sigma, image + y * row + c, line);
  for (int64_t i = 0; i < row; i++) blur_line(shape[0], row, sigma, image + i, line);
}

static void contrast(double level, int64_t n, double *image) {
  double mean = 0;
  for (int64_t i = 0; i < n; i++) mean += image[i];
  mean /= (double)n;
  for (int64_t i = 0; i < n; i++) image[i] = mean + (1 - level) * (image[i] - mean);
}

/* 0..most, from half a random word. */
static int64_t place(uint32_t word, int64_t most) {
  return (int64_t)(((uint64_t)word * (uint64_t)(most + 1)) >> 32);
}

static void occlude(double level, uint64_t seed, int64_t sample, const int64_t shape[3],
                    double *image) {
  uint64_t word[4];
  int64_t side = (int64_t)(sqrt(level * (double)(shape[0] * shape[1])) + 0.5);
  int64_t high = side < shape[0] ? side : shape[0], wide = side < shape[1] ? side : shape[1];
  rg_bits4(seed, purpose_of(RUNG_OCCLUSION), (uint64_t)sample, 0, word);
  int64_t top = place((uint32_t)(word[0] >> 32), shape[0] - high);
  int64_t left = place((uint32_t)word[0], shape[1] - wide);
  for (int64_t y = top; y < top + high; y++)
    memset(image + (y * shape[1] + left) * shape[2], 0, (size_t)(wide * shape[2]) * sizeof *image);
}

void rg_corrupt(rung_corruption corruption, double level, uint64_t seed, int64_t sample,
                const int64_t shape[3], double *image, double *line) {
  int64_t n = shape[0] * shape[1] * shape[2];
  if (level <= 0 || corruption == RUNG_CLEAN) return;
  switch (corruption) {
  case RUNG_NOISE:
    rg_add_noise(seed, purpose_of(RUNG_NOISE), sample, level, n, image);
    break;
  case RUNG_SALT_PEPPER:
    salt_pepper(level, seed, sample, shape, image);
    break;
  case RUNG_BLUR:
    blur(level, shape, image, line);
    break;
  case RUNG_CONTRAST:
    contrast(level, n, image);
    break;
  case RUNG_BRIGHTNESS:
    for (int64_t i = 0; i < n; i++) image[i] += level;
    break;
  case RUNG_OCCLUSION:
    occlude(level, seed, sample, shape, image);
    break;
  case RUNG_DROPOUT:
    dropout(level, seed, sample, n, image);
    break;
  case RUNG_CLEAN:
    break;
  }
  for (int64_t i = 0; i < n; i++) image[i] = image[i] < 0 ? 0 : image[i] > 1 ? 1 : image[i];
}

void rg_corrupt_features(rung_corruption corruption, double level, uint64_t seed, int64_t sample,
                         int64_t n, double *x) {
  if (level <= 0) return;
  if (corruption == RUNG_NOISE)
    rg_add_noise(seed, purpose_of(RUNG_NOISE), sample, level, n, x);
  else if (corruption == RUNG_DROPOUT)
    dropout(level, seed, sample, n, x);
}

rung_status rung_corrupt_image(rung_context *ctx, rung_corruption corruption, double level,
                               uint64_t seed, int64_t sample, int64_t height, int64_t width,
                               int64_t channels, double *image) {
  if (!rung_corruption_name(corruption) || !(level >= 0) || !isfinite(level))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "corruption: expected a known kind and a level from 0 on, found %d and %g",
                   (int)corruption, level);
  const int64_t shape[3] = {height, width, channels};
  double *line = rg_alloc(ctx, (size_t)(height > width ? height : width), sizeof *line);
  if (!line) return RUNG_E_MEMORY;
  rg_corrupt(corruption, level, seed, sample, shape, image, line);
  rg_free(ctx, line);
  return RUNG_OK;
}
