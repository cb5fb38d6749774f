/* Modules of a network that is there, trained further: what is named changes, the rest keeps its
 * bits; frozen ones run in inference mode. */
#include "jobs.h"

#include "fail_alloc.h"
#include "nn/module.h"
#include "rung/evaluate.h"
#include "train/modular.h"

enum { BATCH = 8, FEATURES = 5, CLASSES = 3, STEPS = 6 };

/* ---- steps ---- */

static rung_network *network_of(rung_context *ctx, const char *architecture, const char *norm,
                                int modules) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  const rung_shape row = {.rank = 1, .dim = {FEATURES}};
  const rung_shape image = {.rank = 3, .dim = {FEATURES, 1, 1}};
  bool mlp = !strcmp(architecture, "mlp");
  bool images = !strcmp(architecture, "resnet") || !strcmp(architecture, "conv");
  if (!strcmp(architecture, "conv")) s.block = "hamiltonian";
  s.architecture = architecture;
  s.norm = norm;
  s.stages = mlp ? modules : 1;
  for (int i = 0; i < s.stages; i++) s.channels[i] = 8;
  for (int i = 0; i < s.stages; i++) s.layers[i] = mlp ? 1 : 2 * modules - 1;
  s.exits = modules - 1;
  for (int i = 0; i < modules - 1; i++) s.exit_at[i] = (mlp ? 1 : 2) * (i + 1);
  assert_ok(ctx, rung_network_create(ctx, &s, images ? &image : &row, CLASSES, RUNG_F64, 5, &n));
  return n;
}

static rung_training training_by(const char *procedure, uint64_t frozen) {
  rung_training t = rung_training_default();
  t.modulewise = 1;
  t.procedure = procedure;
  t.frozen = frozen;
  t.tau = 0.5;
  t.batch = BATCH;
  t.rate = 0.01;
  t.weight_decay = 0.1;
  t.laps = 2;
  return t;
}

static void fill_batch(int step, double *x, double *y) {
  for (int i = 0; i < BATCH * FEATURES; i++) x[i] = rg_normal(11, (uint64_t)step, (uint64_t)i);
  for (int i = 0; i < BATCH; i++)
    y[i] = (double)(rg_bits(12, (uint64_t)step, (uint64_t)i) % CLASSES);
}

static void train(rung_context *ctx, rung_network *n, const rung_training *t, int steps,
                  int per_epoch) {
  rung_trainer *trainer;
  assert_ok(ctx, rung_trainer_create(n, ctx, t, steps, per_epoch, &trainer));
  for (int i = 0; i < steps; i++) {
    double x[BATCH * FEATURES], y[BATCH], loss;
    fill_batch(i, x, y);
    assert_ok(ctx, rung_trainer_step(trainer, x, y, NULL, &loss));
  }
  rung_trainer_destroy(trainer);
}

static bool same_module(rung_context *ctx, const rung_network *a, const rung_network *b,
                        int module) {
  rung_network *x, *y;
  assert_ok(ctx, rg_network_module(a, ctx, module, &x));
  assert_ok(ctx, rg_network_module(b, ctx, module, &y));
  const size_t size = rung_dtype_size(a->dtype);
  bool same = !memcmp(x->theta, y->theta, (size_t)x->parameters * size);
  if (x->statistics) same = same && !memcmp(x->running, y->running, (size_t)x->statistics * size);
  rung_network_destroy(x);
  rung_network_destroy(y);
  return same;
}

/* Sets of frozen modules of four, in each procedure; all sets of the smallest network. */
static void frozen_modules_keep_their_bits(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential", "multilap"};
  static const char *const architectures[] = {"mlp", "dense", "resnet", "conv"};
  enum { MODULES = 4, EPOCHS = 8 };
  for (int a = 0; a < 4; a++)
    for (int p = 0; p < 3; p++)
      for (uint64_t frozen = a ? 2 : 0; frozen < 15; frozen += a ? 7 : 1) { /* 2 and 9 */
        rung_network *n = network_of(ctx, architectures[a], "batch", MODULES), *before;
        rung_training t = training_by(procedures[p], frozen);
        assert_ok(ctx, rung_network_copy(n, ctx, &before));
        train(ctx, n, &t, EPOCHS, 1);
        for (int k = 1; k <= MODULES; k++)
          assert_int_equal(same_module(ctx, n, before, k), (int)(frozen >> (k - 1) & 1));
        rung_network_destroy(before);
        rung_network_destroy(n);
      }
}

/* A module behind frozen ones comes to what it does alone on what these hand on in inference. */
static void one_behind_frozen_ones_stands_alone(void **state) {
  rung_context *ctx = *state;
  rung_network *n = network_of(ctx, "mlp", "batch", 3), *front, *alone;
  rg_inference *body;
  rung_training t = training_by("parallel", 1 | 4), plain = t;
  for (int64_t i = 0; i < n->statistics; i++)
    ((double *)n->running)[i] += rg_uniform(4, 4, (uint64_t)i);
  t.tau = 0;
  plain.modulewise = 0;
  assert_ok(ctx, rg_network_module(n, ctx, 1, &front));
  assert_ok(ctx, rg_network_module(n, ctx, 2, &alone));
  assert_ok(ctx, rg_inference_create_to(front, ctx, BATCH, RG_BODY, &body));
  rung_trainer *trainer;
  assert_ok(ctx, rung_trainer_create(alone, ctx, &plain, STEPS, 1, &trainer));
  for (int i = 0; i < STEPS; i++) {
    double x[BATCH * FEATURES], y[BATCH], handed[BATCH * 8], loss;
    fill_batch(i, x, y);
    assert_ok(ctx, rg_inference_run_body(body, BATCH, x, handed));
    assert_ok(ctx, rung_trainer_step(trainer, handed, y, NULL, &loss));
  }
  train(ctx, n, &t, STEPS, 1);
  rung_network *part;
  assert_ok(ctx, rg_network_module(n, ctx, 2, &part));
  assert_memory_equal(part->theta, alone->theta, (size_t)part->parameters * sizeof(double));
  assert_memory_equal(part->running, alone->running, (size_t)part->statistics * sizeof(double));
  rung_network_destroy(part);
  rung_trainer_destroy(trainer);
  rg_inference_destroy(body);
  rung_network_destroy(front);
  rung_network_destroy(alone);
  rung_network_destroy(n);
}

/* Turns go round those that are trained and share all epochs. */
static void turns_leave_out_frozen_modules(void **state) {
  (void)state;
  rung_training t = training_by("multilap", 1 | 4);
  static const int expected[] = {2, 4, 2, 4};
  enum { EPOCHS = 8, PER_EPOCH = 3 };
  for (int64_t step = 0; step < EPOCHS * PER_EPOCH; step++) {
    rg_turn turn = rg_modular_turn(&t, 4, step, EPOCHS * PER_EPOCH, PER_EPOCH);
    assert_int_equal(turn.module, expected[step / (2 * PER_EPOCH)]);
    assert_int_equal(turn.steps, EPOCHS * PER_EPOCH / 2);
  }
}

static void a_trainer_needs_a_module(void **state) {
  rung_context *ctx = *state;
  rung_network *n = network_of(ctx, "mlp", "none", 2);
  rung_training t = training_by("parallel", 3);
  rung_trainer *trainer;
  assert_error(ctx, rung_trainer_create(n, ctx, &t, 1, 1, &trainer), RUNG_E_ARGUMENT,
               "frozen: expected a module that is trained, found none");
  rung_network_destroy(n);
}

/* ---- runs ---- */

#define MODULES                                                                                    \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.width", "8", "model.layers",  \
      "6", "model.time", "3", "training.batch", "20", "training.epochs", "6",                      \
      "training.optimiser.rate", "0.02", "run.threads", "1", "training.scheme", "modulewise",      \
      "training.modules", "3"

static rung_network *trained_network(rung_context *ctx) {
  rung_recipe *r = training_of(ctx, RECIPE(MODULES, "model.norm", "batch"));
  rung_network *n;
  assert_ok(ctx, rung_train(ctx, r, NULL, NULL, NULL, &n, NULL));
  rung_recipe_destroy(r);
  return n;
}

static rung_network *trained_further(rung_context *ctx, const rung_network *n,
                                     const char *const *pairs, uint64_t trained) {
  rung_recipe *r = training_of(ctx, pairs);
  rung_network *out;
  rung_train_result result;
  assert_ok(ctx, rung_train_modules(ctx, n, r, trained, NULL, NULL, &out, &result));
  assert_true(result.epochs > 0 && result.validation_loss > 0);
  rung_recipe_destroy(r);
  return out;
}

/* New samples are normalised by the network's numbers, whatever their own would be. */
static void what_is_not_named_stays(void **state) {
  rung_context *ctx = *state;
  static const char *const procedures[] = {"parallel", "sequential"};
  rung_network *n = trained_network(ctx), *before;
  assert_ok(ctx, rung_network_copy(n, ctx, &before));
  for (int p = 0; p < 2; p++)
    for (uint64_t trained = 1; trained < 8; trained++) {
      rung_network *out =
          trained_further(ctx, n,
                          RECIPE(MODULES, "data.train", "shifted.csv", "training.average", "0.5",
                                 "training.procedure", procedures[p]),
                          trained);
      for (int k = 1; k <= 3; k++)
        assert_int_equal(same_module(ctx, out, n, k), !(trained >> (k - 1) & 1));
      assert_memory_equal(out->mean, n->mean, (size_t)n->normalised * sizeof(double));
      assert_memory_equal(out->scale, n->scale, (size_t)n->normalised * sizeof(double));
      assert_string_equal(rung_network_form(out), rung_network_form(n));
      rung_network_destroy(out);
    }
  for (int k = 1; k <= 3; k++) assert_true(same_module(ctx, n, before, k));
  rung_network_destroy(before);
  rung_network_destroy(n);
}

static rung_network_evaluation *judged(rung_context *ctx, rung_network *n, const char *path,
                                       int exit) {
  rung_dataset_options how = rung_dataset_options_default();
  rung_evaluate_options options = rung_evaluate_options_default();
  rung_network_evaluation *e;
  rung_dataset *set;
  how.form = rung_network_form(n);
  options.exit = exit;
  assert_ok(ctx, rung_dataset_open(ctx, path, &how, &set));
  assert_ok(ctx, rung_network_evaluate(ctx, n, set, NULL, &options, &e));
  rung_dataset_destroy(set);
  return e;
}

/* An appended module learns the new samples, and exits in front of it answer as ever. */
static void appended_modules_learn(void **state) {
  rung_context *ctx = *state;
  rung_network *n = trained_network(ctx), *grown;
  rung_growth growth = rung_growth_default();
  assert_ok(ctx, rung_network_grow(n, ctx, &growth, &grown));
  rung_network *out = trained_further(
      ctx, grown, RECIPE(MODULES, "data.train", "shifted.csv", "training.epochs", "40"), 8);
  for (int e = 1; e <= 3; e++) {
    rung_network_evaluation *a = judged(ctx, n, "spirals.csv", e);
    rung_network_evaluation *b = judged(ctx, out, "spirals.csv", e);
    assert_true(a->loss == b->loss);
    rung_network_evaluation_destroy(ctx, a);
    rung_network_evaluation_destroy(ctx, b);
  }
  rung_network_evaluation *old = judged(ctx, out, "shifted.csv", 3);
  rung_network_evaluation *new = judged(ctx, out, "shifted.csv", 4);
  assert_true(new->accuracy > old->accuracy + 0.1 && new->loss < old->loss);
  rung_network_evaluation_destroy(ctx, old);
  rung_network_evaluation_destroy(ctx, new);
  rung_network_destroy(out);
  rung_network_destroy(grown);
  rung_network_destroy(n);
}

static void bits_do_not_depend_on_threads_or_memory(void **state) {
  rung_context *ctx = *state;
  rung_network *n = trained_network(ctx);
  rung_network *a = trained_further(ctx, n, RECIPE(MODULES, "run.threads", "1"), 2);
  rung_network *b = trained_further(ctx, n, RECIPE(MODULES, "run.threads", "3"), 2);
  assert_memory_equal(a->theta, b->theta, (size_t)a->parameters * sizeof(float));
  rung_network_destroy(b);
  rung_recipe *r = training_of(ctx, RECIPE(MODULES, "training.memory", "1kB"));
  assert_int_equal(rung_train_modules(ctx, n, r, 2, NULL, NULL, &b, NULL), RUNG_E_BUDGET);
  const char *at = strstr(rung_error(ctx), "takes at least ");
  char least[32];
  assert_non_null(at);
  assert_int_equal(sscanf(at, "takes at least %24[0-9.]", least), 1);
  strcat(least, "MB");
  assert_ok(ctx, rung_recipe_set(r, ctx, "training.memory", least));
  assert_ok(ctx, rung_train_modules(ctx, n, r, 2, NULL, NULL, &b, NULL));
  assert_memory_equal(a->theta, b->theta, (size_t)a->parameters * sizeof(float));
  rung_recipe_destroy(r);
  rung_network_destroy(a);
  rung_network_destroy(b);
  rung_network_destroy(n);
}

static int stop(void *user, const rung_train_progress *p) {
  (void)user;
  return p->epoch > 1;
}

static void a_stopped_run_gives_what_it_came_to(void **state) {
  rung_context *ctx = *state;
  rung_network *n = trained_network(ctx), *out;
  rung_recipe *r = training_of(ctx, RECIPE(MODULES));
  rung_train_result result;
  assert_ok(ctx, rung_train_modules(ctx, n, r, 4, stop, NULL, &out, &result));
  assert_true(result.cancelled && result.epochs < 6);
  assert_true(same_module(ctx, out, n, 1) && same_module(ctx, out, n, 2));
  rung_recipe_destroy(r);
  rung_network_destroy(out);
  rung_network_destroy(n);
}

static void refused(rung_context *ctx, const rung_network *n, const char *const *pairs,
                    uint64_t trained, rung_status status, const char *text) {
  rung_recipe *r = training_of(ctx, pairs);
  rung_network *out;
  assert_error(ctx, rung_train_modules(ctx, n, r, trained, NULL, NULL, &out, NULL), status, text);
  assert_null(out);
  rung_recipe_destroy(r);
}

static void what_does_not_fit_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_network *n = trained_network(ctx);
  const char up[] = "x,y,side\n1,2,left\n2,1,up\n", narrow[] = "x,side\n1,left\n2,right\n";
  write_file("up.csv", up, sizeof up - 1);
  write_file("narrow.csv", narrow, sizeof narrow - 1);
  refused(ctx, n, RECIPE(MODULES), 8, RUNG_E_ARGUMENT,
          "trained: expected one or more of the network's 3 modules");
  refused(ctx, n, RECIPE(MODULES), 0, RUNG_E_ARGUMENT, "trained: expected one or more");
  refused(ctx, n, RECIPE(MODULES, "training.scheme", "end-to-end"), 1, RUNG_E_ARGUMENT,
          "expected training.scheme modulewise, found end-to-end");
  refused(ctx, n, RECIPE(MODULES, "training.loss", "squared"), 1, RUNG_E_ARGUMENT,
          "the network predicts classes: found loss squared");
  refused(ctx, n, RECIPE(MODULES, "data.train", "up.csv"), 1, RUNG_E_DATA, "found \"up\"");
  refused(ctx, n, RECIPE(MODULES, "data.train", "narrow.csv"), 1, RUNG_E_DATA, "narrow.csv");
  refused(ctx, n, RECIPE(MODULES, "training.procedure", "sequential", "training.epochs", "1"), 5,
          RUNG_E_ARGUMENT, "expected an epoch for each of the 2 turns of modules, found 1");
  rung_network_destroy(n);
}

/* The same columns and classes with another border between them, and not about 0. */
static void write_shifted(const char *path, int rows) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("x,y,side\n", file);
  for (int i = 0; i < rows; i++) {
    double x = 3 * rg_uniform(5, 1, (uint64_t)i) - 1.5, y = 3 * rg_uniform(5, 2, (uint64_t)i) - 1;
    fprintf(file, "%.6f,%.6f,%s\n", x, y, y > x * x ? "left" : "right");
  }
  assert_int_equal(fclose(file), 0);
}

static rung_status train_one(rung_context *ctx, void *arg) {
  rung_network *out = NULL;
  rung_recipe *r = NULL;
  const char *const *pairs = RECIPE(MODULES, "training.epochs", "1", "training.batch", "100");
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &r);
  for (int i = 0; pairs[i] && status == RUNG_OK; i += 2)
    status = rung_recipe_set(r, ctx, pairs[i], pairs[i + 1]);
  if (status == RUNG_OK) status = rung_train_modules(ctx, arg, r, 2, NULL, NULL, &out, NULL);
  rung_recipe_destroy(r);
  rung_network_destroy(out);
  return status;
}

static void every_allocation_may_fail(void **state) {
  rung_context *ctx = *state;
  rung_network *n = trained_network(ctx);
  assert_true(fail_each_allocation(train_one, n, (fail_options){.may_recover = true, .most = 8}) >
              50);
  rung_network_destroy(n);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(frozen_modules_keep_their_bits),
      TEST(one_behind_frozen_ones_stands_alone),
      TEST(turns_leave_out_frozen_modules),
      TEST(a_trainer_needs_a_module),
      TEST(what_is_not_named_stays),
      TEST(appended_modules_learn),
      TEST(bits_do_not_depend_on_threads_or_memory),
      TEST(a_stopped_run_gives_what_it_came_to),
      TEST(what_does_not_fit_is_refused),
      TEST(every_allocation_may_fail),
  };
  write_spirals("spirals.csv", 300, 0);
  write_shifted("shifted.csv", 300);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
