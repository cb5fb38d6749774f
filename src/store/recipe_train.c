/* Recipes of `rung train`: the keys, and what they mean. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/recipe.h"

#define MANY 1e9

static const rg_recipe_key keys[] = {
    /* data */
    {"data.train", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "training samples: IDX or CIFAR-10 file, folder or tar of images by class, CSV, NPY or NPZ"},
    {"data.test", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "samples to test the kept model on, likewise; not set: no test"},
    {"data.labels", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "IDX: labels of the training images; not set: found by the name of the images"},
    {"data.test-labels", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "IDX: labels of the test images; not set: found likewise"},
    {"data.target", RG_VALUE_LIST, NULL, 0, 0, NULL, NULL,
     "tables: columns to predict, names or numbers from 0 (-1: the last); not set: the last"},
    {"data.ignore", RG_VALUE_LIST, NULL, 0, 0, NULL, NULL,
     "tables: columns to leave out, written likewise"},
    {"data.header", RG_VALUE_CHOICE, "auto", 0, 0, "auto yes no", NULL,
     "tables: whether the first row holds names; auto: a row without a number does"},
    {"data.validation", RG_VALUE_NUMBER, "0.1", 0, MANY, NULL, NULL,
     "training samples held out to validate: below 1 a share, else how many; 0: none"},
    {"data.limit", RG_VALUE_WHOLE, "0", 0, MANY, NULL, "samples",
     "train on so many, classes as equal in number as can be; 0: all"},
    {"data.skip-bad", RG_VALUE_FLAG, "no", 0, 0, NULL, NULL,
     "leave out and count samples that cannot be read, instead of an error"},
    {"data.class-weights", RG_VALUE_CHOICE, "none", 0, 0, "none balanced", NULL,
     "balanced: rare classes count as much as frequent ones"},
    {"data.normalise", RG_VALUE_FLAG, "yes", 0, 0, NULL, NULL,
     "mean 0 and variance 1 for each feature or channel of the training samples"},
    {"data.height", RG_VALUE_WHOLE, "0", 0, 4096, NULL, "pixels",
     "image files are scaled to this height; 0: as they are, which must be equal"},
    {"data.width", RG_VALUE_WHOLE, "0", 0, 4096, NULL, "pixels",
     "image files are scaled to this width; 0: likewise"},
    {"data.channels", RG_VALUE_CHOICE, "auto", 0, 0, "auto 1 3", NULL,
     "image files: 1 grey, 3 colours; auto: 3 where any has colours"},
    {"data.augment.shift", RG_VALUE_WHOLE, "0", 0, 1024, NULL, "pixels",
     "training images are moved by up to so many in both directions; zeros move in"},
    {"data.augment.crop", RG_VALUE_WHOLE, "0", 0, 1024, NULL, "pixels",
     "a random crop of the image with a mirrored border of so many"},
    {"data.augment.flip", RG_VALUE_FLAG, "no", 0, 0, NULL, NULL,
     "training images are mirrored left to right, every second one on average"},
    {"data.augment.rotate", RG_VALUE_NUMBER, "0", 0, 180, NULL, "degrees",
     "training images are turned by up to so many to either side"},
    {"data.augment.noise", RG_VALUE_NUMBER, "0", 0, 10, NULL, NULL,
     "standard deviation of noise on training samples: of pixels from 0 to 1, of normalised "
     "features"},
    /* model */
    {"model.architecture", RG_VALUE_CHOICE, "mlp", 0, 0, "mlp cnn resnet dense conv", NULL,
     "what the network is: mlp and dense take features, cnn, resnet and conv images"},
    {"model.block", RG_VALUE_CHOICE, "resnet", 0, 0,
     "resnet bottleneck antisymmetric parabolic hamiltonian hamiltonian-two leapfrog midpoint",
     NULL, "what a layer of resnet, dense and conv is"},
    {"model.channels", RG_VALUE_WHOLES, NULL, 1, 65536, NULL, NULL,
     "channels of each stage; not set: 32, 64, 128 (cnn) or 16, 32, 64 (resnet, conv)"},
    {"model.width", RG_VALUE_WHOLES, NULL, 1, 65536, NULL, "features",
     "another name of channels, for features: of an mlp each hidden layer's; not set: 64, 64 (mlp) "
     "or 64 (dense)"},
    {"model.layers", RG_VALUE_WHOLES, NULL, 1, 1048576, NULL, NULL,
     "layers of each stage, or one number for all; not set: 2 (cnn), 3 (resnet, conv), 8 (dense)"},
    {"model.time", RG_VALUE_NUMBER, "1", 1e-6, 1e6, NULL, NULL,
     "final time T of each stage; the step size is h = T / layers"},
    {"model.step", RG_VALUE_NUMBER, "0", 0, 1e6, NULL, NULL,
     "step size h, in place of time; 0: from time"},
    {"model.norm", RG_VALUE_CHOICE, NULL, 0, 0, "none batch layer group instance", NULL,
     "normalisation; not set: none (mlp, dense) or batch (cnn, resnet, conv)"},
    {"model.activation", RG_VALUE_CHOICE, NULL, 0, 0,
     "tanh relu gelu silu leaky-relu softplus sigmoid identity", NULL,
     "of layers; not set: tanh (dense) or relu (others)"},
    {"model.integrator", RG_VALUE_CHOICE, NULL, 0, 0, "euler verlet leapfrog midpoint rk4", NULL,
     "how a layer steps in time; not set: the block's own"},
    {"model.gamma", RG_VALUE_NUMBER, "1e-4", 0, 1e3, NULL, NULL,
     "diffusion of antisymmetric blocks, K - K' - gamma I"},
    {"model.groups", RG_VALUE_WHOLE, "8", 1, 65536, NULL, NULL, "groups of group normalisation"},
    {"model.opening_kernel", RG_VALUE_WHOLE, "3", 1, 15, NULL, "pixels",
     "images: edge of the opening convolution's kernel"},
    {"model.opening_stride", RG_VALUE_WHOLE, "1", 1, 8, NULL, "pixels",
     "images: stride of the opening convolution; 2: all stages cost a quarter"},
    {"model.head", RG_VALUE_CHOICE, "pool", 0, 0, "pool conv mlp", NULL,
     "what the network ends with: pool: the mean over positions (of images), linear; conv: a "
     "convolution, means of 2 by 2 windows, linear; mlp: the mean, two linear maps"},
    {"model.dropout", RG_VALUE_NUMBER, "0", 0, 0.99, NULL, NULL,
     "share of features dropped before the classifier"},
    {"model.orthogonal", RG_VALUE_NUMBER, "0", 0, 1e3, NULL, NULL,
     "weights begin as orthonormal matrices times this; 0: as random numbers"},
    {"model.nodes", RG_VALUE_WHOLE, "0", 0, 1048576, NULL, NULL,
     "weights are linear in time between so many nodes; 0: each layer has its own"},
    {"model.state", RG_VALUE_CHOICE, NULL, 0, 0, "float fixed", NULL,
     "fixed: reversible stages keep their state in fixed point, so that the inverse is exact; not "
     "set: fixed with activations reverse-exact"},
    {"model.levels", RG_VALUE_WHOLE, "1", 1, 20, NULL, NULL,
     "train shallow first: each level has twice the layers of the one before, the last has all"},
    /* training */
    {"training.optimiser.name", RG_VALUE_CHOICE, "adamw", 0, 0,
     "sgd momentum nesterov adamw lbfgs gauss-newton", NULL, "how steps are taken"},
    {"training.optimiser.rate", RG_VALUE_NUMBER, "0", 0, 1e6, NULL, NULL,
     "learning rate at its highest; 0: the optimiser's own"},
    {"training.optimiser.weight_decay", RG_VALUE_NUMBER, "0", 0, 1e6, NULL, NULL,
     "decoupled: each step takes rate * weight_decay of a weight away"},
    {"training.optimiser.momentum", RG_VALUE_NUMBER, "0.9", 0, 0.999999, NULL, NULL,
     "of momentum and nesterov"},
    {"training.optimiser.decay1", RG_VALUE_NUMBER, "0.9", 0, 0.999999, NULL, NULL,
     "adamw: decay of the mean gradient"},
    {"training.optimiser.decay2", RG_VALUE_NUMBER, "0.999", 0, 0.9999999, NULL, NULL,
     "adamw: decay of the mean squared gradient"},
    {"training.optimiser.epsilon", RG_VALUE_NUMBER, "1e-8", 0, 1, NULL, NULL,
     "adamw: added to the root of the mean squared gradient"},
    {"training.schedule.name", RG_VALUE_CHOICE, "constant", 0, 0, "constant step cosine linear",
     NULL, "how the learning rate goes down"},
    {"training.schedule.warmup", RG_VALUE_NUMBER, "0", 0, 0.99, NULL, NULL,
     "share of all steps in which the rate rises from 0"},
    {"training.schedule.every", RG_VALUE_NUMBER, "30", 1e-6, MANY, NULL, "epochs",
     "schedule step: after so many the rate is multiplied"},
    {"training.schedule.factor", RG_VALUE_NUMBER, "0.1", 0, 1, NULL, NULL,
     "schedule step: by this"},
    {"training.epochs", RG_VALUE_WHOLE, "10", 1, MANY, NULL, NULL,
     "how often all training samples are gone through"},
    {"training.batch", RG_VALUE_WHOLE, "64", 1, MANY, "all", "samples",
     "samples of a step; all: every step takes all of them"},
    {"training.micro_batch", RG_VALUE_WHOLE, "auto", 0, MANY, "auto", "samples",
     "samples that are run at once, a divisor of batch; 0: all; auto: all, or fewer where all do "
     "not fit into memory or take twice the work"},
    {"training.loss", RG_VALUE_CHOICE, "cross-entropy", 0, 0, "cross-entropy squared huber", NULL,
     "what is minimised; squared and huber predict numbers instead of classes"},
    {"training.smoothing", RG_VALUE_NUMBER, "0", 0, 0.99, NULL, NULL,
     "label smoothing: share of a label given to all classes"},
    {"training.delta", RG_VALUE_NUMBER, "1", 1e-12, 1e12, NULL, NULL,
     "huber: errors up to this are squared, larger ones linear"},
    {"training.activations", RG_VALUE_CHOICE, "auto", 0, 0,
     "auto store recompute reverse reverse-exact", NULL,
     "how back-propagation gets activations; auto: the fastest that fits into memory"},
    {"training.drift", RG_VALUE_NUMBER, "1e-3", 1e-16, 1, NULL, NULL,
     "activations reverse: largest relative error of the inverse that is let pass"},
    {"training.memory", RG_VALUE_SIZE, "0", 0, 1e15, NULL, NULL,
     "most memory, the program included (also 64MB, 1GiB); 0: no limit"},
    {"training.clip", RG_VALUE_NUMBER, "0", 0, 1e12, NULL, NULL,
     "largest norm of the gradient, which is scaled down to it; 0: none"},
    {"training.average", RG_VALUE_NUMBER, "0", 0, 0.9999999, NULL, NULL,
     "decay of averaged weights, which are validated and kept, such as 0.999; 0: none"},
    {"training.smoothness", RG_VALUE_NUMBER, "0", 0, 1e12, NULL, NULL,
     "alpha of the penalty alpha / 2h sum |theta_(j+1) - theta_j|^2 over the layers of a stage"},
    {"training.patience", RG_VALUE_WHOLE, "0", 0, MANY, NULL, "epochs",
     "stop after so many without a lower held-out loss; 0: go on to the end"},
    {"training.stability", RG_VALUE_CHOICE, "off", 0, 0, "off warn project", NULL,
     "warn: measure each layer in each epoch and say which is unstable; project: keep it inside"},
    {"training.scheme", RG_VALUE_CHOICE, "end-to-end", 0, 0, "end-to-end modulewise", NULL,
     "modulewise: the network is cut into modules, each trained under a classifier of its own"},
    {"training.procedure", RG_VALUE_CHOICE, "auto", 0, 0, "parallel sequential multilap auto", NULL,
     "modulewise: all modules in each step, one after the other, or the same in laps; auto: "
     "parallel where that fits into memory, else sequential"},
    {"training.modules", RG_VALUE_WHOLE, NULL, 1, 64, "auto", NULL,
     "modulewise: how many; cut so that their states take about the same memory; auto: the fewest "
     "that fit into training.memory; not set: what cuts make, auto with training.memory, else 4"},
    {"training.cuts", RG_VALUE_WHOLES, NULL, 1, 8388608, NULL, "layers",
     "modulewise: behind which layers of the chain the modules end, the last but for these"},
    {"training.pipeline", RG_VALUE_WHOLE, "auto", 1, 64, "auto", NULL,
     "parallel: how many modules are at work at once, which changes no result; 1: one after the "
     "other; auto: as many as there are threads, up to 3 and to half of the modules, and as fit "
     "into training.memory"},
    {"training.laps", RG_VALUE_WHOLE, "5", 1, 1000, NULL, NULL,
     "multilap: how often each module has its turn"},
    {"training.tau", RG_VALUE_NUMBERS, NULL, 0, 1e12, "auto", NULL,
     "modulewise: of the penalty W / (2 tau) on the transport cost W: one number, two (for the "
     "first half of the modules and the rest) or one for each module; 0: none; auto: from ratio; "
     "not set: auto, where no multiplier is"},
    {"training.tau_factor", RG_VALUE_NUMBER, "1", 1e-6, 1e6, NULL, NULL,
     "what tau is multiplied by over a module's own steps, geometrically; 1: it stays"},
    {"training.ratio", RG_VALUE_NUMBER, "0.1", 1e-6, 1e3, NULL, NULL,
     "tau auto: the penalty's size beside the loss"},
    {"training.multiplier.start", RG_VALUE_NUMBER, "off", 1e-12, 1e12, "off", NULL,
     "modulewise, in place of tau: a module minimises lambda L + W, L being its loss; lambda at "
     "first"},
    {"training.multiplier.rate", RG_VALUE_NUMBER, "1", 0, 1e12, NULL, NULL,
     "what lambda grows by, times the mean loss of the steps since it last did"},
    {"training.multiplier.every", RG_VALUE_WHOLE, "5", 1, MANY, NULL, "steps",
     "after how many of a module's own steps it does"},
    {"training.transport", RG_VALUE_CHOICE, "mean", 0, 0, "mean sum", NULL,
     "modulewise: whether W sums the mean or the sum of squares of what a layer adds"},
    {"training.head", RG_VALUE_CHOICES, "conv", 0, 0, "conv pool mlp", NULL,
     "modulewise: the classifiers of all modules but the last, or of each of them"},
    {"training.features", RG_VALUE_CHOICE, "auto", 0, 0, "auto memory disk recompute", NULL,
     "modulewise, modules in turn: whether what frozen modules hand on is kept for each sample; "
     "auto: where that is cheaper and there is room; changes no result"},
    {"training.precision", RG_VALUE_CHOICE, "single", 0, 0, "single double quad", NULL,
     "arithmetic of weights and training: about 7, 16 or 32 digits"},
    /* extend */
    {"extend.network", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "file of a network whose modules are trained further; it settles `model`, and how many "
     "modules of what precision there are; not set: a new network"},
    {"extend.modules", RG_VALUE_WHOLE, NULL, 1, RUNG_MOST_EXITS, NULL, NULL,
     "so many modules are appended and trained"},
    {"extend.layers", RG_VALUE_WHOLE, NULL, 1, MANY, NULL, NULL,
     "layers of each of them; not set: as many as the last module has"},
    {"extend.head", RG_VALUE_CHOICE, NULL, 0, 0, "conv pool mlp", NULL,
     "classifiers of all of them but the last; not set: as the last exit"},
    {"extend.retrain", RG_VALUE_WHOLES, NULL, 1, RUNG_MOST_EXITS + 1, NULL, NULL,
     "modules, from 1, that are trained from where they are"},
    {"extend.swap", RG_VALUE_WHOLES, NULL, 1, RUNG_MOST_EXITS + 1, NULL, NULL,
     "modules that are trained from new numbers, those of run.seed"},
    {"extend.old", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "samples on which `rung extend` judges the modules as well: what is forgotten"},
    /* run */
    {"run.seed", RG_VALUE_WHOLE, "1", 0, 18446744073709551615.0, NULL, NULL,
     "start of the random numbers: of weights, order, augmentation"},
    {"run.threads", RG_VALUE_WHOLE, "0", 0, 1024, NULL, NULL,
     "threads to share the work, which change no result; 0: one for each processor"},
    {"run.directory", RG_VALUE_TEXT, NULL, 0, 0, NULL, NULL,
     "folder of the run; not set: NAME.run after the recipe's name"},
};

/* ---- what it means ---- */

/* channels, or width; *key is the one that is set, or NULL. */
static int stages_of(const rung_recipe *recipe, int64_t *channels, const char **key) {
  bool width = rung_recipe_get(recipe, "model.width") != NULL;
  bool both = rung_recipe_get(recipe, "model.channels") != NULL;
  *key = width ? "model.width" : both ? "model.channels" : NULL;
  return *key ? rg_recipe_wholes(recipe, *key, RUNG_MOST_STAGES, channels) : 0;
}

static bool has_layers(const rung_recipe *recipe) {
  return !rg_recipe_is(recipe, "model.architecture", "mlp");
}

static bool is_fixed(const rung_recipe *recipe) {
  return rg_recipe_is(recipe, "model.state", "fixed") ||
         rg_recipe_is(recipe, "training.activations", "reverse-exact");
}

static bool is_modulewise(const rung_recipe *recipe) {
  return rg_recipe_is(recipe, "training.scheme", "modulewise");
}

/* Without channels or layers in the recipe these are left as the architecture has them: where one
 * list is given, it says how many stages there are. */
void rg_recipe_network(const rung_recipe *recipe, rung_network_settings *out) {
  rung_network_settings s = *out;
  s.architecture = rung_recipe_get(recipe, "model.architecture");
  s.block = rung_recipe_get(recipe, "model.block");
  s.integrator = rung_recipe_get(recipe, "model.integrator");
  s.activation = rung_recipe_get(recipe, "model.activation");
  s.norm = rung_recipe_get(recipe, "model.norm");
  s.head = rung_recipe_get(recipe, "model.head");
  const char *key;
  int64_t channels[RUNG_MOST_STAGES], layers[RUNG_MOST_STAGES];
  int stages = stages_of(recipe, channels, &key);
  int given = rg_recipe_wholes(recipe, "model.layers", RUNG_MOST_STAGES, layers);
  if (stages) s.stages = stages;
  for (int i = 0; i < stages; i++) s.channels[i] = channels[i];
  if (!stages && given > 1) s.stages = given;
  int filled = s.stages ? s.stages : RUNG_MOST_STAGES;
  for (int i = 0; given && i < filled; i++) s.layers[i] = layers[i < given ? i : given - 1];
  s.time = rung_recipe_number(recipe, "model.time");
  s.step = rung_recipe_number(recipe, "model.step");
  s.gamma = rung_recipe_number(recipe, "model.gamma");
  s.groups = rg_recipe_whole(recipe, "model.groups");
  s.opening_kernel = rg_recipe_whole(recipe, "model.opening_kernel");
  s.opening_stride = rg_recipe_whole(recipe, "model.opening_stride");
  s.dropout = rung_recipe_number(recipe, "model.dropout");
  s.orthogonal = rung_recipe_number(recipe, "model.orthogonal");
  s.nodes = rg_recipe_whole(recipe, "model.nodes");
  s.fixed = is_fixed(recipe);
  *out = s;
}

/* How many entries a list has that is set. */
static int entries(const rung_recipe *recipe, const char *key) {
  int count = 1;
  for (const char *c = rung_recipe_get(recipe, key); *c; c++) count += *c == ',';
  return count;
}

static int heads_given(const rung_recipe *recipe) {
  return entries(recipe, "training.head");
}

int rg_recipe_modules(const rung_recipe *recipe) {
  if (rung_recipe_get(recipe, "training.cuts")) return entries(recipe, "training.cuts") + 1;
  if (rung_recipe_get(recipe, "training.modules"))
    return (int)rg_recipe_whole(recipe, "training.modules");
  return rung_recipe_number(recipe, "training.memory") > 0 ? 0 : 4;
}

int rg_recipe_cuts(const rung_recipe *recipe, int64_t *out) {
  return rg_recipe_wholes(recipe, "training.cuts", RUNG_MOST_EXITS, out);
}

bool rg_recipe_heads_fit(const rung_recipe *recipe, int exits) {
  int given = heads_given(recipe);
  return given == 1 || given == exits;
}

static const char *static_word(const char *at, size_t length) {
  static const char *const words[] = {"conv", "pool", "mlp"};
  const int last = (int)(sizeof words / sizeof *words) - 1;
  int i = 0; /* the table of keys takes no others */
  while (i < last && (strlen(words[i]) != length || strncmp(words[i], at, length) != 0)) i++;
  return words[i];
}

rung_status rg_recipe_heads(const rung_recipe *recipe, rung_context *ctx, int exits,
                            const char **out) {
  const char *at = rung_recipe_get(recipe, "training.head");
  int given = heads_given(recipe);
  if (!rg_recipe_heads_fit(recipe, exits))
    return rg_recipe_fail(recipe, ctx, "training.head",
                          "training.head: expected one word, or %d, one for each module but the "
                          "last; found %d",
                          exits, given);
  for (int e = 0; e < exits; e++) {
    size_t length = strcspn(at, ",");
    out[e] = static_word(at, length);
    if (given > 1) at += length + 1;
  }
  return RUNG_OK;
}

void rg_recipe_dataset(const rung_recipe *recipe, bool test, rung_dataset_options *out) {
  const char *header = rung_recipe_get(recipe, "data.header");
  const char *channels = rung_recipe_get(recipe, "data.channels");
  out->labels = rung_recipe_get(recipe, test ? "data.test-labels" : "data.labels");
  out->target = rung_recipe_get(recipe, "data.target");
  out->ignore = rung_recipe_get(recipe, "data.ignore");
  out->header = strcmp(header, "auto") == 0 ? -1 : strcmp(header, "yes") == 0;
  out->regression = !rg_recipe_is(recipe, "training.loss", "cross-entropy");
  out->skip_bad = rg_recipe_flag(recipe, "data.skip-bad");
  out->height = (int)rg_recipe_whole(recipe, "data.height");
  out->width = (int)rg_recipe_whole(recipe, "data.width");
  out->channels = strcmp(channels, "auto") == 0 ? 0 : *channels - '0';
}

void rg_recipe_batches(const rung_recipe *recipe, rung_batch_options *out) {
  out->batch = rg_recipe_whole(recipe, "training.batch");
  out->training = 1;
  out->seed = rg_recipe_seed(recipe, "run.seed");
  out->augment = (rung_augment){.flip = rg_recipe_flag(recipe, "data.augment.flip"),
                                .rotate = rung_recipe_number(recipe, "data.augment.rotate"),
                                .shift = (int)rg_recipe_whole(recipe, "data.augment.shift"),
                                .crop = (int)rg_recipe_whole(recipe, "data.augment.crop"),
                                .noise = rung_recipe_number(recipe, "data.augment.noise")};
}

static rung_activations activations_of(const rung_recipe *recipe) {
  static const struct {
    const char *name;
    rung_activations activations;
  } names[] = {{"store", RUNG_STORE},
               {"recompute", RUNG_RECOMPUTE},
               {"reverse", RUNG_REVERSE},
               {"reverse-exact", RUNG_REVERSE_EXACT}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (rg_recipe_is(recipe, "training.activations", names[i].name)) return names[i].activations;
  return RUNG_ACTIVATIONS_AUTO;
}

void rg_recipe_training(const rung_recipe *recipe, rung_training *out) {
  rung_training t = {0};
  t.optimiser = rung_recipe_get(recipe, "training.optimiser");
  t.rate = rung_recipe_number(recipe, "training.optimiser.rate");
  t.weight_decay = rung_recipe_number(recipe, "training.optimiser.weight_decay");
  t.momentum = rung_recipe_number(recipe, "training.optimiser.momentum");
  t.decay1 = rung_recipe_number(recipe, "training.optimiser.decay1");
  t.decay2 = rung_recipe_number(recipe, "training.optimiser.decay2");
  t.epsilon = rung_recipe_number(recipe, "training.optimiser.epsilon");
  t.schedule = rung_recipe_get(recipe, "training.schedule");
  t.warmup = rung_recipe_number(recipe, "training.schedule.warmup");
  t.step_every = rung_recipe_number(recipe, "training.schedule.every");
  t.step_factor = rung_recipe_number(recipe, "training.schedule.factor");
  t.clip = rung_recipe_number(recipe, "training.clip");
  t.average = rung_recipe_number(recipe, "training.average");
  t.smoothness = rung_recipe_number(recipe, "training.smoothness");
  t.batch = rg_recipe_whole(recipe, "training.batch");
  t.micro_batch = rg_recipe_is(recipe, "training.micro_batch", "auto")
                      ? RUNG_MICRO_AUTO
                      : rg_recipe_whole(recipe, "training.micro_batch");
  t.loss = rg_recipe_is(recipe, "training.loss", "squared") ? RUNG_SQUARED
           : rg_recipe_is(recipe, "training.loss", "huber") ? RUNG_HUBER
                                                            : RUNG_CROSS_ENTROPY;
  t.smoothing = rung_recipe_number(recipe, "training.smoothing");
  t.delta = rung_recipe_number(recipe, "training.delta");
  t.activations = activations_of(recipe);
  t.drift = rung_recipe_number(recipe, "training.drift");
  t.memory = (size_t)rung_recipe_number(recipe, "training.memory");
  t.seed = rg_recipe_seed(recipe, "run.seed");
  t.modulewise = is_modulewise(recipe);
  t.procedure = rung_recipe_get(recipe, "training.procedure");
  t.laps = rg_recipe_whole(recipe, "training.laps");
  t.tau = RUNG_TAU_AUTO;
  t.taus = rg_recipe_reals(recipe, "training.tau", RUNG_MOST_EXITS + 1, t.tau_of);
  t.tau_factor = rung_recipe_number(recipe, "training.tau_factor");
  t.multiplier = rung_recipe_number(recipe, "training.multiplier.start");
  t.multiplier_rate = rung_recipe_number(recipe, "training.multiplier.rate");
  t.multiplier_every = rg_recipe_whole(recipe, "training.multiplier.every");
  t.ratio = rung_recipe_number(recipe, "training.ratio");
  if (!rg_recipe_is(recipe, "training.pipeline", "auto"))
    t.pipeline = (int)rg_recipe_whole(recipe, "training.pipeline");
  t.transport_sum = rg_recipe_is(recipe, "training.transport", "sum");
  *out = t;
}

/* ---- what goes together ---- */

/* The integrators of each block (docs/architectures.md), its own first. */
static const struct {
  const char *name, *integrators;
} blocks[] = {
    {"resnet", "euler rk4 midpoint"},        {"bottleneck", "euler rk4 midpoint"},
    {"antisymmetric", "euler rk4 midpoint"}, {"parabolic", "euler rk4"},
    {"hamiltonian", "verlet euler rk4"},     {"hamiltonian-two", "verlet euler rk4"},
    {"leapfrog", "leapfrog euler rk4"},      {"midpoint", "midpoint euler rk4"},
};
#define REVERSIBLE "verlet leapfrog midpoint" /* integrators */
#define REVERSIBLE_BLOCKS "hamiltonian, hamiltonian-two, leapfrog, midpoint"

static bool in_words(const char *words, const char *word) {
  size_t length = strlen(word);
  for (const char *at = words; *at;) {
    size_t size = strcspn(at, " ");
    if (size == length && strncmp(at, word, size) == 0) return true;
    at += size + (at[size] == ' ');
  }
  return false;
}

static rung_status check_stages(const rung_recipe *recipe, rung_context *ctx) {
  int64_t channels[RUNG_MOST_STAGES + 1], layers[RUNG_MOST_STAGES + 1];
  const char *key = rung_recipe_get(recipe, "model.width") ? "model.width" : "model.channels";
  if (rung_recipe_get(recipe, "model.width") && rung_recipe_get(recipe, "model.channels"))
    return rg_recipe_fail(recipe, ctx, "model.width",
                          "both model.channels and model.width are set; they mean the same");
  int stages = rg_recipe_wholes(recipe, key, RUNG_MOST_STAGES + 1, channels);
  int given = rg_recipe_wholes(recipe, "model.layers", RUNG_MOST_STAGES + 1, layers);
  if (stages > RUNG_MOST_STAGES || given > RUNG_MOST_STAGES)
    return rg_recipe_fail(recipe, ctx, stages > given ? key : "model.layers",
                          "expected at most %d stages", RUNG_MOST_STAGES);
  if (given && !has_layers(recipe))
    return rg_recipe_fail(recipe, ctx, "model.layers",
                          "an mlp has a layer for each number of model.width; model.layers belongs "
                          "to the other architectures");
  if (given > 1 && stages && given != stages)
    return rg_recipe_fail(recipe, ctx, "model.layers",
                          "expected one number or %d, one for each stage of %s; found %d", stages,
                          key, given);
  int64_t parts = (int64_t)1 << (rg_recipe_whole(recipe, "model.levels") - 1);
  if (parts > 1 && !given)
    return rg_recipe_fail(recipe, ctx, "model.levels", "model.levels needs model.layers");
  for (int i = 0; i < given; i++)
    if (layers[i] % parts != 0)
      return rg_recipe_fail(recipe, ctx, "model.levels",
                            "%lld levels begin with layers / %lld: expected model.layers to be a "
                            "multiple of that, found %lld",
                            (long long)rg_recipe_whole(recipe, "model.levels"), (long long)parts,
                            (long long)layers[i]);
  return RUNG_OK;
}

/* mlp and cnn have no layers of a block; those of a plain resnet are no steps in time. */
static bool steps_in_time(const rung_recipe *recipe) {
  if (rg_recipe_is(recipe, "model.architecture", "resnet"))
    return !rg_recipe_is(recipe, "model.block", "resnet") &&
           !rg_recipe_is(recipe, "model.block", "bottleneck");
  return rg_recipe_is(recipe, "model.architecture", "dense") ||
         rg_recipe_is(recipe, "model.architecture", "conv");
}

static rung_status check_integrator(const rung_recipe *recipe, rung_context *ctx,
                                    const char *integrators) {
  const char *architecture = rung_recipe_get(recipe, "model.architecture");
  const char *integrator = rung_recipe_get(recipe, "model.integrator");
  const char *norm = rung_recipe_get(recipe, "model.norm");
  if (!integrator) return RUNG_OK;
  if (!steps_in_time(recipe))
    return rg_recipe_fail(recipe, ctx, "model.integrator",
                          "layers that step in time are those of the architectures dense and conv; "
                          "found %s",
                          architecture);
  if (!in_words(integrators, integrator))
    return rg_recipe_fail(recipe, ctx, "model.integrator",
                          "block %s steps in time by one of: %s; found \"%s\"",
                          rung_recipe_get(recipe, "model.block"), integrators, integrator);
  if (!norm) norm = strcmp(architecture, "dense") == 0 ? "none" : "batch";
  if (strcmp(integrator, "rk4") == 0 && strcmp(norm, "batch") == 0)
    return rg_recipe_fail(recipe, ctx, "model.integrator",
                          "rk4 looks at each layer four times, and batch normalisation needs "
                          "statistics of each; set model.norm to none, layer or group");
  return RUNG_OK;
}

static rung_status check_block(const rung_recipe *recipe, rung_context *ctx) {
  const char *block = rung_recipe_get(recipe, "model.block");
  size_t at = 0;
  while (strcmp(blocks[at].name, block) != 0) at++;
  if (strcmp(block, "bottleneck") == 0 && rg_recipe_is(recipe, "model.architecture", "dense"))
    return rg_recipe_fail(recipe, ctx, "model.block",
                          "block bottleneck is for images; for features: resnet");
  return check_integrator(recipe, ctx, blocks[at].integrators);
}

/* Activations that are recovered need layers that can be undone. */
static rung_status check_activations(const rung_recipe *recipe, rung_context *ctx) {
  const char *block = rung_recipe_get(recipe, "model.block");
  const char *integrator = rung_recipe_get(recipe, "model.integrator");
  rung_activations activations = activations_of(recipe);
  bool fixed = rg_recipe_is(recipe, "model.state", "fixed");
  bool reverse = activations == RUNG_REVERSE || activations == RUNG_REVERSE_EXACT;
  char own[16] = "", found[80];
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
    if (strcmp(blocks[i].name, block) == 0)
      snprintf(own, sizeof own, "%.*s", (int)strcspn(blocks[i].integrators, " "),
               blocks[i].integrators);
  bool reversible = steps_in_time(recipe) && in_words(REVERSIBLE, integrator ? integrator : own);
  if (steps_in_time(recipe))
    snprintf(found, sizeof found, "%s%s%s", block, integrator ? " with integrator " : "",
             integrator ? integrator : "");
  else
    snprintf(found, sizeof found, "the architecture %s",
             rung_recipe_get(recipe, "model.architecture"));
  if (reverse && !reversible)
    return rg_recipe_fail(
        recipe, ctx, "training.activations",
        "activations \"%s\" need a reversible block, which are: " REVERSIBLE_BLOCKS "; found %s",
        rung_recipe_get(recipe, "training.activations"), found);
  if (fixed && !reversible)
    return rg_recipe_fail(recipe, ctx, "model.state",
                          "a state in fixed point belongs to a reversible block, which "
                          "are: " REVERSIBLE_BLOCKS "; found %s",
                          found);
  if (activations == RUNG_REVERSE_EXACT && rg_recipe_is(recipe, "model.state", "float"))
    return rg_recipe_fail(recipe, ctx, "model.state",
                          "activations reverse-exact need a state in fixed point, found float");
  return RUNG_OK;
}

static rung_status check_data(const rung_recipe *recipe, rung_context *ctx) {
  double validation = rung_recipe_number(recipe, "data.validation");
  bool classes = rg_recipe_is(recipe, "training.loss", "cross-entropy");
  if (!rung_recipe_get(recipe, "data.train"))
    return rg_recipe_fail(recipe, ctx, NULL,
                          "data.train is not set: which samples are to be trained on?");
  if (validation > 1 && floor(validation) < validation)
    return rg_recipe_fail(recipe, ctx, "data.validation",
                          "expected a share below 1 or a whole number, found %.17g", validation);
  if (rung_recipe_get(recipe, "data.test-labels") && !rung_recipe_get(recipe, "data.test"))
    return rg_recipe_fail(recipe, ctx, "data.test-labels",
                          "data.test-labels is set, but no data.test");
  if ((rg_recipe_whole(recipe, "data.height") > 0) != (rg_recipe_whole(recipe, "data.width") > 0))
    return rg_recipe_fail(recipe, ctx, "data.height",
                          "data.height and data.width go together: both or none");
  if (!classes && !rg_recipe_is(recipe, "data.class-weights", "none"))
    return rg_recipe_fail(recipe, ctx, "data.class-weights",
                          "class weights belong to loss cross-entropy, found loss %s",
                          rung_recipe_get(recipe, "training.loss"));
  return RUNG_OK;
}

static rung_status check_training(const rung_recipe *recipe, rung_context *ctx) {
  bool classes = rg_recipe_is(recipe, "training.loss", "cross-entropy");
  bool newton = rg_recipe_is(recipe, "training.optimiser", "gauss-newton");
  if (!classes && rung_recipe_number(recipe, "training.smoothing") > 0)
    return rg_recipe_fail(recipe, ctx, "training.smoothing",
                          "label smoothing belongs to loss cross-entropy, found loss %s",
                          rung_recipe_get(recipe, "training.loss"));
  if (newton && rg_recipe_is(recipe, "training.loss", "huber"))
    return rg_recipe_fail(recipe, ctx, "training.loss",
                          "gauss-newton minimises cross-entropy or squared, found huber");
  if (rg_recipe_whole(recipe, "training.patience") > 0 &&
      !(rung_recipe_number(recipe, "data.validation") > 0))
    return rg_recipe_fail(recipe, ctx, "training.patience",
                          "patience looks at held-out samples, but data.validation is 0");
  return RUNG_OK;
}

/* One of tau and multiplier is in charge; a list of tau has as many numbers as it can mean. */
static rung_status check_penalty(const rung_recipe *recipe, rung_context *ctx) {
  double tau[RUNG_MOST_EXITS + 2];
  char modules[60] = "";
  int given = rg_recipe_reals(recipe, "training.tau", RUNG_MOST_EXITS + 2, tau);
  int count = rg_recipe_modules(recipe); /* auto: 0 */
  if (rung_recipe_number(recipe, "training.multiplier.start") > 0 &&
      rung_recipe_get(recipe, "training.tau"))
    return rg_recipe_fail(recipe, ctx, "training.multiplier.start",
                          "both training.multiplier and training.tau are set; one of them is in "
                          "charge of the penalty");
  if (count > 2) snprintf(modules, sizeof modules, ", or %d, one for each module", count);
  if (given > 2 && given != count)
    return rg_recipe_fail(recipe, ctx, "training.tau",
                          "training.tau: expected one number or two%s; found %d", modules, given);
  if (given == 0 && fabs(rung_recipe_number(recipe, "training.tau_factor") - 1) > 0)
    return rg_recipe_fail(recipe, ctx, "training.tau_factor",
                          "training.tau_factor changes a training.tau that is given in numbers");
  return RUNG_OK;
}

static rung_status check_cuts(const rung_recipe *recipe, rung_context *ctx) {
  int64_t cuts[RUNG_MOST_EXITS];
  if (!rung_recipe_get(recipe, "training.cuts")) return RUNG_OK;
  int given = entries(recipe, "training.cuts"), count = rg_recipe_cuts(recipe, cuts);
  if (given > RUNG_MOST_EXITS)
    return rg_recipe_fail(recipe, ctx, "training.cuts",
                          "training.cuts: expected at most %d, found %d", RUNG_MOST_EXITS, given);
  for (int i = 1; i < count; i++)
    if (cuts[i] <= cuts[i - 1])
      return rg_recipe_fail(recipe, ctx, "training.cuts",
                            "training.cuts: expected rising numbers; found %lld behind %lld",
                            (long long)cuts[i], (long long)cuts[i - 1]);
  if (rung_recipe_get(recipe, "training.modules") &&
      rg_recipe_whole(recipe, "training.modules") != count + 1)
    return rg_recipe_fail(recipe, ctx, "training.modules",
                          "training.modules: expected nothing or %d, what training.cuts make; "
                          "found %s",
                          count + 1, rung_recipe_get(recipe, "training.modules"));
  return RUNG_OK;
}

/* What looks at the network as a whole does not go with modules. */
static rung_status check_modules(const rung_recipe *recipe, rung_context *ctx) {
  static const char *const whole[] = {"lbfgs", "gauss-newton"};
  if (!is_modulewise(recipe)) return RUNG_OK;
  for (int i = 0; i < 2; i++)
    if (rg_recipe_is(recipe, "training.optimiser", whole[i]))
      return rg_recipe_fail(recipe, ctx, "training.optimiser",
                            "optimiser %s sees the network as a whole; modules take sgd, momentum, "
                            "nesterov or adamw",
                            whole[i]);
  const char *heads[RUNG_MOST_EXITS];
  RG_TRY(check_cuts(recipe, ctx));
  int modules = rg_recipe_modules(recipe);
  if (modules > 0) RG_TRY(rg_recipe_heads(recipe, ctx, modules - 1, heads));
  if (modules == 0 && !rg_recipe_heads_fit(recipe, 0))
    return rg_recipe_fail(recipe, ctx, "training.head",
                          "training.head: expected one word with modules auto, found %d",
                          heads_given(recipe));
  if (rg_recipe_whole(recipe, "model.levels") > 1)
    return rg_recipe_fail(recipe, ctx, "model.levels", "levels do not go with modules");
  if (!rg_recipe_is(recipe, "training.stability", "off"))
    return rg_recipe_fail(recipe, ctx, "training.stability",
                          "stability is measured of networks trained end to end");
  if (rung_recipe_number(recipe, "training.smoothness") > 0)
    return rg_recipe_fail(recipe, ctx, "training.smoothness",
                          "smoothness in time spans modules: not with scheme modulewise");
  if (!rg_recipe_is(recipe, "training.procedure", "parallel") &&
      !rg_recipe_is(recipe, "training.procedure", "auto") &&
      rg_recipe_whole(recipe, "training.patience") > 0)
    return rg_recipe_fail(recipe, ctx, "training.patience",
                          "modules that are trained in turn have their epochs: no patience");
  return check_penalty(recipe, ctx);
}

/* What is to be done to a network that is there. */
static rung_status check_extension(const rung_recipe *recipe, rung_context *ctx) {
  static const char *const trained[] = {"extend.modules", "extend.retrain", "extend.swap"};
  static const char *const needs[][2] = {
      {"extend.modules", "extend.network"}, {"extend.retrain", "extend.network"},
      {"extend.swap", "extend.network"},    {"extend.old", "extend.network"},
      {"extend.layers", "extend.modules"},  {"extend.head", "extend.modules"},
  };
  static const char *const settled[] = {"model.channels", "model.width", "model.layers",
                                        "training.modules", "training.cuts"};
  bool any = false;
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
    if (rung_recipe_get(recipe, needs[i][0]) && !rung_recipe_get(recipe, needs[i][1]))
      return rg_recipe_fail(recipe, ctx, needs[i][0], "%s belongs to %s", needs[i][0], needs[i][1]);
  for (size_t i = 0; i < sizeof trained / sizeof *trained; i++)
    any = any || rung_recipe_get(recipe, trained[i]);
  if (!rung_recipe_get(recipe, "extend.network")) return RUNG_OK;
  if (!is_modulewise(recipe))
    return rg_recipe_fail(recipe, ctx, "extend.network",
                          "extend.network needs training.scheme modulewise");
  for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
    if (rung_recipe_get(recipe, settled[i]))
      return rg_recipe_fail(recipe, ctx, settled[i], "%s is settled by the network to extend",
                            settled[i]);
  if (!any)
    return rg_recipe_fail(recipe, ctx, "extend.network",
                          "expected what is to be trained: extend.modules, extend.retrain or "
                          "extend.swap");
  return RUNG_OK;
}

static rung_status check(const rung_recipe *recipe, rung_context *ctx) {
  RG_TRY(check_data(recipe, ctx));
  RG_TRY(check_extension(recipe, ctx));
  RG_TRY(check_stages(recipe, ctx));
  RG_TRY(check_block(recipe, ctx));
  RG_TRY(check_activations(recipe, ctx));
  RG_TRY(check_modules(recipe, ctx));
  return check_training(recipe, ctx);
}

const rg_recipe_table rg_recipe_train_table = {keys, sizeof keys / sizeof keys[0],
                                               "data: {train: digits.csv}", check};
_Static_assert(sizeof keys / sizeof keys[0] <= RG_MOST_KEYS, "see RG_MOST_KEYS");
