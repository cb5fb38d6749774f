/* The box of a function, "x=-1:1,y=0:2": read, and compared with the function's variables. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/expression.h"
#include "train/source.h"

typedef struct reader {
  rung_source *source;
  const char *text, *at;
} reader;

static rung_status fail_at(const reader *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static rung_status fail_at(const reader *r, const char *at, const char *format, ...) {
  char message[300], picture[RG_PICTURE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return rg_fail(r->source->ctx, RUNG_E_ARGUMENT, "domain: %s%s", message,
                 rg_point_at(picture, r->text, (size_t)(at - r->text)));
}

static void skip_blanks(reader *r) {
  while (*r->at == ' ' || *r->at == '\t') r->at++;
}

static rung_status expect(reader *r, char c, const char *what) {
  skip_blanks(r);
  if (*r->at != c) return fail_at(r, r->at, "expected '%c' %s", c, what);
  r->at++;
  return RUNG_OK;
}

static rung_status read_number(reader *r, double *out) {
  rung_dd value;
  const char *end;
  skip_blanks(r);
  if (rung_dd_parse(r->at, &end, &value) != RUNG_OK || !isfinite(value.hi))
    return fail_at(r, r->at, "expected a finite number");
  *out = value.hi;
  r->at = end;
  return RUNG_OK;
}

static bool is_variable(const rung_expression *e, const char *name) {
  for (int i = 0; i < rung_expression_variables(e); i++)
    if (strcmp(rung_expression_variable(e, i), name) == 0) return true;
  return false;
}

static rung_status read_name(reader *r, int input) {
  rung_source *s = r->source;
  skip_blanks(r);
  const char *first = r->at;
  size_t length = strcspn(first, "=:, \t");
  if (length == 0) return fail_at(r, first, "expected a variable's name");
  r->at += length;
  char *name = rg_strndup(s->ctx, first, length);
  if (!name) return RUNG_E_MEMORY;
  s->name[input] = name;
  if (!is_variable(s->expression, name))
    return fail_at(r, first, "the function has no variable '%s'", name);
  for (int i = 0; i < input; i++)
    if (strcmp(s->name[i], name) == 0) return fail_at(r, first, "'%s' has a range already", name);
  return RUNG_OK;
}

/* "x=-1:1" */
static rung_status read_range(reader *r, int input) {
  rung_source *s = r->source;
  RG_TRY(read_name(r, input));
  if (input == rung_expression_variables(s->expression)) /* their names differ and are known */
    return rg_fail(s->ctx, RUNG_E_INTERNAL, "domain: more ranges than variables");
  RG_TRY(expect(r, '=', "between the variable and its range"));
  skip_blanks(r);
  const char *first = r->at;
  RG_TRY(read_number(r, &s->low[input]));
  RG_TRY(expect(r, ':', "between the ends of the range"));
  RG_TRY(read_number(r, &s->high[input]));
  if (s->low[input] < s->high[input] && isfinite(s->high[input] - s->low[input])) return RUNG_OK;
  return fail_at(r, first, "expected a range that rises, found %.17g:%.17g", s->low[input],
                 s->high[input]);
}

static rung_status check_all_there(const rung_source *s, const char *domain) {
  for (int v = 0; v < s->expression->variables; v++) {
    const rg_variable *variable = &s->expression->variable[v];
    bool found = false;
    for (int i = 0; i < s->problem.inputs; i++)
      found = found || strcmp(s->name[i], variable->name) == 0;
    if (!found)
      return rg_fail_at(s->ctx, RUNG_E_ARGUMENT, s->text, variable->at,
                        "the variable '%s' has no range in the domain %.100s", variable->name,
                        domain);
  }
  return RUNG_OK;
}

rung_status rg_source_domain(rung_source *source, const char *domain) {
  reader r = {source, domain, domain};
  for (;;) {
    RG_TRY(read_range(&r, source->problem.inputs));
    source->problem.inputs++;
    skip_blanks(&r);
    if (!*r.at) return check_all_there(source, domain);
    RG_TRY(expect(&r, ',', "or the end behind a range"));
  }
}
