/* Training on the terminal. */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "common.h"

/* Trains with a row for each epoch, a bar on a terminal, and Ctrl-C; then tells the result and
 * writes the report. `recipe` NULL: the folder's run is gone on with. */
int cli_train(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
              const char *folder);

/* The same for a recipe that extends a network, up to the result, which is not told: the network as
 * it came to be. `folder` NULL: nothing is written. */
int cli_train_extension(const cli_args *args, rung_context *ctx, const rung_recipe *recipe,
                        const char *folder, rung_network **out, rung_train_result *result);

/* --set KEY=VALUE, --memory SIZE: into the recipe. CLI_SUCCESS, or a message. */
int cli_set_keys(const cli_args *args, rung_context *ctx, rung_recipe *recipe);
/* --threads goes before the recipe's run.threads. */
int cli_set_threads(const cli_args *args, rung_context *ctx, const rung_recipe *recipe);

#endif
