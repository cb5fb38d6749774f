/* The numbers of one layer, for its programs. */
#include "nn/chain.h"
#include "num/dd.h"

#define MIX(type)                                                                                  \
  do {                                                                                             \
    const type *a = low, *b = high;                                                                \
    type *o = out, s = (type)share;                                                                \
    for (int64_t i = 0; i < count; i++) o[i] = a[i] + s * (b[i] - a[i]);                           \
  } while (0)

/* low + share (high - low): weights between two nodes in time. */
static void mix(rung_dtype dtype, int64_t count, const void *low, const void *high, double share,
                void *out) {
  if (dtype == RUNG_F32)
    MIX(float);
  else if (dtype == RUNG_F64)
    MIX(double);
  else {
    const rung_dd *a = low, *b = high;
    rung_dd *o = out, s = {share, 0};
    for (int64_t i = 0; i < count; i++) o[i] = rg_add_dd(a[i], rg_mul_dd(s, rg_sub_dd(b[i], a[i])));
  }
}

/* The numbers of a layer or node in an array that is laid out as the network's own. */
static const char *part_of(const rung_network *n, const void *numbers, const rg_variable *v,
                           int64_t node) {
  return (const char *)numbers + (size_t)(v->offset + node * v->count) * rung_dtype_size(n->dtype);
}

static size_t padded_bytes(const rung_network *n, const rg_variable *v) {
  size_t bytes = (size_t)v->count * rung_dtype_size(n->dtype);
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

int rg_layer_parameters(const rung_network *n, int block, int64_t layer, const void *numbers,
                        char *mixed, const void **into) {
  const rg_block_variables *of = &n->of_block[block];
  int64_t layers = n->blocks.list[block].layers;
  for (int i = 0; i < of->parameters; i++) {
    const rg_variable *v = &n->parameter[of->parameter[i]];
    int64_t low = layer;
    double share = 0;
    if (v->nodes == layers) {
      into[i] = part_of(n, numbers, v, low);
      continue;
    }
    rg_layer_nodes(v, layers, layer, &low, &share);
    mix(n->dtype, v->count, part_of(n, numbers, v, low), part_of(n, numbers, v, low + 1), share,
        mixed);
    into[i] = mixed;
    mixed += padded_bytes(n, v);
  }
  return of->parameters;
}

int rg_layer_statistics(const rung_network *n, int block, int64_t layer, const void *numbers,
                        const void **into) {
  const rg_block_variables *of = &n->of_block[block];
  for (int i = 0; i < of->statistics; i++)
    into[i] = part_of(n, numbers, &n->statistic[of->statistic[i]], layer);
  return of->statistics;
}

size_t rg_mixed_bytes(const rung_network *n) {
  size_t most = 0;
  for (int i = 0; i < n->blocks.count; i++) {
    const rg_block_variables *of = &n->of_block[i];
    size_t bytes = 0;
    for (int k = 0; k < of->parameters; k++) {
      const rg_variable *v = &n->parameter[of->parameter[k]];
      if (v->nodes != n->blocks.list[i].layers) bytes += padded_bytes(n, v);
    }
    if (bytes > most) most = bytes;
  }
  return most;
}
