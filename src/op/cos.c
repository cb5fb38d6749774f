/* Cosine; derivative -sin a. */
#include "op/kernels.h"

RG_UNARY(cos, rg_cos)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_neg(g, rung_sin(g, rung_node_operand(g, node, 0)));
}

static const rung_op op = {
    .name = "cos", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(cos)};

rung_node rung_cos(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
