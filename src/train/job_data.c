/* The data of a training run: opened, split, normalised, in batches. */
#include <string.h>

#include "train/job.h"

/* ---- opening ---- */

static const char *get(const rg_job *j, const char *key) {
  return rung_recipe_get(j->recipe, key);
}

static rung_dataset_options options_of(const rg_job *j, bool test, size_t most) {
  rung_dataset_options o = rung_dataset_options_default();
  rg_recipe_dataset(j->recipe, test, &o);
  o.memory = most;
  return o;
}

static rung_status check_given(const rg_job *j) {
  const rung_network *n = j->given;
  int64_t outputs = j->classes ? rung_dataset_classes(j->set) : rung_dataset_targets(j->set);
  rung_shape shape = {0};
  char expected[RG_SHAPE_TEXT], found[RG_SHAPE_TEXT];
  shape.rank = rung_dataset_shape(j->set, shape.dim);
  if (outputs != n->outputs)
    return rg_fail(j->ctx, RUNG_E_DATA, "%s: expected %lld %s, as the network has, found %lld",
                   get(j, "data.train"), (long long)n->outputs, j->classes ? "classes" : "values",
                   (long long)outputs);
  if (rg_shape_equal(&shape, &n->sample)) return RUNG_OK;
  return rg_fail(
      j->ctx, RUNG_E_SHAPE, "%s: expected samples of the shape %s, as the network takes, found %s",
      get(j, "data.train"), rg_shape_text(&n->sample, expected), rg_shape_text(&shape, found));
}

/* Of the training samples: those that are trained on and those held out. */
static rung_status split(rg_job *j) {
  double validation = rung_recipe_number(j->recipe, "data.validation");
  int64_t limit = rg_recipe_whole(j->recipe, "data.limit");
  uint64_t seed = j->training.seed;
  rung_part all = {0};
  if (validation > 0) {
    rung_status status = rung_part_split(j->set, j->ctx, NULL, validation, seed, &all, &j->held);
    if (status != RUNG_OK) return rg_recipe_blame(j->recipe, j->ctx, status, "data.validation");
  } else {
    RG_TRY(rung_part_all(j->set, j->ctx, &all));
  }
  if (limit <= 0 || limit >= all.count) {
    j->train = all;
    return RUNG_OK;
  }
  rung_status status = rung_part_limit(j->set, j->ctx, &all, limit, seed, &j->train);
  rung_free(j->ctx, all.index);
  return status;
}

/* By the network's numbers, which its frozen modules were trained with. Batches divide by the
 * scale, networks multiply. */
static void normalise_as_given(rg_job *j, size_t channels, size_t targets) {
  const rung_network *n = j->given;
  for (size_t i = 0; i < channels; i++) {
    j->mean[i] = n->mean[i];
    j->scale[i] = 1 / n->scale[i];
  }
  for (size_t i = 0; i < targets; i++) {
    j->target_mean[i] = n->target_mean[i];
    j->target_scale[i] = n->target_scale[i];
  }
}

/* Mean and scale of each channel: what samples are told apart by, and normalised with. */
static rung_status measure(rg_job *j) {
  size_t channels = (size_t)rung_dataset_channels(j->set);
  size_t classes = (size_t)rung_dataset_classes(j->set);
  size_t targets = (size_t)rung_dataset_targets(j->set);
  rg_free(j->ctx, j->numbers);
  j->numbers = rg_alloc(j->ctx, 2 * channels + 2 * targets + classes, sizeof *j->numbers);
  if (!j->numbers) return RUNG_E_MEMORY;
  return rung_normalisation(j->set, j->ctx, &j->train, j->numbers, j->numbers + channels);
}

static void normalise(rg_job *j) {
  size_t channels = (size_t)rung_dataset_channels(j->set);
  size_t targets = (size_t)rung_dataset_targets(j->set);
  j->mean = j->scale = j->target_mean = j->target_scale = j->class_weight = NULL;
  if (j->given || rg_recipe_flag(j->recipe, "data.normalise")) {
    j->mean = j->numbers;
    j->scale = j->mean + channels;
  }
  if (targets) {
    j->target_mean = j->numbers + 2 * channels;
    j->target_scale = j->target_mean + targets;
  }
  if (j->given) normalise_as_given(j, channels, targets);
  if (targets && !j->given)
    rung_target_normalisation(j->set, &j->train, j->target_mean, j->target_scale);
  if (!rg_recipe_is(j->recipe, "data.class-weights", "balanced")) return;
  j->class_weight = j->numbers + 2 * channels + 2 * targets;
  rung_part_weights(j->set, &j->train, j->class_weight);
}

/* Batches to look at: normalised alone. */
rung_batch_options rg_job_plain_batches(const rg_job *j, int64_t samples) {
  rung_batch_options o = rung_batch_options_default();
  o.batch = j->training.batch < samples ? j->training.batch : samples;
  o.mean = j->mean;
  o.scale = j->scale;
  o.target_mean = j->target_mean;
  o.target_scale = j->target_scale;
  return o;
}

static rung_status open_batches(rg_job *j) {
  if (!j->training.batch) j->training.batch = j->train.count; /* all */
  if (j->training.batch > j->train.count)
    return rg_recipe_fail(j->recipe, j->ctx, "training.batch",
                          "training.batch: expected at most the %lld samples that are trained on, "
                          "found %lld",
                          (long long)j->train.count, (long long)j->training.batch);
  if (j->training.micro_batch > 0 && j->training.batch % j->training.micro_batch)
    return rg_recipe_fail(j->recipe, j->ctx, "training.micro_batch",
                          "training.micro_batch: expected a divisor of the batch, %lld, found %lld",
                          (long long)j->training.batch, (long long)j->training.micro_batch);
  if (j->held.count) {
    rung_batch_options plain = rg_job_plain_batches(j, j->held.count);
    RG_TRY(rung_batches_open(j->set, j->ctx, &j->held, &plain, j->dtype, &j->check));
  }
  rung_batch_options o = rg_job_plain_batches(j, j->train.count);
  rg_recipe_batches(j->recipe, &o);
  o.batch = j->training.batch;
  o.class_weight = j->class_weight;
  RG_TRY(rung_batches_open(j->set, j->ctx, &j->train, &o, j->dtype, &j->batches));
  j->per_epoch = rung_batches_per_epoch(j->batches);
  return RUNG_OK;
}

/* Whether the data are those that the run was started with, and the network to extend is. */
static uint64_t hash_of(const rg_job *j) {
  const char *form = rung_dataset_form(j->set);
  int64_t count = rung_dataset_count(j->set);
  uint64_t hash = rg_hash(RG_HASH_START, form, strlen(form));
  hash = rg_hash(hash, &count, sizeof count);
  for (int64_t i = 0; i < count; i++) {
    int label = rung_dataset_label(j->set, i);
    const double *values = rung_dataset_values(j->set, i);
    hash = rg_hash(hash, &label, sizeof label);
    if (values) hash = rg_hash(hash, values, (size_t)rung_dataset_targets(j->set) * sizeof *values);
  }
  size_t channels = (size_t)rung_dataset_channels(j->set);
  hash = rg_hash(hash, j->numbers, 2 * channels * sizeof *j->numbers); /* samples, by their sums */
  const rung_network *n = j->extended;
  if (!n) return hash;
  hash = rg_hash(hash, n->theta, (size_t)n->parameters * rung_dtype_size(n->dtype));
  return rg_hash(hash, n->running, (size_t)n->statistics * rung_dtype_size(n->dtype));
}

rung_status rg_job_open_data(rg_job *j, size_t most) {
  rung_dataset_options o = options_of(j, false, most);
  if (j->given) rung_network_dataset(j->given, &o);
  RG_TRY(rung_dataset_open(j->ctx, get(j, "data.train"), &o, &j->set));
  if (j->classes && rung_dataset_classes(j->set) < 2)
    return rg_fail(j->ctx, RUNG_E_DATA, "%s: expected samples of at least 2 classes, found %d",
                   get(j, "data.train"), rung_dataset_classes(j->set));
  if (j->given) RG_TRY(check_given(j));
  j->skipped = rung_dataset_skipped(j->set);
  const char *form = rung_dataset_form(j->set);
  rg_free(j->ctx, j->form);
  j->form = rg_strdup(j->ctx, form);
  if (!j->form) return RUNG_E_MEMORY;
  RG_TRY(split(j));
  RG_TRY(measure(j));
  j->data_hash = hash_of(j);
  normalise(j);
  RG_TRY(open_batches(j));
  j->samples_most = most;
  return RUNG_OK;
}

void rg_job_close_data(rg_job *j) {
  rung_batches_destroy(j->batches);
  rung_batches_destroy(j->check);
  rung_dataset_destroy(j->set);
  rung_free(j->ctx, j->train.index);
  rung_free(j->ctx, j->held.index);
  j->batches = j->check = NULL;
  j->set = NULL;
  j->train = j->held = (rung_part){0};
}

static rung_status open_test(rg_job *j, size_t most, rung_dataset **out) {
  *out = NULL;
  if (!get(j, "data.test")) return RUNG_OK;
  rung_dataset_options o = options_of(j, true, most);
  o.form = j->form;
  return rung_dataset_open(j->ctx, get(j, "data.test"), &o, out);
}

rung_status rg_job_open_test(rg_job *j, rung_dataset **out) {
  return open_test(j, rg_job_room(j) / 2, out);
}

/* Beside the training samples there may be too little room for a table, which cannot stay on the
 * disk: then it is looked at when they are gone. */
rung_status rg_job_look_at_test(rg_job *j) {
  rung_dataset *set;
  size_t held = rung_dataset_bytes(j->set), all = rg_job_room(j);
  size_t room = all > held ? all - held : 1;
  bool tight = room < all / 2;
  rung_status status = open_test(j, tight ? room : all / 2, &set);
  rung_dataset_destroy(set);
  if (status != RUNG_E_BUDGET || !tight) return status;
  rung_clear_error(j->ctx);
  return RUNG_OK;
}
