/* rung eval: compares a model with data. */
#include "eval.h"
#include "commands.h"

static const char *const usage[] = {
    "MODEL TABLE [OPTIONS]",
    "MODEL --function TEXT [--domain RANGES] [OPTIONS]",
    "NETWORK DATA [--noise LEVELS] [--corrupt] [OPTIONS]",
    NULL,
};

static const char *const text[] = {
    "Prints the errors of a model that rung fit made on the rows of a table, or on random points "
    "of a function. MODEL is a model's file or a run's folder.",
    "Of a network that rung train made: loss, accuracy, accuracy within the k most probable "
    "classes, calibration error, precision and recall of each class and the confusion matrix; or, "
    "where it predicts numbers, the error of each. DATA is whatever rung train reads: IDX or "
    "CIFAR-10 files, folders of images by class, tables.",
    NULL,
};

static const cli_option options[] = {
    {"target", 0, false, CLI_TEXT, "NAMES", NULL, "columns that hold the truth",
     "the model's outputs", "target"},
    {"inputs", 0, false, CLI_TEXT, "NAMES", NULL, "columns that hold the inputs",
     "the model's inputs", "inputs"},
    CLI_OPTION_FUNCTION,
    {"domain", 0, false, CLI_TEXT, "RANGES", NULL,
     "ranges of the function's variables, for example 'x=-1:1,y=0:2'",
     "the box of the model's training points", "domain"},
    {"points", 0, false, CLI_WHOLE, "N", NULL, "random points of a function", "1000", NULL},
    {"labels", 0, false, CLI_FILE, "FILE", NULL, "network: labels of IDX images",
     "found by the name of the images", NULL},
    {"top", 0, false, CLI_WHOLE, "K", NULL, "network: the K of the accuracy within K classes", "5",
     NULL},
    {"exit", 0, false, CLI_WHOLE, "K", NULL,
     "network that was trained module-wise: module K in place of the last", "the last", NULL},
    {"confidence", 0, false, CLI_NUMBER, "P", NULL,
     "network that was trained module-wise: each sample answered by the first module whose largest "
     "probability is at least P, up to 1",
     NULL, NULL},
    {"noise", 0, false, CLI_TEXT, "LEVELS", NULL,
     "network: also the accuracy under Gaussian noise of these standard deviations, such as "
     "0,0.1,0.2,0.4; of pixels from 0 to 1, or of normalised features",
     NULL, NULL},
    {"corrupt", 0, false, CLI_FLAG, NULL, NULL,
     "network: also the accuracy under each kind of corruption, at the levels 0.1, 0.2 and 0.4",
     NULL, NULL},
    {"skip-bad", 0, false, CLI_FLAG, NULL, NULL,
     "network: leave out samples that cannot be read, and tell how many", NULL, NULL},
    {"seed", 0, false, CLI_WHOLE, "N", NULL, "start of the random numbers", "1", NULL},
    CLI_OPTION_THREADS,
    CLI_OPTION_JSON,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung eval points.run test.csv", "Prints the errors on a table that was not trained on."},
    {"rung eval wave --function 'sin(2*x+1)+0.2*exp(1.3*x)' --json",
     "Prints the errors on 1000 random points of a function as JSON."},
    {"rung eval digits.run test.csv --noise 0,0.1,0.2,0.4",
     "Prints how well a network tells the classes apart, also under noise."},
    {NULL, NULL},
};

static int run(const cli_args *args) {
  rung_context *ctx;
  cli_model model;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = cli_load_any(ctx, args->argument[0], &model);
  if (!status)
    status = cli_refuse(args, &model,
                        model.network ? "function domain points inputs"
                                      : "labels top exit confidence noise corrupt skip-bad");
  if (!status)
    status = model.network ? cli_eval_network(args, ctx, model.network)
                           : cli_eval_stages(args, ctx, model.stages);
  cli_model_free(&model);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_eval_command = {
    "eval", "tell how well a model does on data", usage, text, options, examples, 1, 2, run,
};
