/* The head of a pass: the last blocks, the loss and its gradient as one program. */
#include <string.h>

#include "train/pass_inside.h"

typedef struct maker {
  const rung_network *network;
  rung_context *ctx;
  const rg_pass_options *options;
  rung_graph *g;
  int first, blocks;
  rg_part *part; /* [blocks] */
  int opened;
  rung_node state[RG_MOST_STATES], before[RG_MOST_STATES];
  rung_node target, weight, loss, scores, slope;
  rung_node transport; /* the weight of transport costs; RUNG_NONE where no block has any */
  rg_node_list cost;   /* of those that have */
  rg_node_list input, output;
} maker;

/* ---- the loss ---- */

static rung_status cross_entropy(maker *m, rung_node *value, rung_node *slope) {
  rung_graph *g = m->g;
  *value = rung_cross_entropies(g, m->scores, m->target, m->options->smoothing);
  if (*value == RUNG_NONE) return m->ctx->status;
  rung_shape shape = rung_node_shape(g, *value);
  rung_node one = rung_broadcast(g, rung_constant(g, 1), shape.rank, shape.dim);
  return rg_gradients(g, 1, value, &one, 1, &m->scores, slope);
}

/* The mean over outputs of d^2, or of Huber's d^2 / 2 up to delta and delta (|d| - delta / 2)
 * beyond. */
static void distance(maker *m, rung_node *value, rung_node *slope) {
  rung_graph *g = m->g;
  rung_node d = rung_sub(g, m->scores, m->target), each, share;
  share = rung_constant(g, 1 / (double)m->network->outputs);
  if (m->options->loss == RUNG_SQUARED) {
    each = rung_mul(g, d, d);
    *slope = rung_mul(g, rung_mul(g, d, rung_constant(g, 2)), share);
  } else {
    rung_node delta = rung_constant(g, m->options->delta), half = rung_constant(g, 0.5);
    rung_node clipped = rung_max(g, rung_neg(g, delta), rung_min(g, delta, d));
    /* clipped (d - clipped / 2) is both cases in one */
    each = rung_mul(g, clipped, rung_sub(g, d, rung_mul(g, half, clipped)));
    *slope = rung_mul(g, clipped, share);
  }
  *value = rung_mul(g, rung_sum(g, each, 2, 0), share);
}

/* The weighted mean of the samples' losses, and its derivative by the scores. */
static rung_status loss_nodes(maker *m) {
  rung_graph *g = m->g;
  rung_node value = RUNG_NONE, slope = RUNG_NONE;
  if (m->options->loss == RUNG_CROSS_ENTROPY)
    RG_TRY(cross_entropy(m, &value, &slope));
  else
    distance(m, &value, &slope);
  rung_node share = m->weight; /* of a piece: that of the batch's loss */
  if (!m->options->micro) share = rung_div(g, share, rung_sum(g, share, 1, 1));
  m->loss = rung_sum(g, rung_mul(g, value, share), 1, 0);
  m->slope = rung_mul(g, slope, rung_reshape(g, share, 2, (int64_t[]){m->options->batch, 1}));
  return m->slope == RUNG_NONE ? m->ctx->status : RUNG_OK;
}

/* ---- the program ---- */

static rung_status own_inputs(maker *m) {
  int64_t batch = m->options->batch, outputs = m->network->outputs;
  bool labels = m->options->loss == RUNG_CROSS_ENTROPY;
  RG_TRY(rg_part_states(m->network, m->g, m->first, batch, "state", m->state));
  m->target = rung_input(m->g, "target", labels ? 1 : 2, (int64_t[]){batch, outputs});
  m->weight = rung_input(m->g, "weight", 1, &batch);
  RG_TRY(rg_node_list_add(&m->input, m->network->blocks.list[m->first].states_in, m->state));
  return rg_node_list_add(&m->input, 2, (rung_node[]){m->target, m->weight});
}

static rung_status add_cost(maker *m, rg_part *part) {
  if (!part->moves) return RUNG_OK;
  if (m->transport == RUNG_NONE) m->transport = rung_input(m->g, "transport", 0, NULL);
  part->weight = m->transport;
  rung_node cost = rg_part_cost(part);
  if (cost == RUNG_NONE || m->transport == RUNG_NONE) return m->ctx->status;
  return rg_node_list_add(&m->cost, 1, &cost);
}

static rung_status forward(maker *m) {
  rung_node at[RG_MOST_STATES];
  memcpy(at, m->state, sizeof at);
  for (int i = 0; i < m->blocks; i++) {
    m->opened++;
    RG_TRY(rg_part_forward(&m->part[i], m->network, m->g, m->first + i, true, at));
    RG_TRY(rg_part_inputs(&m->part[i], &m->input));
    RG_TRY(add_cost(m, &m->part[i]));
    memcpy(at, m->part[i].built.out, sizeof at);
  }
  m->scores = at[0];
  RG_TRY(loss_nodes(m));
  return rg_node_list_add(&m->output, 2, (rung_node[]){m->loss, m->scores});
}

static rung_node or_zeros(maker *m, rung_node node, rung_node like) {
  if (node != RUNG_NONE || like == RUNG_NONE) return node;
  rung_shape shape = rung_node_shape(m->g, like);
  return rung_broadcast(m->g, rung_constant(m->g, 0), shape.rank, shape.dim);
}

/* Back through block i of the head; `cotangent` becomes that of the states before it. */
static rung_status backward(maker *m, int i, rung_node *cotangent, rung_node *parameter) {
  rg_part *part = &m->part[i];
  const rg_block *block = &m->network->blocks.list[m->first + i];
  bool wanted = m->first + i > 0;
  RG_TRY(rg_part_backward(part, cotangent, wanted ? m->before : NULL, parameter));
  for (int k = 0; k < part->parameters; k++)
    parameter[k] = or_zeros(m, parameter[k], part->parameter[k]);
  for (int s = 0; wanted && s < block->states_in; s++)
    cotangent[s] = or_zeros(m, m->before[s], part->built.in[s]);
  return RUNG_OK;
}

static rung_status way_back(maker *m) {
  rung_node cotangent[RG_MOST_STATES] = {m->slope, RUNG_NONE};
  int most = 0, *offset = rg_alloc(m->ctx, (size_t)m->blocks, sizeof *offset);
  for (int i = 0; offset && i < m->blocks; i++) {
    offset[i] = most;
    most += m->part[i].parameters;
  }
  rung_node *parameter = rg_alloc(m->ctx, (size_t)most, sizeof *parameter);
  rung_status status = offset && parameter ? RUNG_OK : RUNG_E_MEMORY;
  for (int i = m->blocks - 1; status == RUNG_OK && i >= 0; i--)
    status = backward(m, i, cotangent, parameter + offset[i]);
  /* In the order in which they come about, so that what they are made of is not held for long. */
  for (int i = m->blocks - 1; status == RUNG_OK && i >= 0; i--)
    status = rg_node_list_add(&m->output, m->part[i].parameters, parameter + offset[i]);
  for (int i = 0; status == RUNG_OK && i < m->blocks; i++)
    status = rg_node_list_add(&m->output, m->part[i].statistics, m->part[i].next);
  if (status == RUNG_OK && m->first > 0)
    status = rg_node_list_add(&m->output, m->network->blocks.list[m->first].states_in, cotangent);
  rg_free(m->ctx, offset);
  rg_free(m->ctx, parameter);
  return status;
}

/* The last input and the last outputs. */
static rung_status transport(maker *m, rg_pass_head *out) {
  out->costs = m->cost.count;
  if (!out->costs) return RUNG_OK;
  RG_TRY(rg_node_list_add(&m->input, 1, &m->transport));
  return rg_node_list_add(&m->output, m->cost.count, m->cost.node);
}

static rung_status make(maker *m, rg_pass_head *out) {
  m->part = rg_calloc(m->ctx, (size_t)m->blocks, sizeof *m->part);
  if (!m->part) return RUNG_E_MEMORY;
  RG_TRY(rung_graph_create(m->ctx, &m->g));
  RG_TRY(own_inputs(m));
  RG_TRY(forward(m));
  RG_TRY(way_back(m));
  RG_TRY(transport(m, out));
  rung_compile_options options = rung_compile_options_default();
  options.dtype = m->network->dtype;
  out->first = m->first;
  out->inputs = m->input.count;
  out->outputs = m->output.count;
  out->in = rg_calloc(m->ctx, (size_t)out->inputs, sizeof *out->in);
  out->out = rg_calloc(m->ctx, (size_t)out->outputs, sizeof *out->out);
  if (!out->in || !out->out) return RUNG_E_MEMORY;
  return rung_compile(m->g, &options, m->input.count, m->input.node, m->output.count,
                      m->output.node, &out->program);
}

rung_status rg_pass_head_compile(const rung_network *network, rung_context *ctx,
                                 const rg_pass_options *options, int first, rg_pass_head *out) {
  *out = (rg_pass_head){0};
  rung_clear_error(ctx);
  maker m = {.network = network,
             .ctx = ctx,
             .options = options,
             .first = first,
             .blocks = network->blocks.count - first,
             .transport = RUNG_NONE,
             .cost.ctx = ctx,
             .input.ctx = ctx,
             .output.ctx = ctx};
  rung_status status = make(&m, out);
  for (int i = 0; i < m.opened; i++) rg_part_close(&m.part[i]);
  rg_free(ctx, m.part);
  rg_node_list_free(&m.cost);
  rg_node_list_free(&m.input);
  rg_node_list_free(&m.output);
  rung_graph_destroy(m.g);
  if (status != RUNG_OK) rg_pass_head_free(ctx, out);
  return status;
}

void rg_pass_head_free(rung_context *ctx, rg_pass_head *head) {
  rung_program_destroy(head->program);
  rg_free(ctx, head->in);
  rg_free(ctx, head->out);
  *head = (rg_pass_head){0};
}
