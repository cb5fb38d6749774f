/* 1/a; derivative -1/a^2. */
#include "op/kernels.h"

RG_UNARY(reciprocal, rg_reciprocal)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_neg(g, rung_mul(g, node, node));
}

static const rung_op op = {.name = "reciprocal",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(reciprocal)};

rung_node rung_reciprocal(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
