/* Steps on batches: the pass gives loss and gradient, a descent or a full-batch optimiser changes
 * the parameters. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optim/schedule.h"
#include "train/modular.h"

/* ---- making ---- */

static rung_status check(rung_context *ctx, const rung_training *t, int64_t steps,
                         int64_t steps_of_epoch) {
  if (!t->optimiser || (!rg_descent_find(t->optimiser) && !rg_full_batch_named(t->optimiser)))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "optimiser: expected sgd, momentum, nesterov, adamw, lbfgs or gauss-newton, "
                   "found \"%.40s\"",
                   t->optimiser ? t->optimiser : "nothing");
  if (t->batch < 1 || steps < 1 || steps_of_epoch < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "trainer: expected a batch, steps and steps of an epoch of at least 1, found "
                   "%lld, %lld and %lld",
                   (long long)t->batch, (long long)steps, (long long)steps_of_epoch);
  if (!(t->clip >= 0) || !(t->smoothness >= 0) || !(t->average >= 0 && t->average < 1))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "trainer: expected clip and smoothness of at least 0 and average in [0, 1), "
                   "found %g, %g and %g",
                   t->clip, t->smoothness, t->average);
  return rg_schedule_check(ctx, t);
}

static rung_status make_average(rung_trainer *t) {
  rung_network *n = t->network;
  size_t size = rung_dtype_size(n->dtype);
  t->average = rg_alloc(t->ctx, (size_t)n->parameters, size);
  t->average_running = rg_alloc(t->ctx, (size_t)n->statistics, size);
  if (!t->average || !t->average_running) return RUNG_E_MEMORY;
  memcpy(t->average, n->theta, (size_t)n->parameters * size);
  memcpy(t->average_running, n->running, (size_t)n->statistics * size);
  RG_TRY(rg_stepper_create(t->ctx, &rg_descent_average, &t->training, n->dtype, n->parameters,
                           n->parameters, &t->averager));
  return rg_stepper_create(t->ctx, &rg_descent_average, &t->training, n->dtype, n->statistics,
                           n->statistics, &t->average_running_stepper);
}

static rung_status make_optimiser(rung_trainer *t) {
  const rung_network *n = t->network;
  const rg_descent *descent = rg_descent_find(t->training.optimiser);
  size_t size = rung_dtype_size(n->dtype);
  RG_TRY(rg_smoothness_create(n, t->ctx, t->training.smoothness, &t->smoothness));
  t->running_before = rg_alloc(t->ctx, (size_t)n->statistics, size);
  t->partial = rg_alloc(t->ctx, (size_t)rg_norm_partials(n->parameters), sizeof *t->partial);
  if (!t->running_before || !t->partial) return RUNG_E_MEMORY;
  if (!descent) return rg_full_batch_create(t, &t->full);
  t->training.optimiser = descent->name;
  t->rate = t->training.rate > 0 ? t->training.rate : descent->rate;
  if (!t->training.modulewise)
    RG_TRY(rg_stepper_create(t->ctx, descent, &t->training, n->dtype, n->parameters, n->decaying,
                             &t->stepper));
  return t->training.average > 0 ? make_average(t) : RUNG_OK;
}

/* The pass gets what the optimiser leaves of the memory allowed. */
static rung_status make_pass(rung_trainer *t, size_t used, bool observe, size_t *needed) {
  rg_pass_options o = {.batch = t->training.batch,
                       .micro = t->training.micro_batch,
                       .loss = t->training.loss,
                       .smoothing = t->training.smoothing,
                       .delta = t->training.delta,
                       .activations = t->training.activations,
                       .drift_bound = t->training.drift,
                       .observe = observe,
                       .products = strcmp(t->training.optimiser, "gauss-newton") == 0};
  size_t least = 0, allowed = t->training.memory;
  rg_pass_plan plan;
  if (allowed) o.memory = allowed > used ? allowed - used : 1;
  rung_status status = rg_pass_choose(t->network, t->ctx, &o, &plan, &least);
  if (status == RUNG_E_BUDGET) {
    rung_clear_error(t->ctx);
    *needed = used + least;
    return rg_fail(t->ctx, status,
                   "memory: %zu bytes are allowed for training, but it takes at least %zu: %zu for "
                   "loss and gradient of a batch of %lld, %zu for the optimiser",
                   allowed, used + least, least, (long long)o.batch, used);
  }
  if (status != RUNG_OK) return status;
  return rg_pass_create(t->network, t->ctx, &o, &t->pass);
}

void rg_trainer_tell_pieces(rg_text *out, const rg_pass *pass, const rung_network *n,
                            int64_t batch) {
  int64_t micro = rg_pass_get_plan(pass)->micro;
  if (micro == batch) return;
  rg_text_printf(out, ", in pieces of %lld sample%s", (long long)micro, micro > 1 ? "s" : "");
  if (n->statistics) rg_text_add(out, ", whose statistics normalisation takes");
}

static rung_status tell_plan(rung_trainer *t, size_t optimiser) {
  const rg_pass_plan *p = rg_pass_get_plan(t->pass);
  rg_text text;
  rg_text_init(&text, t->ctx);
  rg_text_printf(&text, "activations: %s", rg_activations_name(p->activations));
  if (p->activations == RUNG_RECOMPUTE)
    rg_text_printf(&text, " (every %lld layers)", (long long)p->segment);
  rg_trainer_tell_pieces(&text, t->pass, t->network, t->training.batch);
  rg_text_printf(&text,
                 "; states %.2f MB, workspace %.2f MB, gradient %.2f MB, %s %.2f MB: %.2f MB; work "
                 "%.2f of store",
                 (double)p->state_bytes / 1e6, (double)p->workspace_bytes / 1e6,
                 (double)p->gradient_bytes / 1e6, t->training.optimiser, (double)optimiser / 1e6,
                 (double)(p->total_bytes + optimiser) / 1e6, p->work);
  t->plan = text.data;
  return rg_text_status(&text);
}

/* The modules, with their optimisers, get what is left of the memory allowed. */
static rung_status make_modules(rung_trainer *t, size_t used, size_t *needed) {
  size_t allowed = t->training.memory, left = allowed > used ? allowed - used : 1;
  rung_status status = rg_modular_create(t, allowed ? left : 0, needed, &t->modular);
  if (status != RUNG_E_BUDGET) return status;
  rung_clear_error(t->ctx);
  if (!*needed)
    return rg_fail(t->ctx, status,
                   "memory: %zu bytes are too few for training module-wise: batch %lld, %d modules",
                   allowed, (long long)t->training.batch, rung_network_exits(t->network) + 1);
  *needed += used;
  return rg_fail(t->ctx, status,
                 "memory: %zu bytes are allowed for training module-wise, but it takes at least "
                 "%zu: batch %lld, %d modules",
                 allowed, *needed, (long long)t->training.batch,
                 rung_network_exits(t->network) + 1);
}

static rung_status make(rung_trainer *t, bool observe, size_t *least) {
  size_t before = t->ctx->bytes_now;
  RG_TRY(make_optimiser(t));
  size_t optimiser = t->ctx->bytes_now - before;
  if (t->training.modulewise) {
    RG_TRY(make_modules(t, optimiser, least));
    t->bytes = t->ctx->bytes_now - before;
    return rg_modular_tell(t->modular, &t->plan);
  }
  RG_TRY(make_pass(t, optimiser, observe, least));
  t->bytes = t->ctx->bytes_now - before;
  return tell_plan(t, optimiser);
}

rung_status rg_trainer_create(rung_network *network, rung_context *ctx,
                              const rung_training *training, int64_t steps, int64_t steps_of_epoch,
                              bool observe, bool hasty, size_t *least, rung_trainer **out) {
  *out = NULL;
  *least = 0;
  rung_clear_error(ctx);
  RG_TRY(check(ctx, training, steps, steps_of_epoch));
  rung_trainer *t = rg_calloc(ctx, 1, sizeof *t);
  if (!t) return RUNG_E_MEMORY;
  t->ctx = ctx;
  t->network = network;
  t->training = *training;
  t->training.schedule = rg_schedule_name(training->schedule);
  t->steps = steps;
  t->steps_of_epoch = steps_of_epoch;
  t->lowered = 1;
  t->hasty = hasty;
  rung_status status = make(t, observe, least);
  if (status == RUNG_OK)
    *out = t;
  else
    rung_trainer_destroy(t);
  return status;
}

rung_status rung_trainer_create(rung_network *network, rung_context *ctx,
                                const rung_training *training, int64_t steps,
                                int64_t steps_of_epoch, rung_trainer **out) {
  size_t least;
  return rg_trainer_create(network, ctx, training, steps, steps_of_epoch, false, false, &least,
                           out);
}

rung_status rg_trainer_state_bytes(const rung_network *n, const rung_training *training,
                                   size_t *out) {
  const rg_descent *descent = rg_descent_find(training->optimiser);
  size_t averages = training->average > 0, size = rung_dtype_size(n->dtype), own = 0;
  if (training->modulewise)
    RG_TRY(rg_modular_state_bytes(n, training, &own));
  else if (descent)
    own = (size_t)descent->states * (size_t)n->parameters * size;
  else
    own = rg_full_batch_bytes(training->optimiser, n->parameters);
  *out = (1 + averages) * (size_t)(n->parameters + n->statistics) * size + own;
  return RUNG_OK;
}

void rung_trainer_destroy(rung_trainer *t) {
  if (!t) return;
  rg_pass_destroy(t->pass);
  rg_modular_destroy(t->modular);
  rg_full_batch_destroy(t->full);
  rg_smoothness_destroy(t->smoothness);
  rg_stepper_destroy(t->averager);
  rg_stepper_destroy(t->average_running_stepper);
  rg_stepper_destroy(t->stepper);
  rg_free(t->ctx, t->average);
  rg_free(t->ctx, t->average_running);
  rg_free(t->ctx, t->running_before);
  rg_free(t->ctx, t->partial);
  rg_free(t->ctx, t->plan);
  rg_free(t->ctx, t);
}

/* ---- steps ---- */

const rg_pass *rg_trainer_pass(const rung_trainer *t) {
  return t->modular ? rg_modular_pass(t->modular, rg_modular_modules(t->modular)) : t->pass;
}

/* Of the pass of a module, from 1, or of the only one; NULL: the module is frozen. */
static const rg_pass_plan *plan_at(const rung_trainer *t, int k) {
  const rg_pass *pass = t->modular ? rg_modular_pass(t->modular, k) : t->pass;
  return pass ? rg_pass_get_plan(pass) : NULL;
}

static int passes(const rung_trainer *t) {
  return t->modular ? rg_modular_modules(t->modular) : 1;
}

double rg_trainer_work(const rung_trainer *t) {
  double sum = 0;
  int trained = 0;
  for (int k = 1; k <= passes(t); k++) {
    const rg_pass_plan *plan = plan_at(t, k);
    if (!plan) continue;
    sum += plan->work;
    trained++;
  }
  return sum / trained;
}

double rg_trainer_operations(const rung_trainer *t) {
  return t->modular ? rg_modular_operations(t->modular) : plan_at(t, 1)->operations;
}

int64_t rg_trainer_micro(const rung_trainer *t) {
  int64_t least = t->training.batch;
  for (int k = 1; k <= passes(t); k++)
    if (plan_at(t, k) && plan_at(t, k)->micro < least) least = plan_at(t, k)->micro;
  return least;
}

uint64_t rg_trainer_way(const rung_trainer *t) {
  uint64_t hash = RG_HASH_START;
  for (int k = 1; k <= passes(t); k++) {
    const rg_pass_plan *p = plan_at(t, k);
    if (!p) continue;
    int64_t way[] = {p->micro, p->activations == RUNG_REVERSE};
    hash = rg_hash(hash, way, sizeof way);
  }
  return hash;
}

double rg_trainer_rate(const rung_trainer *t) {
  if (t->modular) return rg_modular_rate(t->modular);
  return t->lowered * rg_schedule_rate(&t->training, t->rate, t->step, t->steps, t->steps_of_epoch);
}

rung_status rg_trainer_evaluate(rung_trainer *t, const rg_pass_batch *batch) {
  RG_TRY(rg_pass_run(t->pass, batch, &t->seen));
  if (!t->smoothness) return RUNG_OK;
  double added; /* the gradient is the pass's scratch memory until its next run */
  RG_TRY(rg_smoothness_add(t->smoothness, (void *)t->seen.gradient, &added));
  t->seen.loss += added;
  return RUNG_OK;
}

/* The sign of a NaN means nothing. */
static double told(double value) {
  return isnan(value) ? fabs(value) : value;
}

static rung_status check_finite(rung_trainer *t) {
  const rung_network *n = t->network;
  t->gradient_norm = rg_norm(t->ctx, n->dtype, n->parameters, t->seen.gradient, t->partial);
  if (isfinite(t->seen.loss) && isfinite(t->gradient_norm)) return RUNG_OK;
  return rg_fail(t->ctx, RUNG_E_NUMERIC,
                 "the loss is %g and the norm of its gradient %g; a lower learning rate or "
                 "gradient clipping may help",
                 told(t->seen.loss), told(t->gradient_norm));
}

/* The share that the average goes towards the new weights: at first more than 1 - average, so that
 * the weights of the beginning are soon forgotten. */
static rung_status update_average(rung_trainer *t) {
  double share = 9 / (9 + (double)t->step), least = 1 - t->training.average;
  if (share < least) share = least;
  RG_TRY(rg_stepper_step(t->averager, share, 1, t->average, t->network->theta));
  return rg_stepper_step(t->average_running_stepper, share, 1, t->average_running,
                         t->network->running);
}

static rung_status descend(rung_trainer *t, const rg_pass_batch *batch) {
  rung_network *n = t->network;
  size_t bytes = (size_t)n->statistics * rung_dtype_size(n->dtype);
  memcpy(t->running_before, n->running, bytes);
  if (t->modular) {
    RG_TRY(rg_modular_step(t->modular, batch));
    return t->average ? update_average(t) : RUNG_OK;
  }
  rung_status status = rg_trainer_evaluate(t, batch);
  if (status == RUNG_OK) status = check_finite(t);
  if (status != RUNG_OK) {
    memcpy(n->running, t->running_before, bytes);
    return status;
  }
  double clip = t->training.clip;
  double scale = clip > 0 && t->gradient_norm > clip ? clip / t->gradient_norm : 1;
  RG_TRY(rg_stepper_step(t->stepper, rg_trainer_rate(t), scale, n->theta, t->seen.gradient));
  return t->average ? update_average(t) : RUNG_OK;
}

rung_status rg_trainer_step(rung_trainer *t, const rung_batch *given, double *loss) {
  rg_pass_batch batch = {.x = given->x,
                         .target = given->y,
                         .weight = given->weight,
                         .seed = t->training.seed,
                         .step = (uint64_t)t->step,
                         .sample = given->sample,
                         .transport = 0};
  rung_status status = t->full ? rg_full_batch_step(t->full, &batch) : descend(t, &batch);
  if (loss) *loss = t->seen.loss;
  if (status == RUNG_OK) t->step++;
  return status;
}

rung_status rung_trainer_step(rung_trainer *t, const void *x, const void *target,
                              const void *weight, double *loss) {
  return rg_trainer_step(t, &(rung_batch){.x = x, .y = target, .weight = weight}, loss);
}

/* ---- features ---- */

static rg_features *features_of(const rung_trainer *t) {
  return t->modular ? rg_modular_features(t->modular) : NULL;
}

rung_status rg_trainer_keep_features(rung_trainer *t, const rg_features_wish *wish) {
  rg_features *f = features_of(t);
  size_t before = t->ctx->bytes_now;
  if (!f) return RUNG_OK;
  RG_TRY(rg_features_keep(f, wish));
  t->bytes += t->ctx->bytes_now - before;
  rg_free(t->ctx, t->plan);
  t->plan = NULL;
  return rg_modular_tell(t->modular, &t->plan);
}

void rg_trainer_was_set(rung_trainer *t) {
  if (features_of(t)) rg_features_forget(features_of(t));
}

const char *rg_trainer_features_news(rung_trainer *t) {
  return features_of(t) ? rg_features_news(features_of(t)) : NULL;
}

/* ---- what it is made of ---- */

int rg_trainer_arrays(rung_trainer *t, rg_trainer_array *out) {
  rung_network *n = t->network;
  int count = 0;
  out[count++] = (rg_trainer_array){"theta", n->theta, n->parameters, false};
  out[count++] = (rg_trainer_array){"running", n->running, n->statistics, false};
  for (int i = 0; t->stepper && i < t->stepper->descent->states; i++)
    out[count++] = (rg_trainer_array){t->stepper->descent->state_name[i], t->stepper->state[i],
                                      n->parameters, false};
  if (t->average) {
    out[count++] = (rg_trainer_array){"average", t->average, n->parameters, false};
    out[count++] = (rg_trainer_array){"average_running", t->average_running, n->statistics, false};
  }
  if (t->full) count += rg_full_batch_arrays(t->full, out + count);
  if (t->modular) count += rg_modular_arrays(t->modular, out + count);
  return count;
}

static void exchange(char *a, char *b, size_t bytes) {
  char piece[4096];
  for (size_t at = 0; at < bytes; at += sizeof piece) {
    size_t length = bytes - at < sizeof piece ? bytes - at : sizeof piece;
    memcpy(piece, a + at, length);
    memcpy(a + at, b + at, length);
    memcpy(b + at, piece, length);
  }
}

void rg_trainer_exchange(rung_trainer *t) {
  const rung_network *n = t->network;
  size_t size = rung_dtype_size(n->dtype);
  if (!t->average) return;
  exchange(n->theta, t->average, (size_t)n->parameters * size);
  exchange(n->running, t->average_running, (size_t)n->statistics * size);
}

const void *rung_trainer_gradient(const rung_trainer *t) {
  return t->seen.gradient;
}

const void *rung_trainer_scores(const rung_trainer *t) {
  return t->seen.scores;
}

const char *rung_trainer_plan(const rung_trainer *t) {
  return t->plan;
}

size_t rung_trainer_bytes(const rung_trainer *t) {
  return t->bytes;
}
