/* The C functions that run a module's training: what users of the file call. */
#include <stdlib.h>
#include <string.h>

#include "nn/network.h"
#include "nn/weights_c.h"
#include "store/export.h"
#include "train/device.h"

typedef long long wide;

static rg_text *code(rg_device *d) {
  return &d->file.code;
}

static wide place_of(const rg_device *d, int array) {
  return (wide)d->array[array].at;
}

/* The parameter or statistic that an argument of a layer's function is. */
static wide variable_at(const rg_device *d, int block, int64_t layer, char letter, int index) {
  const rg_block_variables *of = &d->part->of_block[block];
  bool parameter = letter == 'w';
  const rg_variable *v = parameter ? &d->part->parameter[of->parameter[index]]
                                   : &d->part->statistic[of->statistic[index]];
  wide first = (wide)rg_device_marks(d);
  if (!parameter) first += (wide)(d->part->parameters * (1 + d->descent->states));
  return first + (wide)(v->offset + layer * v->count);
}

static int index_of(const char *name) {
  return atoi(name + 1);
}

/* ---- one sample in inference ---- */

/* A layer of the frozen blocks (whose numbers are constants) or of the module. */
static void put_single_layer(rg_device *d, bool frozen, int block, int64_t layer, const int *from,
                             const int *to) {
  const rg_device_function *f = frozen ? &d->frozen[block] : &d->infer[block];
  rg_text *t = code(d);
  rg_text_printf(t, "  rg_%s(", f->name);
  for (int i = 0; i < f->ins; i++) {
    char letter = f->in_name[i][0];
    int index = index_of(f->in_name[i]);
    if (!f->used[i]) continue;
    if (letter == 's') {
      rg_text_printf(t, "b + %lld, ", place_of(d, from[index]));
    } else if (!frozen) {
      rg_text_printf(t, "b + %lld, ", variable_at(d, block, layer, letter, index));
    } else {
      const rg_block_variables *of = &d->whole->of_block[block];
      const rg_variable *v = letter == 'w' ? &d->whole->parameter[of->parameter[index]]
                                           : &d->whole->statistic[of->statistic[index]];
      rg_text_printf(t, "rg_%c%d_%d + %lld, ", letter, block, index, (wide)(layer * v->count));
    }
  }
  for (int i = 0; i < f->outs; i++)
    rg_text_printf(t, "b + %lld, ", place_of(d, to[index_of(f->out_name[i])]));
  rg_text_printf(t, "b + %lld);\n", place_of(d, d->single_work));
}

static void put_normalised(rg_device *d, const char *to) {
  rg_text_printf(code(d),
                 "  for (i = 0; i < $I; i++)\n"
                 "    %s[i] = rg_mul_$S(rg_sub_$S(x[i], rg_mean[i %% %lld]), "
                 "rg_scale[i %% %lld]);\n",
                 to, (wide)d->whole->normalised, (wide)d->whole->normalised);
}

/* The states at the cut, joined along their last axis, become what the module is given. */
static void put_joined(rg_device *d, const int *from) {
  const int block = d->frozen_blocks - 1;
  const rg_device_function *f = &d->frozen[block];
  const rung_shape *whole = &d->part->sample;
  int64_t all = whole->dim[whole->rank - 1], first = 0;
  for (int s = 0; s < f->outs; s++) {
    /* A stage keeps the shapes of its states; behind a block they are the next one's. */
    const rung_shape *shape = &d->whole->state_shape[block + 1][s];
    if (d->frozen_layers < d->whole->blocks.list[block].layers)
      shape = &d->whole->state_shape[block][s];
    int64_t own = shape->dim[shape->rank - 1];
    rg_text_printf(code(d),
                   "  for (i = 0; i < %lld; i++)\n"
                   "    to[i / %lld * %lld + %lld + i %% %lld] = b[%lld + i];\n",
                   (wide)f->count[s], (wide)own, (wide)all, (wide)first, (wide)own,
                   place_of(d, from[s]));
    first += own;
  }
}

static void put_before(rg_device *d) {
  int from = 0;
  rg_text_add(code(d),
              "\n/* A sample as it is given becomes what the module is given. */\n"
              "static void rg_before($T *b, const $T *x, $T *to) {\n  int i;\n  (void)b;\n");
  if (!d->frozen_blocks) {
    put_normalised(d, "to");
  } else {
    rg_text_printf(code(d), "  $T *s = b + %lld;\n", place_of(d, d->single[0][0]));
    put_normalised(d, "s");
    for (int i = 0; i < d->frozen_blocks; i++) {
      int64_t layers =
          i < d->frozen_blocks - 1 ? d->whole->blocks.list[i].layers : d->frozen_layers;
      for (int64_t j = 0; j < layers; j++, from = 1 - from)
        put_single_layer(d, true, i, j, d->single[from], d->single[1 - from]);
    }
    put_joined(d, d->single[from]);
  }
  rg_text_add(code(d), "}\n");
}

static void put_predict(rg_device *d) {
  const int *from = &d->entry, *to = d->single[0];
  rg_text *t = code(d);
  rg_text_printf(t,
                 "\nvoid %s_predict(void *block, const $T *x, $T *y) {\n  $T *b = block;\n"
                 "  int i;\n  rg_before(b, x, b + %lld);\n",
                 d->file.name, place_of(d, d->entry));
  for (int l = 0; l < d->layers; l++) {
    put_single_layer(d, false, d->layer[l].block, d->layer[l].layer, from, to);
    from = to;
    to = from == d->single[0] ? d->single[1] : d->single[0];
  }
  rg_text_printf(t, "  for (i = 0; i < $O; i++) y[i] = b[%lld + i];\n", place_of(d, from[0]));
  if (d->training->loss != RUNG_CROSS_ENTROPY)
    rg_text_add(t,
                "  for (i = 0; i < $O; i++)\n"
                "    y[i] = rg_add_$S(rg_mul_$S(y[i], rg_target_scale[i]), rg_target_mean[i]);\n");
  rg_text_add(t, "}\n");
  rg_text_printf(t,
                 "\nint %s_largest(const $T *y) {\n  int i, best = 0;\n"
                 "  for (i = 1; i < $O; i++)\n"
                 "    if (rg_to_double_$S(rg_less_$S(y[best], y[i])) != 0.0) best = i;\n"
                 "  return best;\n}\n",
                 d->file.name);
}

/* ---- a step ---- */

/* A layer forwards or back. */
static void put_layer(rg_device *d, int l, bool back) {
  const rg_device_layer *at = &d->layer[l];
  const rg_device_function *f = back ? &d->backward[at->block] : &d->forward[at->block];
  rg_text *t = code(d);
  rg_text_printf(t, "  rg_%s(", f->name);
  for (int i = 0; i < f->ins; i++) {
    char letter = f->in_name[i][0];
    int index = index_of(f->in_name[i]);
    if (!f->used[i]) continue;
    if (letter == 'q')
      rg_text_add(t, "rg_penalty, ");
    else
      rg_text_printf(t, "b + %lld, ",
                     letter == 's'   ? place_of(d, at->state[index])
                     : letter == 'c' ? place_of(d, d->layer[l + 1].cotangent[index])
                                     : variable_at(d, at->block, at->layer, letter, index));
  }
  for (int i = 0; i < f->outs; i++) {
    char letter = f->out_name[i][0];
    int index = index_of(f->out_name[i]);
    rg_text_printf(t, "b + %lld, ",
                   letter == 't'   ? place_of(d, d->layer[l + 1].state[index])
                   : letter == 'n' ? place_of(d, at->next[index])
                   : letter == 'g' ? place_of(d, at->gradient[index])
                                   : place_of(d, at->cotangent[index]));
  }
  rg_text_printf(t, "b + %lld);\n", place_of(d, back ? at->backward_work : at->forward_work));
}

static void put_statistics(rg_device *d, int l) {
  const rg_device_layer *at = &d->layer[l];
  const rg_device_function *f = &d->forward[at->block];
  for (int i = 0; i < f->outs; i++) {
    if (f->out_name[i][0] != 'n') continue;
    int index = index_of(f->out_name[i]);
    rg_text_printf(code(d), "  memcpy(b + %lld, b + %lld, %lld * sizeof *b);\n",
                   variable_at(d, at->block, at->layer, 'r', index), place_of(d, at->next[index]),
                   (wide)f->count[i]);
  }
}

static void put_changes(rg_device *d, int l) {
  const rg_device_layer *at = &d->layer[l];
  const rg_block_variables *of = &d->part->of_block[at->block];
  for (int i = 0; i < of->parameters; i++) {
    const rg_variable *v = &d->part->parameter[of->parameter[i]];
    rg_text_printf(code(d), "  rg_descend(b, %lld, %lld, b + %lld, scalar[%d]);\n",
                   variable_at(d, at->block, at->layer, 'w', i), (wide)v->count,
                   place_of(d, at->gradient[i]), v->decays ? 0 : 1);
  }
}

/* Runs the function of one parameter's change over many. The results are not the operands' arrays:
 * what is read may not be written before. */
static void put_descend(rg_device *d) {
  const rg_device_function *f = &d->update;
  wide parameters = (wide)d->part->parameters;
  rg_text *t = code(d);
  rg_text_add(t, "\n/* Parameters from `at` on, changed by their gradients. */\n"
                 "static void rg_descend($T *b, int at, int count, const $T *gradient,\n"
                 "    const $T *scalar) {\n"
                 "  int i;\n  (void)scalar;\n");
  rg_text_printf(t, "  for (i = 0; i < count; i++) {\n    $T next[%d];\n    rg_%s(", f->outs,
                 f->name);
  for (int i = 0; i < f->ins; i++) {
    int index = index_of(f->in_name[i]);
    if (!f->used[i]) continue;
    if (f->in_name[i][0] == 'q')
      rg_text_printf(t, "scalar + %d, ", index);
    else if (f->in_name[i][0] == 'w' && index == 1)
      rg_text_add(t, "gradient + i, ");
    else
      rg_text_printf(t, "b + at + i + %lld, ",
                     f->in_name[i][0] == 'w' ? 0 : parameters * (index + 1));
  }
  for (int i = 0; i < f->outs; i++) rg_text_printf(t, "next + %d, ", i);
  rg_text_printf(t, "b + %lld);\n", place_of(d, d->update_work));
  for (int i = 0; i < f->outs; i++)
    rg_text_printf(t, "    b[at + i + %lld] = next[%d];\n", parameters * i, i);
  rg_text_add(t, "  }\n}\n");
}

static bool uses_scalar(const rg_device *d, int scalar) {
  const rg_device_function *f = &d->update;
  for (int i = 0; i < f->ins; i++)
    if (f->in_name[i][0] == 'q' && index_of(f->in_name[i]) == scalar) return f->used[i];
  return false;
}

/* Sets what changes from step to step, as the library's optimisers do. */
static void put_scalars(rg_device *d) {
  const rung_training *s = d->training;
  const double decay[] = {s->decay1, s->decay2};
  rg_text *t = code(d);
  if (uses_scalar(d, RG_DESCENT_FIRST) || uses_scalar(d, RG_DESCENT_SECOND))
    rg_text_add(t, "\nstatic double rg_whole_power(double base, uint32_t exponent) {\n"
                   "  double value = 1.0;\n"
                   "  for (; exponent > 0; exponent >>= 1, base *= base)\n"
                   "    if (exponent & 1) value *= base;\n"
                   "  return value;\n}\n");
  rg_text_printf(t,
                 "\nstatic void rg_scalars(double rate, uint32_t step, $T scalar[2][%d]) {\n"
                 "  int i;\n  (void)step;\n  for (i = 0; i < 2; i++) {\n"
                 "    scalar[i][%d] = rg_from_double_$S(rate);\n"
                 "    scalar[i][%d] = rg_from_double_$S(i ? 0.0 : rate * ",
                 RG_DESCENT_SCALARS, RG_DESCENT_RATE, RG_DESCENT_DECAY);
  rg_text_hex(t, s->weight_decay, "");
  rg_text_printf(t, ");\n    scalar[i][%d] = rg_from_double_$S(1.0);\n", RG_DESCENT_SCALE);
  for (int i = 0; i < 2; i++) {
    rg_text_printf(t, "    scalar[i][%d] = rg_from_double_$S(", RG_DESCENT_FIRST + i);
    if (uses_scalar(d, RG_DESCENT_FIRST + i)) {
      rg_text_add(t, "1.0 - rg_whole_power(");
      rg_text_hex(t, decay[i], "");
      rg_text_add(t, ", step)");
    } else {
      rg_text_add(t, "0.0");
    }
    rg_text_add(t, ");\n");
  }
  rg_text_add(t, "  }\n}\n");
}

/* Numbers to be met are normalised first; classes are taken as they are. */
static void put_loss(rg_device *d) {
  const rg_device_layer *last = &d->layer[d->layers];
  bool classes = d->training->loss == RUNG_CROSS_ENTROPY;
  rg_text *t = code(d);
  if (!classes)
    rg_text_printf(t,
                   "  for (i = 0; i < $N_BATCH * $O; i++)\n"
                   "    b[%lld + i] = rg_div_$S(rg_sub_$S(target[i], rg_target_mean[i %% $O]),\n"
                   "        rg_target_scale[i %% $O]);\n",
                   place_of(d, d->target));
  rg_text_printf(t, "  rg_loss(b + %lld, ", place_of(d, last->state[0]));
  if (classes)
    rg_text_add(t, "target, ");
  else
    rg_text_printf(t, "b + %lld, ", place_of(d, d->target));
  rg_text_printf(t,
                 "b + %lld, b + %lld, b + %lld);\n"
                 "  *loss = b[%lld];\n"
                 "  if (rg_to_double_$S(*loss) - rg_to_double_$S(*loss) != 0.0) return 2;\n",
                 place_of(d, d->loss_value), place_of(d, last->cotangent[0]),
                 place_of(d, d->loss_work), place_of(d, d->loss_value));
}

static void put_check_labels(rg_device *d) {
  if (d->training->loss != RUNG_CROSS_ENTROPY) return;
  rg_text_add(code(d),
              "  for (i = 0; i < $N_BATCH; i++) {\n"
              "    double label = rg_to_double_$S(target[i]);\n"
              "    if (!(label >= 0.0 && label < $O && label == (double)(int)label)) return 1;\n"
              "  }\n");
}

static void put_step(rg_device *d) {
  rg_text *t = code(d);
  rg_text_printf(t,
                 "\nint %s_step(void *block, const $T *x, const $T *target, double rate,\n"
                 "    $T *loss) {\n"
                 "  $T *b = block, scalar[2][%d];\n"
                 "  uint32_t mark[4];\n  int i;\n",
                 d->file.name, RG_DESCENT_SCALARS);
  put_check_labels(d);
  rg_text_printf(t,
                 "  memcpy(mark, b, sizeof mark);\n"
                 "  mark[1]++;\n"
                 "  rg_scalars(rate, mark[1], scalar);\n"
                 "  for (i = 0; i < $N_BATCH; i++)\n"
                 "    rg_before(b, x + i * $I, b + %lld + i * %lld);\n",
                 place_of(d, d->layer[0].state[0]), (wide)rung_shape_count(&d->part->sample));
  for (int l = 0; l < d->layers; l++) put_layer(d, l, false);
  put_loss(d);
  for (int l = 0; l < d->layers; l++) put_statistics(d, l);
  for (int l = d->layers - 1; l >= 0; l--) {
    put_layer(d, l, true);
    put_changes(d, l);
  }
  rg_text_add(t, "  memcpy(b, mark, sizeof mark);\n  return 0;\n}\n");
}

/* ---- the state ---- */

/* The marks: what program the state belongs to, its steps, the sum of all else. */
static void put_state(rg_device *d) {
  rg_text *t = code(d);
  wide marks = (wide)rg_device_marks(d), parameters = (wide)d->part->parameters;
  wide optimiser = parameters * d->descent->states;
  uint64_t print = rg_hash(RG_HASH_START, t->data, t->length);
  rg_text_printf(t,
                 "\nvoid %s_begin(void *block) {\n"
                 "  $T *b = block;\n  uint32_t mark[4] = {0x%08lxu, 0, 0, 0};\n",
                 d->file.name, (unsigned long)(print & 0xffffffff));
  if (optimiser) rg_text_add(t, "  int i;\n");
  rg_text_printf(t,
                 "  memcpy(b, mark, sizeof mark);\n"
                 "  memcpy(b + %lld, rg_theta, sizeof rg_theta);\n",
                 marks);
  if (optimiser)
    rg_text_printf(t, "  for (i = 0; i < %lld; i++) b[%lld + i] = rg_from_double_$S(0.0);\n",
                   optimiser, marks + parameters);
  if (d->part->statistics)
    rg_text_printf(t, "  memcpy(b + %lld, rg_running, sizeof rg_running);\n",
                   marks + parameters + optimiser);
  rg_text_printf(t,
                 "}\n"
                 "\n/* CRC-32 of the state but for the mark that holds it. */\n"
                 "static uint32_t rg_state_sum(const unsigned char *at) {\n"
                 "  uint32_t sum = 0xffffffffu;\n"
                 "  long i;\n"
                 "  int bit;\n"
                 "  for (i = 0; i < $N_STATE_BYTES; i++) {\n"
                 "    if (i >= 8 && i < 12) continue;\n"
                 "    sum ^= at[i];\n"
                 "    for (bit = 0; bit < 8; bit++)\n"
                 "      sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1u)));\n"
                 "  }\n"
                 "  return ~sum;\n"
                 "}\n"
                 "\nvoid %s_seal(void *block) {\n"
                 "  uint32_t sum = rg_state_sum(block);\n"
                 "  memcpy((char *)block + 8, &sum, sizeof sum);\n"
                 "}\n"
                 "\nint %s_intact(const void *block) {\n"
                 "  uint32_t mark[4];\n"
                 "  memcpy(mark, block, sizeof mark);\n"
                 "  return mark[0] == 0x%08lxu && mark[2] == rg_state_sum(block);\n"
                 "}\n",
                 d->file.name, d->file.name, (unsigned long)(print & 0xffffffff));
}

/* ---- numbers ---- */

static rung_status put_normalisation(rg_device *d) {
  const rung_network *n = d->whole;
  RG_TRY(rg_doubles_c(&d->file, "mean", n->mean, n->normalised));
  RG_TRY(rg_doubles_c(&d->file, "scale", n->scale, n->normalised));
  if (d->training->loss == RUNG_CROSS_ENTROPY) return RUNG_OK;
  RG_TRY(rg_doubles_c(&d->file, "target_mean", n->target_mean, n->outputs));
  return rg_doubles_c(&d->file, "target_scale", n->target_scale, n->outputs);
}

static rung_status put_frozen(rg_device *d) {
  for (int block = 0; block < d->frozen_blocks; block++) {
    const rg_device_function *f = &d->frozen[block];
    for (int i = 0; i < f->ins; i++)
      if (f->used[i] && f->in_name[i][0] != 's')
        RG_TRY(rg_weights_c(&d->file, d->whole, block, f->in_name[i][0], index_of(f->in_name[i])));
  }
  return RUNG_OK;
}

static rung_status put_numbers(rg_device *d) {
  rung_network *n = d->part;
  RG_TRY(put_normalisation(d));
  RG_TRY(put_frozen(d));
  rg_c_file_numbers(&d->file, "theta", n->theta, n->parameters);
  if (n->statistics) rg_c_file_numbers(&d->file, "running", n->running, n->statistics);
  if (n->transport == RG_TRANSPORT_NONE) return RUNG_OK;
  return rg_doubles_c(&d->file, "penalty", (double[]){1 / (2 * d->training->tau)}, 1);
}

/* ---- the file ---- */

static void put_head(rg_device *d) {
  wide size = (wide)rung_dtype_size(d->part->dtype);
  const char *name = d->file.name;
  rg_text_printf(
      &d->file.comment,
      "%s: training of module %d of %d of a network (%s) in %s precision by %s, in\n"
      " * batches of %lld, written by Rung %s. All memory is one block that the caller gives,\n"
      " * aligned as numbers are; what it holds at first does not matter. Its first part is the\n"
      " * state: what has to be kept to go on later. No input or output, no threads.\n"
      " *   begin: the state as it was exported\n"
      " *   step: one batch x of samples, before they are normalised, with their targets (%s);\n"
      " *     loss becomes that before the step. Returns 0; or, the state being as it was, 1 "
      "where\n"
      " *     a target is no class and 2 where the loss is not finite\n"
      " *   predict: the scores (or numbers) y of one sample; largest: the index of the largest\n"
      " *   seal: to be called before the state is copied away; intact: 1 where the block begins\n"
      " *     with a state of this program as it was sealed",
      name, d->module, d->whole->exits.count + 1, d->whole->settings.architecture,
      rung_dtype_name(d->part->dtype), d->descent->name, (wide)d->training->batch, rung_version(),
      d->training->loss == RUNG_CROSS_ENTROPY ? "classes, from 0" : "numbers");
  rg_text_printf(&d->file.prototypes,
                 "#define $N_BATCH %lld\n"
                 "#define $N_STATE_BYTES %lld\n"
                 "#define $N_BLOCK_BYTES %lld\n"
                 "void %s_begin(void *block);\n"
                 "int %s_step(void *block, const $T *x, const $T *target, double rate, $T *loss);\n"
                 "void %s_predict(void *block, const $T *x, $T *y);\n"
                 "int %s_largest(const $T *y);\n"
                 "void %s_seal(void *block);\n"
                 "int %s_intact(const void *block);\n",
                 (wide)d->training->batch, (wide)d->state * size, (wide)d->total * size, name, name,
                 name, name, name, name);
}

rung_status rg_device_text(rg_device *d) {
  put_head(d);
  RG_TRY(put_numbers(d));
  rg_graph_c_helpers(&d->needs, code(d));
  rg_text_add(code(d), d->functions.data);
  put_before(d);
  put_predict(d);
  put_descend(d);
  put_scalars(d);
  put_step(d);
  RG_TRY(rg_text_status(code(d)));
  put_state(d);
  return rg_text_status(code(d));
}
