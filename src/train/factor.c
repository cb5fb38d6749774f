#include "train/factor.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

#define TINY 1e-15 /* singular values below this share of the largest count as 0 */

double rg_filter(int index) {
  return pow(10, -0.5 * index);
}

/* Doubles of workspace that the SVD of a block of n x n features asks for: about 3 n^2. */
static int64_t svd_work(int64_t n) {
  double wanted = 0, none = 0;
  lapack_int size = (lapack_int)n, integers = 0;
  LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'A', size, size, &none, size, &none, &none, size, &none,
                      size, &wanted, -1, &integers);
  return (int64_t)wanted;
}

size_t rg_factor_bytes(rung_context *ctx, int64_t rows, int64_t free, int64_t features, int outputs,
                       int64_t judged, bool leave_one_out) {
  int64_t n = features, columns = free + n, augmented = columns + outputs;
  int64_t kept = columns * columns + 2 * n * n + outputs * (columns + n) + n;
  if (leave_one_out) kept += rows * columns;
  int64_t small = leave_one_out ? rows * outputs + 64 * augmented : augmented * augmented;
  int64_t svd = n * n + svd_work(n) + 4 * n;
  int64_t rotate = leave_one_out ? rows * n : 0;
  int64_t scan = RG_FILTERS * (outputs * (columns + judged) + n + judged) + 64 * n;
  int64_t most = small;
  if (svd > most) most = svd;
  if (rotate > most) most = rotate;
  if (scan > most) most = scan;
  size_t bytes = (size_t)(kept + most) * sizeof(double);
  size_t reduction = (size_t)(kept + small) * sizeof(double) + rg_qr_bytes(ctx, rows, augmented);
  return !leave_one_out && reduction > bytes ? reduction : bytes;
}

void rg_factor_free(rg_factor *f) {
  rg_free(f->ctx, f->r);
  rg_free(f->ctx, f->q);
  rg_free(f->ctx, f->u);
  rg_free(f->ctx, f->vt);
  rg_free(f->ctx, f->singular);
  rg_free(f->ctx, f->projected);
  rg_free(f->ctx, f->basis);
  *f = (rg_factor){.ctx = f->ctx};
}

static rung_status allocate(rg_factor *f) {
  size_t n = (size_t)f->features, c = (size_t)f->columns, m = (size_t)f->outputs;
  f->r = rg_calloc(f->ctx, c * c, sizeof(double));
  f->q = rg_alloc(f->ctx, m * c, sizeof(double));
  f->u = rg_alloc(f->ctx, n * n, sizeof(double));
  f->vt = rg_alloc(f->ctx, n * n, sizeof(double));
  f->singular = rg_alloc(f->ctx, n, sizeof(double));
  f->projected = rg_alloc(f->ctx, m * n, sizeof(double));
  if (f->leave_one_out) f->basis = rg_alloc(f->ctx, c * (size_t)f->rows, sizeof(double));
  return f->r && f->q && f->u && f->vt && f->singular && f->projected &&
                 (f->basis || !f->leave_one_out)
             ? RUNG_OK
             : RUNG_E_MEMORY;
}

static rung_status lapack_failed(rung_context *ctx, const char *routine, int info) {
  return rg_fail(ctx, RUNG_E_NUMERIC, "least squares: LAPACK's %s returned %d", routine, info);
}

/* Upper triangle of the first `columns` columns, and what stands in the columns behind as q. */
static void take_r_and_q(rg_factor *f, const double *reduced, int64_t ld) {
  for (int64_t j = 0; j < f->columns; j++)
    memcpy(f->r + j * f->columns, reduced + j * ld, (size_t)(j + 1) * sizeof(double));
  for (int o = 0; o < f->outputs; o++)
    memcpy(f->q + o * f->columns, reduced + (f->columns + o) * ld,
           (size_t)f->columns * sizeof(double));
}

/* Many rows: only R and Q'y are wanted, from QR of blocks of rows, which it overwrites. */
static rung_status reduce(rg_factor *f, double *matrix, int64_t ld) {
  int64_t augmented = f->columns + f->outputs;
  double *r = rg_alloc(f->ctx, (size_t)(augmented * augmented), sizeof *r);
  void *workspace = rg_alloc(f->ctx, rg_qr_bytes(f->ctx, f->rows, augmented), 1);
  rung_status status = r && workspace ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK)
    status = rg_qr_reduce(f->ctx, f->rows, augmented, matrix, ld, r, augmented, workspace);
  if (status == RUNG_OK) take_r_and_q(f, r, augmented);
  rg_free(f->ctx, r);
  rg_free(f->ctx, workspace);
  return status;
}

/* Few rows: Q is wanted too, for leave-one-out errors. */
static rung_status orthogonalise(rg_factor *f, const double *matrix, int64_t ld, double *tau,
                                 double *y, double *work, int64_t work_size) {
  lapack_int rows = (lapack_int)f->rows, columns = (lapack_int)f->columns;
  for (int64_t j = 0; j < f->columns; j++)
    memcpy(f->basis + j * f->rows, matrix + j * ld, (size_t)f->rows * sizeof(double));
  for (int o = 0; o < f->outputs; o++)
    memcpy(y + o * f->rows, matrix + (f->columns + o) * ld, (size_t)f->rows * sizeof(double));
  int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, columns, f->basis, rows, tau, work,
                                 (lapack_int)work_size);
  if (info) return lapack_failed(f->ctx, "dgeqrf", info);
  info = LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', 'T', rows, f->outputs, columns, f->basis, rows,
                             tau, y, rows, work, (lapack_int)work_size);
  if (info) return lapack_failed(f->ctx, "dormqr", info);
  for (int64_t j = 0; j < f->columns; j++)
    memcpy(f->r + j * f->columns, f->basis + j * f->rows, (size_t)(j + 1) * sizeof(double));
  for (int o = 0; o < f->outputs; o++)
    memcpy(f->q + o * f->columns, y + o * f->rows, (size_t)f->columns * sizeof(double));
  info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, f->basis, rows, tau, work,
                             (lapack_int)work_size);
  return info ? lapack_failed(f->ctx, "dorgqr", info) : RUNG_OK;
}

static rung_status factor_small(rg_factor *f, const double *matrix, int64_t ld) {
  int64_t work_size = 64 * (f->columns + f->outputs);
  double *tau = rg_alloc(f->ctx, (size_t)f->columns, sizeof *tau);
  double *y = rg_alloc(f->ctx, (size_t)(f->rows * f->outputs), sizeof *y);
  double *work = rg_alloc(f->ctx, (size_t)work_size, sizeof *work);
  rung_status status =
      tau && y && work ? orthogonalise(f, matrix, ld, tau, y, work, work_size) : RUNG_E_MEMORY;
  rg_free(f->ctx, tau);
  rg_free(f->ctx, y);
  rg_free(f->ctx, work);
  return status;
}

/* R22 = U S V', and U'q2 for every output. */
static rung_status decompose(rg_factor *f) {
  int64_t n = f->features, work_size = svd_work(n);
  double *block = rg_alloc(f->ctx, (size_t)(n * n), sizeof *block);
  double *work = rg_alloc(f->ctx, (size_t)work_size, sizeof *work);
  lapack_int *integers = rg_alloc(f->ctx, (size_t)(8 * n), sizeof *integers);
  rung_status status = block && work && integers ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    for (int64_t j = 0; j < n; j++)
      memcpy(block + j * n, f->r + (f->free + j) * f->columns + f->free, (size_t)n * sizeof *block);
    lapack_int size = (lapack_int)n;
    int info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'A', size, size, block, size, f->singular,
                                   f->u, size, f->vt, size, work, (lapack_int)work_size, integers);
    if (info) status = lapack_failed(f->ctx, "dgesdd", info);
  }
  rg_free(f->ctx, block);
  rg_free(f->ctx, work);
  rg_free(f->ctx, integers);
  if (status != RUNG_OK) return status;
  for (int o = 0; o < f->outputs; o++)
    cblas_dgemv(CblasColMajor, CblasTrans, (int)n, (int)n, 1, f->u, (int)n,
                f->q + o * f->columns + f->free, 1, 0, f->projected + o * n, 1);
  return RUNG_OK;
}

/* The feature part of the basis becomes Q2 U. */
static rung_status rotate_basis(rg_factor *f) {
  int64_t n = f->features;
  double *part = f->basis + f->free * f->rows;
  double *copy = rg_alloc(f->ctx, (size_t)(f->rows * n), sizeof *copy);
  if (!copy) return RUNG_E_MEMORY;
  memcpy(copy, part, (size_t)(f->rows * n) * sizeof *copy);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)f->rows, (int)n, (int)n, 1, copy,
              (int)f->rows, f->u, (int)n, 0, part, (int)f->rows);
  rg_free(f->ctx, copy);
  return RUNG_OK;
}

rung_status rg_factor_make(rung_context *ctx, double *matrix, int64_t ld, int64_t rows,
                           int64_t free, int64_t features, int outputs, bool leave_one_out,
                           rg_factor *out) {
  *out = (rg_factor){.ctx = ctx,
                     .rows = rows,
                     .free = free,
                     .features = features,
                     .columns = free + features,
                     .outputs = outputs,
                     .leave_one_out = leave_one_out};
  if (rows < free + features)
    return rg_fail(ctx, RUNG_E_DATA, "least squares: %lld rows for %lld unknowns", (long long)rows,
                   (long long)(free + features));
  rung_status status = allocate(out);
  if (status == RUNG_OK)
    status = leave_one_out ? factor_small(out, matrix, ld) : reduce(out, matrix, ld);
  if (status == RUNG_OK) status = decompose(out);
  if (status == RUNG_OK && leave_one_out) status = rotate_basis(out);
  return status;
}

/* S^2 / (S^2 + (t S_0)^2): how much of a direction the filter lets pass. */
static double passed(const rg_factor *f, int64_t k, double filter) {
  double s = f->singular[k], damp = filter * f->singular[0];
  return s > TINY * f->singular[0] ? s * s / (s * s + damp * damp) : 0;
}

static double *head_of(const rg_factor *f, double *head, int output) {
  return head + output * f->columns;
}

static void heads(const rg_factor *f, double filter, double *filtered, double *head) {
  int n = (int)f->features, z = (int)f->free, c = (int)f->columns;
  for (int o = 0; o < f->outputs; o++) {
    double *h = head_of(f, head, o);
    for (int64_t k = 0; k < n; k++) {
      double pass = passed(f, k, filter);
      filtered[k] = pass > 0 ? pass / f->singular[k] * f->projected[o * n + k] : 0;
    }
    cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1, f->vt, n, filtered, 1, 0, h + z, 1);
    memcpy(h, f->q + o * c, (size_t)z * sizeof *h);
    cblas_dgemv(CblasColMajor, CblasNoTrans, z, n, -1, f->r + (int64_t)z * c, c, h + z, 1, 1, h, 1);
    cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, z, f->r, c, h, 1);
  }
}

rung_status rg_factor_head(const rg_factor *f, double filter, double *head) {
  double *filtered = rg_alloc(f->ctx, (size_t)f->features, sizeof *filtered);
  if (!filtered) return RUNG_E_MEMORY;
  heads(f, filter, filtered, head);
  rg_free(f->ctx, filtered);
  return RUNG_OK;
}

/* Errors of held-out rows for every filter: error[filter][output][judged]. */
static void judge_heldout(const rg_factor *f, const double *matrix, int64_t ld, int64_t judged,
                          const double *head, double *error) {
  const double *rows = matrix + f->rows;
  for (int t = 0; t < RG_FILTERS; t++)
    for (int o = 0; o < f->outputs; o++)
      memcpy(error + (t * f->outputs + o) * judged, rows + (f->columns + o) * ld,
             (size_t)judged * sizeof *error);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)judged, RG_FILTERS * f->outputs,
              (int)f->columns, 1, rows, (int)ld, head, (int)f->columns, -1, error, (int)judged);
}

/* Leave-one-out errors r_i / (1 - H_ii) from the orthogonal basis. */
static void judge_left_out(const rg_factor *f, const double *matrix, int64_t ld, double *filtered,
                           double *squares, double *leverage, double *error) {
  int rows = (int)f->rows, z = (int)f->free, n = (int)f->features;
  const double *features = f->basis + (int64_t)z * rows;
  for (int o = 0; o < f->outputs; o++)
    for (int t = 0; t < RG_FILTERS; t++) {
      double *e = error + (int64_t)(t * f->outputs + o) * rows;
      memcpy(e, matrix + (f->columns + o) * ld, (size_t)rows * sizeof *e);
      cblas_dgemv(CblasColMajor, CblasNoTrans, rows, z, -1, f->basis, rows, f->q + o * f->columns,
                  1, 1, e, 1);
      for (int k = 0; k < n; k++)
        filtered[k] = passed(f, k, rg_filter(t)) * f->projected[o * n + k];
      cblas_dgemv(CblasColMajor, CblasNoTrans, rows, n, -1, features, rows, filtered, 1, 1, e, 1);
    }
  for (int t = 0; t < RG_FILTERS; t++)
    for (int k = 0; k < n; k++) filtered[t * n + k] = passed(f, k, rg_filter(t));
  for (int first = 0; first < rows; first += 64) { /* H_ii = sum Q1^2 + sum (Q2 U)^2 passed */
    int count = rows - first < 64 ? rows - first : 64;
    for (int k = 0; k < n; k++)
      for (int i = 0; i < count; i++) {
        double v = features[(int64_t)k * rows + first + i];
        squares[k * 64 + i] = v * v;
      }
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, count, RG_FILTERS, n, 1, squares, 64,
                filtered, n, 0, leverage + first, rows);
  }
  for (int t = 0; t < RG_FILTERS; t++)
    for (int i = 0; i < rows; i++) {
      double h = leverage[(int64_t)t * rows + i];
      for (int k = 0; k < z; k++)
        h += f->basis[(int64_t)k * rows + i] * f->basis[(int64_t)k * rows + i];
      double rest = 1 - fmin(h, 1 - 1e-12);
      for (int o = 0; o < f->outputs; o++) error[(int64_t)(t * f->outputs + o) * rows + i] /= rest;
    }
}

static double largest_norm(const rg_factor *f, const double *head) {
  double norm = 0;
  for (int o = 0; o < f->outputs; o++)
    norm = fmax(norm, cblas_dnrm2((int)f->columns, head + o * f->columns, 1));
  return norm;
}

/* The first filter from the strong end that no weaker one beats by 0.2 % (20 % at rounding level).
 */
static int best_filter(const rg_factor *f, int64_t judged, const double *head, const double *error,
                       double unit, int strongest, double *score) {
  int best = -1;
  for (int t = strongest; t < RG_FILTERS; t++) {
    const double *e = error + (int64_t)t * f->outputs * judged;
    double sum = 0, norm = largest_norm(f, head + (int64_t)t * f->outputs * f->columns);
    for (int64_t i = 0; i < judged * f->outputs; i++) sum += e[i] * e[i];
    double found = sqrt(sum / (double)(judged * f->outputs) + unit * unit * norm * norm);
    double margin = best >= 0 && *score > 1000 * unit ? 0.998 : 0.8;
    if (!isfinite(found) || (best >= 0 && found >= margin * *score)) continue;
    best = t;
    *score = found;
  }
  return best;
}

static void report_choice(const rg_factor *f, int filter, int64_t judged, const double *head,
                          const double *error, rg_choice *choice) {
  const double *h = head + (int64_t)filter * f->outputs * f->columns;
  const double *e = error + (int64_t)filter * f->outputs * judged;
  memcpy(choice->head, h, (size_t)(f->outputs * f->columns) * sizeof *h);
  for (int64_t i = 0; i < judged; i++) {
    double sum = 0;
    for (int o = 0; o < f->outputs; o++) sum += e[o * judged + i] * e[o * judged + i];
    choice->squared[i] = sum / f->outputs;
  }
  choice->filter = rg_filter(filter);
  choice->norm = largest_norm(f, h);
  choice->freedom = (double)f->free;
  for (int64_t k = 0; k < f->features; k++) choice->freedom += passed(f, k, choice->filter);
}

rung_status rg_factor_choose(const rg_factor *f, const double *matrix, int64_t ld, int64_t judged,
                             double unit, int strongest, rg_choice *choice) {
  if (f->leave_one_out) judged = f->rows;
  size_t m = (size_t)f->outputs, j = (size_t)judged;
  double *head = rg_alloc(f->ctx, RG_FILTERS * m * (size_t)f->columns, sizeof *head);
  double *error = rg_alloc(f->ctx, RG_FILTERS * m * j, sizeof *error);
  double *filtered = rg_alloc(f->ctx, RG_FILTERS * (size_t)f->features, sizeof *filtered);
  double *squares = rg_alloc(f->ctx, 64 * (size_t)f->features, sizeof *squares);
  double *leverage = rg_alloc(f->ctx, RG_FILTERS * j, sizeof *leverage);
  rung_status status = head && error && filtered && squares && leverage ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    for (int t = 0; t < RG_FILTERS; t++)
      heads(f, rg_filter(t), filtered, head + (int64_t)t * f->outputs * f->columns);
    if (f->leave_one_out)
      judge_left_out(f, matrix, ld, filtered, squares, leverage, error);
    else
      judge_heldout(f, matrix, ld, judged, head, error);
    int best = best_filter(f, judged, head, error, unit, strongest, &choice->score);
    if (best < 0)
      status = rg_fail(f->ctx, RUNG_E_NUMERIC, "least squares: no finite solution was found");
    else
      report_choice(f, best, judged, head, error, choice);
  }
  rg_free(f->ctx, head);
  rg_free(f->ctx, error);
  rg_free(f->ctx, filtered);
  rg_free(f->ctx, squares);
  rg_free(f->ctx, leverage);
  return status;
}
