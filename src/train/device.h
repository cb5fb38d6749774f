/* Training of one module as C for devices: what is planned, and what is written of it. */
#ifndef RG_DEVICE_H
#define RG_DEVICE_H

#include "nn/part.h"
#include "optim/descent.h"
#include "store/c_file.h"
#include "store/graph_c.h"
#include "train/pass.h"

#define RG_DEVICE_ARGUMENTS 64

/* A function of the C file. An argument's name is a letter and a number:
 *   in   s state, c cotangent of a state behind, w parameter, r statistic, q weight of the penalty
 *   out  t state behind, n statistic as updated, g gradient by a parameter, d cotangent of a state
 */
typedef struct rg_device_function {
  char name[24];
  rg_c_argument in[RG_DEVICE_ARGUMENTS], out[RG_C_MOST_OUTPUTS];
  char in_name[RG_DEVICE_ARGUMENTS][16], out_name[RG_C_MOST_OUTPUTS][16];
  int64_t count[RG_C_MOST_OUTPUTS]; /* numbers of each result */
  bool used[RG_DEVICE_ARGUMENTS];
  int ins, outs;
  int64_t work; /* numbers of workspace */
} rg_device_function;

/* An array of the block that is needed from one time to another. */
typedef struct rg_device_array {
  int64_t count, at; /* numbers, and from which on it lies */
  int from, to;
} rg_device_array;

#define RG_DEVICE_PARAMETERS 24 /* of a block */

/* A layer of the module: its arrays, by number. */
typedef struct rg_device_layer {
  int block;
  int64_t layer;                                        /* of the block */
  int state[RG_MOST_STATES], cotangent[RG_MOST_STATES]; /* before it */
  int next[RG_DEVICE_PARAMETERS], gradient[RG_DEVICE_PARAMETERS];
  int forward_work, backward_work;
} rg_device_layer;

typedef struct rg_device {
  rung_context *ctx;
  const rung_network *whole;
  rung_network *part; /* the module */
  int module;
  const rung_training *training;
  const rg_descent *descent;
  rg_c_file file;
  rg_text functions;
  rg_c_needs needs;
  /* Of each block: of the whole that is frozen, in inference; of the module. */
  rg_device_function *frozen, *infer, *forward, *backward;
  rg_device_function loss, update;
  int frozen_blocks;
  int64_t frozen_layers;  /* of the last of them */
  rg_device_layer *layer; /* [layers + 1]: the last has what comes out */
  int layers;
  rg_device_array *array;
  int arrays, capacity;
  int single[2][RG_MOST_STATES], entry, single_work; /* one sample on its way */
  int target, loss_value, loss_work, update_work;    /* target: numbers, normalised */
  int64_t state; /* numbers that are kept, in front; the arrays lie behind */
  int64_t total; /* numbers of the block */
} rg_device;

/* device_plan.c: the functions, the arrays and where they lie. */
rung_status rg_device_plan(rg_device *d);
void rg_device_free(rg_device *d);
/* Numbers that the marks in front of the state take. */
int64_t rg_device_marks(const rg_device *d);

/* device_text.c: the functions that call those. */
rung_status rg_device_text(rg_device *d);

#endif
