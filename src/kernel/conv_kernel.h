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

#endif
