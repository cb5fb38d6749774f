/* The option tables. From one table of a command come its parsing, its --help, its man page and
 * its completion in bash and zsh. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum { CLI_SUCCESS = 0, CLI_FAILURE = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

typedef enum cli_kind {
  CLI_FLAG,   /* takes no argument */
  CLI_TEXT,   /* any text */
  CLI_WHOLE,  /* a whole number, 0 or more */
  CLI_NUMBER, /* a decimal number, 0 or more */
  CLI_CHOICE, /* one of `choices` */
  CLI_FILE,   /* a file's name */
  CLI_FOLDER  /* a folder's name */
} cli_kind;

typedef struct cli_option {
  const char *name; /* the long name, without dashes */
  char letter;      /* the short name, or 0 */
  bool repeatable;  /* may be given more than once */
  cli_kind kind;
  const char *metavar;  /* the argument's name in help */
  const char *choices;  /* CLI_CHOICE: the words, separated by blanks */
  const char *help;     /* what it does, without full stop */
  const char *fallback; /* the default, for people; NULL: none worth telling */
  const char *key;      /* the key of the recipe that it sets, or NULL */
} cli_option;

typedef struct cli_example {
  const char *line, *meaning;
} cli_example;

typedef struct cli_args cli_args;

typedef struct cli_command {
  const char *name;
  const char *summary;         /* one line, without full stop */
  const char *const *usage;    /* forms of use without "rung NAME "; ends with NULL */
  const char *const *text;     /* paragraphs; ends with NULL */
  const cli_option *options;   /* ends with a NULL name */
  const cli_example *examples; /* ends with a NULL line */
  int least, most;             /* how many arguments beside options */
  int (*run)(const cli_args *args);
} cli_command;

/* All commands, in the order of help; ends with NULL. */
extern const cli_command *const cli_commands[];

/* Options that several commands share. */
#define CLI_OPTION_END                                                                             \
  {"help", 'h', false, CLI_FLAG, NULL, NULL, "show this help", NULL, NULL}, {                      \
    NULL, 0, false, CLI_FLAG, NULL, NULL, NULL, NULL, NULL                                         \
  }
#define CLI_OPTION_JSON                                                                            \
  { "json", 0, false, CLI_FLAG, NULL, NULL, "print one JSON object instead of text", NULL, NULL }
#define CLI_OPTION_THREADS                                                                         \
  {                                                                                                \
    "threads", 0, false, CLI_WHOLE, "N", NULL,                                                     \
        "threads to share the work; results do not depend on it", "one for each processor", NULL   \
  }
#define CLI_OPTION_FUNCTION                                                                        \
  {                                                                                                \
    "function", 0, false, CLI_TEXT, "TEXT", NULL,                                                  \
        "a function instead of a table: + - * / ^, parentheses, exp log sin cos tan tanh sqrt "    \
        "abs atan, pi, e and names of variables",                                                  \
        NULL, "function"                                                                           \
  }

/* What a command line says. */
struct cli_args {
  const cli_command *command;
  int count; /* arguments beside options */
  const char **argument;
  int given_count; /* options, in the order given */
  struct cli_given {
    const cli_option *option;
    const char *value; /* "" for a flag */
  } * given;
};

/* Reads the words behind the command's name. CLI_SUCCESS, or a message and CLI_USAGE (or
 * CLI_FAILURE where memory is short). Where --help is among the words, nothing else is checked. */
int cli_parse(const cli_command *command, int count, char **words, cli_args *out);
void cli_args_free(cli_args *args);

/* The last value of an option; NULL where it was not given. */
const char *cli_value(const cli_args *args, const char *name);
bool cli_given(const cli_args *args, const char *name);

/* "rung COMMAND: message" and a newline on stderr. The name is set once, by main. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_set_speaker(const char *command);
/* The same, then where to find help; gives CLI_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The word of a list nearest to `word` by edits; NULL where none is near. */
const char *cli_nearest(const char *word, int count, const char *const *list);

/* Writing, from the tables. */
void cli_print_overview(FILE *out);
void cli_print_help(FILE *out, const cli_command *command);
void cli_print_man(FILE *out, const cli_command *command); /* NULL: rung(1) */
void cli_print_bash(FILE *out);
void cli_print_zsh(FILE *out);

#endif
