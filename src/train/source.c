/* What a recipe names, opened: a table's columns, or a formula that is compiled by the engine. */
#include "train/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "data/expression.h"
#include "nn/network.h"
#include "store/recipe.h"

#define CHUNK 256 /* points of a run of the formula's program */

/* ---- tables ---- */

typedef struct columns {
  char **inputs, **targets; /* lists; empty ones ask for the default */
  int input_count, target_count;
  rung_model *model; /* the one to extend, where names are missing */
} columns;

static void free_columns(rung_context *ctx, columns *c) {
  rg_free(ctx, c->inputs);
  rg_free(ctx, c->targets);
  rung_model_destroy(c->model);
}

/* Names that the recipe leaves out are those of the model to extend. */
static rung_status names_of_model(rung_context *ctx, const char *path, columns *c) {
  if (c->input_count && c->target_count) return RUNG_OK;
  RG_TRY(rung_model_load(ctx, path, &c->model));
  const rung_model *m = c->model;
  if (!c->input_count) {
    rg_free(ctx, c->inputs);
    c->input_count = m->inputs;
    if (!(c->inputs = rg_alloc(ctx, (size_t)m->inputs, sizeof(char *)))) return RUNG_E_MEMORY;
    memcpy(c->inputs, m->input_name, (size_t)m->inputs * sizeof(char *));
  }
  if (c->target_count) return RUNG_OK;
  rg_free(ctx, c->targets);
  c->target_count = m->outputs;
  if (!(c->targets = rg_alloc(ctx, (size_t)m->outputs, sizeof(char *)))) return RUNG_E_MEMORY;
  memcpy(c->targets, m->output_name, (size_t)m->outputs * sizeof(char *));
  return RUNG_OK;
}

static rung_status read_names(rung_context *ctx, const rung_recipe *recipe, columns *c) {
  RG_TRY(rg_recipe_list(recipe, ctx, "inputs", &c->inputs, &c->input_count));
  RG_TRY(rg_recipe_list(recipe, ctx, "target", &c->targets, &c->target_count));
  const char *model = rung_recipe_get(recipe, "model");
  if (model) RG_TRY(names_of_model(ctx, model, c));
  for (int i = 0; i < c->input_count; i++)
    for (int o = 0; o < c->target_count; o++)
      if (strcmp(c->inputs[i], c->targets[o]) == 0)
        return rg_fail(ctx, RUNG_E_ARGUMENT,
                       "inputs: \"%.60s\" is also a target; a column is one or the other",
                       c->inputs[i]);
  return RUNG_OK;
}

static void add_list(rg_text *text, int count, char *const *names) {
  for (int i = 0; i < count; i++) {
    if (text->length) rg_text_add(text, ",");
    rg_text_add(text, names[i]);
  }
}

static void tell_left_out(rung_source *s, const char *name, double value) {
  rg_text_printf(&s->note, "%s %.60s (%.6g)",
                 s->note.length ? "," : "constant columns left out:", name, value);
}

/* A column that has one value in all rows says nothing about the targets. */
static bool varies(rung_source *s, const rung_table *table, int column, rung_dd *value) {
  int64_t rows = rung_table_rows(table), i = 1;
  rung_table_get(table, 1, &column, RUNG_DD, value);
  while (i < rows && value[i].hi == value[0].hi && value[i].lo == value[0].lo) i++;
  if (i < rows) return true;
  tell_left_out(s, rung_table_name(table, column), value[0].hi);
  return false;
}

/* Inputs that were not named: all columns that are no target and vary. slot[i] >= 0: column i is
 * that target. */
static rung_status default_inputs(rung_source *s, const rung_table *table, int *slot, int targets,
                                  int *order) {
  int count = rung_table_columns(table), inputs = 0;
  rung_dd *value = rg_alloc(s->ctx, (size_t)rung_table_rows(table), sizeof *value);
  if (!value) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++)
    if (slot[i] < 0 && varies(s, table, i, value)) order[inputs++] = i;
  rg_free(s->ctx, value);
  for (int i = 0; i < count; i++)
    if (slot[i] >= 0) order[inputs + slot[i]] = i;
  s->problem.inputs = inputs;
  s->problem.outputs = targets;
  if (inputs) return rg_text_status(&s->note);
  return rg_fail(s->ctx, RUNG_E_DATA,
                 "%s: expected an input that varies, but all columns beside the targets are "
                 "constant",
                 s->file);
}

/* order[i] is the table's column of input i, then of output i - inputs. */
static rung_status choose(rung_source *s, const rung_table *table, const columns *c, int *order) {
  rg_text wanted;
  int count = rung_table_columns(table), kept = 0;
  if (c->input_count) { /* the table was read in this order */
    for (int i = 0; i < count; i++) order[i] = i;
    s->problem.inputs = c->input_count;
    s->problem.outputs = count - c->input_count;
    return RUNG_OK;
  }
  int *slot = rg_alloc(s->ctx, (size_t)count, sizeof *slot);
  rg_text_init(&wanted, s->ctx);
  add_list(&wanted, c->target_count, c->targets);
  rung_status status = slot ? rg_text_status(&wanted) : RUNG_E_MEMORY;
  if (status == RUNG_OK)
    status = rg_choose_columns(s->ctx, s->file, 0, wanted.data, count, table->name, slot, &kept);
  if (status == RUNG_OK && kept == count)
    status = rg_fail(s->ctx, RUNG_E_DATA, "%s: all %d columns are targets: none is left as input",
                     s->file, count);
  if (status == RUNG_OK) status = default_inputs(s, table, slot, kept, order);
  rg_free(s->ctx, slot);
  rg_text_free(&wanted);
  return status;
}

static rung_status make_names(rung_source *s, int count) {
  s->name = rg_calloc(s->ctx, (size_t)count, sizeof *s->name);
  if (!s->name) return RUNG_E_MEMORY;
  s->names = count;
  return RUNG_OK;
}

static rung_status copy_columns(rung_source *s, const rung_table *table, rung_dtype dtype,
                                const int *order) {
  rung_problem *p = &s->problem;
  int count = p->inputs + p->outputs;
  size_t rows = (size_t)rung_table_rows(table), size = rung_dtype_size(dtype);
  p->points = rung_table_rows(table);
  RG_TRY(make_names(s, count));
  for (int i = 0; i < count; i++)
    if (!(s->name[i] = rg_strdup(s->ctx, rung_table_name(table, order[i])))) return RUNG_E_MEMORY;
  s->x = rg_alloc(s->ctx, rows * (size_t)p->inputs, size);
  s->y = rg_alloc(s->ctx, rows * (size_t)p->outputs, size);
  if (!s->x || !s->y) return RUNG_E_MEMORY;
  rung_table_get(table, p->inputs, order, dtype, s->x);
  rung_table_get(table, p->outputs, order + p->inputs, dtype, s->y);
  p->x = s->x;
  p->y = s->y;
  return RUNG_OK;
}

static rung_status read_table(rung_source *s, const columns *c, rung_dtype dtype) {
  rung_table_options options = rung_table_options_default();
  rung_table *table = NULL;
  rg_text wanted;
  rg_text_init(&wanted, s->ctx);
  if (c->input_count) {
    add_list(&wanted, c->input_count, c->inputs);
    add_list(&wanted, c->target_count, c->targets);
  }
  options.columns = wanted.data;
  rung_status status = rg_text_status(&wanted);
  if (status == RUNG_OK) status = rung_table_read(s->ctx, s->file, &options, &table);
  rg_text_free(&wanted);
  if (status != RUNG_OK) return status;
  int *order = rg_alloc(s->ctx, (size_t)rung_table_columns(table), sizeof *order);
  status = order ? choose(s, table, c, order) : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = copy_columns(s, table, dtype, order);
  rg_free(s->ctx, order);
  rung_table_destroy(table);
  return status;
}

static rung_status open_table(rung_source *s, const rung_recipe *recipe, rung_dtype dtype) {
  columns c = {0};
  s->file = rg_strdup(s->ctx, rung_recipe_get(recipe, "table"));
  if (!s->file) return RUNG_E_MEMORY;
  rung_status status = read_names(s->ctx, recipe, &c);
  if (status == RUNG_OK) status = read_table(s, &c, dtype);
  free_columns(s->ctx, &c);
  return status;
}

/* ---- functions ---- */

/* The target's name where the recipe has one, else y, or f where a variable is called y. */
static rung_status name_output(rung_source *s, const rung_recipe *recipe) {
  char **target;
  int count;
  const char *name = "y";
  RG_TRY(rg_recipe_list(recipe, s->ctx, "target", &target, &count));
  for (int i = 0; i < s->problem.inputs; i++)
    if (strcmp(s->name[i], "y") == 0) name = "f";
  if (count == 1) name = target[0];
  rung_status status = RUNG_OK;
  if (count > 1)
    status = rg_fail(s->ctx, RUNG_E_ARGUMENT, "target: a function has one output, found %d names",
                     count);
  else if (!(s->name[s->problem.inputs] = rg_strdup(s->ctx, name)))
    status = RUNG_E_MEMORY;
  rg_free(s->ctx, target);
  return status;
}

static rung_status open_function(rung_source *s, const rung_recipe *recipe) {
  const char *text = rung_recipe_get(recipe, "function");
  s->text = rg_strdup(s->ctx, text);
  if (!s->text) return RUNG_E_MEMORY;
  RG_TRY(rung_expression_parse(s->ctx, text, &s->expression));
  int variables = rung_expression_variables(s->expression);
  if (variables == 0)
    return rg_fail_at(s->ctx, RUNG_E_ARGUMENT, text, 0, "expected at least one variable");
  RG_TRY(make_names(s, variables + 1));
  s->low = rg_calloc(s->ctx, (size_t)variables, sizeof *s->low);
  s->high = rg_calloc(s->ctx, (size_t)variables, sizeof *s->high);
  if (!s->low || !s->high) return RUNG_E_MEMORY;
  RG_TRY(rg_source_domain(s, rung_recipe_get(recipe, "domain")));
  RG_TRY(name_output(s, recipe));
  s->problem.outputs = 1;
  s->problem.low = s->low;
  s->problem.high = s->high;
  s->problem.function = rg_source_function;
  s->problem.function_user = s;
  return RUNG_OK;
}

static rung_status build_program(rung_source *s, rung_graph *g, rung_dtype dtype,
                                 rung_node *input) {
  int inputs = s->problem.inputs;
  const int64_t points = CHUNK;
  for (int i = 0; i < inputs; i++) input[i] = rung_input(g, s->name[i], 1, &points);
  rung_node value =
      rung_expression_build(s->expression, g, inputs, (const char *const *)s->name, input);
  value = rung_broadcast(g, value, 1, &points);
  if (value == RUNG_NONE) return s->ctx->status == RUNG_OK ? RUNG_E_INTERNAL : s->ctx->status;
  rung_compile_options options = {.dtype = dtype};
  return rung_compile(g, &options, inputs, input, 1, &value, &s->program[dtype]);
}

static rung_status compile(rung_source *s, rung_dtype dtype) {
  rung_graph *g;
  if (s->program[dtype]) return RUNG_OK;
  RG_TRY(rung_graph_create(s->ctx, &g));
  rung_node *input = rg_alloc(s->ctx, (size_t)s->problem.inputs, sizeof *input);
  rung_status status = input ? build_program(s, g, dtype, input) : RUNG_E_MEMORY;
  rg_free(s->ctx, input);
  rung_graph_destroy(g);
  return status;
}

/* "function: the value at x = 0.5, y = 1 is not a finite number" */
static rung_status fail_value(const rung_source *s, rung_context *ctx, rung_dtype dtype,
                              const void *point) {
  char where[400];
  size_t used = 0;
  for (int i = 0; i < s->problem.inputs && used < sizeof where - 1; i++) {
    int more = snprintf(where + used, sizeof where - used, "%s%.60s = %.17g", i ? ", " : "",
                        s->name[i], rg_fetch(dtype, point, i).hi);
    used += more > 0 ? (size_t)more : 0;
  }
  return rg_fail(ctx, RUNG_E_DATA, "function: the value at %s is not a finite number", where);
}

typedef struct workspace {
  void *memory, *column, *value; /* column: [inputs][CHUNK]; value: [CHUNK] */
  const void **array;            /* [inputs] */
} workspace;

/* One run of the program; the last chunk repeats its last point. */
static rung_status run_chunk(const rung_source *s, rung_context *ctx, rung_dtype dtype,
                             int64_t count, const char *x, char *y, const workspace *w) {
  size_t size = rung_dtype_size(dtype);
  int inputs = s->problem.inputs;
  for (int64_t i = 0; i < CHUNK; i++)
    for (int j = 0; j < inputs; j++)
      rg_store(dtype, w->column, j * CHUNK + i,
               rg_fetch(dtype, x, (i < count ? i : count - 1) * inputs + j));
  RG_TRY(rung_program_run(s->program[dtype], ctx, w->memory, w->array, (void *const *)&w->value));
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(rg_fetch(dtype, w->value, i).hi))
      return fail_value(s, ctx, dtype, x + (size_t)(i * inputs) * size);
  memcpy(y, w->value, (size_t)count * size);
  return RUNG_OK;
}

rung_status rg_source_function(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                               const void *x, void *y) {
  rung_source *s = user;
  RG_TRY(compile(s, dtype));
  size_t size = rung_dtype_size(dtype), inputs = (size_t)s->problem.inputs;
  workspace w = {0};
  rung_status status = rung_alloc(ctx, rung_program_bytes(s->program[dtype]), &w.memory);
  w.column = rg_alloc(ctx, inputs * CHUNK, size);
  w.value = rg_alloc(ctx, CHUNK, size);
  w.array = rg_alloc(ctx, inputs, sizeof *w.array);
  if (!w.column || !w.value || !w.array) status = RUNG_E_MEMORY;
  for (size_t j = 0; status == RUNG_OK && j < inputs; j++)
    w.array[j] = (const char *)w.column + j * CHUNK * size;
  for (int64_t i = 0; status == RUNG_OK && i < points; i += CHUNK)
    status =
        run_chunk(s, ctx, dtype, points - i < CHUNK ? points - i : CHUNK,
                  (const char *)x + (size_t)i * inputs * size, (char *)y + (size_t)i * size, &w);
  rung_free(ctx, w.memory);
  rg_free(ctx, w.column);
  rg_free(ctx, w.value);
  rg_free(ctx, w.array);
  return status;
}

/* ---- the public face ---- */

rung_status rung_source_open(rung_context *ctx, const rung_recipe *recipe, rung_source **out) {
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(rg_recipe_check(recipe, ctx));
  rung_fit_options options;
  RG_TRY(rg_recipe_options(recipe, ctx, &options));
  rung_source *s = rg_calloc(ctx, 1, sizeof *s);
  if (!s) return RUNG_E_MEMORY;
  s->ctx = ctx;
  rg_text_init(&s->note, ctx);
  rung_status status = rung_recipe_get(recipe, "table") ? open_table(s, recipe, options.precision)
                                                        : open_function(s, recipe);
  if (status != RUNG_OK) {
    rung_source_close(s);
    return status;
  }
  s->problem.input_names = (const char *const *)s->name;
  s->problem.output_names = (const char *const *)s->name + s->problem.inputs;
  *out = s;
  return RUNG_OK;
}

void rung_source_close(rung_source *source) {
  if (!source) return;
  rung_context *ctx = source->ctx;
  for (int i = 0; i < source->names; i++) rg_free(ctx, source->name[i]);
  for (int i = 0; i < 3; i++) rung_program_destroy(source->program[i]);
  rung_expression_destroy(source->expression);
  rg_text_free(&source->note);
  rg_free(ctx, source->name);
  rg_free(ctx, source->file);
  rg_free(ctx, source->text);
  rg_free(ctx, source->x);
  rg_free(ctx, source->y);
  rg_free(ctx, source->low);
  rg_free(ctx, source->high);
  rg_free(ctx, source);
}

const rung_problem *rung_source_problem(const rung_source *source) {
  return &source->problem;
}
