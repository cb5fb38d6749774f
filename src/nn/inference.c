/* A network applied to samples, batch by batch. */
#include <string.h>

#include "nn/module.h"

#define ARRAYS (2 * RG_MOST_STATES)
/* Samples at once: enough for products to be fast, few enough for the cache. */
#define MOST_SAMPLES 64

struct rg_inference {
  const rung_network *network;
  rung_context *ctx;
  int64_t samples;
  int exit;                  /* RG_EVERY_EXIT, RG_BODY, or where it ends */
  int blocks;                /* of the chain that are run; a last one perhaps in part */
  int64_t layers;            /* of the chain that are run */
  int first, last;           /* exits that are run, from 0; first = last: none */
  int ends;                  /* arrays that come out */
  int64_t numbers;           /* of a sample in each of them */
  rg_block_program *program; /* [blocks and exits of the network]; empty where it is not run */
  bool borrows;              /* workspace, states and filled-up batches are another's */
  size_t workspace_bytes;
  void *workspace;
  char *state; /* [arrays] */
  int arrays;  /* for the states that go into a layer and those that come out */
  size_t state_bytes, bytes;
  char *last_x, *last_y; /* a batch that is filled up */
  char *mixed, *key;
  const void **in;
  void **end; /* [ends]: where the batch's results go */
};

static size_t largest_state(const rg_inference *f) {
  const rung_network *n = f->network;
  int64_t most = 0;
  for (int i = 0; i <= n->blocks.count; i++)
    for (int s = 0; s < RG_MOST_STATES; s++) {
      int64_t count = rung_shape_count(&n->state_shape[i][s]);
      if (count > most) most = count;
    }
  size_t bytes = (size_t)(most * f->samples) * rung_dtype_size(n->dtype);
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

static int most_arrays(const rg_inference *f) {
  int most = 0;
  for (int i = 0; i < f->blocks; i++) {
    const rg_block *b = &f->network->blocks.list[i];
    if (b->states_in + b->states_out > most) most = b->states_in + b->states_out;
  }
  return most;
}

static rung_status compile_one(rg_inference *f, int i, size_t *workspace, int *pointers) {
  const rung_network *n = f->network;
  rg_block_program *p = &f->program[i];
  if (i < n->blocks.count)
    RG_TRY(rg_block_compile(n, f->ctx, i, RG_INFER, f->samples, p));
  else
    RG_TRY(rg_exit_compile(n, f->ctx, i - n->blocks.count + 1, RG_INFER, f->samples, p));
  if (rung_program_bytes(p->program) > *workspace) *workspace = rung_program_bytes(p->program);
  if (p->inputs > *pointers) *pointers = p->inputs;
  return RUNG_OK;
}

static rung_status compile(rg_inference *f, size_t *workspace, int *pointers) {
  for (int i = 0; i < f->blocks; i++) RG_TRY(compile_one(f, i, workspace, pointers));
  for (int e = f->first; e < f->last; e++)
    RG_TRY(compile_one(f, f->network->blocks.count + e, workspace, pointers));
  return RUNG_OK;
}

static rung_status allocate(rg_inference *f, size_t workspace, int pointers) {
  const rung_network *n = f->network;
  size_t size = rung_dtype_size(n->dtype);
  f->state_bytes = largest_state(f);
  f->workspace_bytes = workspace;
  f->workspace = rg_alloc(f->ctx, workspace, 1);
  f->arrays = most_arrays(f);
  f->state = rg_alloc(f->ctx, (size_t)f->arrays, f->state_bytes);
  f->last_x = rg_calloc(f->ctx, (size_t)(rung_shape_count(&n->sample) * f->samples), size);
  f->last_y = rg_alloc(f->ctx, (size_t)f->ends, (size_t)(f->numbers * f->samples) * size);
  f->end = rg_alloc(f->ctx, (size_t)f->ends, sizeof *f->end);
  f->mixed = rg_alloc(f->ctx, rg_mixed_bytes(n), 1);
  f->key = rg_calloc(f->ctx, 4, size);
  f->in = rg_alloc(f->ctx, (size_t)pointers, sizeof *f->in);
  bool all = f->workspace && f->state && f->last_x && f->last_y && f->end && f->mixed && f->key;
  return all && f->in ? RUNG_OK : RUNG_E_MEMORY;
}

/* What is run, and what comes out of it. */
static rung_status choose_end(rg_inference *f, int exit) {
  const rung_network *n = f->network;
  int last = n->blocks.count - 1;
  *f = (rg_inference){.network = n, .ctx = f->ctx, .samples = f->samples, .exit = exit};
  f->blocks = n->blocks.count;
  f->ends = 1;
  f->numbers = n->outputs;
  if (exit == RG_EVERY_EXIT) {
    f->last = n->exits.count;
    f->ends = f->last + 1;
  } else if (exit == RG_BODY) {
    f->blocks = last;
    f->numbers = 0;
    for (int s = 0; s < n->blocks.list[last].states_in; s++)
      f->numbers += rung_shape_count(&n->state_shape[last][s]);
    if (rg_state_fixed(n, last))
      return rg_fail(f->ctx, RUNG_E_UNSUPPORTED, "inference: the body's state is in fixed point");
  } else if (exit <= n->exits.count) {
    rg_cut cut = rg_cut_behind(n, n->settings.exit_at[exit - 1]);
    f->first = exit - 1;
    f->last = exit;
    f->blocks = cut.block + (cut.layer > 0);
    f->layers = n->settings.exit_at[exit - 1];
    return RUNG_OK;
  }
  for (int i = 0; i < f->blocks; i++) f->layers += n->blocks.list[i].layers;
  return RUNG_OK;
}

rung_status rg_inference_create_to(const rung_network *n, rung_context *ctx, int64_t samples,
                                   int exit, rg_inference **out) {
  *out = NULL;
  if (samples < 1) return rg_fail(ctx, RUNG_E_ARGUMENT, "inference: a batch of no samples");
  if (exit != RG_BODY && exit != RG_EVERY_EXIT) RG_TRY(rg_check_exit(n, ctx, exit));
  size_t before = rung_memory_now(ctx), workspace = 0;
  int pointers = 0;
  rg_inference *f = rg_calloc(ctx, 1, sizeof *f);
  if (!f) return RUNG_E_MEMORY;
  *f = (rg_inference){.network = n, .ctx = ctx, .samples = samples};
  rung_status status = choose_end(f, exit);
  size_t programs = (size_t)(n->blocks.count + n->exits.count);
  if (status == RUNG_OK) f->program = rg_calloc(ctx, programs, sizeof *f->program);
  if (status == RUNG_OK) status = f->program ? compile(f, &workspace, &pointers) : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = allocate(f, workspace, pointers);
  if (status != RUNG_OK) {
    rg_inference_destroy(f);
    return status;
  }
  f->bytes = rung_memory_now(ctx) - before;
  *out = f;
  return RUNG_OK;
}

rung_status rg_inference_create(const rung_network *n, rung_context *ctx, int64_t samples,
                                rg_inference **out) {
  return rg_inference_create_to(n, ctx, samples, n->exits.count + 1, out);
}

static void free_scratch(rg_inference *f) {
  void *owned[] = {f->workspace, f->state, f->last_x, f->last_y};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(f->ctx, owned[i]);
  f->workspace = f->state = f->last_x = f->last_y = NULL;
}

void rg_inference_destroy(rg_inference *f) {
  if (!f) return;
  for (int i = 0; f->program && i < f->network->blocks.count + f->network->exits.count; i++)
    rg_block_program_free(f->ctx, &f->program[i]);
  void *owned[] = {f->program, f->mixed, f->key, f->in, f->end};
  if (!f->borrows) free_scratch(f);
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(f->ctx, owned[i]);
  rg_free(f->ctx, f);
}

static size_t at_least(size_t a, size_t b) {
  return a > b ? a : b;
}

rung_status rg_inference_share(int count, rg_inference *const *list) {
  size_t workspace = 0, state = 0, x = 0, y = 0;
  for (int i = 0; i < count; i++) {
    rg_inference *f = list[i];
    const rung_network *n = f->network;
    size_t size = (size_t)f->samples * rung_dtype_size(n->dtype);
    workspace = at_least(workspace, f->workspace_bytes);
    state = at_least(state, (size_t)f->arrays * f->state_bytes);
    x = at_least(x, (size_t)rung_shape_count(&n->sample) * size);
    y = at_least(y, (size_t)f->ends * (size_t)f->numbers * size);
    if (!f->borrows) free_scratch(f);
    f->borrows = i > 0;
  }
  if (count == 0) return RUNG_OK;
  rg_inference *first = list[0];
  first->workspace = rg_alloc(first->ctx, workspace, 1);
  first->state = rg_alloc(first->ctx, state, 1);
  first->last_x = rg_calloc(first->ctx, x, 1);
  first->last_y = rg_alloc(first->ctx, y, 1);
  for (int i = 1; i < count; i++) {
    list[i]->workspace = first->workspace;
    list[i]->state = first->state;
    list[i]->last_x = first->last_x;
    list[i]->last_y = first->last_y;
  }
  bool all = first->workspace && first->state && first->last_x && first->last_y;
  return all ? RUNG_OK : RUNG_E_MEMORY;
}

size_t rg_inference_bytes(const rg_inference *f) {
  return f->bytes;
}

/* An array of the state memory that is none of those in use. */
static void *free_state(const rg_inference *f, void *const *busy, int count) {
  for (size_t slot = 0;; slot++) {
    void *at = f->state + slot * f->state_bytes;
    bool taken = false;
    for (int i = 0; i < count; i++) taken = taken || busy[i] == at;
    if (!taken) return at;
  }
}

/* One layer: at[] becomes where the states behind it lie; `end` (or NULL) is where the only one
 * has to be. */
static rung_status run_layer(rg_inference *f, int block, int64_t layer, void **at, void *end) {
  const rung_network *n = f->network;
  const rg_block *b = &n->blocks.list[block];
  const rg_block_program *p = &f->program[block];
  void *out[RG_MOST_STATES], *busy[2 * RG_MOST_STATES] = {NULL};
  int ins = 0, busies = 0, outs = 0;
  for (int s = 0; s < RG_MOST_STATES && s < b->states_in; s++)
    f->in[ins++] = busy[busies++] = at[s];
  ins += rg_layer_parameters(n, block, layer, n->theta, f->mixed, f->in + ins);
  ins += rg_layer_statistics(n, block, layer, n->running, f->in + ins);
  f->in[ins] = f->key;
  void *next[RG_MOST_STATES] = {NULL};
  for (int s = 0; s < b->states_out; s++) {
    next[s] = p->state[s].output < 0 ? at[p->state[s].from]
              : end                  ? end
                                     : free_state(f, busy, busies);
    busy[busies++] = next[s];
    if (p->state[s].output >= 0) out[outs++] = next[s];
  }
  memcpy(at, next, sizeof next);
  return rung_program_run(p->program, f->ctx, f->workspace, f->in, out);
}

/* The only state that comes out of a last block lies at `end`. */
static rung_status run_last(rg_inference *f, int block, void *const *state, void *end) {
  const rung_network *n = f->network;
  void *at[RG_MOST_STATES] = {state[0], state[1]};
  RG_TRY(run_layer(f, block, 0, at, end));
  if (at[0] != end) /* the block hands on what it is given */
    memcpy(end, at[0], (size_t)(n->outputs * f->samples) * rung_dtype_size(n->dtype));
  return RUNG_OK;
}

/* Two states side by side along the last axis; one as it is. */
static void join(const rg_inference *f, void *const *state, char *end) {
  const rung_network *n = f->network;
  const int block = n->blocks.count - 1, states = n->blocks.list[block].states_in;
  size_t each[RG_MOST_STATES] = {0}, all = 0;
  for (int s = 0; s < states; s++) {
    const rung_shape *shape = &n->state_shape[block][s];
    if (!state[s]) return; /* where there is no layer at all */
    each[s] = (size_t)shape->dim[shape->rank - 1] * rung_dtype_size(n->dtype);
    all += each[s];
  }
  if (!all) return; /* no state is without channels */
  size_t rows = (size_t)(f->numbers * f->samples) * rung_dtype_size(n->dtype) / all;
  for (size_t row = 0; row < rows; row++)
    for (int s = 0; s < states; s++, end += each[s - 1])
      memcpy(end, (const char *)state[s] + row * each[s], each[s]);
}

/* The exits that stand behind so many layers. */
static rung_status run_exits(rg_inference *f, int64_t done, int *exit, void *const *at) {
  const rung_network *n = f->network;
  for (; *exit < f->last && n->settings.exit_at[*exit] == done; (*exit)++)
    RG_TRY(run_last(f, n->blocks.count + *exit, at, f->end[*exit - f->first]));
  return RUNG_OK;
}

/* From x to f->end[]. */
static rung_status run_batch(rg_inference *f, const void *x) {
  const rung_network *n = f->network;
  void *at[RG_MOST_STATES] = {(void *)x, NULL};
  int exit = f->first;
  int64_t done = 0;
  for (int i = 0; i < f->blocks; i++) {
    if (i == n->blocks.count - 1) return run_last(f, i, at, f->end[f->ends - 1]);
    for (int64_t j = 0; j < n->blocks.list[i].layers && done < f->layers; j++) {
      RG_TRY(run_layer(f, i, j, at, NULL));
      RG_TRY(run_exits(f, ++done, &exit, at));
    }
  }
  if (f->exit == RG_BODY) join(f, at, f->end[0]);
  return RUNG_OK;
}

/* The batches of `count` samples, to y[ends]. */
static rung_status run(rg_inference *f, int64_t count, const char *x, void *const *y) {
  const rung_network *n = f->network;
  size_t size = rung_dtype_size(n->dtype), done = 0;
  size_t in = (size_t)rung_shape_count(&n->sample) * size, out = (size_t)f->numbers * size;
  for (; count >= f->samples; count -= f->samples, done += (size_t)f->samples) {
    for (int e = 0; e < f->ends; e++) f->end[e] = (char *)y[e] + done * out;
    RG_TRY(run_batch(f, x + done * in));
  }
  if (!count) return RUNG_OK;
  memcpy(f->last_x, x + done * in, (size_t)count * in); /* the rest stays: any numbers */
  for (int e = 0; e < f->ends; e++) f->end[e] = f->last_y + (size_t)e * (size_t)f->samples * out;
  RG_TRY(run_batch(f, f->last_x));
  for (int e = 0; e < f->ends; e++)
    memcpy((char *)y[e] + done * out, f->end[e], (size_t)count * out);
  return RUNG_OK;
}

rung_status rg_inference_run(rg_inference *f, int64_t count, const void *x, void *y) {
  if (f->exit <= 0)
    return rg_fail(f->ctx, RUNG_E_ARGUMENT, "inference: made for every exit or for the body");
  return run(f, count, x, &y);
}

rung_status rg_inference_run_exits(rg_inference *f, int64_t count, const void *x, void *const *y) {
  if (f->exit != RG_EVERY_EXIT)
    return rg_fail(f->ctx, RUNG_E_ARGUMENT, "inference: not made for every exit");
  return run(f, count, x, y);
}

rung_status rg_inference_run_module(rg_inference *f, int module, void **at, void *scores) {
  const rung_network *n = f->network;
  if (f->exit != RG_EVERY_EXIT)
    return rg_fail(f->ctx, RUNG_E_ARGUMENT, "inference: not made for every exit");
  const rg_cut end = rg_module_end(n, module);
  for (rg_cut c = rg_module_begin(n, module); c.block < end.block || c.layer < end.layer;) {
    RG_TRY(run_layer(f, c.block, c.layer, at, NULL));
    if (++c.layer == n->blocks.list[c.block].layers) c = (rg_cut){c.block + 1, 0};
  }
  int last = module > n->exits.count ? n->blocks.count - 1 : n->blocks.count + module - 1;
  return run_last(f, last, at, scores);
}

rung_status rg_inference_run_body(rg_inference *f, int64_t count, const void *x, void *features) {
  if (f->exit != RG_BODY)
    return rg_fail(f->ctx, RUNG_E_ARGUMENT, "inference: not made for the body");
  return run(f, count, x, &features);
}

int rung_network_exits(const rung_network *network) {
  return network->exits.count;
}

rung_status rung_network_apply_exit(const rung_network *network, rung_context *ctx, int exit,
                                    int64_t count, const void *x, void *y) {
  if (count < 0) return rg_fail(ctx, RUNG_E_ARGUMENT, "apply: %lld samples", (long long)count);
  RG_TRY(rg_check_exit(network, ctx, exit));
  if (count == 0) return RUNG_OK;
  rg_inference *f;
  RG_TRY(rg_inference_create_to(
      network, ctx, count < RG_INFERENCE_SAMPLES ? count : RG_INFERENCE_SAMPLES, exit, &f));
  rung_status status = rg_inference_run(f, count, x, y);
  rg_inference_destroy(f);
  return status;
}

rung_status rung_network_apply(const rung_network *network, rung_context *ctx, int64_t count,
                               const void *x, void *y) {
  return rung_network_apply_exit(network, ctx, network->exits.count + 1, count, x, y);
}
