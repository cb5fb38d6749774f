/* Minimisers of a smooth function of many variables, given its value and gradient.
 *
 * An optimiser is one constant structure in one file, and one line in RG_OPTIMISERS. It takes one
 * step at a time; everything that the next step depends on lies in named arrays of doubles. So a
 * state can be written down, read back, and gone on from to the same bits. Results do not depend on
 * threads or instructions either: sums have a fixed order. */
#ifndef RG_OPTIM_H
#define RG_OPTIM_H

#include "base/base.h"

/* What is minimised. `evaluate` gives the value at theta [n] and its exact gradient [n]; a value
 * that is not finite tells a line search that it went too far. */
typedef struct rg_objective {
  int64_t n;
  rung_status (*evaluate)(void *user, const double *theta, double *value, double *gradient);
  void *user;
} rg_objective;

typedef struct rg_settings {
  double rate, decay1, decay2, epsilon; /* Adam: 1e-3, 0.9, 0.999, 1e-8 */
  int memory;                           /* L-BFGS: pairs that are kept, 10 */
  double decrease, curvature;           /* strong Wolfe conditions: c1 = 1e-4, c2 = 0.9 */
  int trials;                           /* evaluations of one line search, 30 */
} rg_settings;
rg_settings rg_settings_default(void);

/* A part of the state; scratch, which no step depends on, has no name. */
typedef struct rg_array {
  const char *name;
  int64_t count;
  double *value;
} rg_array;

typedef enum rg_line { RG_LINE_NONE, RG_LINE_DECREASE, RG_LINE_WOLFE } rg_line;

/* Arrays that every optimiser has; its own follow from RG_OWN on. */
enum { RG_THETA, RG_GRADIENT, RG_COUNTERS, RG_OWN, RG_MOST_ARRAYS = 12 };
/* Elements of RG_COUNTERS. RG_STEP: the last step's length in its direction; RG_FOUND: an rg_line.
 */
enum { RG_VALUE, RG_ITERATIONS, RG_EVALUATIONS, RG_STEP, RG_FOUND, RG_COUNTER_COUNT };

typedef struct rg_optimiser rg_optimiser;

typedef struct rg_minimiser {
  rung_context *ctx;
  const rg_optimiser *optimiser;
  rg_settings settings;
  rg_objective objective;
  int64_t n;
  int arrays;
  rg_array array[RG_MOST_ARRAYS];
  double *trial, *trial_gradient, trial_value; /* where a line search stands */
  void *memory;                                /* of all of them */
} rg_minimiser;

struct rg_optimiser {
  const char *name;
  /* Writes names and lengths of its own arrays; returns how many (at most RG_MOST_ARRAYS - RG_OWN).
   */
  int (*arrays)(const rg_settings *settings, int64_t n, rg_array *out);
  /* Sets its arrays, all 0 so far; value and gradient at the start are there. */
  void (*start)(rg_minimiser *m);
  /* One step. *moved stays false where no progress is possible any more. */
  rung_status (*step)(rg_minimiser *m, bool *moved);
};

/* The optimisers: a line each. */
#define RG_OPTIMISERS(X) X(adam) X(lbfgs) X(ssbroyden)

#define RG_OPTIMISER_DECLARE(name) extern const rg_optimiser rg_##name;
RG_OPTIMISERS(RG_OPTIMISER_DECLARE)
#undef RG_OPTIMISER_DECLARE

/* The optimiser of this name, or NULL. */
const rg_optimiser *rg_optimiser_find(const char *name);

/* All memory that steps need is taken here. `settings` NULL: the defaults. */
rung_status rg_minimiser_create(rung_context *ctx, const rg_optimiser *optimiser,
                                const rg_settings *settings, const rg_objective *objective,
                                rg_minimiser **out);
void rg_minimiser_destroy(rg_minimiser *m); /* NULL is allowed */

/* The bytes of such a minimiser's arrays. `settings` NULL: the defaults. */
size_t rg_minimiser_bytes(const rg_optimiser *optimiser, const rg_settings *settings, int64_t n);

/* Begins at theta [n]: evaluates there. Fails where the value is not finite. To go on from a state
 * instead, fill the named arrays. */
rung_status rg_minimiser_start(rg_minimiser *m, const double *theta);
rung_status rg_minimiser_step(rg_minimiser *m, bool *moved);

static inline double rg_minimiser_value(const rg_minimiser *m) {
  return m->array[RG_COUNTERS].value[RG_VALUE];
}
static inline const double *rg_minimiser_theta(const rg_minimiser *m) {
  return m->array[RG_THETA].value;
}

/* For optimisers. */

/* Evaluates at m->trial; a value or gradient that is not finite makes m->trial_value infinite. */
rung_status rg_evaluate_trial(rg_minimiser *m);
/* The trial becomes the point; the former point lies in the trial then. */
void rg_accept_trial(rg_minimiser *m);

/* Strong Wolfe line search along `direction` from the point, beginning with step `first`:
 *   f(x + a d) <= f(x) + c1 a g'd   and   |g(x + a d)'d| <= c2 |g'd|.
 * The trial is the step found. RG_LINE_DECREASE: trials or digits ran out, only the first condition
 * holds. RG_LINE_NONE: not even that, or g'd is not negative. */
rung_status rg_line_search(rg_minimiser *m, const double *direction, double first, rg_line *found);

/* Sums in a fixed order, whatever the instructions. */
double rg_dot(rung_isa isa, int64_t n, const double *a, const double *b);
/* y += a x */
void rg_axpy(rung_isa isa, int64_t n, double a, const double *x, double *y);

#endif
