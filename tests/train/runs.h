/* What the tests of runs have in common: recipes, folders in a scratch folder, files compared. */
#ifndef RG_RUNS_H
#define RG_RUNS_H

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rung/run.h"
#include "test.h"

/* Keys and values, ended by NULL. */
#define RECIPE(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline rung_recipe *recipe_of(rung_context *ctx, const char *const *pairs) {
  rung_recipe *recipe;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_FIT, &recipe));
  for (int i = 0; pairs[i]; i += 2)
    assert_ok(ctx, rung_recipe_set(recipe, ctx, pairs[i], pairs[i + 1]));
  return recipe;
}

static inline const char *path_in(const char *folder, const char *name) {
  static char path[4][512];
  static int next;
  char *out = path[next++ % 4];
  int length = snprintf(out, sizeof path[0], "%s/%s", folder, name);
  assert_true(length > 0 && (size_t)length < sizeof path[0]);
  return out;
}

static inline bool is_there(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

static inline void write_file(const char *path, const void *data, size_t length) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, length, file), length);
  assert_int_equal(fclose(file), 0);
}

/* The caller frees it with free(). */
static inline char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  long size = ftell(file);
  assert_true(size >= 0);
  rewind(file);
  char *data = malloc((size_t)size + 1);
  assert_non_null(data);
  assert_int_equal(fread(data, 1, (size_t)size, file), size);
  data[size] = 0;
  fclose(file);
  if (length) *length = (size_t)size;
  return data;
}

static inline void assert_same_file(const char *a, const char *b) {
  size_t na, nb;
  char *x = read_file(a, &na), *y = read_file(b, &nb);
  if (na != nb || memcmp(x, y, na) != 0) fail_msg("%s and %s differ", a, b);
  free(x);
  free(y);
}

/* The logs tell the same but for times and memory, which stand at the end of their lines. */
static inline void assert_same_log(const char *a, const char *b) {
  char *x = read_file(a, NULL), *y = read_file(b, NULL), *p = x, *q = y;
  while (*p && *q) {
    size_t n = strcspn(p, "\n"), m = strcspn(q, "\n");
    p[n] = q[m] = 0;
    char *end_p = strstr(p, ",\"seconds\""), *end_q = strstr(q, ",\"seconds\"");
    if (end_p) *end_p = 0;
    if (end_q) *end_q = 0;
    assert_string_equal(p, q);
    p += n + 1;
    q += m + 1;
  }
  assert_true(!*p && !*q);
  free(x);
  free(y);
}

static inline void remove_folder(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));)
    if (entry->d_name[0] != '.') unlink(path_in(folder, entry->d_name));
  closedir(dir);
  rmdir(folder);
}

static inline void copy_folder(const char *from, const char *to) {
  static const char *const names[] = {RUNG_RUN_RECIPE, RUNG_RUN_LOG, RUNG_RUN_MODEL,
                                      "state.safetensors"};
  remove_folder(to);
  assert_int_equal(mkdir(to, 0777), 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!is_there(path_in(from, names[i]))) continue;
    size_t length;
    char *data = read_file(path_in(from, names[i]), &length);
    write_file(path_in(to, names[i]), data, length);
    free(data);
  }
}

/* A run that must succeed. */
static inline rung_fit_result run_in(rung_context *ctx, const char *const *pairs,
                                     const char *folder, rung_progress_fn progress, void *user) {
  rung_recipe *recipe = recipe_of(ctx, pairs);
  rung_model *model = NULL;
  rung_fit_result result;
  remove_folder(folder);
  assert_ok(ctx, rung_run(ctx, recipe, folder, progress, user, &model, &result));
  assert_non_null(model);
  rung_model_destroy(model);
  rung_recipe_destroy(recipe);
  return result;
}

static inline rung_fit_result resume_in(rung_context *ctx, const char *folder) {
  rung_model *model = NULL;
  rung_fit_result result;
  assert_ok(ctx, rung_run_resume(ctx, folder, NULL, NULL, &model, &result));
  assert_non_null(model);
  rung_model_destroy(model);
  return result;
}

/* Runs the tests in a new folder, which is removed afterwards. */
static inline int in_scratch_folder(int (*tests)(void)) {
  char folder[] = "test-run-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
  int failed = tests();
  DIR *dir = opendir(".");
  for (const struct dirent *entry; dir && (entry = readdir(dir));) {
    if (entry->d_name[0] == '.') continue;
    remove_folder(entry->d_name);
    unlink(entry->d_name);
  }
  if (dir) closedir(dir);
  if (chdir("..") == 0) rmdir(folder);
  return failed;
}

#endif
