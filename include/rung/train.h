/**
 * @file train.h
 * Training deep networks by steps of a first- or second-order optimiser, in a stated memory.
 *
 * A trainer takes steps on batches that the caller gives. rung_train() does all of it from a
 * recipe: data, network, epochs, schedule, log, checkpoints, report.
 */
#ifndef RUNG_TRAIN_H
#define RUNG_TRAIN_H

#include "rung/network.h"
#include "rung/run.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is minimised: the mean over samples. */
typedef enum rung_loss {
  RUNG_CROSS_ENTROPY = 0, /**< Of the softmax of the scores; targets are labels. */
  RUNG_SQUARED = 1,       /**< Mean squared error; targets are numbers. */
  RUNG_HUBER = 2          /**< Quadratic up to delta, linear beyond. */
} rung_loss;

/** How back-propagation gets what it needs of the way forward. docs/memory.md */
typedef enum rung_activations {
  RUNG_ACTIVATIONS_AUTO = 0, /**< The fastest that fits into the memory allowed. */
  RUNG_STORE = 1,            /**< All is stored. */
  RUNG_RECOMPUTE = 2,        /**< Checkpoints are stored, the rest is computed again. */
  RUNG_REVERSE = 3,          /**< Reversible stages run backwards in floating point; the error of
                                  the inverse is measured, and past a bound it is an error. */
  RUNG_REVERSE_EXACT = 4     /**< Reversible stages keep their state in fixed point and run
                                  backwards exactly. The network must be `fixed`. */
} rung_activations;

/** How steps are taken; rung_training_default() fills it. Names are those of a recipe's `training`
 * keys; docs/training.md. */
typedef struct rung_training {
  const char *optimiser; /**< "sgd", "momentum", "nesterov", "adamw", "lbfgs", "gauss-newton".
                              Default "adamw". */
  double rate;           /**< Learning rate at its highest. 0 (default): the optimiser's own. */
  double weight_decay;   /**< Decoupled: theta -= rate * weight_decay * theta. Default 0. */
  double momentum;       /**< Default 0.9. */
  double decay1;         /**< AdamW's. Default 0.9, 0.999, 1e-8. */
  double decay2;         /**< As decay1. */
  double epsilon;        /**< As decay1. */
  const char *schedule;  /**< "constant", "step", "cosine", "linear". Default "constant". */
  double warmup;         /**< Share of all steps in which the rate rises from 0. Default 0. */
  double step_every;     /**< Schedule "step": epochs after which the rate is multiplied ... */
  double step_factor;    /**< ... by this. Default 30 and 0.1. */
  double clip;           /**< Largest norm of the gradient; 0 (default): none. */
  double average;        /**< Decay of the averaged weights, such as 0.999; 0 (default): none. */
  double smoothness;     /**< Weight alpha of (alpha / 2h) sum ||theta_{j+1} - theta_j||^2 over the
                              layers of each stage. Default 0. */
  int64_t batch;         /**< Samples of a step. Default 64. */
  int64_t micro_batch;   /**< Samples that are run at once, a divisor of the batch: gradients are
                              summed, and batch normalisation takes its statistics of so many. 0: the
                              whole batch; RUNG_MICRO_AUTO (default): the whole batch, or fewer where
                              it does not fit into `memory` or takes more than twice their work. */
  double smoothing;      /**< Label smoothing, 0..1. Default 0. */
  double delta;          /**< Huber's. Default 1. */
  rung_loss loss;        /**< Default RUNG_CROSS_ENTROPY. */
  rung_activations activations; /**< Default RUNG_ACTIVATIONS_AUTO. */
  double drift;   /**< RUNG_REVERSE: largest relative error of the inverse. Default 1e-3. */
  size_t memory;  /**< Bytes that the trainer may take; 0 (default): no limit. */
  int modulewise; /**< 1: the modules of a network with exits are trained one by one, each under a
                       classifier of its own (docs/modulewise.md). Default 0: end to end. */
  int transport_sum;     /**< 1: W sums over the elements of a layer; 0 (default): their mean. */
  const char *procedure; /**< "parallel" (default): every step trains all modules, each on what the
                              one before hands on; "sequential": one after the other, those before
                              frozen; "multilap": the same in laps. */
  uint64_t frozen;       /**< Modulewise: bit k - 1: module k is not trained; where it stands before
                              one that is, it runs in inference mode. Turns go round the others.
                              Default 0. */
  int64_t laps;          /**< Of procedure "multilap". Default 5. */
  double tau;            /**< Of the penalty W / (2 tau), where W is a module's transport cost; 0:
                              none; RUNG_TAU_AUTO (default): set from `ratio`. */
  double ratio;          /**< RUNG_TAU_AUTO: the penalty's size beside the loss. Default 0.1. */
  int pipeline;          /**< Procedure "parallel": modules that are at work at once, each with a
                              share of the threads and arrays of its own; changes no bit. At most as
                              many as there are threads and modules, and as fit into `memory`; 1: one
                              after the other; 0 (default): as many, up to 3 and to half of
                              the modules. */
  int taus;              /**< Numbers in `tau_of`, which then stand in place of `tau`. Default 0. */
  double tau_of[RUNG_MOST_EXITS + 1]; /**< Shared out evenly: module k (from 1) of K has
                              tau_of[floor((k - 1) taus / K)], so that two numbers are for the
                              first half of the modules and the rest. */
  double tau_factor;      /**< What a given tau is multiplied by from the first of a module's own
                               steps to the last, geometrically. Default 1: it stays. */
  double multiplier;      /**< Not 0: in place of tau, a module minimises lambda L + W, L being its
                               loss, and lambda begins here. Default 0. */
  double multiplier_rate; /**< h: lambda += h L, with the mean L of the steps between two such
                               changes. Default 1. */
  int64_t multiplier_every; /**< s: how many of the module's steps these are. Default 5. */
  uint64_t seed;            /**< Of dropout. Default 1. */
} rung_training;

#define RUNG_TAU_AUTO (-1.0) /**< See rung_training. */
#define RUNG_MICRO_AUTO (-1) /**< See rung_training. */

/** The defaults. */
RUNG_API rung_training rung_training_default(void);

/** Takes steps on a network's parameters. */
typedef struct rung_trainer rung_trainer;

/**
 * Makes a trainer: chooses the memory plan, compiles, takes all memory that steps need.
 * @param network is trained in place; must outlive the trainer
 * @param ctx whose memory and threads steps use
 * @param steps how many steps the schedule is to span
 * @param steps_of_epoch for the schedule "step"
 * @return RUNG_E_BUDGET with the least bytes that would do; RUNG_E_ARGUMENT
 */
RUNG_API rung_status rung_trainer_create(rung_network *network, rung_context *ctx,
                                         const rung_training *training, int64_t steps,
                                         int64_t steps_of_epoch, rung_trainer **out);
/** Releases a trainer. NULL is allowed. */
RUNG_API void rung_trainer_destroy(rung_trainer *trainer);
/**
 * One step: loss and gradient of a batch, then the optimiser's change of the parameters. Allocates
 * nothing.
 * @param x [batch][sample] in the network's arithmetic, normalised
 * @param target RUNG_CROSS_ENTROPY: [batch] labels 0..; else [batch][outputs]
 * @param weight [batch] of the samples, or NULL
 * @param loss the batch's, before the step; may be NULL
 * @return RUNG_E_NUMERIC where loss or gradient is not finite, or the inverse drifted past the
 * bound: parameters, statistics and the optimiser are then as before
 */
RUNG_API rung_status rung_trainer_step(rung_trainer *trainer, const void *x, const void *target,
                                       const void *weight, double *loss);
/** The gradient of the last step, [parameters] in the order of the network's tensors that are no
 * statistics; the trainer's. */
RUNG_API const void *rung_trainer_gradient(const rung_trainer *trainer);
/** The scores [batch][outputs] of the last step, computed before the change; the trainer's. */
RUNG_API const void *rung_trainer_scores(const rung_trainer *trainer);
/** The memory plan in words and bytes, one line; the trainer's. */
RUNG_API const char *rung_trainer_plan(const rung_trainer *trainer);
/** Bytes that the trainer holds. */
RUNG_API size_t rung_trainer_bytes(const rung_trainer *trainer);

/** Training of one module of a network as one C99 file for devices without an operating system: it
 * needs libm only, allocates nothing, and has all its memory in one block that its caller gives,
 * whose bytes the file states; docs/modulewise.md tells what it offers. The modules before are
 * frozen. Steps have the bits of rung_trainer_step() of that module.
 * @param options the name; derivatives are not offered. NULL for the defaults
 * @param training counted are optimiser (one of batches) with its numbers, batch, loss, smoothing,
 * delta and, where `modulewise` is set, tau (a number) and transport_sum. The rate is an argument
 * of each step, so that the schedule is the caller's.
 * @param module from 1; of a network without exits 1 is the whole
 * @param out the text, with a 0 character behind its end; release it with rung_free()
 * @param length its length
 * @return RUNG_E_ARGUMENT; RUNG_E_UNSUPPORTED for clipping, averaging, smoothness, states in fixed
 * point, weights linear in time, dropout and ops that have no form in C */
RUNG_API rung_status rung_network_export_training(const rung_network *network, rung_context *ctx,
                                                  const rung_export_options *options,
                                                  const rung_training *training, int module,
                                                  char **out, size_t *length);

/** What an epoch came to. */
typedef struct rung_epoch {
  int64_t epoch;              /**< From 1. */
  int64_t epochs;             /**< Of how many. */
  double train_loss;          /**< Mean over the epoch's steps. */
  double train_accuracy;      /**< NaN where there are no classes. */
  double validation_loss;     /**< NaN without validation data. */
  double validation_accuracy; /**< NaN likewise. */
  double rate;                /**< Learning rate at its end. */
  double drift;               /**< Largest of the inverse; NaN where it is not run. */
  double seconds;             /**< Since training began. */
  size_t peak_bytes;          /**< Peak of the memory of run and program. */
} rung_epoch;

/** What training reports while it runs. */
typedef struct rung_train_progress {
  const char *doing;          /**< "training", "validating", "testing". */
  int64_t epoch;              /**< From 1. */
  int64_t epochs;             /**< As epoch. */
  int64_t step;               /**< Of this epoch. */
  int64_t steps;              /**< As step. */
  double loss;                /**< Running means of this epoch; NaN where unknown. */
  double accuracy;            /**< As loss. */
  double rate;                /**< Samples per second. */
  double seconds;             /**< Since it began, and till the end as it looks; -1 unknown. */
  double left;                /**< As seconds. */
  const rung_epoch *finished; /**< Not NULL right after an epoch. */
  const char *note;           /**< Not NULL: something to tell, one line. */
  const char *plan;           /**< Not NULL once, before the first step: what is trained on, the
                                   network and the memory plan in words and bytes, one line each. */
} rung_train_progress;

/** Called from time to time, from the thread that trains. @return 0 to go on, anything else to
 * stop: the state is saved and the run can be resumed */
typedef int (*rung_train_progress_fn)(void *user, const rung_train_progress *progress);

/** What training came to. */
typedef struct rung_train_result {
  int64_t epochs;             /**< Done. */
  int64_t best_epoch;         /**< With the least held-out loss: the model that was kept. */
  double train_loss;          /**< Of the last epoch. */
  double validation_loss;     /**< As train_loss. */
  double validation_accuracy; /**< As train_loss. */
  double test_loss;           /**< Of the kept model on the test data; NaN without. */
  double test_accuracy;       /**< As test_loss. */
  int64_t parameters;         /**< Of the network. */
  double seconds;             /**< Of all sessions together. */
  size_t planned_bytes;       /**< As stated before, and as it came. */
  size_t peak_bytes;          /**< As planned_bytes. */
  int64_t skipped;            /**< Samples skipped as unreadable. */
  int restored;               /**< How often the last good state was restored. */
  int cancelled;              /**< 1: the caller stopped it; it can be resumed. */
} rung_train_result;

/**
 * Trains as a recipe (RUNG_RECIPE_TRAIN) says, a new network or, with its keys under `extend`,
 * modules of a saved one (docs/modulewise.md). The folder gets recipe, log.jsonl, the best model
 * (model.safetensors), the last (last.safetensors), the state to go on from, TensorBoard events and
 * report.html.
 * @param folder made if missing; must not hold a run already; NULL: nothing is written
 * @param progress NULL for none
 * @param out the kept model, belongs to `ctx`; NULL where it is not wanted
 * @param result may be NULL
 */
RUNG_API rung_status rung_train(rung_context *ctx, const rung_recipe *recipe, const char *folder,
                                rung_train_progress_fn progress, void *user, rung_network **out,
                                rung_train_result *result);
/**
 * Trains modules of a network that is there, further from where they are, each under its own
 * classifier (docs/modulewise.md); all other modules keep their bits, running statistics included.
 * rung_network_grow() and rung_network_renew() make modules that begin anew. Samples are read in
 * the network's form and normalised by its numbers, since what is frozen depends on them. Nothing
 * is written; a run that is stopped gives what it came to.
 * @param network stays as it is
 * @param recipe of RUNG_RECIPE_TRAIN with training.scheme modulewise: its keys under `data`,
 * `training` and `run` count; `model`, training.modules, training.head and training.precision are
 * the network's
 * @param trained bit k - 1: module k
 * @param progress NULL for none
 * @param out the network as it came to be, belongs to `ctx`
 * @param result may be NULL; losses are those of the last module that is trained
 * @return as rung_train(); RUNG_E_ARGUMENT for modules that are not there or a loss that is not
 * the network's; RUNG_E_DATA, RUNG_E_FORMAT for samples of another form
 */
RUNG_API rung_status rung_train_modules(rung_context *ctx, const rung_network *network,
                                        const rung_recipe *recipe, uint64_t trained,
                                        rung_train_progress_fn progress, void *user,
                                        rung_network **out, rung_train_result *result);
/** What one way to cut the network of a recipe would take. */
typedef struct rung_planned {
  int modules;          /**< 1: end to end. */
  int fits;             /**< 1: into the recipe's training.memory, or there is no limit. */
  size_t planned_bytes; /**< Of the run and the program; where it does not fit the least that would
                             do. */
  size_t step_bytes;    /**< Of it: what steps take, with the optimiser; 0 where it does not fit. */
  double work;          /**< Of passes, in those that store everything: 1 and more; NaN likewise. */
  int64_t micro_batch;  /**< Samples that are run at once, at the fewest; 0 likewise. */
  double step_seconds;  /**< Measured: one step on the first batch, after one to warm up; with
                           modules in turn the mean over them; NaN likewise. */
  int64_t steps_per_epoch; /**< How many of them an epoch has. */
} rung_planned;
/**
 * Plans a training without doing it: end to end, and cut into 2, 3, 4, 6, ... modules, each as
 * rung_train() would plan it, and takes two steps of each that fits to tell the time.
 * @param rows [most], written; *count of them
 */
RUNG_API rung_status rung_train_plan(rung_context *ctx, const rung_recipe *recipe, int most,
                                     rung_planned *rows, int *count);
/** Goes on with a run that was stopped or killed, to the bytes that it would have come to. */
RUNG_API rung_status rung_train_resume(rung_context *ctx, const char *folder,
                                       rung_train_progress_fn progress, void *user,
                                       rung_network **out, rung_train_result *result);

#ifdef __cplusplus
}
#endif
#endif
