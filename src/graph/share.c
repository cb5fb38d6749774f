/* Outputs that take the place of inputs (rung_compile_options.share).
 *
 * An output may be computed right into the array of an input where whatever else reads the input
 * has been done before. So the unit that computes it is put behind all others that read the input.
 * Where one of them needs the output itself, directly or not, or where the unit reads the input in
 * other places than it writes, the output is computed into the workspace and copied at the end.
 * Within a group of elementwise ops the same question is settled tile by tile (fuse.c). */
#include "graph/compile.h"

static rung_status check_pair(rg_compiler *c, int k) {
  int o = c->share[k][0], i = c->share[k][1];
  if (o < 0 || o >= c->outputs || i < 0 || i >= c->inputs)
    return rg_fail(c->ctx, RUNG_E_ARGUMENT,
                   "compile: pair %d shares output %d and input %d, but there are %d and %d", k, o,
                   i, c->outputs, c->inputs);
  for (int l = 0; l < k; l++)
    if (c->share[l][0] == o || c->share[l][1] == i)
      return rg_fail(c->ctx, RUNG_E_ARGUMENT,
                     "compile: output %d or input %d is shared in pair %d and in pair %d", o, i, l,
                     k);
  const rung_shape *a = &c->g->node[c->output[o]].shape, *b = &c->g->node[c->input[i]].shape;
  char x[RG_SHAPE_TEXT], y[RG_SHAPE_TEXT];
  if (rung_shape_count(a) != rung_shape_count(b))
    return rg_fail(c->ctx, RUNG_E_SHAPE, "compile: output %d is %s, but the input it shares is %s",
                   o, rg_shape_text(a, x), rg_shape_text(b, y));
  return RUNG_OK;
}

/* The input whose memory a node names by views alone, or -1. */
static rung_node viewed_input(const rung_graph *g, rung_node node) {
  for (;;) {
    const rg_node *n = &g->node[node];
    if (n->op == &rg_op_input) return node;
    if (!n->op->view || n->op->view(&n->shape, &g->node[n->in[0]].shape, &n->attr) < 0) return -1;
    node = n->in[0];
  }
}

/* An output that is (a part of) an input which is written over becomes a copy of it: a node like
 * any other, so that what follows need not know of it. */
static rung_status copy_inputs(rg_compiler *c, rung_graph *g) {
  rung_node *output = c->output;
  for (int o = 0; o < c->outputs; o++) {
    rung_node leaf = viewed_input(g, output[o]);
    for (int k = 0; leaf >= 0 && k < c->shared; k++) {
      if (c->input[c->share[k][1]] != leaf) continue;
      if (c->share[k][0] != o || output[o] != leaf) output[o] = rg_identity(g, output[o]);
      if (output[o] == RUNG_NONE) return g->ctx->status;
      leaf = -1;
    }
  }
  return RUNG_OK;
}

rung_status rg_prepare_shares(rg_compiler *c, rung_graph *g) {
  for (int k = 0; k < c->shared; k++) RG_TRY(check_pair(c, k));
  return copy_inputs(c, g);
}

/* Unit `unit` is done after unit `before`; false where that cannot be. */
static bool put_behind(rg_compiler *c, int unit, int before) {
  if (rg_depends(c, before, unit)) return false;
  c->edge[c->edges] = (rg_edge){before, c->unit[unit].edge};
  c->unit[unit].edge = c->edges++;
  rg_add_dependence(c, unit, before);
  return true;
}

/* May `reader`, which has the input of output `root` for operand j, stay as it is? */
static bool fits(rg_compiler *c, int root, int reader, int j) {
  int unit = c->info[root].unit;
  if (c->info[reader].unit != unit) return put_behind(c, unit, c->info[reader].unit);
  return c->g->node[root].op->elementwise && rg_same_elements(c, reader, j);
}

rung_status rg_place_shares(rg_compiler *c) {
  if (!c->shared) return RUNG_OK;
  int reads = 0, *pair_of = rg_alloc(c->ctx, (size_t)c->g->size, sizeof *pair_of);
  for (int i = 0; i < c->g->size; i++) reads += rg_is_computed(c, i) ? c->g->node[i].operands : 0;
  c->edge = rg_alloc(c->ctx, (size_t)reads, sizeof *c->edge);
  if (!pair_of || !c->edge) {
    rg_free(c->ctx, pair_of);
    return RUNG_E_MEMORY;
  }
  for (int i = 0; i < c->g->size; i++) pair_of[i] = -1;
  for (int k = 0; k < c->shared; k++) pair_of[c->input[c->share[k][1]]] = k;
  for (int i = 0; i < c->g->size; i++) {
    for (int j = 0; rg_is_computed(c, i) && j < c->g->node[i].operands; j++) {
      int k = pair_of[c->info[c->g->node[i].in[j]].root];
      if (k < 0) continue;
      int root = c->info[c->output[c->share[k][0]]].root;
      if (c->info[root].output != c->share[k][0]) continue; /* copied at the end anyway */
      if (fits(c, root, i, j)) {
        c->info[root].over = c->input[c->share[k][1]];
      } else {
        c->info[root].output = c->info[root].over = -1;
        c->info[root].placed = false;
      }
    }
  }
  rg_free(c->ctx, pair_of);
  return RUNG_OK;
}
