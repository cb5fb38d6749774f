/* A model as a safetensors file; docs/model-file.md describes it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "nn/model.h"
#include "store/safetensors.h"

#define FORMAT "rung-model"
#define VERSION "1"

/* ---- writing ---- */

typedef struct writer {
  const rung_model *model;
  rg_tensors *set;
} writer;

/* F32 where the model is in single: its numbers are floats. */
static rung_status put(const writer *w, const char *name, int rank, const int64_t *dims,
                       const double *value) {
  if (w->model->dtype != RUNG_F32)
    return rg_tensors_add_view(w->set, name, RG_TENSOR_F64, rank, dims, value);
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dims[i];
  float *copy = rg_alloc(w->set->ctx, (size_t)count, sizeof *copy);
  if (!copy) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < count; i++) copy[i] = (float)value[i];
  rung_status status = rg_tensors_add(w->set, name, RG_TENSOR_F32, rank, dims, copy);
  rg_free(w->set->ctx, copy);
  return status;
}

static rung_status put_stage(const writer *w, int k) {
  const rg_stage *s = &w->model->stage[k];
  int64_t outputs = w->model->outputs;
  char name[64];
  for (int l = 0; l < s->layer_count; l++) {
    const rg_layer *layer = &s->layer[l];
    snprintf(name, sizeof name, "stage.%d.layer.%d.weight", k, l);
    RG_TRY(put(w, name, 2, (int64_t[]){layer->width, layer->inputs}, layer->weight));
    snprintf(name, sizeof name, "stage.%d.layer.%d.bias", k, l);
    RG_TRY(put(w, name, 1, &layer->width, layer->bias));
  }
  snprintf(name, sizeof name, "stage.%d.head", k);
  RG_TRY(put(w, name, 2, (int64_t[]){outputs, s->layer[s->layer_count - 1].width}, s->head));
  if (s->has_skip) {
    snprintf(name, sizeof name, "stage.%d.skip", k);
    RG_TRY(put(w, name, 2, (int64_t[]){outputs, w->model->inputs}, s->skip));
  }
  snprintf(name, sizeof name, "stage.%d.bias", k);
  RG_TRY(put(w, name, 1, &outputs, s->bias));
  snprintf(name, sizeof name, "stage.%d.eps", k);
  RG_TRY(put(w, name, 1, &outputs, s->eps));
  snprintf(name, sizeof name, "stage.%d.frequency", k);
  RG_TRY(rg_tensors_add_f64(w->set, name, s->frequency));
  snprintf(name, sizeof name, "stage.%d.training_error", k);
  RG_TRY(rg_tensors_add_f64(w->set, name, s->training_error));
  snprintf(name, sizeof name, "stage.%d.heldout_error", k);
  RG_TRY(rg_tensors_add_f64(w->set, name, s->heldout_error));
  snprintf(name, sizeof name, "stage.%d.points", k);
  return rg_tensors_add_i64(w->set, name, s->points);
}

/* A list of names as JSON text. */
static rung_status put_names(const writer *w, const char *key, char *const *names, int count) {
  rg_text list;
  rg_text_init(&list, w->set->ctx);
  for (int i = 0; i < count; i++) {
    rg_text_add(&list, i ? ", " : "[");
    rg_text_json(&list, names[i]);
  }
  rg_text_add(&list, "]");
  rung_status status = rg_text_status(&list);
  if (status == RUNG_OK) status = rg_tensors_add_text(w->set, key, list.data);
  rg_text_free(&list);
  return status;
}

/* "tanh sin": the activations of a stage's layers. */
static rung_status put_activations(const writer *w, int k) {
  const rg_stage *s = &w->model->stage[k];
  rg_text list;
  rg_text_init(&list, w->set->ctx);
  for (int l = 0; l < s->layer_count; l++)
    rg_text_printf(&list, "%s%s", l ? " " : "", rg_activation_name(s->layer[l].activation));
  char key[64];
  snprintf(key, sizeof key, "stage.%d.activations", k);
  rung_status status = rg_text_status(&list);
  if (status == RUNG_OK) status = rg_tensors_add_text(w->set, key, list.data);
  rg_text_free(&list);
  return status;
}

static rung_status put_model(const writer *w) {
  const rung_model *m = w->model;
  int64_t inputs = m->inputs;
  char stages[16];
  snprintf(stages, sizeof stages, "%d", m->stage_count);
  RG_TRY(rg_tensors_add_text(w->set, "format", FORMAT));
  RG_TRY(rg_tensors_add_text(w->set, "version", VERSION));
  RG_TRY(rg_tensors_add_text(w->set, "precision", rung_dtype_name(m->dtype)));
  RG_TRY(put_names(w, "inputs", m->input_name, m->inputs));
  RG_TRY(put_names(w, "outputs", m->output_name, m->outputs));
  RG_TRY(rg_tensors_add_text(w->set, "stages", stages));
  for (int k = 0; k < m->stage_count; k++) RG_TRY(put_activations(w, k));
  if (m->made_by) RG_TRY(rg_tensors_add_text(w->set, "made_by", m->made_by));
  RG_TRY(put(w, "centre", 1, &inputs, m->centre));
  RG_TRY(put(w, "scale", 1, &inputs, m->scale));
  RG_TRY(rg_tensors_add_view(w->set, "low", RG_TENSOR_F64, 1, &inputs, m->low));
  RG_TRY(rg_tensors_add_view(w->set, "high", RG_TENSOR_F64, 1, &inputs, m->high));
  RG_TRY(rg_tensors_add_f64(w->set, "noise", m->noise));
  for (int k = 0; k < m->stage_count; k++) RG_TRY(put_stage(w, k));
  return RUNG_OK;
}

rung_status rung_model_save_memory(const rung_model *model, rung_context *ctx, void **out,
                                   size_t *length) {
  rg_tensors set;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_model_check(model, ctx, "the model to save"));
  rg_tensors_init(&set, ctx);
  rung_status status = put_model(&(writer){model, &set});
  if (status == RUNG_OK) status = rg_tensors_write_memory(&set, out, length);
  rg_tensors_free(&set);
  return status;
}

rung_status rung_model_save(const rung_model *model, rung_context *ctx, const char *path) {
  void *bytes;
  size_t length;
  RG_TRY(rung_model_save_memory(model, ctx, &bytes, &length));
  rung_status status = rg_write_file(ctx, path, bytes, length);
  rg_free(ctx, bytes);
  return status;
}

/* ---- reading ---- */

typedef struct loader {
  rung_context *ctx;
  const rg_tensors *set;
  const char *file;
  rung_model *model;
} loader;

static rung_status bad_text(const loader *l, const char *key, const char *expected,
                            const char *found) {
  return rg_fail(l->ctx, RUNG_E_FORMAT, "%s: metadata \"%s\": expected %s, found \"%.60s\"",
                 l->file, key, expected, found);
}

static rg_tensor_type number_type(const loader *l) {
  return l->model->dtype == RUNG_F32 ? RG_TENSOR_F32 : RG_TENSOR_F64;
}

static void to_doubles(const rg_tensor *t, double *out) {
  if (t->type == RG_TENSOR_F64) {
    memcpy(out, t->data, t->bytes);
    return;
  }
  const float *value = t->data;
  for (int64_t i = 0; i < t->count; i++) out[i] = (double)value[i];
}

static rung_status take(const loader *l, const char *name, int rank, const int64_t *dims,
                        double *out) {
  const rg_tensor *t;
  RG_TRY(rg_tensors_get(l->set, name, number_type(l), rank, dims, &t));
  to_doubles(t, out);
  return RUNG_OK;
}

/* Splits "tanh sin". */
static rung_status take_activations(const loader *l, int k, rg_activation *out, int *count) {
  char key[64];
  const char *text;
  snprintf(key, sizeof key, "stage.%d.activations", k);
  RG_TRY(rg_tensors_get_text(l->set, key, &text));
  *count = 0;
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, " ");
    bool is_tanh = length == 4 && strncmp(at, "tanh", 4) == 0;
    bool is_sin = length == 3 && strncmp(at, "sin", 3) == 0;
    if ((!is_tanh && !is_sin) || *count == RG_MODEL_MAX_LAYERS)
      return bad_text(l, key, "tanh or sin for each layer", text);
    out[(*count)++] = is_sin ? RG_SIN : RG_TANH;
    at += length;
    if (!*at) return RUNG_OK;
  }
}

/* The widths are taken from tensors whose data are there, so they cannot ask for more memory than
 * a small multiple of the file. */
static rung_status take_widths(const loader *l, int k, int layers, int64_t *width) {
  int64_t inputs = l->model->inputs;
  char name[64];
  for (int i = 0; i < layers; i++) {
    const rg_tensor *t;
    snprintf(name, sizeof name, "stage.%d.layer.%d.weight", k, i);
    RG_TRY(rg_tensors_get(l->set, name, number_type(l), 2, (int64_t[]){-1, inputs}, &t));
    width[i] = inputs = t->shape.dim[0];
    if (width[i] < 1 || width[i] > RG_MODEL_MAX_WIDTH)
      return rg_fail(l->ctx, RUNG_E_FORMAT,
                     "%s: tensor \"%s\": expected a width of 1 to %d, found %lld", l->file, name,
                     RG_MODEL_MAX_WIDTH, (long long)width[i]);
  }
  const rg_tensor *head;
  snprintf(name, sizeof name, "stage.%d.head", k);
  return rg_tensors_get(l->set, name, number_type(l), 2,
                        (int64_t[]){l->model->outputs, width[layers - 1]}, &head);
}

static rung_status fill_stage(const loader *l, int k, rg_stage *s) {
  int64_t inputs = l->model->inputs, outputs = l->model->outputs;
  char name[64];
  for (int i = 0; i < s->layer_count; i++) {
    rg_layer *layer = &s->layer[i];
    snprintf(name, sizeof name, "stage.%d.layer.%d.weight", k, i);
    RG_TRY(take(l, name, 2, (int64_t[]){layer->width, layer->inputs}, layer->weight));
    snprintf(name, sizeof name, "stage.%d.layer.%d.bias", k, i);
    RG_TRY(take(l, name, 1, &layer->width, layer->bias));
  }
  snprintf(name, sizeof name, "stage.%d.head", k);
  RG_TRY(take(l, name, 2, (int64_t[]){outputs, s->layer[s->layer_count - 1].width}, s->head));
  snprintf(name, sizeof name, "stage.%d.skip", k);
  if (s->has_skip) RG_TRY(take(l, name, 2, (int64_t[]){outputs, inputs}, s->skip));
  snprintf(name, sizeof name, "stage.%d.bias", k);
  RG_TRY(take(l, name, 1, &outputs, s->bias));
  snprintf(name, sizeof name, "stage.%d.eps", k);
  RG_TRY(take(l, name, 1, &outputs, s->eps));
  snprintf(name, sizeof name, "stage.%d.frequency", k);
  RG_TRY(rg_tensors_get_f64(l->set, name, &s->frequency));
  snprintf(name, sizeof name, "stage.%d.training_error", k);
  RG_TRY(rg_tensors_get_f64(l->set, name, &s->training_error));
  snprintf(name, sizeof name, "stage.%d.heldout_error", k);
  RG_TRY(rg_tensors_get_f64(l->set, name, &s->heldout_error));
  snprintf(name, sizeof name, "stage.%d.points", k);
  return rg_tensors_get_i64(l->set, name, &s->points);
}

static rung_status take_stage(const loader *l, int k) {
  rg_activation activation[RG_MODEL_MAX_LAYERS] = {RG_TANH};
  int64_t width[RG_MODEL_MAX_LAYERS] = {0};
  int layers;
  char skip[64];
  rg_stage *stage;
  snprintf(skip, sizeof skip, "stage.%d.skip", k);
  RG_TRY(take_activations(l, k, activation, &layers));
  RG_TRY(take_widths(l, k, layers, width));
  RG_TRY(rg_stage_create(l->ctx, l->model->inputs, l->model->outputs, layers, width, activation,
                         rg_tensors_find(l->set, skip) != NULL, &stage));
  rung_status status = fill_stage(l, k, stage);
  if (status == RUNG_OK) return rg_model_append_stage(l->model, l->ctx, stage);
  rg_stage_destroy(l->ctx, stage);
  return status;
}

/* Every tensor belongs to the model: a file with others is not what it says. */
static rung_status check_count(const loader *l) {
  int expected = 5;
  for (int k = 0; k < l->model->stage_count; k++)
    expected += 2 * l->model->stage[k].layer_count + 7 + l->model->stage[k].has_skip;
  if (l->set->count == expected) return RUNG_OK;
  return rg_fail(l->ctx, RUNG_E_FORMAT,
                 "%s: expected the %d tensors of a model with %d stages, found %d", l->file,
                 expected, l->model->stage_count, l->set->count);
}

static rung_status take_model(const loader *l, int stages) {
  rung_model *m = l->model;
  int64_t inputs = m->inputs;
  const rg_tensor *t;
  RG_TRY(take(l, "centre", 1, &inputs, m->centre));
  RG_TRY(take(l, "scale", 1, &inputs, m->scale));
  RG_TRY(rg_tensors_get(l->set, "low", RG_TENSOR_F64, 1, &inputs, &t));
  to_doubles(t, m->low);
  RG_TRY(rg_tensors_get(l->set, "high", RG_TENSOR_F64, 1, &inputs, &t));
  to_doubles(t, m->high);
  RG_TRY(rg_tensors_get_f64(l->set, "noise", &m->noise));
  const char *made_by = rg_tensors_text(l->set, "made_by");
  if (made_by && !(m->made_by = rg_strdup(l->ctx, made_by))) return RUNG_E_MEMORY;
  for (int k = 0; k < stages; k++) RG_TRY(take_stage(l, k));
  RG_TRY(check_count(l));
  return rg_model_check(m, l->ctx, l->file);
}

/* A JSON list of text. `names` point into the JSON. */
static rung_status take_names(const loader *l, const char *key, cJSON **json, const char ***names,
                              int *count) {
  const char *text;
  RG_TRY(rg_tensors_get_text(l->set, key, &text));
  errno = 0;
  *json = cJSON_Parse(text);
  if (!*json && errno == ENOMEM) return rg_fail_memory(l->ctx, strlen(text));
  *count = cJSON_IsArray(*json) ? cJSON_GetArraySize(*json) : 0;
  if (*count < 1 || *count > RG_MODEL_MAX_COLUMNS)
    return bad_text(l, key, "a JSON list of names", text);
  *names = rg_alloc(l->ctx, (size_t)*count, sizeof **names);
  if (!*names) return RUNG_E_MEMORY;
  int i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, *json) {
    if (!cJSON_IsString(item)) return bad_text(l, key, "a JSON list of names", text);
    (*names)[i++] = item->valuestring;
  }
  return RUNG_OK;
}

static rung_status make_model(loader *l, rung_dtype dtype) {
  cJSON *in = NULL, *out = NULL;
  const char **in_names = NULL, **out_names = NULL;
  int inputs = 0, outputs = 0;
  rung_status status = take_names(l, "inputs", &in, &in_names, &inputs);
  if (status == RUNG_OK) status = take_names(l, "outputs", &out, &out_names, &outputs);
  if (status == RUNG_OK)
    status = rg_model_create(l->ctx, dtype, inputs, outputs, in_names, out_names, &l->model);
  rg_free(l->ctx, in_names);
  rg_free(l->ctx, out_names);
  cJSON_Delete(in);
  cJSON_Delete(out);
  return status;
}

static rung_status check_format(const loader *l) {
  const char *format = rg_tensors_text(l->set, "format");
  if (!format || strcmp(format, FORMAT) != 0)
    return rg_fail(l->ctx, RUNG_E_FORMAT,
                   "%s: a safetensors file, but not a model: expected \"format\": \"" FORMAT
                   "\" in its metadata, found %.60s",
                   l->file, format ? format : "none");
  const char *version;
  RG_TRY(rg_tensors_get_text(l->set, "version", &version));
  if (strcmp(version, VERSION) == 0) return RUNG_OK;
  return rg_fail(l->ctx, RUNG_E_UNSUPPORTED,
                 "%s: model file version %.20s, but this library (%s) reads version " VERSION
                 "; use a newer library",
                 l->file, version, rung_version());
}

static rung_status load(loader *l) {
  const char *precision, *text;
  rung_dtype dtype;
  RG_TRY(check_format(l));
  RG_TRY(rg_tensors_get_text(l->set, "precision", &precision));
  if (rung_dtype_parse(precision, &dtype) != RUNG_OK)
    return bad_text(l, "precision", "single, double or quad", precision);
  RG_TRY(rg_tensors_get_text(l->set, "stages", &text));
  char *end;
  long stages = strtol(text, &end, 10);
  if (end == text || *end || stages < 0 || stages > RG_TENSORS_MAX)
    return bad_text(l, "stages", "a whole number", text);
  RG_TRY(make_model(l, dtype));
  return take_model(l, (int)stages);
}

static rung_status load_set(rung_context *ctx, const char *file, const rg_tensors *set,
                            rung_model **out) {
  loader l = {ctx, set, file, NULL};
  rung_status status = load(&l);
  if (status == RUNG_OK)
    *out = l.model;
  else
    rung_model_destroy(l.model);
  return status;
}

rung_status rung_model_load_memory(rung_context *ctx, const char *name, const void *data,
                                   size_t length, rung_model **out) {
  rg_tensors set;
  *out = NULL;
  RG_TRY(rg_tensors_read_memory(&set, ctx, name, data, length));
  rung_status status = load_set(ctx, name, &set, out);
  rg_tensors_free(&set);
  return status;
}

rung_status rung_model_load(rung_context *ctx, const char *path, rung_model **out) {
  rg_tensors set;
  *out = NULL;
  RG_TRY(rg_tensors_read(&set, ctx, path));
  rung_status status = load_set(ctx, path, &set, out);
  rg_tensors_free(&set);
  return status;
}
