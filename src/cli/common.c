/* What the commands have in common: context, models, recipes, files, JSON. */
#include "common.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_open(const cli_args *args, rung_context **out) {
  if (rung_context_create(NULL, out) != RUNG_OK) return cli_no_memory();
  const char *threads = cli_value(args, "threads");
  if (!threads) return CLI_SUCCESS;
  long count = strtol(threads, NULL, 10);
  if (rung_set_threads(*out, count > 1 << 20 ? 1 << 20 : (int)count) == RUNG_OK) return CLI_SUCCESS;
  int status = cli_usage("--threads: %s", rung_error(*out));
  rung_context_destroy(*out);
  *out = NULL;
  return status;
}

int cli_check_resume(const cli_args *args) {
  const char *what = args->command->name;
  for (int i = 0; i < args->given_count; i++) {
    const char *name = args->given[i].option->name;
    if (strcmp(name, "resume") != 0 && strcmp(name, "threads") != 0 && strcmp(name, "json") != 0)
      return cli_usage("--resume takes what to %s from the run's recipe; it does not go with --%s",
                       what, name);
  }
  if (args->count)
    return cli_usage("--resume takes what to %s from the run's recipe; unexpected '%s'", what,
                     args->argument[0]);
  return CLI_SUCCESS;
}

int cli_no_memory(void) {
  cli_say("out of memory");
  return CLI_FAILURE;
}

int cli_failed(const rung_context *ctx) {
  cli_say("%s", rung_error(ctx));
  return CLI_FAILURE;
}

char *cli_join(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (!path) {
    cli_say("out of memory");
    return NULL;
  }
  size_t length = strlen(folder);
  bool slash = length > 0 && folder[length - 1] == '/';
  snprintf(path, size, "%s%s%s", folder, slash ? "" : "/", name);
  return path;
}

char *cli_model_path(const char *path) {
  struct stat info;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return cli_join(path, RUNG_RUN_MODEL);
  char *copy = strdup(path);
  if (!copy) cli_no_memory();
  return copy;
}

int cli_load(rung_context *ctx, const char *path, rung_model **out) {
  char *file = cli_model_path(path);
  if (!file) return CLI_FAILURE;
  rung_status status = rung_model_load(ctx, file, out);
  free(file);
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(ctx);
}

int cli_load_any(rung_context *ctx, const char *path, cli_model *out) {
  rung_model_kind kind;
  *out = (cli_model){0};
  char *file = cli_model_path(path);
  if (!file) return CLI_FAILURE;
  rung_status status = rung_model_kind_of(ctx, file, &kind);
  if (status == RUNG_OK)
    status = kind == RUNG_MODEL_NETWORK ? rung_network_load(ctx, file, &out->network)
                                        : rung_model_load(ctx, file, &out->stages);
  free(file);
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(ctx);
}

void cli_model_free(cli_model *model) {
  rung_model_destroy(model->stages);
  rung_network_destroy(model->network);
}

int cli_refuse(const cli_args *args, const cli_model *model, const char *names) {
  for (int i = 0; i < args->given_count; i++) {
    const char *name = args->given[i].option->name;
    size_t length = strlen(name);
    for (const char *at = names; *at;) {
      size_t word = strcspn(at, " ");
      if (word == length && strncmp(at, name, word) == 0)
        return cli_usage("--%s is not for %s", name,
                         model->network ? "networks, as rung train makes them"
                                        : "sums of stages, as rung fit makes them");
      at += word + (at[word] == ' ');
    }
  }
  return CLI_SUCCESS;
}

/* The model's names as "a,b"; its box, with `box`, as "a=0:1,b=0:2". The caller frees it. */
static char *names_of(const rung_model *model, int count,
                      const char *(*name)(const rung_model *, int), bool box) {
  size_t size = 1;
  for (int i = 0; i < count; i++) size += strlen(name(model, i)) + 64;
  char *text = malloc(size);
  if (!text) return NULL;
  *text = 0;
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "", name(model, i));
    double low, high;
    rung_model_range(model, i, &low, &high);
    if (box) used += (size_t)snprintf(text + used, size - used, "=%.17g:%.17g", low, high);
  }
  return text;
}

static int set_owned(rung_recipe *recipe, rung_context *ctx, const char *key, char *value) {
  if (!value) return cli_no_memory();
  rung_status status = rung_recipe_set(recipe, ctx, key, value);
  free(value);
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(ctx);
}

static int set_model_defaults(rung_recipe *recipe, rung_context *ctx, const rung_model *model,
                              bool function) {
  rung_dtype dtype = rung_model_dtype(model);
  if (rung_recipe_set(recipe, ctx, "precision", rung_dtype_name(dtype)) != RUNG_OK)
    return cli_failed(ctx);
  int outputs = rung_model_outputs(model), inputs = rung_model_inputs(model);
  int status =
      set_owned(recipe, ctx, "target", names_of(model, outputs, rung_model_output_name, false));
  if (status) return status;
  return set_owned(recipe, ctx, function ? "domain" : "inputs",
                   names_of(model, inputs, rung_model_input_name, function));
}

static int set_given(rung_recipe *recipe, rung_context *ctx, const cli_args *args,
                     const char *table) {
  if (table && rung_recipe_set(recipe, ctx, "table", table) != RUNG_OK) return cli_failed(ctx);
  for (int i = 0; i < args->given_count; i++) {
    const char *key = args->given[i].option->key;
    if (key && rung_recipe_set(recipe, ctx, key, args->given[i].value) != RUNG_OK)
      return cli_usage("%s", rung_error(ctx));
  }
  return CLI_SUCCESS;
}

int cli_make_recipe(const cli_args *args, rung_context *ctx, const rung_model *model,
                    const char *table, rung_recipe **out) {
  *out = NULL;
  bool function = cli_given(args, "function");
  if (!table && !function) return cli_usage("expected a table or --function");
  if (table && function) return cli_usage("expected a table or --function, found both");
  if (function && !model && !cli_given(args, "domain"))
    return cli_usage("--function needs --domain, for example --domain 'x=-1:1'");
  if (table && cli_given(args, "domain")) return cli_usage("--domain belongs to --function");
  if (table && !model && !cli_given(args, "target"))
    return cli_usage("a table needs --target: the columns to predict");
  if (rung_recipe_create(ctx, RUNG_RECIPE_FIT, out) != RUNG_OK) return cli_failed(ctx);
  int status = model ? set_model_defaults(*out, ctx, model, function) : CLI_SUCCESS;
  if (!status) status = set_given(*out, ctx, args, table);
  if (!status) return CLI_SUCCESS;
  rung_recipe_destroy(*out);
  *out = NULL;
  return status;
}

static int not_written(const char *path) {
  cli_say("%s: cannot be written: %s", path, strerror(errno));
  return CLI_FAILURE;
}

int cli_write(const char *path, const void *data, size_t length) {
  if (!path) {
    fwrite(data, 1, length, stdout); /* main looks whether this went well */
    return CLI_SUCCESS;
  }
  size_t size = strlen(path) + 8;
  char *other = malloc(size);
  if (!other) return not_written(path);
  snprintf(other, size, "%s.XXXXXX", path);
  int file = mkstemp(other);
  FILE *out = file >= 0 ? fdopen(file, "wb") : NULL;
  if (!out) {
    if (file >= 0) close(file);
    free(other);
    return not_written(path);
  }
  mode_t mask = umask(0);
  umask(mask);
  bool good = fwrite(data, 1, length, out) == length && fflush(out) == 0 &&
              fchmod(file, 0666 & ~mask) == 0 && fsync(file) == 0;
  good = fclose(out) == 0 && good;
  good = good && rename(other, path) == 0;
  int status = good ? CLI_SUCCESS : not_written(path);
  if (!good) unlink(other);
  free(other);
  return status;
}

void cli_json_text(const char *text) {
  putchar('"');
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      printf("\\%c", *c);
    else if (*c < 0x20)
      printf("\\u%04x", *c);
    else
      putchar(*c);
  }
  putchar('"');
}

void cli_json_value(double value) {
  char number[40];
  if (!isfinite(value)) {
    fputs("null", stdout);
    return;
  }
  if (fabs(value) < 9e15 && !(value < trunc(value)) && !(value > trunc(value))) {
    printf("%.0f", value + 0.0); /* whole numbers as such: no exponent, no -0 */
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(number, sizeof number, "%.*g", digits, value);
    double back = strtod(number, NULL);
    if (!(back < value) && !(back > value)) break;
  }
  fputs(number, stdout);
}

void cli_json_key(const char *name, bool first) {
  if (!first) putchar(',');
  cli_json_text(name);
  putchar(':');
}

void cli_json_numbers(const cli_number *number, size_t count, bool first) {
  for (size_t i = 0; i < count; i++) {
    cli_json_key(number[i].name, first && i == 0);
    cli_json_value(number[i].value);
  }
}

void cli_json_stage(int number, const rung_stage_info *stage, bool timed) {
  printf("{\"stage\":%d,\"width\":%d,\"layers\":%d", number, stage->width, stage->layers);
  cli_json_key("activation", false);
  cli_json_text(stage->activation ? stage->activation : "");
  const cli_number numbers[] = {{"frequency", stage->frequency},
                                {"eps", stage->eps},
                                {"training_error", stage->training_error},
                                {"heldout_error", stage->heldout_error},
                                {"parameters", (double)stage->parameters},
                                {"points", (double)stage->points},
                                {"seconds", stage->seconds}};
  cli_json_numbers(numbers, sizeof numbers / sizeof *numbers - !timed, false); /* seconds last */
  putchar('}');
}
