/* Sine; derivative cos a. */
#include "op/kernels.h"

RG_UNARY(sin, rg_sin)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_cos(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {
    .name = "sin", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(sin)};

rung_node rung_sin(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
