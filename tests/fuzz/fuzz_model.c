/* Any bytes are a model that saves to the same bytes again, or an error. */
#include <stdlib.h>
#include <string.h>

#include "nn/model.h"
#include "rung/rung.h"

static void check(rung_context *ctx, const rung_model *m) {
  rung_model *again;
  rung_stage_info info;
  void *first, *second;
  size_t length, length_again;
  for (int k = 0; k < rung_model_stages(m); k++)
    if (rung_model_stage(m, ctx, k, &info) != RUNG_OK || info.width < 1) abort();
  if (rung_model_save_memory(m, ctx, &first, &length) != RUNG_OK) abort();
  if (rung_model_load_memory(ctx, "again", first, length, &again) != RUNG_OK) abort();
  if (rung_model_save_memory(again, ctx, &second, &length_again) != RUNG_OK) abort();
  if (length != length_again || memcmp(first, second, length) != 0) abort();
  rung_model_destroy(again);
  rung_free(ctx, first);
  rung_free(ctx, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rung_context *ctx;
  rung_model *m;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 0;
  if (rung_model_load_memory(ctx, "model", data, size, &m) == RUNG_OK)
    check(ctx, m);
  else if (!rung_error(ctx)[0] || m)
    abort();
  rung_model_destroy(m);
  if (rung_memory_now(ctx) != 0) abort();
  rung_context_destroy(ctx);
  return 0;
}
