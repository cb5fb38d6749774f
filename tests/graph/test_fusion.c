/* Reductions take what they reduce from the tile in which it is computed: the same bits as from
 * memory, whatever the shape, the threads and the instructions, and close to the exact sum. */
#include "test.h"

#include <float.h>
#include <math.h>

#include "base/base.h"
#include "rung/graph.h"

enum { MOST = 8 };

static int64_t count_of(rung_graph *g, rung_node node) {
  rung_shape shape = rung_node_shape(g, node);
  return rung_shape_count(&shape);
}

static void put(rung_dtype dtype, void *array, int64_t i, double v) {
  if (dtype == RUNG_F32) ((float *)array)[i] = (float)v;
  if (dtype == RUNG_F64) ((double *)array)[i] = v;
  if (dtype == RUNG_DD) ((rung_dd *)array)[i] = (rung_dd){v, v * 1e-18};
}

static double get(rung_dtype dtype, const void *array, int64_t i) {
  if (dtype == RUNG_F32) return (double)((const float *)array)[i];
  if (dtype == RUNG_F64) return ((const double *)array)[i];
  return ((const rung_dd *)array)[i].hi;
}

/* Runs a program; the arrays of the outputs are new. Returns the number of steps. */
static int run(rung_context *ctx, rung_graph *g, rung_dtype dtype, int inputs, const rung_node *in,
               const void *const *data, int outputs, const rung_node *out, void **result) {
  rung_compile_options options = {.dtype = dtype};
  rung_program *program;
  void *workspace;
  assert_ok(ctx, rung_compile(g, &options, inputs, in, outputs, out, &program));
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  for (int o = 0; o < outputs; o++)
    result[o] = malloc((size_t)count_of(g, out[o]) * rung_dtype_size(dtype));
  assert_ok(ctx, rung_program_run(program, ctx, workspace, data, result));
  int steps = rung_program_steps(program);
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  return steps;
}

typedef struct shape_case {
  int64_t dims[4];
  int rank;
  unsigned axes;
} shape_case;

/* Slabs below a tile and of many, rows of one element and of a thousand, blocks full and not. */
static const shape_case cases[] = {
    {{1}, 1, 1},           {{5}, 1, 1},           {{1024}, 1, 1},         {{100003}, 1, 1},
    {{7, 10}, 2, 2},       {{300, 17}, 2, 2},     {{3, 5000}, 2, 2},      {{9, 1100}, 2, 2},
    {{32, 64}, 2, 1},      {{129, 10}, 2, 1},     {{1000, 16}, 2, 1},     {{70, 1000}, 2, 1},
    {{6, 1500}, 2, 1},     {{5, 64, 3}, 3, 2},    {{4, 777, 6}, 3, 2},    {{3, 2, 900}, 3, 2},
    {{6, 9, 9, 16}, 4, 7}, {{6, 9, 9, 16}, 4, 6}, {{6, 9, 9, 16}, 4, 14}, {{2, 30, 30, 24}, 4, 7},
    {{3, 8, 8, 20}, 4, 8}, {{3, 8, 8, 20}, 4, 5}, {{40, 20, 20, 1}, 4, 7}};

/* x, w broadcast along the last axis, and u along the first: y = x w + u, sums of y and of y y. */
static void build(rung_graph *g, const shape_case *s, rung_node *in, rung_node *y, rung_node *out) {
  int64_t first[4] = {1, 1, 1, 1};
  first[0] = s->dims[0];
  in[0] = rung_input(g, "x", s->rank, s->dims);
  in[1] = rung_input(g, "w", 1, &s->dims[s->rank - 1]);
  in[2] = rung_input(g, "u", s->rank, first);
  *y = rung_add(g, rung_mul(g, in[0], in[1]), in[2]);
  out[0] = rung_sum(g, *y, s->axes, 0);
  out[1] = rung_sum(g, rung_mul(g, *y, *y), s->axes, 0);
  out[2] = rung_reduce_max(g, *y, s->axes, 1);
  out[3] = rung_reduce_min(g, *y, s->axes, 0);
}

/* Sum number `index` of the reduction of y, term by term in long double, and of the sizes. */
static void exact(const shape_case *s, rung_dtype dtype, const void *y, int64_t index,
                  long double *sum, long double *size, double *largest) {
  int64_t count = 1;
  for (int i = 0; i < s->rank; i++) count *= s->dims[i];
  *sum = *size = 0;
  *largest = -INFINITY;
  for (int64_t k = 0; k < count; k++) {
    int64_t rest = k, at = 0, stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
      if (!(s->axes >> i & 1)) {
        at += rest % s->dims[i] * stride;
        stride *= s->dims[i];
      }
      rest /= s->dims[i];
    }
    if (at != index) continue;
    double v = get(dtype, y, k);
    *sum += v;
    *size += fabs(v);
    *largest = fmax(*largest, v);
  }
}

static void check_values(const shape_case *s, rung_dtype dtype, rung_graph *g, rung_node node,
                         const void *y, const void *sums, const void *maxima) {
  static const double unit[] = {FLT_EPSILON, DBL_EPSILON, DBL_EPSILON};
  int64_t count = count_of(g, node);
  for (int64_t i = 0; i < count; i += 1 + count / 20) {
    long double sum, size;
    double largest;
    exact(s, dtype, y, i, &sum, &size, &largest);
    assert_true(fabsl(get(dtype, sums, i) - sum) <= 30 * unit[dtype] * size);
    assert_true(get(dtype, maxima, i) == largest);
  }
}

static void fused_reductions_have_the_same_bits(void **state) {
  rung_context *ctx = *state;
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
      const shape_case *s = &cases[k];
      rung_graph *g;
      assert_ok(ctx, rung_graph_create(ctx, &g));
      rung_node in[3], y, out[4];
      build(g, s, in, &y, out);
      void *data[3], *whole[2], *first[4];
      for (int i = 0; i < 3; i++) {
        int64_t count = count_of(g, in[i]);
        data[i] = malloc((size_t)count * rung_dtype_size(dtype));
        for (int64_t j = 0; j < count; j++)
          put(dtype, data[i], j, rg_normal(1, (uint64_t)i, (uint64_t)j) + 0.5);
      }
      /* from memory: y and its square are inputs of a second program */
      rung_node square = rung_mul(g, y, y), again[2], from[4];
      run(ctx, g, dtype, 3, in, (const void *const *)data, 2, (rung_node[]){y, square}, whole);
      for (int i = 0; i < 2; i++) again[i] = rung_input(g, "y", s->rank, s->dims);
      from[0] = rung_sum(g, again[0], s->axes, 0);
      from[1] = rung_sum(g, again[1], s->axes, 0);
      from[2] = rung_reduce_max(g, again[0], s->axes, 0);
      from[3] = rung_reduce_min(g, again[0], s->axes, 0);
      run(ctx, g, dtype, 2, again, (const void *const *)whole, 4, from, first);
      check_values(s, dtype, g, from[0], whole[0], first[0], first[2]);
      for (int threads = 1; threads <= 3; threads++)
        for (rung_isa isa = RUNG_ISA_PORTABLE; isa <= rung_isa_best(); isa++) {
          void *result[4];
          assert_ok(ctx, rung_set_threads(ctx, threads));
          assert_ok(ctx, rung_set_isa(ctx, isa));
          run(ctx, g, dtype, 3, in, (const void *const *)data, 4, out, result);
          for (int o = 0; o < 4; o++) {
            size_t bytes = (size_t)count_of(g, out[o]) * rung_dtype_size(dtype);
            if (memcmp(first[o], result[o], bytes) != 0)
              fail_msg("case %zu, %s, output %d, %d threads, instructions %d", k,
                       rung_dtype_name(dtype), o, threads, (int)isa);
            free(result[o]);
          }
        }
      for (int i = 0; i < 3; i++) free(data[i]);
      for (int i = 0; i < 2; i++) free(whole[i]);
      for (int i = 0; i < 4; i++) free(first[i]);
      rung_graph_destroy(g);
    }
}

/* Batch normalisation backward: both sums in one pass with the masked gradient, which is written;
 * nothing of the array's size is kept beside it. */
static void sums_and_results_share_one_pass(void **state) {
  rung_context *ctx = *state;
  enum { N = 4, H = 32, C = 16 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  const int64_t full[] = {N, H, H, C}, channels = C;
  rung_node in[] = {rung_input(g, "dy", 4, full), rung_input(g, "x", 4, full),
                    rung_input(g, "mean", 1, &channels), rung_input(g, "scale", 1, &channels)};
  rung_node xhat = rung_mul(g, rung_sub(g, in[1], in[2]), in[3]);
  rung_node dz =
      rung_select(g, rung_less(g, rung_constant(g, 0), xhat), in[0], rung_constant(g, 0));
  rung_node out[] = {dz, rung_sum(g, dz, 7, 0), rung_sum(g, rung_mul(g, dz, xhat), 7, 0)};
  rung_compile_options options = {.dtype = RUNG_F32};
  rung_program *program;
  assert_ok(ctx, rung_set_threads(ctx, 1));
  assert_ok(ctx, rung_compile(g, &options, 4, in, 3, out, &program));
  assert_int_equal(rung_program_steps(program), 1);
  assert_true(rung_program_bytes(program) < N * H * H * C * sizeof(float) / 3);
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

/* The centred x, which the sum of squares and the result both need, is computed twice and never
 * written; what takes long is written and read. */
static void cheap_values_are_computed_again(void **state) {
  rung_context *ctx = *state;
  enum { ROWS = 400, C = 16 };
  for (int dear = 0; dear < 2; dear++) {
    rung_graph *g;
    assert_ok(ctx, rung_graph_create(ctx, &g));
    rung_node in[] = {rung_input(g, "x", 2, (int64_t[]){ROWS, C}),
                      rung_input(g, "mean", 1, (int64_t[]){C})};
    rung_node centred = rung_sub(g, in[0], in[1]);
    if (dear) centred = rung_tanh(g, centred);
    rung_node sum = rung_sum(g, rung_mul(g, centred, centred), 1, 0);
    rung_node y = rung_div(g, centred, sum);
    rung_compile_options options = {.dtype = RUNG_F64};
    rung_program *program;
    assert_ok(ctx, rung_set_threads(ctx, 1));
    assert_ok(ctx, rung_compile(g, &options, 2, in, 1, &y, &program));
    assert_int_equal(rung_program_steps(program), 2);
    size_t bytes = rung_program_bytes(program);
    assert_true((bytes > ROWS * C * sizeof(double)) == dear);
    double x[ROWS * C], mean[C], out[ROWS * C];
    void *workspace;
    assert_ok(ctx, rung_alloc(ctx, bytes, &workspace));
    for (int i = 0; i < ROWS * C; i++) x[i] = rg_normal(1, 1, (uint64_t)i);
    for (int i = 0; i < C; i++) mean[i] = 0.1 * i;
    assert_ok(
        ctx, rung_program_run(program, ctx, workspace, (const void *[]){x, mean}, (void *[]){out}));
    for (int j = 0; j < C; j++) {
      double squares = 0;
      for (int i = 0; i < ROWS; i++) {
        double v = x[i * C + j] - mean[j];
        if (dear) v = tanh(v);
        squares += v * v;
      }
      for (int i = 0; i < ROWS; i++) {
        double v = x[i * C + j] - mean[j];
        if (dear) v = tanh(v);
        assert_true(fabs(out[i * C + j] - v / squares) <= 1e-14 * fabs(v / squares));
      }
    }
    rung_free(ctx, workspace);
    rung_program_destroy(program);
    rung_graph_destroy(g);
  }
}

/* Long chains of steps that cannot fuse need two arrays of workspace, not one for each. */
static void arrays_take_the_place_of_what_dies(void **state) {
  rung_context *ctx = *state;
  enum { SIDE = 200 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", 2, (int64_t[]){SIDE, SIDE}), y = x;
  for (int i = 0; i < 6; i++) { /* y is read again when the row sums are known */
    rung_node centred = rung_sub(g, y, rung_sum(g, y, 2, 1));
    y = rung_tanh(g, rung_mul(g, centred, rung_sum(g, rung_exp(g, centred), 1, 1)));
  }
  rung_compile_options options = {.dtype = RUNG_F32};
  rung_program *program;
  assert_ok(ctx, rung_set_threads(ctx, 1));
  assert_ok(ctx, rung_compile(g, &options, 1, &x, 1, &y, &program));
  assert_true(rung_program_bytes(program) < (2 * SIDE * SIDE + SIDE * 60) * sizeof(float));
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

/* Thousands of nodes compile in a moment: 24,000 nodes, a deep network and its gradient. */
static void large_graphs_compile_fast(void **state) {
  rung_context *ctx = *state;
  enum { LAYERS = 1000, WIDTH = 8 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[2 * LAYERS + 1], out[2 * LAYERS + 1];
  rung_node y = in[0] = rung_input(g, "x", 2, (int64_t[]){4, WIDTH});
  for (int l = 0; l < LAYERS; l++) {
    rung_node k = in[2 * l + 1] = rung_input(g, "k", 2, (int64_t[]){WIDTH, WIDTH});
    rung_node b = in[2 * l + 2] = rung_input(g, "b", 1, (int64_t[]){WIDTH});
    rung_node z = rung_add(g, rung_matmul(g, y, k, 0, 1, RUNG_WORKING), b);
    y = rung_add(g, y, rung_mul(g, rung_constant(g, 0.01), rung_tanh(g, z)));
  }
  out[2 * LAYERS] = rung_sum(g, rung_mul(g, y, y), 3, 0);
  double start = rg_seconds();
  assert_ok(ctx, rung_gradient(g, out[2 * LAYERS], RUNG_NONE, 2 * LAYERS, in + 1, out));
  rung_program *program;
  assert_ok(ctx, rung_compile(g, NULL, 2 * LAYERS + 1, in, 2 * LAYERS + 1, out, &program));
  double seconds = rg_seconds() - start;
  print_message("%d nodes, %d steps: %.3f s\n", rung_graph_size(g), rung_program_steps(program),
                seconds);
  assert_true(seconds < 20); /* a fraction of a second on an idle machine */
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

/* ---- two ops in one pass ---- */

enum { PAIRS = 8, PAIR_LENGTH = 3001 };

/* An expression of a, b and c; `between` gets what its second op is given by the first. */
static rung_node build_pair(rung_graph *g, int which, const rung_node *in, rung_node *between) {
  rung_node a = in[0], b = in[1], c = in[2];
  bool less = which == 4 || which == 5;
  *between = less ? rung_less(g, a, b) : rung_mul(g, a, b);
  switch (which) {
  case 0:
    return rung_add(g, *between, c);
  case 1:
    return rung_add(g, c, *between);
  case 2:
    return rung_sub(g, *between, c);
  case 3:
    return rung_sub(g, c, *between);
  case 4:
    return rung_mul(g, *between, c);
  case 5:
    return rung_mul(g, c, *between);
  case 6: /* of three in a row, two */
    return rung_add(g, rung_mul(g, rung_less(g, a, c), *between), b);
  default: /* both operands could be done with it */
    return rung_sub(g, *between, rung_mul(g, b, c));
  }
}

/* What stands between two ops is asked for as well, so that each is done by itself: the same bits.
 */
static void pairs_of_ops_have_the_bits_of_each(void **state) {
  rung_context *ctx = *state;
  const int64_t length = PAIR_LENGTH;
  void *data[3], *alone[2], *together[1];
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    size_t bytes = PAIR_LENGTH * rung_dtype_size(dtype);
    for (int i = 0; i < 3; i++) {
      data[i] = malloc(bytes);
      for (int64_t j = 0; j < PAIR_LENGTH; j++)
        put(dtype, data[i], j, rg_normal(2, (uint64_t)i, (uint64_t)j));
    }
    for (rung_isa isa = RUNG_ISA_PORTABLE; isa <= rung_isa_best(); isa++)
      for (int which = 0; which < PAIRS; which++) {
        rung_graph *g;
        rung_node in[3], out[2];
        assert_ok(ctx, rung_set_isa(ctx, isa));
        assert_ok(ctx, rung_graph_create(ctx, &g));
        for (int i = 0; i < 3; i++) in[i] = rung_input(g, "x", 1, &length);
        out[0] = build_pair(g, which, in, &out[1]);
        run(ctx, g, dtype, 3, in, (const void *const *)data, 2, out, alone);
        run(ctx, g, dtype, 3, in, (const void *const *)data, 1, out, together);
        if (memcmp(alone[0], together[0], bytes) != 0)
          fail_msg("pair %d, %s, instructions %d", which, rung_dtype_name(dtype), (int)isa);
        free(alone[0]);
        free(alone[1]);
        free(together[0]);
        rung_graph_destroy(g);
      }
    for (int i = 0; i < 3; i++) free(data[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(fused_reductions_have_the_same_bits), TEST(sums_and_results_share_one_pass),
      TEST(cheap_values_are_computed_again),     TEST(arrays_take_the_place_of_what_dies),
      TEST(pairs_of_ops_have_the_bits_of_each),  TEST(large_graphs_compile_fast),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
