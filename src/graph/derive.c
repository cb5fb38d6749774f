/* Derivatives and other graph-to-graph changes. Each walks the nodes in their order (operands come
 * first) or against it, and adds nodes at the end. */
#include "graph/graph.h"

#include <string.h>

static rung_status check_nodes(rung_graph *g, const char *what, int count, const rung_node *node) {
  for (int i = 0; i < count; i++) {
    if (node[i] == RUNG_NONE && g->ctx->status != RUNG_OK) return g->ctx->status;
    if (node[i] < 0 || node[i] >= g->size)
      return rg_fail(g->ctx, RUNG_E_ARGUMENT, "%s: node %d is not a node of this graph", what, i);
  }
  return RUNG_OK;
}

static rung_status check_shape(rung_graph *g, const char *what, rung_node have, rung_node want) {
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (rg_shape_equal(&g->node[have].shape, &g->node[want].shape)) return RUNG_OK;
  return rg_fail(g->ctx, RUNG_E_SHAPE, "%s: expected shape %s, found %s", what,
                 rg_shape_text(&g->node[want].shape, a), rg_shape_text(&g->node[have].shape, b));
}

/* Walks tell their own failures by the context's status. An error that was there before is set
 * aside for so long, and is still the last error where the walk succeeds. */
typedef struct earlier_error {
  rung_status status;
  char first; /* of the message, where clearing writes */
} earlier_error;

static earlier_error set_error_aside(rung_context *ctx) {
  earlier_error earlier = {ctx->status, ctx->message[0]};
  rung_clear_error(ctx);
  return earlier;
}

static rung_status end_with(rung_context *ctx, rung_status status, earlier_error earlier) {
  if (status != RUNG_OK) return status;
  ctx->status = earlier.status;
  ctx->message[0] = earlier.first;
  return RUNG_OK;
}

/* Zeros of a node's shape. */
static rung_node zeros_like(rung_graph *g, rung_node node) {
  rung_shape shape = g->node[node].shape;
  return rung_broadcast(g, rung_constant(g, 0), shape.rank, shape.dim);
}

/* Working memory of a walk: a flag and a node for each node there was at its start. */
typedef struct walk {
  rung_context *ctx;
  bool *need, *active;
  rung_node *value;
  int size;
} walk;

static rung_status walk_begin(walk *w, rung_graph *g) {
  *w = (walk){.ctx = g->ctx, .size = g->size};
  w->need = rg_calloc(g->ctx, (size_t)g->size, sizeof *w->need);
  w->active = rg_calloc(g->ctx, (size_t)g->size, sizeof *w->active);
  w->value = rg_alloc(g->ctx, (size_t)g->size, sizeof *w->value);
  if (!w->need || !w->active || !w->value) return RUNG_E_MEMORY;
  for (int i = 0; i < g->size; i++) w->value[i] = RUNG_NONE;
  return RUNG_OK;
}

static void walk_end(walk *w) {
  rg_free(w->ctx, w->need);
  rg_free(w->ctx, w->active);
  rg_free(w->ctx, w->value);
}

/* What `cotangent` of `node` gives operand `which`, in the operand's shape. */
static rung_node pull_back(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  const rung_op *op = g->node[node].op;
  if (!op->elementwise)
    return op->vjp ? op->vjp(g, node, which, cotangent)
                   : rung_node_fail(g, RUNG_E_UNSUPPORTED, "%s: has no derivative", op->name);
  rung_node partial = op->partial ? op->partial(g, node, which) : RUNG_NONE;
  if (partial == RUNG_NONE) return RUNG_NONE;
  rung_shape shape = g->node[g->node[node].in[which]].shape;
  return rg_sum_to_shape(g, rung_mul(g, cotangent, partial), &shape);
}

static void accumulate(rung_graph *g, rung_node *sum, rung_node term) {
  if (term == RUNG_NONE) return;
  *sum = *sum == RUNG_NONE ? term : rung_add(g, *sum, term);
}

static rung_status reverse_walk(rung_graph *g, walk *w, rung_node y, rung_node cotangent, int count,
                                const rung_node *x, rung_node *out) {
  rg_mark_needed(g, 1, &y, w->need);
  rg_mark_active(g, count, x, w->active);
  w->value[y] = cotangent;
  for (rung_node i = y; i >= 0; i--) {
    if (!w->need[i] || !w->active[i] || w->value[i] == RUNG_NONE) continue;
    int operands = g->node[i].operands;
    for (int j = 0; j < operands; j++) {
      rung_node in = g->node[i].in[j];
      if (w->active[in]) accumulate(g, &w->value[in], pull_back(g, i, j, w->value[i]));
      if (g->ctx->status != RUNG_OK) return g->ctx->status;
    }
  }
  for (int i = 0; i < count; i++)
    out[i] = w->value[x[i]] != RUNG_NONE ? w->value[x[i]] : zeros_like(g, x[i]);
  return g->ctx->status;
}

rung_status rung_gradient(rung_graph *g, rung_node y, rung_node cotangent, int count,
                          const rung_node *x, rung_node *out) {
  RG_TRY(check_nodes(g, "gradient", 1, &y));
  RG_TRY(check_nodes(g, "gradient", count, x));
  earlier_error earlier = set_error_aside(g->ctx);
  if (cotangent == RUNG_NONE) {
    if (rung_shape_count(&g->node[y].shape) != 1)
      return rg_fail(g->ctx, RUNG_E_SHAPE, "gradient: a value that is no scalar needs a cotangent");
    rung_shape shape = g->node[y].shape;
    cotangent = rung_broadcast(g, rung_constant(g, 1), shape.rank, shape.dim);
  }
  RG_TRY(check_nodes(g, "gradient", 1, &cotangent));
  RG_TRY(check_shape(g, "gradient: cotangent", cotangent, y));
  walk w;
  rung_status status = walk_begin(&w, g);
  if (status == RUNG_OK) status = reverse_walk(g, &w, y, cotangent, count, x, out);
  walk_end(&w);
  return end_with(g->ctx, status, earlier);
}

/* Flags of the nodes that are taken for leaves; w->need marks what the y depend on, w->active what
 * depends on the x. */
static rung_status leaves_walk(rung_graph *g, walk *w, const bool *leaf, rung_node last) {
  for (rung_node i = last; i >= 0; i--) {
    if (!w->need[i] || !w->active[i] || leaf[i] || w->value[i] == RUNG_NONE) continue;
    int operands = g->node[i].operands;
    for (int j = 0; j < operands; j++) {
      rung_node in = g->node[i].in[j];
      if (w->active[in]) accumulate(g, &w->value[in], pull_back(g, i, j, w->value[i]));
      if (g->ctx->status != RUNG_OK) return g->ctx->status;
    }
  }
  return RUNG_OK;
}

rung_status rg_gradients(rung_graph *g, int count_y, const rung_node *y, const rung_node *cotangent,
                         int count_x, const rung_node *x, rung_node *out) {
  RG_TRY(check_nodes(g, "gradients", count_y, y));
  RG_TRY(check_nodes(g, "gradients", count_y, cotangent));
  RG_TRY(check_nodes(g, "gradients", count_x, x));
  for (int i = 0; i < count_y; i++)
    RG_TRY(check_shape(g, "gradients: cotangent", cotangent[i], y[i]));
  earlier_error earlier = set_error_aside(g->ctx);
  rung_node last = 0;
  walk w;
  bool *leaf = rg_calloc(g->ctx, (size_t)g->size, sizeof *leaf);
  rung_status status = walk_begin(&w, g);
  if (!leaf) status = RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    rg_mark_needed(g, count_y, y, w.need);
    rg_mark_active(g, count_x, x, w.active);
    for (int i = 0; i < count_x; i++) leaf[x[i]] = true;
    for (int i = 0; i < count_y; i++) {
      accumulate(g, &w.value[y[i]], cotangent[i]);
      if (y[i] > last) last = y[i];
    }
    status = leaves_walk(g, &w, leaf, last);
  }
  for (int i = 0; status == RUNG_OK && i < count_x; i++) out[i] = w.value[x[i]];
  walk_end(&w);
  rg_free(g->ctx, leaf);
  return end_with(g->ctx, status, earlier);
}

/* The tangent of `node` as its operand `which` changes by `tangent`. */
static rung_node push_forward(rung_graph *g, rung_node node, int which, rung_node tangent) {
  const rung_op *op = g->node[node].op;
  if (!op->elementwise)
    return op->jvp ? op->jvp(g, node, which, tangent)
                   : rung_node_fail(g, RUNG_E_UNSUPPORTED, "%s: has no derivative", op->name);
  rung_node partial = op->partial ? op->partial(g, node, which) : RUNG_NONE;
  if (partial == RUNG_NONE) return RUNG_NONE;
  rung_shape shape = g->node[node].shape;
  return rung_broadcast(g, rung_mul(g, partial, tangent), shape.rank, shape.dim);
}

static rung_status forward_walk(rung_graph *g, walk *w, int count_x, const rung_node *x,
                                const rung_node *tangent, int count_y, const rung_node *y,
                                rung_node *out) {
  rg_mark_needed(g, count_y, y, w->need);
  rg_mark_active(g, count_x, x, w->active);
  for (int i = 0; i < count_x; i++) w->value[x[i]] = tangent[i];
  for (rung_node i = 0; i < w->size; i++) {
    if (!w->need[i] || !w->active[i] || w->value[i] != RUNG_NONE) continue;
    int operands = g->node[i].operands;
    for (int j = 0; j < operands; j++) {
      rung_node in = g->node[i].in[j];
      if (w->value[in] == RUNG_NONE) continue;
      accumulate(g, &w->value[i], push_forward(g, i, j, w->value[in]));
      if (g->ctx->status != RUNG_OK) return g->ctx->status;
    }
  }
  for (int i = 0; i < count_y; i++)
    out[i] = w->value[y[i]] != RUNG_NONE ? w->value[y[i]] : zeros_like(g, y[i]);
  return g->ctx->status;
}

rung_status rung_jvp(rung_graph *g, int count_x, const rung_node *x, const rung_node *tangent,
                     int count_y, const rung_node *y, rung_node *out) {
  RG_TRY(check_nodes(g, "jvp", count_x, x));
  RG_TRY(check_nodes(g, "jvp", count_x, tangent));
  RG_TRY(check_nodes(g, "jvp", count_y, y));
  earlier_error earlier = set_error_aside(g->ctx);
  for (int i = 0; i < count_x; i++) RG_TRY(check_shape(g, "jvp: tangent", tangent[i], x[i]));
  walk w;
  rung_status status = walk_begin(&w, g);
  if (status == RUNG_OK) status = forward_walk(g, &w, count_x, x, tangent, count_y, y, out);
  walk_end(&w);
  return end_with(g->ctx, status, earlier);
}

/* A mapped operand of an elementwise node: its own dimensions stay aligned at the end. */
static rung_node align_mapped(rung_graph *g, rung_node in, int rank) {
  rung_shape have = g->node[in].shape, want = {.rank = rank + 1};
  for (int i = 0; i <= rank; i++) want.dim[i] = 1;
  want.dim[0] = have.dim[0];
  for (int i = 1; i < have.rank; i++) want.dim[rank + 1 - have.rank + i] = have.dim[i];
  return rung_reshape(g, in, want.rank, want.dim);
}

/* `node` on batches: operands that have a value in w take it, with one more dimension. */
static rung_node map_node(rung_graph *g, const walk *w, rung_node node, int64_t samples) {
  const rung_op *op = g->node[node].op;
  rung_node in[RUNG_MAX_OPERANDS];
  int mapped[RUNG_MAX_OPERANDS], operands = g->node[node].operands;
  rung_shape shape = g->node[node].shape;
  if (shape.rank == RUNG_MAX_RANK)
    return rung_node_fail(g, RUNG_E_SHAPE, "map: %s has %d dimensions already", op->name,
                          shape.rank);
  for (int j = 0; j < operands; j++) {
    rung_node old = g->node[node].in[j];
    mapped[j] = w->value[old] != RUNG_NONE;
    in[j] = mapped[j] ? w->value[old] : old;
    if (mapped[j] && op->elementwise) in[j] = align_mapped(g, in[j], shape.rank);
  }
  if (op->map) return op->map(g, node, in, mapped, samples);
  if (op->elementwise) return rg_apply_like(g, node, in);
  return rung_node_fail(g, RUNG_E_UNSUPPORTED, "map: %s cannot be mapped over samples", op->name);
}

static rung_node repeat(rung_graph *g, rung_node node, int64_t samples) {
  rung_shape shape = g->node[node].shape;
  int64_t dims[RUNG_MAX_RANK + 1] = {samples};
  memcpy(dims + 1, shape.dim, (size_t)shape.rank * sizeof *dims);
  return rung_broadcast(g, node, shape.rank + 1, dims);
}

static rung_status map_walk(rung_graph *g, walk *w, int count, const rung_node *sample,
                            const rung_node *batch, int count_y, const rung_node *y,
                            rung_node *out) {
  int64_t samples = g->node[batch[0]].shape.dim[0];
  rg_mark_needed(g, count_y, y, w->need);
  rg_mark_active(g, count, sample, w->active);
  for (int i = 0; i < count; i++) w->value[sample[i]] = batch[i];
  for (rung_node i = 0; i < w->size; i++) {
    if (!w->need[i] || !w->active[i] || w->value[i] != RUNG_NONE) continue;
    w->value[i] = map_node(g, w, i, samples);
    if (w->value[i] == RUNG_NONE) return g->ctx->status;
  }
  for (int i = 0; i < count_y; i++)
    out[i] = w->value[y[i]] != RUNG_NONE ? w->value[y[i]] : repeat(g, y[i], samples);
  return g->ctx->status;
}

static rung_status check_batches(rung_graph *g, int count, const rung_node *sample,
                                 const rung_node *batch) {
  if (count < 1) return rg_fail(g->ctx, RUNG_E_ARGUMENT, "map: nothing to map over");
  for (int i = 0; i < count; i++) {
    rung_shape one = g->node[sample[i]].shape, many = g->node[batch[i]].shape;
    bool fits = many.rank == one.rank + 1 && many.dim[0] == g->node[batch[0]].shape.dim[0];
    for (int j = 0; fits && j < one.rank; j++) fits = many.dim[j + 1] == one.dim[j];
    char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
    if (!fits)
      return rg_fail(g->ctx, RUNG_E_SHAPE,
                     "map: a batch of samples of shape %s must have that shape behind the number "
                     "of samples, the same for all; found %s",
                     rg_shape_text(&one, a), rg_shape_text(&many, b));
  }
  return RUNG_OK;
}

rung_status rung_map(rung_graph *g, int count, const rung_node *sample, const rung_node *batch,
                     int count_y, const rung_node *y, rung_node *out) {
  RG_TRY(check_nodes(g, "map", count, sample));
  RG_TRY(check_nodes(g, "map", count, batch));
  RG_TRY(check_nodes(g, "map", count_y, y));
  earlier_error earlier = set_error_aside(g->ctx);
  RG_TRY(check_batches(g, count, sample, batch));
  walk w;
  rung_status status = walk_begin(&w, g);
  if (status == RUNG_OK) status = map_walk(g, &w, count, sample, batch, count_y, y, out);
  walk_end(&w);
  return end_with(g->ctx, status, earlier);
}

static rung_status substitute_walk(rung_graph *g, walk *w, int count, const rung_node *from,
                                   const rung_node *to, int count_y, const rung_node *y,
                                   rung_node *out) {
  rg_mark_needed(g, count_y, y, w->need);
  rg_mark_active(g, count, from, w->active);
  for (int i = 0; i < count; i++) w->value[from[i]] = to[i];
  for (rung_node i = 0; i < w->size; i++) {
    if (!w->need[i] || !w->active[i] || w->value[i] != RUNG_NONE) continue;
    rung_node in[RUNG_MAX_OPERANDS];
    for (int j = 0; j < g->node[i].operands; j++) {
      rung_node old = g->node[i].in[j];
      in[j] = w->value[old] != RUNG_NONE ? w->value[old] : old;
    }
    w->value[i] = rg_apply_like(g, i, in);
    if (w->value[i] == RUNG_NONE) return g->ctx->status;
  }
  for (int i = 0; i < count_y; i++) out[i] = w->value[y[i]] != RUNG_NONE ? w->value[y[i]] : y[i];
  return g->ctx->status;
}

rung_status rung_substitute(rung_graph *g, int count, const rung_node *from, const rung_node *to,
                            int count_y, const rung_node *y, rung_node *out) {
  RG_TRY(check_nodes(g, "substitute", count, from));
  RG_TRY(check_nodes(g, "substitute", count, to));
  RG_TRY(check_nodes(g, "substitute", count_y, y));
  earlier_error earlier = set_error_aside(g->ctx);
  for (int i = 0; i < count; i++) RG_TRY(check_shape(g, "substitute", to[i], from[i]));
  walk w;
  rung_status status = walk_begin(&w, g);
  if (status == RUNG_OK) status = substitute_walk(g, &w, count, from, to, count_y, y, out);
  walk_end(&w);
  return end_with(g->ctx, status, earlier);
}
