/* Module-wise training: what the transport penalty and the cuts do to accuracy, memory and time.
 *
 *   bench_modulewise                   all cases
 *   bench_modulewise CASE...           those
 *   bench_modulewise list              their names
 *
 * RUNG_DATA: folder with the data sets (mnist/..., cifar10/..., fashion-mnist/...); cases whose
 * data are absent say so. PYTHON: the interpreter that has PyTorch. SEEDS: how many, 1, 2, ...;
 * each case has its own number. THREADS: 2. Accuracy is that of the last module after the last
 * epoch on the whole test set. */
#include "cases.h"
#include "nn/module.h"
#include "rung/evaluate.h"
#include "rung/train.h"
#include "train/trainer.h"

/* ---- trainings by recipe ---- */

/* A way to train: pairs of keys and values, ended by NULL. */
typedef struct way {
  const char *name;
  const char *pairs[12];
} way;

typedef struct outcome {
  double accuracy, seconds, train_loss; /* the accuracy is that on the whole test set */
} outcome;

enum { MOST_WAYS = 4 };

static double judge(rung_context *ctx, rung_network *n, const char *test) {
  rung_evaluate_options o = rung_evaluate_options_default();
  rung_network_evaluation *e;
  rung_dataset *set;
  must(ctx, rung_dataset_open(ctx, test, NULL, &set));
  must(ctx, rung_network_evaluate(ctx, n, set, NULL, &o, &e));
  double accuracy = e->accuracy;
  rung_network_evaluation_destroy(ctx, e);
  rung_dataset_destroy(set);
  return accuracy;
}

static outcome train_by(const char *text, const way *w, const char *test, int seed) {
  rung_context *ctx = context_of(setting("THREADS", 2));
  rung_recipe *recipe;
  rung_network *network;
  rung_train_result result;
  char number[16];
  must(ctx, rung_recipe_load_memory(ctx, RUNG_RECIPE_TRAIN, "recipe", text, strlen(text), &recipe));
  for (int i = 0; w->pairs[i]; i += 2)
    must(ctx, rung_recipe_set(recipe, ctx, w->pairs[i], w->pairs[i + 1]));
  snprintf(number, sizeof number, "%d", seed);
  must(ctx, rung_recipe_set(recipe, ctx, "run.seed", number));
  snprintf(number, sizeof number, "%d", setting("THREADS", 2));
  must(ctx, rung_recipe_set(recipe, ctx, "run.threads", number));
  must(ctx, rung_train(ctx, recipe, NULL, NULL, NULL, &network, &result));
  outcome o = {judge(ctx, network, test), result.seconds, result.train_loss};
  rung_network_destroy(network);
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
  return o;
}

/* Each way with each seed; the differences to the first. */
static void compare(const char *text, const char *test, const way *ways, int count, int seeds) {
  double accuracy[MOST_WAYS][MOST_SEEDS], difference[MOST_SEEDS], half;
  printf("%s", text);
  for (int seed = 1; seed <= seeds; seed++)
    for (int i = 0; i < count; i++) {
      outcome o = train_by(text, &ways[i], test, seed);
      accuracy[i][seed - 1] = 100 * o.accuracy;
      printf("    seed %d: %-14s %.2f%%, training loss %.4f; %.0f s\n", seed, ways[i].name,
             accuracy[i][seed - 1], o.train_loss, o.seconds);
      fflush(stdout);
    }
  for (int i = 0; i < count; i++) {
    for (int j = 0; j < seeds; j++) difference[j] = accuracy[i][j] - accuracy[0][j];
    printf("    %-14s mean %.2f%%", ways[i].name, mean_of(accuracy[i], seeds, &half));
    double mean = mean_of(difference, seeds, &half);
    if (i) printf("; %+.2f points", mean);
    if (i && seeds > 1) printf(" (95%% interval %+.2f to %+.2f)", mean - half, mean + half);
    printf("\n");
  }
}

#define MODULEWISE(procedure) "training.scheme", "modulewise", "training.procedure", procedure
#define NO_PENALTY "training.tau", "0"

/* ---- 20 modules on few images of MNIST ---- */

#define MNIST_TEST "mnist/t10k-images-idx3-ubyte.gz"
#define MNIST_CUTS "training.cuts", "2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20"

static const char mnist_recipe[] =
    "data: {train: mnist/train-images-idx3-ubyte.gz, validation: 0, limit: %s}\n"
    "model: {architecture: conv, block: resnet, step: 1, channels: [16], layers: [20],\n"
    "        opening_stride: 2, orthogonal: 0.1, head: conv}\n"
    "training: {optimiser: {name: momentum, rate: 0.01, weight_decay: 0.002}, smoothing: 0.1,\n"
    "           schedule: cosine, batch: %s, epochs: %s}\n";

static void run_mnist(void) {
  static const way ways[] = {{"none", {MODULEWISE("parallel"), MNIST_CUTS, NO_PENALTY, NULL}},
                             {"penalty", {MODULEWISE("parallel"), MNIST_CUTS, NULL}},
                             {"end to end", {NULL}}};
  static const struct {
    const char *images, *batch, *epochs;
    int seeds;
  } sizes[] = {{"100", "20", "300", 5}, {"1000", "50", "75", 2}, {"60000", "100", "3", 1}};
  if (!go_to_data("mnist")) return;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char text[1024];
    snprintf(text, sizeof text, mnist_recipe, sizes[i].images, sizes[i].batch, sizes[i].epochs);
    printf("  %s images; 20 modules of one block, parallel\n", sizes[i].images);
    compare(text, MNIST_TEST, ways, 3, seeds_of(sizes[i].seeds));
  }
}

/* ---- 2% of CIFAR-10 ---- */

#define CIFAR_CUTS "training.cuts", "2,3,4,5,6,7,8,9,10"

static const char cifar_recipe[] =
    "data: {train: cifar10/cifar10-jpg.tar/train, limit: 1000, validation: 0}\n"
    "model: {architecture: conv, block: resnet, step: 1, channels: [16], layers: [10],\n"
    "        opening_stride: 2, orthogonal: 0.1, head: conv}\n"
    "training: {optimiser: {name: momentum, rate: 0.01, weight_decay: 0.002}, smoothing: 0.1,\n"
    "           schedule: cosine, batch: 64, epochs: 660}\n";

/* End to end has as many epochs as take the time of modules with all images computed anew. */
static void run_cifar(void) {
  static const way ways[] = {
      {"none", {MODULEWISE("sequential"), CIFAR_CUTS, NO_PENALTY, NULL}},
      {"penalty", {MODULEWISE("sequential"), CIFAR_CUTS, "training.tau", "0.001", NULL}},
      {"laps", {MODULEWISE("multilap"), "training.laps", "4", CIFAR_CUTS, NO_PENALTY, NULL}},
      {"end to end", {"training.epochs", "220", NULL}}};
  if (!go_to_data("cifar10")) return;
  printf("  10 modules of one block in turn; laps beside one lap without penalty\n");
  compare(cifar_recipe, "cifar10/cifar10-jpg.tar/test", ways, 4, seeds_of(5));
}

/* ---- Fashion-MNIST ---- */

/* A first module that is longer than bytes would have it: what is lost there is lost to all. */
#define FASHION_CUTS "training.cuts", "5,7,9"
#define FASHION_EARLY "training.cuts", "3,6,8"

static const char fashion_recipe[] =
    "data: {train: fashion-mnist/train-images-idx3-ubyte.gz, validation: 0, augment: {flip: yes}}\n"
    "model: {architecture: resnet, channels: [16, 32, 64], layers: [3, 3, 3], opening_stride: 2,\n"
    "        head: conv}\n"
    "training: {optimiser: {name: adamw, rate: 0.003, weight_decay: 0.02}, batch: 128,\n"
    "           schedule: {name: cosine, warmup: 0.1}, epochs: 16}\n";

static void run_fashion(void) {
  static const way ways[] = {
      {"end to end", {NULL}},
      {"none", {MODULEWISE("parallel"), FASHION_CUTS, NO_PENALTY, NULL}},
      {"none, early", {MODULEWISE("parallel"), FASHION_EARLY, NO_PENALTY, NULL}},
      {"penalty, early", {MODULEWISE("parallel"), FASHION_EARLY, NULL}}};
  if (!go_to_data("fashion-mnist")) return;
  printf("  4 modules, parallel; within 0.5 points of end to end is to be reached\n");
  compare(fashion_recipe, "fashion-mnist/t10k-images-idx3-ubyte.gz", ways, 4, seeds_of(1));
}

/* ---- memory and time of a deep residual network ---- */

enum { EDGE = 96, BATCH = 64, CLASSES = 10 };

/* A network for images, cut into modules. */
static rung_network *cut(rung_context *ctx, rung_network_settings s, const rung_shape *sample,
                         int modules) {
  rung_network *n;
  must(ctx, rung_network_create(ctx, &s, sample, CLASSES, RUNG_F32, 1, &n));
  if (modules == 1) return n;
  must(ctx, rg_choose_exits(n, ctx, modules, s.exit_at));
  s.exits = modules - 1;
  rung_network_destroy(n);
  must(ctx, rung_network_create(ctx, &s, sample, CLASSES, RUNG_F32, 1, &n));
  return n;
}

static rung_network *resnet_110(rung_context *ctx, int modules) {
  rung_network_settings s = rung_network_settings_default();
  const rung_shape sample = {.rank = 3, .dim = {EDGE, EDGE, 3}};
  s.architecture = "resnet";
  s.stages = 3;
  for (int i = 0; i < 3; i++) {
    s.channels[i] = 16 << i;
    s.layers[i] = 18;
  }
  return cut(ctx, s, &sample, modules);
}

/* A network in training. All of them are there at once and take steps in turn, so that neighbours
 * on the machine slow one as much as another. */
typedef struct runner {
  rung_context *ctx;
  rung_network *network;
  rung_trainer *trainer;
  double bytes; /* that steps take beside weights and the optimiser */
  double seconds[MOST_ROUNDS];
} runner;

static void start(runner *r, int modules, double tau) {
  r->ctx = context_of(setting("THREADS", 2));
  r->network = resnet_110(r->ctx, modules);
  rung_training t = rung_training_default();
  t.batch = BATCH;
  t.activations = RUNG_STORE;
  t.modulewise = modules > 1;
  t.tau = tau;
  t.pipeline = 1; /* one arena: it is memory that is told */
  must(r->ctx, rung_trainer_create(r->network, r->ctx, &t, 1000, 100, &r->trainer));
  r->bytes = (double)rung_trainer_bytes(r->trainer) -
             (double)rung_network_parameters(r->network) * sizeof(float) * (modules > 1 ? 4 : 3);
}

static void step(runner *r, const float *x, const float *y, int round) {
  double loss, begin = rg_seconds();
  must(r->ctx, rung_trainer_step(r->trainer, x, y, NULL, &loss));
  r->seconds[round] = rg_seconds() - begin;
}

static void finish(runner *r) {
  rung_trainer_destroy(r->trainer);
  rung_network_destroy(r->network);
  rung_context_destroy(r->ctx);
}

/* What a takes more than b in per cent: the median over rounds of the quotient of two steps of the
 * same round. */
static double more(const runner *a, const runner *b, int rounds) {
  double quotient[MOST_ROUNDS] = {0};
  for (int i = 0; i < rounds; i++) quotient[i] = a->seconds[i] / b->seconds[i];
  return 100 * (median_of(quotient, rounds) - 1);
}

/* The same of the least seconds of each, which neighbours on the machine disturb least. */
static double least_more(const runner *a, const runner *b, int rounds) {
  return 100 * (least_of(a->seconds, rounds) / least_of(b->seconds, rounds) - 1);
}

static void run_memory(void) {
  enum { CASES = 4 };
  static const struct {
    int modules;
    double saved, slower; /* to reach, %; 0: no figure */
  } cases[CASES] = {{2, 0, 3}, {4, 50, 0}, {8, 70, 0}, {16, 80, 10}};
  runner whole, penalty[CASES], plain[CASES];
  int rounds = setting("ROUNDS", 6);
  size_t count = (size_t)BATCH * EDGE * EDGE * 3;
  float *x = malloc(count * sizeof *x), y[BATCH];
  if (!x || rounds < 1 || rounds > MOST_ROUNDS) exit(1);
  for (size_t i = 0; i < count; i++) x[i] = (float)rg_normal(1, 1, i);
  for (int i = 0; i < BATCH; i++) y[i] = (float)(i % CLASSES);
  start(&whole, 1, 0);
  for (int i = 0; i < CASES; i++) start(&penalty[i], cases[i].modules, RUNG_TAU_AUTO);
  for (int i = 0; i < CASES; i++) start(&plain[i], cases[i].modules, 0);
  for (int round = -1; round < rounds; round++) { /* the first of all touches the memory */
    int at = round < 0 ? 0 : round;
    step(&whole, x, y, at);
    for (int i = 0; i < CASES; i++) {
      step(&penalty[i], x, y, at);
      step(&plain[i], x, y, at);
    }
  }
  printf("  resnet-110, 96 x 96 x 3, batch %d, end to end, all stored: %.0f MB, %.2f s a step "
         "(median of %d)\n",
         BATCH, whole.bytes / 1e6, median_of(whole.seconds, rounds), rounds);
  for (int i = 0; i < CASES; i++) {
    printf("  %2d modules: %.0f MB, %.1f%% saved (to reach: %.0f%%); a step %+.1f%%, of the least "
           "%+.1f%% (to reach: %+.0f%%), without penalty %+.1f%%; the penalty takes %+.1f%%\n",
           cases[i].modules, penalty[i].bytes / 1e6, 100 * (1 - penalty[i].bytes / whole.bytes),
           cases[i].saved, more(&penalty[i], &whole, rounds),
           least_more(&penalty[i], &whole, rounds), cases[i].slower,
           more(&plain[i], &whole, rounds), more(&penalty[i], &plain[i], rounds));
    finish(&penalty[i]);
    finish(&plain[i]);
  }
  finish(&whole);
  free(x);
}

/* The peak of resident bytes over that before, here with 8 modules and in PyTorch end to end. */
static void run_peer(void) {
  runner r;
  double peer[4];
  size_t count = (size_t)BATCH * EDGE * EDGE * 3, base = rg_resident(true);
  float *x = malloc(count * sizeof *x), y[BATCH];
  if (!x) exit(1);
  for (size_t i = 0; i < count; i++) x[i] = (float)rg_normal(1, 1, i);
  for (int i = 0; i < BATCH; i++) y[i] = (float)(i % CLASSES);
  start(&r, 8, RUNG_TAU_AUTO);
  for (int i = 0; i < 3; i++) step(&r, x, y, i);
  double bytes = (double)(rg_resident(true) - base);
  printf(
      "  resnet-110, 96 x 96 x 3, batch %d, 8 modules: %.0f MB at the peak (of it %.0f MB planned "
      "for steps)\n",
      BATCH, bytes / 1e6, r.bytes / 1e6);
  fflush(stdout);
  finish(&r);
  free(x);
  if (ask_torch(BENCH_PEERS_TRAIN, "resnet-110", setting("THREADS", 2), 0, peer))
    printf("  PyTorch end to end, %.0f weights: %.0f MB; %.2f times as much (to reach: 4)\n",
           peer[0], peer[3] / 1e6, peer[3] / bytes);
  else
    printf("  PyTorch: not found; set PYTHON to an interpreter that has it\n");
}

/* ---- modules in turn: features kept and computed anew ---- */

enum { SAMPLES = 500, SIDE = 32, SMALL = 50, IN_TURN = 10 };

static void start_in_turn(runner *r, rg_features_place place, int epochs) {
  const rung_shape sample = {.rank = 3, .dim = {SIDE, SIDE, 3}};
  const char *folder = getenv("TMPDIR");
  rung_network_settings s = rung_network_settings_default();
  rung_training t = rung_training_default();
  r->ctx = context_of(setting("THREADS", 2));
  s.architecture = "resnet";
  s.opening_stride = 2;
  s.stages = 1;
  s.channels[0] = 16;
  s.layers[0] = IN_TURN;
  s.exits = IN_TURN - 1;
  for (int k = 0; k < IN_TURN - 1; k++) s.exit_at[k] = k + 2; /* the first has the opening */
  must(r->ctx, rung_network_create(r->ctx, &s, &sample, CLASSES, RUNG_F32, 1, &r->network));
  t.batch = SMALL;
  t.modulewise = 1;
  t.procedure = "sequential";
  int64_t per_epoch = SAMPLES / SMALL;
  must(r->ctx, rung_trainer_create(r->network, r->ctx, &t, IN_TURN * epochs * per_epoch, per_epoch,
                                   &r->trainer));
  rg_features_wish wish = {.place = place,
                           .samples = SAMPLES,
                           .range = SAMPLES,
                           .epochs = epochs,
                           .memory = SIZE_MAX,
                           .folder = folder ? folder : "/tmp"};
  must(r->ctx, rg_trainer_keep_features(r->trainer, &wish));
}

/* Seconds of a step. */
static double step_of(runner *r, const rung_batch *batch) {
  double begin = rg_seconds();
  must(r->ctx, rg_trainer_step(r->trainer, batch, NULL));
  return rg_seconds() - begin;
}

static void gather_batch(const float *all, const int64_t *sample, float *x, float *y) {
  size_t count = (size_t)SIDE * SIDE * 3;
  for (int i = 0; i < SMALL; i++) {
    memcpy(x + (size_t)i * count, all + (size_t)sample[i] * count, count * sizeof *x);
    y[i] = (float)(sample[i] % CLASSES);
  }
}

static void run_features(void) {
  static const char *const names[] = {"memory", "disk", "computed anew"};
  static int64_t order[SAMPLES];
  runner r[3];
  double all[3] = {0}, last[3] = {0};
  int epochs = setting("EPOCHS", 5), turns = IN_TURN * epochs;
  size_t count = (size_t)SIDE * SIDE * 3;
  float *samples = malloc(SAMPLES * count * sizeof *samples);
  float *x = malloc(SMALL * count * sizeof *x), y[SMALL];
  if (!samples || !x) exit(1);
  for (size_t i = 0; i < SAMPLES * count; i++) samples[i] = (float)rg_normal(1, 1, i);
  for (int i = 0; i < 3; i++)
    start_in_turn(&r[i], RG_FEATURES_MEMORY + (rg_features_place)i, epochs);
  for (int epoch = 0; epoch < turns; epoch++) {
    rg_shuffle(1, (uint64_t)epoch, SAMPLES, order);
    for (int k = 0; k < SAMPLES / SMALL; k++) {
      rung_batch batch = {.x = x, .y = y, .sample = order + (size_t)k * SMALL};
      gather_batch(samples, batch.sample, x, y);
      for (int i = 0; i < 3; i++) {
        double seconds = step_of(&r[i], &batch);
        all[i] += seconds;
        if (epoch > turns - epochs) last[i] += seconds;
      }
    }
  }
  printf(
      "  resnet of %d modules of a block, 16 channels, %d x %d x 3 images, %d of them in batches "
      "of %d, in turn, %d epochs each\n",
      IN_TURN, SIDE, SIDE, SAMPLES, SMALL, epochs);
  for (int i = 0; i < 3; i++) {
    size_t bytes = (size_t)r[2].network->parameters * sizeof(float);
    bool same = memcmp(r[i].network->theta, r[2].network->theta, bytes) == 0;
    printf("  %-14s %.1f s, %.2f of computing anew; the last turn but its first epoch %.2f; %s\n",
           names[i], all[i], all[i] / all[2], last[i] / last[2],
           same ? "the same bits" : "OTHER BITS");
  }
  for (int i = 0; i < 3; i++) finish(&r[i]);
  free(samples);
  free(x);
}

/* ---- modules as a pipeline ---- */

/* A network of one stage and its batch. */
typedef struct subject {
  const char *name, *architecture, *block;
  rung_shape sample;
  int64_t width, layers, batch;
  int modules;
} subject;

typedef struct samples {
  float *x, *y;
} samples;

static rung_network *network_of(rung_context *ctx, const subject *s) {
  rung_network_settings n = rung_network_settings_default();
  n.architecture = s->architecture;
  n.block = s->block;
  n.stages = 1;
  n.channels[0] = s->width;
  n.layers[0] = s->layers;
  return cut(ctx, n, &s->sample, s->modules);
}

static void start_with(runner *r, const subject *s, int threads, int pipeline) {
  r->ctx = context_of(threads);
  r->network = network_of(r->ctx, s);
  rung_training t = rung_training_default();
  t.batch = s->batch;
  t.modulewise = 1;
  t.pipeline = pipeline;
  must(r->ctx, rung_trainer_create(r->network, r->ctx, &t, 100000, 100, &r->trainer));
}

static samples samples_of(const subject *s) {
  size_t count = (size_t)(s->batch * rung_shape_count(&s->sample));
  samples d = {malloc(count * sizeof *d.x), malloc((size_t)s->batch * sizeof *d.y)};
  if (!d.x || !d.y) exit(1);
  for (size_t i = 0; i < count; i++) d.x[i] = (float)rg_normal(1, 1, i);
  for (int64_t i = 0; i < s->batch; i++) d.y[i] = (float)(i % CLASSES);
  return d;
}

static void steps(runner *r, const samples *d, int count, int round) {
  double loss, begin = rg_seconds();
  for (int i = 0; i < count; i++)
    must(r->ctx, rung_trainer_step(r->trainer, d->x, d->y, NULL, &loss));
  r->seconds[round] = (rg_seconds() - begin) / count;
}

/* The same in a process of its own, whose twin is this one: what two threads could do at best,
 * which share nothing but the machine. */
static void steps_twice(runner *r, const samples *d, int count, int round) {
  fflush(stdout);
  pid_t twin = fork();
  if (twin < 0) exit(1);
  steps(r, d, count, round);
  if (twin == 0) _exit(0);
  if (waitpid(twin, NULL, 0) != twin) exit(1);
}

enum { ONE, TWIN, SHARED, PIPELINE, RUNNERS };

/* How many times as fast as one thread runner `other` is, which takes `each` steps for one: the
 * median over rounds; and by the fastest round of each, which neighbours on the machine disturb
 * least. */
static void tell_times(const char *name, const runner *one, const runner *other, int rounds,
                       double each) {
  double quotient[MOST_ROUNDS] = {0};
  for (int i = 0; i < rounds; i++) quotient[i] = each * one->seconds[i] / other->seconds[i];
  printf("    %-26s %.2f times as fast (fastest rounds: %.2f)\n", name, median_of(quotient, rounds),
         each * least_of(one->seconds, rounds) / least_of(other->seconds, rounds));
}

/* Processor seconds of a module's pass till it hands on, and in all. */
typedef struct shares {
  double handed, all;
} shares;

static void look_at_clock(void *arg) {
  *(double *)arg = cpu_seconds();
}

static shares measure_module(rung_context *ctx, const subject *s, rung_network *n, int module,
                             const samples *d) {
  enum { RUNS = 9 };
  const rg_pass_options options = {.batch = s->batch, .activations = RUNG_STORE, .tap = true};
  rung_network *part;
  rg_pass *pass;
  rg_pass_result result;
  double handed[RUNS], all[RUNS], at = 0;
  must(ctx, rg_network_module(n, ctx, module, &part));
  must(ctx, rg_pass_create(part, ctx, &options, &pass));
  size_t in = (size_t)(s->batch * rung_shape_count(&part->sample));
  size_t out = rg_state_bytes(part, part->blocks.count - 1, s->batch);
  float *x = malloc(in * sizeof *x);
  void *tapped = malloc(out);
  if (!x || !tapped) exit(1);
  for (size_t i = 0; i < in; i++) x[i] = (float)rg_normal(2, 1, i);
  rg_pass_batch batch = {
      .x = x, .target = d->y, .tapped = tapped, .on_tapped = look_at_clock, .user = &at};
  for (int i = -1; i < RUNS; i++) {
    double begin = cpu_seconds();
    must(ctx, rg_pass_run(pass, &batch, &result));
    handed[i < 0 ? 0 : i] = at - begin;
    all[i < 0 ? 0 : i] = cpu_seconds() - begin;
  }
  free(x);
  free(tapped);
  rg_pass_destroy(pass);
  rung_network_destroy(part);
  return (shares){median_of(handed, RUNS), median_of(all, RUNS)};
}

/* What two threads would gain if nothing but the order of the modules held them up: module k begins
 * on the thread that is free first, as soon as module k - 1 has handed on. */
static double predict(const subject *s, const samples *d) {
  rung_context *ctx = context_of(1);
  rung_network *n = network_of(ctx, s);
  double free_at[2] = {0, 0}, handed = 0, sum = 0;
  for (int k = 1; k <= s->modules; k++) {
    const shares m = measure_module(ctx, s, n, k, d);
    int lane = free_at[1] < free_at[0];
    double begin = fmax(free_at[lane], handed);
    handed = begin + m.handed;
    free_at[lane] = begin + m.all;
    sum += m.all;
  }
  rung_network_destroy(n);
  rung_context_destroy(ctx);
  return sum / fmax(free_at[0], free_at[1]);
}

static void run_subject(const subject *s) {
  runner r[RUNNERS];
  const samples d = samples_of(s);
  int rounds = setting("ROUNDS", 31);
  if (rounds > MOST_ROUNDS) rounds = MOST_ROUNDS;
  start_with(&r[ONE], s, 1, 1);
  start_with(&r[TWIN], s, 1, 1);
  start_with(&r[SHARED], s, 2, 1);
  start_with(&r[PIPELINE], s, 2, 2);
  for (int i = 0; i < RUNNERS; i++) steps(&r[i], &d, 2, 0); /* touches the memory */
  const int count = (int)(0.05 / r[ONE].seconds[0]) + 1;
  for (int round = 0; round < rounds; round++) {
    steps(&r[ONE], &d, count, round);
    steps_twice(&r[TWIN], &d, count, round);
    steps(&r[SHARED], &d, count, round);
    steps(&r[PIPELINE], &d, count, round);
  }
  printf("  %s, batch %lld, %d modules: %.2f ms a step on one thread (median of %d rounds of %d); "
         "memory of a step %.2f MB, as a pipeline %.2f MB\n",
         s->name, (long long)s->batch, s->modules, 1e3 * median_of(r[ONE].seconds, rounds), rounds,
         count, (double)rung_trainer_bytes(r[ONE].trainer) / 1e6,
         (double)rung_trainer_bytes(r[PIPELINE].trainer) / 1e6);
  printf("    by the processor seconds of each module's way forwards and back: %.2f times\n",
         predict(s, &d));
  tell_times("two processes", &r[ONE], &r[TWIN], rounds, 2);
  tell_times("threads share each layer", &r[ONE], &r[SHARED], rounds, 1);
  tell_times("a pipeline (to reach: 1.7)", &r[ONE], &r[PIPELINE], rounds, 1);
  fflush(stdout);
  for (int i = 0; i < RUNNERS; i++) finish(&r[i]);
  free(d.x);
  free(d.y);
}

static void run_pipeline(void) {
  static const subject subjects[] = {
      {"digits", "dense", "hamiltonian", {.rank = 1, .dim = {64}}, 128, 16, 32, 4},
      {"images 28 x 28", "resnet", "resnet", {.rank = 3, .dim = {28, 28, 1}}, 16, 8, 64, 2},
      {"images 28 x 28", "resnet", "resnet", {.rank = 3, .dim = {28, 28, 1}}, 16, 8, 64, 4},
      {"images 28 x 28", "resnet", "resnet", {.rank = 3, .dim = {28, 28, 1}}, 16, 8, 64, 8},
      {"images 28 x 28", "resnet", "resnet", {.rank = 3, .dim = {28, 28, 1}}, 16, 20, 32, 20},
  };
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) run_subject(&subjects[i]);
}

static const bench_case cases[] = {
    {"pipeline", "modules on two threads at once: time of a step beside one thread", run_pipeline},
    {"memory", "resnet-110 cut into 2 to 16 modules: bytes and time beside end to end", run_memory},
    {"peer", "resnet-110 with 8 modules: peak of memory beside PyTorch's end to end", run_peer},
    {"features", "modules in turn: features kept in memory, on the disk, computed anew",
     run_features},
    {"cifar", "2% of CIFAR-10, 10 modules in turn: penalty against none and end to end", run_cifar},
    {"mnist", "MNIST, 20 modules in parallel, few images: penalty against none", run_mnist},
    {"fashion", "Fashion-MNIST, 4 modules: within 0.5 points of end to end", run_fashion},
};

int main(int count, char **argument) {
  return run_cases(cases, sizeof cases / sizeof *cases, count, argument);
}
