/* See qr.h. */
#include "num/qr.h"

#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <string.h>

#define PANEL 32 /* columns that become one block of reflectors */

void rg_blas_single_thread(void) {
  openblas_set_num_threads(1);
}

/* A power of two, so that pairs come out even; no block is wider than it is tall, which makes the
 * operations as many as in one factorization of the whole. */
static int64_t block_count(int64_t rows, int64_t columns) {
  int64_t least = columns < 256 ? 256 : columns, count = 1;
  while (count * 2 * least <= rows) count *= 2;
  return count;
}

static int slot_count(rung_context *ctx, int64_t blocks) {
  return rung_threads(ctx) < blocks ? rung_threads(ctx) : (int)blocks;
}

/* The block of reflectors T and LAPACK's workspace. */
static size_t slot_bytes(int64_t columns) {
  return 2 * PANEL * (size_t)columns * sizeof(double);
}

size_t rg_qr_bytes(rung_context *ctx, int64_t rows, int64_t columns) {
  return (size_t)slot_count(ctx, block_count(rows, columns)) * slot_bytes(columns);
}

typedef struct reduction {
  int64_t rows, columns, blocks, step; /* step: distance of the blocks that are paired */
  double *a;
  int64_t lda;
  char *workspace;
} reduction;

static int64_t block_begin(const reduction *q, int64_t block) {
  return q->rows * block / q->blocks;
}

static void factor_block(void *arg, int64_t piece, int slot) {
  const reduction *q = arg;
  int64_t begin = block_begin(q, piece);
  int64_t rows = (piece + 1 == q->blocks ? q->rows : block_begin(q, piece + 1)) - begin;
  int64_t least = rows < q->columns ? rows : q->columns, panel = least < PANEL ? least : PANEL;
  double *t = (double *)(q->workspace + (size_t)slot * slot_bytes(q->columns));
  LAPACKE_dgeqrt_work(LAPACK_COL_MAJOR, (int)rows, (int)q->columns, (int)panel, q->a + begin,
                      (int)q->lda, t, (int)panel, t + PANEL * q->columns);
}

/* R of [R; B]. */
static void join(int64_t columns, double *r, int64_t ldr, int64_t rows, int64_t triangle, double *b,
                 int64_t ldb, double *t) {
  int64_t panel = columns < PANEL ? columns : PANEL;
  LAPACKE_dtpqrt_work(LAPACK_COL_MAJOR, (int)rows, (int)columns, (int)triangle, (int)panel, r,
                      (int)ldr, b, (int)ldb, t, (int)panel, t + PANEL * columns);
}

static void join_pair(void *arg, int64_t piece, int slot) {
  const reduction *q = arg;
  double *upper = q->a + block_begin(q, 2 * piece * q->step);
  double *lower = q->a + block_begin(q, (2 * piece + 1) * q->step);
  double *t = (double *)(q->workspace + (size_t)slot * slot_bytes(q->columns));
  join(q->columns, upper, q->lda, q->columns, q->columns, lower, q->lda, t);
}

static rung_status check(rung_context *ctx, int64_t rows, int64_t columns, int64_t ld) {
  if (rows >= 1 && columns >= 1 && ld >= rows && ld <= INT_MAX && columns <= INT_MAX / PANEL)
    return RUNG_OK;
  return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                 "QR: expected 1..%d rows and 1..%d columns, found %lld (%lld apart) and %lld",
                 INT_MAX, INT_MAX / PANEL, (long long)rows, (long long)ld, (long long)columns);
}

rung_status rg_qr_reduce(rung_context *ctx, int64_t rows, int64_t columns, double *a, int64_t lda,
                         double *r, int64_t ldr, void *workspace) {
  RG_TRY(check(ctx, rows, columns, lda));
  RG_TRY(check(ctx, columns, columns, ldr));
  rg_blas_single_thread();
  reduction q = {.rows = rows,
                 .columns = columns,
                 .blocks = block_count(rows, columns),
                 .a = a,
                 .lda = lda,
                 .workspace = workspace};
  int slots = slot_count(ctx, q.blocks);
  if ((double)rows * (double)columns * (double)columns < 2e6) slots = 1; /* not worth a thread */
  rg_parallel_slots(ctx, slots, q.blocks, factor_block, &q);
  for (q.step = 1; q.step < q.blocks; q.step *= 2)
    rg_parallel_slots(ctx, slots, q.blocks / (2 * q.step), join_pair, &q);
  for (int64_t j = 0; j < columns; j++) {
    int64_t length = j + 1 < rows ? j + 1 : rows;
    memcpy(r + j * ldr, a + j * lda, (size_t)length * sizeof *r);
    memset(r + j * ldr + length, 0, (size_t)(columns - length) * sizeof *r);
  }
  return RUNG_OK;
}

rung_status rg_qr_update(rung_context *ctx, int64_t columns, double *r, int64_t ldr, int64_t rows,
                         int64_t triangle, double *b, int64_t ldb, void *workspace) {
  RG_TRY(check(ctx, columns, columns, ldr));
  RG_TRY(check(ctx, rows, columns, ldb));
  if (triangle < 0 || triangle > rows || triangle > columns)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "QR: expected 0..%lld trapezoidal rows, found %lld",
                   (long long)(rows < columns ? rows : columns), (long long)triangle);
  rg_blas_single_thread();
  join(columns, r, ldr, rows, triangle, b, ldb, workspace);
  return RUNG_OK;
}

/* A (column-major, rows >= columns) becomes its Q; `sign` [columns] are those of R's diagonal. */
static void tall_q(int rows, int columns, double *a, double *tau, double *work, int size) {
  double *sign = tau + columns;
  LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, columns, a, rows, tau, work, size);
  for (int64_t j = 0; j < columns; j++) sign[j] = a[j * rows + j] < 0 ? -1 : 1;
  LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, a, rows, tau, work, size);
  for (int64_t j = 0; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) a[j * rows + i] *= sign[j];
}

static void transpose(int64_t rows, int64_t columns, const double *from, double *to) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

rung_status rg_orthogonal(rung_context *ctx, int64_t rows, int64_t columns, double *a) {
  int64_t most = rows > columns ? rows : columns, least = rows < columns ? rows : columns;
  if (least < 1 || most > RG_MOST_ORTHOGONAL)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "orthonormal matrix: expected 1 to %d rows and columns, found %lld x %lld",
                   RG_MOST_ORTHOGONAL, (long long)rows, (long long)columns);
  bool turned = rows > columns; /* row-major: its transpose is what LAPACK sees */
  double *tall = turned ? rg_alloc(ctx, (size_t)(rows * columns), sizeof *a) : a;
  double *work = rg_alloc(ctx, (size_t)(least * (PANEL + 2)), sizeof *work);
  rung_status status = tall && work ? RUNG_OK : RUNG_E_MEMORY;
  rg_blas_single_thread();
  if (status == RUNG_OK && turned) transpose(rows, columns, a, tall);
  if (status == RUNG_OK)
    tall_q((int)most, (int)least, tall, work + least * PANEL, work, (int)least * PANEL);
  if (status == RUNG_OK && turned) transpose(columns, rows, tall, a);
  if (turned) rg_free(ctx, tall);
  rg_free(ctx, work);
  return status;
}
