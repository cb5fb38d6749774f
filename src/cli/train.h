/* Training on the terminal, for fit and extend. */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "common.h"

typedef struct cli_training {
  const cli_args *args;
  rung_context *ctx;
  const rung_recipe *recipe; /* NULL: `folder` is resumed */
  const rung_model *base;    /* stages that the table shows first; or NULL */
  const char *folder;        /* the run's folder; NULL: nothing but `model_path` is written */
  const char *model_path;    /* where the model is saved, where `folder` is NULL */
} cli_training;

/* Whether a run may be put there: a new or empty folder. CLI_SUCCESS, or a message. */
int cli_check_new_folder(const char *folder);

/* Trains with a table that grows, a bar on a terminal, and Ctrl-C; then tells the result. */
int cli_train(const cli_training *training);

#endif
