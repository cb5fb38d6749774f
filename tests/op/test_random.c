/* Random numbers and dropout: moments, independence of keys and cuts, refusals. */
#include "op/ops.h"

enum { N = 100000 };

static void numbers_are_uniform(void **state) {
  rung_context *ctx = *state;
  for (int dtype = 0; dtype < 3; dtype++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node key = rung_input(g, "key", DIMS(4)), u = rung_random(g, key, DIMS(N));
    char *k = make_array(ctx, 4, (rung_dtype)dtype), *x = make_array(ctx, N, (rung_dtype)dtype);
    for (int i = 0; i < 4; i++) put_number((rung_dtype)dtype, k, i, 3 * i + 1);
    run(ctx, g, (rung_dtype)dtype, 1, &key, (const void *[]){k}, 1, &u, (void *[]){x});
    double mean = 0, square = 0, product = 0, before = 0.5;
    int bin[16] = {0};
    for (int i = 0; i < N; i++) {
      double v = get_number((rung_dtype)dtype, x, i);
      assert_true(v > 0 && v < 1);
      mean += v / N;
      square += (v - 0.5) * (v - 0.5) / N;
      product += (v - 0.5) * (before - 0.5) / N;
      bin[(int)(v * 16)]++;
      before = v;
    }
    assert_true(fabs(mean - 0.5) < 4 * 0.2887 / sqrt(N)); /* 4 standard errors */
    assert_true(fabs(square - 1.0 / 12) < 4 * 0.0745 / sqrt(N));
    assert_true(fabs(product) < 4 / 12.0 / sqrt(N));
    for (int b = 0; b < 16; b++) assert_true(abs(bin[b] - N / 16) < 4 * 77);
    rg_free(ctx, k);
    rg_free(ctx, x);
    rung_graph_destroy(g);
  }
}

/* A number depends on its key and index alone: not on the length, the cut, or other keys beside. */
static void numbers_depend_on_key_and_index(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "key", DIMS(4)), rung_input(g, "keys", DIMS(3, 4))};
  rung_node out[] = {rung_random(g, in[0], DIMS(7, 11)), rung_random(g, in[0], DIMS(N)),
                     rung_random(g, in[1], DIMS(77)), rung_random(g, in[0], 0, NULL), RUNG_NONE};
  assert_ok(ctx, rung_map(g, 1, in, in + 1, 1, out, out + 4));
  float key[] = {1, 2, 3, 16777215}, keys[12] = {0, 2, 3, 4, 1, 2, 3, 16777215, 2, 1, 3, 4};
  static float one[77], all[N], three[231], scalar, mapped[231];
  for (int threads = 1; threads < 20; threads += 9) {
    assert_ok(ctx, rung_set_threads(ctx, threads));
    run(ctx, g, RUNG_F32, 2, in, (const void *[]){key, keys}, 5, out,
        (void *[]){one, all, three, &scalar, mapped});
    assert_memory_equal(one, all, sizeof one);
    assert_memory_equal(one, three + 77, sizeof one);
    assert_memory_equal(three, mapped, sizeof three);
    assert_true(scalar == one[0]);
    int same = 0;
    for (int i = 0; i < 77; i++) same += three[i] == one[i] || three[154 + i] == one[i];
    assert_int_equal(same, 0);
  }
  rung_graph_destroy(g);
}

static rung_node build_dropout(rung_graph *g, const rung_node *in) {
  return rung_dropout(g, rung_mul(g, in[0], in[0]), in[1], 0.3);
}

static void dropout_drops_and_scales(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "a", DIMS(N)), rung_input(g, "key", DIMS(4))};
  rung_node out[2] = {rung_dropout(g, in[0], in[1], 0.3), RUNG_NONE};
  assert_ok(ctx, rung_gradient(g, out[0], in[0], 1, in, out + 1));
  static double a[N], y[N], back[N];
  double key[] = {5, 6, 7, 8};
  for (int i = 0; i < N; i++) a[i] = 1 + i;
  run(ctx, g, RUNG_F64, 2, in, (const void *[]){a, key}, 2, out, (void *[]){y, back});
  int kept = 0;
  for (int i = 0; i < N; i++) {
    assert_true(y[i] == 0 || fabs(y[i] - a[i] / 0.7) < 1e-15 * y[i] * 4);
    assert_true(y[i] == back[i]); /* the same elements on the way back */
    kept += y[i] != 0;
  }
  assert_true(fabs(kept - 0.7 * N) < 4 * sqrt(0.21 * N));
  assert_int_equal(rung_dropout(g, in[0], in[1], 0), in[0]);
  rung_graph_destroy(g);
}

static void dropout_has_its_derivative_and_bits(void **state) {
  op_case c = {"dropout", build_dropout, 2, 1, 1000, {{2, {4, 9}}, {1, {4}}}};
  check_derivatives(*state, &c);
  check_second_derivatives(*state, &c);
  c.shape[0] = (rung_shape){1, {100003}};
  for (int dtype = 0; dtype < 3; dtype++) check_bits(*state, &c, (rung_dtype)dtype);
}

static void bad_keys_and_rates_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node key = rung_input(g, "key", DIMS(4)), u = rung_random(g, key, DIMS(5));
  static const double wrong[] = {-1, 0.5, 16777216, NAN, INFINITY};
  double k[4] = {1, 2, 3, 4}, out[5];
  for (int i = 0; i < 5; i++) {
    k[2] = wrong[i];
    assert_error(ctx,
                 try_run(ctx, g, RUNG_F64, 1, &key, (const void *[]){k}, 1, &u, (void *[]){out}),
                 RUNG_E_DATA, "random");
  }
  rung_clear_error(ctx);
  assert_int_equal(rung_random(g, u, DIMS(3)), RUNG_NONE);
  assert_non_null(strstr(rung_error(ctx), "a key of 4 numbers, found shape [5]"));
  static const double rates[] = {1, -0.1, NAN};
  for (int i = 0; i < 3; i++) {
    rung_clear_error(ctx);
    assert_int_equal(rung_dropout(g, u, key, rates[i]), RUNG_NONE);
    assert_non_null(strstr(rung_error(ctx), "dropout: expected a rate"));
  }
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_are_uniform),
      TEST(numbers_depend_on_key_and_index),
      TEST(dropout_drops_and_scales),
      TEST(dropout_has_its_derivative_and_bits),
      TEST(bad_keys_and_rates_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
