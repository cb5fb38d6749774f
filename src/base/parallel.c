/* Threads share out fixed pieces of work. */
#include "base/base.h"

void rg_parallel(rung_context *ctx, int64_t pieces, void (*fn)(void *arg, int64_t piece),
                 void *arg) {
  int threads = rung_threads(ctx);
  if (threads > pieces) threads = (int)pieces;
  if (threads <= 1) {
    for (int64_t i = 0; i < pieces; i++) fn(arg, i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t i = 0; i < pieces; i++) fn(arg, i);
}
