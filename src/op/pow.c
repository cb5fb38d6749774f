/* a^b as C's pow; derivatives b a^(b-1), a^b log a (0 where a = 0). */
#include "op/kernels.h"

RG_BINARY(pow, rg_pow)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  rung_node a = rung_node_operand(g, node, 0), b = rung_node_operand(g, node, 1);
  if (which == 0) return rung_mul(g, b, rung_pow(g, a, rung_sub(g, b, rung_constant(g, 1))));
  rung_node zero = rung_constant(g, 0);
  return rung_select(g, rung_equal(g, a, zero), zero, rung_mul(g, node, rung_log(g, a)));
}

static const rung_op op = {
    .name = "pow", .operands = 2, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(pow)};

rung_node rung_pow(rung_graph *g, rung_node a, rung_node b) {
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
