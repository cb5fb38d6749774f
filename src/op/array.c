#include "op/array.h"

rung_status rg_copy_kernel(const rung_call *call) {
  if (call->out != call->in[0]) /* an output in the place of the input that it is */
    memcpy(call->out, call->in[0], (size_t)call->count * rung_dtype_size(call->dtype));
  return RUNG_OK;
}

double rg_element(const rung_call *call, int which, int64_t i) {
  if (call->dtype == RUNG_F32) return (double)((const float *)call->in[which])[i];
  return call->dtype == RUNG_F64 ? ((const double *)call->in[which])[i]
                                 : ((const rung_dd *)call->in[which])[i].hi;
}

int64_t rg_index(const rung_call *call, int which, int64_t i, int64_t limit) {
  double value = rg_element(call, which, i);
  return value >= 0 && value < (double)limit && value == (double)(int64_t)value ? (int64_t)value
                                                                                : -1;
}

void rg_set_element(const rung_call *call, int64_t i, double value) {
  if (call->dtype == RUNG_F32)
    ((float *)call->out)[i] = (float)value;
  else if (call->dtype == RUNG_F64)
    ((double *)call->out)[i] = value;
  else
    ((rung_dd *)call->out)[i] = rg_make_dd(value, 0.0);
}

rung_node rg_no_derivative(rung_graph *g, rung_node node, int which, rung_node other) {
  (void)g, (void)node, (void)which, (void)other;
  return RUNG_NONE;
}

rung_node rg_same_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                      int64_t samples) {
  (void)mapped, (void)samples;
  return rg_apply_like(g, node, in);
}

rg_around rg_around_axis(const rung_shape *shape, int axis) {
  rg_around around = {1, shape->dim[axis], 1};
  for (int i = 0; i < axis; i++) around.outer *= shape->dim[i];
  for (int i = axis + 1; i < shape->rank; i++) around.inner *= shape->dim[i];
  return around;
}

void rg_piece_range(const rung_call *call, int64_t total, int64_t *begin, int64_t *end) {
  int64_t each = (total + call->pieces - 1) / call->pieces;
  *begin = call->piece * each < total ? call->piece * each : total;
  *end = *begin + each < total ? *begin + each : total;
}

void rg_plan_by_count(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                      const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)in, (void)attr;
  *pieces = 1 + rung_shape_count(out) / RG_PIECE;
  *scratch = 0;
}

rung_node rg_linear_jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  if (which != 0) return RUNG_NONE;
  rung_node in[RUNG_MAX_OPERANDS];
  for (int i = 0; i < g->node[node].operands; i++) in[i] = g->node[node].in[i];
  in[0] = tangent;
  return rg_apply_like(g, node, in);
}

rung_node rg_shift_axis_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                            int64_t samples) {
  (void)mapped, (void)samples;
  rg_node like = g->node[node];
  like.attr.i[0]++;
  return rung_apply(g, like.op, 1, in, &like.attr);
}
