/* rung export --train. */
#ifndef CLI_EXPORT_TRAIN_H
#define CLI_EXPORT_TRAIN_H

#include "common.h"

/* Are options of training given without --train, or with what it is not for? */
int cli_check_export_train(const cli_args *args, const cli_model *model, const char *format);
rung_status cli_export_train(const cli_args *args, rung_context *ctx, const rung_network *network,
                             const rung_export_options *how, char **out, size_t *length);

#endif
