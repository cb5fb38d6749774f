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

/* Numbers that change from step to step: inputs of shape [1]. */
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

/* The optimisers: a line each. */
#define RG_DESCENTS(X) X(sgd) X(momentum) X(nesterov) X(adamw)

#define RG_DESCENT_DECLARE(name) extern const rg_descent rg_descent_##name;
RG_DESCENTS(RG_DESCENT_DECLARE)
#undef RG_DESCENT_DECLARE

#endif
