/* Values of recipes: what a key takes, checked and said. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"

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

bool rg_recipe_number(rg_value_kind kind, const char *text, double *out) {
  const unit *units = kind == RG_VALUE_TIME   ? time_units
                      : kind == RG_VALUE_SIZE ? size_units
                                              : no_units;
  if (kind == RG_VALUE_WHOLE && !is_whole(text)) return false;
  if (!*text || !strchr("+-.0123456789", *text) || strpbrk(text, "xX")) return false;
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
  for (const char *at = choices; at && *at;) {
    size_t word = strcspn(at, " ");
    if (word == length && strncmp(at, value, length) == 0) return true;
    at += word + (at[word] == ' ');
  }
  return false;
}

bool rg_recipe_is_list(rg_value_kind kind) {
  return kind == RG_VALUE_WHOLES || kind == RG_VALUE_NUMBERS || kind == RG_VALUE_CHOICES;
}

static const char *kind_text(rg_value_kind kind) {
  switch (kind) {
  case RG_VALUE_WHOLE:
    return "a whole number";
  case RG_VALUE_WHOLES:
    return "whole numbers";
  case RG_VALUE_NUMBERS:
    return "numbers";
  case RG_VALUE_TIME:
    return "seconds, or a time such as 90s, 5min or 2h,";
  case RG_VALUE_SIZE:
    return "bytes, or a size such as 200MB or 1GiB,";
  default:
    return "a number";
  }
}

/* What YAML calls true and false; NULL for other words. */
static const char *flag_of(const char *value) {
  static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(value, yes[i]) == 0) return "yes";
    if (strcmp(value, no[i]) == 0) return "no";
  }
  return NULL;
}

static rung_status keep(rung_context *ctx, const char *value, char **out) {
  *out = rg_strdup(ctx, value);
  return *out ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status fail_number(rung_context *ctx, const char *place, const rg_recipe_key *key,
                               const char *value) {
  return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: expected %s from %.17g to %.17g%s%s, found \"%.60s\"",
                 place, key->key, kind_text(key->kind), key->low, key->high,
                 key->choices ? ", or one of: " : "", key->choices ? key->choices : "", value);
}

#define ITEM_LENGTH 32

/* The item of a list up to `last`, without the blanks around it; false where it is too long. */
static bool take_item(const char *at, const char *last, char item[ITEM_LENGTH]) {
  while (at < last && *at == ' ') at++;
  while (last > at && last[-1] == ' ') last--;
  if ((size_t)(last - at) >= ITEM_LENGTH) return false;
  memcpy(item, at, (size_t)(last - at));
  item[last - at] = 0;
  return true;
}

/* Is it one that the list takes? Whole numbers become digits alone. */
static bool fits_list(const rg_recipe_key *key, char item[ITEM_LENGTH]) {
  double number;
  bool wholes = key->kind == RG_VALUE_WHOLES;
  if (key->kind == RG_VALUE_CHOICES) return is_choice(key->choices, item);
  bool fits = rg_recipe_number(wholes ? RG_VALUE_WHOLE : RG_VALUE_NUMBER, item, &number) &&
              number >= key->low && number <= key->high;
  if (fits && wholes) snprintf(item, ITEM_LENGTH, "%.0f", number);
  return fits;
}

static rung_status fail_choice(rung_context *ctx, const char *place, const rg_recipe_key *key,
                               const char *value) {
  return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: expected one of: %s%s; found \"%.60s\"", place,
                 key->key, key->choices, key->kind == RG_VALUE_CHOICES ? ", or a list of them" : "",
                 value);
}

/* "[16, 32,64]" is kept as "16,32,64"; words likewise. */
static rung_status take_list(rung_context *ctx, const char *place, const rg_recipe_key *key,
                             const char *value, char **out) {
  size_t length = strlen(value);
  bool brackets = length >= 2 && value[0] == '[' && value[length - 1] == ']';
  const char *at = value + brackets, *end = value + length - brackets;
  rg_text list;
  rg_text_init(&list, ctx);
  for (bool more = true; more;) {
    char item[ITEM_LENGTH];
    const char *comma = memchr(at, ',', (size_t)(end - at));
    more = comma != NULL;
    if (!take_item(at, comma ? comma : end, item) || !fits_list(key, item)) {
      rg_text_free(&list);
      return key->kind == RG_VALUE_CHOICES ? fail_choice(ctx, place, key, value)
                                           : fail_number(ctx, place, key, value);
    }
    rg_text_printf(&list, "%s%s", list.length ? "," : "", item);
    if (comma) at = comma + 1;
  }
  if (rg_text_status(&list) != RUNG_OK) {
    rg_text_free(&list);
    return RUNG_E_MEMORY;
  }
  *out = list.data;
  return RUNG_OK;
}

static rung_status take_choice(rung_context *ctx, const char *place, const rg_recipe_key *key,
                               const char *value, char **out) {
  if (is_choice(key->choices, value)) return keep(ctx, value, out);
  const char *flag = flag_of(value);
  if (flag && is_choice(key->choices, flag)) return keep(ctx, flag, out);
  return fail_choice(ctx, place, key, value);
}

rung_status rg_recipe_value(rung_context *ctx, const char *place, const rg_recipe_key *key,
                            const char *value, char **out) {
  double number;
  *out = NULL;
  switch (key->kind) {
  case RG_VALUE_TEXT:
  case RG_VALUE_LIST:
    return keep(ctx, value, out);
  case RG_VALUE_CHOICE:
    return take_choice(ctx, place, key, value, out);
  case RG_VALUE_CHOICES:
  case RG_VALUE_WHOLES:
  case RG_VALUE_NUMBERS:
    if (key->kind != RG_VALUE_CHOICES && is_choice(key->choices, value))
      return keep(ctx, value, out);
    return take_list(ctx, place, key, value, out);
  case RG_VALUE_FLAG:
    if (flag_of(value)) return keep(ctx, flag_of(value), out);
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%s%s: expected yes or no, found \"%.60s\"", place,
                   key->key, value);
  default:
    if (is_choice(key->choices, value)) return keep(ctx, value, out);
    if (rg_recipe_number(key->kind, value, &number) && number >= key->low && number <= key->high)
      return keep(ctx, value, out);
    return fail_number(ctx, place, key, value);
  }
}

static void add_choices(rg_text *out, const char *choices) {
  for (const char *at = choices; *at;) {
    size_t word = strcspn(at, " ");
    if (at > choices) rg_text_add(out, ", ");
    rg_text_add_n(out, at, word);
    at += word + (at[word] == ' ');
  }
}

void rg_recipe_key_text(rg_text *out, const rg_recipe_key *key) {
  static const char *const names[] = {
      [RG_VALUE_TEXT] = "text",
      [RG_VALUE_LIST] = "names",
      [RG_VALUE_CHOICE] = "one of",
      [RG_VALUE_CHOICES] = "one or a list of",
      [RG_VALUE_FLAG] = "yes or no",
      [RG_VALUE_WHOLE] = "whole",
      [RG_VALUE_WHOLES] = "whole, or a list",
      [RG_VALUE_NUMBER] = "number",
      [RG_VALUE_NUMBERS] = "number, or a list",
      [RG_VALUE_TIME] = "seconds",
      [RG_VALUE_SIZE] = "bytes",
  };
  rg_text_add(out, names[key->kind]);
  if (key->high > key->low) rg_text_printf(out, " from %.10g to %.10g", key->low, key->high);
  if (key->unit) rg_text_printf(out, " %s", key->unit);
  if (key->choices) {
    bool words = key->kind == RG_VALUE_CHOICE || key->kind == RG_VALUE_CHOICES;
    rg_text_add(out, words ? " " : ", or ");
    add_choices(out, key->choices);
  }
  if (key->fallback) rg_text_printf(out, "; default %s", key->fallback);
}
