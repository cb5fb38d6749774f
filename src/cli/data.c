/* The data that a network is asked about. */
#include "data.h"

#include <stdlib.h>

int cli_open_data(const cli_args *args, rung_context *ctx, rung_network *network, const char *path,
                  bool labelled, rung_dataset **out) {
  rung_dataset_options how = rung_dataset_options_default();
  rung_network_dataset(network, &how);
  how.labels = cli_value(args, "labels");
  how.target = cli_value(args, "target");
  how.skip_bad = cli_given(args, "skip-bad");
  how.unlabelled = !labelled;
  if (rung_dataset_open(ctx, path, &how, out) != RUNG_OK) return cli_failed(ctx);
  long long skipped = (long long)rung_dataset_skipped(*out);
  if (skipped > 0) cli_say("%s: %lld samples could not be read and were left out", path, skipped);
  return CLI_SUCCESS;
}

int cli_exit_of(const cli_args *args, const rung_network *network, int *out) {
  const char *value = cli_value(args, "exit");
  int modules = rung_network_exits(network) + 1;
  long number = value ? strtol(value, NULL, 10) : modules;
  if (number < 1 || number > modules)
    return cli_usage("--exit: expected 1 to %d, the network's modules; found '%s'", modules, value);
  *out = (int)number;
  return CLI_SUCCESS;
}

int cli_answer_of(const cli_args *args, const rung_network *network, int *exit,
                  double *confidence) {
  const char *value = cli_value(args, "confidence");
  *confidence = value ? strtod(value, NULL) : 0;
  if (!value) return cli_exit_of(args, network, exit);
  *exit = 0;
  if (cli_given(args, "exit"))
    return cli_usage("--exit names the exit that answers, --confidence leaves it to each sample: "
                     "expected one of them");
  if (!(*confidence > 0 && *confidence <= 1))
    return cli_usage("--confidence: expected more than 0 and at most 1, found '%s'", value);
  return CLI_SUCCESS;
}
