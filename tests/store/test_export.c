/* Exported models, compiled by the system's compiler or run by Python, against the definition. */
#include "models.h"

#include <stdio.h>
#include <unistd.h>

#include "num/dd.h"
#include "num/f32.h"
#include "num/f64.h"
#include "store/export.h"

#define REAL float
#define PAIR rg_pair_f32
#define F(name) rg_##name##_f32
#define NAME(name) name##_f32
#include "evaluate.h"
#define REAL double
#define PAIR rg_pair_f64
#define F(name) rg_##name##_f64
#define NAME(name) name##_f64
#include "evaluate.h"
#define REAL rung_dd
#define F(name) rg_##name##_dd
#define NAME(name) name##_dd
#include "evaluate.h"

#define POINTS 200
#define COLUMNS 16 /* more than outputs * (1 + inputs) */

static const model_kind shapes[] = {
    {0, 1, 1, 1, 1, RG_TANH, true},  {0, 2, 2, 2, 2, RG_SIN, false},
    {0, 3, 1, 3, 1, RG_SIN, true},   {0, 1, 2, 3, 2, RG_TANH, true},
    {0, 3, 2, 1, 2, RG_TANH, false}, {0, 2, 1, 0, 1, RG_TANH, false},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])
#define MODELS (3 * SHAPES)

static model_kind kind_of(size_t i) {
  model_kind kind = shapes[i % SHAPES];
  kind.dtype = (rung_dtype)(i / SHAPES);
  return kind;
}

static rung_model *model_of(rung_context *ctx, size_t i) {
  model_kind kind = kind_of(i);
  return random_model(ctx, &kind, 40 + i);
}

/* Input j of point p: in and around the box, with full double-double digits. */
static rung_dd input(int64_t p, int j) {
  double hi = 1.5 * rg_normal(9, 1, (uint64_t)(8 * p + j));
  return (rung_dd){hi, 0x1p-55 * hi * rg_uniform(9, 2, (uint64_t)(8 * p + j))};
}

static void put_real(rung_dtype dtype, rung_dd value, char *out) {
  float single = (float)value.hi;
  if (dtype == RUNG_F32) memcpy(out, &single, sizeof single);
  if (dtype == RUNG_F64) memcpy(out, &value.hi, sizeof value.hi);
  if (dtype == RUNG_DD) memcpy(out, &value, sizeof value);
}

static rung_dd get_real(rung_dtype dtype, const char *in) {
  float single;
  rung_dd value = {0, 0};
  if (dtype == RUNG_F32) {
    memcpy(&single, in, sizeof single);
    value.hi = (double)single;
  }
  if (dtype == RUNG_F64) memcpy(&value.hi, in, sizeof value.hi);
  if (dtype == RUNG_DD) memcpy(&value, in, sizeof value);
  return value;
}

static void evaluate(const rung_model *m, const void *x, void *y) {
  if (m->dtype == RUNG_F32) evaluate_f32(m, x, y);
  if (m->dtype == RUNG_F64) evaluate_f64(m, x, y);
  if (m->dtype == RUNG_DD) evaluate_dd(m, x, y);
}

/* ---- the compiled export ---- */

static void write_text(const char *folder, const char *name, const char *text, size_t length) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, length, file), length);
  fclose(file);
}

/* A program that reads numbers of points and points for each model and writes y, y again and dy. */
static void write_main(rung_context *ctx, const char *folder) {
  rg_text t;
  rg_text_init(&t, ctx);
  rg_text_add(&t, "#include <stdio.h>\n");
  for (size_t i = 0; i < MODELS; i++) rg_text_printf(&t, "#include \"m%zu.c\"\n", i);
  rg_text_add(&t, "int main(void) {\n");
  for (size_t i = 0; i < MODELS; i++) {
    static const char *types[] = {"float", "double", NULL};
    rg_text_printf(&t, "  {\n    typedef ");
    if (kind_of(i).dtype == RUNG_DD)
      rg_text_printf(&t, "m%zu_dd real;\n", i);
    else
      rg_text_printf(&t, "%s real;\n", types[kind_of(i).dtype]);
    rg_text_printf(&t,
                   "    real x[M%zu_INPUTS], y[M%zu_OUTPUTS], dy[M%zu_OUTPUTS * M%zu_INPUTS];\n"
                   "    int p;\n"
                   "    for (p = 0; p < %d; p++) {\n"
                   "      if (fread(x, sizeof x, 1, stdin) != 1) return 1;\n"
                   "      m%zu(x, y);\n"
                   "      fwrite(y, sizeof y, 1, stdout);\n"
                   "      m%zu_gradient(x, y, dy);\n"
                   "      fwrite(y, sizeof y, 1, stdout);\n"
                   "      fwrite(dy, sizeof dy, 1, stdout);\n"
                   "    }\n  }\n",
                   i, i, i, i, POINTS, i, i);
  }
  rg_text_add(&t, "  return 0;\n}\n");
  assert_ok(ctx, rg_text_status(&t));
  write_text(folder, "main.c", t.data, t.length);
  rg_text_free(&t);
}

static void write_points(rung_context *ctx, const char *folder) {
  rg_text t;
  rg_text_init(&t, ctx);
  for (size_t i = 0; i < MODELS; i++)
    for (int p = 0; p < POINTS; p++)
      for (int j = 0; j < kind_of(i).inputs; j++) {
        char bytes[16];
        put_real(kind_of(i).dtype, input(p, j), bytes);
        rg_text_add_n(&t, bytes, rung_dtype_size(kind_of(i).dtype));
      }
  write_text(folder, "points", t.data, t.length);
  rg_text_free(&t);
}

/* The derivative of output o in input j of the model's function, computed in double-double by
 * central differences of order 6: the error is about h^6 times the seventh derivative. */
static rung_dd difference(const rung_model *m, const rung_dd *x, int o, int j) {
  static const double weight[] = {45, -9, 1};
  const double h = 0x1p-17;
  rung_dd sum = {0, 0}, at[8], y[8];
  for (int k = 1; k <= 3; k++)
    for (int side = -1; side <= 1; side += 2) {
      memcpy(at, x, (size_t)m->inputs * sizeof *at);
      at[j] = rg_add_dd(at[j], rg_from_double_dd(side * k * h));
      evaluate_dd(m, at, y);
      sum = rg_add_dd(sum, rg_mul_dd(rg_from_double_dd(side * weight[k - 1]), y[o]));
    }
  return rg_div_dd(sum, rg_from_double_dd(60 * h));
}

/* Derivatives of these models are below 100; sums of their terms are some times larger. The
 * differences themselves are exact to about 1e-24. */
static const double rounding[] = {1e-4, 1e-13, 1e-28};
static const double gradient_tolerance[] = {1e-4, 1e-13, 1e-23};

static void check_point(const rung_model *m, int p, const char **at, double *worst) {
  size_t size = rung_dtype_size(m->dtype), values = size * (size_t)m->outputs;
  char x[128], y[128];
  rung_dd exact[8];
  for (int j = 0; j < m->inputs; j++) {
    put_real(m->dtype, input(p, j), x + size * (size_t)j);
    exact[j] = get_real(m->dtype, x + size * (size_t)j);
  }
  evaluate(m, x, y);
  assert_memory_equal(*at, y, values);
  assert_memory_equal(*at + values, y, values);
  *at += 2 * values;
  for (int o = 0; o < m->outputs; o++)
    for (int j = 0; j < m->inputs; j++, *at += size) {
      rung_dd error = rg_sub_dd(get_real(m->dtype, *at), difference(m, exact, o, j));
      if (fabs(error.hi) > *worst) *worst = fabs(error.hi);
    }
}

/* All points at once, through the library: values to the bit, derivatives nearly. */
static void check_prediction(rung_context *ctx, const rung_model *m, const char *at) {
  size_t size = rung_dtype_size(m->dtype);
  int inputs = m->inputs, outputs = m->outputs, columns = outputs * (1 + inputs);
  rung_quantity quantity[COLUMNS] = {0};
  for (int o = 0; o < outputs; o++) {
    quantity[o][0] = o;
    quantity[o][1] = -1;
    for (int j = 0; j < inputs; j++) {
      int *q = quantity[outputs + o * inputs + j];
      q[0] = o;
      q[1] = j;
      q[2] = -1;
    }
  }
  char *x = malloc(POINTS * (size_t)inputs * size), *y = malloc(POINTS * (size_t)columns * size);
  assert_true(x && y);
  for (int p = 0; p < POINTS; p++)
    for (int j = 0; j < inputs; j++)
      put_real(m->dtype, input(p, j), x + (size_t)(p * inputs + j) * size);
  rung_predictor *predictor;
  assert_ok(ctx,
            rung_predictor_create(m, ctx, columns, (const rung_quantity *)quantity, &predictor));
  assert_ok(ctx, rung_predict(predictor, ctx, POINTS, x, y));
  rung_predictor_destroy(predictor);
  for (int p = 0; p < POINTS; p++) {
    const char *row = y + (size_t)(p * columns) * size;
    assert_memory_equal(at, row, (size_t)outputs * size);
    at += 2 * (size_t)outputs * size;
    for (int c = outputs; c < columns; c++, at += size) {
      rung_dd error = rg_sub_dd(get_real(m->dtype, at), get_real(m->dtype, row + (size_t)c * size));
      if (fabs(error.hi) > rounding[m->dtype])
        fail_msg("the gradient differs from the prediction's by %g", error.hi);
    }
  }
  free(x);
  free(y);
}

static void check_output(rung_context *ctx, const char *folder) {
  char path[200], *bytes;
  size_t length;
  snprintf(path, sizeof path, "%s/values", folder);
  assert_ok(ctx, rg_read_file(ctx, path, 1 << 24, &bytes, &length));
  const char *at = bytes;
  for (size_t i = 0; i < MODELS; i++) {
    rung_model *m = model_of(ctx, i);
    double worst = 0;
    check_prediction(ctx, m, at);
    for (int p = 0; p < POINTS; p++) check_point(m, p, &at, &worst);
    if (worst > gradient_tolerance[m->dtype])
      fail_msg("model %zu: the gradient differs by %g", i, worst);
    rung_model_destroy(m);
  }
  assert_int_equal(at - bytes, length);
  rg_free(ctx, bytes);
}

static void run(const char *format, const char *folder, const char *compiler) {
  char command[600];
  snprintf(command, sizeof command, format, folder, compiler);
  if (system(command) != 0) fail_msg("failed: %s", command);
}

static bool have(const char *program) {
  char command[100];
  snprintf(command, sizeof command, "%s --version >/dev/null 2>&1", program);
  return system(command) == 0;
}

static void make_folder(rung_context *ctx, char *folder) {
  assert_non_null(mkdtemp(folder));
  for (size_t i = 0; i < MODELS; i++) {
    rung_model *m = model_of(ctx, i);
    char name[16], file[24], *text;
    size_t length;
    snprintf(name, sizeof name, "m%zu", i);
    snprintf(file, sizeof file, "m%zu.c", i);
    rung_export_options options = {.name = name, .derivatives = 1};
    assert_ok(ctx, rung_export_c(m, ctx, &options, &text, &length));
    assert_int_equal(strlen(text), length);
    write_text(folder, file, text, length);
    rg_free(ctx, text);
    rung_model_destroy(m);
  }
  write_main(ctx, folder);
  write_points(ctx, folder);
}

/* Strict C99, and GNU C with everything that a compiler may do to keep the bits from agreeing. */
static const char *const compilers[] = {"gcc -std=c99 -O1", "clang -std=c99 -O1",
                                        "gcc -std=gnu17 -O3 -march=native -Wconversion",
                                        "clang -std=gnu17 -O2 -march=native -Wconversion"};

static void exported_c_gives_the_same_bits(void **state) {
  rung_context *ctx = *state;
  if (!have("gcc") && !have("clang")) skip();
  char folder[] = "/tmp/rung-test-XXXXXX";
  make_folder(ctx, folder);
  for (size_t i = 0; i < sizeof compilers / sizeof compilers[0]; i++) {
    if (!have(strncmp(compilers[i], "gcc", 3) == 0 ? "gcc" : "clang")) continue;
    run("cd %s && %s -Wall -Wextra -Wpedantic -Werror main.c -o main -lm", folder, compilers[i]);
    run("cd %s && ./main <points >values", folder, "");
    check_output(ctx, folder);
  }
  run("rm -r %s", folder, "");
}

/* Without derivatives nothing is left over that a compiler would warn of. */
static void plain_exports_compile_without_warnings(void **state) {
  rung_context *ctx = *state;
  if (!have("gcc")) skip();
  char folder[] = "/tmp/rung-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  for (size_t i = 0; i < MODELS; i++) {
    rung_model *m = model_of(ctx, i);
    char file[24], *text;
    size_t length;
    rg_free(ctx, m->input_name[0]);
    m->input_name[0] = rg_strdup(ctx, "*/ x /* \"\n\\");
    snprintf(file, sizeof file, "m%zu.c", i);
    assert_ok(ctx, rung_export_c(m, ctx, NULL, &text, &length));
    write_text(folder, file, text, length);
    rg_free(ctx, text);
    rung_model_destroy(m);
  }
  static const char use[] =
      "#define RUNG_MODEL_DECLARE\n#include \"m7.c\"\n"
      "double use(void);\ndouble use(void) {\n  double x[RUNG_MODEL_INPUTS] = {0}, "
      "y[RUNG_MODEL_OUTPUTS];\n  rung_model(x, y);\n  return y[0];\n}\n";
  write_text(folder, "use.c", use, sizeof use - 1);
  run("cd %s && gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -c *.c", folder, "");
  if (have("clang"))
    run("cd %s && clang -std=c99 -Wall -Wextra -Wpedantic -Werror -c *.c", folder, "");
  run("rm -r %s", folder, "");
}

static void names_must_be_free_identifiers(void **state) {
  rung_context *ctx = *state;
  rung_model *m = model_of(ctx, 0);
  static const char *bad[] = {"",     "1a",  "a-b", "double",
                              "tanh", "a b", "x;",  "a23456789012345678901234567890123456789012"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    rung_export_options options = {.name = bad[i]};
    char *text;
    size_t length;
    rung_clear_error(ctx);
    assert_error(ctx, rung_export_c(m, ctx, &options, &text, &length), RUNG_E_ARGUMENT,
                 "name: expected a free C identifier");
    assert_null(text);
  }
  rung_model_destroy(m);
}

static void hexadecimal_constants_are_exact(void **state) {
  rung_context *ctx = *state;
  double values[] = {0, -0.0, 1, -1.5, 0.1, 0x1p-1074, 0x1.8p-1030, 0x1.fffffffffffffp1023, 1e-300};
  for (size_t i = 0; i < 1000 + sizeof values / sizeof values[0]; i++) {
    double value = i < sizeof values / sizeof values[0] ? values[i] : rg_normal(1, 1, i);
    rg_text t;
    rg_text_init(&t, ctx);
    rg_text_hex(&t, value, "");
    double back = strtod(t.data, NULL);
    assert_memory_equal(&back, &value, sizeof value);
    rg_text_free(&t);
  }
}

/* ---- NumPy ---- */

static void numpy_agrees(void **state) {
  rung_context *ctx = *state;
  if (system("python3 -c 'import numpy' 2>/dev/null") != 0) skip();
  char folder[] = "/tmp/rung-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  rg_text t;
  rg_text_init(&t, ctx);
  rg_text_add(&t, "import importlib, numpy as np\n"
                  "def check(name, x, y, tolerance):\n"
                  "    m = importlib.import_module(name)\n"
                  "    x = np.array(x)\n"
                  "    assert np.abs(m.predict(x) - y).max() <= tolerance, name\n"
                  "    h, d = 1e-3, m.gradient(x)\n"
                  "    if m.TYPE == np.float32: return\n"
                  "    for j in range(len(m.INPUTS)):\n"
                  "        e = np.eye(len(m.INPUTS))[j] * h\n"
                  "        c = (8 * (m.predict(x + e) - m.predict(x - e))\n"
                  "             - (m.predict(x + 2 * e) - m.predict(x - 2 * e))) / (12 * h)\n"
                  "        assert np.abs(c - d[:, :, j]).max() < 1e-4, name\n");
  for (size_t i = 0; i < MODELS; i++) {
    rung_model *m = model_of(ctx, i);
    char file[24], *text;
    size_t length;
    rung_export_options options = {.name = "m", .derivatives = 1};
    assert_ok(ctx, rung_export_numpy(m, ctx, &options, &text, &length));
    snprintf(file, sizeof file, "m%zu.py", i);
    write_text(folder, file, text, length);
    rg_free(ctx, text);
    rg_text x, y;
    rg_text_init(&x, ctx);
    rg_text_init(&y, ctx);
    for (int p = 0; p < 5; p++) {
      rung_dd in[8], out[8];
      rg_text_add(&x, "[");
      rg_text_add(&y, "[");
      for (int j = 0; j < m->inputs; j++) {
        in[j] = rg_from_double_dd((double)(float)input(p, j).hi);
        rg_text_printf(&x, "%.17g,", in[j].hi);
      }
      evaluate_dd(m, in, out);
      for (int o = 0; o < m->outputs; o++) rg_text_printf(&y, "%.17g,", out[o].hi);
      rg_text_add(&x, "],");
      rg_text_add(&y, "],");
    }
    rg_text_printf(&t, "check('m%zu', [%s], [%s], %s)\n", i, x.data, y.data,
                   m->dtype == RUNG_F32 ? "3e-4" : "1e-13");
    rg_text_free(&x);
    rg_text_free(&y);
    rung_model_destroy(m);
  }
  write_text(folder, "check.py", t.data, t.length);
  rg_text_free(&t);
  run("cd %s && python3 check.py", folder, "");
  run("rm -r %s", folder, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(exported_c_gives_the_same_bits),
      TEST(plain_exports_compile_without_warnings),
      TEST(names_must_be_free_identifiers),
      TEST(hexadecimal_constants_are_exact),
      TEST(numpy_agrees),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
