/* The first block of networks for images, and the last one of all: states to outputs. What a
 * network ends with is one of
 *
 *   pool  the mean over positions, linear
 *   conv  s(K x), the means of 2 by 2 windows that cover the image, normalisation, linear
 *         (Belilovsky et al., arXiv 1812.11446), so that it counts where something is
 *   mlp   mean over positions, s(K x + b), linear
 *
 * and so is each exit on the way (exit.c). K keeps the width; of features it is a matrix, and conv
 * has the network's normalisation, where means over windows have that over the batch. The names
 * "head.W", "head.b" are those of the linear map that variable projection solves for. */
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

/* Where the network has normalisation, what it left open is normalised and bent first. */
static void pool_head(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_states_close(b, in);
  if (!s->finished && strcmp(s->norm, "none") != 0) x = rg_bent(b, "", x);
  out[0] = rg_classifier(b, rg_pooled(g, x));
}

/* K x of the same width. */
static rung_node kept_wide(rg_builder *b, rung_node x) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  int64_t width = rg_channels(rg_builder_graph(b), x);
  const rg_linear k = {.name = "K",
                       .from = width,
                       .to = width,
                       .kernel = s->kernel,
                       .stride = 1,
                       .size = rg_activation_size(s->activation)};
  return rg_linear_apply(b, &k, x);
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

static void conv_head(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node x = rg_states_close(b, in);
  bool image = rung_node_shape(g, x).rank == 4;
  x = rg_activate(g, s->activation, kept_wide(b, x));
  if (image) x = quartered(g, x);
  x = rg_normalised(b, "norm", image ? "batch" : s->norm, x);
  out[0] = rg_classifier(b, rg_flat(g, x));
}

static void mlp_head(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  rung_node x = kept_wide(b, rg_pooled(g, rg_states_close(b, in)));
  int64_t width = rg_channels(g, x);
  if (width < 1) return;
  x = rung_add(g, x, rg_parameter(b, "b1", 1, &width, RG_BEGIN_CONSTANT, 0, false));
  out[0] = rg_classifier(b, rg_activate(g, rg_builder_block(b)->settings.activation, x));
}

static const rg_block_kind kinds[] = {{.name = "head-pool", .forward = pool_head},
                                      {.name = "head-conv", .forward = conv_head},
                                      {.name = "head-mlp", .forward = mlp_head}};
static const rg_head heads[] = {{"pool", &kinds[0]}, {"conv", &kinds[1]}, {"mlp", &kinds[2]}};
#define HEADS (sizeof heads / sizeof *heads)

const rg_head *rg_head_find(rung_context *ctx, const char *key, const char *name) {
  for (size_t i = 0; i < HEADS; i++)
    if (!strcmp(heads[i].name, name)) return &heads[i];
  rg_fail(ctx, RUNG_E_ARGUMENT, "%s: expected one of conv, pool, mlp; found \"%.40s\"", key, name);
  return NULL;
}

bool rg_is_head(const rg_block *block) {
  for (size_t i = 0; i < HEADS; i++)
    if (block->kind == heads[i].kind) return true;
  return false;
}

static rung_status check_dropout(rung_context *ctx, double dropout) {
  if (dropout >= 0 && dropout < 1) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "dropout: expected 0 to less than 1, found %g", dropout);
}

rung_status rg_add_head(rg_blocks *blocks, const rung_network_settings *s, rg_states states,
                        bool finished, int64_t outputs) {
  RG_TRY(check_dropout(blocks->ctx, s->dropout));
  const rg_head *head = rg_head_find(blocks->ctx, "head", s->head ? s->head : "pool");
  if (!head) return RUNG_E_ARGUMENT;
  rg_block *block = rg_add_block(blocks, s, head->kind, "head", 0);
  if (!block) return RUNG_E_MEMORY;
  block->settings.finished = finished;
  block->settings.width = outputs;
  block->settings.dropout = s->dropout;
  rg_block_closes(block, states);
  return RUNG_OK;
}
