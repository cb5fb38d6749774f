/* Joins arrays along an axis (attribute 0). */
#include "op/array.h"

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  int axis = (int)attr->i[0];
  *out = in[0];
  for (int j = 1; j < operands; j++) {
    rung_shape like = in[j];
    char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
    if (like.rank == out->rank) like.dim[axis] = out->dim[axis];
    if (!rg_shape_equal(&like, out))
      return rg_fail(ctx, RUNG_E_SHAPE, "concat: %s and %s differ beside axis %d",
                     rg_shape_text(&in[0], a), rg_shape_text(&in[j], b), axis);
    out->dim[axis] += in[j].dim[axis];
  }
  return RUNG_OK;
}

/* Where part `which` begins along the axis. */
static int64_t start_of(const rung_graph *g, rung_node node, int which) {
  int64_t start = 0;
  for (int j = 0; j < which; j++)
    start += g->node[g->node[node].in[j]].shape.dim[g->node[node].attr.i[0]];
  return start;
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  int axis = (int)g->node[node].attr.i[0];
  return rung_pad(g, tangent, axis, start_of(g, node, which), 1, g->node[node].shape.dim[axis]);
}

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  int axis = (int)g->node[node].attr.i[0];
  int64_t length = g->node[g->node[node].in[which]].shape.dim[axis];
  return rung_slice(g, cotangent, axis, start_of(g, node, which), length, 1);
}

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  rung_node part[RUNG_MAX_OPERANDS];
  int count = g->node[node].operands, axis = (int)g->node[node].attr.i[0];
  for (int j = 0; j < count; j++) {
    rung_shape shape = rung_node_shape(g, in[j]);
    int64_t dims[RUNG_MAX_RANK + 1] = {samples};
    for (int i = 0; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
    part[j] = mapped[j] ? in[j] : rung_broadcast(g, in[j], shape.rank + 1, dims);
  }
  return rung_concat(g, count, part, axis + 1);
}

static rung_status kernel(const rung_call *call) {
  int axis = (int)call->attr->i[0];
  rg_around out = rg_around_axis(call->out_shape, axis);
  size_t block = (size_t)out.inner * rung_dtype_size(call->dtype);
  int64_t start = 0, begin, end;
  rg_piece_range(call, out.outer, &begin, &end);
  for (int j = 0; j < call->operands; j++) {
    int64_t length = call->in_shape[j].dim[axis];
    for (int64_t o = begin; o < end; o++)
      memcpy((char *)call->out + (size_t)(o * out.length + start) * block,
             (const char *)call->in[j] + (size_t)(o * length) * block, (size_t)length * block);
    start += length;
  }
  return RUNG_OK;
}

static const rung_op op = {.name = "concat",
                           .operands = -1,
                           .shape = shape_of,
                           .jvp = jvp,
                           .vjp = vjp,
                           .map = map,
                           .kernel = RG_ONE_KERNEL(kernel),
                           .plan = rg_plan_by_count};

rung_node rung_concat(rung_graph *g, int count, const rung_node *parts, int axis) {
  if (count < 1 || count > RUNG_MAX_OPERANDS)
    return rung_node_fail(g, RUNG_E_ARGUMENT, "concat: expected 1..%d arrays, found %d",
                          RUNG_MAX_OPERANDS, count);
  rung_shape shape = rung_node_shape(g, parts[0]);
  if (shape.rank < 0 || count == 1) return parts[0];
  int found = rg_axis(&shape, axis);
  if (found < 0)
    return rung_node_fail(g, RUNG_E_SHAPE, "concat: axis %d of arrays of %d dimensions", axis,
                          shape.rank);
  rung_attributes attr = {.i = {found}};
  return rung_apply(g, &op, count, parts, &attr);
}
