/* Integrators: kinds of blocks whose layers are one step h of a right-hand side (field.c), whose
 * number is the block's settings.variant.
 *
 *   euler     Y += h f(Y)
 *   rk4       Y += h (k1 + 2 k2 + 2 k3 + k4) / 6, the classical method of Runge and Kutta
 *   verlet    Z += h g(Y), then Y += h f(Z); reversible. With f(V) = V it is the leapfrog method
 *             Y_{j+1} = 2 Y_j - Y_{j-1} + h^2 g(Y_j) for Y'' = g(Y), where V = (Y_j - Y_{j-1}) / h
 *   midpoint  Y_{j+1} = Y_{j-1} + 2 h f(Y_j); reversible: the states are Y_j and Y_{j-1}
 */
#include <stdio.h>
#include <string.h>

#include "nn/arch/arch.h"

#define FIELD(name) &rg_field_##name,
static const rg_field *const fields[] = {RG_FIELDS(FIELD)};
#undef FIELD

#define COUNT_ONE(name) +1
enum { FIELDS = 0 RG_FIELDS(COUNT_ONE) };
#undef COUNT_ONE

const rg_field *rg_field_of(const rg_block *stage) {
  return fields[stage->settings.variant];
}

/* a + factor * b */
static rung_node add_times(rung_graph *g, rung_node a, double factor, rung_node b) {
  return rung_add(g, a, rung_mul(g, rung_constant(g, factor), b));
}

/* The rates of all states. */
static void rates(rg_builder *b, const rung_node *state, rung_node *rate) {
  const rg_block *block = rg_builder_block(b);
  const rg_field *field = rg_field_of(block);
  for (int s = 0; s < block->states_in; s++)
    rate[s] = field->rate(b, s, state[block->states_in - 1 - s]);
}

static void euler(rg_builder *b, const rung_node *in, rung_node *out) {
  const rg_block *block = rg_builder_block(b);
  rung_graph *g = rg_builder_graph(b);
  rung_node rate[RG_MOST_STATES] = {RUNG_NONE, RUNG_NONE};
  rates(b, in, rate);
  for (int s = 0; s < block->states_in; s++) {
    rung_node by = rung_mul(g, rung_constant(g, block->settings.step), rate[s]);
    rg_moves(b, s, by);
    out[s] = rung_add(g, in[s], by);
  }
}

/* Its increments are added one after the other, so that no node is their sum: what the layer moves
 * its states by is left to be the difference. */
static void rk4(rg_builder *b, const rung_node *in, rung_node *out) {
  static const double ahead[4] = {0, 0.5, 0.5, 1}, weight[4] = {1, 2, 2, 1};
  rung_graph *g = rg_builder_graph(b);
  const rg_block *block = rg_builder_block(b);
  double h = block->settings.step;
  rung_node rate[RG_MOST_STATES] = {RUNG_NONE, RUNG_NONE}, at[RG_MOST_STATES];
  memcpy(at, rate, sizeof at);
  for (int s = 0; s < block->states_in; s++) out[s] = in[s];
  for (int k = 0; k < 4; k++) {
    for (int s = 0; s < block->states_in; s++)
      at[s] = k == 0 ? in[s] : add_times(g, in[s], h * ahead[k], rate[s]);
    rates(b, at, rate);
    for (int s = 0; s < block->states_in; s++)
      out[s] = add_times(g, out[s], h * weight[k] / 6, rate[s]);
  }
}

static rung_node verlet_increment(rg_builder *b, int which, rung_node source) {
  const rg_block *block = rg_builder_block(b);
  rung_graph *g = rg_builder_graph(b);
  rung_node rate = rg_field_of(block)->rate(b, 1 - which, source);
  return rung_mul(g, rung_constant(g, block->settings.step), rate);
}

static rung_node midpoint_increment(rg_builder *b, int which, rung_node source) {
  (void)which;
  const rg_block *block = rg_builder_block(b);
  rung_graph *g = rg_builder_graph(b);
  rung_node rate = rg_field_of(block)->rate(b, 0, source);
  return rung_mul(g, rung_constant(g, 2 * block->settings.step), rate);
}

static const rg_block_kind euler_kind = {.name = "euler", .forward = euler};
static const rg_block_kind rk4_kind = {.name = "rk4", .forward = rk4};
static const rg_block_kind verlet_kind = {
    .name = "verlet", .couplings = 2, .coupling = {{1, 0}, {0, 1}}, .increment = verlet_increment};
static const rg_block_kind midpoint_kind = {.name = "midpoint",
                                            .couplings = 1,
                                            .coupling = {{1, 0}},
                                            .increment = midpoint_increment,
                                            .exchange = true};

bool rg_is_stage(const rg_block *block) {
  return block->kind == &euler_kind || block->kind == &rk4_kind || block->kind == &verlet_kind ||
         block->kind == &midpoint_kind;
}

/* ---- what goes together ---- */

static rung_status find_field(rung_context *ctx, const char *name, int *out) {
  for (*out = 0; *out < FIELDS; (*out)++)
    if (!strcmp(name, fields[*out]->name)) return RUNG_OK;
  char list[200] = "";
  for (int i = 0; i < FIELDS; i++) {
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", fields[i]->name);
  }
  return rg_fail(ctx, RUNG_E_ARGUMENT, "block: expected one of %s; found \"%s\"", list, name);
}

/* The integrator's kind of block, where it applies to the right-hand side. */
static rung_status find_integrator(rung_context *ctx, const rung_network_settings *s,
                                   const rg_field *field, const rg_block_kind **out) {
  const char *name = s->integrator ? s->integrator : field->integrator;
  const char *why = NULL;
  if (!strcmp(name, "euler")) {
    *out = &euler_kind;
  } else if (!strcmp(name, "rk4")) {
    *out = &rk4_kind;
    if (!strcmp(s->norm, "batch"))
      why = "takes four looks at each layer, which batch normalisation would each need statistics "
            "for; use norm layer, group or none";
  } else if (!strcmp(name, "verlet")) {
    *out = &verlet_kind;
    if (field->states != RG_HALVES) why = "needs two halves of a state: block hamiltonian";
  } else if (!strcmp(name, "leapfrog")) {
    *out = &verlet_kind;
    if (field->states != RG_VELOCITY) why = "is for second-order equations: block leapfrog";
  } else if (!strcmp(name, "midpoint")) {
    *out = &midpoint_kind;
    if (field->states != RG_ONE) why = "is for one state: block antisymmetric or resnet";
    if (field->decays) why = "is unstable, however small the step, for what decays";
  } else {
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "integrator: expected euler, verlet, leapfrog, midpoint or rk4; found \"%s\"",
                   name);
  }
  if (!why) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "integrator %s does not go with block %s: it %s", name,
                 field->name, why);
}

static rung_status choose(rung_context *ctx, const rung_network_settings *s, bool images,
                          int *number, const rg_block_kind **kind, rg_states *states) {
  RG_TRY(find_field(ctx, s->block, number));
  const rg_field *field = fields[*number];
  RG_TRY(find_integrator(ctx, s, field, kind));
  *states = *kind == &midpoint_kind ? RG_TWICE : field->states;
  if (field->images_only && !images)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "block %s is for images; for features: resnet",
                   field->name);
  return RUNG_OK;
}

rung_status rg_stage_states(rung_context *ctx, const rung_network_settings *s, bool images,
                            rg_states *out) {
  int number;
  const rg_block_kind *kind;
  return choose(ctx, s, images, &number, &kind, out);
}

rung_status rg_add_stage(rung_context *ctx, const rung_network_settings *s, int stage, bool images,
                         rg_blocks *out) {
  int number;
  const rg_block_kind *kind;
  rg_states states;
  RG_TRY(choose(ctx, s, images, &number, &kind, &states));
  if (states == RG_HALVES && s->channels[stage] % 2)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "channels: block %s halves them; found %lld, which is odd, in stage %d",
                   s->block, (long long)s->channels[stage], stage + 1);
  int64_t added = stage == s->stages - 1 ? s->added : 0;
  double step = s->step > 0 ? s->step : s->time / (double)(s->layers[stage] - added);
  if (!(step > 0 && step < 1e6) || s->step < 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "time, step: expected more than 0; found %g and %g",
                   s->time, s->step);
  if (!(s->gamma >= 0))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "gamma: expected at least 0; found %g", s->gamma);
  if (s->nodes == 1 || s->nodes < 0 || s->nodes > s->layers[stage])
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "nodes: expected 0 (weights of each layer its own) or 2 to %lld, the layers of "
                   "stage %d; found %lld",
                   (long long)s->layers[stage], stage + 1, (long long)s->nodes);
  rg_block *block = rg_add_block(out, s, kind, "stage", stage + 1);
  if (!block) return RUNG_E_MEMORY;
  block->settings.width = s->channels[stage];
  block->settings.step = step;
  block->settings.variant = number;
  block->layers = s->layers[stage];
  block->nodes = s->nodes;
  block->states_in = block->states_out = rg_states_count(states);
  return RUNG_OK;
}

/* ---- states ---- */

void rg_block_opens(rg_block *block, rg_states states) {
  block->settings.variant = (int)states;
  block->states_out = rg_states_count(states);
}

void rg_block_closes(rg_block *block, rg_states states) {
  block->settings.variant = (int)states;
  block->states_in = rg_states_count(states);
}

void rg_states_open(rg_builder *b, rung_node x, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, x);
  out[0] = x;
  if (shape.rank < 1) return;
  int last = shape.rank - 1;
  switch ((rg_states)rg_builder_block(b)->settings.variant) {
  case RG_ONE:
    break;
  case RG_HALVES:
    out[0] = rung_slice(g, x, last, 0, shape.dim[last] / 2, 1);
    out[1] = rung_slice(g, x, last, shape.dim[last] / 2, shape.dim[last] / 2, 1);
    break;
  case RG_VELOCITY:
    out[1] = rung_broadcast(g, rung_constant(g, 0), shape.rank, shape.dim);
    break;
  case RG_TWICE:
    out[1] = x;
    break;
  }
}

rung_node rg_states_close(rg_builder *b, const rung_node *in) {
  if (rg_builder_block(b)->settings.variant != RG_HALVES) return in[0];
  return rung_concat(rg_builder_graph(b), 2, in, -1);
}
