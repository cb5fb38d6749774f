/* What blocks build into: parameters, statistics and the random key, asked for by name. */
#include <stdio.h>
#include <string.h>

#include "nn/builder.h"

void rg_builder_begin(rg_builder *b, rung_graph *g, const rg_block *block, bool training) {
  *b = (rg_builder){
      .ctx = rung_graph_context(g), .g = g, .block = block, .training = training, .key = RUNG_NONE};
  for (int s = 0; s < RG_MOST_STATES; s++) b->move[s] = RUNG_NONE;
}

void rg_builder_end(rg_builder *b) {
  rg_free(b->ctx, b->asked);
  b->asked = NULL;
  b->count = b->capacity = 0;
}

rung_graph *rg_builder_graph(const rg_builder *b) {
  return b->g;
}

bool rg_builder_training(const rg_builder *b) {
  return b->training;
}

const rg_block *rg_builder_block(const rg_builder *b) {
  return b->block;
}

static rg_asked *find(const rg_builder *b, const char *name, bool statistic) {
  for (int i = 0; i < b->count; i++)
    if (b->asked[i].statistic == statistic && !strcmp(b->asked[i].name, name)) return &b->asked[i];
  return NULL;
}

static rg_asked *append(rg_builder *b) {
  if (b->count == b->capacity) {
    int capacity = b->capacity ? 2 * b->capacity : 8;
    rg_asked *list = rg_realloc(b->ctx, b->asked, (size_t)capacity, sizeof *list);
    if (!list) return NULL;
    b->asked = list;
    b->capacity = capacity;
  }
  return &b->asked[b->count++];
}

static rung_node ask_unchecked(rg_builder *b, const char *name, int rank, const int64_t *dims,
                               const rg_asked *like) {
  char full[RG_VARIABLE_NAME];
  int length = snprintf(full, sizeof full, "%s.%s", b->block->name, name);
  if (length >= (int)sizeof full)
    return rung_node_fail(b->g, RUNG_E_ARGUMENT, "the name of a tensor is too long: %s", full);
  rung_shape shape;
  if (rg_shape_make(b->ctx, full, rank, dims, &shape) != RUNG_OK) return RUNG_NONE;
  const rg_asked *old = find(b, full, like->statistic);
  if (old && rg_shape_equal(&old->shape, &shape)) return old->node;
  if (old)
    return rung_node_fail(b->g, RUNG_E_ARGUMENT, "the tensor %s is asked for with two shapes",
                          full);
  rung_node node = rung_input(b->g, full, rank, dims);
  rg_asked *asked = node == RUNG_NONE ? NULL : append(b);
  if (!asked) return RUNG_NONE;
  *asked = *like;
  memcpy(asked->name, full, sizeof full);
  asked->node = node;
  asked->next = RUNG_NONE;
  asked->shape = shape;
  return node;
}

/* Blocks need not read what they ask for, so that a failure is kept here. After an error nothing is
 * asked for: shapes that come of absent nodes would only hide it. */
static rung_node ask(rg_builder *b, const char *name, int rank, const int64_t *dims,
                     const rg_asked *like) {
  rung_node node = b->ctx->status == RUNG_OK ? ask_unchecked(b, name, rank, dims, like) : RUNG_NONE;
  if (node == RUNG_NONE) b->failed = true;
  return node;
}

rung_node rg_parameter(rg_builder *b, const char *name, int rank, const int64_t *dims,
                       rg_begin begin, double scale, bool decays) {
  return ask(b, name, rank, dims, &(rg_asked){.begin = begin, .scale = scale, .decays = decays});
}

rung_node rg_statistic(rg_builder *b, const char *name, int rank, const int64_t *dims,
                       double value) {
  return ask(b, name, rank, dims,
             &(rg_asked){.begin = RG_BEGIN_CONSTANT, .scale = value, .statistic = true});
}

void rg_statistic_update(rg_builder *b, rung_node statistic, rung_node next) {
  if (next == RUNG_NONE) b->failed = true;
  for (int i = 0; i < b->count; i++)
    if (b->asked[i].statistic && b->asked[i].node == statistic) b->asked[i].next = next;
}

rung_node rg_random_key(rg_builder *b) {
  if (b->key == RUNG_NONE) b->key = rung_input(b->g, "key", 1, (int64_t[]){4});
  if (b->key == RUNG_NONE) b->failed = true;
  return b->key;
}

void rg_moves(rg_builder *b, int state, rung_node by) {
  if (by == RUNG_NONE) b->failed = true;
  b->move[state] = by;
}

rg_block *rg_blocks_add(rg_blocks *blocks, const char *name, const rg_block_kind *kind) {
  if (blocks->count == blocks->capacity) {
    int capacity = blocks->capacity ? 2 * blocks->capacity : 8;
    rg_block *list = rg_realloc(blocks->ctx, blocks->list, (size_t)capacity, sizeof *list);
    if (!list) return NULL;
    blocks->list = list;
    blocks->capacity = capacity;
  }
  if (strlen(name) >= RG_BLOCK_NAME) {
    rg_fail(blocks->ctx, RUNG_E_ARGUMENT, "the name of a block is too long: %s", name);
    return NULL;
  }
  rg_block *block = &blocks->list[blocks->count++];
  memset(block, 0, sizeof *block);
  snprintf(block->name, sizeof block->name, "%s", name);
  block->kind = kind;
  block->layers = 1;
  block->states_in = block->states_out = 1;
  return block;
}

/* ---- layers ---- */

/* The context's error, or one that says that the block gave none. */
static rung_status failed(const rg_builder *b) {
  if (b->ctx->status != RUNG_OK) return b->ctx->status;
  return rg_fail(b->ctx, RUNG_E_ARGUMENT, "block %s: a node is missing", b->block->name);
}

static rung_status build_plain(rg_builder *b, rg_lie lie, rg_built *l) {
  for (int s = 0; s < b->block->states_in; s++)
    l->value[s] = lie.in ? rung_fixed_value(b->g, l->in[s]) : l->in[s];
  for (int s = 0; s < RG_MOST_STATES; s++) l->result[s] = RUNG_NONE;
  b->block->kind->forward(b, l->value, l->result);
  for (int s = 0; s < b->block->states_out; s++) {
    l->out[s] = lie.out ? rung_fixed_from(b->g, l->result[s]) : l->result[s];
    if (l->out[s] == RUNG_NONE) return failed(b);
  }
  return b->failed ? failed(b) : RUNG_OK;
}

/* What coupling `which` adds to its target, given the states as they lie; checked. */
static rung_status build_increment(rg_builder *b, bool fixed, int which, const rung_node *state,
                                   rg_built *l) {
  const rg_coupling *c = &b->block->kind->coupling[which];
  l->source[which] = fixed ? rung_fixed_value(b->g, state[c->source]) : state[c->source];
  l->increment[which] = b->block->kind->increment(b, which, l->source[which]);
  if (l->increment[which] == RUNG_NONE || state[c->target] == RUNG_NONE || b->failed)
    return failed(b);
  rung_shape have = rung_node_shape(b->g, l->increment[which]);
  rung_shape want = rung_node_shape(b->g, state[c->target]);
  char x[RG_SHAPE_TEXT], y[RG_SHAPE_TEXT];
  if (rg_shape_equal(&have, &want)) return RUNG_OK;
  return rg_fail(b->ctx, RUNG_E_SHAPE, "block %s: an increment has shape %s, its state %s",
                 b->block->name, rg_shape_text(&have, x), rg_shape_text(&want, y));
}

static rung_node moved(rg_builder *b, bool fixed, rung_node state, rung_node by, bool back) {
  if (fixed) return rung_fixed_add(b->g, state, back ? rung_neg(b->g, by) : by);
  return back ? rung_sub(b->g, state, by) : rung_add(b->g, state, by);
}

static void exchange(rung_node *state) {
  rung_node first = state[0];
  state[0] = state[1];
  state[1] = first;
}

rung_status rg_build_layer(rg_builder *b, rg_lie lie, rg_built *l) {
  const rg_block_kind *kind = b->block->kind;
  if (!rg_is_reversible(b->block)) return build_plain(b, lie, l);
  memcpy(l->out, l->in, sizeof l->out);
  for (int k = 0; k < kind->couplings; k++) {
    RG_TRY(build_increment(b, lie.in, k, l->out, l));
    rung_node *target = &l->out[kind->coupling[k].target];
    *target = moved(b, lie.in, *target, l->increment[k], false);
    if (*target == RUNG_NONE) return failed(b);
  }
  if (kind->exchange) exchange(l->out);
  return RUNG_OK;
}

rung_status rg_build_inverse(rg_builder *b, rg_lie lie, rg_built *l) {
  const rg_block_kind *kind = b->block->kind;
  memcpy(l->in, l->out, sizeof l->in);
  if (kind->exchange) exchange(l->in);
  for (int k = kind->couplings - 1; k >= 0; k--) {
    RG_TRY(build_increment(b, lie.in, k, l->in, l));
    rung_node *target = &l->in[kind->coupling[k].target];
    *target = moved(b, lie.in, *target, l->increment[k], true);
    if (*target == RUNG_NONE) return failed(b);
  }
  return RUNG_OK;
}

/* ---- architectures ---- */

#define ARCHITECTURE_POINTER(name) &rg_architecture_##name,
static const rg_architecture *const architectures[] = {RG_ARCHITECTURES(ARCHITECTURE_POINTER)};
#undef ARCHITECTURE_POINTER
#define ARCHITECTURE_ONE(name) +1
enum { ARCHITECTURES = 0 RG_ARCHITECTURES(ARCHITECTURE_ONE) };
#undef ARCHITECTURE_ONE

const rg_architecture *rg_architecture_find(rung_context *ctx, const char *name) {
  char list[256] = "";
  int used = 0;
  for (int i = 0; i < ARCHITECTURES; i++) {
    if (name && !strcmp(name, architectures[i]->name)) return architectures[i];
    used += snprintf(list + used, sizeof list - (size_t)used, "%s%s", i ? ", " : "",
                     architectures[i]->name);
  }
  rg_fail(ctx, RUNG_E_ARGUMENT, "architecture: expected one of %s; found \"%s\"", list,
          name ? name : "");
  return NULL;
}
