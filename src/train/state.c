/* The state of a run as a safetensors file; docs/runs.md describes it. */
#include "train/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/safetensors.h"

#define FORMAT "rung-state"
#define VERSION "1"

void rg_state_free(rung_context *ctx, rg_state *state) {
  (void)ctx;
  rung_model_destroy(state->model);
  rg_text_free(&state->events);
  *state = (rg_state){0};
}

/* ---- numbers by name ---- */

typedef struct number {
  const char *name;
  double *real;
  size_t *size;
} number;

#define NUMBERS 12

static void list_numbers(rg_state *s, number out[NUMBERS]) {
  const number list[NUMBERS] = {{"freedom", &s->carried.freedom, NULL},
                                {"heldout_error", &s->carried.heldout_error, NULL},
                                {"seconds", &s->carried.seconds, NULL},
                                {"planned", NULL, &s->carried.planned},
                                {"refused", NULL, &s->carried.refused},
                                {"held", NULL, &s->carried.held},
                                {"result.training_error", &s->result.training_error, NULL},
                                {"result.heldout_error", &s->result.heldout_error, NULL},
                                {"result.max_error", &s->result.max_error, NULL},
                                {"result.noise", &s->result.noise, NULL},
                                {"result.seconds", &s->result.seconds, NULL},
                                {"result.planned_bytes", NULL, &s->result.planned_bytes}};
  memcpy(out, list, sizeof list);
}

/* ---- writing ---- */

static rung_status put_hash(rg_tensors *set, const char *key, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%016" PRIx64, value);
  return rg_tensors_add_text(set, key, text);
}

static rung_status put_bytes(rg_tensors *set, const char *name, const void *data, size_t length) {
  int64_t count = (int64_t)length;
  return rg_tensors_add(set, name, RG_TENSOR_U8, 1, &count, length ? data : "");
}

static rung_status put_model(rg_tensors *set, const rung_model *model) {
  void *bytes;
  size_t length;
  RG_TRY(rung_model_save_memory(model, set->ctx, &bytes, &length));
  rung_status status = put_bytes(set, "model", bytes, length);
  rg_free(set->ctx, bytes);
  return status;
}

static rung_status put_state(rg_tensors *set, rg_state *s) {
  number list[NUMBERS];
  RG_TRY(rg_tensors_add_text(set, "format", FORMAT));
  RG_TRY(rg_tensors_add_text(set, "version", VERSION));
  RG_TRY(rg_tensors_add_text(set, "finished", s->finished ? "yes" : "no"));
  RG_TRY(put_hash(set, "recipe", s->recipe));
  RG_TRY(put_hash(set, "data", s->data));
  list_numbers(s, list);
  for (int i = 0; i < NUMBERS; i++) {
    if (list[i].real)
      RG_TRY(rg_tensors_add_f64(set, list[i].name, *list[i].real));
    else
      RG_TRY(rg_tensors_add_i64(set, list[i].name, (int64_t)*list[i].size));
  }
  RG_TRY(rg_tensors_add_i64(set, "result.peak_bytes", (int64_t)s->result.peak_bytes));
  RG_TRY(rg_tensors_add_i64(set, "result.stop", s->result.stop));
  RG_TRY(rg_tensors_add_i64(set, "replaced", s->carried.replaced));
  RG_TRY(rg_tensors_add_i64(set, "log_length", s->log_length));
  RG_TRY(put_bytes(set, "events", s->events.data, s->events.length));
  return s->model ? put_model(set, s->model) : RUNG_OK;
}

rung_status rg_state_write(rung_context *ctx, const char *path, const rg_state *state) {
  rg_tensors set;
  rg_state copy = *state; /* its numbers are reached by pointers that may write */
  rg_tensors_init(&set, ctx);
  rung_status status = put_state(&set, &copy);
  if (status == RUNG_OK) status = rg_tensors_write(&set, path);
  rg_tensors_free(&set);
  return status;
}

/* ---- reading ---- */

static rung_status bad(const rg_tensors *set, const char *what) {
  return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: expected the state of a run; %s is wrong", set->name,
                 what);
}

static rung_status take_hash(const rg_tensors *set, const char *key, uint64_t *out) {
  const char *text;
  int used = 0;
  RG_TRY(rg_tensors_get_text(set, key, &text));
  if (sscanf(text, "%16" SCNx64 "%n", out, &used) != 1 || text[used]) return bad(set, key);
  return RUNG_OK;
}

static rung_status take_size(const rg_tensors *set, const char *name, size_t *out) {
  int64_t value;
  RG_TRY(rg_tensors_get_i64(set, name, &value));
  if (value < 0) return bad(set, name);
  *out = (size_t)value;
  return RUNG_OK;
}

static rung_status take_numbers(const rg_tensors *set, rg_state *s) {
  number list[NUMBERS];
  size_t replaced, length, stop;
  list_numbers(s, list);
  for (int i = 0; i < NUMBERS; i++) {
    if (list[i].real)
      RG_TRY(rg_tensors_get_f64(set, list[i].name, list[i].real));
    else
      RG_TRY(take_size(set, list[i].name, list[i].size));
  }
  RG_TRY(take_size(set, "result.peak_bytes", &s->result.peak_bytes));
  RG_TRY(take_size(set, "result.stop", &stop));
  RG_TRY(take_size(set, "replaced", &replaced));
  RG_TRY(take_size(set, "log_length", &length));
  if (stop > RUNG_STOP_CANCELLED) return bad(set, "result.stop");
  s->result.stop = (rung_stop)stop;
  s->carried.replaced = replaced != 0;
  s->log_length = (int64_t)length;
  return RUNG_OK;
}

static rung_status take_state(const rg_tensors *set, rg_state *s) {
  const char *text;
  const rg_tensor *events, *model;
  const char *format = rg_tensors_text(set, "format");
  if (!format || strcmp(format, FORMAT) != 0) return bad(set, "\"format\" in its metadata");
  RG_TRY(rg_tensors_get_text(set, "version", &text));
  if (strcmp(text, VERSION) != 0)
    return rg_fail(set->ctx, RUNG_E_UNSUPPORTED,
                   "%s: state version %.20s, but this library (%s) reads version " VERSION,
                   set->name, text, rung_version());
  RG_TRY(rg_tensors_get_text(set, "finished", &text));
  s->finished = strcmp(text, "yes") == 0;
  RG_TRY(take_hash(set, "recipe", &s->recipe));
  RG_TRY(take_hash(set, "data", &s->data));
  RG_TRY(take_numbers(set, s));
  RG_TRY(rg_tensors_get(set, "events", RG_TENSOR_U8, 1, (int64_t[]){-1}, &events));
  rg_text_add_n(&s->events, events->data, events->bytes);
  RG_TRY(rg_text_status(&s->events));
  if (!rg_tensors_find(set, "model")) return RUNG_OK;
  RG_TRY(rg_tensors_get(set, "model", RG_TENSOR_U8, 1, (int64_t[]){-1}, &model));
  return rung_model_load_memory(set->ctx, set->name, model->data, model->bytes, &s->model);
}

rung_status rg_state_read(rung_context *ctx, const char *path, rg_state *out) {
  rg_tensors set;
  *out = (rg_state){0};
  rg_text_init(&out->events, ctx);
  rung_status status = rg_tensors_read(&set, ctx, path);
  if (status == RUNG_OK) status = take_state(&set, out);
  rg_tensors_free(&set);
  if (status != RUNG_OK) rg_state_free(ctx, out);
  return status;
}
