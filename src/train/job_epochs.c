/* Epochs of a training run: steps, validation, what is kept, and what is done where it goes off its
 * course. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/job.h"
#include "train/modular.h"

#define SAVE_SECONDS 60.0 /* between two saves within an epoch */
#define LOWER 0.2         /* what the rate is multiplied by when a run is restored */

double rg_job_tell_seconds = 0.02, rg_job_save_seconds = 2;

/* ---- telling ---- */

static double seconds_left(const rg_job *j, double seconds) {
  double done = j->standing.epoch + j->standing.step / (double)j->per_epoch;
  double share = done / (double)j->epochs; /* levels become dearer: then it is too little */
  return share > 0.001 ? seconds * (1 - share) / share : -1;
}

bool rg_job_tell(rg_job *j, const char *doing, const char *note, const rung_epoch *finished) {
  if (!j->progress) return false;
  const rg_standing *s = &j->standing;
  double now = rg_seconds(), seconds = j->before + now - j->begun;
  double samples = (j->steps_here + 1e-9) * (double)j->training.batch;
  rung_train_progress told = {.doing = doing,
                              .epoch = (int64_t)s->epoch + !finished,
                              .epochs = j->epochs,
                              .step = (int64_t)s->step,
                              .steps = j->per_epoch,
                              .loss = s->step > 0 ? s->loss_sum / s->step : NAN,
                              .accuracy = s->counted > 0 ? s->right / s->counted : NAN,
                              .rate = samples / (now - j->begun + 1e-9),
                              .seconds = seconds,
                              .left = seconds_left(j, seconds),
                              .finished = finished,
                              .note = note};
  j->told = now;
  if (j->progress(j->user, &told) != 0) j->stopped = true;
  return j->stopped;
}

/* ---- what is kept ---- */

/* The network as it is judged now is the best so far. */
static void keep_best(rg_job *j) {
  const rung_network *n = j->network;
  size_t size = rung_dtype_size(n->dtype);
  rg_trainer_exchange(j->trainer);
  memcpy(j->best, n->theta, (size_t)n->parameters * size);
  memcpy((char *)j->best + (size_t)n->parameters * size, n->running, (size_t)n->statistics * size);
  rg_trainer_exchange(j->trainer);
  j->best_to_write = true;
}

static rung_status write_best(rg_job *j) {
  const rung_network *n = j->network;
  rung_network judged = *n; /* with other numbers */
  if (!j->best_to_write || !j->folder.path) return RUNG_OK;
  judged.theta = j->best;
  judged.running = (char *)j->best + (size_t)n->parameters * rung_dtype_size(n->dtype);
  RG_TRY(rung_network_save(&judged, j->ctx, j->folder.model));
  j->best_to_write = false;
  return RUNG_OK;
}

/* Best model, state, log: in this order, so that the state never tells of a model that is not
 * there. A run that goes on from an older state comes to the same model again. */
static rung_status keep(rg_job *j) {
  RG_TRY(write_best(j));
  RG_TRY(rg_job_save(j));
  return rg_job_log(j);
}

/* The same, and the network as it is now. */
static rung_status keep_all(rg_job *j) {
  RG_TRY(keep(j));
  if (!j->folder.path) return RUNG_OK;
  rg_trainer_exchange(j->trainer);
  rung_status status = rung_network_save(j->network, j->ctx, j->folder.last);
  rg_trainer_exchange(j->trainer);
  return status;
}

/* ---- off the course ---- */

static rung_status seek(rg_job *j) {
  return rung_batches_seek(j->batches, (int64_t)j->standing.epoch, (int64_t)j->standing.step);
}

static rung_status give_up(rg_job *j, const char *why) {
  const rg_standing *s = &j->standing;
  char kept[200] = "no epoch had been kept";
  if (s->best_epoch <= 0 && s->epoch > 0)
    snprintf(kept, sizeof kept, "the kept model is that of the turn or level before");
  if (s->best_epoch > 0)
    snprintf(kept, sizeof kept, "the kept model is that of epoch %.0f", s->best_epoch);
  return rg_fail(j->ctx, RUNG_E_NUMERIC,
                 "epoch %.0f, step %.0f: %.500s; %s; %s. A lower training.optimiser.rate, warmup, "
                 "training.clip or another block may help",
                 s->epoch + 1, s->step + 1, why,
                 s->restored > 0 ? "the last good state had been restored already and the rate "
                                   "lowered: training gives up"
                                 : "this optimiser has no rate to lower: training gives up",
                 kept);
}

/* Has running backwards come too far off? The network and its plan are the cause: the message says
 * what would do, and a lower rate would not. */
static bool has_drifted(const rg_job *j) {
  bool reversed = rg_pass_get_plan(rg_trainer_pass(j->trainer))->activations == RUNG_REVERSE;
  return reversed && j->trainer->seen.drift > j->training.drift;
}

/* Back to the last good state, with a lower rate: once. */
static rung_status recover(rg_job *j) {
  char why[600], note[800];
  snprintf(why, sizeof why, "%.590s", rung_error(j->ctx));
  rung_clear_error(j->ctx);
  if (j->standing.restored > 0 || j->trainer->full) return give_up(j, why);
  double epoch = j->standing.epoch + 1, step = j->standing.step + 1;
  rg_snapshot_restore(j, &j->good);
  j->standing.restored = 1;
  j->trainer->lowered *= LOWER;
  rg_snapshot_take(j, &j->good);
  rg_job_event_restored(j, why);
  RG_TRY(keep(j));
  snprintf(note, sizeof note,
           "epoch %.0f, step %.0f: %s. Restored: the state at the begin of epoch %.0f; the rate is "
           "lowered to %g of the schedule's",
           epoch, step, why, j->standing.epoch + 1, j->trainer->lowered);
  rg_job_tell(j, "training", note, NULL);
  return seek(j);
}

/* ---- steps ---- */

static rung_status step(rg_job *j) {
  rung_batch batch;
  double loss;
  rg_standing *s = &j->standing;
  double begun = rg_seconds();
  RG_TRY(rung_batches_next(j->batches, &batch));
  double got = rg_seconds();
  RG_TRY(rg_trainer_step(j->trainer, &batch, &loss));
  j->data_seconds += got - begun;
  j->step_seconds += rg_seconds() - got;
  rg_job_count_right(j, rung_trainer_scores(j->trainer), &batch, &s->right, &s->counted);
  bool reversed = rg_pass_get_plan(rg_trainer_pass(j->trainer))->activations == RUNG_REVERSE;
  if (reversed && j->trainer->seen.drift > s->drift) s->drift = j->trainer->seen.drift;
  s->loss_sum += loss;
  s->step++;
  j->steps_here++;
  rg_job_tell_features(j);
  if (!rg_watch_add(&j->watch, loss)) return RUNG_OK;
  return rg_fail(j->ctx, RUNG_E_NUMERIC, "the loss has jumped to %g and stayed there for %d steps",
                 loss, RG_WATCH_ROW);
}

/* Steps to the end of the epoch, or till the caller stops it. */
static rung_status steps(rg_job *j) {
  while (j->standing.step < (double)j->per_epoch && !j->stopped) {
    rung_status status = step(j);
    if (status == RUNG_E_NUMERIC && !has_drifted(j)) status = recover(j);
    if (status != RUNG_OK) return status;
    double now = rg_seconds();
    if (now - j->told >= rg_job_tell_seconds) rg_job_tell(j, "training", NULL, NULL);
    if (j->standing.step < (double)j->per_epoch && now - j->saved > SAVE_SECONDS) RG_TRY(keep(j));
  }
  return RUNG_OK;
}

/* ---- epochs ---- */

static rung_status validate(rg_job *j, rung_epoch *e) {
  rg_score score = {.loss = NAN, .accuracy = NAN};
  if (j->check) {
    rg_trainer_exchange(j->trainer);
    rung_status status = rg_job_score(j, j->check, &score);
    rg_trainer_exchange(j->trainer);
    if (status != RUNG_OK) return status;
  }
  e->validation_loss = score.loss;
  e->validation_accuracy = score.accuracy;
  return RUNG_OK;
}

static rung_epoch sum_up(const rg_job *j) {
  const rg_standing *s = &j->standing;
  return (rung_epoch){.epoch = (int64_t)s->epoch + 1,
                      .epochs = j->epochs,
                      .train_loss = s->loss_sum / s->step,
                      .train_accuracy = s->counted > 0 ? s->right / s->counted : NAN,
                      .rate = j->trainer->full ? NAN : rg_trainer_rate(j->trainer),
                      .drift = s->drift >= 0 ? s->drift : NAN,
                      .seconds = j->before + rg_seconds() - j->begun,
                      .peak_bytes = rg_job_peak(j)};
}

/* Counts the epoch; true where it is the best so far. Without held-out samples the last one is. */
static bool count_epoch(rg_job *j, const rung_epoch *e) {
  rg_standing *s = &j->standing;
  bool best = !j->check || s->best_epoch == 0 || e->validation_loss < s->best_loss;
  s->epoch++;
  s->step = s->loss_sum = s->right = s->counted = 0;
  s->drift = -1;
  s->train_loss = e->train_loss;
  s->validation_loss = e->validation_loss;
  s->validation_accuracy = e->validation_accuracy;
  s->since_best = best ? 0 : s->since_best + 1;
  if (!best) return false;
  s->best_epoch = s->epoch;
  s->best_loss = e->validation_loss;
  return true;
}

/* Where it is another module's turn from now on: losses of two modules do not compare, so the
 * search for the best begins anew, and what is frozen stays as it is now. */
static void next_turn(rg_job *j) {
  rg_standing *s = &j->standing;
  bool done = (int64_t)s->epoch == j->epochs;
  if (done || !j->trainer->modular || !rg_modular_turns(j->trainer->modular)) return;
  s->best_epoch = s->since_best = 0;
  memset(&j->watch, 0, sizeof j->watch);
}

static rung_status end_epoch(rg_job *j) {
  rung_epoch e = sum_up(j);
  if (j->check) rg_job_tell(j, "validating", NULL, NULL);
  double begun = rg_seconds();
  RG_TRY(validate(j, &e));
  j->validation_seconds = rg_seconds() - begun;
  if (count_epoch(j, &e)) keep_best(j);
  rg_job_event_epoch(j, &e);
  next_turn(j);
  j->data_seconds = j->step_seconds = 0;
  RG_TRY(rg_job_stability(j));
  if (j->watch.row == 0) rg_snapshot_take(j, &j->good);
  if (rg_seconds() - j->saved >= rg_job_save_seconds) RG_TRY(keep(j));
  rg_job_tell(j, "training", NULL, &e);
  return RUNG_OK;
}

static bool level_done(const rg_job *j) {
  int level = (int)j->standing.level;
  int64_t end = rg_job_first_epoch(j, level) + rg_job_epochs_of(j, level);
  if ((int64_t)j->standing.epoch >= end || (j->trainer->full && j->trainer->converged)) return true;
  return j->patience && (int64_t)j->standing.since_best >= j->patience && j->standing.step == 0;
}

/* Twice the layers, with the weights prolonged; optimiser, schedule and the search for the best
 * begin anew. */
static rung_status next_level(rg_job *j) {
  rung_network *old = j->network;
  rg_standing *s = &j->standing;
  rg_trainer_exchange(j->trainer); /* averages are what is prolonged, where they are kept */
  j->network = NULL;
  rg_job_drop_level(j);
  s->level++;
  s->epoch = (double)rg_job_first_epoch(j, (int)s->level);
  s->best_epoch = s->since_best = s->descents = s->trainer_step = 0;
  j->best_to_write = false;
  memset(&j->watch, 0, sizeof j->watch);
  rung_status status = rg_job_make_level(j, old);
  rung_network_destroy(old);
  if (status != RUNG_OK) return status;
  j->trainer->lowered = s->lowered;
  rg_snapshot_take(j, &j->good);
  rg_job_event_plan(j);
  return RUNG_OK;
}

rung_status rg_job_train(rg_job *j) {
  while (!j->stopped) {
    if (level_done(j)) {
      if ((int)j->standing.level == j->levels - 1) break;
      RG_TRY(next_level(j));
    }
    RG_TRY(seek(j));
    RG_TRY(steps(j));
    if (j->standing.step < (double)j->per_epoch) break; /* stopped */
    RG_TRY(end_epoch(j));
  }
  return keep_all(j);
}
