/* Any bytes are a network that saves to the same bytes again and can be applied, or an error. */
#include "fuzz.h"

#include "nn/chain.h"

#define MOST_NUMBERS 4096 /* larger networks are not applied */

static void apply(rung_context *ctx, const rung_network *n) {
  size_t in = (size_t)rung_shape_count(&n->sample), out = (size_t)n->outputs;
  if (in > MOST_NUMBERS || n->parameters > MOST_NUMBERS || n->blocks.count > 16) return;
  for (int i = 0; i < n->blocks.count; i++)
    if (n->blocks.list[i].layers > 16) return;
  void *x = rg_calloc(ctx, in, rung_dtype_size(n->dtype));
  void *y = rg_calloc(ctx, out, rung_dtype_size(n->dtype));
  REQUIRE(x && y && rung_network_apply(n, ctx, 1, x, y) == RUNG_OK);
  for (int e = 1; e <= rung_network_exits(n); e++)
    REQUIRE(rung_network_apply_exit(n, ctx, e, 1, x, y) == RUNG_OK);
  rg_free(ctx, x);
  rg_free(ctx, y);
}

static void check(rung_context *ctx, const rung_network *n) {
  rung_network *again;
  void *first, *second;
  size_t length, length_again;
  REQUIRE(rg_network_save_memory(n, ctx, &first, &length) == RUNG_OK);
  REQUIRE(rg_network_load_memory(ctx, "again", first, length, &again) == RUNG_OK);
  REQUIRE(rg_network_save_memory(again, ctx, &second, &length_again) == RUNG_OK);
  REQUIRE(length == length_again && memcmp(first, second, length) == 0);
  apply(ctx, again);
  rung_network_destroy(again);
  rg_free(ctx, first);
  rg_free(ctx, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rung_context *ctx = start();
  rung_network *n;
  rung_status status = rg_network_load_memory(ctx, "network", data, size, &n);
  if (status == RUNG_OK)
    check(ctx, n);
  else
    check_failure(ctx, status);
  rung_network_destroy(n);
  finish(ctx);
  return 0;
}
