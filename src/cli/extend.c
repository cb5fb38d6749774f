/* rung extend: adds stages to a model, trains one anew, or drops stages; changes modules of a
 * network (extend_network.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "extend.h"
#include "fitting.h"
#include "folder.h"

static const char *const usage[] = {
    "MODEL TABLE -o NEW [OPTIONS]",
    "MODEL --function TEXT [--domain RANGES] -o NEW [OPTIONS]",
    "MODEL --drop K -o NEW",
    "NETWORK DATA [--modules +N] [--retrain K,...] [--swap K,...] -o NEW [OPTIONS]",
    "--resume NEW [--threads N] [--json]",
    NULL,
};

static const char *const text[] = {
    "Adds stages to a model on the same or new data, or trains one stage anew. The other stages "
    "keep their bits. MODEL is a model's file or a run's folder, and is left as it is.",
    "NEW is a folder for the run, new or empty. Where NEW ends in .safetensors, only the new model "
    "is written, to that file.",
    "--drop removes stages instead, and needs no data. Stages count from 0.",
    "Of a network that rung train made: appends modules, trains modules further or anew on DATA; "
    "modules count from 1, the others keep their bits, and the exits of old modules their scores. "
    "DATA is read in the network's form and normalised by its numbers. How is said by the recipe "
    "in the run's folder, by --recipe and by --set. Then the accuracy of each module is told, "
    "before and after, on DATA and on --old.",
    "Ctrl-C saves and ends what is in a folder, and --resume goes on to the same bytes as without "
    "interruption.",
    NULL,
};

static const cli_option options[] = {
    {"output", 'o', false, CLI_FILE, "NEW", NULL, "folder or model file to write", NULL, NULL},
    {"replace", 0, false, CLI_WHOLE, "K", NULL, "train stage K anew instead of adding stages", NULL,
     "replace"},
    {"drop", 0, true, CLI_WHOLE, "K", NULL, "remove stage K (as numbered in MODEL)", NULL, NULL},
    {"target", 0, false, CLI_TEXT, "NAMES", NULL, "columns to predict", "the model's outputs",
     "target"},
    {"inputs", 0, false, CLI_TEXT, "NAMES", NULL, "columns to predict from", "the model's inputs",
     "inputs"},
    CLI_OPTION_FUNCTION,
    {"domain", 0, false, CLI_TEXT, "RANGES", NULL,
     "ranges of the function's variables, for example 'x=-1:1,y=0:2'",
     "the box of the model's training points", "domain"},
    {"method", 0, false, CLI_CHOICE, "M", "separable gradient", "how a stage is trained",
     "separable", "method"},
    {"stages", 0, false, CLI_WHOLE, "N", NULL, "add at most N stages", "as many as help", "stages"},
    {"target-error", 0, false, CLI_NUMBER, "E", NULL,
     "stop at this relative L2 error on held-out points", "0", "target-error"},
    {"time", 0, false, CLI_TEXT, "S", NULL, "stop after S seconds; also 90s, 5min, 2h", "no limit",
     "time"},
    {"memory", 0, false, CLI_TEXT, "SIZE", NULL, "use at most this much memory, for example 200MB",
     "no limit", "memory"},
    {"seed", 0, false, CLI_WHOLE, "N", NULL, "start of the random numbers", "1", "seed"},
    {"modules", 0, false, CLI_TEXT, "+N", NULL, "network: append N modules and train them", NULL,
     NULL},
    {"layers", 0, false, CLI_WHOLE, "L", NULL, "network: layers of each of them",
     "as many as the last module has", NULL},
    {"head", 0, false, CLI_CHOICE, "KIND", "conv pool mlp",
     "network: classifier of each of them but the last", "as the last exit", NULL},
    {"retrain", 0, false, CLI_TEXT, "K,...", NULL, "network: train these modules further", NULL,
     NULL},
    {"swap", 0, false, CLI_TEXT, "K,...", NULL, "network: train these modules from new numbers",
     NULL, NULL},
    {"recipe", 0, false, CLI_FILE, "FILE", NULL, "network: how to train, as for rung train",
     "recipe.yaml in the run's folder, or the defaults", NULL},
    {"set", 0, true, CLI_TEXT, "KEY=VALUE", NULL,
     "network: set a key of the recipe, such as training.epochs=5", NULL, NULL},
    {"test", 0, false, CLI_FILE, "FILE", NULL,
     "network: tell accuracies on these samples in place of DATA, of which most are trained on",
     NULL, NULL},
    {"old", 0, false, CLI_FILE, "FILE", NULL,
     "network: tell accuracies on these samples as well: what is forgotten", NULL, NULL},
    {"resume", 0, false, CLI_FOLDER, "NEW", NULL,
     "go on with an interrupted run, to the same result as without interruption", NULL, NULL},
    CLI_OPTION_THREADS,
    CLI_OPTION_JSON,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung extend points.run more.csv -o better", "Adds stages on new data, in the folder better."},
    {"rung extend wave --function 'sin(2*x+1)+0.2*exp(1.3*x)' --replace 1 -o wave2",
     "Trains stage 1 anew."},
    {"rung extend wave --drop 3 -o small.safetensors", "Removes stage 3."},
    {"rung extend digits.run new.csv --modules +1 --old digits.csv -o grown",
     "Appends a module to a network and trains it on new data; tells what it does on old ones."},
    {"rung extend digits.run new.csv --retrain 4 --set training.epochs=5 -o tuned.safetensors",
     "Trains module 4 further for 5 epochs."},
    {"rung extend --resume grown", "Goes on with that run after it was interrupted."},
    {NULL, NULL},
};

bool cli_is_model_file(const char *path) {
  static const char ending[] = ".safetensors";
  size_t length = strlen(path), tail = sizeof ending - 1;
  return length > tail && strcmp(path + length - tail, ending) == 0;
}

static int descending(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x < y) - (x > y);
}

/* Drops stages from the highest number down, so that the numbers of the others stay right. */
static int drop_stages(const cli_args *args, rung_context *ctx, rung_model *model) {
  long *number = calloc((size_t)args->given_count, sizeof *number);
  int count = 0, status = CLI_SUCCESS;
  if (!number) return cli_no_memory();
  for (int i = 0; i < args->given_count; i++)
    if (strcmp(args->given[i].option->name, "drop") == 0)
      number[count++] = strtol(args->given[i].value, NULL, 10);
  qsort(number, (size_t)count, sizeof *number, descending);
  for (int i = 0; i < count && !status; i++) {
    if (number[i] >= rung_model_stages(model))
      status = cli_usage("--drop %ld: the model has stages 0 to %d", number[i],
                         rung_model_stages(model) - 1);
    else if (i > 0 && number[i] == number[i - 1])
      status = cli_usage("--drop %ld is given twice", number[i]);
    else if (rung_model_drop_stage(model, ctx, (int)number[i]) != RUNG_OK)
      status = cli_failed(ctx);
  }
  free(number);
  return status;
}

char *cli_place_model(const char *new) {
  if (cli_is_model_file(new)) return strdup(new);
  if (cli_check_new_folder(new, "fit")) return NULL;
  if (mkdir(new, 0777) != 0 && errno != EEXIST) {
    cli_say("%s: cannot be made: %s", new, strerror(errno));
    return NULL;
  }
  return cli_join(new, RUNG_RUN_MODEL);
}

static int drop(const cli_args *args, rung_context *ctx, rung_model *model, const char *new) {
  int status = drop_stages(args, ctx, model);
  if (status) return status;
  char *path = cli_place_model(new);
  if (!path) return CLI_FAILURE;
  if (rung_model_save(model, ctx, path) != RUNG_OK)
    status = cli_failed(ctx);
  else if (cli_given(args, "json"))
    fputs("{\"model\":", stdout), cli_json_text(path), puts("}");
  else
    printf("model     %s\n", path);
  free(path);
  return status;
}

/* The recipe names the model's file, also where the run's folder was given. */
static int set_model(rung_recipe *recipe, rung_context *ctx, const char *path) {
  struct stat info;
  bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  char *inside = folder ? cli_join(path, RUNG_RUN_MODEL) : NULL;
  if (folder && !inside) return CLI_FAILURE;
  rung_status status = rung_recipe_set(recipe, ctx, "model", inside ? inside : path);
  free(inside);
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(ctx);
}

static int extend(const cli_args *args, rung_context *ctx, const rung_model *model,
                  const char *new) {
  rung_recipe *recipe = NULL;
  const char *table = args->count > 1 ? args->argument[1] : NULL;
  int status = cli_make_recipe(args, ctx, model, table, &recipe);
  if (!status) status = set_model(recipe, ctx, args->argument[0]);
  bool file = cli_is_model_file(new);
  if (!status && !file) status = cli_check_new_folder(new, "fit");
  if (!status) {
    cli_fitting fitting = {.args = args,
                           .ctx = ctx,
                           .recipe = recipe,
                           .base = cli_given(args, "replace") ? NULL : model,
                           .folder = file ? NULL : new,
                           .model_path = file ? new : NULL};
    status = cli_fit(&fitting);
  }
  rung_recipe_destroy(recipe);
  return status;
}

static int check_replace(const cli_args *args, const rung_model *model) {
  const char *replace = cli_value(args, "replace");
  if (!replace || strtol(replace, NULL, 10) < rung_model_stages(model)) return CLI_SUCCESS;
  return cli_usage("--replace %s: the model has stages 0 to %d", replace,
                   rung_model_stages(model) - 1);
}

static int change_stages(const cli_args *args, rung_context *ctx, rung_model *model) {
  const char *new = cli_value(args, "output");
  int status = check_replace(args, model);
  if (status) return status;
  return cli_given(args, "drop") ? drop(args, ctx, model, new) : extend(args, ctx, model, new);
}

#define OF_STAGES "replace drop inputs target function domain method stages target-error time"
#define OF_NETWORKS "modules layers head retrain swap recipe set test old"

/* What the folder's recipe is decides: a fit's, or a training's. */
static int resume(const cli_args *args, rung_context *ctx) {
  rung_recipe *recipe = NULL;
  char *path = cli_join(cli_value(args, "resume"), RUNG_RUN_RECIPE);
  if (!path) return CLI_FAILURE;
  rung_status fit = rung_recipe_load(ctx, RUNG_RECIPE_FIT, path, &recipe);
  rung_recipe_destroy(recipe);
  rung_status training =
      fit == RUNG_OK ? RUNG_OK : rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, path, &recipe);
  free(path);
  if (training != RUNG_OK) return cli_failed(ctx);
  if (fit != RUNG_OK) return cli_resume_network(args, ctx, recipe);
  cli_fitting fitting = {.args = args, .ctx = ctx, .folder = cli_value(args, "resume")};
  return cli_fit(&fitting);
}

static int change(const cli_args *args, rung_context *ctx) {
  cli_model model;
  int status = cli_load_any(ctx, args->argument[0], &model);
  if (!status) status = cli_refuse(args, &model, model.network ? OF_STAGES : OF_NETWORKS);
  if (!status && model.network) return cli_extend_network(args, ctx, model.network);
  if (!status) status = change_stages(args, ctx, model.stages);
  cli_model_free(&model);
  return status;
}

static int run(const cli_args *args) {
  bool resumes = cli_given(args, "resume");
  bool data = args->count > 1 || cli_given(args, "function");
  if (resumes && cli_check_resume(args)) return CLI_USAGE;
  if (!resumes && args->count == 0) return cli_usage("expected a model");
  if (!resumes && !cli_given(args, "output"))
    return cli_usage("expected -o NEW: where the new model goes");
  if (cli_given(args, "drop") && (data || cli_given(args, "replace")))
    return cli_usage("--drop needs no data: drop first, then extend the result");
  rung_context *ctx;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = resumes ? resume(args, ctx) : change(args, ctx);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_extend_command = {
    "extend", "add stages or modules to a model, train some anew",
    usage,    text,
    options,  examples,
    0,        2,
    run,
};
