/* What a run's log.jsonl tells: the events of a run, found and sorted, left where they lie. */
#ifndef RG_LOG_H
#define RG_LOG_H

#include "study/json.h"

/* Events of one kind, in the order of the log; of several with the same keys the last stays. */
typedef struct rg_events {
  rg_json *item;
  int count, capacity;
} rg_events;

typedef struct rg_run_log {
  char *text;            /* the file, which the spans below point into */
  rg_json start, result; /* no value where the log has none */
  rg_events stage;       /* by "stage", sorted */
  rg_events residual;    /* by "stage" and "input" */
  rg_events spectrum;    /* by "stage" */
  rg_events prediction;  /* by "output" */
  rg_events plan, epoch, stability, restored, score; /* of trainings, as they come */
  int64_t unreadable; /* lines that are not a JSON object: cut short by a killed run */
} rg_run_log;

/* Reads a log. Fails where the file cannot be read or holds no event at all. Release it with
 * rg_run_log_free, also after a failure. */
rung_status rg_run_log_read(rung_context *ctx, const char *path, rg_run_log *out);
void rg_run_log_free(rung_context *ctx, rg_run_log *log);

#endif
