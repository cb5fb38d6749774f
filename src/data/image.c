/* PNG and JPEG images, by libpng and libjpeg-turbo, which take their memory from malloc. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

#include "data/dataset.h"
#include "data/image.h"

#define PIXELS_OF_BYTE 1032 /* no image is packed denser: see rg_image_look() */

static uint32_t get16(const unsigned char *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const unsigned char *at) {
  return get16(at) << 16 | get16(at + 2);
}

static const unsigned char png_magic[] = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};

static rung_status damage(rung_context *ctx, const char *file, const char *what) {
  return rg_fail(ctx, RUNG_E_FORMAT, "%s: damaged image: %s", file, what);
}

/* Magic, length and name of the first chunk, width, height, depth, colour type (bit 0: palette,
 * bit 1: colours). */
static rung_status look_at_png(rung_context *ctx, const char *file, const unsigned char *data,
                               size_t have, rg_image *out) {
  if (have < 26 || memcmp(data + 12, "IHDR", 4) != 0)
    return damage(ctx, file, "a PNG file without its header");
  out->width = get32(data + 16);
  out->height = get32(data + 20);
  out->colours = data[25] & 2;
  return RUNG_OK;
}

/* Segments FF MARKER LENGTH ... up to a start of frame, which tells height, width and the number of
 * components. */
static rung_status look_at_jpeg(rung_context *ctx, const char *file, const unsigned char *data,
                                size_t have, rg_image *out, bool *more) {
  size_t at = 2;
  for (;;) {
    while (at + 1 < have && data[at] == 0xff && data[at + 1] == 0xff) at++; /* fill bytes */
    if (at + 10 > have) {
      *more = true;
      return damage(ctx, file, "a JPEG file without a start of frame");
    }
    unsigned char marker = data[at + 1];
    if (data[at] != 0xff) return damage(ctx, file, "a JPEG file with bytes between its segments");
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
      break;
    if (marker == 0xd9 || marker == 0xda)
      return damage(ctx, file, "a JPEG file without a start of frame");
    at += 2;
    if (marker != 0x01 && (marker < 0xd0 || marker > 0xd8)) at += get16(data + at);
  }
  out->height = get16(data + at + 5);
  out->width = get16(data + at + 7);
  out->colours = data[at + 9] != 1;
  if (data[at + 9] == 1 || data[at + 9] == 3) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                 "%s: expected a JPEG image with 1 or 3 components, found %d", file, data[at + 9]);
}

/* Deflate makes 258 bytes of 2 bits at best; JPEG spends a bit at least on a block of 64 pixels. */
static rung_status check_size(rung_context *ctx, const char *file, const rg_image *image,
                              uint64_t length) {
  uint64_t pixels = (uint64_t)image->height * (uint64_t)image->width;
  if (image->height < 1 || image->width < 1 || image->height > RG_SIDE_MAX ||
      image->width > RG_SIDE_MAX || pixels > RG_SAMPLE_MAX)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "%s: expected an image of at most %d pixels, found %lld "
                   "x %lld",
                   file, RG_SAMPLE_MAX, (long long)image->height, (long long)image->width);
  /* a PNG row has a byte of its own and pixels have a bit at least */
  if (pixels / 8 / PIXELS_OF_BYTE > length)
    return damage(ctx, file, "it states more pixels than its bytes can hold");
  return RUNG_OK;
}

rung_status rg_image_look(rung_context *ctx, const char *file, const unsigned char *data,
                          size_t have, uint64_t length, rg_image *out, bool *more) {
  *out = (rg_image){0};
  *more = false;
  if (have >= 8 && memcmp(data, png_magic, 8) == 0) {
    RG_TRY(look_at_png(ctx, file, data, have, out));
  } else if (have >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff) {
    out->jpeg = true;
    rung_status status = look_at_jpeg(ctx, file, data, have, out, more);
    *more = *more && have < length;
    RG_TRY(status);
  } else {
    char quoted[64] = "";
    for (size_t i = 0; i < have && i < 4; i++) snprintf(quoted + 3 * i, 4, " %02x", data[i]);
    return rg_fail(ctx, RUNG_E_FORMAT, "%s: expected a PNG or JPEG image, found %s%s", file,
                   have ? "bytes that begin with" : "an empty file", quoted);
  }
  return check_size(ctx, file, out, length);
}

/* PNG images are unpacked to four channels first. */
uint64_t rg_image_work(const rg_image *image) {
  return 4 * (uint64_t)image->height * (uint64_t)image->width;
}

typedef struct png_job {
  const unsigned char *data;
  size_t length, at;
  png_structp png;
  png_infop info;
  unsigned char *out;
  int64_t row;
  jmp_buf back;
  char message[128];
} png_job;

static void read_bytes(png_structp png, png_bytep out, size_t length) {
  png_job *job = png_get_io_ptr(png);
  if (length > job->length - job->at) png_error(png, "the file ends too early");
  memcpy(out, job->data + job->at, length);
  job->at += length;
}

static void on_error(png_structp png, png_const_charp message) {
  png_job *job = png_get_error_ptr(png);
  snprintf(job->message, sizeof job->message, "%s", message);
  longjmp(job->back, 1);
}

/* Profiles and texts that are not as they should be change no pixel. */
static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* All kinds become red, green, blue and alpha of 8 bits. */
static void unpack_png(png_job *job) {
  png_structp png = job->png;
  png_set_read_fn(png, job, read_bytes);
  png_set_user_limits(png, RG_SIDE_MAX, RG_SIDE_MAX);
  png_read_info(png, job->info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, job->info);
  if (png_get_rowbytes(png, job->info) != (size_t)job->row) png_error(png, "rows of a wrong size");
  size_t height = png_get_image_height(png, job->info);
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < height; y++) png_read_row(png, job->out + y * (size_t)job->row, NULL);
  png_read_end(png, NULL);
}

static bool run_png(png_job *job) {
  if (setjmp(job->back)) return false;
  unpack_png(job);
  return true;
}

/* What is transparent is black behind; grey of colours as in BT.601, in integers. */
static void pack(const unsigned char *in, int64_t pixels, int channels, unsigned char *out) {
  for (int64_t i = 0; i < pixels; i++) {
    unsigned c[3], alpha = in[4 * i + 3];
    for (int k = 0; k < 3; k++) c[k] = (in[4 * i + k] * alpha + 127) / 255;
    if (channels == 3)
      for (int k = 0; k < 3; k++) out[3 * i + k] = (unsigned char)c[k];
    else
      out[i] = (unsigned char)((77 * c[0] + 150 * c[1] + 29 * c[2] + 128) >> 8);
  }
}

static rung_status decode_png(rung_context *ctx, const char *file, const unsigned char *data,
                              size_t length, const rg_image *image, unsigned char *work) {
  png_job job = {.data = data, .length = length, .out = work, .row = 4 * image->width};
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  job.info = job.png ? png_create_info_struct(job.png) : NULL;
  bool good = job.info && run_png(&job);
  bool made = job.info != NULL;
  png_destroy_read_struct(&job.png, &job.info, NULL);
  if (!made) return rg_fail_memory(ctx, 0);
  return good ? RUNG_OK : damage(ctx, file, job.message);
}

/* Anything that the decoder warns of is damage: it goes on with invented pixels. */
static rung_status decode_jpeg(rung_context *ctx, const char *file, const unsigned char *data,
                               size_t length, const rg_image *image, int channels, void *jpeg,
                               unsigned char *out) {
  int code = tjDecompress2(jpeg, data, (unsigned long)length, out, (int)image->width, 0,
                           (int)image->height, channels == 3 ? TJPF_RGB : TJPF_GRAY,
                           TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS);
  return code == 0 ? RUNG_OK : damage(ctx, file, tjGetErrorStr2(jpeg));
}

rung_status rg_image_decode(rung_context *ctx, const char *file, const unsigned char *data,
                            size_t length, const rg_image *image, int channels, void *jpeg,
                            unsigned char *work, unsigned char *out) {
  if (image->jpeg) return decode_jpeg(ctx, file, data, length, image, channels, jpeg, out);
  RG_TRY(decode_png(ctx, file, data, length, image, work));
  pack(work, image->height * image->width, channels, out);
  return RUNG_OK;
}

/* The part of input pixel j that output pixel i of n covers, in units of 1/n of an input pixel,
 * where the input has m pixels: both cut into n m equal pieces. */
static int64_t overlap(int64_t i, int64_t n, int64_t j, int64_t m) {
  int64_t from = i * m > j * n ? i * m : j * n;
  int64_t to = (i + 1) * m < (j + 1) * n ? (i + 1) * m : (j + 1) * n;
  return to > from ? to - from : 0;
}

static unsigned char area(const unsigned char *in, int64_t height, int64_t width, int channels,
                          int64_t y, int64_t to_height, int64_t x, int64_t to_width, int c) {
  uint64_t sum = 0, all = (uint64_t)height * (uint64_t)width;
  for (int64_t i = y * height / to_height; i * to_height < (y + 1) * height; i++)
    for (int64_t j = x * width / to_width; j * to_width < (x + 1) * width; j++) {
      int64_t weight = overlap(y, to_height, i, height) * overlap(x, to_width, j, width);
      sum += (uint64_t)weight * in[(i * width + j) * channels + c];
    }
  return (unsigned char)((sum + all / 2) / all);
}

void rg_image_scale(int64_t height, int64_t width, int channels, const unsigned char *in,
                    int64_t to_height, int64_t to_width, unsigned char *out) {
  for (int64_t y = 0; y < to_height; y++)
    for (int64_t x = 0; x < to_width; x++)
      for (int c = 0; c < channels; c++)
        *out++ = area(in, height, width, channels, y, to_height, x, to_width, c);
}

rung_status rg_jpeg_open(rung_context *ctx, void **out) {
  *out = tjInitDecompress();
  return *out ? RUNG_OK : rg_fail_memory(ctx, 0);
}

void rg_jpeg_close(void *jpeg) {
  if (jpeg) tjDestroy(jpeg);
}
