/**
 * @file run.h
 * Runs: a recipe (what to fit, how) carried out in a folder that holds recipe, log, model, state
 * and report, and that can be resumed after any interruption to the same bytes.
 */
#ifndef RUNG_RUN_H
#define RUNG_RUN_H

#include "rung/fit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RUNG_RUN_RECIPE "recipe.yaml" /**< In a run's folder: what was asked for. */
#define RUNG_RUN_LOG "log.jsonl"      /**< In a run's folder: events, one JSON object a line. */
#define RUNG_RUN_MODEL "model.safetensors" /**< In a run's folder: the best model so far. */
#define RUNG_RUN_REPORT "report.html"      /**< In a run's folder: made by rung_run_report(). */

/** What `rung fit` is asked to do. Strings belong to the recipe; change them with
 * rung_recipe_set(). */
typedef struct rung_recipe rung_recipe;

/** A recipe with all defaults. */
RUNG_API rung_status rung_recipe_create(rung_context *ctx, rung_recipe **out);
/** Releases a recipe. NULL is allowed. */
RUNG_API void rung_recipe_destroy(rung_recipe *recipe);
/** Sets a key from text: table, target, inputs, function, domain, precision, method, minimiser,
 * stages, target-error, time, memory ("200MB"), seed, heldout, points, model (the model to extend,
 * or none), replace. @return RUNG_E_ARGUMENT: unknown key (with the nearest right one) or value */
RUNG_API rung_status rung_recipe_set(rung_recipe *recipe, rung_context *ctx, const char *key,
                                     const char *value);
/** A key's value as text, or NULL where it is not set or not known. */
RUNG_API const char *rung_recipe_get(const rung_recipe *recipe, const char *key);
/** Reads strict YAML: unknown keys and wrong types are errors with their line. */
RUNG_API rung_status rung_recipe_load(rung_context *ctx, const char *path, rung_recipe **out);
/** The same from memory. */
RUNG_API rung_status rung_recipe_load_memory(rung_context *ctx, const char *name, const char *text,
                                             size_t length, rung_recipe **out);
/** All keys as YAML; the caller releases *out with rung_free(). */
RUNG_API rung_status rung_recipe_text(const rung_recipe *recipe, rung_context *ctx, char **out);

/** The data of a recipe: opened table or function, and options. */
typedef struct rung_source rung_source;
/** Opens what a recipe names: reads the table in its precision or parses the function. */
RUNG_API rung_status rung_source_open(rung_context *ctx, const rung_recipe *recipe,
                                      rung_source **out);
/** Releases a source. NULL is allowed. */
RUNG_API void rung_source_close(rung_source *source);
/** The problem it stands for; valid until the source is closed. */
RUNG_API const rung_problem *rung_source_problem(const rung_source *source);

/**
 * Carries out a recipe. @param folder the run's folder, made if missing; must not hold a run
 * already; NULL: nothing is written. @param progress as in rung_fit_options
 */
RUNG_API rung_status rung_run(rung_context *ctx, const rung_recipe *recipe, const char *folder,
                              rung_progress_fn progress, void *user, rung_model **out,
                              rung_fit_result *result);
/** Goes on with an interrupted run, to the same final bytes; a finished run is left as it is. */
RUNG_API rung_status rung_run_resume(rung_context *ctx, const char *folder,
                                     rung_progress_fn progress, void *user, rung_model **out,
                                     rung_fit_result *result);
/** Writes FOLDER/report.html from what the folder holds: one self-contained file. */
RUNG_API rung_status rung_run_report(rung_context *ctx, const char *folder);

#ifdef __cplusplus
}
#endif
#endif
