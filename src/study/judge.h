/* The network that a training kept, judged on the samples it was not trained on. */
#ifndef RG_JUDGE_H
#define RG_JUDGE_H

#include "base/base.h"
#include "rung/evaluate.h"
#include "rung/run.h"

typedef struct rg_exit_score {
  double loss, accuracy; /* NaN where there are no classes */
} rg_exit_score;

typedef struct rg_judgement {
  rung_context *ctx;
  bool test; /* on the test samples; else on the held-out ones */
  rung_network *network;
  rung_dataset *set;
  rung_part part;                      /* of the set, where it is the training set */
  rung_network_evaluation *evaluation; /* of the network's end; NULL: not judged */
  rg_exit_score exit[RUNG_MOST_EXITS]; /* of each exit before it */
  int exits;
} rg_judgement;

/* Opens what the recipe names as the training did. Where recipe, model or data are gone, or there
 * are no such samples, that is the error. Release it, also after a failure. */
rung_status rg_judge(rung_context *ctx, const char *recipe_path, const char *model_path, int worst,
                     rg_judgement *out);
void rg_judgement_free(rg_judgement *j);

#endif
