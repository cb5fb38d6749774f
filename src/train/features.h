/* What frozen modules hand on to the module whose turn it is: computed in inference mode, and,
 * where the samples are the same in every epoch, kept for each sample in memory or on the disk.
 *
 * A sample of level l has passed through modules 1 to l. What is kept of a sample lies in one
 * place, with its level: in a later turn it goes on from there, so that a turn's first epoch costs
 * one module's way forwards and not that of all modules before. The bits of a sample do not depend
 * on which others go with it (nn/chain.h), nor on where it is read from; so what is kept changes no
 * result, is no part of a run's state, and a resumed run fills it anew as samples come. */
#ifndef RG_FEATURES_H
#define RG_FEATURES_H

#include "nn/chain.h"

typedef struct rg_features rg_features;

/* For batches of `batch` samples; part[modules]: the network's modules, whose numbers are read when
 * features are computed. Nothing is kept yet. */
rung_status rg_features_create(rung_context *ctx, int modules, rung_network *const *part,
                               int64_t batch, rg_features **out);
void rg_features_destroy(rg_features *features); /* NULL is allowed */

/* ---- keeping ---- */

typedef enum rg_features_place {
  RG_FEATURES_AUTO, /* the cheapest of the others that there is room for */
  RG_FEATURES_MEMORY,
  RG_FEATURES_DISK,
  RG_FEATURES_RECOMPUTE
} rg_features_place;
/* "auto", "memory", "disk", "recompute". */
rg_features_place rg_features_place_of(const char *name);

typedef struct rg_features_wish {
  rg_features_place place;
  int64_t samples, range; /* how many different ones come, with numbers 0..range - 1 */
  double epochs;          /* of a turn */
  size_t memory;          /* bytes that there is room for */
  const char *folder;     /* where a file may be; NULL: nowhere. Borrowed till that is made */
  const char *vary;       /* why a sample's numbers differ from epoch to epoch; NULL: they do not */
} rg_features_wish;

/* Bytes that keeping takes in memory, for any place but RG_FEATURES_DISK. */
size_t rg_features_bytes(const rung_network *whole, int64_t samples, int64_t range);

/* Chooses, and takes the memory. RUNG_E_BUDGET where RG_FEATURES_MEMORY is wished for and there is
 * no room. A file is made when it is needed.
 *
 * The choice is by a model of what a sample costs in a turn of module k, in multiply-adds; a byte
 * that is read or written counts 1 in memory and DISK_PRICE on the disk:
 *
 *   recomputing: epochs * sum over j < k of w_j,   w_j = multiply-adds + bytes of the states;
 *   keeping:     w_(k-1) + price * (bytes_(k-2) + epochs * bytes_(k-1)).
 */
rung_status rg_features_keep(rg_features *features, const rg_features_wish *wish);

/* What was chosen and why, in a few words. */
void rg_features_tell(const rg_features *features, rg_text *out);
rg_features_place rg_features_where(const rg_features *features);

/* ---- use ---- */

/* What module `level` hands on for a batch: *out is x for level 0, else [batch][its state], there
 * till the next call. sample[batch]: their numbers, by which they are kept, or NULL. Modules from
 * level + 1 on may change before the next call, those before may not (rg_features_forget()). Where
 * the disk fails, nothing is kept any longer and features are computed: that is no error. */
rung_status rg_features_get(rg_features *features, int level, const int64_t *sample, const void *x,
                            const void **out);
/* Other numbers have come into the modules: what is kept is of no use. */
void rg_features_forget(rg_features *features);
/* Why nothing is kept any longer, once; else NULL. */
const char *rg_features_news(rg_features *features);

#endif
