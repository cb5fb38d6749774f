/* Inside batches: what is held, and the thread that makes them ahead. */
#ifndef RG_BATCH_H
#define RG_BATCH_H

#include <pthread.h>

#include "data/change.h"

#define RG_AHEAD_MAX 8

/* A batch and where it belongs. */
typedef struct rg_slot {
  int64_t epoch, number, count;
  void *x, *y, *weight;
  int64_t *sample;
  rung_status status; /* of making it; the message is the maker's */
} rg_slot;

struct rung_batches {
  rung_context *ctx;
  const rung_dataset *set;
  rung_dtype dtype;
  rung_batch_options options; /* its pointers are the caller's: the copies stand below */
  double *mean, *scale, *target_mean, *target_scale, *class_weight;
  int64_t samples, size, per_epoch;
  int64_t *part; /* [samples] */
  size_t bytes;
  /* Who makes batches, one at a time, uses these. */
  int64_t epoch, number; /* what is made next */
  int64_t *order;        /* [samples]: of order_epoch */
  int64_t order_epoch;
  int64_t set_shape[3];
  rg_reader reader;
  void *value;             /* [channels][256]: bytes normalised */
  double *wide;            /* a sample */
  double *line;            /* for blurring */
  unsigned char *moved[2]; /* an image */
  /* The ring of batches: slot[first], of `filled` slots; the first is the user's while `held`. */
  int slots, first, filled;
  rg_slot slot[RG_AHEAD_MAX + 1];
  bool held;
  /* The thread; all from `first` to here under the lock. */
  bool threads; /* lock and conditions are there */
  bool running, stop;
  rung_context *maker; /* for the thread's messages alone */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t can_take, can_make;
};

/* Why a sample's numbers differ from epoch to epoch, in a few words; NULL: they do not. */
const char *rg_batches_vary(const rung_batches *b);

/* Makes the batch slot->epoch, slot->number. Takes no memory from ctx. */
rung_status rg_make_batch(rung_batches *b, rung_context *ctx, rg_slot *slot);

/* What a thread will need; it starts with the first batch that is asked for. */
rung_status rg_ahead_open(rung_batches *b);
void rg_ahead_close(rung_batches *b);

#endif
