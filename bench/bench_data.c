/* Samples in a second of processor time, on one thread: from the file to batches in single
 * precision. With a path, of that set; else of sets that are made for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "base/base.h"
#include "rung/batch.h"

#define DIGITS 60000
#define PHOTOS 5000
#define SIDE 32

static void check(const rung_context *ctx, rung_status status) {
  if (status == RUNG_OK) return;
  fprintf(stderr, "bench_data: %s\n", rung_error(ctx));
  exit(1);
}

static void put(FILE *file, const void *data, size_t n) {
  if (fwrite(data, 1, n, file) == n) return;
  perror("bench_data");
  exit(1);
}

static FILE *create(const char *path) {
  FILE *file = fopen(path, "wb");
  if (file) return file;
  perror(path);
  exit(1);
}

/* As large as MNIST. */
static void make_digits(const char *folder, char *images, size_t size) {
  static unsigned char image[28 * 28], label[DIGITS];
  static const unsigned char head[] = {0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28};
  static const unsigned char labels_head[] = {0, 0, 8, 1, 0, 0, 0xea, 0x60};
  char labels[128];
  snprintf(images, size, "%s/x-images-idx3-ubyte", folder);
  snprintf(labels, sizeof labels, "%s/x-labels-idx1-ubyte", folder);
  FILE *file = create(images);
  put(file, head, sizeof head);
  for (int i = 0; i < DIGITS; i++) {
    for (int j = 0; j < 28 * 28; j++) image[j] = (unsigned char)(i * 7 + j * j);
    put(file, image, sizeof image);
    label[i] = (unsigned char)(i % 10);
  }
  fclose(file);
  file = create(labels);
  put(file, labels_head, sizeof labels_head);
  put(file, label, sizeof label);
  fclose(file);
}

static void put_tar_entry(FILE *file, const char *name, const unsigned char *data, size_t n) {
  unsigned char block[512] = {0};
  unsigned sum = 0;
  snprintf((char *)block, 100, "%s", name);
  snprintf((char *)block + 124, 12, "%011zo", n);
  block[156] = '0';
  memset(block + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += block[i];
  snprintf((char *)block + 148, 7, "%06o", sum);
  put(file, block, 512);
  put(file, data, n);
  memset(block, 0, 512);
  put(file, block, (512 - n % 512) % 512);
}

/* JPEG images of 32 x 32, of the size of CIFAR-10's at quality 75. */
static void make_photos(const char *folder, char *path, size_t size) {
  unsigned char pixels[SIDE * SIDE * 3], *data = NULL;
  unsigned long length = 0;
  tjhandle jpeg = tjInitCompress();
  snprintf(path, size, "%s/photos.tar", folder);
  FILE *file = create(path);
  for (int i = 0; i < PHOTOS; i++) {
    char name[32];
    for (int j = 0; j < SIDE * SIDE * 3; j++)
      pixels[j] = (unsigned char)(128 + 60 * ((j / 3 + i) % SIDE > SIDE / 2) +
                                  (int)(rg_bits(1, 1, (uint64_t)(i * 10000 + j)) & 31));
    if (tjCompress2(jpeg, pixels, SIDE, 0, SIDE, TJPF_RGB, &data, &length, TJSAMP_420, 75, 0))
      exit(1);
    snprintf(name, sizeof name, "%d/%04d.jpg", i % 10, i);
    put_tar_entry(file, name, data, length);
  }
  fclose(file);
  tjFree(data);
  tjDestroy(jpeg);
}

static double processor_seconds(void) {
  return (double)clock() / CLOCKS_PER_SEC;
}

static void time_batches(rung_context *ctx, const rung_dataset *set, const char *what,
                         const rung_augment *augment) {
  rung_batch_options options = rung_batch_options_default();
  rung_batches *batches;
  options.batch = 64;
  options.training = 1;
  options.prefetch = 0;
  if (augment) options.augment = *augment;
  check(ctx, rung_batches_open(set, ctx, NULL, &options, RUNG_F32, &batches));
  double start = processor_seconds(), seconds = 0;
  int64_t count = 0;
  while (seconds < 1) {
    rung_batch b;
    check(ctx, rung_batches_next(batches, &b));
    count += b.count;
    seconds = processor_seconds() - start;
  }
  printf("  %-16s %10.0f samples/s  %9zu bytes\n", what, (double)count / seconds,
         rung_batches_bytes(batches));
  rung_batches_destroy(batches);
}

static void time_set(rung_context *ctx, const char *what, const char *path, size_t memory) {
  rung_dataset *set;
  rung_dataset_options options = rung_dataset_options_default();
  rung_augment augment = {.flip = 1, .shift = 2}, noise = {.noise = 0.1};
  options.memory = memory;
  double start = processor_seconds();
  check(ctx, rung_dataset_open(ctx, path, &options, &set));
  printf("%s: %lld samples opened in %.2f s, %zu bytes\n", what, (long long)rung_dataset_count(set),
         processor_seconds() - start, rung_dataset_bytes(set));
  time_batches(ctx, set, "as they are", NULL);
  if (rung_dataset_kind(set) == RUNG_IMAGES) time_batches(ctx, set, "flip and shift", &augment);
  time_batches(ctx, set, "noise", &noise);
  rung_dataset_destroy(set);
}

int main(int count, char **argument) {
  rung_context *ctx;
  char folder[] = "/tmp/rung-bench-XXXXXX", path[128], command[64];
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  if (count > 1) {
    time_set(ctx, argument[1], argument[1], 0);
  } else {
    if (!mkdtemp(folder)) return 1;
    make_digits(folder, path, sizeof path);
    time_set(ctx, "IDX, 28 x 28, in memory", path, 0);
    time_set(ctx, "IDX, 28 x 28, on the disk", path, 4000000);
    make_photos(folder, path, sizeof path);
    time_set(ctx, "JPEG, 32 x 32, in a tar", path, 0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0) return 1;
  }
  rung_context_destroy(ctx);
  return 0;
}
