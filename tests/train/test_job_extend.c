/* Recipes that extend a saved network: as the functions do, stopped at any step and gone on with,
 * and refused where they cannot be. */
#include "jobs.h"

#include "fail_alloc.h"

#define MODULES                                                                                    \
  "data.train", "spirals.csv", "training.batch", "20", "training.epochs", "8",                     \
      "training.optimiser.rate", "0.01", "run.threads", "1", "training.scheme", "modulewise"
#define DENSE                                                                                      \
  MODULES, "model.architecture", "dense", "model.width", "8", "model.layers", "6", "model.time", "3"
#define EXTENSION MODULES, "extend.network", "base.safetensors"

/* A network of three modules with running statistics, in base.safetensors. */
static void train_base(rung_context *ctx, const char *seed) {
  rung_recipe *r = training_of(
      ctx, RECIPE(DENSE, "training.modules", "3", "model.norm", "batch", "run.seed", seed));
  rung_network *n;
  assert_ok(ctx, rung_train(ctx, r, NULL, NULL, NULL, &n, NULL));
  assert_ok(ctx, rung_network_save(n, ctx, "base.safetensors"));
  rung_network_destroy(n);
  rung_recipe_destroy(r);
}

static void a_recipe_does_what_the_functions_do(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r =
      training_of(ctx, RECIPE(EXTENSION, "extend.modules", "2", "extend.layers", "1", "extend.head",
                              "mlp", "extend.swap", "2", "extend.retrain", "1,3", "run.seed", "4"));
  rung_network *base, *grown, *by_hand, *by_recipe;
  rung_growth growth = {.modules = 2, .layers = 1, .head = "mlp", .seed = 4};
  train_base(ctx, "1");
  assert_ok(ctx, rung_network_load(ctx, "base.safetensors", &base));
  assert_ok(ctx, rung_network_grow(base, ctx, &growth, &grown));
  assert_ok(ctx, rung_network_renew(grown, ctx, 2, 4));
  assert_ok(ctx, rung_train_modules(ctx, grown, r, 31, NULL, NULL, &by_hand, NULL));
  assert_ok(ctx, rung_train(ctx, r, NULL, NULL, NULL, &by_recipe, NULL));
  assert_int_equal(rung_network_exits(by_recipe), 4);
  assert_int_equal(by_recipe->parameters, by_hand->parameters);
  assert_int_equal(by_recipe->statistics, by_hand->statistics);
  assert_memory_equal(by_recipe->theta, by_hand->theta,
                      (size_t)by_hand->parameters * sizeof(float));
  assert_memory_equal(by_recipe->running, by_hand->running,
                      (size_t)by_hand->statistics * sizeof(float));
  rung_network_destroy(by_recipe);
  rung_network_destroy(by_hand);
  rung_network_destroy(grown);
  rung_network_destroy(base);
  rung_recipe_destroy(r);
}

static void stopped_extensions_go_on_to_the_same_bytes(void **state) {
  rung_context *ctx = *state;
  train_base(ctx, "1");
  const char *const *ways[] = {
      RECIPE(EXTENSION, "extend.modules", "1", "extend.swap", "2", "training.procedure",
             "sequential", "training.average", "0.9", "data.test", "spirals.csv"),
      RECIPE(EXTENSION, "extend.retrain", "1,2", "training.procedure", "parallel"),
  };
  for (int w = 0; w < 2; w++) {
    rung_train_result r = assert_stops_change_nothing(ctx, ways[w], 4);
    assert_int_equal(r.epochs, 8);
  }
}

static void go_on_refused(rung_context *ctx, rung_status status, const char *text) {
  assert_error(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL), status, text);
}

static void a_run_goes_on_with_the_same_network_only(void **state) {
  rung_context *ctx = *state;
  stopper s = {.at = 4};
  train_base(ctx, "1");
  assert_true(
      train_in(ctx, RECIPE(EXTENSION, "extend.modules", "1"), "cut", stop_at, &s).cancelled);
  train_base(ctx, "2");
  go_on_refused(ctx, RUNG_E_DATA, "cut: the data or the network to extend have changed");
  assert_int_equal(remove("base.safetensors"), 0);
  go_on_refused(ctx, RUNG_E_IO, "base.safetensors");
  train_base(ctx, "1");
  spoil_table("spirals.csv");
  go_on_refused(ctx, RUNG_E_DATA, "cut: the data or the network to extend have changed");
  write_spirals("spirals.csv", 300, 0);
  assert_int_equal(go_on_in(ctx, "cut").epochs, 8);
}

/* What is finished needs nothing of what it came from. */
static void a_finished_run_stands_alone(void **state) {
  rung_context *ctx = *state;
  train_base(ctx, "1");
  rung_train_result r = train_in(ctx, RECIPE(EXTENSION, "extend.swap", "3"), "cut", NULL, NULL);
  assert_int_equal(remove("base.safetensors"), 0);
  assert_true(go_on_in(ctx, "cut").train_loss == r.train_loss);
}

static void refused(rung_context *ctx, const char *const *pairs, rung_status status,
                    const char *text) {
  rung_recipe *r = training_of(ctx, pairs);
  rung_network *out = NULL;
  remove_folder("none");
  assert_error(ctx, rung_train(ctx, r, "none", NULL, NULL, &out, NULL), status, text);
  assert_null(out);
  assert_false(is_there("none"));
  rung_recipe_destroy(r);
}

static void what_cannot_be_is_refused(void **state) {
  rung_context *ctx = *state;
  train_base(ctx, "1");
  refused(ctx, RECIPE(EXTENSION), RUNG_E_ARGUMENT,
          "expected what is to be trained: extend.modules, extend.retrain or extend.swap");
  refused(ctx, RECIPE(DENSE, "extend.retrain", "1"), RUNG_E_ARGUMENT,
          "extend.retrain belongs to extend.network");
  refused(ctx, RECIPE(EXTENSION, "extend.retrain", "1", "extend.layers", "2"), RUNG_E_ARGUMENT,
          "extend.layers belongs to extend.modules");
  refused(ctx, RECIPE(EXTENSION, "extend.retrain", "1,4"), RUNG_E_ARGUMENT,
          "extend.retrain: expected modules from 1 to 3, found 4");
  refused(ctx, RECIPE(EXTENSION, "extend.retrain", "1,2", "extend.swap", "2"), RUNG_E_ARGUMENT,
          "a module is named by both extend.retrain and extend.swap");
  refused(ctx, RECIPE(EXTENSION, "extend.modules", "62"), RUNG_E_ARGUMENT, "62");
  refused(ctx, RECIPE(EXTENSION, "extend.swap", "1", "training.scheme", "end-to-end"),
          RUNG_E_ARGUMENT, "extend.network needs training.scheme modulewise");
  refused(ctx, RECIPE(EXTENSION, "extend.swap", "1", "model.layers", "3"), RUNG_E_ARGUMENT,
          "model.layers is settled by the network to extend");
  refused(ctx, RECIPE(EXTENSION, "extend.swap", "1", "extend.network", "spirals.csv"),
          RUNG_E_FORMAT, "spirals.csv");
  rung_recipe *r = training_of(ctx, RECIPE(EXTENSION, "extend.swap", "1"));
  rung_planned row[2];
  int rows;
  assert_error(ctx, rung_train_plan(ctx, r, 2, row, &rows), RUNG_E_ARGUMENT, "nothing to plan");
  rung_recipe_destroy(r);
}

static rung_status extend_once(rung_context *ctx, void *arg) {
  (void)arg;
  rung_recipe *r = NULL;
  const char *const *pairs = RECIPE(EXTENSION, "extend.modules", "1", "extend.swap", "1",
                                    "training.epochs", "1", "training.batch", "100");
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &r);
  for (int i = 0; pairs[i] && status == RUNG_OK; i += 2)
    status = rung_recipe_set(r, ctx, pairs[i], pairs[i + 1]);
  if (status == RUNG_OK) status = rung_train(ctx, r, NULL, NULL, NULL, NULL, NULL);
  rung_recipe_destroy(r);
  return status;
}

static void every_allocation_may_fail(void **state) {
  train_base(*state, "1");
  assert_true(
      fail_each_allocation(extend_once, NULL, (fail_options){.may_recover = true, .most = 8}) > 50);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(a_recipe_does_what_the_functions_do),
      TEST(stopped_extensions_go_on_to_the_same_bytes),
      TEST(a_run_goes_on_with_the_same_network_only),
      TEST(a_finished_run_stands_alone),
      TEST(what_cannot_be_is_refused),
      TEST(every_allocation_may_fail),
  };
  write_spirals("spirals.csv", 300, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
