/* What rung inspect does with each kind of model. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "common.h"

int cli_inspect_stages(rung_context *ctx, const rung_model *model, bool json);
int cli_inspect_network(const cli_args *args, rung_context *ctx, rung_network *network);
/* --stability DATA. As entries of the JSON object, or as text. */
int cli_inspect_stability(const cli_args *args, rung_context *ctx, rung_network *network);

#endif
