/* Sums over axes: a fixed tree of additions. Attributes: i[0] first axis, i[1] how many adjoining
 * axes; they stay as dimensions of 1. */
#include "op/array.h"

#define LANES 16
#define BLOCK 128
#define TILE 64

#define REAL float
#define R(name) name##_f32
#include "op/sum_template.h"
#define REAL double
#define R(name) name##_f64
#include "op/sum_template.h"
#define REAL rung_dd
#define R(name) name##_dd
#include "op/sum_template.h"

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rung_shape shape = rung_node_shape(g, rung_node_operand(g, node, which));
  return rung_broadcast(g, cotangent, shape.rank, shape.dim);
}

static void plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                 const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)attr, (void)out;
  *pieces = 1 + rung_shape_count(in) / RG_PIECE;
  *scratch = 0;
}

static const rung_op op = {.name = "sum",
                           .operands = 1,
                           .shape = rg_reduced_shape,
                           .jvp = rg_linear_jvp,
                           .vjp = vjp,
                           .map = rg_shift_axis_map,
                           .kernel = {{portable_f32, avx2_f32, avx512_f32},
                                      {portable_f64, avx2_f64, avx512_f64},
                                      {portable_dd, avx2_dd, avx512_dd}},
                           .plan = plan};

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
