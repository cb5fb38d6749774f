/* The dense step: one QR of [A | D | r] an iteration, and one of a triangle for each damping. */
#include "train/levenberg.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

/* R of [A | D_o | r_o; mu sqrt(N) I | 0 | -mu sqrt(N) c_o]. Behind the first p rows and columns it
 * holds R22 and q2: the part of D and r that the head cannot make good (Kaufman, BIT 15, 1975). */
static rung_status factor_output(rg_lm *lm, int64_t o) {
  int64_t p = lm->columns, n = lm->points, all = p + lm->hidden + 1;
  rg_lm_copy_head_matrix(lm, lm->matrix, n);
  RG_TRY(rg_lm_run(lm, RG_LM_JACOBIAN, lm->w, o, NULL, lm->matrix + p * n));
  memcpy(lm->matrix + (all - 1) * n, lm->error + o * lm->total, (size_t)n * sizeof(double));
  RG_TRY(rg_qr_reduce(lm->ctx, n, all, lm->matrix, n, lm->all_r, all, lm->qr));
  memset(lm->matrix, 0, (size_t)(p * all) * sizeof(double));
  for (int64_t i = 0; i < p; i++) {
    lm->matrix[i * p + i] = rg_lm_ridge(lm);
    lm->matrix[(all - 1) * p + i] = -rg_lm_ridge(lm) * lm->c[o * p + i];
  }
  return rg_qr_update(lm->ctx, all, lm->all_r, all, p, p, lm->matrix, p, lm->qr);
}

/* Several outputs share the hidden weights: their projected problems are stacked. */
static rung_status factor(rg_lm *lm) {
  int64_t p = lm->columns, n = lm->hidden + 1, all = p + n;
  double *lower = lm->all_r + p * all + p;
  lm->reduced = lower;
  lm->reduced_ld = all;
  for (int64_t o = 0; o < lm->outputs; o++) {
    RG_TRY(factor_output(lm, o));
    if (lm->outputs == 1) break;
    lm->reduced = lm->joined;
    lm->reduced_ld = n;
    if (o == 0)
      for (int64_t j = 0; j < n; j++)
        memcpy(lm->joined + j * n, lower + j * all, (size_t)n * sizeof(double));
    else
      RG_TRY(rg_qr_update(lm->ctx, n, lm->joined, n, n, n, lower, all, lm->qr));
  }
  return RUNG_OK;
}

rung_status rg_lm_dense_prepare(rg_lm *lm, bool first) {
  RG_TRY(factor(lm));
  for (int64_t j = 0; j < lm->hidden; j++)
    lm->step[j] = cblas_dnrm2((int)(j + 1), lm->reduced + j * lm->reduced_ld, 1);
  rg_lm_scaling(lm, first);
  return RUNG_OK;
}

/* min |R22 d - q2|^2 + lambda |S d|^2, from the R of [R22 | q2; sqrt(lambda) S | 0]. */
rung_status rg_lm_dense_step(rg_lm *lm) {
  int64_t n = lm->hidden, ld = n + 1;
  double *r = lm->matrix, *below = r + ld * ld;
  for (int64_t j = 0; j < ld; j++)
    memcpy(r + j * ld, lm->reduced + j * lm->reduced_ld, (size_t)(j + 1) * sizeof *r);
  memset(below, 0, (size_t)(n * ld) * sizeof *r);
  for (int64_t j = 0; j < n; j++) below[j * n + j] = sqrt(lm->damping) * lm->scale[j];
  RG_TRY(rg_qr_update(lm->ctx, ld, r, ld, n, n, below, n, lm->qr));
  memcpy(lm->step, r + n * ld, (size_t)n * sizeof *r);
  cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, (int)n, r, (int)ld, lm->step,
              1);
  return RUNG_OK;
}
