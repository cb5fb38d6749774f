/* rung export: writes a model as source code. */
#include <ctype.h>
#include <string.h>

#include "commands.h"
#include "common.h"
#include "data.h"
#include "export_train.h"

static const char *const usage[] = {"MODEL --format c|numpy [-o FILE] [OPTIONS]",
                                    "NETWORK --format c|onnx [-o FILE] [OPTIONS]", NULL};

static const char *const text[] = {
    "Writes a model that rung fit made as one file of source code: C99 that needs only the C "
    "library's mathematics and allocates nothing, or Python that needs only NumPy. MODEL is a "
    "model's file or a run's folder.",
    "A network that rung train made is written as such C99, or as an ONNX file. Both take samples "
    "as they are, before normalisation, and give scores.",
    "With --train the C trains one module of a network on a device without an operating system: in "
    "one block of memory that its caller gives, whose size the file states.",
    NULL,
};

static const cli_option options[] = {
    {"format", 0, false, CLI_CHOICE, "F", "c numpy onnx", "what kind of file",
     "by FILE: .onnx, .py (numpy), else c", NULL},
    {"output", 'o', false, CLI_FILE, "FILE", NULL, "file to write", "standard output", NULL},
    {"derivatives", 0, false, CLI_FLAG, NULL, NULL,
     "also the gradient in the inputs (C, of rung fit)", NULL, NULL},
    {"exit", 0, false, CLI_WHOLE, "K", NULL,
     "network that was trained module-wise: only what module K needs to answer", "the last", NULL},
    {"name", 0, false, CLI_TEXT, "NAME", NULL, "prefix of the functions (C)", "rung_model", NULL},
    {"train", 0, false, CLI_FLAG, NULL, NULL,
     "network: functions that train it in one given block of memory (C)", NULL, NULL},
    {"module", 0, false, CLI_WHOLE, "K", NULL, "with --train: train module K, those before frozen",
     "the last", NULL},
    {"batch", 0, false, CLI_WHOLE, "N", NULL, "with --train: samples of a step", "8", NULL},
    {"optimiser", 0, false, CLI_CHOICE, "O", "sgd momentum nesterov adamw",
     "with --train: how steps are taken", "momentum", NULL},
    {"momentum", 0, false, CLI_NUMBER, "MU", NULL,
     "with --train: of optimisers momentum and nesterov", "0.9", NULL},
    {"weight-decay", 0, false, CLI_NUMBER, "W", NULL, "with --train: decoupled, times the rate",
     "0", NULL},
    {"loss", 0, false, CLI_CHOICE, "L", "cross-entropy squared huber",
     "with --train: what is minimised", "cross-entropy; squared where there are no classes", NULL},
    {"smoothing", 0, false, CLI_NUMBER, "S", NULL, "with --train: of labels", "0", NULL},
    {"tau", 0, false, CLI_NUMBER, "TAU", NULL,
     "with --train: the transport cost counts 1 / (2 TAU); 0: not at all", "0", NULL},
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung export points.run --format c --derivatives --name pump -o pump.c",
     "Writes C functions whose names begin with pump, for the values and the gradient."},
    {"rung export digits.run --format onnx -o digits.onnx", "Writes a network for ONNX runtimes."},
    {"rung export modules.run --exit 1 -o first.c", "Writes the first module and its classifier."},
    {"rung export digits.run --train --module 1 --batch 8 --name digits -o digits.c",
     "Writes C functions that train the network's first module in a given block of memory."},
    {NULL, NULL},
};

static bool is_identifier(const char *name) {
  if (!isalpha((unsigned char)*name) && *name != '_') return false;
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return true;
}

static rung_status export_stages(const rung_model *model, rung_context *ctx, const char *format,
                                 const rung_export_options *how, char **out, size_t *length) {
  return strcmp(format, "numpy") == 0 ? rung_export_numpy(model, ctx, how, out, length)
                                      : rung_export_c(model, ctx, how, out, length);
}

static rung_status export_network(const rung_network *network, rung_context *ctx,
                                  const char *format, const rung_export_options *how, char **out,
                                  size_t *length) {
  return strcmp(format, "onnx") == 0 ? rung_network_export_onnx(network, ctx, how, out, length)
                                     : rung_network_export_c(network, ctx, how, out, length);
}

static bool ends_with(const char *file, const char *end) {
  size_t length = strlen(file), most = strlen(end);
  return length >= most && strcmp(file + length - most, end) == 0;
}

static const char *format_of(const cli_args *args) {
  const char *file = cli_value(args, "output");
  if (cli_given(args, "format")) return cli_value(args, "format");
  if (file && ends_with(file, ".onnx")) return "onnx";
  return file && ends_with(file, ".py") ? "numpy" : "c";
}

static int check_format(const cli_model *model, const char *format) {
  const char *other = model->network ? "numpy" : "onnx";
  if (strcmp(format, other) != 0) return CLI_SUCCESS;
  return cli_usage("--format %s is not for %s", other,
                   model->network ? "networks, as rung train makes them"
                                  : "sums of stages, as rung fit makes them");
}

static int write_source(const cli_args *args, rung_context *ctx, const cli_model *model) {
  const char *format = format_of(args);
  char *source = NULL;
  size_t length = 0;
  rung_export_options how = rung_export_options_default();
  int code = check_format(model, format);
  if (!code) code = cli_refuse(args, model, model->network ? "derivatives" : "exit");
  if (!code && model->network && !cli_given(args, "train"))
    code = cli_exit_of(args, model->network, &how.exit);
  if (!code) code = cli_check_export_train(args, model, format);
  if (code) return code;
  if (cli_given(args, "name")) how.name = cli_value(args, "name");
  how.derivatives = cli_given(args, "derivatives");
  rung_status status =
      cli_given(args, "train") ? cli_export_train(args, ctx, model->network, &how, &source, &length)
      : model->network         ? export_network(model->network, ctx, format, &how, &source, &length)
                               : export_stages(model->stages, ctx, format, &how, &source, &length);
  if (status != RUNG_OK) return cli_failed(ctx);
  code = cli_write(cli_value(args, "output"), source, length);
  rung_free(ctx, source);
  return code;
}

static int run(const cli_args *args) {
  const char *name = cli_value(args, "name");
  if (name && !is_identifier(name))
    return cli_usage("--name: expected letters, digits and _, found '%s'", name);
  if (strcmp(format_of(args), "onnx") == 0 && !cli_given(args, "output"))
    return cli_usage("--format onnx needs -o FILE: it is not text");
  rung_context *ctx;
  cli_model model;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = cli_load_any(ctx, args->argument[0], &model);
  if (!status) status = write_source(args, ctx, &model);
  cli_model_free(&model);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_export_command = {
    "export", "write a model as C, Python or ONNX", usage, text, options, examples, 1, 1, run,
};
