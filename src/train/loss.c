/* The mean squared error of a network with its gradient.
 *
 * The points are cut into pieces of equal length (the last is filled up with points of weight 0),
 * by their number alone. One program computes a piece's share of the loss and of the gradient;
 * threads take pieces; the shares are added in the order of the pieces. A piece is short enough
 * that what the backward pass reads again is still in the cache. */
#include "train/loss.h"

#include <string.h>

#include "graph/graph.h"

enum { PIECE = 256, MOST_PIECES = 64, MOST_LAYERS = (RUNG_MAX_OPERANDS - 2) / 2 };
enum { IN_THETA, IN_S, IN_TARGET, IN_WEIGHT, INPUTS };

struct rg_loss {
  rung_context *ctx;
  int inputs, outputs;
  double kappa;
  int64_t n, points;
  int64_t length, pieces; /* points of a piece */
  int slots;
  rung_program *program;
  size_t workspace;
  char *work;                  /* [slots][workspace] */
  double *s, *target, *weight; /* [pieces][rows][length] */
  double *share;               /* [pieces][stride]: gradient, then value */
  int64_t stride;
  const double *theta; /* of the evaluation that runs */
};

/* The graph, the parts of theta in their order, and tanh' in two forms. */
typedef struct build {
  rung_graph *g;
  rung_node theta, s, target, weight;
  int64_t at; /* elements of theta handed out */
  int parts, slopes;
  rung_node part[RUNG_MAX_OPERANDS];
  rung_node sech2[MOST_LAYERS], slope[MOST_LAYERS];
} build;

static rung_node take(build *b, int64_t rows, int64_t columns) {
  rung_node flat = rung_slice(b->g, b->theta, 0, b->at, rows * columns, 1);
  b->at += rows * columns;
  return b->part[b->parts++] = rung_reshape(b->g, flat, 2, (int64_t[]){rows, columns});
}

/* tanh(z). Its derivative is also (1 - tanh)(1 + tanh), without another exponential. That has an
 * absolute error of 2^-53 where sech2 has a relative one: for one evaluation of a saturated unit
 * this is poor, but here it is added up with terms of size 1 which are rounded as much. */
static rung_node tanh_of(build *b, rung_node z) {
  rung_graph *g = b->g;
  rung_node t = rung_tanh(g, z), one = rung_constant(g, 1);
  b->sech2[b->slopes] = rung_sech2(g, z);
  b->slope[b->slopes++] = rung_mul(g, rung_sub(g, one, t), rung_add(g, one, t));
  return t;
}

static rung_node network(build *b, const rg_stage *stage, int outputs, double kappa) {
  rung_graph *g = b->g;
  rung_node h = b->s;
  for (int l = 0; l < stage->layer_count; l++) {
    const rg_layer *layer = &stage->layer[l];
    rung_node weight = take(b, layer->width, layer->inputs), bias = take(b, layer->width, 1);
    if (l == 0) {
      weight = rung_mul(g, weight, rung_constant(g, kappa));
      bias = rung_mul(g, bias, rung_constant(g, kappa));
    }
    rung_node z = rung_add(g, rung_matmul(g, weight, h, 0, 0, RUNG_WORKING), bias);
    h = layer->activation == RG_TANH ? tanh_of(b, z) : rung_sin(g, z);
  }
  rung_node head = take(b, outputs, stage->layer[stage->layer_count - 1].width);
  rung_node bias = take(b, outputs, 1);
  return rung_add(g, rung_matmul(g, head, h, 0, 0, RUNG_WORKING), bias);
}

/* The share of the loss, and its gradient in the parts of theta laid end to end. */
static rung_status differentiate(build *b, rung_node u, rung_node *value, rung_node *gradient) {
  rung_graph *g = b->g;
  rung_node error = rung_sub(g, u, b->target);
  *value = rung_sum(g, rung_mul(g, b->weight, rung_mul(g, error, error)), 3, 0);
  rung_node by_part[RUNG_MAX_OPERANDS];
  RG_TRY(rung_gradient(g, *value, RUNG_NONE, b->parts, b->part, by_part));
  for (int i = 0; i < b->parts; i++) by_part[i] = rung_reshape(g, by_part[i], 1, (int64_t[]){-1});
  rung_node joined = rung_concat(g, b->parts, by_part, 0);
  if (joined == RUNG_NONE) return g->ctx->status;
  return rung_substitute(g, b->slopes, b->sech2, b->slope, 1, &joined, gradient);
}

static rung_status compile(rg_loss *loss, const rg_stage *stage, rung_graph *g) {
  build b = {.g = g};
  b.theta = rung_input(g, "theta", 1, (int64_t[]){loss->n});
  b.s = rung_input(g, "s", 2, (int64_t[]){loss->inputs, loss->length});
  b.target = rung_input(g, "target", 2, (int64_t[]){loss->outputs, loss->length});
  b.weight = rung_input(g, "weight", 2, (int64_t[]){1, loss->length});
  rung_node u = network(&b, stage, loss->outputs, loss->kappa), output[2];
  if (u == RUNG_NONE) return loss->ctx->status;
  RG_TRY(differentiate(&b, u, &output[0], &output[1]));
  rung_node input[INPUTS] = {b.theta, b.s, b.target, b.weight};
  rung_compile_options options = rung_compile_options_default();
  int threads = loss->ctx->threads;
  loss->ctx->threads = 1; /* pieces, not steps, are shared out */
  rung_status status = rung_compile(g, &options, INPUTS, input, 2, output, &loss->program);
  loss->ctx->threads = threads;
  return status;
}

static int64_t round_up(int64_t count, int64_t to) {
  return (count + to - 1) / to * to;
}

static void cut(rg_loss *loss) {
  int64_t points = loss->points;
  int64_t line = RG_ALIGN / (int64_t)sizeof(double);
  loss->pieces = (points + PIECE - 1) / PIECE;
  if (loss->pieces > MOST_PIECES) loss->pieces = MOST_PIECES;
  loss->length = round_up((points + loss->pieces - 1) / loss->pieces, line);
  loss->pieces = (points + loss->length - 1) / loss->length;
  loss->stride = round_up(loss->n + 1, line);
  loss->slots = rung_threads(loss->ctx);
  if (loss->slots > loss->pieces) loss->slots = (int)loss->pieces;
}

static int64_t rows_of(const rg_loss *loss) {
  return loss->inputs + loss->outputs + 1;
}

int64_t rg_loss_weights(const rg_loss *loss) {
  return loss->n;
}

size_t rg_loss_bytes(const rg_loss *loss) {
  int64_t numbers = loss->pieces * (rows_of(loss) * loss->length + loss->stride);
  return (size_t)loss->slots * loss->workspace + (size_t)numbers * sizeof(double);
}

static rung_status allocate(rg_loss *loss) {
  int64_t rows = rows_of(loss), each = loss->pieces * loss->length;
  loss->work = rg_alloc(loss->ctx, (size_t)loss->slots, loss->workspace);
  loss->s = rg_calloc(loss->ctx, (size_t)(rows * each), sizeof *loss->s);
  loss->share = rg_alloc(loss->ctx, (size_t)(loss->pieces * loss->stride), sizeof *loss->share);
  if (!loss->work || !loss->s || !loss->share) return RUNG_E_MEMORY;
  loss->target = loss->s + loss->inputs * each;
  loss->weight = loss->target + loss->outputs * each;
  return RUNG_OK;
}

/* Rows of length ld into pieces. */
static void lay(const rg_loss *loss, int64_t ld, int rows, const double *from, double *to) {
  for (int r = 0; r < rows; r++)
    for (int64_t i = 0; i < loss->points; i++)
      to[(i / loss->length * rows + r) * loss->length + i % loss->length] = from[r * ld + i];
}

rung_status rg_loss_create(rung_context *ctx, const rg_stage *stage, int inputs, int outputs,
                           double kappa, int64_t points, rg_loss **out) {
  *out = NULL;
  if (stage->layer_count > MOST_LAYERS || points < 1)
    return rg_fail(
        ctx, RUNG_E_ARGUMENT,
        "loss: expected at most %d hidden layers and at least 1 point, found %d and %lld",
        MOST_LAYERS, stage->layer_count, (long long)points);
  rg_loss *loss = rg_alloc(ctx, 1, sizeof *loss);
  if (!loss) return RUNG_E_MEMORY;
  *loss =
      (rg_loss){.ctx = ctx, .inputs = inputs, .outputs = outputs, .kappa = kappa, .points = points};
  for (int l = 0; l < stage->layer_count; l++)
    loss->n += stage->layer[l].width * (stage->layer[l].inputs + 1);
  loss->n += outputs * (stage->layer[stage->layer_count - 1].width + 1);
  cut(loss);
  rung_graph *g = NULL;
  rung_status status = rung_graph_create(ctx, &g);
  if (status == RUNG_OK) status = compile(loss, stage, g);
  rung_graph_destroy(g);
  if (status == RUNG_OK) {
    loss->workspace = (size_t)round_up((int64_t)rung_program_bytes(loss->program), RG_ALIGN);
    *out = loss;
  } else {
    rg_loss_destroy(loss);
  }
  return status;
}

rung_status rg_loss_load(rg_loss *loss, int64_t ld, const double *s, const double *target) {
  RG_TRY(allocate(loss));
  lay(loss, ld, loss->inputs, s, loss->s);
  lay(loss, ld, loss->outputs, target, loss->target);
  double weight = 1 / ((double)loss->points * (double)loss->outputs);
  for (int64_t i = 0; i < loss->points; i++) loss->weight[i] = weight; /* one row: no gaps */
  return RUNG_OK;
}

void rg_loss_destroy(rg_loss *loss) {
  if (!loss) return;
  rung_program_destroy(loss->program);
  rg_free(loss->ctx, loss->work);
  rg_free(loss->ctx, loss->s);
  rg_free(loss->ctx, loss->share);
  rg_free(loss->ctx, loss);
}

static void run_piece(void *arg, int64_t piece, int slot) {
  rg_loss *loss = arg;
  rung_context ctx = *loss->ctx; /* a thread's own */
  ctx.threads = 1;
  double *share = loss->share + piece * loss->stride;
  const void *input[INPUTS] = {loss->theta, loss->s + piece * loss->inputs * loss->length,
                               loss->target + piece * loss->outputs * loss->length,
                               loss->weight + piece * loss->length};
  void *output[2] = {share + loss->n, share};
  /* No op here can refuse its operands. */
  rung_program_run(loss->program, &ctx, loss->work + (size_t)slot * loss->workspace, input, output);
}

static rung_status evaluate(void *user, const double *theta, double *value, double *gradient) {
  rg_loss *loss = user;
  loss->theta = theta;
  rg_parallel_slots(loss->ctx, loss->slots, loss->pieces, run_piece, loss);
  memcpy(gradient, loss->share, (size_t)loss->n * sizeof *gradient);
  *value = loss->share[loss->n];
  for (int64_t p = 1; p < loss->pieces; p++) {
    const double *share = loss->share + p * loss->stride;
    rg_axpy(loss->ctx->isa, loss->n, 1, share, gradient);
    *value += share[loss->n];
  }
  return RUNG_OK;
}

rg_objective rg_loss_objective(rg_loss *loss) {
  return (rg_objective){loss->n, evaluate, loss};
}

static const double *copy(double *to, const double *from, int64_t count, double factor) {
  for (int64_t i = 0; i < count; i++) to[i] = factor * from[i];
  return from + count;
}

void rg_loss_unpack(const rg_loss *loss, const double *theta, rg_stage *stage) {
  for (int l = 0; l < stage->layer_count; l++) {
    rg_layer *layer = &stage->layer[l];
    double factor = l == 0 ? loss->kappa : 1;
    theta = copy(layer->weight, theta, layer->width * layer->inputs, factor);
    theta = copy(layer->bias, theta, layer->width, factor);
  }
  int64_t width = stage->layer[stage->layer_count - 1].width;
  theta = copy(stage->head, theta, loss->outputs * width, 1);
  copy(stage->bias, theta, loss->outputs, 1);
}
