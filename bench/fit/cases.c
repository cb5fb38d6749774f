/* The cases: true values that do not come from Rung, and the data drawn for a seed. */
#include <math.h>
#include <mpfr.h>
#include <stdlib.h>
#include <string.h>

#include "fit.h"

#define FUNCTION_1 "log(x+2)*cos(2*x+x^3)"
#define FUNCTION_2 "sin(2*x+1)+0.2*exp(1.3*x)"

enum { BITS = 256 };

static fit_number from_mpfr(mpfr_t v) {
  fit_number n;
  for (int i = 0; i < 3; i++) {
    n.part[i] = mpfr_get_d(v, MPFR_RNDN);
    mpfr_sub_d(v, v, n.part[i], MPFR_RNDN);
  }
  return n;
}

static void set_dd(mpfr_t out, rung_dd x) {
  mpfr_set_d(out, x.hi, MPFR_RNDN);
  mpfr_add_d(out, out, x.lo, MPFR_RNDN);
}

/* ln(x+2) cos(2x + x^3) */
static fit_number truth_ex1(const rung_dd *point) {
  mpfr_t x, a, b;
  mpfr_inits2(BITS, x, a, b, (mpfr_ptr)0);
  set_dd(x, point[0]);
  mpfr_pow_ui(a, x, 3, MPFR_RNDN);
  mpfr_add(a, a, x, MPFR_RNDN);
  mpfr_add(a, a, x, MPFR_RNDN);
  mpfr_cos(a, a, MPFR_RNDN);
  mpfr_add_ui(b, x, 2, MPFR_RNDN);
  mpfr_log(b, b, MPFR_RNDN);
  mpfr_mul(a, a, b, MPFR_RNDN);
  fit_number value = from_mpfr(a);
  mpfr_clears(x, a, b, (mpfr_ptr)0);
  return value;
}

/* sin(2x + 1) + exp(1.3 x) / 5 */
static fit_number truth_ex2(const rung_dd *point) {
  mpfr_t x, a, b;
  mpfr_inits2(BITS, x, a, b, (mpfr_ptr)0);
  set_dd(x, point[0]);
  mpfr_mul_ui(a, x, 2, MPFR_RNDN);
  mpfr_add_ui(a, a, 1, MPFR_RNDN);
  mpfr_sin(a, a, MPFR_RNDN);
  mpfr_mul_ui(b, x, 13, MPFR_RNDN);
  mpfr_div_ui(b, b, 10, MPFR_RNDN);
  mpfr_exp(b, b, MPFR_RNDN);
  mpfr_div_ui(b, b, 5, MPFR_RNDN);
  mpfr_add(a, a, b, MPFR_RNDN);
  fit_number value = from_mpfr(a);
  mpfr_clears(x, a, b, (mpfr_ptr)0);
  return value;
}

static fit_number from_long_double(long double v) {
  double hi = (double)v;
  return (fit_number){{hi, (double)(v - (long double)hi), 0}};
}

static fit_number truth_scattered(const rung_dd *point) {
  long double x = point[0].hi, y = point[1].hi;
  return from_long_double(sinl(3 * x + 2 * y) * expl(-x * x) + logl(2.5L + x * y));
}

/* Ishigami and Homma 1990: sin x1 + a sin^2 x2 + b x3^4 sin x1, a = 7, b = 0.1. */
static fit_number truth_ishigami(const rung_dd *point) {
  long double x = point[0].hi, y = point[1].hi, z = point[2].hi;
  return from_long_double(sinl(x) + 7 * sinl(y) * sinl(y) + z * z * z * z / 10 * sinl(x));
}

static const double pi_low[] = {-M_PI, -M_PI, -M_PI}, pi_high[] = {M_PI, M_PI, M_PI};

/* Water through a borehole (Harper and Gupta 1983); inputs rw r Tu Hu Tl Hl L Kw on their box. */
static fit_number truth_borehole(const rung_dd *point) {
  long double v[8];
  for (int j = 0; j < 8; j++) v[j] = point[j].hi;
  long double rw = v[0], l = logl(v[1] / rw), tu = v[2], tl = v[4];
  long double below = 1 + 2 * v[6] * tu / (l * rw * rw * v[7]) + tu / tl;
  return from_long_double(2 * acosl(-1) * tu * (v[3] - v[5]) / (l * below));
}

static const double borehole_low[] = {0.05, 100, 63070, 990, 63.1, 700, 1120, 9855};
static const double borehole_high[] = {0.15, 50000, 115600, 1110, 116, 820, 1680, 12045};

const fit_case fit_cases[] = {
    {"ex1-double",
     "ln(x+2) cos(2x+x^3) on [-1,1], double",
     RUNG_F64,
     1,
     0,
     FUNCTION_1,
     {0},
     truth_ex1,
     0,
     {{FIT_L2, 1e-15}, {FIT_MAX, 4e-15}},
     1,
     32},
    {"ex2-double",
     "sin(2x+1) + 0.2 exp(1.3x) on [-1,1], double",
     RUNG_F64,
     1,
     0,
     FUNCTION_2,
     {0},
     truth_ex2,
     0,
     {{FIT_L2, 1e-15}, {FIT_MAX, 4e-15}},
     1,
     16},
    {"ex1-single",
     "the first function, single",
     RUNG_F32,
     1,
     0,
     FUNCTION_1,
     {0},
     truth_ex1,
     0,
     {{FIT_L2, 1.5e-7}},
     0.3,
     32},
    {"ex2-single",
     "the second function, single",
     RUNG_F32,
     1,
     0,
     FUNCTION_2,
     {0},
     truth_ex2,
     0,
     {{FIT_L2, 1.5e-7}},
     0.3,
     16},
    {"ex1-quad",
     "the first function, quad",
     RUNG_DD,
     1,
     0,
     FUNCTION_1,
     {0},
     truth_ex1,
     0,
     {{FIT_MAX_RELATIVE, 1e-30}},
     30,
     72},
    {"ex2-quad",
     "the second function, quad",
     RUNG_DD,
     1,
     0,
     FUNCTION_2,
     {0},
     truth_ex2,
     0,
     {{FIT_MAX_RELATIVE, 1e-30}},
     30,
     32},
    {"scattered",
     "sin(3x+2y) exp(-x^2) + ln(2.5+xy), 20,000 points of [-1,1]^2",
     RUNG_F64,
     2,
     20000,
     NULL,
     {0},
     truth_scattered,
     0,
     {{FIT_L2, 1e-12}},
     60,
     32},
    {"ishigami",
     "Ishigami function, 3 inputs, 5,000 points",
     RUNG_F64,
     3,
     5000,
     NULL,
     {pi_low, pi_high},
     truth_ishigami,
     0,
     {{FIT_L2, 1e-6}},
     120,
     14},
    {"borehole",
     "borehole function, 8 inputs, 5,000 points",
     RUNG_F64,
     8,
     5000,
     NULL,
     {borehole_low, borehole_high},
     truth_borehole,
     0,
     {{FIT_L2, 1e-4}},
     120,
     4},
    {"noise",
     "the second function + Gaussian noise 0.01, 2,000 points",
     RUNG_F64,
     1,
     2000,
     NULL,
     {0},
     truth_ex2,
     0.01,
     {{FIT_RMS, 0.002}, {FIT_NOISE, 0.1}},
     2,
     8},
    {"diabetes",
     "diabetes table, 442 rows, 10 inputs, 5 folds",
     RUNG_F64,
     10,
     442,
     NULL,
     {0},
     NULL,
     0,
     {{FIT_RIDGE, 1.02}},
     5,
     0},
};
const int fit_case_count = sizeof fit_cases / sizeof *fit_cases;

double fit_low(const fit_case *c, int input) {
  return c->range[0] ? c->range[0][input] : -1;
}

double fit_high(const fit_case *c, int input) {
  return c->range[1] ? c->range[1][input] : 1;
}

enum { DRAW_ROWS = 101, DRAW_NOISE, DRAW_UNSEEN, DRAW_UNSEEN_LOW, DRAW_FOLDS }; /* purposes */
enum { FUNCTION_ROWS = 1000, UNSEEN = 4000, UNSEEN_QUAD = 1000 };

static bool allocate(fit_data *d) {
  size_t rows = (size_t)d->rows, tests = (size_t)d->tests, inputs = (size_t)d->inputs;
  d->x = malloc(rows * inputs * sizeof *d->x);
  d->y = malloc(rows * sizeof *d->y);
  d->unseen = malloc(tests * inputs * sizeof *d->unseen);
  d->truth = malloc(tests * sizeof *d->truth);
  return d->x && d->y && d->unseen && d->truth;
}

/* A random number of the box; where only functions are fitted, methods that need a table get
 * Chebyshev points, the best choice there is. */
static double row_point(const fit_case *c, uint64_t seed, int64_t row, int input) {
  if (c->rows == 0) return cos(M_PI * ((double)row + 0.5) / FUNCTION_ROWS);
  double u = rg_uniform(seed, DRAW_ROWS, (uint64_t)(row * c->inputs + input));
  return fit_low(c, input) + u * (fit_high(c, input) - fit_low(c, input));
}

static rung_dd unseen_point(const fit_case *c, uint64_t seed, int64_t index, int input) {
  double u = rg_uniform(seed, DRAW_UNSEEN, (uint64_t)index);
  double x = fit_low(c, input) + u * (fit_high(c, input) - fit_low(c, input));
  if (c->precision == RUNG_F32) return (rung_dd){(double)(float)x, 0};
  if (c->precision == RUNG_F64) return (rung_dd){x, 0};
  double below = rg_uniform(seed, DRAW_UNSEEN_LOW, (uint64_t)index) - 0.5;
  return (rung_dd){x, below * 0x1p-54 * fabs(x)};
}

static void draw(const fit_case *c, uint64_t seed, fit_data *d) {
  rung_dd point[16];
  for (int64_t i = 0; i < d->rows; i++) {
    for (int j = 0; j < c->inputs; j++) {
      double x = row_point(c, seed, i, j);
      d->x[i * c->inputs + j] = x;
      point[j] = (rung_dd){x, 0};
    }
    d->y[i] = c->truth(point).part[0];
    if (c->noise > 0) d->y[i] += c->noise * rg_normal(seed, DRAW_NOISE, (uint64_t)i);
  }
  for (int64_t i = 0; i < d->tests; i++) {
    rung_dd *x = d->unseen + i * c->inputs;
    for (int j = 0; j < c->inputs; j++) x[j] = unseen_point(c, seed, i * c->inputs + j, j);
    d->truth[i] = c->truth(x);
  }
}

/* Both files of the table, [rows][inputs + 1]; the caller frees it. */
static double *read_diabetes(rung_context *ctx, const fit_case *c) {
  static const char *const name[] = {"diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"};
  const int columns[] = {c->inputs, 1};
  double *all = malloc((size_t)(c->rows * (c->inputs + 1)) * sizeof *all);
  bool good = all;
  for (int f = 0, at = 0; f < 2 && good; at += columns[f++]) {
    char path[1200];
    rung_table_options options = rung_table_options_default();
    options.header = 0;
    rung_table *table = NULL;
    snprintf(path, sizeof path, "%s/diabetes/%s", fit_settings.data, name[f]);
    good = rung_table_read(ctx, path, &options, &table) == RUNG_OK &&
           rung_table_rows(table) == c->rows && rung_table_columns(table) == columns[f];
    double *part = malloc((size_t)(c->rows * columns[f]) * sizeof *part);
    int number[16];
    for (int j = 0; j < columns[f]; j++) number[j] = j;
    if (good && part) rung_table_get(table, columns[f], number, RUNG_F64, part);
    for (int64_t i = 0; i < c->rows && good && part; i++)
      memcpy(all + i * (c->inputs + 1) + at, part + i * columns[f],
             (size_t)columns[f] * sizeof *part);
    good = good && part;
    free(part);
    rung_table_destroy(table);
  }
  if (good) return all;
  free(all);
  return NULL;
}

/* Rows whose place in a random order falls into the fold are unseen, the others are fitted. */
static void split(const fit_case *c, const double *all, const int64_t *order, int fold,
                  fit_data *d) {
  int64_t row = 0, test = 0;
  int inputs = c->inputs;
  for (int64_t i = 0; i < c->rows; i++) {
    const double *from = all + order[i] * (inputs + 1);
    if (i % FIT_FOLDS == fold) {
      for (int j = 0; j < inputs; j++) d->unseen[test * inputs + j] = (rung_dd){from[j], 0};
      d->truth[test++] = (fit_number){{from[inputs], 0, 0}};
    } else {
      memcpy(d->x + row * inputs, from, (size_t)inputs * sizeof *from);
      d->y[row++] = from[inputs];
    }
  }
}

static bool make_fold(rung_context *ctx, const fit_case *c, uint64_t seed, int fold, fit_data *d) {
  double *all = read_diabetes(ctx, c);
  int64_t *order = malloc((size_t)c->rows * sizeof *order);
  d->tests = (c->rows - fold + FIT_FOLDS - 1) / FIT_FOLDS;
  d->rows = c->rows - d->tests;
  bool good = all && order && allocate(d);
  if (good) {
    rg_shuffle(seed, DRAW_FOLDS, c->rows, order);
    split(c, all, order, fold, d);
  }
  free(all);
  free(order);
  return good;
}

bool fit_data_make(rung_context *ctx, const fit_case *c, uint64_t seed, int fold, fit_data *out) {
  *out = (fit_data){.inputs = c->inputs};
  bool good;
  if (!c->truth) {
    good = make_fold(ctx, c, seed, fold, out);
  } else {
    out->rows = c->rows ? c->rows : FUNCTION_ROWS;
    out->tests = c->precision == RUNG_DD ? UNSEEN_QUAD : UNSEEN;
    good = allocate(out);
    if (good) draw(c, seed, out);
  }
  if (!good) fit_data_free(out);
  return good;
}

void fit_data_free(fit_data *data) {
  free(data->x);
  free(data->y);
  free(data->unseen);
  free(data->truth);
  *data = (fit_data){0};
}
