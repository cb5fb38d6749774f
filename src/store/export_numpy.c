/* A model as one Python file that needs only NumPy: for reading and plotting. Sums are NumPy's, so
 * the last bits differ from prediction; quad models are evaluated in the longest type NumPy has. */
#include "store/export.h"

static void put_array(rg_text *t, const char *begin, const double *value, int64_t rows,
                      int64_t columns) {
  rg_text_add(t, begin);
  rg_text_add(t, "_array([");
  for (int64_t i = 0; i < rows * columns && !t->failed; i++) {
    if (i) rg_text_add(t, i % 6 ? ", " : ",\n        ");
    rg_text_json_number(t, value[i]); /* the shortest text that reads back to the same double */
  }
  if (rows == 1)
    rg_text_add(t, "])");
  else
    rg_text_printf(t, "]).reshape(%lld, %lld)", (long long)rows, (long long)columns);
}

/* A matrix, also where it has one row. */
static void put_matrix(rg_text *t, const char *begin, const double *value, int64_t rows,
                       int64_t columns) {
  put_array(t, begin, value, rows, columns);
  if (rows == 1) rg_text_printf(t, ".reshape(1, %lld)", (long long)columns);
}

static void put_stage(const rung_model *m, const rg_stage *s, rg_text *t) {
  rg_text_add(t, "    {\"layers\": [\n");
  for (int l = 0; l < s->layer_count; l++) {
    const rg_layer *y = &s->layer[l];
    rg_text_printf(t, "        (\"%s\", ", rg_activation_name(y->activation));
    put_matrix(t, "", y->weight, y->width, y->inputs);
    put_array(t, ",\n         ", y->bias, 1, y->width);
    rg_text_add(t, "),\n");
  }
  rg_text_add(t, "    ],\n");
  put_matrix(t, "     \"head\": ", s->head, m->outputs, s->layer[s->layer_count - 1].width);
  if (s->has_skip) put_matrix(t, ",\n     \"skip\": ", s->skip, m->outputs, m->inputs);
  put_array(t, ",\n     \"bias\": ", s->bias, 1, m->outputs);
  put_array(t, ",\n     \"eps\": ", s->eps, 1, m->outputs);
  rg_text_add(t, "},\n");
}

static void put_names(rg_text *t, const char *variable, char *const *names, int count) {
  rg_text_printf(t, "%s = [", variable);
  for (int i = 0; i < count; i++) {
    if (i) rg_text_add(t, ", ");
    rg_text_json(t, names[i]); /* also a Python string */
  }
  rg_text_add(t, "]\n");
}

static const char *const number_type[] = {"np.float32", "np.float64", "np.longdouble"};

static const char *const accuracy[] = {
    "Computed in single precision; sums are NumPy's, so that the last bits differ from Rung's.",
    "Computed in double precision; sums are NumPy's, so that the last bits differ from Rung's.",
    ("The model is in quad precision (32 digits), which NumPy does not have. It is computed in\n"
     "np.longdouble: about 19 digits on x86, 16 where that type is double. Export to C for all "
     "32.")};

static const char head_text[] = "import numpy as np\n\n\n"
                                "def _array(values):\n"
                                "    return np.array(values, dtype=np.float64).astype(TYPE)\n\n\n";

static const char predict_text[] =
    "\n\ndef _sech2(z):\n"
    "    e = np.exp(-2 * np.abs(z))  # accurate where 1 - tanh(z)^2 is not\n"
    "    return 4 * e / (1 + e) ** 2\n\n\n"
    "_FUNCTION = {\"tanh\": (np.tanh, _sech2), \"sin\": (np.sin, np.cos)}\n\n\n"
    "def _scaled(x):\n"
    "    return (np.asarray(x, dtype=TYPE).reshape(-1, len(INPUTS)) - _CENTRE) * _SCALE\n\n\n"
    "def predict(x):\n"
    "    \"\"\"x: [points, inputs], or [points] for one input. Returns [points, outputs].\"\"\"\n"
    "    s = _scaled(x)\n"
    "    y = np.zeros((len(s), len(OUTPUTS)), dtype=TYPE)\n"
    "    for stage in reversed(_STAGES):  # small to large\n"
    "        h = s\n"
    "        for name, weight, bias in stage[\"layers\"]:\n"
    "            h = _FUNCTION[name][0](h @ weight.T + bias)\n"
    "        u = h @ stage[\"head\"].T + stage[\"bias\"]\n"
    "        if \"skip\" in stage:\n"
    "            u = u + s @ stage[\"skip\"].T\n"
    "        y = y + stage[\"eps\"] * u\n"
    "    return y\n";

static const char gradient_text[] =
    "\n\ndef gradient(x):\n"
    "    \"\"\"x as in predict. Returns dy/dx: [points, outputs, inputs].\"\"\"\n"
    "    s = _scaled(x)\n"
    "    dy = np.zeros((len(s), len(OUTPUTS), len(INPUTS)), dtype=TYPE)\n"
    "    for stage in reversed(_STAGES):\n"
    "        h = s\n"
    "        dh = np.broadcast_to(np.diag(_SCALE), (len(s), len(INPUTS), len(INPUTS)))\n"
    "        for name, weight, bias in stage[\"layers\"]:\n"
    "            z = h @ weight.T + bias\n"
    "            h = _FUNCTION[name][0](z)\n"
    "            dh = _FUNCTION[name][1](z)[:, :, None] * (weight @ dh)\n"
    "        du = stage[\"head\"] @ dh\n"
    "        if \"skip\" in stage:\n"
    "            du = du + stage[\"skip\"] * _SCALE\n"
    "        dy = dy + stage[\"eps\"][:, None] * du\n"
    "    return dy\n";

static void put_file(const rung_model *m, bool gradient, rg_text *t) {
  rg_text_printf(t, "\"\"\"A model of %d %s, written by Rung %s.\n\nInputs: ", m->stage_count,
                 m->stage_count == 1 ? "stage" : "stages", rung_version());
  rg_text_names(t, m->input_name, m->inputs);
  rg_text_add(t, "\nOutputs: ");
  rg_text_names(t, m->output_name, m->outputs);
  rg_text_printf(t, "\n%s\n\"\"\"\n", accuracy[m->dtype]);
  rg_text_add(t, head_text);
  rg_text_printf(t, "TYPE = %s\n", number_type[m->dtype]);
  put_names(t, "INPUTS", m->input_name, m->inputs);
  put_names(t, "OUTPUTS", m->output_name, m->outputs);
  put_array(t, "_CENTRE = ", m->centre, 1, m->inputs);
  put_array(t, "\n_SCALE = ", m->scale, 1, m->inputs);
  rg_text_add(t, "\n_STAGES = [\n");
  for (int k = 0; k < m->stage_count; k++) put_stage(m, &m->stage[k], t);
  rg_text_add(t, "]\n");
  rg_text_add(t, predict_text);
  if (gradient) rg_text_add(t, gradient_text);
}

rung_status rung_export_numpy(const rung_model *model, rung_context *ctx,
                              const rung_export_options *options, char **out, size_t *length) {
  rung_export_options o;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_export_check(ctx, options, false, &o));
  RG_TRY(rg_model_check(model, ctx, "the model to export"));
  rg_text text;
  rg_text_init(&text, ctx);
  put_file(model, o.derivatives != 0, &text);
  if (rg_text_status(&text) != RUNG_OK) {
    rg_text_free(&text);
    return RUNG_E_MEMORY;
  }
  *out = text.data;
  *length = text.length;
  return RUNG_OK;
}
