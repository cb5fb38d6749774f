/* Networks that grow and modules that begin anew: what was there keeps its bits. */
#include "fail_alloc.h"
#include "nn/module.h"
#include "nn/network.h"
#include "test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const rung_shape row = {.rank = 1, .dim = {3}};
static const rung_shape image = {.rank = 3, .dim = {6, 6, 2}};

enum { SAMPLES = 9, OUTPUTS = 3, MORE = 2, LAYERS = 2 };

/* Stages of unequal length, so that their steps differ; with and without exits. */
typedef struct example {
  const char *architecture, *block, *norm;
  int stages, exits;
  int64_t last, at[2];
} example;

static const example examples[] = {
    {"mlp", "resnet", "none", 2, 1, 1, {1}},
    {"mlp", "resnet", "batch", 2, 0, 1, {0}},
    {"cnn", "resnet", "batch", 2, 2, 3, {1, 3}},
    {"cnn", "resnet", "none", 2, 0, 1, {0}}, /* the last stage is its opening alone */
    {"resnet", "resnet", "batch", 2, 1, 2, {3}},
    {"resnet", "bottleneck", "layer", 2, 1, 1, {2}},
    {"conv", "hamiltonian", "batch", 2, 2, 3, {1, 5}},
    {"conv", "midpoint", "group", 1, 0, 2, {0}},
    {"conv", "leapfrog", "none", 2, 1, 2, {3}},
    {"conv", "parabolic", "instance", 2, 1, 2, {3}},
    {"dense", "hamiltonian", "none", 1, 1, 4, {3}},
    {"dense", "resnet", "none", 2, 0, 3, {0}},
    {"dense", "antisymmetric", "batch", 2, 2, 3, {2, 5}},
};

static rung_network_settings settings_of(const example *e) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = e->architecture;
  s.block = e->block;
  s.norm = e->norm;
  s.stages = e->stages;
  s.channels[0] = 4;
  s.channels[1] = 8;
  s.layers[0] = 2;
  s.layers[e->stages - 1] = e->last;
  s.groups = 2;
  s.time = 1.7;
  s.exits = e->exits;
  memcpy(s.exit_at, e->at, sizeof e->at);
  for (int i = 0; i < e->exits; i++) s.exit_head[i] = i ? "mlp" : "conv";
  return s;
}

static const rung_shape *sample_of(const example *e) {
  return !strcmp(e->architecture, "mlp") || !strcmp(e->architecture, "dense") ? &row : &image;
}

/* With numbers that are nowhere equal; variances stay positive. */
static rung_network *make(rung_context *ctx, const rung_network_settings *s,
                          const rung_shape *sample) {
  static const char *const classes[] = {"a", "b", "c"};
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, s, sample, OUTPUTS, RUNG_F32, 3, &n));
  float *theta = n->theta, *running = n->running;
  for (int64_t i = 0; i < n->parameters; i++) theta[i] += (float)rg_normal(7, 7, (uint64_t)i) / 10;
  for (int64_t i = 0; i < n->statistics; i++) running[i] += (float)rg_uniform(8, 7, (uint64_t)i);
  for (int64_t i = 0; i < n->normalised; i++) n->mean[i] = 0.25 * (double)i;
  assert_ok(ctx, rung_network_set_classes(n, ctx, classes));
  return n;
}

static void scores(rung_context *ctx, const rung_network *n, int exit, float *y) {
  enum { MOST = 6 * 6 * 2 };
  float x[SAMPLES * MOST];
  for (int i = 0; i < SAMPLES * MOST; i++) x[i] = (float)rg_normal(1, 5, (uint64_t)i);
  assert_ok(ctx, rung_network_apply_exit(n, ctx, exit, SAMPLES, x, y));
}

static void assert_same_scores(rung_context *ctx, const rung_network *a, const rung_network *b,
                               int exits) {
  float x[SAMPLES * OUTPUTS], y[SAMPLES * OUTPUTS];
  for (int e = 1; e <= exits; e++) {
    scores(ctx, a, e, x);
    scores(ctx, b, e, y);
    assert_memory_equal(x, y, sizeof x);
  }
}

/* The old network's tensor lies in the new one's first layers, its last block in the new exit. */
static void assert_kept(rung_context *ctx, const rung_network *old, const rung_network *new) {
  rung_tensor a, b = {0};
  for (int i = 0; i < rung_network_tensors(old); i++) {
    char name[80];
    bool found = false;
    assert_ok(ctx, rung_network_tensor(old, ctx, i, &a));
    snprintf(name, sizeof name, "%s", a.name);
    if (!strncmp(a.name, "head.", 5))
      snprintf(name, sizeof name, "exit%d%s", rung_network_exits(old) + 1, a.name + 4);
    for (int k = 0; k < rung_network_tensors(new) && !found; k++) {
      assert_ok(ctx, rung_network_tensor(new, ctx, k, &b));
      found = !strcmp(b.name, name);
    }
    assert_true(found);
    assert_int_equal(a.statistic, b.statistic);
    assert_memory_equal(a.data, b.data, (size_t)rung_shape_count(&a.shape) * sizeof(float));
  }
}

static void old_modules_keep_their_bits(void **state) {
  static const char *const ends[] = {NULL, "conv", "mlp"};
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(ends) * COUNT(examples); k++) {
    const example *which = &examples[k / COUNT(ends)];
    rung_network_settings s = settings_of(which);
    s.head = ends[k % COUNT(ends)];
    rung_network *old = make(ctx, &s, sample_of(which)), *new, *again;
    rung_growth growth = {.modules = MORE, .layers = LAYERS, .head = "pool", .seed = 9};
    void *file;
    size_t length;
    assert_ok(ctx, rung_network_grow(old, ctx, &growth, &new));
    int exits = s.exits + MORE;
    assert_int_equal(rung_network_exits(new), exits);
    for (int e = s.exits; e + 1 < exits; e++)
      assert_int_equal(new->settings.exit_at[e + 1] - new->settings.exit_at[e], LAYERS);
    assert_kept(ctx, old, new);
    assert_same_scores(ctx, old, new, s.exits + 1);
    assert_string_equal(rung_network_classes(new)[2], "c");
    assert_memory_equal(old->mean, new->mean, (size_t)old->normalised * sizeof(double));
    assert_ok(ctx, rg_network_save_memory(new, ctx, &file, &length));
    assert_ok(ctx, rg_network_load_memory(ctx, "grown", file, length, &again));
    assert_same_scores(ctx, new, again, exits + 1);
    rg_free(ctx, file);
    rung_network_destroy(again);
    assert_ok(ctx, rung_network_grow(new, ctx, &(rung_growth){.modules = 1, .layers = 1}, &again));
    assert_same_scores(ctx, old, again, s.exits + 1);
    assert_same_scores(ctx, new, again, exits + 1);
    rung_network_destroy(again);
    rung_network_destroy(new);
    rung_network_destroy(old);
  }
}

/* Without further words a module is as long as the last one and has the last exit's head. */
static void defaults_follow_the_last_module(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = settings_of(&examples[10]); /* opening and 4 layers, cut behind 3 */
  rung_network *old = make(ctx, &s, &row), *new;
  rung_growth growth = rung_growth_default();
  growth.modules = 2;
  assert_ok(ctx, rung_network_grow(old, ctx, &growth, &new));
  static const int64_t at[] = {3, 5, 7};
  static const char *const heads[] = {"conv", "pool", "conv"};
  for (int e = 0; e < 3; e++) {
    assert_int_equal(new->settings.exit_at[e], at[e]);
    assert_string_equal(new->settings.exit_head[e], heads[e]);
  }
  assert_int_equal(new->settings.layers[0], 8);
  assert_int_equal(new->settings.added, 4);
  assert_true(new->blocks.list[1].settings.step == old->blocks.list[1].settings.step);
  rung_network *longer; /* twice as fine, where it has grown as well */
  assert_ok(ctx, rung_network_prolong(new, ctx, &longer));
  assert_true(longer->blocks.list[1].settings.step == old->blocks.list[1].settings.step / 2);
  rung_network_destroy(longer);
  rung_network_destroy(new);
  rung_network_destroy(old);
}

/* Settings that leave stages to the architecture grow as well. */
static void open_settings_are_filled_in(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = rung_network_settings_default();
  static const char *const names[] = {"mlp", "dense"};
  for (int i = 0; i < 2; i++) {
    s.architecture = names[i];
    rung_network *old = make(ctx, &s, &row), *new;
    assert_ok(ctx, rung_network_grow(old, ctx, &(rung_growth){.modules = 1, .layers = 1}, &new));
    assert_same_scores(ctx, old, new, 1);
    rung_network_destroy(new);
    rung_network_destroy(old);
  }
}

/* A module begins as one of that seed, whatever it was; the others stay. */
static void renewed_modules_begin_anew(void **state) {
  rung_context *ctx = *state;
  const example *e = &examples[6];
  rung_network_settings s = settings_of(e);
  rung_network *fresh, *part[2];
  assert_ok(ctx, rung_network_create(ctx, &s, &image, OUTPUTS, RUNG_F32, 21, &fresh));
  for (int module = 1; module <= 3; module++) {
    rung_network *n = make(ctx, &s, &image), *copy;
    assert_ok(ctx, rung_network_copy(n, ctx, &copy));
    assert_ok(ctx, rung_network_renew(n, ctx, module, 21));
    for (int k = 1; k <= 3; k++) {
      assert_ok(ctx, rg_network_module(n, ctx, k, &part[0]));
      assert_ok(ctx, rg_network_module(k == module ? fresh : copy, ctx, k, &part[1]));
      assert_memory_equal(part[0]->theta, part[1]->theta,
                          (size_t)part[0]->parameters * sizeof(float));
      assert_memory_equal(part[0]->running, part[1]->running,
                          (size_t)part[0]->statistics * sizeof(float));
      rung_network_destroy(part[0]);
      rung_network_destroy(part[1]);
    }
    assert_memory_not_equal(n->theta, copy->theta, (size_t)n->parameters * sizeof(float));
    rung_network_destroy(copy);
    rung_network_destroy(n);
  }
  assert_error(ctx, rung_network_renew(fresh, ctx, 4, 1), RUNG_E_ARGUMENT, "found 4");
  rung_network_destroy(fresh);
}

static void refused(rung_context *ctx, const rung_network_settings *s, const rung_growth *growth,
                    rung_status status, const char *text) {
  rung_network *n, *grown = NULL;
  assert_ok(ctx, rung_network_create(ctx, s, &row, OUTPUTS, RUNG_F64, 1, &n));
  assert_error(ctx, rung_network_grow(n, ctx, growth, &grown), status, text);
  assert_null(grown);
  rung_network_destroy(n);
}

static void what_cannot_grow_is_refused(void **state) {
  rung_context *ctx = *state;
  const rung_network_settings good = settings_of(&examples[10]);
  rung_growth growth = rung_growth_default();
  rung_network_settings s = good;
  s.exits = 0;
  s.fixed = 1;
  refused(ctx, &s, &growth, RUNG_E_UNSUPPORTED, "fixed point");
  s.fixed = 0;
  s.nodes = 3;
  refused(ctx, &s, &growth, RUNG_E_UNSUPPORTED, "linear in time between 3 nodes");
  growth.modules = 0;
  refused(ctx, &good, &growth, RUNG_E_ARGUMENT, "modules: expected 1 to 62 more");
  growth.modules = 63;
  refused(ctx, &good, &growth, RUNG_E_ARGUMENT, "found 63");
  growth = (rung_growth){.modules = 1, .layers = -1};
  refused(ctx, &good, &growth, RUNG_E_ARGUMENT, "layers: expected 1 to 1048576, found -1");
  growth = (rung_growth){.modules = 2, .layers = 1, .head = "tail"};
  refused(ctx, &good, &growth, RUNG_E_ARGUMENT, "expected one of conv, pool, mlp; found \"tail\"");
  s = settings_of(&examples[0]);
  growth = (rung_growth){.modules = 7, .layers = 1};
  refused(ctx, &s, &growth, RUNG_E_ARGUMENT, "an mlp has 8 hidden layers at the most; found 2");
  s = good;
  s.added = 4;
  rung_network *n;
  assert_error(ctx, rung_network_create(ctx, &s, &row, OUTPUTS, RUNG_F64, 1, &n), RUNG_E_ARGUMENT,
               "added: expected 0 to less than the 4 layers of the last stage; found 4");
}

static rung_status grow_and_renew(rung_context *ctx, void *arg) {
  (void)arg;
  rung_network_settings s = settings_of(&examples[10]);
  rung_growth growth = rung_growth_default();
  rung_network *n = NULL, *grown = NULL;
  rung_status status = rung_network_create(ctx, &s, &row, OUTPUTS, RUNG_F32, 1, &n);
  if (status == RUNG_OK) status = rung_network_grow(n, ctx, &growth, &grown);
  if (status == RUNG_OK) status = rung_network_renew(grown, ctx, 2, 5);
  rung_network_destroy(grown);
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(grow_and_renew, NULL, (fail_options){.most = 300}) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(old_modules_keep_their_bits), TEST(defaults_follow_the_last_module),
      TEST(open_settings_are_filled_in), TEST(renewed_modules_begin_anew),
      TEST(what_cannot_grow_is_refused), cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
