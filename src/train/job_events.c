/* Lines of a training's log, one JSON object an event (docs/runs.md), and TensorBoard's copy of
 * them. What differs from session to session (seconds, bytes, time) stands at the end of a line,
 * from "seconds" on. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "study/tensorboard.h"
#include "train/job.h"
#include "train/modular.h"

static void add_key(rg_text *out, const char *name) {
  rg_text_add(out, ",");
  rg_text_json(out, name);
  rg_text_add(out, ":");
}

static void add_real(rg_text *out, const char *name, double value) {
  add_key(out, name);
  rg_text_json_number(out, value);
}

static void add_whole(rg_text *out, const char *name, int64_t value) {
  add_key(out, name);
  rg_text_printf(out, "%lld", (long long)value);
}

static void add_string(rg_text *out, const char *name, const char *value) {
  add_key(out, name);
  rg_text_json(out, value);
}

static rg_text *begin(rg_job *j, const char *event) {
  rg_text_add(&j->events, "{\"event\":");
  rg_text_json(&j->events, event);
  return &j->events;
}

static double seconds_of_all(const rg_job *j) {
  return j->before + rg_seconds() - j->begun;
}

static double wall_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void end_parted(rg_job *j, bool parted) {
  rg_text *out = &j->events;
  add_real(out, "seconds", seconds_of_all(j));
  if (parted) {
    add_real(out, "data_seconds", j->data_seconds);
    add_real(out, "step_seconds", j->step_seconds);
    add_real(out, "validation_seconds", j->validation_seconds);
  }
  add_whole(out, "peak_bytes", (int64_t)rg_job_peak(j));
  rg_text_printf(out, ",\"time\":%.3f}\n", wall_time());
}

static void end(rg_job *j) {
  end_parted(j, false);
}

/* ---- events ---- */

static void add_classes(rg_text *out, const rg_job *j) {
  const char *const *names = rung_network_classes(j->network);
  add_key(out, "classes");
  for (int64_t i = 0; i < rung_network_outputs(j->network); i++) {
    rg_text_add(out, i ? "," : "[");
    rg_text_json(out, names[i]);
  }
  rg_text_add(out, "]");
}

void rg_job_event_start(rg_job *j) {
  rg_text *out = begin(j, "start");
  rg_text_add(out, ",");
  rg_recipe_json(j->recipe, out);
  add_whole(out, "train_samples", j->train.count);
  add_whole(out, "validation_samples", j->held.count);
  add_whole(out, "skipped", j->skipped);
  add_whole(out, "steps_per_epoch", j->per_epoch);
  if (j->classes) add_classes(out, j);
  end(j);
}

void rg_job_event_plan(rg_job *j) {
  const rg_pass_plan *plan = rg_pass_get_plan(rg_trainer_pass(j->trainer));
  rg_text *out = begin(j, "plan");
  add_whole(out, "level", (int64_t)j->standing.level + 1);
  add_whole(out, "parameters", rung_network_parameters(j->network));
  add_whole(out, "layers", rg_network_layers(j->network));
  add_string(out, "plan", rung_trainer_plan(j->trainer));
  add_real(out, "work", plan->work);
  add_whole(out, "step_bytes", (int64_t)rung_trainer_bytes(j->trainer));
  add_whole(out, "planned_bytes", (int64_t)j->planned);
  add_whole(out, "limit_bytes", (int64_t)j->limit);
  end(j);
}

/* What the modules' last steps came to; those that were not trained yet have null. */
static void add_modules(rg_text *out, const rg_modular *modular) {
  add_key(out, "modules");
  for (int k = 1; k <= rg_modular_modules(modular); k++) {
    rg_module_seen seen = rg_modular_seen(modular, k);
    rg_text_add(out, k > 1 ? ",{\"loss\":" : "[{\"loss\":");
    rg_text_json_number(out, seen.loss);
    add_real(out, "transport", seen.transport);
    add_real(out, "weight", seen.weight);
    add_real(out, "ratio", seen.weight * seen.transport / seen.loss);
    double multiplier = rg_modular_multiplier(modular, k);
    if (multiplier > 0) add_real(out, "multiplier", multiplier);
    rg_text_add(out, "}");
  }
  rg_text_add(out, "]");
}

void rg_job_event_epoch(rg_job *j, const rung_epoch *e) {
  rg_text *out = begin(j, "epoch");
  add_whole(out, "epoch", e->epoch);
  if (j->levels > 1) add_whole(out, "level", (int64_t)j->standing.level + 1);
  add_real(out, "train_loss", e->train_loss);
  add_real(out, "train_accuracy", e->train_accuracy);
  add_real(out, "validation_loss", e->validation_loss);
  add_real(out, "validation_accuracy", e->validation_accuracy);
  add_real(out, "rate", e->rate);
  add_real(out, "gradient_norm", j->trainer->gradient_norm);
  add_real(out, "drift", e->drift);
  add_whole(out, "best_epoch", (int64_t)j->standing.best_epoch);
  if (j->trainer->modular) add_modules(out, j->trainer->modular);
  end_parted(j, true);
}

void rg_job_event_restored(rg_job *j, const char *why) {
  rg_text *out = begin(j, "restored");
  add_whole(out, "epoch", (int64_t)j->standing.epoch);
  add_string(out, "why", why);
  add_real(out, "rate_factor", j->standing.lowered);
  end(j);
}

void rg_job_event_features(rg_job *j, const char *why) {
  begin(j, "features");
  add_whole(&j->events, "epoch", (int64_t)j->standing.epoch + 1);
  add_string(&j->events, "recomputed", why);
  end(j);
}

void rg_job_event_score(rg_job *j, const char *set, const rg_score *score) {
  rg_text *out = begin(j, "score");
  int64_t classes = rung_network_outputs(j->network);
  add_string(out, "set", set);
  add_whole(out, "samples", score->samples);
  add_real(out, "loss", score->loss);
  add_real(out, "accuracy", score->accuracy);
  if (j->classes) {
    add_key(out, "confusion"); /* a row for each true class */
    for (int64_t i = 0; i < classes; i++)
      for (int64_t k = 0; k < classes; k++)
        rg_text_printf(out, "%s%lld%s",
                       k   ? ","
                       : i ? ",["
                           : "[[",
                       (long long)score->confusion[i * classes + k],
                       k + 1 < classes   ? ""
                       : i + 1 < classes ? "]"
                                         : "]]");
  }
  end(j);
}

void rg_job_event_result(rg_job *j) {
  const rung_train_result *r = &j->result;
  rg_text *out = begin(j, "result");
  add_string(out, "stop", r->cancelled ? "cancelled" : r->epochs < j->epochs ? "patience" : "done");
  add_whole(out, "epochs", r->epochs);
  add_whole(out, "best_epoch", r->best_epoch);
  add_real(out, "train_loss", r->train_loss);
  add_real(out, "validation_loss", r->validation_loss);
  add_real(out, "validation_accuracy", r->validation_accuracy);
  add_real(out, "test_loss", r->test_loss);
  add_real(out, "test_accuracy", r->test_accuracy);
  add_whole(out, "parameters", r->parameters);
  add_whole(out, "skipped", r->skipped);
  add_whole(out, "restored", r->restored);
  add_whole(out, "planned_bytes", (int64_t)j->planned);
  end(j);
}

/* ---- files ---- */

static void add_lines(rg_text *board, const char *text, size_t length) {
  for (const char *line = text, *stop = text + length; line < stop;) {
    const char *next = memchr(line, '\n', (size_t)(stop - line));
    size_t size = (size_t)((next ? next : stop) - line);
    rg_tensorboard_line(board, line, size);
    line += size + 1;
  }
}

/* A copy of the log that readers follow while it grows: it need not survive a power cut, for a
 * resumed run makes it anew. */
static rung_status append_board(rg_job *j) {
  rg_text board;
  rg_text_init(&board, j->ctx);
  add_lines(&board, j->events.data, j->events.length);
  rung_status status = rg_text_status(&board);
  FILE *file = status == RUNG_OK && board.length ? fopen(j->folder.board, "ab") : NULL;
  if (file) {
    bool good = fwrite(board.data, 1, board.length, file) == board.length;
    if (fclose(file) != 0 || !good)
      status = rg_fail(j->ctx, RUNG_E_IO, "%s: cannot be written", j->folder.board);
  } else if (status == RUNG_OK && board.length) {
    status = rg_fail(j->ctx, RUNG_E_IO, "%s: cannot be opened", j->folder.board);
  }
  rg_text_free(&board);
  return status;
}

rung_status rg_job_log(rg_job *j) {
  if (j->folder.path && j->events.length) {
    RG_TRY(rg_folder_log(&j->folder, &j->events));
    RG_TRY(append_board(j));
  }
  rg_text_free(&j->events);
  rg_text_init(&j->events, j->ctx);
  return RUNG_OK;
}

rung_status rg_job_make_board(rg_job *j) {
  char *log = NULL;
  size_t length = 0;
  rg_text board;
  if (!j->folder.path) return RUNG_OK;
  RG_TRY(rg_read_file(j->ctx, j->folder.log, (size_t)1 << 30, &log, &length));
  if ((int64_t)length > j->folder.log_length) length = (size_t)j->folder.log_length;
  rg_text_init(&board, j->ctx);
  rg_tensorboard_begin(&board, wall_time());
  add_lines(&board, log, length);
  rung_status status = rg_text_status(&board);
  if (status == RUNG_OK) status = rg_write_file(j->ctx, j->folder.board, board.data, board.length);
  rg_text_free(&board);
  rg_free(j->ctx, log);
  return status;
}
