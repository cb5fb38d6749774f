/* A network's answers to the samples of a set, batch by batch. */
#ifndef RG_ANSWERS_H
#define RG_ANSWERS_H

#include "nn/early.h"
#include "rung/evaluate.h"

typedef struct rg_answers {
  rung_context *ctx;
  rung_network *network;
  rung_batches *batches;
  int64_t batch, outputs, left; /* batches that are to come */
  bool classes;
  rg_inference *walk; /* to the exit that answers, or */
  rg_early *early;    /* to the first that is sure */
  int *exit;          /* [batch]: that answered; exits + 1 is the end */
  int ends;           /* 1, or exits + 1: all that answer */
  void **scores;      /* [ends] of [batch][outputs] in the network's arithmetic */
  int shown;          /* that of them which `answer` is of */
  double *answer;     /* [batch][outputs] */
  double *log_sum;    /* [batch]: log sum exp of the scores */
  double *scale;      /* what a batch divides by: [channels] */
} rg_answers;

/* Checks that set and network fit, and makes ready; `every`: for all exits in place of the one that
 * the options name. Release it, also after a failure. */
rung_status rg_answers_open(rg_answers *a, rung_context *ctx, rung_network *network,
                            const rung_dataset *set, const rung_part *of,
                            const rung_evaluate_options *options, bool every);
void rg_answers_close(rg_answers *a);
/* The next batch and the answers to it in a->answer: probabilities of classes, or values in the
 * targets' units. *more is false, and nothing is written, behind the last. */
rung_status rg_answers_next(rg_answers *a, rung_batch *batch, bool *more);
/* The answers of end `end`, from 0, to the `count` samples of the present batch. After
 * rg_answers_next() they are those of end 0. */
void rg_answers_show(rg_answers *a, int end, int64_t count);
/* The cross-entropy of a sample of the present batch, which does not overflow. */
double rg_answers_loss(const rg_answers *a, int64_t index, int label);

#endif
