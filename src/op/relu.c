/* max(a, 0), and slope * a below 0 (attribute value: the slope). The derivatives are told from the
 * result, which has the sign of a, so that a need not be kept; at 0 they are those from below. */
#include "op/kernels.h"

#define relu(type, x) rg_max_##type(rg_from_double_##type(0.0), x)
RG_KERNELS_OF_TYPE(relu, f32, float, relu(f32, a[i]))
RG_KERNELS_OF_TYPE(relu, f64, double, relu(f64, a[i]))
RG_KERNELS_OF_TYPE(relu, dd, rung_dd, relu(dd, a[i]))

static rung_node relu_partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  return rung_less(g, rung_constant(g, 0), node);
}

static const rung_op relu_op = {.name = "relu",
                                .operands = 1,
                                .elementwise = 1,
                                .cheap = 1,
                                .partial = relu_partial,
                                .kernel = RG_TABLE(relu)};

rung_node rung_relu(rung_graph *g, rung_node a) {
  return rung_apply(g, &relu_op, 1, &a, NULL);
}

#define leaky(type, x)                                                                             \
  rg_select_##type(rg_less_##type(rg_from_double_##type(0.0), x), x,                               \
                   rg_mul_##type(rg_from_dd_##type(attr->value), x))
#define rg_from_dd_dd(x) (x)
RG_KERNELS_OF_TYPE(leaky, f32, float, leaky(f32, a[i]))
RG_KERNELS_OF_TYPE(leaky, f64, double, leaky(f64, a[i]))
RG_KERNELS_OF_TYPE(leaky, dd, rung_dd, leaky(dd, a[i]))

static rung_node leaky_partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_dd slope = rung_node_attributes(g, node)->value;
  rung_node above = rung_less(g, rung_constant(g, 0), node);
  return rung_select(g, above, rung_constant(g, 1), rung_constant_dd(g, slope));
}

static const rung_op leaky_op = {.name = "leaky_relu",
                                 .operands = 1,
                                 .elementwise = 1,
                                 .cheap = 1,
                                 .partial = leaky_partial,
                                 .kernel = RG_TABLE(leaky)};

rung_node rung_leaky_relu(rung_graph *g, rung_node a, double slope) {
  if (!(slope >= 0 && slope <= 1e6))
    return rung_node_fail(g, RUNG_E_ARGUMENT, "leaky_relu: expected a slope in 0..1e6, found %g",
                          slope);
  rung_attributes attr = {.value = {slope, 0}};
  return rung_apply(g, &leaky_op, 1, &a, &attr);
}
