/**
 * @file expression.h
 * Functions as text, "sin(2*x+1)+0.2*exp(1.3*x)", read into graph nodes.
 *
 * Grammar: + - * / ^ (right-associative, binds tighter than unary minus), parentheses, decimal
 * numbers (read to double-double), pi, e, exp log sin cos tan tanh sqrt abs atan, and variables:
 * any other name of letters, digits and _.
 */
#ifndef RUNG_EXPRESSION_H
#define RUNG_EXPRESSION_H

#include "rung/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A function that has been read. It belongs to its context and is used by that thread alone. */
typedef struct rung_expression rung_expression;

/** Reads `text`; release the result with rung_expression_destroy(). @return RUNG_E_FORMAT: the
 * message shows the text and points at the character. */
RUNG_API rung_status rung_expression_parse(rung_context *ctx, const char *text,
                                           rung_expression **out);
/** Releases an expression. NULL is allowed. */
RUNG_API void rung_expression_destroy(rung_expression *expression);
/** The number of different variables. */
RUNG_API int rung_expression_variables(const rung_expression *expression);
/** A variable's name, in the order of first appearance; NULL outside the range. */
RUNG_API const char *rung_expression_variable(const rung_expression *expression, int variable);
/** Builds the value in a graph from nodes for the named variables (shapes must broadcast together);
 * names that do not occur are allowed. A function without variables is a scalar constant.
 * @return RUNG_NONE where a variable has no node (the expression's context holds a message that
 * points at it) or a node function failed */
RUNG_API rung_node rung_expression_build(const rung_expression *expression, rung_graph *g,
                                         int count, const char *const *names,
                                         const rung_node *nodes);

#ifdef __cplusplus
}
#endif
#endif
