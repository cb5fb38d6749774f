/* What rung extend does with networks, and where it puts models. */
#ifndef CLI_EXTEND_H
#define CLI_EXTEND_H

#include "common.h"

/* Takes the network over. */
int cli_extend_network(const cli_args *args, rung_context *ctx, rung_network *network);
/* Goes on with the run of --resume, whose recipe it takes over. */
int cli_resume_network(const cli_args *args, rung_context *ctx, rung_recipe *recipe);

/* Does the name of what is to be written end as that of a model's file? Else it is a folder. */
bool cli_is_model_file(const char *path);
/* Where the model goes: the file, or the model's name in a new folder, which is made. In memory of
 * malloc; NULL, with a message. */
char *cli_place_model(const char *path);

#endif
