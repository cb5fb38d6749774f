/* Trainings in processes that are killed at random moments and go on: the bytes of an undisturbed
 * run. */
#include "jobs.h"
#include "kills.h"

/* Three modules in turn: losses, weights and multipliers of those that are done, of the one whose
 * turn it is, and of those to come are kept. */
#define MODULES(procedure)                                                                         \
  SPIRALS, "model.architecture", "dense", "model.width", "32", "model.layers", "9", "model.time",  \
      "3", "training.epochs", "18", "training.average", "0.9", "training.scheme", "modulewise",    \
      "training.modules", "3", "training.laps", "2", "training.procedure", procedure
#define MULTIPLIER                                                                                 \
  "training.multiplier.start", "0.5", "training.multiplier.rate", "0.1",                           \
      "training.multiplier.every", "7"

static const char *const *const recipes[] = {
    RECIPE(SPIRALS, "model.width", "128,128", "training.epochs", "30", "training.average", "0.99",
           "data.test", "spirals.csv", "training.schedule", "cosine"),
    RECIPE(MODULES("parallel"), "training.tau", "auto"),
    RECIPE(MODULES("sequential"), "training.tau", "auto"),
    RECIPE(MODULES("multilap"), "training.tau", "auto"),
    RECIPE(MODULES("parallel"), MULTIPLIER, "training.pipeline", "2", "run.threads", "2"),
    RECIPE(MODULES("sequential"), MULTIPLIER),
    RECIPE(MODULES("multilap"), MULTIPLIER),
    RECIPE(MODULES("sequential"), "model.width", "", "model.layers", "", "training.modules", "",
           "extend.network", "base.safetensors", "extend.modules", "1", "extend.swap", "1"),
};
enum { WHOLE = 0, FIRST_MODULAR = 1, RECIPES = sizeof recipes / sizeof *recipes };

static void work(rung_context *ctx, const char *folder, int which) {
  rung_recipe *recipe = training_of(ctx, recipes[which]);
  bool begun = is_there(path_in(folder, RUNG_RUN_RECIPE));
  rg_job_save_seconds = 0; /* as if every epoch were long */
  rung_status status = begun ? rung_train_resume(ctx, folder, NULL, NULL, NULL, NULL)
                             : rung_train(ctx, recipe, folder, NULL, NULL, NULL, NULL);
  if (status != RUNG_OK) fail_msg("%s", rung_error(ctx));
  rung_recipe_destroy(recipe);
}

static void killed_runs_go_on_to_the_same_bytes(void **state) {
  kill_often(*state, WHOLE, 8, work, assert_same_training);
}

static void runs_killed_in_any_module_go_on_to_the_same_bytes(void **state) {
  rung_context *ctx = *state;
  rung_recipe *recipe = training_of(ctx, RECIPE(MODULES("parallel"), "training.epochs", "2"));
  rung_network *base;
  assert_ok(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, &base, NULL));
  assert_ok(ctx, rung_network_save(base, ctx, "base.safetensors"));
  rung_network_destroy(base);
  rung_recipe_destroy(recipe);
  for (int which = FIRST_MODULAR; which < RECIPES; which++)
    kill_often(ctx, which, 3, work, assert_same_training);
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(killed_runs_go_on_to_the_same_bytes),
                                    TEST(runs_killed_in_any_module_go_on_to_the_same_bytes)};
  write_spirals("spirals.csv", 400, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int count, char **argument) {
  return kill_main(count, argument, work, tests);
}
