/* Exits: classifiers of their own beside the chain, and the block that goes on behind a cut.
 *
 *   conv  s(K x), the means of 2 by 2 windows that cover the image, normalisation, linear (as
 *         Belilovsky et al., arXiv 1812.11446, have it): where something is counts as well as that
 * it is there. K keeps the width. The activation s is the network's own, which is ReLU for images
 * unless it is set otherwise. Of features the same with a matrix K; they have the network's
 * normalisation, while means over windows have that over the batch. pool  the network's own last
 * block mlp   mean over positions, s(K x + b), linear
 */
#include <string.h>

#include "nn/arch/arch.h"

/* s(K x) of the same width. */
static rg_linear same_width(rg_builder *b, rung_node x) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  int64_t width = rg_channels(rg_builder_graph(b), x);
  return (rg_linear){.name = "K",
                     .from = width,
                     .to = width,
                     .kernel = s->kernel,
                     .stride = 1,
                     .size = rg_activation_size(s->activation)};
}

/* Images to 2 by 2 means, or fewer where an edge is one pixel; an odd edge's middle lies in both
 * halves. */
static rung_node quartered(rung_graph *g, rung_node x) {
  rung_shape shape = rung_node_shape(g, x);
  rung_pool windows = {0};
  for (int i = 0; i < 2; i++) {
    windows.window[i] = (shape.dim[1 + i] + 1) / 2;
    windows.stride[i] = shape.dim[1 + i] > 1 ? shape.dim[1 + i] / 2 : 1;
  }
  return rung_average_pool2d(g, x, &windows);
}

static void conv_exit(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_states_close(b, in);
  bool image = rung_node_shape(g, x).rank == 4;
  const rg_linear k = same_width(b, x);
  x = rg_activate(g, s->activation, rg_linear_apply(b, &k, x));
  if (image) x = quartered(g, x);
  x = rg_normalised(b, "norm", image ? "batch" : s->norm, x);
  out[0] = rg_classifier(b, rg_flat(g, x));
}

static void mlp_exit(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_node x = rg_pooled(rg_builder_graph(b), rg_states_close(b, in));
  const rg_linear k = same_width(b, x);
  out[0] = rg_classifier(b, rg_bent(b, "1", rg_linear_apply(b, &k, x)));
}

static const rg_block_kind conv_kind = {.name = "exit-conv", .forward = conv_exit};
static const rg_block_kind mlp_kind = {.name = "exit-mlp", .forward = mlp_exit};

static const struct {
  const char *name;
  const rg_block_kind *kind;
} kinds[] = {{"conv", &conv_kind}, {"pool", &rg_head_kind}, {"mlp", &mlp_kind}};
#define KINDS (sizeof kinds / sizeof *kinds)

/* The first where no name is given; KINDS, with an error, for a name that is none. */
static size_t find_kind(rung_context *ctx, const char *name) {
  size_t at = 0;
  while (name && at < KINDS && strcmp(kinds[at].name, name) != 0) at++;
  if (at == KINDS)
    rg_fail(ctx, RUNG_E_ARGUMENT,
            "exits: exit_head: expected one of conv, pool, mlp; found \"%.40s\"", name);
  return at;
}

const char *rg_exit_head_name(rung_context *ctx, const char *name) {
  size_t at = find_kind(ctx, name);
  return at < KINDS ? kinds[at].name : NULL;
}

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

/* An exit has the activation and the normalisation that the chain's first block has; the last block
 * says whether states need normalisation before they are pooled, and what two states are. */
static rung_status add_exit(rung_context *ctx, const rung_network_settings *settings,
                            const rg_blocks *blocks, const rg_block_kind *kind, int exit,
                            rg_blocks *out) {
  const rg_block *first = &blocks->list[0], *last = &blocks->list[blocks->count - 1];
  int at;
  RG_TRY(check_cut(ctx, blocks, settings->exit_at[exit], &at));
  rung_network_settings s = *settings;
  s.activation = first->settings.activation;
  s.norm = kind == &rg_head_kind ? last->settings.norm
           : kind == &mlp_kind   ? "none"
                                 : first->settings.norm;
  s.groups = first->settings.groups;
  if (!s.activation || !s.norm || last->kind != &rg_head_kind)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "exits: expected none in a network of its own blocks");
  rg_block *block = rg_add_block(out, &s, kind, "exit", exit + 1);
  if (!block) return RUNG_E_MEMORY;
  block->settings.dropout = s.dropout;
  block->states_in = blocks->list[at].states_in;
  if (block->states_in > 1) block->settings.variant = last->settings.variant;
  return RUNG_OK;
}

rung_status rg_add_exits(rung_context *ctx, const rung_network_settings *settings,
                         const rg_blocks *blocks, int64_t outputs, rg_blocks *out) {
  RG_TRY(check_request(ctx, settings));
  for (int e = 0; e < settings->exits; e++) {
    size_t at = find_kind(ctx, settings->exit_head[e]);
    if (at == KINDS) return RUNG_E_ARGUMENT;
    RG_TRY(add_exit(ctx, settings, blocks, kinds[at].kind, e, out));
    out->list[e].settings.width = outputs;
  }
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
