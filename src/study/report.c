/* The report of a run: RUN_DIR/report.html, one file that shows the run anywhere, without network.
 * The page is a template (page/report.html) whose {{names}} are filled by the functions in
 * `parts`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rung/run.h"
#include "study/log.h"
#include "study/page.h"

#define RECIPE_LIMIT ((size_t)1 << 20)

typedef struct report {
  rung_context *ctx;
  rg_run_log log;
  char *recipe; /* recipe.yaml, or NULL */
  rg_text page;
  rg_text scratch; /* a string taken out of the log */
} report;

/* Text as HTML: nothing that a name or a recipe holds can become markup. */
static void add_html(rg_text *page, const char *text) {
  for (const char *c = text; *c; c++) {
    static const char special[] = "&<>\"'";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const char *at = strchr(special, *c);
    if (at)
      rg_text_add(page, entity[at - special]);
    else
      rg_text_add_n(page, c, 1);
  }
}

/* The string of a key as text, valid until the next call; NULL where there is none or it is
 * empty. */
static const char *string_of(report *r, rg_json object, const char *key) {
  r->scratch.length = 0;
  bool found = rg_json_string(rg_json_member(object, key), &r->scratch);
  return found && r->scratch.length && r->scratch.data ? r->scratch.data : NULL;
}

static double number_of(rg_json object, const char *key) {
  double value;
  return rg_json_number(rg_json_member(object, key), &value) ? value : NAN;
}

static bool is_number(rg_json object, const char *key) {
  return !isnan(number_of(object, key));
}

/* A number for reading, with the full value behind it. */
static void add_number(rg_text *page, double value, const char *format) {
  if (isnan(value)) {
    rg_text_add(page, "\xE2\x80\x93");
    return;
  }
  rg_text_add(page, "<data value=\"");
  rg_text_json_number(page, value);
  rg_text_add(page, "\">");
  char shown[64];
  snprintf(shown, sizeof shown, format, value);
  rg_text_add(page, shown);
  rg_text_add(page, "</data>");
}

/* What was fitted: "y in points.csv" or the function's text. */
static void add_title(report *r) {
  const char *text;
  if ((text = string_of(r, r->log.start, "function"))) {
    add_html(&r->page, text);
    return;
  }
  if ((text = string_of(r, r->log.start, "target"))) {
    add_html(&r->page, text);
    rg_text_add(&r->page, " in ");
  }
  text = string_of(r, r->log.start, "table");
  const char *slash = text ? strrchr(text, '/') : NULL;
  add_html(&r->page, slash ? slash + 1 : text ? text : "a run");
}

typedef struct stop_text {
  const char *text, *meaning;
} stop_text;

/* The reason in the result: its short text, or its number. */
static stop_text find_stop(report *r) {
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

static void add_verdict(report *r) {
  rg_text *page = &r->page;
  if (!r->log.result.length) {
    rg_text_add(page, "The run has not ended: <code>rung fit --resume</code> goes on with it.");
    return;
  }
  rg_text_add(page, "Held-out error ");
  add_number(page, number_of(r->log.result, "heldout_error"), "%.3g");
  rg_text_printf(page, " after %d stage%s", r->log.stage.count, r->log.stage.count == 1 ? "" : "s");
  double seconds = number_of(r->log.result, "seconds");
  if (!isnan(seconds)) {
    rg_text_add(page, " in ");
    add_number(page, seconds, "%.3g");
    rg_text_add(page, " s");
  }
  stop_text stop = find_stop(r);
  if (stop.meaning) rg_text_printf(page, "; it stopped because %s", stop.meaning);
  rg_text_add(page, ".");
}

static void add_row_start(rg_text *page, const char *name) {
  rg_text_printf(page, "<tr><th scope=\"row\">%s</th><td>", name);
}

static void add_row_end(rg_text *page, const char *meaning) {
  if (meaning) rg_text_printf(page, " <span class=\"meaning\">%s</span>", meaning);
  rg_text_add(page, "</td></tr>\n");
}

static void add_start_rows(report *r) {
  static const struct {
    const char *key, *name;
  } rows[] = {{"table", "Table"},         {"function", "Function"}, {"domain", "Domain"},
              {"inputs", "Inputs"},       {"target", "Target"},     {"model", "Extended model"},
              {"precision", "Precision"}, {"method", "Method"},     {"seed", "Seed"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *text = string_of(r, r->log.start, rows[i].key);
    double number = number_of(r->log.start, rows[i].key);
    if (!text && isnan(number)) continue;
    add_row_start(&r->page, rows[i].name);
    if (text)
      add_html(&r->page, text);
    else
      add_number(&r->page, number, "%.17g");
    add_row_end(&r->page, NULL);
  }
}

static void add_result_rows(report *r) {
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
    if (!is_number(r->log.result, rows[i].key)) continue;
    add_row_start(&r->page, rows[i].name);
    add_number(&r->page, number_of(r->log.result, rows[i].key), rows[i].format);
    add_row_end(&r->page, rows[i].meaning);
  }
}

static void add_memory_row(report *r) {
  double planned = number_of(r->log.result, "planned_bytes");
  double peak = number_of(r->log.result, "peak_bytes");
  if (isnan(peak)) return;
  add_row_start(&r->page, "Memory");
  add_number(&r->page, peak / 1e6, "%.3g MB");
  rg_text_add(&r->page, " at the most");
  if (!isnan(planned)) {
    rg_text_add(&r->page, "; ");
    add_number(&r->page, planned / 1e6, "%.3g MB");
    rg_text_add(&r->page, " planned");
  }
  add_row_end(&r->page, NULL);
}

static void add_summary(report *r) {
  rg_text *page = &r->page;
  add_start_rows(r);
  add_row_start(page, "Stopped");
  stop_text stop = find_stop(r);
  add_html(page, stop.text ? stop.text : r->log.result.length ? "unknown" : "not yet");
  add_row_end(page, stop.meaning);
  add_result_rows(r);
  double parameters = 0;
  for (int i = 0; i < r->log.stage.count; i++) {
    double more = number_of(r->log.stage.item[i], "parameters");
    if (more > 0) parameters += more;
  }
  add_row_start(page, "Parameters");
  add_number(page, parameters, "%.0f");
  add_row_end(page, "numbers that were trained, all stages");
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

static void add_stages(report *r) {
  rg_text *page = &r->page;
  for (int i = 0; i < r->log.stage.count; i++) {
    rg_json stage = r->log.stage.item[i];
    rg_text_add(page, "<tr>");
    for (size_t c = 0; c < STAGE_COLUMNS; c++) {
      const char *key = stage_columns[c].key, *format = stage_columns[c].format;
      rg_text_add(page, c == 0 ? "<th scope=\"row\">" : format ? "<td>" : "<td class=\"word\">");
      if (format) {
        add_number(page, number_of(stage, key), format);
      } else {
        const char *text = string_of(r, stage, key);
        add_html(page, text ? text : "");
      }
      rg_text_add(page, c == 0 ? "</th>" : "</td>");
    }
    rg_text_add(page, "</tr>\n");
  }
  if (r->log.stage.count == 0)
    rg_text_printf(page, "<tr><td colspan=\"%zu\" class=\"word\">No stage was kept.</td></tr>\n",
                   STAGE_COLUMNS);
}

/* A JSON string that cannot end a script element. */
static void add_script_string(rg_text *page, const char *string) {
  rg_text_add(page, "\"");
  for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
    if (*c < 0x20 || *c == '"' || *c == '\\' || *c == '<' || *c == '>' || *c == '&')
      rg_text_printf(page, "\\u%04x", *c);
    else
      rg_text_add_n(page, (const char *)c, 1);
  }
  rg_text_add(page, "\"");
}

/* Names split out of "a,b" or, with `domain`, out of "a=0:1,b=0:2". */
static bool add_split_names(report *r, const char *key, bool domain) {
  const char *text = string_of(r, r->log.start, key);
  if (!text) return false;
  for (const char *c = text;; c++) {
    const char *stop = c + strcspn(c, ",");
    size_t length = domain ? strcspn(c, "=,") : (size_t)(stop - c);
    rg_text name;
    rg_text_init(&name, r->ctx);
    rg_text_add_n(&name, c, length);
    add_script_string(&r->page, name.data ? name.data : "");
    if (rg_text_status(&name) != RUNG_OK) r->page.failed = true;
    rg_text_free(&name);
    if (!*stop) return true;
    rg_text_add(&r->page, ",");
    c = stop;
  }
}

/* The names as a list in the start event, else taken out of its recipe. */
static void add_names(report *r, const char *list, const char *key, bool domain) {
  rg_json names = rg_json_member(r->log.start, list), item = {0};
  if (!names.length) {
    if (!add_split_names(r, key, false) && domain) add_split_names(r, "domain", true);
    return;
  }
  for (bool first = true; rg_json_next(names, &item); first = false) {
    r->scratch.length = 0;
    if (!first) rg_text_add(&r->page, ",");
    bool found = rg_json_string(item, &r->scratch) && r->scratch.length && r->scratch.data;
    add_script_string(&r->page, found ? r->scratch.data : "");
  }
}

static void add_numbers(rg_text *page, rg_json list) {
  rg_json item = {0};
  double value;
  rg_text_add(page, "[");
  for (bool first = true; rg_json_next(list, &item); first = false) {
    if (!first) rg_text_add(page, ",");
    rg_text_json_number(page, rg_json_number(item, &value) ? value : NAN);
  }
  rg_text_add(page, "]");
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
        rg_text_json_number(page, number_of(events->item[i], key[k]));
      else
        add_numbers(page, value);
    }
    rg_text_add(page, "}");
  }
  rg_text_add(page, "]");
}

static void add_data(report *r) {
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

static void add_recipe(report *r) {
  add_html(&r->page, r->recipe ? r->recipe : "This folder holds no recipe.");
}

static void add_remarks(report *r) {
  if (r->log.unreadable == 0) return;
  rg_text_printf(&r->page,
                 "<p class=\"note\">Lines of log.jsonl that could not be read and were left out: "
                 "%lld. A run that was killed may leave one.</p>",
                 (long long)r->log.unreadable);
}

static void add_version(report *r) {
  rg_text_add(&r->page, rung_version());
}
static void add_style(report *r) {
  rg_text_add(&r->page, rg_page_style);
}
static void add_script(report *r) {
  rg_text_add(&r->page, rg_page_script);
}
static void add_chart_style(report *r) {
  rg_text_add(&r->page, rg_page_chart_style);
}
static void add_chart_script(report *r) {
  rg_text_add(&r->page, rg_page_chart_script);
}
static void add_chart_notice(report *r) {
  rg_text_add(&r->page, rg_page_chart_notice);
}

static const struct {
  const char *name;
  void (*add)(report *r);
} parts[] = {
    {"title", add_title},
    {"verdict", add_verdict},
    {"summary", add_summary},
    {"stages", add_stages},
    {"data", add_data},
    {"recipe", add_recipe},
    {"remarks", add_remarks},
    {"version", add_version},
    {"style", add_style},
    {"script", add_script},
    {"chart-style", add_chart_style},
    {"chart-script", add_chart_script},
    {"chart-notice", add_chart_notice},
};

/* Copies the template, each {{name}} replaced by what its function adds. */
static rung_status fill_template(report *r) {
  const char *rest = rg_page_html, *open;
  while ((open = strstr(rest, "{{"))) {
    rg_text_add_n(&r->page, rest, (size_t)(open - rest));
    const char *close = strstr(open, "}}");
    size_t length = close ? (size_t)(close - open - 2) : 0, i = 0;
    size_t count = sizeof parts / sizeof *parts;
    while (i < count &&
           !(strlen(parts[i].name) == length && memcmp(parts[i].name, open + 2, length) == 0))
      i++;
    if (!close || i == count)
      return rg_fail(r->ctx, RUNG_E_INTERNAL, "the template of the report names an unknown part");
    parts[i].add(r);
    rest = close + 2;
  }
  rg_text_add(&r->page, rest);
  bool failed = r->page.failed || r->scratch.failed;
  return failed ? RUNG_E_MEMORY : RUNG_OK;
}

static rung_status join(rung_context *ctx, const char *folder, const char *name, char **out) {
  size_t size = strlen(folder) + strlen(name) + 2;
  *out = rg_alloc(ctx, size, 1);
  if (!*out) return RUNG_E_MEMORY;
  snprintf(*out, size, "%s/%s", folder, name);
  return RUNG_OK;
}

static rung_status read_run(report *r, const char *folder) {
  char *path = NULL;
  RG_TRY(join(r->ctx, folder, RUNG_RUN_LOG, &path));
  rung_status status = rg_run_log_read(r->ctx, path, &r->log);
  rg_free(r->ctx, path);
  if (status != RUNG_OK) return status;
  RG_TRY(join(r->ctx, folder, RUNG_RUN_RECIPE, &path));
  size_t length;
  status = rg_read_file(r->ctx, path, RECIPE_LIMIT, &r->recipe, &length);
  rg_free(r->ctx, path);
  if (status != RUNG_E_IO) return status;
  rung_clear_error(r->ctx); /* a report without its recipe is still a report */
  return RUNG_OK;
}

static rung_status write_report(report *r, const char *folder) {
  RG_TRY(read_run(r, folder));
  RG_TRY(fill_template(r));
  char *path = NULL;
  RG_TRY(join(r->ctx, folder, RUNG_RUN_REPORT, &path));
  rung_status status = rg_write_file(r->ctx, path, r->page.data, r->page.length);
  rg_free(r->ctx, path);
  return status;
}

rung_status rung_run_report(rung_context *ctx, const char *folder) {
  if (!ctx) return RUNG_E_ARGUMENT;
  rung_clear_error(ctx);
  if (!folder)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_run_report: expected a folder, found NULL");
  report r = {.ctx = ctx};
  rg_text_init(&r.page, ctx);
  rg_text_init(&r.scratch, ctx);
  rung_status status = write_report(&r, folder);
  rg_text_free(&r.page);
  rg_text_free(&r.scratch);
  rg_run_log_free(ctx, &r.log);
  rg_free(ctx, r.recipe);
  return status;
}
