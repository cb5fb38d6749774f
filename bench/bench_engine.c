/* The engine: what a run costs beyond its arithmetic, and how fast models are evaluated on one
 * core. Times are those of the thread's own clock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "nn/model.h"
#include "num/f32.h"
#include "peak.h"
#include "rung/graph.h"

enum { ROUNDS = 9 };

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *v) {
  qsort(v, ROUNDS, sizeof *v, by_value);
  return v[ROUNDS / 2];
}

/* A chain of 20 additions and products on 32x32 floats: as a graph, and as loops in C. */
enum { OPS = 20, SIDE = 32, COUNT = SIDE * SIDE };

__attribute__((target("avx2,fma"), noinline)) static void plain_ops(const float *x, const float *y,
                                                                    float *a, float *b) {
  const float *in = x;
  for (int i = 0; i < OPS; i++) {
    float *out = i % 2 ? b : a;
    if (i % 2)
      for (int k = 0; k < COUNT; k++) out[k] = in[k] + y[k];
    else
      for (int k = 0; k < COUNT; k++) out[k] = in[k] * y[k];
    in = out;
  }
}

static void bench_overhead(rung_context *ctx) {
  rung_graph *g;
  if (rung_graph_create(ctx, &g) != RUNG_OK) return;
  rung_node in[] = {rung_input(g, "x", 2, (int64_t[]){SIDE, SIDE}),
                    rung_input(g, "y", 2, (int64_t[]){SIDE, SIDE})};
  rung_node out = in[0];
  for (int i = 0; i < OPS; i++) out = i % 2 ? rung_add(g, out, in[1]) : rung_mul(g, out, in[1]);
  rung_compile_options options = {.dtype = RUNG_F32};
  rung_program *program = NULL;
  void *workspace = NULL;
  if (rung_compile(g, &options, 2, in, 1, &out, &program) != RUNG_OK ||
      rung_alloc(ctx, rung_program_bytes(program), &workspace) != RUNG_OK)
    return;
  static float x[COUNT], y[COUNT], a[COUNT], b[COUNT], z[COUNT];
  for (int i = 0; i < COUNT; i++) x[i] = 0.5f, y[i] = 0.99f + 1e-5f * (float)i;
  double graph[ROUNDS], plain[ROUNDS];
  const int repeats = 2000;
  for (int r = 0; r < ROUNDS; r++) {
    double start = seconds();
    for (int i = 0; i < repeats; i++)
      rung_program_run(program, ctx, workspace, (const void *[]){x, y}, (void *[]){z});
    graph[r] = (seconds() - start) / repeats;
    start = seconds();
    for (int i = 0; i < repeats; i++) plain_ops(x, y, a, b);
    plain[r] = (seconds() - start) / repeats;
  }
  double g_time = median(graph), p_time = median(plain);
  printf("20 ops on 32x32 floats: graph %.2f us, the same loops in C %.2f us, beyond them %.2f us "
         "(target < 5)\n",
         1e6 * g_time, 1e6 * p_time, 1e6 * (g_time - p_time));
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

/* A model of `layers` hidden tanh layers of one width with random weights. */
static rung_model *random_model(rung_context *ctx, rung_dtype dtype, int inputs, int layers,
                                int64_t width) {
  rung_model *model = NULL;
  rg_stage *stage = NULL;
  int64_t widths[8];
  rg_activation activations[8];
  for (int l = 0; l < layers; l++) widths[l] = width, activations[l] = RG_TANH;
  if (rg_model_create(ctx, dtype, inputs, 1, NULL, NULL, &model) != RUNG_OK ||
      rg_stage_create(ctx, inputs, 1, layers, widths, activations, false, &stage) != RUNG_OK)
    return NULL;
  for (int l = 0; l < layers; l++) {
    rg_layer *layer = &stage->layer[l];
    double scale = 1 / sqrt((double)layer->inputs);
    for (int64_t i = 0; i < layer->width * layer->inputs; i++)
      layer->weight[i] = (double)(float)(scale * rg_normal(1, (uint64_t)l, (uint64_t)i));
    for (int64_t i = 0; i < layer->width; i++)
      layer->bias[i] = (double)(float)rg_normal(2, (uint64_t)l, (uint64_t)i);
  }
  for (int64_t i = 0; i < width; i++) stage->head[i] = (double)(float)rg_normal(3, 0, (uint64_t)i);
  return rg_model_append_stage(model, ctx, stage) == RUNG_OK ? model : NULL;
}

/* Seconds a call of rung_predict takes, the median. */
static double time_predict(rung_context *ctx, const rung_model *model, int64_t points) {
  rung_predictor *predictor = NULL;
  int inputs = rung_model_inputs(model);
  size_t size = rung_dtype_size(rung_model_dtype(model));
  char *x = calloc((size_t)(points * inputs), size), *y = calloc((size_t)points, size);
  double time[ROUNDS] = {0};
  if (x && y && rung_predictor_create(model, ctx, 0, NULL, &predictor) == RUNG_OK) {
    for (int64_t i = 0; i < points * inputs; i++) {
      double u = 2 * rg_uniform(4, 0, (uint64_t)i) - 1;
      if (size == 4)
        ((float *)(void *)x)[i] = (float)u;
      else
        ((double *)(void *)x)[i] = u;
    }
    for (int r = 0; r < ROUNDS; r++) {
      double start = seconds();
      rung_predict(predictor, ctx, points, x, y);
      time[r] = seconds() - start;
    }
  }
  rung_predictor_destroy(predictor);
  free(x);
  free(y);
  return median(time);
}

static void bench_small_model(rung_context *ctx, rung_dtype dtype) {
  rung_model *model = random_model(ctx, dtype, 1, 1, 80);
  if (!model) return;
  const int64_t points = 400000;
  double time = time_predict(ctx, model, points);
  printf("1 input, 80 tanh features, %s: %.1f million points/s on one core%s\n",
         rung_dtype_name(dtype), 1e-6 * (double)points / time,
         dtype == RUNG_F32 ? " (target 8)" : "");
  rung_model_destroy(model);
}

/* Layers of width 512: all flops of the products over the time of everything, tanh included. */
static void bench_wide_model(rung_context *ctx) {
  enum { LAYERS = 4, WIDTH = 512 };
  rung_model *model = random_model(ctx, RUNG_F32, WIDTH, LAYERS, WIDTH);
  if (!model) return;
  const int64_t points = 4096;
  double peaks[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    double start = seconds(), flops = peak_call(1000000);
    peaks[r] = flops / (seconds() - start);
  }
  double time = time_predict(ctx, model, points), peak = median(peaks);
  double rate = 2.0 * WIDTH * WIDTH * LAYERS * (double)points / time;
  printf("%d tanh layers of width %d, single: %.1f GFlop/s in products, %.0f %% of the FMA peak of "
         "%.1f (tanh included)\n",
         LAYERS, WIDTH, 1e-9 * rate, 100 * rate / peak, 1e-9 * peak);
  rung_model_destroy(model);
}

int main(void) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  if (rung_set_threads(ctx, 1) != RUNG_OK) return 1;
  bench_overhead(ctx);
  bench_small_model(ctx, RUNG_F32);
  bench_small_model(ctx, RUNG_F64);
  bench_wide_model(ctx);
  rung_context_destroy(ctx);
  return 0;
}
