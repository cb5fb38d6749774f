/**
 * @file op.h
 * What an op is, for those who add one: in the library (one file in src/op, and the declaration of
 * its node function in graph.h) or in their own program (examples/custom_op.c). The how-to is
 * docs/how-to-add-an-op.md.
 */
#ifndef RUNG_OP_H
#define RUNG_OP_H

#include "rung/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RUNG_MAX_OPERANDS 16  /**< The most operands of a node. */
#define RUNG_MAX_ATTRIBUTES 8 /**< The most whole-number attributes of a node. */

/** What a node is applied with, beside its operands. */
typedef struct rung_attributes {
  int64_t i[RUNG_MAX_ATTRIBUTES]; /**< Whole numbers; the op gives them their meaning. */
  rung_dd value;                  /**< A constant. */
} rung_attributes;

/** One call of a kernel. Elementwise kernels get `count` contiguous elements of every operand:
 * broadcasting is done. Other kernels get whole arrays, do piece `piece` of `pieces`, and must give
 * the same bits for any number of threads: a piece writes its own part of the output and reads none
 * of the others'. A kernel may be called by several threads at once, so it keeps nothing between
 * calls, and it allocates nothing. */
typedef struct rung_call {
  int64_t count;         /**< Elements (elementwise), or elements of the output. */
  void *out;             /**< The result; overlaps no operand, but the result of an elementwise
                              kernel may be the very array of an operand. */
  const void *const *in; /**< The operands; some may be the same array. */
  int operands;          /**< How many. */
  const rung_attributes *attr; /**< The node's attributes. */
  const rung_shape *out_shape; /**< Shape of the result (not for elementwise). */
  const rung_shape *in_shape;  /**< Shapes of the operands (not for elementwise). */
  int64_t piece;               /**< Which piece: 0..pieces-1. */
  int64_t pieces;              /**< How many the plan has cut the op into. */
  void *scratch;               /**< The piece's own, as `plan` asked for, aligned to 64 bytes. */
  rung_isa isa;                /**< Instructions allowed. */
  rung_dtype dtype;            /**< The arithmetic of result and operands. */
} rung_call;

/** Computes; returns RUNG_OK, or RUNG_E_DATA for values of operands that it cannot take: the run
 * fails with that status and a message that names the op. */
typedef rung_status (*rung_kernel)(const rung_call *call);

/** Kernels of one arithmetic: the portable one is complete, faster ones (NULL where there is none)
 * override it and give the same bits. */
typedef struct rung_kernels {
  rung_kernel portable; /**< Required. */
  rung_kernel avx2;     /**< Or NULL. */
  rung_kernel avx512;   /**< Or NULL. */
} rung_kernels;

/** An op. Static data: one per op, constant. Functions that build nodes give RUNG_NONE with an
 * error recorded (rung_node_fail()) where they fail, and without one for a derivative that is 0. */
typedef struct rung_op {
  const char *name; /**< For messages and listings. */
  int operands;     /**< How many, or -1 for any. */
  int elementwise;  /**< 1: result element i depends on operands' elements i alone; operands
                         broadcast; `jvp`, `vjp`, `view`, `plan` are left out, and without
                            `shape` the result has the operands' common shape. */
  int cheap;        /**< Elementwise: 1 where computing it again costs less than writing its result
                         to memory and reading it back; then it may be computed again. */
  /** The result's shape, and checks on operands and attributes; errors by rung_fail(). Required
   * where the op is not elementwise. */
  rung_status (*shape)(rung_context *ctx, int operands, const rung_shape *in,
                       const rung_attributes *attr, rung_shape *out);
  /** Elementwise: d node / d operand `which`, as a node; RUNG_NONE where it is 0 everywhere. */
  rung_node (*partial)(rung_graph *g, rung_node node, int which);
  /** Others: the tangent of `node`, in its shape, as operand `which` changes by `tangent`;
   * RUNG_NONE for 0. NULL: rung_jvp() refuses the op. */
  rung_node (*jvp)(rung_graph *g, rung_node node, int which, rung_node tangent);
  /** Others: what `cotangent` of `node` gives operand `which`, in the operand's shape; RUNG_NONE
   * for 0. NULL: rung_gradient() refuses the op. */
  rung_node (*vjp)(rung_graph *g, rung_node node, int which, rung_node cotangent);
  /** Others: the node for operands `in`, of which those with mapped[j] have one more dimension at
   * the front; the result has it too. NULL: rung_map() refuses the op. An elementwise op needs
   * none: it is applied to the batches. */
  rung_node (*map)(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                   int64_t samples);
  /** Others: where the result is a contiguous part of operand 0 as it lies in memory, the first
   * element's index there, else -1; then nothing is computed. NULL: never. */
  int64_t (*view)(const rung_shape *out, const rung_shape *in, const rung_attributes *attr);
  rung_kernels kernel[3]; /**< By rung_dtype. `portable` NULL: not available in that arithmetic. */
  /** Others: how many pieces, and scratch bytes for each; NULL for one piece and no scratch. The
   * cut depends on shapes alone. */
  void (*plan)(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
               const rung_attributes *attr, int64_t *pieces, size_t *scratch);
  const struct rg_reducer *reducer; /**< The library's own reductions, which the engine fuses with
                                         what they reduce; NULL for others. */
  const struct rg_follow *follow;   /**< The library's own kernels that do this elementwise op and
                                         the next one in one pass; NULL for others. */
} rung_op;

/** Applies an op to 1..16 nodes. `op` must outlive graph and programs. An elementwise op of
 * constants becomes a constant at once, computed in double-double, where the op has that kernel.
 * @param attr NULL for zeros; copied */
RUNG_API rung_node rung_apply(rung_graph *g, const rung_op *op, int operands, const rung_node *in,
                              const rung_attributes *attr);

/** The op of a node (NULL for RUNG_NONE). */
RUNG_API const rung_op *rung_node_op(const rung_graph *g, rung_node node);
/** Operand `which` of a node, or RUNG_NONE. */
RUNG_API rung_node rung_node_operand(const rung_graph *g, rung_node node, int which);
/** The attributes of a node (NULL for RUNG_NONE). The pointer is valid until the next node of the
 * graph is made: copy what you need. */
RUNG_API const rung_attributes *rung_node_attributes(const rung_graph *g, rung_node node);
/** The context of a graph. */
RUNG_API rung_context *rung_graph_context(const rung_graph *g);
/** Records an error for the caller of a node function, with a printf format. @return RUNG_NONE */
RUNG_API rung_node rung_node_fail(rung_graph *g, rung_status status, const char *format, ...)
    RUNG_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
