/* Network and trainer of a run, within the memory allowed.
 *
 * Of the limit, what is there whatever the plan comes first: samples, batches, the network, its
 * evaluation, the copy of the last good state, the state as a resumed run reads it, and what the
 * process needs besides. The trainer plans with the rest. Where that is too little, samples stay on
 * the disk. */
#include <math.h>
#include <string.h>

#include "nn/module.h"
#include "train/job.h"

/* Stacks of threads, buffers of the C library and of what is read and written, pages of code that
 * are touched for the first time. */
#define BESIDES ((size_t)3 << 20)
/* Samples that are judged at once where there is room: enough for products to be fast, few enough
 * for the cache. */
#define MOST_JUDGED 64
/* Of the limit judging may take this part, unless a single sample takes more. */
#define JUDGED_PART 32

/* ---- levels ---- */

int64_t rg_job_first_epoch(const rg_job *j, int level) {
  return j->epochs / j->levels * level;
}

int64_t rg_job_epochs_of(const rg_job *j, int level) {
  int64_t end = level + 1 < j->levels ? rg_job_first_epoch(j, level + 1) : j->epochs;
  return end - rg_job_first_epoch(j, level);
}

/* ---- the network ---- */

static rung_shape sample_shape(const rg_job *j) {
  rung_shape shape = {0};
  shape.rank = rung_dataset_shape(j->set, shape.dim);
  return shape;
}

static rung_status name_classes(rg_job *j) {
  int count = rung_dataset_classes(j->set);
  if (!j->classes) return RUNG_OK;
  const char **names = rg_alloc(j->ctx, (size_t)count, sizeof *names);
  if (!names) return RUNG_E_MEMORY;
  for (int i = 0; i < count; i++) names[i] = rung_dataset_class(j->set, i);
  rung_status status = rung_network_set_classes(j->network, j->ctx, names);
  rg_free(j->ctx, (void *)names);
  return status;
}

static rung_status describe_data(rg_job *j) {
  double *mean, *scale;
  int64_t count;
  RG_TRY(name_classes(j));
  rung_network_normalisation(j->network, &mean, &scale, &count);
  for (int64_t i = 0; j->mean && i < count; i++) {
    mean[i] = j->mean[i];
    scale[i] = 1 / j->scale[i];
  }
  rung_network_target_normalisation(j->network, &mean, &scale);
  for (int i = 0; j->target_mean && i < rung_dataset_targets(j->set); i++) {
    mean[i] = j->target_mean[i];
    scale[i] = j->target_scale[i];
  }
  return rung_network_set_form(j->network, j->ctx, j->form);
}

/* Where the network is cut into modules. */
static rung_status choose_exits(rg_job *j, rung_network_settings *s, const rung_shape *sample,
                                int64_t outputs) {
  rung_network *chain;
  if (j->modules == 1) return RUNG_OK;
  RG_TRY(rg_recipe_heads(j->recipe, j->ctx, j->modules - 1, s->exit_head));
  rung_status status = rg_network_declare_settings(j->ctx, s, sample, outputs, j->dtype, &chain);
  if (status != RUNG_OK) return rg_recipe_blame(j->recipe, j->ctx, status, "model");
  int cuts = rg_recipe_cuts(j->recipe, s->exit_at);
  int64_t last = cuts ? s->exit_at[cuts - 1] : 0, most = rg_network_layers(chain) - 1;
  bool given = cuts == j->modules - 1;
  if (!given) status = rg_choose_exits(chain, j->ctx, j->modules, s->exit_at);
  rung_network_destroy(chain);
  if (status != RUNG_OK) return rg_recipe_blame(j->recipe, j->ctx, status, "model");
  if (given && last > most)
    return rg_recipe_fail(j->recipe, j->ctx, "training.cuts",
                          "training.cuts: expected 1 to %lld, the layers before the classifier; "
                          "found %lld",
                          (long long)most, (long long)last);
  s->exits = j->modules - 1;
  return RUNG_OK;
}

static rung_status make_network(rg_job *j, const rung_network *from) {
  rung_network *made;
  if (j->given) {
    RG_TRY(rung_network_copy(j->given, j->ctx, &made));
  } else if (from) {
    RG_TRY(rung_network_prolong(from, j->ctx, &made));
  } else {
    rung_network_settings s = j->settings;
    int halvings = j->levels - 1 - (int)j->standing.level;
    rung_shape sample = sample_shape(j);
    int64_t outputs = j->classes ? rung_dataset_classes(j->set) : rung_dataset_targets(j->set);
    for (int i = 0; i < s.stages; i++) s.layers[i] >>= halvings;
    s.step *= (double)(1 << halvings); /* the final time stays */
    RG_TRY(choose_exits(j, &s, &sample, outputs));
    rung_status status =
        rung_network_create(j->ctx, &s, &sample, outputs, j->dtype, j->training.seed, &made);
    if (status != RUNG_OK) return rg_recipe_blame(j->recipe, j->ctx, status, "model");
  }
  j->network = made;
  j->network_bytes = (size_t)(made->parameters + made->statistics) * rung_dtype_size(j->dtype);
  return j->given ? RUNG_OK : describe_data(j);
}

/* ---- the plan ---- */

/* Bytes of a judgement of held-out samples, or those of the test, so many at once. */
static rung_status measure_judging(rg_job *j, size_t *bytes) {
  rg_inference *f;
  int64_t count = j->check ? rung_batches_size(j->check) : j->training.batch;
  size_t scores = (size_t)(count * rung_network_outputs(j->network)) * rung_dtype_size(j->dtype);
  *bytes = 0;
  if (!j->check && !rung_recipe_get(j->recipe, "data.test")) return RUNG_OK;
  RG_TRY(rg_inference_create_to(j->network, j->ctx, count < j->judged ? count : j->judged,
                                rung_network_exits(j->network) + 1, &f));
  *bytes = scores + rg_inference_bytes(f);
  rg_inference_destroy(f);
  return RUNG_OK;
}

/* How many samples are judged at once; what comes of it is the same to the bit. */
static rung_status choose_judged(rg_job *j) {
  size_t bytes;
  j->judged = MOST_JUDGED;
  RG_TRY(measure_judging(j, &bytes));
  while (j->limit && j->judged > 1 && bytes > rg_job_room(j) / JUDGED_PART) {
    j->judged /= 2;
    RG_TRY(measure_judging(j, &bytes));
  }
  return RUNG_OK;
}

/* Bytes that what comes between two epochs takes for a while: evaluation, a look at stability. */
static rung_status measure_pause(rg_job *j, size_t *bytes) {
  rung_context *ctx = j->ctx;
  size_t judging, peak = ctx->bytes_peak, now = ctx->bytes_now;
  RG_TRY(measure_judging(j, &judging));
  ctx->bytes_peak = now;
  rung_status status = rg_job_try_stability(j);
  *bytes = ctx->bytes_peak - now;
  if (*bytes < judging) *bytes = judging;
  if (ctx->bytes_peak < peak) ctx->bytes_peak = peak;
  return status;
}

static size_t data_bytes(const rg_job *j) {
  size_t batches = rung_batches_bytes(j->batches) + (j->check ? rung_batches_bytes(j->check) : 0);
  size_t indices = (size_t)(j->train.count + j->held.count) * sizeof *j->train.index;
  return rung_dataset_bytes(j->set) + batches + indices;
}

/* What is there whatever the trainer's plan. */
static rung_status measure_rest(rg_job *j, size_t state, size_t *bytes) {
  size_t pause;
  RG_TRY(measure_pause(j, &pause));
  /* Sums that a resumed run comes to as well: the plan may not depend on where it was cut. The last
   * good state and the best model are copies, and so is what is trained of the caller's network;
   * files are written from where things lie. */
  int networks = j->given && !j->extended ? 3 : 2;
  *bytes = data_bytes(j) + (size_t)networks * j->network_bytes + pause + state + RG_PROGRAM_BYTES +
           BESIDES;
  return RUNG_OK;
}

void rg_job_drop_level(rg_job *j) {
  rung_trainer_destroy(j->trainer);
  rung_network_destroy(j->network);
  rg_free(j->ctx, j->good.arrays);
  rg_free(j->ctx, j->best);
  j->trainer = NULL;
  j->network = NULL;
  j->good.arrays = NULL;
  j->best = NULL;
}

/* Rounded up to what is printed: so much will do. */
static double megabytes(size_t bytes) {
  return ceil((double)bytes / 1e4) / 100;
}

static rung_status fail_budget(const rg_job *j, size_t rest, size_t least) {
  size_t data = data_bytes(j);
  rung_clear_error(j->ctx);
  return rg_fail(j->ctx, RUNG_E_BUDGET,
                 "training.memory: %.2f MB are allowed, but this run takes at least %.2f MB: "
                 "samples and batches %.2f MB, a step %.2f MB, the rest (network, evaluation, "
                 "state) %.2f MB",
                 (double)j->limit / 1e6,
                 megabytes(rest + least > j->reading ? rest + least : j->reading),
                 (double)data / 1e6, (double)least / 1e6, (double)(rest - data) / 1e6);
}

static rung_status make_with_judged(rg_job *j, size_t *missing) {
  size_t rest, state, least = 0;
  rung_training t = j->training;
  int level = (int)j->standing.level;
  *missing = 0;
  RG_TRY(rg_trainer_state_bytes(j->network, &j->training, &state));
  RG_TRY(measure_rest(j, state, &rest));
  size_t features = rg_job_feature_bytes(j), taken = rest + features;
  if (j->limit) t.memory = j->limit > taken ? j->limit - taken : 1;
  rung_status status = rg_trainer_create(
      j->network, j->ctx, &t, rg_job_epochs_of(j, level) * j->per_epoch, j->per_epoch,
      strcmp(j->stability, "off") != 0, j->hasty, &least, &j->trainer);
  if (status == RUNG_E_BUDGET && j->limit && least) {
    *missing = taken + least - j->limit;
    return fail_budget(j, rest, features + least);
  }
  if (status != RUNG_OK) return status;
  rest = rest - state + rg_snapshot_bytes(j->trainer);
  RG_TRY(rg_job_keep_features(j, rest));
  j->planned = rest + rung_trainer_bytes(j->trainer);
  j->good.arrays = rg_alloc(j->ctx, rg_snapshot_bytes(j->trainer), 1);
  j->best = rg_alloc(j->ctx, j->network_bytes, 1);
  return j->good.arrays && j->best ? RUNG_OK : RUNG_E_MEMORY;
}

static rung_status make_with_threads(rg_job *j, int threads, size_t *missing) {
  rung_trainer_destroy(j->trainer);
  rg_free(j->ctx, j->good.arrays);
  rg_free(j->ctx, j->best);
  j->trainer = NULL;
  j->good.arrays = NULL;
  j->best = NULL;
  rung_clear_error(j->ctx);
  j->ctx->threads = threads;
  *missing = 0;
  RG_TRY(choose_judged(j));
  rung_status status = make_with_judged(j, missing);
  if (status != RUNG_E_BUDGET || !j->limit || j->judged == 1) return status;
  rung_clear_error(j->ctx);
  j->judged = 1;
  return make_with_judged(j, missing);
}

/* *missing: bytes that it takes more than is allowed, where that is why it failed. A thread takes
 * some memory, but which plan is taken may not depend on how many there are, where it has to do
 * with bits: it is that of one thread, with as many as leave it what it is. */
static rung_status make_trainer(rg_job *j, size_t *missing) {
  if (!j->limit) return make_with_threads(j, j->threads, missing);
  rung_status status = make_with_threads(j, 1, missing);
  if (status != RUNG_OK || j->searching) return status;
  uint64_t way = rg_trainer_way(j->trainer);
  for (int threads = j->threads; threads > 1; threads /= 2) {
    status = make_with_threads(j, threads, missing);
    if (status == RUNG_OK && rg_trainer_way(j->trainer) == way) return RUNG_OK;
    if (status != RUNG_OK && status != RUNG_E_BUDGET) return status;
  }
  return j->threads > 1 ? make_with_threads(j, 1, missing) : RUNG_OK;
}

rung_status rg_job_make_level(rg_job *j, const rung_network *from) {
  size_t missing;
  RG_TRY(make_network(j, from));
  rung_status status = make_trainer(j, &missing);
  j->needed = j->limit + missing;
  return status;
}

/* The samples' bytes that would leave room, or 1: as few as can be. */
static size_t smaller(const rg_job *j, size_t missing) {
  size_t held = rung_dataset_bytes(j->set), margin = (size_t)64 << 10;
  return held > missing + margin ? held - missing - margin : 1;
}

static rung_status try_level(rg_job *j) {
  size_t missing;
  RG_TRY(make_network(j, NULL));
  rung_status status = make_trainer(j, &missing);
  j->needed = j->limit + missing;
  if (status != RUNG_E_BUDGET || !missing) return status;
  size_t less = smaller(j, missing);
  char message[sizeof j->ctx->message];
  memcpy(message, rung_error(j->ctx), strlen(rung_error(j->ctx)) + 1);
  rg_job_drop_level(j);
  rg_job_close_data(j);
  rung_clear_error(j->ctx);
  status = rg_job_open_data(j, less);
  if (status == RUNG_E_BUDGET) { /* these samples cannot stay on the disk */
    rung_clear_error(j->ctx);
    rg_job_close_data(j);
    RG_TRY(rg_job_open_data(j, j->samples_most)); /* as they were: another plan may be tried */
    return rg_fail(j->ctx, status, "%s", message);
  }
  if (status != RUNG_OK) return status;
  return rg_job_make_level(j, NULL);
}

/* Within half of what the limit leaves, or else, where samples cannot stay on the disk, within all
 * of it. What every run takes may be used in any case: a limit below that is refused by the plan,
 * which knows what would do. */
static rung_status open_within_limit(rg_job *j) {
  size_t room = rg_job_room(j), half = room / 2 > BESIDES ? room / 2 : BESIDES;
  rung_status status = rg_job_open_data(j, half);
  if (status != RUNG_E_BUDGET || room <= half) return status;
  rg_job_close_data(j);
  rung_clear_error(j->ctx);
  status = rg_job_open_data(j, room);
  if (status != RUNG_E_BUDGET) return status;
  char why[sizeof j->ctx->message];
  memcpy(why, rung_error(j->ctx), strlen(rung_error(j->ctx)) + 1);
  rung_clear_error(j->ctx);
  return rg_fail(j->ctx, status, "training.memory: %.2f MB cannot hold the samples: %.700s",
                 (double)j->limit / 1e6, why);
}

/* To read a table may take more than to hold it. */
static void note_reading(rg_job *j) {
  size_t taken = rg_job_peak(j);
  bool little = taken <= RG_PROGRAM_BYTES + BESIDES;
  j->reading = little ? 0 : taken + taken / 32; /* pages vary */
}

static rung_status open_samples(rg_job *j) {
  RG_TRY(j->limit ? open_within_limit(j) : rg_job_open_data(j, 0));
  note_reading(j);
  return RUNG_OK;
}

/* Told last, because what the run takes besides is more in most cases, and is then what is told. */
static rung_status check_reading(const rg_job *j) {
  if (!j->limit || j->reading <= j->limit) return RUNG_OK;
  return rg_fail(j->ctx, RUNG_E_BUDGET,
                 "training.memory: %.2f MB are allowed, but to read the samples takes at least "
                 "%.2f MB",
                 (double)j->limit / 1e6, megabytes(j->reading));
}

/* ---- modules and procedure ---- */

/* The numbers of modules that are tried. */
static const int numbers[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
#define NUMBERS ((int)(sizeof numbers / sizeof *numbers))

int64_t rg_job_turns(const rg_job *j) {
  if (!j->training.modulewise || strcmp(j->training.procedure, "parallel") == 0) return 0;
  int64_t trained = j->modules;
  for (int k = 0; k < j->modules; k++) trained -= (int)(j->training.frozen >> k & 1);
  return strcmp(j->training.procedure, "multilap") == 0 ? trained * j->training.laps : trained;
}

/* Modules in turn need an epoch each. */
static rung_status check_turns(const rg_job *j) {
  int64_t turns = rg_job_turns(j);
  if (j->epochs >= turns) return RUNG_OK;
  return rg_recipe_fail(j->recipe, j->ctx, "training.epochs",
                        "expected an epoch for each of the %lld turns of modules, found %lld",
                        (long long)turns, (long long)j->epochs);
}

/* The cheapest way so far, and the least that any way takes that does not fit. */
typedef struct search {
  int first;   /* the number that is tried first */
  int modules; /* 0: none yet */
  const char *procedure;
  double operations;
  bool whole; /* all passes are of whole batches */
  size_t least;
  char message[sizeof((rung_context *)NULL)->message]; /* of the least */
  bool done; /* nothing with more modules is worth a look */
} search;

static void note_refusal(rg_job *j, search *s) {
  if (s->least && s->least <= j->needed) return;
  s->least = j->needed;
  memcpy(s->message, rung_error(j->ctx), strlen(rung_error(j->ctx)) + 1);
}

static void note_way(rg_job *j, search *s) {
  double operations = rg_trainer_operations(j->trainer);
  bool whole = rg_trainer_micro(j->trainer) == j->training.batch;
  if (s->modules && (whole < s->whole || (whole == s->whole && operations >= s->operations)))
    return;
  s->modules = j->modules;
  s->procedure = j->training.procedure;
  s->operations = operations;
  s->whole = whole;
}

/* *plain: it fits with all stored, so that nothing behind it is cheaper. The level is dropped, but
 * for the only one that is tried without a limit. */
static rung_status try_way(rg_job *j, int modules, const char *procedure, search *s, bool *plain) {
  *plain = false;
  j->modules = modules;
  j->training.procedure = procedure;
  if (j->epochs < rg_job_turns(j)) return RUNG_OK;
  rung_clear_error(j->ctx);
  bool hasty = j->hasty = modules != s->first; /* there is something to fall back on */
  j->searching = true;
  rung_status status = try_level(j);
  if (status == RUNG_OK) {
    *plain = rg_trainer_work(j->trainer) <= 1;
    note_way(j, s);
  } else if (status == RUNG_E_BUDGET && j->needed > j->limit) {
    note_refusal(j, s);
  } else {
    s->done = true; /* no more modules than layers, or more programs than memory */
  }
  j->hasty = j->searching = false;
  if (!*plain || j->limit) rg_job_drop_level(j);
  bool expected = hasty && (status == RUNG_E_BUDGET || status == RUNG_E_ARGUMENT);
  return s->done && !expected ? status : RUNG_OK;
}

/* With modules in turn where it helps: trained as long, each step of a later module computes again
 * what those before hand on. Patience and turns do not go together. */
static rung_status try_number(rg_job *j, int modules, search *s, bool *plain) {
  bool any = strcmp(rung_recipe_get(j->recipe, "training.procedure"), "auto") == 0;
  RG_TRY(try_way(j, modules, any ? "parallel" : j->training.procedure, s, plain));
  bool whole = s->modules == modules && s->whole;
  if (!any || whole || j->patience) return RUNG_OK;
  return try_way(j, modules, "sequential", s, plain);
}

/* The number of modules and the procedure with the least operations that fit: whole batches before
 * pieces, fewer modules before more. Without a limit that is the first that is tried. */
static rung_status choose_way(rg_job *j) {
  int fixed = j->modules, count = fixed ? 1 : NUMBERS;
  search s = {.first = fixed ? fixed : numbers[0]};
  bool plain = false;
  for (int i = 0; i < count && !plain && !s.done; i++) {
    rung_status status = try_number(j, fixed ? fixed : numbers[i], &s, &plain);
    if (status != RUNG_OK) return status;
  }
  rung_clear_error(j->ctx);
  if (plain && !j->limit) return RUNG_OK;
  if (!s.modules && !s.least) return check_turns(j);
  if (!s.modules) j->needed = s.least;
  if (!s.modules) return rg_fail(j->ctx, RUNG_E_BUDGET, "%s", s.message);
  j->modules = s.modules;
  j->training.procedure = s.procedure;
  return try_level(j);
}

/* The last level, which takes the most, is tried first. */
static rung_status plan_run(rg_job *j) {
  double level = j->standing.level;
  bool any = strcmp(j->training.procedure, "auto") == 0;
  if (j->training.modulewise && (!j->modules || any))
    RG_TRY(choose_way(j));
  else if (!j->limit || (int)level == j->levels - 1)
    RG_TRY(try_level(j));
  if (j->trainer) return check_turns(j);
  j->standing.level = j->levels - 1;
  RG_TRY(try_level(j));
  rg_job_drop_level(j);
  j->standing.level = level;
  return rg_job_make_level(j, NULL);
}

rung_status rg_job_prepare(rg_job *j) {
  RG_TRY(open_samples(j));
  RG_TRY(rg_job_look_at_test(j));
  if (!j->limit) note_reading(j); /* with one, the test set has what it leaves */
  RG_TRY(plan_run(j));
  rg_job_close_given(j);
  rg_trim_memory(); /* of the plans that were thought of */
  return check_reading(j);
}

/* ---- planning alone ---- */

/* Seconds of the second of two steps on a batch; NaN where they cannot be taken. */
static double time_step(rg_job *j) {
  rung_batch batch;
  double begun = 0;
  rung_status status = rung_batches_seek(j->batches, 0, 0);
  if (status == RUNG_OK) status = rung_batches_next(j->batches, &batch);
  for (int i = 0; i < 2 && status == RUNG_OK; i++) {
    begun = rg_seconds();
    status = rg_trainer_step(j->trainer, &batch, NULL);
  }
  double seconds = rg_seconds() - begun;
  if (status != RUNG_OK) rung_clear_error(j->ctx);
  return status == RUNG_OK ? seconds : NAN;
}

/* Of a step; with modules in turn the mean over a step in the first turn of each. */
static double time_steps(rg_job *j) {
  int64_t turns = rg_job_turns(j), steps = j->trainer->steps;
  double sum = 0;
  if (!turns || j->epochs < turns) return time_step(j);
  for (int64_t k = 0; k < j->modules; k++) {
    j->trainer->step = (int64_t)((double)steps * (double)(2 * k + 1) / (double)(2 * turns));
    sum += time_step(j);
  }
  return sum / j->modules;
}

static rung_planned row_of(rg_job *j, rung_status status) {
  rung_planned row = {.modules = j->modules,
                      .planned_bytes = j->needed,
                      .work = NAN,
                      .step_seconds = NAN,
                      .steps_per_epoch = j->per_epoch};
  if (status != RUNG_OK) return row;
  row.fits = 1;
  row.planned_bytes = rg_job_planned(j);
  row.step_bytes = rung_trainer_bytes(j->trainer);
  row.work = rg_trainer_work(j->trainer);
  row.micro_batch = rg_trainer_micro(j->trainer);
  row.step_seconds = time_steps(j);
  return row;
}

rung_status rg_job_plan_all(rg_job *j, int most, rung_planned *rows, int *count) {
  bool any = strcmp(j->training.procedure, "auto") == 0;
  rung_status status = open_samples(j);
  for (int i = -1; i < NUMBERS && *count < most && status == RUNG_OK; i++) {
    j->modules = i < 0 ? 1 : numbers[i];
    j->training.modulewise = j->modules > 1;
    if (j->modules > 1 && !rg_recipe_heads_fit(j->recipe, j->modules - 1)) continue;
    if (any) j->training.procedure = i < 0 ? "parallel" : "auto";
    status = any && i >= 0 ? choose_way(j) : try_level(j);
    bool planned = status == RUNG_OK || (status == RUNG_E_BUDGET && j->needed > j->limit);
    if (planned) rows[(*count)++] = row_of(j, status);
    rg_job_drop_level(j);
    if (!planned && i >= 0) break; /* no more modules than layers */
    if (planned && status != RUNG_OK) {
      rung_clear_error(j->ctx);
      status = RUNG_OK;
    }
  }
  if (*count > 0) rung_clear_error(j->ctx);
  return *count > 0 ? RUNG_OK : status;
}

size_t rg_job_planned(const rg_job *j) {
  return j->planned > j->reading ? j->planned : j->reading;
}

size_t rg_job_room(const rg_job *j) {
  enum { LEAST = 2 }; /* of which the half is a limit still */
  if (!j->limit) return 0;
  return j->limit > RG_PROGRAM_BYTES + LEAST ? j->limit - RG_PROGRAM_BYTES : LEAST;
}

size_t rg_job_peak(const rg_job *j) {
  size_t now = rg_resident(true);
  size_t program = j->base < RG_PROGRAM_BYTES ? j->base : RG_PROGRAM_BYTES;
  if (now > j->base_peak) return program + now - j->base;
  return program + j->ctx->bytes_peak - j->held_before; /* the process had held more before */
}
