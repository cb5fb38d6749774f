/* Passes: gradients against differences, and all memory plans against each other. */
#include "train/pass.h"

#include "chains.h"
#include "fail_alloc.h"
#include "num/dd.h"

enum { BATCH = 128, FEATURES = 3, WIDTH = 4, OUTPUTS = 3 };

typedef struct data {
  void *x, *target, *weight;
} data;

static data make_data(rung_context *ctx, rung_dtype dtype, rung_loss loss) {
  size_t size = rung_dtype_size(dtype);
  data d = {rg_alloc(ctx, BATCH * FEATURES, size), rg_alloc(ctx, BATCH * OUTPUTS, size),
            rg_alloc(ctx, BATCH, size)};
  chain_fill(dtype, d.x, BATCH * FEATURES, 11);
  chain_fill(dtype, d.target, BATCH * OUTPUTS, 12);
  for (int i = 0; i < BATCH; i++) {
    if (loss == RUNG_CROSS_ENTROPY) rg_store(dtype, d.target, i, (rung_dd){i % OUTPUTS, 0});
    rg_store(dtype, d.weight, i, (rung_dd){1 + 0.5 * (i % 4), 0});
  }
  return d;
}

static void free_data(rung_context *ctx, data *d) {
  rg_free(ctx, d->x);
  rg_free(ctx, d->target);
  rg_free(ctx, d->weight);
}

static rg_pass_options options_of(rung_activations activations, rung_loss loss) {
  return (rg_pass_options){.batch = BATCH,
                           .loss = loss,
                           .smoothing = 0.1,
                           .delta = 0.7,
                           .activations = activations,
                           .drift_bound = 1e-3};
}

static rg_pass_batch batch_of(const data *d) {
  return (rg_pass_batch){.x = d->x, .target = d->target, .weight = d->weight, .seed = 3, .step = 7};
}

static chain_plan plan_of(const rg_block_kind *kind, rung_dtype dtype) {
  return (chain_plan){.kind = kind,
                      .features = FEATURES,
                      .width = kind == &chain_residual_kind ? FEATURES : WIDTH,
                      .layers = 6,
                      .outputs = OUTPUTS,
                      .step = 0.3,
                      .dtype = dtype,
                      .seed = 5};
}

/* The loss's change along a direction, by central differences in double-double, is the gradient's
 * product with it. */
static void check_gradient(rung_context *ctx, const chain_plan *plan, rung_loss loss) {
  rung_network *n;
  rg_pass *pass;
  rg_pass_result result;
  data d = make_data(ctx, RUNG_DD, loss);
  rg_pass_options options = options_of(RUNG_STORE, loss);
  rg_pass_batch batch = batch_of(&d);
  n = chain_network(ctx, plan);
  assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
  assert_ok(ctx, rg_pass_run(pass, &batch, &result));
  rung_dd *theta = n->theta, product = {0, 0};
  rung_dd *direction = rg_alloc(ctx, (size_t)n->parameters, sizeof *direction);
  chain_fill(RUNG_DD, direction, n->parameters, 99);
  for (int64_t i = 0; i < n->parameters; i++)
    product = rg_add_dd(product, rg_mul_dd(direction[i], ((const rung_dd *)result.gradient)[i]));
  double loss_at[2];
  const double h = 1e-6;
  for (int side = 0; side < 2; side++) {
    rung_dd by = {side ? 2 * h : -h, 0};
    for (int64_t i = 0; i < n->parameters; i++)
      theta[i] = rg_add_dd(theta[i], rg_mul_dd(by, direction[i]));
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    loss_at[side] = result.loss;
  }
  double difference = (loss_at[1] - loss_at[0]) / (2 * h);
  if (!(fabs(difference - product.hi) < 1e-8 * (1 + fabs(difference))))
    fail_msg("the gradient says %.15g, differences say %.15g", product.hi, difference);
  rg_free(ctx, direction);
  rg_pass_destroy(pass);
  rung_network_destroy(n);
  free_data(ctx, &d);
}

static void gradients_are_those_of_the_loss(void **state) {
  rung_set_threads(*state, 1);
  const rg_block_kind *kinds[] = {&chain_residual_kind, &chain_verlet_kind, &chain_leap_kind};
  for (int k = 0; k < 3; k++)
    for (int norm = 0; norm < 2; norm++)
      for (int nodes = 0; nodes < 4; nodes += 3)
        for (int loss = 0; loss < 3; loss++) {
          chain_plan plan = plan_of(kinds[k], RUNG_DD);
          plan.norm = norm ? "batch" : "none";
          plan.nodes = nodes;
          check_gradient(*state, &plan, (rung_loss)loss);
        }
}

/* Scores of the pass without statistics are what the network gives when it is applied. */
static void scores_are_those_of_inference(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  const rg_block_kind *kinds[] = {&chain_residual_kind, &chain_verlet_kind, &chain_leap_kind};
  for (int k = 0; k < 3; k++) {
    chain_plan plan = plan_of(kinds[k], RUNG_F64);
    plan.nodes = k == 1 ? 3 : 0;
    rung_network *n;
    rg_pass *pass;
    rg_pass_result result;
    data d = make_data(ctx, RUNG_F64, RUNG_CROSS_ENTROPY);
    rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
    rg_pass_batch batch = batch_of(&d);
    double y[BATCH * OUTPUTS], one[OUTPUTS];
    n = chain_network(ctx, &plan);
    assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    assert_ok(ctx, rung_network_apply(n, ctx, BATCH, d.x, y));
    assert_memory_equal(y, result.scores, sizeof y);
    for (int i = 0; i < BATCH; i++) {
      assert_ok(ctx, rung_network_apply(n, ctx, 1, (double *)d.x + i * FEATURES, one));
      assert_memory_equal(one, y + i * OUTPUTS, sizeof one);
    }
    rg_pass_destroy(pass);
    rung_network_destroy(n);
    free_data(ctx, &d);
  }
}

/* ---- memory plans ---- */

/* What a pass comes to, in memory of its own. */
typedef struct outcome {
  rg_pass_plan plan;
  double loss, drift;
  void *gradient, *running;
  rung_status status;
  size_t allocated;
} outcome;

static void free_outcome(rung_context *ctx, outcome *o) {
  rg_free(ctx, o->gradient);
  rg_free(ctx, o->running);
}

/* Two steps, so that what one leaves behind would show in the next. */
static outcome run_with(rung_context *ctx, const chain_plan *plan, const rg_pass_options *options) {
  outcome o = {0};
  rung_network *n;
  rg_pass *pass;
  rg_pass_result result;
  data d = make_data(ctx, plan->dtype, options->loss);
  rg_pass_batch batch = batch_of(&d);
  n = chain_network(ctx, plan);
  size_t before = rung_memory_now(ctx), bytes = (size_t)n->parameters * rung_dtype_size(n->dtype);
  o.status = rg_pass_create(n, ctx, options, &pass);
  if (o.status == RUNG_OK) {
    o.allocated = rung_memory_now(ctx) - before;
    o.plan = *rg_pass_get_plan(pass);
    size_t running = (size_t)n->statistics * rung_dtype_size(n->dtype);
    o.gradient = rg_alloc(ctx, bytes, 1);
    o.running = rg_alloc(ctx, running, 1);
    for (int step = 0; step < 2; step++) {
      batch.step = (uint64_t)step;
      o.status = rg_pass_run(pass, &batch, &result);
      if (o.status != RUNG_OK) break;
      o.loss = result.loss;
      o.drift = result.drift;
    }
    memcpy(o.gradient, result.gradient, bytes);
    memcpy(o.running, n->running, running);
    assert_int_equal(rung_memory_now(ctx) - before - o.allocated,
                     bytes + running + 2 * (RG_ALIGN + 24));
    rg_pass_destroy(pass);
  }
  rung_network_destroy(n);
  free_data(ctx, &d);
  return o;
}

static int64_t parameters_of(rung_context *ctx, const chain_plan *plan, int64_t *statistics) {
  rung_network *n;
  n = chain_network(ctx, plan);
  int64_t count = n->parameters;
  *statistics = n->statistics;
  rung_network_destroy(n);
  return count;
}

/* Every memory between the least that would do and that of storing all gives the same bits, and
 * takes what was stated. */
static void recomputation_gives_the_same_bits(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  const rg_block_kind *kinds[] = {&chain_residual_kind, &chain_verlet_kind, &chain_leap_kind};
  for (int k = 0; k < 3; k++) {
    chain_plan plan = plan_of(kinds[k], RUNG_F64);
    int64_t statistics;
    plan.layers = 37;
    plan.norm = "batch";
    plan.nodes = k == 0 ? 4 : 0;
    plan.dropout = k == 0 ? 0.3 : 0;
    size_t parameters = (size_t)parameters_of(ctx, &plan, &statistics);
    rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
    outcome all = run_with(ctx, &plan, &options);
    assert_int_equal(all.status, RUNG_OK);
    assert_int_equal(all.allocated, all.plan.total_bytes);
    int recursions = 0, segments = 0;
    double work = 1;
    options.activations = RUNG_RECOMPUTE;
    size_t limit = all.plan.total_bytes;
    for (;; limit -= limit / 100) {
      options.memory = limit;
      outcome o = run_with(ctx, &plan, &options);
      if (o.status == RUNG_E_BUDGET) break;
      assert_int_equal(o.status, RUNG_OK);
      assert_int_equal(o.allocated, o.plan.total_bytes);
      assert_true(o.allocated <= limit);
      assert_true(o.plan.work >= work);
      work = o.plan.work;
      recursions += o.plan.segment == 1;
      segments += o.plan.segment > 1;
      assert_true(o.loss == all.loss);
      assert_memory_equal(o.gradient, all.gradient, parameters * sizeof(double));
      assert_memory_equal(o.running, all.running, (size_t)statistics * sizeof(double));
      free_outcome(ctx, &o);
    }
    if (recursions < 4 || segments < 4)
      fail_msg("kind %d: %d recursions and %d segmentations from %zu down to %zu bytes", k,
               recursions, segments, all.plan.total_bytes, limit);
    /* What the message says would do does. */
    const char *needed = strstr(rung_error(ctx), "at least ");
    assert_non_null(needed);
    options.memory = (size_t)atoll(needed + strlen("at least "));
    outcome least = run_with(ctx, &plan, &options);
    assert_int_equal(least.status, RUNG_OK);
    assert_memory_equal(least.gradient, all.gradient, parameters * sizeof(double));
    options.memory--;
    outcome less = run_with(ctx, &plan, &options);
    assert_int_equal(less.status, RUNG_E_BUDGET);
    free_outcome(ctx, &least);
    free_outcome(ctx, &all);
  }
}

static double relative_difference(const double *a, const double *b, size_t count) {
  double difference = 0, size = 0;
  if (!a || !b) abort(); /* for analysers */
  for (size_t i = 0; i < count; i++) {
    difference = fmax(difference, fabs(a[i] - b[i]));
    size = fmax(size, fabs(b[i]));
  }
  return difference / size;
}

static void reversal_gives_the_gradient(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  const rg_block_kind *kinds[] = {&chain_verlet_kind, &chain_leap_kind};
  for (int k = 0; k < 2; k++)
    for (int norm = 0; norm < 2; norm++) {
      chain_plan plan = plan_of(kinds[k], RUNG_F64);
      int64_t statistics;
      plan.layers = 50;
      plan.norm = norm ? "batch" : "none";
      plan.nodes = k ? 5 : 0;
      size_t parameters = (size_t)parameters_of(ctx, &plan, &statistics);
      rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
      outcome all = run_with(ctx, &plan, &options);
      options.activations = RUNG_REVERSE;
      outcome o = run_with(ctx, &plan, &options);
      assert_int_equal(o.status, RUNG_OK);
      assert_int_equal(o.allocated, o.plan.total_bytes);
      assert_true(o.plan.state_bytes < all.plan.state_bytes / 4);
      assert_true(o.drift > 0 && o.drift < 1e-12);
      assert_true(o.loss == all.loss);
      assert_true(relative_difference(o.gradient, all.gradient, parameters) < 1e-12);
      assert_memory_equal(o.running, all.running, (size_t)statistics * sizeof(double));
      free_outcome(ctx, &o);
      free_outcome(ctx, &all);
    }
}

/* The same fixed-point network, stored or run backwards: every bit of the gradient agrees. */
static void exact_reversal_gives_the_bits_of_storing(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  const rg_block_kind *kinds[] = {&chain_verlet_kind, &chain_leap_kind};
  for (int i = 0; i < 16; i++) {
    chain_plan plan = plan_of(kinds[i & 1], i & 8 ? RUNG_F64 : RUNG_F32);
    int64_t statistics;
    plan.layers = 60;
    plan.fixed = true;
    plan.norm = i & 2 ? "batch" : "none";
    plan.nodes = i & 4 ? 5 : 0;
    size_t size = rung_dtype_size(plan.dtype);
    size_t parameters = (size_t)parameters_of(ctx, &plan, &statistics);
    rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
    outcome all = run_with(ctx, &plan, &options);
    options.activations = RUNG_REVERSE_EXACT;
    outcome o = run_with(ctx, &plan, &options);
    assert_int_equal(all.status, RUNG_OK);
    assert_int_equal(o.status, RUNG_OK);
    assert_true(o.drift == 0);
    assert_true(o.loss == all.loss);
    assert_memory_equal(o.gradient, all.gradient, parameters * size);
    assert_memory_equal(o.running, all.running, (size_t)statistics * size);
    options.activations = RUNG_RECOMPUTE;
    outcome again = run_with(ctx, &plan, &options);
    assert_memory_equal(again.gradient, all.gradient, parameters * size);
    free_outcome(ctx, &again);
    free_outcome(ctx, &o);
    free_outcome(ctx, &all);
  }
}

/* Long before sums go round. */
static void states_near_the_end_of_fixed_point_are_an_error(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  int64_t statistics;
  plan.fixed = true;
  plan.layers = 8;
  parameters_of(ctx, &plan, &statistics);
  for (int i = 0; i < 2; i++) {
    rg_pass_options options = options_of(i ? RUNG_STORE : RUNG_REVERSE_EXACT, RUNG_CROSS_ENTROPY);
    plan.step = 600; /* increments of a tanh are below 1: eight of them come to 4,800 at the most */
    outcome o = run_with(ctx, &plan, &options);
    assert_int_equal(o.status, RUNG_E_NUMERIC);
    assert_non_null(strstr(rung_error(ctx), "a state has passed 1024"));
    free_outcome(ctx, &o);
  }
}

/* The depth of which nobody believes it. */
static void sixteen_thousand_layers_are_reversed_to_the_bit(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  int64_t statistics;
  plan.layers = 16384;
  plan.step = 40.0 / 16384;
  plan.fixed = true;
  size_t parameters = (size_t)parameters_of(ctx, &plan, &statistics);
  rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
  outcome all = run_with(ctx, &plan, &options);
  options.activations = RUNG_REVERSE_EXACT;
  outcome o = run_with(ctx, &plan, &options);
  assert_int_equal(all.status, RUNG_OK);
  assert_int_equal(o.status, RUNG_OK);
  assert_true(o.drift == 0);
  assert_true(o.loss == all.loss && isfinite(o.loss));
  assert_memory_equal(o.gradient, all.gradient, parameters * sizeof(float));
  assert_true(o.plan.state_bytes < all.plan.state_bytes / 1000);
  free_outcome(ctx, &o);
  free_outcome(ctx, &all);
}

static void what_cannot_be_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_network *n;
  rg_pass *pass;
  rg_pass_result result;
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  rg_pass_options options = options_of(RUNG_REVERSE_EXACT, RUNG_CROSS_ENTROPY);
  n = chain_network(ctx, &plan);
  assert_error(ctx, rg_pass_create(n, ctx, &options, &pass), RUNG_E_ARGUMENT, "model.state: fixed");
  options.activations = RUNG_STORE;
  options.batch = 0;
  assert_error(ctx, rg_pass_create(n, ctx, &options, &pass), RUNG_E_ARGUMENT, "batch");
  options.batch = BATCH;
  assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
  data d = make_data(ctx, RUNG_F32, RUNG_CROSS_ENTROPY);
  rg_pass_batch batch = batch_of(&d);
  ((float *)d.target)[4] = 3;
  assert_error(ctx, rg_pass_run(pass, &batch, &result), RUNG_E_DATA, "sample 4");
  ((float *)d.target)[4] = NAN;
  assert_error(ctx, rg_pass_run(pass, &batch, &result), RUNG_E_DATA, "sample 4");
  rg_pass_destroy(pass);
  rung_network_destroy(n);
  plan = plan_of(&chain_residual_kind, RUNG_F32);
  options.activations = RUNG_REVERSE;
  n = chain_network(ctx, &plan);
  assert_error(ctx, rg_pass_create(n, ctx, &options, &pass), RUNG_E_ARGUMENT,
               "no reversible stage");
  rung_network_destroy(n);
  free_data(ctx, &d);
}

static rung_status plan_and_run(rung_context *ctx, void *arg) {
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  rg_pass_options options = options_of(*(rung_activations *)arg, RUNG_CROSS_ENTROPY);
  static float x[BATCH * FEATURES], target[BATCH];
  rg_pass_batch batch = {.x = x, .target = target};
  rg_pass_result result;
  rung_network *n;
  rg_pass *pass;
  plan.norm = "batch";
  plan.nodes = 3;
  RG_TRY(chain_make(ctx, &plan, &n));
  rung_status status = rg_pass_create(n, ctx, &options, &pass);
  if (status == RUNG_OK) {
    status = rg_pass_run(pass, &batch, &result);
    rg_pass_destroy(pass);
  }
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  for (rung_activations a = RUNG_STORE; a <= RUNG_REVERSE; a++)
    assert_true(fail_each_allocation(plan_and_run, &a, (fail_options){.most = 150}) > 150);
}

/* u' (J v) = (J' u)' v, and J v is the change of scores by differences; whatever the plan. */
static void products_are_those_of_the_jacobian(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  const rg_block_kind *kinds[] = {&chain_residual_kind, &chain_verlet_kind, &chain_leap_kind};
  for (int i = 0; i < 12; i++) {
    chain_plan plan = plan_of(kinds[i % 3], RUNG_F64);
    plan.norm = i & 1 ? "batch" : "none";
    plan.nodes = i & 4 ? 3 : 0;
    rg_pass_options options = options_of(i < 6 ? RUNG_STORE : RUNG_RECOMPUTE, RUNG_SQUARED);
    options.products = true;
    rung_network *n;
    rg_pass *pass;
    rg_pass_result result;
    data d = make_data(ctx, RUNG_F64, RUNG_SQUARED);
    rg_pass_batch batch = batch_of(&d);
    n = chain_network(ctx, &plan);
    assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
    size_t parameters = (size_t)n->parameters, scores = BATCH * OUTPUTS;
    double *v = rg_alloc(ctx, parameters, sizeof *v), *u = rg_alloc(ctx, scores, sizeof *u);
    double *jv = rg_alloc(ctx, scores, sizeof *jv), *ju = rg_alloc(ctx, parameters, sizeof *ju);
    double *running = rg_alloc(ctx, (size_t)n->statistics, sizeof *running);
    chain_fill(RUNG_F64, v, n->parameters, 5);
    chain_fill(RUNG_F64, u, (int64_t)scores, 6);
    assert_error(ctx, rg_pass_forward_product(pass, v, jv), RUNG_E_ARGUMENT, "no batch");
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    memcpy(running, n->running, (size_t)n->statistics * sizeof *running);
    assert_ok(ctx, rg_pass_forward_product(pass, v, jv));
    assert_ok(ctx, rg_pass_backward_product(pass, u, ju));
    assert_memory_equal(running, n->running, (size_t)n->statistics * sizeof *running);
    double there = 0, back = 0, size = 0, off = 0;
    for (size_t k = 0; k < scores; k++) there += u[k] * jv[k];
    for (size_t k = 0; k < parameters; k++) back += v[k] * ju[k];
    assert_true(fabs(there - back) < 1e-11 * (fabs(there) + 1));
    const double h = 1e-6;
    double *theta = n->theta, *before = u; /* u has served */
    for (size_t k = 0; k < parameters; k++) theta[k] -= h * v[k];
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    memcpy(before, result.scores, scores * sizeof *before);
    for (size_t k = 0; k < parameters; k++) theta[k] += 2 * h * v[k];
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    for (size_t k = 0; k < scores; k++) {
      double change = (((const double *)result.scores)[k] - before[k]) / (2 * h);
      off = fmax(off, fabs(change - jv[k]));
      size = fmax(size, fabs(jv[k]));
    }
    assert_true(off < 1e-7 * size);
    double *owned[] = {v, u, jv, ju, running};
    for (int k = 0; k < 5; k++) rg_free(ctx, owned[k]);
    rg_pass_destroy(pass);
    rung_network_destroy(n);
    free_data(ctx, &d);
  }
}

/* What is observed is the same for every plan, and the first state is the batch. */
static void norms_of_layers_are_seen(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  double first[2][16];
  for (int i = 0; i < 3; i++) {
    chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
    plan.fixed = true;
    rg_pass_options options = options_of(
        (rung_activations[]){RUNG_STORE, RUNG_RECOMPUTE, RUNG_REVERSE_EXACT}[i], RUNG_SQUARED);
    options.observe = true;
    rung_network *n;
    rg_pass *pass;
    rg_pass_result result;
    data d = make_data(ctx, RUNG_F32, RUNG_SQUARED);
    rg_pass_batch batch = batch_of(&d);
    n = chain_network(ctx, &plan);
    assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    const rg_pass_seen *seen = rg_pass_observed(pass);
    assert_int_equal(rg_pass_layers(pass), 8);
    double sum = 0;
    for (int k = 0; k < BATCH * FEATURES; k++)
      sum += (double)((float *)d.x)[k] * (double)((float *)d.x)[k];
    assert_true(fabs(seen->state[0] - sqrt(sum / (BATCH * FEATURES))) < 1e-6);
    assert_true(isnan(seen->cotangent[0]));
    for (int k = 1; k < 8; k++) assert_true(seen->state[k] > 0 && seen->cotangent[k] > 0);
    if (i == 0) {
      memcpy(first[0], seen->state, 8 * sizeof(double));
      memcpy(first[1], seen->cotangent, 8 * sizeof(double));
    } else {
      assert_memory_equal(first[0], seen->state, 8 * sizeof(double));
      assert_memory_equal(first[1] + 1, seen->cotangent + 1, 7 * sizeof(double));
    }
    rg_pass_destroy(pass);
    rung_network_destroy(n);
    free_data(ctx, &d);
  }
}

/* Past the bound: an error that says where and what would help, and statistics as before. */
static void drift_past_the_bound_is_an_error(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  int64_t statistics;
  plan.layers = 50;
  plan.norm = "batch";
  parameters_of(ctx, &plan, &statistics);
  rg_pass_options options = options_of(RUNG_REVERSE, RUNG_CROSS_ENTROPY);
  options.drift_bound = 1e-12;
  outcome o = run_with(ctx, &plan, &options);
  assert_int_equal(o.status, RUNG_E_NUMERIC);
  assert_non_null(strstr(rung_error(ctx), "stage1"));
  assert_non_null(strstr(rung_error(ctx), "reverse-exact"));
  rung_network *n;
  n = chain_network(ctx, &plan);
  assert_memory_equal(o.running, n->running, (size_t)statistics * sizeof(float));
  rung_network_destroy(n);
  free_outcome(ctx, &o);
}

/* Dropout is another one in each step and layer, and the same when a step is done again. */
static void dropout_is_keyed_by_step(void **state) {
  rung_context *ctx = *state;
  rung_set_threads(ctx, 1);
  chain_plan plan = plan_of(&chain_residual_kind, RUNG_F64);
  plan.dropout = 0.5;
  rg_pass_options options = options_of(RUNG_STORE, RUNG_SQUARED);
  rung_network *n;
  rg_pass *pass;
  rg_pass_result result;
  double loss[3], y[BATCH * OUTPUTS];
  data d = make_data(ctx, RUNG_F64, RUNG_SQUARED);
  n = chain_network(ctx, &plan);
  assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
  for (int i = 0; i < 3; i++) {
    rg_pass_batch batch = batch_of(&d);
    batch.step = (uint64_t)(i % 2);
    assert_ok(ctx, rg_pass_run(pass, &batch, &result));
    loss[i] = result.loss;
  }
  assert_true(loss[0] == loss[2] && loss[0] != loss[1]);
  assert_ok(ctx, rung_network_apply(n, ctx, BATCH, d.x, y));
  assert_memory_not_equal(y, result.scores, sizeof y);
  rg_pass_destroy(pass);
  rung_network_destroy(n);
  free_data(ctx, &d);
}

static void bits_do_not_depend_on_threads(void **state) {
  rung_context *ctx = *state;
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  plan.features = 3;
  plan.width = 96;
  plan.norm = "batch";
  rg_pass_options options = options_of(RUNG_STORE, RUNG_CROSS_ENTROPY);
  outcome one = {0};
  int64_t statistics;
  size_t parameters = (size_t)parameters_of(ctx, &plan, &statistics);
  for (int threads = 1; threads <= 7; threads += 2) {
    assert_ok(ctx, rung_set_threads(ctx, threads));
    outcome o = run_with(ctx, &plan, &options);
    assert_int_equal(o.status, RUNG_OK);
    if (threads == 1) {
      one = o;
      continue;
    }
    assert_memory_equal(o.gradient, one.gradient, parameters * sizeof(float));
    assert_memory_equal(o.running, one.running, (size_t)statistics * sizeof(float));
    assert_true(o.loss == one.loss);
    free_outcome(ctx, &o);
  }
  free_outcome(ctx, &one);
}

/* Memory of running backwards does not grow with depth, beyond parameters and their gradient. */
static void reversal_takes_the_memory_of_few_layers(void **state) {
  rung_context *ctx = *state;
  chain_plan plan = plan_of(&chain_verlet_kind, RUNG_F32);
  rg_pass_options options = options_of(RUNG_REVERSE, RUNG_CROSS_ENTROPY);
  rg_pass_plan shallow, deep;
  for (int i = 0; i < 2; i++) {
    rung_network *n;
    plan.layers = i ? 1024 : 16;
    n = chain_network(ctx, &plan);
    assert_ok(ctx, rg_pass_choose(n, ctx, &options, i ? &deep : &shallow, NULL));
    rung_network_destroy(n);
  }
  size_t a = shallow.total_bytes - shallow.gradient_bytes;
  size_t b = deep.total_bytes - deep.gradient_bytes;
  assert_true(b <= a + a / 20);
}

/* ---- pieces ---- */

/* Pieces add up to the batch, by any plan, and also where weights are 0 in a whole piece. */
static void check_pieces(rung_context *ctx, const chain_plan *plan, rg_pass_options options) {
  double loss[3], tolerance = plan->dtype == RUNG_F32   ? 1e-5
                              : plan->dtype == RUNG_F64 ? 1e-13
                                                        : 1e-28;
  static const int64_t micro[] = {0, 32, 1};
  rung_network *n = chain_network(ctx, plan);
  size_t bytes = (size_t)n->parameters * rung_dtype_size(n->dtype);
  void *gradient = rg_alloc(ctx, bytes, 1), *scores = NULL;
  data d = make_data(ctx, plan->dtype, options.loss);
  for (int i = 64; i < 96; i++) rg_store(plan->dtype, d.weight, i, (rung_dd){0, 0});
  size_t score_bytes = (size_t)(BATCH * OUTPUTS) * rung_dtype_size(n->dtype);
  scores = rg_alloc(ctx, score_bytes, 1);
  for (int i = 0; i < 3; i++) {
    rg_pass *pass;
    rg_pass_result r;
    rg_pass_batch batch = batch_of(&d);
    options.micro = micro[i];
    size_t before = rung_memory_now(ctx);
    assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
    assert_int_equal(rg_pass_get_plan(pass)->total_bytes, rung_memory_now(ctx) - before);
    assert_int_equal(rg_pass_get_plan(pass)->micro, micro[i] ? micro[i] : BATCH);
    assert_ok(ctx, rg_pass_run(pass, &batch, &r));
    loss[i] = r.loss;
    if (i == 0) memcpy(gradient, r.gradient, bytes);
    if (i == 0) memcpy(scores, r.scores, score_bytes);
    assert_true(fabs(loss[i] - loss[0]) <= tolerance * fabs(loss[0]) + 1e-15);
    double most = 0, off = 0;
    for (int64_t k = 0; k < n->parameters; k++) {
      rung_dd a = rg_fetch(n->dtype, gradient, k), b = rg_fetch(n->dtype, r.gradient, k);
      most = fmax(most, fabs(a.hi));
      off = fmax(off, fabs(rg_sub_dd(a, b).hi));
    }
    if (!(off <= tolerance * most)) fail_msg("pieces of %d: %g of %g", (int)micro[i], off, most);
    assert_memory_equal(scores, r.scores, score_bytes);
    rg_pass_destroy(pass);
  }
  free_data(ctx, &d);
  rg_free(ctx, gradient);
  rg_free(ctx, scores);
  rung_network_destroy(n);
}

static void pieces_add_up_to_the_batch(void **state) {
  rung_set_threads(*state, 1);
  static const rung_dtype dtypes[] = {RUNG_F32, RUNG_F64, RUNG_DD};
  for (int t = 0; t < 3; t++)
    for (int loss = 0; loss < 3; loss++) {
      chain_plan plan = plan_of(loss == 1 ? &chain_residual_kind : &chain_verlet_kind, dtypes[t]);
      rung_activations activations = loss == 0 ? RUNG_STORE : RUNG_RECOMPUTE;
      check_pieces(*state, &plan, options_of(activations, (rung_loss)loss));
    }
}

/* A whole batch is taken where it fits, unless pieces take less than half of its work and no
 * statistics are taken of it; pieces go on where it does not fit, down to the least that is named.
 */
static void check_choice(rung_context *ctx, const chain_plan *plan) {
  rung_network *n = chain_network(ctx, plan);
  rg_pass_options options = options_of(RUNG_ACTIVATIONS_AUTO, RUNG_CROSS_ENTROPY);
  rg_pass_plan stored, whole, chosen;
  size_t least[2];
  int cheap = 0, dear = 0, none = 0;
  assert_ok(ctx, rg_pass_choose(n, ctx, &options, &stored, NULL));
  for (int i = 0; i < 2; i++) {
    options.memory = 1;
    options.micro = i ? RUNG_MICRO_AUTO : 0;
    assert_int_equal(rg_pass_choose(n, ctx, &options, &chosen, &least[i]), RUNG_E_BUDGET);
  }
  assert_true(least[1] < least[0]);
  for (size_t i = 0, steps = 60; i <= steps; i++) {
    options.memory = least[1] + (stored.total_bytes - least[1]) * i / steps;
    options.micro = 0;
    bool fits = rg_pass_choose(n, ctx, &options, &whole, NULL) == RUNG_OK;
    options.micro = RUNG_MICRO_AUTO;
    rung_clear_error(ctx);
    assert_ok(ctx, rg_pass_choose(n, ctx, &options, &chosen, NULL));
    assert_true(chosen.total_bytes <= options.memory);
    if (!fits) {
      none++;
      assert_true(chosen.micro < BATCH);
    } else if (chosen.micro == BATCH) {
      cheap++;
      assert_true(chosen.work == whole.work);
    } else {
      dear++;
      assert_true(2 * chosen.work < whole.work && !n->statistics);
    }
  }
  assert_true(cheap > 0 && none > 0 && (n->statistics || dear > 0));
  options.memory = least[1] - 1;
  assert_int_equal(rg_pass_choose(n, ctx, &options, &chosen, NULL), RUNG_E_BUDGET);
  rung_network_destroy(n);
}

static void cheap_whole_batches_come_before_pieces(void **state) {
  chain_plan plan = plan_of(&chain_residual_kind, RUNG_F64);
  plan.layers = 40;
  check_choice(*state, &plan);
  plan.norm = "batch";
  check_choice(*state, &plan);
}

static void pieces_divide_the_batch(void **state) {
  chain_plan plan = plan_of(&chain_residual_kind, RUNG_F64);
  rung_network *n = chain_network(*state, &plan);
  rg_pass_options options = options_of(RUNG_ACTIVATIONS_AUTO, RUNG_CROSS_ENTROPY);
  rg_pass_plan pieces;
  options.micro = 48;
  assert_error(*state, rg_pass_choose(n, *state, &options, &pieces, NULL), RUNG_E_ARGUMENT,
               "a divisor of the batch, 128, found 48");
  rung_network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(gradients_are_those_of_the_loss),
      TEST(bits_do_not_depend_on_threads),
      TEST(dropout_is_keyed_by_step),
      TEST(scores_are_those_of_inference),
      TEST(recomputation_gives_the_same_bits),
      TEST(reversal_gives_the_gradient),
      TEST(drift_past_the_bound_is_an_error),
      TEST(states_near_the_end_of_fixed_point_are_an_error),
      TEST(reversal_takes_the_memory_of_few_layers),
      TEST(exact_reversal_gives_the_bits_of_storing),
      TEST(sixteen_thousand_layers_are_reversed_to_the_bit),
      TEST(products_are_those_of_the_jacobian),
      TEST(norms_of_layers_are_seen),
      TEST(pieces_add_up_to_the_batch),
      TEST(cheap_whole_batches_come_before_pieces),
      TEST(pieces_divide_the_batch),
      TEST(what_cannot_be_is_refused),
      TEST(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
