/* Levenberg-Marquardt: planted networks are found, the projected Jacobian against differences, the
 * two ways to a step against each other, bits, memory. */
#include <math.h>

#include "fail_alloc.h"
#include "num/qr.h"
#include "train/levenberg.h"

typedef struct shape {
  int inputs, outputs, layers;
  int64_t width, points, heldout;
  rg_activation activation;
  bool has_skip;
} shape;

/* A problem with a stage to train on it. */
typedef struct problem {
  rung_context *ctx;
  rung_model model;
  rg_fit fit;
  rg_points data;
  rg_levenberg_options options;
  double *s, *y;
  rg_stage *stage;
} problem;

static void add(double *x, int64_t count, double scale, uint64_t purpose) {
  for (int64_t i = 0; i < count; i++) x[i] += scale * rg_normal(3, purpose, (uint64_t)i);
}

static void add_hidden(rg_stage *stage, double scale, uint64_t purpose) {
  for (int l = 0; l < stage->layer_count; l++) {
    rg_layer *layer = &stage->layer[l];
    double share = scale / sqrt((double)layer->inputs);
    add(layer->weight, layer->width * layer->inputs, share, purpose + 2 * (uint64_t)l);
    add(layer->bias, layer->width, scale / 2, purpose + 2 * (uint64_t)l + 1);
  }
}

static rung_status make_stage(rung_context *ctx, const shape *of, int64_t width, rg_stage **out) {
  int64_t widths[] = {width, width, width};
  rg_activation activations[] = {of->activation, of->activation, of->activation};
  return rg_stage_create(ctx, of->inputs, of->outputs, of->layers, widths, activations,
                         of->has_skip, out);
}

static void problem_free(problem *p) {
  rg_stage_destroy(p->ctx, p->stage);
  rg_free(p->ctx, p->s);
  rg_free(p->ctx, p->y);
}

/* Outputs of a stage at scaled points, by the formulas of nn/model.h. One point: `s` is `stride`
 * apart. */
static void stage_outputs(const rg_stage *stage, const shape *of, const double *s, int64_t stride,
                          double *y) {
  double h[64] = {0}, next[64] = {0};
  assert_true(of->inputs <= 64 && stage->layer[0].width <= 64);
  for (int j = 0; j < of->inputs; j++) h[j] = s[j * stride];
  for (int l = 0; l < stage->layer_count; l++) {
    const rg_layer *layer = &stage->layer[l];
    for (int64_t k = 0; k < layer->width; k++) {
      double z = layer->bias[k];
      for (int64_t j = 0; j < layer->inputs; j++) z += layer->weight[k * layer->inputs + j] * h[j];
      next[k] = layer->activation == RG_TANH ? tanh(z) : sin(z);
    }
    memcpy(h, next, sizeof h);
  }
  int64_t width = stage->layer[stage->layer_count - 1].width;
  for (int o = 0; o < of->outputs; o++) {
    y[o] = stage->bias[o];
    for (int64_t k = 0; k < width; k++) y[o] += stage->head[o * width + k] * h[k];
    for (int j = 0; stage->has_skip && j < of->inputs; j++)
      y[o] += stage->skip[o * of->inputs + j] * s[j * stride];
  }
}

#define PLANTED 40 /* the purpose of the planted hidden weights' random numbers */

/* Points of a planted network of `planted` units a layer, and a stage of of->width whose hidden
 * weights are 0. */
static rung_status problem_plant(rung_context *ctx, const shape *of, int64_t planted, problem *p) {
  int64_t total = of->points + of->heldout, ld = total + 5;
  *p = (problem){.ctx = ctx, .options = rg_levenberg_options_default()};
  p->s = rg_alloc(ctx, (size_t)(ld * of->inputs), sizeof *p->s);
  p->y = rg_calloc(ctx, (size_t)(ld * of->outputs), sizeof *p->y);
  rg_stage *truth = NULL;
  rung_status status = p->s && p->y ? make_stage(ctx, of, planted, &truth) : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = make_stage(ctx, of, of->width, &p->stage);
  if (status == RUNG_OK) {
    add_hidden(truth, 1.5, PLANTED);
    add(truth->head, planted * of->outputs, 1, 30);
    add(truth->bias, of->outputs, 1, 31);
    if (of->has_skip) add(truth->skip, of->inputs * of->outputs, 1, 32);
    for (int64_t i = 0; i < ld * of->inputs; i++) p->s[i] = 2 * rg_uniform(3, 1, (uint64_t)i) - 1;
    for (int64_t i = 0; i < total; i++) {
      double y[8];
      stage_outputs(truth, of, p->s + i, ld, y);
      for (int o = 0; o < of->outputs; o++) p->y[o * ld + i] = y[o];
    }
    p->data = (rg_points){of->inputs, of->outputs, of->points, of->heldout, ld, p->s, p->y};
  }
  rg_stage_destroy(ctx, truth);
  return status;
}

/* The same, the stage's hidden weights being random. */
static rung_status problem_make(rung_context *ctx, const shape *of, int64_t planted, problem *p) {
  RG_TRY(problem_plant(ctx, of, planted, p));
  add_hidden(p->stage, 1.2, 60);
  return RUNG_OK;
}

/* The fit points into the problem, which has its place now. */
static rg_fit *fit_of(problem *p) {
  p->fit = (rg_fit){.ctx = p->ctx, .model = &p->model, .started = rg_seconds()};
  return &p->fit;
}

/* From the planted weights with a change of a tenth of their size; the last from random ones. */
static void test_planted(void **state) {
  rung_context *ctx = *state;
  static const shape cases[] = {
      {2, 1, 1, 3, 600, 100, RG_TANH, true}, {2, 2, 1, 3, 600, 100, RG_TANH, false},
      {2, 1, 2, 3, 900, 100, RG_TANH, true}, {2, 2, 2, 3, 900, 100, RG_TANH, false},
      {1, 1, 1, 8, 300, 60, RG_SIN, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const shape *of = &cases[i];
    problem p;
    double rms = 1, squared[100], sum = 0, direct = 0;
    assert_ok(ctx, problem_plant(ctx, of, 3, &p));
    if (of->width == 3) add_hidden(p.stage, 1.5, PLANTED);
    add_hidden(p.stage, of->width == 3 ? 0.15 : 1.2, 110);
    p.options.ridge = 1e-12;
    p.options.iterations = 400;
    p.options.patience = 400;
    assert_ok(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, squared));
    if (!(rms <= 1e-8)) fail_msg("case %d: held-out RMS %g", (int)i, rms);
    for (int64_t k = 0; k < of->heldout; k++) {
      double y[8];
      sum += squared[k];
      stage_outputs(p.stage, of, p.s + of->points + k, p.data.ld, y);
      for (int o = 0; o < of->outputs; o++)
        direct += pow(y[o] - p.y[o * p.data.ld + of->points + k], 2);
    }
    double values = (double)(of->heldout * of->outputs);
    assert_true(fabs(sqrt(sum / values) - rms) <= 1e-12 * rms);
    assert_true(sqrt(direct / values) <= rms + 1e-10); /* the stage is what was judged */
    problem_free(&p);
  }
}

static const shape small_cases[] = {
    {2, 1, 1, 4, 40, 0, RG_TANH, true},
    {3, 2, 2, 3, 70, 0, RG_TANH, false},
    {1, 1, 3, 3, 60, 0, RG_SIN, true},
};

/* Where the residual is 0 and there is no ridge, the projected residual changes by P D_j h as
 * weight j changes by h: its norm, the objective, gives |P D_j| by a difference. Kaufman's
 * Jacobian is exact there. */
static void check_norms(problem *p, bool dense) {
  rg_lm lm;
  p->options.ridge = 0;
  p->options.dense_limit = dense ? 1000 : 0;
  assert_ok(p->ctx, rg_lm_begin(&lm, fit_of(p), &p->data, &p->options, p->stage));
  assert_true(lm.objective < 1e-12);
  assert_ok(p->ctx, dense ? rg_lm_dense_prepare(&lm, true) : rg_lm_free_prepare(&lm, true));
  memcpy(lm.trial_w, lm.w, (size_t)lm.hidden * sizeof *lm.w);
  double largest = 0, h = 1e-5, plus, minus;
  for (int64_t j = 0; j < lm.hidden; j++) largest = fmax(largest, lm.norm[j]);
  for (int64_t j = 0; j < lm.hidden; j++) {
    lm.trial_w[j] = lm.w[j] + h;
    assert_ok(p->ctx, rg_lm_evaluate(&lm, lm.trial_w, lm.trial_c, &plus));
    lm.trial_w[j] = lm.w[j] - h;
    assert_ok(p->ctx, rg_lm_evaluate(&lm, lm.trial_w, lm.trial_c, &minus));
    lm.trial_w[j] = lm.w[j];
    double want = (plus + minus) / (2 * h);
    if (!(fabs(lm.norm[j] - want) <= 1e-4 * largest))
      fail_msg("weight %d: norm %g, by difference %g", (int)j, lm.norm[j], want);
  }
  rg_lm_end(&lm);
}

static void test_projected_jacobian(void **state) {
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof small_cases / sizeof *small_cases; i++) {
    problem p;
    assert_ok(ctx, problem_plant(ctx, &small_cases[i], small_cases[i].width, &p));
    add_hidden(p.stage, 1.5, PLANTED);
    check_norms(&p, true);
    check_norms(&p, false);
    problem_free(&p);
  }
}

/* -R22'q2 is the gradient of half the squared objective, ridge included. */
static void test_gradient(void **state) {
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof small_cases / sizeof *small_cases; i++) {
    problem p;
    rg_lm lm;
    assert_ok(ctx, problem_make(ctx, &small_cases[i], 2, &p));
    p.options.ridge = 1e-2;
    assert_ok(ctx, rg_lm_begin(&lm, fit_of(&p), &p.data, &p.options, p.stage));
    assert_ok(ctx, rg_lm_dense_prepare(&lm, true));
    memcpy(lm.trial_w, lm.w, (size_t)lm.hidden * sizeof *lm.w);
    const double *q = lm.reduced + lm.hidden * lm.reduced_ld;
    for (int64_t j = 0; j < lm.hidden; j++) {
      double found = 0, h = 1e-5, plus, minus;
      for (int64_t k = 0; k <= j; k++) found -= lm.reduced[j * lm.reduced_ld + k] * q[k];
      lm.trial_w[j] = lm.w[j] + h;
      assert_ok(ctx, rg_lm_evaluate(&lm, lm.trial_w, lm.trial_c, &plus));
      lm.trial_w[j] = lm.w[j] - h;
      assert_ok(ctx, rg_lm_evaluate(&lm, lm.trial_w, lm.trial_c, &minus));
      lm.trial_w[j] = lm.w[j];
      double want = (plus * plus - minus * minus) / (4 * h), size = lm.objective * lm.norm[j];
      if (!(fabs(found - want) <= 1e-6 * (1 + size)))
        fail_msg("case %d, weight %d: %g, by difference %g", (int)i, (int)j, found, want);
    }
    rg_lm_end(&lm);
    problem_free(&p);
  }
}

static void test_dense_and_free_agree(void **state) {
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof small_cases / sizeof *small_cases; i++) {
    problem p;
    rg_lm dense, free_of;
    double difference = 0, length = 0;
    assert_ok(ctx, problem_make(ctx, &small_cases[i], 2, &p));
    assert_ok(ctx, rg_lm_begin(&dense, fit_of(&p), &p.data, &p.options, p.stage));
    p.options.dense_limit = 0;
    assert_ok(ctx, rg_lm_begin(&free_of, fit_of(&p), &p.data, &p.options, p.stage));
    assert_true(dense.dense && !free_of.dense && dense.objective == free_of.objective);
    assert_ok(ctx, rg_lm_dense_prepare(&dense, true));
    assert_ok(ctx, rg_lm_dense_step(&dense));
    free_of.tolerance = 1e-8;
    assert_ok(ctx, rg_lm_free_prepare(&free_of, true));
    free_of.damping *= 100; /* another damping goes on with the same process */
    assert_ok(ctx, rg_lm_free_step(&free_of));
    free_of.damping /= 100;
    assert_ok(ctx, rg_lm_free_step(&free_of));
    for (int64_t j = 0; j < dense.hidden; j++) {
      assert_true(fabs(dense.scale[j] - free_of.scale[j]) <= 1e-6 * dense.scale[j]);
      difference += pow(dense.step[j] - free_of.step[j], 2);
      length += pow(dense.step[j], 2);
    }
    if (!(sqrt(difference / length) <= 1e-5))
      fail_msg("case %d: steps differ by %g", (int)i, sqrt(difference / length));
    rg_lm_end(&dense);
    rg_lm_end(&free_of);
    problem_free(&p);
  }
}

static void check_bits(rung_context *ctx, const shape *of, int64_t dense_limit) {
  static const int threads[] = {1, 2, 3, 7, 16};
  double first_rms = 0;
  rg_stage *first = NULL;
  for (int i = 0; i < 5; i++) {
    problem p;
    double rms;
    assert_ok(ctx, rung_set_threads(ctx, threads[i]));
    assert_ok(ctx, problem_make(ctx, of, 3, &p));
    p.options.iterations = 4;
    p.options.dense_limit = dense_limit;
    assert_ok(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL));
    if (first) {
      assert_true(rms == first_rms);
      for (int l = 0; l < of->layers; l++) {
        const rg_layer *a = &first->layer[l], *b = &p.stage->layer[l];
        assert_memory_equal(a->weight, b->weight,
                            (size_t)(a->width * a->inputs) * sizeof *a->weight);
        assert_memory_equal(a->bias, b->bias, (size_t)a->width * sizeof *a->bias);
      }
    } else {
      first = p.stage;
      first_rms = rms;
      p.stage = NULL;
    }
    problem_free(&p);
  }
  rg_stage_destroy(ctx, first);
}

static void test_bits_over_threads(void **state) {
  static const shape of = {3, 2, 2, 8, 1500, 100, RG_TANH, true};
  check_bits(*state, &of, 1000);
  check_bits(*state, &of, 0);
}

static void test_planned_memory(void **state) {
  rung_context *ctx = *state;
  static const shape of = {4, 2, 2, 12, 2000, 200, RG_TANH, true};
  for (int dense = 0; dense < 2; dense++) {
    rung_context *own;
    problem p;
    size_t planned;
    double rms;
    assert_ok(ctx, rung_context_create(NULL, &own));
    assert_ok(own, problem_make(own, &of, 3, &p));
    p.options.iterations = 2;
    p.options.dense_limit = dense ? 1000 : 0;
    assert_ok(own, rg_levenberg_bytes(fit_of(&p), &p.data, &p.options, p.stage, &planned));
    size_t before = rung_memory_now(own);
    assert_ok(own, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL));
    double held = (double)(rung_memory_peak(own) - before);
    if (!(fabs(held / (double)planned - 1) <= 0.1))
      fail_msg("planned %zu bytes, held %g", planned, held);
    assert_int_equal(rung_memory_now(own), before);
    problem_free(&p);
    rung_context_destroy(own);
  }
}

/* Stops at the third report. */
static int stop_soon(void *user, const rung_progress *progress) {
  assert_string_equal(progress->doing, "training the hidden layers");
  return ++*(int *)user == 3;
}

static void test_stop_keeps_best(void **state) {
  rung_context *ctx = *state;
  static const shape of = {2, 1, 1, 6, 300, 50, RG_TANH, true};
  problem p;
  int reports = 0;
  double at_start, stopped;
  assert_ok(ctx, problem_make(ctx, &of, 3, &p));
  p.options.iterations = 0; /* only the head */
  assert_ok(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &at_start, NULL));
  p.options.iterations = 100;
  fit_of(&p)->options.progress = stop_soon;
  p.fit.options.progress_user = &reports;
  assert_ok(ctx, rg_levenberg(&p.fit, &p.data, &p.options, p.stage, &stopped, NULL));
  assert_true(p.fit.stopped && reports == 3 && stopped < at_start);
  problem_free(&p);
}

static void test_errors(void **state) {
  rung_context *ctx = *state;
  static const shape of = {2, 1, 1, 6, 100, 20, RG_TANH, true};
  problem p;
  double rms;
  assert_ok(ctx, problem_make(ctx, &of, 3, &p));
  p.data.inputs = 1;
  assert_error(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL),
               RUNG_E_SHAPE, "2 inputs, the points have 1");
  rung_clear_error(ctx);
  p.data.inputs = 2;
  p.data.points = 0;
  assert_error(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL),
               RUNG_E_ARGUMENT, "0 points");
  rung_clear_error(ctx);
  p.data.points = of.points;
  if (p.stage) p.stage->layer[0].weight[0] = NAN;
  assert_error(ctx, rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL),
               RUNG_E_NUMERIC, "not finite");
  problem_free(&p);
}

static rung_status train_and_drop(rung_context *ctx, void *arg) {
  static const shape of = {2, 2, 2, 3, 60, 10, RG_TANH, true};
  problem p;
  double rms;
  rung_status status = problem_make(ctx, &of, 3, &p);
  p.options.iterations = 2;
  p.options.dense_limit = *(int64_t *)arg;
  if (status == RUNG_OK)
    status = rg_levenberg(fit_of(&p), &p.data, &p.options, p.stage, &rms, NULL);
  problem_free(&p);
  return status;
}

static void test_failing_allocations(void **state) {
  (void)state;
  for (int64_t dense_limit = 0; dense_limit <= 1000; dense_limit += 1000)
    fail_each_allocation(train_and_drop, &dense_limit, (fail_options){.most = 150});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_planted),
      TEST(test_projected_jacobian),
      TEST(test_gradient),
      TEST(test_stop_keeps_best),
      TEST(test_dense_and_free_agree),
      TEST(test_bits_over_threads),
      TEST(test_planned_memory),
      TEST(test_errors),
      TEST(test_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
