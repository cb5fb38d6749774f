/* A report while it is written: what the run's folder holds, and the page so far. */
#ifndef RG_REPORT_H
#define RG_REPORT_H

#include "study/log.h"

typedef struct rg_report {
  rung_context *ctx;
  const char *folder;
  rg_run_log log;
  char *recipe; /* recipe.yaml, or NULL */
  rg_text page;
  rg_text scratch;                /* a string taken out of the log */
  rg_text remark;                 /* a note at the end of the page, or empty */
  struct rg_judgement *judgement; /* of a training */
  rung_status failed;             /* what went wrong where a part is added */
} rg_report;

/* A {{name}} of a template and what puts text in its place. */
typedef struct rg_report_part {
  const char *name;
  void (*add)(rg_report *r);
} rg_report_part;

/* Copies the template, each {{name}} replaced by what its function, or one that all reports share,
 * adds. */
rung_status rg_report_fill(rg_report *r, const char *page, const rg_report_part *parts,
                           size_t count);

/* "folder/name" of the run; rg_free(*out). */
rung_status rg_report_path(const rg_report *r, const char *name, char **out);

rung_status rg_report_fit(rg_report *r);
rung_status rg_report_training(rg_report *r);

/* ---- values of the log ---- */

/* The string of a key as text, valid until the next call; NULL where there is none or it is
 * empty. */
const char *rg_report_string(rg_report *r, rg_json object, const char *key);
/* NaN where there is none. */
double rg_report_number(rg_json object, const char *key);
bool rg_report_has_number(rg_json object, const char *key);

/* ---- HTML ---- */

/* Text as HTML: nothing that a name or a recipe holds can become markup. */
void rg_html_text(rg_text *page, const char *text);
/* A number for reading, with the full value behind it. */
void rg_html_number(rg_text *page, double value, const char *format);
/* A row of a table of facts: its name, then what is added, then its meaning (or NULL). */
void rg_html_row(rg_text *page, const char *name);
void rg_html_row_end(rg_text *page, const char *meaning);
/* JSON in a script element: a string that cannot end it, a list of numbers. */
void rg_html_script_string(rg_text *page, const char *string);
void rg_html_numbers(rg_text *page, rg_json list);

#endif
