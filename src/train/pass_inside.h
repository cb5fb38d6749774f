/* The inside of a pass, for the files that plan it, lay its memory, and run it. */
#ifndef RG_PASS_INSIDE_H
#define RG_PASS_INSIDE_H

#include "nn/part.h"
#include "num/dd.h"
#include "train/pass.h"

/* A run of layers that are treated alike. Layers are counted over all blocks of the chain before
 * the head. The states at a span's beginning are always kept. */
typedef enum rg_span_kind {
  RG_SPAN_KEEP,    /* all that back-propagation needs is kept */
  RG_SPAN_CHECK,   /* nothing is kept; computed again, with all kept, when its turn comes */
  RG_SPAN_REVERSE, /* of one reversible block: run backwards from its end */
  RG_SPAN_RECURSE  /* the whole chain: computed again from a few snapshots, which move */
} rg_span_kind;

typedef struct rg_span {
  rg_span_kind kind;
  int64_t first, end; /* layers */
} rg_span;

/* The states before a layer, as they lie somewhere, and what was kept of the layer. */
typedef struct rg_stored {
  void *state[RG_MOST_STATES];
  char *kept;
} rg_stored;

/* The blocks from `first` on, the loss, and its way back: one program.
 * in: states, target [batch] or [batch][outputs], weight [batch]; then P, S, K of each block; where
 * a block has a transport cost, the weight of that. out: loss, scores; cotangents of P of each
 * block from the last to the first; S' of each; cotangents of states (unless the head is the whole
 * chain); the transport costs of the blocks that have one. */
typedef struct rg_pass_head {
  rung_program *program;
  int inputs, outputs, first; /* `first`: block */
  int first_cotangent;        /* number of the output */
  int costs;                  /* blocks that have a transport cost */
  const void **in;
  void **out;
} rg_pass_head;

struct rg_pass {
  rung_network *network;
  rung_context *ctx;
  rg_pass_options
      options;    /* `batch` and `micro` are samples of a piece where there are several ... */
  int64_t pieces; /* ... and 0 of `micro` where there is one */
  rg_pass_plan plan;
  int64_t *first; /* [blocks + 1]: the first layer of each block */
  int64_t layers; /* of the chain before the head */
  rg_pass_head head;
  rg_block_program (*program)[RG_PROGRAM_KINDS]; /* [blocks]; those that the plan uses */
  bool (*uses)[RG_PROGRAM_KINDS];                /* [blocks] */
  rg_span *span;
  int spans, snapshots;
  int most_pointers; /* of any program, in or out */

  /* Memory, one block. */
  char *memory;
  void **in, **out; /* [most_pointers] of the program about to run */
  void *workspace;
  char *gradient, *scores, *loss, *ones, *key;
  char *cost, *cost_weight; /* transport costs that a program has given; and their weight */
  char *target_gradient; /* where gradients go: `gradient`, or what the caller of a product gave */
  char *running;         /* statistics as they become in this step */
  char *unwanted;        /* where statistics of recomputed layers go */
  char *layer_parameters, *layer_gradient; /* of weights linear in time: those of one layer */
  void *(*begin)[RG_MOST_STATES]; /* [spans + 1]: states before each span, and before the head */
  rg_stored *stored;  /* of the layers of spans that are kept, one span after the other, then of the
                         one that is computed again */
  char *kept_area;    /* their memory */
  char *segment_area; /* that of the span that is computed again */
  char *snapshot;     /* [snapshots] */
  size_t snapshot_bytes;
  char *pool, *state_pool; /* [slots]: cotangents on their way, and states */
  size_t slot_bytes;
  int slots, state_slots;
  rg_pass_seen seen;
  char *product;        /* products: [4][RG_MOST_STATES] states and tangents, before and behind */
  size_t product_bytes; /* of one array there */
  /* Of several pieces: samples' shares of the loss, scores of the whole batch, the gradient's sum,
   * statistics before the batch; sums of squares of what is seen, states first. */
  char *share, *all_scores, *sum, *running_begun;
  double *seen_sum;

  /* Of the last batch. */
  rg_pass_batch batch;
  double transport; /* the transport cost so far */
  int64_t piece;    /* the one that is run */
  bool ran;
  const void *given; /* not NULL: the cotangent of the scores, in the place of the loss's */
};

/* Bytes of an array, so that the next one is aligned. */
static inline size_t rg_padded(size_t bytes) {
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

/* pass_loss.c: the mean of the samples' losses, weighted by `weight` [batch], and its derivative by
 * the scores. */
rung_status rg_pass_loss(rung_graph *g, const rg_pass_options *options, rung_node scores,
                         rung_node target, rung_node weight, rung_node *loss, rung_node *slope);

/* pass_head.c: the program of the blocks from `first` on. */
rung_status rg_pass_head_compile(const rung_network *network, rung_context *ctx,
                                 const rg_pass_options *options, int first, rg_pass_head *out);
/* The node, or zeros of the shape of `like` where there is none. */
rung_node rg_or_zeros(rung_graph *g, rung_node node, rung_node like);
/* Its pointers that stay the same from run to run. */
void rg_pass_head_lay(rg_pass *pass);
void rg_pass_head_free(rung_context *ctx, rg_pass_head *head);

/* Adds the transport costs, `count` of them, that a program has given: once a step for each layer,
 * in their order, whatever the plan. */
void rg_pass_take_costs(rg_pass *pass, int count);

/* pass_tap.c: the states before the head as numbers, into the batch's array. */
void rg_pass_tap(const rg_pass *pass, void *out);

/* The random key of a layer in this step. */
void rg_pass_set_key(const rg_pass *pass, int block, int64_t layer, void *key);

/* The block of a layer of the chain. */
int rg_pass_block_of(const rg_pass *pass, int64_t layer);

/* Bytes of a state array `s` before block `block`, padded; and of what a layer of it keeps. */
size_t rg_pass_state_bytes(const rg_pass *pass, int block, int s);
size_t rg_pass_kept_bytes(const rg_pass *pass, int block);

/* Bytes that keeping a span takes: what its layers keep, and the states between them. */
size_t rg_pass_span_bytes(const rg_pass *pass, const rg_span *span);

/* pass_plan.c: chooses the plan within the options and leaves the pass with its spans and programs,
 * but without memory. `skeleton`: bytes that it holds now. */
rung_status rg_pass_plan_choose(rg_pass *pass, size_t skeleton, size_t *least);
/* pass_memory.c: lays the arrays of the plan into `memory` (NULL: only counts); gives the bytes. */
size_t rg_pass_lay_memory(rg_pass *pass, char *memory);

/* pass_run.c */
rung_status rg_pass_run_head(rg_pass *pass, void **cotangent);
/* The whole of a pass over a batch of options.batch samples, a piece or all. */
rung_status rg_pass_run_piece(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out);
/* Arrays of a pool that are none of the `busy`. */
void rg_pass_free_slots(const rg_pass *pass, char *pool, int count, void *const *busy, int busies,
                        void **out);
/* Is the span within a block whose states are updated in place? Then they lie, on their way, where
 * the span's end is kept. */
bool rg_pass_is_in_place(const rg_pass *pass, const rg_span *span);
/* Is all of span k kept on the way forwards? The last one that is to be computed again is, too. */
bool rg_pass_is_kept(const rg_pass *pass, int k);

/* Forwards, the head, and back, by the pass's plan. */
rung_status rg_pass_there_and_back(rg_pass *pass, double *drift);
void rg_pass_clear_shared_gradients(rg_pass *pass);
/* Is dL/d of the states before this layer computed? Not of the network's input. */
bool rg_pass_goes_back(const rg_pass *pass, int64_t layer);

/* pass_pieces.c: the batch, piece by piece. */
rung_status rg_pass_run_pieces(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out);
/* The work that is only there because of pieces, in operations. */
double rg_pass_pieces_work(const rg_pass *pass);

/* pass_observe.c: root mean square over the states before a block. */
double rg_pass_rms(const rg_pass *pass, int block, bool fixed, void *const *state);
/* RUNG_E_NUMERIC where states before a block are in fixed point and one is so large that sums
 * within the block before may have gone round. */
rung_status rg_pass_check_range(const rg_pass *pass, int block, void *const *state);

/* pass_recurse.c: the whole of a chain that is one recursive span, with the head; `cotangent` gets
 * that of the states before it. */
rung_status rg_pass_recurse(rg_pass *pass, void **cotangent);
/* Layers that are computed again when a chain of `layers` has so many snapshots. */
double rg_pass_recursion_work(int64_t layers, int snapshots);

/* pass_layer.c: one layer, from and to given places. `in` are the states before it (RG_REVERSE:
 * behind), out[s] is where state s that changes is to lie; it gets the others' places too. */
rung_status rg_pass_layer_forward(rg_pass *pass, rg_program_kind kind, int64_t layer,
                                  void *const *in, void **out, char *kept, bool again);
/* Back-propagation through a layer of which `at` has the states before and what was kept, `behind`
 * those behind. cotangent[s] in, before[s] out as above. */
rung_status rg_pass_layer_backward(rg_pass *pass, int64_t layer, const rg_stored *at,
                                   void *const *behind, void *const *cotangent, void **before);
/* The same from the states before alone (RG_BACKWARD). */
rung_status rg_pass_layer_backward_again(rg_pass *pass, int64_t layer, void *const *at,
                                         void *const *cotangent, void **before);
/* Tangents: of states [..] and of parameters, which `tangents` holds laid out as the network's. */
rung_status rg_pass_layer_tangent(rg_pass *pass, int64_t layer, void *const *at,
                                  void *const *tangent, const void *tangents, void **next,
                                  void **next_tangent);
rung_status rg_pass_layer_reverse(rg_pass *pass, int64_t layer, void *const *behind,
                                  void *const *cotangent, void **state, void **before);

#endif
