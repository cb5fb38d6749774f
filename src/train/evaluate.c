/* Errors of a model on a table, or on random points of a function. */
#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "num/dd.h"
#include "train/source.h"

#define CHUNK 4096
#define PURPOSE 3 /* of the random numbers: points that no fit of the same seed was trained on */

typedef struct comparison {
  rung_context *ctx;
  const rung_model *model;
  const rung_problem *problem;
  rung_dtype dtype, truth_dtype; /* of the model; of the truth */
  int64_t points;
  uint64_t seed;
  rung_predictor *predictor;
  void *x, *value;             /* a chunk: points, predictions */
  void *truth_x, *truth;       /* a chunk, in the truth's arithmetic */
  double scale;                /* a power of two near the largest truth: squares do not overflow */
  double largest;              /* of |truth| */
  double error_max;            /* of |error| */
  double error_sum, truth_sum; /* of squares, over scale^2 */
  rung_dd *mean;               /* [outputs] of the truth, over scale */
  double *error_square, *deviation; /* [outputs]: sums of squares, over scale^2 */
} comparison;

/* The truth is taken in more digits than the model has, where somebody knows them: a formula is
 * computed in double-double. A caller's own function is asked for double where that suffices. */
static rung_dtype choose_truth(const rung_problem *p, rung_dtype dtype) {
  if (!p->function) return dtype;
  return p->function == rg_source_function || dtype == RUNG_DD ? RUNG_DD : RUNG_F64;
}

static void draw_points(const comparison *c, int64_t first, int64_t count) {
  const rung_problem *p = c->problem;
  for (int64_t i = 0; i < count; i++)
    for (int j = 0; j < p->inputs; j++) {
      double u = rg_uniform(c->seed, PURPOSE, (uint64_t)((first + i) * p->inputs + j));
      double v = p->low[j] + u * (p->high[j] - p->low[j]);
      if (c->dtype == RUNG_F32) v = (double)(float)v;
      v = fmin(fmax(v, p->low[j]), p->high[j]);
      rg_store(c->dtype, c->x, i * p->inputs + j, (rung_dd){v, 0});
      rg_store(c->truth_dtype, c->truth_x, i * p->inputs + j, (rung_dd){v, 0});
    }
}

static rung_status check_finite(const comparison *c, int64_t first, int64_t count) {
  const rung_problem *p = c->problem;
  for (int64_t i = 0; i < count * p->inputs; i++)
    if (!isfinite(rg_fetch(c->dtype, c->x, i).hi))
      return rg_fail(c->ctx, RUNG_E_DATA, "row %lld, input %d: expected a finite number",
                     (long long)(first + i / p->inputs + 1), (int)(i % p->inputs + 1));
  for (int64_t i = 0; i < count * p->outputs; i++)
    if (!isfinite(rg_fetch(c->truth_dtype, c->truth, i).hi))
      return rg_fail(c->ctx, RUNG_E_DATA, "row %lld, output %d: expected a finite number",
                     (long long)(first + i / p->outputs + 1), (int)(i % p->outputs + 1));
  return RUNG_OK;
}

/* Fills x and truth with the points first..first+count-1. */
static rung_status load_chunk(const comparison *c, int64_t first, int64_t count) {
  const rung_problem *p = c->problem;
  if (p->function) {
    draw_points(c, first, count);
    RG_TRY(p->function(p->function_user, c->ctx, c->truth_dtype, count, c->truth_x, c->truth));
    return check_finite(c, first, count);
  }
  size_t size = rung_dtype_size(c->dtype), inputs = (size_t)p->inputs * size;
  size_t outputs = (size_t)p->outputs * size;
  memcpy(c->x, (const char *)p->x + (size_t)first * inputs, (size_t)count * inputs);
  memcpy(c->truth, (const char *)p->y + (size_t)first * outputs, (size_t)count * outputs);
  return check_finite(c, first, count);
}

static rung_status predict_chunk(const comparison *c, int64_t first, int64_t count) {
  const rung_problem *p = c->problem;
  RG_TRY(rung_predict(c->predictor, c->ctx, count, c->x, c->value));
  for (int64_t i = 0; i < count * p->outputs; i++)
    if (!isfinite(rg_fetch(c->dtype, c->value, i).hi))
      return rg_fail(c->ctx, RUNG_E_NUMERIC,
                     "point %lld, output %d: the model's value is not a finite number",
                     (long long)(first + i / p->outputs + 1), (int)(i % p->outputs + 1));
  return RUNG_OK;
}

/* First pass: the largest truth, then its mean. */
static void look_at_truth(comparison *c, int64_t count) {
  for (int64_t i = 0; i < count * c->problem->outputs; i++)
    c->largest = fmax(c->largest, fabs(rg_fetch(c->truth_dtype, c->truth, i).hi));
}

static rung_dd scaled(const comparison *c, const void *array, rung_dtype dtype, int64_t i) {
  rung_dd v = rg_fetch(dtype, array, i);
  return (rung_dd){v.hi / c->scale, v.lo / c->scale};
}

static void add_to_mean(comparison *c, int64_t count) {
  int outputs = c->problem->outputs;
  for (int64_t i = 0; i < count * outputs; i++) {
    rung_dd *mean = &c->mean[i % outputs];
    *mean = rg_add_dd(*mean, scaled(c, c->truth, c->truth_dtype, i));
  }
}

static void compare_chunk(comparison *c, int64_t count) {
  int outputs = c->problem->outputs;
  for (int64_t i = 0; i < count * outputs; i++) {
    rung_dd truth = scaled(c, c->truth, c->truth_dtype, i);
    double error = rg_sub_dd(truth, scaled(c, c->value, c->dtype, i)).hi;
    double deviation = rg_sub_dd(truth, c->mean[i % outputs]).hi;
    c->error_max = fmax(c->error_max, fabs(error));
    c->error_square[i % outputs] += error * error;
    c->error_sum += error * error;
    c->truth_sum += truth.hi * truth.hi;
    c->deviation[i % outputs] += deviation * deviation;
  }
}

typedef enum pass { LARGEST, MEAN, ERRORS } pass;

static rung_status run_pass(comparison *c, pass what) {
  for (int64_t first = 0; first < c->points; first += CHUNK) {
    int64_t count = c->points - first < CHUNK ? c->points - first : CHUNK;
    RG_TRY(load_chunk(c, first, count));
    if (what == LARGEST) {
      look_at_truth(c, count);
    } else if (what == MEAN) {
      add_to_mean(c, count);
    } else {
      RG_TRY(predict_chunk(c, first, count));
      compare_chunk(c, count);
    }
  }
  return RUNG_OK;
}

/* The least over outputs; not known where an output does not vary. */
static double least_r2(const comparison *c) {
  double least = INFINITY;
  for (int o = 0; o < c->problem->outputs; o++) {
    if (!(c->deviation[o] > 0)) return NAN;
    least = fmin(least, 1 - c->error_square[o] / c->deviation[o]);
  }
  return least;
}

static rung_status compare(comparison *c, rung_evaluation *out) {
  RG_TRY(run_pass(c, LARGEST));
  c->scale = c->largest > 0 ? exp2(floor(log2(c->largest))) : 1;
  RG_TRY(run_pass(c, MEAN));
  for (int o = 0; o < c->problem->outputs; o++)
    c->mean[o] = rg_div_dd(c->mean[o], (rung_dd){(double)c->points, 0});
  RG_TRY(run_pass(c, ERRORS));
  double values = (double)c->points * c->problem->outputs;
  *out =
      (rung_evaluation){.points = c->points,
                        .relative_l2 = c->truth_sum > 0 ? sqrt(c->error_sum / c->truth_sum) : NAN,
                        .rms = sqrt(c->error_sum / values) * c->scale,
                        .max_error = c->error_max * c->scale,
                        .max_relative = c->largest > 0 ? c->error_max * c->scale / c->largest : NAN,
                        .r2 = least_r2(c)};
  return RUNG_OK;
}

static rung_status allocate(comparison *c) {
  size_t outputs = (size_t)c->problem->outputs, inputs = (size_t)c->problem->inputs;
  size_t size = rung_dtype_size(c->dtype), truth_size = rung_dtype_size(c->truth_dtype);
  c->x = rg_alloc(c->ctx, CHUNK * inputs, size);
  c->value = rg_alloc(c->ctx, CHUNK * outputs, size);
  c->truth_x = rg_alloc(c->ctx, CHUNK * inputs, truth_size);
  c->truth = rg_alloc(c->ctx, CHUNK * outputs, truth_size);
  c->mean = rg_calloc(c->ctx, outputs, sizeof *c->mean);
  c->error_square = rg_calloc(c->ctx, outputs, sizeof *c->error_square);
  c->deviation = rg_calloc(c->ctx, outputs, sizeof *c->deviation);
  if (!c->x || !c->value || !c->truth_x || !c->truth || !c->mean || !c->error_square ||
      !c->deviation)
    return RUNG_E_MEMORY;
  return rung_predictor_create(c->model, c->ctx, 0, NULL, &c->predictor);
}

rung_status rung_evaluate(rung_context *ctx, const rung_model *model, const rung_problem *problem,
                          int64_t points, uint64_t seed, rung_evaluation *out) {
  rung_clear_error(ctx);
  if (problem->inputs != rung_model_inputs(model) || problem->outputs != rung_model_outputs(model))
    return rg_fail(
        ctx, RUNG_E_ARGUMENT, "the model has %d inputs and %d outputs, the data have %d and %d",
        rung_model_inputs(model), rung_model_outputs(model), problem->inputs, problem->outputs);
  comparison c = {.ctx = ctx,
                  .model = model,
                  .problem = problem,
                  .dtype = rung_model_dtype(model),
                  .points = problem->function ? points : problem->points,
                  .seed = seed};
  if (c.points < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "expected at least 1 point to compare at, found %lld",
                   (long long)c.points);
  c.truth_dtype = choose_truth(problem, c.dtype);
  rung_status status = allocate(&c);
  if (status == RUNG_OK) status = compare(&c, out);
  rung_predictor_destroy(c.predictor);
  rg_free(ctx, c.x);
  rg_free(ctx, c.value);
  rg_free(ctx, c.truth_x);
  rg_free(ctx, c.truth);
  rg_free(ctx, c.mean);
  rg_free(ctx, c.error_square);
  rg_free(ctx, c.deviation);
  return status;
}
