/* What blocks share: activations, normalisation, names and checks of settings. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/arch/arch.h"

/* ---- activations ---- */

static rung_node identity(rung_graph *g, rung_node a) {
  (void)g;
  return a;
}

#define LEAK 0.01

static rung_node leaky(rung_graph *g, rung_node a) {
  return rung_leaky_relu(g, a, LEAK);
}

typedef struct activation {
  const char *name;
  rung_node (*apply)(rung_graph *g, rung_node a);
  bool half; /* about 0 on one side: half of the variance is lost */
} activation;

static const activation activations[] = {
    {"tanh", rung_tanh, false},       {"relu", rung_relu, true},
    {"gelu", rung_gelu, true},        {"silu", rung_silu, true},
    {"leaky-relu", leaky, true},      {"softplus", rung_softplus, false},
    {"sigmoid", rung_sigmoid, false}, {"identity", identity, false},
};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static const activation *find_activation(const char *name) {
  for (int i = 0; i < LENGTH(activations); i++)
    if (!strcmp(name, activations[i].name)) return &activations[i];
  return NULL;
}

rung_node rg_activate(rung_graph *g, const char *name, rung_node a) {
  const activation *found = find_activation(name);
  if (!found) return rung_node_fail(g, RUNG_E_ARGUMENT, "activation: \"%s\" is not known", name);
  return found->apply(g, a);
}

double rg_activation_size(const char *name) {
  const activation *found = find_activation(name);
  return found && found->half ? sqrt(2) : 1;
}

static const char *known_activation(rung_context *ctx, const char *name) {
  const activation *found = find_activation(name);
  if (found) return found->name;
  rg_fail(ctx, RUNG_E_ARGUMENT,
          "activation: expected tanh, relu, gelu, silu, leaky-relu, softplus, sigmoid or identity; "
          "found \"%s\"",
          name);
  return NULL;
}

/* ---- normalisation ---- */

static const char *const norms[] = {"none", "batch", "layer", "group", "instance"};

static const char *known_norm(rung_context *ctx, const char *name) {
  for (int i = 0; i < LENGTH(norms); i++)
    if (!strcmp(name, norms[i])) return norms[i];
  rg_fail(ctx, RUNG_E_ARGUMENT,
          "norm: expected none, batch, layer, group or instance; found \"%s\"", name);
  return NULL;
}

#define MOMENTUM 0.1 /* of running statistics */
#define SMALL 1e-5   /* added to variances */

/* NAME.part of the layer, one number for each channel. */
static void part_name(char *out, const char *name, const char *part) {
  snprintf(out, RG_VARIABLE_NAME, "%s.%s", name, part);
}

/* (1 - MOMENTUM) old + MOMENTUM scale now */
static rung_node running(rung_graph *g, rung_node old, rung_node now, double scale) {
  return rung_add(g, rung_mul(g, rung_constant(g, 1 - MOMENTUM), old),
                  rung_mul(g, rung_constant(g, MOMENTUM * scale), now));
}

/* Over samples and positions, for each channel; in inference by running statistics. */
static rung_node batch_normalised(rg_builder *b, const char *name, rung_node a, rung_node gain,
                                  rung_node shift) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, a);
  int64_t channels = rg_channels(g, a);
  char mean_name[RG_VARIABLE_NAME], variance_name[RG_VARIABLE_NAME];
  part_name(mean_name, name, "mean");
  part_name(variance_name, name, "variance");
  rung_node mean = rg_statistic(b, mean_name, 1, &channels, 0);
  rung_node variance = rg_statistic(b, variance_name, 1, &channels, 1);
  if (!rg_builder_training(b)) return rung_normalize_by(g, a, mean, variance, SMALL, gain, shift);
  rung_node now, spread;
  rung_node y = rung_normalize(g, a, RUNG_NORM_BATCH, 1, SMALL, gain, shift, &now, &spread);
  int64_t each = rung_shape_count(&shape) / channels;
  double count = (double)each;
  rg_statistic_update(b, mean, running(g, mean, now, 1));
  rg_statistic_update(b, variance,
                      running(g, variance, spread, count > 1 ? count / (count - 1) : 1));
  return y;
}

rung_node rg_normalised(rg_builder *b, const char *name, const char *kind, rung_node a) {
  static const rung_norm norm_of[LENGTH(norms)] = {
      RUNG_NORM_BATCH, RUNG_NORM_BATCH, RUNG_NORM_LAYER, RUNG_NORM_GROUP, RUNG_NORM_INSTANCE};
  rung_graph *g = rg_builder_graph(b);
  int which = 0;
  while (which < LENGTH(norms) && strcmp(kind, norms[which]) != 0) which++;
  if (which == 0 || a == RUNG_NONE) return a;
  if (which == LENGTH(norms))
    return rung_node_fail(g, RUNG_E_ARGUMENT, "norm: \"%s\" is not known", kind);
  int64_t channels = rg_channels(g, a);
  char gain_name[RG_VARIABLE_NAME], shift_name[RG_VARIABLE_NAME];
  part_name(gain_name, name, "gain");
  part_name(shift_name, name, "shift");
  rung_node gain = rg_parameter(b, gain_name, 1, &channels, RG_BEGIN_CONSTANT, 1, false);
  rung_node shift = rg_parameter(b, shift_name, 1, &channels, RG_BEGIN_CONSTANT, 0, false);
  if (norm_of[which] == RUNG_NORM_BATCH) return batch_normalised(b, name, a, gain, shift);
  return rung_normalize(g, a, norm_of[which], rg_builder_block(b)->settings.groups, SMALL, gain,
                        shift, NULL, NULL);
}

double rg_begin_size(const rg_block *block) {
  double size = rg_activation_size(block->settings.activation), step = block->settings.step;
  if (step == 0 || strcmp(block->settings.norm, "none") != 0) return size;
  return fmin(size, fmin(4 / (step * (double)block->layers), 0.5 / step));
}

rung_node rg_shifted(rg_builder *b, const char *suffix, rung_node x) {
  rung_graph *g = rg_builder_graph(b);
  const char *norm = rg_builder_block(b)->settings.norm;
  bool plain = !strcmp(norm, "none");
  char name[RG_VARIABLE_NAME];
  snprintf(name, sizeof name, "%s%s", plain ? "b" : "norm", suffix);
  if (!plain) return rg_normalised(b, name, norm, x);
  if (x == RUNG_NONE) return RUNG_NONE;
  int64_t channels = rg_channels(g, x);
  const rg_block *block = rg_builder_block(b);
  double scale = block->settings.step > 0 ? rg_begin_size(block) / sqrt((double)channels) : 0;
  return rung_add(g, x, rg_parameter(b, name, 1, &channels, RG_BEGIN_ALIKE, scale, false));
}

rung_node rg_bent(rg_builder *b, const char *suffix, rung_node x) {
  return rg_activate(rg_builder_graph(b), rg_builder_block(b)->settings.activation,
                     rg_shifted(b, suffix, x));
}

/* ---- settings ---- */

#define MOST_CHANNELS (INT64_C(1) << 20)
#define MOST_LAYERS (INT64_C(1) << 20)

rung_status rg_check_stages(rung_context *ctx, const rung_network_settings *s, int64_t least) {
  if (s->stages < 1 || s->stages > RUNG_MOST_STAGES)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "channels: expected 1 to %d stages, found %d",
                   RUNG_MOST_STAGES, s->stages);
  for (int i = 0; i < s->stages; i++) {
    if (s->channels[i] < 1 || s->channels[i] > MOST_CHANNELS)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "channels: expected 1 to %lld, found %lld in stage %d",
                     (long long)MOST_CHANNELS, (long long)s->channels[i], i + 1);
    if (s->layers[i] < least || s->layers[i] > MOST_LAYERS)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "layers: expected %lld to %lld, found %lld in stage %d",
                     (long long)least, (long long)MOST_LAYERS, (long long)s->layers[i], i + 1);
  }
  const int64_t last = s->layers[s->stages - 1];
  if (s->added < 0 || s->added >= last)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "added: expected 0 to less than the %lld layers of the last stage; found %lld",
                   (long long)last, (long long)s->added);
  return RUNG_OK;
}

rung_status rg_check_image(rung_context *ctx, const rung_network_settings *s,
                           const rung_shape *sample) {
  if (sample->rank == 3) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_SHAPE,
                 "architecture %s takes images [height][width][channels]; a sample has %d "
                 "dimension%s (for rows of features: mlp, dense)",
                 s->architecture, sample->rank, sample->rank == 1 ? "" : "s");
}

void rg_fill_stages(rung_network_settings *s, const rg_architecture *a) {
  if (s->stages == 0) s->stages = a->stages;
  for (int i = 0; i < s->stages && i < RUNG_MOST_STAGES; i++) {
    if (s->channels[i] == 0) s->channels[i] = a->doubling ? a->width << i : a->width;
    if (s->layers[i] == 0) s->layers[i] = a->layers;
  }
}

rung_status rg_resolve_names(rung_context *ctx, rung_network_settings *s,
                             const char *activation_name, const char *norm) {
  s->activation = known_activation(ctx, s->activation ? s->activation : activation_name);
  s->norm = known_norm(ctx, s->norm ? s->norm : norm);
  return s->activation && s->norm ? RUNG_OK : RUNG_E_ARGUMENT;
}

rg_block *rg_add_block(rg_blocks *blocks, const rung_network_settings *s, const rg_block_kind *kind,
                       const char *prefix, int number) {
  char name[RG_BLOCK_NAME];
  if (number)
    snprintf(name, sizeof name, "%s%d", prefix, number);
  else
    snprintf(name, sizeof name, "%s", prefix);
  rg_block *block = rg_blocks_add(blocks, name, kind);
  if (!block) return NULL;
  block->settings = (rg_block_settings){.activation = s->activation,
                                        .norm = s->norm,
                                        .groups = s->groups,
                                        .gamma = s->gamma,
                                        .kernel = 3,
                                        .stride = 1};
  return block;
}
