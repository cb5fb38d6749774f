/* The same elements under another shape: a view. Attributes: i[0] rank, i[1..] dimensions. */
#include "op/array.h"

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(rg_shape_make(ctx, "reshape", (int)attr->i[0], attr->i + 1, out));
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (rung_shape_count(in) != rung_shape_count(out))
    return rg_fail(ctx, RUNG_E_SHAPE, "reshape: %s and %s have different numbers of elements",
                   rg_shape_text(in, a), rg_shape_text(out, b));
  return RUNG_OK;
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  (void)which;
  return rg_apply_like(g, node, &tangent);
}

static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rung_shape shape = rung_node_shape(g, rung_node_operand(g, node, which));
  return rung_reshape(g, cotangent, shape.rank, shape.dim);
}

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  (void)mapped;
  rung_shape shape = rung_node_shape(g, node);
  int64_t dims[RUNG_MAX_RANK + 1] = {samples};
  for (int i = 0; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
  return rung_reshape(g, in[0], shape.rank + 1, dims);
}

static int64_t view(const rung_shape *out, const rung_shape *in, const rung_attributes *attr) {
  (void)out, (void)in, (void)attr;
  return 0;
}

static const rung_op op = {.name = "reshape",
                           .operands = 1,
                           .shape = shape_of,
                           .jvp = jvp,
                           .vjp = vjp,
                           .map = map,
                           .view = view,
                           .kernel = RG_ONE_KERNEL(rg_copy_kernel)};

/* The one dimension of -1, if there is one, becomes what makes the counts equal. */
static bool infer(int64_t count, int rank, const int64_t *dims, int64_t *out) {
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < rank; i++) {
    out[i] = dims[i];
    if (dims[i] == -1 && unknown < 0)
      unknown = i;
    else if (dims[i] < 1 || dims[i] > count / known)
      return false;
    else
      known *= dims[i];
  }
  if (unknown >= 0) out[unknown] = count / known;
  return count % known == 0;
}

rung_node rung_reshape(rung_graph *g, rung_node a, int rank, const int64_t *dims) {
  if (a == RUNG_NONE) return RUNG_NONE;
  rung_shape have = rung_node_shape(g, a), want = {.rank = rank};
  if (rank < 0 || rank > RUNG_MAX_RANK || !infer(rung_shape_count(&have), rank, dims, want.dim))
    return rung_node_fail(g, RUNG_E_SHAPE, "reshape: %lld elements do not fill the shape asked for",
                          (long long)rung_shape_count(&have));
  if (rg_shape_equal(&have, &want)) return a;
  if (rung_node_op(g, a) == &op) /* a reshape of a reshape */
    return rung_reshape(g, rung_node_operand(g, a, 0), rank, want.dim);
  rung_attributes attr = {.i = {rank}};
  for (int i = 0; i < rank; i++) attr.i[i + 1] = want.dim[i];
  return rung_apply(g, &op, 1, &a, &attr);
}
