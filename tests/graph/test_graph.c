/* Graphs compute what their nodes say, in every arithmetic, however they are fused. */
#include "test.h"

#include <math.h>

#include "rung/graph.h"

/* Compiles and runs one output in double precision. */
static void run_f64(rung_context *ctx, rung_graph *g, int inputs, const rung_node *in,
                    const void *const *data, int outputs, const rung_node *out,
                    void *const *result) {
  rung_program *program;
  assert_ok(ctx, rung_compile(g, NULL, inputs, in, outputs, out, &program));
  void *workspace;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  assert_ok(ctx, rung_program_run(program, ctx, workspace, data, result));
  rung_free(ctx, workspace);
  rung_program_destroy(program);
}

#define DIMS(...)                                                                                  \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                   \
    __VA_ARGS__                                                                                    \
  }

static void broadcasting_follows_shapes(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node row = rung_input(g, "row", DIMS(3)), column = rung_input(g, "column", DIMS(2, 1));
  rung_node sum = rung_add(g, rung_mul(g, column, rung_constant(g, 10)), row);
  rung_node deep =
      rung_add(g, rung_reshape(g, sum, DIMS(2, 1, 3)), rung_reshape(g, column, DIMS(1, 2, 1)));
  double r[] = {1, 2, 3}, c[] = {4, 5}, out[6], out2[12];
  run_f64(ctx, g, 2, (rung_node[]){row, column}, (const void *[]){r, c}, 2,
          (rung_node[]){sum, deep}, (void *[]){out, out2});
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++) {
      assert_true(out[3 * i + j] == 10 * c[i] + r[j]);
      for (int k = 0; k < 2; k++) assert_true(out2[6 * i + 3 * k + j] == 10 * c[i] + r[j] + c[k]);
    }
  rung_graph_destroy(g);
}

static void equal_nodes_are_one(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(4));
  rung_node a = rung_tanh(g, rung_add(g, x, rung_constant(g, 1)));
  rung_node b = rung_tanh(g, rung_add(g, x, rung_constant(g, 1)));
  assert_int_equal(a, b);
  assert_int_equal(rung_mul(g, rung_constant(g, 2), rung_constant(g, 3)), rung_constant(g, 6));
  assert_int_equal(rung_neg(g, rung_neg(g, x)), x);
  rung_graph_destroy(g);
}

static void wrong_shapes_are_told(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node a = rung_input(g, "a", DIMS(2, 3)), b = rung_input(g, "b", DIMS(4, 5));
  assert_int_equal(rung_add(g, a, b), RUNG_NONE);
  assert_non_null(strstr(rung_error(ctx), "[2,3] and [4,5]"));
  rung_clear_error(ctx);
  rung_node product = rung_matmul(g, a, b, 0, 0, RUNG_WORKING);
  assert_int_equal(product, RUNG_NONE);
  assert_int_equal(rung_tanh(g, product), RUNG_NONE);
  assert_int_equal(rung_error_status(ctx), RUNG_E_SHAPE);
  assert_int_equal(rung_slice(g, a, 1, 1, 3, 1), RUNG_NONE);
  assert_int_equal(rung_reshape(g, a, DIMS(7)), RUNG_NONE);
  assert_int_equal(rung_input(g, "huge", DIMS(INT64_MAX / 2, 100)), RUNG_NONE);
  rung_program *program;
  rung_node sum = rung_sum(g, a, 3, 0);
  assert_error(ctx, rung_compile(g, NULL, 0, NULL, 1, &sum, &program), RUNG_E_ARGUMENT, "\"a\"");
  rung_compile_options options = rung_compile_options_default();
  options.memory_limit = 8;
  rung_node big = rung_exp(g, rung_transpose(g, a, (int[]){1, 0}));
  assert_error(ctx, rung_compile(g, &options, 1, &a, 1, &big, &program), RUNG_E_BUDGET,
               "limit is 8");
  rung_graph_destroy(g);
}

static void arrays_move_as_asked(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node a = rung_input(g, "a", DIMS(2, 3, 4)), index = rung_input(g, "i", DIMS(3));
  rung_node out[] = {
      rung_transpose(g, a, (int[]){2, 0, 1}),
      rung_slice(g, a, 2, 3, 2, -2),
      rung_pad(g, a, 1, 1, 2, 7),
      rung_concat(g, 2, (rung_node[]){a, a}, 1),
      rung_gather(g, rung_reshape(g, a, DIMS(6, 4)), index),
      rung_scatter_add(g, rung_slice(g, rung_reshape(g, a, DIMS(6, 4)), 0, 0, 3, 1), index, 6),
      rung_reduce_max(g, a, 5, 0),
      rung_reshape(g, a, DIMS(-1))};
  double x[24], idx[] = {5, 0, 5};
  for (int i = 0; i < 24; i++) x[i] = sin(i * 1.7);
  double r0[24], r1[12], r2[56], r3[48], r4[12], r5[24], r6[3], r7[24];
  run_f64(ctx, g, 2, (rung_node[]){a, index}, (const void *[]){x, idx}, 8, out,
          (void *[]){r0, r1, r2, r3, r4, r5, r6, r7});
#define X(i, j, k) x[(i)*12 + (j)*4 + (k)]
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 4; k++) {
        assert_true(r0[k * 6 + i * 3 + j] == X(i, j, k));
        if (k < 2) assert_true(r1[i * 6 + j * 2 + k] == X(i, j, 3 - 2 * k));
        assert_true(r2[i * 28 + (1 + 2 * j) * 4 + k] == X(i, j, k));
        assert_true(r2[i * 28 + 2 * j * 4 + k] == 0);
        assert_true(r3[i * 24 + j * 4 + k] == X(i, j, k) &&
                    r3[i * 24 + (j + 3) * 4 + k] == X(i, j, k));
      }
  for (int k = 0; k < 4; k++) {
    assert_true(r4[k] == x[20 + k] && r4[4 + k] == x[k] && r4[8 + k] == x[20 + k]);
    assert_true(r5[20 + k] == x[k] + x[8 + k] && r5[k] == x[4 + k] && r5[4 + k] == 0);
  }
  for (int j = 0; j < 3; j++) {
    double most = -2;
    for (int i = 0; i < 2; i++)
      for (int k = 0; k < 4; k++) most = fmax(most, X(i, j, k));
    assert_true(r6[j] == most);
  }
  assert_memory_equal(r7, x, sizeof x);
  rung_graph_destroy(g);
}

static void bad_indices_are_refused(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node a = rung_input(g, "a", DIMS(3)), index = rung_input(g, "i", DIMS(1));
  rung_node out = rung_gather(g, a, index);
  rung_program *program;
  assert_ok(ctx, rung_compile(g, NULL, 2, (rung_node[]){a, index}, 1, &out, &program));
  void *workspace;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  static const double wrong[] = {3, -1, 0.5, NAN, 1e300};
  double x[3] = {1, 2, 3}, y;
  for (int i = 0; i < 5; i++)
    assert_error(
        ctx,
        rung_program_run(program, ctx, workspace, (const void *[]){x, &wrong[i]}, (void *[]){&y}),
        RUNG_E_DATA, "gather");
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

static void sums_are_close_to_exact(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  enum { R = 1001, C = 70 };
  rung_node a = rung_input(g, "a", DIMS(R, C));
  rung_node out[] = {rung_sum(g, a, 1, 0), rung_sum(g, a, 2, 0), rung_sum(g, a, 3, 0),
                     rung_mean(g, a, 3, 0)};
  double *x = malloc(R * C * sizeof *x), columns[C], rows[R], all, mean;
  for (int i = 0; i < R * C; i++) x[i] = rg_normal(3, 0, (uint64_t)i);
  run_f64(ctx, g, 1, &a, (const void *[]){x}, 4, out, (void *[]){columns, rows, &all, &mean});
  long double exact = 0;
  for (int j = 0; j < C; j++) {
    long double column = 0;
    for (int i = 0; i < R; i++) column += x[i * C + j];
    assert_true(fabsl(column - columns[j]) < 1e-13L);
  }
  for (int i = 0; i < R; i++) {
    long double row = 0;
    for (int j = 0; j < C; j++) row += x[i * C + j];
    assert_true(fabsl(row - rows[i]) < 1e-13L);
    exact += row;
  }
  assert_true(fabsl(exact - all) < 1e-11L);
  assert_true(mean == all / (R * C));
  free(x);
  rung_graph_destroy(g);
}

/* A graph with long chains, shared values, several shapes and everything that fuses. */
static rung_node tangled(rung_graph *g, rung_node x, rung_node w, rung_node b) {
  rung_node z = rung_add(g, rung_matmul(g, w, x, 0, 0, RUNG_WORKING), b);
  rung_node h = rung_tanh(g, z), s = rung_sech2(g, z);
  rung_node mean = rung_mean(g, h, 2, 1);
  rung_node centred = rung_mul(g, rung_sub(g, h, mean), s);
  rung_node scaled = rung_div(g, centred, rung_add(g, rung_abs(g, h), rung_constant(g, 0.5)));
  rung_node back = rung_matmul(g, w, scaled, 1, 0, RUNG_COMPENSATED);
  return rung_add(g, rung_sin(g, back),
                  rung_mul(g, x, rung_exp(g, rung_neg(g, rung_mul(g, back, back)))));
}

static void bits_do_not_depend_on_threads_or_instructions(void **state) {
  rung_context *ctx = *state;
  enum { D = 5, H = 37, N = 20011 };
  for (int dtype = 0; dtype < 3; dtype++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node in[] = {rung_input(g, "x", DIMS(D, N)), rung_input(g, "w", DIMS(H, D)),
                      rung_input(g, "b", DIMS(H, 1))};
    rung_node y = tangled(g, in[0], in[1], in[2]);
    rung_node out[4] = {y, rung_sum(g, rung_mul(g, y, y), 3, 0)};
    assert_ok(ctx, rung_gradient(g, out[1], RUNG_NONE, 2, in + 1, out + 2));
    size_t size = rung_dtype_size((rung_dtype)dtype);
    int64_t counts[] = {D * N, H * D, H, D * N, 1, H * D, H};
    char *array[7], *first[4];
    for (int i = 0; i < 7; i++) array[i] = malloc((size_t)counts[i] * size);
    for (int i = 0; i < 4; i++) first[i] = malloc((size_t)counts[3 + i] * size);
    for (int i = 0; i < 3; i++)
      for (int64_t j = 0; j < counts[i]; j++) {
        double v = rg_normal(7, (uint64_t)i, (uint64_t)j);
        if (dtype == RUNG_F32) ((float *)array[i])[j] = (float)v;
        if (dtype == RUNG_F64) ((double *)array[i])[j] = v;
        if (dtype == RUNG_DD) ((rung_dd *)array[i])[j] = (rung_dd){v, v * 1e-17};
      }
    static const int threads[] = {1, 16, 2, 3, 7};
    for (int t = 0; t < 5; t++) {
      assert_ok(ctx, rung_set_threads(ctx, threads[t]));
      for (rung_isa isa = 0; isa <= rung_isa_best(); isa++) {
        if (dtype == RUNG_DD && isa == RUNG_ISA_PORTABLE && t > 0) continue; /* slow */
        assert_ok(ctx, rung_set_isa(ctx, isa));
        rung_compile_options options = {.dtype = (rung_dtype)dtype};
        rung_program *program;
        assert_ok(ctx, rung_compile(g, &options, 3, in, 4, out, &program));
        void *workspace;
        assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
        assert_ok(ctx, rung_program_run(program, ctx, workspace, (const void *const *)array,
                                        (void *const *)(array + 3)));
        rung_free(ctx, workspace);
        rung_program_destroy(program);
        for (int i = 0; i < 4; i++) {
          size_t bytes = (size_t)counts[3 + i] * size;
          if (t == 0 && isa == 0) memcpy(first[i], array[3 + i], bytes);
          if (memcmp(first[i], array[3 + i], bytes))
            fail_msg("%s, output %d, %d threads, instructions %d",
                     rung_dtype_name((rung_dtype)dtype), i, threads[t], (int)isa);
        }
      }
    }
    for (int i = 0; i < 7; i++) free(array[i]);
    for (int i = 0; i < 4; i++) free(first[i]);
    rung_graph_destroy(g);
  }
}

static void fusion_saves_steps_and_memory(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(1000, 1000)), y = x;
  for (int i = 0; i < 20; i++) y = rung_sin(g, rung_add(g, y, rung_constant(g, i + 0.5)));
  rung_program *program;
  assert_ok(ctx, rung_compile(g, NULL, 1, &x, 1, &y, &program));
  assert_int_equal(rung_program_steps(program), 1);
  assert_true(rung_program_bytes(program) < 1 << 20); /* no array of a million is kept */
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(broadcasting_follows_shapes),
      TEST(equal_nodes_are_one),
      TEST(wrong_shapes_are_told),
      TEST(arrays_move_as_asked),
      TEST(bad_indices_are_refused),
      TEST(sums_are_close_to_exact),
      TEST(bits_do_not_depend_on_threads_or_instructions),
      TEST(fusion_saves_steps_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
