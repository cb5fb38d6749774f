/* Models as data: made, copied, released, asked for what they hold. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/model.h"

const char *rg_activation_name(rg_activation activation) {
  return activation == RG_SIN ? "sin" : "tanh";
}

/* ---- stages ---- */

static void release_stage(rung_context *ctx, rg_stage *stage) {
  for (int l = 0; stage->layer && l < stage->layer_count; l++) {
    rg_free(ctx, stage->layer[l].weight);
    rg_free(ctx, stage->layer[l].bias);
  }
  rg_free(ctx, stage->layer);
  rg_free(ctx, stage->head);
  rg_free(ctx, stage->skip);
  rg_free(ctx, stage->bias);
  rg_free(ctx, stage->eps);
}

void rg_stage_destroy(rung_context *ctx, rg_stage *stage) {
  if (!stage) return;
  release_stage(ctx, stage);
  rg_free(ctx, stage);
}

static bool make_layer(rung_context *ctx, rg_layer *layer) {
  layer->weight = rg_calloc(ctx, (size_t)(layer->width * layer->inputs), sizeof(double));
  layer->bias = layer->weight ? rg_calloc(ctx, (size_t)layer->width, sizeof(double)) : NULL;
  return layer->bias != NULL;
}

/* Fills a zeroed stage; what was made before a failure stays in it. */
static rung_status fill_stage(rung_context *ctx, int inputs, int outputs, int layers,
                              const int64_t *width, const rg_activation *activation, bool has_skip,
                              rg_stage *stage) {
  size_t no = (size_t)outputs;
  stage->layer = rg_calloc(ctx, (size_t)layers, sizeof *stage->layer);
  if (!stage->layer) return RUNG_E_MEMORY;
  stage->layer_count = layers;
  for (int l = 0; l < layers; l++) {
    rg_layer *layer = &stage->layer[l];
    layer->activation = activation[l];
    layer->width = width[l];
    layer->inputs = l == 0 ? inputs : width[l - 1];
    if (!make_layer(ctx, layer)) return RUNG_E_MEMORY;
  }
  stage->has_skip = has_skip;
  if (!(stage->head = rg_calloc(ctx, no * (size_t)width[layers - 1], sizeof(double))) ||
      (has_skip && !(stage->skip = rg_calloc(ctx, no * (size_t)inputs, sizeof(double)))) ||
      !(stage->bias = rg_calloc(ctx, no, sizeof(double))) ||
      !(stage->eps = rg_calloc(ctx, no, sizeof(double))))
    return RUNG_E_MEMORY;
  for (int o = 0; o < outputs; o++) stage->eps[o] = 1;
  return RUNG_OK;
}

rung_status rg_stage_create(rung_context *ctx, int inputs, int outputs, int layers,
                            const int64_t *width, const rg_activation *activation, bool has_skip,
                            rg_stage **out) {
  *out = NULL;
  if (layers < 1 || layers > RG_MODEL_MAX_LAYERS)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "a stage has 1 to %d hidden layers, asked for %d",
                   RG_MODEL_MAX_LAYERS, layers);
  for (int l = 0; l < layers; l++)
    if (width[l] < 1 || width[l] > RG_MODEL_MAX_WIDTH)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "layer %d: expected a width of 1 to %d, found %lld", l,
                     RG_MODEL_MAX_WIDTH, (long long)width[l]);
  rg_stage *stage = rg_calloc(ctx, 1, sizeof *stage);
  if (!stage) return RUNG_E_MEMORY;
  rung_status status = fill_stage(ctx, inputs, outputs, layers, width, activation, has_skip, stage);
  if (status == RUNG_OK)
    *out = stage;
  else
    rg_stage_destroy(ctx, stage);
  return status;
}

/* ---- models ---- */

static rung_status copy_names(rung_context *ctx, int count, const char *const *names, char letter,
                              char ***out) {
  char **copy = *out = rg_calloc(ctx, (size_t)count, sizeof *copy);
  if (!copy) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++) {
    char made[32];
    snprintf(made, sizeof made, "%c%d", letter, i + 1);
    if (!(copy[i] = rg_strdup(ctx, names ? names[i] : made))) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

static rung_status fill_model(rung_model *model, const char *const *input_names,
                              const char *const *output_names) {
  rung_context *ctx = model->ctx;
  size_t ni = (size_t)model->inputs;
  RG_TRY(copy_names(ctx, model->inputs, input_names, 'x', &model->input_name));
  RG_TRY(copy_names(ctx, model->outputs, output_names, 'y', &model->output_name));
  if (!(model->centre = rg_calloc(ctx, ni, sizeof(double))) ||
      !(model->scale = rg_calloc(ctx, ni, sizeof(double))) ||
      !(model->low = rg_calloc(ctx, ni, sizeof(double))) ||
      !(model->high = rg_calloc(ctx, ni, sizeof(double))))
    return RUNG_E_MEMORY;
  for (size_t i = 0; i < ni; i++) model->scale[i] = model->high[i] = 1;
  return RUNG_OK;
}

rung_status rg_model_create(rung_context *ctx, rung_dtype dtype, int inputs, int outputs,
                            const char *const *input_names, const char *const *output_names,
                            rung_model **out) {
  *out = NULL;
  if (inputs < 1 || outputs < 1 || inputs > RG_MODEL_MAX_COLUMNS || outputs > RG_MODEL_MAX_COLUMNS)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "a model has 1 to %d inputs and outputs, asked for %d inputs and %d outputs",
                   RG_MODEL_MAX_COLUMNS, inputs, outputs);
  rung_model *model = rg_calloc(ctx, 1, sizeof *model);
  if (!model) return RUNG_E_MEMORY;
  model->ctx = ctx;
  model->dtype = dtype;
  model->inputs = inputs;
  model->outputs = outputs;
  rung_status status = fill_model(model, input_names, output_names);
  if (status == RUNG_OK)
    *out = model;
  else
    rung_model_destroy(model);
  return status;
}

static void free_names(rung_context *ctx, char **names, int count) {
  for (int i = 0; names && i < count; i++) rg_free(ctx, names[i]);
  rg_free(ctx, names);
}

void rung_model_destroy(rung_model *model) {
  if (!model) return;
  rung_context *ctx = model->ctx;
  free_names(ctx, model->input_name, model->inputs);
  free_names(ctx, model->output_name, model->outputs);
  rg_free(ctx, model->centre);
  rg_free(ctx, model->scale);
  rg_free(ctx, model->low);
  rg_free(ctx, model->high);
  for (int k = 0; k < model->stage_count; k++) release_stage(ctx, &model->stage[k]);
  rg_free(ctx, model->stage);
  rg_free(ctx, model->made_by);
  rg_free(ctx, model);
}

rung_status rg_model_append_stage(rung_model *model, rung_context *ctx, rg_stage *stage) {
  (void)ctx; /* the model's; errors are recorded there */
  size_t count = (size_t)model->stage_count;
  rg_stage *grown = rg_alloc(model->ctx, count + 1, sizeof *grown);
  if (!grown) {
    rg_stage_destroy(model->ctx, stage);
    return RUNG_E_MEMORY;
  }
  if (count) memcpy(grown, model->stage, count * sizeof *grown);
  grown[count] = *stage;
  rg_free(model->ctx, stage);
  rg_free(model->ctx, model->stage);
  model->stage = grown;
  model->stage_count++;
  return RUNG_OK;
}

static rung_status check_index(const rung_model *model, rung_context *ctx, int stage) {
  if (stage >= 0 && stage < model->stage_count) return RUNG_OK;
  if (model->stage_count == 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "stage %d: the model has no stages", stage);
  return rg_fail(ctx, RUNG_E_ARGUMENT, "stage %d: the model has stages 0 to %d", stage,
                 model->stage_count - 1);
}

rung_status rg_model_replace_stage(rung_model *model, rung_context *ctx, int index,
                                   rg_stage *stage) {
  rung_status status = check_index(model, ctx, index);
  if (status != RUNG_OK) {
    rg_stage_destroy(model->ctx, stage);
    return status;
  }
  release_stage(model->ctx, &model->stage[index]);
  model->stage[index] = *stage;
  rg_free(model->ctx, stage);
  return RUNG_OK;
}

rung_status rung_model_drop_stage(rung_model *model, rung_context *ctx, int stage) {
  RG_TRY(check_index(model, ctx, stage));
  release_stage(model->ctx, &model->stage[stage]);
  memmove(model->stage + stage, model->stage + stage + 1,
          (size_t)(model->stage_count - stage - 1) * sizeof *model->stage);
  model->stage_count--;
  return RUNG_OK;
}

/* ---- copies ---- */

static void copy_numbers(double *to, const double *from, int64_t count) {
  memcpy(to, from, (size_t)count * sizeof *to);
}

static rung_status copy_stage(const rung_model *model, const rg_stage *stage, rung_model *to) {
  int layers = stage->layer_count;
  int64_t width[RG_MODEL_MAX_LAYERS] = {0};
  rg_activation activation[RG_MODEL_MAX_LAYERS] = {RG_TANH};
  for (int l = 0; l < layers; l++) {
    width[l] = stage->layer[l].width;
    activation[l] = stage->layer[l].activation;
  }
  rg_stage *copy;
  RG_TRY(rg_stage_create(to->ctx, model->inputs, model->outputs, layers, width, activation,
                         stage->has_skip, &copy));
  for (int l = 0; l < layers; l++) {
    const rg_layer *layer = &stage->layer[l];
    copy_numbers(copy->layer[l].weight, layer->weight, layer->width * layer->inputs);
    copy_numbers(copy->layer[l].bias, layer->bias, layer->width);
  }
  copy_numbers(copy->head, stage->head, model->outputs * width[layers - 1]);
  if (stage->has_skip)
    copy_numbers(copy->skip, stage->skip, (int64_t)model->outputs * model->inputs);
  copy_numbers(copy->bias, stage->bias, model->outputs);
  copy_numbers(copy->eps, stage->eps, model->outputs);
  copy->frequency = stage->frequency;
  copy->training_error = stage->training_error;
  copy->heldout_error = stage->heldout_error;
  copy->seconds = stage->seconds;
  copy->points = stage->points;
  return rg_model_append_stage(to, to->ctx, copy);
}

static rung_status copy_rest(const rung_model *model, rung_model *to) {
  copy_numbers(to->centre, model->centre, model->inputs);
  copy_numbers(to->scale, model->scale, model->inputs);
  copy_numbers(to->low, model->low, model->inputs);
  copy_numbers(to->high, model->high, model->inputs);
  to->noise = model->noise;
  if (model->made_by && !(to->made_by = rg_strdup(to->ctx, model->made_by))) return RUNG_E_MEMORY;
  for (int k = 0; k < model->stage_count; k++) RG_TRY(copy_stage(model, &model->stage[k], to));
  return RUNG_OK;
}

rung_status rung_model_copy(const rung_model *model, rung_context *ctx, rung_model **out) {
  rung_model *copy;
  *out = NULL;
  RG_TRY(rg_model_create(ctx, model->dtype, model->inputs, model->outputs,
                         (const char *const *)model->input_name,
                         (const char *const *)model->output_name, &copy));
  rung_status status = copy_rest(model, copy);
  if (status == RUNG_OK)
    *out = copy;
  else
    rung_model_destroy(copy);
  return status;
}

/* ---- what a model holds ---- */

rung_dtype rung_model_dtype(const rung_model *model) {
  return model->dtype;
}

int rung_model_inputs(const rung_model *model) {
  return model->inputs;
}

int rung_model_outputs(const rung_model *model) {
  return model->outputs;
}

const char *rung_model_input_name(const rung_model *model, int input) {
  return input >= 0 && input < model->inputs ? model->input_name[input] : NULL;
}

const char *rung_model_output_name(const rung_model *model, int output) {
  return output >= 0 && output < model->outputs ? model->output_name[output] : NULL;
}

int rung_model_stages(const rung_model *model) {
  return model->stage_count;
}

int64_t rg_stage_parameters(const rung_model *model, const rg_stage *stage) {
  int64_t count = 0;
  for (int l = 0; l < stage->layer_count; l++)
    count += stage->layer[l].width * (stage->layer[l].inputs + 1);
  int64_t features = stage->layer[stage->layer_count - 1].width;
  return count + model->outputs * (features + (stage->has_skip ? model->inputs : 0) + 1);
}

int64_t rung_model_parameters(const rung_model *model) {
  int64_t count = 0;
  for (int k = 0; k < model->stage_count; k++)
    count += rg_stage_parameters(model, &model->stage[k]);
  return count;
}

double rung_model_noise(const rung_model *model) {
  return model->noise;
}

void rung_model_range(const rung_model *model, int input, double *low, double *high) {
  bool inside = input >= 0 && input < model->inputs;
  *low = inside ? model->low[input] : NAN;
  *high = inside ? model->high[input] : NAN;
}

rung_status rung_model_stage(const rung_model *model, rung_context *ctx, int stage,
                             rung_stage_info *out) {
  RG_TRY(check_index(model, ctx, stage));
  const rg_stage *s = &model->stage[stage];
  double eps = 0;
  for (int o = 0; o < model->outputs; o++) eps = fmax(eps, fabs(s->eps[o]));
  *out = (rung_stage_info){
      .width = (int)s->layer[s->layer_count - 1].width,
      .layers = s->layer_count,
      .activation = rg_activation_name(s->layer[0].activation),
      .frequency = s->frequency,
      .eps = eps,
      .training_error = s->training_error,
      .heldout_error = s->heldout_error,
      .parameters = rg_stage_parameters(model, s),
      .points = s->points,
      .seconds = s->seconds,
  };
  return RUNG_OK;
}

/* ---- checks ---- */

typedef struct checker {
  const rung_model *model;
  rung_context *ctx;
  const char *name;
} checker;

static rung_status check_numbers(const checker *c, int stage, int layer, const char *what,
                                 const double *value, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    bool is_float = (double)(float)value[i] == value[i];
    if (isfinite(value[i]) && (c->model->dtype != RUNG_F32 || is_float)) continue;
    char where[64] = "";
    if (stage >= 0) snprintf(where, sizeof where, "stage.%d.", stage);
    size_t used = strlen(where);
    if (layer >= 0) snprintf(where + used, sizeof where - used, "layer.%d.", layer);
    return rg_fail(c->ctx, RUNG_E_FORMAT,
                   "%s: %s%s: expected %s numbers, found %.17g at index %lld", c->name, where, what,
                   isfinite(value[i]) ? "single-precision" : "finite", value[i], (long long)i);
  }
  return RUNG_OK;
}

static rung_status check_stage(const checker *c, int k) {
  const rg_stage *stage = &c->model->stage[k];
  int64_t inputs = c->model->inputs, outputs = c->model->outputs;
  for (int l = 0; l < stage->layer_count; l++) {
    const rg_layer *layer = &stage->layer[l];
    RG_TRY(check_numbers(c, k, l, "weight", layer->weight, layer->width * layer->inputs));
    RG_TRY(check_numbers(c, k, l, "bias", layer->bias, layer->width));
  }
  int64_t features = stage->layer[stage->layer_count - 1].width;
  RG_TRY(check_numbers(c, k, -1, "head", stage->head, outputs * features));
  if (stage->has_skip) RG_TRY(check_numbers(c, k, -1, "skip", stage->skip, outputs * inputs));
  RG_TRY(check_numbers(c, k, -1, "bias", stage->bias, outputs));
  return check_numbers(c, k, -1, "eps", stage->eps, outputs);
}

rung_status rg_model_check(const rung_model *model, rung_context *ctx, const char *name) {
  checker c = {model, ctx, name};
  RG_TRY(check_numbers(&c, -1, -1, "centre", model->centre, model->inputs));
  RG_TRY(check_numbers(&c, -1, -1, "scale", model->scale, model->inputs));
  for (int k = 0; k < model->stage_count; k++) RG_TRY(check_stage(&c, k));
  return RUNG_OK;
}
