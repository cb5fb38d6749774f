/* What frozen modules hand on: kept in memory, kept on the disk or computed anew it has the same
 * bits, and what goes wrong with the disk changes no result. */
#include <signal.h>
#include <sys/resource.h>

#include "fail_alloc.h"
#include "jobs.h"
#include "nn/module.h"
#include "train/modular.h"

enum { MODULES = 4, BATCH = 21, SAMPLES = 60, PLACES = 50, CLASSES = 3, MOST_NUMBERS = 300 };

/* ---- features alone ---- */

static rung_network *dense(rung_context *ctx) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 1, .dim = {5}};
  rung_network *n;
  s.architecture = "dense";
  s.block = "hamiltonian"; /* two states */
  s.stages = 1;
  s.channels[0] = 8;
  s.layers[0] = 8;
  s.exits = MODULES - 1;
  for (int i = 0; i < MODULES - 1; i++) s.exit_at[i] = 1 + 2 * (i + 1);
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, CLASSES, RUNG_F64, 5, &n));
  return n;
}

/* States of different sizes, and statistics that training would change. */
static rung_network *images(rung_context *ctx) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 3, .dim = {6, 6, 2}};
  rung_network *n;
  s.architecture = "resnet";
  s.stages = 2;
  s.channels[0] = 3;
  s.channels[1] = 5;
  s.layers[0] = s.layers[1] = 2;
  s.exits = MODULES - 1;
  for (int i = 0; i < MODULES - 1; i++) s.exit_at[i] = i + 2;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, CLASSES, RUNG_F32, 5, &n));
  return n;
}

static rung_network *(*const makers[])(rung_context *) = {dense, images};

typedef struct parts {
  rung_network *whole, *part[MODULES];
  rg_features *features;
  char *x; /* [SAMPLES][sample] */
  size_t bytes;
} parts;

static void make_parts(rung_context *ctx, int maker, parts *p) {
  p->whole = makers[maker](ctx);
  for (int k = 0; k < MODULES; k++)
    assert_ok(ctx, rg_network_module(p->whole, ctx, k + 1, &p->part[k]));
  assert_ok(ctx, rg_features_create(ctx, MODULES, p->part, BATCH, &p->features));
  int64_t numbers = rung_shape_count(&p->whole->sample);
  p->bytes = (size_t)numbers * rung_dtype_size(p->whole->dtype);
  p->x = rg_alloc(ctx, SAMPLES, p->bytes);
  assert_non_null(p->x);
  for (int64_t i = 0; i < SAMPLES * numbers; i++) {
    double v = rg_normal(3, 1, (uint64_t)i);
    if (p->whole->dtype == RUNG_F32)
      ((float *)p->x)[i] = (float)v;
    else
      ((double *)p->x)[i] = v;
  }
}

static void drop_parts(rung_context *ctx, parts *p) {
  rg_features_destroy(p->features);
  for (int k = 0; k < MODULES; k++) rung_network_destroy(p->part[k]);
  rung_network_destroy(p->whole);
  rg_free(ctx, p->x);
}

static rg_features_wish wish_for(rg_features_place place) {
  return (rg_features_wish){.place = place,
                            .samples = PLACES,
                            .range = SAMPLES - 2,
                            .epochs = 10,
                            .memory = SIZE_MAX,
                            .folder = "."};
}

/* As if the module were trained. */
static void change(rung_network *n, int step) {
  for (int64_t i = 0; i < n->parameters; i++) {
    double by = 0.1 * rg_normal(4, (uint64_t)step, (uint64_t)i);
    if (n->dtype == RUNG_F32)
      ((float *)n->theta)[i] += (float)by;
    else
      ((double *)n->theta)[i] += by;
  }
}

/* One sample alone through the first modules. */
static size_t alone(rung_context *ctx, const parts *p, int level, int64_t sample, char *out) {
  char in[8 * MOST_NUMBERS];
  size_t bytes = p->bytes;
  memcpy(out, p->x + (size_t)sample * bytes, bytes);
  for (int k = 0; k < level; k++) {
    rg_inference *body;
    memcpy(in, out, bytes);
    assert_ok(ctx, rg_inference_create_to(p->part[k], ctx, 1, RG_BODY, &body));
    assert_ok(ctx, rg_inference_run_body(body, 1, in, out));
    rg_inference_destroy(body);
    bytes = rg_state_bytes(p->part[k], p->part[k]->blocks.count - 1, 1);
  }
  assert_true(bytes <= sizeof in);
  return bytes;
}

/* A batch of any samples, some of them twice, some without a place of their own. */
static void draw(int step, int64_t *sample) {
  for (int i = 0; i < BATCH; i++)
    sample[i] = (int64_t)(rg_bits(5, (uint64_t)step, (uint64_t)i) % SAMPLES);
}

static const void *get(rung_context *ctx, parts *p, int level, const int64_t *sample) {
  static char x[BATCH * 8 * MOST_NUMBERS];
  const void *out;
  for (int i = 0; i < BATCH; i++)
    memcpy(x + (size_t)i * p->bytes, p->x + (size_t)sample[i] * p->bytes, p->bytes);
  assert_ok(ctx, rg_features_get(p->features, level, sample, x, &out));
  return out;
}

static void assert_features(rung_context *ctx, parts *p, int level, const int64_t *sample) {
  char expected[8 * MOST_NUMBERS];
  const char *out = get(ctx, p, level, sample);
  for (int i = 0; i < BATCH; i++) {
    size_t bytes = alone(ctx, p, level, sample[i], expected);
    assert_memory_equal(out + (size_t)i * bytes, expected, bytes);
  }
}

/* Turns in any order, in each of which its module changes after each step. */
static void features_are_those_of_a_sample_alone(void **state) {
  enum { TURNS = 8, STEPS = 3 };
  rung_context *ctx = *state;
  int64_t sample[BATCH];
  for (int maker = 0; maker < 2; maker++)
    for (rg_features_place place = RG_FEATURES_MEMORY; place <= RG_FEATURES_RECOMPUTE; place++) {
      parts p;
      make_parts(ctx, maker, &p);
      rg_features_wish wish = wish_for(place);
      assert_ok(ctx, rg_features_keep(p.features, &wish));
      assert_int_equal(rg_features_where(p.features), place);
      for (int turn = 0; turn < TURNS; turn++) {
        int level = turn < MODULES ? turn : (int)(rg_bits(6, 1, (uint64_t)turn) % MODULES);
        for (int i = 0; i < STEPS; i++) {
          draw(turn * STEPS + i, sample);
          assert_features(ctx, &p, level, sample);
          change(p.part[level], turn * STEPS + i);
        }
      }
      assert_null(rg_features_news(p.features));
      drop_parts(ctx, &p);
    }
}

/* They are read indeed: a module that changes against the rule is not seen till all is forgotten.
 */
static void kept_features_are_read(void **state) {
  rung_context *ctx = *state;
  int64_t sample[BATCH];
  char before[BATCH * 8 * MOST_NUMBERS];
  for (rg_features_place place = RG_FEATURES_MEMORY; place <= RG_FEATURES_RECOMPUTE; place++) {
    parts p;
    make_parts(ctx, 0, &p);
    rg_features_wish wish = wish_for(place);
    size_t bytes = BATCH * rg_state_bytes(p.part[1], p.part[1]->blocks.count - 1, 1);
    assert_ok(ctx, rg_features_keep(p.features, &wish));
    for (int i = 0; i < BATCH; i++) sample[i] = i;
    memcpy(before, get(ctx, &p, 2, sample), bytes);
    change(p.part[1], 0);
    bool same = memcmp(before, get(ctx, &p, 2, sample), bytes) == 0;
    assert_int_equal(same, place != RG_FEATURES_RECOMPUTE);
    rg_features_forget(p.features);
    assert_features(ctx, &p, 2, sample);
    drop_parts(ctx, &p);
  }
}

/* ---- choosing ---- */

static void assert_told(const rg_features *f, rung_context *ctx, rg_features_place place,
                        const char *words) {
  rg_text text;
  rg_text_init(&text, ctx);
  rg_features_tell(f, &text);
  if (!strstr(text.data, words)) fail_msg("expected \"%s\" in \"%s\"", words, text.data);
  rg_text_free(&text);
  assert_int_equal(rg_features_where(f), place);
}

static void what_is_chosen_has_room_and_pays(void **state) {
  rung_context *ctx = *state;
  parts p;
  make_parts(ctx, 1, &p);
  const size_t all = rg_features_bytes(p.whole, PLACES, SAMPLES - 2);
  const struct {
    rg_features_place wished, place;
    double epochs;
    size_t memory;
    const char *folder, *vary, *words;
  } cases[] = {
      {RG_FEATURES_AUTO, RG_FEATURES_MEMORY, 10, all, NULL, NULL, "in memory, 0.02 MB"},
      {RG_FEATURES_AUTO, RG_FEATURES_DISK, 10, all - 1, ".", NULL, "on disk"},
      {RG_FEATURES_AUTO, RG_FEATURES_RECOMPUTE, 10, all - 1, NULL, NULL, "there is no folder"},
      {RG_FEATURES_AUTO, RG_FEATURES_RECOMPUTE, 10, 1, ".", NULL, "no memory for a list"},
      {RG_FEATURES_AUTO, RG_FEATURES_RECOMPUTE, 0.3, all, ".", NULL, "cheaper than keeping"},
      {RG_FEATURES_AUTO, RG_FEATURES_RECOMPUTE, 1, all - 1, ".", NULL, "cheaper than the disk"},
      {RG_FEATURES_MEMORY, RG_FEATURES_MEMORY, 0.3, all, ".", NULL, "in memory"},
      {RG_FEATURES_MEMORY, RG_FEATURES_RECOMPUTE, 10, all, ".", "so it is", "(so it is)"},
      {RG_FEATURES_DISK, RG_FEATURES_DISK, 0.3, all, ".", NULL, "on disk"},
      {RG_FEATURES_DISK, RG_FEATURES_RECOMPUTE, 10, all, NULL, NULL, "no folder for a file"},
      {RG_FEATURES_RECOMPUTE, RG_FEATURES_RECOMPUTE, 10, all, ".", NULL, "as asked for"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rg_features_wish wish = {.place = cases[i].wished,
                             .samples = PLACES,
                             .range = SAMPLES - 2,
                             .epochs = cases[i].epochs,
                             .memory = cases[i].memory,
                             .folder = cases[i].folder,
                             .vary = cases[i].vary};
    size_t before = rung_memory_now(ctx);
    assert_ok(ctx, rg_features_keep(p.features, &wish));
    assert_told(p.features, ctx, cases[i].place, cases[i].words);
    if (cases[i].place == RG_FEATURES_MEMORY)
      assert_in_range(rung_memory_now(ctx) - before, all - 512, all);
    wish.place = RG_FEATURES_RECOMPUTE;
    assert_ok(ctx, rg_features_keep(p.features, &wish));
  }
  rg_features_wish tight = wish_for(RG_FEATURES_MEMORY);
  tight.memory = all - 1;
  assert_error(ctx, rg_features_keep(p.features, &tight), RUNG_E_BUDGET, "features take");
  drop_parts(ctx, &p);
}

/* ---- a disk that fails ---- */

/* No file of this process becomes larger. */
static struct rlimit limit_files(rlim_t most) {
  struct rlimit before, now;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  now = before;
  now.rlim_cur = most;
  assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
  return before;
}

static void a_disk_that_fails_costs_time_alone(void **state) {
  rung_context *ctx = *state;
  int64_t sample[BATCH];
  for (int full = 0; full < 2; full++) {
    parts p;
    make_parts(ctx, 0, &p);
    rg_features_wish wish = wish_for(RG_FEATURES_DISK);
    if (!full) wish.folder = "nowhere";
    assert_ok(ctx, rg_features_keep(p.features, &wish));
    struct rlimit before = limit_files(2000);
    for (int step = 0; step < 4; step++) {
      draw(step, sample);
      assert_features(ctx, &p, 1 + step / 2, sample);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    const char *news = rg_features_news(p.features);
    assert_non_null(news);
    assert_non_null(strstr(news, full ? "cannot be written" : "cannot be made: No such file"));
    assert_null(rg_features_news(p.features));
    assert_int_equal(rg_features_where(p.features), RG_FEATURES_RECOMPUTE);
    drop_parts(ctx, &p);
  }
}

/* ---- trainers ---- */

/* As many steps of two trainers, of which one is told which samples there are. */
static void batches_need_not_tell_their_samples(void **state) {
  enum { TURN = 6 };
  rung_context *ctx = *state;
  double y[BATCH], x[BATCH * 5];
  int64_t sample[BATCH];
  rung_network *n[2] = {dense(ctx), dense(ctx)};
  rung_trainer *trainer[2];
  rung_training t = rung_training_default();
  t.modulewise = 1;
  t.procedure = "sequential";
  t.batch = BATCH;
  rg_features_wish wish = wish_for(RG_FEATURES_MEMORY);
  for (int i = 0; i < 2; i++) {
    assert_ok(ctx, rung_trainer_create(n[i], ctx, &t, MODULES * TURN, TURN, &trainer[i]));
    size_t before = rung_trainer_bytes(trainer[i]);
    assert_non_null(strstr(rung_trainer_plan(trainer[i]), "recomputed (batches do not tell"));
    assert_ok(ctx, rg_trainer_keep_features(trainer[i], &wish));
    assert_non_null(strstr(rung_trainer_plan(trainer[i]), "in memory"));
    assert_true(rung_trainer_bytes(trainer[i]) > before + PLACES * 8 * sizeof(double));
  }
  for (int step = 0; step < MODULES * TURN; step++) {
    draw(step, sample);
    for (int i = 0; i < BATCH; i++) y[i] = (double)(sample[i] % CLASSES);
    for (int i = 0; i < BATCH * 5; i++)
      x[i] = rg_normal(7, (uint64_t)sample[i / 5], (uint64_t)(i % 5));
    assert_ok(ctx,
              rg_trainer_step(trainer[0], &(rung_batch){.x = x, .y = y, .sample = sample}, NULL));
    assert_ok(ctx, rung_trainer_step(trainer[1], x, y, NULL, NULL));
  }
  assert_memory_equal(n[0]->theta, n[1]->theta, (size_t)n[0]->parameters * sizeof(double));
  for (int i = 0; i < 2; i++) {
    rung_trainer_destroy(trainer[i]);
    rung_network_destroy(n[i]);
  }
}

/* ---- runs ---- */

#define TURNS(procedure, features)                                                                 \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.width", "8", "model.layers",  \
      "6", "model.time", "3", "training.batch", "22", "training.epochs", "12",                     \
      "training.optimiser.rate", "0.02", "run.threads", "1", "training.scheme", "modulewise",      \
      "training.modules", "3", "training.laps", "2", "training.average", "0.9",                    \
      "training.procedure", procedure, "training.features", features

static void assert_same_models(const char *a, const char *b) {
  assert_same_file(path_in(a, RUNG_RUN_MODEL), path_in(b, RUNG_RUN_MODEL));
  assert_same_file(path_in(a, RUNG_RUN_LAST), path_in(b, RUNG_RUN_LAST));
}

static void assert_logged(const char *folder, const char *words) {
  char *log = read_file(path_in(folder, RUNG_RUN_LOG), NULL);
  if (!strstr(log, words)) fail_msg("%s: expected \"%s\" in the log", folder, words);
  free(log);
}

static const char *const procedures[] = {"sequential", "multilap"};

/* Whichever is chosen, and with any number of threads. */
static void places_change_no_bits(void **state) {
  static const char *const places[] = {"auto", "memory", "disk"};
  static const char *const told[] = {"in memory", "in memory", "on disk"};
  rung_context *ctx = *state;
  for (int p = 0; p < 2; p++) {
    train_in(ctx, RECIPE(TURNS(procedures[p], "recompute")), "anew", NULL, NULL);
    assert_logged("anew", "features of frozen modules: recomputed (as asked for)");
    for (int i = 0; i < 3; i++) {
      train_in(ctx, RECIPE(TURNS(procedures[p], places[i]), "run.threads", i == 0 ? "2" : "1"),
               "kept", NULL, NULL);
      assert_logged("kept", told[i]);
      assert_same_models("kept", "anew");
    }
  }
}

static void stopped_runs_go_on_to_the_same_bytes(void **state) {
  static const char *const places[] = {"memory", "disk"};
  for (int p = 0; p < 2; p++)
    assert_stops_change_nothing(*state, RECIPE(TURNS(procedures[p], places[p])), 6);
}

static void what_varies_is_computed_anew(void **state) {
  rung_context *ctx = *state;
  train_in(ctx, RECIPE(TURNS("sequential", "memory"), "data.augment.noise", "0.1"), "a", NULL,
           NULL);
  assert_logged("a", "recomputed (augmentation changes samples");
  train_in(ctx, RECIPE(TURNS("sequential", "recompute"), "data.augment.noise", "0.1"), "b", NULL,
           NULL);
  assert_same_models("a", "b");
}

/* What is asked for in memory counts; what is not takes what is left. */
static void the_limit_holds(void **state) {
  rung_context *ctx = *state;
  rung_train_result r;
  size_t least[2];
  for (int i = 0; i < 2; i++) {
    rung_recipe *recipe =
        training_of(ctx, RECIPE(TURNS("sequential", i ? "memory" : "recompute"), "data.train",
                                "many.csv", "training.memory", "1kB"));
    assert_int_equal(rung_train(ctx, recipe, NULL, NULL, NULL, NULL, NULL), RUNG_E_BUDGET);
    const char *at = strstr(rung_error(ctx), "takes at least ");
    char size[32];
    assert_non_null(at);
    assert_int_equal(sscanf(at, "takes at least %24[0-9.]", size), 1);
    least[i] = (size_t)(1e6 * atof(size) + 0.5);
    strcat(size, "MB");
    assert_ok(ctx, rung_recipe_set(recipe, ctx, "training.memory", size));
    assert_ok(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, NULL, &r));
    assert_true(r.planned_bytes <= least[i]);
    rung_recipe_destroy(recipe);
  }
  assert_true(least[1] > least[0] + 3000 * 8 * sizeof(float));
  char tight[32], wide[32];
  snprintf(tight, sizeof tight, "%zu", least[0]);
  snprintf(wide, sizeof wide, "%zu", 2 * least[1]);
  r = train_in(
      ctx, RECIPE(TURNS("sequential", "auto"), "data.train", "many.csv", "training.memory", tight),
      "a", NULL, NULL);
  assert_true(r.planned_bytes <= least[0]);
  assert_logged("a", "recomputed (they do not fit into memory, and that is");
  r = train_in(
      ctx, RECIPE(TURNS("sequential", "auto"), "data.train", "many.csv", "training.memory", wide),
      "a", NULL, NULL);
  assert_true(r.planned_bytes <= 2 * least[1]);
  assert_logged("a", "in memory");
}

/* The disk is full till it is told. */
static int lift_limit(void *user, const rung_train_progress *p) {
  const struct rlimit *before = user;
  if (p->note && strstr(p->note, "features of frozen modules are computed in each step"))
    setrlimit(RLIMIT_FSIZE, before);
  return 0;
}

static void runs_survive_a_full_disk(void **state) {
  rung_context *ctx = *state;
  train_in(ctx, RECIPE(TURNS("sequential", "recompute"), "data.train", "many.csv"), "anew", NULL,
           NULL);
  struct rlimit before = limit_files(80000); /* the state is smaller */
  train_in(ctx, RECIPE(TURNS("sequential", "disk"), "data.train", "many.csv"), "full", lift_limit,
           &before);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_logged("full", "{\"event\":\"features\",\"epoch\":5,\"recomputed\":\"the file of features "
                        "cannot be written: File too large\"");
  assert_same_models("full", "anew");
}

static rung_status train_and_drop(rung_context *ctx, void *arg) {
  rung_recipe *recipe;
  rung_status status = rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &recipe);
  if (status != RUNG_OK) return status;
  const char *const *pairs = arg;
  for (int i = 0; pairs[i] && status == RUNG_OK; i += 2)
    status = rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]);
  remove_folder("a");
  if (status == RUNG_OK) status = rung_train(ctx, recipe, "a", NULL, NULL, NULL, NULL);
  rung_recipe_destroy(recipe);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  static const char *const places[] = {"auto", "disk"};
  for (int i = 0; i < 2; i++)
    fail_each_allocation(
        train_and_drop,
        (void *)RECIPE(TURNS("sequential", places[i]), "data.limit", "50", "training.epochs", "3"),
        (fail_options){.may_recover = true, .most = 40});
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(features_are_those_of_a_sample_alone),
      TEST(kept_features_are_read),
      TEST(what_is_chosen_has_room_and_pays),
      TEST(a_disk_that_fails_costs_time_alone),
      TEST(batches_need_not_tell_their_samples),
      TEST(places_change_no_bits),
      TEST(stopped_runs_go_on_to_the_same_bytes),
      TEST(what_varies_is_computed_anew),
      TEST(the_limit_holds),
      TEST(runs_survive_a_full_disk),
      TEST(each_allocation_may_fail),
  };
  write_spirals("spirals.csv", 400, 0);
  write_spirals("many.csv", 4000, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
