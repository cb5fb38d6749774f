/* Threads of their own, which wait between calls: for work that is long and unlike, where pieces
 * (rg_parallel) would not do. */
#ifndef RG_CREW_H
#define RG_CREW_H

#include <pthread.h>

#include "base/base.h"

typedef struct rg_crew rg_crew;

/* Threads begin with the first call; where the system gives fewer, fewer take part. */
rung_status rg_crew_create(rung_context *ctx, int members, rg_crew **out);
void rg_crew_destroy(rg_crew *crew); /* NULL is allowed */

/* Calls fn(arg, member) for member 0 on the calling thread and for some or all of 1..members-1 on
 * the others, and returns when all have come back: fn must share the work out so that any number of
 * members does all of it. */
void rg_crew_run(rg_crew *crew, void (*fn)(void *arg, int member), void *arg);

/* Waits a little for `condition`, whose lock is held; the caller looks again, and counts the
 * `tries` since it began to wait. The first ones only let other threads run: to fall asleep and be
 * woken takes longer than many a wait. */
void rg_crew_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int tries);

#endif
