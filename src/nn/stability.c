/* How stable layers are: eigenvalues of their Jacobians, norms of their maps, Lyapunov exponents.
 */
#include "rung/stability.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "nn/arch/arch.h"
#include "nn/network.h"
#include "nn/walk.h"
#include "num/krylov.h"
#include "num/qr.h"

/* What a perturbation may grow by in a stage for which no bound by norms is known: e^5. */
#define GROWTH_ALLOWED 5.0

/* ---- a layer ---- */

/* The products of a probe with joined vectors, at its state. */
static rung_status probe_products(void *arg, const double *v, double *out) {
  rg_probe *p = arg;
  rg_probe_scatter(p, v, p->tangent);
  RG_TRY(rg_probe_run(p));
  rg_probe_gather(p, p->tangent_out, out);
  return RUNG_OK;
}

typedef struct edge {
  double size, right; /* max |mu|, max Re mu over eigenvalues and samples */
} edge;

static rung_status find_edge(const rg_walk *w, rg_probe *p, int steps, edge *out) {
  size_t count = (size_t)w->samples * (size_t)steps;
  double *re = rg_alloc(w->ctx, 2 * count, sizeof *re);
  int *found = rg_alloc(w->ctx, (size_t)w->samples, sizeof *found);
  rung_status status = RUNG_E_MEMORY;
  if (re && found)
    status =
        rg_krylov(w->ctx, probe_products, p, w->samples, p->total_in, steps, re, re + count, found);
  *out = (edge){0, -INFINITY};
  for (int64_t s = 0; status == RUNG_OK && s < w->samples; s++)
    for (int i = 0; i < found[s]; i++) {
      int64_t at = s * steps + i;
      out->size = fmax(out->size, hypot(re[at], re[count + (size_t)at]));
      out->right = fmax(out->right, re[at]);
    }
  rg_free(w->ctx, re);
  rg_free(w->ctx, found);
  return status;
}

/* Which bound holds for a stage, and how it goes with the norms of its maps. */
typedef enum bound_kind {
  BOUND_GROWTH,   /* none by norms: layers * log(growth) / GROWTH_ALLOWED */
  BOUND_DECAY,    /* Euler, eigenvalues <= 0: h |J| / 2 */
  BOUND_TURN,     /* Euler, eigenvalues on the imaginary axis: T h |J|^2 / 2 */
  BOUND_RK4,      /* h |J| / 2.78: the method's region on both axes */
  BOUND_MIDPOINT, /* h |J| */
  BOUND_VERLET    /* h (|A| |B|)^(1/2) / 2 */
} bound_kind;

static bound_kind bound_of(const rg_block *stage) {
  const rg_field *field = rg_field_of(stage);
  const char *name = stage->kind->name;
  if (!strcmp(name, "verlet")) return BOUND_VERLET;
  if (!strcmp(name, "midpoint"))
    return field == &rg_field_resnet || field == &rg_field_bottleneck ? BOUND_GROWTH
                                                                      : BOUND_MIDPOINT;
  if (field == &rg_field_resnet || field == &rg_field_bottleneck) return BOUND_GROWTH;
  if (!strcmp(name, "rk4")) return BOUND_RK4;
  return field->decays ? BOUND_DECAY : BOUND_TURN;
}

/* `norm`: of the Jacobian; of two rates the geometric mean of both. */
static double bound_value(const rg_block *stage, double norm, double growth) {
  double h = stage->settings.step, layers = (double)stage->layers;
  switch (bound_of(stage)) {
  case BOUND_GROWTH:
    return layers * log(growth) / GROWTH_ALLOWED;
  case BOUND_DECAY:
  case BOUND_VERLET:
    return h * norm / 2;
  case BOUND_TURN:
    return layers * h * h * norm * norm / 2;
  case BOUND_RK4:
    return h * norm / 2.78;
  case BOUND_MIDPOINT:
    return h * norm;
  }
  return NAN;
}

typedef struct stage_probes {
  rg_probe layer, rate[RG_MOST_STATES];
  int rates, open;
} stage_probes;

static void close_stage(stage_probes *p) {
  if (p->open > 0) rg_probe_close(&p->layer);
  for (int i = 1; i < p->open; i++) rg_probe_close(&p->rate[i - 1]);
}

static rung_status open_stage(const rg_walk *w, int block, stage_probes *p) {
  p->rates = rg_field_of(&w->network->blocks.list[block])->states == RG_ONE ? 1 : 2;
  p->open = 1;
  RG_TRY(rg_probe_open(&p->layer, w->network, w->ctx, block, w->samples, RG_PROBE_LAYER));
  for (int i = 0; i < p->rates; i++) {
    p->open++;
    RG_TRY(rg_probe_open(&p->rate[i], w->network, w->ctx, block, w->samples,
                         i ? RG_PROBE_RATE_1 : RG_PROBE_RATE_0));
  }
  return RUNG_OK;
}

static double root_mean_square(const rg_walk *w, int block, int states) {
  double sum = 0, count = 0;
  for (int s = 0; s < states; s++) {
    int64_t numbers = rg_walk_count(w, block, s);
    for (int64_t i = 0; i < numbers; i++) sum = fma(w->state[s][i], w->state[s][i], sum);
    count += (double)numbers;
  }
  return sqrt(sum / count);
}

/* Norm of the Jacobian: the root of the largest eigenvalue of J' J; of two the geometric mean. */
static rung_status find_norm(const rg_walk *w, stage_probes *p, int64_t layer, int steps,
                             double *out) {
  double product = 1;
  for (int i = 0; i < p->rates; i++) {
    edge e;
    rg_probe_load(&p->rate[i], layer);
    rg_walk_put(w, &p->rate[i]);
    RG_TRY(find_edge(w, &p->rate[i], steps, &e));
    product *= sqrt(e.size);
  }
  *out = p->rates == 2 ? sqrt(product) : product;
  return RUNG_OK;
}

static rung_status measure_layer(const rg_walk *w, stage_probes *p, int64_t layer, int steps,
                                 rung_layer_stability *out) {
  const rg_block *stage = &w->network->blocks.list[p->layer.block];
  double h = stage->settings.step, norm;
  edge e;
  rg_probe_load(&p->layer, layer);
  rg_walk_put(w, &p->layer);
  RG_TRY(find_edge(w, &p->layer, steps, &e));
  RG_TRY(find_norm(w, p, layer, steps, &norm));
  bool is_euler = !strcmp(stage->kind->name, "euler");
  out->layer = layer + 1;
  out->step = h;
  out->growth = e.size;
  out->rate = is_euler ? (e.right - 1) / h : log(e.size) / h;
  out->norm = norm;
  out->bound = bound_value(stage, norm, e.size);
  out->would = bound_of(stage) == BOUND_GROWTH ? NAN : out->bound > 0 ? h / out->bound : INFINITY;
  out->state = root_mean_square(w, p->layer.block, stage->states_in);
  return RUNG_OK;
}

static rung_status measure_stage(rg_walk *w, int block, int stage, int steps,
                                 rung_layer_stability *out) {
  stage_probes p = {.open = 0};
  rung_status status = open_stage(w, block, &p);
  for (int64_t j = 0; status == RUNG_OK && j < w->network->blocks.list[block].layers; j++) {
    out[j].stage = stage;
    status = measure_layer(w, &p, j, steps, &out[j]);
    if (status == RUNG_OK) status = rg_walk_layer(w, &p.layer, j);
  }
  close_stage(&p);
  return status;
}

int64_t rung_stability_layers(const rung_network *n) {
  int64_t layers = 0;
  for (int i = 0; i < n->blocks.count; i++)
    if (rg_is_stage(&n->blocks.list[i])) layers += n->blocks.list[i].layers;
  return layers;
}

rung_status rung_stability_measure(const rung_network *network, rung_context *ctx, int64_t samples,
                                   const void *x, int steps, rung_layer_stability *out) {
  rg_walk w;
  int stage = 0;
  rung_status status = rg_walk_begin(&w, network, ctx, samples, x);
  for (int i = 0; status == RUNG_OK && i < network->blocks.count; i++) {
    const rg_block *block = &network->blocks.list[i];
    if (rg_is_stage(block)) {
      status = measure_stage(&w, i, ++stage, steps, out);
      out += block->layers;
    } else {
      status = rg_walk_block(&w, i);
    }
  }
  rg_walk_end(&w);
  return status;
}

/* ---- projection ---- */

/* The power of a factor on a layer's kernels (or gains) with which its norm goes. */
static double norm_power(const rg_block *stage, bool normalised, bool images) {
  const rg_field *field = rg_field_of(stage);
  double power = 1;
  bool sink = field == &rg_field_parabolic || field == &rg_field_leapfrog ||
              field == &rg_field_hamiltonian_two;
  if (!normalised && (sink || (field == &rg_field_resnet && images))) power = 2;
  if (!normalised && field == &rg_field_bottleneck) power = 3;
  if (field->states == RG_VELOCITY) power /= 2; /* the norm is a mean with that of 1 */
  return power;
}

/* Kernels, or the gains of normalisations behind them, which undo any factor on kernels. */
static bool is_scaled(const rg_variable *v, bool normalised) {
  if (!normalised) return v->decays;
  size_t length = strlen(v->name), end = strlen(".gain");
  return length > end && !strcmp(v->name + length - end, ".gain");
}

static void scale_node(rung_network *n, const rg_variable *v, int64_t node, double factor) {
  for (int64_t i = v->offset + node * v->count; i < v->offset + (node + 1) * v->count; i++) {
    rung_dd value = rg_fetch(n->dtype, n->theta, i);
    rg_store(n->dtype, n->theta, i, (rung_dd){value.hi * factor, value.lo * factor});
  }
}

/* What the norm must be multiplied with. Where only the growth is bounded, by g for each layer:
 * |1 + h lambda| <= 1 + h |J| <= g. */
static double norm_factor(const rg_block *stage, const rung_layer_stability *found) {
  if (bound_of(stage) != BOUND_GROWTH)
    return bound_of(stage) == BOUND_TURN ? 1 / sqrt(found->bound) : 1 / found->bound;
  return (exp(GROWTH_ALLOWED / (double)stage->layers) - 1) / (found->step * found->norm);
}

static void scale_layer(rung_network *n, int block, int64_t layer,
                        const rung_layer_stability *found) {
  const rg_block *stage = &n->blocks.list[block];
  bool normalised = strcmp(stage->settings.norm, "none") != 0;
  bool images = n->state_shape[block][0].rank == 3;
  double factor = pow(norm_factor(stage, found), 1 / norm_power(stage, normalised, images));
  for (int i = 0; i < n->parameter_count; i++) {
    const rg_variable *v = &n->parameter[i];
    if (v->block != block || !is_scaled(v, normalised)) continue;
    int64_t low;
    double share;
    rg_layer_nodes(v, stage->layers, layer, &low, &share);
    scale_node(n, v, low, factor);
    if (share > 0) scale_node(n, v, low + 1, factor);
  }
}

rung_status rung_stability_project(rung_network *network, rung_context *ctx, int64_t samples,
                                   const void *x, int steps, int64_t *changed) {
  int64_t layers = rung_stability_layers(network), count = 0;
  rung_layer_stability *found = rg_alloc(ctx, (size_t)layers, sizeof *found);
  if (!found) return RUNG_E_MEMORY;
  rung_status status = rung_stability_measure(network, ctx, samples, x, steps, found);
  const rung_layer_stability *at = found;
  for (int i = 0; status == RUNG_OK && i < network->blocks.count; i++) {
    if (!rg_is_stage(&network->blocks.list[i])) continue;
    for (int64_t j = 0; j < network->blocks.list[i].layers; j++, at++) {
      if (!(at->bound > 1)) continue;
      scale_layer(network, i, j, at);
      count++;
    }
  }
  rg_free(ctx, found);
  if (changed) *changed = count;
  return status;
}
