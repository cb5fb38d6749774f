/* |a|; derivative sign(a), 0 at 0. */
#include "op/kernels.h"

RG_UNARY(abs, rg_abs)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_sign(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {.name = "abs",
                           .operands = 1,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(abs)};

rung_node rung_abs(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
