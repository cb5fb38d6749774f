/* L-BFGS (Nocedal and Wright, 2006, algorithms 7.4 and 7.5): the direction -H g from the last
 * `memory` pairs s = change of theta, y = change of the gradient, by the two-loop recursion that
 * starts from H = (s'y / y'y) I of the last pair. Strong Wolfe steps keep s'y positive, so H stays
 * positive definite. Where no step is found, the pairs are forgotten and steepest descent is tried
 * before giving up. */
#include <float.h>
#include <math.h>

#include "optim/optim.h"

enum { STEPS = RG_OWN, CHANGES, RHO, RING, DIRECTION, ALPHA };
enum { COUNT, NEXT }; /* of RING: pairs kept, and where the next one goes */

static int arrays(const rg_settings *settings, int64_t n, rg_array *out) {
  int64_t memory = settings->memory;
  out[STEPS - RG_OWN] = (rg_array){"steps", memory * n, NULL};
  out[CHANGES - RG_OWN] = (rg_array){"changes", memory * n, NULL};
  out[RHO - RG_OWN] = (rg_array){"rho", memory, NULL}; /* 1 / s'y */
  out[RING - RG_OWN] = (rg_array){"ring", 2, NULL};
  out[DIRECTION - RG_OWN] = (rg_array){NULL, n, NULL};
  out[ALPHA - RG_OWN] = (rg_array){NULL, memory, NULL};
  return 6;
}

static void start(rg_minimiser *m) {
  m->array[RING].value[COUNT] = m->array[RING].value[NEXT] = 0;
}

/* Where the pair that is `age` steps old lies: age 1 is the last. */
static int64_t slot_of(const rg_minimiser *m, int age) {
  int memory = m->settings.memory;
  return ((int64_t)m->array[RING].value[NEXT] + memory - age) % memory;
}

static void find_direction(rg_minimiser *m) {
  rung_isa isa = m->ctx->isa;
  int64_t n = m->n;
  int count = (int)m->array[RING].value[COUNT];
  const double *g = m->array[RG_GRADIENT].value, *rho = m->array[RHO].value;
  const double *steps = m->array[STEPS].value, *changes = m->array[CHANGES].value;
  double *d = m->array[DIRECTION].value, *alpha = m->array[ALPHA].value;
  for (int64_t i = 0; i < n; i++) d[i] = -g[i];
  for (int age = 1; age <= count; age++) {
    int64_t k = slot_of(m, age);
    alpha[k] = rho[k] * rg_dot(isa, n, steps + k * n, d);
    rg_axpy(isa, n, -alpha[k], changes + k * n, d);
  }
  if (count) {
    int64_t k = slot_of(m, 1);
    double scale = 1 / (rho[k] * rg_dot(isa, n, changes + k * n, changes + k * n));
    for (int64_t i = 0; i < n; i++) d[i] *= scale;
  }
  for (int age = count; age >= 1; age--) {
    int64_t k = slot_of(m, age);
    double beta = rho[k] * rg_dot(isa, n, changes + k * n, d);
    rg_axpy(isa, n, alpha[k] - beta, steps + k * n, d);
  }
}

/* Keeps the pair of the trial unless its curvature is lost in rounding. */
static void keep_pair(rg_minimiser *m) {
  double *ring = m->array[RING].value;
  int64_t n = m->n, k = (int64_t)ring[NEXT];
  double *s = m->array[STEPS].value + k * n, *y = m->array[CHANGES].value + k * n;
  for (int64_t i = 0; i < n; i++) {
    s[i] = m->trial[i] - m->array[RG_THETA].value[i];
    y[i] = m->trial_gradient[i] - m->array[RG_GRADIENT].value[i];
  }
  rung_isa isa = m->ctx->isa;
  double sy = rg_dot(isa, n, s, y), ss = rg_dot(isa, n, s, s), yy = rg_dot(isa, n, y, y);
  if (!(sy > DBL_EPSILON * sqrt(ss) * sqrt(yy)) || !isfinite(1 / sy)) {
    if (ring[COUNT] == m->settings.memory) ring[COUNT]--; /* the oldest lay there */
    return;
  }
  m->array[RHO].value[k] = 1 / sy;
  ring[NEXT] = (double)((k + 1) % m->settings.memory);
  if (ring[COUNT] < m->settings.memory) ring[COUNT]++;
}

static rung_status step(rg_minimiser *m, bool *moved) {
  const double *g = m->array[RG_GRADIENT].value;
  double *ring = m->array[RING].value;
  rg_line found = RG_LINE_NONE;
  do {
    double size = sqrt(rg_dot(m->ctx->isa, m->n, g, g));
    if (!(size > 0)) break;
    find_direction(m);
    double first = ring[COUNT] > 0 ? 1 : 1 / (1 + size); /* the gradient alone has no scale */
    RG_TRY(rg_line_search(m, m->array[DIRECTION].value, first, &found));
    if (found != RG_LINE_NONE || ring[COUNT] == 0) break;
    ring[COUNT] = 0;
  } while (true);
  m->array[RG_COUNTERS].value[RG_FOUND] = (double)found;
  if (found == RG_LINE_NONE) return RUNG_OK;
  keep_pair(m);
  rg_accept_trial(m);
  *moved = true;
  return RUNG_OK;
}

const rg_optimiser rg_lbfgs = {"lbfgs", arrays, start, step};
