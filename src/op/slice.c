/* Elements start, start + step, ... along an axis, and its adjoint, which lays them into zeros.
 * Attributes: i[0] axis, i[1] start, i[2] step, i[3] count (slice) or length (pad). */
#include "op/array.h"

static rung_status check_range(rung_context *ctx, const char *name, int64_t length, int64_t start,
                               int64_t step, int64_t count) {
  bool fits = start >= 0 && start < length && count >= 1 && count <= length && step != 0 &&
              step > -length - 1 && step < length + 1;
  int64_t last = fits ? start + (count - 1) * step : -1;
  if (!fits || last < 0 || last >= length)
    return rg_fail(ctx, RUNG_E_SHAPE,
                   "%s: %lld elements from %lld by steps of %lld leave an axis of length %lld",
                   name, (long long)count, (long long)start, (long long)step, (long long)length);
  return RUNG_OK;
}

static rung_status slice_shape(rung_context *ctx, int operands, const rung_shape *in,
                               const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_range(ctx, "slice", in->dim[attr->i[0]], attr->i[1], attr->i[2], attr->i[3]));
  *out = *in;
  out->dim[attr->i[0]] = attr->i[3];
  return RUNG_OK;
}

static rung_status pad_shape(rung_context *ctx, int operands, const rung_shape *in,
                             const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_range(ctx, "pad", attr->i[3], attr->i[1], attr->i[2], in->dim[attr->i[0]]));
  *out = *in;
  out->dim[attr->i[0]] = attr->i[3];
  return rg_shape_make(ctx, "pad", out->rank, out->dim, out);
}

static rung_node slice_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  int axis = (int)n.attr.i[0];
  return rung_pad(g, cotangent, axis, n.attr.i[1], n.attr.i[2],
                  g->node[n.in[which]].shape.dim[axis]);
}

static rung_node pad_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  int axis = (int)n.attr.i[0];
  return rung_slice(g, cotangent, axis, n.attr.i[1], g->node[n.in[which]].shape.dim[axis],
                    n.attr.i[2]);
}

/* The op's call as lengths in bytes: rows of the whole array and of the part, the run of elements
 * that lie together in both, how many runs there are in a row, and where and how far apart they
 * begin in the whole. */
typedef struct runs {
  size_t whole, part, run, start;
  int64_t step, count, rows;
} runs;

static runs runs_of(const rung_call *call, const rung_shape *whole, const rung_shape *part) {
  int axis = (int)call->attr->i[0];
  rg_around w = rg_around_axis(whole, axis), p = rg_around_axis(part, axis);
  size_t inner = (size_t)w.inner * rung_dtype_size(call->dtype);
  bool together = call->attr->i[2] == 1;
  return (runs){.whole = (size_t)w.length * inner,
                .part = (size_t)p.length * inner,
                .run = together ? (size_t)p.length * inner : inner,
                .start = (size_t)call->attr->i[1] * inner,
                .step = call->attr->i[2] * (int64_t)inner,
                .count = together ? 1 : p.length,
                .rows = w.outer};
}

static rung_status slice_kernel(const rung_call *call) {
  runs r = runs_of(call, call->in_shape, call->out_shape);
  int64_t begin, end;
  rg_piece_range(call, r.rows, &begin, &end);
  for (int64_t o = begin; o < end; o++) {
    char *to = (char *)call->out + (size_t)o * r.part;
    const char *from = (const char *)call->in[0] + (size_t)o * r.whole + r.start;
    for (int64_t i = 0; i < r.count; i++) memcpy(to + (size_t)i * r.run, from + i * r.step, r.run);
  }
  return RUNG_OK;
}

static rung_status pad_kernel(const rung_call *call) {
  runs r = runs_of(call, call->out_shape, call->in_shape);
  int64_t begin, end;
  rg_piece_range(call, r.rows, &begin, &end);
  for (int64_t o = begin; o < end; o++) {
    char *to = (char *)call->out + (size_t)o * r.whole;
    const char *from = (const char *)call->in[0] + (size_t)o * r.part;
    memset(to, 0, r.whole);
    to += r.start;
    for (int64_t i = 0; i < r.count; i++) memcpy(to + i * r.step, from + (size_t)i * r.run, r.run);
  }
  return RUNG_OK;
}

/* Contiguous where nothing but the first axis longer than 1 is cut. */
static int64_t slice_view(const rung_shape *out, const rung_shape *in,
                          const rung_attributes *attr) {
  rg_around around = rg_around_axis(in, (int)attr->i[0]);
  (void)out;
  return around.outer == 1 && (attr->i[2] == 1 || attr->i[3] == 1) ? attr->i[1] * around.inner : -1;
}

static const rung_op slice_op = {.name = "slice",
                                 .operands = 1,
                                 .shape = slice_shape,
                                 .jvp = rg_linear_jvp,
                                 .vjp = slice_vjp,
                                 .map = rg_shift_axis_map,
                                 .view = slice_view,
                                 .kernel = RG_ONE_KERNEL(slice_kernel),
                                 .plan = rg_plan_by_count};

static const rung_op pad_op = {.name = "pad",
                               .operands = 1,
                               .shape = pad_shape,
                               .jvp = rg_linear_jvp,
                               .vjp = pad_vjp,
                               .map = rg_shift_axis_map,
                               .kernel = RG_ONE_KERNEL(pad_kernel),
                               .plan = rg_plan_by_count};

static rung_node apply_along(rung_graph *g, const rung_op *op, rung_node a, int axis, int64_t start,
                             int64_t step, int64_t count) {
  if (a == RUNG_NONE) return RUNG_NONE;
  rung_shape shape = rung_node_shape(g, a);
  int found = rg_axis(&shape, axis);
  if (found < 0)
    return rung_node_fail(g, RUNG_E_SHAPE, "%s: axis %d of an array of %d dimensions", op->name,
                          axis, shape.rank);
  if (shape.dim[found] == count && start == 0 && step == 1) return a;
  rung_attributes attr = {.i = {found, start, step, count}};
  return rung_apply(g, op, 1, &a, &attr);
}

rung_node rung_slice(rung_graph *g, rung_node a, int axis, int64_t start, int64_t count,
                     int64_t step) {
  return apply_along(g, &slice_op, a, axis, start, step, count);
}

rung_node rung_pad(rung_graph *g, rung_node a, int axis, int64_t start, int64_t step,
                   int64_t length) {
  return apply_along(g, &pad_op, a, axis, start, step, length);
}
