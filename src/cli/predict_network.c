/* rung predict of a network: the classes of samples, or the numbers that it predicts, as CSV. */
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "predict.h"

#define BATCH 256

typedef struct job {
  rung_context *ctx;
  rung_network *network;
  rung_dataset *set;
  FILE *out;
  bool all;
  int digits, exit;
  double confidence;
  int64_t answered[RUNG_MOST_EXITS + 1]; /* with a confidence: samples that each exit answered */
} job;

/* A field of CSV: in quotes where it holds what would part it. */
static void field(FILE *out, const char *text) {
  if (!text[strcspn(text, ",\"\n\r")]) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void heading(const job *j) {
  const char *const *classes = rung_network_classes(j->network);
  fputs(classes ? "sample,class,probability" : "sample", j->out);
  if (j->confidence > 0) fputs(",exit", j->out);
  for (int64_t k = 0; k < rung_network_outputs(j->network); k++) {
    const char *target = classes ? classes[k] : rung_dataset_target(j->set, (int)k);
    char automatic[24];
    if (classes && !j->all) break;
    snprintf(automatic, sizeof automatic, "y%lld", (long long)k + 1);
    fputc(',', j->out);
    field(j->out, target ? target : automatic);
  }
  fputc('\n', j->out);
}

static void write_row(const job *j, int64_t sample, const double *answer, int exit) {
  const char *const *classes = rung_network_classes(j->network);
  int64_t outputs = rung_network_outputs(j->network), best = 0;
  char name[1024];
  field(j->out, rung_dataset_name(j->set, sample, name, sizeof name));
  for (int64_t k = 1; classes && k < outputs; k++)
    if (answer[k] > answer[best]) best = k;
  if (classes) {
    fputc(',', j->out);
    field(j->out, classes[best]);
    fprintf(j->out, ",%.*g", j->digits, answer[best]);
  }
  if (j->confidence > 0) fprintf(j->out, ",%d", exit);
  for (int64_t k = 0; (!classes || j->all) && k < outputs; k++)
    fprintf(j->out, ",%.*g", j->digits, answer[k]);
  fputc('\n', j->out);
}

static rung_status on_answers(void *user, const int64_t *sample, int64_t count,
                              const double *answer, const int *exit) {
  job *j = user;
  int64_t outputs = rung_network_outputs(j->network);
  for (int64_t i = 0; i < count; i++) {
    write_row(j, sample[i], answer + i * outputs, exit[i]);
    j->answered[exit[i] - 1]++;
  }
  return RUNG_OK;
}

static int predict(job *j, const cli_args *args) {
  int status = CLI_SUCCESS;
  for (int i = 1; i < args->count && !status; i++) {
    status = cli_open_data(args, j->ctx, j->network, args->argument[i], false, &j->set);
    if (!status && i == 1) heading(j);
    if (!status && rung_network_answer(j->ctx, j->network, j->set, BATCH, j->exit, j->confidence,
                                       on_answers, j) != RUNG_OK)
      status = cli_failed(j->ctx);
    rung_dataset_destroy(j->set);
    j->set = NULL;
  }
  return status;
}

/* How many left where, and what that saved. */
static void tell_early(const job *j) {
  const int ends = rung_network_exits(j->network) + 1;
  const double whole = rung_network_cost(j->network, ends);
  double sum = 0, samples = 0;
  for (int e = 0; e < ends; e++) {
    sum += (double)j->answered[e] * rung_network_early_cost(j->network, e + 1);
    samples += (double)j->answered[e];
  }
  for (int e = 0; e < ends; e++)
    cli_say("exit %d: %lld samples (%.2f%%)", e + 1, (long long)j->answered[e],
            100 * (double)j->answered[e] / samples);
  cli_say("multiply-adds of a sample: %.0f in the mean, %.2f%% of the whole network's %.0f",
          sum / samples, 100 * sum / samples / whole, whole);
}

int cli_predict_network(const cli_args *args, rung_context *ctx, rung_network *network) {
  const char *digits = cli_value(args, "digits");
  long wanted = digits ? strtol(digits, NULL, 10) : 6;
  if (wanted < 1 || wanted > 40) return cli_usage("--digits: expected 1 to 40, found '%s'", digits);
  char *csv = NULL;
  size_t length = 0;
  job j = {.ctx = ctx, .network = network, .all = cli_given(args, "all"), .digits = (int)wanted};
  int status = cli_answer_of(args, network, &j.exit, &j.confidence);
  if (status) return status;
  j.out = open_memstream(&csv, &length);
  if (!j.out) return cli_no_memory();
  status = predict(&j, args);
  if (fclose(j.out) != 0 && !status) status = cli_no_memory();
  if (!status) status = cli_write(cli_value(args, "output"), csv, length);
  free(csv);
  if (!status && j.confidence > 0) tell_early(&j);
  return status;
}
