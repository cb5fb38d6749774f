/* Any bytes are a recipe whose text reads back to the same text, or an error. */
#include <stdlib.h>
#include <string.h>

#include "rung/rung.h"
#include "store/recipe.h"

static void check(rung_context *ctx, const rung_recipe *recipe) {
  rung_recipe *again;
  rung_fit_options options;
  char *first, *second;
  rg_recipe_check(recipe, ctx, "recipe");
  if (rg_recipe_options(recipe, ctx, &options) != RUNG_OK) abort();
  if (rung_recipe_text(recipe, ctx, &first) != RUNG_OK) abort();
  if (rung_recipe_load_memory(ctx, "again", first, strlen(first), &again) != RUNG_OK) abort();
  if (rung_recipe_text(again, ctx, &second) != RUNG_OK || strcmp(first, second) != 0) abort();
  rung_recipe_destroy(again);
  rung_free(ctx, first);
  rung_free(ctx, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rung_context *ctx;
  rung_recipe *recipe;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 0;
  if (rung_recipe_load_memory(ctx, "recipe", (const char *)data, size, &recipe) == RUNG_OK)
    check(ctx, recipe);
  else if (!rung_error(ctx)[0] || recipe)
    abort();
  rung_recipe_destroy(recipe);
  if (rung_memory_now(ctx) != 0) abort();
  rung_context_destroy(ctx);
  return 0;
}
