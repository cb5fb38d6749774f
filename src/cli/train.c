/* rung train: trains a network as a recipe says, in a new run's folder. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "folder.h"
#include "training.h"

static const char *const usage[] = {
    "RECIPE [--set KEY=VALUE]... [OPTIONS]",
    "--resume RUN_DIR [--threads N] [--json]",
    "RECIPE [--set KEY=VALUE]... --plan-only",
    "[RECIPE] [--set KEY=VALUE]... --print-recipe",
    NULL,
};

static const char *const text[] = {
    "Trains a deep network on tables or images as RECIPE (YAML) says, and keeps the weights of the "
    "epoch with the least loss on samples that were held out. What will be trained, and in how "
    "much memory, is told first. The same recipe gives the same bytes for any number of threads.",
    "RUN_DIR gets the recipe, log.jsonl, the best model (model.safetensors) and the last, the "
    "state to resume from, TensorBoard events, and report.html. It must be new or empty.",
    "--print-recipe prints the recipe with all defaults, and what each key takes, and trains "
    "nothing. Without RECIPE it shows every key there is.",
    "--plan-only trains nothing and prints what training would take in memory and time: end to "
    "end, and cut into more and more modules (training.scheme=modulewise). It takes two steps of "
    "each to measure one.",
    "Ctrl-C saves and ends the training, and --resume goes on to the same bytes as without "
    "interruption; a second Ctrl-C ends at once.",
    NULL,
};

static const cli_option options[] = {
    {"set", 0, true, CLI_TEXT, "KEY=VALUE", NULL,
     "sets a key of the recipe, such as model.block=hamiltonian or training.epochs=50", NULL, NULL},
    {"memory", 0, false, CLI_TEXT, "SIZE", NULL,
     "use at most this much memory, the program included, for example 64MB",
     "the recipe's training.memory", NULL},
    {"output", 'o', false, CLI_FOLDER, "RUN_DIR", NULL, "folder of the run",
     "the recipe's run.directory, or NAME.run after the recipe's name", NULL},
    {"resume", 0, false, CLI_FOLDER, "RUN_DIR", NULL,
     "go on with an interrupted run, to the same result as without interruption", NULL, NULL},
    {"plan-only", 0, false, CLI_FLAG, NULL, NULL,
     "print what each number of modules would take and end", NULL, NULL},
    {"print-recipe", 0, false, CLI_FLAG, NULL, NULL, "print the recipe with all defaults and end",
     NULL, NULL},
    CLI_OPTION_THREADS,
    CLI_OPTION_JSON,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung train digits.yaml", "Trains as the recipe says, into digits.run."},
    {"rung train digits.yaml --set model.block=hamiltonian --set run.seed=2 -o second",
     "Changes two keys of the recipe."},
    {"rung train mnist.yaml --memory 64MB", "Fits into 64 MB, or says what it would take."},
    {"rung train mnist.yaml --memory 16MB --plan-only",
     "Tells how many modules would fit into 16 MB."},
    {"rung train --resume digits.run", "Goes on with that run after it was interrupted."},
    {NULL, NULL},
};

int cli_set_keys(const cli_args *args, rung_context *ctx, rung_recipe *recipe) {
  for (int i = 0; i < args->given_count; i++) {
    const struct cli_given *g = &args->given[i];
    bool set = strcmp(g->option->name, "set") == 0;
    if (!set && strcmp(g->option->name, "memory") != 0) continue;
    const char *equals = set ? strchr(g->value, '=') : NULL;
    if (set && (!equals || equals == g->value))
      return cli_usage("--set: expected KEY=VALUE, found '%s'", g->value);
    char *key = set ? strndup(g->value, (size_t)(equals - g->value)) : strdup("training.memory");
    if (!key) return cli_no_memory();
    rung_status status = rung_recipe_set(recipe, ctx, key, set ? equals + 1 : g->value);
    free(key);
    if (status != RUNG_OK) return cli_usage("--%s: %s", g->option->name, rung_error(ctx));
  }
  return CLI_SUCCESS;
}

static int make_recipe(const cli_args *args, rung_context *ctx, rung_recipe **out) {
  const char *path = args->count ? args->argument[0] : NULL;
  rung_status status = path ? rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, path, out)
                            : rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, out);
  return status == RUNG_OK ? cli_set_keys(args, ctx, *out) : cli_failed(ctx);
}

static int print_recipe(rung_context *ctx, const rung_recipe *recipe) {
  char *all;
  if (rung_recipe_text(recipe, ctx, &all) != RUNG_OK) return cli_failed(ctx);
  fputs(all, stdout);
  rung_free(ctx, all);
  return CLI_SUCCESS;
}

int cli_set_threads(const cli_args *args, rung_context *ctx, const rung_recipe *recipe) {
  int threads = (int)strtol(rung_recipe_get(recipe, "run.threads"), NULL, 10);
  if (threads == 0 || cli_given(args, "threads")) return CLI_SUCCESS;
  return rung_set_threads(ctx, threads) == RUNG_OK ? CLI_SUCCESS : cli_failed(ctx);
}

static int train(const cli_args *args, rung_context *ctx, const rung_recipe *recipe) {
  const char *asked = cli_value(args, "output");
  if (!asked) asked = rung_recipe_get(recipe, "run.directory");
  char *chosen = asked ? NULL : cli_free_run_name(args->argument[0]);
  const char *folder = asked ? asked : chosen;
  int status = folder ? cli_check_new_folder(folder, "train") : CLI_FAILURE;
  if (!status) status = cli_make_parents(folder);
  if (!status) status = cli_set_threads(args, ctx, recipe);
  if (!status) status = cli_train(args, ctx, recipe, folder);
  free(chosen);
  return status;
}

static int plan(const cli_args *args, rung_context *ctx, const rung_recipe *recipe) {
  enum { MOST_ROWS = 16 };
  rung_planned row[MOST_ROWS];
  int rows;
  bool json = cli_given(args, "json");
  int status = cli_set_threads(args, ctx, recipe);
  if (status) return status;
  if (rung_train_plan(ctx, recipe, MOST_ROWS, row, &rows) != RUNG_OK) return cli_failed(ctx);
  if (!json) puts("modules   memory MB  of it steps  at once  work    s a step  s an epoch  fits");
  for (int i = 0; i < rows; i++) {
    double epoch = row[i].step_seconds * (double)row[i].steps_per_epoch;
    const cli_number numbers[] = {{"modules", row[i].modules},
                                  {"fits", row[i].fits},
                                  {"planned_bytes", (double)row[i].planned_bytes},
                                  {"step_bytes", (double)row[i].step_bytes},
                                  {"work", row[i].work},
                                  {"micro_batch", (double)row[i].micro_batch},
                                  {"step_seconds", row[i].step_seconds},
                                  {"epoch_seconds", epoch}};
    if (json) {
      fputs(i ? ",{" : "[{", stdout);
      cli_json_numbers(numbers, sizeof numbers / sizeof *numbers, true);
      putchar('}');
    } else if (row[i].fits) {
      printf("%7d  %10.2f  %11.2f  %7lld  %4.2f  %10.4g  %10.4g  yes\n", row[i].modules,
             (double)row[i].planned_bytes / 1e6, (double)row[i].step_bytes / 1e6,
             (long long)row[i].micro_batch, row[i].work, row[i].step_seconds, epoch);
    } else {
      printf("%7d  %10.2f  %11s  %7s  %4s  %10s  %10s  no\n", row[i].modules,
             (double)row[i].planned_bytes / 1e6, "-", "-", "-", "-", "-");
    }
  }
  if (json) puts("]");
  return CLI_SUCCESS;
}

static int resume(const cli_args *args, rung_context *ctx) {
  const char *folder = cli_value(args, "resume");
  rung_recipe *recipe = NULL;
  char *path = cli_join(folder, RUNG_RUN_RECIPE);
  if (!path) return CLI_FAILURE;
  rung_status loaded = rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, path, &recipe);
  int status = loaded == RUNG_OK ? cli_set_threads(args, ctx, recipe) : cli_failed(ctx);
  free(path);
  rung_recipe_destroy(recipe);
  return status ? status : cli_train(args, ctx, NULL, folder);
}

static int run(const cli_args *args) {
  bool resumes = cli_given(args, "resume"), prints = cli_given(args, "print-recipe");
  bool plans = cli_given(args, "plan-only");
  if (resumes && cli_check_resume(args)) return CLI_USAGE;
  if (!resumes && !prints && args->count == 0) return cli_usage("expected a recipe");
  rung_context *ctx;
  rung_recipe *recipe = NULL;
  int status = cli_open(args, &ctx);
  if (status) return status;
  if (!resumes) status = make_recipe(args, ctx, &recipe);
  if (!status)
    status = resumes  ? resume(args, ctx)
             : prints ? print_recipe(ctx, recipe)
             : plans  ? plan(args, ctx, recipe)
                      : train(args, ctx, recipe);
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_train_command = {
    "train", "train a network as a recipe says", usage, text, options, examples, 0, 1, run,
};
