/* What to keep of a forward computation for back-propagation: a minimum cut.
 *
 * The backward nodes read some forward nodes. Each of these must be kept or computed again from
 * others. What is expensive (products, convolutions, reductions) is never computed again; the
 * elementwise is cheap next to the memory that it would take. So what is kept has to separate the
 * expensive nodes from those that are read, and the cheapest such set is a minimum cut in a network
 * where each node is an edge with its bytes as capacity (max-flow min-cut; Edmonds and Karp 1972).
 */
#include <string.h>

#include "nn/part.h"

#define PLENTY INT64_MAX

typedef struct edge {
  int to, next; /* the next edge of the same vertex, or -1 */
  int64_t capacity;
} edge; /* edge e ^ 1 is its reverse */

/* Node i is the vertices 2 i (given what it needs) and 2 i + 1 (its value); then source and sink.
 */
typedef struct flow {
  rung_context *ctx;
  const rung_graph *g;
  bool *backward, *need, *free; /* by node: of the backward part, of the cut, costs nothing */
  int *first;                   /* by vertex: its first edge, or -1 */
  int *came;                    /* by vertex: the edge of the search's way here, or -1 */
  int *queue;
  edge *edge;
  int edges, capacity, source, sink;
} flow;

static rung_status connect(flow *f, int from, int to, int64_t capacity) {
  if (f->edges + 2 > f->capacity) {
    int larger = 2 * f->capacity + 64;
    edge *grown = rg_realloc(f->ctx, f->edge, (size_t)larger, sizeof *grown);
    if (!grown) return RUNG_E_MEMORY;
    f->edge = grown;
    f->capacity = larger;
  }
  f->edge[f->edges] = (edge){to, f->first[from], capacity};
  f->first[from] = f->edges++;
  f->edge[f->edges] = (edge){from, f->first[to], 0};
  f->first[to] = f->edges++;
  return RUNG_OK;
}

static bool is_cheap(const rg_node *node) {
  return node->op->elementwise || node->op->view;
}

static rung_status allocate(flow *f) {
  size_t size = (size_t)f->g->size, vertices = 2 * size + 2;
  f->source = 2 * f->g->size;
  f->sink = f->source + 1;
  f->backward = rg_calloc(f->ctx, size, sizeof *f->backward);
  f->need = rg_calloc(f->ctx, size, sizeof *f->need);
  f->free = rg_calloc(f->ctx, size, sizeof *f->free);
  f->first = rg_alloc(f->ctx, vertices, sizeof *f->first);
  f->came = rg_alloc(f->ctx, vertices, sizeof *f->came);
  f->queue = rg_alloc(f->ctx, vertices, sizeof *f->queue);
  f->capacity = 4 * f->g->size + 2;
  f->edge = rg_alloc(f->ctx, (size_t)f->capacity, sizeof *f->edge);
  if (!f->backward || !f->need || !f->free || !f->first || !f->came || !f->queue || !f->edge)
    return RUNG_E_MEMORY;
  for (size_t v = 0; v < vertices; v++) f->first[v] = -1;
  return RUNG_OK;
}

static void release(flow *f) {
  void *owned[] = {f->backward, f->need, f->free, f->first, f->came, f->queue, f->edge};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(f->ctx, owned[i]);
}

/* Is node i a forward one that has to be cut off? */
static bool in_cut(const flow *f, int i) {
  return f->need[i] && !f->backward[i] && !f->free[i];
}

static rung_status build(flow *f) {
  const rung_graph *g = f->g;
  for (int i = 0; i < g->size; i++) {
    const rg_node *node = &g->node[i];
    if (in_cut(f, i)) {
      RG_TRY(connect(f, 2 * i, 2 * i + 1, rung_shape_count(&node->shape)));
      if (!is_cheap(node)) {
        RG_TRY(connect(f, f->source, 2 * i, PLENTY));
        continue;
      }
    } else if (!f->need[i] || !f->backward[i]) {
      continue;
    }
    for (int j = 0; j < node->operands; j++) {
      if (!in_cut(f, node->in[j])) continue;
      int reader = f->backward[i] ? f->sink : 2 * i;
      RG_TRY(connect(f, 2 * node->in[j] + 1, reader, PLENTY));
    }
  }
  return RUNG_OK;
}

/* Breadth first from the source along edges with room; true where the sink was reached. */
static bool search(flow *f) {
  int vertices = f->sink + 1, head = 0, tail = 0;
  for (int v = 0; v < vertices; v++) f->came[v] = -1;
  f->queue[tail++] = f->source;
  while (head < tail) {
    int v = f->queue[head++];
    for (int e = f->first[v]; e >= 0; e = f->edge[e].next) {
      int to = f->edge[e].to;
      if (f->edge[e].capacity <= 0 || f->came[to] >= 0 || to == f->source) continue;
      f->came[to] = e;
      if (to == f->sink) return true;
      f->queue[tail++] = to;
    }
  }
  return false;
}

static void push(flow *f) {
  int64_t most = PLENTY;
  for (int v = f->sink; v != f->source; v = f->edge[f->came[v] ^ 1].to)
    if (f->edge[f->came[v]].capacity < most) most = f->edge[f->came[v]].capacity;
  for (int v = f->sink; v != f->source; v = f->edge[f->came[v] ^ 1].to) {
    edge *along = &f->edge[f->came[v]], *back = &f->edge[f->came[v] ^ 1];
    if (along->capacity != PLENTY) along->capacity -= most;
    if (back->capacity != PLENTY) back->capacity += most;
  }
}

/* Marks in came[] the vertices from which the sink can be reached: the cut nearest to it, so that
 * least is computed again. */
static void mark_sink_side(flow *f) {
  int head = 0, tail = 0;
  for (int v = 0; v <= f->sink; v++) f->came[v] = -1;
  f->came[f->sink] = 0;
  f->queue[tail++] = f->sink;
  while (head < tail) {
    int v = f->queue[head++];
    for (int e = f->first[v]; e >= 0; e = f->edge[e].next) {
      int from = f->edge[e].to;
      if (f->edge[e ^ 1].capacity <= 0 || f->came[from] >= 0) continue;
      f->came[from] = 0;
      f->queue[tail++] = from;
    }
  }
}

/* Keeping an array under another shape would cost a copy. */
static int behind_views(const rung_graph *g, int node) {
  while (g->node[node].op->view &&
         rung_shape_count(&g->node[node].shape) ==
             rung_shape_count(&g->node[g->node[node].in[0]].shape) &&
         g->node[node].op->view(&g->node[node].shape, &g->node[g->node[node].in[0]].shape,
                                &g->node[node].attr) == 0)
    node = g->node[node].in[0];
  return node;
}

static void list_cut(const flow *f, rung_node *kept, int *count) {
  *count = 0;
  for (int i = 0; i < f->g->size; i++) {
    if (!in_cut(f, i) || f->came[2 * i] >= 0 || f->came[2 * i + 1] < 0) continue;
    int node = behind_views(f->g, i);
    bool there = false;
    for (int k = 0; k < *count; k++) there = there || kept[k] == node;
    if (!there && !f->free[node]) kept[(*count)++] = node;
  }
}

static rung_status solve(flow *f, int backwards, const rung_node *backward, int cotangents,
                         const rung_node *cotangent, int givens, const rung_node *given) {
  RG_TRY(allocate(f));
  rg_mark_needed(f->g, backwards, backward, f->need);
  rg_mark_active(f->g, cotangents, cotangent, f->backward);
  for (int i = 0; i < givens; i++) f->free[given[i]] = true;
  for (int i = 0; i < f->g->size; i++)
    if (!f->g->node[i].operands) f->free[i] = true; /* inputs and constants */
  RG_TRY(build(f));
  while (search(f)) push(f);
  mark_sink_side(f);
  return RUNG_OK;
}

rung_status rg_choose_kept(rung_graph *g, int backwards, const rung_node *backward, int cotangents,
                           const rung_node *cotangent, int givens, const rung_node *given,
                           rung_node *kept, int *count) {
  flow f = {.ctx = rung_graph_context(g), .g = g};
  rung_status status = solve(&f, backwards, backward, cotangents, cotangent, givens, given);
  if (status == RUNG_OK) list_cut(&f, kept, count);
  release(&f);
  return status;
}
