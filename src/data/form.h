/* What a model must know of its data, as JSON. */
#ifndef RG_FORM_H
#define RG_FORM_H

#include "data/dataset.h"
#include "data/rows.h"

/* A column of features, and its categories where it holds words. */
typedef struct rg_form_column {
  char *name;
  rg_words values;
} rg_form_column;

typedef struct rg_form {
  rung_context *ctx;
  rung_sample_kind kind;
  int64_t shape[3];
  bool scaled; /* images are scaled to this shape */
  int columns, classes, targets;
  rg_form_column *column; /* [columns]; tables only */
  char **class_name;      /* [classes] */
  char **target_name;     /* [targets]: of labels or values */
} rg_form;

/* Writes a set's form; `form` holds its columns and the names of its targets. */
rung_status rg_form_write(rung_dataset *set, const rg_form *form);
rung_status rg_form_read(rung_context *ctx, const char *text, rg_form *out);
void rg_form_free(rg_form *form); /* one that failed to be read as well */

#endif
