/* log(1 + e^a); derivative 1 / (1 + e^-a). */
#include "op/kernels.h"

RG_UNARY(softplus, rg_softplus)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_sigmoid(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {.name = "softplus",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(softplus)};

rung_node rung_softplus(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
