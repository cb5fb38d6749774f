/* The network that a training kept, judged on the samples it was not trained on. */
#include "study/judge.h"

#include "store/recipe.h"

#define BATCH 64 /* small: a report must do with the memory that training had */

/* The split of a training (train/job_data.c): a function of share and seed. */
static rung_status open_held(rg_judgement *j, const rung_recipe *recipe) {
  rung_part trained = {0};
  double share = rg_recipe_real(recipe, "data.validation");
  RG_TRY(rung_part_split(j->set, j->ctx, NULL, share, rg_recipe_seed(recipe, "run.seed"), &trained,
                         &j->part));
  rung_free(j->ctx, trained.index);
  return RUNG_OK;
}

/* What the answers at exit `exit` (0: the end) come to. */
static rung_status evaluate(rg_judgement *j, int exit, int worst, rung_network_evaluation **out) {
  rung_evaluate_options how = rung_evaluate_options_default();
  how.batch = BATCH;
  how.worst = worst;
  how.exit = exit;
  return rung_network_evaluate(j->ctx, j->network, j->set, j->test ? NULL : &j->part, &how, out);
}

static rung_status judge_exits(rg_judgement *j) {
  for (int exit = 1; exit <= rung_network_exits(j->network); exit++) {
    rung_network_evaluation *e;
    RG_TRY(evaluate(j, exit, 0, &e));
    j->exit[j->exits++] = (rg_exit_score){e->loss, e->accuracy};
    rung_network_evaluation_destroy(j->ctx, e);
  }
  return RUNG_OK;
}

static rung_status judge(rg_judgement *j, const rung_recipe *recipe, const char *model_path,
                         int worst) {
  rung_dataset_options data = rung_dataset_options_default();
  const char *test = rung_recipe_get(recipe, "data.test");
  size_t memory = (size_t)rg_recipe_real(recipe, "training.memory");
  j->test = test != NULL;
  if (!test && !(rg_recipe_real(recipe, "data.validation") > 0))
    return rg_fail(j->ctx, RUNG_E_DATA, "no samples were held out");
  RG_TRY(rung_network_load(j->ctx, model_path, &j->network));
  rg_recipe_dataset(recipe, j->test, &data);
  data.memory = memory / 2;
  if (test) data.form = rung_network_form(j->network);
  RG_TRY(rung_dataset_open(j->ctx, test ? test : rung_recipe_get(recipe, "data.train"), &data,
                           &j->set));
  if (!test) RG_TRY(open_held(j, recipe));
  RG_TRY(judge_exits(j));
  return evaluate(j, 0, worst, &j->evaluation);
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
