/* a < b as 1 or 0; derivative 0. */
#include "op/kernels.h"

RG_BINARY(less, rg_less)

#define then_mul(type, less, c) rg_mul_##type(less, c)
#define mul_by(type, less, c) rg_mul_##type(c, less)
RG_PAIR(less_then_mul, rg_less, then_mul)
RG_PAIR(less_mul_by, rg_less, mul_by)

static const rg_follow follow[] = {
    {"mul", 0, RG_TABLE(less_then_mul)}, {"mul", 1, RG_TABLE(less_mul_by)}, {0}};

static const rung_op op = {.name = "less",
                           .operands = 2,
                           .elementwise = 1,
                           .cheap = 1,
                           .kernel = RG_TABLE(less),
                           .follow = follow};

rung_node rung_less(rung_graph *g, rung_node a, rung_node b) {
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
