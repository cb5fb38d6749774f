/* Networks as C and as ONNX: what compilers and onnxruntime make of the files gives what the
 * network gives. ONNX needs Python with onnxruntime: python3, or the one that RUNG_PYTHON names. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nn/chain.h"
#include "nn/network.h"
#include "test.h"

#define SAMPLES 5

typedef struct example {
  rung_network *network;
  int64_t inputs, outputs;
  int exit; /* at which files end; 0: the network's own end */
  size_t size;
  char *x, *y; /* samples before normalisation, and their scores */
  char folder[24];
} example;

static void write_into(rung_context *ctx, const example *e, const char *name, const void *data,
                       size_t bytes) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", e->folder, name);
  assert_ok(ctx, rg_write_file(ctx, path, data, bytes));
}

static void run(const example *e, const char *command) {
  char line[400];
  snprintf(line, sizeof line, "cd %s && %s", e->folder, command);
  if (system(line) != 0) fail_msg("failed: %s", line);
}

static example open_exit(rung_context *ctx, const rung_network_settings *settings,
                         const rung_shape *sample, rung_dtype dtype, int exit) {
  example e = {.outputs = 3,
               .exit = exit,
               .size = rung_dtype_size(dtype),
               .folder = "/tmp/rung-test-XXXXXX"};
  assert_non_null(mkdtemp(e.folder));
  assert_ok(ctx, rung_network_create(ctx, settings, sample, e.outputs, dtype, 5, &e.network));
  for (int64_t i = 0; i < e.network->parameters; i++) { /* none is 0 or 1 */
    rung_dd at = rg_fetch(dtype, e.network->theta, i);
    rg_store(dtype, e.network->theta, i, (rung_dd){at.hi + 0.1 * rg_normal(1, 2, (uint64_t)i), 0});
  }
  for (int64_t i = 0; i < e.network->statistics; i++)
    rg_store(dtype, e.network->running, i, (rung_dd){0.5 + rg_uniform(1, 3, (uint64_t)i), 0});
  double *mean, *scale;
  int64_t normalised;
  rung_network_normalisation(e.network, &mean, &scale, &normalised);
  for (int64_t i = 0; i < normalised; i++) mean[i] = 0.25 * (double)i, scale[i] = 2;
  e.inputs = rung_shape_count(sample);
  size_t count = (size_t)(SAMPLES * e.inputs);
  e.x = rg_alloc(ctx, count, e.size);
  e.y = rg_alloc(ctx, (size_t)(SAMPLES * e.outputs), e.size);
  char *normal = rg_alloc(ctx, count, e.size);
  for (int64_t i = 0; i < (int64_t)count; i++) { /* a few bits, so that this is exact */
    double x = (double)(rg_bits(4, 0, (uint64_t)i) % 64) / 32 - 1;
    int64_t k = i % e.inputs % normalised;
    rg_store(dtype, e.x, i, (rung_dd){x, 0});
    rg_store(dtype, normal, i, (rung_dd){(x - mean[k]) * scale[k], 0});
  }
  if (!exit) exit = rung_network_exits(e.network) + 1;
  assert_ok(ctx, rung_network_apply_exit(e.network, ctx, exit, SAMPLES, normal, e.y));
  rg_free(ctx, normal);
  write_into(ctx, &e, "x", e.x, count * e.size);
  write_into(ctx, &e, "y", e.y, (size_t)(SAMPLES * e.outputs) * e.size);
  return e;
}

static example open_example(rung_context *ctx, const rung_network_settings *settings,
                            const rung_shape *sample, rung_dtype dtype) {
  return open_exit(ctx, settings, sample, dtype, 0);
}

static void close_example(rung_context *ctx, example *e) {
  char line[64];
  snprintf(line, sizeof line, "rm -r %s", e->folder);
  assert_int_equal(system(line), 0);
  rung_network_destroy(e->network);
  rg_free(ctx, e->x);
  rg_free(ctx, e->y);
}

static const char main_text[] =
    "#include <stdio.h>\n#include \"net.c\"\n"
    "int main(void) {\n  int n;\n  static TYPE x[NET_INPUTS], y[NET_OUTPUTS];\n"
    "  for (n = 0; n < 5; n++) {\n    if (fread(x, sizeof x, 1, stdin) != 1) return 1;\n"
    "    net(x, y);\n    if (net_largest(y) >= NET_OUTPUTS) return 1;\n"
    "    if (fwrite(y, sizeof y, 1, stdout) != 1) return 1;\n  }\n  return 0;\n}\n";

static size_t check_c(rung_context *ctx, const example *e, rung_dtype dtype) {
  static const char *const type[] = {"float", "double", "net_dd"};
  char *text, command[200];
  size_t length;
  rung_export_options options = {.name = "net", .exit = e->exit};
  assert_ok(ctx, rung_network_export_c(e->network, ctx, &options, &text, &length));
  assert_int_equal(strlen(text), length);
  write_into(ctx, e, "net.c", text, length);
  write_into(ctx, e, "main.c", main_text, sizeof main_text - 1);
  rung_free(ctx, text);
  snprintf(command, sizeof command,
           "gcc -std=c99 -O2 -DTYPE=%s -Wall -Wextra -Wpedantic -Werror main.c -o main -lm && "
           "./main <x >found && cmp found y",
           type[dtype]);
  run(e, command);
  return length;
}

static const char script[] =
    "import sys, numpy as np, onnxruntime as ort\n"
    "t = np.dtype(sys.argv[1])\n"
    "o = ort.SessionOptions()\n" /* its optimiser rounds factors of products to single */
    "if t == np.float64: o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL\n"
    "s = ort.InferenceSession('net.onnx', o, providers=['CPUExecutionProvider'])\n"
    "shape = [5] + s.get_inputs()[0].shape[1:]\n"
    "y = np.fromfile('y', t).reshape(5, -1)\n"
    "z = s.run(None, {'input': np.fromfile('x', t).reshape(shape)})[0]\n"
    "error = np.abs(z - y).max() / np.abs(y).max()\n"
    "assert z.shape == y.shape and error <= float(sys.argv[2]), error\n";

static bool have_onnx(void) {
  const char *name = getenv("RUNG_PYTHON");
  char line[300];
  snprintf(line, sizeof line, "%s -c 'import numpy, onnxruntime' 2>/dev/null",
           name ? name : "python3");
  return system(line) == 0;
}

static size_t check_onnx(rung_context *ctx, const example *e, const char *type, double tolerance) {
  char *file, command[300];
  size_t length;
  rung_export_options options = {.exit = e->exit};
  assert_ok(ctx, rung_network_export_onnx(e->network, ctx, &options, &file, &length));
  if (!have_onnx()) {
    rung_free(ctx, file);
    return length;
  }
  write_into(ctx, e, "net.onnx", file, length);
  write_into(ctx, e, "check.py", script, sizeof script - 1);
  rung_free(ctx, file);
  const char *name = getenv("RUNG_PYTHON");
  snprintf(command, sizeof command, "%s check.py %s %g", name ? name : "python3", type, tolerance);
  run(e, command);
  return length;
}

static const rung_shape features = {1, {6}}, image = {3, {8, 8, 2}};

static void perceptron(void **state) {
  rung_context *ctx = *state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = "mlp", s.stages = 2, s.channels[0] = 7, s.channels[1] = 5;
    s.norm = "batch";
    example e = open_example(ctx, &s, &features, dtype);
    check_c(ctx, &e, dtype);
    if (dtype == RUNG_F32) check_onnx(ctx, &e, "float32", 1e-5);
    if (dtype == RUNG_F64) check_onnx(ctx, &e, "float64", 1e-13);
    close_example(ctx, &e);
  }
}

/* Numbers that are predicted leave the file as rung predict tells them: score * scale + mean. */
static void numbers_come_in_their_units(void **state) {
  rung_context *ctx = *state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_F64; dtype++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = "mlp", s.stages = 1, s.channels[0] = 7;
    example e = open_example(ctx, &s, &features, dtype);
    double *mean, *scale;
    rung_network_target_normalisation(e.network, &mean, &scale);
    for (int64_t i = 0; i < e.outputs; i++) mean[i] = (double)i - 3, scale[i] = 4;
    for (int64_t i = 0; i < SAMPLES * e.outputs; i++) { /* a power of two: rounded once */
      double y = rg_fetch(dtype, e.y, i).hi;
      rg_store(dtype, e.y, i, (rung_dd){y * scale[i % e.outputs] + mean[i % e.outputs], 0});
    }
    write_into(ctx, &e, "y", e.y, (size_t)(SAMPLES * e.outputs) * e.size);
    check_c(ctx, &e, dtype);
    check_onnx(ctx, &e, dtype == RUNG_F32 ? "float32" : "float64",
               dtype == RUNG_F32 ? 1e-5 : 1e-13);
    close_example(ctx, &e);
  }
}

/* Every ODE block, in layers that lie between nodes in time too. */
static void integrators(void **state) {
  static const char *const blocks[] = {"resnet",      "antisymmetric",   "parabolic",
                                       "hamiltonian", "hamiltonian-two", "leapfrog",
                                       "midpoint"};
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
    for (int64_t nodes = 0; nodes <= 3; nodes += 3) {
      rung_network_settings s = rung_network_settings_default();
      s.architecture = "dense", s.block = blocks[i], s.stages = 1, s.channels[0] = 8;
      s.layers[0] = 6, s.nodes = nodes, s.activation = "tanh";
      example e = open_example(ctx, &s, &features, RUNG_F64);
      check_c(ctx, &e, RUNG_F64);
      check_onnx(ctx, &e, "float64", 1e-12);
      close_example(ctx, &e);
    }
}

/* Halved by means and by maxima; images of odd size, whose sums take more than a block of rows. */
static void images(void **state) {
  static const char *const blocks[] = {"resnet", "hamiltonian", "hamiltonian-two", NULL};
  static const rung_shape odd = {3, {27, 25, 2}};
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = blocks[i] ? "conv" : "cnn", s.stages = 2, s.norm = "batch";
    if (blocks[i]) s.block = blocks[i];
    s.channels[0] = 4, s.channels[1] = 8, s.layers[0] = 2, s.layers[1] = 2;
    for (int k = 0; k < 2; k++) {
      example e = open_example(ctx, &s, k ? &odd : &image, RUNG_F32);
      check_onnx(ctx, &e, "float32", 1e-4);
      check_c(ctx, &e, RUNG_F32);
      close_example(ctx, &e);
    }
  }
}

/* Files that end at an exit: behind a stem, inside a stage, of two states, at the end; each says
 * what the exit says, and is the longer the more layers it has before the same kind of head. */
static void exits(void **state) {
  static const char *const blocks[] = {"resnet", "hamiltonian", "leapfrog"};
  static const char *const heads[] = {"conv", "pool", "mlp"};
  rung_context *ctx = *state;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = "conv", s.block = blocks[i], s.stages = 2, s.norm = "batch";
    s.channels[0] = 4, s.channels[1] = 8, s.layers[0] = 2, s.layers[1] = 2;
    s.exits = 3, s.exit_at[0] = 1, s.exit_at[1] = 2, s.exit_at[2] = 5;
    for (int exit = 0; exit < 3; exit++) s.exit_head[exit] = heads[i];
    size_t c = 0, onnx = 0;
    for (int exit = 1; exit <= 4; exit++) {
      example e = open_exit(ctx, &s, &image, RUNG_F32, exit);
      size_t long_c = check_c(ctx, &e, RUNG_F32), long_onnx = check_onnx(ctx, &e, "float32", 1e-4);
      if (exit < 4) assert_true(long_c > c && long_onnx > onnx);
      c = long_c, onnx = long_onnx;
      close_example(ctx, &e);
    }
  }
}

static void what_cannot_be_exported_is_said(void **state) {
  rung_context *ctx = *state;
  rung_network_settings s = rung_network_settings_default();
  s.architecture = "mlp", s.stages = 1, s.channels[0] = 4;
  example e = open_example(ctx, &s, &features, RUNG_DD);
  char *out;
  size_t length;
  rung_export_options options = {.name = "int"};
  assert_error(ctx, rung_network_export_onnx(e.network, ctx, NULL, &out, &length),
               RUNG_E_UNSUPPORTED, "quad");
  assert_error(ctx, rung_network_export_c(e.network, ctx, &options, &out, &length), RUNG_E_ARGUMENT,
               "identifier");
  options = (rung_export_options){.name = "net", .exit = 2};
  assert_error(ctx, rung_network_export_c(e.network, ctx, &options, &out, &length), RUNG_E_ARGUMENT,
               "exits: exit: expected 1 to 1, found 2");
  options = (rung_export_options){.name = "net", .derivatives = 1};
  assert_error(ctx, rung_network_export_c(e.network, ctx, &options, &out, &length),
               RUNG_E_UNSUPPORTED, "export: derivatives of a network");
  close_example(ctx, &e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(perceptron), TEST(numbers_come_in_their_units),     TEST(integrators), TEST(images),
      TEST(exits),      TEST(what_cannot_be_exported_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
