/* The step without the Jacobian as a matrix: LSQR (Paige and Saunders, ACM TOMS 8, 1982) on
 *
 *   min |P (r - D v)|^2 + lambda |S v|^2,   P = I - Q Q',  Q R = [A; mu sqrt(N) I],
 *
 * in y = S v, with products D v and D'u by graphs. Vectors of points have the ridge's p rows below
 * the points', one such column an output. */
#include "train/levenberg.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

#define TOLERANCE 1e-8  /* of the gradient, relative to its start */
#define ROUNDS 500      /* most iterations of LSQR */
#define FACTOR_PANEL 32 /* columns of a block of reflectors; qr.h's workspace suffices */

/* The arrays in lm->krylov. */
typedef struct krylov {
  double *b, *u, *product; /* [outputs][points + p] */
  double *points;          /* [outputs][points] */
  double *v, *w, *y, *t;   /* [n] */
  double *small;           /* [p] */
} krylov;

size_t rg_lm_free_doubles(const rg_lm *lm) {
  size_t outputs = (size_t)lm->outputs, points = (size_t)lm->points, p = (size_t)lm->columns;
  return 3 * outputs * (points + p) + outputs * points + 4 * (size_t)lm->hidden + p;
}

static krylov arrays(const rg_lm *lm) {
  int64_t tall = lm->outputs * (lm->points + lm->columns);
  krylov k = {.b = lm->krylov};
  k.u = k.b + tall;
  k.product = k.u + tall;
  k.points = k.product + tall;
  k.v = k.points + lm->outputs * lm->points;
  k.w = k.v + lm->hidden;
  k.y = k.w + lm->hidden;
  k.t = k.y + lm->hidden;
  k.small = k.t + lm->hidden;
  return k;
}

/* Q of [A; mu sqrt(N) I], in the place of that matrix. */
static rung_status factor_head(rg_lm *lm, double *tau) {
  int64_t p = lm->columns, rows = lm->points + p;
  rg_lm_copy_head_matrix(lm, lm->q, rows);
  for (int64_t j = 0; j < p; j++) {
    memset(lm->q + j * rows + lm->points, 0, (size_t)p * sizeof *lm->q);
    lm->q[j * rows + lm->points + j] = rg_lm_ridge(lm);
  }
  LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, (int)rows, (int)p, lm->q, (int)rows, tau, lm->qr,
                      FACTOR_PANEL * (int)p);
  LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, (int)rows, (int)p, (int)p, lm->q, (int)rows, tau, lm->qr,
                      FACTOR_PANEL * (int)p);
  return RUNG_OK;
}

/* u becomes P u, output by output. */
static void project(const rg_lm *lm, double *u, double *small) {
  int p = (int)lm->columns, rows = (int)lm->points + p;
  for (int64_t o = 0; o < lm->outputs; o++) {
    double *column = u + o * rows;
    cblas_dgemv(CblasColMajor, CblasTrans, rows, p, 1, lm->q, rows, column, 1, 0, small, 1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, rows, p, -1, lm->q, rows, small, 1, 1, column, 1);
  }
}

/* out = P D S^-1 y. */
static rung_status forward(rg_lm *lm, const krylov *k, const double *y, double *out) {
  int64_t rows = lm->points + lm->columns;
  for (int64_t j = 0; j < lm->hidden; j++) k->t[j] = y[j] / lm->scale[j];
  RG_TRY(rg_lm_run(lm, RG_LM_PUSH, lm->w, 0, k->t, k->points));
  for (int64_t o = 0; o < lm->outputs; o++) {
    memcpy(out + o * rows, k->points + o * lm->points, (size_t)lm->points * sizeof *out);
    memset(out + o * rows + lm->points, 0, (size_t)lm->columns * sizeof *out);
  }
  project(lm, out, k->small);
  return RUNG_OK;
}

/* out = S^-1 D'u. The u of LSQR are projected already, so that D'P u = D'u. */
static rung_status backward(rg_lm *lm, const krylov *k, const double *u, double *out) {
  for (int64_t o = 0; o < lm->outputs; o++)
    memcpy(k->points + o * lm->points, u + o * (lm->points + lm->columns),
           (size_t)lm->points * sizeof *out);
  RG_TRY(rg_lm_run(lm, RG_LM_PULL, lm->w, 0, k->points, out));
  for (int64_t j = 0; j < lm->hidden; j++) out[j] /= lm->scale[j];
  return RUNG_OK;
}

/* lm->step: norms of the columns of P D, by |P D_j|^2 = |D_j|^2 - sum over Q's columns (q'D_j)^2.
 */
static rung_status projected_norms(rg_lm *lm, const krylov *k) {
  int64_t rows = lm->points + lm->columns;
  memset(lm->step, 0, (size_t)lm->hidden * sizeof *lm->step);
  for (int64_t o = 0; o < lm->outputs; o++) {
    RG_TRY(rg_lm_run(lm, RG_LM_NORMS, lm->w, o, NULL, k->t));
    for (int64_t j = 0; j < lm->hidden; j++) lm->step[j] += k->t[j];
    memset(k->points, 0, (size_t)(lm->outputs * lm->points) * sizeof *k->points);
    for (int64_t i = 0; i < lm->columns; i++) {
      memcpy(k->points + o * lm->points, lm->q + i * rows, (size_t)lm->points * sizeof *lm->q);
      RG_TRY(rg_lm_run(lm, RG_LM_PULL, lm->w, 0, k->points, k->t));
      for (int64_t j = 0; j < lm->hidden; j++) lm->step[j] -= k->t[j] * k->t[j];
    }
  }
  for (int64_t j = 0; j < lm->hidden; j++) lm->step[j] = lm->step[j] > 0 ? sqrt(lm->step[j]) : 0;
  return RUNG_OK;
}

rung_status rg_lm_free_prepare(rg_lm *lm, bool first) {
  krylov k = arrays(lm);
  int64_t p = lm->columns, rows = lm->points + p;
  RG_TRY(factor_head(lm, k.small));
  RG_TRY(projected_norms(lm, &k));
  rg_lm_scaling(lm, first);
  for (int64_t o = 0; o < lm->outputs; o++) {
    double *b = k.b + o * rows;
    memcpy(b, lm->error + o * lm->total, (size_t)lm->points * sizeof *b);
    for (int64_t i = 0; i < p; i++) b[lm->points + i] = -rg_lm_ridge(lm) * lm->c[o * p + i];
  }
  project(lm, k.b, k.small);
  return RUNG_OK;
}

/* Scales a vector to length 1; returns the length it had. */
static double normalise(double *x, int64_t n) {
  double length = cblas_dnrm2((int)n, x, 1);
  if (length > 0) cblas_dscal((int)n, 1 / length, x, 1);
  return length;
}

/* One step of the Golub-Kahan process: u and v become the next ones. */
static rung_status bidiagonalise(rg_lm *lm, const krylov *k, double *alpha, double *beta) {
  int64_t tall = lm->outputs * (lm->points + lm->columns), n = lm->hidden;
  RG_TRY(forward(lm, k, k->v, k->product));
  cblas_daxpby((int)tall, 1, k->product, 1, -*alpha, k->u, 1);
  *beta = normalise(k->u, tall);
  RG_TRY(backward(lm, k, k->u, lm->step));
  cblas_daxpby((int)n, 1, lm->step, 1, -*beta, k->v, 1);
  *alpha = normalise(k->v, n);
  return RUNG_OK;
}

/* LSQR, with the names of Paige and Saunders. */
static rung_status solve(rg_lm *lm, const krylov *k) {
  int64_t tall = lm->outputs * (lm->points + lm->columns), n = lm->hidden;
  memcpy(k->u, k->b, (size_t)tall * sizeof *k->u);
  memset(k->y, 0, (size_t)n * sizeof *k->y);
  double beta = normalise(k->u, tall);
  RG_TRY(backward(lm, k, k->u, k->v));
  double alpha = normalise(k->v, n), start = alpha * beta, phibar = beta, rhobar = alpha;
  memcpy(k->w, k->v, (size_t)n * sizeof *k->w);
  for (int i = 0; i < ROUNDS && start > 0; i++) {
    if (i % 16 == 15 && rg_fit_tick(lm->f, "training the hidden layers", -1)) break;
    RG_TRY(bidiagonalise(lm, k, &alpha, &beta));
    double damped = hypot(rhobar, sqrt(lm->damping));
    phibar *= rhobar / damped;
    double rho = hypot(damped, beta), cosine = damped / rho, sine = beta / rho;
    double theta = sine * alpha, phi = cosine * phibar;
    rhobar = -cosine * alpha;
    phibar *= sine;
    for (int64_t j = 0; j < n; j++) {
      k->y[j] += phi / rho * k->w[j];
      k->w[j] = k->v[j] - theta / rho * k->w[j];
    }
    if (!(alpha * fabs(sine * phi) > TOLERANCE * start)) break;
  }
  return RUNG_OK;
}

rung_status rg_lm_free_step(rg_lm *lm) {
  krylov k = arrays(lm);
  RG_TRY(solve(lm, &k));
  for (int64_t j = 0; j < lm->hidden; j++) lm->step[j] = k.y[j] / lm->scale[j];
  return RUNG_OK;
}
