/* Functions that have been read: a list of nodes in which operands stand before what they are
 * operands of, so that nothing that walks over it needs recursion. */
#ifndef RG_EXPRESSION_H
#define RG_EXPRESSION_H

#include "base/base.h"
#include "rung/expression.h"

typedef enum rg_term_kind {
  RG_TERM_NUMBER,
  RG_TERM_VARIABLE,
  RG_TERM_CALL,
  RG_TERM_NEGATE,
  RG_TERM_ADD,
  RG_TERM_SUBTRACT,
  RG_TERM_MULTIPLY,
  RG_TERM_DIVIDE,
  RG_TERM_POWER
} rg_term_kind;

typedef struct rg_term {
  rg_term_kind kind;
  int a, b;      /* operands; a variable's number is in `a`, a function's in `b` */
  bool is_whole; /* known to be the whole number `whole`, which fits an int */
  int64_t whole;
  rung_dd value; /* of a number */
} rg_term;

typedef struct rg_variable {
  char *name;
  size_t at; /* where in the text it first appears */
} rg_variable;

struct rung_expression {
  rung_context *ctx;
  char *text;
  int terms;
  rg_term *term; /* [terms]; the last is the value */
  int variables;
  rg_variable *variable; /* [variables] */
};

/* What a function name stands for. */
typedef struct rg_function {
  const char *name;
  rung_node (*build)(rung_graph *g, rung_node a);
} rg_function;

#define RG_FUNCTIONS 9
extern const rg_function rg_functions[RG_FUNCTIONS];

/* Fills an expression whose text is set. */
rung_status rg_expression_read(rung_expression *expression);

/* "\n  TEXT\n     ^": the text (or its part around `at`) and a caret under byte `at`. Returns
 * `out`. */
#define RG_PICTURE 360
const char *rg_point_at(char out[RG_PICTURE], const char *text, size_t at);

/* Records "function: MESSAGE", the text (or its part around `at`) and a caret under byte `at`. */
rung_status rg_fail_at(rung_context *ctx, rung_status status, const char *text, size_t at,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
