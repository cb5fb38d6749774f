/* Help texts and man pages, written from the option tables. */
#include <ctype.h>
#include <string.h>

#include "options.h"
#include "rung/base.h"

#define WIDTH 79
#define HELP_COLUMN 28

static const char *const exit_text[][2] = {
    {"0", "the work is done"},
    {"1", "the work failed; the message says why"},
    {"2", "the command line is wrong"},
    {"130", "training was interrupted (Ctrl-C); what it came to so far is kept"},
};

/* Writes words from column `column`, wrapped, later lines indented by `indent`. */
static void wrap(FILE *out, const char *text, int column, int indent) {
  bool first = true;
  while (*text) {
    int length = (int)strcspn(text, " ");
    if (!first && column + 1 + length > WIDTH) {
      fprintf(out, "\n%*s", indent, "");
      column = indent;
      first = true;
    }
    fprintf(out, "%s%.*s", first ? "" : " ", length, text);
    column += length + !first;
    first = false;
    text += length;
    while (*text == ' ') text++;
  }
  fputc('\n', out);
}

/* "-o, --output FILE" */
static int option_name(char *out, size_t size, const cli_option *o) {
  char letter[8] = "";
  if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
  return snprintf(out, size, "%s--%s%s%s", letter, o->name, o->metavar ? " " : "",
                  o->metavar ? o->metavar : "");
}

/* "text (one of a, b; default: a); may be given again" */
static void option_text(char *out, size_t size, const cli_option *o) {
  char choices[128] = "";
  size_t used = 0;
  for (const char *c = o->choices ? o->choices : ""; *c && used + 3 < sizeof choices; c++) {
    if (*c == ' ') choices[used++] = ',';
    choices[used++] = *c;
    choices[used] = 0;
  }
  bool both = o->choices && o->fallback, any = o->choices || o->fallback;
  snprintf(out, size, "%s%s%s%s%s%s%s%s%s", o->help, any ? " (" : "", o->choices ? "one of " : "",
           choices, both ? "; " : "", o->fallback ? "default: " : "",
           o->fallback ? o->fallback : "", any ? ")" : "",
           o->repeatable ? "; may be given again" : "");
}

static void print_option(FILE *out, const cli_option *o) {
  char name[80], text[600];
  int column = 2 + option_name(name, sizeof name, o);
  option_text(text, sizeof text, o);
  fprintf(out, "  %s", name);
  if (column + 2 > HELP_COLUMN) {
    fputc('\n', out);
    column = 0;
  }
  fprintf(out, "%*s", HELP_COLUMN - column, "");
  wrap(out, text, HELP_COLUMN, HELP_COLUMN);
}

void cli_print_help(FILE *out, const cli_command *command) {
  fprintf(out, "rung %s: ", command->name);
  wrap(out, command->summary, 7 + (int)strlen(command->name), 4);
  fputs("\nUsage:\n", out);
  for (const char *const *u = command->usage; *u; u++) {
    fprintf(out, "  rung %s ", command->name);
    wrap(out, *u, 8 + (int)strlen(command->name), 8 + (int)strlen(command->name));
  }
  for (const char *const *t = command->text; *t; t++) {
    fputc('\n', out);
    wrap(out, *t, 0, 0);
  }
  fputs("\nOptions:\n", out);
  for (const cli_option *o = command->options; o->name; o++) print_option(out, o);
  fputs(command->examples[1].line ? "\nExamples:\n" : "\nExample:\n", out);
  for (const cli_example *e = command->examples; e->line; e++) {
    fprintf(out, "  %s\n      ", e->line);
    wrap(out, e->meaning, 6, 6);
  }
}

void cli_print_overview(FILE *out) {
  fputs("Rung fits tables and functions with sums of small networks, each fitted to what the\n"
        "others left, down to rounding error; and it trains deep networks on images and\n"
        "tables as a recipe says, within a memory limit.\n\nUsage:\n  rung COMMAND "
        "...\n\nCommands:\n",
        out);
  for (const cli_command *const *c = cli_commands; *c; c++)
    fprintf(out, "  %-10s%s\n", (*c)->name, (*c)->summary);
  fputs("  help      show this text, or with the name of a command its help\n\n"
        "rung COMMAND --help tells everything about a command. rung --version tells the version.\n",
        out);
}

/* Text for roff: dashes stay dashes, and nothing is taken for a request. */
static void roff(FILE *out, const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", out);
  for (; *text; text++) {
    if (*text == '-')
      fputs("\\-", out);
    else if (*text == '\\')
      fputs("\\e", out);
    else if (*text == '\'')
      fputs("\\(aq", out);
    else if (*text == '^')
      fputs("\\(ha", out);
    else if (*text == '~')
      fputs("\\(ti", out);
    else
      fputc(*text, out);
  }
}

static void man_head(FILE *out, const char *name, const char *summary) {
  fputs(".TH ", out);
  for (const char *c = name; *c; c++) fputc(toupper((unsigned char)*c), out);
  fprintf(out, " 1 \"\" \"Rung %s\" \"Rung\"\n.nh\n.ad l\n.SH NAME\n", rung_version());
  roff(out, name);
  fputs(" \\- ", out);
  roff(out, summary);
  fputc('\n', out);
}

static void man_exit(FILE *out) {
  fputs(".SH EXIT STATUS\n", out);
  for (size_t i = 0; i < sizeof exit_text / sizeof *exit_text; i++) {
    fprintf(out, ".TP\n%s\n", exit_text[i][0]);
    roff(out, exit_text[i][1]);
    fputc('\n', out);
  }
}

static void man_overview(FILE *out) {
  man_head(out, "rung", "fit tables and functions to rounding error, train deep networks");
  fputs(".SH SYNOPSIS\n.B rung\n.I COMMAND\n\\&...\n.SH DESCRIPTION\n", out);
  roff(out,
       "Fits tables and functions with sums of small networks, each fitted to what the others "
       "left, down to rounding error; and trains deep networks on images and tables as a recipe "
       "says, within a memory limit. Results go to standard output, messages to standard "
       "error.");
  fputs("\n.SH COMMANDS\n", out);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    fprintf(out, ".TP\n.BR rung\\-%s (1)\n", (*c)->name);
    roff(out, (*c)->summary);
    fputc('\n', out);
  }
  man_exit(out);
}

static void man_option(FILE *out, const cli_option *o) {
  char text[600];
  option_text(text, sizeof text, o);
  fputs(".TP\n", out);
  if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
  fputs("\\fB\\-\\-", out);
  roff(out, o->name);
  fputs("\\fR", out);
  if (o->metavar) {
    fputs(" \\fI", out);
    roff(out, o->metavar);
    fputs("\\fR", out);
  }
  fputc('\n', out);
  roff(out, text);
  fputc('\n', out);
}

void cli_print_man(FILE *out, const cli_command *command) {
  if (!command) {
    man_overview(out);
    return;
  }
  char name[40];
  snprintf(name, sizeof name, "rung-%s", command->name);
  man_head(out, name, command->summary);
  fputs(".SH SYNOPSIS\n.nf\n", out);
  for (const char *const *u = command->usage; *u; u++) {
    fprintf(out, "\\fBrung %s\\fR ", command->name);
    roff(out, *u);
    fputc('\n', out);
  }
  fputs(".fi\n.SH DESCRIPTION\n", out);
  for (const char *const *t = command->text; *t; t++) {
    if (t != command->text) fputs(".PP\n", out);
    roff(out, *t);
    fputc('\n', out);
  }
  fputs(".SH OPTIONS\n", out);
  for (const cli_option *o = command->options; o->name; o++) man_option(out, o);
  fputs(".SH EXAMPLES\n", out);
  for (const cli_example *e = command->examples; e->line; e++) {
    fputs(".TP\n.B ", out);
    roff(out, e->line);
    fputc('\n', out);
    roff(out, e->meaning);
    fputc('\n', out);
  }
  man_exit(out);
  fputs(".SH SEE ALSO\n.BR rung (1)\n", out);
}
