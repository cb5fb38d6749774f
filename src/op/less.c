/* a < b as 1 or 0; derivative 0. */
#include "op/kernels.h"

RG_BINARY(less, rg_less)

static const rung_op op = {
    .name = "less", .operands = 2, .elementwise = 1, .cheap = 1, .kernel = RG_TABLE(less)};

rung_node rung_less(rung_graph *g, rung_node a, rung_node b) {
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
