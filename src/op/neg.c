/* -a; derivative -1. */
#include "op/kernels.h"

RG_UNARY(neg, rg_neg)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)node, (void)which;
  return rung_constant(g, -1);
}

static const rung_op op = {.name = "neg",
                           .operands = 1,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(neg)};

rung_node rung_neg(rung_graph *g, rung_node a) {
  if (rung_node_op(g, a) == &op) return rung_node_operand(g, a, 0); /* -(-a) */
  return rung_apply(g, &op, 1, &a, NULL);
}
