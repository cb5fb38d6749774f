/* Any bytes are a recipe whose text reads back to the same text, or an error. */
#include <stdlib.h>
#include <string.h>

#include "rung/rung.h"
#include "store/recipe.h"

static void check(rung_context *ctx, const rung_recipe *recipe) {
  rung_recipe *again;
  rung_fit_options options;
  rung_network_settings network = {0};
  rung_training training;
  char *first, *second;
  rung_recipe_kind kind = rung_recipe_get_kind(recipe);
  rg_recipe_check(recipe, ctx);
  if (kind == RUNG_RECIPE_FIT && rg_recipe_options(recipe, ctx, &options) != RUNG_OK) abort();
  if (kind == RUNG_RECIPE_TRAIN) {
    rg_recipe_network(recipe, &network);
    rg_recipe_training(recipe, &training);
    if (network.stages > RUNG_MOST_STAGES || training.batch < 0) abort();
  }
  if (rung_recipe_text(recipe, ctx, &first) != RUNG_OK) abort();
  if (rung_recipe_load_memory(ctx, kind, "again", first, strlen(first), &again) != RUNG_OK) abort();
  if (rung_recipe_text(again, ctx, &second) != RUNG_OK || strcmp(first, second) != 0) abort();
  rung_recipe_destroy(again);
  rung_free(ctx, first);
  rung_free(ctx, second);
}

static void load(rung_context *ctx, rung_recipe_kind kind, const uint8_t *data, size_t size) {
  rung_recipe *recipe;
  rung_clear_error(ctx);
  if (rung_recipe_load_memory(ctx, kind, "recipe", (const char *)data, size, &recipe) == RUNG_OK)
    check(ctx, recipe);
  else if (!rung_error(ctx)[0] || recipe)
    abort();
  rung_recipe_destroy(recipe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 0;
  load(ctx, RUNG_RECIPE_FIT, data, size);
  load(ctx, RUNG_RECIPE_TRAIN, data, size);
  if (rung_memory_now(ctx) != 0) abort();
  rung_context_destroy(ctx);
  return 0;
}
