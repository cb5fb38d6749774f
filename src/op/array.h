/* What ops on whole arrays share. */
#ifndef RG_ARRAY_H
#define RG_ARRAY_H

#include <string.h>

#include "op/kernels.h"
#include "op/reducer.h"

/* Copies operand 0. */
rung_status rg_copy_kernel(const rung_call *call);

/* A node of its own with the elements of `a`: a copy. */
rung_node rg_identity(rung_graph *g, rung_node a);

/* Element i of operand `which`, rounded to double. */
double rg_element(const rung_call *call, int which, int64_t i);
/* The same as an index; -1 where it is none of 0..limit-1. */
int64_t rg_index(const rung_call *call, int which, int64_t i, int64_t limit);
/* Sets element i of the result. */
void rg_set_element(const rung_call *call, int64_t i, double value);

/* An array seen around one axis: [outer][length][inner]. */
typedef struct rg_around {
  int64_t outer, length, inner;
} rg_around;
rg_around rg_around_axis(const rung_shape *shape, int axis);

/* The range [*begin, *end) of `total` that piece `call->piece` of `call->pieces` does. */
void rg_piece_range(const rung_call *call, int64_t total, int64_t *begin, int64_t *end);

/* Elements of a piece: below this, threads cost more than they bring. */
#define RG_PIECE (1 << 18)

/* One piece for each RG_PIECE elements of the result. */
void rg_plan_by_count(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                      const rung_attributes *attr, int64_t *pieces, size_t *scratch);

/* Rules of ops that do not depend on their operand smoothly: no derivative; and of ops that take
 * more dimensions at the front as they are. */
rung_node rg_no_derivative(rung_graph *g, rung_node node, int which, rung_node other);
rung_node rg_same_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                      int64_t samples);

/* Rules of ops that are linear in operand 0 and have no other differentiable operand: the tangent
 * is the op of the tangent; mapping shifts the axis in attribute 0 by one. */
rung_node rg_linear_jvp(rung_graph *g, rung_node node, int which, rung_node tangent);
rung_node rg_shift_axis_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                            int64_t samples);

/* A reduction's operand, [outer][reduced][inner], and its result's shape. */
rg_around rg_reduced_view(const rung_shape *in, const rung_attributes *attr);
rung_status rg_reduced_shape(rung_context *ctx, int operands, const rung_shape *in,
                             const rung_attributes *attr, rung_shape *out);

/* All functions of a reducer, as op/reducer.inc has made them. */
#define RG_REDUCER(name)                                                                           \
  {                                                                                                \
    .fold = {{name##_portable_f32, name##_avx2_f32, name##_avx512_f32},                            \
             {name##_portable_f64, name##_avx2_f64, name##_avx512_f64},                            \
             {name##_portable_dd, name##_avx2_dd, name##_avx512_dd}},                              \
    .combine = {                                                                                   \
      name##_combine_f32,                                                                          \
      name##_combine_f64,                                                                          \
      name##_combine_dd                                                                            \
    }                                                                                              \
  }

/* Applies a reduction whose attributes are the first axis and the number of adjoining axes, and
 * whose result keeps them as 1, to a set of axes. */
rung_node rg_reduce(rung_graph *g, const rung_op *reduce, rung_node a, unsigned axes, int keep);

#endif
