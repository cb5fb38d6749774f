/* Batches: which samples they hold, and how those are read, changed and normalised. The thread that
 * makes them ahead stands in ahead.c. */
#include <math.h>
#include <string.h>

#include "data/batch.h"

rung_batch_options rung_batch_options_default(void) {
  return (rung_batch_options){.batch = 64, .prefetch = -1};
}

static bool bad_number(double x) {
  return !(x >= 0) || !isfinite(x);
}

static rung_status check_options(const rung_dataset *set, rung_context *ctx,
                                 const rung_batch_options *o) {
  const rung_augment *a = &o->augment;
  if (o->batch < 1)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "batch: expected 1 sample or more, found %lld",
                   (long long)o->batch);
  if (!o->mean != !o->scale || !o->target_mean != !o->target_scale)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "batches: expected a mean with each scale");
  if (o->prefetch < -1 || o->prefetch > RG_AHEAD_MAX)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "prefetch: expected -1..%d, found %d", RG_AHEAD_MAX,
                   o->prefetch);
  if (bad_number(a->rotate) || bad_number(a->noise) || a->shift < 0 || a->crop < 0 ||
      a->shift > RG_SIDE_MAX || a->crop > RG_SIDE_MAX)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "augmentation: expected numbers from 0 on, found shift %d, crop %d, rotate %g, "
                   "noise %g",
                   a->shift, a->crop, a->rotate, a->noise);
  if (set->kind == RUNG_FEATURES && rg_augment_moves(a))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "augmentation: expected images for flip, rotate, shift and crop, found a table");
  if (!rung_corruption_name(o->corruption) || bad_number(o->level))
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "corruption: expected a known kind and a level from 0 on, found %d and %g",
                   (int)o->corruption, o->level);
  if (set->kind == RUNG_FEATURES && o->corruption != RUNG_CLEAN && o->corruption != RUNG_NOISE &&
      o->corruption != RUNG_DROPOUT)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "corruption: expected noise or dropout for a table, found %s",
                   rung_corruption_name(o->corruption));
  return RUNG_OK;
}

/* A copy of `n` numbers; of `otherwise` where there are none. */
static rung_status copy_numbers(rung_context *ctx, const double *in, double otherwise, int64_t n,
                                double **out) {
  *out = rg_alloc(ctx, (size_t)n, sizeof **out);
  if (!*out) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < n; i++) (*out)[i] = in ? in[i] : otherwise;
  return RUNG_OK;
}

static rung_status copy_options(rung_batches *b, const rung_batch_options *o) {
  int64_t channels = rung_dataset_channels(b->set), targets = b->set->targets;
  b->options = *o;
  RG_TRY(copy_numbers(b->ctx, o->mean, 0, channels, &b->mean));
  RG_TRY(copy_numbers(b->ctx, o->scale, 1, channels, &b->scale));
  RG_TRY(copy_numbers(b->ctx, o->target_mean, 0, targets, &b->target_mean));
  RG_TRY(copy_numbers(b->ctx, o->target_scale, 1, targets, &b->target_scale));
  return copy_numbers(b->ctx, o->class_weight, 1, b->set->classes, &b->class_weight);
}

static rung_status copy_part(rung_batches *b, const rung_part *of) {
  b->samples = rg_samples(b->set, of);
  b->size = b->options.batch < b->samples ? b->options.batch : b->samples;
  b->part = rg_alloc(b->ctx, (size_t)b->samples, sizeof *b->part);
  b->order = rg_alloc(b->ctx, (size_t)b->samples, sizeof *b->order);
  if (!b->part || !b->order) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < b->samples; i++) {
    b->part[i] = rg_sample(of, i);
    if (b->part[i] < 0 || b->part[i] >= b->set->count)
      return rg_fail(b->ctx, RUNG_E_ARGUMENT, "part: expected samples 0..%lld, found %lld",
                     (long long)b->set->count - 1, (long long)b->part[i]);
  }
  b->order_epoch = -1;
  b->per_epoch = b->options.training ? b->samples / b->size : (b->samples + b->size - 1) / b->size;
  return RUNG_OK;
}

/* What becomes of each byte in each channel where nothing but normalisation is done. */
static rung_status make_values(rung_batches *b) {
  int64_t channels = b->set->shape[2];
  b->value = rg_alloc(b->ctx, (size_t)channels * 256, rung_dtype_size(b->dtype));
  if (!b->value) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < 256 * channels; i++) {
    int64_t c = i / 256;
    rg_put(b->dtype, b->value, i, ((double)(i % 256) / 255 - b->mean[c]) / b->scale[c]);
  }
  return RUNG_OK;
}

static rung_status make_scratch(rung_batches *b) {
  int64_t size = rung_dataset_size(b->set), *shape = b->set_shape;
  memcpy(shape, b->set->shape, sizeof b->set_shape);
  RG_TRY(rg_reader_open(b->set, b->ctx, &b->reader));
  b->wide = rg_alloc(b->ctx, (size_t)size, sizeof *b->wide);
  if (!b->wide) return RUNG_E_MEMORY;
  if (b->set->kind == RUNG_FEATURES) return RUNG_OK;
  b->line = rg_alloc(b->ctx, (size_t)(shape[0] > shape[1] ? shape[0] : shape[1]), sizeof *b->line);
  if (!b->line) return RUNG_E_MEMORY;
  for (int i = 0; i < 2 && rg_augment_moves(&b->options.augment); i++) {
    b->moved[i] = rg_alloc(b->ctx, (size_t)size, 1);
    if (!b->moved[i]) return RUNG_E_MEMORY;
  }
  return make_values(b);
}

static bool augments(const rung_batch_options *o) {
  return o->training && (rg_augment_moves(&o->augment) || o->augment.noise > 0);
}

const char *rg_batches_vary(const rung_batches *b) {
  return augments(&b->options) ? "augmentation changes samples from epoch to epoch" : NULL;
}

/* Threads cost more than they save where a batch is small and simple. */
static int choose_ahead(const rung_batches *b) {
  const rung_batch_options *o = &b->options;
  bool costly =
      b->set->files || b->set->pixels.file >= 0 || augments(o) || o->corruption != RUNG_CLEAN;
  if (o->prefetch >= 0) return o->prefetch;
  return costly || rung_dataset_size(b->set) * b->size >= 65536 ? 2 : 0;
}

static rung_status make_slots(rung_batches *b) {
  size_t number = rung_dtype_size(b->dtype), size = (size_t)b->size;
  size_t targets = b->set->targets ? (size_t)b->set->targets : 1;
  b->slots = choose_ahead(b) + 1;
  for (int i = 0; i < b->slots; i++) {
    rg_slot *s = &b->slot[i];
    s->x = rg_alloc(b->ctx, size * (size_t)rung_dataset_size(b->set), number);
    s->y = rg_alloc(b->ctx, size * targets, number);
    s->weight = rg_alloc(b->ctx, size, number);
    s->sample = rg_alloc(b->ctx, size, sizeof *s->sample);
    if (!s->x || !s->y || !s->weight || !s->sample) return RUNG_E_MEMORY;
  }
  return RUNG_OK;
}

static rung_status open_batches(rung_batches *b, const rung_part *of,
                                const rung_batch_options *options) {
  RG_TRY(check_options(b->set, b->ctx, options));
  if (rg_samples(b->set, of) < 1)
    return rg_fail(b->ctx, RUNG_E_ARGUMENT, "batches: expected samples, found an empty part");
  RG_TRY(copy_options(b, options));
  RG_TRY(copy_part(b, of));
  RG_TRY(make_scratch(b));
  RG_TRY(make_slots(b));
  return rg_ahead_open(b);
}

rung_status rung_batches_open(const rung_dataset *set, rung_context *ctx, const rung_part *of,
                              const rung_batch_options *options, rung_dtype dtype,
                              rung_batches **out) {
  rung_batch_options standard = rung_batch_options_default();
  if (!ctx) return RUNG_E_ARGUMENT;
  if (!set || !out)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_batches_open: expected a set and out");
  *out = NULL;
  size_t before = ctx->bytes_now;
  rung_batches *b = rg_calloc(ctx, 1, sizeof *b);
  if (!b) return RUNG_E_MEMORY;
  b->ctx = ctx;
  b->set = set;
  b->dtype = dtype;
  rung_status status = open_batches(b, of, options ? options : &standard);
  if (status != RUNG_OK) {
    rung_batches_destroy(b);
    return status;
  }
  b->bytes = ctx->bytes_now - before;
  *out = b;
  return RUNG_OK;
}

void rung_batches_destroy(rung_batches *b) {
  if (!b) return;
  rung_context *ctx = b->ctx;
  rg_ahead_close(b);
  for (int i = 0; i < b->slots; i++) {
    rg_free(ctx, b->slot[i].x);
    rg_free(ctx, b->slot[i].y);
    rg_free(ctx, b->slot[i].weight);
    rg_free(ctx, b->slot[i].sample);
  }
  rg_reader_close(ctx, &b->reader);
  rg_free(ctx, b->mean);
  rg_free(ctx, b->scale);
  rg_free(ctx, b->target_mean);
  rg_free(ctx, b->target_scale);
  rg_free(ctx, b->class_weight);
  rg_free(ctx, b->part);
  rg_free(ctx, b->order);
  rg_free(ctx, b->value);
  rg_free(ctx, b->wide);
  rg_free(ctx, b->line);
  rg_free(ctx, b->moved[0]);
  rg_free(ctx, b->moved[1]);
  rg_free(ctx, b);
}

int64_t rung_batches_size(const rung_batches *b) {
  return b->size;
}

int64_t rung_batches_per_epoch(const rung_batches *b) {
  return b->per_epoch;
}

size_t rung_batches_bytes(const rung_batches *b) {
  return b->bytes;
}

/* The sample at a place of an epoch. */
static int64_t sample_at(rung_batches *b, int64_t epoch, int64_t place) {
  if (!b->options.training) return b->part[place];
  if (b->order_epoch != epoch)
    rg_shuffle(b->options.seed, rg_purpose_of(RG_FOR_ORDER, (uint64_t)epoch), b->samples, b->order);
  b->order_epoch = epoch;
  return b->part[b->order[place]];
}

#define LOOK_UP(type)                                                                              \
  for (int64_t c = 0; c < channels; c++) {                                                         \
    const type *value = (const type *)b->value + 256 * c;                                          \
    type *to = (type *)out + first;                                                                \
    for (int64_t i = c; i < n; i += channels) to[i] = value[pixel[i]];                             \
  }

static void look_up(const rung_batches *b, const unsigned char *pixel, int64_t first, void *out) {
  int64_t n = rung_dataset_size(b->set), channels = b->set->shape[2];
  if (b->dtype == RUNG_F32)
    LOOK_UP(float)
  else if (b->dtype == RUNG_F64)
    LOOK_UP(double)
  else
    LOOK_UP(rung_dd)
}

static rung_status read_image(rung_batches *b, rung_context *ctx, const rg_slot *slot,
                              int64_t sample, int64_t first) {
  const rung_batch_options *o = &b->options;
  int64_t n = rung_dataset_size(b->set), channels = b->set_shape[2];
  const unsigned char *pixel = NULL;
  RG_TRY(rg_reader_pixels(&b->reader, ctx, sample, &pixel));
  if (o->training && rg_augment_moves(&o->augment))
    pixel =
        rg_augment_move(&o->augment, b->set_shape, o->seed, slot->epoch, sample, pixel, b->moved);
  bool noise = o->training && o->augment.noise > 0;
  if (!noise && (o->corruption == RUNG_CLEAN || o->level <= 0)) {
    look_up(b, pixel, first, slot->x);
    return RUNG_OK;
  }
  for (int64_t i = 0; i < n; i++) b->wide[i] = pixel[i] / 255.0;
  rg_corrupt(o->corruption, o->level, o->seed, sample, b->set_shape, b->wide, b->line);
  if (noise)
    rg_add_noise(o->seed, rg_purpose_of(RG_FOR_NOISE, (uint64_t)slot->epoch), sample,
                 o->augment.noise, n, b->wide);
  for (int64_t i = 0; i < n; i++) {
    int64_t c = i % channels;
    rg_put(b->dtype, slot->x, first + i, (b->wide[i] - b->mean[c]) / b->scale[c]);
  }
  return RUNG_OK;
}

static void read_row(rung_batches *b, const rg_slot *slot, int64_t sample, int64_t first) {
  const rung_batch_options *o = &b->options;
  int64_t n = b->set->shape[0];
  rg_row(b->set, sample, b->wide);
  for (int64_t i = 0; i < n; i++) b->wide[i] = (b->wide[i] - b->mean[i]) / b->scale[i];
  rg_corrupt_features(o->corruption, o->level, o->seed, sample, n, b->wide);
  if (o->training && o->augment.noise > 0)
    rg_add_noise(o->seed, rg_purpose_of(RG_FOR_NOISE, (uint64_t)slot->epoch), sample,
                 o->augment.noise, n, b->wide);
  for (int64_t i = 0; i < n; i++) rg_put(b->dtype, slot->x, first + i, b->wide[i]);
}

static void put_target(const rung_batches *b, const rg_slot *slot, int64_t k, bool fills) {
  int64_t sample = slot->sample[k], targets = b->set->targets;
  double weight = 1;
  if (targets) {
    const double *value = rung_dataset_values(b->set, sample);
    for (int64_t j = 0; j < targets; j++)
      rg_put(b->dtype, slot->y, k * targets + j,
             value ? (value[j] - b->target_mean[j]) / b->target_scale[j] : 0);
    if (!value) weight = 0;
  } else {
    int label = rung_dataset_label(b->set, sample);
    rg_put(b->dtype, slot->y, k, label);
    weight = label >= 0 ? b->class_weight[label] : 0;
  }
  rg_put(b->dtype, slot->weight, k, fills ? 0 : weight);
}

/* The last sample once more, at weight 0. */
static void copy_sample(rung_batches *b, const rg_slot *slot, int64_t from, int64_t to) {
  size_t bytes = (size_t)rung_dataset_size(b->set) * rung_dtype_size(b->dtype);
  memcpy((char *)slot->x + (size_t)to * bytes, (char *)slot->x + (size_t)from * bytes, bytes);
}

rung_status rg_make_batch(rung_batches *b, rung_context *ctx, rg_slot *slot) {
  int64_t first = slot->number * b->size, left = b->samples - first;
  int64_t size = rung_dataset_size(b->set);
  slot->count = left < b->size ? left : b->size;
  for (int64_t k = 0; k < b->size; k++) {
    bool fills = k >= slot->count;
    slot->sample[k] = sample_at(b, slot->epoch, first + (fills ? slot->count - 1 : k));
    if (fills)
      copy_sample(b, slot, slot->count - 1, k);
    else if (b->set->kind == RUNG_IMAGES)
      RG_TRY(read_image(b, ctx, slot, slot->sample[k], k * size));
    else
      read_row(b, slot, slot->sample[k], k * size);
    put_target(b, slot, k, fills);
  }
  return RUNG_OK;
}
