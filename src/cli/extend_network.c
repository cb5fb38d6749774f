/* rung extend of a network: modules appended, trained further or anew, the others left as they are;
 * then what each is worth, before and after. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data.h"
#include "extend.h"
#include "folder.h"
#include "training.h"

typedef struct job {
  const cli_args *args;
  rung_context *ctx;
  rung_network *before;
  rung_network *begun; /* as training begins: grown, modules renewed; NULL: as before */
  rung_network *after;
  rung_recipe *recipe;
  uint64_t trained;     /* bit k - 1: module k */
  rung_dataset *set[2]; /* what accuracies are told of: new samples, old ones (NULL: none) */
  double *value[2];     /* accuracy, or loss of values: [before, after][modules] */
  int modules;          /* of the network that comes out */
} job;

/* ---- what is asked for ---- */

/* "2,3" as bits; modules count from 1 to `modules`. */
static int read_modules(const cli_args *args, const char *option, int modules, uint64_t *out) {
  const char *at = cli_value(args, option);
  for (*out = 0; at; at++) {
    char *end;
    long module = strtol(at, &end, 10);
    if (end == at || (*end && *end != ',') || module < 1 || module > modules)
      return cli_usage("--%s: expected modules from 1 to %d, such as 1,2; found '%s'", option,
                       modules, cli_value(args, option));
    *out |= UINT64_C(1) << (module - 1);
    at = end;
    if (!*at) break;
  }
  return CLI_SUCCESS;
}

/* "+2" or "2"; 0: none. */
static int read_growth(const cli_args *args, uint64_t seed, rung_growth *out) {
  const char *text = cli_value(args, "modules"), *layers = cli_value(args, "layers");
  *out = rung_growth_default();
  out->modules = 0;
  out->seed = seed;
  out->head = cli_value(args, "head");
  if (!text && (layers || out->head))
    return cli_usage("--%s belongs to --modules", layers ? "layers" : "head");
  if (!text) return CLI_SUCCESS;
  char *end;
  long count = strtol(text, &end, 10);
  if (*end || count < 1 || count > RUNG_MOST_EXITS)
    return cli_usage("--modules: expected how many to append, such as +1; found '%s'", text);
  out->modules = (int)count;
  out->layers = layers ? strtol(layers, NULL, 10) : 0;
  if (layers && out->layers < 1)
    return cli_usage("--layers: expected at least 1, found '%s'", layers);
  return CLI_SUCCESS;
}

/* ---- the recipe ---- */

/* What the network or the command line settles. */
static const char *const settled[] = {
    "data.test",          "data.labels",      "data.test-labels",   "data.target",
    "data.ignore",        "data.header",      "data.height",        "data.width",
    "data.channels",      "data.normalise",   "model.channels",     "model.width",
    "model.layers",       "model.nodes",      "model.state",        "model.levels",
    "training.modules",   "training.head",    "training.precision", "training.stability",
    "model.architecture", "model.block",      "model.integrator",   "model.norm",
    "training.scheme",    "model.activation", "data.train",         "run.directory",
    "training.cuts",      "model.head",
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

static int make_recipe(job *j) {
  const rung_network_settings s = rung_network_get_settings(j->before);
  const char *seed = cli_value(j->args, "seed");
  const char *const own[][2] = {{"data.train", j->args->argument[1]},
                                {"training.scheme", "modulewise"},
                                {"model.architecture", s.architecture},
                                {"model.block", s.block},
                                {"model.integrator", s.integrator}};
  int status = refuse_settled(j->args);
  if (!status) status = open_recipe(j);
  if (!status && seed) status = set_key(j, "run.seed", seed);
  if (!status) status = cli_set_keys(j->args, j->ctx, j->recipe);
  for (size_t i = 0; i < SETTLED && !status; i++) status = set_key(j, settled[i], NULL);
  for (size_t i = 0; i < sizeof own / sizeof *own && !status; i++)
    status = set_key(j, own[i][0], own[i][1]);
  bool values = rung_network_classes(j->before) == NULL;
  const char *loss = status ? NULL : rung_recipe_get(j->recipe, "training.loss");
  if (loss && values && strcmp(loss, "cross-entropy") == 0)
    status = set_key(j, "training.loss", "squared");
  return status;
}

/* ---- the network ---- */

static int begin_network(job *j) {
  uint64_t seed = strtoull(rung_recipe_get(j->recipe, "run.seed"), NULL, 10), retrained, swapped;
  int modules = rung_network_exits(j->before) + 1;
  rung_growth growth;
  int status = read_growth(j->args, seed, &growth);
  if (!status) status = read_modules(j->args, "retrain", modules, &retrained);
  if (!status) status = read_modules(j->args, "swap", modules, &swapped);
  if (status) return status;
  if (retrained & swapped) return cli_usage("a module is named by both --retrain and --swap");
  if (!growth.modules && !retrained && !swapped)
    return cli_usage("expected what is to be trained: --modules +N, --retrain K or --swap K");
  rung_status made = growth.modules ? rung_network_grow(j->before, j->ctx, &growth, &j->begun)
                                    : rung_network_copy(j->before, j->ctx, &j->begun);
  for (int k = 1; k <= modules && made == RUNG_OK; k++)
    if (swapped >> (k - 1) & 1) made = rung_network_renew(j->begun, j->ctx, k, seed);
  if (made != RUNG_OK) return cli_failed(j->ctx);
  j->trained = retrained | swapped;
  j->modules = modules + growth.modules;
  for (int k = modules; k < j->modules; k++) j->trained |= UINT64_C(1) << k;
  return CLI_SUCCESS;
}

/* ---- what it is worth ---- */

static int open_sets(job *j) {
  const char *test = cli_value(j->args, "test"), *old = cli_value(j->args, "old");
  const char *path[2] = {test ? test : j->args->argument[1], old};
  int status = CLI_SUCCESS;
  for (int i = 0; i < 2 && path[i] && !status; i++)
    status = cli_open_data(j->args, j->ctx, j->before, path[i], true, &j->set[i]);
  return status;
}

/* Accuracy of a module's classifier, or its loss where it predicts values. */
static int judge(job *j, rung_network *network, int set, double *value) {
  rung_network_evaluation *e[RUNG_MOST_EXITS + 1];
  int ends = rung_network_exits(network) + 1;
  if (rung_network_evaluate_exits(j->ctx, network, j->set[set], NULL, NULL, e) != RUNG_OK)
    return cli_failed(j->ctx);
  for (int k = 0; k < j->modules; k++) value[k] = NAN;
  for (int k = 0; k < ends; k++) {
    value[k] = e[k]->classes ? e[k]->accuracy : e[k]->loss;
    rung_network_evaluation_destroy(j->ctx, e[k]);
  }
  return CLI_SUCCESS;
}

static int judge_sets(job *j, rung_network *network, bool after) {
  int status = CLI_SUCCESS;
  for (int i = 0; i < 2 && j->set[i] && !status; i++) {
    if (!after) j->value[i] = calloc(2 * (size_t)j->modules, sizeof **j->value);
    if (!j->value[i]) return cli_no_memory();
    status = judge(j, network, i, j->value[i] + (after ? j->modules : 0));
  }
  return status;
}

/* ---- telling ---- */

static void print_value(const job *j, double value) {
  if (isnan(value))
    printf("  %10s", "-");
  else if (rung_network_classes(j->before))
    printf("  %9.2f%%", 100 * value);
  else
    printf("  %10.4g", value);
}

static void tell_text(const job *j, const char *path) {
  const char *what = rung_network_classes(j->before) ? "accuracy" : "loss";
  printf("\n%s of each module on %s samples%s\n", what, cli_given(j->args, "test") ? "test" : "new",
         j->set[1] ? ", and on old ones" : "");
  printf("module           %12s  %10s", "before", "after");
  if (j->set[1]) printf("  %10s  %10s", "before", "after");
  putchar('\n');
  for (int k = 0; k < j->modules; k++) {
    printf("%6d  %-9s", k + 1, j->trained >> k & 1 ? "trained" : "as it was");
    for (int i = 0; i < 2 && j->set[i]; i++) {
      print_value(j, j->value[i][k]);
      print_value(j, j->value[i][j->modules + k]);
    }
    putchar('\n');
  }
  printf("\nmodel     %s, %lld weights\n", path, (long long)rung_network_parameters(j->after));
}

static void tell_json(const job *j, const rung_train_result *r, const char *path) {
  const cli_number result[] = {{"epochs", (double)r->epochs},
                               {"best_epoch", (double)r->best_epoch},
                               {"train_loss", r->train_loss},
                               {"validation_loss", r->validation_loss},
                               {"validation_accuracy", r->validation_accuracy},
                               {"parameters", (double)r->parameters},
                               {"seconds", r->seconds},
                               {"planned_bytes", (double)r->planned_bytes},
                               {"peak_bytes", (double)r->peak_bytes}};
  fputs("{\"model\":", stdout);
  cli_json_text(path);
  fputs(",\"result\":{", stdout);
  cli_json_numbers(result, sizeof result / sizeof *result, true);
  fputs("},\"modules\":[", stdout);
  for (int k = 0; k < j->modules; k++) {
    const double *new = j->value[0], *old = j->value[1];
    const cli_number numbers[] = {{"module", k + 1},
                                  {"trained", (double)(j->trained >> k & 1)},
                                  {"before", new[k]},
                                  {"after", new[j->modules + k]},
                                  {"old_before", old ? old[k] : NAN},
                                  {"old_after", old ? old[j->modules + k] : NAN}};
    fputs(k ? ",{" : "{", stdout);
    cli_json_numbers(numbers, old ? 6 : 4, true);
    putchar('}');
  }
  puts("]}");
}

/* ---- all of it ---- */

static int finish(job *j, const rung_train_result *result) {
  int status = judge_sets(j, j->after, true);
  if (status) return status;
  char *path = cli_place_model(cli_value(j->args, "output"));
  if (!path) return CLI_FAILURE;
  if (rung_network_save(j->after, j->ctx, path) != RUNG_OK)
    status = cli_failed(j->ctx);
  else if (cli_given(j->args, "json"))
    tell_json(j, result, path);
  else
    tell_text(j, path);
  free(path);
  return status;
}

static int change(job *j) {
  rung_train_result result;
  const char *new = cli_value(j->args, "output");
  int status = make_recipe(j);
  if (!status) status = cli_set_threads(j->args, j->ctx, j->recipe);
  if (!status) status = begin_network(j);
  if (!status && !cli_is_model_file(new)) status = cli_check_new_folder(new, "train");
  if (!status) status = open_sets(j);
  if (!status) status = judge_sets(j, j->before, false);
  if (!status)
    status =
        cli_train_modules(j->args, j->ctx, j->begun, j->recipe, j->trained, &j->after, &result);
  return status ? status : finish(j, &result);
}

int cli_extend_network(const cli_args *args, rung_context *ctx, rung_network *network) {
  job j = {.args = args, .ctx = ctx, .before = network};
  if (args->count < 2) return cli_usage("expected the DATA that modules are to be trained on");
  int status = change(&j);
  for (int i = 0; i < 2; i++) {
    rung_dataset_destroy(j.set[i]);
    free(j.value[i]);
  }
  rung_network_destroy(j.after);
  rung_network_destroy(j.begun);
  rung_recipe_destroy(j.recipe);
  return status;
}
