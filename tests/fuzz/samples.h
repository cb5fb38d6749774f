/* What the fuzz targets of sets share: a folder for the input, and what must hold of any set that
 * opens. */
#ifndef RG_FUZZ_SAMPLES_H
#define RG_FUZZ_SAMPLES_H

#include <math.h>
#include <unistd.h>

#include "fuzz.h"
#include "rung/dataset.h"

#define FUZZ_SAMPLE_MOST (1 << 20) /* numbers; larger samples would only cost time */

static char fuzz_folder[] = "/tmp/rung-fuzz-XXXXXX";
static char fuzz_files[2][64];

static inline void remove_files(void) {
  for (int i = 0; i < 2; i++)
    if (fuzz_files[i][0]) unlink(fuzz_files[i]);
  rmdir(fuzz_folder);
}

/* Writes file 0 or 1, which keeps its name. */
static inline const char *put_file(int i, const char *name, const uint8_t *data, size_t size) {
  if (!fuzz_files[0][0] && !fuzz_files[1][0]) {
    REQUIRE(mkdtemp(fuzz_folder) != NULL);
    atexit(remove_files);
  }
  snprintf(fuzz_files[i], sizeof fuzz_files[i], "%s/%s", fuzz_folder, name);
  FILE *file = fopen(fuzz_files[i], "wb");
  REQUIRE(file && fwrite(data, 1, size, file) == size);
  fclose(file);
  return fuzz_files[i];
}

static inline void check_sample(rung_context *ctx, const rung_dataset *set, int64_t sample) {
  size_t n = (size_t)rung_dataset_size(set);
  double *x = malloc(n * sizeof *x);
  REQUIRE(x);
  rung_status status = rung_dataset_read(set, ctx, sample, RUNG_F64, x);
  if (status != RUNG_OK) check_failure(ctx, status);
  bool image = rung_dataset_kind(set) == RUNG_IMAGES;
  for (size_t i = 0; status == RUNG_OK && i < n; i++)
    REQUIRE(isfinite(x[i]) && (!image || (x[i] >= 0 && x[i] <= 1)));
  int label = rung_dataset_label(set, sample);
  REQUIRE(label >= -1 && (label < rung_dataset_classes(set)));
  free(x);
}

static inline void check_samples(rung_context *ctx, const rung_dataset *set) {
  char name[64];
  int64_t count = rung_dataset_count(set);
  REQUIRE(count > 0 && rung_dataset_size(set) > 0 && rung_dataset_form(set));
  for (int i = 0; i < rung_dataset_classes(set); i++) REQUIRE(rung_dataset_class(set, i));
  if (rung_dataset_size(set) > FUZZ_SAMPLE_MOST) return;
  for (int64_t i = 0; i < count; i += 1 + count / 8) {
    check_sample(ctx, set, i);
    REQUIRE(rung_dataset_name(set, i, name, sizeof name)[0]);
  }
  check_sample(ctx, set, count - 1);
}

/* Opens, looks, closes; false where it does not open. */
static inline bool use_set(rung_context *ctx, const char *path,
                           const rung_dataset_options *options) {
  rung_dataset *set;
  rung_status status = rung_dataset_open(ctx, path, options, &set);
  if (status != RUNG_OK) {
    check_failure(ctx, status);
    return false;
  }
  check_samples(ctx, set);
  rung_dataset_destroy(set);
  return true;
}

#endif
