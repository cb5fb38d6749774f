/* What the tests of killed processes have in common. The process to kill is the test itself, called
 * with a folder and a recipe's number: it runs the recipe there, or goes on where it stands. */
#ifndef RG_KILLS_H
#define RG_KILLS_H

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "runs.h"

/* Runs recipe `which` in the folder, or goes on with it. */
typedef void killed_work(rung_context *ctx, const char *folder, int which);

static char kill_program[4096]; /* this file */

static inline pid_t kill_start(const char *folder, int which) {
  char number[2] = {(char)('0' + which), 0};
  pid_t pid = fork();
  if (pid == 0) {
    execl(kill_program, kill_program, folder, number, (char *)NULL);
    _exit(127);
  }
  assert_true(pid > 0);
  return pid;
}

static inline int kill_wait(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

/* True where the process was killed, false where it was done before. */
static inline bool kill_after(double seconds, const char *folder, int which) {
  pid_t pid = kill_start(folder, which);
  struct timespec pause = {.tv_sec = (time_t)seconds,
                           .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&pause, NULL);
  kill(pid, SIGKILL);
  return WIFSIGNALED(kill_wait(pid));
}

/* Seconds that an undisturbed process takes, in folder `calm`. */
static inline double kill_measure(int which) {
  remove_folder("calm");
  double begun = rg_seconds();
  int status = kill_wait(kill_start("calm", which));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return rg_seconds() - begun;
}

/* Trial i is killed at a random moment of the i-th part of a run, odd ones a second time while they
 * go on; then it ends in folder `killed`, where `same` compares it with `calm`. A process that was
 * done before its moment is begun again with an earlier one: other work on the machine shifts
 * times, and no trial may pass unharmed. */
static inline void kill_often(rung_context *ctx, int which, int trials, killed_work *work,
                              void (*same)(const char *a, const char *b)) {
  double seconds = kill_measure(which);
  for (int i = 0; i < trials; i++) {
    double share = (i + rg_uniform(77, (uint64_t)which, (uint64_t)i)) / trials;
    remove_folder("killed");
    while (!kill_after(share * seconds, "killed", which)) {
      seconds *= 0.9;
      remove_folder("killed");
    }
    if (i % 2) kill_after(share * (1 - share) * seconds, "killed", which);
    work(ctx, "killed", which);
    same("killed", "calm");
    assert_true(is_there(path_in("killed", RUNG_RUN_REPORT)));
  }
}

/* main() of such a test. */
static inline int kill_main(int count, char **argument, killed_work *work, int (*tests)(void)) {
  if (count != 3) {
    if (!realpath(argument[0], kill_program)) return 1;
    return in_scratch_folder(tests);
  }
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) return 1;
  work(ctx, argument[1], atoi(argument[2]));
  rung_context_destroy(ctx);
  return 0;
}

#endif
