/* Mean and variance over adjoining axes, as one array [2][a with 1 for those axes]: two ops, so
 * that a long axis is shared among threads. The first gives the moments of chunks; the second joins
 * them, has the array itself as operand 0, and with it the derivative of the whole: d mean =
 * mean(da),   d variance = 2 mean((a - mean) da), for the variance does not depend on its mean to
 * first order. Attributes as in sum.c: i[0] first axis, i[1] how many. */
#include "op/array.h"

#define TILE 32   /* columns done at a time */
#define BLOCK 128 /* rows whose second reading finds them in the cache */

/* How the array [outer][length][inner] is cut along `length`: by its shape alone. */
typedef struct cut {
  int64_t outer, length, inner;
  int64_t chunks, each; /* rows of each but the last */
} cut;

#define CHUNK (1 << 15) /* elements */

static cut cut_of(const rung_shape *shape, const rung_attributes *attr) {
  cut k = {.outer = 1, .length = 1, .inner = 1};
  for (int i = 0; i < shape->rank; i++)
    *(i < attr->i[0]                ? &k.outer
      : i < attr->i[0] + attr->i[1] ? &k.length
                                    : &k.inner) *= shape->dim[i];
  int64_t wanted = k.outer > 64 ? 1 : k.length * k.inner / CHUNK;
  wanted = wanted < 1 ? 1 : wanted > 64 ? 64 : wanted;
  k.each = (k.length + wanted - 1) / wanted;
  k.chunks = (k.length + k.each - 1) / k.each;
  return k;
}

static int64_t chunk_rows(const cut *k, int64_t chunk) {
  return chunk < k->chunks - 1 ? k->each : k->length - chunk * k->each;
}

#define REAL float
#define R(name) name##_f32
#include "op/moments_template.h"
#define REAL double
#define R(name) name##_f64
#include "op/moments_template.h"
#define REAL rung_dd
#define R(name) name##_dd
#include "op/moments_template.h"

#define TABLE_OF_TYPE(name, type)                                                                  \
  { name##_portable_##type, name##_avx2_##type, name##_avx512_##type }
#define TABLE(name)                                                                                \
  { TABLE_OF_TYPE(name, f32), TABLE_OF_TYPE(name, f64), TABLE_OF_TYPE(name, dd) }

/* ---- chunks ---- */

static rung_status chunks_shape(rung_context *ctx, int operands, const rung_shape *in,
                                const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  cut k = cut_of(in, attr);
  return rg_shape_make(ctx, "moments", 4, (int64_t[]){k.chunks, 2, k.outer, k.inner}, out);
}

static void chunks_plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                        const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)out;
  cut k = cut_of(in, attr);
  int64_t most = k.chunks * k.outer * ((k.inner + TILE - 1) / TILE);
  *pieces = 1 + rung_shape_count(in) / (2 * CHUNK);
  if (*pieces > most) *pieces = most;
  *scratch = 0;
}

/* What is mapped is seen through operand 0 of moments; this has but to be a node. */
static rung_node chunks_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                            int64_t samples) {
  (void)mapped, (void)samples;
  rg_node like = g->node[node];
  like.attr.i[0]++;
  return rung_apply(g, like.op, 1, in, &like.attr);
}

/* Derivatives go past it: they are those of moments. */
static const rung_op chunks_op = {.name = "moments_of_chunks",
                                  .operands = 1,
                                  .shape = chunks_shape,
                                  .jvp = rg_no_derivative,
                                  .vjp = rg_no_derivative,
                                  .map = chunks_map,
                                  .kernel = TABLE(chunks),
                                  .plan = chunks_plan};

/* ---- moments ---- */

static rung_status moments_shape(rung_context *ctx, int operands, const rung_shape *in,
                                 const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  int64_t dims[RUNG_MAX_RANK + 1] = {2};
  for (int i = 0; i < in->rank; i++)
    dims[i + 1] = i >= attr->i[0] && i < attr->i[0] + attr->i[1] ? 1 : in->dim[i];
  return rg_shape_make(ctx, "moments", in->rank + 1, dims, out);
}

/* Part 0 or 1 of [2][...]: mean or variance. */
static rung_node part(rung_graph *g, rung_node moments, int which) {
  rung_shape shape = rung_node_shape(g, moments);
  return rung_reshape(g, rung_slice(g, moments, 0, which, 1, 1), shape.rank - 1, shape.dim + 1);
}

typedef struct taken {
  rung_node a;
  unsigned axes;
  double count;
} taken;

static taken taken_of(const rung_graph *g, rung_node node) {
  const rg_node *n = &g->node[node];
  cut k = cut_of(&g->node[n->in[0]].shape, &n->attr);
  return (taken){n->in[0], ((1u << n->attr.i[1]) - 1) << n->attr.i[0], (double)k.length};
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  if (which != 0) return RUNG_NONE;
  taken t = taken_of(g, node);
  rung_shape shape = rung_node_shape(g, node);
  rung_node about = rung_mul(g, rung_sub(g, t.a, part(g, node, 0)), tangent);
  rung_node mean = rung_mean(g, tangent, t.axes, 1);
  rung_node variance = rung_mul(g, rung_constant(g, 2), rung_mean(g, about, t.axes, 1));
  rung_node both = rung_concat(g, 2, (rung_node[]){mean, variance}, 0);
  return rung_reshape(g, both, shape.rank, shape.dim);
}

/* a slope + offset, with slope = 2 c_variance / n and offset = c_mean / n - mean slope, which are
 * small arrays: one multiplication and one addition for each element. */
static rung_node vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  if (which != 0) return RUNG_NONE;
  taken t = taken_of(g, node);
  rung_node slope = rung_mul(g, part(g, cotangent, 1), rung_constant(g, 2 / t.count));
  rung_node level = rung_mul(g, part(g, cotangent, 0), rung_constant(g, 1 / t.count));
  rung_node offset = rung_sub(g, level, rung_mul(g, part(g, node, 0), slope));
  return rung_add(g, rung_mul(g, t.a, slope), offset);
}

static rung_node moments_of(rung_graph *g, rung_node a, const rung_attributes *attr);

static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  (void)mapped, (void)samples;
  rung_attributes attr = g->node[node].attr;
  attr.i[0]++;
  rung_node moments = moments_of(g, in[0], &attr);
  int order[RUNG_MAX_RANK] = {1, 0, 2, 3, 4, 5}; /* samples come before the 2 */
  return rung_transpose(g, moments, order);
}

static const rung_op moments_op = {.name = "moments",
                                   .operands = 2,
                                   .shape = moments_shape,
                                   .jvp = jvp,
                                   .vjp = vjp,
                                   .map = map,
                                   .kernel = TABLE(moments)};

static rung_node moments_of(rung_graph *g, rung_node a, const rung_attributes *attr) {
  rung_node chunks = rung_apply(g, &chunks_op, 1, &a, attr);
  return rung_apply(g, &moments_op, 2, (rung_node[]){a, chunks}, attr);
}

rung_status rung_moments(rung_graph *g, rung_node a, int first, int count, rung_node *mean,
                         rung_node *variance) {
  *mean = *variance = RUNG_NONE;
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 0) return g->ctx->status;
  if (first < 0 || count < 1 || first + count > shape.rank || shape.rank == RUNG_MAX_RANK)
    return rg_fail(g->ctx, RUNG_E_SHAPE,
                   "moments: %d axes from axis %d of an array of %d dimensions (at most %d)", count,
                   first, shape.rank, RUNG_MAX_RANK - 1);
  rung_attributes attr = {.i = {first, count}};
  rung_node moments = moments_of(g, a, &attr);
  *mean = part(g, moments, 0);
  *variance = part(g, moments, 1);
  return *variance == RUNG_NONE ? g->ctx->status : RUNG_OK;
}
