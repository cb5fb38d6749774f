/* Any text as a function; what is read is built and, where short, evaluated. */
#include "fuzz.h"
#include "rung/expression.h"

#define EVALUATED 300 /* bytes of a text whose graph is compiled and run */

static void evaluate(rung_context *ctx, rung_graph *g, rung_node x, rung_node y) {
  rung_program *program;
  rung_compile_options options = rung_compile_options_default();
  void *workspace;
  const double half = 0.5;
  double value;
  REQUIRE(rung_compile(g, &options, 1, &x, 1, &y, &program) == RUNG_OK);
  REQUIRE(rung_alloc(ctx, rung_program_bytes(program), &workspace) == RUNG_OK);
  REQUIRE(rung_program_run(program, ctx, workspace, (const void *const[]){&half},
                           (void *const[]){&value}) == RUNG_OK);
  rung_free(ctx, workspace);
  rung_program_destroy(program);
}

static void build(rung_context *ctx, const rung_expression *expression, bool is_short) {
  rung_graph *g;
  int count = rung_expression_variables(expression);
  const char **name = calloc((size_t)count + 1, sizeof *name);
  rung_node *node = calloc((size_t)count + 1, sizeof *node);
  REQUIRE(name && node && rung_graph_create(ctx, &g) == RUNG_OK);
  rung_node x = rung_input(g, "x", 0, NULL);
  for (int i = 0; i < count; i++) {
    name[i] = rung_expression_variable(expression, i);
    node[i] = x;
  }
  rung_node y = rung_expression_build(expression, g, count, name, node);
  REQUIRE(y != RUNG_NONE);
  if (count) REQUIRE(rung_expression_build(expression, g, count - 1, name, node) == RUNG_NONE);
  if (is_short) evaluate(ctx, g, x, y);
  rung_graph_destroy(g);
  free(name);
  free(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rung_context *ctx = start();
  rung_expression *expression;
  char *text = malloc(size + 1);
  REQUIRE(text);
  memcpy(text, data, size);
  text[size] = 0;
  rung_status status = rung_expression_parse(ctx, text, &expression);
  if (status == RUNG_OK)
    build(ctx, expression, size <= EVALUATED);
  else
    check_failure(ctx, status);
  if (status == RUNG_OK) rung_expression_destroy(expression);
  free(text);
  finish(ctx);
  return 0;
}
