/* A network's answers to the samples of a set, batch by batch. */
#include "study/answers.h"

#include <stdio.h>

#include "nn/module.h"
#include "nn/network.h"

static void shape_text(char *out, size_t size, int rank, const int64_t *dim) {
  size_t used = 0;
  out[0] = 0;
  for (int i = 0; i < rank && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? " x " : "", (long long)dim[i]);
}

/* Samples have the network's shape, and labels or values the number of its outputs. */
static rung_status check(rung_context *ctx, const rung_network *network, const rung_dataset *set) {
  rung_shape want = rung_network_sample(network);
  int64_t found[3] = {0}, expected[RUNG_MAX_RANK] = {0};
  char want_text[80], found_text[80];
  int rank = rung_dataset_shape(set, found);
  bool same = rank == want.rank;
  for (int i = 0; i < want.rank; i++) expected[i] = want.dim[i];
  for (int i = 0; same && i < rank; i++) same = found[i] == expected[i];
  shape_text(want_text, sizeof want_text, want.rank, expected);
  shape_text(found_text, sizeof found_text, rank, found);
  if (!same)
    return rg_fail(ctx, RUNG_E_SHAPE, "the network takes samples of %s numbers, found %s",
                   want_text, found_text);
  int classes = rung_dataset_classes(set), targets = rung_dataset_targets(set);
  int64_t outputs = rung_network_outputs(network);
  if (classes > outputs || (targets > 0 && targets != outputs))
    return rg_fail(ctx, RUNG_E_DATA, "the network has %lld outputs, but the samples have %d %s",
                   (long long)outputs, classes ? classes : targets, classes ? "classes" : "values");
  return RUNG_OK;
}

/* Batches divide by the scale, networks multiply. */
static rung_status open_batches(rg_answers *a, const rung_dataset *set, const rung_part *of,
                                const rung_evaluate_options *options) {
  double *mean, *scale, *target_mean, *target_scale;
  int64_t channels;
  rung_network_normalisation(a->network, &mean, &scale, &channels);
  rung_network_target_normalisation(a->network, &target_mean, &target_scale);
  if (channels != rung_dataset_channels(set))
    return rg_fail(a->ctx, RUNG_E_SHAPE, "the network normalises %lld channels, found %d",
                   (long long)channels, rung_dataset_channels(set));
  a->scale = rg_alloc(a->ctx, (size_t)channels, sizeof *a->scale);
  if (!a->scale) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < channels; i++) a->scale[i] = 1 / scale[i];
  rung_batch_options how = rung_batch_options_default();
  how.batch = a->batch;
  how.seed = options->seed;
  how.corruption = options->corruption;
  how.level = options->level;
  how.mean = mean;
  how.scale = a->scale;
  if (rung_dataset_targets(set)) {
    how.target_mean = target_mean;
    how.target_scale = target_scale;
  }
  return rung_batches_open(set, a->ctx, of, &how, rung_network_dtype(a->network), &a->batches);
}

/* Which exit answers, for those that do not stop early. */
static rung_status open_programs(rg_answers *a, const rung_evaluate_options *options) {
  const int end = rung_network_exits(a->network) + 1, exit = options->exit ? options->exit : end;
  const int64_t samples = a->batch < RG_INFERENCE_SAMPLES ? a->batch : RG_INFERENCE_SAMPLES;
  a->exit = rg_alloc(a->ctx, (size_t)a->batch, sizeof *a->exit);
  if (!a->exit) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < a->batch; i++) a->exit[i] = exit;
  if (options->confidence != 0 && options->exit)
    return rg_fail(a->ctx, RUNG_E_ARGUMENT,
                   "expected an exit or a confidence, found both: exit %d, confidence %g",
                   options->exit, options->confidence);
  if (a->ends > 1)
    return rg_inference_create_to(a->network, a->ctx, samples, RG_EVERY_EXIT, &a->walk);
  if (options->confidence != 0)
    return rg_early_create(a->network, a->ctx, options->confidence, a->batch, &a->early);
  RG_TRY(rg_check_exit(a->network, a->ctx, exit));
  return rg_inference_create_to(a->network, a->ctx, samples, exit, &a->walk);
}

rung_status rg_answers_open(rg_answers *a, rung_context *ctx, rung_network *network,
                            const rung_dataset *set, const rung_part *of,
                            const rung_evaluate_options *options, bool every) {
  *a = (rg_answers){.ctx = ctx, .network = network, .outputs = rung_network_outputs(network)};
  a->ends = every ? rung_network_exits(network) + 1 : 1;
  RG_TRY(check(ctx, network, set));
  int64_t count = of ? of->count : rung_dataset_count(set);
  a->batch = options->batch < count ? options->batch : count;
  a->classes = rung_network_classes(network) != NULL;
  if (a->batch < 1) return rg_fail(ctx, RUNG_E_DATA, "expected samples, found none");
  RG_TRY(open_batches(a, set, of, options));
  RG_TRY(open_programs(a, options));
  a->left = rung_batches_per_epoch(a->batches);
  size_t numbers = (size_t)a->batch * (size_t)a->outputs;
  a->scores = rg_calloc(ctx, (size_t)a->ends, sizeof *a->scores);
  for (int i = 0; a->scores && i < a->ends; i++) {
    a->scores[i] = rg_alloc(ctx, numbers, rung_dtype_size(rung_network_dtype(network)));
    if (!a->scores[i]) return RUNG_E_MEMORY;
  }
  a->answer = rg_alloc(ctx, numbers, sizeof *a->answer);
  a->log_sum = rg_alloc(ctx, (size_t)a->batch, sizeof *a->log_sum);
  return a->scores && a->answer && a->log_sum ? RUNG_OK : RUNG_E_MEMORY;
}

void rg_answers_close(rg_answers *a) {
  rung_batches_destroy(a->batches);
  rg_inference_destroy(a->walk);
  rg_early_destroy(a->early);
  for (int i = 0; a->scores && i < a->ends; i++) rg_free(a->ctx, a->scores[i]);
  rg_free(a->ctx, a->exit);
  rg_free(a->ctx, a->scores);
  rg_free(a->ctx, a->answer);
  rg_free(a->ctx, a->log_sum);
  rg_free(a->ctx, a->scale);
}

double rg_answers_loss(const rg_answers *a, int64_t index, int label) {
  rung_dtype dtype = rung_network_dtype(a->network);
  return a->log_sum[index] - rg_fetch(dtype, a->scores[a->shown], index * a->outputs + label).hi;
}

void rg_answers_show(rg_answers *a, int end, int64_t count) {
  rung_dtype dtype = rung_network_dtype(a->network);
  double *mean, *scale;
  rung_network_target_normalisation(a->network, &mean, &scale);
  a->shown = end;
  for (int64_t i = 0; i < count; i++) {
    double *row = a->answer + i * a->outputs;
    for (int64_t k = 0; k < a->outputs; k++)
      row[k] = rg_fetch(dtype, a->scores[end], i * a->outputs + k).hi;
    if (a->classes) a->log_sum[i] = rg_softmax(row, a->outputs);
    for (int64_t k = 0; !a->classes && k < a->outputs; k++) row[k] = row[k] * scale[k] + mean[k];
  }
}

rung_status rg_answers_next(rg_answers *a, rung_batch *batch, bool *more) {
  *more = a->left > 0;
  if (!*more) return RUNG_OK;
  a->left--;
  RG_TRY(rung_batches_next(a->batches, batch));
  if (a->early)
    RG_TRY(rg_early_run(a->early, batch->count, batch->x, a->scores[0], a->exit));
  else if (a->ends > 1)
    RG_TRY(rg_inference_run_exits(a->walk, batch->count, batch->x, a->scores));
  else
    RG_TRY(rg_inference_run(a->walk, batch->count, batch->x, a->scores[0]));
  rg_answers_show(a, 0, batch->count);
  return RUNG_OK;
}

rung_status rung_network_answer(rung_context *ctx, rung_network *network, const rung_dataset *set,
                                int64_t batch, int exit, double confidence, rung_answer_fn answer,
                                void *user) {
  rung_evaluate_options options = rung_evaluate_options_default();
  rg_answers a;
  rung_batch next;
  bool more = true;
  options.batch = batch;
  options.exit = exit;
  options.confidence = confidence;
  rung_status status = rg_answers_open(&a, ctx, network, set, NULL, &options, false);
  while (status == RUNG_OK && more) {
    status = rg_answers_next(&a, &next, &more);
    if (status == RUNG_OK && more) status = answer(user, next.sample, next.count, a.answer, a.exit);
  }
  rg_answers_close(&a);
  return status;
}
