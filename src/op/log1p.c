/* log(1 + a); derivative 1 / (1 + a). */
#include "op/kernels.h"

RG_UNARY(log1p, rg_log1p)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_reciprocal(g, rung_add(g, rung_constant(g, 1), rung_node_operand(g, node, 0)));
}

static const rung_op op = {.name = "log1p",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(log1p)};

rung_node rung_log1p(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
