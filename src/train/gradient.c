/* The published recipe of Wang and Lai (J. Comput. Phys. 504, 2024; arXiv 2307.08934): a stage is a
 * small network fitted to the scaled residual by Adam, then by a full-batch quasi-Newton method.
 *
 *   u(s) = head . tanh(W3 tanh(W2 act(kappa (W1 s + b1)) + b2) + b3) + bias
 *
 * act is tanh in the first stage, sine afterwards; 20 wide in the first stage, 30 afterwards.
 * Weights start from a normal law cut at two of its deviations, sqrt(2 / (in + out)); biases at 0.
 * The residual is scaled by its RMS (f->eps). The loss is the mean squared error, and what is
 * minimised has exactly its gradient. (The published scripts give L-BFGS a loss and a gradient of
 * different scale, which its line search cannot know.)
 *
 * kappa: the residual of stage k oscillates with a dominant frequency f_d periods over the interval
 * [-1, 1], that is w_d = pi f_d radians per unit of s. Weights of about 1 cannot reach it, and
 * gradient descent learns low frequencies first; with kappa = pi f_d = w_d the network oscillates
 * as fast as the residual from the start. */
#include <math.h>
#include <string.h>

#include "train/loss.h"
#include "train/train.h"

enum { LAYERS = 3, TICK_EVALUATIONS = 50, PATIENCE = 1000, WEIGHT_NUMBERS = 7, PHASES = 2 };

/* One minimisation after the other, from where the last one ended. */
typedef struct phase {
  const rg_optimiser *optimiser;
  const char *doing;
  int64_t limit; /* steps */
  bool patient;  /* ends where PATIENCE steps do not lower the loss by a thousandth */
} phase;

typedef struct training {
  rg_fit *f;
  rg_objective objective;
  double *theta, *best; /* [n] */
  double best_value;
  int64_t done, work; /* steps, of those of all phases */
  bool stopped;
} training;

/* Where most of the power of the residual lies. */
static rung_status dominant_frequency(rg_fit *f, double *kappa) {
  int64_t half = f->points / 2, most = f->inputs == 1 ? 2048 : 256; /* sums cost more than an FFT */
  int count = (int)(half < 16 ? 16 : half > most ? most : half);
  double *frequency = rg_alloc(f->ctx, (size_t)count, 2 * sizeof *frequency), bandwidth;
  if (!frequency) return RUNG_E_MEMORY;
  double *power = frequency + count;
  rung_status status = rg_spectrum(f, count, frequency, power, &bandwidth);
  int peak = 0;
  for (int i = 1; status == RUNG_OK && i < count; i++)
    if (power[i] > power[peak]) peak = i;
  *kappa = status == RUNG_OK && frequency[peak] > 1 ? frequency[peak] : 1;
  rg_free(f->ctx, frequency);
  return status;
}

/* Standard normal, cut at +-2: values outside (one in twenty) are drawn again. */
static double cut_normal(const rg_fit *f, uint64_t *index) {
  double x;
  do x = rg_normal(f->options.seed, rg_purpose(f, WEIGHT_NUMBERS), (*index)++);
  while (fabs(x) > 2);
  return x;
}

static double *draw(const rg_fit *f, uint64_t *index, int64_t rows, int64_t columns, double *out) {
  double deviation = sqrt(2 / (double)(rows + columns));
  for (int64_t i = 0; i < rows * columns; i++) out[i] = deviation * cut_normal(f, index);
  memset(out + rows * columns, 0, (size_t)rows * sizeof *out); /* biases */
  return out + rows * columns + rows;
}

static void first_weights(const rg_fit *f, const rg_stage *stage, double *theta) {
  uint64_t index = 0;
  for (int l = 0; l < stage->layer_count; l++)
    theta = draw(f, &index, stage->layer[l].width, stage->layer[l].inputs, theta);
  draw(f, &index, f->outputs, stage->layer[stage->layer_count - 1].width, theta);
}

static void keep_best(training *t, const rg_minimiser *m) {
  if (!(rg_minimiser_value(m) < t->best_value)) return;
  t->best_value = rg_minimiser_value(m);
  memcpy(t->best, rg_minimiser_theta(m), (size_t)t->objective.n * sizeof *t->best);
}

static rung_status descend(training *t, const phase *p, rg_minimiser *m) {
  double evaluations = 0, earlier = INFINITY;
  bool moved = true;
  for (int64_t i = 0; moved && !t->stopped && i < p->limit; i++) {
    if (p->patient && i % PATIENCE == 0) {
      if (rg_minimiser_value(m) > 0.999 * earlier) break;
      earlier = rg_minimiser_value(m);
    }
    RG_TRY(rg_minimiser_step(m, &moved));
    keep_best(t, m);
    double now = m->array[RG_COUNTERS].value[RG_EVALUATIONS];
    if (now - evaluations < TICK_EVALUATIONS) continue;
    evaluations = now;
    t->stopped = rg_fit_tick(t->f, p->doing, (double)(t->done + i) / (double)t->work);
  }
  return RUNG_OK;
}

/* From t->theta to t->theta. */
static rung_status run_phase(training *t, const phase *p) {
  rg_minimiser *m;
  RG_TRY(rg_minimiser_create(t->f->ctx, p->optimiser, NULL, &t->objective, &m));
  rung_status status = rg_minimiser_start(m, t->theta);
  if (status == RUNG_OK) keep_best(t, m);
  if (status == RUNG_OK) status = descend(t, p, m);
  if (status == RUNG_OK)
    memcpy(t->theta, rg_minimiser_theta(m), (size_t)t->objective.n * sizeof *t->theta);
  t->done += p->limit;
  rg_minimiser_destroy(m);
  return status;
}

static void choose_phases(const rg_fit *f, phase *out) {
  bool first = f->model->stage_count == 0, dense = f->options.minimiser == RUNG_SSBROYDEN;
  out[0] = (phase){&rg_adam, "Adam", first ? 3000 : 5000, false};
  out[1] = dense ? (phase){&rg_ssbroyden, "self-scaled Broyden", 0, true}
                 : (phase){&rg_lbfgs, "L-BFGS", 0, true};
  out[1].limit = first ? 10000 : 13000;
}

static void round_to_single(double *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) x[i] = (double)(float)x[i];
}

static void finish(const rg_fit *f, rg_stage *stage, double kappa) {
  memcpy(stage->eps, f->eps, (size_t)f->outputs * sizeof *f->eps);
  stage->frequency = kappa;
  stage->points = f->points;
  if (f->options.precision != RUNG_F32) return;
  for (int l = 0; l < stage->layer_count; l++) {
    round_to_single(stage->layer[l].weight, stage->layer[l].width * stage->layer[l].inputs);
    round_to_single(stage->layer[l].bias, stage->layer[l].width);
  }
  round_to_single(stage->head, f->outputs * stage->layer[stage->layer_count - 1].width);
  round_to_single(stage->bias, f->outputs);
}

/* States the bytes that come on top of what is held, and refuses them past the limit. */
static bool fits_memory(rg_fit *f, const rg_loss *loss, const phase *phases) {
  int64_t n = rg_loss_weights(loss);
  size_t most = 0;
  for (int i = 0; i < PHASES; i++) {
    size_t bytes = rg_minimiser_bytes(phases[i].optimiser, NULL, n);
    if (bytes > most) most = bytes;
  }
  size_t need = rg_fit_held(f) + rg_loss_bytes(loss) + most;
  need += 2 * (size_t)n * sizeof(double);
  if (f->options.memory && need > f->options.memory) {
    if (!f->refused || need < f->refused) f->refused = need;
    return false;
  }
  if (need > f->planned) f->planned = need;
  return true;
}

/* All phases; the best weights go into the stage. */
static rung_status train(rg_fit *f, rg_loss *loss, const phase *phases, rg_stage *stage) {
  RG_TRY(rg_loss_load(loss, f->total, f->s, f->target));
  training t = {.f = f, .objective = rg_loss_objective(loss), .best_value = INFINITY};
  t.theta = rg_alloc(f->ctx, (size_t)t.objective.n, 2 * sizeof *t.theta);
  if (!t.theta) return RUNG_E_MEMORY;
  t.best = t.theta + t.objective.n;
  first_weights(f, stage, t.theta);
  rung_status status = RUNG_OK;
  for (int i = 0; i < PHASES; i++) t.work += phases[i].limit;
  for (int i = 0; i < PHASES && status == RUNG_OK && !t.stopped; i++)
    status = run_phase(&t, &phases[i]);
  if (status == RUNG_OK) rg_loss_unpack(loss, t.best, stage);
  rg_free(f->ctx, t.theta);
  return status;
}

rung_status rg_gradient_stage(rg_fit *f, rg_stage **out) {
  bool first = f->model->stage_count == 0;
  int64_t wide = first ? 20 : 30, width[LAYERS] = {wide, wide, wide};
  rg_activation activation[LAYERS] = {first ? RG_TANH : RG_SIN, RG_TANH, RG_TANH};
  double kappa = 1;
  *out = NULL;
  if (!first) RG_TRY(dominant_frequency(f, &kappa));
  rg_stage *stage;
  RG_TRY(rg_stage_create(f->ctx, f->inputs, f->outputs, LAYERS, width, activation, false, &stage));
  rg_loss *loss = NULL;
  phase phases[PHASES];
  choose_phases(f, phases);
  rung_status status =
      rg_loss_create(f->ctx, stage, f->inputs, f->outputs, kappa, f->points, &loss);
  bool fits = status == RUNG_OK && fits_memory(f, loss, phases);
  if (fits) status = train(f, loss, phases, stage);
  if (fits && status == RUNG_OK) {
    finish(f, stage, kappa);
    f->freedom = (double)rg_loss_weights(loss);
    f->score = NAN; /* the loop judges by the residual */
    *out = stage;
  } else {
    rg_stage_destroy(f->ctx, stage);
  }
  rg_loss_destroy(loss);
  return status;
}
