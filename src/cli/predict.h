/* What rung predict does with each kind of model. */
#ifndef CLI_PREDICT_H
#define CLI_PREDICT_H

#include "common.h"

int cli_predict_stages(const cli_args *args, rung_context *ctx, const rung_model *model);
int cli_predict_network(const cli_args *args, rung_context *ctx, rung_network *network);

#endif
