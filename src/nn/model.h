/* A trained model: a sum of stages, each a small network fitted to what the earlier ones left.
 *
 *   s_j      = (x_j - centre_j) * scale_j                                (working precision)
 *   h_0      = s;  h_l = act_l(W_l h_{l-1} + b_l)                        l = 1..layers
 *   u_k[o]   = bias_k[o] + skip_k[o] . s + head_k[o] . h_layers          (compensated sums)
 *   y[o]     = sum over k = stages-1 .. 0 of eps_k[o] * u_k[o]           (small to large)
 *
 * All numbers are doubles (in single precision: doubles that are floats), taken exactly into the
 * working precision; `scale` and `eps` are powers of two. */
#ifndef RG_MODEL_H
#define RG_MODEL_H

#include "base/base.h"
#include "rung/model.h"

typedef enum rg_activation { RG_TANH = 0, RG_SIN = 1 } rg_activation;

typedef struct rg_layer {
  rg_activation activation;
  int64_t width, inputs;
  double *weight; /* [width][inputs] */
  double *bias;   /* [width] */
} rg_layer;

typedef struct rg_stage {
  int layer_count;
  rg_layer *layer;
  bool has_skip;
  double *head; /* [outputs][width of the last layer] */
  double *skip; /* [outputs][inputs], or NULL */
  double *bias; /* [outputs] */
  double *eps;  /* [outputs] */
  /* What is told about it; not used in evaluation. */
  double frequency;      /* kappa of the first layer, radians per unit of scaled input */
  double training_error; /* relative L2 of the sum of stages so far */
  double heldout_error;
  double seconds;
  int64_t points;
} rg_stage;

struct rung_model {
  rung_context *ctx;
  rung_dtype dtype;
  int inputs, outputs;
  char **input_name, **output_name;
  double *centre, *scale; /* [inputs] */
  double *low, *high;     /* [inputs]: the box of the training points */
  int stage_count;
  rg_stage *stage;
  double noise;  /* estimated noise floor, absolute (RMS over outputs); 0 where none was seen */
  char *made_by; /* text: version and options, for people; may be NULL */
};

/* What stands for infinity where sizes from a caller or a file are checked. */
#define RG_MODEL_MAX_COLUMNS 65536  /* inputs or outputs */
#define RG_MODEL_MAX_LAYERS 1024    /* hidden layers of a stage */
#define RG_MODEL_MAX_WIDTH 16777216 /* of a layer */

/* A model without stages: centre and low 0, scale and high 1. Names are copied; a NULL list gives
 * x1, x2, ... and y1, y2, ... */
rung_status rg_model_create(rung_context *ctx, rung_dtype dtype, int inputs, int outputs,
                            const char *const *input_names, const char *const *output_names,
                            rung_model **out);

/* A stage whose weights are 0 and whose eps are 1: `layers` >= 1 hidden layers of width[l] and
 * activation[l], and a linear skip from the inputs where asked. */
rung_status rg_stage_create(rung_context *ctx, int inputs, int outputs, int layers,
                            const int64_t *width, const rg_activation *activation, bool has_skip,
                            rg_stage **out);
void rg_stage_destroy(rung_context *ctx, rg_stage *stage); /* NULL is allowed */

/* Appends a stage made with the model's context and of its inputs and outputs. The stage belongs to
 * the model afterwards, and is gone where this fails. */
rung_status rg_model_append_stage(rung_model *model, rung_context *ctx, rg_stage *stage);

/* Puts `stage` in the place of stage `index`, as rg_model_append_stage(). */
rung_status rg_model_replace_stage(rung_model *model, rung_context *ctx, int index,
                                   rg_stage *stage);

/* The trained numbers of a stage: weights, biases, head, skip; not eps. */
int64_t rg_stage_parameters(const rung_model *model, const rg_stage *stage);

/* Every number that evaluation uses is finite, and a float where the model is in single. `name`
 * stands for the model in the message. */
rung_status rg_model_check(const rung_model *model, rung_context *ctx, const char *name);

/* "tanh", "sin". */
const char *rg_activation_name(rg_activation activation);

#endif
