/* a - b; derivatives 1, -1. */
#include "op/kernels.h"

RG_BINARY(sub, rg_sub)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)node;
  return rung_constant(g, which == 0 ? 1 : -1);
}

static const rung_op op = {.name = "sub",
                           .operands = 2,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(sub)};

rung_node rung_sub(rung_graph *g, rung_node a, rung_node b) {
  if (rg_is_constant(g, b, 0) && a != RUNG_NONE) return a;
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
