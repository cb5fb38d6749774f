/* Column names: numbered, matched with what is asked for, and the nearest one for messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

rung_status rg_number_names(rung_context *ctx, const char *prefix, int count, char **name) {
  size_t size = strlen(prefix) + 12;
  for (int i = 0; i < count; i++) {
    name[i] = rg_alloc(ctx, size, 1);
    if (!name[i]) return RUNG_E_MEMORY;
    snprintf(name[i], size, "%s%d", prefix, i + 1);
  }
  return RUNG_OK;
}

void rg_free_names(rung_context *ctx, int count, char **name) {
  for (int i = 0; name && i < count; i++) rg_free(ctx, name[i]);
  rg_free(ctx, name);
}

#define WORD_MAX 40 /* longer words are told apart without help */

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau 1964, each piece edited once), row by row. */
static int edits(const char *a, const char *b) {
  int n = (int)strlen(a), m = (int)strlen(b);
  int row[3][WORD_MAX + 1];
  for (int j = 0; j <= m; j++) row[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= m; j++) {
      now[j] = least(before[j - 1] + (a[i - 1] != b[j - 1]), least(before[j], now[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = least(now[j], two_before[j - 2] + 1);
    }
  }
  return row[n % 3][m];
}

const char *rg_nearest(const char *name, int count, const char *const *names) {
  size_t length = strlen(name);
  const char *best = NULL;
  int fewest = length < 6 ? 2 : (int)length / 3 + 1; /* the first that is too many */
  if (length > WORD_MAX) return NULL;
  for (int i = 0; i < count; i++) {
    if (strlen(names[i]) > WORD_MAX) continue;
    int n = edits(name, names[i]);
    if (n >= fewest) continue;
    fewest = n;
    best = names[i];
  }
  return best;
}

/* "a", "b", "c" and what else there is, as far as they fit. */
static const char *list_of(char *out, size_t size, int count, char *const *name) {
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    char quoted[RG_QUOTED];
    rg_quoted(quoted, name[i], strlen(name[i]));
    if (i == 12 || used + strlen(quoted) + 20 > size) {
      snprintf(out + used, size - used, " and %d more", count - i);
      break;
    }
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", quoted);
  }
  return out;
}

static rung_status fail_unknown(rung_context *ctx, const char *file, const char *wanted, int count,
                                char *const *name) {
  char list[400], quoted[RG_QUOTED], near_quoted[RG_QUOTED];
  const char *near = rg_nearest(wanted, count, (const char *const *)name);
  list_of(list, sizeof list, count, name);
  rg_quoted(quoted, wanted, strlen(wanted));
  if (near)
    return rg_fail(ctx, RUNG_E_DATA, "%s: no column is named %s; the nearest is %s, of %s", file,
                   quoted, rg_quoted(near_quoted, near, strlen(near)), list);
  return rg_fail(ctx, RUNG_E_DATA, "%s: no column is named %s; there are %s", file, quoted, list);
}

static rung_status fail_duplicate(rung_context *ctx, const char *file, int64_t line, int a, int b,
                                  const char *name) {
  char quoted[RG_QUOTED];
  rg_quoted(quoted, name, strlen(name));
  if (line == 0)
    return rg_fail(ctx, RUNG_E_DATA, "%s: columns %d and %d are both named %s", file, a + 1, b + 1,
                   quoted);
  return rg_fail(ctx, RUNG_E_DATA, "%s: line %lld, columns %d and %d are both named %s", file,
                 (long long)line, a + 1, b + 1, quoted);
}

int rg_column_number(const char *text, int count) {
  long value = 0;
  for (const char *c = text; *c; c++) {
    if (*c < '0' || *c > '9' || (value = 10 * value + (*c - '0')) > count) return 0;
  }
  return (int)value;
}

static rung_status choose_one(rung_context *ctx, const char *file, int64_t line, const char *wanted,
                              int count, char *const *name, int *slot, int place) {
  int found = -1;
  for (int i = 0; i < count; i++) {
    if (strcmp(name[i], wanted) != 0) continue;
    if (found >= 0) return fail_duplicate(ctx, file, line, found, i, wanted);
    found = i;
  }
  if (found < 0) found = rg_column_number(wanted, count) - 1;
  if (found < 0) return fail_unknown(ctx, file, wanted, count, name);
  if (slot[found] >= 0)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "columns: column %d is asked for twice", found + 1);
  slot[found] = place;
  return RUNG_OK;
}

static rung_status choose_listed(rung_context *ctx, const char *file, int64_t line, char *wanted,
                                 int count, char *const *name, int *slot, int *kept) {
  for (int i = 0; i < count; i++) slot[i] = -1;
  *kept = 0;
  for (char *at = wanted; at;) {
    char *comma = strchr(at, ',');
    if (comma) *comma = 0;
    at += strspn(at, " ");
    size_t length = strlen(at);
    while (length && at[length - 1] == ' ') at[--length] = 0;
    if (length == 0)
      return rg_fail(ctx, RUNG_E_ARGUMENT,
                     "columns: expected names with commas between them, "
                     "found an empty name");
    RG_TRY(choose_one(ctx, file, line, at, count, name, slot, *kept));
    ++*kept;
    at = comma ? comma + 1 : NULL;
  }
  return RUNG_OK;
}

typedef struct numbered {
  const char *name;
  int number;
} numbered;

static int compare_numbered(const void *a, const void *b) {
  const numbered *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order ? order : (x->number > y->number) - (x->number < y->number);
}

static rung_status check_all_different(rung_context *ctx, const char *file, int64_t line, int count,
                                       char *const *name) {
  numbered *sorted = rg_alloc(ctx, (size_t)count, sizeof *sorted);
  if (!sorted) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++) sorted[i] = (numbered){name[i], i};
  qsort(sorted, (size_t)count, sizeof *sorted, compare_numbered);
  rung_status status = RUNG_OK;
  for (int i = 1; i < count && status == RUNG_OK; i++)
    if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
      status =
          fail_duplicate(ctx, file, line, sorted[i - 1].number, sorted[i].number, sorted[i].name);
  rg_free(ctx, sorted);
  return status;
}

rung_status rg_choose_columns(rung_context *ctx, const char *file, int64_t line, const char *wanted,
                              int count, char *const *name, int *slot, int *kept) {
  if (!wanted) {
    for (int i = 0; i < count; i++) slot[i] = i;
    *kept = count;
    return check_all_different(ctx, file, line, count, name);
  }
  char *copy = rg_strdup(ctx, wanted);
  if (!copy) return RUNG_E_MEMORY;
  rung_status status = choose_listed(ctx, file, line, copy, count, name, slot, kept);
  rg_free(ctx, copy);
  return status;
}
