/* The memory of a pass: one block, in which each array has its place. */
#include <string.h>

#include "train/pass_inside.h"

size_t rg_pass_state_bytes(const rg_pass *pass, int block, int s) {
  int64_t count = rung_shape_count(&pass->network->state_shape[block][s]) * pass->options.batch;
  return rg_padded((size_t)count * rung_dtype_size(pass->network->dtype));
}

size_t rg_pass_kept_bytes(const rg_pass *pass, int block) {
  const rg_block_program *p = &pass->program[block][RG_FORWARD_KEEP];
  size_t bytes = 0;
  for (int k = 0; k < p->kept; k++)
    bytes += rg_padded((size_t)rung_shape_count(&p->kept_shape[k]) *
                       rung_dtype_size(pass->network->dtype));
  return bytes;
}

bool rg_pass_is_in_place(const rg_pass *pass, const rg_span *span) {
  int block = rg_pass_block_of(pass, span->first);
  return span->kind != RG_SPAN_RECURSE && rg_is_reversible(&pass->network->blocks.list[block]) &&
         pass->first[block + 1] >= span->end;
}

bool rg_pass_is_kept(const rg_pass *pass, int k) {
  return pass->span[k].kind == RG_SPAN_KEEP ||
         (pass->span[k].kind == RG_SPAN_CHECK && k == pass->spans - 1);
}

/* Bytes of the states that a layer of the block makes anew. */
static size_t made_bytes(const rg_pass *pass, int block) {
  const rg_block_program *p = &pass->program[block][RG_FORWARD_KEEP];
  size_t bytes = 0;
  for (int s = 0; s < pass->network->blocks.list[block].states_out; s++)
    if (p->state[s].output >= 0) bytes += rg_pass_state_bytes(pass, block + 1, s);
  return bytes;
}

size_t rg_pass_span_bytes(const rg_pass *pass, const rg_span *span) {
  size_t bytes = 0;
  for (int64_t layer = span->first; layer < span->end;) {
    int block = rg_pass_block_of(pass, layer);
    int64_t end = pass->first[block + 1] < span->end ? pass->first[block + 1] : span->end;
    size_t made = made_bytes(pass, block);
    bytes += (size_t)(end - layer) * (made + rg_pass_kept_bytes(pass, block));
    if (end == span->end) bytes -= made; /* the last one's are the next span's beginning */
    layer = end;
  }
  return bytes;
}

/* Takes arrays off a block of memory, or only counts. */
typedef struct bump {
  char *memory;
  size_t used;
} bump;

static char *take(bump *b, size_t bytes) {
  char *at = b->memory ? b->memory + b->used : NULL;
  b->used += rg_padded(bytes);
  return at;
}

/* The statistics of a layer, padded one by one, at most over all blocks. */
static size_t unwanted_bytes(const rg_pass *pass) {
  const rung_network *n = pass->network;
  size_t most = 0;
  for (int i = 0; i < n->blocks.count; i++) {
    size_t bytes = 0;
    for (int k = 0; k < n->of_block[i].statistics; k++)
      bytes += rg_padded((size_t)n->statistic[n->of_block[i].statistic[k]].count *
                         rung_dtype_size(n->dtype));
    if (bytes > most) most = bytes;
  }
  return most;
}

static size_t workspace_bytes(const rg_pass *pass) {
  size_t most = rung_program_bytes(pass->head.program);
  for (int i = 0; i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++) {
      const rung_program *program = pass->uses[i][k] ? pass->program[i][k].program : NULL;
      if (program && rung_program_bytes(program) > most) most = rung_program_bytes(program);
    }
  return most;
}

static void lay_numbers(rg_pass *pass, bump *b) {
  const rung_network *n = pass->network;
  size_t size = rung_dtype_size(n->dtype), batch = (size_t)pass->options.batch;
  size_t pointers = (size_t)pass->most_pointers * sizeof(void *);
  pass->in = (void **)take(b, pointers);
  pass->out = (void **)take(b, pointers);
  pass->scores = take(b, batch * (size_t)n->outputs * size);
  pass->loss = take(b, size);
  pass->ones = take(b, batch * size);
  pass->key = take(b, (size_t)n->blocks.count * 4 * size);
  pass->running = take(b, (size_t)n->statistics * size);
  pass->unwanted = take(b, unwanted_bytes(pass));
  pass->layer_parameters = take(b, rg_mixed_bytes(n));
  pass->layer_gradient = take(b, rg_mixed_bytes(n));
  if (n->transport != RG_TRANSPORT_NONE) {
    pass->cost = take(b, (size_t)n->blocks.count * size);
    pass->cost_weight = take(b, size);
  }
  if (!pass->options.observe) return;
  pass->seen.state = (double *)take(b, (size_t)rg_pass_layers(pass) * sizeof(double));
  pass->seen.cotangent = (double *)take(b, (size_t)rg_pass_layers(pass) * sizeof(double));
}

/* The states at the beginnings of spans; that of the first is the caller's x. */
static void lay_beginnings(rg_pass *pass, bump *b) {
  pass->begin = (void *(*)[RG_MOST_STATES])take(b, (size_t)(pass->spans + 1) * sizeof *pass->begin);
  for (int k = 1; k <= pass->spans; k++) {
    int block = rg_pass_block_of(pass, pass->span[k - 1].end);
    for (int s = 0; s < pass->network->blocks.list[block].states_in; s++) {
      char *at = take(b, rg_pass_state_bytes(pass, block, s));
      if (b->memory) pass->begin[k][s] = at;
    }
  }
}

static void lay_kept(rg_pass *pass, bump *b) {
  size_t kept = 0, segment = 0;
  int64_t stored = 0, longest = 0;
  for (int k = 0; k < pass->spans; k++) {
    const rg_span *span = &pass->span[k];
    int64_t length = span->end - span->first;
    if (span->kind == RG_SPAN_REVERSE || span->kind == RG_SPAN_RECURSE) continue;
    size_t bytes = rg_pass_span_bytes(pass, span);
    if (span->kind == RG_SPAN_KEEP) {
      kept += bytes;
      stored += length;
    } else {
      if (bytes > segment) segment = bytes;
      if (length > longest) longest = length;
    }
  }
  pass->stored = (rg_stored *)take(b, (size_t)(stored + longest) * sizeof *pass->stored);
  pass->kept_area = take(b, kept);
  pass->segment_area = take(b, segment);
}

static bool recurses(const rg_pass *pass) {
  return pass->spans && pass->span[0].kind == RG_SPAN_RECURSE;
}

/* Snapshots of the states before layers, and what one layer keeps. */
static void lay_recursion(rg_pass *pass, bump *b) {
  size_t kept = 0;
  pass->snapshot_bytes = 0;
  if (!recurses(pass)) return;
  for (int i = 0; i < pass->head.first; i++) {
    size_t states = 0;
    for (int s = 0; s < pass->network->blocks.list[i].states_in; s++)
      states += rg_pass_state_bytes(pass, i, s);
    if (states > pass->snapshot_bytes) pass->snapshot_bytes = states;
    if (rg_pass_kept_bytes(pass, i) > kept) kept = rg_pass_kept_bytes(pass, i);
  }
  pass->segment_area = take(b, kept);
  pass->snapshot = take(b, (size_t)pass->snapshots * pass->snapshot_bytes);
}

static int at_least(int a, int b) {
  return a > b ? a : b;
}

/* Arrays for cotangents: what goes into a layer and, unless it is updated in place or nobody asks
 * for it, what comes out. */
static int cotangent_slots(const rg_pass *pass) {
  const rung_network *n = pass->network;
  int slots = n->blocks.list[pass->head.first].states_in;
  for (int i = 0; i < pass->head.first; i++) {
    const rg_block *b = &n->blocks.list[i];
    bool out = !rg_is_reversible(b) && rg_pass_goes_back(pass, pass->first[i]);
    slots = at_least(slots, b->states_out + (out ? b->states_in : 0));
  }
  return slots;
}

/* Arrays for the states between two layers of a span that is crossed: its own beginning and end
 * have places already, so that the first layer needs but what comes out, the last one nothing. */
static int crossing_slots(const rg_pass *pass, const rg_span *span) {
  const rung_network *n = pass->network;
  int slots = 0;
  for (int i = rg_pass_block_of(pass, span->first); pass->first[i] < span->end - 1; i++) {
    bool begins = pass->first[i] <= span->first;
    int64_t end = pass->first[i + 1] < span->end ? pass->first[i + 1] : span->end - 1;
    bool one = begins && end - span->first == 1;
    slots = at_least(slots, n->blocks.list[i].states_out + (one ? 0 : n->blocks.list[i].states_in));
  }
  return slots;
}

static int state_slots(const rg_pass *pass) {
  const rung_network *n = pass->network;
  int slots = 0;
  for (int i = 0; recurses(pass) && i < pass->head.first; i++)
    slots = at_least(slots, n->blocks.list[i].states_in + n->blocks.list[i].states_out);
  for (int k = 0; k < pass->spans && !recurses(pass); k++)
    if (!rg_pass_is_kept(pass, k) && !rg_pass_is_in_place(pass, &pass->span[k]))
      slots = at_least(slots, crossing_slots(pass, &pass->span[k]));
  return slots;
}

static void lay_pools(rg_pass *pass, bump *b) {
  const rung_network *n = pass->network;
  pass->slots = pass->state_slots = 0;
  pass->slot_bytes = 0;
  if (!pass->layers) return;
  for (int i = 1; i <= pass->head.first; i++)
    for (int s = 0; s < n->blocks.list[i].states_in; s++)
      if (rg_pass_state_bytes(pass, i, s) > pass->slot_bytes)
        pass->slot_bytes = rg_pass_state_bytes(pass, i, s);
  pass->slots = cotangent_slots(pass);
  pass->state_slots = state_slots(pass);
  pass->pool = take(b, (size_t)pass->slots * pass->slot_bytes);
  pass->state_pool = take(b, (size_t)pass->state_slots * pass->slot_bytes);
}

static void lay_products(rg_pass *pass, bump *b) {
  pass->product_bytes = 0;
  if (!pass->options.products) return;
  for (int i = 0; i <= pass->network->blocks.count; i++)
    for (int s = 0; s < RG_MOST_STATES; s++)
      if (rg_pass_state_bytes(pass, i, s) > pass->product_bytes)
        pass->product_bytes = rg_pass_state_bytes(pass, i, s);
  pass->product = take(b, 4 * RG_MOST_STATES * pass->product_bytes);
}

static void lay_pieces(rg_pass *pass, bump *b) {
  const rung_network *n = pass->network;
  size_t size = rung_dtype_size(n->dtype), batch = (size_t)(pass->pieces * pass->options.batch);
  if (pass->pieces == 1) return;
  pass->sum = take(b, (size_t)n->parameters * size);
  pass->share = take(b, batch * size);
  pass->all_scores = take(b, batch * (size_t)n->outputs * size);
  pass->running_begun = take(b, (size_t)n->statistics * size);
  if (pass->options.observe)
    pass->seen_sum = (double *)take(b, 2 * (size_t)rg_pass_layers(pass) * sizeof(double));
}

size_t rg_pass_lay_memory(rg_pass *pass, char *memory) {
  bump b = {memory, 0};
  size_t size = rung_dtype_size(pass->network->dtype);
  lay_numbers(pass, &b);
  pass->plan.gradient_bytes = rg_padded((size_t)pass->network->parameters * size);
  pass->gradient = pass->target_gradient = take(&b, pass->plan.gradient_bytes);
  pass->plan.workspace_bytes = workspace_bytes(pass);
  pass->workspace = take(&b, pass->plan.workspace_bytes);
  lay_products(pass, &b);
  lay_pieces(pass, &b);
  size_t before = b.used;
  lay_beginnings(pass, &b);
  lay_kept(pass, &b);
  lay_recursion(pass, &b);
  lay_pools(pass, &b);
  pass->plan.state_bytes = b.used - before;
  return b.used;
}
