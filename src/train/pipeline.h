/* A pipeline of links, such as modules: each takes what the one before hands on, in the midst of
 * its own work, and gives nothing back. So several links are at work at once, each on a thread of
 * its own: while module k goes back and is changed, module k + 1 goes forwards already.
 *
 * Links are begun in their order by whichever lane is free. Each computes what it would compute if
 * they ran one after the other: lanes change no bit. */
#ifndef RG_PIPELINE_H
#define RG_PIPELINE_H

#include "base/base.h"

typedef struct rg_pipeline rg_pipeline;

/* Links that run at once: each lane has a context of its own, with a share of the threads, which is
 * told of errors and must not be asked for memory; scratch memory belongs to a lane as well. */
typedef struct rg_lane {
  int number; /* from 0 */
  rung_context *ctx;
} rg_lane;

/* Does link `link` (from 0). It calls rg_pipeline_hand_on() once what the next link takes is there;
 * to return counts as that. */
typedef rung_status (*rg_link)(void *arg, int link, const rg_lane *lane);

rung_status rg_pipeline_create(rung_context *ctx, int links, int lanes, rg_pipeline **out);
/* What one of one lane allocates. */
size_t rg_pipeline_bytes(int links);
void rg_pipeline_destroy(rg_pipeline *pipeline); /* NULL is allowed */
int rg_pipeline_lanes(const rg_pipeline *pipeline);

/* All links. On failure the status and message are those of the first link, in order, that fails:
 * those before it ran to their end, as they would one after the other; some behind it may have run
 * too.
 *
 * While link k runs, link k - lanes and those before it are done: what is handed on can lie in
 * lanes + 1 places in turn. */
rung_status rg_pipeline_run(rg_pipeline *pipeline, rg_link fn, void *arg);
void rg_pipeline_hand_on(rg_pipeline *pipeline, int link);

#endif
