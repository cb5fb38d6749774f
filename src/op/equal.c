/* a == b as 1 or 0; derivative 0. */
#include "op/kernels.h"

RG_BINARY(equal, rg_equal)

static const rung_op op = {
    .name = "equal", .operands = 2, .elementwise = 1, .cheap = 1, .kernel = RG_TABLE(equal)};

rung_node rung_equal(rung_graph *g, rung_node a, rung_node b) {
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
