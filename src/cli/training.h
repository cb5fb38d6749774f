/* Training on the terminal. */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "common.h"

/* Trains with a row for each epoch, a bar on a terminal, and Ctrl-C; then tells the result and
 * writes the report. `recipe` NULL: the folder's run is gone on with. */
int cli_train(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
              const char *folder);

#endif
