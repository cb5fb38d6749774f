/* What is fitted in this process: Chebyshev interpolation, polynomials by least squares, ridge
 * regression. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fit.h"
#include "num/dd.h"

enum { MOST_NODES = 128, MOST_INPUTS = 16, MOST_DEGREE = 40 };

static double processor_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct timer {
  double wall, cpu;
} timer;

static timer start(void) {
  return (timer){rg_seconds(), processor_seconds()};
}

static void stop(timer from, fit_cost *cost) {
  cost->wall = rg_seconds() - from.wall;
  cost->cpu = processor_seconds() - from.cpu;
}

/* Barycentric interpolation in Chebyshev points of the second kind: weights (-1)^j, halved at the
 * ends (Berrut and Trefethen, SIAM Review 46, 2004). */
static double interpolate(int degree, const double *node, const double *value, double x) {
  double above = 0, below = 0;
  for (int j = 0; j <= degree; j++) {
    double distance = x - node[j];
    if (distance == 0) return value[j];
    double weight = (j % 2 ? -1 : 1) * (j == 0 || j == degree ? 0.5 : 1) / distance;
    above += weight * value[j];
    below += weight;
  }
  return above / below;
}

static rung_dd interpolate_dd(int degree, const rung_dd *node, const rung_dd *value, rung_dd x) {
  rung_dd above = {0, 0}, below = {0, 0};
  for (int j = 0; j <= degree; j++) {
    rung_dd distance = rg_sub_dd(x, node[j]);
    if (distance.hi == 0) return value[j];
    double sign = (j % 2 ? -1 : 1) * (j == 0 || j == degree ? 0.5 : 1);
    rung_dd weight = rg_div_dd((rung_dd){sign, 0}, distance);
    above = rg_add_dd(above, rg_mul_dd(weight, value[j]));
    below = rg_add_dd(below, weight);
  }
  return rg_div_dd(above, below);
}

static void chebyshev_dd(const fit_case *c, const fit_data *data, rung_dd *predicted) {
  rung_dd node[MOST_NODES], value[MOST_NODES];
  const rung_dd pi = {M_PI, 1.2246467991473532e-16};
  for (int j = 0; j <= c->degree; j++) {
    rung_dd share = rg_div_dd((rung_dd){j, 0}, (rung_dd){c->degree, 0});
    node[j] = rg_cos_dd(rg_mul_dd(pi, share));
    fit_number v = c->truth(&node[j]);
    value[j] = (rung_dd){v.part[0], v.part[1]};
  }
  for (int64_t i = 0; i < data->tests; i++)
    predicted[i] = interpolate_dd(c->degree, node, value, data->unseen[i]);
}

static void chebyshev(const fit_case *c, const fit_data *data, rung_dd *predicted) {
  double node[MOST_NODES], value[MOST_NODES];
  for (int j = 0; j <= c->degree; j++) {
    node[j] = cos(M_PI * j / c->degree);
    value[j] = c->truth(&(rung_dd){node[j], 0}).part[0];
  }
  for (int64_t i = 0; i < data->tests; i++)
    predicted[i] = (rung_dd){interpolate(c->degree, node, value, data->unseen[i].hi), 0};
}

/* The time is mostly that of the points: of true values at the nodes and of the interpolant at all
 * unseen points. */
bool fit_chebyshev(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                   fit_cost *cost) {
  (void)seed;
  timer t = start();
  if (c->precision == RUNG_DD)
    chebyshev_dd(c, data, predicted);
  else
    chebyshev(c, data, predicted);
  stop(t, cost);
  snprintf(cost->note, sizeof cost->note, "degree %d in %s, %lld points evaluated too", c->degree,
           c->precision == RUNG_DD ? "quad" : "double", (long long)data->tests);
  return true;
}

/* Products of Chebyshev polynomials of total degree <= `degree`. */
typedef struct basis {
  int inputs, degree;
  int terms;
  unsigned char *power; /* [terms][inputs] */
  double middle[MOST_INPUTS], half[MOST_INPUTS];
} basis;

/* Goes through all exponents as a counter that skips what is above the degree. */
static int list_terms(basis *b, unsigned char *out) {
  unsigned char power[MOST_INPUTS] = {0};
  int count = 0, sum = 0;
  for (;;) {
    if (out) memcpy(out + (size_t)count * (size_t)b->inputs, power, (size_t)b->inputs);
    count++;
    int j = 0;
    power[0]++, sum++;
    while (sum > b->degree) {
      sum -= power[j];
      power[j] = 0;
      if (++j == b->inputs) return count;
      power[j]++, sum++;
    }
  }
}

static void basis_row(const basis *b, const double *x, double *row, int64_t stride) {
  double t[MOST_INPUTS][MOST_DEGREE + 1];
  for (int j = 0; j < b->inputs; j++) {
    double u = (x[j] - b->middle[j]) / b->half[j];
    t[j][0] = 1;
    t[j][1] = u;
    for (int k = 2; k <= b->degree; k++) t[j][k] = 2 * u * t[j][k - 1] - t[j][k - 2];
  }
  for (int k = 0; k < b->terms; k++) {
    double product = 1;
    for (int j = 0; j < b->inputs; j++) product *= t[j][b->power[k * b->inputs + j]];
    row[k * stride] = product;
  }
}

static void scale_basis(const fit_data *data, basis *b) {
  for (int j = 0; j < b->inputs; j++) {
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < data->rows; i++) {
      low = fmin(low, data->x[i * b->inputs + j]);
      high = fmax(high, data->x[i * b->inputs + j]);
    }
    b->middle[j] = (low + high) / 2;
    b->half[j] = (high - low) / 2;
  }
}

/* Coefficients end up in right[0..terms-1]. */
static bool solve_basis(const basis *b, const fit_data *data, double *matrix, double *right) {
  for (int64_t i = 0; i < data->rows; i++)
    basis_row(b, data->x + i * b->inputs, matrix + i, data->rows);
  memcpy(right, data->y, (size_t)data->rows * sizeof *right);
  return LAPACKE_dgels(LAPACK_COL_MAJOR, 'N', (int)data->rows, b->terms, 1, matrix, (int)data->rows,
                       right, (int)data->rows) == 0;
}

static void predict_basis(const basis *b, const fit_data *data, const double *coefficient,
                          double *row, rung_dd *predicted) {
  for (int64_t i = 0; i < data->tests; i++) {
    double x[MOST_INPUTS], sum = 0;
    for (int j = 0; j < b->inputs; j++) x[j] = data->unseen[i * b->inputs + j].hi;
    basis_row(b, x, row, 1);
    for (int k = 0; k < b->terms; k++) sum += coefficient[k] * row[k];
    predicted[i] = (rung_dd){sum, 0};
  }
}

bool fit_polynomial(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                    fit_cost *cost) {
  (void)seed;
  basis b = {.inputs = data->inputs, .degree = c->degree};
  timer t = start();
  b.terms = list_terms(&b, NULL);
  b.power = malloc((size_t)(b.terms * b.inputs));
  double *matrix = malloc((size_t)(data->rows * b.terms) * sizeof *matrix);
  double *right = malloc((size_t)data->rows * sizeof *right);
  double *row = malloc((size_t)b.terms * sizeof *row);
  bool good = b.power && matrix && right && row;
  if (good) {
    list_terms(&b, b.power);
    scale_basis(data, &b);
    good = solve_basis(&b, data, matrix, right);
    if (good) predict_basis(&b, data, right, row, predicted);
  }
  stop(t, cost);
  snprintf(cost->note, sizeof cost->note, "total degree %d, %d terms", b.degree, b.terms);
  free(b.power);
  free(matrix);
  free(right);
  free(row);
  return good;
}

typedef struct ridge {
  double mean[MOST_INPUTS], scale[MOST_INPUTS], level;
  double singular[MOST_INPUTS], right[MOST_INPUTS * MOST_INPUTS], along[MOST_INPUTS];
  double rest; /* squared length of y outside the columns' space */
} ridge;

static void standardise(const fit_data *d, ridge *r) {
  double n = (double)d->rows;
  *r = (ridge){0};
  for (int64_t i = 0; i < d->rows; i++) {
    r->level += d->y[i] / n;
    for (int j = 0; j < d->inputs; j++) r->mean[j] += d->x[i * d->inputs + j] / n;
  }
  for (int64_t i = 0; i < d->rows; i++)
    for (int j = 0; j < d->inputs; j++)
      r->scale[j] += pow(d->x[i * d->inputs + j] - r->mean[j], 2) / n;
  for (int j = 0; j < d->inputs; j++) r->scale[j] = sqrt(r->scale[j]);
}

/* Singular values of the standardised columns, and y along the left vectors. */
static bool decompose(const fit_data *d, ridge *r) {
  int p = d->inputs, n = (int)d->rows;
  double *a = malloc((size_t)(n * p) * sizeof *a), *u = malloc((size_t)(n * p) * sizeof *u);
  bool good = a && u;
  for (int i = 0; good && i < n; i++)
    for (int j = 0; j < p; j++) a[j * n + i] = (d->x[i * p + j] - r->mean[j]) / r->scale[j];
  good = good &&
         LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', n, p, a, n, r->singular, u, n, r->right, p) == 0;
  for (int i = 0; good && i < n; i++) {
    double y = d->y[i] - r->level;
    r->rest += y * y;
    for (int k = 0; k < p; k++) r->along[k] += u[k * n + i] * y;
  }
  for (int k = 0; good && k < p; k++) r->rest -= r->along[k] * r->along[k];
  free(a);
  free(u);
  return good;
}

/* Generalised cross-validation (Golub, Heath, Wahba 1979): residual over (n - degrees of freedom)
 * squared; the mean counts as one degree. */
static double best_lambda(const fit_data *d, const ridge *r) {
  double best = 0, least = INFINITY;
  for (int step = -80; step <= 80; step++) {
    double lambda = (double)d->rows * pow(10, step / 20.0), residual = r->rest, freedom = 1;
    for (int k = 0; k < d->inputs; k++) {
      double s = r->singular[k] * r->singular[k], share = s / (s + lambda);
      residual += pow((1 - share) * r->along[k], 2);
      freedom += share;
    }
    double score = residual / pow((double)d->rows - freedom, 2);
    if (score < least) least = score, best = lambda;
  }
  return best;
}

bool fit_ridge(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
               fit_cost *cost) {
  (void)c, (void)seed;
  int p = data->inputs;
  ridge r;
  timer t = start();
  standardise(data, &r);
  if (!decompose(data, &r)) return false;
  double lambda = best_lambda(data, &r), weight[MOST_INPUTS] = {0};
  for (int k = 0; k < p; k++)
    for (int j = 0; j < p; j++)
      weight[j] += r.right[j * p + k] * r.along[k] * r.singular[k] /
                   (r.singular[k] * r.singular[k] + lambda);
  for (int64_t i = 0; i < data->tests; i++) {
    double sum = r.level;
    for (int j = 0; j < p; j++)
      sum += weight[j] * (data->unseen[i * p + j].hi - r.mean[j]) / r.scale[j];
    predicted[i] = (rung_dd){sum, 0};
  }
  stop(t, cost);
  snprintf(cost->note, sizeof cost->note, "lambda by generalised cross-validation");
  return true;
}
