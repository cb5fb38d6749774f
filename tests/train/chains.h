/* Chains of blocks for tests: every kind that the core has to cope with, without the architectures.
 */
#ifndef RG_CHAINS_H
#define RG_CHAINS_H

#include <math.h>

#include "nn/chain.h"
#include "nn/network.h"
#include "test.h"

static inline rung_node chain_weight(rg_builder *b, const char *name, int64_t rows,
                                     int64_t columns) {
  return rg_parameter(b, name, 2, (int64_t[]){rows, columns}, RG_BEGIN_NORMAL,
                      0.7 / sqrt((double)columns), true);
}

static inline rung_node chain_affine(rg_builder *b, const char *name, const char *shift,
                                     rung_node x, bool transposed) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, x);
  int64_t width = shape.dim[1];
  rung_node w = chain_weight(b, name, width, width);
  rung_node s = rg_parameter(b, shift, 1, &width, RG_BEGIN_UNIFORM, 0.3, false);
  return rung_add(g, rung_matmul(g, x, w, 0, !transposed, RUNG_WORKING), s);
}

/* One state in, two out. */
static inline void chain_stem(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  rung_shape shape = rung_node_shape(g, in[0]);
  int64_t width = rg_builder_block(b)->settings.width;
  out[0] = rung_matmul(g, in[0], chain_weight(b, "W", width, shape.dim[1]), 0, 1, RUNG_WORKING);
  out[1] = rung_tanh(
      g, rung_matmul(g, in[0], chain_weight(b, "V", width, shape.dim[1]), 0, 1, RUNG_WORKING));
}

/* Y + h tanh(N(W Y + b)), with dropout */
static inline void chain_residual(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node a = rg_normalised(b, "norm", s->norm, chain_affine(b, "W", "b", in[0], false));
  if (s->dropout > 0 && rg_builder_training(b))
    a = rung_dropout(g, a, rg_random_key(b), s->dropout);
  out[0] = rung_add(g, in[0], rung_mul(g, rung_constant(g, s->step), rung_tanh(g, a)));
}

/* Verlet: Z -= h tanh(N(K' Y + b)); Y += h tanh(N(K Z + b)), K and b shared. */
static inline rung_node chain_verlet(rg_builder *b, int which, rung_node source) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block_settings *s = &rg_builder_block(b)->settings;
  rung_node a = chain_affine(b, "K", "b", source, which == 0);
  a = rung_tanh(g, rg_normalised(b, which ? "normY" : "normZ", s->norm, a));
  return rung_mul(g, rung_constant(g, which ? s->step : -s->step), a);
}

/* Z += h tanh(W Y + b), then the states change places. */
static inline rung_node chain_leap(rg_builder *b, int which, rung_node source) {
  rung_graph *g = rg_builder_graph(b);
  (void)which;
  return rung_mul(g, rung_constant(g, rg_builder_block(b)->settings.step),
                  rung_tanh(g, chain_affine(b, "W", "b", source, false)));
}

/* [outputs] of all states. */
static inline void chain_head(rg_builder *b, const rung_node *in, rung_node *out) {
  rung_graph *g = rg_builder_graph(b);
  const rg_block *block = rg_builder_block(b);
  rung_shape shape = rung_node_shape(g, in[0]);
  rung_node x =
      block->states_in == 2 ? rung_add(g, in[0], rung_mul(g, in[1], rung_constant(g, 0.5))) : in[0];
  rung_node w = chain_weight(b, "W", block->settings.width, shape.dim[1]);
  rung_node s = rg_parameter(b, "b", 1, &block->settings.width, RG_BEGIN_CONSTANT, 0.1, false);
  out[0] = rung_add(g, rung_matmul(g, x, w, 0, 1, RUNG_WORKING), s);
}

static const rg_block_kind chain_stem_kind = {.name = "stem", .forward = chain_stem};
static const rg_block_kind chain_residual_kind = {.name = "residual", .forward = chain_residual};
static const rg_block_kind chain_head_kind = {.name = "head", .forward = chain_head};
static const rg_block_kind chain_verlet_kind = {
    .name = "verlet", .couplings = 2, .coupling = {{1, 0}, {0, 1}}, .increment = chain_verlet};
static const rg_block_kind chain_leap_kind = {.name = "leap",
                                              .couplings = 1,
                                              .coupling = {{1, 0}},
                                              .increment = chain_leap,
                                              .exchange = true};

/* What a test chain is: features -> stem -> stage of `layers` -> head. */
typedef struct chain_plan {
  const rg_block_kind *kind; /* of the stage; the residual one has no stem */
  int64_t features, width, layers, nodes, outputs;
  double step, dropout; /* dropout: of residual layers */
  const char *norm;
  bool fixed;
  rung_dtype dtype;
  uint64_t seed;
} chain_plan;

static inline rung_status chain_make(rung_context *ctx, const chain_plan *p, rung_network **out) {
  rg_blocks blocks = {.ctx = ctx};
  bool two = p->kind != &chain_residual_kind;
  rg_block *b;
  rung_status status = RUNG_E_MEMORY;
  *out = NULL;
  if (two) {
    b = rg_blocks_add(&blocks, "stem", &chain_stem_kind);
    if (!b) goto end;
    b->settings.width = p->width;
    b->states_out = 2;
  }
  b = rg_blocks_add(&blocks, "stage1", p->kind);
  if (!b) goto end;
  b->layers = p->layers;
  b->nodes = p->nodes;
  b->states_in = b->states_out = two ? 2 : 1;
  b->settings.step = p->step;
  b->settings.dropout = p->dropout;
  b->settings.norm = p->norm ? p->norm : "none";
  b = rg_blocks_add(&blocks, "head", &chain_head_kind);
  if (!b) goto end;
  b->states_in = two ? 2 : 1;
  b->settings.width = p->outputs;
  rung_network_settings settings = rung_network_settings_default();
  settings.fixed = p->fixed;
  rung_shape sample = {.rank = 1, .dim = {p->features}};
  status =
      rg_network_from_blocks(ctx, &settings, &blocks, &sample, p->outputs, p->dtype, p->seed, out);
end:
  rg_free(ctx, blocks.list);
  return status;
}

/* The same where it must succeed. */
static inline rung_network *chain_network(rung_context *ctx, const chain_plan *p) {
  rung_network *n;
  assert_ok(ctx, chain_make(ctx, p, &n));
  if (!n) abort(); /* for analysers: it is there */
  return n;
}

/* Numbers of an arithmetic, as random as the seed. */
static inline void chain_fill(rung_dtype dtype, void *out, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; i++)
    rg_store(dtype, out, i, (rung_dd){rg_normal(seed, 1, (uint64_t)i), 0});
}

#endif
