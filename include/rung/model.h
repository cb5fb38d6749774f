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

/** A trained model. Evaluation does not change it: several threads may use one at once, each with
 * its own context and predictor. */
typedef struct rung_model rung_model;

/** Reads a model from a safetensors file. @return RUNG_E_IO, RUNG_E_FORMAT, RUNG_E_MEMORY */
RUNG_API rung_status rung_model_load(rung_context *ctx, const char *path, rung_model **out);
/** Reads a model from memory. `name` stands for the file in messages. */
RUNG_API rung_status rung_model_load_memory(rung_context *ctx, const char *name, const void *data,
                                            size_t length, rung_model **out);
/** Writes a model to a file, whole or not at all. */
RUNG_API rung_status rung_model_save(const rung_model *model, rung_context *ctx, const char *path);
/** The bytes of a model's file; the caller releases *out with rung_free(). */
RUNG_API rung_status rung_model_save_memory(const rung_model *model, rung_context *ctx, void **out,
                                            size_t *length);
/** A copy that belongs to another context. */
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
/** The number of trained numbers, all stages. */
RUNG_API int64_t rung_model_parameters(const rung_model *model);
/** The estimated noise floor of the data (RMS); 0 where none was seen. */
RUNG_API double rung_model_noise(const rung_model *model);
/** The box of the training points along an input. */
RUNG_API void rung_model_range(const rung_model *model, int input, double *low, double *high);

/** What is known of a stage. */
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
  double seconds;        /**< Time it took. */
} rung_stage_info;

/** Fills `out` for stage 0..stages-1. */
RUNG_API rung_status rung_model_stage(const rung_model *model, rung_context *ctx, int stage,
                                      rung_stage_info *out);
/** Removes a stage; the others keep their bits. */
RUNG_API rung_status rung_model_drop_stage(rung_model *model, rung_context *ctx, int stage);

/** Options of rung_export_c(); rung_export_options_default() fills them. */
typedef struct rung_export_options {
  const char *name; /**< Prefix of the C functions, a C identifier. Default "rung_model". */
  int derivatives;  /**< 1: also the gradient in the inputs. Default 0. */
} rung_export_options;

/** The defaults. */
RUNG_API rung_export_options rung_export_options_default(void);
/** The model as one C99 file that needs only libm; the caller releases *out with rung_free(). */
RUNG_API rung_status rung_export_c(const rung_model *model, rung_context *ctx,
                                   const rung_export_options *options, char **out, size_t *length);
/** The model as one Python file that needs only NumPy; *out as above. */
RUNG_API rung_status rung_export_numpy(const rung_model *model, rung_context *ctx,
                                       const rung_export_options *options, char **out,
                                       size_t *length);

/** A model compiled for evaluation of chosen outputs: values and derivatives. */
typedef struct rung_predictor rung_predictor;

/**
 * Prepares evaluation. @param count how many quantities a point gives; 0 for the model's outputs
 * @param quantity for each an array of 1 + RUNG_MAX_ORDER numbers: the output, then the inputs to
 * differentiate by, ended by -1: {0, 1, 1, -1} is the second derivative of output 0 in input 1.
 */
#define RUNG_MAX_ORDER 8 /**< The highest order of a derivative in rung_predictor_create(). */
/** One quantity: an output and the inputs to differentiate it by, ended by -1. */
typedef int rung_quantity[RUNG_MAX_ORDER + 2];
/** See above. @return RUNG_E_ARGUMENT for numbers out of range */
RUNG_API rung_status rung_predictor_create(const rung_model *model, rung_context *ctx, int count,
                                           const rung_quantity *quantity, rung_predictor **out);
/** Releases a predictor. NULL is allowed. */
RUNG_API void rung_predictor_destroy(rung_predictor *predictor);
/** Bytes that the predictor holds for its work. */
RUNG_API size_t rung_predictor_bytes(const rung_predictor *predictor);
/**
 * Evaluates. @param x [points][inputs] and @param y [points][count], in the model's arithmetic
 * (float, double or rung_dd). Points far outside the training box are extrapolated.
 */
RUNG_API rung_status rung_predict(rung_predictor *predictor, rung_context *ctx, int64_t points,
                                  const void *x, void *y);

#ifdef __cplusplus
}
#endif
#endif
