/* Batches made ahead on another thread: a ring of batches, one being used, the others filled in
 * order while there is room. Each batch is a function of its number, so that the thread changes
 * nothing but the time. */
#include <signal.h>
#include <stdio.h>

#include "data/batch.h"

static void step(rung_batches *b) {
  if (++b->number < b->per_epoch) return;
  b->number = 0;
  b->epoch++;
}

/* Makes the next batch in a slot that nobody else looks at. */
static void make_next(rung_batches *b, rung_context *ctx, rg_slot *slot) {
  slot->epoch = b->epoch;
  slot->number = b->number;
  slot->status = rg_make_batch(b, ctx, slot);
  if (slot->status == RUNG_OK) step(b);
}

/* After a batch that failed there is no other. */
static void *make_batches(void *arg) {
  rung_batches *b = arg;
  bool failed = false;
  pthread_mutex_lock(&b->lock);
  for (;;) {
    while (!b->stop && (failed || b->filled == b->slots)) pthread_cond_wait(&b->can_make, &b->lock);
    if (b->stop) break;
    rg_slot *slot = &b->slot[(b->first + b->filled) % b->slots];
    pthread_mutex_unlock(&b->lock);
    make_next(b, b->maker, slot);
    pthread_mutex_lock(&b->lock);
    failed = slot->status != RUNG_OK;
    b->filled++;
    pthread_cond_signal(&b->can_take);
  }
  pthread_mutex_unlock(&b->lock);
  return NULL;
}

rung_status rg_ahead_open(rung_batches *b) {
  if (b->slots == 1) return RUNG_OK;
  if (rung_context_create(&b->ctx->allocator, &b->maker) != RUNG_OK)
    return rg_fail_memory(b->ctx, sizeof *b->maker);
  pthread_mutex_init(&b->lock, NULL);
  pthread_cond_init(&b->can_take, NULL);
  pthread_cond_init(&b->can_make, NULL);
  b->threads = true;
  return RUNG_OK;
}

/* Signals are for the program's own threads. Where no thread can be had, batches are made when they
 * are asked for. */
static void start(rung_batches *b) {
  sigset_t all, before;
  sigfillset(&all);
  b->stop = false;
  pthread_sigmask(SIG_SETMASK, &all, &before);
  b->running = pthread_create(&b->thread, NULL, make_batches, b) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Ends the thread and forgets what it made; `epoch` and `number` stay to be set. */
static void halt(rung_batches *b) {
  if (b->running) {
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_signal(&b->can_make);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
  }
  b->running = b->held = false;
  b->first = b->filled = 0;
}

void rg_ahead_close(rung_batches *b) {
  halt(b);
  if (!b->threads) return;
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->can_take);
  pthread_cond_destroy(&b->can_make);
  rung_context_destroy(b->maker);
}

rung_status rung_batches_seek(rung_batches *b, int64_t epoch, int64_t number) {
  if (epoch < 0 || number < 0 || number >= b->per_epoch)
    return rg_fail(b->ctx, RUNG_E_ARGUMENT,
                   "batches: expected an epoch from 0 on and a batch 0..%lld, found %lld and %lld",
                   (long long)b->per_epoch - 1, (long long)epoch, (long long)number);
  halt(b);
  b->epoch = epoch;
  b->number = number;
  return RUNG_OK;
}

static rg_slot *take(rung_batches *b) {
  pthread_mutex_lock(&b->lock);
  if (b->held) {
    b->first = (b->first + 1) % b->slots;
    b->filled--;
    pthread_cond_signal(&b->can_make);
  }
  b->held = true;
  while (b->filled == 0) pthread_cond_wait(&b->can_take, &b->lock);
  rg_slot *slot = &b->slot[b->first];
  pthread_mutex_unlock(&b->lock);
  return slot;
}

/* The thread has the message; it is taken over and the thread ended, so that the next call begins
 * with the batch that failed. */
static rung_status fail_ahead(rung_batches *b, const rg_slot *slot) {
  rung_status status = slot->status;
  halt(b);
  return rg_fail(b->ctx, status, "%s", rung_error(b->maker));
}

rung_status rung_batches_next(rung_batches *b, rung_batch *out) {
  rg_slot *slot = &b->slot[0];
  *out = (rung_batch){0};
  if (b->slots > 1 && !b->running) start(b);
  if (b->running)
    slot = take(b);
  else
    make_next(b, b->ctx, slot);
  if (slot->status != RUNG_OK) return b->running ? fail_ahead(b, slot) : slot->status;
  *out = (rung_batch){.epoch = slot->epoch,
                      .number = slot->number,
                      .count = slot->count,
                      .x = slot->x,
                      .y = slot->y,
                      .weight = slot->weight,
                      .sample = slot->sample};
  return RUNG_OK;
}
