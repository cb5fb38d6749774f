/* What convolutions and their adjoints share. */
#include <string.h>

#include "kernel/conv_kernel.h"

#define SHARE_OF_AVX2 0.85

void rg_conv_plan(const rg_conv *c, int64_t *pieces, size_t *scratch) {
  if (c->kind == RG_CONV_WEIGHTS)
    rg_conv_plan_weights(c, pieces, scratch);
  else
    rg_conv_plan_images(c, pieces, scratch);
}

void rg_conv_piece(const rg_conv *c, int64_t piece, int64_t pieces) {
  if (c->kind == RG_CONV_WEIGHTS)
    rg_conv_piece_weights(c, piece, pieces);
  else
    rg_conv_piece_images(c, piece, pieces);
}

/* The share of a vector's lanes that so many columns fill. */
static double filled(const rg_tiles *tiles, int64_t columns) {
  int64_t vectors = (columns + tiles->lanes - 1) / tiles->lanes;
  return (double)columns / (double)(vectors * tiles->lanes);
}

const rg_tiles *rg_conv_tiles(const rg_conv *c) {
  const rg_tiles *narrow = NULL, *wide = NULL;
  int64_t columns = (c->kind == RG_CONV_TRANSPOSE ? c->channels : c->filters) / c->groups;
  if (c->isa >= RUNG_ISA_AVX512) wide = rg_tiles_avx512(c->dtype, RUNG_WORKING, false);
  if (c->isa >= RUNG_ISA_AVX2) narrow = rg_tiles_avx2(c->dtype, RUNG_WORKING, false);
  if (!narrow) return rg_tiles_plain(c->dtype);
  return wide && filled(wide, columns) >= SHARE_OF_AVX2 * filled(narrow, columns) ? wide : narrow;
}

int64_t rg_conv_highest(const rg_tiles *tiles, int vectors) {
  int rows = tiles->rows;
  if (vectors == 1) return tiles->lone;
  while (rows > 1 && tiles->vectors[rows - 1] < vectors) rows--;
  return rows;
}

int64_t rg_conv_strip(const rg_tiles *tiles, int64_t rows, int64_t columns) {
  int64_t high = rows < tiles->rows ? rows : tiles->rows;
  int64_t most = tiles->vectors[high - 1], all = (columns + tiles->lanes - 1) / tiles->lanes;
  int64_t strips = (all + most - 1) / most;
  return (all + strips - 1) / strips * tiles->lanes;
}

void rg_conv_turn(rung_dtype dtype, rung_isa isa, int64_t taps, int64_t channels, int64_t filters,
                  int64_t groups, const void *w, void *out) {
  size_t size = rung_dtype_size(dtype);
  int64_t depth = channels / groups, width = filters / groups;
  for (int64_t tap = 0; tap < taps; tap++)
    for (int64_t group = 0; group < groups; group++) {
      const char *from = (const char *)w + (size_t)(tap * depth * filters + group * width) * size;
      char *to = (char *)out + (size_t)((taps - 1 - tap) * width * channels + group * depth) * size;
      if (isa >= RUNG_ISA_AVX2) {
        rg_pack_transposed(size, to, channels, from, filters, width, depth);
        continue;
      }
      for (int64_t k = 0; k < width; k++)
        for (int64_t c = 0; c < depth; c++)
          memcpy(to + (size_t)(k * channels + c) * size, from + (size_t)(c * filters + k) * size,
                 size);
    }
}
