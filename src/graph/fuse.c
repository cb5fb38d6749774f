/* Fusion: elementwise ops of one shape are gathered into groups that are computed tile by tile, so
 * that what passes between them stays in the cache.
 *
 * A node may join a group if no operand from outside the group depends on the group: otherwise the
 * group would have to run both before and after that operand. Which units a unit depends on,
 * directly or not, is kept as a set of bits. */
#include <string.h>

#include "graph/compile.h"

#define MOST_NODES 64 /* of a group: a bound on tile registers */

typedef struct dependence {
  uint64_t *bits; /* [units][words] */
  size_t words;
} dependence;

static bool depends(const dependence *d, int unit, int on) {
  return d->bits[(size_t)unit * d->words + (size_t)on / 64] >> (on % 64) & 1;
}

static void add_dependence(const dependence *d, int unit, int on) {
  uint64_t *row = d->bits + (size_t)unit * d->words, *of = d->bits + (size_t)on * d->words;
  for (size_t w = 0; w < d->words; w++) row[w] |= of[w];
  row[on / 64] |= UINT64_C(1) << (on % 64);
}

/* Does operand j of the node name the same elements as a node of its own shape? */
static bool same_elements(const rg_compiler *c, int node, int j) {
  int in = c->g->node[node].in[j];
  return c->info[in].view_offset == 0 &&
         rung_shape_count(&c->g->node[in].shape) == rung_shape_count(&c->g->node[node].shape) &&
         rung_shape_count(&c->g->node[c->info[in].root].shape) ==
             rung_shape_count(&c->g->node[node].shape);
}

static bool may_join(const rg_compiler *c, const dependence *d, int node, int unit) {
  if (unit < 0 || c->unit[unit].nodes >= MOST_NODES) return false;
  const rg_node *first = &c->g->node[c->unit[unit].first];
  if (!first->op->elementwise || !rg_shape_equal(&first->shape, &c->g->node[node].shape))
    return false;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int of = c->info[c->info[c->g->node[node].in[j]].root].unit;
    if (of == unit ? !same_elements(c, node, j) : of >= 0 && depends(d, of, unit)) return false;
  }
  return true;
}

/* A group of an operand, else one that reads an operand too; -1 for none. */
static int find_group(const rg_compiler *c, const dependence *d, int node) {
  int best = -1;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int unit = c->info[c->info[c->g->node[node].in[j]].root].unit;
    if (unit > best && may_join(c, d, node, unit)) best = unit;
  }
  for (int j = 0; best < 0 && j < c->g->node[node].operands; j++) {
    int unit = c->info[c->info[c->g->node[node].in[j]].root].last_user;
    if (may_join(c, d, node, unit)) best = unit;
  }
  return best;
}

static void join(rg_compiler *c, const dependence *d, int node, int unit) {
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
    if (root->unit < 0 || root->unit == unit || depends(d, unit, root->unit)) continue;
    add_dependence(d, unit, root->unit);
    for (int k = 0; k < c->units; k++) /* what depends on this unit depends on that one too */
      if (k != unit && depends(d, k, unit)) add_dependence(d, k, unit);
  }
}

rung_status rg_make_units(rg_compiler *c) {
  size_t most = 0;
  for (int i = 0; i < c->g->size; i++) most += rg_is_computed(c, i);
  dependence d = {.words = most / 64 + 1};
  d.bits = rg_calloc(c->ctx, most * d.words, sizeof *d.bits);
  if (!d.bits) return RUNG_E_MEMORY;
  for (int i = 0; i < c->g->size; i++) {
    if (!rg_is_computed(c, i)) continue;
    int unit = c->g->node[i].op->elementwise ? find_group(c, &d, i) : -1;
    if (unit < 0) {
      unit = c->units++;
      c->unit[unit] = (rg_unit){.nodes = 0};
    }
    join(c, &d, i, unit);
  }
  rg_free(c->ctx, d.bits);
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
  if (c->info[root].unit == b->unit && !c->info[root].stored)
    return (rg_slot){.reg = b->reg_of[root]};
  if (rung_shape_count(&c->g->node[in].shape) == b->step->count)
    return (rg_slot){.reg = -1, .place = rg_place_of(c, in)};
  return (rg_slot){.reg = loaded_register(b, in, &c->g->node[node].shape)};
}

static void release_operands(builder *b, int node) {
  rg_compiler *c = b->c;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int root = c->info[c->g->node[node].in[j]].root;
    if (c->info[root].unit == b->unit && --b->uses[root] == 0 && b->reg_of[root] >= 0)
      b->busy[b->reg_of[root]] = false;
  }
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
  if (c->info[node].stored) {
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
  int operands = 0;
  for (int i = u->first; i >= 0; i = c->info[i].next) operands += c->g->node[i].operands;
  *step = (rg_step){.name = c->g->node[u->last].op->name,
                    .count = rung_shape_count(&c->g->node[u->first].shape)};
  step->instruction = rg_calloc(c->ctx, (size_t)u->nodes, sizeof *step->instruction);
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
  rg_free(c->ctx, b.reg_of);
  rg_free(c->ctx, b.uses);
  if (status == RUNG_OK) choose_tile(step, rung_dtype_size(c->program->dtype));
  return status;
}
