/* The learning rate as a function of the step. Sine and powers are Rung's own, so that the rate has
 * the same bits everywhere. */
#include "optim/schedule.h"

#include <string.h>

#include "num/f64.h"

static const char *const names[] = {"constant", "step", "cosine", "linear"};
enum { CONSTANT, STEP, COSINE, LINEAR, COUNT };

static int find(const char *name) {
  for (int i = 0; i < COUNT; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

const char *rg_schedule_name(const char *name) {
  return names[find(name)];
}

rung_status rg_schedule_check(rung_context *ctx, const rung_training *t) {
  if (!t->schedule || find(t->schedule) < 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "schedule: expected constant, step, cosine or linear, found \"%.40s\"",
                   t->schedule ? t->schedule : "nothing");
  if (!(t->warmup >= 0 && t->warmup <= 1))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "warmup: expected a share from 0 to 1, found %g",
                   t->warmup);
  if (!(t->step_every > 0) || !(t->step_factor > 0 && t->step_factor <= 1))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "schedule: expected epochs above 0 and a factor in (0, 1], found %g and %g",
                   t->step_every, t->step_factor);
  return RUNG_OK;
}

double rg_power(double base, int64_t exponent) {
  double value = 1;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) value *= base;
  return value;
}

double rg_schedule_rate(const rung_training *t, double rate, int64_t step, int64_t steps,
                        int64_t steps_of_epoch) {
  const double pi = 3.14159265358979323846;
  double rising = t->warmup * (double)steps;
  if ((double)step < rising) return rate * ((double)step + 1) / (rising + 1);
  double share = ((double)step - rising) / ((double)steps - rising);
  if (!(share < 1)) share = 1;
  switch (find(t->schedule)) {
  case STEP:
    return rate * rg_power(t->step_factor,
                           (int64_t)((double)step / (double)steps_of_epoch / t->step_every));
  case COSINE:
    return rate * (1 + rg_cos_f64(pi * share)) / 2;
  case LINEAR:
    return rate * (1 - share);
  default:
    return rate;
  }
}
