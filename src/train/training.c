/* The settings of training as they are where nothing is said. */
#include "rung/train.h"

rung_training rung_training_default(void) {
  return (rung_training){.optimiser = "adamw",
                         .momentum = 0.9,
                         .decay1 = 0.9,
                         .decay2 = 0.999,
                         .epsilon = 1e-8,
                         .schedule = "constant",
                         .step_every = 30,
                         .step_factor = 0.1,
                         .batch = 64,
                         .micro_batch = RUNG_MICRO_AUTO,
                         .loss = RUNG_CROSS_ENTROPY,
                         .delta = 1,
                         .activations = RUNG_ACTIVATIONS_AUTO,
                         .drift = 1e-3,
                         .procedure = "parallel",
                         .laps = 5,
                         .tau = RUNG_TAU_AUTO,
                         .tau_factor = 1,
                         .multiplier_rate = 1,
                         .multiplier_every = 5,
                         .ratio = 0.1,
                         .seed = 1};
}
