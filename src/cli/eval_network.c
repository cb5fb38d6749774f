/* rung eval of a network: how well it tells classes apart or meets numbers, also under noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "eval.h"

#define MOST_LEVELS 32
#define MOST_MATRIX 20 /* classes of a confusion matrix that is printed */

typedef struct job {
  rung_context *ctx;
  rung_network *network;
  rung_dataset *set;
  bool json;
  rung_evaluate_options options;
} job;

static int evaluate(const job *j, rung_corruption corruption, double level,
                    rung_network_evaluation **out) {
  rung_evaluate_options options = j->options;
  options.corruption = corruption;
  options.level = level;
  return rung_network_evaluate(j->ctx, j->network, j->set, NULL, &options, out) == RUNG_OK
             ? CLI_SUCCESS
             : cli_failed(j->ctx);
}

/* ---- as text ---- */

typedef struct class_score {
  int64_t samples, right, said;
  double precision, recall, f1;
} class_score;

static class_score score_class(const rung_network_evaluation *e, int k) {
  class_score s = {0};
  for (int i = 0; i < e->classes; i++) {
    s.samples += e->confusion[k * e->classes + i];
    s.said += e->confusion[i * e->classes + k];
  }
  s.right = e->confusion[k * e->classes + k];
  s.precision = (double)s.right / (double)s.said; /* NaN where it is never said */
  s.recall = (double)s.right / (double)s.samples;
  s.f1 = 2 * (double)s.right / (double)(s.samples + s.said);
  return s;
}

static int name_width(const job *j, const char *heading) {
  size_t width = strlen(heading);
  const char *const *names = rung_network_classes(j->network);
  for (int64_t k = 0; names && k < rung_network_outputs(j->network); k++)
    if (strlen(names[k]) > width) width = strlen(names[k]);
  return width < 40 ? (int)width : 40;
}

static void cell(double value) {
  if (isnan(value))
    printf("  %9s", "-");
  else
    printf("  %9.4f", value);
}

static void print_classes(const job *j, const rung_network_evaluation *e) {
  const char *const *names = rung_network_classes(j->network);
  int width = name_width(j, "class");
  printf("\n%-*s  %8s  %9s  %9s  %9s\n", width, "class", "samples", "precision", "recall", "F1");
  for (int k = 0; k < e->classes; k++) {
    class_score s = score_class(e, k);
    printf("%-*.*s  %8lld", width, width, names[k], (long long)s.samples);
    cell(s.precision);
    cell(s.recall);
    cell(s.f1);
    putchar('\n');
  }
}

static void print_matrix(const job *j, const rung_network_evaluation *e) {
  const char *const *names = rung_network_classes(j->network);
  int width = name_width(j, "true");
  int64_t most = 0;
  for (int i = 0; i < e->classes * e->classes; i++)
    if (e->confusion[i] > most) most = e->confusion[i];
  int cells = snprintf(NULL, 0, "%lld", (long long)most);
  for (int k = 0; k < e->classes; k++)
    if ((int)strlen(names[k]) > cells)
      cells = (int)strlen(names[k]) < 8 ? (int)strlen(names[k]) : 8;
  printf("\n%-*s  predicted\n%-*s", width, "true", width, "");
  for (int k = 0; k < e->classes; k++) printf("  %*.*s", cells, cells, names[k]);
  putchar('\n');
  for (int i = 0; i < e->classes; i++) {
    printf("%-*.*s", width, width, names[i]);
    for (int k = 0; k < e->classes; k++)
      printf("  %*lld", cells, (long long)e->confusion[i * e->classes + k]);
    putchar('\n');
  }
}

static void print_row(const char *label, double value, const char *format) {
  printf("%-30s  ", label);
  printf(format, value);
  putchar('\n');
}

/* What the whole network takes for a sample. */
static double whole_cost(const job *j) {
  return rung_network_cost(j->network, rung_network_exits(j->network) + 1);
}

static void tell_text(const job *j, const rung_network_evaluation *e) {
  char top[40];
  print_row("samples", (double)e->samples, "%.0f");
  print_row(e->classes ? "loss (cross-entropy)" : "loss (mean squared, scaled)", e->loss, "%.6g");
  if (e->classes) {
    snprintf(top, sizeof top, "accuracy within %d classes", e->top);
    print_row("accuracy", 100 * e->accuracy, "%.2f%%");
    if (e->top < e->classes) print_row(top, 100 * e->top_accuracy, "%.2f%%");
    print_row("calibration error", e->calibration_error, "%.4f");
    if (e->exits) print_row("multiply-adds, mean", e->multiply_adds, "%.0f");
    if (e->exits)
      print_row("of those of the network", 100 * e->multiply_adds / whole_cost(j), "%.2f%%");
    print_classes(j, e);
    if (e->classes <= MOST_MATRIX) print_matrix(j, e);
    return;
  }
  printf("\n%-20s  %12s  %13s  %12s  %9s\n", "output", "RMS error", "largest error", "relative L2",
         "R2");
  for (int k = 0; k < e->outputs; k++) {
    const rung_output_error *o = &e->error[k];
    const char *name = rung_dataset_target(j->set, k);
    printf("%-20s  %12.6g  %13.6g  %12.6g  %9.6f\n", name ? name : "", o->rms, o->max_error,
           o->relative_l2, o->r2);
  }
}

/* ---- as JSON ---- */

static void json_classes(const job *j, const rung_network_evaluation *e) {
  const char *const *names = rung_network_classes(j->network);
  fputs(",\"classes\":[", stdout);
  for (int k = 0; k < e->classes; k++) {
    class_score s = score_class(e, k);
    const cli_number numbers[] = {{"samples", (double)s.samples},
                                  {"precision", s.precision},
                                  {"recall", s.recall},
                                  {"f1", s.f1}};
    fputs(k ? ",{\"name\":" : "{\"name\":", stdout);
    cli_json_text(names[k]);
    cli_json_numbers(numbers, 4, false);
    putchar('}');
  }
  fputs("],\"confusion\":[", stdout);
  for (int i = 0; i < e->classes; i++) {
    for (int k = 0; k < e->classes; k++)
      printf("%s%lld", k ? "," : i ? ",[" : "[", (long long)e->confusion[i * e->classes + k]);
    putchar(']');
  }
  putchar(']');
}

static void json_outputs(const job *j, const rung_network_evaluation *e) {
  fputs(",\"outputs\":[", stdout);
  for (int k = 0; k < e->outputs; k++) {
    const rung_output_error *o = &e->error[k];
    const char *name = rung_dataset_target(j->set, k);
    const cli_number numbers[] = {{"rms", o->rms},
                                  {"max_error", o->max_error},
                                  {"relative_l2", o->relative_l2},
                                  {"r2", o->r2}};
    fputs(k ? ",{\"name\":" : "{\"name\":", stdout);
    cli_json_text(name ? name : "");
    cli_json_numbers(numbers, 4, false);
    putchar('}');
  }
  putchar(']');
}

static void tell_json(const job *j, const rung_network_evaluation *e) {
  const cli_number all[] = {{"samples", (double)e->samples}, {"loss", e->loss}};
  const cli_number classes[] = {{"accuracy", e->accuracy},
                                {"top", e->top},
                                {"top_accuracy", e->top_accuracy},
                                {"calibration_error", e->calibration_error}};
  putchar('{');
  cli_json_numbers(all, 2, true);
  const cli_number early[] = {{"confidence", j->options.confidence},
                              {"multiply_adds", e->multiply_adds},
                              {"multiply_adds_share", e->multiply_adds / whole_cost(j)}};
  if (e->classes) cli_json_numbers(classes, 4, false);
  if (e->exits) cli_json_numbers(early, 3, false);
  if (e->classes)
    json_classes(j, e);
  else
    json_outputs(j, e);
}

/* ---- exits ---- */

/* The share of all samples that an exit answers by the confidence asked for. */
static double share_of(const rung_network_evaluation *all, int exit) {
  return (double)all->answered[exit - 1] / (double)all->samples;
}

static void tell_exit(const job *j, const rung_network_evaluation *all, int exit,
                      const rung_network_evaluation *e) {
  rung_network_settings s = rung_network_get_settings(j->network);
  double cost = rung_network_cost(j->network, exit);
  if (j->json) {
    const cli_number numbers[] = {
        {"exit", exit}, {"multiply_adds", cost}, {"loss", e->loss}, {"accuracy", e->accuracy}};
    fputs(exit == 1 ? "{" : ",{", stdout);
    cli_json_numbers(numbers, e->classes ? 4 : 3, true);
    if (all->exits) cli_json_numbers(&(cli_number){"answers", share_of(all, exit)}, 1, false);
    putchar('}');
    return;
  }
  char layers[24] = "all";
  if (exit <= s.exits) snprintf(layers, sizeof layers, "%lld", (long long)s.exit_at[exit - 1]);
  printf("%6d  %6s  %13.0f  %12.6g", exit, layers, cost, e->loss);
  if (e->classes) printf("  %7.2f%%", 100 * e->accuracy);
  if (all->exits) printf("  %6.2f%%", 100 * share_of(all, exit));
  putchar('\n');
}

/* Of a network that was trained module-wise: each module's classifier, and what it costs to come
 * there; with a confidence also the share of samples that it answers. */
static void tell_exits(const job *j, const rung_network_evaluation *all,
                       rung_network_evaluation *const *every) {
  int ends = rung_network_exits(j->network) + 1;
  if (ends == 1) return;
  if (j->json)
    fputs(",\"exits\":[", stdout);
  else
    printf("\n%6s  %6s  %13s  %12s%s%s\n", "module", "layers", "multiply-adds", "loss",
           rung_network_classes(j->network) ? "  accuracy" : "", all->exits ? "  answers" : "");
  for (int i = 0; i < ends; i++) tell_exit(j, all, i + 1, every[i]);
  if (j->json) putchar(']');
}

/* ---- under noise ---- */

static int tell_spoiled(const job *j, rung_corruption corruption, double level, bool first) {
  rung_network_evaluation *e;
  const char *name = level > 0 ? rung_corruption_name(corruption) : "clean";
  int status = evaluate(j, level > 0 ? corruption : RUNG_CLEAN, level, &e);
  if (status) return status;
  if (j->json) {
    fputs(first ? "{\"corruption\":" : ",{\"corruption\":", stdout);
    cli_json_text(name);
    const cli_number numbers[] = {{"level", level}, {"loss", e->loss}, {"accuracy", e->accuracy}};
    cli_json_numbers(numbers, e->classes ? 3 : 2, false);
    putchar('}');
  } else {
    printf("%-11s  %6g  %12.6g", name, level, e->loss);
    if (e->classes) printf("  %7.2f%%", 100 * e->accuracy);
    putchar('\n');
  }
  rung_network_evaluation_destroy(j->ctx, e);
  return CLI_SUCCESS;
}

/* "0,0.1,0.2" */
static int read_levels(const char *text, double *out, int *count) {
  const char *at = text;
  for (*count = 0;; at++) {
    char *end;
    double level = strtod(at, &end);
    if (end == at || (*end && *end != ',') || !(level >= 0) || !(level <= 1000) ||
        *count == MOST_LEVELS)
      return cli_usage(
          "--noise: expected up to %d levels, 0 or more, such as 0,0.1,0.2; found '%s'",
          MOST_LEVELS, text);
    out[(*count)++] = level;
    at = end;
    if (!*at) return CLI_SUCCESS;
  }
}

static void heading(const job *j) {
  if (j->json)
    fputs(",\"noise\":[", stdout);
  else
    printf("\n%-11s  %6s  %12s%s\n", "spoiled by", "level", "loss",
           rung_network_classes(j->network) ? "  accuracy" : "");
}

/* Only noise and dropout mean something to features. */
static bool applies(const job *j, rung_corruption corruption) {
  return rung_dataset_kind(j->set) == RUNG_IMAGES || corruption == RUNG_NOISE ||
         corruption == RUNG_DROPOUT;
}

static int tell_noise(const job *j, const double *level, int levels, bool corrupt) {
  static const double usual[] = {0.1, 0.2, 0.4};
  int status = CLI_SUCCESS;
  bool first = true;
  if (levels == 0 && !corrupt) return CLI_SUCCESS;
  heading(j);
  for (int i = 0; i < levels && !status; i++, first = false)
    status = tell_spoiled(j, RUNG_NOISE, level[i], first);
  for (int c = RUNG_CLEAN + 1; corrupt && rung_corruption_name((rung_corruption)c); c++)
    for (int i = 0; i < 3 && !status && applies(j, (rung_corruption)c); i++, first = false)
      status = tell_spoiled(j, (rung_corruption)c, usual[i], first);
  if (j->json) putchar(']');
  return status;
}

/* ---- all of it ---- */

static int whole_of(const cli_args *args, const char *name, int fallback) {
  const char *value = cli_value(args, name);
  long number = value ? strtol(value, NULL, 10) : fallback;
  return number < 1 ? 1 : number > 1000000 ? 1000000 : (int)number;
}

/* What every exit answers, and what is told of all: one of them, or where they stop early. */
static int evaluate_ends(const job *j, rung_network_evaluation **every,
                         rung_network_evaluation **early) {
  rung_evaluate_options options = j->options;
  options.exit = 0;
  options.confidence = 0;
  if (rung_network_evaluate_exits(j->ctx, j->network, j->set, NULL, &options, every) != RUNG_OK)
    return cli_failed(j->ctx);
  return j->options.confidence != 0 ? evaluate(j, RUNG_CLEAN, 0, early) : CLI_SUCCESS;
}

int cli_eval_network(const cli_args *args, rung_context *ctx, rung_network *network) {
  job j = {ctx, network, NULL, cli_given(args, "json"), rung_evaluate_options_default()};
  const char *seed = cli_value(args, "seed"), *noise = cli_value(args, "noise");
  double level[MOST_LEVELS];
  int levels = 0, status = CLI_SUCCESS;
  rung_network_evaluation *every[RUNG_MOST_EXITS + 1] = {NULL}, *early = NULL;
  const int ends = rung_network_exits(network) + 1;
  if (args->count < 2)
    return cli_usage("expected the DATA that the network is to be compared with");
  if (noise) status = read_levels(noise, level, &levels);
  if (!status) status = cli_answer_of(args, network, &j.options.exit, &j.options.confidence);
  j.options.top = whole_of(args, "top", 5);
  if (seed) j.options.seed = strtoull(seed, NULL, 10);
  if (!status) status = cli_open_data(args, ctx, network, args->argument[1], true, &j.set);
  if (!status) status = evaluate_ends(&j, every, &early);
  if (!status) {
    const rung_network_evaluation *e =
        early ? early : every[j.options.exit ? j.options.exit - 1 : ends - 1];
    if (j.json)
      tell_json(&j, e);
    else
      tell_text(&j, e);
    tell_exits(&j, e, every);
    status = tell_noise(&j, level, levels, cli_given(args, "corrupt"));
    if (j.json) puts("}");
  }
  for (int i = 0; i < ends; i++) rung_network_evaluation_destroy(ctx, every[i]);
  rung_network_evaluation_destroy(ctx, early);
  rung_dataset_destroy(j.set);
  return status;
}
