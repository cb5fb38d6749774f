/* Runs in processes that are killed at random moments and go on: the bytes of an undisturbed run.
 * The process to kill is this program, called with a folder and a recipe's number. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "runs.h"

static const char *const recipes[2][11] = {{"function", "sin(3*x+2*y)*exp(-x^2)", "domain",
                                            "x=-1:1,y=-1:1", "points", "200", "stages", "4", NULL},
                                           {"function", "sin(2*x+1)+0.2*exp(1.3*x)", "domain",
                                            "x=-1:1", "points", "300", "precision", "quad",
                                            "stages", "4", NULL}};

static char program[4096]; /* this file */

static void work(rung_context *ctx, int which, const char *folder) {
  rung_recipe *recipe = recipe_of(ctx, recipes[which]);
  bool begun = is_there(path_in(folder, RUNG_RUN_RECIPE));
  rung_status status = begun ? rung_run_resume(ctx, folder, NULL, NULL, NULL, NULL)
                             : rung_run(ctx, recipe, folder, NULL, NULL, NULL, NULL);
  if (status != RUNG_OK) fail_msg("%s", rung_error(ctx));
  rung_recipe_destroy(recipe);
}

static int child(const char *folder, const char *which) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  work(ctx, atoi(which), folder);
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

/* Seconds that an undisturbed process takes. */
static double measure(const char *folder, int which) {
  remove_folder(folder);
  double begun = rg_seconds();
  int status = wait_for(start(folder, which));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return rg_seconds() - begun;
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

/* Odd trials are killed a second time while they go on. */
static void kill_often(rung_context *ctx, int which, int trials) {
  double seconds = measure("calm", which);
  int killed = 0;
  for (int i = 0; i < trials; i++) {
    remove_folder("killed");
    for (int k = 0; k <= i % 2; k++) {
      double share = rg_uniform(77, (uint64_t)which, (uint64_t)(2 * i + k));
      killed += kill_after(share * seconds, "killed", which);
    }
    work(ctx, which, "killed");
    assert_same_file(path_in("killed", RUNG_RUN_MODEL), path_in("calm", RUNG_RUN_MODEL));
    assert_same_log(path_in("killed", RUNG_RUN_LOG), path_in("calm", RUNG_RUN_LOG));
    assert_true(is_there(path_in("killed", RUNG_RUN_REPORT)));
  }
  assert_true(killed > trials / 2);
}

static void test_double(void **state) {
  kill_often(*state, 0, 10);
}

static void test_quad(void **state) {
  kill_often(*state, 1, 10);
}

static int tests(void) {
  const struct CMUnitTest list[] = {TEST(test_double), TEST(test_quad)};
  return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int count, char **argument) {
  if (count == 3) return child(argument[1], argument[2]);
  if (!realpath(argument[0], program)) return 1;
  return in_scratch_folder(tests);
}
