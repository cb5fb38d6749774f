/* A group of elementwise ops and reductions becomes a step: instructions on tile registers. */
#include <string.h>

#include "graph/compile.h"
#include "op/kernels.h"

/* Estimated operations of a piece: fewer would not repay the laying of what is the same in all its
 * tiles. */
enum { PIECE_WORK = 200000, MOST_PIECES = 128 };

/* An op that is not cheap takes about as long as so many that are. */
enum { DEAR = 8 };

enum { NO_REGISTER = -1, LEFT_TO_USER = -2 };

/* A group being turned into a step. */
typedef struct builder {
  rg_compiler *c;
  int unit;
  rg_step *step;
  int *reg_of;  /* of a node of the group: its register, NO_REGISTER, or LEFT_TO_USER */
  int *uses;    /* of a node: uses in the group that are still to come */
  int operands; /* laid so far */
  bool busy[RG_MOST_NODES * (RUNG_MAX_OPERANDS + 1)];
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
  return (rg_slot){.reg = loaded_register(b, in, rg_element_shape(c, node))};
}

static void release_operands(builder *b, int node) {
  rg_compiler *c = b->c;
  for (int j = 0; j < c->g->node[node].operands; j++) {
    int root = c->info[c->g->node[node].in[j]].root;
    if (b->reg_of[root] == LEFT_TO_USER && c->info[root].unit == b->unit) release_operands(b, root);
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
  *copy = (rg_instruction){.reduction = -1,
                           .kernels = {.portable = rg_copy_kernel},
                           .operands = 1,
                           .first_operand = b->operands,
                           .out = {.reg = -1, .place = rg_place_of(b->c, node)}};
  b->step->operand[b->operands++] = (rg_slot){.reg = b->reg_of[node]};
}

static int root_of(const builder *b, int node, int j) {
  return b->c->info[b->c->g->node[node].in[j]].root;
}

static bool is_left(const builder *b, int root) {
  return b->c->info[root].unit == b->unit && b->reg_of[root] == LEFT_TO_USER;
}

/* The kernels that do `first` and then `user`, which reads it as operand `which`; or NULL. */
static const rg_follow *follow_of(const builder *b, int first, int user, int which) {
  const rung_graph *g = b->c->g;
  const rg_follow *f = g->node[first].op->follow;
  while (f && f->op && (strcmp(f->op, g->node[user].op->name) != 0 || f->which != which)) f++;
  return f && f->op && f->kernel[b->c->program->dtype].portable ? f : NULL;
}

/* Can the node be done in one pass with its only user? Nothing was left to it, and nothing between
 * the two may be written over an input, which would then be read too late. */
static bool is_left_to_user(const builder *b, int node) {
  const rg_compiler *c = b->c;
  if (!c->g->node[node].op->follow || c->info[node].stored || b->uses[node] != 1) return false;
  for (int j = 0; j < c->g->node[node].operands; j++)
    if (is_left(b, root_of(b, node, j))) return false;
  for (int i = c->info[node].next; i >= 0; i = c->info[i].next) {
    for (int j = 0; j < c->g->node[i].operands; j++)
      if (root_of(b, i, j) == node)
        return follow_of(b, node, i, j) && !is_left(b, root_of(b, i, 1 - j));
    if (c->info[i].over >= 0) return false;
  }
  return false;
}

static void add_operands(builder *b, rg_instruction *instruction, int node, int but) {
  for (int j = 0; j < b->c->g->node[node].operands; j++) {
    if (j == but) continue;
    b->step->operand[b->operands++] = operand_slot(b, node, j);
    instruction->operands++;
  }
}

/* The node's kernel, or one that does what was left to it, too. */
static void choose_kernels(builder *b, rg_instruction *instruction, int node) {
  const rg_node *n = &b->c->g->node[node];
  rung_dtype dtype = b->c->program->dtype;
  *instruction = (rg_instruction){.reduction = -1,
                                  .kernels = n->op->kernel[dtype],
                                  .first_operand = b->operands,
                                  .attr = n->attr};
  for (int j = 0; j < n->operands; j++) {
    int root = root_of(b, node, j);
    if (!is_left(b, root)) continue;
    instruction->kernels = follow_of(b, root, node, j)->kernel[dtype];
    add_operands(b, instruction, root, -1);
    add_operands(b, instruction, node, j);
    return;
  }
  add_operands(b, instruction, node, -1);
}

static rung_status add_elementwise(builder *b, int node) {
  rg_compiler *c = b->c;
  const rg_node *n = &c->g->node[node];
  if (is_left_to_user(b, node)) {
    b->reg_of[node] = LEFT_TO_USER;
    return RUNG_OK;
  }
  rg_instruction *instruction = &b->step->instruction[b->step->instructions++];
  choose_kernels(b, instruction, node);
  if (!instruction->kernels.portable)
    return rg_fail(c->ctx, RUNG_E_UNSUPPORTED, "compile: %s has no kernel for %s precision",
                   n->op->name, rung_dtype_name(c->program->dtype));
  b->step->work += n->op->cheap ? 1 : DEAR;
  if (c->info[node].stored && !is_deferred(c, node)) {
    instruction->out = (rg_slot){.reg = -1, .place = rg_place_of(c, node)};
    release_operands(b, node);
  } else {
    release_operands(b, node); /* the result may take the place of an operand */
    b->reg_of[node] = take_register(b);
    instruction->out = (rg_slot){.reg = b->reg_of[node]};
  }
  return RUNG_OK;
}

static void add_reduction(builder *b, int node) {
  rg_compiler *c = b->c;
  rg_step *step = b->step;
  const rg_around *view = &c->unit[b->unit].view;
  step->instruction[step->instructions++] =
      (rg_instruction){.reduction = step->reductions, .operands = 1, .first_operand = b->operands};
  step->operand[b->operands++] = operand_slot(b, node, 0);
  step->work++;
  step->reduction[step->reductions++] =
      (rg_reduction){.reducer = c->g->node[node].op->reducer,
                     .out = rg_place_of(c, node),
                     .blocks = c->info[node].blocks,
                     .count = rg_blocks(view->length, view->inner)};
  release_operands(b, node);
}

static int64_t common_multiple(int64_t a, int64_t b) {
  int64_t x = a, y = b;
  while (y) {
    int64_t rest = x % y;
    x = y;
    y = rest;
  }
  return x ? a / x * b : 0;
}

/* Elements after which what is loaded begins again. */
static int64_t period_of(const rg_load *load) {
  int64_t period = 1;
  for (int i = load->rank - 1; i >= 0; i--)
    if (i > 0 || load->stride[i]) period *= load->dim[i];
  return period;
}

/* Without reductions: one span of single elements, in tiles that hold whole periods. */
static void cut_elements(rg_step *step, int64_t most) {
  int64_t multiple = 1;
  for (int i = 0; i < step->loads; i++) {
    int64_t period = period_of(&step->load[i]);
    if (period > most) continue;
    int64_t both = common_multiple(multiple, period);
    if (both > 0 && both <= most) multiple = both;
  }
  step->row = 1;
  step->rows = step->span = step->count;
  step->tile = step->run = most / multiple * multiple;
}

/* Tiles hold whole slabs; or else the span is a slab, its tiles hold rows for all lanes alike, and
 * its runs whole blocks. */
static void cut_rows(rg_step *step, const rg_around *view, int64_t most) {
  int64_t slab = view->length * view->inner, lanes = rg_lanes(view->inner);
  int64_t block = rg_block_rows(view->inner);
  step->row = view->inner;
  step->outer = view->outer;
  step->length = view->length;
  step->rows = view->outer * view->length;
  if (slab <= most) {
    step->span = step->rows;
    step->tile = step->run = most / slab * view->length;
  } else {
    step->span = view->length;
    step->tile = lanes;
    while (2 * step->tile * view->inner <= most) step->tile *= 2;
    step->run = step->tile > block ? step->tile : block;
  }
}

static void count_scratch(rg_step *step, size_t size) {
  step->register_bytes =
      ((size_t)(step->tile * step->row) * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  step->scratch = (size_t)step->registers * step->register_bytes;
  for (int i = 0; i < step->reductions; i++) {
    step->reduction[i].lanes = step->scratch;
    step->scratch += (size_t)(rg_lanes(step->row) * step->row) * size;
  }
}

static void cut(const builder *b) {
  rg_step *step = b->step;
  size_t size = rung_dtype_size(b->c->program->dtype);
  int64_t most = RG_TILE_BYTES / (int64_t)size / (step->registers > 10 ? 2 : 1);
  if (step->reductions)
    cut_rows(step, &b->c->unit[b->unit].view, most);
  else
    cut_elements(step, most);
  int64_t spans = (step->rows + step->span - 1) / step->span;
  if (step->tile > step->span) step->tile = step->run = step->span;
  for (int i = 0; i < step->loads; i++) {
    int64_t period = period_of(&step->load[i]);
    step->load[i].fixed = step->tile * step->row % period == 0 &&
                          (spans == 1 || step->span * step->row % period == 0);
  }
  count_scratch(step, size);
  step->work *= (double)step->count * (size == sizeof(rung_dd) ? 30 : 2);
  int64_t runs = spans * ((step->span + step->run - 1) / step->run);
  step->pieces = 1 + (int64_t)(step->work / PIECE_WORK);
  if (step->pieces > MOST_PIECES) step->pieces = MOST_PIECES;
  if (step->pieces > runs) step->pieces = runs;
}

static rung_status add_instructions(builder *b) {
  rg_compiler *c = b->c;
  const rg_unit *u = &c->unit[b->unit];
  for (int i = u->first; i >= 0; i = c->info[i].next) {
    b->reg_of[i] = NO_REGISTER;
    for (int j = 0; j < c->g->node[i].operands; j++) b->uses[c->info[c->g->node[i].in[j]].root]++;
  }
  for (int i = u->first; i >= 0; i = c->info[i].next)
    for (int j = 0; j < c->g->node[i].operands; j++) operand_slot(b, i, j); /* takes the loads */
  for (int i = u->first; i >= 0; i = c->info[i].next) {
    if (c->g->node[i].op->reducer)
      add_reduction(b, i);
    else
      RG_TRY(add_elementwise(b, i));
  }
  for (int i = u->first; i >= 0; i = c->info[i].next)
    if (c->info[i].stored && b->reg_of[i] >= 0) add_deferred(b, i);
  return RUNG_OK;
}

rung_status rg_group_step(rg_compiler *c, int unit, rg_step *step) {
  const rg_unit *u = &c->unit[unit];
  builder b = {.c = c, .unit = unit, .step = step};
  int operands = u->nodes; /* of deferred copies */
  for (int i = u->first; i >= 0; i = c->info[i].next) operands += c->g->node[i].operands;
  *step = (rg_step){.name = c->g->node[u->last].op->name,
                    .count = rung_shape_count(rg_element_shape(c, u->first))};
  step->instruction = rg_calloc(c->ctx, 2 * (size_t)u->nodes, sizeof *step->instruction);
  step->operand = rg_calloc(c->ctx, (size_t)operands, sizeof *step->operand);
  step->load = rg_calloc(c->ctx, (size_t)operands, sizeof *step->load);
  step->reduction = rg_calloc(c->ctx, (size_t)u->reductions, sizeof *step->reduction);
  b.reg_of = c->reg_of;
  b.uses = c->uses;
  if (!step->instruction || !step->operand || !step->load || !step->reduction) return RUNG_E_MEMORY;
  RG_TRY(add_instructions(&b));
  cut(&b);
  return RUNG_OK;
}
