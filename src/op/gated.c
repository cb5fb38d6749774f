/* Units that are their operand times a gate: their derivatives follow from those of the gate. */
#include "graph/graph.h"

rung_node rung_silu(rung_graph *g, rung_node a) {
  return rung_mul(g, a, rung_sigmoid(g, a));
}

rung_node rung_gelu(rung_graph *g, rung_node a) {
  return rung_mul(g, a, rung_normal_cdf(g, a));
}
