/* The option tables. From one table of a command come its parsing, its --help, its man page and
 * its completion in bash and zsh. */
#ifndef RG_OPTIONS_H
#define RG_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum { RG_SUCCESS = 0, RG_FAILURE = 1, RG_USAGE = 2, RG_INTERRUPTED = 130 };

typedef enum rg_kind {
  RG_FLAG,   /* takes no argument */
  RG_TEXT,   /* any text */
  RG_WHOLE,  /* a whole number, 0 or more */
  RG_NUMBER, /* a decimal number, 0 or more */
  RG_CHOICE, /* one of `choices` */
  RG_FILE,   /* a file's name */
  RG_FOLDER  /* a folder's name */
} rg_kind;

typedef struct rg_option {
  const char *name; /* the long name, without dashes */
  char letter;      /* the short name, or 0 */
  rg_kind kind;
  const char *metavar; /* the argument's name in help */
  const char *choices; /* RG_CHOICE: the words, separated by blanks */
  bool repeatable;
  const char *help;     /* what it does, without full stop */
  const char *fallback; /* the default, for people; NULL: none worth telling */
  const char *key;      /* the key of the recipe that it sets, or NULL */
} rg_option;

typedef struct rg_example {
  const char *line, *meaning;
} rg_example;

typedef struct rg_args rg_args;

typedef struct rg_command {
  const char *name;
  const char *summary;        /* one line, without full stop */
  const char *const *usage;   /* forms of use without "rung NAME "; ends with NULL */
  const char *const *text;    /* paragraphs; ends with NULL */
  const rg_option *options;   /* ends with a NULL name */
  const rg_example *examples; /* ends with a NULL line */
  int least, most;            /* how many arguments beside options */
  int (*run)(const rg_args *args);
} rg_command;

/* All commands, in the order of help; ends with NULL. */
extern const rg_command *const rg_commands[];

/* Options that several commands share. */
#define RG_OPTION_END                                                                              \
  {"help", 'h', RG_FLAG, NULL, NULL, false, "show this help", NULL, NULL}, {                       \
    NULL, 0, RG_FLAG, NULL, NULL, false, NULL, NULL, NULL                                          \
  }
#define RG_OPTION_JSON                                                                             \
  { "json", 0, RG_FLAG, NULL, NULL, false, "print one JSON object instead of text", NULL, NULL }
#define RG_OPTION_THREADS                                                                          \
  {                                                                                                \
    "threads", 0, RG_WHOLE, "N", NULL, false,                                                      \
        "threads to share the work; results do not depend on it", "one for each processor", NULL   \
  }
#define RG_OPTION_FUNCTION                                                                         \
  {                                                                                                \
    "function", 0, RG_TEXT, "TEXT", NULL, false,                                                   \
        "a function instead of a table: + - * / ^, parentheses, exp log sin cos tan tanh sqrt "    \
        "abs atan, pi, e and names of variables",                                                  \
        NULL, "function"                                                                           \
  }

/* What a command line says. */
struct rg_args {
  const rg_command *command;
  int count; /* arguments beside options */
  const char **argument;
  int given_count; /* options, in the order given */
  struct rg_given {
    const rg_option *option;
    const char *value; /* "" for a flag */
  } * given;
};

/* Reads the words behind the command's name. RG_SUCCESS, or a message and RG_USAGE (or RG_FAILURE
 * where memory is short). Where --help is among the words, nothing else is checked. */
int rg_parse(const rg_command *command, int count, char **words, rg_args *out);
void rg_args_free(rg_args *args);

/* The last value of an option; NULL where it was not given. */
const char *rg_value(const rg_args *args, const char *name);
bool rg_given(const rg_args *args, const char *name);

/* "rung COMMAND: message" and a newline on stderr. The name is set once, by main. */
void rg_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rg_set_speaker(const char *command);
/* The same, then where to find help; gives RG_USAGE. */
int rg_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The word of a list nearest to `word` by edits; NULL where none is near. */
const char *rg_nearest(const char *word, int count, const char *const *list);

/* Writing, from the tables. */
void rg_print_overview(FILE *out);
void rg_print_help(FILE *out, const rg_command *command);
void rg_print_man(FILE *out, const rg_command *command); /* NULL: rung(1) */
void rg_print_bash(FILE *out);
void rg_print_zsh(FILE *out);

#endif
