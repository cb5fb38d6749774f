#include "study/module_page.h"

#include <math.h>

/* The modules as epoch `epoch` (from 0) left them; no value where there are none. */
static rg_json modules_at(const rg_report *r, int epoch) {
  rg_json none = {0};
  return epoch < 0 ? none : rg_json_member(r->log.epoch.item[epoch], "modules");
}

static rg_json modules_at_end(const rg_report *r) {
  return modules_at(r, r->log.epoch.count - 1);
}

static bool has_multiplier(const rg_report *r) {
  rg_json module = {0};
  return rg_json_next(modules_at_end(r), &module) && rg_report_has_number(module, "multiplier");
}

/* ---- the table ---- */

static void add_cell(rg_report *r, double value, const char *format) {
  rg_text_add(&r->page, "<td>");
  rg_html_number(&r->page, value, format);
  rg_text_add(&r->page, "</td>");
}

/* What its exit answers; the last module's is the network's end. */
static void add_answers(rg_report *r, int module) {
  const rg_judgement *j = r->judgement;
  rg_exit_score score = {NAN, NAN};
  if (j->evaluation && module <= j->exits) score = j->exit[module - 1];
  if (j->evaluation && module == j->exits + 1)
    score = (rg_exit_score){j->evaluation->loss, j->evaluation->accuracy};
  add_cell(r, score.loss, "%.5g");
  add_cell(r, 100 * score.accuracy, "%.2f%%");
}

static void add_rows(rg_report *r, bool multiplier) {
  rg_json module = {0};
  int judged = r->judgement->evaluation ? r->judgement->exits + 1 : 0;
  bool logged = true; /* those behind the last that is trained are not */
  for (int k = 1;; k++) {
    logged = logged && rg_json_next(modules_at_end(r), &module);
    if (!logged && k > judged) return;
    if (!logged) module = (rg_json){0};
    rg_text_printf(&r->page, "<tr><th scope=\"row\">%d</th>", k);
    add_cell(r, rg_report_number(module, "loss"), "%.5g");
    add_cell(r, rg_report_number(module, "transport"), "%.4g");
    add_cell(r, rg_report_number(module, "weight"), "%.4g");
    if (multiplier) add_cell(r, rg_report_number(module, "multiplier"), "%.4g");
    add_cell(r, rg_report_number(module, "ratio"), "%.4g");
    add_answers(r, k);
    rg_text_add(&r->page, "</tr>\n");
  }
}

static void add_table(rg_report *r) {
  bool multiplier = has_multiplier(r);
  const char *set = r->judgement->test ? "test samples" : "held-out samples";
  rg_text_add(&r->page,
              "<div class=\"wide\"><table class=\"numbers\">\n<caption>Each module in its "
              "last step, and what the kept network answers there</caption>\n<thead><tr>"
              "<th scope=\"col\">Module</th><th scope=\"col\">Loss</th>"
              "<th scope=\"col\">Transport cost</th><th scope=\"col\">Weight</th>");
  if (multiplier) rg_text_add(&r->page, "<th scope=\"col\">Multiplier</th>");
  rg_text_printf(&r->page,
                 "<th scope=\"col\">Ratio</th><th scope=\"col\">Loss <small>(%s)</small></th>"
                 "<th scope=\"col\">Accuracy <small>(%s)</small></th></tr></thead>\n<tbody>\n",
                 set, set);
  add_rows(r, multiplier);
  rg_text_add(&r->page, "</tbody></table></div>\n");
}

/* ---- the section ---- */

static void add_figure(rg_report *r, const char *id, const char *title) {
  rg_text_printf(
      &r->page, "<figure class=\"chart\" id=\"%s\"><figcaption><h3>%s</h3></figcaption></figure>\n",
      id, title);
}

void rg_modules_section(rg_report *r) {
  if (!modules_at_end(r).length) return;
  rg_text_add(&r->page,
              "<section aria-labelledby=\"h-modules\">\n<h2 id=\"h-modules\">Modules</h2>\n"
              "<p>Each module was trained under a classifier of its own. Its transport cost is the "
              "sum over its layers of the mean square of what a layer adds to its state; the ratio "
              "is that cost, times its weight, beside the loss. A module whose turn is over keeps "
              "its last values.</p>\n");
  add_table(r);
  rg_text_add(&r->page, "<div class=\"pair\">\n");
  add_figure(r, "module-loss", "Loss of each module");
  add_figure(r, "module-transport", "Transport cost");
  rg_text_add(&r->page, "</div>\n<div class=\"pair\">\n");
  add_figure(r, "module-ratio", "Ratio of the penalty to the loss");
  if (has_multiplier(r))
    add_figure(r, "module-multiplier", "Multiplier of the loss");
  else
    add_figure(r, "module-weight", "Weight of the transport cost");
  rg_text_add(&r->page, "</div>\n</section>\n");
}

/* ---- JSON for the charts ---- */

static void add_epoch(rg_report *r, rg_json modules, const char *key) {
  rg_json module = {0};
  rg_text_add(&r->page, "[");
  for (bool first = true; rg_json_next(modules, &module); first = false) {
    if (!first) rg_text_add(&r->page, ",");
    rg_text_json_number(&r->page, rg_report_number(module, key));
  }
  rg_text_add(&r->page, "]");
}

void rg_modules_data(rg_report *r) {
  static const char *const keys[] = {"loss", "transport", "ratio", "weight", "multiplier"};
  if (!modules_at_end(r).length) {
    rg_text_add(&r->page, "null");
    return;
  }
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    rg_text_printf(&r->page, "%s\"%s\":[", i ? ",\n" : "{", keys[i]);
    for (int epoch = 0; epoch < r->log.epoch.count; epoch++) {
      if (epoch) rg_text_add(&r->page, ",");
      add_epoch(r, modules_at(r, epoch), keys[i]);
    }
    rg_text_add(&r->page, "]");
  }
  rg_text_add(&r->page, "}");
}
