/* Evaluation of networks against a plain account of the same samples, taken one by one. */
#include "fail_alloc.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "rung/evaluate.h"

#define ROWS 90
#define FEATURES 3
#define CLASSES 4

/* A table of random numbers: features, then a class "k0".."k3", then two numbers. */
static void write_table(char *path, bool classes) {
  int file = mkstemp(path);
  FILE *out = fdopen(file, "w");
  assert_non_null(out);
  fputs(classes ? "a,b,c,kind\n" : "a,b,c,u,v\n", out);
  uint64_t seed = 3;
  for (int i = 0; i < ROWS; i++) {
    double x[5];
    for (int k = 0; k < 5; k++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      x[k] = (double)(seed >> 11) / 9007199254740992.0;
    }
    fprintf(out, "%.17g,%.17g,%.17g,", x[0], 5 + x[1], -x[2]);
    if (classes)
      fprintf(out, "k%d\n", i < CLASSES ? i : (int)(CLASSES * x[3])); /* each occurs */
    else
      fprintf(out, "%.17g,%.17g\n", x[3], 100 * x[4]);
  }
  fclose(out);
}

typedef struct thing {
  int exits; /* asked for */
  rung_dataset *set;
  rung_network *network;
} thing;

static rung_status make_thing(rung_context *ctx, const char *path, bool classes, rung_dtype dtype,
                              thing *out) {
  rung_dataset_options how = rung_dataset_options_default();
  rung_network_settings settings = rung_network_settings_default();
  settings.stages = 1;
  settings.channels[0] = 5;
  settings.stages += out->exits; /* one behind each layer but the last */
  settings.exits = out->exits;
  for (int i = 0; i < out->exits; i++) {
    settings.channels[i + 1] = 6;
    settings.exit_at[i] = i + 1;
  }
  how.regression = !classes;
  how.target = classes ? "kind" : "u,v";
  RG_TRY(rung_dataset_open(ctx, path, &how, &out->set));
  rung_shape sample = {.rank = rung_dataset_shape(out->set, sample.dim)};
  RG_TRY(
      rung_network_create(ctx, &settings, &sample, classes ? CLASSES : 2, dtype, 7, &out->network));
  double *mean, *scale;
  int64_t count;
  rung_network_normalisation(out->network, &mean, &scale, &count);
  for (int64_t i = 0; i < count; i++) {
    mean[i] = 0.5 * (double)i;
    scale[i] = 4; /* a power of 2: batches divide, networks multiply */
  }
  rung_network_target_normalisation(out->network, &mean, &scale);
  for (int i = 0; !classes && i < 2; i++) {
    mean[i] = i ? 50 : 0.5;
    scale[i] = i ? 30 : 0.25;
  }
  if (!classes) return RUNG_OK;
  const char *names[CLASSES];
  for (int i = 0; i < CLASSES; i++) names[i] = rung_dataset_class(out->set, i);
  return rung_network_set_classes(out->network, ctx, names);
}

static void drop_thing(thing *t) {
  rung_network_destroy(t->network);
  rung_dataset_destroy(t->set);
}

/* The scores of one sample, by itself. */
static void scores_of(rung_context *ctx, const thing *t, int64_t sample, double *out) {
  double x[FEATURES], *mean, *scale;
  int64_t count;
  assert_ok(ctx, rung_dataset_read(t->set, ctx, sample, RUNG_F64, x));
  rung_network_normalisation(t->network, &mean, &scale, &count);
  for (int i = 0; i < FEATURES; i++) x[i] = (x[i] - mean[i]) * scale[i];
  assert_ok(ctx, rung_network_apply(t->network, ctx, 1, x, out));
}

typedef struct account {
  double loss, right, among, confusion[CLASSES][CLASSES], losses[ROWS];
  double bins[10][3]; /* samples, confidence, right */
} account;

static account count_all(rung_context *ctx, const thing *t, int top) {
  account a = {0};
  for (int i = 0; i < ROWS; i++) {
    double z[CLASSES], p[CLASSES];
    long double sum = 0;
    int label = rung_dataset_label(t->set, i), said = 0, above = 0;
    scores_of(ctx, t, i, z);
    for (int k = 0; k < CLASSES; k++) sum += expl((long double)z[k]);
    for (int k = 0; k < CLASSES; k++) p[k] = (double)(expl((long double)z[k]) / sum);
    for (int k = 0; k < CLASSES; k++) said = p[k] > p[said] ? k : said;
    for (int k = 0; k < CLASSES; k++) above += p[k] > p[label];
    a.losses[i] = -log(p[label]);
    a.loss += a.losses[i] / ROWS;
    a.right += (said == label) / (double)ROWS;
    a.among += (above < top) / (double)ROWS;
    a.confusion[label][said]++;
    double *bin = a.bins[(int)(10 * p[said])];
    bin[0]++;
    bin[1] += p[said];
    bin[2] += said == label;
  }
  return a;
}

static void assert_near(double a, double b, double tolerance) {
  if (!(fabs(a - b) <= tolerance)) fail_msg("expected %.17g, found %.17g", b, a);
}

static void classes_are_counted(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, true);
  thing t = {0};
  assert_ok(ctx, make_thing(ctx, path, true, RUNG_F64, &t));
  account want = count_all(ctx, &t, 2);
  rung_network_evaluation *e, *again;
  rung_evaluate_options how = rung_evaluate_options_default();
  how.top = 2;
  how.bins = 10;
  how.worst = 6;
  how.batch = 7; /* the last batch is filled up */
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e));
  assert_int_equal(e->samples, ROWS);
  assert_int_equal(e->classes, CLASSES);
  assert_near(e->loss, want.loss, 1e-13);
  assert_near(e->accuracy, want.right, 1e-13);
  assert_near(e->top_accuracy, want.among, 1e-13);
  assert_true(e->top_accuracy > e->accuracy && e->accuracy > 0);
  for (int i = 0; i < CLASSES; i++)
    for (int k = 0; k < CLASSES; k++)
      assert_true((double)e->confusion[i * CLASSES + k] == want.confusion[i][k]);
  double calibration = 0;
  for (int b = 0; b < 10; b++) {
    calibration += fabs(want.bins[b][1] - want.bins[b][2]) / ROWS;
    assert_int_equal(e->bin[b].samples, (int64_t)want.bins[b][0]);
    if (want.bins[b][0] > 0) {
      assert_near(e->bin[b].confidence, want.bins[b][1] / want.bins[b][0], 1e-13);
      assert_near(e->bin[b].accuracy, want.bins[b][2] / want.bins[b][0], 1e-13);
    } else {
      assert_true(isnan(e->bin[b].confidence));
    }
  }
  assert_near(e->calibration_error, calibration, 1e-13);
  assert_int_equal(e->worst, 6);
  for (int w = 0; w < 6; w++) {
    const rung_worst_sample *s = &e->worst_sample[w];
    int larger = 0;
    for (int i = 0; i < ROWS; i++) larger += want.losses[i] > want.losses[s->sample] + 1e-13;
    assert_int_equal(larger, w);
    assert_near(s->loss, want.losses[s->sample], 1e-13);
    assert_int_equal(s->label, rung_dataset_label(t.set, s->sample));
  }
  /* Sums are taken in the order of samples, whatever the batch. */
  how.batch = 1000;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &again));
  assert_true(again->loss == e->loss && again->calibration_error == e->calibration_error);
  rung_network_evaluation_destroy(ctx, again);
  how.worst = 0;
  how.top = 50;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &again));
  assert_int_equal(again->top, CLASSES);
  assert_int_equal(again->worst, 0);
  assert_true(again->top_accuracy == 1);
  rung_network_evaluation_destroy(ctx, again);
  rung_network_evaluation_destroy(ctx, e);
  drop_thing(&t);
  unlink(path);
}

/* Scores of numbers that overflow are none: such samples are the worst, and all others count. */
static void answers_that_are_no_numbers_count(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  rung_evaluate_options options = rung_evaluate_options_default();
  rung_network_evaluation *e;
  thing t = {0};
  write_table(path, true);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("1e300,-1e300,1e300,k1\n", file);
  assert_int_equal(fclose(file), 0);
  assert_ok(ctx, make_thing(ctx, path, true, RUNG_F32, &t));
  options.worst = 3;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &options, &e));
  assert_int_equal(e->samples, ROWS + 1);
  assert_true(isnan(e->loss));
  assert_int_equal(e->worst_sample[0].sample, ROWS);
  assert_true(isnan(e->worst_sample[0].loss) && e->worst_sample[1].loss >= e->worst_sample[2].loss);
  int64_t binned = 0;
  for (int b = 0; b < e->bins; b++) binned += e->bin[b].samples;
  assert_int_equal(binned, ROWS + 1);
  rung_network_evaluation_destroy(ctx, e);
  drop_thing(&t);
  unlink(path);
}

/* Parts alone are looked at; noise is a function of the seed, and none is none. */
static void parts_and_noise(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, true);
  thing t = {0};
  assert_ok(ctx, make_thing(ctx, path, true, RUNG_F64, &t));
  account want = count_all(ctx, &t, 2);
  int64_t index[] = {3, 8, 50};
  rung_part part = {3, index};
  rung_network_evaluation *e, *same, *other;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, &part, NULL, &e));
  assert_int_equal(e->samples, 3);
  assert_near(e->loss, (want.losses[3] + want.losses[8] + want.losses[50]) / 3, 1e-13);
  rung_network_evaluation_destroy(ctx, e);
  rung_evaluate_options how = rung_evaluate_options_default();
  how.corruption = RUNG_NOISE;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e));
  assert_near(e->loss, want.loss, 1e-13); /* level 0 */
  rung_network_evaluation_destroy(ctx, e);
  how.level = 0.5;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e));
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &same));
  how.seed = 2;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &other));
  assert_true(e->loss == same->loss && e->loss != other->loss);
  assert_true(fabs(e->loss - want.loss) > 1e-6);
  rung_network_evaluation_destroy(ctx, e);
  rung_network_evaluation_destroy(ctx, same);
  rung_network_evaluation_destroy(ctx, other);
  drop_thing(&t);
  unlink(path);
}

static void numbers_are_met(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, false);
  thing t = {0};
  assert_ok(ctx, make_thing(ctx, path, false, RUNG_F64, &t));
  rung_network_evaluation *e;
  rung_evaluate_options how = rung_evaluate_options_default();
  how.worst = 1;
  how.batch = 8;
  assert_ok(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e));
  double square[2] = {0}, value[2] = {0}, sum[2] = {0}, spread[2] = {0}, most[2] = {0}, loss = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < ROWS; i++) {
      double z[2];
      const double *y = rung_dataset_values(t.set, i);
      scores_of(ctx, &t, i, z);
      for (int k = 0; k < 2; k++) {
        double scale = k ? 30 : 0.25, d = z[k] * scale + (k ? 50 : 0.5) - y[k];
        if (pass) {
          spread[k] += (y[k] - sum[k] / ROWS) * (y[k] - sum[k] / ROWS);
          continue;
        }
        square[k] += d * d;
        value[k] += y[k] * y[k];
        sum[k] += y[k];
        most[k] = fmax(most[k], fabs(d));
        loss += d / scale * (d / scale) / (2 * ROWS);
      }
    }
  assert_int_equal(e->outputs, 2);
  assert_int_equal(e->classes, 0);
  assert_true(isnan(e->accuracy) && !e->confusion);
  assert_near(e->loss, loss, 1e-12 * loss);
  for (int k = 0; k < 2; k++) {
    assert_near(e->error[k].rms, sqrt(square[k] / ROWS), 1e-12 * most[k]);
    assert_near(e->error[k].relative_l2, sqrt(square[k] / value[k]), 1e-12);
    assert_near(e->error[k].r2, 1 - square[k] / spread[k], 1e-11);
    assert_near(e->error[k].max_error, most[k], 1e-12 * most[k]);
  }
  assert_int_equal(e->worst_sample[0].label, -1);
  rung_network_evaluation_destroy(ctx, e);
  drop_thing(&t);
  unlink(path);
}

typedef struct seen {
  int64_t next;
  double sum;
} seen;

static rung_status see(void *user, const int64_t *sample, int64_t count, const double *answer,
                       const int *exit) {
  seen *s = user;
  for (int64_t i = 0; i < count; i++) {
    assert_int_equal(sample[i], s->next++);
    assert_int_equal(exit[i], 1);
    for (int k = 0; k < CLASSES; k++) s->sum += answer[i * CLASSES + k];
  }
  return s->next > 40 ? RUNG_E_CANCELLED : RUNG_OK;
}

/* In the order of samples, each once; and the caller may end it. */
static void answers_come_in_order(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, true);
  thing t = {0};
  assert_ok(ctx, make_thing(ctx, path, true, RUNG_F32, &t));
  seen s = {0};
  assert_int_equal(rung_network_answer(ctx, t.network, t.set, 16, 0, 0, see, &s), RUNG_E_CANCELLED);
  assert_int_equal(s.next, 48);
  assert_near(s.sum, 48, 1e-12);
  drop_thing(&t);
  unlink(path);
}

/* ---- early answers ---- */

#define ENDS 3

/* What was answered to each sample, and by which exit. */
typedef struct record {
  double p[ROWS][CLASSES];
  int exit[ROWS];
} record;

static rung_status keep_answers(void *user, const int64_t *sample, int64_t count,
                                const double *answer, const int *exit) {
  record *r = user;
  for (int64_t i = 0; i < count; i++) {
    memcpy(r->p[sample[i]], answer + i * CLASSES, sizeof *r->p);
    r->exit[sample[i]] = exit[i];
  }
  return RUNG_OK;
}

static int most_probable(const double *p) {
  int best = 0;
  for (int k = 1; k < CLASSES; k++) best = p[k] > p[best] ? k : best;
  return best;
}

/* Answers and evaluation with a confidence, against what all exits say of all samples. */
static void check_early(rung_context *ctx, const thing *t, const record *by, double confidence) {
  record early;
  double loss = 0, right = 0, work = 0;
  int64_t answered[ENDS] = {0};
  assert_ok(ctx,
            rung_network_answer(ctx, t->network, t->set, 37, 0, confidence, keep_answers, &early));
  for (int i = 0; i < ROWS; i++) {
    int exit = 0, label = rung_dataset_label(t->set, i);
    while (exit < ENDS - 1 && by[exit].p[i][most_probable(by[exit].p[i])] < confidence) exit++;
    assert_int_equal(early.exit[i], exit + 1);
    assert_memory_equal(early.p[i], by[exit].p[i], sizeof early.p[i]);
    answered[exit]++;
    loss -= log(early.p[i][label]) / ROWS;
    right += most_probable(early.p[i]) == label;
    work += rung_network_early_cost(t->network, exit + 1) / ROWS;
  }
  rung_evaluate_options how = rung_evaluate_options_default();
  rung_network_evaluation *e;
  how.confidence = confidence;
  assert_ok(ctx, rung_network_evaluate(ctx, t->network, t->set, NULL, &how, &e));
  assert_int_equal(e->exits, ENDS);
  for (int k = 0; k < ENDS; k++) assert_int_equal(e->answered[k], answered[k]);
  assert_near(e->loss, loss, 1e-12);
  assert_near(e->accuracy, right / ROWS, 1e-12);
  assert_near(e->multiply_adds, work, 1e-9);
  rung_network_evaluation_destroy(ctx, e);
}

static void the_first_sure_exit_is_judged(void **state) {
  rung_context *ctx = *state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, true);
  thing t = {.exits = ENDS - 1};
  record by[ENDS];
  assert_ok(ctx, make_thing(ctx, path, true, RUNG_F64, &t));
  double most = 0, sum = 0;
  for (int exit = 0; exit < ENDS; exit++)
    assert_ok(ctx,
              rung_network_answer(ctx, t.network, t.set, 16, exit + 1, 0, keep_answers, &by[exit]));
  for (int i = 0; i < ROWS; i++) {
    double p = by[0].p[i][most_probable(by[0].p[i])];
    most = p > most ? p : most;
    sum += p / ROWS;
  }
  check_early(ctx, &t, by, sum); /* some leave at the first exit, some do not */
  check_early(ctx, &t, by, (sum + most) / 2);
  check_early(ctx, &t, by, 0.1);
  check_early(ctx, &t, by, 1);
  rung_evaluate_options both = rung_evaluate_options_default();
  rung_network_evaluation *e;
  both.exit = 1;
  both.confidence = 0.5;
  assert_error(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &both, &e), RUNG_E_ARGUMENT,
               "expected an exit or a confidence, found both: exit 1, confidence 0.5");
  both.exit = 0;
  both.confidence = -1;
  assert_error(ctx, rung_network_evaluate(ctx, t.network, t.set, NULL, &both, &e), RUNG_E_ARGUMENT,
               "confidence: expected more than 0 and at most 1, found -1");
  drop_thing(&t);
  unlink(path);
}

/* The same numbers as one evaluation after the other gives, to the bit. */
static void check_every_exit(rung_context *ctx, const thing *t, bool classes) {
  rung_network_evaluation *every[ENDS], *one;
  rung_evaluate_options how = rung_evaluate_options_default();
  how.worst = 3;
  how.batch = 37;
  assert_ok(ctx, rung_network_evaluate_exits(ctx, t->network, t->set, NULL, &how, every));
  for (int k = 0; k < ENDS; k++) {
    how.exit = k + 1;
    assert_ok(ctx, rung_network_evaluate(ctx, t->network, t->set, NULL, &how, &one));
    assert_memory_equal(&every[k]->loss, &one->loss, sizeof one->loss);
    assert_int_equal(every[k]->samples, ROWS);
    assert_int_equal(every[k]->worst, 3);
    for (int i = 0; i < 3; i++)
      assert_int_equal(every[k]->worst_sample[i].sample, one->worst_sample[i].sample);
    if (classes)
      assert_memory_equal(every[k]->confusion, one->confusion, sizeof(int64_t) * CLASSES * CLASSES);
    else
      assert_memory_equal(every[k]->error, one->error, 2 * sizeof *one->error);
    rung_network_evaluation_destroy(ctx, one);
    rung_network_evaluation_destroy(ctx, every[k]);
  }
  how.exit = 1;
  assert_error(ctx, rung_network_evaluate_exits(ctx, t->network, t->set, NULL, &how, every),
               RUNG_E_ARGUMENT, "expected exit and confidence 0, found 1 and 0");
  for (int k = 0; k < ENDS; k++) assert_null(every[k]);
}

static void every_exit_is_judged_in_one_way(void **state) {
  rung_context *ctx = *state;
  for (int kind = 0; kind < 4; kind++) {
    char path[] = "/tmp/rung-test-XXXXXX";
    bool classes = kind % 2;
    thing t = {.exits = ENDS - 1};
    write_table(path, classes);
    assert_ok(ctx, make_thing(ctx, path, classes, kind < 2 ? RUNG_F64 : RUNG_F32, &t));
    check_every_exit(ctx, &t, classes);
    drop_thing(&t);
    unlink(path);
  }
}

static void what_does_not_fit_is_refused(void **state) {
  rung_context *ctx = *state;
  char classes[] = "/tmp/rung-test-XXXXXX", numbers[] = "/tmp/rung-test-XXXXXX";
  write_table(classes, true);
  write_table(numbers, false);
  thing t = {0}, n = {0};
  rung_network_evaluation *e;
  assert_ok(ctx, make_thing(ctx, classes, true, RUNG_F64, &t));
  assert_ok(ctx, make_thing(ctx, numbers, false, RUNG_F64, &n));
  assert_error(ctx, rung_network_evaluate(ctx, t.network, n.set, NULL, NULL, &e), RUNG_E_DATA,
               "the network has 4 outputs, but the samples have 2 values");
  rung_clear_error(ctx);
  assert_error(ctx, rung_network_evaluate(ctx, n.network, t.set, NULL, NULL, &e), RUNG_E_DATA,
               "the network has 2 outputs, but the samples have 4 classes");
  rung_clear_error(ctx);
  rung_part none = {0, NULL};
  assert_error(ctx, rung_network_evaluate(ctx, t.network, t.set, &none, NULL, &e), RUNG_E_DATA,
               "expected samples, found none");
  rung_clear_error(ctx);
  rung_dataset_options how = rung_dataset_options_default();
  rung_dataset *wide;
  how.target = "v";
  how.regression = 1;
  assert_ok(ctx, rung_dataset_open(ctx, numbers, &how, &wide));
  assert_error(ctx, rung_network_evaluate(ctx, n.network, wide, NULL, NULL, &e), RUNG_E_SHAPE,
               "the network takes samples of 3 numbers, found 4");
  rung_clear_error(ctx);
  rung_evaluate_options zero = rung_evaluate_options_default();
  zero.bins = 0;
  assert_error(ctx, rung_network_evaluate(ctx, n.network, n.set, NULL, &zero, &e), RUNG_E_ARGUMENT,
               "expected batch, top and bins of 1 or more");
  assert_null(e);
  rung_dataset_destroy(wide);
  drop_thing(&t);
  drop_thing(&n);
  unlink(classes);
  unlink(numbers);
}

static rung_status use(rung_context *ctx, void *arg) {
  thing t = {.exits = 1};
  rung_network_evaluation *e = NULL;
  rung_evaluate_options how = rung_evaluate_options_default();
  how.worst = 3;
  rung_status status = make_thing(ctx, arg, true, RUNG_F32, &t);
  if (status == RUNG_OK) status = rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e);
  rung_network_evaluation_destroy(ctx, e);
  how.confidence = 0.3;
  if (status == RUNG_OK) status = rung_network_evaluate(ctx, t.network, t.set, NULL, &how, &e);
  if (status == RUNG_OK) rung_network_evaluation_destroy(ctx, e);
  rung_network_evaluation *every[2] = {NULL};
  how.confidence = 0;
  if (status == RUNG_OK)
    status = rung_network_evaluate_exits(ctx, t.network, t.set, NULL, &how, every);
  for (int k = 0; k < 2; k++) rung_network_evaluation_destroy(ctx, every[k]);
  drop_thing(&t);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  char path[] = "/tmp/rung-test-XXXXXX";
  write_table(path, true);
  assert_true(fail_each_allocation(use, path, (fail_options){0}) > 20);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(classes_are_counted),
      TEST(answers_that_are_no_numbers_count),
      TEST(parts_and_noise),
      TEST(numbers_are_met),
      TEST(answers_come_in_order),
      TEST(the_first_sure_exit_is_judged),
      TEST(every_exit_is_judged_in_one_way),
      TEST(what_does_not_fit_is_refused),
      TEST(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
