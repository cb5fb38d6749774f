/* PNG and JPEG images. */
#ifndef RG_IMAGE_H
#define RG_IMAGE_H

#include "base/base.h"

#define RG_IMAGE_HEAD 65536               /* bytes that nearly always hold an image's size */
#define RG_IMAGE_MOST ((uint64_t)1 << 28) /* bytes of an image file */

typedef struct rg_image {
  bool jpeg;
  int64_t height, width;
  bool colours; /* three channels; else grey */
} rg_image;

/* Looks at the beginning of an image: `have` of its `length` bytes. `more` is set where that is too
 * little. Sizes that so many bytes cannot hold are refused. */
rung_status rg_image_look(rung_context *ctx, const char *file, const unsigned char *data,
                          size_t have, uint64_t length, rg_image *out, bool *more);
/* Bytes of work that decoding needs. */
uint64_t rg_image_work(const rg_image *image);
/* Decodes to out[height][width][channels], channels 1 or 3. `jpeg`: a handle of rg_jpeg_open().
 * `out` may be `work`. */
rung_status rg_image_decode(rung_context *ctx, const char *file, const unsigned char *data,
                            size_t length, const rg_image *image, int channels, void *jpeg,
                            unsigned char *work, unsigned char *out);
/* Scales by averages over the area that a pixel covers. */
void rg_image_scale(int64_t height, int64_t width, int channels, const unsigned char *in,
                    int64_t to_height, int64_t to_width, unsigned char *out);

rung_status rg_jpeg_open(rung_context *ctx, void **out);
void rg_jpeg_close(void *jpeg); /* NULL is allowed */

#endif
