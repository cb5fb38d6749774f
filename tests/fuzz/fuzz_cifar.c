/* Any bytes as a CIFAR-10 batch. */
#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = put_file(0, "batch.bin", data, size);
  rung_context *ctx = start();
  for (int i = 0; i < 4; i++) {
    rung_dataset_options options = rung_dataset_options_default();
    options.skip_bad = i % 2;
    options.memory = i / 2 ? 64 : 0;
    use_set(ctx, path, &options);
  }
  finish(ctx);
  return 0;
}
