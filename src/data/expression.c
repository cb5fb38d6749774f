/* Functions as text become graph nodes. */
#include <stdlib.h>
#include <string.h>

#include "data/expression.h"

#define POWI_MAX 1000000 /* the largest exponent that rung_powi() takes */

const rg_function rg_functions[RG_FUNCTIONS] = {
    {"exp", rung_exp},   {"log", rung_log}, {"sin", rung_sin},
    {"cos", rung_cos},   {"tan", rung_tan}, {"tanh", rung_tanh},
    {"sqrt", rung_sqrt}, {"abs", rung_abs}, {"atan", rung_atan}};

rung_status rung_expression_parse(rung_context *ctx, const char *text, rung_expression **out) {
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!text || !out)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_expression_parse: expected a text and out");
  *out = NULL;
  rung_expression *expression = rg_calloc(ctx, 1, sizeof *expression);
  if (!expression) return RUNG_E_MEMORY;
  expression->ctx = ctx;
  expression->text = rg_strdup(ctx, text);
  rung_status status = expression->text ? rg_expression_read(expression) : RUNG_E_MEMORY;
  if (status == RUNG_OK)
    *out = expression;
  else
    rung_expression_destroy(expression);
  return status;
}

void rung_expression_destroy(rung_expression *expression) {
  if (!expression) return;
  rung_context *ctx = expression->ctx;
  for (int i = 0; i < expression->variables; i++) rg_free(ctx, expression->variable[i].name);
  rg_free(ctx, expression->variable);
  rg_free(ctx, expression->term);
  rg_free(ctx, expression->text);
  rg_free(ctx, expression);
}

int rung_expression_variables(const rung_expression *expression) {
  return expression->variables;
}

const char *rung_expression_variable(const rung_expression *expression, int variable) {
  if (variable < 0 || variable >= expression->variables) return NULL;
  return expression->variable[variable].name;
}

static rung_node node_of_variable(const rung_expression *e, int variable, int count,
                                  const char *const *names, const rung_node *nodes) {
  const rg_variable *v = &e->variable[variable];
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], v->name) == 0) return nodes[i];
  rg_fail_at(e->ctx, RUNG_E_ARGUMENT, e->text, v->at, "the variable '%s' has no value here",
             v->name);
  return RUNG_NONE;
}

/* `done` holds the nodes of the terms before this one. */
static rung_node build_binary(const rung_expression *e, rung_graph *g, const rg_term *term,
                              const rung_node *done) {
  rung_node a = done[term->a], b = done[term->b];
  switch (term->kind) {
  case RG_TERM_ADD:
    return rung_add(g, a, b);
  case RG_TERM_SUBTRACT:
    return rung_sub(g, a, b);
  case RG_TERM_MULTIPLY:
    return rung_mul(g, a, b);
  case RG_TERM_DIVIDE:
    return rung_div(g, a, b);
  default:
    if (e->term[term->b].is_whole && llabs(e->term[term->b].whole) <= POWI_MAX)
      return rung_powi(g, a, (int)e->term[term->b].whole);
    return rung_pow(g, a, b);
  }
}

rung_node rung_expression_build(const rung_expression *expression, rung_graph *g, int count,
                                const char *const *names, const rung_node *nodes) {
  const rung_expression *e = expression;
  rung_node *done = rg_alloc(e->ctx, (size_t)e->terms, sizeof *done);
  if (!done) return RUNG_NONE;
  rung_node value = RUNG_NONE;
  for (int i = 0; i < e->terms; i++) {
    const rg_term *term = &e->term[i];
    if (term->kind == RG_TERM_NUMBER)
      value = rung_constant_dd(g, term->value);
    else if (term->kind == RG_TERM_VARIABLE)
      value = node_of_variable(e, term->a, count, names, nodes);
    else if (term->kind == RG_TERM_CALL)
      value = rg_functions[term->b].build(g, done[term->a]);
    else if (term->kind == RG_TERM_NEGATE)
      value = rung_neg(g, done[term->a]);
    else
      value = build_binary(e, g, term, done);
    if (value == RUNG_NONE) break;
    done[i] = value;
  }
  rg_free(e->ctx, done);
  return value;
}
