/* Fixed point: rounding against the C library's, inverse of 16,384 steps, derivatives, bits. */
#include "op/ops.h"

static const double special[] = {0.0,
                                 -0.0,
                                 0.5,
                                 -0.5,
                                 0x1p-21,
                                 -0x1p-21,
                                 0x1.8p-20,
                                 0x1p-41,
                                 0x1.8p-40,
                                 -0x1.8p-40,
                                 2047.9999,
                                 -2047.9999,
                                 2048,
                                 -2048,
                                 4096,
                                 8388607.75,
                                 -8388608,
                                 1e30,
                                 -1e30,
                                 1e-300,
                                 (double)INFINITY,
                                 -(double)INFINITY,
                                 (double)NAN};
enum { SPECIAL = sizeof special / sizeof special[0], MANY = 5000, ALL = SPECIAL + MANY };

static double sample(int i) {
  if (i < SPECIAL) return special[i];
  return rg_normal(5, 0, (uint64_t)i) * exp2(60 * rg_uniform(5, 1, (uint64_t)i) - 45);
}

/* What rounding should give, by nearbyint and long double. */
static int64_t expected(double x, int bits, int scale) {
  if (isnan(x)) return 0;
  long double most = bits == 32 ? 0x1.fffffep30L : 0x1.fffffffffffffp62L;
  long double r = nearbyintl(ldexpl((long double)x, scale));
  return (int64_t)(r > most ? most : r < -most ? -most : r);
}

static void numbers_round_to_the_nearest(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(ALL));
  rung_node out[] = {rung_fixed_from(g, x), rung_fixed_value(g, rung_fixed_from(g, x))};
  static float a[ALL], back[ALL];
  static double b[ALL], back64[ALL];
  static int32_t s[ALL];
  static int64_t s64[ALL];
  for (int i = 0; i < ALL; i++) {
    b[i] = sample(i);
    a[i] = (float)b[i];
  }
  run(ctx, g, RUNG_F32, 1, &x, (const void *[]){a}, 2, out, (void *[]){s, back});
  run(ctx, g, RUNG_F64, 1, &x, (const void *[]){b}, 2, out, (void *[]){s64, back64});
  for (int i = 0; i < ALL; i++) {
    if (s[i] != expected((double)a[i], 32, 20) || s64[i] != expected(b[i], 64, 40))
      fail_msg("%a: %d, %lld", b[i], (int)s[i], (long long)s64[i]);
    assert_true(back[i] == ldexpf((float)s[i], -20) && back64[i] == ldexp((double)s64[i], -40));
  }
  rung_graph_destroy(g);
}

/* 16,384 steps forward and back, with increments of any kind: no bit differs. */
static void steps_are_undone_to_the_bit(void **state) {
  rung_context *ctx = *state;
  enum { STEPS = 16384, N = 64 };
  for (int dtype = 0; dtype < 2; dtype++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node s = rung_input(g, "s", DIMS(N)), d = rung_input(g, "d", DIMS(N));
    rung_node in[] = {s, d}, forth = rung_fixed_add(g, s, d),
              back = rung_fixed_add(g, s, rung_neg(g, d));
    rung_compile_options options = {.dtype = (rung_dtype)dtype};
    rung_program *program[2];
    assert_ok(ctx, rung_compile(g, &options, 2, in, 1, &forth, &program[0]));
    assert_ok(ctx, rung_compile(g, &options, 2, in, 1, &back, &program[1]));
    void *workspace[2];
    for (int p = 0; p < 2; p++)
      assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program[p]), &workspace[p]));
    double first[N], now[N], next[N], increment[N]; /* floats take half of them */
    for (int i = 0; i < N; i++) {
      uint64_t bits = rg_bits(1, 2, (uint64_t)i);
      memcpy(&first[i], &bits, sizeof bits);
    }
    memcpy(now, first, sizeof now);
    int moved = 0;
    for (int k = 0; k < 2 * STEPS; k++) {
      int step = k < STEPS ? k : 2 * STEPS - 1 - k;
      for (int i = 0; i < N; i++)
        put_number((rung_dtype)dtype, increment, i, sample((step * N + i * 7) % ALL));
      assert_ok(ctx, rung_program_run(program[k >= STEPS], ctx, workspace[k >= STEPS],
                                      (const void *[]){now, increment}, (void *[]){next}));
      memcpy(now, next, sizeof now);
      moved += k < STEPS && memcmp(now, first, sizeof now) != 0;
    }
    size_t bytes = N * rung_dtype_size((rung_dtype)dtype);
    assert_memory_equal(now, first, bytes);
    assert_true(moved > STEPS - 100);
    for (int p = 0; p < 2; p++) {
      rung_free(ctx, workspace[p]);
      rung_program_destroy(program[p]);
    }
    rung_graph_destroy(g);
  }
}

/* Bits that are NaN to a float survive slices, broadcasts, concatenation and being an output. */
static void copies_keep_the_bits(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node s = rung_input(g, "s", DIMS(4)), zero = rung_input(g, "zero", DIMS(3, 4));
  rung_node out[] = {rung_fixed_add(g, s, zero), rung_slice(g, s, 0, 3, 4, -1),
                     rung_concat(g, 2, (rung_node[]){s, s}, 0), s,
                     rung_transpose(g, rung_broadcast(g, s, DIMS(3, 4)), (int[]){1, 0})};
  const uint32_t bits[] = {0x7f800001u, 0xffc12345u, 0x80000000u, 0x7fa00000u};
  float zeros[12] = {0};
  for (rung_isa isa = 0; isa <= rung_isa_best(); isa++) {
    uint32_t r0[12], r1[4], r2[8], r3[4], r4[12];
    assert_ok(ctx, rung_set_isa(ctx, isa));
    run(ctx, g, RUNG_F32, 2, (rung_node[]){s, zero}, (const void *[]){bits, zeros}, 5, out,
        (void *[]){r0, r1, r2, r3, r4});
    for (int i = 0; i < 12; i++) assert_true(r0[i] == bits[i % 4] && r4[i] == bits[i / 3]);
    for (int i = 0; i < 4; i++)
      assert_true(r1[i] == bits[3 - i] && r2[4 + i] == bits[i] && r3[i] == bits[i]);
  }
  rung_graph_destroy(g);
}

static rung_node build_steps(rung_graph *g, const rung_node *in) {
  rung_node s = rung_fixed_from(g, rung_mul(g, in[0], in[1]));
  for (int k = 0; k < 3; k++)
    s = rung_fixed_add(g, s, rung_mul(g, in[1], rung_tanh(g, rung_fixed_value(g, s))));
  return rung_fixed_value(g, s);
}

/* The same in floating point: derivatives must agree to the rounding of the state. */
static rung_node build_smooth(rung_graph *g, const rung_node *in) {
  rung_node s = rung_mul(g, in[0], in[1]);
  for (int k = 0; k < 3; k++) s = rung_add(g, s, rung_mul(g, in[1], rung_tanh(g, s)));
  return s;
}

static void derivatives_look_through_the_rounding(void **state) {
  rung_context *ctx = *state;
  enum { N = 50 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "x", DIMS(N)), rung_input(g, "w", DIMS(N)),
                    rung_input(g, "t", DIMS(N))};
  rung_node y[] = {build_steps(g, in), build_smooth(g, in)}, out[6];
  for (int k = 0; k < 2; k++) {
    assert_ok(ctx, rung_gradient(g, y[k], in[2], 2, in, out + 3 * k));
    assert_ok(ctx, rung_jvp(g, 1, in, in + 2, 1, y + k, out + 3 * k + 2));
  }
  double data[3][N], result[6][N];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < N; j++) data[i][j] = rg_normal(9, (uint64_t)i, (uint64_t)j);
  run(ctx, g, RUNG_F64, 3, in, (const void *[]){data[0], data[1], data[2]}, 6, out,
      (void *[]){result[0], result[1], result[2], result[3], result[4], result[5]});
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < N; j++) assert_true(fabs(result[i][j] - result[3 + i][j]) < 1e-9);
  rung_graph_destroy(g);
}

static void bits_are_the_same_everywhere(void **state) {
  op_case c = {"steps", build_steps, 2, 0, 0, {{1, {30011}}, {1, {30011}}}};
  check_bits(*state, &c, RUNG_F32);
  check_bits(*state, &c, RUNG_F64);
}

static void quad_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(2)), y = rung_fixed_from(g, x);
  rung_compile_options options = {.dtype = RUNG_DD};
  rung_program *program;
  assert_error(ctx, rung_compile(g, &options, 1, &x, 1, &y, &program), RUNG_E_UNSUPPORTED,
               "fixed_from has no kernel for quad");
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_round_to_the_nearest), TEST(steps_are_undone_to_the_bit),
      TEST(copies_keep_the_bits),         TEST(derivatives_look_through_the_rounding),
      TEST(bits_are_the_same_everywhere), TEST(quad_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
