/* rung export: writes a model as source code. */
#include <ctype.h>
#include <string.h>

#include "commands.h"
#include "common.h"

static const char *const usage[] = {"MODEL --format c|numpy [-o FILE] [OPTIONS]", NULL};

static const char *const text[] = {
    "Writes a model as one file of source code: C99 that needs only the C library's mathematics "
    "and "
    "allocates nothing, or Python that needs only NumPy. MODEL is a model's file or a run's "
    "folder.",
    NULL,
};

static const cli_option options[] = {
    {"format", 0, false, CLI_CHOICE, "F", "c numpy", "language of the file", "c", NULL},
    {"output", 'o', false, CLI_FILE, "FILE", NULL, "file to write", "standard output", NULL},
    {"derivatives", 0, false, CLI_FLAG, NULL, NULL, "also the gradient in the inputs (C)", NULL,
     NULL},
    {"name", 0, false, CLI_TEXT, "NAME", NULL, "prefix of the functions (C)", "rung_model", NULL},
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung export points.run --format c --derivatives --name pump -o pump.c",
     "Writes C functions whose names begin with pump, for the values and the gradient."},
    {NULL, NULL},
};

static bool is_identifier(const char *name) {
  if (!isalpha((unsigned char)*name) && *name != '_') return false;
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return true;
}

static int write_source(const cli_args *args, rung_context *ctx, const rung_model *model) {
  const char *format = cli_value(args, "format");
  char *source = NULL;
  size_t length = 0;
  rung_export_options how = rung_export_options_default();
  if (cli_given(args, "name")) how.name = cli_value(args, "name");
  how.derivatives = cli_given(args, "derivatives");
  rung_status status = format && strcmp(format, "numpy") == 0
                           ? rung_export_numpy(model, ctx, &how, &source, &length)
                           : rung_export_c(model, ctx, &how, &source, &length);
  if (status != RUNG_OK) return cli_failed(ctx);
  int code = cli_write(cli_value(args, "output"), source, length);
  rung_free(ctx, source);
  return code;
}

static int run(const cli_args *args) {
  const char *name = cli_value(args, "name");
  if (name && !is_identifier(name))
    return cli_usage("--name: expected letters, digits and _, found '%s'", name);
  rung_context *ctx;
  rung_model *model = NULL;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = cli_load(ctx, args->argument[0], &model);
  if (!status) status = write_source(args, ctx, model);
  rung_model_destroy(model);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_export_command = {
    "export", "write a model as C or Python source", usage, text, options, examples, 1, 1, run,
};
