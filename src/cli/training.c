/* Training on the terminal: the plan, then a row for each epoch with a bar beneath that shows the
 * one that is trained; Ctrl-C saves and ends. */
#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

typedef struct view {
  bool json;
  bool saves; /* there is a run's folder */
  cli_bar bar;
  bool heading;      /* the table's heading has been printed */
  bool interrupted;  /* by Ctrl-C */
  rung_epoch *epoch; /* of this process, for --json */
  size_t epochs, room;
  bool short_of_memory;
} view;

/* ---- while it trains ---- */

/* "1 h 05 min", "2 min 05 s", "7 s" */
static void time_text(char *out, size_t size, double seconds) {
  long s = (long)(seconds + 0.5);
  if (s >= 3600)
    snprintf(out, size, "%ld h %02ld min", s / 3600, s / 60 % 60);
  else if (s >= 60)
    snprintf(out, size, "%ld min %02ld s", s / 60, s % 60);
  else
    snprintf(out, size, "%ld s", s);
}

static void draw_bar(view *v, const rung_train_progress *p) {
  char head[64], tail[200], left[32];
  size_t used = 0;
  bool trains = strcmp(p->doing, "training") == 0;
  snprintf(head, sizeof head, trains ? "epoch %lld/%lld" : "epoch %lld/%lld, %s",
           (long long)p->epoch, (long long)p->epochs, p->doing);
  tail[0] = 0;
#define ADD(...) used += (size_t)snprintf(tail + used, sizeof tail - used, __VA_ARGS__)
  if (!isnan(p->loss)) ADD("loss %.4g, ", p->loss);
  if (!isnan(p->accuracy)) ADD("accuracy %.1f%%, ", 100 * p->accuracy);
  if (p->rate > 0) ADD("%.*f/s, ", p->rate < 10 ? 1 : 0, p->rate);
  if (p->left >= 0) {
    time_text(left, sizeof left, p->left);
    ADD("%s left", left);
  }
#undef ADD
  double fraction = p->steps > 0 ? (double)p->step / (double)p->steps : -1;
  cli_bar_draw(&v->bar, p->seconds, fraction, head, tail);
}

static void keep_epoch(view *v, const rung_epoch *epoch) {
  if (v->epochs == v->room) {
    size_t room = v->room ? 2 * v->room : 64;
    rung_epoch *more = realloc(v->epoch, room * sizeof *more);
    if (!more) {
      v->short_of_memory = true;
      return;
    }
    v->epoch = more;
    v->room = room;
  }
  v->epoch[v->epochs++] = *epoch;
}

static void number_text(char out[24], double value, const char *format) {
  if (isnan(value))
    snprintf(out, 24, "-");
  else
    snprintf(out, 24, format, value);
}

static void print_row(view *v, const rung_epoch *e) {
  char accuracy[24], loss[24], held_accuracy[24];
  if (!v->heading)
    puts("epoch  training loss  accuracy  held-out loss  accuracy  learning rate  seconds");
  v->heading = true;
  number_text(accuracy, 100 * e->train_accuracy, "%.2f%%");
  number_text(loss, e->validation_loss, "%.6g");
  number_text(held_accuracy, 100 * e->validation_accuracy, "%.2f%%");
  printf("%5lld  %13.6g  %8s  %13s  %8s  %13.4g  %7.1f\n", (long long)e->epoch, e->train_loss,
         accuracy, loss, held_accuracy, e->rate, e->seconds);
  fflush(stdout);
}

static int on_progress(void *user, const rung_train_progress *p) {
  view *v = user;
  if (p->plan || p->finished || p->note) cli_bar_clear(&v->bar);
  if (p->plan && !v->json) {
    puts(p->plan);
    fflush(stdout);
  }
  if (p->finished && v->json) keep_epoch(v, p->finished);
  if (p->finished && !v->json) print_row(v, p->finished);
  if (p->note) cli_say("%s", p->note);
  if (!p->plan) draw_bar(v, p);
  if (cli_interrupt_asked() && !v->interrupted) {
    v->interrupted = true;
    cli_bar_clear(&v->bar);
    cli_say("stopping%s. Ctrl-C again ends at once", v->saves ? "; the run will be saved" : "");
  }
  return cli_interrupt_asked();
}

/* ---- what it came to ---- */

static void json_epoch(const rung_epoch *e) {
  const cli_number numbers[] = {{"epoch", (double)e->epoch},
                                {"train_loss", e->train_loss},
                                {"train_accuracy", e->train_accuracy},
                                {"validation_loss", e->validation_loss},
                                {"validation_accuracy", e->validation_accuracy},
                                {"rate", e->rate},
                                {"drift", e->drift},
                                {"seconds", e->seconds},
                                {"peak_bytes", (double)e->peak_bytes}};
  putchar('{');
  cli_json_numbers(numbers, sizeof numbers / sizeof *numbers, true);
  putchar('}');
}

static void tell_json(const view *v, const char *folder, const char *model,
                      const rung_train_result *r) {
  const cli_number numbers[] = {{"epochs", (double)r->epochs},
                                {"best_epoch", (double)r->best_epoch},
                                {"train_loss", r->train_loss},
                                {"validation_loss", r->validation_loss},
                                {"validation_accuracy", r->validation_accuracy},
                                {"test_loss", r->test_loss},
                                {"test_accuracy", r->test_accuracy},
                                {"parameters", (double)r->parameters},
                                {"seconds", r->seconds},
                                {"planned_bytes", (double)r->planned_bytes},
                                {"peak_bytes", (double)r->peak_bytes},
                                {"skipped", (double)r->skipped},
                                {"restored", (double)r->restored}};
  fputs("{\"run\":", stdout);
  cli_json_text(folder);
  cli_json_key("model", false);
  cli_json_text(model);
  fputs(",\"epochs\":[", stdout);
  for (size_t i = 0; i < v->epochs; i++) {
    if (i) putchar(',');
    json_epoch(&v->epoch[i]);
  }
  fputs("],\"result\":{", stdout);
  cli_json_numbers(numbers, sizeof numbers / sizeof *numbers, true);
  printf(",\"cancelled\":%s}}\n", r->cancelled ? "true" : "false");
}

/* "loss 0.07123, accuracy 98.33%" */
static void print_score(const char *what, double loss, double accuracy) {
  if (isnan(loss)) return;
  printf("%-9s loss %.6g", what, loss);
  if (!isnan(accuracy)) printf(", accuracy %.2f%%", 100 * accuracy);
  putchar('\n');
}

static void tell_text(const char *folder, const char *model, const rung_train_result *r) {
  printf("%-9s %lld epoch%s", r->cancelled ? "stopped" : "trained", (long long)r->epochs,
         r->epochs == 1 ? "" : "s");
  if (r->best_epoch > 0) printf("; kept: epoch %lld", (long long)r->best_epoch);
  putchar('\n');
  print_score("held-out", r->validation_loss, r->validation_accuracy);
  print_score("test", r->test_loss, r->test_accuracy);
  if (r->skipped > 0)
    printf("skipped   %lld samples that could not be read\n", (long long)r->skipped);
  printf("took      %.2f s, %.1f MB at the most, %.1f MB planned\n", r->seconds,
         (double)r->peak_bytes / 1e6, (double)r->planned_bytes / 1e6);
  printf("model     %s, %lld weights\n", model, (long long)r->parameters);
  printf("report    %s/%s\n", folder, RUNG_RUN_REPORT);
}

/* CLI_INTERRUPTED: the result, where there is one, is that of a part of the run. */
static int train(view *v, rung_context *ctx, const rung_recipe *recipe, const char *folder,
                 rung_network **out, rung_train_result *result) {
  *result = (rung_train_result){0};
  v->saves = folder != NULL;
  v->bar = cli_bar_begin();
  cli_catch_interrupt();
  rung_status status = recipe ? rung_train(ctx, recipe, folder, on_progress, v, out, result)
                              : rung_train_resume(ctx, folder, on_progress, v, out, result);
  cli_bar_clear(&v->bar);
  if (status == RUNG_E_CANCELLED) return CLI_INTERRUPTED;
  if (status != RUNG_OK) return cli_failed(ctx);
  if (v->short_of_memory) return cli_no_memory();
  return result->cancelled ? CLI_INTERRUPTED : CLI_SUCCESS;
}

static int tell(const view *v, const char *folder, const rung_train_result *result) {
  char *model = cli_join(folder, RUNG_RUN_MODEL);
  if (!model) return CLI_FAILURE;
  if (v->json)
    tell_json(v, folder, model, result);
  else
    tell_text(folder, model, result);
  free(model);
  return CLI_SUCCESS;
}

int cli_train(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
              const char *folder) {
  view v = {.json = cli_given(args, "json")};
  rung_train_result result;
  int code = train(&v, ctx, recipe, folder, NULL, &result);
  if (code == CLI_SUCCESS || (code == CLI_INTERRUPTED && result.cancelled)) {
    int told = tell(&v, folder, &result);
    if (told) code = told;
  }
  if (code == CLI_INTERRUPTED) cli_say("interrupted; to go on: rung train --resume %s", folder);
  free(v.epoch);
  return code;
}

int cli_train_extension(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
                        const char *folder, rung_network **out, rung_train_result *result) {
  view v = {.json = cli_given(args, "json")};
  int code = train(&v, ctx, recipe, folder, out, result);
  if (code == CLI_INTERRUPTED && folder)
    cli_say("interrupted; to go on: rung extend --resume %s", folder);
  else if (code == CLI_INTERRUPTED)
    cli_say("interrupted; nothing is written, and the model is as it was");
  free(v.epoch);
  return code;
}
