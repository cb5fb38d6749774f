#include "train/data.h"

#include <math.h>
#include <string.h>

#include "nn/network.h"

#define WIDEST 1e300    /* range of an input */
#define FEW_POINTS 3000 /* below, errors are leave-one-out and none is held out */

/* Points to sample from a function, and those to judge it by. */
static void choose_counts(rg_fit *f) {
  int64_t points = f->options.points;
  if (f->problem->function) {
    if (!points && f->options.method == RUNG_GRADIENT) points = 4801; /* as published */
    if (!points && f->inputs == 1) points = f->options.precision == RUNG_DD ? 1500 : 800;
    if (!points) points = f->inputs == 2 ? 6000 : 10000;
    f->points = points;
    f->heldout = f->inputs == 1 ? 400 : 1000;
    return;
  }
  f->leave_one_out = f->options.method == RUNG_SEPARABLE && f->problem->points < FEW_POINTS;
  f->heldout =
      f->leave_one_out ? 0 : (int64_t)ceil(f->options.heldout * (double)f->problem->points);
  f->points = f->problem->points - f->heldout;
}

static rung_status allocate(rg_fit *f) {
  size_t size = rung_dtype_size(f->options.precision), n = (size_t)f->total;
  f->x = rg_alloc(f->ctx, n * (size_t)f->inputs, size);
  f->y = rg_alloc(f->ctx, n * (size_t)f->outputs, sizeof *f->y);
  f->s = rg_alloc(f->ctx, n * (size_t)f->inputs, sizeof *f->s);
  f->residual = rg_alloc(f->ctx, n * (size_t)f->outputs, sizeof *f->residual);
  f->target = rg_alloc(f->ctx, n * (size_t)f->outputs, sizeof *f->target);
  f->eps = rg_alloc(f->ctx, (size_t)f->outputs, sizeof *f->eps);
  if (f->inputs == 1) {
    f->sorted = rg_alloc(f->ctx, (size_t)f->points, sizeof *f->sorted);
    if (!f->sorted) return RUNG_E_MEMORY;
  }
  return f->x && f->y && f->s && f->residual && f->target && f->eps ? RUNG_OK : RUNG_E_MEMORY;
}

static const char *name_of(const char *const *names, int i) {
  return names ? names[i] : NULL;
}

static rung_status not_finite(rg_fit *f, const char *what, const char *name, int number,
                              int64_t row) {
  if (name)
    return rg_fail(f->ctx, RUNG_E_DATA, "%s \"%s\", row %lld: expected a finite number", what, name,
                   (long long)row + 1);
  return rg_fail(f->ctx, RUNG_E_DATA, "%s %d, row %lld: expected a finite number", what, number + 1,
                 (long long)row + 1);
}

/* Rows of the table in an order that depends on the seed alone. */
static rung_status copy_table(rg_fit *f) {
  const rung_problem *p = f->problem;
  rung_dtype dtype = f->options.precision;
  int64_t *order = rg_alloc(f->ctx, (size_t)p->points, sizeof *order);
  if (!order) return RUNG_E_MEMORY;
  rg_shuffle(f->options.seed, 1, p->points, order);
  rung_status status = RUNG_OK;
  for (int64_t i = 0; status == RUNG_OK && i < f->total; i++) {
    for (int j = 0; j < f->inputs; j++) {
      rung_dd v = rg_fetch(dtype, p->x, order[i] * f->inputs + j);
      if (!isfinite(v.hi)) status = not_finite(f, "input", name_of(p->input_names, j), j, order[i]);
      rg_store(dtype, f->x, i * f->inputs + j, v);
    }
    for (int o = 0; o < f->outputs; o++) {
      rung_dd v = rg_fetch(dtype, p->y, order[i] * f->outputs + o);
      if (!isfinite(v.hi))
        status = not_finite(f, "target", name_of(p->output_names, o), o, order[i]);
      f->y[i * f->outputs + o] = v;
    }
  }
  rg_free(f->ctx, order);
  return status;
}

/* Training points: Chebyshev points of one input, else random ones. Judging points: random. */
static void sample_inputs(rg_fit *f, rung_dtype dtype, void *x) {
  const rung_problem *p = f->problem;
  for (int64_t i = 0; i < f->total; i++)
    for (int j = 0; j < f->inputs; j++) {
      double u = f->inputs == 1 && i < f->points
                     ? cos(3.14159265358979323846 * ((double)i + 0.5) / (double)f->points)
                     : 2 * rg_uniform(f->options.seed, 2, (uint64_t)(i * f->inputs + j)) - 1;
      double v = 0.5 * (p->low[j] + p->high[j]) + 0.5 * (p->high[j] - p->low[j]) * u;
      if (f->options.precision == RUNG_F32) v = (double)(float)v;
      v = fmin(fmax(v, p->low[j]), p->high[j]);
      rg_store(dtype, x, i * f->inputs + j, (rung_dd){v, 0});
    }
}

/* In single precision the truth is taken in double. */
static rung_status sample_function(rg_fit *f) {
  const rung_problem *p = f->problem;
  rung_dtype dtype = f->options.precision == RUNG_DD ? RUNG_DD : RUNG_F64;
  size_t size = rung_dtype_size(dtype);
  void *x = rg_alloc(f->ctx, (size_t)(f->total * f->inputs), size);
  void *y = rg_alloc(f->ctx, (size_t)(f->total * f->outputs), size);
  rung_status status = x && y ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    sample_inputs(f, dtype, x);
    sample_inputs(f, f->options.precision, f->x);
    status = p->function(p->function_user, f->ctx, dtype, f->total, x, y);
  }
  for (int64_t i = 0; status == RUNG_OK && i < f->total * f->outputs; i++) {
    f->y[i] = rg_fetch(dtype, y, i);
    if (!isfinite(f->y[i].hi))
      status =
          rg_fail(f->ctx, RUNG_E_DATA, "function: the value at %s = %.17g is not a finite number",
                  p->input_names ? p->input_names[0] : "the first input",
                  rg_fetch(dtype, x, i / f->outputs * f->inputs).hi);
  }
  rg_free(f->ctx, x);
  rg_free(f->ctx, y);
  return status;
}

/* Sums of squares are taken of y / largest, so that they neither overflow nor vanish. */
static rung_status check_targets(rg_fit *f) {
  double sum = 0;
  f->largest = 0;
  for (int64_t i = 0; i < f->total * f->outputs; i++)
    f->largest = fmax(f->largest, fabs(f->y[i].hi));
  for (int o = 0; o < f->outputs; o++) {
    rung_dd first = f->y[o];
    bool constant = true;
    for (int64_t i = 0; i < f->total; i++) {
      rung_dd v = f->y[i * f->outputs + o];
      constant = constant && v.hi == first.hi && v.lo == first.lo;
      sum += v.hi / f->largest * (v.hi / f->largest);
    }
    const char *name = name_of(f->problem->output_names, o);
    if (constant)
      return rg_fail(f->ctx, RUNG_E_DATA,
                     "target %s is constant (%.17g in all %lld rows): there is nothing to fit",
                     name ? name : "", first.hi, (long long)f->total);
  }
  f->size = sqrt(sum / (double)(f->total * f->outputs)) * f->largest;
  return RUNG_OK;
}

/* A number near the middle with few digits, so that x - centre is exact or nearly; and the power of
 * two that brings the half-width into (1/2, 1]. */
static void choose_scale(rung_dtype dtype, double low, double high, double *centre, double *scale) {
  double half = 0.5 * high - 0.5 * low, middle = 0.5 * high + 0.5 * low;
  if (low >= -1 && high <= 1 && half > 0.5) {
    *centre = 0;
    *scale = 1;
    return;
  }
  if (!(half > 0)) half = fmax(fabs(middle), 1e-300);
  double grain = exp2(floor(log2(half)) - 3);
  *centre = nearbyint(middle / grain) * grain;
  if (dtype == RUNG_F32) *centre = (double)(float)*centre;
  double reach = fmax(high - *centre, *centre - low);
  if (!(reach > 0)) reach = half;
  *scale = exp2(-ceil(log2(reach)));
}

static rung_status check_range(rg_fit *f, const char *name, double low, double high) {
  if (low == high)
    return rg_fail(f->ctx, RUNG_E_DATA,
                   "input %s is constant (%.17g in all %lld rows): leave it out of the inputs",
                   name, low, (long long)f->total);
  if (!(high - low <= WIDEST))
    return rg_fail(f->ctx, RUNG_E_DATA,
                   "input %s: expected a range no wider than %g, found %g to %g; use a larger unit",
                   name, WIDEST, low, high);
  return RUNG_OK;
}

static rung_status fresh_model(rg_fit *f) {
  const rung_problem *p = f->problem;
  RG_TRY(rg_model_create(f->ctx, f->options.precision, f->inputs, f->outputs, p->input_names,
                         p->output_names, &f->model));
  for (int j = 0; j < f->inputs; j++) {
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < f->total; i++) {
      double v = rg_fetch(f->options.precision, f->x, i * f->inputs + j).hi;
      low = fmin(low, v);
      high = fmax(high, v);
    }
    if (p->function) {
      low = p->low[j];
      high = p->high[j];
    }
    RG_TRY(check_range(f, rung_model_input_name(f->model, j), low, high));
    f->model->low[j] = low;
    f->model->high[j] = high;
    choose_scale(f->options.precision, low, high, &f->model->centre[j], &f->model->scale[j]);
  }
  return RUNG_OK;
}

rung_status rg_fit_data(rg_fit *f, const rung_model *start) {
  choose_counts(f);
  f->total = f->points + f->heldout;
  if (!f->problem->function && f->points < 3 * (int64_t)(f->inputs + 3) / 2 + 2)
    return rg_fail(f->ctx, RUNG_E_DATA,
                   "%lld rows to train on are fewer than a stage with %d inputs has unknowns: at "
                   "least %d are needed",
                   (long long)f->points, f->inputs, 3 * (f->inputs + 3) / 2 + 2);
  RG_TRY(allocate(f));
  RG_TRY(f->problem->function ? sample_function(f) : copy_table(f));
  RG_TRY(check_targets(f));
  return start ? RUNG_OK : fresh_model(f);
}

/* Heap sort of training points by x: no recursion, the same order for equal keys each time. */
static void sift(const double *key, int64_t *order, int64_t at, int64_t n) {
  for (int64_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && key[order[child + 1]] > key[order[child]]) child++;
    if (!(key[order[child]] > key[order[at]])) return;
    int64_t t = order[at];
    order[at] = order[child];
    order[child] = t;
  }
}

static void sort_by(const double *key, int64_t *order, int64_t n) {
  for (int64_t i = 0; i < n; i++) order[i] = i;
  for (int64_t i = n / 2; i-- > 0;) sift(key, order, i, n);
  for (int64_t last = n - 1; last > 0; last--) {
    int64_t t = order[0];
    order[0] = order[last];
    order[last] = t;
    sift(key, order, 0, last);
  }
}

rung_status rg_fit_scale(rg_fit *f) {
  for (int j = 0; j < f->inputs; j++)
    for (int64_t i = 0; i < f->total; i++) {
      rung_dd v = rg_fetch(f->options.precision, f->x, i * f->inputs + j);
      f->s[j * f->total + i] = ((v.hi - f->model->centre[j]) + v.lo) * f->model->scale[j];
    }
  if (f->sorted) sort_by(f->s, f->sorted, f->points);
  return RUNG_OK;
}
