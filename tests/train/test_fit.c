/* Fits reach the rounding floor of each precision and the noise floor of noisy data, keep their
 * promises about bits, and end early with the best model. */
#include "test.h"

#include <math.h>
#include <mpfr.h>

#include "fail_alloc.h"
#include "nn/model.h"
#include "rung/rung.h"

static const double low[] = {-1, -1, -1}, high[] = {1, 1, 1};

/* sin(2x+1) + 0.2 exp(1.3x) by a graph, in double or double-double. */
static rung_status wave(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                        const void *x, void *y) {
  (void)user;
  rung_graph *g;
  rung_program *program;
  void *workspace;
  RG_TRY(rung_graph_create(ctx, &g));
  rung_expression *expression;
  RG_TRY(rung_expression_parse(ctx, "sin(2*x+1)+0.2*exp(1.3*x)", &expression));
  rung_node in = rung_input(g, "x", 1, &points);
  rung_node out = rung_expression_build(expression, g, 1, (const char *const[]){"x"}, &in);
  rung_compile_options options = {.dtype = dtype};
  RG_TRY(rung_compile(g, &options, 1, &in, 1, &out, &program));
  RG_TRY(rung_alloc(ctx, rung_program_bytes(program), &workspace));
  rung_status status = rung_program_run(program, ctx, workspace, &x, &y);
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  rung_expression_destroy(expression);
  rung_graph_destroy(g);
  return status;
}

static rung_problem wave_problem(void) {
  return (rung_problem){.inputs = 1, .outputs = 1, .function = wave, .low = low, .high = high};
}

static void true_wave(mpfr_t out, double x) {
  mpfr_t a;
  mpfr_init2(a, 200);
  mpfr_set_d(out, x, MPFR_RNDN);
  mpfr_mul_ui(out, out, 2, MPFR_RNDN);
  mpfr_add_ui(out, out, 1, MPFR_RNDN);
  mpfr_sin(out, out, MPFR_RNDN);
  mpfr_set_str(a, "1.3", 10, MPFR_RNDN);
  mpfr_mul_d(a, a, x, MPFR_RNDN);
  mpfr_exp(a, a, MPFR_RNDN);
  mpfr_div_ui(a, a, 5, MPFR_RNDN);
  mpfr_add(out, out, a, MPFR_RNDN);
  mpfr_clear(a);
}

/* Largest error over largest value on unseen points, against MPFR. */
static double unseen_error(rung_context *ctx, const rung_model *model) {
  enum { N = 500 };
  rung_predictor *predictor;
  assert_ok(ctx, rung_predictor_create(model, ctx, 0, NULL, &predictor));
  rung_dtype dtype = rung_model_dtype(model);
  char x[N * 16], y[N * 16];
  double at[N], worst = 0, largest = 0;
  for (int i = 0; i < N; i++) {
    at[i] = (double)(float)(2 * rg_uniform(77, 0, (uint64_t)i) - 1);
    if (dtype == RUNG_F32) ((float *)(void *)x)[i] = (float)at[i];
    if (dtype == RUNG_F64) ((double *)(void *)x)[i] = at[i];
    if (dtype == RUNG_DD) ((rung_dd *)(void *)x)[i] = (rung_dd){at[i], 0};
  }
  assert_ok(ctx, rung_predict(predictor, ctx, N, x, y));
  mpfr_t truth;
  mpfr_init2(truth, 200);
  for (int i = 0; i < N; i++) {
    true_wave(truth, at[i]);
    largest = fmax(largest, fabs(mpfr_get_d(truth, MPFR_RNDN)));
    rung_dd v = {0, 0};
    if (dtype == RUNG_F32) v.hi = (double)((float *)(void *)y)[i];
    if (dtype == RUNG_F64) v.hi = ((double *)(void *)y)[i];
    if (dtype == RUNG_DD) v = ((rung_dd *)(void *)y)[i];
    mpfr_sub_d(truth, truth, v.hi, MPFR_RNDN);
    mpfr_sub_d(truth, truth, v.lo, MPFR_RNDN);
    worst = fmax(worst, fabs(mpfr_get_d(truth, MPFR_RNDN)));
  }
  mpfr_clear(truth);
  rung_predictor_destroy(predictor);
  return worst / largest;
}

static void every_precision_reaches_its_rounding_floor(void **state) {
  rung_context *ctx = *state;
  static const double bound[] = {4e-7, 2e-15, 1e-30};
  for (int dtype = 0; dtype < 3; dtype++) {
    rung_problem problem = wave_problem();
    rung_fit_options options = rung_fit_options_default();
    options.precision = (rung_dtype)dtype;
    rung_model *model;
    rung_fit_result result;
    assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
    assert_int_equal(result.stop, RUNG_STOP_ROUNDING);
    double error = unseen_error(ctx, model);
    if (!(error <= bound[dtype]))
      fail_msg("%s: error %g on unseen points", rung_dtype_name((rung_dtype)dtype), error);
    /* the plan is what was needed */
    assert_true((double)result.peak_bytes <= 1.1 * (double)result.planned_bytes);
    assert_true((double)result.peak_bytes >= 0.9 * (double)result.planned_bytes);
    rung_model_destroy(model);
  }
}

/* A table of sin(2x+1) + 0.2 exp(1.3x) at random points, with noise. */
enum { ROWS = 1000 };
static void fill_table(double *x, double *y, double noise) {
  for (int i = 0; i < ROWS; i++) {
    x[i] = 2 * rg_uniform(5, 0, (uint64_t)i) - 1;
    y[i] = sin(2 * x[i] + 1) + 0.2 * exp(1.3 * x[i]) + noise * rg_normal(5, 1, (uint64_t)i);
  }
}

static void noise_is_seen_and_not_fitted(void **state) {
  rung_context *ctx = *state;
  double x[ROWS], y[ROWS];
  fill_table(x, y, 0.01);
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, NULL, &model, &result));
  assert_int_equal(result.stop, RUNG_STOP_NOISE);
  assert_int_equal(rung_model_stages(model), 1); /* a stage that fits noise is not kept */
  assert_true(result.noise > 0.009 && result.noise < 0.011);
  assert_true(rung_model_noise(model) == result.noise);
  assert_true(unseen_error(ctx, model) < 0.006);
  rung_model_destroy(model);
}

static void clean_tables_reach_rounding(void **state) {
  rung_context *ctx = *state;
  double x[ROWS], y[ROWS];
  fill_table(x, y, 0);
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, NULL, &model, &result));
  assert_int_equal(result.stop, RUNG_STOP_ROUNDING);
  assert_true(unseen_error(ctx, model) < 4e-15);
  rung_model_destroy(model);
}

/* What the table of stages calls held-out error holds at new points, also after later stages. */
static void few_rows_tell_the_error_at_new_points(void **state) {
  rung_context *ctx = *state;
  double x[ROWS], y[ROWS];
  for (int rows = 20; rows <= 160; rows *= 2) {
    for (int i = 0; i < rows; i++) {
      x[i] = 2.0 * i / (rows - 1) - 1;
      y[i] = sin(2 * x[i] + 1) + 0.2 * exp(1.3 * x[i]);
    }
    rung_problem problem = {.inputs = 1, .outputs = 1, .points = rows, .x = x, .y = y};
    rung_model *model;
    rung_fit_result result;
    assert_ok(ctx, rung_fit(ctx, &problem, NULL, &model, &result));
    assert_true(unseen_error(ctx, model) < 4 * result.heldout_error);
    rung_model_destroy(model);
  }
}

/* Sums of squares of these targets would overflow or vanish. */
static void size_of_targets_does_not_matter(void **state) {
  rung_context *ctx = *state;
  for (int sign = -1; sign <= 1; sign += 2) {
    double x[ROWS], y[ROWS];
    fill_table(x, y, 0);
    for (int i = 0; i < ROWS; i++) y[i] = ldexp(y[i], sign * 990);
    rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
    rung_model *model;
    rung_fit_result result;
    assert_ok(ctx, rung_fit(ctx, &problem, NULL, &model, &result));
    assert_int_equal(result.stop, RUNG_STOP_ROUNDING);
    assert_true(result.heldout_error > 1e-17 && result.heldout_error < 4e-15);
    rung_model_destroy(model);
  }
}

/* Two inputs, two outputs of different size. */
static rung_status pair(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                        const void *x, void *y) {
  (void)user, (void)ctx;
  assert_int_equal(dtype, RUNG_F64);
  const double *in = x;
  double *out = y;
  for (int64_t i = 0; i < points; i++) {
    out[2 * i] = sin(in[2 * i] + 2 * in[2 * i + 1]);
    out[2 * i + 1] = 1000 * exp(in[2 * i] * in[2 * i + 1]);
  }
  return RUNG_OK;
}

static void several_inputs_and_outputs(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = {.inputs = 2, .outputs = 2, .function = pair, .low = low, .high = high};
  rung_fit_options options = rung_fit_options_default();
  options.points = 1500;
  options.target_error = 1e-9;
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
  assert_int_equal(result.stop, RUNG_STOP_TARGET);
  rung_evaluation e;
  assert_ok(ctx, rung_evaluate(ctx, model, &problem, 500, 9, &e));
  assert_true(e.relative_l2 < 1e-8);
  assert_true(e.r2 > 1 - 1e-12);
  rung_model_destroy(model);
}

static void bytes_of(rung_context *ctx, const rung_model *model, char **data, size_t *length) {
  void *memory;
  assert_ok(ctx, rung_model_save_memory(model, ctx, &memory, length));
  *data = memory;
}

static void bits_do_not_depend_on_threads(void **state) {
  rung_context *ctx = *state;
  static const int threads[] = {1, 2, 3, 7, 16, 1};
  char *first = NULL;
  size_t first_length = 0;
  for (int t = 0; t < 6; t++) {
    rung_problem problem = {.inputs = 2, .outputs = 2, .function = pair, .low = low, .high = high};
    rung_fit_options options = rung_fit_options_default();
    options.points = 1000;
    options.stages = 2;
    options.target_error = 1e-6;
    rung_model *model;
    assert_ok(ctx, rung_set_threads(ctx, threads[t]));
    assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, NULL));
    char *data;
    size_t length;
    bytes_of(ctx, model, &data, &length);
    if (!first) {
      first = data;
      first_length = length;
    } else {
      assert_int_equal(length, first_length);
      assert_memory_equal(data, first, length);
      rung_free(ctx, data);
    }
    rung_model_destroy(model);
  }
  rung_free(ctx, first);
}

static bool same_stage(const rg_stage *a, const rg_stage *b, int outputs) {
  size_t width = (size_t)a->layer[0].width;
  return a->layer[0].width == b->layer[0].width &&
         !memcmp(a->layer[0].weight, b->layer[0].weight, width * sizeof(double)) &&
         !memcmp(a->layer[0].bias, b->layer[0].bias, width * sizeof(double)) &&
         !memcmp(a->head, b->head, width * (size_t)outputs * sizeof(double)) &&
         !memcmp(a->eps, b->eps, (size_t)outputs * sizeof(double));
}

static void extending_keeps_earlier_stages(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  rung_fit_options options = rung_fit_options_default();
  options.precision = RUNG_DD;
  options.stages = 2;
  rung_model *short_one, *longer, *replaced;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &short_one, NULL));
  assert_int_equal(rung_model_stages(short_one), 2);
  options.stages = 3;
  rung_fit_result result;
  assert_ok(ctx, rung_extend(ctx, short_one, &problem, &options, &longer, &result));
  assert_int_equal(rung_model_stages(longer), 3);
  for (int k = 0; k < 2; k++) assert_true(same_stage(&short_one->stage[k], &longer->stage[k], 1));
  assert_true(result.heldout_error < 1e-3 * short_one->stage[1].heldout_error);
  options.replace = 2;
  options.seed = 2;
  assert_ok(ctx, rung_extend(ctx, longer, &problem, &options, &replaced, &result));
  assert_int_equal(rung_model_stages(replaced), 3);
  for (int k = 0; k < 2; k++) assert_true(same_stage(&longer->stage[k], &replaced->stage[k], 1));
  assert_true(result.heldout_error < 1e-3 * short_one->stage[1].heldout_error);
  assert_ok(ctx, rung_model_drop_stage(replaced, ctx, 2));
  assert_int_equal(rung_model_stages(replaced), 2);
  rung_model_destroy(short_one);
  rung_model_destroy(longer);
  rung_model_destroy(replaced);
}

/* What the first stage leaves of this is noise, which no stage can fit. */
static rung_status noisy_wave(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                              const void *x, void *y) {
  RG_TRY(wave(user, ctx, dtype, points, x, y));
  for (int64_t i = 0; i < points; i++)
    ((double *)y)[i] += 1e-3 * (rg_uniform(3, 3, (uint64_t)i) - 0.5);
  return RUNG_OK;
}

static void a_stage_without_a_better_one_stays(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  rung_fit_options options = rung_fit_options_default();
  options.stages = 2;
  rung_model *model, *same;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, NULL));
  assert_int_equal(rung_model_stages(model), 2);
  problem.function = noisy_wave;
  options.replace = 1;
  assert_ok(ctx, rung_extend(ctx, model, &problem, &options, &same, NULL));
  assert_int_equal(rung_model_stages(same), 2);
  for (int k = 0; k < 2; k++) assert_true(same_stage(&model->stage[k], &same->stage[k], 1));
  rung_model_destroy(model);
  rung_model_destroy(same);
  options.replace = 5;
  assert_error(ctx, rung_fit(ctx, &problem, &options, &model, NULL), RUNG_E_ARGUMENT, "replace");
}

static int stop_after_a_stage(void *user, const rung_progress *progress) {
  int *calls = user;
  ++*calls;
  return progress->finished != NULL;
}

static void cancelling_keeps_the_best_model(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  rung_fit_options options = rung_fit_options_default();
  int calls = 0;
  options.precision = RUNG_DD;
  options.progress = stop_after_a_stage;
  options.progress_user = &calls;
  rung_model *model;
  rung_fit_result result;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
  assert_int_equal(result.stop, RUNG_STOP_CANCELLED);
  assert_int_equal(rung_model_stages(model), 1);
  assert_true(calls > 1);
  assert_true(unseen_error(ctx, model) < 1e-13);
  rung_model_destroy(model);
}

static void a_memory_limit_is_kept_or_refused(void **state) {
  rung_context *ctx = *state;
  rung_problem problem = wave_problem();
  rung_fit_options options = rung_fit_options_default();
  options.memory = 10000;
  rung_model *model;
  rung_fit_result result;
  assert_error(ctx, rung_fit(ctx, &problem, &options, &model, &result), RUNG_E_BUDGET,
               "the smallest stage needs");
  size_t need = 0;
  assert_int_equal(sscanf(strstr(rung_error(ctx), "needs "), "needs %zu", &need), 1);
  options.memory = need;
  assert_ok(ctx, rung_fit(ctx, &problem, &options, &model, &result));
  assert_true((double)result.peak_bytes <= 1.1 * (double)need);
  rung_model_destroy(model);
}

static void bad_data_are_told(void **state) {
  rung_context *ctx = *state;
  double x[ROWS], y[ROWS];
  fill_table(x, y, 0);
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  rung_fit_options options = rung_fit_options_default();
  rung_model *model;
  y[17] = NAN;
  assert_error(ctx, rung_fit(ctx, &problem, NULL, &model, NULL), RUNG_E_DATA, "row 18");
  assert_null(model);
  for (int i = 0; i < ROWS; i++) y[i] = 3;
  assert_error(ctx, rung_fit(ctx, &problem, NULL, &model, NULL), RUNG_E_DATA, "constant");
  fill_table(x, y, 0);
  problem.points = 4;
  assert_error(ctx, rung_fit(ctx, &problem, NULL, &model, NULL), RUNG_E_DATA, "4 rows");
  problem.points = ROWS;
  options.heldout = 0.9;
  assert_error(ctx, rung_fit(ctx, &problem, &options, &model, NULL), RUNG_E_ARGUMENT, "heldout");
  static const double wrong[] = {2};
  rung_problem function = wave_problem();
  function.low = wrong;
  assert_error(ctx, rung_fit(ctx, &function, NULL, &model, NULL), RUNG_E_ARGUMENT, "range");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_precision_reaches_its_rounding_floor),
      TEST(noise_is_seen_and_not_fitted),
      TEST(clean_tables_reach_rounding),
      TEST(few_rows_tell_the_error_at_new_points),
      TEST(size_of_targets_does_not_matter),
      TEST(several_inputs_and_outputs),
      TEST(bits_do_not_depend_on_threads),
      TEST(extending_keeps_earlier_stages),
      TEST(a_stage_without_a_better_one_stays),
      TEST(cancelling_keeps_the_best_model),
      TEST(a_memory_limit_is_kept_or_refused),
      TEST(bad_data_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
