/* The network that a training kept, judged on the samples it was not trained on. */
#include "study/judge.h"

#include "store/recipe.h"

#define BATCH 64 /* small: a report must do with the memory that training had */

/* The split of a training (train/job_data.c): a function of share and seed. */
static rung_status open_held(rg_judgement *j, const rung_recipe *recipe) {
  rung_part trained = {0};
  double share = rung_recipe_number(recipe, "data.validation");
  RG_TRY(rung_part_split(j->set, j->ctx, NULL, share, rg_recipe_seed(recipe, "run.seed"), &trained,
                         &j->part));
  rung_free(j->ctx, trained.index);
  return RUNG_OK;
}

/* What every exit answers; the last is the network's end. */
static rung_status judge_exits(rg_judgement *j, int worst) {
  rung_network_evaluation *e[RUNG_MOST_EXITS + 1];
  rung_evaluate_options how = rung_evaluate_options_default();
  how.batch = BATCH;
  how.worst = worst;
  RG_TRY(
      rung_network_evaluate_exits(j->ctx, j->network, j->set, j->test ? NULL : &j->part, &how, e));
  for (j->exits = 0; j->exits < rung_network_exits(j->network); j->exits++) {
    j->exit[j->exits] = (rg_exit_score){e[j->exits]->loss, e[j->exits]->accuracy};
    rung_network_evaluation_destroy(j->ctx, e[j->exits]);
  }
  j->evaluation = e[j->exits];
  return RUNG_OK;
}

static rung_status judge(rg_judgement *j, const rung_recipe *recipe, const char *model_path,
                         int worst) {
  rung_dataset_options data = rung_dataset_options_default();
  const char *test = rung_recipe_get(recipe, "data.test");
  size_t memory = (size_t)rung_recipe_number(recipe, "training.memory");
  j->test = test != NULL;
  if (!test && !(rung_recipe_number(recipe, "data.validation") > 0))
    return rg_fail(j->ctx, RUNG_E_DATA, "no samples were held out");
  RG_TRY(rung_network_load(j->ctx, model_path, &j->network));
  rg_recipe_dataset(recipe, j->test, &data);
  data.memory = memory / 2;
  rung_network_dataset(j->network, &data);
  RG_TRY(rung_dataset_open(j->ctx, test ? test : rung_recipe_get(recipe, "data.train"), &data,
                           &j->set));
  if (!test) RG_TRY(open_held(j, recipe));
  return judge_exits(j, worst);
}

rung_status rg_judge(rung_context *ctx, const char *recipe_path, const char *model_path, int worst,
                     rg_judgement *out) {
  rung_recipe *recipe;
  *out = (rg_judgement){.ctx = ctx};
  RG_TRY(rung_recipe_load(ctx, RUNG_RECIPE_TRAIN, recipe_path, &recipe));
  rung_status status = judge(out, recipe, model_path, worst);
  rung_recipe_destroy(recipe);
  return status;
}

void rg_judgement_free(rg_judgement *j) {
  rung_network_evaluation_destroy(j->ctx, j->evaluation);
  rung_free(j->ctx, j->part.index);
  rung_dataset_destroy(j->set);
  rung_network_destroy(j->network);
}
