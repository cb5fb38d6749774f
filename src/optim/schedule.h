/* The learning rate as a pure function of the step; docs/training.md has the formulas. */
#ifndef RG_SCHEDULE_H
#define RG_SCHEDULE_H

#include "base/base.h"
#include "rung/train.h"

/* The settings of the schedule are sensible. */
rung_status rg_schedule_check(rung_context *ctx, const rung_training *training);

/* The library's own copy of a valid schedule's name. */
const char *rg_schedule_name(const char *name);

/* The rate of step `step` (0..steps-1), where `rate` is the highest. Beyond the last step it stays.
 */
double rg_schedule_rate(const rung_training *training, double rate, int64_t step, int64_t steps,
                        int64_t steps_of_epoch);

/* base^exponent by products in a fixed order. */
double rg_power(double base, int64_t exponent);

#endif
