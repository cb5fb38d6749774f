/* Different words in order, for classes and categories. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/rows.h"

static int order(const char *a, const char *b) {
  rung_dd x, y;
  bool x_is = rg_cell_number(a, strlen(a), &x) == RG_CELL_NUMBER;
  bool y_is = rg_cell_number(b, strlen(b), &y) == RG_CELL_NUMBER;
  if (x_is != y_is) return x_is ? -1 : 1;
  if (!x_is) return strcmp(a, b);
  if (x.hi != y.hi) return x.hi < y.hi ? -1 : 1;
  return (x.lo > y.lo) - (x.lo < y.lo);
}

/* The place of the first word that is not before this one. */
static int place_of(const rg_words *words, const char *word) {
  int low = 0, high = words->count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (order(words->word[middle], word) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int rg_words_find(const rg_words *words, const char *word) {
  int place = place_of(words, word);
  return place < words->count && order(words->word[place], word) == 0 ? place : -1;
}

rung_status rg_words_add(rg_words *words, const char *word) {
  int place = place_of(words, word);
  if (place < words->count && order(words->word[place], word) == 0) return RUNG_OK;
  if (words->count == words->capacity) {
    int more = 2 * words->capacity + 8;
    char **grown = rg_realloc(words->ctx, words->word, (size_t)more, sizeof *grown);
    if (!grown) return RUNG_E_MEMORY;
    words->word = grown;
    words->capacity = more;
  }
  char *copy = rg_strdup(words->ctx, word);
  if (!copy) return RUNG_E_MEMORY;
  char **at = words->word + place;
  memmove(at + 1, at, (size_t)(words->count - place) * sizeof *at);
  *at = copy;
  words->count++;
  return RUNG_OK;
}

void rg_words_free(rg_words *words) {
  if (words->word) rg_free_names(words->ctx, words->count, words->word);
  words->word = NULL;
  words->count = words->capacity = 0;
}

const char *rg_cell_word(rg_text *text, const rg_row_cell *cell) {
  text->length = 0;
  text->failed = false;
  if (!cell->text) {
    char number[40];
    snprintf(number, sizeof number, "%.15g", cell->number);
    if (strtod(number, NULL) != cell->number)
      snprintf(number, sizeof number, "%.17g", cell->number);
    rg_text_add(text, number);
    return rg_text_status(text) == RUNG_OK ? text->data : NULL;
  }
  rg_text_add(text, "");
  for (size_t i = 0; i < cell->length; i++) {
    rg_text_add_n(text, cell->text + i, 1);
    if (cell->quoted && cell->text[i] == '"') i++; /* the second of two */
  }
  return rg_text_status(text) == RUNG_OK ? text->data : NULL;
}
