/* Training written as C: what a compiler makes of the file, for size, takes the library's steps to
 * the bit in the block that it is given, touches nothing else and calls nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "nn/module.h"
#include "nn/network.h"
#include "num/dd.h"
#include "rung/train.h"
#include "test.h"

enum { BATCH = 6, STEPS = 5, CLASSES = 3 };
#define RATE 0.03125
#define MEAN 12.5 /* of numbers to be met */
#define SCALE 16.0

typedef struct example {
  rung_network *whole, *part, *before; /* the module; NULL, or what is frozen in front of it */
  rung_dtype dtype;
  int module;
  rung_training training;
  int64_t inputs, features; /* of a sample; of what the module is given */
  size_t size;
  char *x, *normal, *given, *target, *aim; /* [STEPS][BATCH][..]; normal, aim: normalised */
  char folder[24];
} example;

/* ---- files and programs ---- */

static void write_into(rung_context *ctx, const example *e, const char *name, const void *data,
                       size_t bytes) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", e->folder, name);
  assert_ok(ctx, rg_write_file(ctx, path, data, bytes));
}

static void run(const example *e, const char *command) {
  char line[600];
  snprintf(line, sizeof line, "cd %s && %s", e->folder, command);
  if (system(line) != 0) fail_msg("failed: %s", line);
}

/* Trains in a block of garbage between canaries: STEPS batches from the standard input. Half way
 * the state moves to another block. Writes losses, then the state, then the scores of the first
 * samples. Its argument is the garbage. */
static const char main_text[] =
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "#define NET_DECLARE\n#include \"net.c\"\n"
    "enum { WALL = 256 };\n"
    "static union { double align; unsigned char byte[WALL + NET_BLOCK_BYTES + WALL]; } memory[2];\n"
    "static unsigned char wall(int i) { return (unsigned char)(i * 37 + 11); }\n"
    "static void fill(unsigned char *m, int with) {\n"
    "  int i;\n  memset(m, with, sizeof memory[0].byte);\n"
    "  for (i = 0; i < WALL; i++) m[i] = m[WALL + NET_BLOCK_BYTES + i] = wall(i);\n}\n"
    "static int standing(const unsigned char *m) {\n"
    "  int i;\n  for (i = 0; i < WALL; i++)\n"
    "    if (m[i] != wall(i) || m[WALL + NET_BLOCK_BYTES + i] != wall(i)) return 0;\n"
    "  return 1;\n}\n"
    "int main(int argc, char **argv) {\n"
    "  static TYPE x[NET_BATCH * NET_INPUTS], target[NET_BATCH * TARGETS], y[NET_OUTPUTS], loss;\n"
    "  static unsigned char kept[NET_STATE_BYTES];\n"
    "  double told;\n"
    "  int s, i, with = argc > 1 ? atoi(argv[1]) : 0;\n"
    "  unsigned char *block = memory[0].byte + WALL;\n"
    "  fill(memory[0].byte, with);\n  fill(memory[1].byte, with + 1);\n"
    "  if (net_intact(block)) return 2;\n"
    "  net_begin(block);\n"
    "  for (s = 0; s < STEPS; s++) {\n"
    "    if (fread(x, sizeof x, 1, stdin) != 1) return 3;\n"
    "    if (fread(target, sizeof target, 1, stdin) != 1) return 3;\n"
    "    if (net_step(block, x, target, RATE, &loss) != 0) return 4;\n"
    "    told = (double)(loss HIGH);\n"
    "    if (fwrite(&told, sizeof told, 1, stdout) != 1) return 5;\n"
    "    net_predict(block, x, y);\n"
    "    if (s != STEPS / 2) continue;\n"
    "    net_seal(block);\n"
    "    memcpy(memory[1].byte + WALL, block, NET_STATE_BYTES);\n"
    "    if (!standing(memory[0].byte)) return 6;\n"
    "    block = memory[1].byte + WALL;\n"
    "    if (!net_intact(block)) return 7;\n"
    "    block[NET_STATE_BYTES - 1] ^= 1;\n"
    "    if (net_intact(block)) return 8;\n"
    "    block[NET_STATE_BYTES - 1] ^= 1;\n"
    "  }\n"
    "  if (fwrite(block + 16, NET_STATE_BYTES - 16, 1, stdout) != 1) return 9;\n"
    "  for (i = 0; i < NET_BATCH; i++) {\n"
    "    net_predict(block, x + i * NET_INPUTS, y);\n"
    "    if (net_largest(y) >= NET_OUTPUTS) return 10;\n"
    "    if (fwrite(y, sizeof y, 1, stdout) != 1) return 11;\n"
    "  }\n"
    /* Bad targets and bad samples (bytes of NaN) leave the state alone. */
    "  memcpy(kept, block, NET_STATE_BYTES);\n"
    "  memset(x, 0xff, sizeof x);\n"
    "  if (net_step(block, x, target, RATE, &loss) != 2) return 13;\n"
    "  memset(target, 0xff, sizeof target);\n"
    "  if (net_step(block, x, target, RATE, &loss) != (TARGETS == 1 ? 1 : 2)) return 14;\n"
    "  if (memcmp(kept, block, NET_STATE_BYTES) != 0) return 15;\n"
    "  return standing(memory[0].byte) && standing(memory[1].byte) ? 0 : 12;\n}\n";

/* ---- the library's training ---- */

static void fill_samples(example *e) {
  double *mean, *scale;
  int64_t normalised, count = STEPS * BATCH * e->inputs;
  rung_network_normalisation(e->whole, &mean, &scale, &normalised);
  for (int64_t i = 0; i < normalised; i++) mean[i] = 0.25 * (double)i, scale[i] = 2;
  for (int64_t i = 0; i < count; i++) { /* a few bits, so that normalisation is exact */
    double x = (double)(rg_bits(4, 0, (uint64_t)i) % 64) / 32 - 1;
    int64_t k = i % e->inputs % normalised;
    rg_store(e->dtype, e->x, i, (rung_dd){x, 0});
    rg_store(e->dtype, e->normal, i, (rung_dd){(x - mean[k]) * scale[k], 0});
  }
  bool classes = e->training.loss == RUNG_CROSS_ENTROPY;
  rung_network_target_normalisation(e->whole, &mean, &scale);
  for (int64_t i = 0; !classes && i < CLASSES; i++) mean[i] = MEAN, scale[i] = SCALE;
  for (int64_t i = 0; i < STEPS * BATCH * (classes ? 1 : CLASSES); i++) {
    double y = (double)(rg_bits(5, 0, (uint64_t)i) % (classes ? CLASSES : 64));
    rg_store(e->dtype, e->target, i, (rung_dd){y, 0});
    rg_store(e->dtype, e->aim, i, (rung_dd){classes ? y : (y - MEAN) / SCALE, 0});
  }
}

/* What the module is given: the samples, through the modules in front of it. */
static void fill_given(rung_context *ctx, example *e) {
  char *from = e->normal;
  int64_t samples = STEPS * BATCH, width = e->inputs;
  e->given = rg_alloc(ctx, (size_t)(samples * width), e->size);
  memcpy(e->given, from, (size_t)(samples * width) * e->size);
  for (int k = 1; k < e->module; k++) {
    rung_network *before;
    rg_inference *body;
    assert_ok(ctx, rg_network_module(e->whole, ctx, k, &before));
    const rg_block *last = &before->blocks.list[before->blocks.count - 1];
    width = 0;
    for (int s = 0; s < last->states_in; s++)
      width += rung_shape_count(&before->state_shape[before->blocks.count - 1][s]);
    char *to = rg_alloc(ctx, (size_t)(samples * width), e->size);
    assert_ok(ctx, rg_inference_create_to(before, ctx, samples, RG_BODY, &body));
    assert_ok(ctx, rg_inference_run_body(body, samples, e->given, to));
    rg_inference_destroy(body);
    rung_network_destroy(before);
    rg_free(ctx, e->given);
    e->given = to;
  }
  e->features = width;
}

static example open_example(rung_context *ctx, const rung_network_settings *settings,
                            const rung_shape *sample, rung_dtype dtype, int module,
                            const rung_training *training) {
  example e = {.dtype = dtype,
               .module = module,
               .training = *training,
               .inputs = rung_shape_count(sample),
               .size = rung_dtype_size(dtype),
               .folder = "/tmp/rung-test-XXXXXX"};
  e.training.batch = BATCH;
  e.training.modulewise = 1;
  e.training.rate = RATE;
  assert_non_null(mkdtemp(e.folder));
  assert_ok(ctx, rung_network_create(ctx, settings, sample, CLASSES, dtype, 5, &e.whole));
  for (int64_t i = 0; i < e.whole->parameters; i++) { /* none is 0 or 1 */
    rung_dd at = rg_fetch(dtype, e.whole->theta, i);
    rg_store(dtype, e.whole->theta, i, (rung_dd){at.hi + 0.1 * rg_normal(1, 2, (uint64_t)i), 0});
  }
  for (int64_t i = 0; i < e.whole->statistics; i++)
    rg_store(dtype, e.whole->running, i, (rung_dd){0.5 + rg_uniform(1, 3, (uint64_t)i), 0});
  size_t count = (size_t)(STEPS * BATCH * e.inputs);
  e.x = rg_alloc(ctx, count, e.size);
  e.normal = rg_alloc(ctx, count, e.size);
  e.target = rg_alloc(ctx, STEPS * BATCH * CLASSES, e.size);
  e.aim = rg_alloc(ctx, STEPS * BATCH * CLASSES, e.size);
  fill_samples(&e);
  fill_given(ctx, &e);
  assert_ok(ctx, rg_network_module(e.whole, ctx, module, &e.part));
  return e;
}

static void close_example(rung_context *ctx, example *e) {
  char line[64];
  snprintf(line, sizeof line, "rm -r %s", e->folder);
  if (!getenv("RUNG_KEEP")) assert_int_equal(system(line), 0);
  rung_network_destroy(e->whole);
  rung_network_destroy(e->part);
  rg_free(ctx, e->x);
  rg_free(ctx, e->normal);
  rg_free(ctx, e->given);
  rg_free(ctx, e->target);
  rg_free(ctx, e->aim);
}

static size_t targets_of(const example *e) {
  return e->training.loss == RUNG_CROSS_ENTROPY ? 1 : CLASSES;
}

/* Numbers as they were before they were normalised, rounded as the file does. */
static void give_units(const example *e, void *y) {
  for (int64_t i = 0; i < BATCH * CLASSES; i++) {
    rung_dd scaled = rg_fetch(e->dtype, y, i);
    scaled = (rung_dd){scaled.hi * SCALE, scaled.lo * SCALE};
    rung_dd sum = rg_add_dd(scaled, (rung_dd){MEAN, 0});
    if (e->dtype != RUNG_DD) sum = (rung_dd){(double)((float)scaled.hi + (float)MEAN), 0};
    rg_store(e->dtype, y, i, sum);
  }
}

/* The steps by the library: losses, parameters, the optimiser's state unseen, statistics and scores
 * as the program writes them; `hole` is where the optimiser's state lies in that. */
static char *expected(rung_context *ctx, example *e, size_t *bytes, size_t hole[2]) {
  rung_network *n = e->part;
  rung_trainer *trainer;
  size_t size = e->size, theta = (size_t)n->parameters * size;
  size_t states = strcmp(e->training.optimiser, "sgd") == 0     ? 0
                  : strcmp(e->training.optimiser, "adamw") == 0 ? 2
                                                                : 1;
  size_t running = (size_t)n->statistics * size, scores = BATCH * CLASSES * size;
  *bytes = STEPS * sizeof(double) + theta * (1 + states) + running + scores;
  char *out = rg_calloc(ctx, *bytes, 1), *at = out;
  assert_ok(ctx, rung_trainer_create(n, ctx, &e->training, STEPS, 1, &trainer));
  for (int s = 0; s < STEPS; s++, at += sizeof(double)) {
    double loss;
    assert_ok(ctx,
              rung_trainer_step(trainer, e->given + (size_t)(s * BATCH * e->features) * size,
                                e->aim + (size_t)s * BATCH * targets_of(e) * size, NULL, &loss));
    memcpy(at, &loss, sizeof loss);
  }
  rung_trainer_destroy(trainer);
  memcpy(at, n->theta, theta);
  hole[0] = (size_t)(at - out) + theta;
  hole[1] = hole[0] + theta * states;
  memcpy(out + hole[1], n->running, running);
  assert_ok(ctx, rung_network_apply(n, ctx, BATCH,
                                    e->given + (size_t)((STEPS - 1) * BATCH * e->features) * size,
                                    out + hole[1] + running));
  if (e->training.loss != RUNG_CROSS_ENTROPY) give_units(e, out + hole[1] + running);
  return out;
}

/* ---- checks ---- */

/* The compiled file asks for mathematics and for copies of memory alone, and has no memory of its
 * own. */
static const char symbols[] =
    "nm -u net.o | grep -v -E ' (fmaf?|sqrtf?|fabsf?|copysignf?|memcpy|memset|memmove)$' >others; "
    "test ! -s others && test \"$(size -A net.o | awk '$1 == \".bss\" || $1 == \".data\" "
    "{ sum += $2 } END { print sum + 0 }')\" = 0";

static void build(rung_context *ctx, example *e) {
  static const char *const type[] = {"float", "double", "net_dd"};
  char *text, command[400];
  size_t length;
  rung_export_options options = {.name = "net"};
  assert_ok(ctx, rung_network_export_training(e->whole, ctx, &options, &e->training, e->module,
                                              &text, &length));
  assert_int_equal(strlen(text), length);
  write_into(ctx, e, "net.c", text, length);
  write_into(ctx, e, "main.c", main_text, sizeof main_text - 1);
  rung_free(ctx, text);
  run(e, "cc -std=c99 -Os -ffreestanding -Wall -Wextra -Wpedantic -Werror -c net.c");
  run(e, symbols);
  snprintf(command, sizeof command,
           "cc -std=c99 -DTYPE=%s -DHIGH=%s -DTARGETS=%zu -DSTEPS=%d -DRATE=%a -Wall -Wextra "
           "-Werror "
           "main.c net.o -o main -lm",
           type[e->dtype], e->dtype == RUNG_DD ? ".hi" : "", targets_of(e), STEPS, RATE);
  run(e, command);
}

static void write_batches(rung_context *ctx, const example *e) {
  size_t x = (size_t)(BATCH * e->inputs) * e->size, y = BATCH * targets_of(e) * e->size;
  char *all = rg_alloc(ctx, STEPS, x + y);
  for (size_t s = 0; s < STEPS; s++) {
    memcpy(all + s * (x + y), e->x + s * x, x);
    memcpy(all + s * (x + y) + x, e->target + s * y, y);
  }
  write_into(ctx, e, "batches", all, STEPS * (x + y));
  rg_free(ctx, all);
}

static void check(rung_context *ctx, const rung_network_settings *settings,
                  const rung_shape *sample, rung_dtype dtype, int module,
                  const rung_training *training) {
  example e = open_example(ctx, settings, sample, dtype, module, training);
  build(ctx, &e);
  write_batches(ctx, &e);
  run(&e, "./main 0 <batches >found && ./main 171 <batches >again && cmp found again");
  size_t bytes, hole[2], length;
  char *want = expected(ctx, &e, &bytes, hole), path[64];
  char *found;
  snprintf(path, sizeof path, "%s/found", e.folder);
  assert_ok(ctx, rg_read_file(ctx, path, 1 << 24, &found, &length));
  assert_int_equal(length, bytes);
  assert_memory_equal(found, want, hole[0]);
  assert_memory_equal(found + hole[1], want + hole[1], bytes - hole[1]);
  rg_free(ctx, found);
  rg_free(ctx, want);
  close_example(ctx, &e);
}

static rung_training training_by(const char *optimiser) {
  rung_training t = rung_training_default();
  t.optimiser = optimiser;
  t.weight_decay = 0.0625;
  t.tau = 0;
  return t;
}

static const rung_shape features = {1, {6}}, image = {3, {8, 8, 2}};

static void perceptrons_by_every_optimiser(void **state) {
  static const char *const optimisers[] = {"sgd", "momentum", "nesterov", "adamw"};
  for (int i = 0; i < 4; i++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = "mlp", s.stages = 2, s.channels[0] = 7, s.channels[1] = 5;
    s.norm = (const char *[]){"none", "batch", "layer", "batch"}[i];
    rung_training t = training_by(optimisers[i]);
    t.smoothing = i > 1 ? 0.125 : 0;
    check(*state, &s, &features, i == 2 ? RUNG_F64 : RUNG_F32, 1, &t);
  }
}

/* Modules of a chain of every kind of block, those before frozen, with and without the penalty. */
static void modules_of_integrators(void **state) {
  static const char *const blocks[] = {"resnet",      "antisymmetric",   "parabolic",
                                       "hamiltonian", "hamiltonian-two", "leapfrog",
                                       "midpoint"};
  for (int i = 0; i < 7; i++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = "dense", s.block = blocks[i], s.stages = 1, s.channels[0] = 8;
    s.layers[0] = 6, s.activation = "tanh", s.exits = 2, s.exit_at[0] = 3, s.exit_at[1] = 5;
    rung_training t = training_by("momentum");
    t.tau = i % 2 ? 0.25 : 0;
    t.transport_sum = i == 3;
    check(*state, &s, &features, i % 2 ? RUNG_F64 : RUNG_F32, 1 + i % 3, &t);
  }
}

/* Convolutions, normalised over batches, halved by means and by maxima. */
static void modules_of_networks_for_images(void **state) {
  static const char *const blocks[] = {"resnet", "hamiltonian", "hamiltonian-two", NULL};
  static const rung_shape odd = {3, {11, 9, 2}};
  for (int i = 0; i < 4; i++) {
    rung_network_settings s = rung_network_settings_default();
    s.architecture = blocks[i] ? "conv" : "cnn", s.stages = 2, s.norm = "batch";
    if (blocks[i]) s.block = blocks[i];
    s.channels[0] = 4, s.channels[1] = 8, s.layers[0] = 2, s.layers[1] = 2;
    s.exits = 1, s.exit_at[0] = 2;
    if (i == 2) s.norm = "instance";
    rung_training t = training_by("momentum");
    t.tau = i % 2 ? 0 : 1;
    check(*state, &s, i % 2 ? &image : &odd, RUNG_F32, i < 2 ? 2 : 1, &t);
  }
}

static void losses_of_numbers(void **state) {
  rung_network_settings s = rung_network_settings_default();
  s.architecture = "mlp", s.stages = 1, s.channels[0] = 7;
  rung_training t = training_by("momentum");
  t.loss = RUNG_SQUARED;
  check(*state, &s, &features, RUNG_F32, 1, &t);
  t.loss = RUNG_HUBER;
  t.delta = 0.5;
  check(*state, &s, &features, RUNG_DD, 1, &t);
}

/* ---- what is refused ---- */

static rung_network *small_network(rung_context *ctx, double dropout) {
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  s.architecture = "mlp", s.stages = 1, s.channels[0] = 4, s.dropout = dropout;
  assert_ok(ctx, rung_network_create(ctx, &s, &features, CLASSES, RUNG_F32, 5, &n));
  return n;
}

static void what_cannot_be_trained_there_is_said(void **state) {
  rung_context *ctx = *state;
  rung_network *n = small_network(ctx, 0), *random = small_network(ctx, 0.5);
  rung_export_options o = {.name = "net"};
  rung_training t = training_by("momentum"), other = t;
  char *out;
  size_t length;
#define REFUSED(network, training, module, status, text)                                           \
  assert_error(ctx,                                                                                \
               rung_network_export_training(network, ctx, &o, training, module, &out, &length),    \
               status, text)
  REFUSED(n, &t, 2, RUNG_E_ARGUMENT, "expected 1 to 1, found 2");
  REFUSED(n, &t, 0, RUNG_E_ARGUMENT, "expected 1 to 1, found 0");
  REFUSED(random, &t, 1, RUNG_E_UNSUPPORTED, "dropout");
  other.optimiser = "lbfgs";
  REFUSED(n, &other, 1, RUNG_E_ARGUMENT, "found \"lbfgs\"");
  other = t, other.batch = 0;
  REFUSED(n, &other, 1, RUNG_E_ARGUMENT, "batch");
  other = t, other.momentum = 1;
  REFUSED(n, &other, 1, RUNG_E_ARGUMENT, "momentum");
  other = t, other.clip = 1;
  REFUSED(n, &other, 1, RUNG_E_UNSUPPORTED, "clips no gradients");
  other = t, other.modulewise = 1, other.tau = RUNG_TAU_AUTO;
  REFUSED(n, &other, 1, RUNG_E_UNSUPPORTED, "tau");
  o.name = "int";
  REFUSED(n, &t, 1, RUNG_E_ARGUMENT, "identifier");
#undef REFUSED
  rung_network_destroy(n);
  rung_network_destroy(random);
}

static rung_status export_one(rung_context *ctx, void *arg) {
  (void)arg;
  rung_network_settings s = rung_network_settings_default();
  rung_network *n;
  rung_training t = training_by("adamw");
  char *out;
  size_t length;
  s.architecture = "dense", s.block = "hamiltonian", s.stages = 1, s.channels[0] = 4;
  s.layers[0] = 3, s.exits = 1, s.exit_at[0] = 2;
  RG_TRY(rung_network_create(ctx, &s, &features, CLASSES, RUNG_F32, 5, &n));
  rung_status status = rung_network_export_training(n, ctx, NULL, &t, 2, &out, &length);
  if (status == RUNG_OK) rung_free(ctx, out);
  rung_network_destroy(n);
  return status;
}

static void short_memory_is_an_error(void **state) {
  (void)state;
  fail_each_allocation(export_one, NULL, (fail_options){.most = 300});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(perceptrons_by_every_optimiser),
      TEST(losses_of_numbers),
      TEST(modules_of_integrators),
      TEST(modules_of_networks_for_images),
      TEST(what_cannot_be_trained_there_is_said),
      TEST(short_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
