/* Gauss-Newton with variable projection (Haber and Ruthotto, arXiv 1705.03341, section 5.3).
 *
 * The scores are linear in the classifier's weights W, so for the weights theta before it the best
 * W is that of a convex problem, solved by Newton's method; then theta takes a Gauss-Newton step of
 * the reduced problem, whose gradient is that of theta alone because W is at its best:
 *
 *   (J' H J + (decay + damping) I) p = -g,     H = d^2 loss / d scores^2,
 *
 * solved by conjugate gradients, J and J' by products of the pass, and shortened until the loss has
 * fallen by Armijo's condition (with the step's factor in it). The damping follows how often that
 * was needed. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "num/f64.h"
#include "train/full_batch.h"

#define MOST_CG 20       /* products with the Hessian of a step in theta ... */
#define MOST_CG_INNER 60 /* ... and in W */
#define MOST_INNER 5     /* Newton steps in W */
#define MOST_HALVINGS 12
#define DECREASE 1e-4

enum { POINT, TRIAL, GRADIENT, TRIAL_GRADIENT, STEP, RESIDUAL, DIRECTION, PRODUCT, VECTORS };
enum { DAMPING, COUNTERS };

struct rg_newton {
  rg_full_batch *full;
  int64_t n, scores;
  double *vector[VECTORS];       /* [n] each */
  double *tangent, *probability; /* [batch][outputs] */
  double *share;                 /* [batch]: weight of each sample's loss */
  double counter[COUNTERS];
  bool *inside; /* [n]: whether a parameter belongs to the classifier */
};

rung_status rg_newton_create(rg_full_batch *full, rg_newton **out) {
  rung_trainer *t = full->trainer;
  const rung_network *net = t->network;
  *out = NULL;
  if (t->training.loss == RUNG_HUBER)
    return rg_fail(t->ctx, RUNG_E_ARGUMENT,
                   "gauss-newton: expected loss cross-entropy or squared, found huber");
  rg_newton *w = rg_calloc(t->ctx, 1, sizeof *w);
  if (!w) return RUNG_E_MEMORY;
  *out = w;
  w->full = full;
  w->n = net->parameters;
  w->scores = t->training.batch * net->outputs;
  w->counter[DAMPING] = 1e-3;
  bool good = true;
  for (int i = 0; i < VECTORS; i++)
    good &= (w->vector[i] = rg_calloc(t->ctx, (size_t)w->n, sizeof(double))) != NULL;
  good &= (w->tangent = rg_alloc(t->ctx, (size_t)w->scores, sizeof(double))) != NULL;
  good &= (w->probability = rg_alloc(t->ctx, (size_t)w->scores, sizeof(double))) != NULL;
  good &= (w->share = rg_alloc(t->ctx, (size_t)t->training.batch, sizeof(double))) != NULL;
  good &= (w->inside = rg_calloc(t->ctx, (size_t)w->n, sizeof(bool))) != NULL;
  if (!good) {
    rg_newton_destroy(w);
    *out = NULL;
    return RUNG_E_MEMORY;
  }
  for (int i = 0; i < net->parameter_count; i++) {
    const rg_variable *v = &net->parameter[i];
    if (v->block != net->blocks.count - 1) continue;
    for (int64_t k = 0; k < v->count * v->nodes; k++) w->inside[v->offset + k] = true;
  }
  return RUNG_OK;
}

void rg_newton_destroy(rg_newton *w) {
  if (!w) return;
  rung_context *ctx = w->full->trainer->ctx;
  for (int i = 0; i < VECTORS; i++) rg_free(ctx, w->vector[i]);
  rg_free(ctx, w->tangent);
  rg_free(ctx, w->probability);
  rg_free(ctx, w->share);
  rg_free(ctx, w->inside);
  rg_free(ctx, w);
}

int rg_newton_arrays(rg_newton *w, rg_trainer_array *out) {
  out[0] = (rg_trainer_array){"newton", w->counter, COUNTERS, true};
  return 1;
}

/* ---- products with the Hessian ---- */

/* Softmax of the scores at the point, and the samples' shares of the loss. */
static void keep_scores(rg_newton *w) {
  const rung_trainer *t = w->full->trainer;
  const double *z = t->seen.scores, *weight = w->full->batch.weight;
  int64_t batch = t->training.batch, outputs = t->network->outputs;
  double total = 0;
  for (int64_t i = 0; i < batch; i++) total += weight ? weight[i] : 1;
  for (int64_t i = 0; i < batch; i++) {
    double *p = w->probability + i * outputs, top = z[i * outputs], sum = 0;
    w->share[i] = (weight ? weight[i] : 1) / total;
    for (int64_t k = 1; k < outputs; k++) top = fmax(top, z[i * outputs + k]);
    for (int64_t k = 0; k < outputs; k++) sum += p[k] = rg_exp_f64(z[i * outputs + k] - top);
    for (int64_t k = 0; k < outputs; k++) p[k] /= sum;
  }
}

/* u = H u: (diag(p) - p p') u for each sample, or 2 u / outputs for squares. */
static void times_loss_hessian(const rg_newton *w, double *u) {
  const rung_trainer *t = w->full->trainer;
  int64_t batch = t->training.batch, outputs = t->network->outputs;
  for (int64_t i = 0; i < batch; i++, u += outputs) {
    const double *p = w->probability + i * outputs;
    double along = 0;
    for (int64_t k = 0; k < outputs; k++) along += p[k] * u[k];
    for (int64_t k = 0; k < outputs; k++)
      u[k] = w->share[i] * (t->training.loss == RUNG_SQUARED ? 2 * u[k] / (double)outputs
                                                             : p[k] * (u[k] - along));
  }
}

/* Parameters of the other part stay. */
static void mask(const rg_newton *w, bool classifier, double *v) {
  for (int64_t i = 0; i < w->n; i++)
    if (w->inside[i] != classifier) v[i] = 0;
}

/* out = (J' H J + decay + damping) v on one part; the pass's products are taken at the point. */
static rung_status times_hessian(rg_newton *w, bool classifier, double damping, const double *v,
                                 double *out) {
  rung_trainer *t = w->full->trainer;
  double decay = t->training.weight_decay;
  RG_TRY(rg_pass_forward_product(t->pass, v, w->tangent));
  times_loss_hessian(w, w->tangent);
  RG_TRY(rg_pass_backward_product(t->pass, w->tangent, out));
  for (int64_t i = 0; i < w->n; i++)
    out[i] += (damping + (i < t->network->decaying ? decay : 0)) * v[i];
  mask(w, classifier, out);
  return RUNG_OK;
}

/* STEP solves (Hessian) p = -g to a tenth (or, of the classifier, closely) by conjugate gradients.
 */
static rung_status solve(rg_newton *w, bool classifier, double damping) {
  rung_isa isa = w->full->trainer->ctx->isa;
  double *p = w->vector[STEP], *r = w->vector[RESIDUAL], *d = w->vector[DIRECTION];
  double *product = w->vector[PRODUCT], tolerance = classifier ? 1e-6 : 0.1;
  for (int64_t i = 0; i < w->n; i++) {
    p[i] = 0;
    d[i] = r[i] = -w->vector[GRADIENT][i];
  }
  mask(w, classifier, r);
  mask(w, classifier, d);
  double first = rg_dot(isa, w->n, r, r), now = first;
  for (int k = 0; k < (classifier ? MOST_CG_INNER : MOST_CG) && now > 0; k++) {
    RG_TRY(times_hessian(w, classifier, damping, d, product));
    double curvature = rg_dot(isa, w->n, d, product);
    if (!(curvature > DBL_MIN)) break;
    double a = now / curvature;
    rg_axpy(isa, w->n, a, d, p);
    rg_axpy(isa, w->n, -a, product, r);
    double next = rg_dot(isa, w->n, r, r);
    if (next <= tolerance * tolerance * first) break;
    for (int64_t i = 0; i < w->n; i++) d[i] = r[i] + next / now * d[i];
    now = next;
  }
  return RUNG_OK;
}

/* ---- steps ---- */

static rung_status evaluate(rg_newton *w, int at, double *value) {
  int gradient = at == POINT ? GRADIENT : TRIAL_GRADIENT;
  return rg_full_batch_evaluate(w->full, w->vector[at], value, w->vector[gradient]);
}

static void accept(rg_newton *w) {
  double *theta = w->vector[POINT], *gradient = w->vector[GRADIENT];
  w->vector[POINT] = w->vector[TRIAL];
  w->vector[GRADIENT] = w->vector[TRIAL_GRADIENT];
  w->vector[TRIAL] = theta;
  w->vector[TRIAL_GRADIENT] = gradient;
}

/* Along STEP from the point, where the pass stands; *halvings gets MOST_HALVINGS where there is no
 * step, and the pass stands at the point again. */
static rung_status search(rg_newton *w, double *value, int *halvings) {
  rung_isa isa = w->full->trainer->ctx->isa;
  double slope = rg_dot(isa, w->n, w->vector[GRADIENT], w->vector[STEP]), length = 1, found;
  for (*halvings = 0; *halvings < MOST_HALVINGS && slope < 0; ++*halvings, length /= 2) {
    memcpy(w->vector[TRIAL], w->vector[POINT], (size_t)w->n * sizeof(double));
    rg_axpy(isa, w->n, length, w->vector[STEP], w->vector[TRIAL]);
    RG_TRY(evaluate(w, TRIAL, &found));
    if (!(found <= *value + DECREASE * length * slope)) continue;
    *value = found;
    accept(w);
    return RUNG_OK;
  }
  *halvings = MOST_HALVINGS;
  return evaluate(w, POINT, value);
}

/* The best classifier for the weights before it. */
static rung_status project(rg_newton *w, double *value) {
  for (int k = 0; k < MOST_INNER; k++) {
    int halvings;
    double before = *value;
    keep_scores(w);
    RG_TRY(solve(w, true, 1e-10));
    RG_TRY(search(w, value, &halvings));
    if (halvings == MOST_HALVINGS || before - *value <= 1e-6 * fabs(before)) break;
  }
  return RUNG_OK;
}

static void adapt(rg_newton *w, int halvings) {
  double *damping = &w->counter[DAMPING];
  if (halvings == 0) *damping /= 3;
  if (halvings > 1) *damping *= 4;
  if (*damping < 1e-12) *damping = 1e-12;
}

rung_status rg_newton_step(rg_newton *w) {
  rung_trainer *t = w->full->trainer;
  size_t bytes = (size_t)w->n * sizeof(double);
  double value;
  int halvings;
  memcpy(w->vector[POINT], t->network->theta, bytes);
  RG_TRY(evaluate(w, POINT, &value));
  if (!isfinite(value))
    return rg_fail(t->ctx, RUNG_E_NUMERIC, "gauss-newton: the loss at the start is not finite");
  double before = value;
  RG_TRY(project(w, &value));
  keep_scores(w);
  RG_TRY(solve(w, false, w->counter[DAMPING]));
  RG_TRY(search(w, &value, &halvings));
  adapt(w, halvings);
  memcpy(t->network->theta, w->vector[POINT], bytes);
  t->seen.loss = value;
  t->converged = halvings == MOST_HALVINGS && !(value < before) && w->counter[DAMPING] > 1e6;
  return RUNG_OK;
}
