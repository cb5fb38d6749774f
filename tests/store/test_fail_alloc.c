/* Running out of memory in the store room: an error, no crash, no leak. */
#include "fail_alloc.h"
#include "models.h"

#include "rung/rung.h"
#include "store/recipe.h"
#include "store/safetensors.h"

typedef struct bytes {
  void *data;
  size_t length;
} bytes;

static bytes make_file(rung_dtype dtype) {
  rung_context *ctx;
  bytes file;
  assert_int_equal(rung_context_create(NULL, &ctx), RUNG_OK);
  rung_model *m = random_model(ctx, &(model_kind){dtype, 2, 1, 2, 2, RG_SIN, true}, 1);
  m->made_by = rg_strdup(ctx, "a test");
  void *data;
  assert_ok(ctx, rung_model_save_memory(m, ctx, &data, &file.length));
  file.data = malloc(file.length);
  assert_non_null(file.data);
  memcpy(file.data, data, file.length);
  rg_free(ctx, data);
  rung_model_destroy(m);
  rung_context_destroy(ctx);
  return file;
}

static rung_status copy_and_save(rung_context *ctx, const rung_model *m) {
  rung_model *copy;
  void *data;
  size_t length;
  RG_TRY(rung_model_copy(m, ctx, &copy));
  rung_status status = rung_model_save_memory(copy, ctx, &data, &length);
  rung_model_destroy(copy);
  if (status == RUNG_OK) rg_free(ctx, data);
  return status;
}

static rung_status load_copy_and_save(rung_context *ctx, void *arg) {
  bytes *file = arg;
  rung_model *m;
  RG_TRY(rung_model_load_memory(ctx, "file", file->data, file->length, &m));
  rung_status status = copy_and_save(ctx, m);
  rung_model_destroy(m);
  return status;
}

static rung_status export_both(rung_context *ctx, const rung_model *m) {
  rung_export_options options = {.name = "m", .derivatives = 1};
  char *text;
  size_t length;
  RG_TRY(rung_export_c(m, ctx, &options, &text, &length));
  rung_free(ctx, text);
  RG_TRY(rung_export_numpy(m, ctx, &options, &text, &length));
  rung_free(ctx, text);
  return RUNG_OK;
}

static rung_status load_and_export(rung_context *ctx, void *arg) {
  bytes *file = arg;
  rung_model *m;
  RG_TRY(rung_model_load_memory(ctx, "file", file->data, file->length, &m));
  rung_status status = export_both(ctx, m);
  rung_model_destroy(m);
  return status;
}

static void models(void **state) {
  (void)state;
  for (rung_dtype dtype = RUNG_F32; dtype <= RUNG_DD; dtype++) {
    bytes file = make_file(dtype);
    assert_true(fail_each_allocation(load_copy_and_save, &file, (fail_options){0}) > 100);
    fail_each_allocation(load_and_export, &file, (fail_options){0});
    free(file.data);
  }
}

static rung_status use_recipe(rung_context *ctx, const rung_recipe *recipe) {
  char *text, **list;
  int count;
  RG_TRY(rung_recipe_text(recipe, ctx, &text));
  rung_free(ctx, text);
  bool fit = rung_recipe_get_kind(recipe) == RUNG_RECIPE_FIT;
  RG_TRY(rg_recipe_list(recipe, ctx, fit ? "target" : "data.target", &list, &count));
  rg_free(ctx, list);
  return RUNG_OK;
}

typedef struct recipe_text {
  rung_recipe_kind kind;
  const char *text;
} recipe_text;

static rung_status load_recipe(rung_context *ctx, void *arg) {
  rung_recipe *recipe;
  const recipe_text *r = arg;
  RG_TRY(rung_recipe_load_memory(ctx, r->kind, "recipe", r->text, strlen(r->text), &recipe));
  rung_status status = use_recipe(ctx, recipe);
  rung_recipe_destroy(recipe);
  return status;
}

static void recipes(void **state) {
  (void)state;
  recipe_text texts[] = {
      {RUNG_RECIPE_FIT, "table: a.csv\ntarget: [y, z]\nstages: 3\nmemory: 20MB\n"},
      {RUNG_RECIPE_TRAIN, "data: {train: a.csv, augment: {flip: yes}}\nmodel: {width: [3, 4]}\n"},
  };
  for (int i = 0; i < 2; i++)
    assert_true(fail_each_allocation(load_recipe, &texts[i], (fail_options){0}) > 20);
}

static rung_status fill_set(rg_tensors *set) {
  double values[6] = {1, 2, 3, 4, 5, 6};
  char name[16];
  for (int i = 0; i < 40; i++) {
    snprintf(name, sizeof name, "t%d", i);
    RG_TRY(rg_tensors_add(set, name, RG_TENSOR_F64, 2, (int64_t[]){2, 3}, values));
    RG_TRY(rg_tensors_add_text(set, name, "text"));
  }
  void *out;
  size_t length;
  RG_TRY(rg_tensors_write_memory(set, &out, &length));
  rg_free(set->ctx, out);
  return RUNG_OK;
}

static rung_status make_set(rung_context *ctx, void *arg) {
  (void)arg;
  rg_tensors set;
  rg_tensors_init(&set, ctx);
  rung_status status = fill_set(&set);
  rg_tensors_free(&set);
  return status;
}

static void tensors(void **state) {
  (void)state;
  assert_true(fail_each_allocation(make_set, NULL, (fail_options){0}) > 160);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(models),
      cmocka_unit_test(recipes),
      cmocka_unit_test(tensors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
