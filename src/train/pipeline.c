#include "train/pipeline.h"

#include <string.h>

#include "base/crew.h"

typedef struct worker {
  rung_context ctx; /* a copy of the pipeline's, without its error */
  rung_status status;
  int link; /* that it does, or failed in */
} worker;

struct rg_pipeline {
  rung_context *ctx;
  int links, lanes;
  rg_crew *crew;  /* NULL: one lane */
  worker *worker; /* [lanes] */
  pthread_mutex_t lock;
  pthread_cond_t moved;
  rg_link fn;
  void *arg;
  int active; /* lanes that take part in this run */
  int next;   /* link to begin */
  int handed; /* links that have handed on: 0 .. handed - 1 */
  int failed; /* the first link that failed; `links`: none */
  bool *done; /* [links] */
  int ended;  /* links 0 .. ended - 1 are done */
};

rung_status rg_pipeline_create(rung_context *ctx, int links, int lanes, rg_pipeline **out) {
  *out = NULL;
  rg_pipeline *p = rg_calloc(ctx, 1, sizeof *p);
  if (!p) return RUNG_E_MEMORY;
  p->ctx = ctx;
  p->links = links;
  p->lanes = lanes;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->moved, NULL);
  p->worker = rg_calloc(ctx, (size_t)lanes, sizeof *p->worker);
  p->done = rg_calloc(ctx, (size_t)links, sizeof *p->done);
  rung_status status = p->worker && p->done ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK && lanes > 1) status = rg_crew_create(ctx, lanes, &p->crew);
  if (status == RUNG_OK)
    *out = p;
  else
    rg_pipeline_destroy(p);
  return status;
}

size_t rg_pipeline_bytes(int links) {
  return 3 * RG_ALLOCATION_BYTES + sizeof(rg_pipeline) + sizeof(worker) +
         (size_t)links * sizeof(bool);
}

void rg_pipeline_destroy(rg_pipeline *p) {
  if (!p) return;
  rg_crew_destroy(p->crew);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->moved);
  rg_free(p->ctx, p->done);
  rg_free(p->ctx, p->worker);
  rg_free(p->ctx, p);
}

int rg_pipeline_lanes(const rg_pipeline *p) {
  return p->lanes;
}

void rg_pipeline_hand_on(rg_pipeline *p, int link) {
  if (p->active == 1) return;
  pthread_mutex_lock(&p->lock);
  if (link >= p->handed) p->handed = link + 1;
  pthread_cond_broadcast(&p->moved);
  pthread_mutex_unlock(&p->lock);
}

/* Takes the next link and waits till it may run; false where there is none, or one before it has
 * failed. The lock is held. */
static bool begin(rg_pipeline *p, int *link) {
  if (p->next >= p->links || p->failed < p->links) return false;
  *link = p->next++;
  for (int i = 0; p->failed == p->links && (p->handed < *link || p->ended <= *link - p->lanes); i++)
    rg_crew_wait(&p->moved, &p->lock, i);
  return p->failed > *link;
}

static void end(rg_pipeline *p, int link, rung_status status) {
  p->done[link] = true;
  while (p->ended < p->links && p->done[p->ended]) p->ended++;
  if (link >= p->handed) p->handed = link + 1;
  if (status != RUNG_OK && link < p->failed) p->failed = link;
  pthread_cond_broadcast(&p->moved);
}

static void run_lane(void *arg, int number) {
  rg_pipeline *p = arg;
  if (number >= p->active) return;
  worker *w = &p->worker[number];
  const rg_lane lane = {number, &w->ctx};
  pthread_mutex_lock(&p->lock);
  while (begin(p, &w->link)) {
    pthread_mutex_unlock(&p->lock);
    w->status = p->fn(p->arg, w->link, &lane);
    pthread_mutex_lock(&p->lock);
    end(p, w->link, w->status);
  }
  pthread_mutex_unlock(&p->lock);
}

/* The threads are shared out among the lanes. */
static void prepare(rg_pipeline *p, rg_link fn, void *arg) {
  int threads = rung_threads(p->ctx);
  p->fn = fn;
  p->arg = arg;
  p->active = p->lanes < threads ? p->lanes : threads;
  p->next = p->handed = p->ended = 0;
  p->failed = p->links;
  memset(p->done, 0, (size_t)p->links * sizeof *p->done);
  for (int i = 0; i < p->active; i++) {
    worker *w = &p->worker[i];
    w->ctx = *p->ctx;
    w->ctx.threads = threads * (i + 1) / p->active - threads * i / p->active;
    w->status = RUNG_OK;
    rung_clear_error(&w->ctx);
  }
}

rung_status rg_pipeline_run(rg_pipeline *p, rg_link fn, void *arg) {
  prepare(p, fn, arg);
  if (p->active > 1)
    rg_crew_run(p->crew, run_lane, p);
  else
    run_lane(p, 0);
  for (int i = 0; i < p->active && p->failed < p->links; i++) {
    const worker *w = &p->worker[i];
    if (w->link == p->failed && w->status != RUNG_OK)
      return rg_fail(p->ctx, w->status, "%s", rung_error(&w->ctx));
  }
  return RUNG_OK;
}
