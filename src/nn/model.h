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
  char *made_by; /* text: version and options, for people */
};

#endif
