/* Runs: a fit whose kept stages are saved as they come, so that it can go on after any
 * interruption to the same bytes.
 *
 * After a kept stage, in this order: the state (the model so far, what the loop carries, the lines
 * of the log that belong to the stage and the place where they go), the model, the log. Whatever is
 * cut short by a kill, the state tells how to put the other two right. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/recipe.h"
#include "train/events.h"
#include "train/folder.h"
#include "train/source.h"
#include "train/state.h"

typedef struct run {
  rung_context *ctx;
  const rung_recipe *recipe;
  rung_fit_options options;
  rg_folder folder;
  rung_source *source;
  rung_model *base; /* the model to extend, or NULL */
  rg_state state;   /* as saved last; its model and events are not kept */
  bool begun;       /* the folder holds a state ... */
  bool kept;        /* ... with a stage that was kept in this process */
} run;

/* ---- what is fitted ---- */

/* A model's inputs are told apart by their place, so a function's must come in the same order. */
static rung_status check_names(const run *r) {
  const rung_problem *p = rung_source_problem(r->source);
  for (int i = 0; p->function && i < p->inputs && i < rung_model_inputs(r->base); i++)
    if (strcmp(p->input_names[i], rung_model_input_name(r->base, i)) != 0)
      return rg_fail(r->ctx, RUNG_E_ARGUMENT,
                     "domain: variable %d is '%s', but input %d of the model to extend is '%s'",
                     i + 1, p->input_names[i], i + 1, rung_model_input_name(r->base, i));
  return RUNG_OK;
}

static rung_status hash_recipe(run *r) {
  char *text;
  RG_TRY(rung_recipe_text(r->recipe, r->ctx, &text));
  r->state.recipe = rg_hash(RG_HASH_START, text, strlen(text));
  rg_free(r->ctx, text);
  return RUNG_OK;
}

/* The rows of the table, and the model to extend. A function is in the recipe. */
static rung_status hash_data(run *r) {
  const rung_problem *p = rung_source_problem(r->source);
  size_t size = rung_dtype_size(r->options.precision);
  uint64_t hash = RG_HASH_START;
  if (!p->function) {
    hash = rg_hash(hash, p->x, (size_t)p->points * (size_t)p->inputs * size);
    hash = rg_hash(hash, p->y, (size_t)p->points * (size_t)p->outputs * size);
  }
  if (r->base) {
    void *bytes;
    size_t length;
    RG_TRY(rung_model_save_memory(r->base, r->ctx, &bytes, &length));
    hash = rg_hash(hash, bytes, length);
    rg_free(r->ctx, bytes);
  }
  r->state.data = hash;
  return RUNG_OK;
}

static rung_status open_data(run *r) {
  const char *model = rung_recipe_get(r->recipe, "model");
  RG_TRY(rg_recipe_options(r->recipe, r->ctx, &r->options));
  RG_TRY(rung_source_open(r->ctx, r->recipe, &r->source));
  if (model) {
    RG_TRY(rung_model_load(r->ctx, model, &r->base));
    RG_TRY(check_names(r));
  }
  RG_TRY(hash_recipe(r));
  return hash_data(r);
}

/* ---- what is saved ---- */

/* Rows of the table of stages for those that were there before the run. */
static rung_status old_stages(const run *r, rg_fit *f, rg_text *events) {
  int replace = r->options.replace;
  for (int k = 0; k < rung_model_stages(f->model); k++) {
    rung_stage_info info;
    RG_TRY(rung_model_stage(f->model, r->ctx, k, &info));
    rg_event_stage(events, replace >= 0 && k >= replace ? k + 1 : k, &info, false);
  }
  if (rung_model_stages(f->model) == 0 || replace >= 0) return RUNG_OK;
  return rg_event_model(events, f, rung_model_stages(f->model) - 1);
}

static rung_status save(run *r, rg_fit *f, rg_carried carried, rg_text *events,
                        const rung_model *model) {
  rg_state now = r->state;
  now.carried = carried;
  now.log_length = r->folder.log_length;
  now.events = *events;
  now.model = (rung_model *)model; /* only read */
  RG_TRY(rg_text_status(events));
  RG_TRY(rg_state_write(r->ctx, r->folder.state, &now));
  if (model) RG_TRY(rung_model_save(f->model, r->ctx, r->folder.model));
  return rg_folder_log(&r->folder, events);
}

static rung_status begin(run *r, rg_fit *f, rg_carried carried, rg_text *events) {
  char *recipe;
  RG_TRY(rung_recipe_text(r->recipe, r->ctx, &recipe));
  rung_status status = r->folder.log_file < 0 ? rg_folder_make(&r->folder, recipe) : RUNG_OK;
  rg_free(r->ctx, recipe);
  if (status != RUNG_OK) return status;
  rg_event_start(events, r->recipe, f->problem);
  RG_TRY(old_stages(r, f, events));
  RG_TRY(save(r, f, carried, events, NULL));
  r->begun = true;
  return RUNG_OK;
}

/* A stage that was half trained when the fit was stopped belongs to the result of this process, but
 * not to what a resumed run goes on from. */
static rung_status keep(run *r, rg_fit *f, rg_carried carried, int index,
                        const rung_stage_info *stage, rg_text *events) {
  rg_event_stage(events, index, stage, true);
  RG_TRY(rg_event_model(events, f, index));
  if (f->stopped) return rg_folder_log(&r->folder, events);
  RG_TRY(save(r, f, carried, events, f->model));
  r->kept = true;
  return RUNG_OK;
}

static rung_status watch(void *user, rg_fit *f, int index, const rung_stage_info *stage) {
  run *r = user;
  rg_carried carried = rg_fit_carried(f); /* first, for it tells the bytes that are held */
  rg_text events;
  if (!r->folder.path || (!stage && r->begun)) return RUNG_OK;
  rg_text_init(&events, r->ctx);
  rung_status status =
      stage ? keep(r, f, carried, index, stage, &events) : begin(r, f, carried, &events);
  rg_text_free(&events);
  return status;
}

/* ---- the run ---- */

/* What is wrong with a table's numbers is told with its file. */
static rung_status name_file(const run *r, rung_status status) {
  char message[sizeof r->ctx->message];
  if (status != RUNG_E_DATA || !r->source->file) return status;
  memcpy(message, rung_error(r->ctx), strlen(rung_error(r->ctx)) + 1);
  rung_clear_error(r->ctx);
  return rg_fail(r->ctx, status, "%.300s: %.700s", r->source->file, message);
}

/* A cancelled run stays resumable; any other is finished. */
static rung_status finish(run *r, const rung_model *model, const rung_fit_result *result) {
  rg_text events;
  if (!r->folder.path) return RUNG_OK;
  RG_TRY(rung_model_save(model, r->ctx, r->folder.model));
  rg_text_init(&events, r->ctx);
  rg_event_result(&events, model, result);
  rung_status status = rg_text_status(&events);
  if (status == RUNG_OK) status = rg_folder_log(&r->folder, &events);
  rg_text_free(&events);
  if (status == RUNG_OK) status = rung_run_report(r->ctx, r->folder.path);
  if (status != RUNG_OK || result->stop == RUNG_STOP_CANCELLED) return status;
  rg_state last = {.finished = true,
                   .recipe = r->state.recipe,
                   .data = r->state.data,
                   .log_length = r->folder.log_length,
                   .result = *result};
  return rg_state_write(r->ctx, r->folder.state, &last);
}

/* A new run that came to nothing leaves nothing behind. */
static void clean_up(run *r, rung_status status) {
  if (r->folder.log_file < 0 || r->kept || status == RUNG_OK || status == RUNG_E_CANCELLED) return;
  rg_folder_remove(&r->folder);
}

static void tell_note(const run *r, rung_progress_fn progress, void *user) {
  if (!progress || !r->source->note.length) return;
  rung_progress told = {.doing = "reading", .best_error = 1, .note = r->source->note.data};
  (void)progress(user, &told); /* asked again before the first stage */
}

static rung_status train(run *r, const rung_model *start, const rg_carried *carried,
                         rung_progress_fn progress, void *user, rung_model **out,
                         rung_fit_result *result) {
  r->options.progress = progress;
  r->options.progress_user = user;
  tell_note(r, progress, user);
  rung_status status =
      name_file(r, rg_fit_loop(r->ctx, start, carried, rung_source_problem(r->source), &r->options,
                               watch, r, out, result));
  if (status != RUNG_OK) return status;
  return finish(r, *out, result);
}

static void close_run(run *r) {
  rung_model_destroy(r->base);
  rung_source_close(r->source);
  rg_state_free(r->ctx, &r->state);
  rg_folder_free(&r->folder);
}

/* Hands over the model, or not. */
static rung_status give(rung_status status, rung_model *model, const rung_fit_result *result,
                        rung_model **out, rung_fit_result *out_result) {
  if (status == RUNG_OK && out_result) *out_result = *result;
  if (status == RUNG_OK && out)
    *out = model;
  else
    rung_model_destroy(model);
  return status;
}

rung_status rung_run(rung_context *ctx, const rung_recipe *recipe, const char *folder,
                     rung_progress_fn progress, void *user, rung_model **out,
                     rung_fit_result *result) {
  run r = {.ctx = ctx, .recipe = recipe};
  rung_model *model = NULL;
  rung_fit_result told = {0};
  if (out) *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(rg_folder_init(&r.folder, ctx, folder));
  rung_status status = rg_folder_check_new(&r.folder);
  if (status == RUNG_OK) status = open_data(&r);
  if (status == RUNG_OK) status = train(&r, r.base, NULL, progress, user, &model, &told);
  clean_up(&r, status);
  close_run(&r);
  return give(status, model, &told, out, result);
}

/* The saved state, if there is one: the run may have been killed before the first. */
static rung_status load_state(run *r) {
  struct stat info;
  if (stat(r->folder.state, &info) != 0 && errno == ENOENT) return RUNG_OK;
  RG_TRY(rg_state_read(r->ctx, r->folder.state, &r->state));
  r->begun = true;
  return RUNG_OK;
}

static rung_status check_unchanged(const run *r, const rg_state *saved) {
  if (saved->recipe != r->state.recipe)
    return rg_fail(r->ctx, RUNG_E_DATA,
                   "%s: is not the recipe with which the run was started; start a new run with it",
                   r->folder.recipe);
  if (saved->data != r->state.data)
    return rg_fail(
        r->ctx, RUNG_E_DATA, "%s: %s changed since the run was started; start a new run with it",
        r->folder.path, r->base ? "the data or the model to extend have" : "the data have");
  return RUNG_OK;
}

/* The log up to the saved stage, then the rest of the fit. */
static rung_status go_on(run *r, rung_progress_fn progress, void *user, rung_model **out,
                         rung_fit_result *result) {
  rg_state saved = r->state;
  rung_model *start = saved.model;
  r->state = (rg_state){0};
  rung_status status = open_data(r);
  if (status == RUNG_OK && r->begun) status = check_unchanged(r, &saved);
  r->folder.log_length = saved.log_length;
  if (status == RUNG_OK && r->begun) status = rg_folder_log(&r->folder, &saved.events);
  rg_text_free(&saved.events);
  if (status == RUNG_OK)
    status = train(r, start ? start : r->base, r->begun ? &saved.carried : NULL, progress, user,
                   out, result);
  rung_model_destroy(saved.model);
  return status;
}

static rung_status resume(run *r, rung_progress_fn progress, void *user, rung_model **out,
                          rung_fit_result *result) {
  RG_TRY(rg_folder_open(&r->folder));
  RG_TRY(load_state(r));
  if (!r->begun || !r->state.finished) return go_on(r, progress, user, out, result);
  *result = r->state.result;
  return rung_model_load(r->ctx, r->folder.model, out);
}

rung_status rung_run_resume(rung_context *ctx, const char *folder, rung_progress_fn progress,
                            void *user, rung_model **out, rung_fit_result *result) {
  run r = {.ctx = ctx};
  rung_recipe *recipe = NULL;
  rung_model *model = NULL;
  rung_fit_result told = {0};
  if (out) *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(rg_folder_init(&r.folder, ctx, folder));
  rung_status status = rung_recipe_load(ctx, RUNG_RECIPE_FIT, r.folder.recipe, &recipe);
  r.recipe = recipe;
  if (status == RUNG_OK) status = resume(&r, progress, user, &model, &told);
  close_run(&r);
  rung_recipe_destroy(recipe);
  return give(status, model, &told, out, result);
}
