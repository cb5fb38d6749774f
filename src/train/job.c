/* Training as a recipe says, in a folder from which it can be resumed to the same bytes. */
#include <math.h>
#include <string.h>

#include "train/job.h"

/* ---- what is asked for ---- */

static rung_status read_recipe(rg_job *j) {
  const rung_recipe *r = j->recipe;
  char *text;
  if (rung_recipe_get_kind(r) != RUNG_RECIPE_TRAIN)
    return rg_fail(j->ctx, RUNG_E_ARGUMENT, "train: expected a recipe of `rung train`");
  RG_TRY(rg_recipe_check(r, j->ctx));
  j->training = rung_training_default();
  j->settings = rung_network_settings_default();
  rg_recipe_training(r, &j->training);
  rg_recipe_network(r, &j->settings);
  RG_TRY(rung_dtype_parse(rung_recipe_get(r, "training.precision"), &j->dtype));
  j->epochs = rg_recipe_whole(r, "training.epochs");
  j->patience = rg_recipe_whole(r, "training.patience");
  j->levels = (int)rg_recipe_whole(r, "model.levels");
  j->modules = j->training.modulewise ? rg_recipe_modules(r) : 1;
  j->stability = rung_recipe_get(r, "training.stability");
  j->classes = j->training.loss == RUNG_CROSS_ENTROPY;
  j->limit = j->training.memory;
  if (j->epochs < j->levels)
    return rg_recipe_fail(r, j->ctx, "training.epochs",
                          "expected an epoch for each of the %d levels, found %lld", j->levels,
                          (long long)j->epochs);
  RG_TRY(rung_recipe_text(r, j->ctx, &text));
  j->recipe_hash = rg_hash(RG_HASH_START, text, strlen(text));
  rg_free(j->ctx, text);
  return RUNG_OK;
}

static rung_status init(rg_job *j, rung_context *ctx, rung_train_progress_fn progress, void *user) {
  *j = (rg_job){.ctx = ctx, .progress = progress, .user = user};
  j->begun = j->saved = rg_seconds();
  j->base = rg_resident(false);
  j->base_peak = rg_resident(true);
  j->held_before = ctx->bytes_now;
  j->peak_before = ctx->bytes_peak;
  ctx->bytes_peak = ctx->bytes_now; /* what is told is the run's own peak */
  j->threads_before = ctx->threads;
  j->standing.lowered = 1;
  j->standing.drift = -1;
  j->folder.log_file = -1;
  rg_text_init(&j->events, ctx);
  return RUNG_OK;
}

static void close_job(rg_job *j) {
  rg_job_drop_level(j);
  rg_job_close_data(j);
  rg_job_close_given(j);
  rg_free(j->ctx, j->numbers);
  rg_free(j->ctx, j->form);
  rg_text_free(&j->events);
  rg_folder_free(&j->folder);
  j->ctx->threads = j->threads_before;
  if (j->ctx->bytes_peak < j->peak_before) j->ctx->bytes_peak = j->peak_before;
}

/* A number that the caller has set goes before the recipe's. */
static rung_status use_threads(rg_job *j) {
  int threads = (int)rg_recipe_whole(j->recipe, "run.threads");
  if (threads && j->ctx->threads == 0) RG_TRY(rung_set_threads(j->ctx, threads));
  j->threads = rung_threads(j->ctx);
  return RUNG_OK;
}

/* ---- beginning ---- */

static void tell_plan(rg_job *j) {
  rg_text text;
  rung_train_progress told = {
      .doing = "training", .epochs = j->epochs, .loss = NAN, .accuracy = NAN, .left = -1};
  if (!j->progress) return;
  rg_text_init(&text, j->ctx);
  rg_text_printf(&text, "%lld samples, %lld held out; %lld weights, %lld layers\n",
                 (long long)j->train.count, (long long)j->held.count,
                 (long long)rung_network_parameters(j->network),
                 (long long)rg_network_layers(j->network));
  rg_text_printf(&text, "%s\n%.2f MB planned in all", rung_trainer_plan(j->trainer),
                 (double)rg_job_planned(j) / 1e6);
  if (j->limit) rg_text_printf(&text, ", %.2f MB allowed", (double)j->limit / 1e6);
  if (rung_threads(j->ctx) < j->threads)
    rg_text_printf(&text, ", %d of %d threads, as there is no room for more", rung_threads(j->ctx),
                   j->threads);
  if (!text.failed) {
    told.plan = text.data;
    if (j->progress(j->user, &told) != 0) j->stopped = true;
  }
  rg_text_free(&text);
}

static rung_status make_folder(rg_job *j) {
  char *recipe;
  if (!j->folder.path) return RUNG_OK;
  RG_TRY(rung_recipe_text(j->recipe, j->ctx, &recipe));
  rung_status status = rg_folder_make(&j->folder, recipe);
  rg_free(j->ctx, recipe);
  return status == RUNG_OK ? rg_job_make_board(j) : status;
}

static rung_status begin(rg_job *j) {
  RG_TRY(rg_job_prepare(j));
  RG_TRY(make_folder(j));
  rg_snapshot_take(j, &j->good);
  rg_job_event_start(j);
  rg_job_event_plan(j);
  RG_TRY(rg_job_save(j));
  return rg_job_log(j);
}

/* ---- the end ---- */

/* The kept network: from its file, or, without a folder, from memory. *out may be j->network. */
static rung_status take_kept(rg_job *j, rung_network **out) {
  rung_network *n = j->network;
  size_t size = rung_dtype_size(n->dtype);
  *out = n;
  if (j->standing.best_epoch <= 0) return RUNG_OK;
  if (j->folder.path) return rung_network_load(j->ctx, j->folder.model, out);
  memcpy(n->theta, j->best, (size_t)n->parameters * size);
  memcpy(n->running, (char *)j->best + (size_t)n->parameters * size, (size_t)n->statistics * size);
  return RUNG_OK;
}

static void sum_up(rg_job *j) {
  const rg_standing *s = &j->standing;
  j->result = (rung_train_result){.epochs = (int64_t)s->epoch,
                                  .best_epoch = (int64_t)s->best_epoch,
                                  .train_loss = s->train_loss,
                                  .validation_loss = s->validation_loss,
                                  .validation_accuracy = s->validation_accuracy,
                                  .test_loss = NAN,
                                  .test_accuracy = NAN,
                                  .parameters = rung_network_parameters(j->network),
                                  .planned_bytes = rg_job_planned(j),
                                  .skipped = j->skipped,
                                  .restored = (int)s->restored,
                                  .cancelled = j->stopped};
}

static rung_status test(rg_job *j, rung_network *kept) {
  if (j->stopped) return RUNG_OK;
  if (rung_recipe_get(j->recipe, "data.test")) rg_job_close_data(j); /* it takes their room */
  rg_job_tell(j, "testing", NULL, NULL);
  return rg_job_test(j, kept);
}

/* The lines of the end: of a stopped run they are behind what its state knows of, so that a resumed
 * one takes them back. */
static rung_status tell_result(rg_job *j) {
  j->result.seconds = j->before + rg_seconds() - j->begun;
  j->result.peak_bytes = rg_job_peak(j);
  rg_job_event_result(j);
  RG_TRY(rg_text_status(&j->events));
  RG_TRY(rg_job_log(j));
  if (!j->folder.path) return RUNG_OK;
  RG_TRY(rung_run_report(j->ctx, j->folder.path));
  return j->stopped ? RUNG_OK : rg_job_save_result(j);
}

/* The kept model takes the room of what trained it. */
static void make_room(rg_job *j) {
  rung_trainer_destroy(j->trainer);
  rg_free(j->ctx, j->good.arrays);
  j->trainer = NULL;
  j->good.arrays = NULL;
  if (j->folder.path) { /* it is in the model's file */
    rg_free(j->ctx, j->best);
    j->best = NULL;
  }
  rg_trim_memory();
}

static rung_status finish(rg_job *j, rung_network **out) {
  rung_network *kept = NULL;
  sum_up(j);
  make_room(j);
  RG_TRY(take_kept(j, &kept));
  if (kept != j->network) rung_network_destroy(j->network);
  j->network = NULL;
  rung_status status = test(j, kept);
  rg_trim_memory(); /* the report opens samples and network anew */
  if (status == RUNG_OK) status = tell_result(j);
  if (status == RUNG_OK)
    *out = kept;
  else
    rung_network_destroy(kept);
  return status;
}

static rung_status train(rg_job *j, rung_network **out) {
  tell_plan(j);
  RG_TRY(rg_job_train(j));
  return finish(j, out);
}

/* A new run that came to nothing leaves nothing behind. */
static void clean_up(rg_job *j, rung_status status) {
  const rg_standing *s = &j->standing;
  bool nothing = s->best_epoch == 0 && s->epoch == 0 && s->level == 0;
  if (j->folder.log_file >= 0 && status != RUNG_OK && nothing) rg_folder_remove(&j->folder);
}

/* Hands over the network, or not. */
static rung_status give(rung_status status, rung_network *kept, const rg_job *j, rung_network **out,
                        rung_train_result *result) {
  if (status == RUNG_OK && result) *result = j->result;
  if (status == RUNG_OK && out)
    *out = kept;
  else
    rung_network_destroy(kept);
  return status;
}

rung_status rung_train(rung_context *ctx, const rung_recipe *recipe, const char *folder,
                       rung_train_progress_fn progress, void *user, rung_network **out,
                       rung_train_result *result) {
  rg_job j;
  rung_network *kept = NULL;
  if (out) *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(init(&j, ctx, progress, user));
  j.recipe = recipe;
  rung_status status = rg_folder_init(&j.folder, ctx, folder);
  if (status == RUNG_OK) status = rg_folder_check_new(&j.folder);
  if (status == RUNG_OK) status = read_recipe(&j);
  if (status == RUNG_OK) status = rg_job_open_given(&j);
  if (status == RUNG_OK) status = use_threads(&j);
  if (status == RUNG_OK) status = begin(&j);
  if (status == RUNG_OK) status = train(&j, &kept);
  clean_up(&j, status);
  close_job(&j);
  return give(status, kept, &j, out, result);
}

rung_status rung_train_modules(rung_context *ctx, const rung_network *network,
                               const rung_recipe *recipe, uint64_t trained,
                               rung_train_progress_fn progress, void *user, rung_network **out,
                               rung_train_result *result) {
  rg_job j;
  rung_network *kept = NULL;
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(init(&j, ctx, progress, user));
  j.recipe = recipe;
  rung_status status = read_recipe(&j);
  if (status == RUNG_OK) status = rg_job_take_given(&j, network, trained);
  if (status == RUNG_OK) status = use_threads(&j);
  if (status == RUNG_OK) status = begin(&j);
  if (status == RUNG_OK) status = train(&j, &kept);
  close_job(&j);
  return give(status, kept, &j, out, result);
}

rung_status rung_train_plan(rung_context *ctx, const rung_recipe *recipe, int most,
                            rung_planned *rows, int *count) {
  rg_job j;
  *count = 0;
  rung_clear_error(ctx);
  RG_TRY(init(&j, ctx, NULL, NULL));
  j.recipe = recipe;
  rung_status status = read_recipe(&j);
  if (status == RUNG_OK && rung_recipe_get(recipe, "extend.network"))
    status = rg_recipe_fail(recipe, ctx, "extend.network",
                            "the modules of a network that is there are settled: nothing to plan");
  if (status == RUNG_OK) status = use_threads(&j);
  if (status == RUNG_OK) status = rg_job_plan_all(&j, most, rows, count);
  close_job(&j);
  return status;
}

/* ---- going on ---- */

/* The log as the state says. */
static rung_status put_right(rg_job *j) {
  RG_TRY(rg_folder_log(&j->folder, &j->events));
  rg_text_free(&j->events);
  rg_text_init(&j->events, j->ctx);
  return rg_job_make_board(j);
}

static rung_status go_on(rg_job *j, rung_network **out) {
  bool found, finished;
  RG_TRY(rg_job_peek(j, &found, &finished));
  if (finished) return rung_network_load(j->ctx, j->folder.model, out);
  RG_TRY(rg_job_open_given(j));
  if (!found) { /* it was killed before anything was saved */
    RG_TRY(rg_job_prepare(j));
    rg_snapshot_take(j, &j->good);
    rg_job_event_start(j);
    rg_job_event_plan(j);
    RG_TRY(rg_job_save(j));
    RG_TRY(rg_job_make_board(j));
    RG_TRY(rg_job_log(j));
    return train(j, out);
  }
  RG_TRY(rg_job_prepare(j));
  RG_TRY(rg_job_load(j));
  RG_TRY(put_right(j));
  return train(j, out);
}

static rung_status resume(rg_job *j, rung_network **out) {
  RG_TRY(rg_folder_open(&j->folder));
  RG_TRY(read_recipe(j));
  RG_TRY(use_threads(j));
  return go_on(j, out);
}

rung_status rung_train_resume(rung_context *ctx, const char *folder,
                              rung_train_progress_fn progress, void *user, rung_network **out,
                              rung_train_result *result) {
  rg_job j;
  rung_recipe *recipe = NULL;
  rung_network *kept = NULL;
  if (out) *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(init(&j, ctx, progress, user));
  rung_status status = rg_folder_init(&j.folder, ctx, folder);
  if (status == RUNG_OK)
    status = rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, j.folder.recipe, &recipe);
  j.recipe = recipe;
  if (status == RUNG_OK) status = resume(&j, &kept);
  close_job(&j);
  rung_recipe_destroy(recipe);
  return give(status, kept, &j, out, result);
}
