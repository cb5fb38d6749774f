/* What the passes of compilation share. */
#ifndef RG_COMPILE_H
#define RG_COMPILE_H

#include "graph/program.h"
#include "op/array.h"

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
  size_t bytes;
  rg_place place;
} rg_node_info;

/* A unit becomes a step: one op, or elementwise ops of one shape that are computed tile by tile. */
typedef struct rg_unit {
  int first, last; /* its nodes, chained by `next` */
  int nodes;
  int position; /* in the order */
  int into;     /* the unit it has become part of, or -1 */
  int edge;     /* the first of what else it must follow, or -1 */
} rg_unit;

/* A unit that another must follow though it reads nothing of it. */
typedef struct rg_edge {
  int unit, next; /* the next of the same follower, or -1 */
} rg_edge;

typedef struct rg_compiler {
  rung_context *ctx;
  const rung_graph *g;
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
} rg_compiler;

/* A needed node that is neither a leaf nor a view. */
bool rg_is_computed(const rg_compiler *c, int node);
/* Where a node's array begins. */
rg_place rg_place_of(const rg_compiler *c, int node);

/* Does unit `unit` depend on unit `on`? */
bool rg_depends(const rg_compiler *c, int unit, int on);
/* Lets unit `unit`, and all that depend on it, depend on unit `on`. */
void rg_add_dependence(rg_compiler *c, int unit, int on);
/* Does operand j of a node name the same elements as a node of its own shape? */
bool rg_same_elements(const rg_compiler *c, int node, int j);

/* share.c: outputs in the place of inputs. */
rung_status rg_prepare_shares(rg_compiler *c, rung_graph *g);
rung_status rg_place_shares(rg_compiler *c);

/* fuse.c: gathers nodes into units, and turns a unit of elementwise ops into a step. */
rung_status rg_make_units(rg_compiler *c);
rung_status rg_group_step(rg_compiler *c, int unit, rg_step *step);

#endif
