/* Stability seen and steered: after each epoch the layers of stages are measured at a few samples,
 * told of, and, where the recipe says so, brought back inside their bound. docs/stability.md */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rung/stability.h"
#include "train/job.h"

#define SAMPLES 4
#define ARNOLDI_STEPS 16

/* A few samples, the same each time. The training batches are set back by who goes on with them. */
static rung_status take_samples(rg_job *j, rung_batch *out) {
  rung_batches *from = j->check ? j->check : j->batches;
  RG_TRY(rung_batches_seek(from, 0, 0));
  RG_TRY(rung_batches_next(from, out));
  if (out->count > SAMPLES) out->count = SAMPLES;
  return RUNG_OK;
}

static void add_list(rg_text *out, const char *name, int64_t count, const double *first,
                     size_t stride) {
  rg_text_printf(out, ",\"%s\":[", name);
  for (int64_t i = 0; i < count; i++) {
    double value = *(const double *)((const char *)first + (size_t)i * stride);
    if (i) rg_text_add(out, ",");
    if (isfinite(value))
      rg_text_printf(out, "%.7g", value);
    else
      rg_text_add(out, "null");
  }
  rg_text_add(out, "]");
}

static void add_event(rg_job *j, const rung_layer_stability *layer, int64_t count,
                      int64_t projected) {
  rg_text *out = &j->events;
  const rg_pass_seen *seen = rg_pass_observed(j->trainer->pass);
  size_t size = sizeof *layer;
  rg_text_printf(out, "{\"event\":\"stability\",\"epoch\":%.0f,\"stage\":[", j->standing.epoch);
  for (int64_t i = 0; i < count; i++) rg_text_printf(out, "%s%d", i ? "," : "", layer[i].stage);
  rg_text_add(out, "]");
  add_list(out, "growth", count, &layer->growth, size);
  add_list(out, "rate", count, &layer->rate, size);
  add_list(out, "bound", count, &layer->bound, size);
  add_list(out, "would", count, &layer->would, size);
  add_list(out, "state", count, &layer->state, size);
  if (seen) { /* of all layers, by the last step */
    int64_t all = rg_pass_layers(j->trainer->pass);
    add_list(out, "states", all, seen->state, sizeof *seen->state);
    add_list(out, "gradients", all, seen->cotangent, sizeof *seen->cotangent);
  }
  rg_text_printf(out, ",\"projected\":%lld}\n", (long long)projected);
}

static void tell_worst(rg_job *j, const rung_layer_stability *layer, int64_t count,
                       int64_t projected) {
  const rung_layer_stability *worst = layer;
  char note[300];
  for (int64_t i = 1; i < count; i++)
    if (layer[i].bound > worst->bound) worst = &layer[i];
  if (!(worst->bound > 1)) return;
  int used = snprintf(note, sizeof note,
                      "epoch %.0f: stage %d, layer %lld is unstable: its bound is %.3g, above 1; a "
                      "step size of %.3g would do, in place of %.3g",
                      j->standing.epoch, worst->stage, (long long)worst->layer, worst->bound,
                      worst->would, worst->step);
  if (projected && used > 0 && (size_t)used < sizeof note)
    snprintf(note + used, sizeof note - (size_t)used, ". %lld layers were scaled down to it",
             (long long)projected);
  rg_job_tell(j, "training", note, NULL);
}

static rung_status look(rg_job *j, rung_layer_stability *layer, int64_t count) {
  rung_batch batch;
  int64_t projected = 0;
  RG_TRY(take_samples(j, &batch));
  RG_TRY(rung_stability_measure(j->network, j->ctx, batch.count, batch.x, ARNOLDI_STEPS, layer));
  if (strcmp(j->stability, "project") == 0)
    RG_TRY(rung_stability_project(j->network, j->ctx, batch.count, batch.x, ARNOLDI_STEPS,
                                  &projected));
  add_event(j, layer, count, projected);
  tell_worst(j, layer, count, projected);
  return RUNG_OK;
}

/* What looking takes, for the plan. */
rung_status rg_job_try_stability(rg_job *j) {
  rung_batch batch;
  int64_t count = rung_stability_layers(j->network);
  if (strcmp(j->stability, "off") == 0 || count == 0) return RUNG_OK;
  rung_layer_stability *layer = rg_alloc(j->ctx, (size_t)count, sizeof *layer);
  if (!layer) return RUNG_E_MEMORY;
  rung_status status = take_samples(j, &batch);
  if (status == RUNG_OK)
    status = rung_stability_measure(j->network, j->ctx, batch.count, batch.x, ARNOLDI_STEPS, layer);
  rg_free(j->ctx, layer);
  return status;
}

rung_status rg_job_stability(rg_job *j) {
  int64_t count = rung_stability_layers(j->network);
  if (strcmp(j->stability, "off") == 0 || count == 0) return RUNG_OK;
  rung_layer_stability *layer = rg_alloc(j->ctx, (size_t)count, sizeof *layer);
  if (!layer) return RUNG_E_MEMORY;
  rung_status status = look(j, layer, count);
  rg_free(j->ctx, layer);
  return status;
}
