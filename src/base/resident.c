/* The memory that this process holds in fact, as the system counts it. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

size_t rg_resident(bool peak) {
  const char *key = peak ? "VmHWM:" : "VmRSS:";
  char line[256];
  unsigned long long kibibytes = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0) {
      if (sscanf(line + strlen(key), "%llu", &kibibytes) != 1) kibibytes = 0;
      break;
    }
  fclose(file);
  return (size_t)kibibytes * 1024;
}

void rg_trim_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
