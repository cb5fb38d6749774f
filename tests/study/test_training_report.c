/* The report of a training: its numbers are those of the log, pictures are PNG, and a folder
 * without its data still gives a page. */
#include "fail_alloc.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "rung/run.h"
#include "study/picture.h"

static const char log_text[] =
    "{\"event\":\"start\",\"data.train\":\"a/<b>.csv\",\"model.architecture\":\"dense\","
    "\"model.block\":\"hamiltonian\",\"model.layers\":[4],\"train_samples\":90,"
    "\"training.batch\":32,\"seconds\":0,\"time\":1}\n"
    "{\"event\":\"plan\",\"level\":1,\"plan\":\"activations: reverse\",\"work\":1.25,"
    "\"planned_bytes\":2000000,\"seconds\":0,\"time\":1}\n"
    "{\"event\":\"epoch\",\"epoch\":1,\"train_loss\":0.5,\"train_accuracy\":0.75,"
    "\"validation_loss\":0.625,\"validation_accuracy\":null,\"rate\":0.01,\"gradient_norm\":2,"
    "\"drift\":null,\"seconds\":1.5,\"data_seconds\":0.25,\"peak_bytes\":1500000,\"time\":2}\n"
    "{\"event\":\"stability\",\"epoch\":1,\"growth\":[1.5,1.25],\"bound\":[0.5,2],"
    "\"rate\":[0.125,0.375],\"states\":[1,2,3],\"gradients\":[4,5,6]}\n"
    "{\"event\":\"restored\",\"epoch\":1,\"why\":\"the loss leapt\",\"rate_factor\":0.2,"
    "\"seconds\":2,\"time\":2}\n"
    "{\"event\":\"result\",\"stop\":\"done\",\"epochs\":1,\"best_epoch\":1,\"train_loss\":0.5,"
    "\"parameters\":77,\"seconds\":2.5,\"peak_bytes\":1600000,\"time\":3}\n";

static void make_folder_of(rung_context *ctx, char *folder, const char *log) {
  char path[80];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/log.jsonl", folder);
  assert_ok(ctx, rg_write_file(ctx, path, log, strlen(log)));
}

static void make_folder(rung_context *ctx, char *folder) {
  make_folder_of(ctx, folder, log_text);
}

/* The report of that folder; rg_free(). */
static char *page_of(rung_context *ctx, const char *folder) {
  char path[80], *page;
  size_t length;
  assert_ok(ctx, rung_run_report(ctx, folder));
  snprintf(path, sizeof path, "%s/report.html", folder);
  assert_ok(ctx, rg_read_file(ctx, path, 10000000, &page, &length));
  return page;
}

static void drop_folder(const char *folder) {
  static const char *const names[] = {"log.jsonl", "report.html"};
  char path[80];
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

static void assert_has(const char *page, const char *text) {
  if (!strstr(page, text)) fail_msg("the page should contain: %s", text);
}

static void numbers_are_those_of_the_log(void **state) {
  rung_context *ctx = *state;
  char folder[] = "/tmp/rung-test-XXXXXX";
  make_folder(ctx, folder);
  char *page = page_of(ctx, folder);
  assert_has(page, "<h1>hamiltonian dense on &lt;b&gt;.csv</h1>");
  assert_null(strstr(page, "<b>.csv"));
  assert_null(strstr(page, "{{title}}"));
  assert_has(page, "\"train_loss\":[0.5]");
  assert_has(page, "\"validation_loss\":[0.625]");
  assert_has(page, "\"validation_accuracy\":[null]");
  assert_has(page, "\"data_seconds\":[0.25]");
  assert_has(page, "\"peak_megabytes\":[1.5]");
  assert_has(page, "\"planned_megabytes\":[2]");
  assert_has(page, "\"growth\":[1.5,1.25],\"bound\":[0.5,2],\"rate\":[0.125,0.375],"
                   "\"states\":[1,2,3],\"gradients\":[4,5,6]");
  assert_has(page, "the last good state was restored: the loss leapt");
  assert_has(page, "activations: reverse");
  assert_has(page, "it stopped because all epochs were done.");
  assert_has(page, "The kept network could not be judged anew: ");
  assert_has(page, "img-src data:");
  assert_has(page, "\"modules\":null");
  assert_null(strstr(page, "h-modules"));
  rg_free(ctx, page);
  drop_folder(folder);
}

#define MODULES_LOG(first, second)                                                                 \
  "{\"event\":\"start\",\"data.train\":\"a.csv\",\"seconds\":0,\"time\":1}\n"                      \
  "{\"event\":\"epoch\",\"epoch\":1,\"train_loss\":0.5,\"modules\":[" first                        \
  ",{\"loss\":null,\"transport\":null,\"weight\":null,\"ratio\":null}],\"seconds\":1,\"time\":2}"  \
  "\n"                                                                                             \
  "{\"event\":\"epoch\",\"epoch\":2,\"train_loss\":0.25,\"modules\":[" first "," second            \
  "],\"seconds\":2,\"time\":3}\n"

/* Curves of each module, what was not trained yet left out; the table has a row for each. */
static void modules_have_their_part(void **state) {
  rung_context *ctx = *state;
  static const char log[] =
      MODULES_LOG("{\"loss\":0.5,\"transport\":2,\"weight\":0.125,\"ratio\":0.5}",
                  "{\"loss\":0.25,\"transport\":4,\"weight\":0.0625,\"ratio\":1}");
  char folder[] = "/tmp/rung-test-XXXXXX";
  make_folder_of(ctx, folder, log);
  char *page = page_of(ctx, folder);
  assert_has(page, "\"modules\":{\"loss\":[[0.5,null],[0.5,0.25]]");
  assert_has(page, "\"transport\":[[2,null],[2,4]]");
  assert_has(page, "\"ratio\":[[0.5,null],[0.5,1]]");
  assert_has(page, "\"weight\":[[0.125,null],[0.125,0.0625]]");
  assert_has(page, "<h2 id=\"h-modules\">Modules</h2>");
  assert_has(page,
             "<tr><th scope=\"row\">2</th><td><data value=\"0.25\">0.25</data></td>"
             "<td><data value=\"4\">4</data></td><td><data value=\"0.0625\">0.0625</data></td>"
             "<td><data value=\"1\">1</data></td><td>\xE2\x80\x93</td>");
  assert_has(page, "id=\"module-weight\"");
  assert_null(strstr(page, "id=\"module-multiplier\""));
  rg_free(ctx, page);
  drop_folder(folder);
}

static void multipliers_stand_in_place_of_weights(void **state) {
  rung_context *ctx = *state;
  static const char log[] =
      MODULES_LOG("{\"loss\":1,\"transport\":2,\"weight\":0.5,\"ratio\":1,\"multiplier\":3}",
                  "{\"loss\":1,\"transport\":2,\"weight\":0.25,\"ratio\":0.5,\"multiplier\":4.5}");
  char folder[] = "/tmp/rung-test-XXXXXX";
  make_folder_of(ctx, folder, log);
  char *page = page_of(ctx, folder);
  assert_has(page, "\"multiplier\":[[3,null],[3,4.5]]");
  assert_has(page, "<th scope=\"col\">Multiplier</th>");
  assert_has(page, "<td><data value=\"4.5\">4.5</data></td>");
  assert_has(page, "id=\"module-multiplier\"");
  rg_free(ctx, page);
  drop_folder(folder);
}

static rung_status report(rung_context *ctx, void *arg) {
  return rung_run_report(ctx, arg);
}

static void every_allocation_may_fail(void **state) {
  char folder[] = "/tmp/rung-test-XXXXXX";
  make_folder(*state, folder);
  /* The folder is flushed where memory allows. */
  assert_true(fail_each_allocation(report, folder, (fail_options){.may_recover = true}) > 10);
  drop_folder(folder);
}

/* RFC 4648, section 10. */
static void base64_is_that_of_the_standard(void **state) {
  static const char *cases[][2] = {{"", ""},
                                   {"f", "Zg=="},
                                   {"fo", "Zm8="},
                                   {"foo", "Zm9v"},
                                   {"foob", "Zm9vYg=="},
                                   {"fooba", "Zm9vYmE="},
                                   {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rg_text text;
    rg_text_init(&text, *state);
    rg_text_add(&text, "");
    rg_base64(&text, (const unsigned char *)cases[i][0], strlen(cases[i][0]));
    assert_string_equal(text.data, cases[i][1]);
    rg_text_free(&text);
  }
}

static size_t decode(const char *text, unsigned char *out) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t length = 0;
  unsigned bits = 0, held = 0;
  for (; *text && *text != '='; text++) {
    held = held << 6 | (unsigned)(strchr(digit, *text) - digit);
    bits += 6;
    if (bits >= 8) out[length++] = (unsigned char)(held >> (bits -= 8));
  }
  return length;
}

/* What libpng reads back is what was shown; beyond 0..1 it is cut off. */
static void pictures_come_back(void **state) {
  static const double pixel[12] = {0, 1, 0.5, -3, 7, 0.25, 0.2, 0.4, 0.6, 0.8, 1, 0};
  static const unsigned char want[12] = {0, 255, 128, 0, 255, 64, 51, 102, 153, 204, 255, 0};
  for (int channels = 1; channels <= 3; channels += 2) {
    rg_text text;
    unsigned char png[2000], found[12];
    int width = 12 / 2 / channels;
    rg_text_init(&text, *state);
    assert_ok(*state, rg_picture(&text, 2, width, channels, pixel));
    const char head[] = "data:image/png;base64,";
    assert_memory_equal(text.data, head, sizeof head - 1);
    size_t length = decode(text.data + sizeof head - 1, png);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, png, length));
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, 2);
    image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    assert_true(png_image_finish_read(&image, NULL, found, 0, NULL));
    assert_memory_equal(found, want, 12);
    rg_text_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_are_those_of_the_log),          TEST(modules_have_their_part),
      TEST(multipliers_stand_in_place_of_weights), TEST(every_allocation_may_fail),
      TEST(base64_is_that_of_the_standard),        TEST(pictures_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
