/* rung: fits tables and functions, trains networks. The commands are in files of their own; this
 * one chooses. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "rung/base.h"

#define MOST_COMMANDS 16

const cli_command *const cli_commands[MOST_COMMANDS] = {
    &cli_fit_command,    &cli_train_command,  &cli_predict_command,
    &cli_eval_command,   &cli_extend_command, &cli_inspect_command,
    &cli_export_command, &cli_report_command, NULL,
};

static const cli_command *find_command(const char *name) {
  for (const cli_command *const *c = cli_commands; *c; c++)
    if (strcmp((*c)->name, name) == 0) return *c;
  return NULL;
}

static int unknown_command(const char *name) {
  const char *list[MOST_COMMANDS];
  int count = 0;
  for (const cli_command *const *c = cli_commands; *c; c++) list[count++] = (*c)->name;
  list[count++] = "help";
  const char *near = cli_nearest(name, count, list);
  if (near) return cli_usage("unknown command '%s'; did you mean '%s'?", name, near);
  return cli_usage("unknown command '%s'", name);
}

static int help(int count, char **words) {
  if (count == 0) {
    cli_print_overview(stdout);
    return CLI_SUCCESS;
  }
  const cli_command *command = find_command(words[0]);
  if (!command) return unknown_command(words[0]);
  cli_print_help(stdout, command);
  return CLI_SUCCESS;
}

/* For the build: the man page of a command, or of rung itself. */
static int man(int count, char **words) {
  const cli_command *command = count ? find_command(words[0]) : NULL;
  if (count && !command) return unknown_command(words[0]);
  cli_print_man(stdout, command);
  return CLI_SUCCESS;
}

static int completion(int count, char **words) {
  if (count == 1 && strcmp(words[0], "bash") == 0)
    cli_print_bash(stdout);
  else if (count == 1 && strcmp(words[0], "zsh") == 0)
    cli_print_zsh(stdout);
  else
    return cli_usage("--completion: expected bash or zsh");
  return CLI_SUCCESS;
}

static int run_command(const cli_command *command, int count, char **words) {
  cli_args args;
  cli_set_speaker(command->name);
  int status = cli_parse(command, count, words, &args);
  if (status == CLI_SUCCESS && cli_given(&args, "help"))
    cli_print_help(stdout, command);
  else if (status == CLI_SUCCESS)
    status = command->run(&args);
  cli_args_free(&args);
  return status;
}

static int choose(int count, char **words) {
  if (count == 0) {
    cli_print_overview(stderr);
    return CLI_USAGE;
  }
  const char *word = words[0];
  if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
    return help(count - 1, words + 1);
  if (strcmp(word, "--man") == 0) return man(count - 1, words + 1);
  if (strcmp(word, "--completion") == 0) return completion(count - 1, words + 1);
  if (strcmp(word, "--version") == 0) {
    printf("rung %s\n", rung_version());
    return CLI_SUCCESS;
  }
  const cli_command *command = find_command(word);
  return command ? run_command(command, count - 1, words + 1) : unknown_command(word);
}

/* Threads that wait spin by default, and on a busy machine take the processor from those they wait
 * for: up to seven times the processor time (docs/performance.md). OpenMP reads the setting when it
 * is loaded, before main, so the program starts itself once more with it, unless the user chose. */
static void let_threads_sleep(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
  if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0) execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
  let_threads_sleep(argv); /* where it fails, the program goes on as it is */
  int status = choose(argc > 0 ? argc - 1 : 0, argv + 1);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    cli_say("the results could not be written: %s", strerror(errno));
    return CLI_FAILURE;
  }
  return status;
}
