/* Running out of memory while fitting, extending and predicting: an error, no crash, no leak. */
#include "fail_alloc.h"

#include <math.h>

#include "nn/model.h"
#include "rung/rung.h"
#include "store/models.h"

enum { ROWS = 70 };
static const double low[] = {-1, -1}, high[] = {1, 1};

/* What is fitted, how, and to which model it is added. */
typedef struct fit_case {
  rung_problem problem;
  rung_fit_options options;
  int stages_before; /* > 0: extends a model with random stages of that number */
  int ticks;         /* > 0: cancelled after so many calls of progress */
  int called;
} fit_case;

static int cancel_late(void *user, const rung_progress *progress) {
  fit_case *c = user;
  (void)progress;
  return c->ticks && ++c->called >= c->ticks;
}

static rung_status fit_or_extend(rung_context *ctx, const fit_case *c, rung_model **model) {
  if (!c->stages_before) return rung_fit(ctx, &c->problem, &c->options, model, NULL);
  rung_model *start;
  RG_TRY(rg_model_create(ctx, c->options.precision, c->problem.inputs, c->problem.outputs, NULL,
                         NULL, &start));
  rung_status status = RUNG_OK;
  for (int k = 0; k < c->stages_before && status == RUNG_OK; k++) {
    rg_stage *stage;
    status = rg_stage_create(ctx, c->problem.inputs, c->problem.outputs, 1, (int64_t[]){3},
                             (rg_activation[]){RG_TANH}, true, &stage);
    if (status == RUNG_OK) stage->bias[0] = 1;
    if (status == RUNG_OK) status = rg_model_append_stage(start, ctx, stage);
  }
  if (status == RUNG_OK) status = rung_extend(ctx, start, &c->problem, &c->options, model, NULL);
  rung_model_destroy(start);
  return status;
}

static rung_status use_fit(rung_context *ctx, void *arg) {
  fit_case *c = arg;
  c->called = 0;
  c->options.progress = cancel_late;
  c->options.progress_user = c;
  RG_TRY(rung_set_threads(ctx, 1));
  rung_model *model = NULL;
  rung_status status = fit_or_extend(ctx, c, &model);
  if (status == RUNG_OK)
    rung_model_destroy(model);
  else
    assert_null(model);
  return status;
}

static void fill(double *x, double *y, double roughness) {
  for (int i = 0; i < ROWS; i++) {
    x[i] = 2 * rg_uniform(5, 0, (uint64_t)i) - 1;
    y[i] = sin(2 * x[i] + 1) + roughness * fabs(x[i] - 0.2);
  }
}

static fit_case table_case(const double *x, const double *y) {
  fit_case c = {.options = rung_fit_options_default()};
  c.problem = (rung_problem){.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  return c;
}

/* Features suffice: lattice, clean-up, the model's growth. */
static void separable_with_features(void **state) {
  (void)state;
  double x[ROWS], y[ROWS];
  fill(x, y, 0);
  fit_case c = table_case(x, y);
  assert_true(fail_each_allocation(use_fit, &c, (fail_options){.most = 150}) > 100);
}

/* Features do not suffice, so that networks are tried by Levenberg-Marquardt. */
static void separable_with_networks(void **state) {
  (void)state;
  double x[ROWS], y[ROWS];
  fill(x, y, 1);
  fit_case c = table_case(x, y);
  c.options.stages = 1;
  c.ticks = 60;
  assert_true(fail_each_allocation(use_fit, &c, (fail_options){.most = 150}) > 100);
}

static rung_status wave(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                        const void *x, void *y) {
  (void)user, (void)ctx;
  const rung_dd *in = x;
  rung_dd *out = y;
  assert_int_equal(dtype, RUNG_DD);
  for (int64_t i = 0; i < points; i++) out[i] = (rung_dd){sin(2 * in[i].hi), 0};
  return RUNG_OK;
}

/* A function in quad: residuals and wide lattices. */
static void separable_in_quad(void **state) {
  (void)state;
  fit_case c = {.options = rung_fit_options_default()};
  c.problem = (rung_problem){.inputs = 1, .outputs = 1, .function = wave, .low = low, .high = high};
  c.options.precision = RUNG_DD;
  c.options.points = 40;
  c.options.stages = 2;
  assert_true(fail_each_allocation(use_fit, &c, (fail_options){.most = 100}) > 100);
}

static void gradient(void **state) {
  (void)state;
  double x[ROWS], y[ROWS];
  fill(x, y, 0);
  fit_case c = table_case(x, y);
  c.options.method = RUNG_GRADIENT;
  c.options.stages = 1;
  for (int minimiser = RUNG_LBFGS; minimiser <= RUNG_SSBROYDEN; minimiser++) {
    c.options.minimiser = (rung_minimiser)minimiser;
    c.ticks = 2;
    assert_true(fail_each_allocation(use_fit, &c, (fail_options){.most = 100}) > 100);
  }
}

/* By each method: a stage more, whose frequency comes from the residual's spectrum, and a stage in
 * the place of another. */
static void extending(void **state) {
  (void)state;
  double x[ROWS], y[ROWS];
  fill(x, y, 0.5);
  for (int method = RUNG_SEPARABLE; method <= RUNG_GRADIENT; method++)
    for (int replace = -1; replace <= 0; replace++) {
      fit_case c = table_case(x, y);
      c.options.method = (rung_method)method;
      c.options.stages = replace < 0 ? 3 : 0;
      c.options.replace = replace;
      c.stages_before = 2;
      c.ticks = 5;
      assert_true(fail_each_allocation(use_fit, &c, (fail_options){.most = 60}) > 100);
    }
}

static rung_status predict(rung_context *ctx, const rung_model *model, int64_t points) {
  static const rung_quantity quantity[] = {{0, -1}, {1, 0, -1}, {0, 0, 1, -1}, {1, 1, 1, 0, 0, -1}};
  static char x[100 * 2 * 16], y[100 * 4 * 16];
  rung_predictor *p;
  RG_TRY(rung_predictor_create(model, ctx, 4, quantity, &p));
  rung_status status = rung_predict(p, ctx, points, x, y);
  rung_predictor_destroy(p);
  return status;
}

static rung_status load_and_predict(rung_context *ctx, void *arg) {
  const rung_model *original = arg;
  rung_model *model;
  RG_TRY(rung_set_threads(ctx, 2));
  RG_TRY(rung_model_copy(original, ctx, &model));
  rung_status status = predict(ctx, model, 100);
  rung_model_destroy(model);
  return status;
}

static void predicting(void **state) {
  rung_context *ctx = *state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    rung_model *m = random_model(ctx, &(model_kind){dtype, 2, 2, 2, 2, RG_SIN, true}, 1);
    assert_true(fail_each_allocation(load_and_predict, m, (fail_options){.most = 200}) > 100);
    rung_model_destroy(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(separable_with_features),
      TEST(separable_with_networks),
      TEST(separable_in_quad),
      TEST(gradient),
      TEST(extending),
      TEST(predicting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
