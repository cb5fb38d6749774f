/* A batch in pieces: the loss is a sum over samples, so the gradients of pieces add up to its own.
 *
 *   L = sum_i (w_i / W) l_i,   W = sum_i w_i,
 *
 * where the program of a piece is given the shares w_i / W. The transport cost is a mean over
 * samples, of which each of p equal pieces has the part 1 / p. */
#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "num/dd.h"
#include "train/pass_inside.h"

#define ADD_OPERATIONS 4 /* of a parameter and piece: read, read, add, write */

double rg_pass_pieces_work(const rg_pass *pass) {
  double parameters = (double)pass->network->parameters;
  return pass->pieces > 1 ? ADD_OPERATIONS * parameters / (double)pass->options.batch : 0;
}

static rung_dd weight_at(const rg_pass *pass, const rg_pass_batch *batch, int64_t i) {
  return batch->weight ? rg_fetch(pass->network->dtype, batch->weight, i) : (rung_dd){1, 0};
}

static void share_out(rg_pass *pass, const rg_pass_batch *batch) {
  int64_t samples = pass->pieces * pass->options.batch;
  rung_dd all = {0, 0};
  for (int64_t i = 0; i < samples; i++) all = rg_add_dd(all, weight_at(pass, batch, i));
  for (int64_t i = 0; i < samples; i++)
    rg_store(pass->network->dtype, pass->share, i, rg_div_dd(weight_at(pass, batch, i), all));
}

/* ---- sums ---- */

#define BLOCK 65536 /* numbers that a thread adds at once */

typedef struct addition {
  rung_dtype dtype;
  int64_t count;
  void *to;
  const void *from;
} addition;

static void add_block(void *arg, int64_t block) {
  const addition *a = arg;
  int64_t begin = block * BLOCK, end = begin + BLOCK < a->count ? begin + BLOCK : a->count;
  if (a->dtype == RUNG_F32) {
    float *to = a->to;
    for (int64_t i = begin; i < end; i++) to[i] += ((const float *)a->from)[i];
  } else if (a->dtype == RUNG_F64) {
    double *to = a->to;
    for (int64_t i = begin; i < end; i++) to[i] += ((const double *)a->from)[i];
  } else {
    rung_dd *to = a->to;
    for (int64_t i = begin; i < end; i++) to[i] = rg_add_dd(to[i], ((const rung_dd *)a->from)[i]);
  }
}

static void add_gradient(rg_pass *pass) {
  const rung_network *n = pass->network;
  addition a = {n->dtype, n->parameters, pass->sum, pass->gradient};
  if (pass->piece == 0)
    memcpy(pass->sum, pass->gradient, (size_t)n->parameters * rung_dtype_size(n->dtype));
  else
    rg_parallel(pass->ctx, (n->parameters + BLOCK - 1) / BLOCK, add_block, &a);
}

/* Squares of root mean squares; behind the last piece their mean's root is what is seen. */
static void add_seen(rg_pass *pass) {
  int64_t layers = rg_pass_layers(pass);
  for (int64_t i = 0; pass->options.observe && i < 2 * layers; i++) {
    double *seen = i < layers ? &pass->seen.state[i] : &pass->seen.cotangent[i - layers];
    pass->seen_sum[i] = *seen * *seen + (pass->piece ? pass->seen_sum[i] : 0);
    if (pass->piece == pass->pieces - 1) *seen = sqrt(pass->seen_sum[i] / (double)pass->pieces);
  }
}

static void add(rg_pass *pass, const rg_pass_result *piece, rg_pass_result *out) {
  const rung_network *n = pass->network;
  size_t bytes = (size_t)(pass->options.batch * n->outputs) * rung_dtype_size(n->dtype);
  add_gradient(pass);
  add_seen(pass);
  memcpy(pass->all_scores + (size_t)pass->piece * bytes, piece->scores, bytes);
  out->loss += piece->loss;
  out->transport += piece->transport / (double)pass->pieces;
}

/* ---- pieces ---- */

static rg_pass_batch part_of(const rg_pass *pass, const rg_pass_batch *whole) {
  const rung_network *n = pass->network;
  rg_pass_batch part = *whole;
  size_t size = rung_dtype_size(n->dtype), done = (size_t)(pass->piece * pass->options.batch);
  size_t numbers = pass->options.loss == RUNG_CROSS_ENTROPY ? 1 : (size_t)n->outputs;
  part.x = (const char *)whole->x + done * (size_t)rung_shape_count(&n->sample) * size;
  part.target = (const char *)whole->target + done * numbers * size;
  part.weight = pass->share + done * size;
  part.transport = whole->transport / (double)pass->pieces;
  if (whole->tapped)
    part.tapped = (char *)whole->tapped + rg_state_bytes(n, n->blocks.count - 1, (int64_t)done);
  if (pass->piece < pass->pieces - 1) part.on_tapped = NULL;
  return part;
}

rung_status rg_pass_run_pieces(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out) {
  const rung_network *n = pass->network;
  size_t statistics = (size_t)n->statistics * rung_dtype_size(n->dtype);
  rg_pass_result piece;
  rung_status status = RUNG_OK;
  *out = (rg_pass_result){.gradient = pass->sum, .scores = pass->all_scores};
  share_out(pass, batch);
  memcpy(pass->running_begun, n->running, statistics);
  for (pass->piece = 0; status == RUNG_OK && pass->piece < pass->pieces; pass->piece++) {
    rg_pass_batch part = part_of(pass, batch);
    status = rg_pass_run_piece(pass, &part, &piece);
    out->drift = fmax(out->drift, piece.drift);
    if (status == RUNG_OK) add(pass, &piece, out);
  }
  if (status != RUNG_OK) memcpy(n->running, pass->running_begun, statistics);
  return status;
}
