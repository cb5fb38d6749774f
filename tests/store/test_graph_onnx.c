/* Graphs as ONNX: what onnxruntime computes of the file is what the program gives. Needs Python
 * with onnxruntime: the python3 on the path, or the one that RUNG_PYTHON names. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/graph_onnx.h"
#include "test.h"

#define BATCH 3

/* Kinds of nodes that have a form in ONNX, of x [n,3,4] and w [4,5]. Convolutions only in single:
 * onnxruntime has none in double. */
static rung_node mixed(rung_graph *g, rung_dtype dtype, rung_node x, rung_node w, int64_t n) {
  rung_node h = rung_tanh(g, rung_matmul(g, x, w, 0, 0, RUNG_WORKING)); /* [n,3,5] */
  if (dtype == RUNG_F32)                                                /* nor these */
    h = rung_add(g, rung_gelu(g, h), rung_leaky_relu(g, rung_softplus(g, h), 0.01));
  rung_node t = rung_transpose(g, h, (int[]){0, 2, 1});
  rung_node b = rung_matmul(g, w, t, 0, 0, RUNG_WORKING); /* [n,4,3] */
  rung_node zero = rung_broadcast(g, rung_constant(g, 0.25), 3, (int64_t[]){n, 4, 1});
  rung_node c = rung_concat(
      g, 3, (rung_node[]){b, rung_slice(g, rung_pad(g, b, 2, 1, 1, 5), 2, 3, 2, -2), zero}, 2);
  rung_node e = rung_exp(g, rung_sub(g, c, rung_reduce_max(g, c, 4, 1)));
  rung_node p = rung_div(g, e, rung_sum(g, e, 4, 1)); /* [n,4,6] */
  rung_node q =
      rung_select(g, rung_less(g, p, rung_constant(g, 0.1)), rung_powi(g, p, 3), rung_sech2(g, p));
  if (dtype == RUNG_F64) return rung_sum(g, rung_reshape(g, q, 3, (int64_t[]){n, 8, 3}), 2, 0);
  rung_node image = rung_reshape(g, q, 4, (int64_t[]){n, 4, 3, 2});
  rung_conv how = {.stride = {2, 1}, .padding = {1, 1, 0, 0}, .groups = 2};
  rung_node kernel = rung_reshape(g, rung_slice(g, w, 1, 0, 4, 1), 4, (int64_t[]){2, 2, 1, 4});
  rung_node y = rung_conv2d(g, image, kernel, &how); /* [n,2,3,4] */
  rung_node back = rung_conv2d_transpose(g, y, kernel, &how, 4, 3);
  q = rung_reshape(g, rung_add(g, image, back), 3, (int64_t[]){n, 4, 6});
  return rung_sum(g, rung_reshape(g, q, 3, (int64_t[]){n, 8, 3}), 2, 0); /* [n,3] */
}

static const char script[] =
    "import sys, numpy as np, onnxruntime as ort\n"
    "f = sys.argv[1]\n"
    "t = np.dtype(sys.argv[2])\n"
    "s = ort.InferenceSession(f + '/m.onnx', providers=['CPUExecutionProvider'])\n"
    "x = np.fromfile(f + '/x', t).reshape(-1, 3, 4)\n"
    "y = np.fromfile(f + '/y', t).reshape(-1, 3)\n"
    "z = s.run(None, {'input': x})[0]\n"
    "assert z.shape == y.shape and np.abs(z - y).max() <= float(sys.argv[3]), np.abs(z - y).max()\n"
    "assert s.get_modelmeta().custom_metadata_map == {'classes': 'a,b,c'}\n";

static bool python(const char *arguments) {
  const char *name = getenv("RUNG_PYTHON");
  char command[400];
  snprintf(command, sizeof command, "%s %s", name ? name : "python3", arguments);
  return system(command) == 0;
}

static void write_array(rung_context *ctx, const char *folder, const char *name, const void *data,
                        size_t bytes) {
  char path[96];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_ok(ctx, rg_write_file(ctx, path, data, bytes));
}

static void write_onnx(rung_context *ctx, const char *folder, rung_dtype dtype, const void *w) {
  rung_graph *g;
  rg_onnx onnx;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rg_onnx_init(&onnx, ctx, dtype);
  int64_t n = RG_ONNX_SAMPLES;
  rung_node in[] = {rung_input(g, "x", 3, (int64_t[]){n, 3, 4}),
                    rung_input(g, "w", 2, (int64_t[]){4, 5})};
  rung_node y = mixed(g, dtype, in[0], in[1], n);
  rg_onnx_name name[2] = {"input", "w"}, result;
  rung_shape shape = rung_node_shape(g, in[1]), sample = {2, {3, 4}};
  assert_ok(ctx, rg_onnx_array(&onnx, "w", &shape, w));
  assert_ok(ctx, rg_onnx_nodes(&onnx, g, 2, in, (const rg_onnx_name *)name, 1, &y, &result));
  char *file;
  size_t length;
  const char *const about[][2] = {{"classes", "a,b,c"}};
  assert_ok(ctx, rg_onnx_file(&onnx, &sample, 3, result, 1, about, &file, &length));
  write_array(ctx, folder, "m.onnx", file, length);
  rung_free(ctx, file);
  rg_onnx_free(&onnx);
  rung_graph_destroy(g);
}

/* The values of the program at x and w, in their arithmetic. */
static void run_program(rung_context *ctx, rung_dtype dtype, const void *x, const void *w,
                        void *out) {
  rung_graph *g;
  rung_program *program;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "x", 3, (int64_t[]){BATCH, 3, 4}),
                    rung_input(g, "w", 2, (int64_t[]){4, 5})};
  rung_node y = mixed(g, dtype, in[0], in[1], BATCH);
  rung_compile_options options = rung_compile_options_default();
  options.dtype = dtype;
  assert_ok(ctx, rung_compile(g, &options, 2, in, 1, &y, &program));
  void *work = rg_alloc(ctx, rung_program_bytes(program), 1);
  assert_ok(ctx, rung_program_run(program, ctx, work, (const void *[]){x, w}, (void *[]){out}));
  rg_free(ctx, work);
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

static void same_values(rung_context *ctx, rung_dtype dtype, const char *type, double tolerance) {
  if (!python("-c 'import numpy, onnxruntime' 2>/dev/null")) skip();
  char folder[] = "/tmp/rung-test-XXXXXX", arguments[200];
  assert_non_null(mkdtemp(folder));
  double number[BATCH * 12 + 20], result[BATCH * 3];
  size_t size = rung_dtype_size(dtype);
  for (int i = 0; i < BATCH * 12 + 20; i++) {
    double u = rg_normal(3, 0, (uint64_t)i);
    float single = (float)u;
    memcpy((char *)number + (size_t)i * size, dtype == RUNG_F32 ? (void *)&single : &u, size);
  }
  const char *w = (const char *)number + BATCH * 12 * size;
  run_program(ctx, dtype, number, w, result);
  write_onnx(ctx, folder, dtype, w);
  write_array(ctx, folder, "x", number, BATCH * 12 * size);
  write_array(ctx, folder, "y", result, BATCH * 3 * size);
  write_array(ctx, folder, "check.py", script, sizeof script - 1);
  snprintf(arguments, sizeof arguments, "%s/check.py %s %s %g", folder, folder, type, tolerance);
  assert_true(python(arguments));
  snprintf(arguments, sizeof arguments, "rm -r %s", folder);
  assert_int_equal(system(arguments), 0);
}

static void onnxruntime_agrees_in_single(void **state) {
  same_values(*state, RUNG_F32, "float32", 1e-5);
}

static void onnxruntime_agrees_in_double(void **state) {
  same_values(*state, RUNG_F64, "float64", 1e-13);
}

static void what_has_no_form_is_named(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  rg_onnx onnx;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rg_onnx_init(&onnx, ctx, RUNG_F32);
  rung_node x = rung_input(g, "x", 1, (int64_t[]){RG_ONNX_SAMPLES});
  rung_node y = rung_gather(g, x, x);
  rg_onnx_name name[1] = {"input"}, result;
  assert_error(ctx, rg_onnx_nodes(&onnx, g, 1, &x, (const rg_onnx_name *)name, 1, &y, &result),
               RUNG_E_UNSUPPORTED, "gather");
  rg_onnx_free(&onnx);
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(onnxruntime_agrees_in_single),
      TEST(onnxruntime_agrees_in_double),
      TEST(what_has_no_form_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
