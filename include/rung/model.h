/**
 * @file model.h
 * Trained models: load, save, evaluate, differentiate, inspect, export.
 */
#ifndef RUNG_MODEL_H
#define RUNG_MODEL_H

#include "rung/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A trained model; belongs to the context that it was made with. Evaluation, saving, export and
 * copying do not change it: several threads may use one at once, each with its own context and
 * predictor. rung_model_drop_stage() and rung_model_destroy() are for one thread alone. */
typedef struct rung_model rung_model;

/** Reads a model from a safetensors file (docs/model-file.md); release it with
 * rung_model_destroy(). @return RUNG_E_IO, RUNG_E_FORMAT, RUNG_E_MEMORY */
RUNG_API rung_status rung_model_load(rung_context *ctx, const char *path, rung_model **out);
/** Reads a model from the bytes of such a file. `name` stands for the file in messages; `data` is
 * not needed afterwards. */
RUNG_API rung_status rung_model_load_memory(rung_context *ctx, const char *name, const void *data,
                                            size_t length, rung_model **out);
/** Writes a model to a file, whole or not at all: the path holds the old file or the new one.
 * @return RUNG_E_IO, RUNG_E_MEMORY */
RUNG_API rung_status rung_model_save(const rung_model *model, rung_context *ctx, const char *path);
/** The bytes of a model's file; the caller releases *out with rung_free(). */
RUNG_API rung_status rung_model_save_memory(const rung_model *model, rung_context *ctx, void **out,
                                            size_t *length);
/** A copy that belongs to `ctx`, the same context or another. */
RUNG_API rung_status rung_model_copy(const rung_model *model, rung_context *ctx, rung_model **out);
/** Releases a model. NULL is allowed. */
RUNG_API void rung_model_destroy(rung_model *model);

/** The arithmetic in which the model is evaluated. */
RUNG_API rung_dtype rung_model_dtype(const rung_model *model);
/** The number of inputs. */
RUNG_API int rung_model_inputs(const rung_model *model);
/** The number of outputs. */
RUNG_API int rung_model_outputs(const rung_model *model);
/** The name of an input; NULL outside the range. */
RUNG_API const char *rung_model_input_name(const rung_model *model, int input);
/** The name of an output; NULL outside the range. */
RUNG_API const char *rung_model_output_name(const rung_model *model, int output);
/** The number of stages. */
RUNG_API int rung_model_stages(const rung_model *model);
/** The number of trained numbers of all stages: weights, biases, heads. */
RUNG_API int64_t rung_model_parameters(const rung_model *model);
/** The estimated noise floor of the data (RMS); 0 where none was seen. */
RUNG_API double rung_model_noise(const rung_model *model);
/** The box of the training points along an input, 0 being the first; NaN outside the range. */
RUNG_API void rung_model_range(const rung_model *model, int input, double *low, double *high);

/** What is known of a stage. `activation` is static text. */
typedef struct rung_stage_info {
  int width;              /**< Features: the width of the last hidden layer. */
  int layers;             /**< Hidden layers. */
  const char *activation; /**< Of the first layer: "tanh" or "sin". */
  double frequency; /**< Largest angular frequency of the features, per unit of scaled input. */
  double eps;       /**< Scale of the stage: the largest over outputs. */
  double training_error; /**< Relative L2 error of the model up to this stage, training points. */
  double heldout_error;  /**< The same on held-out points. */
  int64_t parameters;    /**< Trained numbers. */
  int64_t points;        /**< Training points. */
  double seconds;        /**< Time it took; 0 where the model came from a file. */
} rung_stage_info;

/** Fills `out` for stage 0..stages-1. @return RUNG_E_ARGUMENT for another number */
RUNG_API rung_status rung_model_stage(const rung_model *model, rung_context *ctx, int stage,
                                      rung_stage_info *out);
/** Removes a stage; the others keep their bits and move up. A model without stages is 0 everywhere.
 * @return RUNG_E_ARGUMENT where there is no such stage */
RUNG_API rung_status rung_model_drop_stage(rung_model *model, rung_context *ctx, int stage);

/** Options of rung_export_c(); rung_export_options_default() fills them. */
typedef struct rung_export_options {
  const char *name; /**< Prefix of the C functions, a C identifier of at most 40 characters that
                         C does not use itself. Default "rung_model". */
  int derivatives;  /**< 1: also the gradient in the inputs. Default 0. */
  int exit;         /**< Of a network: where it is to end (network.h). Default 0: its own end. */
} rung_export_options;

/** The defaults. */
RUNG_API rung_export_options rung_export_options_default(void);
/** The model as one C99 file that needs only libm (docs/export.md). @param options NULL for the
 * defaults @param out the text, with a 0 character behind its end; release it with rung_free()
 * @param length its length @return RUNG_E_ARGUMENT for the name, RUNG_E_MEMORY */
RUNG_API rung_status rung_export_c(const rung_model *model, rung_context *ctx,
                                   const rung_export_options *options, char **out, size_t *length);
/** The model as one Python file that needs only NumPy; otherwise as rung_export_c(). The functions'
 * names are fixed. */
RUNG_API rung_status rung_export_numpy(const rung_model *model, rung_context *ctx,
                                       const rung_export_options *options, char **out,
                                       size_t *length);

/** A model compiled for evaluation of chosen outputs and derivatives. It holds a copy of the
 * model's numbers, so the model may be released or changed, and working memory, so that it is used
 * by one thread at a time. It belongs to the context that it was made with. */
typedef struct rung_predictor rung_predictor;

#define RUNG_MAX_ORDER 8 /**< The highest order of a derivative in rung_predictor_create(). */

/** One quantity: an output, then the inputs to differentiate it by, ended by -1. {0, -1} is output
 * 0, {0, 1, 1, -1} its second derivative in input 1. */
typedef int rung_quantity[RUNG_MAX_ORDER + 2];

/**
 * Prepares evaluation; release with rung_predictor_destroy(). Working memory is made for as many
 * threads as the context has now.
 * @param model the model
 * @param ctx whose memory is used
 * @param count how many quantities a point gives; 0 for all of the model's outputs in order
 * @param quantity which, [count]; unused where count is 0
 * @param out the predictor
 * @return RUNG_E_ARGUMENT for outputs, inputs or orders out of range
 */
RUNG_API rung_status rung_predictor_create(const rung_model *model, rung_context *ctx, int count,
                                           const rung_quantity *quantity, rung_predictor **out);
/** Releases a predictor. NULL is allowed. */
RUNG_API void rung_predictor_destroy(rung_predictor *predictor);
/** Bytes that the predictor holds for its work. */
RUNG_API size_t rung_predictor_bytes(const rung_predictor *predictor);
/**
 * Evaluates. Nothing is allocated. A point's bits do not depend on the other points, on threads or
 * on instructions. Points outside the training box are extrapolated; values that overflow are
 * infinite or NaN, and no error.
 * @param predictor the predictor
 * @param ctx errors, threads, instructions; the predictor's context or another
 * @param points how many; 0 is allowed
 * @param x [points][inputs] in the model's arithmetic: float, double or rung_dd
 * @param y [points][count] likewise; written; may not overlap x
 * @return RUNG_E_ARGUMENT where `points` is negative
 */
RUNG_API rung_status rung_predict(rung_predictor *predictor, rung_context *ctx, int64_t points,
                                  const void *x, void *y);

#ifdef __cplusplus
}
#endif
#endif
