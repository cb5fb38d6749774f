/* rung inspect: tells what a model is. */
#include "inspect.h"
#include "commands.h"

static const char *const usage[] = {
    "MODEL [--json]",
    "NETWORK [--plan N] [--stability DATA] [--json]",
    NULL,
};

static const char *const text[] = {
    "Prints the precision, the inputs with the box of the training points, the outputs, the size "
    "and the stages of a model that rung fit made. MODEL is a model's file or a run's folder.",
    "Of a network that rung train made: its architecture, what it takes and tells, and its "
    "tensors. --plan tells the memory that training it would take.",
    NULL,
};

static const cli_option options[] = {
    {"plan", 0, false, CLI_WHOLE, "N", NULL,
     "network: the memory of training steps of N samples, for each way to keep activations", NULL,
     NULL},
    {"stability", 0, false, CLI_FILE, "DATA", NULL,
     "network: how stable its layers are as steps in time, at the first 8 samples of DATA: growth "
     "and largest real part of the Jacobian's eigenvalues, the bound of the step and the step size "
     "that would reach it, Lyapunov exponents",
     NULL, NULL},
    CLI_OPTION_THREADS,
    CLI_OPTION_JSON,
    CLI_OPTION_END,
};

static const cli_example examples[] = {
    {"rung inspect points.run", "Tells about the model of a run."},
    {"rung inspect mnist.run --plan 64",
     "Tells about a network, and what steps of 64 samples would take."},
    {NULL, NULL},
};

static int run(const cli_args *args) {
  rung_context *ctx;
  cli_model model;
  int status = cli_open(args, &ctx);
  if (status) return status;
  status = cli_load_any(ctx, args->argument[0], &model);
  if (!status && !model.network) status = cli_refuse(args, &model, "plan stability");
  if (!status)
    status = model.network ? cli_inspect_network(args, ctx, model.network)
                           : cli_inspect_stages(ctx, model.stages, cli_given(args, "json"));
  cli_model_free(&model);
  rung_context_destroy(ctx);
  return status;
}

const cli_command cli_inspect_command = {
    "inspect", "tell what a model is", usage, text, options, examples, 1, 1, run,
};
