/* What layers are seen to do: norms of states and cotangents. */
#include <math.h>

#include "train/pass_inside.h"

#define LANES 4

/* Sums in four lanes, so that they are quick, always in this order. */
#define SQUARES(type, value)                                                                       \
  do {                                                                                             \
    const type *a = array;                                                                         \
    for (int64_t i = 0; i < count; i++) {                                                          \
      double v = (value);                                                                          \
      lane[i % LANES] = fma(v, v, lane[i % LANES]);                                                \
    }                                                                                              \
  } while (0)

static double squares(rung_dtype dtype, bool fixed, int64_t count, const void *array) {
  double lane[LANES] = {0};
  if (dtype == RUNG_F32 && fixed)
    SQUARES(int32_t, (double)a[i] * 0x1p-20);
  else if (dtype == RUNG_F32)
    SQUARES(float, (double)a[i]);
  else if (dtype == RUNG_F64 && fixed)
    SQUARES(int64_t, (double)a[i] * 0x1p-40);
  else if (dtype == RUNG_F64)
    SQUARES(double, a[i]);
  else
    SQUARES(rung_dd, a[i].hi);
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

double rg_pass_rms(const rg_pass *pass, int block, bool fixed, void *const *state) {
  const rung_network *n = pass->network;
  double sum = 0;
  int64_t total = 0;
  for (int s = 0; s < n->blocks.list[block].states_in; s++) {
    int64_t count = rung_shape_count(&n->state_shape[block][s]) * pass->options.batch;
    sum += squares(n->dtype, fixed, count, state[s]);
    total += count;
  }
  return sqrt(sum / (double)total);
}

#define REACH(type)                                                                                \
  do {                                                                                             \
    const type *a = array;                                                                         \
    type size = 0;                                                                                 \
    for (int64_t i = 0; i < count; i++) size |= a[i] < 0 ? ~a[i] : a[i];                           \
    reach = (double)size;                                                                          \
  } while (0)

/* Whole numbers around that of the largest size, in bits: below 2^b where all are. */
static double reach_of(rung_dtype dtype, int64_t count, const void *array) {
  double reach;
  if (dtype == RUNG_F32)
    REACH(int32_t);
  else
    REACH(int64_t);
  return reach;
}

rung_status rg_pass_check_range(const rg_pass *pass, int block, void *const *state) {
  const rung_network *n = pass->network;
  double half = n->dtype == RUNG_F32 ? 0x1p30 : 0x1p62,
         unit = n->dtype == RUNG_F32 ? 0x1p-20 : 0x1p-40;
  if (!rg_state_fixed(n, block)) return RUNG_OK;
  for (int s = 0; s < n->blocks.list[block].states_in; s++) {
    int64_t count = rung_shape_count(&n->state_shape[block][s]) * pass->options.batch;
    if (reach_of(n->dtype, count, state[s]) >= half)
      return rg_fail(pass->ctx, RUNG_E_NUMERIC,
                     "before block %s a state has passed %.4g, half of what fixed point holds: "
                     "sums may have gone round; a shorter time, more weight decay, model.norm or "
                     "model.state: float would do",
                     n->blocks.list[block].name, half * unit);
  }
  return RUNG_OK;
}
