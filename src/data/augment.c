/* Augmentation: images mirrored, turned and moved, noise added. */
#include <math.h>
#include <string.h>

#include "data/change.h"
#include "num/f64.h"

bool rg_augment_moves(const rung_augment *a) {
  return a->flip || a->rotate > 0 || a->shift > 0 || a->crop > 0;
}

static void flip(const int64_t shape[3], const unsigned char *in, unsigned char *out) {
  int64_t width = shape[1], channels = shape[2];
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < width; x++)
      memcpy(out + (y * width + x) * channels, in + (y * width + width - 1 - x) * channels,
             (size_t)channels);
}

static double pixel(const int64_t shape[3], const unsigned char *in, int64_t y, int64_t x,
                    int64_t c) {
  if (y < 0 || x < 0 || y >= shape[0] || x >= shape[1]) return 0;
  return in[(y * shape[1] + x) * shape[2] + c];
}

static unsigned char bilinear(const int64_t shape[3], const unsigned char *in, double y, double x,
                              int64_t c) {
  double y0 = floor(y), x0 = floor(x), v = y - y0, u = x - x0;
  int64_t i = (int64_t)y0, j = (int64_t)x0;
  double above = (1 - u) * pixel(shape, in, i, j, c) + u * pixel(shape, in, i, j + 1, c);
  double below = (1 - u) * pixel(shape, in, i + 1, j, c) + u * pixel(shape, in, i + 1, j + 1, c);
  return (unsigned char)((1 - v) * above + v * below + 0.5);
}

/* About the centre; what stands at (y, x) comes from where turning back leads. */
static void rotate(const int64_t shape[3], double degrees, const unsigned char *in,
                   unsigned char *out) {
  double angle = degrees * (3.14159265358979323846 / 180);
  double c = rg_cos_f64(angle), s = rg_sin_f64(angle);
  double middle_y = (double)(shape[0] - 1) / 2, middle_x = (double)(shape[1] - 1) / 2;
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < shape[1]; x++) {
      double dy = (double)y - middle_y, dx = (double)x - middle_x;
      double from_y = middle_y + c * dy + s * dx, from_x = middle_x + c * dx - s * dy;
      for (int64_t k = 0; k < shape[2]; k++)
        out[(y * shape[1] + x) * shape[2] + k] = bilinear(shape, in, from_y, from_x, k);
    }
}

/* -most..most, each with the same probability (to within 2^-32), from half a random word. */
static int64_t whole_number(uint32_t word, int64_t most) {
  return (int64_t)(((uint64_t)word * (uint64_t)(2 * most + 1)) >> 32) - most;
}

/* A place in a row of n pixels continued by mirror images: ... 1 0 | 0 1 2 ... */
static int64_t mirrored(int64_t at, int64_t n) {
  int64_t period = 2 * n;
  at = ((at % period) + period) % period;
  return at < n ? at : period - 1 - at;
}

static int64_t at_least_0(int64_t n) {
  return n > 0 ? n : 0;
}

/* What stands at (y, x) comes from (y - dy, x - dx); zeros where that is outside. */
static void shift(const int64_t shape[3], int64_t dy, int64_t dx, const unsigned char *in,
                  unsigned char *out) {
  size_t channels = (size_t)shape[2], row = (size_t)shape[1] * channels;
  int64_t left = at_least_0(dx), right = at_least_0(-dx); /* pixels that move in and out */
  size_t kept = (size_t)at_least_0(shape[1] - left - right) * channels;
  for (int64_t y = 0; y < shape[0]; y++) {
    unsigned char *to = out + (size_t)y * row;
    memset(to, 0, row);
    if (y - dy < 0 || y - dy >= shape[0] || kept == 0) continue;
    memcpy(to + (size_t)left * channels, in + (size_t)(y - dy) * row + (size_t)right * channels,
           kept);
  }
}

/* The same of an image continued by mirror images. */
static void crop(const int64_t shape[3], int64_t dy, int64_t dx, const unsigned char *in,
                 unsigned char *out) {
  size_t channels = (size_t)shape[2];
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < shape[1]; x++) {
      int64_t from = mirrored(y - dy, shape[0]) * shape[1] + mirrored(x - dx, shape[1]);
      for (size_t c = 0; c < channels; c++) *out++ = in[(size_t)from * channels + c];
    }
}

static double unit_interval(uint64_t word) {
  return ((double)(word >> 11) + 0.5) * 0x1p-53;
}

const unsigned char *rg_augment_move(const rung_augment *a, const int64_t shape[3], uint64_t seed,
                                     int64_t epoch, int64_t sample, const unsigned char *in,
                                     unsigned char *const buffer[2]) {
  uint64_t word[4];
  int turn = 0; /* which buffer comes next */
  rg_bits4(seed, rg_purpose_of(RG_FOR_AUGMENT, (uint64_t)epoch), (uint64_t)sample, 0, word);
  if (a->flip && word[0] >> 63) {
    flip(shape, in, buffer[turn]);
    in = buffer[turn];
    turn ^= 1;
  }
  if (a->rotate > 0) {
    rotate(shape, (2 * unit_interval(word[1]) - 1) * a->rotate, in, buffer[turn]);
    in = buffer[turn];
    turn ^= 1;
  }
  for (int k = 0; k < 2; k++) {
    int most = k ? a->crop : a->shift;
    uint64_t both = word[2 + k];
    if (most <= 0) continue;
    (k ? crop : shift)(shape, whole_number((uint32_t)(both >> 32), most),
                       whole_number((uint32_t)both, most), in, buffer[turn]);
    in = buffer[turn];
    turn ^= 1;
  }
  return in;
}

/* The sine from the cosine, with the sign of the half turn: its error of 1e-8 near 0 is no matter
 * in noise. */
void rg_normals(const uint64_t word[4], double out[4]) {
  for (int i = 0; i < 4; i += 2) {
    double radius = sqrt(-2 * rg_log_f64(unit_interval(word[i])));
    double turn = unit_interval(word[i + 1]), c = rg_cos_f64(6.283185307179586477 * turn);
    double s = sqrt((1 - c) * (1 + c));
    out[i] = radius * c;
    out[i + 1] = turn < 0.5 ? radius * s : -radius * s;
  }
}

void rg_add_noise(uint64_t seed, uint64_t purpose, int64_t sample, double deviation, int64_t n,
                  double *x) {
  for (int64_t j = 0; j < n; j += 4) {
    uint64_t word[4];
    double normal[4];
    rg_bits4(seed, purpose, (uint64_t)sample, (uint64_t)(j / 4), word);
    rg_normals(word, normal);
    for (int64_t k = 0; k < 4 && j + k < n; k++) x[j + k] += deviation * normal[k];
  }
}
