/* The loss of a batch and its derivative by the scores, as nodes. */
#include "train/pass_inside.h"

static rung_status cross_entropy(rung_graph *g, const rg_pass_options *o, rung_node scores,
                                 rung_node target, rung_node *value, rung_node *slope) {
  *value = rung_cross_entropies(g, scores, target, o->smoothing);
  if (*value == RUNG_NONE) return g->ctx->status;
  rung_shape shape = rung_node_shape(g, *value);
  rung_node one = rung_broadcast(g, rung_constant(g, 1), shape.rank, shape.dim);
  return rg_gradients(g, 1, value, &one, 1, &scores, slope);
}

/* The mean over outputs of d^2, or of Huber's d^2 / 2 up to delta and delta (|d| - delta / 2)
 * beyond. */
static void distance(rung_graph *g, const rg_pass_options *o, rung_node scores, rung_node target,
                     rung_node *value, rung_node *slope) {
  int64_t outputs = rung_node_shape(g, scores).dim[1];
  rung_node d = rung_sub(g, scores, target), share = rung_constant(g, 1 / (double)outputs), each;
  if (o->loss == RUNG_SQUARED) {
    each = rung_mul(g, d, d);
    *slope = rung_mul(g, rung_mul(g, d, rung_constant(g, 2)), share);
  } else {
    rung_node delta = rung_constant(g, o->delta), half = rung_constant(g, 0.5);
    rung_node clipped = rung_max(g, rung_neg(g, delta), rung_min(g, delta, d));
    /* clipped (d - clipped / 2) is both cases in one */
    each = rung_mul(g, clipped, rung_sub(g, d, rung_mul(g, half, clipped)));
    *slope = rung_mul(g, clipped, share);
  }
  *value = rung_mul(g, rung_sum(g, each, 2, 0), share);
}

rung_status rg_pass_loss(rung_graph *g, const rg_pass_options *o, rung_node scores,
                         rung_node target, rung_node weight, rung_node *loss, rung_node *slope) {
  rung_node value = RUNG_NONE, by = RUNG_NONE;
  if (scores == RUNG_NONE) return g->ctx->status;
  if (o->loss == RUNG_CROSS_ENTROPY)
    RG_TRY(cross_entropy(g, o, scores, target, &value, &by));
  else
    distance(g, o, scores, target, &value, &by);
  rung_node share = weight; /* of a piece: that of the batch's loss */
  if (!o->micro) share = rung_div(g, share, rung_sum(g, share, 1, 1));
  *loss = rung_sum(g, rung_mul(g, value, share), 1, 0);
  *slope = rung_mul(g, by, rung_reshape(g, share, 2, (int64_t[]){o->batch, 1}));
  return *slope == RUNG_NONE ? g->ctx->status : RUNG_OK;
}
