/* Samples on their way through a network, block by block, in inference. */
#ifndef RG_WALK_H
#define RG_WALK_H

#include "nn/probe.h"

typedef struct rg_walk {
  rung_context *ctx;
  const rung_network *network;
  int64_t samples;
  double *state[RG_MOST_STATES]; /* what goes into the block that is next */
} rg_walk;

/* End it also where beginning fails. x: [samples][sample] in the network's arithmetic. */
rung_status rg_walk_begin(rg_walk *walk, const rung_network *network, rung_context *ctx,
                          int64_t samples, const void *x);
void rg_walk_end(rg_walk *walk);
/* Sets a probe's states to those of the walk. */
void rg_walk_put(const rg_walk *walk, rg_probe *probe);
/* Goes on by layer `layer` of the block, with its probe. */
rung_status rg_walk_layer(rg_walk *walk, rg_probe *probe, int64_t layer);
rung_status rg_walk_block(rg_walk *walk, int block);
/* Goes on to stage `stage` (from 1); *block is its block. */
rung_status rg_walk_to_stage(rg_walk *walk, int stage, int *block);
/* How many numbers state `s` that goes into block `block` has, of all samples. */
int64_t rg_walk_count(const rg_walk *walk, int block, int s);

#endif
