/* Threads share out fixed pieces of work. */
#include "base/base.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) {
  return 0;
}
#endif

void rg_parallel_slots(rung_context *ctx, int slots, int64_t pieces,
                       void (*fn)(void *arg, int64_t piece, int slot), void *arg) {
  int threads = rung_threads(ctx) < slots ? rung_threads(ctx) : slots;
  if (threads > pieces) threads = (int)pieces;
  if (threads <= 1) {
    for (int64_t i = 0; i < pieces; i++) fn(arg, i, 0);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t i = 0; i < pieces; i++) fn(arg, i, omp_get_thread_num());
}

typedef struct plain_call {
  void (*fn)(void *arg, int64_t piece);
  void *arg;
} plain_call;

static void call_without_slot(void *arg, int64_t piece, int slot) {
  plain_call *call = arg;
  (void)slot;
  call->fn(call->arg, piece);
}

void rg_parallel(rung_context *ctx, int64_t pieces, void (*fn)(void *arg, int64_t piece),
                 void *arg) {
  plain_call call = {fn, arg};
  rg_parallel_slots(ctx, rung_threads(ctx), pieces, call_without_slot, &call);
}
