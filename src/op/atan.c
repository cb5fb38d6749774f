/* Arc tangent; derivative 1/(1 + a^2). */
#include "op/kernels.h"

RG_UNARY(atan, rg_atan)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_node a = rung_node_operand(g, node, 0);
  return rung_reciprocal(g, rung_add(g, rung_constant(g, 1), rung_mul(g, a, a)));
}

static const rung_op op = {
    .name = "atan", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(atan)};

rung_node rung_atan(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
