/* The penalty on transport: what tau and the multiplier make of it, step by step. */
#include "modules.h"

#include "nn/module.h"

enum { MODULES = 3, STEPS = 8, PER_EPOCH = 1 }; /* every step an epoch: turns in turn */

static rung_training by_list(const char *procedure, int taus, const double *tau) {
  rung_training t = training_by(procedure, RUNG_TAU_AUTO);
  t.laps = 2;
  t.taus = taus;
  memcpy(t.tau_of, tau, (size_t)taus * sizeof *tau);
  return t;
}

static rung_training by_multiplier(const char *procedure, double start, double rate,
                                   int64_t every) {
  rung_training t = training_by(procedure, RUNG_TAU_AUTO);
  t.laps = 2;
  t.multiplier = start;
  t.multiplier_rate = rate;
  t.multiplier_every = every;
  return t;
}

/* The network after all steps. The caller destroys it. */
static rung_network *trained(rung_context *ctx, int modules, const rung_training *t) {
  rung_network *n = network_of(ctx, modules, "resnet");
  rung_trainer *trainer = trainer_of(ctx, n, t, STEPS, PER_EPOCH);
  for (int i = 0; i < STEPS; i++) step(ctx, trainer, i);
  rung_trainer_destroy(trainer);
  return n;
}

static void assert_same_bits(rung_context *ctx, int modules, rung_training a, rung_training b) {
  rung_network *x = trained(ctx, modules, &a), *y = trained(ctx, modules, &b);
  assert_same_numbers(x, y);
  rung_network_destroy(x);
  rung_network_destroy(y);
}

/* ---- tau ---- */

static void equal_numbers_are_one_number(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  static const double equal[MODULES] = {0.7, 0.7, 0.7};
  for (int p = 0; p < 3; p++) {
    rung_training number = training_by(procedures[p], 0.7);
    number.laps = 2;
    for (int taus = 1; taus <= MODULES; taus++)
      assert_same_bits(ctx, MODULES, number, by_list(procedures[p], taus, equal));
  }
}

static void two_numbers_are_for_the_halves(void **state) {
  rung_context *ctx = *state;
  static const double halves[] = {0.1, 2}, even[] = {0.1, 0.1, 2, 2}, odd[] = {0.1, 0.1, 2};
  assert_same_bits(ctx, 4, by_list("parallel", 2, halves), by_list("parallel", 4, even));
  assert_same_bits(ctx, 3, by_list("parallel", 2, halves), by_list("parallel", 3, odd));
}

/* Zeros are no penalty, whatever tau is multiplied by; and the modules before the first that has
 * one are as without. */
static void zeros_are_plain_greedy_training(void **state) {
  rung_context *ctx = *state;
  static const double zeros[MODULES] = {0}, last[MODULES] = {0, 0, 0.01};
  rung_training plain = training_by("parallel", 0), listed = by_list("parallel", MODULES, zeros);
  listed.tau_factor = 3;
  assert_same_bits(ctx, MODULES, plain, listed);
  listed = by_list("parallel", MODULES, last);
  rung_network *a = trained(ctx, MODULES, &plain), *b = trained(ctx, MODULES, &listed);
  for (int k = 1; k <= MODULES; k++) {
    rung_network *x, *y;
    assert_ok(ctx, rg_network_module(a, ctx, k, &x));
    assert_ok(ctx, rg_network_module(b, ctx, k, &y));
    size_t bytes = (size_t)x->parameters * sizeof(double);
    assert_int_equal(memcmp(x->theta, y->theta, bytes) == 0, k < MODULES);
    rung_network_destroy(x);
    rung_network_destroy(y);
  }
  rung_network_destroy(a);
  rung_network_destroy(b);
}

static void assert_near(double found, double wanted) {
  if (!(fabs(found - wanted) <= 1e-13 * fabs(wanted))) fail_msg("%.17g, not %.17g", found, wanted);
}

/* tau goes geometrically over each module's own steps, also where these lie in several laps. */
static void tau_changes_over_a_modules_own_steps(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "multilap"};
  static const double tau[2] = {0.5, 3};
  const double factor = 16;
  for (int p = 0; p < 2; p++) {
    rung_network *n = network_of(ctx, 2, "resnet");
    rung_training t = by_list(procedures[p], 2, tau);
    t.tau_factor = factor;
    rung_trainer *trainer = trainer_of(ctx, n, &t, STEPS, PER_EPOCH);
    int own[2] = {0}, all = p == 0 ? STEPS : STEPS / 2;
    for (int i = 0; i < STEPS; i++) {
      step(ctx, trainer, i);
      for (int k = 0; k < 2; k++) {
        if (p == 1 && i / 2 % 2 != k) continue; /* turns of two steps */
        double wanted = 1 / (2 * tau[k] * pow(factor, own[k]++ / (all - 1.0)));
        assert_near(rg_modular_seen(trainer->modular, k + 1).weight, wanted);
      }
    }
    assert_int_equal(own[1], all);
    rung_trainer_destroy(trainer);
    rung_network_destroy(n);
  }
}

/* ---- the multiplier ---- */

static double largest_difference(const rung_network *a, const rung_network *b) {
  const double *x = (const double *)a->theta, *y = (const double *)b->theta;
  double most = 0;
  for (int64_t i = 0; i < a->parameters; i++) most = fmax(most, fabs(x[i] - y[i]));
  return most;
}

static void assert_near_each_other(rung_context *ctx, const rung_training *a,
                                   const rung_training *b) {
  rung_network *begun = network_of(ctx, MODULES, "resnet");
  rung_network *x = trained(ctx, MODULES, a), *y = trained(ctx, MODULES, b);
  assert_true(largest_difference(begun, x) > 1e-3);
  assert_true(largest_difference(x, y) < 1e-13);
  rung_network_destroy(begun);
  rung_network_destroy(x);
  rung_network_destroy(y);
}

/* lambda = 2 tau that stays: the gradient of 2 tau (L + W / (2 tau)). So descent along it at a rate
 * that is lower by that is descent with tau; and so is clipped descent at the same rate, for the
 * gradient that is clipped is that of lambda L + W. */
static void a_multiplier_that_stays_is_a_tau(void **state) {
  rung_context *ctx = *state;
  const double tau = 3;
  rung_training a = training_by("parallel", tau), b = by_multiplier("parallel", 2 * tau, 0, 1);
  a.optimiser = b.optimiser = "momentum";
  a.rate = 0.06;
  b.rate = a.rate / (2 * tau);
  assert_near_each_other(ctx, &a, &b);
  b.rate = a.rate;
  a.clip = b.clip = 0.05;
  assert_near_each_other(ctx, &a, &b);
}

static void the_norm_told_is_that_of_what_is_minimised(void **state) {
  rung_context *ctx = *state;
  const double tau = 3;
  rung_training t[2] = {training_by("parallel", tau), by_multiplier("parallel", 2 * tau, 0, 1)};
  double norm[2];
  for (int i = 0; i < 2; i++) {
    rung_network *n = network_of(ctx, MODULES, "resnet");
    rung_trainer *trainer = trainer_of(ctx, n, &t[i], STEPS, PER_EPOCH);
    step(ctx, trainer, 0);
    norm[i] = trainer->gradient_norm;
    rung_trainer_destroy(trainer);
    rung_network_destroy(n);
  }
  assert_true(norm[0] > 0);
  assert_near(norm[1], 2 * tau * norm[0]);
}

/* lambda of each module by its own losses, summed here. */
static void the_multiplier_follows_the_losses(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  enum { TWO = 2, MANY = 24, EVERY = 3 };
  for (int p = 0; p < 3; p++) {
    rung_network *n = network_of(ctx, TWO, "resnet");
    rung_training t = by_multiplier(procedures[p], 1.25, 0.5, EVERY);
    rung_trainer *trainer = trainer_of(ctx, n, &t, MANY, PER_EPOCH);
    double lambda[TWO] = {1.25, 1.25}, losses[TWO][EVERY];
    int own[TWO] = {0};
    for (int i = 0; i < MANY; i++) {
      step(ctx, trainer, i);
      int turn = p == 0 ? -1 : i / (p == 1 ? MANY / 2 : MANY / 4) % 2;
      for (int k = 0; k < TWO; k++) {
        rg_module_seen seen = rg_modular_seen(trainer->modular, k + 1);
        if (turn >= 0 && turn != k) continue;
        assert_near(seen.weight, 1 / lambda[k]);
        losses[k][own[k]++ % EVERY] = seen.loss;
        if (own[k] % EVERY == 0)
          lambda[k] += 0.5 * (losses[k][0] + losses[k][1] + losses[k][2]) / EVERY;
        assert_near(rg_modular_multiplier(trainer->modular, k + 1), lambda[k]);
      }
    }
    assert_true(lambda[0] > 2 && lambda[1] > 2);
    rung_trainer_destroy(trainer);
    rung_network_destroy(n);
  }
}

/* ---- settings ---- */

enum { WRONG = 7 };

static rung_training wrong_settings(int which) {
  static const double bad[] = {1, NAN};
  rung_training t = training_by("parallel", 1);
  if (which == 0) t.multiplier = 1;
  if (which == 1) return by_list("parallel", 2, bad);
  if (which == 2) t.taus = RUNG_MOST_EXITS + 2;
  if (which == 3) t.tau = -2;
  if (which == 4) t.tau_factor = 0;
  if (which == 5) t.multiplier_every = 0;
  if (which == 6) t.multiplier = INFINITY;
  return t;
}

static void settings_that_make_no_sense_are_refused(void **state) {
  rung_context *ctx = *state;
  static const char *const messages[WRONG] = {"in charge of the penalty in place of tau",
                                              "tau_of: expected at least 0, found nan",
                                              "taus: expected 0 to 64, found 65",
                                              "tau, ratio: expected at least 0 (or RUNG_TAU_AUTO)",
                                              "tau_factor: expected more than 0, found 0",
                                              "multiplier_every: expected at least 0, 0 and 1",
                                              "found inf"};
  rung_network *n = network_of(ctx, 2, "resnet");
  for (int i = 0; i < WRONG; i++) {
    rung_training t = wrong_settings(i);
    rung_trainer *trainer;
    assert_error(ctx, rung_trainer_create(n, ctx, &t, 1, 1, &trainer), RUNG_E_ARGUMENT,
                 messages[i]);
    assert_null(trainer);
    rung_clear_error(ctx);
  }
  rung_network_destroy(n);
}

int main(void) {
  const struct CMUnitTest list[] = {
      TEST(equal_numbers_are_one_number),      TEST(two_numbers_are_for_the_halves),
      TEST(zeros_are_plain_greedy_training),   TEST(tau_changes_over_a_modules_own_steps),
      TEST(a_multiplier_that_stays_is_a_tau),  TEST(the_norm_told_is_that_of_what_is_minimised),
      TEST(the_multiplier_follows_the_losses), TEST(settings_that_make_no_sense_are_refused),
  };
  return cmocka_run_group_tests(list, NULL, NULL);
}
