/* Stages of an ODE whose state is a vector of features. Features that fit begin the state, with
 * zeros behind them (Haber and Ruthotto, arXiv 1705.03341, section 3); more of them, or the state
 * of a stage of another width, go through an affine map. Images are taken as rows of features. */
#include "nn/arch/arch.h"

static void enter(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_flat(g, in[0]);
  int64_t room = s->variant == RG_HALVES ? s->width / 2 : s->width;
  bool fits = rg_channels(g, x) <= room;
  rg_states_open(b, fits ? rung_pad(g, x, 1, 0, 1, s->width) : rg_affine(b, s->width, x), out);
}

static void between(rg_builder *b, const rung_node *in, rung_node *out) {
  rg_states_open(b, rg_affine(b, rg_builder_block(b)->settings.width, rg_states_close(b, in)), out);
}

static const rg_block_kind enter_kind = {.name = "enter", .forward = enter};
static const rg_block_kind between_kind = {.name = "between", .forward = between};

static rung_status build(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  (void)sample;
  rung_network_settings s = *settings;
  rg_states states;
  RG_TRY(rg_resolve_names(ctx, &s, "tanh", "none"));
  RG_TRY(rg_check_stages(ctx, &s, 1));
  RG_TRY(rg_stage_states(ctx, &s, false, &states));
  for (int i = 0; i < s.stages; i++) {
    rg_block *block = rg_add_block(out, &s, i ? &between_kind : &enter_kind, "open", i + 1);
    if (!block) return RUNG_E_MEMORY;
    block->settings.width = s.channels[i];
    if (i > 0) rg_block_closes(block, states);
    rg_block_opens(block, states);
    RG_TRY(rg_add_stage(ctx, &s, i, false, out));
  }
  return rg_add_head(out, &s, states, true, outputs);
}

const rg_architecture rg_architecture_dense = {.name = "dense",
                                               .about = "stages of an ODE on features",
                                               .build = build,
                                               .stages = 1,
                                               .width = 64,
                                               .layers = 8};
