/* What the passes of compilation share. */
#ifndef RG_COMPILE_H
#define RG_COMPILE_H

#include "graph/program.h"
#include "op/array.h"

#define RG_MOST_NODES 64 /* of a group: a bound on tile registers */

/* What compilation knows of a node. */
typedef struct rg_node_info {
  int root;            /* the node whose memory it lies in: itself unless it is a view */
  int64_t view_offset; /* elements from the root's begin */
  int unit, next;      /* of a computed root: its unit, and the next node there or -1 */
  int last_user;       /* of a root: the latest unit that reads it */
  int born, died;      /* positions of the steps that make it and last read it */
  int output;          /* the output it is computed into, or -1 */
  int over;            /* the input in whose place that output may lie, or -1 */
  bool stored, placed;
  rg_place place;
  rg_place blocks; /* of a reduction: what its parts give, where there are several */
} rg_node_info;

/* A unit becomes a step: one op, or a group of elementwise ops and reductions over the elements of
 * one shape, computed tile by tile. */
typedef struct rg_unit {
  int first, last; /* its nodes, chained by `next` */
  int nodes;
  bool group;
  int reductions; /* how many nodes are */
  rg_around view; /* how these see the shape */
  int position;   /* in the order */
  int into;       /* the unit it has become part of, or -1 */
  int edge;       /* the first of what else it must follow, or -1 */
} rg_unit;

/* A unit that another must follow though it reads nothing of it. */
typedef struct rg_edge {
  int unit, next; /* the next of the same follower, or -1 */
} rg_edge;

typedef struct rg_compiler {
  rung_context *ctx;
  const rung_graph *g;
  rung_graph own; /* g from when the outputs are settled: the nodes, and room for as many copies */
  rung_program *program;
  int inputs, outputs;
  const rung_node *input;
  rung_node *output;
  int shared;
  const int (*share)[2]; /* pairs of output and input */
  bool *need;
  rg_node_info *info;
  rg_unit *unit;
  int units;
  uint64_t *dependence; /* [units][words]: which units a unit depends on, directly or not */
  size_t words;
  rg_edge *edge;
  int edges;
  int *order;
  int ordered;
  int *reg_of, *uses; /* of group.c, one of each for every node; uses are 0 between groups */
} rg_compiler;

/* A needed node that is neither a leaf nor a view. */
bool rg_is_computed(const rg_compiler *c, int node);
/* Where a node's array begins. */
rg_place rg_place_of(const rg_compiler *c, int node);

/* Does unit `unit` depend on unit `on`? */
bool rg_depends(const rg_compiler *c, int unit, int on);
/* Lets unit `unit`, and all that depend on it, depend on unit `on`. */
void rg_add_dependence(rg_compiler *c, int unit, int on);
/* An elementwise op or a reduction. */
bool rg_is_fusable(const rg_compiler *c, int node);
/* The shape over whose elements such a node is computed: its own, or that of what is reduced. */
const rung_shape *rg_element_shape(const rg_compiler *c, int node);
/* Does operand j of such a node name the elements of that shape, one by one, and the whole of the
 * array it lies in? */
bool rg_same_elements(const rg_compiler *c, int node, int j);

/* share.c: outputs in the place of inputs. */
rung_status rg_prepare_shares(rg_compiler *c, rung_graph *g);
rung_status rg_place_shares(rg_compiler *c);

/* again.c: lets groups compute what they would read from other groups. */
void rg_compute_again(rg_compiler *c);

/* place.c: which arrays need memory, from which step to which, and where it lies. */
void rg_place_outputs(rg_compiler *c);
void rg_find_lifetimes(rg_compiler *c);
rung_status rg_place_arrays(rg_compiler *c);

/* fuse.c: gathers nodes into units; group.c: turns a group into a step. */
rung_status rg_make_units(rg_compiler *c);
rung_status rg_group_step(rg_compiler *c, int unit, rg_step *step);

#endif
