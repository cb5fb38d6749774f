/* Pictures in a page: PNG by libpng's simplified interface. */
#include "study/picture.h"

#include <math.h>
#include <string.h>

#include <png.h>

void rg_base64(rg_text *out, const unsigned char *data, size_t length) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < length; i += 3) {
    size_t left = length - i;
    unsigned b = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                 (left > 2 ? data[i + 2] : 0);
    char four[4] = {digit[b >> 18], digit[b >> 12 & 63], left > 1 ? digit[b >> 6 & 63] : '=',
                    left > 2 ? digit[b & 63] : '='};
    rg_text_add_n(out, four, 4);
  }
}

static rung_status compress(rung_context *ctx, png_image *image, const unsigned char *bytes,
                            rg_text *out) {
  png_alloc_size_t size = 0;
  if (!png_image_write_to_memory(image, NULL, &size, 0, bytes, 0, NULL))
    return rg_fail(ctx, RUNG_E_INTERNAL, "a picture could not be written: %s", image->message);
  unsigned char *png = rg_alloc(ctx, size, 1);
  if (!png) return RUNG_E_MEMORY;
  rung_status status = RUNG_OK;
  if (png_image_write_to_memory(image, png, &size, 0, bytes, 0, NULL))
    rg_base64(out, png, size);
  else
    status = rg_fail(ctx, RUNG_E_INTERNAL, "a picture could not be written: %s", image->message);
  rg_free(ctx, png);
  return status;
}

rung_status rg_picture(rg_text *out, int height, int width, int channels, const double *pixel) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)width,
                     .height = (png_uint_32)height,
                     .format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
  size_t count = (size_t)height * (size_t)width * (size_t)channels;
  unsigned char *bytes = rg_alloc(out->ctx, count, 1);
  if (!bytes) return RUNG_E_MEMORY;
  for (size_t i = 0; i < count; i++) {
    double level = pixel[i] > 0 ? pixel[i] < 1 ? pixel[i] : 1 : 0; /* a NaN is black */
    bytes[i] = (unsigned char)lrint(255 * level);
  }
  rg_text_add(out, "data:image/png;base64,");
  rung_status status = compress(out->ctx, &image, bytes, out);
  rg_free(out->ctx, bytes);
  return status;
}
