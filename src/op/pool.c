/* Pooling of images [N, H, W, C] over windows: the mean, whose adjoint shares each result out among
 * its window; and the largest, as `pick`: operand 1 where operand 0 is the largest of its window,
 * whose adjoint in operand 1 is `place`. Only pixels within the image count.
 *
 * Attributes: i[0], i[1] window; i[2], i[3] strides; i[4], i[5] padding above and to the left;
 * i[6], i[7] height and width of the result. */
#include "op/array.h"

enum { WINDOW_H, WINDOW_W, STRIDE_H, STRIDE_W, TOP, LEFT, NEW_H, NEW_W };
enum { MOST_SETTING = 1 << 24 };

typedef struct pool {
  int64_t images, height, width, channels, out_height, out_width;
  int64_t image; /* elements of one */
  const int64_t *set;
} pool;

/* `large` and `small`: the shapes of what is pooled and of the result. */
static pool pool_of(const rung_call *call, const rung_shape *large, const rung_shape *small) {
  const int64_t *x = large->dim, *y = small->dim;
  return (pool){x[0], x[1], x[2], x[3], y[1], y[2], x[1] * x[2] * x[3], call->attr->i};
}

/* The part of a window within the image: at least one pixel. */
typedef struct window {
  int64_t top, left, width, count;
} window;

static window window_of(const pool *p, int64_t y, int64_t x) {
  int64_t top = y * p->set[STRIDE_H] - p->set[TOP], left = x * p->set[STRIDE_W] - p->set[LEFT];
  int64_t bottom = top + p->set[WINDOW_H], right = left + p->set[WINDOW_W];
  if (top < 0) top = 0;
  if (left < 0) left = 0;
  if (bottom > p->height) bottom = p->height;
  if (right > p->width) right = p->width;
  return (window){top, left, right - left, (bottom - top) * (right - left)};
}

/* A walk over a window's pixels, row by row: where the present one begins. */
typedef struct walk {
  int64_t at, column;
} walk;

static inline walk first_pixel(const pool *p, const window *w) {
  return (walk){(w->top * p->width + w->left) * p->channels, 0};
}

static inline void next_pixel(const pool *p, const window *w, walk *k) {
  k->at += p->channels;
  if (++k->column < w->width) return;
  k->column = 0;
  k->at += (p->width - w->width) * p->channels;
}

#define REAL float
#define R(name) name##_f32
#include "op/pool_template.h"
#define REAL double
#define R(name) name##_f64
#include "op/pool_template.h"
#define REAL rung_dd
#define R(name) name##_dd
#include "op/pool_template.h"

#define TABLE_OF_TYPE(name, type)                                                                  \
  { name##_portable_##type, name##_avx2_##type, name##_avx512_##type }
#define TABLE(name)                                                                                \
  { TABLE_OF_TYPE(name, f32), TABLE_OF_TYPE(name, f64), TABLE_OF_TYPE(name, dd) }

static void plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                 const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)attr;
  int64_t count = rung_shape_count(in);
  if (count < rung_shape_count(out)) count = rung_shape_count(out);
  *pieces = 1 + count / (RG_PIECE / 4);
  if (*pieces > in->dim[0]) *pieces = in->dim[0];
  *scratch = 0;
}

/* ---- shapes ---- */

static rung_status check_image(rung_context *ctx, const char *name, const rung_shape *in) {
  char found[RG_SHAPE_TEXT];
  if (in->rank == 4) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_SHAPE, "%s: expected images [N,H,W,C], found %s", name,
                 rg_shape_text(in, found));
}

/* `in` with another height and width. */
static rung_status new_shape(rung_context *ctx, int operands, const rung_shape *in,
                             const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_image(ctx, "pool2d", in));
  return rg_shape_make(ctx, "pool2d", 4,
                       (int64_t[]){in->dim[0], attr->i[NEW_H], attr->i[NEW_W], in->dim[3]}, out);
}

static rung_status place_shape(rung_context *ctx, int operands, const rung_shape *in,
                               const rung_attributes *attr, rung_shape *out) {
  (void)ctx, (void)operands, (void)attr;
  *out = in[0];
  return RUNG_OK;
}

/* ---- rules ---- */

/* Samples of batches become images of one. */
static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  rg_node like = g->node[node];
  rung_node all[2];
  for (int j = 0; j < like.operands; j++) {
    rung_shape s = rung_node_shape(g, in[j]);
    int64_t dims[5] = {samples};
    memcpy(dims + 1, s.dim + s.rank - 4, 4 * sizeof *dims);
    all[j] = mapped[j] ? in[j] : rung_broadcast(g, in[j], 5, dims);
    dims[1] *= samples;
    all[j] = rung_reshape(g, all[j], 4, dims + 1);
  }
  rung_node pooled = rung_apply(g, like.op, like.operands, all, &like.attr);
  rung_shape s = rung_node_shape(g, pooled);
  return rung_reshape(g, pooled, 5, (int64_t[]){samples, -1, s.dim[1], s.dim[2], s.dim[3]});
}

static rung_node average_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent);
static rung_node share_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent);
static rung_node pick_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent);
static rung_node place_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent);

/* Linear in the last operand; the other only says which. */
static rung_node last_jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  rung_node in[2] = {rung_node_operand(g, node, 0), tangent};
  return which == 1 ? rg_apply_like(g, node, in) : RUNG_NONE;
}

static const rung_op average_op = {.name = "average_pool2d",
                                   .operands = 1,
                                   .shape = new_shape,
                                   .jvp = rg_linear_jvp,
                                   .vjp = average_vjp,
                                   .map = map,
                                   .kernel = TABLE(average),
                                   .plan = plan};
static const rung_op share_op = {.name = "average_pool2d_adjoint",
                                 .operands = 1,
                                 .shape = new_shape,
                                 .jvp = rg_linear_jvp,
                                 .vjp = share_vjp,
                                 .map = map,
                                 .kernel = TABLE(share),
                                 .plan = plan};
static const rung_op pick_op = {.name = "max_pool2d",
                                .operands = 2,
                                .shape = new_shape,
                                .jvp = last_jvp,
                                .vjp = pick_vjp,
                                .map = map,
                                .kernel = TABLE(pick),
                                .plan = plan};
static const rung_op place_op = {.name = "max_pool2d_adjoint",
                                 .operands = 2,
                                 .shape = place_shape,
                                 .jvp = last_jvp,
                                 .vjp = place_vjp,
                                 .map = map,
                                 .kernel = TABLE(place),
                                 .plan = plan};

/* The op with the node's settings and a result of the height and width of `like`. */
static rung_node resized(rung_graph *g, const rung_op *op, rung_node node, rung_node like,
                         rung_node a) {
  rung_attributes attr = *rung_node_attributes(g, node);
  rung_shape shape = rung_node_shape(g, like);
  attr.i[NEW_H] = shape.dim[1];
  attr.i[NEW_W] = shape.dim[2];
  return rung_apply(g, op, 1, &a, &attr);
}

static rung_node average_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  return resized(g, &share_op, node, rung_node_operand(g, node, which), cotangent);
}

static rung_node share_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  return resized(g, &average_op, node, rung_node_operand(g, node, which), cotangent);
}

static rung_node chosen(rung_graph *g, const rung_op *op, rung_node node, int which, rung_node b) {
  rung_attributes attr = *rung_node_attributes(g, node);
  rung_node a = rung_node_operand(g, node, 0);
  return which == 1 ? rung_apply(g, op, 2, (rung_node[]){a, b}, &attr) : RUNG_NONE;
}

static rung_node pick_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  return chosen(g, &place_op, node, which, cotangent);
}

static rung_node place_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  return chosen(g, &pick_op, node, which, cotangent);
}

/* ---- node functions ---- */

/* Settings of one direction; gives the length of the result. */
static rung_status along(rung_context *ctx, int64_t length, int64_t extent, int64_t stride,
                         int64_t before, int64_t after, int64_t *out) {
  if (extent < 1 || extent > MOST_SETTING || stride < 1 || stride > MOST_SETTING || before < 0 ||
      before >= extent || after < 0 || after >= extent)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "pool2d: expected window and stride of 1..%d and paddings smaller than the "
                   "window, found window %lld, stride %lld, paddings %lld and %lld",
                   MOST_SETTING, (long long)extent, (long long)stride, (long long)before,
                   (long long)after);
  if (length + before + after < extent)
    return rg_fail(ctx, RUNG_E_SHAPE,
                   "pool2d: a window of %lld is larger than the %lld padded pixels",
                   (long long)extent, (long long)(length + before + after));
  *out = (length + before + after - extent) / stride + 1;
  /* windows that begin in the padding behind the image have no pixel: left out */
  while ((*out - 1) * stride - before >= length) --*out;
  return RUNG_OK;
}

static rung_node pooled(rung_graph *g, const rung_op *op, rung_node a, const rung_pool *s) {
  rung_shape shape = rung_node_shape(g, a);
  int64_t height, width;
  if (shape.rank < 0 || check_image(g->ctx, op->name, &shape) != RUNG_OK ||
      along(g->ctx, shape.dim[1], s->window[0], s->stride[0], s->padding[0], s->padding[2],
            &height) != RUNG_OK ||
      along(g->ctx, shape.dim[2], s->window[1], s->stride[1], s->padding[1], s->padding[3],
            &width) != RUNG_OK)
    return RUNG_NONE;
  rung_attributes attr = {.i = {s->window[0], s->window[1], s->stride[0], s->stride[1],
                                s->padding[0], s->padding[1], height, width}};
  return rung_apply(g, op, op->operands, (rung_node[]){a, a}, &attr);
}

rung_node rung_average_pool2d(rung_graph *g, rung_node a, const rung_pool *settings) {
  return pooled(g, &average_op, a, settings);
}

rung_node rung_max_pool2d(rung_graph *g, rung_node a, const rung_pool *settings) {
  return pooled(g, &pick_op, a, settings);
}
