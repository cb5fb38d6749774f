/* Tangent; derivative 1 + tan(a)^2. */
#include "op/kernels.h"

RG_UNARY(tan, rg_tan)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_add(g, rung_constant(g, 1), rung_mul(g, node, node));
}

static const rung_op op = {
    .name = "tan", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(tan)};

rung_node rung_tan(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
