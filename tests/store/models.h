/* Models with random weights, of every kind. */
#ifndef RG_TEST_MODELS_H
#define RG_TEST_MODELS_H

#include "test.h"

#include <math.h>

#include "nn/model.h"

typedef struct model_kind {
  rung_dtype dtype;
  int inputs, outputs, stages, layers;
  rg_activation first; /* of the first layer; later layers are tanh */
  bool skip;
} model_kind;

/* Doubles, rounded to floats where the model is in single. */
static inline void fill_random(double *out, int64_t count, double spread, rung_dtype dtype,
                               uint64_t seed, uint64_t purpose) {
  for (int64_t i = 0; i < count; i++) {
    double value = spread * rg_normal(seed, purpose, (uint64_t)i);
    out[i] = dtype == RUNG_F32 ? (double)(float)value : value;
  }
}

static inline rg_stage *random_stage(rung_context *ctx, const model_kind *kind, int k,
                                     uint64_t seed) {
  int64_t width[8];
  rg_activation activation[8];
  for (int l = 0; l < kind->layers; l++) {
    width[l] = 5 + 3 * k + 2 * l;
    activation[l] = l == 0 ? kind->first : RG_TANH;
  }
  rg_stage *s;
  assert_ok(ctx, rg_stage_create(ctx, kind->inputs, kind->outputs, kind->layers, width, activation,
                                 kind->skip, &s));
  uint64_t purpose = (uint64_t)(100 * k + 10);
  for (int l = 0; l < kind->layers; l++) {
    rg_layer *layer = &s->layer[l];
    double spread = l == 0 ? 2 << (2 * k) : 1 / sqrt((double)layer->inputs);
    fill_random(layer->weight, layer->width * layer->inputs, spread, kind->dtype, seed, purpose++);
    fill_random(layer->bias, layer->width, 1, kind->dtype, seed, purpose++);
  }
  fill_random(s->head, kind->outputs * width[kind->layers - 1], 1, kind->dtype, seed, purpose++);
  if (kind->skip)
    fill_random(s->skip, kind->outputs * kind->inputs, 1, kind->dtype, seed, purpose++);
  fill_random(s->bias, kind->outputs, 1, kind->dtype, seed, purpose++);
  for (int o = 0; o < kind->outputs; o++) s->eps[o] = ldexp(1, -9 * k - o);
  s->frequency = 2.5 * (k + 1);
  s->training_error = pow(10, -4 * k - 3.3);
  s->heldout_error = k == 2 ? NAN : 2 * s->training_error;
  s->points = 1000 + k;
  return s;
}

static inline rung_model *random_model(rung_context *ctx, const model_kind *kind, uint64_t seed) {
  rung_model *m;
  assert_ok(ctx, rg_model_create(ctx, kind->dtype, kind->inputs, kind->outputs, NULL, NULL, &m));
  fill_random(m->centre, kind->inputs, 0.3, kind->dtype, seed, 1);
  for (int i = 0; i < kind->inputs; i++) {
    m->scale[i] = ldexp(1, i - 1);
    m->low[i] = m->centre[i] - 1.1 / m->scale[i];
    m->high[i] = m->centre[i] + 1.1 / m->scale[i];
  }
  m->noise = 0.001;
  for (int k = 0; k < kind->stages; k++)
    assert_ok(ctx, rg_model_append_stage(m, ctx, random_stage(ctx, kind, k, seed)));
  return m;
}

#endif
