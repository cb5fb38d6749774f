/* Building graphs: equal nodes are one node, constants are computed at once. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

const rung_op rg_op_input = {.name = "input"};
const rung_op rg_op_constant = {.name = "constant"};

int64_t rung_shape_count(const rung_shape *shape) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= shape->dim[i];
  return count;
}

bool rg_shape_equal(const rung_shape *a, const rung_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

const char *rg_shape_text(const rung_shape *shape, char *buffer) {
  int used = snprintf(buffer, RG_SHAPE_TEXT, "[");
  for (int i = 0; i < shape->rank; i++)
    used += snprintf(buffer + used, (size_t)(RG_SHAPE_TEXT - used), "%s%lld", i ? "," : "",
                     (long long)shape->dim[i]);
  snprintf(buffer + used, (size_t)(RG_SHAPE_TEXT - used), "]");
  return buffer;
}

bool rg_shape_broadcast(const rung_shape *a, const rung_shape *b, rung_shape *out) {
  rung_shape result = {.rank = a->rank > b->rank ? a->rank : b->rank};
  for (int i = 1; i <= result.rank; i++) {
    int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1;
    int64_t db = i <= b->rank ? b->dim[b->rank - i] : 1;
    if (da != db && da != 1 && db != 1) return false;
    result.dim[result.rank - i] = da > db ? da : db;
  }
  *out = result;
  return true;
}

rung_status rg_shape_make(rung_context *ctx, const char *what, int rank, const int64_t *dims,
                          rung_shape *out) {
  if (rank < 0 || rank > RUNG_MAX_RANK)
    return rg_fail(ctx, RUNG_E_SHAPE, "%s: expected 0..%d dimensions, found %d", what,
                   RUNG_MAX_RANK, rank);
  rung_shape shape = {.rank = rank};
  int64_t count = 1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 1 || dims[i] > (INT64_C(1) << 58) / count)
      return rg_fail(ctx, RUNG_E_SHAPE, "%s: dimension %d is %lld, outside what can be held", what,
                     i, (long long)dims[i]);
    count *= dims[i];
    shape.dim[i] = dims[i];
  }
  *out = shape;
  return RUNG_OK;
}

int rg_axis(const rung_shape *shape, int axis) {
  if (axis < 0) axis += shape->rank;
  return axis < 0 || axis >= shape->rank ? -1 : axis;
}

rung_status rung_graph_create(rung_context *ctx, rung_graph **out) {
  *out = NULL;
  rung_graph *g = rg_calloc(ctx, 1, sizeof *g);
  if (!g) return RUNG_E_MEMORY;
  g->ctx = ctx;
  *out = g;
  return RUNG_OK;
}

void rung_graph_destroy(rung_graph *g) {
  if (!g) return;
  for (int i = 0; i < g->size; i++) rg_free(g->ctx, g->node[i].name);
  rg_free(g->ctx, g->node);
  rg_free(g->ctx, g->table);
  rg_free(g->ctx, g);
}

static bool valid(const rung_graph *g, rung_node node) {
  return node >= 0 && node < g->size;
}

rung_shape rung_node_shape(const rung_graph *g, rung_node node) {
  return valid(g, node) ? g->node[node].shape : (rung_shape){.rank = -1};
}

int rung_graph_size(const rung_graph *g) {
  return g->size;
}

const rung_op *rung_node_op(const rung_graph *g, rung_node node) {
  return valid(g, node) ? g->node[node].op : NULL;
}

rung_node rung_node_operand(const rung_graph *g, rung_node node, int which) {
  if (!valid(g, node) || which < 0 || which >= g->node[node].operands) return RUNG_NONE;
  return g->node[node].in[which];
}

const rung_attributes *rung_node_attributes(const rung_graph *g, rung_node node) {
  return valid(g, node) ? &g->node[node].attr : NULL;
}

rung_context *rung_graph_context(const rung_graph *g) {
  return g->ctx;
}

rung_node rung_node_fail(rung_graph *g, rung_status status, const char *format, ...) {
  char message[sizeof g->ctx->message];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  rg_fail(g->ctx, status, "%s", message);
  return RUNG_NONE;
}

static uint64_t hash_node(const rung_op *op, int operands, const rung_node *in,
                          const rung_attributes *attr) {
  uintptr_t address = (uintptr_t)op;
  uint64_t hash = rg_hash(RG_HASH_START, &address, sizeof address);
  if (operands) hash = rg_hash(hash, in, (size_t)operands * sizeof *in);
  return rg_hash(hash, attr, sizeof *attr);
}

static bool same_node(const rg_node *node, const rung_op *op, int operands, const rung_node *in,
                      const rung_attributes *attr) {
  return node->op == op && node->operands == operands &&
         (!operands || !memcmp(node->in, in, (size_t)operands * sizeof *in)) &&
         !memcmp(&node->attr, attr, sizeof *attr);
}

/* Where in the table the node stands or would stand. */
static int find_place(const rung_graph *g, const rung_op *op, int operands, const rung_node *in,
                      const rung_attributes *attr) {
  int mask = g->table_size - 1, place = (int)(hash_node(op, operands, in, attr) & (unsigned)mask);
  while (g->table[place] != RUNG_NONE &&
         !same_node(&g->node[g->table[place]], op, operands, in, attr))
    place = (place + 1) & mask;
  return place;
}

static rung_status grow(rung_graph *g) {
  if (g->size == g->capacity) {
    int capacity = g->capacity ? 2 * g->capacity : 64;
    rg_node *node = rg_realloc(g->ctx, g->node, (size_t)capacity, sizeof *node);
    if (!node) return RUNG_E_MEMORY;
    g->node = node;
    g->capacity = capacity;
  }
  if (2 * (g->size + 1) <= g->table_size) return RUNG_OK;
  int table_size = g->table_size ? 2 * g->table_size : 256;
  rung_node *table = rg_alloc(g->ctx, (size_t)table_size, sizeof *table);
  if (!table) return RUNG_E_MEMORY;
  rg_free(g->ctx, g->table);
  g->table = table;
  g->table_size = table_size;
  for (int i = 0; i < table_size; i++) table[i] = RUNG_NONE;
  for (int i = 0; i < g->size; i++) {
    rg_node *n = &g->node[i];
    table[find_place(g, n->op, n->operands, n->in, &n->attr)] = i;
  }
  return RUNG_OK;
}

/* The node, made if it is new. */
static rung_node intern(rung_graph *g, const rung_op *op, int operands, const rung_node *in,
                        const rung_attributes *attr, const rung_shape *shape) {
  if (grow(g) != RUNG_OK) return RUNG_NONE;
  int place = find_place(g, op, operands, in, attr);
  if (g->table[place] != RUNG_NONE) return g->table[place];
  rg_node *node = &g->node[g->size];
  memset(node, 0, sizeof *node);
  node->op = op;
  node->operands = operands;
  if (operands) memcpy(node->in, in, (size_t)operands * sizeof *in);
  node->attr = *attr;
  node->shape = *shape;
  g->table[place] = g->size;
  return g->size++;
}

rung_node rung_input(rung_graph *g, const char *name, int rank, const int64_t *dims) {
  rung_shape shape;
  if (rg_shape_make(g->ctx, name, rank, dims, &shape) != RUNG_OK) return RUNG_NONE;
  char *copy = rg_strdup(g->ctx, name);
  if (!copy) return RUNG_NONE;
  rung_attributes attr = {.i = {g->size}}; /* every input is a node of its own */
  rung_node node = intern(g, &rg_op_input, 0, NULL, &attr, &shape);
  if (node == RUNG_NONE)
    rg_free(g->ctx, copy);
  else
    g->node[node].name = copy;
  return node;
}

rung_node rung_constant_dd(rung_graph *g, rung_dd value) {
  rung_attributes attr = {.value = value};
  rung_shape scalar = {.rank = 0};
  return intern(g, &rg_op_constant, 0, NULL, &attr, &scalar);
}

rung_node rung_constant(rung_graph *g, double value) {
  return rung_constant_dd(g, (rung_dd){value, 0});
}

bool rg_constant_value(const rung_graph *g, rung_node node, rung_dd *value) {
  if (!valid(g, node) || g->node[node].op != &rg_op_constant) return false;
  *value = g->node[node].attr.value;
  return true;
}

bool rg_is_constant(const rung_graph *g, rung_node node, double value) {
  rung_dd found;
  return rg_constant_value(g, node, &found) && found.hi == value && found.lo == 0;
}

/* The common shape of elementwise operands. */
static rung_status elementwise_shape(rung_graph *g, const rung_op *op, int operands,
                                     const rung_shape *in, rung_shape *out) {
  rung_shape shape = {.rank = 0};
  for (int i = 0; i < operands; i++) {
    rung_shape before = shape;
    if (rg_shape_broadcast(&before, &in[i], &shape)) continue;
    char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
    return rg_fail(g->ctx, RUNG_E_SHAPE, "%s: shapes %s and %s do not broadcast together", op->name,
                   rg_shape_text(&before, a), rg_shape_text(&in[i], b));
  }
  *out = shape;
  return RUNG_OK;
}

/* An elementwise op of constants is a constant: computed in double-double. */
static rung_node fold(rung_graph *g, const rung_op *op, int operands, const rung_node *in,
                      const rung_attributes *attr) {
  if (!op->elementwise || op->shape || !operands || !op->kernel[RUNG_DD].portable) return RUNG_NONE;
  rung_dd value[RUNG_MAX_OPERANDS], result;
  const void *pointer[RUNG_MAX_OPERANDS];
  for (int i = 0; i < operands; i++) {
    if (!rg_constant_value(g, in[i], &value[i])) return RUNG_NONE;
    pointer[i] = &value[i];
  }
  rung_call call = {.count = 1,
                    .out = &result,
                    .in = pointer,
                    .operands = operands,
                    .attr = attr,
                    .pieces = 1,
                    .dtype = RUNG_DD};
  if (op->kernel[RUNG_DD].portable(&call) != RUNG_OK) return RUNG_NONE;
  return rung_constant_dd(g, result);
}

rung_node rung_apply(rung_graph *g, const rung_op *op, int operands, const rung_node *in,
                     const rung_attributes *attr) {
  const rung_attributes own = attr ? *attr : (rung_attributes){0}; /* it may be a node's */
  if (operands < 1 || operands > RUNG_MAX_OPERANDS ||
      (op->operands >= 0 && op->operands != operands))
    return rung_node_fail(g, RUNG_E_ARGUMENT, "%s: expected %d operands, found %d", op->name,
                          op->operands, operands);
  rung_shape in_shape[RUNG_MAX_OPERANDS], out_shape;
  for (int i = 0; i < operands; i++) {
    if (in[i] == RUNG_NONE) return RUNG_NONE;
    if (!valid(g, in[i]))
      return rung_node_fail(g, RUNG_E_ARGUMENT, "%s: operand %d is not a node of this graph",
                            op->name, i);
    in_shape[i] = g->node[in[i]].shape;
  }
  rung_status status = op->shape ? op->shape(g->ctx, operands, in_shape, &own, &out_shape)
                                 : elementwise_shape(g, op, operands, in_shape, &out_shape);
  if (status != RUNG_OK) return RUNG_NONE;
  rung_node folded = fold(g, op, operands, in, &own);
  return folded != RUNG_NONE ? folded : intern(g, op, operands, in, &own, &out_shape);
}

rung_node rg_apply_like(rung_graph *g, rung_node node, const rung_node *in) {
  rg_node like = g->node[node]; /* a copy: applying may move the nodes */
  return rung_apply(g, like.op, like.operands, in, &like.attr);
}

rung_node rg_sum_to_shape(rung_graph *g, rung_node node, const rung_shape *shape) {
  if (node == RUNG_NONE) return RUNG_NONE;
  rung_shape have = g->node[node].shape, want = *shape; /* a node's, perhaps: nodes may move */
  if (rg_shape_equal(&have, &want)) return node;
  unsigned axes = 0;
  int extra = have.rank - want.rank;
  for (int i = 0; i < have.rank; i++)
    if (i < extra || (want.dim[i - extra] == 1 && have.dim[i] > 1)) axes |= 1u << i;
  return rung_reshape(g, rung_sum(g, node, axes, 1), want.rank, want.dim);
}

void rg_mark_needed(const rung_graph *g, int count, const rung_node *y, bool *need) {
  for (int i = 0; i < count; i++) need[y[i]] = true;
  for (int i = g->size - 1; i >= 0; i--)
    for (int j = 0; need[i] && j < g->node[i].operands; j++) need[g->node[i].in[j]] = true;
}

void rg_mark_active(const rung_graph *g, int count, const rung_node *x, bool *active) {
  for (int i = 0; i < count; i++) active[x[i]] = true;
  for (int i = 0; i < g->size; i++)
    for (int j = 0; j < g->node[i].operands; j++)
      if (active[g->node[i].in[j]]) active[i] = true;
}
