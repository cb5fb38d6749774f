/* Between the files of the convolutions. */
#ifndef RG_CONV_KERNEL_H
#define RG_CONV_KERNEL_H

#include "kernel/conv.h"
#include "kernel/gemm_kernel.h"

/* rg_conv_plan and rg_conv_piece of convolutions and their transposes (conv.c), and of the adjoint
 * in the weights (conv_weights.c). */
void rg_conv_plan_images(const rg_conv *c, int64_t *pieces, size_t *scratch);
void rg_conv_piece_images(const rg_conv *c, int64_t piece, int64_t pieces);
void rg_conv_plan_weights(const rg_conv *c, int64_t *pieces, size_t *scratch);
void rg_conv_piece_weights(const rg_conv *c, int64_t piece, int64_t pieces);

static inline size_t rg_conv_round_up(size_t bytes) {
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

/* The tiles that c->isa allows. */
const rg_tiles *rg_conv_tiles(const rg_conv *c);

/* Columns of the strips that a result of so many rows and columns is cut into. */
int64_t rg_conv_strip(const rg_tiles *tiles, int64_t rows, int64_t columns);

/* Rows of the highest tile of so many vectors. */
int64_t rg_conv_highest(const rg_tiles *tiles, int vectors);

/* Rows top .. top+rows-1 and columns left .. left+columns-1 of an image, partly outside it. */
typedef struct rg_conv_window {
  int64_t height, width, channels; /* of the image */
  int64_t top, left, rows, columns;
} rg_conv_window;

/* Where the window's first element lies, its rows *pitch elements apart: in the image where it is
 * wholly inside, else in `block`, where it is copied with zeros outside the image. */
const char *rg_conv_lay(const rg_conv_window *w, size_t size, const char *image, char *block,
                        int64_t *pitch);

#endif
