/* Sums over axes: a fixed tree of additions (reducer.h). Attributes: i[0] first axis, i[1] how many
 * adjoining axes; they stay as dimensions of 1. */
#include "op/array.h"

#define REAL float
#define R(name) sum_##name##_f32
#define START 0
#define COMBINE(x, y) rg_add_f32(x, y)
#include "op/reducer.inc"
#define REAL double
#define R(name) sum_##name##_f64
#define START 0
#define COMBINE(x, y) rg_add_f64(x, y)
#include "op/reducer.inc"
#define REAL rung_dd
#define R(name) sum_##name##_dd
#define START ((rung_dd){0, 0})
#define COMBINE(x, y) rg_add_dd(x, y)
#include "op/reducer.inc"

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rung_shape shape = rung_node_shape(g, rung_node_operand(g, node, which));
  return rung_broadcast(g, cotangent, shape.rank, shape.dim);
}

static const rg_reducer sum = RG_REDUCER(sum);
static const rung_op op = {.name = "sum",
                           .operands = 1,
                           .shape = rg_reduced_shape,
                           .jvp = rg_linear_jvp,
                           .vjp = vjp,
                           .map = rg_shift_axis_map,
                           .reducer = &sum};

rung_node rung_sum(rung_graph *g, rung_node a, unsigned axes, int keep) {
  return rg_reduce(g, &op, a, axes, keep);
}

rung_node rung_mean(rung_graph *g, rung_node a, unsigned axes, int keep) {
  rung_shape shape = rung_node_shape(g, a);
  double count = 1;
  for (int i = 0; i < shape.rank; i++)
    if (axes >> i & 1) count *= (double)shape.dim[i];
  return rung_div(g, rung_sum(g, a, axes, keep), rung_constant(g, count));
}
