#include "train/penalty.h"

#include <math.h>

#include "num/f64.h"

/* How fast a weight that is set from the ratio follows it: a step moves its logarithm by this share
 * of what is missing. */
#define FOLLOW 0.05
/* The share of a module's steps that go by without a weight: what layers add to their states is
 * often next to nothing at first, and would ask for a weight that they could never move against. */
#define BEFORE 20

/* ---- settings ---- */

static bool is_auto(const rung_training *t) {
  return t->taus == 0 && t->tau == RUNG_TAU_AUTO;
}

static bool is_length(double tau) {
  return tau >= 0 && isfinite(tau);
}

static rung_status check_tau(rung_context *ctx, const rung_training *t) {
  if (t->taus < 0 || t->taus > RUNG_MOST_EXITS + 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "taus: expected 0 to %d, found %d", RUNG_MOST_EXITS + 1,
                   t->taus);
  for (int i = 0; i < t->taus; i++)
    if (!is_length(t->tau_of[i]))
      return rg_fail(ctx, RUNG_E_ARGUMENT, "tau_of: expected at least 0, found %g", t->tau_of[i]);
  if (!(t->ratio > 0) || !(is_length(t->tau) || t->tau == RUNG_TAU_AUTO))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "tau, ratio: expected at least 0 (or RUNG_TAU_AUTO) and more than 0, found %g "
                   "and %g",
                   t->tau, t->ratio);
  if (!(t->tau_factor > 0 && isfinite(t->tau_factor)))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "tau_factor: expected more than 0, found %g",
                   t->tau_factor);
  return RUNG_OK;
}

rung_status rg_penalty_check(rung_context *ctx, const rung_training *t) {
  RG_TRY(check_tau(ctx, t));
  if (!is_length(t->multiplier) || !is_length(t->multiplier_rate) || t->multiplier_every < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "multiplier, multiplier_rate, multiplier_every: expected at least 0, 0 and 1, "
                   "found %g, %g and %lld",
                   t->multiplier, t->multiplier_rate, (long long)t->multiplier_every);
  if (t->multiplier > 0 && !is_auto(t))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "multiplier: is in charge of the penalty in place of tau; expected one of them");
  return RUNG_OK;
}

/* A list is shared out evenly: two numbers are for the first half of the modules and the rest. */
static double tau_of(const rung_training *t, int module, int modules) {
  return t->taus == 0 ? t->tau : t->tau_of[(module - 1) * t->taus / modules];
}

bool rg_penalty_any(const rung_training *t, int module, int modules) {
  return t->multiplier > 0 || tau_of(t, module, modules) != 0;
}

/* ---- a step ---- */

void rg_penalty_begin(rg_penalty *p, const rung_training *t) {
  *p = (rg_penalty){.now = t->multiplier, .seen = {NAN, NAN, NAN}};
}

/* tau factor^(step / (steps - 1)): `tau` in the first step, `factor` times that in the last. */
static double tau_at(const rung_training *t, double tau, rg_penalty_place place) {
  double factor = t->tau_factor;
  if (factor == 1 || place.steps <= 1) return tau;
  double share = fmin((double)place.step / (double)(place.steps - 1), 1);
  return tau * rg_exp_f64(share * rg_log_f64(factor));
}

rg_weighing rg_penalty_weigh(const rg_penalty *p, const rung_training *t, rg_penalty_place place) {
  double tau = tau_of(t, place.module, place.modules);
  if (t->multiplier > 0) return (rg_weighing){1 / p->now, p->now};
  if (is_auto(t)) return (rg_weighing){place.step < place.steps / BEFORE ? 0 : p->now, 1};
  return (rg_weighing){tau == 0 ? 0 : 1 / (2 * tau_at(t, tau, place)), 1};
}

/* Moves the weight to where w W is the ratio's part of the loss. Both vary from batch to batch, so
 * it goes there slowly.
 *
 * There may be no such weight: were L quadratic in what layers add, its minimiser with the penalty
 * would be r_0 / (1 + c w), and w W would be largest at c w = 1, where W is a quarter of W_0. From
 * there on a larger weight makes w W smaller: W is not pressed below a quarter of what it was
 * without a weight. */
static void follow_ratio(rg_penalty *p, double ratio, rg_penalty_place place) {
  double transport = p->seen.transport, wanted = ratio * p->seen.loss / transport;
  if (!(wanted > 0 && wanted < 1e30)) return;
  if (p->now == 0 || place.step < place.steps / BEFORE) {
    p->now = p->now > 0 ? fmin(p->now, wanted) : wanted;
    p->free = fmax(p->free, transport);
    return;
  }
  if (transport < p->free / 4) wanted = fmin(wanted, p->now * transport / (p->free / 4));
  p->now *= rg_exp_f64(FOLLOW * rg_log_f64(wanted / p->now));
}

/* L of all samples is not known; the mean over the batches since the last change stands for it. */
static void follow_losses(rg_penalty *p, const rung_training *t, int64_t step) {
  p->losses += p->seen.loss;
  if ((step + 1) % t->multiplier_every != 0) return;
  p->now += t->multiplier_rate * p->losses / (double)t->multiplier_every;
  p->losses = 0;
}

void rg_penalty_follow(rg_penalty *p, const rung_training *t, rg_penalty_place place) {
  if (t->multiplier > 0)
    follow_losses(p, t, place.step);
  else if (is_auto(t))
    follow_ratio(p, t->ratio, place);
}
