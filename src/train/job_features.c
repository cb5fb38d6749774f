/* Where a run's features of frozen modules are kept. */
#include <unistd.h>

#include "data/batch.h"
#include "train/job.h"

/* Without a limit they may take as much memory, and no more than a quarter of the machine's. */
#define MOST_BYTES ((size_t)1 << 30)

static rg_features_place place_of(const rg_job *j) {
  return rg_features_place_of(rung_recipe_get(j->recipe, "training.features"));
}

static size_t without_limit(void) {
  long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  size_t quarter = pages > 0 && bytes > 0 ? (size_t)pages / 4 * (size_t)bytes : 0;
  return quarter < MOST_BYTES ? quarter : MOST_BYTES;
}

size_t rg_job_feature_bytes(const rg_job *j) {
  if (!rg_job_turns(j) || place_of(j) != RG_FEATURES_MEMORY || rg_batches_vary(j->batches))
    return 0;
  return rg_features_bytes(j->network, j->train.count, rung_dataset_count(j->set));
}

rung_status rg_job_keep_features(rg_job *j, size_t rest) {
  if (!rg_job_turns(j)) return RUNG_OK; /* none are frozen */
  size_t used = rest + rung_trainer_bytes(j->trainer);
  size_t left = j->limit > used ? j->limit - used : 0;
  rg_features_place place = place_of(j);
  if (!j->limit) left = place == RG_FEATURES_MEMORY ? SIZE_MAX : without_limit();
  rg_features_wish wish = {.place = place,
                           .samples = j->train.count,
                           .range = rung_dataset_count(j->set),
                           .epochs = (double)j->epochs / (double)rg_job_turns(j),
                           .memory = left,
                           .folder = j->folder.path,
                           .vary = rg_batches_vary(j->batches)};
  return rg_trainer_keep_features(j->trainer, &wish);
}

void rg_job_tell_features(rg_job *j) {
  const char *why = rg_trainer_features_news(j->trainer);
  if (!why) return;
  rg_text note;
  rg_job_event_features(j, why);
  rg_text_init(&note, j->ctx);
  rg_text_printf(&note, "features of frozen modules are computed in each step from now on: %s",
                 why);
  if (!note.failed) rg_job_tell(j, "training", note.data, NULL);
  rg_text_free(&note);
}
