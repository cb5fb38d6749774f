/* Exits: files, scores of modules one after the other, numbers there and back, cuts. */
#include <math.h>
#include <stdio.h>

#include "fail_alloc.h"
#include "nn/module.h"
#include "nn/network.h"
#include "test.h"
#include "train/pass.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const rung_shape row = {.rank = 1, .dim = {3}};
static const rung_shape image = {.rank = 3, .dim = {6, 6, 2}};

enum { SAMPLES = 70, OUTPUTS = 3, MOST = 6 * 6 * 16 };

typedef struct example {
  const char *architecture, *block, *norm, *head;
  int exits;
  int64_t at[4];
} example;

/* Two stages of 3 layers; cuts behind a stem, in stages, between them and before the last block. */
static const example examples[] = {
    {"mlp", "resnet", "none", "conv", 1, {1}},
    {"mlp", "resnet", "batch", "mlp", 2, {1, 2}},
    {"cnn", "resnet", "batch", "conv", 3, {1, 3, 5}},
    {"cnn", "resnet", "none", "pool", 2, {2, 4}},
    {"resnet", "resnet", "batch", "conv", 3, {1, 2, 5}},
    {"resnet", "bottleneck", "layer", "mlp", 2, {2, 7}},
    {"conv", "hamiltonian", "batch", "conv", 4, {1, 3, 4, 8}},
    {"conv", "hamiltonian-two", "batch", "pool", 2, {3, 6}},
    {"conv", "leapfrog", "none", "mlp", 2, {2, 6}},
    {"conv", "midpoint", "batch", "pool", 2, {3, 5}},
    {"conv", "resnet", "group", "conv", 2, {3, 5}},
    {"dense", "hamiltonian", "none", "conv", 3, {1, 3, 6}},
    {"dense", "leapfrog", "batch", "conv", 2, {2, 7}},
    {"dense", "antisymmetric", "none", "pool", 2, {2, 5}},
};

static rung_network_settings settings_of(const example *e) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = e->architecture;
  s.block = e->block;
  s.norm = e->norm;
  s.stages = 2;
  s.channels[0] = 4;
  s.channels[1] = 8;
  s.layers[0] = s.layers[1] = 3;
  s.groups = 2;
  s.exits = e->exits;
  for (int i = 0; i < e->exits; i++) s.exit_head[i] = e->head;
  memcpy(s.exit_at, e->at, sizeof e->at);
  return s;
}

static const rung_shape *sample_of(const example *e) {
  return !strcmp(e->architecture, "mlp") || !strcmp(e->architecture, "dense") ? &row : &image;
}

static void fill(rung_dtype dtype, void *out, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; i++)
    rg_store(dtype, out, i, (rung_dd){rg_normal(seed, 5, (uint64_t)i), 0});
}

/* With numbers that are nowhere equal; variances stay positive. */
static rung_network *make(rung_context *ctx, const example *e) {
  rung_network_settings s = settings_of(e);
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, &s, sample_of(e), OUTPUTS, RUNG_F64, 3, &n));
  double *theta = n->theta, *running = n->running;
  for (int64_t i = 0; i < n->parameters; i++) theta[i] += 0.1 * rg_normal(7, 7, (uint64_t)i);
  for (int64_t i = 0; i < n->statistics; i++) running[i] += rg_uniform(8, 7, (uint64_t)i);
  return n;
}

static void files_keep_exits(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(examples); k++) {
    rung_network *n = make(ctx, &examples[k]), *back;
    void *file, *again;
    size_t length, length_again;
    assert_ok(ctx, rg_network_save_memory(n, ctx, &file, &length));
    assert_ok(ctx, rg_network_load_memory(ctx, "exits", file, length, &back));
    assert_ok(ctx, rg_network_save_memory(back, ctx, &again, &length_again));
    assert_int_equal(rung_network_exits(back), examples[k].exits);
    for (int e = 0; e < examples[k].exits; e++) {
      assert_int_equal(back->settings.exit_at[e], examples[k].at[e]);
      assert_string_equal(back->settings.exit_head[e], examples[k].head);
    }
    assert_int_equal(length, length_again);
    assert_memory_equal(file, again, length);
    assert_memory_equal(n->theta, back->theta, (size_t)n->parameters * sizeof(double));
    rg_free(ctx, file);
    rg_free(ctx, again);
    rung_network_destroy(n);
    rung_network_destroy(back);
  }
}

/* Each exit has its own head; a file says them in one word where they are the same. */
static void heads_may_differ(void **state) {
  rung_context *ctx = *state;
  static const char *const mixed[] = {"mlp", "conv", "pool"};
  rung_network_settings s = settings_of(&examples[11]);
  rung_network *n, *back;
  rung_tensor t;
  void *file;
  size_t length;
  for (int e = 0; e < 3; e++) s.exit_head[e] = mixed[e];
  assert_ok(ctx, rung_network_create(ctx, &s, &row, OUTPUTS, RUNG_F64, 3, &n));
  int hidden = 0; /* of mlp and conv: a map K in front of the last one */
  for (int i = 0; i < rung_network_tensors(n); i++) {
    assert_ok(ctx, rung_network_tensor(n, ctx, i, &t));
    if (!strcmp(t.name, "exit1.K") || !strcmp(t.name, "exit2.K")) hidden++;
    assert_string_not_equal(t.name, "exit3.K");
  }
  assert_int_equal(hidden, 2);
  assert_ok(ctx, rg_network_save_memory(n, ctx, &file, &length));
  assert_ok(ctx, rg_network_load_memory(ctx, "heads", file, length, &back));
  for (int e = 0; e < 3; e++) assert_string_equal(back->settings.exit_head[e], mixed[e]);
  rung_network_destroy(back);
  static const char said[] = "[mlp, conv, pool]";
  static const char *const wrong[] = {"[mlp, conv]      ", "[mlp,conv,pool,a]",
                                      "[mlp, conv, poolx", "[mlp, convconvco]",
                                      "[mlp, conv, poo ]", "mlp, conv, pool] "};
  for (size_t w = 0; w < COUNT(wrong); w++) {
    char *copy = rg_alloc(ctx, length, 1);
    memcpy(copy, file, length);
    for (size_t i = 0; i + sizeof said - 1 < length; i++)
      if (!memcmp(copy + i, said, sizeof said - 1)) memcpy(copy + i, wrong[w], sizeof said - 1);
    rung_status status = rg_network_load_memory(ctx, "heads", copy, length, &back);
    assert_true(status == RUNG_E_FORMAT || status == RUNG_E_ARGUMENT);
    assert_non_null(strstr(rung_error(ctx), "exit_head"));
    rg_free(ctx, copy);
  }
  rg_free(ctx, file);
  rung_network_destroy(n);
}

/* What the file says of exits, put in place of "[2, 5]" with the same length. */
static void damaged(rung_context *ctx, const char *file, size_t length, const char *text,
                    const char *message) {
  rung_network *n;
  char *copy = rg_alloc(ctx, length, 1);
  memcpy(copy, file, length);
  for (size_t i = 0; i + 6 < length; i++)
    if (!memcmp(copy + i, "[2, 5]", 6)) memcpy(copy + i, text, 6);
  rung_status status = rg_network_load_memory(ctx, "damaged", copy, length, &n);
  assert_true(status == RUNG_E_ARGUMENT || status == RUNG_E_FORMAT);
  assert_non_null(strstr(rung_error(ctx), message));
  rg_free(ctx, copy);
}

static void damaged_exits_are_refused(void **state) {
  rung_context *ctx = *state;
  example e = examples[13];
  rung_network *n = make(ctx, &e);
  void *file;
  size_t length;
  assert_ok(ctx, rg_network_save_memory(n, ctx, &file, &length));
  damaged(ctx, file, length, "[5, 2]", "rising");
  damaged(ctx, file, length, "[0, 5]", "found 0");
  damaged(ctx, file, length, "[2,99]", "found 99");
  damaged(ctx, file, length, "[2, -]", "model.exits");
  damaged(ctx, file, length, "[2   ]", "model.exits");
  damaged(ctx, file, length, "[2]   ", "model.exits");
  rg_free(ctx, file);
  rung_network_destroy(n);
}

/* Runs module 1 to exits + 1 on what the one before hands on; each one's scores are those of the
 * whole's exit, alone and in one walk with all others. */
static void check_modules(rung_context *ctx, const example *e) {
  static double features[2][SAMPLES * MOST], score[5][SAMPLES * OUTPUTS];
  double expected[SAMPLES * OUTPUTS];
  void *all[5] = {score[0], score[1], score[2], score[3], score[4]};
  rung_network *n = make(ctx, e), *part;
  rg_inference *walk, *body;
  fill(RUNG_F64, features[0], SAMPLES * rung_shape_count(&n->sample), 1);
  assert_ok(ctx, rg_inference_create_to(n, ctx, 16, RG_EVERY_EXIT, &walk));
  assert_ok(ctx, rg_inference_run_exits(walk, SAMPLES, features[0], all));
  rg_inference_destroy(walk);
  assert_ok(ctx, rung_network_apply(n, ctx, SAMPLES, features[0], expected));
  assert_memory_equal(score[e->exits], expected, sizeof expected);
  for (int k = 1; k <= e->exits + 1; k++) {
    assert_ok(ctx, rung_network_apply_exit(n, ctx, k, SAMPLES, features[0], expected));
    assert_memory_equal(score[k - 1], expected, sizeof expected);
  }
  for (int k = 1, at = 0; k <= e->exits + 1; k++, at = 1 - at) {
    assert_ok(ctx, rg_network_module(n, ctx, k, &part));
    assert_ok(ctx, rung_network_apply(part, ctx, SAMPLES, features[at], expected));
    assert_memory_equal(score[k - 1], expected, sizeof expected);
    assert_ok(ctx, rg_inference_create_to(part, ctx, 9, RG_BODY, &body));
    assert_ok(ctx, rg_inference_run_body(body, SAMPLES, features[at], features[1 - at]));
    rg_inference_destroy(body);
    rung_network_destroy(part);
  }
  rung_network_destroy(n);
}

static void modules_one_after_the_other_are_the_whole(void **state) {
  for (size_t k = 0; k < COUNT(examples); k++) check_modules(*state, &examples[k]);
}

/* Each module's numbers, changed and given, are the whole's; taken back they are the module's. All
 * of the whole's numbers belong to a module. */
static void numbers_go_there_and_back(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(examples); k++) {
    rung_network *n = make(ctx, &examples[k]), *part;
    double *theta = n->theta, *running = n->running;
    int64_t parameters = 0, statistics = 0;
    double sum = 0, before = 0;
    for (int64_t i = 0; i < n->parameters; i++) before += fabs(theta[i]);
    for (int m = 1; m <= examples[k].exits + 1; m++) {
      assert_ok(ctx, rg_network_module(n, ctx, m, &part));
      double *own = part->theta, *its = part->running;
      for (int64_t i = 0; i < part->parameters; i++) own[i] *= 2;
      for (int64_t i = 0; i < part->statistics; i++) its[i] = 2;
      rg_module_give(part, n, m);
      size_t bytes = (size_t)part->parameters * sizeof *own;
      double *kept = rg_alloc(ctx, bytes, 1);
      memcpy(kept, own, bytes);
      memset(own, 0, bytes);
      rg_module_take(part, n, m);
      assert_memory_equal(own, kept, bytes);
      rg_free(ctx, kept);
      parameters += part->parameters;
      statistics += part->statistics;
      rung_network_destroy(part);
    }
    for (int64_t i = 0; i < n->parameters; i++) sum += fabs(theta[i]);
    assert_true(sum == 2 * before);
    for (int64_t i = 0; i < n->statistics; i++) assert_true(running[i] == 2);
    assert_int_equal(parameters, n->parameters);
    assert_int_equal(statistics, n->statistics);
    rung_network_destroy(n);
  }
}

/* A step of training has the same bits: loss, gradient, statistics. */
static void check_same_pass(rung_context *ctx, rung_network *a, rung_network *b) {
  enum { BATCH = 4 };
  double x[BATCH * MOST], target[BATCH * OUTPUTS];
  rung_network *network[] = {a, b};
  rg_pass *pass[2];
  rg_pass_result result[2];
  const rg_pass_options options = {
      .batch = BATCH, .loss = RUNG_SQUARED, .activations = RUNG_STORE, .drift_bound = 1};
  const rg_pass_batch batch = {.x = x, .target = target};
  fill(RUNG_F64, x, BATCH * rung_shape_count(&a->sample), 1);
  fill(RUNG_F64, target, BATCH * OUTPUTS, 2);
  for (int i = 0; i < 2; i++) {
    assert_ok(ctx, rg_pass_create(network[i], ctx, &options, &pass[i]));
    assert_ok(ctx, rg_pass_run(pass[i], &batch, &result[i]));
  }
  assert_true(result[0].loss == result[1].loss);
  assert_memory_equal(result[0].gradient, result[1].gradient,
                      (size_t)a->parameters * sizeof(double));
  assert_memory_equal(a->running, b->running, (size_t)a->statistics * sizeof(double));
  for (int i = 0; i < 2; i++) rg_pass_destroy(pass[i]);
}

static void the_only_module_is_the_network(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(examples); k++) {
    example e = examples[k];
    e.exits = 0;
    rung_network *n = make(ctx, &e), *part;
    assert_ok(ctx, rg_network_module(n, ctx, 1, &part));
    assert_int_equal(part->parameters, n->parameters);
    assert_int_equal(part->decaying, n->decaying);
    assert_memory_equal(part->theta, n->theta, (size_t)n->parameters * sizeof(double));
    for (int i = 0; i < n->parameter_count; i++) {
      assert_string_equal(part->parameter[i].name, n->parameter[i].name);
      assert_int_equal(part->parameter[i].offset, n->parameter[i].offset);
    }
    check_same_pass(ctx, n, part);
    rung_network_destroy(part);
    rung_network_destroy(n);
  }
}

/* The tensors of the chain begin the same with exits and without, and a network without exits has
 * no word of them in its file. */
static void the_chain_does_not_change(void **state) {
  rung_context *ctx = *state;
  example e = examples[6];
  rung_network_settings s = settings_of(&e);
  rung_network *with, *without;
  rung_tensor a, b;
  void *file;
  size_t length;
  assert_ok(ctx, rung_network_create(ctx, &s, &image, OUTPUTS, RUNG_F32, 3, &with));
  s.exits = 0;
  memset(s.exit_head, 0, sizeof s.exit_head);
  assert_ok(ctx, rung_network_create(ctx, &s, &image, OUTPUTS, RUNG_F32, 3, &without));
  int found = 0;
  for (int i = 0; i < rung_network_tensors(without); i++)
    for (int k = 0; k < rung_network_tensors(with); k++) {
      assert_ok(ctx, rung_network_tensor(without, ctx, i, &a));
      assert_ok(ctx, rung_network_tensor(with, ctx, k, &b));
      if (strcmp(a.name, b.name) != 0) continue;
      assert_memory_equal(a.data, b.data, (size_t)rung_shape_count(&a.shape) * sizeof(float));
      found++;
    }
  assert_int_equal(found, rung_network_tensors(without));
  float x[6 * 6 * 2], y[OUTPUTS], z[OUTPUTS];
  fill(RUNG_F32, x, 6 * 6 * 2, 1);
  assert_ok(ctx, rung_network_apply(with, ctx, 1, x, y));
  assert_ok(ctx, rung_network_apply(without, ctx, 1, x, z));
  assert_memory_equal(y, z, sizeof y);
  assert_ok(ctx, rg_network_save_memory(without, ctx, &file, &length));
  for (size_t i = 0; i + 4 < length; i++) assert_memory_not_equal((char *)file + i, "exit", 4);
  rg_free(ctx, file);
  rung_network_destroy(with);
  rung_network_destroy(without);
}

static void refused(rung_context *ctx, const rung_network_settings *s, const char *text) {
  rung_network *n;
  assert_error(ctx, rung_network_create(ctx, s, &row, OUTPUTS, RUNG_F64, 1, &n), RUNG_E_ARGUMENT,
               text);
}

static void what_cannot_be_is_refused(void **state) {
  rung_context *ctx = *state;
  const rung_network_settings good = settings_of(&examples[11]);
  rung_network_settings s = good;
  s.exits = RUNG_MOST_EXITS + 1;
  refused(ctx, &s, "exits: expected 0 to 63, found 64");
  s.exits = -1;
  refused(ctx, &s, "found -1");
  s = good;
  s.exit_at[0] = 0;
  refused(ctx, &s, "exits: exit_at: expected 1 to 8, the layers before the last block; found 0");
  s = good;
  s.exit_at[2] = 9;
  refused(ctx, &s, "found 9");
  s.exit_at[2] = 3;
  refused(ctx, &s, "exits: exit_at: expected rising numbers; found 3 behind 3");
  s = good;
  s.exit_head[0] = "tail";
  refused(ctx, &s, "exits: exit_head: expected one of conv, pool, mlp; found \"tail\"");
  s = good;
  s.nodes = 2;
  refused(ctx, &s, "exits: exit_at: expected none inside stage1");
  s = good;
  s.fixed = 1;
  refused(ctx, &s, "exits: expected none where the state is in fixed point, found 3");
  rung_network *n = make(ctx, &examples[11]), *part;
  double x[3] = {0}, y[OUTPUTS];
  assert_error(ctx, rung_network_apply_exit(n, ctx, 5, 1, x, y), RUNG_E_ARGUMENT,
               "exits: exit: expected 1 to 4, found 5");
  assert_error(ctx, rung_network_apply_exit(n, ctx, 0, 1, x, y), RUNG_E_ARGUMENT, "found 0");
  assert_error(ctx, rg_network_module(n, ctx, 5, &part), RUNG_E_ARGUMENT,
               "exits: module: expected 1 to 4, found 5");
  rung_network_destroy(n);
}

static void cuts_are_balanced_by_bytes(void **state) {
  rung_context *ctx = *state;
  example e = {"conv", "hamiltonian", "batch", NULL, 0, {0}};
  rung_network_settings s = settings_of(&e);
  rung_network *n;
  int64_t at[RUNG_MOST_EXITS];
  assert_ok(ctx, rung_network_create(ctx, &s, &image, OUTPUTS, RUNG_F64, 1, &n));
  /* stem and 3 layers of 6 x 6 x 4 numbers, then 4 layers of 3 x 3 x 8: halves of 4 x 144 and 4 x
   * 72 */
  assert_ok(ctx, rg_choose_exits(n, ctx, 2, at));
  assert_int_equal(at[0], 3);
  assert_ok(ctx, rg_choose_exits(n, ctx, 8, at));
  for (int i = 0; i < 7; i++) assert_int_equal(at[i], i + 1);
  assert_error(ctx, rg_choose_exits(n, ctx, 9, at), RUNG_E_ARGUMENT,
               "exits: modules: expected 1 to 8");
  assert_error(ctx, rg_choose_exits(n, ctx, 0, at), RUNG_E_ARGUMENT, "found 0");
  rung_network_destroy(n);
  s.nodes = 2; /* stages stay whole */
  assert_ok(ctx, rung_network_create(ctx, &s, &image, OUTPUTS, RUNG_F64, 1, &n));
  assert_ok(ctx, rg_choose_exits(n, ctx, 4, at));
  assert_int_equal(at[0], 1);
  assert_int_equal(at[1], 4);
  assert_int_equal(at[2], 5);
  assert_error(ctx, rg_choose_exits(n, ctx, 5, at), RUNG_E_ARGUMENT, "expected 1 to 4");
  rung_network_destroy(n);
}

static void costs_are_counted(void **state) {
  rung_context *ctx = *state;
  rung_network *n = make(ctx, &examples[0]); /* 3 to 4 to 8 to 3; the exit 4 to 4 to 3 */
  assert_true(rung_network_cost(n, 1) == 3 * 4 + 4 * 4 + 4 * 3);
  assert_true(rung_network_cost(n, 2) == 3 * 4 + 4 * 8 + 8 * 3);
  rung_network_destroy(n);
  n = make(ctx, &examples[2]); /* the stem; the exit's convolution */
  assert_true(rung_network_cost(n, 1) == 36 * 9 * (2 * 4 + 4 * 4) + 4 * 3);
  rung_network_destroy(n);
}

/* A prolonged network has its cuts where they were in time. */
static void exits_are_prolonged(void **state) {
  rung_context *ctx = *state;
  rung_network *n = make(ctx, &examples[6]), *more; /* cuts 1, 3, 4, 8 of 1 + 3 + 1 + 3 layers */
  static const int64_t expected[] = {1, 5, 7, 14};
  assert_ok(ctx, rung_network_prolong(n, ctx, &more));
  for (int e = 0; e < 4; e++) assert_int_equal(more->settings.exit_at[e], expected[e]);
  rung_tensor a, b;
  for (int i = 0; i < rung_network_tensors(n); i++) {
    assert_ok(ctx, rung_network_tensor(n, ctx, i, &a));
    assert_ok(ctx, rung_network_tensor(more, ctx, i, &b));
    assert_string_equal(a.name, b.name);
    if (!strncmp(a.name, "exit", 4))
      assert_memory_equal(a.data, b.data, (size_t)rung_shape_count(&a.shape) * sizeof(double));
  }
  rung_network_destroy(n);
  rung_network_destroy(more);
}

static rung_status make_cut_apply(rung_context *ctx, void *arg) {
  (void)arg;
  rung_network_settings s = settings_of(&examples[11]);
  rung_network *n = NULL, *part = NULL;
  rg_inference *walk = NULL;
  double x[3] = {1, 2, 3}, y[4][OUTPUTS], features[8];
  void *all[] = {y[0], y[1], y[2], y[3]};
  rung_status status = rung_network_create(ctx, &s, &row, OUTPUTS, RUNG_F64, 1, &n);
  if (status == RUNG_OK) status = rg_inference_create_to(n, ctx, 1, RG_EVERY_EXIT, &walk);
  if (status == RUNG_OK) status = rg_inference_run_exits(walk, 1, x, all);
  rg_inference_destroy(walk);
  walk = NULL;
  if (status == RUNG_OK) status = rg_network_module(n, ctx, 1, &part);
  if (status == RUNG_OK) status = rg_inference_create_to(part, ctx, 1, RG_BODY, &walk);
  if (status == RUNG_OK) status = rg_inference_run_body(walk, 1, x, features);
  rg_inference_destroy(walk);
  rung_network_destroy(part);
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(make_cut_apply, NULL, (fail_options){.most = 300}) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(files_keep_exits),           TEST(heads_may_differ),
      TEST(damaged_exits_are_refused),  TEST(modules_one_after_the_other_are_the_whole),
      TEST(numbers_go_there_and_back),  TEST(the_only_module_is_the_network),
      TEST(the_chain_does_not_change),  TEST(what_cannot_be_is_refused),
      TEST(cuts_are_balanced_by_bytes), TEST(costs_are_counted),
      TEST(exits_are_prolonged),        cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
