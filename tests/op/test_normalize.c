/* Normalisation: statistics against long double, derivatives, edges, bits. */
#include "op/ops.h"

#define EPSILON 1e-3

static rung_node build(rung_graph *g, const rung_node *in, rung_norm kind, int64_t groups) {
  return rung_normalize(g, in[0], kind, groups, EPSILON, in[1], in[2], NULL, NULL);
}
static rung_node build_batch(rung_graph *g, const rung_node *in) {
  return build(g, in, RUNG_NORM_BATCH, 0);
}
static rung_node build_layer(rung_graph *g, const rung_node *in) {
  return build(g, in, RUNG_NORM_LAYER, 0);
}
static rung_node build_group(rung_graph *g, const rung_node *in) {
  return build(g, in, RUNG_NORM_GROUP, 2);
}
static rung_node build_channels(rung_graph *g, const rung_node *in) {
  return build(g, in, RUNG_NORM_GROUP, 6);
}
static rung_node build_instance(rung_graph *g, const rung_node *in) {
  return build(g, in, RUNG_NORM_INSTANCE, 0);
}
static rung_node build_statistics(rung_graph *g, const rung_node *in) {
  rung_node mean, variance;
  rung_node y =
      rung_normalize(g, in[0], RUNG_NORM_GROUP, 3, EPSILON, RUNG_NONE, RUNG_NONE, &mean, &variance);
  y = rung_mul(g, y, rung_add(g, in[1], in[2]));
  rung_node all[] = {rung_reshape(g, y, DIMS(-1)), rung_reshape(g, mean, DIMS(-1)),
                     rung_reshape(g, variance, DIMS(-1))};
  return rung_concat(g, 3, all, 0);
}
static rung_node build_by(rung_graph *g, const rung_node *in) {
  rung_node variance = rung_exp(g, in[2]);
  return rung_normalize_by(g, in[0], in[1], variance, EPSILON, RUNG_NONE, in[1]);
}

#define IMAGES(name)                                                                               \
  {                                                                                                \
#name, build_##name, 3, 0, 0, {                                                                \
      {4, {2, 3, 2, 6}}, {1, {6}}, {                                                               \
        1, {                                                                                       \
          6                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }
#define FEATURES(name)                                                                             \
  {                                                                                                \
#name " of features", build_##name, 3, 0, 0, {                                                 \
      {2, {5, 6}}, {1, {6}}, {                                                                     \
        1, {                                                                                       \
          6                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }
#define ONE(name)                                                                                  \
  {                                                                                                \
#name " of one", build_##name, 3, 0, 0, {                                                      \
      {4, {1, 2, 2, 6}}, {1, {6}}, {                                                               \
        1, {                                                                                       \
          6                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }
static const op_case cases[] = {
    IMAGES(batch),
    IMAGES(layer),
    IMAGES(group),
    IMAGES(channels),
    IMAGES(instance),
    IMAGES(by),
    IMAGES(statistics),
    FEATURES(batch),
    FEATURES(layer),
    FEATURES(group),
    FEATURES(by),
    FEATURES(statistics),
    ONE(batch),
    ONE(layer),
    ONE(instance),
    {"one feature", build_batch, 3, 0, 0, {{2, {7, 1}}, {1, {1}}, {1, {1}}}},
    {"long run", build_layer, 3, 0, 0, {{2, {2, 500}}, {1, {500}}, {1, {500}}}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void normalisation_has_its_derivatives(void **state) {
  for (int i = 0; i < CASES; i++) {
    check_derivatives(*state, &cases[i]);
    if (cases[i].shape[0].dim[1] != 500) check_second_derivatives(*state, &cases[i]);
  }
}

static void normalisation_has_the_same_bits(void **state) {
  static const op_case large[] = {
      {"batch", build_batch, 3, 0, 0, {{4, {9, 31, 32, 40}}, {1, {40}}, {1, {40}}}},
      {"layer", build_layer, 3, 0, 0, {{4, {3, 61, 30, 19}}, {1, {19}}, {1, {19}}}},
      {"group", build_group, 3, 0, 0, {{4, {65, 7, 11, 14}}, {1, {14}}, {1, {14}}}},
      {"instance", build_instance, 3, 0, 0, {{4, {2, 100, 99, 10}}, {1, {10}}, {1, {10}}}},
      {"features", build_batch, 3, 0, 0, {{2, {3001, 33}}, {1, {33}}, {1, {33}}}}};
  for (int i = 0; i < 5; i++)
    for (int dtype = 0; dtype < 2; dtype++) check_bits(*state, &large[i], (rung_dtype)dtype);
  for (int i = 0; i < CASES; i++) check_bits(*state, &cases[i], RUNG_DD);
}

/* Mean and variance in single precision against long double where E[x^2] - mean^2 has no digit:
 * a mean of 1000 and a deviation of 0.01. */
static void moments_do_not_cancel(void **state) {
  rung_context *ctx = *state;
  static const int64_t shapes[][3] = {{1, 70000, 5},  {3, 1, 4},    {2, 100, 1}, {1, 70001, 1},
                                      {40, 33, 40},   {70, 129, 3}, {1, 31, 1},  {5, 4097, 1},
                                      {1, 40000, 33}, {1, 2, 1}};
  for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
    int64_t outer = shapes[k][0], length = shapes[k][1], inner = shapes[k][2];
    int64_t count = outer * length * inner, width = outer * inner;
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node x = rung_input(g, "x", 3, shapes[k]), out[2];
    assert_ok(ctx, rung_moments(g, x, 1, 1, &out[0], &out[1]));
    float *a = (float *)make_array(ctx, count, RUNG_F32);
    float *m = (float *)make_array(ctx, width, RUNG_F32),
          *v = (float *)make_array(ctx, width, RUNG_F32);
    for (int64_t i = 0; i < count; i++) a[i] = (float)(1000 + 0.01 * rg_normal(3, k, (uint64_t)i));
    run(ctx, g, RUNG_F32, 1, &x, (const void *[]){a}, 2, out, (void *[]){m, v});
    for (int64_t o = 0; o < outer; o++)
      for (int64_t c = 0; c < inner; c++) {
        long double mean = 0, square = 0;
        for (int64_t i = 0; i < length; i++)
          mean += (long double)a[(o * length + i) * inner + c] / length;
        for (int64_t i = 0; i < length; i++) {
          long double d = (long double)a[(o * length + i) * inner + c] - mean;
          square += d * d / length;
        }
        float mean_found = m[o * inner + c], found = v[o * inner + c];
        if (!(fabsl((long double)mean_found - mean) <= 4e-4L && /* 7 ulp */
              fabsl((long double)found - square) <= 3e-3L * square + 1e-8L))
          fail_msg("shape %zu: mean %.9g, %.9Lg; variance %.9g, %.9Lg", k, (double)mean_found, mean,
                   (double)found, square);
      }
    rg_free(ctx, a);
    rg_free(ctx, m);
    rg_free(ctx, v);
    rung_graph_destroy(g);
  }
}

/* Each kind makes mean 0 and variance 1 (less epsilon's share) over its own elements. */
static void each_kind_normalises_its_part(void **state) {
  rung_context *ctx = *state;
  enum { N = 3, P = 20, C = 8, ALL = N * P * C };
  for (int kind = 0; kind < 4; kind++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node x = rung_input(g, "x", DIMS(N, 4, 5, C)), out[3];
    out[0] =
        rung_normalize(g, x, (rung_norm)kind, 4, 1e-12, RUNG_NONE, RUNG_NONE, out + 1, out + 2);
    static double a[ALL], y[ALL], m[ALL], v[ALL];
    for (int i = 0; i < ALL; i++) a[i] = rg_normal(8, 0, (uint64_t)i) * (1 + i % C) + i % 7;
    run(ctx, g, RUNG_F64, 1, &x, (const void *[]){a}, 3, out, (void *[]){y, m, v});
    int parts = kind == 0 ? C : kind == 1 ? N : kind == 2 ? 4 * N : N * C;
    rung_shape shape = rung_node_shape(g, out[1]);
    assert_int_equal(rung_shape_count(&shape), parts);
    for (int part = 0; part < parts; part++) {
      double sum = 0, square = 0, raw = 0;
      int count = 0;
      for (int i = 0; i < ALL; i++) {
        int n = i / (P * C), c = i % C;
        int own = kind == 0 ? c : kind == 1 ? n : kind == 2 ? 4 * n + c / 2 : n * C + c;
        if (own != part) continue;
        sum += y[i], square += y[i] * y[i], raw += a[i], count++;
      }
      assert_true(fabs(sum / count) < 1e-13 && fabs(square / count - 1) < 1e-11);
      assert_true(fabs(raw / count - m[part]) < 1e-13 && v[part] > 0);
    }
    rung_graph_destroy(g);
  }
}

/* One sample, one pixel: variance 0 is guarded by epsilon, the derivative is 0, nothing is NaN. */
static void a_batch_of_one_is_no_error(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(1, 3)), out[2];
  out[0] = rung_normalize(g, x, RUNG_NORM_BATCH, 0, 1e-5, RUNG_NONE, RUNG_NONE, NULL, NULL);
  assert_ok(ctx, rung_gradient(g, out[0], x, 1, &x, out + 1));
  double a[] = {5, -1, 0}, y[3] = {NAN, NAN, NAN}, slope[3] = {NAN, NAN, NAN};
  run(ctx, g, RUNG_F64, 1, &x, (const void *[]){a}, 2, out, (void *[]){y, slope});
  for (int i = 0; i < 3; i++) assert_true(y[i] == 0 && fabs(slope[i]) < 1e-10);
  rung_graph_destroy(g);
}

static void wrong_settings_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(2, 3, 3, 6)), f = rung_input(g, "f", DIMS(2, 6)),
            c = rung_input(g, "c", DIMS(5)), none = RUNG_NONE, m, v;
#define REFUSED(node, text)                                                                        \
  do {                                                                                             \
    rung_clear_error(ctx);                                                                         \
    assert_int_equal(node, RUNG_NONE);                                                             \
    if (!strstr(rung_error(ctx), text)) fail_msg("%s: %s", text, rung_error(ctx));                 \
  } while (0)
  REFUSED(rung_normalize(g, x, RUNG_NORM_GROUP, 4, 1e-5, none, none, NULL, NULL),
          "6 channels do not fall into 4 equal groups");
  REFUSED(rung_normalize(g, x, RUNG_NORM_GROUP, 0, 1e-5, none, none, NULL, NULL), "0 equal groups");
  REFUSED(rung_normalize(g, f, RUNG_NORM_INSTANCE, 0, 1e-5, none, none, NULL, NULL), "pixels");
  REFUSED(rung_normalize(g, x, RUNG_NORM_BATCH, 0, 0, none, none, NULL, NULL), "epsilon above 0");
  REFUSED(rung_normalize(g, x, RUNG_NORM_BATCH, 0, 1e-5, c, none, NULL, NULL),
          "gains of shape [6], found [5]");
  REFUSED(rung_normalize(g, c, RUNG_NORM_BATCH, 0, 1e-5, none, none, NULL, NULL), "found [5]");
  REFUSED(rung_normalize_by(g, x, c, c, 1e-5, none, none), "means of shape [6]");
  assert_error(ctx, rung_moments(g, x, 3, 2, &m, &v), RUNG_E_SHAPE, "2 axes from axis 3");
  rung_graph_destroy(g);
}

/* Mapped over samples: each as if alone. */
static void mapping_is_one_sample_at_a_time(void **state) {
  rung_context *ctx = *state;
  enum { S = 4, F = 10 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node one = rung_input(g, "one", DIMS(2, F)), all = rung_input(g, "all", DIMS(S, 2, F));
  rung_node y =
      rung_normalize(g, one, RUNG_NORM_LAYER, 0, EPSILON, RUNG_NONE, RUNG_NONE, NULL, NULL);
  rung_node grad, out[2], source[2] = {y, RUNG_NONE};
  assert_ok(ctx, rung_gradient(g, y, one, 1, &one, &grad));
  source[1] = grad;
  assert_ok(ctx, rung_map(g, 1, &one, &all, 2, source, out));
  double a[S * 2 * F], mapped[2][S * 2 * F], alone[2][2 * F];
  for (int i = 0; i < S * 2 * F; i++) a[i] = rg_normal(2, 2, (uint64_t)i);
  run(ctx, g, RUNG_F64, 1, &all, (const void *[]){a}, 2, out, (void *[]){mapped[0], mapped[1]});
  for (int s = 0; s < S; s++) {
    run(ctx, g, RUNG_F64, 1, &one, (const void *[]){a + s * 2 * F}, 2, source,
        (void *[]){alone[0], alone[1]});
    for (int k = 0; k < 2; k++)
      for (int i = 0; i < 2 * F; i++)
        assert_true(fabs(alone[k][i] - mapped[k][s * 2 * F + i]) < 1e-13);
  }
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(normalisation_has_its_derivatives),
      TEST(normalisation_has_the_same_bits),
      TEST(moments_do_not_cancel),
      TEST(each_kind_normalises_its_part),
      TEST(a_batch_of_one_is_no_error),
      TEST(wrong_settings_are_refused),
      TEST(mapping_is_one_sample_at_a_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
