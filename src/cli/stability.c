/* rung inspect --stability: how stable the layers of a network are at some samples. */
#include <stdlib.h>

#include "data.h"
#include "inspect.h"

#define SAMPLES 8
#define STEPS 16    /* of Arnoldi's method */
#define EXPONENTS 3 /* of Lyapunov that are told */

typedef struct job {
  rung_context *ctx;
  rung_network *network;
  bool json;
  int64_t samples;
  const void *x; /* normalised */
} job;

static void json_layer(const rung_layer_stability *l, bool first) {
  const cli_number numbers[] = {
      {"stage", l->stage},   {"layer", (double)l->layer}, {"step", l->step},
      {"growth", l->growth}, {"rate", l->rate},           {"norm", l->norm},
      {"bound", l->bound},   {"would", l->would},         {"state", l->state}};
  fputs(first ? "{" : ",{", stdout);
  cli_json_numbers(numbers, sizeof numbers / sizeof *numbers, true);
  putchar('}');
}

static int tell_layers(const job *j, int *stages) {
  int64_t count = rung_stability_layers(j->network);
  rung_layer_stability *layer = calloc((size_t)count + 1, sizeof *layer);
  if (!layer) return cli_no_memory();
  int status = CLI_SUCCESS;
  if (rung_stability_measure(j->network, j->ctx, j->samples, j->x, STEPS, layer) != RUNG_OK)
    status = cli_failed(j->ctx);
  if (!status && !j->json)
    puts("\nstage  layer      step    growth  max Re(lambda)      norm     bound  step for 1     "
         "state");
  if (!status && j->json) fputs(",\"layers\":[", stdout);
  for (int64_t i = 0; i < count && !status; i++) {
    const rung_layer_stability *l = &layer[i];
    *stages = l->stage;
    if (j->json)
      json_layer(l, i == 0);
    else
      printf("%5d  %5lld  %8.4g  %8.4f  %14.4g  %8.4g  %8.4f  %10.4g  %8.4g%s\n", l->stage,
             (long long)l->layer, l->step, l->growth, l->rate, l->norm, l->bound, l->would,
             l->state, l->bound > 1 ? "  past its bound" : "");
  }
  if (!status && j->json) putchar(']');
  free(layer);
  return status;
}

/* What is not known of a stage (a state that is too large) is left out. */
static void tell_stage(const job *j, int stage, bool first) {
  double exponent[EXPONENTS], mean, largest;
  bool chaotic = rung_stability_exponents(j->network, j->ctx, j->samples, j->x, stage, EXPONENTS,
                                          exponent) == RUNG_OK;
  bool stretched = rung_stability_stretch(j->network, j->ctx, j->samples, j->x, stage, &mean,
                                          &largest) == RUNG_OK;
  rung_clear_error(j->ctx);
  if (j->json) {
    printf("%s{\"stage\":%d,\"exponents\":[", first ? "" : ",", stage);
    for (int k = 0; chaotic && k < EXPONENTS; k++) {
      if (k) putchar(',');
      cli_json_value(exponent[k]);
    }
    putchar(']');
    const cli_number numbers[] = {{"stretch", mean}, {"largest_stretch", largest}};
    if (stretched) cli_json_numbers(numbers, 2, false);
    putchar('}');
    return;
  }
  if (chaotic)
    printf("stage %d: Lyapunov exponents %.4g, %.4g, %.4g\n", stage, exponent[0], exponent[1],
           exponent[2]);
  if (stretched)
    printf("stage %d: stretches differences by %.4g (geometric mean), at the most %.4g\n", stage,
           mean, largest);
}

static int tell(const job *j) {
  int stages = 0;
  int status = tell_layers(j, &stages);
  if (status) return status;
  if (j->json)
    fputs(",\"stages\":[", stdout);
  else
    putchar('\n');
  for (int s = 1; s <= stages; s++) tell_stage(j, s, s == 1);
  if (j->json) putchar(']');
  return CLI_SUCCESS;
}

/* The first samples of the data, normalised as the network was trained. */
static int with_samples(job *j, const rung_dataset *set) {
  double *mean, *scale;
  int64_t channels;
  rung_batches *batches = NULL;
  rung_batch batch = {0};
  rung_batch_options how = rung_batch_options_default();
  rung_network_normalisation(j->network, &mean, &scale, &channels);
  double *divisor = calloc((size_t)channels, sizeof *divisor);
  if (!divisor) return cli_no_memory();
  for (int64_t i = 0; i < channels; i++) divisor[i] = 1 / scale[i];
  how.batch = SAMPLES < rung_dataset_count(set) ? SAMPLES : rung_dataset_count(set);
  how.mean = mean;
  how.scale = divisor;
  int status = CLI_SUCCESS;
  if (rung_batches_open(set, j->ctx, NULL, &how, rung_network_dtype(j->network), &batches) !=
          RUNG_OK ||
      rung_batches_next(batches, &batch) != RUNG_OK)
    status = cli_failed(j->ctx);
  if (!status) {
    j->samples = how.batch;
    j->x = batch.x;
    status = tell(j);
  }
  rung_batches_destroy(batches);
  free(divisor);
  return status;
}

int cli_inspect_stability(const cli_args *args, rung_context *ctx, rung_network *network) {
  job j = {ctx, network, cli_given(args, "json"), 0, NULL};
  rung_dataset *set = NULL;
  if (rung_stability_layers(network) == 0) {
    cli_say("--stability: this network has no layers that are steps in time");
    return CLI_FAILURE;
  }
  int status = cli_open_data(args, ctx, network, cli_value(args, "stability"), false, &set);
  if (!status) status = with_samples(&j, set);
  rung_dataset_destroy(set);
  return status;
}
