/* Multi-layer perceptron: hidden layers y = s(W y + b) of the widths `channels`, and a linear
 * classifier. Weights begin uniform in +-1/sqrt(inputs), as PyTorch's linear layers do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/block.h"

/* Images are taken as rows of features. */
static rung_node flat(rung_graph *g, rung_node a) {
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 1) return RUNG_NONE;
  return rung_reshape(g, a, 2, (int64_t[]){shape.dim[0], -1});
}

static void dense(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = flat(g, in[0]);
  rung_shape shape = rung_node_shape(g, x);
  if (shape.rank != 2) return;
  double scale = 1 / sqrt((double)shape.dim[1]);
  rung_node w =
      rg_parameter(b, "W", 2, (int64_t[]){s->width, shape.dim[1]}, RG_BEGIN_UNIFORM, scale, true);
  rung_node shift = rg_parameter(b, "b", 1, &s->width, RG_BEGIN_UNIFORM, scale, false);
  rung_node a = rung_add(g, rung_matmul(g, x, w, 0, 1, RUNG_WORKING), shift);
  out[0] = rg_activate(g, s->activation, rg_normalised(b, "norm", s->norm, a));
}

static const rg_block_kind kind = {.name = "dense", .forward = dense};

static rung_status build(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  (void)sample;
  for (int i = 0; i <= settings->stages; i++) {
    bool last = i == settings->stages;
    char name[RG_BLOCK_NAME];
    snprintf(name, sizeof name, "layer%d", i + 1);
    rg_block *block = rg_blocks_add(out, last ? "head" : name, &kind);
    if (!block) return RUNG_E_MEMORY;
    if (!last && settings->channels[i] < 1)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "channels: expected at least 1, found %lld",
                     (long long)settings->channels[i]);
    block->settings.width = last ? outputs : settings->channels[i];
    block->settings.activation = last                   ? "identity"
                                 : settings->activation ? settings->activation
                                                        : "relu";
    block->settings.norm = last || !settings->norm ? "none" : settings->norm;
  }
  return RUNG_OK;
}

const rg_architecture rg_architecture_mlp = {
    .name = "mlp", .about = "hidden layers and a linear classifier", .build = build};
