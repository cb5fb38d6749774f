/* rung eval of a sum of stages: errors on a table or a function. */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "eval.h"

/* The columns come in the model's order, so the problem must have its names where it is a
 * function: "x=..,y=.." is taken in the order given. */
static int check_names(const rung_model *model, const rung_problem *problem) {
  if (problem->inputs != rung_model_inputs(model))
    return cli_usage("the model has %d inputs, found %d", rung_model_inputs(model),
                     problem->inputs);
  if (problem->outputs != rung_model_outputs(model))
    return cli_usage("the model has %d outputs, found %d", rung_model_outputs(model),
                     problem->outputs);
  for (int i = 0; problem->function && problem->input_names && i < problem->inputs; i++) {
    const char *expected = rung_model_input_name(model, i);
    if (strcmp(problem->input_names[i], expected) != 0)
      return cli_usage("--domain: expected '%s' as variable %d, as in the model; found '%s'",
                       expected, i + 1, problem->input_names[i]);
  }
  return CLI_SUCCESS;
}

static void tell(const rung_evaluation *e, bool json) {
  const struct {
    const char *name, *label;
    double value;
  } rows[] = {{"points", "points", (double)e->points},
              {"relative_l2", "relative L2 error", e->relative_l2},
              {"rms", "RMS error", e->rms},
              {"max_error", "largest error", e->max_error},
              {"max_relative", "largest error over largest |y|", e->max_relative},
              {"r2", "R2", e->r2}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (json) {
      fputs(i ? "" : "{", stdout);
      cli_json_key(rows[i].name, i == 0);
      cli_json_value(rows[i].value);
    } else {
      printf("%-30s  %.*g\n", rows[i].label, i == 0 ? 17 : 6, rows[i].value);
    }
  }
  if (json) puts("}");
}

static int compare(const cli_args *args, rung_context *ctx, const rung_model *model,
                   const rung_recipe *recipe) {
  rung_source *source = NULL;
  if (rung_source_open(ctx, recipe, &source) != RUNG_OK) return cli_failed(ctx);
  const rung_problem *problem = rung_source_problem(source);
  const char *points = cli_value(args, "points"), *seed = cli_value(args, "seed");
  rung_evaluation result;
  int status = check_names(model, problem);
  if (!status && rung_evaluate(ctx, model, problem, points ? strtoll(points, NULL, 10) : 1000,
                               seed ? strtoull(seed, NULL, 10) : 1, &result) != RUNG_OK)
    status = cli_failed(ctx);
  if (!status) tell(&result, cli_given(args, "json"));
  rung_source_close(source);
  return status;
}

int cli_eval_stages(const cli_args *args, rung_context *ctx, const rung_model *model) {
  rung_recipe *recipe = NULL;
  const char *table = args->count > 1 ? args->argument[1] : NULL;
  int status = cli_make_recipe(args, ctx, model, table, &recipe);
  if (!status) status = compare(args, ctx, model, recipe);
  rung_recipe_destroy(recipe);
  return status;
}
