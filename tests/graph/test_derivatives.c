/* Derivatives of every op: against finite differences in double-double, forward against reverse, of
 * higher order against formulas, and mapped over samples against one sample at a time. */
#include "test.h"

#include <math.h>

#include "num/dd.h"
#include "rung/graph.h"

#define DIMS(...)                                                                                  \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                   \
    __VA_ARGS__                                                                                    \
  }

/* Two operands of shape [3,4] (values 0.2..1.8, no ties) give something. */
typedef rung_node (*build_fn)(rung_graph *g, rung_node x, rung_node y);

#define UNARY(name)                                                                                \
  static rung_node build_##name(rung_graph *g, rung_node x, rung_node y) {                         \
    (void)y;                                                                                       \
    return rung_##name(g, x);                                                                      \
  }
#define BINARY(name)                                                                               \
  static rung_node build_##name(rung_graph *g, rung_node x, rung_node y) {                         \
    return rung_##name(g, x, y);                                                                   \
  }
#define BUILD(name, expression)                                                                    \
  static rung_node build_##name(rung_graph *g, rung_node x, rung_node y) {                         \
    (void)x, (void)y;                                                                              \
    return expression;                                                                             \
  }
UNARY(neg)
UNARY(abs)
UNARY(sign)
UNARY(reciprocal)
UNARY(sqrt)
UNARY(exp)
UNARY(log)
UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(atan)
UNARY(tanh)
UNARY(sech2)
UNARY(log1p)
UNARY(erf)
UNARY(normal_cdf)
UNARY(normal_pdf)
UNARY(sigmoid)
UNARY(softplus)
UNARY(silu)
UNARY(gelu)
BUILD(relu, rung_relu(g, rung_sub(g, x, y)))
BUILD(leaky_relu, rung_leaky_relu(g, rung_sub(g, x, y), 0.125))
BUILD(far_below, rung_gelu(g, rung_mul(g, rung_constant(g, -5), x)))
BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(min)
BINARY(max)
BINARY(pow)
BINARY(less)
BINARY(less_equal)
BINARY(equal)
BUILD(powi, rung_powi(g, x, -3))
BUILD(select, rung_select(g, rung_less(g, x, y), rung_mul(g, x, x), rung_sin(g, y)))
BUILD(broadcasting, rung_mul(g, rung_slice(g, x, 0, 1, 1, 1), rung_slice(g, y, 1, 2, 1, 1)))
BUILD(matmul, rung_matmul(g, x, y, 0, 1, RUNG_WORKING))
BUILD(matmul_tn, rung_matmul(g, x, y, 1, 0, RUNG_WORKING))
BUILD(matmul_tt, rung_matmul(g, x, rung_transpose(g, y, (int[]){1, 0}), 1, 1, RUNG_WORKING))
BUILD(matmul_nn, rung_matmul(g, x, rung_transpose(g, y, (int[]){1, 0}), 0, 0, RUNG_COMPENSATED))
BUILD(matmul_batch, rung_matmul(g, rung_reshape(g, x, DIMS(3, 1, 2, 2)),
                                rung_reshape(g, y, DIMS(3, 2, 2)), 0, 1, RUNG_WORKING))
BUILD(outer, rung_matmul(g, rung_slice(g, x, 0, 0, 1, 1), rung_slice(g, y, 0, 1, 1, 1), 1, 0,
                         RUNG_WORKING))
BUILD(sum_all, rung_sum(g, rung_mul(g, x, y), 3, 0))
BUILD(sum_rows, rung_sum(g, rung_mul(g, x, x), 1, 0))
BUILD(mean_keep, rung_mul(g, x, rung_mean(g, y, 2, 1)))
BUILD(reduce_max, rung_reduce_max(g, rung_mul(g, x, y), 2, 0))
BUILD(reduce_min, rung_reduce_min(g, rung_sub(g, x, y), 1, 1))
BUILD(reshape, rung_reshape(g, rung_mul(g, x, y), DIMS(2, 6)))
BUILD(transpose, rung_transpose(g, rung_mul(g, x, y), (int[]){1, 0}))
BUILD(slice, rung_slice(g, rung_mul(g, x, y), 1, 3, 2, -2))
BUILD(pad, rung_pad(g, rung_mul(g, x, y), 0, 1, 2, 7))
BUILD(concat, rung_concat(g, 3, (rung_node[]){x, rung_mul(g, x, y), y}, 1))
BUILD(gather,
      rung_gather(g, rung_mul(g, x, y),
                  rung_concat(g, 2,
                              (rung_node[]){rung_broadcast(g, rung_constant(g, 2), DIMS(2)),
                                            rung_broadcast(g, rung_constant(g, 0), DIMS(2))},
                              0)))
BUILD(scatter_add,
      rung_scatter_add(g, rung_mul(g, x, y),
                       rung_concat(g, 2,
                                   (rung_node[]){rung_broadcast(g, rung_constant(g, 4), DIMS(2)),
                                                 rung_broadcast(g, rung_constant(g, 1), DIMS(1))},
                                   0),
                       5))
/* Strides over the border, kernels larger than the image, groups, one image and several. */
static const rung_conv plain_conv = {{1, 1}, {1, 1, 1, 1}, 1};
static const rung_conv strided_conv = {{2, 1}, {1, 0, 2, 1}, 1};
static const rung_conv grouped_conv = {{1, 2}, {1, 2, 1, 0}, 2};
BUILD(conv2d, rung_conv2d(g, rung_reshape(g, x, DIMS(2, 3, 2, 1)),
                          rung_reshape(g, y, DIMS(3, 2, 1, 2)), &plain_conv))
BUILD(conv2d_strided, rung_conv2d(g, rung_reshape(g, x, DIMS(1, 3, 2, 2)),
                                  rung_reshape(g, y, DIMS(3, 1, 2, 2)), &strided_conv))
BUILD(conv2d_grouped, rung_conv2d(g, rung_reshape(g, x, DIMS(1, 2, 3, 2)),
                                  rung_reshape(g, y, DIMS(3, 2, 1, 2)), &grouped_conv))
BUILD(conv2d_samples, rung_conv2d(g, rung_reshape(g, x, DIMS(2, 1, 3, 2, 1)),
                                  rung_reshape(g, y, DIMS(2, 3, 1, 1, 2)), &plain_conv))
BUILD(conv2d_transpose,
      rung_conv2d_transpose(g, rung_reshape(g, x, DIMS(2, 3, 2, 1)),
                            rung_reshape(g, y, DIMS(3, 2, 2, 1)), &plain_conv, 3, 1))
BUILD(conv2d_transpose_strided,
      rung_conv2d_transpose(g, rung_reshape(g, x, DIMS(1, 3, 2, 2)),
                            rung_reshape(g, y, DIMS(3, 2, 1, 2)), &strided_conv, 4, 2))
BUILD(conv2d_transpose_grouped,
      rung_conv2d_transpose(g, rung_reshape(g, x, DIMS(1, 2, 3, 2)),
                            rung_reshape(g, y, DIMS(3, 2, 1, 2)), &grouped_conv, 2, 5))
BUILD(conv2d_weights, rung_conv2d_weights(g, rung_reshape(g, x, DIMS(2, 3, 2, 1)),
                                          rung_reshape(g, y, DIMS(2, 3, 2, 1)), &plain_conv, 3, 3))
BUILD(conv2d_weights_grouped,
      rung_conv2d_weights(g, rung_reshape(g, x, DIMS(1, 2, 3, 2)),
                          rung_reshape(g, y, DIMS(1, 2, 3, 2)), &grouped_conv, 3, 1))

#define ENTRY(name)                                                                                \
  { #name, build_##name }
static const struct {
  const char *name;
  build_fn build;
} cases[] = {ENTRY(neg),
             ENTRY(abs),
             ENTRY(sign),
             ENTRY(reciprocal),
             ENTRY(sqrt),
             ENTRY(exp),
             ENTRY(log),
             ENTRY(sin),
             ENTRY(cos),
             ENTRY(tan),
             ENTRY(atan),
             ENTRY(tanh),
             ENTRY(sech2),
             ENTRY(log1p),
             ENTRY(erf),
             ENTRY(normal_cdf),
             ENTRY(normal_pdf),
             ENTRY(sigmoid),
             ENTRY(softplus),
             ENTRY(silu),
             ENTRY(gelu),
             ENTRY(relu),
             ENTRY(leaky_relu),
             ENTRY(far_below),
             ENTRY(add),
             ENTRY(sub),
             ENTRY(mul),
             ENTRY(div),
             ENTRY(min),
             ENTRY(max),
             ENTRY(pow),
             ENTRY(less),
             ENTRY(less_equal),
             ENTRY(equal),
             ENTRY(powi),
             ENTRY(select),
             ENTRY(broadcasting),
             ENTRY(matmul),
             ENTRY(matmul_tn),
             ENTRY(matmul_tt),
             ENTRY(matmul_nn),
             ENTRY(matmul_batch),
             ENTRY(outer),
             ENTRY(sum_all),
             ENTRY(sum_rows),
             ENTRY(mean_keep),
             ENTRY(reduce_max),
             ENTRY(reduce_min),
             ENTRY(reshape),
             ENTRY(transpose),
             ENTRY(slice),
             ENTRY(pad),
             ENTRY(concat),
             ENTRY(gather),
             ENTRY(scatter_add),
             ENTRY(conv2d),
             ENTRY(conv2d_strided),
             ENTRY(conv2d_grouped),
             ENTRY(conv2d_samples),
             ENTRY(conv2d_transpose),
             ENTRY(conv2d_transpose_strided),
             ENTRY(conv2d_transpose_grouped),
             ENTRY(conv2d_weights),
             ENTRY(conv2d_weights_grouped)};
enum { CASES = sizeof cases / sizeof cases[0], MOST = 64 };

static double value_at(int array, int i) {
  return 0.2 + 1.6 * rg_uniform(11, (uint64_t)array, (uint64_t)i);
}

static void run_dd(rung_context *ctx, rung_graph *g, int inputs, const rung_node *in,
                   const void *const *data, int outputs, const rung_node *out,
                   void *const *result) {
  rung_compile_options options = {.dtype = RUNG_DD};
  rung_program *program;
  assert_ok(ctx, rung_compile(g, &options, inputs, in, outputs, out, &program));
  void *workspace;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  assert_ok(ctx, rung_program_run(program, ctx, workspace, data, result));
  rung_free(ctx, workspace);
  rung_program_destroy(program);
}

static rung_dd step_along(double x, double direction, double h) {
  return rg_add_dd((rung_dd){x, 0}, rg_mul_dd((rung_dd){direction, 0}, (rung_dd){h, 0}));
}

/* JVP against (f(p + ht) - f(p - ht)) / 2h; <c, J t> against <J'c, t>. */
static void check_case(rung_context *ctx, const char *name, build_fn build) {
  enum { N = 12 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[5], out[4];
  static const char *const names[] = {"x", "y", "tx", "ty"};
  for (int i = 0; i < 4; i++) in[i] = rung_input(g, names[i], DIMS(3, 4));
  out[0] = build(g, in[0], in[1]);
  if (out[0] == RUNG_NONE) fail_msg("%s: %s", name, rung_error(ctx));
  rung_shape shape = rung_node_shape(g, out[0]);
  in[4] = rung_input(g, "c", shape.rank, shape.dim);
  assert_ok(ctx, rung_jvp(g, 2, in, in + 2, 1, out, out + 1));
  assert_ok(ctx, rung_gradient(g, out[0], in[4], 2, in, out + 2));
  rung_dd p[5][MOST], plus[2][N], minus[2][N], y[MOST], yp[MOST], ym[MOST], jt[MOST], jc[2][N];
  int64_t count = rung_shape_count(&shape);
  const double h = 0x1p-30;
  for (int a = 0; a < 5; a++)
    for (int i = 0; i < MOST; i++) p[a][i] = (rung_dd){value_at(a, i), 0};
  for (int a = 0; a < 2; a++)
    for (int i = 0; i < N; i++) {
      plus[a][i] = step_along(p[a][i].hi, p[a + 2][i].hi, h);
      minus[a][i] = step_along(p[a][i].hi, p[a + 2][i].hi, -h);
    }
  const void *data[] = {p[0], p[1], p[2], p[3], p[4]};
  run_dd(ctx, g, 5, in, data, 4, out, (void *[]){y, jt, jc[0], jc[1]});
  run_dd(ctx, g, 2, in, (const void *[]){plus[0], plus[1]}, 1, out, (void *[]){yp});
  run_dd(ctx, g, 2, in, (const void *[]){minus[0], minus[1]}, 1, out, (void *[]){ym});
  double forward = 0, reverse = 0, size = 0;
  for (int i = 0; i < count; i++) {
    rung_dd difference = rg_sub_dd(yp[i], ym[i]);
    double expected = (difference.hi + difference.lo) / (2 * h);
    if (fabs(jt[i].hi - expected) > 1e-11 * (1 + fabs(expected)))
      fail_msg("%s: element %d: derivative %.17g, by differences %.17g", name, i, jt[i].hi,
               expected);
    forward += p[4][i].hi * jt[i].hi;
    size += fabs(p[4][i].hi * jt[i].hi);
  }
  for (int a = 0; a < 2; a++)
    for (int i = 0; i < N; i++) reverse += jc[a][i].hi * p[a + 2][i].hi;
  if (fabs(forward - reverse) > 1e-13 * (1 + size))
    fail_msg("%s: forward %.17g, reverse %.17g", name, forward, reverse);
  rung_graph_destroy(g);
}

static void every_op_has_its_derivative(void **state) {
  for (int i = 0; i < CASES; i++) check_case(*state, cases[i].name, cases[i].build);
}

/* The same for the gradient of sum(f^2) seen as a function: second derivatives. */
static build_fn inner;
static rung_node gradient_of_inner(rung_graph *g, rung_node x, rung_node y) {
  rung_node f = inner(g, x, y), grad[2];
  unsigned axes = (1u << rung_node_shape(g, f).rank) - 1;
  rung_node loss = rung_sum(g, rung_mul(g, f, f), axes, 0);
  if (rung_gradient(g, loss, RUNG_NONE, 2, (rung_node[]){x, y}, grad) != RUNG_OK) return RUNG_NONE;
  return rung_concat(g, 2, grad, 0);
}

static void every_op_has_its_second_derivative(void **state) {
  for (int i = 0; i < CASES; i++) {
    inner = cases[i].build;
    check_case(*state, cases[i].name, gradient_of_inner);
  }
}

static void derivatives_of_order_six(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  enum { N = 40, ORDER = 6 };
  rung_node x = rung_input(g, "x", DIMS(N)), one = rung_constant(g, 1), out[2 * ORDER + 2];
  rung_node ones = rung_broadcast(g, one, DIMS(N));
  out[0] = rung_sin(g, rung_add(g, rung_mul(g, rung_constant(g, 2), x), one));
  out[1] = rung_tanh(g, x);
  for (int k = 0; k < ORDER; k++)
    assert_ok(ctx, rung_jvp(g, 1, &x, &ones, 2, out + 2 * k, out + 2 * k + 2));
  static rung_dd p[N], y[2 * ORDER + 2][N];
  void *result[2 * ORDER + 2];
  for (int i = 0; i < 2 * ORDER + 2; i++) result[i] = y[i];
  for (int i = 0; i < N; i++) p[i] = (rung_dd){-2 + 0.1 * i, 0};
  run_dd(ctx, g, 1, &x, (const void *[]){p}, 2 * ORDER + 2, out, result);
  for (int i = 0; i < N; i++) {
    double z = 2 * p[i].hi + 1, t = tanh(p[i].hi), t2 = t * t;
    const double cycle[] = {sin(z), cos(z), -sin(z), -cos(z)};
    for (int k = 0; k <= ORDER; k++)
      assert_true(fabs(y[2 * k][i].hi - ldexp(cycle[k % 4], k)) < 1e-13 * ldexp(1, k));
    /* d6 tanh = 16 t (t^2-1) (45 t^4 - 60 t^2 + 17), from tanh' = 1 - tanh^2 */
    double sixth = 16 * t * (t2 - 1) * (45 * t2 * t2 - 60 * t2 + 17);
    assert_true(fabs(y[2 * ORDER + 1][i].hi - sixth) < 1e-10);
  }
  rung_graph_destroy(g);
}

/* Maps each case over three samples of x (y shared), of y, and of both. */
static void mapping_is_one_sample_at_a_time(void **state) {
  rung_context *ctx = *state;
  enum { S = 3, N = 12 };
  for (int k = 0; k < CASES; k++)
    for (unsigned which = 1; which < 4; which++) {
      rung_graph *g;
      assert_ok(ctx, rung_graph_create(ctx, &g));
      rung_node x = rung_input(g, "x", DIMS(3, 4)), y = rung_input(g, "y", DIMS(3, 4));
      rung_node bx = rung_input(g, "bx", DIMS(S, 3, 4)), by = rung_input(g, "by", DIMS(S, 3, 4));
      rung_node f = cases[k].build(g, x, y), mapped;
      rung_node sample[2], batch[2];
      int count = 0;
      if (which & 1) sample[count] = x, batch[count++] = bx;
      if (which & 2) sample[count] = y, batch[count++] = by;
      rung_status status = rung_map(g, count, sample, batch, 1, &f, &mapped);
      if (status != RUNG_OK) fail_msg("%s: %s", cases[k].name, rung_error(ctx));
      rung_shape one = rung_node_shape(g, f), many = rung_node_shape(g, mapped);
      int64_t size = rung_shape_count(&one);
      assert_int_equal(many.rank, one.rank + 1);
      assert_int_equal(rung_shape_count(&many), S * size);
      rung_dd px[S * N], py[S * N], all[S * MOST], single[MOST];
      for (int i = 0; i < S * N; i++) {
        px[i] = (rung_dd){value_at(1, i), 0};
        py[i] = (rung_dd){value_at(2, i), 0};
      }
      run_dd(ctx, g, 4, (rung_node[]){x, y, bx, by}, (const void *[]){px, py, px, py}, 1, &mapped,
             (void *[]){all});
      for (int s = 0; s < S; s++) {
        run_dd(ctx, g, 2, (rung_node[]){x, y},
               (const void *[]){which & 1 ? px + N * s : px, which & 2 ? py + N * s : py}, 1, &f,
               (void *[]){single});
        for (int i = 0; i < size; i++)
          if (fabs(single[i].hi - all[s * size + i].hi) > 1e-28)
            fail_msg("%s, mapped %u: sample %d element %d: %.17g, alone %.17g", cases[k].name,
                     which, s, i, all[s * size + i].hi, single[i].hi);
      }
      rung_graph_destroy(g);
    }
}

/* The Jacobian of residuals tanh(w x + b) . c - t in all weights, a row a sample. */
static void per_sample_jacobians_are_gradients_mapped(void **state) {
  rung_context *ctx = *state;
  enum { S = 7, D = 2, H = 3 };
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node x = rung_input(g, "x", DIMS(D, 1)), w = rung_input(g, "w", DIMS(H, D));
  rung_node c = rung_input(g, "c", DIMS(1, H)), xs = rung_input(g, "xs", DIMS(S, D, 1));
  rung_node h = rung_tanh(g, rung_matmul(g, w, x, 0, 0, RUNG_WORKING));
  rung_node r = rung_matmul(g, c, h, 0, 0, RUNG_WORKING), grad[2], rows[2];
  assert_ok(ctx, rung_gradient(g, r, RUNG_NONE, 2, (rung_node[]){w, c}, grad));
  assert_ok(ctx, rung_map(g, 1, &x, &xs, 2, grad, rows));
  rung_dd pw[H * D], pc[H], px[S * D], jw[S * H * D], jc[S * H];
  for (int i = 0; i < H * D; i++) pw[i] = (rung_dd){value_at(1, i), 0};
  for (int i = 0; i < H; i++) pc[i] = (rung_dd){value_at(2, i), 0};
  for (int i = 0; i < S * D; i++) px[i] = (rung_dd){value_at(3, i), 0};
  run_dd(ctx, g, 3, (rung_node[]){w, c, xs}, (const void *[]){pw, pc, px}, 2, rows,
         (void *[]){jw, jc});
  for (int s = 0; s < S; s++)
    for (int i = 0; i < H; i++) {
      double z = pw[2 * i].hi * px[2 * s].hi + pw[2 * i + 1].hi * px[2 * s + 1].hi, t = tanh(z);
      assert_true(fabs(jc[s * H + i].hi - t) < 1e-14);
      for (int d = 0; d < D; d++)
        assert_true(fabs(jw[(s * H + i) * D + d].hi - pc[i].hi * (1 - t * t) * px[2 * s + d].hi) <
                    1e-14);
    }
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_op_has_its_derivative),
      TEST(every_op_has_its_second_derivative),
      TEST(derivatives_of_order_six),
      TEST(mapping_is_one_sample_at_a_time),
      TEST(per_sample_jacobians_are_gradients_mapped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
