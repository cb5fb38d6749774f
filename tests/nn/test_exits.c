/* Exits: files, scores of modules one after the other, early answers, numbers there and back, cuts.
 */
#include <math.h>
#include <stdio.h>

#include "fail_alloc.h"
#include "nn/early.h"
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
  const char *end; /* what the network ends with; NULL: pool */
} example;

/* Two stages of 3 layers; cuts behind a stem, in stages, between them and before the last block. */
static const example examples[] = {
    {"mlp", "resnet", "none", "conv", 1, {1}, NULL},
    {"mlp", "resnet", "batch", "mlp", 2, {1, 2}, NULL},
    {"cnn", "resnet", "batch", "conv", 3, {1, 3, 5}, NULL},
    {"cnn", "resnet", "none", "pool", 2, {2, 4}, NULL},
    {"resnet", "resnet", "batch", "conv", 3, {1, 2, 5}, NULL},
    {"resnet", "bottleneck", "layer", "mlp", 2, {2, 7}, NULL},
    {"conv", "hamiltonian", "batch", "conv", 4, {1, 3, 4, 8}, NULL},
    {"conv", "hamiltonian-two", "batch", "pool", 2, {3, 6}, NULL},
    {"conv", "leapfrog", "none", "mlp", 2, {2, 6}, NULL},
    {"conv", "midpoint", "batch", "pool", 2, {3, 5}, NULL},
    {"conv", "resnet", "group", "conv", 2, {3, 5}, NULL},
    {"dense", "hamiltonian", "none", "conv", 3, {1, 3, 6}, NULL},
    {"dense", "leapfrog", "batch", "conv", 2, {2, 7}, NULL},
    {"dense", "antisymmetric", "none", "pool", 2, {2, 5}, NULL},
    {"conv", "hamiltonian", "batch", "pool", 2, {3, 6}, "conv"},
    {"resnet", "resnet", "batch", "conv", 2, {2, 5}, "mlp"},
    {"dense", "leapfrog", "layer", "mlp", 1, {3}, "conv"},
};

static rung_network_settings settings_of(const example *e) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = e->architecture;
  s.block = e->block;
  s.norm = e->norm;
  s.head = e->end;
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

/* ---- early answers ---- */

static rung_network *make_classes(rung_context *ctx, const example *e, rung_dtype dtype) {
  static const char *const names[OUTPUTS] = {"a", "b", "c"};
  rung_network_settings s = settings_of(e);
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, &s, sample_of(e), OUTPUTS, dtype, 3, &n));
  for (int64_t i = 0; i < n->parameters; i++) {
    double began = rg_fetch(dtype, n->theta, i).hi;
    rg_store(dtype, n->theta, i, (rung_dd){began + 0.3 * rg_normal(7, 7, (uint64_t)i), 0});
  }
  for (int64_t i = 0; i < n->statistics; i++)
    rg_store(dtype, n->running, i, (rung_dd){0.5 + rg_uniform(8, 7, (uint64_t)i), 0});
  assert_ok(ctx, rung_network_set_classes(n, ctx, names));
  return n;
}

/* The largest probability, by the C library. */
static double largest_probability(rung_dtype dtype, const void *scores, int64_t sample) {
  double z[OUTPUTS], largest = -INFINITY, sum = 0;
  for (int k = 0; k < OUTPUTS; k++) {
    z[k] = rg_fetch(dtype, scores, sample * OUTPUTS + k).hi;
    largest = fmax(largest, z[k]);
  }
  for (int k = 0; k < OUTPUTS; k++) sum += exp(z[k] - largest);
  return 1 / sum;
}

/* A confidence between those that two of the samples have at the first exit, far from both. */
static double middle_confidence(rung_dtype dtype, const void *scores, double share) {
  double p[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    double own = largest_probability(dtype, scores, i);
    int at = i;
    for (; at > 0 && p[at - 1] > own; at--) p[at] = p[at - 1];
    p[at] = own;
  }
  int below = (int)(share * (SAMPLES - 2));
  return (p[below] + p[below + 1]) / 2;
}

typedef struct early_case {
  rung_network *n;
  char *x, *score[5]; /* [exits + 1][SAMPLES][OUTPUTS]: what each exit says of each sample */
  size_t answer;      /* bytes of a sample's scores */
} early_case;

static early_case open_early(rung_context *ctx, const example *e, rung_dtype dtype) {
  early_case c = {.n = make_classes(ctx, e, dtype), .answer = OUTPUTS * rung_dtype_size(dtype)};
  int64_t numbers = SAMPLES * rung_shape_count(&c.n->sample);
  c.x = rg_alloc(ctx, (size_t)numbers, rung_dtype_size(dtype));
  fill(dtype, c.x, numbers, 1);
  for (int k = 0; k <= e->exits; k++) {
    c.score[k] = rg_alloc(ctx, SAMPLES, c.answer);
    assert_ok(ctx, rung_network_apply_exit(c.n, ctx, k + 1, SAMPLES, c.x, c.score[k]));
  }
  return c;
}

static void close_early(rung_context *ctx, early_case *c) {
  for (int k = 0; k <= c->n->exits.count; k++) rg_free(ctx, c->score[k]);
  rg_free(ctx, c->x);
  rung_network_destroy(c->n);
}

/* Samples `first` on, by themselves: the exit is the first that is sure of each, its scores have
 * the bits of that exit over all samples, and modules compute those that come to them alone. */
static void check_early(rung_context *ctx, const early_case *c, double confidence, int64_t batch,
                        int64_t first, int64_t count) {
  const int ends = c->n->exits.count + 1;
  const size_t sample = (size_t)rung_shape_count(&c->n->sample) * rung_dtype_size(c->n->dtype);
  int exit[SAMPLES], came[6] = {0};
  char *y = rg_alloc(ctx, SAMPLES, c->answer);
  rg_early *early;
  assert_ok(ctx, rg_early_create(c->n, ctx, confidence, batch, &early));
  assert_ok(ctx, rg_early_run(early, count, c->x + (size_t)first * sample, y, exit));
  for (int64_t i = 0; i < count; i++) {
    int expected = 1;
    while (expected < ends &&
           largest_probability(c->n->dtype, c->score[expected - 1], first + i) < confidence)
      expected++;
    assert_int_equal(exit[i], expected);
    assert_memory_equal(y + (size_t)i * c->answer,
                        c->score[expected - 1] + (size_t)(first + i) * c->answer, c->answer);
    for (int m = 1; m <= expected; m++) came[m]++;
  }
  for (int m = 1; m <= ends; m++) assert_int_equal(rg_early_ran(early, m), came[m]);
  rg_early_destroy(early);
  rg_free(ctx, y);
}

static void samples_leave_at_the_first_sure_exit(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(examples); k++) {
    rung_dtype dtype = k % 3 == 0 ? RUNG_F32 : RUNG_F64;
    early_case c = open_early(ctx, &examples[k], dtype);
    for (int share = 1; share <= 3; share++) {
      double confidence = middle_confidence(dtype, c.score[0], share / 4.0);
      check_early(ctx, &c, confidence, SAMPLES, 0, SAMPLES);
      check_early(ctx, &c, confidence, 11, 3, 61);
    }
    close_early(ctx, &c);
  }
}

static void early_answers_do_not_know_each_other(void **state) {
  rung_context *ctx = *state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    early_case c = open_early(ctx, &examples[6], dtype);
    double confidence = middle_confidence(dtype, c.score[0], 0.5);
    for (int threads = 1; threads <= 3; threads += 2) {
      assert_ok(ctx, rung_set_threads(ctx, threads));
      for (int64_t i = 0; i < SAMPLES; i += 9) check_early(ctx, &c, confidence, 1, i, 1);
      check_early(ctx, &c, confidence, 64, 0, SAMPLES);
      check_early(ctx, &c, confidence, 7, 1, 20);
    }
    /* All leave at once; and hardly anyone before the end. */
    check_early(ctx, &c, 1e-300, 64, 0, SAMPLES);
    check_early(ctx, &c, 1, 64, 0, SAMPLES);
    check_early(ctx, &c, confidence, 64, 0, 0);
    close_early(ctx, &c);
  }
}

/* Where scores are no numbers, no exit is sure. */
static void lost_scores_go_to_the_end(void **state) {
  rung_context *ctx = *state;
  rung_network *n = make_classes(ctx, &examples[11], RUNG_F64);
  double x[2][3] = {{NAN, 1, 2}, {1, 2, 3}}, y[2][OUTPUTS];
  int exit[2];
  assert_ok(ctx, rung_network_apply_early(n, ctx, 1e-9, 2, x, y, exit));
  assert_int_equal(exit[0], 4);
  assert_true(isnan(y[0][0]));
  assert_int_equal(exit[1], 1);
  rung_network_destroy(n);
}

static void early_answers_are_refused(void **state) {
  rung_context *ctx = *state;
  static const double wrong[] = {0, -0.5, 1.0001, NAN, INFINITY};
  rung_network *n = make_classes(ctx, &examples[11], RUNG_F64);
  double x[3] = {0}, y[OUTPUTS];
  int exit;
  for (size_t i = 0; i < COUNT(wrong); i++)
    assert_error(ctx, rung_network_apply_early(n, ctx, wrong[i], 1, x, y, &exit), RUNG_E_ARGUMENT,
                 "confidence: expected more than 0 and at most 1, found");
  assert_error(ctx, rung_network_apply_early(n, ctx, 0.5, -1, x, y, &exit), RUNG_E_ARGUMENT,
               "apply: -1 samples");
  rung_network_destroy(n);
  n = make(ctx, &examples[11]);
  assert_error(ctx, rung_network_apply_early(n, ctx, 0.5, 1, x, y, &exit), RUNG_E_ARGUMENT,
               "confidence: expected a network that tells classes");
  rung_network_destroy(n);
  example none = examples[11];
  none.exits = 0;
  n = make_classes(ctx, &none, RUNG_F64);
  assert_error(ctx, rung_network_apply_early(n, ctx, 0.5, 1, x, y, &exit), RUNG_E_ARGUMENT,
               "confidence: expected a network with exits");
  rung_network_destroy(n);
}

/* ---- numbers, cuts ---- */

/* A cut network says what the exit says, and has none of the numbers behind it. */
static void cut_networks_are_their_exits(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(examples); k++) {
    early_case c = open_early(ctx, &examples[k], RUNG_F64);
    char *y = rg_alloc(ctx, SAMPLES, c.answer);
    rung_network *cut;
    rung_tensor tensor;
    for (int exit = 1; exit <= c.n->exits.count + 1; exit++) {
      assert_ok(ctx, rg_network_cut(c.n, ctx, exit, &cut));
      assert_ok(ctx, rung_network_apply(cut, ctx, SAMPLES, c.x, y));
      assert_memory_equal(y, c.score[exit - 1], SAMPLES * c.answer);
      assert_string_equal(rung_network_classes(cut)[1], "b");
      assert_true(rung_network_cost(cut, 1) == rung_network_cost(c.n, exit));
      assert_int_equal(rung_network_exits(cut), 0);
      assert_true(cut->parameters < c.n->parameters);
      for (int i = 0; i < rung_network_tensors(cut); i++) { /* of exits the one alone */
        assert_ok(ctx, rung_network_tensor(cut, ctx, i, &tensor));
        char own[16];
        snprintf(own, sizeof own, "exit%d.", exit);
        if (!strncmp(tensor.name, "exit", 4)) assert_memory_equal(tensor.name, own, strlen(own));
      }
      rung_network_destroy(cut);
    }
    rg_free(ctx, y);
    close_early(ctx, &c);
  }
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
  assert_error(ctx, rg_network_cut(n, ctx, 5, &part), RUNG_E_ARGUMENT,
               "exits: exit: expected 1 to 4, found 5");
  rung_network_destroy(n);
}

static void cuts_are_balanced_by_bytes(void **state) {
  rung_context *ctx = *state;
  example e = {"conv", "hamiltonian", "batch", NULL, 0, {0}, NULL};
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
  assert_true(rung_network_early_cost(n, 1) == rung_network_cost(n, 1));
  assert_true(rung_network_early_cost(n, 2) == rung_network_cost(n, 2) + 4 * 4 + 4 * 3);
  rung_network_destroy(n);
  n = make(ctx, &examples[2]); /* the stem; the exit's convolution */
  assert_true(rung_network_cost(n, 1) == 36 * 9 * (2 * 4 + 4 * 4) + 4 * 4 * 3);
  rung_network_destroy(n);
}

/* ---- what an exit sees of an image ---- */

static rung_tensor tensor_named(rung_context *ctx, const rung_network *n, const char *name) {
  rung_tensor t;
  for (int i = 0; i < rung_network_tensors(n); i++) {
    assert_ok(ctx, rung_network_tensor(n, ctx, i, &t));
    if (!strcmp(t.name, name)) return t;
  }
  fail_msg("no tensor %s", name);
  return t;
}

/* Of one channel, with convolutions that change nothing and a score for each window. */
static rung_network *make_seeing(rung_context *ctx, const rung_shape *sample, int windows) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  s.architecture = "resnet";
  s.activation = "identity";
  s.norm = "none";
  s.stages = 1;
  s.channels[0] = s.layers[0] = s.opening_kernel = 1;
  s.exits = 1;
  s.exit_at[0] = 1;
  assert_ok(ctx, rung_network_create(ctx, &s, sample, windows, RUNG_F64, 1, &n));
  *(double *)tensor_named(ctx, n, "stem.K").data = 1;
  rung_tensor k = tensor_named(ctx, n, "exit1.K"), w = tensor_named(ctx, n, "exit1.W");
  assert_int_equal(rung_shape_count(&k.shape), 9);
  assert_int_equal(rung_shape_count(&w.shape), windows * windows);
  memset(tensor_named(ctx, n, "exit1.b").data, 0, (size_t)windows * sizeof(double));
  for (int i = 0; i < 9; i++) ((double *)k.data)[i] = i == 4;
  for (int i = 0; i < windows * windows; i++) ((double *)w.data)[i] = i % (windows + 1) == 0;
  return n;
}

/* The mean of rows top to bottom - 1, columns left to right - 1. */
static double mean_within(const double *x, int64_t width, int64_t top, int64_t bottom, int64_t left,
                          int64_t right) {
  double sum = 0;
  for (int64_t i = top; i < bottom; i++)
    for (int64_t j = left; j < right; j++) sum += x[i * width + j];
  return sum / (double)((bottom - top) * (right - left));
}

/* Window i of c of an edge e: floor(i e / c) to ceil((i + 1) e / c). */
static void exits_see_where(void **state) {
  static const int64_t edges[][2] = {{6, 6}, {7, 5}, {2, 3}, {1, 4}, {3, 1}, {1, 1}};
  rung_context *ctx = *state;
  for (size_t k = 0; k < COUNT(edges); k++) {
    int64_t high = edges[k][0], wide = edges[k][1], rows = high < 2 ? 1 : 2,
            columns = wide < 2 ? 1 : 2;
    const rung_shape sample = {.rank = 3, .dim = {high, wide, 1}};
    rung_network *n = make_seeing(ctx, &sample, (int)(rows * columns));
    double x[64], y[4];
    fill(RUNG_F64, x, high * wide, 5);
    assert_ok(ctx, rung_network_apply_exit(n, ctx, 1, 1, x, y));
    for (int64_t i = 0; i < rows * columns; i++) {
      int64_t r = i / columns, c = i % columns;
      double mean = mean_within(x, wide, r * high / rows, ((r + 1) * high + rows - 1) / rows,
                                c * wide / columns, ((c + 1) * wide + columns - 1) / columns);
      assert_true(fabs(y[i] - mean / sqrt(1 + 1e-5)) < 1e-14);
    }
    rung_network_destroy(n);
  }
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

static rung_status cut_and_answer_early(rung_context *ctx, void *arg) {
  (void)arg;
  static const char *const names[OUTPUTS] = {"a", "b", "c"};
  rung_network_settings s = settings_of(&examples[11]);
  rung_network *n = NULL, *cut = NULL;
  double x[5][3] = {{1, 2, 3}}, y[5][OUTPUTS];
  int exit[5];
  rung_status status = rung_network_create(ctx, &s, &row, OUTPUTS, RUNG_F64, 1, &n);
  if (status == RUNG_OK) status = rung_network_set_classes(n, ctx, names);
  if (status == RUNG_OK) status = rung_network_apply_early(n, ctx, 0.5, 5, x, y, exit);
  if (status == RUNG_OK) status = rg_network_cut(n, ctx, 2, &cut);
  rung_network_destroy(cut);
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(cut_and_answer_early, NULL, (fail_options){.most = 300}) > 100);
  assert_true(fail_each_allocation(make_cut_apply, NULL, (fail_options){.most = 300}) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(files_keep_exits),
      TEST(heads_may_differ),
      TEST(damaged_exits_are_refused),
      TEST(modules_one_after_the_other_are_the_whole),
      TEST(samples_leave_at_the_first_sure_exit),
      TEST(early_answers_do_not_know_each_other),
      TEST(lost_scores_go_to_the_end),
      TEST(early_answers_are_refused),
      TEST(cut_networks_are_their_exits),
      TEST(numbers_go_there_and_back),
      TEST(the_only_module_is_the_network),
      TEST(the_chain_does_not_change),
      TEST(what_cannot_be_is_refused),
      TEST(cuts_are_balanced_by_bytes),
      TEST(costs_are_counted),
      TEST(exits_see_where),
      TEST(exits_are_prolonged),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
