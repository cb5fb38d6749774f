/* Trainings in a stated memory: the process holds what it stated, or is refused with a number that
 * then works. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "jobs.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RESIDENT 0 /* a sanitizer holds memory of its own, and is slow: a few small recipes */
#else
#define RESIDENT 1
#endif
#define LIMITS (RESIDENT ? 2 : 1)
#define COARSE 131072 /* bytes: the system counts pages in lots of 32 a processor */
#define REPORT 1e6    /* bytes: the page that shows a run is written when its peak has been told */

/* ---- data ---- */

static void put_big(unsigned char *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Random images of `edge` pixels in ten classes, and their labels. */
static void write_images(const char *images, const char *labels, int count, int edge) {
  size_t pixels = (size_t)(count * edge * edge);
  unsigned char *bytes = calloc(16 + pixels, 1), *label = calloc(8 + (size_t)count, 1);
  assert_true(bytes && label);
  const uint32_t head[] = {0x803, (uint32_t)count, (uint32_t)edge, (uint32_t)edge};
  for (int i = 0; i < 4; i++) put_big(bytes + 4 * i, head[i]);
  for (size_t i = 0; i < pixels; i++) bytes[16 + i] = (unsigned char)(255 * rg_uniform(1, 1, i));
  put_big(label, 0x801);
  put_big(label + 4, (uint32_t)count);
  for (int i = 0; i < count; i++) label[8 + i] = (unsigned char)(i % 10);
  write_file(images, bytes, 16 + pixels);
  write_file(labels, label, 8 + (size_t)count);
  free(bytes);
  free(label);
}

/* ---- a training by `rung train`, as the system sees it ---- */

typedef struct outcome {
  bool done;
  double planned, peak; /* bytes: as stated, and of the whole process, as its parent is told */
  double reported;      /* bytes: the peak as the program tells it at its end */
  double least;         /* MB; where it was refused */
  char said[2000];      /* all that it printed */
} outcome;

/* The number behind the last `key` in what was printed; 0 where it is missing. */
static double number_behind(const outcome *o, const char *key) {
  const char *at = NULL;
  for (const char *next = o->said; (next = strstr(next, key)); next++) at = next;
  return at ? strtod(at + strlen(key), NULL) : 0;
}

static void start(int out, const char *line, const char *memory) {
  char command[1200];
  snprintf(command, sizeof command,
           "rm -rf budget.run; set --; for pair in training.epochs=2 %s; do "
           "set -- \"$@\" --set \"$pair\"; done; "
           "exec '%s' train some.yaml --json --threads 2 -o budget.run --memory %s \"$@\"",
           line, RG_RUNG, memory);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

static outcome train_with(const char *line, const char *memory) {
  int ends[2], status;
  outcome o = {0};
  struct rusage used;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) start(ends[1], line, memory);
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; (got = read(ends[0], o.said + length, sizeof o.said - 1 - length)) > 0;)
    length += (size_t)got;
  close(ends[0]);
  assert_int_equal(wait4(child, &status, 0, &used), child);
  o.done = status == 0;
  o.peak = 1024.0 * (double)used.ru_maxrss;
  o.planned = number_behind(&o, "\"planned_bytes\":");
  o.reported = number_behind(&o, "\"peak_bytes\":");
  o.least = number_behind(&o, "at least ");
  return o;
}

/* ---- what must be so ---- */

static void hold(const char *line, double limit, const outcome *o) {
  if (!o->done) fail_msg("%s with %.2f MB: %s", line, limit / 1e6, o->said);
  assert_true(o->planned > 0);
  print_message("%6.2f MB planned, %6.2f held, %.3f (%.3f of it reported): %s\n", o->planned / 1e6,
                o->peak / 1e6, o->peak / o->planned, o->reported / o->peak, line);
  if (limit > 0 && o->planned > limit)
    fail_msg("%s: %.2f MB allowed, %.2f planned", line, limit / 1e6, o->planned / 1e6);
  if (RESIDENT && o->peak > 1.05 * o->planned + COARSE)
    fail_msg("%s: %.2f MB planned, %.2f held", line, o->planned / 1e6, o->peak / 1e6);
  if (RESIDENT && fabs(o->reported - o->peak) > 0.05 * o->peak + REPORT)
    fail_msg("%s: %.2f MB reported, %.2f held", line, o->reported / 1e6, o->peak / 1e6);
}

static double megabytes_with(const char *line, double limit, outcome *o) {
  char memory[40];
  snprintf(memory, sizeof memory, "%.2fMB", limit / 1e6);
  *o = train_with(line, memory);
  return strtod(memory, NULL) * 1e6;
}

/* Limits are random between nothing and more than enough for all but the program itself. */
static void check(const char *line, uint64_t seed) {
  outcome o = train_with(line, "0");
  hold(line, 0, &o);
  double planned = o.planned, program = (double)RG_PROGRAM_BYTES;
  if (RESIDENT && planned > 20e6 && planned > 1.1 * o.peak)
    fail_msg("%s: %.2f MB planned, but only %.2f held", line, planned / 1e6, o.peak / 1e6);
  for (uint64_t i = 0; i < LIMITS; i++) {
    double limit = program + (0.15 + 0.9 * rg_uniform(7, seed, i)) * (planned - program);
    limit = megabytes_with(line, limit, &o);
    if (!o.done) {
      if (!(o.least * 1e6 > limit)) fail_msg("%s with %.2f MB: %s", line, limit / 1e6, o.said);
      limit = megabytes_with(line, o.least * 1e6, &o);
    }
    hold(line, limit, &o);
  }
}

#define TABLE "data.train=spirals.csv "
#define IMAGES "data.train=made-images-idx3-ubyte data.limit=128 "
#define MODULAR "training.scheme=modulewise "

static const char *const recipes[] = {
    TABLE "model.width=64,64",
    TABLE "model.width=512,512 training.optimiser=sgd",
    TABLE "model.width=768,768 training.average=0.9",
    TABLE "model.architecture=dense model.layers=64 model.width=64 training.batch=300",
    TABLE "model.architecture=dense model.layers=32 model.block=hamiltonian training.batch=all",
    TABLE "model.architecture=dense model.block=resnet model.norm=batch training.batch=200",
    TABLE "model.width=200,200 training.optimiser=lbfgs training.precision=double "
          "training.batch=all",
    TABLE "model.width=256,256 training.precision=quad training.batch=60",
    TABLE "model.architecture=dense model.layers=24 training.batch=180 " MODULAR
          "training.modules=auto",
    TABLE "model.architecture=dense model.width=256 model.layers=8 training.procedure=auto " MODULAR
          "training.modules=4",
    TABLE "model.architecture=dense model.width=384 model.layers=12 training.optimiser=sgd "
          "training.batch=8",
    TABLE "extend.network=base.safetensors extend.swap=1 training.optimiser=sgd "
          "training.batch=8 " MODULAR,
    IMAGES "model.architecture=cnn model.channels=8,16 training.batch=64",
    IMAGES "model.architecture=cnn training.optimiser=momentum training.batch=32",
    IMAGES "model.architecture=resnet model.channels=8,16 model.layers=2",
    IMAGES "model.architecture=resnet model.channels=16 model.layers=3 model.norm=layer "
           "training.batch=48",
    IMAGES "model.architecture=resnet model.channels=4,8 model.layers=2 model.block=bottleneck "
           "training.micro_batch=16",
    IMAGES "model.architecture=conv model.channels=8,16 model.layers=4 model.block=hamiltonian",
    IMAGES "model.architecture=conv model.channels=8 model.layers=4 model.block=leapfrog "
           "training.activations=recompute",
    IMAGES "model.architecture=resnet model.channels=8,16 model.layers=2 " MODULAR
           "training.modules=3",
    IMAGES "model.architecture=resnet model.channels=8 model.layers=3 " MODULAR,
    IMAGES "model.architecture=resnet model.channels=8,16 model.layers=2 training.modules=2 "
           "training.procedure=sequential data.validation=0.3 " MODULAR,
};

static void a_share(int part) {
  enum { PARTS = 4 };
  for (size_t i = (size_t)part; i < sizeof recipes / sizeof *recipes; i += PARTS)
    if (RESIDENT || (strstr(recipes[i], TABLE) && i % 2 == 0)) check(recipes[i], i);
}

static void first_recipes_fit_or_say_what_would(void **state) {
  (void)state;
  a_share(0);
}
static void second_recipes_fit_or_say_what_would(void **state) {
  (void)state;
  a_share(1);
}
static void third_recipes_fit_or_say_what_would(void **state) {
  (void)state;
  a_share(2);
}
static void fourth_recipes_fit_or_say_what_would(void **state) {
  (void)state;
  a_share(3);
}

#define SMALL_IMAGES                                                                               \
  "data.train", "made-images-idx3-ubyte", "data.limit", "128", "model.architecture", "resnet",     \
      "model.channels", "4,8", "model.layers", "1", "training.epochs", "1"

/* A thread takes memory, but the plan is the same where that matters to the bit. */
static void threads_change_no_bits_within_a_limit(void **state) {
  rung_context *ctx = *state;
  int pieces = 0;
  for (int i = 0; i < 3 * LIMITS; i++) {
    static const char *const folder[] = {"one", "many"};
    char memory[40];
    snprintf(memory, sizeof memory, "%.2fMB", 12.55 + 0.35 * i);
    for (int k = 0; k < 2; k++) {
      train_in(ctx, RECIPE(SMALL_IMAGES, "training.memory", memory, "run.threads", k ? "6" : "1"),
               folder[k], NULL, NULL);
    }
    assert_same_file(path_in("one", RUNG_RUN_MODEL), path_in("many", RUNG_RUN_MODEL));
    char *log = read_file(path_in("one", RUNG_RUN_LOG), NULL);
    pieces += strstr(log, "in pieces of") != NULL;
    free(log);
  }
  assert_true(pieces > 1);
}

/* Two modules, most of which are weights. */
static void write_base(void) {
  rung_context *ctx;
  rung_network *base;
  assert_int_equal(rung_context_create(NULL, &ctx), RUNG_OK);
  rung_recipe *recipe = training_of(
      ctx, RECIPE("data.train", "spirals.csv", "model.architecture", "dense", "model.width", "384",
                  "model.layers", "8", "training.scheme", "modulewise", "training.modules", "2",
                  "training.epochs", "1", "training.batch", "200"));
  assert_ok(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, &base, NULL));
  assert_ok(ctx, rung_network_save(base, ctx, "base.safetensors"));
  rung_network_destroy(base);
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
}

static int tests(void) {
  const struct CMUnitTest list[] = {
      TEST(first_recipes_fit_or_say_what_would),   TEST(second_recipes_fit_or_say_what_would),
      TEST(third_recipes_fit_or_say_what_would),   TEST(fourth_recipes_fit_or_say_what_would),
      TEST(threads_change_no_bits_within_a_limit),
  };
  static const char recipe[] = "data: {train: spirals.csv}\n";
  write_file("some.yaml", recipe, sizeof recipe - 1);
  write_spirals("spirals.csv", 400, 0);
  write_images("made-images-idx3-ubyte", "made-labels-idx1-ubyte", 160, 28);
  write_base();
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
  return in_scratch_folder(tests);
}
