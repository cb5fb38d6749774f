/* Images and archives that the tests of samples make: PNG, JPEG and tar files in memory. */
#ifndef RG_TEST_MADE_IMAGES_H
#define RG_TEST_MADE_IMAGES_H

#include <png.h>
#include <turbojpeg.h>

#include "data/made.h"

typedef struct blob {
  unsigned char data[1 << 17];
  size_t length;
} blob;

static inline void add_bytes(blob *b, const void *data, size_t n) {
  assert_true(n <= sizeof b->data - b->length);
  if (n) memcpy(b->data + b->length, data, n);
  b->length += n;
}

static inline void png_put(png_structp png, png_bytep data, size_t n) {
  add_bytes(png_get_io_ptr(png), data, n);
}

static inline void png_nothing(png_structp png) {
  (void)png;
}

/* A PNG file of rows as they are: `row_bytes` each. */
static inline void make_png(blob *b, int height, int width, int depth, int type, int interlace,
                            const unsigned char *pixels, size_t row_bytes) {
  b->length = 0;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, b, png_put, png_nothing);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type, interlace, 0, 0);
  if (type == PNG_COLOR_TYPE_PALETTE) {
    png_color colours[4] = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {255, 0, 128}};
    png_byte alpha[2] = {255, 128};
    png_set_PLTE(png, info, colours, 4);
    png_set_tRNS(png, info, alpha, 2, NULL);
  }
  png_write_info(png, info);
  png_bytep rows[64];
  assert_true(height <= 64);
  for (int y = 0; y < height; y++) rows[y] = (png_bytep)(uintptr_t)(pixels + (size_t)y * row_bytes);
  png_write_image(png, rows);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
}

/* Pixels that differ from image to image. */
static inline void fill_pixels(unsigned char *out, int seed, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (unsigned char)(seed * 37 + (int)i * 11);
}

static inline void make_rgb_png(blob *b, int seed, int height, int width) {
  unsigned char pixels[64 * 64 * 3];
  fill_pixels(pixels, seed, (size_t)(height * width * 3));
  make_png(b, height, width, 8, PNG_COLOR_TYPE_RGB, 0, pixels, (size_t)width * 3);
}

static inline void make_grey_png(blob *b, int seed, int height, int width) {
  unsigned char pixels[64 * 64];
  fill_pixels(pixels, seed, (size_t)(height * width));
  make_png(b, height, width, 8, PNG_COLOR_TYPE_GRAY, 0, pixels, (size_t)width);
}

/* Slopes, which JPEG keeps closely. */
static inline void make_jpeg(blob *b, int seed, int height, int width, int grey) {
  unsigned char pixels[64 * 64 * 3], *file = NULL;
  unsigned long length = 0;
  int channels = grey ? 1 : 3;
  for (int i = 0; i < height * width; i++)
    for (int c = 0; c < channels; c++)
      pixels[channels * i + c] = (unsigned char)(20 * seed + 3 * (i % width) + 5 * c);
  tjhandle jpeg = tjInitCompress();
  assert_int_equal(tjCompress2(jpeg, pixels, width, 0, height, grey ? TJPF_GRAY : TJPF_RGB, &file,
                               &length, grey ? TJSAMP_GRAY : TJSAMP_444, 95, 0),
                   0);
  b->length = 0;
  add_bytes(b, file, length);
  tjFree(file);
  tjDestroy(jpeg);
}

/* One entry of a tar. */
static inline void add_tar(blob *b, const char *name, char type, const void *data, size_t n) {
  unsigned char block[512] = {0};
  unsigned sum = 0;
  assert_true(strlen(name) <= 100);
  memcpy(block, name, strlen(name));
  snprintf((char *)block + 100, 8, "%07o", 0644);
  snprintf((char *)block + 108, 8, "%07o", 0);
  snprintf((char *)block + 116, 8, "%07o", 0);
  snprintf((char *)block + 124, 12, "%011zo", n);
  snprintf((char *)block + 136, 12, "%011o", 0);
  block[156] = (unsigned char)type;
  memcpy(block + 257, "ustar\00000", 8);
  memset(block + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += block[i];
  snprintf((char *)block + 148, 7, "%06o", sum);
  add_bytes(b, block, 512);
  add_bytes(b, data, n);
  static const unsigned char zeros[512];
  if (n % 512) add_bytes(b, zeros, 512 - n % 512);
}

static inline void end_tar(blob *b) {
  static const unsigned char zeros[1024];
  add_bytes(b, zeros, 1024);
}

#endif
