/* A layer of a network's block as part of a graph: its inputs in the order of programs, its
 * derivatives. Programs (chain.h) are made of one part; the head of a pass of several. */
#ifndef RG_PART_H
#define RG_PART_H

#include "nn/builder.h"
#include "nn/chain.h"

typedef struct rg_part {
  const rung_network *network;
  int block;
  rg_lie lie;
  rg_builder builder;
  rg_built built;
  /* By the network's order of tensors: the inputs, and of statistics what they become. */
  rung_node *parameter, *statistic, *next;
  int parameters, statistics;
  rung_node key;
  /* In training, where the network has a transport cost and the layer counts: what it adds to its
   * states, one node for each coupling or state. */
  rung_node move[RG_MOST_COUPLINGS];
  int moves;
  rung_node weight; /* of the cost, a scalar; who goes back sets it where there are moves */
} rg_part;

/* The states that go into a block, as inputs that lie as the chain keeps them. */
rung_status rg_part_states(const rung_network *network, rung_graph *g, int block, int64_t samples,
                           const char *name, rung_node *out);

/* Builds the layer that follows from the states `in`; part->built.out gets what comes out. The part
 * needs rg_part_close(), also where this fails. */
rung_status rg_part_forward(rg_part *part, const rung_network *network, rung_graph *g, int block,
                            bool training, const rung_node *in);
/* Builds the inverse of a reversible layer in training, from the states that came out. */
rung_status rg_part_inverse(rg_part *part, const rung_network *network, rung_graph *g, int block,
                            const rung_node *out);
void rg_part_close(rg_part *part);

/* The layer's transport cost, a scalar; RUNG_NONE where it has none or a node failed. */
rung_node rg_part_cost(const rg_part *part);

/* Back-propagation through the layer, its transport cost times part->weight included: `cotangent`
 * of the states that came out (numbers); `before` (NULL: not wanted) gets that of the states that
 * went in, `parameter` that of parameters. None is RUNG_NONE. */
rung_status rg_part_backward(rg_part *part, const rung_node *cotangent, rung_node *before,
                             rung_node *parameter);
/* Forward mode: tangents of states and of parameters give those of the states that come out. */
rung_status rg_part_tangent(rg_part *part, const rung_node *state, const rung_node *parameter,
                            rung_node *out);

/* Inputs or outputs of a program in the making. */
typedef struct rg_node_list {
  rung_context *ctx;
  rung_node *node;
  int count, capacity;
} rg_node_list;
rung_status rg_node_list_add(rg_node_list *list, int count, const rung_node *node);
void rg_node_list_free(rg_node_list *list);

/* Parameters, statistics and key, in this order. */
rung_status rg_part_inputs(const rg_part *part, rg_node_list *list);

/* keep.c: which values of the forward computation are cheapest to keep for `backward`: those nodes
 * that depend on `cotangent` are the backward computation, all others the forward one, which may be
 * recomputed from what is kept and from the `given` nodes and inputs where that is elementwise.
 * kept[] has room for the graph's size. */
rung_status rg_choose_kept(rung_graph *g, int backwards, const rung_node *backward, int cotangents,
                           const rung_node *cotangent, int givens, const rung_node *given,
                           rung_node *kept, int *count);

#endif
