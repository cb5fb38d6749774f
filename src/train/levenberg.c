/* Levenberg-Marquardt with variable projection: the loop. docs/levenberg.md has the formulas. */
#include "train/levenberg.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "num/qr.h"

#define TRIES 12 /* dampings tried before a step is given up */
#define DAMPING_LEAST 1e-16
#define TOLERANCE 1e-3     /* of the gradient of a matrix-free step, relative to its start */
#define MOST_COLUMNS 65536 /* of a dense problem: its triangle takes 32 GiB */

rg_levenberg_options rg_levenberg_options_default(void) {
  return (rg_levenberg_options){.iterations = 200,
                                .patience = 25,
                                .ridge = 1e-6,
                                .floor = 0.01,
                                .damping = 1e-2,
                                .dense_limit = 4000};
}

static rung_status check(rung_context *ctx, const rg_points *data, const rg_stage *stage) {
  if (stage->layer[0].inputs != data->inputs)
    return rg_fail(ctx, RUNG_E_SHAPE, "Levenberg: the stage has %lld inputs, the points have %d",
                   (long long)stage->layer[0].inputs, data->inputs);
  if (data->points < 1 || data->heldout < 0 || data->ld < data->points + data->heldout)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "Levenberg: %lld points and %lld held out of %lld",
                   (long long)data->points, (long long)data->heldout, (long long)data->ld);
  return RUNG_OK;
}

static rung_status init(rg_lm *lm, rg_fit *f, const rg_points *data,
                        const rg_levenberg_options *options, const rg_stage *stage) {
  *lm = (rg_lm){.f = f, .ctx = f->ctx, .data = data, .options = options, .stage = stage};
  RG_TRY(check(f->ctx, data, stage));
  lm->points = data->points;
  lm->total = data->points + data->heldout;
  lm->judged = data->heldout > 0;
  lm->outputs = data->outputs;
  lm->width = stage->layer[stage->layer_count - 1].width;
  lm->columns = lm->width + 1 + (stage->has_skip ? data->inputs : 0);
  for (int l = 0; l < stage->layer_count; l++)
    lm->hidden += stage->layer[l].width * (stage->layer[l].inputs + 1);
  lm->dense = lm->hidden <= options->dense_limit;
  lm->damping = options->damping;
  lm->tolerance = TOLERANCE;
  double rows = (double)data->outputs * (double)(lm->total + lm->columns);
  if (rows > INT_MAX)
    return rg_fail(f->ctx, RUNG_E_UNSUPPORTED, "Levenberg: %g residuals, of %d that are possible",
                   rows, INT_MAX);
  if (lm->dense && lm->columns + lm->hidden + 1 > MOST_COLUMNS)
    return rg_fail(f->ctx, RUNG_E_UNSUPPORTED,
                   "Levenberg: %lld parameters at once, of %d that are possible",
                   (long long)(lm->columns + lm->hidden), MOST_COLUMNS);
  return RUNG_OK;
}

static rung_status compile(rg_lm *lm) {
  RG_TRY(rg_lm_compile(lm, RG_LM_FEATURES));
  if (lm->dense) return rg_lm_compile(lm, RG_LM_JACOBIAN);
  RG_TRY(rg_lm_compile(lm, RG_LM_NORMS));
  RG_TRY(rg_lm_compile(lm, RG_LM_PUSH));
  return rg_lm_compile(lm, RG_LM_PULL);
}

/* The next `count` elements of the block of memory; the block may be NULL, for its size. */
static void *cut(char *base, size_t *used, size_t count, size_t size) {
  void *at = base ? base + *used : NULL;
  *used += (count * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  return at;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* What factors need at one time or another; their rows may be fewer than the ridge's. */
static size_t matrix_doubles(const rg_lm *lm) {
  size_t n = (size_t)lm->hidden, p = (size_t)lm->columns;
  size_t rows = larger((size_t)lm->points, p), head = rows * (p + (size_t)lm->outputs);
  if (!lm->dense) return head;
  return larger(larger(head, rows * (p + n + 1)), (n + 1) * (2 * n + 1));
}

static void lay_out_dense(rg_lm *lm, char *base, size_t *used) {
  size_t n = (size_t)lm->hidden + 1, all = (size_t)lm->columns + n, size = sizeof(double);
  lm->all_r = cut(base, used, all * all, size);
  if (lm->outputs > 1) lm->joined = cut(base, used, n * n, size);
  lm->qr = cut(base, used,
               larger(rg_qr_bytes(lm->ctx, lm->points, (int64_t)all),
                      rg_qr_bytes(lm->ctx, lm->points, lm->columns + lm->outputs)),
               1);
}

static void lay_out_free(rg_lm *lm, char *base, size_t *used) {
  lm->q = cut(base, used, (size_t)(lm->columns * (lm->points + lm->columns)), sizeof(double));
  lm->krylov = cut(base, used, rg_lm_free_doubles(lm), sizeof(double));
  lm->qr = cut(base, used, rg_qr_bytes(lm->ctx, lm->points, lm->columns + lm->outputs), 1);
}

/* Bytes of the block of memory at `base`, whose arrays get their places. */
static size_t lay_out(rg_lm *lm, char *base) {
  size_t used = 0, size = sizeof(double), n = (size_t)lm->hidden, run = 0;
  size_t outputs = (size_t)lm->outputs, head = outputs * (size_t)lm->columns;
  size_t layers = (size_t)lm->stage->layer_count, square = (size_t)lm->columns + outputs;
  double **vector[] = {&lm->w, &lm->trial_w, &lm->best_w, &lm->norm, &lm->scale, &lm->step};
  double **heads[] = {&lm->c, &lm->trial_c, &lm->best_c, &lm->head_row};
  for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
    *vector[i] = cut(base, &used, n, size);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    *heads[i] = cut(base, &used, head, size);
  lm->features = cut(base, &used, (size_t)((lm->width + 1 + lm->data->inputs) * lm->total), size);
  lm->error = cut(base, &used, outputs * (size_t)lm->total, size);
  lm->head_r = cut(base, &used, square * square, size);
  lm->matrix = cut(base, &used, matrix_doubles(lm), size);
  lm->in = cut(base, &used, 4 * layers + 3, sizeof *lm->in);
  lm->out = cut(base, &used, 2 * layers, sizeof *lm->out);
  if (lm->dense)
    lay_out_dense(lm, base, &used);
  else
    lay_out_free(lm, base, &used);
  for (int k = 0; k < RG_LM_KINDS; k++)
    if (lm->program[k]) run = larger(run, rung_program_bytes(lm->program[k]));
  lm->run = cut(base, &used, run, 1);
  return used;
}

void rg_lm_end(rg_lm *lm) {
  for (int k = 0; k < RG_LM_KINDS; k++) rung_program_destroy(lm->program[k]);
  rg_free(lm->ctx, lm->memory);
}

static void load_weights(rg_lm *lm) {
  double *to = lm->w;
  for (int l = 0; l < lm->stage->layer_count; l++) {
    const rg_layer *layer = &lm->stage->layer[l];
    memcpy(to, layer->weight, (size_t)(layer->width * layer->inputs) * sizeof *to);
    to += layer->width * layer->inputs;
    memcpy(to, layer->bias, (size_t)layer->width * sizeof *to);
    to += layer->width;
  }
}

static void load_points(rg_lm *lm) {
  double *ones = lm->features + lm->width * lm->total, *s = ones + lm->total;
  for (int64_t i = 0; i < lm->total; i++) ones[i] = 1;
  for (int j = 0; j < lm->data->inputs; j++)
    memcpy(s + j * lm->total, lm->data->s + j * lm->data->ld, (size_t)lm->total * sizeof *s);
}

double rg_lm_ridge(const rg_lm *lm) {
  return lm->options->ridge * sqrt((double)lm->points);
}

void rg_lm_copy_head_matrix(const rg_lm *lm, double *out, int64_t ld) {
  for (int64_t j = 0; j < lm->columns; j++)
    memcpy(out + j * ld, lm->features + j * lm->total, (size_t)lm->points * sizeof *out);
}

/* c from R of [A | y] with the ridge: R11 c = R12. *objective gets the norm of what is left, which
 * is R22, over all outputs. */
static void back_substitute(rg_lm *lm, double *c, double *objective) {
  int64_t p = lm->columns, ld = p + lm->outputs;
  double sum = 0;
  for (int64_t o = 0; o < lm->outputs; o++) {
    const double *column = lm->head_r + (p + o) * ld;
    memcpy(c + o * p, column, (size_t)p * sizeof *c);
    cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, (int)p, lm->head_r, (int)ld,
                c + o * p, 1);
    for (int64_t i = p; i <= p + o; i++) sum += column[i] * column[i];
    for (int64_t i = 0; i < p; i++)
      if (!isfinite(c[o * p + i])) sum = NAN;
  }
  *objective = sqrt(sum);
}

/* The head for the features at hand: min |A c - y|^2 + points mu^2 |c|^2. */
static rung_status solve_head(rg_lm *lm, double *c, double *objective) {
  int64_t p = lm->columns, n = lm->points, ld = p + lm->outputs;
  rg_lm_copy_head_matrix(lm, lm->matrix, n);
  for (int64_t o = 0; o < lm->outputs; o++)
    memcpy(lm->matrix + (p + o) * n, lm->data->y + o * lm->data->ld, (size_t)n * sizeof *c);
  RG_TRY(rg_qr_reduce(lm->ctx, n, ld, lm->matrix, n, lm->head_r, ld, lm->qr));
  memset(lm->matrix, 0, (size_t)(p * ld) * sizeof *c);
  for (int64_t i = 0; i < p; i++) lm->matrix[i * p + i] = rg_lm_ridge(lm);
  RG_TRY(rg_qr_update(lm->ctx, ld, lm->head_r, ld, p, p, lm->matrix, p, lm->qr));
  back_substitute(lm, c, objective);
  return RUNG_OK;
}

rung_status rg_lm_evaluate(rg_lm *lm, const double *w, double *c, double *objective) {
  RG_TRY(rg_lm_run(lm, RG_LM_FEATURES, w, 0, NULL, lm->features));
  return solve_head(lm, c, objective);
}

/* error = y - A c at all points, and the head's rows as graphs take them. */
static void find_errors(rg_lm *lm, const double *c) {
  for (int64_t o = 0; o < lm->outputs; o++) {
    double *error = lm->error + o * lm->total;
    memcpy(error, lm->data->y + o * lm->data->ld, (size_t)lm->total * sizeof *error);
    cblas_dgemv(CblasColMajor, CblasNoTrans, (int)lm->total, (int)lm->columns, -1, lm->features,
                (int)lm->total, c + o * lm->columns, 1, 1, error, 1);
    memcpy(lm->head_row + o * lm->width, c + o * lm->columns, (size_t)lm->width * sizeof *c);
  }
}

/* RMS error over outputs and judged points: those held out, or all where none are. */
static double judged_rms(const rg_lm *lm) {
  int64_t first = lm->judged ? lm->points : 0;
  double sum = 0;
  for (int64_t o = 0; o < lm->outputs; o++)
    for (int64_t i = first; i < lm->total; i++)
      sum += lm->error[o * lm->total + i] * lm->error[o * lm->total + i];
  return sqrt(sum / (double)(lm->outputs * (lm->total - first)));
}

void rg_lm_scaling(rg_lm *lm, bool first) {
  double sum = 0;
  for (int64_t j = 0; j < lm->hidden; j++) sum += lm->step[j] * lm->step[j];
  double least = lm->options->floor * sqrt(sum / (double)lm->hidden);
  for (int64_t j = 0; j < lm->hidden; j++) {
    double falls = first ? 0 : 0.9 * lm->norm[j];
    lm->norm[j] = lm->step[j] > falls ? lm->step[j] : falls;
    lm->scale[j] = hypot(lm->norm[j], least);
    if (!(lm->scale[j] > 0)) lm->scale[j] = 1; /* without effect on the output */
  }
}

static void swap(double **a, double **b) {
  double *kept = *a;
  *a = *b;
  *b = kept;
}

/* Steps with more and more damping, until one lowers the objective. */
static rung_status move(rg_lm *lm, bool *moved) {
  for (int i = 0; i < TRIES && !lm->f->stopped; i++) {
    double objective;
    RG_TRY(lm->dense ? rg_lm_dense_step(lm) : rg_lm_free_step(lm));
    for (int64_t j = 0; j < lm->hidden; j++) lm->trial_w[j] = lm->w[j] + lm->step[j];
    RG_TRY(rg_lm_evaluate(lm, lm->trial_w, lm->trial_c, &objective));
    if (objective < lm->objective) {
      swap(&lm->w, &lm->trial_w);
      swap(&lm->c, &lm->trial_c);
      lm->objective = objective;
      lm->damping = fmax(lm->damping / 5, DAMPING_LEAST);
      *moved = true;
      return RUNG_OK;
    }
    lm->damping *= 5;
  }
  *moved = false;
  return RUNG_OK;
}

static void keep_best(rg_lm *lm) {
  memcpy(lm->best_w, lm->w, (size_t)lm->hidden * sizeof *lm->w);
  memcpy(lm->best_c, lm->c, (size_t)(lm->outputs * lm->columns) * sizeof *lm->c);
}

static rung_status iterate(rg_lm *lm) {
  keep_best(lm);
  double best = judged_rms(lm);
  int best_at = 0, most = lm->options->iterations;
  if (!isfinite(best))
    return rg_fail(lm->ctx, RUNG_E_NUMERIC, "Levenberg: the stage's features are not finite");
  for (int k = 0; k < most && k - best_at < lm->options->patience; k++) {
    bool moved;
    if (rg_fit_tick(lm->f, "training the hidden layers", (double)k / (double)most)) break;
    RG_TRY(lm->dense ? rg_lm_dense_prepare(lm, k == 0) : rg_lm_free_prepare(lm, k == 0));
    RG_TRY(move(lm, &moved));
    if (!moved) break;
    find_errors(lm, lm->c);
    double rms = judged_rms(lm);
    if (!(rms < best)) continue;
    best = rms;
    best_at = k + 1;
    keep_best(lm);
  }
  return RUNG_OK;
}

static void store_weights(const rg_lm *lm, rg_stage *stage) {
  const double *from = lm->best_w;
  for (int l = 0; l < stage->layer_count; l++) {
    rg_layer *layer = &stage->layer[l];
    memcpy(layer->weight, from, (size_t)(layer->width * layer->inputs) * sizeof *from);
    from += layer->width * layer->inputs;
    memcpy(layer->bias, from, (size_t)layer->width * sizeof *from);
    from += layer->width;
  }
  for (int64_t o = 0; o < lm->outputs; o++) {
    const double *c = lm->best_c + o * lm->columns;
    memcpy(stage->head + o * lm->width, c, (size_t)lm->width * sizeof *c);
    stage->bias[o] = c[lm->width];
    if (stage->has_skip)
      memcpy(stage->skip + o * lm->data->inputs, c + lm->width + 1,
             (size_t)lm->data->inputs * sizeof *c);
  }
}

/* The best weights and their errors. */
static rung_status finish(rg_lm *lm, rg_stage *stage, double *heldout_rms, double *squared) {
  RG_TRY(rg_lm_run(lm, RG_LM_FEATURES, lm->best_w, 0, NULL, lm->features));
  find_errors(lm, lm->best_c);
  *heldout_rms = judged_rms(lm);
  for (int64_t i = 0; squared && i < lm->data->heldout; i++) {
    squared[i] = 0;
    for (int64_t o = 0; o < lm->outputs; o++) {
      double error = lm->error[o * lm->total + lm->points + i];
      squared[i] += error * error;
    }
  }
  store_weights(lm, stage);
  return RUNG_OK;
}

rung_status rg_lm_begin(rg_lm *lm, rg_fit *f, const rg_points *data,
                        const rg_levenberg_options *options, const rg_stage *stage) {
  rg_blas_single_thread();
  RG_TRY(init(lm, f, data, options, stage));
  RG_TRY(compile(lm));
  lm->memory = rg_alloc(f->ctx, lay_out(lm, NULL), 1);
  if (!lm->memory) return RUNG_E_MEMORY;
  lay_out(lm, lm->memory);
  load_weights(lm);
  load_points(lm);
  RG_TRY(rg_lm_evaluate(lm, lm->w, lm->c, &lm->objective));
  find_errors(lm, lm->c);
  return RUNG_OK;
}

rung_status rg_levenberg(rg_fit *f, const rg_points *data, const rg_levenberg_options *options,
                         rg_stage *stage, double *heldout_rms, double *squared) {
  rg_lm lm;
  rung_status status = rg_lm_begin(&lm, f, data, options, stage);
  if (status == RUNG_OK) status = iterate(&lm);
  if (status == RUNG_OK) status = finish(&lm, stage, heldout_rms, squared);
  rg_lm_end(&lm);
  return status;
}

rung_status rg_levenberg_bytes(rg_fit *f, const rg_points *data,
                               const rg_levenberg_options *options, const rg_stage *stage,
                               size_t *bytes) {
  rg_lm lm;
  size_t before = rung_memory_now(f->ctx);
  rung_status status = init(&lm, f, data, options, stage);
  if (status == RUNG_OK) status = compile(&lm);
  if (status == RUNG_OK) *bytes = lay_out(&lm, NULL) + rung_memory_now(f->ctx) - before;
  rg_lm_end(&lm);
  return status;
}
