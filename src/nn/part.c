/* Layers of blocks as parts of graphs, and their derivatives. */
#include "nn/part.h"

#include <string.h>

rung_status rg_node_list_add(rg_node_list *list, int count, const rung_node *node) {
  if (list->count + count > list->capacity) {
    int capacity = 2 * (list->count + count);
    rung_node *grown = rg_realloc(list->ctx, list->node, (size_t)capacity, sizeof *grown);
    if (!grown) return RUNG_E_MEMORY;
    list->node = grown;
    list->capacity = capacity;
  }
  if (count) memcpy(list->node + list->count, node, (size_t)count * sizeof *node);
  list->count += count;
  return RUNG_OK;
}

void rg_node_list_free(rg_node_list *list) {
  rg_free(list->ctx, list->node);
  *list = (rg_node_list){.ctx = list->ctx};
}

static rung_status error_of(const rung_graph *g) {
  rung_context *ctx = rung_graph_context(g);
  if (ctx->status != RUNG_OK) return ctx->status;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "a node is missing");
}

rung_status rg_part_states(const rung_network *n, rung_graph *g, int block, int64_t samples,
                           const char *name, rung_node *out) {
  int states = block < n->blocks.count ? n->blocks.list[block].states_in : 1;
  for (int s = 0; s < states; s++) {
    const rung_shape *shape = &n->state_shape[block][s];
    int64_t dims[RUNG_MAX_RANK + 1] = {samples};
    for (int i = 0; i < shape->rank; i++) dims[i + 1] = shape->dim[i];
    out[s] = rung_input(g, name, shape->rank + 1, dims);
    if (out[s] == RUNG_NONE) return error_of(g);
  }
  return RUNG_OK;
}

static rung_status open_part(rg_part *part, const rung_network *n, rung_graph *g, int block,
                             bool training) {
  const rg_block_variables *of = &n->of_block[block];
  *part = (rg_part){.network = n,
                    .block = block,
                    .lie = {rg_state_fixed(n, block), rg_state_fixed(n, block + 1)},
                    .parameters = of->parameters,
                    .statistics = of->statistics,
                    .weight = RUNG_NONE};
  rg_builder_begin(&part->builder, g, &n->blocks.list[block], training);
  size_t parameters = (size_t)of->parameters, statistics = (size_t)of->statistics;
  part->parameter = rg_alloc(part->builder.ctx, parameters, sizeof *part->parameter);
  part->statistic = rg_alloc(part->builder.ctx, statistics, sizeof *part->statistic);
  part->next = rg_alloc(part->builder.ctx, statistics, sizeof *part->next);
  return part->parameter && part->statistic && part->next ? RUNG_OK : RUNG_E_MEMORY;
}

void rg_part_close(rg_part *part) {
  rung_context *ctx = part->builder.ctx;
  rg_free(ctx, part->parameter);
  rg_free(ctx, part->statistic);
  rg_free(ctx, part->next);
  rg_builder_end(&part->builder);
}

/* What was asked for under the name of a variable, or an input that nothing reads. */
static rg_asked of_variable(rg_part *part, const rg_variable *v, bool statistic) {
  const rg_builder *b = &part->builder;
  for (int i = 0; i < b->count; i++)
    if (b->asked[i].statistic == statistic && !strcmp(b->asked[i].name, v->name))
      return b->asked[i];
  rung_node unread = rung_input(b->g, v->name, v->shape.rank, v->shape.dim);
  return (rg_asked){.node = unread, .next = RUNG_NONE};
}

static rung_status list_variables(rg_part *part) {
  const rung_network *n = part->network;
  const rg_block_variables *of = &n->of_block[part->block];
  for (int i = 0; i < part->parameters; i++) {
    part->parameter[i] = of_variable(part, &n->parameter[of->parameter[i]], false).node;
    if (part->parameter[i] == RUNG_NONE) return error_of(part->builder.g);
  }
  for (int i = 0; i < part->statistics; i++) {
    rg_asked asked = of_variable(part, &n->statistic[of->statistic[i]], true);
    if (asked.node == RUNG_NONE) return error_of(part->builder.g);
    part->statistic[i] = asked.node;
    part->next[i] = asked.next == RUNG_NONE ? asked.node : asked.next;
  }
  part->key = rg_random_key(&part->builder);
  return part->key == RUNG_NONE ? error_of(part->builder.g) : RUNG_OK;
}

/* What state s of a plain block has become, less what it was; RUNG_NONE where that cannot be. */
static rung_node difference(const rg_part *part, int s) {
  rung_graph *g = part->builder.g;
  rung_node after = part->built.result[s], before = part->built.value[s];
  if (s >= part->builder.block->states_in || after == before) return RUNG_NONE;
  rung_shape now = rung_node_shape(g, after), then = rung_node_shape(g, before);
  return rg_shape_equal(&now, &then) ? rung_sub(g, after, before) : RUNG_NONE;
}

static rung_status list_moves(rg_part *part) {
  const rung_network *n = part->network;
  const rg_builder *b = &part->builder;
  const rg_block *block = b->block;
  bool last = part->block == n->blocks.count - 1;
  if (n->transport == RG_TRANSPORT_NONE || last || !b->training) return RUNG_OK;
  bool reversible = rg_is_reversible(block);
  int count = reversible ? block->kind->couplings : block->states_out;
  for (int k = 0; k < count; k++) {
    rung_node by = reversible ? part->built.increment[k] : b->move[k];
    if (by == RUNG_NONE) by = difference(part, k);
    if (by != RUNG_NONE) part->move[part->moves++] = by;
  }
  return b->ctx->status;
}

rung_status rg_part_forward(rg_part *part, const rung_network *n, rung_graph *g, int block,
                            bool training, const rung_node *in) {
  RG_TRY(open_part(part, n, g, block, training));
  memcpy(part->built.in, in, sizeof *in * (size_t)n->blocks.list[block].states_in);
  RG_TRY(rg_build_layer(&part->builder, part->lie, &part->built));
  RG_TRY(list_variables(part));
  return list_moves(part);
}

rung_status rg_part_inverse(rg_part *part, const rung_network *n, rung_graph *g, int block,
                            const rung_node *out) {
  RG_TRY(open_part(part, n, g, block, true));
  memcpy(part->built.out, out, sizeof *out * (size_t)n->blocks.list[block].states_out);
  RG_TRY(rg_build_inverse(&part->builder, part->lie, &part->built));
  RG_TRY(list_variables(part));
  return list_moves(part);
}

rung_status rg_part_inputs(const rg_part *part, rg_node_list *list) {
  RG_TRY(rg_node_list_add(list, part->parameters, part->parameter));
  RG_TRY(rg_node_list_add(list, part->statistics, part->statistic));
  return rg_node_list_add(list, 1, &part->key);
}

/* ---- derivatives ---- */

static rung_node sum_of(rung_graph *g, rung_node a, rung_node b) {
  if (a == RUNG_NONE) return b;
  return b == RUNG_NONE ? a : rung_add(g, a, b);
}

/* One by what the sum of squares of the moves is divided by. */
static double share_of(const rg_part *part) {
  int64_t count = 0;
  rung_shape shape = {0};
  for (int k = 0; k < part->moves; k++) {
    shape = rung_node_shape(part->builder.g, part->move[k]);
    count += rung_shape_count(&shape);
  }
  return 1 / (double)(part->network->transport == RG_TRANSPORT_SUM ? shape.dim[0] : count);
}

rung_node rg_part_cost(const rg_part *part) {
  rung_graph *g = part->builder.g;
  rung_node sum = RUNG_NONE;
  if (!part->moves) return RUNG_NONE;
  for (int k = 0; k < part->moves; k++) {
    rung_node by = part->move[k];
    unsigned all = (1u << rung_node_shape(g, by).rank) - 1;
    rung_node squares = rung_sum(g, rung_mul(g, by, by), all, 0);
    if (squares == RUNG_NONE) return RUNG_NONE;
    sum = sum_of(g, sum, squares);
  }
  return rung_mul(g, sum, rung_constant(g, share_of(part)));
}

/* Does the cost count on the way back? */
static bool is_weighed(const rg_part *part) {
  return part->moves > 0 && part->weight != RUNG_NONE;
}

/* What the cost adds to the cotangent of move k. */
static rung_node slope_of(const rg_part *part, int k) {
  rung_graph *g = part->builder.g;
  rung_node factor = rung_mul(g, part->weight, rung_constant(g, 2 * share_of(part)));
  return rung_mul(g, factor, part->move[k]);
}

/* The variables of a derivative: states' values, then parameters. The caller frees. */
static rung_node *variables(const rg_part *part, int states, const rung_node *state) {
  rung_node *x =
      rg_alloc(part->builder.ctx, (size_t)(states + part->parameters), sizeof(rung_node));
  if (!x) return NULL;
  memcpy(x, state, (size_t)states * sizeof *x);
  if (part->parameters) memcpy(x + states, part->parameter, (size_t)part->parameters * sizeof *x);
  return x;
}

static rung_status backward_plain(rg_part *part, const rung_node *cotangent, rung_node *before,
                                  rung_node *parameter) {
  const rg_block *block = part->builder.block;
  int states = before ? block->states_in : 0, count = block->states_out;
  rung_node y[RG_MOST_STATES + RG_MOST_COUPLINGS], d[RG_MOST_STATES + RG_MOST_COUPLINGS];
  memcpy(y, part->built.result, sizeof part->built.result);
  memcpy(d, cotangent, (size_t)count * sizeof *d);
  for (int k = 0; k < part->moves && is_weighed(part); k++, count++) {
    y[count] = part->move[k];
    d[count] = slope_of(part, k);
  }
  rung_node *x = variables(part, states, part->built.value), *out = NULL;
  rung_status status = RUNG_E_MEMORY;
  if (x) out = rg_alloc(part->builder.ctx, (size_t)(states + part->parameters), sizeof *out);
  if (out) status = rg_gradients(part->builder.g, count, y, d, states + part->parameters, x, out);
  for (int i = 0; status == RUNG_OK && i < states; i++) before[i] = out[i];
  for (int i = 0; status == RUNG_OK && i < part->parameters; i++) parameter[i] = out[states + i];
  rg_free(part->builder.ctx, x);
  rg_free(part->builder.ctx, out);
  return status;
}

/* The same sums in the same order whether the sources were computed forwards or backwards, so that
 * the bits agree. */
static rung_status backward_coupled(rg_part *part, const rung_node *cotangent, rung_node *before,
                                    rung_node *parameter) {
  const rg_block_kind *kind = part->builder.block->kind;
  rung_graph *g = part->builder.g;
  rung_node d[] = {cotangent[kind->exchange ? 1 : 0], cotangent[kind->exchange ? 0 : 1]};
  size_t count = (size_t)part->parameters + 1;
  rung_node *out = rg_alloc(part->builder.ctx, count, sizeof *out);
  rung_status status = out ? RUNG_OK : RUNG_E_MEMORY;
  for (int i = 0; i < part->parameters; i++) parameter[i] = RUNG_NONE;
  for (int k = kind->couplings - 1; status == RUNG_OK && k >= 0; k--) {
    int source = kind->coupling[k].source, target = kind->coupling[k].target;
    rung_node *x = variables(part, 1, &part->built.source[k]);
    rung_node of_move = is_weighed(part) ? rung_add(g, d[target], slope_of(part, k)) : d[target];
    status = x ? rg_gradients(g, 1, &part->built.increment[k], &of_move, (int)count, x, out)
               : RUNG_E_MEMORY;
    rg_free(part->builder.ctx, x);
    if (status != RUNG_OK) break;
    d[source] = sum_of(g, d[source], out[0]);
    for (int i = 0; i < part->parameters; i++) parameter[i] = sum_of(g, parameter[i], out[i + 1]);
  }
  rg_free(part->builder.ctx, out);
  if (before) memcpy(before, d, sizeof d);
  return status;
}

rung_status rg_part_backward(rg_part *part, const rung_node *cotangent, rung_node *before,
                             rung_node *parameter) {
  return rg_is_reversible(part->builder.block)
             ? backward_coupled(part, cotangent, before, parameter)
             : backward_plain(part, cotangent, before, parameter);
}

/* `of`'s tangent as states and parameters change. */
static rung_status tangent_of(rg_part *part, int states, const rung_node *state,
                              const rung_node *state_tangent, const rung_node *parameter_tangent,
                              int count, const rung_node *of, rung_node *out) {
  rung_node *x = variables(part, states, state), *t = NULL;
  size_t total = (size_t)(states + part->parameters);
  rung_status status = RUNG_E_MEMORY;
  if (x) t = rg_alloc(part->builder.ctx, total, sizeof *t);
  if (t) {
    memcpy(t, state_tangent, (size_t)states * sizeof *t);
    if (part->parameters)
      memcpy(t + states, parameter_tangent, (size_t)part->parameters * sizeof *t);
    status = rung_jvp(part->builder.g, (int)total, x, t, count, of, out);
  }
  rg_free(part->builder.ctx, x);
  rg_free(part->builder.ctx, t);
  return status;
}

rung_status rg_part_tangent(rg_part *part, const rung_node *state, const rung_node *parameter,
                            rung_node *out) {
  const rg_block *block = part->builder.block;
  const rg_block_kind *kind = block->kind;
  if (!rg_is_reversible(block))
    return tangent_of(part, block->states_in, part->built.value, state, parameter,
                      block->states_out, part->built.result, out);
  rung_node t[] = {state[0], state[1]}, change;
  for (int k = 0; k < kind->couplings; k++) {
    rung_node *target = &t[kind->coupling[k].target];
    RG_TRY(tangent_of(part, 1, &part->built.source[k], &t[kind->coupling[k].source], parameter, 1,
                      &part->built.increment[k], &change));
    *target = rung_add(part->builder.g, *target, change);
  }
  out[0] = t[kind->exchange ? 1 : 0];
  out[1] = t[kind->exchange ? 0 : 1];
  return RUNG_OK;
}
