/* The largest and the smallest over axes. Attributes as in sum.c. The derivative is shared equally
 * among the elements that tie. */
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

#define EXTREMUM_KERNEL(name, type, choose)                                                        \
  static rung_status name(const rung_call *call) {                                                 \
    rg_around v = rg_reduced_view(call);                                                           \
    const type *a = call->in[0];                                                                   \
    type *restrict out = call->out;                                                                \
    for (int64_t o = 0; o < v.outer; o++, out += v.inner) {                                        \
      memcpy(out, a, (size_t)v.inner * sizeof *a);                                                 \
      for (int64_t i = 0; i < v.length; i++, a += v.inner)                                         \
        for (int64_t j = 0; j < v.inner; j++) out[j] = choose(out[j], a[j]);                       \
    }                                                                                              \
    return RUNG_OK;                                                                                \
  }
EXTREMUM_KERNEL(max_f32, float, rg_max_f32)
EXTREMUM_KERNEL(max_f64, double, rg_max_f64)
EXTREMUM_KERNEL(max_dd, rung_dd, rg_max_dd)
EXTREMUM_KERNEL(min_f32, float, rg_min_f32)
EXTREMUM_KERNEL(min_f64, double, rg_min_f64)
EXTREMUM_KERNEL(min_dd, rung_dd, rg_min_dd)

static const rung_op max_op = {
    .name = "reduce_max",
    .operands = 1,
    .shape = rg_reduced_shape,
    .jvp = jvp,
    .vjp = vjp,
    .map = rg_shift_axis_map,
    .kernel = {{.portable = max_f32}, {.portable = max_f64}, {.portable = max_dd}}};

static const rung_op min_op = {
    .name = "reduce_min",
    .operands = 1,
    .shape = rg_reduced_shape,
    .jvp = jvp,
    .vjp = vjp,
    .map = rg_shift_axis_map,
    .kernel = {{.portable = min_f32}, {.portable = min_f64}, {.portable = min_dd}}};

rung_node rung_reduce_max(rung_graph *g, rung_node a, unsigned axes, int keep) {
  return rg_reduce(g, &max_op, a, axes, keep);
}

rung_node rung_reduce_min(rung_graph *g, rung_node a, unsigned axes, int keep) {
  return rg_reduce(g, &min_op, a, axes, keep);
}
