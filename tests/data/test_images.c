/* Folders and tars of images, CIFAR-10 batches: pixels as they were written, every complaint. */
#include <math.h>

#include "data/made_images.h"
#include "fail_alloc.h"
#include "rung/dataset.h"

static rung_dataset_options defaults(void) {
  return rung_dataset_options_default();
}

static void check_pixels(rung_context *ctx, const rung_dataset *set, int64_t sample,
                         const unsigned char *expected) {
  int64_t n = rung_dataset_size(set);
  double x[64 * 64 * 3];
  assert_ok(ctx, rung_dataset_read(set, ctx, sample, RUNG_F64, x));
  for (int64_t i = 0; i < n; i++)
    if (x[i] != expected[i] / 255.0)
      fail_msg("pixel %lld: %g, not %d", (long long)i, x[i] * 255, expected[i]);
}

/* cat/0..2.png and dog/0..1.jpg, 6 x 5, in a folder and in tars. */
static void make_animals(const folder *f, const char *root, blob *tar) {
  static blob image;
  char name[64];
  tar->length = 0;
  for (int i = 0; i < 5; i++) {
    int dog = i > 2;
    if (dog)
      make_jpeg(&image, i, 6, 5, 0);
    else
      make_rgb_png(&image, i, 6, 5);
    snprintf(name, sizeof name, "%s/%s/%d.%s", root, dog ? "dog" : "cat", dog ? i - 3 : i,
             dog ? "jpg" : "png");
    write_bytes(f, name, image.data, image.length);
    add_tar(tar, name + strlen(root) + 1, '0', image.data, image.length);
  }
  end_tar(tar);
}

static void test_folders_and_tars(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob tar, image;
  unsigned char expected[90];
  int64_t shape[3];
  double first[5][90];
  make_animals(&f, "pets", &tar);
  write_bytes(&f, "pets/cat/notes.txt", "no image", 8); /* passed over */
  write_bytes(&f, "pets/cat/.hidden.png", "no image", 8);
  write_bytes(&f, "pets.tar", tar.data, tar.length);
  write_bytes(&f, "pets.tar.gz", tar.data, tar.length);
  tar.length = 0;
  add_tar(&tar, "./", '5', NULL, 0);
  add_tar(&tar, "./sets/", '5', NULL, 0);
  for (int i = 4; i >= 0; i--) { /* another order, another place */
    char name[64];
    int dog = i > 2;
    snprintf(name, sizeof name, "./sets/%s/%d.%s", dog ? "dog" : "cat", dog ? i - 3 : i,
             dog ? "jpg" : "png");
    if (dog)
      make_jpeg(&image, i, 6, 5, 0);
    else
      make_rgb_png(&image, i, 6, 5);
    add_tar(&tar, name, '0', image.data, image.length);
  }
  write_bytes(&f, "more.tar", tar.data, tar.length); /* without blocks of zeros at the end */
  static const char *const places[] = {"pets", "pets.tar", "pets.tar.gz", "more.tar/sets",
                                       "more.tar/sets/"};
  for (int place = 0; place < 5; place++) {
    rung_dataset *set;
    char name[300];
    assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, places[place]), NULL, &set));
    assert_int_equal(rung_dataset_count(set), 5);
    assert_int_equal(rung_dataset_shape(set, shape), 3);
    assert_true(shape[0] == 6 && shape[1] == 5 && shape[2] == 3);
    assert_int_equal(rung_dataset_classes(set), 2);
    assert_string_equal(rung_dataset_class(set, 0), "cat");
    for (int i = 0; i < 5; i++) {
      double x[90];
      assert_int_equal(rung_dataset_label(set, i), i > 2);
      assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
      if (place == 0)
        memcpy(first[i], x, sizeof x);
      else
        assert_memory_equal(first[i], x, sizeof x);
      fill_pixels(expected, i, 90);
      if (i < 3) check_pixels(ctx, set, i, expected);
    }
    assert_non_null(strstr(rung_dataset_name(set, 4, name, sizeof name), "dog/1.jpg"));
    rung_dataset_destroy(set);
  }
  for (int j = 0; j < 90; j++) /* JPEG is near what was written */
    assert_true(fabs(255 * first[4][j] - (80 + 3 * (j / 3 % 5) + 5 * (j % 3))) < 6);
  remove_folder(&f);
}

static rung_status open_image(rung_context *ctx, const folder *f, const blob *image,
                              const rung_dataset_options *options, rung_dataset **out) {
  write_bytes(f, "one.png", image->data, image->length);
  return rung_dataset_open(ctx, path_in(f, "one.png"), options, out);
}

/* Depths, palettes, transparency and interlacing come to the same bytes. */
static void test_kinds_of_png(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image;
  rung_dataset *set;
  rung_dataset_options options = defaults();
  options.unlabelled = 1;
  unsigned char grey[12] = {0, 50, 100, 150, 200, 250, 255, 1, 2, 3, 4, 5};
  for (int interlace = 0; interlace < 2; interlace++) {
    make_png(&image, 3, 4, 8, PNG_COLOR_TYPE_GRAY, interlace, grey, 4);
    assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
    assert_int_equal(rung_dataset_channels(set), 1);
    assert_int_equal(rung_dataset_label(set, 0), -1);
    check_pixels(ctx, set, 0, grey);
    rung_dataset_destroy(set);
  }
  unsigned char wide[24] = {0}, expected[12 * 3];
  for (int i = 0; i < 12; i++) wide[2 * i] = wide[2 * i + 1] = grey[i]; /* 257 times */
  make_png(&image, 3, 4, 16, PNG_COLOR_TYPE_GRAY, 1, wide, 8);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(ctx, set, 0, grey);
  rung_dataset_destroy(set);

  make_png(&image, 2, 4, 1, PNG_COLOR_TYPE_GRAY, 0, (unsigned char[]){0xa0, 0x50}, 1);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(ctx, set, 0, (unsigned char[]){255, 0, 255, 0, 0, 255, 0, 255});
  rung_dataset_destroy(set);

  make_png(&image, 1, 4, 8, PNG_COLOR_TYPE_PALETTE, 0, (unsigned char[]){0, 1, 2, 3}, 4);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  assert_int_equal(rung_dataset_channels(set), 3); /* colour 1 is half transparent, over black */
  check_pixels(ctx, set, 0, (unsigned char[]){10, 20, 30, 20, 25, 30, 70, 80, 90, 255, 0, 128});
  rung_dataset_destroy(set);

  options.channels = 3;
  make_png(&image, 3, 4, 8, PNG_COLOR_TYPE_GRAY, 0, grey, 4);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  for (int i = 0; i < 36; i++) expected[i] = grey[i / 3];
  check_pixels(ctx, set, 0, expected);
  rung_dataset_destroy(set);
  options.channels = 1;
  make_png(&image, 1, 2, 8, PNG_COLOR_TYPE_RGB, 0, (unsigned char[]){255, 0, 0, 0, 255, 0}, 6);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(ctx, set, 0, (unsigned char[]){77, 149}); /* (77 R + 150 G + 29 B + 128) / 256 */
  rung_dataset_destroy(set);
  options = defaults();
  assert_error(ctx, open_image(ctx, &f, &image, &options, &set), RUNG_E_DATA,
               "expected samples with labels, found a single image");
  remove_folder(&f);
}

static void test_scaling(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image;
  rung_dataset *set;
  rung_dataset_options options = defaults();
  unsigned char pixels[16];
  for (int i = 0; i < 16; i++) pixels[i] = (unsigned char)(10 * i);
  options.unlabelled = 1;
  options.height = options.width = 2; /* averages of 2 x 2 */
  make_png(&image, 4, 4, 8, PNG_COLOR_TYPE_GRAY, 0, pixels, 4);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(ctx, set, 0, (unsigned char[]){25, 45, 105, 125});
  rung_dataset_destroy(set);
  options.height = 8; /* each row twice, columns halved */
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(
      ctx, set, 0,
      (unsigned char[]){5, 25, 5, 25, 45, 65, 45, 65, 85, 105, 85, 105, 125, 145, 125, 145});
  assert_non_null(strstr(rung_dataset_form(set), "\"scaled\":true"));
  rung_dataset_options again = defaults(); /* as a model asks for it */
  again.form = rung_dataset_form(set);
  again.unlabelled = 1;
  rung_dataset *other;
  make_rgb_png(&image, 1, 10, 10);
  assert_ok(ctx, open_image(ctx, &f, &image, &again, &other));
  assert_true(rung_dataset_size(other) == 16);
  rung_dataset_destroy(other);
  rung_dataset_destroy(set);
  options.width = 3; /* the mean is kept where the size does not divide: 4 rows of 4 to 1 x 3 */
  options.height = 1;
  make_png(&image, 4, 4, 8, PNG_COLOR_TYPE_GRAY, 0, pixels, 4);
  assert_ok(ctx, open_image(ctx, &f, &image, &options, &set));
  check_pixels(ctx, set, 0, (unsigned char[]){63, 75, 88}); /* 62.5, 75, 87.5 */
  rung_dataset_destroy(set);
  options.width = 0;
  assert_error(ctx, open_image(ctx, &f, &image, &options, &set), RUNG_E_ARGUMENT,
               "image size: expected height and width, found 1 x 0");
  options = defaults();
  options.channels = 2;
  assert_error(ctx, open_image(ctx, &f, &image, &options, &set), RUNG_E_ARGUMENT,
               "channels: expected 1 or 3, found 2");
  remove_folder(&f);
}

static void test_messages(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image, tar;
  rung_dataset *set;
  const char *root = path_in(&f, "pets");
  make_animals(&f, "pets", &tar);
  write_bytes(&f, "pets/ant/readme.txt", "x", 1);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_DATA,
               "pets/ant: expected images (.png, .jpg, .jpeg), found none");
  make_rgb_png(&image, 1, 6, 5);
  write_bytes(&f, "pets/ant/a.png", image.data, image.length - 30);
  assert_ok(ctx, rung_dataset_open(ctx, root, NULL, &set)); /* its size can be read */
  double x[90];
  assert_error(ctx, rung_dataset_read(set, ctx, 0, RUNG_F64, x), RUNG_E_FORMAT,
               "pets/ant/a.png: damaged image: ");
  assert_ok(ctx, rung_dataset_read(set, ctx, 1, RUNG_F64, x));
  assert_error(ctx, rung_dataset_read(set, ctx, 6, RUNG_F64, x), RUNG_E_ARGUMENT,
               "sample: expected 0..5, found 6");
  rung_dataset_destroy(set);
  write_bytes(&f, "pets/ant/a.png", "GIF89a", 6);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_FORMAT,
               "pets/ant/a.png: expected a PNG or JPEG image, found bytes that begin with 47 49 46 "
               "38");
  write_bytes(&f, "pets/ant/a.png", "", 0);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_FORMAT, "found an empty file");
  make_rgb_png(&image, 1, 5, 6);
  write_bytes(&f, "pets/ant/a.png", image.data, image.length);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_SHAPE,
               "pets/cat/0.png: expected 5 x 6 pixels as in ");
  image.data[16] = 0x7f; /* a width of 2^31 */
  write_bytes(&f, "pets/ant/a.png", image.data, image.length);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_UNSUPPORTED,
               "expected an image of at most");
  image.data[16] = 0;
  image.data[18] = 0x7f; /* 5 x 32,518 pixels of a few bytes */
  write_bytes(&f, "pets/ant/a.png", image.data, 20);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_FORMAT,
               "damaged image: a PNG file without its header");
  image.data[22] = 0x7f;
  write_bytes(&f, "pets/ant/a.png", image.data, image.length);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_UNSUPPORTED,
               "expected an image");
  image.data[22] = 0x07;
  write_bytes(&f, "pets/ant/a.png", image.data, 40);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_FORMAT,
               "it states more pixels than its bytes can hold");
  make_jpeg(&image, 1, 6, 5, 0);
  write_bytes(&f, "pets/ant/a.png", image.data, 100);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_FORMAT,
               "a JPEG file without a start of frame");
  write_bytes(&f, "pets/ant/a.png", image.data, image.length - 40); /* a JPEG by its bytes */
  assert_ok(ctx, rung_dataset_open(ctx, root, NULL, &set));
  assert_error(ctx, rung_dataset_read(set, ctx, 0, RUNG_F64, x), RUNG_E_FORMAT,
               "pets/ant/a.png: damaged image: ");
  rung_dataset_destroy(set);
  write_bytes(&f, "pets/ant/b/c.png", "", 0);
  assert_error(ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_DATA,
               "pets/ant/b: expected images, found a folder in a folder of images");
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "pets/cat"), NULL, &set), RUNG_E_DATA,
               "expected folders named as classes with images in them, found none");
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "pots"), NULL, &set), RUNG_E_IO,
               "cannot be opened");
  remove_folder(&f);
}

static void test_classes_outside(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image, tar;
  static const char *const names[] = {"dog", "cat", "cow"};
  rung_dataset *set;
  rung_dataset_options options = defaults();
  const char *root = path_in(&f, "pets");
  make_animals(&f, "pets", &tar);
  options.class_count = 3;
  options.class_names = names;
  assert_ok(ctx, rung_dataset_open(ctx, root, &options, &set));
  assert_int_equal(rung_dataset_classes(set), 3);
  assert_int_equal(rung_dataset_label(set, 0), 1); /* cat */
  rung_dataset_destroy(set);
  options.class_count = 1;
  assert_error(ctx, rung_dataset_open(ctx, root, &options, &set), RUNG_E_DATA,
               "pets/cat/0.png: expected a folder named as one of the 1 classes from \"dog\" to "
               "\"dog\"");
  make_rgb_png(&image, 9, 6, 5);
  write_bytes(&f, "pets/stray.png", image.data, image.length);
  assert_error(
      ctx, rung_dataset_open(ctx, root, NULL, &set), RUNG_E_DATA,
      "pets/stray.png: expected images in folders named as their class, found one outside");
  options = defaults();
  options.unlabelled = 1;
  assert_ok(ctx, rung_dataset_open(ctx, root, &options, &set));
  assert_int_equal(rung_dataset_count(set), 6);
  assert_int_equal(rung_dataset_label(set, 5), -1);
  assert_int_equal(rung_dataset_label(set, 4), 1);
  rung_dataset_destroy(set);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "pets/cat"), &options, &set));
  assert_int_equal(rung_dataset_count(set), 3);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_bad_images_are_skipped(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image, tar;
  rung_dataset *set;
  rung_dataset_options options = defaults();
  const char *root = path_in(&f, "pets");
  options.skip_bad = 1;
  make_animals(&f, "pets", &tar);
  make_rgb_png(&image, 1, 6, 5);
  write_bytes(&f, "pets/cat/0.png", image.data, image.length - 30); /* cut */
  make_rgb_png(&image, 1, 7, 5);
  write_bytes(&f, "pets/cat/00.png", image.data, image.length); /* another size than most */
  make_jpeg(&image, 1, 6, 5, 0);
  write_bytes(&f, "pets/dog/0.jpg", image.data, image.length - 40); /* cut */
  write_bytes(&f, "pets/dog/2.jpg", "text", 4);
  assert_ok(ctx, rung_dataset_open(ctx, root, &options, &set));
  assert_int_equal(rung_dataset_count(set), 3);
  assert_int_equal(rung_dataset_skipped(set), 4);
  for (int i = 0; i < 3; i++) {
    double x[90];
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
  }
  rung_dataset_destroy(set);
  write_bytes(&f, "pets/dog/1.jpg", "text", 4);
  assert_error(ctx, rung_dataset_open(ctx, root, &options, &set), RUNG_E_DATA,
               "pets/dog: expected images (.png, .jpg, .jpeg) that can be decoded, found none");
  remove_folder(&f);
}

static void test_tars(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image, tar, bad;
  rung_dataset *set;
  rung_dataset_options options = defaults();
  make_rgb_png(&image, 1, 6, 5);
  /* names longer than 100 bytes, in both ways, and a name in two parts */
  char name[300], record[400];
  memset(name, 'n', 200);
  strcpy(name + 200, ".png");
  memcpy(name, "cat/", 4);
  add_tar(&tar, "././@LongLink", 'L', name, strlen(name) + 1);
  add_tar(&tar, "cat/nnn", '0', image.data, image.length);
  memcpy(name, "dog/", 4);
  snprintf(record, sizeof record, "214 path=%s\n", name);
  assert_int_equal(strlen(record), 214);
  add_tar(&tar, "pax", 'g', "20 comment=whatever\n", 20);
  add_tar(&tar, "pax", 'x', record, strlen(record));
  add_tar(&tar, "dog/nnn", '0', image.data, image.length);
  add_tar(&tar, "dog/b.png", 0, image.data, image.length);
  size_t whole = tar.length;
  end_tar(&tar);
  write_bytes(&f, "a.tar", tar.data, tar.length);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "a.tar"), NULL, &set));
  assert_int_equal(rung_dataset_count(set), 3);
  char found[400];
  rung_dataset_name(set, 2, found, sizeof found);
  assert_non_null(strstr(found, name));
  rung_dataset_destroy(set);

  bad = tar;
  bad.data[10] ^= 1;
  write_bytes(&f, "a.tar", bad.data, bad.length);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "a.tar"), NULL, &set), RUNG_E_FORMAT,
               "a.tar: damaged tar archive: no header (is it a tar?) at byte 0");
  write_bytes(&f, "a.tar", tar.data, whole - 512);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "a.tar"), NULL, &set), RUNG_E_FORMAT,
               "a.tar: damaged tar archive: the file ends within an entry");
  options.skip_bad = 1;
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "a.tar"), &options, &set));
  assert_int_equal(rung_dataset_count(set), 2);
  assert_int_equal(rung_dataset_skipped(set), 1);
  rung_dataset_destroy(set);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "a.tar/cow"), &options, &set), RUNG_E_DATA,
               "expected files in that folder of the archive, found none");
  bad.length = 0;
  add_tar(&bad, "train/cat/1.png", '0', image.data, image.length);
  write_bytes(&f, "b.tar", bad.data, bad.length);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "b.tar"), NULL, &set), RUNG_E_DATA,
               "b.tar/train/cat/1.png: expected CLASS/IMAGE in ");
  add_tar(&bad, "train/dog/1.png", '2', NULL, 0);
  write_bytes(&f, "b.tar", bad.data, bad.length);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "b.tar/train"), NULL, &set), RUNG_E_DATA,
               "dog/1.png: expected an image, found something that is no file");
  remove_folder(&f);
}

static void make_batch(unsigned char *out, int first, int count) {
  for (int i = 0; i < count; i++) {
    unsigned char *record = out + i * 3073;
    record[0] = (unsigned char)((first + i) % 10);
    for (int j = 0; j < 3072; j++) record[1 + j] = (unsigned char)(first + i + j * 7 + j / 1024);
  }
}

static void check_batch(rung_context *ctx, const rung_dataset *set, int count) {
  unsigned char expected[3072];
  assert_int_equal(rung_dataset_count(set), count);
  assert_int_equal(rung_dataset_classes(set), 10);
  for (int i = 0; i < count; i++) {
    assert_int_equal(rung_dataset_label(set, i), i % 10);
    for (int p = 0; p < 1024; p++)
      for (int c = 0; c < 3; c++) expected[3 * p + c] = (unsigned char)(i + (1024 * c + p) * 7 + c);
    check_pixels(ctx, set, i, expected);
  }
}

static void test_cifar(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  rung_dataset_options options = defaults();
  static unsigned char data[12 * 3073];
  make_batch(data, 0, 12);
  write_bytes(&f, "all.bin", data, sizeof data);
  write_bytes(&f, "cifar/data_batch_1.bin", data, 5 * 3073);
  write_bytes(&f, "cifar/data_batch_2.bin", data + 5 * 3073, 7 * 3073);
  write_bytes(&f, "cifar/test_batch.bin", data, 3073);
  for (int i = 0; i < 4; i++) {
    options.memory = i / 2 ? 2000 : 0; /* 2000: on the disk */
    assert_ok(ctx,
              rung_dataset_open(ctx, path_in(&f, i % 2 ? "cifar" : "all.bin"), &options, &set));
    assert_string_equal(rung_dataset_class(set, 9), "9");
    check_batch(ctx, set, 12);
    rung_dataset_destroy(set);
  }
  static const char meta[] =
      "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
  write_bytes(&f, "cifar/batches.meta.txt", meta, strlen(meta));
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "cifar"), NULL, &set));
  assert_string_equal(rung_dataset_class(set, 9), "truck");
  rung_dataset_destroy(set);
  write_bytes(&f, "all.bin", data, sizeof data - 1);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "all.bin"), NULL, &set), RUNG_E_FORMAT,
               "all.bin: expected records of 3073 bytes (CIFAR-10), found 3072 bytes behind 11");
  data[3073] = 10;
  write_bytes(&f, "all.bin", data, sizeof data);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "all.bin"), NULL, &set), RUNG_E_DATA,
               "all.bin: record 1: expected a label 0..9, found 10");
  options = defaults();
  options.skip_bad = 1;
  write_bytes(&f, "all.bin", data, sizeof data - 1);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "all.bin"), &options, &set));
  assert_int_equal(rung_dataset_count(set), 10);
  assert_int_equal(rung_dataset_skipped(set), 2);
  rung_dataset_destroy(set);
  write_bytes(&f, "all.bin", data, 0);
  assert_error(ctx, rung_dataset_open(ctx, path_in(&f, "all.bin"), NULL, &set), RUNG_E_DATA,
               "expected samples, found none");
  remove_folder(&f);
}

static rung_status open_and_read(rung_context *ctx, void *arg) {
  rung_dataset *set;
  float x[3072];
  rung_dataset_options options = defaults();
  options.skip_bad = 1;
  RG_TRY(rung_dataset_open(ctx, arg, &options, &set));
  rung_status status = rung_dataset_read(set, ctx, 0, RUNG_F32, x);
  rung_dataset_destroy(set);
  return status;
}

static void test_memory_runs_out(void **state) {
  (void)state;
  folder f = make_folder();
  static blob tar;
  static unsigned char data[3 * 3073];
  make_batch(data, 0, 3);
  make_animals(&f, "pets", &tar);
  write_bytes(&f, "pets.tar", tar.data, tar.length);
  write_bytes(&f, "pets.tgz.gz", tar.data, tar.length);
  write_bytes(&f, "cifar/data_batch_1.bin", data, sizeof data);
  assert_int_equal(rename(path_in(&f, "pets.tgz.gz"), path_in(&f, "pets.tgz")), 0);
  static const char *const places[] = {"pets", "pets.tar", "pets.tgz", "cifar"};
  for (int i = 0; i < 4; i++)
    fail_each_allocation(open_and_read, (char *)path_in(&f, places[i]), (fail_options){0});
  remove_folder(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_folders_and_tars),
      TEST(test_kinds_of_png),
      TEST(test_scaling),
      TEST(test_messages),
      TEST(test_classes_outside),
      TEST(test_bad_images_are_skipped),
      TEST(test_tars),
      TEST(test_cifar),
      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
