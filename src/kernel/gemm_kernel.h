/* Between the driver of the matrix products and their kernels. */
#ifndef RG_GEMM_KERNEL_H
#define RG_GEMM_KERNEL_H

#include "kernel/gemm.h"

/* The definition in plain loops: the portable path, and what every other kernel agrees with. */
void rg_gemm_plain(const rg_gemm_args *args);

/* A small block of C whose sums are held in registers while k runs, in segments: those of a product
 * of matrices are one, a convolution's lie apart. Steps and starts are in elements. */
typedef struct rg_tile {
  int64_t segments, k;              /* k: of each segment */
  const int64_t *a_start, *b_start; /* [segment] */
  const void *a; /* element (i, p) of a segment at its start + a_row * i + a_step * p */
  int64_t a_row, a_step;
  const void *b; /* element (p, j) of a segment at its start + b_step * p + j */
  int64_t b_step;
  void *c;
  int64_t ldc;
  void *e; /* Dot2: the corrections between blocks of k; not used where first and last are set */
  int64_t lde;
  int64_t columns;  /* the last vector of the tile may be a part */
  bool first, last; /* of the blocks of k: start from 0, write the result */
} rg_tile;

typedef void (*rg_tile_fn)(const rg_tile *tile);

enum { RG_TILE_VECTORS = 8 }; /* the widest tile */

/* The tiles of one element type, one way to accumulate and one instruction set. */
typedef struct rg_tiles {
  int lanes;          /* elements of a vector */
  int rows;           /* of the highest tile that may have more than one vector */
  int lone;           /* rows of the highest tile of one vector, for who has no more columns */
  const int *vectors; /* [i]: of the widest tile with i + 1 rows; falls with i */
  const rg_tile_fn (*tile)[RG_TILE_VECTORS]; /* [its rows - 1][its vectors - 1] */
} rg_tiles;

/* NULL where there are none: the plain loops do the work. `flipped`: a tile's A holds factors of B
 * and the other way round. */
const rg_tiles *rg_tiles_avx2(rung_dtype dtype, rung_accumulate how, bool flipped);
const rg_tiles *rg_tiles_avx512(rung_dtype dtype, rung_accumulate how, bool flipped);
/* Plain loops in the form of tiles; RUNG_WORKING, not flipped. */
const rg_tiles *rg_tiles_plain(rung_dtype dtype);

/* to[p][i] = from[p][i] for p < k, i < n; elements of `size` bytes. */
void rg_pack_rows(size_t size, void *to, int64_t to_step, const void *from, int64_t from_step,
                  int64_t k, int64_t n);
/* to[p][i] = from[i][p] for p < k, i < n. */
void rg_pack_transposed(size_t size, void *to, int64_t to_step, const void *from, int64_t from_step,
                        int64_t k, int64_t n);

#endif
