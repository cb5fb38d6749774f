/* What rung eval does with each kind of model. */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include "common.h"

int cli_eval_stages(const cli_args *args, rung_context *ctx, const rung_model *model);
int cli_eval_network(const cli_args *args, rung_context *ctx, rung_network *network);

#endif
