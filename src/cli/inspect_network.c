/* rung inspect of a network: architecture, tensors, and the memory that training would take. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

static void shape_text(char *out, size_t size, const rung_shape *shape) {
  size_t used = 0;
  snprintf(out, size, "1");
  for (int i = 0; i < shape->rank && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? " x " : "",
                             (long long)shape->dim[i]);
}

static void list_text(char *out, size_t size, int count, const int64_t *value) {
  size_t used = 0;
  out[0] = 0;
  for (int i = 0; i < count && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? "," : "", (long long)value[i]);
}

/* "conv", or "conv,pool" where they differ. */
static void heads_text(char *out, size_t size, const rung_network_settings *s) {
  size_t used = 0;
  bool same = true;
  for (int e = 1; e < s->exits; e++) same = same && !strcmp(s->exit_head[e], s->exit_head[0]);
  for (int e = 0; e < (same ? 1 : s->exits) && used < size; e++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", e ? "," : "", s->exit_head[e]);
}

/* ---- the architecture ---- */

typedef struct fact {
  const char *key, *label; /* of JSON, of text */
  char value[320];
  bool number; /* JSON without quotes */
} fact;

#define MOST_FACTS 24

static void add(fact *list, int *count, const char *key, const char *label, bool number,
                const char *value) {
  if (!value || !*value) return;
  fact *f = &list[(*count)++];
  *f = (fact){.key = key, .label = label, .number = number};
  snprintf(f->value, sizeof f->value, "%s", value);
}

static void add_number(fact *list, int *count, const char *key, const char *label, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.10g", value);
  add(list, count, key, label, true, text);
}

static int facts_of(const rung_network *network, fact *list) {
  rung_network_settings s = rung_network_get_settings(network);
  rung_shape sample = rung_network_sample(network);
  char channels[160], layers[160], takes[80], cuts[320], heads[320];
  int n = 0;
  list_text(channels, sizeof channels, s.stages, s.channels);
  list_text(layers, sizeof layers, s.stages, s.layers);
  shape_text(takes, sizeof takes, &sample);
  bool mlp = strcmp(s.architecture, "mlp") == 0;
  add(list, &n, "architecture", "architecture", false, s.architecture);
  if (!mlp) add(list, &n, "block", "block", false, s.block);
  add(list, &n, "integrator", "integrator", false, s.integrator);
  add(list, &n, "activation", "activation", false, s.activation);
  add(list, &n, "norm", "norm", false, s.norm);
  if (s.head && strcmp(s.head, "pool") != 0) add(list, &n, "ends", "ends with", false, s.head);
  add(list, &n, "channels", sample.rank == 3 ? "channels" : "width", false, channels);
  if (!mlp) {
    add(list, &n, "layers", "layers", false, layers);
    add_number(list, &n, "time", "final time", s.time);
    if (s.added) add_number(list, &n, "added", "beyond it", (double)s.added);
  }
  if (s.fixed) add(list, &n, "state", "state", false, "fixed point");
  add(list, &n, "sample", "takes", false, takes);
  add(list, &n, "precision", "precision", false, rung_dtype_name(rung_network_dtype(network)));
  if (s.exits) {
    list_text(cuts, sizeof cuts, s.exits, s.exit_at);
    add_number(list, &n, "modules", "modules", s.exits + 1);
    add(list, &n, "cuts", "cut behind", false, cuts);
    heads_text(heads, sizeof heads, &s);
    add(list, &n, "head", "their heads", false, heads);
  }
  add_number(list, &n, "outputs", "outputs", (double)rung_network_outputs(network));
  add_number(list, &n, "parameters", "parameters", (double)rung_network_parameters(network));
  return n;
}

static void tell_classes(const rung_network *network, bool json) {
  const char *const *names = rung_network_classes(network);
  int64_t count = names ? rung_network_outputs(network) : 0;
  if (json) fputs(",\"classes\":[", stdout);
  if (!json && count) printf("%-13s", "classes");
  for (int64_t k = 0; k < count; k++) {
    if (json && k) putchar(',');
    if (json)
      cli_json_text(names[k]);
    else
      printf("%s%s", k ? ", " : "", names[k]);
  }
  if (json) putchar(']');
  if (!json && count) putchar('\n');
}

/* ---- the tensors ---- */

static int tell_tensors(const rung_network *network, rung_context *ctx, bool json) {
  if (json)
    fputs(",\"tensors\":[", stdout);
  else
    printf("\n%-28s  %20s  %10s\n", "tensor", "shape", "numbers");
  for (int i = 0; i < rung_network_tensors(network); i++) {
    rung_tensor t;
    char shape[80];
    if (rung_network_tensor(network, ctx, i, &t) != RUNG_OK) return cli_failed(ctx);
    shape_text(shape, sizeof shape, &t.shape);
    if (!json) {
      printf("%-28s  %20s  %10lld%s\n", t.name, shape, (long long)rung_shape_count(&t.shape),
             t.statistic ? "  running statistic" : "");
      continue;
    }
    fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
    cli_json_text(t.name);
    fputs(",\"shape\":[", stdout);
    for (int d = 0; d < t.shape.rank; d++)
      printf("%s%lld", d ? "," : "", (long long)t.shape.dim[d]);
    printf("],\"statistic\":%s}", t.statistic ? "true" : "false");
  }
  if (json) putchar(']');
  return CLI_SUCCESS;
}

/* ---- the memory of training ---- */

static const struct {
  const char *name;
  rung_activations activations;
} modes[] = {{"store", RUNG_STORE},
             {"recompute", RUNG_RECOMPUTE},
             {"reverse", RUNG_REVERSE},
             {"reverse-exact", RUNG_REVERSE_EXACT}};

/* A mode that the network does not allow is left out. */
static void tell_mode(rung_network *network, rung_context *ctx, size_t mode, long batch, bool json,
                      bool *first) {
  rung_training training = rung_training_default();
  rung_trainer *trainer;
  training.batch = batch;
  training.activations = modes[mode].activations;
  if (!rung_network_classes(network)) training.loss = RUNG_SQUARED;
  if (rung_trainer_create(network, ctx, &training, 1, 1, &trainer) != RUNG_OK) {
    rung_clear_error(ctx);
    return;
  }
  double bytes = (double)rung_trainer_bytes(trainer);
  if (json) {
    fputs(*first ? "{\"activations\":" : ",{\"activations\":", stdout);
    cli_json_text(modes[mode].name);
    cli_json_key("bytes", false);
    cli_json_value(bytes);
    cli_json_key("plan", false);
    cli_json_text(rung_trainer_plan(trainer));
    putchar('}');
  } else {
    printf("%-13s  %10.2f MB  %s\n", modes[mode].name, bytes / 1e6, rung_trainer_plan(trainer));
  }
  *first = false;
  rung_trainer_destroy(trainer);
}

static void tell_plan(rung_network *network, rung_context *ctx, long batch, bool json) {
  bool first = true;
  if (json)
    fputs(",\"plan\":[", stdout);
  else
    printf("\n%-13s  %13s\n", "activations", "training");
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    tell_mode(network, ctx, i, batch, json, &first);
  if (json) putchar(']');
}

int cli_inspect_network(const cli_args *args, rung_context *ctx, rung_network *network) {
  bool json = cli_given(args, "json");
  const char *plan = cli_value(args, "plan");
  long batch = plan ? strtol(plan, NULL, 10) : 0;
  if (plan && (batch < 1 || batch > 1000000))
    return cli_usage("--plan: expected 1 to 1000000 samples, found '%s'", plan);
  fact list[MOST_FACTS];
  int count = facts_of(network, list);
  if (json) putchar('{');
  for (int i = 0; i < count; i++) {
    if (!json) {
      printf("%-12s %s\n", list[i].label, list[i].value);
      continue;
    }
    cli_json_key(list[i].key, i == 0);
    if (list[i].number)
      fputs(list[i].value, stdout);
    else
      cli_json_text(list[i].value);
  }
  tell_classes(network, json);
  int status = tell_tensors(network, ctx, json);
  if (!status && plan) tell_plan(network, ctx, batch, json);
  if (!status && cli_given(args, "stability")) status = cli_inspect_stability(args, ctx, network);
  if (json && !status) puts("}");
  return status;
}
