/* The commands: each is a file of its name. */
#ifndef RG_COMMANDS_H
#define RG_COMMANDS_H

#include "options.h"

extern const rg_command rg_fit_command;
extern const rg_command rg_predict_command;
extern const rg_command rg_eval_command;
extern const rg_command rg_extend_command;
extern const rg_command rg_inspect_command;
extern const rg_command rg_export_command;
extern const rg_command rg_report_command;

#endif
