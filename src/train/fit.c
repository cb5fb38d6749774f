/* The loop over stages: residual in the working precision, a stage proposed for it, kept where it
 * lowers the held-out error. */
#include "rung/fit.h"

#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "num/dd.h"
#include "train/data.h"

#define WORTH 0.9 /* a stage is kept where it leaves less than this share of the error */

const char *rung_stop_text(rung_stop stop) {
  switch (stop) {
#define STOP_TEXT(name, text, meaning)                                                             \
  case name:                                                                                       \
    return text;
    RUNG_STOP_LIST(STOP_TEXT)
#undef STOP_TEXT
  }
  return "unknown";
}

const char *rung_stop_meaning(rung_stop stop) {
  switch (stop) {
#define STOP_MEANING(name, text, meaning)                                                          \
  case name:                                                                                       \
    return meaning;
    RUNG_STOP_LIST(STOP_MEANING)
#undef STOP_MEANING
  }
  return "unknown";
}

rung_fit_options rung_fit_options_default(void) {
  return (rung_fit_options){.precision = RUNG_F64, .seed = 1, .heldout = 0.1, .replace = -1};
}

uint64_t rg_purpose(const rg_fit *f, uint64_t what) {
  return 1000 + 100 * (uint64_t)f->model->stage_count + what;
}

static bool tell(rg_fit *f, const rung_progress *progress) {
  if (f->options.progress && f->options.progress(f->options.progress_user, progress)) {
    f->stopped = true;
    f->stop = RUNG_STOP_CANCELLED;
  }
  return f->stopped;
}

bool rg_fit_tick(rg_fit *f, const char *doing, double fraction) {
  if (f->stopped) return true;
  double seconds = rg_seconds() - f->started;
  if (f->options.time > 0 && seconds > f->options.time) {
    f->stopped = true;
    f->stop = RUNG_STOP_TIME;
    return true;
  }
  rung_progress progress = {.stage = f->model->stage_count,
                            .doing = doing,
                            .fraction = fraction,
                            .seconds = seconds,
                            .best_error = f->heldout_error};
  return tell(f, &progress);
}

/* Rounding unit of an arithmetic. */
static double unit_of(rung_dtype dtype) {
  return dtype == RUNG_F32 ? 0x1p-24 : dtype == RUNG_F64 ? 0x1p-53 : 0x1p-104;
}

/* residual = y - model(x), in double-double; the model's value is of the working precision. */
static rung_status update_residual(rg_fit *f) {
  rung_dtype dtype = f->options.precision;
  rung_predictor *predictor = NULL;
  void *value = rg_alloc(f->ctx, (size_t)(f->total * f->outputs), rung_dtype_size(dtype));
  rung_status status =
      value ? rung_predictor_create(f->model, f->ctx, 0, NULL, &predictor) : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = rung_predict(predictor, f->ctx, f->total, f->x, value);
  for (int64_t i = 0; status == RUNG_OK && i < f->total * f->outputs; i++) {
    f->residual[i] = rg_sub_dd(f->y[i], rg_fetch(dtype, value, i));
    if (!isfinite(f->residual[i].hi))
      status = rg_fail(f->ctx, RUNG_E_NUMERIC, "fit: the model overflows at a point");
  }
  rung_predictor_destroy(predictor);
  rg_free(f->ctx, value);
  return status;
}

/* Root of the sum of squares of the residual over that of y, for points first..end-1. */
static double relative_error(const rg_fit *f, int64_t first, int64_t end) {
  double error = 0, truth = 0;
  for (int64_t i = first * f->outputs; i < end * f->outputs; i++) {
    double r = f->residual[i].hi / f->largest, y = f->y[i].hi / f->largest;
    error += r * r;
    truth += y * y;
  }
  return truth > 0 ? sqrt(error / truth) : 0;
}

static void update_errors(rg_fit *f) {
  f->training_error = relative_error(f, 0, f->points);
  if (f->heldout) f->heldout_error = relative_error(f, f->points, f->total);
}

/* What the next stage fits: residual / eps, eps a power of two near the residual's RMS. */
static void update_target(rg_fit *f) {
  for (int o = 0; o < f->outputs; o++) {
    double sum = 0;
    for (int64_t i = 0; i < f->points; i++) {
      double r = f->residual[i * f->outputs + o].hi / f->size;
      sum += r * r;
    }
    double rms = sqrt(sum / (double)f->points) * f->size;
    f->eps[o] = rms > 0 ? exp2(nearbyint(log2(rms))) : 1;
    for (int64_t i = 0; i < f->total; i++) {
      rung_dd r = f->residual[i * f->outputs + o];
      f->target[o * f->total + i] = r.hi / f->eps[o] + r.lo / f->eps[o];
    }
  }
}

/* The point nearest to training point i, in scaled inputs. */
static int64_t nearest(const rg_fit *f, int64_t i) {
  int64_t best = i == 0 ? 1 : 0;
  double least = INFINITY;
  for (int64_t k = 0; k < f->points; k++) {
    double distance = 0;
    for (int j = 0; k != i && j < f->inputs; j++) {
      double d = f->s[j * f->total + k] - f->s[j * f->total + i];
      distance += d * d;
    }
    if (k == i || distance >= least) continue;
    least = distance;
    best = k;
  }
  return best;
}

/* Is the residual white? The mean squared difference of neighbours is twice the variance for noise
 * and much less for what a stage could still learn (von Neumann, Ann. Math. Stat. 12, 1941). */
static bool looks_like_noise(const rg_fit *f) {
  int64_t step = 1 + f->points / 600;
  double difference = 0, square = 0;
  for (int64_t i = 0; i < f->points; i += step) {
    int64_t other = nearest(f, i);
    for (int o = 0; o < f->outputs; o++) {
      double a = f->target[o * f->total + i], b = f->target[o * f->total + other];
      difference += (a - b) * (a - b);
      square += a * a + b * b;
    }
  }
  return square > 0 && difference > 0.7 * square;
}

typedef struct loop {
  rg_fit *f;
  rg_stage_watch watch;
  void *user;
  double begun; /* the stage in training */
} loop;

static void set_noise(const loop *l) {
  rg_fit *f = l->f;
  double sum = 0, rest = (double)f->points - f->kept_freedom;
  for (int64_t i = 0; i < f->points * f->outputs; i++) {
    double r = f->residual[i].hi / f->largest;
    sum += r * r;
  }
  if (rest > 1) f->model->noise = sqrt(sum / (rest * f->outputs)) * f->largest;
}

/* Why no further stage was kept. */
static rung_stop reason(const loop *l) {
  const rg_fit *f = l->f;
  if (f->stopped) return f->stop;
  if (f->heldout_error < 1000 * unit_of(f->options.precision)) return RUNG_STOP_ROUNDING;
  if (f->refused) return RUNG_STOP_MEMORY;
  if (!looks_like_noise(f)) return RUNG_STOP_HELDOUT;
  /* Few rows: leave-one-out errors at the ends are large where what is left is rounding. */
  bool tiny = f->training_error < 1000 * unit_of(f->options.precision);
  return tiny ? RUNG_STOP_ROUNDING : RUNG_STOP_NOISE;
}

/* True where the fit is done before another stage. */
static bool done(loop *l, rung_stop *stop) {
  const rg_fit *f = l->f;
  int stages = f->model->stage_count;
  if (stages == 0) return false;
  double floor = unit_of(f->options.precision) * f->largest;
  if (f->options.target_error > 0 && f->heldout_error <= f->options.target_error)
    *stop = RUNG_STOP_TARGET;
  else if (f->heldout_error * f->size <= 0.25 * floor)
    *stop = RUNG_STOP_ROUNDING;
  else if (f->options.stages > 0 && stages >= f->options.stages)
    *stop = RUNG_STOP_STAGES;
  else if (f->stopped)
    *stop = f->stop;
  else
    return false;
  return true;
}

/* The held-out error, or what the method told of leave-one-out errors. */
static void judge(rg_fit *f) {
  update_errors(f);
  if (f->heldout) return;
  double square = 0;
  for (int o = 0; o < f->outputs; o++)
    square += f->eps[o] / f->size * (f->eps[o] / f->size) / f->outputs;
  double told = f->score * sqrt(square);
  f->heldout_error = isfinite(told) && told > f->training_error ? told : f->training_error;
}

static rung_status announce(loop *l, int index) {
  rg_fit *f = l->f;
  rung_stage_info info;
  RG_TRY(rung_model_stage(f->model, f->ctx, index, &info));
  info.seconds = rg_seconds() - l->begun;
  if (l->watch) RG_TRY(l->watch(l->user, f, index, &info));
  rung_progress progress = {.stage = index,
                            .doing = "stage kept",
                            .fraction = 1,
                            .seconds = rg_seconds() - f->started,
                            .best_error = f->heldout_error,
                            .finished = &info};
  tell(f, &progress);
  return RUNG_OK;
}

static void note(rg_fit *f, const char *text) {
  rung_progress progress = {.stage = f->model->stage_count,
                            .doing = "stage not kept",
                            .fraction = 1,
                            .seconds = rg_seconds() - f->started,
                            .best_error = f->heldout_error,
                            .note = text};
  tell(f, &progress);
}

/* Puts the stage into the model at its place. */
static rung_status insert_stage(rg_fit *f, rg_stage *stage, int place) {
  RG_TRY(rg_model_append_stage(f->model, f->ctx, stage));
  rg_stage *s = f->model->stage;
  rg_stage last = s[f->model->stage_count - 1];
  for (int k = f->model->stage_count - 1; k > place; k--) s[k] = s[k - 1];
  s[place] = last;
  return RUNG_OK;
}

static void round_to_float(double *v, int64_t count) {
  for (int64_t i = 0; v && i < count; i++) v[i] = (double)(float)v[i];
}

/* In single precision all numbers of a stage are floats. */
static void round_stage(const rg_fit *f, rg_stage *stage) {
  if (f->options.precision != RUNG_F32) return;
  for (int l = 0; l < stage->layer_count; l++) {
    round_to_float(stage->layer[l].weight, stage->layer[l].width * stage->layer[l].inputs);
    round_to_float(stage->layer[l].bias, stage->layer[l].width);
  }
  round_to_float(stage->head, stage->layer[stage->layer_count - 1].width * f->outputs);
  round_to_float(stage->skip, (int64_t)f->inputs * f->outputs);
  round_to_float(stage->bias, f->outputs);
}

/* Keeps the stage where the error falls; *kept tells. */
static rung_status weigh_stage(loop *l, rg_stage *stage, int place, bool *kept) {
  rg_fit *f = l->f;
  double training = f->training_error, heldout = f->heldout_error;
  memcpy(stage->eps, f->eps, (size_t)f->outputs * sizeof *stage->eps);
  round_stage(f, stage);
  RG_TRY(insert_stage(f, stage, place));
  RG_TRY(update_residual(f));
  judge(f);
  *kept = f->model->stage_count == 1 || f->heldout_error < WORTH * heldout;
  if (*kept) {
    stage = &f->model->stage[place];
    stage->training_error = f->training_error;
    stage->heldout_error = f->heldout_error;
    stage->points = f->points;
    f->kept_freedom += f->freedom;
    f->replaced = f->options.replace >= 0;
    update_target(f);
    return announce(l, place);
  }
  RG_TRY(rung_model_drop_stage(f->model, f->ctx, place));
  f->training_error = training;
  f->heldout_error = heldout;
  note(f, "a further stage does not lower the held-out error");
  return update_residual(f);
}

static rung_status propose(rg_fit *f, rg_stage **stage) {
  return f->options.method == RUNG_GRADIENT ? rg_gradient_stage(f, stage)
                                            : rg_separable_stage(f, stage);
}

static rung_status no_first_stage(rg_fit *f) {
  if (f->refused)
    return rg_fail(f->ctx, RUNG_E_BUDGET,
                   "fit: the memory limit is %zu bytes, but the smallest stage needs %zu",
                   f->options.memory, f->refused);
  if (f->stopped)
    return rg_fail(f->ctx, RUNG_E_CANCELLED, "fit: stopped (%s) before the first stage was ready",
                   rung_stop_text(f->stop));
  return rg_fail(f->ctx, RUNG_E_DATA, "fit: no stage could be trained on %lld points",
                 (long long)f->points);
}

/* Stages one after the other; with `replace`, one stage in the place of another. */
static rung_status train_stages(loop *l, int replace, rung_stop *stop) {
  rg_fit *f = l->f;
  if (f->replaced) return RUNG_OK; /* in an earlier process; *stop says stages */
  for (bool kept = true; !done(l, stop);) {
    update_target(f);
    l->begun = rg_seconds();
    if (rg_fit_tick(f, "looking at the residual", 0) && f->model->stage_count > 0) {
      *stop = f->stop;
      break;
    }
    rg_stage *stage = NULL;
    RG_TRY(propose(f, &stage));
    int place = replace >= 0 ? replace : f->model->stage_count;
    kept = false;
    if (stage) RG_TRY(weigh_stage(l, stage, place, &kept));
    if (f->model->stage_count == 0) return no_first_stage(f);
    if (!kept || replace >= 0) {
      *stop = kept ? RUNG_STOP_STAGES : reason(l);
      break;
    }
  }
  return RUNG_OK;
}

static rung_status check_options(rung_context *ctx, const rung_fit_options *o,
                                 const rung_problem *p) {
  if (p->inputs < 1 || p->outputs < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "fit: expected at least 1 input and 1 output, found %d, %d", p->inputs,
                   p->outputs);
  if (o->heldout < 0.02 || o->heldout > 0.5)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "fit: heldout: expected 0.02..0.5, found %g", o->heldout);
  if (o->stages < 0 || o->time < 0 || o->target_error < 0 || o->points < 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "fit: stages, time, target error and points: expected 0 or more");
  if (p->function && o->points && o->points < 20)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "fit: points: expected at least 20, found %lld",
                   (long long)o->points);
  for (int j = 0; p->function && j < p->inputs; j++)
    if (!(p->low[j] < p->high[j]) || !isfinite(p->high[j] - p->low[j]))
      return rg_fail(ctx, RUNG_E_ARGUMENT, "fit: input %d: expected a range low:high, found %g:%g",
                     j + 1, p->low[j], p->high[j]);
  return RUNG_OK;
}

static rung_status check_start(rung_context *ctx, const rung_model *start, const rung_problem *p,
                               const rung_fit_options *o) {
  if (start->inputs != p->inputs || start->outputs != p->outputs)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "extend: the model has %d inputs and %d outputs, the data %d and %d",
                   start->inputs, start->outputs, p->inputs, p->outputs);
  if (o->replace < -1 || o->replace >= start->stage_count)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "extend: stage %d to replace, but the model has %d",
                   o->replace, start->stage_count);
  if (start->dtype != o->precision)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "extend: the model is in %s precision, the options say %s",
                   rung_dtype_name(start->dtype), rung_dtype_name(o->precision));
  return RUNG_OK;
}

static void fill_result(const rg_fit *f, rung_stop stop, rung_fit_result *result) {
  double most = 0;
  for (int64_t i = (f->heldout ? f->points : 0) * f->outputs; i < f->total * f->outputs; i++)
    most = fmax(most, fabs(f->residual[i].hi));
  *result = (rung_fit_result){.stop = stop,
                              .training_error = f->training_error,
                              .heldout_error = f->heldout_error,
                              .max_error = most / f->largest,
                              .noise = f->model->noise,
                              .seconds = rg_seconds() - f->started,
                              .planned_bytes = f->planned,
                              .peak_bytes = rung_memory_peak(f->ctx)};
}

size_t rg_fit_held(const rg_fit *f) {
  return rung_memory_now(f->ctx) + f->held_before - f->held_after;
}

rg_carried rg_fit_carried(const rg_fit *f) {
  return (rg_carried){.freedom = f->kept_freedom,
                      .heldout_error = f->heldout_error,
                      .seconds = rg_seconds() - f->started,
                      .replaced = f->replaced,
                      .planned = f->planned,
                      .refused = f->refused,
                      .held = rg_fit_held(f)};
}

static void carry_on(rg_fit *f, const rg_carried *carried) {
  f->kept_freedom = carried->freedom;
  f->heldout_error = carried->heldout_error;
  f->planned = carried->planned;
  f->refused = carried->refused;
  f->held_before = carried->held;
  f->held_after = rung_memory_now(f->ctx);
}

/* No better stage was found for the one to replace: the model stays as it was. */
static rung_status restore(rg_fit *f, const rung_model *start) {
  rung_model_destroy(f->model);
  f->model = NULL;
  RG_TRY(rung_model_copy(start, f->ctx, &f->model));
  RG_TRY(update_residual(f));
  update_errors(f);
  if (!f->heldout) f->heldout_error = start->stage[start->stage_count - 1].heldout_error;
  return RUNG_OK;
}

static rung_status run_loop(rg_fit *f, const rung_model *start, const rg_carried *carried,
                            rg_stage_watch watch, void *user, rung_fit_result *result) {
  RG_TRY(rg_fit_data(f, start));
  if (start) RG_TRY(rung_model_copy(start, f->ctx, &f->model));
  f->replaced = carried && carried->replaced;
  if (f->options.replace >= 0 && !f->replaced)
    RG_TRY(rung_model_drop_stage(f->model, f->ctx, f->options.replace));
  RG_TRY(rg_fit_scale(f));
  RG_TRY(update_residual(f));
  f->heldout_error = 1;
  update_errors(f);
  if (start && f->model->stage_count > 0 && !f->heldout)
    f->heldout_error = /* the data may be new ones */
        fmax(f->model->stage[f->model->stage_count - 1].heldout_error, f->training_error);
  update_target(f);
  if (carried) carry_on(f, carried);
  loop l = {.f = f, .watch = watch, .user = user};
  if (watch) RG_TRY(watch(user, f, f->model->stage_count, NULL));
  rung_stop stop = RUNG_STOP_STAGES;
  RG_TRY(train_stages(&l, f->options.replace, &stop));
  if (start && f->options.replace >= 0 && !f->replaced) RG_TRY(restore(f, start));
  if (stop == RUNG_STOP_NOISE) set_noise(&l);
  if (result) fill_result(f, stop, result);
  return RUNG_OK;
}

rung_status rg_fit_loop(rung_context *ctx, const rung_model *start, const rg_carried *carried,
                        const rung_problem *problem, const rung_fit_options *options,
                        rg_stage_watch watch, void *user, rung_model **out,
                        rung_fit_result *result) {
  *out = NULL;
  rung_fit_options standard = rung_fit_options_default();
  if (!options) options = &standard;
  rung_clear_error(ctx);
  RG_TRY(check_options(ctx, options, problem));
  if (start) RG_TRY(check_start(ctx, start, problem, options));
  if (!start && options->replace >= 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "fit: replace: there is no model to extend");
  rg_fit f = {.ctx = ctx,
              .problem = problem,
              .options = *options,
              .inputs = problem->inputs,
              .outputs = problem->outputs,
              .started = rg_seconds() - (carried ? carried->seconds : 0)};
  size_t peak_before = ctx->bytes_peak; /* the result tells this fit's own peak */
  ctx->bytes_peak = ctx->bytes_now;
  rung_status status = run_loop(&f, start, carried, watch, user, result);
  if (ctx->bytes_peak < peak_before) ctx->bytes_peak = peak_before;
  rg_free(ctx, f.x);
  rg_free(ctx, f.y);
  rg_free(ctx, f.s);
  rg_free(ctx, f.residual);
  rg_free(ctx, f.target);
  rg_free(ctx, f.eps);
  rg_free(ctx, f.sorted);
  if (status == RUNG_OK)
    *out = f.model;
  else
    rung_model_destroy(f.model);
  return status;
}

rung_status rung_fit(rung_context *ctx, const rung_problem *problem,
                     const rung_fit_options *options, rung_model **out, rung_fit_result *result) {
  return rg_fit_loop(ctx, NULL, NULL, problem, options, NULL, NULL, out, result);
}

rung_status rung_extend(rung_context *ctx, const rung_model *model, const rung_problem *problem,
                        const rung_fit_options *options, rung_model **out,
                        rung_fit_result *result) {
  return rg_fit_loop(ctx, model, NULL, problem, options, NULL, NULL, out, result);
}
