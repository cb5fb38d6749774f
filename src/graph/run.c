/* Runs a program: steps in order, pieces of a step on the context's threads. */
#include <stdatomic.h>
#include <string.h>

#include "graph/program.h"

/* Below this many estimated operations a step is done by the calling thread alone. */
#define WORTH_THREADS 2e6

typedef struct run {
  const rung_program *program;
  rung_context *ctx;
  const rg_step *step;
  char *workspace;
  const void *const *inputs;
  void *const *outputs;
  atomic_int status;
} run;

static int64_t min64(int64_t x, int64_t y) {
  return x < y ? x : y;
}

static char *resolve(const run *r, const rg_place *place) {
  switch (place->space) {
  case RG_INPUT:
    return (char *)r->inputs[place->index] + place->offset;
  case RG_OUTPUT:
    return (char *)r->outputs[place->index] + place->offset;
  case RG_CONSTANT:
    return (char *)r->program->constants + place->offset;
  case RG_WORKSPACE:
  default:
    return r->workspace + place->offset;
  }
}

static char *scratch_of(const run *r, int slot) {
  return r->workspace + r->program->arena_bytes + (size_t)slot * r->program->slot_bytes;
}

static rung_kernel choose(const rung_kernels *kernels, rung_isa isa) {
  if (isa >= RUNG_ISA_AVX512 && kernels->avx512) return kernels->avx512;
  if (isa >= RUNG_ISA_AVX2 && kernels->avx2) return kernels->avx2;
  return kernels->portable;
}

static void keep_status(run *r, rung_status status) {
  if (status != RUNG_OK) atomic_store(&r->status, (int)status);
}

#define FILL(type)                                                                                 \
  do {                                                                                             \
    type *to = (type *)out, value = *(const type *)from;                                           \
    for (int64_t i = 0; i < count; i++) to[i] = value;                                             \
  } while (0)

static void fill(rung_dtype dtype, char *out, const char *from, int64_t count) {
  if (dtype == RUNG_F32)
    FILL(float);
  else if (dtype == RUNG_F64)
    FILL(double);
  else
    FILL(rung_dd);
}

/* Repeats the first `period` bytes: each copy doubles what there is. */
static void repeat(char *out, size_t period, size_t bytes) {
  for (size_t done = period; done < bytes; done *= 2)
    memcpy(out + done, out, done < bytes - done ? done : bytes - done);
}

/* `count` elements of the last dimension from the one at `array`. */
static void load_run(rung_dtype dtype, const rg_load *load, const char *array, int64_t count,
                     char *out) {
  if (load->stride[load->rank - 1])
    memcpy(out, array, (size_t)count * rung_dtype_size(dtype));
  else
    fill(dtype, out, array, count);
}

/* The element `at` of the broadcast array: its index in each dimension; where it lies. */
static int64_t locate(const rg_load *load, int64_t at, int64_t *index) {
  int64_t from = 0;
  for (int i = load->rank - 1; i >= 0; i--) {
    index[i] = at % load->dim[i];
    at /= load->dim[i];
    from += index[i] * load->stride[i];
  }
  return from;
}

/* Elements start .. start+count-1 of the broadcast array, run by run of its last dimension. */
static void load_tile(rung_dtype dtype, const rg_load *load, const char *array, int64_t start,
                      int64_t count, char *out) {
  size_t size = rung_dtype_size(dtype);
  int last = load->rank - 1;
  if (last < 0) {
    fill(dtype, out, array, count);
    return;
  }
  for (int64_t end = start + count; start < end;) {
    int64_t index[RUNG_MAX_RANK], from = locate(load, start, index);
    int64_t length = min64(load->dim[last] - index[last], end - start), loaded = length;
    load_run(dtype, load, array + (size_t)from * size, length, out);
    if (last > 0 && load->stride[last - 1] == 0 && length == load->dim[last]) { /* and again */
      loaded = min64((load->dim[last - 1] - index[last - 1]) * length, end - start);
      repeat(out, (size_t)length * size, (size_t)loaded * size);
    }
    out += (size_t)loaded * size;
    start += loaded;
  }
}

static void load_registers(const run *r, char *scratch, bool fixed, int64_t start, int64_t count) {
  const rg_step *step = r->step;
  for (int i = 0; i < step->loads; i++) {
    const rg_load *load = &step->load[i];
    if (load->fixed == fixed)
      load_tile(r->program->dtype, load, resolve(r, &load->place), start, count,
                scratch + (size_t)load->reg * step->register_bytes);
  }
}

static char *slot_at(const run *r, char *scratch, const rg_slot *slot, size_t begin) {
  return slot->reg >= 0 ? scratch + (size_t)slot->reg * r->step->register_bytes
                        : resolve(r, &slot->place) + begin;
}

static void fold_tile(const run *r, char *scratch, const rg_instruction *instruction, int64_t row,
                      int64_t rows, size_t begin) {
  const rg_step *step = r->step;
  const rg_reduction *reduction = &step->reduction[instruction->reduction];
  const rg_slot *in = &step->operand[instruction->first_operand];
  rg_fold fold = {.in = slot_at(r, scratch, in, begin),
                  .out = resolve(r, &reduction->blocks),
                  .lanes = scratch + reduction->lanes,
                  .row = row,
                  .rows = rows,
                  .length = step->length,
                  .inner = step->row};
  reduction->reducer->fold[r->program->dtype][r->ctx->isa](&fold);
}

static void run_tile(run *r, char *scratch, int64_t row, int64_t rows) {
  const rg_step *step = r->step;
  rung_dtype dtype = r->program->dtype;
  int64_t start = row * step->row, count = rows * step->row;
  size_t begin = (size_t)start * rung_dtype_size(dtype);
  load_registers(r, scratch, false, start, count);
  for (int i = 0; i < step->instructions; i++) {
    const rg_instruction *instruction = &step->instruction[i];
    if (instruction->reduction >= 0) {
      fold_tile(r, scratch, instruction, row, rows, begin);
      continue;
    }
    const void *in[RUNG_MAX_OPERANDS];
    for (int j = 0; j < instruction->operands; j++)
      in[j] = slot_at(r, scratch, &step->operand[instruction->first_operand + j], begin);
    rung_call call = {.count = count,
                      .out = slot_at(r, scratch, &instruction->out, begin),
                      .in = in,
                      .operands = instruction->operands,
                      .attr = &instruction->attr,
                      .pieces = 1,
                      .isa = r->ctx->isa,
                      .dtype = dtype};
    keep_status(r, choose(&instruction->kernels, r->ctx->isa)(&call));
  }
}

static void run_group(void *arg, int64_t piece, int slot) {
  run *r = arg;
  const rg_step *step = r->step;
  char *scratch = scratch_of(r, slot);
  int64_t in_span = (step->span + step->run - 1) / step->run; /* runs */
  int64_t runs = (step->rows + step->span - 1) / step->span * in_span;
  load_registers(r, scratch, true, 0, min64(step->tile, step->rows) * step->row);
  for (int64_t i = runs * piece / step->pieces; i < runs * (piece + 1) / step->pieces; i++) {
    int64_t span = i / in_span * step->span, row = span + i % in_span * step->run;
    int64_t end = min64(min64(row + step->run, span + step->span), step->rows);
    for (; row < end; row += step->tile) run_tile(r, scratch, row, min64(step->tile, end - row));
  }
}

/* What the parts of reductions gave becomes one. */
static void combine_blocks(const run *r) {
  const rg_step *step = r->step;
  size_t row = (size_t)step->row * rung_dtype_size(r->program->dtype);
  for (int i = 0; i < step->reductions; i++) {
    const rg_reduction *reduction = &step->reduction[i];
    char *blocks = resolve(r, &reduction->blocks), *out = resolve(r, &reduction->out);
    for (int64_t o = 0; reduction->count > 1 && o < step->outer; o++)
      reduction->reducer->combine[r->program->dtype](blocks + (size_t)(o * reduction->count) * row,
                                                     reduction->count, step->row,
                                                     out + (size_t)o * row);
  }
}

static void run_kernel(void *arg, int64_t piece, int slot) {
  run *r = arg;
  const rg_step *step = r->step;
  const void *in[RUNG_MAX_OPERANDS];
  for (int j = 0; j < step->operands; j++) in[j] = resolve(r, &step->in[j]);
  rung_call call = {.count = step->count,
                    .out = resolve(r, &step->out),
                    .in = in,
                    .operands = step->operands,
                    .attr = &step->attr,
                    .out_shape = &step->out_shape,
                    .in_shape = step->in_shape,
                    .piece = piece,
                    .pieces = step->pieces,
                    .scratch = scratch_of(r, slot),
                    .isa = r->ctx->isa,
                    .dtype = r->program->dtype};
  keep_status(r, choose(&step->kernels, r->ctx->isa)(&call));
}

rung_status rung_program_run(const rung_program *program, rung_context *ctx, void *workspace,
                             const void *const *inputs, void *const *outputs) {
  run r = {
      .program = program, .ctx = ctx, .workspace = workspace, .inputs = inputs, .outputs = outputs};
  if ((uintptr_t)workspace % RG_ALIGN)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "run: the workspace is not aligned to %d bytes", RG_ALIGN);
  for (int i = 0; i < program->steps; i++) {
    const rg_step *step = r.step = &program->step[i];
    int slots = step->work < WORTH_THREADS ? 1 : program->slots;
    rg_parallel_slots(ctx, slots, step->pieces, step->instructions ? run_group : run_kernel, &r);
    combine_blocks(&r);
    rung_status status = (rung_status)atomic_load(&r.status);
    if (status != RUNG_OK)
      return rg_fail(ctx, status, "%s: refused the values of its operands (an index out of range?)",
                     step->name);
  }
  return RUNG_OK;
}
