/* Rows by index, and the adjoint, which adds rows by index in their order. Attribute 0 of
 * scatter_add: the number of rows. */
#include "op/array.h"

static rung_status gather_shape(rung_context *ctx, int operands, const rung_shape *in,
                                const rung_attributes *attr, rung_shape *out) {
  (void)operands, (void)attr;
  const rung_shape *a = &in[0], *index = &in[1];
  int64_t dims[2 * RUNG_MAX_RANK];
  if (a->rank < 1) return rg_fail(ctx, RUNG_E_SHAPE, "gather: a scalar has no rows");
  for (int i = 0; i < index->rank; i++) dims[i] = index->dim[i];
  for (int i = 1; i < a->rank; i++) dims[index->rank + i - 1] = a->dim[i];
  return rg_shape_make(ctx, "gather", index->rank + a->rank - 1, dims, out);
}

static rung_status scatter_shape(rung_context *ctx, int operands, const rung_shape *in,
                                 const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  const rung_shape *a = &in[0], *index = &in[1];
  int64_t dims[RUNG_MAX_RANK + 1] = {attr->i[0]};
  bool fits = a->rank >= index->rank;
  for (int i = 0; fits && i < index->rank; i++) fits = a->dim[i] == index->dim[i];
  char x[RG_SHAPE_TEXT], y[RG_SHAPE_TEXT];
  if (!fits)
    return rg_fail(ctx, RUNG_E_SHAPE, "scatter_add: %s must begin with the index's shape %s",
                   rg_shape_text(a, x), rg_shape_text(index, y));
  for (int i = index->rank; i < a->rank; i++) dims[1 + i - index->rank] = a->dim[i];
  return rg_shape_make(ctx, "scatter_add", 1 + a->rank - index->rank, dims, out);
}

static rung_node gather_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  if (which != 0) return RUNG_NONE;
  rg_node n = g->node[node];
  return rung_scatter_add(g, cotangent, n.in[1], g->node[n.in[0]].shape.dim[0]);
}

static rung_node scatter_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  if (which != 0) return RUNG_NONE;
  return rung_gather(g, cotangent, rung_node_operand(g, node, 1));
}

/* Sample s of a batch of tables begins at row s * rows of the tables laid one behind the other. */
static rung_node offset_index(rung_graph *g, rung_node index, int mapped, int64_t samples,
                              int64_t rows) {
  rung_shape shape = rung_node_shape(g, index);
  int rank = mapped ? shape.rank : shape.rank + 1;
  int64_t dims[RUNG_MAX_RANK + 1] = {samples}, ones[RUNG_MAX_RANK + 1] = {samples};
  for (int i = 1; i < rank; i++) {
    dims[i] = shape.dim[mapped ? i : i - 1];
    ones[i] = 1;
  }
  /* 0, rows, 2 rows, ... by doubling */
  rung_node counted = rung_broadcast(g, rung_constant(g, 0), 1, (int64_t[]){1});
  for (int64_t have = 1; have < samples;) {
    int64_t take = have < samples - have ? have : samples - have;
    rung_node more =
        rung_add(g, rung_slice(g, counted, 0, 0, take, 1), rung_constant(g, (double)(have * rows)));
    counted = rung_concat(g, 2, (rung_node[]){counted, more}, 0);
    have += take;
  }
  return rung_add(g, rung_broadcast(g, index, rank, dims), rung_reshape(g, counted, rank, ones));
}

static rung_node gather_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                            int64_t samples) {
  (void)node;
  if (!mapped[0]) return rung_gather(g, in[0], in[1]);
  rung_shape table = rung_node_shape(g, in[0]);
  int64_t rows = table.dim[1], dims[RUNG_MAX_RANK] = {samples * rows};
  for (int i = 2; i < table.rank; i++) dims[i - 1] = table.dim[i];
  return rung_gather(g, rung_reshape(g, in[0], table.rank - 1, dims),
                     offset_index(g, in[1], mapped[1], samples, rows));
}

static rung_node scatter_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                             int64_t samples) {
  int64_t rows = g->node[node].attr.i[0], dims[RUNG_MAX_RANK + 1] = {samples, rows};
  rung_shape one = rung_node_shape(g, g->node[node].in[0]);
  rung_node a = in[0];
  if (!mapped[0]) {
    int64_t repeated[RUNG_MAX_RANK + 1] = {samples};
    for (int i = 0; i < one.rank; i++) repeated[i + 1] = one.dim[i];
    a = rung_broadcast(g, a, one.rank + 1, repeated);
  }
  rung_node sum =
      rung_scatter_add(g, a, offset_index(g, in[1], mapped[1], samples, rows), samples * rows);
  rung_shape shape = rung_node_shape(g, sum);
  for (int i = 1; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
  return rung_reshape(g, sum, shape.rank + 1, dims);
}

static rung_status gather_kernel(const rung_call *call) {
  int64_t rows = call->in_shape[0].dim[0], indices = rung_shape_count(&call->in_shape[1]);
  size_t row = (size_t)(rung_shape_count(&call->in_shape[0]) / rows) * rung_dtype_size(call->dtype);
  for (int64_t i = 0; i < indices; i++) {
    int64_t from = rg_index(call, 1, i, rows);
    if (from < 0) return RUNG_E_DATA;
    memcpy((char *)call->out + (size_t)i * row, (const char *)call->in[0] + (size_t)from * row,
           row);
  }
  return RUNG_OK;
}

#define ADD_ROW(type, add)                                                                         \
  do {                                                                                             \
    type *to = (type *)call->out + at * width;                                                     \
    const type *from = (const type *)call->in[0] + i * width;                                      \
    for (int64_t j = 0; j < width; j++) to[j] = add(to[j], from[j]);                               \
  } while (0)

static rung_status scatter_kernel(const rung_call *call) {
  int64_t rows = call->attr->i[0], indices = rung_shape_count(&call->in_shape[1]);
  int64_t width = call->count / rows;
  memset(call->out, 0, (size_t)call->count * rung_dtype_size(call->dtype));
  for (int64_t i = 0; i < indices; i++) {
    int64_t at = rg_index(call, 1, i, rows);
    if (at < 0) return RUNG_E_DATA;
    if (call->dtype == RUNG_F32)
      ADD_ROW(float, rg_add_f32);
    else if (call->dtype == RUNG_F64)
      ADD_ROW(double, rg_add_f64);
    else
      ADD_ROW(rung_dd, rg_add_dd);
  }
  return RUNG_OK;
}

static const rung_op gather_op = {.name = "gather",
                                  .operands = 2,
                                  .shape = gather_shape,
                                  .jvp = rg_linear_jvp,
                                  .vjp = gather_vjp,
                                  .map = gather_map,
                                  .kernel = RG_ONE_KERNEL(gather_kernel)};

static const rung_op scatter_op = {.name = "scatter_add",
                                   .operands = 2,
                                   .shape = scatter_shape,
                                   .jvp = rg_linear_jvp,
                                   .vjp = scatter_vjp,
                                   .map = scatter_map,
                                   .kernel = RG_ONE_KERNEL(scatter_kernel)};

rung_node rung_gather(rung_graph *g, rung_node a, rung_node index) {
  return rung_apply(g, &gather_op, 2, (rung_node[]){a, index}, NULL);
}

rung_node rung_scatter_add(rung_graph *g, rung_node a, rung_node index, int64_t rows) {
  rung_attributes attr = {.i = {rows}};
  return rung_apply(g, &scatter_op, 2, (rung_node[]){a, index}, &attr);
}
