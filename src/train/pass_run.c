/* Running a pass: through the spans to the head, and back. */
#include <math.h>
#include <string.h>

#include "nn/network.h"
#include "train/pass_inside.h"

/* ---- places ---- */

static int states_before(const rg_pass *pass, int block) {
  return pass->network->blocks.list[block].states_in;
}

void rg_pass_free_slots(const rg_pass *pass, char *pool, int count, void *const *busy, int busies,
                        void **out) {
  int slot = 0;
  for (int s = 0; s < count; s++) {
    for (bool taken = true; taken; slot++) {
      taken = false;
      for (int b = 0; b < busies; b++)
        taken = taken || busy[b] == pool + (size_t)slot * pass->slot_bytes;
    }
    out[s] = pool + (size_t)(slot - 1) * pass->slot_bytes;
  }
}

/* Where the states (or cotangents) of `route` that change are to lie: where they were if that is
 * allowed, else in the pool. */
static void choose_places(const rg_pass *pass, bool in_place, int count, const rg_route *route,
                          char *pool, int count_in, void *const *in, void **out) {
  void *busy[2 * RG_MOST_STATES];
  int busies = count_in;
  memcpy(busy, in, (size_t)count_in * sizeof *in);
  for (int s = 0; s < count; s++) {
    if (route[s].output < 0) continue;
    if (in_place)
      out[s] = in[route[s].from];
    else
      rg_pass_free_slots(pass, pool, 1, busy, busies, &out[s]);
    busy[busies++] = out[s];
  }
}

static void copy_state(const rg_pass *pass, int block, int s, void *to, const void *from) {
  int64_t count = rung_shape_count(&pass->network->state_shape[block][s]) * pass->options.batch;
  if (to != from) memcpy(to, from, (size_t)count * rung_dtype_size(pass->network->dtype));
}

/* ---- forwards ---- */

/* Through a span, keeping all. `stored` gets an entry for each layer, `area` is filled. */
static rung_status keep_span(rg_pass *pass, int k, rg_stored *stored, char *area, bool again) {
  const rg_span *span = &pass->span[k];
  void *at[RG_MOST_STATES];
  memcpy(at, pass->begin[k], sizeof at);
  for (int64_t layer = span->first; layer < span->end; layer++) {
    int block = rg_pass_block_of(pass, layer),
        states = pass->network->blocks.list[block].states_out;
    rg_stored *here = &stored[layer - span->first];
    memcpy(here->state, at, sizeof at);
    here->kept = area;
    area += rg_pass_kept_bytes(pass, block);
    bool last = layer == span->end - 1;
    for (int s = 0; s < states; s++) {
      at[s] = last ? pass->begin[k + 1][s] : area;
      if (!last && pass->program[block][RG_FORWARD_KEEP].state[s].output >= 0)
        area += rg_pass_state_bytes(pass, block + 1, s);
    }
    RG_TRY(rg_pass_layer_forward(pass, RG_FORWARD_KEEP, layer, here->state, at, here->kept, again));
    for (int s = 0; last && s < states; s++)
      copy_state(pass, block + 1, s, pass->begin[k + 1][s], at[s]);
  }
  return RUNG_OK;
}

/* Through a span of plain blocks, keeping nothing but its end. */
static rung_status cross_span(rg_pass *pass, int k) {
  const rg_span *span = &pass->span[k];
  void *at[RG_MOST_STATES], *next[RG_MOST_STATES];
  memcpy(at, pass->begin[k], sizeof at);
  for (int64_t layer = span->first; layer < span->end; layer++) {
    int block = rg_pass_block_of(pass, layer),
        states = pass->network->blocks.list[block].states_out;
    bool last = layer == span->end - 1;
    if (last)
      memcpy(next, pass->begin[k + 1], sizeof next);
    else
      choose_places(pass, false, states, pass->program[block][RG_FORWARD].state, pass->state_pool,
                    states_before(pass, block), at, next);
    RG_TRY(rg_pass_layer_forward(pass, RG_FORWARD, layer, at, next, NULL, false));
    for (int s = 0; last && s < states; s++)
      copy_state(pass, block + 1, s, pass->begin[k + 1][s], next[s]);
    memcpy(at, next, sizeof at);
  }
  return RUNG_OK;
}

/* Where state s goes that takes the place of `was`: there, unless it is of the span's beginning. */
static void *place_in_span(const rg_pass *pass, int k, void *was, void *const *at) {
  void *const *first = pass->begin[k], *const *own = pass->begin[k + 1];
  if (was != first[0] && was != first[1]) return was;
  return own[0] != at[0] && own[0] != at[1] ? own[0] : own[1];
}

/* Through a span of a reversible block: the states move in the arrays of its end. */
static rung_status cross_in_place(rg_pass *pass, int k) {
  const rg_span *span = &pass->span[k];
  int block = rg_pass_block_of(pass, span->first);
  const rg_route *route = pass->program[block][RG_FORWARD].state;
  void *at[RG_MOST_STATES], *next[RG_MOST_STATES];
  memcpy(at, pass->begin[k], sizeof at);
  for (int64_t layer = span->first; layer < span->end; layer++) {
    for (int s = 0; s < 2; s++) {
      if (route[s].output < 0) continue;
      next[s] = place_in_span(pass, k, at[route[s].from], at);
      if (s == 1 && route[0].output >= 0 && next[1] == next[0]) /* both leave the beginning */
        next[1] = next[0] == pass->begin[k + 1][0] ? pass->begin[k + 1][1] : pass->begin[k + 1][0];
    }
    RG_TRY(rg_pass_layer_forward(pass, RG_FORWARD, layer, at, next, NULL, false));
    memcpy(at, next, sizeof at);
  }
  for (int s = 0; s < 2; s++) { /* one layer may leave a state where it was */
    void *own = place_in_span(pass, k, at[s], at);
    copy_state(pass, block, s, own, at[s]);
    at[s] = own;
  }
  memcpy(pass->begin[k + 1], at, sizeof at);
  return RUNG_OK;
}

typedef struct cursor {
  rg_stored *stored;
  char *area;
} cursor;

static rung_status forward(rg_pass *pass) {
  cursor at = {pass->stored, pass->kept_area};
  for (int k = 0; k < pass->spans; k++) {
    const rg_span *span = &pass->span[k];
    if (k > 0)
      RG_TRY(rg_pass_check_range(pass, rg_pass_block_of(pass, span->first), pass->begin[k]));
    if (!rg_pass_is_kept(pass, k)) {
      RG_TRY(rg_pass_is_in_place(pass, span) ? cross_in_place(pass, k) : cross_span(pass, k));
      continue;
    }
    bool keep = span->kind == RG_SPAN_KEEP;
    RG_TRY(keep_span(pass, k, at.stored, keep ? at.area : pass->segment_area, false));
    if (!keep) continue; /* it is the last one */
    at.stored += span->end - span->first;
    at.area += rg_pass_span_bytes(pass, span);
  }
  return RUNG_OK;
}

/* ---- the head ---- */

/* Pointers that stay the same from run to run, in the order of rg_pass_head. */
void rg_pass_head_lay(rg_pass *pass) {
  rg_pass_head *h = &pass->head;
  const rung_network *n = pass->network;
  size_t size = rung_dtype_size(n->dtype);
  int in = n->blocks.list[h->first].states_in + 2, out = 0;
  h->out[out++] = pass->loss;
  h->out[out++] = pass->scores;
  for (int i = n->blocks.count - 1; i >= h->first; i--)
    for (int k = 0; k < n->of_block[i].parameters; k++)
      h->out[out++] =
          pass->gradient + (size_t)n->parameter[n->of_block[i].parameter[k]].offset * size;
  for (int i = h->first; i < n->blocks.count; i++) {
    const rg_block_variables *of = &n->of_block[i];
    for (int k = 0; k < of->parameters; k++)
      h->in[in++] = (char *)n->theta + (size_t)n->parameter[of->parameter[k]].offset * size;
    for (int k = 0; k < of->statistics; k++) {
      size_t at = (size_t)n->statistic[of->statistic[k]].offset * size;
      h->in[in++] = (char *)n->running + at;
      h->out[out++] = pass->running + at;
    }
    h->in[in++] = pass->key + (size_t)i * 4 * size;
  }
  h->first_cotangent = out;
  for (int s = 0; h->first > 0 && s < n->blocks.list[h->first].states_in; s++)
    h->out[out++] = pass->pool + (size_t)s * pass->slot_bytes;
  if (h->costs) h->in[in] = pass->cost_weight;
  for (int i = 0; i < h->costs; i++) h->out[out++] = pass->cost + (size_t)i * size;
}

rung_status rg_pass_run_head(rg_pass *pass, void **cotangent) {
  const rg_pass_batch *batch = &pass->batch;
  if (pass->given)
    return rg_pass_layer_backward_again(pass, pass->layers, pass->begin[pass->spans],
                                        (void *const[]){(void *)pass->given}, cotangent);
  rg_pass_head *h = &pass->head;
  const rung_network *n = pass->network;
  int states = n->blocks.list[h->first].states_in;
  RG_TRY(rg_pass_check_range(pass, h->first, pass->begin[pass->spans]));
  if (batch->tapped) rg_pass_tap(pass, batch->tapped);
  if (batch->on_tapped) batch->on_tapped(batch->user);
  for (int s = 0; s < states; s++) h->in[s] = pass->begin[pass->spans][s];
  h->in[states] = batch->target;
  h->in[states + 1] = batch->weight ? batch->weight : pass->ones;
  for (int i = h->first; i < n->blocks.count; i++)
    if (n->of_block[i].random)
      rg_pass_set_key(pass, i, 0, pass->key + (size_t)i * 4 * rung_dtype_size(n->dtype));
  RG_TRY(rung_program_run(h->program, pass->ctx, pass->workspace, h->in, h->out));
  rg_pass_take_costs(pass, h->costs);
  if (!pass->options.observe) return RUNG_OK;
  bool fixed = rg_state_fixed(n, h->first);
  pass->seen.state[pass->layers] = rg_pass_rms(pass, h->first, fixed, pass->begin[pass->spans]);
  pass->seen.cotangent[pass->layers] =
      h->first > 0 ? rg_pass_rms(pass, h->first, false, cotangent) : NAN;
  return RUNG_OK;
}

/* ---- back ---- */

/* Back through a span of which all is kept; `cotangent` becomes that before it. */
static rung_status return_kept(rg_pass *pass, int k, const rg_stored *stored, void **cotangent) {
  const rg_span *span = &pass->span[k];
  void *before[RG_MOST_STATES];
  for (int64_t layer = span->end - 1; layer >= span->first; layer--) {
    int block = rg_pass_block_of(pass, layer);
    const rg_stored *here = &stored[layer - span->first];
    void *const *behind = layer == span->end - 1 ? pass->begin[k + 1] : here[1].state;
    const rg_block_program *p = &pass->program[block][RG_BACKWARD_KEPT];
    choose_places(pass, p->in_place, states_before(pass, block), p->cotangent, pass->pool,
                  pass->network->blocks.list[block].states_out, cotangent, before);
    RG_TRY(rg_pass_layer_backward(pass, layer, here, behind, cotangent, before));
    memcpy(cotangent, before, sizeof before);
  }
  return RUNG_OK;
}

#define LARGEST(type)                                                                              \
  do {                                                                                             \
    const type *x = a, *y = b;                                                                     \
    for (int64_t i = 0; i < count; i++) {                                                          \
      double d = fabs((double)x[i] - (double)y[i]), v = fabs((double)y[i]);                        \
      if (!(d <= *difference)) *difference = d; /* a NaN stays */                                  \
      if (v > *value) *value = v;                                                                  \
    }                                                                                              \
  } while (0)

/* Raises *difference to the largest |a - b|, *value to the largest |b|. */
static void largest(rung_dtype dtype, int64_t count, const void *a, const void *b,
                    double *difference, double *value) {
  if (dtype == RUNG_F32)
    LARGEST(float);
  else if (dtype == RUNG_F64)
    LARGEST(double);
  else {
    const rung_dd *x = a, *y = b;
    for (int64_t i = 0; i < count; i++) {
      double d = fabs(rg_sub_dd(x[i], y[i]).hi), v = fabs(y[i].hi);
      if (!(d <= *difference)) *difference = d;
      if (v > *value) *value = v;
    }
  }
}

/* How far the recovered states are from those kept at the beginning of the span. */
static rung_status measure_drift(rg_pass *pass, int k, void *const *recovered, double *worst) {
  const rung_network *n = pass->network;
  int block = rg_pass_block_of(pass, pass->span[k].first);
  double difference = 0, value = 0;
  for (int s = 0; s < 2; s++) {
    int64_t count = rung_shape_count(&n->state_shape[block][s]) * pass->options.batch;
    if (!n->settings.fixed)
      largest(n->dtype, count, recovered[s], pass->begin[k][s], &difference, &value);
    else if (memcmp(recovered[s], pass->begin[k][s], (size_t)count * rung_dtype_size(n->dtype)))
      difference = INFINITY;
  }
  double drift = difference > 0 ? difference / (value > 0 ? value : 1) : difference;
  if (!(drift <= *worst)) *worst = drift;
  double bound = n->settings.fixed ? 0 : pass->options.drift_bound;
  if (drift <= bound) return RUNG_OK;
  return rg_fail(
      pass->ctx, RUNG_E_NUMERIC,
      "stage %s: run backwards, its beginning is off by %.3g of its largest number, more "
      "than the bound %.3g; a smaller step size (more layers or a shorter time), "
      "double precision, or activations: reverse-exact or recompute would do",
      n->blocks.list[block].name, drift, bound);
}

/* Back through a reversible span from its end, which is run over. */
static rung_status return_reversed(rg_pass *pass, int k, void **cotangent, double *drift) {
  const rg_span *span = &pass->span[k];
  const rg_block_program *p = &pass->program[rg_pass_block_of(pass, span->first)][RG_REVERSE];
  void *at[RG_MOST_STATES], *state[RG_MOST_STATES], *before[RG_MOST_STATES];
  memcpy(at, pass->begin[k + 1], sizeof at);
  for (int64_t layer = span->end - 1; layer >= span->first; layer--) {
    choose_places(pass, true, 2, p->state, NULL, 2, at, state);
    choose_places(pass, true, 2, p->cotangent, NULL, 2, cotangent, before);
    RG_TRY(rg_pass_layer_reverse(pass, layer, at, cotangent, state, before));
    memcpy(at, state, sizeof at);
    memcpy(cotangent, before, sizeof before);
  }
  return measure_drift(pass, k, at, drift);
}

static rung_status backward(rg_pass *pass, void **cotangent, double *drift) {
  rg_stored *stored = pass->stored;
  for (int k = 0; k < pass->spans; k++)
    if (pass->span[k].kind == RG_SPAN_KEEP) stored += pass->span[k].end - pass->span[k].first;
  rg_stored *segment = stored;
  for (int k = pass->spans - 1; k >= 0; k--) {
    const rg_span *span = &pass->span[k];
    if (span->kind == RG_SPAN_REVERSE) {
      RG_TRY(return_reversed(pass, k, cotangent, drift));
    } else if (span->kind == RG_SPAN_CHECK) {
      if (!rg_pass_is_kept(pass, k)) RG_TRY(keep_span(pass, k, segment, pass->segment_area, true));
      RG_TRY(return_kept(pass, k, segment, cotangent));
    } else {
      stored -= span->end - span->first;
      RG_TRY(return_kept(pass, k, stored, cotangent));
    }
  }
  return RUNG_OK;
}

/* ---- all of it ---- */

static rung_status check_labels(const rg_pass *pass, const rg_pass_batch *batch) {
  const rung_network *n = pass->network;
  if (pass->options.loss != RUNG_CROSS_ENTROPY) return RUNG_OK;
  for (int64_t i = 0; i < pass->options.batch; i++) {
    double label = rg_fetch(n->dtype, batch->target, i).hi;
    if (!(label >= 0 && label < (double)n->outputs && label == floor(label)))
      return rg_fail(
          pass->ctx, RUNG_E_DATA, "sample %lld of the batch: expected a label 0 to %lld, found %g",
          (long long)(pass->piece * pass->options.batch + i), (long long)n->outputs - 1, label);
  }
  return RUNG_OK;
}

/* What the batch asks for is what the pass was made for. */
static rung_status check_batch(const rg_pass *pass, const rg_pass_batch *batch) {
  if (batch->transport != 0 && pass->network->transport == RG_TRANSPORT_NONE)
    return rg_fail(pass->ctx, RUNG_E_ARGUMENT,
                   "transport: its weight is %g, but the pass was made without it",
                   batch->transport);
  if (batch->tapped && !pass->options.tap)
    return rg_fail(pass->ctx, RUNG_E_ARGUMENT, "tapped: the pass was made without tap");
  return check_labels(pass, batch);
}

/* Gradients of weights between nodes in time are sums over layers. */
void rg_pass_clear_shared_gradients(rg_pass *pass) {
  const rung_network *n = pass->network;
  size_t size = rung_dtype_size(n->dtype);
  for (int i = 0; i < n->parameter_count; i++) {
    const rg_variable *v = &n->parameter[i];
    if (v->nodes != n->blocks.list[v->block].layers)
      memset(pass->target_gradient + (size_t)v->offset * size, 0,
             (size_t)(v->count * v->nodes) * size);
  }
}

bool rg_pass_goes_back(const rg_pass *pass, int64_t layer) {
  return layer > 0 || pass->network->blocks.list[0].layers > 1;
}

rung_status rg_pass_there_and_back(rg_pass *pass, double *drift) {
  void *cotangent[RG_MOST_STATES];
  for (int s = 0; s < RG_MOST_STATES; s++)
    cotangent[s] = pass->pool ? pass->pool + (size_t)s * pass->slot_bytes : NULL;
  pass->begin[0][0] = (void *)pass->batch.x;
  rg_pass_clear_shared_gradients(pass);
  if (pass->spans && pass->span[0].kind == RG_SPAN_RECURSE) return rg_pass_recurse(pass, cotangent);
  RG_TRY(forward(pass));
  RG_TRY(rg_pass_run_head(pass, cotangent));
  return backward(pass, cotangent, drift);
}

rung_status rg_pass_run_piece(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out) {
  const rung_network *n = pass->network;
  pass->batch = *batch;
  pass->ran = false;
  *out = (rg_pass_result){.gradient = pass->gradient, .scores = pass->scores};
  RG_TRY(check_batch(pass, batch));
  pass->transport = 0;
  if (n->transport != RG_TRANSPORT_NONE)
    rg_store(n->dtype, pass->cost_weight, 0, (rung_dd){batch->transport, 0});
  RG_TRY(rg_pass_there_and_back(pass, &out->drift));
  if (n->statistics)
    memcpy(n->running, pass->running, (size_t)n->statistics * rung_dtype_size(n->dtype));
  out->loss = rg_fetch(n->dtype, pass->loss, 0).hi;
  out->transport = pass->transport;
  pass->ran = true;
  return RUNG_OK;
}

rung_status rg_pass_run(rg_pass *pass, const rg_pass_batch *batch, rg_pass_result *out) {
  rung_context *own = pass->ctx;
  if (batch->ctx) pass->ctx = batch->ctx;
  rung_status status =
      pass->pieces > 1 ? rg_pass_run_pieces(pass, batch, out) : rg_pass_run_piece(pass, batch, out);
  pass->ctx = own;
  return status;
}
