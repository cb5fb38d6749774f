/* Arnoldi's method; see krylov.h. */
#include "num/krylov.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

#define MOST_STEPS 256
/* What is left of a vector of norm 1 when all of it lies in the space so far, but for rounding. */
#define EXHAUSTED 1e-12
#define RANDOM_PURPOSE 0x6b72796c6f76

typedef struct krylov {
  rung_context *ctx;
  int64_t batch, n;
  int steps;
  double *basis;      /* [steps + 1][batch][n] */
  double *hessenberg; /* [batch][steps + 1][steps], column after column */
  double *work;       /* [steps + 1] */
  int *found;
} krylov;

static double *vector(const krylov *k, int step, int64_t sample) {
  return k->basis + ((int64_t)step * k->batch + sample) * k->n;
}

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum = fma(a[i], b[i], sum);
  return sum;
}

static void begin(const krylov *k) {
  for (int64_t s = 0; s < k->batch; s++) {
    double *v = vector(k, 0, s);
    for (int64_t i = 0; i < k->n; i++)
      v[i] = rg_normal(1, RANDOM_PURPOSE, (uint64_t)(s * k->n + i));
    double size = sqrt(dot(k->n, v, v));
    for (int64_t i = 0; i < k->n; i++) v[i] /= size;
    k->found[s] = k->steps;
  }
}

/* The product w of vector `step` is made orthogonal to those so far, twice (Giraud et al. 2005:
 * enough), and becomes the next. */
static void extend(const krylov *k, int step, int64_t sample) {
  double *column = k->hessenberg + (sample * k->steps + step) * (k->steps + 1);
  double *w = vector(k, step + 1, sample);
  double before = sqrt(dot(k->n, w, w));
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i <= step; i++) {
      const double *v = vector(k, i, sample);
      double h = dot(k->n, v, w);
      column[i] += h;
      for (int64_t j = 0; j < k->n; j++) w[j] = fma(-h, v[j], w[j]);
    }
  double left = sqrt(dot(k->n, w, w));
  bool finite = isfinite(before);
  if (!finite || left <= EXHAUSTED * before) {
    if (k->found[sample] == k->steps) k->found[sample] = finite ? step + 1 : 0;
    left = 0;
  }
  column[step + 1] = left;
  for (int64_t j = 0; j < k->n; j++) w[j] = left > 0 ? w[j] / left : 0;
}

static rung_status ritz_values(const krylov *k, int64_t sample, double *re, double *im) {
  int m = k->found[sample], ld = k->steps + 1;
  if (m == 0) return RUNG_OK;
  double *h = k->hessenberg + sample * k->steps * ld, none = 0;
  if (LAPACKE_dhseqr_work(LAPACK_COL_MAJOR, 'E', 'N', m, 1, m, h, ld, re, im, &none, 1, k->work,
                          ld) == 0)
    return RUNG_OK;
  return rg_fail(k->ctx, RUNG_E_NUMERIC, "eigenvalues of %d by %d numbers were not found", m, m);
}

static rung_status iterate(const krylov *k, rg_products products, void *arg, double *re,
                           double *im) {
  begin(k);
  for (int step = 0; step < k->steps; step++) {
    RG_TRY(products(arg, vector(k, step, 0), vector(k, step + 1, 0)));
    for (int64_t s = 0; s < k->batch; s++) extend(k, step, s);
  }
  rg_blas_single_thread();
  for (int64_t s = 0; s < k->batch; s++)
    RG_TRY(ritz_values(k, s, re + s * k->steps, im + s * k->steps));
  return RUNG_OK;
}

rung_status rg_krylov(rung_context *ctx, rg_products products, void *arg, int64_t batch, int64_t n,
                      int steps, double *re, double *im, int *found) {
  if (batch < 1 || n < 1 || steps < 1 || steps > MOST_STEPS)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "Arnoldi: expected 1 to %d steps, found %d", MOST_STEPS,
                   steps);
  krylov k = {.ctx = ctx, .batch = batch, .n = n, .steps = steps, .found = found};
  size_t columns = (size_t)steps + 1, count = (size_t)batch * (size_t)n;
  k.basis = rg_alloc(ctx, columns * sizeof *k.basis, count);
  k.hessenberg = rg_calloc(ctx, (size_t)batch * columns * (size_t)steps, sizeof *k.hessenberg);
  k.work = rg_alloc(ctx, columns, sizeof *k.work);
  rung_status status = RUNG_E_MEMORY;
  if (k.basis && k.hessenberg && k.work) status = iterate(&k, products, arg, re, im);
  rg_free(ctx, k.basis);
  rg_free(ctx, k.hessenberg);
  rg_free(ctx, k.work);
  return status;
}
