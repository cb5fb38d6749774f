/* Networks with more modules, and modules begun anew: what was there keeps its bits. */
#include <stdio.h>
#include <string.h>

#include "nn/arch/arch.h"
#include "nn/module.h"

rung_growth rung_growth_default(void) {
  return (rung_growth){.modules = 1, .seed = 1};
}

static int64_t layers_before_last(const rung_network *n) {
  int64_t layers = 0;
  for (int i = 0; i < n->blocks.count - 1; i++) layers += n->blocks.list[i].layers;
  return layers;
}

/* ---- the settings ---- */

static rung_status check(const rung_network *n, rung_context *ctx, const rung_growth *growth) {
  int most = RUNG_MOST_EXITS - n->exits.count;
  if (growth->modules < 1 || growth->modules > most)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "modules: expected 1 to %d more, for a network has %d at the most; found %d",
                   most, RUNG_MOST_EXITS + 1, growth->modules);
  if (growth->layers < 0 || growth->layers > 1 << 20)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "layers: expected 1 to %d, found %lld", 1 << 20,
                   (long long)growth->layers);
  if (n->blocks.count < 2 || !rg_is_head(&n->blocks.list[n->blocks.count - 1]))
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "a network of its own blocks cannot grow");
  if (n->settings.fixed)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "a network whose state is in fixed point has no exits, so that it cannot grow");
  if (n->settings.nodes)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "weights that are linear in time between %lld nodes span their stage, so that "
                   "it cannot grow",
                   (long long)n->settings.nodes);
  return RUNG_OK;
}

/* Layers of an mlp are stages of their own; others have them in the last one. */
static rung_status add_layers(const rung_network *n, rung_context *ctx, int64_t more,
                              rung_network_settings *s) {
  const int last = s->stages - 1;
  if (strcmp(s->architecture, "mlp") != 0) {
    s->layers[last] += more;
    if (rg_is_stage(&n->blocks.list[n->blocks.count - 2])) s->added += more;
    return RUNG_OK;
  }
  if (s->stages + more > RUNG_MOST_STAGES)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "layers: an mlp has %d hidden layers at the most; found %d and %lld more",
                   RUNG_MOST_STAGES, s->stages, (long long)more);
  for (; more > 0; more--) {
    s->channels[s->stages] = s->channels[last];
    s->layers[s->stages++] = s->layers[last];
  }
  return RUNG_OK;
}

/* The exit where the chain ended is what the network ended with. */
static void add_exits(const rung_growth *growth, int64_t at, int64_t layers,
                      rung_network_settings *s) {
  const char *head = growth->head ? growth->head : s->exits ? s->exit_head[s->exits - 1] : NULL;
  for (int i = 0; i < growth->modules; i++) {
    s->exit_at[s->exits] = at + i * layers;
    s->exit_head[s->exits++] = i ? head : s->head ? s->head : "pool";
  }
}

static rung_status grown_settings(const rung_network *n, rung_context *ctx,
                                  const rung_growth *growth, rung_network_settings *out) {
  const int64_t all = layers_before_last(n);
  int64_t layers = growth->layers;
  *out = n->settings;
  RG_TRY(check(n, ctx, growth));
  const rg_architecture *architecture = rg_architecture_find(ctx, out->architecture);
  if (!architecture) return RUNG_E_ARGUMENT;
  rg_fill_stages(out, architecture);
  if (!layers) layers = n->exits.count ? all - out->exit_at[out->exits - 1] : all;
  RG_TRY(add_layers(n, ctx, growth->modules * layers, out));
  add_exits(growth, all, layers, out);
  return RUNG_OK;
}

/* ---- the numbers ---- */

/* What a tensor is called in the network that has grown: the last block is its exit `exit` now. */
static void name_of(const rung_network *n, const rg_variable *v, int exit, char *out, size_t size) {
  const rg_block *last = &n->blocks.list[n->blocks.count - 1];
  if (v->block == n->blocks.count - 1)
    snprintf(out, size, "exit%d%s", exit, v->name + strlen(last->name));
  else
    snprintf(out, size, "%s", v->name);
}

/* The layers that were there come first in each tensor. */
static rung_status copy_numbers(const rung_network *n, rung_context *ctx, bool statistics,
                                rung_network *to) {
  const rg_variable *from = statistics ? n->statistic : n->parameter;
  const rg_variable *list = statistics ? to->statistic : to->parameter;
  int count = statistics ? n->statistic_count : n->parameter_count;
  int listed = statistics ? to->statistic_count : to->parameter_count;
  const size_t size = rung_dtype_size(n->dtype);
  const char *its = statistics ? n->running : n->theta;
  char *own = statistics ? to->running : to->theta, name[RG_VARIABLE_NAME + 16];
  for (int i = 0; i < count; i++) {
    name_of(n, &from[i], n->exits.count + 1, name, sizeof name);
    const rg_variable *v = rg_variable_find(list, listed, name);
    if (!v || v->count != from[i].count || v->nodes < from[i].nodes)
      return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                     "a network of its own blocks cannot grow: there is no place for %s", name);
    memcpy(own + (size_t)v->offset * size, its + (size_t)from[i].offset * size,
           (size_t)(from[i].count * from[i].nodes) * size);
  }
  return RUNG_OK;
}

rung_status rung_network_grow(const rung_network *network, rung_context *ctx,
                              const rung_growth *growth, rung_network **out) {
  rung_network_settings settings;
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(grown_settings(network, ctx, growth, &settings));
  rung_network *n;
  RG_TRY(rung_network_create(ctx, &settings, &network->sample, network->outputs, network->dtype,
                             growth->seed, &n));
  rung_status status = copy_numbers(network, ctx, false, n);
  if (status == RUNG_OK) status = copy_numbers(network, ctx, true, n);
  if (status == RUNG_OK) status = rg_network_copy_description(network, ctx, n);
  if (status == RUNG_OK)
    *out = n;
  else
    rung_network_destroy(n);
  return status;
}

/* ---- anew ---- */

rung_status rung_network_renew(rung_network *n, rung_context *ctx, int module, uint64_t seed) {
  rung_network *fresh, *part;
  RG_TRY(rg_network_from_blocks(ctx, &n->settings, &n->blocks, &n->sample, n->outputs, n->dtype,
                                seed, &fresh));
  rung_status status = rg_network_module(fresh, ctx, module, &part);
  if (status == RUNG_OK) rg_module_give(part, n, module);
  rung_network_destroy(part);
  rung_network_destroy(fresh);
  return status;
}
