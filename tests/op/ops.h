/* What tests of ops share: running outputs in any arithmetic, derivatives against differences in
 * double-double, and bits over threads and instruction sets. */
#ifndef RG_TEST_OPS_H
#define RG_TEST_OPS_H

#include "test.h"

#include <math.h>

#include "num/dd.h"
#include "rung/graph.h"

#define DIMS(...)                                                                                  \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                   \
    __VA_ARGS__                                                                                    \
  }

/* Compiles and runs. */
static inline rung_status try_run(rung_context *ctx, rung_graph *g, rung_dtype dtype, int inputs,
                                  const rung_node *in, const void *const *data, int outputs,
                                  const rung_node *out, void *const *result) {
  rung_compile_options options = rung_compile_options_default();
  options.dtype = dtype;
  rung_program *program;
  RG_TRY(rung_compile(g, &options, inputs, in, outputs, out, &program));
  void *workspace;
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  rung_status status = rung_program_run(program, ctx, workspace, data, result);
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  return status;
}

static inline void run(rung_context *ctx, rung_graph *g, rung_dtype dtype, int inputs,
                       const rung_node *in, const void *const *data, int outputs,
                       const rung_node *out, void *const *result) {
  assert_ok(ctx, try_run(ctx, g, dtype, inputs, in, data, outputs, out, result));
}

/* A number in an array of any arithmetic. */
static inline void put_number(rung_dtype dtype, void *array, int64_t i, double value) {
  if (dtype == RUNG_F32) ((float *)array)[i] = (float)value;
  if (dtype == RUNG_F64) ((double *)array)[i] = value;
  if (dtype == RUNG_DD) ((rung_dd *)array)[i] = (rung_dd){value, 0};
}

static inline double get_number(rung_dtype dtype, const void *array, int64_t i) {
  if (dtype == RUNG_F32) return (double)((const float *)array)[i];
  return dtype == RUNG_F64 ? ((const double *)array)[i] : ((const rung_dd *)array)[i].hi;
}

static inline char *make_array(rung_context *ctx, int64_t count, rung_dtype dtype) {
  char *array = rg_calloc(ctx, (size_t)count, rung_dtype_size(dtype));
  assert_non_null(array);
  return array;
}

/* One case: what it builds from inputs of these shapes, the last `fixed` of which are not varied
 * (labels, keys) and hold whole numbers below `whole`. sample_value() numbers the inputs from 0,
 * then their tangents and the cotangent. */
typedef struct op_case {
  const char *name;
  rung_node (*build)(rung_graph *g, const rung_node *in);
  int inputs, fixed, whole;
  rung_shape shape[4];
} op_case;

enum { OP_INPUTS = 4 };

static inline double sample_value(const op_case *c, int input, int64_t i) {
  double u = rg_uniform(23, (uint64_t)input, (uint64_t)i);
  bool whole = input < c->inputs && input >= c->inputs - c->fixed;
  return whole ? floor(u * c->whole) : 3.2 * u - 1.6;
}

/* The nodes of a case: its inputs, tangents, cotangent; value, J t, J'c of each input. */
typedef struct op_nodes {
  rung_node in[2 * OP_INPUTS + 1], out[2 + OP_INPUTS];
  int64_t count[2 * OP_INPUTS + 1], results[2 + OP_INPUTS];
  int inputs, outputs, varied;
} op_nodes;

static inline void build_case(rung_context *ctx, rung_graph *g, const op_case *c, op_nodes *n) {
  *n = (op_nodes){.varied = c->inputs - c->fixed};
  for (int i = 0; i < c->inputs; i++)
    n->in[i] = rung_input(g, "in", c->shape[i].rank, c->shape[i].dim);
  for (int i = 0; i < n->varied; i++)
    n->in[c->inputs + i] = rung_input(g, "tangent", c->shape[i].rank, c->shape[i].dim);
  n->out[0] = c->build(g, n->in);
  if (n->out[0] == RUNG_NONE) fail_msg("%s: %s", c->name, rung_error(ctx));
  rung_shape shape = rung_node_shape(g, n->out[0]);
  n->inputs = c->inputs + n->varied + 1;
  n->outputs = 2 + n->varied;
  n->in[n->inputs - 1] = rung_input(g, "cotangent", shape.rank, shape.dim);
  rung_status status =
      rung_jvp(g, n->varied, n->in, n->in + c->inputs, 1, n->out, n->out + 1) == RUNG_OK
          ? rung_gradient(g, n->out[0], n->in[n->inputs - 1], n->varied, n->in, n->out + 2)
          : rung_error_status(ctx);
  if (status != RUNG_OK) fail_msg("%s: %s", c->name, rung_error(ctx));
  for (int i = 0; i < n->inputs; i++) {
    rung_shape s = rung_node_shape(g, n->in[i]);
    n->count[i] = rung_shape_count(&s);
  }
  for (int i = 0; i < n->outputs; i++) {
    rung_shape s = rung_node_shape(g, n->out[i]);
    n->results[i] = rung_shape_count(&s);
  }
}

/* J t against (f(x + h t) - f(x - h t)) / 2h and <c, J t> against <J'c, t>, in double-double; then
 * the same derivatives in double against those. */
static inline void check_derivatives(rung_context *ctx, const op_case *c) {
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  op_nodes n;
  build_case(ctx, g, c, &n);
  char *data[2][2 * OP_INPUTS + 1], *result[2][2 + OP_INPUTS], *moved[OP_INPUTS], *shifted[2];
  for (int d = 0; d < 2; d++) {
    rung_dtype dtype = d ? RUNG_F64 : RUNG_DD;
    for (int i = 0; i < n.inputs; i++) {
      data[d][i] = make_array(ctx, n.count[i], dtype);
      for (int64_t j = 0; j < n.count[i]; j++)
        put_number(dtype, data[d][i], j, sample_value(c, i, j));
    }
    for (int i = 0; i < n.outputs; i++) result[d][i] = make_array(ctx, n.results[i], dtype);
    run(ctx, g, dtype, n.inputs, n.in, (const void *const *)data[d], n.outputs, n.out,
        (void *const *)result[d]);
  }
  const double h = 0x1p-30;
  for (int s = 0; s < 2; s++) {
    shifted[s] = make_array(ctx, n.results[0], RUNG_DD);
    for (int i = 0; i < c->inputs; i++) {
      moved[i] = make_array(ctx, n.count[i], RUNG_DD);
      for (int64_t j = 0; j < n.count[i]; j++) {
        rung_dd x = ((rung_dd *)data[0][i])[j];
        rung_dd t = i < n.varied ? ((rung_dd *)data[0][c->inputs + i])[j] : rg_make_dd(0.0, 0.0);
        rung_dd step = rg_make_dd((s ? -h : h) * t.hi, 0.0);
        ((rung_dd *)moved[i])[j] = rg_add_dd(x, step);
      }
    }
    run(ctx, g, RUNG_DD, c->inputs, n.in, (const void *const *)moved, 1, n.out,
        (void *const *)&shifted[s]);
    for (int i = 0; i < c->inputs; i++) rg_free(ctx, moved[i]);
  }
  double forward = 0, reverse = 0, size = 0;
  for (int64_t j = 0; j < n.results[0]; j++) {
    rung_dd gap = rg_sub_dd(((rung_dd *)shifted[0])[j], ((rung_dd *)shifted[1])[j]);
    double expected = (gap.hi + gap.lo) / (2 * h), found = get_number(RUNG_DD, result[0][1], j);
    if (!(fabs(found - expected) <= 1e-10 * (1 + fabs(expected))))
      fail_msg("%s: element %d: derivative %.17g, by differences %.17g", c->name, (int)j, found,
               expected);
    double term = found * get_number(RUNG_DD, data[0][n.inputs - 1], j);
    forward += term;
    size += fabs(term);
  }
  for (int i = 0; i < n.varied; i++)
    for (int64_t j = 0; j < n.count[i]; j++)
      reverse +=
          get_number(RUNG_DD, result[0][2 + i], j) * get_number(RUNG_DD, data[0][c->inputs + i], j);
  if (!(fabs(forward - reverse) <= 1e-13 * (1 + size)))
    fail_msg("%s: forward %.17g, reverse %.17g", c->name, forward, reverse);
  for (int i = 0; i < n.outputs; i++)
    for (int64_t j = 0; j < n.results[i]; j++) {
      double quad = get_number(RUNG_DD, result[0][i], j),
             found = get_number(RUNG_F64, result[1][i], j);
      if (!(fabs(found - quad) <= 1e-12 * (1 + fabs(quad))))
        fail_msg("%s: result %d element %d: double %.17g, quad %.17g", c->name, i, (int)j, found,
                 quad);
    }
  for (int d = 0; d < 2; d++) {
    for (int i = 0; i < n.inputs; i++) rg_free(ctx, data[d][i]);
    for (int i = 0; i < n.outputs; i++) rg_free(ctx, result[d][i]);
    rg_free(ctx, shifted[d]);
  }
  rung_graph_destroy(g);
}

/* The gradient of sum(f^2), seen as a function: second derivatives. */
static const op_case *ops_inner;
static inline rung_node gradient_of_inner(rung_graph *g, const rung_node *in) {
  rung_node f = ops_inner->build(g, in), grad[OP_INPUTS];
  int varied = ops_inner->inputs - ops_inner->fixed;
  rung_shape shape = rung_node_shape(g, f);
  rung_node loss = rung_sum(g, rung_mul(g, f, f), (1u << shape.rank) - 1, 0);
  if (rung_gradient(g, loss, RUNG_NONE, varied, in, grad) != RUNG_OK) return RUNG_NONE;
  for (int i = 0; i < varied; i++) grad[i] = rung_reshape(g, grad[i], DIMS(-1));
  return rung_concat(g, varied, grad, 0);
}

static inline void check_second_derivatives(rung_context *ctx, const op_case *c) {
  op_case second = *c;
  ops_inner = c;
  second.build = gradient_of_inner;
  check_derivatives(ctx, &second);
}

/* Value and derivatives have the same bits for any number of threads and any instruction set. */
static inline void check_bits(rung_context *ctx, const op_case *c, rung_dtype dtype) {
  static const int threads[] = {1, 2, 3, 16};
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  op_nodes n;
  build_case(ctx, g, c, &n);
  char *data[2 * OP_INPUTS + 1] = {NULL}, *result[2 + OP_INPUTS] = {NULL};
  char *first[2 + OP_INPUTS] = {NULL};
  for (int i = 0; i < n.inputs; i++) {
    data[i] = make_array(ctx, n.count[i], dtype);
    for (int64_t j = 0; j < n.count[i]; j++) put_number(dtype, data[i], j, sample_value(c, i, j));
  }
  for (int i = 0; i < n.outputs; i++) {
    result[i] = make_array(ctx, n.results[i], dtype);
    first[i] = make_array(ctx, n.results[i], dtype);
  }
  for (int t = 0; t < 4; t++)
    for (rung_isa isa = 0; isa <= rung_isa_best(); isa++) {
      assert_ok(ctx, rung_set_threads(ctx, threads[t]));
      assert_ok(ctx, rung_set_isa(ctx, isa));
      bool reference = t == 0 && isa == 0;
      run(ctx, g, dtype, n.inputs, n.in, (const void *const *)data, n.outputs, n.out,
          (void *const *)(reference ? first : result));
      for (int i = 0; i < n.outputs && !reference; i++) {
        if (!first[i] || !result[i]) abort(); /* for analysers: not reached */
        if (memcmp(first[i], result[i], (size_t)n.results[i] * rung_dtype_size(dtype)))
          fail_msg("%s, %s precision, result %d: %d threads, instructions %d", c->name,
                   rung_dtype_name(dtype), i, threads[t], (int)isa);
      }
    }
  for (int i = 0; i < n.inputs; i++) rg_free(ctx, data[i]);
  for (int i = 0; i < n.outputs; i++) {
    rg_free(ctx, result[i]);
    rg_free(ctx, first[i]);
  }
  rung_graph_destroy(g);
}

#endif
