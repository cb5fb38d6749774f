/* Fusion: elementwise ops of one shape are gathered into groups that are computed tile by tile, so
 * that what passes between them stays in the cache.
 *
 * A node may join a group if no operand from outside the group depends on the group: otherwise the
 * group would have to run both before and after that operand. Which units a unit depends on,
 * directly or not, is kept as a set of bits. */
#include <string.h>

#include "graph/compile.h"

#define MOST_NODES 64 /* of a group: a bound on tile registers */

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

bool rg_same_elements(const rg_compiler *c, int node, int j) {
  int in = c->g->node[node].in[j];
  int64_t count = rung_shape_count(&c->g->node[node].shape);
  return c->info[in].view_offset == 0 && rung_shape_count(&c->g->node[in].shape) == count &&
         rung_shape_count(&c->g->node[c->info[in].root].shape) == count;
}

/* The unit that makes operand j of a node, or -1. */
static int unit_of(const rg_compiler *c, int node, int j) {
  return c->info[c->info[c->g->node[node].in[j]].root].unit;
}

static bool may_join(const rg_compiler *c, int node, int unit) {
  if (unit < 0 || c->unit[unit].nodes >= MOST_NODES) return false;
  const rg_node *first = &c->g->node[c->unit[unit].first];
  if (!first->op->elementwise || !rg_shape_equal(&first->shape, &c->g->node[node].shape))
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
  if (other < 0 || other == unit || c->unit[unit].nodes + c->unit[other].nodes >= MOST_NODES)
    return false;
  const rg_node *a = &c->g->node[c->unit[unit].first], *b = &c->g->node[c->unit[other].first];
  if (!b->op->elementwise || !rg_shape_equal(&a->shape, &b->shape) ||
      !rg_same_elements(c, node, j) || rg_depends(c, unit, other) || rg_depends(c, other, unit))
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
    int unit = c->g->node[i].op->elementwise ? find_group(c, i) : -1;
    if (unit < 0) {
      unit = c->units++;
      c->unit[unit] = (rg_unit){.edge = -1, .into = -1};
    }
    for (int j = 0; c->unit[unit].nodes > 0 && j < c->g->node[i].operands; j++)
      if (may_merge(c, i, unit, j)) merge(c, unit, unit_of(c, i, j));
    join(c, i, unit);
  }
  return RUNG_OK;
}

/* A group being turned into a step. */
typedef struct builder {
  rg_compiler *c;
  int unit;
  rg_step *step;
  int *reg_of;  /* of a node of the group: its register, or -1 */
  int *uses;    /* of a node of the group: uses in it that are still to come */
  int operands; /* laid so far */
  bool busy[MOST_NODES * (RUNG_MAX_OPERANDS + 1)];
} builder;

static int take_register(builder *b) {
  int reg = 0;
  while (b->busy[reg]) reg++;
  b->busy[reg] = true;
  if (reg >= b->step->registers) b->step->registers = reg + 1;
  return reg;
}

/* Strides of an array that broadcasts to `shape`, with dimensions joined that behave alike. */
static void broadcast_strides(const rung_shape *from, const rung_shape *shape, rg_load *load) {
  int64_t stride = 1, dim[RUNG_MAX_RANK], step[RUNG_MAX_RANK];
  int count = 0; /* from the fastest dimension */
  for (int i = 1; i <= shape->rank; i++) {
    int64_t length = shape->dim[shape->rank - i];
    int64_t own = i <= from->rank ? from->dim[from->rank - i] : 1;
    if (length == 1) continue;
    int64_t this_stride = own == 1 ? 0 : stride;
    stride *= own;
    bool joins = count > 0 &&
                 (this_stride == 0
                      ? step[count - 1] == 0
                      : step[count - 1] != 0 && this_stride == step[count - 1] * dim[count - 1]);
    if (joins) {
      dim[count - 1] *= length;
    } else {
      dim[count] = length;
      step[count++] = this_stride;
    }
  }
  load->rank = count == 1 && step[0] == 0 ? 0 : count;
  for (int i = 0; i < load->rank; i++) {
    load->dim[i] = dim[count - 1 - i];
    load->stride[i] = step[count - 1 - i];
  }
}

/* The register that holds a broadcast operand. It is laid before the first instruction, so it is
 * taken before any and kept to the end. */
static int loaded_register(builder *b, int in, const rung_shape *shape) {
  rg_load load = {.place = rg_place_of(b->c, in)};
  broadcast_strides(&b->c->g->node[in].shape, shape, &load);
  for (int i = 0; i < b->step->loads; i++) {
    rg_load *old = &b->step->load[i];
    load.reg = old->reg;
    if (!memcmp(&load, old, sizeof load)) return old->reg;
  }
  load.reg = take_register(b);
  b->step->load[b->step->loads++] = load;
  return load.reg;
}

static rg_slot operand_slot(builder *b, int node, int j) {
  rg_compiler *c = b->c;
  int in = c->g->node[node].in[j], root = c->info[in].root;
  if (c->info[root].unit == b->unit && b->reg_of[root] >= 0)
    return (rg_slot){.reg = b->reg_of[root]};
  if (rung_shape_count(&c->g->node[in].shape) == b->step->count)
    return (rg_slot){.reg = -1, .place = rg_place_of(c, in)};
  return (rg_slot){.reg = loaded_register(b, in, &c->g->node[node].shape)};
}

static void release_operands(builder *b, int node) {
  rg_compiler *c = b->c;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int root = c->info[c->g->node[node].in[j]].root;
    if (c->info[root].unit == b->unit && --b->uses[root] == 0 && b->reg_of[root] >= 0 &&
        !c->info[root].stored) /* a deferred one is kept to the end */
      b->busy[b->reg_of[root]] = false;
  }
}

/* Is the input whose place the node's output may take read by the group after the node? Then it is
 * laid there when the rest of the tile is done. */
static bool is_deferred(const rg_compiler *c, int node) {
  int over = c->info[node].over;
  for (int i = c->info[node].next; over >= 0 && i >= 0; i = c->info[i].next)
    for (int j = 0; j < c->g->node[i].operands; j++)
      if (c->info[c->g->node[i].in[j]].root == over) return true;
  return false;
}

static void add_deferred(builder *b, int node) {
  rg_instruction *copy = &b->step->instruction[b->step->instructions++];
  *copy = (rg_instruction){.kernels = {.portable = rg_copy_kernel},
                           .operands = 1,
                           .first_operand = b->operands,
                           .out = {.reg = -1, .place = rg_place_of(b->c, node)}};
  b->step->operand[b->operands++] = (rg_slot){.reg = b->reg_of[node]};
}

static rung_status add_instruction(builder *b, int node) {
  rg_compiler *c = b->c;
  const rg_node *n = &c->g->node[node];
  rg_instruction *instruction = &b->step->instruction[b->step->instructions++];
  *instruction = (rg_instruction){.kernels = n->op->kernel[c->program->dtype],
                                  .operands = n->operands,
                                  .first_operand = b->operands,
                                  .attr = n->attr};
  if (!instruction->kernels.portable)
    return rg_fail(c->ctx, RUNG_E_UNSUPPORTED, "compile: %s has no kernel for %s precision",
                   n->op->name, rung_dtype_name(c->program->dtype));
  for (int j = 0; j < n->operands; j++) b->step->operand[b->operands++] = operand_slot(b, node, j);
  if (c->info[node].stored && !is_deferred(c, node)) {
    instruction->out = (rg_slot){.reg = -1, .place = rg_place_of(c, node)};
  } else {
    b->reg_of[node] = take_register(b); /* before operands are released: out never aliases in */
    instruction->out = (rg_slot){.reg = b->reg_of[node]};
  }
  release_operands(b, node);
  return RUNG_OK;
}

static void choose_tile(rg_step *step, size_t size) {
  step->tile = RG_TILE_BYTES / (int64_t)size / (step->registers > 10 ? 2 : 1);
  if (step->tile > step->count) step->tile = step->count;
  step->scratch = (size_t)(step->registers * step->tile) * size;
  int64_t tiles = (step->count + step->tile - 1) / step->tile;
  step->pieces = 1 + (tiles - 1) / 4;
  step->work = (double)step->count * step->instructions * (size == sizeof(rung_dd) ? 30 : 2);
}

rung_status rg_group_step(rg_compiler *c, int unit, rg_step *step) {
  const rg_unit *u = &c->unit[unit];
  builder b = {.c = c, .unit = unit, .step = step};
  int operands = u->nodes; /* of deferred copies */
  for (int i = u->first; i >= 0; i = c->info[i].next) operands += c->g->node[i].operands;
  *step = (rg_step){.name = c->g->node[u->last].op->name,
                    .count = rung_shape_count(&c->g->node[u->first].shape)};
  step->instruction = rg_calloc(c->ctx, 2 * (size_t)u->nodes, sizeof *step->instruction);
  step->operand = rg_calloc(c->ctx, (size_t)operands, sizeof *step->operand);
  step->load = rg_calloc(c->ctx, (size_t)operands, sizeof *step->load);
  b.reg_of = rg_alloc(c->ctx, (size_t)c->g->size, sizeof *b.reg_of);
  b.uses = rg_calloc(c->ctx, (size_t)c->g->size, sizeof *b.uses);
  rung_status status = step->instruction && step->operand && step->load && b.reg_of && b.uses
                           ? RUNG_OK
                           : RUNG_E_MEMORY;
  for (int i = u->first; status == RUNG_OK && i >= 0; i = c->info[i].next) {
    b.reg_of[i] = -1;
    for (int j = 0; j < c->g->node[i].operands; j++) b.uses[c->info[c->g->node[i].in[j]].root]++;
  }
  for (int i = u->first; status == RUNG_OK && i >= 0; i = c->info[i].next)
    for (int j = 0; j < c->g->node[i].operands; j++) operand_slot(&b, i, j); /* takes the loads */
  for (int i = u->first; status == RUNG_OK && i >= 0; i = c->info[i].next)
    status = add_instruction(&b, i);
  for (int i = u->first; status == RUNG_OK && i >= 0; i = c->info[i].next)
    if (c->info[i].stored && b.reg_of[i] >= 0) add_deferred(&b, i);
  rg_free(c->ctx, b.reg_of);
  rg_free(c->ctx, b.uses);
  if (status == RUNG_OK) choose_tile(step, rung_dtype_size(c->program->dtype));
  return status;
}
