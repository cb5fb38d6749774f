/* Self-scaled Broyden (SSBroyden2 of Urban, Stefanou and Pons, arXiv 2405.04230; the choice of the
 * parameters goes back to Al-Baali): the inverse Hessian H is a dense matrix. With s the step, y
 * the change of the gradient g, alpha the step's length, w = H y:
 *
 *   rho = 1 / s'y     h = rho y'w     b = -alpha rho s'g     a = h b - 1
 *   H+ = (H - w w' / y'w + phi (y'w) v v') / tau + rho s s',     v = rho s - w / y'w
 *
 * phi = tau = 1 is BFGS; tau scales down curvature that H has too large, which BFGS corrects only
 * slowly. H is symmetric: its lower triangle is stored, row behind row, and is read or written once
 * for a product and once for an update, which computes the next direction -H+ g+ on the way. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "op/kernels.h"
#include "optim/optim.h"

enum { INVERSE = RG_OWN, DIRECTION, UPDATES, STEP, CHANGE, W, V, PARTIAL };

#define LANES 16
#define MOST_PIECES 16

/* Rows of the triangle are cut into pieces of about equal area, by n alone. */
static int64_t pieces_of(int64_t n) {
  int64_t pieces = 1 + n / 128 * n / 128 / 2;
  return pieces < MOST_PIECES ? pieces : MOST_PIECES;
}

static int64_t first_row(int64_t n, int64_t piece) {
  int64_t pieces = pieces_of(n);
  return piece == pieces ? n : (int64_t)((double)n * sqrt((double)piece / (double)pieces));
}

static int arrays(const rg_settings *settings, int64_t n, rg_array *out) {
  (void)settings;
  out[INVERSE - RG_OWN] = (rg_array){"inverse hessian", n * (n + 1) / 2, NULL};
  out[DIRECTION - RG_OWN] = (rg_array){"direction", n, NULL};
  out[UPDATES - RG_OWN] = (rg_array){"updates", 1, NULL}; /* of H since it was I */
  out[STEP - RG_OWN] = (rg_array){NULL, n, NULL};
  out[CHANGE - RG_OWN] = (rg_array){NULL, n, NULL};
  out[W - RG_OWN] = (rg_array){NULL, n, NULL};
  out[V - RG_OWN] = (rg_array){NULL, n, NULL};
  out[PARTIAL - RG_OWN] = (rg_array){NULL, pieces_of(n) * n, NULL};
  return 8;
}

/* What a walk over H does: multiply by x, after an update where c is not 0:
 * H = c H + cw w w' + cv v v' + cs s s'. */
typedef struct walk {
  const rg_minimiser *m;
  const double *x;
  double c, cw, cv, cs;
} walk;

/* A row below the diagonal times x, and its mirror image's part of the product. */
static inline double multiply_body(int64_t n, const double *restrict row, const double *x,
                                   double xi, double *restrict part) {
  double lane[LANES] = {0};
  int64_t j = 0;
  for (; j + LANES <= n; j += LANES)
    for (int l = 0; l < LANES; l++) {
      lane[l] += row[j + l] * x[j + l];
      part[j + l] += row[j + l] * xi;
    }
  for (int l = 0; j + l < n; l++) {
    lane[l] += row[j + l] * x[j + l];
    part[j + l] += row[j + l] * xi;
  }
  for (int half = LANES / 2; half; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

static inline void update_body(int64_t n, double *restrict row, double c, double p, double q,
                               double r, const double *w, const double *v, const double *s) {
  for (int64_t j = 0; j < n; j++) row[j] = c * row[j] + p * w[j] + q * v[j] + r * s[j];
}

static inline void walk_body(const walk *k, int64_t piece) {
  const rg_minimiser *m = k->m;
  const double *w = m->array[W].value, *v = m->array[V].value, *s = m->array[STEP].value;
  double *part = m->array[PARTIAL].value + piece * m->n;
  memset(part, 0, (size_t)m->n * sizeof *part);
  int64_t end = first_row(m->n, piece + 1);
  for (int64_t i = first_row(m->n, piece); i < end; i++) {
    double *row = m->array[INVERSE].value + i * (i + 1) / 2;
    if (k->c != 0) update_body(i + 1, row, k->c, k->cw * w[i], k->cv * v[i], k->cs * s[i], w, v, s);
    part[i] += multiply_body(i, row, k->x, k->x[i], part) + row[i] * k->x[i];
  }
}

static void walk_portable(void *arg, int64_t piece) {
  walk_body(arg, piece);
}
RG_AVX2 static void walk_avx2(void *arg, int64_t piece) {
  walk_body(arg, piece);
}
RG_AVX512 static void walk_avx512(void *arg, int64_t piece) {
  walk_body(arg, piece);
}

/* out = H x, after the update. */
static void multiply(walk *k, double *out) {
  const rg_minimiser *m = k->m;
  int64_t pieces = pieces_of(m->n);
  rung_isa isa = m->ctx->isa;
  rg_parallel(m->ctx, pieces,
              isa >= RUNG_ISA_AVX512 ? walk_avx512
              : isa >= RUNG_ISA_AVX2 ? walk_avx2
                                     : walk_portable,
              k);
  const double *part = m->array[PARTIAL].value;
  memcpy(out, part, (size_t)m->n * sizeof *out);
  for (int64_t p = 1; p < pieces; p++) rg_axpy(isa, m->n, 1, part + p * m->n, out);
}

/* H = I, direction -g. */
static void reset(rg_minimiser *m) {
  double *inverse = m->array[INVERSE].value, *d = m->array[DIRECTION].value;
  memset(inverse, 0, (size_t)m->array[INVERSE].count * sizeof *inverse);
  for (int64_t i = 0; i < m->n; i++) {
    inverse[i * (i + 1) / 2 + i] = 1;
    d[i] = -m->array[RG_GRADIENT].value[i];
  }
  m->array[UPDATES].value[0] = 0;
}

typedef struct parameters {
  double phi, tau;
} parameters;

/* Falls back to BFGS where the formulas leave their range. */
static parameters choose(double h, double a, double b, int64_t n, bool first) {
  double rho_m = fmin(1, h * (1 - sqrt(fabs(a) / (1 + a))));
  double least = (rho_m - 1) / a, most = 1 / rho_m;
  double theta = fmax(least, fmin(most, (1 - b) / b));
  double sigma = 1 + theta * a, rho_k = fmin(1, 1 / b);
  double root = n > 1 ? pow(fabs(sigma), 1 / (1 - (double)n)) : 1;
  parameters p;
  if (first)
    p.tau = h / sigma;
  else
    p.tau = theta <= 0 ? fmin(rho_k * root, sigma) : rho_k * fmin(root, 1 / theta);
  p.phi = (1 - theta) / sigma;
  if (!(p.tau > 1e-6) || !isfinite(p.tau) || !isfinite(p.phi)) p = (parameters){1, 1};
  return p;
}

/* The update from the point to the trial; false where the curvature is lost in rounding. */
static bool prepare(rg_minimiser *m, walk *k) {
  rung_isa isa = m->ctx->isa;
  int64_t n = m->n;
  double *s = m->array[STEP].value, *y = m->array[CHANGE].value;
  double *w = m->array[W].value, *v = m->array[V].value;
  const double *g = m->array[RG_GRADIENT].value;
  for (int64_t i = 0; i < n; i++) {
    s[i] = m->trial[i] - m->array[RG_THETA].value[i];
    y[i] = m->trial_gradient[i] - g[i];
  }
  double sy = rg_dot(isa, n, s, y), ss = rg_dot(isa, n, s, s), yy = rg_dot(isa, n, y, y);
  if (!(sy > DBL_EPSILON * sqrt(ss) * sqrt(yy)) || !isfinite(1 / sy)) return false;
  multiply(&(walk){.m = m, .x = y}, w);
  double yw = rg_dot(isa, n, y, w), rho = 1 / sy;
  if (!(yw > 0) || !isfinite(1 / yw)) return false;
  double alpha = m->array[RG_COUNTERS].value[RG_STEP];
  double h = rho * yw, b = -alpha * rho * rg_dot(isa, n, s, g), a = fmax(h * b - 1, 1e-12);
  parameters p = choose(h, a, b, n, m->array[UPDATES].value[0] == 0);
  for (int64_t i = 0; i < n; i++) v[i] = rho * s[i] - w[i] / yw;
  *k = (walk){.m = m, .c = 1 / p.tau, .cw = -1 / (yw * p.tau), .cv = p.phi * yw / p.tau, .cs = rho};
  return true;
}

/* Takes the trial as the point, H and the direction with it. */
static void advance(rg_minimiser *m) {
  double *d = m->array[DIRECTION].value;
  walk k = {.m = m};
  bool updates = prepare(m, &k);
  rg_accept_trial(m);
  k.x = m->array[RG_GRADIENT].value;
  multiply(&k, d);
  for (int64_t i = 0; i < m->n; i++) d[i] = -d[i];
  m->array[UPDATES].value[0] += updates;
}

static rung_status step(rg_minimiser *m, bool *moved) {
  const double *g = m->array[RG_GRADIENT].value;
  double *updates = m->array[UPDATES].value;
  rg_line found = RG_LINE_NONE;
  do {
    double size = sqrt(rg_dot(m->ctx->isa, m->n, g, g));
    if (!(size > 0)) break;
    double first = *updates > 0 ? 1 : 1 / (1 + size); /* the gradient alone has no scale */
    RG_TRY(rg_line_search(m, m->array[DIRECTION].value, first, &found));
    if (found != RG_LINE_NONE || *updates == 0) break;
    reset(m);
  } while (true);
  m->array[RG_COUNTERS].value[RG_FOUND] = (double)found;
  if (found == RG_LINE_NONE) return RUNG_OK;
  advance(m);
  *moved = true;
  return RUNG_OK;
}

const rg_optimiser rg_ssbroyden = {"ssbroyden", arrays, reset, step};
