/* What the reports of all kinds of runs share: HTML, and the template that is filled. */
#include "study/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rung/run.h"
#include "study/page.h"

/* Text as HTML: nothing that a name or a recipe holds can become markup. */
void rg_html_text(rg_text *page, const char *text) {
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
const char *rg_report_string(rg_report *r, rg_json object, const char *key) {
  r->scratch.length = 0;
  bool found = rg_json_string(rg_json_member(object, key), &r->scratch);
  return found && r->scratch.length && r->scratch.data ? r->scratch.data : NULL;
}

double rg_report_number(rg_json object, const char *key) {
  double value;
  return rg_json_number(rg_json_member(object, key), &value) ? value : NAN;
}

bool rg_report_has_number(rg_json object, const char *key) {
  return !isnan(rg_report_number(object, key));
}

/* A number for reading, with the full value behind it. */
void rg_html_number(rg_text *page, double value, const char *format) {
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

void rg_html_row(rg_text *page, const char *name) {
  rg_text_printf(page, "<tr><th scope=\"row\">%s</th><td>", name);
}

void rg_html_row_end(rg_text *page, const char *meaning) {
  if (meaning) rg_text_printf(page, " <span class=\"meaning\">%s</span>", meaning);
  rg_text_add(page, "</td></tr>\n");
}

/* A JSON string that cannot end a script element. */
void rg_html_script_string(rg_text *page, const char *string) {
  rg_text_add(page, "\"");
  for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
    if (*c < 0x20 || *c == '"' || *c == '\\' || *c == '<' || *c == '>' || *c == '&')
      rg_text_printf(page, "\\u%04x", *c);
    else
      rg_text_add_n(page, (const char *)c, 1);
  }
  rg_text_add(page, "\"");
}

void rg_html_numbers(rg_text *page, rg_json list) {
  rg_json item = {0};
  double value;
  rg_text_add(page, "[");
  for (bool first = true; rg_json_next(list, &item); first = false) {
    if (!first) rg_text_add(page, ",");
    rg_text_json_number(page, rg_json_number(item, &value) ? value : NAN);
  }
  rg_text_add(page, "]");
}

static void add_recipe(rg_report *r) {
  rg_html_text(&r->page, r->recipe ? r->recipe : "This folder holds no recipe.");
}

static void add_remarks(rg_report *r) {
  if (r->remark.length) {
    rg_text_add(&r->page, "<p class=\"note\">");
    rg_html_text(&r->page, r->remark.data);
    rg_text_add(&r->page, "</p>");
  }
  if (r->log.unreadable == 0) return;
  rg_text_printf(&r->page,
                 "<p class=\"note\">Lines of log.jsonl that could not be read and were left out: "
                 "%lld. A run that was killed may leave one.</p>",
                 (long long)r->log.unreadable);
}

static void add_version(rg_report *r) {
  rg_text_add(&r->page, rung_version());
}
static void add_style(rg_report *r) {
  rg_text_add(&r->page, rg_page_style);
}
static void add_charts(rg_report *r) {
  rg_text_add(&r->page, rg_page_charts);
}
static void add_chart_style(rg_report *r) {
  rg_text_add(&r->page, rg_page_chart_style);
}
static void add_chart_script(rg_report *r) {
  rg_text_add(&r->page, rg_page_chart_script);
}
static void add_chart_notice(rg_report *r) {
  rg_text_add(&r->page, rg_page_chart_notice);
}

static const rg_report_part shared[] = {
    {"recipe", add_recipe},
    {"remarks", add_remarks},
    {"version", add_version},
    {"style", add_style},
    {"charts", add_charts},
    {"chart-style", add_chart_style},
    {"chart-script", add_chart_script},
    {"chart-notice", add_chart_notice},
};

static const rg_report_part *find_part(const rg_report_part *parts, size_t count, const char *name,
                                       size_t length) {
  for (size_t i = 0; i < count; i++)
    if (strlen(parts[i].name) == length && memcmp(parts[i].name, name, length) == 0)
      return &parts[i];
  return NULL;
}

rung_status rg_report_fill(rg_report *r, const char *page, const rg_report_part *parts,
                           size_t count) {
  const char *rest = page, *open;
  while ((open = strstr(rest, "{{"))) {
    rg_text_add_n(&r->page, rest, (size_t)(open - rest));
    const char *close = strstr(open, "}}");
    size_t length = close ? (size_t)(close - open - 2) : 0;
    const rg_report_part *part = find_part(parts, count, open + 2, length);
    if (!part) part = find_part(shared, sizeof shared / sizeof *shared, open + 2, length);
    if (!close || !part)
      return rg_fail(r->ctx, RUNG_E_INTERNAL, "the template of the report names an unknown part");
    part->add(r);
    rest = close + 2;
  }
  rg_text_add(&r->page, rest);
  bool failed = r->page.failed || r->scratch.failed || r->remark.failed;
  return failed ? RUNG_E_MEMORY : RUNG_OK;
}
