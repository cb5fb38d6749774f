/* Evaluation: the model's graph, compiled for a fixed number of points, run over chunks of points
 * on the context's threads. A point's result does not depend on the chunk it lies in. */
#include <string.h>

#include "nn/network.h"

struct rung_predictor {
  rung_context *ctx;
  rung_dtype dtype;
  int inputs, quantities;
  int64_t chunk;   /* points of a run */
  int64_t numbers; /* of the model: a measure of a point's work */
  rung_program *program;
  int arrays;         /* of the program: x, then the parameters */
  const void **array; /* [slots][arrays]; the first is set at each run */
  void *parameters;
  size_t parameter_bytes;
  int slots;
  size_t slot_bytes; /* workspace, then a padded x and y */
  char *memory;      /* [slots][slot_bytes] */
};

/* Points of a run: the widest layer's features stay near the core. */
static int64_t choose_chunk(const rung_model *model) {
  int64_t widest = 1;
  for (int k = 0; k < model->stage_count; k++)
    for (int l = 0; l < model->stage[k].layer_count; l++)
      if (model->stage[k].layer[l].width > widest) widest = model->stage[k].layer[l].width;
  int64_t fits = (1 << 19) / ((int64_t)rung_dtype_size(model->dtype) * widest) / 64 * 64;
  return fits < 64 ? 64 : fits > 1024 ? 1024 : fits;
}

/* The change of `y` as input `input` of the model changes. */
static rung_node differentiate(rung_graph *g, const rung_model *model, rung_node x, rung_node y,
                               int input) {
  int64_t points = rung_node_shape(g, x).dim[0];
  rung_node one = rung_broadcast(g, rung_constant(g, 1), 2, (int64_t[]){points, 1}), dy;
  rung_node tangent = rung_pad(g, one, 1, input, 1, model->inputs);
  return rung_jvp(g, 1, &x, &tangent, 1, &y, &dy) == RUNG_OK ? dy : RUNG_NONE;
}

/* Rows [1][points] as one array [rows][points]. */
static rung_node stack_rows(rung_graph *g, rung_node *row, int count) {
  while (count > 1) {
    int parts = 0;
    for (int i = 0; i < count; i += RUNG_MAX_OPERANDS) {
      int take = count - i < RUNG_MAX_OPERANDS ? count - i : RUNG_MAX_OPERANDS;
      rung_node joined[RUNG_MAX_OPERANDS];
      memcpy(joined, row + i, (size_t)take * sizeof *row);
      row[parts++] = rung_concat(g, take, joined, 0);
    }
    count = parts;
  }
  return row[0];
}

static rung_status check_quantities(const rung_model *model, rung_context *ctx, int count,
                                    const rung_quantity *quantity) {
  for (int i = 0; i < count; i++) {
    if (quantity[i][0] < 0 || quantity[i][0] >= model->outputs)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "predictor: output %d, but the model has %d",
                     quantity[i][0], model->outputs);
    int order = 0;
    while (order <= RUNG_MAX_ORDER && quantity[i][1 + order] != -1) {
      int input = quantity[i][1 + order++];
      if (input < 0 || input >= model->inputs)
        return rg_fail(ctx, RUNG_E_ARGUMENT, "predictor: derivative in input %d, but there are %d",
                       input, model->inputs);
    }
    if (order > RUNG_MAX_ORDER)
      return rg_fail(ctx, RUNG_E_ARGUMENT, "predictor: derivatives go to order %d", RUNG_MAX_ORDER);
  }
  return RUNG_OK;
}

/* The array [points][quantities] that the program gives. */
static rung_node build(const rung_predictor *p, const rung_model *model, rung_graph *g,
                       rg_parameters *parameters, const rung_quantity *quantity, rung_node *x) {
  *x = rung_input(g, "x", 2, (int64_t[]){p->chunk, model->inputs});
  rung_node s = rg_scaled_inputs(g, parameters, model, *x);
  rung_node y = rg_model_outputs(g, parameters, model, s);
  if (quantity && y != RUNG_NONE) {
    rung_node *row = rg_alloc(g->ctx, (size_t)p->quantities, sizeof *row);
    if (!row) return RUNG_NONE;
    for (int i = 0; i < p->quantities; i++) {
      rung_node value = y;
      for (int j = 1; quantity[i][j] != -1 && value != RUNG_NONE; j++)
        value = differentiate(g, model, *x, value, quantity[i][j]);
      row[i] = rung_slice(g, value, 0, quantity[i][0], 1, 1);
    }
    y = stack_rows(g, row, p->quantities);
    rg_free(g->ctx, row);
  }
  return rung_transpose(g, y, (int[]){1, 0});
}

static rung_status compile(rung_predictor *p, const rung_model *model, rung_context *ctx,
                           rung_graph *g, rg_parameters *parameters,
                           const rung_quantity *quantity) {
  rung_node x, y = build(p, model, g, parameters, quantity, &x);
  if (y == RUNG_NONE) return ctx->status != RUNG_OK ? ctx->status : RUNG_E_INTERNAL;
  p->arrays = 1 + parameters->count;
  rung_node *input = rg_alloc(ctx, (size_t)p->arrays, sizeof *input);
  p->array = rg_alloc(ctx, (size_t)p->arrays * (size_t)p->slots, sizeof *p->array);
  rung_status status = input && p->array ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK)
    status = rg_parameters_load(parameters, ctx, p->dtype, &p->parameters, p->array + 1,
                                &p->parameter_bytes);
  if (status == RUNG_OK) {
    input[0] = x;
    for (int i = 0; i < parameters->count; i++) input[1 + i] = parameters->list[i].node;
    int threads = ctx->threads;
    ctx->threads = 1; /* chunks, not steps, are shared out */
    rung_compile_options options = {.dtype = p->dtype};
    status = rung_compile(g, &options, p->arrays, input, 1, &y, &p->program);
    ctx->threads = threads;
  }
  rg_free(ctx, input);
  return status;
}

static size_t padded(const rung_predictor *p, int columns) {
  size_t bytes = (size_t)p->chunk * (size_t)columns * rung_dtype_size(p->dtype);
  return (bytes + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
}

static rung_status allocate(rung_predictor *p, rung_context *ctx) {
  size_t workspace = rung_program_bytes(p->program);
  workspace = (workspace + RG_ALIGN - 1) / RG_ALIGN * RG_ALIGN;
  p->slot_bytes = workspace + padded(p, p->inputs) + padded(p, p->quantities);
  for (int s = 1; s < p->slots; s++)
    memcpy(p->array + s * p->arrays, p->array, (size_t)p->arrays * sizeof *p->array);
  p->memory = rg_alloc(ctx, (size_t)p->slots, p->slot_bytes);
  return p->memory ? RUNG_OK : RUNG_E_MEMORY;
}

rung_status rung_predictor_create(const rung_model *model, rung_context *ctx, int count,
                                  const rung_quantity *quantity, rung_predictor **out) {
  *out = NULL;
  if (count < 0) return rg_fail(ctx, RUNG_E_ARGUMENT, "predictor: %d quantities", count);
  if (count == 0) quantity = NULL;
  RG_TRY(check_quantities(model, ctx, count, quantity));
  rung_predictor *p = rg_calloc(ctx, 1, sizeof *p);
  if (!p) return RUNG_E_MEMORY;
  *p = (rung_predictor){.ctx = ctx,
                        .dtype = model->dtype,
                        .inputs = model->inputs,
                        .quantities = count ? count : model->outputs,
                        .chunk = choose_chunk(model),
                        .numbers = rung_model_parameters(model),
                        .slots = rung_threads(ctx)};
  rung_graph *g = NULL;
  rg_parameters parameters = {.ctx = ctx};
  rung_status status = rung_graph_create(ctx, &g);
  if (status == RUNG_OK) status = compile(p, model, ctx, g, &parameters, quantity);
  if (status == RUNG_OK) status = allocate(p, ctx);
  rg_parameters_free(&parameters);
  rung_graph_destroy(g);
  if (status == RUNG_OK)
    *out = p;
  else
    rung_predictor_destroy(p);
  return status;
}

void rung_predictor_destroy(rung_predictor *p) {
  if (!p) return;
  rung_program_destroy(p->program);
  rg_free(p->ctx, p->parameters);
  rg_free(p->ctx, p->array);
  rg_free(p->ctx, p->memory);
  rg_free(p->ctx, p);
}

size_t rung_predictor_bytes(const rung_predictor *p) {
  return p->parameter_bytes + (size_t)p->slots * p->slot_bytes;
}

typedef struct prediction {
  const rung_predictor *p;
  const rung_context *ctx;
  int64_t points;
  const char *x;
  char *y;
} prediction;

static void predict_chunk(void *arg, int64_t piece, int slot) {
  const prediction *job = arg;
  const rung_predictor *p = job->p;
  rung_context ctx = *job->ctx; /* a thread's own */
  ctx.threads = 1;
  size_t size = rung_dtype_size(p->dtype);
  size_t row_x = (size_t)p->inputs * size, row_y = (size_t)p->quantities * size;
  int64_t start = piece * p->chunk, count = job->points - start;
  const char *x = job->x + (size_t)start * row_x;
  char *y = job->y + (size_t)start * row_y;
  char *own = p->memory + (size_t)slot * p->slot_bytes;
  char *pad_x = own + p->slot_bytes - padded(p, p->inputs) - padded(p, p->quantities);
  void *result = y;
  if (count < p->chunk) { /* the last points are repeated to fill the chunk */
    memcpy(pad_x, x, (size_t)count * row_x);
    for (int64_t i = count; i < p->chunk; i++)
      memcpy(pad_x + (size_t)i * row_x, x + (size_t)(count - 1) * row_x, row_x);
    x = pad_x;
    result = pad_x + padded(p, p->inputs);
  }
  const void **array = p->array + slot * p->arrays;
  array[0] = x;
  rung_program_run(p->program, &ctx, own, array, &result); /* no op here can refuse its operands */
  if (result != y) memcpy(y, result, (size_t)count * row_y);
}

rung_status rung_predict(rung_predictor *p, rung_context *ctx, int64_t points, const void *x,
                         void *y) {
  if (points < 0) return rg_fail(ctx, RUNG_E_ARGUMENT, "predict: %lld points", (long long)points);
  prediction job = {p, ctx, points, x, y};
  bool worth = (double)points * (double)p->numbers > 2e6; /* else waking threads costs more */
  rg_parallel_slots(ctx, worth ? p->slots : 1, (points + p->chunk - 1) / p->chunk, predict_chunk,
                    &job);
  return RUNG_OK;
}
