/* Counter-based random numbers and a hash. */
#include <Random123/philox.h>
#include <math.h>

#include "base/base.h"

static philox4x64_ctr_t philox(uint64_t seed, uint64_t purpose, uint64_t index) {
  philox4x64_ctr_t counter = {{index, 0, 0, 0}};
  philox4x64_key_t key = {{seed, purpose}};
  return philox4x64(counter, key);
}

uint64_t rg_bits(uint64_t seed, uint64_t purpose, uint64_t index) {
  return philox(seed, purpose, index).v[0];
}

void rg_bits4(uint64_t seed, uint64_t purpose, uint64_t index, uint64_t part, uint64_t out[4]) {
  philox4x64_ctr_t counter = {{index, part, 0, 0}};
  philox4x64_key_t key = {{seed, purpose}};
  philox4x64_ctr_t r = philox4x64(counter, key);
  for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

/* Of the largest bits the sum rounds up to 2^53. */
static double unit_interval(uint64_t bits) {
  double u = ((double)(bits >> 11) + 0.5) * 0x1p-53;
  return u < 1 ? u : 1 - 0x1p-53;
}

double rg_uniform(uint64_t seed, uint64_t purpose, uint64_t index) {
  return unit_interval(rg_bits(seed, purpose, index));
}

double rg_normal(uint64_t seed, uint64_t purpose, uint64_t index) {
  philox4x64_ctr_t r = philox(seed, purpose, index);
  return sqrt(-2 * log(unit_interval(r.v[0]))) *
         cos(6.283185307179586477 * unit_interval(r.v[1])); /* Box-Muller */
}

void rg_shuffle(uint64_t seed, uint64_t purpose, int64_t n, int64_t *out) {
  for (int64_t i = 0; i < n; i++) out[i] = i;
  for (int64_t i = n - 1; i > 0; i--) { /* Fisher-Yates */
    int64_t j = (int64_t)(rg_bits(seed, purpose, (uint64_t)i) % (uint64_t)(i + 1));
    int64_t t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}

uint64_t rg_hash(uint64_t start, const void *data, size_t bytes) {
  const unsigned char *c = data;
  for (size_t i = 0; i < bytes; i++) start = (start ^ c[i]) * 1099511628211u;
  return start;
}
