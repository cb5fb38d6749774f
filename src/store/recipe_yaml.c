/* Recipes from YAML: a mapping of keys to values, or to mappings of such keys. libyaml's events are
 * read directly: unlike libcyaml's schema they give the line of every key and value for our own
 * messages. */
#include <string.h>

#include <yaml.h>

#include "store/recipe.h"

#define RECIPE_LIMIT 1000000u /* bytes */
#define MOST_DEPTH 4          /* of mappings in mappings, by the tables of keys */

typedef struct reader {
  rung_context *ctx;
  const char *name;
  rung_recipe *recipe;
  yaml_parser_t parser;
  yaml_event_t event; /* the present one; to be deleted */
  size_t line;        /* where it begins, from 1 */
  const rg_recipe_table *table;
  bool seen[RG_MOST_KEYS];               /* keys that occurred */
  bool opened[MOST_DEPTH][RG_MOST_KEYS]; /* mappings: by the depth and the first of their keys */
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
  if (status == RUNG_OK) status = rg_recipe_set_at(r->recipe, r->ctx, line, key, list.data);
  rg_text_free(&list);
  return status;
}

static rung_status fail_twice(const reader *r, size_t line, const char *key) {
  return rg_fail(r->ctx, RUNG_E_FORMAT, "%s:%zu: %s is set a second time", r->name, line, key);
}

/* The value of a key of the table. */
static rung_status read_value(reader *r, size_t line, int at) {
  const rg_recipe_key *key = &r->table->keys[at];
  if (r->seen[at]) return fail_twice(r, line, key->key);
  r->seen[at] = true;
  bool list = key->kind == RG_VALUE_LIST || rg_recipe_is_list(key->kind);
  if (r->event.type == YAML_SEQUENCE_START_EVENT && list) return read_list(r, line, key->key);
  RG_TRY(check_scalar(r, "one value"));
  return rg_recipe_set_at(r->recipe, r->ctx, r->line, key->key, is_null(r) ? NULL : scalar(r));
}

static rung_status read_mapping(reader *r, const char *prefix);

/* The mapping of this name, its `name` alone, or nothing. */
static rung_status read_inner(reader *r, size_t line, const char *key) {
  int first = 0, depth = 0;
  const char *begin = rg_recipe_first_of(r->table, key);
  while (r->table->keys[first].key != begin) first++;
  for (const char *c = key; *c; c++) depth += *c == '.';
  if (r->opened[depth][first]) return fail_twice(r, line, key);
  r->opened[depth][first] = true;
  if (r->event.type == YAML_MAPPING_START_EVENT) return read_mapping(r, key);
  int name = rg_recipe_find(r->table, key);
  if (name >= 0) return read_value(r, line, name);
  if (r->event.type == YAML_SCALAR_EVENT && is_null(r)) return check_scalar(r, "a mapping");
  rg_text expected;
  rg_text_init(&expected, r->ctx);
  rg_text_printf(&expected, "a mapping with keys such as %s", begin);
  rung_status status = rg_text_status(&expected);
  if (status == RUNG_OK) status = fail_here(r, expected.data, event_text(&r->event));
  rg_text_free(&expected);
  return status;
}

/* A key and its value; the present event is the key. */
static rung_status read_entry(reader *r, const char *prefix) {
  RG_TRY(check_scalar(r, "a key"));
  size_t line = r->line;
  rg_text key;
  rg_text_init(&key, r->ctx);
  rg_text_printf(&key, "%s%s%s", prefix, *prefix ? "." : "", scalar(r));
  rung_status status = rg_text_status(&key);
  if (status == RUNG_OK) status = next(r);
  if (status == RUNG_OK) {
    int at = rg_recipe_find(r->table, key.data);
    if (rg_recipe_first_of(r->table, key.data))
      status = read_inner(r, line, key.data);
    else if (at >= 0)
      status = read_value(r, line, at);
    else /* says which key is near */
      status = rg_recipe_set_at(r->recipe, r->ctx, line, key.data, NULL);
  }
  rg_text_free(&key);
  return status;
}

/* Mappings are as deep as the table's keys, not as the file likes. */
static rung_status read_mapping(reader *r, const char *prefix) {
  for (;;) {
    RG_TRY(next(r));
    if (r->event.type == YAML_MAPPING_END_EVENT) return RUNG_OK;
    RG_TRY(read_entry(r, prefix));
  }
}

static rung_status fail_no_mapping(const reader *r) {
  return rg_fail(r->ctx, RUNG_E_FORMAT,
                 "%s:%zu: expected keys with values, such as \"%s\", found %s", r->name, r->line,
                 r->table->example, event_text(&r->event));
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
    if (r->event.type != YAML_MAPPING_START_EVENT) return fail_no_mapping(r);
    RG_TRY(read_mapping(r, ""));
    RG_TRY(next(r)); /* the document's end */
  }
  RG_TRY(next(r));
  if (r->event.type == YAML_STREAM_END_EVENT) return RUNG_OK;
  return fail_here(r, "the end of the recipe", event_text(&r->event));
}

rung_status rung_recipe_load_memory(rung_context *ctx, rung_recipe_kind kind, const char *name,
                                    const char *text, size_t length, rung_recipe **out) {
  reader r = {.ctx = ctx, .name = name};
  *out = NULL;
  RG_TRY(rung_recipe_create(ctx, kind, &r.recipe));
  r.table = rg_recipe_table_of(r.recipe);
  rung_status status = rg_recipe_set_name(r.recipe, name);
  if (status != RUNG_OK) {
    rung_recipe_destroy(r.recipe);
    return status;
  }
  if (yaml_parser_initialize(&r.parser)) {
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    status = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
  } else {
    status = rg_fail_memory(ctx, 0);
  }
  if (status == RUNG_OK)
    *out = r.recipe;
  else
    rung_recipe_destroy(r.recipe);
  return status;
}

rung_status rung_recipe_load(rung_context *ctx, rung_recipe_kind kind, const char *path,
                             rung_recipe **out) {
  char *text;
  size_t length;
  *out = NULL;
  RG_TRY(rg_read_file(ctx, path, RECIPE_LIMIT, &text, &length));
  rung_status status = rung_recipe_load_memory(ctx, kind, path, text, length, out);
  rg_free(ctx, text);
  return status;
}
