/* What a model must know of its data, as JSON: written here, read back for other sets. */
#include <string.h>

#include <cJSON.h>

#include "data/form.h"

static void add_names(rg_text *text, const char *key, int count, char *const *name) {
  rg_text_printf(text, ",\"%s\":[", key);
  for (int i = 0; i < count; i++) {
    if (i) rg_text_add(text, ",");
    rg_text_json(text, name[i]);
  }
  rg_text_add(text, "]");
}

static void add_columns(rg_text *text, const rg_form *form) {
  rg_text_add(text, ",\"columns\":[");
  for (int i = 0; i < form->columns; i++) {
    const rg_form_column *c = &form->column[i];
    rg_text_add(text, i ? ",{\"name\":" : "{\"name\":");
    rg_text_json(text, c->name);
    if (c->values.count) add_names(text, "values", c->values.count, c->values.word);
    rg_text_add(text, "}");
  }
  rg_text_add(text, "]");
}

rung_status rg_form_write(rung_dataset *set, const rg_form *form) {
  rg_text text;
  rg_text_init(&text, set->ctx);
  if (set->kind == RUNG_IMAGES)
    rg_text_printf(&text, "{\"kind\":\"images\",\"shape\":[%lld,%lld,%lld],\"scaled\":%s",
                   (long long)set->shape[0], (long long)set->shape[1], (long long)set->shape[2],
                   form->scaled ? "true" : "false");
  else
    rg_text_add(&text, "{\"kind\":\"table\"");
  if (set->kind == RUNG_FEATURES) add_columns(&text, form);
  if (form->targets) add_names(&text, "targets", form->targets, form->target_name);
  if (set->classes) add_names(&text, "classes", set->classes, set->class_name);
  rg_text_add(&text, "}");
  rung_status status = rg_text_status(&text);
  if (status == RUNG_OK)
    set->form = text.data;
  else
    rg_text_free(&text);
  return status;
}

static rung_status bad(rung_context *ctx, const char *what) {
  return rg_fail(ctx, RUNG_E_FORMAT, "form of the data: expected %s", what);
}

/* A list of texts, or nothing. */
static rung_status read_names(rung_context *ctx, const cJSON *object, const char *key, int *count,
                              char ***out) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
  if (!list) return RUNG_OK;
  if (!cJSON_IsArray(list)) return bad(ctx, "a list of names");
  *out = rg_calloc(ctx, (size_t)cJSON_GetArraySize(list), sizeof **out);
  if (!*out) return RUNG_E_MEMORY;
  *count = cJSON_GetArraySize(list);
  int i = 0;
  cJSON_ArrayForEach(item, list) {
    if (!cJSON_IsString(item)) return bad(ctx, "a name");
    (*out)[i] = rg_strdup(ctx, item->valuestring);
    if (!(*out)[i++]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

static rung_status read_column(rung_context *ctx, const cJSON *item, rg_form_column *out) {
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
  const cJSON *values = cJSON_GetObjectItemCaseSensitive(item, "values"), *value;
  if (!cJSON_IsString(name)) return bad(ctx, "a column with a name");
  out->values.ctx = ctx;
  out->name = rg_strdup(ctx, name->valuestring);
  if (!out->name) return RUNG_E_MEMORY;
  cJSON_ArrayForEach(value, values) {
    if (!cJSON_IsString(value)) return bad(ctx, "a category");
    RG_TRY(rg_words_add(&out->values, value->valuestring));
  }
  return RUNG_OK;
}

static rung_status read_columns(const cJSON *root, rg_form *out) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "columns"), *item;
  out->kind = RUNG_FEATURES;
  if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 1) return bad(out->ctx, "columns");
  out->column = rg_calloc(out->ctx, (size_t)cJSON_GetArraySize(list), sizeof *out->column);
  if (!out->column) return RUNG_E_MEMORY;
  out->columns = cJSON_GetArraySize(list);
  int i = 0;
  cJSON_ArrayForEach(item, list) RG_TRY(read_column(out->ctx, item, &out->column[i++]));
  return RUNG_OK;
}

static rung_status read_shape(const cJSON *root, rg_form *out) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "shape");
  out->kind = RUNG_IMAGES;
  out->scaled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "scaled"));
  for (int i = 0; i < 3; i++) {
    const cJSON *item = cJSON_GetArrayItem(list, i);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (!(value >= 1 && value <= RG_SIDE_MAX)) return bad(out->ctx, "the shape of images");
    out->shape[i] = (int64_t)value;
  }
  return RUNG_OK;
}

static rung_status read_form(const cJSON *root, rg_form *out) {
  const cJSON *kind = cJSON_GetObjectItemCaseSensitive(root, "kind");
  if (!cJSON_IsString(kind)) return bad(out->ctx, "a JSON object with the kind of data");
  RG_TRY(strcmp(kind->valuestring, "images") == 0 ? read_shape(root, out)
                                                  : read_columns(root, out));
  RG_TRY(read_names(out->ctx, root, "targets", &out->targets, &out->target_name));
  return read_names(out->ctx, root, "classes", &out->classes, &out->class_name);
}

rung_status rg_form_read(rung_context *ctx, const char *text, rg_form *out) {
  *out = (rg_form){.ctx = ctx};
  cJSON *root = cJSON_Parse(text);
  rung_status status = read_form(root, out);
  cJSON_Delete(root);
  return status;
}

void rg_form_free(rg_form *form) {
  for (int i = 0; form->column && i < form->columns; i++) {
    rg_free(form->ctx, form->column[i].name);
    rg_words_free(&form->column[i].values);
  }
  rg_free(form->ctx, form->column);
  rg_free_names(form->ctx, form->classes, form->class_name);
  rg_free_names(form->ctx, form->targets, form->target_name);
}
