/* 1 / (1 + e^-a); derivative sech(a/2)^2 / 4, which does not cancel where sigmoid is near 1. */
#include "op/kernels.h"

RG_UNARY(sigmoid, rg_sigmoid)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_node half = rung_mul(g, rung_constant(g, 0.5), rung_node_operand(g, node, 0));
  return rung_mul(g, rung_constant(g, 0.25), rung_sech2(g, half));
}

static const rung_op op = {.name = "sigmoid",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(sigmoid)};

rung_node rung_sigmoid(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
