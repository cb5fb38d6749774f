/* Networks: what they begin as, files that keep every bit, and what is refused. */
#include "rung/network.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "nn/chain.h"
#include "test.h"

static const rung_shape sample = {.rank = 3, .dim = {2, 2, 3}};

static rung_network_settings small(void) {
  rung_network_settings s = rung_network_settings_default();
  s.stages = 2;
  s.channels[0] = 5;
  s.channels[1] = 4;
  s.layers[0] = s.layers[1] = 1;
  s.norm = "batch";
  return s;
}

static rung_network *make(rung_context *ctx, rung_dtype dtype, uint64_t seed) {
  rung_network_settings s = small();
  rung_network *n;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 3, dtype, seed, &n));
  return n;
}

/* A tensor's first numbers depend on seed and name, not on what else there is. */
static void beginnings_depend_on_seed_and_name(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = small();
  rung_network *a = make(ctx, RUNG_F64, 1), *b = make(ctx, RUNG_F64, 2), *shallow;
  s.stages = 1;
  assert_ok(ctx, rung_network_create(ctx, &s, &sample, 3, RUNG_F64, 1, &shallow));
  rung_tensor x, y, z;
  assert_ok(ctx, rung_network_tensor(a, ctx, 0, &x));
  assert_ok(ctx, rung_network_tensor(b, ctx, 0, &y));
  assert_ok(ctx, rung_network_tensor(shallow, ctx, 0, &z));
  assert_string_equal(x.name, "layer1.W");
  assert_string_equal(z.name, "layer1.W");
  size_t bytes = (size_t)rung_shape_count(&x.shape) * sizeof(double);
  assert_memory_equal(x.data, z.data, bytes);
  assert_memory_not_equal(x.data, y.data, bytes);
  rung_network_destroy(a);
  rung_network_destroy(b);
  rung_network_destroy(shallow);
}

/* Kernels' columns and matrices' rows, whichever are fewer, are `gain` long at right angles; layers
 * of a stage begin alike where they do so else. */
static void weights_may_begin_orthonormal(void **state) {
  rung_context *ctx = *state;
  static const rung_shape image = {.rank = 3, .dim = {8, 8, 3}};
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  rung_tensor t;
  double gain = 0.1, bent = 0;
  s.architecture = "resnet";
  s.stages = 1;
  s.channels[0] = 4;
  s.layers[0] = 2;
  s.orthogonal = gain;
  assert_ok(ctx, rung_network_create(ctx, &s, &image, 3, RUNG_F64, 1, &n));
  for (int i = 0; i < rung_network_tensors(n); i++) {
    assert_ok(ctx, rung_network_tensor(n, ctx, i, &t));
    if (strcmp(t.name, "stage1.K1") != 0) continue;
    const double *k = t.data;
    assert_int_equal(t.shape.dim[0], 2);
    for (int64_t layer = 0; layer < 2; layer++)
      for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
          double sum = 0;
          for (int64_t row = 0; row < 36; row++)
            sum += k[(layer * 36 + row) * 4 + a] * k[(layer * 36 + row) * 4 + b];
          bent = fmax(bent, fabs(sum - (a == b ? gain * gain : 0)));
        }
    assert_memory_not_equal(k, k + 36 * 4, 36 * 4 * sizeof *k);
  }
  assert_true(bent > 0 && bent < 1e-16);
  rung_network_destroy(n);
  s.orthogonal = -1;
  assert_error(ctx, rung_network_create(ctx, &s, &image, 3, RUNG_F64, 1, &n), RUNG_E_ARGUMENT,
               "orthogonal: expected a number of at least 0, found -1");
}

static void parameters_that_decay_come_first(void **state) {
  rung_context *ctx = *state;
  rung_network *n = make(ctx, RUNG_F32, 1);
  int64_t numbers = 0;
  for (int i = 0; i < n->parameter_count; i++) {
    assert_int_equal(n->parameter[i].offset, numbers);
    assert_int_equal(n->parameter[i].decays, n->parameter[i].offset < n->decaying);
    numbers += n->parameter[i].count * n->parameter[i].nodes;
  }
  assert_int_equal(numbers, rung_network_parameters(n));
  assert_int_equal(numbers, 12 * 5 + 3 * 5 + 5 * 4 + 3 * 4 + 4 * 3 + 3);
  assert_int_equal(n->decaying, 12 * 5 + 5 * 4 + 4 * 3);
  assert_int_equal(n->statistics, 2 * (5 + 4));
  rung_network_destroy(n);
}

static void change(rung_context *ctx, rung_network *n) {
  static const char *const names[] = {"cat \"\xc3\xa9\"", "dog", ""};
  double *mean, *scale;
  int64_t count;
  assert_ok(ctx, rung_network_set_classes(n, ctx, names));
  rung_network_normalisation(n, &mean, &scale, &count);
  assert_int_equal(count, 3);
  mean[1] = 0.1;
  scale[2] = 1.0 / 3;
  rung_network_target_normalisation(n, &mean, &scale);
  mean[2] = 1e-300;
  scale[0] = 7;
  assert_ok(ctx, rung_network_set_form(n, ctx, "{\"columns\": [\"a\"]}"));
  if (n->dtype == RUNG_DD) ((rung_dd *)n->theta)[3].lo = 1e-20;
}

static void files_keep_every_bit(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  close(mkstemp(path));
  for (int dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    rung_network *n = make(ctx, (rung_dtype)dtype, 4), *back;
    size_t size = rung_dtype_size((rung_dtype)dtype);
    change(ctx, n);
    assert_ok(ctx, rung_network_save(n, ctx, path));
    assert_ok(ctx, rung_network_load(ctx, path, &back));
    assert_int_equal(back->parameters, n->parameters);
    assert_memory_equal(back->theta, n->theta, (size_t)n->parameters * size);
    assert_memory_equal(back->running, n->running, (size_t)n->statistics * size);
    assert_memory_equal(back->mean, n->mean, 3 * sizeof(double));
    assert_memory_equal(back->scale, n->scale, 3 * sizeof(double));
    assert_memory_equal(back->target_mean, n->target_mean, 3 * sizeof(double));
    assert_memory_equal(back->target_scale, n->target_scale, 3 * sizeof(double));
    assert_string_equal(rung_network_form(back), rung_network_form(n));
    for (int i = 0; i < 3; i++)
      assert_string_equal(rung_network_classes(back)[i], rung_network_classes(n)[i]);
    assert_string_equal(back->settings.norm, "batch");
    assert_null(back->settings.activation);
    void *first, *second;
    size_t length, again;
    assert_ok(ctx, rg_network_save_memory(n, ctx, &first, &length));
    assert_ok(ctx, rg_network_save_memory(back, ctx, &second, &again));
    assert_int_equal(length, again);
    assert_memory_equal(first, second, length);
    rg_free(ctx, first);
    rg_free(ctx, second);
    rung_network_destroy(n);
    rung_network_destroy(back);
  }
  unlink(path);
}

/* Any single damaged byte is refused or gives another network, and never more memory than the file
 * justifies. */
static void damaged_files_are_refused_or_load(void **state) {
  rung_context *ctx = *state;
  rung_network *n = make(ctx, RUNG_F32, 4), *back;
  void *file;
  size_t length;
  assert_ok(ctx, rg_network_save_memory(n, ctx, &file, &length));
  rung_network_destroy(n);
  unsigned char *byte = file;
  int refused = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char old = byte[i];
    byte[i] ^= 0x11;
    rung_status status = rg_network_load_memory(ctx, "damaged", file, length, &back);
    if (status != RUNG_OK) {
      refused++;
      assert_true(rung_error(ctx)[0]);
    }
    rung_network_destroy(back);
    byte[i] = old;
  }
  assert_true(refused > 500);
  assert_error(ctx, rg_network_load_memory(ctx, "short", file, length - 4, &back), RUNG_E_FORMAT,
               "short");
  rg_free(ctx, file);
  assert_true(rung_memory_peak(ctx) < 40 * length);
}

static void what_cannot_be_is_refused(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = small();
  rung_network *n;
  rung_tensor t;
  s.architecture = "transformer";
  assert_error(ctx, rung_network_create(ctx, &s, &sample, 3, RUNG_F32, 1, &n), RUNG_E_ARGUMENT,
               "found \"transformer\"");
  s = small();
  s.activation = "swash";
  assert_error(ctx, rung_network_create(ctx, &s, &sample, 3, RUNG_F32, 1, &n), RUNG_E_ARGUMENT,
               "swash");
  s = small();
  assert_error(ctx, rung_network_create(ctx, &s, &sample, 0, RUNG_F32, 1, &n), RUNG_E_ARGUMENT,
               "outputs");
  assert_error(
      ctx,
      rung_network_create(ctx, &s, &(rung_shape){.rank = 2, .dim = {4, 4}}, 3, RUNG_F32, 1, &n),
      RUNG_E_SHAPE, "[height][width][channels]");
  n = make(ctx, RUNG_F32, 1);
  assert_error(ctx, rung_network_tensor(n, ctx, 99, &t), RUNG_E_ARGUMENT, "99");
  rung_network_destroy(n);
  assert_error(ctx, rung_network_load(ctx, "/nowhere/at/all", &n), RUNG_E_IO, "/nowhere/at/all");
}

/* Files of before are read still; the fuzz targets, which begin with them, would not tell. */
static void kept_files_are_read(void **state) {
  static const char *const kept[] = {"conv",   "dense", "double", "exits",
                                     "resnet", "quad",  "single"};
  rung_context *ctx = *state;
  rung_network *n;
  char path[4096];
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    snprintf(path, sizeof path, RG_CORPUS "/network/%s.safetensors", kept[i]);
    assert_ok(ctx, rung_network_load(ctx, path, &n));
    rung_network_destroy(n);
  }
}

static rung_status make_save_load_apply(rung_context *ctx, void *arg) {
  rung_network_settings s = small();
  rung_network *n, *back;
  void *file = NULL;
  size_t length;
  float x[2 * 12] = {0}, y[2 * 3];
  (void)arg;
  RG_TRY(rung_network_create(ctx, &s, &sample, 3, RUNG_F32, 1, &n));
  rung_status status = rung_network_set_classes(n, ctx, (const char *[]){"a", "b", "c"});
  if (status == RUNG_OK) status = rg_network_save_memory(n, ctx, &file, &length);
  rung_network_destroy(n);
  if (status == RUNG_OK) status = rg_network_load_memory(ctx, "file", file, length, &back);
  rg_free(ctx, file);
  if (status != RUNG_OK) return status;
  status = rung_network_apply(back, ctx, 2, x, y);
  rung_network_destroy(back);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(make_save_load_apply, NULL, (fail_options){.most = 300}) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(beginnings_depend_on_seed_and_name),
      TEST(weights_may_begin_orthonormal),
      TEST(parameters_that_decay_come_first),
      TEST(files_keep_every_bit),
      TEST(damaged_files_are_refused_or_load),
      TEST(what_cannot_be_is_refused),
      TEST(kept_files_are_read),
      TEST(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
