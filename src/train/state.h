/* The state of a run: all that is needed to go on after the last kept stage, in one file. */
#ifndef RG_STATE_H
#define RG_STATE_H

#include "train/train.h"

typedef struct rg_state {
  bool finished;         /* nothing is left to do; `result` holds, the rest is empty */
  uint64_t recipe, data; /* hashes of what the run was started with */
  rung_model *model;     /* the stages kept so far; NULL: none in this run */
  rg_carried carried;
  int64_t log_length; /* bytes of the log before `events` */
  rg_text events;     /* lines of the log that belong to the last kept stage */
  rung_fit_result result;
} rg_state;

void rg_state_free(rung_context *ctx, rg_state *state);
rung_status rg_state_write(rung_context *ctx, const char *path, const rg_state *state);
/* Leaves the state empty where this fails. */
rung_status rg_state_read(rung_context *ctx, const char *path, rg_state *out);

#endif
