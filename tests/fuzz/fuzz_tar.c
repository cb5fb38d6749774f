/* Any bytes as a tar of images, with and without a folder in it. */
#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = put_file(0, "images.tar", data, size);
  char inside[96];
  rung_context *ctx = start();
  snprintf(inside, sizeof inside, "%s/train", path);
  for (int i = 0; i < 4; i++) {
    rung_dataset_options options = rung_dataset_options_default();
    options.unlabelled = i % 2;
    options.height = options.width = i == 3 ? 2 : 0;
    use_set(ctx, i / 2 ? inside : path, &options);
  }
  rung_dataset_options options = rung_dataset_options_default();
  options.skip_bad = size < 8192; /* decodes everything */
  use_set(ctx, path, &options);
  finish(ctx);
  return 0;
}
