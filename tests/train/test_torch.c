/* Steps as PyTorch takes them: from the same weights and batches, in double precision, the losses
 * of 50 steps agree to 1e-5. tests/oracles/torch_steps.py made the file of losses; where PYTHON
 * names an interpreter that has PyTorch, it is asked for resnet-20 at full size as well. */
#include <math.h>
#include <stdio.h>

#include "rung/train.h"
#include "test.h"

enum { STEPS = 50 };

typedef struct case_of {
  const char *name;
  rung_shape sample;
  int64_t batch, classes;
  rung_network_settings settings;
} case_of;

/* ---- weights and batches by formula ---- */

static const char *last_part(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? dot + 1 : name;
}

static void fill_tensor(const rung_tensor *t) {
  double phase = 0, scale = 0.1, *value = t->data;
  const char *last = last_part(t->name);
  const int64_t *end = t->shape.dim + t->shape.rank;
  for (const char *c = t->name; *c; c++) phase += 0.37 * *c;
  if (*last == 'K') scale = 1.5 / sqrt((double)(end[-4] * end[-3] * end[-2]));
  if (*last == 'W') scale = 1.5 / sqrt((double)end[-1]);
  for (int64_t i = 0; i < rung_shape_count(&t->shape); i++)
    value[i] = (strcmp(last, "gain") == 0) + scale * sin(12.9898 * (double)(i + 1) + phase);
}

static void fill_batch(const case_of *c, int step, double *x, double *label) {
  int64_t count = c->batch * rung_shape_count(&c->sample);
  for (int64_t i = 0; i < count; i++) x[i] = sin((double)(i + 1) * (0.9898 + 0.0137 * step) + step);
  for (int64_t i = 0; i < c->batch; i++) label[i] = (double)((7 * i + 3 * step) % c->classes);
}

static rung_network *network_of(rung_context *ctx, const case_of *c) {
  rung_network *network;
  assert_ok(ctx,
            rung_network_create(ctx, &c->settings, &c->sample, c->classes, RUNG_F64, 1, &network));
  for (int i = 0; i < rung_network_tensors(network); i++) {
    rung_tensor t;
    assert_ok(ctx, rung_network_tensor(network, ctx, i, &t));
    if (!t.statistic) fill_tensor(&t);
  }
  return network;
}

/* ---- steps ---- */

static void compare(rung_context *ctx, const case_of *c, FILE *oracle) {
  char name[100];
  rung_network *network = network_of(ctx, c);
  rung_training t = rung_training_default();
  rung_trainer *trainer;
  void *x, *label;
  t.batch = c->batch;
  t.rate = 3e-3;
  t.weight_decay = 0.02;
  t.epsilon = 1e-4;                         /* so that gradients of rounding errors move nothing */
  assert_ok(ctx, rung_set_threads(ctx, 1)); /* waking others costs more than such small steps */
  assert_ok(ctx, rung_trainer_create(network, ctx, &t, STEPS, STEPS, &trainer));
  assert_ok(ctx, rung_alloc(ctx, (size_t)(c->batch * rung_shape_count(&c->sample)) * 8, &x));
  assert_ok(ctx, rung_alloc(ctx, (size_t)c->batch * 8, &label));
  assert_non_null(fgets(name, sizeof name, oracle));
  name[strcspn(name, "\n")] = 0;
  assert_string_equal(name, c->name);
  for (int step = 0; step < STEPS; step++) {
    double loss, expected;
    fill_batch(c, step, x, label);
    assert_int_equal(fscanf(oracle, "%lf ", &expected), 1);
    assert_ok(ctx, rung_trainer_step(trainer, x, label, NULL, &loss));
    if (!(fabs(loss - expected) <= 1e-5 * fabs(expected)))
      fail_msg("%s: step %d: loss %.12g, PyTorch's %.12g", c->name, step + 1, loss, expected);
  }
  rung_free(ctx, x);
  rung_free(ctx, label);
  rung_trainer_destroy(trainer);
  rung_network_destroy(network);
}

static case_of resnet_case(const char *name, const char *norm, int64_t edge) {
  bool full = edge == 32;
  case_of c = {
      name, {3, {edge, edge, 3}}, full ? 4 : 6, full ? 10 : 5, rung_network_settings_default()};
  c.settings.architecture = "resnet";
  c.settings.norm = norm;
  c.settings.groups = 2;
  c.settings.stages = full ? 3 : 2;
  for (int i = 0; i < c.settings.stages; i++) {
    c.settings.channels[i] = (full ? 16 : 4) << i;
    c.settings.layers[i] = full ? 3 : 2;
  }
  return c;
}

static void losses_are_those_of_pytorch(void **state) {
  rung_context *ctx = *state;
  FILE *oracle = fopen(RG_ORACLES "/torch_steps.txt", "r");
  assert_non_null(oracle);
  case_of mlp = {"mlp", {1, {12}}, 12, 5, rung_network_settings_default()};
  mlp.settings.activation = "tanh";
  mlp.settings.stages = 2;
  mlp.settings.channels[0] = 16;
  mlp.settings.channels[1] = 8;
  compare(ctx, &mlp, oracle);
  static const char *const norms[] = {"none", "batch", "layer", "group", "instance"};
  for (int i = 0; i < 5; i++) {
    char name[40];
    snprintf(name, sizeof name, "resnet %s", norms[i]);
    case_of c = resnet_case(name, norms[i], 8);
    compare(ctx, &c, oracle);
  }
  fclose(oracle);
}

static void resnet_20_is_that_of_pytorch(void **state) {
  const char *python = getenv("PYTHON");
  char command[1000];
  if (!python) skip();
  snprintf(command, sizeof command, "'%s' -c 'import torch' 2>&1 >/dev/null", python);
  if (system(command) != 0) skip(); /* NOLINT(cert-env33-c) */
  snprintf(command, sizeof command, "'%s' '" RG_ORACLES "/torch_steps.py' resnet-20", python);
  FILE *oracle = popen(command, "r"); /* NOLINT(cert-env33-c) */
  assert_non_null(oracle);
  case_of c = resnet_case("resnet-20", "batch", 32);
  compare(*state, &c, oracle);
  assert_int_equal(pclose(oracle), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(losses_are_those_of_pytorch),
      TEST(resnet_20_is_that_of_pytorch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
