/* Passes: gradients against differences, and all memory plans against each other. */
#include "train/pass.h"

#include "chains.h"
#include "fail_alloc.h"
#include "num/dd.h"

enum { BATCH = 5, FEATURES = 3, WIDTH = 4, OUTPUTS = 3 };

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
    rg_store(dtype, d.weight, i, (rung_dd){1 + 0.5 * i, 0});
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
                      .features = kind == &chain_residual_kind ? FEATURES : FEATURES,
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
  assert_ok(ctx, chain_make(ctx, plan, &n));
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
    assert_ok(ctx, chain_make(ctx, &plan, &n));
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

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(gradients_are_those_of_the_loss),
      TEST(scores_are_those_of_inference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
