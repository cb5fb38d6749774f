/* The data that a network is asked about. */
#ifndef CLI_DATA_H
#define CLI_DATA_H

#include "common.h"

/* Opens data in the form that the network was trained on, by the options --labels, --target and
 * --skip-bad; says how many samples were skipped. `labelled`: labels must be there. */
int cli_open_data(const cli_args *args, rung_context *ctx, rung_network *network, const char *path,
                  bool labelled, rung_dataset **out);
/* The exit that --exit names, or the network's end. */
int cli_exit_of(const cli_args *args, const rung_network *network, int *out);
/* The same, and 0 for the confidence; or, by --confidence, 0 for the exit. */
int cli_answer_of(const cli_args *args, const rung_network *network, int *exit, double *confidence);

#endif
