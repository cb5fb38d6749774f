/* The inside of the full-batch optimisers. */
#ifndef RG_FULL_BATCH_H
#define RG_FULL_BATCH_H

#include "optim/optim.h"
#include "train/trainer.h"

typedef struct rg_newton rg_newton;

struct rg_full_batch {
  rung_trainer *trainer;
  rg_pass_batch batch;     /* of the step that is on */
  rg_minimiser *minimiser; /* L-BFGS, or ... */
  rg_newton *newton;       /* ... Gauss-Newton */
};

/* Value and gradient of what is minimised, at theta; `user` is the rg_full_batch. */
rung_status rg_full_batch_evaluate(void *user, const double *theta, double *value,
                                   double *gradient);

/* ---- gauss_newton.c ---- */

rung_status rg_newton_create(rg_full_batch *full, rg_newton **out);
void rg_newton_destroy(rg_newton *newton); /* NULL is allowed */
rung_status rg_newton_step(rg_newton *newton);
int rg_newton_arrays(rg_newton *newton, rg_trainer_array *out);

#endif
