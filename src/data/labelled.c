/* Tables with labels or values to be met: which columns are what, words turned into numbers. The
 * rows are gone through three times: to see which columns hold words, to collect those words and
 * refuse bad rows, to fill the set. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/form.h"
#include "data/labelled.h"

#define CATEGORIES_MAX 256

typedef enum role { IGNORED, FEATURE, TARGET } role;

typedef struct column {
  role role;
  bool words;      /* holds words */
  int place;       /* first of its features, or which target */
  rg_words *value; /* its words */
  int64_t numbers, texts;
} column;

typedef struct reader {
  rung_dataset *set;
  rung_context *ctx;
  const rung_dataset_options *options;
  rg_rows rows;
  column *column; /* [rows.columns] */
  rg_form form;   /* columns in the order of features; targets; classes while given */
  bool given;     /* the form was given */
  rg_words labels;
  rg_text word;
  int targets; /* columns with that role */
} reader;

/* Calls `use` for each name of a list with commas between them. */
static rung_status each_name(reader *r, const char *list,
                             rung_status (*use)(reader *r, const char *name)) {
  char *copy = rg_strdup(r->ctx, list);
  rung_status status = copy ? RUNG_OK : RUNG_E_MEMORY;
  for (char *at = copy; at && status == RUNG_OK;) {
    char *comma = strchr(at, ',');
    if (comma) *comma = 0;
    at += strspn(at, " ");
    size_t length = strlen(at);
    while (length && at[length - 1] == ' ') at[--length] = 0;
    status = use(r, at);
    at = comma ? comma + 1 : NULL;
  }
  rg_free(r->ctx, copy);
  return status;
}

static rung_status use_target(reader *r, const char *name) {
  int found = 0;
  RG_TRY(rg_rows_find(&r->rows, name, &found));
  if (r->column[found].role == TARGET)
    return rg_fail(r->ctx, RUNG_E_ARGUMENT, "target: column %d is named twice", found + 1);
  r->column[found].role = TARGET;
  r->column[found].place = r->targets++;
  return RUNG_OK;
}

static rung_status use_ignored(reader *r, const char *name) {
  int found = 0;
  RG_TRY(rg_rows_find(&r->rows, name, &found));
  if (r->column[found].role == TARGET)
    return rg_fail(r->ctx, RUNG_E_ARGUMENT, "ignore: column %d is the target", found + 1);
  r->column[found].role = IGNORED;
  return RUNG_OK;
}

static rung_status choose_roles(reader *r) {
  const rung_dataset_options *o = r->options;
  for (int i = 0; i < r->rows.columns; i++) r->column[i].role = FEATURE;
  if (o->target || !o->unlabelled) RG_TRY(each_name(r, o->target ? o->target : "-1", use_target));
  if (o->ignore) RG_TRY(each_name(r, o->ignore, use_ignored));
  if (!o->regression && r->targets > 1)
    return rg_fail(r->ctx, RUNG_E_ARGUMENT, "target: expected one column of labels, found %d",
                   r->targets);
  return RUNG_OK;
}

static void forget_targets(reader *r) {
  for (int i = 0; i < r->rows.columns; i++)
    if (r->column[i].role == TARGET) r->column[i].role = IGNORED;
  r->targets = 0;
}

/* The form's targets; they may be absent where that is allowed. */
static rung_status take_targets(reader *r) {
  for (int i = 0; i < r->form.targets; i++) {
    int found = 0;
    rung_status status = rg_rows_find(&r->rows, r->form.target_name[i], &found);
    if (status != RUNG_OK && r->options->unlabelled && status != RUNG_E_MEMORY) {
      rung_clear_error(r->ctx);
      forget_targets(r);
      return RUNG_OK;
    }
    RG_TRY(status);
    r->column[found].role = TARGET;
    r->column[found].place = r->targets++;
  }
  return RUNG_OK;
}

/* The same columns as in training, by name; the targets may be named anew. */
static rung_status take_roles(reader *r) {
  const char *target = r->options->target;
  for (int i = 0; i < r->form.columns; i++) {
    int found = 0;
    RG_TRY(rg_rows_find(&r->rows, r->form.column[i].name, &found));
    column *c = &r->column[found];
    c->role = FEATURE;
    c->place = i;
    c->value = &r->form.column[i].values;
    c->words = c->value->count > 0;
  }
  RG_TRY(target ? each_name(r, target, use_target) : take_targets(r));
  if (r->targets && r->targets != r->form.targets)
    return rg_fail(r->ctx, RUNG_E_ARGUMENT, "target: expected %d columns as in training, found %d",
                   r->form.targets, r->targets);
  int features = 0;
  for (int i = 0; i < r->rows.columns; i++) {
    features += r->column[i].role == FEATURE;
    if (r->column[i].role == TARGET) r->column[i].words = !r->options->regression;
  }
  if (features == r->form.columns) return RUNG_OK;
  return rg_fail(r->ctx, RUNG_E_DATA,
                 "%s: expected %d columns of features as in training, found %d: one serves twice",
                 r->rows.file, r->form.columns, features);
}

/* A column holds words where most of its cells are no numbers, missing ones left aside. */
static rung_status survey(reader *r) {
  bool more = true;
  while (more) {
    rung_status status = rg_rows_next(&r->rows, &more);
    if (status == RUNG_E_MEMORY) return status;
    if (status != RUNG_OK || !more) continue; /* bad rows are looked at later */
    for (int i = 0; i < r->rows.columns; i++) {
      rg_cell_kind kind = r->rows.cell[i].kind;
      r->column[i].numbers += kind == RG_CELL_NUMBER;
      r->column[i].texts += kind == RG_CELL_TEXT;
    }
  }
  for (int i = 0; i < r->rows.columns; i++) {
    column *c = &r->column[i];
    c->words = c->role == TARGET ? !r->options->regression : c->texts > c->numbers;
  }
  return RUNG_OK;
}

/* The form's columns, from the roles. */
static rung_status make_form(reader *r) {
  rg_form *form = &r->form;
  int features = 0;
  for (int i = 0; i < r->rows.columns; i++) features += r->column[i].role == FEATURE;
  if (features == 0)
    return rg_fail(r->ctx, RUNG_E_DATA, "%s: expected columns besides the target, found none",
                   r->rows.file);
  form->column = rg_calloc(r->ctx, (size_t)features, sizeof *form->column);
  form->target_name = rg_calloc(r->ctx, (size_t)r->targets, sizeof *form->target_name);
  if (!form->column || !form->target_name) return RUNG_E_MEMORY;
  form->targets = r->targets;
  for (int i = 0; i < r->rows.columns; i++) {
    column *c = &r->column[i];
    char **name = NULL;
    if (c->role == FEATURE) {
      c->place = form->columns++;
      c->value = &form->column[c->place].values;
      c->value->ctx = r->ctx;
      name = &form->column[c->place].name;
    } else if (c->role == TARGET) {
      name = &form->target_name[c->place];
    }
    if (name && !(*name = rg_strdup(r->ctx, r->rows.name[i]))) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* A complaint about a cell that should hold one of the words that are known. */
static rung_status fail_word(reader *r, int i, const char *what, const rg_words *known,
                             const char *found) {
  char complaint[3 * RG_QUOTED], first[RG_QUOTED], last[RG_QUOTED], quoted[RG_QUOTED];
  rg_quoted(quoted, found, strlen(found));
  if (known->count == 0)
    snprintf(complaint, sizeof complaint, "expected a %s, found %s", what, quoted);
  else
    snprintf(complaint, sizeof complaint, "expected a %s of the %d from %s to %s, found %s", what,
             known->count, rg_quoted(first, known->word[0], strlen(known->word[0])),
             rg_quoted(last, known->word[known->count - 1], strlen(known->word[known->count - 1])),
             quoted);
  return rg_rows_fail(&r->rows, i, complaint);
}

static bool no_value(const rg_row_cell *cell) {
  return cell->kind == RG_CELL_EMPTY || cell->kind == RG_CELL_MISSING;
}

/* A cell of words: collected, or where they are given looked up. */
static rung_status check_word(reader *r, int i, bool collect) {
  const column *c = &r->column[i];
  const rg_row_cell *cell = &r->rows.cell[i];
  bool label = c->role == TARGET, given = r->given || (label && r->options->class_count);
  const char *what = label ? "label" : "category";
  rg_words *known = label ? &r->labels : c->value;
  if (no_value(cell) && label && r->options->unlabelled) return RUNG_OK;
  const char *word = rg_cell_word(&r->word, cell);
  if (!word) return RUNG_E_MEMORY;
  if (no_value(cell)) {
    char complaint[2 * RG_QUOTED];
    snprintf(complaint, sizeof complaint, "expected a %s, found %s", what,
             cell->length ? "a missing value" : "an empty cell");
    return rg_rows_fail(&r->rows, i, complaint);
  }
  if (given && rg_words_find(known, word) < 0) return fail_word(r, i, what, known, word);
  if (given || !collect) return RUNG_OK;
  RG_TRY(rg_words_add(known, word));
  int most = label ? RG_CLASSES_MAX : CATEGORIES_MAX;
  if (known->count <= most) return RUNG_OK;
  char complaint[2 * RG_QUOTED];
  snprintf(complaint, sizeof complaint, "expected at most %d different %s, found more%s", most,
           label ? "labels" : "categories",
           label ? "" : "; if the column tells rows apart, ignore it");
  return rg_fail(r->ctx, RUNG_E_UNSUPPORTED, "%s: column %d (\"%s\"): %s", r->rows.file, i + 1,
                 r->rows.name[i], complaint);
}

static rung_status check_number(reader *r, int i) {
  const rg_row_cell *cell = &r->rows.cell[i];
  char complaint[2 * RG_QUOTED];
  if (cell->kind == RG_CELL_NUMBER) return RUNG_OK;
  if (r->column[i].role == TARGET && no_value(cell) && r->options->unlabelled) return RUNG_OK;
  rg_cell_complaint(complaint, cell->kind, cell->text, cell->length);
  return rg_rows_fail(&r->rows, i, complaint);
}

/* First whether the whole row is good, then its words: no word comes from a bad row. */
static rung_status check_row(reader *r, bool collect) {
  for (int i = 0; i < r->rows.columns; i++) {
    if (r->column[i].role == IGNORED) continue;
    RG_TRY(r->column[i].words ? check_word(r, i, false) : check_number(r, i));
  }
  for (int i = 0; collect && i < r->rows.columns; i++)
    if (r->column[i].role != IGNORED && r->column[i].words) RG_TRY(check_word(r, i, true));
  return RUNG_OK;
}

/* Goes to the next good row; bad ones are skipped and counted where that is asked for. */
static rung_status next_good_row(reader *r, bool collect, bool *more) {
  for (;;) {
    rung_status status = rg_rows_next(&r->rows, more);
    if (status == RUNG_OK && !*more) return RUNG_OK;
    if (status == RUNG_OK) status = check_row(r, collect);
    if (status == RUNG_OK) return RUNG_OK;
    bool bad_row = status == RUNG_E_DATA || status == RUNG_E_FORMAT;
    if (!bad_row || !r->options->skip_bad) return status;
    rung_clear_error(r->ctx);
    r->set->skipped += collect;
  }
}

static rung_status collect_words(reader *r) {
  bool more = true;
  rg_rows_restart(&r->rows);
  while (more) {
    RG_TRY(next_good_row(r, true, &more));
    r->set->count += more;
  }
  return RUNG_OK;
}

static rung_status name_feature(reader *r, int64_t *at, const char *name, const char *word) {
  rg_text text;
  rg_text_init(&text, r->ctx);
  rg_text_printf(&text, word ? "%s=%s" : "%s", name, word);
  r->set->feature_name[(*at)++] = text.data;
  return rg_text_status(&text);
}

/* Numbers are one feature, words one for each category. */
static rung_status name_features(reader *r) {
  int64_t features = 0, at = 0;
  for (int i = 0; i < r->form.columns; i++) {
    int values = r->form.column[i].values.count;
    features += values ? values : 1;
  }
  r->set->feature_name = rg_calloc(r->ctx, (size_t)features, sizeof *r->set->feature_name);
  if (!r->set->feature_name) return RUNG_E_MEMORY;
  r->set->shape[0] = features;
  for (int i = 0; i < r->form.columns; i++) {
    const rg_form_column *c = &r->form.column[i];
    for (int j = 0; j < c->values.count; j++)
      RG_TRY(name_feature(r, &at, c->name, c->values.word[j]));
    if (c->values.count == 0) RG_TRY(name_feature(r, &at, c->name, NULL));
  }
  /* from columns to features */
  for (int i = 0; i < r->rows.columns; i++) {
    column *c = &r->column[i];
    if (c->role != FEATURE) continue;
    int place = 0;
    for (int j = 0; j < c->place; j++) {
      int values = r->form.column[j].values.count;
      place += values ? values : 1;
    }
    c->place = place;
  }
  return RUNG_OK;
}

static rung_status check_memory(const reader *r) {
  const rung_dataset *set = r->set;
  uint64_t row = 8 * (uint64_t)(set->shape[0] + r->targets) + 12, left = rg_memory_left(set);
  if ((uint64_t)set->count <= left / row) return RUNG_OK;
  uint64_t held = set->options.memory - left;
  return rg_fail(r->ctx, RUNG_E_BUDGET,
                 "%s: expected a memory limit of at least %llu bytes for a table of %lld rows and "
                 "%lld features, found %zu",
                 set->path, (unsigned long long)(held + row * (uint64_t)set->count),
                 (long long)set->count, (long long)set->shape[0], set->options.memory);
}

static rung_status alloc_samples(reader *r) {
  rung_dataset *set = r->set;
  size_t count = (size_t)set->count;
  RG_TRY(check_memory(r));
  set->wide = rg_calloc(r->ctx, count, (size_t)set->shape[0] * sizeof *set->wide);
  if (!set->wide) return RUNG_E_MEMORY;
  if (!r->rows.table) {
    set->line = rg_alloc(r->ctx, count, sizeof *set->line);
    if (!set->line) return RUNG_E_MEMORY;
  }
  if (set->classes) {
    set->label = rg_alloc(r->ctx, count, sizeof *set->label);
    return set->label ? RUNG_OK : RUNG_E_MEMORY;
  }
  if (r->targets == 0) return RUNG_OK;
  set->value = rg_alloc(r->ctx, count, (size_t)r->targets * sizeof *set->value);
  return set->value ? RUNG_OK : RUNG_E_MEMORY;
}

/* The class of a word: classes that were given have an order of their own. */
static int class_of(const reader *r, const char *word) {
  int found = rg_words_find(&r->labels, word);
  if (found < 0 || !r->options->class_count) return found;
  for (int i = 0; i < r->set->classes; i++)
    if (strcmp(r->set->class_name[i], r->labels.word[found]) == 0) return i;
  return -1;
}

static rung_status fill_cell(reader *r, int i, int64_t row) {
  rung_dataset *set = r->set;
  const column *c = &r->column[i];
  const rg_row_cell *cell = &r->rows.cell[i];
  double *feature = set->wide + row * set->shape[0];
  bool missing = no_value(cell);
  const char *word = NULL;
  if (c->words && !missing && !(word = rg_cell_word(&r->word, cell))) return RUNG_E_MEMORY;
  if (c->role == TARGET && c->words)
    set->label[row] = missing ? -1 : class_of(r, word);
  else if (c->role == TARGET)
    set->value[row * r->targets + c->place] = missing ? 0 : cell->number;
  else if (c->words)
    feature[c->place + rg_words_find(c->value, word)] = 1;
  else
    feature[c->place] = cell->number;
  return RUNG_OK;
}

static rung_status fill(reader *r) {
  rung_dataset *set = r->set;
  bool more = true;
  rg_rows_restart(&r->rows);
  for (int64_t row = 0; row < set->count; row++) {
    RG_TRY(next_good_row(r, false, &more));
    if (set->line) set->line[row] = r->rows.line;
    if (set->label) set->label[row] = -1;
    for (int i = 0; i < r->rows.columns; i++)
      if (r->column[i].role != IGNORED) RG_TRY(fill_cell(r, i, row));
  }
  return RUNG_OK;
}

rung_status rg_narrow(rung_dataset *set) {
  int64_t n = set->count * set->shape[0];
  for (int64_t i = 0; i < n; i++)
    if (!(fabs(set->wide[i]) <= 3e38) || (double)(float)set->wide[i] != set->wide[i])
      return RUNG_OK;
  set->narrow = rg_alloc(set->ctx, (size_t)n, sizeof *set->narrow);
  if (!set->narrow) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < n; i++) set->narrow[i] = (float)set->wide[i];
  rg_free(set->ctx, set->wide);
  set->wide = NULL;
  return RUNG_OK;
}

/* Numbers with fractions are seldom labels. */
static rung_status check_labels(const reader *r) {
  const rg_words *w = &r->labels;
  for (int i = 0; w->count > 32 && !r->options->class_count && i < w->count; i++) {
    rung_dd number;
    if (rg_cell_number(w->word[i], strlen(w->word[i]), &number) != RG_CELL_NUMBER) break;
    if (number.hi == floor(number.hi)) continue;
    return rg_fail(r->ctx, RUNG_E_DATA,
                   "%s: expected labels, found %d different numbers such as %s; for numbers to be "
                   "met, ask for regression",
                   r->rows.file, w->count, w->word[i]);
  }
  return RUNG_OK;
}

static rung_status name_targets(reader *r) {
  rung_dataset *set = r->set;
  if (!r->options->regression && r->labels.count) {
    const rung_dataset_options *o = r->options;
    if (o->class_count) return rg_name_classes(set, o->class_count, o->class_names);
    RG_TRY(check_labels(r));
    return rg_name_classes(set, r->labels.count, (const char *const *)r->labels.word);
  }
  set->target_name = rg_calloc(r->ctx, (size_t)r->form.targets, sizeof *set->target_name);
  if (!set->target_name) return RUNG_E_MEMORY;
  set->targets = r->form.targets;
  for (int i = 0; i < set->targets; i++) {
    set->target_name[i] = rg_strdup(r->ctx, r->form.target_name[i]);
    if (!set->target_name[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

static rung_status know_classes(reader *r) {
  for (int i = 0; i < r->options->class_count; i++)
    RG_TRY(rg_words_add(&r->labels, r->options->class_names[i]));
  return RUNG_OK;
}

static rung_status read_all(reader *r) {
  r->column = rg_calloc(r->ctx, (size_t)r->rows.columns, sizeof *r->column);
  if (!r->column) return RUNG_E_MEMORY;
  RG_TRY(know_classes(r));
  if (r->given) {
    RG_TRY(take_roles(r));
  } else {
    RG_TRY(choose_roles(r));
    RG_TRY(survey(r));
    RG_TRY(make_form(r));
  }
  RG_TRY(collect_words(r));
  if (r->set->count == 0) return RUNG_OK; /* the caller complains */
  RG_TRY(name_targets(r));
  RG_TRY(name_features(r));
  RG_TRY(alloc_samples(r));
  RG_TRY(fill(r));
  return rg_form_write(r->set, &r->form);
}

static rung_status open_rows(reader *r) {
  const rung_dataset *set = r->set;
  uint64_t left = rg_memory_left(set) / 3; /* reading doubles what it has read */
  size_t most = left < ((uint64_t)4 << 30) ? (size_t)left : (size_t)4 << 30;
  return rg_rows_open(r->ctx, set->path, r->options->header, most, &r->rows);
}

rung_status rg_labelled_open(rung_dataset *set, rg_form *form) {
  reader r = {.set = set, .ctx = set->ctx, .options = &set->options, .given = form != NULL};
  r.form.ctx = r.labels.ctx = set->ctx;
  if (form) {
    r.form = *form;
    *form = (rg_form){.ctx = set->ctx};
  }
  rg_text_init(&r.word, r.ctx);
  set->kind = RUNG_FEATURES;
  rung_status status = open_rows(&r);
  if (status == RUNG_OK) status = read_all(&r);
  rg_rows_close(&r.rows);
  rg_free(r.ctx, r.column);
  rg_words_free(&r.labels);
  rg_text_free(&r.word);
  rg_form_free(&r.form);
  RG_TRY(status);
  return set->count ? rg_narrow(set) : RUNG_OK;
}
