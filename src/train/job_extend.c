/* Networks that are there, of which some modules are trained further: given by the caller, or named
 * by the recipe's keys under `extend`. */
#include "train/job.h"

rung_status rg_job_take_given(rg_job *j, const rung_network *n, uint64_t trained) {
  const rung_recipe *r = j->recipe;
  const int modules = rung_network_exits(n) + 1;
  const uint64_t all = UINT64_MAX >> (64 - modules);
  if (!j->training.modulewise)
    return rg_recipe_fail(r, j->ctx, "training.scheme",
                          "expected training.scheme modulewise, found end-to-end");
  if (j->classes != (n->class_name != NULL))
    return rg_recipe_fail(r, j->ctx, "training.loss", "the network predicts %s: found loss %s",
                          n->class_name ? "classes" : "values",
                          rung_recipe_get(r, "training.loss"));
  if (!trained || trained & ~all)
    return rg_fail(j->ctx, RUNG_E_ARGUMENT,
                   "trained: expected one or more of the network's %d modules", modules);
  j->given = n;
  j->training.frozen = all & ~trained;
  j->modules = modules;
  j->dtype = n->dtype;
  return RUNG_OK;
}

/* The modules that a list names, as bits. */
static rung_status modules_of(const rg_job *j, const char *key, int modules, uint64_t *out) {
  int64_t module[RUNG_MOST_EXITS + 1];
  int count = rg_recipe_wholes(j->recipe, key, RUNG_MOST_EXITS + 1, module);
  *out = 0;
  for (int i = 0; i < count; i++) {
    if (module[i] > modules)
      return rg_recipe_fail(j->recipe, j->ctx, key, "%s: expected modules from 1 to %d, found %lld",
                            key, modules, (long long)module[i]);
    *out |= UINT64_C(1) << (module[i] - 1);
  }
  return RUNG_OK;
}

/* `network` with the modules that are appended, or as it is. */
static rung_status grow(const rg_job *j, const rung_network *network, rung_network **out) {
  rung_growth growth = rung_growth_default();
  growth.modules = (int)rg_recipe_whole(j->recipe, "extend.modules");
  growth.layers = rg_recipe_whole(j->recipe, "extend.layers");
  growth.head = rung_recipe_get(j->recipe, "extend.head");
  growth.seed = j->training.seed;
  return growth.modules ? rung_network_grow(network, j->ctx, &growth, out)
                        : rung_network_copy(network, j->ctx, out);
}

static rung_status extend(rg_job *j, const rung_network *network) {
  uint64_t retrained, swapped, appended = 0;
  int modules = rung_network_exits(network) + 1;
  RG_TRY(modules_of(j, "extend.retrain", modules, &retrained));
  RG_TRY(modules_of(j, "extend.swap", modules, &swapped));
  if (retrained & swapped)
    return rg_recipe_fail(j->recipe, j->ctx, "extend.swap",
                          "a module is named by both extend.retrain and extend.swap");
  RG_TRY(grow(j, network, &j->extended));
  for (int k = 1; k <= modules; k++)
    if (swapped >> (k - 1) & 1)
      RG_TRY(rung_network_renew(j->extended, j->ctx, k, j->training.seed));
  for (int k = modules; k <= rung_network_exits(j->extended); k++) appended |= UINT64_C(1) << k;
  return rg_job_take_given(j, j->extended, retrained | swapped | appended);
}

rung_status rg_job_open_given(rg_job *j) {
  const char *path = rung_recipe_get(j->recipe, "extend.network");
  rung_network *network;
  if (!path) return RUNG_OK;
  RG_TRY(rung_network_load(j->ctx, path, &network));
  rung_status status = extend(j, network);
  rung_network_destroy(network);
  return status;
}

void rg_job_close_given(rg_job *j) {
  rung_network_destroy(j->extended);
  if (j->extended) j->given = NULL;
  j->extended = NULL;
}
