/* The report of a fit: its stages and what each left. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rung/run.h"
#include "study/page.h"
#include "study/report.h"

/* What was fitted: "y in points.csv" or the function's text. */
static void add_title(rg_report *r) {
  const char *text;
  if ((text = rg_report_string(r, r->log.start, "function"))) {
    rg_html_text(&r->page, text);
    return;
  }
  if ((text = rg_report_string(r, r->log.start, "target"))) {
    rg_html_text(&r->page, text);
    rg_text_add(&r->page, " in ");
  }
  text = rg_report_string(r, r->log.start, "table");
  const char *slash = text ? strrchr(text, '/') : NULL;
  rg_html_text(&r->page, slash ? slash + 1 : text ? text : "a run");
}

typedef struct stop_text {
  const char *text, *meaning;
} stop_text;

/* The reason in the result: its short text, or its number. */
static stop_text find_stop(rg_report *r) {
  static const stop_text known[] = {
#define STOP(name, text, meaning) {text, meaning},
      RUNG_STOP_LIST(STOP)
#undef STOP
  };
  size_t count = sizeof known / sizeof *known;
  rg_json value = rg_json_member(r->log.result, "stop");
  double number;
  if (rg_json_number(value, &number) && number >= 0 && number < (double)count)
    return known[(size_t)number];
  for (size_t i = 0; i < count; i++)
    if (rg_json_is(value, known[i].text)) return known[i];
  return (stop_text){0};
}

static void add_verdict(rg_report *r) {
  rg_text *page = &r->page;
  if (!r->log.result.length) {
    rg_text_add(page, "The run has not ended: <code>rung fit --resume</code> goes on with it.");
    return;
  }
  rg_text_add(page, "Held-out error ");
  rg_html_number(page, rg_report_number(r->log.result, "heldout_error"), "%.3g");
  rg_text_printf(page, " after %d stage%s", r->log.stage.count, r->log.stage.count == 1 ? "" : "s");
  double seconds = rg_report_number(r->log.result, "seconds");
  if (!isnan(seconds)) {
    rg_text_add(page, " in ");
    rg_html_number(page, seconds, "%.3g");
    rg_text_add(page, " s");
  }
  stop_text stop = find_stop(r);
  if (stop.meaning) rg_text_printf(page, "; it stopped because %s", stop.meaning);
  rg_text_add(page, ".");
}

static void add_start_rows(rg_report *r) {
  static const struct {
    const char *key, *name;
  } rows[] = {{"table", "Table"},         {"function", "Function"}, {"domain", "Domain"},
              {"inputs", "Inputs"},       {"target", "Target"},     {"model", "Extended model"},
              {"precision", "Precision"}, {"method", "Method"},     {"seed", "Seed"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *text = rg_report_string(r, r->log.start, rows[i].key);
    double number = rg_report_number(r->log.start, rows[i].key);
    if (!text && isnan(number)) continue;
    rg_html_row(&r->page, rows[i].name);
    if (text)
      rg_html_text(&r->page, text);
    else
      rg_html_number(&r->page, number, "%.17g");
    rg_html_row_end(&r->page, NULL);
  }
}

static void add_result_rows(rg_report *r) {
  static const struct {
    const char *key, *name, *format, *meaning;
  } rows[] = {
      {"training_error", "Training error", "%.3g", "relative L2, on the points trained on"},
      {"heldout_error", "Held-out error", "%.3g", "relative L2, on points not trained on"},
      {"max_error", "Largest error", "%.3g", "on held-out points, over the largest |y|"},
      {"noise", "Noise floor", "%.3g",
       "estimated from the data: RMS, in units of the output; 0 where none was seen"},
      {"seconds", "Time", "%.3g s", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (!rg_report_has_number(r->log.result, rows[i].key)) continue;
    rg_html_row(&r->page, rows[i].name);
    rg_html_number(&r->page, rg_report_number(r->log.result, rows[i].key), rows[i].format);
    rg_html_row_end(&r->page, rows[i].meaning);
  }
}

static void add_memory_row(rg_report *r) {
  double planned = rg_report_number(r->log.result, "planned_bytes");
  double peak = rg_report_number(r->log.result, "peak_bytes");
  if (isnan(peak)) return;
  rg_html_row(&r->page, "Memory");
  rg_html_number(&r->page, peak / 1e6, "%.3g MB");
  rg_text_add(&r->page, " at the most");
  if (!isnan(planned)) {
    rg_text_add(&r->page, "; ");
    rg_html_number(&r->page, planned / 1e6, "%.3g MB");
    rg_text_add(&r->page, " planned");
  }
  rg_html_row_end(&r->page, NULL);
}

static void add_summary(rg_report *r) {
  rg_text *page = &r->page;
  add_start_rows(r);
  rg_html_row(page, "Stopped");
  stop_text stop = find_stop(r);
  rg_html_text(page, stop.text ? stop.text : r->log.result.length ? "unknown" : "not yet");
  rg_html_row_end(page, stop.meaning);
  add_result_rows(r);
  double parameters = 0;
  for (int i = 0; i < r->log.stage.count; i++) {
    double more = rg_report_number(r->log.stage.item[i], "parameters");
    if (more > 0) parameters += more;
  }
  rg_html_row(page, "Parameters");
  rg_html_number(page, parameters, "%.0f");
  rg_html_row_end(page, "numbers that were trained, all stages");
  add_memory_row(r);
}

static const struct {
  const char *key, *format; /* format NULL: text */
} stage_columns[] = {
    {"stage", "%.0f"},          {"width", "%.0f"},         {"layers", "%.0f"},
    {"activation", NULL},       {"frequency", "%.4g"},     {"eps", "%.3g"},
    {"training_error", "%.3g"}, {"heldout_error", "%.3g"}, {"parameters", "%.0f"},
    {"points", "%.0f"},         {"seconds", "%.3g"},
};
#define STAGE_COLUMNS (sizeof stage_columns / sizeof *stage_columns)

static void add_stages(rg_report *r) {
  rg_text *page = &r->page;
  for (int i = 0; i < r->log.stage.count; i++) {
    rg_json stage = r->log.stage.item[i];
    rg_text_add(page, "<tr>");
    for (size_t c = 0; c < STAGE_COLUMNS; c++) {
      const char *key = stage_columns[c].key, *format = stage_columns[c].format;
      rg_text_add(page, c == 0 ? "<th scope=\"row\">" : format ? "<td>" : "<td class=\"word\">");
      if (format) {
        rg_html_number(page, rg_report_number(stage, key), format);
      } else {
        const char *text = rg_report_string(r, stage, key);
        rg_html_text(page, text ? text : "");
      }
      rg_text_add(page, c == 0 ? "</th>" : "</td>");
    }
    rg_text_add(page, "</tr>\n");
  }
  if (r->log.stage.count == 0)
    rg_text_printf(page, "<tr><td colspan=\"%zu\" class=\"word\">No stage was kept.</td></tr>\n",
                   STAGE_COLUMNS);
}

/* Names split out of "a,b" or, with `domain`, out of "a=0:1,b=0:2". */
static bool add_split_names(rg_report *r, const char *key, bool domain) {
  const char *text = rg_report_string(r, r->log.start, key);
  if (!text) return false;
  for (const char *c = text;; c++) {
    const char *stop = c + strcspn(c, ",");
    size_t length = domain ? strcspn(c, "=,") : (size_t)(stop - c);
    rg_text name;
    rg_text_init(&name, r->ctx);
    rg_text_add_n(&name, c, length);
    rg_html_script_string(&r->page, name.data ? name.data : "");
    if (rg_text_status(&name) != RUNG_OK) r->page.failed = true;
    rg_text_free(&name);
    if (!*stop) return true;
    rg_text_add(&r->page, ",");
    c = stop;
  }
}

/* The names as a list in the start event, else taken out of its recipe. */
static void add_names(rg_report *r, const char *list, const char *key, bool domain) {
  rg_json names = rg_json_member(r->log.start, list), item = {0};
  if (!names.length) {
    if (!add_split_names(r, key, false) && domain) add_split_names(r, "domain", true);
    return;
  }
  for (bool first = true; rg_json_next(names, &item); first = false) {
    r->scratch.length = 0;
    if (!first) rg_text_add(&r->page, ",");
    bool found = rg_json_string(item, &r->scratch) && r->scratch.length && r->scratch.data;
    rg_html_script_string(&r->page, found ? r->scratch.data : "");
  }
}

/* Events as a list of objects: `numbers` keys that hold a number, then `lists` that hold a list. */
static void add_events(rg_text *page, const char *name, const rg_events *events, int numbers,
                       int lists, const char *const *key) {
  rg_text_printf(page, ",\n\"%s\":[", name);
  for (int i = 0; i < events->count; i++) {
    rg_text_add(page, i ? ",\n{" : "\n{");
    for (int k = 0; k < numbers + lists; k++) {
      rg_json value = rg_json_member(events->item[i], key[k]);
      if (k >= numbers && !value.length) continue;
      rg_text_printf(page, "%s\"%s\":", k ? "," : "", key[k]);
      if (k < numbers)
        rg_text_json_number(page, rg_report_number(events->item[i], key[k]));
      else
        rg_html_numbers(page, value);
    }
    rg_text_add(page, "}");
  }
  rg_text_add(page, "]");
}

static void add_data(rg_report *r) {
  static const char *const stage[] = {"stage", "training_error", "heldout_error", "seconds",
                                      "parameters"};
  static const char *const residual[] = {"stage", "input", "x", "residual"};
  static const char *const spectrum[] = {"stage", "frequency", "power"};
  static const char *const prediction[] = {"output", "truth", "predicted", "error"};
  rg_text *page = &r->page;
  rg_text_add(page, "{\"inputs\":[");
  add_names(r, "input_names", "inputs", true);
  rg_text_add(page, "],\n\"outputs\":[");
  add_names(r, "output_names", "target", false);
  rg_text_add(page, "]");
  add_events(page, "stages", &r->log.stage, 5, 0, stage);
  add_events(page, "residuals", &r->log.residual, 2, 2, residual);
  add_events(page, "spectra", &r->log.spectrum, 1, 2, spectrum);
  add_events(page, "predictions", &r->log.prediction, 1, 3, prediction);
  rg_text_add(page, "}");
}

static void add_script(rg_report *r) {
  rg_text_add(&r->page, rg_page_script);
}

static const rg_report_part parts[] = {
    {"title", add_title},   {"verdict", add_verdict}, {"summary", add_summary},
    {"stages", add_stages}, {"data", add_data},       {"script", add_script},
};

rung_status rg_report_fit(rg_report *r) {
  return rg_report_fill(r, rg_page_html, parts, sizeof parts / sizeof *parts);
}
