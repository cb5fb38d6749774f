/* A network applied to samples, batch by batch. */
#include <string.h>

#include "nn/chain.h"

/* Samples at once: enough for products to be fast, few enough for the cache. */
#define MOST_SAMPLES 64

#define ARRAYS (2 * RG_MOST_STATES + 1)

struct rg_inference {
  const rung_network *network;
  rung_context *ctx;
  int64_t samples;
  rg_block_program *program; /* [blocks] */
  void *workspace;
  char *state; /* arrays: RG_MOST_STATES that go in, as many that come out, the last scores */
  size_t state_bytes, bytes;
  char *last; /* a batch that is filled up */
  char *mixed, *key;
  const void **in;
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

static rung_status compile(rg_inference *f, size_t *workspace, int *pointers) {
  const rung_network *n = f->network;
  for (int i = 0; i < n->blocks.count; i++) {
    rg_block_program *p = &f->program[i];
    RG_TRY(rg_block_compile(n, f->ctx, i, RG_INFER, f->samples, p));
    if (rung_program_bytes(p->program) > *workspace) *workspace = rung_program_bytes(p->program);
    if (p->inputs > *pointers) *pointers = p->inputs;
  }
  return RUNG_OK;
}

static rung_status allocate(rg_inference *f, size_t workspace, int pointers) {
  const rung_network *n = f->network;
  size_t size = rung_dtype_size(n->dtype);
  f->state_bytes = largest_state(f);
  f->workspace = rg_alloc(f->ctx, workspace, 1);
  f->state = rg_alloc(f->ctx, ARRAYS, f->state_bytes);
  f->last = rg_calloc(f->ctx, (size_t)(rung_shape_count(&n->sample) * f->samples), size);
  f->mixed = rg_alloc(f->ctx, rg_mixed_bytes(n), 1);
  f->key = rg_calloc(f->ctx, 4, size);
  f->in = rg_alloc(f->ctx, (size_t)pointers, sizeof *f->in);
  return f->workspace && f->state && f->last && f->mixed && f->key && f->in ? RUNG_OK
                                                                            : RUNG_E_MEMORY;
}

rung_status rg_inference_create(const rung_network *n, rung_context *ctx, int64_t samples,
                                rg_inference **out) {
  *out = NULL;
  if (samples < 1) return rg_fail(ctx, RUNG_E_ARGUMENT, "inference: a batch of no samples");
  size_t before = rung_memory_now(ctx), workspace = 0;
  int pointers = 0;
  rg_inference *f = rg_calloc(ctx, 1, sizeof *f);
  if (!f) return RUNG_E_MEMORY;
  *f = (rg_inference){.network = n, .ctx = ctx, .samples = samples};
  f->program = rg_calloc(ctx, (size_t)n->blocks.count, sizeof *f->program);
  rung_status status = f->program ? compile(f, &workspace, &pointers) : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = allocate(f, workspace, pointers);
  if (status != RUNG_OK) {
    rg_inference_destroy(f);
    return status;
  }
  f->bytes = rung_memory_now(ctx) - before;
  *out = f;
  return RUNG_OK;
}

void rg_inference_destroy(rg_inference *f) {
  if (!f) return;
  for (int i = 0; f->program && i < f->network->blocks.count; i++)
    rg_block_program_free(f->ctx, &f->program[i]);
  void *owned[] = {f->program, f->workspace, f->state, f->last, f->mixed, f->key, f->in};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(f->ctx, owned[i]);
  rg_free(f->ctx, f);
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

static rung_status run_batch(rg_inference *f, const void *x, void *y) {
  const rung_network *n = f->network;
  void *at[RG_MOST_STATES] = {(void *)x, NULL};
  int last = n->blocks.count - 1;
  for (int i = 0; i <= last; i++)
    for (int64_t layer = 0; layer < n->blocks.list[i].layers; layer++)
      RG_TRY(run_layer(f, i, layer, at, i == last ? y : NULL));
  if (at[0] != y) /* the last block hands on what it is given */
    memcpy(y, at[0], (size_t)(n->outputs * f->samples) * rung_dtype_size(n->dtype));
  return RUNG_OK;
}

rung_status rg_inference_run(rg_inference *f, int64_t count, const void *x, void *y) {
  const rung_network *n = f->network;
  size_t size = rung_dtype_size(n->dtype);
  size_t in = (size_t)rung_shape_count(&n->sample) * size, out = (size_t)n->outputs * size;
  for (; count >= f->samples; count -= f->samples) {
    RG_TRY(run_batch(f, x, y));
    x = (const char *)x + (size_t)f->samples * in;
    y = (char *)y + (size_t)f->samples * out;
  }
  if (!count) return RUNG_OK;
  memcpy(f->last, x, (size_t)count * in); /* the rest stays what it was: any numbers */
  void *scores = f->state + (ARRAYS - 1) * f->state_bytes;
  RG_TRY(run_batch(f, f->last, scores));
  memcpy(y, scores, (size_t)count * out);
  return RUNG_OK;
}

rung_status rung_network_apply(const rung_network *network, rung_context *ctx, int64_t count,
                               const void *x, void *y) {
  if (count < 0) return rg_fail(ctx, RUNG_E_ARGUMENT, "apply: %lld samples", (long long)count);
  if (count == 0) return RUNG_OK;
  rg_inference *f;
  RG_TRY(rg_inference_create(network, ctx, count < MOST_SAMPLES ? count : MOST_SAMPLES, &f));
  rung_status status = rg_inference_run(f, count, x, y);
  rg_inference_destroy(f);
  return status;
}
