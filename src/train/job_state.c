/* The state of a training run: written after each epoch, and now and then within a long one;
 * docs/training.md lists its tensors.
 *
 * In this order: the best model, the state (with the lines that are to come into the log and the
 * place where they go), the log. Whatever a kill cuts short, the state tells how to put the log
 * right, and a run that goes on from it comes to the same models again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "train/job.h"

#define FORMAT "rung-training"
#define VERSION "1"

/* ---- snapshots ---- */

static size_t bytes_of(const rung_trainer *t, const rg_trainer_array *a) {
  return (size_t)a->count * (a->real ? sizeof(double) : rung_dtype_size(t->network->dtype));
}

size_t rg_snapshot_bytes(rung_trainer *t) {
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  int count = rg_trainer_arrays(t, list);
  size_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += bytes_of(t, &list[i]);
  return bytes;
}

static void keep_counters(rg_job *j) {
  const rung_trainer *t = j->trainer;
  j->standing.trainer_step = (double)t->step;
  j->standing.descents = t->stepper ? (double)t->stepper->steps : 0;
  j->standing.lowered = t->lowered;
}

static void set_counters(rg_job *j) {
  rung_trainer *t = j->trainer;
  t->step = (int64_t)j->standing.trainer_step;
  if (t->stepper) t->stepper->steps = (int64_t)j->standing.descents;
  t->lowered = j->standing.lowered;
  rg_trainer_was_set(t);
}

void rg_snapshot_take(rg_job *j, rg_snapshot *out) {
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  int count = rg_trainer_arrays(j->trainer, list);
  char *at = out->arrays;
  for (int i = 0; i < count; i++) {
    memcpy(at, list[i].data, bytes_of(j->trainer, &list[i]));
    at += bytes_of(j->trainer, &list[i]);
  }
  keep_counters(j);
  out->standing = j->standing;
  out->watch = j->watch;
}

void rg_snapshot_restore(rg_job *j, const rg_snapshot *from) {
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  int count = rg_trainer_arrays(j->trainer, list);
  const char *at = from->arrays;
  for (int i = 0; i < count; i++) {
    memcpy(list[i].data, at, bytes_of(j->trainer, &list[i]));
    at += bytes_of(j->trainer, &list[i]);
  }
  j->standing = from->standing;
  j->watch = from->watch;
  set_counters(j);
}

/* ---- writing ---- */

static rung_status put_hash(rg_tensors *set, const char *key, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%016" PRIx64, value);
  return rg_tensors_add_text(set, key, text);
}

static rung_status put_numbers(rg_tensors *set, const char *name, const void *data, size_t count) {
  return rg_tensors_add_view(set, name, RG_TENSOR_F64, 1, (int64_t[]){(int64_t)count}, data);
}

/* Arrays as tensors; double-double as pairs of doubles. */
static rung_status put_array(rg_tensors *set, const char *prefix, const rung_trainer *t,
                             const rg_trainer_array *a, const void *data) {
  char name[80];
  rung_dtype dtype = a->real ? RUNG_F64 : t->network->dtype;
  int64_t dims[2] = {a->count, 2};
  snprintf(name, sizeof name, "%s%s", prefix, a->name);
  return rg_tensors_add_view(set, name, dtype == RUNG_F32 ? RG_TENSOR_F32 : RG_TENSOR_F64,
                             dtype == RUNG_DD ? 2 : 1, dims, data);
}

static rung_status put_arrays(rg_tensors *set, const rg_job *j) {
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  int count = rg_trainer_arrays(j->trainer, list);
  const char *good = j->good.arrays;
  for (int i = 0; i < count; i++) {
    RG_TRY(put_array(set, "", j->trainer, &list[i], list[i].data));
    RG_TRY(put_array(set, "good.", j->trainer, &list[i], good));
    good += bytes_of(j->trainer, &list[i]);
  }
  return RUNG_OK;
}

static rung_status put_result(rg_tensors *set, const rung_train_result *r) {
  const double numbers[] = {(double)r->epochs,
                            (double)r->best_epoch,
                            r->train_loss,
                            r->validation_loss,
                            r->validation_accuracy,
                            r->test_loss,
                            r->test_accuracy,
                            (double)r->parameters,
                            r->seconds,
                            (double)r->planned_bytes,
                            (double)r->peak_bytes,
                            (double)r->skipped,
                            r->restored};
  return rg_tensors_add(set, "result", RG_TENSOR_F64, 1,
                        (int64_t[]){sizeof numbers / sizeof *numbers}, numbers);
}

static rung_status put_state(rg_tensors *set, rg_job *j, bool finished) {
  RG_TRY(rg_tensors_add_text(set, "format", FORMAT));
  RG_TRY(rg_tensors_add_text(set, "version", VERSION));
  RG_TRY(rg_tensors_add_text(set, "finished", finished ? "yes" : "no"));
  RG_TRY(put_hash(set, "recipe", j->recipe_hash));
  RG_TRY(put_hash(set, "data", j->data_hash));
  RG_TRY(rg_tensors_add_i64(set, "log_length", j->folder.log_length));
  RG_TRY(rg_tensors_add(set, "events", RG_TENSOR_U8, 1, (int64_t[]){(int64_t)j->events.length},
                        j->events.length ? j->events.data : ""));
  if (finished) return put_result(set, &j->result);
  keep_counters(j);
  j->standing.seconds = j->before + rg_seconds() - j->begun;
  RG_TRY(put_numbers(set, "standing", &j->standing, RG_STANDING_NUMBERS));
  RG_TRY(put_numbers(set, "watch", &j->watch, RG_WATCH_NUMBERS));
  RG_TRY(put_numbers(set, "good.standing", &j->good.standing, RG_STANDING_NUMBERS));
  RG_TRY(put_numbers(set, "good.watch", &j->good.watch, RG_WATCH_NUMBERS));
  return put_arrays(set, j);
}

static rung_status save(rg_job *j, bool finished) {
  rg_tensors set;
  if (!j->folder.path) return RUNG_OK;
  RG_TRY(rg_text_status(&j->events));
  rg_tensors_init(&set, j->ctx);
  rung_status status = put_state(&set, j, finished);
  if (status == RUNG_OK) status = rg_tensors_write(&set, j->folder.state);
  rg_tensors_free(&set);
  j->saved = rg_seconds();
  return status;
}

rung_status rg_job_save(rg_job *j) {
  return save(j, false);
}

rung_status rg_job_save_result(rg_job *j) {
  return save(j, true);
}

/* ---- reading ---- */

static rung_status bad(const rg_tensors *set, const char *what) {
  return rg_fail(set->ctx, RUNG_E_FORMAT, "%s: expected the state of a training run; %s is wrong",
                 set->name, what);
}

static rung_status take_hash(const rg_tensors *set, const char *key, uint64_t *out) {
  const char *text;
  int used = 0;
  RG_TRY(rg_tensors_get_text(set, key, &text));
  if (sscanf(text, "%16" SCNx64 "%n", out, &used) != 1 || text[used]) return bad(set, key);
  return RUNG_OK;
}

static rung_status take_numbers(const rg_tensors *set, const char *name, void *out, size_t count) {
  const rg_tensor *t;
  RG_TRY(rg_tensors_get(set, name, RG_TENSOR_F64, 1, (int64_t[]){(int64_t)count}, &t));
  return rg_tensors_fetch(set, t, out);
}

static bool whole_between(double value, double low, double high) {
  return value >= low && value <= high && value == (double)(int64_t)value;
}

/* What is used as a number of a step or an epoch is one. */
static rung_status check_standing(const rg_tensors *set, const rg_job *j, const rg_standing *s) {
  bool fits = whole_between(s->level, 0, j->levels - 1) &&
              whole_between(s->epoch, 0, (double)j->epochs) && whole_between(s->step, 0, 1e15) &&
              whole_between(s->trainer_step, 0, 1e15) && whole_between(s->descents, 0, 1e15) &&
              s->lowered > 0 && s->lowered <= 1 && whole_between(s->best_epoch, 0, 1e15) &&
              whole_between(s->since_best, 0, 1e15) && whole_between(s->restored, 0, 1);
  return fits ? RUNG_OK : bad(set, "standing");
}

/* So is what is used as a place in the watch's ring. */
static rung_status check_watch(const rg_tensors *set, const rg_watch *w) {
  bool fits = whole_between(w->count, 0, 1e15) && whole_between(w->row, 0, RG_WATCH_ROW);
  return fits ? RUNG_OK : bad(set, "watch");
}

static rung_status take_head(const rg_tensors *set, rg_job *j, bool *finished) {
  const char *text, *format = rg_tensors_text(set, "format");
  uint64_t recipe;
  if (!format || strcmp(format, FORMAT) != 0) return bad(set, "\"format\" in its metadata");
  RG_TRY(rg_tensors_get_text(set, "version", &text));
  if (strcmp(text, VERSION) != 0)
    return rg_fail(set->ctx, RUNG_E_UNSUPPORTED,
                   "%s: state version %.20s, but this library (%s) reads version " VERSION,
                   set->name, text, rung_version());
  RG_TRY(take_hash(set, "recipe", &recipe));
  if (recipe != j->recipe_hash)
    return rg_fail(set->ctx, RUNG_E_DATA,
                   "%s: is not the recipe with which the run was started; start a new run with it",
                   j->folder.recipe);
  RG_TRY(rg_tensors_get_text(set, "finished", &text));
  *finished = strcmp(text, "yes") == 0;
  return RUNG_OK;
}

static rung_status take_result(const rg_tensors *set, rung_train_result *r) {
  double n[13];
  RG_TRY(take_numbers(set, "result", n, sizeof n / sizeof *n));
  for (int i = 7; i < 13; i++)
    if (!(n[i] >= 0 && n[i] < 1e18)) return bad(set, "result");
  if (!whole_between(n[0], 0, 1e15) || !whole_between(n[1], 0, 1e15)) return bad(set, "result");
  *r = (rung_train_result){.epochs = (int64_t)n[0],
                           .best_epoch = (int64_t)n[1],
                           .train_loss = n[2],
                           .validation_loss = n[3],
                           .validation_accuracy = n[4],
                           .test_loss = n[5],
                           .test_accuracy = n[6],
                           .parameters = (int64_t)n[7],
                           .seconds = n[8],
                           .planned_bytes = (size_t)n[9],
                           .peak_bytes = (size_t)n[10],
                           .skipped = (int64_t)n[11],
                           .restored = n[12] > 0};
  return RUNG_OK;
}

static rung_status peek(const rg_tensors *set, rg_job *j, bool *finished) {
  RG_TRY(take_head(set, j, finished));
  if (*finished) return take_result(set, &j->result);
  RG_TRY(take_numbers(set, "standing", &j->standing, RG_STANDING_NUMBERS));
  return check_standing(set, j, &j->standing);
}

rung_status rg_job_peek(rg_job *j, bool *found, bool *finished) {
  struct stat info;
  rg_tensors set;
  *found = *finished = false;
  if (stat(j->folder.state, &info) != 0 && errno == ENOENT) return RUNG_OK;
  RG_TRY(rg_tensors_open(&set, j->ctx, j->folder.state));
  rung_status status = peek(&set, j, finished);
  rg_tensors_free(&set);
  *found = true;
  return status;
}

static rung_status take_array(const rg_tensors *set, const char *prefix, const rung_trainer *t,
                              const rg_trainer_array *a, void *out) {
  char name[80];
  rung_dtype dtype = a->real ? RUNG_F64 : t->network->dtype;
  const rg_tensor *tensor;
  snprintf(name, sizeof name, "%s%s", prefix, a->name);
  RG_TRY(rg_tensors_get(set, name, dtype == RUNG_F32 ? RG_TENSOR_F32 : RG_TENSOR_F64,
                        dtype == RUNG_DD ? 2 : 1, (int64_t[]){a->count, 2}, &tensor));
  return rg_tensors_fetch(set, tensor, out);
}

static rung_status take_arrays(const rg_tensors *set, rg_job *j) {
  rg_trainer_array list[RG_MOST_TRAINER_ARRAYS];
  int count = rg_trainer_arrays(j->trainer, list);
  char *good = j->good.arrays;
  for (int i = 0; i < count; i++) {
    RG_TRY(take_array(set, "", j->trainer, &list[i], list[i].data));
    RG_TRY(take_array(set, "good.", j->trainer, &list[i], good));
    good += bytes_of(j->trainer, &list[i]);
  }
  return RUNG_OK;
}

static rung_status take_events(const rg_tensors *set, rg_job *j) {
  const rg_tensor *events;
  RG_TRY(rg_tensors_get(set, "events", RG_TENSOR_U8, 1, (int64_t[]){-1}, &events));
  char *text = rg_alloc(j->ctx, events->bytes, 1);
  rung_status status = text ? rg_tensors_fetch(set, events, text) : RUNG_E_MEMORY;
  if (status == RUNG_OK) rg_text_add_n(&j->events, text, events->bytes);
  rg_free(j->ctx, text);
  return status == RUNG_OK ? rg_text_status(&j->events) : status;
}

static rung_status take_state(const rg_tensors *set, rg_job *j) {
  bool finished;
  uint64_t data;
  RG_TRY(take_head(set, j, &finished));
  RG_TRY(take_hash(set, "data", &data));
  if (data != j->data_hash)
    return rg_fail(
        set->ctx, RUNG_E_DATA,
        "%s: the data%s have changed since the run was started; start a new run with them",
        j->folder.path,
        rung_recipe_get(j->recipe, "extend.network") ? " or the network to extend" : "");
  RG_TRY(take_numbers(set, "standing", &j->standing, RG_STANDING_NUMBERS));
  RG_TRY(take_numbers(set, "watch", &j->watch, RG_WATCH_NUMBERS));
  RG_TRY(take_numbers(set, "good.standing", &j->good.standing, RG_STANDING_NUMBERS));
  RG_TRY(take_numbers(set, "good.watch", &j->good.watch, RG_WATCH_NUMBERS));
  RG_TRY(check_standing(set, j, &j->standing));
  RG_TRY(check_standing(set, j, &j->good.standing));
  RG_TRY(check_watch(set, &j->watch));
  RG_TRY(check_watch(set, &j->good.watch));
  RG_TRY(take_arrays(set, j));
  set_counters(j);
  RG_TRY(rg_tensors_get_i64(set, "log_length", &j->folder.log_length));
  if (j->folder.log_length < 0) return bad(set, "log_length");
  return take_events(set, j);
}

rung_status rg_job_load(rg_job *j) {
  rg_tensors set;
  RG_TRY(rg_tensors_open(&set, j->ctx, j->folder.state));
  rung_status status = take_state(&set, j);
  rg_tensors_free(&set);
  j->before = j->standing.seconds;
  return status;
}
