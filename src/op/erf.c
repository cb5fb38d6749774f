/* (2 / sqrt(pi)) times the integral of e^(-s^2) from 0 to a; derivative (2 / sqrt(pi)) e^(-a^2). */
#include "op/kernels.h"

RG_UNARY(erf, rg_erf)

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_node a = rung_node_operand(g, node, 0);
  rung_dd scale = {0x1.20dd750429b6dp0, 0x1.1ae3a914fed8p-56}; /* 2 / sqrt(pi) */
  return rung_mul(g, rung_constant_dd(g, scale), rung_exp(g, rung_neg(g, rung_mul(g, a, a))));
}

static const rung_op op = {
    .name = "erf", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(erf)};

rung_node rung_erf(rung_graph *g, rung_node a) {
  return rung_apply(g, &op, 1, &a, NULL);
}
