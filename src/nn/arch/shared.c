/* What blocks share: activations and normalisation. */
#include <stdio.h>
#include <string.h>

#include "nn/block.h"

rung_node rg_activate(rung_graph *g, const char *name, rung_node a) {
  if (!strcmp(name, "identity")) return a;
  if (!strcmp(name, "tanh")) return rung_tanh(g, a);
  if (!strcmp(name, "relu")) return rung_max(g, rung_constant(g, 0), a);
  if (!strcmp(name, "sigmoid")) {
    rung_node half = rung_constant(g, 0.5);
    return rung_add(g, half, rung_mul(g, half, rung_tanh(g, rung_mul(g, half, a))));
  }
  return rung_node_fail(g, RUNG_E_ARGUMENT,
                        "activation: expected tanh, relu, sigmoid or identity; found \"%s\"", name);
}

#define MOMENTUM 0.1
#define SMALL 1e-5

/* Over samples and positions, for each channel. */
static rung_node batch_normalised(rg_builder *b, const char *name, rung_node a) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 2) return RUNG_NONE;
  int64_t channels = shape.dim[shape.rank - 1], count = rung_shape_count(&shape) / channels;
  char mean_name[RG_VARIABLE_NAME], variance_name[RG_VARIABLE_NAME];
  snprintf(mean_name, sizeof mean_name, "%s.mean", name);
  snprintf(variance_name, sizeof variance_name, "%s.variance", name);
  rung_node mean = rg_statistic(b, mean_name, 1, &channels, 0);
  rung_node variance = rg_statistic(b, variance_name, 1, &channels, 1);
  if (rg_builder_training(b)) {
    unsigned axes = (1u << (shape.rank - 1)) - 1;
    rung_node keep = rung_constant(g, 1 - MOMENTUM);
    rung_node m = rung_mean(g, a, axes, 0), d = rung_sub(g, a, m);
    rung_node v = rung_mean(g, rung_mul(g, d, d), axes, 0);
    double unbiased = (double)count / (double)(count > 1 ? count - 1 : 1);
    rg_statistic_update(
        b, mean, rung_add(g, rung_mul(g, keep, mean), rung_mul(g, rung_constant(g, MOMENTUM), m)));
    rg_statistic_update(b, variance,
                        rung_add(g, rung_mul(g, keep, variance),
                                 rung_mul(g, rung_constant(g, MOMENTUM * unbiased), v)));
    mean = m;
    variance = v;
  }
  rung_node scale =
      rung_reciprocal(g, rung_sqrt(g, rung_add(g, variance, rung_constant(g, SMALL))));
  return rung_mul(g, rung_sub(g, a, mean), scale);
}

rung_node rg_normalised(rg_builder *b, const char *name, const char *kind, rung_node a) {
  rung_graph *g = rg_builder_graph(b);
  if (!strcmp(kind, "none")) return a;
  if (strcmp(kind, "batch") != 0)
    return rung_node_fail(g, RUNG_E_ARGUMENT, "norm: expected none or batch; found \"%s\"", kind);
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 2) return RUNG_NONE;
  int64_t channels = shape.dim[shape.rank - 1];
  char gain_name[RG_VARIABLE_NAME], shift_name[RG_VARIABLE_NAME];
  snprintf(gain_name, sizeof gain_name, "%s.gain", name);
  snprintf(shift_name, sizeof shift_name, "%s.shift", name);
  rung_node gain = rg_parameter(b, gain_name, 1, &channels, RG_BEGIN_CONSTANT, 1, false);
  rung_node shift = rg_parameter(b, shift_name, 1, &channels, RG_BEGIN_CONSTANT, 0, false);
  return rung_add(g, rung_mul(g, batch_normalised(b, name, a), gain), shift);
}
