#include "nn/weights_c.h"

#include <stdio.h>
#include <string.h>

#include "nn/network.h"

rung_status rg_weights_c(rg_c_file *file, const rung_network *n, int block, char letter,
                         int index) {
  const rg_block_variables *of = &n->of_block[block];
  bool parameter = letter == 'w';
  const rg_variable *v =
      parameter ? &n->parameter[of->parameter[index]] : &n->statistic[of->statistic[index]];
  int64_t layers = n->blocks.list[block].layers;
  size_t bytes = (size_t)v->count * rung_dtype_size(n->dtype);
  int tensors = parameter ? of->parameters : of->statistics;
  char name[32];
  snprintf(name, sizeof name, "%c%d_%d", letter, block, index);
  char *all = rg_alloc(file->ctx, (size_t)layers, bytes);
  char *mixed = rg_alloc(file->ctx, rg_mixed_bytes(n), 1);
  const void **into = rg_alloc(file->ctx, (size_t)tensors, sizeof *into);
  bool done = all && mixed && into;
  for (int64_t j = 0; done && j < layers; j++) {
    if (parameter)
      rg_layer_parameters(n, block, j, n->theta, mixed, into);
    else
      rg_layer_statistics(n, block, j, n->running, into);
    memcpy(all + (size_t)j * bytes, into[index], bytes);
  }
  if (done) rg_c_file_numbers(file, name, all, layers * v->count);
  rg_free(file->ctx, all);
  rg_free(file->ctx, mixed);
  rg_free(file->ctx, into);
  return done ? rg_text_status(&file->code) : RUNG_E_MEMORY;
}

rung_status rg_doubles_c(rg_c_file *file, const char *name, const double *x, int64_t count) {
  void *number = rg_alloc(file->ctx, (size_t)count, rung_dtype_size(file->dtype));
  if (!number) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < count; i++) rg_store(file->dtype, number, i, (rung_dd){x[i], 0});
  rg_c_file_numbers(file, name, number, count);
  rg_free(file->ctx, number);
  return RUNG_OK;
}
