/* What a model must know of its data, as JSON: written here, read back for other sets. */
#include "data/form.h"

static void add_names(rg_text *text, const char *key, int count, char *const *name) {
  rg_text_printf(text, ",\"%s\":[", key);
  for (int i = 0; i < count; i++) {
    if (i) rg_text_add(text, ",");
    rg_text_json(text, name[i]);
  }
  rg_text_add(text, "]");
}

rung_status rg_form_write(rung_dataset *set) {
  rg_text text;
  rg_text_init(&text, set->ctx);
  if (set->kind == RUNG_IMAGES)
    rg_text_printf(&text, "{\"kind\":\"images\",\"shape\":[%lld,%lld,%lld]",
                   (long long)set->shape[0], (long long)set->shape[1], (long long)set->shape[2]);
  else
    rg_text_printf(&text, "{\"kind\":\"table\",\"shape\":[%lld]", (long long)set->shape[0]);
  if (set->targets)
    add_names(&text, "targets", set->targets, set->target_name);
  else
    add_names(&text, "classes", set->classes, set->class_name);
  rg_text_add(&text, "}");
  rung_status status = rg_text_status(&text);
  if (status == RUNG_OK)
    set->form = text.data;
  else
    rg_text_free(&text);
  return status;
}
