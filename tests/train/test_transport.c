/* The transport cost of networks: its value, its gradient, all memory plans; and states tapped. */
#include "chains.h"
#include "fail_alloc.h"
#include "nn/walk.h"
#include "num/dd.h"
#include "train/pass.h"

enum { BATCH = 4, OUTPUTS = 3, MOST = 600 };

typedef struct kind {
  const char *architecture, *block, *integrator, *norm;
  int64_t nodes;
} kind;

static const kind kinds[] = {
    {"resnet", "resnet", NULL, "batch", 0},     {"resnet", "bottleneck", NULL, "layer", 0},
    {"conv", "resnet", NULL, "batch", 0},       {"conv", "hamiltonian", NULL, "none", 2},
    {"conv", "leapfrog", NULL, "batch", 0},     {"conv", "midpoint", NULL, "layer", 0},
    {"dense", "resnet", NULL, "none", 2},       {"dense", "antisymmetric", "rk4", "none", 0},
    {"dense", "hamiltonian", NULL, "batch", 0}, {"mlp", "resnet", NULL, "batch", 0},
    {"mlp", "resnet", NULL, "none", 0},         {"cnn", "resnet", NULL, "batch", 0}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static rung_network *network_of(rung_context *ctx, const kind *k, rung_dtype dtype, bool fixed,
                                rg_transport transport) {
  rung_network_settings s = rung_network_settings_default();
  bool rows = !strcmp(k->architecture, "dense") || !strcmp(k->architecture, "mlp");
  rung_shape sample = {.rank = rows ? 1 : 3, .dim = {5, rows ? 0 : 6, rows ? 0 : 2}};
  rung_network *n;
  s.architecture = k->architecture;
  s.block = k->block;
  s.integrator = k->integrator;
  s.norm = k->norm;
  s.activation = "tanh";
  s.nodes = k->nodes;
  s.stages = 2;
  s.channels[0] = 4;
  s.channels[1] = rows ? 4 : 6;
  s.layers[0] = 2;
  s.layers[1] = 3;
  s.groups = 2;
  s.fixed = fixed;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, OUTPUTS, dtype, 3, &n));
  n->transport = transport;
  return n;
}

static rg_pass_options options_of(rung_activations activations) {
  return (rg_pass_options){
      .batch = BATCH, .loss = RUNG_SQUARED, .activations = activations, .drift_bound = 1e-3};
}

/* What a pass comes to. */
typedef struct outcome {
  rung_status status;
  double loss, transport;
  char *gradient;
  size_t bytes, held;
} outcome;

/* Two steps, without an allocation, at what was stated. `tapped` may be NULL. */
static outcome run(rung_context *ctx, rung_network *n, const rg_pass_options *o, double weight,
                   void *tapped) {
  outcome out = {0};
  double x[MOST], target[BATCH * OUTPUTS];
  rg_pass *pass;
  rg_pass_result result;
  chain_fill(n->dtype, x, BATCH * rung_shape_count(&n->sample), 1);
  chain_fill(n->dtype, target, BATCH * OUTPUTS, 2);
  rg_pass_batch batch = {.x = x, .target = target, .transport = weight, .tapped = tapped};
  size_t before = rung_memory_now(ctx);
  out.status = rg_pass_create(n, ctx, o, &pass);
  if (out.status != RUNG_OK) return out;
  out.held = rung_memory_now(ctx) - before;
  assert_int_equal(out.held, rg_pass_get_plan(pass)->total_bytes);
  for (int i = 0; i < 2; i++) assert_ok(ctx, rg_pass_run(pass, &batch, &result));
  assert_int_equal(rung_memory_now(ctx) - before, out.held);
  out.bytes = (size_t)n->parameters * rung_dtype_size(n->dtype);
  out.gradient = rg_alloc(ctx, out.bytes, 1);
  memcpy(out.gradient, result.gradient, out.bytes);
  out.loss = result.loss;
  out.transport = result.transport;
  rg_pass_destroy(pass);
  return out;
}

/* ---- the gradient ---- */

/* Differences of fourth order along a direction. */
static void check_gradient(rung_context *ctx, const kind *k, rg_transport transport) {
  const double h = 2e-5, at[4] = {-2, -1, 1, 2}, share[4] = {1, -8, 8, -1}, weight = 0.7;
  rg_pass_options o = options_of(RUNG_STORE);
  rung_network *n = network_of(ctx, k, RUNG_F64, false, transport);
  size_t count = (size_t)n->parameters;
  double *theta = n->theta, *begin = rg_alloc(ctx, count, sizeof *begin), product = 0, change = 0;
  double *direction = rg_alloc(ctx, count, sizeof *direction);
  chain_fill(RUNG_F64, direction, n->parameters, 99);
  chain_fill(RUNG_F64, begin, n->parameters, 98);
  for (size_t i = 0; i < count; i++) begin[i] = theta[i] += 0.1 * begin[i];
  outcome all = run(ctx, n, &o, weight, NULL);
  assert_true(all.transport > 1e-6);
  for (size_t i = 0; i < count; i++) product += direction[i] * ((double *)all.gradient)[i];
  for (int side = 0; side < 4; side++) {
    for (size_t i = 0; i < count; i++) theta[i] = begin[i] + h * at[side] * direction[i];
    outcome there = run(ctx, n, &o, weight, NULL);
    change += share[side] * (there.loss + weight * there.transport) / (12 * h);
    rg_free(ctx, there.gradient);
  }
  if (!(fabs(change - product) < 1e-7 * (1 + fabs(change))))
    fail_msg("%s %s %s: the gradient says %.15g, differences say %.15g", k->architecture, k->block,
             k->norm, product, change);
  rg_free(ctx, begin);
  rg_free(ctx, direction);
  rg_free(ctx, all.gradient);
  rung_network_destroy(n);
}

static void gradients_are_those_of_loss_and_cost(void **state) {
  rung_set_threads(*state, 1);
  for (int k = 0; k < KINDS; k++)
    for (int t = RG_TRANSPORT_MEAN; t <= RG_TRANSPORT_SUM; t++)
      check_gradient(*state, &kinds[k], (rg_transport)t);
}

/* ---- the cost ---- */

static const double *numbers_of(const rung_network *n, const char *name, int64_t layer) {
  for (int i = 0; i < n->parameter_count; i++)
    if (!strcmp(n->parameter[i].name, name))
      return (double *)n->theta + n->parameter[i].offset + layer * n->parameter[i].count;
  fail_msg("no %s", name);
  abort();
}

static chain_plan plan_of(const rg_block_kind *stage) {
  return (chain_plan){.kind = stage,
                      .features = 3,
                      .width = stage == &chain_residual_kind ? 3 : 4,
                      .layers = 5,
                      .outputs = OUTPUTS,
                      .step = 0.3,
                      .dtype = RUNG_F64,
                      .seed = 5};
}

/* The sum over layers of sums of squares, from states computed here. */
static void the_cost_is_that_of_the_states(void **state) {
  rung_context *ctx = *state;
  chain_plan plan = plan_of(&chain_residual_kind);
  rung_network *n = chain_network(ctx, &plan);
  double y[BATCH * 3], tapped[BATCH * 3], sum = 0;
  chain_fill(RUNG_F64, y, BATCH * 3, 1);
  for (int64_t j = 0; j < plan.layers; j++) {
    const double *w = numbers_of(n, "stage1.W", j), *b = numbers_of(n, "stage1.b", j);
    for (int i = 0; i < BATCH; i++) {
      double by[3];
      for (int r = 0; r < 3; r++) {
        double a = b[r];
        for (int c = 0; c < 3; c++) a += w[r * 3 + c] * y[i * 3 + c];
        by[r] = plan.step * tanh(a);
        sum += by[r] * by[r];
      }
      for (int r = 0; r < 3; r++) y[i * 3 + r] += by[r];
    }
  }
  rg_pass_options o = options_of(RUNG_STORE);
  o.tap = true;
  for (int t = RG_TRANSPORT_NONE; t <= RG_TRANSPORT_SUM; t++) {
    n->transport = (rg_transport)t;
    outcome out = run(ctx, n, &o, 0, tapped);
    double want = t == RG_TRANSPORT_NONE ? 0 : t == RG_TRANSPORT_MEAN ? sum / 3 : sum;
    assert_true(fabs(out.transport - want / BATCH) < 1e-13);
    for (int i = 0; i < BATCH * 3; i++) assert_true(fabs(tapped[i] - y[i]) < 1e-13);
    rg_free(ctx, out.gradient);
  }
  rung_network_destroy(n);
}

/* Without a cost, or with a weight of 0, the gradient is the loss's. */
static void a_weight_of_nothing_changes_nothing(void **state) {
  rung_context *ctx = *state;
  rg_pass_options o = options_of(RUNG_STORE);
  for (int k = 0; k < KINDS; k++) {
    rung_network *n = network_of(ctx, &kinds[k], RUNG_F64, false, RG_TRANSPORT_NONE);
    outcome none = run(ctx, n, &o, 0, NULL);
    assert_true(none.transport == 0);
    n->transport = RG_TRANSPORT_MEAN;
    outcome zero = run(ctx, n, &o, 0, NULL);
    assert_true(none.loss == zero.loss && zero.transport > 0);
    for (int64_t i = 0; i < n->parameters; i++)
      assert_true(fabs(((double *)none.gradient)[i] - ((double *)zero.gradient)[i]) < 1e-13);
    rg_free(ctx, none.gradient);
    rg_free(ctx, zero.gradient);
    rung_network_destroy(n);
  }
}

/* ---- plans ---- */

static void check_same(rung_context *ctx, outcome *o, const outcome *all) {
  assert_int_equal(o->status, RUNG_OK);
  assert_true(o->transport == all->transport && o->loss == all->loss);
  assert_memory_equal(o->gradient, all->gradient, all->bytes);
  rg_free(ctx, o->gradient);
}

/* From as much memory as it likes down to the least that does: pieces, then snapshots. */
static void check_recomputation(rung_context *ctx, rung_network *n, const outcome *all) {
  rg_pass_options o = options_of(RUNG_RECOMPUTE);
  outcome again = run(ctx, n, &o, 0.7, NULL);
  o.memory = again.held;
  while (again.status == RUNG_OK) {
    check_same(ctx, &again, all);
    o.memory -= o.memory / 6;
    again = run(ctx, n, &o, 0.7, NULL);
  }
  assert_int_equal(again.status, RUNG_E_BUDGET);
}

static void check_reversal(rung_context *ctx, rung_network *n, bool fixed, const outcome *all) {
  rg_pass_options o = options_of(fixed ? RUNG_REVERSE_EXACT : RUNG_REVERSE);
  outcome back = run(ctx, n, &o, 0.7, NULL);
  if (back.status == RUNG_E_ARGUMENT) return; /* nothing to reverse */
  if (fixed) {
    check_same(ctx, &back, all);
    return;
  }
  const double *a = (double *)back.gradient, *b = (double *)all->gradient;
  assert_int_equal(back.status, RUNG_OK);
  assert_true(a && b); /* where the status says so */
  assert_true(back.transport == all->transport);
  for (int64_t i = 0; a && b && i < n->parameters; i++)
    assert_true(fabs(a[i] - b[i]) < 1e-10 * (1 + fabs(b[i])));
  rg_free(ctx, back.gradient);
}

static void plans_give_the_same_bits(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  for (int k = 0; k < KINDS; k++)
    for (int fixed = 0; fixed < 2; fixed++) {
      rung_network *n = network_of(ctx, &kinds[k], RUNG_F64, fixed, RG_TRANSPORT_SUM);
      rg_pass_options o = options_of(RUNG_STORE);
      outcome all = run(ctx, n, &o, 0.7, NULL);
      check_recomputation(ctx, n, &all);
      check_reversal(ctx, n, fixed, &all);
      rg_free(ctx, all.gradient);
      rung_network_destroy(n);
    }
}

static void bits_do_not_depend_on_threads(void **state) {
  rung_context *ctx = *state;
  rg_pass_options o = options_of(RUNG_STORE);
  for (int k = 0; k < KINDS; k++) {
    rung_network *n = network_of(ctx, &kinds[k], RUNG_F32, false, RG_TRANSPORT_MEAN);
    assert_ok(ctx, rung_set_threads(ctx, 1));
    outcome one = run(ctx, n, &o, 0.7, NULL);
    assert_ok(ctx, rung_set_threads(ctx, 3));
    outcome three = run(ctx, n, &o, 0.7, NULL);
    check_same(ctx, &three, &one);
    rg_free(ctx, one.gradient);
    rung_network_destroy(n);
  }
}

/* ---- states tapped ---- */

/* What inference comes to before the last block, joined. */
static void walk_to_last(rung_context *ctx, const rung_network *n, double *joined) {
  int last = n->blocks.count - 1, states = n->blocks.list[last].states_in;
  const rung_shape *shape = n->state_shape[last];
  int64_t width = shape[0].dim[shape[0].rank - 1];
  double x[MOST];
  rg_walk walk;
  chain_fill(n->dtype, x, BATCH * rung_shape_count(&n->sample), 1);
  assert_ok(ctx, rg_walk_begin(&walk, n, ctx, BATCH, x));
  for (int i = 0; i < last; i++) assert_ok(ctx, rg_walk_block(&walk, i));
  for (int s = 0; s < states; s++)
    for (int64_t i = 0; i < rg_walk_count(&walk, last, s); i++)
      joined[(i / width * states + s) * width + i % width] = walk.state[s][i];
  rg_walk_end(&walk);
}

static void tapped_states_are_those_before_the_last_block(void **state) {
  rung_context *ctx = *state;
  double want[MOST], have[MOST];
  for (int i = 0; i < MOST; i++) want[i] = NAN;
  for (int i = 0; i < 2 * 2 * KINDS; i++) {
    kind k = kinds[i / 4];
    bool fixed = i & 1, single = i & 2;
    k.norm = "none"; /* inference computes the same */
    rung_network *n = network_of(ctx, &k, single ? RUNG_F32 : RUNG_F64, fixed, RG_TRANSPORT_NONE);
    rg_pass_options o = options_of(i % 3 ? RUNG_RECOMPUTE : RUNG_STORE);
    o.tap = true;
    outcome out = run(ctx, n, &o, 0, have);
    walk_to_last(ctx, n, want);
    int last = n->blocks.count - 1;
    int64_t count = rung_shape_count(&n->state_shape[last][0]) * n->blocks.list[last].states_in;
    for (int64_t j = 0; j < BATCH * count; j++) {
      double off = fabs(rg_fetch(n->dtype, have, j).hi - want[j]);
      assert_true(off < (single ? 1e-4 : fixed ? 1e-9 : 1e-12));
    }
    rg_free(ctx, out.gradient);
    rung_network_destroy(n);
  }
}

/* ---- what cannot be ---- */

static void what_cannot_be_is_refused(void **state) {
  rung_context *ctx = *state;
  double x[MOST], target[BATCH * OUTPUTS] = {0}, tapped[MOST];
  rg_pass_options o = options_of(RUNG_STORE);
  rung_network *n = network_of(ctx, &kinds[6], RUNG_F64, false, RG_TRANSPORT_MEAN);
  rg_pass *pass;
  rg_pass_result result;
  chain_fill(RUNG_F64, x, BATCH * rung_shape_count(&n->sample), 1);
  o.products = true;
  assert_error(ctx, rg_pass_create(n, ctx, &o, &pass), RUNG_E_UNSUPPORTED, "gauss-newton");
  o.products = false;
  n->transport = RG_TRANSPORT_NONE;
  assert_ok(ctx, rg_pass_create(n, ctx, &o, &pass));
  rg_pass_batch batch = {.x = x, .target = target, .transport = 1};
  assert_error(ctx, rg_pass_run(pass, &batch, &result), RUNG_E_ARGUMENT, "without it");
  batch = (rg_pass_batch){.x = x, .target = target, .tapped = tapped};
  assert_error(ctx, rg_pass_run(pass, &batch, &result), RUNG_E_ARGUMENT, "without tap");
  rg_pass_destroy(pass);
  rung_network_destroy(n);
}

static rung_status plan_and_run(rung_context *ctx, void *arg) {
  static double x[BATCH * 3], target[BATCH * OUTPUTS];
  chain_plan plan = plan_of(arg);
  rg_pass_options o = options_of(RUNG_STORE);
  rg_pass_batch batch = {.x = x, .target = target, .transport = 1};
  rg_pass_result result;
  rung_network *n;
  rg_pass *pass;
  RG_TRY(chain_make(ctx, &plan, &n));
  n->transport = RG_TRANSPORT_SUM;
  rung_status status = rg_pass_create(n, ctx, &o, &pass);
  if (status == RUNG_OK) {
    status = rg_pass_run(pass, &batch, &result);
    rg_pass_destroy(pass);
  }
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  const rg_block_kind *stages[] = {&chain_residual_kind, &chain_verlet_kind};
  for (int k = 0; k < 2; k++)
    assert_true(fail_each_allocation(plan_and_run, (void *)stages[k], (fail_options){.most = 150}) >
                150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(gradients_are_those_of_loss_and_cost),
      TEST(the_cost_is_that_of_the_states),
      TEST(a_weight_of_nothing_changes_nothing),
      TEST(plans_give_the_same_bits),
      TEST(bits_do_not_depend_on_threads),
      TEST(tapped_states_are_those_before_the_last_block),
      TEST(what_cannot_be_is_refused),
      TEST(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
