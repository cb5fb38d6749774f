/* An op of one's own: softplus(a) = ln(1 + e^a), a smooth stand-in for max(a, 0). It is added to a
 * graph like those that Rung has, differentiated twice and checked against the closed form. An
 * elementwise op says its value and its derivative; broadcasting, fusion, threads and rung_map()
 * need no more. How ops work is told in docs/how-to-add-an-op.md. */
#include <math.h>
#include <stdio.h>

#include "rung/rung.h"

/* The kernels: one for each arithmetic. max(a, 0) + ln(1 + e^-|a|) does not overflow. */
static rung_status softplus_f64(const rung_call *call) {
  const double *a = call->in[0];
  double *out = call->out;
  for (int64_t i = 0; i < call->count; i++) out[i] = fmax(a[i], 0) + log1p(exp(-fabs(a[i])));
  return RUNG_OK;
}

static rung_status softplus_f32(const rung_call *call) {
  const float *a = call->in[0];
  float *out = call->out;
  for (int64_t i = 0; i < call->count; i++) out[i] = fmaxf(a[i], 0) + log1pf(expf(-fabsf(a[i])));
  return RUNG_OK;
}

/* The derivative, 1 / (1 + e^-a), as a node: it can be differentiated again. */
static rung_node softplus_partial(rung_graph *g, rung_node node, int which) {
  (void)which;
  rung_node a = rung_node_operand(g, node, 0);
  rung_node one = rung_constant(g, 1);
  return rung_reciprocal(g, rung_add(g, one, rung_exp(g, rung_neg(g, a))));
}

static const rung_op softplus_op = {
    .name = "softplus",
    .operands = 1,
    .elementwise = 1,
    .partial = softplus_partial,
    .kernel = {[RUNG_F32] = {.portable = softplus_f32}, [RUNG_F64] = {.portable = softplus_f64}},
};

static rung_node softplus(rung_graph *g, rung_node a) {
  return rung_apply(g, &softplus_op, 1, &a, NULL);
}

enum { POINTS = 5 };

/* softplus and its first two derivatives at every element of x. */
static rung_status build(rung_graph *g, rung_node *x, rung_node out[3]) {
  *x = rung_input(g, "x", 1, (int64_t[]){POINTS});
  out[0] = softplus(g, *x);
  for (int order = 1; order <= 2; order++) {
    /* Element i of the sum depends on x[i] alone, so its gradient is the derivative at x[i]. */
    rung_node sum = rung_sum(g, out[order - 1], 1, 0);
    rung_status status = rung_gradient(g, sum, RUNG_NONE, 1, x, &out[order]);
    if (status != RUNG_OK) return status;
  }
  return RUNG_OK;
}

static rung_status run(rung_context *ctx, rung_graph *g, const double *x, double y[3][POINTS]) {
  rung_node in, out[3];
  rung_program *program = NULL;
  void *workspace = NULL;
  rung_compile_options options = rung_compile_options_default();
  rung_status status = build(g, &in, out);
  if (status == RUNG_OK) status = rung_compile(g, &options, 1, &in, 3, out, &program);
  if (status == RUNG_OK) status = rung_alloc(ctx, rung_program_bytes(program), &workspace);
  if (status == RUNG_OK)
    status = rung_program_run(program, ctx, workspace, (const void *[]){x},
                              (void *[]){y[0], y[1], y[2]});
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  return status;
}

/* The largest error against s = 1/(1+e^-x): softplus' = s, softplus'' = s (1 - s). */
static double print_and_compare(const double *x, double y[3][POINTS]) {
  double worst = 0;
  printf("%8s %20s %20s %20s\n", "x", "softplus", "first derivative", "second derivative");
  for (int i = 0; i < POINTS; i++) {
    printf("%8g %20.16g %20.16g %20.16g\n", x[i], y[0][i], y[1][i], y[2][i]);
    double s = 1 / (1 + exp(-x[i]));
    worst = fmax(worst, fabs(y[0][i] - log1p(exp(x[i]))));
    worst = fmax(worst, fabs(y[1][i] - s));
    worst = fmax(worst, fabs(y[2][i] - s * (1 - s)));
  }
  return worst;
}

int main(void) {
  const double x[POINTS] = {-20, -1, 0, 0.5, 20};
  double y[3][POINTS];
  rung_context *ctx;
  rung_graph *graph = NULL;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_status status = rung_graph_create(ctx, &graph);
  if (status == RUNG_OK) status = run(ctx, graph, x, y);
  if (status != RUNG_OK) fprintf(stderr, "custom_op: %s\n", rung_error(ctx));
  rung_graph_destroy(graph);
  rung_context_destroy(ctx);
  return status != RUNG_OK || print_and_compare(x, y) > 1e-14;
}
