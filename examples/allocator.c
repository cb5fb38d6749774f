/* An allocator of one's own: it counts, and it refuses what goes past a limit. The library takes
 * all of its own memory there, gives all of it back, and turns a refusal into an error from which
 * the program goes on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rung/rung.h"

typedef struct counter {
  size_t now, most, limit; /* bytes */
  long calls;
} counter;

static void *take(void *user, size_t bytes) {
  counter *c = user;
  if (bytes > c->limit - c->now) return NULL;
  void *memory = malloc(bytes);
  if (!memory) return NULL;
  c->now += bytes;
  if (c->now > c->most) c->most = c->now;
  c->calls++;
  return memory;
}

/* The size that was asked for comes back, so that an allocator need not keep it. */
static void give_back(void *user, void *memory, size_t bytes) {
  counter *c = user;
  c->now -= bytes;
  free(memory);
}

enum { ROWS = 200 };

static rung_status fit(rung_context *ctx, rung_model **model) {
  double x[ROWS], y[ROWS];
  for (int i = 0; i < ROWS; i++) {
    x[i] = 2.0 * i / (ROWS - 1) - 1;
    y[i] = 1 / (1 + 4 * x[i] * x[i]);
  }
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  rung_fit_options options = rung_fit_options_default();
  options.target_error = 1e-8;
  return rung_fit(ctx, &problem, &options, model, NULL);
}

/* Fits with at most `limit` bytes; tells the status, and that nothing was kept. */
static rung_status fit_within(size_t limit, counter *c) {
  *c = (counter){.limit = limit};
  rung_allocator allocator = {.alloc = take, .release = give_back, .user = c};
  rung_context *ctx;
  rung_model *model = NULL;
  rung_status status = rung_context_create(&allocator, &ctx);
  if (status != RUNG_OK) return status;
  status = fit(ctx, &model);
  printf("limit %zu bytes: %s\n", limit, status == RUNG_OK ? "fitted" : rung_error(ctx));
  rung_model_destroy(model);
  rung_context_destroy(ctx);
  printf("  %ld allocations, at most %zu bytes at once, %zu not given back\n", c->calls, c->most,
         c->now);
  return status;
}

int main(void) {
  counter small, large;
  rung_status refused = fit_within(20000, &small);
  rung_status fitted = fit_within((size_t)1 << 30, &large);
  return refused != RUNG_E_MEMORY || fitted != RUNG_OK || small.now != 0 || large.now != 0;
}
