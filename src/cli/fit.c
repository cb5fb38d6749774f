/* rung fit: fits a model to a table or a function, in a new run's folder. */
#include <stdlib.h>

#include "commands.h"
#include "fitting.h"
#include "folder.h"

static const char *const usage[] = {
    "TABLE --target NAMES [OPTIONS]",
    "--function TEXT --domain RANGES [OPTIONS]",
    "--resume RUN_DIR [--threads N] [--json]",
    NULL,
};

static const char *const text[] = {
    "Fits a sum of small networks, stage by stage, each to what the earlier ones left, until a "
    "further stage no longer lowers the error on points that were held out. The width, the "
    "frequency and the number of stages are chosen from the data.",
    "TABLE is a CSV file (with a header; commas, semicolons, tabs or blanks; also .gz), or an NPY "
    "or NPZ file. RUN_DIR gets the recipe, the log, the model, the state to resume from, and "
    "report.html. It must be new or empty.",
    "Ctrl-C ends the training and keeps the best model; a second Ctrl-C ends at once.",
    NULL,
};

static const cli_option options[] = {
    {"target", 0, false, CLI_TEXT, "NAMES", NULL, "columns to predict, separated by commas", NULL,
     "target"},
    {"inputs", 0, false, CLI_TEXT, "NAMES", NULL, "columns to predict from, separated by commas",
     "all others", "inputs"},
    CLI_OPTION_FUNCTION,
    {"domain", 0, false, CLI_TEXT, "RANGES", NULL,
     "the function's variables and their ranges, for example 'x=-1:1,y=0:2'", NULL, "domain"},
    {"precision", 0, false, CLI_CHOICE, "P", "single double quad",
     "working precision: about 7, 16 or 32 digits", "double", "precision"},
    {"method", 0, false, CLI_CHOICE, "M", "separable gradient",
     "how a stage is trained; gradient is the published recipe", "separable", "method"},
    {"minimiser", 0, false, CLI_CHOICE, "M", "lbfgs ssbroyden",
     "the full-batch method of --method gradient", "lbfgs", "minimiser"},
    {"stages", 0, false, CLI_WHOLE, "N", NULL, "train at most N stages", "as many as help",
     "stages"},
    {"target-error", 0, false, CLI_NUMBER, "E", NULL,
     "stop at this relative L2 error on held-out points", "0", "target-error"},
    {"time", 0, false, CLI_TEXT, "S", NULL, "stop after S seconds; also 90s, 5min, 2h", "no limit",
     "time"},
    {"memory", 0, false, CLI_TEXT, "SIZE", NULL, "use at most this much memory, for example 200MB",
     "no limit", "memory"},
    {"seed", 0, false, CLI_WHOLE, "N", NULL, "start of the random numbers", "1", "seed"},
    {"heldout", 0, false, CLI_NUMBER, "F", NULL, "share of a table's points to hold out", "0.1",
     "heldout"},
    {"points", 0, false, CLI_WHOLE, "N", NULL, "points to sample from a function", "chosen",
     "points"},
    CLI_OPTION_THREADS,
    {"output", 'o', false, CLI_FOLDER, "RUN_DIR", NULL, "folder of the run",
     "NAME.run after the table's name, with a number where that exists", NULL},
    {"resume", 0, false, CLI_FOLDER, "RUN_DIR", NULL,
     "go on with an interrupted run, to the same result as without interruption", NULL, NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung fit points.csv --target y", "Fits y from all other columns, into points.run."},
    {"rung fit --function 'sin(2*x+1)+0.2*exp(1.3*x)' --domain 'x=-1:1' --precision quad -o wave",
     "Fits a function to about 30 digits, into the folder wave."},
    {"rung fit --resume wave", "Goes on with that run after it was interrupted."},
    {NULL, NULL},
};

static int resume(const cli_args *args) {
  rung_context *ctx;
  int status = cli_check_resume(args);
  if (!status) status = cli_open(args, &ctx);
  if (status) return status;
  cli_fitting fitting = {.args = args, .ctx = ctx, .folder = cli_value(args, "resume")};
  status = cli_fit(&fitting);
  rung_context_destroy(ctx);
  return status;
}

static int fit(const cli_args *args, rung_context *ctx) {
  const char *table = args->count ? args->argument[0] : NULL;
  rung_recipe *recipe = NULL;
  int status = cli_make_recipe(args, ctx, NULL, table, &recipe);
  if (status) return status;
  const char *asked = cli_value(args, "output");
  char *chosen = asked ? NULL : cli_free_run_name(table ? table : "function");
  const char *folder = asked ? asked : chosen;
  status = folder ? cli_check_new_folder(folder, "fit") : CLI_FAILURE;
  if (!status) {
    cli_fitting fitting = {.args = args, .ctx = ctx, .recipe = recipe, .folder = folder};
    status = cli_fit(&fitting);
  }
  free(chosen);
  rung_recipe_destroy(recipe);
  return status;
}

static int run(const cli_args *args) {
  if (cli_given(args, "resume")) return resume(args);
  rung_context *ctx;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = fit(args, ctx);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_fit_command = {
    "fit", "fit a model to a table or a function", usage, text, options, examples, 0, 1, run,
};
