/* What a pass hands on of its states: those before the last block, as numbers. */
#include <string.h>

#include "train/pass_inside.h"

/* One state's rows of `width` elements, and where they go among rows of `total`. */
typedef struct rows {
  int64_t count, width, total;
} rows;

#define PUT_FIXED(type, whole, unit)                                                               \
  do {                                                                                             \
    const whole *a = from;                                                                         \
    type *b = to;                                                                                  \
    for (int64_t i = 0; i < r->count; i++)                                                         \
      for (int64_t k = 0; k < r->width; k++)                                                       \
        b[i * r->total + k] = (type)a[i * r->width + k] * (unit);                                  \
  } while (0)

static void put_rows(rung_dtype dtype, bool fixed, const rows *r, const void *from, void *to) {
  size_t size = rung_dtype_size(dtype);
  if (fixed && dtype == RUNG_F32)
    PUT_FIXED(float, int32_t, 0x1p-20f);
  else if (fixed)
    PUT_FIXED(double, int64_t, 0x1p-40);
  else
    for (int64_t i = 0; i < r->count; i++)
      memcpy((char *)to + (size_t)(i * r->total) * size,
             (const char *)from + (size_t)(i * r->width) * size, (size_t)r->width * size);
}

void rg_pass_tap(const rg_pass *pass, void *out) {
  const rung_network *n = pass->network;
  const rung_shape *shape = n->state_shape[pass->head.first];
  int states = n->blocks.list[pass->head.first].states_in;
  int64_t last = shape[0].rank ? shape[0].dim[shape[0].rank - 1] : 1, width[RG_MOST_STATES];
  int64_t positions = rung_shape_count(&shape[0]) / last; /* of a sample; of all its states */
  rows r = {.count = pass->options.batch * positions};
  for (int s = 0; s < states; s++) {
    width[s] = rung_shape_count(&shape[s]) / positions;
    r.total += width[s];
  }
  char *to = out;
  for (int s = 0; s < states; s++) {
    r.width = width[s];
    put_rows(n->dtype, rg_state_fixed(n, pass->head.first), &r, pass->begin[pass->spans][s], to);
    to += (size_t)width[s] * rung_dtype_size(n->dtype);
  }
}
