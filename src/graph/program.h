/* A compiled graph: steps in order, each with its kernel and the places of its arrays. */
#ifndef RG_PROGRAM_H
#define RG_PROGRAM_H

#include "graph/graph.h"
#include "op/reducer.h"

typedef enum rg_space { RG_WORKSPACE, RG_INPUT, RG_OUTPUT, RG_CONSTANT } rg_space;

/* Where an array lies: bytes from the begin of the workspace, of input or output `index`, or of the
 * program's constants. */
typedef struct rg_place {
  rg_space space;
  int index;
  size_t offset;
} rg_place;

/* An operand or result of an instruction: a tile register, or memory that is walked along. */
typedef struct rg_slot {
  int reg; /* -1: memory */
  rg_place place;
} rg_slot;

/* Fills a tile register from an array that broadcasts to the group's shape. Dimensions that behave
 * alike are joined; the last one is the fastest. Strides are in elements; 0 repeats. */
typedef struct rg_load {
  rg_place place;
  bool fixed; /* the same in every tile */
  int reg, rank;
  int64_t dim[RUNG_MAX_RANK], stride[RUNG_MAX_RANK];
} rg_load;

/* A reduction of what an operand's tiles hold. */
typedef struct rg_reduction {
  const rg_reducer *reducer;
  rg_place blocks, out; /* the same where a slab is one block */
  int64_t count;        /* blocks of a slab */
  size_t lanes;         /* where its lanes lie, bytes from the begin of the scratch memory */
} rg_reduction;

/* An elementwise kernel on one tile, or a reduction that takes one. */
typedef struct rg_instruction {
  int reduction; /* which, or -1 */
  rung_kernels kernels;
  int operands, first_operand; /* in the step's `operand` */
  rung_attributes attr;
  rg_slot out;
} rg_instruction;

typedef struct rg_step {
  const char *name;
  int64_t count, pieces;
  double work; /* estimated operations, to decide whether threads are worth waking */
  size_t scratch;
  /* A group of elementwise ops and reductions: instructions > 0. Its elements are seen as rows of
   * `row` elements, in spans that tiles do not cross; a run of tiles is done by one thread. */
  int instructions, loads, registers, reductions;
  int64_t row, rows, span, run, tile; /* the last four in rows */
  int64_t outer, length;              /* slabs to reduce, and rows of one */
  size_t register_bytes;
  rg_instruction *instruction;
  rg_slot *operand;
  rg_load *load;
  rg_reduction *reduction;
  /* Any other op. */
  rung_kernels kernels;
  int operands;
  rg_place in[RUNG_MAX_OPERANDS], out;
  rung_shape in_shape[RUNG_MAX_OPERANDS], out_shape;
  rung_attributes attr;
} rg_step;

struct rung_program {
  rung_context *ctx;
  rung_dtype dtype;
  int inputs, outputs, steps;
  rg_step *step;
  void *constants;
  size_t arena_bytes, slot_bytes; /* the workspace: arena, then `slots` times scratch */
  int slots;
};

#define RG_TILE_BYTES 4096

#endif
