/* Sets of rows from arrays in memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/form.h"

static rung_status check_sizes(rung_context *ctx, int64_t count, int features, int classes,
                               int targets) {
  if (count < 1 || features < 1 || features > RG_COLUMNS_MAX || classes < 0 ||
      classes > RG_CLASSES_MAX || targets < 0 || targets > RG_COLUMNS_MAX)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "samples from arrays: expected samples with features, found %lld of %d, %d "
                   "classes, %d targets",
                   (long long)count, features, classes, targets);
  if ((classes == 0) == (targets == 0))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "samples from arrays: expected either classes or targets, found %d and %d",
                   classes, targets);
  return RUNG_OK;
}

static rung_status check_finite(rung_context *ctx, const char *what, int64_t rows, int columns,
                                const double *x) {
  for (int64_t i = 0; i < rows * columns; i++)
    if (!isfinite(x[i]))
      return rg_fail(ctx, RUNG_E_DATA,
                     "samples from arrays: expected finite numbers, found %g as %s %lld of sample "
                     "%lld",
                     x[i], what, (long long)(i % columns), (long long)(i / columns));
  return RUNG_OK;
}

static rung_status copy_numbers(rung_dataset *set, const double *from, int columns, double **out) {
  size_t row = (size_t)columns * sizeof **out;
  *out = rg_alloc(set->ctx, (size_t)set->count, row);
  if (!*out) return RUNG_E_MEMORY;
  memcpy(*out, from, (size_t)set->count * row);
  return RUNG_OK;
}

static rung_status copy_labels(rung_dataset *set, const int *label) {
  set->label = rg_alloc(set->ctx, (size_t)set->count, sizeof *set->label);
  if (!set->label) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < set->count; i++) {
    if (label[i] < -1 || label[i] >= set->classes)
      return rg_fail(set->ctx, RUNG_E_DATA,
                     "samples from arrays: expected labels -1..%d, found %d of sample %lld",
                     set->classes - 1, label[i], (long long)i);
    set->label[i] = label[i];
  }
  return RUNG_OK;
}

static rung_status number_names(rung_context *ctx, int count, char ***out) {
  *out = rg_calloc(ctx, (size_t)count, sizeof **out);
  if (!*out) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    (*out)[i] = rg_strdup(ctx, text);
    if (!(*out)[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* The form of a table whose columns are features, then targets. */
static rung_status write_form(rung_dataset *set, int features) {
  rg_form form = {.ctx = set->ctx, .columns = features, .targets = set->targets};
  form.column = rg_calloc(set->ctx, (size_t)features, sizeof *form.column);
  if (!form.column) return RUNG_E_MEMORY;
  for (int i = 0; i < features; i++) form.column[i].name = set->feature_name[i];
  form.target_name = set->target_name;
  rung_status status = rg_form_write(set, &form);
  rg_free(set->ctx, form.column); /* the names are the set's */
  return status;
}

static rung_status fill(rung_dataset *set, int features, const double *x, int classes,
                        const int *label, int targets, const double *value) {
  rung_context *ctx = set->ctx;
  set->path = rg_strdup(ctx, "arrays");
  if (!set->path) return RUNG_E_MEMORY;
  RG_TRY(check_finite(ctx, "feature", set->count, features, x));
  set->shape[0] = features;
  RG_TRY(number_names(ctx, features, &set->feature_name));
  RG_TRY(copy_numbers(set, x, features, &set->wide));
  if (classes) {
    set->classes = classes;
    RG_TRY(number_names(ctx, classes, &set->class_name));
    RG_TRY(copy_labels(set, label));
  } else {
    RG_TRY(check_finite(ctx, "target", set->count, targets, value));
    set->targets = targets;
    RG_TRY(number_names(ctx, targets, &set->target_name));
    RG_TRY(copy_numbers(set, value, targets, &set->value));
  }
  RG_TRY(write_form(set, features));
  return rg_narrow(set);
}

rung_status rung_dataset_from_arrays(rung_context *ctx, int64_t count, int features,
                                     const double *x, int classes, const int *label, int targets,
                                     const double *value, rung_dataset **out) {
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!out || !x || (classes && !label) || (targets && !value))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_dataset_from_arrays: expected arrays and out");
  *out = NULL;
  RG_TRY(check_sizes(ctx, count, features, classes, targets));
  size_t before = ctx->bytes_now;
  rung_dataset *set = rg_calloc(ctx, 1, sizeof *set);
  if (!set) return RUNG_E_MEMORY;
  set->ctx = ctx;
  set->pixels.file = -1;
  set->count = count;
  set->shape[0] = set->shape[1] = set->shape[2] = 1;
  rung_status status = fill(set, features, x, classes, label, targets, value);
  if (status != RUNG_OK) {
    rung_dataset_destroy(set);
    return status;
  }
  set->bytes = ctx->bytes_now - before;
  *out = set;
  return RUNG_OK;
}
