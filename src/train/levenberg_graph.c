/* The network of a stage as graphs over all points, and its derivatives in the hidden weights.
 *
 * Points lie along the last axis. As column i of every layer's z depends on point i alone, the
 * gradient of the sum of outputs over points in z holds each point's own derivative, and
 *   dy_i/dW_l[j][k] = zbar_l[j][i] h_{l-1}[k][i],   dy_i/db_l[j] = zbar_l[j][i]
 * is an elementwise product written where LAPACK reads it: no transposition. */
#include "train/levenberg.h"

typedef struct builder {
  rung_graph *g;
  const rg_stage *stage;
  rung_node *in; /* s, weight, bias, weight, ... */
  int inputs;
  rung_node *before, *z, *zbar; /* [layers]: h_{l-1}, z_l, the derivative in z_l */
  rung_node *out;               /* [2 layers] or fewer */
  int outputs;
} builder;

static rung_node give(builder *b, const char *name, int64_t rows, int64_t columns) {
  return b->in[b->inputs++] = rung_input(b->g, name, 2, (int64_t[]){rows, columns});
}

/* h over the first `points` points. */
static rung_node build_features(builder *b, const rg_lm *lm, int64_t points) {
  rung_node h = give(b, "s", lm->data->inputs, lm->total);
  if (points < lm->total) h = rung_slice(b->g, h, 1, 0, points, 1);
  for (int l = 0; l < b->stage->layer_count; l++) {
    const rg_layer *layer = &b->stage->layer[l];
    rung_node weight = give(b, "weight", layer->width, layer->inputs);
    rung_node bias = give(b, "bias", layer->width, 1);
    b->before[l] = h;
    b->z[l] = rung_add(b->g, rung_matmul(b->g, weight, h, 0, 0, RUNG_WORKING), bias);
    h = layer->activation == RG_TANH ? rung_tanh(b->g, b->z[l]) : rung_sin(b->g, b->z[l]);
  }
  return h;
}

/* Rows times columns of points, elementwise: [rows][columns][points]. */
static rung_node outer(rung_graph *g, rung_node rows, rung_node columns) {
  rung_shape a = rung_node_shape(g, rows), b = rung_node_shape(g, columns);
  if (a.rank < 0 || b.rank < 0) return RUNG_NONE;
  return rung_mul(g, rung_reshape(g, rows, 3, (int64_t[]){a.dim[0], 1, a.dim[1]}),
                  rung_reshape(g, columns, 3, (int64_t[]){1, b.dim[0], b.dim[1]}));
}

static rung_node square(rung_graph *g, rung_node a) {
  return rung_mul(g, a, a);
}

static rung_status build_jacobian(builder *b, const rg_lm *lm, rung_node h, bool norms) {
  rung_graph *g = b->g;
  rung_node c = give(b, "head", 1, lm->width);
  rung_node y = rung_matmul(g, c, h, 0, 0, RUNG_WORKING);
  rung_node ones = rung_broadcast(g, rung_constant(g, 1), 2, (int64_t[]){1, lm->points});
  if (y == RUNG_NONE || ones == RUNG_NONE) return g->ctx->status;
  RG_TRY(rung_gradient(g, y, ones, b->stage->layer_count, b->z, b->zbar));
  for (int l = 0; l < b->stage->layer_count; l++) {
    rung_node zbar = b->zbar[l], before = b->before[l];
    if (norms) {
      zbar = square(g, zbar);
      b->out[b->outputs++] = rung_matmul(g, zbar, square(g, before), 0, 1, RUNG_WORKING);
      b->out[b->outputs++] = rung_sum(g, zbar, 2, 1);
    } else {
      b->out[b->outputs++] = outer(g, zbar, before);
      b->out[b->outputs++] = zbar;
    }
  }
  return g->ctx->status;
}

/* Tangents of all weights and biases: D v. */
static rung_status build_push(builder *b, const rg_lm *lm, rung_node h) {
  int count = 2 * b->stage->layer_count;
  rung_node c = give(b, "head", lm->outputs, lm->width);
  rung_node y = rung_matmul(b->g, c, h, 0, 0, RUNG_WORKING), *x = b->in + 1;
  rung_node *tangent = b->in + b->inputs;
  for (int l = 0; l < b->stage->layer_count; l++) {
    give(b, "weight tangent", b->stage->layer[l].width, b->stage->layer[l].inputs);
    give(b, "bias tangent", b->stage->layer[l].width, 1);
  }
  b->outputs = 1;
  return rung_jvp(b->g, count, x, tangent, 1, &y, b->out);
}

static rung_status build_pull(builder *b, const rg_lm *lm, rung_node h) {
  b->outputs = 2 * b->stage->layer_count;
  rung_node c = give(b, "head", lm->outputs, lm->width);
  rung_node y = rung_matmul(b->g, c, h, 0, 0, RUNG_WORKING);
  rung_node u = give(b, "cotangent", lm->outputs, lm->points);
  if (y == RUNG_NONE || u == RUNG_NONE) return b->g->ctx->status;
  return rung_gradient(b->g, y, u, b->outputs, b->in + 1, b->out);
}

static rung_status build(builder *b, const rg_lm *lm, rg_lm_kind kind) {
  rung_node h = build_features(b, lm, kind == RG_LM_FEATURES ? lm->total : lm->points);
  if (h == RUNG_NONE) return b->g->ctx->status;
  switch (kind) {
  case RG_LM_PUSH:
    return build_push(b, lm, h);
  case RG_LM_PULL:
    return build_pull(b, lm, h);
  case RG_LM_JACOBIAN:
  case RG_LM_NORMS:
    return build_jacobian(b, lm, h, kind == RG_LM_NORMS);
  case RG_LM_FEATURES:
  case RG_LM_KINDS:
  default:
    b->out[b->outputs++] = h;
    return RUNG_OK;
  }
}

rung_status rg_lm_compile(rg_lm *lm, rg_lm_kind kind) {
  size_t layers = (size_t)lm->stage->layer_count;
  builder b = {.stage = lm->stage};
  rung_node *nodes = rg_alloc(lm->ctx, 9 * layers + 3, sizeof *nodes);
  if (!nodes) return RUNG_E_MEMORY;
  b.in = nodes; /* at most 4 layers + 3 */
  b.out = nodes + 4 * layers + 3;
  b.before = b.out + 2 * layers;
  b.z = b.before + layers;
  b.zbar = b.z + layers;
  rung_status status = rung_graph_create(lm->ctx, &b.g);
  if (status == RUNG_OK) status = build(&b, lm, kind);
  if (status == RUNG_OK)
    status = rung_compile(b.g, NULL, b.inputs, b.in, b.outputs, b.out, &lm->program[kind]);
  rung_graph_destroy(b.g);
  rg_free(lm->ctx, nodes);
  return status;
}

/* Where the arrays of a vector of hidden parameters begin, `stride` doubles for each of them. */
static int list_arrays(const rg_stage *stage, const double *vector, int64_t stride,
                       const void **list) {
  int count = 0;
  for (int l = 0; l < stage->layer_count; l++) {
    const rg_layer *layer = &stage->layer[l];
    list[count++] = vector;
    vector += layer->width * layer->inputs * stride;
    list[count++] = vector;
    vector += layer->width * stride;
  }
  return count;
}

rung_status rg_lm_run(rg_lm *lm, rg_lm_kind kind, const double *w, int64_t o, const double *given,
                      double *out) {
  int count = 0;
  lm->in[count++] = lm->features + (lm->width + 1) * lm->total;
  count += list_arrays(lm->stage, w, 1, lm->in + count);
  lm->in[count++] = lm->head_row + o * lm->width;
  if (kind == RG_LM_PUSH) list_arrays(lm->stage, given, 1, lm->in + count);
  if (kind == RG_LM_PULL) lm->in[count] = given;
  if (kind == RG_LM_FEATURES || kind == RG_LM_PUSH)
    lm->out[0] = out;
  else
    list_arrays(lm->stage, out, kind == RG_LM_JACOBIAN ? lm->points : 1, (const void **)lm->out);
  return rung_program_run(lm->program[kind], lm->ctx, lm->run, lm->in, lm->out);
}
