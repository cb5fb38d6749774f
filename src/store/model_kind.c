/* What a model's file holds: its metadata tell. */
#include <string.h>

#include "rung/network.h"
#include "store/safetensors.h"

rung_status rung_model_kind_of(rung_context *ctx, const char *path, rung_model_kind *out) {
  rg_tensors set;
  RG_TRY(rg_tensors_open(&set, ctx, path));
  const char *format = rg_tensors_text(&set, "format");
  rung_status status = RUNG_OK;
  if (format && strcmp(format, "rung-network") == 0)
    *out = RUNG_MODEL_NETWORK;
  else if (format && strcmp(format, "rung-model") == 0)
    *out = RUNG_MODEL_STAGES;
  else
    status = rg_fail(ctx, RUNG_E_FORMAT,
                     "%s: a safetensors file, but not a model: expected \"format\": \"rung-model\" "
                     "or \"rung-network\" in its metadata, found %.60s",
                     path, format ? format : "none");
  rg_tensors_free(&set);
  return status;
}
