/* Exits: classifiers of their own beside the chain, of the kinds that a network may end with
 * (head.c), and the block that goes on behind a cut. */
#include <stdio.h>

#include "nn/arch/arch.h"

/* Which block the cut behind `layers` layers of the chain lies before or in, and the layers of it
 * that lie before the cut; checked. */
static rung_status check_cut(rung_context *ctx, const rg_blocks *blocks, int64_t layers,
                             int *block) {
  int64_t left = layers, all = 0;
  for (int i = 0; i < blocks->count - 1; i++) all += blocks->list[i].layers;
  if (layers < 1 || layers > all)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "exits: exit_at: expected 1 to %lld, the layers before the last block; found "
                   "%lld",
                   (long long)all, (long long)layers);
  for (*block = 0; left >= blocks->list[*block].layers; (*block)++)
    left -= blocks->list[*block].layers;
  if (left == 0 || blocks->list[*block].nodes == 0) return RUNG_OK;
  return rg_fail(
      ctx, RUNG_E_ARGUMENT,
      "exits: exit_at: expected none inside %s, whose weights are linear in time between "
      "nodes; found %lld",
      blocks->list[*block].name, (long long)layers);
}

static rung_status check_request(rung_context *ctx, const rung_network_settings *s) {
  if (s->exits < 0 || s->exits > RUNG_MOST_EXITS)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "exits: expected 0 to %d, found %d", RUNG_MOST_EXITS,
                   s->exits);
  if (s->exits && s->fixed)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "exits: expected none where the state is in fixed point, found %d", s->exits);
  for (int e = 1; e < s->exits; e++)
    if (s->exit_at[e] <= s->exit_at[e - 1])
      return rg_fail(ctx, RUNG_E_ARGUMENT,
                     "exits: exit_at: expected rising numbers; found %lld behind %lld",
                     (long long)s->exit_at[e], (long long)s->exit_at[e - 1]);
  return RUNG_OK;
}

const rg_head *rg_exit_head(rung_context *ctx, const char *name) {
  return rg_head_find(ctx, "exits: exit_head", name ? name : "conv");
}

/* An exit has the settings of the network's own last block. */
static rung_status add_exit(rung_context *ctx, const rung_network_settings *settings,
                            const rg_blocks *blocks, int exit, rg_blocks *out) {
  const rg_block *last = &blocks->list[blocks->count - 1];
  const rg_head *head = rg_exit_head(ctx, settings->exit_head[exit]);
  char name[RG_BLOCK_NAME];
  int at;
  if (!head) return RUNG_E_ARGUMENT;
  RG_TRY(check_cut(ctx, blocks, settings->exit_at[exit], &at));
  if (!rg_is_head(last))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "exits: expected none in a network of its own blocks");
  snprintf(name, sizeof name, "exit%d", exit + 1);
  rg_block *block = rg_blocks_add(out, name, head->kind);
  if (!block) return RUNG_E_MEMORY;
  block->settings = last->settings;
  block->states_in = blocks->list[at].states_in;
  if (block->states_in == 1) block->settings.variant = RG_ONE;
  return RUNG_OK;
}

rung_status rg_add_exits(rung_context *ctx, const rung_network_settings *settings,
                         const rg_blocks *blocks, rg_blocks *out) {
  RG_TRY(check_request(ctx, settings));
  for (int e = 0; e < settings->exits; e++) RG_TRY(add_exit(ctx, settings, blocks, e, out));
  return RUNG_OK;
}

/* ---- behind a cut ---- */

static void resume(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, in[0]);
  int64_t first = rg_builder_block(b)->settings.width;
  if (shape.rank < 1) return;
  int last = shape.rank - 1;
  out[0] = rung_slice(g, in[0], last, 0, first, 1);
  out[1] = rung_slice(g, in[0], last, first, shape.dim[last] - first, 1);
}

static const rg_block_kind resume_kind = {.name = "resume", .forward = resume};

rung_status rg_add_resume(rg_blocks *blocks, int states, int64_t first_channels) {
  if (states == 1) return RUNG_OK; /* the state goes in as it is */
  rg_block *block = rg_blocks_add(blocks, "resume", &resume_kind);
  if (!block) return RUNG_E_MEMORY;
  block->settings.width = first_channels;
  block->settings.activation = "identity";
  block->settings.norm = "none";
  block->states_out = states;
  return RUNG_OK;
}
