/* Batches: a function of seed, epoch and number, whoever makes them; augmentation and corruption do
 * what they say. */
#include <math.h>

#include "data/made_images.h"
#include "fail_alloc.h"
#include "rung/batch.h"

#define COUNT 37
#define HEIGHT 4
#define WIDTH 5
#define PIXELS 20

static rung_batch_options defaults(void) {
  return rung_batch_options_default();
}

static rung_dataset *open_idx(rung_context *ctx, const folder *f) {
  unsigned char data[4096];
  rung_dataset *set;
  write_bytes(f, "x-images-idx3", data, make_idx_images(data, COUNT, HEIGHT, WIDTH));
  write_bytes(f, "x-labels-idx1", data, make_idx_labels(data, COUNT, 3));
  assert_ok(ctx, rung_dataset_open(ctx, path_in(f, "x-images-idx3"), NULL, &set));
  return set;
}

static rung_dataset *open_folder(rung_context *ctx, const folder *f) {
  static blob image;
  rung_dataset *set;
  for (int i = 0; i < COUNT; i++) {
    char name[32];
    make_rgb_png(&image, i, HEIGHT, WIDTH);
    snprintf(name, sizeof name, "pets/%s/%02d.png", i % 3 ? "cat" : "dog", i);
    write_bytes(f, name, image.data, image.length);
  }
  assert_ok(ctx, rung_dataset_open(ctx, path_in(f, "pets"), NULL, &set));
  return set;
}

/* Two epochs and a half, all that batches hold, one after the other. */
static size_t collect(rung_context *ctx, const rung_dataset *set, const rung_batch_options *o,
                      rung_dtype dtype, int64_t epoch, int64_t number, unsigned char *out,
                      size_t most) {
  rung_batches *batches;
  size_t used = 0, item = rung_dtype_size(dtype);
  assert_ok(ctx, rung_batches_open(set, ctx, NULL, o, dtype, &batches));
  size_t size = (size_t)rung_batches_size(batches);
  size_t values = size * (size_t)rung_dataset_size(set);
  if (epoch || number) assert_ok(ctx, rung_batches_seek(batches, epoch, number));
  while (epoch * rung_batches_per_epoch(batches) + number <
         5 * rung_batches_per_epoch(batches) / 2) {
    rung_batch b;
    assert_ok(ctx, rung_batches_next(batches, &b));
    assert_true(b.epoch == epoch && b.number == number);
    if (++number == rung_batches_per_epoch(batches)) number = 0, epoch++;
    assert_true(used + (values + 2 * size) * item + size * 8 <= most);
    memcpy(out + used, b.x, values * item);
    used += values * item;
    memcpy(out + used, b.y, size * item);
    used += size * item;
    memcpy(out + used, b.weight, size * item);
    used += size * item;
    memcpy(out + used, b.sample, size * 8);
    used += size * 8;
  }
  rung_batches_destroy(batches);
  return used;
}

static void test_same_bits_with_and_without_a_thread(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  enum { MOST = 1 << 19 };
  static unsigned char first[MOST], again[MOST];
  static const double mean[] = {0.3, 0.4, 0.5}, scale[] = {0.2, 0.1, 0.4};
  for (int kind = 0; kind < 2; kind++) {
    rung_dataset *set = kind ? open_folder(ctx, &f) : open_idx(ctx, &f);
    for (int i = 0; i < 6; i++) {
      rung_batch_options o = defaults();
      o.batch = 8;
      o.training = i % 2;
      o.seed = 11;
      o.mean = mean;
      o.scale = scale;
      o.augment = (rung_augment){.flip = 1, .shift = 1, .crop = 1, .rotate = 10, .noise = 0.1};
      o.corruption = i == 4 ? RUNG_NOISE : RUNG_CLEAN;
      o.level = 0.1;
      o.prefetch = 0;
      rung_dtype dtype = (rung_dtype)(i / 2);
      size_t n = collect(ctx, set, &o, dtype, 0, 0, first, MOST);
      assert_true(n > 1000);
      for (int ahead = -1; ahead <= 8; ahead += 3) {
        o.prefetch = ahead;
        assert_int_equal(collect(ctx, set, &o, dtype, 0, 0, again, MOST), n);
        assert_memory_equal(first, again, n);
        size_t rest = collect(ctx, set, &o, dtype, 1, 2, again, MOST); /* resumed */
        assert_true(rest < n && rest > n / 4);
        assert_memory_equal(first + (n - rest), again, rest);
      }
      o.seed = 12;
      assert_int_equal(collect(ctx, set, &o, dtype, 0, 0, again, MOST), n);
      if (o.training || i == 4) assert_memory_not_equal(first, again, n);
    }
    rung_dataset_destroy(set);
  }
  remove_folder(&f);
}

static void test_orders(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f);
  rung_batches *batches;
  rung_batch_options o = defaults();
  rung_batch b;
  int64_t orders[3][32];
  int64_t index[33];
  for (int i = 0; i < 33; i++) index[i] = i + 2;
  rung_part part = {33, index};
  o.batch = 8;
  o.training = 1;
  assert_ok(ctx, rung_batches_open(set, ctx, &part, &o, RUNG_F64, &batches));
  assert_int_equal(rung_batches_per_epoch(batches), 4); /* one sample is left out */
  for (int epoch = 0; epoch < 3; epoch++) {
    char seen[COUNT] = {0};
    for (int k = 0; k < 4; k++) {
      assert_ok(ctx, rung_batches_next(batches, &b));
      assert_int_equal(b.count, 8);
      for (int i = 0; i < 8; i++) {
        assert_in_range(b.sample[i], 2, 34);
        assert_int_equal(seen[b.sample[i]]++, 0);
        assert_true(((const double *)b.y)[i] == (double)(b.sample[i] % 3));
        assert_true(((const double *)b.weight)[i] == 1);
        double x[PIXELS];
        assert_ok(ctx, rung_dataset_read(set, ctx, b.sample[i], RUNG_F64, x));
        assert_memory_equal((const double *)b.x + i * PIXELS, x, sizeof x);
      }
      memcpy(orders[epoch] + 8 * k, b.sample, 8 * sizeof *b.sample);
    }
  }
  assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
  assert_memory_not_equal(orders[1], orders[2], sizeof orders[0]);
  rung_batches_destroy(batches);

  o.training = 0; /* in order, filled up at weight 0 */
  double weights[] = {1, 2, 3};
  o.class_weight = weights;
  assert_ok(ctx, rung_batches_open(set, ctx, &part, &o, RUNG_F32, &batches));
  assert_int_equal(rung_batches_per_epoch(batches), 5);
  for (int k = 0; k < 10; k++) {
    assert_ok(ctx, rung_batches_next(batches, &b));
    assert_int_equal(b.count, k % 5 == 4 ? 1 : 8);
    for (int i = 0; i < 8; i++) {
      int expected = 8 * (k % 5) + i < 33 ? 8 * (k % 5) + i + 2 : 34;
      assert_int_equal(b.sample[i], expected);
      assert_true(((const float *)b.weight)[i] ==
                  (i < b.count ? (float)weights[expected % 3] : 0.0f));
    }
  }
  rung_batches_destroy(batches);
  o.batch = 100; /* at most what there is */
  assert_ok(ctx, rung_batches_open(set, ctx, &part, &o, RUNG_F32, &batches));
  assert_int_equal(rung_batches_size(batches), 33);
  rung_batches_destroy(batches);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_normalised_and_rounded(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_folder(ctx, &f);
  static const double mean[] = {0.3, 0.4, 0.5}, scale[] = {0.2, 0.1, 0.4};
  rung_batch_options o = defaults();
  o.mean = mean;
  o.scale = scale;
  o.batch = COUNT;
  rung_batch b[3];
  rung_batches *batches[3];
  for (int t = 0; t < 3; t++) {
    assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, (rung_dtype)t, &batches[t]));
    assert_ok(ctx, rung_batches_next(batches[t], &b[t]));
  }
  for (int i = 0; i < COUNT; i++) {
    double x[3 * PIXELS];
    assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
    for (int j = 0; j < 3 * PIXELS; j++) {
      double expected = (x[j] - mean[j % 3]) / scale[j % 3];
      int at = i * 3 * PIXELS + j;
      assert_true(((const double *)b[1].x)[at] == expected);
      assert_true(((const float *)b[0].x)[at] == (float)expected);
      assert_true(((const rung_dd *)b[2].x)[at].hi == expected);
    }
  }
  for (int t = 0; t < 3; t++) rung_batches_destroy(batches[t]);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_regression(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set;
  rung_dataset_options options = rung_dataset_options_default();
  options.regression = 1;
  options.target = "b,c";
  write_bytes(&f, "t.csv", "a,b,c\n1,10,0.5\n2,30,1.5\n3,50,0.5\n", 33);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "t.csv"), &options, &set));
  static const double mean[] = {30, 1}, scale[] = {20, 0.5}, at[] = {2}, by[] = {2};
  rung_batch_options o = defaults();
  o.target_mean = mean;
  o.target_scale = scale;
  o.mean = at;
  o.scale = by;
  rung_batches *batches;
  rung_batch b;
  assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F64, &batches));
  assert_ok(ctx, rung_batches_next(batches, &b));
  static const double x[] = {-0.5, 0, 0.5}, y[] = {-1, -1, 0, 1, 1, -1}, ones[] = {1, 1, 1};
  assert_memory_equal(b.x, x, sizeof x);
  assert_memory_equal(b.y, y, sizeof y);
  assert_memory_equal(b.weight, ones, sizeof ones);
  rung_batches_destroy(batches);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

/* A batch of sample `sample` alone, in epoch `epoch`, as bytes. */
static void augmented(rung_context *ctx, const rung_dataset *set, rung_augment augment,
                      int64_t sample, int64_t epoch, int *out) {
  rung_batches *batches;
  rung_batch_options o = defaults();
  rung_batch b;
  rung_part part = {1, &sample};
  o.training = 1;
  o.augment = augment;
  o.prefetch = 0;
  assert_ok(ctx, rung_batches_open(set, ctx, &part, &o, RUNG_F64, &batches));
  assert_ok(ctx, rung_batches_seek(batches, epoch, 0));
  assert_ok(ctx, rung_batches_next(batches, &b));
  for (int i = 0; i < PIXELS; i++) {
    double x = ((const double *)b.x)[i] * 255;
    assert_true(x == round(x) && x >= 0 && x <= 255);
    out[i] = (int)x;
  }
  rung_batches_destroy(batches);
}

static int original(int sample, int y, int x) {
  return (7 * sample + 3 * (y * WIDTH + x)) % 256;
}

static int mirrored(int at, int n) {
  return at < 0 ? -1 - at : at >= n ? 2 * n - 1 - at : at;
}

/* Every move is one of those allowed, and each of them comes about as often as it should. */
static void test_shift_and_crop(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f);
  for (int mirror = 0; mirror < 2; mirror++) {
    int often[5][5] = {{0}};
    rung_augment a = {.shift = mirror ? 0 : 2, .crop = mirror ? 2 : 0};
    for (int epoch = 0; epoch < 1000; epoch++) {
      int sample = 5 + epoch % 7, found[PIXELS], fits = 0, dy = 0, dx = 0;
      augmented(ctx, set, a, sample, epoch, found);
      for (int k = 0; k < 25; k++) {
        bool same = true;
        for (int i = 0; i < PIXELS; i++) {
          int y = i / WIDTH - (k / 5 - 2), x = i % WIDTH - (k % 5 - 2);
          bool inside = y >= 0 && x >= 0 && y < HEIGHT && x < WIDTH;
          int expected =
              inside || mirror ? original(sample, mirrored(y, HEIGHT), mirrored(x, WIDTH)) : 0;
          same = same && found[i] == expected;
        }
        if (same) fits++, dy = k / 5, dx = k % 5;
      }
      assert_int_equal(fits, 1);
      often[dy][dx]++;
    }
    for (int k = 0; k < 25; k++) assert_in_range(often[k / 5][k % 5], 15, 75); /* 40 +- 5.5 sd */
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_flip_and_rotation(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f);
  int flipped = 0, found[PIXELS];
  for (int epoch = 0; epoch < 400; epoch++) {
    augmented(ctx, set, (rung_augment){.flip = 1}, 3, epoch, found);
    bool back = found[0] != original(3, 0, 0);
    for (int i = 0; i < PIXELS; i++)
      assert_int_equal(found[i], original(3, i / WIDTH, back ? WIDTH - 1 - i % WIDTH : i % WIDTH));
    flipped += back;
  }
  assert_in_range(flipped, 150, 250);
  augmented(ctx, set, (rung_augment){.rotate = 1e-9}, 3, 0, found);
  for (int i = 0; i < PIXELS; i++) assert_int_equal(found[i], original(3, i / WIDTH, i % WIDTH));
  /* a plane turned about its centre is a plane; the inner pixels see only the image */
  for (int epoch = 0; epoch < 50; epoch++) {
    augmented(ctx, set, (rung_augment){.rotate = 20}, 3, epoch, found);
    int middle[6], sum = 0;
    for (int i = 0; i < 6; i++) middle[i] = found[(1 + i / 3) * WIDTH + 1 + i % 3];
    for (int i = 0; i < 6; i++) sum += middle[i] - original(3, 1 + i / 3, 1 + i % 3);
    assert_in_range(sum + 6, 0, 12);
    assert_in_range(middle[0] + middle[5] - middle[2] - middle[3] + 2, 0, 4);
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_noise(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f);
  rung_batches *batches;
  rung_batch_options o = defaults();
  static const double mean[] = {0.25}, scale[] = {0.5};
  double sum = 0, squares = 0, products = 0, before = 0;
  o.training = 1;
  o.batch = COUNT;
  o.mean = mean;
  o.scale = scale;
  o.augment.noise = 0.1;
  assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F64, &batches));
  for (int epoch = 0; epoch < 20; epoch++) {
    rung_batch b;
    assert_ok(ctx, rung_batches_next(batches, &b));
    for (int i = 0; i < COUNT * PIXELS; i++) {
      int j = i % PIXELS, sample = (int)b.sample[i / PIXELS];
      double clean = (original(sample, j / WIDTH, j % WIDTH) / 255.0 - 0.25) / 0.5;
      double e = (((const double *)b.x)[i] - clean) * 5; /* standard normal */
      sum += e;
      squares += e * e;
      products += e * before;
      before = e;
    }
  }
  double n = 20 * COUNT * PIXELS; /* 14,800 */
  assert_true(fabs(sum / n) < 4 / sqrt(n));
  assert_true(fabs(squares / n - 1) < 4 * sqrt(2 / n));
  assert_true(fabs(products / n) < 4 / sqrt(n));
  rung_batches_destroy(batches);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

#define SIDE 32

static void make_picture(double *x) {
  for (int i = 0; i < SIDE * SIDE; i++) x[i] = 0.2 + 0.6 * ((i * 7 + i / SIDE * 5) % 11) / 10;
}

static double mean_of(const double *x) {
  double sum = 0;
  for (int i = 0; i < SIDE * SIDE; i++) sum += x[i];
  return sum / (SIDE * SIDE);
}

static double spread_of(const double *x) {
  double m = mean_of(x), sum = 0;
  for (int i = 0; i < SIDE * SIDE; i++) sum += (x[i] - m) * (x[i] - m);
  return sqrt(sum / (SIDE * SIDE));
}

static void test_corruption(void **state) {
  rung_context *ctx = *state;
  double clean[SIDE * SIDE], x[SIDE * SIDE], again[SIDE * SIDE];
  make_picture(clean);
  for (int k = 0; k <= RUNG_DROPOUT; k++) {
    rung_corruption kind = (rung_corruption)k, parsed;
    assert_int_equal(rung_corruption_parse(rung_corruption_name(kind), &parsed), RUNG_OK);
    assert_int_equal(parsed, kind);
    for (int level = 0; level <= 4; level++) {
      make_picture(x);
      make_picture(again);
      assert_ok(ctx, rung_corrupt_image(ctx, kind, level / 10.0, 1, 2, SIDE, SIDE, 1, x));
      assert_ok(ctx, rung_corrupt_image(ctx, kind, level / 10.0, 1, 2, SIDE, SIDE, 1, again));
      assert_memory_equal(x, again, sizeof x);
      if (level == 0 || kind == RUNG_CLEAN)
        assert_memory_equal(x, clean, sizeof x);
      else
        assert_memory_not_equal(x, clean, sizeof x);
      for (int i = 0; i < SIDE * SIDE; i++) assert_true(x[i] >= 0 && x[i] <= 1);
      int black = 0, white = 0;
      for (int i = 0; i < SIDE * SIDE; i++) black += x[i] == 0, white += x[i] == 1;
      double share = level / 10.0, pixels = SIDE * SIDE, sd = sqrt(pixels * share);
      if (kind == RUNG_SALT_PEPPER) {
        assert_true(fabs(black - share / 2 * pixels) <= 5 * sd);
        assert_true(fabs(white - share / 2 * pixels) <= 5 * sd);
      }
      if (kind == RUNG_DROPOUT) assert_true(fabs(black - share * pixels) <= 5 * sd);
      if (kind == RUNG_OCCLUSION) assert_true(fabs(black - share * pixels) <= SIDE);
      if (kind == RUNG_CONTRAST)
        assert_true(fabs(spread_of(x) - (1 - share) * spread_of(clean)) < 1e-12 &&
                    fabs(mean_of(x) - mean_of(clean)) < 1e-12);
      if (kind == RUNG_BLUR && level)
        assert_true(spread_of(x) < 0.6 * spread_of(clean) &&
                    fabs(mean_of(x) - mean_of(clean)) < 0.02);
      if (kind == RUNG_BRIGHTNESS) assert_true(fabs(x[0] - fmin(1, clean[0] + share)) < 1e-15);
    }
    make_picture(x);
    make_picture(again);
    assert_ok(ctx, rung_corrupt_image(ctx, kind, 0.3, 1, 2, SIDE, SIDE, 1, x));
    assert_ok(ctx, rung_corrupt_image(ctx, kind, 0.3, 1, 3, SIDE, SIDE, 1, again));
    bool random = kind == RUNG_NOISE || kind == RUNG_SALT_PEPPER || kind == RUNG_OCCLUSION ||
                  kind == RUNG_DROPOUT;
    assert_int_equal(memcmp(x, again, sizeof x) != 0, random);
  }
  for (int i = 0; i < SIDE * SIDE; i++) x[i] = 0.5; /* a constant image stays so under a blur */
  assert_ok(ctx, rung_corrupt_image(ctx, RUNG_BLUR, 1, 1, 2, SIDE, SIDE / 2, 2, x));
  for (int i = 0; i < SIDE * SIDE; i++) assert_true(fabs(x[i] - 0.5) < 1e-12);
  assert_null(rung_corruption_name((rung_corruption)99));
  assert_error(ctx, rung_corrupt_image(ctx, RUNG_NOISE, -1, 1, 2, 1, 1, 1, x), RUNG_E_ARGUMENT,
               "corruption: expected a known kind and a level from 0 on, found 1 and -1");
}

/* In batches the same function is applied before normalisation. */
static void test_corrupted_batches(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f);
  static const double mean[] = {0.25}, scale[] = {0.5};
  for (int k = 0; k <= RUNG_DROPOUT; k++) {
    rung_batches *batches;
    rung_batch_options o = defaults();
    rung_batch b;
    o.batch = COUNT;
    o.mean = mean;
    o.scale = scale;
    o.seed = 7;
    o.corruption = (rung_corruption)k;
    o.level = 0.2;
    assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F64, &batches));
    assert_ok(ctx, rung_batches_next(batches, &b));
    for (int i = 0; i < COUNT; i++) {
      double x[PIXELS];
      assert_ok(ctx, rung_dataset_read(set, ctx, i, RUNG_F64, x));
      assert_ok(ctx, rung_corrupt_image(ctx, o.corruption, 0.2, 7, i, HEIGHT, WIDTH, 1, x));
      for (int j = 0; j < PIXELS; j++)
        assert_true(((const double *)b.x)[i * PIXELS + j] == (x[j] - 0.25) / 0.5);
    }
    rung_batches_destroy(batches);
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

/* Of a table: noise in units of the scale, dropout to the mean. */
static void test_changed_features(void **state) {
  rung_context *ctx = *state;
  rung_dataset *set;
  enum { ROWS = 2000 };
  static double x[3 * ROWS];
  static int label[ROWS];
  static const double mean[] = {100, -1, 0}, scale[] = {10, 0.1, 1};
  for (int i = 0; i < 3 * ROWS; i++) x[i] = i % 7;
  assert_ok(ctx, rung_dataset_from_arrays(ctx, ROWS, 3, x, 1, label, 0, NULL, &set));
  for (int way = 0; way < 3; way++) { /* noise for evaluation and for training, dropout */
    rung_batches *batches;
    rung_batch_options o = defaults();
    rung_batch b;
    double squares = 0;
    int zeros = 0;
    o.batch = ROWS;
    o.mean = mean;
    o.scale = scale;
    o.training = way == 1;
    o.augment.noise = 0.5;
    o.corruption = way == 0 ? RUNG_NOISE : way == 2 ? RUNG_DROPOUT : RUNG_CLEAN;
    o.level = way == 2 ? 0.25 : 0.5;
    assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F64, &batches));
    assert_ok(ctx, rung_batches_next(batches, &b));
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < 3; j++) {
        double clean = (x[3 * b.sample[i] + j] - mean[j]) / scale[j];
        double e = ((const double *)b.x)[3 * i + j] - clean;
        squares += e * e;
        zeros += ((const double *)b.x)[3 * i + j] == 0 && clean != 0;
        if (way == 2) assert_true(e == 0 || fabs(e + clean) < 1e-12);
      }
    double n = 3 * ROWS;
    if (way < 2) assert_true(fabs(squares / n / 0.25 - 1) < 4 * sqrt(2 / n));
    if (way == 2) assert_in_range(zeros, 1150, 1500); /* a seventh of one column is 0 before */
    rung_batches_destroy(batches);
  }
  rung_dataset_destroy(set);
}

/* What fails on the other thread is told by this one, again and again, until it is mended. */
static void test_errors_of_the_thread(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  static blob image;
  rung_dataset *set = open_folder(ctx, &f);
  make_rgb_png(&image, 20, HEIGHT, WIDTH);
  static blob bad;
  bad = image;
  bad.data[bad.length - 20] ^= 1;
  write_bytes(&f, "pets/cat/20.png", bad.data, bad.length);
  for (int ahead = 0; ahead < 3; ahead++) {
    rung_batches *batches;
    rung_batch b;
    rung_batch_options o = defaults();
    o.batch = 4;
    o.prefetch = ahead;
    assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches));
    int good = 0;
    while (rung_batches_next(batches, &b) == RUNG_OK) assert_int_equal(b.number, good++);
    assert_int_equal(good, 3); /* cat/20.png is sample 13 */
    for (int i = 0; i < 3; i++)
      assert_error(ctx, rung_batches_next(batches, &b), RUNG_E_FORMAT,
                   "pets/cat/20.png: damaged image: ");
    write_bytes(&f, "pets/cat/20.png", image.data, image.length);
    assert_ok(ctx, rung_batches_next(batches, &b));
    assert_int_equal(b.number, 3);
    write_bytes(&f, "pets/cat/20.png", bad.data, bad.length);
    rung_batches_destroy(batches);
  }
  rung_dataset_destroy(set);
  remove_folder(&f);
}

static void test_messages(void **state) {
  rung_context *ctx = *state;
  folder f = make_folder();
  rung_dataset *set = open_idx(ctx, &f), *table;
  rung_batches *batches;
  rung_batch_options o = defaults();
  rung_part none = {0, NULL}, outside = {1, (int64_t[]){COUNT}};
  static const double one[] = {1};
  assert_error(ctx, rung_batches_open(set, ctx, &none, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "expected samples, found an empty part");
  assert_error(ctx, rung_batches_open(set, ctx, &outside, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "part: expected samples 0..36, found 37");
  o.batch = 0;
  assert_error(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "batch: expected 1 sample or more, found 0");
  o = defaults();
  o.mean = one;
  assert_error(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "expected a mean with each scale");
  o = defaults();
  o.prefetch = 9;
  assert_error(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "prefetch: expected -1..8, found 9");
  o = defaults();
  o.augment.noise = NAN;
  assert_error(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "augmentation: expected numbers from 0 on");
  o = defaults();
  o.corruption = (rung_corruption)8;
  assert_error(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "corruption: expected a known kind");
  o = defaults();
  assert_ok(ctx, rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches));
  assert_error(ctx, rung_batches_seek(batches, 0, 1), RUNG_E_ARGUMENT,
               "expected an epoch from 0 on and a batch 0..0, found 0 and 1");
  rung_batches_destroy(batches);
  write_bytes(&f, "t.csv", "1,a\n2,b\n", 8);
  assert_ok(ctx, rung_dataset_open(ctx, path_in(&f, "t.csv"), NULL, &table));
  o.augment.flip = 1;
  assert_error(ctx, rung_batches_open(table, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "expected images for flip, rotate, shift and crop, found a table");
  o = defaults();
  o.corruption = RUNG_BLUR;
  assert_error(ctx, rung_batches_open(table, ctx, NULL, &o, RUNG_F32, &batches), RUNG_E_ARGUMENT,
               "expected noise or dropout for a table, found blur");
  rung_dataset_destroy(table);
  rung_dataset_destroy(set);
  remove_folder(&f);
}

typedef struct use {
  const char *path;
  int ahead;
} use;

static rung_status read_batches(rung_context *ctx, void *arg) {
  const use *u = arg;
  rung_dataset *set;
  rung_batches *batches = NULL;
  rung_batch b;
  rung_batch_options o = defaults();
  o.batch = 8;
  o.training = 1;
  o.augment.shift = 1;
  o.prefetch = u->ahead;
  RG_TRY(rung_dataset_open(ctx, u->path, NULL, &set));
  rung_status status = rung_batches_open(set, ctx, NULL, &o, RUNG_F32, &batches);
  size_t before = rung_memory_now(ctx);
  for (int i = 0; status == RUNG_OK && i < 10; i++) status = rung_batches_next(batches, &b);
  if (status == RUNG_OK) assert_int_equal(rung_memory_now(ctx), before);
  rung_batches_destroy(batches);
  rung_dataset_destroy(set);
  return status;
}

static void test_memory_runs_out(void **state) {
  folder f = make_folder();
  rung_dataset_destroy(open_folder(*state, &f));
  for (int ahead = 0; ahead < 3; ahead += 2)
    fail_each_allocation(read_batches, &(use){path_in(&f, "pets"), ahead}, (fail_options){0});
  remove_folder(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_same_bits_with_and_without_a_thread),
      TEST(test_orders),
      TEST(test_normalised_and_rounded),
      TEST(test_regression),
      TEST(test_shift_and_crop),
      TEST(test_flip_and_rotation),
      TEST(test_noise),
      TEST(test_corruption),
      TEST(test_corrupted_batches),
      TEST(test_changed_features),
      TEST(test_errors_of_the_thread),
      TEST(test_messages),
      TEST(test_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
