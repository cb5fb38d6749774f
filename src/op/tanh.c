/* Hyperbolic tangent; derivative sech(a)^2, its own op because 1 - tanh(a)^2 cancels. */
#include "op/kernels.h"

RG_UNARY(tanh, rg_tanh)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_sech2(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {
    .name = "tanh", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(tanh)};

rung_node rung_tanh(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
