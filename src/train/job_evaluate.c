/* How good a network is on samples that it is not trained on. */
#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "num/f64.h"
#include "train/job.h"
#include "train/modular.h"

/* ---- one sample ---- */

static double score_at(const rg_job *j, const void *scores, int64_t sample, int64_t k) {
  return rg_fetch(j->dtype, scores, sample * rung_network_outputs(j->network) + k).hi;
}

static int64_t largest(const rg_job *j, const void *scores, int64_t sample) {
  int64_t best = 0;
  for (int64_t k = 1; k < rung_network_outputs(j->network); k++)
    if (score_at(j, scores, sample, k) > score_at(j, scores, sample, best)) best = k;
  return best;
}

/* log sum_k exp z_k - z_label */
static double cross_entropy(const rg_job *j, const void *scores, int64_t sample, int64_t label) {
  double top = score_at(j, scores, sample, largest(j, scores, sample)), sum = 0;
  for (int64_t k = 0; k < rung_network_outputs(j->network); k++)
    sum += rg_exp_f64(score_at(j, scores, sample, k) - top);
  return rg_log_f64(sum) + top - score_at(j, scores, sample, label);
}

static double distance(const rg_job *j, const void *scores, const void *values, int64_t sample) {
  int64_t outputs = rung_network_outputs(j->network);
  double delta = j->training.delta, sum = 0;
  for (int64_t k = 0; k < outputs; k++) {
    double d =
        fabs(score_at(j, scores, sample, k) - rg_fetch(j->dtype, values, sample * outputs + k).hi);
    if (j->training.loss == RUNG_SQUARED)
      sum += d * d;
    else
      sum += d <= delta ? d * d / 2 : delta * (d - delta / 2);
  }
  return sum / (double)outputs;
}

/* ---- batches ---- */

void rg_job_count_right(const rg_job *j, const void *scores, const rung_batch *batch, double *right,
                        double *counted) {
  for (int64_t i = 0; j->classes && i < batch->count; i++) {
    int64_t label = (int64_t)rg_fetch(j->dtype, batch->y, i).hi;
    if (label < 0) continue;
    *right += largest(j, scores, i) == label;
    ++*counted;
  }
}

static void add_batch(const rg_job *j, const void *scores, const rung_batch *batch, rg_score *out) {
  int64_t classes = rung_network_outputs(j->network);
  for (int64_t i = 0; i < batch->count; i++) {
    if (!j->classes) {
      out->loss += distance(j, scores, batch->y, i);
      out->samples++;
      continue;
    }
    int64_t label = (int64_t)rg_fetch(j->dtype, batch->y, i).hi;
    if (label < 0 || label >= classes) continue;
    int64_t said = largest(j, scores, i);
    out->loss += cross_entropy(j, scores, i, label);
    out->accuracy += said == label;
    out->samples++;
    if (out->confusion) out->confusion[label * classes + said]++;
  }
}

rung_status rg_job_score(rg_job *j, rung_batches *batches, rg_score *out) {
  int64_t count = rung_batches_size(batches), all = rung_batches_per_epoch(batches);
  size_t outputs = (size_t)rung_network_outputs(j->network);
  int exit = rung_network_exits(j->network) + 1;
  if (j->trainer && j->trainer->modular) exit = rg_modular_exit(j->trainer->modular);
  rg_inference *f;
  RG_TRY(
      rg_inference_create_to(j->network, j->ctx, count < j->judged ? count : j->judged, exit, &f));
  void *scores = rg_alloc(j->ctx, (size_t)count * outputs, rung_dtype_size(j->dtype));
  rung_status status = scores ? rung_batches_seek(batches, 0, 0) : RUNG_E_MEMORY;
  out->loss = out->accuracy = 0;
  out->samples = 0;
  for (int64_t i = 0; i < all && status == RUNG_OK; i++) {
    rung_batch batch;
    status = rung_batches_next(batches, &batch);
    if (status == RUNG_OK) status = rg_inference_run(f, count, batch.x, scores);
    if (status == RUNG_OK) add_batch(j, scores, &batch, out);
  }
  rg_free(j->ctx, scores);
  rg_inference_destroy(f);
  out->loss /= (double)out->samples;
  out->accuracy = j->classes ? out->accuracy / (double)out->samples : NAN;
  return status;
}

/* ---- the end ---- */

static rung_status score_and_tell(rg_job *j, const char *name, rung_batches *batches,
                                  rg_score *score) {
  int64_t classes = j->classes ? rung_network_outputs(j->network) : 0;
  score->confusion = rg_calloc(j->ctx, (size_t)(classes * classes), sizeof *score->confusion);
  if (!score->confusion) return RUNG_E_MEMORY;
  rung_status status = rg_job_score(j, batches, score);
  if (status == RUNG_OK) rg_job_event_score(j, name, score);
  rg_free(j->ctx, score->confusion);
  return status;
}

rung_status rg_job_test(rg_job *j, rung_network *kept) {
  rung_dataset *set;
  rung_batches *batches = NULL;
  rg_score score = {0};
  rung_network *last = j->network;
  j->result.test_loss = j->result.test_accuracy = NAN;
  j->network = kept;
  rung_status status = rg_job_open_test(j, &set);
  if (status == RUNG_OK && set) {
    rung_batch_options plain = rg_job_plain_batches(j, rung_dataset_count(set));
    status = rung_batches_open(set, j->ctx, NULL, &plain, j->dtype, &batches);
    if (status == RUNG_OK) status = score_and_tell(j, "test", batches, &score);
    j->result.test_loss = score.loss;
    j->result.test_accuracy = score.accuracy;
  } else if (status == RUNG_OK && j->check) {
    status = score_and_tell(j, "validation", j->check, &score);
  }
  rung_batches_destroy(batches);
  rung_dataset_destroy(set);
  j->network = last;
  return status;
}
