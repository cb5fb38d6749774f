/* rung inspect of a sum of stages. */
#include "inspect.h"

static void tell_json_names(const rung_model *model) {
  fputs("{\"precision\":", stdout);
  cli_json_text(rung_dtype_name(rung_model_dtype(model)));
  fputs(",\"inputs\":[", stdout);
  for (int i = 0; i < rung_model_inputs(model); i++) {
    double low, high;
    rung_model_range(model, i, &low, &high);
    fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
    cli_json_text(rung_model_input_name(model, i));
    cli_json_key("low", false);
    cli_json_value(low);
    cli_json_key("high", false);
    cli_json_value(high);
    putchar('}');
  }
  fputs("],\"outputs\":[", stdout);
  for (int o = 0; o < rung_model_outputs(model); o++) {
    if (o) putchar(',');
    cli_json_text(rung_model_output_name(model, o));
  }
  printf("],\"parameters\":%lld,\"noise\":", (long long)rung_model_parameters(model));
  cli_json_value(rung_model_noise(model));
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
  puts("stage  layers  width  first layer  frequency  training error  held-out error  parameters");
}

int cli_inspect_stages(rung_context *ctx, const rung_model *model, bool json) {
  if (json) {
    tell_json_names(model);
    fputs(",\"stages\":[", stdout);
  } else {
    tell_text_names(model);
  }
  for (int k = 0; k < rung_model_stages(model); k++) {
    rung_stage_info stage;
    if (rung_model_stage(model, ctx, k, &stage) != RUNG_OK) return cli_failed(ctx);
    if (json) {
      if (k) putchar(',');
      cli_json_stage(k, &stage, false);
    } else {
      printf("%5d  %6d  %5d  %11s  %9.4g  %14.3e  %14.3e  %10lld\n", k, stage.layers, stage.width,
             stage.activation, stage.frequency, stage.training_error, stage.heldout_error,
             (long long)stage.parameters);
    }
  }
  if (json) puts("]}");
  return CLI_SUCCESS;
}
