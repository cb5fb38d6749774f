#include "train/modular.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/module.h"
#include "optim/schedule.h"
#include "train/pipeline.h"

/* The most modules at once, unless a number is asked for: a module hands on after its way forwards,
 * about a third of its step, so that more have to wait for each other. And no more than half of
 * them: the first and the last few are alone, and threads that share each layer do better then. */
#define AUTO_LANES 3
#define RG_MOST_LANES (RUNG_MOST_EXITS + 1)
/* What frozen modules compute at once where memory counts; the bits are the same. */
#define FEW_SAMPLES 8

typedef struct member {
  rung_network *part; /* its numbers are the whole's while a step is on */
  rg_pass *pass;      /* NULL where it is frozen */
  rg_pass_result seen;
  rg_stepper *stepper; /* likewise */
  rg_inference *body;  /* parallel, frozen in front of another: what it hands on */
  double *partial;     /* of norms */
  double norm;         /* of the last gradient, before clipping */
} member;

#define NAME_LENGTH 32

struct rg_modular {
  rung_context *ctx;
  rung_trainer *trainer;
  int modules;         /* up to the last that is trained */
  member *list;        /* [modules] */
  rg_penalty *penalty; /* [modules] */
  rg_stepper *once;    /* where each module has one turn: the optimiser's state of them all */
  rg_pipeline *pipeline;
  char *arena[RG_MOST_LANES];      /* of all passes that a lane runs, one after the other */
  char *handed[RG_MOST_LANES + 1]; /* parallel: what the last modules handed on, in turn */
  char (*name)[RG_MOST_DESCENT_STATES][NAME_LENGTH]; /* [modules]: of their optimisers' arrays */
  /* Modules in turn: what frozen ones hand on, computed with the list's networks; else NULL. */
  rg_features *features;
  rung_network *part[RUNG_MOST_EXITS + 1];
};

/* ---- turns ---- */

static bool in_parallel(const rung_training *t) {
  return strcmp(t->procedure, "parallel") == 0;
}

static bool is_frozen(const rung_training *t, int module) { /* from 0 */
  return t->frozen >> module & 1;
}

static int count_trained(const rung_training *t, int modules) {
  int count = 0;
  for (int k = 0; k < modules; k++) count += !is_frozen(t, k);
  return count;
}

/* Number `which` (from 0) of those that are trained, from 0. */
static int trained_at(const rung_training *t, int64_t which) {
  int module = 0;
  while (is_frozen(t, module) || which-- > 0) module++;
  return module;
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
  const int trained = count_trained(t, modules);
  int64_t laps = strcmp(t->procedure, "multilap") == 0 ? t->laps : 1, turns = laps * trained;
  int64_t epochs = steps / steps_of_epoch, turn = 0;
  rg_turn out = {0, step, steps, step == 0};
  if (in_parallel(t)) return out;
  while (turn < turns - 1 && step >= turn_begin(turn + 1, turns, epochs, steps_of_epoch)) turn++;
  out.module = trained_at(t, turn % trained) + 1;
  out.step = out.steps = 0;
  for (int64_t i = turn % trained; i < turns; i += trained) {
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

/* Those behind the last that is trained as well. */
static int modules_of(const rg_modular *m) {
  return rung_network_exits(m->trainer->network) + 1;
}

static size_t handed_bytes(const rg_modular *m, int module) {
  const rung_network *n = m->list[module].part;
  return rg_state_bytes(n, n->blocks.count - 1, m->trainer->training.batch);
}

static rung_status make_stepper(rg_modular *m, int module) {
  rung_trainer *t = m->trainer;
  member *own = &m->list[module];
  const rg_descent *descent = rg_descent_find(t->training.optimiser);
  if (rg_penalty_any(&t->training, module + 1, modules_of(m)))
    own->part->transport = t->training.transport_sum ? RG_TRANSPORT_SUM : RG_TRANSPORT_MEAN;
  own->partial = rg_alloc(m->ctx, (size_t)rg_norm_partials(own->part->parameters), sizeof(double));
  if (!own->partial) return RUNG_E_MEMORY;
  for (int i = 0; i < descent->states; i++)
    snprintf(m->name[module][i], NAME_LENGTH, "%s.%d", descent->state_name[i], module + 1);
  return rg_stepper_create(m->ctx, descent, &t->training, t->network->dtype, own->part->parameters,
                           own->part->decaying, &own->stepper);
}

static rung_status make_part(rg_modular *m, int module) {
  const rung_training *t = &m->trainer->training;
  member *own = &m->list[module];
  bool frozen = is_frozen(t, module);
  RG_TRY(rg_network_module(m->trainer->network, m->ctx, module + 1, &own->part));
  if (!frozen) RG_TRY(make_stepper(m, module));
  m->part[module] = own->part;
  if (!in_parallel(t) || !frozen) return RUNG_OK;
  int64_t samples = t->batch;
  if (t->memory && samples > FEW_SAMPLES) samples = FEW_SAMPLES;
  return rg_inference_create_to(own->part, m->ctx, samples, RG_BODY, &own->body);
}

static void share_state(rg_modular *m) {
  rg_stepper *stepper[RUNG_MOST_EXITS + 1];
  int count = 0;
  if (!in_sequence(&m->trainer->training)) return;
  for (int k = 0; k < m->modules; k++)
    if (m->list[k].stepper) stepper[count++] = m->list[k].stepper;
  m->once = rg_stepper_share(count, stepper);
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
    if (is_frozen(&m->trainer->training, k)) continue;
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
    if (is_frozen(&m->trainer->training, k)) continue;
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

/* ---- lanes ---- */

/* Bytes of the places, `places` of them in turn, of what modules hand on. */
static size_t handed_most(const rg_modular *m, int places, size_t *most) {
  size_t all = 0;
  memset(most, 0, (size_t)places * sizeof *most);
  for (int k = 0; k < m->modules - 1; k++)
    if (handed_bytes(m, k) > most[k % places]) most[k % places] = handed_bytes(m, k);
  for (int i = 0; i < places; i++) all += most[i];
  return all;
}

/* Places for so many lanes, in the stead of those that there are. */
static rung_status make_handed(rg_modular *m, int lanes) {
  size_t most[RG_MOST_LANES + 1];
  handed_most(m, lanes + 1, most);
  for (int i = 0; i <= lanes; i++) {
    rg_free(m->ctx, m->handed[i]);
    m->handed[i] = rg_alloc(m->ctx, most[i], 1);
    if (!m->handed[i]) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

/* What `lanes` lanes hold beside what one does; a lane is a thread, a context and an arena. */
static size_t lanes_bytes(const rg_modular *m, int lanes, size_t arrays) {
  enum { BESIDES = 8 << 10 };
  size_t most[RG_MOST_LANES + 1], one = handed_most(m, 2, most);
  size_t handed = handed_most(m, lanes + 1, most), more = (size_t)(lanes - 1);
  return more * (arrays + BESIDES) + (handed > one ? handed - one : 0);
}

/* As many as there are threads and modules for, as are wanted, and as fit. The passes' plans are
 * there: lanes change none. */
static int choose_lanes(const rg_modular *m, const takings *t, size_t memory) {
  const rung_training *training = &m->trainer->training;
  int lanes = training->pipeline;
  if (!lanes) lanes = m->modules / 2 < AUTO_LANES ? m->modules / 2 : AUTO_LANES;
  if (!in_parallel(training) || training->frozen) return 1; /* one place for all that is frozen */
  if (lanes > m->modules) lanes = m->modules;
  if (lanes > rung_threads(m->ctx)) lanes = rung_threads(m->ctx);
  if (lanes < 1) lanes = 1;
  size_t used = t->held + t->arrays;
  while (lanes > 1 && memory && used + lanes_bytes(m, lanes, t->arrays) > memory) lanes--;
  return lanes;
}

static rung_status make_lanes(rg_modular *m, const takings *t, size_t memory) {
  int lanes = choose_lanes(m, t, memory);
  for (int i = 0; i < lanes; i++) {
    m->arena[i] = rg_alloc(m->ctx, t->arrays, 1);
    if (!m->arena[i]) return RUNG_E_MEMORY;
  }
  if (lanes > 1) RG_TRY(make_handed(m, lanes));
  return rg_pipeline_create(m->ctx, m->modules, lanes, &m->pipeline);
}

static rung_status make_passes(rg_modular *m, size_t memory, size_t *least) {
  takings t;
  RG_TRY(fit_passes(m, memory, least, &t));
  return make_lanes(m, &t, memory);
}

/* ---- all of it ---- */

/* `before`: bytes that were held then. */
static rung_status make(rg_modular *m, size_t before, size_t memory, size_t *least) {
  m->list = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->list);
  m->penalty = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->penalty);
  m->name = rg_calloc(m->ctx, (size_t)m->modules, sizeof *m->name);
  if (!m->list || !m->penalty || !m->name) return RUNG_E_MEMORY;
  for (int k = 0; k < m->modules; k++) {
    rg_penalty_begin(&m->penalty[k], &m->trainer->training);
    RG_TRY(make_part(m, k));
  }
  RG_TRY(share_bodies(m));
  share_state(m);
  if (in_parallel(&m->trainer->training))
    RG_TRY(make_handed(m, 1));
  else
    RG_TRY(
        rg_features_create(m->ctx, m->modules, m->part, m->trainer->training.batch, &m->features));
  size_t used = rung_memory_now(m->ctx) - before + rg_pipeline_bytes(m->modules);
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
  if (t->pipeline < 0 || t->pipeline > RG_MOST_LANES)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "pipeline: expected 0 to %d, found %d", RG_MOST_LANES,
                   t->pipeline);
  if (t->smoothness > 0)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "smoothness in time spans modules: not module-wise");
  if (t->laps < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "laps: expected at least 1, found %lld",
                   (long long)t->laps);
  return rg_penalty_check(ctx, t);
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
  while (m->modules > 0 && is_frozen(&t->training, m->modules - 1)) m->modules--;
  rung_status status = m->modules
                           ? make(m, before, memory, least)
                           : rg_fail(t->ctx, RUNG_E_ARGUMENT,
                                     "frozen: expected a module that is trained, found none");
  if (status == RUNG_OK)
    *out = m;
  else
    rg_modular_destroy(m);
  return status;
}

void rg_modular_destroy(rg_modular *m) {
  if (!m) return;
  rg_features_destroy(m->features);
  for (int k = m->modules - 1; m->list && k >= 0; k--) { /* the first body lends to the others */
    member *own = &m->list[k];
    rg_inference_destroy(own->body);
    rg_pass_destroy(own->pass);
    rg_stepper_destroy(own->stepper);
    rg_free(m->ctx, own->partial);
    rung_network_destroy(own->part);
  }
  rg_pipeline_destroy(m->pipeline);
  for (int i = 0; i <= RG_MOST_LANES; i++) rg_free(m->ctx, m->handed[i]);
  for (int i = 0; i < RG_MOST_LANES; i++) rg_free(m->ctx, m->arena[i]);
  rg_free(m->ctx, m->name);
  rg_free(m->ctx, m->penalty);
  rg_free(m->ctx, m->list);
  rg_free(m->ctx, m);
}

/* ---- a step ---- */

static double told(double value) {
  return isnan(value) ? fabs(value) : value; /* the sign of a NaN means nothing */
}

/* Loss and gradient of a module at its numbers and what the one before handed on; its norm is that
 * of the gradient times `factor`. */
static rung_status evaluate(rg_modular *m, int module, const rg_lane *lane,
                            const rg_pass_batch *batch, double factor) {
  member *own = &m->list[module];
  rg_pass_place(own->pass, m->arena[lane->number]);
  RG_TRY(rg_pass_run(own->pass, batch, &own->seen));
  own->norm = factor * rg_norm(lane->ctx, own->part->dtype, own->part->parameters,
                               own->seen.gradient, own->partial);
  m->penalty[module].seen = (rg_module_seen){own->seen.loss, own->seen.transport, batch->transport};
  if (isfinite(own->seen.loss) && isfinite(own->norm)) return RUNG_OK;
  return rg_fail(lane->ctx, RUNG_E_NUMERIC,
                 "module %d: the loss is %g and the norm of its gradient %g; a lower learning rate "
                 "or gradient clipping may help",
                 module + 1, told(own->seen.loss), told(own->norm));
}

/* One module forwards, back and on. The batch's `tapped` (NULL: not wanted) gets what it hands on.
 */
static rung_status step_module(rg_modular *m, int module, const rg_lane *lane, const rg_turn *turn,
                               const rg_pass_batch *given) {
  const rung_trainer *t = m->trainer;
  member *own = &m->list[module];
  double clip = t->training.clip;
  rg_pass_batch batch = *given;
  batch.ctx = lane->ctx;
  rg_penalty_place place = {module + 1, modules_of(m), turn->step, turn->steps};
  rg_weighing w = rg_penalty_weigh(&m->penalty[module], &t->training, place);
  batch.transport = w.weight;
  RG_TRY(evaluate(m, module, lane, &batch, w.factor));
  double scale = w.factor * (clip > 0 && own->norm > clip ? clip / own->norm : 1);
  double rate = t->lowered *
                rg_schedule_rate(&t->training, t->rate, turn->step, turn->steps, t->steps_of_epoch);
  if (m->once && turn->first) rg_stepper_forget(own->stepper);
  own->stepper->steps = turn->step;
  own->stepper->ctx = lane->ctx;
  rung_status status =
      rg_stepper_step(own->stepper, rate, scale, own->part->theta, own->seen.gradient);
  own->stepper->ctx = m->ctx;
  if (status == RUNG_OK) rg_penalty_follow(&m->penalty[module], &t->training, place);
  return status;
}

/* What the trainer tells of a step is that of the last module in it. */
static void tell_of(rg_modular *m, int module) {
  m->trainer->gradient_norm = m->list[module].norm;
  m->trainer->seen = m->list[module].seen;
}

typedef struct link_call {
  rg_modular *m;
  const rg_turn *turn;
  const rg_pass_batch *batch;
  int module;
} link_call;

static void hand_on(void *arg) {
  const link_call *c = arg;
  rg_pipeline_hand_on(c->m->pipeline, c->module);
}

static rung_status step_link(void *arg, int module, const rg_lane *lane) {
  link_call c = *(const link_call *)arg;
  rg_modular *m = c.m;
  rg_pass_batch batch = *c.batch;
  int places = rg_pipeline_lanes(m->pipeline) + 1;
  c.module = module;
  if (module > 0) batch.x = m->handed[(module - 1) % places];
  if (module < m->modules - 1) batch.tapped = m->handed[module % places];
  if (is_frozen(&m->trainer->training, module)) /* in inference mode, as it is */
    return rg_inference_run_body(m->list[module].body, m->trainer->training.batch, batch.x,
                                 batch.tapped);
  batch.on_tapped = hand_on;
  batch.user = &c;
  return step_module(m, module, lane, c.turn, &batch);
}

static rung_status step_all(rg_modular *m, const rg_turn *turn, const rg_pass_batch *batch) {
  link_call c = {m, turn, batch, 0};
  RG_TRY(rg_pipeline_run(m->pipeline, step_link, &c));
  tell_of(m, m->modules - 1);
  return RUNG_OK;
}

/* Those before are frozen: they run in inference mode. */
static rung_status step_one(rg_modular *m, const rg_turn *turn, const rg_pass_batch *given) {
  const rg_lane lane = {0, m->ctx};
  rg_pass_batch batch = *given;
  RG_TRY(rg_features_get(m->features, turn->module - 1, given->sample, given->x, &batch.x));
  RG_TRY(step_module(m, turn->module - 1, &lane, turn, &batch));
  tell_of(m, turn->module - 1);
  return RUNG_OK;
}

rung_status rg_modular_step(rg_modular *m, const rg_pass_batch *batch) {
  rung_trainer *t = m->trainer;
  rg_turn turn = turn_at(m, t->step);
  int last = turn.module ? turn.module : m->modules, first = turn.module ? last : 1; /* changed */
  for (int k = 1; k <= last; k++) rg_module_take(m->list[k - 1].part, t->network, k);
  RG_TRY(turn.module ? step_one(m, &turn, batch) : step_all(m, &turn, batch));
  for (int k = first; k <= last; k++)
    if (!is_frozen(&t->training, k - 1)) rg_module_give(m->list[k - 1].part, t->network, k);
  return RUNG_OK;
}

rg_features *rg_modular_features(rg_modular *m) {
  return m->features;
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
  for (int k = 0; !m->once && k < m->modules; k++) {
    const rg_stepper *stepper = m->list[k].stepper;
    for (int i = 0; stepper && i < stepper->descent->states; i++)
      out[count++] =
          (rg_trainer_array){m->name[k][i], stepper->state[i], m->list[k].part->parameters, false};
  }
  out[count++] =
      (rg_trainer_array){"penalty", m->penalty, m->modules * (int64_t)RG_PENALTY_NUMBERS, true};
  return count;
}

rung_status rg_modular_state_bytes(const rung_network *n, const rung_training *t, size_t *out) {
  int modules = rung_network_exits(n) + 1;
  const rg_descent *descent = rg_descent_find(t->optimiser);
  int64_t most = 0, all = 0;
  for (int k = 1; k <= modules; k++) {
    rung_network *part;
    if (is_frozen(t, k - 1)) continue;
    RG_TRY(rg_network_module(n, n->ctx, k, &part));
    all += part->parameters;
    if (part->parameters > most) most = part->parameters;
    rung_network_destroy(part);
  }
  int64_t numbers = in_sequence(t) ? most : all;
  *out = (size_t)numbers * (size_t)(descent ? descent->states : 0) * rung_dtype_size(n->dtype) +
         (size_t)modules * sizeof(rg_penalty);
  return RUNG_OK;
}

/* ---- what is seen ---- */

/* A third of a pass that stores all is the way forwards. */
double rg_modular_operations(const rg_modular *m) {
  bool parallel = in_parallel(&m->trainer->training);
  double sum = 0, before = 0;
  for (int k = 0; k < m->modules; k++) {
    if (!m->list[k].pass) continue;
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

double rg_modular_multiplier(const rg_modular *m, int module) {
  return m->trainer->training.multiplier > 0 ? m->penalty[module - 1].now : 0;
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

static void tell_frozen(const rg_modular *m, rg_text *text) {
  const rung_training *t = &m->trainer->training;
  int frozen = rung_network_exits(m->trainer->network) + 1 - count_trained(t, m->modules);
  if (frozen) rg_text_printf(text, ", %d of them frozen", frozen);
}

rung_status rg_modular_tell(const rg_modular *m, char **out) {
  rg_text text;
  size_t most = 0, least = SIZE_MAX;
  const rg_pass_plan *before = NULL;
  rg_text_init(&text, m->ctx);
  rg_text_printf(&text, "module-wise, %s: %d modules", m->trainer->training.procedure,
                 rung_network_exits(m->trainer->network) + 1);
  tell_frozen(m, &text);
  rg_text_add(&text, "; activations:");
  for (int k = 0; k < m->modules; k++) {
    if (!m->list[k].pass) continue;
    const rg_pass_plan *p = rg_pass_get_plan(m->list[k].pass);
    size_t bytes = p->state_bytes + p->workspace_bytes;
    if (bytes > most) most = bytes;
    if (bytes < least) least = bytes;
    bool same = before && before->activations == p->activations && before->micro == p->micro;
    before = p;
    if (same) continue;
    rg_text_printf(&text, " %s (from module %d", rg_activations_name(p->activations), k + 1);
    rg_trainer_tell_pieces(&text, m->list[k].pass, m->list[k].part, m->trainer->training.batch);
    rg_text_add(&text, ")");
  }
  int lanes = rg_pipeline_lanes(m->pipeline);
  rg_text_printf(&text, "; states and workspace %.2f to %.2f MB a module, in ", (double)least / 1e6,
                 (double)most / 1e6);
  if (lanes > 1)
    rg_text_printf(&text, "%d places: a pipeline, %d modules at once", lanes, lanes);
  else
    rg_text_add(&text, "one place");
  if (m->features) rg_text_add(&text, "; ");
  if (m->features) rg_features_tell(m->features, &text);
  *out = text.data;
  return rg_text_status(&text);
}
