/* Matrix products in blocks.
 *
 *   for each block of C, `rows` x `columns`
 *     for each `depth` of k                              sums go on from what C holds: exact
 *       for each panel of rows, at most as high as a tile         A's panel: packed, in L1
 *         for each strip of columns, as wide as a tile            B's strip: packed, in L2
 *           one tile: sums in registers while k runs over the depth
 *
 * Every element of C is one chain over k in order, whatever the blocks, so they are chosen for
 * speed alone. With s bytes an element:
 *
 *   depth x columns x s <= 512 KiB   B's block, read once for each panel, fits into L2 of 1 MiB
 *   12 x depth x s      <= 12 KiB    A's panel stays in L1 (32 KiB and more) while all strips pass
 *
 * A strip is packed when the first panel needs it, so it is still in L1 when it is first used. What
 * would not be read often enough to repay the copying is read where it lies. A product with very
 * few columns is computed as its transpose, C' = opB(B)' opA(A)', because vectors run along
 * columns. */
#include "kernel/gemm_kernel.h"

enum {
  TALLEST = 12,          /* rows of the highest tile of all */
  WIDEST = 128,          /* columns of the widest tile of all, in elements */
  BLOCK_BYTES = 1 << 19, /* of B */
  PANEL_BYTES = 1 << 10, /* of one row of A */
  FEW_COLUMNS = 16,      /* bytes */
  FAR_ROWS = 2 << 10,    /* bytes between rows that make reading them in place slow */
  MANY_ROWS = 48,        /* that repay the packing of B */
  MANY_COLUMNS = 192,    /* that repay the packing of A */
  DEEP = 32,             /* terms that repay any packing */
  DOT2_ROWS = 64         /* rows of a block of C with corrections */
};

/* An operand: element (row, column) at row * row_step + column * column_step. */
typedef struct operand {
  const char *data;
  int64_t row, column;
} operand;

typedef struct plan {
  size_t size; /* bytes of an element */
  bool flipped, dot2, pack_a, pack_b;
  int64_t m, n, k;              /* of the product as computed, flipped or not */
  int64_t rows, columns, depth; /* of the blocks */
  operand a, b;
  bool single;                               /* one panel of rows: one strip of B at a time */
  size_t bytes_b, bytes_a, bytes_c, bytes_e; /* of scratch, in this order */
} plan;

static int64_t min64(int64_t x, int64_t y) {
  return x < y ? x : y;
}

static size_t round_up(size_t bytes) {
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

static operand operand_of(const void *data, bool transposed, int64_t ld) {
  return transposed ? (operand){data, 1, ld} : (operand){data, ld, 1};
}

static operand flip(operand x) {
  return (operand){x.data, x.column, x.row};
}

static void orient(plan *p, const rg_gemm_args *g) {
  operand a = operand_of(g->a, g->transpose_a, g->lda);
  operand b = operand_of(g->b, g->transpose_b, g->ldb);
  p->flipped = g->m > g->n && (size_t)g->n * p->size <= FEW_COLUMNS;
  p->m = p->flipped ? g->n : g->m;
  p->n = p->flipped ? g->m : g->n;
  p->k = g->k;
  p->a = p->flipped ? flip(b) : a;
  p->b = p->flipped ? flip(a) : b;
}

/* Plain sums and double-double take the same blocks; only Dot2 carries more than C can hold. */
static void cut(plan *p) {
  int64_t size = (int64_t)p->size;
  p->depth = min64(p->k, PANEL_BYTES / size * (p->dot2 ? 2 : 1));
  p->columns = min64(p->n, BLOCK_BYTES / (PANEL_BYTES * (p->dot2 ? 2 : 1)));
  p->rows = p->dot2 && p->depth < p->k ? min64(p->m, DOT2_ROWS) : p->m;
}

/* Rows that lie far apart share few sets of the caches and take a page each. */
static bool far(const plan *p, int64_t stored_columns) {
  return p->depth >= DEEP && stored_columns * (int64_t)p->size > FAR_ROWS;
}

/* Vectors are read along the rows of B, so a transposed B is always packed. Dot2 and double-double
 * (heavy) work so long on what they read that nothing else pays. */
static void choose_packing(plan *p, bool heavy) {
  bool many = !heavy && p->m > MANY_ROWS;
  p->pack_b = p->b.column != 1 || (many && far(p, p->n));
  p->pack_a = !heavy && p->n >= MANY_COLUMNS && far(p, p->a.column == 1 ? p->k : 2 * p->m);
}

static void count_scratch(plan *p, const rg_gemm_args *g) {
  size_t depth = (size_t)p->depth, columns = (size_t)p->columns;
  p->single = p->rows == 1;
  size_t strip = p->single && columns > WIDEST ? WIDEST : columns;
  bool direct = !p->flipped || (g->n == 1 && g->ldc == 1);
  p->bytes_b = p->pack_b ? round_up(depth * strip * p->size) : 0;
  p->bytes_a = p->pack_a ? round_up(depth * TALLEST * p->size) : 0;
  p->bytes_c = direct ? 0 : round_up((size_t)p->m * columns * p->size);
  p->bytes_e = p->dot2 && p->depth < p->k ? round_up((size_t)p->rows * columns * p->size) : 0;
}

static plan plan_of(const rg_gemm_args *g) {
  plan p = {.size = rung_dtype_size(g->dtype)};
  p.dot2 = g->how == RUNG_COMPENSATED && g->dtype != RUNG_DD;
  orient(&p, g);
  cut(&p);
  choose_packing(&p, p.dot2 || g->dtype == RUNG_DD);
  count_scratch(&p, g);
  return p;
}

size_t rg_gemm_scratch(const rg_gemm_args *g) {
  plan p = plan_of(g);
  return p.bytes_b + p.bytes_a + p.bytes_c + p.bytes_e;
}

/* One block of C at (i, j) and one depth of k from `start`, with what its panels share. */
typedef struct block {
  const plan *p;
  const rg_tiles *tiles;
  char *c, *e, *packed_a, *packed_b; /* c and e at the block's corner */
  int64_t ldc, lde;
  int64_t i, j, rows, columns, start, depth;
  int64_t strip; /* columns of a strip */
} block;

static const char *at(const plan *p, operand x, int64_t row, int64_t column) {
  return x.data + (row * x.row + column * x.column) * (int64_t)p->size;
}

static void copy(const block *t, void *to, int64_t to_step, operand x, const char *from, int64_t k,
                 int64_t n) {
  if (x.column == 1)
    rg_pack_rows(t->p->size, to, to_step, from, x.row, k, n);
  else
    rg_pack_transposed(t->p->size, to, to_step, from, x.column, k, n);
}

/* Points the tile at strip columns j.. of B, which are packed first where that is still to do. */
static void take_strip(const block *t, rg_tile *tile, int64_t j, int64_t width, bool fresh) {
  const plan *p = t->p;
  tile->columns = width;
  tile->b = at(p, p->b, t->start, t->j + j);
  tile->b_step = p->b.row;
  if (!p->pack_b) return;
  char *to = t->packed_b + (p->single ? 0 : (size_t)(j * t->depth)) * p->size;
  if (fresh) copy(t, to, width, p->b, tile->b, t->depth, width);
  tile->b = to;
  tile->b_step = width;
}

static void take_panel(const block *t, rg_tile *tile, int64_t i, int64_t height) {
  const plan *p = t->p;
  tile->a = at(p, p->a, t->i + i, t->start);
  tile->a_row = p->a.row;
  tile->a_step = p->a.column;
  if (!p->pack_a) return;
  copy(t, t->packed_a, height, flip(p->a), tile->a, t->depth, height);
  tile->a = t->packed_a;
  tile->a_row = 1;
  tile->a_step = height;
}

/* Panels are as equal as they can be: the last is not a sliver with few chains. */
static void run_block(const block *t) {
  const plan *p = t->p;
  int64_t panels = (t->rows + t->tiles->rows - 1) / t->tiles->rows;
  static const int64_t start = 0;
  rg_tile tile = {.segments = 1, .k = t->depth, .a_start = &start, .b_start = &start};
  tile.ldc = t->ldc;
  tile.lde = t->lde;
  tile.first = t->start == 0;
  tile.last = t->start + t->depth == p->k;
  int64_t i = 0;
  for (int64_t panel = 0; panel < panels; panel++) {
    int64_t height = (t->rows - i + panels - panel - 1) / (panels - panel);
    take_panel(t, &tile, i, height);
    for (int64_t j = 0; j < t->columns; j += t->strip) {
      int64_t width = min64(t->strip, t->columns - j);
      take_strip(t, &tile, j, width, panel == 0);
      tile.c = t->c + (size_t)(i * t->ldc + j) * p->size;
      tile.e = t->e + (size_t)(i * t->lde + j) * p->size;
      t->tiles->tile[height - 1][(width + t->tiles->lanes - 1) / t->tiles->lanes - 1](&tile);
    }
    i += height;
  }
}

static void run_depths(block *t) {
  const plan *p = t->p;
  int64_t panels = (t->rows + t->tiles->rows - 1) / t->tiles->rows;
  int64_t highest = (t->rows + panels - 1) / panels;
  t->strip = t->tiles->lanes * t->tiles->vectors[highest - 1];
  t->start = 0;
  do {
    t->depth = min64(p->depth, p->k - t->start);
    run_block(t);
    t->start += t->depth;
  } while (t->start < p->k);
}

/* The flipped block back into the columns of C. */
static void unflip(const block *t, const rg_gemm_args *g) {
  size_t size = t->p->size;
  char *to = (char *)g->c + (size_t)(t->j * g->ldc + t->i) * size;
  rg_pack_transposed(size, to, g->ldc, t->c, t->ldc, t->columns, t->rows);
}

static const rg_tiles *tiles_of(const rg_gemm_args *g, bool flipped) {
  const rg_tiles *tiles = NULL;
  if (g->isa >= RUNG_ISA_AVX512) tiles = rg_tiles_avx512(g->dtype, g->how, flipped);
  if (!tiles && g->isa >= RUNG_ISA_AVX2) tiles = rg_tiles_avx2(g->dtype, g->how, flipped);
  return tiles;
}

void rg_gemm(const rg_gemm_args *g) {
  if (g->m <= 0 || g->n <= 0) return;
  plan p = plan_of(g);
  const rg_tiles *tiles = tiles_of(g, p.flipped);
  if (!tiles) {
    rg_gemm_plain(g);
    return;
  }
  block t = {.p = &p, .tiles = tiles, .packed_b = g->scratch};
  t.packed_a = t.packed_b + p.bytes_b;
  char *flipped = t.packed_a + p.bytes_a, *corrections = flipped + p.bytes_c;
  for (t.i = 0; t.i < p.m; t.i += p.rows)
    for (t.j = 0; t.j < p.n; t.j += p.columns) {
      t.rows = min64(p.rows, p.m - t.i);
      t.columns = min64(p.columns, p.n - t.j);
      t.ldc = p.flipped ? (p.bytes_c ? p.columns : p.n) : g->ldc;
      t.c = p.bytes_c ? flipped : (char *)g->c + (size_t)(t.i * t.ldc + t.j) * p.size;
      t.lde = p.bytes_e ? p.columns : t.ldc;
      t.e = p.bytes_e ? corrections : t.c;
      run_depths(&t);
      if (p.bytes_c) unflip(&t, g);
    }
}
