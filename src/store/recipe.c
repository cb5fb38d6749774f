/* Recipes: keys with checked values, and what they mean to a fit. */
#include "store/recipe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES 1e15
#define MOST_SECONDS 1e9

const rg_recipe_key rg_recipe_keys[] = {
    {"table", RG_RECIPE_TEXT, NULL, 0, 0, NULL, "file with the points: CSV, CSV.gz, NPY or NPZ"},
    {"target", RG_RECIPE_LIST, NULL, 0, 0, NULL, "columns of the table to predict"},
    {"inputs", RG_RECIPE_LIST, NULL, 0, 0, NULL, "columns to predict from; not set: all others"},
    {"function", RG_RECIPE_TEXT, NULL, 0, 0, NULL,
     "formula to fit instead of a table, such as sin(2*x+1)"},
    {"domain", RG_RECIPE_LIST, NULL, 0, 0, NULL, "where to fit the function, such as x=-1:1,y=0:2"},
    {"precision", RG_RECIPE_CHOICE, "double", 0, 0, "single double quad",
     "working precision: about 7, 16 or 32 digits"},
    {"method", RG_RECIPE_CHOICE, "separable", 0, 0, "separable gradient",
     "how a stage is trained; gradient is the published recipe"},
    {"minimiser", RG_RECIPE_CHOICE, "lbfgs", 0, 0, "lbfgs ssbroyden",
     "full-batch minimiser of method gradient"},
    {"stages", RG_RECIPE_WHOLE, "0", 0, 1000, NULL, "most stages; 0: as many as help"},
    {"target-error", RG_RECIPE_NUMBER, "0", 0, 1, NULL,
     "stop at this relative error on held-out points; 0: go on"},
    {"time", RG_RECIPE_TIME, "0", 0, MOST_SECONDS, NULL,
     "seconds allowed (also 90s, 5min, 2h); 0: no limit"},
    {"memory", RG_RECIPE_SIZE, "0", 0, MOST_BYTES, NULL,
     "bytes allowed (also 200MB, 1GiB); 0: no limit"},
    {"seed", RG_RECIPE_WHOLE, "1", 0, 18446744073709551615.0, NULL, "start of the random numbers"},
    {"heldout", RG_RECIPE_NUMBER, "0.1", 0.02, 0.5, NULL,
     "share of the table's points that are held out"},
    {"points", RG_RECIPE_WHOLE, "0", 0, 1e10, NULL,
     "points to sample from the function; 0: chosen"},
    {"model", RG_RECIPE_TEXT, NULL, 0, 0, NULL, "model to extend; not set: a new one"},
    {"replace", RG_RECIPE_WHOLE, NULL, 0, 20000, NULL,
     "stage of that model to train anew, from 0; not set: add stages"},
};
const int rg_recipe_key_count = sizeof rg_recipe_keys / sizeof rg_recipe_keys[0];

#define KEYS (sizeof rg_recipe_keys / sizeof rg_recipe_keys[0])

struct rung_recipe {
  rung_context *ctx;
  char *value[KEYS]; /* NULL: not set */
};

/* ---- keys ---- */

static int find_key(const char *key) {
  for (int i = 0; i < rg_recipe_key_count; i++)
    if (strcmp(rg_recipe_keys[i].key, key) == 0) return i;
  return -1;
}

#define LONGEST 32

/* Letters to insert, drop or change to make one word of the other (Levenshtein). */
static int distance(const char *a, const char *b) {
  int row[LONGEST + 1];
  size_t na = strlen(a), nb = strlen(b);
  if (na > LONGEST || nb > LONGEST) return LONGEST;
  for (size_t j = 0; j <= nb; j++) row[j] = (int)j;
  for (size_t i = 1; i <= na; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= nb; j++) {
      int change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      int shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
      row[j] = change < shorter + 1 ? change : shorter + 1;
    }
  }
  return row[nb];
}

static rung_status unknown_key(rung_context *ctx, const char *place, const char *key) {
  int best = 0, least = LONGEST;
  for (int i = 0; i < rg_recipe_key_count; i++) {
    int d = distance(key, rg_recipe_keys[i].key);
    if (d < least) {
      best = i;
      least = d;
    }
  }
  if (least <= 3 && (size_t)least < strlen(key))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%sunknown key \"%.60s\"; did you mean \"%s\"?", place,
                   key, rg_recipe_keys[best].key);
  char all[400] = "";
  for (int i = 0; i < rg_recipe_key_count; i++) {
    size_t used = strlen(all);
    snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", rg_recipe_keys[i].key);
  }
  return rg_fail(ctx, RUNG_E_ARGUMENT, "%sunknown key \"%.60s\"; the keys are: %s", place, key,
                 all);
}

/* ---- values ---- */

typedef struct unit {
  const char *name;
  double factor;
} unit;

static const unit no_units[] = {{"", 1}, {NULL, 0}};
static const unit time_units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {NULL, 0}};
static const unit size_units[] = {{"", 1},
                                  {"B", 1},
                                  {"kB", 1e3},
                                  {"KB", 1e3},
                                  {"MB", 1e6},
                                  {"GB", 1e9},
                                  {"TB", 1e12},
                                  {"KiB", 1024.0},
                                  {"MiB", 1048576},
                                  {"GiB", 1073741824},
                                  {"TiB", 1099511627776},
                                  {NULL, 0}};

static bool is_whole(const char *text) {
  errno = 0;
  strtoull(text, NULL, 10);
  return errno == 0 && !text[strspn(text, "0123456789")]; /* fits 64 bits, digits alone */
}

bool rg_recipe_number(rg_recipe_kind kind, const char *text, double *out) {
  const unit *units = kind == RG_RECIPE_TIME   ? time_units
                      : kind == RG_RECIPE_SIZE ? size_units
                                               : no_units;
  if (kind == RG_RECIPE_WHOLE && !is_whole(text)) return false;
  if (!strchr("+-.0123456789", *text) || strpbrk(text, "xX")) return false;
  char *end;
  double value = strtod(text, &end);
  if (end == text || !isfinite(value)) return false;
  while (*end == ' ') end++;
  for (const unit *u = units; u->name; u++)
    if (strcmp(end, u->name) == 0) {
      *out = value * u->factor;
      return true;
    }
  return false;
}

static bool is_choice(const char *choices, const char *value) {
  size_t length = strlen(value);
  for (const char *at = choices; *at;) {
    size_t word = strcspn(at, " ");
    if (word == length && strncmp(at, value, length) == 0) return true;
    at += word + (at[word] == ' ');
  }
  return false;
}

static const char *kind_text(rg_recipe_kind kind) {
  switch (kind) {
  case RG_RECIPE_WHOLE:
    return "a whole number";
  case RG_RECIPE_TIME:
    return "seconds, or a time such as 90s, 5min or 2h,";
  case RG_RECIPE_SIZE:
    return "bytes, or a size such as 200MB or 1GiB,";
  default:
    return "a number";
  }
}

static rung_status check_value(rung_context *ctx, const char *place, const rg_recipe_key *key,
                               const char *value) {
  double number;
  switch (key->kind) {
  case RG_RECIPE_TEXT:
  case RG_RECIPE_LIST:
    return RUNG_OK;
  case RG_RECIPE_CHOICE:
    if (is_choice(key->choices, value)) return RUNG_OK;
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: expected one of: %s; found \"%.60s\"", place,
                   key->key, key->choices, value);
  default:
    if (rg_recipe_number(key->kind, value, &number) && number >= key->low && number <= key->high)
      return RUNG_OK;
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: expected %s from %.17g to %.17g, found \"%.60s\"",
                   place, key->key, kind_text(key->kind), key->low, key->high, value);
  }
}

rung_status rg_recipe_set_at(rung_recipe *recipe, rung_context *ctx, const char *place,
                             const char *key, const char *value) {
  int at = find_key(key);
  if (at < 0) return unknown_key(ctx, place, key);
  const rg_recipe_key *entry = &rg_recipe_keys[at];
  if (!value || !*value) value = entry->fallback;
  char *copy = NULL;
  if (value) {
    RG_TRY(check_value(ctx, place, entry, value));
    if (!(copy = rg_strdup(recipe->ctx, value))) return RUNG_E_MEMORY;
  }
  rg_free(recipe->ctx, recipe->value[at]);
  recipe->value[at] = copy;
  return RUNG_OK;
}

/* ---- the public face ---- */

rung_status rung_recipe_create(rung_context *ctx, rung_recipe **out) {
  *out = NULL;
  rung_recipe *recipe = rg_calloc(ctx, 1, sizeof *recipe);
  if (!recipe) return RUNG_E_MEMORY;
  recipe->ctx = ctx;
  for (int i = 0; i < rg_recipe_key_count; i++) {
    rung_status status = rg_recipe_set_at(recipe, ctx, "", rg_recipe_keys[i].key, NULL);
    if (status != RUNG_OK) {
      rung_recipe_destroy(recipe);
      return status;
    }
  }
  *out = recipe;
  return RUNG_OK;
}

void rung_recipe_destroy(rung_recipe *recipe) {
  if (!recipe) return;
  for (size_t i = 0; i < KEYS; i++) rg_free(recipe->ctx, recipe->value[i]);
  rg_free(recipe->ctx, recipe);
}

rung_status rung_recipe_set(rung_recipe *recipe, rung_context *ctx, const char *key,
                            const char *value) {
  return rg_recipe_set_at(recipe, ctx, "", key, value);
}

const char *rung_recipe_get(const rung_recipe *recipe, const char *key) {
  int at = find_key(key);
  return at < 0 ? NULL : recipe->value[at];
}

rung_status rung_recipe_text(const rung_recipe *recipe, rung_context *ctx, char **out) {
  rg_text text;
  *out = NULL;
  rg_text_init(&text, ctx);
  for (int i = 0; i < rg_recipe_key_count; i++) {
    const rg_recipe_key *key = &rg_recipe_keys[i];
    const char *value = recipe->value[i];
    rg_text_printf(&text, "# %s", key->help);
    if (key->choices) rg_text_printf(&text, " (%s)", key->choices);
    rg_text_printf(&text, "\n%s:", key->key);
    if (value) rg_text_add(&text, " ");
    if (value && (key->kind == RG_RECIPE_TEXT || key->kind == RG_RECIPE_LIST))
      rg_text_json(&text, value); /* also YAML */
    else if (value)
      rg_text_add(&text, value);
    rg_text_add(&text, "\n");
  }
  if (rg_text_status(&text) != RUNG_OK) {
    rg_text_free(&text);
    return RUNG_E_MEMORY;
  }
  *out = text.data;
  return RUNG_OK;
}

/* ---- what it means ---- */

static double number_of(const rung_recipe *recipe, const char *key) {
  int at = find_key(key);
  double value = 0;
  if (recipe->value[at]) rg_recipe_number(rg_recipe_keys[at].kind, recipe->value[at], &value);
  return value;
}

rung_status rg_recipe_options(const rung_recipe *recipe, rung_context *ctx, rung_fit_options *out) {
  rung_fit_options o = {0};
  if (rung_dtype_parse(rung_recipe_get(recipe, "precision"), &o.precision) != RUNG_OK)
    return rg_fail(ctx, RUNG_E_INTERNAL, "the recipe's precision is not one of the library's");
  bool gradient = strcmp(rung_recipe_get(recipe, "method"), "gradient") == 0;
  bool broyden = strcmp(rung_recipe_get(recipe, "minimiser"), "ssbroyden") == 0;
  o.method = gradient ? RUNG_GRADIENT : RUNG_SEPARABLE;
  o.minimiser = broyden ? RUNG_SSBROYDEN : RUNG_LBFGS;
  o.stages = (int)number_of(recipe, "stages");
  o.target_error = number_of(recipe, "target-error");
  o.time = number_of(recipe, "time");
  o.memory = (size_t)number_of(recipe, "memory");
  o.seed = strtoull(rung_recipe_get(recipe, "seed"), NULL, 10); /* all 64 bits */
  o.heldout = number_of(recipe, "heldout");
  o.points = (int64_t)number_of(recipe, "points");
  o.replace = rung_recipe_get(recipe, "replace") ? (int)number_of(recipe, "replace") : -1;
  *out = o;
  return RUNG_OK;
}

rung_status rg_recipe_list(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           char ***out, int *count) {
  const char *value = rung_recipe_get(recipe, key);
  size_t items = 0;
  *out = NULL;
  *count = 0;
  if (value) items = 1;
  for (const char *c = value; c && *c; c++) items += *c == ',';
  size_t pointers = (items + 1) * sizeof(char *);
  char *block = rg_calloc(ctx, pointers + (value ? strlen(value) : 0) + 1, 1);
  if (!block) return RUNG_E_MEMORY;
  char **list = (char **)block, *text = block + pointers;
  if (value) memcpy(text, value, strlen(value) + 1);
  for (size_t i = 0; i < items; i++) {
    size_t length = strcspn(text, ",");
    char *first = text + strspn(text, " \t"), *last = text + length;
    text += length + 1;
    while (last > first && strchr(" \t", last[-1])) last--;
    *last = 0;
    list[i] = first;
    if (first < last) continue;
    rg_free(ctx, block);
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%s: expected names with commas between, found \"%.200s\"",
                   key, value);
  }
  *out = list;
  *count = (int)items;
  return RUNG_OK;
}

rung_status rg_recipe_check(const rung_recipe *recipe, rung_context *ctx, const char *name) {
  bool table = rung_recipe_get(recipe, "table") != NULL;
  bool function = rung_recipe_get(recipe, "function") != NULL;
  bool domain = rung_recipe_get(recipe, "domain") != NULL;
  bool target = rung_recipe_get(recipe, "target") != NULL;
  const char *problem = NULL;
  if (!table && !function)
    problem = "neither a table nor a function is set; one of them says what to fit";
  else if (table && function)
    problem = "both a table and a function are set; only one of them can be fitted";
  else if (table && !target && !rung_recipe_get(recipe, "model"))
    problem = "target is not set: which columns of the table are to be predicted?";
  else if (table && domain)
    problem = "domain belongs to a function, but a table is set";
  else if (table && number_of(recipe, "points") > 0)
    problem = "points belongs to a function, but a table is set";
  else if (function && !domain)
    problem = "domain is not set: where is the function to be fitted? Such as x=-1:1";
  else if (rung_recipe_get(recipe, "replace") && !rung_recipe_get(recipe, "model"))
    problem = "replace is set, but no model whose stage could be replaced";
  if (!problem) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_ARGUMENT, "%s: %s", name, problem);
}
