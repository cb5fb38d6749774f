/* A network as an ONNX file: normalisation, then every layer of every block. */
#include <stdio.h>
#include <string.h>

#include "nn/module.h"
#include "nn/network.h"
#include "nn/part.h"
#include "store/export.h"
#include "store/graph_onnx.h"

typedef struct exporter {
  const rung_network *network;
  rung_context *ctx;
  rg_onnx onnx;
  rg_onnx_name state[RG_MOST_STATES]; /* where the states so far are */
  char *mixed;
} exporter;

/* A block's graph, applied to one layer after the other. */
typedef struct layer {
  rung_graph *g;
  rg_part part;
  rung_node *in; /* states, parameters, statistics */
  rg_onnx_name *name;
  const void **number; /* of parameters and statistics */
} layer;

static rung_status put_array(exporter *e, const rg_variable *v, const void *numbers,
                             rg_onnx_name name) {
  snprintf(name, RG_ONNX_NAME, "w%d", e->onnx.values++);
  return rg_onnx_array(&e->onnx, name, &v->shape, numbers);
}

static rung_status put_layer(exporter *e, int block, int64_t index, layer *l) {
  const rung_network *n = e->network;
  const rg_block *b = &n->blocks.list[block];
  const rg_block_variables *of = &n->of_block[block];
  int at = b->states_in;
  memcpy(l->name, e->state, sizeof e->state[0] * (size_t)at);
  rg_layer_parameters(n, block, index, n->theta, e->mixed, l->number);
  rg_layer_statistics(n, block, index, n->running, l->number + of->parameters);
  for (int i = 0; i < of->parameters; i++, at++)
    RG_TRY(put_array(e, &n->parameter[of->parameter[i]], l->number[i], l->name[at]));
  for (int i = 0; i < of->statistics; i++, at++)
    RG_TRY(
        put_array(e, &n->statistic[of->statistic[i]], l->number[of->parameters + i], l->name[at]));
  return rg_onnx_nodes(&e->onnx, l->g, at, l->in, (const rg_onnx_name *)l->name, b->states_out,
                       l->part.built.out, e->state);
}

static rung_status put_layers(exporter *e, int block, layer *l) {
  const rung_network *n = e->network;
  const rg_block *b = &n->blocks.list[block];
  const rg_block_variables *of = &n->of_block[block];
  size_t arrays = (size_t)(b->states_in + of->parameters + of->statistics);
  l->in = rg_alloc(e->ctx, arrays, sizeof *l->in);
  l->name = rg_alloc(e->ctx, arrays, sizeof *l->name);
  l->number = rg_alloc(e->ctx, arrays, sizeof *l->number);
  if (!l->in || !l->name || !l->number) return RUNG_E_MEMORY;
  RG_TRY(rg_part_states(n, l->g, block, e->onnx.samples, "state", l->in));
  RG_TRY(rg_part_forward(&l->part, n, l->g, block, false, l->in));
  memcpy(l->in + b->states_in, l->part.parameter, sizeof *l->in * (size_t)of->parameters);
  memcpy(l->in + b->states_in + of->parameters, l->part.statistic,
         sizeof *l->in * (size_t)of->statistics);
  for (int64_t j = 0; j < b->layers; j++) RG_TRY(put_layer(e, block, j, l));
  return RUNG_OK;
}

static rung_status put_block(exporter *e, int block) {
  layer l = {0};
  RG_TRY(rung_graph_create(e->ctx, &l.g));
  rung_status status = put_layers(e, block, &l);
  if (l.part.network) rg_part_close(&l.part);
  rung_graph_destroy(l.g);
  rg_free(e->ctx, l.in);
  rg_free(e->ctx, l.name);
  rg_free(e->ctx, l.number);
  return status;
}

static rung_status put_doubles(exporter *e, const char *name, const double *x, int64_t count) {
  rung_dtype dtype = e->network->dtype;
  const rung_shape shape = {1, {count}};
  char *number = rg_alloc(e->ctx, (size_t)count, rung_dtype_size(dtype));
  if (!number) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < count; i++) rg_store(dtype, number, i, (rung_dd){x[i], 0});
  rung_status status = rg_onnx_array(&e->onnx, name, &shape, number);
  rg_free(e->ctx, number);
  return status;
}

/* (x - mean) * scale as nodes of a graph of its own. */
static rung_status put_normalisation(exporter *e) {
  const rung_network *n = e->network;
  rung_graph *g;
  RG_TRY(put_doubles(e, "mean", n->mean, n->normalised));
  RG_TRY(put_doubles(e, "scale", n->scale, n->normalised));
  RG_TRY(rung_graph_create(e->ctx, &g));
  rung_node in[3] = {RUNG_NONE, rung_input(g, "mean", 1, &n->normalised),
                     rung_input(g, "scale", 1, &n->normalised)};
  const rg_onnx_name name[3] = {"input", "mean", "scale"};
  rung_status status = rg_part_states(n, g, 0, e->onnx.samples, "input", in);
  if (status == RUNG_OK) {
    rung_node y = rung_mul(g, rung_sub(g, in[0], in[1]), in[2]);
    status = rg_onnx_nodes(&e->onnx, g, 3, in, name, 1, &y, e->state);
  }
  rung_graph_destroy(g);
  return status;
}

/* Scores as numbers in their units, likewise: y * scale + mean. */
static rung_status put_units(exporter *e) {
  const rung_network *n = e->network;
  rung_graph *g;
  if (!rg_has_units(n)) return RUNG_OK;
  RG_TRY(put_doubles(e, "target_mean", n->target_mean, n->outputs));
  RG_TRY(put_doubles(e, "target_scale", n->target_scale, n->outputs));
  RG_TRY(rung_graph_create(e->ctx, &g));
  const rung_node in[3] = {rung_input(g, "score", 2, (int64_t[]){e->onnx.samples, n->outputs}),
                           rung_input(g, "target_mean", 1, &n->outputs),
                           rung_input(g, "target_scale", 1, &n->outputs)};
  rg_onnx_name name[3] = {"", "target_mean", "target_scale"};
  memcpy(name[0], e->state[0], sizeof name[0]);
  rung_node y = rung_add(g, rung_mul(g, in[0], in[2]), in[1]);
  rung_status status =
      rg_onnx_nodes(&e->onnx, g, 3, in, (const rg_onnx_name *)name, 1, &y, e->state);
  rung_graph_destroy(g);
  return status;
}

/* The names of the classes as one line of text. */
static rung_status put_file(exporter *e, char **out, size_t *length) {
  const rung_network *n = e->network;
  rg_text classes;
  rg_text_init(&classes, e->ctx);
  rg_text_add(&classes, "[");
  for (int64_t i = 0; n->class_name && i < n->outputs; i++) {
    if (i) rg_text_add(&classes, ", ");
    rg_text_json(&classes, n->class_name[i]);
  }
  rg_text_add(&classes, "]");
  rung_status status = rg_text_status(&classes);
  const char *const about[][2] = {{"architecture", n->settings.architecture},
                                  {"classes", classes.data}};
  if (status == RUNG_OK)
    status = rg_onnx_file(&e->onnx, &n->sample, n->outputs, e->state[0], n->class_name ? 2 : 1,
                          about, out, length);
  rg_text_free(&classes);
  return status;
}

static rung_status export(const rung_network *network, rung_context *ctx, char **out,
                          size_t *length) {
  exporter e = {.network = network, .ctx = ctx};
  rg_onnx_init(&e.onnx, ctx, network->dtype);
  e.mixed = rg_alloc(ctx, rg_mixed_bytes(network), 1);
  rung_status status = e.mixed ? put_normalisation(&e) : RUNG_E_MEMORY;
  for (int i = 0; status == RUNG_OK && i < network->blocks.count; i++) status = put_block(&e, i);
  if (status == RUNG_OK) status = put_units(&e);
  if (status == RUNG_OK) status = put_file(&e, out, length);
  rg_onnx_free(&e.onnx);
  rg_free(ctx, e.mixed);
  return status;
}

rung_status rung_network_export_onnx(const rung_network *network, rung_context *ctx,
                                     const rung_export_options *options, char **out,
                                     size_t *length) {
  rung_export_options o;
  rung_network *cut = NULL;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_export_check(ctx, options, true, &o));
  if (network->dtype == RUNG_DD)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED,
                   "export to ONNX: it has no arithmetic like quad; C has (--format c)");
  if (o.exit) RG_TRY(rg_network_cut(network, ctx, o.exit, &cut));
  rung_status status = export(cut ? cut : network, ctx, out, length);
  rung_network_destroy(cut);
  return status;
}
