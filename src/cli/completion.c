/* Completion for bash and zsh, written from the option tables. */
#include <string.h>

#include "options.h"

/* One case of the word before: what may follow an option that takes a value. */
static void bash_values(FILE *out, const cli_option *o) {
  if (o->kind == CLI_FLAG) return;
  fputs("    ", out);
  if (o->letter) fprintf(out, "-%c|", o->letter);
  fprintf(out, "--%s) ", o->name);
  if (o->kind == CLI_CHOICE)
    fprintf(out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\")); ", o->choices);
  else if (o->kind == CLI_FILE)
    fputs("COMPREPLY=($(compgen -f -- \"$cur\")); ", out);
  else if (o->kind == CLI_FOLDER)
    fputs("COMPREPLY=($(compgen -d -- \"$cur\")); ", out);
  fputs("return ;;\n", out);
}

static void bash_command(FILE *out, const cli_command *command) {
  fprintf(out, "  %s)\n    words='", command->name);
  for (const cli_option *o = command->options; o->name; o++) {
    if (o->letter) fprintf(out, "-%c ", o->letter);
    fprintf(out, "--%s ", o->name);
  }
  fputs("'\n    case $prev in\n", out);
  for (const cli_option *o = command->options; o->name; o++) bash_values(out, o);
  fputs("    esac ;;\n", out);
}

void cli_print_bash(FILE *out) {
  fputs("# bash completion for rung, made by: rung --completion bash\n"
        "_rung() {\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev= words=\n"
        "  COMPREPLY=()\n"
        "  if ((COMP_CWORD == 1)); then\n"
        "    COMPREPLY=($(compgen -W '",
        out);
  for (const cli_command *const *c = cli_commands; *c; c++) fprintf(out, "%s ", (*c)->name);
  fputs("help --help --version' -- \"$cur\"))\n    return\n  fi\n"
        "  prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "  case ${COMP_WORDS[1]} in\n"
        "  help)\n    COMPREPLY=($(compgen -W '",
        out);
  for (const cli_command *const *c = cli_commands; *c; c++) fprintf(out, "%s ", (*c)->name);
  fputs("' -- \"$cur\"))\n    return ;;\n", out);
  for (const cli_command *const *c = cli_commands; *c; c++) bash_command(out, *c);
  fputs("  esac\n"
        "  if [[ $cur == -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "  else\n"
        "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
        "  fi\n"
        "}\n"
        "complete -o filenames -F _rung rung\n",
        out);
}

/* Text inside single quotes and [ ] of an _arguments specification. */
static void zsh_text(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '\'')
      fputs("'\\''", out);
    else if (strchr("[]:\\", *text))
      fprintf(out, "\\%c", *text);
    else
      fputc(*text, out);
  }
}

static void zsh_option(FILE *out, const cli_option *o) {
  fputs("    ", out);
  if (o->repeatable)
    fputs("'*'", out);
  else if (o->letter)
    fprintf(out, "'(-%c --%s)'", o->letter, o->name);
  if (o->letter)
    fprintf(out, "{-%c,--%s}'[", o->letter, o->name);
  else
    fprintf(out, "'--%s[", o->name);
  zsh_text(out, o->help);
  fputc(']', out);
  if (o->kind != CLI_FLAG) {
    fputc(':', out);
    zsh_text(out, o->metavar);
    fputc(':', out);
  }
  if (o->kind == CLI_CHOICE) fprintf(out, "(%s)", o->choices);
  if (o->kind == CLI_FILE) fputs("_files", out);
  if (o->kind == CLI_FOLDER) fputs("_files -/", out);
  fputs("' \\\n", out);
}

void cli_print_zsh(FILE *out) {
  fputs("#compdef rung\n# zsh completion for rung, made by: rung --completion zsh\n", out);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    fprintf(out, "_rung_%s() {\n  _arguments -S \\\n", (*c)->name);
    for (const cli_option *o = (*c)->options; o->name; o++) zsh_option(out, o);
    fputs("    '*:file:_files'\n}\n", out);
  }
  fputs("_rung() {\n  local -a commands=(\n", out);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    fprintf(out, "    '%s:", (*c)->name);
    zsh_text(out, (*c)->summary);
    fputs("'\n", out);
  }
  fputs("    'help:show help'\n  )\n"
        "  if ((CURRENT == 2)); then\n"
        "    _describe command commands\n"
        "    return\n"
        "  fi\n"
        "  local command=$words[2]\n"
        "  shift words\n"
        "  ((CURRENT--))\n"
        "  if (($+functions[_rung_$command])); then\n"
        "    _rung_$command\n"
        "  elif [[ $command == help ]]; then\n"
        "    _describe command commands\n"
        "  fi\n"
        "}\n"
        "if [[ $funcstack[1] == _rung ]]; then\n"
        "  _rung \"$@\"\n"
        "else\n"
        "  compdef _rung rung\n"
        "fi\n",
        out);
}
