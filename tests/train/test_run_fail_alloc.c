/* Sources, comparisons and runs with every allocation failing in turn: an error, no leak, and a
 * folder that is gone or can be resumed. */
#include "fail_alloc.h"
#include "runs.h"

static rung_status open_and_ask(rung_context *ctx, void *arg) {
  const char *const *pairs = arg;
  rung_recipe *recipe = NULL;
  rung_source *source = NULL;
  double x[4] = {0.25, 0.5, 0.75, 1}, y[2];
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_FIT, &recipe);
  for (int i = 0; status == RUNG_OK && pairs[i]; i += 2)
    status = rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]);
  if (status == RUNG_OK) status = rung_source_open(ctx, recipe, &source);
  const rung_problem *p = source ? rung_source_problem(source) : NULL;
  if (p && p->function) status = p->function(p->function_user, ctx, RUNG_F64, 2, x, y);
  rung_source_close(source);
  rung_recipe_destroy(recipe);
  return status;
}

static void test_sources(void **state) {
  (void)state;
  static const char table[] = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n";
  write_file("three.csv", table, sizeof table - 1);
  fail_options options = {.may_recover = true};
  fail_each_allocation(open_and_ask, (void *)RECIPE("table", "three.csv", "target", "y"), options);
  fail_each_allocation(open_and_ask,
                       (void *)RECIPE("table", "three.csv", "target", "y", "inputs", "b"), options);
  fail_each_allocation(open_and_ask,
                       (void *)RECIPE("function", "u*exp(v)", "domain", "u=0:1,v=0:1"), options);
}

static rung_status run_and_resume(rung_context *ctx, void *arg) {
  const char *const *pairs = arg;
  rung_recipe *recipe = NULL;
  remove_folder("scarce");
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_FIT, &recipe);
  for (int i = 0; status == RUNG_OK && pairs[i]; i += 2)
    status = rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]);
  if (status == RUNG_OK) status = rung_run(ctx, recipe, "scarce", NULL, NULL, NULL, NULL);
  if (status == RUNG_OK) {
    unlink("scarce/model.safetensors");
    copy_folder("half", "scarce");
    status = rung_run_resume(ctx, "scarce", NULL, NULL, NULL, NULL);
  }
  rung_recipe_destroy(recipe);
  return status;
}

static int save_half(void *user, const rung_progress *progress) {
  (void)user;
  if (progress->finished && progress->stage == 0) copy_folder("full", "half");
  return 0;
}

static void test_runs(void **state) {
  const char *const *recipe =
      RECIPE("function", "exp(x)", "domain", "x=-1:1", "points", "20", "stages", "2");
  run_in(*state, recipe, "full", save_half, NULL);
  fail_each_allocation(run_and_resume, (void *)recipe,
                       (fail_options){.may_recover = true, .most = 80});
}

static rung_status compare(rung_context *ctx, void *arg) {
  const char *const *pairs = arg;
  rung_recipe *recipe = NULL;
  rung_source *source = NULL;
  rung_model *model = NULL;
  rung_evaluation result;
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_FIT, &recipe);
  for (int i = 0; status == RUNG_OK && pairs[i]; i += 2)
    status = rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]);
  if (status == RUNG_OK) status = rung_source_open(ctx, recipe, &source);
  if (status == RUNG_OK) status = rung_model_load(ctx, "full/model.safetensors", &model);
  if (status == RUNG_OK)
    status = rung_evaluate(ctx, model, rung_source_problem(source), 10, 1, &result);
  rung_model_destroy(model);
  rung_source_close(source);
  rung_recipe_destroy(recipe);
  return status;
}

static void test_comparisons(void **state) {
  (void)state;
  fail_each_allocation(compare, (void *)RECIPE("function", "exp(x)", "domain", "x=-1:1"),
                       (fail_options){.may_recover = true, .most = 80});
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(test_sources), TEST(test_runs), TEST(test_comparisons)};
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
