/* Module-wise training: turns, what each procedure trains and leaves alone, the penalty's weight.
 */
#include "modules.h"

#include "nn/module.h"
#include "train/modular.h"

enum { STEPS = 6 };

/* ---- turns ---- */

/* Each module gets about the same number of epochs, in order, and its own steps are counted
 * through.
 */
static void turns_share_the_epochs(void **state) {
  (void)state;
  rung_training t = rung_training_default();
  enum { MODULES = 3, EPOCHS = 20, PER_EPOCH = 7 };
  for (int laps = 1; laps <= 4; laps++) {
    t.procedure = laps == 1 ? "sequential" : "multilap";
    t.laps = laps;
    int64_t done[MODULES] = {0};
    int last = 0, turns = 0;
    for (int64_t step = 0; step < EPOCHS * PER_EPOCH; step++) {
      rg_turn turn = rg_modular_turn(&t, MODULES, step, EPOCHS * PER_EPOCH, PER_EPOCH);
      assert_true(turn.module >= 1 && turn.module <= MODULES);
      if (turn.module != last) {
        assert_int_equal(turn.module, last % MODULES + 1);
        assert_int_equal(step % PER_EPOCH, 0);
        turns++;
      }
      assert_int_equal(turn.first, turn.module != last);
      assert_int_equal(turn.step, done[turn.module - 1]++);
      last = turn.module;
    }
    assert_int_equal(turns, laps * MODULES);
    int64_t sum = 0;
    for (int i = 0; i < MODULES; i++) {
      rg_turn first = rg_modular_turn(&t, MODULES, 0, EPOCHS * PER_EPOCH, PER_EPOCH);
      if (i == 0) assert_int_equal(first.steps, done[0]);
      assert_true(llabs(done[i] * MODULES - EPOCHS * PER_EPOCH) <= MODULES * PER_EPOCH * laps);
      sum += done[i];
    }
    assert_int_equal(sum, EPOCHS * PER_EPOCH);
  }
  t.procedure = "parallel";
  assert_int_equal(rg_modular_turn(&t, MODULES, 5, 100, 10).module, 0);
}

/* ---- steps ---- */

/* One module under the network's own classifier, without a penalty, is the network. */
static void one_module_is_the_whole(void **state) {
  rung_context *ctx = *state;
  rung_network *a = network_of(ctx, 1, "hamiltonian"), *b = network_of(ctx, 1, "hamiltonian");
  rung_training modular = training_by("parallel", 0), plain = modular;
  plain.modulewise = 0;
  rung_trainer *s = trainer_of(ctx, a, &modular, STEPS, 2),
               *t = trainer_of(ctx, b, &plain, STEPS, 2);
  for (int i = 0; i < STEPS; i++) assert_true(step(ctx, s, i) == step(ctx, t, i));
  assert_same_numbers(a, b);
  rung_trainer_destroy(s);
  rung_trainer_destroy(t);
  rung_network_destroy(a);
  rung_network_destroy(b);
}

/* Nothing comes back from the modules behind: the first is trained as if it stood alone. */
static void the_first_module_stands_alone(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  for (int p = 0; p < 3; p++) {
    rung_network *whole = network_of(ctx, 3, "hamiltonian"), *alone, *after;
    assert_ok(ctx, rg_network_module(whole, ctx, 1, &alone));
    rung_training modular = training_by(procedures[p], 0), plain = modular;
    modular.laps = 1;
    plain.modulewise = 0;
    rung_trainer *s = trainer_of(ctx, whole, &modular, 3 * STEPS, STEPS);
    rung_trainer *t = trainer_of(ctx, alone, &plain, 3 * STEPS, STEPS);
    for (int i = 0; i < 3 * STEPS; i++) {
      step(ctx, s, i);
      if (p == 0 || i < STEPS) step(ctx, t, i);
    }
    assert_ok(ctx, rg_network_module(whole, ctx, 1, &after));
    assert_same_numbers(after, alone);
    rung_trainer_destroy(s);
    rung_trainer_destroy(t);
    rung_network_destroy(whole);
    rung_network_destroy(alone);
    rung_network_destroy(after);
  }
}

/* Without a weight in the first twentieth of the steps; from then on the penalty is the ratio's
 * part of the loss, or less where transport would be pressed below a quarter of what it was till
 * then. */
static void the_weight_follows_the_ratio(void **state) {
  rung_context *ctx = *state;
  enum { MANY = 600, LAST = 300, FREE = MANY / 20 };
  static const double ratios[] = {1e-5, 0.2}; /* with labels at random little is won */
  for (int r = 0; r < 2; r++) {
    rung_network *n = network_of(ctx, 3, "resnet");
    rung_training t = training_by("parallel", RUNG_TAU_AUTO);
    t.ratio = ratios[r];
    rung_trainer *trainer = trainer_of(ctx, n, &t, MANY, 10);
    double ratio[3] = {0}, moved[3] = {0}, before[3] = {0}; /* batches of eight differ much */
    for (int i = 0; i < MANY; i++) {
      step(ctx, trainer, i);
      for (int k = 0; k < 3; k++) {
        rg_module_seen seen = rg_modular_seen(trainer->modular, k + 1);
        assert_true(i < FREE ? seen.weight == 0 : seen.weight > 0);
        if (i < FREE) before[k] = fmax(before[k], seen.transport);
        if (i < MANY - LAST) continue;
        ratio[k] += log(seen.weight * seen.transport / seen.loss) / LAST;
        moved[k] += log(seen.transport) / LAST;
      }
    }
    for (int k = 0; k < 3; k++) {
      double share = exp(ratio[k]) / t.ratio, quarters = 4 * exp(moved[k]) / before[k];
      bool held = share > 0.8 && share < 1.25 && quarters > 1, low = share < 1 && quarters > 0.1;
      if (!(r == 0 ? held : low))
        fail_msg("module %d: %g of the ratio %g, %g quarters", k + 1, share, ratios[r], quarters);
    }
    rung_trainer_destroy(trainer);
    rung_network_destroy(n);
  }
}

static void bits_do_not_depend_on_threads(void **state) {
  rung_context *ctx = *state;
  rung_network *n[2];
  for (int i = 0; i < 2; i++) {
    assert_ok(ctx, rung_set_threads(ctx, 1 + 2 * i));
    n[i] = network_of(ctx, 3, "antisymmetric");
    rung_training t = training_by("parallel", 0.5);
    t.micro_batch = BATCH / 2;
    rung_trainer *trainer = trainer_of(ctx, n[i], &t, STEPS, 2);
    for (int k = 0; k < STEPS; k++) step(ctx, trainer, k);
    rung_trainer_destroy(trainer);
  }
  assert_same_numbers(n[0], n[1]);
  rung_network_destroy(n[0]);
  rung_network_destroy(n[1]);
  assert_ok(ctx, rung_set_threads(ctx, 1));
}

/* Where nothing mixes samples a micro-batch changes nothing but rounding: losses and costs are
 * means over the batch, and modules hand on all of it. */
static void pieces_train_as_the_whole(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  for (int p = 0; p < 3; p++) {
    rung_network *n[2];
    double off = 0, most = 0;
    for (int i = 0; i < 2; i++) {
      n[i] = network_with(ctx, 3, "antisymmetric", "pool");
      assert_int_equal(n[i]->statistics, 0);
      rung_training t = training_by(procedures[p], 0.5);
      t.optimiser = "momentum"; /* adamw takes the sign of what is but rounding */
      t.laps = 1;
      t.micro_batch = i ? BATCH / 4 : 0;
      rung_trainer *trainer = trainer_of(ctx, n[i], &t, STEPS, 2);
      for (int k = 0; k < STEPS; k++) step(ctx, trainer, k);
      rung_trainer_destroy(trainer);
    }
    for (int64_t i = 0; i < n[0]->parameters; i++) {
      double a = ((double *)n[0]->theta)[i];
      most = fmax(most, fabs(a));
      off = fmax(off, fabs(a - ((double *)n[1]->theta)[i]));
    }
    if (!(off <= 1e-12 * most)) fail_msg("%s: %g of %g", procedures[p], off, most);
    rung_network_destroy(n[0]);
    rung_network_destroy(n[1]);
  }
}

/* ---- runs ---- */

#define MODULES(procedure)                                                                         \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.width", "8", "model.layers",  \
      "6", "model.time", "3", "training.batch", "20", "training.epochs", "9",                      \
      "training.optimiser.rate", "0.02", "run.threads", "1", "training.scheme", "modulewise",      \
      "training.modules", "3", "training.laps", "2", "training.procedure", procedure

static void stopped_runs_go_on_to_the_same_bytes(void **state) {
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  for (int p = 0; p < 3; p++)
    assert_stops_change_nothing(*state,
                                RECIPE(MODULES(procedures[p]), "training.average", "0.9",
                                       "training.micro_batch", p == 1 ? "auto" : "4"),
                                6);
}

static void modules_learn(void **state) {
  rung_context *ctx = *state;
  rung_train_result r = train_in(
      ctx, RECIPE(MODULES("parallel"), "training.epochs", "60", "training.schedule", "cosine"), "a",
      NULL, NULL);
  assert_true(r.validation_accuracy > 0.9);
  char *log = read_file(path_in("a", RUNG_RUN_LOG), NULL);
  assert_non_null(strstr(log, "\"modules\":[{\"loss\":"));
  assert_non_null(strstr(log, "module-wise, parallel: 3 modules"));
  free(log);
}

static void what_does_not_go_together_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r = training_of(ctx, RECIPE(MODULES("multilap"), "training.epochs", "5"));
  assert_error(ctx, rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL), RUNG_E_ARGUMENT,
               "expected an epoch for each of the 6 turns of modules, found 5");
  rung_recipe_destroy(r);
  r = training_of(ctx, RECIPE(MODULES("parallel"), "training.modules", "40"));
  assert_error(ctx, rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL), RUNG_E_ARGUMENT, "modules");
  rung_recipe_destroy(r);
  r = training_of(ctx, RECIPE(MODULES("parallel"), "training.optimiser", "lbfgs"));
  assert_error(ctx, rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL), RUNG_E_ARGUMENT,
               "optimiser lbfgs sees the network as a whole");
  rung_recipe_destroy(r);
}

/* A limit that is too low is refused with one that will do. */
static void the_least_that_is_named_is_enough(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential"};
  static const char *const modules[] = {"2", "3", "4"};
  for (int p = 0; p < 2; p++)
    for (int k = 0; k < 3; k++) {
      rung_recipe *r = training_of(ctx, RECIPE(MODULES(procedures[p]), "training.modules",
                                               modules[k], "training.memory", "1kB"));
      assert_int_equal(rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL), RUNG_E_BUDGET);
      const char *at = strstr(rung_error(ctx), "takes at least ");
      char least[32];
      assert_non_null(at);
      assert_int_equal(sscanf(at, "takes at least %24[0-9.]", least), 1);
      strcat(least, "MB");
      rung_train_result result;
      assert_ok(ctx, rung_recipe_set(r, ctx, "training.memory", least));
      assert_ok(ctx, rung_train(ctx, r, NULL, NULL, NULL, NULL, &result));
      assert_true((double)result.planned_bytes <= 1e6 * atof(least));
      rung_recipe_destroy(r);
    }
}

static double least_by(rung_context *ctx, rung_recipe *r, const char *procedure) {
  assert_ok(ctx, rung_recipe_set(r, ctx, "training.procedure", procedure));
  assert_ok(ctx, rung_recipe_set(r, ctx, "training.memory", "1kB"));
  assert_int_equal(rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL), RUNG_E_BUDGET);
  const char *at = strstr(rung_error(ctx), "takes at least ");
  assert_non_null(at);
  return strtod(at + strlen("takes at least "), NULL);
}

static int keep_plan(void *user, const rung_train_progress *p) {
  if (p->plan) snprintf(user, 400, "%s", p->plan);
  return p->plan != NULL;
}

/* Modules in turn hold the optimiser's state of one: they are taken where that is what helps. */
static void the_procedure_is_chosen(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r =
      training_of(ctx, RECIPE(MODULES("auto"), "model.width", "96", "model.layers", "8",
                              "training.modules", "4", "training.micro_batch", "0"));
  double parallel = least_by(ctx, r, "parallel"), sequential = least_by(ctx, r, "sequential");
  assert_true(sequential < parallel - 0.02);
  assert_true(least_by(ctx, r, "auto") <= sequential);
  for (int i = 0; i < 2; i++) {
    char limit[40], plan[400] = "";
    snprintf(limit, sizeof limit, "%.3fMB", i ? (sequential + parallel) / 2 : 0);
    assert_ok(ctx, rung_recipe_set(r, ctx, "training.memory", limit));
    assert_int_equal(rung_train(ctx, r, NULL, keep_plan, plan, NULL, NULL), RUNG_OK);
    if (!strstr(plan, i ? "module-wise, sequential" : "module-wise, parallel"))
      fail_msg("%s", plan);
  }
  rung_recipe_destroy(r);
}

/* Plans come with the modules that there can be, and the fewest are taken that fit. */
static void numbers_of_modules_are_planned(void **state) {
  rung_context *ctx = *state;
  rung_planned row[8];
  int rows;
  rung_recipe *r = training_of(ctx, RECIPE(MODULES("parallel"), "training.modules", "auto"));
  assert_ok(ctx, rung_train_plan(ctx, r, 8, row, &rows));
  assert_true(rows >= 4 && row[0].modules == 1 && row[1].modules == 2 && row[2].modules == 3);
  for (int i = 0; i < rows; i++) {
    assert_true(row[i].fits && row[i].work >= 1 && row[i].step_bytes);
    assert_true(row[i].step_seconds > 0 && row[i].micro_batch == 20 && row[i].steps_per_epoch > 1);
  }
  rung_network *n;
  assert_ok(ctx, rung_train(ctx, r, NULL, NULL, NULL, &n, NULL));
  assert_int_equal(rung_network_exits(n), 1);
  rung_network_destroy(n);
  assert_ok(ctx, rung_recipe_set(r, ctx, "training.memory", "1kB"));
  assert_ok(ctx, rung_train_plan(ctx, r, 8, row, &rows));
  for (int i = 0; i < rows; i++) assert_true(!row[i].fits && row[i].planned_bytes > 1000);
  rung_recipe_destroy(r);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(turns_share_the_epochs),
      TEST(one_module_is_the_whole),
      TEST(the_first_module_stands_alone),
      TEST(the_weight_follows_the_ratio),
      TEST(bits_do_not_depend_on_threads),
      TEST(pieces_train_as_the_whole),
      TEST(stopped_runs_go_on_to_the_same_bytes),
      TEST(modules_learn),
      TEST(what_does_not_go_together_is_refused),
      TEST(the_least_that_is_named_is_enough),
      TEST(numbers_of_modules_are_planned),
      TEST(the_procedure_is_chosen),
  };
  write_spirals("spirals.csv", 400, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
