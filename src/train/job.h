/* A training run: what the files that carry it out share.
 *
 * A run is a function of recipe and data. All that the next step depends on lies in the trainer's
 * arrays, in `standing` and in `watch`; together they are the state that is saved, that a resumed
 * run goes on from, and, as it was at the last good epoch, that a run which went off its course
 * comes back to. */
#ifndef RG_JOB_H
#define RG_JOB_H

#include "rung/batch.h"
#include "store/recipe.h"
#include "store/safetensors.h"
#include "train/folder.h"
#include "train/trainer.h"
#include "train/watch.h"

/* Where the run stands; doubles alone, so that it is saved as one array. */
typedef struct rg_standing {
  double level;          /* from 0 */
  double epoch;          /* epochs done, over all levels */
  double step;           /* steps done of the epoch that is on */
  double trainer_step;   /* of the level */
  double descents;       /* t of the optimiser's formulas */
  double lowered;        /* factor of the learning rate */
  double loss_sum;       /* of the epoch's steps */
  double right, counted; /* samples of the epoch that were classified right, and all */
  double drift;          /* largest of the epoch; -1: none */
  double best_epoch;     /* 0: none yet */
  double best_loss;
  double since_best;                                       /* epochs without a better one */
  double train_loss, validation_loss, validation_accuracy; /* of the last epoch */
  double restored;                                         /* how often */
  double seconds;                                          /* of all sessions up to the last save */
} rg_standing;
#define RG_STANDING_NUMBERS (sizeof(rg_standing) / sizeof(double))

/* What a process that trains holds besides the run: code and tables of the program and its
 * libraries, 7 MB of `rung` on x86-64. A constant, so that the plan is a function of the recipe; a
 * process that holds more is a host, whose other memory is not the run's. */
#define RG_PROGRAM_BYTES ((size_t)7 << 20)

/* A copy of all that a run goes on from. */
typedef struct rg_snapshot {
  rg_standing standing;
  rg_watch watch;
  char *arrays; /* the trainer's, one behind the other */
} rg_snapshot;

typedef struct rg_job {
  rung_context *ctx;
  const rung_recipe *recipe;
  const rung_network *given; /* whose modules are trained further; NULL: a new network */
  rung_network *extended;    /* it, where the recipe names its file */
  rung_training training;
  rung_network_settings settings; /* of the last level */
  rung_dtype dtype;
  int64_t epochs, patience;
  int levels;
  int modules;            /* 0: the fewest that fit */
  bool classes;           /* else numbers are predicted */
  const char *stability;  /* "off", "warn", "project" */
  size_t limit;           /* bytes; 0: none */
  size_t base, base_peak; /* resident bytes when the run began, and their peak till then */
  size_t held_before;     /* bytes that the context held then */
  size_t peak_before;     /* the most that it had held till then */
  size_t reading;         /* that reading the samples took, where that is worth telling */
  size_t planned, needed; /* needed: where it does not fit */
  size_t network_bytes;   /* weights and statistics */
  bool hasty;             /* a plan that does not fit is given up as early as can be */
  bool searching;         /* plans are compared: those of one thread */
  int64_t judged;         /* samples at once where the network is only applied */

  /* data (job_data.c) */
  rung_dataset *set;
  rung_part train, held;
  rung_batches *batches, *check;
  double *numbers; /* one block: mean, scale [channels], class weights */
  double *mean, *scale, *target_mean, *target_scale, *class_weight; /* or NULL */
  char *form; /* of the training set, for the test set */
  int64_t per_epoch, skipped;
  size_t samples_most; /* bytes that the samples were allowed when they were opened; 0: any */

  /* what is trained */
  rung_network *network;
  rung_trainer *trainer;
  rg_standing standing;
  rg_watch watch;
  rg_snapshot good;
  void *best;         /* weights and statistics of the best epoch of this session */
  bool best_to_write; /* they are not in the model's file yet */

  /* the folder */
  rg_folder folder;
  uint64_t recipe_hash, data_hash;
  rg_text events;       /* lines that are not in the log yet */
  double begun, before; /* rg_seconds() when this session began; seconds of those before */
  double saved;         /* when the state was saved last */
  rung_train_result result;

  /* Seconds of this epoch in this session: waiting for samples, in steps, in validation. */
  double data_seconds, step_seconds, validation_seconds;

  rung_train_progress_fn progress;
  void *user;
  double steps_here;  /* steps of this session */
  int threads_before; /* as the context had them set */
  int threads;        /* that are asked for; memory may allow fewer */
  double told;        /* rg_seconds() when the caller was told last */
  bool stopped;       /* the caller stopped it */
} rg_job;

/* Layers of the chain, those of stages counted one by one. */
static inline int64_t rg_network_layers(const rung_network *network) {
  int64_t layers = 0;
  for (int i = 0; i < network->blocks.count; i++) layers += network->blocks.list[i].layers;
  return layers;
}

/* ---- job_extend.c ---- */

/* Takes what a network that is there has settled. `trained`: bit k - 1: module k. */
rung_status rg_job_take_given(rg_job *job, const rung_network *network, uint64_t trained);
/* The network that the recipe names to be extended, grown and renewed as it says; nothing happens
 * where it names none. */
rung_status rg_job_open_given(rg_job *job);
/* Gives it back: a run's network has been made of it. */
void rg_job_close_given(rg_job *job);

/* ---- job_data.c ---- */

/* Opens the data, splits, normalises; takes at most `most` bytes for samples (0: no limit). */
rung_status rg_job_open_data(rg_job *job, size_t most);
/* Gives the samples back; what was learned of them stays. */
void rg_job_close_data(rg_job *job);
/* Batches of so many samples as they are to be judged: normalised alone. */
rung_batch_options rg_job_plain_batches(const rg_job *job, int64_t samples);
/* The test set, in the form of the training set; NULL where the recipe names none. It takes the
 * training samples' room. */
rung_status rg_job_open_test(rg_job *job, rung_dataset **out);
/* Opens the test set beside the training samples, to see that it can be used: what is wrong with it
 * is told at the beginning, not hours later. */
rung_status rg_job_look_at_test(rg_job *job);

/* ---- job_plan.c ---- */

/* Data, network and trainer of the level that the standing names, all within the limit. */
rung_status rg_job_prepare(rg_job *job);
/* Turns of the modules that are trained; 0 without turns. */
int64_t rg_job_turns(const rg_job *job);
/* Plans the training cut into each number of modules. */
rung_status rg_job_plan_all(rg_job *job, int most, rung_planned *rows, int *count);
/* Network and trainer of that level; weights from `from` prolonged, or new where it is NULL. */
rung_status rg_job_make_level(rg_job *job, const rung_network *from);
/* Gives them back; the network too. */
void rg_job_drop_level(rg_job *job);
int64_t rg_job_epochs_of(const rg_job *job, int level);
/* The first epoch (from 0) of a level. */
int64_t rg_job_first_epoch(const rg_job *job, int level);
/* Most bytes as planned, reading the samples included. */
size_t rg_job_planned(const rg_job *job);
/* Peak of the memory that the run and the program hold. */
size_t rg_job_peak(const rg_job *job);
/* Bytes of the limit that the program leaves; 0: there is no limit. */
size_t rg_job_room(const rg_job *job);

/* ---- job_features.c ---- */

/* Bytes that are to be left for features of frozen modules whatever the trainer's plan. */
size_t rg_job_feature_bytes(const rg_job *job);
/* Lets the trainer keep features as the recipe says, in what the plan left of `rest`. */
rung_status rg_job_keep_features(rg_job *job, size_t rest);
/* Tells where they cannot be kept any longer. */
void rg_job_tell_features(rg_job *job);

/* ---- job_evaluate.c ---- */

typedef struct rg_score {
  double loss, accuracy; /* means; NaN accuracy without classes */
  int64_t samples;
  int64_t *confusion; /* [classes][classes], truth first; NULL: not wanted */
} rg_score;

/* The network's loss and accuracy over all that `batches` holds, in inference mode. */
rung_status rg_job_score(rg_job *job, rung_batches *batches, rg_score *out);
/* Right ones among a batch's scores. */
void rg_job_count_right(const rg_job *job, const void *scores, const rung_batch *batch,
                        double *right, double *counted);
/* Of the kept model on the test data, or else on the held-out ones: result, confusion, worst. */
rung_status rg_job_test(rg_job *job, rung_network *kept);

/* ---- job_stability.c ---- */

/* Measures the layers after an epoch, tells of them, and holds them stable, as the recipe says. */
rung_status rg_job_stability(rg_job *job);
/** The same without a word or a change: the plan counts the bytes that it takes. */
rung_status rg_job_try_stability(rg_job *job);

/* ---- job_state.c ---- */

size_t rg_snapshot_bytes(rung_trainer *trainer);
void rg_snapshot_take(rg_job *job, rg_snapshot *out);
void rg_snapshot_restore(rg_job *job, const rg_snapshot *from);
/* Writes the state, with the lines in `events`, which are not in the log yet. */
rung_status rg_job_save(rg_job *job);
/* Writes the state of a run that is done: its result. */
rung_status rg_job_save_result(rg_job *job);
/* Reads what a state says of level and epoch, before anything is made; *found tells whether there
 * is one. */
rung_status rg_job_peek(rg_job *job, bool *found, bool *finished);
/* Takes the state over into network and trainer, which are made, and puts the log right. */
rung_status rg_job_load(rg_job *job);

/* ---- job_events.c ---- */

void rg_job_event_start(rg_job *job);
void rg_job_event_plan(rg_job *job);
void rg_job_event_epoch(rg_job *job, const rung_epoch *epoch);
void rg_job_event_restored(rg_job *job, const char *why);
void rg_job_event_features(rg_job *job, const char *why);
void rg_job_event_score(rg_job *job, const char *set, const rg_score *score);
void rg_job_event_result(rg_job *job);

/* Puts the lines in `events` into the log and the event file, and forgets them. */
rung_status rg_job_log(rg_job *job);
/* Makes the event file anew from the log. */
rung_status rg_job_make_board(rg_job *job);

/* ---- job_epochs.c ---- */

/* Between two reports within an epoch: 0.02 s; between two saves after epochs: 2 s, for waiting for
 * the disk costs some milliseconds. Only tests set them. */
extern double rg_job_tell_seconds, rg_job_save_seconds;
/* Trains to the end, or till the caller stops it. */
rung_status rg_job_train(rg_job *job);
/* Tells the caller; a note may be NULL. True where it wants to stop. */
bool rg_job_tell(rg_job *job, const char *doing, const char *note, const rung_epoch *finished);

#endif
