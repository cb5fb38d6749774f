/* What all optimisers share: the state, the trial point, the list of names. */
#include "optim/optim.h"

#include <math.h>
#include <string.h>

#define MOST_VARIABLES (INT64_C(1) << 31) /* their squares are counted in 64 bits */

rg_settings rg_settings_default(void) {
  return (rg_settings){.rate = 1e-3,
                       .decay1 = 0.9,
                       .decay2 = 0.999,
                       .epsilon = 1e-8,
                       .memory = 10,
                       .decrease = 1e-4,
                       .curvature = 0.9,
                       .trials = 30};
}

const rg_optimiser *rg_optimiser_find(const char *name) {
#define RG_OPTIMISER_ENTRY(entry) &rg_##entry,
  static const rg_optimiser *const all[] = {RG_OPTIMISERS(RG_OPTIMISER_ENTRY)};
#undef RG_OPTIMISER_ENTRY
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(all[i]->name, name) == 0) return all[i];
  return NULL;
}

static rung_status check(rung_context *ctx, const rg_settings *s, const rg_objective *objective) {
  if (objective->n < 1 || objective->n > MOST_VARIABLES)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "minimiser: expected 1 to %lld variables, found %lld",
                   (long long)MOST_VARIABLES, (long long)objective->n);
  bool fits = s->memory >= 1 && s->trials >= 1 && 0 < s->decrease && s->decrease < s->curvature &&
              s->curvature < 1 && s->rate > 0 && 0 <= s->decay1 && s->decay1 < 1 &&
              0 <= s->decay2 && s->decay2 < 1 && s->epsilon > 0;
  if (!fits)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "minimiser: settings must have memory and trials of at least 1, 0 < decrease < "
                   "curvature < 1, decays in [0, 1), rate and epsilon above 0");
  return RUNG_OK;
}

/* Elements of an array up to where the next one is aligned. */
static size_t padded(int64_t count) {
  size_t line = RG_ALIGN / sizeof(double);
  return ((size_t)count + line - 1) / line * line;
}

/* What each optimiser has, then its own; returns how many. */
static int list_arrays(const rg_optimiser *optimiser, const rg_settings *settings, int64_t n,
                       rg_array *out) {
  out[RG_THETA] = (rg_array){"theta", n, NULL};
  out[RG_GRADIENT] = (rg_array){"gradient", n, NULL};
  out[RG_COUNTERS] = (rg_array){"counters", RG_COUNTER_COUNT, NULL};
  return RG_OWN + optimiser->arrays(settings, n, out + RG_OWN);
}

static size_t count_numbers(int arrays, const rg_array *array, int64_t n) {
  size_t total = 2 * padded(n); /* the trial */
  for (int i = 0; i < arrays; i++) total += padded(array[i].count);
  return total;
}

size_t rg_minimiser_bytes(const rg_optimiser *optimiser, const rg_settings *settings, int64_t n) {
  rg_settings chosen = settings ? *settings : rg_settings_default();
  rg_array array[RG_MOST_ARRAYS];
  return count_numbers(list_arrays(optimiser, &chosen, n, array), array, n) * sizeof(double);
}

static rung_status lay_arrays(rg_minimiser *m) {
  double *at = rg_calloc(m->ctx, count_numbers(m->arrays, m->array, m->n), sizeof *at);
  m->memory = at;
  if (!at) return RUNG_E_MEMORY;
  for (int i = 0; i < m->arrays; i++) {
    m->array[i].value = at;
    at += padded(m->array[i].count);
  }
  m->trial = at;
  m->trial_gradient = at + padded(m->n);
  return RUNG_OK;
}

rung_status rg_minimiser_create(rung_context *ctx, const rg_optimiser *optimiser,
                                const rg_settings *settings, const rg_objective *objective,
                                rg_minimiser **out) {
  *out = NULL;
  rg_settings chosen = settings ? *settings : rg_settings_default();
  RG_TRY(check(ctx, &chosen, objective));
  rg_minimiser *m = rg_alloc(ctx, 1, sizeof *m);
  if (!m) return RUNG_E_MEMORY;
  *m = (rg_minimiser){.ctx = ctx,
                      .optimiser = optimiser,
                      .settings = chosen,
                      .objective = *objective,
                      .n = objective->n};
  m->arrays = list_arrays(optimiser, &m->settings, m->n, m->array);
  rung_status status = lay_arrays(m);
  if (status == RUNG_OK)
    *out = m;
  else
    rg_minimiser_destroy(m);
  return status;
}

void rg_minimiser_destroy(rg_minimiser *m) {
  if (!m) return;
  rg_free(m->ctx, m->memory);
  rg_free(m->ctx, m);
}

rung_status rg_evaluate_trial(rg_minimiser *m) {
  RG_TRY(m->objective.evaluate(m->objective.user, m->trial, &m->trial_value, m->trial_gradient));
  m->array[RG_COUNTERS].value[RG_EVALUATIONS]++;
  double sum = 0; /* not finite where any element is not, or where squares would overflow */
  for (int64_t i = 0; i < m->n; i++) sum += fabs(m->trial_gradient[i]);
  if (!isfinite(m->trial_value) || !isfinite(sum)) m->trial_value = INFINITY;
  return RUNG_OK;
}

static void swap(double **a, double **b) {
  double *old = *a;
  *a = *b;
  *b = old;
}

void rg_accept_trial(rg_minimiser *m) {
  swap(&m->array[RG_THETA].value, &m->trial);
  swap(&m->array[RG_GRADIENT].value, &m->trial_gradient);
  m->array[RG_COUNTERS].value[RG_VALUE] = m->trial_value;
}

rung_status rg_minimiser_start(rg_minimiser *m, const double *theta) {
  for (int i = RG_COUNTERS; i < m->arrays; i++)
    memset(m->array[i].value, 0, (size_t)m->array[i].count * sizeof(double));
  memcpy(m->trial, theta, (size_t)m->n * sizeof *theta);
  RG_TRY(rg_evaluate_trial(m));
  if (!isfinite(m->trial_value))
    return rg_fail(m->ctx, RUNG_E_NUMERIC,
                   "minimiser: the value or the gradient at the start is not finite");
  rg_accept_trial(m);
  m->optimiser->start(m);
  return RUNG_OK;
}

rung_status rg_minimiser_step(rg_minimiser *m, bool *moved) {
  *moved = false;
  RG_TRY(m->optimiser->step(m, moved));
  m->array[RG_COUNTERS].value[RG_ITERATIONS] += *moved;
  return RUNG_OK;
}
