/* How well a network answers labelled samples. Sums go through the samples in their order, so that
 * results depend on nothing else. */
#include <math.h>

#include "study/answers.h"

rung_evaluate_options rung_evaluate_options_default(void) {
  return (rung_evaluate_options){.batch = 256, .top = 5, .bins = 15, .seed = 1};
}

/* The public result and what its numbers are made of; the arrays are owned. */
typedef struct evaluation_parts {
  rung_network_evaluation told; /* first: what the caller has is a pointer to it */
  int64_t *confusion, *answered;
  rung_confidence_bin *bin;
  rung_output_error *error;
  rung_worst_sample *worst;
  double *moments; /* of each output: sums of error^2, value^2, and Welford's mean and M2 */
  int most_worst;
  int64_t right, among_top;
  double loss;
} evaluation_parts;

enum { SUM_ERROR, SUM_VALUE, MEAN, SPREAD, MOMENTS };

static rung_status make(rung_context *ctx, const rung_network *network, const rung_dataset *set,
                        const rung_evaluate_options *options, evaluation_parts **out) {
  evaluation_parts *e = rg_calloc(ctx, 1, sizeof *e);
  *out = e;
  if (!e) return RUNG_E_MEMORY;
  size_t outputs = (size_t)rung_network_outputs(network);
  bool classes = rung_network_classes(network) != NULL;
  e->most_worst = options->worst;
  e->worst = rg_calloc(ctx, (size_t)options->worst + 1, sizeof *e->worst);
  if (options->confidence != 0) e->told.exits = rung_network_exits(network) + 1;
  e->answered = rg_calloc(ctx, (size_t)e->told.exits + 1, sizeof *e->answered);
  if (!e->worst || !e->answered) return RUNG_E_MEMORY;
  if (classes != (rung_dataset_classes(set) > 0))
    return rg_fail(ctx, RUNG_E_DATA, "the network tells %s, but the samples have %s",
                   classes ? "classes" : "values", classes ? "values" : "classes");
  if (classes) {
    e->told.classes = (int)outputs;
    e->told.top = options->top < (int)outputs ? options->top : (int)outputs;
    e->told.bins = options->bins;
    e->confusion = rg_calloc(ctx, outputs * outputs, sizeof *e->confusion);
    e->bin = rg_calloc(ctx, (size_t)options->bins, sizeof *e->bin);
    return e->confusion && e->bin ? RUNG_OK : RUNG_E_MEMORY;
  }
  e->told.outputs = (int)outputs;
  e->error = rg_calloc(ctx, outputs, sizeof *e->error);
  e->moments = rg_calloc(ctx, outputs * MOMENTS, sizeof *e->moments);
  return e->error && e->moments ? RUNG_OK : RUNG_E_MEMORY;
}

/* A loss that is no number is worse than any: scores have overflowed. */
static bool is_worse(double a, double b) {
  return isnan(a) ? !isnan(b) : a > b;
}

/* Keeps the worst, in order; of equal ones the first. */
static void take_worst(evaluation_parts *e, rung_worst_sample sample) {
  int at = e->told.worst;
  while (at > 0 && is_worse(sample.loss, e->worst[at - 1].loss)) at--;
  if (at == e->most_worst) return;
  if (e->told.worst < e->most_worst) e->told.worst++;
  for (int i = e->told.worst - 1; i > at; i--) e->worst[i] = e->worst[i - 1];
  e->worst[at] = sample;
}

static void take_class(evaluation_parts *e, int64_t sample, int label, const double *p,
                       double loss) {
  int classes = e->told.classes, said = 0, above = 0;
  for (int k = 0; k < classes; k++) {
    if (p[k] > p[said]) said = k;
    above += p[k] > p[label] || (k < label && !(p[k] < p[label]));
  }
  e->loss += loss;
  e->right += said == label;
  e->among_top += above < e->told.top;
  e->confusion[(int64_t)label * classes + said]++;
  int at = isnan(p[said]) ? 0 : (int)(p[said] * e->told.bins);
  rung_confidence_bin *bin = &e->bin[at < e->told.bins ? at : e->told.bins - 1];
  bin->samples++;
  bin->confidence += p[said];
  bin->accuracy += said == label;
  take_worst(e, (rung_worst_sample){sample, label, said, p[said], loss});
}

static void take_values(evaluation_parts *e, int64_t sample, const double *value,
                        const double *answer, const double *scale) {
  double loss = 0, n = (double)e->told.samples;
  for (int k = 0; k < e->told.outputs; k++) {
    double *m = e->moments + (ptrdiff_t)k * MOMENTS, d = answer[k] - value[k];
    double off = value[k] - m[MEAN];
    m[SUM_ERROR] += d * d;
    m[SUM_VALUE] += value[k] * value[k];
    m[MEAN] += off / n;
    m[SPREAD] += off * (value[k] - m[MEAN]);
    if (fabs(d) > e->error[k].max_error) e->error[k].max_error = fabs(d);
    loss += d / scale[k] * (d / scale[k]);
  }
  loss /= e->told.outputs;
  e->loss += loss;
  take_worst(e, (rung_worst_sample){sample, -1, -1, NAN, loss});
}

static rung_status take_batch(evaluation_parts *e, const rg_answers *a, const rung_dataset *set,
                              const rung_batch *batch) {
  double *mean, *scale;
  rung_network_target_normalisation(a->network, &mean, &scale);
  for (int64_t i = 0; i < batch->count; i++) {
    int64_t sample = batch->sample[i];
    const double *answer = a->answer + i * a->outputs;
    int label = e->told.classes ? rung_dataset_label(set, sample) : 0;
    const double *value = e->told.classes ? NULL : rung_dataset_values(set, sample);
    if (label < 0 || (!e->told.classes && !value)) continue;
    e->told.samples++;
    if (e->told.exits) e->answered[a->exit[i] - 1]++;
    if (value)
      take_values(e, sample, value, answer, scale);
    else
      take_class(e, sample, label, answer, rg_answers_loss(a, i, label));
  }
  return RUNG_OK;
}

static void finish_classes(evaluation_parts *e) {
  rung_network_evaluation *t = &e->told;
  double n = (double)t->samples;
  t->accuracy = (double)e->right / n;
  t->top_accuracy = (double)e->among_top / n;
  t->calibration_error = 0;
  for (int b = 0; b < t->bins; b++) {
    double count = (double)e->bin[b].samples;
    t->calibration_error += fabs(e->bin[b].accuracy - e->bin[b].confidence) / n;
    e->bin[b].confidence = count > 0 ? e->bin[b].confidence / count : NAN;
    e->bin[b].accuracy = count > 0 ? e->bin[b].accuracy / count : NAN;
  }
}

static void finish_values(evaluation_parts *e) {
  e->told.accuracy = e->told.top_accuracy = e->told.calibration_error = NAN;
  for (int k = 0; k < e->told.outputs; k++) {
    const double *m = e->moments + (ptrdiff_t)k * MOMENTS;
    e->error[k].rms = sqrt(m[SUM_ERROR] / (double)e->told.samples);
    e->error[k].relative_l2 = sqrt(m[SUM_ERROR] / m[SUM_VALUE]);
    e->error[k].r2 = m[SPREAD] > 0 ? 1 - m[SUM_ERROR] / m[SPREAD] : NAN;
  }
}

static rung_status finish_exits(evaluation_parts *e, const rg_answers *a) {
  double sum = 0;
  for (int i = 0; i < e->told.exits; i++)
    if (e->answered[i]) sum += (double)e->answered[i] * rung_network_early_cost(a->network, i + 1);
  e->told.multiply_adds = e->told.exits ? sum / (double)e->told.samples : NAN;
  if (!isnan(sum)) return RUNG_OK;
  return rg_fail(a->ctx, RUNG_E_MEMORY, "out of memory while multiply-adds were counted");
}

static rung_status finish(evaluation_parts *e, const rg_answers *a) {
  if (e->told.samples == 0)
    return rg_fail(a->ctx, RUNG_E_DATA, "expected samples with labels, found none");
  e->told.loss = e->loss / (double)e->told.samples;
  if (e->told.classes)
    finish_classes(e);
  else
    finish_values(e);
  RG_TRY(finish_exits(e, a));
  e->told.answered = e->answered;
  e->told.confusion = e->confusion;
  e->told.bin = e->bin;
  e->told.error = e->error;
  e->told.worst_sample = e->worst;
  return RUNG_OK;
}

/* One evaluation for each end that answers. */
static rung_status run(evaluation_parts *const *list, int ends, rg_answers *a,
                       const rung_dataset *set) {
  rung_batch batch;
  for (bool more = true; more;) {
    RG_TRY(rg_answers_next(a, &batch, &more));
    for (int i = 0; i < ends && more; i++) {
      if (i > 0) rg_answers_show(a, i, batch.count);
      RG_TRY(take_batch(list[i], a, set, &batch));
    }
  }
  for (int i = 0; i < ends; i++) RG_TRY(finish(list[i], a));
  return RUNG_OK;
}

static rung_status evaluate(rung_context *ctx, rung_network *network, const rung_dataset *set,
                            const rung_part *of, const rung_evaluate_options *options, bool every,
                            rung_network_evaluation **out) {
  rung_evaluate_options defaults = rung_evaluate_options_default();
  const rung_evaluate_options *o = options ? options : &defaults;
  const int ends = every ? rung_network_exits(network) + 1 : 1;
  evaluation_parts *list[RUNG_MOST_EXITS + 1] = {NULL};
  rg_answers answers;
  for (int i = 0; i < ends; i++) out[i] = NULL;
  if (o->batch < 1 || o->top < 1 || o->bins < 1 || o->worst < 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "evaluation: expected batch, top and bins of 1 or more");
  if (every && (o->exit || o->confidence != 0))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "evaluation of every exit: expected exit and confidence 0, found %d and %g",
                   o->exit, o->confidence);
  rung_status status = rg_answers_open(&answers, ctx, network, set, of, o, every);
  for (int i = 0; i < ends && status == RUNG_OK; i++) status = make(ctx, network, set, o, &list[i]);
  if (status == RUNG_OK) status = run(list, ends, &answers, set);
  rg_answers_close(&answers);
  for (int i = 0; i < ends; i++) {
    if (status == RUNG_OK)
      out[i] = &list[i]->told;
    else
      rung_network_evaluation_destroy(ctx, list[i] ? &list[i]->told : NULL);
  }
  return status;
}

rung_status rung_network_evaluate(rung_context *ctx, rung_network *network, const rung_dataset *set,
                                  const rung_part *of, const rung_evaluate_options *options,
                                  rung_network_evaluation **out) {
  return evaluate(ctx, network, set, of, options, false, out);
}

rung_status rung_network_evaluate_exits(rung_context *ctx, rung_network *network,
                                        const rung_dataset *set, const rung_part *of,
                                        const rung_evaluate_options *options,
                                        rung_network_evaluation **out) {
  return evaluate(ctx, network, set, of, options, true, out);
}

void rung_network_evaluation_destroy(rung_context *ctx, rung_network_evaluation *evaluation) {
  if (!evaluation) return;
  evaluation_parts *e = (evaluation_parts *)(void *)evaluation; /* its first member */
  rg_free(ctx, e->confusion);
  rg_free(ctx, e->answered);
  rg_free(ctx, e->bin);
  rg_free(ctx, e->error);
  rg_free(ctx, e->worst);
  rg_free(ctx, e->moments);
  rg_free(ctx, e);
}
