/* Reads log.jsonl: one JSON object a line, of which "event" tells the kind. */
#include <string.h>

#include "study/log.h"

#define LOG_LIMIT ((size_t)512 << 20)

static bool same_key(rg_json a, rg_json b, const char *key) {
  double x = 0, y = 0;
  rg_json_number(rg_json_member(a, key), &x);
  rg_json_number(rg_json_member(b, key), &y);
  return !(x < y || x > y);
}

static double number_of(rg_json object, const char *key) {
  double value = 0;
  rg_json_number(rg_json_member(object, key), &value);
  return value;
}

static rung_status append(rung_context *ctx, rg_events *events, rg_json event) {
  if (events->count == events->capacity) {
    int capacity = events->capacity ? 2 * events->capacity : 16;
    rg_json *item = rg_realloc(ctx, events->item, (size_t)capacity, sizeof *item);
    if (!item) return RUNG_E_MEMORY;
    events->item = item;
    events->capacity = capacity;
  }
  events->item[events->count++] = event;
  return RUNG_OK;
}

/* A resumed run may tell an event twice: the later one counts. */
static rung_status keep(rung_context *ctx, rg_events *events, rg_json event) {
  for (int i = 0; i < events->count; i++) {
    rg_json old = events->item[i];
    if (same_key(old, event, "stage") && same_key(old, event, "input") &&
        same_key(old, event, "output")) {
      events->item[i] = event;
      return RUNG_OK;
    }
  }
  return append(ctx, events, event);
}

static rung_status take_line(rung_context *ctx, rg_run_log *log, const char *line, size_t length) {
  rg_json event;
  if (!rg_json_check(line, length, &event) || *event.text != '{') {
    log->unreadable++;
    return RUNG_OK;
  }
  rg_json kind = rg_json_member(event, "event");
  if (rg_json_is(kind, "start")) log->start = event;
  if (rg_json_is(kind, "result")) log->result = event;
  if (rg_json_is(kind, "stage")) return keep(ctx, &log->stage, event);
  if (rg_json_is(kind, "residual")) return keep(ctx, &log->residual, event);
  if (rg_json_is(kind, "spectrum")) return keep(ctx, &log->spectrum, event);
  if (rg_json_is(kind, "prediction")) return keep(ctx, &log->prediction, event);
  if (rg_json_is(kind, "plan")) return append(ctx, &log->plan, event);
  if (rg_json_is(kind, "epoch")) return append(ctx, &log->epoch, event);
  if (rg_json_is(kind, "stability")) return append(ctx, &log->stability, event);
  if (rg_json_is(kind, "restored")) return append(ctx, &log->restored, event);
  if (rg_json_is(kind, "score")) return append(ctx, &log->score, event);
  return RUNG_OK;
}

/* Stages are few and nearly in order: insertion. */
static void sort_stages(rg_events *events) {
  for (int i = 1; i < events->count; i++) {
    rg_json moved = events->item[i];
    int at = i;
    for (; at > 0 && number_of(events->item[at - 1], "stage") > number_of(moved, "stage"); at--)
      events->item[at] = events->item[at - 1];
    events->item[at] = moved;
  }
}

rung_status rg_run_log_read(rung_context *ctx, const char *path, rg_run_log *out) {
  *out = (rg_run_log){0};
  size_t length = 0;
  RG_TRY(rg_read_file(ctx, path, LOG_LIMIT, &out->text, &length));
  const char *end = out->text + length;
  for (const char *line = out->text; line < end;) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop) stop = end;
    if (stop > line) RG_TRY(take_line(ctx, out, line, (size_t)(stop - line)));
    line = stop + 1;
  }
  if (!out->start.length && !out->result.length && out->stage.count == 0)
    return rg_fail(
        ctx, RUNG_E_FORMAT,
        "%s: expected the log of a run (one JSON object a line), found none of its events", path);
  sort_stages(&out->stage);
  return RUNG_OK;
}

void rg_run_log_free(rung_context *ctx, rg_run_log *log) {
  rg_free(ctx, log->stage.item);
  rg_free(ctx, log->residual.item);
  rg_free(ctx, log->spectrum.item);
  rg_free(ctx, log->prediction.item);
  rg_free(ctx, log->plan.item);
  rg_free(ctx, log->epoch.item);
  rg_free(ctx, log->stability.item);
  rg_free(ctx, log->restored.item);
  rg_free(ctx, log->score.item);
  rg_free(ctx, log->text);
  *log = (rg_run_log){0};
}
