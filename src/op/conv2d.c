/* Convolution, its adjoint in the images and its adjoint in the weights: the three derivatives of
 * one trilinear form (kernel/conv.h), so each is differentiated by the others. The transposed one
 * takes its weights turned about, by an op of its own that is computed once for all its uses.
 *
 * Attributes of the three: i[0], i[1] strides; i[2], i[3] zeros above and to the left; i[4] groups;
 * i[5], i[6] height and width of what the result has new: y, x, or the kernel. Zeros below and to
 * the right are what these sizes leave. Operands have 4 axes, or 5 with samples in front. */
#include "kernel/conv.h"
#include "op/array.h"

enum { STRIDE_H, STRIDE_W, TOP, LEFT, GROUPS, NEW_H, NEW_W };
enum { MOST_SETTING = 1 << 24 }; /* of strides and paddings: keeps sums with them in range */

/* The last four dimensions. */
static const int64_t *four(const rung_shape *s) {
  return s->dim + s->rank - 4;
}

static rg_conv geometry(rg_conv_kind kind, const rung_shape *out, const rung_shape *in,
                        const rung_attributes *attr) {
  const rung_shape *x = kind == RG_CONV_TRANSPOSE ? out : &in[0];
  const rung_shape *y = kind == RG_CONV ? out : kind == RG_CONV_TRANSPOSE ? &in[0] : &in[1];
  const int64_t *kernel = four(kind == RG_CONV_WEIGHTS ? out : &in[1]);
  return (rg_conv){.kind = kind,
                   .samples = out->rank == 5 ? out->dim[0] : 1,
                   .images = four(x)[0],
                   .height = four(x)[1],
                   .width = four(x)[2],
                   .channels = four(x)[3],
                   .kernel_height = kernel[0],
                   .kernel_width = kernel[1],
                   .out_height = four(y)[1],
                   .out_width = four(y)[2],
                   .filters = four(y)[3],
                   .stride = {attr->i[STRIDE_H], attr->i[STRIDE_W]},
                   .top = attr->i[TOP],
                   .left = attr->i[LEFT],
                   .groups = attr->i[GROUPS]};
}

#define DEFINE_KERNEL(name, conv_kind)                                                             \
  static rung_status name##_kernel(const rung_call *call) {                                        \
    rg_conv c = geometry(conv_kind, call->out_shape, call->in_shape, call->attr);                  \
    c.dtype = call->dtype, c.isa = call->isa;                                                      \
    c.a = call->in[0], c.b = call->in[1], c.out = call->out, c.scratch = call->scratch;            \
    rg_conv_piece(&c, call->piece, call->pieces);                                                  \
    return RUNG_OK;                                                                                \
  }                                                                                                \
  static void name##_plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,           \
                          const rung_attributes *attr, int64_t *pieces, size_t *scratch) {         \
    rg_conv c = geometry(conv_kind, out, in, attr);                                                \
    c.dtype = dtype;                                                                               \
    rg_conv_plan(&c, pieces, scratch);                                                             \
  }
DEFINE_KERNEL(conv, RG_CONV)
DEFINE_KERNEL(transposed, RG_CONV_TRANSPOSE)
DEFINE_KERNEL(weights, RG_CONV_WEIGHTS)

static rung_status turn_kernel(const rung_call *call) {
  const int64_t *w = four(call->in_shape);
  int64_t groups = call->attr->i[0], taps = w[0] * w[1], count = taps * w[2] * w[3];
  size_t size = rung_dtype_size(call->dtype);
  for (int64_t first = 0; first < call->count; first += count)
    rg_conv_turn(call->dtype, call->isa, taps, w[2] * groups, w[3], groups,
                 (const char *)call->in[0] + (size_t)first * size,
                 (char *)call->out + (size_t)first * size);
  return RUNG_OK;
}

/* Both operands with 4 axes, or 5 and as many samples. */
static rung_status check_ranks(rung_context *ctx, const char *name, const rung_shape *in) {
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  bool fits = (in[0].rank == 4 || in[0].rank == 5) && in[0].rank == in[1].rank;
  if (fits && (in[0].rank == 4 || in[0].dim[0] == in[1].dim[0])) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_SHAPE,
                 "%s: expected two arrays of 4 axes, or of 5 with as many samples; found %s and %s",
                 name, rg_shape_text(&in[0], a), rg_shape_text(&in[1], b));
}

/* The result: the samples, then these four dimensions. */
static rung_status make_shape(rung_context *ctx, const char *name, const rung_shape *in,
                              const int64_t *dims, rung_shape *out) {
  int64_t all[RUNG_MAX_RANK] = {in->dim[0]};
  for (int i = 0; i < 4; i++) all[in->rank - 4 + i] = dims[i];
  return rg_shape_make(ctx, name, in->rank, all, out);
}

static rung_status check_groups(rung_context *ctx, const char *name, int64_t channels,
                                int64_t filters, int64_t groups) {
  if (channels % groups == 0 && filters % groups == 0) return RUNG_OK;
  return rg_fail(ctx, RUNG_E_SHAPE,
                 "%s: %lld channels and %lld filters do not fall into %lld groups", name,
                 (long long)channels, (long long)filters, (long long)groups);
}

static rung_status conv_shape(rung_context *ctx, int operands, const rung_shape *in,
                              const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_ranks(ctx, "conv2d", in));
  const int64_t *x = four(&in[0]), *w = four(&in[1]);
  RG_TRY(check_groups(ctx, "conv2d", x[3], w[3], attr->i[GROUPS]));
  char text[RG_SHAPE_TEXT];
  if (w[2] != x[3] / attr->i[GROUPS])
    return rg_fail(ctx, RUNG_E_SHAPE,
                   "conv2d: %lld channels in %lld groups need %lld channels in the weights %s",
                   (long long)x[3], (long long)attr->i[GROUPS], (long long)(x[3] / attr->i[GROUPS]),
                   rg_shape_text(&in[1], text));
  return make_shape(ctx, "conv2d", in, (int64_t[]){x[0], attr->i[NEW_H], attr->i[NEW_W], w[3]},
                    out);
}

/* The weights come turned: [kh, kw, K / groups, C]. */
static rung_status transposed_shape(rung_context *ctx, int operands, const rung_shape *in,
                                    const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_ranks(ctx, "conv2d_transpose", in));
  const int64_t *y = four(&in[0]), *w = four(&in[1]);
  RG_TRY(check_groups(ctx, "conv2d_transpose", w[3], y[3], attr->i[GROUPS]));
  if (w[2] != y[3] / attr->i[GROUPS])
    return rg_fail(ctx, RUNG_E_SHAPE,
                   "conv2d_transpose: the images have %lld channels, the weights %lld filters",
                   (long long)y[3], (long long)(w[2] * attr->i[GROUPS]));
  return make_shape(ctx, "conv2d_transpose", in,
                    (int64_t[]){y[0], attr->i[NEW_H], attr->i[NEW_W], w[3]}, out);
}

static rung_status weights_shape(rung_context *ctx, int operands, const rung_shape *in,
                                 const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  RG_TRY(check_ranks(ctx, "conv2d_weights", in));
  const int64_t *x = four(&in[0]), *y = four(&in[1]), groups = attr->i[GROUPS];
  if (x[0] != y[0])
    return rg_fail(ctx, RUNG_E_SHAPE, "conv2d_weights: batches of %lld and %lld images",
                   (long long)x[0], (long long)y[0]);
  RG_TRY(check_groups(ctx, "conv2d_weights", x[3], y[3], groups));
  return make_shape(ctx, "conv2d_weights", in,
                    (int64_t[]){attr->i[NEW_H], attr->i[NEW_W], x[3] / groups, y[3]}, out);
}

static rung_status turn_shape(rung_context *ctx, int operands, const rung_shape *in,
                              const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  if (in->rank < 4)
    return rg_fail(ctx, RUNG_E_SHAPE, "conv2d: weights have 4 axes, found %d", in->rank);
  int64_t groups = attr->i[0], filters = four(in)[3];
  RG_TRY(check_groups(ctx, "conv2d", groups, filters, groups));
  *out = *in;
  out->dim[in->rank - 2] = filters / groups;
  out->dim[in->rank - 1] = four(in)[2] * groups;
  return rg_shape_make(ctx, "conv2d", out->rank, out->dim, out);
}

static const rung_op conv_op, transposed_op, weights_op, turn_op;

/* One of the three ops with the geometry of `like` and another new size. */
static rung_node apply_as(rung_graph *g, const rung_op *op, rung_attributes like, rung_node a,
                          rung_node b, int64_t height, int64_t width) {
  like.i[NEW_H] = height;
  like.i[NEW_W] = width;
  return rung_apply(g, op, 2, (rung_node[]){a, b}, &like);
}

/* The same for images of the height and width of `of`. */
static rung_node images_like(rung_graph *g, const rung_op *op, rung_attributes like, rung_node a,
                             rung_node b, rung_node of) {
  rung_shape shape = rung_node_shape(g, of);
  return apply_as(g, op, like, a, b, four(&shape)[1], four(&shape)[2]);
}

static rung_node turn(rung_graph *g, rung_node w, int64_t groups) {
  if (w == RUNG_NONE) return RUNG_NONE;
  if (g->node[w].op == &turn_op && g->node[w].attr.i[0] == groups) return g->node[w].in[0];
  rung_attributes attr = {.i = {groups}};
  return rung_apply(g, &turn_op, 1, &w, &attr);
}

/* The parts of a batch are samples whose results are added. */
static rung_node weights_of(rung_graph *g, rung_attributes like, rung_node x, rung_node y,
                            int64_t height, int64_t width) {
  rung_node whole = apply_as(g, &weights_op, like, x, y, height, width);
  if (whole == RUNG_NONE || rung_node_shape(g, whole).rank == 5) return whole;
  rung_shape sx = rung_node_shape(g, x), sy = rung_node_shape(g, y);
  rung_shape out = rung_node_shape(g, whole);
  int64_t parts = rg_conv_parts(sx.dim[0], rung_shape_count(&out)), each = sx.dim[0] / parts;
  if (parts == 1) return whole;
  x = rung_reshape(g, x, 5, (int64_t[]){parts, each, sx.dim[1], sx.dim[2], sx.dim[3]});
  y = rung_reshape(g, y, 5, (int64_t[]){parts, each, sy.dim[1], sy.dim[2], sy.dim[3]});
  return rung_sum(g, apply_as(g, &weights_op, like, x, y, height, width), 1, 0);
}

static rung_node jvp(rung_graph *g, rung_node node, int which, rung_node tangent) {
  rung_node in[] = {g->node[node].in[0], g->node[node].in[1]};
  in[which] = tangent;
  return rg_apply_like(g, node, in);
}

/* y = conv(x, w) */
static rung_node conv_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  rung_node x = n.in[0], w = n.in[1];
  rung_shape kernel = rung_node_shape(g, w);
  if (which == 1) return weights_of(g, n.attr, x, cotangent, four(&kernel)[0], four(&kernel)[1]);
  return images_like(g, &transposed_op, n.attr, cotangent, turn(g, w, n.attr.i[GROUPS]), x);
}

/* x = transposed(y, turn(w)) */
static rung_node transposed_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  rung_node y = n.in[0], w = n.in[1];
  rung_shape kernel = rung_node_shape(g, w);
  int64_t groups = n.attr.i[GROUPS];
  if (which == 0) return images_like(g, &conv_op, n.attr, cotangent, turn(g, w, groups), y);
  return turn(g, weights_of(g, n.attr, cotangent, y, four(&kernel)[0], four(&kernel)[1]), groups);
}

/* w = weights(x, y) */
static rung_node weights_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  rg_node n = g->node[node];
  rung_node x = n.in[0], y = n.in[1];
  if (which == 1) return images_like(g, &conv_op, n.attr, x, cotangent, y);
  return images_like(g, &transposed_op, n.attr, y, turn(g, cotangent, n.attr.i[GROUPS]), x);
}

static rung_node turn_vjp(rung_graph *g, rung_node node, int which, rung_node cotangent) {
  (void)which;
  return turn(g, cotangent, g->node[node].attr.i[0]);
}

/* The operand with `samples` in front, joined with samples that it has already. */
static rung_node with_samples(rung_graph *g, rung_node a, int mapped, int64_t samples) {
  rung_shape shape = rung_node_shape(g, a);
  int64_t dims[RUNG_MAX_RANK + 1] = {samples};
  if (!mapped) {
    for (int i = 0; i < shape.rank; i++) dims[i + 1] = shape.dim[i];
    a = rung_broadcast(g, a, shape.rank + 1, dims);
    shape = rung_node_shape(g, a);
  }
  if (shape.rank == 5) return a;
  return rung_reshape(g, a, 5,
                      (int64_t[]){-1, shape.dim[2], shape.dim[3], shape.dim[4], shape.dim[5]});
}

/* Samples of images under shared weights are one large batch; else samples stay samples. */
static rung_node map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                     int64_t samples) {
  rung_shape out = rung_node_shape(g, node);
  rung_node operand[2];
  if (out.rank == 4 && g->node[node].op != &weights_op && !mapped[1]) {
    rung_shape x = rung_node_shape(g, in[0]);
    operand[0] = rung_reshape(g, in[0], 4, (int64_t[]){-1, x.dim[2], x.dim[3], x.dim[4]});
    operand[1] = in[1];
  } else {
    for (int i = 0; i < 2; i++) operand[i] = with_samples(g, in[i], mapped[i], samples);
  }
  int64_t dims[RUNG_MAX_RANK + 1] = {samples};
  for (int i = 0; i < out.rank; i++) dims[i + 1] = out.dim[i];
  return rung_reshape(g, rg_apply_like(g, node, operand), out.rank + 1, dims);
}

static rung_node turn_map(rung_graph *g, rung_node node, const rung_node *in, const int *mapped,
                          int64_t samples) {
  (void)mapped, (void)samples;
  return rg_apply_like(g, node, in);
}

static const rung_op conv_op = {.name = "conv2d",
                                .operands = 2,
                                .shape = conv_shape,
                                .jvp = jvp,
                                .vjp = conv_vjp,
                                .map = map,
                                .kernel = RG_ONE_KERNEL(conv_kernel),
                                .plan = conv_plan};

static const rung_op transposed_op = {.name = "conv2d_transpose",
                                      .operands = 2,
                                      .shape = transposed_shape,
                                      .jvp = jvp,
                                      .vjp = transposed_vjp,
                                      .map = map,
                                      .kernel = RG_ONE_KERNEL(transposed_kernel),
                                      .plan = transposed_plan};

static const rung_op weights_op = {.name = "conv2d_weights",
                                   .operands = 2,
                                   .shape = weights_shape,
                                   .jvp = jvp,
                                   .vjp = weights_vjp,
                                   .map = map,
                                   .kernel = RG_ONE_KERNEL(weights_kernel),
                                   .plan = weights_plan};

static const rung_op turn_op = {.name = "conv2d_turn",
                                .operands = 1,
                                .shape = turn_shape,
                                .jvp = rg_linear_jvp,
                                .vjp = turn_vjp,
                                .map = turn_map,
                                .kernel = RG_ONE_KERNEL(turn_kernel)};

static bool attributes_of(rung_graph *g, const char *name, const rung_conv *settings,
                          rung_attributes *attr) {
  static const rung_conv defaults = {.stride = {1, 1}, .groups = 1};
  const rung_conv *s = settings ? settings : &defaults;
  bool fits = s->groups >= 1;
  for (int i = 0; i < 2; i++) fits = fits && s->stride[i] >= 1 && s->stride[i] <= MOST_SETTING;
  for (int i = 0; i < 4; i++) fits = fits && s->padding[i] >= 0 && s->padding[i] <= MOST_SETTING;
  if (!fits) {
    rung_node_fail(g, RUNG_E_ARGUMENT,
                   "%s: strides of 1 or more, paddings of 0 or more (up to %d) and 1 group or more "
                   "are expected; found strides %lld, %lld, paddings %lld, %lld, %lld, %lld and "
                   "%lld groups",
                   name, MOST_SETTING, (long long)s->stride[0], (long long)s->stride[1],
                   (long long)s->padding[0], (long long)s->padding[1], (long long)s->padding[2],
                   (long long)s->padding[3], (long long)s->groups);
    return false;
  }
  *attr =
      (rung_attributes){.i = {s->stride[0], s->stride[1], s->padding[0], s->padding[1], s->groups}};
  return true;
}

/* Height (direction 0) or width (1) of y; 0, with an error, where the kernel does not fit. */
static int64_t size_of(rung_graph *g, const char *name, const rung_conv *settings, int direction,
                       int64_t length, int64_t kernel) {
  int64_t pad = settings ? settings->padding[direction] + settings->padding[direction + 2] : 0;
  int64_t stride = settings ? settings->stride[direction] : 1;
  bool sizes = length >= 1 && kernel >= 1 && length < INT64_MAX / 4 && kernel < INT64_MAX / 4;
  if (sizes && length + pad >= kernel) return (length + pad - kernel) / stride + 1;
  rung_node_fail(g, RUNG_E_SHAPE, "%s: a kernel of %lld %s over images of %lld and %lld of padding",
                 name, (long long)kernel, direction ? "columns" : "rows", (long long)length,
                 (long long)pad);
  return 0;
}

/* A piece may have to lay out whole rows with their zeros: they must be countable. */
static bool countable(rung_graph *g, const char *name, const rung_conv *settings, int64_t height,
                      int64_t width, int64_t channels) {
  int64_t pads[2] = {0};
  for (int i = 0; settings && i < 4; i++) pads[i % 2] += settings->padding[i];
  rung_shape ignored;
  return rg_shape_make(g->ctx, name, 3,
                       (int64_t[]){2 * height + pads[0], 2 * width + pads[1], channels},
                       &ignored) == RUNG_OK;
}

static int64_t max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* Both operands are arrays of 4 or 5 axes. */
static bool have_axes(rung_graph *g, const char *name, rung_node a, rung_node b) {
  if (a == RUNG_NONE || b == RUNG_NONE) return false;
  rung_shape in[] = {rung_node_shape(g, a), rung_node_shape(g, b)};
  return check_ranks(g->ctx, name, in) == RUNG_OK;
}

/* The sizes that x and the kernel give y must be those it has. */
static bool sizes_agree(rung_graph *g, const char *name, const rung_conv *settings,
                        const int64_t *x, const int64_t *kernel, const int64_t *y) {
  for (int i = 0; i < 2; i++) {
    int64_t expected = size_of(g, name, settings, i, x[i], kernel[i]);
    if (expected == 0) return false;
    if (expected == y[i]) continue;
    rung_node_fail(g, RUNG_E_SHAPE,
                   "%s: images of %lld %s and a kernel of %lld give %lld %s, found %lld", name,
                   (long long)x[i], i ? "columns" : "rows", (long long)kernel[i],
                   (long long)expected, i ? "columns" : "rows", (long long)y[i]);
    return false;
  }
  return true;
}

rung_node rung_conv2d(rung_graph *g, rung_node x, rung_node w, const rung_conv *settings) {
  static const char *const name = "conv2d";
  rung_attributes attr;
  if (!have_axes(g, name, x, w) || !attributes_of(g, name, settings, &attr)) return RUNG_NONE;
  rung_shape sx = rung_node_shape(g, x), sw = rung_node_shape(g, w);
  int64_t height = size_of(g, name, settings, 0, four(&sx)[1], four(&sw)[0]);
  int64_t width = height ? size_of(g, name, settings, 1, four(&sx)[2], four(&sw)[1]) : 0;
  if (!width ||
      !countable(g, name, settings, four(&sx)[1], four(&sx)[2], max64(four(&sx)[3], four(&sw)[3])))
    return RUNG_NONE;
  return apply_as(g, &conv_op, attr, x, w, height, width);
}

rung_node rung_conv2d_transpose(rung_graph *g, rung_node y, rung_node w, const rung_conv *settings,
                                int64_t height, int64_t width) {
  static const char *const name = "conv2d_transpose";
  rung_attributes attr;
  if (!have_axes(g, name, y, w) || !attributes_of(g, name, settings, &attr)) return RUNG_NONE;
  rung_shape sy = rung_node_shape(g, y), sw = rung_node_shape(g, w);
  if (check_groups(g->ctx, name, attr.i[GROUPS], four(&sw)[3], attr.i[GROUPS]) != RUNG_OK)
    return RUNG_NONE;
  if (!sizes_agree(g, name, settings, (int64_t[]){height, width}, four(&sw), four(&sy) + 1) ||
      !countable(g, name, settings, height, width,
                 max64(four(&sw)[2] * attr.i[GROUPS], four(&sy)[3])))
    return RUNG_NONE;
  return apply_as(g, &transposed_op, attr, y, turn(g, w, attr.i[GROUPS]), height, width);
}

rung_node rung_conv2d_weights(rung_graph *g, rung_node x, rung_node y, const rung_conv *settings,
                              int64_t kernel_height, int64_t kernel_width) {
  static const char *const name = "conv2d_weights";
  rung_attributes attr;
  if (!have_axes(g, name, x, y) || !attributes_of(g, name, settings, &attr)) return RUNG_NONE;
  rung_shape sx = rung_node_shape(g, x), sy = rung_node_shape(g, y);
  int64_t kernel[] = {kernel_height, kernel_width};
  if (!sizes_agree(g, name, settings, four(&sx) + 1, kernel, four(&sy) + 1) ||
      !countable(g, name, settings, four(&sx)[1], four(&sx)[2], max64(four(&sx)[3], four(&sy)[3])))
    return RUNG_NONE;
  return weights_of(g, attr, x, y, kernel_height, kernel_width);
}
