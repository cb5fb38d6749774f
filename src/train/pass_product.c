/* Products with the Jacobian of the scores in the parameters, for Gauss-Newton. */
#include <string.h>

#include "train/pass_inside.h"

static rung_status check(const rg_pass *pass) {
  if (!pass->options.products)
    return rg_fail(pass->ctx, RUNG_E_ARGUMENT, "products: the pass was made without them");
  if (!pass->ran)
    return rg_fail(pass->ctx, RUNG_E_ARGUMENT, "products: no batch has been run successfully");
  return RUNG_OK;
}

/* Set `which` of arrays: 0 and 2 states, 1 and 3 tangents. */
static void arrays(const rg_pass *pass, int which, void **out) {
  for (int s = 0; s < RG_MOST_STATES; s++)
    out[s] = pass->product + (size_t)(which * RG_MOST_STATES + s) * pass->product_bytes;
}

/* States that a layer leaves alone stay in the arrays before it, which are the next ones behind. */
static void copy_passed(const rg_pass *pass, int64_t layer, void *const *own, void **next) {
  const rung_network *n = pass->network;
  int block = rg_pass_block_of(pass, layer);
  for (int s = 0; s < RG_MOST_STATES && s < n->blocks.list[block].states_out; s++) {
    if (next[s] == own[s]) continue;
    int64_t count = rung_shape_count(&n->state_shape[block + 1][s]) * pass->options.batch;
    memcpy(own[s], next[s], (size_t)count * rung_dtype_size(n->dtype));
    next[s] = own[s];
  }
}

rung_status rg_pass_forward_product(rg_pass *pass, const void *v, void *out) {
  void *at[RG_MOST_STATES], *tangent[RG_MOST_STATES], *own[RG_MOST_STATES];
  void *next[RG_MOST_STATES], *next_tangent[RG_MOST_STATES];
  RG_TRY(check(pass));
  arrays(pass, 1, tangent); /* the input has none */
  memset(tangent[0], 0, pass->product_bytes);
  memcpy(at, pass->begin[0], sizeof at);
  at[0] = (void *)pass->batch.x;
  int side = 2;
  for (int64_t layer = 0; layer <= pass->layers; layer++, side = 2 - side) {
    arrays(pass, side, own);
    arrays(pass, side + 1, next_tangent);
    memcpy(next, own, sizeof next);
    if (layer == pass->layers) next_tangent[0] = out;
    RG_TRY(rg_pass_layer_tangent(pass, layer, at, tangent, v, next, next_tangent));
    copy_passed(pass, layer, own, next);
    memcpy(at, next, sizeof at);
    memcpy(tangent, next_tangent, sizeof tangent);
  }
  return RUNG_OK;
}

rung_status rg_pass_backward_product(rg_pass *pass, const void *u, void *gradient) {
  double drift = 0;
  RG_TRY(check(pass));
  pass->given = u;
  pass->target_gradient = gradient;
  rung_status status = rg_pass_there_and_back(pass, &drift);
  pass->given = NULL;
  pass->target_gradient = pass->gradient;
  return status;
}
