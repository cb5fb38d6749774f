/* Residual network for small images (He et al., arXiv 1512.03385, section 4.2): stages of layers
 * y = s(x + F(x)), depth 2 (sum of layers) + 2, the first layer of later stages with stride 2. What
 * the shortcut lacks in channels is zeros (option A), so it has no weights.
 *
 *   resnet      F = N2 K2 s(N1 K1 x)
 *   bottleneck  F = N3 K3 s(N2 K2 s(N1 K1 x)), K1 and K3 of edge 1, a quarter of the channels
 * between
 *
 * Any other block makes its stages those of an ODE: the same network as architecture conv. */
#include <string.h>

#include "nn/arch/arch.h"

static rung_node convolved(rg_builder *b, const char *name, rung_node x, int64_t to, int64_t kernel,
                           int64_t stride) {
  const rg_linear k = {.name = name,
                       .from = rg_channels(rg_builder_graph(b), x),
                       .to = to,
                       .kernel = kernel,
                       .stride = stride,
                       .size = rg_activation_size(rg_builder_block(b)->settings.activation)};
  return rg_linear_apply(b, &k, x);
}

/* x at every `stride`-th pixel, with channels of zeros up to `width`. */
static rung_node shortcut(rung_graph *g, rung_node x, int64_t stride, int64_t width) {
  for (int axis = 1; axis <= 2 && stride > 1; axis++) {
    rung_shape shape = rung_node_shape(g, x);
    if (shape.rank != 4) return RUNG_NONE;
    x = rung_slice(g, x, axis, 0, (shape.dim[axis] + stride - 1) / stride, stride);
  }
  return rg_channels(g, x) == width ? x : rung_pad(g, x, 3, 0, 1, width);
}

static void close_residual(rg_builder *b, rung_node x, rung_node residual, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node sum = rung_add(g, shortcut(g, x, s->stride, s->width), residual);
  rg_moves(b, 0, residual);
  out[0] = rg_activate(g, s->activation, sum);
}

static void basic(rg_builder *b, const rung_node *in, rung_node *out) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node inner = rg_bent(b, "1", convolved(b, "K1", in[0], s->width, 3, s->stride));
  close_residual(b, in[0], rg_shifted(b, "2", convolved(b, "K2", inner, s->width, 3, 1)), out);
}

static void bottleneck(rg_builder *b, const rung_node *in, rung_node *out) {
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  int64_t narrow = (s->width + 3) / 4;
  rung_node inner = rg_bent(b, "1", convolved(b, "K1", in[0], narrow, 1, 1));
  inner = rg_bent(b, "2", convolved(b, "K2", inner, narrow, 3, s->stride));
  close_residual(b, in[0], rg_shifted(b, "3", convolved(b, "K3", inner, s->width, 1, 1)), out);
}

static const rg_block_kind basic_kind = {.name = "residual", .forward = basic};
static const rg_block_kind bottleneck_kind = {.name = "bottleneck", .forward = bottleneck};

static rung_status check_channels(rung_context *ctx, const rung_network_settings *s) {
  int64_t before = 0;
  for (int i = 0; i < s->stages; i++) {
    if (s->channels[i] < before)
      return rg_fail(ctx, RUNG_E_ARGUMENT,
                     "channels: those of a resnet do not become fewer; found %lld in stage %d",
                     (long long)s->channels[i], i + 1);
    before = s->channels[i];
  }
  return RUNG_OK;
}

static rung_status add_layers(const rung_network_settings *s, const rg_block_kind *kind, int stage,
                              rg_blocks *out) {
  int64_t layers = s->layers[stage];
  if (stage > 0) {
    rg_block *first = rg_add_block(out, s, kind, "open", stage + 1);
    if (!first) return RUNG_E_MEMORY;
    first->settings.width = s->channels[stage];
    first->settings.stride = 2;
    layers--;
  }
  if (layers == 0) return RUNG_OK;
  rg_block *block = rg_add_block(out, s, kind, "stage", stage + 1);
  if (!block) return RUNG_E_MEMORY;
  block->settings.width = s->channels[stage];
  block->layers = layers;
  return RUNG_OK;
}

static rung_status build(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, int64_t outputs, rg_blocks *out) {
  rung_network_settings s = *settings;
  bool narrow = !strcmp(s.block, "bottleneck");
  if (!narrow && strcmp(s.block, "resnet") != 0)
    return rg_build_conv(ctx, settings, sample, outputs, out);
  if (s.integrator)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "integrator: architecture resnet with block %s has none; for layers as steps of "
                   "an ODE: architecture conv",
                   s.block);
  RG_TRY(rg_resolve_names(ctx, &s, "relu", "batch"));
  RG_TRY(rg_check_stages(ctx, &s, 1));
  RG_TRY(rg_check_image(ctx, &s, sample));
  RG_TRY(check_channels(ctx, &s));
  RG_TRY(rg_add_stem(out, &s, RG_ONE));
  for (int i = 0; i < s.stages; i++)
    RG_TRY(add_layers(&s, narrow ? &bottleneck_kind : &basic_kind, i, out));
  return rg_add_head(out, &s, RG_ONE, true, outputs);
}

const rg_architecture rg_architecture_resnet = {.name = "resnet",
                                                .about = "residual network for small images",
                                                .build = build,
                                                .stages = 3,
                                                .width = 16,
                                                .layers = 3,
                                                .doubling = true};
