/* Networks with twice the layers: multi-level training (Chang et al., arXiv 1710.10348). Layer j of
 * N stands for the time (j + 1/2) / N; what each tensor is at the new layers' times is interpolated
 * linearly between the old ones', and constant beyond the first and the last. */
#include <string.h>

#include "nn/arch/arch.h"
#include "nn/module.h"
#include "nn/network.h"
#include "num/dd.h"

/* The layers of the prolonged network that stand before a cut behind `layers` of this one's. */
static int64_t prolonged_cut(const rung_network *n, int64_t layers) {
  const rg_cut cut = rg_cut_behind(n, layers);
  int64_t more = cut.layer; /* a cut in a block is one in a stage, or doubles nothing */
  if (!rg_is_stage(&n->blocks.list[cut.block])) more = 0;
  for (int i = 0; i < cut.block; i++)
    if (rg_is_stage(&n->blocks.list[i])) more += n->blocks.list[i].layers;
  return layers + more;
}

/* The settings of the prolonged network: what they left open is said now. */
static rung_status prolonged_settings(const rung_network *n, rung_context *ctx,
                                      rung_network_settings *out) {
  *out = n->settings;
  int stages = 0;
  for (int i = 0; i < n->blocks.count; i++) {
    const rg_block *block = &n->blocks.list[i];
    if (!rg_is_stage(block)) continue;
    out->channels[stages] = block->settings.width;
    out->layers[stages++] = 2 * block->layers;
  }
  out->stages = stages;
  out->step = n->settings.step / 2;
  out->added = 2 * n->settings.added;
  for (int e = 0; e < n->exits.count; e++)
    out->exit_at[e] = prolonged_cut(n, n->settings.exit_at[e]);
  if (stages > 0) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                 "architecture %s with block %s has no layers of an ODE to double; for these: "
                 "architecture dense or conv",
                 n->settings.architecture, n->settings.block);
}

/* 3/4 of the layer that a new one lies in and 1/4 of its neighbour on that side. */
static void interpolate(const rung_network *from, const rg_variable *old, const void *numbers,
                        const rg_variable *v, void *into) {
  const rung_dd near = {0.75, 0}, far = {0.25, 0};
  for (int64_t layer = 0; layer < v->nodes; layer++) {
    int64_t own = layer / 2, other = layer % 2 ? own + 1 : own - 1;
    if (other < 0 || other >= old->nodes) other = own;
    for (int64_t i = 0; i < v->count; i++) {
      rung_dd a = rg_fetch(from->dtype, numbers, old->offset + own * v->count + i);
      rung_dd b = rg_fetch(from->dtype, numbers, old->offset + other * v->count + i);
      rg_store(from->dtype, into, v->offset + layer * v->count + i,
               rg_add_dd(rg_mul_dd(near, a), rg_mul_dd(far, b)));
    }
  }
}

/* Both networks have the same tensors in the same order; those of stages have twice the nodes, but
 * for weights that are linear between nodes in time, which stay where they are. */
static void prolong_tensors(const rung_network *from, const rg_variable *old, const void *numbers,
                            int count, const rg_variable *list, void *into) {
  size_t size = rung_dtype_size(from->dtype);
  for (int i = 0; i < count; i++) {
    const rg_variable *v = &list[i];
    if (v->nodes == old[i].nodes)
      memcpy((char *)into + (size_t)v->offset * size,
             (const char *)numbers + (size_t)old[i].offset * size,
             (size_t)(v->count * v->nodes) * size);
    else
      interpolate(from, &old[i], numbers, v, into);
  }
}

rung_status rung_network_prolong(const rung_network *network, rung_context *ctx,
                                 rung_network **out) {
  rung_network_settings settings;
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(prolonged_settings(network, ctx, &settings));
  rung_network *n;
  RG_TRY(rung_network_create(ctx, &settings, &network->sample, network->outputs, network->dtype, 0,
                             &n));
  prolong_tensors(network, network->parameter, network->theta, n->parameter_count, n->parameter,
                  n->theta);
  prolong_tensors(network, network->statistic, network->running, n->statistic_count, n->statistic,
                  n->running);
  rung_status status = rg_network_copy_description(network, ctx, n);
  if (status == RUNG_OK)
    *out = n;
  else
    rung_network_destroy(n);
  return status;
}
