/* Every architecture with every block and integrator that goes with it: the memory plans agree. */
#include "train/pass.h"

#include <math.h>

#include "test.h"

enum { BATCH = 4, CLASSES = 4 };

static const char *const architectures[] = {"mlp", "cnn", "resnet", "dense", "conv"};
static const char *const blocks[] = {"resnet",      "bottleneck",      "antisymmetric", "parabolic",
                                     "hamiltonian", "hamiltonian-two", "leapfrog",      "midpoint"};
static const char *const integrators[] = {NULL, "euler", "verlet", "leapfrog", "midpoint", "rk4"};

typedef struct setup {
  rung_network *network;
  float *x, *label, *gradient, *running, *before; /* gradient and statistics of storing all */
} setup;

static bool make(rung_context *ctx, int which, int nodes, int fixed, setup *out) {
  rung_network_settings s = rung_network_settings_default();
  bool features = which % 5 == 0 || which % 5 == 3;
  rung_shape sample = {.rank = features ? 1 : 3, .dim = {6, 6, 3}};
  s.architecture = architectures[which % 5];
  s.block = blocks[which / 5 % 8];
  s.integrator = integrators[which / 40];
  s.stages = 2;
  s.channels[0] = s.channels[1] = 4;
  s.layers[0] = s.layers[1] = 3;
  s.groups = 2;
  s.norm = which % 3 == 0 ? NULL : which % 3 == 1 ? "batch" : "none";
  s.nodes = nodes;
  s.fixed = fixed;
  s.dropout = 0.2;
  if (features) sample.dim[1] = sample.dim[2] = 0;
  if (rung_network_create(ctx, &s, &sample, CLASSES, RUNG_F32, 1, &out->network) != RUNG_OK)
    return false; /* what does not go together; the architectures' tests look at that */
  size_t parameters = (size_t)out->network->parameters;
  size_t statistics = (size_t)out->network->statistics;
  int64_t count = rung_shape_count(&sample) * BATCH;
  out->x = rg_alloc(ctx, (size_t)count, sizeof(float));
  out->label = rg_alloc(ctx, BATCH, sizeof(float));
  out->gradient = rg_alloc(ctx, parameters, sizeof(float));
  out->running = rg_alloc(ctx, statistics, sizeof(float));
  out->before = rg_alloc(ctx, statistics, sizeof(float));
  for (int64_t i = 0; i < count; i++) out->x[i] = (float)rg_normal(1, 1, (uint64_t)i);
  for (int i = 0; i < BATCH; i++) out->label[i] = (float)(i % CLASSES);
  memcpy(out->before, out->network->running, statistics * sizeof(float));
  return true;
}

static void drop(rung_context *ctx, setup *s) {
  float *owned[] = {s->x, s->label, s->gradient, s->running, s->before};
  for (int i = 0; i < 5; i++) rg_free(ctx, owned[i]);
  rung_network_destroy(s->network);
}

static void check_near(const float *a, const float *b, int64_t count, const char *what) {
  double off = 0, size = 0;
  for (int64_t i = 0; i < count; i++) {
    off = fmax(off, fabs((double)a[i] - (double)b[i]));
    size = fmax(size, fabs((double)b[i]));
  }
  if (!(off <= 1e-4 * size)) fail_msg("%s: off by %g of %g", what, off, size);
}

/* One step by the plan, compared with that of storing all, which comes first. False where the
 * network has no such plan. */
static bool step(rung_context *ctx, setup *s, rung_activations activations) {
  rung_network *n = s->network;
  rg_pass_options options = {.batch = BATCH, .activations = activations, .drift_bound = 1e-3};
  rg_pass_batch batch = {.x = s->x, .target = s->label, .seed = 1, .step = 2};
  rg_pass_result result;
  rg_pass *pass;
  size_t parameters = (size_t)n->parameters * sizeof(float);
  size_t statistics = (size_t)n->statistics * sizeof(float);
  if (rg_pass_create(n, ctx, &options, &pass) != RUNG_OK) return false;
  memcpy(n->running, s->before, statistics);
  assert_ok(ctx, rg_pass_run(pass, &batch, &result));
  if (activations == RUNG_STORE) {
    memcpy(s->gradient, result.gradient, parameters);
    memcpy(s->running, n->running, statistics);
  } else if (activations == RUNG_REVERSE) {
    check_near(result.gradient, s->gradient, n->parameters, n->settings.block);
  } else {
    assert_memory_equal(result.gradient, s->gradient, parameters);
  }
  assert_memory_equal(n->running, s->running, statistics);
  rg_pass_destroy(pass);
  return true;
}

static void plans_agree_for_every_architecture(void **state) {
  rung_context *ctx = *state;
  int networks = 0, exact = 0;
  rung_set_threads(ctx, 1);
  for (int which = 0; which < 240; which++)
    for (int kind = 0; kind < 3; kind++) {
      setup s;
      if (!make(ctx, which, kind == 1 ? 2 : 0, kind == 2, &s)) continue;
      networks++;
      assert_true(step(ctx, &s, RUNG_STORE));
      assert_true(step(ctx, &s, RUNG_RECOMPUTE));
      bool backwards = step(ctx, &s, kind == 2 ? RUNG_REVERSE_EXACT : RUNG_REVERSE);
      exact += kind == 2 && backwards;
      drop(ctx, &s);
    }
  assert_true(networks >= 100 && exact >= 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(plans_agree_for_every_architecture)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
