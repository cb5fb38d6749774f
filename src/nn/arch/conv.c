/* Stages of an ODE whose state is an image (Ruthotto and Haber, arXiv 1804.04272): an opening
 * convolution, stages, between them a convolution of edge 1 to the next width with normalisation
 * and activation, and the mean of 2 by 2 pixels. */
#include "nn/arch/arch.h"

static void between(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_states_close(b, in);
  const rg_linear k = {.name = "K",
                       .from = rg_channels(g, x),
                       .to = s->width,
                       .kernel = 1,
                       .stride = 1,
                       .size = rg_activation_size(s->activation)};
  x = rg_bent(b, "", rg_linear_apply(b, &k, x));
  rg_states_open(b, rg_halved_mean(g, x), out);
}

static const rg_block_kind between_kind = {.name = "between", .forward = between};

rung_status rg_build_conv(rung_context *ctx, const rung_network_settings *settings,
                          const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  rung_network_settings s = *settings;
  rg_states states;
  RG_TRY(rg_resolve_names(ctx, &s, "relu", "batch"));
  RG_TRY(rg_check_stages(ctx, &s, 1));
  RG_TRY(rg_check_image(ctx, &s, sample));
  RG_TRY(rg_stage_states(ctx, &s, true, &states));
  RG_TRY(rg_add_stem(out, &s, states));
  for (int i = 0; i < s.stages; i++) {
    if (i > 0) {
      rg_block *block = rg_add_block(out, &s, &between_kind, "open", i + 1);
      if (!block) return RUNG_E_MEMORY;
      block->settings.width = s.channels[i];
      rg_block_closes(block, states);
      rg_block_opens(block, states);
    }
    RG_TRY(rg_add_stage(ctx, &s, i, true, out));
  }
  return rg_add_head(out, &s, states, false, outputs);
}

const rg_architecture rg_architecture_conv = {.name = "conv",
                                              .about = "stages of an ODE on images",
                                              .build = rg_build_conv,
                                              .stages = 3,
                                              .width = 16,
                                              .layers = 3,
                                              .doubling = true};
