/* What a deep network is made of: a chain of blocks.
 *
 * A block turns the state that the one before hands on (one array, or two: a Hamiltonian network
 * carries Y and Z) into the next. A block of several layers is a stage of an ODE: the same
 * computation again and again, each layer with parameters of its own, compiled once whatever the
 * depth; its state keeps its shape. All arrays have the samples on their first axis; images are
 * [samples][height][width][channels], features [samples][features].
 *
 * A block says what is computed, as nodes, and nothing else. Derivatives, what is stored or
 * computed again, memory and threads are the business of those who run the chain (train/pass.h). A
 * reversible block is given as additive couplings, done one after the other,
 *
 *   state[target] += increment(state[source]),   target != source,
 *
 * so that its inverse, and with it back-propagation without stored activations, is the same
 * increments subtracted in the other order, in floating or in fixed point.
 *
 * An architecture is a list of blocks: one file in src/nn/arch, and one line in RG_ARCHITECTURES.
 */
#ifndef RG_BLOCK_H
#define RG_BLOCK_H

#include "graph/graph.h"
#include "rung/network.h"

#define RG_MOST_STATES 2
#define RG_MOST_COUPLINGS 4
#define RG_BLOCK_NAME 32
#define RG_VARIABLE_NAME 64

/* ---- variables ---- */

/* How the numbers of a tensor begin. Random ones are keyed by the seed, the tensor's name and the
 * index, so that they do not depend on what else there is. */
typedef enum rg_begin {
  RG_BEGIN_CONSTANT, /* all `scale` */
  RG_BEGIN_NORMAL,   /* scale * normal */
  RG_BEGIN_UNIFORM,  /* uniform in (-scale, scale) */
  RG_BEGIN_ALIKE     /* scale * normal, the same numbers in each layer: smooth in time */
} rg_begin;

/* Parameters, or running statistics, of one kind: [nodes][shape], one after the other, where nodes
 * is the number of layers, or of nodes in time that the layers' weights lie between. */
typedef struct rg_variable {
  char name[RG_VARIABLE_NAME]; /* "stage1.K": of its block, then its own */
  rung_shape shape;            /* of one layer */
  int64_t count;               /* numbers of one layer */
  int64_t nodes;
  int64_t offset; /* of the first number among the network's parameters, or statistics */
  int block;      /* of which block */
  rg_begin begin;
  double scale;
  bool decays; /* weight decay applies: to matrices and kernels, not to shifts and gains */
} rg_variable;

/* ---- building ---- */

/* What a block's function builds into. The same function is called for each of a block's programs,
 * and asks for the same tensors in the same order each time. Its inside belongs to block.c. */
typedef struct rg_builder rg_builder;

rung_graph *rg_builder_graph(const rg_builder *b);
/* Training: batch statistics and dropout; else running statistics and no dropout. */
bool rg_builder_training(const rg_builder *b);
const struct rg_block *rg_builder_block(const rg_builder *b);

/* A parameter of the layer, as a node. Within a block, each name is asked for once for each
 * coupling or forward function; asking again gives the same node (shared weights). */
rung_node rg_parameter(rg_builder *b, const char *name, int rank, const int64_t *dims,
                       rg_begin begin, double scale, bool decays);
/* A running statistic of the layer, which begins as all `value`. */
rung_node rg_statistic(rg_builder *b, const char *name, int rank, const int64_t *dims,
                       double value);
/* In training: the value that the statistic takes once this step is done. It is taken over exactly
 * once a step, however often activations are computed again. */
void rg_statistic_update(rg_builder *b, rung_node statistic, rung_node next);
/* The key of random numbers for rung_random(), rung_dropout(): its own for each block, layer and
 * step; the same when activations are computed again. At most one use in a block. */
rung_node rg_random_key(rg_builder *b);
/* What the layer adds to its state `state`: its residual branch, before any activation, in the
 * shape of the state that comes out. It is what the transport cost (chain.h) is of. Once a state; a
 * plain block that says nothing of a state moves it by the difference of what comes out and what
 * went in, where these have the same shape. Increments of couplings need not be told. */
void rg_moves(rg_builder *b, int state, rung_node by);

/* ---- blocks ---- */

/* What a block's function may look at. Meanings are the block's own where the name leaves room. */
typedef struct rg_block_settings {
  int64_t width;  /* channels or features that it puts out, or keeps */
  int64_t kernel; /* edge of a convolution's kernel */
  int64_t stride, groups;
  double step; /* h */
  double gamma;
  double dropout;
  const char *activation, *norm; /* static strings: see rg_activate(), rg_normalised() */
  bool finished;                 /* a head: what comes in is normalised and bent already */
  int variant;                   /* the block's own */
} rg_block_settings;

typedef struct rg_coupling {
  int target, source;
} rg_coupling;

/* A kind of block: static data. */
typedef struct rg_block_kind {
  const char *name;
  /* Plain: the states that come out (as many as the block's `states_out`). NULL where the block is
   * reversible. Errors: RUNG_NONE among them, as with node functions. */
  void (*forward)(rg_builder *b, const rung_node *in, rung_node *out);
  /* Reversible: what coupling `which` adds to state[coupling[which].target]. */
  int couplings;
  rg_coupling coupling[RG_MOST_COUPLINGS];
  rung_node (*increment)(rg_builder *b, int which, rung_node source);
  bool exchange; /* after each layer the two states change places */
} rg_block_kind;

typedef struct rg_block {
  char name[RG_BLOCK_NAME]; /* "stem", "stage1": begins the names of its tensors */
  const rg_block_kind *kind;
  rg_block_settings settings;
  int64_t layers; /* 1, or those of a stage */
  int64_t nodes;  /* 0, or the nodes in time that the layers' weights are linear between */
  int states_in, states_out;
} rg_block;

/* The blocks of a network, in order; the last one's only state is [samples][outputs]. */
typedef struct rg_blocks {
  rung_context *ctx;
  rg_block *list;
  int count, capacity;
} rg_blocks;

/* Appends a block of one layer, one state in and out, and gives it to be filled in; NULL (with the
 * error recorded) where memory is short. The pointer is valid until the next. */
rg_block *rg_blocks_add(rg_blocks *blocks, const char *name, const rg_block_kind *kind);

/* ---- architectures ---- */

typedef struct rg_architecture {
  const char *name;
  const char *about; /* one line */
  /* What settings that leave it open (0) get: stages, each of so many channels (twice as many in
   * each next one, where they double) and layers. */
  int stages;
  int64_t width, layers;
  bool doubling;
  /* Checks the settings, whose stages are filled in, and lists the blocks. */
  rung_status (*build)(rung_context *ctx, const rung_network_settings *settings,
                       const rung_shape *sample, int64_t outputs, rg_blocks *out);
} rg_architecture;

/* The architectures: a line each. */
#define RG_ARCHITECTURES(X) X(mlp) X(cnn) X(resnet) X(dense) X(conv)

#define RG_ARCHITECTURE_DECLARE(name) extern const rg_architecture rg_architecture_##name;
RG_ARCHITECTURES(RG_ARCHITECTURE_DECLARE)
#undef RG_ARCHITECTURE_DECLARE

/* The architecture of this name, or NULL with an error that lists those there are. */
const rg_architecture *rg_architecture_find(rung_context *ctx, const char *name);

/* ---- what blocks share (nn/arch/shared.c) ---- */

/* The activation of this name applied; RUNG_NONE with an error for a name that is not known. */
rung_node rg_activate(rung_graph *g, const char *name, rung_node a);
/* `a` normalised as `kind` says ("none": unchanged), with gain and shift (parameters NAME.gain and
 * NAME.shift) and, for batch normalisation, running statistics (NAME.mean, NAME.variance, momentum
 * 0.1, the variance as PyTorch keeps it: unbiased). */
rung_node rg_normalised(rg_builder *b, const char *name, const char *kind, rung_node a);

#endif
