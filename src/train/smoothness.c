/* One program for each length of tensor, run for each layer:
 *
 *   g_j += c ((theta_j - theta_{j-1}) + (theta_j - theta_{j+1})),   c = alpha / h,
 *
 * where a neighbour that is missing is the layer itself. */
#include "train/smoothness.h"

#include <string.h>

#include "nn/network.h"

typedef struct part {
  const rg_variable *variable;
  double coefficient; /* alpha / h */
  rung_program *program;
  bool borrowed; /* from an earlier part of the same length */
  int64_t first_piece;
} part;

struct rg_smoothness {
  rung_context *ctx;
  const rung_network *network;
  part *part;
  int parts, slots;
  int64_t pieces;
  char *scratch; /* of each slot: workspace, then the new gradient */
  size_t workspace_bytes, scratch_bytes;
  rung_dd *square; /* [pieces]: ||theta_{j+1} - theta_j||^2 in the network's arithmetic */
};

/* ---- making ---- */

static double time_between(const rung_network *n, const rg_variable *v) {
  const rg_block *block = &n->blocks.list[v->block];
  double whole = block->settings.step * (double)block->layers;
  return v->nodes == block->layers ? block->settings.step : whole / (double)(v->nodes - 1);
}

static rung_status build(rung_graph *g, rung_dtype dtype, int64_t count, rung_program **out) {
  enum { BEFORE, HERE, AFTER, GRADIENT, COEFFICIENT, INPUTS };
  rung_node in[INPUTS], result[2];
  for (int i = 0; i < COEFFICIENT; i++) in[i] = rung_input(g, "layer", 1, &count);
  in[COEFFICIENT] = rung_input(g, "coefficient", 0, NULL);
  rung_node back = rung_sub(g, in[HERE], in[BEFORE]), ahead = rung_sub(g, in[HERE], in[AFTER]);
  rung_node force = rung_mul(g, in[COEFFICIENT], rung_add(g, back, ahead));
  result[0] = rung_add(g, in[GRADIENT], force);
  result[1] = rung_sum(g, rung_mul(g, ahead, ahead), 1, 0);
  rung_compile_options options = rung_compile_options_default();
  options.dtype = dtype;
  return rung_compile(g, &options, INPUTS, in, 2, result, out);
}

static rung_status compile(rg_smoothness *s, part *p) {
  for (const part *old = s->part; old < p; old++)
    if (old->variable->count == p->variable->count) {
      p->program = old->program;
      p->borrowed = true;
      return RUNG_OK;
    }
  rung_graph *g;
  RG_TRY(rung_graph_create(s->ctx, &g));
  rung_status status = build(g, s->network->dtype, p->variable->count, &p->program);
  rung_graph_destroy(g);
  return status;
}

static rung_status fill(rg_smoothness *s, double alpha) {
  const rung_network *n = s->network;
  size_t size = rung_dtype_size(n->dtype), longest = 0;
  s->part = rg_calloc(s->ctx, (size_t)n->parameter_count, sizeof *s->part);
  if (!s->part) return RUNG_E_MEMORY;
  for (int i = 0; i < n->parameter_count; i++) {
    const rg_variable *v = &n->parameter[i];
    if (v->nodes < 2) continue;
    part *p = &s->part[s->parts++];
    *p = (part){v, alpha / time_between(n, v), NULL, false, s->pieces};
    RG_TRY(compile(s, p));
    s->pieces += v->nodes;
    if ((size_t)v->count > longest) longest = (size_t)v->count;
    size_t bytes = rung_program_bytes(p->program);
    if (bytes > s->workspace_bytes) s->workspace_bytes = bytes;
  }
  s->workspace_bytes = (s->workspace_bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  s->scratch_bytes = s->workspace_bytes + (longest * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  s->slots = rung_threads(s->ctx);
  s->scratch = rg_alloc(s->ctx, (size_t)s->slots, s->scratch_bytes);
  s->square = rg_calloc(s->ctx, (size_t)s->pieces, sizeof *s->square);
  return s->scratch && s->square ? RUNG_OK : RUNG_E_MEMORY;
}

rung_status rg_smoothness_create(const rung_network *network, rung_context *ctx, double alpha,
                                 rg_smoothness **out) {
  *out = NULL;
  if (!(alpha > 0)) return RUNG_OK;
  rg_smoothness *s = rg_calloc(ctx, 1, sizeof *s);
  if (!s) return RUNG_E_MEMORY;
  s->ctx = ctx;
  s->network = network;
  rung_status status = fill(s, alpha);
  if (status == RUNG_OK && s->parts)
    *out = s;
  else
    rg_smoothness_destroy(s);
  return status;
}

void rg_smoothness_destroy(rg_smoothness *s) {
  if (!s) return;
  for (int i = 0; i < s->parts; i++)
    if (!s->part[i].borrowed) rung_program_destroy(s->part[i].program);
  rg_free(s->ctx, s->part);
  rg_free(s->ctx, s->scratch);
  rg_free(s->ctx, s->square);
  rg_free(s->ctx, s);
}

/* ---- adding ---- */

typedef struct walk {
  rg_smoothness *s;
  char *gradient;
  rung_status status;
} walk;

static void run_layer(void *arg, int64_t piece, int slot) {
  walk *w = arg;
  rg_smoothness *s = w->s;
  int k = 0;
  while (k + 1 < s->parts && s->part[k + 1].first_piece <= piece) k++;
  const part *p = &s->part[k];
  const rg_variable *v = p->variable;
  rung_dtype dtype = s->network->dtype;
  int64_t j = piece - p->first_piece;
  size_t bytes = (size_t)v->count * rung_dtype_size(dtype);
  const char *theta = (const char *)s->network->theta + (size_t)v->offset * rung_dtype_size(dtype);
  const char *here = theta + (size_t)j * bytes;
  char *gradient = w->gradient + (here - (const char *)s->network->theta);
  char *workspace = s->scratch + (size_t)slot * s->scratch_bytes;
  char *result = workspace + s->workspace_bytes;
  _Alignas(16) char coefficient[sizeof(rung_dd)];
  rg_store(dtype, coefficient, 0, (rung_dd){p->coefficient, 0});
  const void *in[] = {j ? here - bytes : here, here, j + 1 < v->nodes ? here + bytes : here,
                      gradient, coefficient};
  rung_status status =
      rung_program_run(p->program, s->ctx, workspace, in, (void *[]){result, &s->square[piece]});
  if (status == RUNG_OK)
    memcpy(gradient, result, bytes);
  else
    w->status = status;
}

rung_status rg_smoothness_add(rg_smoothness *s, void *gradient, double *value) {
  walk w = {s, gradient, RUNG_OK};
  rg_parallel_slots(s->ctx, s->slots, s->pieces, run_layer, &w);
  *value = 0;
  for (int k = 0; k < s->parts; k++) {
    const part *p = &s->part[k];
    for (int64_t j = 0; j < p->variable->nodes; j++)
      *value +=
          p->coefficient / 2 * rg_fetch(s->network->dtype, &s->square[p->first_piece + j], 0).hi;
  }
  return w.status;
}
