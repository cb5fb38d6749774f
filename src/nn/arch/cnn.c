/* Convolutional network: stages of convolutions s(N(K x)), each stage at half the resolution of the
 * one before (largest of 2 by 2), the mean over positions and a linear classifier. */
#include "nn/arch/arch.h"

static rung_node bent_convolution(rg_builder *b, rung_node x) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  const rg_linear k = {.name = "K",
                       .from = rg_channels(rg_builder_graph(b), x),
                       .to = s->width,
                       .kernel = s->kernel,
                       .stride = 1,
                       .size = rg_activation_size(s->activation)};
  return rg_bent(b, "", rg_linear_apply(b, &k, x));
}

static void convolution(rg_builder *b, const rung_node *in, rung_node *out) {
  out[0] = bent_convolution(b, in[0]);
}

static void smaller(rg_builder *b, const rung_node *in, rung_node *out) {
  out[0] = bent_convolution(b, rg_halved_max(rg_builder_graph(b), in[0]));
}

static const rg_block_kind convolution_kind = {.name = "convolution", .forward = convolution};
static const rg_block_kind smaller_kind = {.name = "smaller", .forward = smaller};

static rung_status build(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  rung_network_settings s = *settings;
  RG_TRY(rg_resolve_names(ctx, &s, "relu", "batch"));
  RG_TRY(rg_check_stages(ctx, &s, 1));
  RG_TRY(rg_check_image(ctx, &s, sample));
  RG_TRY(rg_add_stem(out, &s, RG_ONE));
  for (int i = 0; i < s.stages; i++) {
    rg_block *block = i ? rg_add_block(out, &s, &smaller_kind, "open", i + 1) : NULL;
    if (i && !block) return RUNG_E_MEMORY;
    if (block) block->settings.width = s.channels[i];
    if (s.layers[i] == 1) continue;
    block = rg_add_block(out, &s, &convolution_kind, "stage", i + 1);
    if (!block) return RUNG_E_MEMORY;
    block->settings.width = s.channels[i];
    block->layers = s.layers[i] - 1;
  }
  return rg_add_head(out, &s, RG_ONE, true, outputs);
}

const rg_architecture rg_architecture_cnn = {.name = "cnn",
                                             .about = "convolutions and pooling",
                                             .build = build,
                                             .stages = 3,
                                             .width = 32,
                                             .layers = 2,
                                             .doubling = true};
