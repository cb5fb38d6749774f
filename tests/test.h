/* What every test includes first: cmocka and a context whose memory must be all released. */
#ifndef RG_TEST_H
#define RG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static inline int setup_context(void **state) {
  return rung_context_create(NULL, (rung_context **)state) == RUNG_OK ? 0 : -1;
}

static inline int teardown_context(void **state) {
  rung_context *ctx = *state;
  size_t left = rung_memory_now(ctx);
  rung_context_destroy(ctx);
  return left == 0 ? 0 : -1;
}

/* A test that gets a fresh context as its state. */
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup_context, teardown_context)

/* Shows the library's message where a call that should succeed fails. */
#define assert_ok(ctx, call)                                                                       \
  do {                                                                                             \
    rung_status assert_status = (call);                                                            \
    if (assert_status != RUNG_OK) fail_msg("%s: %s", #call, rung_error(ctx));                      \
  } while (0)

/* The call must fail with this status and a message that contains this text. */
#define assert_error(ctx, call, expected, text)                                                    \
  do {                                                                                             \
    assert_int_equal(call, expected);                                                              \
    if (!strstr(rung_error(ctx), text))                                                            \
      fail_msg("the message should contain \"%s\", but is: %s", text, rung_error(ctx));            \
  } while (0)

#endif
