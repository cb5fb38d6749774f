/* A network as its blocks, tensors and numbers. */
#ifndef RG_CHAIN_H
#define RG_CHAIN_H

#include "nn/block.h"

/* The tensors of a block: where they stand in the network's lists. */
typedef struct rg_block_variables {
  int *parameter, *statistic; /* rising */
  int parameters, statistics;
  bool random; /* the block asks for a random key */
} rg_block_variables;

#define RG_NETWORK_STRINGS 6

/* The transport cost of a network, which training module by module penalises (Karkar et al., arXiv
 * 2210.00949, 2309.17357): W = sum over layers of the cost of what each adds to its states, r (see
 * rg_moves()). The last block, the classifier, never counts. */
typedef enum rg_transport {
  RG_TRANSPORT_NONE,
  RG_TRANSPORT_MEAN, /* of a layer: the mean of r^2 over samples and all elements of its r */
  RG_TRANSPORT_SUM   /* the mean over samples of the sum over elements */
} rg_transport;

struct rung_network {
  rung_context *ctx;
  rung_network_settings settings;
  char *string[RG_NETWORK_STRINGS]; /* what the settings' names point at */
  rung_shape sample;
  int64_t outputs;
  rung_dtype dtype;
  rg_blocks blocks;
  /* Exits: blocks beside the chain. Their list lies behind the chain's, so that blocks.list[] and
   * of_block[] have exit e (from 0) at blocks.count + e. */
  rg_blocks exits;
  /* Shapes of what each block is given, without the samples' axis: state_shape[i][s] goes into
   * block i; state_shape[blocks.count][0] is [outputs]. */
  rung_shape (*state_shape)[RG_MOST_STATES];
  rung_shape (*exit_shape)[RG_MOST_STATES]; /* [2 * exits.count]: into an exit, and out of it */
  /* Those that decay come first, so that parameters are two runs: [0, decaying) and the rest. */
  rg_variable *parameter, *statistic;
  int parameter_count, statistic_count;
  rg_block_variables *of_block;             /* [blocks.count + exits.count] */
  int64_t parameters, decaying, statistics; /* numbers */
  void *theta, *running;                    /* [parameters], [statistics] in dtype, aligned */
  char **class_name;                        /* [outputs], or NULL */
  double *mean, *scale;                     /* normalisation of inputs */
  int64_t normalised;                       /* entries of each */
  double *target_mean, *target_scale;       /* [outputs]: of what regression is to meet */
  char *form;                               /* what inputs must look like, or NULL */
  rg_transport transport; /* set by those who train, before programs are made; of no file */
};

/* A network of blocks that are given, not made by an architecture: the list is copied. `settings`
 * is kept and says whether states are in fixed point; NULL for the defaults. */
rung_status rg_network_from_blocks(rung_context *ctx, const rung_network_settings *settings,
                                   const rg_blocks *blocks, const rung_shape *sample,
                                   int64_t outputs, rung_dtype dtype, uint64_t seed,
                                   rung_network **out);

/* The same in two steps, so that a reader of files can look at what is expected before memory is
 * taken: a network without numbers (theta, running, means and scales are NULL) ... */
rung_status rg_network_declare(rung_context *ctx, const rung_network_settings *settings,
                               const rg_blocks *blocks, const rung_shape *sample, int64_t outputs,
                               rung_dtype dtype, rung_network **out);
/* ... of the architecture that the settings name ... */
rung_status rg_network_declare_settings(rung_context *ctx, const rung_network_settings *settings,
                                        const rung_shape *sample, int64_t outputs, rung_dtype dtype,
                                        rung_network **out);
/* ... and the numbers as they begin. */
rung_status rg_network_begin(rung_network *network, uint64_t seed);

/* What a network knows of its data, but for its shape: normalisation, classes, form. */
rung_status rg_network_copy_description(const rung_network *from, rung_context *ctx,
                                        rung_network *to);

/* The file of rung_network_save() in memory. rg_free(*out). `name` stands for it in messages. */
rung_status rg_network_save_memory(const rung_network *network, rung_context *ctx, void **out,
                                   size_t *length);
rung_status rg_network_load_memory(rung_context *ctx, const char *name, const void *data,
                                   size_t length, rung_network **out);

/* Is the state that goes into block `block` in fixed point? (block = blocks.count: no) */
bool rg_state_fixed(const rung_network *network, int block);

/* The weights of layer `layer` of a tensor: (1 - share) * node[low] + share * node[low + 1]. A
 * tensor with a node for each layer gives share 0. Linear in time: layer j of N lies at
 * (j + 1/2) / N of the time, node k of m at k / (m - 1). */
void rg_layer_nodes(const rg_variable *tensor, int64_t layers, int64_t layer, int64_t *low,
                    double *share);

/* ---- programs of a block ---- */

/* What a program of a block computes, of one layer. P: the layer's parameters in the order of the
 * network's tensors of that block; S: its statistics; K: the random key [4] (always there). States
 * and cotangents that a layer leaves as they are are no outputs: see rg_route. Where the layer has
 * a transport cost, that is the last output of RG_FORWARD and RG_FORWARD_KEEP, and its weight in
 * what is minimised is the last input of programs that go back: scalars both. */
typedef enum rg_program_kind {
  RG_FORWARD,       /* in: states, P, S, K; out: states', S' (as updated) */
  RG_INFER,         /* the same in inference, out: states' alone */
  RG_FORWARD_KEEP,  /* as RG_FORWARD, and out behind it: what is kept for RG_BACKWARD_KEPT */
  RG_BACKWARD_KEPT, /* in: states, states', kept, cotangents of states', P, S, K; out: cotangents of
                       states, of P */
  RG_BACKWARD, /* in: states, cotangents of states', P, S, K; out: cotangents of states, of P */
  RG_REVERSE,  /* reversible blocks. in: states', cotangents of states', P, S, K; out: states,
                  cotangents of states, of P */
  RG_TANGENT,  /* in: states, tangents of states, P, tangents of P, S, K; out: states', tangents
                  of states' (all of them) */
  RG_PROGRAM_KINDS
} rg_program_kind;

/* Where a state (or its cotangent) is found that goes out of a program. */
typedef struct rg_route {
  int output; /* its number among the outputs; -1: it is the state `from` as that went in */
  int from;   /* the state on the way in whose place it takes; of programs that are `in_place` the
                 output may be the same array as that input */
} rg_route;

typedef struct rg_block_program {
  rung_program *program;
  int inputs, outputs;
  /* States that go out (states', or states of RG_REVERSE), and cotangents or tangents of states.
   * Cotangents of the network's input are not computed: a first block of one layer has none. */
  rg_route state[RG_MOST_STATES], cotangent[RG_MOST_STATES];
  int first_statistic, first_kept, first_parameter; /* numbers of outputs */
  int kept;               /* arrays that RG_FORWARD_KEEP keeps beside the states */
  rung_shape *kept_shape; /* [kept] */
  bool random;            /* the key is read */
  bool transport;         /* the last output is the transport cost, or the last input its weight */
  bool in_place;          /* reversible blocks, but for RG_FORWARD_KEEP and RG_TANGENT */
} rg_block_program;

/* Compiles a program of block `block` for `samples` samples. Cotangents of states in fixed point
 * are plain numbers. Release it with rg_block_program_free(). */
rung_status rg_block_compile(const rung_network *network, rung_context *ctx, int block,
                             rg_program_kind kind, int64_t samples, rg_block_program *out);
void rg_block_program_free(rung_context *ctx, rg_block_program *program);

/* ---- inference ---- */

/* The programs of a network in inference for batches of up to `samples`, and their memory: what
 * rung_network_apply() makes and drops; those who apply a network often keep one. It reads the
 * network's numbers when it runs. Compiling and running use `ctx`. */
typedef struct rg_inference rg_inference;
/* Samples at once: enough for products to be fast, few enough for the cache. */
#define RG_INFERENCE_SAMPLES 64
rung_status rg_inference_create(const rung_network *network, rung_context *ctx, int64_t samples,
                                rg_inference **out);
/* As rung_network_apply(), for any count. Allocates nothing. The bits of a sample's scores do not
 * depend on which others there are. */
rung_status rg_inference_run(rg_inference *inference, int64_t count, const void *x, void *y);
/* The same of another end: exit 1 to exits (layers behind it are left out), exits + 1 (the
 * network's own), RG_EVERY_EXIT or RG_BODY. */
#define RG_EVERY_EXIT 0
#define RG_BODY (-1)
rung_status rg_inference_create_to(const rung_network *network, rung_context *ctx, int64_t samples,
                                   int exit, rg_inference **out);
/* Of one made with RG_EVERY_EXIT: one walk gives y[0] to y[exits - 1], the exits' scores, and
 * y[exits], the network's own; each [count][outputs]. */
rung_status rg_inference_run_exits(rg_inference *inference, int64_t count, const void *x,
                                   void *const *y);
/* Of one made with RG_EVERY_EXIT: module `module` and its classifier alone, of as many samples as
 * it was made for. at[]: the states at the cut before it (of the first module x), and afterwards
 * those behind it, which lie in the inference's memory or where others lay; scores
 * [samples][outputs]. */
rung_status rg_inference_run_module(rg_inference *inference, int module, void **at, void *scores);
/* Of one made with RG_BODY: what goes into the last block, [count][state's shape], two states
 * joined along their last axis. That of a module is what the next module is given. */
rung_status rg_inference_run_body(rg_inference *inference, int64_t count, const void *x,
                                  void *features);
void rg_inference_destroy(rg_inference *inference); /* NULL is allowed */
/* Lets inferences that run one after the other, of one context, have their scratch memory in one
 * place, the first one's, which must be destroyed last. After a failure they can but be destroyed.
 */
rung_status rg_inference_share(int count, rg_inference *const *list);
/* Bytes that it takes by itself. */
size_t rg_inference_bytes(const rg_inference *inference);

/* The layer's parameters, in the order of programs, as pointers into[]; those between nodes in time
 * are mixed into `mixed` (rg_mixed_bytes()). Returns how many. */
int rg_layer_parameters(const rung_network *network, int block, int64_t layer, const void *numbers,
                        char *mixed, const void **into);
size_t rg_mixed_bytes(const rung_network *network);
/* The same of statistics. */
int rg_layer_statistics(const rung_network *network, int block, int64_t layer, const void *numbers,
                        const void **into);

/* Are scores not yet the numbers in their units, score * target_scale + target_mean? */
bool rg_has_units(const rung_network *network);

/* Bytes of the states that go into block `block` for so many samples (one layer's). */
size_t rg_state_bytes(const rung_network *network, int block, int64_t samples);

#endif
