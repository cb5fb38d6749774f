/* Training of networks: time of a step and its parts beside PyTorch, and what recipes come to.
 *
 *   bench_train                       all cases
 *   bench_train CASE...               those
 *   bench_train list                  their names
 *
 * RUNG_DATA: folder with the data sets (mnist/..., fashion-mnist/..., digits/..., cifar10/...);
 * cases whose data are absent say so. PYTHON: the interpreter that has PyTorch. THREADS: 2.
 * SECONDS: of each throughput case, 3. */
#include "cases.h"
#include "train/trainer.h"

/* ---- steps ---- */

typedef struct step_case {
  const char *name, *about;
  double figure; /* times PyTorch's speed that is to be reached */
  rung_shape sample;
  int64_t batch;
  rung_network_settings settings; /* in place of the defaults where they are not 0 */
} step_case;

static const step_case step_cases[] = {
    {"mlp-small",
     "mlp 64-64-10, batch 32",
     10,
     {1, {64}},
     32,
     {.architecture = "mlp", .activation = "tanh", .stages = 1, .channels = {64}}},
    {"mlp-large",
     "mlp 784-512-512-10, batch 128",
     1.5,
     {1, {784}},
     128,
     {.architecture = "mlp", .activation = "tanh", .stages = 2, .channels = {512, 512}}},
    {"resnet-20",
     "resnet-20, CIFAR images, batch 64",
     1.1,
     {3, {32, 32, 3}},
     64,
     {.architecture = "resnet",
      .block = "resnet",
      .stages = 3,
      .channels = {16, 32, 64},
      .layers = {3, 3, 3}}},
    {"hamiltonian",
     "hamiltonian conv net, CIFAR images, batch 64",
     1.1,
     {3, {32, 32, 3}},
     64,
     {.architecture = "conv",
      .block = "hamiltonian",
      .stages = 3,
      .channels = {32, 64, 128},
      .layers = {6, 6, 5}}},
};
#define STEP_CASES (sizeof step_cases / sizeof *step_cases)

static rung_network_settings settings_of(const step_case *c) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = c->settings.architecture;
  if (c->settings.block) s.block = c->settings.block;
  s.activation = c->settings.activation;
  s.stages = c->settings.stages;
  memcpy(s.channels, c->settings.channels, sizeof s.channels);
  memcpy(s.layers, c->settings.layers, sizeof s.layers);
  return s;
}

/* The fastest tenth of the times, as in peers_train.py. */
static double fast(double *time, int count) {
  qsort(time, (size_t)count, sizeof *time, by_size);
  return time[count / 10];
}

#define MOST_TIMES 100000

typedef struct bench {
  rung_context *ctx;
  rung_network *network;
  rung_trainer *trainer;
  float *x, *label;
  double *time;
} bench;

static double time_steps(bench *b, double seconds) {
  double end = rg_seconds() + seconds;
  int count = 0;
  for (int i = 0; i < 5; i++)
    must(b->ctx, rung_trainer_step(b->trainer, b->x, b->label, NULL, NULL));
  while (count < MOST_TIMES && (count < 10 || rg_seconds() < end)) {
    double begin = rg_seconds();
    must(b->ctx, rung_trainer_step(b->trainer, b->x, b->label, NULL, NULL));
    b->time[count++] = rg_seconds() - begin;
  }
  return fast(b->time, count);
}

static double time_forward(bench *b, int64_t batch, double seconds) {
  double end = rg_seconds() + seconds;
  int count = 0;
  float *y = malloc((size_t)(batch * rung_network_outputs(b->network)) * sizeof *y);
  while (y && count < MOST_TIMES && (count < 3 || rg_seconds() < end)) {
    double begin = rg_seconds();
    must(b->ctx, rung_network_apply(b->network, b->ctx, batch, b->x, y));
    b->time[count++] = rg_seconds() - begin;
  }
  free(y);
  return fast(b->time, count);
}

/* Loss and gradient alone: the rest of a step is the optimiser's. */
static double time_pass(bench *b, double seconds) {
  double end = rg_seconds() + seconds;
  int count = 0;
  rg_pass_batch batch = {.x = b->x, .target = b->label, .seed = 1, .step = 1};
  while (count < MOST_TIMES && (count < 10 || rg_seconds() < end)) {
    double begin = rg_seconds();
    must(b->ctx, rg_trainer_evaluate(b->trainer, &batch));
    b->time[count++] = rg_seconds() - begin;
  }
  return fast(b->time, count);
}

static void fill_batch(bench *b, const step_case *c) {
  int64_t count = c->batch * rung_shape_count(&c->sample);
  b->x = malloc((size_t)count * sizeof *b->x);
  b->label = malloc((size_t)c->batch * sizeof *b->label);
  b->time = malloc(MOST_TIMES * sizeof *b->time);
  if (!b->x || !b->label || !b->time) exit(1);
  for (int64_t i = 0; i < count; i++) b->x[i] = (float)rg_normal(1, 1, (uint64_t)i);
  for (int64_t i = 0; i < c->batch; i++) b->label[i] = (float)(rg_bits(1, 2, (uint64_t)i) % 10);
}

static void run_steps(const step_case *c) {
  bench b = {0};
  int threads = setting("THREADS", 2), seconds = setting("SECONDS", 3);
  rung_network_settings s = settings_of(c);
  rung_training t = rung_training_default();
  t.batch = c->batch;
  t.weight_decay = 0.01;
  t.activations = RUNG_STORE;
  if (rung_context_create(NULL, &b.ctx) != RUNG_OK) exit(1);
  must(b.ctx, rung_set_threads(b.ctx, threads));
  fill_batch(&b, c);
  must(b.ctx, rung_network_create(b.ctx, &s, &c->sample, 10, RUNG_F32, 1, &b.network));
  must(b.ctx, rung_trainer_create(b.network, b.ctx, &t, 1000000, 1000, &b.trainer));
  double whole = 1e3 * time_steps(&b, seconds), pass = 1e3 * time_pass(&b, seconds / 2.0);
  double forward = 1e3 * time_forward(&b, c->batch, seconds / 2.0);
  size_t bytes = rung_memory_now(b.ctx);
  printf("%-12s %s: %lld weights, %d threads\n", c->name, c->about,
         (long long)rung_network_parameters(b.network), threads);
  printf("  rung         %9.4f ms a step: loss and gradient %.4f, optimiser %.4f; inference %.4f; "
         "%.2f MB\n",
         whole, pass, whole - pass, forward, (double)bytes / 1e6);
  double peer[4];
  if (ask_torch(BENCH_PEERS_TRAIN, c->name, threads, seconds, peer)) {
    double best = isnan(peer[2]) || peer[1] < peer[2] ? peer[1] : peer[2];
    printf("  PyTorch      %9.4f ms eager, %.4f compiled, %.0f weights, %.2f MB\n", peer[1],
           peer[2], peer[0], peer[3] / 1e6);
    printf("  %.2f times as fast (to reach: %.1f), %.2f of the memory (to reach: 0.5)\n",
           best / whole, c->figure, (double)bytes / peer[3]);
  } else {
    printf("  PyTorch      not found: set PYTHON to an interpreter that has it\n");
  }
  rung_trainer_destroy(b.trainer);
  rung_network_destroy(b.network);
  rung_context_destroy(b.ctx);
  free(b.x);
  free(b.label);
  free(b.time);
}

/* ---- recipes ---- */

/* Cases of examples/recipes: trained in a scratch folder, from the folder of the data. */
typedef struct recipe_case {
  const char *name, *data, *about;
  double figure, minutes; /* test accuracy, and time allowed */
} recipe_case;

static const recipe_case recipe_cases[] = {
    {"mnist", "mnist", "MNIST, small hamiltonian conv net", 0.994, 10},
    {"fashion", "fashion-mnist", "Fashion-MNIST, at most 300,000 weights", 0.925, 30},
};
#define RECIPE_CASES (sizeof recipe_cases / sizeof *recipe_cases)

static int tell(void *user, const rung_train_progress *p) {
  (void)user;
  if (p->plan) printf("  %s\n", p->plan);
  if (p->note) printf("  %s\n", p->note);
  if (p->finished)
    printf("  epoch %lld: loss %.4f, held out %.4f, accuracy %.4f; %.0f s, %.1f MB\n",
           (long long)p->finished->epoch, p->finished->train_loss, p->finished->validation_loss,
           p->finished->validation_accuracy, p->finished->seconds,
           (double)p->finished->peak_bytes / 1e6);
  fflush(stdout);
  return 0;
}

static void run_recipe(const recipe_case *c) {
  rung_context *ctx;
  rung_recipe *recipe;
  rung_train_result r;
  struct stat info;
  char path[1024];
  const char *data = getenv("RUNG_DATA");
  printf("%-12s %s\n", c->name, c->about);
  if (!data || chdir(data) != 0 || stat(c->data, &info) != 0) {
    printf("  the data are absent: RUNG_DATA should name a folder that holds %s\n", c->data);
    return;
  }
  if (rung_context_create(NULL, &ctx) != RUNG_OK) exit(1);
  snprintf(path, sizeof path, "%s/%s.yaml", BENCH_RECIPES, c->name);
  must(ctx, rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, path, &recipe));
  must(ctx, rung_train(ctx, recipe, NULL, tell, NULL, NULL, &r));
  printf("  test accuracy %.4f (to reach: %.4f), %lld weights, %.1f minutes (allowed: %.0f), peak "
         "%.1f MB (planned: %.1f)\n",
         r.test_accuracy, c->figure, (long long)r.parameters, r.seconds / 60, c->minutes,
         (double)r.peak_bytes / 1e6, (double)r.planned_bytes / 1e6);
  rung_recipe_destroy(recipe);
  rung_context_destroy(ctx);
}

/* ---- all ---- */

int main(int count, char **argument) {
  bool list = count == 2 && strcmp(argument[1], "list") == 0;
  for (size_t i = 0; i < STEP_CASES; i++) {
    if (list) printf("%-12s %s\n", step_cases[i].name, step_cases[i].about);
    if (!list && wanted(step_cases[i].name, count, argument)) run_steps(&step_cases[i]);
  }
  for (size_t i = 0; i < RECIPE_CASES; i++) {
    if (list) printf("%-12s %s\n", recipe_cases[i].name, recipe_cases[i].about);
    if (!list && wanted(recipe_cases[i].name, count, argument)) run_recipe(&recipe_cases[i]);
  }
  return 0;
}
