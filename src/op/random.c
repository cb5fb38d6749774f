/* Uniform numbers in (0, 1), by Philox4x64-10 (Salmon et al., SC 2011): element e of a block of
 * numbers is a function of the block's key and of e alone. Attributes: i[0] rank of a block, i[1..]
 * its dimensions. The operand holds keys of four whole numbers on its last axis. */
#include <Random123/philox.h>

#include "op/array.h"

#define KEY_LIMIT 0x1p24 /* whole numbers below it are exact in single precision */

static rung_status random_shape(rung_context *ctx, int operands, const rung_shape *in,
                                const rung_attributes *attr, rung_shape *out) {
  (void)operands;
  char found[RG_SHAPE_TEXT];
  if (in->rank < 1 || in->dim[in->rank - 1] != 4)
    return rg_fail(ctx, RUNG_E_SHAPE, "random: expected a key of 4 numbers, found shape %s",
                   rg_shape_text(in, found));
  int64_t dims[2 * RUNG_MAX_RANK];
  for (int i = 0; i < in->rank - 1; i++) dims[i] = in->dim[i];
  for (int i = 0; i < attr->i[0]; i++) dims[in->rank - 1 + i] = attr->i[1 + i];
  return rg_shape_make(ctx, "random", in->rank - 1 + (int)attr->i[0], dims, out);
}

/* The key of a block of numbers; false where it is none. */
static bool read_key(const rung_call *call, int64_t block, philox4x64_key_t *key) {
  uint64_t part[4];
  for (int i = 0; i < 4; i++) {
    double value = rg_element(call, 0, 4 * block + i);
    if (!(value >= 0 && value < KEY_LIMIT && value == floor(value))) return false;
    part[i] = (uint64_t)value;
  }
  key->v[0] = part[0] << 24 | part[1];
  key->v[1] = part[2] << 24 | part[3];
  return true;
}

/* The middles of 2^23 and of 2^52 equal parts of (0, 1): exact. */
static inline float unit_f32(uint64_t bits) {
  return ((float)(int32_t)(bits & 0x7fffff) + 0.5f) * 0x1p-23f;
}

static inline double unit_f64(uint64_t bits) {
  return ((double)(int64_t)(bits >> 12) + 0.5) * 0x1p-52;
}

enum { CALLS = 32 }; /* of Philox at a time, so that they overlap */

/* The numbers that `words` words of random bits make: two floats of one, or a double. */
static void convert(rung_dtype dtype, const uint64_t *bits, int words, void *out) {
  if (dtype == RUNG_F32)
    for (int i = 0; i < words; i++) {
      ((float *)out)[2 * i] = unit_f32(bits[i]);
      ((float *)out)[2 * i + 1] = unit_f32(bits[i] >> 32);
    }
  else if (dtype == RUNG_F64)
    for (int i = 0; i < words; i++) ((double *)out)[i] = unit_f64(bits[i]);
  else
    for (int i = 0; i < words; i++) ((rung_dd *)out)[i] = rg_make_dd(unit_f64(bits[i]), 0.0);
}

/* Numbers begin .. end-1 of a block. One call of Philox gives 8 floats or 4 doubles. */
static void fill(rung_dtype dtype, philox4x64_key_t key, int64_t begin, int64_t end, char *out) {
  int64_t each = dtype == RUNG_F32 ? 8 : 4;
  size_t size = rung_dtype_size(dtype);
  for (int64_t call = begin / each; call * each < end; call += CALLS) {
    uint64_t bits[4 * CALLS];
    rung_dd made[4 * CALLS];
    for (int c = 0; c < CALLS; c++) {
      philox4x64_ctr_t counter = {{(uint64_t)(call + c), 0, 0, 0}};
      philox4x64_ctr_t random = philox4x64(counter, key);
      memcpy(bits + 4 * c, random.v, sizeof random.v);
    }
    convert(dtype, bits, 4 * CALLS, made);
    int64_t first = call * each, from = first < begin ? begin : first;
    int64_t stop = first + CALLS * each < end ? first + CALLS * each : end;
    memcpy(out + (size_t)(from - begin) * size, (char *)made + (size_t)(from - first) * size,
           (size_t)(stop - from) * size);
  }
}

static rung_status kernel(const rung_call *call) {
  int64_t blocks = rung_shape_count(call->in_shape) / 4, length = call->count / blocks, begin, end;
  rg_piece_range(call, call->count, &begin, &end);
  while (begin < end) {
    int64_t block = begin / length, stop = (block + 1) * length < end ? (block + 1) * length : end;
    philox4x64_key_t key;
    if (!read_key(call, block, &key)) return RUNG_E_DATA;
    fill(call->dtype, key, begin - block * length, stop - block * length,
         (char *)call->out + (size_t)begin * rung_dtype_size(call->dtype));
    begin = stop;
  }
  return RUNG_OK;
}

static void plan(rung_dtype dtype, const rung_shape *out, const rung_shape *in,
                 const rung_attributes *attr, int64_t *pieces, size_t *scratch) {
  (void)dtype, (void)in, (void)attr;
  *pieces = 1 + rung_shape_count(out) / (RG_PIECE / 8); /* dearer than a copy */
  *scratch = 0;
}

static const rung_op op = {.name = "random",
                           .operands = 1,
                           .shape = random_shape,
                           .jvp = rg_no_derivative,
                           .vjp = rg_no_derivative,
                           .map = rg_same_map,
                           .kernel = RG_ONE_KERNEL(kernel),
                           .plan = plan};

rung_node rung_random(rung_graph *g, rung_node key, int rank, const int64_t *dims) {
  rung_shape shape;
  if (key == RUNG_NONE || rg_shape_make(g->ctx, "random", rank, dims, &shape) != RUNG_OK)
    return RUNG_NONE;
  rung_attributes attr = {.i = {rank}};
  for (int i = 0; i < rank; i++) attr.i[i + 1] = dims[i];
  return rung_apply(g, &op, 1, &key, &attr);
}

rung_node rung_dropout(rung_graph *g, rung_node a, rung_node key, double rate) {
  if (!(rate >= 0 && rate < 1))
    return rung_node_fail(g, RUNG_E_ARGUMENT,
                          "dropout: expected a rate from 0 to below 1, found %g", rate);
  rung_shape shape = rung_node_shape(g, a);
  if (shape.rank < 0 || key == RUNG_NONE || rate == 0) return key == RUNG_NONE ? RUNG_NONE : a;
  rung_node u = rung_random(g, key, shape.rank, shape.dim);
  rung_node kept = rung_less(g, u, rung_constant(g, 1 - rate));
  return rung_mul(g, a, rung_mul(g, kept, rung_constant(g, 1 / (1 - rate))));
}
