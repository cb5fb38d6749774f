/* What is computed again: a value that one group computes and another reads would have to be
 * written to memory and read back. Where it takes but cheap ops on arrays that are in memory
 * anyway, the other group computes it for itself. A batch normalisation's gradient, whose sums and
 * whose result need the same masked gradient and the same normalised input, then reads its two
 * inputs twice and writes nothing but the result.
 *
 * Written and read back, n values cost 2 n passes; computed again, one for each array that the
 * group does not read already. The cheaper way is taken, for all such values of a group at once. */
#include "graph/compile.h"

/* The values of one group, what is to be computed again for them, and the arrays it reads. */
typedef struct again {
  rg_compiler *c;
  int unit;
  int64_t count; /* of the elements of the group */
  int values, copies, arrays;
  int value[RG_MOST_NODES], copy[RG_MOST_NODES], array[RG_MOST_NODES];
} again;

static bool contains(const int *list, int count, int node) {
  for (int i = 0; i < count; i++)
    if (list[i] == node) return true;
  return false;
}

/* Of another group, and one of its intermediate values. */
static bool is_value(const again *a, int node) {
  const rg_node_info *info = &a->c->info[node];
  return info->root == node && info->unit >= 0 && info->unit != a->unit &&
         a->c->unit[info->unit].group && a->c->g->node[node].op->elementwise && info->output < 0 &&
         rung_shape_count(&a->c->g->node[node].shape) == a->count;
}

/* Lists the value after what it is computed of; false where that is too much. */
static bool list_copies(again *a, int node) {
  const rg_compiler *c = a->c;
  const rg_node *n = &c->g->node[node];
  if (contains(a->copy, a->copies, node)) return true;
  if (!is_value(a, node)) {
    int root = c->info[node].root;
    if (c->info[root].unit == a->unit) return false;
    if (rung_shape_count(&n->shape) != a->count || contains(a->array, a->arrays, root)) return true;
    if (a->arrays == RG_MOST_NODES) return false;
    a->array[a->arrays++] = root;
    return true;
  }
  if (!n->op->cheap) return false;
  for (int j = 0; j < n->operands; j++)
    if (!list_copies(a, n->in[j])) return false;
  if (a->copies + c->unit[a->unit].nodes >= RG_MOST_NODES) return false;
  a->copy[a->copies++] = node;
  return true;
}

/* The values that the group reads from others, and the arrays that it reads anyway. */
static void list_reads(again *a) {
  const rg_compiler *c = a->c;
  for (int i = c->unit[a->unit].first; i >= 0; i = c->info[i].next)
    for (int j = 0; j < c->g->node[i].operands; j++) {
      int in = c->g->node[i].in[j], root = c->info[in].root;
      bool value = is_value(a, in);
      int *list = value ? a->value : a->array, *count = value ? &a->values : &a->arrays;
      if (*count == RG_MOST_NODES || c->info[root].unit == a->unit) continue;
      int node = value ? in : root;
      if (rung_shape_count(&c->g->node[in].shape) == a->count && !contains(list, *count, node))
        list[(*count)++] = node;
    }
}

/* The copy of a node in the unit, or the node itself. */
static int copy_of(const again *a, int first, int node) {
  for (int i = 0; i < a->copies; i++)
    if (a->copy[i] == node) return first + i;
  return node;
}

static void read_copies(const again *a, int first, int node) {
  rg_node *n = &a->c->own.node[node];
  for (int j = 0; j < n->operands; j++) n->in[j] = copy_of(a, first, n->in[j]);
}

/* The copies become nodes at the end of the compiler's own list, and the first of the group. */
static void make_copies(const again *a) {
  rg_compiler *c = a->c;
  rg_unit *unit = &c->unit[a->unit];
  int first = c->own.size;
  for (int i = unit->first; i >= 0; i = c->info[i].next) read_copies(a, first, i);
  for (int i = 0; i < a->copies; i++) {
    int node = c->own.size++;
    c->own.node[node] = c->own.node[a->copy[i]];
    read_copies(a, first, node);
    c->need[node] = true;
    c->info[node] = (rg_node_info){.root = node,
                                   .unit = a->unit,
                                   .next = i + 1 < a->copies ? node + 1 : unit->first,
                                   .last_user = -1,
                                   .output = -1,
                                   .over = -1};
  }
  unit->first = first;
  unit->nodes += a->copies;
}

void rg_compute_again(rg_compiler *c) {
  for (int u = 0; u < c->units; u++) {
    if (!c->unit[u].group || !c->unit[u].nodes) continue;
    again a = {.c = c, .unit = u, .count = rung_shape_count(rg_element_shape(c, c->unit[u].first))};
    list_reads(&a);
    int before = a.arrays;
    bool possible = a.values > 0;
    for (int i = 0; possible && i < a.values; i++) possible = list_copies(&a, a.value[i]);
    if (possible && a.arrays - before < 2 * a.values && c->own.size + a.copies <= c->own.capacity)
      make_copies(&a);
  }
}
