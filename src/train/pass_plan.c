/* Which layers are kept, computed again or run backwards: the cheapest plan that fits. */
#include <string.h>

#include "train/pass_inside.h"

/* Blocks of one layer at the end of the chain are one program with the loss, as long as it does not
 * grow too large to be compiled quickly. */
#define MOST_HEAD_BLOCKS 8

static int long_head(const rung_network *n) {
  int first = n->blocks.count - 1;
  while (first > 0 && n->blocks.count - first < MOST_HEAD_BLOCKS &&
         n->blocks.list[first - 1].layers == 1)
    first--;
  return first;
}

static rung_status need(rg_pass *pass, int block, rg_program_kind kind) {
  rg_block_program *p = &pass->program[block][kind];
  if (p->program) return RUNG_OK;
  RG_TRY(rg_block_compile(pass->network, pass->ctx, block, kind, pass->options.batch, p));
  return RUNG_OK;
}

static void count_pointers(rg_pass *pass) {
  pass->most_pointers = 0;
  for (int i = 0; i < pass->network->blocks.count; i++)
    for (int k = 0; k < RG_PROGRAM_KINDS; k++) {
      const rg_block_program *p = &pass->program[i][k];
      if (p->inputs > pass->most_pointers) pass->most_pointers = p->inputs;
      if (p->outputs > pass->most_pointers) pass->most_pointers = p->outputs;
    }
}

static rung_status store_plan(rg_pass *pass) {
  pass->plan = (rg_pass_plan){.activations = RUNG_STORE, .work = 1};
  int head = long_head(pass->network);
  pass->layers = pass->first[head];
  RG_TRY(rg_pass_head_compile(pass->network, pass->ctx, &pass->options, head, &pass->head));
  pass->span = rg_calloc(pass->ctx, 1, sizeof *pass->span);
  if (!pass->span) return RUNG_E_MEMORY;
  pass->spans = pass->layers > 0;
  pass->span[0] = (rg_span){RG_SPAN_KEEP, 0, pass->layers};
  for (int i = 0; i < head; i++) {
    RG_TRY(need(pass, i, RG_FORWARD_KEEP));
    RG_TRY(need(pass, i, RG_BACKWARD_KEPT));
  }
  return RUNG_OK;
}

rung_status rg_pass_plan_choose(rg_pass *pass, size_t *least) {
  RG_TRY(store_plan(pass));
  count_pointers(pass);
  pass->plan.total_bytes = rg_pass_lay_memory(pass, NULL);
  if (least) *least = pass->plan.total_bytes;
  return RUNG_OK;
}
