/* Recipes of `rung fit`: the keys, and what they mean. */
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"

static const rg_recipe_key keys[] = {
    {"table", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "file with the points: CSV, CSV.gz, NPY or NPZ"},
    {"target", RG_VALUE_LIST, NULL, 0, 0, NULL, NULL, "columns of the table to predict"},
    {"inputs", RG_VALUE_LIST, NULL, 0, 0, NULL, NULL,
     "columns to predict from; not set: all others"},
    {"function", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "formula to fit instead of a table, such as sin(2*x+1)"},
    {"domain", RG_VALUE_LIST, NULL, 0, 0, NULL, NULL,
     "where to fit the function, such as x=-1:1,y=0:2"},
    {"precision", RG_VALUE_CHOICE, "double", 0, 0, "single double quad", NULL,
     "working precision: about 7, 16 or 32 digits"},
    {"method", RG_VALUE_CHOICE, "separable", 0, 0, "separable gradient", NULL,
     "how a stage is trained; gradient is the published recipe"},
    {"minimiser", RG_VALUE_CHOICE, "lbfgs", 0, 0, "lbfgs ssbroyden", NULL,
     "full-batch minimiser of method gradient"},
    {"stages", RG_VALUE_WHOLE, "0", 0, 1000, NULL, NULL, "most stages; 0: as many as help"},
    {"target-error", RG_VALUE_NUMBER, "0", 0, 1, NULL, NULL,
     "stop at this relative error on held-out points; 0: go on"},
    {"time", RG_VALUE_TIME, "0", 0, 1e9, NULL, NULL,
     "time allowed (also 90s, 5min, 2h); 0: no limit"},
    {"memory", RG_VALUE_SIZE, "0", 0, 1e15, NULL, NULL,
     "memory allowed (also 200MB, 1GiB); 0: no limit"},
    {"seed", RG_VALUE_WHOLE, "1", 0, 18446744073709551615.0, NULL, NULL,
     "start of the random numbers"},
    {"heldout", RG_VALUE_NUMBER, "0.1", 0.02, 0.5, NULL, NULL,
     "share of the table's points that are held out"},
    {"points", RG_VALUE_WHOLE, "0", 0, 1e10, NULL, NULL,
     "points to sample from the function; 0: chosen"},
    {"model", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL, "model to extend; not set: a new one"},
    {"replace", RG_VALUE_WHOLE, NULL, 0, 20000, NULL, NULL,
     "stage of that model to train anew, from 0; not set: add stages"},
};

static rung_status check(const rung_recipe *recipe, rung_context *ctx) {
  bool table = rung_recipe_get(recipe, "table") != NULL;
  bool function = rung_recipe_get(recipe, "function") != NULL;
  bool domain = rung_recipe_get(recipe, "domain") != NULL;
  bool target = rung_recipe_get(recipe, "target") != NULL;
  const char *problem = NULL, *key = NULL;
  if (!table && !function) {
    problem = "neither a table nor a function is set; one of them says what to fit";
  } else if (table && function) {
    problem = "both a table and a function are set; only one of them can be fitted";
  } else if (table && !target && !rung_recipe_get(recipe, "model")) {
    problem = "target is not set: which columns of the table are to be predicted?";
  } else if (table && domain) {
    problem = "domain belongs to a function, but a table is set";
    key = "domain";
  } else if (table && rg_recipe_whole(recipe, "points") > 0) {
    problem = "points belongs to a function, but a table is set";
    key = "points";
  } else if (function && !domain) {
    problem = "domain is not set: where is the function to be fitted? Such as x=-1:1";
  } else if (rung_recipe_get(recipe, "replace") && !rung_recipe_get(recipe, "model")) {
    problem = "replace is set, but no model whose stage could be replaced";
    key = "replace";
  }
  return problem ? rg_recipe_fail(recipe, ctx, key, "%s", problem) : RUNG_OK;
}

const rg_recipe_table rg_recipe_fit_table = {keys, sizeof keys / sizeof keys[0], "table: data.csv",
                                             check};

rung_status rg_recipe_options(const rung_recipe *recipe, rung_context *ctx, rung_fit_options *out) {
  rung_fit_options o = {0};
  if (rung_dtype_parse(rung_recipe_get(recipe, "precision"), &o.precision) != RUNG_OK)
    return rg_fail(ctx, RUNG_E_INTERNAL, "the recipe's precision is not one of the library's");
  o.method = rg_recipe_is(recipe, "method", "gradient") ? RUNG_GRADIENT : RUNG_SEPARABLE;
  o.minimiser = rg_recipe_is(recipe, "minimiser", "ssbroyden") ? RUNG_SSBROYDEN : RUNG_LBFGS;
  o.stages = (int)rg_recipe_whole(recipe, "stages");
  o.target_error = rung_recipe_number(recipe, "target-error");
  o.time = rung_recipe_number(recipe, "time");
  o.memory = (size_t)rung_recipe_number(recipe, "memory");
  o.seed = rg_recipe_seed(recipe, "seed");
  o.heldout = rung_recipe_number(recipe, "heldout");
  o.points = rg_recipe_whole(recipe, "points");
  o.replace = rung_recipe_get(recipe, "replace") ? (int)rg_recipe_whole(recipe, "replace") : -1;
  *out = o;
  return RUNG_OK;
}
