/* A probe runs one block of a network in double precision and inference, whatever the network's
 * arithmetic, and its derivatives in the states: for looking at it, not for training. */
#ifndef RG_PROBE_H
#define RG_PROBE_H

#include "nn/chain.h"

typedef enum rg_probe_kind {
  RG_PROBE_LAYER, /* a layer: states and tangents to states and tangents */
  /* J' J t of the rate of state 0, or 1, of a stage (field.c), J being its Jacobian in the state it
   * depends on, with the activation's slope taken as 1 */
  RG_PROBE_RATE_0,
  RG_PROBE_RATE_1
} rg_probe_kind;

typedef struct rg_probe {
  rung_context *ctx;
  const rung_network *network;
  int block;
  int64_t samples;
  int states_in, states_out;
  int64_t in[RG_MOST_STATES], out[RG_MOST_STATES]; /* numbers of one sample of each state */
  int64_t total_in, total_out;
  rung_program *program;
  void *workspace;
  double *memory; /* of all that follows */
  double *state[RG_MOST_STATES], *tangent[RG_MOST_STATES];
  double *state_out[RG_MOST_STATES], *tangent_out[RG_MOST_STATES];
  struct rg_probe_tensor *tensor; /* what the block asked for */
  int tensors;
} rg_probe;

/* Compiles; close it also where this fails. */
rung_status rg_probe_open(rg_probe *probe, const rung_network *network, rung_context *ctx,
                          int block, int64_t samples, rg_probe_kind kind);
void rg_probe_close(rg_probe *probe);
/* Takes the numbers of layer `layer` of the block. */
void rg_probe_load(rg_probe *probe, int64_t layer);
/* From state[], tangent[] to state_out[], tangent_out[]. */
rung_status rg_probe_run(rg_probe *probe);

/* [samples][total], each sample's states one after the other, to the arrays of states, and back. */
void rg_probe_scatter(const rg_probe *probe, const double *joined, double *const *state);
void rg_probe_gather(const rg_probe *probe, double *const *state, double *joined);

#endif
