/* The largest and the smallest over axes. Attributes as in sum.c. The derivative is shared equally
 * among the elements that tie. */
#include <math.h>

#include "op/array.h"

/* 1/ties where an element is the extremum, else 0. */
static rung_node weights(rung_graph *g, rung_node node) {
  rg_node n = g->node[node];
  unsigned axes = ((1u << n.attr.i[1]) - 1) << n.attr.i[0];
  rung_node chosen = rung_equal(g, n.in[0], node);
  return rung_div(g, chosen, rung_sum(g, chosen, axes, 1));
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  (void)which;
  rg_node n = g->node[node];
  unsigned axes = ((1u << n.attr.i[1]) - 1) << n.attr.i[0];
  return rung_sum(g, rung_mul(g, weights(g, node), tangent), axes, 1);
}

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  (void)which;
  return rung_mul(g, weights(g, node), cotangent);
}

#define REAL float
#define R(name) max_##name##_f32
#define START -INFINITY
#define COMBINE(x, y) rg_max_f32(x, y)
#include "op/reducer.inc"
#define REAL double
#define R(name) max_##name##_f64
#define START -INFINITY
#define COMBINE(x, y) rg_max_f64(x, y)
#include "op/reducer.inc"
#define REAL rung_dd
#define R(name) max_##name##_dd
#define START ((rung_dd){-INFINITY, 0})
#define COMBINE(x, y) rg_max_dd(x, y)
#include "op/reducer.inc"
#define REAL float
#define R(name) min_##name##_f32
#define START INFINITY
#define COMBINE(x, y) rg_min_f32(x, y)
#include "op/reducer.inc"
#define REAL double
#define R(name) min_##name##_f64
#define START INFINITY
#define COMBINE(x, y) rg_min_f64(x, y)
#include "op/reducer.inc"
#define REAL rung_dd
#define R(name) min_##name##_dd
#define START ((rung_dd){INFINITY, 0})
#define COMBINE(x, y) rg_min_dd(x, y)
#include "op/reducer.inc"

static const rg_reducer max = RG_REDUCER(max), min = RG_REDUCER(min);
static const rung_op max_op = {.name = "reduce_max",
                               .operands = 1,
                               .shape = rg_reduced_shape,
                               .jvp = jvp,
                               .vjp = vjp,
                               .map = rg_shift_axis_map,
                               .reducer = &max};

static const rung_op min_op = {.name = "reduce_min",
                               .operands = 1,
                               .shape = rg_reduced_shape,
                               .jvp = jvp,
                               .vjp = vjp,
                               .map = rg_shift_axis_map,
                               .reducer = &min};

rung_node rung_reduce_max(rung_graph *g, rung_node a, unsigned axes, int keep) {
  return rg_reduce(g, &max_op, a, axes, keep);
}

rung_node rung_reduce_min(rung_graph *g, rung_node a, unsigned axes, int keep) {
  return rg_reduce(g, &min_op, a, axes, keep);
}
