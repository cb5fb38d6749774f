/* What the commands have in common: context, models, recipes, files, JSON. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdint.h>

#include "options.h"
#include "rung/rung.h"

/* A context with the threads that --threads asks for. CLI_SUCCESS, or a message and the exit
 * status. */
int cli_open(const cli_args *args, rung_context **out);

/* --resume goes with --threads and --json alone. CLI_SUCCESS, or a message. */
int cli_check_resume(const cli_args *args);

/* Says that memory is short; gives CLI_FAILURE. */
int cli_no_memory(void);
/* Says the context's error; gives CLI_FAILURE. */
int cli_failed(const rung_context *ctx);

/* A model's file, or that of the model in a run's folder. In memory of malloc; NULL, with a
 * message, where there is none. */
char *cli_model_path(const char *path);
/* Loads a sum of stages, or that of a run's folder. */
int cli_load(rung_context *ctx, const char *path, rung_model **out);

/* What a model's file holds: one of them, the other is NULL. */
typedef struct cli_model {
  rung_model *stages;
  rung_network *network;
} cli_model;
int cli_load_any(rung_context *ctx, const char *path, cli_model *out);
void cli_model_free(cli_model *model);
/* None of these options (separated by blanks), which are for the other kind of model, is given.
 * CLI_SUCCESS, or a message. */
int cli_refuse(const cli_args *args, const cli_model *model, const char *names);

/* A recipe of the options given. With a model its names, its precision and, for a function without
 * --domain, its box are the defaults. `table` may be NULL. */
int cli_make_recipe(const cli_args *args, rung_context *ctx, const rung_model *model,
                    const char *table, rung_recipe **out);

/* "folder/name" in memory of malloc; NULL, with a message, where there is none. */
char *cli_join(const char *folder, const char *name);

/* Writes a file whole or not at all; `path` NULL: to stdout. */
int cli_write(const char *path, const void *data, size_t length);

/* JSON on stdout: text with quotes, a number in its shortest form (null if not finite). */
void cli_json_text(const char *text);
void cli_json_value(double value);
/* ,"name":value and the like; `first`: without the comma. */
void cli_json_key(const char *name, bool first);
/* Several numbers with their names; whether the first is the object's first. */
typedef struct cli_number {
  const char *name;
  double value;
} cli_number;
void cli_json_numbers(const cli_number *number, size_t count, bool first);

/* A stage as a JSON object; `timed`: with the seconds it took, which a model's file does not keep.
 */
void cli_json_stage(int number, const rung_stage_info *stage, bool timed);

#endif
