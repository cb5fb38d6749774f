/* The regulariser that keeps weights smooth in time,
 *
 *   R = (alpha / 2h) sum_j ||theta_{j+1} - theta_j||^2,
 *
 * over the layers (or nodes in time) of each tensor of a stage, h being the time between them
 * (Haber and Ruthotto, arXiv 1705.03341). With 1/h it is the integral of |d theta / dt|^2 and stays
 * the same as the depth grows. */
#ifndef RG_SMOOTHNESS_H
#define RG_SMOOTHNESS_H

#include "nn/chain.h"

typedef struct rg_smoothness rg_smoothness;

/* *out is NULL where alpha is 0 or no tensor has layers. */
rung_status rg_smoothness_create(const rung_network *network, rung_context *ctx, double alpha,
                                 rg_smoothness **out);
void rg_smoothness_destroy(rg_smoothness *smoothness); /* NULL is allowed */
/* Adds dR/dtheta to the gradient; *value becomes R. Allocates nothing. */
rung_status rg_smoothness_add(rg_smoothness *smoothness, void *gradient, double *value);

#endif
