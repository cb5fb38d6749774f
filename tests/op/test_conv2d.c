/* Convolution, its adjoints and their refusals as graphs see them. */
#include "test.h"

#include <math.h>

#include "rung/graph.h"

#define DIMS(...)                                                                                  \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                   \
    __VA_ARGS__                                                                                    \
  }

typedef struct problem {
  int64_t images, height, width, channels, kernel_height, kernel_width, filters;
  rung_conv settings;
} problem;

static const problem problems[] = {
    {4, 9, 8, 3, 3, 3, 16, {{1, 1}, {1, 1, 1, 1}, 1}},
    {6, 8, 9, 6, 3, 2, 10, {{2, 3}, {1, 0, 2, 1}, 1}},
    {1, 5, 5, 4, 1, 1, 6, {{2, 2}, {0, 0, 0, 0}, 1}},
    {3, 4, 6, 8, 5, 5, 8, {{1, 2}, {2, 2, 2, 2}, 4}},
    {32, 14, 14, 16, 3, 3, 16, {{1, 1}, {1, 1, 1, 1}, 1}},
    {7, 28, 28, 20, 3, 3, 12, {{2, 2}, {1, 1, 1, 1}, 1}},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0] };

/* x, w, y as inputs in this order; then what the three ops make of two of them: y, x, w. */
typedef struct setup {
  rung_graph *g;
  rung_node in[3], out[3];
  int64_t count[3];
} setup;

static setup build(rung_context *ctx, const problem *p) {
  setup s;
  assert_ok(ctx, rung_graph_create(ctx, &s.g));
  const rung_conv *c = &p->settings;
  s.in[0] = rung_input(s.g, "x", DIMS(p->images, p->height, p->width, p->channels));
  s.in[1] = rung_input(
      s.g, "w", DIMS(p->kernel_height, p->kernel_width, p->channels / c->groups, p->filters));
  s.out[0] = rung_conv2d(s.g, s.in[0], s.in[1], c);
  rung_shape y = rung_node_shape(s.g, s.out[0]);
  s.in[2] = rung_input(s.g, "y", y.rank, y.dim);
  s.out[1] = rung_conv2d_transpose(s.g, s.in[2], s.in[1], c, p->height, p->width);
  s.out[2] = rung_conv2d_weights(s.g, s.in[0], s.in[2], c, p->kernel_height, p->kernel_width);
  if (s.out[0] == RUNG_NONE || s.out[1] == RUNG_NONE || s.out[2] == RUNG_NONE)
    fail_msg("%s", rung_error(ctx));
  for (int i = 0; i < 3; i++) {
    rung_shape shape = rung_node_shape(s.g, s.in[i]);
    s.count[i] = rung_shape_count(&shape);
  }
  return s;
}

static void run(rung_context *ctx, const setup *s, rung_dtype dtype, int outputs,
                const rung_node *out, const void *const *data, void *const *result) {
  rung_compile_options options = {.dtype = dtype};
  rung_program *program;
  assert_ok(ctx, rung_compile(s->g, &options, 3, s->in, outputs, out, &program));
  void *workspace;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  assert_ok(ctx, rung_program_run(program, ctx, workspace, data, result));
  rung_free(ctx, workspace);
  rung_program_destroy(program);
}

static double *draw(int64_t count, uint64_t purpose) {
  double *x = malloc((size_t)count * sizeof *x);
  assert_non_null(x);
  for (int64_t i = 0; i < count; i++) x[i] = rg_normal(3, purpose, (uint64_t)i);
  return x;
}

static double dot(int64_t count, const double *a, const double *b, double *size) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += a[i] * b[i];
    *size += fabs(a[i] * b[i]);
  }
  return sum;
}

/* <conv(x, w), y> = <x, transpose(y, w)> = <w, weights(x, y)> */
static void the_three_are_one_trilinear_form(void **state) {
  rung_context *ctx = *state;
  for (int i = 0; i < PROBLEMS; i++) {
    setup s = build(ctx, &problems[i]);
    double *data[3], *result[3];
    for (int k = 0; k < 3; k++) data[k] = draw(s.count[k], (uint64_t)k);
    for (int k = 0; k < 3; k++) result[k] = draw(s.count[(k + 2) % 3], 9); /* y, x, w */
    run(ctx, &s, RUNG_F64, 3, s.out, (const void *const *)data, (void *const *)result);
    double size[3] = {0}, form[3];
    form[0] = dot(s.count[2], result[0], data[2], &size[0]);
    form[1] = dot(s.count[0], result[1], data[0], &size[1]);
    form[2] = dot(s.count[1], result[2], data[1], &size[2]);
    assert_true(size[0] > 0);
    assert_true(fabs(form[0] - form[1]) < 1e-13 * (size[0] + size[1]));
    assert_true(fabs(form[0] - form[2]) < 1e-13 * (size[0] + size[2]));
    for (int k = 0; k < 3; k++) {
      free(data[k]);
      free(result[k]);
    }
    rung_graph_destroy(s.g);
  }
}

/* A kernel of one row and column at stride 1 is a product of matrices. */
static void one_by_one_is_a_matrix_product(void **state) {
  rung_context *ctx = *state;
  setup s = build(ctx, &(problem){3, 4, 5, 6, 1, 1, 7, {{1, 1}, {0, 0, 0, 0}, 1}});
  rung_node rows = rung_reshape(s.g, s.in[0], DIMS(60, 6));
  rung_node w = rung_reshape(s.g, s.in[1], DIMS(6, 7));
  rung_node out[] = {s.out[0], rung_matmul(s.g, rows, w, 0, 0, RUNG_WORKING)};
  double *data[3], y[2][60 * 7];
  for (int k = 0; k < 3; k++) data[k] = draw(s.count[k], (uint64_t)k);
  run(ctx, &s, RUNG_F64, 2, out, (const void *const *)data, (void *[]){y[0], y[1]});
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  for (int k = 0; k < 3; k++) free(data[k]);
  rung_graph_destroy(s.g);
}

/* The gradient of a loss over two layers, the whole of it: the same bits however it is run. */
static void threads_and_instructions_change_no_bit(void **state) {
  rung_context *ctx = *state;
  for (int i = 0; i < PROBLEMS; i++)
    for (int dtype = RUNG_F32; dtype <= RUNG_F64; dtype++) {
      setup s = build(ctx, &problems[i]);
      rung_node layer = rung_tanh(s.g, s.out[0]), grad[2];
      rung_node loss = rung_sum(s.g, rung_mul(s.g, layer, s.in[2]), 15, 0);
      assert_ok(ctx, rung_gradient(s.g, loss, RUNG_NONE, 2, s.in, grad));
      size_t size = rung_dtype_size((rung_dtype)dtype);
      char *data[3], *result[2], *before[2] = {NULL, NULL};
      for (int k = 0; k < 3; k++) {
        double *x = draw(s.count[k], (uint64_t)k);
        data[k] = (char *)x;
        if (dtype == RUNG_F32)
          for (int64_t j = 0; j < s.count[k]; j++) ((float *)(void *)x)[j] = (float)x[j];
      }
      static const int threads[] = {1, 2, 3, 7, 16};
      for (int t = 0; t < 5; t++)
        for (int isa = 0; isa <= (int)rung_isa_best(); isa++) {
          for (int k = 0; k < 2; k++) result[k] = malloc((size_t)s.count[k] * size);
          assert_ok(ctx, rung_set_threads(ctx, threads[t]));
          assert_ok(ctx, rung_set_isa(ctx, (rung_isa)isa));
          run(ctx, &s, (rung_dtype)dtype, 2, grad, (const void *const *)data,
              (void *const *)result);
          for (int k = 0; k < 2; k++) {
            if (before[k]) assert_memory_equal(before[k], result[k], (size_t)s.count[k] * size);
            free(before[k]);
            before[k] = result[k];
          }
        }
      for (int k = 0; k < 3; k++) free(data[k]);
      for (int k = 0; k < 2; k++) free(before[k]);
      rung_graph_destroy(s.g);
    }
}

static void refused(rung_context *ctx, rung_node node, rung_status status, const char *text) {
  assert_int_equal(node, RUNG_NONE);
  assert_error(ctx, rung_error_status(ctx), status, text);
  rung_clear_error(ctx);
}

static void what_does_not_fit_is_told(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(2, 5, 6, 4)), w = rung_input(g, "w", DIMS(3, 3, 4, 8));
  rung_node y = rung_input(g, "y", DIMS(2, 3, 4, 8)), flat = rung_input(g, "flat", DIMS(2, 120));
  rung_node five = rung_input(g, "five", DIMS(7, 2, 5, 6, 4));
  refused(ctx, rung_conv2d(g, flat, w, NULL), RUNG_E_SHAPE, "4 axes");
  refused(ctx, rung_conv2d(g, five, w, NULL), RUNG_E_SHAPE, "[7,2,5,6,4] and [3,3,4,8]");
  rung_conv s = {{1, 1}, {0, 0, 0, 0}, 0};
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_ARGUMENT, "0 groups");
  s.groups = 3;
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_SHAPE, "do not fall into 3 groups");
  s.groups = 8; /* a group would have no channel */
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_SHAPE, "4 channels and 8 filters");
  s.groups = 2;
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_SHAPE, "need 2 channels in the weights");
  refused(ctx, rung_conv2d_weights(g, x, y, &s, 3, 4), RUNG_E_SHAPE, "give 3 columns, found 4");
  s = (rung_conv){{1, 0}, {0, 0, 0, 0}, 1};
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_ARGUMENT, "strides 1, 0");
  s = (rung_conv){{1, 1}, {0, -1, 0, 0}, 1};
  refused(ctx, rung_conv2d(g, x, w, &s), RUNG_E_ARGUMENT, "paddings 0, -1, 0, 0");
  rung_node large = rung_input(g, "large", DIMS(9, 3, 4, 8));
  refused(ctx, rung_conv2d(g, x, large, NULL), RUNG_E_SHAPE, "9 rows over images of 5");
  refused(ctx, rung_conv2d_transpose(g, y, w, NULL, 6, 6), RUNG_E_SHAPE, "give 4 rows, found 3");
  refused(ctx, rung_conv2d_transpose(g, y, w, NULL, 0, 6), RUNG_E_SHAPE, "images of 0");
  refused(ctx, rung_conv2d_transpose(g, y, w, NULL, INT64_MAX, 6), RUNG_E_SHAPE, "rows");
  refused(ctx, rung_conv2d_weights(g, x, y, NULL, -1, 3), RUNG_E_SHAPE, "kernel of -1");
  rung_node wrong = rung_input(g, "wrong", DIMS(2, 3, 4, 5));
  refused(ctx, rung_conv2d_transpose(g, wrong, w, NULL, 5, 6), RUNG_E_SHAPE,
          "5 channels, the weights 8 filters");
  rung_node other = rung_input(g, "other", DIMS(3, 3, 4, 8));
  refused(ctx, rung_conv2d_weights(g, x, other, NULL, 3, 3), RUNG_E_SHAPE, "2 and 3 images");
  s = (rung_conv){{1, 1}, {1 << 24, 1 << 24, 1 << 24, 1 << 24}, 1};
  rung_node wide = rung_input(g, "wide", DIMS(1, 1, 1, (int64_t)1 << 40));
  rung_node one = rung_input(g, "one", DIMS(1, 1, (int64_t)1 << 40, 1));
  refused(ctx, rung_conv2d(g, wide, one, &s), RUNG_E_SHAPE, "conv2d");
  assert_int_equal(rung_conv2d(g, RUNG_NONE, w, NULL), RUNG_NONE);
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_three_are_one_trilinear_form),
      TEST(one_by_one_is_a_matrix_product),
      TEST(threads_and_instructions_change_no_bit),
      TEST(what_does_not_fit_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
