/* Linear maps of layers: matrices of features, convolutions of images. */
#include <math.h>
#include <stdio.h>

#include "nn/arch/arch.h"

int64_t rg_channels(const rung_graph *g, rung_node x) {
  rung_shape shape = rung_node_shape(g, x);
  return shape.rank < 1 ? 0 : shape.dim[shape.rank - 1];
}

rung_node rg_flat(rung_graph *g, rung_node x) {
  rung_shape shape = rung_node_shape(g, x);
  if (shape.rank == 2) return x;
  return shape.rank < 1 ? RUNG_NONE : rung_reshape(g, x, 2, (int64_t[]){shape.dim[0], -1});
}

rung_node rg_pooled(rung_graph *g, rung_node x) {
  return rung_node_shape(g, x).rank == 4 ? rung_mean(g, x, (1u << 1) | (1u << 2), 0) : x;
}

static const rung_pool two_by_two = {.window = {2, 2}, .stride = {2, 2}};

static bool can_be_halved(rung_graph *g, rung_node x) {
  rung_shape s = rung_node_shape(g, x);
  if (s.rank != 4) return false;
  if (s.dim[1] >= 2 && s.dim[2] >= 2) return true;
  rung_node_fail(g, RUNG_E_SHAPE,
                 "channels: too many stages, images of %lld by %lld pixels cannot be halved",
                 (long long)s.dim[1], (long long)s.dim[2]);
  return false;
}

rung_node rg_halved_mean(rung_graph *g, rung_node x) {
  if (!can_be_halved(g, x)) return RUNG_NONE;
  return rung_average_pool2d(g, x, &two_by_two);
}

rung_node rg_halved_max(rung_graph *g, rung_node x) {
  if (!can_be_halved(g, x)) return RUNG_NONE;
  return rung_max_pool2d(g, x, &two_by_two);
}

static bool is_image(const rung_graph *g, rung_node x) {
  return rung_node_shape(g, x).rank == 4;
}

/* K as the parameter of a map of what has the rank of x. */
static rung_node matrix(rg_builder *b, const rg_linear *k, rung_node x, double share) {
  if (x == RUNG_NONE) return RUNG_NONE;
  bool image = is_image(rg_builder_graph(b), x);
  double terms = (double)k->from * (image ? (double)(k->kernel * k->kernel) : 1);
  double scale = share * k->size / sqrt(terms);
  rg_begin begin = k->alike ? RG_BEGIN_ALIKE : RG_BEGIN_NORMAL;
  if (image)
    return rg_parameter(b, k->name, 4, (int64_t[]){k->kernel, k->kernel, k->from, k->to}, begin,
                        scale, true);
  return rg_parameter(b, k->name, 2, (int64_t[]){k->to, k->from}, begin, scale, true);
}

/* Zeros around, so that stride 1 keeps the size. */
static rung_conv around(const rg_linear *k) {
  int64_t before = (k->kernel - 1) / 2, behind = k->kernel / 2;
  return (rung_conv){
      .stride = {k->stride, k->stride}, .padding = {before, before, behind, behind}, .groups = 1};
}

static rung_node apply(rung_graph *g, const rg_linear *k, rung_node x, rung_node weights) {
  rung_conv conv = around(k);
  if (is_image(g, x)) return rung_conv2d(g, x, weights, &conv);
  return rung_matmul(g, x, weights, 0, 1, RUNG_WORKING);
}

rung_node rg_linear_apply(rg_builder *b, const rg_linear *k, rung_node x) {
  return apply(rg_builder_graph(b), k, x, matrix(b, k, x, 1));
}

rung_node rg_linear_adjoint(rg_builder *b, const rg_linear *k, rung_node x) {
  rung_graph *g = rg_builder_graph(b);
  rung_node weights = matrix(b, k, x, 1);
  rung_shape shape = rung_node_shape(g, x);
  rung_conv conv = around(k);
  if (shape.rank == 4)
    return rung_conv2d_transpose(g, x, weights, &conv, shape.dim[1], shape.dim[2]);
  return rung_matmul(g, x, weights, 0, 0, RUNG_WORKING);
}

/* The kernel of the transposed convolution: turned about, from and to exchanged. Exact for odd
 * kernels and stride 1. */
static rung_node transposed(rung_graph *g, const rg_linear *k, rung_node weights) {
  if (rung_node_shape(g, weights).rank == 2) return rung_transpose(g, weights, (const int[]){1, 0});
  rung_node turned = rung_slice(g, weights, 0, k->kernel - 1, k->kernel, -1);
  turned = rung_slice(g, turned, 1, k->kernel - 1, k->kernel, -1);
  return rung_transpose(g, turned, (const int[]){0, 1, 3, 2});
}

rung_node rg_antisymmetric_apply(rg_builder *b, const rg_linear *k, rung_node x) {
  rung_graph *g = rg_builder_graph(b);
  rung_node weights = matrix(b, k, x, sqrt(0.5)); /* the difference of two has twice the variance */
  return apply(g, k, x, rung_sub(g, weights, transposed(g, k, weights)));
}

rung_node rg_affine(rg_builder *b, int64_t width, rung_node x) {
  rung_graph *g = rg_builder_graph(b);
  int64_t from = rg_channels(g, x);
  if (from < 1) return RUNG_NONE;
  double scale = 1 / sqrt((double)from); /* as PyTorch's linear layers begin */
  rung_node w = rg_parameter(b, "W", 2, (int64_t[]){width, from}, RG_BEGIN_UNIFORM, scale, true);
  rung_node shift = rg_parameter(b, "b", 1, &width, RG_BEGIN_UNIFORM, scale, false);
  return rung_add(g, rung_matmul(g, x, w, 0, 1, RUNG_WORKING), shift);
}
