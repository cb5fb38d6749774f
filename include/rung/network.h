/**
 * @file network.h
 * Deep networks: a chain of blocks, of which some are layers of an ODE that is integrated in time.
 *
 * A network knows its architecture, its parameters and running statistics, how inputs are
 * normalised and what its classes are called; it is one safetensors file. How one is trained stands
 * in train.h. Images are [height][width][channels], rows of tables [features].
 */
#ifndef RUNG_NETWORK_H
#define RUNG_NETWORK_H

#include "rung/dataset.h"
#include "rung/graph.h"
#include "rung/model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RUNG_MOST_STAGES 8 /**< The most stages of different width. */
#define RUNG_MOST_EXITS 63 /**< The most exits. */

/** What a network is to look like; rung_network_settings_default() fills it. The names are those of
 * a recipe's `model` keys; docs/architectures.md explains them with their formulas. */
typedef struct rung_network_settings {
  const char *architecture; /**< "mlp", "cnn", "resnet", "dense", "conv". Default "mlp". */
  const char *block;        /**< What a layer of a stage is: "resnet", "bottleneck",
                                 "antisymmetric", "parabolic", "hamiltonian", "hamiltonian-two",
                                 "leapfrog", "midpoint". Default "resnet". */
  const char *integrator;   /**< "euler", "verlet", "leapfrog", "midpoint", "rk4"; NULL (default):
                                 the block's own. */
  const char *activation;   /**< "tanh", "relu", "gelu", "silu", "leaky-relu", "softplus",
                                 "sigmoid", "identity". Default "tanh" (dense), "relu" else. NULL. */
  const char *norm;         /**< "none", "batch", "layer", "group", "instance". NULL (default):
                                 the architecture's own. */
  const char *head;         /**< What it ends with: "pool" (of images the mean over positions; a
                                 linear map), "conv", "mlp". NULL (default): "pool". */
  int stages;               /**< How many entries of `channels` and `layers` count. */
  int64_t channels[RUNG_MOST_STAGES]; /**< Channels (images) or width (features) of each stage;
                                           of an mlp: of each hidden layer. */
  int64_t layers[RUNG_MOST_STAGES];   /**< Layers of each stage. */
  double time;            /**< Final time T of each stage; step size h = T / layers. Default 1. */
  double step;            /**< Step size h; 0 (default): from `time`. */
  int64_t added;          /**< Of the last stage's layers: those that stand behind its final time,
                               in steps of the same size (rung_network_grow()). Default 0. */
  double gamma;           /**< Diffusion of antisymmetric blocks. Default 1e-4. */
  int64_t groups;         /**< Groups of group normalisation. Default 8. */
  int64_t opening_kernel; /**< Images: edge of the opening convolution's kernel. Default 3. */
  int64_t opening_stride; /**< Images: its stride; 2 makes all stages a quarter of the work.
                               Default 1. */
  double dropout;         /**< Share of features dropped before the classifier. Default 0. */
  double orthogonal;      /**< Weights begin as matrices with orthonormal rows (or columns, where
                               those are fewer) times this; 0 (default): as random numbers. */
  int64_t nodes; /**< 0 (default): each layer has weights of its own (piecewise constant in time).
                      m > 1: weights are linear in time between m nodes. */
  int fixed;     /**< 1: the state of reversible stages is kept in fixed point, so that the inverse
                      is exact (rung_fixed_add()). Default 0. */
  int exits;     /**< How many entries of `exit_at` count. An exit is a classifier of its own beside
                      the chain, for training in modules and for early answers. Default 0. */
  int64_t exit_at[RUNG_MOST_EXITS]; /**< Rising: exit e stands behind so many layers of the chain,
                      each layer of a stage being one; from 1 to the layers before the last block.
                      Not inside a stage with `nodes`, nor with `fixed`. */
  const char *exit_head[RUNG_MOST_EXITS]; /**< What each exit is: "conv", "pool", "mlp", as `head`.
                      NULL (default): "conv". */
} rung_network_settings;

/** The defaults. */
RUNG_API rung_network_settings rung_network_settings_default(void);

/** A network; belongs to its context. */
typedef struct rung_network rung_network;

/**
 * Makes a network with its parameters as they begin.
 * @param ctx whose memory it takes
 * @param settings copied
 * @param sample shape of one sample: [features] or [height][width][channels]
 * @param outputs classes, or numbers to predict
 * @param dtype arithmetic of parameters and of training
 * @param seed of the parameters' random numbers
 * @param out release it with rung_network_destroy()
 * @return RUNG_E_ARGUMENT for names that are not known and settings that do not go together;
 * RUNG_E_SHAPE for a sample that the architecture cannot take; RUNG_E_MEMORY
 */
RUNG_API rung_status rung_network_create(rung_context *ctx, const rung_network_settings *settings,
                                         const rung_shape *sample, int64_t outputs,
                                         rung_dtype dtype, uint64_t seed, rung_network **out);
/** Releases a network. NULL is allowed. */
RUNG_API void rung_network_destroy(rung_network *network);

/** Its settings; strings are the network's. */
RUNG_API rung_network_settings rung_network_get_settings(const rung_network *network);
/** Shape of one sample. */
RUNG_API rung_shape rung_network_sample(const rung_network *network);
/** Classes, or numbers predicted. */
RUNG_API int64_t rung_network_outputs(const rung_network *network);
/** The arithmetic. */
RUNG_API rung_dtype rung_network_dtype(const rung_network *network);
/** How many parameters: all numbers that training changes. */
RUNG_API int64_t rung_network_parameters(const rung_network *network);

/** One named array of a network. */
typedef struct rung_tensor {
  const char *name; /**< "stage1.K": block and tensor. */
  rung_shape shape; /**< With the layers of a stage on the first axis, where it has them. */
  void *data;       /**< In the network's arithmetic; may be written. */
  int statistic;    /**< 1: a running statistic, which training updates but no gradient moves. */
} rung_tensor;
/** How many tensors. */
RUNG_API int rung_network_tensors(const rung_network *network);
/** Tensor `index`; its pointers are valid as long as the network. */
RUNG_API rung_status rung_network_tensor(const rung_network *network, rung_context *ctx, int index,
                                         rung_tensor *out);

/** The names of classes (NULL: none are set); the network's. */
RUNG_API const char *const *rung_network_classes(const rung_network *network);
/** Sets the names of classes: copies outputs strings. */
RUNG_API rung_status rung_network_set_classes(rung_network *network, rung_context *ctx,
                                              const char *const *names);
/** How inputs are normalised, (x - mean) * scale; per channel (images) or feature. The arrays are
 * the network's and hold 0 and 1 until they are written. @param count entries of each */
RUNG_API void rung_network_normalisation(rung_network *network, double **mean, double **scale,
                                         int64_t *count);

/** The same of the values that regression is to meet: they are score * scale + mean. [outputs] */
RUNG_API void rung_network_target_normalisation(rung_network *network, double **mean,
                                                double **scale);
/** What the network's inputs must look like, as rung_dataset_form() told of its training set (JSON:
 * shape, columns with their categories, classes), or NULL where it was not set; the network's. */
RUNG_API const char *rung_network_form(const rung_network *network);
/** How samples for the network are opened: in its form, or else with its classes; image files
 * scaled to its shape. @param how comes with the defaults, and with what else is wanted; strings
 * are the network's */
RUNG_API void rung_network_dataset(const rung_network *network, rung_dataset_options *how);
/** Sets it; the text is copied, and written into the network's file. */
RUNG_API rung_status rung_network_set_form(rung_network *network, rung_context *ctx,
                                           const char *form);

/**
 * Outputs for samples, in inference mode: running statistics, no dropout.
 * @param network the network
 * @param ctx whose memory and threads are used; need not be the network's
 * @param count samples
 * @param x [count][sample] in the network's arithmetic, already normalised
 * @param y [count][outputs], written: scores (a softmax gives probabilities)
 */
RUNG_API rung_status rung_network_apply(const rung_network *network, rung_context *ctx,
                                        int64_t count, const void *x, void *y);

/** How many exits a network has. */
RUNG_API int rung_network_exits(const rung_network *network);
/** Multiply-adds of matrix products and convolutions for one sample, up to and with exit 1 to
 * exits; exits + 1: of the whole chain. Other exits on the way are not counted. NAN where memory is
 * short. */
RUNG_API double rung_network_cost(const rung_network *network, int exit);
/** As rung_network_apply(), but the scores of an exit; layers behind it are not computed.
 * @param exit from 1; exits + 1 is the network's own end
 * @return RUNG_E_ARGUMENT for an exit that is not there */
RUNG_API rung_status rung_network_apply_exit(const rung_network *network, rung_context *ctx,
                                             int exit, int64_t count, const void *x, void *y);

/**
 * As rung_network_apply(), but stopping early: each sample leaves at the first exit whose largest
 * probability (softmax of its scores, computed in double precision) is at least `confidence`, else
 * at the network's end. Those that have left are not computed any further: the others are gathered
 * and go on by themselves. A sample's answer does not depend on the others of the batch, nor on
 * threads.
 * @param confidence more than 0, at most 1 (only where the other probabilities vanish in rounding)
 * @param count samples
 * @param x [count][sample] in the network's arithmetic, already normalised
 * @param y [count][outputs], written: the scores of the exit at which each sample left, with the
 * bits of rung_network_apply_exit()
 * @param exit [count], written: that exit, from 1; exits + 1 is the network's own end
 * @return RUNG_E_ARGUMENT for a confidence out of range, and for a network without exits or without
 * names of classes, which predicts numbers; RUNG_E_MEMORY
 */
RUNG_API rung_status rung_network_apply_early(const rung_network *network, rung_context *ctx,
                                              double confidence, int64_t count, const void *x,
                                              void *y, int *exit);
/** Multiply-adds of a sample that rung_network_apply_early() lets leave at an exit: as
 * rung_network_cost(), with the exits on the way, which were asked before. */
RUNG_API double rung_network_early_cost(const rung_network *network, int exit);

/** Writes a network as a safetensors file. */
RUNG_API rung_status rung_network_save(const rung_network *network, rung_context *ctx,
                                       const char *path);
/** Reads one. @return RUNG_E_IO, RUNG_E_FORMAT for a file that is no network or is damaged */
RUNG_API rung_status rung_network_load(rung_context *ctx, const char *path, rung_network **out);
/** What a model's file holds. */
typedef enum rung_model_kind {
  RUNG_MODEL_STAGES = 0, /**< A sum of stages: rung_model_load() (model.h). */
  RUNG_MODEL_NETWORK = 1 /**< A network: rung_network_load(). */
} rung_model_kind;
/** Tells what a file holds. @return RUNG_E_IO, RUNG_E_FORMAT for a file that is neither */
RUNG_API rung_status rung_model_kind_of(rung_context *ctx, const char *path, rung_model_kind *out);
/** The same network once more. */
RUNG_API rung_status rung_network_copy(const rung_network *network, rung_context *ctx,
                                       rung_network **out);
/** How a network grows; rung_growth_default() fills it. */
typedef struct rung_growth {
  int modules;      /**< How many are appended. Default 1. */
  int64_t layers;   /**< Of each; 0 (default): as many as the last module has. */
  const char *head; /**< What the exits between new modules are: "conv", "pool", "mlp". NULL
                         (default): what the last exit is, or "conv". */
  uint64_t seed;    /**< Of the new parameters. Default 1. */
} rung_growth;
/** The defaults. */
RUNG_API rung_growth rung_growth_default(void);
/**
 * A network with more modules behind its last one: layers like those of its last stage. Its present
 * classifier becomes the exit of what was the last module; the new modules have classifiers of
 * their own. All tensors that were there keep their bits, and with them the scores of all exits.
 * @return RUNG_E_UNSUPPORTED for weights linear in time (`nodes`), a state in fixed point, a
 * network that is made of no architecture; RUNG_E_ARGUMENT for more exits or, of an mlp, hidden
 * layers than there may be
 */
RUNG_API rung_status rung_network_grow(const rung_network *network, rung_context *ctx,
                                       const rung_growth *growth, rung_network **out);
/**
 * Gives a module parameters and running statistics as they begin, its classifier's too; all others
 * keep their bits.
 * @param module from 1; exits + 1 is the last
 * @param seed of the random numbers: another one than before, or it begins as it did then
 */
RUNG_API rung_status rung_network_renew(rung_network *network, rung_context *ctx, int module,
                                        uint64_t seed);

/** A network with twice the layers in each stage and half the step size, its weights prolonged
 * linearly in time, so that it computes nearly the same (Chang et al., arXiv 1710.10348). */
RUNG_API rung_status rung_network_prolong(const rung_network *network, rung_context *ctx,
                                          rung_network **out);

/** The network as one C99 file that needs only libm and allocates nothing: `void NAME(const T *x, T
 * *y)` takes a sample as it is, before normalisation, and gives the scores; docs/export.md. A state
 * in fixed point is computed in floating point there.
 * @param options its name, and the exit at which it is to end: layers and exits that this one does
 * not need are not written; derivatives are not offered. NULL for the defaults
 * @param out the text, with a 0 character behind its end; release it with rung_free()
 * @param length its length
 * @return RUNG_E_ARGUMENT for an exit that is not there; RUNG_E_UNSUPPORTED, naming the op, where a
 * block uses one that has no form in C */
RUNG_API rung_status rung_network_export_c(const rung_network *network, rung_context *ctx,
                                           const rung_export_options *options, char **out,
                                           size_t *length);
/** The network as an ONNX file (operator set 17) with input "input" [batch][sample], before
 * normalisation, and output "output" [batch][outputs]; in single or double precision. Otherwise as
 * rung_network_export_c(), the name apart, which it has no use for. */
RUNG_API rung_status rung_network_export_onnx(const rung_network *network, rung_context *ctx,
                                              const rung_export_options *options, char **out,
                                              size_t *length);

#ifdef __cplusplus
}
#endif
#endif
