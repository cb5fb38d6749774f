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

/* On one thread its own clock, which other work on the machine does not move; else that of the
 * wall. */
static double now(rung_context *ctx) {
  return rung_threads(ctx) == 1 ? seconds() : rg_seconds();
}

/* A graph compiled to single precision, with arrays that hold small random numbers. */
typedef struct bench_program {
  rung_program *program;
  void *workspace;
  float *array[32];
  const void *in[32];
  void *out[32];
} bench_program;

static float *random_array(rung_context *ctx, rung_graph *g, rung_node node, int which) {
  rung_shape shape = rung_node_shape(g, node);
  int64_t count = rung_shape_count(&shape);
  float *array = rg_alloc(ctx, (size_t)count, sizeof *array);
  for (int64_t i = 0; array && i < count; i++)
    array[i] = 0.05f * (float)rg_normal(5, (uint64_t)which, (uint64_t)i);
  return array;
}

/* The outputs up to `shared` take the place of the inputs with their numbers. */
static bool prepare(rung_context *ctx, rung_graph *g, int inputs, const rung_node *in, int outputs,
                    const rung_node *out, int shared, bench_program *p) {
  int share[32][2];
  for (int k = 0; k < shared; k++) share[k][0] = share[k][1] = k;
  rung_compile_options options = {.dtype = RUNG_F32, .shared = shared, .share = share};
  if (rung_compile(g, &options, inputs, in, outputs, out, &p->program) != RUNG_OK ||
      rung_alloc(ctx, rung_program_bytes(p->program), &p->workspace) != RUNG_OK)
    return false;
  for (int i = 0; i < inputs; i++) p->in[i] = p->array[i] = random_array(ctx, g, in[i], i);
  for (int o = 0; o < outputs; o++)
    p->out[o] = o < shared ? p->array[o] : random_array(ctx, g, out[o], 100);
  return true;
}

static double median_run(rung_context *ctx, const bench_program *p, int repeats) {
  double time[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    double start = now(ctx);
    for (int i = 0; i < repeats; i++)
      rung_program_run(p->program, ctx, p->workspace, p->in, p->out);
    time[r] = (now(ctx) - start) / repeats;
  }
  return median(time);
}

/* A whole training step in one program: relu layers, cross-entropy, gradients, Adam in place. The
 * first inputs and outputs are weights, biases and their two moments. */
static rung_node relu(rung_graph *g, rung_node a) {
  return rung_max(g, a, rung_constant(g, 0));
}

static rung_node cross_entropy(rung_graph *g, rung_node scores, rung_node target) {
  rung_node shifted = rung_sub(g, scores, rung_reduce_max(g, scores, 2, 1));
  rung_node norm = rung_log(g, rung_sum(g, rung_exp(g, shifted), 2, 1));
  return rung_neg(
      g, rung_mean(g, rung_sum(g, rung_mul(g, target, rung_sub(g, shifted, norm)), 2, 0), 1, 0));
}

static void adam(rung_graph *g, rung_node p, rung_node m, rung_node v, rung_node d,
                 rung_node *out) {
  rung_node a = rung_constant(g, 0.9), b = rung_constant(g, 0.999);
  out[1] = rung_add(g, rung_mul(g, a, m), rung_mul(g, rung_constant(g, 0.1), d));
  out[2] = rung_add(g, rung_mul(g, b, v), rung_mul(g, rung_constant(g, 0.001), rung_mul(g, d, d)));
  rung_node scale = rung_add(g, rung_sqrt(g, out[2]), rung_constant(g, 1e-8));
  out[0] = rung_sub(g, p, rung_mul(g, rung_constant(g, 0.001), rung_div(g, out[1], scale)));
}

static void bench_mlp(rung_context *ctx, int layers, const int64_t *width, int64_t batch,
                      int repeats) {
  rung_graph *g;
  if (rung_graph_create(ctx, &g) != RUNG_OK) return;
  rung_node in[32], out[32], gradient[8], parameter[8];
  int states = 2 * layers;
  for (int l = 0; l < layers; l++)
    for (int k = 0; k < 3; k++) {
      in[6 * l + k] = rung_input(g, "K", 2, (int64_t[]){width[l + 1], width[l]});
      in[6 * l + 3 + k] = rung_input(g, "b", 1, &width[l + 1]);
    }
  rung_node x = in[3 * states] = rung_input(g, "x", 2, (int64_t[]){batch, width[0]});
  in[3 * states + 1] = rung_input(g, "target", 2, (int64_t[]){batch, width[layers]});
  for (int l = 0; l < layers; l++) {
    parameter[2 * l] = in[6 * l];
    parameter[2 * l + 1] = in[6 * l + 3];
    x = rung_add(g, rung_matmul(g, x, in[6 * l], 0, 1, RUNG_WORKING), in[6 * l + 3]);
    if (l + 1 < layers) x = relu(g, x);
  }
  rung_node loss = out[3 * states] = cross_entropy(g, x, in[3 * states + 1]);
  bench_program p = {0};
  if (rung_gradient(g, loss, RUNG_NONE, states, parameter, gradient) != RUNG_OK) return;
  for (int k = 0; k < states; k++)
    adam(g, in[3 * k], in[3 * k + 1], in[3 * k + 2], gradient[k], out + 3 * k);
  if (!prepare(ctx, g, 3 * states + 2, in, 3 * states + 1, out, 3 * states, &p)) return;
  for (int k = 0; k < states; k++) /* second moments are not negative */
    for (int64_t i = 0; i < width[k / 2 + 1] * (k % 2 ? 1 : width[k / 2]); i++)
      p.array[3 * k + 2][i] = 0.001f;
  printf("mlp %lld", (long long)width[0]);
  for (int l = 1; l <= layers; l++) printf("-%lld", (long long)width[l]);
  printf(" batch %lld, forward, backward and Adam, %d threads: %.1f us a step (%d kernel calls)\n",
         (long long)batch, rung_threads(ctx), 1e6 * median_run(ctx, &p, repeats),
         rung_program_steps(p.program));
  for (int i = 0; i < 3 * states + 2; i++) rg_free(ctx, p.array[i]);
  rg_free(ctx, p.out[3 * states]);
  rung_free(ctx, p.workspace);
  rung_program_destroy(p.program);
  rung_graph_destroy(g);
}

/* Seconds to copy `bytes`, on the threads of the context. */
typedef struct copying {
  char *to;
  const char *from;
  size_t bytes;
} copying;

static void copy_piece(void *arg, int64_t piece) {
  const copying *c = arg;
  size_t each = c->bytes / 16;
  memcpy(c->to + (size_t)piece * each, c->from + (size_t)piece * each, each);
}

static double time_copy(rung_context *ctx, size_t bytes) {
  copying c = {malloc(bytes), malloc(bytes), bytes};
  if (c.to) memset(c.to, 1, bytes); /* pages there, not all one page of zeros */
  if (c.from) memset((void *)(uintptr_t)c.from, 1, bytes);
  double time[ROUNDS] = {0};
  for (int r = 0; c.to && c.from && r < ROUNDS; r++) {
    double start = now(ctx);
    rg_parallel(ctx, 16, copy_piece, &c);
    time[r] = now(ctx) - start;
  }
  free(c.to);
  free((void *)(uintptr_t)c.from);
  return median(time);
}

/* Batch normalisation and relu over [N,H,W,C], forward and backward, against copying: a pass that
 * reads or writes an array once takes half of what copying one does. Forward: x for the sums, x and
 * y; backward: x and dy for the sums, x, dy and dx. */
static void bench_norm(rung_context *ctx, int64_t n, int64_t h, int64_t c) {
  rung_graph *g;
  if (rung_graph_create(ctx, &g) != RUNG_OK) return;
  const int64_t full[] = {n, h, h, c};
  rung_node x = rung_input(g, "x", 4, full), dy = rung_input(g, "dy", 4, full);
  rung_node mean = rung_input(g, "mean", 1, &c), scale = rung_input(g, "scale", 1, &c);
  rung_node gain = rung_input(g, "gain", 1, &c), shift = rung_input(g, "shift", 1, &c);
  /* sums about the last mean, as one pass gives them */
  rung_node about = rung_sub(g, x, mean);
  rung_node first = rung_mean(g, about, 7, 0);
  rung_node second = rung_mean(g, rung_mul(g, about, about), 7, 0);
  rung_node variance = rung_sub(g, second, rung_mul(g, first, first));
  rung_node now = rung_add(g, mean, first);
  rung_node inverse = rung_reciprocal(g, rung_sqrt(g, rung_add(g, variance, rung_constant(g, 1))));
  rung_node y =
      relu(g, rung_add(g, rung_mul(g, rung_sub(g, x, now), rung_mul(g, inverse, gain)), shift));
  rung_node hat = rung_mul(g, rung_sub(g, x, mean), scale);
  rung_node z = rung_add(g, rung_mul(g, hat, gain), shift), zero = rung_constant(g, 0);
  rung_node dz = rung_select(g, rung_less(g, zero, z), dy, zero);
  rung_node sum = rung_mean(g, dz, 7, 0), sum_hat = rung_mean(g, rung_mul(g, dz, hat), 7, 0);
  rung_node dx = rung_mul(g, rung_mul(g, gain, scale),
                          rung_sub(g, rung_sub(g, dz, sum), rung_mul(g, hat, sum_hat)));
  bench_program forward = {0}, backward = {0};
  rung_node in[] = {x, mean, gain, shift, dy, scale};
  if (!prepare(ctx, g, 4, in, 3, (rung_node[]){y, now, inverse}, 0, &forward) ||
      !prepare(ctx, g, 6, in, 3, (rung_node[]){dx, sum, sum_hat}, 0, &backward))
    return;
  double copy = time_copy(ctx, (size_t)(n * h * h * c) * sizeof(float) * 3 / 2) / 1.5;
  double f = median_run(ctx, &forward, 5), b = median_run(ctx, &backward, 5);
  printf(
      "normalisation and relu over [%lld,%lld,%lld,%lld]: forward %.0f us (%.2f of the bound, %d "
      "kernel calls), backward %.0f us (%.2f of the bound, %d kernel calls)\n",
      (long long)n, (long long)h, (long long)h, (long long)c, 1e6 * f, f / (1.5 * copy),
      rung_program_steps(forward.program), 1e6 * b, b / (2.5 * copy),
      rung_program_steps(backward.program));
  for (int i = 0; i < 6; i++) {
    if (i < 4) rg_free(ctx, forward.array[i]);
    rg_free(ctx, backward.array[i]);
  }
  for (int i = 0; i < 3; i++) {
    rg_free(ctx, forward.out[i]);
    rg_free(ctx, backward.out[i]);
  }
  rung_free(ctx, forward.workspace);
  rung_free(ctx, backward.workspace);
  rung_program_destroy(forward.program);
  rung_program_destroy(backward.program);
  rung_graph_destroy(g);
}

int main(int argc, char **argv) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  if (rung_set_threads(ctx, 1) != RUNG_OK) return 1;
  if (argc > 1 && !strcmp(argv[1], "norm")) {
    for (int i = 0; i < 5; i++) bench_norm(ctx, 64, 32, 16);
    return 0;
  }
  bench_overhead(ctx);
  bench_small_model(ctx, RUNG_F32);
  bench_small_model(ctx, RUNG_F64);
  bench_wide_model(ctx);
  for (int threads = 1; threads <= 2; threads++) {
    if (rung_set_threads(ctx, threads) != RUNG_OK) return 1;
    bench_mlp(ctx, 2, (const int64_t[]){64, 64, 10}, 32, 500);
    bench_mlp(ctx, 3, (const int64_t[]){784, 512, 512, 10}, 128, 5);
    bench_norm(ctx, 64, 32, 16);
    bench_norm(ctx, 64, 8, 64);
  }
  rung_context_destroy(ctx);
  return 0;
}
