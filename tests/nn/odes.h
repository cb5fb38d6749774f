/* Stages of an ODE on features, for tests: a network whose states are looked at. */
#ifndef RG_ODES_H
#define RG_ODES_H

#include <math.h>

#include "nn/arch/arch.h"
#include "nn/network.h"
#include "nn/walk.h"
#include "test.h"

/* A dense network of one stage in double precision. */
static inline rung_network *ode_network(rung_context *ctx, const char *block,
                                        const char *integrator, const char *activation,
                                        int64_t features, int64_t width, int64_t layers,
                                        double time) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 1, .dim = {features}};
  rung_network *n;
  s.architecture = "dense";
  s.block = block;
  s.integrator = integrator;
  s.activation = activation;
  s.stages = 1;
  s.channels[0] = width;
  s.layers[0] = layers;
  s.time = time;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 2, RUNG_F64, 1, &n));
  return n;
}

/* The variable of this name, and its numbers. */
static inline const rg_variable *ode_variable(const rung_network *n, const char *name,
                                              double **numbers) {
  for (int i = 0; i < n->parameter_count; i++)
    if (!strcmp(n->parameter[i].name, name)) {
      *numbers = (double *)n->theta + n->parameter[i].offset;
      return &n->parameter[i];
    }
  fail_msg("there is no tensor %s", name);
  abort(); /* for analysers: not reached */
}

/* Sets a tensor to a smooth function of time, the same whatever the number of layers. */
static inline void ode_set(const rung_network *n, const char *name, double size, double wave) {
  double *numbers;
  const rg_variable *v = ode_variable(n, name, &numbers);
  for (int64_t j = 0; j < v->nodes; j++)
    for (int64_t i = 0; i < v->count; i++)
      numbers[j * v->count + i] =
          size * rg_normal(3, 3, (uint64_t)i) *
          (1 + wave * sin(2 * ((double)j + 0.5) / (double)v->nodes + (double)i));
}

/* Takes the states of one sample through the stage (block 1 of the network), in place. */
static inline void ode_run(rung_context *ctx, const rung_network *n, double *const *state) {
  rg_probe p = {0};
  assert_ok(ctx, rg_probe_open(&p, n, ctx, 1, 1, RG_PROBE_LAYER));
  for (int64_t j = 0; j < n->blocks.list[1].layers; j++) {
    rg_probe_load(&p, j);
    for (int s = 0; s < p.states_in && s < RG_MOST_STATES; s++)
      memcpy(p.state[s], state[s], (size_t)p.in[s] * sizeof(double));
    assert_ok(ctx, rg_probe_run(&p));
    for (int s = 0; s < p.states_in && s < RG_MOST_STATES; s++)
      memcpy(state[s], p.state_out[s], (size_t)p.in[s] * sizeof(double));
  }
  rg_probe_close(&p);
}

#endif
