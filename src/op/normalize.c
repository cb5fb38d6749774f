/* Normalisation over parts of images [N, H, W, C] or features [N, F]:
 *   y = (x - mean) / sqrt(variance + epsilon) * gain + shift = x scale + offset
 * with scale = gain / sqrt(variance + epsilon) and offset = shift - mean scale, which are small
 * arrays. So the way forward is one multiplication and addition an element, and the way back needs
 * two sums, of c and of c x, and two more of them: the textbook's cost. */
#include "op/array.h"

/* What is averaged, for messages and settings. */
typedef struct layout {
  int64_t samples, places, channels;
} layout;

static rung_status layout_of(rung_graph *g, rung_node x, layout *out) {
  rung_shape s = rung_node_shape(g, x);
  char found[RG_SHAPE_TEXT];
  if (s.rank != 2 && s.rank != 4)
    return rg_fail(g->ctx, RUNG_E_SHAPE, "normalize: expected [N,H,W,C] or [N,F], found %s",
                   rg_shape_text(&s, found));
  *out = (layout){s.dim[0], s.rank == 4 ? s.dim[1] * s.dim[2] : 1, s.dim[s.rank - 1]};
  return RUNG_OK;
}

static rung_node reshape3(rung_graph *g, rung_node a, int64_t d0, int64_t d1, int64_t d2) {
  return rung_reshape(g, a, 3, (int64_t[]){d0, d1, d2});
}

/* Moments of groups of channels from those of the channels: all have the same number of elements.
 */
static rung_status join_channels(rung_graph *g, const layout *l, int64_t groups, rung_node *mean,
                                 rung_node *variance) {
  rung_node m = reshape3(g, *mean, l->samples, groups, l->channels / groups);
  rung_node v = reshape3(g, *variance, l->samples, groups, l->channels / groups);
  rung_node between;
  RG_TRY(rung_moments(g, m, 2, 1, mean, &between));
  *variance = rung_add(g, rung_mean(g, v, 1u << 2, 1), between);
  return *variance == RUNG_NONE ? g->ctx->status : RUNG_OK;
}

/* Mean and variance, [C], [N], [N, groups] or [N, C] but for dimensions of 1. x is not reshaped
 * where it can be helped: ops of one shape are fused. */
static rung_status statistics(rung_graph *g, rung_node x, rung_norm kind, int64_t groups,
                              const layout *l, rung_node *mean, rung_node *variance) {
  int rank = rung_node_shape(g, x).rank;
  if (kind == RUNG_NORM_BATCH) return rung_moments(g, x, 0, rank - 1, mean, variance);
  if (groups == 1) return rung_moments(g, x, 1, rank - 1, mean, variance);
  if (rank == 2)
    return rung_moments(g, reshape3(g, x, l->samples, groups, l->channels / groups), 2, 1, mean,
                        variance);
  RG_TRY(rung_moments(g, x, 1, 2, mean, variance));
  return groups == l->channels ? RUNG_OK : join_channels(g, l, groups, mean, variance);
}

/* [N, groups] for each channel: [N, C]. */
static rung_node spread(rung_graph *g, rung_node a, const layout *l, int64_t groups) {
  rung_node wide = rung_broadcast(g, reshape3(g, a, l->samples, groups, 1), 3,
                                  (int64_t[]){l->samples, groups, l->channels / groups});
  return rung_reshape(g, wide, 2, (int64_t[]){l->samples, l->channels});
}

/* Statistics so that they broadcast to x: [..., C], [N, ..., 1] or [N, ..., C] with ones between.
 */
static rung_node align(rung_graph *g, rung_node a, const layout *l, rung_norm kind, int64_t groups,
                       int rank) {
  if (kind == RUNG_NORM_BATCH) return rung_reshape(g, a, 1, &l->channels);
  if (groups > 1 && (groups < l->channels || rank == 2)) a = spread(g, a, l, groups);
  int64_t dims[4] = {l->samples, 1, 1, 1};
  dims[rank - 1] = groups > 1 ? l->channels : 1;
  return rung_reshape(g, a, rank, dims);
}

/* x scale + offset. */
static rung_node apply(rung_graph *g, rung_node x, rung_node mean, rung_node variance,
                       double epsilon, rung_node gain, rung_node shift) {
  rung_node guarded = rung_add(g, variance, rung_constant(g, epsilon));
  rung_node scale = rung_reciprocal(g, rung_sqrt(g, guarded));
  if (gain != RUNG_NONE) scale = rung_mul(g, scale, gain);
  rung_node offset = rung_mul(g, mean, scale);
  offset = shift != RUNG_NONE ? rung_sub(g, shift, offset) : rung_neg(g, offset);
  return rung_add(g, rung_mul(g, x, scale), offset);
}

static rung_status check_channels(rung_graph *g, const char *what, rung_node node, int64_t length) {
  rung_shape shape = rung_node_shape(g, node);
  char found[RG_SHAPE_TEXT];
  if (node == RUNG_NONE || (shape.rank == 1 && shape.dim[0] == length)) return RUNG_OK;
  return rg_fail(g->ctx, RUNG_E_SHAPE, "normalize: expected %s of shape [%lld], found %s", what,
                 (long long)length, rg_shape_text(&shape, found));
}

static rung_status check(rung_graph *g, const layout *l, double epsilon, rung_node gain,
                         rung_node shift) {
  if (!(epsilon > 0 && epsilon < (double)INFINITY))
    return rg_fail(g->ctx, RUNG_E_ARGUMENT, "normalize: expected an epsilon above 0, found %g",
                   epsilon);
  RG_TRY(check_channels(g, "gains", gain, l->channels));
  return check_channels(g, "shifts", shift, l->channels);
}

/* The number of groups that the kind means. */
static rung_status groups_of(rung_graph *g, rung_norm kind, const layout *l, int64_t *groups) {
  if (kind < RUNG_NORM_BATCH || kind > RUNG_NORM_INSTANCE)
    return rg_fail(g->ctx, RUNG_E_ARGUMENT, "normalize: kind %d is not known", (int)kind);
  if (kind == RUNG_NORM_INSTANCE && l->places == 1)
    return rg_fail(g->ctx, RUNG_E_SHAPE,
                   "normalize: instance normalisation averages over the pixels of an image, of "
                   "which there is only one here");
  if (kind == RUNG_NORM_GROUP && (*groups < 1 || l->channels % *groups))
    return rg_fail(g->ctx, RUNG_E_ARGUMENT,
                   "normalize: %lld channels do not fall into %lld equal groups",
                   (long long)l->channels, (long long)*groups);
  if (kind != RUNG_NORM_GROUP) *groups = kind == RUNG_NORM_INSTANCE ? l->channels : 1;
  return RUNG_OK;
}

rung_node rung_normalize(rung_graph *g, rung_node x, rung_norm kind, int64_t groups, double epsilon,
                         rung_node gain, rung_node shift, rung_node *mean, rung_node *variance) {
  layout l;
  rung_node m, v;
  if (mean) *mean = RUNG_NONE;
  if (variance) *variance = RUNG_NONE;
  if (x == RUNG_NONE || layout_of(g, x, &l) != RUNG_OK ||
      groups_of(g, kind, &l, &groups) != RUNG_OK || check(g, &l, epsilon, gain, shift) != RUNG_OK ||
      statistics(g, x, kind, groups, &l, &m, &v) != RUNG_OK)
    return RUNG_NONE;
  bool batch = kind == RUNG_NORM_BATCH;
  int64_t dims[2] = {batch ? l.channels : l.samples, groups};
  int rank = batch || kind == RUNG_NORM_LAYER ? 1 : 2;
  if (mean) *mean = rung_reshape(g, m, rank, dims);
  if (variance) *variance = rung_reshape(g, v, rank, dims);
  rank = rung_node_shape(g, x).rank;
  return apply(g, x, align(g, m, &l, kind, groups, rank), align(g, v, &l, kind, groups, rank),
               epsilon, gain, shift);
}

rung_node rung_normalize_by(rung_graph *g, rung_node x, rung_node mean, rung_node variance,
                            double epsilon, rung_node gain, rung_node shift) {
  layout l;
  if (x == RUNG_NONE || mean == RUNG_NONE || variance == RUNG_NONE ||
      layout_of(g, x, &l) != RUNG_OK || check(g, &l, epsilon, gain, shift) != RUNG_OK ||
      check_channels(g, "means", mean, l.channels) != RUNG_OK ||
      check_channels(g, "variances", variance, l.channels) != RUNG_OK)
    return RUNG_NONE;
  return apply(g, x, mean, variance, epsilon, gain, shift);
}
