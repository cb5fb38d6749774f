/* rung: fits tables and functions. The commands are in files of their own; this one chooses. */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "rung/base.h"

const rg_command *const rg_commands[] = {
    &rg_fit_command,     &rg_predict_command, &rg_eval_command,   &rg_extend_command,
    &rg_inspect_command, &rg_export_command,  &rg_report_command, NULL,
};

static const rg_command *find_command(const char *name) {
  for (const rg_command *const *c = rg_commands; *c; c++)
    if (strcmp((*c)->name, name) == 0) return *c;
  return NULL;
}

static int unknown_command(const char *name) {
  const char *list[sizeof rg_commands / sizeof *rg_commands];
  int count = 0;
  for (const rg_command *const *c = rg_commands; *c; c++) list[count++] = (*c)->name;
  list[count++] = "help";
  const char *near = rg_nearest(name, count, list);
  if (near) return rg_usage("unknown command '%s'; did you mean '%s'?", name, near);
  return rg_usage("unknown command '%s'", name);
}

static int help(int count, char **words) {
  if (count == 0) {
    rg_print_overview(stdout);
    return RG_SUCCESS;
  }
  const rg_command *command = find_command(words[0]);
  if (!command) return unknown_command(words[0]);
  rg_print_help(stdout, command);
  return RG_SUCCESS;
}

/* For the build: the man page of a command, or of rung itself. */
static int man(int count, char **words) {
  const rg_command *command = count ? find_command(words[0]) : NULL;
  if (count && !command) return unknown_command(words[0]);
  rg_print_man(stdout, command);
  return RG_SUCCESS;
}

static int completion(int count, char **words) {
  if (count == 1 && strcmp(words[0], "bash") == 0)
    rg_print_bash(stdout);
  else if (count == 1 && strcmp(words[0], "zsh") == 0)
    rg_print_zsh(stdout);
  else
    return rg_usage("--completion: expected bash or zsh");
  return RG_SUCCESS;
}

static int run_command(const rg_command *command, int count, char **words) {
  rg_args args;
  rg_set_speaker(command->name);
  int status = rg_parse(command, count, words, &args);
  if (status == RG_SUCCESS && rg_given(&args, "help"))
    rg_print_help(stdout, command);
  else if (status == RG_SUCCESS)
    status = command->run(&args);
  rg_args_free(&args);
  return status;
}

static int choose(int count, char **words) {
  if (count == 0) {
    rg_print_overview(stderr);
    return RG_USAGE;
  }
  const char *word = words[0];
  if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
    return help(count - 1, words + 1);
  if (strcmp(word, "--man") == 0) return man(count - 1, words + 1);
  if (strcmp(word, "--completion") == 0) return completion(count - 1, words + 1);
  if (strcmp(word, "--version") == 0) {
    printf("rung %s\n", rung_version());
    return RG_SUCCESS;
  }
  const rg_command *command = find_command(word);
  return command ? run_command(command, count - 1, words + 1) : unknown_command(word);
}

int main(int argc, char **argv) {
  int status = choose(argc > 0 ? argc - 1 : 0, argv + 1);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    rg_say("the results could not be written: %s", strerror(errno));
    return RG_FAILURE;
  }
  return status;
}
