/* The adjoint of a convolution in its weights: for a tap (i, j) of the kernel the product of
 * matrices x' y, [C][pixels] times [pixels][K]. Sums stay in registers while a block of images
 * runs; a segment is the pixels of one row of y for which the tap lies inside the image.
 *
 *   for each block of images or rows of one               fits into L2
 *     for each tap, for each tile of C x K                one tile, added to the result
 *
 * Where channels are so few that a tile would have few rows, the taps of a row of the kernel are
 * taken together, [kw x C][pixels], from x laid out with zeros beside it.
 *
 * Pieces are samples, or rows of the kernel and blocks of filters in samples: each sums over all
 * images in order. For more pieces rg_conv_parts() makes samples of parts of the images, whose
 * results are added. */
#include <string.h>

#include "kernel/conv_kernel.h"

enum {
  BLOCK_BYTES = 128 << 10, /* of a block of x with its zeros */
  PIECE_WORK = 1 << 20,    /* products */
  ENOUGH_PIECES = 8,       /* to share out among threads */
  LEAST_FILTERS = 64       /* of a piece */
};

static bool joined(const rg_conv *c) {
  return c->groups == 1 && c->channels <= RG_CONV_FEW_CHANNELS;
}

static int64_t columns_in(const rg_conv *c) {
  return (c->out_width - 1) * c->stride[1] + c->kernel_width;
}

/* A block is rows of one image, or several small images. */
typedef struct cut {
  int64_t images, rows;
} cut;

static int64_t rows_in(const rg_conv *c, int64_t rows, int64_t taps) {
  return (rows - 1) * c->stride[0] + taps;
}

static cut cut_of(const rg_conv *c) {
  int64_t row = columns_in(c) * c->channels * (int64_t)rung_dtype_size(c->dtype);
  int64_t fit = BLOCK_BYTES / row, all = rows_in(c, c->out_height, c->kernel_height);
  if (fit >= all) return (cut){fit / all < c->images ? fit / all : c->images, c->out_height};
  int64_t rows = (fit - c->kernel_height) / c->stride[0] + 1;
  return (cut){1, rows < 1 ? 1 : rows < c->out_height ? rows : c->out_height};
}

static size_t starts_bytes(const rg_conv *c) {
  cut most = cut_of(c);
  return rg_conv_round_up(2 * (size_t)(most.images * most.rows) * sizeof(int64_t));
}

/* The more parts, the more threads have work; but parts of large weights cost more to add. */
int64_t rg_conv_parts(int64_t images, int64_t weights) {
  enum { MOST_PARTS = 16, MOST_ELEMENTS = 1 << 17 };
  int64_t parts = images < MOST_PARTS ? images : MOST_PARTS;
  while (parts > 1 && (images % parts || parts * weights > MOST_ELEMENTS)) parts--;
  return parts;
}

/* How the result of one sample is cut into pieces: by rows of the kernel, by filters of a group. */
typedef struct shares {
  int64_t rows, filters;
} shares;

/* No further than needed, because each piece lays out the images for itself. */
static shares shares_of(const rg_conv *c) {
  int64_t depth = c->channels / c->groups, filters = c->filters / c->groups;
  double products = (double)c->images * (double)c->out_height * (double)c->out_width *
                    (double)c->filters * (double)c->kernel_width * (double)depth;
  shares s = {1, 1};
  if (products < PIECE_WORK || c->samples >= ENOUGH_PIECES) return s;
  s.rows = c->kernel_height;
  while (c->samples * s.rows * s.filters < ENOUGH_PIECES &&
         filters / s.filters >= 2 * LEAST_FILTERS)
    s.filters *= 2;
  return s;
}

void rg_conv_plan_weights(const rg_conv *c, int64_t *pieces, size_t *scratch) {
  shares s = shares_of(c);
  cut most = cut_of(c);
  int64_t rows = rows_in(c, most.rows, c->kernel_height / s.rows);
  size_t block = joined(c) ? (size_t)(most.images * rows * columns_in(c) * c->channels) : 0;
  *pieces = c->samples * s.rows * s.filters;
  *scratch = starts_bytes(c) + rg_conv_round_up(block * rung_dtype_size(c->dtype));
}

/* Where x lies, and the elements from one row and one image to the next. */
typedef struct view {
  const char *data;
  int64_t row, image;
} view;

/* A block; rows first..end-1 of the kernel, filters from..to-1 of each group. */
typedef struct block {
  const rg_conv *c;
  const rg_tiles *tiles;
  int64_t first, end, from, to;
  int64_t images, row, rows; /* rows row .. row+rows-1 of so many images */
  view x;
  int64_t top, left; /* the row and column of an image at which x begins */
  const char *y;     /* of the first image */
  char *out;         /* of the sample */
} block;

/* Rows of the result from `row` on, [count][K of the group], for one group. */
static void run_rows(const block *b, rg_tile *tile, const char *x, int64_t row, int64_t count,
                     int64_t group) {
  const rg_conv *c = b->c;
  size_t size = rung_dtype_size(c->dtype);
  int64_t strip = rg_conv_strip(b->tiles, count, b->to - b->from);
  for (int64_t k = b->from; k < b->to; k += strip) {
    tile->columns = b->to - k < strip ? b->to - k : strip;
    int vectors = (int)((tile->columns + b->tiles->lanes - 1) / b->tiles->lanes);
    int64_t highest = rg_conv_highest(b->tiles, vectors);
    int64_t panels = (count + highest - 1) / highest, column = group * (c->filters / c->groups) + k;
    tile->b = b->y + (size_t)column * size;
    for (int64_t panel = 0, r = 0; panel < panels; panel++) {
      int64_t height = (count - r + panels - panel - 1) / (panels - panel);
      tile->a = x + (size_t)r * size;
      tile->c = b->out + (size_t)((row + r) * c->filters + column) * size;
      b->tiles->tile[height - 1][vectors - 1](tile);
      r += height;
    }
  }
}

/* Columns first..end-1 of y for which column j of the kernel lies inside the image. */
static void columns_inside(const rg_conv *c, int64_t j, int64_t *first, int64_t *end) {
  int64_t outside = c->left - j, s = c->stride[1];
  *first = outside > 0 ? (outside + s - 1) / s : 0;
  *end = c->width + outside > 0 ? (c->width + outside - 1) / s + 1 : 0;
  if (*end > c->out_width) *end = c->out_width;
}

/* Rows that follow each other in both arrays are one long segment of each image. */
static void join_rows(rg_tile *tile, int64_t *a, int64_t *y, int64_t images) {
  int64_t rows = tile->segments / images;
  if (rows < 2 || a[1] - a[0] != tile->k * tile->a_step || y[1] - y[0] != tile->k * tile->b_step)
    return;
  for (int64_t n = 0; n < images; n++) a[n] = a[n * rows], y[n] = y[n * rows];
  tile->k *= rows;
  tile->segments = images;
}

/* For the tap (i, j), or all taps of row i, in the rows of y for which it lies inside the images.
 */
static void find_segments(const block *b, int64_t i, int64_t j, rg_tile *tile) {
  const rg_conv *c = b->c;
  int64_t *a = c->scratch, *y = a + b->images * b->rows, first = 0, end = c->out_width;
  if (!joined(c)) columns_inside(c, j, &first, &end);
  int64_t column = first * c->stride[1] - c->left + j - b->left;
  tile->k = end - first;
  tile->a_start = a;
  tile->b_start = y;
  tile->segments = 0;
  for (int64_t n = 0; n < b->images && tile->k > 0; n++)
    for (int64_t r = b->row; r < b->row + b->rows; r++) {
      int64_t row = r * c->stride[0] - c->top + i;
      if (row < 0 || row >= c->height) continue;
      a[tile->segments] = n * b->x.image + (row - b->top) * b->x.row + column * c->channels;
      y[tile->segments++] = ((n * c->out_height + r) * c->out_width + first) * c->filters;
    }
  join_rows(tile, a, y, b->images);
}

static void run_block(const block *b, rg_tile *tile) {
  const rg_conv *c = b->c;
  size_t size = rung_dtype_size(c->dtype);
  int64_t depth = c->channels / c->groups, together = joined(c) ? c->kernel_width : 1;
  for (int64_t i = b->first; i < b->end; i++)
    for (int64_t j = 0; j < c->kernel_width; j += together) {
      find_segments(b, i, j, tile);
      for (int64_t group = 0; group < c->groups; group++)
        run_rows(b, tile, b->x.data + (size_t)(group * depth) * size,
                 (i * c->kernel_width + j) * depth, together * depth, group);
    }
}

/* One row of x for the taps together: zeros, what the image has, zeros. */
static void lay_row(const rg_conv *c, const char *row, char *to) {
  size_t pixel = (size_t)c->channels * rung_dtype_size(c->dtype);
  int64_t left = -c->left, right = left + columns_in(c);
  int64_t first = left > 0 ? left : 0, end = right < c->width ? right : c->width;
  if (first >= end) first = end = right; /* nothing but zeros */
  size_t before = (size_t)(first - left) * pixel, inside = (size_t)(end - first) * pixel;
  memset(to, 0, before);
  if (inside) memcpy(to + before, row + (size_t)first * pixel, inside);
  memset(to + before + inside, 0, (size_t)(right - end) * pixel);
}

/* Where the block's part of x lies: as it is, or laid out for the taps together. Rows outside the
 * image are left undefined: nobody reads them. */
static void lay(block *b, const char *x) {
  const rg_conv *c = b->c;
  int64_t line = c->width * c->channels;
  b->x = (view){x, line, c->height * line};
  b->top = b->left = 0;
  if (!joined(c)) return;
  b->top = b->row * c->stride[0] - c->top + b->first;
  b->left = -c->left;
  int64_t rows = rows_in(c, b->rows, b->end - b->first), pitch = columns_in(c) * c->channels;
  char *to = (char *)c->scratch + starts_bytes(c);
  size_t size = rung_dtype_size(c->dtype);
  b->x = (view){to, pitch, rows * pitch};
  for (int64_t n = 0; n < b->images; n++)
    for (int64_t r = 0; r < rows; r++, to += (size_t)pitch * size) {
      int64_t row = b->top + r;
      if (row >= 0 && row < c->height)
        lay_row(c, x + (size_t)((n * c->height + row) * line) * size, to);
    }
}

/* The next images, block by block; `first`: none have been added before. */
static void run_images(block *b, const char *x, bool first) {
  const rg_conv *c = b->c;
  int64_t most = cut_of(c).rows;
  rg_tile tile = {.a_row = 1, .a_step = c->stride[1] * c->channels};
  tile.b_step = tile.ldc = c->filters;
  tile.last = true;
  for (b->row = 0; b->row < c->out_height; b->row += most) {
    b->rows = c->out_height - b->row < most ? c->out_height - b->row : most;
    lay(b, x);
    tile.first = first && b->row == 0;
    run_block(b, &tile);
  }
}

void rg_conv_piece_weights(const rg_conv *c, int64_t piece, int64_t pieces) {
  size_t size = rung_dtype_size(c->dtype);
  shares s = shares_of(c);
  int64_t cuts = pieces / c->samples, sample = piece / cuts, share = piece % cuts;
  int64_t taps = c->kernel_height / s.rows, filters = c->filters / c->groups;
  size_t x = (size_t)(c->height * c->width * c->channels) * size;
  size_t y = (size_t)(c->out_height * c->out_width * c->filters) * size;
  int64_t weights = c->kernel_height * c->kernel_width * (c->channels / c->groups) * c->filters;
  block b = {.c = c, .tiles = rg_conv_tiles(c), .first = share / s.filters * taps};
  b.end = b.first + taps;
  b.from = filters * (share % s.filters) / s.filters;
  b.to = filters * (share % s.filters + 1) / s.filters;
  b.out = (char *)c->out + (size_t)(sample * weights) * size;
  int64_t most = cut_of(c).images;
  for (int64_t n = 0; n < c->images; n += b.images) {
    size_t index = (size_t)(sample * c->images + n);
    b.images = c->images - n < most ? c->images - n : most;
    b.y = (const char *)c->b + index * y;
    run_images(&b, (const char *)c->a + index * x, n == 0);
  }
}
