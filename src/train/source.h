/* The data that a recipe names, opened. */
#ifndef RG_SOURCE_H
#define RG_SOURCE_H

#include "base/base.h"
#include "rung/expression.h"
#include "rung/run.h"

struct rung_source {
  rung_context *ctx;
  rung_problem problem;
  char **name; /* inputs, then outputs; the unused ones at the end are NULL */
  int names;   /* room in `name` */
  char *file;  /* table: its path; else NULL */
  void *x, *y;
  char *text; /* function: its text */
  rung_expression *expression;
  rung_program *program[3]; /* by rung_dtype; compiled when first asked for */
  double *low, *high;
  rg_text note; /* to tell the user; empty: nothing */
};

/* The rung_function of a recipe's formula; its user is the source. It knows every arithmetic. */
rung_status rg_source_function(void *user, rung_context *ctx, rung_dtype dtype, int64_t points,
                               const void *x, void *y);

/* Reads "x=-1:1,y=0:2" into the source's names, low and high, and compares with the variables of
 * its expression. */
rung_status rg_source_domain(rung_source *source, const char *domain);

#endif
