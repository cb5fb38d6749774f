/* One model, evaluated by several threads of one's own at once. A model does not change while it is
 * evaluated, so threads share it. A context (errors, memory) and a predictor (working memory) are
 * used by one thread at a time, so each thread makes its own. The bits are those of one thread. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "rung/rung.h"

enum { ROWS = 300, POINTS = 20000, THREADS = 4 };

/* The model: sin(x) on [0, 10] from a table. */
static rung_status fit(rung_context *ctx, rung_model **model) {
  double x[ROWS], y[ROWS];
  for (int i = 0; i < ROWS; i++) {
    x[i] = 10.0 * i / (ROWS - 1);
    y[i] = sin(x[i]);
  }
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  rung_fit_options options = rung_fit_options_default();
  options.target_error = 1e-10; /* enough here */
  return rung_fit(ctx, &problem, &options, model, NULL);
}

static rung_status predict(rung_context *ctx, const rung_model *model, int64_t points,
                           const double *x, double *y) {
  rung_predictor *predictor;
  rung_status status = rung_predictor_create(model, ctx, 0, NULL, &predictor);
  if (status == RUNG_OK) status = rung_predict(predictor, ctx, points, x, y);
  rung_predictor_destroy(predictor);
  return status;
}

typedef struct job {
  const rung_model *model;
  int64_t points;
  const double *x;
  double *y;
} job;

static int work(void *arg) {
  const job *j = arg;
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_status status = rung_set_threads(ctx, 1); /* the threads here are ours */
  if (status == RUNG_OK) status = predict(ctx, j->model, j->points, j->x, j->y);
  if (status != RUNG_OK) fprintf(stderr, "threads: %s\n", rung_error(ctx));
  rung_context_destroy(ctx);
  return status != RUNG_OK;
}

/* Each thread takes its share of the points. */
static int predict_in_threads(const rung_model *model, const double *x, double *y) {
  thrd_t thread[THREADS];
  job jobs[THREADS];
  int failed = 0, started = 0;
  for (; started < THREADS; started++) {
    int first = POINTS / THREADS * started;
    jobs[started] = (job){model, POINTS / THREADS, x + first, y + first};
    if (thrd_create(&thread[started], work, &jobs[started]) != thrd_success) break;
  }
  for (int i = 0; i < started; i++) {
    int result = 1;
    thrd_join(thread[i], &result);
    failed = failed || result;
  }
  return failed || started < THREADS;
}

int main(void) {
  static double x[POINTS], together[POINTS], shared[POINTS];
  for (int i = 0; i < POINTS; i++) x[i] = 10 * (i + 0.5) / POINTS;
  rung_context *ctx;
  rung_model *model = NULL;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_status status = fit(ctx, &model);
  if (status == RUNG_OK) status = predict(ctx, model, POINTS, x, together);
  if (status != RUNG_OK) fprintf(stderr, "threads: %s\n", rung_error(ctx));
  int failed = status != RUNG_OK || predict_in_threads(model, x, shared);
  rung_model_destroy(model);
  rung_context_destroy(ctx);
  if (failed) return 1;
  double worst = 0;
  for (int i = 0; i < POINTS; i++) worst = fmax(worst, fabs(shared[i] - sin(x[i])));
  int same = memcmp(together, shared, sizeof shared) == 0;
  printf("%d points by %d threads: largest error %.0e, %s bits as by one thread\n", POINTS, THREADS,
         worst, same ? "the same" : "other");
  return !same || !(worst < 1e-8);
}
