/* Fitting on the terminal: the stage table grows as stages are kept, a bar beneath shows the one
 * in training, Ctrl-C stops and keeps the best model. */
#include "fitting.h"

#include <stdlib.h>
#include <string.h>

#include "terminal.h"

#define MOST_STAGES 1024 /* that a recipe allows */

typedef struct view {
  bool json;
  cli_bar bar;
  bool heading;                /* the table's heading has been printed */
  bool interrupted;            /* by Ctrl-C */
  bool shown[MOST_STAGES];     /* stages whose row stands in the table */
  bool timed[MOST_STAGES];     /* stages that this process has trained */
  double seconds[MOST_STAGES]; /* that they took */
} view;

/* "stage 2 [########        ]  48%  solving for the head  1.2 s" */
static void draw_bar(view *v, const rung_progress *progress) {
  char head[32], tail[200];
  snprintf(head, sizeof head, "stage %d", progress->stage);
  snprintf(tail, sizeof tail, "%s  %.1f s", progress->doing ? progress->doing : "",
           progress->seconds);
  cli_bar_draw(&v->bar, progress->seconds, progress->fraction, head, tail);
}

/* A stage that was trained earlier has no time to show. */
static void print_row(view *v, int number, const rung_stage_info *stage, bool timed) {
  char seconds[32] = "-";
  if (number >= 0 && number < MOST_STAGES) v->shown[number] = true;
  if (v->json) return;
  if (!v->heading)
    puts("stage  width  frequency  training error  held-out error  parameters  seconds");
  v->heading = true;
  if (timed) snprintf(seconds, sizeof seconds, "%.2f", stage->seconds);
  printf("%5d  %5d  %9.4g  %14.3e  %14.3e  %10lld  %7s\n", number, stage->width, stage->frequency,
         stage->training_error, stage->heldout_error, (long long)stage->parameters, seconds);
  fflush(stdout);
}

/* Rows of stages that were trained earlier: before an extension or an interruption. */
static int print_other_rows(view *v, rung_context *ctx, const rung_model *model) {
  for (int k = 0; k < rung_model_stages(model); k++) {
    rung_stage_info stage;
    if (k < MOST_STAGES && v->shown[k]) continue;
    if (rung_model_stage(model, ctx, k, &stage) != RUNG_OK) return cli_failed(ctx);
    print_row(v, k, &stage, false);
  }
  return CLI_SUCCESS;
}

static void take_stage(view *v, int number, const rung_stage_info *stage) {
  cli_bar_clear(&v->bar);
  print_row(v, number, stage, true);
  if (number < 0 || number >= MOST_STAGES) return;
  v->timed[number] = true;
  v->seconds[number] = stage->seconds;
}

static int on_progress(void *user, const rung_progress *progress) {
  view *v = user;
  if (progress->finished) take_stage(v, progress->stage, progress->finished);
  if (progress->note) {
    cli_bar_clear(&v->bar);
    cli_say("%s", progress->note);
  }
  draw_bar(v, progress);
  if (cli_interrupt_asked() && !v->interrupted) {
    v->interrupted = true;
    cli_bar_clear(&v->bar);
    cli_say("stopping; the best model so far will be kept. Ctrl-C again ends at once");
  }
  return cli_interrupt_asked();
}

static int tell_json(const cli_fitting *t, const view *v, const char *model_path,
                     const rung_model *model, const rung_fit_result *result) {
  fputs("{\"run\":", stdout);
  if (t->folder)
    cli_json_text(t->folder);
  else
    fputs("null", stdout);
  cli_json_key("model", false);
  cli_json_text(model_path);
  fputs(",\"stages\":[", stdout);
  for (int k = 0; k < rung_model_stages(model); k++) {
    rung_stage_info stage;
    if (rung_model_stage(model, t->ctx, k, &stage) != RUNG_OK) return cli_failed(t->ctx);
    if (k) putchar(',');
    bool timed = k < MOST_STAGES && v->timed[k];
    if (timed) stage.seconds = v->seconds[k];
    cli_json_stage(k, &stage, timed);
  }
  fputs("],\"result\":{\"stop\":", stdout);
  cli_json_text(rung_stop_text(result->stop));
  const cli_number numbers[] = {{"training_error", result->training_error},
                                {"heldout_error", result->heldout_error},
                                {"max_error", result->max_error},
                                {"noise", result->noise},
                                {"parameters", (double)rung_model_parameters(model)},
                                {"seconds", result->seconds},
                                {"planned_bytes", (double)result->planned_bytes},
                                {"peak_bytes", (double)result->peak_bytes}};
  cli_json_numbers(numbers, sizeof numbers / sizeof *numbers, false);
  puts("}}");
  return CLI_SUCCESS;
}

static void tell_text(const cli_fitting *t, const char *model_path, const rung_fit_result *result) {
  printf("stopped   %s: %s\n", rung_stop_text(result->stop), rung_stop_meaning(result->stop));
  printf("held-out  %.3g relative L2, largest %.3g of the largest |y|\n", result->heldout_error,
         result->max_error);
  if (result->noise > 0) printf("noise     %.3g RMS, estimated\n", result->noise);
  printf("took      %.2f s, %.1f MB at the most, %.1f MB planned\n", result->seconds,
         (double)result->peak_bytes / 1e6, (double)result->planned_bytes / 1e6);
  printf("model     %s\n", model_path);
  if (t->folder) printf("report    %s/%s\n", t->folder, RUNG_RUN_REPORT);
}

static int tell(const cli_fitting *t, view *v, const rung_model *model,
                const rung_fit_result *result) {
  char *inside = t->folder ? cli_join(t->folder, RUNG_RUN_MODEL) : NULL;
  if (t->folder && !inside) return CLI_FAILURE;
  const char *path = inside ? inside : t->model_path;
  int status = print_other_rows(v, t->ctx, model);
  if (!status && v->json) status = tell_json(t, v, path, model, result);
  if (!status && !v->json) tell_text(t, path, result);
  if (!status && v->interrupted) {
    if (t->folder)
      cli_say("interrupted; to go on: rung fit --resume %s, or add stages with rung extend %s ...",
              t->folder, t->folder);
    else
      cli_say("interrupted; to go on: rung extend %s ...", path);
    status = CLI_INTERRUPTED;
  }
  free(inside);
  return status;
}

static int finish(const cli_fitting *t, view *v, const rung_model *model,
                  const rung_fit_result *result) {
  if (!t->folder && rung_model_save(model, t->ctx, t->model_path) != RUNG_OK)
    return cli_failed(t->ctx);
  if (t->folder && rung_run_report(t->ctx, t->folder) != RUNG_OK) return cli_failed(t->ctx);
  return tell(t, v, model, result);
}

int cli_fit(const cli_fitting *t) {
  view v = {.json = cli_given(t->args, "json"), .bar = cli_bar_begin()};
  rung_model *model = NULL;
  rung_fit_result result = {0};
  if (t->base && print_other_rows(&v, t->ctx, t->base)) return CLI_FAILURE;
  cli_catch_interrupt();
  rung_status status =
      t->recipe ? rung_run(t->ctx, t->recipe, t->folder, on_progress, &v, &model, &result)
                : rung_run_resume(t->ctx, t->folder, on_progress, &v, &model, &result);
  cli_bar_clear(&v.bar);
  int code = status == RUNG_OK ? finish(t, &v, model, &result) : cli_failed(t->ctx);
  if (status == RUNG_E_CANCELLED && cli_interrupt_asked()) code = CLI_INTERRUPTED;
  rung_model_destroy(model);
  return code;
}
