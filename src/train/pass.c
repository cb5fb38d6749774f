/* Passes: made, looked at, released. */
#include "train/pass.h"

#include <string.h>

#include "nn/network.h"
#include "train/pass_inside.h"

const char *rg_activations_name(rung_activations activations) {
  static const char *const names[] = {"auto", "store", "recompute", "reverse", "reverse-exact"};
  return names[activations];
}

static rung_status check(const rung_network *n, rung_context *ctx, const rg_pass_options *o) {
  if (o->batch < 1 || o->batch > INT64_C(1) << 32)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "batch: expected at least 1, found %lld",
                   (long long)o->batch);
  if (o->micro != RUNG_MICRO_AUTO && o->micro != 0 && (o->micro < 0 || o->batch % o->micro))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "micro-batch: expected a divisor of the batch, %lld, found %lld",
                   (long long)o->batch, (long long)o->micro);
  if (o->micro > 0 && o->micro < o->batch && o->products)
    return rg_fail(
        ctx, RUNG_E_UNSUPPORTED,
        "micro-batch: Gauss-Newton (optimiser gauss-newton) needs products with the whole "
        "batch; any other optimiser would do");
  if (!(o->smoothing >= 0 && o->smoothing < 1))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "label smoothing: expected 0 to 1, found %g",
                   o->smoothing);
  if (o->loss == RUNG_HUBER && !(o->delta > 0))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "delta of Huber's loss: expected above 0, found %g",
                   o->delta);
  if (n->exits.count)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "a network with exits is trained module-wise; a pass goes through one chain");
  if (o->activations == RUNG_REVERSE_EXACT && !n->settings.fixed)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "activations: reverse-exact needs a network whose state is fixed point "
                   "(model.state: fixed)");
  if (o->products && n->transport != RG_TRANSPORT_NONE)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "transport: its cost is no function of the scores, so there is no Gauss-Newton "
                   "(optimiser gauss-newton) with it; any other optimiser would do");
  return RUNG_OK;
}

/* A pass in pieces of `micro` samples, with its plan, without memory. */
static rung_status prepare_pieces(const rung_network *network, rung_context *ctx,
                                  const rg_pass_options *options, int64_t micro, rg_pass **out,
                                  size_t *least) {
  *out = NULL;
  size_t before = rung_memory_now(ctx);
  rg_pass *pass = rg_calloc(ctx, 1, sizeof *pass);
  if (!pass) return RUNG_E_MEMORY;
  size_t blocks = (size_t)network->blocks.count;
  pass->network = (rung_network *)network;
  pass->ctx = ctx;
  pass->options = *options;
  pass->pieces = options->batch / micro;
  pass->options.batch = micro;
  pass->options.micro = pass->pieces > 1 ? micro : 0;
  pass->first = rg_calloc(ctx, blocks + 1, sizeof *pass->first);
  pass->program = rg_calloc(ctx, blocks, sizeof *pass->program);
  pass->uses = rg_calloc(ctx, blocks, sizeof *pass->uses);
  rung_status status = pass->first && pass->program && pass->uses ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    for (size_t i = 0; i < blocks; i++)
      pass->first[i + 1] = pass->first[i] + network->blocks.list[i].layers;
    status = rg_pass_plan_choose(pass, rung_memory_now(ctx) - before, least);
  }
  if (status == RUNG_OK)
    *out = pass;
  else
    rg_pass_destroy(pass);
  return status;
}

/* The largest divisor of the batch up to half of `micro`; 0: none. */
static int64_t smaller_piece(int64_t batch, int64_t micro) {
  int64_t half = micro / 2;
  while (half > 0 && batch % half) half--;
  return half;
}

/* Of the pieces that fit those with the least work. Where statistics are taken of each they are not
 * to be of a handful of samples. *least is that of the whole batch, and gets that of any. */
static rung_status prepare_smaller(const rung_network *network, rung_context *ctx,
                                   const rg_pass_options *o, rg_pass **out, size_t *least) {
  enum { FEW = 4 };
  int64_t fewest = network->statistics ? FEW : 1, best = 0;
  double work = 0;
  bool stored = false;
  for (int64_t micro = smaller_piece(o->batch, o->batch); micro >= fewest && !stored;
       micro = smaller_piece(o->batch, micro)) {
    size_t bytes = 0;
    rung_clear_error(ctx);
    rung_status status = prepare_pieces(network, ctx, o, micro, out, &bytes);
    if (status != RUNG_OK && status != RUNG_E_BUDGET) return status;
    if (status == RUNG_E_BUDGET && bytes < *least) *least = bytes;
    if (status == RUNG_E_BUDGET) continue;
    stored = (*out)->plan.activations == RUNG_STORE; /* smaller ones are only more work */
    if (!best || (*out)->plan.work < work) best = micro;
    if (best == micro) work = (*out)->plan.work;
    rg_pass_destroy(*out);
    *out = NULL;
  }
  rung_clear_error(ctx);
  if (best) return prepare_pieces(network, ctx, o, best, out, NULL);
  return rg_fail(ctx, RUNG_E_BUDGET,
                 "memory: %zu bytes do not hold a pass over a batch of %lld, in pieces of whatever "
                 "size; at least %zu bytes are needed",
                 o->memory, (long long)o->batch, *least);
}

/* What a sample costs in pieces beside the whole batch, at the worst: of small dense networks, in
 * pieces of a few samples, twice as much. */
#define PIECES_COST 2.0

/* In place of a whole batch that is dear, pieces that are cheaper, where there are any. */
static rung_status prefer_smaller(const rung_network *network, rung_context *ctx,
                                  const rg_pass_options *o, rg_pass **out) {
  double work = (*out)->plan.work;
  size_t least = SIZE_MAX;
  rg_pass_destroy(*out); /* two passes' programs may be more than the memory allowed */
  *out = NULL;
  rung_status status = prepare_smaller(network, ctx, o, out, &least);
  if (status == RUNG_OK && PIECES_COST * (*out)->plan.work < work) return RUNG_OK;
  rg_pass_destroy(*out);
  *out = NULL;
  if (status != RUNG_OK && status != RUNG_E_BUDGET) return status;
  rung_clear_error(ctx);
  return prepare_pieces(network, ctx, o, o->batch, out, NULL);
}

/* A pass with its plan, without memory. Smaller micro-batches come where the whole batch does not
 * fit, or costs more. They change what is computed, its rounding at least; where statistics are
 * taken of a batch, what the network learns, and then the whole batch may cost whatever it does. */
static rung_status prepare(const rung_network *network, rung_context *ctx,
                           const rg_pass_options *options, rg_pass **out, size_t *least) {
  size_t bytes = 0;
  *out = NULL;
  RG_TRY(check(network, ctx, options));
  bool any = options->micro == RUNG_MICRO_AUTO && !options->products;
  int64_t micro = options->micro > 0 ? options->micro : options->batch;
  rung_status status = prepare_pieces(network, ctx, options, micro, out, &bytes);
  if (any && status == RUNG_E_BUDGET)
    status = prepare_smaller(network, ctx, options, out, &bytes);
  else if (any && status == RUNG_OK && !network->statistics && (*out)->plan.work > PIECES_COST)
    status = prefer_smaller(network, ctx, options, out);
  if (least) *least = bytes;
  return status;
}

/* What does not change from run to run. */
static void fill(rg_pass *pass) {
  const rung_network *n = pass->network;
  for (int64_t i = 0; i < pass->options.batch; i++)
    rg_store(n->dtype, pass->ones, i, (rung_dd){1, 0});
  memset(pass->key, 0, (size_t)n->blocks.count * 4 * rung_dtype_size(n->dtype));
}

rung_status rg_pass_create(rung_network *network, rung_context *ctx, const rg_pass_options *options,
                           rg_pass **out) {
  rg_pass *pass;
  *out = NULL;
  RG_TRY(prepare(network, ctx, options, &pass, NULL));
  if (!options->borrowed) {
    pass->memory = rg_alloc(ctx, rg_pass_memory_bytes(pass), 1);
    if (!pass->memory) {
      rg_pass_destroy(pass);
      return RUNG_E_MEMORY;
    }
    rg_pass_place(pass, pass->memory);
  }
  *out = pass;
  return RUNG_OK;
}

size_t rg_pass_memory_bytes(const rg_pass *pass) {
  rg_pass counted = *pass; /* laying writes down where arrays are */
  return rg_pass_lay_memory(&counted, NULL);
}

void rg_pass_place(rg_pass *pass, void *memory) {
  rg_pass_lay_memory(pass, memory);
  fill(pass);
  rg_pass_head_lay(pass);
}

rung_status rg_pass_choose(const rung_network *network, rung_context *ctx,
                           const rg_pass_options *options, rg_pass_plan *out, size_t *least) {
  rg_pass *pass;
  RG_TRY(prepare(network, ctx, options, &pass, least));
  *out = pass->plan;
  rg_pass_destroy(pass);
  return RUNG_OK;
}

void rg_pass_destroy(rg_pass *pass) {
  if (!pass) return;
  rung_context *ctx = pass->ctx;
  for (int i = 0; pass->program && i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++) rg_block_program_free(ctx, &pass->program[i][k]);
  rg_pass_head_free(ctx, &pass->head);
  rg_free(ctx, pass->program);
  rg_free(ctx, pass->uses);
  rg_free(ctx, pass->first);
  rg_free(ctx, pass->span);
  rg_free(ctx, pass->memory); /* NULL where it is borrowed */
  rg_free(ctx, pass);
}

const rg_pass_plan *rg_pass_get_plan(const rg_pass *pass) {
  return &pass->plan;
}

int64_t rg_pass_layers(const rg_pass *pass) {
  return pass->first[pass->network->blocks.count];
}

const rg_pass_seen *rg_pass_observed(const rg_pass *pass) {
  return pass->options.observe ? &pass->seen : NULL;
}

int rg_pass_block_of(const rg_pass *pass, int64_t layer) {
  int low = 0, high = pass->network->blocks.count - 1;
  while (low < high) { /* the last block whose first layer is not behind */
    int middle = (low + high + 1) / 2;
    if (pass->first[middle] <= layer)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

void rg_pass_take_costs(rg_pass *pass, int count) {
  for (int i = 0; i < count; i++)
    pass->transport += rg_fetch(pass->network->dtype, pass->cost, i).hi;
}

/* Four numbers of 16 bits each: whole in every arithmetic. */
void rg_pass_set_key(const rg_pass *pass, int block, int64_t layer, void *key) {
  uint64_t purpose = (uint64_t)block << 40 ^ (uint64_t)layer;
  uint64_t bits =
      rg_bits(pass->batch.seed, purpose, pass->batch.step ^ (uint64_t)pass->piece << 40);
  for (int i = 0; i < 4; i++)
    rg_store(pass->network->dtype, key, i, (rung_dd){(double)(bits >> (16 * i) & 0xffff), 0});
}
