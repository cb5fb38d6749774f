/* IDX files: what they hold is read, whatever is wrong with them is said. */
#include "data/files.h"
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

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_samples),
      TEST(test_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
