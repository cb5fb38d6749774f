/* e^a; derivative e^a. */
#include "op/kernels.h"

RG_UNARY(exp, rg_exp)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  (void)g;
  return node;
}

static const rung_op op = {
    .name = "exp", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(exp)};

rung_node rung_exp(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
