/* A network as one C99 file: a function for each block, called once for each layer with that
 * layer's weights, and one that runs them all. Its arrays are static: no memory is allocated. */
#include <stdio.h>
#include <string.h>

#include "nn/module.h"
#include "nn/network.h"
#include "nn/part.h"
#include "nn/weights_c.h"
#include "store/c_file.h"
#include "store/export.h"
#include "store/graph_c.h"

#define MOST_ARGUMENTS 64

typedef struct exporter {
  const rung_network *network;
  rung_context *ctx;
  rg_c_file file;
  rg_text blocks; /* the blocks' functions */
  rg_text calls;  /* the body of the function that runs them */
  rg_c_needs needs;
} exporter;

/* The arguments of a block's function. */
typedef struct arguments {
  rg_c_argument in[MOST_ARGUMENTS], out[RG_MOST_STATES];
  char name[MOST_ARGUMENTS + RG_MOST_STATES][16];
  bool used[MOST_ARGUMENTS];
  int ins, outs;
} arguments;

static rung_status add_argument(exporter *e, arguments *a, char letter, int index, rung_node node) {
  if (a->ins == MOST_ARGUMENTS)
    return rg_fail(e->ctx, RUNG_E_UNSUPPORTED, "export to C: a block with more than %d tensors",
                   MOST_ARGUMENTS);
  char *name = a->name[a->ins + RG_MOST_STATES];
  snprintf(name, sizeof a->name[0], "%c%d", letter, index);
  a->in[a->ins++] = (rg_c_argument){node, name};
  return RUNG_OK;
}

static rung_status list_arguments(exporter *e, arguments *a, const rg_part *part,
                                  const rung_node *state) {
  const rg_block *block = &e->network->blocks.list[part->block];
  *a = (arguments){.outs = block->states_out};
  for (int s = 0; s < block->states_in; s++) RG_TRY(add_argument(e, a, 's', s, state[s]));
  for (int i = 0; i < part->parameters; i++) RG_TRY(add_argument(e, a, 'w', i, part->parameter[i]));
  for (int i = 0; i < part->statistics; i++) RG_TRY(add_argument(e, a, 'r', i, part->statistic[i]));
  for (int s = 0; s < a->outs; s++) {
    snprintf(a->name[s], sizeof a->name[0], "t%d", s);
    a->out[s] = (rg_c_argument){part->built.out[s], a->name[s]};
  }
  return RUNG_OK;
}

/* ---- blocks ---- */

static void put_call(exporter *e, int block, const arguments *a) {
  const rung_network *n = e->network;
  const rg_block *b = &n->blocks.list[block];
  const rg_block_variables *of = &n->of_block[block];
  rg_text *t = &e->calls;
  rg_text_printf(t, "  for (j = 0; j < %lld; j++, from = 1 - from)\n    rg_block%d(",
                 (long long)b->layers, block);
  for (int i = 0; i < a->ins; i++) {
    if (!a->used[i]) continue;
    const char *name = a->in[i].name;
    int index = i - b->states_in;
    if (name[0] == 's') {
      rg_text_printf(t, "state[from][%s], ", name + 1);
      continue;
    }
    const rg_variable *v = name[0] == 'w' ? &n->parameter[of->parameter[index]]
                                          : &n->statistic[of->statistic[index - of->parameters]];
    rg_text_printf(t, "rg_%c%d_%s + j * %lld, ", name[0], block, name + 1, (long long)v->count);
  }
  for (int s = 0; s < a->outs; s++) rg_text_printf(t, "state[1 - from][%d], ", s);
  rg_text_add(t, "work);\n");
}

static rung_status put_block_of(exporter *e, int block, rung_graph *g, rg_part *part) {
  const rung_network *n = e->network;
  rung_node state[RG_MOST_STATES];
  char name[24];
  arguments a;
  RG_TRY(rg_part_states(n, g, block, 1, "state", state));
  RG_TRY(rg_part_forward(part, n, g, block, false, state));
  RG_TRY(list_arguments(e, &a, part, state));
  snprintf(name, sizeof name, "block%d", block);
  rg_text_printf(&e->blocks, "\n/* %s: %s */", n->blocks.list[block].name,
                 n->blocks.list[block].kind->name);
  RG_TRY(rg_graph_c(e->ctx, g, n->dtype, name, a.ins, a.in, a.used, a.outs, a.out, &e->blocks,
                    &e->needs));
  for (int i = 0; i < a.ins; i++)
    if (a.used[i] && a.in[i].name[0] != 's') {
      bool parameter = a.in[i].name[0] == 'w';
      int index = i - n->blocks.list[block].states_in - (parameter ? 0 : part->parameters);
      RG_TRY(rg_weights_c(&e->file, n, block, a.in[i].name[0], index));
    }
  put_call(e, block, &a);
  return RUNG_OK;
}

static rung_status put_block(exporter *e, int block) {
  rung_graph *g;
  rg_part part = {0};
  RG_TRY(rung_graph_create(e->ctx, &g));
  rung_status status = put_block_of(e, block, g, &part);
  if (part.network) rg_part_close(&part);
  rung_graph_destroy(g);
  return status;
}

/* ---- the file ---- */

static int64_t largest_state(const rung_network *n) {
  int64_t most = 0;
  for (int i = 0; i <= n->blocks.count; i++)
    for (int s = 0; s < RG_MOST_STATES; s++) {
      int64_t count = rung_shape_count(&n->state_shape[i][s]);
      if (count > most) most = count;
    }
  return most;
}

static rung_status put_normalisation(exporter *e) {
  const rung_network *n = e->network;
  RG_TRY(rg_doubles_c(&e->file, "mean", n->mean, n->normalised));
  RG_TRY(rg_doubles_c(&e->file, "scale", n->scale, n->normalised));
  if (!rg_has_units(n)) return RUNG_OK;
  RG_TRY(rg_doubles_c(&e->file, "target_mean", n->target_mean, n->outputs));
  return rg_doubles_c(&e->file, "target_scale", n->target_scale, n->outputs);
}

static void put_run(exporter *e) {
  const rung_network *n = e->network;
  rg_text *t = &e->file.code;
  rg_text_printf(t,
                 "\nvoid %s(const $T *x, $T *y) {\n"
                 "  static $T state[2][%d][%lld], work[%lld];\n"
                 "  int from = 0, i, j;\n"
                 "  for (i = 0; i < $I; i++)\n"
                 "    state[0][0][i] = rg_mul_$S(rg_sub_$S(x[i], rg_mean[i %% %lld]), "
                 "rg_scale[i %% %lld]);\n",
                 e->file.name, RG_MOST_STATES, (long long)largest_state(n),
                 (long long)(e->needs.work > 0 ? e->needs.work : 1), (long long)n->normalised,
                 (long long)n->normalised);
  if (e->calls.data) rg_text_add(t, e->calls.data);
  rg_text_add(t, rg_has_units(n)
                     ? "  for (i = 0; i < $O; i++)\n"
                       "    y[i] = rg_add_$S(rg_mul_$S(state[from][0][i], rg_target_scale[i]), "
                       "rg_target_mean[i]);\n}\n"
                     : "  for (i = 0; i < $O; i++) y[i] = state[from][0][i];\n}\n");
  rg_text_printf(t,
                 "\nint %s_largest(const $T *y) {\n"
                 "  int i, best = 0;\n"
                 "  for (i = 1; i < $O; i++)\n"
                 "    if (rg_to_double_$S(rg_less_$S(y[best], y[i])) != 0.0) best = i;\n"
                 "  return best;\n}\n",
                 e->file.name);
}

/* A name as a C string: letters that would end it or need an escape become _. */
static void put_string(rg_text *t, const char *name) {
  rg_text_add(t, "\"");
  char *const one[] = {(char *)name};
  rg_text_names(t, one, 1);
  rg_text_add(t, "\"");
}

static void put_classes(exporter *e) {
  const rung_network *n = e->network;
  if (!n->class_name) return;
  rg_text *t = &e->file.code;
  rg_text_printf(&e->file.prototypes, "extern const char *const %s_classes[$O];\n", e->file.name);
  rg_text_printf(t, "\nconst char *const %s_classes[$O] = {", e->file.name);
  for (int64_t i = 0; i < n->outputs; i++) {
    rg_text_add(t, i ? ", " : "");
    put_string(t, n->class_name[i]);
  }
  rg_text_add(t, "};\n");
}

static void put_head(exporter *e) {
  const rung_network *n = e->network;
  rg_text_printf(&e->file.comment,
                 "%s: a network (%s) of %lld parameters in %s precision, written by Rung %s.\n"
                 " *   x: one sample, before it is normalised\n"
                 " *   y: the scores, of which %s_largest gives the index of the largest%s\n"
                 " * Working memory is static: one call at a time.",
                 e->file.name, n->settings.architecture, (long long)n->parameters,
                 rung_dtype_name(n->dtype), rung_version(), e->file.name,
                 rg_has_units(n) ? "; in their own units" : "");
  rg_text_printf(&e->file.prototypes,
                 "void %s(const $T *x, $T *y);\nint %s_largest(const $T *y);\n", e->file.name,
                 e->file.name);
}

static rung_status put_all(exporter *e) {
  const rung_network *n = e->network;
  put_head(e);
  put_classes(e);
  RG_TRY(put_normalisation(e));
  for (int i = 0; i < n->blocks.count; i++) RG_TRY(put_block(e, i));
  rg_graph_c_helpers(&e->needs, &e->file.code);
  RG_TRY(rg_text_status(&e->blocks));
  RG_TRY(rg_text_status(&e->calls));
  if (e->blocks.data) rg_text_add(&e->file.code, e->blocks.data);
  put_run(e);
  return RUNG_OK;
}

static rung_status export(const rung_network *network, rung_context *ctx, const char *name,
                          char **out, size_t *length) {
  exporter e = {.network = network, .ctx = ctx};
  rg_c_file_init(&e.file, ctx, name, network->dtype);
  e.file.inputs = rung_shape_count(&network->sample);
  e.file.outputs = network->outputs;
  rg_text_init(&e.blocks, ctx);
  rg_text_init(&e.calls, ctx);
  rung_status status = put_all(&e);
  if (status == RUNG_OK) status = rg_c_file_text(&e.file, out, length);
  rg_text_free(&e.blocks);
  rg_text_free(&e.calls);
  rg_c_file_free(&e.file);
  return status;
}

rung_status rung_network_export_c(const rung_network *network, rung_context *ctx,
                                  const rung_export_options *options, char **out, size_t *length) {
  rung_export_options o;
  rung_network *cut = NULL;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_export_check(ctx, options, true, &o));
  if (o.exit) RG_TRY(rg_network_cut(network, ctx, o.exit, &cut));
  rung_status status = export(cut ? cut : network, ctx, o.name, out, length);
  rung_network_destroy(cut);
  return status;
}
