/* malloc itself fails in turn, also under the libraries that Rung calls (libyaml, cJSON, zlib) and
 * that do not take their memory from the context: an error, no leak, no crash. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "rung/rung.h"
#include "store/models.h"

/* These stand before the C library's own for every shared library of the process. */
extern void *__libc_malloc(size_t bytes);               // NOLINT(bugprone-reserved-identifier)
extern void *__libc_calloc(size_t count, size_t bytes); // NOLINT(bugprone-reserved-identifier)
extern void *__libc_realloc(void *old, size_t bytes);   // NOLINT(bugprone-reserved-identifier)
extern void __libc_free(void *memory);                  // NOLINT(bugprone-reserved-identifier)

static struct {
  bool armed; /* only then are calls counted and made to fail */
  bool ever_after;
  long calls, fail_at, failed, live;
} watch;

static bool refuses(void) {
  if (!watch.armed) return false;
  long call = watch.calls++;
  if (call != watch.fail_at && !(watch.ever_after && call > watch.fail_at)) return false;
  watch.failed++;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t bytes) {
  if (refuses()) return NULL;
  void *memory = __libc_malloc(bytes);
  watch.live += watch.armed && memory;
  return memory;
}

void *calloc(size_t count, size_t bytes) {
  if (refuses()) return NULL;
  void *memory = __libc_calloc(count, bytes);
  watch.live += watch.armed && memory;
  return memory;
}

void *realloc(void *old, size_t bytes) {
  if (refuses()) return NULL;
  void *memory = __libc_realloc(old, bytes);
  watch.live += watch.armed && memory && !old;
  watch.live -= watch.armed && !memory && old && !bytes;
  return memory;
}

void free(void *memory) {
  watch.live -= watch.armed && memory;
  __libc_free(memory);
}

typedef rung_status (*use_fn)(rung_context *ctx, void *arg);

static long run_once(use_fn use, void *arg, long fail_at, bool ever_after) {
  rung_context *ctx;
  char message[200] = "";
  watch.calls = watch.failed = watch.live = 0;
  watch.fail_at = fail_at;
  watch.ever_after = ever_after;
  watch.armed = true;
  rung_status status = rung_context_create(NULL, &ctx);
  if (status == RUNG_OK) {
    rung_set_threads(ctx, 1);
    status = use(ctx, arg);
    snprintf(message, sizeof message, "%s", rung_error(ctx));
    rung_context_destroy(ctx);
  }
  watch.armed = false;
  if (status != (watch.failed ? RUNG_E_MEMORY : RUNG_OK))
    fail_msg("call %ld of malloc failed: found \"%s\" %s", fail_at, rung_status_text(status),
             message);
  if (watch.live != 0) fail_msg("call %ld of malloc failed: %ld blocks lost", fail_at, watch.live);
  return watch.calls;
}

/* The first run is not looked at: libraries may take memory then that they keep. */
static void fail_each_malloc(use_fn use, void *arg, long most) {
  rung_context *ctx;
  assert_int_equal(rung_context_create(NULL, &ctx), RUNG_OK);
  rung_set_threads(ctx, 1);
  assert_ok(ctx, use(ctx, arg));
  rung_context_destroy(ctx);
  long calls = run_once(use, arg, -1, false), places = calls < most ? calls : most;
  assert_true(calls > 10);
  for (long i = 0; i < places; i++) {
    long at = (long)((double)i / (double)places * (double)calls);
    run_once(use, arg, at, false);
    run_once(use, arg, at, true);
  }
}

typedef struct bytes {
  void *data;
  size_t length;
} bytes;

static rung_status load_model(rung_context *ctx, void *arg) {
  const bytes *file = arg;
  rung_model *m;
  RG_TRY(rung_model_load_memory(ctx, "file", file->data, file->length, &m));
  rung_model_destroy(m);
  return RUNG_OK;
}

static void models(void **state) {
  rung_context *ctx = *state;
  bytes file;
  rung_model *m = random_model(ctx, &(model_kind){RUNG_F64, 3, 2, 2, 2, RG_SIN, true}, 1);
  assert_ok(ctx, rung_model_save_memory(m, ctx, &file.data, &file.length));
  fail_each_malloc(load_model, &file, 1000);
  rung_free(ctx, file.data);
  rung_model_destroy(m);
}

static rung_status open_source(rung_context *ctx, void *arg) {
  rung_recipe *recipe;
  rung_source *source;
  RG_TRY(rung_recipe_load_memory(ctx, RUNG_RECIPE_FIT, "recipe", arg, strlen(arg), &recipe));
  rung_status status = rung_source_open(ctx, recipe, &source);
  if (status == RUNG_OK) rung_source_close(source);
  rung_recipe_destroy(recipe);
  return status;
}

static void recipes_with_functions(void **state) {
  (void)state;
  char text[] = "function: sin(2*x+1)*y\ndomain: x=-1:1,y=0:2\n";
  fail_each_malloc(open_source, text, 1000);
}

static void recipes_with_packed_tables(void **state) {
  (void)state;
  char folder[] = "/tmp/rung-test-XXXXXX", path[64], text[128];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/t.csv.gz", folder);
  gzFile file = gzopen(path, "wb");
  assert_non_null(file);
  gzputs(file, "a,b,y\n");
  for (int i = 0; i < 50; i++) gzprintf(file, "%d,%d,%d\n", i, i * i % 7, i % 5);
  assert_int_equal(gzclose(file), Z_OK);
  snprintf(text, sizeof text, "table: %s\ntarget: [y]\ninputs: [a, b]\n", path);
  fail_each_malloc(open_source, text, 1000);
  unlink(path);
  rmdir(folder);
}

static rung_status read_archive(rung_context *ctx, void *arg) {
  const bytes *file = arg;
  rung_table *table;
  RG_TRY(rung_table_read_memory(ctx, "a.npz", file->data, file->length, NULL, &table));
  rung_table_destroy(table);
  return RUNG_OK;
}

static void packed_arrays(void **state) {
  rung_context *ctx = *state;
  char *data;
  size_t length;
  assert_ok(ctx, rg_read_file(ctx, RG_CORPUS "/npy/zip-deflated", 100000, &data, &length));
  bytes file = {data, length};
  fail_each_malloc(read_archive, &file, 1000);
  rg_free(ctx, data);
}

static rung_status fit(rung_context *ctx, void *arg) {
  rung_model *model;
  const rung_problem *problem = arg;
  rung_fit_options options = rung_fit_options_default();
  options.stages = 1;
  RG_TRY(rung_fit(ctx, problem, &options, &model, NULL));
  rung_model_destroy(model);
  return RUNG_OK;
}

static void fits(void **state) {
  (void)state;
  enum { ROWS = 60 };
  double x[ROWS], y[ROWS];
  for (int i = 0; i < ROWS; i++) {
    x[i] = rg_uniform(5, 0, (uint64_t)i);
    y[i] = cos(3 * x[i]);
  }
  rung_problem problem = {.inputs = 1, .outputs = 1, .points = ROWS, .x = x, .y = y};
  fail_each_malloc(fit, &problem, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(models),
      TEST(recipes_with_functions),
      TEST(recipes_with_packed_tables),
      TEST(packed_arrays),
      TEST(fits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
