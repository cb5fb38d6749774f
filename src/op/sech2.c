/* sech(a)^2 = 4e/(1+e)^2 with e = exp(-2|a|); derivative -2 tanh(a) sech(a)^2. */
#include "op/kernels.h"

RG_UNARY(sech2, rg_sech2)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_node a = rung_node_operand(g, node, 0);
  return rung_mul(g, rung_constant(g, -2), rung_mul(g, rung_tanh(g, a), node));
}

static const rung_op op = {.name = "sech2",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(sech2)};

rung_node rung_sech2(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
