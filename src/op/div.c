/* a / b; derivatives 1/b, -(a/b)/b. */
#include "op/kernels.h"

RG_BINARY(div, rg_div)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  rung_node b = rung_node_operand(g, node, 1);
  return which == 0 ? rung_reciprocal(g, b) : rung_neg(g, rung_div(g, node, b));
}

static const rung_op op = {
    .name = "div", .operands = 2, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(div)};

rung_node rung_div(rung_graph *g, rung_node a, rung_node b) {
  if (rg_is_constant(g, b, 1)) return a;
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
