/* What `rung fit` is asked to do: one table of keys, from which recipes are checked, printed and
 * documented. */
#ifndef RG_RECIPE_H
#define RG_RECIPE_H

#include "base/base.h"
#include "rung/run.h"

typedef enum rg_recipe_kind {
  RG_RECIPE_TEXT,   /* any text */
  RG_RECIPE_LIST,   /* text with commas; in YAML also a list */
  RG_RECIPE_CHOICE, /* one of `choices` */
  RG_RECIPE_WHOLE,  /* a whole number */
  RG_RECIPE_NUMBER, /* a decimal number */
  RG_RECIPE_TIME,   /* seconds, or with a unit: 90, 90s, 1.5min, 2h */
  RG_RECIPE_SIZE    /* bytes, or with a unit: 200MB, 64MiB */
} rg_recipe_kind;

typedef struct rg_recipe_key {
  const char *key;
  rg_recipe_kind kind;
  const char *fallback; /* the default, or NULL: not set */
  double low, high;     /* of numbers, times and sizes */
  const char *choices;  /* "single double quad" */
  const char *help;     /* one line */
} rg_recipe_key;

extern const rg_recipe_key rg_recipe_keys[];
extern const int rg_recipe_key_count;

/* The number that a valid value of a number's kind stands for, in seconds or bytes where it has a
 * unit. False where the text is none. */
bool rg_recipe_number(rg_recipe_kind kind, const char *text, double *out);

/* The recipe's fit options; the progress function is left NULL. */
rung_status rg_recipe_options(const rung_recipe *recipe, rung_context *ctx, rung_fit_options *out);

/* The items of a list, without the spaces around them; (*out)[*count] is NULL. One block:
 * rg_free(*out). A key that is not set has none. */
rung_status rg_recipe_list(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           char ***out, int *count);

/* Keys that must go together do: a table with its target or a function with its domain, a stage to
 * replace with a model. `name` stands for the recipe in messages. */
rung_status rg_recipe_check(const rung_recipe *recipe, rung_context *ctx, const char *name);

/* Sets a key; `place` begins the message where this fails ("recipe.yaml:3: "). A NULL or empty
 * value brings the default back. */
rung_status rg_recipe_set_at(rung_recipe *recipe, rung_context *ctx, const char *place,
                             const char *key, const char *value);

#endif
