/* Convolutions and their adjoints: every instruction set gives the bits of the definition. */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "kernel/conv.h"
#include "num/dd.h"

typedef struct conv_case {
  int64_t samples, images, height, width, channels, kernel_height, kernel_width, filters;
  int64_t stride[2], padding[4], groups;
} conv_case;

static const conv_case cases[] = {
    {1, 2, 9, 11, 3, 3, 3, 16, {1, 1}, {1, 1, 1, 1}, 1}, /* a stem */
    {1, 3, 8, 8, 16, 3, 3, 16, {1, 1}, {1, 1, 1, 1}, 1}, /* residual blocks */
    {1, 2, 7, 7, 64, 3, 3, 64, {1, 1}, {1, 1, 1, 1}, 1},
    {1, 2, 9, 14, 12, 3, 3, 24, {2, 2}, {1, 1, 1, 1}, 1}, /* down */
    {1, 2, 8, 8, 16, 1, 1, 32, {2, 2}, {0, 0, 0, 0}, 1},  /* a shortcut, rows left over */
    {1, 1, 28, 28, 1, 5, 5, 8, {1, 1}, {0, 0, 0, 0}, 1},
    {1, 1, 33, 30, 8, 3, 3, 48, {1, 1}, {1, 1, 1, 1}, 1},  /* many blocks of rows */
    {1, 1, 70, 65, 24, 3, 2, 5, {3, 2}, {0, 2, 1, 0}, 1},  /* sides differ */
    {1, 2, 3, 2, 4, 5, 6, 7, {1, 1}, {2, 3, 2, 3}, 1},     /* a kernel larger than the image */
    {1, 1, 1, 1, 2, 3, 3, 3, {2, 2}, {4, 4, 4, 4}, 1},     /* outputs that see zeros alone */
    {1, 2, 6, 7, 10, 3, 3, 10, {1, 1}, {1, 1, 1, 1}, 10},  /* depthwise */
    {1, 2, 7, 6, 12, 3, 3, 18, {2, 1}, {1, 0, 1, 2}, 3},   /* groups */
    {3, 2, 5, 6, 4, 3, 2, 20, {1, 2}, {1, 1, 0, 0}, 2},    /* samples */
    {2, 1, 12, 12, 32, 2, 2, 40, {3, 3}, {0, 0, 0, 0}, 1}, /* strides larger than the kernel */
    {1, 5, 4, 4, 33, 3, 3, 130, {1, 1}, {1, 1, 1, 1}, 1},  /* many panels of filters */
    {1, 13, 8, 8, 64, 3, 3, 8, {1, 1}, {1, 1, 1, 1}, 1},   /* several images a block */
    {1, 4, 6, 6, 30, 3, 3, 140, {1, 1}, {1, 1, 1, 1}, 1},  /* pieces of filters */
    {1, 1, 1, 40, 2, 1, 9, 3, {1, 4}, {0, 4, 0, 4}, 1},    /* one row */
    {1, 1, 300, 3, 40, 1, 1, 2, {1, 1}, {0, 0, 0, 0}, 1},
};

static int64_t sizes(const conv_case *s, rg_conv *c, rg_conv_kind kind, rung_dtype dtype) {
  *c = (rg_conv){.kind = kind, .dtype = dtype, .samples = s->samples, .images = s->images};
  c->height = s->height, c->width = s->width, c->channels = s->channels;
  c->kernel_height = s->kernel_height, c->kernel_width = s->kernel_width;
  c->filters = s->filters, c->groups = s->groups;
  c->stride[0] = s->stride[0], c->stride[1] = s->stride[1];
  c->top = s->padding[0], c->left = s->padding[1];
  c->out_height = (s->height + s->padding[0] + s->padding[2] - s->kernel_height) / s->stride[0] + 1;
  c->out_width = (s->width + s->padding[1] + s->padding[3] - s->kernel_width) / s->stride[1] + 1;
  int64_t x = c->height * c->width * c->channels * s->images;
  int64_t w = c->kernel_height * c->kernel_width * c->channels / s->groups * c->filters;
  int64_t y = c->out_height * c->out_width * c->filters * s->images;
  return s->samples * (kind == RG_CONV ? y : kind == RG_CONV_TRANSPOSE ? x : w);
}

static uint64_t counter;

static double draw(bool special) {
  static const double values[] = {0.0, -0.0, INFINITY, NAN, 1e-310, 1.5e-45, 1e300, 1e38, -3e-39};
  if (special && rg_bits(5, 2, counter) % 64 == 0) return values[rg_bits(5, 3, counter++) % 9];
  return rg_normal(5, 1, counter++);
}

/* A malloc of exactly the array, so that the address sanitizer sees a read beyond it. */
static void *array(rung_dtype dtype, int64_t count, bool special) {
  void *data = malloc((size_t)count * rung_dtype_size(dtype));
  assert_non_null(data);
  for (int64_t i = 0; i < count; i++) {
    double x = draw(special);
    if (dtype == RUNG_F32) ((float *)data)[i] = (float)x;
    if (dtype == RUNG_F64) ((double *)data)[i] = x;
    if (dtype == RUNG_DD) ((rung_dd *)data)[i] = (rung_dd){x, isfinite(x) ? x * 0x1p-55 : 0};
  }
  return data;
}

/* One element in any arithmetic. */
typedef union number {
  float f32;
  double f64;
  rung_dd dd;
} number;

static number load(rung_dtype dtype, const void *data, int64_t i) {
  number x = {.dd = {0, 0}};
  if (i >= 0)
    memcpy(&x, (const char *)data + (size_t)i * rung_dtype_size(dtype), rung_dtype_size(dtype));
  return x;
}

static void add_product(rung_dtype dtype, number *c, number a, number b) {
  if (dtype == RUNG_F32) c->f32 = fmaf(a.f32, b.f32, c->f32);
  if (dtype == RUNG_F64) c->f64 = fma(a.f64, b.f64, c->f64);
  if (dtype == RUNG_DD) c->dd = rg_add_dd(c->dd, rg_mul_dd(a.dd, b.dd));
}

/* Indices of x, w, y by the definition; -1 for the zeros beside. */
static int64_t at_x(const rg_conv *c, int64_t s, int64_t n, int64_t h, int64_t w, int64_t k) {
  if (h < 0 || h >= c->height || w < 0 || w >= c->width) return -1;
  return (((s * c->images + n) * c->height + h) * c->width + w) * c->channels + k;
}
static int64_t at_w(const rg_conv *c, int64_t s, int64_t i, int64_t j, int64_t ch, int64_t k) {
  int64_t row = (s * c->kernel_height + i) * c->kernel_width + j;
  return (row * (c->channels / c->groups) + ch) * c->filters + k;
}
static int64_t at_y(const rg_conv *c, int64_t s, int64_t n, int64_t h, int64_t w, int64_t k) {
  if (h < 0 || h >= c->out_height || w < 0 || w >= c->out_width) return -1;
  return (((s * c->images + n) * c->out_height + h) * c->out_width + w) * c->filters + k;
}

static number conv_element(const rg_conv *c, const void *x, const void *w, int64_t s, int64_t n,
                           int64_t oh, int64_t ow, int64_t k) {
  int64_t depth = c->channels / c->groups, group = k / (c->filters / c->groups);
  number sum = {.dd = {0, 0}};
  for (int64_t i = 0; i < c->kernel_height; i++)
    for (int64_t j = 0; j < c->kernel_width; j++)
      for (int64_t ch = 0; ch < depth; ch++) {
        int64_t h = oh * c->stride[0] - c->top + i, v = ow * c->stride[1] - c->left + j;
        if (h < 0 || h >= c->height || v < 0 || v >= c->width) continue;
        add_product(c->dtype, &sum, load(c->dtype, x, at_x(c, s, n, h, v, group * depth + ch)),
                    load(c->dtype, w, at_w(c, s, i, j, ch, k)));
      }
  return sum;
}

/* Ascending in oh and ow is descending in i and j. */
static number transposed_element(const rg_conv *c, const void *y, const void *w, int64_t s,
                                 int64_t n, int64_t h, int64_t v, int64_t channel) {
  int64_t depth = c->channels / c->groups, each = c->filters / c->groups, group = channel / depth;
  number sum = {.dd = {0, 0}};
  for (int64_t i = c->kernel_height - 1; i >= 0; i--)
    for (int64_t j = c->kernel_width - 1; j >= 0; j--) {
      int64_t down = h + c->top - i, across = v + c->left - j;
      if (down % c->stride[0] || across % c->stride[1]) continue;
      for (int64_t k = group * each; k < (group + 1) * each; k++) {
        int64_t oh = down / c->stride[0], ow = across / c->stride[1];
        if (down < 0 || oh >= c->out_height || across < 0 || ow >= c->out_width) continue;
        add_product(c->dtype, &sum, load(c->dtype, y, at_y(c, s, n, oh, ow, k)),
                    load(c->dtype, w, at_w(c, s, i, j, channel % depth, k)));
      }
    }
  return sum;
}

static number weights_element(const rg_conv *c, const void *x, const void *y, int64_t s, int64_t i,
                              int64_t j, int64_t ch, int64_t k) {
  int64_t depth = c->channels / c->groups, group = k / (c->filters / c->groups);
  bool beside = c->groups == 1 && c->channels <= RG_CONV_FEW_CHANNELS;
  number sum = {.dd = {0, 0}};
  for (int64_t n = 0; n < c->images; n++)
    for (int64_t oh = 0; oh < c->out_height; oh++)
      for (int64_t ow = 0; ow < c->out_width; ow++) {
        int64_t h = oh * c->stride[0] - c->top + i, v = ow * c->stride[1] - c->left + j;
        if (h < 0 || h >= c->height) continue;
        if (!beside && (v < 0 || v >= c->width)) continue;
        add_product(c->dtype, &sum, load(c->dtype, x, at_x(c, s, n, h, v, group * depth + ch)),
                    load(c->dtype, y, at_y(c, s, n, oh, ow, k)));
      }
  return sum;
}

/* Element by element, in the order of the result. */
static void define(const rg_conv *c, const void *x, const void *w, const void *y, char *out) {
  size_t size = rung_dtype_size(c->dtype);
  int64_t d[4] = {c->images, c->height, c->width, c->channels};
  if (c->kind == RG_CONV) d[1] = c->out_height, d[2] = c->out_width, d[3] = c->filters;
  if (c->kind == RG_CONV_WEIGHTS)
    d[0] = c->kernel_height, d[1] = c->kernel_width, d[2] = c->channels / c->groups,
    d[3] = c->filters;
  for (int64_t s = 0; s < c->samples; s++)
    for (int64_t i = 0; i < d[0]; i++)
      for (int64_t j = 0; j < d[1]; j++)
        for (int64_t k = 0; k < d[2]; k++)
          for (int64_t l = 0; l < d[3]; l++, out += size) {
            number e = c->kind == RG_CONV             ? conv_element(c, x, w, s, i, j, k, l)
                       : c->kind == RG_CONV_TRANSPOSE ? transposed_element(c, y, w, s, i, j, k, l)
                                                      : weights_element(c, x, y, s, i, j, k, l);
            memcpy(out, &e, size);
          }
}

/* The same bits; which NaN comes of several is not told apart. */
static bool same(rung_dtype dtype, const char *x, const char *y) {
  if (memcmp(x, y, rung_dtype_size(dtype)) == 0) return true;
  number a = load(dtype, x, 0), b = load(dtype, y, 0);
  if (dtype == RUNG_F32) return isnan(a.f32) && isnan(b.f32);
  if (dtype == RUNG_F64) return isnan(a.f64) && isnan(b.f64);
  return isnan(a.dd.hi) && isnan(b.dd.hi);
}

/* Runs the pieces, the last one first, each with scratch that holds rubbish. */
static void run(rg_conv *c, int64_t count, const char *expected, size_t index) {
  static const char *const isa_name[] = {"portable", "avx2", "avx512"};
  static const char *const kind_name[] = {"conv", "transpose", "weights"};
  size_t size = rung_dtype_size(c->dtype), scratch;
  for (int isa = 0; isa <= (int)rung_isa_best(); isa++) {
    char *out = malloc((size_t)count * size);
    memset(out, 0xff, (size_t)count * size);
    c->out = out;
    c->isa = (rung_isa)isa;
    int64_t pieces;
    rg_conv_plan(c, &pieces, &scratch);
    assert_true(pieces >= 1 && scratch % RG_ALIGN == 0);
    c->scratch = aligned_alloc(RG_ALIGN, scratch ? scratch : RG_ALIGN);
    for (int64_t piece = pieces; piece-- > 0;) {
      memset(c->scratch, 0xff, scratch);
      rg_conv_piece(c, piece, pieces);
    }
    for (int64_t i = 0; i < count; i++)
      if (!same(c->dtype, expected + (size_t)i * size, out + (size_t)i * size))
        fail_msg("case %zu, %s %s %s: element %ld differs", index, kind_name[c->kind],
                 rung_dtype_name(c->dtype), isa_name[isa], (long)i);
    free(c->scratch);
    free(out);
  }
}

static void check(size_t index, rung_dtype dtype, bool special) {
  const conv_case *s = &cases[index];
  rg_conv c;
  int64_t count[3];
  void *data[3];
  for (int kind = 0; kind < 3; kind++) count[kind] = sizes(s, &c, (rg_conv_kind)kind, dtype);
  for (int kind = 0; kind < 3; kind++) data[kind] = array(dtype, count[kind], special);
  void *y = data[RG_CONV], *x = data[RG_CONV_TRANSPOSE], *w = data[RG_CONV_WEIGHTS];
  int64_t taps = c.kernel_height * c.kernel_width, weights = count[RG_CONV_WEIGHTS] / c.samples;
  char *turned = malloc((size_t)count[RG_CONV_WEIGHTS] * rung_dtype_size(dtype));
  for (int64_t i = 0; i < c.samples; i++) {
    size_t from = (size_t)(i * weights) * rung_dtype_size(dtype);
    rg_conv_turn(dtype, rung_isa_best(), taps, c.channels, c.filters, c.groups, (char *)w + from,
                 turned + from);
  }
  for (int kind = 0; kind < 3; kind++) {
    sizes(s, &c, (rg_conv_kind)kind, dtype);
    c.a = kind == RG_CONV_TRANSPOSE ? y : x;
    c.b = kind == RG_CONV ? w : kind == RG_CONV_TRANSPOSE ? turned : y;
    char *expected = malloc((size_t)count[kind] * rung_dtype_size(dtype));
    define(&c, x, w, y, expected);
    run(&c, count[kind], expected, index);
    free(expected);
  }
  free(turned);
  for (int kind = 0; kind < 3; kind++) free(data[kind]);
}

static void every_case_has_the_bits_of_the_definition(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) check(i, (rung_dtype)dtype, false);
}

static void special_values_too(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int dtype = RUNG_F32; dtype <= RUNG_F64; dtype++) check(i, (rung_dtype)dtype, true);
}

static void turning_twice_gives_the_weights_back(void **state) {
  (void)state;
  enum { TAPS = 6, CHANNELS = 24, FILTERS = 36, GROUPS = 2 };
  enum { COUNT = TAPS * CHANNELS / GROUPS * FILTERS };
  for (int dtype = RUNG_F32; dtype <= RUNG_DD; dtype++)
    for (int isa = 0; isa <= (int)rung_isa_best(); isa++) {
      size_t bytes = COUNT * rung_dtype_size((rung_dtype)dtype);
      void *w = array((rung_dtype)dtype, COUNT, false), *once = malloc(bytes),
           *twice = malloc(bytes);
      rg_conv_turn((rung_dtype)dtype, (rung_isa)isa, TAPS, CHANNELS, FILTERS, GROUPS, w, once);
      rg_conv_turn((rung_dtype)dtype, (rung_isa)isa, TAPS, FILTERS, CHANNELS, GROUPS, once, twice);
      assert_memory_equal(w, twice, bytes);
      free(w);
      free(once);
      free(twice);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_case_has_the_bits_of_the_definition),
      cmocka_unit_test(special_values_too),
      cmocka_unit_test(turning_twice_gives_the_weights_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
