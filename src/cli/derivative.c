/* Names of derivatives: names of inputs written one after another. */
#include "derivative.h"

#include <stdlib.h>
#include <string.h>

/* Cuts `text` into names of inputs, longer first names first; keeps the first two ways it finds.
 * Gives how many there are, at most 2. */
typedef struct cutter {
  const rung_model *model;
  cli_derivative now, way[2];
  int ways;
} cutter;

static void cut(cutter *c, const char *text) {
  if (!*text && c->now.order > 0) c->way[c->ways++] = c->now;
  if (!*text || c->now.order == RUNG_MAX_ORDER) return;
  for (int i = 0; i < rung_model_inputs(c->model) && c->ways < 2; i++) {
    const char *name = rung_model_input_name(c->model, i);
    size_t length = strlen(name);
    if (length == 0 || strncmp(text, name, length) != 0) continue;
    c->now.input[c->now.order++] = i;
    cut(c, text + length);
    c->now.order--;
  }
}

static int find_input(const rung_model *model, const char *name, size_t length) {
  for (int i = 0; i < rung_model_inputs(model); i++) {
    const char *other = rung_model_input_name(model, i);
    if (strlen(other) == length && memcmp(other, name, length) == 0) return i;
  }
  return -1;
}

/* "x, y": up to three dozen characters of the names there are. */
static const char *input_names(const rung_model *model, char *out, size_t size) {
  size_t used = 0;
  *out = 0;
  for (int i = 0; i < rung_model_inputs(model) && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                             rung_model_input_name(model, i));
  return out;
}

static int parse_list(const rung_model *model, const char *text, cli_derivative *out) {
  char names[200];
  *out = (cli_derivative){0};
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, ",");
    int input = find_input(model, at, length);
    if (input < 0)
      return cli_usage("--derivative %s: expected names of inputs (%s), found '%.*s'", text,
                       input_names(model, names, sizeof names), (int)length, at);
    if (out->order == RUNG_MAX_ORDER)
      return cli_usage("--derivative %s: expected at most order %d", text, RUNG_MAX_ORDER);
    out->input[out->order++] = input;
    at += length + (at[length] == ',');
  }
  return CLI_SUCCESS;
}

static void join_inputs(const rung_model *model, const cli_derivative *d, const char *between,
                        char *out, size_t size) {
  size_t used = 0;
  *out = 0;
  for (int k = 0; k < d->order && used < size; k++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", k ? between : "",
                             rung_model_input_name(model, d->input[k]));
}

int cli_parse_derivative(const rung_model *model, const char *text, cli_derivative *out) {
  if (strchr(text, ',')) return parse_list(model, text, out);
  cutter c = {.model = model};
  cut(&c, text);
  char first[200], second[200];
  if (c.ways == 2) {
    join_inputs(model, &c.way[0], ",", first, sizeof first);
    join_inputs(model, &c.way[1], ",", second, sizeof second);
    return cli_usage("--derivative %s can mean %s%s or %s%s: write the one you mean, with commas",
                     text, first, c.way[0].order == 1 ? "," : "", second,
                     c.way[1].order == 1 ? "," : "");
  }
  if (c.ways == 0)
    return cli_usage("--derivative %s: expected names of inputs (%s) one after another, at most %d",
                     text, input_names(model, first, sizeof first), RUNG_MAX_ORDER);
  *out = c.way[0];
  return CLI_SUCCESS;
}

char *cli_derivative_name(const rung_model *model, int output, const cli_derivative *derivative) {
  const char *y = rung_model_output_name(model, output);
  size_t size = strlen(y) + 2;
  for (int k = 0; k < derivative->order; k++)
    size += strlen(rung_model_input_name(model, derivative->input[k])) + 1;
  char *name = malloc(size);
  if (!name) return NULL;
  size_t start = (size_t)snprintf(name, size, "%s_", y);
  join_inputs(model, derivative, "", name + start, size - start);
  cutter c = {.model = model};
  cut(&c, name + start);
  if (c.ways > 1) join_inputs(model, derivative, "_", name + start, size - start);
  return name;
}
