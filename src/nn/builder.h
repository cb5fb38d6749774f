/* The inside of what blocks build into, for those who make networks and programs of them. */
#ifndef RG_BUILDER_H
#define RG_BUILDER_H

#include "nn/block.h"

/* A tensor that a block has asked for. */
typedef struct rg_asked {
  char name[RG_VARIABLE_NAME];
  rung_node node;
  rung_node next; /* of a statistic: its value after this step, or RUNG_NONE */
  rung_shape shape;
  rg_begin begin;
  double scale;
  bool decays, statistic;
} rg_asked;

struct rg_builder {
  rung_context *ctx;
  rung_graph *g;
  const rg_block *block;
  bool training;
  rg_asked *asked; /* in the order of the first asking */
  int count, capacity;
  rung_node key;                  /* RUNG_NONE until it is asked for */
  rung_node move[RG_MOST_STATES]; /* see rg_moves(); RUNG_NONE where nothing is told */
  bool failed; /* something asked for could not be had: the context has the error */
};

void rg_builder_begin(rg_builder *b, rung_graph *g, const rg_block *block, bool training);
void rg_builder_end(rg_builder *b); /* the graph stays */

/* One layer as nodes. States "as they lie" are in fixed point where the chain keeps them so. */
typedef struct rg_built {
  rung_node in[RG_MOST_STATES], out[RG_MOST_STATES]; /* as they lie */
  rung_node value[RG_MOST_STATES];  /* plain blocks: the numbers that `in` stands for */
  rung_node result[RG_MOST_STATES]; /* plain blocks: the numbers that `out` stands for */
  /* Reversible blocks: the numbers that each coupling reads, and what it adds. */
  rung_node source[RG_MOST_COUPLINGS], increment[RG_MOST_COUPLINGS];
} rg_built;

/* How states lie: in fixed point or as numbers. */
typedef struct rg_lie {
  bool in, out; /* a reversible block has both or neither */
} rg_lie;

/* From built->in to built->out. */
rung_status rg_build_layer(rg_builder *b, rg_lie lie, rg_built *built);
/* Reversible blocks: from built->out back to built->in. */
rung_status rg_build_inverse(rg_builder *b, rg_lie lie, rg_built *built);

static inline bool rg_is_reversible(const rg_block *block) {
  return block->kind->couplings > 0;
}

#endif
