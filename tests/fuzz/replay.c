/* Gives every file of a folder to a fuzz target, for compilers without libFuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(rung_context *ctx, const char *path) {
  char *data;
  size_t length;
  if (rg_read_file(ctx, path, (size_t)1 << 30, &data, &length) != RUNG_OK) {
    fprintf(stderr, "%s\n", rung_error(ctx));
    return 1;
  }
  /* A block of just this size, so that the address sanitizer sees a read past the end. */
  uint8_t *exact = malloc(length ? length : 1);
  if (!exact) return 1;
  memcpy(exact, data, length);
  rg_free(ctx, data);
  LLVMFuzzerTestOneInput(exact, length);
  free(exact);
  return 0;
}

int main(int argc, char **argv) {
  rung_context *ctx;
  DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
  if (!folder || rung_context_create(NULL, &ctx) != RUNG_OK) {
    fprintf(stderr, "expected one folder of inputs\n");
    return 2;
  }
  int failed = 0, files = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    failed |= replay_file(ctx, path);
    files++;
  }
  closedir(folder);
  rung_context_destroy(ctx);
  printf("%d inputs\n", files);
  return failed || files == 0;
}
