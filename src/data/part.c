/* Parts of a set: splits, folds and choices that depend on the seed alone, with classes in
 * proportion; class counts and weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

uint64_t rg_purpose_of(enum rg_purpose purpose, uint64_t use) {
  uint64_t both[2] = {purpose, use};
  return rg_hash(RG_HASH_START, both, sizeof both);
}

int64_t rg_samples(const rung_dataset *set, const rung_part *of) {
  return of ? of->count : set->count;
}

int64_t rg_sample(const rung_part *of, int64_t i) {
  return of ? of->index[i] : i;
}

/* A sample with the random number that orders it within its class. */
typedef struct draw {
  int64_t sample;
  uint64_t number;
  int64_t rank; /* within its class */
  int label;
} draw;

static int order_of(uint64_t a, uint64_t b) {
  return (a > b) - (a < b);
}

static int by_class(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  if (x->number != y->number) return order_of(x->number, y->number);
  return order_of((uint64_t)x->sample, (uint64_t)y->sample);
}

static int by_rank(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->rank != y->rank) return order_of((uint64_t)x->rank, (uint64_t)y->rank);
  return by_class(a, b);
}

static int by_sample(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* The samples class by class, within a class in random order. A sample's random number is its own,
 * so that the order does not depend on which others there are. */
static rung_status draw_all(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                            enum rg_purpose purpose, uint64_t seed, draw **out) {
  int64_t n = rg_samples(set, of);
  draw *all = rg_alloc(ctx, (size_t)n, sizeof *all);
  *out = all;
  if (!all) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < n; i++) {
    int64_t sample = rg_sample(of, i);
    all[i] = (draw){.sample = sample,
                    .number = rg_bits(seed, purpose, (uint64_t)sample),
                    .label = rung_dataset_label(set, sample)};
  }
  qsort(all, (size_t)n, sizeof *all, by_class);
  for (int64_t i = 1; i < n; i++)
    all[i].rank = all[i].label == all[i - 1].label ? all[i - 1].rank + 1 : 0;
  return RUNG_OK;
}

static rung_status part_alloc(rung_context *ctx, int64_t count, rung_part *out) {
  out->count = 0;
  out->index = rg_alloc(ctx, (size_t)count, sizeof *out->index);
  return out->index ? RUNG_OK : RUNG_E_MEMORY;
}

static void part_sort(rung_part *part) {
  qsort(part->index, (size_t)part->count, sizeof *part->index, by_sample);
}

/* Says which place of the class by class order is held out. */
typedef struct rule {
  int64_t total;       /* places */
  int64_t held;        /* of them, evenly spread; or: */
  int64_t folds, fold; /* place = fold (mod folds) */
} rule;

static bool is_held(const rule *r, int64_t place) {
  if (r->folds) return place % r->folds == r->fold;
  /* floor(place held / total + 1/2) steps up `held` times, evenly */
  int64_t half = r->total / 2;
  return ((place + 1) * r->held + half) / r->total > (place * r->held + half) / r->total;
}

static rung_status share_out(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                             const rule *r, uint64_t seed, rung_part *train, rung_part *held) {
  draw *all;
  rung_status status = draw_all(set, ctx, of, RG_FOR_SPLIT, seed, &all);
  if (status == RUNG_OK) status = part_alloc(ctx, r->total, train);
  if (status == RUNG_OK) status = part_alloc(ctx, r->total, held);
  for (int64_t i = 0; status == RUNG_OK && i < r->total; i++) {
    rung_part *to = is_held(r, i) ? held : train;
    to->index[to->count++] = all[i].sample;
  }
  rg_free(ctx, all);
  if (status != RUNG_OK) {
    rg_free(ctx, train->index);
    rg_free(ctx, held->index);
    *train = *held = (rung_part){0};
    return status;
  }
  part_sort(train);
  part_sort(held);
  return RUNG_OK;
}

rung_status rung_part_all(const rung_dataset *set, rung_context *ctx, rung_part *out) {
  *out = (rung_part){0};
  RG_TRY(part_alloc(ctx, set->count, out));
  for (int64_t i = 0; i < set->count; i++) out->index[i] = i;
  out->count = set->count;
  return RUNG_OK;
}

rung_status rung_part_split(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                            double held_out, uint64_t seed, rung_part *train, rung_part *held) {
  *train = *held = (rung_part){0};
  rule r = {.total = rg_samples(set, of)};
  double wanted = held_out < 1 ? floor(held_out * (double)r.total + 0.5) : held_out;
  if (!(held_out > 0) || wanted < 1 || wanted >= (double)r.total)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "held-out samples: expected a share or a number that leaves both parts samples "
                   "of %lld, found %g",
                   (long long)r.total, held_out);
  r.held = (int64_t)wanted;
  return share_out(set, ctx, of, &r, seed, train, held);
}

rung_status rung_part_fold(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                           int folds, int fold, uint64_t seed, rung_part *train, rung_part *held) {
  *train = *held = (rung_part){0};
  rule r = {.total = rg_samples(set, of), .folds = folds, .fold = fold};
  if (folds < 2 || folds > r.total || fold < 0 || fold >= folds)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "folds: expected 2..%lld and a fold below that, found %d and %d",
                   (long long)r.total, folds, fold);
  return share_out(set, ctx, of, &r, seed, train, held);
}

rung_status rung_part_limit(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                            int64_t count, uint64_t seed, rung_part *out) {
  *out = (rung_part){0};
  int64_t n = rg_samples(set, of);
  draw *all;
  if (count < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "limit: expected 1 sample or more, found %lld",
                   (long long)count);
  if (count > n) count = n;
  rung_status status = draw_all(set, ctx, of, RG_FOR_LIMIT, seed, &all);
  if (status == RUNG_OK) status = part_alloc(ctx, count, out);
  if (status == RUNG_OK) {
    qsort(all, (size_t)n, sizeof *all, by_rank);
    for (int64_t i = 0; i < count; i++) out->index[i] = all[i].sample;
    out->count = count;
    part_sort(out);
  }
  rg_free(ctx, all);
  return status;
}

void rung_part_classes(const rung_dataset *set, const rung_part *of, int64_t *count) {
  memset(count, 0, (size_t)set->classes * sizeof *count);
  for (int64_t i = 0; i < rg_samples(set, of); i++) {
    int label = rung_dataset_label(set, rg_sample(of, i));
    if (label >= 0) count[label]++;
  }
}

void rung_part_weights(const rung_dataset *set, const rung_part *of, double *weight) {
  int64_t labelled = 0, there = 0;
  memset(weight, 0, (size_t)set->classes * sizeof *weight);
  for (int64_t i = 0; i < rg_samples(set, of); i++) {
    int label = rung_dataset_label(set, rg_sample(of, i));
    if (label < 0) continue;
    weight[label]++;
    labelled++;
  }
  for (int i = 0; i < set->classes; i++) there += weight[i] > 0;
  for (int i = 0; i < set->classes; i++)
    if (weight[i] > 0) weight[i] = (double)labelled / ((double)there * weight[i]);
}
