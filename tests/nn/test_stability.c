/* Measures of stability against dense linear algebra and formulas. */
#include "rung/stability.h"

#include <lapacke.h>
#include <stdio.h>

#include "fail_alloc.h"
#include "odes.h"

enum { MOST = 32 }; /* numbers of a state here */

/* ---- dense oracles ---- */

/* The Jacobian of layer `layer` of the stage at the states: [n][n], row-major. */
static void jacobian(rung_context *ctx, const rung_network *n, int64_t layer, double *const *state,
                     double *a) {
  rg_probe p = {0};
  assert_ok(ctx, rg_probe_open(&p, n, ctx, 1, 1, RG_PROBE_LAYER));
  rg_probe_load(&p, layer);
  for (int s = 0; s < p.states_in; s++)
    memcpy(p.state[s], state[s], (size_t)p.in[s] * sizeof(double));
  for (int64_t j = 0; j < p.total_in; j++) {
    double unit[MOST] = {0}, column[MOST];
    unit[j] = 1;
    rg_probe_scatter(&p, unit, p.tangent);
    assert_ok(ctx, rg_probe_run(&p));
    rg_probe_gather(&p, p.tangent_out, column);
    for (int64_t i = 0; i < p.total_in; i++) a[i * p.total_in + j] = column[i];
  }
  rg_probe_close(&p);
}

static double norm_of(int rows, int columns, const double *a) {
  double copy[MOST * MOST], s[MOST], superb[MOST];
  memcpy(copy, a, (size_t)(rows * columns) * sizeof *copy);
  assert_int_equal(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', rows, columns, copy, columns, s, NULL,
                                  1, NULL, 1, superb),
                   0);
  return s[0];
}

static void edge_of(int n, const double *a, double *size, double *right) {
  double copy[MOST * MOST], re[MOST], im[MOST];
  memcpy(copy, a, (size_t)(n * n) * sizeof *copy);
  assert_int_equal(LAPACKE_dgeev(LAPACK_ROW_MAJOR, 'N', 'N', n, copy, n, re, im, NULL, 1, NULL, 1),
                   0);
  *size = 0;
  *right = -INFINITY;
  for (int i = 0; i < n; i++) {
    *size = fmax(*size, hypot(re[i], im[i]));
    *right = fmax(*right, re[i]);
  }
}

/* ---- layers ---- */

static const double x[2] = {0.7, -0.4};

/* Growth and rate are those of the dense Jacobian's eigenvalues, in every layer. */
static void growth_is_that_of_the_eigenvalues(void **state) {
  rung_context *ctx = *state;
  static const char *const blocks[] = {"resnet",      "antisymmetric",   "parabolic",
                                       "hamiltonian", "hamiltonian-two", "leapfrog",
                                       "midpoint"};
  for (size_t k = 0; k < 7; k++) {
    enum { LAYERS = 3 };
    rung_network *n = ode_network(ctx, blocks[k], NULL, "tanh", 2, 6, LAYERS, 2);
    for (int i = 0; i < n->parameter_count; i++)
      if (n->parameter[i].block == 1) ode_set(n, n->parameter[i].name, 0.6, 0.5);
    rung_layer_stability found[LAYERS];
    assert_int_equal(rung_stability_layers(n), LAYERS);
    assert_ok(ctx, rung_stability_measure(n, ctx, 1, x, 16, found));
    rg_walk walk;
    int block;
    assert_ok(ctx, rg_walk_begin(&walk, n, ctx, 1, x));
    assert_ok(ctx, rg_walk_to_stage(&walk, 1, &block));
    rg_probe p;
    assert_ok(ctx, rg_probe_open(&p, n, ctx, block, 1, RG_PROBE_LAYER));
    for (int j = 0; j < LAYERS; j++) {
      double a[MOST * MOST], size, right, square = 0;
      jacobian(ctx, n, j, walk.state, a);
      edge_of((int)p.total_in, a, &size, &right);
      double h = found[j].step, rate = k < 3 ? (right - 1) / h : log(size) / h;
      for (int s = 0; s < p.states_in; s++)
        for (int64_t i = 0; i < p.in[s]; i++) square += walk.state[s][i] * walk.state[s][i];
      assert_true(fabs(found[j].growth - size) < 1e-9);
      assert_true(fabs(found[j].rate - rate) < 1e-8);
      assert_true(fabs(found[j].state - sqrt(square / (double)p.total_in)) < 1e-14);
      assert_true(found[j].stage == 1 && found[j].layer == j + 1 && h == 2.0 / LAYERS);
      assert_ok(ctx, rg_walk_layer(&walk, &p, j));
    }
    rg_probe_close(&p);
    rg_walk_end(&walk);
    rung_network_destroy(n);
  }
}

static double one_bound(rung_context *ctx, const rung_network *n, double *would) {
  rung_layer_stability found;
  assert_ok(ctx, rung_stability_measure(n, ctx, 1, x, 16, &found));
  *would = found.would;
  return found.bound;
}

/* Bounds are the formulas of docs/stability.md with the norms of K by singular values. */
static void bounds_are_those_of_the_norms(void **state) {
  rung_context *ctx = *state;
  const double h = 0.5;
  static const char *const blocks[] = {"antisymmetric",   "parabolic", "hamiltonian",
                                       "hamiltonian-two", "leapfrog",  "midpoint"};
  for (int k = 0; k < 6; k++) {
    int width = k == 2 || k == 3 ? 8 : 4;
    rung_network *n = ode_network(ctx, blocks[k], NULL, "tanh", 2, width, 1, h);
    double *a, *second = NULL, turned[16], would, want = NAN;
    ode_variable(n, k == 3 ? "stage1.K1" : "stage1.K", &a);
    if (k == 3) ode_variable(n, "stage1.K2", &second);
    for (int i = 0; i < 16; i++) {
      a[i] = rg_normal(1, 1, (uint64_t)i);
      if (second) second[i] = rg_normal(1, 2, (uint64_t)i);
    }
    for (int i = 0; i < 16; i++) turned[i] = a[i] - a[i % 4 * 4 + i / 4] - (i % 5 ? 0 : 1e-4);
    double norm = norm_of(4, 4, a), turn = norm_of(4, 4, turned);
    if (k == 0) want = h * h * turn * turn / 2;
    if (k == 1) want = h * norm * norm / 2;
    if (k == 2 || k == 4) want = h * norm / 2;
    if (k == 3) want = h * norm * norm_of(4, 4, second) / 2;
    if (k == 5) want = h * turn;
    double bound = one_bound(ctx, n, &would);
    if (!(fabs(bound - want) < 1e-9 * want))
      fail_msg("%s: %.12g, not %.12g", blocks[k], bound, want);
    assert_true(fabs(would * bound - h) < 1e-12);
    rung_network_destroy(n);
  }
}

/* The oscillator Y' = k Z, Z' = -k Y: Verlet's steps are stable up to h k = 2, then they grow. */
static void verlet_is_stable_up_to_its_bound(void **state) {
  rung_context *ctx = *state;
  for (int unstable = 0; unstable < 2; unstable++) {
    rung_network *n = ode_network(ctx, "hamiltonian", NULL, "identity", 1, 2, 1, 1);
    double *k;
    rung_layer_stability found;
    ode_variable(n, "stage1.K", &k);
    k[0] = unstable ? 2.01 : 1.99;
    assert_ok(ctx, rung_stability_measure(n, ctx, 2, x, 4, &found));
    assert_true(fabs(found.bound - k[0] / 2) < 1e-12);
    assert_true(unstable ? found.growth > 1.1 : fabs(found.growth - 1) < 1e-12);
    rung_network_destroy(n);
  }
}

/* A convolution with batch normalisation: the bound is the norm of its whole matrix, gains and
 * running variances included. */
static void bounds_of_convolutions_are_those_of_their_matrices(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 3, .dim = {4, 4, 1}};
  s.architecture = "conv";
  s.block = "leapfrog";
  s.activation = "identity";
  s.stages = 1;
  s.channels[0] = 2;
  s.layers[0] = 1;
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 2, RUNG_F64, 1, &n));
  for (int i = 0; i < n->statistic_count; i++) {
    const rg_variable *v = &n->statistic[i];
    if (v->block == 1 && strstr(v->name, "variance"))
      for (int c = 0; c < 2; c++) ((double *)n->running)[v->offset + c] = 0.3 + c;
  }
  double image[16], block[MOST * MOST];
  for (int i = 0; i < 16; i++) image[i] = rg_normal(2, 2, (uint64_t)i);
  rg_walk walk;
  rg_probe p = {0};
  int at;
  assert_ok(ctx, rg_walk_begin(&walk, n, ctx, 1, image));
  assert_ok(ctx, rg_walk_to_stage(&walk, 1, &at));
  assert_ok(ctx, rg_probe_open(&p, n, ctx, at, 1, RG_PROBE_LAYER));
  assert_int_equal(p.total_in, 64);
  rg_probe_load(&p, 0);
  rg_walk_put(&walk, &p);
  for (int j = 0; j < 32; j++) { /* with h = 1 the rate's Jacobian is what V gets from Y */
    memset(p.tangent[0], 0, 32 * sizeof(double));
    p.tangent[0][j] = 1;
    assert_ok(ctx, rg_probe_run(&p));
    for (int i = 0; i < 32; i++) block[i * 32 + j] = p.tangent_out[1][i];
  }
  rg_probe_close(&p);
  rg_walk_end(&walk);
  rung_layer_stability found;
  assert_ok(ctx, rung_stability_measure(n, ctx, 1, image, 32, &found));
  double want = sqrt(norm_of(32, 32, block)) / 2;
  assert_true(fabs(found.bound - want) < 1e-6 * want);
  rung_network_destroy(n);
}

/* ---- projection ---- */

static void projection_keeps_layers_inside_their_bound(void **state) {
  rung_context *ctx = *state;
  static const char *const blocks[] = {"antisymmetric",   "parabolic", "hamiltonian",
                                       "hamiltonian-two", "leapfrog",  "midpoint",
                                       "resnet"};
  for (int images = 0; images < 2; images++)
    for (int k = 0; k < 7; k++)
      for (int norm = 0; norm < 2; norm++) {
        rung_network_settings s = rung_network_settings_default();
        const rung_shape sample = {.rank = images ? 3 : 1,
                                   .dim = {images ? 3 : 2, images ? 3 : 0, images ? 1 : 0}};
        s.architecture = images ? "conv" : "dense";
        s.block = blocks[k];
        s.norm = norm ? "batch" : "none";
        s.activation = k == 6 ? "identity" : "tanh";
        s.stages = 1;
        s.channels[0] = 4;
        s.layers[0] = 2;
        s.time = k == 6 ? 8 : 3;
        rung_network *n;
        assert_ok(ctx, rung_network_create(ctx, &s, &sample, 2, RUNG_F64, 1, &n));
        double before[2000], image[9];
        for (int i = 0; i < 9; i++) image[i] = rg_normal(4, 4, (uint64_t)i);
        for (int i = 0; i < n->parameter_count; i++) { /* the second layer is much too strong */
          const rg_variable *v = &n->parameter[i];
          double *numbers = (double *)n->theta + v->offset;
          if (v->nodes != 2) continue;
          bool matrix = v->decays, gain = strstr(v->name, "gain") != NULL;
          for (int64_t c = 0; c < v->count; c++) {
            if (matrix) numbers[c] = 0.05 * rg_normal(6, 6, (uint64_t)c);
            if (gain) numbers[c] = 0.1;
            numbers[v->count + c] = 60 * numbers[c];
          }
        }
        memcpy(before, n->theta, (size_t)n->parameters * sizeof(double));
        rung_layer_stability found[2];
        int64_t changed;
        assert_ok(ctx, rung_stability_measure(n, ctx, 1, image, 40, found));
        if (!(found[0].bound < 1 && found[1].bound > 1))
          fail_msg("%s images %d norm %d: %g %g", blocks[k], images, norm, found[0].bound,
                   found[1].bound);
        assert_ok(ctx, rung_stability_project(n, ctx, 1, image, 40, &changed));
        assert_int_equal(changed, 1);
        assert_ok(ctx, rung_stability_measure(n, ctx, 1, image, 40, found));
        if (k < 6 ? !(fabs(found[1].bound - 1) < 1e-3) : !(found[1].bound <= 1))
          fail_msg("%s images %d norm %d: the bound is %g", blocks[k], images, norm,
                   found[1].bound);
        for (int i = 0; i < n->parameter_count; i++) {
          const rg_variable *v = &n->parameter[i];
          if (v->nodes == 2)
            assert_memory_equal((double *)n->theta + v->offset, before + v->offset,
                                (size_t)v->count * sizeof(double));
        }
        rung_network_destroy(n);
      }
}

/* ---- stages ---- */

/* Y' = (w J - gamma) Y by Euler: both exponents are log|1 + h lambda| / h. */
static void exponents_of_a_rotation_are_known(void **state) {
  rung_context *ctx = *state;
  enum { LAYERS = 10 };
  const double h = 0.3, w = 0.8, gamma = 1e-4;
  rung_network *n = ode_network(ctx, "antisymmetric", NULL, "identity", 2, 2, LAYERS, h * LAYERS);
  double *k, out[2], mean, largest;
  ode_variable(n, "stage1.K", &k);
  for (int j = 0; j < LAYERS; j++)
    for (int i = 0; i < 4; i++) k[4 * j + i] = i == 1 ? w : 0;
  assert_ok(ctx, rung_stability_exponents(n, ctx, 1, x, 1, 2, out));
  double size = hypot(1 - h * gamma, h * w);
  assert_true(fabs(out[0] - log(size) / h) < 1e-12 && fabs(out[1] - log(size) / h) < 1e-12);
  assert_ok(ctx, rung_stability_stretch(n, ctx, 1, x, 1, &mean, &largest));
  assert_true(fabs(mean - pow(size, LAYERS)) < 1e-10 && mean == largest);
  rung_network_destroy(n);
}

/* Volume: the sum of all exponents is that of the logarithms of the layers' determinants, 0 for
 * Verlet; and the stretch is the norm of the product of the layers' Jacobians. */
static void verlet_keeps_volume(void **state) {
  rung_context *ctx = *state;
  enum { LAYERS = 6, N = 6 };
  rung_network *n = ode_network(ctx, "hamiltonian", NULL, "tanh", 2, N, LAYERS, 4);
  ode_set(n, "stage1.K", 0.8, 0.5);
  double out[N], sum = 0, one, two, mean, largest;
  const double both[4] = {x[0], x[1], -0.2, 0.9};
  assert_ok(ctx, rung_stability_exponents(n, ctx, 1, x, 1, N, out));
  for (int i = 0; i < N; i++) {
    sum += out[i];
    assert_true(i == 0 || out[i] <= out[i - 1]);
  }
  assert_true(fabs(sum) < 1e-12 && out[0] > 0.01);
  double product[MOST * MOST], a[MOST * MOST], next[MOST * MOST];
  rg_walk walk;
  rg_probe p = {0};
  int block;
  assert_ok(ctx, rg_walk_begin(&walk, n, ctx, 1, x));
  assert_ok(ctx, rg_walk_to_stage(&walk, 1, &block));
  assert_ok(ctx, rg_probe_open(&p, n, ctx, block, 1, RG_PROBE_LAYER));
  for (int i = 0; i < N * N; i++) product[i] = i % (N + 1) == 0;
  for (int layer = 0; layer < LAYERS; layer++) {
    jacobian(ctx, n, layer, walk.state, a);
    for (int i = 0; i < N * N; i++) {
      next[i] = 0;
      for (int k = 0; k < N; k++) next[i] += a[i / N * N + k] * product[k * N + i % N];
    }
    memcpy(product, next, sizeof product);
    assert_ok(ctx, rg_walk_layer(&walk, &p, layer));
  }
  rg_probe_close(&p);
  rg_walk_end(&walk);
  assert_ok(ctx, rung_stability_stretch(n, ctx, 1, both, 1, &one, &largest));
  assert_true(fabs(one - norm_of(N, N, product)) < 1e-10);
  assert_ok(ctx, rung_stability_stretch(n, ctx, 1, both + 2, 1, &two, &largest));
  assert_ok(ctx, rung_stability_stretch(n, ctx, 2, both, 1, &mean, &largest));
  assert_true(fabs(mean - sqrt(one * two)) < 1e-12 && fabs(largest - fmax(one, two)) < 1e-12);
  rung_network_destroy(n);
}

static void what_cannot_be_measured_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_network *n = ode_network(ctx, "resnet", NULL, "tanh", 2, 4, 2, 1);
  rung_layer_stability found[2];
  double out[5], mean, largest;
  assert_error(ctx, rung_stability_measure(n, ctx, 0, x, 4, found), RUNG_E_ARGUMENT, "samples");
  assert_error(ctx, rung_stability_measure(n, ctx, 1, x, 0, found), RUNG_E_ARGUMENT, "Arnoldi");
  assert_error(ctx, rung_stability_exponents(n, ctx, 1, x, 2, 1, out), RUNG_E_ARGUMENT, "stage 2");
  assert_error(ctx, rung_stability_exponents(n, ctx, 1, x, 1, 5, out), RUNG_E_ARGUMENT, "1 to 4");
  double *k;
  ode_variable(n, "stage1.K", &k);
  k[0] = NAN;
  assert_error(ctx, rung_stability_stretch(n, ctx, 1, x, 1, &mean, &largest), RUNG_E_NUMERIC,
               "finite");
  rung_network_destroy(n);
}

static rung_status measure_all(rung_context *ctx, void *arg) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 1, .dim = {2}};
  (void)arg;
  s.architecture = "dense";
  s.block = "hamiltonian";
  s.stages = 1;
  s.channels[0] = 4;
  s.layers[0] = 1;
  s.time = 30;
  rung_network *n;
  rung_layer_stability found;
  double mean, largest;
  RG_TRY(rung_network_create(ctx, &s, &sample, 2, RUNG_F32, 1, &n));
  const float one[2] = {1, 2};
  rung_status status = rung_stability_measure(n, ctx, 1, one, 4, &found);
  if (status == RUNG_OK) status = rung_stability_project(n, ctx, 1, one, 4, NULL);
  if (status == RUNG_OK) status = rung_stability_stretch(n, ctx, 1, one, 1, &mean, &largest);
  if (status == RUNG_OK) status = rung_stability_exponents(n, ctx, 1, one, 1, 1, &mean);
  rung_network *twice = NULL;
  if (status == RUNG_OK) status = rung_network_prolong(n, ctx, &twice);
  rung_network_destroy(twice);
  rung_network_destroy(n);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  fail_each_allocation(measure_all, NULL, (fail_options){.most = 200});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(growth_is_that_of_the_eigenvalues),
      TEST(bounds_are_those_of_the_norms),
      TEST(verlet_is_stable_up_to_its_bound),
      TEST(bounds_of_convolutions_are_those_of_their_matrices),
      TEST(projection_keeps_layers_inside_their_bound),
      TEST(exponents_of_a_rotation_are_known),
      TEST(verlet_keeps_volume),
      TEST(what_cannot_be_measured_is_refused),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
