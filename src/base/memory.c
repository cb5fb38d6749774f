/* Aligned memory from the context's allocator, counted there. */
#include <string.h>

#include "base/base.h"

/* Stands right before the aligned bytes. */
typedef struct block_header {
  void *block;        /* what the allocator gave */
  size_t block_bytes; /* its size */
  size_t bytes;       /* what the caller asked for */
} block_header;

_Static_assert(RG_ALLOCATION_BYTES == RG_ALIGN + sizeof(block_header), "see RG_ALLOCATION_BYTES");

static block_header *header_of(void *memory) {
  return (block_header *)((char *)memory - sizeof(block_header));
}

void *rg_alloc(rung_context *ctx, size_t count, size_t size) {
  const size_t extra = RG_ALLOCATION_BYTES;
  if (size && count > (SIZE_MAX - extra) / size) {
    rg_fail(ctx, RUNG_E_MEMORY, "out of memory: %zu elements of %zu bytes are too many", count,
            size);
    return NULL;
  }
  size_t bytes = count * size, block_bytes = bytes + extra;
  char *block = ctx->allocator.alloc(ctx->allocator.user, block_bytes);
  if (!block) {
    rg_fail_memory(ctx, bytes);
    return NULL;
  }
  uintptr_t start = (uintptr_t)block + sizeof(block_header);
  char *memory = block + sizeof(block_header) + (RG_ALIGN - start % RG_ALIGN) % RG_ALIGN;
  *header_of(memory) = (block_header){block, block_bytes, bytes};
  ctx->bytes_now += block_bytes;
  if (ctx->bytes_now > ctx->bytes_peak) ctx->bytes_peak = ctx->bytes_now;
  return memory;
}

void *rg_calloc(rung_context *ctx, size_t count, size_t size) {
  void *memory = rg_alloc(ctx, count, size);
  if (memory) memset(memory, 0, count * size);
  return memory;
}

void *rg_realloc(rung_context *ctx, void *memory, size_t count, size_t size) {
  void *grown = rg_alloc(ctx, count, size);
  if (!grown || !memory) return grown;
  size_t old = header_of(memory)->bytes, now = count * size;
  memcpy(grown, memory, old < now ? old : now);
  rg_free(ctx, memory);
  return grown;
}

void rg_free(rung_context *ctx, void *memory) {
  if (!memory) return;
  block_header header = *header_of(memory);
  ctx->bytes_now -= header.block_bytes;
  ctx->allocator.release(ctx->allocator.user, header.block, header.block_bytes);
}

char *rg_strndup(rung_context *ctx, const char *text, size_t length) {
  char *copy = rg_alloc(ctx, length + 1, 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

char *rg_strdup(rung_context *ctx, const char *text) {
  return rg_strndup(ctx, text, strlen(text));
}

rung_status rung_alloc(rung_context *ctx, size_t bytes, void **out) {
  *out = rg_alloc(ctx, bytes, 1);
  return *out ? RUNG_OK : RUNG_E_MEMORY;
}

void rung_free(rung_context *ctx, void *memory) {
  rg_free(ctx, memory);
}
