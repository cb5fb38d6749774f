/* rung fit: fits a model to a table or a function, in a new run's folder. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "train.h"

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

/* "data/points.csv.gz" gives "points", a function "function". The caller frees it. */
static char *run_name(const char *table, int number) {
  const char *slash = table ? strrchr(table, '/') : NULL;
  const char *base = slash ? slash + 1 : table ? table : "function";
  size_t length = strcspn(base, ".");
  if (length == 0) length = strlen(base); /* a hidden file's name begins with a dot */
  size_t size = length + 24;
  char *name = malloc(size);
  if (!name) return NULL;
  if (number == 1)
    snprintf(name, size, "%.*s.run", (int)length, base);
  else
    snprintf(name, size, "%.*s-%d.run", (int)length, base, number);
  return name;
}

static char *free_run_name(const char *table) {
  for (int number = 1;; number++) {
    struct stat info;
    char *name = run_name(table, number);
    if (!name || stat(name, &info) != 0) {
      if (!name) cli_say("out of memory");
      return name;
    }
    free(name);
  }
}

int cli_check_new_folder(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir && errno == ENOENT) return CLI_SUCCESS;
  if (!dir) {
    cli_say("%s: expected a new or empty folder: %s", folder, strerror(errno));
    return CLI_FAILURE;
  }
  const struct dirent *entry;
  bool empty = true;
  while ((entry = readdir(dir)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) empty = false;
  closedir(dir);
  if (empty) return CLI_SUCCESS;
  cli_say("%s: expected a new or empty folder, found files in it; choose another with -o, or go on "
          "with a run by rung fit --resume %s",
          folder, folder);
  return CLI_FAILURE;
}

static int resume(const cli_args *args) {
  for (int i = 0; i < args->given_count; i++) {
    const char *name = args->given[i].option->name;
    if (strcmp(name, "resume") != 0 && strcmp(name, "threads") != 0 && strcmp(name, "json") != 0)
      return cli_usage("--resume takes what to fit from the run's recipe; it does not go with --%s",
                       name);
  }
  if (args->count)
    return cli_usage("--resume takes what to fit from the run's recipe; unexpected '%s'",
                     args->argument[0]);
  rung_context *ctx;
  int status = cli_open(args, &ctx);
  if (status) return status;
  cli_training training = {.args = args, .ctx = ctx, .folder = cli_value(args, "resume")};
  status = cli_train(&training);
  rung_context_destroy(ctx);
  return status;
}

static int fit(const cli_args *args, rung_context *ctx) {
  const char *table = args->count ? args->argument[0] : NULL;
  rung_recipe *recipe = NULL;
  int status = cli_make_recipe(args, ctx, NULL, table, &recipe);
  if (status) return status;
  const char *asked = cli_value(args, "output");
  char *chosen = asked ? NULL : free_run_name(table);
  const char *folder = asked ? asked : chosen;
  status = folder ? cli_check_new_folder(folder) : CLI_FAILURE;
  if (!status) {
    cli_training training = {.args = args, .ctx = ctx, .recipe = recipe, .folder = folder};
    status = cli_train(&training);
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
