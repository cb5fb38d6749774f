/* Which layers are kept, computed again or run backwards: the cheapest plan that fits.
 *
 * Work is counted in forward computations of layers: forwards 1, back-propagation 2, what is
 * computed again or backwards 1 more. Bytes are those that will be allocated, to the byte. */
#include <string.h>

#include "train/pass_inside.h"

/* Blocks of one layer at the end of the chain are one program with the loss, as long as it does not
 * grow too large to be compiled quickly. */
#define MOST_HEAD_BLOCKS 8
#define MOST_SNAPSHOTS 64

typedef struct choice {
  rg_pass *pass;
  size_t skeleton;      /* bytes of the pass without programs, spans and memory */
  rg_pass_head head[2]; /* the long one, with all last blocks of one layer, and the short one */
  size_t head_bytes[2];
  size_t (*program_bytes)[RG_PROGRAM_KINDS]; /* [blocks] */
  double *cost;                              /* [blocks]: of one layer forwards */
  double all;                                /* of the chain, head and back-propagation included */
  /* The best so far. */
  bool found;
  rg_pass_plan best;
  rg_span *span;
  int spans, snapshots, which;
  size_t least; /* of those that do not fit */
} choice;

/* ---- programs, compiled when first thought of ---- */

static rung_status need(choice *c, int block, rg_program_kind kind) {
  rg_pass *pass = c->pass;
  rg_block_program *p = &pass->program[block][kind];
  pass->uses[block][kind] = true;
  if (p->program) return RUNG_OK;
  size_t before = rung_memory_now(pass->ctx);
  RG_TRY(rg_block_compile(pass->network, pass->ctx, block, kind, pass->options.batch, p));
  c->program_bytes[block][kind] = rung_memory_now(pass->ctx) - before;
  return RUNG_OK;
}

static int long_head(const rung_network *n) {
  int first = n->blocks.count - 1;
  while (first > 0 && n->blocks.count - first < MOST_HEAD_BLOCKS &&
         n->blocks.list[first - 1].layers == 1)
    first--;
  return first;
}

/* Begins a plan: its head, and no programs. */
static rung_status begin(choice *c, rung_activations activations, int which) {
  rg_pass *pass = c->pass;
  const rung_network *n = pass->network;
  int first = which ? n->blocks.count - 1 : long_head(n);
  if (!c->head[which].program) {
    size_t before = rung_memory_now(pass->ctx);
    RG_TRY(rg_pass_head_compile(n, pass->ctx, &pass->options, first, &c->head[which]));
    c->head_bytes[which] = rung_memory_now(pass->ctx) - before;
  }
  pass->head = c->head[which];
  pass->layers = pass->first[first];
  pass->plan = (rg_pass_plan){.activations = activations};
  pass->spans = pass->snapshots = 0;
  memset(pass->uses, 0, (size_t)n->blocks.count * sizeof *pass->uses);
  if (!pass->options.products) return RUNG_OK;
  for (int i = 0; i < n->blocks.count; i++) RG_TRY(need(c, i, RG_TANGENT));
  return need(c, n->blocks.count - 1, RG_BACKWARD);
}

static rung_status add_span(choice *c, rg_span_kind kind, int64_t first, int64_t end) {
  rg_pass *pass = c->pass;
  pass->span[pass->spans++] = (rg_span){kind, first, end};
  for (int i = rg_pass_block_of(pass, first); i < pass->head.first && pass->first[i] < end; i++) {
    bool reverse = kind == RG_SPAN_REVERSE;
    if (kind != RG_SPAN_KEEP) RG_TRY(need(c, i, RG_FORWARD));
    if (reverse) RG_TRY(need(c, i, RG_REVERSE));
    if (!reverse) RG_TRY(need(c, i, RG_FORWARD_KEEP));
    if (!reverse) RG_TRY(need(c, i, RG_BACKWARD_KEPT));
  }
  return RUNG_OK;
}

/* ---- what a plan takes ---- */

static void count_pointers(rg_pass *pass) {
  pass->most_pointers = 0;
  for (int i = 0; i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++) {
      const rg_block_program *p = &pass->program[i][k];
      if (pass->uses[i][k] && p->inputs > pass->most_pointers) pass->most_pointers = p->inputs;
      if (pass->uses[i][k] && p->outputs > pass->most_pointers) pass->most_pointers = p->outputs;
    }
}

static size_t bytes_of(const choice *c, int which) {
  rg_pass *pass = c->pass;
  size_t bytes = c->skeleton + c->head_bytes[which];
  count_pointers(pass);
  if (pass->options.borrowed) return rg_pass_lay_memory(pass, NULL);
  for (int i = 0; i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++)
      if (pass->uses[i][k]) bytes += c->program_bytes[i][k];
  bytes += RG_ALLOCATION_BYTES + (size_t)pass->spans * sizeof *pass->span;
  return bytes + RG_ALLOCATION_BYTES + rg_pass_lay_memory(pass, NULL);
}

static double cost_between(const choice *c, int64_t first, int64_t end) {
  const rg_pass *pass = c->pass;
  double cost = 0;
  for (int i = 0; i < pass->network->blocks.count; i++) {
    int64_t from = pass->first[i] > first ? pass->first[i] : first;
    int64_t to = pass->first[i + 1] < end ? pass->first[i + 1] : end;
    if (to > from) cost += (double)(to - from) * c->cost[i];
  }
  return cost;
}

/* The work of the spans above that of keeping all. */
static double more_work(const choice *c) {
  const rg_pass *pass = c->pass;
  double more = 0;
  for (int k = 0; k < pass->spans; k++) {
    const rg_span *s = &pass->span[k];
    if (s->kind == RG_SPAN_REVERSE || (s->kind == RG_SPAN_CHECK && k < pass->spans - 1))
      more += cost_between(c, s->first, s->end);
    if (s->kind == RG_SPAN_RECURSE)
      more += cost_between(c, s->first, s->end) / (double)pass->layers *
              rg_pass_recursion_work(pass->layers, pass->snapshots);
  }
  return more;
}

/* Keeps the plan if it fits and costs less than the best so far. */
static rung_status consider(choice *c, int which, bool *fits) {
  rg_pass *pass = c->pass;
  pass->plan.total_bytes = bytes_of(c, which);
  pass->plan.micro = pass->options.batch;
  pass->plan.work = 1 + (more_work(c) + rg_pass_pieces_work(pass)) / c->all;
  pass->plan.operations = pass->plan.work * c->all * (double)(pass->pieces * pass->options.batch);
  size_t limit = pass->options.memory;
  *fits = !limit || pass->plan.total_bytes <= limit;
  if (!c->least || pass->plan.total_bytes < c->least) c->least = pass->plan.total_bytes;
  if (!*fits || (c->found && c->best.work <= pass->plan.work)) return RUNG_OK;
  c->found = true;
  c->best = pass->plan;
  c->spans = pass->spans;
  c->snapshots = pass->snapshots;
  c->which = which;
  if (pass->spans) memcpy(c->span, pass->span, (size_t)pass->spans * sizeof *c->span);
  return RUNG_OK;
}

/* ---- the plans ---- */

static rung_status try_store(choice *c) {
  bool fits;
  const rg_pass_options *o = &c->pass->options;
  int which = o->products || o->observe || o->tap; /* these want to see each layer */
  RG_TRY(begin(c, RUNG_STORE, which));
  if (c->pass->layers) RG_TRY(add_span(c, RG_SPAN_KEEP, 0, c->pass->layers));
  return consider(c, which, &fits);
}

/* Reversible blocks run backwards; the others are kept, or computed again from their beginning. */
static rung_status try_reverse(choice *c, rung_activations activations, rg_span_kind others) {
  rg_pass *pass = c->pass;
  const rung_network *n = pass->network;
  bool fits;
  RG_TRY(begin(c, activations, 1));
  for (int i = 0; i < pass->head.first;) {
    int end = i + 1;
    bool reversible = rg_is_reversible(&n->blocks.list[i]);
    while (!reversible && end < pass->head.first && !rg_is_reversible(&n->blocks.list[end])) end++;
    RG_TRY(add_span(c, reversible ? RG_SPAN_REVERSE : others, pass->first[i], pass->first[end]));
    i = end;
  }
  return consider(c, 1, &fits);
}

/* The chain cut where so many pieces keep about the same number of bytes. */
static rung_status cut(choice *c, int64_t pieces) {
  rg_pass *pass = c->pass;
  rg_span all = {RG_SPAN_CHECK, 0, pass->layers};
  double share = (double)rg_pass_span_bytes(pass, &all) / (double)pieces, kept = 0;
  int64_t first = 0, done = 0, longest = 0;
  pass->spans = 0;
  for (int64_t layer = 0; layer < pass->layers; layer++) {
    rg_span one = {RG_SPAN_CHECK, layer, layer + 1};
    int block = rg_pass_block_of(pass, layer);
    kept += (double)rg_pass_span_bytes(pass, &one);
    for (int s = 0; s < pass->network->blocks.list[block].states_out; s++)
      if (pass->program[block][RG_FORWARD_KEEP].state[s].output >= 0)
        kept += (double)rg_pass_state_bytes(pass, block + 1, s);
    if (layer < pass->layers - 1 && kept < share * (double)(done + 1)) continue;
    RG_TRY(add_span(c, RG_SPAN_CHECK, first, layer + 1));
    if (layer + 1 - first > longest) longest = layer + 1 - first;
    first = layer + 1;
    done = (int64_t)(kept / share);
  }
  pass->plan.segment = longest;
  return RUNG_OK;
}

/* The fewest pieces that fit are the least work, as the last one is not computed again. */
static rung_status try_recompute(choice *c) {
  rg_pass *pass = c->pass;
  bool fits = false;
  RG_TRY(begin(c, RUNG_RECOMPUTE, 1));
  if (!pass->layers) return consider(c, 1, &fits);
  RG_TRY(add_span(c, RG_SPAN_CHECK, 0, pass->layers)); /* compiles what bytes are counted by */
  size_t before = SIZE_MAX;
  for (int64_t pieces = 2; !fits && pieces <= pass->layers; pieces += 1 + pieces / 8) {
    RG_TRY(cut(c, pieces));
    RG_TRY(consider(c, 1, &fits));
    if (pass->plan.total_bytes > 2 * (before < c->least ? before : c->least)) break;
    before = pass->plan.total_bytes;
  }
  if (pass->layers == 1) RG_TRY(consider(c, 1, &fits));
  return RUNG_OK;
}

/* The most snapshots that fit are the least work. */
static rung_status try_recursion(choice *c) {
  rg_pass *pass = c->pass;
  bool fits = false;
  RG_TRY(begin(c, RUNG_RECOMPUTE, 1));
  if (pass->layers < 2) return RUNG_OK;
  RG_TRY(add_span(c, RG_SPAN_RECURSE, 0, pass->layers));
  pass->plan.segment = 1;
  pass->snapshots = pass->layers < MOST_SNAPSHOTS ? (int)pass->layers : MOST_SNAPSHOTS;
  for (; !fits && pass->snapshots >= 0; pass->snapshots--) RG_TRY(consider(c, 1, &fits));
  return RUNG_OK;
}

static bool any_reversible(const rung_network *n) {
  for (int i = 0; i < n->blocks.count; i++)
    if (rg_is_reversible(&n->blocks.list[i])) return true;
  return false;
}

static rung_status try_all(choice *c) {
  const rung_network *n = c->pass->network;
  rung_activations wanted = c->pass->options.activations;
  bool all = wanted == RUNG_ACTIVATIONS_AUTO, reversible = any_reversible(n);
  rung_activations backwards = n->settings.fixed ? RUNG_REVERSE_EXACT : RUNG_REVERSE;
  if (!reversible && (wanted == RUNG_REVERSE || wanted == RUNG_REVERSE_EXACT))
    return rg_fail(c->pass->ctx, RUNG_E_ARGUMENT,
                   "activations: the network has no reversible stage (blocks hamiltonian, "
                   "hamiltonian-two, leapfrog, midpoint); store or recompute would do");
  if (all || wanted == RUNG_STORE) RG_TRY(try_store(c));
  if (all && c->found) return RUNG_OK; /* nothing is cheaper */
  if (all || wanted == RUNG_RECOMPUTE) RG_TRY(try_recompute(c));
  if (reversible && (all || wanted == RUNG_REVERSE || wanted == RUNG_REVERSE_EXACT)) {
    if (!all) backwards = wanted;
    RG_TRY(try_reverse(c, backwards, RG_SPAN_KEEP));
    if (!c->found || all) RG_TRY(try_reverse(c, backwards, RG_SPAN_CHECK));
  }
  if (!c->found && (all || wanted == RUNG_RECOMPUTE)) RG_TRY(try_recursion(c));
  if (c->found) return RUNG_OK;
  return rg_fail(c->pass->ctx, RUNG_E_BUDGET,
                 "memory: %zu bytes do not hold a pass over a batch of %lld; at least %zu bytes "
                 "are needed%s",
                 c->pass->options.memory, (long long)c->pass->options.batch, c->least,
                 all ? "" : " with these activations (others may need less)");
}

/* ---- choosing ---- */

/* A layer's operations: a product for each weight at each position, and what is done to states. */
static double cost_of(const rung_network *n, int block) {
  const rg_block_variables *of = &n->of_block[block];
  double weights = 0, numbers = 0, positions = 1;
  for (int i = 0; i < of->parameters; i++) weights += (double)n->parameter[of->parameter[i]].count;
  for (int s = 0; s < n->blocks.list[block].states_out; s++) {
    const rung_shape *shape = &n->state_shape[block + 1][s];
    numbers += (double)rung_shape_count(shape);
    if (shape->rank == 3) positions = (double)(shape->dim[0] * shape->dim[1]);
  }
  return weights * positions + 10 * numbers;
}

/* Takes the best plan over into the pass and lets go of what it does not use. */
static rung_status settle(choice *c) {
  rg_pass *pass = c->pass;
  RG_TRY(begin(c, c->best.activations, c->which));
  c->head[c->which] = (rg_pass_head){0}; /* it is the pass's now */
  pass->snapshots = c->snapshots;
  for (int k = 0; k < c->spans; k++)
    RG_TRY(add_span(c, c->span[k].kind, c->span[k].first, c->span[k].end));
  for (int i = 0; i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++)
      if (!pass->uses[i][k]) rg_block_program_free(pass->ctx, &pass->program[i][k]);
  rg_span *span = rg_alloc(pass->ctx, (size_t)pass->spans, sizeof *span);
  if (!span) return RUNG_E_MEMORY;
  if (pass->spans) memcpy(span, pass->span, (size_t)pass->spans * sizeof *span);
  rg_free(pass->ctx, pass->span);
  pass->span = span;
  count_pointers(pass);
  pass->plan = c->best;
  return RUNG_OK;
}

rung_status rg_pass_plan_choose(rg_pass *pass, size_t skeleton, size_t *least) {
  const rung_network *n = pass->network;
  size_t blocks = (size_t)n->blocks.count, layers = (size_t)rg_pass_layers(pass);
  choice c = {.pass = pass, .skeleton = skeleton};
  c.program_bytes = rg_calloc(pass->ctx, blocks, sizeof *c.program_bytes);
  c.cost = rg_alloc(pass->ctx, blocks, sizeof *c.cost);
  c.span = rg_alloc(pass->ctx, layers, sizeof *c.span);
  pass->span = rg_alloc(pass->ctx, layers, sizeof *pass->span);
  rung_status status = c.program_bytes && c.cost && c.span && pass->span ? RUNG_OK : RUNG_E_MEMORY;
  for (int i = 0; status == RUNG_OK && i < n->blocks.count; i++) {
    c.cost[i] = cost_of(n, i);
    c.all += 3 * (double)n->blocks.list[i].layers * c.cost[i];
  }
  if (status == RUNG_OK) status = try_all(&c);
  pass->head = (rg_pass_head){0};
  if (status == RUNG_OK) status = settle(&c);
  for (int i = 0; i < 2; i++) rg_pass_head_free(pass->ctx, &c.head[i]);
  rg_free(pass->ctx, c.program_bytes);
  rg_free(pass->ctx, c.cost);
  rg_free(pass->ctx, c.span);
  if (least) *least = c.least;
  return status;
}
