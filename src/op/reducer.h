/* Reductions part by part, so that the engine can let them take what they reduce from the tile in
 * which it has just been computed.
 *
 * The operand is seen as [outer][length][inner] and reduced along the middle. Each slab's rows are
 * cut into blocks; the lanes of a block take its rows in turn (where inner is 1, the rows are
 * single elements), and are then combined as a binary tree, as are the blocks. So the order depends
 * on the shape alone, however the rows come in parts, and chains are short:
 *
 *   inner    rows of a block    lanes    longest chain of additions, n rows
 *   1        1024               64       16 + 6 + log2(n / 1024)
 *   > 1      128                4        32 + 2 + log2(n / 128) */
#ifndef RG_REDUCER_H
#define RG_REDUCER_H

#include "rung/op.h"

/* Rows that come in: all of a block but its last part have a multiple of the lanes. */
typedef struct rg_fold {
  const void *in; /* `rows` rows of `inner` elements, one behind the other */
  void *out;      /* the blocks' results, [outer][blocks of a slab][inner] */
  void *lanes;    /* what an open block has so far: lanes * inner elements */
  int64_t row, rows;
  int64_t length, inner; /* `row` counts over all slabs */
} rg_fold;

typedef void (*rg_fold_fn)(const rg_fold *fold);

typedef struct rg_reducer {
  rg_fold_fn fold[3][3]; /* by arithmetic and instructions */
  /* Combines the blocks, `count` times `inner` elements, which it destroys, to inner elements. */
  void (*combine[3])(void *blocks, int64_t count, int64_t inner, void *out);
} rg_reducer;

static inline int64_t rg_block_rows(int64_t inner) {
  return inner == 1 ? 1024 : 128;
}
static inline int64_t rg_lanes(int64_t inner) {
  return inner == 1 ? 64 : 4;
}
/* Of a slab. */
static inline int64_t rg_blocks(int64_t length, int64_t inner) {
  return (length + rg_block_rows(inner) - 1) / rg_block_rows(inner);
}

#endif
