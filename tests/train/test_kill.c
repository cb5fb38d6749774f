/* Runs in processes that are killed at random moments and go on: the bytes of an undisturbed run.
 */
#include "kills.h"

static const char *const recipes[2][11] = {{"function", "sin(3*x+2*y)*exp(-x^2)", "domain",
                                            "x=-1:1,y=-1:1", "points", "200", "stages", "4", NULL},
                                           {"function", "sin(2*x+1)+0.2*exp(1.3*x)", "domain",
                                            "x=-1:1", "points", "300", "precision", "quad",
                                            "stages", "4", NULL}};

static void work(rung_context *ctx, const char *folder, int which) {
  rung_recipe *recipe = recipe_of(ctx, recipes[which]);
  bool begun = is_there(path_in(folder, RUNG_RUN_RECIPE));
  rung_status status = begun ? rung_run_resume(ctx, folder, NULL, NULL, NULL, NULL)
                             : rung_run(ctx, recipe, folder, NULL, NULL, NULL, NULL);
  if (status != RUNG_OK) fail_msg("%s", rung_error(ctx));
  rung_recipe_destroy(recipe);
}

static void same(const char *a, const char *b) {
  assert_same_file(path_in(a, RUNG_RUN_MODEL), path_in(b, RUNG_RUN_MODEL));
  assert_same_log(path_in(a, RUNG_RUN_LOG), path_in(b, RUNG_RUN_LOG));
}

static void test_double(void **state) {
  kill_often(*state, 0, 10, work, same);
}

static void test_quad(void **state) {
  kill_often(*state, 1, 10, work, same);
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(test_double), TEST(test_quad)};
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int count, char **argument) {
  return kill_main(count, argument, work, tests);
}
