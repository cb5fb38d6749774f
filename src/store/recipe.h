/* What a run is asked to do: for each kind of recipe one table of keys, from which recipes are
 * checked, printed and documented. */
#ifndef RG_RECIPE_H
#define RG_RECIPE_H

#include "base/base.h"
#include "rung/batch.h"
#include "rung/run.h"
#include "rung/train.h"

typedef enum rg_value_kind {
  RG_VALUE_TEXT,    /* any text */
  RG_VALUE_LIST,    /* texts with commas between; in YAML also a list */
  RG_VALUE_CHOICE,  /* one of `choices` */
  RG_VALUE_CHOICES, /* one of `choices`, or several with commas between, perhaps in brackets */
  RG_VALUE_FLAG,    /* yes or no; also true, false, on, off */
  RG_VALUE_WHOLE,   /* a whole number, or one of `choices` */
  RG_VALUE_WHOLES, /* whole numbers with commas between, perhaps in brackets; in YAML also a list */
  RG_VALUE_NUMBER, /* a decimal number, or one of `choices` */
  RG_VALUE_NUMBERS, /* such numbers with commas between, likewise, or one of `choices` */
  RG_VALUE_TIME,    /* seconds, or with a unit: 90, 90s, 1.5min, 2h */
  RG_VALUE_SIZE     /* bytes, or with a unit: 200MB, 64MiB */
} rg_value_kind;

typedef struct rg_recipe_key {
  const char *key; /* "model.block": in YAML, block in the mapping model */
  rg_value_kind kind;
  const char *fallback; /* the default, or NULL: not set */
  double low, high;     /* of numbers, times and sizes */
  const char *choices;  /* "single double quad" */
  const char *unit;     /* of numbers, or NULL */
  const char *help;     /* one line */
} rg_recipe_key;

/* The keys of a kind of recipe. Keys of one mapping stand together. A text given for a mapping
 * that has a key `name` is that name: "optimiser: sgd" is "optimiser: {name: sgd}". */
typedef struct rg_recipe_table {
  const rg_recipe_key *keys;
  int count;
  const char *example; /* a line of such a recipe, for messages */
  /* Keys that must go together do. */
  rung_status (*check)(const rung_recipe *recipe, rung_context *ctx);
} rg_recipe_table;

#define RG_MOST_KEYS 96
extern const rg_recipe_table rg_recipe_fit_table, rg_recipe_train_table;

const rg_recipe_table *rg_recipe_table_of(const rung_recipe *recipe);

/* ---- values (recipe_value.c) ---- */

/* The number that a valid value of a number's kind stands for, in seconds or bytes where it has a
 * unit. False where the text is none. */
bool rg_recipe_number(rg_value_kind kind, const char *text, double *out);
/* Is it a list of numbers or of choices? In YAML they may stand in brackets. */
bool rg_recipe_is_list(rg_value_kind kind);
/* The value as it is kept, or an error that begins with `place`: flags are yes or no, lists of
 * numbers have no brackets and no blanks. */
rung_status rg_recipe_value(rung_context *ctx, const char *place, const rg_recipe_key *key,
                            const char *value, char **out);
/* "whole number from 1 to 100 epochs, or: all; default 64": what a key takes. */
void rg_recipe_key_text(rg_text *out, const rg_recipe_key *key);

/* ---- names of keys (recipe_name.c) ---- */

/* The key of this name, or of its `.name`; -1: none. */
int rg_recipe_find(const rg_recipe_table *table, const char *key);
/* The first key in the mapping of this name; NULL where there is no such mapping. */
const char *rg_recipe_first_of(const rg_recipe_table *table, const char *mapping);
/* The error for a name that is no key: the nearest right one, or those there are. */
rung_status rg_recipe_unknown(const rg_recipe_table *table, rung_context *ctx, const char *place,
                              const char *key);

/* ---- what a recipe says ---- */

/* Sets a key; `line` (0: none) is where. A NULL or empty value brings the default back. */
rung_status rg_recipe_set_at(rung_recipe *recipe, rung_context *ctx, size_t line, const char *key,
                             const char *value);
/* The name that stands for the recipe in messages. */
rung_status rg_recipe_set_name(rung_recipe *recipe, const char *name);

/* Values of keys that the recipe's kind has; of keys that are not set 0, false. A word in place of
 * a number is 0. */
int64_t rg_recipe_whole(const rung_recipe *recipe, const char *key);
bool rg_recipe_flag(const rung_recipe *recipe, const char *key);
bool rg_recipe_is(const rung_recipe *recipe, const char *key, const char *value);
uint64_t rg_recipe_seed(const rung_recipe *recipe, const char *key); /* all 64 bits */

/* The items of a list, without the spaces around them; (*out)[*count] is NULL. One block:
 * rg_free(*out). A key that is not set has none. */
rung_status rg_recipe_list(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           char ***out, int *count);
/* The numbers of a list of numbers, at most `most` of them; the number of them. */
int rg_recipe_wholes(const rung_recipe *recipe, const char *key, int most, int64_t *out);
int rg_recipe_reals(const rung_recipe *recipe, const char *key, int most, double *out);

/* The keys that are set and their values as the entries of a JSON object, without the braces. */
void rg_recipe_json(const rung_recipe *recipe, rg_text *out);

/* Keys that must go together do: a table with its target or a function with its domain, a block
 * that is reversible with activations that are reversed. */
rung_status rg_recipe_check(const rung_recipe *recipe, rung_context *ctx);
/* An error that begins with the recipe's name and the line of the key (NULL: no key's), if it was
 * not set by a call. */
rung_status rg_recipe_fail(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Where what a recipe says was refused by a function that knows no recipes, with `status`: the same
 * error as the recipe's. `key` is the key that it is about, or a part of the recipe ("model"), of
 * which the message may begin with a key's name. Other errors stay as they are. */
rung_status rg_recipe_blame(const rung_recipe *recipe, rung_context *ctx, rung_status status,
                            const char *key);

/* ---- what it means ---- */

/* A fit's options; the progress function is left NULL. */
rung_status rg_recipe_options(const rung_recipe *recipe, rung_context *ctx, rung_fit_options *out);
/* How many modules, 0: as many as fit; and the cuts between them that are set (at most
 * RUNG_MOST_EXITS), of which it returns the number, 0 where the planner is to cut. */
int rg_recipe_modules(const rung_recipe *recipe);
int rg_recipe_cuts(const rung_recipe *recipe, int64_t *out);
/* The heads of that many exits, as the recipe has them: one for all or one for each. Strings are
 * static. An error where it has another number of them. */
rung_status rg_recipe_heads(const rung_recipe *recipe, rung_context *ctx, int exits,
                            const char **out);
/* Has it one for all, or one for each? */
bool rg_recipe_heads_fit(const rung_recipe *recipe, int exits);
/* The network of a training, without its exits. `out` comes with the defaults; what the recipe
 * leaves to the architecture stays so. Strings are the recipe's. */
void rg_recipe_network(const rung_recipe *recipe, rung_network_settings *out);
/* How its training or test set is opened. `out` comes with the defaults; strings are the recipe's.
 */
void rg_recipe_dataset(const rung_recipe *recipe, bool test, rung_dataset_options *out);
/* The batches of its training: size (0 for "all"), seed and augmentation. Likewise. */
void rg_recipe_batches(const rung_recipe *recipe, rung_batch_options *out);
/* How it is trained; strings are the recipe's. A batch of "all" is 0. */
void rg_recipe_training(const rung_recipe *recipe, rung_training *out);

#endif
