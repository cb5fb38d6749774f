/* Pooling: values against plain loops, derivatives, ties, borders, refusals, bits. */
#include "op/ops.h"

static const rung_pool settings[] = {
    {{2, 2}, {2, 2}, {0, 0, 0, 0}},
    {{3, 3}, {2, 2}, {1, 1, 1, 1}}, /* windows overlap, strides pass the border */
    {{3, 2}, {1, 3}, {2, 0, 1, 1}},
    {{5, 6}, {4, 4}, {0, 0, 0, 0}}, /* the whole image */
    {{2, 2}, {3, 3}, {1, 1, 1, 1}}, /* pixels that no window sees */
    {{1, 1}, {1, 1}, {0, 0, 0, 0}},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };
static int current;

static rung_node build_average(rung_graph *g, const rung_node *in) {
  return rung_average_pool2d(g, in[0], &settings[current]);
}
static rung_node build_max(rung_graph *g, const rung_node *in) {
  return rung_max_pool2d(g, in[0], &settings[current]);
}

static void pooling_has_its_derivatives(void **state) {
  static const op_case cases[] = {{"average", build_average, 1, 0, 0, {{4, {2, 5, 6, 3}}}},
                                  {"max", build_max, 1, 0, 0, {{4, {2, 5, 6, 3}}}},
                                  {"average of one", build_average, 1, 0, 0, {{4, {1, 5, 6, 1}}}},
                                  {"max of one", build_max, 1, 0, 0, {{4, {1, 5, 6, 1}}}}};
  for (int c = 0; c < 4; c++)
    for (current = 0; current < SETTINGS; current++) {
      check_derivatives(*state, &cases[c]);
      check_second_derivatives(*state, &cases[c]);
    }
}

static void pooling_has_the_same_bits(void **state) {
  static const op_case cases[] = {{"average", build_average, 1, 0, 0, {{4, {7, 33, 34, 70}}}},
                                  {"max", build_max, 1, 0, 0, {{4, {7, 33, 34, 70}}}}};
  for (int c = 0; c < 2; c++)
    for (current = 0; current < SETTINGS; current++)
      for (int dtype = 0; dtype < 3; dtype++) {
        op_case one = cases[c];
        if (dtype == RUNG_DD) one.shape[0] = (rung_shape){4, {2, 6, 7, 3}};
        check_bits(*state, &one, (rung_dtype)dtype);
      }
}

enum { N = 2, H = 5, W = 6, C = 67 };
#define AT(n, y, x, c) ((((n)*H + (y)) * W + (x)) * C + (c))

static void values_are_those_of_plain_loops(void **state) {
  rung_context *ctx = *state;
  static double a[N * H * W * C], mean[N * H * W * C * 9], most[N * H * W * C * 9];
  for (int i = 0; i < N * H * W * C; i++) a[i] = rg_normal(6, 0, (uint64_t)i);
  for (int s = 0; s < SETTINGS; s++) {
    const rung_pool *p = &settings[s];
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node x = rung_input(g, "x", DIMS(N, H, W, C));
    rung_node out[] = {rung_average_pool2d(g, x, p), rung_max_pool2d(g, x, p)};
    run(ctx, g, RUNG_F64, 1, &x, (const void *[]){a}, 2, out, (void *[]){mean, most});
    rung_shape shape = rung_node_shape(g, out[0]);
    int i = 0;
    for (int n = 0; n < N; n++)
      for (int y = 0; y < shape.dim[1]; y++)
        for (int z = 0; z < shape.dim[2]; z++)
          for (int c = 0; c < C; c++, i++) {
            double sum = 0, best = -1e300;
            int count = 0;
            for (int v = 0; v < H; v++)
              for (int u = 0; u < W; u++) {
                int64_t dy = v + p->padding[0] - y * p->stride[0];
                int64_t dx = u + p->padding[1] - z * p->stride[1];
                if (dy < 0 || dy >= p->window[0] || dx < 0 || dx >= p->window[1]) continue;
                sum += a[AT(n, v, u, c)], count++;
                best = fmax(best, a[AT(n, v, u, c)]);
              }
            assert_true(count > 0 && fabs(mean[i] - sum / count) < 1e-14 && most[i] == best);
          }
    assert_int_equal(i, rung_shape_count(&shape));
    rung_graph_destroy(g);
  }
}

/* The derivative goes to the first of equal pixels, and NaN is never lost. */
static void ties_and_nan(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(1, 2, 4, 1)), out[2];
  out[0] = rung_max_pool2d(g, x, &settings[0]);
  assert_ok(ctx, rung_gradient(g, out[0], out[0], 1, &x, out + 1));
  float a[] = {1, 3, NAN, 2, 3, 3, 5, 9}, y[2] = {0}, back[8] = {0};
  run(ctx, g, RUNG_F32, 1, &x, (const void *[]){a}, 2, out, (void *[]){y, back});
  assert_true(y[0] == 3 && isnan(y[1]));
  static const float expected[] = {0, 3, NAN, 0, 0, 0, 0, 0};
  for (int i = 0; i < 8; i++) assert_true(back[i] == expected[i] || (i == 2 && isnan(back[i])));
  rung_graph_destroy(g);
}

static void mapping_is_one_sample_at_a_time(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  enum { S = 3, ONE = 1 * 5 * 6 * 2 };
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node one = rung_input(g, "one", DIMS(1, 5, 6, 2)),
            all = rung_input(g, "all", DIMS(S, 1, 5, 6, 2));
  rung_node y[4], out[4];
  y[0] = rung_max_pool2d(g, one, &settings[1]);
  y[1] = rung_average_pool2d(g, one, &settings[1]);
  for (int i = 0; i < 2; i++) assert_ok(ctx, rung_gradient(g, y[i], y[i], 1, &one, y + 2 + i));
  assert_ok(ctx, rung_map(g, 1, &one, &all, 4, y, out));
  double a[S * ONE], mapped[4][S * ONE], alone[4][ONE];
  for (int i = 0; i < S * ONE; i++) a[i] = rg_normal(2, 2, (uint64_t)i);
  run(ctx, g, RUNG_F64, 1, &all, (const void *[]){a}, 4, out,
      (void *[]){mapped[0], mapped[1], mapped[2], mapped[3]});
  for (int s = 0; s < S; s++) {
    run(ctx, g, RUNG_F64, 1, &one, (const void *[]){a + s * ONE}, 4, y,
        (void *[]){alone[0], alone[1], alone[2], alone[3]});
    for (int k = 0; k < 4; k++) {
      rung_shape shape = rung_node_shape(g, y[k]);
      int64_t count = rung_shape_count(&shape);
      for (int64_t i = 0; i < count; i++) assert_true(alone[k][i] == mapped[k][s * count + i]);
    }
  }
  rung_graph_destroy(g);
}

static void wrong_settings_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(1, 3, 3, 2)), flat = rung_input(g, "f", DIMS(3, 3));
  static const struct {
    rung_pool pool;
    const char *text;
  } table[] = {{{{0, 2}, {1, 1}, {0}}, "window 0"},
               {{{2, 2}, {1, 0}, {0}}, "stride 0"},
               {{{2, 2}, {1, 1}, {2, 0, 0, 0}}, "paddings 2 and 0"},
               {{{2, 2}, {1, 1}, {0, 0, 0, -1}}, "paddings 0 and -1"},
               {{{4, 2}, {1, 1}, {0}}, "a window of 4 is larger than the 3 padded pixels"}};
  for (int i = 0; i < 5; i++) {
    rung_clear_error(ctx);
    assert_int_equal(rung_max_pool2d(g, x, &table[i].pool), RUNG_NONE);
    if (!strstr(rung_error(ctx), table[i].text)) fail_msg("%s", rung_error(ctx));
  }
  rung_clear_error(ctx);
  assert_int_equal(rung_average_pool2d(g, flat, &settings[0]), RUNG_NONE);
  assert_non_null(strstr(rung_error(ctx), "expected images [N,H,W,C], found [3,3]"));
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(pooling_has_its_derivatives),     TEST(pooling_has_the_same_bits),
      TEST(values_are_those_of_plain_loops), TEST(ties_and_nan),
      TEST(mapping_is_one_sample_at_a_time), TEST(wrong_settings_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
