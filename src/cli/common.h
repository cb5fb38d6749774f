/* What the commands have in common: context, models, recipes, files, JSON. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdint.h>

#include "options.h"
#include "rung/rung.h"

/* A context with the threads that --threads asks for. CLI_SUCCESS, or a message and the exit
 * status. */
int cli_open(const cli_args *args, rung_context **out);

/* Says the context's error; gives CLI_FAILURE. */
int cli_failed(const rung_context *ctx);

/* Loads a model, or the model of a run's folder. */
int cli_load(rung_context *ctx, const char *path, rung_model **out);

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

/* A stage as a JSON object; `timed`: with the seconds it took, which a model's file does not keep.
 */
void cli_json_stage(int number, const rung_stage_info *stage, bool timed);

#endif
