/* Early answers: a sample leaves a network at the first exit that is sure of it. */
#ifndef RG_EARLY_H
#define RG_EARLY_H

#include "nn/chain.h"

/* The programs of rung_network_apply_early() and their memory: those who apply a network often keep
 * one. It reads the network's numbers when it runs; compiling and running use `ctx`. */
typedef struct rg_early rg_early;
/* For up to `samples` at once; of more, those come in turn. Errors as rung_network_apply_early().
 */
rung_status rg_early_create(const rung_network *network, rung_context *ctx, double confidence,
                            int64_t samples, rg_early **out);
/* As rung_network_apply_early(). Allocates nothing. */
rung_status rg_early_run(rg_early *early, int64_t count, const void *x, void *y, int *exit);
/* How many samples module `module` has computed so far. */
int64_t rg_early_ran(const rg_early *early, int module);
void rg_early_destroy(rg_early *early); /* NULL is allowed */

/* Scores in place to probabilities, exp(z - max) / sum; gives log sum exp z. */
double rg_softmax(double *row, int64_t count);

#endif
