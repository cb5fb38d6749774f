/* From nodes to steps: what is needed, views, fusion of elementwise ops, order, places, steps. */
#include <string.h>

#include "graph/compile.h"

rung_compile_options rung_compile_options_default(void) {
  return (rung_compile_options){.dtype = RUNG_F64};
}

static bool is_leaf(const rg_node *node) {
  return node->op == &rg_op_input || node->op == &rg_op_constant;
}

/* Every node gets its root (itself, or the node it is a view of) and the offset there. */
static void find_views(rg_compiler *c) {
  for (int i = 0; i < c->g->size; i++) {
    const rg_node *node = &c->g->node[i];
    c->info[i] = (rg_node_info){.root = i, .unit = -1, .last_user = -1, .output = -1, .over = -1};
    if (!c->need[i] || !node->op->view) continue;
    int64_t at = node->op->view(&node->shape, &c->g->node[node->in[0]].shape, &node->attr);
    if (at < 0) continue;
    const rg_node_info *of = &c->info[node->in[0]];
    c->info[i].root = of->root;
    c->info[i].view_offset = of->view_offset + at;
  }
}

bool rg_is_computed(const rg_compiler *c, int i) {
  return c->need[i] && c->info[i].root == i && !is_leaf(&c->g->node[i]);
}

/* A node that could not be made has left its error behind. */
static bool has_failed(const rung_graph *g, rung_node node) {
  return node == RUNG_NONE && g->ctx->status != RUNG_OK;
}

static rung_status check_nodes(const rung_graph *g, int inputs, const rung_node *input, int outputs,
                               const rung_node *output) {
  for (int i = 0; i < outputs; i++) {
    if (has_failed(g, output[i])) return g->ctx->status;
    if (output[i] < 0 || output[i] >= g->size)
      return rg_fail(g->ctx, RUNG_E_ARGUMENT, "compile: output %d is not a node", i);
  }
  for (int i = 0; i < inputs; i++) {
    if (has_failed(g, input[i])) return g->ctx->status;
    if (input[i] < 0 || input[i] >= g->size || g->node[input[i]].op != &rg_op_input)
      return rg_fail(g->ctx, RUNG_E_ARGUMENT, "compile: input %d is not an input node", i);
  }
  return RUNG_OK;
}

static rung_status place_inputs(rg_compiler *c) {
  for (int i = 0; i < c->inputs; i++) {
    rg_node_info *info = &c->info[c->input[i]];
    info->place = (rg_place){.space = RG_INPUT, .index = i};
    info->placed = true;
  }
  for (int i = 0; i < c->g->size; i++)
    if (c->need[i] && c->g->node[i].op == &rg_op_input && !c->info[i].placed)
      return rg_fail(c->ctx, RUNG_E_ARGUMENT,
                     "compile: an output depends on the input \"%s\", which is not listed",
                     c->g->node[i].name);
  return RUNG_OK;
}

/* Constants lie in one array of the program's arithmetic. */
static rung_status lay_constants(rg_compiler *c) {
  size_t size = rung_dtype_size(c->program->dtype), count = 0;
  for (int i = 0; i < c->g->size; i++)
    if (c->need[i] && c->g->node[i].op == &rg_op_constant) count++;
  char *at = c->program->constants = rg_alloc(c->ctx, count, size);
  if (!at) return RUNG_E_MEMORY;
  for (int i = 0; i < c->g->size; i++) {
    if (!c->need[i] || c->g->node[i].op != &rg_op_constant) continue;
    rung_dd value = c->g->node[i].attr.value;
    if (c->program->dtype == RUNG_DD)
      memcpy(at, &value, size);
    else if (c->program->dtype == RUNG_F64)
      memcpy(at, &value.hi, size);
    else
      *(float *)(void *)at = rg_from_dd_f32(value);
    c->info[i].place =
        (rg_place){.space = RG_CONSTANT, .offset = (size_t)(at - (char *)c->program->constants)};
    c->info[i].placed = true;
    at += size;
  }
  return RUNG_OK;
}

/* Units in an order in which operands come first: depth first from the outputs, so that what is
 * computed is soon used. Recursion depth would be the graph's: an explicit stack instead. */
static rung_status order_units(rg_compiler *c) {
  typedef struct frame {
    int unit, node, operand, edge;
  } frame;
  frame *stack = rg_alloc(c->ctx, (size_t)c->units + 1, sizeof *stack);
  bool *seen = rg_calloc(c->ctx, (size_t)c->units + 1, sizeof *seen);
  rung_status status = stack && seen ? RUNG_OK : RUNG_E_MEMORY;
  for (int o = 0; status == RUNG_OK && o < c->outputs; o++) {
    int top = 0, first = c->info[c->info[c->output[o]].root].unit;
    if (first < 0 || seen[first]) continue;
    seen[first] = true;
    stack[top++] = (frame){first, c->unit[first].first, 0, c->unit[first].edge};
    while (top > 0) {
      frame *f = &stack[top - 1];
      int unit = -1;
      if (f->edge >= 0) {
        unit = c->edge[f->edge].unit;
        f->edge = c->edge[f->edge].next;
      } else if (f->node < 0) {
        c->unit[f->unit].position = c->ordered;
        c->order[c->ordered++] = f->unit;
        top--;
      } else if (f->operand == c->g->node[f->node].operands) {
        f->node = c->info[f->node].next;
        f->operand = 0;
      } else {
        unit = c->info[c->info[c->g->node[f->node].in[f->operand++]].root].unit;
      }
      if (unit < 0 || seen[unit]) continue;
      seen[unit] = true;
      stack[top++] = (frame){unit, c->unit[unit].first, 0, c->unit[unit].edge};
    }
  }
  rg_free(c->ctx, stack);
  rg_free(c->ctx, seen);
  return status;
}

rg_place rg_place_of(const rg_compiler *c, int node) {
  rg_place place = c->info[c->info[node].root].place;
  place.offset += (size_t)c->info[node].view_offset * rung_dtype_size(c->program->dtype);
  return place;
}

static rung_status kernel_step(rg_compiler *c, int i, rg_step *step) {
  const rg_node *node = &c->g->node[i];
  *step = (rg_step){.name = node->op->name,
                    .count = rung_shape_count(&node->shape),
                    .pieces = 1,
                    .kernels = node->op->kernel[c->program->dtype],
                    .operands = node->operands,
                    .out = rg_place_of(c, i),
                    .out_shape = node->shape,
                    .attr = node->attr};
  if (!step->kernels.portable)
    return rg_fail(c->ctx, RUNG_E_UNSUPPORTED, "compile: %s has no kernel for %s precision",
                   node->op->name, rung_dtype_name(c->program->dtype));
  for (int j = 0; j < node->operands; j++) {
    step->in[j] = rg_place_of(c, node->in[j]);
    step->in_shape[j] = c->g->node[node->in[j]].shape;
  }
  if (node->op->plan)
    node->op->plan(c->program->dtype, &step->out_shape, step->in_shape, &step->attr, &step->pieces,
                   &step->scratch);
  step->work = step->pieces > 1 ? 1e9 : 0;
  return RUNG_OK;
}

/* Outputs that are not computed in their place: leaves, views, and nodes asked for twice. */
static void copy_step(rg_compiler *c, rung_node node, int output, rg_step *step) {
  *step = (rg_step){.name = "copy",
                    .count = rung_shape_count(&c->g->node[node].shape),
                    .pieces = 1,
                    .kernels = {.portable = rg_copy_kernel},
                    .operands = 1,
                    .out = {.space = RG_OUTPUT, .index = output}};
  step->in[0] = rg_place_of(c, node);
}

static rung_status make_steps(rg_compiler *c) {
  rung_program *p = c->program;
  p->step = rg_calloc(c->ctx, (size_t)(c->ordered + c->outputs), sizeof *p->step);
  if (!p->step) return RUNG_E_MEMORY;
  for (int k = 0; k < c->ordered; k++) {
    int first = c->unit[c->order[k]].first;
    rg_step *step = &p->step[p->steps++];
    RG_TRY(rg_is_fusable(c, first) ? rg_group_step(c, c->order[k], step)
                                   : kernel_step(c, first, step));
  }
  for (int o = 0; o < c->outputs; o++)
    if (c->info[c->info[c->output[o]].root].output != o)
      copy_step(c, c->output[o], o, &p->step[p->steps++]);
  int64_t most_pieces = 1;
  for (int i = 0; i < p->steps; i++) {
    if (p->step[i].scratch > p->slot_bytes) p->slot_bytes = p->step[i].scratch;
    if (p->step[i].pieces > most_pieces) most_pieces = p->step[i].pieces;
  }
  p->slot_bytes = (p->slot_bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  p->slots = rung_threads(c->ctx) < most_pieces ? rung_threads(c->ctx) : (int)most_pieces;
  return RUNG_OK;
}

static rung_status copy_nodes(rg_compiler *c) {
  c->own = (rung_graph){.ctx = c->ctx, .size = c->g->size, .capacity = 2 * c->g->size};
  c->own.node = rg_alloc(c->ctx, (size_t)c->own.capacity, sizeof *c->own.node);
  if (!c->own.node) return RUNG_E_MEMORY;
  if (c->g->size) memcpy(c->own.node, c->g->node, (size_t)c->g->size * sizeof *c->own.node);
  c->g = &c->own;
  return RUNG_OK;
}

static rung_status compile(rg_compiler *c, size_t limit) {
  RG_TRY(copy_nodes(c));
  size_t size = (size_t)c->own.capacity;
  c->need = rg_calloc(c->ctx, size, sizeof *c->need);
  c->info = rg_alloc(c->ctx, size, sizeof *c->info);
  c->unit = rg_alloc(c->ctx, size, sizeof *c->unit);
  c->order = rg_alloc(c->ctx, size, sizeof *c->order);
  c->reg_of = rg_alloc(c->ctx, size, sizeof *c->reg_of);
  c->uses = rg_calloc(c->ctx, size, sizeof *c->uses);
  if (!c->need || !c->info || !c->unit || !c->order || !c->reg_of || !c->uses) return RUNG_E_MEMORY;
  rg_mark_needed(c->g, c->outputs, c->output, c->need);
  find_views(c);
  RG_TRY(place_inputs(c));
  RG_TRY(lay_constants(c));
  rg_place_outputs(c);
  RG_TRY(rg_make_units(c));
  rg_compute_again(c);
  RG_TRY(rg_place_shares(c));
  RG_TRY(order_units(c));
  rg_find_lifetimes(c);
  RG_TRY(rg_place_arrays(c));
  RG_TRY(make_steps(c));
  size_t bytes = rung_program_bytes(c->program);
  if (limit && bytes > limit)
    return rg_fail(c->ctx, RUNG_E_BUDGET,
                   "compile: the plan needs %zu bytes of workspace, but the limit is %zu", bytes,
                   limit);
  return RUNG_OK;
}

static void release(rg_compiler *c) {
  rg_free(c->ctx, c->output);
  rg_free(c->ctx, c->own.node);
  rg_free(c->ctx, c->need);
  rg_free(c->ctx, c->info);
  rg_free(c->ctx, c->unit);
  rg_free(c->ctx, c->dependence);
  rg_free(c->ctx, c->edge);
  rg_free(c->ctx, c->order);
  rg_free(c->ctx, c->reg_of);
  rg_free(c->ctx, c->uses);
}

rung_status rung_compile(rung_graph *g, const rung_compile_options *options, int inputs,
                         const rung_node *input, int outputs, const rung_node *output,
                         rung_program **out) {
  rung_compile_options defaults = rung_compile_options_default();
  if (!options) options = &defaults;
  *out = NULL;
  RG_TRY(check_nodes(g, inputs, input, outputs, output));
  rg_compiler c = {.ctx = g->ctx,
                   .g = g,
                   .inputs = inputs,
                   .outputs = outputs,
                   .input = input,
                   .shared = options->shared,
                   .share = options->share};
  rung_program *program = c.program = rg_calloc(g->ctx, 1, sizeof *c.program);
  if (!program) return RUNG_E_MEMORY;
  *program =
      (rung_program){.ctx = g->ctx, .dtype = options->dtype, .inputs = inputs, .outputs = outputs};
  c.output = rg_alloc(g->ctx, (size_t)outputs, sizeof *c.output);
  rung_status status = c.output ? RUNG_OK : RUNG_E_MEMORY;
  if (c.output && outputs) memcpy(c.output, output, (size_t)outputs * sizeof *output);
  if (status == RUNG_OK) status = rg_prepare_shares(&c, g);
  if (status == RUNG_OK) status = compile(&c, options->memory_limit);
  release(&c);
  if (status == RUNG_OK)
    *out = program;
  else
    rung_program_destroy(program);
  return status;
}

void rung_program_destroy(rung_program *program) {
  if (!program) return;
  for (int i = 0; program->step && i < program->steps; i++) {
    rg_free(program->ctx, program->step[i].instruction);
    rg_free(program->ctx, program->step[i].operand);
    rg_free(program->ctx, program->step[i].load);
    rg_free(program->ctx, program->step[i].reduction);
  }
  rg_free(program->ctx, program->step);
  rg_free(program->ctx, program->constants);
  rg_free(program->ctx, program);
}

size_t rung_program_bytes(const rung_program *program) {
  size_t bytes = program->arena_bytes + (size_t)program->slots * program->slot_bytes;
  return bytes ? bytes : RG_ALIGN;
}

int rung_program_steps(const rung_program *program) {
  return program->steps;
}
