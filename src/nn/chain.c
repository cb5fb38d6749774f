/* Networks: from a list of blocks to tensors and numbers. */
#include "nn/chain.h"

#include <math.h>
#include <string.h>

#include "nn/arch/arch.h"
#include "nn/builder.h"
#include "nn/module.h"
#include "nn/network.h"
#include "num/qr.h"

#define MOST_BLOCKS 4096
/* Any number of samples shows what shapes blocks give. */
#define SHOWN_SAMPLES 2

rung_network_settings rung_network_settings_default(void) {
  return (rung_network_settings){.architecture = "mlp",
                                 .block = "resnet",
                                 .time = 1,
                                 .gamma = 1e-4,
                                 .groups = 8,
                                 .opening_kernel = 3,
                                 .opening_stride = 1};
}

bool rg_state_fixed(const rung_network *n, int block) {
  bool own = block < n->blocks.count && rg_is_reversible(&n->blocks.list[block]);
  bool before = block > 0 && rg_is_reversible(&n->blocks.list[block - 1]);
  return n->settings.fixed && (own || before);
}

void rg_layer_nodes(const rg_variable *tensor, int64_t layers, int64_t layer, int64_t *low,
                    double *share) {
  *low = layer;
  *share = 0;
  if (tensor->nodes == layers) return;
  double at = ((double)layer + 0.5) / (double)layers * (double)(tensor->nodes - 1);
  *low = (int64_t)at;
  if (*low > tensor->nodes - 2) *low = tensor->nodes - 2;
  *share = at - (double)*low;
}

/* ---- declaring: shapes and tensors ---- */

typedef struct declaration {
  rung_context *ctx;
  rung_network *network;
  rg_variable *found; /* of all blocks, in the order of asking */
  bool *statistic;
  int count, capacity;
} declaration;

static rung_status grow(declaration *d) {
  if (d->count < d->capacity) return RUNG_OK;
  int capacity = d->capacity ? 2 * d->capacity : 32;
  rg_variable *found = rg_realloc(d->ctx, d->found, (size_t)capacity, sizeof *found);
  if (!found) return RUNG_E_MEMORY;
  d->found = found;
  bool *statistic = rg_realloc(d->ctx, d->statistic, (size_t)capacity, sizeof *statistic);
  if (!statistic) return RUNG_E_MEMORY;
  d->statistic = statistic;
  d->capacity = capacity;
  return RUNG_OK;
}

static rung_status keep_asked(declaration *d, int block, const rg_asked *asked) {
  const rg_block *b = &d->network->blocks.list[block];
  RG_TRY(grow(d));
  rg_variable *v = &d->found[d->count];
  *v = (rg_variable){.shape = asked->shape,
                     .count = rung_shape_count(&asked->shape),
                     .nodes = b->nodes && !asked->statistic ? b->nodes : b->layers,
                     .block = block,
                     .begin = asked->begin,
                     .scale = asked->scale,
                     .decays = asked->decays};
  memcpy(v->name, asked->name, sizeof v->name);
  if (v->shape.rank == RUNG_MAX_RANK && v->nodes > 1)
    return rg_fail(d->ctx, RUNG_E_SHAPE, "the tensor %s has too many dimensions", v->name);
  d->statistic[d->count++] = asked->statistic;
  return RUNG_OK;
}

/* The shape behind the samples' axis. */
static rung_status without_samples(rung_graph *g, const rg_block *block, rung_node node,
                                   rung_shape *out) {
  rung_shape shape = rung_node_shape(g, node);
  char text[RG_SHAPE_TEXT];
  if (shape.rank < 1 || shape.dim[0] != SHOWN_SAMPLES)
    return rg_fail(rung_graph_context(g), RUNG_E_SHAPE,
                   "block %s: what it gives, %s, has no samples on the first axis", block->name,
                   rg_shape_text(&shape, text));
  *out = (rung_shape){.rank = shape.rank - 1};
  for (int i = 1; i < shape.rank; i++) out->dim[i - 1] = shape.dim[i];
  return RUNG_OK;
}

/* The shapes of what goes into block i of the list, exits among them, and of what comes out. */
static rung_shape *shapes_before(const rung_network *n, int i) {
  int exit = i - n->blocks.count;
  return exit < 0 ? n->state_shape[i] : n->exit_shape[2 * (size_t)exit];
}

static rung_shape *shapes_behind(const rung_network *n, int i) {
  int exit = i - n->blocks.count;
  return exit < 0 ? n->state_shape[i + 1] : n->exit_shape[2 * (size_t)exit + 1];
}

static rung_status check_states(const declaration *d, int i) {
  const rg_block *b = &d->network->blocks.list[i];
  int before = i ? d->network->blocks.list[i - 1].states_out : 1;
  bool counts = b->states_in == before && b->states_out >= 1 && b->states_out <= RG_MOST_STATES;
  if (rg_is_reversible(b)) counts = counts && b->states_in == 2 && b->states_out == 2;
  if (i == d->network->blocks.count - 1) counts = counts && b->states_out == 1;
  if (i == d->network->blocks.count - 1) counts = counts && b->layers == 1 && b->nodes == 0;
  if (!counts)
    return rg_fail(d->ctx, RUNG_E_ARGUMENT,
                   "block %s: it is given %d states, takes %d and gives %d, which does not go "
                   "together",
                   b->name, before, b->states_in, b->states_out);
  if (b->layers < 1 || b->nodes < 0 || b->nodes == 1 || (b->nodes > 1 && b->layers == 1) ||
      (b->layers > 1 && b->states_in != b->states_out))
    return rg_fail(d->ctx, RUNG_E_ARGUMENT, "block %s: %lld layers with %lld nodes cannot be",
                   b->name, (long long)b->layers, (long long)b->nodes);
  return RUNG_OK;
}

/* Builds one layer of block i to see its tensors and what it gives. */
static rung_status declare_in_graph(declaration *d, int i, rung_graph *g) {
  rung_network *n = d->network;
  const rg_block *block = &n->blocks.list[i];
  rg_built built;
  for (int s = 0; s < block->states_in; s++) {
    rung_shape shape = shapes_before(n, i)[s];
    int64_t dims[RUNG_MAX_RANK] = {SHOWN_SAMPLES};
    for (int k = 0; k < shape.rank; k++) dims[k + 1] = shape.dim[k];
    built.in[s] = rung_input(g, "state", shape.rank + 1, dims);
    if (built.in[s] == RUNG_NONE) return d->ctx->status;
  }
  rg_builder b;
  rg_builder_begin(&b, g, block, true);
  rg_lie lie = {rg_state_fixed(n, i), rg_state_fixed(n, i + 1)};
  rung_status status = rg_build_layer(&b, lie, &built);
  for (int k = 0; status == RUNG_OK && k < b.count; k++) status = keep_asked(d, i, &b.asked[k]);
  for (int s = 0; status == RUNG_OK && s < block->states_out; s++)
    status = without_samples(g, block, built.out[s], &shapes_behind(n, i)[s]);
  n->of_block[i].random = b.key != RUNG_NONE;
  rg_builder_end(&b);
  return status;
}

static rung_status declare_block(declaration *d, int i) {
  rung_network *n = d->network;
  const rg_block *block = &n->blocks.list[i];
  if (i < n->blocks.count) RG_TRY(check_states(d, i)); /* exits follow from the chain */
  for (int k = 0; k < i; k++)
    if (!strcmp(n->blocks.list[k].name, block->name))
      return rg_fail(d->ctx, RUNG_E_ARGUMENT, "two blocks have the name %s", block->name);
  rung_graph *g;
  RG_TRY(rung_graph_create(d->ctx, &g));
  rung_status status = declare_in_graph(d, i, g);
  rung_graph_destroy(g);
  if (status != RUNG_OK || block->layers == 1) return status;
  char x[RG_SHAPE_TEXT], y[RG_SHAPE_TEXT];
  for (int s = 0; s < block->states_in; s++)
    if (!rg_shape_equal(&n->state_shape[i][s], &n->state_shape[i + 1][s]))
      return rg_fail(d->ctx, RUNG_E_SHAPE,
                     "block %s: layers that follow each other must keep the shape: %s in, %s out",
                     block->name, rg_shape_text(&n->state_shape[i][s], x),
                     rg_shape_text(&n->state_shape[i + 1][s], y));
  return RUNG_OK;
}

/* Those found that are statistics, or parameters that decay or not, behind those laid so far. */
static rung_status lay(const declaration *d, bool statistic, bool decays, rg_variable *list,
                       int *count, int64_t *numbers) {
  for (int i = 0; i < d->count; i++) {
    const rg_variable *v = &d->found[i];
    if (d->statistic[i] != statistic || (!statistic && v->decays != decays)) continue;
    if (v->nodes > (INT64_C(1) << 56) / v->count - *numbers)
      return rg_fail(d->ctx, RUNG_E_SHAPE, "the tensor %s is too large", v->name);
    list[*count] = *v;
    list[(*count)++].offset = *numbers;
    *numbers += v->count * v->nodes;
  }
  return RUNG_OK;
}

static rung_status list_of_block(rung_context *ctx, const rg_variable *list, int count, int block,
                                 int **out, int *length) {
  *length = 0;
  for (int i = 0; i < count; i++) *length += list[i].block == block;
  *out = rg_alloc(ctx, (size_t)*length, sizeof **out);
  if (!*out) return RUNG_E_MEMORY;
  int at = 0;
  for (int i = 0; i < count; i++)
    if (list[i].block == block) (*out)[at++] = i;
  return RUNG_OK;
}

static rung_status lay_variables(declaration *d) {
  rung_network *n = d->network;
  n->parameter = rg_calloc(d->ctx, (size_t)d->count, sizeof *n->parameter);
  n->statistic = rg_calloc(d->ctx, (size_t)d->count, sizeof *n->statistic);
  if (!n->parameter || !n->statistic) return RUNG_E_MEMORY;
  RG_TRY(lay(d, false, true, n->parameter, &n->parameter_count, &n->parameters));
  n->decaying = n->parameters;
  RG_TRY(lay(d, false, false, n->parameter, &n->parameter_count, &n->parameters));
  RG_TRY(lay(d, true, false, n->statistic, &n->statistic_count, &n->statistics));
  for (int i = 0; i < n->blocks.count + n->exits.count; i++) {
    rg_block_variables *of = &n->of_block[i];
    RG_TRY(list_of_block(d->ctx, n->parameter, n->parameter_count, i, &of->parameter,
                         &of->parameters));
    RG_TRY(list_of_block(d->ctx, n->statistic, n->statistic_count, i, &of->statistic,
                         &of->statistics));
  }
  return RUNG_OK;
}

static rung_status declare(declaration *d) {
  rung_network *n = d->network;
  n->state_shape[0][0] = n->sample;
  for (int i = 0; i < n->blocks.count; i++) RG_TRY(declare_block(d, i));
  const rung_shape *last = &n->state_shape[n->blocks.count][0];
  char text[RG_SHAPE_TEXT];
  if (last->rank != 1 || last->dim[0] != n->outputs)
    return rg_fail(d->ctx, RUNG_E_SHAPE, "the last block gives %s, not [%lld]",
                   rg_shape_text(last, text), (long long)n->outputs);
  for (int e = 0; e < n->exits.count; e++) {
    const rg_cut cut = rg_cut_behind(n, n->settings.exit_at[e]);
    memcpy(n->exit_shape[2 * (size_t)e], n->state_shape[cut.block], sizeof *n->exit_shape);
    RG_TRY(declare_block(d, n->blocks.count + e));
  }
  return lay_variables(d);
}

/* ---- making ---- */

static rung_status copy_settings(rung_network *n, const rung_network_settings *settings) {
  n->settings = *settings;
  const char **name[RG_NETWORK_STRINGS] = {&n->settings.architecture, &n->settings.block,
                                           &n->settings.integrator,   &n->settings.activation,
                                           &n->settings.norm,         &n->settings.head};
  for (int i = 0; i < RG_NETWORK_STRINGS; i++) {
    if (!*name[i]) continue;
    n->string[i] = rg_strdup(n->ctx, *name[i]);
    if (!n->string[i]) return RUNG_E_MEMORY;
    *name[i] = n->string[i];
  }
  for (int e = 0; e < RUNG_MOST_EXITS; e++) {
    const rg_head *head = e < settings->exits ? rg_exit_head(n->ctx, settings->exit_head[e]) : NULL;
    n->settings.exit_head[e] = head ? head->name : NULL;
  }
  return RUNG_OK;
}

/* Blocks' names are static strings, or come from the settings: then they are the network's own. */
static const char *own_string(const rung_network *n, const char *name) {
  for (int i = 0; i < RG_NETWORK_STRINGS; i++)
    if (name && n->string[i] && !strcmp(name, n->string[i])) return n->string[i];
  return name;
}

static rung_status prepare(rung_network *n, const rung_network_settings *settings,
                           const rg_blocks *blocks, const rg_blocks *exits) {
  size_t chain = (size_t)blocks->count, beside = (size_t)exits->count, count = chain + beside;
  RG_TRY(copy_settings(n, settings));
  n->blocks = (rg_blocks){.ctx = n->ctx, .count = blocks->count, .capacity = blocks->count};
  n->blocks.list = rg_alloc(n->ctx, count, sizeof *n->blocks.list);
  n->state_shape = rg_calloc(n->ctx, chain + 1 + 2 * beside, sizeof *n->state_shape);
  n->of_block = rg_calloc(n->ctx, count, sizeof *n->of_block);
  if (!n->blocks.list || !n->state_shape || !n->of_block) return RUNG_E_MEMORY;
  memcpy(n->blocks.list, blocks->list, chain * sizeof *blocks->list);
  n->exits = (rg_blocks){.ctx = n->ctx, .list = n->blocks.list + chain, .count = exits->count};
  if (beside) memcpy(n->exits.list, exits->list, beside * sizeof *exits->list);
  n->exit_shape = n->state_shape + chain + 1;
  for (size_t i = 0; i < count; i++) {
    rg_block_settings *s = &n->blocks.list[i].settings;
    s->activation = own_string(n, s->activation);
    s->norm = own_string(n, s->norm);
  }
  return RUNG_OK;
}

static rung_status check_request(rung_context *ctx, const rung_shape *sample, int64_t outputs,
                                 rung_dtype dtype) {
  rung_shape checked;
  if (sample->rank != 1 && sample->rank != 3)
    return rg_fail(ctx, RUNG_E_SHAPE,
                   "a sample has the shape [features] or [height][width][channels]; found %d "
                   "dimensions",
                   sample->rank);
  RG_TRY(rg_shape_make(ctx, "sample", sample->rank, sample->dim, &checked));
  if (outputs < 1 || outputs > 1 << 24)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "outputs: expected 1 to %d, found %lld", 1 << 24,
                   (long long)outputs);
  if (dtype > RUNG_DD) return rg_fail(ctx, RUNG_E_ARGUMENT, "precision: %d is none", (int)dtype);
  return RUNG_OK;
}

static rung_status make_declared(rung_context *ctx, const rung_network_settings *settings,
                                 const rg_blocks *blocks, const rg_blocks *exits,
                                 const rung_shape *sample, int64_t outputs, rung_dtype dtype,
                                 rung_network **out) {
  rung_network *n = rg_calloc(ctx, 1, sizeof *n);
  if (!n) return RUNG_E_MEMORY;
  n->ctx = ctx;
  n->sample = *sample;
  n->outputs = outputs;
  n->dtype = dtype;
  n->normalised = sample->dim[sample->rank - 1];
  declaration d = {.ctx = ctx, .network = n};
  rung_status status = prepare(n, settings, blocks, exits);
  if (status == RUNG_OK) status = declare(&d);
  rg_free(ctx, d.found);
  rg_free(ctx, d.statistic);
  if (status == RUNG_OK)
    *out = n;
  else
    rung_network_destroy(n);
  return status;
}

rung_status rg_network_declare(rung_context *ctx, const rung_network_settings *settings,
                               const rg_blocks *blocks, const rung_shape *sample, int64_t outputs,
                               rung_dtype dtype, rung_network **out) {
  rung_network_settings defaults = rung_network_settings_default();
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(check_request(ctx, sample, outputs, dtype));
  if (blocks->count < 1 || blocks->count > MOST_BLOCKS)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "a network has 1 to %d blocks, found %d", MOST_BLOCKS,
                   blocks->count);
  rg_blocks exits = {.ctx = ctx};
  if (!settings) settings = &defaults;
  rung_status status = rg_add_exits(ctx, settings, blocks, &exits);
  if (status == RUNG_OK)
    status = make_declared(ctx, settings, blocks, &exits, sample, outputs, dtype, out);
  rg_free(ctx, exits.list);
  return status;
}

rung_status rg_network_declare_settings(rung_context *ctx, const rung_network_settings *settings,
                                        const rung_shape *sample, int64_t outputs, rung_dtype dtype,
                                        rung_network **out) {
  *out = NULL;
  rung_clear_error(ctx);
  RG_TRY(check_request(ctx, sample, outputs, dtype));
  if (settings->stages < 0 || settings->stages > RUNG_MOST_STAGES)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "stages: expected 0 to %d, found %d", RUNG_MOST_STAGES,
                   settings->stages);
  if (!(settings->orthogonal >= 0 && isfinite(settings->orthogonal)))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "orthogonal: expected a number of at least 0, found %g",
                   settings->orthogonal);
  rung_network_settings own = *settings, defaults = rung_network_settings_default();
  if (!own.architecture) own.architecture = defaults.architecture;
  if (!own.block) own.block = defaults.block;
  const rg_architecture *architecture = rg_architecture_find(ctx, own.architecture);
  if (!architecture) return RUNG_E_ARGUMENT;
  rg_blocks blocks = {.ctx = ctx};
  rung_network_settings filled = own;
  rg_fill_stages(&filled, architecture);
  rung_status status = architecture->build(ctx, &filled, sample, outputs, &blocks);
  if (status == RUNG_OK)
    status = rg_network_declare(ctx, &own, &blocks, sample, outputs, dtype, out);
  rg_free(ctx, blocks.list);
  return status;
}

/* The numbers of a tensor as they begin: keyed by its name, counted by their place in it. */
static void begin_variable(const rung_network *n, const rg_variable *v, void *numbers,
                           uint64_t seed) {
  uint64_t purpose = rg_hash(RG_HASH_START, v->name, strlen(v->name));
  for (int64_t i = 0; i < v->count * v->nodes; i++) {
    double value = v->scale;
    if (v->begin == RG_BEGIN_ALIKE) value *= rg_normal(seed, purpose, (uint64_t)(i % v->count));
    if (v->begin == RG_BEGIN_NORMAL) value *= rg_normal(seed, purpose, (uint64_t)i);
    if (v->begin == RG_BEGIN_UNIFORM) value *= 2 * rg_uniform(seed, purpose, (uint64_t)i) - 1;
    rg_store(n->dtype, numbers, v->offset + i, (rung_dd){value, 0});
  }
}

/* The map of one layer as a row-major matrix: kernels [height][width][from][to] have a row for each
 * number they read, other matrices [to][from] one for each that they make. */
static rung_status begin_orthogonal(const rung_network *n, const rg_variable *v, int64_t node,
                                    uint64_t seed) {
  uint64_t purpose = rg_hash(RG_HASH_START, v->name, strlen(v->name));
  int64_t columns = v->shape.dim[v->shape.rank - 1];
  int64_t first = v->begin == RG_BEGIN_ALIKE ? 0 : node * v->count;
  double *matrix = rg_alloc(n->ctx, (size_t)v->count, sizeof *matrix);
  if (!matrix) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < v->count; i++)
    matrix[i] = rg_normal(seed, purpose, (uint64_t)(first + i));
  rung_status status = rg_orthogonal(n->ctx, v->count / columns, columns, matrix);
  for (int64_t i = 0; i < v->count && status == RUNG_OK; i++)
    rg_store(n->dtype, n->theta, v->offset + node * v->count + i,
             (rung_dd){n->settings.orthogonal * matrix[i], 0});
  rg_free(n->ctx, matrix);
  return status;
}

static rung_status begin_parameter(rung_network *n, const rg_variable *v, uint64_t seed) {
  bool matrix = v->decays && v->shape.rank >= 2;
  if (!(n->settings.orthogonal > 0 && matrix)) {
    begin_variable(n, v, n->theta, seed);
    return RUNG_OK;
  }
  for (int64_t node = 0; node < v->nodes; node++) RG_TRY(begin_orthogonal(n, v, node, seed));
  return RUNG_OK;
}

rung_status rg_network_begin(rung_network *n, uint64_t seed) {
  size_t size = rung_dtype_size(n->dtype), channels = (size_t)n->normalised;
  n->theta = rg_calloc(n->ctx, (size_t)n->parameters, size);
  n->running = rg_calloc(n->ctx, (size_t)n->statistics, size);
  n->mean = rg_calloc(n->ctx, channels, sizeof *n->mean);
  n->scale = rg_calloc(n->ctx, channels, sizeof *n->scale);
  n->target_mean = rg_calloc(n->ctx, (size_t)n->outputs, sizeof *n->target_mean);
  n->target_scale = rg_calloc(n->ctx, (size_t)n->outputs, sizeof *n->target_scale);
  if (!n->theta || !n->running || !n->mean || !n->scale || !n->target_mean || !n->target_scale)
    return RUNG_E_MEMORY;
  for (size_t i = 0; i < channels; i++) n->scale[i] = 1;
  for (int64_t i = 0; i < n->outputs; i++) n->target_scale[i] = 1;
  for (int i = 0; i < n->parameter_count; i++) RG_TRY(begin_parameter(n, &n->parameter[i], seed));
  for (int i = 0; i < n->statistic_count; i++)
    begin_variable(n, &n->statistic[i], n->running, seed);
  return RUNG_OK;
}

/* A network that was declared gets its numbers, or goes. */
static rung_status begin_or_destroy(rung_network **network, uint64_t seed) {
  rung_status status = rg_network_begin(*network, seed);
  if (status == RUNG_OK) return RUNG_OK;
  rung_network_destroy(*network);
  *network = NULL;
  return status;
}

rung_status rg_network_from_blocks(rung_context *ctx, const rung_network_settings *settings,
                                   const rg_blocks *blocks, const rung_shape *sample,
                                   int64_t outputs, rung_dtype dtype, uint64_t seed,
                                   rung_network **out) {
  RG_TRY(rg_network_declare(ctx, settings, blocks, sample, outputs, dtype, out));
  return begin_or_destroy(out, seed);
}

rung_status rung_network_create(rung_context *ctx, const rung_network_settings *settings,
                                const rung_shape *sample, int64_t outputs, rung_dtype dtype,
                                uint64_t seed, rung_network **out) {
  RG_TRY(rg_network_declare_settings(ctx, settings, sample, outputs, dtype, out));
  return begin_or_destroy(out, seed);
}

static void free_names(rung_network *n) {
  for (int64_t i = 0; n->class_name && i < n->outputs; i++) rg_free(n->ctx, n->class_name[i]);
  rg_free(n->ctx, n->class_name);
  n->class_name = NULL;
}

void rung_network_destroy(rung_network *n) {
  if (!n) return;
  free_names(n);
  for (int i = 0; n->of_block && i < n->blocks.count + n->exits.count; i++) {
    rg_free(n->ctx, n->of_block[i].parameter);
    rg_free(n->ctx, n->of_block[i].statistic);
  }
  for (int i = 0; i < RG_NETWORK_STRINGS; i++) rg_free(n->ctx, n->string[i]);
  void *owned[] = {n->of_block,  n->blocks.list, n->state_shape,  n->parameter,
                   n->statistic, n->theta,       n->running,      n->mean,
                   n->scale,     n->target_mean, n->target_scale, n->form};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) rg_free(n->ctx, owned[i]);
  rg_free(n->ctx, n);
}

/* ---- looking ---- */

rung_network_settings rung_network_get_settings(const rung_network *n) {
  return n->settings;
}

rung_shape rung_network_sample(const rung_network *n) {
  return n->sample;
}

int64_t rung_network_outputs(const rung_network *n) {
  return n->outputs;
}

rung_dtype rung_network_dtype(const rung_network *n) {
  return n->dtype;
}

int64_t rung_network_parameters(const rung_network *n) {
  return n->parameters;
}

int rung_network_tensors(const rung_network *n) {
  return n->parameter_count + n->statistic_count;
}

rung_status rung_network_tensor(const rung_network *n, rung_context *ctx, int index,
                                rung_tensor *out) {
  if (index < 0 || index >= rung_network_tensors(n))
    return rg_fail(ctx, RUNG_E_ARGUMENT, "tensor %d of a network with %d", index,
                   rung_network_tensors(n));
  bool statistic = index >= n->parameter_count;
  const rg_variable *v =
      statistic ? &n->statistic[index - n->parameter_count] : &n->parameter[index];
  char *numbers = statistic ? n->running : n->theta;
  *out = (rung_tensor){.name = v->name, .shape = v->shape, .statistic = statistic};
  if (numbers) out->data = numbers + (size_t)v->offset * rung_dtype_size(n->dtype);
  if (v->nodes == 1) return RUNG_OK;
  out->shape.rank = v->shape.rank + 1;
  out->shape.dim[0] = v->nodes;
  for (int i = 0; i < v->shape.rank; i++) out->shape.dim[i + 1] = v->shape.dim[i];
  return RUNG_OK;
}

const char *const *rung_network_classes(const rung_network *n) {
  return (const char *const *)n->class_name;
}

rung_status rung_network_set_classes(rung_network *n, rung_context *ctx, const char *const *names) {
  free_names(n);
  n->class_name = rg_calloc(n->ctx, (size_t)n->outputs, sizeof *n->class_name);
  bool failed = !n->class_name;
  for (int64_t i = 0; !failed && i < n->outputs; i++)
    failed = !(n->class_name[i] = rg_strdup(n->ctx, names[i]));
  if (!failed) return RUNG_OK;
  free_names(n);
  return rg_fail_memory(ctx, (size_t)n->outputs * sizeof *n->class_name);
}

void rung_network_normalisation(rung_network *n, double **mean, double **scale, int64_t *count) {
  *mean = n->mean;
  *scale = n->scale;
  *count = n->normalised;
}

void rung_network_target_normalisation(rung_network *n, double **mean, double **scale) {
  *mean = n->target_mean;
  *scale = n->target_scale;
}

bool rg_has_units(const rung_network *n) {
  bool plain = true;
  for (int64_t i = 0; i < n->outputs; i++)
    plain = plain && n->target_scale[i] == 1 && n->target_mean[i] == 0;
  return !plain;
}

const char *rung_network_form(const rung_network *n) {
  return n->form;
}

rung_status rung_network_set_form(rung_network *n, rung_context *ctx, const char *form) {
  char *copy = rg_strdup(n->ctx, form);
  if (!copy) return rg_fail_memory(ctx, strlen(form) + 1);
  rg_free(n->ctx, n->form);
  n->form = copy;
  return RUNG_OK;
}

rung_status rg_network_copy_description(const rung_network *from, rung_context *ctx,
                                        rung_network *to) {
  size_t entries = (size_t)from->normalised, outputs = (size_t)from->outputs;
  memcpy(to->mean, from->mean, entries * sizeof *to->mean);
  memcpy(to->scale, from->scale, entries * sizeof *to->scale);
  memcpy(to->target_mean, from->target_mean, outputs * sizeof *to->target_mean);
  memcpy(to->target_scale, from->target_scale, outputs * sizeof *to->target_scale);
  if (from->class_name)
    RG_TRY(rung_network_set_classes(to, ctx, (const char *const *)from->class_name));
  return from->form ? rung_network_set_form(to, ctx, from->form) : RUNG_OK;
}

rung_status rung_network_copy(const rung_network *n, rung_context *ctx, rung_network **out) {
  size_t size = rung_dtype_size(n->dtype);
  RG_TRY(rg_network_from_blocks(ctx, &n->settings, &n->blocks, &n->sample, n->outputs, n->dtype, 0,
                                out));
  memcpy((*out)->theta, n->theta, (size_t)n->parameters * size);
  memcpy((*out)->running, n->running, (size_t)n->statistics * size);
  rung_status status = rg_network_copy_description(n, ctx, *out);
  if (status == RUNG_OK) return RUNG_OK;
  rung_network_destroy(*out);
  *out = NULL;
  return status;
}

size_t rg_state_bytes(const rung_network *n, int block, int64_t samples) {
  size_t count = 0;
  int states = block < n->blocks.count ? n->blocks.list[block].states_in : 1;
  for (int s = 0; s < states; s++) count += (size_t)rung_shape_count(&n->state_shape[block][s]);
  return count * (size_t)samples * rung_dtype_size(n->dtype);
}
