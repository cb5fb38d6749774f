/* Convolutions, their transposes and their adjoints in the weights beside the arithmetic peak of
 * one core, measured in turn. A flop is one addition or multiplication of the definition, those
 * with the zeros around an image included. bench/conv_torch.py measures the same layers beside
 * PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "kernel/conv.h"
#include "peak.h"

enum { ROUNDS = 7, KINDS = 3 };
static const double SLICE = 0.02; /* seconds of one measurement */

typedef struct bench_case {
  int64_t images, size, channels, kernel, filters, stride, groups;
} bench_case;

static rg_conv conv_of(const bench_case *s, rg_conv_kind kind, rung_dtype dtype) {
  rg_conv c = {.kind = kind, .dtype = dtype, .isa = rung_isa_best(), .samples = 1};
  if (kind == RG_CONV_WEIGHTS)
    c.samples =
        rg_conv_parts(s->images, s->kernel * s->kernel * s->channels / s->groups * s->filters);
  c.images = s->images / c.samples;
  c.height = c.width = s->size;
  c.channels = s->channels;
  c.kernel_height = c.kernel_width = s->kernel;
  c.filters = s->filters;
  c.stride[0] = c.stride[1] = s->stride;
  c.top = c.left = (s->kernel - 1) / 2;
  c.out_height = c.out_width = (s->size + 2 * c.top - s->kernel) / s->stride + 1;
  c.groups = s->groups;
  return c;
}

static void *numbers(rung_dtype dtype, int64_t count) {
  void *data = aligned_alloc(64, ((size_t)count * rung_dtype_size(dtype) + 63) / 64 * 64);
  if (!data) exit(1);
  for (int64_t i = 0; i < count; i++) {
    double x = rg_normal(1, 1, (uint64_t)i);
    if (dtype == RUNG_F32) ((float *)data)[i] = (float)x;
    if (dtype == RUNG_F64) ((double *)data)[i] = x;
  }
  return data;
}

static double flops_of(const rg_conv *c) {
  int64_t outputs = c->samples * c->images * c->out_height * c->out_width * c->filters;
  int64_t depth = c->channels / c->groups;
  return 2.0 * (double)(outputs * c->kernel_height * c->kernel_width * depth);
}

static void work(const rg_conv *c, int64_t pieces) {
  for (int64_t piece = 0; piece < pieces; piece++) rg_conv_piece(c, piece, pieces);
}

/* Flops a second over one slice of time; of the peak where there is no convolution. */
static double rate(const rg_conv *c, int64_t pieces) {
  double done = 0, start = seconds(), now = start;
  while (now - start < SLICE) {
    if (c) work(c, pieces);
    done += c ? flops_of(c) : peak_call(10000);
    now = seconds();
  }
  return done / (now - start);
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double median(double *x) {
  qsort(x, ROUNDS, sizeof *x, ascending);
  return x[ROUNDS / 2];
}

static void measure(const bench_case *s, rung_dtype dtype) {
  rg_conv c[KINDS];
  int64_t pieces[KINDS];
  double mine[KINDS][ROUNDS], share[KINDS][ROUNDS], peak[ROUNDS];
  void *x = numbers(dtype, s->images * s->size * s->size * s->channels);
  void *w = numbers(dtype, s->kernel * s->kernel * s->channels / s->groups * s->filters * 16);
  void *y = numbers(dtype, s->images * s->size * s->size * s->filters);
  for (int k = 0; k < KINDS; k++) {
    c[k] = conv_of(s, (rg_conv_kind)k, dtype);
    c[k].a = k == RG_CONV_TRANSPOSE ? y : x;
    c[k].b = k == RG_CONV_WEIGHTS ? y : w;
    c[k].out = k == RG_CONV ? y : k == RG_CONV_TRANSPOSE ? x : w;
    size_t scratch;
    rg_conv_plan(&c[k], &pieces[k], &scratch);
    c[k].scratch = aligned_alloc(64, scratch + 64);
    if (!c[k].scratch) exit(1);
  }
  for (int r = 0; r < ROUNDS; r++) {
    peak[r] = rate(NULL, 0) / (dtype == RUNG_F32 ? 1 : 2);
    for (int k = 0; k < KINDS; k++) {
      mine[k][r] = rate(&c[k], pieces[k]);
      share[k][r] = 100 * mine[k][r] / peak[r];
    }
  }
  printf("%-6s %5ld %4ld %4ld %4ld %3ld %3ld %3ld %8.1f", rung_dtype_name(dtype), (long)s->images,
         (long)s->size, (long)s->channels, (long)s->filters, (long)s->kernel, (long)s->stride,
         (long)s->groups, median(peak) / 1e9);
  for (int k = 0; k < KINDS; k++) printf(" %9.1f %5.1f%%", median(mine[k]) / 1e9, median(share[k]));
  printf("\n");
  fflush(stdout);
  for (int k = 0; k < KINDS; k++) free(c[k].scratch);
  free(x);
  free(w);
  free(y);
}

int main(void) {
  static const bench_case cases[] = {
      {64, 32, 16, 3, 16, 1, 1},  {64, 16, 32, 3, 32, 1, 1},  {64, 8, 64, 3, 64, 1, 1},
      {64, 28, 16, 3, 16, 1, 1},  {64, 14, 32, 3, 32, 1, 1},  {64, 7, 64, 3, 64, 1, 1},
      {64, 32, 8, 3, 8, 1, 1},    {64, 32, 12, 3, 12, 1, 1},  {64, 16, 24, 3, 24, 1, 1},
      {64, 8, 48, 3, 48, 1, 1},   {64, 32, 3, 3, 16, 1, 1},   {64, 28, 1, 3, 16, 1, 1},
      {64, 32, 16, 3, 32, 2, 1},  {64, 16, 32, 3, 64, 2, 1},  {64, 32, 16, 1, 32, 2, 1},
      {8, 56, 64, 3, 64, 1, 1},   {8, 14, 256, 3, 256, 1, 1}, {8, 56, 64, 1, 256, 1, 1},
      {8, 7, 512, 1, 2048, 1, 1}, {64, 16, 32, 3, 32, 1, 32}, {64, 16, 32, 3, 32, 1, 4},
  };
  printf("one core, GFlop/s and share of its peak; medians of %d slices in turn\n", ROUNDS);
  printf("%-6s %5s %4s %4s %4s %3s %3s %3s %8s %16s %16s %16s\n", "type", "batch", "size", "C", "K",
         "ker", "str", "grp", "peak", "conv", "transpose", "weights");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) measure(&cases[i], RUNG_F32);
  for (size_t i = 0; i < 3; i++) measure(&cases[i], RUNG_F64);
  return 0;
}
