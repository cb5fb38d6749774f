/* IDX files: what they hold is read, whatever is wrong with them is said. */
#include "data/made.h"
#include "fail_alloc.h"
#include "rung/dataset.h"

#define IMAGES "train-images-idx3-ubyte"
#define LABELS "train-labels-idx1-ubyte"

static void write_pair(const folder *f, int count, const char *ending) {
  unsigned char data[4096];
  char name[64];
  snprintf(name, sizeof name, IMAGES "%s", ending);
  write_bytes(f, name, data, make_idx_images(data, count, 4, 5));
  snprintf(name, sizeof name, LABELS "%s", ending);
  write_bytes(f, name, data, make_idx_labels(data, count, 3));
}

static void check_samples(rung_context *ctx, const rung_dataset *set, int count) {
  int64_t shape[3];
  assert_int_equal(rung_dataset_count(set), count);
  assert_int_equal(rung_dataset_shape(set, shape), 3);
  assert_true(shape[0] == 4 && shape[1] == 5 && shape[2] == 1);
  assert_int_equal(rung_dataset_classes(set), 3);
  assert_string_equal(rung_dataset_class(set, 2), "2");
  assert_null(rung_dataset_class(set, 3));
  for (int i = 0; i < count; i++) {
    double x[20];
    float y[20];
    rung_dd z[20];
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F32, y));
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_DD, z));
    for (int j = 0; j < 20; j++) {
      double expected = ((7 * i + 3 * j) % 256) / 255.0;
      assert_true(x[j] == expected && y[j] == (float)expected && z[j].hi == expected);
    }
    assert_int_equal(rung_dataset_label(set, i), i % 3);
  }
}

static void test_samples(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  write_pair(&f, 10, "");
  write_pair(&f, 10, ".gz");
  for (int i = 0; i < 6; i++) {
    rung_dataset_options options = rung_dataset_options_default();
    options.memory = i / 2 == 0 ? 0 : i / 2 == 1 ? 100 : 100000; /* 100: read from the disk */
    assert_ok(ctx,
              rung_dataset_open(ctx, path_in(&f, i % 2 ? IMAGES ".gz" : IMAGES), &options, &set));
    check_samples(ctx, set, 10);
    assert_int_equal(rung_dataset_bytes(set), rung_memory_now(ctx));
    rung_dataset_destroy(set);
  }
  remove_folder(&f);
}

/* Four dimensions: the last are channels. */
static void test_colours(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  unsigned char data[64];
  int64_t shape[3];
  size_t at = put_big(data, 0x804);
  static const uint32_t sizes[] = {2, 2, 3, 3};
  for (int i = 0; i < 4; i++) at += put_big(data + at, sizes[i]);
  for (int i = 0; i < 36; i++) data[at++] = (unsigned char)(5 * i);
  write_bytes(&f, IMAGES, data, at);
  write_bytes(&f, LABELS, data, make_idx_labels(data, 2, 2));
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, IMAGES), NULL, &set));
  assert_int_equal(rung_dataset_shape(set, shape), 3);
  assert_true(shape[0] == 2 && shape[1] == 3 && shape[2] == 3);
  double x[18];
  assert_ok(ctx, rung_dataset_read(set, ctx, 1, RUNG_F64, x));
  for (int j = 0; j < 18; j++) assert_true(x[j] == 5 * (18 + j) / 255.0);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_messages(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  unsigned char data[4096];
  size_t n = make_idx_images(data, 10, 4, 5);
  const char *path = path_in(&f, IMAGES);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_IO, "cannot be opened");
  write_bytes(&f, IMAGES, data, n);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_IO,
               LABELS ": cannot be opened");
  write_bytes(&f, LABELS, data, make_idx_labels(data, 9, 3));
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_DATA,
               LABELS ": expected 10 labels, one for each image of ");
  write_bytes(&f, LABELS, data, make_idx_labels(data, 10, 1));
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_DATA,
               "expected samples of two classes at least, found one class only: \"0\", 10 of them");
  write_bytes(&f, LABELS, data, make_idx_labels(data, 10, 3) - 1);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               LABELS ": expected 10 labels, found the end after 9");
  write_bytes(&f, LABELS, data, make_idx_labels(data, 10, 3) + 1);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               LABELS ": expected the end after 10 labels, found more bytes");
  write_bytes(&f, LABELS, data, make_idx_images(data, 10, 3, 3));
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               LABELS ": expected an IDX file that begins with 00000801 (labels of bytes), found "
                      "00000803");
  write_bytes(&f, LABELS, data, 2);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT, "found 2 bytes");
  write_bytes(&f, IMAGES, data, make_idx_images(data, 10, 4, 5) - 1);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               IMAGES ": expected 10 images, found the end after 9");
  put_big(data + 4, 0xffffffff);
  write_bytes(&f, IMAGES, data, n);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               IMAGES ": expected 4294967295 images, found the end after 10");
  put_big(data + 8, 0);
  write_bytes(&f, IMAGES, data, n);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT,
               "expected a usual size of images, found 0 x 5 x 1");
  put_big(data + 4, 0);
  write_bytes(&f, IMAGES, data, n);
  assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_DATA,
               "expected images, found none");
  remove_folder(&f);
}

static void test_packed_files(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  unsigned char data[4096], packed[4096];
  write_pair(&f, 10, ".gz");
  const char *path = path_in(&f, IMAGES ".gz");
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t n = fread(packed, 1, sizeof packed, file);
  fclose(file);
  const struct {
    size_t length, flip; /* bytes kept, byte damaged */
    const char *message;
  } cases[] = {{n - 20, 0, ": expected 10 images, found the end after "},
               {n, n - 6, ": expected sound gzip data, found damage behind byte "}};
  for (int i = 0; i < 2; i++) {
    memcpy(data, packed, n);
    if (cases[i].flip) data[cases[i].flip] ^= 1;
    file = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, cases[i].length, file), cases[i].length);
    fclose(file);
    assert_error(ctx, rung_dataset_open(ctx, path, NULL, &set), RUNG_E_FORMAT, cases[i].message);
  }
  remove_folder(&f);
}

/* What is left where files are cut short or labels are none of the classes. */
static void test_skipped(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  unsigned char data[4096];
  static const char *const names[] = {"zero", "one"};
  rung_dataset_options options = rung_dataset_options_default();
  const char *path = path_in(&f, IMAGES);
  write_pair(&f, 10, "");
  options.class_count = 2;
  options.class_names = names;
  assert_error(ctx, rung_dataset_open(ctx, path, &options, &set), RUNG_E_DATA,
               LABELS ": label 2: expected 0..1, found 2");
  options.skip_bad = 1;
  assert_ok(ctx, rung_dataset_open(ctx, path, &options, &set));
  assert_int_equal(rung_dataset_count(set), 7);
  assert_int_equal(rung_dataset_skipped(set), 3);
  assert_string_equal(rung_dataset_class(set, 1), "one");
  static const int kept[] = {0, 1, 3, 4, 6, 7, 9};
  for (int i = 0; i < 7; i++) {
    double x[20];
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
    for (int j = 0; j < 20; j++) assert_true(x[j] == ((7 * kept[i] + 3 * j) % 256) / 255.0);
    assert_int_equal(rung_dataset_label(set, i), kept[i] % 3);
  }
  rung_dataset_destroy(set);
  options.memory = 100;
  assert_error(ctx, rung_dataset_open(ctx, path, &options, &set), RUNG_E_UNSUPPORTED,
               "it can be left out only where the images fit into memory");
  options = rung_dataset_options_default();
  options.skip_bad = 1;
  write_bytes(&f, IMAGES, data, make_idx_images(data, 10, 4, 5) - 30); /* 8 and a half */
  write_bytes(&f, LABELS, data, make_idx_labels(data, 10, 3) - 4);     /* 6 */
  assert_ok(ctx, rung_dataset_open(ctx, path, &options, &set));
  check_samples(ctx, set, 6);
  assert_int_equal(rung_dataset_skipped(set), 4);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_without_labels(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set, *train;
  unsigned char data[4096];
  rung_dataset_options options = rung_dataset_options_default();
  write_pair(&f, 10, "");
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, IMAGES), NULL, &train));
  write_bytes(&f, "pictures", data, make_idx_images(data, 4, 4, 5));
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "pictures"), NULL, &set), RUNG_E_DATA,
               "pictures: expected a name with images-idx3, beside which labels-idx1 lies");
  options.labels = path_in(&f, LABELS);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "pictures"), &options, &set), RUNG_E_DATA,
               "expected 4 labels, one for each image of ");
  options.labels = NULL;
  options.unlabelled = 1;
  options.form = rung_dataset_form(train);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "pictures"), &options, &set));
  assert_int_equal(rung_dataset_label(set, 3), -1);
  assert_int_equal(rung_dataset_classes(set), 3);
  rung_dataset_destroy(set);
  write_bytes(&f, "pictures", data, make_idx_images(data, 4, 5, 4));
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "pictures"), &options, &set), RUNG_E_SHAPE,
               "expected images of 4 x 5 x 1 as in training, found 5 x 4 x 1");
  rung_dataset_destroy(train);
  remove_folder(&f);
}

static rung_status open_and_read(rung_context *ctx, void *arg) {
  rung_dataset *set;
  double x[20];
  rung_dataset_options options = rung_dataset_options_default();
  for (int i = 0; i < 2; i++) {
    options.memory = i ? 100 : 0;
    RG_TRY(rung_dataset_open(ctx, arg, &options, &set));
    rung_status status = rung_dataset_read(set, ctx, 9, RUNG_F64, x);
    rung_dataset_destroy(set);
    RG_TRY(status);
  }
  return RUNG_OK;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  folder f = make_folder();
  write_pair(&f, 10, "");
  fail_each_allocation(open_and_read, (char *)path_in(&f, IMAGES), (fail_options){0});
  remove_folder(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_samples),
      TEST(test_colours),
      TEST(test_messages),
      TEST(test_packed_files),
      TEST(test_skipped),
      TEST(test_without_labels),
      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
