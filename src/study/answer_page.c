/* What the kept network answers: confusion, classes, calibration, the worst samples as pictures. */
#include "study/answer_page.h"

#include <math.h>
#include <stdio.h>

#include "study/picture.h"

#define MOST_MATRIX 40 /* classes of a confusion matrix that is shown */

static const char *class_name(const rg_report *r, int label) {
  const char *const *names = rung_network_classes(r->judgement->network);
  return names && label >= 0 ? names[label] : "";
}

void rg_answers_judged(rg_report *r) {
  const rung_network_evaluation *e = r->judgement->evaluation;
  if (!e) {
    rg_text_add(&r->page, "samples it has not seen");
    return;
  }
  rg_html_number(&r->page, (double)e->samples, "%.0f");
  rg_text_add(&r->page, r->judgement->test ? " test samples" : " held-out samples");
}

/* ---- classes ---- */

static int64_t row_sum(const rung_network_evaluation *e, int label) {
  int64_t sum = 0;
  for (int k = 0; k < e->classes; k++) sum += e->confusion[label * e->classes + k];
  return sum;
}

static int64_t column_sum(const rung_network_evaluation *e, int label) {
  int64_t sum = 0;
  for (int k = 0; k < e->classes; k++) sum += e->confusion[k * e->classes + label];
  return sum;
}

static void add_facts(rg_report *r, const rung_network_evaluation *e) {
  rg_text *page = &r->page;
  rg_text_add(page, "<div class=\"wide\"><table class=\"facts\"><tbody>\n");
  rg_html_row(page, "Accuracy");
  rg_html_number(page, 100 * e->accuracy, "%.2f%%");
  rg_html_row_end(page, NULL);
  if (e->top < e->classes) {
    char name[40];
    snprintf(name, sizeof name, "Within %d classes", e->top);
    rg_html_row(page, name);
    rg_html_number(page, 100 * e->top_accuracy, "%.2f%%");
    rg_html_row_end(page, "the right class is among the most probable");
  }
  rg_html_row(page, "Loss");
  rg_html_number(page, e->loss, "%.4g");
  rg_html_row_end(page, "mean cross-entropy");
  rg_html_row(page, "Calibration error");
  rg_html_number(page, e->calibration_error, "%.4f");
  rg_html_row_end(page, "mean distance of confidence from accuracy, in 15 groups by confidence");
  rg_text_add(page, "</tbody></table></div>\n");
}

static void add_matrix(rg_report *r, const rung_network_evaluation *e) {
  rg_text *page = &r->page;
  if (e->classes > MOST_MATRIX) return;
  rg_text_add(page, "<h3>Confusion matrix</h3>\n<div class=\"wide\"><table class=\"confusion\">"
                    "<caption>Samples of a class (row) that were taken for a class (column)"
                    "</caption>\n<thead><tr><th></th>");
  for (int k = 0; k < e->classes; k++) {
    rg_text_add(page, "<th scope=\"col\">");
    rg_html_text(page, class_name(r, k));
    rg_text_add(page, "</th>");
  }
  rg_text_add(page, "</tr></thead>\n<tbody>\n");
  for (int i = 0; i < e->classes; i++) {
    double all = (double)row_sum(e, i);
    rg_text_add(page, "<tr><th scope=\"row\">");
    rg_html_text(page, class_name(r, i));
    rg_text_add(page, "</th>");
    for (int k = 0; k < e->classes; k++) {
      int64_t count = e->confusion[i * e->classes + k];
      rg_text_printf(page, "<td%s style=\"--share:%.3f\">%lld</td>",
                     i == k ? " class=\"right\"" : "", all > 0 ? sqrt((double)count / all) : 0,
                     (long long)count);
    }
    rg_text_add(page, "</tr>\n");
  }
  rg_text_add(page, "</tbody></table></div>\n");
}

static void add_ratio(rg_text *page, int64_t part, int64_t all) {
  rg_text_add(page, "<td>");
  rg_html_number(page, all > 0 ? (double)part / (double)all : NAN, "%.4f");
  rg_text_add(page, "</td>");
}

static void add_classes(rg_report *r, const rung_network_evaluation *e) {
  rg_text *page = &r->page;
  rg_text_add(page, "<h3>Classes</h3>\n<div class=\"wide\"><table class=\"numbers\"><thead><tr>"
                    "<th scope=\"col\" class=\"name\">Class</th><th scope=\"col\">Samples</th>"
                    "<th scope=\"col\">Precision</th><th scope=\"col\">Recall</th></tr></thead>\n"
                    "<tbody>\n");
  for (int k = 0; k < e->classes; k++) {
    int64_t right = e->confusion[k * e->classes + k], all = row_sum(e, k);
    rg_text_add(page, "<tr><th scope=\"row\" class=\"name\">");
    rg_html_text(page, class_name(r, k));
    rg_text_printf(page, "</th><td>%lld</td>", (long long)all);
    add_ratio(page, right, column_sum(e, k));
    add_ratio(page, right, all);
    rg_text_add(page, "</tr>\n");
  }
  rg_text_add(page,
              "</tbody></table></div>\n<figure class=\"chart\" id=\"calibration\"><figcaption>"
              "<h3>Accuracy over confidence</h3></figcaption></figure>\n");
}

/* ---- the worst samples ---- */

static rung_status add_picture(rg_report *r, int64_t sample) {
  const rg_judgement *j = r->judgement;
  int64_t shape[3];
  if (rung_dataset_shape(j->set, shape) != 3 || (shape[2] != 1 && shape[2] != 3)) return RUNG_OK;
  double *pixel = rg_alloc(r->ctx, (size_t)rung_dataset_size(j->set), sizeof *pixel);
  if (!pixel) return RUNG_E_MEMORY;
  rung_status status = rung_dataset_read(j->set, r->ctx, sample, RUNG_F64, pixel);
  if (status == RUNG_OK) {
    rg_text_add(&r->page, "<img alt=\"\" src=\"");
    status = rg_picture(&r->page, (int)shape[0], (int)shape[1], (int)shape[2], pixel);
    rg_text_add(&r->page, "\">");
  }
  rg_free(r->ctx, pixel);
  return status;
}

static rung_status add_worst_sample(rg_report *r, const rung_worst_sample *w) {
  char name[300];
  rg_text *page = &r->page;
  rg_text_add(page, "<figure>");
  rung_status status = add_picture(r, w->sample);
  rg_text_add(page, "<figcaption>");
  if (w->label >= 0) {
    rg_text_add(page, "<b>");
    rg_html_text(page, class_name(r, w->label));
    rg_text_add(page, w->label == w->predicted ? "</b>, taken for it (" : "</b>, taken for <b>");
    if (w->label != w->predicted) {
      rg_html_text(page, class_name(r, w->predicted));
      rg_text_add(page, "</b> (");
    }
    rg_html_number(page, 100 * w->confidence, "%.0f%%");
    rg_text_add(page, ")");
  } else {
    rg_text_add(page, "squared error ");
    rg_html_number(page, w->loss, "%.4g");
  }
  rg_text_add(page, "<br><span class=\"note\">");
  rg_html_text(page, rung_dataset_name(r->judgement->set, w->sample, name, sizeof name));
  rg_text_add(page, "</span></figcaption></figure>\n");
  return status;
}

static void add_worst(rg_report *r, const rung_network_evaluation *e) {
  if (e->worst == 0) return;
  rg_text_add(&r->page,
              "<h3>Worst samples</h3>\n<p>Those with the largest loss: what they are, and "
              "what the network took them for.</p>\n<div class=\"gallery\">\n");
  for (int i = 0; i < e->worst && r->failed == RUNG_OK; i++)
    r->failed = add_worst_sample(r, &e->worst_sample[i]);
  rg_text_add(&r->page, "</div>\n");
}

/* ---- numbers ---- */

static void add_errors(rg_report *r, const rung_network_evaluation *e) {
  rg_text *page = &r->page;
  rg_text_add(page, "<div class=\"wide\"><table class=\"numbers\"><thead><tr><th scope=\"col\" "
                    "class=\"name\">Output</th><th scope=\"col\">RMS error</th>"
                    "<th scope=\"col\">Largest error</th><th scope=\"col\">Relative L2</th>"
                    "<th scope=\"col\">R<sup>2</sup></th></tr></thead>\n<tbody>\n");
  for (int k = 0; k < e->outputs; k++) {
    const double values[] = {e->error[k].rms, e->error[k].max_error, e->error[k].relative_l2,
                             e->error[k].r2};
    const char *name = rung_dataset_target(r->judgement->set, k);
    rg_text_add(page, "<tr><th scope=\"row\" class=\"name\">");
    rg_html_text(page, name ? name : "");
    rg_text_add(page, "</th>");
    for (int i = 0; i < 4; i++) {
      rg_text_add(page, "<td>");
      rg_html_number(page, values[i], "%.5g");
      rg_text_add(page, "</td>");
    }
    rg_text_add(page, "</tr>\n");
  }
  rg_text_add(page, "</tbody></table></div>\n");
}

void rg_answers_section(rg_report *r) {
  const rung_network_evaluation *e = r->judgement->evaluation;
  if (!e) {
    rg_text_add(&r->page, "<p class=\"note\">The kept network was not judged: see the note at the "
                          "end.</p>\n");
    return;
  }
  if (e->classes) {
    add_facts(r, e);
    add_matrix(r, e);
    add_classes(r, e);
  } else {
    add_errors(r, e);
  }
  add_worst(r, e);
}

void rg_answers_calibration(rg_report *r) {
  const rung_network_evaluation *e = r->judgement->evaluation;
  rg_text_add(&r->page, "[");
  for (int b = 0; e && b < e->bins; b++) {
    rg_text_printf(&r->page, "%s{\"samples\":%lld,\"confidence\":", b ? "," : "",
                   (long long)e->bin[b].samples);
    rg_text_json_number(&r->page, e->bin[b].confidence);
    rg_text_add(&r->page, ",\"accuracy\":");
    rg_text_json_number(&r->page, e->bin[b].accuracy);
    rg_text_add(&r->page, "}");
  }
  rg_text_add(&r->page, "]");
}
