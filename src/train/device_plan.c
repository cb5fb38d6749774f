/* What training of a module computes, as functions of C, and where its arrays lie.
 *
 * A step runs at times 0 (samples through what is frozen), 1 .. L (the layers forwards), L + 1 (the
 * loss) and L + 2 .. 2 L + 1 (the layers backwards, each followed by the change of its parameters,
 * so that no more than one layer's gradient is there at a time). States between layers are kept;
 * what a layer computes inside is computed again on the way back. An array lives from the time that
 * makes it to the last that reads it, and those that do not live together share memory: largest
 * first, each at the lowest place (Lin et al., "On-device training under 256 KB memory", NeurIPS
 * 2022, arXiv 2206.15472, plan likewise). */
#include <stdio.h>
#include <string.h>

#include "nn/module.h"
#include "train/device.h"
#include "train/pass_inside.h"

int64_t rg_device_marks(const rg_device *d) {
  return 16 / (int64_t)rung_dtype_size(d->part->dtype);
}

/* ---- functions ---- */

static rung_status add_inputs(rg_device *d, rg_device_function *f, char letter, int count,
                              const rung_node *node) {
  if (f->ins + count > RG_DEVICE_ARGUMENTS)
    return rg_fail(d->ctx, RUNG_E_UNSUPPORTED, "export to C: a block with more than %d tensors",
                   RG_DEVICE_ARGUMENTS);
  for (int i = 0; i < count; i++, f->ins++) {
    snprintf(f->in_name[f->ins], sizeof f->in_name[0], "%c%d", letter, i);
    f->in[f->ins] = (rg_c_argument){node[i], f->in_name[f->ins]};
  }
  return RUNG_OK;
}

static rung_status add_outputs(rg_device *d, const rung_graph *g, rg_device_function *f,
                               char letter, int count, const rung_node *node) {
  if (count > RG_DEVICE_PARAMETERS || f->outs + count > RG_C_MOST_OUTPUTS)
    return rg_fail(d->ctx, RUNG_E_UNSUPPORTED, "export to C: a block with more than %d tensors",
                   RG_DEVICE_PARAMETERS);
  for (int i = 0; i < count; i++, f->outs++) {
    if (node[i] == RUNG_NONE) return d->ctx->status;
    rung_shape shape = rung_node_shape(g, node[i]);
    snprintf(f->out_name[f->outs], sizeof f->out_name[0], "%c%d", letter, i);
    f->out[f->outs] = (rg_c_argument){node[i], f->out_name[f->outs]};
    f->count[f->outs] = rung_shape_count(&shape);
  }
  return RUNG_OK;
}

static rung_status write_function(rg_device *d, const rung_graph *g, rg_device_function *f) {
  d->needs.work = 0;
  RG_TRY(rg_graph_c(d->ctx, g, d->part->dtype, f->name, f->ins, f->in, f->used, f->outs, f->out,
                    &d->functions, &d->needs));
  f->work = d->needs.work;
  return rg_text_status(&d->functions);
}

/* Inputs and outputs of one of a block's functions. */
static rung_status block_nodes(rg_device *d, const rung_network *n, int block, rg_program_kind kind,
                               rung_graph *g, rg_part *part, rg_device_function *f) {
  const rg_block *b = &n->blocks.list[block];
  int64_t samples = kind == RG_INFER ? 1 : d->training->batch;
  rung_node state[RG_MOST_STATES], cotangent[RG_MOST_STATES], before[RG_MOST_STATES];
  bool wanted = block > 0 || b->layers > 1;
  RG_TRY(rg_part_states(n, g, block, samples, "state", state));
  RG_TRY(rg_part_forward(part, n, g, block, kind != RG_INFER, state));
  RG_TRY(add_inputs(d, f, 's', b->states_in, state));
  RG_TRY(add_inputs(d, f, 'w', part->parameters, part->parameter));
  RG_TRY(add_inputs(d, f, 'r', part->statistics, part->statistic));
  if (kind != RG_BACKWARD) {
    RG_TRY(add_outputs(d, g, f, 't', b->states_out, part->built.out));
    return kind == RG_INFER ? RUNG_OK : add_outputs(d, g, f, 'n', part->statistics, part->next);
  }
  if (part->moves) {
    part->weight = rung_input(g, "penalty", 0, NULL);
    RG_TRY(add_inputs(d, f, 'q', 1, &part->weight));
  }
  RG_TRY(rg_part_states(n, g, block + 1, samples, "cotangent", cotangent));
  RG_TRY(add_inputs(d, f, 'c', b->states_out, cotangent));
  rung_node parameter[RG_DEVICE_ARGUMENTS];
  RG_TRY(rg_part_backward(part, cotangent, wanted ? before : NULL, parameter));
  for (int i = 0; i < part->parameters; i++)
    parameter[i] = rg_or_zeros(g, parameter[i], part->parameter[i]);
  for (int s = 0; wanted && s < b->states_in; s++)
    before[s] = rg_or_zeros(g, before[s], part->built.in[s]);
  RG_TRY(add_outputs(d, g, f, 'g', part->parameters, parameter));
  return wanted ? add_outputs(d, g, f, 'd', b->states_in, before) : RUNG_OK;
}

static rung_status block_function(rg_device *d, const rung_network *n, int block,
                                  rg_program_kind kind, const char *name, rg_device_function *f) {
  rung_graph *g;
  rg_part part = {0};
  RG_TRY(rung_graph_create(d->ctx, &g));
  snprintf(f->name, sizeof f->name, "%s%d", name, block);
  rung_status status = block_nodes(d, n, block, kind, g, &part, f);
  if (status == RUNG_OK) {
    rg_text_printf(&d->functions, "\n/* %s: %s */", n->blocks.list[block].name,
                   n->blocks.list[block].kind->name);
    status = write_function(d, g, f);
  }
  if (part.network) rg_part_close(&part);
  rung_graph_destroy(g);
  return status;
}

/* Loss and slope of scores (s) and targets (c), where all samples count alike. */
static rung_status loss_nodes(rg_device *d, rung_graph *g, rg_device_function *f) {
  const rung_training *t = d->training;
  rg_pass_options o = {
      .batch = t->batch, .loss = t->loss, .smoothing = t->smoothing, .delta = t->delta};
  int64_t dims[] = {t->batch, d->part->outputs};
  rung_node scores = rung_input(g, "scores", 2, dims), loss, slope;
  rung_node target = rung_input(g, "target", t->loss == RUNG_CROSS_ENTROPY ? 1 : 2, dims);
  rung_node weight = rung_broadcast(g, rung_constant(g, 1), 1, dims);
  RG_TRY(rg_pass_loss(g, &o, scores, target, weight, &loss, &slope));
  RG_TRY(add_inputs(d, f, 's', 1, &scores));
  RG_TRY(add_inputs(d, f, 'c', 1, &target));
  RG_TRY(add_outputs(d, g, f, 'l', 1, &loss));
  RG_TRY(add_outputs(d, g, f, 'd', 1, &slope));
  return write_function(d, g, f);
}

/* The change of one parameter w0 by its gradient w1, its optimiser's state r and the scalars q. */
static rung_status update_nodes(rg_device *d, rung_graph *g, rg_device_function *f) {
  const int64_t one = 1;
  int states = d->descent->states;
  rung_node at[2], state[RG_MOST_DESCENT_STATES], scalar[RG_DESCENT_SCALARS];
  rung_node next[1 + RG_MOST_DESCENT_STATES];
  for (int i = 0; i < 2; i++) at[i] = rung_input(g, "number", 1, &one);
  for (int i = 0; i < states; i++) state[i] = rung_input(g, "state", 1, &one);
  for (int i = 0; i < RG_DESCENT_SCALARS; i++) scalar[i] = rung_input(g, "scalar", 0, NULL);
  RG_TRY(add_inputs(d, f, 'w', 2, at));
  RG_TRY(add_inputs(d, f, 'r', states, state));
  RG_TRY(add_inputs(d, f, 'q', RG_DESCENT_SCALARS, scalar));
  d->descent->update(g, d->training, at[0], at[1], state, scalar, &next[0], &next[1]);
  RG_TRY(add_outputs(d, g, f, 't', 1 + states, next));
  return write_function(d, g, f);
}

static rung_status own_graph(rg_device *d, const char *name, rg_device_function *f,
                             rung_status (*nodes)(rg_device *, rung_graph *,
                                                  rg_device_function *)) {
  rung_graph *g;
  RG_TRY(rung_graph_create(d->ctx, &g));
  snprintf(f->name, sizeof f->name, "%s", name);
  rung_status status = nodes(d, g, f);
  rung_graph_destroy(g);
  return status;
}

static rung_status make_functions(rg_device *d) {
  size_t blocks = (size_t)d->part->blocks.count, size = sizeof(rg_device_function);
  d->frozen = rg_calloc(d->ctx, (size_t)d->frozen_blocks, size);
  d->infer = rg_calloc(d->ctx, blocks, size);
  d->forward = rg_calloc(d->ctx, blocks, size);
  d->backward = rg_calloc(d->ctx, blocks, size);
  if (!d->frozen || !d->infer || !d->forward || !d->backward) return RUNG_E_MEMORY;
  for (int i = 0; i < d->frozen_blocks; i++)
    RG_TRY(block_function(d, d->whole, i, RG_INFER, "frozen", &d->frozen[i]));
  for (int i = 0; i < d->part->blocks.count; i++) {
    RG_TRY(block_function(d, d->part, i, RG_INFER, "infer", &d->infer[i]));
    RG_TRY(block_function(d, d->part, i, RG_FORWARD, "forward", &d->forward[i]));
    RG_TRY(block_function(d, d->part, i, RG_BACKWARD, "backward", &d->backward[i]));
  }
  RG_TRY(own_graph(d, "loss", &d->loss, loss_nodes));
  return own_graph(d, "change", &d->update, update_nodes);
}

/* ---- arrays ---- */

static rung_status add_array(rg_device *d, int64_t count, int from, int to, int *out) {
  if (d->arrays == d->capacity) {
    int capacity = 2 * d->capacity + 64;
    rg_device_array *grown = rg_realloc(d->ctx, d->array, (size_t)capacity, sizeof *grown);
    if (!grown) return RUNG_E_MEMORY;
    d->array = grown;
    d->capacity = capacity;
  }
  *out = d->arrays;
  d->array[d->arrays++] = (rg_device_array){count, 0, from, to};
  return RUNG_OK;
}

static int states_before(const rg_device *d, int layer) {
  return layer < d->layers ? d->part->blocks.list[d->layer[layer].block].states_in : 1;
}

static int time_of_loss(const rg_device *d) {
  return d->layers + 1;
}

/* Of the way back through a layer. */
static int time_back(const rg_device *d, int layer) {
  return 2 * d->layers + 1 - layer;
}

static bool reads_states(const rg_device_function *f) {
  for (int i = 0; i < f->ins; i++)
    if (f->used[i] && f->in_name[i][0] == 's') return true;
  return false;
}

static int outputs_of(const rg_device_function *f, char letter) {
  int count = 0;
  for (int i = 0; i < f->outs; i++) count += f->out_name[i][0] == letter;
  return count;
}

static int64_t count_of(const rg_device_function *f, char letter, int index) {
  for (int i = 0; i < f->outs; i++)
    if (f->out_name[i][0] == letter && index-- == 0) return f->count[i];
  return 0;
}

/* The states before a layer and their cotangents. */
static rung_status add_states(rg_device *d, int l) {
  rg_device_layer *at = &d->layer[l];
  bool last = l == d->layers;
  int until = last                                    ? time_of_loss(d)
              : reads_states(&d->backward[at->block]) ? time_back(d, l)
                                                      : l + 1;
  int made = last ? time_of_loss(d) : time_back(d, l);
  for (int s = 0; s < states_before(d, l); s++) {
    int64_t count = d->training->batch * rung_shape_count(&d->part->state_shape[at->block][s]);
    RG_TRY(add_array(d, count, l, until, &at->state[s]));
    if (last || outputs_of(&d->backward[at->block], 'd'))
      RG_TRY(add_array(d, count, made, l ? time_back(d, l - 1) : made, &at->cotangent[s]));
  }
  return RUNG_OK;
}

/* What a layer's functions take and give beside states. */
static rung_status add_layer(rg_device *d, int l) {
  rg_device_layer *at = &d->layer[l];
  const rg_device_function *forward = &d->forward[at->block], *back = &d->backward[at->block];
  for (int i = 0; i < outputs_of(forward, 'n'); i++)
    RG_TRY(add_array(d, count_of(forward, 'n', i), l + 1, time_of_loss(d), &at->next[i]));
  for (int i = 0; i < outputs_of(back, 'g'); i++)
    RG_TRY(
        add_array(d, count_of(back, 'g', i), time_back(d, l), time_back(d, l), &at->gradient[i]));
  RG_TRY(add_array(d, forward->work, l + 1, l + 1, &at->forward_work));
  return add_array(d, back->work, time_back(d, l), time_back(d, l), &at->backward_work);
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* One sample on its way through what is frozen or through all: two places for its states, and where
 * the module's begins. */
static rung_status add_single(rg_device *d) {
  int64_t most[RG_MOST_STATES] = {0}, work = 0;
  for (int i = 0; i < d->frozen_blocks; i++) {
    work = larger(work, d->frozen[i].work);
    for (int s = 0; s < RG_MOST_STATES; s++)
      most[s] = larger(most[s], larger(rung_shape_count(&d->whole->state_shape[i][s]),
                                       count_of(&d->frozen[i], 't', s)));
  }
  for (int i = 0; i < d->part->blocks.count; i++) {
    work = larger(work, d->infer[i].work);
    for (int s = 0; s < RG_MOST_STATES; s++)
      most[s] = larger(most[s], count_of(&d->infer[i], 't', s));
  }
  for (int k = 0; k < 2; k++)
    for (int s = 0; s < RG_MOST_STATES; s++) RG_TRY(add_array(d, most[s], 0, 0, &d->single[k][s]));
  RG_TRY(add_array(d, rung_shape_count(&d->part->sample), 0, 0, &d->entry));
  return add_array(d, work, 0, 0, &d->single_work);
}

static rung_status add_arrays(rg_device *d) {
  for (int l = 0; l <= d->layers; l++) RG_TRY(add_states(d, l));
  for (int l = 0; l < d->layers; l++) RG_TRY(add_layer(d, l));
  int64_t targets =
      d->training->loss == RUNG_CROSS_ENTROPY ? 0 : d->training->batch * d->part->outputs;
  int now = time_of_loss(d);
  RG_TRY(add_array(d, targets, now, now, &d->target));
  RG_TRY(add_array(d, 1, now, now, &d->loss_value));
  RG_TRY(add_array(d, d->loss.work, now, now, &d->loss_work));
  RG_TRY(add_array(d, d->update.work, 0, time_back(d, 0), &d->update_work));
  return add_single(d);
}

/* Puts an array at the lowest place that none of those of `placed` with it in time has. */
static void place(rg_device *d, rg_device_array *a, const bool *placed) {
  for (bool moved = true; moved;) {
    moved = false;
    for (int i = 0; i < d->arrays; i++) {
      const rg_device_array *other = &d->array[i];
      bool together = other->from <= a->to && a->from <= other->to;
      bool over = other->at < a->at + a->count && a->at < other->at + other->count;
      if (!placed[i] || !together || !over) continue;
      a->at = other->at + other->count;
      moved = true;
    }
  }
  if (a->at + a->count > d->total) d->total = a->at + a->count;
}

static rung_status place_arrays(rg_device *d) {
  bool *placed = rg_calloc(d->ctx, (size_t)d->arrays, sizeof *placed);
  if (!placed) return RUNG_E_MEMORY;
  for (int left = d->arrays; left > 0; left--) {
    int most = -1;
    for (int i = 0; i < d->arrays; i++)
      if (!placed[i] && (most < 0 || d->array[i].count > d->array[most].count)) most = i;
    place(d, &d->array[most], placed);
    placed[most] = true;
  }
  for (int i = 0; i < d->arrays; i++) d->array[i].at += d->state;
  d->total += d->state;
  rg_free(d->ctx, placed);
  return RUNG_OK;
}

static rung_status list_layers(rg_device *d) {
  for (int i = 0; i < d->part->blocks.count; i++) d->layers += (int)d->part->blocks.list[i].layers;
  d->layer = rg_calloc(d->ctx, (size_t)d->layers + 1, sizeof *d->layer);
  if (!d->layer) return RUNG_E_MEMORY;
  int l = 0;
  for (int i = 0; i < d->part->blocks.count; i++)
    for (int64_t j = 0; j < d->part->blocks.list[i].layers; j++, l++)
      d->layer[l] = (rg_device_layer){.block = i, .layer = j};
  d->layer[l].block = d->part->blocks.count;
  return RUNG_OK;
}

rung_status rg_device_plan(rg_device *d) {
  RG_TRY(list_layers(d));
  RG_TRY(make_functions(d));
  d->state =
      rg_device_marks(d) + d->part->parameters * (1 + d->descent->states) + d->part->statistics;
  RG_TRY(add_arrays(d));
  return place_arrays(d);
}

void rg_device_free(rg_device *d) {
  rg_free(d->ctx, d->frozen);
  rg_free(d->ctx, d->infer);
  rg_free(d->ctx, d->forward);
  rg_free(d->ctx, d->backward);
  rg_free(d->ctx, d->layer);
  rg_free(d->ctx, d->array);
  rung_network_destroy(d->part);
}
