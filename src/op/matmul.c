/* Matrix products over the last two axes; leading axes broadcast. Attributes: i[0] transpose a,
 * i[1] transpose b, i[2] how sums are accumulated. */
#include "kernel/gemm.h"
#include "op/array.h"

enum { TRANSPOSE_A, TRANSPOSE_B, HOW };

/* Rows and columns of a matrix operand as it enters the product. */
static int64_t rows_of(const rung_shape *s, int64_t transposed) {
  return s->dim[s->rank - (transposed ? 1 : 2)];
}
static int64_t columns_of(const rung_shape *s, int64_t transposed) {
  return s->dim[s->rank - (transposed ? 2 : 1)];
}

static rung_shape leading(const rung_shape *s) {
  rung_shape lead = *s;
  lead.rank -= 2;
  return lead;
}

static rung_status shape_of(rung_context *ctx, int operands, const rung_shape *in,
                            const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  char x[RG_SHAPE_TEXT], y[RG_SHAPE_TEXT];
  const rung_shape *a = &in[0], *b = &in[1];
  rung_shape lead = {.rank = -1};
  if (a->rank >= 2 && b->rank >= 2 &&
      columns_of(a, attr->i[TRANSPOSE_A]) == rows_of(b, attr->i[TRANSPOSE_B])) {
    rung_shape lead_a = leading(a), lead_b = leading(b);
    if (!rg_shape_broadcast(&lead_a, &lead_b, &lead)) lead.rank = -1;
  }
  if (lead.rank < 0)
    return rg_fail(ctx, RUNG_E_SHAPE, "matmul: %s%s times %s%s: the inner lengths do not match",
                   rg_shape_text(a, x), attr->i[TRANSPOSE_A] ? " transposed" : "",
                   rg_shape_text(b, y), attr->i[TRANSPOSE_B] ? " transposed" : "");
  *out = lead;
  out->dim[out->rank++] = rows_of(a, attr->i[TRANSPOSE_A]);
  out->dim[out->rank++] = columns_of(b, attr->i[TRANSPOSE_B]);
  return rg_shape_make(ctx, "matmul", out->rank, out->dim, out);
}

static rung_node again(rung_graph *g, rung_node node, rung_node a, rung_node b) {
  const rung_attributes *attr = &g->node[node].attr;
  return rung_matmul(g, a, b, (int)attr->i[TRANSPOSE_A], (int)attr->i[TRANSPOSE_B],
                     (rung_accumulate)attr->i[HOW]);
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  rung_node a = g->node[node].in[0], b = g->node[node].in[1];
  return which == 0 ? again(g, node, tangent, b) : again(g, node, a, tangent);
}

/* C = A'B': dA' = dC B'^T, dB' = A'^T dC, where X' is X or its transpose. */
static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  int ta = n.attr.i[TRANSPOSE_A] != 0, tb = n.attr.i[TRANSPOSE_B] != 0;
  rung_accumulate how = (rung_accumulate)n.attr.i[HOW];
  rung_node a = n.in[0], b = n.in[1], result;
  if (which == 0)
    result =
        ta ? rung_matmul(g, b, cotangent, tb, 1, how) : rung_matmul(g, cotangent, b, 0, !tb, how);
  else
    result =
        tb ? rung_matmul(g, cotangent, a, 1, ta, how) : rung_matmul(g, a, cotangent, !ta, 0, how);
  return rg_sum_to_shape(g, result, &g->node[n.in[which]].shape);
}

/* Gives a mapped operand of rank r+1 the rank that keeps the sample axis in front of `rank`. */
static rung_node align(rung_graph *g, rung_node a, int mapped, int rank) {
  rung_shape have = rung_node_shape(g, a);
  if (!mapped || have.rank == rank + 1) return a;
  int64_t dims[RUNG_MAX_RANK + 1];
  for (int i = 0; i <= rank; i++) dims[i] = 1;
  dims[0] = have.dim[0];
  for (int i = 1; i < have.rank; i++) dims[rank + 1 - have.rank + i] = have.dim[i];
  return rung_reshape(g, a, rank + 1, dims);
}

/* Samples of a matrix times one shared matrix are one tall matrix times it. */
static rung_node map_tall(rung_graph *g, rung_node node, const rung_node *in, int64_t samples) {
  rung_shape a = rung_node_shape(g, in[0]), out = rung_node_shape(g, node);
  rung_node tall = rung_reshape(g, in[0], 2, (int64_t[]){samples * a.dim[1], a.dim[2]});
  rung_node product = again(g, node, tall, in[1]);
  return rung_reshape(g, product, 3, (int64_t[]){samples, out.dim[0], out.dim[1]});
}

/* One shared matrix times samples of a column: the columns become rows of one matrix. */
static rung_node map_column(rung_graph *g, rung_node node, const rung_node *in, int64_t samples) {
  rung_shape out = rung_node_shape(g, node);
  const rung_attributes attr = g->node[node].attr;
  rung_node rows = rung_reshape(g, in[1], 2, (int64_t[]){samples, -1});
  rung_node product =
      rung_matmul(g, rows, in[0], 0, !attr.i[TRANSPOSE_A], (rung_accumulate)attr.i[HOW]);
  return rung_reshape(g, product, 3, (int64_t[]){samples, out.dim[0], 1});
}

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  rg_node n = g->node[node];
  int rank_a = g->node[n.in[0]].shape.rank, rank_b = g->node[n.in[1]].shape.rank;
  if (rank_a == 2 && rank_b == 2) {
    if (mapped[0] && !mapped[1] && !n.attr.i[TRANSPOSE_A]) return map_tall(g, node, in, samples);
    if (!mapped[0] && mapped[1] && n.shape.dim[1] == 1) return map_column(g, node, in, samples);
  }
  return again(g, node, align(g, in[0], mapped[0], n.shape.rank),
               align(g, in[1], mapped[1], n.shape.rank));
}

/* Products of a piece: below some two million (tens of microseconds) waking threads costs more than
 * it brings. */
#define WORTH 0x1p21

/* How the work is cut: pieces of `batches` matrices, or blocks of rows and columns of one. */
typedef struct cut {
  int64_t m, n, k, matrices, batches, rows, columns;
} cut;

static int64_t blocks(int64_t total, int64_t each) {
  return (total + each - 1) / each;
}

/* Length of equal blocks of `total`, `count` of them at most, each a multiple of `unit` of at least
 * `least`. */
static int64_t block_length(int64_t total, int64_t count, int64_t least, int64_t unit) {
  int64_t length = (total + count - 1) / count;
  if (length < least) length = least;
  length = (length + unit - 1) / unit * unit;
  return length < total ? length : total;
}

/* Pieces of one product: cut along the axis along which nothing is packed twice (a transposed
 * operand is packed), then along the other, while pieces are worth a thread. The last block of long
 * axes stays in the caches. */
static void cut_one(cut *c, const rung_attributes *attr, double products) {
  enum { PIECES = 16, ROWS = 96, COLUMNS = 128, TALL = 12, WIDE = 64 };
  bool ta = attr->i[TRANSPOSE_A] != 0, tb = attr->i[TRANSPOSE_B] != 0;
  bool columns_first = ta != tb ? tb : c->n > c->m;
  int64_t want = products < PIECES * WORTH ? 1 + (int64_t)(products / WORTH) : PIECES;
  if (columns_first) c->columns = block_length(c->n, want, COLUMNS, WIDE);
  want = (want + blocks(c->n, c->columns) - 1) / blocks(c->n, c->columns);
  if (!columns_first || want >= 4) c->rows = block_length(c->m, want, ROWS, TALL);
  want = (want + blocks(c->m, c->rows) - 1) / blocks(c->m, c->rows);
  if (!columns_first && want >= 4) c->columns = block_length(c->n, want, COLUMNS, WIDE);
  if (c->rows > 256) c->rows = 256;
  if (c->columns > 1024) c->columns = 1024;
}

static cut cut_of(const rung_shape *out, const rung_shape *in, const rung_attributes *attr) {
  rung_shape lead = leading(out);
  cut c = {.m = out->dim[out->rank - 2],
           .n = out->dim[out->rank - 1],
           .k = columns_of(&in[0], attr->i[TRANSPOSE_A]),
           .matrices = rung_shape_count(&lead)};
  double products = (double)c.m * (double)c.n * (double)c.k;
  c.rows = c.m;
  c.columns = c.n;
  c.batches = products < WORTH ? 1 + (int64_t)(WORTH / products) : 1;
  if (c.batches == 1) cut_one(&c, attr, products);
  return c;
}

static rg_gemm_args gemm_of(const cut *c, rung_dtype dtype, const rung_attributes *attr) {
  bool ta = attr->i[TRANSPOSE_A] != 0, tb = attr->i[TRANSPOSE_B] != 0;
  return (rg_gemm_args){.dtype = dtype,
                        .how = (rung_accumulate)attr->i[HOW],
                        .transpose_a = ta,
                        .transpose_b = tb,
                        .m = c->rows,
                        .n = c->columns,
                        .k = c->k,
                        .lda = ta ? c->m : c->k,
                        .ldb = tb ? c->k : c->n,
                        .ldc = c->n};
}

static void plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                 const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  cut c = cut_of(out, in, attr);
  *pieces = blocks(c.matrices, c.batches) * blocks(c.m, c.rows) * blocks(c.n, c.columns);
  *scratch = 0;
  int64_t last_row = c.m - (blocks(c.m, c.rows) - 1) * c.rows;
  int64_t last_column = c.n - (blocks(c.n, c.columns) - 1) * c.columns;
  for (int i = 0; i < 4; i++) { /* the last blocks may be packed in another way */
    rg_gemm_args args = gemm_of(&c, dtype, attr);
    if (i & 1) args.m = last_row;
    if (i & 2) args.n = last_column;
    size_t bytes = rg_gemm_scratch(&args);
    if (bytes > *scratch) *scratch = bytes;
  }
}

/* Which matrix of an operand belongs to matrix `index` of the result. */
static int64_t matrix_of(const rung_shape *out, const rung_shape *in, int64_t index) {
  int64_t result = 0, stride = 1;
  for (int i = 3; i <= out->rank; i++) {
    int64_t at = index % out->dim[out->rank - i];
    index /= out->dim[out->rank - i];
    if (i > in->rank) continue;
    int64_t length = in->dim[in->rank - i];
    if (length > 1) result += at * stride;
    stride *= length;
  }
  return result;
}

static rung_status kernel(const rung_call *call) {
  cut c = cut_of(call->out_shape, call->in_shape, call->attr);
  size_t size = rung_dtype_size(call->dtype);
  int64_t column_blocks = blocks(c.n, c.columns), row_blocks = blocks(c.m, c.rows);
  int64_t column = call->piece % column_blocks * c.columns;
  int64_t row = call->piece / column_blocks % row_blocks * c.rows;
  int64_t first = call->piece / column_blocks / row_blocks * c.batches;
  int64_t end = first + c.batches < c.matrices ? first + c.batches : c.matrices;
  rg_gemm_args args = gemm_of(&c, call->dtype, call->attr);
  args.isa = call->isa;
  args.scratch = call->scratch;
  if (args.m > c.m - row) args.m = c.m - row;
  if (args.n > c.n - column) args.n = c.n - column;
  int64_t a_row = args.transpose_a ? 1 : c.k, b_column = args.transpose_b ? c.k : 1;
  for (int64_t i = first; i < end; i++) {
    int64_t a = matrix_of(call->out_shape, &call->in_shape[0], i) * c.m * c.k + row * a_row;
    int64_t b = matrix_of(call->out_shape, &call->in_shape[1], i) * c.k * c.n + column * b_column;
    args.a = (const char *)call->in[0] + (size_t)a * size;
    args.b = (const char *)call->in[1] + (size_t)b * size;
    args.c = (char *)call->out + (size_t)(i * c.m * c.n + row * c.n + column) * size;
    rg_gemm(&args);
  }
  return RUNG_OK;
}

static const rung_op op = {.name = "matmul",
                           .operands = 2,
                           .shape = shape_of,
                           .jvp = jvp,
                           .vjp = vjp,
                           .map = map,
                           .kernel = RG_ONE_KERNEL(kernel),
                           .plan = plan};

/* Swaps the last two axes where one of them is 1: a view. */
static rung_node as_row_or_column(rung_graph *g, rung_node a, int64_t rows, int64_t columns) {
  rung_shape shape = rung_node_shape(g, a);
  shape.dim[shape.rank - 2] = rows;
  shape.dim[shape.rank - 1] = columns;
  return rung_reshape(g, a, shape.rank, shape.dim);
}

rung_node rung_matmul(rung_graph *g, rung_node a, rung_node b, int transpose_a, int transpose_b,
                      rung_accumulate how) {
  rung_attributes attr = {.i = {transpose_a != 0, transpose_b != 0, how}};
  rung_node in[] = {a, b};
  rung_node product = rung_apply(g, &op, 2, in, &attr);
  if (product == RUNG_NONE) return RUNG_NONE;
  rung_shape sa = rung_node_shape(g, a);
  if (columns_of(&sa, transpose_a) > 1) return product;
  /* An inner length of 1 makes it an elementwise product, which fuses with what follows. */
  rung_shape out = rung_node_shape(g, product);
  return rung_mul(g, as_row_or_column(g, a, out.dim[out.rank - 2], 1),
                  as_row_or_column(g, b, 1, out.dim[out.rank - 1]));
}
