/* Strong Wolfe line search (Nocedal and Wright, Numerical Optimization, 2006, section 3.5), written
 * as one loop over an interval:
 *
 *   low   the best step so far that satisfies sufficient decrease (0 at first)
 *   high  the other end: a step between low and high satisfies both conditions; unknown at first
 *
 * Each trial step replaces one of them. The next trial is the minimiser of the cubic through values
 * and slopes at both, kept off the ends; while high is unknown, steps grow. */
#include <float.h>
#include <math.h>

#include "optim/optim.h"

typedef struct point {
  double step, value, slope;
} point;

typedef struct search {
  rg_minimiser *m;
  const double *direction;
  point start, low, high;
  bool bracketed;
} search;

static rung_status evaluate(search *s, double step, point *out) {
  rg_minimiser *m = s->m;
  const double *theta = m->array[RG_THETA].value;
  for (int64_t i = 0; i < m->n; i++) m->trial[i] = theta[i] + step * s->direction[i];
  RG_TRY(rg_evaluate_trial(m));
  *out = (point){step, m->trial_value, rg_dot(m->ctx->isa, m->n, m->trial_gradient, s->direction)};
  return RUNG_OK;
}

static bool decreases(const search *s, const point *p) {
  return p->value <= s->start.value + s->m->settings.decrease * p->step * s->start.slope;
}

static bool is_flat(const search *s, const point *p) {
  return fabs(p->slope) <= s->m->settings.curvature * fabs(s->start.slope);
}

/* The minimiser of the cubic with these values and slopes; NaN where it has none. */
static double cubic_minimiser(const point *a, const point *b) {
  double width = b->step - a->step;
  double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->step - b->step);
  double root = d1 * d1 - a->slope * b->slope;
  if (!(root >= 0)) return NAN;
  double d2 = copysign(sqrt(root), width);
  return b->step - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
}

static double clamp(double x, double a, double b) {
  double least = a < b ? a : b, most = a < b ? b : a;
  return x < least ? least : x > most ? most : x;
}

/* Before a bracket: beyond the last step by 2 to 10 times, where the cubic says. */
static double grow(const point *before, const point *now) {
  double guess = cubic_minimiser(before, now);
  if (!(guess > now->step)) guess = 4 * now->step;
  return clamp(guess, 2 * now->step, 10 * now->step);
}

static double shrink(const search *s) {
  const point *low = &s->low, *high = &s->high;
  double width = high->step - low->step;
  if (!isfinite(high->value) || !isfinite(high->slope)) return low->step + 0.1 * width;
  double guess = cubic_minimiser(low, high);
  if (!isfinite(guess)) guess = low->step + 0.5 * width;
  return clamp(guess, low->step + 0.1 * width, high->step - 0.1 * width);
}

/* Takes a trial that is not the end into the interval; gives the next step. */
static double narrow(search *s, const point *p) {
  point before = s->low;
  if (!decreases(s, p) || p->value >= s->low.value) {
    s->high = *p;
    s->bracketed = true;
  } else {
    double beyond = s->bracketed ? s->high.step - s->low.step : 1;
    if (p->slope * beyond >= 0) {
      s->high = s->low;
      s->bracketed = true;
    }
    s->low = *p;
  }
  return s->bracketed ? shrink(s) : grow(&before, p);
}

/* No step between the ends differs from both any more. */
static bool exhausted(const search *s) {
  double most = fabs(s->low.step) > fabs(s->high.step) ? fabs(s->low.step) : fabs(s->high.step);
  return s->bracketed && fabs(s->high.step - s->low.step) <= 4 * DBL_EPSILON * most;
}

static rung_status settle(search *s, rg_line *found) {
  point p;
  if (!(s->low.step > 0)) return RUNG_OK;
  RG_TRY(evaluate(s, s->low.step, &p)); /* the trial was elsewhere since */
  s->m->array[RG_COUNTERS].value[RG_STEP] = p.step;
  *found = RG_LINE_DECREASE;
  return RUNG_OK;
}

rung_status rg_line_search(rg_minimiser *m, const double *direction, double first, rg_line *found) {
  double slope = rg_dot(m->ctx->isa, m->n, m->array[RG_GRADIENT].value, direction);
  search s = {.m = m, .direction = direction, .start = {0, rg_minimiser_value(m), slope}};
  *found = RG_LINE_NONE;
  if (!(slope < 0) || !isfinite(slope)) return RUNG_OK;
  s.low = s.start;
  double step = first;
  for (int i = 0; i < m->settings.trials && !exhausted(&s); i++) {
    point p;
    RG_TRY(evaluate(&s, step, &p));
    if (decreases(&s, &p) && is_flat(&s, &p)) {
      m->array[RG_COUNTERS].value[RG_STEP] = step;
      *found = RG_LINE_WOLFE;
      return RUNG_OK;
    }
    step = narrow(&s, &p);
  }
  return settle(&s, found);
}
