/* Networks with exits cut into modules 1 to exits + 1: module k is the layers between cut k - 1 and
 * cut k and a classifier of its own, exit k; the last one ends with the network's last block. */
#ifndef RG_MODULE_H
#define RG_MODULE_H

#include "nn/chain.h"

/* A place between two layers of a chain: before layer `layer` of block `block`. */
typedef struct rg_cut {
  int block;
  int64_t layer;
} rg_cut;
/* Behind so many layers, counted over all blocks (fewer than the chain has). */
rg_cut rg_cut_behind(const rung_network *network, int64_t layers);
/* Where module `module` begins and ends; the last one ends before the last block. */
rg_cut rg_module_begin(const rung_network *network, int module);
rg_cut rg_module_end(const rung_network *network, int module);
/* Is there an exit `exit` (from 1; exits + 1 is the network's own end)? Else the error. */
rung_status rg_check_exit(const rung_network *network, rung_context *ctx, int exit);

/* Compiles the program of an exit (from 1) as rg_block_compile() does that of a block. */
rung_status rg_exit_compile(const rung_network *network, rung_context *ctx, int exit,
                            rg_program_kind kind, int64_t samples, rg_block_program *out);

/* Module `module` as a network of its own: its tensors have the whole's names and numbers (of a
 * stage that is cut, those of its layers), its last block is its classifier. The first module takes
 * samples, a later one the state at the cut before it, two states joined along their last axis. */
rung_status rg_network_module(const rung_network *whole, rung_context *ctx, int module,
                              rung_network **out);
/* What exit `exit` needs (exits + 1: the network's own end) as a network of its own, with samples,
 * classes and normalisation of the whole, that gives the exit's scores. It has no exits, and there
 * are no settings that make it: it is not for files. */
rung_status rg_network_cut(const rung_network *whole, rung_context *ctx, int exit,
                           rung_network **out);
/* Multiply-adds of a sample in all blocks but the last, in inference; NaN where memory runs out. */
double rg_body_cost(const rung_network *network);
/* The variable of this name, or NULL. */
const rg_variable *rg_variable_find(const rg_variable *list, int count, const char *name);
/* Copy a module's parameters and statistics to the whole, and back. */
void rg_module_give(const rung_network *part, rung_network *whole, int module);
void rg_module_take(rung_network *part, const rung_network *whole, int module);

/* Cuts for so many modules, exit_at[modules - 1], that share the bytes of the states that layers
 * give evenly, each module with a layer or more before the last block. */
rung_status rg_choose_exits(const rung_network *chain, rung_context *ctx, int modules,
                            int64_t *exit_at);

#endif
