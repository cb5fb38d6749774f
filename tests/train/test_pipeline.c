/* Modules as a pipeline: links at once and in order, errors, and the same bits in any number of
 * lanes and threads. */
#include "jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fail_alloc.h"
#include "nn/module.h"
#include "train/modular.h"
#include "train/pipeline.h"

/* ---- links ---- */

enum { LINKS = 9, MOST_LANES = 4 };

/* A chain of numbers: each link makes the next one of what was handed on, hands that on, and at its
 * end looks whether what it was given is still there. */
typedef struct chain {
  rg_pipeline *pipeline;
  uint64_t handed[MOST_LANES + 1], seen[LINKS];
  int lanes, fails, fails_late; /* links that fail: before they hand on, after; LINKS: none */
  bool ended[LINKS];
  atomic_bool wrong; /* something was, in whichever thread */
} chain;

static void spend(uint64_t nanoseconds) {
  nanosleep(&(struct timespec){0, (long)nanoseconds}, NULL);
}

static rung_status run_link(void *arg, int link, const rg_lane *lane) {
  chain *c = arg;
  const int places = c->lanes + 1;
  uint64_t given = link ? c->handed[(link - 1) % places] : 1;
  if (lane->number < 0 || lane->number >= c->lanes) c->wrong = true;
  if (link == c->fails) return rg_fail(lane->ctx, RUNG_E_DATA, "link %d could not hand on", link);
  spend(rg_bits(1, given, 0) % 50000);
  c->handed[link % places] = c->seen[link] = rg_bits(2, given, (uint64_t)link);
  rg_pipeline_hand_on(c->pipeline, link);
  spend(rg_bits(3, given, 0) % 200000);
  if (link && c->handed[(link - 1) % places] != given) c->wrong = true;
  c->ended[link] = true;
  if (link == c->fails_late) return rg_fail(lane->ctx, RUNG_E_NUMERIC, "link %d failed", link);
  return RUNG_OK;
}

static void links_take_what_the_one_before_handed_on(void **state) {
  rung_context *ctx = *state;
  for (int lanes = 1; lanes <= MOST_LANES; lanes++) {
    chain c = {.lanes = lanes, .fails = LINKS, .fails_late = LINKS};
    assert_ok(ctx, rg_pipeline_create(ctx, LINKS, lanes, &c.pipeline));
    assert_int_equal(rg_pipeline_lanes(c.pipeline), lanes);
    for (int run = 0; run < 12; run++) { /* some with fewer threads than lanes */
      assert_ok(ctx, rung_set_threads(ctx, run % 5 + 1));
      memset(c.handed, 0, sizeof c.handed);
      assert_ok(ctx, rg_pipeline_run(c.pipeline, run_link, &c));
      uint64_t value = 1;
      for (int k = 0; k < LINKS; k++) {
        value = rg_bits(2, value, (uint64_t)k);
        assert_true(c.seen[k] == value && c.ended[k]);
        c.ended[k] = false;
      }
    }
    assert_false(c.wrong);
    rg_pipeline_destroy(c.pipeline);
  }
}

/* What fails is the first link in order that fails, whatever the lanes; those before it ran. */
static void the_first_failure_is_told(void **state) {
  rung_context *ctx = *state;
  char message[80];
  assert_ok(ctx, rung_set_threads(ctx, MOST_LANES));
  for (int lanes = 1; lanes <= MOST_LANES; lanes++) {
    chain c = {.lanes = lanes};
    assert_ok(ctx, rg_pipeline_create(ctx, LINKS, lanes, &c.pipeline));
    for (c.fails = 0; c.fails <= LINKS; c.fails += 3)
      for (c.fails_late = 0; c.fails_late <= LINKS; c.fails_late++) {
        bool late = c.fails_late < c.fails;
        int first = late ? c.fails_late : c.fails;
        memset(c.ended, 0, sizeof c.ended);
        rung_clear_error(ctx);
        rung_status status = rg_pipeline_run(c.pipeline, run_link, &c);
        if (first == LINKS) {
          assert_int_equal(status, RUNG_OK);
          continue;
        }
        snprintf(message, sizeof message, late ? "link %d failed" : "link %d could not hand on",
                 first);
        assert_error(ctx, status, late ? RUNG_E_NUMERIC : RUNG_E_DATA, message);
        for (int k = 0; k < first; k++) assert_true(c.ended[k]);
        for (int k = c.fails; k < LINKS; k++) assert_false(c.ended[k]); /* nothing to take */
      }
    assert_false(c.wrong);
    rg_pipeline_destroy(c.pipeline);
  }
}

typedef struct meeting {
  rg_pipeline *pipeline;
  pthread_mutex_t lock;
  pthread_cond_t came;
  int there;
  bool alone, wrong;
} meeting;

/* Each link waits, behind what it hands on, till the other one is there. */
static rung_status meet(void *arg, int link, const rg_lane *lane) {
  meeting *m = arg;
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  rg_pipeline_hand_on(m->pipeline, link);
  pthread_mutex_lock(&m->lock);
  m->there++;
  m->wrong |= rung_threads(lane->ctx) != (lane->number ? 2 : 1); /* three are shared out */
  pthread_cond_broadcast(&m->came);
  while (m->there < 2 && !m->alone)
    m->alone = pthread_cond_timedwait(&m->came, &m->lock, &end) != 0;
  pthread_mutex_unlock(&m->lock);
  return RUNG_OK;
}

static void two_links_run_at_once(void **state) {
  rung_context *ctx = *state;
  meeting m = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
  assert_ok(ctx, rung_set_threads(ctx, 3));
  assert_ok(ctx, rg_pipeline_create(ctx, 2, 2, &m.pipeline));
  assert_ok(ctx, rg_pipeline_run(m.pipeline, meet, &m));
  assert_false(m.alone || m.wrong);
  rg_pipeline_destroy(m.pipeline);
}

/* ---- steps ---- */

enum { BATCH = 6, EDGE = 6, LARGE = 24, CLASSES = 3, STEPS = 5, MODULES = 4 };

/* A network for images, edge x edge, with running statistics and dropout. */
static rung_network *network_of(rung_context *ctx, int edge, int channels) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  const rung_shape sample = {.rank = 3, .dim = {edge, edge, 1}};
  s.architecture = "resnet";
  s.stages = 2;
  s.channels[0] = channels;
  s.channels[1] = channels + 2;
  s.layers[0] = s.layers[1] = 2;
  s.dropout = 0.2;
  s.exits = MODULES - 1;
  for (int i = 0; i < MODULES - 1; i++) s.exit_at[i] = i + 1;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, CLASSES, RUNG_F32, 5, &n));
  return n;
}

static rung_training training_of_all(int pipeline) {
  rung_training t = rung_training_default();
  t.modulewise = 1;
  t.batch = BATCH;
  t.rate = 0.01;
  t.schedule = "cosine";
  t.clip = 0.5;
  t.average = 0.9;
  t.pipeline = pipeline;
  return t;
}

static rung_status step(rung_trainer *t, int number, double *loss) {
  static float x[BATCH * LARGE * LARGE];
  float y[BATCH], weight[BATCH];
  int64_t count = BATCH * rung_shape_count(&t->network->sample);
  for (int64_t i = 0; i < count; i++) x[i] = (float)rg_normal(11, (uint64_t)number, (uint64_t)i);
  for (int i = 0; i < BATCH; i++) {
    y[i] = (float)(rg_bits(12, (uint64_t)number, (uint64_t)i) % CLASSES);
    weight[i] = i == number % BATCH ? 0 : 1;
  }
  return rung_trainer_step(t, x, y, weight, loss);
}

/* Hash of all that the next step depends on, and of what the last ones told. */
static uint64_t train(rung_context *ctx, int edge, int channels, int threads, int pipeline) {
  assert_ok(ctx, rung_set_threads(ctx, threads));
  rung_network *n = network_of(ctx, edge, channels);
  rung_training t = training_of_all(pipeline);
  rung_trainer *trainer;
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  uint64_t hash = RG_HASH_START;
  assert_ok(ctx, rung_trainer_create(n, ctx, &t, STEPS, 2, &trainer));
  for (int i = 0; i < STEPS; i++) {
    double loss;
    assert_ok(ctx, step(trainer, i, &loss));
    hash = rg_hash(hash, &loss, sizeof loss);
    hash = rg_hash(hash, &trainer->gradient_norm, sizeof loss);
    hash = rg_hash(hash, rung_trainer_scores(trainer), BATCH * CLASSES * sizeof(float));
  }
  int count = rg_trainer_arrays(trainer, list);
  for (int i = 0; i < count; i++)
    hash = rg_hash(hash, list[i].data,
                   (size_t)list[i].count * (list[i].real ? sizeof(double) : sizeof(float)));
  rung_trainer_destroy(trainer);
  rung_network_destroy(n);
  return hash;
}

static void bits_do_not_depend_on_lanes_and_threads(void **state) {
  rung_context *ctx = *state;
  const uint64_t one = train(ctx, EDGE, 4, 1, 1);
  for (int threads = 1; threads <= 4; threads++)
    for (int pipeline = 0; pipeline <= MODULES; pipeline++)
      if (train(ctx, EDGE, 4, threads, pipeline) != one)
        fail_msg("%d threads, pipeline %d: other bits", threads, pipeline);
}

/* Layers that are large enough for several threads: lanes share their work out besides. */
static void lanes_have_threads(void **state) {
  rung_context *ctx = *state;
  const uint64_t one = train(ctx, LARGE, 16, 1, 1);
  assert_true(train(ctx, LARGE, 16, 4, 2) == one);
  assert_true(train(ctx, LARGE, 16, 5, 3) == one);
}

/* A module that has gone off its course is told, and the network is left as it was. */
static void a_module_that_fails_changes_nothing(void **state) {
  rung_context *ctx = *state;
  for (int bad = 1; bad <= MODULES; bad++)
    for (int lanes = 1; lanes <= 3; lanes++) {
      char message[40];
      double loss;
      assert_ok(ctx, rung_set_threads(ctx, lanes));
      rung_network *n = network_of(ctx, EDGE, 4), *part;
      rung_training t = training_of_all(lanes);
      rung_trainer *trainer;
      assert_ok(ctx, rung_trainer_create(n, ctx, &t, STEPS, 2, &trainer));
      assert_ok(ctx, rg_network_module(n, ctx, bad, &part));
      for (int64_t i = 0; i < part->parameters; i++) ((float *)part->theta)[i] = NAN;
      rg_module_give(part, n, bad);
      rung_network_destroy(part);
      uint64_t theta = rg_hash(1, n->theta, (size_t)n->parameters * sizeof(float));
      uint64_t running = rg_hash(1, n->running, (size_t)n->statistics * sizeof(float));
      snprintf(message, sizeof message, "module %d: the loss is nan", bad);
      assert_error(ctx, step(trainer, 0, &loss), RUNG_E_NUMERIC, message);
      assert_true(theta == rg_hash(1, n->theta, (size_t)n->parameters * sizeof(float)));
      assert_true(running == rg_hash(1, n->running, (size_t)n->statistics * sizeof(float)));
      rung_trainer_destroy(trainer);
      rung_network_destroy(n);
    }
}

static rung_trainer *trainer_within(rung_context *ctx, rung_network *n, int pipeline,
                                    size_t memory) {
  rung_training t = training_of_all(pipeline);
  rung_trainer *trainer;
  t.memory = memory;
  assert_ok(ctx, rung_trainer_create(n, ctx, &t, STEPS, 2, &trainer));
  if (memory) assert_true(rung_trainer_bytes(trainer) <= memory);
  return trainer;
}

/* Lanes take what memory is left, and are told; they never change the passes' plans. */
static void lanes_keep_to_the_limit(void **state) {
  rung_context *ctx = *state;
  assert_ok(ctx, rung_set_threads(ctx, 3));
  rung_network *n = network_of(ctx, EDGE, 4);
  rung_trainer *one = trainer_within(ctx, n, 1, 0), *all = trainer_within(ctx, n, 3, 0);
  const size_t least = rung_trainer_bytes(one), most = rung_trainer_bytes(all);
  assert_true(most > least);
  assert_null(strstr(rung_trainer_plan(one), "pipeline"));
  assert_non_null(strstr(rung_trainer_plan(all), "in 3 places: a pipeline, 3 modules at once"));
  int lanes = 1;
  for (int i = 0; i <= 8; i++) {
    rung_trainer *t = trainer_within(ctx, n, 3, least + (most + 65536 - least) * (size_t)i / 8);
    const char *told = strstr(rung_trainer_plan(t), "a pipeline, ");
    int now = told ? atoi(told + strlen("a pipeline, ")) : 1;
    assert_true(now >= lanes);
    if (i == 0) assert_int_equal(now, 1);
    lanes = now;
    for (int k = 1; k <= MODULES; k++)
      assert_memory_equal(rg_pass_get_plan(rg_modular_pass(t->modular, k)),
                          rg_pass_get_plan(rg_modular_pass(one->modular, k)), sizeof(rg_pass_plan));
    rung_trainer_destroy(t);
  }
  assert_int_equal(lanes, 3);
  rung_trainer_destroy(one);
  rung_trainer_destroy(all);
  rung_network_destroy(n);
}

/* Unless a number is asked for: as many as threads, up to half of the modules. */
static void lanes_are_chosen(void **state) {
  rung_context *ctx = *state;
  static const int expected[] = {1, 2, 2}; /* of one, two, three threads */
  rung_network *n = network_of(ctx, EDGE, 4);
  rung_training t = training_of_all(65);
  rung_trainer *trainer;
  for (int threads = 1; threads <= 3; threads++) {
    assert_ok(ctx, rung_set_threads(ctx, threads));
    trainer = trainer_within(ctx, n, 0, 0);
    const char *told = strstr(rung_trainer_plan(trainer), "a pipeline, ");
    assert_int_equal(told ? atoi(told + strlen("a pipeline, ")) : 1, expected[threads - 1]);
    rung_trainer_destroy(trainer);
  }
  assert_error(ctx, rung_trainer_create(n, ctx, &t, STEPS, 2, &trainer), RUNG_E_ARGUMENT,
               "pipeline: expected 0 to 64, found 65");
  rung_network_destroy(n);
}

static rung_status step_once(rung_context *ctx, void *arg) {
  rung_network *n = arg;
  rung_training t = training_of_all(2);
  rung_trainer *trainer;
  double loss;
  RG_TRY(rung_set_threads(ctx, 2));
  RG_TRY(rung_trainer_create(n, ctx, &t, STEPS, 2, &trainer));
  rung_status status = step(trainer, 0, &loss);
  rung_trainer_destroy(trainer);
  return status;
}

static void memory_that_runs_out_is_told(void **state) {
  rung_context *ctx = *state;
  rung_network *n = network_of(ctx, EDGE, 4);
  fail_each_allocation(step_once, n, (fail_options){.most = 30});
  rung_network_destroy(n);
}

/* ---- runs ---- */

#define RUN                                                                                        \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.width", "8", "model.layers",  \
      "6", "model.time", "3", "training.batch", "20", "training.epochs", "6",                      \
      "training.optimiser.rate", "0.02", "training.scheme", "modulewise", "training.modules", "4", \
      "training.average", "0.9", "training.clip", "1"
#define IN_TURN RUN, "run.threads", "1"
#define AT_ONCE RUN, "run.threads", "2", "training.pipeline", "2"

static void assert_same_model(const char *a, const char *b) {
  assert_same_file(path_in(a, RUNG_RUN_MODEL), path_in(b, RUNG_RUN_MODEL));
  assert_same_file(path_in(a, RUNG_RUN_LAST), path_in(b, RUNG_RUN_LAST));
}

static void stopped_runs_go_on_to_the_same_bytes(void **state) {
  train_in(*state, RECIPE(IN_TURN), "in turn", NULL, NULL);
  assert_stops_change_nothing(*state, RECIPE(AT_ONCE), 6);
  assert_same_model("in turn", "calm");
}

/* Rates that are too high for some module: back to the last good state, with a lower rate, or the
 * run gives up; in both cases as with one module at a time. */
static void runs_off_their_course_are_restored(void **state) {
  rung_context *ctx = *state;
  static const char *const rates[] = {"10", "20", "30", "50", "100"};
  int restored = 0, given_up = 0;
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    rung_train_result result;
    char message[1024] = "";
    rung_recipe *r = training_of(
        ctx, RECIPE(RUN, "model.block", "resnet", "model.activation", "relu", "training.optimiser",
                    "sgd", "training.clip", "0", "training.average", "0", "training.epochs", "3",
                    "training.optimiser.rate", rates[i], "run.threads", "1"));
    remove_folder("in turn");
    remove_folder("at once");
    rung_status status = rung_train(ctx, r, "in turn", NULL, NULL, NULL, &result);
    snprintf(message, sizeof message, "%s", rung_error(ctx));
    assert_ok(ctx, rung_recipe_set(r, ctx, "run.threads", "3"));
    assert_ok(ctx, rung_recipe_set(r, ctx, "training.pipeline", "3"));
    assert_int_equal(rung_train(ctx, r, "at once", NULL, NULL, NULL, NULL), status);
    assert_string_equal(rung_error(ctx), message);
    if (status == RUNG_OK) assert_same_model("in turn", "at once");
    restored += status == RUNG_OK && result.restored;
    given_up += status == RUNG_E_NUMERIC;
    rung_recipe_destroy(r);
  }
  assert_true(restored > 0 && given_up > 0);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(links_take_what_the_one_before_handed_on),
      TEST(the_first_failure_is_told),
      TEST(two_links_run_at_once),
      TEST(bits_do_not_depend_on_lanes_and_threads),
      TEST(lanes_have_threads),
      TEST(a_module_that_fails_changes_nothing),
      TEST(lanes_keep_to_the_limit),
      TEST(lanes_are_chosen),
      TEST(memory_that_runs_out_is_told),
      TEST(stopped_runs_go_on_to_the_same_bytes),
      TEST(runs_off_their_course_are_restored),
  };
  write_spirals("spirals.csv", 400, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
