/* Makes every allocation of a piece of library use fail in turn. After each failure there must be
 * an error, no crash and nothing left allocated. Write the use as a function that makes, uses and
 * releases everything, also on its way out of an error:
 *
 *   static rung_status read_and_drop(rung_context *ctx, void *arg) {
 *     char *data;
 *     size_t length;
 *     RG_TRY(rg_read_file(ctx, arg, 1000, &data, &length));
 *     rg_free(ctx, data);
 *     return RUNG_OK;
 *   }
 *   ...
 *   fail_each_allocation(read_and_drop, path, (fail_options){0});
 *
 * Only memory from the context's allocator is made to fail, not what other libraries take from
 * malloc. The use must allocate the same way each time it is called. */
#ifndef RG_FAIL_ALLOC_H
#define RG_FAIL_ALLOC_H

#include <stdio.h>

#include "test.h"

typedef rung_status (*fail_use)(rung_context *ctx, void *arg);

typedef struct fail_options {
  bool may_recover; /* success in spite of a failed allocation is allowed */
  long most;        /* long uses: at most so many failing places, spread evenly; 0: all */
} fail_options;

typedef struct fail_state {
  long calls;        /* allocations asked for */
  long fail_at;      /* the one that fails, from 0; -1: none */
  bool ever_after;   /* and all behind it */
  long failed;       /* how many did */
  long blocks;       /* allocated now */
  long wrong_blocks; /* released with another size than they had */
} fail_state;

#define FAIL_HEADER 64 /* keeps the alignment of what malloc gives */

static inline void *fail_alloc(void *user, size_t bytes) {
  fail_state *state = user;
  long call = state->calls++;
  if (call == state->fail_at || (state->ever_after && call > state->fail_at)) {
    state->failed++;
    return NULL;
  }
  char *block = malloc(bytes + FAIL_HEADER);
  if (!block) return NULL;
  memcpy(block, &bytes, sizeof bytes);
  state->blocks++;
  return block + FAIL_HEADER;
}

static inline void fail_release(void *user, void *memory, size_t bytes) {
  fail_state *state = user;
  char *block = (char *)memory - FAIL_HEADER;
  size_t had;
  memcpy(&had, block, sizeof had);
  if (had != bytes) state->wrong_blocks++;
  state->blocks--;
  free(block);
}

/* One run in a context of its own, whose making is part of the run. */
static inline fail_state fail_run(fail_use use, void *arg, fail_options options, long fail_at,
                                  bool ever_after) {
  fail_state state = {.fail_at = fail_at, .ever_after = ever_after};
  const rung_allocator allocator = {fail_alloc, fail_release, &state};
  rung_context *ctx;
  rung_status status = rung_context_create(&allocator, &ctx);
  char message[200] = "";
  if (status == RUNG_OK) {
    status = use(ctx, arg);
    snprintf(message, sizeof message, "%s", rung_error(ctx));
    if (status != RUNG_OK && (rung_error_status(ctx) != status || !message[0]))
      fail_msg("allocation %ld failed, status %d was returned, but the context says: %d \"%s\"",
               fail_at, status, rung_error_status(ctx), message);
    if (rung_memory_now(ctx) != 0)
      fail_msg("allocation %ld failed: %zu bytes were not released", fail_at, rung_memory_now(ctx));
    rung_context_destroy(ctx);
  }
  if (state.blocks != 0 || state.wrong_blocks != 0)
    fail_msg("allocation %ld failed: %ld blocks not released, %ld with a wrong size", fail_at,
             state.blocks, state.wrong_blocks);
  rung_status expected = state.failed ? RUNG_E_MEMORY : RUNG_OK;
  if (status != expected && !(status == RUNG_OK && options.may_recover))
    fail_msg("allocation %ld failed: expected \"%s\", found \"%s\" %s", fail_at,
             rung_status_text(expected), rung_status_text(status), message);
  return state;
}

/* Each place fails twice: alone, and with every allocation after it. Returns how many allocations
 * an undisturbed run makes. */
static inline long fail_each_allocation(fail_use use, void *arg, fail_options options) {
  long calls = fail_run(use, arg, options, -1, false).calls;
  long places = options.most && options.most < calls ? options.most : calls;
  for (long i = 0; i < places; i++) {
    long at = (long)((double)i / (double)places * (double)calls);
    assert_int_equal(fail_run(use, arg, options, at, false).failed, 1);
    assert_true(fail_run(use, arg, options, at, true).failed >= 1);
  }
  return calls;
}

#endif
