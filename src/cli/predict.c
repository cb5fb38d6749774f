/* rung predict: what a model says to new data. */
#include "predict.h"
#include "commands.h"

static const char *const usage[] = {
    "MODEL POINTS [OPTIONS]",
    "NETWORK DATA... [OPTIONS]",
    NULL,
};

static const char *const text[] = {
    "Of a model that rung fit made: writes a CSV table with the inputs, the outputs of the model, "
    "and the derivatives asked for.",
    "MODEL is a model's file or a run's folder. POINTS is a table (CSV, NPY or NPZ) with a column "
    "for each input; other columns are left alone. A table without names must have just the "
    "inputs, "
    "in order.",
    "A derivative is named by the inputs to differentiate by, one after another: --derivative xx "
    "is "
    "the second one in x, --derivative xy the mixed one. Its column is y_xx for an output y. Where "
    "names run together in more than one way, separate them by commas.",
    "Of a network that rung train made: writes for each sample where it comes from, the most "
    "probable class and its probability, or the numbers that it predicts. DATA are images, folders "
    "of images, IDX or CIFAR-10 files, or tables; labels in them are not looked at.",
    NULL,
};

static const cli_option options[] = {
    {"output", 'o', false, CLI_FILE, "OUT.csv", NULL, "file to write", "standard output", NULL},
    {"digits", 0, false, CLI_WHOLE, "N", NULL, "significant digits, 1 to 40",
     "as many as identify the number: 9, 17 or 33; of networks 6", NULL},
    {"derivative", 0, true, CLI_TEXT, "NAMES", NULL, "also this derivative of every output", NULL,
     NULL},
    {"all", 0, false, CLI_FLAG, NULL, NULL, "network: also the probability of every class", NULL,
     NULL},
    {"exit", 0, false, CLI_WHOLE, "K", NULL,
     "network that was trained module-wise: the answers of module K", "the last", NULL},
    {"confidence", 0, false, CLI_NUMBER, "P", NULL,
     "network that was trained module-wise: each sample leaves at the first module whose largest "
     "probability is at least P, up to 1, and is not computed any further",
     NULL, NULL},
    {"skip-bad", 0, false, CLI_FLAG, NULL, NULL,
     "network: leave out samples that cannot be read, and tell how many", NULL, NULL},
    CLI_OPTION_THREADS,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung predict points.run new.csv -o out.csv",
     "Predicts at the points of new.csv by the model of a run."},
    {"rung predict wave.safetensors x.csv --derivative x --derivative xx --digits 10",
     "Prints the value and the first two derivatives."},
    {"rung predict pets.run cat.jpg more/", "Names the class of one image, and of a folder's."},
    {"rung predict modules.run new.csv --confidence 0.9",
     "Stops at the first module that is sure; tells which one answered, and what that saved."},
    {NULL, NULL},
};

static int run(const cli_args *args) {
  rung_context *ctx;
  cli_model model;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = cli_load_any(ctx, args->argument[0], &model);
  if (!status)
    status =
        cli_refuse(args, &model, model.network ? "derivative" : "all exit confidence skip-bad");
  if (!status && !model.network && args->count > 2)
    status = cli_usage("unexpected '%s'", args->argument[2]);
  if (!status)
    status = model.network ? cli_predict_network(args, ctx, model.network)
                           : cli_predict_stages(args, ctx, model.stages);
  cli_model_free(&model);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_predict_command = {
    "predict", "tell what a model says to new data", usage, text, options, examples, 2, 10000, run,
};
