/* Trainings in processes that are killed at random moments and go on: the bytes of an undisturbed
 * run. The process to kill is this program, called with a folder. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "jobs.h"
#include "train/job.h"

static const char *const whole_pairs[] = {
    SPIRALS, "model.width", "128,128",     "training.epochs",   "30",     "training.average",
    "0.99",  "data.test",   "spirals.csv", "training.schedule", "cosine", "run.threads",
    "1",     NULL};

#define MODULES                                                                                    \
  "data.train", "spirals.csv", "model.architecture", "dense", "model.width", "32", "model.layers", \
      "8", "training.batch", "16", "training.epochs", "20", "training.average", "0.99",            \
      "training.scheme", "modulewise", "training.pipeline", "2", "run.threads", "2"
static const char *const modules_pairs[] = {MODULES, NULL};

/* By the last letter of the folder's name. */
static const char *const *pairs_of(const char *folder) {
  return folder[strlen(folder) - 1] == '2' ? modules_pairs : whole_pairs;
}

static char program[4096]; /* this file */

static void work(rung_context *ctx, const char *folder) {
  rung_recipe *recipe = training_of(ctx, pairs_of(folder));
  bool begun = is_there(path_in(folder, RUNG_RUN_RECIPE));
  rung_status status = begun ? rung_train_resume(ctx, folder, NULL, NULL, NULL, NULL)
                             : rung_train(ctx, recipe, folder, NULL, NULL, NULL, NULL);
  if (status != RUNG_OK) fail_msg("%s", rung_error(ctx));
  rung_recipe_destroy(recipe);
}

static int child(const char *folder) {
  rung_context *ctx;
  rg_job_save_seconds = 0; /* as if every epoch were long */
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  work(ctx, folder);
  rung_context_destroy(ctx);
  return 0;
}

static pid_t start(const char *folder) {
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, folder, (char *)NULL);
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
static bool kill_after(double seconds, const char *folder) {
  pid_t pid = start(folder);
  struct timespec pause = {.tv_sec = (time_t)seconds,
                           .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&pause, NULL);
  kill(pid, SIGKILL);
  return WIFSIGNALED(wait_for(pid));
}

/* Odd trials are killed a second time while they go on. */
static void kill_and_go_on(rung_context *ctx, const char *calm, const char *cut, int trials) {
  int killed = 0;
  double begun = rg_seconds();
  int status = wait_for(start(calm));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  double seconds = rg_seconds() - begun;
  for (int i = 0; i < trials; i++) {
    remove_folder(cut);
    for (int k = 0; k <= i % 2; k++)
      killed += kill_after(0.6 * rg_uniform(78, 1, (uint64_t)(2 * i + k)) * seconds, cut);
    work(ctx, cut);
    assert_same_training(cut, calm);
    assert_true(is_there(path_in(cut, RUNG_RUN_REPORT)));
  }
  assert_true(killed >= 2); /* as a rule all of them: other work on the machine shifts times */
}

static void killed_runs_go_on_to_the_same_bytes(void **state) {
  kill_and_go_on(*state, "calm1", "killed1", 8);
}

static void killed_pipelines_go_on_to_the_same_bytes(void **state) {
  kill_and_go_on(*state, "calm2", "killed2", 4);
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(killed_runs_go_on_to_the_same_bytes),
                                    TEST(killed_pipelines_go_on_to_the_same_bytes)};
  write_spirals("spirals.csv", 400, 0);
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int count, char **argument) {
  if (count == 2) return child(argument[1]);
  if (!realpath(argument[0], program)) return 1;
  return in_scratch_folder(tests);
}
