/* Fits a function of one's own to machine precision, stage by stage; saves the model, loads it
 * again and asks it for value and slope where it was not trained. Only the public headers are used.
 */
#include <math.h>
#include <stdio.h>

#include "rung/rung.h"

#define MODEL_FILE "fit-example.safetensors"

/* What is to be fitted: y = e^(-x/4) cos(3x) at `points` values of x, all at once. A fit in double
 * precision asks for double; an error ends the fit, and rung_fail() gives it a message. */
static rung_status damped(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                          const void *x, void *y) {
  (void)user;
  if (dtype != RUNG_F64)
    return rung_fail(ctx, RUNG_E_UNSUPPORTED, "damped: there is no formula for %s precision here",
                     rung_dtype_name(dtype));
  const double *at = x;
  double *value = y;
  for (int64_t i = 0; i < points; i++) value[i] = exp(-at[i] / 4) * cos(3 * at[i]);
  return RUNG_OK;
}

/* Called from time to time, and right after a stage was kept. Anything but 0 would stop the fit,
 * which then gives the best model so far. */
static int show_stage(void *user, const rung_progress *progress) {
  int *stages = user;
  const rung_stage_info *stage = progress->finished;
  if (!stage) return 0;
  printf("stage %d: %d features of up to %.1f radians, relative error %.1e, %.2f s\n",
         progress->stage, stage->width, stage->frequency, stage->heldout_error, stage->seconds);
  ++*stages;
  return 0;
}

static rung_status fit(rung_context *ctx, int *stages, rung_model **model) {
  const double low = 0, high = 10;
  const char *names[] = {"x"};
  rung_problem problem = {.inputs = 1,
                          .outputs = 1,
                          .input_names = names,
                          .function = damped,
                          .low = &low,
                          .high = &high};
  rung_fit_options options = rung_fit_options_default(); /* double precision, seed 1 */
  options.progress = show_stage;
  options.progress_user = stages;
  rung_fit_result result;
  rung_status status = rung_fit(ctx, &problem, &options, model, &result);
  if (status == RUNG_OK)
    printf("stopped: %s; relative error on unseen points %.1e\n", rung_stop_text(result.stop),
           result.heldout_error);
  return status;
}

/* y and dy/dx at each of `points` points: y[2 i] and y[2 i + 1]. */
static rung_status predict(rung_context *ctx, const rung_model *model, int64_t points,
                           const double *x, double *y) {
  const rung_quantity quantities[] = {{0, -1}, {0, 0, -1}}; /* output 0; output 0 by input 0 */
  rung_predictor *predictor;
  rung_status status = rung_predictor_create(model, ctx, 2, quantities, &predictor);
  if (status == RUNG_OK) status = rung_predict(predictor, ctx, points, x, y);
  rung_predictor_destroy(predictor);
  return status;
}

/* The largest error of value and slope against the closed form. */
static double print_and_compare(int points, const double *x, const double *y) {
  double worst = 0;
  for (int i = 0; i < points; i++) {
    double value = exp(-x[i] / 4) * cos(3 * x[i]);
    double slope = -value / 4 - 3 * exp(-x[i] / 4) * sin(3 * x[i]);
    printf("x = %-4g  y = %19.16f (off by %.0e)  y' = %19.16f (off by %.0e)\n", x[i], y[2 * i],
           fabs(y[2 * i] - value), y[2 * i + 1], fabs(y[2 * i + 1] - slope));
    worst = fmax(worst, fmax(fabs(y[2 * i] - value), fabs(y[2 * i + 1] - slope) / 100));
  }
  return worst;
}

enum { POINTS = 3 };

int main(void) {
  const double x[POINTS] = {0.1, 2.4, 9.75};
  double y[2 * POINTS], worst = INFINITY;
  int stages = 0;
  rung_context *ctx;
  rung_model *fitted = NULL, *loaded = NULL;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_status status = fit(ctx, &stages, &fitted);
  if (status == RUNG_OK) status = rung_model_save(fitted, ctx, MODEL_FILE);
  if (status == RUNG_OK) status = rung_model_load(ctx, MODEL_FILE, &loaded);
  if (status == RUNG_OK) status = predict(ctx, loaded, POINTS, x, y);
  if (status == RUNG_OK)
    worst = print_and_compare(POINTS, x, y);
  else
    fprintf(stderr, "fit: %s\n", rung_error(ctx));
  int complete = loaded && rung_model_stages(loaded) == stages;
  remove(MODEL_FILE);
  rung_model_destroy(loaded);
  rung_model_destroy(fitted);
  rung_context_destroy(ctx); /* last: everything above was made with it */
  return !complete || !(worst < 1e-13);
}
