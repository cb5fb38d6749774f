/* -1, 0 or 1; derivative 0. */
#include "op/kernels.h"

RG_UNARY(sign, rg_sign)

static const rung_op op = {
    .name = "sign", .operands = 1, .elementwise = 1, .cheap = 1, .kernel = RG_TABLE(sign)};

rung_node rung_sign(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
