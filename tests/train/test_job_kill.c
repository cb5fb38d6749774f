/* Trainings in processes that are killed at random moments and go on: the bytes of an undisturbed
 * run. The process to kill is this program, called with a folder and a recipe's number. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "jobs.h"
#include "train/job.h"

/* Three modules in turn: losses, weights and multipliers of those that are done, of the one whose
 * turn it is, and of those to come are kept. */
#define MODULES(procedure)                                                                         \
  SPIRALS, "model.architecture", "dense", "model.width", "32", "model.layers", "9", "model.time",  \
      "3", "training.epochs", "18", "training.average", "0.9", "training.scheme", "modulewise",    \
      "training.modules", "3", "training.laps", "2", "training.procedure", procedure
#define MULTIPLIER                                                                                 \
  "training.multiplier.start", "0.5", "training.multiplier.rate", "0.1",                           \
      "training.multiplier.every", "7"

static const char *const *const recipes[] = {
    RECIPE(SPIRALS, "model.width", "128,128", "training.epochs", "30", "training.average", "0.99",
           "data.test", "spirals.csv", "training.schedule", "cosine"),
    RECIPE(MODULES("parallel"), "training.tau", "auto"),
    RECIPE(MODULES("sequential"), "training.tau", "auto"),
    RECIPE(MODULES("multilap"), "training.tau", "auto"),
    RECIPE(MODULES("parallel"), MULTIPLIER, "training.pipeline", "2", "run.threads", "2"),
    RECIPE(MODULES("sequential"), MULTIPLIER),
    RECIPE(MODULES("multilap"), MULTIPLIER),
};
enum { WHOLE = 0, FIRST_MODULAR = 1, RECIPES = sizeof recipes / sizeof *recipes };

static char program[4096]; /* this file */

static void work(rung_context *ctx, const char *folder, int which) {
  rung_recipe *recipe = training_of(ctx, recipes[which]);
  bool begun = is_there(path_in(folder, RUNG_RUN_RECIPE));
  rung_status status = begun ? rung_train_resume(ctx, folder, NULL, NULL, NULL, NULL)
                             : rung_train(ctx, recipe, folder, NULL, NULL, NULL, NULL);
  if (status != RUNG_OK) fail_msg("%s", rung_error(ctx));
  rung_recipe_destroy(recipe);
}

static int child(const char *folder, const char *which) {
  rung_context *ctx;
  rg_job_save_seconds = 0; /* as if every epoch were long */
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  work(ctx, folder, atoi(which));
  rung_context_destroy(ctx);
  return 0;
}

static pid_t start(const char *folder, int which) {
  char number[2] = {(char)('0' + which), 0};
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, folder, number, (char *)NULL);
    _exit(127);
  }
  assert_true(pid > 0);
  return pid;
}

static int wait_for(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

/* True where the process was killed, false where it was done before. */
static bool kill_after(double seconds, const char *folder, int which) {
  pid_t pid = start(folder, which);
  struct timespec pause = {.tv_sec = (time_t)seconds,
                           .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&pause, NULL);
  kill(pid, SIGKILL);
  return WIFSIGNALED(wait_for(pid));
}

/* Seconds that an undisturbed process takes. */
static double measure(int which) {
  remove_folder("calm");
  double begun = rg_seconds();
  int status = wait_for(start("calm", which));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return rg_seconds() - begun;
}

/* Trial i is killed at a random moment of the i-th part of a run, odd ones a second time while they
 * go on. As a rule all of them are: other work on the machine shifts times. */
static int kill_often(rung_context *ctx, int which, int trials) {
  double seconds = measure(which);
  int killed = 0;
  for (int i = 0; i < trials; i++) {
    remove_folder("killed");
    for (int k = 0; k <= i % 2; k++) {
      double share = (i + rg_uniform(78, (uint64_t)which, (uint64_t)(2 * i + k))) / trials;
      killed += kill_after(0.8 * share * seconds, "killed", which);
    }
    work(ctx, "killed", which);
    assert_same_training("killed", "calm");
    assert_true(is_there(path_in("killed", RUNG_RUN_REPORT)));
  }
  return killed;
}

static void killed_runs_go_on_to_the_same_bytes(void **state) {
  assert_true(kill_often(*state, WHOLE, 8) >= 2);
}

static void runs_killed_in_any_module_go_on_to_the_same_bytes(void **state) {
  int killed = 0;
  for (int which = FIRST_MODULAR; which < RECIPES; which++) killed += kill_often(*state, which, 2);
  assert_true(killed >= 4);
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(killed_runs_go_on_to_the_same_bytes),
                                    TEST(runs_killed_in_any_module_go_on_to_the_same_bytes)};
  write_spirals("spirals.csv", 400, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int count, char **argument) {
  if (count == 3) return child(argument[1], argument[2]);
  if (!realpath(argument[0], program)) return 1;
  return in_scratch_folder(tests);
}
