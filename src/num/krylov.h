/* Eigenvalues of matrices that are only known by their products, for a batch of them at once. */
#ifndef RG_KRYLOV_H
#define RG_KRYLOV_H

#include "base/base.h"

/* out[s] = A_s v[s] for each s: arrays [batch][n]. */
typedef rung_status (*rg_products)(void *arg, const double *v, double *out);

/* Ritz values of Arnoldi's method from a random start (Saad, Numerical methods for large eigenvalue
 * problems, chapter 6): those at the edge of the spectrum come first and best; all of it with
 * steps >= n, but that of several equal eigenvalues may be one.
 * re, im: [batch][steps]; found: [batch], how many of each. */
rung_status rg_krylov(rung_context *ctx, rg_products products, void *arg, int64_t batch, int64_t n,
                      int steps, double *re, double *im, int *found);

#endif
