/* The report of a training: learning curves, answers on samples it has not seen, stability over
 * depth, memory and time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rung/run.h"
#include "study/answer_page.h"
#include "study/module_page.h"
#include "study/page.h"
#include "study/report.h"

#define WORST 24
#define MOST_LAYER_EVENTS 12 /* epochs whose layers are shown, evenly over the run */

/* ---- in a word ---- */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

static void add_title(rg_report *r) {
  const char *text = rg_report_string(r, r->log.start, "model.block");
  const char *block = text && strcmp(text, "resnet") != 0 ? text : NULL;
  if (block) {
    rg_html_text(&r->page, block);
    rg_text_add(&r->page, " ");
  }
  text = rg_report_string(r, r->log.start, "model.architecture");
  rg_html_text(&r->page, text ? text : "network");
  text = rg_report_string(r, r->log.start, "data.train");
  rg_text_add(&r->page, " on ");
  rg_html_text(&r->page, text ? base_name(text) : "data");
}

static void add_share(rg_text *page, double share) {
  rg_html_number(page, 100 * share, "%.2f%%");
}

static rg_json last_score(const rg_report *r) {
  return r->log.score.count ? r->log.score.item[r->log.score.count - 1] : (rg_json){0};
}

static const char *stop_meaning(rg_report *r) {
  const char *stop = rg_report_string(r, r->log.result, "stop");
  if (!stop) return NULL;
  if (strcmp(stop, "cancelled") == 0) return "it was interrupted, and can be resumed";
  if (strcmp(stop, "patience") == 0) return "the held-out loss no longer fell";
  return "all epochs were done";
}

static void add_verdict(rg_report *r) {
  rg_text *page = &r->page;
  rg_json score = last_score(r);
  if (!r->log.result.length) {
    rg_text_printf(page,
                   "The run has not ended (%d epochs so far): <code>rung train --resume</code> "
                   "goes on with it.",
                   r->log.epoch.count);
    return;
  }
  if (rg_report_has_number(score, "accuracy")) {
    rg_text_add(page, "Accuracy ");
    add_share(page, rg_report_number(score, "accuracy"));
  } else {
    rg_text_add(page, "Loss ");
    rg_html_number(page,
                   rg_report_number(score.length ? score : r->log.result,
                                    score.length ? "loss" : "train_loss"),
                   "%.4g");
  }
  if (score.length) {
    const char *set = rg_report_string(r, score, "set");
    rg_text_add(page, " on ");
    rg_html_number(page, rg_report_number(score, "samples"), "%.0f");
    rg_text_add(page, set && strcmp(set, "test") == 0 ? " test samples" : " held-out samples");
  } else {
    rg_text_add(page, " on the training samples");
  }
  rg_text_add(page, " after ");
  rg_html_number(page, rg_report_number(r->log.result, "epochs"), "%.0f");
  rg_text_add(page, " epochs in ");
  rg_html_number(page, rg_report_number(r->log.result, "seconds"), "%.3g");
  const char *meaning = stop_meaning(r);
  rg_text_printf(page, " s; it stopped because %s.", meaning ? meaning : "of an unknown reason");
}

/* ---- facts ---- */

typedef struct row {
  const char *key, *name, *format, *meaning;
} row;

static void add_rows(rg_report *r, rg_json object, const row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *text = rg_report_string(r, object, rows[i].key);
    double number = rg_report_number(object, rows[i].key);
    rg_json list = rg_json_member(object, rows[i].key);
    bool is_list = list.length && *list.text == '[';
    if (!text && isnan(number) && !is_list) continue;
    rg_html_row(&r->page, rows[i].name);
    if (is_list)
      rg_html_numbers(&r->page, list);
    else if (text)
      rg_html_text(&r->page, text);
    else
      rg_html_number(&r->page, number, rows[i].format);
    rg_html_row_end(&r->page, rows[i].meaning);
  }
}

static void add_summary(rg_report *r) {
  static const row asked[] = {
      {"data.train", "Training data", NULL, NULL},
      {"train_samples", "Trained on", "%.0f samples", NULL},
      {"validation_samples", "Held out", "%.0f samples", NULL},
      {"data.test", "Test data", NULL, NULL},
      {"skipped", "Left out", "%.0f samples", "that could not be read"},
      {"extend.network", "Extends", NULL, NULL},
      {"extend.modules", "Modules appended", "%.0f", NULL},
      {"extend.retrain", "Modules trained further", NULL, NULL},
      {"extend.swap", "Modules trained anew", NULL, NULL},
      {"model.architecture", "Architecture", NULL, NULL},
      {"model.block", "Block", NULL, NULL},
      {"model.channels", "Channels", NULL, NULL},
      {"model.width", "Width", NULL, NULL},
      {"model.layers", "Layers", NULL, NULL},
      {"training.optimiser.name", "Optimiser", NULL, NULL},
      {"training.schedule.name", "Schedule", NULL, NULL},
      {"training.batch", "Samples of a step", "%.0f", NULL},
      {"training.loss", "Loss", NULL, NULL},
      {"training.precision", "Precision", NULL, NULL},
      {"run.seed", "Seed", "%.0f", NULL},
  };
  static const row came[] = {
      {"parameters", "Weights", "%.0f", "numbers of the network"},
      {"epochs", "Epochs", "%.0f", NULL},
      {"best_epoch", "Kept", "epoch %.0f", "with the least loss on held-out samples"},
      {"train_loss", "Training loss", "%.4g", "mean of the last epoch's steps"},
      {"validation_loss", "Held-out loss", "%.4g", "after the last epoch"},
      {"validation_accuracy", "Held-out accuracy", "%.4f", "after the last epoch"},
      {"test_loss", "Test loss", "%.4g", "of the kept network"},
      {"test_accuracy", "Test accuracy", "%.4f", "of the kept network"},
      {"restored", "Restored", "%.0f times", "after a loss that was not finite or leapt"},
      {"seconds", "Time", "%.4g s", NULL},
  };
  add_rows(r, r->log.start, asked, sizeof asked / sizeof *asked);
  add_rows(r, r->log.result, came, sizeof came / sizeof *came);
}

static void add_plan(rg_report *r) {
  static const row rows[] = {
      {"level", "Level", "%.0f", NULL},
      {"plan", "Activations", NULL, NULL},
      {"work", "Work of a step", "%.2f", "estimated, in that of storing all activations"},
      {"step_bytes", "A step's memory", "%.0f bytes", NULL},
      {"planned_bytes", "Memory planned", "%.0f bytes",
       "of all that training and the program hold"},
      {"limit_bytes", "Memory allowed", "%.0f bytes", "0: no limit"},
  };
  static const row peak[] = {{"peak_bytes", "Memory at the most", "%.0f bytes", "measured"}};
  for (int i = 0; i < r->log.plan.count; i++)
    add_rows(r, r->log.plan.item[i], rows + (r->log.plan.count == 1),
             sizeof rows / sizeof *rows - (r->log.plan.count == 1));
  rg_json last = r->log.result.length ? r->log.result
                 : r->log.epoch.count ? r->log.epoch.item[r->log.epoch.count - 1]
                                      : (rg_json){0};
  add_rows(r, last, peak, 1);
}

static void add_restored(rg_report *r) {
  for (int i = 0; i < r->log.restored.count; i++) {
    rg_json event = r->log.restored.item[i];
    rg_text_add(&r->page, "<p class=\"note\">After epoch ");
    rg_html_number(&r->page, rg_report_number(event, "epoch"), "%.0f");
    rg_text_add(&r->page, " the last good state was restored: ");
    const char *why = rg_report_string(r, event, "why");
    rg_html_text(&r->page, why ? why : "unknown");
    rg_text_add(&r->page, "; the learning rate was multiplied by ");
    rg_html_number(&r->page, rg_report_number(event, "rate_factor"), "%.3g");
    rg_text_add(&r->page, ".</p>\n");
  }
}

static void add_epochs(rg_report *r) {
  static const struct {
    const char *key, *format;
  } columns[] = {{"epoch", "%.0f"},
                 {"train_loss", "%.5g"},
                 {"train_accuracy", "%.4f"},
                 {"validation_loss", "%.5g"},
                 {"validation_accuracy", "%.4f"},
                 {"rate", "%.3g"},
                 {"gradient_norm", "%.3g"},
                 {"drift", "%.2g"},
                 {"seconds", "%.4g"}};
  for (int i = 0; i < r->log.epoch.count; i++) {
    rg_text_add(&r->page, "<tr>");
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
      rg_text_add(&r->page, c ? "<td>" : "<th scope=\"row\">");
      rg_html_number(&r->page, rg_report_number(r->log.epoch.item[i], columns[c].key),
                     columns[c].format);
      rg_text_add(&r->page, c ? "</td>" : "</th>");
    }
    rg_text_add(&r->page, "</tr>\n");
  }
}

/* ---- JSON for the charts ---- */

static void add_column(rg_report *r, const char *name, const char *key, double factor) {
  rg_text_printf(&r->page, ",\n\"%s\":[", name);
  for (int i = 0; i < r->log.epoch.count; i++) {
    if (i) rg_text_add(&r->page, ",");
    rg_text_json_number(&r->page, factor * rg_report_number(r->log.epoch.item[i], key));
  }
  rg_text_add(&r->page, "]");
}

static void add_curves(rg_report *r) {
  static const char *const keys[] = {"train_loss",          "train_accuracy", "validation_loss",
                                     "validation_accuracy", "rate",           "gradient_norm",
                                     "data_seconds",        "step_seconds",   "validation_seconds"};
  rg_text_add(&r->page, "{\"epochs\":{\"count\":");
  rg_text_printf(&r->page, "%d", r->log.epoch.count);
  add_column(r, "epoch", "epoch", 1);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) add_column(r, keys[i], keys[i], 1);
  add_column(r, "peak_megabytes", "peak_bytes", 1e-6);
  rg_json plan = r->log.plan.count ? r->log.plan.item[r->log.plan.count - 1] : (rg_json){0};
  double planned = 1e-6 * rg_report_number(plan, "planned_bytes");
  rg_text_add(&r->page, ",\n\"planned_megabytes\":[");
  for (int i = 0; i < r->log.epoch.count; i++) {
    if (i) rg_text_add(&r->page, ",");
    rg_text_json_number(&r->page, planned);
  }
  rg_text_add(&r->page, "]}");
}

static void add_layers(rg_report *r) {
  static const char *const keys[] = {"growth", "bound", "rate", "states", "gradients"};
  int count = r->log.stability.count;
  int shown = count < MOST_LAYER_EVENTS ? count : MOST_LAYER_EVENTS;
  rg_text_add(&r->page, ",\n\"layers\":[");
  for (int k = 0; k < shown; k++) {
    int at = shown > 1 ? (int)((int64_t)k * (count - 1) / (shown - 1)) : count - 1;
    rg_json event = r->log.stability.item[at];
    rg_text_add(&r->page, k ? ",\n{\"epoch\":" : "\n{\"epoch\":");
    rg_text_json_number(&r->page, rg_report_number(event, "epoch"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
      rg_text_printf(&r->page, ",\"%s\":", keys[i]);
      rg_html_numbers(&r->page, rg_json_member(event, keys[i]));
    }
    rg_text_add(&r->page, "}");
  }
  rg_text_add(&r->page, "]");
}

static void add_data(rg_report *r) {
  add_curves(r);
  add_layers(r);
  rg_text_add(&r->page, ",\n\"modules\":");
  rg_modules_data(r);
  rg_text_add(&r->page, ",\n\"calibration\":");
  rg_answers_calibration(r);
  rg_text_add(&r->page, "}");
}

static void add_script(rg_report *r) {
  rg_text_add(&r->page, rg_page_training_script);
}

static const rg_report_part parts[] = {
    {"title", add_title},
    {"verdict", add_verdict},
    {"summary", add_summary},
    {"restored", add_restored},
    {"epochs", add_epochs},
    {"modules", rg_modules_section},
    {"judged", rg_answers_judged},
    {"answers", rg_answers_section},
    {"plan", add_plan},
    {"data", add_data},
    {"script", add_script},
};

/* What cannot be judged any more (data moved, a run that goes on) is a remark, not an error. */
static rung_status judge(rg_report *r, rg_judgement *out) {
  char *recipe = NULL, *model = NULL;
  RG_TRY(rg_report_path(r, RUNG_RUN_RECIPE, &recipe));
  rung_status status = rg_report_path(r, RUNG_RUN_MODEL, &model);
  if (status == RUNG_OK) status = rg_judge(r->ctx, recipe, model, WORST, out);
  rg_free(r->ctx, recipe);
  rg_free(r->ctx, model);
  if (status == RUNG_OK || status == RUNG_E_MEMORY) return status;
  rg_text_printf(&r->remark, "The kept network could not be judged anew: %s.", rung_error(r->ctx));
  rung_clear_error(r->ctx);
  return r->remark.failed ? rg_fail_memory(r->ctx, 0) : RUNG_OK;
}

rung_status rg_report_training(rg_report *r) {
  rg_judgement judgement = {.ctx = r->ctx};
  r->judgement = &judgement;
  rung_status status = judge(r, &judgement);
  if (status == RUNG_OK)
    status = rg_report_fill(r, rg_page_training_html, parts, sizeof parts / sizeof *parts);
  if (status == RUNG_OK) status = r->failed;
  rg_judgement_free(&judgement);
  r->judgement = NULL;
  return status;
}
