/* Runs in folders: files, messages, cancelling and going on to the same bytes. */
#include <math.h>

#include "runs.h"

#define WAVE "function", "sin(2*x+1)+0.2*exp(1.3*x)", "domain", "x=-1:1", "points", "300"

/* Stops when a stage begins or ends, and copies the folder when one ends. */
typedef struct trap {
  int stage;             /* the one to act at */
  bool finished;         /* when it is kept; else while it is trained */
  const char *from, *to; /* copy the folder; NULL: do not */
  bool stop;             /* cancel */
} trap;

static int spring(void *user, const rung_progress *progress) {
  const trap *t = user;
  bool kept = progress->finished != NULL;
  if (progress->stage != t->stage || kept != t->finished || progress->note) return 0;
  if (t->from) copy_folder(t->from, t->to);
  return t->stop;
}

static int count_of(const char *text, const char *piece) {
  int count = 0;
  for (; (text = strstr(text, piece)); text++) count++;
  return count;
}

static void test_a_run_leaves_all_its_files(void **state) {
  rung_context *ctx = *state;
  rung_fit_result result = run_in(ctx, RECIPE(WAVE), "whole", NULL, NULL);
  rung_model *model;
  assert_true(result.heldout_error < 1e-15 && result.stop == RUNG_STOP_ROUNDING);
  assert_ok(ctx, rung_model_load(ctx, path_in("whole", RUNG_RUN_MODEL), &model));
  int stages = rung_model_stages(model);
  char *log = read_file(path_in("whole", RUNG_RUN_LOG), NULL);
  assert_true(
      strncmp(log, "{\"event\":\"start\",\"function\":\"sin(2*x+1)+0.2*exp(1.3*x)\",", 40) == 0);
  assert_non_null(
      strstr(log, ",\"points\":300,\"input_names\":[\"x\"],\"output_names\":[\"y\"]}\n"));
  assert_int_equal(count_of(log, "{\"event\":\"stage\","), stages);
  assert_int_equal(count_of(log, "{\"event\":\"residual\","), stages);
  assert_int_equal(count_of(log, "{\"event\":\"spectrum\","), stages);
  assert_int_equal(count_of(log, "{\"event\":\"prediction\","), stages);
  assert_int_equal(count_of(log, "{\"event\":\"result\",\"stop\":\"rounding floor\","), 1);
  assert_string_equal(log + strlen(log) - 2, "}\n");
  assert_true(is_there(path_in("whole", RUNG_RUN_REPORT)));
  free(log);
  rung_model_destroy(model);
  rung_recipe *recipe, *again = recipe_of(ctx, RECIPE(WAVE));
  assert_ok(ctx,
            rung_recipe_load(ctx, RUNG_RECIPE_FIT, path_in("whole", RUNG_RUN_RECIPE), &recipe));
  assert_string_equal(rung_recipe_get(recipe, "points"), "300");
  assert_error(ctx, rung_run(ctx, again, "whole", NULL, NULL, &model, NULL), RUNG_E_ARGUMENT,
               "whole: holds a run already (recipe.yaml): resume it or choose another folder");
  rung_recipe_destroy(recipe);
  rung_recipe_destroy(again);
}

static void test_a_finished_run_is_left_as_it_is(void **state) {
  rung_context *ctx = *state;
  rung_fit_result first = run_in(ctx, RECIPE(WAVE), "done", NULL, NULL);
  copy_folder("done", "before");
  rung_fit_result again = resume_in(ctx, "done");
  assert_memory_equal(&first, &again, sizeof first);
  assert_same_file(path_in("done", RUNG_RUN_MODEL), path_in("before", RUNG_RUN_MODEL));
  assert_same_file(path_in("done", RUNG_RUN_LOG), path_in("before", RUNG_RUN_LOG));
  assert_same_file(path_in("done", "state.safetensors"), path_in("before", "state.safetensors"));
}

static void test_without_a_folder_nothing_is_written(void **state) {
  rung_context *ctx = *state;
  rung_recipe *recipe = recipe_of(ctx, RECIPE(WAVE));
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_run(ctx, recipe, NULL, NULL, NULL, &model, &result));
  run_in(ctx, RECIPE(WAVE), "written", NULL, NULL);
  assert_ok(ctx, rung_model_save(model, ctx, "alone.safetensors"));
  assert_same_file("alone.safetensors", path_in("written", RUNG_RUN_MODEL));
  rung_model_destroy(model);
  rung_recipe_destroy(recipe);
}

/* Cancelled while a stage is trained, or right after one was kept: the result is the best model,
 * and the run goes on to the same files. A first stage that is stopped is finished roughly. */
static void test_cancelled_runs_go_on(void **state) {
  rung_context *ctx = *state;
  const char *const *recipe = RECIPE(WAVE, "precision", "quad");
  rung_fit_result calm = run_in(ctx, recipe, "undisturbed", NULL, NULL);
  for (int i = 0; i < 6; i++) {
    trap t = {.stage = i / 2, .finished = i % 2, .stop = true};
    rung_fit_result result = run_in(ctx, recipe, "cancelled", spring, &t);
    assert_int_equal(result.stop, RUNG_STOP_CANCELLED);
    assert_true(result.heldout_error > calm.heldout_error);
    char *log = read_file(path_in("cancelled", RUNG_RUN_LOG), NULL);
    assert_int_equal(count_of(log, "\"stop\":\"cancelled\""), 1);
    free(log);
    assert_true(is_there(path_in("cancelled", RUNG_RUN_REPORT)));
    result = resume_in(ctx, "cancelled");
    assert_true(result.stop == calm.stop && result.heldout_error == calm.heldout_error);
    assert_same_file(path_in("cancelled", RUNG_RUN_MODEL), path_in("undisturbed", RUNG_RUN_MODEL));
    assert_same_log(path_in("cancelled", RUNG_RUN_LOG), path_in("undisturbed", RUNG_RUN_LOG));
  }
}

/* What a crash may leave behind: no log, half of a log or lines too many, an old model or none,
 * files half written. */
static void test_whatever_a_crash_leaves_is_put_right(void **state) {
  rung_context *ctx = *state;
  static const char junk[] = "{\"event\":\"stage\",\"stage\":9}\n{\"event\":\"resi";
  trap t = {.stage = 1, .finished = true, .from = "disturbed", .to = "crashed"};
  run_in(ctx, RECIPE(WAVE), "disturbed", spring, &t);
  for (int i = 0; i < 5; i++) {
    copy_folder("crashed", "damaged");
    size_t length;
    char *log = read_file(path_in("damaged", RUNG_RUN_LOG), &length);
    char *line = strstr(log, "{\"event\":\"stage\",\"stage\":1,");
    assert_non_null(line);
    size_t before = (size_t)(line - log);
    if (i == 0) write_file(path_in("damaged", RUNG_RUN_LOG), log, before);
    if (i == 1) write_file(path_in("damaged", RUNG_RUN_LOG), log, before + 40);
    if (i == 2) unlink(path_in("damaged", RUNG_RUN_MODEL));
    if (i == 3) write_file(path_in("damaged", "state.safetensors.tmp-17"), junk, 9);
    if (i == 4) {
      char *longer = malloc(length + sizeof junk);
      assert_non_null(longer);
      memcpy(longer, log, length);
      memcpy(longer + length, junk, sizeof junk);
      write_file(path_in("damaged", RUNG_RUN_LOG), longer, length + sizeof junk - 1);
      free(longer);
    }
    free(log);
    resume_in(ctx, "damaged");
    assert_same_file(path_in("damaged", RUNG_RUN_MODEL), path_in("disturbed", RUNG_RUN_MODEL));
    assert_same_log(path_in("damaged", RUNG_RUN_LOG), path_in("disturbed", RUNG_RUN_LOG));
    assert_false(is_there(path_in("damaged", "state.safetensors.tmp-17")));
  }
  write_file(path_in("crashed", RUNG_RUN_LOG), "{\"half a li", 11); /* a log from elsewhere */
  resume_in(ctx, "crashed");
  assert_same_file(path_in("crashed", RUNG_RUN_MODEL), path_in("disturbed", RUNG_RUN_MODEL));
}

/* Few rows: errors are leave-one-out and come from the method, so they must be carried over. */
static void write_noisy_table(const char *path, double more) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("x,y,z\n", file);
  for (uint64_t i = 0; i < 400; i++) {
    double x = 2 * rg_uniform(5, 1, i) - 1;
    fprintf(file, "%.17g,%.17g,%.17g\n", x, sin(9 * x) + 0.01 * rg_normal(5, 2, i) + more,
            exp(x) + 0.01 * rg_normal(5, 3, i));
  }
  assert_int_equal(fclose(file), 0);
}

#define TABLE "table", "noisy.csv", "target", "z,y"

static void test_a_noisy_table_goes_on(void **state) {
  rung_context *ctx = *state;
  write_noisy_table("noisy.csv", 0);
  trap t = {.stage = 0, .finished = true, .from = "noisy", .to = "noisy-again"};
  rung_fit_result first = run_in(ctx, RECIPE(TABLE), "noisy", spring, &t);
  rung_fit_result again = resume_in(ctx, "noisy-again");
  assert_true(first.noise > 0.008 && first.noise < 0.012);
  assert_true(first.noise == again.noise && first.heldout_error == again.heldout_error &&
              first.max_error == again.max_error && first.stop == again.stop);
  assert_same_file(path_in("noisy", RUNG_RUN_MODEL), path_in("noisy-again", RUNG_RUN_MODEL));
  assert_same_log(path_in("noisy", RUNG_RUN_LOG), path_in("noisy-again", RUNG_RUN_LOG));
  copy_folder("noisy", "noisy-data");
}

static void test_changed_data_and_recipes_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_model *model;
  write_noisy_table("noisy.csv", 0);
  trap t = {.stage = 0, .finished = true, .from = "changed", .to = "changed-half"};
  run_in(ctx, RECIPE(TABLE), "changed", spring, &t);
  write_noisy_table("noisy.csv", 1e-9);
  assert_error(ctx, rung_run_resume(ctx, "changed-half", NULL, NULL, &model, NULL), RUNG_E_DATA,
               "changed-half: the data have changed since the run was started; start a new run "
               "with it");
  write_noisy_table("noisy.csv", 0);
  char *recipe = read_file(path_in("changed-half", RUNG_RUN_RECIPE), NULL);
  char *seed = strstr(recipe, "seed: 1");
  assert_non_null(seed);
  seed[6] = '2';
  write_file(path_in("changed-half", RUNG_RUN_RECIPE), recipe, strlen(recipe));
  assert_error(ctx, rung_run_resume(ctx, "changed-half", NULL, NULL, &model, NULL), RUNG_E_DATA,
               "changed-half/recipe.yaml: is not the recipe with which the run was started");
  seed[6] = '1';
  write_file(path_in("changed-half", RUNG_RUN_RECIPE), recipe, strlen(recipe));
  resume_in(ctx, "changed-half");
  assert_same_file(path_in("changed", RUNG_RUN_MODEL), path_in("changed-half", RUNG_RUN_MODEL));
  free(recipe);
}

static void test_bad_runs_leave_nothing_behind(void **state) {
  rung_context *ctx = *state;
  rung_model *model;
  static const char flat[] = "a,y\n1,2\n2,2\n3,2\n4,2\n5,2\n6,2\n7,2\n8,2\n9,2\n10,2\n";
  static const char few[] = "a,y\n1,2\n2,3\n3,4\n";
  write_file("flat.csv", flat, sizeof flat - 1);
  write_file("short.csv", few, sizeof few - 1);
  const struct {
    const char *key, *value, *message;
  } cases[] = {
      {"table", "flat.csv",
       "flat.csv: target y is constant (2 in all 10 rows): there is nothing to fit"},
      {"table", "short.csv", "short.csv: 3 rows to train on are fewer than"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rung_recipe *recipe = recipe_of(ctx, RECIPE(cases[i].key, cases[i].value, "target", "y"));
    assert_error(ctx, rung_run(ctx, recipe, "bad", NULL, NULL, &model, NULL), RUNG_E_DATA,
                 cases[i].message);
    assert_false(is_there("bad"));
    rung_recipe_destroy(recipe);
  }
  rung_recipe *recipe = recipe_of(ctx, RECIPE(WAVE, "memory", "20kB"));
  assert_error(ctx, rung_run(ctx, recipe, "bad", NULL, NULL, &model, NULL), RUNG_E_BUDGET,
               "the memory limit is 20000 bytes");
  assert_false(is_there("bad"));
  assert_error(ctx, rung_run(ctx, recipe, "flat.csv", NULL, NULL, &model, NULL), RUNG_E_IO,
               "flat.csv: expected a folder, found a file");
  assert_error(ctx, rung_run_resume(ctx, "bad", NULL, NULL, &model, NULL), RUNG_E_IO,
               "bad/recipe.yaml: cannot be opened: No such file or directory");
  rung_recipe_destroy(recipe);
}

static int resume_meanwhile(void *user, const rung_progress *progress) {
  rung_context *other;
  rung_model *model;
  int *tries = user;
  (void)progress;
  if ((*tries)++) return 0;
  assert_int_equal(rung_context_create(NULL, &other), RUNG_OK);
  assert_error(other, rung_run_resume(other, "busy", NULL, NULL, &model, NULL), RUNG_E_IO,
               "busy: another process is at work on this run");
  rung_context_destroy(other);
  return 0;
}

static void test_one_process_works_on_a_run(void **state) {
  int tries = 0;
  run_in(*state, RECIPE(WAVE), "busy", resume_meanwhile, &tries);
  assert_true(tries > 0);
}

/* An extension goes on like any other run, and keeps the earlier stages. */
static void test_extensions_go_on(void **state) {
  rung_context *ctx = *state;
  rung_model *model, *longer;
  run_in(ctx, RECIPE(WAVE, "stages", "1"), "short", NULL, NULL);
  trap t = {.stage = 1, .finished = true, .from = "long", .to = "long-again"};
  run_in(ctx, RECIPE(WAVE, "model", "short/model.safetensors"), "long", spring, &t);
  resume_in(ctx, "long-again");
  assert_same_file(path_in("long", RUNG_RUN_MODEL), path_in("long-again", RUNG_RUN_MODEL));
  assert_same_log(path_in("long", RUNG_RUN_LOG), path_in("long-again", RUNG_RUN_LOG));
  assert_ok(ctx, rung_model_load(ctx, "short/model.safetensors", &model));
  assert_ok(ctx, rung_model_load(ctx, "long/model.safetensors", &longer));
  assert_true(rung_model_stages(longer) > 1);
  while (rung_model_stages(longer) > 1)
    assert_ok(ctx, rung_model_drop_stage(longer, ctx, rung_model_stages(longer) - 1));
  assert_ok(ctx, rung_model_save(longer, ctx, "first.safetensors"));
  assert_same_file("first.safetensors", "short/model.safetensors");
  rung_model_destroy(model);
  rung_model_destroy(longer);
  rung_recipe *recipe =
      recipe_of(ctx, RECIPE("function", "u", "domain", "u=-1:1", "model", "first.safetensors"));
  assert_error(ctx, rung_run(ctx, recipe, "other", NULL, NULL, &model, NULL), RUNG_E_ARGUMENT,
               "domain: variable 1 is 'u', but input 1 of the model to extend is 'x'");
  rung_recipe_destroy(recipe);
}

static void test_replacements_go_on(void **state) {
  rung_context *ctx = *state;
  run_in(ctx, RECIPE(WAVE), "old", NULL, NULL);
  trap t = {.stage = 0, .finished = true, .from = "new", .to = "new-again"};
  run_in(ctx, RECIPE(WAVE, "model", "old/model.safetensors", "replace", "0"), "new", spring, &t);
  resume_in(ctx, "new-again");
  assert_same_file(path_in("new", RUNG_RUN_MODEL), path_in("new-again", RUNG_RUN_MODEL));
  assert_same_log(path_in("new", RUNG_RUN_LOG), path_in("new-again", RUNG_RUN_LOG));
}

/* A limit of memory binds the resumed process as it did the first, though that held other bytes. */
static void test_limits_of_memory_go_on(void **state) {
  rung_context *ctx = *state;
  rung_fit_result easy = run_in(ctx, RECIPE(WAVE, "precision", "quad"), "free", NULL, NULL);
  for (int percent = 40; percent < 100; percent += 15) {
    char limit[32];
    snprintf(limit, sizeof limit, "%zu", easy.planned_bytes / 100 * (size_t)percent);
    const char *const *recipe = RECIPE(WAVE, "precision", "quad", "memory", limit);
    trap t = {.stage = 0, .finished = true, .from = "tight", .to = "tight-again"};
    rung_fit_result first = run_in(ctx, recipe, "tight", spring, &t);
    rung_fit_result again = resume_in(ctx, "tight-again");
    assert_true(first.planned_bytes < easy.planned_bytes);
    assert_true(first.stop == again.stop && first.planned_bytes == again.planned_bytes);
    assert_same_file(path_in("tight", RUNG_RUN_MODEL), path_in("tight-again", RUNG_RUN_MODEL));
  }
}

static void test_the_same_bits_on_any_number_of_threads(void **state) {
  rung_context *ctx = *state;
  static const int threads[] = {1, 2, 3, 7, 16, 2};
  for (int quad = 0; quad < 2; quad++) {
    const char *const *recipe = RECIPE(WAVE, "precision", quad ? "quad" : "double");
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
      assert_ok(ctx, rung_set_threads(ctx, threads[i]));
      run_in(ctx, recipe, i ? "threads" : "one", NULL, NULL);
      if (i == 0) continue;
      assert_same_file(path_in("threads", RUNG_RUN_MODEL), path_in("one", RUNG_RUN_MODEL));
      assert_same_log(path_in("threads", RUNG_RUN_LOG), path_in("one", RUNG_RUN_LOG));
    }
  }
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(test_a_run_leaves_all_its_files),
      TEST(test_a_finished_run_is_left_as_it_is),
      TEST(test_without_a_folder_nothing_is_written),
      TEST(test_cancelled_runs_go_on),
      TEST(test_whatever_a_crash_leaves_is_put_right),
      TEST(test_a_noisy_table_goes_on),
      TEST(test_changed_data_and_recipes_are_refused),
      TEST(test_bad_runs_leave_nothing_behind),
      TEST(test_one_process_works_on_a_run),
      TEST(test_extensions_go_on),
      TEST(test_replacements_go_on),
      TEST(test_limits_of_memory_go_on),
      TEST(test_the_same_bits_on_any_number_of_threads),
  };
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
