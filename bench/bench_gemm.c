/* Matrix products beside the arithmetic peak of one core and OpenBLAS, all measured in turn.
 *
 * A flop is one addition or multiplication of the product's definition, 2 m n k in all; for Dot2
 * and double-double too, whose elements cost many machine operations each. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "kernel/gemm.h"
#include "peak.h"

enum { ROUNDS = 9 };
static const double SLICE = 0.01; /* seconds of one measurement */

typedef struct job {
  rg_gemm_args g;
  bool blas;
} job;

static void work(const job *j) {
  const rg_gemm_args *g = &j->g;
  CBLAS_TRANSPOSE ta = g->transpose_a ? CblasTrans : CblasNoTrans;
  CBLAS_TRANSPOSE tb = g->transpose_b ? CblasTrans : CblasNoTrans;
  int m = (int)g->m, n = (int)g->n, k = (int)g->k;
  int lda = (int)g->lda, ldb = (int)g->ldb, ldc = (int)g->ldc;
  if (!j->blas)
    rg_gemm(g);
  else if (g->dtype == RUNG_F32)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, 0, g->c, ldc);
  else
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, 0, g->c, ldc);
}

/* Flops a second over one slice of time. */
static double rate(const job *j) {
  double flops = j ? 2.0 * (double)j->g.m * (double)j->g.n * (double)j->g.k : 0, done = 0;
  int64_t calls = 1;
  double start = seconds(), now = start;
  while (now - start < SLICE) {
    for (int64_t i = 0; i < calls; i++) {
      if (j)
        work(j);
      else
        flops = peak_call(1000);
      done += flops;
    }
    now = seconds();
    if (now - start < SLICE / 10) calls *= 2;
  }
  return done / (now - start);
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double median(double *x) {
  qsort(x, ROUNDS, sizeof *x, ascending);
  return x[ROUNDS / 2];
}

static void *numbers(rung_dtype dtype, int64_t count) {
  void *data = aligned_alloc(64, ((size_t)count * rung_dtype_size(dtype) + 63) / 64 * 64);
  if (!data) exit(1);
  for (int64_t i = 0; i < count; i++) {
    double x = rg_normal(1, 1, (uint64_t)i);
    if (dtype == RUNG_F32) ((float *)data)[i] = (float)x;
    if (dtype == RUNG_F64) ((double *)data)[i] = x;
    if (dtype == RUNG_DD) ((rung_dd *)data)[i] = (rung_dd){x, x * 1e-17};
  }
  return data;
}

typedef struct bench_case {
  int64_t m, n, k;
  const char *layout; /* two of N and T */
} bench_case;

static void measure(rung_dtype dtype, rung_accumulate how, const bench_case *s) {
  bool ta = s->layout[0] == 'T', tb = s->layout[1] == 'T';
  job ours = {.g = {.dtype = dtype, .how = how, .isa = rung_isa_best()}}, blas;
  rg_gemm_args *g = &ours.g;
  g->transpose_a = ta, g->transpose_b = tb;
  g->m = s->m, g->n = s->n, g->k = s->k;
  g->lda = ta ? s->m : s->k, g->ldb = tb ? s->k : s->n, g->ldc = s->n;
  void *a = numbers(dtype, s->m * s->k), *b = numbers(dtype, s->k * s->n);
  g->a = a, g->b = b;
  g->c = numbers(dtype, s->m * s->n);
  size_t scratch = rg_gemm_scratch(g);
  g->scratch = scratch ? aligned_alloc(64, scratch) : NULL;
  blas = ours;
  blas.blas = true;
  double peak[ROUNDS], mine[ROUNDS], theirs[ROUNDS], share[ROUNDS], ratio[ROUNDS];
  bool beside = how == RUNG_WORKING && dtype != RUNG_DD;
  for (int r = 0; r < ROUNDS; r++) {
    peak[r] = rate(NULL) / (dtype == RUNG_F32 ? 1 : 2);
    mine[r] = rate(&ours);
    theirs[r] = beside ? rate(&blas) : 0;
    share[r] = 100 * mine[r] / peak[r];
    ratio[r] = beside ? mine[r] / theirs[r] : 0;
  }
  printf("%-6s %-5s %s %5ld %5ld %5ld %9.2f %8.1f %8.2f", rung_dtype_name(dtype),
         how == RUNG_COMPENSATED ? "Dot2" : "chain", s->layout, (long)s->m, (long)s->n, (long)s->k,
         median(mine) / 1e9, median(peak) / 1e9, median(share));
  if (beside) printf(" %9.2f %6.2f", median(theirs) / 1e9, median(ratio));
  printf("\n");
  fflush(stdout);
  free(a);
  free(b);
  free(g->c);
  free(g->scratch);
}

int main(void) {
  static const bench_case cases[] = {
      {32, 32, 32, "NN"},    {64, 64, 64, "NN"},    {128, 128, 128, "NN"}, {256, 256, 256, "NN"},
      {512, 512, 512, "NN"}, {512, 512, 512, "TN"}, {512, 512, 512, "NT"}, {1024, 1024, 1024, "NN"},
      {1, 1024, 80, "NN"},   {1, 1024, 80, "NT"},   {1024, 1, 80, "NN"},   {1024, 1, 80, "TN"},
      {80, 1024, 1, "NN"},   {80, 1024, 8, "NN"},   {1024, 80, 8, "NT"},   {100, 100, 100, "NN"},
      {7, 33, 20, "NN"},     {80, 81, 1024, "NT"},  {80, 80, 1024, "TN"}};
  static const bench_case heavy[] = {{32, 32, 32, "NN"},    {256, 256, 256, "NN"},
                                     {256, 256, 256, "NT"}, {1, 1024, 80, "NN"},
                                     {1, 1024, 80, "NT"},   {1024, 1, 80, "NN"}};
  openblas_set_num_threads(1);
  printf("one core, GFlop/s; medians of %d slices in turn\n", ROUNDS);
  printf("%-6s %-5s %s %5s %5s %5s %9s %8s %8s %9s %6s\n", "type", "sum", "op", "m", "n", "k",
         "rung", "peak", "% peak", "OpenBLAS", "ratio");
  for (int d = RUNG_F32; d <= RUNG_F64; d++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      measure((rung_dtype)d, RUNG_WORKING, &cases[i]);
  for (int d = RUNG_F32; d <= RUNG_F64; d++)
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++)
      measure((rung_dtype)d, RUNG_COMPENSATED, &heavy[i]);
  for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++)
    measure(RUNG_DD, RUNG_WORKING, &heavy[i]);
  return 0;
}
