/* Blocks looked at; see probe.h. */
#include "nn/probe.h"

#include <string.h>

#include "nn/arch/arch.h"
#include "nn/builder.h"
#include "nn/network.h"

typedef struct rg_probe_tensor {
  const rg_variable *variable;
  const void *numbers; /* theta or the running statistics */
  double *value;       /* of the layer loaded */
} rg_probe_tensor;

/* ---- making ---- */

typedef struct making {
  rg_probe *probe;
  rung_graph *g;
  rg_block block; /* as built: rates are without the activation's slope */
  rg_builder builder;
  rung_node state[RG_MOST_STATES], tangent[RG_MOST_STATES];
  rung_node state_out[RG_MOST_STATES], tangent_out[RG_MOST_STATES];
} making;

static rung_node state_input(const making *m, const char *name, int s) {
  const rung_shape *shape = &m->probe->network->state_shape[m->probe->block][s];
  int64_t dims[RUNG_MAX_RANK] = {m->probe->samples};
  for (int i = 0; i < shape->rank; i++) dims[i + 1] = shape->dim[i];
  return rung_input(m->g, name, shape->rank + 1, dims);
}

static rung_status build_layer(making *m) {
  rg_built built;
  memcpy(built.in, m->state, sizeof built.in);
  RG_TRY(rg_build_layer(&m->builder, (rg_lie){false, false}, &built));
  memcpy(m->state_out, built.out, sizeof m->state_out);
  return rung_jvp(m->g, m->probe->states_in, m->state, m->tangent, m->probe->states_out,
                  m->state_out, m->tangent_out);
}

static rung_status build_rate(making *m, int which) {
  const rg_field *field = rg_field_of(&m->block);
  int source = field->states == RG_ONE ? 0 : 1 - which;
  m->block.settings.activation = "identity";
  rung_node rate = field->rate(&m->builder, which, m->state[source]), change, back;
  RG_TRY(rung_jvp(m->g, 1, &m->state[source], &m->tangent[source], 1, &rate, &change));
  RG_TRY(rung_gradient(m->g, rate, change, 1, &m->state[source], &back));
  memcpy(m->state_out, m->state, sizeof m->state_out);
  for (int s = 0; s < m->probe->states_in; s++) {
    rung_shape shape = rung_node_shape(m->g, m->tangent[s]);
    m->tangent_out[s] =
        s == source ? back : rung_broadcast(m->g, rung_constant(m->g, 0), shape.rank, shape.dim);
  }
  return RUNG_OK;
}

static rung_status find_tensors(making *m) {
  rg_probe *p = m->probe;
  const rung_network *n = p->network;
  p->tensors = m->builder.count;
  p->tensor = rg_calloc(p->ctx, (size_t)p->tensors, sizeof *p->tensor);
  if (!p->tensor) return RUNG_E_MEMORY;
  for (int i = 0; i < p->tensors; i++) {
    const rg_asked *asked = &m->builder.asked[i];
    const rg_variable *list = asked->statistic ? n->statistic : n->parameter;
    int count = asked->statistic ? n->statistic_count : n->parameter_count;
    for (int k = 0; k < count; k++)
      if (!strcmp(list[k].name, asked->name)) p->tensor[i].variable = &list[k];
    if (!p->tensor[i].variable)
      return rg_fail(p->ctx, RUNG_E_ARGUMENT, "the network has no tensor %s", asked->name);
    p->tensor[i].numbers = asked->statistic ? n->running : n->theta;
  }
  return RUNG_OK;
}

static rung_status compile(making *m) {
  rg_probe *p = m->probe;
  int inputs = 0, outputs = 0;
  rung_node *input = rg_alloc(p->ctx, 2 * RG_MOST_STATES + (size_t)m->builder.count, sizeof *input);
  rung_node output[2 * RG_MOST_STATES];
  if (!input) return RUNG_E_MEMORY;
  for (int s = 0; s < p->states_in; s++) input[inputs++] = m->state[s];
  for (int s = 0; s < p->states_in; s++) input[inputs++] = m->tangent[s];
  for (int i = 0; i < m->builder.count; i++) input[inputs++] = m->builder.asked[i].node;
  for (int s = 0; s < p->states_out; s++) output[outputs++] = m->state_out[s];
  for (int s = 0; s < p->states_out; s++) output[outputs++] = m->tangent_out[s];
  rung_status status = rung_compile(m->g, NULL, inputs, input, outputs, output, &p->program);
  rg_free(p->ctx, input);
  return status;
}

static rung_status build(making *m, rg_probe_kind kind) {
  rg_probe *p = m->probe;
  for (int s = 0; s < p->states_in; s++) {
    m->state[s] = state_input(m, "state", s);
    m->tangent[s] = state_input(m, "tangent", s);
  }
  RG_TRY(kind == RG_PROBE_LAYER ? build_layer(m) : build_rate(m, kind == RG_PROBE_RATE_1));
  RG_TRY(find_tensors(m));
  return compile(m);
}

static int64_t of_states(const rg_probe *p, int block, int states, int64_t *count) {
  int64_t total = 0;
  for (int s = 0; s < states; s++) {
    count[s] = rung_shape_count(&p->network->state_shape[block][s]);
    total += count[s];
  }
  return total;
}

/* `count` arrays of a probe's memory from *at on. */
static void cut(double **at, int64_t samples, int states, const int64_t *count, double **out) {
  for (int s = 0; s < states; s++) {
    out[s] = *at;
    *at += samples * count[s];
  }
}

static rung_status take_memory(rg_probe *p) {
  int64_t tensors = 0;
  for (int i = 0; i < p->tensors; i++) tensors += p->tensor[i].variable->count;
  int64_t states = 2 * p->samples * (p->total_in + p->total_out);
  p->memory = rg_calloc(p->ctx, (size_t)(tensors + states), sizeof *p->memory);
  p->workspace = rg_alloc(p->ctx, 1, rung_program_bytes(p->program));
  if (!p->memory || !p->workspace) return RUNG_E_MEMORY;
  double *at = p->memory;
  cut(&at, p->samples, p->states_in, p->in, p->state);
  cut(&at, p->samples, p->states_in, p->in, p->tangent);
  cut(&at, p->samples, p->states_out, p->out, p->state_out);
  cut(&at, p->samples, p->states_out, p->out, p->tangent_out);
  for (int i = 0; i < p->tensors; i++) {
    p->tensor[i].value = at;
    at += p->tensor[i].variable->count;
  }
  return RUNG_OK;
}

rung_status rg_probe_open(rg_probe *p, const rung_network *network, rung_context *ctx, int block,
                          int64_t samples, rg_probe_kind kind) {
  making m = {.probe = p, .block = network->blocks.list[block]};
  *p = (rg_probe){.ctx = ctx,
                  .network = network,
                  .block = block,
                  .samples = samples,
                  .states_in = m.block.states_in,
                  .states_out = m.block.states_out};
  p->total_in = of_states(p, block, p->states_in, p->in);
  p->total_out = of_states(p, block + 1, p->states_out, p->out);
  RG_TRY(rung_graph_create(ctx, &m.g));
  rg_builder_begin(&m.builder, m.g, &m.block, false);
  rung_status status = build(&m, kind);
  rg_builder_end(&m.builder);
  rung_graph_destroy(m.g);
  return status == RUNG_OK ? take_memory(p) : status;
}

void rg_probe_close(rg_probe *p) {
  rung_program_destroy(p->program);
  rg_free(p->ctx, p->workspace);
  rg_free(p->ctx, p->memory);
  rg_free(p->ctx, p->tensor);
}

/* ---- running ---- */

void rg_probe_load(rg_probe *p, int64_t layer) {
  const rung_network *n = p->network;
  for (int i = 0; i < p->tensors; i++) {
    const rg_probe_tensor *t = &p->tensor[i];
    const rg_variable *v = t->variable;
    int64_t low;
    double share;
    rg_layer_nodes(v, n->blocks.list[p->block].layers, layer, &low, &share);
    int64_t first = v->offset + low * v->count;
    for (int64_t k = 0; k < v->count; k++) {
      double value = rg_fetch(n->dtype, t->numbers, first + k).hi;
      if (share > 0)
        value += share * (rg_fetch(n->dtype, t->numbers, first + v->count + k).hi - value);
      t->value[k] = value;
    }
  }
}

rung_status rg_probe_run(rg_probe *p) {
  size_t inputs = 2 * (size_t)p->states_in + (size_t)p->tensors;
  const void **input = rg_alloc(p->ctx, inputs, sizeof *input);
  void *output[2 * RG_MOST_STATES];
  if (!input) return RUNG_E_MEMORY;
  for (int s = 0; s < p->states_in; s++) {
    input[s] = p->state[s];
    input[p->states_in + s] = p->tangent[s];
  }
  for (int i = 0; i < p->tensors; i++) input[2 * p->states_in + i] = p->tensor[i].value;
  for (int s = 0; s < p->states_out; s++) {
    output[s] = p->state_out[s];
    output[p->states_out + s] = p->tangent_out[s];
  }
  rung_status status = rung_program_run(p->program, p->ctx, p->workspace, input, output);
  rg_free(p->ctx, input);
  return status;
}

void rg_probe_scatter(const rg_probe *p, const double *joined, double *const *state) {
  for (int64_t i = 0; i < p->samples; i++)
    for (int s = 0; s < p->states_in; s++) {
      memcpy(state[s] + i * p->in[s], joined, (size_t)p->in[s] * sizeof *joined);
      joined += p->in[s];
    }
}

void rg_probe_gather(const rg_probe *p, double *const *state, double *joined) {
  for (int64_t i = 0; i < p->samples; i++)
    for (int s = 0; s < p->states_in; s++) {
      memcpy(joined, state[s] + i * p->in[s], (size_t)p->in[s] * sizeof *joined);
      joined += p->in[s];
    }
}
