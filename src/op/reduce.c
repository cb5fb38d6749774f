/* What reductions share: sum.c, extremum.c. */
#include "op/array.h"

rg_around rg_reduced_view(const rung_shape *in, const rung_attributes *attr) {
  rg_around view = {1, 1, 1};
  int first = (int)attr->i[0], last = first + (int)attr->i[1] - 1;
  for (int i = 0; i < in->rank; i++)
    *(i < first ? &view.outer : i <= last ? &view.length : &view.inner) *= in->dim[i];
  return view;
}

rung_status rg_reduced_shape(rung_context *ctx, int operands, const rung_shape *in,
                             const rung_attributes *attr, rung_shape *out) {
  (void)ctx, (void)operands;
  *out = *in;
  for (int64_t i = attr->i[0]; i < attr->i[0] + attr->i[1]; i++) out->dim[i] = 1;
  return RUNG_OK;
}

rung_node rg_reduce(rung_graph *g, const rung_op *reduce, rung_node a, unsigned axes, int keep) {
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 0) return RUNG_NONE;
  if (axes >> shape.rank)
    return rung_node_fail(g, RUNG_E_SHAPE, "%s: axes 0x%x of an array of %d dimensions",
                          reduce->name, axes, shape.rank);
  rung_shape left = {.rank = 0};
  for (int i = 0; i < shape.rank; i++)
    if (!(axes >> i & 1)) left.dim[left.rank++] = shape.dim[i];
  for (int last = shape.rank - 1; last >= 0; last--) { /* runs of adjoining axes, from the end */
    if (!(axes >> last & 1)) continue;
    int first = last;
    while (first > 0 && axes >> (first - 1) & 1) first--;
    rung_attributes attr = {.i = {first, last - first + 1}};
    bool longer = false;
    for (int i = first; i <= last; i++) longer = longer || shape.dim[i] > 1;
    if (longer) a = rung_apply(g, reduce, 1, &a, &attr);
    last = first;
  }
  return keep ? a : rung_reshape(g, a, left.rank, left.dim);
}
