/* Graphs as ONNX. Most ops have an operator of the same meaning: a line of the table. The others
 * are put together from a few. Images are channel-last here and channel-first there, so
 * convolutions and pooling stand between two transpositions. */
#include "store/graph_onnx.h"

#include <stdio.h>
#include <string.h>

#include "store/protobuf.h"

/* Field numbers of onnx.proto. */
enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_TYPE, NODE_ATTRIBUTE };
enum {
  ATTRIBUTE_NAME = 1,
  ATTRIBUTE_FLOAT,
  ATTRIBUTE_INT,
  ATTRIBUTE_INTS = 8,
  ATTRIBUTE_TYPE = 20
};
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_INTS = 7 };
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_ARRAY = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { MODEL_VERSION = 1, MODEL_PRODUCER, MODEL_PRODUCER_VERSION, MODEL_GRAPH = 7 };
enum { MODEL_OPERATORS = 8, MODEL_PROPERTY = 14 };
enum { ELEMENT_FLOAT = 1, ELEMENT_INT64 = 7, ELEMENT_BOOL = 9, ELEMENT_DOUBLE = 11 };
enum { IR_VERSION = 8, OPERATOR_SET = 17 };

void rg_onnx_init(rg_onnx *onnx, rung_context *ctx, rung_dtype dtype) {
  *onnx = (rg_onnx){.ctx = ctx, .dtype = dtype, .samples = RG_ONNX_SAMPLES};
  rg_text_init(&onnx->graph, ctx);
}

void rg_onnx_free(rg_onnx *onnx) {
  rg_text_free(&onnx->graph);
}

static int element_type(const rg_onnx *onnx) {
  return onnx->dtype == RUNG_F32 ? ELEMENT_FLOAT : ELEMENT_DOUBLE;
}

/* ---- arrays ---- */

static void put_array(rg_onnx *onnx, const char *name, int type, int rank, const int64_t *dims,
                      const void *data, size_t bytes) {
  rg_text tensor;
  rg_text_init(&tensor, onnx->ctx);
  for (int d = 0; d < rank; d++) rg_proto_int(&tensor, TENSOR_DIM, dims[d]);
  rg_proto_int(&tensor, TENSOR_TYPE, type);
  rg_proto_string(&tensor, TENSOR_NAME, name);
  rg_proto_bytes(&tensor, TENSOR_RAW, data, bytes);
  rg_proto_message(&onnx->graph, GRAPH_ARRAY, &tensor);
}

rung_status rg_onnx_array(rg_onnx *onnx, const char *name, const rung_shape *shape,
                          const void *data) {
  size_t bytes = (size_t)rung_shape_count(shape) * rung_dtype_size(onnx->dtype);
  put_array(onnx, name, element_type(onnx), shape->rank, shape->dim, data, bytes);
  return rg_text_status(&onnx->graph);
}

static void new_name(rg_onnx *onnx, char *name) {
  snprintf(name, RG_ONNX_NAME, "v%d", onnx->values++);
}

/* A list of whole numbers, as an array of a name of its own. */
static void put_list(rg_onnx *onnx, int count, const int64_t *value, char *name) {
  new_name(onnx, name);
  put_array(onnx, name, ELEMENT_INT64, 1, (int64_t[]){count}, value, (size_t)count * sizeof *value);
}

static void put_scalar(rg_onnx *onnx, double value, char *name) {
  float single = (float)value;
  new_name(onnx, name);
  put_array(onnx, name, element_type(onnx), 0, NULL,
            onnx->dtype == RUNG_F32 ? (void *)&single : (void *)&value,
            rung_dtype_size(onnx->dtype));
}

/* ---- operators ---- */

typedef struct attribute {
  const char *name; /* NULL ends a list */
  int64_t value[RUNG_MAX_RANK + 2];
  int count; /* -1: one number, in value[0]; -2: a float; else a list */
  float real;
} attribute;

/* One operator; its result gets a name of its own, which `name` returns. */
static void put_operator(rg_onnx *onnx, const char *type, int inputs, const char *const *input,
                         const attribute *list, char *name) {
  rg_text node;
  rg_text_init(&node, onnx->ctx);
  for (int i = 0; i < inputs; i++) rg_proto_string(&node, NODE_INPUT, input[i]);
  rg_onnx_name result;
  new_name(onnx, result);
  rg_proto_string(&node, NODE_OUTPUT, result);
  rg_proto_string(&node, NODE_NAME, result);
  rg_proto_string(&node, NODE_TYPE, type);
  for (; list && list->name; list++) {
    rg_text part;
    rg_text_init(&part, onnx->ctx);
    rg_proto_string(&part, ATTRIBUTE_NAME, list->name);
    if (list->count == -2) rg_proto_float(&part, ATTRIBUTE_FLOAT, list->real);
    if (list->count == -1) rg_proto_int(&part, ATTRIBUTE_INT, list->value[0]);
    for (int i = 0; i < list->count; i++) rg_proto_int(&part, ATTRIBUTE_INTS, list->value[i]);
    rg_proto_int(&part, ATTRIBUTE_TYPE,
                 list->count == -2   ? TYPE_FLOAT
                 : list->count == -1 ? TYPE_INT
                                     : TYPE_INTS);
    rg_proto_message(&node, NODE_ATTRIBUTE, &part);
  }
  rg_proto_message(&onnx->graph, GRAPH_NODE, &node);
  memcpy(name, result, RG_ONNX_NAME);
}

static void put_unary(rg_onnx *onnx, const char *type, const char *a, char *name) {
  put_operator(onnx, type, 1, &a, NULL, name);
}

static void put_binary(rg_onnx *onnx, const char *type, const char *a, const char *b, char *name) {
  put_operator(onnx, type, 2, (const char *const[]){a, b}, NULL, name);
}

static void put_cast(rg_onnx *onnx, const char *a, int type, char *name) {
  put_operator(onnx, "Cast", 1, &a, (attribute[]){{"to", {type}, -1, 0}, {0}}, name);
}

static void put_transpose(rg_onnx *onnx, const char *a, int rank, const int64_t *permutation,
                          char *name) {
  attribute list[] = {{"perm", {0}, rank, 0}, {0}};
  for (int d = 0; d < rank; d++) list[0].value[d] = permutation[d];
  put_operator(onnx, "Transpose", 1, &a, list, name);
}

/* ---- ops ---- */

/* A node of the graph while it is written. */
typedef struct item {
  const rg_node *n;
  rung_shape in_shape[RUNG_MAX_OPERANDS];
  const char *in[RUNG_MAX_OPERANDS]; /* names of its operands */
  char *name;                        /* gets that of the result */
} item;

/* The batch's size as a list of one, where a shape needs it. */
static void put_batch(rg_onnx *onnx, char *name) {
  rg_onnx_name shape, zero, one;
  put_unary(onnx, "Shape", "input", shape);
  put_list(onnx, 1, (int64_t[]){0}, zero);
  put_list(onnx, 1, (int64_t[]){1}, one);
  put_operator(onnx, "Slice", 3, (const char *const[]){shape, zero, one}, NULL, name);
}

/* One dimension of a shape, as a list of one. */
static void put_dimension(rg_onnx *onnx, int64_t length, char *name) {
  rg_onnx_name size, factor;
  if (length % onnx->samples != 0) {
    put_list(onnx, 1, &length, name);
    return;
  }
  put_batch(onnx, size);
  put_list(onnx, 1, (int64_t[]){length / onnx->samples}, factor);
  put_binary(onnx, "Mul", size, factor, name);
}

/* A shape as a list that is known when the network runs. */
static void put_shape(rg_onnx *onnx, const rung_shape *shape, char *name) {
  rg_onnx_name part[RUNG_MAX_RANK + 1];
  const char *list[RUNG_MAX_RANK + 1];
  if (rung_shape_count(shape) % onnx->samples != 0) {
    put_list(onnx, shape->rank, shape->dim, name);
    return;
  }
  for (int d = 0; d < shape->rank; d++) {
    put_dimension(onnx, shape->dim[d], part[d]);
    list[d] = part[d];
  }
  put_operator(onnx, "Concat", shape->rank, list, (attribute[]){{"axis", {0}, -1, 0}, {0}}, name);
}

static void reshape(rg_onnx *onnx, const item *t) {
  rg_onnx_name shape;
  put_shape(onnx, &t->n->shape, shape);
  put_binary(onnx, "Reshape", t->in[0], shape, t->name);
}

static void broadcast(rg_onnx *onnx, const item *t) {
  rg_onnx_name shape;
  put_shape(onnx, &t->n->shape, shape);
  put_binary(onnx, "Expand", t->in[0], shape, t->name);
}

static void transpose(rg_onnx *onnx, const item *t) {
  put_transpose(onnx, t->in[0], t->n->shape.rank, t->n->attr.i, t->name);
}

static void slice(rg_onnx *onnx, const item *t) {
  int64_t axis = t->n->attr.i[0], start = t->n->attr.i[1], step = t->n->attr.i[2];
  int64_t end = start + (t->n->attr.i[3] - 1) * step + (step > 0 ? 1 : -1);
  if (end < 0) end = INT64_MIN; /* down to the first */
  rg_onnx_name starts, ends, axes, steps;
  put_list(onnx, 1, &start, starts);
  put_list(onnx, 1, &end, ends);
  put_list(onnx, 1, &axis, axes);
  put_list(onnx, 1, &step, steps);
  put_operator(onnx, "Slice", 5, (const char *const[]){t->in[0], starts, ends, axes, steps}, NULL,
               t->name);
}

/* Zeros on both sides. Where elements are spread apart, they get zeros for neighbours first: no
 * block of a network does that, so it has no form here. */
static void pad(rg_onnx *onnx, const item *t) {
  int64_t axis = t->n->attr.i[0], start = t->n->attr.i[1], length = t->n->shape.dim[axis];
  int64_t zeros[2 * RUNG_MAX_RANK] = {0};
  int rank = t->n->shape.rank;
  zeros[axis] = start;
  zeros[rank + axis] = length - start - t->in_shape[0].dim[axis];
  rg_onnx_name list;
  put_list(onnx, 2 * rank, zeros, list);
  put_binary(onnx, "Pad", t->in[0], list, t->name);
}

static void concat(rg_onnx *onnx, const item *t) {
  put_operator(onnx, "Concat", t->n->operands, t->in,
               (attribute[]){{"axis", {t->n->attr.i[0]}, -1, 0}, {0}}, t->name);
}

static void matmul(rg_onnx *onnx, const item *t) {
  rg_onnx_name turned[2];
  const char *in[2] = {t->in[0], t->in[1]};
  for (int j = 0; j < 2; j++) {
    if (!t->n->attr.i[j]) continue;
    int64_t permutation[RUNG_MAX_RANK];
    int rank = t->in_shape[j].rank;
    for (int d = 0; d < rank; d++) permutation[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    put_transpose(onnx, in[j], rank, permutation, turned[j]);
    in[j] = turned[j];
  }
  put_operator(onnx, "MatMul", 2, in, NULL, t->name);
}

static int reduced_axes(const item *t, int64_t *axes) {
  for (int i = 0; i < t->n->attr.i[1]; i++) axes[i] = t->n->attr.i[0] + i;
  return (int)t->n->attr.i[1];
}

static void sum(rg_onnx *onnx, const item *t) {
  int64_t axes[RUNG_MAX_RANK];
  rg_onnx_name list;
  put_list(onnx, reduced_axes(t, axes), axes, list);
  put_binary(onnx, "ReduceSum", t->in[0], list, t->name);
}

static void extremum(rg_onnx *onnx, const item *t) {
  attribute list[] = {{"axes", {0}, 0, 0}, {0}};
  list[0].count = reduced_axes(t, list[0].value);
  const char *type = strcmp(t->n->op->name, "reduce_max") == 0 ? "ReduceMax" : "ReduceMin";
  put_operator(onnx, type, 1, t->in, list, t->name);
}

static void powi(rg_onnx *onnx, const item *t) {
  rg_onnx_name exponent;
  put_scalar(onnx, (double)t->n->attr.i[0], exponent);
  put_binary(onnx, "Pow", t->in[0], exponent, t->name);
}

static void sech2(rg_onnx *onnx, const item *t) { /* 1 - tanh^2 */
  rg_onnx_name y, square, one;
  put_unary(onnx, "Tanh", t->in[0], y);
  put_binary(onnx, "Mul", y, y, square);
  put_scalar(onnx, 1, one);
  put_binary(onnx, "Sub", one, square, t->name);
}

static void leaky_relu(rg_onnx *onnx, const item *t) {
  put_operator(onnx, "LeakyRelu", 1, t->in,
               (attribute[]){{"alpha", {0}, -2, (float)t->n->attr.value.hi}, {0}}, t->name);
}

static void normal_cdf(rg_onnx *onnx, const item *t) { /* (1 + erf(a / sqrt 2)) / 2 */
  rg_onnx_name root, one, half, a, e, sum;
  put_scalar(onnx, 0.70710678118654752440, root);
  put_scalar(onnx, 1, one);
  put_scalar(onnx, 0.5, half);
  put_binary(onnx, "Mul", t->in[0], root, a);
  put_unary(onnx, "Erf", a, e);
  put_binary(onnx, "Add", one, e, sum);
  put_binary(onnx, "Mul", half, sum, t->name);
}

static void compare(rg_onnx *onnx, const item *t) {
  const char *op = t->n->op->name;
  rg_onnx_name truth;
  put_binary(onnx,
             strcmp(op, "less") == 0         ? "Less"
             : strcmp(op, "less_equal") == 0 ? "LessOrEqual"
                                             : "Equal",
             t->in[0], t->in[1], truth);
  put_cast(onnx, truth, element_type(onnx), t->name);
}

static void select_one(rg_onnx *onnx, const item *t) {
  rg_onnx_name truth;
  put_cast(onnx, t->in[0], ELEMENT_BOOL, truth);
  put_operator(onnx, "Where", 3, (const char *const[]){truth, t->in[1], t->in[2]}, NULL, t->name);
}

/* Zeros behind the last row that strides reach; below 0 where rows are left over. */
static int64_t behind(int64_t length, int64_t out, int64_t kernel, int64_t stride, int64_t front) {
  return (out - 1) * stride + kernel - front - length;
}

static const int64_t channels_first[] = {0, 3, 1, 2}, channels_last[] = {0, 2, 3, 1};

/* `weights` as they are here, [kh][kw][C / groups][K]; x and y: dimensions of images and results.
 */
static void put_conv(rg_onnx *onnx, const item *t, const char *type, const char *weights,
                     const int64_t *kernel, const int64_t *x, const int64_t *y) {
  const int64_t *a = t->n->attr.i;
  int64_t bottom = behind(x[1], y[1], kernel[0], a[0], a[2]);
  int64_t right = behind(x[2], y[2], kernel[1], a[1], a[3]);
  bool transposed = strcmp(type, "ConvTranspose") == 0;
  attribute list[] = {{"strides", {a[0], a[1]}, 2, 0},
                      {"pads", {a[2], a[3], bottom > 0 ? bottom : 0, right > 0 ? right : 0}, 4, 0},
                      {"group", {a[4]}, -1, 0},
                      {"output_padding", {bottom < 0 ? -bottom : 0, right < 0 ? -right : 0}, 2, 0},
                      {0}};
  if (!transposed) list[3].name = NULL;
  rg_onnx_name images, filters, result;
  put_transpose(onnx, t->in[0], 4, channels_first, images);
  put_transpose(onnx, weights, 4, (const int64_t[]){3, 2, 0, 1}, filters);
  put_operator(onnx, type, 2, (const char *const[]){images, filters}, list, result);
  put_transpose(onnx, result, 4, channels_last, t->name);
}

static void conv2d(rg_onnx *onnx, const item *t) {
  put_conv(onnx, t, "Conv", t->in[1], t->in_shape[1].dim, t->in_shape[0].dim, t->n->shape.dim);
}

/* Operand 1 is called as the weights that conv2d_turn was given: see there. */
static void conv2d_transpose(rg_onnx *onnx, const item *t) {
  put_conv(onnx, t, "ConvTranspose", t->in[1], t->in_shape[1].dim, t->n->shape.dim,
           t->in_shape[0].dim);
}

/* ONNX takes the weights as they are. */
static void conv2d_turn(rg_onnx *onnx, const item *t) {
  (void)onnx;
  memcpy(t->name, t->in[0], RG_ONNX_NAME);
}

/* Windows count their pixels within the image alone, as ONNX does by default. */
static void put_pool(rg_onnx *onnx, const item *t) {
  const int64_t *a = t->n->attr.i, *x = t->in_shape[0].dim, *y = t->n->shape.dim;
  int64_t bottom = behind(x[1], y[1], a[0], a[2], a[4]);
  int64_t right = behind(x[2], y[2], a[1], a[3], a[5]);
  attribute list[] = {{"kernel_shape", {a[0], a[1]}, 2, 0},
                      {"strides", {a[2], a[3]}, 2, 0},
                      {"pads", {a[4], a[5], bottom > 0 ? bottom : 0, right > 0 ? right : 0}, 4, 0},
                      {0}};
  const char *type = strcmp(t->n->op->name, "max_pool2d") == 0 ? "MaxPool" : "AveragePool";
  rg_onnx_name images, result;
  put_transpose(onnx, t->in[0], 4, channels_first, images);
  put_operator(onnx, type, 1, (const char *const[]){images}, list, result);
  put_transpose(onnx, result, 4, channels_last, t->name);
}

typedef struct form {
  const char *op;
  const char *type; /* the operator of the same meaning, or NULL: */
  void (*put)(rg_onnx *onnx, const item *t);
} form;

static const form forms[] = {
    {"add", "Add", NULL},
    {"sub", "Sub", NULL},
    {"mul", "Mul", NULL},
    {"div", "Div", NULL},
    {"min", "Min", NULL},
    {"max", "Max", NULL},
    {"pow", "Pow", NULL},
    {"neg", "Neg", NULL},
    {"abs", "Abs", NULL},
    {"sign", "Sign", NULL},
    {"exp", "Exp", NULL},
    {"log", "Log", NULL},
    {"sin", "Sin", NULL},
    {"cos", "Cos", NULL},
    {"tan", "Tan", NULL},
    {"atan", "Atan", NULL},
    {"tanh", "Tanh", NULL},
    {"sqrt", "Sqrt", NULL},
    {"erf", "Erf", NULL},
    {"reciprocal", "Reciprocal", NULL},
    {"softplus", "Softplus", NULL},
    {"leaky_relu", NULL, leaky_relu},
    {"normal_cdf", NULL, normal_cdf},
    {"relu", "Relu", NULL},
    {"sigmoid", "Sigmoid", NULL},
    {"reshape", NULL, reshape},
    {"broadcast", NULL, broadcast},
    {"slice", NULL, slice},
    {"transpose", NULL, transpose},
    {"concat", NULL, concat},
    {"pad", NULL, pad},
    {"matmul", NULL, matmul},
    {"sum", NULL, sum},
    {"reduce_max", NULL, extremum},
    {"powi", NULL, powi},
    {"reduce_min", NULL, extremum},
    {"sech2", NULL, sech2},
    {"less", NULL, compare},
    {"equal", NULL, compare},
    {"less_equal", NULL, compare},
    {"select", NULL, select_one},
    {"conv2d", NULL, conv2d},
    {"conv2d_turn", NULL, conv2d_turn},
    {"conv2d_transpose", NULL, conv2d_transpose},
    {"average_pool2d", NULL, put_pool},
    {"max_pool2d", NULL, put_pool},
};

/* The largest as such: of one operand, not in one where another is the largest. */
static bool is_plain_pool(const item *t) {
  return strcmp(t->n->op->name, "max_pool2d") != 0 || t->n->in[0] == t->n->in[1];
}

static rung_status put_node(rg_onnx *onnx, const item *t) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    if (strcmp(t->n->op->name, forms[i].op) != 0) continue;
    if (forms[i].put == pad && t->n->attr.i[2] != 1) break;
    if (!is_plain_pool(t)) break;
    if (forms[i].put)
      forms[i].put(onnx, t);
    else
      put_operator(onnx, forms[i].type, t->n->operands, t->in, NULL, t->name);
    return rg_text_status(&onnx->graph);
  }
  return rg_fail(onnx->ctx, RUNG_E_UNSUPPORTED, "export to ONNX: the op %s has no form in it",
                 t->n->op->name);
}

/* ---- the graph ---- */

static rung_status put_nodes(rg_onnx *onnx, const rung_graph *g, const bool *need,
                             rg_onnx_name *name) {
  for (rung_node i = 0; i < g->size; i++) {
    const rg_node *n = &g->node[i];
    rung_dd value;
    if (!need[i] || name[i][0]) continue;
    if (rg_constant_value(g, i, &value)) {
      put_scalar(onnx, value.hi, name[i]);
      continue;
    }
    item t = {.n = n, .name = name[i]};
    for (int j = 0; j < n->operands; j++) {
      t.in[j] = name[n->in[j]];
      t.in_shape[j] = g->node[n->in[j]].shape;
    }
    RG_TRY(put_node(onnx, &t));
  }
  return RUNG_OK;
}

rung_status rg_onnx_nodes(rg_onnx *onnx, const rung_graph *g, int inputs, const rung_node *input,
                          const rg_onnx_name *input_name, int outputs, const rung_node *output,
                          rg_onnx_name *output_name) {
  for (int i = 0; i < outputs; i++)
    if (output[i] == RUNG_NONE) return onnx->ctx->status;
  bool *need = rg_calloc(onnx->ctx, (size_t)g->size, sizeof *need);
  rg_onnx_name *name = rg_calloc(onnx->ctx, (size_t)g->size, sizeof *name);
  rung_status status = need && name ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    rg_mark_needed(g, outputs, output, need);
    for (int i = 0; i < inputs; i++) memcpy(name[input[i]], input_name[i], RG_ONNX_NAME);
    status = put_nodes(onnx, g, need, name);
    for (int i = 0; i < outputs; i++) memcpy(output_name[i], name[output[i]], RG_ONNX_NAME);
  }
  rg_free(onnx->ctx, need);
  rg_free(onnx->ctx, name);
  return status;
}

/* ---- the file ---- */

/* An input or output: [batch][dims]. */
static void put_value(rg_onnx *onnx, int field, const char *name, int rank, const int64_t *dims) {
  rg_text value, type, tensor, shape, dim;
  rg_text_init(&value, onnx->ctx);
  rg_text_init(&type, onnx->ctx);
  rg_text_init(&tensor, onnx->ctx);
  rg_text_init(&shape, onnx->ctx);
  rg_text_init(&dim, onnx->ctx);
  rg_proto_string(&dim, 2, "batch");
  rg_proto_message(&shape, 1, &dim);
  for (int d = 0; d < rank; d++) {
    rg_text_init(&dim, onnx->ctx);
    rg_proto_int(&dim, 1, dims[d]);
    rg_proto_message(&shape, 1, &dim);
  }
  rg_proto_int(&tensor, 1, element_type(onnx));
  rg_proto_message(&tensor, 2, &shape);
  rg_proto_message(&type, 1, &tensor);
  rg_proto_string(&value, 1, name);
  rg_proto_message(&value, 2, &type);
  rg_proto_message(&onnx->graph, field, &value);
}

/* The value that comes out, under the name of the graph's output. */
static void put_identity(rg_onnx *onnx, const char *from, const char *to) {
  rg_text node;
  rg_text_init(&node, onnx->ctx);
  rg_proto_string(&node, NODE_INPUT, from);
  rg_proto_string(&node, NODE_OUTPUT, to);
  rg_proto_string(&node, NODE_TYPE, "Identity");
  rg_proto_message(&onnx->graph, GRAPH_NODE, &node);
}

rung_status rg_onnx_file(rg_onnx *onnx, const rung_shape *sample, int64_t outputs,
                         const char *value, int properties, const char *const (*property)[2],
                         char **out, size_t *length) {
  put_identity(onnx, value, "output");
  rg_proto_string(&onnx->graph, GRAPH_NAME, "rung");
  put_value(onnx, GRAPH_INPUT, "input", sample->rank, sample->dim);
  put_value(onnx, GRAPH_OUTPUT, "output", 1, &outputs);
  rg_text model, part;
  rg_text_init(&model, onnx->ctx);
  rg_text_init(&part, onnx->ctx);
  rg_proto_int(&model, MODEL_VERSION, IR_VERSION);
  rg_proto_string(&model, MODEL_PRODUCER, "rung");
  rg_proto_string(&model, MODEL_PRODUCER_VERSION, rung_version());
  rg_proto_message(&model, MODEL_GRAPH, &onnx->graph);
  rg_proto_string(&part, 1, "");
  rg_proto_int(&part, 2, OPERATOR_SET);
  rg_proto_message(&model, MODEL_OPERATORS, &part);
  for (int i = 0; i < properties; i++) {
    rg_text_init(&part, onnx->ctx);
    rg_proto_string(&part, 1, property[i][0]);
    rg_proto_string(&part, 2, property[i][1]);
    rg_proto_message(&model, MODEL_PROPERTY, &part);
  }
  rung_status status = rg_text_status(&model);
  if (status != RUNG_OK) {
    rg_text_free(&model);
    return status;
  }
  *out = model.data;
  *length = model.length;
  return RUNG_OK;
}
