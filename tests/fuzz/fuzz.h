/* What the fuzz targets share: conditions that must hold whatever the input is. */
#ifndef RG_FUZZ_H
#define RG_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define REQUIRE(condition)                                                                         \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);               \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline rung_context *start(void) {
  rung_context *ctx;
  REQUIRE(rung_context_create(NULL, &ctx) == RUNG_OK);
  return ctx;
}

/* A failed call has said why. */
static inline void check_failure(const rung_context *ctx, rung_status status) {
  REQUIRE(status < 0 && rung_error_status(ctx) == status && rung_error(ctx)[0]);
}

/* Nothing is left allocated. */
static inline void finish(rung_context *ctx) {
  REQUIRE(rung_memory_now(ctx) == 0);
  rung_context_destroy(ctx);
}

#endif
