/* Fusion: elementwise ops of one shape, and reductions of arrays of that shape, are gathered into
 * groups that are computed tile by tile, so that what passes between them stays in the cache.
 *
 * A node may join a group if no operand from outside the group depends on the group: otherwise the
 * group would have to run both before and after that operand. Which units a unit depends on,
 * directly or not, is kept as a set of bits. */
#include <string.h>

#include "graph/compile.h"

enum { MOST_REDUCTIONS = 16, WIDEST_ROW = 1024 };

bool rg_depends(const rg_compiler *c, int unit, int on) {
  return c->dependence[(size_t)unit * c->words + (size_t)on / 64] >> (on % 64) & 1;
}

static void add_row(rg_compiler *c, int unit, int on) {
  uint64_t *row = c->dependence + (size_t)unit * c->words;
  const uint64_t *of = c->dependence + (size_t)on * c->words;
  for (size_t w = 0; w < c->words; w++) row[w] |= of[w];
  row[on / 64] |= UINT64_C(1) << (on % 64);
}

void rg_add_dependence(rg_compiler *c, int unit, int on) {
  if (rg_depends(c, unit, on)) return;
  add_row(c, unit, on);
  for (int k = 0; k < c->units; k++)
    if (k != unit && rg_depends(c, k, unit)) add_row(c, k, on);
}

bool rg_is_fusable(const rg_compiler *c, int node) {
  return c->g->node[node].op->elementwise || c->g->node[node].op->reducer;
}

const rung_shape *rg_element_shape(const rg_compiler *c, int node) {
  const rg_node *n = &c->g->node[node];
  return n->op->reducer ? &c->g->node[n->in[0]].shape : &n->shape;
}

bool rg_same_elements(const rg_compiler *c, int node, int j) {
  int in = c->g->node[node].in[j];
  int64_t count = rung_shape_count(rg_element_shape(c, node));
  return c->info[in].view_offset == 0 && rung_shape_count(&c->g->node[in].shape) == count &&
         rung_shape_count(&c->g->node[c->info[in].root].shape) == count;
}

/* The unit that makes operand j of a node, or -1. */
static int unit_of(const rg_compiler *c, int node, int j) {
  return c->info[c->info[c->g->node[node].in[j]].root].unit;
}

/* How a reduction sees its operand; {0, 0, 0} for elementwise ops. */
static rg_around view_of(const rg_compiler *c, int node) {
  const rg_node *n = &c->g->node[node];
  return n->op->reducer ? rg_reduced_view(&c->g->node[n->in[0]].shape, &n->attr)
                        : (rg_around){0, 0, 0};
}

/* Tiles hold whole rows for the reductions of a group, which are of one kind. */
static bool views_agree(const rg_unit *a, int reductions, rg_around view) {
  if (!reductions) return true;
  if (view.inner > WIDEST_ROW || a->reductions + reductions > MOST_REDUCTIONS) return false;
  return !a->reductions || (a->view.outer == view.outer && a->view.length == view.length &&
                            a->view.inner == view.inner);
}

static bool is_group_over(const rg_compiler *c, int unit, const rung_shape *space) {
  return unit >= 0 && c->unit[unit].group &&
         rg_shape_equal(rg_element_shape(c, c->unit[unit].first), space);
}

static bool may_join(const rg_compiler *c, int node, int unit) {
  if (!is_group_over(c, unit, rg_element_shape(c, node)) || c->unit[unit].nodes >= RG_MOST_NODES ||
      !views_agree(&c->unit[unit], c->g->node[node].op->reducer != NULL, view_of(c, node)))
    return false;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int of = unit_of(c, node, j);
    if (of == unit ? !rg_same_elements(c, node, j) : of >= 0 && rg_depends(c, of, unit))
      return false;
  }
  return true;
}

/* May the group of operand j become one with the group that the node is about to join? Only groups
 * that do not depend on each other are merged, so that no other unit comes between. */
static bool may_merge(const rg_compiler *c, int node, int unit, int j) {
  int other = unit_of(c, node, j);
  if (!c->unit[unit].nodes || other < 0 || other == unit ||
      c->unit[unit].nodes + c->unit[other].nodes >= RG_MOST_NODES)
    return false;
  const rg_unit *b = &c->unit[other];
  if (!is_group_over(c, other, rg_element_shape(c, node)) ||
      !views_agree(&c->unit[unit], b->reductions, b->view) || !rg_same_elements(c, node, j) ||
      rg_depends(c, unit, other) || rg_depends(c, other, unit))
    return false;
  for (int k = 0; k < c->g->node[node].operands; k++) {
    int of = unit_of(c, node, k);
    if (of == other ? !rg_same_elements(c, node, k) : of >= 0 && rg_depends(c, of, other))
      return false;
  }
  return true;
}

/* The nodes of both in their order, which is one in which operands come first. */
static void merge_chains(rg_compiler *c, rg_unit *a, const rg_unit *b) {
  int x = a->first, y = b->first, last = -1;
  while (x >= 0 || y >= 0) {
    int *from = y < 0 || (x >= 0 && x < y) ? &x : &y, node = *from;
    *from = c->info[node].next;
    if (last < 0)
      a->first = node;
    else
      c->info[last].next = node;
    last = node;
  }
  a->last = last;
  a->nodes += b->nodes;
  a->reductions += b->reductions;
  if (b->reductions) a->view = b->view;
}

/* Unit `other` becomes part of `unit`. */
static void merge(rg_compiler *c, int unit, int other) {
  for (int i = c->unit[other].first; i >= 0; i = c->info[i].next) c->info[i].unit = unit;
  merge_chains(c, &c->unit[unit], &c->unit[other]);
  c->unit[other] = (rg_unit){.first = -1, .last = -1, .edge = -1, .into = unit};
  for (size_t w = 0; w < c->words; w++)
    c->dependence[(size_t)unit * c->words + w] |= c->dependence[(size_t)other * c->words + w];
  for (int k = 0; k < c->units; k++)
    if (k != unit && (rg_depends(c, k, unit) || rg_depends(c, k, other))) add_row(c, k, unit);
}

/* The unit that `unit` has become part of. */
static int now(const rg_compiler *c, int unit) {
  while (unit >= 0 && c->unit[unit].into >= 0) unit = c->unit[unit].into;
  return unit;
}

/* A group of an operand, else one that reads an operand too; -1 for none. */
static int find_group(const rg_compiler *c, int node) {
  int best = -1;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int unit = unit_of(c, node, j);
    if (unit > best && may_join(c, node, unit)) best = unit;
  }
  for (int j = 0; best < 0 && j < c->g->node[node].operands; j++) {
    int unit = now(c, c->info[c->info[c->g->node[node].in[j]].root].last_user);
    if (may_join(c, node, unit)) best = unit;
  }
  return best;
}

static void join(rg_compiler *c, int node, int unit) {
  rg_unit *u = &c->unit[unit];
  if (u->nodes++)
    c->info[u->last].next = node;
  else
    u->first = node;
  u->last = node;
  if (c->g->node[node].op->reducer) {
    u->view = view_of(c, node);
    u->reductions++;
  }
  c->info[node].next = -1;
  c->info[node].unit = unit;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    rg_node_info *root = &c->info[c->info[c->g->node[node].in[j]].root];
    root->last_user = unit;
    if (root->unit >= 0 && root->unit != unit) rg_add_dependence(c, unit, root->unit);
  }
}

rung_status rg_make_units(rg_compiler *c) {
  size_t most = 0;
  for (int i = 0; i < c->g->size; i++) most += rg_is_computed(c, i);
  c->words = most / 64 + 1;
  c->dependence = rg_calloc(c->ctx, most * c->words, sizeof *c->dependence);
  if (!c->dependence) return RUNG_E_MEMORY;
  for (int i = 0; i < c->g->size; i++) {
    if (!rg_is_computed(c, i)) continue;
    int unit = rg_is_fusable(c, i) ? find_group(c, i) : -1;
    if (unit < 0) {
      unit = c->units++;
      c->unit[unit] = (rg_unit){.edge = -1, .into = -1};
      c->unit[unit].group = rg_is_fusable(c, i) && view_of(c, i).inner <= WIDEST_ROW;
    }
    for (int j = 0; c->g->node[i].op->elementwise && j < c->g->node[i].operands; j++)
      if (may_merge(c, i, unit, j)) merge(c, unit, unit_of(c, i, j));
    join(c, i, unit);
  }
  return RUNG_OK;
}
