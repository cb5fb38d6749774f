/* A network as its blocks, tensors and numbers. */
#ifndef RG_CHAIN_H
#define RG_CHAIN_H

#include "nn/block.h"

struct rung_network {
  rung_context *ctx;
  rung_network_settings settings; /* strings are static or the network's */
  rung_shape sample;
  int64_t outputs;
  rung_dtype dtype;
  rg_blocks blocks;
  /* Shapes of what each block is given, without the samples' axis: state_shape[i][s] goes into
   * block i; state_shape[blocks.count][0] is [outputs]. */
  rung_shape (*state_shape)[RG_MOST_STATES];
  /* Those that decay come first, so that parameters are two runs: [0, decaying) and the rest. */
  rg_variable *parameter, *statistic;
  int parameter_count, statistic_count;
  int64_t parameters, decaying, statistics; /* numbers */
  void *theta, *running;                    /* [parameters], [statistics] in dtype, aligned */
  char **class_name;                        /* [outputs], or NULL */
  double *mean, *scale;                     /* normalisation of inputs */
  int64_t normalised;                       /* entries of each */
};

/* The weights of layer `layer` of a tensor: (1 - share) * node[low] + share * node[low + 1]. A
 * tensor with a node for each layer gives share 0. Linear in time: layer j of N lies at
 * (j + 1/2) / N of the time, node k of m at k / (m - 1). */
void rg_layer_nodes(const rg_variable *tensor, int64_t layers, int64_t layer, int64_t *low,
                    double *share);

/* ---- programs of a block ---- */

/* What a program of a block computes. P: the layer's parameters in the order of the network's
 * tensors of that block; S: its statistics; K: the random key [4] (always there). */
typedef enum rg_program_kind {
  /* in: states, P, S, K; out: states', S' (as updated). Coupled states are updated in place: the
   * output may be the same array as the input. */
  RG_FORWARD,
  /* The same in inference: out: states' alone. */
  RG_INFER,
  /* As RG_FORWARD, and out behind it: what is kept for RG_BACKWARD_KEPT. */
  RG_FORWARD_KEEP,
  /* in: states (as they went in), kept, cotangents of states', P, S, K; out: cotangents of states,
   * of P. */
  RG_BACKWARD_KEPT,
  /* in: states, cotangents of states', P, S, K; out: cotangents of states, of P. */
  RG_BACKWARD,
  /* Reversible blocks. in: states', cotangents of states', P, S, K; out: states, cotangents of
   * states, of P. */
  RG_REVERSE,
  /* in: states, tangents of states, P, tangents of P, S, K; out: states', tangents of states'. */
  RG_TANGENT
} rg_program_kind;

typedef struct rg_block_program {
  rung_program *program;
  int inputs, outputs;
  int kept;               /* arrays that RG_FORWARD_KEEP keeps beside the states */
  rung_shape *kept_shape; /* [kept] */
} rg_block_program;

/* Compiles a program of block `block` for `samples` samples. Cotangents of states in fixed point
 * are plain numbers. Release it with rg_block_program_free(). */
rung_status rg_block_compile(const rung_network *network, rung_context *ctx, int block,
                             rg_program_kind kind, int64_t samples, rg_block_program *out);
void rg_block_program_free(rung_context *ctx, rg_block_program *program);

/* Bytes of the states that go into block `block` for so many samples (one layer's). */
size_t rg_state_bytes(const rung_network *network, int block, int64_t samples);

#endif
