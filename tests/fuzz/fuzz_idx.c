/* Any bytes as a file of images and one of labels: the first two bytes tell where it is cut. */
#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  size_t images = data[0] | (size_t)data[1] << 8;
  if (images > size - 2) images = size - 2;
  const char *path = put_file(0, "x-images-idx3-ubyte", data + 2, images);
  put_file(1, "x-labels-idx1-ubyte", data + 2 + images, size - 2 - images);
  rung_context *ctx = start();
  for (int i = 0; i < 6; i++) {
    rung_dataset_options options = rung_dataset_options_default();
    options.skip_bad = i % 2;
    options.memory = i / 2 == 1 ? 64 : 0; /* read from the disk */
    options.class_count = i / 2 == 2 ? 2 : 0;
    options.class_names = (const char *const[]){"even", "odd"};
    use_set(ctx, path, &options);
  }
  finish(ctx);
  return 0;
}
