/* Fits beside their targets and beside other methods: what `./dev bench fit` prints.
 *
 * Every case is fitted for each seed by the built program as a process of its own; its model is
 * then compared with true values at points that it has not seen. */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fit/fit.h"

fit_options fit_settings = {.seeds = 5, .gradient = 60, .peer = 60};

enum { MOST_SEEDS = 20 };

static const char usage[] =
    "bench_fit [OPTIONS]\n"
    "  --seeds N     fit each case for the seeds 1..N (5, at most 20)\n"
    "  --only LIST   cases whose names begin so: ex1,noise\n"
    "  --gradient S  seconds for the published recipe, all folds; 0: until it ends (60)\n"
    "  --peer S      seconds for each peer in Python (60)\n"
    "  --alone       no other methods beside\n"
    "Environment: PYTHON, an interpreter with SciPy and scikit-learn (python3); RUNG_DATA, a "
    "folder\n"
    "that holds diabetes/diabetes_data_raw.csv.gz and diabetes_target.csv.gz (../shared/data).\n";

/* What a method came to on a case, all folds. */
typedef struct outcome {
  bool done;
  double value[FIT_RIDGE + 1]; /* by measure */
  fit_cost cost;               /* wall and cpu: sums over folds; memory: the largest */
} outcome;

typedef struct sums {
  double count, error, truth, max_error, max_truth;
} sums;

/* Predictions are close to the truth, so the first difference is exact. */
static void add_errors(const fit_data *d, const rung_dd *predicted, sums *s) {
  for (int64_t i = 0; i < d->tests; i++) {
    const double *part = d->truth[i].part;
    double error = (part[0] - predicted[i].hi) + (part[1] - predicted[i].lo) + part[2];
    s->count++;
    s->error += error * error;
    s->truth += part[0] * part[0];
    s->max_error = fabs(error) <= s->max_error ? s->max_error : fabs(error);
    s->max_truth = fmax(s->max_truth, fabs(part[0]));
  }
}

static void add_cost(fit_cost *all, const fit_cost *fold) {
  double wall = all->wall + fold->wall, cpu = all->cpu + fold->cpu, peak = all->peak;
  if (fold->peak >= peak) *all = *fold; /* the plan that belongs to the peak */
  all->wall = wall;
  all->cpu = cpu;
}

static outcome evaluate(rung_context *ctx, const fit_case *c, uint64_t seed, fit_method method) {
  outcome o = {.done = true};
  sums s = {0};
  for (int fold = 0; fold < (c->truth ? 1 : FIT_FOLDS) && o.done; fold++) {
    fit_data data;
    fit_cost cost = {0};
    o.done = fit_data_make(ctx, c, seed, fold, &data);
    if (!o.done) continue;
    rung_dd *predicted = malloc((size_t)data.tests * sizeof *predicted);
    o.done = predicted && method(c, &data, seed, predicted, &cost);
    if (o.done) add_errors(&data, predicted, &s);
    add_cost(&o.cost, &cost);
    free(predicted);
    fit_data_free(&data);
  }
  o.value[FIT_L2] = sqrt(s.error / s.truth);
  o.value[FIT_MAX] = s.max_error;
  o.value[FIT_MAX_RELATIVE] = s.max_error / s.max_truth;
  o.value[FIT_RMS] = sqrt(s.error / s.count);
  if (c->noise > 0) o.value[FIT_NOISE] = o.cost.noise / c->noise;
  return o;
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double median(const double *v, int count) {
  double sorted[MOST_SEEDS] = {0};
  memcpy(sorted, v, (size_t)count * sizeof *v);
  qsort(sorted, (size_t)count, sizeof *sorted, ascending);
  return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static double largest(const double *v, int count) {
  double most = v[0];
  for (int i = 1; i < count; i++) most = fmax(most, v[i]);
  return most;
}

static const char *const measure_name[] = {
    "",          "relative L2 error",  "largest error",       "largest error / |f|",
    "RMS error", "noise floor / true", "RMS error / ridge's",
};

/* Collects what was met and missed, for the last lines. */
typedef struct tally {
  int met, missed;
  char misses[2048];
} tally;

static void judge(tally *t, const fit_case *c, const char *name, bool met) {
  printf("  %s\n", met ? "met" : "MISSED");
  met ? t->met++ : t->missed++;
  size_t used = strlen(t->misses);
  if (!met) snprintf(t->misses + used, sizeof t->misses - used, "  %s: %s\n", c->name, name);
}

/* Met where the median is at most the target. */
static void print_figure(tally *t, const fit_case *c, const char *name, const char *format,
                         const double *v, int count, double target) {
  char cell[3][32];
  snprintf(cell[0], sizeof cell[0], format, median(v, count));
  snprintf(cell[1], sizeof cell[1], format, largest(v, count));
  snprintf(cell[2], sizeof cell[2], "<= %g", target);
  printf("  %-22s %10s %10s  %-10s", name, cell[0], cell[1], cell[2]);
  judge(t, c, name, median(v, count) <= target);
}

/* Met where the median is within `share` of 1. */
static void print_ratio(tally *t, const fit_case *c, const char *name, const double *v, int count,
                        double share) {
  double away[MOST_SEEDS], worst = v[0];
  for (int i = 0; i < count; i++) {
    away[i] = fabs(v[i] - 1);
    if (away[i] > fabs(worst - 1)) worst = v[i];
  }
  printf("  %-22s %10.3f %10.3f  1 +- %-5g", name, median(v, count), worst, share);
  judge(t, c, name, fabs(median(v, count) - 1) <= share);
}

static void print_figures(tally *t, const fit_case *c, const outcome *o, int count,
                          double baseline) {
  double v[MOST_SEEDS] = {0};
  printf("  %-22s %10s %10s  %-10s\n", "rung", "median", "worst", "target");
  for (int f = 0; f < 2 && c->figure[f].measure; f++) {
    fit_measure measure = c->figure[f].measure;
    for (int i = 0; i < count; i++) v[i] = o[i].value[measure];
    if (measure == FIT_NOISE)
      print_ratio(t, c, measure_name[measure], v, count, c->figure[f].target);
    else
      print_figure(t, c, measure_name[measure], measure == FIT_RIDGE ? "%.4f" : "%.2e", v, count,
                   c->figure[f].target);
  }
  for (int i = 0; i < count; i++) v[i] = o[i].cost.wall;
  print_figure(t, c, c->truth ? "wall seconds" : "wall seconds, 5 folds", "%.2f", v, count,
               c->wall);
  for (int i = 0; i < count; i++) v[i] = o[i].cost.cpu;
  printf("  %-22s %10.2f %10.2f\n", "processor seconds", median(v, count), largest(v, count));
  for (int i = 0; i < count; i++) v[i] = o[i].cost.peak / (o[i].cost.planned + baseline);
  print_ratio(t, c, "resident peak / plan", v, count, 0.1);
  for (int i = 0; i < count; i++) v[i] = o[i].cost.inside / o[i].cost.planned;
  printf("  %-22s %10.3f %10.3f  seed 1: %.1f MB resident, %.1f planned\n", "library peak / plan",
         median(v, count), largest(v, count), o[0].cost.peak / 1e6, o[0].cost.planned / 1e6);
}

typedef struct beside {
  const char *name;
  fit_method method;
} beside;

/* Which other methods make sense; ends with a NULL name. */
static void list_beside(const fit_case *c, beside out[8]) {
  int n = 0;
  if (c->function) out[n++] = (beside){"Chebyshev", fit_chebyshev};
  if (!c->function && c->degree) out[n++] = (beside){"polynomial", fit_polynomial};
  if (!c->truth) out[n++] = (beside){"ridge", fit_ridge};
  if (c->precision == RUNG_F64) {
    out[n++] = (beside){"published recipe", fit_gradient};
    out[n++] = (beside){"MLPRegressor", fit_mlp};
    out[n++] = (beside){"GaussianProcess", fit_gp};
    out[n++] = (beside){"RBFInterpolator", fit_rbf};
  }
  out[n].name = NULL;
}

static void print_outcome(const char *name, fit_measure measure, const outcome *o) {
  if (o->done)
    printf("  %-22s %10.2e %10.3g %10.3g  %s\n", name, o->value[measure], o->cost.wall, o->cost.cpu,
           o->cost.note);
  else
    printf("  %-22s %10s %10s %10s  %s\n", name, "-", "-", "-", o->cost.note);
  fflush(stdout);
}

/* All methods once, on the data of seed 1, and who wins. */
static void print_beside(rung_context *ctx, const fit_case *c, const outcome *rung) {
  fit_measure measure = c->figure[0].measure == FIT_RIDGE ? FIT_RMS : c->figure[0].measure;
  beside list[8];
  list_beside(c, list);
  printf("  %-22s %10s %10s %10s\n", "beside it, seed 1", "error", "wall s", "processor");
  print_outcome("rung", measure, rung);
  const char *best = "rung", *fastest = "rung";
  double error = rung->value[measure], cpu = rung->cost.cpu;
  for (const beside *b = list; b->name; b++) {
    outcome o = evaluate(ctx, c, 1, b->method);
    print_outcome(b->name, measure, &o);
    if (!o.done) continue;
    if (o.value[measure] < error) error = o.value[measure], best = b->name;
    if (o.cost.cpu < cpu) cpu = o.cost.cpu, fastest = b->name;
  }
  printf("  wins in %s: %s (%.2e); in processor time: %s (%.3g s)\n", measure_name[measure], best,
         error, fastest, cpu);
}

static void compare_with_ridge(rung_context *ctx, const fit_case *c, uint64_t seed, outcome *o) {
  outcome ridge = evaluate(ctx, c, seed, fit_ridge);
  o->value[FIT_RIDGE] = ridge.done ? o->value[FIT_RMS] / ridge.value[FIT_RMS] : INFINITY;
}

static void run_case(rung_context *ctx, tally *t, const fit_case *c, double baseline) {
  outcome o[MOST_SEEDS] = {0};
  printf("\n%s: %s\n", c->name, c->title);
  fflush(stdout);
  if (!c->truth && !fit_settings.data[0]) {
    printf("  left out: the table is not part of Rung; set RUNG_DATA to its folder\n");
    return;
  }
  for (int i = 0; i < fit_settings.seeds; i++) {
    o[i] = evaluate(ctx, c, (uint64_t)(i + 1), fit_program);
    if (!o[i].done) {
      printf("  seed %d failed: %s\n", i + 1, o[i].cost.note);
      judge(t, c, "fails", false);
      return;
    }
    if (!c->truth) compare_with_ridge(ctx, c, (uint64_t)(i + 1), &o[i]);
  }
  print_figures(t, c, o, fit_settings.seeds, baseline);
  if (!fit_settings.alone) print_beside(ctx, c, &o[0]);
  fflush(stdout);
}

/* Whether a name of the list begins the case's name. */
static bool chosen(const fit_case *c) {
  const char *list = fit_settings.only;
  while (list) {
    size_t length = strcspn(list, ",");
    if (length && strncmp(c->name, list, length) == 0) return true;
    list = list[length] ? list + length + 1 : NULL;
  }
  return !fit_settings.only;
}

static void find_data(void) {
  const char *given = getenv("RUNG_DATA");
  char probe[1100];
  snprintf(fit_settings.data, sizeof fit_settings.data, "%s",
           given && *given ? given : BENCH_ROOT "/../shared/data");
  snprintf(probe, sizeof probe, "%s/diabetes/diabetes_target.csv.gz", fit_settings.data);
  if (access(probe, R_OK) != 0) fit_settings.data[0] = 0;
}

static bool read_options(int argc, char **argv) {
  fit_options *o = &fit_settings;
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--alone") == 0) {
      o->alone = true;
      continue;
    }
    if (!value) return false;
    if (strcmp(argv[i], "--seeds") == 0)
      o->seeds = (int)strtol(value, NULL, 10);
    else if (strcmp(argv[i], "--only") == 0)
      o->only = value;
    else if (strcmp(argv[i], "--gradient") == 0)
      o->gradient = strtod(value, NULL);
    else if (strcmp(argv[i], "--peer") == 0)
      o->peer = strtod(value, NULL);
    else
      return false;
    i++;
  }
  return o->seeds >= 1 && o->seeds <= MOST_SEEDS && o->gradient >= 0 && o->peer >= 1;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static bool make_folder(void) {
  const char *base = getenv("TMPDIR");
  int length = snprintf(fit_settings.folder, sizeof fit_settings.folder, "%s/rung-bench-XXXXXX",
                        base && *base && strlen(base) < 40 ? base : "/tmp");
  return length < (int)sizeof fit_settings.folder && mkdtemp(fit_settings.folder);
}

static void print_machine(double baseline) {
  double load = 0;
  getloadavg(&load, 1);
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  static const char *const isa[] = {"portable C", "AVX2", "AVX-512"};
  printf(
      "rung fit: the whole process, seeds 1..%d; %ld processors, %s kernels; load of the machine "
      "before the run: %.1f\n",
      fit_settings.seeds, processors, isa[rung_isa_best()], load);
  printf("A trivial fit holds %.1f MB beyond the library's own memory; they are added to plans.\n",
         baseline / 1e6);
}

int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "--launch") == 0) return fit_launcher(argv + 2);
  rung_context *ctx;
  if (!read_options(argc, argv)) {
    fputs(usage, stderr);
    return 2;
  }
  if (rung_context_create(NULL, &ctx) != RUNG_OK || !make_folder()) {
    fprintf(stderr, "bench_fit: no folder for tables: %s\n", strerror(errno));
    return 1;
  }
  find_data();
  tally t = {0};
  double baseline = fit_baseline();
  print_machine(baseline);
  for (int i = 0; i < fit_case_count; i++)
    if (chosen(&fit_cases[i])) run_case(ctx, &t, &fit_cases[i], baseline);
  printf("\n%d figures met, %d missed%s\n%s", t.met, t.missed, t.missed ? ":" : "", t.misses);
  nftw(fit_settings.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  rung_context_destroy(ctx);
  return 0;
}
