/* Training on the terminal, for fit and extend. */
#ifndef RG_TRAIN_H
#define RG_TRAIN_H

#include "common.h"

typedef struct rg_training {
  const rg_args *args;
  rung_context *ctx;
  const rung_recipe *recipe; /* NULL: `folder` is resumed */
  const char *folder;        /* the run's folder; NULL: nothing but `model_path` is written */
  const char *model_path;    /* where the model is saved, where `folder` is NULL */
} rg_training;

/* Whether a run may be put there: a new or empty folder. RG_SUCCESS, or a message. */
int rg_check_new_folder(const char *folder);

/* Trains with a table that grows, a bar on a terminal, and Ctrl-C; then tells the result. */
int rg_train(const rg_training *training);

#endif
