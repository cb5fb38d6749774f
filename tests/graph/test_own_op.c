/* Ops of a user's own on whole arrays, as docs/how-to-add-an-op.md tells: what each member does,
 * and what happens without it. */
#include "test.h"

#include <string.h>

#include "rung/op.h"

enum { N = 6 };

/* Running sums of a vector, in double alone. */
static rung_status running_shape(rung_context *ctx, int operands, const rung_shape *in,
                                 const rung_attributes *attr, rung_shape *out) {
  (void)operands, (void)attr;
  if (in[0].rank != 1)
    return rung_fail(ctx, RUNG_E_SHAPE, "running_sum: expected a vector, found %d dimensions",
                     in[0].rank);
  *out = in[0];
  return RUNG_OK;
}

static rung_status running_kernel(const rung_call *call) {
  const double *a = call->in[0];
  double *out = call->out, sum = 0;
  for (int64_t i = 0; i < call->count; i++) {
    if (a[i] < 0) return RUNG_E_DATA;
    out[i] = sum += a[i];
  }
  return RUNG_OK;
}

static const rung_op running_sum = {.name = "running_sum",
                                    .operands = 1,
                                    .shape = running_shape,
                                    .kernel = {[RUNG_F64] = {.portable = running_kernel}}};

/* Adds its number to every third element, in three pieces with scratch of their own. */
static void thirds_plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                        const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)out, (void)in, (void)attr;
  *pieces = 3;
  *scratch = 10 * sizeof(double);
}

static rung_status thirds_kernel(const rung_call *call) {
  double *own = call->scratch, *out = call->out;
  if ((uintptr_t)own % 64 || call->pieces != 3 || call->attr->i[0] != 5) return RUNG_E_DATA;
  for (int i = 0; i < 10; i++) own[i] = (double)call->piece;
  for (int64_t i = call->piece; i < call->count; i += 3)
    out[i] = ((const double *)call->in[0])[i] + own[i % 10];
  return RUNG_OK;
}

static const rung_op thirds = {.name = "thirds",
                               .operands = 1,
                               .shape = running_shape,
                               .plan = thirds_plan,
                               .kernel = {[RUNG_F64] = {.portable = thirds_kernel}}};

static rung_graph *new_graph(rung_context *ctx, rung_node *x) {
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  *x = rung_input(g, "x", 1, (int64_t[]){N});
  return g;
}

static rung_status compile_and_run(rung_context *ctx, rung_graph *g, rung_node x, rung_node y,
                                   const double *in, double *out) {
  rung_program *program;
  void *workspace;
  rung_status status = rung_compile(g, NULL, 1, &x, 1, &y, &program);
  if (status != RUNG_OK) return status;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  status = rung_program_run(program, ctx, workspace, (const void *[]){in}, (void *[]){out});
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  return status;
}

static void an_own_op_computes(void **state) {
  rung_context *ctx = *state;
  rung_node x;
  rung_graph *g = new_graph(ctx, &x);
  rung_node twice = rung_mul(g, x, rung_constant(g, 2));
  rung_node y = rung_neg(g, rung_apply(g, &running_sum, 1, &twice, NULL));
  double in[N] = {1, 2, 3, 4, 5, 6}, out[N] = {0};
  assert_ok(ctx, compile_and_run(ctx, g, x, y, in, out));
  for (int i = 0; i < N; i++) assert_true(out[i] == -(i + 1) * (i + 2));
  rung_graph_destroy(g);
}

static void pieces_have_their_scratch(void **state) {
  rung_context *ctx = *state;
  rung_attributes attr = {.i = {5}};
  for (int threads = 1; threads <= 4; threads++) {
    rung_node x;
    rung_graph *g = new_graph(ctx, &x);
    assert_ok(ctx, rung_set_threads(ctx, threads));
    double in[N] = {10, 10, 10, 10, 10, 10}, out[N] = {0};
    assert_ok(ctx, compile_and_run(ctx, g, x, rung_apply(g, &thirds, 1, &x, &attr), in, out));
    for (int i = 0; i < N; i++) assert_true(out[i] == 10 + i % 3);
    rung_graph_destroy(g);
  }
}

static void refusals_have_their_messages(void **state) {
  rung_context *ctx = *state;
  rung_node x, made;
  rung_graph *g = new_graph(ctx, &x);
  rung_node matrix = rung_input(g, "m", 2, (int64_t[]){N, N});
  assert_int_equal(rung_apply(g, &running_sum, 1, &matrix, NULL), RUNG_NONE);
  assert_int_equal(rung_error_status(ctx), RUNG_E_SHAPE);
  assert_string_equal(rung_error(ctx), "running_sum: expected a vector, found 2 dimensions");

  rung_node y = rung_apply(g, &running_sum, 1, &x, NULL), sum = rung_sum(g, y, 1, 0);
  double in[N] = {1, 1, 1, -1, 1, 1}, out[N] = {0};
  assert_error(ctx, compile_and_run(ctx, g, x, y, in, out), RUNG_E_DATA, "running_sum");

  const rung_status unsupported = RUNG_E_UNSUPPORTED;
  assert_error(ctx, rung_gradient(g, sum, RUNG_NONE, 1, &x, &made), unsupported, "running_sum");
  assert_error(ctx, rung_jvp(g, 1, &x, &x, 1, &y, &made), unsupported, "running_sum");
  assert_error(ctx, rung_map(g, 1, &x, &matrix, 1, &y, &made), unsupported, "running_sum");

  rung_compile_options options = {.dtype = RUNG_DD};
  rung_program *program;
  assert_error(ctx, rung_compile(g, &options, 1, &x, 1, &y, &program), unsupported, "quad");
  assert_null(program);
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_own_op_computes),
      TEST(pieces_have_their_scratch),
      TEST(refusals_have_their_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
