/* Pictures in a page. */
#ifndef RG_PICTURE_H
#define RG_PICTURE_H

#include "base/base.h"

/* Appends an image as a data URI that holds a PNG.
 * @param channels 1 or 3
 * @param pixel [height][width][channels], from 0 to 1; what is beyond is cut off */
rung_status rg_picture(rg_text *out, int height, int width, int channels, const double *pixel);

/* Appends bytes in base 64 (RFC 4648). */
void rg_base64(rg_text *out, const unsigned char *data, size_t length);

#endif
