/* a b; derivatives b, a. */
#include "op/kernels.h"

RG_BINARY(mul, rg_mul)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  return rung_node_operand(g, node, 1 - which);
}

static const rung_op op = {.name = "mul",
                           .operands = 2,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(mul)};

rung_node rung_mul(rung_graph *g, rung_node a, rung_node b) {
  if (rg_is_constant(g, a, 1)) return b;
  if (rg_is_constant(g, b, 1)) return a;
  if (rg_is_constant(g, a, -1)) return rung_neg(g, b);
  if (rg_is_constant(g, b, -1)) return rung_neg(g, a);
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
