/* What architectures share: names, linear maps, right-hand sides, stages of an ODE. */
#ifndef RG_ARCH_H
#define RG_ARCH_H

#include "nn/block.h"

/* ---- settings ---- */

/* Makes the settings' activation and norm the static strings of these names, or of those given
 * where the settings leave them open. An error lists what there is. */
rung_status rg_resolve_names(rung_context *ctx, rung_network_settings *settings,
                             const char *activation, const char *norm);
/* Are there 1 to RUNG_MOST_STAGES stages, of `least` or more layers each, of sensible widths? */
rung_status rg_check_stages(rung_context *ctx, const rung_network_settings *settings,
                            int64_t least);
rung_status rg_check_image(rung_context *ctx, const rung_network_settings *settings,
                           const rung_shape *sample);
/* Fills in what the settings leave open (0), as the architecture has it. */
void rg_fill_stages(rung_network_settings *settings, const rg_architecture *architecture);

/* Appends a block "PREFIXnumber" (PREFIX alone for number 0) with resolved activation and norm,
 * groups and gamma of the network, kernel 3, stride 1. NULL where memory is short. */
rg_block *rg_add_block(rg_blocks *blocks, const rung_network_settings *settings,
                       const rg_block_kind *kind, const char *prefix, int number);

/* ---- linear maps ----
 * Of features K y, of images the convolution with K whose border is padded with zeros, so that
 * stride 1 keeps the size. Shapes of K: [to][from]; [kernel][kernel][from / groups][to]. */

typedef struct rg_linear {
  const char *name;       /* of the parameter */
  int64_t from, to;       /* features or channels */
  int64_t kernel, stride; /* of images */
  double size;            /* K begins normal with deviation size / sqrt(terms of a sum) */
  bool alike;             /* and with the same numbers in each layer */
} rg_linear;

/* K x, and K' x (stride 1). */
rung_node rg_linear_apply(rg_builder *b, const rg_linear *k, rung_node x);
rung_node rg_linear_adjoint(rg_builder *b, const rg_linear *k, rung_node x);
/* (K - K') x, as one map. */
rung_node rg_antisymmetric_apply(rg_builder *b, const rg_linear *k, rung_node x);
/* W x + b of features. */
rung_node rg_affine(rg_builder *b, int64_t width, rung_node x);
/* N(x), or x + b where the block has no normalisation: parameters norm... or b with `suffix`; and
 * its activation s of that. */
rung_node rg_shifted(rg_builder *b, const char *suffix, rung_node x);
rung_node rg_bent(rg_builder *b, const char *suffix, rung_node x);
/* Size of maps that keeps the variance of what follows the activation (He et al. 2015). */
double rg_activation_size(const char *activation);
/* The same for a block; but a stage of an ODE without normalisation must begin stable and tame: the
 * norm of K being about twice its size, h norm(K) / 2 <= 1/2, and in all of the time T states are
 * turned about a few times only, or training meets a chaotic map. */
double rg_begin_size(const rg_block *block);
/* The last dimension: channels or features; 0 for RUNG_NONE. */
int64_t rg_channels(const rung_graph *g, rung_node x);
rung_node rg_flat(rung_graph *g, rung_node x);   /* [samples][everything else] */
rung_node rg_pooled(rung_graph *g, rung_node x); /* images: mean over positions; features: as is */
/* Images at half the resolution: mean or largest of 2 by 2 pixels; an odd last one is left out. */
rung_node rg_halved_mean(rung_graph *g, rung_node x);
rung_node rg_halved_max(rung_graph *g, rung_node x);

/* ---- right-hand sides ---- */

/* What the states of a stage are, seen from the blocks before and behind. */
typedef enum rg_states {
  RG_ONE,      /* Y */
  RG_HALVES,   /* Y and Z, halves of the width */
  RG_VELOCITY, /* Y and its velocity, which begins as 0 */
  RG_TWICE     /* Y and what it was a layer before */
} rg_states;

/* A right-hand side. Of one state, Y' = rate(Y). Of two, each rate is that of the state `which` and
 * depends on the other alone: Y' = rate(0, Z), Z' = rate(1, Y). */
typedef struct rg_field {
  const char *name;
  rg_states states;
  const char *integrator; /* the one it has by itself */
  bool decays;            /* its eigenvalues are far left of the axis: no midpoint */
  bool images_only;
  rung_node (*rate)(rg_builder *b, int which, rung_node source);
} rg_field;

/* The right-hand sides: a line each. */
#define RG_FIELDS(X)                                                                               \
  X(resnet)                                                                                        \
  X(bottleneck)                                                                                    \
  X(antisymmetric) X(parabolic) X(hamiltonian) X(hamiltonian_two) X(leapfrog) X(midpoint)

#define RG_FIELD_DECLARE(name) extern const rg_field rg_field_##name;
RG_FIELDS(RG_FIELD_DECLARE)
#undef RG_FIELD_DECLARE

/* By the number in a stage's settings.variant. */
const rg_field *rg_field_of(const rg_block *stage);

/* ---- stages of an ODE ---- */

/* Checks block, integrator, time, norm and width together, for stage `stage`, and appends its
 * layers as one block "stageN". *states says what goes in and comes out. */
rung_status rg_add_stage(rung_context *ctx, const rung_network_settings *settings, int stage,
                         bool images, rg_blocks *out);
/* What the network's stages carry, or an error for names that are not known. */
rung_status rg_stage_states(rung_context *ctx, const rung_network_settings *settings, bool images,
                            rg_states *out);
/* How many. */
static inline int rg_states_count(rg_states states) {
  return states == RG_ONE ? 1 : 2;
}
/* One array as the states of a stage, and back to what is handed on. settings.variant of the block
 * says which they are. */
void rg_states_open(rg_builder *b, rung_node x, rung_node *out);
rung_node rg_states_close(rg_builder *b, const rung_node *in);
/* A block before, between or behind stages: sets states and variant. */
void rg_block_opens(rg_block *block, rg_states states);
void rg_block_closes(rg_block *block, rg_states states);

/* ---- what several architectures begin and end with ---- */

/* Appends the block "stem": a convolution to channels[0]. */
rung_status rg_add_stem(rg_blocks *blocks, const rung_network_settings *settings, rg_states states);
/* Appends the block "head"; `finished`: what comes is normalised and bent already. */
rung_status rg_add_head(rg_blocks *blocks, const rung_network_settings *settings, rg_states states,
                        bool finished, int64_t outputs);
/* What a network, or an exit, may end with; names are static. */
typedef struct rg_head {
  const char *name;
  const rg_block_kind *kind;
} rg_head;
/* NULL, with an error that begins with `key`, for a name that is none. */
const rg_head *rg_head_find(rung_context *ctx, const char *key, const char *name);
bool rg_is_head(const rg_block *block);
/* What they end with: dropout (in training) and W x + b of features. */
rung_node rg_classifier(rg_builder *b, rung_node x);
/* Appends the exits that the settings ask for, beside the chain `blocks`, as blocks "exitE"; checks
 * them. */
rung_status rg_add_exits(rung_context *ctx, const rung_network_settings *settings,
                         const rg_blocks *blocks, rg_blocks *out);
/* The head of an exit, by its name or NULL; NULL, with an error, for a name that is none. */
const rg_head *rg_exit_head(rung_context *ctx, const char *name);
/* Appends the block "resume", which gives the states that were joined along their last axis: the
 * first block of a module that begins between two others. */
rung_status rg_add_resume(rg_blocks *blocks, int states, int64_t first_channels);
/* The architecture conv. */
rung_status rg_build_conv(rung_context *ctx, const rung_network_settings *settings,
                          const rung_shape *sample, int64_t outputs, rg_blocks *out);

/* True for blocks of layers of an ODE. */
bool rg_is_stage(const rg_block *block);

#endif
