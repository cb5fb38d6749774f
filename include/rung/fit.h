/**
 * @file fit.h
 * Multi-stage refinement: a sum of networks, each fitted to the residual of the others.
 */
#ifndef RUNG_FIT_H
#define RUNG_FIT_H

#include "rung/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a stage is trained. */
typedef enum rung_method {
  RUNG_SEPARABLE = 0, /**< Chosen features, linear head by QR and SVD, Levenberg-Marquardt for the
                           hidden layers where features alone do not suffice. */
  RUNG_GRADIENT = 1   /**< The published recipe: Adam, then a full-batch quasi-Newton method
                           (Wang and Lai, J. Comput. Phys. 504, 2024). */
} rung_method;

/** The full-batch method of RUNG_GRADIENT. */
typedef enum rung_minimiser {
  RUNG_LBFGS = 0,    /**< Limited-memory BFGS, strong Wolfe line search. */
  RUNG_SSBROYDEN = 1 /**< Dense self-scaled Broyden (Urban et al., arXiv 2405.04230). */
} rung_minimiser;

/** Why a fit ended. */
#define RUNG_STOP_LIST(X)                                                                          \
  X(RUNG_STOP_ROUNDING, "rounding floor", "the residual is rounding error of the precision")       \
  X(RUNG_STOP_NOISE, "noise floor", "what is left looks like noise in the data")                   \
  X(RUNG_STOP_HELDOUT, "no gain", "a further stage does not lower the held-out error")             \
  X(RUNG_STOP_TARGET, "target reached", "the held-out error is at most the target")                \
  X(RUNG_STOP_STAGES, "stages", "the number of stages asked for is reached")                       \
  X(RUNG_STOP_TIME, "time", "the time allowed is used up")                                         \
  X(RUNG_STOP_MEMORY, "memory", "a further stage needs more memory than allowed")                  \
  X(RUNG_STOP_CANCELLED, "cancelled", "the caller asked to stop")

/** Why a fit ended; see RUNG_STOP_LIST. */
typedef enum rung_stop {
#define RUNG_STOP_ENUM(name, text, meaning) name, /**< See RUNG_STOP_LIST. */
  RUNG_STOP_LIST(RUNG_STOP_ENUM)
#undef RUNG_STOP_ENUM
} rung_stop;

/** Short text of a stop reason, for example "noise floor". */
RUNG_API const char *rung_stop_text(rung_stop stop);
/** A sentence about it. */
RUNG_API const char *rung_stop_meaning(rung_stop stop);

/** What a fit reports while it runs. */
typedef struct rung_progress {
  int stage;         /**< The stage in training, from 0. */
  const char *doing; /**< What it does now, for people: "solving for the head". */
  double fraction;   /**< Share of this stage's work that is done, 0..1; -1 where unknown. */
  double seconds;    /**< Since the fit began. */
  double best_error; /**< Relative L2 error on held-out points so far; 1 before any stage. */
  const rung_stage_info *finished; /**< Not NULL right after a stage was kept; valid in the call. */
  const char *note; /**< Not NULL: something to tell (a stage was not kept, and why). */
} rung_progress;

/** Called from time to time, from the thread that fits; what `progress` points to is valid in the
 * call. It starts no other work in the fit's context. @return 0 to go on, anything else to stop and
 * keep the best model */
typedef int (*rung_progress_fn)(void *user, const rung_progress *progress);

/** Options of a fit; rung_fit_options_default() fills them. */
typedef struct rung_fit_options {
  rung_dtype precision;      /**< Working precision. Default RUNG_F64. */
  rung_method method;        /**< Default RUNG_SEPARABLE. */
  rung_minimiser minimiser;  /**< For RUNG_GRADIENT. Default RUNG_LBFGS. */
  int stages;                /**< Most stages; 0 (default): as many as help. */
  double target_error;       /**< Stop at this relative L2 error on held-out points. Default 0. */
  double time;               /**< Seconds allowed; 0 (default): no limit. */
  size_t memory;             /**< Bytes allowed for the library's memory; 0 (default): no limit. */
  uint64_t seed;             /**< Default 1. */
  double heldout;            /**< Share of a table's points held out, 0.02..0.5. Default 0.1.
                                 RUNG_SEPARABLE holds none out below 3000 rows: its errors are
                                 leave-one-out then. */
  int64_t points;            /**< Points to sample from a function; 0 (default): chosen. */
  int replace;               /**< rung_extend(): the stage to train anew; -1 (default): add. */
  rung_progress_fn progress; /**< NULL (default) for none. */
  void *progress_user;       /**< Passed to `progress`. */
} rung_fit_options;

/** The defaults. */
RUNG_API rung_fit_options rung_fit_options_default(void);

/** Computes the outputs at points: x [points][inputs], y [points][outputs], in `dtype`: RUNG_DD
 * where the fit is in quad precision, else RUNG_F64, in single precision too, so that the truth is
 * better than the model. Called from the thread that fits. @return RUNG_OK; anything else ends the
 * fit with that status (rung_fail() gives it a message) */
typedef rung_status (*rung_function)(void *user, rung_context *ctx, rung_dtype dtype,
                                     int64_t points, const void *x, void *y);

/** What is to be fitted: a table of points or a function on a box. What it points to is read during
 * the call alone. */
typedef struct rung_problem {
  int inputs;                      /**< Number of inputs, >= 1. */
  int outputs;                     /**< Number of outputs, >= 1. */
  const char *const *input_names;  /**< NULL for x1, x2, ... */
  const char *const *output_names; /**< NULL for y1, y2, ... */
  int64_t points;                  /**< Table: number of rows. */
  const void *x;                   /**< Table: [points][inputs], in the fit's precision. */
  const void *y;                   /**< Table: [points][outputs], in the fit's precision. */
  rung_function function;          /**< Function: not NULL; then `points`, `x`, `y` are unused. */
  void *function_user;             /**< Passed to `function`. */
  const double *low;               /**< Function: the box's lower ends. */
  const double *high;              /**< Function: the box's upper ends. */
} rung_problem;

/** What a fit came to. */
typedef struct rung_fit_result {
  rung_stop stop;        /**< Why it ended. */
  double training_error; /**< Relative L2 on the training points. */
  double heldout_error;  /**< Relative L2 on held-out points. */
  double max_error;      /**< Largest error on held-out points over the largest |y|. */
  double noise;          /**< Estimated noise floor (RMS, absolute); 0 where none was seen. */
  double seconds;        /**< Wall time. */
  size_t planned_bytes;  /**< Memory that the plans stated. */
  size_t peak_bytes;     /**< Memory that the library held at the most. */
} rung_fit_result;

/**
 * Fits a model. A fit that is stopped (time, memory, the callback) still gives the best model, with
 * RUNG_OK. The same data, options and seed give the same bits, whatever the threads and
 * instructions, unless time ends the fit.
 * @param ctx whose memory, threads and instructions are used
 * @param problem the data
 * @param options NULL for the defaults
 * @param out the model; belongs to `ctx`; release it with rung_model_destroy()
 * @param result what the fit came to; may be NULL
 * @return RUNG_E_ARGUMENT for options and ranges; RUNG_E_DATA for constant or non-finite targets,
 * or fewer rows than unknowns; RUNG_E_BUDGET where not even one stage fits the memory (the message
 * names the least that does); RUNG_E_CANCELLED where the fit was stopped before there was a stage;
 * what the problem's function returned
 */
RUNG_API rung_status rung_fit(rung_context *ctx, const rung_problem *problem,
                              const rung_fit_options *options, rung_model **out,
                              rung_fit_result *result);

/** Adds stages to `model` (or trains stage `replace` anew) on the same or new data; the other
 * stages keep their bits. *out is a new model, `model` stays as it is. Options and errors as
 * rung_fit(); also RUNG_E_ARGUMENT where inputs, outputs, precision or the stage to replace do not
 * fit the model. Where no further stage helps, *out holds the stages of `model`. */
RUNG_API rung_status rung_extend(rung_context *ctx, const rung_model *model,
                                 const rung_problem *problem, const rung_fit_options *options,
                                 rung_model **out, rung_fit_result *result);

/** Errors of a model on data. */
typedef struct rung_evaluation {
  int64_t points;      /**< Points compared. */
  double relative_l2;  /**< Root of sum of squares of errors over that of the truth; NaN where the
                            truth is 0. */
  double rms;          /**< Root mean square error. */
  double max_error;    /**< Largest absolute error. */
  double max_relative; /**< Largest absolute error over the largest |truth|. */
  double r2;           /**< 1 - residual variance over variance; the least over outputs. */
} rung_evaluation;

/** Compares a model with a table, of the model's arithmetic, or with a function on `points` random
 * points of its box (seeded; not those of a fit with that seed). `points` and `seed` are unused for
 * a table. @return RUNG_E_ARGUMENT where inputs or outputs do not fit or there is no point;
 * RUNG_E_DATA for numbers that are not finite, RUNG_E_NUMERIC where the model's are not */
RUNG_API rung_status rung_evaluate(rung_context *ctx, const rung_model *model,
                                   const rung_problem *problem, int64_t points, uint64_t seed,
                                   rung_evaluation *out);

#ifdef __cplusplus
}
#endif
#endif
