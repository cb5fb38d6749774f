/* The R of QR factorizations of tall matrices, in parallel and to the same bits for any number of
 * threads: least-squares problems min |A x - b| need no more than the R of [A | b].
 *
 * Matrices are column-major: element (i, j) of a is a[j * lda + i]. */
#ifndef RG_QR_H
#define RG_QR_H

#include "base/base.h"

/* Bytes of workspace (aligned to RG_ALIGN) that rg_qr_reduce() and, with any number of rows,
 * rg_qr_update() take. Depends on the context's threads. */
size_t rg_qr_bytes(rung_context *ctx, int64_t rows, int64_t columns);

/* R (columns x columns, zeros below its diagonal) with R'R = A'A to rounding, A being rows x
 * columns; with fewer rows than columns the last rows of R are 0. Overwrites `a`: no copy is made.
 * Diagonal elements may have either sign. `r` may not overlap `a`. Allocates nothing.
 *
 * TSQR (Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, 2012): blocks of rows, cut by
 * the matrix's shape alone, are factored on their own, then their triangles in pairs. */
rung_status rg_qr_reduce(rung_context *ctx, int64_t rows, int64_t columns, double *a, int64_t lda,
                         double *r, int64_t ldr, void *workspace);

/* R becomes the R of [R; B], where the last `triangle` rows of B (rows x columns) are upper
 * trapezoidal: row rows - triangle + i is 0 before column i, and what lies there is not read.
 * Overwrites `b`. Below its diagonal R is neither read nor written. On the calling thread. */
rung_status rg_qr_update(rung_context *ctx, int64_t columns, double *r, int64_t ldr, int64_t rows,
                         int64_t triangle, double *b, int64_t ldb, void *workspace);

/* A row-major matrix of independent normal numbers becomes an orthonormal one, drawn evenly among
 * all of these: rows (or columns, where those are fewer) of length 1 at right angles. Q of QR with
 * the signs of R's diagonal (Mezzadri, arXiv math-ph/0609050). At most RG_MOST_ORTHOGONAL rows or
 * columns. RUNG_E_MEMORY, RUNG_E_ARGUMENT. */
#define RG_MOST_ORTHOGONAL 65536
rung_status rg_orthogonal(rung_context *ctx, int64_t rows, int64_t columns, double *a);

/* The threads of Rung divide the work themselves: BLAS must not, as its cut (and so the bits of
 * its sums) depends on the machine. To be called by whoever calls BLAS or LAPACK. */
void rg_blas_single_thread(void);

#endif
