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

/* Rows top .. top+rows-1 and columns left .. left+columns-1 of neighbouring images. */
typedef struct rg_conv_window {
  int64_t height, width, channels; /* of an image */
  int64_t images, top, left, rows, columns;
} rg_conv_window;

/* Where the window's first element lies, and how many elements from one row and one image to the
 * next. */
typedef struct rg_conv_laid {
  const char *data;
  int64_t row, image;
} rg_conv_laid;

/* In the array where the window is wholly inside, else in `block`, where columns outside are zeros.
 * Rows outside are left undefined: nobody reads them. */
rg_conv_laid rg_conv_lay(const rg_conv_window *w, size_t size, const char *images, char *block);

static inline int64_t rg_conv_laid_elements(const rg_conv_window *w) {
  return w->images * w->rows * w->columns * w->channels;
}

/* Asks for memory that will be read soon. */
static inline void rg_conv_prefetch(const char *from, const char *end) {
  for (; from < end; from += RG_ALIGN) __builtin_prefetch(from, 0, 2);
}

#endif
