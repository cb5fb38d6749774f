/* Where features of given weights do not suffice: a small tanh network whose hidden layer is
 * trained by Levenberg-Marquardt (levenberg.c). Small and wide networks are tried for a few
 * iterations; the best is trained in full only if it beats the best lattice at the same judged
 * points. */
#include <math.h>
#include <string.h>

#include "train/separable.h"

/* A network of one tanh layer of `width` units whose transitions lie at data points. */
static rung_status random_network(rg_search *s, int64_t width, double frequency, uint64_t what,
                                  rg_stage **out) {
  rg_fit *f = s->f;
  rg_activation tanh_layer = RG_TANH;
  RG_TRY(rg_stage_create(f->ctx, f->inputs, f->outputs, 1, &width, &tanh_layer, true, out));
  rg_layer *layer = &(*out)->layer[0];
  uint64_t seed = f->options.seed, purpose = rg_purpose(f, what);
  for (int64_t i = 0; i < width; i++) {
    double norm = 0, *w = layer->weight + i * f->inputs;
    uint64_t first = (uint64_t)(i * (f->inputs + 2));
    for (int j = 0; j < f->inputs; j++) {
      w[j] = rg_normal(seed, purpose, first + (uint64_t)j);
      norm += w[j] * w[j];
    }
    double length =
        frequency * (0.3 + 0.7 * rg_uniform(seed, purpose, first + (uint64_t)f->inputs));
    int64_t at =
        (int64_t)(rg_uniform(seed, purpose, first + (uint64_t)f->inputs + 1) * (double)f->points);
    layer->bias[i] = 0;
    for (int j = 0; j < f->inputs; j++) {
      w[j] *= length / sqrt(norm) / s->half[j];
      layer->bias[i] -= w[j] * f->s[j * f->total + at];
    }
  }
  (*out)->frequency = frequency;
  return RUNG_OK;
}

/* The points for Levenberg-Marquardt: with leave-one-out, the last fifth judges. */
static rg_points network_points(const rg_fit *f, const double *standard) {
  int64_t heldout = f->leave_one_out ? f->points / 5 : f->heldout;
  int64_t all = f->leave_one_out ? f->points : f->total;
  return (rg_points){.inputs = f->inputs,
                     .outputs = f->outputs,
                     .points = all - heldout,
                     .heldout = heldout,
                     .ld = f->total,
                     .s = f->s,
                     .y = standard};
}

/* Targets with mean 0 and variance 1. */
static void standardise(const rg_fit *f, double *standard, double *mean, double *deviation) {
  for (int o = 0; o < f->outputs; o++) {
    const double *y = f->target + o * f->total;
    mean[o] = rg_mean(y, f->points);
    double sum = 0;
    for (int64_t i = 0; i < f->points; i++) sum += (y[i] - mean[o]) * (y[i] - mean[o]);
    deviation[o] = fmax(sqrt(sum / (double)f->points), 1e-300);
    for (int64_t i = 0; i < f->total; i++)
      standard[o * f->total + i] = (y[i] - mean[o]) / deviation[o];
  }
}

static void restore_units(const rg_fit *f, rg_stage *stage, const double *mean,
                          const double *deviation) {
  int64_t width = stage->layer[stage->layer_count - 1].width;
  for (int o = 0; o < f->outputs; o++) {
    for (int64_t k = 0; k < width; k++) stage->head[o * width + k] *= deviation[o];
    for (int j = 0; j < f->inputs; j++) stage->skip[o * f->inputs + j] *= deviation[o];
    stage->bias[o] = stage->bias[o] * deviation[o] + mean[o];
  }
}

typedef struct network_search {
  rg_search *s;
  rg_points points;
  double *standard, *mean, *deviation, *squared;
  rg_stage *best;
  double best_rms;
} network_search;

static rg_levenberg_options network_options(const network_search *n, int iterations) {
  rg_levenberg_options options = rg_levenberg_options_default();
  options.iterations = iterations;
  options.patience = 100;
  options.ridge = n->s->f->leave_one_out ? 1e-4 : 1e-6;
  return options;
}

/* Trains one network where the memory allows; keeps it where it is the best so far. */
static rung_status try_network(network_search *n, int64_t width, double frequency, int iterations,
                               uint64_t what) {
  rg_fit *f = n->s->f;
  rg_stage *stage = NULL;
  rg_levenberg_options options = network_options(n, iterations);
  RG_TRY(random_network(n->s, width, frequency, what, &stage));
  double rms = INFINITY;
  size_t bytes;
  rung_status status = rg_levenberg_bytes(f, &n->points, &options, stage, &bytes);
  bool affordable = status == RUNG_OK && rg_fits_memory(f, bytes);
  if (affordable) status = rg_levenberg(f, &n->points, &options, stage, &rms, NULL);
  if (affordable && status == RUNG_OK && (!n->best || rms < n->best_rms)) {
    rg_stage *worse = n->best;
    n->best = stage;
    n->best_rms = rms;
    stage = worse;
  }
  rg_stage_destroy(f->ctx, stage);
  return status;
}

/* Squared errors in units of the target, mean over outputs, of the best network as it stands: a run
 * of no iterations only solves for the head. */
static rung_status judge_network(network_search *n, int iterations) {
  rg_fit *f = n->s->f;
  rg_levenberg_options options = network_options(n, iterations);
  RG_TRY(rg_levenberg(f, &n->points, &options, n->best, &n->best_rms, n->squared));
  double unit = 0;
  for (int o = 0; o < f->outputs; o++) unit += n->deviation[o] * n->deviation[o] / f->outputs;
  for (int64_t i = 0; i < n->points.heldout; i++) n->squared[i] *= unit / f->outputs;
  return RUNG_OK;
}

/* The lattice's errors at the points that judge the network. */
static const double *lattice_errors(const network_search *n) {
  const rg_search *s = n->s;
  const double *squared = s->best.features ? s->best.choice.squared : s->nothing;
  return s->f->leave_one_out ? squared + n->points.points : squared;
}

/* Is it worth training the network in full: it is better now, or close while the lattice has used
 * up its points. */
static bool promising(const network_search *n) {
  const rg_search *s = n->s;
  const double *old = lattice_errors(n);
  if (rg_beats(n->squared, old, n->points.heldout, 0.9)) return true;
  return !s->f->leave_one_out && s->best.features &&
         s->best.choice.freedom > 0.25 * (double)s->f->points &&
         rg_mean(n->squared, n->points.heldout) < 9 * rg_mean(old, n->points.heldout);
}

static rung_status search_networks(network_search *n, rg_stage **out) {
  rg_fit *f = n->s->f;
  int64_t wide = n->points.points / (4 * (f->inputs + 2));
  if (wide > 40) wide = 40;
  if (wide < 2) return RUNG_OK;
  if (wide >= 8) {
    RG_TRY(try_network(n, 8, 1, 40, 10));
    RG_TRY(try_network(n, 8, 5, 40, 11));
  }
  RG_TRY(try_network(n, wide, 1, 15, 12));
  if (!n->best) return RUNG_OK;
  RG_TRY(judge_network(n, 0));
  if (!promising(n)) return RUNG_OK;
  RG_TRY(judge_network(n, 200));
  if (!rg_beats(n->squared, lattice_errors(n), n->points.heldout, 0.9)) return RUNG_OK;
  restore_units(f, n->best, n->mean, n->deviation);
  f->freedom = (double)((f->inputs + 2) * n->best->layer[0].width + f->inputs + 1);
  f->score = sqrt(rg_mean(n->squared, n->points.heldout));
  *out = n->best;
  n->best = NULL;
  return RUNG_OK;
}

rung_status rg_trained_network(rg_search *s, rg_stage **out) {
  rg_fit *f = s->f;
  network_search n = {.s = s};
  n.standard = rg_alloc(f->ctx, (size_t)(f->total * f->outputs), sizeof *n.standard);
  n.mean = rg_alloc(f->ctx, (size_t)f->outputs, sizeof *n.mean);
  n.deviation = rg_alloc(f->ctx, (size_t)f->outputs, sizeof *n.deviation);
  n.squared = rg_alloc(f->ctx, (size_t)s->judged, sizeof *n.squared);
  rung_status status = n.standard && n.mean && n.deviation && n.squared ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    standardise(f, n.standard, n.mean, n.deviation);
    n.points = network_points(f, n.standard);
    if (n.points.heldout >= 10) status = search_networks(&n, out);
  }
  rg_stage_destroy(f->ctx, n.best);
  rg_free(f->ctx, n.standard);
  rg_free(f->ctx, n.mean);
  rg_free(f->ctx, n.deviation);
  rg_free(f->ctx, n.squared);
  return status;
}
