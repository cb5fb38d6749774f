/* The commands: each is a file of its name. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const cli_command cli_fit_command;
extern const cli_command cli_train_command;
extern const cli_command cli_predict_command;
extern const cli_command cli_eval_command;
extern const cli_command cli_extend_command;
extern const cli_command cli_inspect_command;
extern const cli_command cli_export_command;
extern const cli_command cli_report_command;

#endif
