/* Losses, softmax and one-hot: derivatives, accuracy against quad precision, refusals, bits. */
#include "op/ops.h"

static rung_node build_log_softmax(rung_graph *g, const rung_node *in) {
  return rung_log_softmax(g, in[0]);
}
static rung_node build_softmax(rung_graph *g, const rung_node *in) {
  return rung_softmax(g, in[0]);
}
static rung_node build_entropies(rung_graph *g, const rung_node *in) {
  return rung_cross_entropies(g, in[0], in[1], 0.1);
}
static rung_node build_entropy(rung_graph *g, const rung_node *in) {
  return rung_cross_entropy(g, in[0], in[1], RUNG_NONE, 0);
}
static rung_node build_weighted(rung_graph *g, const rung_node *in) {
  rung_node weight = rung_exp(g, in[1]);
  return rung_cross_entropy(g, in[0], in[2], weight, 0.3);
}
static rung_node build_squared(rung_graph *g, const rung_node *in) {
  return rung_squared_error(g, in[0], in[1], rung_exp(g, in[2]));
}
static rung_node build_huber(rung_graph *g, const rung_node *in) {
  return rung_huber(g, in[0], in[1], RUNG_NONE, 0.7);
}
static rung_node build_one_hot(rung_graph *g, const rung_node *in) {
  return rung_matmul(g, rung_one_hot(g, in[1], 6), in[0], 0, 0, RUNG_WORKING);
}

static const op_case cases[] = {
    {"log_softmax", build_log_softmax, 1, 0, 0, {{3, {2, 3, 7}}}},
    {"softmax", build_softmax, 1, 0, 0, {{1, {9}}}},
    {"one class", build_entropies, 2, 1, 1, {{2, {3, 1}}, {1, {3}}}},
    {"cross_entropies", build_entropies, 2, 1, 5, {{3, {2, 4, 5}}, {2, {2, 4}}}},
    {"batch of one", build_entropy, 2, 1, 10, {{2, {1, 10}}, {1, {1}}}},
    {"long rows", build_entropy, 2, 1, 600, {{2, {2, 600}}, {1, {2}}}},
    {"weighted", build_weighted, 3, 1, 4, {{2, {6, 4}}, {1, {6}}, {1, {6}}}},
    {"squared_error", build_squared, 3, 0, 0, {{2, {5, 3}}, {2, {5, 3}}, {1, {5}}}},
    {"huber", build_huber, 2, 0, 0, {{2, {5, 3}}, {2, {5, 3}}}},
    {"one_hot", build_one_hot, 2, 1, 6, {{2, {6, 3}}, {1, {5}}}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void losses_have_their_derivatives(void **state) {
  for (int i = 0; i < CASES; i++) {
    check_derivatives(*state, &cases[i]);
    check_second_derivatives(*state, &cases[i]);
  }
}

static void losses_have_the_same_bits(void **state) {
  static const op_case large[] = {
      {"log_softmax", build_log_softmax, 1, 0, 0, {{2, {4001, 13}}}},
      {"entropy", build_entropy, 2, 1, 10, {{2, {5003, 10}}, {1, {5003}}}},
      {"weighted", build_weighted, 3, 1, 1000, {{2, {40, 1000}}, {1, {40}}, {1, {40}}}},
      {"huber", build_huber, 2, 0, 0, {{2, {4001, 7}}, {2, {4001, 7}}}},
      {"squared", build_squared, 3, 0, 0, {{2, {4001, 7}}, {2, {4001, 7}}, {1, {4001}}}}};
  for (int i = 0; i < 5; i++)
    for (int dtype = 0; dtype < 2; dtype++) check_bits(*state, &large[i], (rung_dtype)dtype);
  for (int i = 0; i < CASES; i++) check_bits(*state, &cases[i], RUNG_DD);
}

/* A label that is all but certain: value and slope in single precision against quad, relatively. */
static void small_losses_keep_their_digits(void **state) {
  rung_context *ctx = *state;
  enum { N = 40, K = 10 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "s", DIMS(N, K)), rung_input(g, "y", DIMS(N))};
  rung_node out[3] = {rung_cross_entropies(g, in[0], in[1], 0), RUNG_NONE,
                      rung_log_softmax(g, in[0])};
  rung_node all = rung_sum(g, out[0], 1, 0);
  assert_ok(ctx, rung_gradient(g, all, RUNG_NONE, 1, in, out + 1));
  float s[N * K], y[N], v[N], slope[N * K], l[N * K];
  rung_dd sq[N * K], yq[N], vq[N], slopeq[N * K], lq[N * K];
  for (int i = 0; i < N * K; i++) {
    int row = i / K;
    s[i] = (float)(rg_normal(4, 0, (uint64_t)i) + (i % K == 3 ? 0.7 * (double)row : 0));
    sq[i] = rg_make_dd((double)s[i], 0);
  }
  for (int i = 0; i < N; i++) {
    y[i] = i % 4 == 3 ? 7 : 3; /* the likely one, or a most unlikely one */
    yq[i] = rg_make_dd((double)y[i], 0);
  }
  run(ctx, g, RUNG_F32, 2, in, (const void *[]){s, y}, 3, out, (void *[]){v, slope, l});
  run(ctx, g, RUNG_DD, 2, in, (const void *[]){sq, yq}, 3, out, (void *[]){vq, slopeq, lq});
  double smallest = 1, worst = 0;
  for (int i = 0; i < N; i++) {
    worst = fmax(worst, fabs((double)v[i] / vq[i].hi - 1));
    smallest = fmin(smallest, vq[i].hi);
    for (int k = 0; k < K; k++) {
      worst = fmax(worst, fabs((double)slope[i * K + k] / slopeq[i * K + k].hi - 1));
      worst = fmax(worst, fabs((double)l[i * K + k] / lq[i * K + k].hi - 1));
    }
  }
  assert_true(smallest < 1e-9);
  if (!(worst < 3e-6)) fail_msg("worst relative error %g", worst); /* exp of differences up to 30 */
  rung_graph_destroy(g);
}

static void huge_scores_do_not_overflow(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node s = rung_input(g, "s", DIMS(3)), out[] = {rung_softmax(g, s), rung_log_softmax(g, s)};
  float in[] = {3e38f, -3e38f, 3e38f}, p[3], l[3];
  run(ctx, g, RUNG_F32, 1, &s, (const void *[]){in}, 2, out, (void *[]){p, l});
  assert_true(fabsf(p[0] - 0.5f) < 1e-7f && p[1] == 0 && p[2] == p[0]);
  assert_true(l[0] == l[2] && l[1] == -INFINITY);
  in[1] = NAN;
  run(ctx, g, RUNG_F32, 1, &s, (const void *[]){in}, 2, out, (void *[]){p, l});
  assert_true(isnan(p[0]) && isnan(l[1]));
  rung_graph_destroy(g);
}

static void bad_labels_and_shapes_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "s", DIMS(2, 3)), rung_input(g, "y", DIMS(2))};
  rung_node out[] = {rung_cross_entropy(g, in[0], in[1], RUNG_NONE, 0), rung_one_hot(g, in[1], 3)};
  rung_node slope;
  assert_ok(ctx, rung_gradient(g, out[0], RUNG_NONE, 1, in, &slope));
  static const double wrong[] = {3, -1, 1.5, NAN, INFINITY};
  double s[6] = {0}, y[2] = {1, 0}, result[6];
  for (int i = 0; i < 5; i++) {
    y[1] = wrong[i];
    assert_error(
        ctx, try_run(ctx, g, RUNG_F64, 2, in, (const void *[]){s, y}, 1, out, (void *[]){result}),
        RUNG_E_DATA, "cross_entropy");
    assert_error(
        ctx,
        try_run(ctx, g, RUNG_F64, 2, in, (const void *[]){s, y}, 1, out + 1, (void *[]){result}),
        RUNG_E_DATA, "one_hot");
    assert_error(
        ctx,
        try_run(ctx, g, RUNG_F64, 2, in, (const void *[]){s, y}, 1, &slope, (void *[]){result}),
        RUNG_E_DATA, "cross_entropy_slope");
    rung_clear_error(ctx);
  }
#define REFUSED(node, text)                                                                        \
  do {                                                                                             \
    rung_clear_error(ctx);                                                                         \
    assert_int_equal(node, RUNG_NONE);                                                             \
    assert_non_null(strstr(rung_error(ctx), text));                                                \
  } while (0)
  REFUSED(rung_cross_entropy(g, in[0], in[0], RUNG_NONE, 0), "found [2,3]");
  REFUSED(rung_cross_entropy(g, in[0], in[1], in[0], 0), "weights of shape [2]");
  REFUSED(rung_cross_entropy(g, in[0], in[1], RUNG_NONE, 1.5), "found 1.5");
  REFUSED(rung_squared_error(g, in[0], in[1], RUNG_NONE), "[2,3] and [2]");
  REFUSED(rung_huber(g, in[0], in[0], RUNG_NONE, 0), "delta above 0");
  REFUSED(rung_one_hot(g, in[1], 0), "one_hot");
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(losses_have_their_derivatives),     TEST(losses_have_the_same_bits),
      TEST(small_losses_keep_their_digits),    TEST(huge_scores_do_not_overflow),
      TEST(bad_labels_and_shapes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
