/* Threads that wait to do something at once. */
#include "base/crew.h"

#include <sched.h>
#include <signal.h>

#define TRIES 100 /* some tens of microseconds, if nobody else wants to run */

typedef struct hand {
  rg_crew *crew;
  int number;
  pthread_t thread;
} hand;

struct rg_crew {
  rung_context *ctx;
  int members, running; /* running: threads beside the caller's */
  bool started, stop;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  uint64_t call; /* counts them */
  int busy;      /* threads that have not come back from the call that is on */
  void (*fn)(void *arg, int member);
  void *arg;
  hand *hand; /* [members]; the first is the caller */
};

void rg_crew_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int tries) {
  if (tries >= TRIES) {
    pthread_cond_wait(condition, lock);
    return;
  }
  pthread_mutex_unlock(lock);
  sched_yield();
  pthread_mutex_lock(lock);
}

static void *work(void *arg) {
  hand *h = arg;
  rg_crew *c = h->crew;
  uint64_t seen = 0;
  pthread_mutex_lock(&c->lock);
  for (;;) {
    for (int i = 0; !c->stop && c->call == seen; i++) rg_crew_wait(&c->wake, &c->lock, i);
    if (c->stop) break;
    seen = c->call;
    pthread_mutex_unlock(&c->lock);
    c->fn(c->arg, h->number);
    pthread_mutex_lock(&c->lock);
    if (--c->busy == 0) pthread_cond_signal(&c->done);
  }
  pthread_mutex_unlock(&c->lock);
  return NULL;
}

/* Signals are for the program's own threads. */
static void start(rg_crew *c) {
  sigset_t all, before;
  sigfillset(&all);
  c->started = true;
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 1; i < c->members; i++) {
    c->hand[i] = (hand){.crew = c, .number = i};
    if (pthread_create(&c->hand[i].thread, NULL, work, &c->hand[i]) != 0) break;
    c->running++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

rung_status rg_crew_create(rung_context *ctx, int members, rg_crew **out) {
  *out = NULL;
  rg_crew *c = rg_calloc(ctx, 1, sizeof *c);
  hand *hands = rg_calloc(ctx, (size_t)members, sizeof *hands);
  if (!c || !hands) {
    rg_free(ctx, c);
    rg_free(ctx, hands);
    return RUNG_E_MEMORY;
  }
  c->ctx = ctx;
  c->members = members;
  c->hand = hands;
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->wake, NULL);
  pthread_cond_init(&c->done, NULL);
  *out = c;
  return RUNG_OK;
}

void rg_crew_run(rg_crew *c, void (*fn)(void *arg, int member), void *arg) {
  if (!c->started) start(c);
  pthread_mutex_lock(&c->lock);
  c->fn = fn;
  c->arg = arg;
  c->busy = c->running;
  c->call++;
  pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->lock);
  fn(arg, 0);
  pthread_mutex_lock(&c->lock);
  for (int i = 0; c->busy > 0; i++) rg_crew_wait(&c->done, &c->lock, i);
  pthread_mutex_unlock(&c->lock);
}

void rg_crew_destroy(rg_crew *c) {
  if (!c) return;
  pthread_mutex_lock(&c->lock);
  c->stop = true;
  pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->lock);
  for (int i = 1; i <= c->running; i++) pthread_join(c->hand[i].thread, NULL);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->wake);
  pthread_cond_destroy(&c->done);
  rg_free(c->ctx, c->hand);
  rg_free(c->ctx, c);
}
