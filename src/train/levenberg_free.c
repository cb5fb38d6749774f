/* The step without the Jacobian as a matrix: LSQR (Paige and Saunders, ACM TOMS 8, 1982) on
 *
 *   min |P (r - D v)|^2 + lambda |S v|^2,   P = I - Q Q',  Q R = [A; mu sqrt(N) I],
 *
 * in y = S v, with products D v and D'u by graphs. Vectors of points have the ridge's p rows below
 * the points', one such column an output.
 *
 * The Golub-Kahan process D S^-1 V = U B does not depend on lambda: its coefficients and V are kept
 * for the iteration, so that another lambda costs only scalars and, where it needs them, further
 * rounds. V is orthogonalised in full; U then stays good enough by itself (Simon and Zha, SIAM J.
 * Sci. Comput. 21, 2000). */
#include "train/levenberg.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

#define ROUNDS 100      /* most steps of the Golub-Kahan process an iteration */
#define RENEWED 8       /* iterations for which S is kept */
#define FACTOR_PANEL 32 /* columns of a block of reflectors; qr.h's workspace suffices */

/* The arrays in lm->krylov. */
typedef struct krylov {
  double *u, *product;  /* [outputs][points + p] */
  double *points;       /* [outputs][points] */
  double *t;            /* [n] */
  double *small;        /* [p] or [ROUNDS + 1], the larger */
  double *v;            /* [ROUNDS + 1][n] */
  double *alpha, *beta; /* [ROUNDS + 1]: the bidiagonal matrix B; beta[0] is |P r| */
  double *rho, *theta;  /* [ROUNDS]: the R of [B; sqrt(lambda) I] */
  double *z;            /* [ROUNDS]: its right side, then y = V z */
} krylov;

size_t rg_lm_free_doubles(const rg_lm *lm) {
  size_t outputs = (size_t)lm->outputs, points = (size_t)lm->points, p = (size_t)lm->columns;
  size_t n = (size_t)lm->hidden, most = ROUNDS + 1, small = p > most ? p : most;
  return 2 * outputs * (points + p) + outputs * points + n + small + most * (n + 5);
}

static krylov arrays(const rg_lm *lm) {
  int64_t tall = lm->outputs * (lm->points + lm->columns);
  krylov k = {.u = lm->krylov};
  k.product = k.u + tall;
  k.points = k.product + tall;
  k.t = k.points + lm->outputs * lm->points;
  k.small = k.t + lm->hidden;
  k.v = k.small + (lm->columns > ROUNDS + 1 ? lm->columns : ROUNDS + 1);
  k.alpha = k.v + (ROUNDS + 1) * lm->hidden;
  k.beta = k.alpha + ROUNDS + 1;
  k.rho = k.beta + ROUNDS + 1;
  k.theta = k.rho + ROUNDS + 1;
  k.z = k.theta + ROUNDS + 1;
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

/* Scales a vector to length 1; returns the length it had. */
static double normalise(double *x, int64_t n) {
  double length = cblas_dnrm2((int)n, x, 1);
  if (length > 0) cblas_dscal((int)n, 1 / length, x, 1);
  return length;
}

/* u, the first v, alpha and beta of the Golub-Kahan process from P r. */
static rung_status start(rg_lm *lm, const krylov *k) {
  int64_t p = lm->columns, rows = lm->points + p;
  for (int64_t o = 0; o < lm->outputs; o++) {
    double *u = k->u + o * rows;
    memcpy(u, lm->error + o * lm->total, (size_t)lm->points * sizeof *u);
    for (int64_t i = 0; i < p; i++) u[lm->points + i] = -rg_lm_ridge(lm) * lm->c[o * p + i];
  }
  project(lm, k->u, k->small);
  k->beta[0] = normalise(k->u, lm->outputs * rows);
  RG_TRY(backward(lm, k, k->u, k->v));
  k->alpha[0] = normalise(k->v, lm->hidden);
  lm->rounds = 0;
  return RUNG_OK;
}

rung_status rg_lm_free_prepare(rg_lm *lm, bool first) {
  krylov k = arrays(lm);
  RG_TRY(factor_head(lm, k.small));
  if (first || ++lm->scale_age == RENEWED) {
    RG_TRY(projected_norms(lm, &k));
    rg_lm_scaling(lm, first);
    lm->scale_age = 0;
  }
  return start(lm, &k);
}

/* x less its parts along the first `count` columns of V, twice: once leaves rounding errors as
 * large as what was taken away. */
static void orthogonalise(const rg_lm *lm, const krylov *k, int count, double *x) {
  int n = (int)lm->hidden;
  for (int i = 0; i < 2; i++) {
    cblas_dgemv(CblasColMajor, CblasTrans, n, count, 1, k->v, n, x, 1, 0, k->small, 1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, count, -1, k->v, n, k->small, 1, 1, x, 1);
  }
}

/* One more step of the Golub-Kahan process. */
static rung_status bidiagonalise(rg_lm *lm, const krylov *k) {
  int64_t tall = lm->outputs * (lm->points + lm->columns), n = lm->hidden;
  int i = lm->rounds++;
  double *v = k->v + i * n, *next = v + n;
  RG_TRY(forward(lm, k, v, k->product));
  cblas_daxpby((int)tall, 1, k->product, 1, -k->alpha[i], k->u, 1);
  k->beta[i + 1] = normalise(k->u, tall);
  RG_TRY(backward(lm, k, k->u, next));
  orthogonalise(lm, k, i + 1, next);
  k->alpha[i + 1] = normalise(next, n);
  return RUNG_OK;
}

/* LSQR's rotations, with the names of Paige and Saunders: R and its right side for lm->damping,
 * until the gradient is lm->tolerance of its start. *count gets the rounds used. */
static rung_status rotate(rg_lm *lm, const krylov *k, int *count) {
  double phibar = k->beta[0], rhobar = k->alpha[0], begin = phibar * rhobar;
  int i = 0;
  while (i < ROUNDS && begin > 0) {
    if (i == lm->rounds) {
      if (i % 16 == 15 && rg_fit_tick(lm->f, "training the hidden layers", -1)) break;
      RG_TRY(bidiagonalise(lm, k));
    }
    double alpha = k->alpha[i + 1], beta = k->beta[i + 1];
    double damped = hypot(rhobar, sqrt(lm->damping));
    phibar *= rhobar / damped;
    k->rho[i] = hypot(damped, beta);
    double cosine = damped / k->rho[i], sine = beta / k->rho[i];
    k->theta[i] = sine * alpha;
    k->z[i] = cosine * phibar;
    rhobar = -cosine * alpha;
    phibar *= sine;
    double gradient = alpha * fabs(sine * k->z[i++]);
    if (!(gradient > lm->tolerance * begin)) break;
  }
  *count = i;
  return RUNG_OK;
}

rung_status rg_lm_free_step(rg_lm *lm) {
  krylov k = arrays(lm);
  int count, n = (int)lm->hidden;
  RG_TRY(rotate(lm, &k, &count));
  for (int i = count - 1; i >= 0; i--) {
    double after = i + 1 < count ? k.theta[i] * k.z[i + 1] : 0;
    k.z[i] = (k.z[i] - after) / k.rho[i];
  }
  memset(lm->step, 0, (size_t)n * sizeof *lm->step);
  if (count > 0)
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, count, 1, k.v, n, k.z, 1, 0, lm->step, 1);
  for (int64_t j = 0; j < n; j++) lm->step[j] /= lm->scale[j];
  return RUNG_OK;
}
