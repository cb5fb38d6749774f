/* Stages as integrators: their order against exact solutions, their inverse, and prolongation. */
#include <stdio.h>

#include "nn/builder.h"
#include "odes.h"

/* ---- order of convergence ---- */

/* A stage whose solution is known, for T = 1. */
typedef struct known {
  const char *block, *integrator, *activation;
  int width;
  double order;
  /* The states that the first layer gets, and what state 0 is at the end. */
  void (*begin)(double h, double **state);
  double end[2];
} known;

#define RATE 0.9 /* K, or K - K' */
#define DAMPING 1e-4

static void at_one(double h, double **state) {
  (void)h;
  state[0][0] = 0.4;
}

static void at_one_and_before(double h, double **state) {
  state[0][0] = 0.4;
  state[1][0] = asinh(sinh(RATE * 0.4) * exp(-RATE * h)) / RATE;
}

static void turning(double h, double **state) {
  (void)h;
  state[0][0] = 1;
  state[0][1] = 0;
}

static void turning_and_before(double h, double **state) {
  turning(h, state);
  state[1][0] = exp(DAMPING * h) * cos(RATE * h);
  state[1][1] = -exp(DAMPING * h) * sin(RATE * h);
}

/* Y = cos(k t), Z = -sin(k t), Z half a step behind. */
static void staggered(double h, double **state) {
  state[0][0] = 1;
  state[1][0] = sin(RATE * h / 2);
}

/* Y = cos(k t), V = Y'. */
static void with_velocity(double h, double **state) {
  state[0][0] = 1;
  state[1][0] = RATE * sin(RATE * h / 2);
}

static void at_rest(double h, double **state) {
  (void)h;
  state[0][0] = 1;
}

static double error_of(rung_context *ctx, const known *k, int64_t layers) {
  bool halves = !strncmp(k->block, "hamiltonian", 11);
  rung_network *n = ode_network(ctx, k->block, k->integrator, k->activation, 1,
                                halves ? 2 * k->width : k->width, layers, 1);
  for (int i = 0; i < n->parameter_count; i++) {
    const rg_variable *v = &n->parameter[i];
    double *numbers = (double *)n->theta + v->offset;
    if (v->block != 1) continue;
    for (int64_t c = 0; c < v->count * v->nodes; c++) numbers[c] = 0;
    if (!v->decays) continue;
    for (int64_t j = 0; j < v->nodes; j++) /* two numbers turn about each other: K[0][1] alone */
      numbers[j * v->count + (k->width == 2)] = k->width == 2 ? -RATE : RATE;
  }
  double first[2] = {0}, second[2] = {0}, *state[2] = {first, second};
  k->begin(1 / (double)layers, state);
  ode_run(ctx, n, state);
  rung_network_destroy(n);
  return hypot(first[0] - k->end[0], first[1] - k->end[1]);
}

static void integrators_have_their_order(void **state) {
  const double grown = asinh(sinh(RATE * 0.4) * exp(RATE)) / RATE;
  const double turned[2] = {exp(-DAMPING) * cos(RATE), exp(-DAMPING) * sin(RATE)};
  const double swung = cos(RATE);
  const known all[] = {
      {"resnet", "euler", "tanh", 1, 1, at_one, {grown, 0}},
      {"resnet", "rk4", "tanh", 1, 4, at_one, {grown, 0}},
      {"resnet", "midpoint", "tanh", 1, 2, at_one_and_before, {grown, 0}},
      {"antisymmetric", "euler", "identity", 2, 1, turning, {turned[0], turned[1]}},
      {"antisymmetric", "rk4", "identity", 2, 4, turning, {turned[0], turned[1]}},
      {"midpoint", "midpoint", "identity", 2, 2, turning_and_before, {turned[0], turned[1]}},
      {"hamiltonian", "verlet", "identity", 1, 2, staggered, {swung, 0}},
      {"hamiltonian", "euler", "identity", 1, 1, at_rest, {swung, 0}},
      {"hamiltonian", "rk4", "identity", 1, 4, at_rest, {swung, 0}},
      {"leapfrog", "leapfrog", "identity", 1, 2, with_velocity, {swung, 0}},
      {"leapfrog", "rk4", "identity", 1, 4, at_rest, {swung, 0}},
      {"parabolic", "euler", "identity", 1, 1, at_rest, {exp(-RATE * RATE), 0}},
      {"parabolic", "rk4", "identity", 1, 4, at_rest, {exp(-RATE * RATE), 0}},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    double coarse = error_of(*state, &all[i], 32), fine = error_of(*state, &all[i], 64);
    double order = log2(coarse / fine);
    if (!(fabs(order - all[i].order) < 0.15))
      fail_msg("%s by %s: errors %g and %g are of order %.2f", all[i].block, all[i].integrator,
               coarse, fine, order);
  }
}

/* ---- inverse ---- */

/* A layer and its inverse in one graph give back what went in, to rounding; batch statistics
 * included. */
static void check_inverse(rung_context *ctx, const char *block, const char *norm, bool images) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = images ? 3 : 1, .dim = {4, images ? 5 : 0, images ? 4 : 0}};
  s.architecture = images ? "conv" : "dense";
  s.block = block;
  s.norm = norm;
  s.stages = 1;
  s.channels[0] = 8;
  s.layers[0] = 1;
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 2, RUNG_F64, 1, &n));
  const rg_block *stage = &n->blocks.list[1];
  rung_graph *g;
  rg_builder b;
  rg_built forth, back;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rg_builder_begin(&b, g, stage, true);
  int64_t dims[5] = {3}, count[2];
  for (int i = 0; i < 2; i++) {
    const rung_shape *shape = &n->state_shape[1][i];
    for (int k = 0; k < shape->rank; k++) dims[k + 1] = shape->dim[k];
    forth.in[i] = rung_input(g, "state", shape->rank + 1, dims);
    count[i] = 3 * rung_shape_count(shape);
  }
  assert_ok(ctx, rg_build_layer(&b, (rg_lie){false, false}, &forth));
  memcpy(back.out, forth.out, sizeof back.out);
  assert_ok(ctx, rg_build_inverse(&b, (rg_lie){false, false}, &back));
  rung_node input[20];
  const void *data[20];
  input[0] = forth.in[0];
  input[1] = forth.in[1];
  for (int i = 0; i < b.count; i++) input[2 + i] = b.asked[i].node;
  int inputs = 2 + b.count;
  rung_program *program;
  rung_node output[4] = {back.in[0], back.in[1], forth.out[0], forth.out[1]};
  assert_ok(ctx, rung_compile(g, NULL, inputs, input, 4, output, &program));
  double *memory = rg_alloc(ctx, (size_t)(8 * (count[0] + count[1]) + 20 * 1000), sizeof *memory);
  double *at = memory;
  for (int i = 0; i < inputs; i++) {
    rung_shape shape = rung_node_shape(g, input[i]);
    data[i] = at;
    for (int64_t k = 0; k < rung_shape_count(&shape); k++)
      *at++ =
          i > 1 && strstr(b.asked[i - 2].name, "gain") ? 1 : rg_normal(5, (uint64_t)i, (uint64_t)k);
  }
  double *out[4];
  for (int i = 0; i < 4; i++, at += count[i % 2]) out[i] = at;
  void *workspace = rg_alloc(ctx, 1, rung_program_bytes(program));
  assert_ok(ctx, rung_program_run(program, ctx, workspace, data, (void *const *)out));
  double moved = 0;
  for (int i = 0; i < 2; i++)
    for (int64_t k = 0; k < count[i]; k++) {
      double was = ((const double *)data[i])[k];
      moved += fabs(out[2 + i][k] - was);
      if (!(fabs(out[i][k] - was) < 1e-13))
        fail_msg("%s %s: %g comes back as %g", block, norm, was, out[i][k]);
    }
  assert_true(moved > 0.1);
  rg_free(ctx, workspace);
  rg_free(ctx, memory);
  rung_program_destroy(program);
  rg_builder_end(&b);
  rung_graph_destroy(g);
  rung_network_destroy(n);
}

static void reversible_layers_are_undone(void **state) {
  static const char *const blocks[] = {"hamiltonian", "hamiltonian-two", "leapfrog", "midpoint"};
  for (size_t i = 0; i < 4; i++) {
    check_inverse(*state, blocks[i], "none", false);
    check_inverse(*state, blocks[i], "batch", true);
    check_inverse(*state, blocks[i], "layer", true);
  }
}

/* ---- prolongation ---- */

enum { SAMPLES = 5 };

static double change(rung_context *ctx, const char *block, const char *integrator, int64_t layers,
                     double wave) {
  rung_network *n = ode_network(ctx, block, integrator, "tanh", 2, 4, layers, 2), *twice;
  for (int i = 0; i < n->parameter_count; i++)
    if (n->parameter[i].block == 1) ode_set(n, n->parameter[i].name, 0.5, wave);
  double x[SAMPLES * 2], a[SAMPLES * 2], b[SAMPLES * 2], most = 0;
  for (int i = 0; i < SAMPLES * 2; i++) x[i] = rg_normal(9, 9, (uint64_t)i);
  assert_ok(ctx, rung_network_prolong(n, ctx, &twice));
  assert_int_equal(twice->blocks.list[1].layers, 2 * layers);
  assert_true(twice->blocks.list[1].settings.step == n->blocks.list[1].settings.step / 2);
  assert_ok(ctx, rung_network_apply(n, ctx, SAMPLES, x, a));
  assert_ok(ctx, rung_network_apply(twice, ctx, SAMPLES, x, b));
  for (int i = 0; i < SAMPLES * 2; i++) most = fmax(most, fabs(a[i] - b[i]));
  rung_network_destroy(n);
  rung_network_destroy(twice);
  return most;
}

/* What a prolonged network computes differs by the error of the step: of first order for Euler's
 * and for starts that are not staggered, else of second order, that of interpolation; with constant
 * weights only by that of the integrator. */
static void prolonged_networks_compute_nearly_the_same(void **state) {
  static const struct {
    const char *block, *integrator;
    double wave, order;
  } all[] = {{"antisymmetric", "euler", 0.5, 1}, {"antisymmetric", "rk4", 0.5, 2},
             {"antisymmetric", "rk4", 0, 4},     {"hamiltonian", "verlet", 0.5, 1},
             {"parabolic", "rk4", 0.5, 2},       {"leapfrog", "leapfrog", 0, 1}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    double coarse = change(*state, all[i].block, all[i].integrator, 32, all[i].wave);
    double fine = change(*state, all[i].block, all[i].integrator, 64, all[i].wave);
    double order = log2(coarse / fine);
    if (!(coarse < 0.1 && fabs(order - all[i].order) < 0.3))
      fail_msg("%s by %s: differences %g and %g are of order %.2f", all[i].block, all[i].integrator,
               coarse, fine, order);
  }
}

static void prolongation_keeps_what_a_network_knows(void **state) {
  rung_context *ctx = *state;
  static const char *const names[] = {"cat", "dog", "fish"};
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 3, .dim = {6, 6, 2}};
  s.architecture = "conv";
  s.block = "hamiltonian";
  s.stages = 2;
  s.channels[0] = 4;
  s.channels[1] = 6;
  s.layers[0] = s.layers[1] = 3;
  s.nodes = 2;
  s.step = 0.25;
  rung_network *n, *twice;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 3, RUNG_F32, 1, &n));
  assert_ok(ctx, rung_network_set_classes(n, ctx, names));
  n->mean[1] = 0.25;
  n->target_scale[2] = 3;
  for (int64_t i = 0; i < n->statistics; i++) ((float *)n->running)[i] = (float)(i % 7);
  assert_ok(ctx, rung_network_prolong(n, ctx, &twice));
  assert_string_equal(rung_network_classes(twice)[2], "fish");
  assert_true(twice->mean[1] == 0.25 && twice->target_scale[2] == 3);
  assert_true(twice->settings.step == 0.125);
  assert_int_equal(twice->settings.layers[1], 6);
  /* Weights linear in time stay; statistics get a row for each new layer. */
  assert_int_equal(twice->parameters, n->parameters);
  assert_memory_equal(twice->theta, n->theta, (size_t)n->parameters * sizeof(float));
  for (int i = 0; i < n->statistic_count; i++) {
    const rg_variable *a = &n->statistic[i], *b = &twice->statistic[i];
    const float *old = (const float *)n->running + a->offset;
    const float *new = (const float *)twice->running + b->offset;
    assert_int_equal(b->nodes, a->nodes * (a->nodes > 1 ? 2 : 1));
    assert_true(new[0] == old[0]);
    if (a->nodes == 3) {
      assert_true(new[1 * a->count] == 0.75F * old[0] + 0.25F * old[a->count]);
      assert_true(new[2 * a->count] == 0.75F * old[a->count] + 0.25F * old[0]);
      assert_true(new[5 * a->count] == old[2 * a->count]);
    }
  }
  rung_network_destroy(twice);
  rung_network_destroy(n);
}

static void networks_without_an_ode_are_not_prolonged(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 1, .dim = {3}};
  rung_network *n, *twice;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 3, RUNG_F32, 1, &n));
  assert_error(ctx, rung_network_prolong(n, ctx, &twice), RUNG_E_UNSUPPORTED,
               "architecture mlp with block resnet has no layers of an ODE");
  assert_null(twice);
  rung_network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(integrators_have_their_order),
      TEST(reversible_layers_are_undone),
      TEST(prolonged_networks_compute_nearly_the_same),
      TEST(prolongation_keeps_what_a_network_knows),
      TEST(networks_without_an_ode_are_not_prolonged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
