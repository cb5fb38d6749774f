/* What a pass over a batch takes, in memory and time, by how it gets what back-propagation needs of
 * the way forward: networks of Hamiltonian layers (Verlet), 16 to 1,024 deep on features and 4 to
 * 32 on images, and one of 16,384 layers whose gradient by exact reversal is compared bit by bit
 * with that of storing all. The plans are run in turn, on one thread; seconds are processor
 * seconds, the least of the rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peak.h"
#include "train/pass.h"

enum { MOST_ROUNDS = 9, PLANS = 6 };

typedef struct bench_plan {
  const char *name;
  rung_activations activations;
  bool fixed;
  double share; /* of what storing all takes beside the gradient, as a limit; 0: none */
} bench_plan;

static const bench_plan plans[PLANS] = {
    {"store", RUNG_STORE, false, 0},
    {"recompute", RUNG_RECOMPUTE, false, 0},
    {"recompute in 1/8", RUNG_RECOMPUTE, false, 0.125},
    {"reverse", RUNG_REVERSE, false, 0},
    {"store, fixed point", RUNG_STORE, true, 0},
    {"reverse-exact", RUNG_REVERSE_EXACT, true, 0},
};

typedef struct bench_case {
  const char *architecture;
  rung_shape sample;
  int64_t width, batch, layers;
} bench_case;

static void check(rung_context *ctx, rung_status status) {
  if (status == RUNG_OK) return;
  fprintf(stderr, "%s\n", rung_error(ctx));
  exit(1);
}

static rung_network *network_of(rung_context *ctx, const bench_case *c, bool fixed) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  s.architecture = c->architecture;
  s.block = "hamiltonian";
  s.stages = 1;
  s.channels[0] = c->width;
  s.layers[0] = c->layers;
  s.time = 4;
  s.fixed = fixed;
  check(ctx, rung_network_create(ctx, &s, &c->sample, 10, RUNG_F32, 1, &n));
  return n;
}

typedef struct data {
  float *x, *label;
} data;

static data data_of(rung_context *ctx, const bench_case *c) {
  int64_t count = rung_shape_count(&c->sample) * c->batch;
  data d = {rg_alloc(ctx, (size_t)count, sizeof(float)),
            rg_alloc(ctx, (size_t)c->batch, sizeof(float))};
  if (!d.x || !d.label) exit(1);
  for (int64_t i = 0; i < count; i++) d.x[i] = (float)rg_normal(1, 1, (uint64_t)i);
  for (int64_t i = 0; i < c->batch; i++) d.label[i] = (float)(i % 10);
  return d;
}

static double run_once(rung_context *ctx, rg_pass *pass, const data *d, rg_pass_result *result) {
  rg_pass_batch batch = {.x = d->x, .target = d->label};
  double start = seconds();
  check(ctx, rg_pass_run(pass, &batch, result));
  return seconds() - start;
}

static void measure(rung_context *ctx, const bench_case *c) {
  rung_network *network[2] = {network_of(ctx, c, false), network_of(ctx, c, true)};
  data d = data_of(ctx, c);
  rg_pass *pass[PLANS] = {NULL};
  double best[PLANS];
  rg_pass_result result;
  for (int i = 0; i < PLANS; i++) {
    rg_pass_options options = {
        .batch = c->batch, .activations = plans[i].activations, .drift_bound = INFINITY};
    best[i] = INFINITY;
    if (plans[i].share > 0) {
      const rg_pass_plan *all = rg_pass_get_plan(pass[0]);
      double rest = (double)(all->total_bytes - all->gradient_bytes);
      options.memory = all->gradient_bytes + (size_t)(plans[i].share * rest);
    }
    if (rg_pass_create(network[plans[i].fixed], ctx, &options, &pass[i]) != RUNG_OK) pass[i] = NULL;
  }
  for (int round = 0; round < MOST_ROUNDS; round++)
    for (int i = 0; i < PLANS; i++)
      if (pass[i]) best[i] = fmin(best[i], run_once(ctx, pass[i], &d, &result));
  for (int i = 0; i < PLANS; i++) {
    if (!pass[i]) continue;
    const rg_pass_plan *p = rg_pass_get_plan(pass[i]);
    check(ctx, (run_once(ctx, pass[i], &d, &result), RUNG_OK));
    printf("%-6s %6lld  %-20s %10.2f ms %7.2f x %9.2f MB %9.2f MB  %8.2g\n", c->architecture,
           (long long)c->layers, plans[i].name, 1e3 * best[i],
           best[i] / best[plans[i].fixed ? 4 : 0],
           (double)(p->total_bytes - p->gradient_bytes) / 1e6, (double)p->total_bytes / 1e6,
           result.drift);
    rg_pass_destroy(pass[i]);
  }
  rung_network_destroy(network[0]);
  rung_network_destroy(network[1]);
  rg_free(ctx, d.x);
  rg_free(ctx, d.label);
}

/* How many numbers of the gradient differ in any bit. */
static void compare_bits(rung_context *ctx, const bench_case *c) {
  rung_network *n = network_of(ctx, c, true);
  data d = data_of(ctx, c);
  rg_pass_result result;
  size_t bytes = (size_t)rung_network_parameters(n) * sizeof(float);
  float *stored = rg_alloc(ctx, bytes, 1);
  if (!stored) exit(1);
  for (int exact = 0; exact < 2; exact++) {
    rg_pass_options options = {.batch = c->batch,
                               .activations = exact ? RUNG_REVERSE_EXACT : RUNG_STORE};
    rg_pass *pass;
    check(ctx, rg_pass_create(n, ctx, &options, &pass));
    run_once(ctx, pass, &d, &result);
    if (!exact) memcpy(stored, result.gradient, bytes);
    long differ = 0;
    for (size_t i = 0; i < bytes / sizeof(float); i++)
      differ += memcmp(&stored[i], &((const float *)result.gradient)[i], sizeof(float)) != 0;
    printf(
        "%lld layers, %-14s %9.2f MB of states, %ld of %zu gradients differ, inverse off by %g\n",
        (long long)c->layers,
        exact ? "reverse-exact:" : "store:", (double)rg_pass_get_plan(pass)->state_bytes / 1e6,
        differ, bytes / sizeof(float), result.drift);
    rg_pass_destroy(pass);
  }
  rg_free(ctx, stored);
  rung_network_destroy(n);
  rg_free(ctx, d.x);
  rg_free(ctx, d.label);
}

int main(void) {
  const rung_shape features = {.rank = 1, .dim = {16}}, image = {.rank = 3, .dim = {28, 28, 1}};
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_set_threads(ctx, 1);
  printf("%-6s %6s  %-20s %13s %9s %12s %12s  %8s\n", "", "layers", "activations", "a pass",
         "of store", "but gradient", "all of it", "drift");
  for (int64_t layers = 16; layers <= 1024; layers *= 8)
    measure(ctx, &(bench_case){"dense", features, 64, 64, layers});
  for (int64_t layers = 4; layers <= 32; layers *= 8)
    measure(ctx, &(bench_case){"conv", image, 16, 32, layers});
  compare_bits(ctx, &(bench_case){"dense", features, 8, 32, 16384});
  rung_context_destroy(ctx);
  return 0;
}
