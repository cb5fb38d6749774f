/* What the transport cost W of a module weighs beside its loss L, from step to step.
 *
 * tau: a module minimises L + w W with w = 1 / (2 tau). tau is given, for all modules or for each,
 * may change over the module's own steps, or is set from the wanted ratio of w W to L.
 *
 * multiplier: a module minimises lambda L + W, and every s of its steps lambda += h L (the method
 * of multipliers: the least transport that leaves no loss; Karkar et al., arXiv 2210.00949). It
 * is computed as lambda (L + W / lambda). docs/modulewise.md */
#ifndef RG_PENALTY_H
#define RG_PENALTY_H

#include "base/base.h"
#include "rung/train.h"

/* What a module's last step came to: task loss, transport cost W, its weight w beside the loss. */
typedef struct rg_module_seen {
  double loss, transport, weight;
} rg_module_seen;

/* What is kept of a module from step to step: saved with the run, as doubles. */
typedef struct rg_penalty {
  double now; /* tau auto: w, 0: not known yet; multiplier: lambda */
  union {
    double free;   /* tau auto: the largest W of the steps without a weight */
    double losses; /* multiplier: their sum since lambda last changed */
  };
  rg_module_seen seen;
} rg_penalty;
#define RG_PENALTY_NUMBERS (sizeof(rg_penalty) / sizeof(double))

/* Where a module stands. */
typedef struct rg_penalty_place {
  int module, modules; /* from 1; of how many */
  int64_t step, steps; /* the coming one of its own steps, from 0; of how many */
} rg_penalty_place;

/* The settings make sense. */
rung_status rg_penalty_check(rung_context *ctx, const rung_training *training);
/* Has the module a penalty at all? */
bool rg_penalty_any(const rung_training *training, int module, int modules);

/* Before a module's first step. */
void rg_penalty_begin(rg_penalty *penalty, const rung_training *training);

/* The coming step descends along the gradient of factor * (L + weight * W). */
typedef struct rg_weighing {
  double weight, factor;
} rg_weighing;
rg_weighing rg_penalty_weigh(const rg_penalty *penalty, const rung_training *training,
                             rg_penalty_place place);
/* After that step, of which `seen` tells. */
void rg_penalty_follow(rg_penalty *penalty, const rung_training *training, rg_penalty_place place);

#endif
