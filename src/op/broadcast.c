/* Repeats an array to a larger shape. Attributes: i[0] rank, i[1..] dimensions. Elementwise: the
 * broadcasting of its operand is the whole work. */
#include "op/array.h"

#define identity(x) (x)
RG_KERNELS_OF_TYPE(broadcast, f32, float, identity(a[i]))
RG_KERNELS_OF_TYPE(broadcast, f64, double, identity(a[i]))
RG_KERNELS_OF_TYPE(broadcast, dd, rung_dd, identity(a[i]))

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  rung_shape common;
  RG_TRY(rg_shape_make(ctx, "broadcast", (int)attr->i[0], attr->i + 1, out));
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (!rg_shape_broadcast(in, out, &common) || !rg_shape_equal(&common, out))
    return rg_fail(ctx, RUNG_E_SHAPE, "broadcast: %s cannot be stretched to %s",
                   rg_shape_text(in, a), rg_shape_text(out, b));
  return RUNG_OK;
}

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)node, (void)which;
  return rung_constant(g, 1);
}

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  (void)mapped;
  rung_shape shape = rung_node_shape(g, node);
  int64_t dims[RUNG_MAX_RANK + 1] = {samples};
  for (int i = 0; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
  return rung_broadcast(g, in[0], shape.rank + 1, dims);
}

static const rung_op op = {.name = "broadcast",
                           .operands = 1,
                           .elementwise = 1,
                           .cheap = 1,
                           .shape = shape_of,
                           .partial = partial,
                           .map = map,
                           .kernel = RG_TABLE(broadcast)};

static rung_node apply(rung_graph *g, rung_node a, const rung_shape *shape) {
  rung_attributes attr = {.i = {shape->rank}};
  for (int i = 0; i < shape->rank; i++) attr.i[i + 1] = shape->dim[i];
  return rung_apply(g, &op, 1, &a, &attr);
}

rung_node rg_identity(rung_graph *g, rung_node a) {
  rung_shape shape = rung_node_shape(g, a);
  return apply(g, a, &shape);
}

rung_node rung_broadcast(rung_graph *g, rung_node a, int rank, const int64_t *dims) {
  rung_shape want, have = rung_node_shape(g, a);
  if (have.rank < 0 || rg_shape_make(g->ctx, "broadcast", rank, dims, &want) != RUNG_OK)
    return RUNG_NONE;
  return rg_shape_equal(&want, &have) ? a : apply(g, a, &want);
}
