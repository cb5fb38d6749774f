/* Numbers in fixed point, for states that are added to and subtracted from without any rounding: so
 * a step is undone to the bit. A fixed-point number is a whole number held in the bits of an
 * element: in single precision an int32 that counts 2^-20 (Q11.20), in double an int64 that counts
 * 2^-40 (Q23.40). Sums are modulo 2^32 and 2^64, that is, invertible whatever the operands. Such
 * bits are no numbers to other ops; copies (views, slices, tiles, outputs) keep them.
 *
 * Derivatives look through the rounding: they are those of the numbers. */
#include "op/kernels.h"

#define SCALE_F32 0x1p20f
#define SCALE_F64 0x1p40

/* x times the scale, rounded to the nearest (ties to even), clamped to what the integer holds on
 * both sides of 0; NaN gives 0. It is odd: of -x it is the negative. Adding and subtracting the
 * number from which on all floats are whole rounds; larger ones are whole already. */
static inline int32_t to_fixed_f32(float x) {
  float scaled = x == x ? x * SCALE_F32 : 0.0f;
  float size = fabsf(scaled);
  float rounded = (size + 0x1p23f) - 0x1p23f;
  rounded = size < 0x1p23f ? rounded : size;
  rounded = rounded > 0x1.fffffep30f ? 0x1.fffffep30f : rounded; /* the last float below 2^31 */
  return (int32_t)copysignf(rounded, scaled);
}

static inline int64_t to_fixed_f64(double x) {
  double scaled = x == x ? x * SCALE_F64 : 0.0;
  double size = fabs(scaled);
  double rounded = (size + 0x1p52) - 0x1p52;
  rounded = size < 0x1p52 ? rounded : size;
  rounded = rounded > 0x1.fffffffffffffp62 ? 0x1.fffffffffffffp62 : rounded;
  return (int64_t)copysign(rounded, scaled);
}

/* Elements as numbers or as the integers in their bits: arrays of either may be the same memory. */
typedef float __attribute__((may_alias)) bits_f32;
typedef double __attribute__((may_alias)) bits_f64;
typedef int32_t __attribute__((may_alias)) bits_i32;
typedef int64_t __attribute__((may_alias)) bits_i64;
typedef uint32_t __attribute__((may_alias)) bits_u32;
typedef uint64_t __attribute__((may_alias)) bits_u64;

/* Kernels over the bits of operands: `value` is an expression in x (operand 0) and y (the last
 * one). An operand may be the result's array. */
#define FIXED_KERNEL(name, attributes, out_type, x_type, y_type, value)                            \
  attributes static rung_status name(const rung_call *call) {                                      \
    const x_type *in0 = call->in[0];                                                               \
    const y_type *in1 = call->in[call->operands - 1];                                              \
    out_type *out = call->out;                                                                     \
    const int64_t count = call->count;                                                             \
    RG_ELEMENTWISE                                                                                 \
    for (int64_t i = 0; i < count; i++) {                                                          \
      x_type x = in0[i];                                                                           \
      y_type y = in1[i];                                                                           \
      (void)y;                                                                                     \
      out[i] = value;                                                                              \
    }                                                                                              \
    return RUNG_OK;                                                                                \
  }
#define FIXED_KERNELS(name, out_type, x_type, y_type, value)                                       \
  FIXED_KERNEL(name##_portable, , out_type, x_type, y_type, value)                                 \
  FIXED_KERNEL(name##_avx2, RG_AVX2, out_type, x_type, y_type, value)                              \
  FIXED_KERNEL(name##_avx512, RG_AVX512, out_type, x_type, y_type, value)

FIXED_KERNELS(from_f32, bits_i32, bits_f32, bits_f32, to_fixed_f32(x))
FIXED_KERNELS(from_f64, bits_i64, bits_f64, bits_f64, to_fixed_f64(x))
FIXED_KERNELS(value_f32, bits_f32, bits_i32, bits_i32, (float)x / SCALE_F32)
FIXED_KERNELS(value_f64, bits_f64, bits_i64, bits_i64, (double)x / SCALE_F64)
FIXED_KERNELS(sum_f32, bits_u32, bits_u32, bits_f32, x + (uint32_t)to_fixed_f32(y))
FIXED_KERNELS(sum_f64, bits_u64, bits_u64, bits_f64, x + (uint64_t)to_fixed_f64(y))

/* None in double-double: its elements have no one integer. */
#define TABLE(name)                                                                                \
  { RG_TABLE_OF_TYPE(name, f32), RG_TABLE_OF_TYPE(name, f64) }

static rung_node partial(rung_graph *g, rung_node node, int which) {
  (void)node, (void)which;
  return rung_constant(g, 1);
}

static const rung_op from_op = {.name = "fixed_from",
                                .operands = 1,
                                .elementwise = 1,
                                .partial = partial,
                                .kernel = TABLE(from)};

static const rung_op value_op = {.name = "fixed_value",
                                 .operands = 1,
                                 .elementwise = 1,
                                 .partial = partial,
                                 .kernel = TABLE(value)};

static const rung_op add_op = {
    .name = "fixed_add", .operands = 2, .elementwise = 1, .partial = partial, .kernel = TABLE(sum)};

rung_node rung_fixed_from(rung_graph *g, rung_node a) {
  return rung_apply(g, &from_op, 1, &a, NULL);
}

rung_node rung_fixed_value(rung_graph *g, rung_node state) {
  return rung_apply(g, &value_op, 1, &state, NULL);
}

rung_node rung_fixed_add(rung_graph *g, rung_node state, rung_node increment) {
  return rung_apply(g, &add_op, 2, (rung_node[]){state, increment}, NULL);
}
