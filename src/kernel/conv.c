/* Convolutions and transposed convolutions by the tiles of the matrix products.
 *
 * Channels lie last, so what a filter sees of one row of the image, kw x C numbers, is contiguous,
 * and a row of the weights [i] is a matrix [kw x C][K]. A tile of outputs, some pixels times some
 * vectors of filters, is then a sum of kh products of matrices: a segment for each row of the
 * kernel, sums in registers until all are done, nothing unfolded or copied.
 *
 *   for each block of images or rows of one            fits into L2
 *     for each panel of filters                        the panel's weights stay in L1 or L2
 *       for each region, for each tile in it           one tile
 *
 * A region are neighbouring rows times neighbouring columns whose pixels see the same taps of the
 * kernel inside the image: the interior, edges, corners. Taps outside are left out. A tile takes
 * its pixels along the longest of columns, rows and images, so that a corner, too, fills a tile.
 *
 * With stride s the transposed convolution is s_h s_w convolutions of stride 1, one for each phase
 * of (h + top) mod s_h, (w + left) mod s_w: a pixel of phase p is reached by the rows i = p mod s
 * of the kernel. So both kinds are passes of one form. */
#include "kernel/conv_kernel.h"

enum {
  BLOCK_BYTES = 64 << 10, /* of a block's inputs */
  LEAST_BLOCKS = 16,      /* of a batch, to share out among threads */
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

/* Blocks: rows of one image, or several small images. */
typedef struct cut {
  int64_t images, of_images; /* images of a block, blocks of a sample's images */
  int64_t of_rows;           /* blocks of an image's rows */
} cut;

static cut cut_of(const rg_conv *c) {
  image from = image_in(c);
  int64_t bytes = from.height * from.width * from.channels * (int64_t)rung_dtype_size(c->dtype);
  int64_t rows = axis_of(c, 0, 0).count, most = (c->images + LEAST_BLOCKS - 1) / LEAST_BLOCKS;
  cut k = {.images = BLOCK_BYTES / bytes < most ? BLOCK_BYTES / bytes : most, .of_rows = 1};
  if (k.images < 1) {
    k.images = 1;
    k.of_rows = bytes / BLOCK_BYTES < rows ? bytes / BLOCK_BYTES : rows;
  }
  k.of_images = (c->images + k.images - 1) / k.images;
  return k;
}

static bool joined(const rg_conv *c) {
  return c->groups == 1 && (c->kind == RG_CONV || c->stride[1] == 1);
}

static int64_t most_segments(const rg_conv *c) {
  return c->kernel_height * (joined(c) ? 1 : c->kernel_width);
}

void rg_conv_plan_images(const rg_conv *c, int64_t *pieces, size_t *scratch) {
  cut k = cut_of(c);
  int64_t depth = c->channels / c->groups, units = c->samples * k.of_images * k.of_rows;
  double products = (double)c->out_height * (double)c->out_width * (double)c->filters *
                    (double)c->kernel_height * (double)c->kernel_width * (double)depth *
                    (double)(c->samples * c->images);
  double wanted = products / PIECE_WORK;
  *pieces = wanted < 1 ? 1 : wanted < MOST_PIECES ? (int64_t)wanted : MOST_PIECES;
  if (*pieces > units) *pieces = units;
  *scratch = rg_conv_round_up(2 * (size_t)most_segments(c) * sizeof(int64_t));
}

/* Outputs first..end-1 of an axis, which see taps from..to-1 of the kernel inside the image. */
typedef struct span {
  int64_t first, end, from, to;
} span;

static span taps_inside(const axis *a, int64_t length, int64_t u) {
  int64_t at = a->in + u * a->in_step, from = at < 0 ? -at : 0;
  int64_t to = length - at < a->taps ? length - at : a->taps;
  return from < to ? (span){u, u + 1, from, to} : (span){u, u + 1, 0, 0};
}

/* The longest span from `first` on, up to `end`. */
static span span_of(const axis *a, int64_t length, int64_t first, int64_t end) {
  span s = taps_inside(a, length, first);
  for (; s.end < end; s.end++) {
    span next = taps_inside(a, length, s.end);
    if (next.from != s.from || next.to != s.to) break;
  }
  return s;
}

/* A pass over rows first..end-1 of its outputs in some images. */
typedef struct pass {
  const rg_conv *c;
  const rg_tiles *tiles;
  image from, to;
  axis h, w;
  int64_t images, first, end;
  const char *in, *weights;
  char *out;
} pass;

/* The segments of pixels that see these taps, relative to the first of them. */
static void find_segments(const pass *p, const span *rows, const span *columns, rg_tile *tile) {
  const rg_conv *c = p->c;
  int64_t depth = p->from.channels / c->groups, width = columns->to - columns->from;
  int64_t *a = c->scratch, *b = a + most_segments(c);
  bool one = joined(c) && width > 0;
  tile->k = one ? width * depth : depth;
  tile->a_start = a;
  tile->b_start = b;
  tile->segments = 0;
  for (int64_t i = rows->from; i < rows->to; i++)
    for (int64_t j = columns->from; j < (one ? columns->from + 1 : columns->to); j++) {
      int64_t row = p->h.tap + i * p->h.tap_step, column = p->w.tap + j * p->w.tap_step;
      a[tile->segments] = ((i - rows->from) * p->from.width + j - columns->from) * p->from.channels;
      b[tile->segments++] = (row * c->kernel_width + column) * depth * p->to.channels;
    }
}

/* So many pixels of a region along one direction, and their distances in elements. */
typedef struct line {
  int64_t count, in, out;
} line;

/* The tiles of one region and one panel of filters; `in` and `out` belong to its first pixel. */
static void run_region(const pass *p, rg_tile *tile, line *d, const char *in, char *out,
                       int vectors) {
  size_t size = rung_dtype_size(p->c->dtype);
  int longest = d[1].count > d[0].count ? 1 : 0;
  if (d[2].count > d[longest].count) longest = 2;
  line along = d[longest], x = d[(longest + 1) % 3], y = d[(longest + 2) % 3];
  int64_t highest = rg_conv_highest(p->tiles, vectors);
  int64_t panels = (along.count + highest - 1) / highest;
  tile->a_row = along.in;
  tile->ldc = along.out;
  for (int64_t i = 0; i < x.count * y.count; i++) {
    int64_t from = i / y.count * x.in + i % y.count * y.in;
    int64_t to = i / y.count * x.out + i % y.count * y.out;
    for (int64_t panel = 0, v = 0; panel < panels; panel++) {
      int64_t pixels = (along.count - v + panels - panel - 1) / (panels - panel);
      tile->a = in + (size_t)(from + v * along.in) * size;
      tile->c = out + (size_t)(to + v * along.out) * size;
      p->tiles->tile[pixels - 1][vectors - 1](tile);
      v += pixels;
    }
  }
}

/* One panel of filters, region by region. */
static void run_panel(const pass *p, rg_tile *tile, const char *in, char *out) {
  size_t size = rung_dtype_size(p->c->dtype);
  int64_t row_in = p->from.width * p->from.channels, row_out = p->to.width * p->to.channels;
  int vectors = (int)((tile->columns + p->tiles->lanes - 1) / p->tiles->lanes);
  span rows, columns;
  for (int64_t u = p->first; u < p->end; u = rows.end) {
    rows = span_of(&p->h, p->from.height, u, p->end);
    for (int64_t v = 0; v < p->w.count; v = columns.end) {
      columns = span_of(&p->w, p->from.width, v, p->w.count);
      find_segments(p, &rows, &columns, tile);
      line d[3] = {
          {columns.end - v, p->w.in_step * p->from.channels, p->w.out_step * p->to.channels},
          {rows.end - u, p->h.in_step * row_in, p->h.out_step * row_out},
          {p->images, p->from.height * row_in, p->to.height * row_out}};
      int64_t row = p->h.in + u * p->h.in_step + rows.from;
      int64_t column = p->w.in + v * p->w.in_step + columns.from;
      int64_t from = tile->segments ? row * row_in + column * p->from.channels : 0;
      int64_t to = (p->h.out + u * p->h.out_step) * row_out +
                   (p->w.out + v * p->w.out_step) * p->to.channels;
      run_region(p, tile, d, in + (size_t)from * size, out + (size_t)to * size, vectors);
    }
  }
}

static void run_pass(const pass *p) {
  const rg_conv *c = p->c;
  size_t size = rung_dtype_size(c->dtype);
  int64_t filters = p->to.channels / c->groups, depth = p->from.channels / c->groups;
  int64_t strip = rg_conv_strip(p->tiles, p->w.count, filters);
  rg_tile tile = {.a_step = 1, .b_step = p->to.channels, .first = true, .last = true};
  for (int64_t group = 0; group < c->groups; group++)
    for (int64_t k = 0; k < filters; k += strip) {
      tile.columns = filters - k < strip ? filters - k : strip;
      tile.b = p->weights + (size_t)(group * filters + k) * size;
      run_panel(p, &tile, p->in + (size_t)(group * depth) * size,
                p->out + (size_t)(group * filters + k) * size);
    }
}

/* Block `block` of `blocks` of the rows of every pass. */
static void run_rows(pass *p, int64_t block, int64_t blocks) {
  const rg_conv *c = p->c;
  for (int64_t first_h = 0; first_h < passes_of(c, 0); first_h++)
    for (int64_t first_w = 0; first_w < passes_of(c, 1); first_w++) {
      p->h = axis_of(c, 0, first_h);
      p->w = axis_of(c, 1, first_w);
      p->first = p->h.count * block / blocks;
      p->end = p->h.count * (block + 1) / blocks;
      if (p->first < p->end) run_pass(p);
    }
}

void rg_conv_piece_images(const rg_conv *c, int64_t piece, int64_t pieces) {
  size_t size = rung_dtype_size(c->dtype);
  pass p = {.c = c, .tiles = rg_conv_tiles(c), .from = image_in(c), .to = image_out(c)};
  size_t in = (size_t)(p.from.height * p.from.width * p.from.channels) * size;
  size_t out = (size_t)(p.to.height * p.to.width * p.to.channels) * size;
  int64_t taps = c->kernel_height * c->kernel_width;
  size_t weights = (size_t)(taps * (c->channels / c->groups) * c->filters) * size;
  cut k = cut_of(c);
  int64_t units = c->samples * k.of_images * k.of_rows;
  for (int64_t unit = units * piece / pieces; unit < units * (piece + 1) / pieces; unit++) {
    int64_t block = unit / k.of_rows, sample = block / k.of_images;
    int64_t first = block % k.of_images * k.images;
    p.images = c->images - first < k.images ? c->images - first : k.images;
    size_t index = (size_t)(sample * c->images + first);
    p.in = (const char *)c->a + index * in;
    p.out = (char *)c->out + index * out;
    p.weights = (const char *)c->b + (size_t)sample * weights;
    run_rows(&p, unit % k.of_rows, k.of_rows);
  }
}
