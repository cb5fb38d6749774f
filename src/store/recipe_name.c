/* Names of keys: found, and guessed where they are wrong. */
#include <stdio.h>
#include <string.h>

#include "store/recipe.h"

static int find_exact(const rg_recipe_table *table, const char *key, const char *suffix) {
  size_t length = strlen(key);
  for (int i = 0; i < table->count; i++) {
    const char *name = table->keys[i].key;
    if (strncmp(name, key, length) == 0 && strcmp(name + length, suffix) == 0) return i;
  }
  return -1;
}

int rg_recipe_find(const rg_recipe_table *table, const char *key) {
  int at = find_exact(table, key, "");
  return at >= 0 ? at : find_exact(table, key, ".name");
}

const char *rg_recipe_first_of(const rg_recipe_table *table, const char *mapping) {
  size_t length = strlen(mapping);
  for (int i = 0; length > 0 && i < table->count; i++) {
    const char *name = table->keys[i].key;
    if (strncmp(name, mapping, length) == 0 && name[length] == '.') return name;
  }
  return NULL;
}

#define LONGEST 48

/* Letters to insert, drop or change to make one word of the other (Levenshtein). */
static int distance(const char *a, size_t na, const char *b, size_t nb) {
  int row[LONGEST + 1];
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

/* Behind the last dot before `length`. */
static size_t last_part(const char *name, size_t length) {
  while (length > 0 && name[length - 1] != '.') length--;
  return length;
}

typedef struct guess {
  const char *name; /* of a key, or its first `length` letters, of a mapping */
  size_t length;
  int least;
} guess;

/* Names are near by their letters, or by those of their last part in another mapping. */
static void consider(guess *best, const char *key, const char *name, size_t length) {
  size_t size = strlen(key), key_part = last_part(key, size), part = last_part(name, length);
  int whole = distance(key, size, name, length);
  int last = 1 + distance(key + key_part, size - key_part, name + part, length - part);
  int d = whole < last ? whole : last;
  if (d < best->least) *best = (guess){name, length, d};
}

static void list_names(const rg_recipe_table *table, const char *key, rg_text *out) {
  size_t prefix = last_part(key, strlen(key)), before = 0;
  const char *last = "";
  if (prefix) rg_text_printf(out, "the keys of %.*s are: ", (int)prefix - 1, key);
  if (!prefix) rg_text_add(out, "the keys are: ");
  for (int i = 0; i < table->count; i++) {
    const char *name = table->keys[i].key;
    if (strncmp(name, key, prefix) != 0) continue;
    size_t length = strcspn(name + prefix, ".");
    if (length == before && strncmp(last, name + prefix, length) == 0) continue;
    rg_text_printf(out, "%s%.*s", before ? ", " : "", (int)length, name + prefix);
    last = name + prefix;
    before = length;
  }
}

rung_status rg_recipe_unknown(const rg_recipe_table *table, rung_context *ctx, const char *place,
                              const char *key) {
  guess best = {"", 0, LONGEST};
  for (int i = 0; i < table->count; i++) {
    const char *name = table->keys[i].key;
    consider(&best, key, name, strlen(name));
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
      consider(&best, key, name, (size_t)(dot - name));
  }
  size_t length = strlen(key);
  if (best.least <= 3 && (size_t)best.least < length - last_part(key, length))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "%sunknown key \"%.60s\"; did you mean \"%.*s\"?", place,
                   key, (int)best.length, best.name);
  size_t prefix = last_part(key, length);
  char mapping[LONGEST + 1];
  snprintf(mapping, sizeof mapping, "%.*s", prefix ? (int)prefix - 1 : 0, key);
  rg_text names;
  rg_text_init(&names, ctx);
  list_names(table, prefix && rg_recipe_first_of(table, mapping) ? key : "", &names);
  rung_status status = rg_text_status(&names);
  if (status == RUNG_OK)
    status = rg_fail(ctx, RUNG_E_ARGUMENT, "%sunknown key \"%.60s\"; %s", place, key, names.data);
  rg_text_free(&names);
  return status;
}
