/* Programs of a block: which nodes go in and come out. */
#include <string.h>

#include "nn/part.h"

typedef struct maker {
  const rung_network *network;
  rung_context *ctx;
  rung_graph *g;
  int block;
  rg_program_kind kind;
  int64_t samples;
  rg_part part;
  rg_node_list input, output;
  rung_node state[RG_MOST_STATES];     /* that go in */
  rung_node cotangent[RG_MOST_STATES]; /* or tangents, that go in */
  rung_node before[RG_MOST_STATES];    /* cotangents that come out */
  rung_node *parameter;                /* cotangents or tangents of parameters */
  rg_block_program *out;
} maker;

static const rg_block *block_of(const maker *m) {
  return &m->network->blocks.list[m->block];
}

static rung_status add_input(maker *m, int count, const rung_node *node) {
  return rg_node_list_add(&m->input, count, node);
}

static rung_status add_output(maker *m, int count, const rung_node *node) {
  return rg_node_list_add(&m->output, count, node);
}

static rung_node zeros(maker *m, rung_node like) {
  rung_shape shape = rung_node_shape(m->g, like);
  return rung_broadcast(m->g, rung_constant(m->g, 0), shape.rank, shape.dim);
}

/* States `out` come from states `in`: those that are the very node of one that went in are no
 * outputs; the others take the places that are left. */
static rung_status route(maker *m, int count, const rung_node *out, int count_in,
                         const rung_node *in, rg_route *routes) {
  int taken = 0; /* bits of states in */
  for (int s = 0; s < count; s++) {
    routes[s] = (rg_route){-1, -1};
    for (int t = 0; t < count_in && routes[s].from < 0; t++)
      if (out[s] == in[t] && !(taken >> t & 1)) routes[s].from = t;
    if (routes[s].from >= 0) taken |= 1 << routes[s].from;
  }
  bool exchanged = block_of(m)->kind->exchange;
  for (int s = 0; s < count; s++) {
    if (routes[s].from >= 0) continue;
    int from = exchanged ? s == 0 : s;
    if (taken >> from & 1) from = 1 - from;
    taken |= 1 << from;
    routes[s] = (rg_route){m->output.count, from};
    RG_TRY(add_output(m, 1, &out[s]));
  }
  return RUNG_OK;
}

static rung_status forward_outputs(maker *m) {
  const rg_block *block = block_of(m);
  RG_TRY(route(m, block->states_out, m->part.built.out, block->states_in, m->part.built.in,
               m->out->state));
  m->out->first_statistic = m->output.count;
  if (m->kind != RG_FORWARD && m->kind != RG_FORWARD_KEEP) return RUNG_OK;
  return add_output(m, m->part.statistics, m->part.next);
}

/* Cotangents that nothing depends on are 0. A first block of one layer gives none of its input. */
static rung_status backward_outputs(maker *m) {
  const rg_block *block = block_of(m);
  bool wanted = m->block > 0 || block->layers > 1;
  m->parameter = rg_alloc(m->ctx, (size_t)m->part.parameters, sizeof *m->parameter);
  if (!m->parameter) return RUNG_E_MEMORY;
  RG_TRY(rg_part_backward(&m->part, m->cotangent, wanted ? m->before : NULL, m->parameter));
  for (int s = 0; wanted && s < block->states_in; s++)
    if (m->before[s] == RUNG_NONE) m->before[s] = zeros(m, m->part.built.in[s]);
  /* Parameters first: outputs are computed in this order, and what a parameter's gradient is made
   * of need then not be held for long. */
  m->out->first_parameter = m->output.count;
  for (int i = 0; i < m->part.parameters; i++)
    if (m->parameter[i] == RUNG_NONE) m->parameter[i] = zeros(m, m->part.parameter[i]);
  RG_TRY(add_output(m, m->part.parameters, m->parameter));
  if (!wanted) return RUNG_OK;
  return route(m, block->states_in, m->before, block->states_out, m->cotangent, m->out->cotangent);
}

/* Those of the states and, where the layer has a transport cost, the weight of that. */
static rung_status cotangent_inputs(maker *m) {
  if (m->part.moves) {
    m->part.weight = rung_input(m->g, "transport", 0, NULL);
    if (m->part.weight == RUNG_NONE) return m->ctx->status;
  }
  return rg_part_states(m->network, m->g, m->block + 1, m->samples, "cotangent", m->cotangent);
}

/* The last inputs of programs that go back. */
static rung_status last_inputs(maker *m) {
  RG_TRY(rg_part_inputs(&m->part, &m->input));
  m->out->transport = m->part.moves > 0;
  return m->part.moves ? add_input(m, 1, &m->part.weight) : RUNG_OK;
}

/* The last output of programs that go forward. */
static rung_status cost_output(maker *m) {
  if (!m->part.moves) return RUNG_OK;
  rung_node cost = rg_part_cost(&m->part);
  if (cost == RUNG_NONE) return m->ctx->status;
  m->out->transport = true;
  return add_output(m, 1, &cost);
}

static rung_status make_forward(maker *m) {
  RG_TRY(rg_part_forward(&m->part, m->network, m->g, m->block, m->kind != RG_INFER, m->state));
  RG_TRY(add_input(m, block_of(m)->states_in, m->state));
  RG_TRY(rg_part_inputs(&m->part, &m->input));
  RG_TRY(forward_outputs(m));
  return cost_output(m);
}

static rung_status make_backward(maker *m) {
  RG_TRY(rg_part_forward(&m->part, m->network, m->g, m->block, true, m->state));
  RG_TRY(cotangent_inputs(m));
  RG_TRY(add_input(m, block_of(m)->states_in, m->state));
  RG_TRY(add_input(m, block_of(m)->states_out, m->cotangent));
  RG_TRY(last_inputs(m));
  return backward_outputs(m);
}

static rung_status make_reverse(maker *m) {
  const rg_block *block = block_of(m);
  if (!rg_is_reversible(block))
    return rg_fail(m->ctx, RUNG_E_UNSUPPORTED, "block %s cannot be run backwards", block->name);
  RG_TRY(rg_part_inverse(&m->part, m->network, m->g, m->block, m->state));
  RG_TRY(cotangent_inputs(m));
  RG_TRY(add_input(m, 2, m->state));
  RG_TRY(add_input(m, 2, m->cotangent));
  RG_TRY(last_inputs(m));
  RG_TRY(backward_outputs(m));
  return route(m, 2, m->part.built.in, 2, m->part.built.out, m->out->state);
}

/* Puts inputs in the place of nodes. */
static rung_status replace(maker *m, int count, const rung_node *from, const rung_node *to) {
  return rung_substitute(m->g, count, from, to, m->output.count, m->output.node, m->output.node);
}

/* The kept nodes, chosen when the whole of forward and backward stands, so that the two programs
 * agree. kept[] is the caller's to free. */
static rung_status choose_kept(maker *m, rung_node **kept, int *count) {
  const rg_block *block = block_of(m);
  rung_node given[2 * RG_MOST_STATES], backward[RG_MOST_STATES + 1];
  int backwards = block->states_out;
  memcpy(given, m->state, sizeof *given * (size_t)block->states_in);
  memcpy(given + block->states_in, m->part.built.out, sizeof *given * (size_t)block->states_out);
  memcpy(backward, m->cotangent, sizeof m->cotangent);
  if (m->part.moves) backward[backwards++] = m->part.weight;
  RG_TRY(backward_outputs(m));
  *kept = rg_alloc(m->ctx, (size_t)m->g->size, sizeof **kept);
  if (!*kept) return RUNG_E_MEMORY;
  return rg_choose_kept(m->g, m->output.count, m->output.node, backwards, backward,
                        block->states_in + block->states_out, given, *kept, count);
}

static rung_status keep_outputs(maker *m, const rung_node *kept, int count) {
  m->out->kept = count;
  m->output.count = 0;
  RG_TRY(add_input(m, block_of(m)->states_in, m->state));
  RG_TRY(rg_part_inputs(&m->part, &m->input));
  RG_TRY(forward_outputs(m));
  m->out->first_kept = m->output.count;
  RG_TRY(add_output(m, count, kept));
  return cost_output(m);
}

/* The backward computation from the states before and behind and what was kept. */
static rung_status kept_inputs(maker *m, const rung_node *kept, int count) {
  const rg_block *block = block_of(m);
  rung_node behind[RG_MOST_STATES];
  m->out->kept = count;
  RG_TRY(rg_part_states(m->network, m->g, m->block + 1, m->samples, "state behind", behind));
  RG_TRY(add_input(m, block->states_in, m->state));
  RG_TRY(add_input(m, block->states_out, behind));
  for (int k = 0; k < count; k++) {
    rung_shape shape = rung_node_shape(m->g, kept[k]);
    rung_node input = rung_input(m->g, "kept", shape.rank, shape.dim);
    RG_TRY(add_input(m, 1, &input));
  }
  RG_TRY(add_input(m, block->states_out, m->cotangent));
  RG_TRY(last_inputs(m));
  rung_node from[RG_MOST_STATES], to[RG_MOST_STATES];
  rg_node_list all = {.ctx = m->ctx}, by = {.ctx = m->ctx};
  int moved = 0;
  for (int s = 0; s < block->states_out; s++) {
    bool passed = false; /* a state that goes through is the one before */
    for (int t = 0; t < block->states_in; t++)
      passed = passed || m->part.built.out[s] == m->state[t];
    if (passed) continue;
    from[moved] = m->part.built.out[s];
    to[moved++] = behind[s];
  }
  rung_status status = rg_node_list_add(&all, moved, from);
  if (status == RUNG_OK) status = rg_node_list_add(&by, moved, to);
  if (status == RUNG_OK) status = rg_node_list_add(&all, count, kept);
  if (status == RUNG_OK)
    status = rg_node_list_add(&by, count, m->input.node + block->states_in + block->states_out);
  if (status == RUNG_OK) status = replace(m, all.count, all.node, by.node);
  rg_node_list_free(&all);
  rg_node_list_free(&by);
  return status;
}

static rung_status shapes_of_kept(maker *m, const rung_node *kept, int count) {
  m->out->kept_shape = rg_alloc(m->ctx, (size_t)count, sizeof *m->out->kept_shape);
  if (!m->out->kept_shape) return RUNG_E_MEMORY;
  for (int k = 0; k < count; k++) m->out->kept_shape[k] = rung_node_shape(m->g, kept[k]);
  return RUNG_OK;
}

static rung_status make_kept(maker *m) {
  rung_node *kept = NULL;
  int count = 0;
  RG_TRY(rg_part_forward(&m->part, m->network, m->g, m->block, true, m->state));
  RG_TRY(cotangent_inputs(m));
  rung_status status = choose_kept(m, &kept, &count);
  if (status == RUNG_OK)
    status =
        m->kind == RG_FORWARD_KEEP ? keep_outputs(m, kept, count) : kept_inputs(m, kept, count);
  if (status == RUNG_OK) status = shapes_of_kept(m, kept, count);
  rg_free(m->ctx, kept);
  return status;
}

/* An input of each parameter's shape. */
static rung_status parameter_tangents(maker *m) {
  m->parameter = rg_alloc(m->ctx, (size_t)m->part.parameters, sizeof *m->parameter);
  if (!m->parameter) return RUNG_E_MEMORY;
  for (int i = 0; i < m->part.parameters; i++) {
    rung_shape shape = rung_node_shape(m->g, m->part.parameter[i]);
    m->parameter[i] = rung_input(m->g, "tangent of a parameter", shape.rank, shape.dim);
    if (m->parameter[i] == RUNG_NONE) return m->ctx->status;
  }
  return RUNG_OK;
}

static rung_status make_tangent(maker *m) {
  const rg_block *block = block_of(m);
  rung_node out[RG_MOST_STATES];
  RG_TRY(rg_part_forward(&m->part, m->network, m->g, m->block, true, m->state));
  RG_TRY(rg_part_states(m->network, m->g, m->block, m->samples, "tangent", m->cotangent));
  RG_TRY(parameter_tangents(m));
  RG_TRY(rg_part_tangent(&m->part, m->cotangent, m->parameter, out));
  RG_TRY(add_input(m, block->states_in, m->state));
  RG_TRY(add_input(m, block->states_in, m->cotangent));
  RG_TRY(add_input(m, m->part.parameters, m->part.parameter));
  RG_TRY(add_input(m, m->part.parameters, m->parameter));
  RG_TRY(add_input(m, m->part.statistics, m->part.statistic));
  RG_TRY(add_input(m, 1, &m->part.key));
  RG_TRY(route(m, block->states_out, m->part.built.out, block->states_in, m->part.built.in,
               m->out->state));
  for (int s = 0; s < block->states_out; s++)
    m->out->cotangent[s] = (rg_route){m->output.count + s, s};
  return add_output(m, block->states_out, out);
}

static rung_status make_nodes(maker *m) {
  RG_TRY(rung_graph_create(m->ctx, &m->g));
  bool reverse = m->kind == RG_REVERSE;
  RG_TRY(rg_part_states(m->network, m->g, m->block + reverse, m->samples, "state", m->state));
  for (int s = 0; s < RG_MOST_STATES; s++)
    m->out->state[s] = m->out->cotangent[s] = (rg_route){-1, s};
  m->out->random = m->network->of_block[m->block].random;
  switch (m->kind) {
  case RG_FORWARD_KEEP:
  case RG_BACKWARD_KEPT:
    return make_kept(m);
  case RG_BACKWARD:
    return make_backward(m);
  case RG_REVERSE:
    return make_reverse(m);
  case RG_TANGENT:
    return make_tangent(m);
  case RG_FORWARD:
  case RG_INFER:
  default:
    return make_forward(m);
  }
}

/* Pairs of outputs and inputs that may be one array: states that go out, or cotangents. Returns how
 * many. */
static int list_shared(const maker *m, int (*share)[2]) {
  const rg_block *block = block_of(m);
  bool backward = m->kind == RG_BACKWARD || m->kind == RG_BACKWARD_KEPT || m->kind == RG_REVERSE;
  int count = 0, cotangents = block->states_in;
  if (m->kind == RG_BACKWARD_KEPT) cotangents += block->states_out + m->out->kept;
  if (!m->out->in_place) return 0;
  for (int s = 0; s < RG_MOST_STATES; s++) {
    const rg_route *state = &m->out->state[s], *cotangent = &m->out->cotangent[s];
    if (state->output >= 0) {
      share[count][0] = state->output;
      share[count++][1] = state->from;
    }
    if (backward && cotangent->output >= 0) {
      share[count][0] = cotangent->output;
      share[count++][1] = cotangents + cotangent->from;
    }
  }
  return count;
}

static rung_status make(maker *m) {
  int share[2 * RG_MOST_STATES][2];
  RG_TRY(make_nodes(m));
  m->out->in_place =
      rg_is_reversible(block_of(m)) && m->kind != RG_FORWARD_KEEP && m->kind != RG_TANGENT;
  rung_compile_options options = rung_compile_options_default();
  options.dtype = m->network->dtype;
  options.shared = list_shared(m, share);
  options.share = (const int(*)[2])share;
  m->out->inputs = m->input.count;
  m->out->outputs = m->output.count;
  return rung_compile(m->g, &options, m->input.count, m->input.node, m->output.count,
                      m->output.node, &m->out->program);
}

rung_status rg_block_compile(const rung_network *network, rung_context *ctx, int block,
                             rg_program_kind kind, int64_t samples, rg_block_program *out) {
  *out = (rg_block_program){0};
  rung_clear_error(ctx);
  maker m = {.network = network,
             .ctx = ctx,
             .block = block,
             .kind = kind,
             .samples = samples,
             .input.ctx = ctx,
             .output.ctx = ctx,
             .out = out};
  m.part.builder.ctx = ctx;
  rung_status status = make(&m);
  rg_part_close(&m.part);
  rg_free(ctx, m.parameter);
  rg_node_list_free(&m.input);
  rg_node_list_free(&m.output);
  rung_graph_destroy(m.g);
  if (status != RUNG_OK) rg_block_program_free(ctx, out);
  return status;
}

void rg_block_program_free(rung_context *ctx, rg_block_program *p) {
  rung_program_destroy(p->program);
  rg_free(ctx, p->kept_shape);
  *p = (rg_block_program){0};
}
