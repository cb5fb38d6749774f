/* The report of a run: complete, escaped, self-contained; drawn by a browser where there is one. */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rung/run.h"
#include "test.h"

static char folder[] = "report-XXXXXX";

static char *path_of(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_text(const char *name, const char *text) {
  FILE *file = fopen(path_of(name), "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static const double heldout[] = {2.34567e-6, 4.10203e-12, 3.10101e-16};

static void write_curve(FILE *log, const char *event, int stage, const char *x, const char *y) {
  fprintf(log, "{\"event\":\"%s\",\"stage\":%d,\"input\":0,\"%s\":[", event, stage, x);
  for (int i = 0; i < 200; i++) fprintf(log, "%s%.17g", i ? "," : "", 0.01 * i);
  fprintf(log, "],\"%s\":[", y);
  for (int i = 0; i < 200; i++)
    fprintf(log, "%s%.17g", i ? "," : "", heldout[stage] * (1.5 + sin(0.3 * i)));
  fprintf(log, "]}\n");
}

/* A log as a fit writes it, with names that try to break out of the page. */
static void write_log(int stages, int finished) {
  FILE *log = fopen(path_of("log.jsonl"), "w");
  assert_non_null(log);
  fprintf(log, "{\"event\":\"start\",\"table\":\"data/</script><b>&.csv\",\"target\":\"y<i>\","
               "\"precision\":\"double\",\"seed\":7,\"input_names\":[\"x</script>\"]}\n");
  for (int k = 0; k < stages; k++) {
    fprintf(log,
            "{\"event\":\"stage\",\"stage\":%d,\"width\":%d,\"layers\":1,\"activation\":\"sin\","
            "\"frequency\":%d,\"eps\":1e-3,\"training_error\":%.17g,\"heldout_error\":%.17g,"
            "\"parameters\":%d,\"points\":1700,\"seconds\":%g}\n",
            k, 81 + k, 4 * k + 4, 0.9 * heldout[k], heldout[k], 1000 + k, 0.1 + k);
    write_curve(log, "residual", k, "x", "residual");
    write_curve(log, "spectrum", k, "frequency", "power");
  }
  fprintf(log, "{\"event\":\"stage\",\"sta\n"); /* cut short by a killed run */
  if (finished) {
    fprintf(log, "{\"event\":\"prediction\",\"output\":0,\"truth\":[0.25,0.5,0.125],"
                 "\"predicted\":[0.25,0.5,0.12500000000000003]}\n");
    fprintf(log, "{\"event\":\"result\",\"stop\":\"noise floor\",\"training_error\":2.5e-16,"
                 "\"heldout_error\":3.10101e-16,\"max_error\":8.8e-16,\"noise\":0.0123,"
                 "\"seconds\":0.71,\"planned_bytes\":4100000,\"peak_bytes\":4050000}\n");
  }
  assert_int_equal(fclose(log), 0);
}

static char *read_page(rung_context *ctx) {
  char *page = NULL;
  size_t length;
  assert_ok(ctx, rg_read_file(ctx, path_of("report.html"), 1 << 24, &page, &length));
  assert_int_equal(strlen(page), length);
  return page;
}

static char *make_page(rung_context *ctx, int stages, int finished) {
  write_log(stages, finished);
  write_text("recipe.yaml", "table: \"</pre><script>\"\n");
  assert_ok(ctx, rung_run_report(ctx, folder));
  return read_page(ctx);
}

static void must_have(const char *page, const char *text) {
  if (!strstr(page, text)) fail_msg("the page should contain: %s", text);
}

static int count(const char *page, const char *text) {
  int found = 0;
  for (const char *c = page; (c = strstr(c, text)); c += strlen(text)) found++;
  return found;
}

static void numbers_match_the_log(void **state) {
  char *page = make_page(*state, 3, 1);
  must_have(page,
            "<th scope=\"row\">Held-out error</th><td><data value=\"3.10101e-16\">3.1e-16</data>");
  must_have(page, "<th scope=\"row\">Noise floor</th><td><data value=\"0.0123\">0.0123</data>");
  must_have(page, "<th scope=\"row\">Parameters</th><td><data value=\"3003\">3003</data>");
  must_have(page,
            "<th scope=\"row\">Stopped</th><td>noise floor <span class=\"meaning\">what is left "
            "looks like noise in the data</span>");
  must_have(page, "<td><data value=\"2.34567e-06\">2.35e-06</data></td>");
  must_have(page, "<td><data value=\"4.10203e-12\">4.1e-12</data></td>");
  must_have(page, "\"heldout_error\":2.34567e-06");
  must_have(page, "\"predicted\":[0.25,0.5,0.12500000000000003]");
  must_have(page, "left out: 1.");
  rg_free(*state, page);
}

static void names_cannot_break_out(void **state) {
  char *page = make_page(*state, 1, 1);
  must_have(page, "<title>y&lt;i&gt; in script&gt;&lt;b&gt;&amp;.csv</title>");
  must_have(page, "\"inputs\":[\"x\\u003c/script\\u003e\"]");
  must_have(page, "&lt;/pre&gt;&lt;script&gt;");
  assert_int_equal(count(page, "<script"), 3);
  assert_int_equal(count(page, "</script>"), 3);
  rg_free(*state, page);
}

/* Nothing is loaded from anywhere, and the page itself forbids it. */
static void the_page_stands_alone(void **state) {
  char *page = make_page(*state, 3, 1);
  must_have(page, "default-src 'none'");
  static const char *const loads[] = {"<link", "<img",   "<iframe", "@import",
                                      "url(",  "fetch(", "http://"};
  for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
    if (count(page, loads[i])) fail_msg("the page contains %s", loads[i]);
  assert_int_equal(count(page, "https://"), 1); /* the chart library names its licence */
  must_have(page, "/*! @license https://");
  must_have(page, "Permission is hereby granted, free of charge");
  rg_free(*state, page);
}

/* Every element that is opened is closed, in order. */
static void the_page_is_well_formed(void **state) {
  char *page = make_page(*state, 3, 1);
  static const char *const void_tags[] = {"meta", "!DOCTYPE"};
  char stack[64][16];
  int depth = 0;
  for (const char *c = page; (c = strchr(c, '<'));) {
    if (strncmp(c, "<script", 7) == 0 || strncmp(c, "<style", 6) == 0)
      c = strstr(c, c[2] == 'c' ? "</script>" : "</style>") + 2, c = strchr(c, '>');
    else {
      char tag[16] = {0};
      assert_int_equal(sscanf(c + 1 + (c[1] == '/'), "%15[!A-Za-z0-9]", tag), 1);
      bool is_void = strcmp(tag, void_tags[0]) == 0 || strcmp(tag, void_tags[1]) == 0;
      if (c[1] == '/') {
        assert_true(depth > 0);
        assert_string_equal(stack[--depth], tag);
      } else if (!is_void) {
        assert_true(depth < 64);
        memcpy(stack[depth++], tag, sizeof tag);
      }
      c = strchr(c, '>');
    }
    assert_non_null(c);
  }
  assert_int_equal(depth, 0);
  rg_free(*state, page);
}

static void an_unfinished_run_says_so(void **state) {
  char *page = make_page(*state, 2, 0);
  must_have(page, "The run has not ended");
  must_have(page, "<td>not yet</td>");
  rg_free(*state, page);
}

static void the_last_telling_of_a_stage_counts(void **state) {
  write_text("log.jsonl", "{\"event\":\"stage\",\"stage\":1,\"heldout_error\":0.5}\n"
                          "{\"event\":\"stage\",\"stage\":0,\"heldout_error\":0.75}\n"
                          "{\"event\":\"stage\",\"stage\":1,\"heldout_error\":0.25}\n");
  assert_ok(*state, rung_run_report(*state, folder));
  char *page = read_page(*state);
  const char *first = strstr(page, "value=\"0.75\""), *second = strstr(page, "value=\"0.25\"");
  assert_true(first && second && first < second);
  assert_null(strstr(page, "value=\"0.5\""));
  rg_free(*state, page);
}

static void what_is_wrong_is_said(void **state) {
  assert_error(*state, rung_run_report(*state, "no-such-folder"), RUNG_E_IO,
               "no-such-folder/log.jsonl: cannot be opened");
  assert_error(*state, rung_run_report(*state, NULL), RUNG_E_ARGUMENT, "expected a folder");
  write_text("log.jsonl", "not a log\n");
  assert_error(*state, rung_run_report(*state, folder), RUNG_E_FORMAT, "found none of its events");
}

typedef struct fuse {
  int left;
} fuse;

static void *fused_alloc(void *user, size_t bytes) {
  fuse *f = user;
  return f->left-- > 0 ? malloc(bytes) : NULL;
}

static void fused_release(void *user, void *memory, size_t bytes) {
  (void)user;
  (void)bytes;
  free(memory);
}

/* Each allocation fails in turn: an error each time, nothing left, the old report untouched. */
static void every_allocation_may_fail(void **state) {
  char *page = make_page(*state, 2, 1);
  rg_free(*state, page);
  assert_int_equal(unlink(path_of("report.html")), 0);
  for (int n = 0;; n++) {
    fuse f = {.left = n + 1}; /* one more for the context itself */
    rung_allocator allocator = {fused_alloc, fused_release, &f};
    rung_context *ctx;
    assert_int_equal(rung_context_create(&allocator, &ctx), RUNG_OK);
    rung_status status = rung_run_report(ctx, folder);
    assert_int_equal(rung_memory_now(ctx), 0);
    rung_context_destroy(ctx);
    if (status == RUNG_OK) break;
    assert_int_equal(status, RUNG_E_MEMORY);
    assert_int_not_equal(access(path_of("report.html"), F_OK), 0);
    assert_true(n < 1000);
  }
}

static void a_browser_draws_it(void **state) {
  if (system("command -v chromium >/dev/null 2>&1") != 0) skip();
  for (int stages = 0; stages <= 3; stages++) {
    rg_free(*state, make_page(*state, stages, stages != 1));
    char command[512];
    snprintf(command, sizeof command,
             "timeout 60 chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=2000 "
             "--enable-logging=stderr --user-data-dir=%s/browser --dump-dom \"file://$PWD/%s\" "
             ">%s/dom.html 2>%s/browser.log",
             folder, path_of("report.html"), folder, folder);
    assert_int_equal(system(command), 0);
    char *dom, *log;
    size_t length;
    assert_ok(*state, rg_read_file(*state, path_of("browser.log"), 1 << 24, &log, &length));
    if (strstr(log, "CONSOLE")) fail_msg("the browser complains: %s", strstr(log, "CONSOLE"));
    assert_ok(*state, rg_read_file(*state, path_of("dom.html"), 1 << 25, &dom, &length));
    must_have(dom, "class=\"script\"");
    must_have(dom, "id=\"failed\" class=\"note\" hidden=\"\" role=\"alert\"></div>");
    /* Two canvases a chart: errors, residual, spectrum, seconds, parameters; two of prediction. */
    int charts = (stages ? 5 : 0) + (stages != 1 ? 2 : 0);
    assert_int_equal(count(dom, "<canvas"), 2 * charts);
    assert_int_equal(count(dom, "role=\"img\""), charts);
    rg_free(*state, dom);
    rg_free(*state, log);
  }
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_match_the_log),     TEST(names_cannot_break_out),
      TEST(the_page_stands_alone),     TEST(the_page_is_well_formed),
      TEST(an_unfinished_run_says_so), TEST(the_last_telling_of_a_stage_counts),
      TEST(what_is_wrong_is_said),     TEST(every_allocation_may_fail),
      TEST(a_browser_draws_it),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
