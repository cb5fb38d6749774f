/* Other programs as whole processes: `rung fit`, and peers.py. */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fit.h"
#include "study/json.h"

fit_path fit_file(const char *name) {
  fit_path path;
  snprintf(path.text, sizeof path.text, "%s/%s", fit_settings.folder, name);
  return path;
}

bool fit_write_table(const fit_path *path, int inputs, int64_t rows, const double *x,
                     const double *y) {
  FILE *file = fopen(path->text, "w");
  if (!file) return false;
  for (int j = 0; j < inputs; j++) fprintf(file, "%sx%d", j ? "," : "", j + 1);
  fprintf(file, y ? ",y\n" : "\n");
  for (int64_t i = 0; i < rows; i++) {
    for (int j = 0; j < inputs; j++) fprintf(file, "%s%.17g", j ? "," : "", x[i * inputs + j]);
    if (y) fprintf(file, ",%.17g", y[i]);
    fputc('\n', file);
  }
  bool good = !ferror(file);
  return fclose(file) == 0 && good;
}

static double seconds_of(struct timeval t) {
  return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* A process starts with the peak of the memory of the one that called exec() for it, which is why a
 * small process stands between. The last line of output: status, wall, cpu, bytes. */
int fit_launcher(char **argv) {
  unsigned limit = (unsigned)strtoul(argv[0], NULL, 10);
  double start = rg_seconds();
  pid_t child = fork();
  if (child == 0) {
    alarm(limit); /* stays set over exec */
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status = -1;
  struct rusage use;
  if (child < 0 || wait4(child, &status, 0, &use) != child) return 1;
  printf("\n%d %.6f %.6f %.0f\n", status, rg_seconds() - start,
         seconds_of(use.ru_utime) + seconds_of(use.ru_stime), 1024 * (double)use.ru_maxrss);
  return 0;
}

static char *read_all(int file) {
  size_t length = 0, room = 4096;
  char *text = malloc(room);
  ssize_t got = 0;
  while (text && (got = read(file, text + length, room - length - 1)) > 0) {
    length += (size_t)got;
    if (room - length > 1024) continue;
    char *more = realloc(text, room *= 2);
    if (!more) free(text);
    text = more;
  }
  if (text) text[length] = 0;
  return text;
}

static char *run_and_read(char *const *argv, const char *messages) {
  int ends[2];
  posix_spawn_file_actions_t actions;
  pid_t child;
  char *text = NULL;
  if (pipe(ends) != 0) return NULL;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, messages, O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  int failed = posix_spawn(&child, argv[0], &actions, NULL, argv, environ);
  close(ends[1]);
  if (!failed) {
    text = read_all(ends[0]);
    waitpid(child, NULL, 0);
  }
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  return text;
}

/* The last line that the program wrote to its standard error. */
static void last_message(const char *messages, fit_cost *cost) {
  char line[4096];
  FILE *file = fopen(messages, "r");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (line[0]) snprintf(cost->note, sizeof cost->note, "%.150s", line);
  }
  if (file) fclose(file);
}

char *fit_launch(char *const *argv, double limit, fit_cost *cost) {
  char self[PATH_MAX], seconds[32];
  char *full[40] = {self, "--launch", seconds};
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  int count = 3;
  if (length <= 0) return NULL;
  self[length] = 0;
  snprintf(seconds, sizeof seconds, "%.0f", limit);
  for (int i = 0; argv[i] && count < 39; i++) full[count++] = argv[i];
  fit_path messages = fit_file("messages");
  char *text = run_and_read(full, messages.text);
  char *line = text ? strrchr(text, '\n') : NULL; /* behind the line of the launcher */
  if (line) *line = 0;
  line = line ? strrchr(text, '\n') : NULL;
  char *next = line;
  long status = line ? strtol(line + 1, &next, 10) : -1;
  if (line) {
    cost->wall = strtod(next, &next);
    cost->cpu = strtod(next, &next);
    cost->peak = strtod(next, &next);
    *line = 0;
  }
  if (status == 0) return text;
  last_message(messages.text, cost);
  if (line && WIFSIGNALED((int)status) && WTERMSIG((int)status) == SIGALRM)
    snprintf(cost->note, sizeof cost->note, "no result within %.0f s", limit);
  free(text);
  return NULL;
}

static double json_number(rg_json object, const char *key) {
  double value = 0;
  return rg_json_number(rg_json_member(object, key), &value) ? value : 0;
}

static void take_json(char *text, fit_cost *cost) {
  rg_json all;
  if (!rg_json_check(text, strlen(text), &all)) return;
  rg_json result = rg_json_member(all, "result"), stages = rg_json_member(all, "stages");
  cost->noise = json_number(result, "noise");
  cost->planned = json_number(result, "planned_bytes");
  cost->inside = json_number(result, "peak_bytes");
  int count = 0;
  double sum = 0;
  for (rg_json stage = {0}; rg_json_next(stages, &stage); count++)
    sum += json_number(stage, "seconds");
  rg_json stop = rg_json_member(result, "stop");
  snprintf(cost->note, sizeof cost->note, "%d stage%s kept, trained in %.3g s; stopped: %.*s",
           count, count == 1 ? "" : "s", sum, (int)stop.length, stop.length ? stop.text : "");
}

static void from_dd(rung_dtype dtype, rung_dd x, void *out, int64_t i) {
  if (dtype == RUNG_F32) ((float *)out)[i] = (float)x.hi;
  if (dtype == RUNG_F64) ((double *)out)[i] = x.hi;
  if (dtype == RUNG_DD) ((rung_dd *)out)[i] = x;
}

static rung_dd to_dd(rung_dtype dtype, const void *from, int64_t i) {
  if (dtype == RUNG_F32) return (rung_dd){(double)((const float *)from)[i], 0};
  if (dtype == RUNG_F64) return (rung_dd){((const double *)from)[i], 0};
  return ((const rung_dd *)from)[i];
}

static bool predict(const fit_data *data, const char *path, rung_dd *predicted) {
  rung_context *ctx = NULL;
  rung_model *model = NULL;
  rung_predictor *predictor = NULL;
  void *x = malloc((size_t)(data->tests * data->inputs) * sizeof(rung_dd));
  void *y = malloc((size_t)data->tests * sizeof(rung_dd));
  bool good = x && y && rung_context_create(NULL, &ctx) == RUNG_OK &&
              rung_model_load(ctx, path, &model) == RUNG_OK &&
              rung_predictor_create(model, ctx, 0, NULL, &predictor) == RUNG_OK;
  if (good) {
    rung_dtype dtype = rung_model_dtype(model);
    for (int64_t i = 0; i < data->tests * data->inputs; i++) from_dd(dtype, data->unseen[i], x, i);
    good = rung_predict(predictor, ctx, data->tests, x, y) == RUNG_OK;
    for (int64_t i = 0; i < data->tests && good; i++) predicted[i] = to_dd(dtype, y, i);
  }
  rung_predictor_destroy(predictor);
  rung_model_destroy(model);
  rung_context_destroy(ctx);
  free(x);
  free(y);
  return good;
}

/* A new folder for every run. */
static fit_path run_folder(void) {
  static int count;
  char name[32];
  snprintf(name, sizeof name, "run-%d", ++count);
  return fit_file(name);
}

static bool run_program(const fit_case *c, const fit_data *data, uint64_t seed, const char *method,
                        double limit, rung_dd *predicted, fit_cost *cost) {
  char number[32], time[32];
  fit_path table = fit_file("table.csv"), folder = run_folder(), model;
  char *argv[20] = {
      RUNG_PROGRAM, "fit",  "--json",   "--precision",  (char *)rung_dtype_name(c->precision),
      "--seed",     number, "--method", (char *)method, "-o",
      folder.text};
  int n = 11;
  snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
  snprintf(time, sizeof time, "%g", limit);
  if (limit > 0) argv[n++] = "--time", argv[n++] = time;
  if (c->function) {
    argv[n++] = "--function", argv[n++] = (char *)c->function;
    argv[n++] = "--domain", argv[n++] = "x=-1:1";
  } else {
    argv[n++] = table.text, argv[n++] = "--target", argv[n++] = "y";
    if (!fit_write_table(&table, data->inputs, data->rows, data->x, data->y)) return false;
  }
  char *text = fit_launch(argv, 0, cost);
  if (!text) return false;
  take_json(text, cost);
  free(text);
  if (snprintf(model.text, sizeof model.text, "%s/%s", folder.text, RUNG_RUN_MODEL) >=
      (int)sizeof model.text)
    return false;
  return predict(data, model.text, predicted);
}

bool fit_program(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                 fit_cost *cost) {
  return run_program(c, data, seed, "separable", 0, predicted, cost);
}

bool fit_gradient(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                  fit_cost *cost) {
  double limit = fit_settings.gradient / (c->truth ? 1 : FIT_FOLDS);
  return run_program(c, data, seed, "gradient", limit, predicted, cost);
}

double fit_baseline(void) {
  fit_path folder = run_folder();
  char *argv[] = {RUNG_PROGRAM, "fit",      "--json", "--function", "sin(x)",    "--domain",
                  "x=-1:1",     "--stages", "1",      "-o",         folder.text, NULL};
  fit_cost cost = {0};
  char *text = fit_launch(argv, 0, &cost);
  if (!text) {
    printf("a trivial fit failed: %s\n", cost.note);
    return 0;
  }
  take_json(text, &cost);
  free(text);
  return cost.peak - cost.inside;
}

/* Missing packages end peers.py with a message, which becomes the note. */
static bool run_peer(const char *peer, const fit_case *c, const fit_data *data, rung_dd *predicted,
                     fit_cost *cost) {
  const char *python = getenv("PYTHON");
  fit_path rows = fit_file("rows.csv"), unseen = fit_file("unseen.csv"), out = fit_file("peer.txt");
  char limit[32];
  bool noisy = c->noise > 0 || !c->truth;
  char *argv[] = {"/usr/bin/env",
                  (char *)(python && *python ? python : "python3"),
                  BENCH_PEERS,
                  (char *)peer,
                  noisy ? "noisy" : "exact",
                  limit,
                  rows.text,
                  unseen.text,
                  out.text,
                  NULL};
  snprintf(limit, sizeof limit, "%.0f", fit_settings.peer);
  double *x = malloc((size_t)(data->tests * data->inputs) * sizeof *x);
  if (!x) return false;
  for (int64_t i = 0; i < data->tests * data->inputs; i++) x[i] = data->unseen[i].hi;
  bool good = fit_write_table(&rows, data->inputs, data->rows, data->x, data->y) &&
              fit_write_table(&unseen, data->inputs, data->tests, x, NULL);
  free(x);
  char *text = good ? fit_launch(argv, fit_settings.peer, cost) : NULL;
  if (!text) return false;
  char *next = text;
  cost->wall = strtod(next, &next); /* without the start of the interpreter */
  cost->cpu = strtod(next, &next);
  snprintf(cost->note, sizeof cost->note, "%.*s", (int)strcspn(next + 1, "\n"), next + 1);
  free(text);
  FILE *file = fopen(out.text, "r");
  for (int64_t i = 0; file && i < data->tests; i++) {
    char line[64];
    good = good && fgets(line, sizeof line, file);
    if (good) predicted[i] = (rung_dd){strtod(line, NULL), 0};
  }
  if (file) fclose(file);
  return good && file;
}

bool fit_mlp(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
             fit_cost *cost) {
  (void)seed;
  return run_peer("mlp", c, data, predicted, cost);
}

bool fit_gp(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
            fit_cost *cost) {
  (void)seed;
  return run_peer("gp", c, data, predicted, cost);
}

bool fit_rbf(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
             fit_cost *cost) {
  (void)seed;
  return run_peer("rbf", c, data, predicted, cost);
}
