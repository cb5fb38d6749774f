/* A model as one C99 file (c_file.h). The order of operations is that of prediction (nn/model.h),
 * so that the bits agree. */
#include <string.h>

#include "store/c_file.h"
#include "store/export.h"

typedef struct exporter {
  const rung_model *model;
  const char *name;
  bool gradient;
  rg_c_file file;
} exporter;

/* ---- the fixed part ---- */

static const char sums[] =
    "\n/* Sum of w[i] v[i], a term after the other. */\n"
    "static $T rg_dot(int n, const $W *w, const $T *v) {\n"
    "  $T sum = rg_from_double_$S(0.0);\n"
    "  int i;\n"
    "  for (i = 0; i < n; i++) sum = rg_muladd_$S(v[i], rg_from_double_$S(w[i]), sum);\n"
    "  return sum;\n"
    "}\n";

static const char long_sums[] =
    "\n/* The same as if summed in twice the precision (Dot2 of Ogita, Rump and Oishi, 2005). */\n"
    "static $T rg_long_dot(int n, const $W *w, const $T *v) {\n"
    "  $T sum = rg_from_double_$S(0.0), rest = rg_from_double_$S(0.0);\n"
    "  int i;\n"
    "  for (i = 0; i < n; i++) {\n"
    "    rg_pair_$S p = rg_two_prod_$S(v[i], w[i]);\n"
    "    rg_pair_$S t = rg_two_sum_$S(sum, p.hi);\n"
    "    sum = t.hi;\n"
    "    rest += t.lo + p.lo;\n"
    "  }\n"
    "  return sum + rest;\n"
    "}\n";

/* $F: tanh or sin, $D: its derivative. */
static const char layer[] =
    "\nstatic void rg_layer_$F(int width, int inputs, const $W *w, const $W *b, const $T *in,\n"
    "    $T *out) {\n"
    "  int i;\n"
    "  for (i = 0; i < width; i++)\n"
    "    out[i] = rg_$F_$S(rg_add_$S(rg_dot(inputs, w + (size_t)i * (size_t)inputs, in),\n"
    "        rg_from_double_$S(b[i])));\n"
    "}\n";

static const char layer_slope[] =
    "\n/* The layer and its activation's derivative. */\n"
    "static void rg_slope_$F(int width, int inputs, const $W *w, const $W *b, const $T *in,\n"
    "    $T *out, $T *slope) {\n"
    "  int i;\n"
    "  for (i = 0; i < width; i++) {\n"
    "    $T z = rg_add_$S(rg_dot(inputs, w + (size_t)i * (size_t)inputs, in),\n"
    "        rg_from_double_$S(b[i]));\n"
    "    out[i] = rg_$F_$S(z);\n"
    "    slope[i] = rg_$D_$S(z);\n"
    "  }\n"
    "}\n";

static const char scale_and_head[] =
    "\nstatic void rg_scale_inputs(const $T *x, $T *s) {\n"
    "  int j;\n"
    "  for (j = 0; j < $I; j++)\n"
    "    s[j] = rg_mul_$S(rg_sub_$S(x[j], rg_from_double_$S(rg_centre[j])),\n"
    "        rg_from_double_$S(rg_scale[j]));\n"
    "}\n"
    "\nstatic void rg_head(int width, const $W *head, const $W *skip, const $W *bias, const $T "
    "*s,\n"
    "    const $T *h, $T *u) {\n"
    "  int o;\n"
    "  for (o = 0; o < $O; o++) {\n"
    "    u[o] = $L(width, head + (size_t)o * (size_t)width, h);\n"
    "    if (skip) u[o] = rg_add_$S(u[o], $L($I, skip + o * $I, s));\n"
    "    u[o] = rg_add_$S(u[o], rg_from_double_$S(bias[o]));\n"
    "  }\n"
    "}\n";

static const char slopes[] =
    "\n/* Derivatives in input j of the first layer, of a later one, and of the head. */\n"
    "static void rg_first_slope(int width, const $W *w, int j, const $T *slope, $T *out) {\n"
    "  int i;\n"
    "  for (i = 0; i < width; i++)\n"
    "    out[i] = rg_mul_$S(slope[i], rg_mul_$S(rg_from_double_$S(w[i * $I + j]),\n"
    "        rg_from_double_$S(rg_scale[j])));\n"
    "}\n";

static const char next_slope[] =
    "\nstatic void rg_next_slope(int width, int inputs, const $W *w, const $T *in, const $T "
    "*slope,\n"
    "    $T *out) {\n"
    "  int i;\n"
    "  for (i = 0; i < width; i++)\n"
    "    out[i] = rg_mul_$S(slope[i], rg_dot(inputs, w + (size_t)i * (size_t)inputs, in));\n"
    "}\n";

static const char head_slope[] =
    "\nstatic void rg_head_slope(int width, const $W *head, const $W *skip, int j, const $T *h,\n"
    "    $T *du) {\n"
    "  int o;\n"
    "  for (o = 0; o < $O; o++) {\n"
    "    $T sum = $L(width, head + (size_t)o * (size_t)width, h);\n"
    "    if (skip)\n"
    "      sum = rg_add_$S(sum, rg_mul_$S(rg_from_double_$S(skip[o * $I + j]),\n"
    "          rg_from_double_$S(rg_scale[j])));\n"
    "    du[o * $I + j] = sum;\n"
    "  }\n"
    "}\n";

/* ---- weights ---- */

static void put_numbers(exporter *e, const char *what, int stage, int layer_index,
                        const double *value, int64_t count) {
  rg_text *t = &e->file.code;
  rg_text_printf(t, "\nstatic const $W rg_%s", what);
  if (stage >= 0) rg_text_printf(t, "_%d", stage);
  if (layer_index >= 0) rg_text_printf(t, "_%d", layer_index);
  rg_text_printf(t, "[%lld] = {", (long long)count);
  const char *suffix = e->model->dtype == RUNG_F32 ? "f" : "";
  for (int64_t i = 0; i < count && !t->failed; i++) {
    rg_text_add(t, i == 0 ? "\n    " : i % 4 == 0 ? ",\n    " : ", ");
    rg_text_hex(t, value[i], suffix);
  }
  rg_text_add(t, "};\n");
}

static void put_stage_numbers(exporter *e, int k) {
  const rung_model *m = e->model;
  const rg_stage *s = &m->stage[k];
  for (int l = 0; l < s->layer_count; l++) {
    put_numbers(e, "w", k, l, s->layer[l].weight, s->layer[l].width * s->layer[l].inputs);
    put_numbers(e, "b", k, l, s->layer[l].bias, s->layer[l].width);
  }
  put_numbers(e, "head", k, -1, s->head, m->outputs * s->layer[s->layer_count - 1].width);
  if (s->has_skip) put_numbers(e, "skip", k, -1, s->skip, (int64_t)m->outputs * m->inputs);
  put_numbers(e, "bias", k, -1, s->bias, m->outputs);
  put_numbers(e, "eps", k, -1, s->eps, m->outputs);
}

/* ---- code ---- */

static bool uses(const rung_model *m, rg_activation activation) {
  for (int k = 0; k < m->stage_count; k++)
    for (int l = 0; l < m->stage[k].layer_count; l++)
      if (m->stage[k].layer[l].activation == activation) return true;
  return false;
}

static bool is_deep(const rung_model *m) {
  for (int k = 0; k < m->stage_count; k++)
    if (m->stage[k].layer_count > 1) return true;
  return false;
}

/* Appends a piece with $F and $D put in. */
static void put_activation(exporter *e, const char *piece, rg_activation activation) {
  for (const char *at = piece; *at;) {
    size_t plain = strcspn(at, "$");
    rg_text_add_n(&e->file.code, at, plain);
    at += plain;
    if (!*at) break;
    if (at[1] == 'F')
      rg_text_add(&e->file.code, rg_activation_name(activation));
    else if (at[1] == 'D')
      rg_text_add(&e->file.code, activation == RG_SIN ? "cos" : "sech2");
    else
      rg_text_add_n(&e->file.code, at, 2);
    at += 2;
  }
}

static void put_helpers(exporter *e) {
  rg_text *t = &e->file.code;
  rg_text_add(t, sums);
  if (e->model->dtype != RUNG_DD) rg_text_add(t, long_sums);
  for (rg_activation a = RG_TANH; a <= RG_SIN; a++) {
    if (!uses(e->model, a)) continue;
    put_activation(e, layer, a);
    if (e->gradient) put_activation(e, layer_slope, a);
  }
  rg_text_add(t, scale_and_head);
  if (!e->gradient) return;
  rg_text_add(t, slopes);
  if (is_deep(e->model)) rg_text_add(t, next_slope);
  rg_text_add(t, head_slope);
}

static void put_arrays(exporter *e, const rg_stage *s, char letter) {
  for (int l = 0; l < s->layer_count; l++)
    rg_text_printf(&e->file.code, "  $T %c%d[%lld];\n", letter, l, (long long)s->layer[l].width);
}

/* The calls that compute the layers and the head of a stage. */
static void put_forward(exporter *e, int k, bool with_slope) {
  rg_text *t = &e->file.code;
  const rg_stage *s = &e->model->stage[k];
  for (int l = 0; l < s->layer_count; l++) {
    const rg_layer *y = &s->layer[l];
    rg_text_printf(t, "  rg_%s_%s(%lld, %lld, rg_w_%d_%d, rg_b_%d_%d, ",
                   with_slope ? "slope" : "layer", rg_activation_name(y->activation),
                   (long long)y->width, (long long)y->inputs, k, l, k, l);
    if (l == 0)
      rg_text_add(t, "s");
    else
      rg_text_printf(t, "h%d", l - 1);
    rg_text_printf(t, ", h%d", l);
    if (with_slope) rg_text_printf(t, ", d%d", l);
    rg_text_add(t, ");\n");
  }
  int last = s->layer_count - 1;
  rg_text_printf(t, "  rg_head(%lld, rg_head_%d, ", (long long)s->layer[last].width, k);
  if (s->has_skip)
    rg_text_printf(t, "rg_skip_%d", k);
  else
    rg_text_add(t, "0");
  rg_text_printf(t, ", rg_bias_%d, s, h%d, u);\n", k, last);
}

static void put_stage(exporter *e, int k) {
  rg_text_printf(&e->file.code, "\nstatic void rg_stage_%d(const $T *s, $T *u) {\n", k);
  put_arrays(e, &e->model->stage[k], 'h');
  put_forward(e, k, false);
  rg_text_add(&e->file.code, "}\n");
}

static void put_stage_gradient(exporter *e, int k) {
  rg_text *t = &e->file.code;
  const rg_stage *s = &e->model->stage[k];
  rg_text_printf(t, "\nstatic void rg_stage_gradient_%d(const $T *s, $T *u, $T *du) {\n", k);
  put_arrays(e, s, 'h');
  put_arrays(e, s, 'd');
  put_arrays(e, s, 't');
  rg_text_add(t, "  int j;\n");
  put_forward(e, k, true);
  rg_text_printf(t,
                 "  for (j = 0; j < $I; j++) {\n    rg_first_slope(%lld, rg_w_%d_0, j, d0, t0);\n",
                 (long long)s->layer[0].width, k);
  for (int l = 1; l < s->layer_count; l++)
    rg_text_printf(t, "    rg_next_slope(%lld, %lld, rg_w_%d_%d, t%d, d%d, t%d);\n",
                   (long long)s->layer[l].width, (long long)s->layer[l].inputs, k, l, l - 1, l, l);
  int last = s->layer_count - 1;
  rg_text_printf(t, "    rg_head_slope(%lld, rg_head_%d, ", (long long)s->layer[last].width, k);
  if (s->has_skip)
    rg_text_printf(t, "rg_skip_%d", k);
  else
    rg_text_add(t, "0");
  rg_text_printf(t, ", j, t%d, du);\n  }\n}\n", last);
}

/* y = eps u for the last stage, then y = y + eps u down to the first. */
static void put_sum(exporter *e, bool with_gradient) {
  rg_text *t = &e->file.code;
  int last = e->model->stage_count - 1;
  for (int k = last; k >= 0; k--) {
    if (with_gradient)
      rg_text_printf(t, "  rg_stage_gradient_%d(s, u, du);\n", k);
    else
      rg_text_printf(t, "  rg_stage_%d(s, u);\n", k);
    rg_text_add(t, "  for (o = 0; o < $O; o++) {\n");
    rg_text_printf(t, "    $T eps = rg_from_double_$S(rg_eps_%d[o]);\n", k);
    rg_text_add(t, k == last ? "    y[o] = rg_mul_$S(eps, u[o]);\n"
                             : "    y[o] = rg_add_$S(y[o], rg_mul_$S(eps, u[o]));\n");
    if (with_gradient)
      rg_text_add(t, k == last ? "    for (j = o * $I; j < o * $I + $I; j++)\n"
                                 "      dy[j] = rg_mul_$S(eps, du[j]);\n"
                               : "    for (j = o * $I; j < o * $I + $I; j++)\n"
                                 "      dy[j] = rg_add_$S(dy[j], rg_mul_$S(eps, du[j]));\n");
    rg_text_add(t, "  }\n");
  }
}

static void put_functions(exporter *e) {
  rg_text *t = &e->file.code;
  bool stages = e->model->stage_count > 0;
  rg_text_printf(t, "\nvoid %s(const $T *x, $T *y) {\n", e->name);
  rg_text_add(t, stages ? "  $T s[$I], u[$O];\n  int o;\n  rg_scale_inputs(x, s);\n"
                        : "  int o;\n  (void)x;\n"
                          "  for (o = 0; o < $O; o++) y[o] = rg_from_double_$S(0.0);\n");
  put_sum(e, false);
  rg_text_add(t, "}\n");
  if (!e->gradient) return;
  rg_text_printf(t, "\nvoid %s_gradient(const $T *x, $T *y, $T *dy) {\n", e->name);
  rg_text_add(t, stages ? "  $T s[$I], u[$O], du[$O * $I];\n  int o, j;\n  rg_scale_inputs(x, s);\n"
                        : "  int o;\n  (void)x;\n"
                          "  for (o = 0; o < $O; o++) y[o] = rg_from_double_$S(0.0);\n"
                          "  for (o = 0; o < $O * $I; o++) dy[o] = rg_from_double_$S(0.0);\n");
  put_sum(e, true);
  rg_text_add(t, "}\n");
}

static void put_code(exporter *e) {
  const rung_model *m = e->model;
  if (m->stage_count > 0) {
    put_numbers(e, "centre", -1, -1, m->centre, m->inputs);
    put_numbers(e, "scale", -1, -1, m->scale, m->inputs);
    for (int k = 0; k < m->stage_count; k++) put_stage_numbers(e, k);
    put_helpers(e);
    for (int k = 0; k < m->stage_count; k++) {
      put_stage(e, k);
      if (e->gradient) put_stage_gradient(e, k);
    }
  }
  put_functions(e);
}

/* ---- the file ---- */

static void put_prototypes(exporter *e) {
  rg_text *out = &e->file.prototypes;
  rg_text_printf(out, "void %s(const $T *x, $T *y);\n", e->name);
  if (e->gradient) rg_text_printf(out, "void %s_gradient(const $T *x, $T *y, $T *dy);\n", e->name);
}

static void put_comment(exporter *e) {
  const rung_model *m = e->model;
  rg_text *out = &e->file.comment;
  rg_text_printf(out,
                 "%s: a model of %d %s in %s precision, written by Rung %s.\n *   x: ", e->name,
                 m->stage_count, m->stage_count == 1 ? "stage" : "stages",
                 rung_dtype_name(m->dtype), rung_version());
  rg_text_names(out, m->input_name, m->inputs);
  rg_text_add(out, "\n *   y: ");
  rg_text_names(out, m->output_name, m->outputs);
  if (e->gradient)
    rg_text_printf(out, "\n *   dy[output * %s_INPUTS + input]: first derivatives", e->file.upper);
}

rung_status rung_export_c(const rung_model *model, rung_context *ctx,
                          const rung_export_options *options, char **out, size_t *length) {
  rung_export_options o;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_export_check(ctx, options, false, &o));
  RG_TRY(rg_model_check(model, ctx, "the model to export"));
  exporter e = {.model = model, .name = o.name, .gradient = o.derivatives != 0};
  rg_c_file_init(&e.file, ctx, o.name, model->dtype);
  e.file.inputs = model->inputs;
  e.file.outputs = model->outputs;
  put_comment(&e);
  put_prototypes(&e);
  put_code(&e);
  rung_status status = rg_c_file_text(&e.file, out, length);
  rg_c_file_free(&e.file);
  return status;
}
