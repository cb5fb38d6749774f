/* Linear least squares for the head, with a scan over ridge filters.
 *
 * The columns are Z = [1, s] (not penalised) and the features A. QR of [Z A], SVD of the feature
 * block R22 = U S V'; the filter t gives the head c = V diag(S / (S^2 + (t S_0)^2)) U'q: the ridge
 * solution, found without normal equations. */
#ifndef RG_FACTOR_H
#define RG_FACTOR_H

#include "train/train.h"

#define RG_FILTERS 33 /* t = 10^0, 10^-0.5, ..., 10^-16 */
double rg_filter(int index);

typedef struct rg_factor {
  rung_context *ctx;
  int64_t rows, free, features, columns; /* columns = free + features */
  int outputs;
  bool leave_one_out;
  double *r;         /* [columns][columns] upper triangle, by columns */
  double *q;         /* [outputs][columns]: Q'y */
  double *u, *vt;    /* [features][features], by columns */
  double *singular;  /* [features] */
  double *projected; /* [outputs][features]: U'q2 */
  double *basis;     /* leave_one_out: [columns][rows]: [Q1, Q2 U] by columns */
} rg_factor;

/* What a choice of the filter came to. */
typedef struct rg_choice {
  double filter, score, freedom; /* freedom: effective number of parameters */
  double norm;                   /* largest |c| over outputs */
  double *head;                  /* [outputs][columns]: [bias, skip, features]; the caller's */
  double *squared; /* [judged points]: squared errors, mean over outputs; the caller's */
} rg_choice;

/* Bytes that rg_factor_make and rg_factor_choose hold at once, beside the matrix. */
size_t rg_factor_bytes(rung_context *ctx, int64_t rows, int64_t free, int64_t features, int outputs,
                       int64_t judged, bool leave_one_out);

/* Factors the first `rows` rows of matrix = [Z A Y] (by columns, leading dimension ld). Without
 * leave_one_out it overwrites them. */
rung_status rg_factor_make(rung_context *ctx, double *matrix, int64_t ld, int64_t rows,
                           int64_t free, int64_t features, int outputs, bool leave_one_out,
                           rg_factor *out);
void rg_factor_free(rg_factor *factor);

/* Tries the filters from index `strongest` to the weakest; a weaker one must lower the score. The
 * score is the RMS of the errors of the judged points (rows `rows`.. of the matrix, or
 * leave-one-out errors), with the rounding error unit * |c| that evaluation will add. */
rung_status rg_factor_choose(const rg_factor *factor, const double *matrix, int64_t ld,
                             int64_t judged, double unit, int strongest, rg_choice *choice);
/* The head for one filter. */
rung_status rg_factor_head(const rg_factor *factor, double filter, double *head);

#endif
