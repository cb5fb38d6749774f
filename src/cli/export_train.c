/* rung export --train: the training of one module as C. */
#include "export_train.h"

#include <stdlib.h>
#include <string.h>

int cli_check_export_train(const cli_args *args, const cli_model *model, const char *format) {
  static const char *const own[] = {"module",       "batch", "optimiser", "momentum",
                                    "weight-decay", "loss",  "smoothing", "tau"};
  int code = model->network ? CLI_SUCCESS : cli_refuse(args, model, "train");
  if (code || cli_given(args, "train")) {
    if (!code && cli_given(args, "exit"))
      return cli_usage("--exit is not for --train, which writes --module");
    if (!code && strcmp(format, "c") != 0) return cli_usage("--train is for --format c");
    return code;
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (cli_given(args, own[i])) return cli_usage("--%s needs --train", own[i]);
  return CLI_SUCCESS;
}

static double number_of(const cli_args *args, const char *name, double fallback) {
  const char *value = cli_value(args, name);
  return value ? strtod(value, NULL) : fallback;
}

static rung_loss loss_of(const char *name, const rung_network *network) {
  if (!name) return rung_network_classes(network) ? RUNG_CROSS_ENTROPY : RUNG_SQUARED;
  if (strcmp(name, "cross-entropy") == 0) return RUNG_CROSS_ENTROPY;
  return strcmp(name, "squared") == 0 ? RUNG_SQUARED : RUNG_HUBER;
}

rung_status cli_export_train(const cli_args *args, rung_context *ctx, const rung_network *network,
                             const rung_export_options *how, char **out, size_t *length) {
  rung_training t = rung_training_default();
  t.optimiser = cli_given(args, "optimiser") ? cli_value(args, "optimiser") : "momentum";
  t.momentum = number_of(args, "momentum", t.momentum);
  t.weight_decay = number_of(args, "weight-decay", 0);
  t.batch = (int64_t)number_of(args, "batch", 8);
  t.loss = loss_of(cli_value(args, "loss"), network);
  t.smoothing = number_of(args, "smoothing", 0);
  t.modulewise = 1;
  t.tau = number_of(args, "tau", 0);
  double module = number_of(args, "module", rung_network_exits(network) + 1);
  int number = module < 1e6 ? (int)module : -1; /* what is too large is refused with its range */
  return rung_network_export_training(network, ctx, how, &t, number, out, length);
}
