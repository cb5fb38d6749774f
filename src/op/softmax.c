/* log softmax over the last axis, z - log(sum exp z) with z the scores less their largest; and the
 * cross-entropy of scores with labels, sum over k of q_k (log(sum exp z) - z_k), where the target q
 * is 1 - smoothing at the label plus smoothing / classes everywhere (attribute value: smoothing).
 * All terms are of one sign, so small losses and slopes keep their digits. */
#include "op/array.h"

/* The rows begin .. end-1 of *n scores that the piece does; returns how many are done at a time. */
static int64_t rows_at_a_time(int64_t n) {
  return n < 512 ? 512 / n : 1;
}

static int64_t row_range(const rung_call *call, int64_t *n, int64_t *begin, int64_t *end) {
  const rung_shape *shape = &call->in_shape[0];
  *n = shape->dim[shape->rank - 1];
  rg_piece_range(call, rung_shape_count(shape) / *n, begin, end);
  return rows_at_a_time(*n);
}

#define REAL float
#define R(name) name##_f32
#define FROM_DD(x) rg_from_dd_f32(x)
#include "op/softmax_template.h"
#define REAL double
#define R(name) name##_f64
#define FROM_DD(x) rg_from_dd_f64(x)
#include "op/softmax_template.h"
#define REAL rung_dd
#define R(name) name##_dd
#define FROM_DD(x) (x)
#include "op/softmax_template.h"

#define TABLE_OF_TYPE(name, type)                                                                  \
  { name##_portable_##type, name##_avx2_##type, name##_avx512_##type }
#define TABLE(name)                                                                                \
  { TABLE_OF_TYPE(name, f32), TABLE_OF_TYPE(name, f64), TABLE_OF_TYPE(name, dd) }

#define PIECE (1 << 14) /* scores: exponentials are dear */

static void plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                 const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)out, (void)attr;
  int64_t n = in->dim[in->rank - 1], rows = rung_shape_count(in) / n;
  *pieces = 1 + (rung_shape_count(in) - 1) / PIECE;
  if (*pieces > rows) *pieces = rows;
  *scratch = (size_t)(2 * rows_at_a_time(n) * n) * rung_dtype_size(dtype);
}

static rung_node row_sums(rung_graph *g, rung_node a) {
  return rung_sum(g, a, 1u << (rung_node_shape(g, a).rank - 1), 1);
}

/* ---- log softmax ---- */

static rung_status log_softmax_shape(rung_context *ctx, int operands, const rung_shape *in,
                                     const rung_attributes *attr, rung_shape *out) {
  (void)operands, (void)attr;
  if (in->rank < 1) return rg_fail(ctx, RUNG_E_SHAPE, "log_softmax: a scalar has no axis");
  *out = *in;
  return RUNG_OK;
}

static rung_node log_softmax_jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  (void)which;
  return rung_sub(g, tangent, row_sums(g, rung_mul(g, rung_exp(g, node), tangent)));
}

static rung_node log_softmax_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  (void)which;
  return rung_sub(g, cotangent, rung_mul(g, rung_exp(g, node), row_sums(g, cotangent)));
}

static const rung_op log_softmax_op = {.name = "log_softmax",
                                       .operands = 1,
                                       .shape = log_softmax_shape,
                                       .jvp = log_softmax_jvp,
                                       .vjp = log_softmax_vjp,
                                       .map = rg_same_map,
                                       .kernel = TABLE(log_softmax),
                                       .plan = plan};

rung_node rung_log_softmax(rung_graph *g, rung_node a) {
  return rung_apply(g, &log_softmax_op, 1, &a, NULL);
}

rung_node rung_softmax(rung_graph *g, rung_node a) {
  return rung_exp(g, rung_log_softmax(g, a));
}

/* ---- cross-entropy of each row, and its slope in the scores ---- */

static rung_status check_labels(rung_context *ctx, const rung_shape *in) {
  const rung_shape *scores = &in[0], *labels = &in[1];
  bool fits = scores->rank == labels->rank + 1;
  for (int i = 0; fits && i < labels->rank; i++) fits = scores->dim[i] == labels->dim[i];
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (fits) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_SHAPE,
                 "cross_entropy: expected labels of the scores' shape %s less its last axis, the "
                 "classes; found %s",
                 rg_shape_text(scores, a), rg_shape_text(labels, b));
}

static rung_status value_shape(rung_context *ctx, int operands, const rung_shape *in,
                               const rung_attributes *attr, rung_shape *out) {
  (void)operands, (void)attr;
  RG_TRY(check_labels(ctx, in));
  *out = in[1];
  return RUNG_OK;
}

static rung_status slope_shape(rung_context *ctx, int operands, const rung_shape *in,
                               const rung_attributes *attr, rung_shape *out) {
  (void)operands, (void)attr;
  RG_TRY(check_labels(ctx, in));
  *out = in[0];
  return RUNG_OK;
}

/* p (t - sum of p t): the change of softmax p along t; symmetric, so jvp and vjp alike. */
static rung_node slope_change(rung_graph *g, rung_node node, int which, rung_node t) {
  if (which != 0) return RUNG_NONE;
  rung_node p = rung_softmax(g, rung_node_operand(g, node, 0)), pt = rung_mul(g, p, t);
  return rung_sub(g, pt, rung_mul(g, p, row_sums(g, pt)));
}

/* An operand that is not mapped is repeated for each sample. */
static rung_node pair_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                          int64_t samples) {
  rung_node both[2];
  for (int j = 0; j < 2; j++) {
    rung_shape shape = rung_node_shape(g, in[j]);
    int64_t dims[RUNG_MAX_RANK + 1] = {samples};
    for (int i = 0; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
    both[j] = mapped[j] ? in[j] : rung_broadcast(g, in[j], shape.rank + 1, dims);
  }
  return rg_apply_like(g, node, both);
}

static const rung_op slope_op = {.name = "cross_entropy_slope",
                                 .operands = 2,
                                 .shape = slope_shape,
                                 .jvp = slope_change,
                                 .vjp = slope_change,
                                 .map = pair_map,
                                 .kernel = TABLE(slope),
                                 .plan = plan};

static rung_node slope_of(rung_graph *g, rung_node node) {
  rg_node n = g->node[node];
  return rung_apply(g, &slope_op, 2, n.in, &n.attr);
}

static rung_node value_jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  if (which != 0) return RUNG_NONE;
  rung_shape shape = rung_node_shape(g, node);
  return rung_reshape(g, row_sums(g, rung_mul(g, slope_of(g, node), tangent)), shape.rank,
                      shape.dim);
}

static rung_node value_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  if (which != 0) return RUNG_NONE;
  rung_shape shape = rung_node_shape(g, node);
  shape.dim[shape.rank] = 1;
  return rung_mul(g, rung_reshape(g, cotangent, shape.rank + 1, shape.dim), slope_of(g, node));
}

static const rung_op value_op = {.name = "cross_entropy",
                                 .operands = 2,
                                 .shape = value_shape,
                                 .jvp = value_jvp,
                                 .vjp = value_vjp,
                                 .map = pair_map,
                                 .kernel = TABLE(cross_entropy),
                                 .plan = plan};

rung_node rung_cross_entropies(rung_graph *g, rung_node scores, rung_node labels,
                               double smoothing) {
  if (!(smoothing >= 0 && smoothing <= 1))
    return rung_node_fail(g, RUNG_E_ARGUMENT,
                          "cross_entropy: expected a smoothing of 0..1, found %g", smoothing);
  rung_attributes attr = {.value = {smoothing, 0}};
  return rung_apply(g, &value_op, 2, (rung_node[]){scores, labels}, &attr);
}
