/* Adam (Kingma and Ba, 2015): steps by running means of the gradient and of its square,
 *
 *   m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
 *   theta -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon),
 *
 * t = 1, 2, ...: the divisions undo that the means start at 0. A step may go uphill. */
#include <math.h>

#include "optim/optim.h"

enum { MEAN = RG_OWN, SQUARE, POWERS };

static int arrays(const rg_settings *settings, int64_t n, rg_array *out) {
  (void)settings;
  out[MEAN - RG_OWN] = (rg_array){"mean", n, NULL};
  out[SQUARE - RG_OWN] = (rg_array){"mean square", n, NULL};
  out[POWERS - RG_OWN] = (rg_array){"powers", 2, NULL}; /* b1^t, b2^t */
  return 3;
}

static void start(rg_minimiser *m) {
  m->array[POWERS].value[0] = m->array[POWERS].value[1] = 1;
}

static rung_status step(rg_minimiser *m, bool *moved) {
  const double *theta = m->array[RG_THETA].value, *g = m->array[RG_GRADIENT].value;
  double *mean = m->array[MEAN].value, *square = m->array[SQUARE].value;
  double *power = m->array[POWERS].value;
  double b1 = m->settings.decay1, b2 = m->settings.decay2;
  power[0] *= b1;
  power[1] *= b2;
  for (int64_t i = 0; i < m->n; i++) {
    mean[i] = b1 * mean[i] + (1 - b1) * g[i];
    square[i] = b2 * square[i] + (1 - b2) * (g[i] * g[i]);
    double unbiased = mean[i] / (1 - power[0]);
    double root = sqrt(square[i] / (1 - power[1]));
    m->trial[i] = theta[i] - m->settings.rate * unbiased / (root + m->settings.epsilon);
  }
  RG_TRY(rg_evaluate_trial(m));
  *moved = isfinite(m->trial_value);
  if (*moved) rg_accept_trial(m);
  return RUNG_OK;
}

const rg_optimiser rg_adam = {"adam", arrays, start, step};
