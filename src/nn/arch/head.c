/* The first and the last block of networks for images, and the last one of all: states to outputs.
 * The names "head.W", "head.b" are those of the linear map that variable projection solves for. */
#include <string.h>

#include "nn/arch/arch.h"

/* Convolution, normalisation, activation. */
static void stem(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  const rg_linear k = {.name = "K",
                       .from = rg_channels(g, in[0]),
                       .to = s->width,
                       .kernel = s->kernel,
                       .stride = s->stride,
                       .size = rg_activation_size(s->activation)};
  rg_states_open(b, rg_bent(b, "", rg_linear_apply(b, &k, in[0])), out);
}

static const rg_block_kind stem_kind = {.name = "stem", .forward = stem};

rung_status rg_add_stem(rg_blocks *blocks, const rung_network_settings *s, rg_states states) {
  if (s->opening_kernel < 1 || s->opening_kernel > 15 || s->opening_stride < 1 ||
      s->opening_stride > 8)
    return rg_fail(
        blocks->ctx, RUNG_E_ARGUMENT,
        "opening_kernel, opening_stride: expected 1 to 15 and 1 to 8, found %lld and %lld",
        (long long)s->opening_kernel, (long long)s->opening_stride);
  rg_block *block = rg_add_block(blocks, s, &stem_kind, "stem", 0);
  if (!block) return RUNG_E_MEMORY;
  block->settings.width = s->channels[0];
  block->settings.kernel = s->opening_kernel;
  block->settings.stride = s->opening_stride;
  rg_block_opens(block, states);
  return RUNG_OK;
}

rung_node rg_classifier(rg_builder *b, rung_node x) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  if (s->dropout > 0 && rg_builder_training(b))
    x = rung_dropout(rg_builder_graph(b), x, rg_random_key(b), s->dropout);
  return rg_affine(b, s->width, x);
}

/* Where the network has normalisation, what it left open is normalised and bent first; images are
 * averaged over positions. Dropout comes before the affine map. */
static void head(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_states_close(b, in);
  if (strcmp(s->norm, "none") != 0) x = rg_bent(b, "", x);
  out[0] = rg_classifier(b, rg_pooled(g, x));
}

const rg_block_kind rg_head_kind = {.name = "head", .forward = head};

static rung_status check_dropout(rung_context *ctx, double dropout) {
  if (dropout >= 0 && dropout < 1) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "dropout: expected 0 to less than 1, found %g", dropout);
}

rung_status rg_add_head(rg_blocks *blocks, const rung_network_settings *s, rg_states states,
                        bool finished, int64_t outputs) {
  RG_TRY(check_dropout(blocks->ctx, s->dropout));
  rg_block *block = rg_add_block(blocks, s, &rg_head_kind, "head", 0);
  if (!block) return RUNG_E_MEMORY;
  if (finished) block->settings.norm = "none";
  block->settings.width = outputs;
  block->settings.dropout = s->dropout;
  rg_block_closes(block, states);
  return RUNG_OK;
}
