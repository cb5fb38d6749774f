/* Training on the terminal. */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "common.h"

/* Trains with a row for each epoch, a bar on a terminal, and Ctrl-C; then tells the result and
 * writes the report. `recipe` NULL: the folder's run is gone on with. */
int cli_train(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
              const char *folder);

/* Trains modules of a network likewise, and writes nothing. */
int cli_train_modules(const cli_args *args, rung_context *ctx, const rung_network *network,
                      const rung_recipe *recipe, uint64_t trained, rung_network **out,
                      rung_train_result *result);

/* --set KEY=VALUE, --memory SIZE: into the recipe. CLI_SUCCESS, or a message. */
int cli_set_keys(const cli_args *args, rung_context *ctx, rung_recipe *recipe);
/* --threads goes before the recipe's run.threads. */
int cli_set_threads(const cli_args *args, rung_context *ctx, const rung_recipe *recipe);

#endif
