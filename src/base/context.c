/* The context: memory that is counted, the last error, the log, the threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

const char *rung_status_text(rung_status status) {
  switch (status) {
#define STATUS_CASE(name, number, text)                                                            \
  case name:                                                                                       \
    return text;
    RUNG_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
  }
  return "unknown status";
}

#define STRING_OF(x) #x
#define VERSION_TEXT(a, b, c) STRING_OF(a) "." STRING_OF(b) "." STRING_OF(c)

const char *rung_version(void) {
  return VERSION_TEXT(RUNG_VERSION_MAJOR, RUNG_VERSION_MINOR, RUNG_VERSION_PATCH);
}

size_t rung_dtype_size(rung_dtype dtype) {
  return dtype == RUNG_F32 ? sizeof(float) : dtype == RUNG_F64 ? sizeof(double) : sizeof(rung_dd);
}

static const char *const dtype_names[] = {"single", "double", "quad"};

const char *rung_dtype_name(rung_dtype dtype) {
  return dtype_names[dtype];
}

rung_status rung_dtype_parse(const char *name, rung_dtype *out) {
  for (int i = 0; i < 3; i++) {
    if (strcmp(name, dtype_names[i]) != 0) continue;
    *out = (rung_dtype)i;
    return RUNG_OK;
  }
  return RUNG_E_ARGUMENT;
}

static void *default_alloc(void *user, size_t bytes) {
  (void)user;
  return malloc(bytes);
}

static void default_release(void *user, void *memory, size_t bytes) {
  (void)user;
  (void)bytes;
  free(memory);
}

rung_status rung_context_create(const rung_allocator *allocator, rung_context **out) {
  static const rung_allocator standard = {default_alloc, default_release, NULL};
  if (!out) return RUNG_E_ARGUMENT;
  *out = NULL;
  if (!allocator) allocator = &standard;
  rung_context *ctx = allocator->alloc(allocator->user, sizeof *ctx);
  if (!ctx) return RUNG_E_MEMORY;
  memset(ctx, 0, sizeof *ctx);
  ctx->allocator = *allocator;
  ctx->isa = rung_isa_best();
  *out = ctx;
  return RUNG_OK;
}

void rung_context_destroy(rung_context *ctx) {
  if (!ctx) return;
  rung_allocator allocator = ctx->allocator;
  allocator.release(allocator.user, ctx, sizeof *ctx);
}

const char *rung_error(const rung_context *ctx) {
  return ctx->message;
}

rung_status rung_error_status(const rung_context *ctx) {
  return ctx->status;
}

void rung_clear_error(rung_context *ctx) {
  ctx->status = RUNG_OK;
  ctx->message[0] = 0;
}

void rg_record_error(rung_context *ctx, rung_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  ctx->status = status;
  vsnprintf(ctx->message, sizeof ctx->message, format, args);
  va_end(args);
}

rung_status rung_fail(rung_context *ctx, rung_status status, const char *format, ...) {
  char message[sizeof ctx->message];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return rg_fail(ctx, status, "%s", message);
}

rung_status rg_fail_memory(rung_context *ctx, size_t bytes) {
  return rg_fail(ctx, RUNG_E_MEMORY, "out of memory: %zu bytes could not be allocated", bytes);
}

rung_status rung_set_threads(rung_context *ctx, int threads) {
  if (threads < 0 || threads > 1024)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "threads: expected 0..1024, found %d", threads);
  ctx->threads = threads;
  return RUNG_OK;
}

int rung_threads(const rung_context *ctx) {
  if (ctx->threads > 0) return ctx->threads;
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : online > 1024 ? 1024 : (int)online;
}

rung_isa rung_isa_best(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("fma"))
    return RUNG_ISA_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return RUNG_ISA_AVX2;
#endif
  return RUNG_ISA_PORTABLE;
}

rung_status rung_set_isa(rung_context *ctx, rung_isa isa) {
  if (isa > rung_isa_best())
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "this processor lacks the instructions asked for");
  ctx->isa = isa;
  return RUNG_OK;
}

void rung_set_log(rung_context *ctx, rung_log_fn log, void *user) {
  ctx->log = log;
  ctx->log_user = user;
}

void rg_log(rung_context *ctx, const char *format, ...) {
  if (!ctx->log) return;
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  ctx->log(ctx->log_user, line);
}

size_t rung_memory_now(const rung_context *ctx) {
  return ctx->bytes_now;
}

size_t rung_memory_peak(const rung_context *ctx) {
  return ctx->bytes_peak;
}
