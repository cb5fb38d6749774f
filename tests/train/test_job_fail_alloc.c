/* Trainings with failing allocations: an error, nothing left, no half-written folder. */
#include "fail_alloc.h"
#include "jobs.h"

static rung_status train_and_drop(rung_context *ctx, void *arg) {
  rung_recipe *recipe;
  rung_network *network = NULL;
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &recipe);
  if (status != RUNG_OK) return status;
  const char *const *pairs = arg;
  for (int i = 0; pairs[i] && status == RUNG_OK; i += 2)
    status = rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]);
  remove_folder("a");
  if (status == RUNG_OK) status = rung_train(ctx, recipe, "a", NULL, NULL, &network, NULL);
  rung_network_destroy(network);
  rung_recipe_destroy(recipe);
  return status;
}

/* Flushing a folder to the disk is left out where there is no memory for its name. */
static void each_allocation_may_fail(void **state) {
  (void)state;
  const char *const *levels =
      RECIPE(SPIRALS, "model.architecture", "dense", "model.block", "hamiltonian", "model.width",
             "4", "model.layers", "4", "model.levels", "2", "training.epochs", "2",
             "training.average", "0.9", "training.smoothness", "0.01", "training.stability", "warn",
             "data.test", "spirals.csv", "training.memory", "20MB");
  const char *const *newton =
      RECIPE(SPIRALS, "training.epochs", "1", "training.batch", "all", "training.optimiser",
             "gauss-newton", "training.precision", "double", "data.class-weights", "balanced");
  const char *const *lbfgs = RECIPE(SPIRALS, "training.epochs", "1", "training.batch", "all",
                                    "training.optimiser", "lbfgs", "training.precision", "double");
  assert_true(fail_each_allocation(train_and_drop, (void *)levels,
                                   (fail_options){.may_recover = true, .most = 60}) > 200);
  fail_each_allocation(train_and_drop, (void *)newton,
                       (fail_options){.may_recover = true, .most = 60});
  fail_each_allocation(train_and_drop, (void *)lbfgs,
                       (fail_options){.may_recover = true, .most = 40});
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(each_allocation_may_fail)};
  write_spirals("spirals.csv", 60, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
