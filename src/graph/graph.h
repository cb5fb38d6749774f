/* A graph as the library sees it: nodes in the order they were made, so operands come first. */
#ifndef RG_GRAPH_H
#define RG_GRAPH_H

#include "base/base.h"
#include "rung/op.h"

typedef struct rg_node {
  const rung_op *op;
  int operands;
  rung_node in[RUNG_MAX_OPERANDS];
  rung_attributes attr;
  rung_shape shape;
  char *name; /* of an input; else NULL */
} rg_node;

struct rung_graph {
  rung_context *ctx;
  rg_node *node;
  int size, capacity;
  rung_node *table; /* open addressing by content; RUNG_NONE where empty */
  int table_size;   /* a power of two */
};

/* Leaves: ops without kernels. */
extern const rung_op rg_op_input, rg_op_constant;

/* Is `node` a constant? Then *value gets it. */
bool rg_constant_value(const rung_graph *g, rung_node node, rung_dd *value);
/* Is it this constant? */
bool rg_is_constant(const rung_graph *g, rung_node node, double value);

/* Shapes. */
bool rg_shape_equal(const rung_shape *a, const rung_shape *b);
/* "[3,4]", in a buffer of RG_SHAPE_TEXT bytes; returns it. */
#define RG_SHAPE_TEXT 160
const char *rg_shape_text(const rung_shape *shape, char *buffer);
/* The common shape of two by broadcasting; false where there is none. */
bool rg_shape_broadcast(const rung_shape *a, const rung_shape *b, rung_shape *out);
/* Checks rank and dimensions given by a caller; the product stays below 2^62 / 16. */
rung_status rg_shape_make(rung_context *ctx, const char *what, int rank, const int64_t *dims,
                          rung_shape *out);
/* `axis` as a number 0..rank-1, or -1 where it is out of range. */
int rg_axis(const rung_shape *shape, int axis);

/* The node with all but its operands kept. */
rung_node rg_apply_like(rung_graph *g, rung_node node, const rung_node *in);
/* `node` summed over what broadcasting had stretched, so that it has the shape `shape`. */
rung_node rg_sum_to_shape(rung_graph *g, rung_node node, const rung_shape *shape);
/* Reverse mode for several values at once: out[i] = sum over k of cotangent[k] * dy[k]/dx[i], or
 * RUNG_NONE where no y[k] depends on x[i]. The x are taken for independent of each other: what one
 * is computed from is not looked at. */
rung_status rg_gradients(rung_graph *g, int count_y, const rung_node *y, const rung_node *cotangent,
                         int count_x, const rung_node *x, rung_node *out);
/* Marks in need[0..size-1] the nodes that `count` nodes depend on, themselves included. */
void rg_mark_needed(const rung_graph *g, int count, const rung_node *y, bool *need);
/* Marks in active[] the nodes that depend on any of `x`, themselves included. */
void rg_mark_active(const rung_graph *g, int count, const rung_node *x, bool *active);

#endif
