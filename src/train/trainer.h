/* The inside of a trainer, for what saves and restores it. */
#ifndef RG_TRAINER_H
#define RG_TRAINER_H

#include "optim/descent.h"
#include "rung/batch.h"
#include "train/features.h"
#include "train/pass.h"
#include "train/smoothness.h"

/* A way to take steps that sees the whole batch at once: L-BFGS, Gauss-Newton. */
typedef struct rg_full_batch rg_full_batch;
/* Trains modules instead of the whole: modular.h. */
typedef struct rg_modular rg_modular;

struct rung_trainer {
  rung_context *ctx;
  rung_network *network;
  rung_training training; /* its strings are static */
  double rate;            /* the highest */
  int64_t steps, steps_of_epoch;
  int64_t step;   /* taken so far */
  double lowered; /* what the schedule's rate is multiplied by: 1 until a run had to be restored */
  rg_stepper *stepper;   /* NULL: full_batch ... */
  rg_full_batch *full;   /* ... takes the steps, or ... */
  rg_modular *modular;   /* ... the modules do; then `pass` is NULL */
  bool converged;        /* it cannot get any lower */
  rg_stepper *averager;  /* NULL unless weights are averaged */
  void *average;         /* [parameters] */
  void *average_running; /* [statistics] */
  rg_stepper *average_running_stepper;
  rg_smoothness *smoothness; /* may be NULL */
  rg_pass *pass;
  rg_pass_result seen;  /* of the last step */
  double gradient_norm; /* of the last step, before clipping */
  void *running_before; /* [statistics] as they were before the step */
  double *partial;      /* of norms */
  size_t bytes;
  bool hasty;
  char *plan;
};

/* Arrays that a trainer's state is made of; lengths in numbers of the network's arithmetic, or in
 * doubles where `real`. */
typedef struct rg_trainer_array {
  const char *name;
  void *data;
  int64_t count;
  bool real;
} rg_trainer_array;
#define RG_MOST_TRAINER_ARRAYS (20 + RG_MOST_DESCENT_STATES * (RUNG_MOST_EXITS + 1))

/* As rung_trainer_create(); *least gets the bytes that would do where these are too few.
 * `hasty`: where programs alone take more they are not all made to find out, and it gets 0.
 * `observe`: norms of states and cotangents at each layer are wanted. */
rung_status rg_trainer_create(rung_network *network, rung_context *ctx,
                              const rung_training *training, int64_t steps, int64_t steps_of_epoch,
                              bool observe, bool hasty, size_t *least, rung_trainer **out);

/* Bytes of the arrays of such a trainer. */
rung_status rg_trainer_state_bytes(const rung_network *network, const rung_training *training,
                                   size_t *out);

/* Lists them and returns how many. Together with step, stepper->steps and `lowered` they are all
 * that the next step depends on beside its batch. */
int rg_trainer_arrays(rung_trainer *trainer, rg_trainer_array *out);

/* ", in pieces of 16 samples", where a pass has several. */
void rg_trainer_tell_pieces(rg_text *out, const rg_pass *pass, const rung_network *network,
                            int64_t batch);
/* Operations of its passes, in those of passes that store everything: the mean over modules. */
double rg_trainer_work(const rung_trainer *trainer);
/* Operations of a step by the same estimate; with modules in turn of a step of each. */
double rg_trainer_operations(const rung_trainer *trainer);
/* The fewest samples that a pass of it runs at once. */
int64_t rg_trainer_micro(const rung_trainer *trainer);
/* A hash of what of its plan has to do with the bits of results: pieces, and running backwards. */
uint64_t rg_trainer_way(const rung_trainer *trainer);
/* Its pass, or that of the last module. */
const rg_pass *rg_trainer_pass(const rung_trainer *trainer);

/* The learning rate of the next step. */
double rg_trainer_rate(const rung_trainer *trainer);

/* As rung_trainer_step(), of a batch that tells which samples it holds. */
rung_status rg_trainer_step(rung_trainer *trainer, const rung_batch *batch, double *loss);

/* Lets modules in turn keep what those before hand on (train/features.h), which the trainer's bytes
 * and plan then tell of. Nothing happens where all of the network is trained in each step. */
rung_status rg_trainer_keep_features(rung_trainer *trainer, const rg_features_wish *wish);
/* The network's numbers have been set from outside. */
void rg_trainer_was_set(rung_trainer *trainer);
/* Why features are kept no longer, once; else NULL. */
const char *rg_trainer_features_news(rung_trainer *trainer);

/* Exchanges the network's weights and statistics with their averages, and back. Nothing happens
 * where none are kept. */
void rg_trainer_exchange(rung_trainer *trainer);

/* Loss with what is added to it, and gradient, at the network's weights on a batch; statistics take
 * the step. Leaves both in `seen`. */
rung_status rg_trainer_evaluate(rung_trainer *trainer, const rg_pass_batch *batch);

/* ---- full_batch.c ---- */

/* Is it the name of such an optimiser? */
bool rg_full_batch_named(const char *name);
rung_status rg_full_batch_create(rung_trainer *trainer, rg_full_batch **out);
void rg_full_batch_destroy(rg_full_batch *full); /* NULL is allowed */
rung_status rg_full_batch_step(rg_full_batch *full, const rg_pass_batch *batch);
/* Bytes of the arrays of such an optimiser. */
size_t rg_full_batch_bytes(const char *name, int64_t parameters);
/* Its arrays, as rg_trainer_arrays(). */
int rg_full_batch_arrays(rg_full_batch *full, rg_trainer_array *out);

#endif
