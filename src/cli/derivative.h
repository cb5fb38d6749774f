/* Names of derivatives: names of inputs written one after another. */
#ifndef CLI_DERIVATIVE_H
#define CLI_DERIVATIVE_H

#include "common.h"

typedef struct cli_derivative {
  int order;
  int input[RUNG_MAX_ORDER];
} cli_derivative;

/* Reads "xx" (inputs x, x) or, with commas, "a,ab" (inputs a, ab). A name without commas that can
 * be cut into inputs in several ways is refused with two of them. */
int cli_parse_derivative(const rung_model *model, const char *text, cli_derivative *out);

/* The column's name: "y_xx", or "y_a_ab" where "aab" could be cut in several ways. The caller
 * frees it; NULL without memory. */
char *cli_derivative_name(const rung_model *model, int output, const cli_derivative *derivative);

#endif
