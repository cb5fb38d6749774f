/* Natural logarithm; derivative 1/a. */
#include "op/kernels.h"

RG_UNARY(log, rg_log)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_reciprocal(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {
    .name = "log", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(log)};

rung_node rung_log(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
