/* Multi-layer perceptron: hidden layers y = s(N(W x + b)) of the widths `channels`, and a linear
 * classifier. Images are taken as rows of features. */
#include "nn/arch/arch.h"

static void hidden(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node a = rg_affine(b, s->width, rg_flat(g, in[0]));
  out[0] = rg_activate(g, s->activation, rg_normalised(b, "norm", s->norm, a));
}

static const rg_block_kind hidden_kind = {.name = "hidden", .forward = hidden};

static rung_status build(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  (void)sample;
  rung_network_settings s = *settings;
  RG_TRY(rg_resolve_names(ctx, &s, "relu", "none"));
  RG_TRY(rg_check_stages(ctx, &s, 1));
  for (int i = 0; i < s.stages; i++) {
    rg_block *block = rg_add_block(out, &s, &hidden_kind, "layer", i + 1);
    if (!block) return RUNG_E_MEMORY;
    block->settings.width = s.channels[i];
  }
  return rg_add_head(out, &s, RG_ONE, true, outputs);
}

const rg_architecture rg_architecture_mlp = {.name = "mlp",
                                             .about = "hidden layers and a linear classifier",
                                             .build = build,
                                             .stages = 2,
                                             .width = 64,
                                             .layers = 1};
