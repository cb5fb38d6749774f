/* rung report: writes the report of a run again. */
#include <stdlib.h>

#include "commands.h"
#include "common.h"

static const char *const usage[] = {"RUN_DIR", NULL};

static const char *const text[] = {
    "Writes RUN_DIR/report.html from the log and the recipe in RUN_DIR: one file with tables and "
    "charts that opens in any browser, without network. rung fit and rung train do so at their "
    "end; this command also shows a run that goes on or was interrupted. Of a training it judges "
    "the kept network anew, where the data are still in their place.",
    NULL,
};

static const cli_option options[] = {CLI_OPTION_END};

static const cli_example examples[] = {
    {"rung report points.run", "Writes points.run/report.html and prints its name."},
    {NULL, NULL},
};

static int run(const cli_args *args) {
  rung_context *ctx;
  int status = cli_open(args, &ctx);
  if (status) return status;
  char *path = cli_join(args->argument[0], RUNG_RUN_REPORT);
  if (!path)
    status = CLI_FAILURE;
  else if (rung_run_report(ctx, args->argument[0]) != RUNG_OK)
    status = cli_failed(ctx);
  else
    puts(path);
  free(path);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_report_command = {
    "report", "write the report of a run", usage, text, options, examples, 1, 1, run,
};
