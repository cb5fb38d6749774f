/* Levenberg-Marquardt with variable projection on the borehole function: 8 inputs, 5,000 points of
 * which 500 are held out, 40 tanh units and a skip, at most 200 iterations.
 *
 *   bench_levenberg [points [units [iterations [dense-limit]]]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "train/train.h"

#define INPUTS 8
#define PI 3.14159265358979323846

/* Flow through a borehole (Harper and Gupta 1983), inputs scaled to [-1, 1]. */
static double borehole(const double *s, int64_t stride) {
  static const double low[] = {0.05, 100, 63070, 990, 63.1, 700, 1120, 9855};
  static const double high[] = {0.15, 50000, 115600, 1110, 116, 820, 1680, 12045};
  double x[INPUTS];
  for (int j = 0; j < INPUTS; j++) x[j] = low[j] + (s[j * stride] + 1) / 2 * (high[j] - low[j]);
  double ratio = log(x[1] / x[0]);
  double leak = 2 * x[6] * x[2] / (ratio * x[0] * x[0] * x[7]);
  return 2 * PI * x[2] * (x[3] - x[5]) / (ratio * (1 + leak + x[2] / x[4]));
}

/* Units whose gradients have lengths of 0.3 to 1 and whose centres are points. */
static void start(rg_layer *layer, const rg_points *data, uint64_t seed) {
  for (int64_t k = 0; k < layer->width; k++) {
    double *w = layer->weight + k * INPUTS, norm = 0;
    double length = 0.3 + 0.7 * rg_uniform(seed, 2, (uint64_t)k);
    int64_t at = (int64_t)(rg_uniform(seed, 3, (uint64_t)k) * (double)data->points);
    for (int j = 0; j < INPUTS; j++) {
      w[j] = rg_normal(seed, 1, (uint64_t)(k * INPUTS + j));
      norm += w[j] * w[j];
    }
    layer->bias[k] = 0;
    for (int j = 0; j < INPUTS; j++) {
      w[j] *= length / sqrt(norm);
      layer->bias[k] -= w[j] * data->s[j * data->ld + at];
    }
  }
}

/* Targets with mean 0 and variance 1; returns the RMS of the held-out ones before that, in those
 * units. */
static double standardise(double *y, const rg_points *data) {
  double mean = 0, variance = 0, square = 0;
  for (int64_t i = 0; i < data->points; i++) mean += y[i] / (double)data->points;
  for (int64_t i = 0; i < data->points; i++)
    variance += (y[i] - mean) * (y[i] - mean) / (double)data->points;
  for (int64_t i = 0; i < data->ld; i++) {
    if (i >= data->points) square += y[i] * y[i];
    y[i] = (y[i] - mean) / sqrt(variance);
  }
  return sqrt(square / (double)data->heldout / variance);
}

static int train(rung_context *ctx, int64_t points, int64_t units, int iterations, int64_t limit,
                 uint64_t seed) {
  double *s = rg_alloc(ctx, (size_t)(points * INPUTS), sizeof *s);
  double *y = rg_alloc(ctx, (size_t)points, sizeof *y);
  rg_stage *stage = NULL;
  rg_activation tanh_units = RG_TANH;
  rung_status status = s && y
                           ? rg_stage_create(ctx, INPUTS, 1, 1, &units, &tanh_units, true, &stage)
                           : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    for (int64_t i = 0; i < points * INPUTS; i++) s[i] = 2 * rg_uniform(seed, 0, (uint64_t)i) - 1;
    for (int64_t i = 0; i < points; i++) y[i] = borehole(s + i, points);
    rg_points data = {INPUTS, 1, points - points / 10, points / 10, points, s, y};
    rg_levenberg_options options = rg_levenberg_options_default();
    options.iterations = iterations;
    options.patience = iterations;
    options.dense_limit = limit;
    rung_model none = {.stage_count = 0};
    rg_fit f = {.ctx = ctx, .model = &none, .started = rg_seconds()};
    double rms, unit = standardise(y, &data);
    size_t planned = 0, before = rung_memory_now(ctx);
    start(&stage->layer[0], &data, seed);
    status = rg_levenberg_bytes(&f, &data, &options, stage, &planned);
    double begin = rg_seconds();
    if (status == RUNG_OK) status = rg_levenberg(&f, &data, &options, stage, &rms, NULL);
    double seconds = rg_seconds() - begin;
    if (status == RUNG_OK)
      printf("seed %d: held-out relative L2 %.2e in %.2f s, %d iterations at most; "
             "planned %.1f MB, held %.1f MB\n",
             (int)seed, rms / unit, seconds, iterations, (double)planned / 1e6,
             (double)(rung_memory_peak(ctx) - before) / 1e6);
  }
  if (status != RUNG_OK) fprintf(stderr, "%s\n", rung_error(ctx));
  rg_stage_destroy(ctx, stage);
  rg_free(ctx, s);
  rg_free(ctx, y);
  return status == RUNG_OK ? 0 : 1;
}

int main(int argc, char **argv) {
  int64_t points = argc > 1 ? atoll(argv[1]) : 5000, units = argc > 2 ? atoll(argv[2]) : 40;
  int iterations = argc > 3 ? atoi(argv[3]) : 200;
  int64_t limit = argc > 4 ? atoll(argv[4]) : 2000;
  int failed = 0;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    rung_context *ctx;
    if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
    failed += train(ctx, points, units, iterations, limit, seed);
    rung_context_destroy(ctx);
  }
  return failed;
}
