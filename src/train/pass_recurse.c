/* Back-propagation through a chain from a few snapshots of states, which move: treeverse (Griewank
 * 1992, Griewank & Walther 2000). With c snapshots, binomial(c + r, c) layers take r forward
 * computations of each layer at most. */
#include <string.h>

#include "train/pass_inside.h"

/* binomial(c + r, c), capped. */
static double reach(int c, int64_t r) {
  double product = 1;
  for (int i = 1; i <= c; i++) product = product * (double)(r + i) / i;
  return product < 1e15 ? product : 1e15;
}

/* How many of n layers, the last ones, are done first, from a snapshot at their beginning. */
static int64_t behind_snapshot(int64_t n, int c) {
  if (c == 0) return 1;
  int64_t r = 1;
  while (reach(c, r) < (double)n) r++;
  double right = reach(c - 1, r);
  return right < (double)(n - 1) ? (int64_t)right : n - 1;
}

double rg_pass_recursion_work(int64_t layers, int c) {
  double work = 0;
  while (layers > 1) { /* the tail of the recursion is the left part, with the same snapshots */
    int64_t right = behind_snapshot(layers, c);
    work += (double)(layers - right);
    if (right > 1) work += rg_pass_recursion_work(right, c - 1);
    layers -= right;
  }
  return work;
}

typedef struct recursion {
  rg_pass *pass;
  void **cotangent;
} recursion;

static void copy(const rg_pass *pass, int block, int s, void *to, const void *from) {
  int64_t count = rung_shape_count(&pass->network->state_shape[block][s]) * pass->options.batch;
  memcpy(to, from, (size_t)count * rung_dtype_size(pass->network->dtype));
}

/* From `at` before layer `from` to before layer `to`, in the pool; `at` is not written over. */
static rung_status advance(rg_pass *pass, int64_t from, int64_t to, void *const *start, bool again,
                           void **at) {
  void *next[RG_MOST_STATES];
  memcpy(at, start, sizeof next);
  for (int64_t layer = from; layer < to; layer++) {
    int block = rg_pass_block_of(pass, layer);
    const rg_block *b = &pass->network->blocks.list[block];
    rg_pass_free_slots(pass, pass->state_pool, b->states_out, at, b->states_in, next);
    RG_TRY(rg_pass_layer_forward(pass, RG_FORWARD, layer, at, next, NULL, again));
    memcpy(at, next, sizeof next);
  }
  return RUNG_OK;
}

/* One layer, kept and gone back through; behind the last of the chain stands the head. */
static rung_status leaf(recursion *r, int64_t layer, void *const *at, bool again) {
  rg_pass *pass = r->pass;
  int block = rg_pass_block_of(pass, layer);
  const rg_block *b = &pass->network->blocks.list[block];
  bool last = layer == pass->layers - 1;
  rg_stored stored = {.kept = pass->segment_area};
  void *behind[RG_MOST_STATES], *before[RG_MOST_STATES];
  memcpy(stored.state, at, sizeof stored.state);
  rg_pass_free_slots(pass, pass->state_pool, b->states_out, at, b->states_in, behind);
  if (last) memcpy(behind, pass->begin[1], sizeof behind);
  RG_TRY(rg_pass_layer_forward(pass, RG_FORWARD_KEEP, layer, at, behind, stored.kept, again));
  for (int s = 0; last && s < b->states_out; s++)
    if (behind[s] != pass->begin[1][s]) copy(pass, block + 1, s, pass->begin[1][s], behind[s]);
  if (last) RG_TRY(rg_pass_run_head(pass, r->cotangent));
  if (rg_is_reversible(b)) /* updated in place */
    for (int s = 0; s < 2; s++)
      before[s] = r->cotangent[pass->program[block][RG_BACKWARD_KEPT].cotangent[s].from];
  else if (rg_pass_goes_back(pass, layer))
    rg_pass_free_slots(pass, pass->pool, b->states_in, r->cotangent, b->states_out, before);
  RG_TRY(rg_pass_layer_backward(pass, layer, &stored, behind, r->cotangent, before));
  memcpy(r->cotangent, before, sizeof before);
  return RUNG_OK;
}

/* Layers first .. end-1 from the states `start` before them, with snapshots `used` and on free.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as there are snapshots */
static rung_status span(recursion *r, int64_t first, int64_t end, void *const *start, int used,
                        bool again) {
  rg_pass *pass = r->pass;
  void *at[RG_MOST_STATES], *kept[RG_MOST_STATES];
  for (; end - first > 1; again = true) {
    int64_t middle = end - behind_snapshot(end - first, pass->snapshots - used);
    RG_TRY(advance(pass, first, middle, start, again, at));
    if (end - middle == 1) {
      RG_TRY(leaf(r, middle, at, again));
    } else {
      char *place = pass->snapshot + (size_t)used * pass->snapshot_bytes;
      int block = rg_pass_block_of(pass, middle);
      for (int s = 0; s < pass->network->blocks.list[block].states_in; s++) {
        kept[s] = place;
        copy(pass, block, s, place, at[s]);
        place += rg_pass_state_bytes(pass, block, s);
      }
      RG_TRY(span(r, middle, end, kept, used + 1, again));
    }
    end = middle;
  }
  return leaf(r, first, start, again);
}

rung_status rg_pass_recurse(rg_pass *pass, void **cotangent) {
  recursion r = {pass, cotangent};
  return span(&r, 0, pass->layers, pass->begin[0], 0, false);
}
