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

/* Copies between the whole array and the part of it, `into` the part or out of it. */
static void copy_part(const rung_call *call, const rung_shape *whole, const rung_shape *part,
                      bool into) {
  int axis = (int)call->attr->i[0];
  int64_t start = call->attr->i[1], step = call->attr->i[2];
  rg_around w = rg_around_axis(whole, axis), p = rg_around_axis(part, axis);
  size_t block = (size_t)w.inner * rung_dtype_size(call->dtype);
  for (int64_t o = 0; o < w.outer; o++)
    for (int64_t i = 0; i < p.length; i++) {
      size_t in_whole = (size_t)(o * w.length + start + i * step) * block;
      size_t in_part = (size_t)(o * p.length + i) * block;
      memcpy((char *)call->out + (into ? in_part : in_whole),
             (const char *)call->in[0] + (into ? in_whole : in_part), block);
    }
}

static rung_status slice_kernel(const rung_call *call) {
  copy_part(call, call->in_shape, call->out_shape, true);
  return RUNG_OK;
}

static rung_status pad_kernel(const rung_call *call) {
  memset(call->out, 0, (size_t)call->count * rung_dtype_size(call->dtype));
  copy_part(call, call->out_shape, call->in_shape, false);
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
                                 .kernel = RG_ONE_KERNEL(slice_kernel)};

static const rung_op pad_op = {.name = "pad",
                               .operands = 1,
                               .shape = pad_shape,
                               .jvp = rg_linear_jvp,
                               .vjp = pad_vjp,
                               .map = rg_shift_axis_map,
                               .kernel = RG_ONE_KERNEL(pad_kernel)};

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
