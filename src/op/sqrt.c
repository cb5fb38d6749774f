/* Square root; derivative 1/(2 sqrt a). */
#include "op/kernels.h"

RG_UNARY(sqrt, rg_sqrt)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_div(g, rung_constant(g, 0.5), node);
}

static const rung_op op = {
    .name = "sqrt", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(sqrt)};

rung_node rung_sqrt(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
