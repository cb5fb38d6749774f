/* b where a is not 0, else c; the derivative flows through the chosen one. */
#include "op/kernels.h"

RG_KERNELS_OF_TYPE(select, f32, float, rg_select_f32(a[i], b[i], c[i]))
RG_KERNELS_OF_TYPE(select, f64, double, rg_select_f64(a[i], b[i], c[i]))
RG_KERNELS_OF_TYPE(select, dd, rung_dd, rg_select_dd(a[i], b[i], c[i]))

static rung_node partial(rung_graph *g, rung_node node, int which) {
  if (which == 0) return RUNG_NONE;
  rung_node zero = rung_constant(g, 0), one = rung_constant(g, 1);
  return rung_select(g, rung_node_operand(g, node, 0), which == 1 ? one : zero,
                     which == 1 ? zero : one);
}

static const rung_op op = {.name = "select",
                           .operands = 3,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(select)};

rung_node rung_select(rung_graph *g, rung_node condition, rung_node yes, rung_node no) {
  return rung_apply(g, &op, 3, (rung_node[]){condition, yes, no}, NULL);
}
