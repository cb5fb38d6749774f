/* Recipes: keys with checked values. */
#include "store/recipe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
  char *text;  /* NULL: not set */
  size_t line; /* where it was set; 0: in no file ... */
  bool called; /* ... but by a call, or on the command line */
} value;

struct rung_recipe {
  rung_context *ctx;
  rung_recipe_kind kind;
  char *name;   /* in messages; NULL: "recipe" */
  value *value; /* of each key */
};

static const rg_recipe_table *table_of(rung_recipe_kind kind) {
  return kind == RUNG_RECIPE_TRAIN ? &rg_recipe_train_table : &rg_recipe_fit_table;
}

const rg_recipe_table *rg_recipe_table_of(const rung_recipe *recipe) {
  return table_of(recipe->kind);
}

/* ---- making ---- */

rung_status rung_recipe_create(rung_context *ctx, rung_recipe_kind kind, rung_recipe **out) {
  *out = NULL;
  const rg_recipe_table *table = table_of(kind);
  rung_recipe *recipe = rg_calloc(ctx, 1, sizeof *recipe);
  if (!recipe) return RUNG_E_MEMORY;
  recipe->ctx = ctx;
  recipe->kind = kind;
  recipe->value = rg_calloc(ctx, (size_t)table->count, sizeof *recipe->value);
  rung_status status = recipe->value ? RUNG_OK : RUNG_E_MEMORY;
  for (int i = 0; status == RUNG_OK && i < table->count; i++)
    status = rg_recipe_set_at(recipe, ctx, 0, table->keys[i].key, NULL);
  if (status == RUNG_OK)
    *out = recipe;
  else
    rung_recipe_destroy(recipe);
  return status;
}

void rung_recipe_destroy(rung_recipe *recipe) {
  if (!recipe) return;
  int count = recipe->value ? rg_recipe_table_of(recipe)->count : 0;
  for (int i = 0; i < count; i++) rg_free(recipe->ctx, recipe->value[i].text);
  rg_free(recipe->ctx, recipe->value);
  rg_free(recipe->ctx, recipe->name);
  rg_free(recipe->ctx, recipe);
}

rung_recipe_kind rung_recipe_get_kind(const rung_recipe *recipe) {
  return recipe->kind;
}

rung_status rg_recipe_set_name(rung_recipe *recipe, const char *name) {
  char *copy = rg_strdup(recipe->ctx, name);
  if (!copy) return RUNG_E_MEMORY;
  rg_free(recipe->ctx, recipe->name);
  recipe->name = copy;
  return RUNG_OK;
}

/* "recipe.yaml:3: ", or nothing without a line. One block: rg_free(). */
static rung_status place_of(const rung_recipe *recipe, rung_context *ctx, size_t line, char **out) {
  rg_text place;
  rg_text_init(&place, ctx);
  rg_text_add(&place, "");
  if (line) rg_text_printf(&place, "%s:%zu: ", recipe->name ? recipe->name : "recipe", line);
  RG_TRY(rg_text_status(&place));
  *out = place.data;
  return RUNG_OK;
}

static rung_status set_placed(rung_recipe *recipe, rung_context *ctx, const char *place,
                              size_t line, const char *key, const char *text) {
  const rg_recipe_table *table = rg_recipe_table_of(recipe);
  int at = rg_recipe_find(table, key);
  const char *first = rg_recipe_first_of(table, key);
  if (at < 0 && first)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "%s%s: expected a mapping with keys such as %s, found text", place, key, first);
  if (at < 0) return rg_recipe_unknown(table, ctx, place, key);
  const rg_recipe_key *entry = &table->keys[at];
  bool given = text && *text;
  if (!given) text = entry->fallback;
  char *copy = NULL;
  if (text) {
    RG_TRY(rg_recipe_value(recipe->ctx, place, entry, text, &copy));
  }
  rg_free(recipe->ctx, recipe->value[at].text);
  recipe->value[at] = (value){copy, line, given && !line};
  return RUNG_OK;
}

rung_status rg_recipe_set_at(rung_recipe *recipe, rung_context *ctx, size_t line, const char *key,
                             const char *text) {
  char *place;
  RG_TRY(place_of(recipe, ctx, line, &place));
  rung_status status = set_placed(recipe, ctx, place, line, key, text);
  rg_free(ctx, place);
  return status;
}

rung_status rung_recipe_set(rung_recipe *recipe, rung_context *ctx, const char *key,
                            const char *text) {
  return rg_recipe_set_at(recipe, ctx, 0, key, text);
}

/* ---- what it says ---- */

const char *rung_recipe_get(const rung_recipe *recipe, const char *key) {
  int at = rg_recipe_find(rg_recipe_table_of(recipe), key);
  return at < 0 ? NULL : recipe->value[at].text;
}

double rung_recipe_number(const rung_recipe *recipe, const char *key) {
  const rg_recipe_table *table = rg_recipe_table_of(recipe);
  int at = rg_recipe_find(table, key);
  double number = 0;
  if (at >= 0 && recipe->value[at].text)
    rg_recipe_number(table->keys[at].kind, recipe->value[at].text, &number);
  return number;
}

int64_t rg_recipe_whole(const rung_recipe *recipe, const char *key) {
  return (int64_t)rung_recipe_number(recipe, key);
}

uint64_t rg_recipe_seed(const rung_recipe *recipe, const char *key) {
  const char *text = rung_recipe_get(recipe, key);
  return text ? strtoull(text, NULL, 10) : 0;
}

bool rg_recipe_is(const rung_recipe *recipe, const char *key, const char *text) {
  const char *found = rung_recipe_get(recipe, key);
  return found && strcmp(found, text) == 0;
}

bool rg_recipe_flag(const rung_recipe *recipe, const char *key) {
  return rg_recipe_is(recipe, key, "yes");
}

int rg_recipe_wholes(const rung_recipe *recipe, const char *key, int most, int64_t *out) {
  const char *at = rung_recipe_get(recipe, key);
  int count = 0;
  while (at && *at && count < most) {
    char *end;
    out[count++] = strtoll(at, &end, 10);
    at = *end == ',' ? end + 1 : NULL;
  }
  return count;
}

int rg_recipe_reals(const rung_recipe *recipe, const char *key, int most, double *out) {
  const char *at = rung_recipe_get(recipe, key);
  int count = 0;
  while (at && *at && count < most) {
    char *end;
    out[count] = strtod(at, &end);
    if (end == at) return count; /* a word */
    count++;
    at = *end == ',' ? end + 1 : NULL;
  }
  return count;
}

rung_status rg_recipe_list(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           char ***out, int *count) {
  const char *text = rung_recipe_get(recipe, key);
  size_t items = 0;
  *out = NULL;
  *count = 0;
  if (text) items = 1;
  for (const char *c = text; c && *c; c++) items += *c == ',';
  size_t pointers = (items + 1) * sizeof(char *);
  char *block = rg_calloc(ctx, pointers + (text ? strlen(text) : 0) + 1, 1);
  if (!block) return RUNG_E_MEMORY;
  char **list = (char **)block, *at = block + pointers;
  if (text) memcpy(at, text, strlen(text) + 1);
  for (size_t i = 0; i < items; i++) {
    size_t length = strcspn(at, ",");
    char *first = at + strspn(at, " \t"), *last = at + length;
    at += length + 1;
    while (last > first && strchr(" \t", last[-1])) last--;
    *last = 0;
    list[i] = first;
    if (first < last) continue;
    rg_free(ctx, block);
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%s: expected names with commas between, found \"%.200s\"",
                   key, text);
  }
  *out = list;
  *count = (int)items;
  return RUNG_OK;
}

/* ---- whether it can be ---- */

rung_status rg_recipe_fail(const rung_recipe *recipe, rung_context *ctx, const char *key,
                           const char *format, ...) {
  int at = key ? rg_recipe_find(rg_recipe_table_of(recipe), key) : -1;
  size_t line = at >= 0 ? recipe->value[at].line : 0;
  char what[600], where[32] = "";
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (at >= 0 && recipe->value[at].called) return rg_fail(ctx, RUNG_E_ARGUMENT, "%s", what);
  if (line) snprintf(where, sizeof where, ":%zu", line);
  return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: %s", recipe->name ? recipe->name : "recipe", where,
                 what);
}

rung_status rg_recipe_blame(const rung_recipe *recipe, rung_context *ctx, rung_status status,
                            const char *key) {
  char why[600], own[64];
  if (status != RUNG_E_ARGUMENT && status != RUNG_E_SHAPE) return status;
  snprintf(why, sizeof why, "%s", rung_error(ctx));
  snprintf(own, sizeof own, "%.20s.%.*s", key, (int)(strcspn(why, ": ") % 40), why);
  rung_clear_error(ctx);
  if (rg_recipe_find(rg_recipe_table_of(recipe), own) >= 0)
    return rg_recipe_fail(recipe, ctx, own, "%.20s.%.560s", key, why);
  return rg_recipe_fail(recipe, ctx, key, "%s: %.560s", key, why);
}

rung_status rg_recipe_check(const rung_recipe *recipe, rung_context *ctx) {
  return rg_recipe_table_of(recipe)->check(recipe, ctx);
}

/* ---- as text ---- */

static void add_value(rg_text *out, rg_value_kind kind, const char *text) {
  rg_text_add(out, " ");
  if (kind == RG_VALUE_TEXT || kind == RG_VALUE_LIST) {
    rg_text_json(out, text); /* also YAML */
  } else if (rg_recipe_is_list(kind) && strchr(text, ',')) {
    rg_text_add(out, "[");
    for (; *text; text++) rg_text_printf(out, *text == ',' ? "%c " : "%c", *text);
    rg_text_add(out, "]");
  } else {
    rg_text_add(out, text);
  }
}

/* Opens the mappings that a key is in and the one before was not; gives how many it is in. */
static int open_mappings(rg_text *out, const char *before, const char *key) {
  int depth = 0;
  const char *part = key;
  for (const char *dot = strchr(key, '.'); dot; dot = strchr(part, '.')) {
    size_t length = (size_t)(dot - key) + 1;
    if (strncmp(before, key, length) != 0)
      rg_text_printf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - part), part);
    part = dot + 1;
    depth++;
  }
  return depth;
}

rung_status rung_recipe_text(const rung_recipe *recipe, rung_context *ctx, char **out) {
  const rg_recipe_table *table = rg_recipe_table_of(recipe);
  const char *before = "";
  rg_text text;
  *out = NULL;
  rg_text_init(&text, ctx);
  for (int i = 0; i < table->count; i++) {
    const rg_recipe_key *key = &table->keys[i];
    int indent = 2 * open_mappings(&text, before, key->key);
    const char *dot = strrchr(key->key, '.');
    before = key->key;
    rg_text_printf(&text, "%*s# %s (", indent, "", key->help);
    rg_recipe_key_text(&text, key);
    rg_text_printf(&text, ")\n%*s%s:", indent, "", dot ? dot + 1 : key->key);
    if (recipe->value[i].text) add_value(&text, key->kind, recipe->value[i].text);
    rg_text_add(&text, "\n");
  }
  if (rg_text_status(&text) != RUNG_OK) {
    rg_text_free(&text);
    return RUNG_E_MEMORY;
  }
  *out = text.data;
  return RUNG_OK;
}

/* Numbers as they may be written in a recipe are not all JSON's: ".5". */
static void add_json_list(const char *text, rg_text *out) {
  rg_text_add(out, "[");
  for (char *end; *text; text = *end ? end + 1 : end) {
    rg_text_json_number(out, strtod(text, &end));
    if (*end) rg_text_add(out, ",");
  }
  rg_text_add(out, "]");
}

void rg_recipe_json(const rung_recipe *recipe, rg_text *out) {
  const rg_recipe_table *table = rg_recipe_table_of(recipe);
  bool first = true;
  for (int i = 0; i < table->count; i++) {
    rg_value_kind kind = table->keys[i].kind;
    const char *text = recipe->value[i].text;
    if (!text) continue;
    if (!first) rg_text_add(out, ",");
    first = false;
    rg_text_json(out, table->keys[i].key);
    rg_text_add(out, ":");
    double number;
    bool plain = kind == RG_VALUE_NUMBER || kind == RG_VALUE_NUMBERS || kind == RG_VALUE_TIME ||
                 kind == RG_VALUE_SIZE;
    if (plain && rg_recipe_number(kind, text, &number))
      rg_text_json_number(out, number);
    else if (kind == RG_VALUE_WHOLE && rg_recipe_number(kind, text, &number))
      rg_text_printf(out, "%llu", strtoull(text, NULL, 10));
    else if (kind == RG_VALUE_WHOLES)
      rg_text_printf(out, "[%s]", text);
    else if (kind == RG_VALUE_NUMBERS && strchr(text, ','))
      add_json_list(text, out);
    else
      rg_text_json(out, text);
  }
}
