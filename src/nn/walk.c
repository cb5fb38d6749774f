/* See walk.h. */
#include "nn/walk.h"

#include <string.h>

#include "nn/arch/arch.h"
#include "nn/network.h"

int64_t rg_walk_count(const rg_walk *w, int block, int s) {
  return w->samples * rung_shape_count(&w->network->state_shape[block][s]);
}

static rung_status take_states(rg_walk *w, int block, int states) {
  for (int s = 0; s < RG_MOST_STATES; s++) {
    rg_free(w->ctx, w->state[s]);
    w->state[s] = NULL;
  }
  for (int s = 0; s < states; s++) {
    w->state[s] = rg_alloc(w->ctx, (size_t)rg_walk_count(w, block, s), sizeof *w->state[s]);
    if (!w->state[s]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

rung_status rg_walk_begin(rg_walk *w, const rung_network *network, rung_context *ctx,
                          int64_t samples, const void *x) {
  *w = (rg_walk){.ctx = ctx, .network = network, .samples = samples};
  rung_clear_error(ctx);
  if (samples < 1 || samples > 1 << 20)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "samples: expected 1 to %d, found %lld", 1 << 20,
                   (long long)samples);
  RG_TRY(take_states(w, 0, 1));
  for (int64_t i = 0; i < rg_walk_count(w, 0, 0); i++)
    w->state[0][i] = rg_fetch(network->dtype, x, i).hi;
  return RUNG_OK;
}

void rg_walk_end(rg_walk *w) {
  for (int s = 0; s < RG_MOST_STATES; s++) rg_free(w->ctx, w->state[s]);
}

void rg_walk_put(const rg_walk *w, rg_probe *p) {
  for (int s = 0; s < p->states_in; s++)
    memcpy(p->state[s], w->state[s], (size_t)(w->samples * p->in[s]) * sizeof(double));
}

/* One layer further; the states keep their sizes where the block has several. */
rung_status rg_walk_layer(rg_walk *w, rg_probe *p, int64_t layer) {
  rg_probe_load(p, layer);
  rg_walk_put(w, p);
  RG_TRY(rg_probe_run(p));
  if (layer == 0) RG_TRY(take_states(w, p->block + 1, p->states_out));
  for (int s = 0; s < p->states_out && w->state[s]; s++)
    memcpy(w->state[s], p->state_out[s], (size_t)(w->samples * p->out[s]) * sizeof(double));
  return RUNG_OK;
}

rung_status rg_walk_block(rg_walk *w, int block) {
  rg_probe p;
  rung_status status = rg_probe_open(&p, w->network, w->ctx, block, w->samples, RG_PROBE_LAYER);
  for (int64_t j = 0; status == RUNG_OK && j < w->network->blocks.list[block].layers; j++)
    status = rg_walk_layer(w, &p, j);
  rg_probe_close(&p);
  return status;
}

/* The block of stage `stage` (from 1), or the number of blocks. */
static int stage_block(const rung_network *n, int stage) {
  int block = 0;
  for (; block < n->blocks.count; block++)
    if (rg_is_stage(&n->blocks.list[block]) && --stage == 0) break;
  return block;
}

rung_status rg_walk_to_stage(rg_walk *w, int stage, int *block) {
  *block = stage_block(w->network, stage);
  if (stage < 1 || *block == w->network->blocks.count)
    return rg_fail(w->ctx, RUNG_E_ARGUMENT, "the network has no stage %d of an ODE", stage);
  for (int i = 0; i < *block; i++) RG_TRY(rg_walk_block(w, i));
  return RUNG_OK;
}
