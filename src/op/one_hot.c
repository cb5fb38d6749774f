/* 1 at the label on a new last axis, 0 elsewhere. Attribute 0: the number of classes. */
#include "op/array.h"

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  int64_t dims[RUNG_MAX_RANK + 1];
  for (int i = 0; i < in->rank; i++) dims[i] = in->dim[i];
  dims[in->rank] = attr->i[0];
  return rg_shape_make(ctx, "one_hot", in->rank + 1, dims, out);
}

static rung_status kernel(const rung_call *call) {
  int64_t classes = call->attr->i[0], labels = call->count / classes;
  memset(call->out, 0, (size_t)call->count * rung_dtype_size(call->dtype));
  for (int64_t i = 0; i < labels; i++) {
    int64_t label = rg_index(call, 0, i, classes);
    if (label < 0) return RUNG_E_DATA;
    rg_set_element(call, i * classes + label, 1);
  }
  return RUNG_OK;
}

static const rung_op op = {.name = "one_hot",
                           .operands = 1,
                           .shape = shape_of,
                           .jvp = rg_no_derivative,
                           .vjp = rg_no_derivative,
                           .map = rg_same_map,
                           .kernel = RG_ONE_KERNEL(kernel)};

rung_node rung_one_hot(rung_graph *g, rung_node labels, int64_t classes) {
  rung_attributes attr = {.i = {classes}};
  return rung_apply(g, &op, 1, &labels, &attr);
}
