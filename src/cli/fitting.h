/* Fitting on the terminal, for fit and extend. */
#ifndef CLI_FITTING_H
#define CLI_FITTING_H

#include "common.h"

typedef struct cli_fitting {
  const cli_args *args;
  rung_context *ctx;
  const rung_recipe *recipe; /* NULL: `folder` is resumed */
  const rung_model *base;    /* stages that the table shows first; or NULL */
  const char *folder;        /* the run's folder; NULL: nothing but `model_path` is written */
  const char *model_path;    /* where the model is saved, where `folder` is NULL */
} cli_fitting;

/* Fits with a table that grows, a bar on a terminal, and Ctrl-C; then tells the result. */
int cli_fit(const cli_fitting *training);

#endif
