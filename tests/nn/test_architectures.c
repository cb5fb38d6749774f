/* Architectures: what they compute, that it is differentiated rightly, and what is refused. */
#include <math.h>
#include <stdio.h>

#include "fail_alloc.h"
#include "nn/arch/arch.h"
#include "nn/chain.h"
#include "nn/network.h"
#include "num/dd.h"
#include "test.h"
#include "train/pass.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const blocks[] = {"resnet",      "bottleneck",      "antisymmetric", "parabolic",
                                     "hamiltonian", "hamiltonian-two", "leapfrog",      "midpoint"};
static const rung_shape row = {.rank = 1, .dim = {3}};
static const rung_shape image = {.rank = 3, .dim = {5, 6, 2}};

static rung_network_settings settings_of(const char *architecture, const char *block) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = architecture;
  s.block = block;
  s.stages = 2;
  s.channels[0] = 4;
  s.channels[1] = 6;
  s.layers[0] = 2;
  s.layers[1] = 3;
  return s;
}

static void fill(rung_dtype dtype, void *out, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; i++)
    rg_store(dtype, out, i, (rung_dd){rg_normal(seed, 5, (uint64_t)i), 0});
}

/* ---- derivatives ---- */

enum { BATCH = 4, OUTPUTS = 3, MOST_NUMBERS = 60 };

static double loss_of(rung_context *ctx, rg_pass *pass, const rg_pass_batch *batch,
                      const rung_dd **gradient) {
  rg_pass_result result;
  assert_ok(ctx, rg_pass_run(pass, batch, &result));
  *gradient = result.gradient;
  return result.loss;
}

/* The loss's change along a direction, by differences of fourth order in double-double, is the
 * gradient's product with it. */
static void check_gradient(rung_context *ctx, const rung_network_settings *s,
                           const rung_shape *sample) {
  rung_network *n;
  rg_pass *pass;
  rung_dd x[BATCH * MOST_NUMBERS], target[BATCH * OUTPUTS];
  fill(RUNG_DD, x, BATCH * rung_shape_count(sample), 1);
  fill(RUNG_DD, target, BATCH * OUTPUTS, 2);
  const rg_pass_options options = {
      .batch = BATCH, .loss = RUNG_SQUARED, .activations = RUNG_STORE, .drift_bound = 1};
  const rg_pass_batch batch = {.x = x, .target = target};
  assert_ok(ctx, rung_network_create(ctx, s, sample, OUTPUTS, RUNG_DD, 3, &n));
  assert_ok(ctx, rg_pass_create(n, ctx, &options, &pass));
  rung_dd *theta = n->theta, product = {0, 0};
  rung_dd *begin = rg_alloc(ctx, (size_t)n->parameters, sizeof *begin);
  rung_dd *direction = rg_alloc(ctx, (size_t)n->parameters, sizeof *direction);
  fill(RUNG_DD, direction, n->parameters, 99);
  for (int64_t i = 0; i < n->parameters; i++) { /* away from zeros and kinks */
    begin[i] = rg_add_dd(theta[i], (rung_dd){0.1 * rg_normal(7, 7, (uint64_t)i), 0});
    theta[i] = begin[i];
  }
  const rung_dd *gradient;
  loss_of(ctx, pass, &batch, &gradient);
  for (int64_t i = 0; i < n->parameters; i++)
    product = rg_add_dd(product, rg_mul_dd(direction[i], gradient[i]));
  const double h = 1e-7, at[4] = {-2, -1, 1, 2}, weight[4] = {1, -8, 8, -1};
  double difference = 0;
  for (int k = 0; k < 4; k++) {
    for (int64_t i = 0; i < n->parameters; i++)
      theta[i] = rg_add_dd(begin[i], rg_mul_dd((rung_dd){h * at[k], 0}, direction[i]));
    difference += weight[k] * loss_of(ctx, pass, &batch, &gradient) / (12 * h);
  }
  if (!(fabs(difference - product.hi) < 1e-7 * (1 + fabs(difference))))
    fail_msg("%s %s %s %s %s: the gradient says %.15g, differences say %.15g", s->architecture,
             s->block, s->integrator, s->norm, s->activation, product.hi, difference);
  rg_free(ctx, begin);
  rg_free(ctx, direction);
  rg_pass_destroy(pass);
  rung_network_destroy(n);
}

static void gradients_of_every_block_are_right(void **state) {
  for (size_t k = 0; k < COUNT(blocks); k++) {
    rung_network_settings s = settings_of("conv", blocks[k]);
    s.activation = "tanh";
    s.norm = k % 2 ? "batch" : "none";
    check_gradient(*state, &s, &image);
    s.norm = k % 2 ? "none" : "layer";
    check_gradient(*state, &s, &image);
    if (!strcmp(blocks[k], "bottleneck")) continue;
    s.architecture = "dense";
    check_gradient(*state, &s, &row);
  }
}

static void gradients_of_every_integrator_are_right(void **state) {
  static const char *const pairs[][2] = {{"antisymmetric", "rk4"},     {"hamiltonian", "rk4"},
                                         {"leapfrog", "rk4"},          {"resnet", "midpoint"},
                                         {"hamiltonian-two", "euler"}, {"leapfrog", "euler"}};
  for (size_t k = 0; k < COUNT(pairs); k++) {
    rung_network_settings s = settings_of("dense", pairs[k][0]);
    s.integrator = pairs[k][1];
    s.nodes = k % 2 ? 2 : 0;
    check_gradient(*state, &s, &row);
  }
}

static void gradients_of_every_normalisation_and_activation_are_right(void **state) {
  static const char *const norms[] = {"none", "batch", "layer", "group", "instance"};
  static const char *const activations[] = {"tanh",    "gelu", "silu",       "softplus",
                                            "sigmoid", "relu", "leaky-relu", "identity"};
  for (size_t k = 0; k < COUNT(activations); k++) {
    rung_network_settings s =
        settings_of(k % 2 ? "cnn" : "resnet", k % 4 ? "resnet" : "bottleneck");
    s.activation = activations[k];
    s.norm = norms[k % COUNT(norms)];
    s.groups = 1;
    check_gradient(*state, &s, &image);
    s.norm = norms[(k + 1) % 4];
    s.architecture = "mlp";
    s.groups = 2;
    check_gradient(*state, &s, &row);
  }
}

/* ---- what is computed ---- */

static double *tensor(rung_context *ctx, const rung_network *n, const char *name) {
  rung_tensor t;
  for (int i = 0; i < rung_network_tensors(n); i++) {
    assert_ok(ctx, rung_network_tensor(n, ctx, i, &t));
    if (!strcmp(t.name, name)) return t.data;
  }
  fail_msg("there is no tensor %s", name);
  return NULL;
}

/* One layer of each right-hand side for features of width 2 (or halves of 1) by hand. */
static void layers_are_their_formulas(void **state) {
  rung_context *ctx = *state;
  const double x[2] = {0.3, -0.7}, h = 0.5;
  const rung_shape two = {.rank = 1, .dim = {2}}, one = {.rank = 1, .dim = {1}};
  for (size_t k = 0; k < COUNT(blocks); k++) {
    const char *block = blocks[k];
    if (!strcmp(block, "bottleneck")) continue;
    bool halves = !strncmp(block, "hamiltonian", 11);
    rung_network_settings s = settings_of("dense", block);
    s.stages = 1;
    s.channels[0] = 2;
    s.layers[0] = 1;
    s.step = h;
    rung_network *n;
    double y[2], want[2], got[2];
    assert_ok(ctx, rung_network_create(ctx, &s, halves ? &one : &two, 2, RUNG_F64, 1, &n));
    double *w = tensor(ctx, n, "head.W"), *shift = tensor(ctx, n, "head.b");
    bool twin = !strcmp(block, "hamiltonian-two");
    const double *a = tensor(ctx, n, twin ? "stage1.K1" : "stage1.K");
    const double *b = tensor(ctx, n, halves ? "stage1.b1" : "stage1.b");
    double v[2] = {tanh(a[0] * x[0] + a[1] * x[1] + b[0]),
                   halves ? 0 : tanh(a[2] * x[0] + a[3] * x[1] + b[1])};
    double sink[2] = {-(a[0] * v[0] + (halves ? 0 : a[2] * v[1])),
                      halves ? 0 : -(a[1] * v[0] + a[3] * v[1])};
    double turn = (a[1] - a[2]) * (halves ? 0 : 1), g = 1e-4;
    double turned[2] = {tanh(turn * x[1] - g * x[0] + b[0]),
                        halves ? 0 : tanh(-turn * x[0] - g * x[1] + b[1])};
    if (!strcmp(block, "resnet"))
      want[0] = x[0] + h * v[0], want[1] = x[1] + h * v[1];
    else if (!strcmp(block, "parabolic"))
      want[0] = x[0] + h * sink[0], want[1] = x[1] + h * sink[1];
    else if (!strcmp(block, "leapfrog")) /* 2 Y - Y + h^2 sink */
      want[0] = x[0] + h * h * sink[0], want[1] = x[1] + h * h * sink[1];
    else if (!strcmp(block, "antisymmetric"))
      want[0] = x[0] + h * turned[0], want[1] = x[1] + h * turned[1];
    else if (!strcmp(block, "midpoint")) /* Y_{-1} = Y_0 */
      want[0] = x[0] + 2 * h * turned[0], want[1] = x[1] + 2 * h * turned[1];
    else if (!strcmp(block, "hamiltonian")) {
      want[1] = -h * tanh(a[0] * x[0] + b[0]);
      want[0] = x[0] + h * tanh(a[0] * want[1] + tensor(ctx, n, "stage1.b2")[0]);
    } else {
      double k2 = tensor(ctx, n, "stage1.K2")[0];
      want[1] = h * a[0] * tanh(a[0] * x[0] + b[0]);
      want[0] = x[0] - h * k2 * tanh(k2 * want[1] + tensor(ctx, n, "stage1.b2")[0]);
    }
    assert_ok(ctx, rung_network_apply(n, ctx, 1, x, y));
    for (int i = 0; i < 2; i++)
      got[i] = fma(w[2 * i], want[0], fma(w[2 * i + 1], want[1], shift[i]));
    for (int i = 0; i < 2; i++)
      if (fabs(got[i] - y[i]) > 1e-14) fail_msg("%s: %g instead of %g", block, y[i], got[i]);
    rung_network_destroy(n);
  }
}

/* <u, K v> = <K' u, v>, and (K - K')' = -(K - K'), for matrices and convolutions. */
static rung_node map_of(rg_builder *b, int which, rung_node x) {
  const rg_linear k = {.name = "K", .from = 4, .to = 4, .kernel = 3, .stride = 1, .size = 1};
  if (which == 0) return rg_linear_apply(b, &k, x);
  return which == 1 ? rg_linear_adjoint(b, &k, x) : rg_antisymmetric_apply(b, &k, x);
}

static void apply_head(rg_builder *b, const rung_node *in, rung_node *out) {
  int which = rg_builder_block(b)->settings.variant;
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, in[0]);
  rung_node x = in[0];
  if (which < 3) x = rung_reshape(g, x, 4, (int64_t[]){shape.dim[0], 5, 3, 4});
  rung_node y = map_of(b, which % 3, x);
  out[0] = rg_flat(g, y);
}

static const rg_block_kind apply_kind = {.name = "apply", .forward = apply_head};

static double pairing(rung_context *ctx, int which, int64_t count, const double *u,
                      const double *v) {
  rg_blocks list = {.ctx = ctx};
  rg_block *block = rg_blocks_add(&list, "map", &apply_kind);
  assert_non_null(block);
  block->settings.variant = which;
  rung_network *n;
  double y[60], sum = 0;
  const rung_shape sample = {.rank = 1, .dim = {count}};
  assert_ok(ctx, rg_network_from_blocks(ctx, NULL, &list, &sample, count, RUNG_F64, 4, &n));
  assert_ok(ctx, rung_network_apply(n, ctx, 1, v, y));
  for (int64_t i = 0; i < count; i++) sum += u[i] * y[i];
  rung_network_destroy(n);
  rg_free(ctx, list.list);
  return sum;
}

static void transposed_maps_are_transposed(void **state) {
  double u[60], v[60];
  fill(RUNG_F64, u, 60, 1);
  fill(RUNG_F64, v, 60, 2);
  for (int dense = 0; dense < 2; dense++) {
    int64_t count = dense ? 4 : 60;
    int first = 3 * dense;
    double forward = pairing(*state, first, count, u, v),
           back = pairing(*state, first + 1, count, v, u);
    assert_true(fabs(forward) > 0.1);
    assert_true(fabs(forward - back) < 1e-12);
    double turned = pairing(*state, first + 2, count, u, v);
    assert_true(fabs(turned + pairing(*state, first + 2, count, v, u)) < 1e-12);
    assert_true(fabs(turned) > 0.1);
    /* It is that of the same K: its numbers have sqrt(1/2) of the deviation. */
    double difference = sqrt(0.5) * (forward - pairing(*state, first, count, v, u));
    assert_true(fabs(turned - difference) < 1e-12);
  }
}

/* ---- sizes ---- */

static int64_t parameters(rung_context *ctx, const rung_network_settings *s,
                          const rung_shape *sample, int64_t outputs) {
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, s, sample, outputs, RUNG_F32, 1, &n));
  int64_t count = rung_network_parameters(n);
  rung_network_destroy(n);
  return count;
}

/* ResNet-20 and -110 for CIFAR-10 have 0.27 and 1.7 million weights (He et al., table 6). */
static void resnets_have_the_weights_that_were_published(void **state) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape cifar = {.rank = 3, .dim = {32, 32, 3}};
  s.architecture = "resnet";
  assert_int_equal(parameters(*state, &s, &cifar, 10), 269722);
  s.stages = 3;
  for (int i = 0; i < 3; i++) s.layers[i] = 18;
  assert_int_equal(parameters(*state, &s, &cifar, 10), 1727962);
}

/* The one key that makes a resnet stable. */
static void a_resnet_recipe_becomes_stable_by_its_block(void **state) {
  for (size_t k = 0; k < COUNT(blocks); k++) {
    rung_network_settings s = settings_of("resnet", blocks[k]), c = settings_of("conv", blocks[k]);
    int64_t own = parameters(*state, &s, &image, 3), conv = parameters(*state, &c, &image, 3);
    if (k >= 2) assert_int_equal(own, conv);
    assert_true(own > 0);
    rung_network_settings d = settings_of("dense", blocks[k == 1 ? 0 : k]);
    assert_true(parameters(*state, &d, &row, 3) > 0);
  }
}

/* The opening convolution: 25 weights of a channel instead of 9, and half the pixels. */
static void the_opening_is_as_told(void **state) {
  rung_context *ctx = *state;
  static const char *const architectures[] = {"cnn", "resnet", "conv"};
  for (int i = 0; i < 3; i++) {
    rung_network_settings s = settings_of(architectures[i], "resnet");
    int64_t before = parameters(ctx, &s, &image, 3);
    s.opening_kernel = 5;
    s.opening_stride = 2;
    assert_int_equal(parameters(ctx, &s, &image, 3) - before, (25 - 9) * 2 * 4);
    rung_network *n;
    assert_ok(ctx, rung_network_create(ctx, &s, &image, 3, RUNG_F32, 1, &n));
    assert_int_equal(n->state_shape[1][0].dim[0], 3);
    assert_int_equal(n->state_shape[1][0].dim[1], 3);
    rung_network_destroy(n);
    s.opening_stride = 9;
    assert_error(ctx, rung_network_create(ctx, &s, &image, 3, RUNG_F32, 1, &n), RUNG_E_ARGUMENT,
                 "opening_stride");
  }
}

/* ---- refusals ---- */

static void refused(rung_context *ctx, const rung_network_settings *s, const rung_shape *sample,
                    rung_status status, const char *text) {
  rung_network *n;
  assert_error(ctx, rung_network_create(ctx, s, sample, 3, RUNG_F32, 1, &n), status, text);
  assert_null(n);
}

static void what_does_not_go_together_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = settings_of("dense", "verlet");
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "block: expected one of resnet, bottleneck,");
  s = settings_of("dense", "hamiltonian");
  s.channels[1] = 5;
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "found 5, which is odd, in stage 2");
  s = settings_of("dense", "parabolic");
  s.integrator = "midpoint";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "unstable");
  s.integrator = "verlet";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "needs two halves");
  s.integrator = "leapfrog";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "second-order");
  s.integrator = "heun";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "found \"heun\"");
  s.integrator = "rk4";
  s.norm = "batch";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "batch normalisation");
  s = settings_of("dense", "bottleneck");
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "is for images");
  s = settings_of("dense", "resnet");
  s.norm = "instance";
  refused(ctx, &s, &row, RUNG_E_SHAPE, "instance");
  s.norm = "whitening";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "found \"whitening\"");
  s.norm = "group";
  s.groups = 3;
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "4 channels do not fall into 3 equal groups");
  s = settings_of("dense", "resnet");
  s.activation = "swish";
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "found \"swish\"");
  s = settings_of("dense", "resnet");
  s.time = -1;
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "time");
  s = settings_of("dense", "resnet");
  s.nodes = 7;
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "nodes");
  s = settings_of("dense", "resnet");
  s.layers[1] = -2;
  refused(ctx, &s, &row, RUNG_E_ARGUMENT, "found -2 in stage 2");
  s = settings_of("cnn", "resnet");
  s.dropout = 1;
  refused(ctx, &s, &image, RUNG_E_ARGUMENT, "dropout");
  s = settings_of("cnn", "resnet");
  refused(ctx, &s, &row, RUNG_E_SHAPE, "takes images");
  s = settings_of("resnet", "resnet");
  s.integrator = "rk4";
  refused(ctx, &s, &image, RUNG_E_ARGUMENT, "architecture conv");
  s = settings_of("resnet", "resnet");
  s.channels[1] = 2;
  refused(ctx, &s, &image, RUNG_E_ARGUMENT, "do not become fewer");
  s = settings_of("conv", "hamiltonian");
  s.stages = 8;
  for (int i = 0; i < 8; i++) s.channels[i] = 4, s.layers[i] = 1;
  refused(ctx, &s, &image, RUNG_E_SHAPE, "too many stages");
}

static rung_status make_and_drop(rung_context *ctx, void *arg) {
  rung_network *n;
  RG_TRY(rung_network_create(ctx, arg, &image, 3, RUNG_F32, 1, &n));
  rung_network_destroy(n);
  return RUNG_OK;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"conv", "hamiltonian"}, {"resnet", "bottleneck"}, {"cnn", "resnet"}, {"dense", "midpoint"}};
  for (size_t i = 0; i < COUNT(pairs); i++) {
    rung_network_settings s = settings_of(pairs[i][0], pairs[i][1]);
    fail_each_allocation(make_and_drop, &s, (fail_options){.most = 150});
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(gradients_of_every_block_are_right),
      TEST(gradients_of_every_integrator_are_right),
      TEST(gradients_of_every_normalisation_and_activation_are_right),
      TEST(layers_are_their_formulas),
      TEST(transposed_maps_are_transposed),
      TEST(resnets_have_the_weights_that_were_published),
      TEST(a_resnet_recipe_becomes_stable_by_its_block),
      TEST(the_opening_is_as_told),
      TEST(what_does_not_go_together_is_refused),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
