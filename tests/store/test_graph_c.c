/* Graphs as C: what compilers make of the text gives the bits that the program gives. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/c_file.h"
#include "store/graph_c.h"
#include "test.h"

#define X 12
#define V 4

/* Every kind of node that has a form in C, of x [3,4] and v [4]. */
static rung_node mixed(rung_graph *g, rung_node x, rung_node v) {
  rung_node s = rung_tanh(g, rung_add(g, rung_mul(g, x, v), rung_constant(g, 0.3)));
  rung_node t = rung_transpose(g, s, (int[]){1, 0});
  rung_node p = rung_matmul(g, t, x, 0, 0, RUNG_WORKING);                              /* [4,4] */
  rung_node q = rung_matmul(g, p, rung_slice(g, t, 1, 1, 2, 1), 1, 0, RUNG_WORKING);   /* [4,2] */
  rung_node r = rung_concat(g, 2, (rung_node[]){q, rung_slice(g, p, 1, 3, 2, -2)}, 1); /* [4,4] */
  rung_node m = rung_reduce_max(g, r, 1u << 1, 1);                                     /* [4,1] */
  rung_node n = rung_reduce_min(g, r, 1u << 0, 0);                                     /* [4] */
  rung_node e = rung_exp(g, rung_sub(g, r, m));
  rung_node image = rung_reshape(g, s, 4, (int64_t[]){1, 3, 2, 2}); /* two channels, two groups */
  rung_conv how = {.stride = {2, 1}, .padding = {1, 1, 0, 0}, .groups = 2};
  rung_node kernel = rung_reshape(g, e, 4, (int64_t[]){2, 2, 1, 4});
  rung_node back =
      rung_conv2d_transpose(g, rung_conv2d(g, image, kernel, &how), kernel, &how, 3, 2);
  back = rung_slice(g, rung_pad(g, back, 1, 1, 2, 7), 1, 0, 3, 2);
  n = rung_add(g, n, rung_slice(g, rung_reshape(g, back, 1, (int64_t[]){12}), 0, 3, 4, 2));
  n = rung_add(g, rung_leaky_relu(g, n, 0.01), rung_gelu(g, rung_relu(g, n)));
  rung_node f = rung_div(g, e, rung_add(g, rung_powi(g, n, 3), rung_constant(g, 7)));
  return rung_reshape(g, rung_select(g, rung_less(g, f, e), f, rung_sqrt(g, e)), 2,
                      (int64_t[]){2, 8});
}

static void write_c(rung_graph *g, const char *path, rung_dtype dtype, rung_node x, rung_node v,
                    rung_node y) {
  rg_c_file file;
  rg_c_needs needs = {0};
  rung_context *ctx = rung_graph_context(g);
  rg_text body;
  rg_text_init(&body, ctx);
  rg_c_file_init(&file, ctx, "mixed", dtype);
  rg_c_argument in[] = {{x, "x"}, {v, "v"}}, out[] = {{y, "y"}};
  assert_ok(ctx, rg_graph_c(ctx, g, dtype, "all", 2, in, NULL, 1, out, &body, &needs));
  rg_graph_c_helpers(&needs, &file.code);
  rg_text_add(&file.code, body.data);
  rg_text_printf(&file.code,
                 "#include <stdio.h>\nint main(void) {\n  static $T x[%d], v[%d], y[16], "
                 "work[%lld];\n  if (fread(x, sizeof x, 1, stdin) + fread(v, sizeof v, 1, stdin) "
                 "!= 2) return 1;\n  rg_all(x, v, y, work);\n"
                 "  return fwrite(y, sizeof y, 1, stdout) != 1;\n}\n",
                 X, V, (long long)needs.work);
  char *text;
  size_t length;
  assert_ok(ctx, rg_c_file_text(&file, &text, &length));
  assert_ok(ctx, rg_write_file(ctx, path, text, length));
  rung_free(ctx, text);
  rg_text_free(&body);
  rg_c_file_free(&file);
}

static void same_bits(rung_context *ctx, rung_dtype dtype) {
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  char folder[] = "/tmp/rung_graph_c_XXXXXX", path[64], command[512];
  assert_non_null(mkdtemp(folder));
  rung_node x = rung_input(g, "x", 2, (int64_t[]){3, 4}), v = rung_input(g, "v", 1, (int64_t[]){4});
  rung_node y = mixed(g, x, v);
  snprintf(path, sizeof path, "%s/m.c", folder);
  write_c(g, path, dtype, x, v, y);
  rung_compile_options options = rung_compile_options_default();
  options.dtype = dtype;
  rung_program *program;
  assert_ok(ctx, rung_compile(g, &options, 2, (rung_node[]){x, v}, 1, &y, &program));
  size_t size = rung_dtype_size(dtype);
  rung_dd value[X + V], result[16], found[16];
  char *in = (char *)value;
  for (int i = 0; i < X + V; i++) {
    double u = rg_normal(7, (uint64_t)dtype, (uint64_t)i);
    float single = (float)u;
    rung_dd pair = {u, u * 1e-17};
    const void *from = dtype == RUNG_F32 ? (void *)&single : dtype == RUNG_F64 ? (void *)&u : &pair;
    memcpy(in + (size_t)i * size, from, size);
  }
  void *work = rg_alloc(ctx, rung_program_bytes(program), 1);
  assert_ok(ctx, rung_program_run(program, ctx, work, (const void *[]){in, in + X * size},
                                  (void *[]){result}));
  snprintf(path, sizeof path, "%s/in", folder);
  assert_ok(ctx, rg_write_file(ctx, path, in, (X + V) * size));
  snprintf(command, sizeof command,
           "cd %s && gcc -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror m.c -o m -lm && ./m < in > "
           "out",
           folder);
  assert_int_equal(system(command), 0);
  char *out;
  size_t length;
  snprintf(path, sizeof path, "%s/out", folder);
  assert_ok(ctx, rg_read_file(ctx, path, 1000, &out, &length));
  assert_int_equal(length, 16 * size);
  memcpy(found, out, length);
  assert_memory_equal(found, result, length);
  rung_free(ctx, out);
  rg_free(ctx, work);
  rung_program_destroy(program);
  rung_graph_destroy(g);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void c_gives_the_bits_of_the_program_in_single(void **state) {
  same_bits(*state, RUNG_F32);
}

static void c_gives_the_bits_of_the_program_in_double(void **state) {
  same_bits(*state, RUNG_F64);
}

static void c_gives_the_bits_of_the_program_in_quad(void **state) {
  same_bits(*state, RUNG_DD);
}

static void what_has_no_form_is_named(void **state) {
  rung_context *ctx = *state;
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rg_c_needs needs = {0};
  rg_text body;
  rg_text_init(&body, ctx);
  rung_node x = rung_input(g, "x", 1, (int64_t[]){4});
  rung_node y = rung_gather(g, x, x);
  rg_c_argument in = {x, "x"}, out = {y, "y"};
  assert_error(ctx, rg_graph_c(ctx, g, RUNG_F64, "f", 1, &in, NULL, 1, &out, &body, &needs),
               RUNG_E_UNSUPPORTED, "gather");
  rg_text_free(&body);
  rung_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(c_gives_the_bits_of_the_program_in_single),
      TEST(c_gives_the_bits_of_the_program_in_double),
      TEST(c_gives_the_bits_of_the_program_in_quad),
      TEST(what_has_no_form_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
