/**
 * @file evaluate.h
 * How well a network answers labelled samples, also when they are spoiled by noise; and what it
 * answers to samples without labels. docs/evaluation.md has the formulas.
 */
#ifndef RUNG_EVALUATE_H
#define RUNG_EVALUATE_H

#include "rung/batch.h"
#include "rung/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Options of rung_network_evaluate(); rung_evaluate_options_default() fills them. */
typedef struct rung_evaluate_options {
  int64_t batch;     /**< Samples at once. Default 256. */
  int top;           /**< k of the top-k accuracy. Default 5. */
  int bins;          /**< Of confidence, for the calibration error. Default 15. */
  int worst;         /**< How many of the worst samples are told. Default 0. */
  int exit;          /**< The exit that answers (network.h); 0 (default): the network's
                          end. */
  double confidence; /**< More than 0: each sample is answered by the first exit that is so sure of
                          it (rung_network_apply_early()), in place of `exit`. Default 0. */
  rung_corruption corruption; /**< How samples are spoiled first. Default RUNG_CLEAN. */
  double level;               /**< Of the corruption. */
  uint64_t seed;              /**< Of the corruption. Default 1. */
} rung_evaluate_options;

/** The defaults. */
RUNG_API rung_evaluate_options rung_evaluate_options_default(void);

/** Samples whose highest probability lies in one of the equal parts of 0..1. */
typedef struct rung_confidence_bin {
  int64_t samples;   /**< How many. */
  double confidence; /**< Mean of their highest probability; NaN without samples. */
  double accuracy;   /**< Share of them that is classified right; NaN without samples. */
} rung_confidence_bin;

/** A sample with a large loss. */
typedef struct rung_worst_sample {
  int64_t sample;    /**< Its number in the set. */
  int label;         /**< What it is; -1 for regression. */
  int predicted;     /**< What it was taken for; -1 for regression. */
  double confidence; /**< The probability of that; NaN for regression. */
  double loss;       /**< Its cross-entropy, or its mean squared error. */
} rung_worst_sample;

/** How well the values of one output are met. */
typedef struct rung_output_error {
  double rms;         /**< Root of the mean squared error. */
  double max_error;   /**< The largest. */
  double relative_l2; /**< ||error|| / ||value||. */
  double r2;          /**< 1 - sum error^2 / sum (value - mean)^2; NaN where values are constant. */
} rung_output_error;

/** What the answers come to. Release it with rung_network_evaluation_destroy(). */
typedef struct rung_network_evaluation {
  int64_t samples;     /**< That have a label. */
  double loss;         /**< Mean of the samples': cross-entropy (natural logarithm), or mean squared
                            error in units of the targets' scale. */
  int classes;         /**< 0 for regression, where what follows is NaN or NULL. */
  double accuracy;     /**< Share that is classified right. */
  int top;             /**< k: as asked for, at most `classes`. */
  double top_accuracy; /**< Share whose class is among the k with the highest probabilities. */
  double calibration_error; /**< Expected calibration error: sum over bins of (samples / all) *
                                 |accuracy - confidence|. */
  const int64_t *confusion; /**< [classes][classes]: samples of class `row` taken for `column`. */
  int bins;                 /**< Ranges of confidence. */
  const rung_confidence_bin *bin; /**< [bins] */
  int outputs;                    /**< Values to be met; 0 where there are classes. */
  const rung_output_error *error; /**< [outputs] */
  int exits; /**< With a confidence: the exits, the network's end among them; else 0. */
  const int64_t *answered;               /**< [exits]: samples that each of them answered. */
  double multiply_adds;                  /**< With a confidence: those of a sample, their mean
                                              (rung_network_early_cost()); else NaN. */
  int worst;                             /**< At most as many as asked for. */
  const rung_worst_sample *worst_sample; /**< [worst], the worst first. */
} rung_network_evaluation;

/**
 * Compares a network with labelled samples.
 * @param ctx whose memory and threads are used
 * @param network normalises what it is given as it was trained
 * @param set must have the shape and the classes of the network; open it with the network's form
 * @param of the samples; NULL for all
 * @param options NULL for the defaults
 * @return RUNG_E_SHAPE, RUNG_E_DATA for a set that does not fit or has no labels
 */
RUNG_API rung_status rung_network_evaluate(rung_context *ctx, rung_network *network,
                                           const rung_dataset *set, const rung_part *of,
                                           const rung_evaluate_options *options,
                                           rung_network_evaluation **out);
/**
 * As rung_network_evaluate(), of every exit in one way through the network, with the same numbers.
 * @param options its `exit` and `confidence` must be 0
 * @param out [rung_network_exits() + 1], written: the last is the network's end; all NULL after a
 * failure. Release each.
 */
RUNG_API rung_status rung_network_evaluate_exits(rung_context *ctx, rung_network *network,
                                                 const rung_dataset *set, const rung_part *of,
                                                 const rung_evaluate_options *options,
                                                 rung_network_evaluation **out);
/** Releases what rung_network_evaluate() gave. NULL is allowed. */
RUNG_API void rung_network_evaluation_destroy(rung_context *ctx,
                                              rung_network_evaluation *evaluation);

/** Answers to a batch: called for each in turn. Anything but RUNG_OK ends it with that status.
 * @param answer [count][outputs]: probabilities of classes, or values in the targets' units
 * @param exit [count]: the exit that answered; exits + 1 is the network's end */
typedef rung_status (*rung_answer_fn)(void *user, const int64_t *sample, int64_t count,
                                      const double *answer, const int *exit);
/**
 * Answers all samples of a set, in their order.
 * @param batch samples at once
 * @param exit the exit that answers; 0: the network's end
 * @param confidence more than 0: the first exit that is so sure of a sample answers in its place
 * (rung_network_apply_early()); 0: none does
 * @return as rung_network_evaluate(), and what `answer` returned
 */
RUNG_API rung_status rung_network_answer(rung_context *ctx, rung_network *network,
                                         const rung_dataset *set, int64_t batch, int exit,
                                         double confidence, rung_answer_fn answer, void *user);

#ifdef __cplusplus
}
#endif
#endif
