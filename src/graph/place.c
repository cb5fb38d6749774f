/* Which arrays need memory, from which step to which, and where it lies. */
#include <stdlib.h>

#include "graph/compile.h"

/* An output is computed right where the caller wants it, unless it is a leaf, a part of what it is
 * a view of, or asked for twice. */
void rg_place_outputs(rg_compiler *c) {
  for (int o = 0; o < c->outputs; o++) {
    int node = c->output[o], root = c->info[node].root;
    if (!rg_is_computed(c, root) || c->info[root].output >= 0 ||
        rung_shape_count(&c->g->node[node].shape) != rung_shape_count(&c->g->node[root].shape))
      continue;
    c->info[root].output = o;
    c->info[root].place = (rg_place){.space = RG_OUTPUT, .index = o};
    c->info[root].placed = true;
  }
}

/* When each array is made and last used, and which need memory. */
void rg_find_lifetimes(rg_compiler *c) {
  for (int i = 0; i < c->g->size; i++) {
    if (!rg_is_computed(c, i)) continue;
    rg_node_info *info = &c->info[i];
    info->born = info->died = c->unit[info->unit].position;
    info->stored = !c->g->node[i].op->elementwise;
  }
  for (int i = 0; i < c->g->size; i++) {
    if (!rg_is_computed(c, i)) continue;
    int position = c->unit[c->info[i].unit].position;
    for (int j = 0; j < c->g->node[i].operands; j++) {
      rg_node_info *of = &c->info[c->info[c->g->node[i].in[j]].root];
      if (of->died < position) of->died = position;
      if (of->unit != c->info[i].unit) of->stored = true;
    }
  }
  for (int o = 0; o < c->outputs; o++) {
    rg_node_info *of = &c->info[c->info[c->output[o]].root];
    of->stored = true;
    if (of->output != o) of->died = c->ordered; /* copied at the end */
  }
}

/* An array of the workspace: of a node and perhaps of others after it, or of a reduction's blocks.
 */
typedef struct array {
  int born, died;
  size_t bytes, offset;
} array;

typedef struct placing {
  rg_compiler *c;
  array *array;
  int count;
  int *of, *blocks; /* of a node: its array, or -1; that of its blocks */
  int *order;       /* of the arrays, by falling size; then by offset */
} placing;

static int add_array(placing *p, int64_t elements, int born, int died) {
  size_t size = rung_dtype_size(p->c->program->dtype);
  size_t bytes = ((size_t)elements * size + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  p->array[p->count] = (array){born, died, bytes, 0};
  return p->count++;
}

/* The nodes of a group are done one after the other in each tile. Has the group read all it needs
 * of `root` when it comes to write the node, and only elements that lie where it writes? */
static bool is_read_out(const rg_compiler *c, int unit, int root, int node) {
  bool written = false;
  for (int i = c->unit[unit].first; i >= 0; i = c->info[i].next) {
    for (int j = 0; j < c->g->node[i].operands; j++)
      if (c->info[c->g->node[i].in[j]].root == root && (written || !rg_same_elements(c, i, j)))
        return false;
    written = written || i == node;
  }
  return true;
}

/* The array of an operand that dies where an elementwise node is computed becomes the node's. */
static int take_over(const placing *p, int node) {
  const rg_compiler *c = p->c;
  const rg_node *n = &c->g->node[node];
  const rg_node_info *info = &c->info[node];
  for (int j = 0; n->op->elementwise && j < n->operands; j++) {
    int root = c->info[n->in[j]].root, number = p->of[root];
    if (number < 0 || c->info[root].unit == info->unit || !rg_same_elements(c, node, j) ||
        p->array[number].died != info->born || !is_read_out(c, info->unit, root, node))
      continue;
    p->array[number].died = info->died;
    return number;
  }
  return -1;
}

static void list_arrays(placing *p) {
  rg_compiler *c = p->c;
  for (int i = 0; i < c->g->size; i++) p->of[i] = p->blocks[i] = -1;
  for (int k = 0; k < c->ordered; k++) {
    for (int i = c->unit[c->order[k]].first; i >= 0; i = c->info[i].next) {
      const rg_node_info *info = &c->info[i];
      if (info->stored && !info->placed) {
        p->of[i] = take_over(p, i);
        if (p->of[i] < 0)
          p->of[i] = add_array(p, rung_shape_count(&c->g->node[i].shape), info->born, info->died);
      }
      if (!c->g->node[i].op->reducer) continue;
      rg_around view = c->unit[info->unit].view;
      int64_t blocks = rg_blocks(view.length, view.inner);
      if (blocks > 1)
        p->blocks[i] = add_array(p, view.outer * blocks * view.inner, info->born, info->born);
    }
  }
}

/* Arrays to sort, and their numbers. */
typedef struct sized {
  size_t bytes;
  int number;
} sized;

static int by_size(const void *x, const void *y) {
  const sized *a = x, *b = y;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return (a->number > b->number) - (a->number < b->number);
}

static rung_status sort_arrays(placing *p) {
  sized *sort = rg_alloc(p->c->ctx, (size_t)p->count, sizeof *sort);
  if (!sort) return RUNG_E_MEMORY;
  for (int i = 0; i < p->count; i++) sort[i] = (sized){p->array[i].bytes, i};
  qsort(sort, (size_t)p->count, sizeof *sort, by_size);
  for (int i = 0; i < p->count; i++) p->order[i] = sort[i].number;
  rg_free(p->c->ctx, sort);
  return RUNG_OK;
}

/* Arrays by falling size, each at the lowest offset where no array of an overlapping life lies. The
 * `k` placed before are kept by offset, so that one look over them finds it. */
static void place(placing *p, int k) {
  array *a = &p->array[p->order[k]];
  int number = p->order[k], at = k;
  for (int l = 0; l < k; l++) {
    const array *other = &p->array[p->order[l]];
    if (other->died < a->born || a->died < other->born) continue;
    if (other->offset >= a->offset + a->bytes) break;
    if (other->offset + other->bytes > a->offset) a->offset = other->offset + other->bytes;
  }
  for (; at > 0 && p->array[p->order[at - 1]].offset > a->offset; at--)
    p->order[at] = p->order[at - 1];
  p->order[at] = number;
  if (a->offset + a->bytes > p->c->program->arena_bytes)
    p->c->program->arena_bytes = a->offset + a->bytes;
}

static void tell_places(const placing *p) {
  for (int i = 0; i < p->c->g->size; i++) {
    rg_node_info *info = &p->c->info[i];
    if (p->of[i] >= 0) {
      info->place = (rg_place){.space = RG_WORKSPACE, .offset = p->array[p->of[i]].offset};
      info->placed = true;
    }
    info->blocks = info->place;
    if (p->blocks[i] >= 0)
      info->blocks = (rg_place){.space = RG_WORKSPACE, .offset = p->array[p->blocks[i]].offset};
  }
}

rung_status rg_place_arrays(rg_compiler *c) {
  size_t size = (size_t)c->g->size;
  placing p = {.c = c};
  p.array = rg_alloc(c->ctx, 2 * size, sizeof *p.array);
  p.of = rg_alloc(c->ctx, size, sizeof *p.of);
  p.blocks = rg_alloc(c->ctx, size, sizeof *p.blocks);
  p.order = rg_alloc(c->ctx, 2 * size, sizeof *p.order);
  rung_status status = p.array && p.of && p.blocks && p.order ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    list_arrays(&p);
    status = sort_arrays(&p);
  }
  if (status == RUNG_OK) {
    for (int k = 0; k < p.count; k++) place(&p, k);
    tell_places(&p);
  }
  rg_free(c->ctx, p.array);
  rg_free(c->ctx, p.of);
  rg_free(c->ctx, p.blocks);
  rg_free(c->ctx, p.order);
  return status;
}
