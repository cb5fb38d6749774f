/* One layer of a chain, forwards or back: which arrays its program reads and writes. */
#include <math.h>
#include <string.h>

#include "train/pass_inside.h"

/* What is known of the layer about to run, and how many pointers have been laid. */
typedef struct call {
  rg_pass *pass;
  const rg_block_program *program;
  const rg_block_variables *of;
  int block;
  int64_t layer, layers; /* within the block, and how many there are */
  size_t size;           /* of a number */
  int ins;
} call;

static call begin(rg_pass *pass, rg_program_kind kind, int64_t layer) {
  int block = rg_pass_block_of(pass, layer);
  return (call){.pass = pass,
                .program = &pass->program[block][kind],
                .of = &pass->network->of_block[block],
                .block = block,
                .layer = layer - pass->first[block],
                .layers = pass->network->blocks.list[block].layers,
                .size = rung_dtype_size(pass->network->dtype)};
}

static void lay(call *c, void *pointer) {
  c->pass->in[c->ins++] = pointer;
}

static bool is_shared(const call *c, const rg_variable *v) {
  return v->nodes != c->layers;
}

#define ADD_SHARE(type)                                                                            \
  do {                                                                                             \
    const type *g = gradient;                                                                      \
    type *a = low, *b = high, s = (type)share;                                                     \
    for (int64_t i = 0; i < count; i++) {                                                          \
      a[i] += (1 - s) * g[i];                                                                      \
      b[i] += s * g[i];                                                                            \
    }                                                                                              \
  } while (0)

static void add_share(rung_dtype dtype, int64_t count, const void *gradient, double share,
                      void *low, void *high) {
  if (dtype == RUNG_F32)
    ADD_SHARE(float);
  else if (dtype == RUNG_F64)
    ADD_SHARE(double);
  else {
    const rung_dd *g = gradient;
    rung_dd *a = low, *b = high, s = {share, 0}, rest = rg_sub_dd((rung_dd){1, 0}, s);
    for (int64_t i = 0; i < count; i++) {
      a[i] = rg_add_dd(a[i], rg_mul_dd(rest, g[i]));
      b[i] = rg_add_dd(b[i], rg_mul_dd(s, g[i]));
    }
  }
}

/* The layer's numbers of a variable in an array that is laid out as the parameters are. */
static char *part_of(const call *c, const void *numbers, const rg_variable *v, int64_t node) {
  return (char *)numbers + (size_t)(v->offset + node * v->count) * c->size;
}

static void lay_rest(call *c) {
  const rung_network *n = c->pass->network;
  const void **into = (const void **)c->pass->in;
  c->ins += rg_layer_parameters(n, c->block, c->layer, n->theta, c->pass->layer_parameters,
                                into + c->ins);
  c->ins += rg_layer_statistics(n, c->block, c->layer, n->running, into + c->ins);
  if (c->program->random) rg_pass_set_key(c->pass, c->block, c->layer, c->pass->key);
  lay(c, c->pass->key);
}

/* Where the cotangents of the layer's parameters go. */
static void lay_gradients(call *c, char *gradient) {
  const rung_network *n = c->pass->network;
  char *own = c->pass->layer_gradient;
  for (int i = 0; i < c->of->parameters; i++) {
    const rg_variable *v = &n->parameter[c->of->parameter[i]];
    void **out = &c->pass->out[c->program->first_parameter + i];
    *out = is_shared(c, v) ? own : part_of(c, gradient, v, c->layer);
    if (is_shared(c, v)) own += rg_padded((size_t)v->count * c->size);
  }
}

static void take_gradients(call *c, char *gradient) {
  const rung_network *n = c->pass->network;
  for (int i = 0; i < c->of->parameters; i++) {
    const rg_variable *v = &n->parameter[c->of->parameter[i]];
    int64_t low;
    double share;
    if (!is_shared(c, v)) continue;
    rg_layer_nodes(v, c->layers, c->layer, &low, &share);
    add_share(n->dtype, v->count, c->pass->out[c->program->first_parameter + i], share,
              part_of(c, gradient, v, low), part_of(c, gradient, v, low + 1));
  }
}

/* Outputs into the places out[s]; those that only pass take their own place of the way in. */
static void follow(const call *c, int count, const rg_route *route, void *const *in, void **out) {
  for (int s = 0; s < count; s++)
    if (route[s].output >= 0)
      c->pass->out[route[s].output] = out[s];
    else
      out[s] = in[route[s].from];
}

static rung_status run(const call *c) {
  return rung_program_run(c->program->program, c->pass->ctx, c->pass->workspace,
                          (const void *const *)c->pass->in, c->pass->out);
}

/* A program that goes back: its last inputs, where its results go, the run. */
static rung_status run_back(call *c, int64_t layer, void *const *cotangent, void **before) {
  rg_pass *pass = c->pass;
  const rg_block *block = &pass->network->blocks.list[c->block];
  for (int s = 0; s < block->states_out; s++) lay(c, cotangent[s]);
  lay_rest(c);
  if (c->program->transport) lay(c, pass->cost_weight);
  follow(c, block->states_in, c->program->cotangent, cotangent, before);
  lay_gradients(c, pass->target_gradient);
  RG_TRY(run(c));
  take_gradients(c, pass->target_gradient);
  if (pass->options.observe)
    pass->seen.cotangent[layer] =
        rg_pass_goes_back(pass, layer) ? rg_pass_rms(pass, c->block, false, before) : NAN;
  return RUNG_OK;
}

rung_status rg_pass_layer_forward(rg_pass *pass, rg_program_kind kind, int64_t layer,
                                  void *const *in, void **out, char *kept, bool again) {
  call c = begin(pass, kind, layer);
  const rg_block *block = &pass->network->blocks.list[c.block];
  if (pass->options.observe && !again)
    pass->seen.state[layer] =
        rg_pass_rms(pass, c.block, rg_state_fixed(pass->network, c.block), in);
  for (int s = 0; s < block->states_in; s++) lay(&c, in[s]);
  lay_rest(&c);
  follow(&c, block->states_out, c.program->state, in, out);
  char *unwanted = pass->unwanted;
  for (int i = 0; i < c.of->statistics; i++) {
    const rg_variable *v = &pass->network->statistic[c.of->statistic[i]];
    pass->out[c.program->first_statistic + i] =
        again ? unwanted : part_of(&c, pass->running, v, c.layer);
    unwanted += rg_padded((size_t)v->count * c.size);
  }
  for (int k = 0; kind == RG_FORWARD_KEEP && k < c.program->kept; k++) {
    pass->out[c.program->first_kept + k] = kept;
    kept += rg_padded((size_t)rung_shape_count(&c.program->kept_shape[k]) * c.size);
  }
  if (c.program->transport) pass->out[c.program->outputs - 1] = pass->cost;
  RG_TRY(run(&c));
  if (c.program->transport && !again) rg_pass_take_costs(pass, 1);
  return RUNG_OK;
}

rung_status rg_pass_layer_backward(rg_pass *pass, int64_t layer, const rg_stored *at,
                                   void *const *behind, void *const *cotangent, void **before) {
  call c = begin(pass, RG_BACKWARD_KEPT, layer);
  const rg_block *block = &pass->network->blocks.list[c.block];
  char *kept = at->kept;
  for (int s = 0; s < block->states_in; s++) lay(&c, at->state[s]);
  for (int s = 0; s < block->states_out; s++) lay(&c, behind[s]);
  for (int k = 0; k < c.program->kept; k++) {
    lay(&c, kept);
    kept += rg_padded((size_t)rung_shape_count(&c.program->kept_shape[k]) * c.size);
  }
  return run_back(&c, layer, cotangent, before);
}

rung_status rg_pass_layer_backward_again(rg_pass *pass, int64_t layer, void *const *at,
                                         void *const *cotangent, void **before) {
  call c = begin(pass, RG_BACKWARD, layer);
  for (int s = 0; s < pass->network->blocks.list[c.block].states_in; s++) lay(&c, at[s]);
  return run_back(&c, layer, cotangent, before);
}

rung_status rg_pass_layer_reverse(rg_pass *pass, int64_t layer, void *const *behind,
                                  void *const *cotangent, void **state, void **before) {
  call c = begin(pass, RG_REVERSE, layer);
  for (int s = 0; s < 2; s++) lay(&c, behind[s]);
  follow(&c, 2, c.program->state, behind, state);
  return run_back(&c, layer, cotangent, before);
}

rung_status rg_pass_layer_tangent(rg_pass *pass, int64_t layer, void *const *at,
                                  void *const *tangent, const void *tangents, void **next,
                                  void **next_tangent) {
  call c = begin(pass, RG_TANGENT, layer);
  const rung_network *n = pass->network;
  const rg_block *block = &n->blocks.list[c.block];
  const void **into = (const void **)pass->in;
  for (int s = 0; s < block->states_in; s++) lay(&c, at[s]);
  for (int s = 0; s < block->states_in; s++) lay(&c, tangent[s]);
  c.ins += rg_layer_parameters(n, c.block, c.layer, n->theta, pass->layer_parameters, into + c.ins);
  c.ins += rg_layer_parameters(n, c.block, c.layer, tangents, pass->layer_gradient, into + c.ins);
  c.ins += rg_layer_statistics(n, c.block, c.layer, n->running, into + c.ins);
  if (c.program->random) rg_pass_set_key(pass, c.block, c.layer, pass->key);
  lay(&c, pass->key);
  follow(&c, block->states_out, c.program->state, at, next);
  for (int s = 0; s < block->states_out; s++)
    pass->out[c.program->cotangent[s].output] = next_tangent[s];
  return run(&c);
}
