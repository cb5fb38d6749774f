/* A graph as C code: nodes in order, each a loop or a call of a helper. An elementwise node that
 * one other of its shape reads is written into that one's expression. The others get places in one
 * workspace, lowest first, which they share where their lives do not overlap. */
#include "store/graph_c.h"

#include <stdio.h>
#include <string.h>

#include "store/export.h"
#include "store/graph_c_text.h"
#include "store/number_text.h"

#define INDEX_TEXT 400 /* bytes of an index expression */

typedef enum how {
  UNUSED,
  INPUT,  /* an argument */
  INLINE, /* part of the expression that reads it */
  STORED, /* an array of its own */
  ALIAS   /* the array of its operand under another shape */
} how;

typedef struct place {
  how how;
  int uses;
  rung_node reader, last; /* one node that reads it, and the last that does */
  rung_node over, end;    /* in whose place it lies, itself or an earlier one; that one's end */
  int64_t offset;         /* STORED: in the workspace, or -1: `name` */
  const char *name;       /* of an argument */
  bool copied;            /* an output that is copied at the end */
} place;

typedef struct writer {
  rung_context *ctx;
  const rung_graph *g;
  rung_dtype dtype;
  place *at;
  rg_text *code;
  rg_c_needs *needs;
} writer;

static void need(writer *w, int helper) {
  w->needs->helpers |= 1u << helper;
}

/* ---- which node is what ---- */

static bool is_op(const writer *w, rung_node node, const char *name) {
  return strcmp(w->g->node[node].op->name, name) == 0;
}

static int64_t count_of(const writer *w, rung_node node) {
  return rung_shape_count(&w->g->node[node].shape);
}

/* The node whose array holds it. */
static rung_node root_of(const writer *w, rung_node node) {
  while (w->at[node].how == ALIAS) node = w->g->node[node].in[0];
  return node;
}

static void count_uses(writer *w, const bool *need) {
  for (rung_node i = 0; i < w->g->size; i++) {
    if (!need[i]) continue;
    const rg_node *n = &w->g->node[i];
    for (int j = 0; j < n->operands; j++) {
      w->at[n->in[j]].uses++;
      w->at[n->in[j]].reader = i;
    }
  }
}

/* Kernels' gradients by parts of the batch that are but added: never an array of their own. */
static bool is_added_parts(const writer *w, rung_node node) {
  const place *p = &w->at[node];
  if (!is_op(w, node, "conv2d_weights") || p->uses != 1 || p->name) return false;
  const rg_node *sum = &w->g->node[p->reader];
  return is_op(w, p->reader, "sum") && sum->attr.i[0] == 0 && sum->attr.i[1] == 1 &&
         w->g->node[node].shape.rank == 5 && count_of(w, p->reader) > 1;
}

static bool is_inlined(const writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  const place *p = &w->at[node];
  if (n->op == &rg_op_constant || is_added_parts(w, node)) return true;
  if (!n->op->elementwise || p->uses != 1 || p->name) return false;
  return w->g->node[p->reader].op->elementwise && count_of(w, p->reader) == count_of(w, node);
}

/* Weights that are turned for transposed convolutions alone: put_conv() reads what was turned. */
static bool is_undone_turn(const writer *w, const bool *need, rung_node node) {
  if (!is_op(w, node, "conv2d_turn") || w->at[node].name) return false;
  for (rung_node i = node + 1; i < w->g->size; i++) {
    const rg_node *n = &w->g->node[i];
    for (int j = 0; need[i] && j < n->operands; j++)
      if (n->in[j] == node && (j != 1 || !is_op(w, i, "conv2d_transpose"))) return false;
  }
  return true;
}

static void choose(writer *w, const bool *need) {
  for (rung_node i = 0; i < w->g->size; i++) {
    place *p = &w->at[i];
    p->offset = -1;
    if (!need[i] || p->how == INPUT) continue;
    bool is_view = is_op(w, i, "reshape") && !p->name;
    p->how = is_view || is_undone_turn(w, need, i) ? ALIAS : is_inlined(w, i) ? INLINE : STORED;
  }
}

/* The last node that reads each stored array, through views and expressions. */
static void find_last(writer *w) {
  for (rung_node i = 0; i < w->g->size; i++) w->at[i].last = w->at[i].copied ? w->g->size : i;
  for (rung_node i = w->g->size - 1; i >= 0; i--) {
    const place *p = &w->at[i];
    if (p->how == UNUSED || p->how == INPUT) continue;
    rung_node end = p->how == STORED ? i : p->last; /* when its operands are read */
    for (int j = 0; j < w->g->node[i].operands; j++) {
      place *operand = &w->at[w->g->node[i].in[j]];
      if (operand->last < end) operand->last = end;
    }
  }
}

/* An array that is read for the last time by the elementwise `node` (through expressions), element
 * by element as the node is written; RUNG_NONE where there is none. */
static rung_node read_out(const writer *w, rung_node node, rung_node reader) {
  const rg_node *n = &w->g->node[reader];
  for (int j = 0; j < n->operands; j++) {
    rung_node root = root_of(w, n->in[j]);
    const place *p = &w->at[root];
    if (count_of(w, root) != count_of(w, node)) continue;
    if (p->how == STORED && !p->name && p->last == node) return root;
    if (p->how != INLINE) continue;
    root = read_out(w, node, root);
    if (root != RUNG_NONE) return root;
  }
  return RUNG_NONE;
}

/* Lets elementwise nodes lie where what they read out lay: `over` is the first of such a row, whose
 * `end` becomes that of the last. */
static void join_places(writer *w) {
  for (rung_node i = 0; i < w->g->size; i++) {
    place *p = &w->at[i];
    p->over = i;
    p->end = p->last;
    if (p->how != STORED || p->name || !w->g->node[i].op->elementwise) continue;
    rung_node from = read_out(w, i, i);
    if (from == RUNG_NONE) continue;
    p->over = w->at[from].over;
    w->at[p->over].end = p->last;
  }
}

/* The lowest place where no array lies that has one and lives as `node` does. */
static int64_t free_place(const writer *w, rung_node node) {
  int64_t offset = 0, count = count_of(w, node);
  for (bool moved = true; moved;) {
    moved = false;
    for (rung_node i = 0; i < w->g->size; i++) {
      const place *p = &w->at[i];
      if (p->offset < 0 || p->end < node || w->at[node].end < i) continue;
      int64_t end = p->offset + count_of(w, i);
      if (offset >= end || offset + count <= p->offset) continue;
      offset = end;
      moved = true;
    }
  }
  return offset;
}

/* The largest array that has no place yet. */
static rung_node largest_left(const writer *w) {
  rung_node most = RUNG_NONE;
  for (rung_node i = 0; i < w->g->size; i++) {
    const place *p = &w->at[i];
    if (p->how != STORED || p->name || p->over != i || p->offset >= 0) continue;
    if (most == RUNG_NONE || count_of(w, i) > count_of(w, most)) most = i;
  }
  return most;
}

static void give_places(writer *w) {
  join_places(w);
  for (rung_node i; (i = largest_left(w)) != RUNG_NONE;) {
    int64_t offset = free_place(w, i), end = offset + count_of(w, i);
    w->at[i].offset = offset;
    if (end > w->needs->work) w->needs->work = end;
  }
  for (rung_node i = 0; i < w->g->size; i++) w->at[i].offset = w->at[w->at[i].over].offset;
}

/* ---- expressions ---- */

static void put_array(writer *w, rung_node node) {
  const place *p = &w->at[root_of(w, node)];
  if (p->name)
    rg_text_add(w->code, p->name);
  else
    rg_text_printf(w->code, "(work + %lld)", (long long)p->offset);
}

/* In `text`: where the element of an array with these strides lies that belongs to element `index`
 * of a walk over `shape`. */
static void index_text(const rung_shape *shape, const int64_t *stride, int64_t offset,
                       const char *index, char *text) {
  int64_t inner = rung_shape_count(shape);
  size_t used = 0;
  text[0] = 0;
  if (offset) used += (size_t)snprintf(text, INDEX_TEXT, "%lld", (long long)offset);
  for (int d = 0; d < shape->rank; d++) {
    inner /= shape->dim[d];
    if (shape->dim[d] == 1 || stride[d] == 0) continue;
    int64_t length = shape->dim[d], step = stride[d];
    /* Dimensions that follow one another in both are one. */
    while (d + 1 < shape->rank &&
           (shape->dim[d + 1] == 1 || step == stride[d + 1] * shape->dim[d + 1])) {
      d++;
      inner /= shape->dim[d];
      length *= shape->dim[d];
      if (shape->dim[d] > 1) step = stride[d];
    }
    bool whole = inner * length == rung_shape_count(shape);
    used += (size_t)snprintf(text + used, INDEX_TEXT - used, "%s", used ? " + " : "");
    if (inner == 1 && whole)
      used += (size_t)snprintf(text + used, INDEX_TEXT - used, "%s", index);
    else if (inner == 1)
      used +=
          (size_t)snprintf(text + used, INDEX_TEXT - used, "%s %% %lld", index, (long long)length);
    else if (whole)
      used +=
          (size_t)snprintf(text + used, INDEX_TEXT - used, "%s / %lld", index, (long long)inner);
    else
      used += (size_t)snprintf(text + used, INDEX_TEXT - used, "%s / %lld %% %lld", index,
                               (long long)inner, (long long)length);
    if (step != 1)
      used += (size_t)snprintf(text + used, INDEX_TEXT - used, " * %lld", (long long)step);
  }
  if (!used) snprintf(text, INDEX_TEXT, "0");
}

/* Strides of an array that broadcasts to `to`, aligned at the last dimension. */
static void broadcast_strides(const rung_shape *from, const rung_shape *to, int64_t *stride) {
  int64_t step = 1;
  for (int d = to->rank - 1; d >= 0; d--) {
    int own = d - (to->rank - from->rank);
    int64_t length = own >= 0 ? from->dim[own] : 1;
    stride[d] = length > 1 ? step : 0;
    step *= length;
  }
}

static void put_constant(writer *w, rung_dd value) {
  bool pair = w->dtype == RUNG_DD && value.lo != 0;
  rg_text_add(w->code, pair ? "rg_make_dd(" : "rg_from_double_$S(");
  rg_text_hex(w->code, value.hi, "");
  if (pair) {
    rg_text_add(w->code, ", ");
    rg_text_hex(w->code, value.lo, "");
  }
  rg_text_add(w->code, ")");
}

static void put_element(writer *w, rung_node node, const char *index);

/* Operand `which` of an elementwise node at that node's element `index`. */
static void put_operand(writer *w, rung_node node, int which, const char *index) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *from = &w->g->node[n->in[which]].shape;
  if (rung_shape_count(from) == rung_shape_count(&n->shape)) {
    put_element(w, n->in[which], index);
    return;
  }
  int64_t stride[RUNG_MAX_RANK];
  char text[INDEX_TEXT];
  broadcast_strides(from, &n->shape, stride);
  index_text(&n->shape, stride, 0, index, text);
  put_element(w, n->in[which], text);
}

/* The call of an elementwise node's number function, rg_NAME_$S. */
static void put_call(writer *w, rung_node node, const char *index) {
  const rg_node *n = &w->g->node[node];
  bool named = strcmp(n->op->name, "broadcast") != 0;
  if (named) rg_text_printf(w->code, "rg_%s_$S(", n->op->name);
  for (int j = 0; j < n->operands; j++) {
    if (j) rg_text_add(w->code, ", ");
    put_operand(w, node, j, index);
  }
  if (is_op(w, node, "leaky_relu")) {
    rg_text_add(w->code, ", ");
    put_constant(w, n->attr.value);
    need(w, RG_C_LEAKY_RELU);
  }
  if (is_op(w, node, "relu")) need(w, RG_C_RELU);
  if (is_op(w, node, "powi")) rg_text_printf(w->code, ", %lld", (long long)n->attr.i[0]);
  if (named) rg_text_add(w->code, ")");
}

/* Element `index` of any node. */
static void put_element(writer *w, rung_node node, const char *index) {
  rung_node root = root_of(w, node);
  rung_dd value;
  if (rg_constant_value(w->g, root, &value)) {
    put_constant(w, value);
  } else if (w->at[root].how == INLINE) {
    put_call(w, root, index);
  } else {
    put_array(w, root);
    rg_text_printf(w->code, "[%s]", index);
  }
}

/* ---- nodes ---- */

static void put_loop(writer *w, int64_t count) {
  rg_text_printf(w->code, "  for (i = 0; i < %lld; i++) ", (long long)count);
}

static void put_elementwise(writer *w, rung_node node) {
  put_loop(w, count_of(w, node));
  put_array(w, node);
  rg_text_add(w->code, "[i] = ");
  put_call(w, node, "i");
  rg_text_add(w->code, ";\n");
}

/* out[i] = in[index of i] */
static void put_strided(writer *w, rung_node node, const int64_t *stride, int64_t offset) {
  char text[INDEX_TEXT];
  index_text(&w->g->node[node].shape, stride, offset, "i", text);
  put_loop(w, count_of(w, node));
  put_array(w, node);
  rg_text_add(w->code, "[i] = ");
  put_element(w, w->g->node[node].in[0], text);
  rg_text_add(w->code, ";\n");
}

static void strides_of(const rung_shape *shape, int64_t *stride) {
  int64_t step = 1;
  for (int d = shape->rank - 1; d >= 0; d--) {
    stride[d] = step;
    step *= shape->dim[d];
  }
}

static void put_transpose(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  int64_t from[RUNG_MAX_RANK], stride[RUNG_MAX_RANK];
  strides_of(&w->g->node[n->in[0]].shape, from);
  for (int d = 0; d < n->shape.rank; d++) stride[d] = from[n->attr.i[d]];
  put_strided(w, node, stride, 0);
}

static void put_slice(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  int64_t stride[RUNG_MAX_RANK];
  strides_of(&w->g->node[n->in[0]].shape, stride);
  int64_t offset = n->attr.i[1] * stride[n->attr.i[0]];
  stride[n->attr.i[0]] *= n->attr.i[2];
  put_strided(w, node, stride, offset);
}

/* Zeros, then the elements where they belong. */
static void put_pad(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *in = &w->g->node[n->in[0]].shape;
  int64_t stride[RUNG_MAX_RANK];
  char text[INDEX_TEXT];
  strides_of(&n->shape, stride);
  int64_t offset = n->attr.i[1] * stride[n->attr.i[0]];
  stride[n->attr.i[0]] *= n->attr.i[2];
  index_text(in, stride, offset, "i", text);
  put_loop(w, count_of(w, node));
  put_array(w, node);
  rg_text_add(w->code, "[i] = rg_from_double_$S(0.0);\n");
  put_loop(w, rung_shape_count(in));
  put_array(w, node);
  rg_text_printf(w->code, "[%s] = ", text);
  put_element(w, n->in[0], "i");
  rg_text_add(w->code, ";\n");
}

static void put_copy(writer *w, rung_node node) {
  int64_t stride[RUNG_MAX_RANK];
  strides_of(&w->g->node[node].shape, stride);
  put_strided(w, node, stride, 0);
}

static void put_concat(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  int64_t inner = 1, start = 0;
  for (int d = (int)n->attr.i[0]; d < n->shape.rank; d++) inner *= n->shape.dim[d];
  for (int j = 0; j < n->operands; j++) {
    int64_t outer = count_of(w, node) / inner, length = count_of(w, n->in[j]) / outer;
    put_loop(w, count_of(w, n->in[j]));
    put_array(w, node);
    rg_text_printf(w->code, "[i / %lld * %lld + %lld + i %% %lld] = ", (long long)length,
                   (long long)inner, (long long)start, (long long)length);
    put_element(w, n->in[j], "i");
    rg_text_add(w->code, ";\n");
    start += length;
  }
}

/* [outer][length][inner] around the axes that an op takes together. */
static void parts_of(const rung_shape *in, const rung_attributes *attr, int64_t *part) {
  part[0] = part[1] = part[2] = 1;
  for (int d = 0; d < in->rank; d++)
    part[d < attr->i[0] ? 0 : d < attr->i[0] + attr->i[1] ? 1 : 2] *= in->dim[d];
}

static void put_reduce(writer *w, rung_node node, int helper) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *in = &w->g->node[n->in[0]].shape;
  int64_t part[3];
  parts_of(in, &n->attr, part);
  need(w, helper);
  rg_text_printf(w->code, "  rg_reduce_%s(%lld, %lld, %lld, ",
                 helper == RG_C_REDUCE_SUM   ? "sum"
                 : helper == RG_C_REDUCE_MAX ? "max"
                                             : "min",
                 (long long)part[0], (long long)part[1], (long long)part[2]);
  put_array(w, n->in[0]);
  rg_text_add(w->code, ", ");
  put_array(w, node);
  rg_text_add(w->code, ");\n");
}

/* The array of a matrix operand from matrix `index` of the product on. */
static void put_matrix(writer *w, rung_node node, int which, const char *index) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *in = &w->g->node[n->in[which]].shape;
  rung_shape lead = n->shape, own = *in;
  lead.rank -= 2;
  own.rank -= 2;
  int64_t stride[RUNG_MAX_RANK];
  char text[INDEX_TEXT];
  broadcast_strides(&own, &lead, stride);
  index_text(&lead, stride, 0, index, text);
  put_array(w, n->in[which]);
  if (strcmp(text, "0") != 0)
    rg_text_printf(w->code, " + (%s) * %lld", text,
                   (long long)(in->dim[in->rank - 2] * in->dim[in->rank - 1]));
}

static void put_matmul(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *a = &w->g->node[n->in[0]].shape, *b = &w->g->node[n->in[1]].shape;
  int64_t rows = n->shape.dim[n->shape.rank - 2], columns = n->shape.dim[n->shape.rank - 1];
  int64_t a_width = a->dim[a->rank - 1], b_width = b->dim[b->rank - 1];
  bool ta = n->attr.i[0] != 0, tb = n->attr.i[1] != 0;
  int64_t inner = ta ? a->dim[a->rank - 2] : a_width, matrices = count_of(w, node) / rows / columns;
  need(w, RG_C_MATMUL);
  put_loop(w, matrices);
  rg_text_printf(w->code, "\n    rg_matmul(%lld, %lld, %lld, ", (long long)rows, (long long)columns,
                 (long long)inner);
  put_matrix(w, node, 0, "i");
  rg_text_printf(w->code, ", %lld, %lld, ", (long long)(ta ? 1 : a_width),
                 (long long)(ta ? a_width : 1));
  put_matrix(w, node, 1, "i");
  rg_text_printf(w->code, ", %lld, %lld, ", (long long)(tb ? 1 : b_width),
                 (long long)(tb ? b_width : 1));
  put_array(w, node);
  if (matrices > 1) rg_text_printf(w->code, " + i * %lld", (long long)(rows * columns));
  rg_text_add(w->code, ");\n");
}

/* The sizes and settings of a convolution of x that gives y. */
static void put_conv_sizes(writer *w, const int64_t *x, const int64_t *y, const int64_t *kernel,
                           const int64_t *a) {
  const int64_t number[] = {x[0],      x[1],      x[2], x[3], y[1], y[2], y[3],
                            kernel[0], kernel[1], a[0], a[1], a[2], a[3], a[4]};
  for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
    rg_text_printf(w->code, "%lld, ", (long long)number[i]);
}

/* The arrays of operands, and of the node, end a call. */
static void put_arrays(writer *w, rung_node node, int operands, const rung_node *operand) {
  for (int j = 0; j < operands; j++) {
    put_array(w, operand[j]);
    rg_text_add(w->code, ", ");
  }
  put_array(w, node);
  rg_text_add(w->code, ");\n");
}

/* `turned`: the weights come from the op conv2d_turn, which the C function does without. */
static void put_conv(writer *w, rung_node node, bool turned) {
  const rg_node *n = &w->g->node[node];
  rung_node weights = turned ? w->g->node[n->in[1]].in[0] : n->in[1];
  const int64_t *in = w->g->node[n->in[0]].shape.dim, *out = n->shape.dim;
  need(w, turned ? RG_C_CONV_TRANSPOSE : RG_C_CONV);
  rg_text_printf(w->code, "  rg_conv2d%s(", turned ? "_transpose" : "");
  put_conv_sizes(w, turned ? out : in, turned ? in : out, w->g->node[weights].shape.dim, n->attr.i);
  put_arrays(w, node, 2, (rung_node[]){n->in[0], weights});
}

/* With samples in front (5 axes) or without; to `out`, the node itself or their sum. */
static void put_conv_weights(writer *w, rung_node node, rung_node out) {
  const rg_node *n = &w->g->node[node];
  int first = n->shape.rank - 4;
  need(w, RG_C_CONV_WEIGHTS);
  rg_text_printf(w->code, "  rg_conv2d_weights(%lld, %d, ",
                 (long long)(first ? n->shape.dim[0] : 1), out != node);
  put_conv_sizes(w, w->g->node[n->in[0]].shape.dim + first, w->g->node[n->in[1]].shape.dim + first,
                 n->shape.dim + first, n->attr.i);
  put_arrays(w, out, 2, n->in);
}

static void put_conv_turn(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *in = &w->g->node[n->in[0]].shape;
  const int64_t *k = in->dim + in->rank - 4;
  need(w, RG_C_CONV_TURN);
  rg_text_printf(w->code, "  rg_conv2d_turn(%lld, %lld, %lld, %lld, ", (long long)(k[0] * k[1]),
                 (long long)(k[2] * n->attr.i[0]), (long long)k[3], (long long)n->attr.i[0]);
  put_arrays(w, node, 1, n->in);
}

static bool is_max_pool(const writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node]; /* not operand 1 where another is the largest */
  return is_op(w, node, "max_pool2d") && n->in[0] == n->in[1];
}

static void put_pool(writer *w, rung_node node, int helper, bool adjoint, int operands) {
  const rg_node *n = &w->g->node[node];
  const int64_t *in = w->g->node[n->in[operands - 1]].shape.dim, *out = n->shape.dim;
  const int64_t *x = adjoint ? out : in, *y = adjoint ? in : out, *a = n->attr.i;
  need(w, helper);
  rg_text_printf(w->code, "  rg_%s(", n->op->name);
  const int64_t number[] = {x[0], x[1], x[2], x[3], y[1], y[2], a[0], a[1], a[2], a[3], a[4], a[5]};
  for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
    rg_text_printf(w->code, "%lld, ", (long long)number[i]);
  put_arrays(w, node, operands, n->in);
}

/* ---- moments and losses ---- */

/* Rows of a chunk: as many as there are, shared out evenly. */
static int64_t chunk_rows(const writer *w, rung_node chunks, int64_t length) {
  int64_t count = w->g->node[chunks].shape.dim[0];
  return (length + count - 1) / count;
}

static void put_chunks(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  int64_t part[3];
  parts_of(&w->g->node[n->in[0]].shape, &n->attr, part);
  need(w, RG_C_MOMENTS);
  rg_text_printf(w->code, "  rg_moments_of_chunks(%lld, %lld, %lld, %lld, ", (long long)part[0],
                 (long long)part[1], (long long)part[2], (long long)chunk_rows(w, node, part[1]));
  put_arrays(w, node, 1, n->in);
}

static void put_moments(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  int64_t part[3];
  parts_of(&w->g->node[n->in[0]].shape, &n->attr, part);
  need(w, RG_C_MOMENTS);
  rg_text_printf(w->code, "  rg_moments(%lld, %lld, %lld, ", (long long)(part[0] * part[2]),
                 (long long)part[1], (long long)chunk_rows(w, n->in[1], part[1]));
  put_arrays(w, node, 1, n->in + 1);
}

static void put_cross_entropy(writer *w, rung_node node, int helper) {
  const rg_node *n = &w->g->node[node];
  const rung_shape *scores = &w->g->node[n->in[0]].shape;
  int64_t classes = scores->dim[scores->rank - 1];
  need(w, RG_C_LANES);
  need(w, helper);
  rg_text_printf(w->code, "  rg_%s(%lld, %lld, ", n->op->name,
                 (long long)(rung_shape_count(scores) / classes), (long long)classes);
  put_constant(w, n->attr.value);
  rg_text_add(w->code, ", ");
  put_arrays(w, node, 2, n->in);
}

/* Is it a transposed convolution of four axes whose weights are turned by their own op? */
static bool is_transposed_conv(const writer *w, rung_node node) {
  return is_op(w, node, "conv2d_transpose") && w->g->node[node].shape.rank == 4 &&
         is_op(w, w->g->node[node].in[1], "conv2d_turn") &&
         w->at[w->g->node[node].in[1]].how == ALIAS;
}

/* Is there a function rg_NAME_$S? */
static bool has_function(const writer *w, rung_node node) {
  char name[64];
  if (is_op(w, node, "broadcast") || is_op(w, node, "relu") || is_op(w, node, "leaky_relu"))
    return true;
  snprintf(name, sizeof name, "rg_%s_f64", w->g->node[node].op->name);
  return rg_number_known(name);
}

/* Elementwise nodes take constants as they are; for others they would have to be arrays. */
static rung_status check_operands(const writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  for (int j = 0; j < n->operands && !n->op->elementwise; j++)
    if (w->at[root_of(w, n->in[j])].how == INLINE && !is_added_parts(w, n->in[j]))
      return rg_fail(w->ctx, RUNG_E_UNSUPPORTED, "export to C: the op %s of a constant",
                     n->op->name);
  if (n->op->elementwise && !has_function(w, node))
    return rg_fail(w->ctx, RUNG_E_UNSUPPORTED, "export to C: the op %s has no form in C",
                   n->op->name);
  return RUNG_OK;
}

static rung_status put_node(writer *w, rung_node node) {
  const rg_node *n = &w->g->node[node];
  RG_TRY(check_operands(w, node));
  if (n->op->elementwise)
    put_elementwise(w, node);
  else if (is_op(w, node, "reshape"))
    put_copy(w, node);
  else if (is_op(w, node, "transpose"))
    put_transpose(w, node);
  else if (is_op(w, node, "slice"))
    put_slice(w, node);
  else if (is_op(w, node, "pad"))
    put_pad(w, node);
  else if (is_op(w, node, "concat"))
    put_concat(w, node);
  else if (is_op(w, node, "matmul"))
    put_matmul(w, node);
  else if (is_op(w, node, "conv2d") && n->shape.rank == 4)
    put_conv(w, node, false);
  else if (is_transposed_conv(w, node))
    put_conv(w, node, true);
  else if (is_op(w, node, "average_pool2d"))
    put_pool(w, node, RG_C_AVERAGE_POOL, false, 1);
  else if (is_op(w, node, "average_pool2d_adjoint"))
    put_pool(w, node, RG_C_AVERAGE_POOL_ADJOINT, true, 1);
  else if (is_max_pool(w, node))
    put_pool(w, node, RG_C_MAX_POOL, false, 1);
  else if (is_op(w, node, "max_pool2d_adjoint"))
    put_pool(w, node, RG_C_MAX_POOL_ADJOINT, true, 2);
  else if (is_op(w, node, "conv2d_weights"))
    put_conv_weights(w, node, node);
  else if (is_op(w, node, "conv2d_turn") && n->shape.rank == 4)
    put_conv_turn(w, node);
  else if (is_op(w, node, "moments_of_chunks"))
    put_chunks(w, node);
  else if (is_op(w, node, "moments"))
    put_moments(w, node);
  else if (is_op(w, node, "cross_entropy"))
    put_cross_entropy(w, node, RG_C_CROSS_ENTROPY);
  else if (is_op(w, node, "cross_entropy_slope"))
    put_cross_entropy(w, node, RG_C_CROSS_ENTROPY_SLOPE);
  else if (is_op(w, node, "sum") && is_added_parts(w, n->in[0]))
    put_conv_weights(w, n->in[0], node);
  else if (is_op(w, node, "sum"))
    put_reduce(w, node, RG_C_REDUCE_SUM);
  else if (is_op(w, node, "reduce_max"))
    put_reduce(w, node, RG_C_REDUCE_MAX);
  else if (is_op(w, node, "reduce_min"))
    put_reduce(w, node, RG_C_REDUCE_MIN);
  else
    return rg_fail(w->ctx, RUNG_E_UNSUPPORTED, "export to C: the op %s has no form in C",
                   n->op->name);
  return RUNG_OK;
}

/* ---- the function ---- */

static void name_arguments(writer *w, const bool *need, int inputs, const rg_c_argument *input,
                           int outputs, const rg_c_argument *output) {
  for (int i = 0; i < inputs; i++) {
    if (!need[input[i].node]) continue;
    w->at[input[i].node].how = INPUT;
    w->at[input[i].node].name = input[i].name;
  }
  for (int i = 0; i < outputs; i++) {
    place *p = &w->at[output[i].node];
    const rung_op *op = w->g->node[output[i].node].op;
    if (p->name || op == &rg_op_constant || strcmp(op->name, "reshape") == 0)
      p->copied = true;
    else
      p->name = output[i].name;
  }
}

static void put_arguments(writer *w, const char *name, const bool *need, int inputs,
                          const rg_c_argument *input, bool *used, int outputs,
                          const rg_c_argument *output) {
  rg_text_printf(w->code, "\nstatic void rg_%s(", name);
  for (int i = 0; i < inputs; i++) {
    if (used) used[i] = need[input[i].node];
    if (need[input[i].node]) rg_text_printf(w->code, "const $T *%s, ", input[i].name);
  }
  for (int i = 0; i < outputs; i++) rg_text_printf(w->code, "$T *%s, ", output[i].name);
  rg_text_add(w->code, "$T *work) {\n  int i = 0;\n  (void)i, (void)work;\n");
}

static rung_status put_function(writer *w, bool *need, const char *name, int inputs,
                                const rg_c_argument *input, bool *used, int outputs,
                                const rg_c_argument *output) {
  for (int i = 0; i < outputs; i++) need[output[i].node] = true;
  rung_node wanted[RG_C_MOST_OUTPUTS];
  for (int i = 0; i < outputs; i++) wanted[i] = output[i].node;
  rg_mark_needed(w->g, outputs, wanted, need);
  name_arguments(w, need, inputs, input, outputs, output);
  count_uses(w, need);
  choose(w, need);
  find_last(w);
  give_places(w);
  put_arguments(w, name, need, inputs, input, used, outputs, output);
  for (rung_node i = 0; i < w->g->size; i++)
    if (w->at[i].how == STORED) RG_TRY(put_node(w, i));
  for (int i = 0; i < outputs; i++) {
    const place *p = &w->at[output[i].node];
    if (p->name && strcmp(p->name, output[i].name) == 0) continue;
    put_loop(w, count_of(w, output[i].node));
    rg_text_printf(w->code, "%s[i] = ", output[i].name);
    put_element(w, output[i].node, "i");
    rg_text_add(w->code, ";\n");
  }
  rg_text_add(w->code, "}\n");
  return rg_text_status(w->code);
}

rung_status rg_graph_c(rung_context *ctx, const rung_graph *g, rung_dtype dtype, const char *name,
                       int inputs, const rg_c_argument *input, bool *used, int outputs,
                       const rg_c_argument *output, rg_text *code, rg_c_needs *needs) {
  if (outputs > RG_C_MOST_OUTPUTS)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "export to C: a function with more than %d results",
                   RG_C_MOST_OUTPUTS);
  for (int i = 0; i < outputs; i++)
    if (output[i].node == RUNG_NONE) return ctx->status;
  writer w = {.ctx = ctx, .g = g, .dtype = dtype, .code = code, .needs = needs};
  w.at = rg_calloc(ctx, (size_t)g->size, sizeof *w.at);
  bool *need = rg_calloc(ctx, (size_t)g->size, sizeof *need);
  rung_status status = w.at && need
                           ? put_function(&w, need, name, inputs, input, used, outputs, output)
                           : RUNG_E_MEMORY;
  rg_free(ctx, w.at);
  rg_free(ctx, need);
  return status;
}
