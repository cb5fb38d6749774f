/* Cuts, modules, and what they cost. */
#include "nn/module.h"

#include <math.h>
#include <string.h>

#include "nn/arch/arch.h"
#include "nn/part.h"

rg_cut rg_cut_behind(const rung_network *n, int64_t layers) {
  rg_cut cut = {0, layers};
  while (cut.layer >= n->blocks.list[cut.block].layers)
    cut.layer -= n->blocks.list[cut.block++].layers;
  return cut;
}

rg_cut rg_module_end(const rung_network *n, int module) {
  if (module > n->exits.count) return (rg_cut){n->blocks.count - 1, 0};
  return rg_cut_behind(n, n->settings.exit_at[module - 1]);
}

rg_cut rg_module_begin(const rung_network *n, int module) {
  return module > 1 ? rg_module_end(n, module - 1) : (rg_cut){0, 0};
}

rung_status rg_check_exit(const rung_network *n, rung_context *ctx, int exit) {
  if (exit >= 1 && exit <= n->exits.count + 1) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "exits: exit: expected 1 to %d, found %d",
                 n->exits.count + 1, exit);
}

/* An exit as the only block of a network. It borrows everything and must not be destroyed. */
static rung_network alone(const rung_network *n, int exit) {
  rung_network view = *n;
  view.blocks.list = &n->exits.list[exit - 1];
  view.blocks.count = 1;
  view.exits.count = 0;
  view.state_shape = &n->exit_shape[2 * (size_t)(exit - 1)];
  view.of_block = &n->of_block[n->blocks.count + exit - 1];
  return view;
}

rung_status rg_exit_compile(const rung_network *n, rung_context *ctx, int exit,
                            rg_program_kind kind, int64_t samples, rg_block_program *out) {
  rung_network view = alone(n, exit);
  return rg_block_compile(&view, ctx, 0, kind, samples, out);
}

/* ---- costs ---- */

/* Products of a node: the terms of each number's sum. */
static double products_of(const rung_graph *g, const rg_node *node) {
  double numbers = (double)rung_shape_count(&node->shape);
  if (!strcmp(node->op->name, "matmul")) {
    const rung_shape *a = &g->node[node->in[0]].shape;
    return numbers * (double)a->dim[a->rank - (node->attr.i[0] ? 2 : 1)];
  }
  if (strcmp(node->op->name, "conv2d") != 0 && strcmp(node->op->name, "conv2d_transpose") != 0)
    return 0;
  const rung_shape *w = &g->node[node->in[1]].shape;
  return numbers * (double)(w->dim[0] * w->dim[1] * w->dim[2]);
}

static double products_of_graph(rung_graph *g, int count, const rung_node *out) {
  rung_context *ctx = rung_graph_context(g);
  bool *need = rg_calloc(ctx, (size_t)g->size, sizeof *need);
  if (!need) return NAN;
  double sum = 0;
  rg_mark_needed(g, count, out, need);
  for (int i = 0; i < g->size; i++)
    if (need[i]) sum += products_of(g, &g->node[i]);
  rg_free(ctx, need);
  return sum;
}

/* Of one layer and one sample, in inference. */
static double layer_cost(const rung_network *n, int block) {
  rung_graph *g;
  rung_node state[RG_MOST_STATES];
  rg_part part = {0};
  double sum = NAN;
  if (rung_graph_create(n->ctx, &g) != RUNG_OK) return NAN;
  rung_status status = rg_part_states(n, g, block, 1, "state", state);
  if (status == RUNG_OK) status = rg_part_forward(&part, n, g, block, false, state);
  if (status == RUNG_OK)
    sum = products_of_graph(g, n->blocks.list[block].states_out, part.built.out);
  if (part.network) rg_part_close(&part);
  rung_graph_destroy(g);
  return sum;
}

double rg_body_cost(const rung_network *n) {
  double sum = 0;
  for (int i = 0; i < n->blocks.count - 1; i++)
    sum += (double)n->blocks.list[i].layers * layer_cost(n, i);
  return sum;
}

static double cost_of_chain(const rung_network *n, rg_cut end) {
  double sum = 0;
  for (int i = 0; i <= end.block; i++) {
    int64_t layers = i < end.block ? n->blocks.list[i].layers : end.layer;
    if (layers) sum += (double)layers * layer_cost(n, i);
  }
  return sum;
}

static double cost_of_exit(const rung_network *n, int exit) {
  if (exit > n->exits.count) return layer_cost(n, n->blocks.count - 1);
  const rung_network view = alone(n, exit);
  return layer_cost(&view, 0);
}

double rung_network_cost(const rung_network *n, int exit) {
  return cost_of_chain(n, rg_module_end(n, exit)) + cost_of_exit(n, exit);
}

double rung_network_early_cost(const rung_network *n, int exit) {
  double sum = cost_of_chain(n, rg_module_end(n, exit));
  for (int e = 1; e <= exit; e++) sum += cost_of_exit(n, e);
  return sum;
}

/* ---- modules ---- */

static rung_status add_copy(rg_blocks *blocks, const rg_block *block, int64_t layers) {
  rg_block *copy = rg_blocks_add(blocks, block->name, block->kind);
  if (!copy) return RUNG_E_MEMORY;
  *copy = *block;
  copy->layers = layers;
  return RUNG_OK;
}

/* The layers of modules `module` to `exit`, and exit `exit`. */
static rung_status list_blocks(const rung_network *n, int module, int exit, rg_blocks *out) {
  const rg_cut begin = rg_module_begin(n, module), end = rg_module_end(n, exit);
  if (module > 1)
    RG_TRY(
        rg_add_resume(out, n->blocks.list[begin.block].states_in,
                      n->state_shape[begin.block][0].dim[n->state_shape[begin.block][0].rank - 1]));
  for (int i = begin.block; i <= end.block; i++) {
    int64_t from = i == begin.block ? begin.layer : 0;
    int64_t to = i == end.block ? end.layer : n->blocks.list[i].layers;
    if (to > from) RG_TRY(add_copy(out, &n->blocks.list[i], to - from));
  }
  bool last = exit > n->exits.count;
  return add_copy(out, last ? &n->blocks.list[end.block] : &n->exits.list[exit - 1], 1);
}

/* The state at a cut with two arrays joined along their last axis. */
static rung_shape joined(const rung_network *n, rg_cut cut) {
  rung_shape shape = n->state_shape[cut.block][0];
  if (n->blocks.list[cut.block].states_in > 1)
    shape.dim[shape.rank - 1] += n->state_shape[cut.block][1].dim[shape.rank - 1];
  return shape;
}

static void copy_scales(const rung_network *whole, rung_network *part, int module) {
  size_t outputs = (size_t)whole->outputs, entries = (size_t)whole->normalised;
  memcpy(part->target_mean, whole->target_mean, outputs * sizeof *part->target_mean);
  memcpy(part->target_scale, whole->target_scale, outputs * sizeof *part->target_scale);
  if (module > 1) return; /* a state is taken as it is */
  memcpy(part->mean, whole->mean, entries * sizeof *part->mean);
  memcpy(part->scale, whole->scale, entries * sizeof *part->scale);
}

/* Modules `module` to `exit`, with exit `exit` alone, as one network. */
static rung_status part_of(const rung_network *whole, rung_context *ctx, int module, int exit,
                           rung_network **out) {
  *out = NULL;
  rg_blocks blocks = {.ctx = ctx};
  rung_network_settings settings = whole->settings;
  settings.exits = 0;
  rung_shape sample = module > 1 ? joined(whole, rg_module_begin(whole, module)) : whole->sample;
  rung_status status = list_blocks(whole, module, exit, &blocks);
  if (status == RUNG_OK)
    status = rg_network_from_blocks(ctx, &settings, &blocks, &sample, whole->outputs, whole->dtype,
                                    0, out);
  rg_free(ctx, blocks.list);
  if (status != RUNG_OK) return status;
  rg_module_take(*out, whole, module);
  copy_scales(whole, *out, module);
  return RUNG_OK;
}

rung_status rg_network_module(const rung_network *whole, rung_context *ctx, int module,
                              rung_network **out) {
  *out = NULL;
  if (module < 1 || module > whole->exits.count + 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "exits: module: expected 1 to %d, found %d",
                   whole->exits.count + 1, module);
  return part_of(whole, ctx, module, module, out);
}

rung_status rg_network_cut(const rung_network *whole, rung_context *ctx, int exit,
                           rung_network **out) {
  *out = NULL;
  RG_TRY(rg_check_exit(whole, ctx, exit));
  RG_TRY(part_of(whole, ctx, 1, exit, out));
  if (!whole->class_name) return RUNG_OK;
  rung_status status = rung_network_set_classes(*out, ctx, (const char *const *)whole->class_name);
  if (status == RUNG_OK) return RUNG_OK;
  rung_network_destroy(*out);
  *out = NULL;
  return status;
}

/* Looks from `begin` on and round: names come in about the same order in part and whole. */
static int find(const rg_variable *list, int count, const char *name, int begin) {
  int at = begin;
  while (strcmp(list[at].name, name) != 0) at = at + 1 < count ? at + 1 : 0;
  return at;
}

const rg_variable *rg_variable_find(const rg_variable *list, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  return NULL;
}

/* The numbers of a module's tensors lie together in the whole's: from the module's first layer on.
 */
static void exchange(const rung_network *part, const rung_network *whole, int module,
                     bool statistics, bool give) {
  const rg_cut begin = rg_module_begin(whole, module);
  const size_t size = rung_dtype_size(whole->dtype);
  int count = statistics ? part->statistic_count : part->parameter_count;
  int all = statistics ? whole->statistic_count : whole->parameter_count, at = 0;
  const rg_variable *mine = statistics ? part->statistic : part->parameter;
  const rg_variable *list = statistics ? whole->statistic : whole->parameter;
  for (int i = 0; i < count; i++) {
    at = find(list, all, mine[i].name, at);
    const rg_variable *v = &list[at];
    int64_t first = v->block == begin.block ? begin.layer : 0;
    char *own = (char *)(statistics ? part->running : part->theta);
    char *its = (char *)(statistics ? whole->running : whole->theta);
    own += (size_t)mine[i].offset * size;
    its += (size_t)(v->offset + first * v->count) * size;
    memcpy(give ? its : own, give ? own : its, (size_t)(mine[i].count * mine[i].nodes) * size);
  }
}

void rg_module_give(const rung_network *part, rung_network *whole, int module) {
  exchange(part, whole, module, false, true);
  exchange(part, whole, module, true, true);
}

void rg_module_take(rung_network *part, const rung_network *whole, int module) {
  exchange(part, whole, module, false, false);
  exchange(part, whole, module, true, false);
}

/* ---- choosing cuts ---- */

/* What stays together: a layer, or a stage whose weights are linear in time. */
typedef struct piece {
  int block;
  int64_t layers, left; /* of this piece; pieces of this block that follow */
  double bytes;
} piece;

static piece piece_of(const rung_network *n, int block) {
  const rg_block *b = &n->blocks.list[block];
  int64_t layers = b->nodes ? b->layers : 1;
  return (piece){block, layers, b->layers / layers - 1,
                 (double)layers * (double)rg_state_bytes(n, block + 1, 1)};
}

static void advance(const rung_network *n, piece *p) {
  if (p->left)
    p->left--;
  else
    *p = piece_of(n, p->block + 1);
}

rung_status rg_choose_exits(const rung_network *n, rung_context *ctx, int modules,
                            int64_t *exit_at) {
  double all = 0, done = 0;
  int64_t pieces = 0, layers = 0;
  for (int i = 0; i < n->blocks.count - 1; i++) {
    const piece p = piece_of(n, i);
    pieces += p.left + 1;
    all += (double)(p.left + 1) * p.bytes;
  }
  if (modules < 1 || modules - 1 > RUNG_MOST_EXITS || modules > pieces)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "exits: modules: expected 1 to %lld (layers before the last block that may be "
                   "cut apart), found %d",
                   (long long)(pieces > RUNG_MOST_EXITS ? RUNG_MOST_EXITS + 1 : pieces), modules);
  piece p = piece_of(n, 0);
  for (int m = 1; m < modules; m++) {
    const double ideal = all * m / modules;
    bool first = true;
    /* A layer more while it brings the cut nearer to its place and leaves one for each module. */
    while (first || (pieces > modules - m && fabs(done + p.bytes - ideal) < fabs(done - ideal))) {
      done += p.bytes;
      layers += p.layers;
      pieces--;
      first = false;
      advance(n, &p);
    }
    exit_at[m - 1] = layers;
  }
  return RUNG_OK;
}
