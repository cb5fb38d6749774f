/* Recipes of `rung train`: mappings in mappings, what they mean, and what does not go together. */
#include "test.h"

#include <stdio.h>

#include "nn/builder.h"
#include "nn/chain.h"
#include "store/recipe.h"

static rung_status load(rung_context *ctx, const char *text, rung_recipe **out) {
  rung_clear_error(ctx);
  return rung_recipe_load_memory(ctx, RUNG_RECIPE_TRAIN, "r.yaml", text, strlen(text), out);
}

/* The recipe of the README, of conv networks and of dense ones. */
static const char conv[] =
    "data: {train: a-idx3-ubyte.gz, test: b.gz, validation: 0.2, augment: {shift: 2, flip: true}}\n"
    "model: {architecture: conv, block: hamiltonian, channels: [16, 32, 64], layers: [4, 5, 6],\n"
    "        time: 2.5, norm: batch}\n"
    "training: {optimiser: {name: nesterov, rate: 0.002, weight_decay: 0.01},\n"
    "           schedule: {name: cosine, warmup: 0.05}, epochs: 12, batch: 128,\n"
    "           activations: reverse, memory: 64MB}\n"
    "run: {seed: 18446744073709551615, threads: 2, directory: runs/mnist}\n";

static void mappings_are_read(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, load(ctx, conv, &r));
  assert_ok(ctx, rg_recipe_check(r, ctx));
  assert_int_equal(rung_recipe_get_kind(r), RUNG_RECIPE_TRAIN);
  assert_string_equal(rung_recipe_get(r, "data.train"), "a-idx3-ubyte.gz");
  assert_int_equal(rg_recipe_whole(r, "data.augment.shift"), 2);
  assert_true(rg_recipe_flag(r, "data.augment.flip"));
  assert_false(rg_recipe_flag(r, "data.skip-bad"));
  assert_string_equal(rung_recipe_get(r, "training.optimiser"), "nesterov");
  assert_string_equal(rung_recipe_get(r, "training.optimiser.name"), "nesterov");
  assert_int_equal(rg_recipe_whole(r, "training.epochs"), 12);
  assert_null(rung_recipe_get(r, "model.integrator"));
  assert_null(rung_recipe_get(r, "model"));
  assert_true(rg_recipe_seed(r, "run.seed") == UINT64_MAX);
  rung_network_settings n = {0};
  rg_recipe_network(r, &n);
  assert_string_equal(n.architecture, "conv");
  assert_string_equal(n.block, "hamiltonian");
  assert_string_equal(n.norm, "batch");
  assert_null(n.activation);
  assert_int_equal(n.stages, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(n.channels[i], 16 << i);
    assert_int_equal(n.layers[i], 4 + i);
  }
  assert_true(n.time == 2.5 && n.step == 0 && n.gamma == 1e-4 && !n.fixed);
  rung_training t;
  rg_recipe_training(r, &t);
  assert_string_equal(t.optimiser, "nesterov");
  assert_string_equal(t.schedule, "cosine");
  assert_true(t.rate == 0.002 && t.weight_decay == 0.01 && t.warmup == 0.05 && t.momentum == 0.9);
  assert_int_equal(t.batch, 128);
  assert_int_equal(t.loss, RUNG_CROSS_ENTROPY);
  assert_int_equal(t.activations, RUNG_REVERSE);
  assert_int_equal(t.memory, 64000000);
  rung_dataset_options d = {0};
  rg_recipe_dataset(r, false, &d);
  assert_int_equal(d.header, -1);
  assert_true(!d.regression && !d.skip_bad && !d.labels && !d.channels);
  rung_batch_options b = {0};
  rg_recipe_batches(r, &b);
  assert_true(b.batch == 128 && b.training && b.seed == UINT64_MAX);
  assert_true(b.augment.flip && b.augment.shift == 2 && b.augment.noise == 0);
  rung_recipe_destroy(r);
}

/* Words for mappings with a name, lists in words, what is not set. */
static void short_forms_are_read(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, load(ctx,
                      "data: {train: t.csv, target: [a, b], header: no, augment: }\n"
                      "model: {architecture: dense, block: midpoint, width: [4], layers: 64}\n"
                      "training: {optimiser: sgd, schedule: step, batch: all, loss: huber,\n"
                      "           activations: reverse-exact}\nrun: ~\n",
                      &r));
  assert_ok(ctx, rg_recipe_check(r, ctx));
  assert_string_equal(rung_recipe_get(r, "data.header"), "no");
  assert_string_equal(rung_recipe_get(r, "data.target"), "a,b");
  assert_string_equal(rung_recipe_get(r, "training.optimiser"), "sgd");
  rung_network_settings n = {0};
  rg_recipe_network(r, &n);
  assert_int_equal(n.stages, 1);
  assert_int_equal(n.channels[0], 4);
  assert_int_equal(n.layers[0], 64);
  assert_int_equal(n.fixed, 1); /* by reverse-exact */
  rung_dataset_options d = {0};
  rg_recipe_dataset(r, true, &d);
  assert_string_equal(d.target, "a,b");
  assert_true(d.header == 0 && d.regression == 1);
  rung_training t;
  rg_recipe_training(r, &t);
  assert_int_equal(t.batch, 0);
  assert_int_equal(t.loss, RUNG_HUBER);
  assert_int_equal(t.activations, RUNG_REVERSE_EXACT);
  assert_ok(ctx, rung_recipe_set(r, ctx, "training.optimiser", "adamw"));
  assert_ok(ctx, rung_recipe_set(r, ctx, "model.width", "[16,  032, 64]"));
  assert_string_equal(rung_recipe_get(r, "model.width"), "16,32,64");
  rg_recipe_network(r, &n);
  assert_int_equal(n.stages, 3);
  assert_int_equal(n.layers[2], 64); /* one number stands for all stages */
  assert_ok(ctx, rung_recipe_set(r, ctx, "model.width", NULL));
  assert_ok(ctx, rung_recipe_set(r, ctx, "model.layers", NULL));
  n = (rung_network_settings){.stages = 2, .channels = {7, 8}, .layers = {3, 3}};
  rg_recipe_network(r, &n);
  assert_int_equal(n.stages, 2); /* what is not set stays as it was */
  assert_int_equal(n.channels[1], 8);
  rung_recipe_destroy(r);
}

static void wrong_recipes_are_explained_with_their_line(void **state) {
  rung_context *ctx = *state;
  static const struct {
    const char *text;
    rung_status status;
    const char *message;
  } cases[] = {
      {"model:\n  blok: resnet\n", RUNG_E_ARGUMENT,
       "r.yaml:2: unknown key \"model.blok\"; did you mean \"model.block\"?"},
      {"modle:\n  block: resnet\n", RUNG_E_ARGUMENT,
       "r.yaml:1: unknown key \"modle\"; did you mean \"model\"?"},
      {"training: {rate: 0.1}\n", RUNG_E_ARGUMENT,
       "r.yaml:1: unknown key \"training.rate\"; did you mean \"training.optimiser.rate\"?"},
      {"epochs: 3\n", RUNG_E_ARGUMENT, "unknown key \"epochs\"; did you mean \"training.epochs\"?"},
      {"training: {optimiser: {weight-decay: 0.1}}\n", RUNG_E_ARGUMENT,
       "did you mean \"training.optimiser.weight_decay\"?"},
      {"colourful: 1\n", RUNG_E_ARGUMENT,
       "r.yaml:1: unknown key \"colourful\"; the keys are: data, model, training, extend, run"},
      {"training: {schedule: {colourful: 1}}\n", RUNG_E_ARGUMENT,
       "unknown key \"training.schedule.colourful\"; the keys of training.schedule are: name, "
       "warmup, every, factor"},
      {"data: {augment: {colourful: 1}}\n", RUNG_E_ARGUMENT,
       "the keys of data.augment are: shift, crop, flip, rotate, noise"},
      {"data: {colourful: 1}\n", RUNG_E_ARGUMENT,
       "the keys of data are: train, test, labels, test-labels, target, ignore, header, "
       "validation, limit, skip-bad, class-weights, normalise, height, width, channels, augment"},
      {"model: {block: hamilton}\n", RUNG_E_ARGUMENT,
       "r.yaml:1: model.block: expected one of: resnet bottleneck antisymmetric parabolic "
       "hamiltonian hamiltonian-two leapfrog midpoint; found \"hamilton\""},
      {"training:\n  epochs: many\n", RUNG_E_ARGUMENT,
       "r.yaml:2: training.epochs: expected a whole number from 1 to 1000000000, found \"many\""},
      {"training: {batch: some}\n", RUNG_E_ARGUMENT,
       "training.batch: expected a whole number from 1 to 1000000000, or one of: all, found "
       "\"some\""},
      {"model: {channels: [16, x]}\n", RUNG_E_ARGUMENT,
       "model.channels: expected whole numbers from 1 to 65536, found \"16,x\""},
      {"model: {channels: [16, 0]}\n", RUNG_E_ARGUMENT, "found \"16,0\""},
      {"data: {skip-bad: perhaps}\n", RUNG_E_ARGUMENT,
       "data.skip-bad: expected yes or no, found \"perhaps\""},
      {"model: dense\n", RUNG_E_FORMAT,
       "r.yaml:1: expected a mapping with keys such as model.architecture, found text"},
      {"model: [dense]\n", RUNG_E_FORMAT, "model.architecture, found a list"},
      {"training: {optimiser: [sgd]}\n", RUNG_E_FORMAT, "expected one value, found a list"},
      {"training: {epochs: {a: 1}}\n", RUNG_E_FORMAT, "expected one value, found a mapping"},
      {"model: {block: resnet}\nmodel: {time: 1}\n", RUNG_E_FORMAT,
       "r.yaml:2: model is set a second time"},
      {"model: {block: resnet,\n block: midpoint}\n", RUNG_E_FORMAT,
       "r.yaml:2: model.block is set a second time"},
      {"training: {optimiser: sgd, optimiser: {rate: 1}}\n", RUNG_E_FORMAT,
       "training.optimiser is set a second time"},
      {"training: {optimiser: {name: sgd},\n  optimiser.name: adamw}\n", RUNG_E_FORMAT,
       "r.yaml:2: training.optimiser.name is set a second time"},
      {"data.csv\n", RUNG_E_FORMAT,
       "r.yaml:1: expected keys with values, such as \"data: {train: digits.csv}\", found text"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    assert_error(ctx, load(ctx, cases[i].text, &r), cases[i].status, cases[i].message);
    assert_null(r);
  }
}

static void set_explains_what_is_wrong(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &r));
  assert_error(ctx, rung_recipe_set(r, ctx, "model", "dense"), RUNG_E_ARGUMENT,
               "model: expected a mapping with keys such as model.architecture, found text");
  rung_clear_error(ctx);
  assert_error(ctx, rung_recipe_set(r, ctx, "model.blocks", "resnet"), RUNG_E_ARGUMENT,
               "unknown key \"model.blocks\"; did you mean \"model.block\"?");
  rung_recipe_destroy(r);
}

static void keys_must_go_together(void **state) {
  rung_context *ctx = *state;
  static const char *cases[][2] = {
      {"", "r.yaml: data.train is not set: which samples are to be trained on?"},
      {"model:\n  width: 4\n  channels: 4\n",
       "r.yaml:3: both model.channels and model.width are set; they mean the same"},
      {"model: {architecture: conv, layers: [1, 2], channels: [1, 2, 3]}\n",
       "r.yaml:2: expected one number or 3, one for each stage of model.channels; found 2"},
      {"model: {architecture: conv, channels: [1, 1, 1, 1, 1, 1, 1, 1, 1]}\n",
       "r.yaml:2: expected at most 8 stages"},
      {"model: {layers: 3}\n", "r.yaml:2: an mlp has a layer for each number of model.width; "},
      {"model: {architecture: dense, layers: 64, levels: 8}\n",
       "r.yaml:2: 8 levels begin with layers / 128: expected model.layers to be a multiple of "
       "that, found 64"},
      {"model: {architecture: dense, levels: 2}\n", "model.levels needs model.layers"},
      {"model:\n  architecture: dense\n  integrator: leapfrog\n",
       "r.yaml:4: block resnet steps in time by one of: euler rk4 midpoint; found \"leapfrog\""},
      {"model: {architecture: cnn, integrator: rk4}\n",
       "r.yaml:2: layers that step in time are those of the architectures dense and conv; found "
       "cnn"},
      {"model: {architecture: resnet, integrator: euler}\n", "dense and conv; found resnet"},
      {"model: {architecture: conv, integrator: rk4}\n",
       "r.yaml:2: rk4 looks at each layer four times, and batch normalisation needs statistics of "
       "each; set model.norm to none, layer or group"},
      {"model: {architecture: dense, block: bottleneck}\n",
       "r.yaml:2: block bottleneck is for images; for features: resnet"},
      {"model: {architecture: dense, block: hamiltonian, integrator: euler}\n"
       "training: {activations: reverse}\n",
       "found hamiltonian with integrator euler"},
      {"model: {architecture: dense}\ntraining:\n  activations: reverse\n",
       "r.yaml:4: activations \"reverse\" need a reversible block, which are: hamiltonian, "
       "hamiltonian-two, leapfrog, midpoint; found resnet"},
      {"model: {block: hamiltonian}\ntraining: {activations: reverse-exact}\n",
       "r.yaml:3: activations \"reverse-exact\" need a reversible block, which are: hamiltonian, "
       "hamiltonian-two, leapfrog, midpoint; found the architecture mlp"},
      {"model: {architecture: dense, state: fixed}\n",
       "r.yaml:2: a state in fixed point belongs to a reversible block, which are: hamiltonian, "
       "hamiltonian-two, leapfrog, midpoint; found resnet"},
      {"model:\n  architecture: dense\n  block: leapfrog\n  state: float\n"
       "training: {activations: reverse-exact}\n",
       "r.yaml:5: activations reverse-exact need a state in fixed point, found float"},
      {"training: {loss: squared, smoothing: 0.1}\n",
       "label smoothing belongs to loss cross-entropy, found loss squared"},
      {"training: {loss: huber, optimiser: gauss-newton}\n",
       "gauss-newton minimises cross-entropy or squared, found huber"},
      {"training: {epochs: 3}\n", NULL},
      {"model: {architecture: conv, block: leapfrog, integrator: leapfrog}\n"
       "training: {activations: reverse-exact}\n",
       NULL},
      {"model: {architecture: dense, layers: 64, levels: 4}\n", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    char text[400];
    snprintf(text, sizeof text, "%s%s", i ? "data: {train: t.csv}\n" : "", cases[i][0]);
    assert_ok(ctx, load(ctx, text, &r));
    rung_clear_error(ctx);
    if (cases[i][1])
      assert_error(ctx, rg_recipe_check(r, ctx), RUNG_E_ARGUMENT, cases[i][1]);
    else
      assert_ok(ctx, rg_recipe_check(r, ctx));
    rung_recipe_destroy(r);
  }
}

/* A number, two, one for each module, or a word; numbers as they were written. */
static void penalties_are_read(void **state) {
  rung_context *ctx = *state;
  static const struct {
    const char *text, *kept;
    int taus;
    double first, last;
  } cases[] = {
      {"training: {tau: 0.25}", "0.25", 1, 0.25, 0.25},
      {"training: {tau: [.5, 5e5]}", ".5,5e5", 2, 0.5, 5e5},
      {"training: {tau: '[0.5, 1 ,2.5]'}", "0.5,1,2.5", 3, 0.5, 2.5},
      {"training: {tau: auto}", "auto", 0, 0, 0},
      {"training: {tau: }", NULL, 0, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    rung_training t;
    assert_ok(ctx, load(ctx, cases[i].text, &r));
    const char *kept = rung_recipe_get(r, "training.tau");
    assert_int_equal(kept == NULL, cases[i].kept == NULL);
    if (kept) assert_string_equal(kept, cases[i].kept);
    rg_recipe_training(r, &t);
    assert_int_equal(t.taus, cases[i].taus);
    assert_true(t.tau == RUNG_TAU_AUTO && t.tau_factor == 1 && t.multiplier == 0);
    if (t.taus) assert_true(t.tau_of[0] == cases[i].first && t.tau_of[t.taus - 1] == cases[i].last);
    rung_recipe_destroy(r);
  }
  rung_recipe *r;
  rung_training t;
  rg_text json;
  assert_ok(ctx, load(ctx,
                      "training: {tau: [.5, 1], tau_factor: 4,\n"
                      " multiplier: {start: 2, rate: 0, every: 9}}",
                      &r));
  rg_recipe_training(r, &t);
  assert_true(t.multiplier == 2 && t.multiplier_rate == 0 && t.multiplier_every == 9);
  assert_true(t.tau_factor == 4);
  rg_text_init(&json, ctx);
  rg_recipe_json(r, &json);
  assert_non_null(strstr(json.data, "\"training.tau\":[0.5,1],"));
  assert_non_null(strstr(json.data, "\"training.multiplier.start\":2,"));
  rg_text_free(&json);
  rung_recipe_destroy(r);
}

static void penalties_must_make_sense(void **state) {
  rung_context *ctx = *state;
  static const char *cases[][2] = {
      {"tau: 1,\n multiplier: {start: 1}",
       "r.yaml:3: both training.multiplier and training.tau are set; one of them is in charge of "
       "the penalty"},
      {"multiplier: {start: 1}, tau: auto", "r.yaml:2: both training.multiplier and"},
      {"tau: [1, 2, 3]",
       "r.yaml:2: training.tau: expected one number or two, or 4, one for each module; found 3"},
      {"modules: 2, tau: [1, 2, 3]", "r.yaml:2: training.tau: expected one number or two; found 3"},
      {"modules: auto, tau: [1, 2, 3]", "expected one number or two; found 3"},
      {"tau_factor: 2",
       "r.yaml:2: training.tau_factor changes a training.tau that is given in numbers"},
      {"tau: auto,\n tau_factor: 2", "r.yaml:3: training.tau_factor changes"},
      {"tau: [1, 2, 3, 4], tau_factor: 2", NULL},
      {"modules: auto, tau: [1, 2]", NULL},
      {"multiplier: {start: 1}", NULL},
      {"multiplier: {start: off}, tau: 1", NULL},
  };
  static const char *wrong[][2] = {
      {"tau: [1, -2]",
       "r.yaml:2: training.tau: expected numbers from 0 to 1000000000000, or one of: auto, found "
       "\"1,-2\""},
      {"tau: [1, auto]", "found \"1,auto\""},
      {"tau: [1, 0.00000000000000000000000000000000001]", "expected numbers"}, /* too long */
      {"tau: 1 2", "found \"1 2\""},
      {"tau: {a: 1}", "expected one value, found a mapping"},
      {"multiplier: {start: 0}", "training.multiplier.start: expected a number from "},
      {"multiplier: {every: 0}", "training.multiplier.every: expected a whole number from 1"},
      {"multiplier: off", "expected a mapping with keys such as training.multiplier.start"},
  };
  char text[400];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    snprintf(text, sizeof text, "data: {train: t.csv}\ntraining: {scheme: modulewise, %s}\n",
             cases[i][0]);
    assert_ok(ctx, load(ctx, text, &r));
    if (cases[i][1])
      assert_error(ctx, rg_recipe_check(r, ctx), RUNG_E_ARGUMENT, cases[i][1]);
    else
      assert_ok(ctx, rg_recipe_check(r, ctx));
    rung_recipe_destroy(r);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    rung_recipe *r;
    snprintf(text, sizeof text, "data: {train: t.csv}\ntraining: {%s}\n", wrong[i][0]);
    rung_status status = load(ctx, text, &r);
    assert_error(ctx, status, i == 4 || i == 7 ? RUNG_E_FORMAT : RUNG_E_ARGUMENT, wrong[i][1]);
  }
}

static void data_keys_must_go_together(void **state) {
  rung_context *ctx = *state;
  static const char *cases[][2] = {
      {"validation: 1.5", "r.yaml:2: expected a share below 1 or a whole number, found 1.5"},
      {"test-labels: a", "r.yaml:2: data.test-labels is set, but no data.test"},
      {"height: 9", "r.yaml:2: data.height and data.width go together: both or none"},
      {"class-weights: balanced}\ntraining: {loss: squared",
       "r.yaml:2: class weights belong to loss cross-entropy, found loss squared"},
      {"validation: 0}\ntraining: {patience: 3",
       "r.yaml:3: patience looks at held-out samples, but data.validation is 0"},
      {"validation: 500, height: 8, width: 8, class-weights: balanced", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    char text[400];
    snprintf(text, sizeof text, "data: {train: t.csv,\n %s}\n", cases[i][0]);
    assert_ok(ctx, load(ctx, text, &r));
    if (cases[i][1])
      assert_error(ctx, rg_recipe_check(r, ctx), RUNG_E_ARGUMENT, cases[i][1]);
    else
      assert_ok(ctx, rg_recipe_check(r, ctx));
    rung_recipe_destroy(r);
  }
}

/* One word for all exits, or one for each. */
static void heads_are_for_all_or_for_each(void **state) {
  rung_context *ctx = *state;
  static const char *cases[][2] = {
      {"head: pool", NULL},
      {"head: [conv, pool, mlp]", NULL},
      {"head: \"[conv,pool,conv]\"", NULL},
      {"head: [pool]", NULL},
      {"modules: auto, head: mlp", NULL},
      {"modules: 1, head: mlp", NULL},
      {"cuts: [2, 4]", NULL},
      {"cuts: 2, modules: 2, head: [mlp]", NULL},
      {"cuts: [2, 4], head: [mlp, pool]", NULL},
      {"cuts: [2, 4, 9], modules: 3",
       "r.yaml:3: training.modules: expected nothing or 4, what training.cuts make; found 3"},
      {"cuts: [2, 2]", "r.yaml:3: training.cuts: expected rising numbers; found 2 behind 2"},
      {"cuts: [2, 4], head: [mlp, pool, pool]",
       "r.yaml:3: training.head: expected one word, or 2, one for each module but the last; "
       "found 3"},
      {"head: [conv, pool]",
       "r.yaml:3: training.head: expected one word, or 3, one for each module "
       "but the last; found 2"},
      {"modules: auto, head: [conv, pool]",
       "r.yaml:3: training.head: expected one word with modules auto, found 2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rung_recipe *r;
    char text[400];
    snprintf(text, sizeof text, "data: {train: t.csv}\ntraining: {scheme: modulewise,\n %s}\n",
             cases[i][0]);
    assert_ok(ctx, load(ctx, text, &r));
    if (cases[i][1])
      assert_error(ctx, rg_recipe_check(r, ctx), RUNG_E_ARGUMENT, cases[i][1]);
    else
      assert_ok(ctx, rg_recipe_check(r, ctx));
    rung_recipe_destroy(r);
  }
  rung_recipe *r;
  const char *heads[3];
  assert_error(ctx, load(ctx, "training: {head: [conv, tail]}", &r), RUNG_E_ARGUMENT,
               "r.yaml:1: training.head: expected one of: conv pool mlp, or a list of them; found "
               "\"conv,tail\"");
  assert_ok(ctx, load(ctx, "training: {head: [mlp, conv, pool]}", &r));
  assert_ok(ctx, rg_recipe_heads(r, ctx, 3, heads));
  assert_string_equal(heads[0], "mlp");
  assert_string_equal(heads[1], "conv");
  assert_string_equal(heads[2], "pool");
  char *text;
  assert_ok(ctx, rung_recipe_text(r, ctx, &text));
  assert_non_null(strstr(text, "  head: [mlp, conv, pool]\n"));
  rg_free(ctx, text);
  rung_recipe_destroy(r);
}

static void printed_recipes_read_back(void **state) {
  rung_context *ctx = *state;
  const char *texts[] = {"", conv, "training: {tau: [.5, 1e-3], multiplier: {every: 7}}"};
  for (int i = 0; i < 3; i++) {
    rung_recipe *r, *back;
    char *text, *again;
    assert_ok(ctx, load(ctx, texts[i], &r));
    assert_ok(ctx, rung_recipe_text(r, ctx, &text));
    assert_ok(ctx, load(ctx, text, &back));
    assert_ok(ctx, rung_recipe_text(back, ctx, &again));
    assert_string_equal(text, again);
    for (int k = 0; k < rg_recipe_train_table.count; k++) {
      const char *a = rung_recipe_get(r, rg_recipe_train_table.keys[k].key);
      const char *b = rung_recipe_get(back, rg_recipe_train_table.keys[k].key);
      assert_int_equal(a == NULL, b == NULL);
      if (a) assert_string_equal(a, b);
    }
    rg_free(ctx, text);
    rg_free(ctx, again);
    rung_recipe_destroy(back);
    rung_recipe_destroy(r);
  }
}

/* Mappings must be in one piece to be printed, and every key has a range or choices, and help. */
static void the_tables_are_sound(void **state) {
  (void)state;
  const rg_recipe_table *tables[] = {&rg_recipe_fit_table, &rg_recipe_train_table};
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < tables[t]->count; i++) {
      const rg_recipe_key *key = &tables[t]->keys[i];
      bool number = key->kind >= RG_VALUE_WHOLE;
      assert_true(!number || key->high > key->low);
      assert_true(key->kind != RG_VALUE_CHOICE || key->choices);
      assert_true(key->help[0] && key->help[strlen(key->help) - 1] != '.');
      assert_int_equal(rg_recipe_find(tables[t], key->key), i);
      for (const char *dot = strchr(key->key, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t length = (size_t)(dot - key->key) + 1;
        bool left = false; /* the mapping, by an earlier key */
        for (int k = i; k >= 0; k--) {
          bool inside = strncmp(tables[t]->keys[k].key, key->key, length) == 0;
          assert_false(inside && left);
          left = !inside;
        }
      }
    }
}

/* docs/recipe.md shows both kinds as they are printed. */
static void the_documentation_has_every_key(void **state) {
  rung_context *ctx = *state;
  char *page;
  size_t length;
  assert_ok(ctx, rg_read_file(ctx, RG_DOCS "/recipe.md", 1000000, &page, &length));
  for (int kind = RUNG_RECIPE_FIT; kind <= RUNG_RECIPE_TRAIN; kind++) {
    rung_recipe *r;
    char *text;
    assert_ok(ctx, rung_recipe_create(ctx, (rung_recipe_kind)kind, &r));
    assert_ok(ctx, rung_recipe_text(r, ctx, &text));
    if (!strstr(page, text))
      fail_msg("docs/recipe.md: expected the recipe of kind %d as it is printed:\n%s", kind, text);
    rg_free(ctx, text);
    rung_recipe_destroy(r);
  }
  rg_free(ctx, page);
}

/* What the recipe lets pass is what the architectures build, and what can be reversed is. */
static void recipes_know_the_architectures(void **state) {
  rung_context *ctx = *state;
  static const char *const architectures[] = {"mlp", "cnn", "resnet", "dense", "conv"};
  static const char *const blocks[] = {"resnet",    "bottleneck",  "antisymmetric",
                                       "parabolic", "hamiltonian", "hamiltonian-two",
                                       "leapfrog",  "midpoint"};
  static const char *const integrators[] = {NULL, "euler", "verlet", "leapfrog", "midpoint", "rk4"};
  int accepted = 0, reversed = 0;
  for (int a = 0; a < 5; a++)
    for (int b = 0; b < 8; b++)
      for (int i = 0; i < 6; i++) {
        rung_recipe *r;
        rung_network *network = NULL;
        rung_network_settings s = rung_network_settings_default();
        rung_shape image = {3, {8, 8, 3}}, row = {1, {5}};
        assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &r));
        assert_ok(ctx, rung_recipe_set(r, ctx, "data.train", "t.csv"));
        assert_ok(ctx, rung_recipe_set(r, ctx, "model.architecture", architectures[a]));
        assert_ok(ctx, rung_recipe_set(r, ctx, "model.block", blocks[b]));
        assert_ok(ctx, rung_recipe_set(r, ctx, "model.integrator", integrators[i]));
        bool checked = rg_recipe_check(r, ctx) == RUNG_OK;
        rg_recipe_network(r, &s);
        bool features = a == 0 || a == 3;
        rung_status status =
            rung_network_create(ctx, &s, features ? &row : &image, 3, RUNG_F32, 1, &network);
        bool idle = (a < 2) && integrators[i]; /* mlp and cnn do not look at it */
        if (!idle && checked != (status == RUNG_OK))
          fail_msg("%s %s %s: recipe %d, network %s", architectures[a], blocks[b],
                   integrators[i] ? integrators[i] : "-", checked, rung_error(ctx));
        bool reversible = false;
        for (int k = 0; network && k < network->blocks.count; k++)
          reversible = reversible || rg_is_reversible(&network->blocks.list[k]);
        assert_ok(ctx, rung_recipe_set(r, ctx, "training.activations", "reverse"));
        if (checked) assert_int_equal(rg_recipe_check(r, ctx) == RUNG_OK, reversible);
        accepted += checked;
        reversed += reversible && checked;
        rung_clear_error(ctx);
        rung_network_destroy(network);
        rung_recipe_destroy(r);
      }
  assert_true(accepted > 40 && reversed > 20);
}

/* The defaults of the tables are those of the library. */
static void defaults_are_those_of_the_settings(void **state) {
  rung_context *ctx = *state;
  rung_recipe *r;
  rung_network_settings s = rung_network_settings_default(), n = s;
  assert_ok(ctx, rung_recipe_create(ctx, RUNG_RECIPE_TRAIN, &r));
  rg_recipe_network(r, &n);
  assert_string_equal(n.architecture, s.architecture);
  assert_string_equal(n.block, s.block);
  assert_true(!n.integrator && !n.activation && !n.norm && n.stages == s.stages);
  assert_true(n.time == s.time && n.step == s.step && n.gamma == s.gamma && n.groups == s.groups);
  assert_true(n.dropout == s.dropout && n.nodes == s.nodes && n.fixed == s.fixed);
  rung_training t, d = rung_training_default();
  rg_recipe_training(r, &t);
  assert_string_equal(t.optimiser, d.optimiser);
  assert_string_equal(t.schedule, d.schedule);
  assert_true(t.rate == d.rate && t.weight_decay == d.weight_decay && t.momentum == d.momentum);
  assert_true(t.decay1 == d.decay1 && t.decay2 == d.decay2 && t.epsilon == d.epsilon);
  assert_true(t.warmup == d.warmup && t.step_every == d.step_every &&
              t.step_factor == d.step_factor && t.clip == d.clip && t.average == d.average);
  assert_true(t.smoothness == d.smoothness && t.batch == d.batch && t.loss == d.loss);
  assert_true(t.smoothing == d.smoothing && t.delta == d.delta && t.activations == d.activations);
  assert_true(t.drift == d.drift && t.memory == d.memory && t.seed == d.seed);
  rung_recipe_destroy(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(mappings_are_read),
      TEST(short_forms_are_read),
      TEST(wrong_recipes_are_explained_with_their_line),
      TEST(set_explains_what_is_wrong),
      TEST(keys_must_go_together),
      TEST(penalties_are_read),
      TEST(penalties_must_make_sense),
      TEST(data_keys_must_go_together),
      TEST(heads_are_for_all_or_for_each),
      TEST(printed_recipes_read_back),
      TEST(the_tables_are_sound),
      TEST(the_documentation_has_every_key),
      TEST(recipes_know_the_architectures),
      TEST(defaults_are_those_of_the_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
