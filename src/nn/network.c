/* Stages as graphs; see model.h for the formulas. */
#include "nn/network.h"

#include <string.h>

void rg_parameters_free(rg_parameters *p) {
  rg_free(p->ctx, p->list);
  p->list = NULL;
  p->count = p->capacity = 0;
}

/* An input node for numbers of the model. */
static rung_node parameter(rung_graph *g, rg_parameters *p, const char *name, int64_t rows,
                           int64_t columns, const double *value) {
  if (p->count == p->capacity) {
    int capacity = p->capacity ? 2 * p->capacity : 16;
    rg_parameter_entry *list = rg_realloc(g->ctx, p->list, (size_t)capacity, sizeof *list);
    if (!list) return RUNG_NONE;
    p->ctx = g->ctx;
    p->list = list;
    p->capacity = capacity;
  }
  rung_node node = rung_input(g, name, 2, (int64_t[]){rows, columns});
  p->list[p->count++] = (rg_parameter_entry){node, rows * columns, value};
  return node;
}

rung_node rg_scaled_inputs(rung_graph *g, rg_parameters *p, const rung_model *model, rung_node x) {
  rung_node columns = rung_transpose(g, x, (int[]){1, 0});
  rung_node centre = parameter(g, p, "centre", model->inputs, 1, model->centre);
  rung_node scale = parameter(g, p, "scale", model->inputs, 1, model->scale);
  return rung_mul(g, rung_sub(g, columns, centre), scale);
}

rung_node rg_stage_features(rung_graph *g, rg_parameters *p, const rg_stage *stage, rung_node s) {
  rung_node h = s;
  for (int l = 0; l < stage->layer_count; l++) {
    const rg_layer *layer = &stage->layer[l];
    rung_node weight = parameter(g, p, "weight", layer->width, layer->inputs, layer->weight);
    rung_node bias = parameter(g, p, "bias", layer->width, 1, layer->bias);
    rung_node z = rung_add(g, rung_matmul(g, weight, h, 0, 0, RUNG_WORKING), bias);
    h = layer->activation == RG_TANH ? rung_tanh(g, z) : rung_sin(g, z);
  }
  return h;
}

static rung_node stage_outputs(rung_graph *g, rg_parameters *p, const rung_model *model,
                               const rg_stage *stage, rung_node s) {
  int64_t width = stage->layer[stage->layer_count - 1].width, outputs = model->outputs;
  rung_node h = rg_stage_features(g, p, stage, s);
  rung_node head = parameter(g, p, "head", outputs, width, stage->head);
  rung_node u = rung_matmul(g, head, h, 0, 0, RUNG_COMPENSATED);
  if (stage->has_skip) {
    rung_node skip = parameter(g, p, "skip", outputs, model->inputs, stage->skip);
    u = rung_add(g, u, rung_matmul(g, skip, s, 0, 0, RUNG_COMPENSATED));
  }
  return rung_add(g, u, parameter(g, p, "head bias", outputs, 1, stage->bias));
}

rung_node rg_model_outputs(rung_graph *g, rg_parameters *p, const rung_model *model, rung_node s) {
  rung_shape shape = rung_node_shape(g, s);
  if (shape.rank < 0) return RUNG_NONE;
  rung_node sum = RUNG_NONE;
  for (int k = model->stage_count - 1; k >= 0; k--) { /* small to large */
    const rg_stage *stage = &model->stage[k];
    rung_node u = stage_outputs(g, p, model, stage, s);
    rung_node term = rung_mul(g, u, parameter(g, p, "eps", model->outputs, 1, stage->eps));
    if (term == RUNG_NONE) return RUNG_NONE;
    sum = sum == RUNG_NONE ? term : rung_add(g, sum, term);
  }
  if (sum != RUNG_NONE) return sum;
  return rung_broadcast(g, rung_constant(g, 0), 2, (int64_t[]){model->outputs, shape.dim[1]});
}

void rg_store(rung_dtype dtype, void *out, int64_t index, rung_dd value) {
  if (dtype == RUNG_F32)
    ((float *)out)[index] = (float)value.hi;
  else if (dtype == RUNG_F64)
    ((double *)out)[index] = value.hi;
  else
    ((rung_dd *)out)[index] = value;
}

rung_dd rg_fetch(rung_dtype dtype, const void *array, int64_t index) {
  if (dtype == RUNG_F32) return (rung_dd){(double)((const float *)array)[index], 0};
  if (dtype == RUNG_F64) return (rung_dd){((const double *)array)[index], 0};
  return ((const rung_dd *)array)[index];
}

rung_status rg_parameters_load(const rg_parameters *p, rung_context *ctx, rung_dtype dtype,
                               void **memory, const void **array, size_t *bytes) {
  size_t size = rung_dtype_size(dtype), total = 0;
  for (int i = 0; i < p->count; i++)
    total += ((size_t)p->list[i].count * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  char *at = *memory = rg_alloc(ctx, total, 1);
  if (!at) return RUNG_E_MEMORY;
  for (int i = 0; i < p->count; i++) {
    array[i] = at;
    for (int64_t j = 0; j < p->list[i].count; j++)
      rg_store(dtype, at, j, (rung_dd){p->list[i].value[j], 0});
    at += ((size_t)p->list[i].count * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  }
  *bytes = total;
  return RUNG_OK;
}
