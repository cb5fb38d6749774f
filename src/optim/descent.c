/* Descents run over the parameters, block by block.
 *
 * Parameters that decay and those that do not are two ranges, each cut into blocks of BLOCK and a
 * rest; one program serves each length and updates in place. */
#include "optim/descent.h"

#include <string.h>

#include "optim/schedule.h"

#define BLOCK 8192
#define WORTH_THREADS 65536 /* parameters; fewer are done before a thread is awake */
#define MOST_ARRAYS (2 + RG_MOST_DESCENT_STATES + RG_DESCENT_SCALARS)

/* A run of blocks that are treated alike. */
typedef struct rg_stepper_part {
  int64_t begin, length, blocks, first_piece; /* `blocks` of `length` from parameter `begin` */
  bool decays;
  rung_program *program; /* may be that of an earlier part */
  bool borrowed;
} rg_stepper_part;

const rg_descent *rg_descent_find(const char *name) {
#define DESCENT_ENTRY(entry) &rg_descent_##entry,
  static const rg_descent *const all[] = {RG_DESCENTS(DESCENT_ENTRY)};
#undef DESCENT_ENTRY
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(all[i]->name, name) == 0) return all[i];
  return NULL;
}

/* Not among those to choose: the average goes a share of the way to what it averages. */
static void towards(rung_graph *g, const rung_training *training, rung_node theta,
                    rung_node gradient, const rung_node *state, const rung_node *scalar,
                    rung_node *next_theta, rung_node *next_state) {
  (void)training, (void)state, (void)next_state;
  rung_node away = rung_sub(g, theta, gradient);
  *next_theta = rung_sub(g, theta, rung_mul(g, scalar[RG_DESCENT_RATE], away));
}

const rg_descent rg_descent_average = {"average", 0, 0, {NULL}, towards};

rung_node rg_descend(rung_graph *g, rung_node theta, const rung_node *scalar, rung_node change) {
  rung_node decay = rung_mul(g, scalar[RG_DESCENT_DECAY], theta);
  return rung_sub(g, rung_sub(g, theta, decay), change);
}

/* ---- making ---- */

rung_status rg_descent_check(rung_context *ctx, const rung_training *t) {
  bool fits = t->rate >= 0 && t->weight_decay >= 0 && 0 <= t->momentum && t->momentum < 1 &&
              0 <= t->decay1 && t->decay1 < 1 && 0 <= t->decay2 && t->decay2 < 1 && t->epsilon > 0;
  if (!fits)
    return rg_fail(
        ctx, RUNG_E_ARGUMENT,
        "optimiser: expected rate and weight decay of at least 0, momentum and decays in "
        "[0, 1) and epsilon above 0; found rate %g, weight decay %g, momentum %g, decays "
        "%g and %g, epsilon %g",
        t->rate, t->weight_decay, t->momentum, t->decay1, t->decay2, t->epsilon);
  return RUNG_OK;
}

static rung_status build(rg_stepper *s, rung_graph *g, int64_t length, rung_program **out) {
  const rg_descent *d = s->descent;
  rung_node in[MOST_ARRAYS], next[1 + RG_MOST_DESCENT_STATES];
  int count = 2 + d->states; /* theta, gradient, states */
  for (int i = 0; i < count; i++) in[i] = rung_input(g, "array", 1, &length);
  for (int i = 0; i < RG_DESCENT_SCALARS; i++) in[count + i] = rung_input(g, "scalar", 0, NULL);
  d->update(g, &s->training, in[0], in[1], in + 2, in + count, &next[0], &next[1]);
  int share[1 + RG_MOST_DESCENT_STATES][2] = {{0, 0}}; /* theta, then states: updated in place */
  for (int i = 0; i < d->states; i++) {
    share[1 + i][0] = 1 + i;
    share[1 + i][1] = 2 + i;
  }
  rung_compile_options options = rung_compile_options_default();
  options.dtype = s->dtype;
  options.shared = 1 + d->states;
  options.share = (const int(*)[2])share;
  return rung_compile(g, &options, count + RG_DESCENT_SCALARS, in, 1 + d->states, next, out);
}

static rung_status add_part(rg_stepper *s, int64_t begin, int64_t length, int64_t blocks,
                            bool decays) {
  if (!blocks || !length) return RUNG_OK;
  rg_stepper_part *part = &s->part[s->parts];
  *part = (rg_stepper_part){begin, length, blocks, s->pieces, decays, NULL, false};
  for (int i = 0; i < s->parts && !part->program; i++)
    if (s->part[i].length == length) {
      part->program = s->part[i].program;
      part->borrowed = true;
    }
  if (!part->program) {
    rung_graph *g;
    RG_TRY(rung_graph_create(s->ctx, &g));
    rung_status status = build(s, g, length, &part->program);
    rung_graph_destroy(g);
    if (status != RUNG_OK) return status;
  }
  s->parts++;
  s->pieces += blocks;
  size_t bytes = rung_program_bytes(part->program);
  if (bytes > s->workspace_bytes) s->workspace_bytes = bytes;
  return RUNG_OK;
}

static rung_status add_range(rg_stepper *s, int64_t begin, int64_t end, bool decays) {
  int64_t blocks = (end - begin) / BLOCK;
  RG_TRY(add_part(s, begin, BLOCK, blocks, decays));
  return add_part(s, begin + blocks * BLOCK, end - begin - blocks * BLOCK, 1, decays);
}

static size_t aligned(size_t bytes) {
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

static rung_status take_memory(rg_stepper *s) {
  size_t size = rung_dtype_size(s->dtype);
  for (int i = 0; i < s->descent->states; i++) {
    s->state[i] = rg_calloc(s->ctx, (size_t)s->parameters, size);
    if (!s->state[i]) return RUNG_E_MEMORY;
  }
  s->slots = s->parameters < WORTH_THREADS ? 1 : rung_threads(s->ctx);
  if (s->slots > s->pieces) s->slots = (int)s->pieces;
  s->workspace_bytes = aligned(s->workspace_bytes);
  s->scratch = rg_alloc(s->ctx, (size_t)s->slots, s->workspace_bytes);
  return s->scratch ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status fill(rg_stepper *s) {
  s->part = rg_calloc(s->ctx, 4, sizeof *s->part);
  if (!s->part) return RUNG_E_MEMORY;
  RG_TRY(add_range(s, 0, s->decaying, true));
  RG_TRY(add_range(s, s->decaying, s->parameters, false));
  return take_memory(s);
}

rung_status rg_stepper_create(rung_context *ctx, const rg_descent *descent,
                              const rung_training *training, rung_dtype dtype, int64_t parameters,
                              int64_t decaying, rg_stepper **out) {
  *out = NULL;
  RG_TRY(rg_descent_check(ctx, training));
  rg_stepper *s = rg_calloc(ctx, 1, sizeof *s);
  if (!s) return RUNG_E_MEMORY;
  s->ctx = ctx;
  s->descent = descent;
  s->dtype = dtype;
  s->parameters = parameters;
  s->decaying = decaying;
  s->training = *training;
  rung_status status = fill(s);
  if (status == RUNG_OK)
    *out = s;
  else
    rg_stepper_destroy(s);
  return status;
}

static void free_state(rg_stepper *s) {
  for (int i = 0; i < RG_MOST_DESCENT_STATES && !s->borrows; i++) rg_free(s->ctx, s->state[i]);
}

rg_stepper *rg_stepper_share(int count, rg_stepper *const *list) {
  rg_stepper *most = list[0];
  for (int i = 1; i < count; i++)
    if (list[i]->parameters > most->parameters) most = list[i];
  for (int i = 0; i < count; i++) {
    if (list[i] == most) continue;
    free_state(list[i]);
    memcpy(list[i]->state, most->state, sizeof most->state);
    list[i]->borrows = true;
  }
  return most;
}

void rg_stepper_forget(rg_stepper *s) {
  for (int i = 0; i < s->descent->states; i++)
    memset(s->state[i], 0, (size_t)s->parameters * rung_dtype_size(s->dtype));
  s->steps = 0;
}

void rg_stepper_destroy(rg_stepper *s) {
  if (!s) return;
  for (int i = 0; i < s->parts; i++)
    if (!s->part[i].borrowed) rung_program_destroy(s->part[i].program);
  free_state(s);
  rg_free(s->ctx, s->scratch);
  rg_free(s->ctx, s->part);
  rg_free(s->ctx, s);
}

/* ---- a step ---- */

/* The scalars in the program's arithmetic; those of parameters that do not decay beside. */
typedef struct scalars {
  double real[RG_DESCENT_SCALARS];
  float single[RG_DESCENT_SCALARS];
  rung_dd quad[RG_DESCENT_SCALARS];
} scalars;

static const void *scalar_at(const scalars *s, rung_dtype dtype, int which) {
  if (dtype == RUNG_F32) return &s->single[which];
  return dtype == RUNG_F64 ? (const void *)&s->real[which] : (const void *)&s->quad[which];
}

typedef struct walk {
  rg_stepper *stepper;
  scalars decay, still; /* with weight decay, and without */
  char *theta;
  const char *gradient;
  rung_status *status; /* the first failure, by whichever thread: they are all alike */
} walk;

static void set_scalars(scalars *s, const rg_stepper *stepper, double rate, double scale,
                        double decay) {
  const rung_training *t = &stepper->training;
  s->real[RG_DESCENT_RATE] = rate;
  s->real[RG_DESCENT_DECAY] = rate * decay;
  s->real[RG_DESCENT_SCALE] = scale;
  s->real[RG_DESCENT_FIRST] = 1 - rg_power(t->decay1, stepper->steps);
  s->real[RG_DESCENT_SECOND] = 1 - rg_power(t->decay2, stepper->steps);
  for (int i = 0; i < RG_DESCENT_SCALARS; i++) {
    s->single[i] = (float)s->real[i];
    s->quad[i] = (rung_dd){s->real[i], 0};
  }
}

static void run_block(void *arg, int64_t piece, int slot) {
  walk *w = arg;
  rg_stepper *s = w->stepper;
  int p = 0, states = s->descent->states, count = 2 + states;
  while (p + 1 < s->parts && s->part[p + 1].first_piece <= piece) p++;
  const rg_stepper_part *part = &s->part[p];
  size_t size = rung_dtype_size(s->dtype);
  size_t from = (size_t)(part->begin + (piece - part->first_piece) * part->length) * size;
  char *workspace = s->scratch + (size_t)slot * s->workspace_bytes;
  const void *in[MOST_ARRAYS] = {w->theta + from, w->gradient + from};
  void *out[1 + RG_MOST_DESCENT_STATES] = {w->theta + from};
  for (int i = 0; i < states; i++) in[2 + i] = out[1 + i] = (char *)s->state[i] + from;
  for (int i = 0; i < RG_DESCENT_SCALARS; i++)
    in[count + i] = scalar_at(part->decays ? &w->decay : &w->still, s->dtype, i);
  rung_status status = rung_program_run(part->program, s->ctx, workspace, in, out);
  if (status != RUNG_OK) *w->status = status;
}

rung_status rg_stepper_step(rg_stepper *s, double rate, double scale, void *theta,
                            const void *gradient) {
  rung_status status = RUNG_OK;
  walk w = {.stepper = s, .theta = theta, .gradient = gradient, .status = &status};
  s->steps++;
  set_scalars(&w.decay, s, rate, scale, s->training.weight_decay);
  set_scalars(&w.still, s, rate, scale, 0);
  rg_parallel_slots(s->ctx, s->slots, s->pieces, run_block, &w);
  return status;
}
