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
#define RUNG_RUN_STATE "state.safetensors" /**< In a run's folder: what is needed to go on. */
#define RUNG_RUN_LAST                                                                              \
  "last.safetensors" /**< In a training's folder: the network of the last epoch. */
#define RUNG_RUN_BOARD                                                                             \
  "events.out.tfevents.rung"          /**< In a training's folder: its curves, for TensorBoard. */
#define RUNG_RUN_REPORT "report.html" /**< In a run's folder: made by rung_run_report(). */

/** What a recipe is for: each kind has keys of its own. */
typedef enum rung_recipe_kind {
  RUNG_RECIPE_FIT = 0,  /**< `rung fit`: rung_run(). */
  RUNG_RECIPE_TRAIN = 1 /**< `rung train`: rung_train() (train.h). */
} rung_recipe_kind;

/** What a run is asked to do. Strings belong to the recipe; change them with
 * rung_recipe_set(). All keys, with their units, ranges and defaults, stand in docs/recipe.md and
 * in rung_recipe_text(). */
typedef struct rung_recipe rung_recipe;

/** A recipe with all defaults; release it with rung_recipe_destroy(). */
RUNG_API rung_status rung_recipe_create(rung_context *ctx, rung_recipe_kind kind,
                                        rung_recipe **out);
/** Releases a recipe. NULL is allowed. */
RUNG_API void rung_recipe_destroy(rung_recipe *recipe);
/** Its kind. */
RUNG_API rung_recipe_kind rung_recipe_get_kind(const rung_recipe *recipe);
/** Sets a key from text, such as "memory" to "200MB". Keys in a mapping have dots:
 * "training.optimiser.rate"; a mapping that has a key `name` stands for it: "training.optimiser".
 * Paths are taken from the working directory. @param ctx whose error is set @param value NULL: the
 * default again @return RUNG_E_ARGUMENT: unknown key (with the nearest right one) or value */
RUNG_API rung_status rung_recipe_set(rung_recipe *recipe, rung_context *ctx, const char *key,
                                     const char *value);
/** A key's value as text, or NULL where it is not set or not known; valid until the key is set
 * again. */
RUNG_API const char *rung_recipe_get(const rung_recipe *recipe, const char *key);
/** A number's value, in seconds or bytes where the key takes units; 0 where it is not set or a
 * word. */
RUNG_API double rung_recipe_number(const rung_recipe *recipe, const char *key);
/** Reads strict YAML; release the result with rung_recipe_destroy(). @return RUNG_E_IO;
 * RUNG_E_FORMAT or RUNG_E_ARGUMENT with the line for unknown keys and wrong values */
RUNG_API rung_status rung_recipe_load(rung_context *ctx, rung_recipe_kind kind, const char *path,
                                      rung_recipe **out);
/** The same from memory; `name` stands for the file in messages. */
RUNG_API rung_status rung_recipe_load_memory(rung_context *ctx, rung_recipe_kind kind,
                                             const char *name, const char *text, size_t length,
                                             rung_recipe **out);
/** All keys as YAML, with a comment each; release *out with rung_free(). */
RUNG_API rung_status rung_recipe_text(const rung_recipe *recipe, rung_context *ctx, char **out);

/** The data of a recipe: opened table or function. It belongs to its context and is used by that
 * thread alone. */
typedef struct rung_source rung_source;
/** Opens what a recipe names: reads the table in its precision or parses the function; release the
 * result with rung_source_close(). @return RUNG_E_ARGUMENT for keys that do not go together; what
 * rung_table_read() and rung_expression_parse() return */
RUNG_API rung_status rung_source_open(rung_context *ctx, const rung_recipe *recipe,
                                      rung_source **out);
/** Releases a source. NULL is allowed. */
RUNG_API void rung_source_close(rung_source *source);
/** The problem it stands for, with the names of its columns; valid until the source is closed. */
RUNG_API const rung_problem *rung_source_problem(const rung_source *source);

/**
 * Carries out a recipe. Every kept stage is saved when it is kept. A run that was cancelled can be
 * resumed; one that fails before a stage was kept leaves no files behind.
 * @param ctx whose memory, threads and instructions are used
 * @param recipe what to do; a copy of it is written into the folder
 * @param folder the run's folder, made if missing; must not hold a run already; NULL: nothing is
 * written
 * @param progress as in rung_fit_options; NULL for none
 * @param user passed to `progress`
 * @param out the model; belongs to `ctx`; NULL where it is not wanted
 * @param result what the fit came to; may be NULL
 * @return RUNG_E_ARGUMENT where the folder holds a run already; RUNG_E_IO where it cannot be
 * written; what rung_source_open(), rung_model_load(), rung_fit() and rung_extend() return
 */
RUNG_API rung_status rung_run(rung_context *ctx, const rung_recipe *recipe, const char *folder,
                              rung_progress_fn progress, void *user, rung_model **out,
                              rung_fit_result *result);
/** Goes on with a run that was cancelled or killed, to the bytes of the model that it would have
 * come to undisturbed; of a finished run, model and result are read again. Paths of the recipe are
 * taken from the working directory, as when the run began. @return RUNG_E_IO where another process
 * is at work on the run; RUNG_E_DATA where recipe, data or the model to extend changed; else as
 * rung_run()
 */
RUNG_API rung_status rung_run_resume(rung_context *ctx, const char *folder,
                                     rung_progress_fn progress, void *user, rung_model **out,
                                     rung_fit_result *result);
/** Writes FOLDER/report.html from what the folder holds: one self-contained file. rung_run() does
 * so at its end. @return RUNG_E_IO, RUNG_E_FORMAT for a log that cannot be read, RUNG_E_MEMORY */
RUNG_API rung_status rung_run_report(rung_context *ctx, const char *folder);

#ifdef __cplusplus
}
#endif
#endif
