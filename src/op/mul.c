/* a b; derivatives b, a. */
#include "op/kernels.h"

RG_BINARY(mul, rg_mul)

#define then_add(type, product, c) rg_add_##type(product, c)
#define add_to(type, product, c) rg_add_##type(c, product)
#define then_sub(type, product, c) rg_sub_##type(product, c)
#define sub_from(type, product, c) rg_sub_##type(c, product)
RG_PAIR(mul_then_add, rg_mul, then_add)
RG_PAIR(mul_add_to, rg_mul, add_to)
RG_PAIR(mul_then_sub, rg_mul, then_sub)
RG_PAIR(mul_sub_from, rg_mul, sub_from)

static const rg_follow follow[] = {{"add", 0, RG_TABLE(mul_then_add)},
                                   {"add", 1, RG_TABLE(mul_add_to)},
                                   {"sub", 0, RG_TABLE(mul_then_sub)},
                                   {"sub", 1, RG_TABLE(mul_sub_from)},
                                   {0}};

static rung_node partial(rung_graph *g, rung_node node, int which) {
  return rung_node_operand(g, node, 1 - which);
}

static const rung_op op = {.name = "mul",
                           .operands = 2,
                           .elementwise = 1,
                           .cheap = 1,
                           .partial = partial,
                           .kernel = RG_TABLE(mul),
                           .follow = follow};

rung_node rung_mul(rung_graph *g, rung_node a, rung_node b) {
  if (rg_is_constant(g, a, 1)) return b;
  if (rg_is_constant(g, b, 1)) return a;
  if (rg_is_constant(g, a, -1)) return rung_neg(g, b);
  if (rg_is_constant(g, b, -1)) return rung_neg(g, a);
  return rung_apply(g, &op, 2, (rung_node[]){a, b}, NULL);
}
