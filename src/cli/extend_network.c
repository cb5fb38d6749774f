/* rung extend of a network: modules appended, trained further or anew, the others left as they are;
 * then what each is worth, before and after. What is asked for becomes a recipe, so that the run's
 * folder holds all that it takes to go on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "extend.h"
#include "folder.h"
#include "training.h"

enum { MOST_MODULES = RUNG_MOST_EXITS + 1 };

typedef struct job {
  const cli_args *args;
  rung_context *ctx;
  rung_recipe *recipe;
  rung_network *network;            /* before training, then after it */
  double value[2][2][MOST_MODULES]; /* accuracy, or loss of values: [new, old][before, after] */
  int modules;                      /* of the new network */
} job;

/* ---- the recipe ---- */

/* What the network or the command line settles. */
static const char *const settled[] = {
    "data.test",          "data.labels",          "data.test-labels",
    "data.target",        "data.ignore",          "data.header",
    "data.height",        "data.width",           "data.channels",
    "data.normalise",     "model.channels",       "model.width",
    "model.layers",       "model.nodes",          "model.state",
    "model.levels",       "training.modules",     "training.head",
    "training.precision", "training.stability",   "model.architecture",
    "model.block",        "model.integrator",     "model.norm",
    "training.scheme",    "model.activation",     "data.train",
    "run.directory",      "training.cuts",        "model.head",
    "extend.network",     "extend.modules",       "extend.layers",
    "extend.head",        "extend.retrain",       "extend.swap",
    "extend.old",         "model.time",           "model.step",
    "model.gamma",        "model.groups",         "model.dropout",
    "model.orthogonal",   "model.opening_kernel", "model.opening_stride",
};
#define SETTLED (sizeof settled / sizeof *settled)

static int refuse_settled(const cli_args *args) {
  for (int i = 0; i < args->given_count; i++) {
    const struct cli_given *g = &args->given[i];
    if (strcmp(g->option->name, "set") != 0) continue;
    size_t length = strcspn(g->value, "=");
    for (size_t k = 0; k < SETTLED; k++)
      if (strlen(settled[k]) == length && strncmp(settled[k], g->value, length) == 0)
        return cli_usage("--set: %s is settled by the network and the command line", settled[k]);
  }
  return CLI_SUCCESS;
}

/* Of --recipe, of the run's folder, or one of defaults. */
static int open_recipe(job *j) {
  struct stat info;
  const char *path = cli_value(j->args, "recipe"), *model = j->args->argument[0];
  char *inside = NULL;
  if (!path && stat(model, &info) == 0 && S_ISDIR(info.st_mode)) {
    inside = cli_join(model, RUNG_RUN_RECIPE);
    if (!inside) return CLI_FAILURE;
    if (stat(inside, &info) == 0) path = inside;
  }
  rung_status status = path ? rung_recipe_load(j->ctx, RUNG_RECIPE_TRAIN, path, &j->recipe)
                            : rung_recipe_create(j->ctx, RUNG_RECIPE_TRAIN, &j->recipe);
  free(inside);
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(j->ctx);
}

static int set_key(job *j, const char *key, const char *value) {
  if (rung_recipe_set(j->recipe, j->ctx, key, value) == RUNG_OK) return CLI_SUCCESS;
  return cli_failed(j->ctx);
}

/* Options that are keys of the recipe. */
static int set_options(job *j) {
  static const char *const named[][2] = {
      {"seed", "run.seed"},          {"test", "data.test"},       {"old", "extend.old"},
      {"modules", "extend.modules"}, {"layers", "extend.layers"}, {"head", "extend.head"},
      {"retrain", "extend.retrain"}, {"swap", "extend.swap"},
  };
  for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
    const char *value = cli_value(j->args, named[i][0]);
    if (value && strcmp(named[i][0], "modules") == 0 && *value == '+') value++;
    if (value && rung_recipe_set(j->recipe, j->ctx, named[i][1], value) != RUNG_OK)
      return cli_usage("%s", rung_error(j->ctx));
  }
  return CLI_SUCCESS;
}

static int make_recipe(job *j) {
  const rung_network_settings s = rung_network_get_settings(j->network);
  const char *precision = rung_dtype_name(rung_network_dtype(j->network));
  char *model = cli_model_path(j->args->argument[0]);
  const char *const own[][2] = {
      {"data.train", j->args->argument[1]},   {"extend.network", model},
      {"training.scheme", "modulewise"},      {"training.precision", precision},
      {"model.architecture", s.architecture}, {"model.block", s.block},
      {"model.integrator", s.integrator}};
  int status = model ? refuse_settled(j->args) : CLI_FAILURE;
  if (!status) status = open_recipe(j);
  for (size_t i = 0; i < SETTLED && !status; i++) status = set_key(j, settled[i], NULL);
  for (size_t i = 0; i < sizeof own / sizeof *own && !status; i++)
    status = set_key(j, own[i][0], own[i][1]);
  free(model);
  if (!status) status = set_options(j);
  if (!status) status = cli_set_keys(j->args, j->ctx, j->recipe);
  bool values = rung_network_classes(j->network) == NULL;
  const char *loss = status ? NULL : rung_recipe_get(j->recipe, "training.loss");
  if (loss && values && strcmp(loss, "cross-entropy") == 0)
    status = set_key(j, "training.loss", "squared");
  return status;
}

/* ---- what it is worth ---- */

/* The samples that accuracies are told of: set 0 new ones, 1 old ones; NULL: none. */
static const char *samples_of(const job *j, int set) {
  const char *test = rung_recipe_get(j->recipe, "data.test");
  if (set == 1) return rung_recipe_get(j->recipe, "extend.old");
  return test ? test : rung_recipe_get(j->recipe, "data.train");
}

/* Half of what the limit leaves beside the program, as trainings take, and what any run takes: it
 * is the plan that refuses less. 0: no limit. */
static size_t room_of(const job *j) {
  const double program = 8e6, least = 3e6;
  double limit = rung_recipe_number(j->recipe, "training.memory");
  return limit > 0 ? (size_t)fmax((limit - program) / 2, least) : 0;
}

/* As the training opens them, in no more memory. */
static int open_samples(job *j, const char *path, rung_dataset **out) {
  rung_dataset_options how = rung_dataset_options_default();
  rung_network_dataset(j->network, &how);
  how.skip_bad = strcmp(rung_recipe_get(j->recipe, "data.skip-bad"), "yes") == 0;
  how.memory = room_of(j);
  return rung_dataset_open(j->ctx, path, &how, out) == RUNG_OK ? CLI_SUCCESS : cli_failed(j->ctx);
}

/* Accuracy of each module's classifier, or its loss where it predicts values. */
static int judge_on(job *j, const char *samples, double value[MOST_MODULES]) {
  rung_network_evaluation *e[MOST_MODULES];
  rung_evaluate_options how = rung_evaluate_options_default();
  rung_dataset *set;
  how.batch = 64; /* few, for it must do with the memory that training had */
  int status = open_samples(j, samples, &set);
  if (status) return status;
  if (rung_network_evaluate_exits(j->ctx, j->network, set, NULL, &how, e) != RUNG_OK)
    status = cli_failed(j->ctx);
  for (int k = 0; k <= rung_network_exits(j->network) && !status; k++) {
    value[k] = e[k]->classes ? e[k]->accuracy : e[k]->loss;
    rung_network_evaluation_destroy(j->ctx, e[k]);
  }
  rung_dataset_destroy(set);
  return status;
}

static int judge(job *j, bool after) {
  int status = CLI_SUCCESS;
  for (int i = 0; i < 2 && samples_of(j, i) && !status; i++)
    status = judge_on(j, samples_of(j, i), j->value[i][after]);
  if (after) j->modules = rung_network_exits(j->network) + 1;
  return status;
}

/* ---- telling ---- */

/* Is module k, from 1, in a list such as "1,3"? */
static bool is_named(const job *j, const char *key, int k) {
  const char *at = rung_recipe_get(j->recipe, key);
  while (at && *at) {
    char *end;
    if (strtol(at, &end, 10) == k) return true;
    at = *end == ',' ? end + 1 : NULL;
  }
  return false;
}

static bool is_trained(const job *j, int k) {
  int appended = (int)rung_recipe_number(j->recipe, "extend.modules");
  return k > j->modules - appended || is_named(j, "extend.retrain", k) ||
         is_named(j, "extend.swap", k);
}

static void print_value(double value, bool accuracy) {
  if (isnan(value))
    printf("  %10s", "-");
  else if (accuracy)
    printf("  %9.2f%%", 100 * value);
  else
    printf("  %10.4g", value);
}

static void tell_text(const job *j, const char *model, const char *folder) {
  bool accuracy = rung_network_classes(j->network) != NULL, old = samples_of(j, 1) != NULL;
  printf("\n%s of each module on %s samples%s\n", accuracy ? "accuracy" : "loss",
         rung_recipe_get(j->recipe, "data.test") ? "test" : "new", old ? ", and on old ones" : "");
  printf("module           %12s  %10s", "before", "after");
  if (old) printf("  %10s  %10s", "before", "after");
  putchar('\n');
  for (int k = 0; k < j->modules; k++) {
    printf("%6d  %-9s", k + 1, is_trained(j, k + 1) ? "trained" : "as it was");
    for (int i = 0; i < (old ? 2 : 1); i++)
      for (int after = 0; after < 2; after++) print_value(j->value[i][after][k], accuracy);
    putchar('\n');
  }
  printf("\nmodel     %s, %lld weights\n", model, (long long)rung_network_parameters(j->network));
  if (folder) printf("report    %s/%s\n", folder, RUNG_RUN_REPORT);
}

static void tell_json(const job *j, const rung_train_result *r, const char *folder,
                      const char *model) {
  const cli_number result[] = {{"epochs", (double)r->epochs},
                               {"best_epoch", (double)r->best_epoch},
                               {"train_loss", r->train_loss},
                               {"validation_loss", r->validation_loss},
                               {"validation_accuracy", r->validation_accuracy},
                               {"parameters", (double)r->parameters},
                               {"seconds", r->seconds},
                               {"planned_bytes", (double)r->planned_bytes},
                               {"peak_bytes", (double)r->peak_bytes}};
  fputs("{\"run\":", stdout);
  if (folder)
    cli_json_text(folder);
  else
    fputs("null", stdout);
  cli_json_key("model", false);
  cli_json_text(model);
  fputs(",\"result\":{", stdout);
  cli_json_numbers(result, sizeof result / sizeof *result, true);
  fputs("},\"modules\":[", stdout);
  for (int k = 0; k < j->modules; k++) {
    const cli_number numbers[] = {
        {"module", k + 1},
        {"trained", is_trained(j, k + 1)},
        {"before", j->value[0][0][k]},
        {"after", j->value[0][1][k]},
        {"old_before", j->value[1][0][k]},
        {"old_after", j->value[1][1][k]},
    };
    fputs(k ? ",{" : "{", stdout);
    cli_json_numbers(numbers, samples_of(j, 1) ? 6 : 4, true);
    putchar('}');
  }
  puts("]}");
}

/* ---- all of it ---- */

/* `folder` NULL: only the file `model` is written. Nothing but the run itself is in memory while it
 * trains. */
static int train(job *j, const rung_recipe *recipe, const char *folder, const char *model) {
  rung_train_result result;
  rung_network_destroy(j->network);
  j->network = NULL;
  int status = cli_train_extension(j->args, j->ctx, recipe, folder, &j->network, &result);
  if (!status && !folder && rung_network_save(j->network, j->ctx, model) != RUNG_OK)
    status = cli_failed(j->ctx);
  if (!status) status = judge(j, true);
  if (status) return status;
  if (cli_given(j->args, "json"))
    tell_json(j, &result, folder, model);
  else
    tell_text(j, model, folder);
  return CLI_SUCCESS;
}

static int train_in_folder(job *j, const rung_recipe *recipe, const char *folder) {
  char *model = cli_join(folder, RUNG_RUN_MODEL);
  int status = model ? train(j, recipe, folder, model) : CLI_FAILURE;
  free(model);
  return status;
}

/* A file for the new model, which is written when all is done: not the one that is extended, and in
 * a folder that is there. */
static int check_new_file(const job *j, const char *new) {
  struct stat old_file, new_file;
  if (stat(new, &new_file) != 0) return cli_make_parents(new);
  if (S_ISDIR(new_file.st_mode))
    return cli_usage("%s: expected a file to write, found a folder", new);
  if (stat(rung_recipe_get(j->recipe, "extend.network"), &old_file) == 0 &&
      old_file.st_dev == new_file.st_dev && old_file.st_ino == new_file.st_ino)
    return cli_usage("%s is the model that is extended: expected another file", new);
  return CLI_SUCCESS;
}

static int begin(job *j) {
  const char *new = cli_value(j->args, "output");
  const bool file = cli_is_model_file(new);
  if (!cli_given(j->args, "modules") && !cli_given(j->args, "retrain") &&
      !cli_given(j->args, "swap"))
    return cli_usage("expected what is to be trained: --modules +N, --retrain K or --swap K");
  int status = make_recipe(j);
  if (!status) status = cli_set_threads(j->args, j->ctx, j->recipe);
  if (!status) status = file ? check_new_file(j, new) : cli_check_new_folder(new, "extend");
  if (!status && !file) status = cli_make_parents(new);
  if (!status) status = judge(j, false);
  if (status) return status;
  return file ? train(j, j->recipe, NULL, new) : train_in_folder(j, j->recipe, new);
}

static job make_job(const cli_args *args, rung_context *ctx) {
  job j = {.args = args, .ctx = ctx};
  double *value = &j.value[0][0][0]; /* NaN: not known */
  for (size_t i = 0; i < sizeof j.value / sizeof *value; i++) value[i] = NAN;
  return j;
}

static void free_job(job *j) {
  rung_network_destroy(j->network);
  rung_recipe_destroy(j->recipe);
}

int cli_extend_network(const cli_args *args, rung_context *ctx, rung_network *network) {
  job j = make_job(args, ctx);
  j.network = network;
  int status = args->count < 2 ? cli_usage("expected the DATA that modules are to be trained on")
                               : begin(&j);
  free_job(&j);
  return status;
}

/* What it went on from; a run that is done can do without. */
static int judge_before(job *j) {
  const char *path = rung_recipe_get(j->recipe, "extend.network");
  if (rung_network_load(j->ctx, path, &j->network) == RUNG_OK) return judge(j, false);
  rung_clear_error(j->ctx);
  return CLI_SUCCESS;
}

int cli_resume_network(const cli_args *args, rung_context *ctx, rung_recipe *recipe) {
  const char *folder = cli_value(args, "resume");
  job j = make_job(args, ctx);
  j.recipe = recipe;
  int status = CLI_SUCCESS;
  if (!rung_recipe_get(recipe, "extend.network")) {
    cli_say("%s: this run does not extend a network; to go on: rung train --resume %s", folder,
            folder);
    status = CLI_FAILURE;
  }
  if (!status) status = cli_set_threads(args, ctx, recipe);
  if (!status) status = judge_before(&j);
  if (!status) status = train_in_folder(&j, NULL, folder);
  free_job(&j);
  return status;
}
