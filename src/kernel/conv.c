/* Convolutions and transposed convolutions by the tiles of the matrix products.
 *
 * Channels lie last, so what a filter sees of one row of the image, kw x C numbers, is contiguous,
 * and a row of the weights [i] is a matrix [kw x C][K]. A tile of outputs, some pixels of one row
 * times some vectors of filters, is then a sum of kh products of matrices: a segment for each row
 * of the kernel, sums in registers until all are done, nothing unfolded in memory.
 *
 *   for each block of rows of an image           zeros laid around it in scratch; fits into L1
 *     for each panel of filters                   the panel's weights stay in L1 or L2
 *       for each row, for each tile of pixels     one tile
 *
 * With stride s the transposed convolution is s_h s_w convolutions of stride 1, one for each phase
 * of (h + top) mod s_h, (w + left) mod s_w: a pixel of phase p is reached by the rows i = p mod s
 * of the kernel. So both kinds are passes of one form. */
#include "kernel/conv_kernel.h"

#include <string.h>

enum {
  BLOCK_BYTES = 16 << 10, /* of a block of rows with its zeros */
  PIECE_WORK = 1 << 21,   /* products, below which threads cost more than they bring */
  MOST_PIECES = 64
};

/* One direction of a pass. Output out + u out_step, u < count, is the sum over t < taps of
 * input in + u in_step + t with row tap + t tap_step of the weights. */
typedef struct axis {
  int64_t taps, tap, tap_step, in, in_step, out, out_step, count;
} axis;

typedef struct image {
  int64_t height, width, channels;
} image;

static image image_in(const rg_conv *c) {
  return c->kind == RG_CONV ? (image){c->height, c->width, c->channels}
                            : (image){c->out_height, c->out_width, c->filters};
}

static image image_out(const rg_conv *c) {
  return c->kind == RG_CONV ? (image){c->out_height, c->out_width, c->filters}
                            : (image){c->height, c->width, c->channels};
}

/* Of the transposed kind, the pass that has `first` as its first output. With p = (first + pad) mod
 * s the rows of the weights are i = p + s t, the outputs h = first + s u, and the inputs
 * (h + pad - i) / s = (first + pad - p) / s + u - t; row i is kernel - 1 - i of those turned. */
static axis axis_of(const rg_conv *c, int direction, int64_t first) {
  int64_t kernel = direction ? c->kernel_width : c->kernel_height;
  int64_t pad = direction ? c->left : c->top, s = c->stride[direction];
  if (c->kind == RG_CONV)
    return (axis){kernel, 0, 1, -pad, s, 0, 1, direction ? c->out_width : c->out_height};
  int64_t length = direction ? c->width : c->height, phase = (first + pad) % s;
  int64_t taps = phase < kernel ? (kernel - phase + s - 1) / s : 0;
  return (axis){.taps = taps,
                .tap = kernel - 1 - phase - s * (taps - 1),
                .tap_step = s,
                .in = (first + pad - phase) / s - (taps - 1),
                .in_step = 1,
                .out = first,
                .out_step = s,
                .count = (length - first + s - 1) / s};
}

/* How many passes there are in a direction; each has outputs. */
static int64_t passes_of(const rg_conv *c, int direction) {
  int64_t length = direction ? c->width : c->height, s = c->stride[direction];
  return c->kind == RG_CONV ? 1 : s < length ? s : length;
}

/* Inputs that `outputs` neighbouring outputs are made of. */
static int64_t reach(const axis *a, int64_t outputs) {
  return a->taps ? (outputs - 1) * a->in_step + a->taps : 0;
}

/* The largest over the passes of a direction. */
static int64_t longest(const rg_conv *c, int direction, int64_t blocks) {
  int64_t most = 0;
  for (int64_t first = 0; first < passes_of(c, direction); first++) {
    axis a = axis_of(c, direction, first);
    int64_t rows = reach(&a, (a.count + blocks - 1) / blocks);
    if (rows > most) most = rows;
  }
  return most;
}

/* Blocks of rows that an image is cut into. */
static int64_t blocks_of(const rg_conv *c) {
  int64_t size = (int64_t)rung_dtype_size(c->dtype), channels = image_in(c).channels;
  int64_t row = longest(c, 1, 1) * channels * size;
  int64_t rows = longest(c, 0, INT64_MAX / 2), all = axis_of(c, 0, 0).count;
  int64_t step = c->kind == RG_CONV ? c->stride[0] : 1;
  int64_t fit = row > 0 ? (BLOCK_BYTES / row - rows) / step + 1 : all;
  if (fit < 1) fit = 1;
  return (all + fit - 1) / fit;
}

static bool joined(const rg_conv *c) {
  return c->groups == 1 && (c->kind == RG_CONV || c->stride[1] == 1);
}

static int64_t most_segments(const rg_conv *c) {
  return c->kernel_height * (joined(c) ? 1 : c->kernel_width);
}

static size_t starts_bytes(const rg_conv *c) {
  return rg_conv_round_up(2 * (size_t)most_segments(c) * sizeof(int64_t));
}

void rg_conv_plan_images(const rg_conv *c, int64_t *pieces, size_t *scratch) {
  int64_t blocks = blocks_of(c), units = c->samples * c->images * blocks;
  int64_t depth = c->channels / c->groups;
  double products = (double)c->out_height * (double)c->out_width * (double)c->filters *
                    (double)c->kernel_height * (double)c->kernel_width * (double)depth *
                    (double)(c->samples * c->images);
  double wanted = products / PIECE_WORK;
  *pieces = wanted < 1 ? 1 : wanted < MOST_PIECES ? (int64_t)wanted : MOST_PIECES;
  if (*pieces > units) *pieces = units;
  size_t block = (size_t)(longest(c, 0, blocks) * longest(c, 1, 1) * image_in(c).channels);
  *scratch = starts_bytes(c) + rg_conv_round_up(block * rung_dtype_size(c->dtype));
}

/* A pass over rows first..end-1 of its outputs in one image. */
typedef struct pass {
  const rg_conv *c;
  const rg_tiles *tiles;
  image from, to;
  axis h, w;
  int64_t first, end;
  const char *in, *weights, *in_end; /* in_end: of the whole operand */
  char *out;
  rg_conv_laid laid;          /* its rows of inputs, with zeros around them */
  int64_t *a_start, *b_start; /* the segments: as many for each row of the kernel */
  int64_t row_segments;
} pass;

/* Lays out the inputs; returns where those end in the array. */
static const char *lay(pass *p) {
  const rg_conv *c = p->c;
  size_t size = rung_dtype_size(c->dtype);
  rg_conv_window w = {p->from.height, p->from.width, p->from.channels, .images = 1};
  w.top = p->h.in + p->first * p->h.in_step, w.left = p->w.in;
  w.rows = reach(&p->h, p->end - p->first), w.columns = reach(&p->w, p->w.count);
  p->laid = rg_conv_lay(&w, size, p->in, (char *)c->scratch + starts_bytes(c));
  int64_t under = w.top + w.rows > 0 ? w.top + w.rows : 0;
  return p->in + (size_t)(under * w.width * w.channels) * size;
}

/* Segments of all rows of the kernel, relative to a pixel's first input and to the weights. */
static void find_segments(pass *p, rg_tile *tile) {
  const rg_conv *c = p->c;
  int64_t depth = p->from.channels / c->groups;
  bool one = joined(c) && p->w.taps > 0;
  p->row_segments = one ? 1 : p->w.taps;
  p->a_start = c->scratch;
  p->b_start = p->a_start + most_segments(c);
  tile->k = one ? p->w.taps * depth : depth;
  for (int64_t i = 0; i < p->h.taps; i++)
    for (int64_t j = 0; j < p->row_segments; j++) {
      int64_t row = p->h.tap + i * p->h.tap_step, column = p->w.tap + j * p->w.tap_step;
      p->a_start[i * p->row_segments + j] = i * p->laid.row + j * p->from.channels;
      p->b_start[i * p->row_segments + j] =
          (row * c->kernel_width + column) * depth * p->to.channels;
    }
}

/* For row u, those of the rows of the kernel that lie over the image. */
static void take_segments(const pass *p, int64_t u, rg_tile *tile) {
  int64_t row = p->h.in + u * p->h.in_step, end = p->from.height - row;
  int64_t first = row < 0 ? -row : 0;
  if (end > p->h.taps) end = p->h.taps;
  if (first > end) first = end = 0;
  tile->a_start = p->a_start + first * p->row_segments;
  tile->b_start = p->b_start + first * p->row_segments;
  tile->segments = (end - first) * p->row_segments;
}

/* The tiles of one group and one panel of its filters. */
static void run_panel(const pass *p, rg_tile *tile, const char *in, char *out, int vectors) {
  size_t size = rung_dtype_size(p->c->dtype);
  int64_t highest = rg_conv_highest(p->tiles, vectors);
  int64_t panels = (p->w.count + highest - 1) / highest;
  for (int64_t u = p->first; u < p->end; u++) {
    take_segments(p, u, tile);
    const char *row = in + (size_t)((u - p->first) * p->h.in_step * p->laid.row) * size;
    int64_t line = (p->h.out + u * p->h.out_step) * p->to.width + p->w.out;
    for (int64_t panel = 0, v = 0; panel < panels; panel++) {
      int64_t pixels = (p->w.count - v + panels - panel - 1) / (panels - panel);
      tile->a = row + (size_t)(v * p->w.in_step * p->from.channels) * size;
      tile->c = out + (size_t)((line + v * p->w.out_step) * p->to.channels) * size;
      p->tiles->tile[pixels - 1][vectors - 1](tile);
      v += pixels;
    }
  }
}

static void run_pass(pass *p) {
  const rg_conv *c = p->c;
  size_t size = rung_dtype_size(c->dtype);
  const char *next = lay(p);
  int64_t ahead = p->end - p->first, line = p->from.width * p->from.channels * (int64_t)size;
  if (p->in_end - next < ahead * p->h.in_step * line) ahead = (p->in_end - next) / line;
  rg_conv_prefetch(next, next + ahead * p->h.in_step * line);
  rg_tile tile = {.a_row = p->w.in_step * p->from.channels,
                  .a_step = 1,
                  .b_step = p->to.channels,
                  .ldc = p->w.out_step * p->to.channels,
                  .first = true,
                  .last = true};
  find_segments(p, &tile);
  int64_t filters = p->to.channels / c->groups, depth = p->from.channels / c->groups;
  int64_t strip = rg_conv_strip(p->tiles, p->w.count, filters);
  for (int64_t group = 0; group < c->groups; group++)
    for (int64_t k = 0; k < filters; k += strip) {
      tile.columns = filters - k < strip ? filters - k : strip;
      int vectors = (int)((tile.columns + p->tiles->lanes - 1) / p->tiles->lanes);
      tile.b = p->weights + (size_t)(group * filters + k) * size;
      run_panel(p, &tile, p->laid.data + (size_t)(group * depth) * size,
                p->out + (size_t)(group * filters + k) * size, vectors);
    }
}

/* Block `block` of `blocks` of every pass in one image. */
static void run_block(const rg_conv *c, pass *p, int64_t block, int64_t blocks) {
  for (int64_t first_h = 0; first_h < passes_of(c, 0); first_h++)
    for (int64_t first_w = 0; first_w < passes_of(c, 1); first_w++) {
      p->h = axis_of(c, 0, first_h);
      p->w = axis_of(c, 1, first_w);
      int64_t each = (p->h.count + blocks - 1) / blocks;
      p->first = block * each;
      p->end = p->first + each < p->h.count ? p->first + each : p->h.count;
      if (p->first < p->end) run_pass(p);
    }
}

void rg_conv_piece_images(const rg_conv *c, int64_t piece, int64_t pieces) {
  size_t size = rung_dtype_size(c->dtype);
  image from = image_in(c), to = image_out(c);
  int64_t blocks = blocks_of(c), units = c->samples * c->images * blocks;
  int64_t weights = c->kernel_height * c->kernel_width * (c->channels / c->groups) * c->filters;
  for (int64_t unit = units * piece / pieces; unit < units * (piece + 1) / pieces; unit++) {
    int64_t index = unit / blocks, sample = index / c->images;
    pass p = {.c = c, .tiles = rg_conv_tiles(c), .from = from, .to = to};
    size_t each = (size_t)(from.height * from.width * from.channels) * size;
    p.in = (const char *)c->a + (size_t)index * each;
    p.in_end = (const char *)c->a + (size_t)(c->samples * c->images) * each;
    p.out = (char *)c->out + (size_t)(index * to.height * to.width * to.channels) * size;
    p.weights = (const char *)c->b + (size_t)(sample * weights) * size;
    run_block(c, &p, unit % blocks, blocks);
  }
}
