/* A pass: the loss of a batch and its gradient, by the memory plan that was chosen.
 *
 * What back-propagation needs of the way forward is stored, computed again from checkpoints, or
 * recovered by running reversible stages backwards. All memory of a pass is taken when it is made;
 * a pass allocates nothing. */
#ifndef RG_PASS_H
#define RG_PASS_H

#include "nn/chain.h"
#include "rung/train.h"

typedef struct rg_pass_options {
  int64_t batch;
  /* Samples that are run at once, a divisor of the batch: the loss is a sum over samples, so that
   * gradients of pieces add up to that of the batch. 0: all of them; RUNG_MICRO_AUTO: all of them
   * where that fits, else the divisor with the least work that does. What mixes samples (statistics
   * of batch normalisation) and dropout see each piece for itself. */
  int64_t micro;
  rung_loss loss;
  double smoothing, delta; /* label smoothing; Huber's delta */
  rung_activations activations;
  size_t memory;      /* most bytes that the pass may take; 0: no limit */
  double drift_bound; /* RUNG_REVERSE: the largest relative error of the inverse that is let pass */
  bool products;      /* rg_pass_forward_product() and rg_pass_backward_product() are wanted */
  bool observe;       /* norms of states and cotangents at each layer are wanted */
  bool tap;           /* the states before the last block are wanted: rg_pass_batch.tapped */
  bool borrowed;      /* its arrays lie in the caller's memory: rg_pass_place(). Then `memory`, and
                         the bytes of the plan, are those of the arrays, without programs */
} rg_pass_options;

/* What is done and what it takes: told before training. Plans of one activation mode each. */
typedef struct rg_pass_plan {
  int64_t micro;                /* samples that are run at once */
  rung_activations activations; /* never RUNG_ACTIVATIONS_AUTO */
  int64_t segment;              /* RUNG_RECOMPUTE: layers between checkpoints */
  double work;            /* estimated operations of a pass, in those of RUNG_STORE: 1 and more */
  double operations;      /* of a pass over the batch, by the same estimate */
  size_t state_bytes;     /* stored states and kept arrays, at their most */
  size_t workspace_bytes; /* of the programs */
  size_t gradient_bytes;
  size_t total_bytes; /* all that the pass allocates */
} rg_pass_plan;

/* The cheapest plan within the options' memory, without making anything. RUNG_E_BUDGET, with the
 * least number of bytes that would do in the message and in *least (may be NULL), where none fits.
 */
rung_status rg_pass_choose(const rung_network *network, rung_context *ctx,
                           const rg_pass_options *options, rg_pass_plan *out, size_t *least);

/* "store", ...: the names of a recipe. */
const char *rg_activations_name(rung_activations activations);

typedef struct rg_pass rg_pass;

/* The network must outlive the pass, which reads its parameters and updates its statistics. */
rung_status rg_pass_create(rung_network *network, rung_context *ctx, const rg_pass_options *options,
                           rg_pass **out);
void rg_pass_destroy(rg_pass *pass); /* NULL is allowed */
/* Of a pass whose memory is `borrowed`: how many bytes it needs, and where they lie (aligned to
 * RG_ALIGN). Passes that run one after the other may share a place; each is placed there again
 * before it runs, and what it gave is there till the next one runs. Placing is cheap. */
size_t rg_pass_memory_bytes(const rg_pass *pass);
void rg_pass_place(rg_pass *pass, void *memory);
const rg_pass_plan *rg_pass_get_plan(const rg_pass *pass);

/* One batch, in the network's arithmetic. */
typedef struct rg_pass_batch {
  const void *x;       /* [batch][sample] */
  const void *target;  /* classes: [batch] labels 0..; else [batch][outputs] */
  const void *weight;  /* [batch], or NULL: all 1. The loss is the weighted mean. */
  uint64_t seed, step; /* of dropout's random numbers */
  double transport;    /* weight of the network's transport cost, 0 where it has none (chain.h) */
  /* NULL, or where the states before the last block are to be written, as this step computes them:
   * numbers [batch][state], two states joined along their last axis. Asks for the option tap. */
  void *tapped;
  const int64_t *sample; /* [batch]: which samples of the training set these are; NULL: not known */
  void (*on_tapped)(void *user); /* NULL, or is told as soon as they are there */
  void *user;
  /* NULL: the pass's own context; else the one whose threads it runs on and which is told of
   * errors: passes that run at once have one each. */
  rung_context *ctx;
} rg_pass_batch;

/* What a layer was seen to do; the arrays are the pass's, one entry for each layer of each block in
 * order (rg_pass_layers()). Root mean squares over the batch. */
typedef struct rg_pass_seen {
  double *state;     /* of the state that went into the layer */
  double *cotangent; /* of dL/d that state; NaN for the network's input where it is not computed */
} rg_pass_seen;

typedef struct rg_pass_result {
  double loss;      /* of the task alone */
  double transport; /* W, the network's transport cost; 0 where it has none */
  const void
      *gradient; /* of loss + weight * W: [parameters] in the network's arithmetic; the pass's */
  const void *scores; /* [batch][outputs]; the pass's */
  double
      drift; /* RUNG_REVERSE: max |recovered - stored| / max |stored| at the stages' beginnings */
} rg_pass_result;

/* Loss, gradient and scores; running statistics take the step. With RUNG_REVERSE and a drift past
 * the bound: RUNG_E_NUMERIC, which names stage, drift and what would help; the gradient then means
 * nothing and statistics are as before. A loss that is not finite is no error here. */
rung_status rg_pass_run(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out);

/* Products with the Jacobian of the scores in the parameters, for Gauss-Newton:
 * out [batch][outputs] = J v; and gradient [parameters] = J' u for any u [batch][outputs]. Both at
 * the parameters and the batch of the last rg_pass_run(), whose arrays must still be there. Not of
 * a pass in pieces. */
rung_status rg_pass_forward_product(rg_pass *pass, const void *v, void *out);
rung_status rg_pass_backward_product(rg_pass *pass, const void *u, void *gradient);

int64_t rg_pass_layers(const rg_pass *pass);
const rg_pass_seen *rg_pass_observed(const rg_pass *pass); /* NULL unless asked for */

#endif
