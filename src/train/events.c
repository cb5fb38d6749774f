/* Events as JSON; curves are thinned out and rounded, for they are drawn. */
#include "train/events.h"

#include <math.h>
#include <stdlib.h>

#include "nn/network.h"
#include "num/dd.h"
#include "store/recipe.h"

#define CURVE 1000    /* points of a residual curve, at most */
#define DOTS 500      /* points of a prediction */
#define CURVES 16     /* inputs with a residual curve, at most */
#define BINS_FFT 512  /* frequencies of a spectrum of one input */
#define BINS_SUMS 128 /* of several, where each costs a pass over the points */

static void add_key(rg_text *out, const char *name) {
  rg_text_add(out, ",");
  rg_text_json(out, name);
  rg_text_add(out, ":");
}

static void add_real(rg_text *out, const char *name, double value) {
  add_key(out, name);
  rg_text_json_number(out, value);
}

static void add_whole(rg_text *out, const char *name, int64_t value) {
  add_key(out, name);
  rg_text_printf(out, "%lld", (long long)value);
}

static void begin(rg_text *out, const char *event) {
  rg_text_add(out, "{\"event\":");
  rg_text_json(out, event);
}

static void end(rg_text *out) {
  rg_text_add(out, "}\n");
}

/* An element of a list of many: for drawing, so a few digits do. */
static void add_element(rg_text *out, int64_t index, int digits, double value) {
  if (index) rg_text_add(out, ",");
  if (isfinite(value))
    rg_text_printf(out, "%.*g", digits, value);
  else
    rg_text_add(out, "null");
}

/* ---- start, stage, result ---- */

static void add_names(rg_text *out, const char *key, int count, const char *const *names) {
  if (!names) return;
  add_key(out, key);
  for (int i = 0; i < count; i++) {
    rg_text_add(out, i ? "," : "[");
    rg_text_json(out, names[i]);
  }
  rg_text_add(out, "]");
}

void rg_event_start(rg_text *out, const rung_recipe *recipe, const rung_problem *problem) {
  begin(out, "start");
  rg_text_add(out, ",");
  rg_recipe_json(recipe, out);
  add_names(out, "input_names", problem->inputs, problem->input_names);
  add_names(out, "output_names", problem->outputs, problem->output_names);
  end(out);
}

void rg_event_stage(rg_text *out, int stage, const rung_stage_info *info, bool timed) {
  begin(out, "stage");
  add_whole(out, "stage", stage);
  add_whole(out, "width", info->width);
  add_whole(out, "layers", info->layers);
  add_key(out, "activation");
  rg_text_json(out, info->activation);
  add_real(out, "frequency", info->frequency);
  add_real(out, "eps", info->eps);
  add_real(out, "training_error", info->training_error);
  add_real(out, "heldout_error", info->heldout_error);
  add_whole(out, "parameters", info->parameters);
  add_whole(out, "points", info->points);
  if (timed) add_real(out, "seconds", info->seconds);
  end(out);
}

void rg_event_result(rg_text *out, const rung_model *model, const rung_fit_result *result) {
  begin(out, "result");
  add_key(out, "stop");
  rg_text_json(out, rung_stop_text(result->stop));
  add_real(out, "training_error", result->training_error);
  add_real(out, "heldout_error", result->heldout_error);
  add_real(out, "max_error", result->max_error);
  add_real(out, "noise", result->noise);
  add_whole(out, "stages", rung_model_stages(model));
  add_whole(out, "parameters", rung_model_parameters(model));
  add_real(out, "seconds", result->seconds);
  add_whole(out, "planned_bytes", (int64_t)result->planned_bytes);
  add_whole(out, "peak_bytes", (int64_t)result->peak_bytes);
  end(out);
}

/* ---- the model so far ---- */

typedef struct dot {
  double x, y;
} dot;

static int by_x(const void *a, const void *b) {
  const dot *p = a, *q = b;
  if (p->x < q->x) return -1;
  if (p->x > q->x) return 1;
  return (p->y > q->y) - (p->y < q->y);
}

/* Of `total` points, every so many: the i-th of `count`. */
static int64_t spread(int64_t i, int64_t count, int64_t total) {
  return count < 2 ? 0 : (int64_t)((double)i * (double)(total - 1) / (double)(count - 1));
}

static void add_dots(rg_text *out, const dot *d, int64_t count, const char *x, int x_digits,
                     const char *y, int y_digits) {
  add_key(out, x);
  rg_text_add(out, "[");
  for (int64_t i = 0; i < count; i++) add_element(out, i, x_digits, d[i].x);
  rg_text_add(out, "]");
  add_key(out, y);
  rg_text_add(out, "[");
  for (int64_t i = 0; i < count; i++) add_element(out, i, y_digits, d[i].y);
  rg_text_add(out, "]");
}

/* The first output's residual along an input: all points sorted, then thinned out. */
static void add_residual(rg_text *out, const rg_fit *f, int stage, int input, dot *d) {
  for (int64_t i = 0; i < f->total; i++)
    d[i] = (dot){rg_fetch(f->options.precision, f->x, i * f->inputs + input).hi,
                 f->residual[i * f->outputs].hi};
  qsort(d, (size_t)f->total, sizeof *d, by_x);
  int64_t count = f->total < CURVE ? f->total : CURVE;
  for (int64_t i = 0; i < count; i++) d[i] = d[spread(i, count, f->total)];
  begin(out, "residual");
  add_whole(out, "stage", stage);
  add_whole(out, "input", input);
  add_dots(out, d, count, "x", 10, "residual", 7);
  end(out);
}

static void add_prediction(rg_text *out, const rg_fit *f, int output, dot *d) {
  int64_t count = f->total < DOTS ? f->total : DOTS;
  for (int64_t i = 0; i < count; i++) {
    int64_t at = spread(i, count, f->total) * f->outputs + output;
    d[i] = (dot){f->y[at].hi, rg_sub_dd(f->y[at], f->residual[at]).hi};
  }
  begin(out, "prediction");
  add_whole(out, "output", output);
  add_dots(out, d, count, "truth", 17, "predicted", 17);
  add_key(out, "error"); /* predicted - truth: in quad the two agree to all digits above */
  rg_text_add(out, "[");
  for (int64_t i = 0; i < count; i++) {
    int64_t at = spread(i, count, f->total) * f->outputs + output;
    add_element(out, i, 7, -f->residual[at].hi);
  }
  rg_text_add(out, "]");
  end(out);
}

/* rg_spectrum() is that of the residual over eps; here it is in the output's units squared. */
static rung_status add_spectrum(rg_text *out, rg_fit *f, int stage) {
  enum { MOST = BINS_FFT };
  double frequency[MOST], power[MOST], bandwidth;
  int count = f->inputs == 1 ? BINS_FFT : BINS_SUMS;
  RG_TRY(rg_spectrum(f, count, frequency, power, &bandwidth));
  dot d[MOST];
  for (int i = 0; i < count; i++) d[i] = (dot){frequency[i], power[i] * f->eps[0] * f->eps[0]};
  begin(out, "spectrum");
  add_whole(out, "stage", stage);
  add_dots(out, d, count, "frequency", 7, "power", 7);
  end(out);
  return RUNG_OK;
}

rung_status rg_event_model(rg_text *out, rg_fit *f, int stage) {
  dot *d = rg_alloc(f->ctx, (size_t)f->total, sizeof *d);
  if (!d) return RUNG_E_MEMORY;
  for (int j = 0; j < f->inputs && j < CURVES; j++) add_residual(out, f, stage, j, d);
  rung_status status = add_spectrum(out, f, stage);
  for (int o = 0; o < f->outputs; o++) add_prediction(out, f, o, d);
  rg_free(f->ctx, d);
  return status == RUNG_OK ? rg_text_status(out) : status;
}
