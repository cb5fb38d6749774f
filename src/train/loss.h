/* The mean squared error of a network over points, as a function of its weights: one compiled
 * program gives it with its gradient. Double arithmetic. */
#ifndef RG_LOSS_H
#define RG_LOSS_H

#include "nn/model.h"
#include "optim/optim.h"

typedef struct rg_loss rg_loss;

/* The loss of networks of the stage's widths and activations, without skip, whose first layer is
 * act(kappa (W s + b)), compiled for a number of points. */
rung_status rg_loss_create(rung_context *ctx, const rg_stage *stage, int inputs, int outputs,
                           double kappa, int64_t points, rg_loss **out);
void rg_loss_destroy(rg_loss *loss); /* NULL is allowed */

/* The number of weights. */
int64_t rg_loss_weights(const rg_loss *loss);
/* Bytes that rg_loss_load() will take. */
size_t rg_loss_bytes(const rg_loss *loss);

/* Takes the first points of s [inputs][ld] and target [outputs][ld]; the numbers are copied. */
rung_status rg_loss_load(rg_loss *loss, int64_t ld, const double *s, const double *target);

/* What is minimised, after rg_loss_load(). n is the number of weights. They lie layer by layer,
 * weights [width][inputs] before biases; then head [outputs][width] and bias. An evaluation
 * allocates nothing. */
rg_objective rg_loss_objective(rg_loss *loss);

/* Weights theta [n] into the stage, kappa folded into its first layer: the product is rounded as in
 * the evaluation, so that the stage computes what was trained. */
void rg_loss_unpack(const rg_loss *loss, const double *theta, rg_stage *stage);

#endif
