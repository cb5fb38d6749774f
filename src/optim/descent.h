/* First-order optimisers for batches: the change of each parameter by its gradient, as a graph.
 *
 * An optimiser is one constant structure in one file, and one line in RG_DESCENTS. It says with
 * nodes what one parameter becomes; arithmetic, threads and memory are the engine's business. The
 * program is compiled once for a block of elements and run over the parameters block by block, so
 * that parameters and state are read and written once, in cache. */
#ifndef RG_DESCENT_H
#define RG_DESCENT_H

#include "graph/graph.h"
#include "rung/train.h"

#define RG_MOST_DESCENT_STATES 3

/* Numbers that change from step to step: scalar inputs. */
enum {
  RG_DESCENT_RATE,   /* learning rate by the schedule */
  RG_DESCENT_DECAY,  /* rate * weight decay; 0 for parameters that do not decay */
  RG_DESCENT_SCALE,  /* what the gradient is multiplied with: gradient clipping */
  RG_DESCENT_FIRST,  /* corrections of running means at step t: 1 - decay1^t, */
  RG_DESCENT_SECOND, /* 1 - decay2^t */
  RG_DESCENT_SCALARS
};

typedef struct rg_descent {
  const char *name;
  double rate; /* the default */
  int states;  /* arrays of the parameters' length, 0 at first */
  const char *state_name[RG_MOST_DESCENT_STATES];
  /* next_theta and next_state[] from theta, gradient, state[] and scalar[RG_DESCENT_SCALARS]. */
  void (*update)(rung_graph *g, const rung_training *training, rung_node theta, rung_node gradient,
                 const rung_node *state, const rung_node *scalar, rung_node *next_theta,
                 rung_node *next_state);
} rg_descent;

/* theta - decay * theta - change: what every update ends with. */
rung_node rg_descend(rung_graph *g, rung_node theta, const rung_node *scalar, rung_node change);

/* The optimisers: a line each. */
#define RG_DESCENTS(X) X(sgd) X(momentum) X(nesterov) X(adamw)

#define RG_DESCENT_DECLARE(name) extern const rg_descent rg_descent_##name;
RG_DESCENTS(RG_DESCENT_DECLARE)
#undef RG_DESCENT_DECLARE

/* Moves an average `theta` to a current value `gradient` by a share `rate` of the way. */
extern const rg_descent rg_descent_average;

/* The descent of this name, or NULL. */
const rg_descent *rg_descent_find(const char *name);

/* Are the numbers of the training's optimiser such as descents take? */
rung_status rg_descent_check(rung_context *ctx, const rung_training *training);

/* A descent made ready for parameters of a given number: its programs, state and scratch. A step
 * allocates nothing, and its bits depend on neither threads nor instructions. */
typedef struct rg_stepper {
  rung_context *ctx;
  const rg_descent *descent;
  rung_dtype dtype;
  int64_t parameters, decaying;
  rung_training training;              /* its strings are the caller's */
  void *state[RG_MOST_DESCENT_STATES]; /* [parameters] each; may be read and written */
  int64_t steps;                       /* taken so far: t of the formulas */
  struct rg_stepper_part *part;        /* its inside: descent.c */
  int parts, slots;
  int64_t pieces;
  char *scratch;
  size_t workspace_bytes; /* of a slot of the scratch memory */
  bool borrows;           /* its state is another's */
} rg_stepper;

/* `decaying`: how many of the first parameters weight decay applies to. */
rung_status rg_stepper_create(rung_context *ctx, const rg_descent *descent,
                              const rung_training *training, rung_dtype dtype, int64_t parameters,
                              int64_t decaying, rg_stepper **out);
void rg_stepper_destroy(rg_stepper *stepper); /* NULL is allowed */
/* Lets steppers of one descent that are used one after the other have their state in one place,
 * that of the one with the most parameters, which is returned and must outlive the others. */
rg_stepper *rg_stepper_share(int count, rg_stepper *const *list);
/* As it was made. */
void rg_stepper_forget(rg_stepper *stepper);
/* One step with this learning rate; the gradient counts times `scale`. */
rung_status rg_stepper_step(rg_stepper *stepper, double rate, double scale, void *theta,
                            const void *gradient);

/* sqrt(sum of squares) of n numbers, summed in double in a fixed order; not finite where any is
 * not. `partial` [rg_norm_partials(n)] is scratch. */
double rg_norm(rung_context *ctx, rung_dtype dtype, int64_t n, const void *a, double *partial);
int64_t rg_norm_partials(int64_t n);

#endif
