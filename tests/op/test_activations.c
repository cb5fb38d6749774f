/* Activations: derivatives, kinks and ends, bits. */
#include "op/ops.h"

#define UNARY(name)                                                                                \
  static rung_node build_##name(rung_graph *g, const rung_node *in) {                              \
    return rung_##name(g, in[0]);                                                                  \
  }
UNARY(erf)
UNARY(normal_cdf)
UNARY(normal_pdf)
UNARY(sigmoid)
UNARY(softplus)
UNARY(silu)
UNARY(gelu)
UNARY(relu)
static rung_node build_leaky(rung_graph *g, const rung_node *in) {
  return rung_leaky_relu(g, in[0], 0.01);
}
static rung_node build_log1p(rung_graph *g, const rung_node *in) {
  return rung_log1p(g, rung_mul(g, in[0], rung_constant(g, 0.5)));
}

#define ENTRY(name)                                                                                \
  {                                                                                                \
#name, build_##name, 1, 0, 0, {                                                                \
      {                                                                                            \
        2, {                                                                                       \
          301, 70                                                                                  \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }
static const op_case cases[] = {
    ENTRY(erf),  ENTRY(normal_cdf), ENTRY(normal_pdf), ENTRY(sigmoid), ENTRY(softplus),
    ENTRY(silu), ENTRY(gelu),       ENTRY(relu),       ENTRY(leaky),   ENTRY(log1p)};
enum { CASES = sizeof cases / sizeof cases[0] };

static op_case small(const op_case *c) {
  op_case s = *c;
  s.shape[0] = (rung_shape){2, {5, 7}};
  return s;
}

static void activations_have_their_derivatives(void **state) {
  for (int i = 0; i < CASES; i++) {
    op_case c = small(&cases[i]);
    check_derivatives(*state, &c);
    check_second_derivatives(*state, &c);
  }
}

static void activations_have_the_same_bits(void **state) {
  for (int i = 0; i < CASES; i++)
    for (int dtype = 0; dtype < 3; dtype++) {
      op_case c = dtype == RUNG_DD ? small(&cases[i]) : cases[i];
      check_bits(*state, &c, (rung_dtype)dtype);
    }
}

/* Values and derivatives at kinks and far out; those of gelu and sigmoid by mpmath. */
static void ends_and_kinks_are_right(void **state) {
  rung_context *ctx = *state;
  double inf = (double)INFINITY;
  const struct {
    rung_node (*build)(rung_graph *, const rung_node *);
    double x, y, slope;
  } table[] = {
      {build_relu, 0.0, 0.0, 0.0},
      {build_relu, -inf, 0.0, 0.0},
      {build_relu, inf, inf, 1.0},
      {build_relu, -2.0, 0.0, 0.0},
      {build_relu, 3.0, 3.0, 1.0},
      {build_leaky, 0.0, 0.0, 0.01},
      {build_leaky, -2.0, -0.02, 0.01},
      {build_leaky, 4.0, 4.0, 1.0},
      {build_leaky, inf, inf, 1.0},
      {build_sigmoid, 50.0, 1.0, 1.9287498479639178e-22}, /* e^-50: 1 - sigmoid would give 0 */
      {build_sigmoid, inf, 1.0, 0.0},
      {build_softplus, 0.0, 0.6931471805599453, 0.5},
      {build_softplus, -inf, 0.0, 0.0},
      {build_softplus, inf, inf, 1.0},
      {build_gelu, -10.0, -7.619853024160527e-23, -7.618400096464814e-22},
      {build_erf, 0.0, 0.0, 1.1283791670955126},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node x = rung_input(g, "x", 0, NULL), out[2];
    out[0] = table[i].build(g, &x);
    assert_ok(ctx, rung_gradient(g, out[0], RUNG_NONE, 1, &x, out + 1));
    double y = NAN, slope = NAN;
    run(ctx, g, RUNG_F64, 1, &x, (const void *[]){&table[i].x}, 2, out, (void *[]){&y, &slope});
    bool same = y == table[i].y || fabs(y - table[i].y) <= 1e-15 * fabs(table[i].y);
    same = same && fabs(slope - table[i].slope) <= 1e-15 * fabs(table[i].slope);
    if (!same) fail_msg("row %zu at %g: %.17g, slope %.17g", i, table[i].x, y, slope);
    rung_graph_destroy(g);
  }
}

static void nan_stays_nan(void **state) {
  rung_context *ctx = *state;
  for (int i = 0; i < CASES; i++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node x = rung_input(g, "x", 0, NULL), y = cases[i].build(g, &x);
    float in = NAN, out = 0;
    run(ctx, g, RUNG_F32, 1, &x, (const void *[]){&in}, 1, &y, (void *[]){&out});
    if (!isnan(out)) fail_msg("%s(NaN) = %g", cases[i].name, (double)out);
    rung_graph_destroy(g);
  }
}

static void slopes_out_of_range_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", 0, NULL);
  static const double wrong[] = {-0.1, NAN, INFINITY};
  for (int i = 0; i < 3; i++) {
    rung_clear_error(ctx);
    assert_int_equal(rung_leaky_relu(g, x, wrong[i]), RUNG_NONE);
    assert_non_null(strstr(rung_error(ctx), "leaky_relu: expected a slope in 0..1e6"));
  }
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(activations_have_their_derivatives), TEST(activations_have_the_same_bits),
      TEST(ends_and_kinks_are_right),           TEST(nan_stays_nan),
      TEST(slopes_out_of_range_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
