/* The normal distribution up to a; derivative its density. */
#include "op/kernels.h"

RG_UNARY(normal_cdf, rg_normal_cdf)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_normal_pdf(g, rung_node_operand(g, node, 0));
}

static const rung_op op = {.name = "normal_cdf",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(normal_cdf)};

rung_node rung_normal_cdf(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
