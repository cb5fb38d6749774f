/* The larger of a and b; on ties a, which then has derivative 1. */
#include "op/kernels.h"

RG_BINARY(max, rg_max)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  rung_node a = rung_node_operand(g, node, 0), b = rung_node_operand(g, node, 1);
  return which == 0 ? rung_less_equal(g, b, a) : rung_less(g, a, b);
}

static const rung_op op = {.name = "max",
                           .operands = 2,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(max)};

rung_node rung_max(rung_graph *g, rung_node a, rung_node b) {
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
