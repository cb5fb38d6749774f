/* Convolutions in two dimensions and their adjoints, with a fixed meaning: the same bits for any
 * instructions, blocking or threads.
 *
 * One trilinear form, where g(k) is the group of filter k, and x is 0 outside its array:
 *
 *   sum over n, oh, ow, i, j, c, k of
 *     x[n][oh s_h - top + i][ow s_w - left + j][g(k) C/G + c] w[i][j][c][k] y[n][oh][ow][k]
 *
 * Its derivative by y is the convolution of x with w, by x the transposed convolution of y, by w
 * the correlation of x with y. Each array may have one more axis of `samples` in front, on which
 * everything is separate. */
#ifndef RG_CONV_H
#define RG_CONV_H

#include "base/base.h"
#include "rung/graph.h"

enum { RG_CONV_FEW_CHANNELS = 8 };

typedef enum rg_conv_kind { RG_CONV, RG_CONV_TRANSPOSE, RG_CONV_WEIGHTS } rg_conv_kind;

typedef struct rg_conv {
  rg_conv_kind kind;
  rung_dtype dtype;
  rung_isa isa;
  int64_t samples, images;
  int64_t height, width, channels;        /* x: [samples][images][height][width][channels] */
  int64_t kernel_height, kernel_width;    /* w: [samples][kh][kw][channels / groups][filters] */
  int64_t out_height, out_width, filters; /* y: [samples][images][oh][ow][filters] */
  int64_t stride[2], top, left, groups;
  /* Every element of the result is one chain c = fma(a, b, c) from 0 (in double-double
   * rg_add_dd(c, rg_mul_dd(a, b))) over the products inside the images: those with the zeros around
   * are left out. RG_CONV: a = x, b = w, over i, j, c. RG_CONV_TRANSPOSE: a = y and b = w turned
   * about (rg_conv_turn), over the oh, ow and k that w reaches, all ascending. RG_CONV_WEIGHTS:
   * a = x, b = y, over n, oh, ow; with one group of no more than RG_CONV_FEW_CHANNELS channels
   * the zeros to the left and right take part. */
  const void *a, *b;
  void *out;
  void *scratch; /* rg_conv_plan()'s bytes, aligned to 64 */
} rg_conv;

/* How many pieces the work is cut into, and the scratch bytes of each. Depends on kind, dtype and
 * sizes alone. */
void rg_conv_plan(const rg_conv *c, int64_t *pieces, size_t *scratch);

/* Does one piece. */
void rg_conv_piece(const rg_conv *c, int64_t piece, int64_t pieces);

/* Into how many equal parts a batch of images is best cut for RG_CONV_WEIGHTS, where an image has
 * so many weights: as samples, whose results are then added. A divisor of `images`. */
int64_t rg_conv_parts(int64_t images, int64_t weights);

/* Weights [kh][kw][channels / groups][filters] turned about, for the transposed convolution:
 * out[i][j][k][g C/G + c] = w[kh-1-i][kw-1-j][c][g K/G + k], of shape
 * [kh][kw][filters / groups][channels]. Turning twice gives back the weights. */
void rg_conv_turn(rung_dtype dtype, rung_isa isa, int64_t taps, int64_t channels, int64_t filters,
                  int64_t groups, const void *w, void *out);

#endif
