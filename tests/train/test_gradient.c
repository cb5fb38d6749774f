/* The published recipe: its loss has exactly its gradient and does not depend on threads; a stage
 * computes what was trained; a second stage goes far below the first. */
#include "test.h"

#include <math.h>

#include "train/loss.h"
#include "train/train.h"

enum { INPUTS = 3, OUTPUTS = 2, POINTS = 700, LD = 720, LAYERS = 2 };

typedef struct fixture {
  rg_stage *stage;
  rg_loss *loss;
  rg_objective objective;
  double *s, *target, *theta, *gradient;
} fixture;

static void open_fixture(rung_context *ctx, fixture *x) {
  int64_t width[LAYERS] = {7, 5};
  rg_activation activation[LAYERS] = {RG_SIN, RG_TANH};
  assert_ok(ctx,
            rg_stage_create(ctx, INPUTS, OUTPUTS, LAYERS, width, activation, false, &x->stage));
  assert_ok(ctx, rg_loss_create(ctx, x->stage, INPUTS, OUTPUTS, 2.75, POINTS, &x->loss));
  x->s = rg_alloc(ctx, INPUTS * LD, sizeof(double));
  x->target = rg_alloc(ctx, OUTPUTS * LD, sizeof(double));
  int64_t n = rg_loss_weights(x->loss);
  x->theta = rg_alloc(ctx, (size_t)n, sizeof(double));
  x->gradient = rg_alloc(ctx, (size_t)n, sizeof(double));
  assert_true(x->s && x->target && x->theta && x->gradient);
  for (uint64_t i = 0; i < INPUTS * LD; i++) x->s[i] = 2 * rg_uniform(3, 1, i) - 1;
  for (uint64_t i = 0; i < OUTPUTS * LD; i++) x->target[i] = rg_normal(3, 2, i);
  for (int64_t i = 0; i < n; i++) x->theta[i] = 0.6 * rg_normal(3, 3, (uint64_t)i);
  size_t before = rung_memory_now(ctx), stated = rg_loss_bytes(x->loss);
  assert_ok(ctx, rg_loss_load(x->loss, LD, x->s, x->target));
  size_t taken = rung_memory_now(ctx) - before;
  assert_true(taken >= stated && taken < stated + 1024);
  x->objective = rg_loss_objective(x->loss);
  assert_int_equal(x->objective.n, n);
}

static void close_fixture(rung_context *ctx, fixture *x) {
  rg_free(ctx, x->s);
  rg_free(ctx, x->target);
  rg_free(ctx, x->theta);
  rg_free(ctx, x->gradient);
  rg_loss_destroy(x->loss);
  rg_stage_destroy(ctx, x->stage);
}

static double value_at(const fixture *x, double *gradient) {
  double value;
  assert_int_equal(x->objective.evaluate(x->objective.user, x->theta, &value, gradient), RUNG_OK);
  return value;
}

/* The stage's output at point i. */
static double output_by_hand(const fixture *x, int i, int o) {
  const rg_stage *stage = x->stage;
  double h[2][8] = {{0}};
  for (int j = 0; j < INPUTS; j++) h[0][j] = x->s[j * LD + i];
  for (int l = 0; l < LAYERS; l++) {
    const rg_layer *layer = &stage->layer[l];
    for (int64_t r = 0; r < layer->width; r++) {
      double z = layer->bias[r];
      for (int64_t j = 0; j < layer->inputs; j++)
        z += layer->weight[r * layer->inputs + j] * h[l % 2][j];
      h[(l + 1) % 2][r] = layer->activation == RG_TANH ? tanh(z) : sin(z);
    }
  }
  double u = stage->bias[o];
  for (int j = 0; j < 5; j++) u += stage->head[o * 5 + j] * h[LAYERS % 2][j];
  return u;
}

static void the_loss_is_the_mean_squared_error(void **state) {
  rung_context *ctx = *state;
  fixture x;
  open_fixture(ctx, &x);
  rg_loss_unpack(x.loss, x.theta, x.stage);
  double sum = 0;
  for (int i = 0; i < POINTS; i++)
    for (int o = 0; o < OUTPUTS; o++) {
      double error = output_by_hand(&x, i, o) - x.target[o * LD + i];
      sum += error * error;
    }
  assert_true(fabs(value_at(&x, x.gradient) / (sum / (POINTS * OUTPUTS)) - 1) < 1e-13);
  close_fixture(ctx, &x);
}

/* Central differences, extrapolated once (Richardson): an error of order h^4. */
static double difference(fixture *x, int64_t i, double *scratch) {
  double at = x->theta[i], slope[2];
  for (int k = 0; k < 2; k++) {
    double h = k ? 1e-3 : 2e-3;
    x->theta[i] = at + h;
    double above = value_at(x, scratch);
    x->theta[i] = at - h;
    slope[k] = (above - value_at(x, scratch)) / (2 * h);
  }
  x->theta[i] = at;
  return (4 * slope[1] - slope[0]) / 3;
}

static void the_gradient_is_that_of_the_loss(void **state) {
  rung_context *ctx = *state;
  fixture x;
  open_fixture(ctx, &x);
  value_at(&x, x.gradient);
  double *scratch = rg_alloc(ctx, (size_t)x.objective.n, sizeof *scratch);
  assert_non_null(scratch);
  for (int64_t i = 0; i < x.objective.n; i++) {
    double slope = difference(&x, i, scratch);
    if (!(fabs(slope - x.gradient[i]) < 1e-8 * (1 + fabs(slope))))
      fail_msg("weight %d: %.15g by differences, %.15g", (int)i, slope, x.gradient[i]);
  }
  rg_free(ctx, scratch);
  close_fixture(ctx, &x);
}

static void bits_do_not_depend_on_threads_or_instructions(void **state) {
  rung_context *ctx = *state;
  uint64_t expected = 0;
  for (int isa = 0; isa <= (int)rung_isa_best(); isa++)
    for (int threads = 1; threads <= 7; threads += 2) {
      assert_ok(ctx, rung_set_isa(ctx, (rung_isa)isa));
      assert_ok(ctx, rung_set_threads(ctx, threads));
      fixture x;
      open_fixture(ctx, &x);
      double value = value_at(&x, x.gradient);
      uint64_t hash = rg_hash(RG_HASH_START, &value, sizeof value);
      hash = rg_hash(hash, x.gradient, (size_t)x.objective.n * sizeof(double));
      if (!expected) expected = hash;
      assert_true(hash == expected);
      close_fixture(ctx, &x);
    }
}

static rung_status wave(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                        const void *x, void *y) {
  (void)user, (void)ctx;
  for (int64_t i = 0; i < points; i++) {
    double at = dtype == RUNG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
    double value = sin(2 * at + 1) + 0.2 * exp(1.3 * at);
    if (dtype == RUNG_F32)
      ((float *)y)[i] = (float)value;
    else
      ((double *)y)[i] = value;
  }
  return RUNG_OK;
}

static rung_problem wave_problem(void) {
  static const double low = -1, high = 1;
  return (rung_problem){.inputs = 1, .outputs = 1, .function = wave, .low = &low, .high = &high};
}

typedef struct seen {
  int stages;
  double error[4];
} seen;

static int watch(void *user, const rung_progress *progress) {
  seen *s = user;
  if (progress->finished && s->stages < 4)
    s->error[s->stages++] = progress->finished->heldout_error;
  return 0;
}

static void errors_fall_from_stage_to_stage(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  seen s = {0};
  rung_fit_options options = rung_fit_options_default();
  options.method = RUNG_GRADIENT;
  options.stages = 2;
  options.points = 120;
  options.progress = watch;
  options.progress_user = &s;
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
  assert_int_equal(s.stages, 2);
  if (!(s.error[0] < 1e-3 && s.error[1] < 0.05 * s.error[0]))
    fail_msg("errors %g, %g", s.error[0], s.error[1]);
  assert_true(model->stage[0].frequency == 1 && model->stage[1].frequency > 3);
  assert_int_equal(model->stage[0].layer[0].activation, RG_TANH);
  assert_int_equal(model->stage[1].layer[0].activation, RG_SIN);
  assert_int_equal(model->stage[1].layer[1].activation, RG_TANH);
  rung_model_destroy(model);
}

static int cancel_soon(void *user, const rung_progress *progress) {
  (void)progress;
  return ++*(int *)user > 20;
}

static void a_cancelled_fit_keeps_the_best(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  int calls = 0;
  rung_fit_options options = rung_fit_options_default();
  options.method = RUNG_GRADIENT;
  options.minimiser = RUNG_SSBROYDEN;
  options.precision = RUNG_F32;
  options.points = 100;
  options.progress = cancel_soon;
  options.progress_user = &calls;
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
  assert_int_equal(result.stop, RUNG_STOP_CANCELLED);
  assert_int_equal(model->stage_count, 1);
  assert_true(result.heldout_error < 0.5);
  assert_ok(ctx, rg_model_check(model, ctx, "single"));
  rung_model_destroy(model);
}

static void memory_past_the_limit_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  rung_fit_options options = rung_fit_options_default();
  options.method = RUNG_GRADIENT;
  options.minimiser = RUNG_SSBROYDEN;
  options.points = 100;
  options.memory = 1 << 20; /* the dense matrix alone takes 3 MB */
  rung_model *model;
  assert_error(ctx, rung_fit(ctx, &problem, &options, &model, NULL), RUNG_E_BUDGET,
               "the memory limit is 1048576 bytes");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_loss_is_the_mean_squared_error),
      TEST(the_gradient_is_that_of_the_loss),
      TEST(bits_do_not_depend_on_threads_or_instructions),
      TEST(errors_fall_from_stage_to_stage),
      TEST(a_cancelled_fit_keeps_the_best),
      TEST(memory_past_the_limit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
