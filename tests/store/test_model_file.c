/* Model files come back with every bit; damaged ones are refused or load, and never crash. */
#include "models.h"

#include <stdio.h>
#include <unistd.h>

#include "rung/network.h"
#include "store/safetensors.h"

static const model_kind kinds[] = {
    {RUNG_F64, 1, 1, 2, 1, RG_TANH, true}, {RUNG_F32, 2, 1, 1, 2, RG_SIN, false},
    {RUNG_DD, 3, 2, 3, 2, RG_TANH, true},  {RUNG_F32, 3, 2, 3, 1, RG_SIN, true},
    {RUNG_F64, 1, 3, 0, 1, RG_TANH, true},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void assert_same_numbers(const double *a, const double *b, int64_t count) {
  assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void assert_same_stage(const rung_model *m, const rg_stage *a, const rg_stage *b) {
  assert_int_equal(a->layer_count, b->layer_count);
  assert_int_equal(a->has_skip, b->has_skip);
  for (int l = 0; l < a->layer_count; l++) {
    const rg_layer *x = &a->layer[l], *y = &b->layer[l];
    assert_int_equal(x->activation, y->activation);
    assert_int_equal(x->width, y->width);
    assert_int_equal(x->inputs, y->inputs);
    assert_same_numbers(x->weight, y->weight, x->width * x->inputs);
    assert_same_numbers(x->bias, y->bias, x->width);
  }
  assert_same_numbers(a->head, b->head, m->outputs * a->layer[a->layer_count - 1].width);
  if (a->has_skip) assert_same_numbers(a->skip, b->skip, (int64_t)m->outputs * m->inputs);
  assert_same_numbers(a->bias, b->bias, m->outputs);
  assert_same_numbers(a->eps, b->eps, m->outputs);
  assert_same_numbers(&a->frequency, &b->frequency, 1);
  assert_same_numbers(&a->training_error, &b->training_error, 1);
  assert_same_numbers(&a->heldout_error, &b->heldout_error, 1);
  assert_int_equal(a->points, b->points);
}

static void assert_same_model(const rung_model *a, const rung_model *b) {
  assert_int_equal(a->dtype, b->dtype);
  assert_int_equal(a->inputs, b->inputs);
  assert_int_equal(a->outputs, b->outputs);
  for (int i = 0; i < a->inputs; i++) assert_string_equal(a->input_name[i], b->input_name[i]);
  for (int i = 0; i < a->outputs; i++) assert_string_equal(a->output_name[i], b->output_name[i]);
  assert_same_numbers(a->centre, b->centre, a->inputs);
  assert_same_numbers(a->scale, b->scale, a->inputs);
  assert_same_numbers(a->low, b->low, a->inputs);
  assert_same_numbers(a->high, b->high, a->inputs);
  assert_same_numbers(&a->noise, &b->noise, 1);
  if (a->made_by)
    assert_string_equal(a->made_by, b->made_by);
  else
    assert_null(b->made_by);
  assert_int_equal(a->stage_count, b->stage_count);
  for (int k = 0; k < a->stage_count; k++) assert_same_stage(a, &a->stage[k], &b->stage[k]);
}

static void files_keep_every_bit(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  close(mkstemp(path));
  for (size_t i = 0; i < KINDS; i++) {
    rung_model *m = random_model(ctx, &kinds[i], i), *back, *copy;
    rg_free(ctx, m->input_name[0]);
    m->input_name[0] = rg_strdup(ctx, "\"Temperatur\" [\xc2\xb0"
                                      "C]\\\t");
    if (i % 2) m->made_by = rg_strdup(ctx, "rung fit, seed 1");
    void *first, *second;
    size_t length, again;
    assert_ok(ctx, rung_model_save_memory(m, ctx, &first, &length));
    assert_ok(ctx, rung_model_load_memory(ctx, "memory", first, length, &back));
    assert_same_model(m, back);
    assert_ok(ctx, rung_model_save_memory(back, ctx, &second, &again));
    assert_int_equal(length, again);
    assert_memory_equal(first, second, length);
    rung_model_destroy(back);
    assert_ok(ctx, rung_model_save(m, ctx, path));
    assert_ok(ctx, rung_model_load(ctx, path, &back));
    assert_same_model(m, back);
    assert_ok(ctx, rung_model_copy(back, ctx, &copy));
    assert_same_model(m, copy);
    rung_model_destroy(copy);
    rung_model_destroy(back);
    rung_model_destroy(m);
    rg_free(ctx, first);
    rg_free(ctx, second);
  }
  unlink(path);
}

static void accessors_tell_what_is_there(void **state) {
  rung_context *ctx = *state;
  rung_model *m = random_model(ctx, &(model_kind){RUNG_DD, 3, 2, 3, 2, RG_SIN, true}, 1);
  assert_int_equal(rung_model_dtype(m), RUNG_DD);
  assert_int_equal(rung_model_inputs(m), 3);
  assert_int_equal(rung_model_outputs(m), 2);
  assert_string_equal(rung_model_input_name(m, 2), "x3");
  assert_string_equal(rung_model_output_name(m, 0), "y1");
  assert_null(rung_model_input_name(m, 3));
  assert_null(rung_model_output_name(m, -1));
  assert_int_equal(rung_model_stages(m), 3);
  double low, high;
  rung_model_range(m, 1, &low, &high);
  assert_true(low == m->low[1] && high == m->high[1]);
  rung_stage_info info;
  assert_ok(ctx, rung_model_stage(m, ctx, 1, &info));
  assert_int_equal(info.width, 10);
  assert_int_equal(info.layers, 2);
  assert_string_equal(info.activation, "sin");
  assert_true(info.eps == ldexp(1, -9));
  /* 8 features of 3 inputs, 10 of 8, 2 outputs of 10 + 3 + 1 */
  assert_int_equal(info.parameters, 8 * 4 + 10 * 9 + 2 * 14);
  int64_t all = rung_model_parameters(m);
  double *kept = m->stage[2].head;
  assert_ok(ctx, rung_model_drop_stage(m, ctx, 1));
  assert_int_equal(rung_model_parameters(m), all - info.parameters);
  assert_ptr_equal(m->stage[1].head, kept);
  assert_error(ctx, rung_model_drop_stage(m, ctx, 2), RUNG_E_ARGUMENT, "stages 0 to 1");
  rung_model_destroy(m);
}

static void replaced_stages_leave_the_others(void **state) {
  rung_context *ctx = *state;
  model_kind kind = {RUNG_F64, 2, 1, 3, 1, RG_TANH, false};
  rung_model *m = random_model(ctx, &kind, 1), *before;
  assert_ok(ctx, rung_model_copy(m, ctx, &before));
  assert_ok(ctx, rg_model_replace_stage(m, ctx, 1, random_stage(ctx, &kind, 1, 77)));
  assert_same_stage(m, &m->stage[0], &before->stage[0]);
  assert_same_stage(m, &m->stage[2], &before->stage[2]);
  assert_memory_not_equal(m->stage[1].head, before->stage[1].head, sizeof(double));
  rung_clear_error(ctx);
  assert_error(ctx, rg_model_replace_stage(m, ctx, 3, random_stage(ctx, &kind, 1, 77)),
               RUNG_E_ARGUMENT, "stages 0 to 2");
  rung_model_destroy(before);
  rung_model_destroy(m);
}

/* Loads bytes that may be anything. The copy is of exactly this size, so that the address
 * sanitizer sees a read behind its end. */
static rung_status load_any(rung_context *ctx, const char *bytes, size_t length) {
  char *exact = malloc(length ? length : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, length);
  rung_model *m;
  rung_clear_error(ctx);
  rung_status status = rung_model_load_memory(ctx, "damaged", exact, length, &m);
  if (status == RUNG_OK) {
    assert_int_equal(rg_model_check(m, ctx, "loaded"), RUNG_OK);
  } else {
    assert_null(m);
    assert_non_null(strstr(rung_error(ctx), "damaged: "));
  }
  rung_model_destroy(m);
  free(exact);
  return status;
}

static void cut_files_are_refused(void **state) {
  rung_context *ctx = *state;
  for (size_t i = 0; i < KINDS; i++) {
    rung_model *m = random_model(ctx, &kinds[i], i);
    void *bytes;
    size_t length;
    assert_ok(ctx, rung_model_save_memory(m, ctx, &bytes, &length));
    for (size_t cut = 0; cut < length; cut++) assert_int_not_equal(load_any(ctx, bytes, cut), 0);
    char *longer = calloc(1, length + 1);
    memcpy(longer, bytes, length);
    assert_int_not_equal(load_any(ctx, longer, length + 1), 0);
    free(longer);
    rg_free(ctx, bytes);
    rung_model_destroy(m);
  }
}

static void flipped_bytes_do_not_crash(void **state) {
  rung_context *ctx = *state;
  rung_model *m = random_model(ctx, &(model_kind){RUNG_F64, 1, 1, 1, 1, RG_TANH, true}, 3);
  char *bytes;
  size_t length;
  assert_ok(ctx, rung_model_save_memory(m, ctx, (void **)&bytes, &length));
  for (size_t at = 0; at < length; at++) {
    char kept = bytes[at];
    for (int bit = 0; bit < 8; bit++) {
      bytes[at] = (char)(kept ^ (1 << bit));
      load_any(ctx, bytes, length);
    }
    const char *digits = "09-\",[]{} ";
    for (const char *c = digits; *c; c++) {
      bytes[at] = *c;
      load_any(ctx, bytes, length);
    }
    bytes[at] = kept;
  }
  assert_int_equal(load_any(ctx, bytes, length), RUNG_OK);
  rg_free(ctx, bytes);
  rung_model_destroy(m);
}

/* ---- headers written by hand ---- */

static rung_status read_text(rung_context *ctx, const char *header, size_t data) {
  size_t length = strlen(header);
  char *bytes = calloc(1, 8 + length + data);
  for (int i = 0; i < 8; i++) bytes[i] = (char)(length >> (8 * i));
  memcpy(bytes + 8, header, length);
  rg_tensors set;
  rung_clear_error(ctx);
  rung_status status = rg_tensors_read_memory(&set, ctx, "t.st", bytes, 8 + length + data);
  rg_tensors_free(&set);
  free(bytes);
  return status;
}

static void messages_name_file_and_tensor(void **state) {
  rung_context *ctx = *state;
  assert_int_equal(read_text(ctx, "{}", 0), RUNG_OK);
  assert_int_equal(
      read_text(ctx, "{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}", 16),
      RUNG_OK);
  static const struct {
    const char *header;
    size_t data;
    rung_status status;
    const char *message;
  } cases[] = {
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}", 15, RUNG_E_FORMAT,
       "t.st: tensor \"a\": its data should be bytes 0 to 16, but the file holds 15"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}", 17, RUNG_E_FORMAT,
       "the tensors hold 16 bytes, but there are 17"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[8,24]}}", 24, RUNG_E_FORMAT,
       "gap"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[4,12]}}",
       12, RUNG_E_FORMAT, "tensor \"b\": its data overlap"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,16]}}", 16, RUNG_E_FORMAT,
       "16 bytes do not hold its 3 elements of F64"},
      {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}", 6, RUNG_E_UNSUPPORTED,
       "found BF16"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1e15,1e15],\"data_offsets\":[0,16]}}", 16,
       RUNG_E_FORMAT, "product of the dimensions"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0,
       RUNG_E_FORMAT, "whole number"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4503599627370496,512],\"data_offsets\":[0,0]}}", 0,
       RUNG_E_FORMAT, "do not hold"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,8]}}", 8,
       RUNG_E_FORMAT, "more than 6"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1.5],\"data_offsets\":[0,12]}}", 12, RUNG_E_FORMAT,
       "whole number"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[-1],\"data_offsets\":[0,0]}}", 0, RUNG_E_FORMAT,
       "whole number"},
      {"{\"a\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0]}}", 0, RUNG_E_FORMAT,
       "data_offsets"},
      {"{\"a\":{\"dtype\":\"F64\",\"data_offsets\":[0,0]}}", 0, RUNG_E_FORMAT, "\"shape\""},
      {"{\"a\":7}", 0, RUNG_E_FORMAT, "expected an object"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
       0, RUNG_E_FORMAT, "occurs twice"},
      {"{\"__metadata__\":{\"k\":1}}", 0, RUNG_E_FORMAT, "metadata \"k\": expected text"},
      {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, RUNG_E_FORMAT, "metadata \"k\""},
      {"{\"a\":", 0, RUNG_E_FORMAT, "not valid JSON"},
      {"{} {}", 0, RUNG_E_FORMAT, "not one JSON object"},
      {"[1,2]", 0, RUNG_E_FORMAT, "not a safetensors file"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_error(ctx, read_text(ctx, cases[i].header, cases[i].data), cases[i].status,
                 cases[i].message);
}

/* Writes the model's set with one thing changed by `change`, and loads it. */
typedef void (*change_fn)(rg_tensors *set);

static rung_status load_changed(rung_context *ctx, change_fn change) {
  rung_model *m = random_model(ctx, &(model_kind){RUNG_F64, 2, 1, 1, 1, RG_TANH, true}, 3);
  void *bytes, *changed;
  size_t length;
  rg_tensors set;
  assert_ok(ctx, rung_model_save_memory(m, ctx, &bytes, &length));
  rung_model_destroy(m);
  assert_ok(ctx, rg_tensors_read_memory(&set, ctx, "m.safetensors", bytes, length));
  rg_free(ctx, bytes);
  change(&set);
  assert_ok(ctx, rg_tensors_write_memory(&set, &changed, &length));
  rg_tensors_free(&set);
  rung_clear_error(ctx);
  rung_status status = rung_model_load_memory(ctx, "m.safetensors", changed, length, &m);
  rung_model_destroy(m);
  rg_free(ctx, changed);
  return status;
}

static void set_text(rg_tensors *set, const char *key, const char *value) {
  for (int i = 0; i < set->meta_count; i++) {
    if (strcmp(set->meta[2 * i], key) != 0) continue;
    rg_free(set->ctx, set->meta[2 * i + 1]);
    set->meta[2 * i + 1] = rg_strdup(set->ctx, value);
  }
}

static rg_tensor *tensor_of(rg_tensors *set, const char *name) {
  return set->tensor + (rg_tensors_find(set, name) - set->tensor);
}

static void newer_version(rg_tensors *set) {
  set_text(set, "version", "2");
}
static void other_format(rg_tensors *set) {
  set_text(set, "format", "pt");
}
static void other_precision(rg_tensors *set) {
  set_text(set, "precision", "single");
}
static void no_precision(rg_tensors *set) {
  set_text(set, "precision", "half");
}
static void other_activation(rg_tensors *set) {
  set_text(set, "stage.0.activations", "relu");
}
static void more_layers(rg_tensors *set) {
  set_text(set, "stage.0.activations", "tanh tanh");
}
static void more_stages(rg_tensors *set) {
  set_text(set, "stages", "2");
}
static void fewer_stages(rg_tensors *set) {
  set_text(set, "stages", "0");
}
static void bad_names(rg_tensors *set) {
  set_text(set, "inputs", "[\"a\", 3]");
}
static void other_inputs(rg_tensors *set) {
  set_text(set, "inputs", "[\"a\"]");
}
static void not_finite(rg_tensors *set) {
  ((double *)tensor_of(set, "stage.0.head")->data)[3] = INFINITY;
}
static void other_shape(rg_tensors *set) {
  rg_tensor *t = tensor_of(set, "stage.0.skip");
  t->shape.dim[0] = 2;
  t->shape.dim[1] = 1;
}

static void models_that_do_not_fit_are_refused(void **state) {
  rung_context *ctx = *state;
  static const struct {
    change_fn change;
    rung_status status;
    const char *message;
  } cases[] = {
      {newer_version, RUNG_E_UNSUPPORTED, "m.safetensors: model file version 2"},
      {other_format, RUNG_E_FORMAT, "found pt"},
      {other_precision, RUNG_E_FORMAT, "tensor \"centre\": expected F32 [2], found F64 [2]"},
      {no_precision, RUNG_E_FORMAT, "expected single, double or quad, found \"half\""},
      {other_activation, RUNG_E_FORMAT, "metadata \"stage.0.activations\": expected tanh or sin"},
      {more_layers, RUNG_E_FORMAT, "no tensor \"stage.0.layer.1.weight\""},
      {more_stages, RUNG_E_FORMAT, "no metadata \"stage.1.activations\""},
      {fewer_stages, RUNG_E_FORMAT, "expected the 5 tensors of a model with 0 stages, found 15"},
      {bad_names, RUNG_E_FORMAT, "metadata \"inputs\": expected a JSON list of names"},
      {other_inputs, RUNG_E_FORMAT, "tensor \"centre\": expected F64 [1], found F64 [2]"},
      {not_finite, RUNG_E_FORMAT, "stage.0.head: expected finite numbers, found inf at index 3"},
      {other_shape, RUNG_E_FORMAT,
       "tensor \"stage.0.skip\": expected F64 [1, 2], found F64 [2, 1]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_error(ctx, load_changed(ctx, cases[i].change), cases[i].status, cases[i].message);
}

static void sets_of_all_types_come_back(void **state) {
  rung_context *ctx = *state;
  rg_tensors set, back;
  rg_tensors_init(&set, ctx);
  uint8_t bytes[3] = {1, 2, 255};
  float floats[3] = {1.5f, -0.0f, 3e-45f};
  int64_t counts[2] = {INT64_MIN, INT64_MAX};
  assert_ok(ctx, rg_tensors_add(&set, "bytes", RG_TENSOR_U8, 1, (int64_t[]){3}, bytes));
  assert_ok(ctx, rg_tensors_add_view(&set, "floats", RG_TENSOR_F32, 2, (int64_t[]){3, 1}, floats));
  assert_ok(ctx, rg_tensors_add(&set, "counts", RG_TENSOR_I64, 1, (int64_t[]){2}, counts));
  assert_ok(ctx, rg_tensors_add(&set, "none", RG_TENSOR_F64, 2, (int64_t[]){0, 4}, NULL));
  assert_ok(ctx, rg_tensors_add_f64(&set, "pi", 3.25));
  assert_ok(ctx, rg_tensors_add_text(&set, "note", "two\nlines"));
  assert_error(ctx, rg_tensors_add_f64(&set, "pi", 3), RUNG_E_ARGUMENT, "twice");
  void *file;
  size_t length;
  assert_ok(ctx, rg_tensors_write_memory(&set, &file, &length));
  assert_int_equal(*(uint64_t *)file % 8, 0);
  assert_ok(ctx, rg_tensors_read_memory(&back, ctx, "set", file, length));
  rg_free(ctx, file);
  assert_memory_equal(rg_tensors_find(&back, "bytes")->data, bytes, 3);
  assert_memory_equal(rg_tensors_find(&back, "floats")->data, floats, 12);
  assert_memory_equal(rg_tensors_find(&back, "counts")->data, counts, 16);
  assert_int_equal(rg_tensors_find(&back, "none")->count, 0);
  assert_string_equal(rg_tensors_text(&back, "note"), "two\nlines");
  double pi;
  assert_ok(ctx, rg_tensors_get_f64(&back, "pi", &pi));
  assert_true(pi == 3.25);
  rung_clear_error(ctx);
  assert_error(ctx, rg_tensors_get_f64(&back, "counts", &pi), RUNG_E_FORMAT,
               "set: tensor \"counts\": expected F64 [], found I64 [2]");
  rg_tensors_free(&back);
  rg_tensors_free(&set);
}

/* ---- against Python's safetensors package ---- */

static const char *python_with_safetensors(void) {
  static const char *candidates[] = {"python3", "/usr/bin/python3", "/usr/local/bin/python3"};
  for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
    char command[200];
    snprintf(command, sizeof command, "%s -c 'import safetensors.numpy' 2>/dev/null",
             candidates[i]);
    if (system(command) == 0) return candidates[i];
  }
  return NULL;
}

static void python_reads_it(void **state) {
  rung_context *ctx = *state;
  const char *python = python_with_safetensors();
  if (!python) skip();
  char path[] = "/tmp/rung-test-XXXXXX", command[600];
  close(mkstemp(path));
  rung_model *m = random_model(ctx, &kinds[2], 5);
  assert_ok(ctx, rung_model_save(m, ctx, path));
  snprintf(command, sizeof command,
           "%s -c \"import json, safetensors\n"
           "f = safetensors.safe_open('%s', 'np')\n"
           "assert f.metadata()['format'] == 'rung-model'\n"
           "assert json.loads(f.metadata()['inputs']) == ['x1', 'x2', 'x3']\n"
           "w = f.get_tensor('stage.1.layer.0.weight')\n"
           "assert w.shape == (8, 3) and w.dtype == 'float64'\n"
           "assert w[7, 2].hex() == float.fromhex('%a').hex()\n\"",
           python, path, m->stage[1].layer[0].weight[23]);
  assert_int_equal(system(command), 0);
  rung_model_destroy(m);
  unlink(path);
}

/* By the metadata; the rest of the file is for those who load it. */
static void kinds_are_told(void **state) {
  rung_context *ctx = *state;
  static const char *formats[] = {"rung-model", "rung-network", "rung-state", NULL};
  for (int i = 0; i < 4; i++) {
    char path[] = "/tmp/rung-test-XXXXXX";
    rg_tensors set;
    rung_model_kind kind = RUNG_MODEL_STAGES;
    close(mkstemp(path));
    rg_tensors_init(&set, ctx);
    if (formats[i]) assert_ok(ctx, rg_tensors_add_text(&set, "format", formats[i]));
    assert_ok(ctx, rg_tensors_write(&set, path));
    rg_tensors_free(&set);
    rung_clear_error(ctx);
    rung_status status = rung_model_kind_of(ctx, path, &kind);
    unlink(path);
    if (i < 2) {
      assert_ok(ctx, status);
      assert_int_equal(kind, i == 0 ? RUNG_MODEL_STAGES : RUNG_MODEL_NETWORK);
    } else {
      assert_error(ctx, status, RUNG_E_FORMAT,
                   i == 2 ? "\"rung-network\" in its metadata, found rung-state" : "found none");
    }
  }
}

/* Files of before are read still; the fuzz targets, which begin with them, would not tell. */
static void kept_files_are_read(void **state) {
  static const char *const kept[] = {"double", "no-stages", "quad", "single"};
  rung_context *ctx = *state;
  rung_model *model;
  char path[4096];
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    snprintf(path, sizeof path, RG_CORPUS "/model/%s.safetensors", kept[i]);
    assert_ok(ctx, rung_model_load(ctx, path, &model));
    rung_model_destroy(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(files_keep_every_bit),
      TEST(accessors_tell_what_is_there),
      TEST(replaced_stages_leave_the_others),
      TEST(cut_files_are_refused),
      TEST(flipped_bytes_do_not_crash),
      TEST(messages_name_file_and_tensor),
      TEST(models_that_do_not_fit_are_refused),
      TEST(sets_of_all_types_come_back),
      TEST(python_reads_it),
      TEST(kinds_are_told),
      TEST(kept_files_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
