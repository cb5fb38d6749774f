/* Any bytes as an image, PNG or JPEG by what they begin with: as it is, grey, scaled. */
#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = put_file(0, "image.png", data, size);
  rung_context *ctx = start();
  rung_dataset *set;
  rung_dataset_options options = rung_dataset_options_default();
  options.unlabelled = 1;
  rung_status status = rung_dataset_open(ctx, path, &options, &set);
  if (status == RUNG_OK) {
    bool small = rung_dataset_size(set) <= FUZZ_SAMPLE_MOST;
    check_samples(ctx, set);
    rung_dataset_destroy(set);
    options.skip_bad = 1;
    options.channels = 1;
    options.height = 3;
    options.width = 5;
    if (small) use_set(ctx, path, &options);
  } else {
    check_failure(ctx, status);
  }
  finish(ctx);
  return 0;
}
