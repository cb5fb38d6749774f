/* A graph of one's own: the misfit of the curve a e^(-b t) to samples, its exact gradient, and two
 * ways to go down it. The graph is built once. Compiled to double it makes steps of gradient
 * descent; compiled to double-double it makes Newton's steps, to 30 digits. */
#include <math.h>
#include <stdio.h>

#include "rung/rung.h"

enum { SAMPLES = 20, DESCENTS = 12, NEWTONS = 5 };

/* Nodes are numbers; the graph owns what they stand for. */
typedef struct curve {
  rung_node t, y, p;         /* inputs: times [SAMPLES], samples [SAMPLES], parameters a, b [2] */
  rung_node model, loss;     /* a e^(-b t); the mean of (model - y)^2, a scalar */
  rung_node descent, newton; /* the parameters after one step */
  rung_node disagreement;    /* of two ways to the same second derivative: rounding error */
} curve;

static rung_node element(rung_graph *g, rung_node a, int i) {
  return rung_slice(g, a, 0, i, 1, 1); /* [1], which broadcasts */
}

static rung_node dot(rung_graph *g, rung_node a, rung_node b) {
  return rung_sum(g, rung_mul(g, a, b), 1, 0); /* axes: bit 0, so axis 0 */
}

/* Errors need no check at each call: a node made of RUNG_NONE is RUNG_NONE. */
static void build_loss(rung_graph *g, curve *c) {
  c->t = rung_input(g, "t", 1, (int64_t[]){SAMPLES});
  c->y = rung_input(g, "y", 1, (int64_t[]){SAMPLES});
  c->p = rung_input(g, "p", 1, (int64_t[]){2});
  rung_node a = element(g, c->p, 0), b = element(g, c->p, 1);
  c->model = rung_mul(g, a, rung_exp(g, rung_neg(g, rung_mul(g, b, c->t))));
  rung_node error = rung_sub(g, c->model, c->y);
  c->loss = rung_mean(g, rung_mul(g, error, error), 1, 0);
}

/* The gradient is made of nodes too. So it can be differentiated again, and steps can be built. */
static rung_status build_steps(rung_graph *g, curve *c) {
  rung_node gradient, row[2], along;
  rung_status status = rung_gradient(g, c->loss, RUNG_NONE, 1, &c->p, &gradient);
  for (int i = 0; status == RUNG_OK && i < 2; i++) /* row i of the Hessian H, in reverse mode */
    status = rung_gradient(g, element(g, gradient, i), RUNG_NONE, 1, &c->p, &row[i]);
  if (status == RUNG_OK) /* H times the gradient, in forward mode: no H needed */
    status = rung_jvp(g, 1, &c->p, &gradient, 1, &gradient, &along);
  if (status != RUNG_OK) return status;

  rung_node length = rung_div(g, dot(g, gradient, gradient), dot(g, gradient, along));
  c->descent = rung_sub(g, c->p, rung_mul(g, length, gradient));

  rung_node g0 = element(g, gradient, 0), g1 = element(g, gradient, 1);
  rung_node h00 = element(g, row[0], 0), h01 = element(g, row[0], 1), h11 = element(g, row[1], 1);
  rung_node det = rung_sub(g, rung_mul(g, h00, h11), rung_mul(g, h01, h01));
  rung_node s0 = rung_sub(g, rung_mul(g, h11, g0), rung_mul(g, h01, g1));
  rung_node s1 = rung_sub(g, rung_mul(g, h00, g1), rung_mul(g, h01, g0));
  rung_node step = rung_div(g, rung_concat(g, 2, (rung_node[]){s0, s1}, 0), det);
  c->newton = rung_sub(g, c->p, step);

  c->disagreement = rung_abs(g, rung_sub(g, dot(g, row[0], gradient), element(g, along, 0)));
  return RUNG_OK;
}

/* A program and the memory that its runs need. */
typedef struct machine {
  rung_program *program;
  void *workspace;
} machine;

static rung_status compile(rung_context *ctx, rung_graph *g, rung_dtype dtype, int inputs,
                           const rung_node *input, int outputs, const rung_node *output,
                           machine *out) {
  rung_compile_options options = rung_compile_options_default();
  options.dtype = dtype;
  rung_status status = rung_compile(g, &options, inputs, input, outputs, output, &out->program);
  if (status != RUNG_OK) return status;
  printf("%s: kernel calls %d, workspace %zu bytes\n", rung_dtype_name(dtype),
         rung_program_steps(out->program), rung_program_bytes(out->program));
  return rung_alloc(ctx, rung_program_bytes(out->program), &out->workspace);
}

static void release(rung_context *ctx, machine *m) {
  rung_free(ctx, m->workspace);
  rung_program_destroy(m->program);
}

/* Samples of the curve at known parameters, in double-double. */
static rung_status sample(rung_context *ctx, rung_graph *g, const curve *c, const rung_dd *truth,
                          const rung_dd *t, rung_dd *y) {
  machine m = {0};
  rung_status status = compile(ctx, g, RUNG_DD, 2, (rung_node[]){c->t, c->p}, 1, &c->model, &m);
  if (status == RUNG_OK)
    status =
        rung_program_run(m.program, ctx, m.workspace, (const void *[]){t, truth}, (void *[]){y});
  release(ctx, &m);
  return status;
}

/* Gradient descent in double. */
static rung_status descend(rung_context *ctx, rung_graph *g, const curve *c, const double *t,
                           const double *y, double *p, double *disagreement) {
  machine m = {0};
  rung_status status = compile(ctx, g, RUNG_F64, 3, (rung_node[]){c->t, c->y, c->p}, 3,
                               (rung_node[]){c->loss, c->descent, c->disagreement}, &m);
  for (int i = 0; status == RUNG_OK && i < DESCENTS; i++) {
    double loss, next[2], differ;
    status = rung_program_run(m.program, ctx, m.workspace, (const void *[]){t, y, p},
                              (void *[]){&loss, next, &differ});
    if (status != RUNG_OK) break;
    if (i % 4 == 0) printf("  descent %2d: loss %.1e at a = %.6f, b = %.6f\n", i, loss, p[0], p[1]);
    *disagreement = fmax(*disagreement, differ);
    p[0] = next[0];
    p[1] = next[1];
  }
  release(ctx, &m);
  return status;
}

/* Newton's method in double-double: the digits double with every step. */
static rung_status refine(rung_context *ctx, rung_graph *g, const curve *c, const rung_dd *t,
                          const rung_dd *y, rung_dd *p) {
  machine m = {0};
  rung_status status =
      compile(ctx, g, RUNG_DD, 3, (rung_node[]){c->t, c->y, c->p}, 1, (rung_node[]){c->newton}, &m);
  for (int i = 0; status == RUNG_OK && i < NEWTONS; i++) {
    rung_dd next[2];
    status =
        rung_program_run(m.program, ctx, m.workspace, (const void *[]){t, y, p}, (void *[]){next});
    if (status != RUNG_OK) break;
    p[0] = next[0];
    p[1] = next[1];
    char digits[64];
    rung_dd_format(p[1], 30, digits, sizeof digits);
    printf("  Newton %d: b = %s\n", i, digits);
  }
  release(ctx, &m);
  return status;
}

static double distance(rung_dd a, rung_dd b) {
  return fabs((a.hi - b.hi) + (a.lo - b.lo));
}

static rung_status run(rung_context *ctx, rung_graph *g, double *worst) {
  rung_dd truth[2] = {{1.5, 0}}, t[SAMPLES], y[SAMPLES], p[2];
  double t_double[SAMPLES], y_double[SAMPLES], p_double[2] = {1, 1}, disagreement = 0;
  curve c;
  build_loss(g, &c);
  rung_status status = rung_dd_parse("0.693147180559945309417232121458177", NULL, &truth[1]);
  if (status == RUNG_OK) status = build_steps(g, &c);
  for (int i = 0; i < SAMPLES; i++) t[i] = (rung_dd){0.25 * i, 0};
  if (status == RUNG_OK) status = sample(ctx, g, &c, truth, t, y);
  if (status != RUNG_OK) return status;
  for (int i = 0; i < SAMPLES; i++) {
    t_double[i] = t[i].hi;
    y_double[i] = y[i].hi;
  }
  status = descend(ctx, g, &c, t_double, y_double, p_double, &disagreement);
  for (int i = 0; i < 2; i++) p[i] = (rung_dd){p_double[i], 0};
  if (status == RUNG_OK) status = refine(ctx, g, &c, t, y, p);
  if (status != RUNG_OK) return status;
  *worst = fmax(distance(p[0], truth[0]), distance(p[1], truth[1]));
  printf("off by %.0e; the two second derivatives differ by %.0e\n", *worst, disagreement);
  if (disagreement > 1e-14) *worst = INFINITY;
  return RUNG_OK;
}

int main(void) {
  rung_context *ctx;
  rung_graph *graph = NULL;
  double worst = INFINITY;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  rung_status status = rung_graph_create(ctx, &graph);
  if (status == RUNG_OK) status = run(ctx, graph, &worst);
  if (status != RUNG_OK) fprintf(stderr, "gradient: %s\n", rung_error(ctx));
  rung_graph_destroy(graph);
  rung_context_destroy(ctx);
  return !(worst < 1e-29);
}
