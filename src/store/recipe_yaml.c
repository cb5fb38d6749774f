/* Recipes from YAML: one mapping of keys to values. libyaml's events are read directly: unlike
 * libcyaml's schema they give the line of every key and value for our own messages. */
#include <string.h>

#include <yaml.h>

#include "store/recipe.h"

#define RECIPE_LIMIT 1000000u /* bytes */

typedef struct reader {
  rung_context *ctx;
  const char *name;
  rung_recipe *recipe;
  yaml_parser_t parser;
  yaml_event_t event; /* the present one; to be deleted */
  size_t line;        /* where it begins, from 1 */
  bool seen[64];      /* keys that occurred */
} reader;

static rung_status fail_here(const reader *r, const char *expected, const char *found) {
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s:%zu: expected %s, found %s", r->name, r->line, expected,
                 found);
}

static rung_status next(reader *r) {
  yaml_event_delete(&r->event);
  if (yaml_parser_parse(&r->parser, &r->event)) {
    r->line = r->event.start_mark.line + 1;
    return RUNG_OK;
  }
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR) return rg_fail_memory(r->ctx, 0);
  if (p->error == YAML_READER_ERROR)
    return rg_fail(r->ctx, RUNG_E_FORMAT, "%s: not text in UTF-8 at byte %zu: %s", r->name,
                   p->problem_offset, p->problem ? p->problem : "unreadable");
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s:%zu:%zu: not valid YAML: %s", r->name,
                 p->problem_mark.line + 1, p->problem_mark.column + 1,
                 p->problem ? p->problem : "malformed");
}

static const char *event_text(const yaml_event_t *event) {
  switch (event->type) {
  case YAML_SCALAR_EVENT:
    return "text";
  case YAML_SEQUENCE_START_EVENT:
    return "a list";
  case YAML_MAPPING_START_EVENT:
    return "a mapping";
  case YAML_ALIAS_EVENT:
    return "an alias";
  case YAML_DOCUMENT_START_EVENT:
    return "a second document";
  default:
    return "the end";
  }
}

/* The present event is text without tag or anchor and without a 0 character. */
static rung_status check_scalar(const reader *r, const char *expected) {
  if (r->event.type != YAML_SCALAR_EVENT) return fail_here(r, expected, event_text(&r->event));
  if (r->event.data.scalar.anchor) return fail_here(r, expected, "an anchor");
  if (r->event.data.scalar.tag) return fail_here(r, expected, "a tag");
  if (strlen((const char *)r->event.data.scalar.value) != r->event.data.scalar.length)
    return fail_here(r, expected, "text with a 0 character");
  return RUNG_OK;
}

static const char *scalar(const reader *r) {
  return (const char *)r->event.data.scalar.value;
}

/* "key:", "key: ~" and "key: null" mean: not set. */
static bool is_null(const reader *r) {
  if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
  const char *value = scalar(r);
  return !*value || strcmp(value, "~") == 0 || strcmp(value, "null") == 0;
}

static rung_status set_at(const reader *r, size_t line, const char *key, const char *value) {
  rg_text place;
  rg_text_init(&place, r->ctx);
  rg_text_printf(&place, "%s:%zu: ", r->name, line);
  rung_status status = rg_text_status(&place);
  if (status == RUNG_OK) status = rg_recipe_set_at(r->recipe, r->ctx, place.data, key, value);
  rg_text_free(&place);
  return status;
}

/* [a, b] becomes "a,b". */
static rung_status read_list(reader *r, size_t line, const char *key) {
  rg_text list;
  rg_text_init(&list, r->ctx);
  rung_status status;
  while ((status = next(r)) == RUNG_OK && r->event.type != YAML_SEQUENCE_END_EVENT) {
    status = check_scalar(r, "a name in the list");
    if (status != RUNG_OK) break;
    if (strchr(scalar(r), ',') || !*scalar(r)) {
      status = fail_here(r, "a name without comma in the list", "another text");
      break;
    }
    if (list.length) rg_text_add(&list, ",");
    rg_text_add(&list, scalar(r));
  }
  if (status == RUNG_OK) status = rg_text_status(&list);
  if (status == RUNG_OK && !list.length) status = fail_here(r, "a name in the list", "none");
  if (status == RUNG_OK) status = set_at(r, line, key, list.data);
  rg_text_free(&list);
  return status;
}

static int index_of(const char *key) {
  for (int i = 0; i < rg_recipe_key_count; i++)
    if (strcmp(rg_recipe_keys[i].key, key) == 0) return i;
  return -1;
}

static rung_status read_value(reader *r, size_t line, const char *key) {
  int at = index_of(key);
  if (at < 0) return set_at(r, line, key, NULL); /* says which key is near */
  if (r->seen[at])
    return rg_fail(r->ctx, RUNG_E_FORMAT, "%s:%zu: %s is set a second time", r->name, line, key);
  r->seen[at] = true;
  RG_TRY(next(r));
  if (r->event.type == YAML_SEQUENCE_START_EVENT && rg_recipe_keys[at].kind == RG_RECIPE_LIST)
    return read_list(r, line, key);
  RG_TRY(check_scalar(r, "one value"));
  return set_at(r, r->line, key, is_null(r) ? NULL : scalar(r));
}

static rung_status read_mapping(reader *r) {
  for (;;) {
    RG_TRY(next(r));
    if (r->event.type == YAML_MAPPING_END_EVENT) return RUNG_OK;
    RG_TRY(check_scalar(r, "a key"));
    size_t line = r->line;
    char *key = rg_strdup(r->ctx, scalar(r));
    if (!key) return RUNG_E_MEMORY;
    rung_status status = read_value(r, line, key);
    rg_free(r->ctx, key);
    if (status != RUNG_OK) return status;
  }
}

/* An empty file is a recipe of defaults. */
static rung_status read_stream(reader *r) {
  RG_TRY(next(r)); /* the stream's start */
  RG_TRY(next(r));
  if (r->event.type == YAML_STREAM_END_EVENT) return RUNG_OK;
  RG_TRY(next(r));
  if (r->event.type == YAML_SCALAR_EVENT && is_null(r)) {
    RG_TRY(next(r));
  } else {
    if (r->event.type != YAML_MAPPING_START_EVENT)
      return fail_here(r, "keys with values, such as \"table: data.csv\"", event_text(&r->event));
    RG_TRY(read_mapping(r));
    RG_TRY(next(r)); /* the document's end */
  }
  RG_TRY(next(r));
  if (r->event.type == YAML_STREAM_END_EVENT) return RUNG_OK;
  return fail_here(r, "the end of the recipe", event_text(&r->event));
}

rung_status rung_recipe_load_memory(rung_context *ctx, const char *name, const char *text,
                                    size_t length, rung_recipe **out) {
  reader r = {.ctx = ctx, .name = name};
  *out = NULL;
  RG_TRY(rung_recipe_create(ctx, &r.recipe));
  rung_status status = RUNG_E_MEMORY;
  if (yaml_parser_initialize(&r.parser)) {
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    status = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
  } else {
    rg_fail_memory(ctx, 0);
  }
  if (status == RUNG_OK)
    *out = r.recipe;
  else
    rung_recipe_destroy(r.recipe);
  return status;
}

rung_status rung_recipe_load(rung_context *ctx, const char *path, rung_recipe **out) {
  char *text;
  size_t length;
  *out = NULL;
  RG_TRY(rg_read_file(ctx, path, RECIPE_LIMIT, &text, &length));
  rung_status status = rung_recipe_load_memory(ctx, path, text, length, out);
  rg_free(ctx, text);
  return status;
}
