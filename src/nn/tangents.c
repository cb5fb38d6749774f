/* Tangent vectors pushed through all layers of a stage: Lyapunov exponents and singular values. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "nn/walk.h"
#include "num/qr.h"
#include "rung/stability.h"

#define MOST_NUMBERS 256 /* of a state whose whole Jacobian is formed */

typedef struct bundle {
  rung_context *ctx;
  int64_t samples, n; /* n: numbers of a sample's states together */
  int count;
  double *vector; /* [count][samples][n] */
} bundle;

static double *vector_of(const bundle *b, int i, int64_t sample) {
  return b->vector + ((int64_t)i * b->samples + sample) * b->n;
}

/* Unit vectors, spread over the state. */
static rung_status bundle_begin(bundle *b, const rg_probe *p, int count) {
  *b = (bundle){.ctx = p->ctx, .samples = p->samples, .n = p->total_in, .count = count};
  b->vector =
      rg_calloc(p->ctx, (size_t)count * (size_t)b->samples, (size_t)b->n * sizeof *b->vector);
  if (!b->vector) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++)
    for (int64_t s = 0; s < b->samples; s++) vector_of(b, i, s)[i * b->n / count] = 1;
  return RUNG_OK;
}

/* All vectors through the layer, and the samples with them. */
static rung_status push(const bundle *b, rg_walk *walk, rg_probe *p, int64_t layer) {
  rg_probe_load(p, layer);
  rg_walk_put(walk, p);
  for (int i = 0; i < b->count; i++) {
    rg_probe_scatter(p, vector_of(b, i, 0), p->tangent);
    RG_TRY(rg_probe_run(p));
    rg_probe_gather(p, p->tangent_out, vector_of(b, i, 0));
  }
  return rg_walk_layer(walk, p, layer);
}

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum = fma(a[i], b[i], sum);
  return sum;
}

/* The vectors of each sample orthonormal; the logarithms of their lengths are added to sum[]. */
static void orthonormalise(const bundle *b, double *sum) {
  for (int64_t s = 0; s < b->samples; s++)
    for (int i = 0; i < b->count; i++) {
      double *v = vector_of(b, i, s);
      for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < i; k++) {
          const double *q = vector_of(b, k, s);
          double part = dot(b->n, q, v);
          for (int64_t j = 0; j < b->n; j++) v[j] = fma(-part, q[j], v[j]);
        }
      double length = sqrt(dot(b->n, v, v));
      sum[i] += log(length);
      for (int64_t j = 0; j < b->n && length > 0; j++) v[j] /= length;
    }
}

static int falling(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static rung_status stage_exponents(rg_walk *walk, rg_probe *p, int count, double *out) {
  const rg_block *stage = &walk->network->blocks.list[p->block];
  if (count < 1 || count > p->total_in)
    return rg_fail(walk->ctx, RUNG_E_ARGUMENT,
                   "exponents: expected 1 to %lld, the numbers of the stage's state; found %d",
                   (long long)p->total_in, count);
  bundle b;
  rung_status status = bundle_begin(&b, p, count);
  for (int i = 0; i < count; i++) out[i] = 0;
  for (int64_t j = 0; status == RUNG_OK && j < stage->layers; j++) {
    status = push(&b, walk, p, j);
    if (status == RUNG_OK) orthonormalise(&b, out);
  }
  double time = stage->settings.step * (double)stage->layers;
  for (int i = 0; i < count; i++) out[i] /= time * (double)walk->samples;
  qsort(out, (size_t)count, sizeof *out, falling);
  rg_free(walk->ctx, b.vector);
  return status;
}

rung_status rung_stability_exponents(const rung_network *network, rung_context *ctx,
                                     int64_t samples, const void *x, int stage, int count,
                                     double *out) {
  rg_walk walk;
  rg_probe p = {.ctx = ctx};
  int block;
  rung_status status = rg_walk_begin(&walk, network, ctx, samples, x);
  if (status == RUNG_OK) status = rg_walk_to_stage(&walk, stage, &block);
  if (status == RUNG_OK) status = rg_probe_open(&p, network, ctx, block, samples, RG_PROBE_LAYER);
  if (status == RUNG_OK) status = stage_exponents(&walk, &p, count, out);
  rg_probe_close(&p);
  rg_walk_end(&walk);
  return status;
}

static rung_status check_finite(const bundle *b) {
  for (int64_t i = 0; i < b->count * b->samples * b->n; i++)
    if (!isfinite(b->vector[i]))
      return rg_fail(b->ctx, RUNG_E_NUMERIC, "the Jacobian of the stage is not finite");
  return RUNG_OK;
}

/* The largest singular value of each sample's Jacobian, whose columns are the vectors. */
static rung_status singular_values(const bundle *b, double *mean, double *largest) {
  RG_TRY(check_finite(b));
  int n = (int)b->n, none = 1, lwork = 10 * n + 64;
  double *work = rg_alloc(b->ctx, (size_t)(n * n + n + lwork), sizeof *work), unused = 0;
  if (!work) return RUNG_E_MEMORY;
  double *matrix = work + n + lwork, logs = 0;
  *largest = 0;
  int info = 0;
  rg_blas_single_thread();
  for (int64_t s = 0; s < b->samples && info == 0; s++) {
    for (int i = 0; i < n; i++)
      memcpy(matrix + (int64_t)i * n, vector_of(b, i, s), (size_t)n * sizeof *matrix);
    info = LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'N', 'N', n, n, matrix, n, work, &unused, none,
                               &unused, none, work + n, lwork);
    logs += log(work[0]);
    *largest = fmax(*largest, work[0]);
  }
  *mean = exp(logs / (double)b->samples);
  rg_free(b->ctx, work);
  if (info == 0) return RUNG_OK;
  return rg_fail(b->ctx, RUNG_E_NUMERIC, "singular values of %d by %d numbers were not found", n,
                 n);
}

static rung_status stage_stretch(rg_walk *walk, rg_probe *p, double *mean, double *largest) {
  if (p->total_in > MOST_NUMBERS)
    return rg_fail(walk->ctx, RUNG_E_UNSUPPORTED,
                   "the stretch is computed for states of up to %d numbers; these have %lld",
                   MOST_NUMBERS, (long long)p->total_in);
  bundle b;
  rung_status status = bundle_begin(&b, p, (int)p->total_in);
  for (int64_t j = 0; status == RUNG_OK && j < walk->network->blocks.list[p->block].layers; j++)
    status = push(&b, walk, p, j);
  if (status == RUNG_OK) status = singular_values(&b, mean, largest);
  rg_free(walk->ctx, b.vector);
  return status;
}

rung_status rung_stability_stretch(const rung_network *network, rung_context *ctx, int64_t samples,
                                   const void *x, int stage, double *mean, double *largest) {
  rg_walk walk;
  rg_probe p = {.ctx = ctx};
  int block;
  rung_status status = rg_walk_begin(&walk, network, ctx, samples, x);
  if (status == RUNG_OK) status = rg_walk_to_stage(&walk, stage, &block);
  if (status == RUNG_OK) status = rg_probe_open(&p, network, ctx, block, samples, RG_PROBE_LAYER);
  if (status == RUNG_OK) status = stage_stretch(&walk, &p, mean, largest);
  rg_probe_close(&p);
  rg_walk_end(&walk);
  return status;
}
