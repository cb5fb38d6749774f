/* Optimisers that see all samples in one batch and minimise a function of many variables: L-BFGS
 * (optim/lbfgs.c) and Gauss-Newton with variable projection (gauss_newton.c).
 *
 * What is minimised is the batch's loss with what the recipe adds to it: smoothness in time, and
 * weight decay as the term (weight_decay / 2) ||theta||^2 over the weights that decay. */
#include <string.h>

#include "optim/optim.h"
#include "train/full_batch.h"

bool rg_full_batch_named(const char *name) {
  return strcmp(name, "lbfgs") == 0 || strcmp(name, "gauss-newton") == 0;
}

/* Value and gradient at theta; statistics take one step, however often this is called. */
rung_status rg_full_batch_evaluate(void *user, const double *theta, double *value,
                                   double *gradient) {
  rg_full_batch *f = user;
  rung_trainer *t = f->trainer;
  rung_network *n = t->network;
  double decay = t->training.weight_decay;
  memcpy(n->theta, theta, (size_t)n->parameters * sizeof *theta);
  memcpy(n->running, t->running_before, (size_t)n->statistics * sizeof(double));
  RG_TRY(rg_trainer_evaluate(t, &f->batch));
  *value = t->seen.loss;
  memcpy(gradient, t->seen.gradient, (size_t)n->parameters * sizeof *gradient);
  if (!(decay > 0)) return RUNG_OK;
  *value += decay / 2 * rg_dot(t->ctx->isa, n->decaying, theta, theta);
  rg_axpy(t->ctx->isa, n->decaying, decay, theta, gradient);
  return RUNG_OK;
}

/* ---- L-BFGS ---- */

static rung_status lbfgs_step(rg_full_batch *f) {
  rung_trainer *t = f->trainer;
  rung_network *n = t->network;
  bool moved = true;
  if (f->minimiser->array[RG_COUNTERS].value[RG_EVALUATIONS] > 0)
    RG_TRY(rg_minimiser_step(f->minimiser, &moved));
  else
    RG_TRY(rg_minimiser_start(f->minimiser, n->theta));
  memcpy(n->theta, rg_minimiser_theta(f->minimiser), (size_t)n->parameters * sizeof(double));
  t->seen.loss = rg_minimiser_value(f->minimiser);
  t->converged = !moved;
  return RUNG_OK;
}

/* ---- both ---- */

size_t rg_full_batch_bytes(const char *name, int64_t parameters) {
  size_t bytes = strcmp(name, "lbfgs") == 0 ? rg_minimiser_bytes(&rg_lbfgs, NULL, parameters) : 0;
  return bytes;
}

static rung_status make(rg_full_batch *f, const char *name) {
  const rung_network *n = f->trainer->network;
  rg_objective objective = {n->parameters, rg_full_batch_evaluate, f};
  if (strcmp(name, "lbfgs") == 0)
    return rg_minimiser_create(f->trainer->ctx, &rg_lbfgs, NULL, &objective, &f->minimiser);
  return rg_newton_create(f, &f->newton);
}

rung_status rg_full_batch_create(rung_trainer *trainer, rg_full_batch **out) {
  rung_context *ctx = trainer->ctx;
  const char *name = strcmp(trainer->training.optimiser, "lbfgs") == 0 ? "lbfgs" : "gauss-newton";
  *out = NULL;
  trainer->training.optimiser = name;
  if (trainer->network->dtype != RUNG_F64)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "optimiser %s: expected precision double, found %s", name,
                   rung_dtype_name(trainer->network->dtype));
  rg_full_batch *f = rg_calloc(ctx, 1, sizeof *f);
  if (!f) return RUNG_E_MEMORY;
  f->trainer = trainer;
  rung_status status = make(f, name);
  if (status == RUNG_OK)
    *out = f;
  else
    rg_full_batch_destroy(f);
  return status;
}

void rg_full_batch_destroy(rg_full_batch *f) {
  if (!f) return;
  rg_minimiser_destroy(f->minimiser);
  rg_newton_destroy(f->newton);
  rg_free(f->trainer->ctx, f);
}

rung_status rg_full_batch_step(rg_full_batch *f, const rg_pass_batch *batch) {
  rung_trainer *t = f->trainer;
  rung_network *n = t->network;
  f->batch = *batch;
  f->batch.step = 0; /* dropout would make another function of every evaluation */
  memcpy(t->running_before, n->running, (size_t)n->statistics * sizeof(double));
  return f->minimiser ? lbfgs_step(f) : rg_newton_step(f->newton);
}

int rg_full_batch_arrays(rg_full_batch *f, rg_trainer_array *out) {
  int count = 0;
  if (!f->minimiser) return rg_newton_arrays(f->newton, out);
  for (int i = 0; i < f->minimiser->arrays; i++) {
    const rg_array *a = &f->minimiser->array[i];
    if (!a->name) continue;
    /* "theta" is the network's array; this is the minimiser's own copy of it */
    const char *name = i == RG_THETA ? "point" : a->name;
    out[count++] = (rg_trainer_array){name, a->value, a->count, true};
  }
  return count;
}
