/* a^n for a whole n (attribute 0) by products; derivative n a^(n-1). */
#include "op/kernels.h"

RG_KERNELS_OF_TYPE(powi, f32, float, rg_powi_f32(a[i], (int)attr->i[0]))
RG_KERNELS_OF_TYPE(powi, f64, double, rg_powi_f64(a[i], (int)attr->i[0]))
RG_KERNELS_OF_TYPE(powi, dd, rung_dd, rg_powi_dd(a[i], (int)attr->i[0]))

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  int n = (int)rung_node_attributes(g, node)->i[0];
  return rung_mul(g, rung_constant(g, n), rung_powi(g, rung_node_operand(g, node, 0), n - 1));
}

static const rung_op op = {
    .name = "powi", .operands = 1, .elementwise = 1, .partial = partial, .kernel = RG_TABLE(powi)};

rung_node rung_powi(rung_graph *g, rung_node a, int exponent) {
  if (a == RUNG_NONE) return RUNG_NONE;
  if (exponent > 1000000 || exponent < -1000000)
    return rung_node_fail(g, RUNG_E_ARGUMENT, "powi: exponent %d is beyond a million", exponent);
  if (exponent == 1) return a;
  if (exponent == 2) return rung_mul(g, a, a);
  if (exponent == -1) return rung_reciprocal(g, a);
  if (exponent == 0) {
    rung_shape shape = rung_node_shape(g, a);
    return rung_broadcast(g, rung_constant(g, 1), shape.rank, shape.dim);
  }
  rung_attributes attr = {.i = {exponent}};
  return rung_apply(g, &op, 1, &a, &attr);
}
