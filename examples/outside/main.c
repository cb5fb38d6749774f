/* A program outside the tree: makes a context and says which library it runs with. */
#include <stdio.h>
#include <string.h>

#include <rung/rung.h>

int main(void) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  printf("Rung %s, %d threads\n", rung_version(), rung_threads(ctx));
  rung_context_destroy(ctx);
  char header[32];
  snprintf(header, sizeof header, "%d.%d.%d", RUNG_VERSION_MAJOR, RUNG_VERSION_MINOR,
           RUNG_VERSION_PATCH);
  return strcmp(header, rung_version()) != 0; /* header and library are of one version */
}
