/* Axis i of the result is axis p[i] of the operand. Attributes: i[0..rank-1] the permutation. */
#include "op/array.h"

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  unsigned seen = 0;
  *out = (rung_shape){.rank = in->rank};
  for (int i = 0; i < in->rank; i++) {
    int64_t axis = attr->i[i];
    if (axis < 0 || axis >= in->rank || seen >> axis & 1)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "transpose: expected a permutation of 0..%d",
                     in->rank - 1);
    seen |= 1u << axis;
    out->dim[i] = in->dim[axis];
  }
  return RUNG_OK;
}

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  (void)which;
  int inverse[RUNG_MAX_RANK] = {0}, rank = g->node[node].shape.rank;
  for (int i = 0; i < rank; i++) inverse[g->node[node].attr.i[i]] = i;
  return rung_transpose(g, cotangent, inverse);
}

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  (void)mapped, (void)samples;
  int permutation[RUNG_MAX_RANK] = {0}, rank = g->node[node].shape.rank;
  for (int i = 0; i < rank; i++) permutation[i + 1] = (int)g->node[node].attr.i[i] + 1;
  return rung_transpose(g, in[0], permutation);
}

/* Rows of the result one after the other; a row is strided in the operand. */
static rung_status kernel(const rung_call *call) {
  const rung_shape *in = call->in_shape, *out = call->out_shape;
  size_t size = rung_dtype_size(call->dtype);
  int64_t stride[RUNG_MAX_RANK + 1] = {0}, of[RUNG_MAX_RANK + 1], index[RUNG_MAX_RANK] = {0};
  of[in->rank] = 1;
  for (int i = in->rank - 1; i >= 0; i--) of[i] = of[i + 1] * in->dim[i];
  for (int i = 0; i < out->rank; i++) stride[i] = of[call->attr->i[i] + 1];
  int last = out->rank - 1;
  int64_t length = out->dim[last], rows = call->count / length, begin, end;
  rg_piece_range(call, rows, &begin, &end);
  int64_t rest = begin;
  for (int i = last - 1; i >= 0; i--) {
    index[i] = rest % out->dim[i];
    rest /= out->dim[i];
  }
  for (int64_t row = begin; row < end; row++) {
    int64_t from = 0;
    for (int i = 0; i < last; i++) from += index[i] * stride[i];
    char *to = (char *)call->out + (size_t)(row * length) * size;
    const char *source = (const char *)call->in[0] + (size_t)from * size;
    size_t step = (size_t)stride[last] * size;
    for (int64_t i = 0; i < length; i++)
      memcpy(to + (size_t)i * size, source + (size_t)i * step, size);
    for (int i = last - 1; i >= 0 && ++index[i] == out->dim[i]; i--) index[i] = 0;
  }
  return RUNG_OK;
}

/* Moving axes of length 1 moves nothing. */
static int64_t view(const rung_shape *out, const rung_shape *in, const rung_attributes *attr) {
  int64_t before = -1;
  for (int i = 0; i < out->rank; i++) {
    if (in->dim[attr->i[i]] == 1) continue;
    if (attr->i[i] < before) return -1;
    before = attr->i[i];
  }
  return 0;
}

static const rung_op op = {.name = "transpose",
                           .operands = 1,
                           .shape = shape_of,
                           .jvp = rg_linear_jvp,
                           .vjp = vjp,
                           .map = map,
                           .view = view,
                           .kernel = RG_ONE_KERNEL(kernel),
                           .plan = rg_plan_by_count};

rung_node rung_transpose(rung_graph *g, rung_node a, const int *permutation) {
  if (a == RUNG_NONE) return RUNG_NONE;
  rung_attributes attr = {.i = {0}};
  bool identity = true;
  for (int i = 0; i < rung_node_shape(g, a).rank; i++) {
    attr.i[i] = permutation[i];
    if (permutation[i] != i) identity = false;
  }
  return identity ? a : rung_apply(g, &op, 1, &a, &attr);
}
