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

static void move(const int64_t shape[3], int64_t dy, int64_t dx, bool mirror,
                 const unsigned char *in, unsigned char *out) {
  size_t channels = (size_t)shape[2];
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < shape[1]; x++) {
      int64_t i = y - dy, j = x - dx;
      bool inside = i >= 0 && j >= 0 && i < shape[0] && j < shape[1];
      unsigned char *to = out + (size_t)(y * shape[1] + x) * channels;
      if (mirror) i = mirrored(i, shape[0]), j = mirrored(j, shape[1]);
      if (inside || mirror)
        memcpy(to, in + (size_t)(i * shape[1] + j) * channels, channels);
      else
        memset(to, 0, channels);
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
  for (int mirror = 0; mirror < 2; mirror++) {
    int most = mirror ? a->crop : a->shift;
    uint64_t both = word[2 + mirror];
    if (most <= 0) continue;
    move(shape, whole_number((uint32_t)(both >> 32), most), whole_number((uint32_t)both, most),
         mirror, in, buffer[turn]);
    in = buffer[turn];
    turn ^= 1;
  }
  return in;
}

void rg_normals(const uint64_t word[4], double out[4]) {
  for (int i = 0; i < 4; i += 2) {
    double radius = sqrt(-2 * rg_log_f64(unit_interval(word[i])));
    double angle = 6.283185307179586477 * unit_interval(word[i + 1]);
    out[i] = radius * rg_cos_f64(angle);
    out[i + 1] = radius * rg_sin_f64(angle);
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
