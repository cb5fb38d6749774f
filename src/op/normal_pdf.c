/* e^(-a^2/2) / sqrt(2 pi); derivative -a times itself. */
#include "op/kernels.h"

RG_UNARY(normal_pdf, rg_normal_pdf)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_neg(g, rung_mul(g, rung_node_operand(g, node, 0), node));
}

static const rung_op op = {.name = "normal_pdf",
                           .operands = 1,
                           .elementwise = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(normal_pdf)};

rung_node rung_normal_pdf(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
