/* rung inspect: tells what a model is. */
#include "commands.h"
#include "common.h"

static const char *const usage[] = {"MODEL [--json]", NULL};

static const char *const text[] = {
    "Prints the precision, the inputs with the box of the training points, the outputs, the size "
    "and the stages of a model. MODEL is a model's file or a run's folder.",
    NULL,
};

static const rg_option options[] = {RG_OPTION_JSON, RG_OPTION_END};

static const rg_example examples[] = {
    {"rung inspect points.run", "Tells about the model of a run."},
    {NULL, NULL},
};

static void tell_json_names(const rung_model *model) {
  fputs("{\"precision\":", stdout);
  rg_json_text(rung_dtype_name(rung_model_dtype(model)));
  fputs(",\"inputs\":[", stdout);
  for (int i = 0; i < rung_model_inputs(model); i++) {
    double low, high;
    rung_model_range(model, i, &low, &high);
    fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
    rg_json_text(rung_model_input_name(model, i));
    rg_json_key("low", false);
    rg_json_value(low);
    rg_json_key("high", false);
    rg_json_value(high);
    putchar('}');
  }
  fputs("],\"outputs\":[", stdout);
  for (int o = 0; o < rung_model_outputs(model); o++) {
    if (o) putchar(',');
    rg_json_text(rung_model_output_name(model, o));
  }
  printf("],\"parameters\":%lld,\"noise\":", (long long)rung_model_parameters(model));
  rg_json_value(rung_model_noise(model));
}

static void tell_text_names(const rung_model *model) {
  printf("precision   %s\n", rung_dtype_name(rung_model_dtype(model)));
  for (int i = 0; i < rung_model_inputs(model); i++) {
    double low, high;
    rung_model_range(model, i, &low, &high);
    printf("input       %s from %.6g to %.6g\n", rung_model_input_name(model, i), low, high);
  }
  for (int o = 0; o < rung_model_outputs(model); o++)
    printf("output      %s\n", rung_model_output_name(model, o));
  printf("parameters  %lld\n", (long long)rung_model_parameters(model));
  if (rung_model_noise(model) > 0)
    printf("noise       %.3g RMS, estimated\n", rung_model_noise(model));
  putchar('\n');
  rg_print_stage_heading();
}

static int tell(rung_context *ctx, const rung_model *model, bool json) {
  if (json) {
    tell_json_names(model);
    fputs(",\"stages\":[", stdout);
  } else {
    tell_text_names(model);
  }
  for (int k = 0; k < rung_model_stages(model); k++) {
    rung_stage_info stage;
    if (rung_model_stage(model, ctx, k, &stage) != RUNG_OK) return rg_failed(ctx);
    if (json) {
      if (k) putchar(',');
      rg_json_stage(k, &stage);
    } else {
      rg_print_stage(k, &stage);
    }
  }
  if (json) puts("]}");
  return RG_SUCCESS;
}

static int run(const rg_args *args) {
  rung_context *ctx;
  rung_model *model = NULL;
  int status = rg_open(args, &ctx);
  if (status) return status;
  status = rg_load(ctx, args->argument[0], &model);
  if (!status) status = tell(ctx, model, rg_given(args, "json"));
  rung_model_destroy(model);
  rung_context_destroy(ctx);
  return status;
}

const rg_command rg_inspect_command = {
    "inspect", "tell what a model is", usage, text, options, examples, 1, 1, run,
};
