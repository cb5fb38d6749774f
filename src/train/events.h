/* Lines of a run's log: one JSON object an event. docs/runs.md describes them. */
#ifndef RG_EVENTS_H
#define RG_EVENTS_H

#include "rung/run.h"
#include "train/train.h"

/* What is asked for, and the data's names. */
void rg_event_start(rg_text *out, const rung_recipe *recipe, const rung_problem *problem);
/* `timed`: this run has trained it. */
void rg_event_stage(rg_text *out, int stage, const rung_stage_info *info, bool timed);
/* Residual along each input, its spectrum, and predictions, of the model so far, whose last stage
 * has number `stage`. */
rung_status rg_event_model(rg_text *out, rg_fit *f, int stage);
void rg_event_result(rg_text *out, const rung_model *model, const rung_fit_result *result);

#endif
