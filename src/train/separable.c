/* The default way to train a stage: features for the residual at hand, and the head by linear least
 * squares. Lattices of sine frequencies are tried in rising order (how many inputs interact) and
 * radius; a larger one must lower the held-out error by more than chance. Where no lattice does
 * well, the hidden layer of a small tanh network is trained by Levenberg-Marquardt. */
#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "num/qr.h"
#include "train/separable.h"

#define MOST_FEATURES 2600
#define GROWTH 1.6 /* features of a rung over those of the one before */

static void candidate_free(rung_context *ctx, rg_candidate *c) {
  rg_free(ctx, c->choice.head);
  rg_free(ctx, c->choice.squared);
  *c = (rg_candidate){.features = 0};
}

double rg_mean(const double *a, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i];
  return sum / (double)n;
}

bool rg_beats(const double *now, const double *old, int64_t n, double share) {
  double mean_now = rg_mean(now, n), mean_old = rg_mean(old, n), spread = 0;
  if (mean_now < mean_old / 16) return true;
  double difference = mean_old - mean_now;
  for (int64_t i = 0; i < n; i++) {
    double d = old[i] - now[i] - difference;
    spread += d * d;
  }
  double error = sqrt(spread / (double)n) / sqrt((double)n);
  return difference > 2 * error && mean_now < share * share * mean_old;
}

bool rg_fits_memory(rg_fit *f, size_t more) {
  size_t need = rg_fit_held(f) + more;
  if (f->options.memory && need > f->options.memory) {
    if (!f->refused || need < f->refused) f->refused = need;
    return false;
  }
  if (need > f->planned) f->planned = need;
  return true;
}

/* Features of a lattice as they will be evaluated: in the working precision, or in double where
 * that is finer. Columns of `out`, leading dimension total. */
static rung_status fill_features(rg_fit *f, const rg_stage *stage, double *out) {
  rung_dtype dtype = f->options.precision == RUNG_F32 ? RUNG_F32 : RUNG_F64;
  enum { CHUNK = 512 };
  rung_context *ctx = f->ctx;
  int64_t width = stage->layer[stage->layer_count - 1].width;
  rung_graph *g = NULL;
  rung_program *program = NULL;
  rg_parameters parameters = {.ctx = ctx};
  void *values = NULL, *workspace = NULL;
  char *s = NULL, *h = NULL;
  size_t bytes, size = rung_dtype_size(dtype);
  const void *array[64];
  rung_node input[64];
  rung_status status = rung_graph_create(ctx, &g);
  if (status == RUNG_OK) {
    input[0] = rung_input(g, "s", 2, (int64_t[]){f->inputs, CHUNK});
    rung_node features = rg_stage_features(g, &parameters, stage, input[0]);
    for (int i = 0; i < parameters.count; i++) input[1 + i] = parameters.list[i].node;
    rung_compile_options options = {.dtype = dtype};
    status = features == RUNG_NONE
                 ? ctx->status
                 : rung_compile(g, &options, 1 + parameters.count, input, 1, &features, &program);
  }
  if (status == RUNG_OK)
    status = rg_parameters_load(&parameters, ctx, dtype, &values, array + 1, &bytes);
  if (status == RUNG_OK) {
    workspace = rg_alloc(ctx, rung_program_bytes(program), 1);
    s = rg_alloc(ctx, (size_t)(f->inputs * CHUNK), size);
    h = rg_alloc(ctx, (size_t)(width * CHUNK), size);
    if (!workspace || !s || !h) status = RUNG_E_MEMORY;
  }
  for (int64_t first = 0; status == RUNG_OK && first < f->total; first += CHUNK) {
    int64_t count = f->total - first < CHUNK ? f->total - first : CHUNK;
    for (int j = 0; j < f->inputs; j++)
      for (int64_t i = 0; i < CHUNK; i++) {
        int64_t at = first + (i < count ? i : count - 1);
        rg_store(dtype, s, j * CHUNK + i, (rung_dd){f->s[j * f->total + at], 0});
      }
    array[0] = s;
    void *result = h;
    status = rung_program_run(program, ctx, workspace, array, &result);
    for (int64_t k = 0; k < width; k++)
      for (int64_t i = 0; i < count; i++)
        out[k * f->total + first + i] = rg_fetch(dtype, h, k * CHUNK + i).hi;
  }
  rg_free(ctx, s);
  rg_free(ctx, h);
  rg_free(ctx, workspace);
  rg_free(ctx, values);
  rung_program_destroy(program);
  rg_parameters_free(&parameters);
  rung_graph_destroy(g);
  return status;
}

/* A stage of one hidden sine layer on a lattice, without a head yet. */
static rung_status lattice_stage(rg_fit *f, const rg_lattice *lattice, int64_t features,
                                 rg_stage **out) {
  rg_activation sine = RG_SIN;
  RG_TRY(rg_stage_create(f->ctx, f->inputs, f->outputs, 1, &features, &sine, true, out));
  rg_layer *layer = &(*out)->layer[0];
  rg_lattice_fill(lattice, layer->weight, layer->bias);
  if (f->options.precision == RUNG_F32)
    for (int64_t i = 0; i < features * (f->inputs + 1); i++) {
      double *v = i < features ? &layer->bias[i] : &layer->weight[i - features];
      *v = (double)(float)*v;
    }
  (*out)->frequency = rg_lattice_frequency(lattice);
  return RUNG_OK;
}

/* [1, s, features, targets] by columns. */
static rung_status fill_matrix(rg_fit *f, const rg_stage *stage, int64_t features, double *matrix) {
  int64_t n = f->total, z = 1 + f->inputs;
  for (int64_t i = 0; i < n; i++) matrix[i] = 1;
  memcpy(matrix + n, f->s, (size_t)(n * f->inputs) * sizeof *matrix);
  memcpy(matrix + (z + features) * n, f->target, (size_t)(n * f->outputs) * sizeof *matrix);
  return fill_features(f, stage, matrix + z * n);
}

/* Bytes of a rung: the matrix, the factors, the head. */
static size_t rung_bytes(const rg_search *s, int64_t features) {
  rg_fit *f = s->f;
  int64_t columns = 1 + f->inputs + features + f->outputs;
  return (size_t)(f->total * columns + s->judged + columns * f->outputs) * sizeof(double) +
         rg_factor_bytes(f->ctx, f->points, 1 + f->inputs, features, f->outputs, s->judged,
                         f->leave_one_out);
}

static void take_head(const rg_fit *f, const double *head, int64_t features, rg_stage *stage) {
  int64_t columns = 1 + f->inputs + features;
  for (int o = 0; o < f->outputs; o++) {
    const double *h = head + o * columns;
    stage->bias[o] = h[0];
    memcpy(stage->skip + o * f->inputs, h + 1, (size_t)f->inputs * sizeof *h);
    memcpy(stage->head + o * features, h + 1 + f->inputs, (size_t)features * sizeof *h);
  }
}

/* Solves for the head of a lattice and judges it. */
static rung_status try_lattice(rg_search *s, const rg_lattice *lattice, int64_t features,
                               rg_candidate *out) {
  rg_fit *f = s->f;
  int64_t columns = 1 + f->inputs + features;
  *out = (rg_candidate){.lattice = *lattice, .features = features};
  rg_stage *stage = NULL;
  rg_factor factor = {.ctx = f->ctx};
  double *matrix = rg_alloc(f->ctx, (size_t)(f->total * (columns + f->outputs)), sizeof *matrix);
  out->choice.head = rg_alloc(f->ctx, (size_t)(columns * f->outputs), sizeof(double));
  out->choice.squared = rg_alloc(f->ctx, (size_t)s->judged, sizeof(double));
  rung_status status = matrix && out->choice.head && out->choice.squared ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) status = lattice_stage(f, lattice, features, &stage);
  if (status == RUNG_OK) status = fill_matrix(f, stage, features, matrix);
  if (status == RUNG_OK)
    status = rg_factor_make(f->ctx, matrix, f->total, f->points, 1 + f->inputs, features,
                            f->outputs, f->leave_one_out, &factor);
  if (status == RUNG_OK)
    status = rg_factor_choose(&factor, matrix, f->total, s->judged, s->unit, 0, &out->choice);
  rg_factor_free(&factor);
  rg_stage_destroy(f->ctx, stage);
  rg_free(f->ctx, matrix);
  if (status != RUNG_OK) candidate_free(f->ctx, out);
  return status;
}

/* The next radius whose lattice has GROWTH times the features, or the last one below the limit, if
 * it has a tenth more; 0 where there is none. */
static int64_t next_radius(const rg_search *s, rg_lattice *lattice, int64_t last) {
  int64_t fallback = 0, fallback_square = 0;
  for (int64_t square = lattice->square;;
       square = square < 30 ? square + 1 : square + square / 10) {
    lattice->square = square;
    int64_t features = rg_lattice_features(lattice, s->most + 2);
    if (features > s->most) break;
    if (features >= (int64_t)(GROWTH * (double)last) + 1) return features;
    if (features <= last + last / 10) continue;
    fallback = features;
    fallback_square = square;
  }
  lattice->square = fallback_square;
  return fallback;
}

/* Rungs of one order, until two in a row bring nothing. *improved: the best of all got better. */
static rung_status climb(rg_search *s, int order, int64_t from_square, double period,
                         bool *improved) {
  rg_fit *f = s->f;
  rg_lattice lattice = {.inputs = f->inputs,
                        .order = order,
                        .period = period,
                        .square = from_square > order ? from_square : order,
                        .half = s->half};
  double *own = rg_alloc(f->ctx, (size_t)s->judged, sizeof *own); /* best errors of this order */
  if (!own) return RUNG_E_MEMORY;
  double own_score = INFINITY;
  int idle = 0;
  int64_t last = 0, features;
  rung_status status = RUNG_OK;
  while ((features = next_radius(s, &lattice, last)) > 0) {
    s->stopped = rg_fit_tick(f, "solving for the head", (double)features / (double)s->most);
    if (s->stopped && s->best.features) break;
    if (!rg_fits_memory(f, rung_bytes(s, features))) break;
    rg_candidate c;
    status = try_lattice(s, &lattice, features, &c);
    if (status != RUNG_OK) break;
    last = features;
    lattice.square++;
    bool gains = isinf(own_score) || rg_beats(c.choice.squared, own, s->judged, 0.95);
    idle = gains ? 0 : idle + 1;
    if (gains) {
      memcpy(own, c.choice.squared, (size_t)s->judged * sizeof *own);
      own_score = c.choice.score;
    }
    if (s->best.features == 0 ||
        rg_beats(c.choice.squared, s->best.choice.squared, s->judged, 0.95)) {
      candidate_free(f->ctx, &s->best);
      s->best = c;
      *improved = true;
    } else {
      candidate_free(f->ctx, &c);
    }
    if (own_score < s->enough) break; /* what the caller asked for */
    bool exact = own_score < 100 * s->unit;
    if (exact && (features > 300 || idle >= 2)) break;
    if (idle >= 2 && features > (order == 1 ? 300 : 600)) break;
  }
  rg_free(f->ctx, own);
  return status;
}

/* The best lattice of all orders: an order more must help. */
static rung_status climb_orders(rg_search *s, double period) {
  int most = s->f->inputs < 4 ? s->f->inputs : 4;
  for (int order = 1; order <= most && !s->stopped; order++) {
    bool improved = false;
    RG_TRY(climb(s, order, 1, period, &improved));
    if (s->best.features &&
        (s->best.choice.score < 1e4 * s->unit || s->best.choice.score < s->enough))
      break;
    if (order > 2 && !improved) break;
  }
  return RUNG_OK;
}

/* The stage of a candidate, with its head and what is told of it. */
static rung_status make_stage(rg_search *s, const rg_candidate *c, rg_stage **out) {
  rg_fit *f = s->f;
  RG_TRY(lattice_stage(f, &c->lattice, c->features, out));
  take_head(f, c->choice.head, c->features, *out);
  f->freedom = c->choice.freedom;
  f->score = sqrt(rg_mean(c->choice.squared, s->judged));
  return RUNG_OK;
}

/* The head of a clean-up. Its filter is so weak that both stages together are the least-squares
 * fit: so r / (1 - H_ii) are leave-one-out errors of both, and the score of few points is honest.
 */
static rung_status clean_head(rg_search *s, const rg_factor *factor, const double *matrix,
                              double *head) {
  rg_fit *f = s->f;
  int weak = f->options.precision == RUNG_F32 ? 14 : 30; /* 1e-7, 1e-15 */
  f->score = NAN;                                        /* the loop judges by the residual */
  if (!f->leave_one_out) return rg_factor_head(factor, rg_filter(weak), head);
  rg_choice choice = {.head = head};
  choice.squared = rg_alloc(f->ctx, (size_t)s->judged, sizeof(double));
  if (!choice.squared) return RUNG_E_MEMORY;
  rung_status status =
      rg_factor_choose(factor, matrix, f->total, s->judged, s->unit, weak, &choice);
  f->score = sqrt(rg_mean(choice.squared, s->judged));
  rg_free(f->ctx, choice.squared);
  return status;
}

/* Residual of a residual: the same features again, with a weak filter. What is left is mostly the
 * rounding of the earlier head. */
static rung_status clean_up(rg_search *s, const rg_stage *before, rg_stage **out) {
  rg_fit *f = s->f;
  int64_t features = before->layer[0].width, columns = 1 + f->inputs + features;
  if (!rg_fits_memory(f, rung_bytes(s, features))) return RUNG_OK;
  rg_activation sine = RG_SIN;
  rg_stage *stage = NULL;
  rg_factor factor = {.ctx = f->ctx};
  double *matrix = rg_alloc(f->ctx, (size_t)(f->total * (columns + f->outputs)), sizeof *matrix);
  double *head = rg_alloc(f->ctx, (size_t)(columns * f->outputs), sizeof *head);
  rung_status status = matrix && head ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK)
    status = rg_stage_create(f->ctx, f->inputs, f->outputs, 1, &features, &sine, true, &stage);
  if (status == RUNG_OK) {
    memcpy(stage->layer[0].weight, before->layer[0].weight,
           (size_t)(features * f->inputs) * sizeof(double));
    memcpy(stage->layer[0].bias, before->layer[0].bias, (size_t)features * sizeof(double));
    stage->frequency = before->frequency;
    status = fill_matrix(f, stage, features, matrix);
  }
  if (status == RUNG_OK)
    status = rg_factor_make(f->ctx, matrix, f->total, f->points, 1 + f->inputs, features,
                            f->outputs, f->leave_one_out, &factor);
  if (status == RUNG_OK) status = clean_head(s, &factor, matrix, head);
  if (status == RUNG_OK) take_head(f, head, features, stage);
  f->freedom = 0;
  rg_factor_free(&factor);
  rg_free(f->ctx, matrix);
  rg_free(f->ctx, head);
  if (status == RUNG_OK)
    *out = stage;
  else
    rg_stage_destroy(f->ctx, stage);
  return status;
}

/* Sign changes of the residual along the only input: half the number of its periods. */
static double crossings(const rg_fit *f) {
  int64_t n = f->points, changes = 0;
  const double *r = f->target;
  const int64_t *order = f->sorted;
  for (int64_t i = 1; i < n; i++) changes += (r[order[i]] < 0) != (r[order[i - 1]] < 0);
  return (double)changes;
}

/* Quad precision, one input, later stages: a lattice that covers the residual's frequencies. The
 * angular frequency of a residual with c sign changes on [-1, 1] is about pi c / 2. */
static rung_status wide_stage(rg_search *s, const rg_stage *before, rg_stage **out) {
  rg_fit *f = s->f;
  const double pi = 3.14159265358979323846, period = 2;
  double wanted = fmax(2.5 * pi * crossings(f) / 2, 1.5 * before->frequency);
  wanted = fmin(wanted, 0.6 * (double)f->points);
  double radius = wanted * period / pi;
  rg_lattice lattice = {.inputs = 1,
                        .order = 1,
                        .period = period,
                        .square = (int64_t)(radius * radius),
                        .half = s->half};
  int64_t features = rg_lattice_features(&lattice, f->points);
  if (5 * features > 4 * f->points || !rg_fits_memory(f, rung_bytes(s, features))) return RUNG_OK;
  rg_candidate c;
  RG_TRY(try_lattice(s, &lattice, features, &c));
  rung_status status = make_stage(s, &c, out);
  candidate_free(f->ctx, &c);
  return status;
}

static rung_status begin(rg_search *s, rg_fit *f) {
  *s = (rg_search){.f = f, .judged = f->leave_one_out ? f->points : f->heldout};
  s->unit = f->options.precision == RUNG_F32 ? 0x1p-24 : 0x1p-53;
  double largest = 0;
  for (int o = 0; o < f->outputs; o++) largest = fmax(largest, f->eps[o]);
  s->enough = 0.5 * f->options.target_error * f->size / largest;
  /* Chebyshev points of a function, or leave-one-out errors, bear more features a point. */
  bool bears = f->leave_one_out || (f->problem->function && f->inputs == 1);
  int64_t share = bears ? f->points * 2 / 3 : f->points / 2;
  s->most = share - 1 - f->inputs < MOST_FEATURES ? share - 1 - f->inputs : MOST_FEATURES;
  s->half = rg_alloc(f->ctx, (size_t)f->inputs, sizeof *s->half);
  s->nothing = rg_calloc(f->ctx, (size_t)s->judged, sizeof *s->nothing);
  if (!s->half || !s->nothing) return RUNG_E_MEMORY;
  for (int j = 0; j < f->inputs; j++) {
    double most = 0;
    for (int64_t i = 0; i < f->total; i++) most = fmax(most, fabs(f->s[j * f->total + i]));
    s->half[j] = most > 0 ? most : 1;
  }
  const double *y = f->target + (f->leave_one_out ? 0 : f->points);
  for (int o = 0; o < f->outputs; o++)
    for (int64_t i = 0; i < s->judged; i++)
      s->nothing[i] += y[o * f->total + i] * y[o * f->total + i] / f->outputs;
  return RUNG_OK;
}

static bool is_lattice(const rg_stage *stage) {
  return stage->layer_count == 1 && stage->layer[0].activation == RG_SIN && stage->has_skip;
}

/* Features first; a trained network where they do not reach rounding. */
static rung_status search_all(rg_search *s, rg_stage **out) {
  rg_fit *f = s->f;
  bool first = f->model->stage_count == 0; /* a first stage is wanted in any case */
  RG_TRY(climb_orders(s, f->options.precision == RUNG_DD && f->inputs == 1 ? 2 : 3));
  bool good = s->best.features &&
              (s->best.choice.score < 1e4 * s->unit || s->best.choice.score < s->enough);
  if (!good && !s->stopped) RG_TRY(rg_trained_network(s, out));
  if (*out || !s->best.features) return RUNG_OK;
  if (!first && !rg_beats(s->best.choice.squared, s->nothing, s->judged, 0.9)) return RUNG_OK;
  return make_stage(s, &s->best, out);
}

rung_status rg_separable_stage(rg_fit *f, rg_stage **out) {
  *out = NULL;
  rg_blas_single_thread();
  int place = f->options.replace >= 0 ? f->options.replace : f->model->stage_count;
  const rg_stage *before = place > 0 ? &f->model->stage[place - 1] : NULL;
  rg_search s;
  rung_status status = begin(&s, f);
  if (status != RUNG_OK) {
  } else if (before && is_lattice(before) && f->options.precision == RUNG_DD && f->inputs == 1) {
    status = wide_stage(&s, before, out);
  } else if (before && is_lattice(before) && f->heldout_error < 1e-6) {
    status = clean_up(&s, before, out);
  } else {
    status = search_all(&s, out);
  }
  candidate_free(f->ctx, &s.best);
  rg_free(f->ctx, s.half);
  rg_free(f->ctx, s.nothing);
  return status;
}
