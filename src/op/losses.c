/* Losses: the mean over samples, the first axis, of what each sample loses. */
#include "op/array.h"

/* sum(w v) / sum(w) for values v and weights w of samples, or their plain mean. */
static rung_node weighted_mean(rung_graph *g, const char *what, rung_node value, rung_node weight) {
  rung_shape v = rung_node_shape(g, value), w = rung_node_shape(g, weight);
  if (v.rank < 0) return RUNG_NONE;
  unsigned axes = (1u << v.rank) - 1;
  if (weight == RUNG_NONE) return rung_mean(g, value, axes, 0);
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (!rg_shape_equal(&v, &w))
    return rung_node_fail(g, RUNG_E_SHAPE, "%s: expected weights of shape %s, found %s", what,
                          rg_shape_text(&v, a), rg_shape_text(&w, b));
  return rung_div(g, rung_sum(g, rung_mul(g, value, weight), axes, 0),
                  rung_sum(g, weight, axes, 0));
}

rung_node rung_cross_entropy(rung_graph *g, rung_node scores, rung_node labels, rung_node weight,
                             double smoothing) {
  return weighted_mean(g, "cross_entropy", rung_cross_entropies(g, scores, labels, smoothing),
                       weight);
}

/* prediction - target, and a check that the shapes agree. */
static rung_node difference(rung_graph *g, const char *what, rung_node prediction,
                            rung_node target) {
  rung_shape p = rung_node_shape(g, prediction), t = rung_node_shape(g, target);
  if (p.rank < 0 || t.rank < 0) return RUNG_NONE;
  char a[RG_SHAPE_TEXT], b[RG_SHAPE_TEXT];
  if (p.rank < 1 || !rg_shape_equal(&p, &t))
    return rung_node_fail(g, RUNG_E_SHAPE,
                          "%s: expected prediction and target of one shape with the samples as "
                          "first axis, found %s and %s",
                          what, rg_shape_text(&p, a), rg_shape_text(&t, b));
  return rung_sub(g, prediction, target);
}

/* The mean over all axes but the first. */
static rung_node sample_means(rung_graph *g, rung_node a) {
  rung_shape shape = rung_node_shape(g, a);
  return rung_mean(g, a, shape.rank < 0 ? 0 : (1u << shape.rank) - 2, 0);
}

rung_node rung_squared_error(rung_graph *g, rung_node prediction, rung_node target,
                             rung_node weight) {
  rung_node d = difference(g, "squared_error", prediction, target);
  return weighted_mean(g, "squared_error", sample_means(g, rung_mul(g, d, d)), weight);
}

/* c (d - c / 2) with c = d clipped to -delta .. delta: d^2 / 2 and delta (|d| - delta / 2). */
rung_node rung_huber(rung_graph *g, rung_node prediction, rung_node target, rung_node weight,
                     double delta) {
  if (!(delta > 0 && delta < (double)INFINITY))
    return rung_node_fail(g, RUNG_E_ARGUMENT, "huber: expected a delta above 0, found %g", delta);
  rung_node d = difference(g, "huber", prediction, target);
  rung_node clipped =
      rung_max(g, rung_constant(g, -delta), rung_min(g, rung_constant(g, delta), d));
  rung_node value =
      rung_mul(g, clipped, rung_sub(g, d, rung_mul(g, rung_constant(g, 0.5), clipped)));
  return weighted_mean(g, "huber", sample_means(g, value), weight);
}
