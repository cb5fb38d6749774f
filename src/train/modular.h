/* Module-wise training by the minimising movement scheme (Karkar et al., arXiv 2210.00949 and
 * 2309.17357): the modules of a network with exits are trained one by one, each under a classifier
 * of its own, with everything before it frozen. Module k minimises
 *
 *   mean loss(F_k(T_k(x)), y) + w_k W_k,      w_k = 1 / (2 tau_k),
 *
 * where W_k is the transport cost: the sum over its layers of the mean (or sum) of r^2, r being
 * what a layer adds to its state; penalty.h sets w_k. docs/modulewise.md */
#ifndef RG_MODULAR_H
#define RG_MODULAR_H

#include "train/features.h"
#include "train/penalty.h"
#include "train/trainer.h"

typedef struct rg_modular rg_modular;

/* Which module (from 1) is trained in a step, or 0 for all of them; the step within the module's
 * own steps, and how many these are. A function of the settings and the step alone. */
typedef struct rg_turn {
  int module;
  int64_t step, steps;
  bool first; /* of the module's turn */
} rg_turn;
rg_turn rg_modular_turn(const rung_training *training, int modules, int64_t step, int64_t steps,
                        int64_t steps_of_epoch);

/* The modules of the trainer's network, within `memory` bytes (0: no limit). *least: what would do
 * where that is too little; 0: a hasty trainer (trainer.h) did not find out. */
rung_status rg_modular_create(rung_trainer *trainer, size_t memory, size_t *least,
                              rg_modular **out);
void rg_modular_destroy(rg_modular *modular); /* NULL is allowed */

/* One step of all modules, or of the one whose turn it is. The network's numbers change where all
 * of it went well, else they are as before. */
rung_status rg_modular_step(rg_modular *modular, const rg_pass_batch *batch);

/* What frozen modules hand on; NULL where all modules take each step. */
rg_features *rg_modular_features(rg_modular *modular);

/* Does another module's turn begin with the next step? */
bool rg_modular_turns(const rg_modular *modular);
/* The exit behind which the network is good for something now: the module whose turn the last step
 * was, or the last. */
int rg_modular_exit(const rg_modular *modular);

/* Bytes of what is kept of such a training beside the network's numbers. */
rung_status rg_modular_state_bytes(const rung_network *network, const rung_training *training,
                                   size_t *out);
/* Operations of a pass of each module over the batch, and of what modules before it compute for it
 * where they are frozen: sums over modules, so that procedures compare that train each module
 * alike.
 */
double rg_modular_operations(const rg_modular *modular);
/* Arrays of its state, as rg_trainer_arrays(). */
int rg_modular_arrays(rg_modular *modular, rg_trainer_array *out);

int rg_modular_modules(const rg_modular *modular); /* up to the last that is trained */
/* What the last step of module `module` (from 1) came to, for the log. */
rg_module_seen rg_modular_seen(const rg_modular *modular, int module);
/* Its multiplier lambda as it stands after that; 0 where tau is in charge. */
double rg_modular_multiplier(const rg_modular *modular, int module);

/* The learning rate of the next step. */
double rg_modular_rate(const rg_modular *modular);
/* The plan in words and bytes, one line. The caller frees. */
rung_status rg_modular_tell(const rg_modular *modular, char **out);
/* The pass of module `module`: its plan. NULL where it is frozen. */
const rg_pass *rg_modular_pass(const rg_modular *modular, int module);

#endif
