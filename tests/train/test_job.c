/* Trainings from recipes: what they come to, what is kept, that they go on to the same bytes. */
#include "jobs.h"

#include "study/json.h"

static void spirals_are_learned(void **state) {
  rung_context *ctx = *state;
  rung_train_result r =
      train_in(ctx, RECIPE(SPIRALS, "training.epochs", "60", "training.schedule", "cosine"), "a",
               NULL, NULL);
  assert_int_equal(r.epochs, 60);
  assert_int_equal(r.parameters, 2 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2);
  assert_true(r.validation_accuracy > 0.95 && r.train_loss < 0.2);
  assert_true(r.best_epoch > 30 && r.best_epoch <= 60);
  assert_true(isnan(r.test_accuracy) && !r.cancelled && !r.restored);
  assert_true(is_there(path_in("a", RUNG_RUN_REPORT)) && is_there(path_in("a", RUNG_RUN_BOARD)));
  rung_train_result again = go_on_in(ctx, "a"); /* it is finished */
  assert_true(again.validation_loss == r.validation_loss && again.epochs == 60);
  rung_recipe *recipe = training_of(ctx, RECIPE(SPIRALS));
  assert_error(ctx, rung_train(ctx, recipe, "a", NULL, NULL, NULL, NULL), RUNG_E_ARGUMENT,
               "holds a run already");
  rung_recipe_destroy(recipe);
}

/* ---- stopped and resumed ---- */

#define VARIED                                                                                     \
  SPIRALS, "training.average", "0.9", "training.clip", "1", "training.schedule", "linear",         \
      "training.schedule.warmup", "0.1", "data.augment.noise", "0.02", "data.class-weights",       \
      "balanced", "training.smoothing", "0.05", "data.test", "spirals.csv"

static void stopped_runs_go_on_to_the_same_bytes(void **state) {
  assert_stops_change_nothing(*state, RECIPE(VARIED), 12);
}

static void resuming_needs_the_same_recipe_and_data(void **state) {
  rung_context *ctx = *state;
  stopper s = {.at = 3};
  assert_true(train_in(ctx, RECIPE(SPIRALS), "cut", stop_at, &s).cancelled);
  size_t length;
  char *recipe = read_file(path_in("cut", RUNG_RUN_RECIPE), &length);
  char *rate = strstr(recipe, "0.01");
  assert_non_null(rate);
  rate[3] = '2';
  write_file(path_in("cut", RUNG_RUN_RECIPE), recipe, length);
  assert_error(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL), RUNG_E_DATA,
               "is not the recipe");
  rate[3] = '1';
  write_file(path_in("cut", RUNG_RUN_RECIPE), recipe, length);
  free(recipe);
  write_spirals("spirals.csv", 404, 0);
  assert_error(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL), RUNG_E_DATA,
               "the data have changed");
  write_spirals("spirals.csv", 400, 0);
  assert_ok(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL));
  s.calls = 0;
  assert_true(train_in(ctx, RECIPE(SPIRALS, "data.normalise", "no"), "cut", stop_at, &s).cancelled);
  spoil_table("spirals.csv");
  assert_error(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL), RUNG_E_DATA,
               "the data have changed");
  write_spirals("spirals.csv", 400, 0);
}

/* Number `at` of tensor "watch" in a state's file: a safetensors header says where it lies. */
static void spoil_watch(const char *path, size_t at, double value) {
  size_t length;
  uint64_t head;
  char *file = read_file(path, &length);
  memcpy(&head, file, sizeof head);
  char *entry = strstr(file + sizeof head, "\"watch\":");
  assert_non_null(entry);
  size_t begin = strtoul(strstr(entry, "data_offsets\":[") + 15, NULL, 10);
  memcpy(file + sizeof head + head + begin + at * sizeof value, &value, sizeof value);
  write_file(path, file, length);
  free(file);
}

/* What is used as a place in an array is checked. */
static void states_that_cannot_be_are_refused(void **state) {
  rung_context *ctx = *state;
  static const double wrong[] = {-70, -1e15, 0.5, 1e300};
  stopper s = {.at = 3};
  assert_true(train_in(ctx, RECIPE(SPIRALS), "cut", stop_at, &s).cancelled);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    spoil_watch(path_in("cut", RUNG_RUN_STATE), RG_WATCH_WINDOW, wrong[i]);
    assert_error(ctx, rung_train_resume(ctx, "cut", NULL, NULL, NULL, NULL), RUNG_E_FORMAT,
                 "watch is wrong");
  }
  spoil_watch(path_in("cut", RUNG_RUN_STATE), RG_WATCH_WINDOW, 2);
  go_on_in(ctx, "cut");
}

static void threads_and_folders_change_nothing(void **state) {
  rung_context *ctx = *state;
  rung_train_result a = train_in(ctx, RECIPE(VARIED, "run.threads", "1"), "one", NULL, NULL);
  rung_train_result b = train_in(ctx, RECIPE(VARIED, "run.threads", "3"), "three", NULL, NULL);
  rung_train_result c = train_in(ctx, RECIPE(VARIED), NULL, NULL, NULL);
  assert_same_file(path_in("one", RUNG_RUN_MODEL), path_in("three", RUNG_RUN_MODEL));
  assert_true(a.test_loss == b.test_loss && a.test_loss == c.test_loss);
  assert_true(a.validation_loss == c.validation_loss);
}

/* ---- what is kept ---- */

static void patience_ends_a_run(void **state) {
  rung_context *ctx = *state;
  /* where labels are wrong, memorising them does not help the held-out loss for long */
  rung_train_result r =
      train_in(ctx,
               RECIPE(SPIRALS, "data.train", "noisy.csv", "training.epochs", "200",
                      "training.patience", "4", "training.optimiser.rate", "0.05"),
               "a", NULL, NULL);
  assert_true(r.epochs < 200);
  assert_int_equal(r.epochs, r.best_epoch + 4);
}

/* The best model's held-out loss, as the log tells it, is the least of all. */
static void the_best_epoch_is_kept(void **state) {
  rung_context *ctx = *state;
  rung_train_result r = train_in(ctx,
                                 RECIPE(SPIRALS, "data.train", "noisy.csv", "training.epochs", "30",
                                        "training.optimiser.rate", "0.05"),
                                 "a", NULL, NULL);
  char *log = read_file(path_in("a", RUNG_RUN_LOG), NULL), *rest = log;
  double least = INFINITY, at_best = NAN;
  for (char *line; (line = strtok_r(rest, "\n", &rest));) {
    rg_json event;
    double epoch, loss;
    assert_true(rg_json_check(line, strlen(line), &event));
    if (!rg_json_is(rg_json_member(event, "event"), "epoch")) continue;
    assert_true(rg_json_number(rg_json_member(event, "epoch"), &epoch));
    assert_true(rg_json_number(rg_json_member(event, "validation_loss"), &loss));
    if (loss < least) least = loss;
    if ((int64_t)epoch == r.best_epoch) at_best = loss;
  }
  assert_true(at_best == least && r.best_epoch < 30);
  free(log);
}

/* ---- off the course ---- */

static int hear(void *user, const rung_train_progress *p) {
  char *note = user;
  if (p->note) snprintf(note, 800, "%s", p->note);
  return 0;
}

/* Plain gradient descent on squares diverges above a rate; a fifth of it is below. */
static void write_line(const char *path) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("x,y\n", file);
  for (int i = 0; i < 200; i++) {
    double x = rg_normal(9, 1, (uint64_t)i);
    fprintf(file, "%.6f,%.6f\n", x, 3 * x + 0.1 * rg_normal(9, 2, (uint64_t)i));
  }
  assert_int_equal(fclose(file), 0);
}

#define LINE                                                                                       \
  "data.train", "line.csv", "model.width", "4", "model.activation", "identity", "training.loss",   \
      "squared", "training.optimiser", "sgd", "training.batch", "10", "training.epochs", "6",      \
      "data.validation", "0.1"

static void a_run_off_its_course_is_restored_once(void **state) {
  rung_context *ctx = *state;
  char note[800] = "";
  rung_train_result r =
      train_in(ctx, RECIPE(LINE, "training.optimiser.rate", "1.5"), "a", hear, note);
  assert_int_equal(r.restored, 1);
  assert_true(r.validation_loss < 0.1);
  assert_non_null(strstr(note, "Restored: the state at the begin of epoch 1"));
  assert_non_null(strstr(note, "lowered to 0.2"));
  char *log = read_file(path_in("a", RUNG_RUN_LOG), NULL);
  assert_non_null(strstr(log, "{\"event\":\"restored\",\"epoch\":0,\"why\":\"the loss is "));
  free(log);
}

static void the_second_time_it_gives_up(void **state) {
  rung_context *ctx = *state;
  rung_recipe *recipe = training_of(ctx, RECIPE(LINE, "training.optimiser.rate", "100"));
  remove_folder("a");
  assert_error(ctx, rung_train(ctx, recipe, "a", NULL, NULL, NULL, NULL), RUNG_E_NUMERIC,
               "had been restored already and the rate lowered: training gives up");
  assert_non_null(strstr(rung_error(ctx), "no epoch had been kept"));
  assert_false(is_there("a")); /* it came to nothing */
  rung_recipe_destroy(recipe);
}

/* ---- levels ---- */

#define DENSE                                                                                      \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.block", "hamiltonian",        \
      "model.width", "8", "model.layers", "8", "model.time", "4", "model.activation", "tanh",      \
      "training.batch", "20", "training.epochs", "9", "training.optimiser.rate", "0.02",           \
      "run.threads", "1"

/* A lower rate would not help against drift, so none is tried. */
static void drift_ends_a_run_at_once(void **state) {
  rung_context *ctx = *state;
  char note[800] = "";
  rung_recipe *recipe =
      training_of(ctx, RECIPE(DENSE, "training.activations", "reverse", "training.drift", "1e-15"));
  assert_error(ctx, rung_train(ctx, recipe, NULL, hear, note, NULL, NULL), RUNG_E_NUMERIC,
               "run backwards, its beginning is off by");
  assert_string_equal(note, "");
  rung_recipe_destroy(recipe);
}

/* Three epochs each at 2, 4 and 8 layers; what was learned stays. */
static void levels_double_the_layers(void **state) {
  rung_context *ctx = *state;
  rung_train_result r = assert_stops_change_nothing(
      ctx, RECIPE(DENSE, "model.levels", "3", "training.epochs", "24"), 6);
  rung_network *kept;
  assert_ok(ctx, rung_network_load(ctx, path_in("calm", RUNG_RUN_MODEL), &kept));
  rung_network_settings s = rung_network_get_settings(kept);
  assert_int_equal(s.layers[0], 8);
  assert_int_equal(rung_network_parameters(kept), r.parameters);
  rung_network_destroy(kept);
  assert_true(r.best_epoch > 16 && r.best_epoch <= 24);
  assert_true(r.validation_accuracy > 0.8);
  char *log = read_file(path_in("calm", RUNG_RUN_LOG), NULL);
  assert_non_null(strstr(log, "\"epoch\":8,\"level\":1"));
  assert_non_null(strstr(log, "\"epoch\":9,\"level\":2"));
  assert_non_null(strstr(log, "\"epoch\":17,\"level\":3"));
  free(log);
}

/* ---- stability ---- */

static void layers_are_held_stable(void **state) {
  rung_context *ctx = *state;
  char note[800] = "";
  train_in(ctx,
           RECIPE(DENSE, "model.time", "80", "training.stability", "warn", "training.epochs", "2"),
           "a", hear, note);
  assert_non_null(strstr(note, "is unstable: its bound is"));
  char *log = read_file(path_in("a", RUNG_RUN_LOG), NULL);
  assert_non_null(strstr(log, "{\"event\":\"stability\",\"epoch\":1,\"stage\":[1,1,1,1,1,1,1,1],"));
  assert_non_null(strstr(log, "\"gradients\":["));
  assert_non_null(strstr(log, "\"projected\":0}"));
  free(log);
  train_in(
      ctx,
      RECIPE(DENSE, "model.time", "80", "training.stability", "project", "training.epochs", "2"),
      "a", hear, note);
  assert_non_null(strstr(note, "layers were scaled down to it"));
}

/* ---- whole batches ---- */

#define WHOLE                                                                                      \
  "data.train", "spirals.csv", "model.width", "12,12", "model.activation", "tanh",                 \
      "training.batch", "all", "training.precision", "double", "run.threads", "1"

static void full_batch_optimisers_go_down(void **state) {
  rung_context *ctx = *state;
  static const char *const names[] = {"lbfgs", "gauss-newton"};
  for (int k = 0; k < 2; k++) {
    rung_train_result r =
        train_in(ctx,
                 RECIPE(WHOLE, "training.optimiser", names[k], "training.epochs", k ? "40" : "150",
                        "training.optimiser.weight_decay", "1e-5"),
                 "calm", NULL, NULL);
    assert_true(r.train_loss < 0.02 && r.validation_accuracy > 0.95);
    stopper s = {.at = 4};
    rung_train_result again =
        train_in(ctx,
                 RECIPE(WHOLE, "training.optimiser", names[k], "training.epochs", k ? "40" : "150",
                        "training.optimiser.weight_decay", "1e-5"),
                 "cut", stop_at, &s);
    if (again.cancelled) go_on_in(ctx, "cut");
    assert_same_training("cut", "calm");
  }
  rung_recipe *recipe = training_of(
      ctx, RECIPE(WHOLE, "training.optimiser", "lbfgs", "training.precision", "single"));
  assert_error(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, NULL), RUNG_E_ARGUMENT,
               "expected precision double, found single");
  rung_recipe_destroy(recipe);
}

/* ---- threads ---- */

static int note_threads(void *user, const rung_train_progress *p) {
  (void)p;
  rung_context *ctx = ((rung_context **)user)[0];
  assert_int_equal(rung_threads(ctx), 1);
  return 0;
}

/* A number that the caller has set goes before the recipe's. */
static void threads_of_the_caller_go_first(void **state) {
  rung_context *ctx = *state;
  assert_ok(ctx, rung_set_threads(ctx, 1));
  train_in(ctx, RECIPE(SPIRALS, "run.threads", "3", "training.epochs", "1"), NULL, note_threads,
           state);
  assert_ok(ctx, rung_set_threads(ctx, 0));
}

/* ---- turns ---- */

#define TURNS                                                                                      \
  SPIRALS, "model.architecture", "dense", "model.layers", "6", "model.width", "8",                 \
      "training.epochs", "3", "training.scheme", "modulewise", "training.modules", "3",            \
      "training.procedure", "sequential"

static int stop_in_second_epoch(void *user, const rung_train_progress *p) {
  (void)user;
  return p->epoch > 1;
}

/* The best of a turn that is over stays, also where the next one keeps nothing. */
static void a_turn_that_is_over_is_kept(void **state) {
  rung_context *ctx = *state;
  const double usual = rg_job_tell_seconds;
  rg_job_tell_seconds = 0;
  rung_train_result r = train_in(ctx, RECIPE(TURNS), "cut", stop_in_second_epoch, NULL);
  rg_job_tell_seconds = usual;
  assert_true(r.cancelled && r.epochs == 1);
  assert_true(is_there(path_in("cut", RUNG_RUN_MODEL)));
  go_on_in(ctx, "cut");
  train_in(ctx, RECIPE(TURNS), "calm", NULL, NULL);
  assert_same_training("cut", "calm");
}

/* From its second epoch on the state cannot be written: a folder is in its place. */
static int spoil_state(void *user, const rung_train_progress *p) {
  const char *path = user;
  if (p->epoch > 1 && p->step == 0) {
    remove(path);
    mkdir(path, 0777);
  }
  return 0;
}

static void what_was_trained_before_an_error_stays(void **state) {
  rung_context *ctx = *state;
  const double usual = rg_job_save_seconds;
  rung_recipe *recipe = training_of(ctx, RECIPE(TURNS));
  char path[] = "cut/" RUNG_RUN_STATE;
  remove_folder("cut");
  rg_job_save_seconds = 0;
  assert_error(ctx, rung_train(ctx, recipe, "cut", spoil_state, path, NULL, NULL), RUNG_E_IO, path);
  assert_true(is_there(path_in("cut", RUNG_RUN_MODEL)));
  assert_true(is_there(path_in("cut", RUNG_RUN_LOG)));
  assert_true(is_there(path_in("cut", RUNG_RUN_RECIPE)));
  assert_int_equal(rmdir(path), 0);
  rg_job_save_seconds = usual;
  rung_recipe_destroy(recipe);
}

/* ---- memory ---- */

/* The least that the message names does, and a little less does not. */
static void memory_is_a_limit(void **state) {
  rung_context *ctx = *state;
  rung_recipe *recipe =
      training_of(ctx, RECIPE(DENSE, "model.layers", "512", "model.width", "32", "training.batch",
                              "200", "training.epochs", "1", "training.memory", "4.5MB"));
  assert_error(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, NULL), RUNG_E_BUDGET,
               "4.50 MB are allowed, but this run takes at least ");
  double least = strtod(strstr(rung_error(ctx), "at least ") + 9, NULL);
  assert_true(least > 4.5 && least < 100);
  char text[40];
  rung_train_result r;
  snprintf(text, sizeof text, "%.2fMB", least + 0.01);
  assert_ok(ctx, rung_recipe_set(recipe, ctx, "training.memory", text));
  assert_ok(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, &r));
  assert_true((double)r.planned_bytes <= (least + 0.01) * 1e6);
  snprintf(text, sizeof text, "%.2fMB", least - 0.02);
  assert_ok(ctx, rung_recipe_set(recipe, ctx, "training.memory", text));
  assert_error(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, NULL), RUNG_E_BUDGET,
               "but this run takes at least");
  rung_recipe_destroy(recipe);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(spirals_are_learned),
      TEST(stopped_runs_go_on_to_the_same_bytes),
      TEST(resuming_needs_the_same_recipe_and_data),
      TEST(states_that_cannot_be_are_refused),
      TEST(threads_and_folders_change_nothing),
      TEST(patience_ends_a_run),
      TEST(the_best_epoch_is_kept),
      TEST(a_run_off_its_course_is_restored_once),
      TEST(the_second_time_it_gives_up),
      TEST(drift_ends_a_run_at_once),
      TEST(levels_double_the_layers),
      TEST(layers_are_held_stable),
      TEST(full_batch_optimisers_go_down),
      TEST(threads_of_the_caller_go_first),
      TEST(a_turn_that_is_over_is_kept),
      TEST(what_was_trained_before_an_error_stays),
      TEST(memory_is_a_limit),
  };
  write_spirals("spirals.csv", 400, 0);
  write_spirals("noisy.csv", 200, 0.2);
  write_line("line.csv");
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
