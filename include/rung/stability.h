/**
 * @file stability.h
 * How stable the layers of a deep network are, and what holds them stable. docs/stability.md has
 * the formulas. All is computed in double precision and in inference mode.
 */
#ifndef RUNG_STABILITY_H
#define RUNG_STABILITY_H

#include "rung/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One layer of a stage of an ODE, at the samples given: the worst of them. */
typedef struct rung_layer_stability {
  int stage;     /**< From 1. */
  int64_t layer; /**< Of the stage, from 1. */
  double step;   /**< Step size h. */
  double growth; /**< max |mu| over the eigenvalues mu of the layer's Jacobian; of Euler's steps
                      that is max |1 + h lambda|. */
  double rate;   /**< max Re(lambda): what grows at this rate in time. */
  double norm;   /**< Of the right-hand side's Jacobian, the activation's slope taken as 1: of
                      hamiltonian and leapfrog norm(K). */
  double bound;  /**< Stable where it is at most 1: of Verlet and leapfrog h norm(K) / 2. */
  double would;  /**< The step size that would make it 1. */
  double state;  /**< Root mean square of the state that goes into the layer. */
} rung_layer_stability;

/** How many layers of stages there are: entries of rung_stability_measure(). 0: none. */
RUNG_API int64_t rung_stability_layers(const rung_network *network);

/**
 * Measures each layer.
 * @param network the network
 * @param ctx whose memory and threads are used; need not be the network's
 * @param samples how many; a few are enough
 * @param x [samples][sample] in the network's arithmetic, normalised
 * @param steps of Arnoldi's method, 1 to 256; 16 find the edge of the spectrum to a few per cent
 * @param out rung_stability_layers() entries
 */
RUNG_API rung_status rung_stability_measure(const rung_network *network, rung_context *ctx,
                                            int64_t samples, const void *x, int steps,
                                            rung_layer_stability *out);
/**
 * Scales the weights of each layer whose bound is above 1, so that it is 1: its kernels, or where
 * it has normalisation the gains.
 * @param changed how many layers were; may be NULL
 */
RUNG_API rung_status rung_stability_project(rung_network *network, rung_context *ctx,
                                            int64_t samples, const void *x, int steps,
                                            int64_t *changed);
/**
 * The largest Lyapunov exponents of a stage, from tangent vectors pushed through its layers and
 * made orthonormal by QR in each (Benettin et al. 1980): the mean over samples of sum_j log r_ii /
 * T.
 * @param stage from 1
 * @param count how many exponents, at most the numbers of the stage's state
 * @param out [count], falling
 */
RUNG_API rung_status rung_stability_exponents(const rung_network *network, rung_context *ctx,
                                              int64_t samples, const void *x, int stage, int count,
                                              double *out);
/**
 * How much a stage stretches: the largest singular value of dY_N / dY_0, for each sample. For
 * states of up to 256 numbers.
 * @param mean the geometric mean over samples
 * @param largest the largest of them
 */
RUNG_API rung_status rung_stability_stretch(const rung_network *network, rung_context *ctx,
                                            int64_t samples, const void *x, int stage, double *mean,
                                            double *largest);

#ifdef __cplusplus
}
#endif
#endif
