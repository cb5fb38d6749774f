/* Early answers: module by module, samples that an exit is sure of are written out, and the states
 * of the others are gathered side by side before they go into the next module. Programs are made
 * for a number of samples; whatever is left is cut into runs of a few sizes, none filled up, so
 * that just the samples left are computed. */
#include "nn/early.h"

#include <string.h>

#include "nn/module.h"
#include "nn/network.h"
#include "num/f64.h"

/* Sizes fall by this factor down to 1: as little to compile as goes with few runs. */
#define SIZE_FACTOR 4
#define MOST_SIZES 8
/* Samples that may wait at a cut: more than a program takes, so that the few that are left of many
 * fill one too; fewer where their states would take more bytes than that. */
#define MOST_WAITING 256
#define WAITING_BYTES ((size_t)64 << 20)

struct rg_early {
  const rung_network *network;
  rung_context *ctx;
  double confidence;
  int64_t samples; /* that are taken in at once */
  int sizes;
  int64_t size[MOST_SIZES]; /* of programs, falling to 1 */
  rg_inference *walk[MOST_SIZES];
  char *waiting[2]; /* states at a cut, [states][samples]; those before a module and behind it */
  int64_t *who;     /* [samples]: the sample of the batch that each of those is */
  char *scores;     /* of a run, [size[0]][outputs] */
  double *row;      /* [outputs] */
  int64_t *ran;     /* [exits + 1] */
};

double rg_softmax(double *row, int64_t count) {
  double largest = row[0], sum = 0;
  for (int64_t k = 1; k < count; k++)
    if (row[k] > largest) largest = row[k];
  for (int64_t k = 0; k < count; k++) {
    row[k] = rg_exp_f64(row[k] - largest);
    sum += row[k];
  }
  for (int64_t k = 0; k < count; k++) row[k] /= sum;
  return rg_log_f64(sum) + largest;
}

/* ---- making ---- */

static rung_status check(const rung_network *n, rung_context *ctx, double confidence) {
  if (!(confidence > 0 && confidence <= 1))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "confidence: expected more than 0 and at most 1, found %g",
                   confidence);
  if (!n->class_name)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "confidence: expected a network that tells classes, found one that predicts "
                   "numbers");
  if (n->exits.count == 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "confidence: expected a network with exits, as module-wise training leaves it; "
                   "found none");
  return RUNG_OK;
}

static size_t largest_cut(const rung_network *n, int64_t samples) {
  size_t most = 0;
  for (int module = 2; module <= n->exits.count + 1; module++) {
    size_t bytes = rg_state_bytes(n, rg_module_begin(n, module).block, samples);
    if (bytes > most) most = bytes;
  }
  return most;
}

static int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t most_waiting(const rung_network *n) {
  int64_t fit = (int64_t)(WAITING_BYTES / (2 * largest_cut(n, 1)));
  return fit < RG_INFERENCE_SAMPLES ? RG_INFERENCE_SAMPLES : at_most(fit, MOST_WAITING);
}

/* Behind 1 comes 0. */
static int64_t next_size(int64_t size) {
  return size > 1 && size < SIZE_FACTOR ? 1 : size / SIZE_FACTOR;
}

static rung_status make(rg_early *e) {
  const rung_network *n = e->network;
  const size_t cut = largest_cut(n, e->samples), outputs = (size_t)n->outputs;
  for (int64_t size = at_most(e->samples, RG_INFERENCE_SAMPLES); size >= 1;
       size = next_size(size)) {
    RG_TRY(rg_inference_create_to(n, e->ctx, size, RG_EVERY_EXIT, &e->walk[e->sizes]));
    e->size[e->sizes++] = size;
  }
  RG_TRY(rg_inference_share(e->sizes, e->walk));
  for (int i = 0; i < 2; i++) e->waiting[i] = rg_alloc(e->ctx, cut, 1);
  e->who = rg_alloc(e->ctx, (size_t)e->samples, sizeof *e->who);
  e->scores = rg_alloc(e->ctx, (size_t)e->size[0] * outputs, rung_dtype_size(n->dtype));
  e->row = rg_alloc(e->ctx, outputs, sizeof *e->row);
  e->ran = rg_calloc(e->ctx, (size_t)n->exits.count + 1, sizeof *e->ran);
  bool all = e->waiting[0] && e->waiting[1] && e->who && e->scores && e->row && e->ran;
  return all ? RUNG_OK : RUNG_E_MEMORY;
}

rung_status rg_early_create(const rung_network *n, rung_context *ctx, double confidence,
                            int64_t samples, rg_early **out) {
  *out = NULL;
  RG_TRY(check(n, ctx, confidence));
  if (samples < 1) return rg_fail(ctx, RUNG_E_ARGUMENT, "early answers: a batch of no samples");
  rg_early *e = rg_calloc(ctx, 1, sizeof *e);
  if (!e) return RUNG_E_MEMORY;
  *e = (rg_early){.network = n, .ctx = ctx, .confidence = confidence};
  e->samples = at_most(samples, most_waiting(n));
  rung_status status = make(e);
  if (status == RUNG_OK)
    *out = e;
  else
    rg_early_destroy(e);
  return status;
}

void rg_early_destroy(rg_early *e) {
  if (!e) return;
  while (e->sizes-- > 0) rg_inference_destroy(e->walk[e->sizes]); /* the first, which owns, last */
  void *owned[] = {e->waiting[0], e->waiting[1], e->who, e->scores, e->row, e->ran};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(e->ctx, owned[i]);
  rg_free(e->ctx, e);
}

/* ---- running ---- */

/* The states at a cut: how many, and bytes of a sample in each. */
typedef struct cut_states {
  int count;
  size_t bytes[RG_MOST_STATES];
} cut_states;

static cut_states states_before(const rung_network *n, int module) {
  const int block = rg_module_begin(n, module).block;
  cut_states c = {.count = n->blocks.list[block].states_in};
  for (int s = 0; s < c.count; s++)
    c.bytes[s] = (size_t)rung_shape_count(&n->state_shape[block][s]) * rung_dtype_size(n->dtype);
  return c;
}

/* State `s` of the sample that stands at place `index` among those that wait. */
static char *place(const rg_early *e, char *waiting, const cut_states *c, int s, int64_t index) {
  for (int before = 0; before < s; before++) waiting += (size_t)e->samples * c->bytes[before];
  return waiting + (size_t)index * c->bytes[s];
}

static bool is_sure(const rg_early *e, const char *scores) {
  const int64_t outputs = e->network->outputs;
  for (int64_t k = 0; k < outputs; k++) e->row[k] = rg_fetch(e->network->dtype, scores, k).hi;
  rg_softmax(e->row, outputs);
  for (int64_t k = 0; k < outputs; k++)
    if (e->row[k] >= e->confidence) return true;
  return false;
}

/* What a batch is answered from and into, and how many of it are on their way. */
typedef struct batch {
  char *x, *y;
  int *exit;
  int64_t left;
} batch;

/* The largest program that so many samples fill. */
static int size_for(const rg_early *e, int64_t samples) {
  int i = 0;
  while (e->size[i] > samples) i++;
  return i;
}

/* Those of a run that leave are written out; the others stand at places `kept` on. */
static int64_t part(rg_early *e, const batch *b, int module, int64_t first, int64_t count,
                    void *const *at, int64_t kept) {
  const rung_network *n = e->network;
  const bool last = module > n->exits.count;
  const size_t answer = (size_t)n->outputs * rung_dtype_size(n->dtype);
  cut_states c = {0};
  if (!last) c = states_before(n, module + 1);
  for (int64_t i = 0; i < count; i++) {
    const int64_t sample = e->who[first + i];
    const char *scores = e->scores + (size_t)i * answer;
    if (last || is_sure(e, scores)) {
      memcpy(b->y + (size_t)sample * answer, scores, answer);
      b->exit[sample] = module;
      continue;
    }
    for (int s = 0; s < c.count; s++)
      memcpy(place(e, e->waiting[module % 2], &c, s, kept),
             (const char *)at[s] + (size_t)i * c.bytes[s], c.bytes[s]);
    e->who[kept++] = sample; /* kept <= first + i */
  }
  return kept;
}

static rung_status run_module(rg_early *e, batch *b, int module) {
  const cut_states c = states_before(e->network, module);
  int64_t kept = 0;
  e->ran[module - 1] += b->left;
  for (int64_t first = 0; first < b->left;) {
    const int i = size_for(e, b->left - first);
    char *from = module > 1 ? e->waiting[(module - 1) % 2] : b->x;
    void *at[RG_MOST_STATES] = {NULL};
    for (int s = 0; s < c.count; s++) at[s] = place(e, from, &c, s, first);
    RG_TRY(rg_inference_run_module(e->walk[i], module, at, e->scores));
    kept = part(e, b, module, first, e->size[i], at, kept);
    first += e->size[i];
  }
  b->left = kept;
  return RUNG_OK;
}

rung_status rg_early_run(rg_early *e, int64_t count, const void *x, void *y, int *exit) {
  const rung_network *n = e->network;
  const size_t size = rung_dtype_size(n->dtype);
  const size_t in = (size_t)rung_shape_count(&n->sample) * size, out = (size_t)n->outputs * size;
  for (int64_t done = 0; done < count; done += e->samples) {
    batch b = {.x = (char *)x + (size_t)done * in,
               .y = (char *)y + (size_t)done * out,
               .exit = exit + done,
               .left = at_most(count - done, e->samples)};
    for (int64_t i = 0; i < b.left; i++) e->who[i] = i;
    for (int module = 1; b.left > 0; module++) RG_TRY(run_module(e, &b, module));
  }
  return RUNG_OK;
}

int64_t rg_early_ran(const rg_early *e, int module) {
  return e->ran[module - 1];
}

rung_status rung_network_apply_early(const rung_network *network, rung_context *ctx,
                                     double confidence, int64_t count, const void *x, void *y,
                                     int *exit) {
  rg_early *e;
  if (count < 0) return rg_fail(ctx, RUNG_E_ARGUMENT, "apply: %lld samples", (long long)count);
  RG_TRY(check(network, ctx, confidence));
  if (count == 0) return RUNG_OK;
  RG_TRY(rg_early_create(network, ctx, confidence, count, &e));
  rung_status status = rg_early_run(e, count, x, y, exit);
  rg_early_destroy(e);
  return status;
}
