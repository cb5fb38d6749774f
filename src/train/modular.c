#include "train/modular.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/module.h"
#include "num/f64.h"
#include "optim/schedule.h"

/* How fast a weight that is set from the ratio follows it: a step moves its logarithm by this share
 * of what is missing. */
#define FOLLOW 0.05
/* The weight stays within this factor of where it began. */
#define RANGE 1e3
/* What frozen modules compute at once where memory counts; the bits are the same. */
#define FEW_SAMPLES 8

typedef struct member {
  rung_network *part; /* its numbers are the whole's while a step is on */
  rg_pass *pass;
  rg_pass_result seen;
  rg_stepper *stepper;
  rg_inference *body; /* of procedures that train one module at a time: what it hands on */
  double *partial;    /* of norms */
} member;

/* What is kept of a module from step to step: saved with the run. */
typedef struct penalty {
  double weight, begun; /* w, and where it began; begun 0: not yet */
  rg_module_seen seen;
} penalty;
#define PENALTY_NUMBERS (sizeof(penalty) / sizeof(double))

#define NAME_LENGTH 32

struct rg_modular {
  rung_context *ctx;
  rung_trainer *trainer;
  int modules;
  member *list;     /* [modules] */
  penalty *penalty; /* [modules] */
  rg_stepper *once; /* where each module has one turn: the optimiser's state of them all */
  char *arena;      /* of all passes, which run one after the other */
  char *handed[2];  /* what the last module and the one before it handed on */
  char (*name)[RG_MOST_DESCENT_STATES][NAME_LENGTH]; /* [modules]: of their optimisers' arrays */
};

/* ---- turns ---- */

static bool in_parallel(const rung_training *t) {
  return strcmp(t->procedure, "parallel") == 0;
}

/* Does each module have one turn, so that no optimiser is wanted again? */
static bool in_sequence(const rung_training *t) {
  return strcmp(t->procedure, "sequential") == 0;
}

/* The first step of turn `turn` of `turns`. */
static int64_t turn_begin(int64_t turn, int64_t turns, int64_t epochs, int64_t steps_of_epoch) {
  return epochs * turn / turns * steps_of_epoch;
}

rg_turn rg_modular_turn(const rung_training *t, int modules, int64_t step, int64_t steps,
                        int64_t steps_of_epoch) {
  int64_t laps = strcmp(t->procedure, "multilap") == 0 ? t->laps : 1, turns = laps * modules;
  int64_t epochs = steps / steps_of_epoch, turn = 0;
  rg_turn out = {0, step, steps, step == 0};
  if (in_parallel(t)) return out;
  while (turn < turns - 1 && step >= turn_begin(turn + 1, turns, epochs, steps_of_epoch)) turn++;
  out.module = (int)(turn % modules) + 1;
  out.step = out.steps = 0;
  for (int64_t i = turn % modules; i < turns; i += modules) {
    int64_t begin = turn_begin(i, turns, epochs, steps_of_epoch);
    int64_t end = i + 1 < turns ? turn_begin(i + 1, turns, epochs, steps_of_epoch) : steps;
    if (i == turn) out.step = out.steps + step - begin;
    if (i == turn) out.first = step == begin;
    out.steps += end - begin;
  }
  return out;
}

static rg_turn turn_at(const rg_modular *m, int64_t step) {
  const rung_trainer *t = m->trainer;
  return rg_modular_turn(&t->training, m->modules, step, t->steps, t->steps_of_epoch);
}

/* ---- making ---- */

static size_t handed_bytes(const rg_modular *m, int module) {
  const rung_network *n = m->list[module].part;
  return rg_state_bytes(n, n->blocks.count - 1, m->trainer->training.batch);
}

static rung_status make_part(rg_modular *m, int module) {
  rung_trainer *t = m->trainer;
  member *own = &m->list[module];
  const rg_descent *descent = rg_descent_find(t->training.optimiser);
  RG_TRY(rg_network_module(t->network, m->ctx, module + 1, &own->part));
  if (t->training.tau != 0)
    own->part->transport = t->training.transport_sum ? RG_TRANSPORT_SUM : RG_TRANSPORT_MEAN;
  own->partial = rg_alloc(m->ctx, (size_t)rg_norm_partials(own->part->parameters), sizeof(double));
  if (!own->partial) return RUNG_E_MEMORY;
  for (int i = 0; i < descent->states; i++)
    snprintf(m->name[module][i], NAME_LENGTH, "%s.%d", descent->state_name[i], module + 1);
  RG_TRY(rg_stepper_create(m->ctx, descent, &t->training, t->network->dtype, own->part->parameters,
                           own->part->decaying, &own->stepper));
  if (in_parallel(&t->training) || module == m->modules - 1) return RUNG_OK;
  int64_t samples = t->training.batch;
  if (t->training.memory && samples > FEW_SAMPLES) samples = FEW_SAMPLES;
  return rg_inference_create_to(own->part, m->ctx, samples, RG_BODY, &own->body);
}

static void share_state(rg_modular *m) {
  rg_stepper *stepper[RUNG_MOST_EXITS + 1];
  if (!in_sequence(&m->trainer->training)) return;
  for (int k = 0; k < m->modules; k++) stepper[k] = m->list[k].stepper;
  m->once = rg_stepper_share(m->modules, stepper);
}

static rg_pass_options pass_options(const rg_modular *m, size_t memory) {
  const rung_training *t = &m->trainer->training;
  return (rg_pass_options){.batch = t->batch,
                           .micro = t->micro_batch,
                           .loss = t->loss,
                           .smoothing = t->smoothing,
                           .delta = t->delta,
                           .activations = t->activations,
                           .memory = memory,
                           .drift_bound = t->drift,
                           .tap = true,
                           .borrowed = true};
}

static rung_status share_bodies(rg_modular *m) {
  rg_inference *body[RUNG_MOST_EXITS];
  int count = 0;
  for (int k = 0; k < m->modules; k++)
    if (m->list[k].body) body[count++] = m->list[k].body;
  return rg_inference_share(count, body);
}

/* ---- passes ---- */

static void drop_passes(rg_modular *m) {
  for (int k = 0; k < m->modules; k++) {
    rg_pass_destroy(m->list[k].pass);
    m->list[k].pass = NULL;
  }
}

/* What passes take together: their arrays share one place, for they run one after the other; what
 * each holds besides (programs) adds up. */
typedef struct takings {
  size_t held, arrays;
} takings;

/* All passes, with at most so many bytes of arrays each (0: any). `end`: give up where they hold
 * more than this (0: never), so that what does not fit is not held to be looked at. */
static rung_status try_passes(rg_modular *m, size_t most, size_t end, takings *out) {
  drop_passes(m);
  size_t before = rung_memory_now(m->ctx);
  *out = (takings){0, 0};
  for (int k = 0; k < m->modules; k++) {
    rg_pass_options o = pass_options(m, most);
    RG_TRY(rg_pass_create(m->list[k].part, m->ctx, &o, &m->list[k].pass));
    size_t bytes = rg_pass_memory_bytes(m->list[k].pass);
    if (bytes > out->arrays) out->arrays = bytes;
    out->held = rung_memory_now(m->ctx) - before + RG_ALLOCATION_BYTES; /* the place's own */
    if (end && out->held > end)
      return rg_fail(m->ctx, RUNG_E_BUDGET, "modules: their programs take more than %zu bytes",
                     end);
  }
  return RUNG_OK;
}

/* The least that the arrays of the module that needs most can do with. */
static rung_status least_arrays(rg_modular *m, size_t *out) {
  *out = 0;
  drop_passes(m);
  for (int k = 0; k < m->modules; k++) {
    size_t least = 0;
    rg_pass_plan plan;
    rg_pass_options o = pass_options(m, 1);
    rung_status status = rg_pass_choose(m->list[k].part, m->ctx, &o, &plan, &least);
    if (status != RUNG_E_BUDGET) return status;
    rung_clear_error(m->ctx);
    if (least > *out) *out = least;
  }
  return RUNG_OK;
}

/* Within `memory`: what programs leave of it is for arrays, and how large programs are depends on
 * that; so a few rounds, and then the least. Of a hasty trainer *least stays 0 where programs alone
 * are too much. */
static rung_status fit_passes(rg_modular *m, size_t memory, size_t *least, takings *t) {
  enum { ROUNDS = 4 };
  size_t most, end = m->trainer->hasty ? memory : 0;
  RG_TRY(try_passes(m, 0, end, t));
  for (int i = 0; i < ROUNDS && memory && t->held + t->arrays > memory && t->held < memory; i++) {
    rung_status status = try_passes(m, memory - t->held, end, t);
    if (status != RUNG_OK && status != RUNG_E_BUDGET) return status;
    rung_clear_error(m->ctx);
    if (status == RUNG_E_BUDGET) break;
  }
  bool all = m->list[m->modules - 1].pass != NULL;
  if (!memory || (all && t->held + t->arrays <= memory)) return RUNG_OK;
  RG_TRY(least_arrays(m, &most));
  RG_TRY(try_passes(m, most, end, t));
  most = t->held + t->arrays;
  *least = most;
  if (most <= memory) return RUNG_OK;
  return rg_fail(m->ctx, RUNG_E_BUDGET,
                 "modules: %zu bytes do not hold their passes, which take %zu", memory, most);
}

static rung_status make_passes(rg_modular *m, size_t memory, size_t *least) {
  takings t;
  RG_TRY(fit_passes(m, memory, least, &t));
  m->arena = rg_alloc(m->ctx, t.arrays, 1);
  return m->arena ? RUNG_OK : RUNG_E_MEMORY;
}

/* ---- all of it ---- */

static rung_status make_handed(rg_modular *m) {
  size_t most[2] = {0, 0};
  for (int k = 0; k < m->modules - 1; k++)
    if (handed_bytes(m, k) > most[k % 2]) most[k % 2] = handed_bytes(m, k);
  for (int i = 0; i < 2; i++) {
    m->handed[i] = rg_alloc(m->ctx, most[i], 1);
    if (!m->handed[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* `before`: bytes that were held then. */
static rung_status make(rg_modular *m, size_t before, size_t memory, size_t *least) {
  m->list = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->list);
  m->penalty = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->penalty);
  m->name = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->name);
  if (!m->list || !m->penalty || !m->name) return RUNG_E_MEMORY;
  for (int k = 0; k < m->modules; k++) RG_TRY(make_part(m, k));
  RG_TRY(share_bodies(m));
  share_state(m);
  RG_TRY(make_handed(m));
  size_t used = rung_memory_now(m->ctx) - before;
  rung_status status = make_passes(m, memory ? (memory > used ? memory - used : 1) : 0, least);
  if (status == RUNG_E_BUDGET && *least) *least += used;
  return status;
}

static rung_status check(rung_context *ctx, const rung_training *t) {
  if (!rg_descent_find(t->optimiser))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "optimiser %s sees the network as a whole; modules take sgd, momentum, nesterov "
                   "or adamw",
                   t->optimiser);
  if (strcmp(t->procedure, "parallel") && strcmp(t->procedure, "sequential") &&
      strcmp(t->procedure, "multilap"))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "procedure: expected parallel, sequential or multilap, found \"%.40s\"",
                   t->procedure);
  if (t->smoothness > 0)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "smoothness in time spans modules: not module-wise");
  if (!(t->ratio > 0) || !(t->tau >= 0 || t->tau == RUNG_TAU_AUTO) || t->laps < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "tau, ratio, laps: expected at least 0 (or RUNG_TAU_AUTO), more than 0 and at "
                   "least 1, found %g, %g and %lld",
                   t->tau, t->ratio, (long long)t->laps);
  return RUNG_OK;
}

rung_status rg_modular_create(rung_trainer *t, size_t memory, size_t *least, rg_modular **out) {
  *out = NULL;
  RG_TRY(check(t->ctx, &t->training));
  size_t before = rung_memory_now(t->ctx);
  rg_modular *m = rg_calloc(t->ctx, 1, sizeof *m);
  if (!m) return RUNG_E_MEMORY;
  m->ctx = t->ctx;
  m->trainer = t;
  m->modules = rung_network_exits(t->network) + 1;
  rung_status status = make(m, before, memory, least);
  if (status == RUNG_OK)
    *out = m;
  else
    rg_modular_destroy(m);
  return status;
}

void rg_modular_destroy(rg_modular *m) {
  if (!m) return;
  for (int k = m->modules - 1; m->list && k >= 0; k--) { /* the first body lends to the others */
    member *own = &m->list[k];
    rg_inference_destroy(own->body);
    rg_pass_destroy(own->pass);
    rg_stepper_destroy(own->stepper);
    rg_free(m->ctx, own->partial);
    rung_network_destroy(own->part);
  }
  for (int i = 0; i < 2; i++) rg_free(m->ctx, m->handed[i]);
  rg_free(m->ctx, m->arena);
  rg_free(m->ctx, m->name);
  rg_free(m->ctx, m->penalty);
  rg_free(m->ctx, m->list);
  rg_free(m->ctx, m);
}

/* ---- a step ---- */

/* w of the coming step: 1 / (2 tau); or, where it is set from the ratio, what it has come to, which
 * is 0 in the module's first step: then nothing is known yet. */
static double weight_of(const rg_modular *m, int module) {
  double tau = m->trainer->training.tau;
  if (tau == 0) return 0;
  return tau == RUNG_TAU_AUTO ? m->penalty[module].weight : 1 / (2 * tau);
}

/* Moves the weight to where w W is the ratio's part of the loss. Both vary from batch to batch, so
 * it goes there slowly, and not far from where it began: W can be made as small as one likes. */
static void follow_ratio(rg_modular *m, int module) {
  penalty *p = &m->penalty[module];
  const rg_pass_result *seen = &m->list[module].seen;
  double wanted = m->trainer->training.ratio * seen->loss / seen->transport;
  if (m->trainer->training.tau != RUNG_TAU_AUTO || !(wanted > 0 && wanted < 1e30)) return;
  if (p->begun == 0) {
    p->begun = p->weight = wanted;
    return;
  }
  double moved = p->weight * rg_exp_f64(FOLLOW * rg_log_f64(wanted / p->weight));
  p->weight = fmin(fmax(moved, p->begun / RANGE), p->begun * RANGE);
}

static double told(double value) {
  return isnan(value) ? fabs(value) : value; /* the sign of a NaN means nothing */
}

/* Loss and gradient of a module at its numbers and what the one before handed on. */
static rung_status evaluate(rg_modular *m, int module, const rg_pass_batch *batch, double *norm) {
  member *own = &m->list[module];
  rg_pass_place(own->pass, m->arena);
  RG_TRY(rg_pass_run(own->pass, batch, &own->seen));
  *norm =
      rg_norm(m->ctx, own->part->dtype, own->part->parameters, own->seen.gradient, own->partial);
  m->penalty[module].seen = (rg_module_seen){own->seen.loss, own->seen.transport, batch->transport};
  if (isfinite(own->seen.loss) && isfinite(*norm)) return RUNG_OK;
  return rg_fail(m->ctx, RUNG_E_NUMERIC,
                 "module %d: the loss is %g and the norm of its gradient %g; a lower learning rate "
                 "or gradient clipping may help",
                 module + 1, told(own->seen.loss), told(*norm));
}

/* One module forwards, back and on. `handed` (NULL: not wanted) gets what it hands on. */
static rung_status step_module(rg_modular *m, int module, const rg_turn *turn,
                               const rg_pass_batch *given, const void *x, void *handed) {
  rung_trainer *t = m->trainer;
  member *own = &m->list[module];
  double norm, clip = t->training.clip;
  rg_pass_batch batch = *given;
  batch.x = x;
  batch.tapped = handed;
  batch.transport = weight_of(m, module);
  RG_TRY(evaluate(m, module, &batch, &norm));
  double scale = clip > 0 && norm > clip ? clip / norm : 1;
  double rate = t->lowered *
                rg_schedule_rate(&t->training, t->rate, turn->step, turn->steps, t->steps_of_epoch);
  if (m->once && turn->first) rg_stepper_forget(own->stepper);
  own->stepper->steps = turn->step;
  RG_TRY(rg_stepper_step(own->stepper, rate, scale, own->part->theta, own->seen.gradient));
  follow_ratio(m, module);
  t->gradient_norm = norm;
  t->seen = own->seen;
  return RUNG_OK;
}

static rung_status step_all(rg_modular *m, const rg_turn *turn, const rg_pass_batch *batch) {
  const void *x = batch->x;
  for (int k = 0; k < m->modules; k++) {
    void *handed = k < m->modules - 1 ? m->handed[k % 2] : NULL;
    RG_TRY(step_module(m, k, turn, batch, x, handed));
    x = handed;
  }
  return RUNG_OK;
}

/* Those before are frozen: they run in inference mode. */
static rung_status step_one(rg_modular *m, const rg_turn *turn, const rg_pass_batch *batch) {
  const void *x = batch->x;
  for (int k = 0; k < turn->module - 1; k++) {
    RG_TRY(rg_inference_run_body(m->list[k].body, m->trainer->training.batch, x, m->handed[k % 2]));
    x = m->handed[k % 2];
  }
  return step_module(m, turn->module - 1, turn, batch, x, NULL);
}

rung_status rg_modular_step(rg_modular *m, const rg_pass_batch *batch) {
  rung_trainer *t = m->trainer;
  rg_turn turn = turn_at(m, t->step);
  int last = turn.module ? turn.module : m->modules, first = turn.module ? last : 1; /* changed */
  for (int k = 1; k <= last; k++) rg_module_take(m->list[k - 1].part, t->network, k);
  RG_TRY(turn.module ? step_one(m, &turn, batch) : step_all(m, &turn, batch));
  for (int k = first; k <= last; k++) rg_module_give(m->list[k - 1].part, t->network, k);
  return RUNG_OK;
}

bool rg_modular_turns(const rg_modular *m) {
  return turn_at(m, m->trainer->step).first && m->trainer->step > 0;
}

int rg_modular_exit(const rg_modular *m) {
  int64_t last = m->trainer->step > 0 ? m->trainer->step - 1 : 0;
  int module = turn_at(m, last).module;
  return module ? module : m->modules;
}

/* ---- state ---- */

int rg_modular_arrays(rg_modular *m, rg_trainer_array *out) {
  int count = 0;
  for (int i = 0; m->once && i < m->once->descent->states; i++)
    out[count++] = (rg_trainer_array){m->once->descent->state_name[i], m->once->state[i],
                                      m->once->parameters, false};
  for (int k = 0; !m->once && k < m->modules; k++)
    for (int i = 0; i < m->list[k].stepper->descent->states; i++)
      out[count++] = (rg_trainer_array){m->name[k][i], m->list[k].stepper->state[i],
                                        m->list[k].part->parameters, false};
  out[count++] =
      (rg_trainer_array){"penalty", m->penalty, m->modules * (int64_t)PENALTY_NUMBERS, true};
  return count;
}

rung_status rg_modular_state_bytes(const rung_network *n, const rung_training *t, size_t *out) {
  int modules = rung_network_exits(n) + 1;
  const rg_descent *descent = rg_descent_find(t->optimiser);
  int64_t numbers = n->parameters;
  if (in_sequence(t)) numbers = 0;
  for (int k = 1; k <= modules && in_sequence(t); k++) {
    rung_network *part;
    RG_TRY(rg_network_module(n, n->ctx, k, &part));
    if (part->parameters > numbers) numbers = part->parameters;
    rung_network_destroy(part);
  }
  *out = (size_t)numbers * (size_t)(descent ? descent->states : 0) * rung_dtype_size(n->dtype) +
         (size_t)modules * sizeof(penalty);
  return RUNG_OK;
}

/* ---- what is seen ---- */

/* A third of a pass that stores all is the way forwards. */
double rg_modular_operations(const rg_modular *m) {
  bool parallel = in_parallel(&m->trainer->training);
  double sum = 0, before = 0;
  for (int k = 0; k < m->modules; k++) {
    const rg_pass_plan *p = rg_pass_get_plan(m->list[k].pass);
    sum += p->operations + (parallel ? 0 : before);
    before += p->operations / p->work / 3;
  }
  return sum;
}

int rg_modular_modules(const rg_modular *m) {
  return m->modules;
}

rg_module_seen rg_modular_seen(const rg_modular *m, int module) {
  return m->penalty[module - 1].seen;
}

const rg_pass *rg_modular_pass(const rg_modular *m, int module) {
  return m->list[module - 1].pass;
}

double rg_modular_rate(const rg_modular *m) {
  const rung_trainer *t = m->trainer;
  rg_turn turn = turn_at(m, t->step);
  return t->lowered *
         rg_schedule_rate(&t->training, t->rate, turn.step, turn.steps, t->steps_of_epoch);
}

rung_status rg_modular_tell(const rg_modular *m, char **out) {
  rg_text text;
  size_t most = 0, least = SIZE_MAX;
  rg_text_init(&text, m->ctx);
  rg_text_printf(&text, "module-wise, %s: %d modules; activations:", m->trainer->training.procedure,
                 m->modules);
  for (int k = 0; k < m->modules; k++) {
    const rg_pass_plan *p = rg_pass_get_plan(m->list[k].pass);
    size_t bytes = p->state_bytes + p->workspace_bytes;
    if (bytes > most) most = bytes;
    if (bytes < least) least = bytes;
    const rg_pass_plan *before = k ? rg_pass_get_plan(m->list[k - 1].pass) : NULL;
    if (before && before->activations == p->activations && before->micro == p->micro) continue;
    rg_text_printf(&text, " %s (from module %d", rg_activations_name(p->activations), k + 1);
    rg_trainer_tell_pieces(&text, m->list[k].pass, m->list[k].part, m->trainer->training.batch);
    rg_text_add(&text, ")");
  }
  rg_text_printf(&text, "; states and workspace %.2f to %.2f MB a module, in one place",
                 (double)least / 1e6, (double)most / 1e6);
  *out = text.data;
  return rg_text_status(&text);
}
